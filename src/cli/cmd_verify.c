#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/progress.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_SUBSET, OPTION_RESTORE, OPTION_TMP, OPTION_JOBS, OPTIONS };

static const struct lk_option options[OPTIONS] = {
    [OPTION_SUBSET] = {.name = "read-data-subset",
                       .kind = LK_OPTION_TEXT,
                       .argument = "N/T",
                       .fallback = "all",
                       .help = "read only the data of the N-th of T subsets"},
    [OPTION_RESTORE] = {.name = "restore",
                        .kind = LK_OPTION_FLAG,
                        .help = "also rebuild each database in a temporary file and compare it"},
    [OPTION_TMP] = {.name = "tmp",
                    .kind = LK_OPTION_TEXT,
                    .argument = "DIR",
                    .fallback = "$TMPDIR, else /var/tmp",
                    .help = "where databases are rebuilt"},
    [OPTION_JOBS] = {.name = "jobs",
                     .kind = LK_OPTION_COUNT,
                     .argument = "N",
                     .fallback = "by processors",
                     .help = "threads that read",
                     .least = 1},
};

struct shown_run {
    struct lk_console *console;
    struct lk_progress progress;
    bool failed; /* memory ran out while an event was shown */
};

static void show_checked(struct shown_run *r, const struct litekeep_event *e)
{
    struct lk_console *c = r->console;
    char rows[LK_DISPLAY_NUMBER_SIZE], tables[LK_DISPLAY_NUMBER_SIZE];
    char size[LITEKEEP_WORD_SIZE], duration[LITEKEEP_WORD_SIZE];
    if (c->quiet && e->status == LK_OK)
        return;
    litekeep_format_size(e->stored_bytes, size);
    litekeep_format_duration(e->duration, duration);
    lk_console_print(c, "%s%s@%s%s  ", lk_console_style(c->colour, LK_STYLE_BOLD), e->database, e->id,
                     lk_console_style(c->colour, LK_STYLE_PLAIN));
    if (e->rows > 0 || e->status == LK_OK)
        lk_console_print(c, "%s row%s in %s table%s  %s  %s  ", lk_display_number(e->rows, rows),
                         lk_display_plural(e->rows), lk_display_number(e->tables, tables),
                         lk_display_plural(e->tables), size, duration);
    if (e->status == LK_DAMAGED)
        lk_console_print(c, "%sDAMAGED%s\n", lk_console_style(c->colour, LK_STYLE_RED),
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
    else
        lk_console_print(c, "%s\n", e->status == LK_OK ? "whole" : "not checked or not rebuilt");
}

static void put_checked(struct shown_run *r, const struct litekeep_event *e)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "type", "checked");
    lk_document_text(&d, "database", e->database);
    lk_document_text(&d, "id", e->id);
    lk_document_number(&d, "status", e->status);
    lk_document_number(&d, "tables", e->tables);
    lk_document_number(&d, "rows", e->rows);
    lk_document_number(&d, "stored_bytes", e->stored_bytes);
    lk_document_seconds(&d, "seconds", e->duration);
    struct lk_error err = {0};
    r->failed = lk_document_print(&d, r->console, &err) != LK_OK || r->failed;
}

static void on_event(void *context, const struct litekeep_event *e)
{
    struct shown_run *r = context;
    struct lk_console *c = r->console;
    if (e->type == LITEKEEP_EVENT_PROGRESS) {
        lk_progress_update(&r->progress, e->source_bytes, e->done_bytes, e->rows);
        return;
    }
    lk_progress_erase(&r->progress);
    if (e->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(c, "%s", e->message);
    else if (e->type == LITEKEEP_EVENT_CHECKED && c->json)
        put_checked(r, e);
    else if (e->type == LITEKEEP_EVENT_CHECKED)
        show_checked(r, e);
    else if (e->type == LITEKEEP_EVENT_PROBLEM && !c->json) /* as JSON it comes at the end, with its fields */
        lk_console_print(c, "  %s%s%s\n", e->id == NULL ? e->database : "", e->id == NULL ? ": " : "",
                         e->message);
    lk_console_flush(c);
}

static void show_summary(struct lk_console *c, const struct litekeep_verified *v)
{
    char rows[LK_DISPLAY_NUMBER_SIZE], files[LK_DISPLAY_NUMBER_SIZE], backups[LK_DISPLAY_NUMBER_SIZE];
    char size[LITEKEEP_WORD_SIZE], duration[LITEKEEP_WORD_SIZE];
    for (size_t i = 0; v->notes[i] != NULL; i++)
        lk_console_warning(c, "%s", v->notes[i]);
    if (c->quiet)
        return;
    litekeep_format_size(v->bytes, size);
    litekeep_format_duration(v->duration, duration);
    lk_console_print(c, "%s backup%s checked: %s file%s, %s, %s row%s read, %s",
                     lk_display_number(v->backups, backups), lk_display_plural(v->backups),
                     lk_display_number(v->files, files), lk_display_plural(v->files), size,
                     lk_display_number(v->rows, rows), lk_display_plural(v->rows), duration);
    if (v->restored > 0)
        lk_console_print(c, "; %s rebuilt and compared", lk_display_number(v->restored, rows));
    if (v->damaged_backups > 0)
        lk_console_print(c, "; %s%s DAMAGED%s", lk_console_style(c->colour, LK_STYLE_RED),
                         lk_display_number(v->damaged_backups, backups),
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
    lk_console_print(c, "\n");
}

static void put_result(struct shown_run *r, const struct litekeep_verified *v, const char *store)
{
    struct lk_error err = {0};
    for (size_t i = 0; i < v->damages; i++) {
        const struct litekeep_damage *damage = &v->damage[i];
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "type", "damage");
        lk_document_text(&d, "database", damage->database);
        lk_document_text(&d, "id", damage->id);
        lk_document_text(&d, "table", damage->table);
        lk_document_number(&d, "part", damage->part);
        lk_document_text(&d, "file", damage->file);
        lk_document_text(&d, "message", damage->message);
        lk_document_text(&d, "restorable", damage->restorable);
        r->failed = lk_document_print(&d, r->console, &err) != LK_OK || r->failed;
    }
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "type", "summary");
    lk_document_number(&d, "status", v->status);
    lk_document_text(&d, "store", store);
    lk_document_number(&d, "backups", v->backups);
    lk_document_number(&d, "damaged_backups", v->damaged_backups);
    lk_document_number(&d, "damages", v->damages);
    lk_document_number(&d, "files", v->files);
    lk_document_number(&d, "bytes", v->bytes);
    lk_document_number(&d, "rows", v->rows);
    lk_document_number(&d, "restored", v->restored);
    lk_document_seconds(&d, "seconds", v->duration);
    lk_document_texts(&d, "notes", v->notes);
    r->failed = lk_document_print(&d, r->console, &err) != LK_OK || r->failed;
}

