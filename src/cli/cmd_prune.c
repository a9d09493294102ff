#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/grid.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    OPTION_LAST,
    OPTION_HOURLY,
    OPTION_DAILY,
    OPTION_WEEKLY,
    OPTION_MONTHLY,
    OPTION_YEARLY,
    OPTION_WITHIN,
    OPTION_TAG,
    OPTION_DRY_RUN,
    OPTIONS
};

#define KEEP_COUNT(word, what)                                                                               \
    {                                                                                                        \
        .name = (word), .kind = LK_OPTION_COUNT, .argument = "N", .fallback = "none", .help = (what)         \
    }

static const struct lk_option options[OPTIONS] = {
    [OPTION_LAST] = KEEP_COUNT("keep-last", "keep the newest N"),
    [OPTION_HOURLY] = KEEP_COUNT("keep-hourly", "for each of the last N hours that have one keep the newest"),
    [OPTION_DAILY] = KEEP_COUNT("keep-daily", "the same for days"),
    [OPTION_WEEKLY] = KEEP_COUNT("keep-weekly", "the same for weeks, which begin on Monday"),
    [OPTION_MONTHLY] = KEEP_COUNT("keep-monthly", "the same for months"),
    [OPTION_YEARLY] = KEEP_COUNT("keep-yearly", "the same for years"),
    [OPTION_WITHIN] = {.name = "keep-within",
                       .kind = LK_OPTION_DURATION,
                       .argument = "TIME",
                       .fallback = "none",
                       .help = "keep all that are younger than the newest by less than this: 30d",
                       .least = 1},
    [OPTION_TAG] = {.name = "keep-tag",
                    .kind = LK_OPTION_LIST,
                    .argument = "TAG",
                    .fallback = "none",
                    .help = "keep all that have this tag"},
    [OPTION_DRY_RUN] = {.name = "dry-run", .kind = LK_OPTION_FLAG, .help = "only say what would be removed"},
};

static void on_event(void *context, const struct litekeep_event *e)
{
    if (e->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(context, "%s", e->message);
}

static unsigned count_of(const struct lk_option_value *v)
{
    return v->number < UINT_MAX ? (unsigned)v->number : UINT_MAX;
}

/* A policy that was given must keep something: zeros do not mean that the config decides. */
static enum lk_status read_policy(const struct lk_option_value *v, struct litekeep_retention *out,
                                  struct lk_error *err)
{
    *out = (struct litekeep_retention){.last = count_of(&v[OPTION_LAST]),
                                       .hourly = count_of(&v[OPTION_HOURLY]),
                                       .daily = count_of(&v[OPTION_DAILY]),
                                       .weekly = count_of(&v[OPTION_WEEKLY]),
                                       .monthly = count_of(&v[OPTION_MONTHLY]),
                                       .yearly = count_of(&v[OPTION_YEARLY]),
                                       .within = v[OPTION_WITHIN].number,
                                       .tags = v[OPTION_TAG].list};
    bool given = false, keeps = false;
    for (int i = OPTION_LAST; i <= OPTION_TAG; i++) {
        given = given || v[i].given;
        keeps = keeps || v[i].number > 0 || v[i].list != NULL;
    }
    return given && !keeps ? lk_console_fail(err, LK_USAGE,
                                             "this policy keeps nothing: at least one --keep option must be "
                                             "more than 0")
                           : LK_OK;
}

/* ---- For people */

static enum lk_status print_database(struct lk_console *c, const struct litekeep_pruned_database *d, bool dry,
                                     struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {
        {"BACKUP", false}, {"STARTED", false}, {"SIZE", true}, {"", false}, {"REASON", false}};
    lk_console_print(c, "%s%s%s\n\n", lk_console_style(c->colour, LK_STYLE_BOLD), d->name,
                     lk_console_style(c->colour, LK_STYLE_PLAIN));
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < d->backups; i++) {
        const struct litekeep_pruned_backup *b = &d->backup[i];
        const bool failed = !b->kept && b->reason != NULL;
        char time[LITEKEEP_WORD_SIZE];
        litekeep_format_time_local(b->started, time);
        lk_grid_cell(grid, b->id, LK_STYLE_PLAIN);
        lk_grid_cell(grid, time, LK_STYLE_PLAIN);
        lk_grid_size(grid, b->bytes);
        lk_grid_cell(grid,
                     b->kept || failed ? "keep"
                     : dry             ? "would remove"
                                       : "removed",
                     b->kept ? LK_STYLE_PLAIN : LK_STYLE_YELLOW);
        lk_grid_cell(grid, b->reason != NULL && b->kept ? b->reason : "", LK_STYLE_PLAIN);
        if (failed)
            lk_grid_note(grid, b->reason, LK_STYLE_RED);
    }
    size_t shown;
    const enum lk_status status = lk_grid_print(grid, c, 0, &shown, err);
    lk_grid_free(grid);
    lk_console_print(c, "\n");
    return status;
}

