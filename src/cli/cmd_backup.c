#include "cli/alarms.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_FORMAT,
    OPTION_PARQUET_CODEC,
    OPTION_JSON_CODEC,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_TABLE,
    OPTION_SKIP_TABLE,
    OPTION_NAME,
    OPTION_SNAPSHOT,
    OPTION_MAX_LOCK,
    OPTION_TMP,
    OPTION_JOBS,
    OPTION_MEMORY,
    OPTION_IF_OLDER_THAN,
    OPTION_INIT,
    OPTION_NO_VERIFY,
    OPTION_DRY_RUN,
    OPTION_TAG,
    OPTION_REBUILD,
    OPTION_LOG,
    OPTIONS
};

/* In the order of the bits of enum litekeep_format, and of enum litekeep_snapshot. */
static const char *const formats[] = {"parquet", "json", "sqlite", NULL};
static const char *const snapshots[] = {"auto", "read", "copy", NULL};
static const char *const parquet_codecs[] = {"zstd", "gzip", "snappy", "lz4", "none", NULL};
static const char *const json_codecs[] = {"gzip", "zstd", "none", NULL};
_Static_assert(LITEKEEP_PARQUET == 1 && LITEKEEP_JSON == 2 && LITEKEEP_SQLITE == 4,
               "bits in the order of the words");
_Static_assert(LITEKEEP_SNAPSHOT_READ == LITEKEEP_SNAPSHOT_AUTO + 1 &&
                   LITEKEEP_SNAPSHOT_COPY == LITEKEEP_SNAPSHOT_AUTO + 2,
               "numbers in the order of the words");

static const struct lk_option options[OPTIONS] = {
    [OPTION_FORMAT] = {.name = "format",
                       .kind = LK_OPTION_SET,
                       .argument = "LIST",
                       .fallback = "parquet,json",
                       .help = "what to write, with commas",
                       .words = formats},
    [OPTION_PARQUET_CODEC] = {.name = "parquet-codec",
                              .kind = LK_OPTION_CODEC,
                              .argument = "CODEC",
                              .fallback = "zstd:1",
                              .help = "compression of Parquet",
                              .words = parquet_codecs},
    [OPTION_JSON_CODEC] = {.name = "json-codec",
                           .kind = LK_OPTION_CODEC,
                           .argument = "CODEC",
                           .fallback = "gzip:1",
                           .help = "compression of JSON",
                           .words = json_codecs},
    [OPTION_INCLUDE] = {.name = "include",
                        .kind = LK_OPTION_LIST,
                        .argument = "GLOB",
                        .fallback = "all",
                        .help = "only databases whose path matches"},
    [OPTION_EXCLUDE] = {.name = "exclude",
                        .kind = LK_OPTION_LIST,
                        .argument = "GLOB",
                        .fallback = "none",
                        .help = "leave out databases whose path matches"},
    [OPTION_TABLE] = {.name = "table",
                      .kind = LK_OPTION_LIST,
                      .argument = "GLOB",
                      .fallback = "all",
                      .help = "only tables whose name matches"},
    [OPTION_SKIP_TABLE] = {.name = "skip-table",
                           .kind = LK_OPTION_LIST,
                           .argument = "GLOB",
                           .fallback = "none",
                           .help = "leave out tables whose name matches"},
    [OPTION_NAME] = {.name = "name",
                     .kind = LK_OPTION_TEXT,
                     .argument = "NAME",
                     .fallback = "the file's name without its suffix",
                     .help = "the folder in the store, for a single database"},
    [OPTION_SNAPSHOT] = {.name = "snapshot",
                         .kind = LK_OPTION_CHOICE,
                         .argument = "HOW",
                         .fallback = "auto",
                         .help = "how one consistent state is pinned",
                         .words = snapshots},
    [OPTION_MAX_LOCK] = {.name = "max-lock",
                         .kind = LK_OPTION_DURATION,
                         .argument = "TIME",
                         .fallback = "3s",
                         .help =
                             "longest that writers of a database in rollback-journal mode may have to wait",
                         .least = 1},
    [OPTION_TMP] = {.name = "tmp",
                    .kind = LK_OPTION_TEXT,
                    .argument = "DIR",
                    .fallback = "in the store",
                    .help = "where copies of sources are kept while they are read"},
    [OPTION_JOBS] = {.name = "jobs",
                     .kind = LK_OPTION_COUNT,
                     .argument = "N",
                     .fallback = "by processors and memory",
                     .help = "threads that encode",
                     .least = 1},
    [OPTION_MEMORY] = {.name = "memory",
                       .kind = LK_OPTION_SIZE,
                       .argument = "SIZE",
                       .fallback = "256M",
                       .help = "memory to work in; three times the largest single value is needed on top",
                       .least = 1},
    [OPTION_IF_OLDER_THAN] = {.name = "if-older-than",
                              .kind = LK_OPTION_DURATION,
                              .argument = "TIME",
                              .fallback = "always",
                              .help = "skip databases whose last backup is younger"},
    [OPTION_INIT] = {.name = "init",
                     .kind = LK_OPTION_FLAG,
                     .help = "create the store when it does not exist"},
    [OPTION_NO_VERIFY] = {.name = "no-verify",
                          .kind = LK_OPTION_FLAG,
                          .help = "do not read back and compare what was written"},
    [OPTION_DRY_RUN] = {.name = "dry-run", .kind = LK_OPTION_FLAG, .help = "only say what would be done"},
    [OPTION_TAG] = {.name = "tag",
                    .kind = LK_OPTION_LIST,
                    .argument = "TAG",
                    .fallback = "none",
                    .help = "a word to find the backup by"},
    [OPTION_REBUILD] = {.name = "rebuild",
                        .kind = LK_OPTION_FLAG,
                        .help = "choose the file columns afresh, without regard to earlier backups"},
    [OPTION_LOG] = {.name = "log",
                    .kind = LK_OPTION_TEXT,
                    .argument = "FILE",
                    .fallback = "none",
                    .help = "write results here instead of to standard output; rotated at 1 MiB"},
};

