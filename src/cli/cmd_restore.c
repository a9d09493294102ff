#include "cli/alarms.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    OPTION_TO,
    OPTION_INTO,
    OPTION_TABLE,
    OPTION_FROM,
    OPTION_FORCE,
    OPTION_CHECK,
    OPTION_DRY_RUN,
    OPTION_JOBS,
    OPTIONS
};

/* In the order of the bits of enum litekeep_format. */
static const char *const formats[] = {"parquet", "json", "sqlite", NULL};
static const char *const checks[] = {"full", NULL};
_Static_assert(LITEKEEP_PARQUET == 1 && LITEKEEP_JSON == 2 && LITEKEEP_SQLITE == 4,
               "bits in the order of the words");

static const struct lk_option options[OPTIONS] = {
    [OPTION_TO] = {.name = "to",
                   .kind = LK_OPTION_TEXT,
                   .argument = "FILE",
                   .fallback = "none; this or --into is needed",
                   .help = "the file to make"},
    [OPTION_INTO] = {.name = "into",
                     .kind = LK_OPTION_TEXT,
                     .argument = "FILE",
                     .fallback = "none",
                     .help = "an existing database that gets the tables, in one transaction"},
    [OPTION_TABLE] = {.name = "table",
                      .kind = LK_OPTION_LIST,
                      .argument = "NAME",
                      .fallback = "all",
                      .help = "only this table, with its indexes and triggers"},
    [OPTION_FROM] = {.name = "from",
                     .kind = LK_OPTION_CHOICE,
                     .argument = "FORMAT",
                     .fallback = "the best there is; what is damaged there from another",
                     .help = "which of the backup's formats to read",
                     .words = formats},
    [OPTION_FORCE] = {.name = "force",
                      .kind = LK_OPTION_FLAG,
                      .help = "replace FILE, or tables of it, after what is there was backed up"},
    [OPTION_CHECK] = {.name = "check",
                      .kind = LK_OPTION_CHOICE,
                      .argument = "HOW",
                      .fallback = "only that the rows are those of the backup",
                      .help = "a further check of the result, PRAGMA integrity_check",
                      .words = checks},
    [OPTION_DRY_RUN] = {.name = "dry-run", .kind = LK_OPTION_FLAG, .help = "only say what would be done"},
    [OPTION_JOBS] = {.name = "jobs",
                     .kind = LK_OPTION_COUNT,
                     .argument = "N",
                     .fallback = "by processors",
                     .help = "threads that decode",
                     .least = 1},
};

struct shown_run {
    struct lk_console *console;
    struct lk_progress progress;
};

