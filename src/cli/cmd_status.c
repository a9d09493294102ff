#include "cli/alarms.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/grid.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_CELLS 10
#define SECOND INT64_C(1000000000)

static size_t count_backups(const struct litekeep_status *s)
{
    size_t backups = 0;
    for (size_t i = 0; i < s->databases; i++)
        backups += s->database[i].backups;
    return backups;
}

/* Open alarms, those that say that a backup is late counted apart. */
static void count_alarms(const struct litekeep_status *s, size_t *alarms, size_t *stale)
{
    *alarms = *stale = 0;
    for (size_t i = 0; i < s->alarms; i++)
        ++*(s->alarm[i].kind == LITEKEEP_ALARM_STALE ? stale : alarms);
    for (size_t i = 0; i < s->databases; i++)
        for (size_t k = 0; k < s->database[i].alarms; k++)
            ++*(s->database[i].alarm[k].kind == LITEKEEP_ALARM_STALE ? stale : alarms);
}

static enum lk_style style_of(const char *state)
{
    return strcmp(state, "ok") == 0      ? LK_STYLE_PLAIN
           : strcmp(state, "empty") == 0 ? LK_STYLE_YELLOW
                                         : LK_STYLE_RED;
}

/* In the grid trouble is to be seen without colours, too. */
static const char *word_of(const char *state)
{
    return strcmp(state, "alarm") == 0     ? "ALARM"
           : strcmp(state, "stale") == 0   ? "STALE"
           : strcmp(state, "damaged") == 0 ? "DAMAGED"
           : strcmp(state, "failed") == 0  ? "FAILED"
           : strcmp(state, "empty") == 0   ? "no backup"
                                           : "ok";
}

/* ---- For a person */

static void print_state(struct lk_console *c, const struct litekeep_status *s)
{
    size_t alarms, stale, damaged = 0;
    count_alarms(s, &alarms, &stale);
    for (size_t i = 0; i < s->databases; i++)
        damaged += strcmp(s->database[i].state, "damaged") == 0 ? 1 : 0;
    lk_console_print(
        c, "%s%s%s",
        lk_console_style(c->colour, strcmp(s->state, "ok") == 0 ? LK_STYLE_BOLD : style_of(s->state)),
        strcmp(s->state, "ok") == 0      ? "OK"
        : strcmp(s->state, "empty") == 0 ? "NO BACKUP YET"
                                         : word_of(s->state),
        lk_console_style(c->colour, LK_STYLE_PLAIN));
    if (strcmp(s->state, "failed") == 0)
        lk_console_print(c, ": the last run did not back up everything");
    if (damaged > 0)
        lk_console_print(c, ": %zu database%s with damaged backups (`litekeep %sverify` says where)", damaged,
                         lk_display_plural(damaged), lk_console_store_option(c));
    if (alarms > 0)
        lk_console_print(c, "%s %zu alarm%s open", damaged > 0 ? "," : ":", alarms,
                         alarms == 1 ? " is" : "s are");
    if (stale > 0)
        lk_console_print(c, "%s %zu late", damaged + alarms > 0 ? "," : ":", stale);
    lk_console_print(c, "\n\n");
}

static void print_name(struct lk_console *c, const char *name)
{
    lk_console_print(c, "%-*s ", NAME_CELLS, name);
}

static bool is_bad(const struct litekeep_run_status *run)
{
    return run->finished != 0 && run->status != LK_OK && run->status != LK_ALARM;
}

