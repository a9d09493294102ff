/* Everything that litekeep itself says here goes to standard error: standard output is the command's. */
#include "cli/alarms.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/progress.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOT_STARTED 125 /* env(1), nice(1), timeout(1): their own failure */

enum {
    OPTION_TOLERATE,
    OPTION_ALLOW_REPLACE,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_TAG,
    OPTION_INIT,
    OPTION_REPORT,
    OPTIONS
};

static const struct lk_option options[OPTIONS] = {
    [OPTION_TOLERATE] = {.name = "tolerate",
                         .kind = LK_OPTION_TEXT,
                         .argument = "PERCENT",
                         .fallback = "0",
                         .help = "how much of a table's rows the command may remove"},
    [OPTION_ALLOW_REPLACE] = {.name = "allow-replace",
                              .kind = LK_OPTION_FLAG,
                              .help = "the command may put another file in a database's place, as long as no "
                                      "rows are lost"},
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
    [OPTION_TAG] = {.name = "tag",
                    .kind = LK_OPTION_LIST,
                    .argument = "TAG",
                    .fallback = "before-run",
                    .help = "a word to find the backup by"},
    [OPTION_INIT] = {.name = "init",
                     .kind = LK_OPTION_FLAG,
                     .help = "create the store when it does not exist"},
    [OPTION_REPORT] = {.name = "report",
                       .kind = LK_OPTION_TEXT,
                       .argument = "FILE",
                       .fallback = "none",
                       .help = "write what came of it as JSON to a file"},
};

struct backed_up {
    char *path, *database, *id;
};

struct guarded_run {
    const struct lk_invocation *in;
    struct lk_console *console;
    struct lk_progress progress;
    struct litekeep *lk;
    char **paths; /* NULL-terminated, made absolute: the command may change what links mean */
    double tolerance;
    FILE *report;

    struct litekeep_backup_summary summary;
    struct backed_up *done;
    size_t done_count;
    char *first_problem;
    bool alarm;     /* the backup raised one */
    bool no_memory; /* while an event was looked at */

    bool started;
    int code; /* the command's */
    int64_t seconds;
    struct litekeep_compared *compared; /* NULL: not compared */
};

/* ---- The backup */

static void note_done(struct guarded_run *r, const struct litekeep_event *e)
{
    struct backed_up *grown = realloc(r->done, (r->done_count + 1) * sizeof *grown);
    if (grown == NULL) {
        r->no_memory = true;
        return;
    }
    r->done = grown;
    struct backed_up *b = &r->done[r->done_count++];
    *b = (struct backed_up){strdup(e->path), strdup(e->database), strdup(e->id)};
    r->no_memory |= b->path == NULL || b->database == NULL || b->id == NULL;
}