/* What the events of a run are shown with. */
struct shown_run {
    struct lk_console *console;
    struct lk_progress progress;
    bool dry;
    char *here;          /* the current folder and a slash; NULL when unknown */
    char *first_problem; /* the first problem's message, so that the final error does not repeat it */
    uint64_t planned, planned_bytes;
    uint64_t alarms; /* that were shown: the final error does not repeat them */
    bool failed;     /* memory ran out while an event was shown */
};

/* Paths below the current folder are shown as one would type them. */
static const char *near(const struct shown_run *r, const char *path)
{
    if (path == NULL)
        return "";
    const size_t len = r->here != NULL ? strlen(r->here) : 0;
    return len > 0 && strncmp(path, r->here, len) == 0 && path[len] != '\0' ? path + len : path;
}

/* "path: table t: ", but nothing that the message says itself. */
static void origin(const struct litekeep_event *e, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    if (e->path != NULL && strstr(e->message, e->path) == NULL)
        at += (size_t)snprintf(out, size, "%s: ", e->path);
    if (e->table != NULL && at < size && strstr(e->message, e->table) == NULL)
        snprintf(out + at, size - at, "table %s: ", e->table);
}

static void show_done(struct shown_run *r, const struct litekeep_event *e)
{
    struct lk_console *c = r->console;
    char rows[LK_DISPLAY_NUMBER_SIZE], tables[LK_DISPLAY_NUMBER_SIZE];
    char size[LITEKEEP_WORD_SIZE], duration[LITEKEEP_WORD_SIZE];
    litekeep_format_size(e->stored_bytes, size);
    litekeep_format_duration(e->duration, duration);
    lk_console_print(c, "%s%s%s  %s row%s in %s table%s  %s  %s/%s  %s  %s",
                     lk_console_style(c->colour, LK_STYLE_BOLD), near(r, e->path),
                     lk_console_style(c->colour, LK_STYLE_PLAIN), lk_display_number(e->rows, rows),
                     lk_display_plural(e->rows), lk_display_number(e->tables, tables),
                     lk_display_plural(e->tables), lk_console_arrow(c), e->database, e->id, size, duration);
    lk_console_print(c, "  %s", e->verified ? "verified" : "not verified");
    if (c->verbose && e->snapshot != NULL)
        lk_console_print(c, "  (snapshot: %s)", e->snapshot);
    lk_console_print(c, "\n");
}