static enum lk_status print_all(struct lk_console *c, const struct litekeep_pruned *p, bool dry,
                                struct lk_error *err)
{
    char kept[LK_DISPLAY_NUMBER_SIZE], removed[LK_DISPLAY_NUMBER_SIZE], size[LITEKEEP_WORD_SIZE];
    enum lk_status status = LK_OK;
    for (size_t i = 0; status == LK_OK && !c->quiet && i < p->databases; i++) {
        if (p->database[i].problem == NULL && p->database[i].backups > 0)
            status = print_database(c, &p->database[i], dry, err);
    }
    litekeep_format_size(p->bytes, size);
    if (status == LK_OK && !c->quiet)
        lk_console_print(c, "%s backup%s kept, %s %sremoved, %s %sfreed\n", lk_display_number(p->kept, kept),
                         lk_display_plural(p->kept), lk_display_number(p->removed, removed),
                         dry ? "would be " : "", size, dry ? "would be " : "");
    return status;
}

/* ---- For programs */

static enum lk_status print_json(struct lk_console *c, const struct litekeep_pruned *p, bool dry,
                                 struct lk_error *err)
{
    struct lk_document databases = lk_document_array();
    for (size_t i = 0; i < p->databases; i++) {
        const struct litekeep_pruned_database *d = &p->database[i];
        struct lk_document one = lk_document_object(), backups = lk_document_array();
        for (size_t k = 0; k < d->backups; k++) {
            const struct litekeep_pruned_backup *b = &d->backup[k];
            struct lk_document backup = lk_document_object();
            lk_document_text(&backup, "id", b->id);
            lk_document_time(&backup, "started", b->started);
            lk_document_flag(&backup, "kept", b->kept);
            lk_document_text(&backup, "reason", b->kept ? b->reason : NULL);
            lk_document_text(&backup, "problem", b->kept ? NULL : b->reason);
            lk_document_number(&backup, "bytes", b->bytes);
            lk_document_append(&backups, &backup);
        }
        lk_document_text(&one, "database", d->name);
        lk_document_text(&one, "problem", d->problem);
        lk_document_text(&one, "note", d->note);
        lk_document_put(&one, "backups", &backups);
        lk_document_append(&databases, &one);
    }
    struct lk_document doc = lk_document_object();
    lk_document_number(&doc, "status", p->status);
    lk_document_flag(&doc, "dry_run", dry);
    lk_document_number(&doc, "kept", p->kept);
    lk_document_number(&doc, "removed", p->removed);
    lk_document_number(&doc, "bytes", p->bytes);
    lk_document_put(&doc, "databases", &databases);
    return lk_document_print(&doc, c, err);
}

static void say_problems(struct lk_console *c, const struct litekeep_pruned *p)
{
    for (size_t i = 0; i < p->databases; i++) {
        const struct litekeep_pruned_database *d = &p->database[i];
        if (d->problem != NULL)
            lk_console_error(c, "%s: %s", d->name, d->problem);
        else if (d->note != NULL)
            lk_console_remark(c, "%s: %s", d->name, d->note);
        for (size_t k = 0; k < d->backups; k++) {
            if (!d->backup[k].kept && d->backup[k].reason != NULL)
                lk_console_error(c, "%s@%s was not removed: %s", d->name, d->backup[k].id,
                                 d->backup[k].reason);
        }
    }
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct lk_console *c = in->console;
    const struct lk_option_value *v = in->args->option;
    const bool dry = v[OPTION_DRY_RUN].given;
    struct litekeep_prune_options wanted = {.databases = in->args->operand, .dry_run = dry};
    struct litekeep *lk = NULL;
    struct litekeep_pruned *pruned = NULL;
    enum lk_status status = read_policy(v, &wanted.keep, err);
    if (status == LK_OK)
        status = lk_commands_open(in, false, on_event, c, &lk, err);
    if (status == LK_OK)
        status = litekeep_prune(lk, &wanted, &pruned, err);
    if (status == LK_OK) {
        status = c->json ? print_json(c, pruned, dry, err) : print_all(c, pruned, dry, err);
        say_problems(c, pruned);
    }
    if (status == LK_OK && pruned->status != LK_OK)
        status = lk_console_fail(err, pruned->status, "%s", ""); /* all has been said */
    litekeep_pruned_free(pruned);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep prune --keep-last 3 --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run",
     "what would go, and why the others stay"},
    {"litekeep prune posts --keep-within 30d --keep-yearly 10", "one database by a policy of its own"},
    {"litekeep prune", "each database by what the config says"},
};

static const int exit_codes[] = {0, 1, 2, 10, 11, 130, -1};

const struct lk_command lk_cmd_prune = {
    .name = "prune",
    .group = "Manage",
    .help = "remove old backups by a policy, and say why each one is kept",
    .operands = "[DB...]",
    .most = SIZE_MAX,
    .about =
        "Remove the backups that the policy does not keep: of the databases named, or of all. The policy is "
        "made of the --keep options, which add up; without any, it is what the config says for each database "
        "(there it is also carried out after each backup). At least one must keep something.\n"
        "Hours, days, weeks, months and years are those of the local time. While a count is not used up the "
        "oldest backup is kept too. Backups that show a loss, partial ones (--table) and damaged ones are "
        "each "
        "judged apart: they never push a good one out.\n"
        "Whatever the policy, these stay: the newest backup that was verified, those that are pinned, the "
        "last "
        "good one before an alarm, those whose time cannot be right, and those of the original script.\n"
        "A database that no policy is for keeps all (--verbose names it). Nothing is asked: look first with "
        "--dry-run.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