static void on_event(void *context, const struct litekeep_event *e)
{
    struct guarded_run *r = context;
    const struct lk_console *c = r->console;
    if (e->type == LITEKEEP_EVENT_PROGRESS) {
        lk_progress_update(&r->progress, e->source_bytes, e->done_bytes, e->rows);
        return;
    }
    lk_progress_erase(&r->progress);
    if (e->type == LITEKEEP_EVENT_DONE)
        note_done(r, e);
    else if (e->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(c, "%s%s%s", e->path != NULL ? e->path : "", e->path != NULL ? ": " : "",
                           e->message);
    else if (e->type == LITEKEEP_EVENT_PROBLEM && r->first_problem == NULL)
        r->no_memory |= (r->first_problem = strdup(e->message)) == NULL;
    if (e->type == LITEKEEP_EVENT_PROBLEM)
        lk_console_error(c, "%s%s%s", e->path != NULL ? e->path : "", e->path != NULL ? ": " : "",
                         e->message);
    if (e->type == LITEKEEP_EVENT_ALARM && e->alarm != NULL) {
        r->alarm = true;
        lk_alarms_tell(c, "ALARM", e->alarm);
    }
    if (e->type == LITEKEEP_EVENT_OPEN)
        lk_console_warning(c, "still open: %s", e->message);
}

/* LK_OK: everything that was found has a backup made just now. Else the command must not be started. */
static enum lk_status back_up(struct guarded_run *r, struct lk_error *err)
{
    static const char *const before_run[] = {"before-run", NULL};
    const struct lk_option_value *v = r->in->args->option;
    const struct litekeep_backup_options wanted = {
        .paths = (const char *const *)r->paths,
        .include = v[OPTION_INCLUDE].list,
        .exclude = v[OPTION_EXCLUDE].list,
        .tags = v[OPTION_TAG].given ? v[OPTION_TAG].list : before_run,
        .if_older_than = -1, /* whatever the config says, a backup of before is too old */
    };
    lk_progress_init(&r->progress, r->console);
    enum lk_status status = lk_commands_open(r->in, v[OPTION_INIT].given, on_event, r, &r->lk, err);
    if (status == LK_OK)
        status = litekeep_backup(r->lk, &wanted, &r->summary, err);
    lk_progress_erase(&r->progress);
    if (status == LK_OK && r->no_memory)
        status = lk_console_fail_memory(err);
    if (status == LK_OK && r->summary.done == 0)
        status = lk_console_fail(err, LK_NOT_FOUND,
                                 "no database was found: the command would run without a backup");
    return status;
}

static void say_backed_up(const struct guarded_run *r)
{
    char duration[LITEKEEP_WORD_SIZE], *word = lk_display_escape(r->in->args->rest[0]);
    litekeep_format_duration(r->summary.duration, duration);
    if (r->done_count == 1)
        lk_console_note(r->console, "backed up %s as %s@%s in %s; now %s runs", r->done[0].path,
                        r->done[0].database, r->done[0].id, duration, word != NULL ? word : "");
    else
        lk_console_note(r->console, "backed up %zu databases in %s; now %s runs", r->done_count, duration,
                        word != NULL ? word : "");
    free(word);
}

/* ---- The comparison */

static enum lk_status compare(struct guarded_run *r, struct lk_error *err)
{
    const struct lk_option_value *v = r->in->args->option;
    const struct litekeep_compare_options wanted = {
        .paths = (const char *const *)r->paths,
        .include = v[OPTION_INCLUDE].list,
        .exclude = v[OPTION_EXCLUDE].list,
        .tolerance = r->tolerance,
    };
    return litekeep_compare(r->lk, &wanted, &r->compared, err);
}

static void say_compared(const struct guarded_run *r, bool replaced_counts)
{
    const struct lk_console *c = r->console;
    const struct litekeep_compared *m = r->compared;
    for (size_t i = 0; i < m->losses; i++)
        lk_alarms_tell(c, "LOST", &m->loss[i]);
    for (size_t i = 0; i < m->replaced; i++) {
        if (replaced_counts)
            lk_alarms_tell(c, "REPLACED", &m->replacement[i]);
        else
            lk_console_note(c, "%s", m->replacement[i].message);
    }
    for (size_t i = 0; m->problems[i] != NULL; i++)
        lk_console_error(c, "could not be compared: %s", m->problems[i]);
    for (size_t i = 0; m->notes[i] != NULL; i++)
        lk_console_note(c, "%s", m->notes[i]);
    if (m->losses == 0 && (m->replaced == 0 || !replaced_counts) && m->problems[0] == NULL)
        lk_console_note(c, "nothing was lost %sin %llu database%s",
                        r->tolerance > 0 ? "beyond what --tolerate allows " : "",
                        (unsigned long long)m->databases, lk_display_plural(m->databases));
}

/* ---- The report */

static struct lk_document backup_document(const struct guarded_run *r)
{
    struct lk_document list = lk_document_array(), d = lk_document_object();
    for (size_t i = 0; i < r->done_count; i++) {
        struct lk_document one = lk_document_object();
        lk_document_text(&one, "path", r->done[i].path);
        lk_document_text(&one, "database", r->done[i].database);
        lk_document_text(&one, "id", r->done[i].id);
        lk_document_append(&list, &one);
    }
    lk_document_number(&d, "done", r->summary.done);
    lk_document_number(&d, "failed", r->summary.failed);
    lk_document_number(&d, "alarms", r->summary.alarms);
    lk_document_number(&d, "rows", r->summary.rows);
    lk_document_number(&d, "stored_bytes", r->summary.stored_bytes);
    lk_document_seconds(&d, "seconds", r->summary.duration);
    lk_document_put(&d, "backups", &list);
    return d;
}

static enum lk_status write_report(const struct guarded_run *r, int code, const char *message,
                                   struct lk_error *err)
{
    const struct litekeep_compared *m = r->compared;
    struct lk_document d = lk_document_object(), backup = backup_document(r);
    struct lk_document losses = lk_alarms_documents(m != NULL ? m->loss : NULL, m != NULL ? m->losses : 0);
    struct lk_document replaced =
        lk_alarms_documents(m != NULL ? m->replacement : NULL, m != NULL ? m->replaced : 0);
    lk_document_text(&d, "type", "run");
    lk_document_texts(&d, "command", (const char *const *)r->in->args->rest);
    lk_document_number(&d, "status", (uint64_t)code);
    lk_document_text(&d, "message", message);
    lk_document_flag(&d, "started", r->started);
    if (r->started) {
        lk_document_number(&d, "code", (uint64_t)r->code);
        lk_document_seconds(&d, "seconds", r->seconds);
    } else {
        lk_document_null(&d, "code");
        lk_document_null(&d, "seconds");
    }
    lk_document_put(&d, "backup", &backup);
    lk_document_flag(&d, "compared", m != NULL);
    lk_document_number(&d, "databases", m != NULL ? m->databases : 0);
    lk_document_put(&d, "losses", &losses);
    lk_document_put(&d, "replaced", &replaced);
    lk_document_texts(&d, "notes", m != NULL ? m->notes : NULL);
    lk_document_texts(&d, "problems", m != NULL ? m->problems : NULL);
    char *text = lk_document_dump(&d);
    if (text == NULL)
        return lk_console_fail_memory(err);
    if (r->console->json)
        fprintf(stderr, "%s\n", text);
    const bool written =
        r->report == NULL || (fprintf(r->report, "%s\n", text) > 0 && fflush(r->report) == 0);
    free(text);
    return written ? LK_OK
                   : lk_console_fail(err, LK_FAILED, "the report could not be written: %s", strerror(errno));
}

/* ---- The command line */

static enum lk_status parse_tolerance(const struct lk_option_value *v, double *out, struct lk_error *err)
{
    *out = 0;
    if (!v->given)
        return LK_OK;
    char *end;
    const bool number = strspn(v->text, "0123456789.") > 0;
    const double percent = number ? strtod(v->text, &end) : -1;
    if (!number || !(percent >= 0 && percent <= 100) || (strcmp(end, "") != 0 && strcmp(end, "%") != 0))
        return lk_console_fail(err, LK_USAGE, "--tolerate takes a percentage from 0 to 100, such as 10%%");
    *out = percent / 100;
    return LK_OK;
}

static enum lk_status prepare(struct guarded_run *r, struct lk_error *err)
{
    const struct lk_arguments *args = r->in->args;
    const struct lk_option_value *report = &args->option[OPTION_REPORT];
    if (args->rest == NULL || args->rest[0] == NULL)
        return lk_console_fail(err, LK_USAGE,
                               "which command is to run? It stands behind \"--\": litekeep run "
                               "[PATH...] -- COMMAND");
    if (args->rest[0][0] == '\0')
        return lk_console_fail(err, LK_USAGE, "the command is empty: is a variable of the shell not set?");
    enum lk_status status = parse_tolerance(&args->option[OPTION_TOLERATE], &r->tolerance, err);
    if (status != LK_OK)
        return status;
    /* The command changes what is here: `paths` of the config may be anywhere. */
    const size_t count = args->operands > 0 ? args->operands : 1;
    r->paths = calloc(count + 1, sizeof *r->paths);
    if (r->paths == NULL)
        return lk_console_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *named = args->operands > 0 ? args->operand[i] : ".";
        r->paths[i] = realpath(named, NULL);
        if (r->paths[i] == NULL && (r->paths[i] = strdup(named)) == NULL)
            return lk_console_fail_memory(err);
    }
    if (report->given && (r->report = fopen(report->text, "we")) == NULL) {
        char *shown = lk_display_escape(report->text);
        status = lk_console_fail(err, LK_USAGE, "--report %s: cannot be written: %s",
                                 shown != NULL ? shown : "", strerror(errno));
        free(shown);
    }
    return status;
}