/* Once was enough for all of it: one line. With --quiet the run's end counts them. */
static void show_open(const struct lk_console *c, const struct litekeep_alarm *alarm)
{
    char since[LITEKEEP_WORD_SIZE];
    litekeep_format_time_local(alarm->raised, since);
    if (alarm->ack != NULL)
        lk_console_warning(c, "still open since %s: %s (`%s` accepts it)", since, alarm->message, alarm->ack);
    else
        lk_console_warning(c, "still open since %s: %s", since, alarm->message);
}

static void show_event(struct shown_run *r, const struct litekeep_event *e)
{
    struct lk_console *c = r->console;
    const bool results = lk_console_tells(c);
    char from[1024], size[LITEKEEP_WORD_SIZE];
    litekeep_format_size(e->source_bytes, size);
    switch (e->type) {
    case LITEKEEP_EVENT_DISCOVERED:
        lk_console_remark(c, "%llu database%s found, %s", (unsigned long long)e->databases,
                          lk_display_plural(e->databases), size);
        break;
    case LITEKEEP_EVENT_STARTED:
        lk_console_remark(c, "reading %s (%s)", near(r, e->path), size);
        break;
    case LITEKEEP_EVENT_PROGRESS:
    case LITEKEEP_EVENT_CHECKED: /* of another command */
        break;
    case LITEKEEP_EVENT_WARNING:
        origin(e, from, sizeof from);
        lk_console_warning(c, "%s%s", from, e->message);
        break;
    case LITEKEEP_EVENT_PROBLEM:
        origin(e, from, sizeof from);
        lk_console_error(c, "%s%s", from, e->message);
        break;
    case LITEKEEP_EVENT_ALARM:
        lk_alarms_tell(c, "ALARM", e->alarm);
        break;
    case LITEKEEP_EVENT_OPEN:
        show_open(c, e->alarm);
        break;
    case LITEKEEP_EVENT_RECOVERED:
        if (results)
            lk_console_print(c, "recovered: %s\n", e->message);
        break;
    case LITEKEEP_EVENT_PRUNED:
        lk_console_remark(c, "%s@%s removed; kept are %s", e->database, e->id, e->message);
        break;
    case LITEKEEP_EVENT_SKIPPED:
        if (results)
            lk_console_print(c, "%s  skipped: %s\n", near(r, e->path), e->message);
        break;
    case LITEKEEP_EVENT_PLANNED:
        /* A database that is new has no folder in the store yet. */
        if (results && e->database == NULL)
            lk_console_print(c, "%s  %s  %s\n", near(r, e->path), size, e->message);
        else if (results)
            lk_console_print(c, "%s  %s  %s  %s  %s\n", near(r, e->path), size, lk_console_arrow(c),
                             e->database, e->message);
        break;
    case LITEKEEP_EVENT_DONE:
        if (results)
            show_done(r, e);
        break;
    }
}