static void print_last_run(struct lk_console *c, const struct litekeep_run_status *run)
{
    char time[LITEKEEP_WORD_SIZE], age[LITEKEEP_WORD_SIZE];
    if (run->finished == 0)
        return;
    litekeep_format_time_local(run->finished, time);
    print_name(c, "Last run");
    lk_console_print(c, "%s, %s ago: %llu database%s backed up", time, lk_display_age(run->finished, age),
                     (unsigned long long)run->done, lk_display_plural(run->done));
    if (run->failed > 0)
        lk_console_print(c, ", %s%llu not backed up%s", lk_console_style(c->colour, LK_STYLE_RED),
                         (unsigned long long)run->failed, lk_console_style(c->colour, LK_STYLE_PLAIN));
    if (run->alarms > 0)
        lk_console_print(c, ", %s%llu alarm%s%s", lk_console_style(c->colour, LK_STYLE_RED),
                         (unsigned long long)run->alarms, lk_display_plural(run->alarms),
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
    lk_console_print(c, "\n");
    if (is_bad(run) && run->message != NULL) {
        print_name(c, "");
        lk_console_print(c, "%s%s%s\n", lk_console_style(c->colour, LK_STYLE_RED), run->message,
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
    }
}

static void print_next_run(struct lk_console *c, const struct litekeep_status *s)
{
    char when[LITEKEEP_WORD_SIZE], left[LITEKEEP_WORD_SIZE];
    const int64_t now = (int64_t)time(NULL) * SECOND;
    print_name(c, "Next run");
    if (!s->scheduled) {
        lk_console_print(c, "none is scheduled here; `litekeep %sschedule install` does it\n",
                         lk_console_store_option(c));
    } else if (s->next_run == 0) {
        lk_console_print(c, "scheduled; `litekeep %sschedule show` says how\n", lk_console_store_option(c));
    } else {
        litekeep_format_time_local(s->next_run, when);
        litekeep_format_duration(s->next_run > now ? (s->next_run - now) / SECOND * SECOND : 0, left);
        lk_console_print(c, "%s, in %s\n", when, left);
    }
}

static void print_facts(struct lk_console *c, const struct litekeep_status *s)
{
    char number[LK_DISPLAY_NUMBER_SIZE], stored[LITEKEEP_WORD_SIZE], left[LITEKEEP_WORD_SIZE];
    const size_t backups = count_backups(s);
    litekeep_format_size(s->stored_bytes, stored);
    print_name(c, "Store");
    lk_console_print(c, "%s: %s in backups", s->store, stored);
    if (s->free_bytes != UINT64_MAX) {
        litekeep_format_size(s->free_bytes, left);
        lk_console_print(c, ", %s free", left);
    }
    lk_console_print(c, "\n");
    if (backups > 0) {
        print_name(c, "Copies");
        lk_console_print(c,
                         "%s backup%s of %zu database%s, all in this one store: no second copy elsewhere\n",
                         lk_display_number(backups, number), lk_display_plural(backups), s->databases,
                         lk_display_plural(s->databases));
    }
    print_last_run(c, &s->last_run);
    print_next_run(c, s);
}

static enum lk_status print_databases(struct lk_console *c, const struct litekeep_status *s,
                                      struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {
        {"DATABASE", false}, {"STATE", false},  {"AGE", true},  {"LAST BACKUP", false},
        {"ROWS", true},      {"BACKUPS", true}, {"SIZE", true}, {"SOURCE", false}};
    /* From the right, but for the path. */
    static const size_t least[] = {6, 5, 4, 3};
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    lk_grid_paths(grid, sizeof columns / sizeof columns[0] - 1);
    lk_grid_leave_out(grid, least, sizeof least / sizeof least[0]);
    for (size_t i = 0; i < s->databases; i++) {
        const struct litekeep_database_status *d = &s->database[i];
        char text[LITEKEEP_WORD_SIZE];
        lk_grid_cell(grid, d->name, LK_STYLE_PLAIN);
        lk_grid_cell(grid, word_of(d->state), style_of(d->state));
        lk_grid_cell(grid, d->last_finished != 0 ? lk_display_age(d->last_finished, text) : "-",
                     LK_STYLE_PLAIN);
        if (d->last_finished != 0)
            litekeep_format_time_local(d->last_finished, text);
        lk_grid_cell(grid, d->last_finished != 0 ? text : "-", LK_STYLE_PLAIN);
        if (d->counted)
            lk_grid_number(grid, d->rows);
        else
            lk_grid_cell(grid, "-", LK_STYLE_PLAIN);
        lk_grid_number(grid, d->backups);
        lk_grid_size(grid, d->stored_bytes);
        lk_grid_cell(grid, d->path, LK_STYLE_PLAIN);
        if (d->problem != NULL)
            lk_grid_note(grid, d->problem, LK_STYLE_RED);
    }
    size_t shown;
    lk_console_print(c, "\n");
    const enum lk_status status = lk_grid_print(grid, c, lk_console_width(STDOUT_FILENO), &shown, err);
    lk_grid_free(grid);
    return status;
}

static void print_alarms(struct lk_console *c, const struct litekeep_status *s)
{
    bool none_ran = false;
    char time[LITEKEEP_WORD_SIZE];
    if (c->quiet && is_bad(&s->last_run)) {
        litekeep_format_time_local(s->last_run.finished, time);
        lk_console_print(c, "FAILED: the last run, %s: %s\n", time,
                         s->last_run.message != NULL ? s->last_run.message : "no reason was noted");
    }
    if (s->alarms > 0)
        lk_console_print(c, "%s", c->quiet ? "" : "\n");
    lk_alarms_print(c, s->alarm, s->alarms);
    for (size_t i = 0; i < s->alarms; i++)
        none_ran |= s->alarm[i].kind == LITEKEEP_ALARM_STALE;
    for (size_t i = 0; i < s->databases; i++) {
        const struct litekeep_database_status *d = &s->database[i];
        for (size_t k = 0; k < d->alarms; k++) {
            /* That nothing runs at all was said once already. */
            if (none_ran && d->alarm[k].kind == LITEKEEP_ALARM_STALE)
                continue;
            lk_console_print(c, "%s", c->quiet ? "" : "\n");
            lk_alarms_print(c, &d->alarm[k], 1);
        }
        if (c->quiet && strcmp(d->state, "damaged") == 0) {
            lk_console_print(c, "DAMAGED: %s: ", d->name);
            if (d->problem != NULL)
                lk_console_print(c, "%s\n", d->problem);
            else
                lk_console_print(c, "`litekeep %sverify` says where\n", lk_console_store_option(c));
        }
    }
}

static enum lk_status print_screen(struct lk_console *c, const struct litekeep_status *s,
                                   struct lk_error *err)
{
    enum lk_status status = LK_OK;
    if (!c->quiet) {
        print_state(c, s);
        print_facts(c, s);
        if (s->databases > 0)
            status = print_databases(c, s, err);
    }
    if (status == LK_OK)
        print_alarms(c, s);
    if (!c->quiet && strcmp(s->state, "empty") == 0)
        lk_console_print(c,
                         "\nNothing has been backed up yet: litekeep backup PATH makes the first backup.\n");
    return status;
}

/* ---- For a program */

static struct lk_document database_document(const struct litekeep_database_status *d)
{
    struct lk_document o = lk_document_object(), alarms = lk_alarms_documents(d->alarm, d->alarms);
    lk_document_text(&o, "database", d->name);
    lk_document_text(&o, "path", d->path != NULL && d->path[0] != '\0' ? d->path : NULL);
    lk_document_text(&o, "state", d->state);
    lk_document_text(&o, "problem", d->problem);
    lk_document_text(&o, "last_backup", d->last_id);
    lk_document_time(&o, "last_finished", d->last_finished);
    if (d->counted) {
        lk_document_number(&o, "rows", d->rows);
        lk_document_number(&o, "tables", d->tables);
    } else {
        lk_document_null(&o, "rows");
        lk_document_null(&o, "tables");
    }
    lk_document_number(&o, "backups", d->backups);
    lk_document_number(&o, "copies", d->copies);
    lk_document_number(&o, "stored_bytes", d->stored_bytes);
    lk_document_time(&o, "verified", d->verified);
    if (d->promised > 0)
        lk_document_seconds(&o, "promised_seconds", d->promised);
    else
        lk_document_null(&o, "promised_seconds");
    lk_document_put(&o, "alarms", &alarms);
    return o;
}

static struct lk_document run_document(const struct litekeep_run_status *run)
{
    struct lk_document o = lk_document_object();
    lk_document_time(&o, "started", run->started);
    lk_document_time(&o, "finished", run->finished);
    lk_document_number(&o, "status", run->status);
    lk_document_number(&o, "done", run->done);
    lk_document_number(&o, "failed", run->failed);
    lk_document_number(&o, "alarms", run->alarms);
    lk_document_text(&o, "message", run->message);
    return o;
}

static enum lk_status print_json(struct lk_console *c, const struct litekeep_status *s, struct lk_error *err)
{
    struct lk_document o = lk_document_object(), databases = lk_document_array();
    struct lk_document alarms = lk_alarms_documents(s->alarm, s->alarms), run = run_document(&s->last_run);
    size_t open, stale;
    count_alarms(s, &open, &stale);
    for (size_t i = 0; i < s->databases; i++) {
        struct lk_document d = database_document(&s->database[i]);
        lk_document_append(&databases, &d);
    }
    lk_document_number(&o, "status", s->status);
    lk_document_text(&o, "state", s->state);
    lk_document_text(&o, "store", s->store);
    lk_document_number(&o, "stored_bytes", s->stored_bytes);
    if (s->free_bytes != UINT64_MAX)
        lk_document_number(&o, "free_bytes", s->free_bytes);
    else
        lk_document_null(&o, "free_bytes");
    lk_document_number(&o, "backups", count_backups(s));
    lk_document_number(&o, "open_alarms", open);
    lk_document_number(&o, "late", stale);
    lk_document_flag(&o, "scheduled", s->scheduled);
    lk_document_time(&o, "next_run", s->next_run);
    if (s->last_run.finished != 0) {
        lk_document_put(&o, "last_run", &run);
    } else {
        lk_document_reset(&run);
        lk_document_null(&o, "last_run");
    }
    lk_document_put(&o, "alarms", &alarms);
    lk_document_put(&o, "databases", &databases);
    return lk_document_print(&o, c, err);
}

static void on_event(void *context, const struct litekeep_event *e)
{
    if (e->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(context, "%s", e->message);
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct litekeep *lk = NULL;
    struct litekeep_status *s = NULL;
    enum lk_status status = lk_commands_open(in, false, on_event, in->console, &lk, err);
    if (status == LK_OK)
        status = litekeep_status(lk, &s, err);
    if (status == LK_OK)
        status = in->console->json ? print_json(in->console, s, err) : print_screen(in->console, s, err);
    if (status == LK_OK) {
        status = s->status;
        err->message[0] = '\0'; /* the screen has said it */
    }
    litekeep_status_free(s);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep status", "how everything is"},
    {"litekeep status -q", "from cron or a login shell: silent unless something is wrong"},
    {"litekeep status --json | jq -r '.databases[] | select(.state != \"ok\") | .database'",
     "from a monitor"},
};

static const int exit_codes[] = {0, 1, 2, 3, 4, 5, 10, 130, -1};

const struct lk_command lk_cmd_status = {
    .name = "status",
    .group = "Check",
    .help = "every database, its last backup, open alarms, next run",
    .operands = "",
    .about =
        "Show on one screen how everything is: the store, the last and the next run, each database with its "
        "last backup, and what is wrong.\n"
        "A database is late (STALE) when its newest good backup is older than the schedule, or `every` in "
        "the config file, promises, plus a quarter of that time or an hour; `stale-after` in the config sets "
        "another limit. Exit code 1: the last run failed; 3: it could not back up everything; 4: an alarm is "
        "open, a backup or a run is late, or the store that the "
        "config or the schedule name is not there; 5: a check has found damage.",
    .run = run,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