static void guarded_run_reset(struct guarded_run *r)
{
    litekeep_compared_free(r->compared);
    litekeep_close(r->lk);
    for (size_t i = 0; r->paths != NULL && r->paths[i] != NULL; i++)
        free(r->paths[i]);
    free(r->paths);
    for (size_t i = 0; i < r->done_count; i++) {
        free(r->done[i].path);
        free(r->done[i].database);
        free(r->done[i].id);
    }
    free(r->done);
    free(r->first_problem);
    if (r->report != NULL)
        (void)fclose(r->report); /* it was flushed */
}

static int64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Back up, run, compare. *reason: why the exit code is not the command's; "" when it was said already. The
 * exit code. */
static int guard(struct guarded_run *r, struct lk_error *reason)
{
    const bool replaced_counts = !r->in->args->option[OPTION_ALLOW_REPLACE].given;
    enum lk_status status = back_up(r, reason);
    if (status != LK_OK) {
        const bool said =
            r->alarm || (r->first_problem != NULL && strstr(reason->message, r->first_problem) != NULL);
        if (!said)
            lk_console_error(r->console, "%s", reason->message);
        lk_console_error(r->console, "the command was not started: %s",
                         r->alarm ? "data has shrunk already before it" : "there is no complete backup");
        return NOT_STARTED;
    }
    say_backed_up(r);
    *reason = (struct lk_error){0};
    const int64_t began = monotonic();
    int killed = 0;
    status = lk_child_run(r->in->args->rest, &r->code, &killed, reason);
    r->seconds = monotonic() - began;
    r->started = status == LK_OK;
    if (!r->started) {
        lk_console_error(r->console, "%s", reason->message);
        return r->code;
    }
    if (killed != 0)
        lk_console_error(r->console, "the command was ended by signal %d (%s)", killed, strsignal(killed));
    status = compare(r, reason);
    if (status != LK_OK) {
        lk_console_error(r->console, "what the command did to the databases could not be compared: %s",
                         reason->message);
        return r->code != 0 ? r->code : (int)status;
    }
    say_compared(r, replaced_counts);
    *reason = (struct lk_error){0};
    if (r->compared->losses > 0 || (r->compared->replaced > 0 && replaced_counts)) {
        lk_console_fail(reason, LK_ALARM, "%s",
                        r->compared->losses > 0 ? "data was lost" : "a database was replaced");
        return LK_ALARM;
    }
    if (r->compared->problems[0] != NULL && r->code == 0) {
        lk_console_fail(reason, LK_UNREADABLE, "%s", "not everything could be compared");
        return LK_UNREADABLE;
    }
    return r->code;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct guarded_run r = {.in = in, .console = in->console};
    struct lk_error reason = {0};
    enum lk_status status = prepare(&r, err);
    if (status == LK_OK) {
        int code = guard(&r, &reason);
        struct lk_error report_error = {0};
        if ((in->console->json || r.report != NULL) &&
            write_report(&r, code, reason.message[0] != '\0' ? reason.message : NULL, &report_error) !=
                LK_OK) {
            lk_console_error(in->console, "%s", report_error.message);
            code = code == 0 ? (int)LK_FAILED : code;
        }
        *in->code = code;
    }
    guarded_run_reset(&r);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep run -- git pull", "protect every database below the current folder from a pull"},
    {"litekeep run app.db -- python manage.py migrate", "a migration of one database"},
    {"litekeep run --tolerate 10% app.db -- ./cleanup.sh", "a tenth of each table's rows may go"},
    {"litekeep run -q --report run.json /srv -- ./deploy", "from a program"},
};

static const int exit_codes[] = {0, 2, 3, 4, 125, 126, 127, -1};

const struct lk_command lk_cmd_run = {
    .name = "run",
    .group = "Protect",
    .help = "back up, run a command that might do harm, and compare after it",
    .operands = "[PATH...] -- COMMAND [ARG...]",
    .most = SIZE_MAX,
    .rest = true,
    .about =
        "Back up the databases named, and those found below the folders named (default: the current folder), "
        "then run COMMAND, then compare the databases with that backup by their counts, without taking "
        "another. For migrations, deploys, git pull.\n"
        "If rows were lost, a table or a database is gone, an older file is back or a file was replaced by "
        "another, it says so with the command that brings back what was, and exits with 4. Otherwise the "
        "exit "
        "code is the command's own, or 128 and the signal that ended it.\n"
        "125: the backup failed or raised an alarm, and the command was not started. 126: it cannot be "
        "started; 127: there is no such command. 3: the command went well, but not everything could be "
        "compared.\n"
        "The command has the terminal, standard input and standard output to itself; all that litekeep says "
        "goes to standard error, with --json also what came of it, as the last line. Signals reach the "
        "command, and litekeep outlives it. Tables that the config file says never to raise an alarm for are "
        "not compared.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