static void put_event(struct shown_run *r, const struct litekeep_event *e)
{
    struct lk_document d = lk_document_object();
    switch (e->type) {
    case LITEKEEP_EVENT_PROGRESS:
    case LITEKEEP_EVENT_CHECKED:
        lk_document_reset(&d);
        return;
    case LITEKEEP_EVENT_ALARM:
    case LITEKEEP_EVENT_OPEN:
    case LITEKEEP_EVENT_RECOVERED:
        lk_document_text(&d, "type",
                         e->type == LITEKEEP_EVENT_ALARM  ? "alarm"
                         : e->type == LITEKEEP_EVENT_OPEN ? "open"
                                                          : "recovered");
        lk_alarms_fill(&d, e->alarm);
        break;
    case LITEKEEP_EVENT_PRUNED:
        lk_document_text(&d, "type", "pruned");
        lk_document_text(&d, "path", e->path);
        lk_document_text(&d, "database", e->database);
        lk_document_text(&d, "id", e->id);
        lk_document_number(&d, "stored_bytes", e->stored_bytes);
        lk_document_text(&d, "message", e->message);
        break;
    case LITEKEEP_EVENT_DISCOVERED:
        lk_document_text(&d, "type", "discovered");
        lk_document_number(&d, "databases", e->databases);
        lk_document_number(&d, "source_bytes", e->source_bytes);
        break;
    case LITEKEEP_EVENT_STARTED:
        lk_document_text(&d, "type", "started");
        lk_document_text(&d, "path", e->path);
        lk_document_number(&d, "source_bytes", e->source_bytes);
        break;
    case LITEKEEP_EVENT_WARNING:
        lk_document_text(&d, "type", "warning");
        lk_document_text(&d, "path", e->path);
        lk_document_text(&d, "table", e->table);
        lk_document_text(&d, "message", e->message);
        break;
    case LITEKEEP_EVENT_PROBLEM:
        lk_document_text(&d, "type", "problem");
        lk_document_text(&d, "path", e->path);
        lk_document_text(&d, "table", e->table);
        lk_document_number(&d, "status", e->status);
        lk_document_text(&d, "message", e->message);
        break;
    case LITEKEEP_EVENT_SKIPPED:
        lk_document_text(&d, "type", "skipped");
        lk_document_text(&d, "path", e->path);
        lk_document_text(&d, "database", e->database);
        lk_document_text(&d, "message", e->message);
        break;
    case LITEKEEP_EVENT_PLANNED:
        lk_document_text(&d, "type", "planned");
        lk_document_text(&d, "path", e->path);
        lk_document_text(&d, "database", e->database);
        lk_document_number(&d, "source_bytes", e->source_bytes);
        lk_document_text(&d, "message", e->message);
        break;
    case LITEKEEP_EVENT_DONE:
        lk_document_text(&d, "type", "done");
        lk_document_text(&d, "path", e->path);
        lk_document_text(&d, "database", e->database);
        lk_document_text(&d, "id", e->id);
        lk_document_number(&d, "tables", e->tables);
        lk_document_number(&d, "rows", e->rows);
        lk_document_number(&d, "source_bytes", e->source_bytes);
        lk_document_number(&d, "stored_bytes", e->stored_bytes);
        lk_document_seconds(&d, "seconds", e->duration);
        lk_document_flag(&d, "verified", e->verified);
        lk_document_text(&d, "snapshot", e->snapshot);
        break;
    }
    struct lk_error err = {0};
    if (lk_document_print(&d, r->console, &err) != LK_OK)
        r->failed = true;
}

static void on_event(void *context, const struct litekeep_event *e)
{
    struct shown_run *r = context;
    if (e->type == LITEKEEP_EVENT_PROGRESS) {
        lk_progress_update(&r->progress, e->source_bytes, e->done_bytes, e->rows);
        return;
    }
    if (e->type == LITEKEEP_EVENT_PROBLEM && r->first_problem == NULL) {
        r->first_problem = strdup(e->message);
        r->failed = r->failed || r->first_problem == NULL;
    }
    if (e->type == LITEKEEP_EVENT_PLANNED) {
        r->planned++;
        r->planned_bytes += e->source_bytes;
    }
    const bool alarm = e->type == LITEKEEP_EVENT_ALARM || e->type == LITEKEEP_EVENT_OPEN ||
                       e->type == LITEKEEP_EVENT_RECOVERED;
    if (alarm && e->alarm == NULL)
        return;
    r->alarms += e->type == LITEKEEP_EVENT_ALARM ? 1 : 0;
    lk_progress_erase(&r->progress);
    show_event(r, e);
    if (r->console->json)
        put_event(r, e);
    lk_console_flush(r->console);
}