/* "2/7" */
static enum lk_status parse_subset(const char *text, struct litekeep_verify_options *out,
                                   struct lk_error *err)
{
    char *end;
    const bool digit = text[0] >= '0' && text[0] <= '9';
    const unsigned long n = strtoul(text, &end, 10);
    const bool slash = *end == '/' && end[1] >= '0' && end[1] <= '9';
    const unsigned long t = slash ? strtoul(end + 1, &end, 10) : 0;
    if (!digit || !slash || *end != '\0' || n < 1 || n > t || t > 1000000)
        return lk_console_fail(err, LK_USAGE,
                               "--read-data-subset takes which subset of how many, such as 1/7");
    out->subset = (unsigned)n;
    out->subsets = (unsigned)t;
    return LK_OK;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const struct lk_option_value *v = in->args->option;
    struct shown_run shown = {.console = in->console};
    struct litekeep *lk = NULL;
    struct litekeep_verified *verified = NULL;
    char *store = NULL;
    struct litekeep_verify_options wanted = {
        .what = in->args->operand,
        .restore = v[OPTION_RESTORE].given,
        .tmp = v[OPTION_TMP].text,
        .jobs = (unsigned)(v[OPTION_JOBS].number < 1024 ? v[OPTION_JOBS].number : 1024),
    };
    enum lk_status status =
        v[OPTION_SUBSET].given ? parse_subset(v[OPTION_SUBSET].text, &wanted, err) : LK_OK;
    if (status == LK_OK && v[OPTION_TMP].given && !v[OPTION_RESTORE].given)
        status = lk_console_fail(err, LK_USAGE, "--tmp goes with --restore");
    if (status != LK_OK)
        return status;
    lk_progress_init(&shown.progress, in->console);
    status = lk_commands_open(in, false, on_event, &shown, &lk, err);
    if (status == LK_OK)
        status = litekeep_verify(lk, &wanted, &verified, err);
    lk_progress_erase(&shown.progress);
    if (status != LK_OK)
        goto out;
    store = lk_display_escape(litekeep_store_path(lk));
    if (store == NULL) {
        status = lk_console_fail_memory(err);
        goto out;
    }
    if (in->console->json)
        put_result(&shown, verified, store);
    else
        show_summary(in->console, verified);
    if (shown.failed)
        status = lk_console_fail_memory(err);
    else if (verified->status != LK_OK)
        status = lk_console_fail(err, verified->status, "%s", ""); /* all has been said */
out:
    free(store);
    litekeep_verified_free(verified);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep verify", "every backup in the store"},
    {"litekeep verify posts@latest --restore", "one backup, and that it can be brought back"},
    {"litekeep verify -q --read-data-subset 3/7", "from cron: a seventh of the data, silent if it is whole"},
    {"litekeep verify --json | jq -r 'select(.type == \"damage\") | .file'", "from a program"},
};

static const int exit_codes[] = {0, 1, 2, 3, 5, 10, 130, -1};

const struct lk_command lk_cmd_verify = {
    .name = "verify",
    .group = "Check",
    .help = "read everything again and compare it with what was backed up",
    .operands = "[DB[@WHEN]...]",
    .most = SIZE_MAX,
    .about =
        "Check the backups named (DB: all of that database), or every backup in the store: that nothing is "
        "missing and nothing is there "
        "that does not belong, the SHA-256 of each file, and each row of each format, decoded and compared "
        "with "
        "the hash of the rows that were "
        "backed up. What came of it is noted in the store and shown by list.\n"
        "Damage is named by backup, table and part, with the format that the table can still be restored "
        "from. "
        "Backups of the original script have no manifest: of them it is only checked that every file can be "
        "read.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