static void on_event(void *context, const struct litekeep_event *e)
{
    struct shown_run *r = context;
    if (e->type == LITEKEEP_EVENT_PROGRESS) {
        lk_progress_update(&r->progress, e->source_bytes, e->done_bytes, e->rows);
        return;
    }
    lk_progress_erase(&r->progress);
    if (e->type == LITEKEEP_EVENT_STARTED)
        lk_console_remark(r->console, "restoring %s", e->path);
    else if (e->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(r->console, "%s", e->message);
    else if (e->type == LITEKEEP_EVENT_ALARM) /* by the backup of what is there */
        lk_alarms_tell(r->console, "ALARM, before the restore", e->alarm);
}

/* ---- Neither --to nor --into */

/* "posts-restored.db", or "posts-restored-2.db", ...: the first that does not exist here. free() it. */
static char *proposal(const char *database)
{
    const size_t size = strlen(database) + 64;
    char *name = malloc(size);
    for (unsigned i = 1; name != NULL; i++) {
        struct stat st;
        if (i == 1)
            snprintf(name, size, "%s-restored.db", database);
        else
            snprintf(name, size, "%s-restored-%u.db", database, i);
        if (lstat(name, &st) != 0 || i == 1000)
            break;
    }
    return name;
}

static enum lk_status ask_where(const struct lk_invocation *in, struct litekeep *lk, struct lk_error *err)
{
    struct litekeep_shown *shown = NULL;
    const char *what = in->args->operand[0];
    enum lk_status status = litekeep_show(lk, what, &shown, err);
    if (status != LK_OK)
        return status;
    char *file = proposal(shown->database);
    char *quoted_file = file != NULL ? lk_display_quote(file) : NULL;
    char *quoted_what = lk_display_quote(what);
    const char *path = shown->source_path, *store = lk_console_store_option(in->console);
    if (quoted_file == NULL || quoted_what == NULL)
        status = lk_console_fail_memory(err);
    else if (path[0] != '\0')
        status = lk_console_fail(
            err, LK_USAGE,
            "say where to: litekeep %srestore %s --to %s\n(the original is %s: to replace it, "
            "name it with --to and add --force)",
            store, quoted_what, quoted_file, path);
    else
        status = lk_console_fail(err, LK_USAGE, "say where to: litekeep %srestore %s --to %s", store,
                                 quoted_what, quoted_file);
    free(file);
    free(quoted_file);
    free(quoted_what);
    litekeep_shown_free(shown);
    return status;
}

static enum lk_status check_options(const struct lk_arguments *args, struct lk_error *err)
{
    const struct lk_option_value *v = args->option;
    if (v[OPTION_TO].given && v[OPTION_INTO].given)
        return lk_console_fail(err, LK_USAGE,
                               "--to makes a new file, --into adds to an existing database: one of the two");
    if (v[OPTION_INTO].given && !v[OPTION_TABLE].given)
        return lk_console_fail(err, LK_USAGE,
                               "--into needs --table: which tables are to go into that database?");
    return LK_OK;
}

/* ---- What came of it */

/* Without a manifest, rows are counted by reading them. */
static bool rows_known(const struct litekeep_restored *r, bool dry)
{
    return r->typed || !dry;
}

static void show_summary(struct lk_console *c, const struct litekeep_restored *r, bool dry)
{
    char rows[LK_DISPLAY_NUMBER_SIZE], tables[LK_DISPLAY_NUMBER_SIZE];
    char size[LITEKEEP_WORD_SIZE], duration[LITEKEEP_WORD_SIZE];
    litekeep_format_size(r->bytes, size);
    litekeep_format_duration(r->duration, duration);
    lk_console_print(c, "%s%s%s@%s %s %s%s: ", dry ? "Would restore " : "",
                     lk_console_style(c->colour, LK_STYLE_BOLD), r->database, r->id, lk_console_arrow(c),
                     r->path, lk_console_style(c->colour, LK_STYLE_PLAIN));
    if (rows_known(r, dry))
        lk_console_print(c, "%s row%s in ", lk_display_number(r->rows, rows), lk_display_plural(r->rows));
    lk_console_print(c, "%s table%s from %s", lk_display_number(r->tables, tables),
                     lk_display_plural(r->tables), r->from);
    if (!dry)
        lk_console_print(c, ", %s, %s%s", size, duration,
                         !r->typed ? "; no manifest: schema unknown, columns typed from the files"
                         : r->left_out[0] == NULL
                             ? "; compared with the backup: the same"
                             : "; compared with the backup: the same but for what was left out");
    lk_console_print(c, "\n");
}

static void show_restored(struct lk_console *c, const struct litekeep_restored *r, bool dry)
{
    show_summary(c, r, dry);
    for (size_t i = 0; c->verbose && i < r->tables; i++) {
        char rows[LK_DISPLAY_NUMBER_SIZE];
        lk_console_print(c, "  %s: %s row%s from %s%s\n", r->table[i].name,
                         lk_display_number(r->table[i].rows, rows), lk_display_plural(r->table[i].rows),
                         r->table[i].from, r->table[i].replaced ? " (replaces the one there)" : "");
    }
    for (size_t i = 0; r->notes[i] != NULL; i++)
        lk_console_print(c, "  %s\n", r->notes[i]);
    if (r->previous != NULL)
        lk_console_print(c, "  what was there before is backed up as %s\n", r->previous);
}

static enum lk_status put_restored(struct lk_console *c, const struct litekeep_restored *r, bool dry,
                                   struct lk_error *err)
{
    struct lk_document d = lk_document_object(), tables = lk_document_array();
    lk_document_number(&d, "status", r->status);
    lk_document_flag(&d, "dry_run", dry);
    lk_document_text(&d, "database", r->database);
    lk_document_text(&d, "id", r->id);
    lk_document_text(&d, "path", r->path);
    lk_document_text(&d, "from", r->from);
    lk_document_text(&d, "previous", r->previous);
    if (rows_known(r, dry))
        lk_document_number(&d, "rows", r->rows);
    else
        lk_document_null(&d, "rows");
    lk_document_number(&d, "bytes", r->bytes);
    lk_document_seconds(&d, "seconds", r->duration);
    lk_document_flag(&d, "typed", r->typed);
    for (size_t i = 0; i < r->tables; i++) {
        struct lk_document t = lk_document_object();
        lk_document_text(&t, "name", r->table[i].name);
        if (rows_known(r, dry))
            lk_document_number(&t, "rows", r->table[i].rows);
        else
            lk_document_null(&t, "rows");
        lk_document_text(&t, "from", r->table[i].from);
        lk_document_flag(&t, "replaced", r->table[i].replaced);
        lk_document_append(&tables, &t);
    }
    lk_document_put(&d, "tables", &tables);
    lk_document_texts(&d, "notes", r->notes);
    lk_document_texts(&d, "left_out", r->left_out);
    return lk_document_print(&d, c, err);
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const struct lk_option_value *v = in->args->option;
    const bool dry = v[OPTION_DRY_RUN].given;
    const struct litekeep_restore_options wanted = {
        .what = in->args->operand[0],
        .to = v[OPTION_TO].text,
        .into = v[OPTION_INTO].text,
        .tables = v[OPTION_TABLE].list,
        .from = v[OPTION_FROM].given ? (enum litekeep_format)(1 << v[OPTION_FROM].number) : 0,
        .force = v[OPTION_FORCE].given,
        .check_full = v[OPTION_CHECK].given,
        .dry_run = dry,
        .jobs = (unsigned)(v[OPTION_JOBS].number < 1024 ? v[OPTION_JOBS].number : 1024),
    };
    struct shown_run shown = {.console = in->console};
    struct litekeep *lk = NULL;
    struct litekeep_restored *restored = NULL;
    lk_progress_init(&shown.progress, in->console);
    enum lk_status status = check_options(in->args, err);
    if (status == LK_OK)
        status = lk_commands_open(in, false, on_event, &shown, &lk, err);
    if (status == LK_OK && wanted.to == NULL && wanted.into == NULL)
        status = ask_where(in, lk, err);
    if (status == LK_OK)
        status = litekeep_restore(lk, &wanted, &restored, err);
    lk_progress_erase(&shown.progress);
    if (status == LK_OK) {
        if (in->console->json)
            status = put_restored(in->console, restored, dry, err);
        else if (!in->console->quiet)
            show_restored(in->console, restored, dry);
        for (size_t i = 0; restored->left_out[i] != NULL; i++)
            lk_console_error(in->console, "left out: %s", restored->left_out[i]);
    }
    if (status == LK_OK && restored->status != LK_OK) {
        status = restored->status;
        err->message[0] = '\0'; /* what was left out has been said */
    }
    litekeep_restored_free(restored);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep restore posts --to posts-restored.db", "the latest backup of posts, as a new file"},
    {"litekeep restore posts@2024-05-29 --to /data/posts.db --force",
     "the last backup of that day in place of the database, which is backed up first"},
    {"litekeep restore posts --to users.db --table users", "one table as a database of its own"},
    {"litekeep restore posts --into /data/posts.db --table users --force",
     "one table back into the live database"},
    {"litekeep restore posts@latest~2 --to p.db --dry-run", "what would happen"},
};

static const int exit_codes[] = {0, 1, 2, 3, 5, 6, 10, 130, -1};

const struct lk_command lk_cmd_restore = {
    .name = "restore",
    .group = "Bring back",
    .help = "rebuild a database from a backup, or some of its tables",
    .operands = "DB[@WHEN]",
    .least = 1,
    .most = 1,
    .about =
        "Make a backup's database again: its rows, rowids, indexes, triggers, views and settings. What was "
        "built is read again and compared with the backup before it gets its name.\n"
        "An existing FILE is refused without --force. With it, what is there is backed up to the same store "
        "first (tag before-restore); then the new file takes its place, while the old one is locked: a "
        "database that a program has "
        "open is refused. At every moment FILE is the old database or the new one, whole.\n"
        "DB is a name that list prints or the path of the database file. WHEN is as in show: latest (the "
        "default), latest~2, an id, a date, a time, an age such as 36h. The store is all that is needed.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