static void show_summary(struct shown_run *r, const struct litekeep_backup_summary *s, const char *store)
{
    struct lk_console *c = r->console;
    char rows[LK_DISPLAY_NUMBER_SIZE], source[LITEKEEP_WORD_SIZE], stored[LITEKEEP_WORD_SIZE],
        duration[LITEKEEP_WORD_SIZE];
    litekeep_format_size(s->source_bytes, source);
    litekeep_format_size(s->stored_bytes, stored);
    litekeep_format_duration(s->duration, duration);
    if (s->done + s->skipped + s->failed + s->alarms + s->open_alarms + r->planned == 0) {
        lk_console_print(c, "No SQLite database was found.\n");
        return;
    }
    if (r->dry) {
        litekeep_format_size(r->planned_bytes, source);
        lk_console_print(c, "Would back up %llu database%s (%s) to %s", (unsigned long long)r->planned,
                         lk_display_plural(r->planned), source, store);
    } else {
        lk_console_print(c, "%llu database%s backed up", (unsigned long long)s->done,
                         lk_display_plural(s->done));
        if (s->done > 0)
            lk_console_print(c, " to %s: %s rows, %s read, %s stored, %s", store,
                             lk_display_number(s->rows, rows), source, stored, duration);
    }
    if (s->skipped > 0)
        lk_console_print(c, "; %llu skipped", (unsigned long long)s->skipped);
    if (s->failed > 0)
        lk_console_print(c, "; %s%llu not backed up%s", lk_console_style(c->colour, LK_STYLE_RED),
                         (unsigned long long)s->failed, lk_console_style(c->colour, LK_STYLE_PLAIN));
    if (s->alarms > 0)
        lk_console_print(c, "; %s%llu ALARM%s%s", lk_console_style(c->colour, LK_STYLE_RED),
                         (unsigned long long)s->alarms, s->alarms == 1 ? "" : "S",
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
    if (s->open_alarms > 0)
        lk_console_print(c, "; %llu alarm%s still open", (unsigned long long)s->open_alarms,
                         lk_display_plural(s->open_alarms));
    if (s->pruned > 0)
        lk_console_print(c, "; %llu old backup%s removed", (unsigned long long)s->pruned,
                         lk_display_plural(s->pruned));
    lk_console_print(c, "\n");
}

static enum lk_status put_summary(struct shown_run *r, const struct litekeep_backup_summary *s,
                                  const char *store, enum lk_status status, struct lk_error *err)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "type", "summary");
    lk_document_number(&d, "status", status);
    lk_document_text(&d, "message", status != LK_OK ? err->message : NULL);
    lk_document_text(&d, "store", store);
    lk_document_flag(&d, "dry_run", r->dry);
    lk_document_number(&d, "done", s->done);
    lk_document_number(&d, "skipped", s->skipped);
    lk_document_number(&d, "failed", s->failed);
    lk_document_number(&d, "alarms", s->alarms);
    lk_document_number(&d, "open_alarms", s->open_alarms);
    lk_document_number(&d, "pruned", s->pruned);
    lk_document_number(&d, "rows", s->rows);
    lk_document_number(&d, "source_bytes", s->source_bytes);
    lk_document_number(&d, "stored_bytes", s->stored_bytes);
    lk_document_seconds(&d, "seconds", s->duration);
    struct lk_error print_error = {0};
    if (lk_document_print(&d, r->console, &print_error) != LK_OK)
        r->failed = true;
    return status;
}

static struct litekeep_backup_options wanted_options(const struct lk_arguments *args)
{
    const struct lk_option_value *v = args->option;
    return (struct litekeep_backup_options){
        .paths = args->operand,
        .formats = (unsigned)v[OPTION_FORMAT].number,
        .parquet_codec = v[OPTION_PARQUET_CODEC].text,
        .json_codec = v[OPTION_JSON_CODEC].text,
        .include = v[OPTION_INCLUDE].list,
        .exclude = v[OPTION_EXCLUDE].list,
        .tables = v[OPTION_TABLE].list,
        .skip_tables = v[OPTION_SKIP_TABLE].list,
        .name = v[OPTION_NAME].text,
        .snapshot = v[OPTION_SNAPSHOT].given
                        ? (enum litekeep_snapshot)(LITEKEEP_SNAPSHOT_AUTO + v[OPTION_SNAPSHOT].number)
                        : LITEKEEP_SNAPSHOT_DEFAULT,
        .max_lock = v[OPTION_MAX_LOCK].number,
        .tmp = v[OPTION_TMP].text,
        .jobs = (unsigned)(v[OPTION_JOBS].number < 1024 ? v[OPTION_JOBS].number : 1024),
        .memory = (uint64_t)v[OPTION_MEMORY].number,
        /* 0s on the command line is not the same as nothing: the config may say something else. */
        .if_older_than = v[OPTION_IF_OLDER_THAN].given && v[OPTION_IF_OLDER_THAN].number == 0
                             ? -1
                             : v[OPTION_IF_OLDER_THAN].number,
        .no_verify = v[OPTION_NO_VERIFY].given,
        .dry_run = v[OPTION_DRY_RUN].given,
        .rebuild = v[OPTION_REBUILD].given,
        .tags = v[OPTION_TAG].list,
    };
}

static char *current_folder(void)
{
    char *folder = getcwd(NULL, 0);
    const size_t len = folder != NULL ? strlen(folder) : 0;
    char *grown = folder != NULL ? realloc(folder, len + 2) : NULL;
    if (grown == NULL) {
        free(folder);
        return NULL;
    }
    if (len == 0 || grown[len - 1] != '/')
        memcpy(grown + len, "/", 2);
    return grown;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct shown_run shown = {
        .console = in->console,
        .dry = in->args->option[OPTION_DRY_RUN].given,
        .here = current_folder(),
    };
    const struct litekeep_backup_options wanted = wanted_options(in->args);
    struct litekeep_backup_summary summary = {0};
    struct litekeep *lk = NULL;
    char *store = NULL;
    lk_progress_init(&shown.progress, in->console);

    enum lk_status status = LK_OK;
    if (in->args->option[OPTION_LOG].given)
        status = lk_console_open_log(in->console, in->args->option[OPTION_LOG].text, err);
    if (status == LK_OK)
        status = lk_commands_open(in, in->args->option[OPTION_INIT].given, on_event, &shown, &lk, err);
    if (status != LK_OK)
        goto out;
    store = lk_display_escape(litekeep_store_path(lk));
    if (store == NULL) {
        status = lk_console_fail_memory(err);
        goto out;
    }
    lk_console_remark(in->console, "the store is %s", store);
    status = litekeep_backup(lk, &wanted, &summary, err);
    lk_progress_erase(&shown.progress);
    if (in->console->json)
        status = put_summary(&shown, &summary, store, status, err);
    else if (lk_console_tells(in->console) &&
             (summary.done + summary.skipped + summary.failed + shown.alarms + shown.planned > 0 ||
              status == LK_OK))
        show_summary(&shown, &summary, store);
    if (in->console->quiet && summary.open_alarms > 0)
        lk_console_error(in->console, "%llu alarm%s still open: `litekeep %sstatus` tells of %s",
                         (unsigned long long)summary.open_alarms, summary.open_alarms == 1 ? " is" : "s are",
                         lk_console_store_option(in->console), summary.open_alarms == 1 ? "it" : "them");
    /* What was shown as a problem or an alarm is not said twice. */
    if ((status == LK_ALARM && shown.alarms > 0) ||
        (status != LK_OK && shown.first_problem != NULL && strstr(err->message, shown.first_problem) != NULL))
        err->message[0] = '\0';
    if (shown.failed && status == LK_OK)
        status = lk_console_fail_memory(err);
out:
    litekeep_close(lk);
    free(store);
    free(shown.here);
    free(shown.first_problem);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep backup", "what `paths` of the config names, else every database below the current folder"},
    {"litekeep backup posts.db --tag before-migration", "one database, marked"},
    {"litekeep backup ~/data --store /mnt/backup --init", "to a store of your own, which is created"},
    {"litekeep backup -q --if-older-than 8h /srv", "from cron: silent unless something is wrong"},
    {"litekeep backup --json /srv | jq -r 'select(.type == \"done\") | .id'", "from a program"},
};

static const int exit_codes[] = {0, 1, 2, 3, 4, 5, 6, 10, 11, 130, -1};

const struct lk_command lk_cmd_backup = {
    .name = "backup",
    .group = "Protect",
    .help = "back up each database file, or each found below a folder",
    .operands = "[PATH...]",
    .most = SIZE_MAX,
    .about = "Back up the databases named, and those found below the folders named (default: `paths` "
             "of the config, else the current folder), each to a new folder in "
             "the store: Parquet and JSON lines, checksums, schema. Programs may go on using the databases; "
             "nothing is ever changed in them.\n"
             "A backup is complete or absent. What was written is read back and compared before the backup "
             "gets its name. One database "
             "that cannot be read does not stop the others.\n"
             "When a database has lost data since its last good backup, that is an alarm: exit code 4, the "
             "backup that still has the data is "
             "pinned, and the command that brings it back is printed. An alarm is raised once and stays open "
             "until the data is back or "
             "`litekeep ack` accepts the loss.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
