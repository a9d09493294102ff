#include "cli/alarms.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_PROGRAM, OPTION_IF_OLDER_THAN, OPTION_STRICT, OPTION_DRY_RUN, OPTIONS };

static const struct lk_option options[OPTIONS] = {
    [OPTION_PROGRAM] = {.name = "program",
                        .kind = LK_OPTION_TEXT,
                        .argument = "FILE",
                        .fallback = "this program",
                        .help = "install: the litekeep that the hooks run; an absolute path"},
    [OPTION_IF_OLDER_THAN] = {.name = "if-older-than",
                              .kind = LK_OPTION_DURATION,
                              .argument = "TIME",
                              .fallback = "always",
                              .help = "install, backup: no backup of databases whose last one is younger"},
    [OPTION_STRICT] = {.name = "strict",
                       .kind = LK_OPTION_FLAG,
                       .help = "install: a backup that fails stops Git, where Git can be stopped"},
    [OPTION_DRY_RUN] = {.name = "dry-run",
                        .kind = LK_OPTION_FLAG,
                        .help = "install, remove: only say what would be done"},
};

/* `first`: the first backups that came with it, or NULL. */
static enum lk_status print_json(struct lk_console *c, const struct litekeep_guard *g,
                                 const struct litekeep_backup_summary *first, struct lk_error *err)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "repository", g->repository);
    lk_document_flag(&d, "installed", g->installed);
    lk_document_flag(&d, "changed", g->changed);
    lk_document_texts(&d, "done", g->done);
    lk_document_texts(&d, "notes", g->notes);
    lk_document_texts(&d, "databases", g->databases);
    if (first != NULL)
        lk_document_number(&d, "backed_up", first->done);
    return lk_document_print(&d, c, err);
}

static void print_texts(struct lk_console *c, const char *heading, const char *const *texts)
{
    if (texts[0] != NULL)
        lk_console_print(c, "%s", heading);
    for (size_t i = 0; texts[i] != NULL; i++)
        lk_console_print(c, "  %s\n", texts[i]);
}

static enum lk_status print(struct lk_console *c, const struct litekeep_guard *g, const char *nothing,
                            const struct litekeep_backup_summary *first, struct lk_error *err)
{
    if (c->json)
        return print_json(c, g, first, err);
    if (c->quiet)
        return LK_OK;
    lk_console_print(c, "%s\n", g->repository);
    if (nothing != NULL && g->done[0] == NULL)
        lk_console_print(c, "  %s\n", nothing);
    for (size_t i = 0; g->done[i] != NULL; i++)
        lk_console_print(c, "  %s\n", g->done[i]);
    print_texts(c, "Databases that Git tracks:\n", g->databases);
    print_texts(c, "Notes:\n", g->notes);
    return LK_OK;
}

/* A database that was never backed up is nothing that a loss could be seen by, or brought back from. */
static enum lk_status take_first(struct litekeep *lk, const struct litekeep_guard *g, const char *store,
                                 struct litekeep_backup_summary *summary, struct lk_error *err)
{
    const struct litekeep_backup_options wanted = {.paths = g->files, .if_older_than = INT64_MAX};
    struct lk_error why = {0};
    const enum lk_status status = g->files[0] != NULL ? litekeep_backup(lk, &wanted, summary, &why) : LK_OK;
    if (status == LK_OK || status == LK_ALARM)
        return LK_OK;
    return lk_console_fail(err, status,
                           "the hooks are in place, but not every tracked database has a backup to compare "
                           "with (%s); when that is mended: litekeep %sguard backup",
                           why.message, store);
}

static enum lk_status install(struct litekeep *lk, const struct lk_invocation *in, const char *path,
                              struct lk_error *err)
{
    const struct lk_option_value *given = in->args->option;
    const struct litekeep_guard_options wanted = {
        .path = path,
        .program = given[OPTION_PROGRAM].text,
        .if_older_than = given[OPTION_IF_OLDER_THAN].given ? given[OPTION_IF_OLDER_THAN].number : 0,
        .strict = given[OPTION_STRICT].given,
        .dry_run = given[OPTION_DRY_RUN].given,
    };
    struct litekeep_guard *g = NULL;
    struct litekeep_backup_summary first = {0};
    struct lk_error none = {0};
    enum lk_status status = litekeep_guard_install(lk, &wanted, &g, err);
    if (status == LK_OK) {
        if (!wanted.dry_run)
            status = take_first(lk, g, lk_console_store_option(in->console), &first, err);
        const enum lk_status printed = print(in->console, g, "the hooks are in place already", &first, &none);
        if (status == LK_OK && (status = printed) != LK_OK)
            *err = none;
    }
    litekeep_guard_free(g);
    return status;
}

static enum lk_status take_away(struct litekeep *lk, const struct lk_invocation *in, const char *path,
                                struct lk_error *err)
{
    struct litekeep_guard *g = NULL;
    enum lk_status status = litekeep_guard_remove(lk, path, in->args->option[OPTION_DRY_RUN].given, &g, err);
    if (status == LK_OK)
        status = print(in->console, g, "no hook of the guard is there", NULL, err);
    litekeep_guard_free(g);
    return status;
}

static enum lk_status show(struct litekeep *lk, const struct lk_invocation *in, const char *path,
                           struct lk_error *err)
{
    struct litekeep_guard *g = NULL;
    enum lk_status status = litekeep_guard_show(lk, path, &g, err);
    if (status == LK_OK)
        status = print(in->console, g,
                       g->installed ? "the hooks are in place"
                                    : "the hooks are not in place: litekeep guard install",
                       NULL, err);
    litekeep_guard_free(g);
    return status;
}

/* Only what somebody at a terminal has to know who wanted Git and not a backup. */
static void on_event(void *context, const struct litekeep_event *e)
{
    const struct lk_console *c = context;
    if (e->type == LITEKEEP_EVENT_ALARM && e->alarm != NULL) {
        lk_alarms_tell(c, "ALARM", e->alarm);
    } else if (e->type == LITEKEEP_EVENT_PROBLEM) {
        lk_console_error(c, "%s: %s", e->path != NULL ? e->path : "backup", e->message);
    } else if (e->type == LITEKEEP_EVENT_DONE && !c->quiet) {
        lk_console_remark(c, "%s is backed up as %s@%s", e->path, e->database, e->id);
    }
}

static enum lk_status back_up(struct litekeep *lk, const struct lk_invocation *in, const char *path,
                              struct lk_error *err)
{
    const struct lk_option_value *older = &in->args->option[OPTION_IF_OLDER_THAN];
    struct litekeep_guard *g = NULL;
    struct litekeep_backup_summary summary = {0};
    enum lk_status status = litekeep_guard_show(lk, path, &g, err);
    if (status == LK_OK && g->files[0] != NULL) {
        const struct litekeep_backup_options wanted = {
            .paths = g->files,
            .if_older_than = older->given ? older->number : 0,
        };
        status = litekeep_backup(lk, &wanted, &summary, err);
        if (status == LK_ALARM) /* each has been an event */
            *err = (struct lk_error){0};
    }
    if (in->console->json && g != NULL) {
        struct lk_document d = lk_document_object();
        struct lk_error none = {0};
        lk_document_text(&d, "repository", g->repository);
        lk_document_texts(&d, "databases", g->databases);
        lk_document_number(&d, "done", summary.done);
        lk_document_number(&d, "skipped", summary.skipped);
        lk_document_number(&d, "failed", summary.failed);
        lk_document_number(&d, "alarms", summary.alarms);
        const enum lk_status printed = lk_document_print(&d, in->console, &none);
        if (status == LK_OK && (status = printed) != LK_OK)
            *err = none;
    }
    litekeep_guard_free(g);
    return status;
}

/* `without`: databases that have no backup. */
static void show_compared(const struct lk_console *c, const struct litekeep_compared *compared,
                          const char *const *without)
{
    for (size_t i = 0; without[i] != NULL; i++)
        lk_console_error(c, "%s has no backup to compare with: litekeep %sguard backup", without[i],
                         lk_console_store_option(c));
    if (compared == NULL)
        return;
    for (size_t i = 0; i < compared->losses; i++)
        lk_alarms_tell(c, "LOST", &compared->loss[i]);
    for (size_t i = 0; compared->problems[i] != NULL; i++)
        lk_console_error(c, "could not be compared: %s", compared->problems[i]);
}

static enum lk_status check(struct litekeep *lk, const struct lk_invocation *in, const char *path,
                            struct lk_error *err)
{
    struct lk_console *c = in->console;
    struct litekeep_guard *g = NULL;
    struct litekeep_compared *compared = NULL;
    enum lk_status status = litekeep_guard_show(lk, path, &g, err);
    if (status == LK_OK && g->files[0] != NULL) {
        const struct litekeep_compare_options wanted = {.paths = g->files};
        status = litekeep_compare(lk, &wanted, &compared, err);
    }
    if (status == LK_NOT_FOUND && g != NULL) /* no store: none of them has a backup */
        status = g->databases[0] != NULL ? LK_UNREADABLE : LK_OK;
    if (status == LK_OK)
        *err = (struct lk_error){0};
    if (status != LK_OK && status != LK_UNREADABLE) {
        litekeep_guard_free(g);
        return status;
    }
    const char *const *without = compared != NULL ? compared->without : g->databases;
    if (without[0] != NULL)
        status = LK_UNREADABLE;
    show_compared(c, compared, without);
    if (c->json) {
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "repository", g->repository);
        lk_document_texts(&d, "databases", g->databases);
        lk_document_number(&d, "compared", compared != NULL ? compared->databases : 0);
        lk_document_number(&d, "losses", compared != NULL ? compared->losses : 0);
        lk_document_texts(&d, "problems", compared != NULL ? compared->problems : NULL);
        lk_document_texts(&d, "without_backup", without);
        status = litekeep_worse(status, lk_document_print(&d, c, err));
    }
    if (compared != NULL)
        status = litekeep_worse(status, compared->status);
    litekeep_compared_free(compared);
    litekeep_guard_free(g);
    return status;
}

static const struct action {
    const char *word;
    enum lk_status (*run)(struct litekeep *lk, const struct lk_invocation *in, const char *path,
                          struct lk_error *err);
    unsigned taken; /* options, a bit each */
} actions[] = {
    {"install", install,
     1u << OPTION_PROGRAM | 1u << OPTION_IF_OLDER_THAN | 1u << OPTION_STRICT | 1u << OPTION_DRY_RUN},
    {"show", show, 0},
    {"remove", take_away, 1u << OPTION_DRY_RUN},
    {"backup", back_up, 1u << OPTION_IF_OLDER_THAN},
    {"check", check, 0},
};

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const char *word = in->args->operand[0];
    const struct action *action = NULL;
    struct litekeep *lk = NULL;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].word, word) == 0)
            action = &actions[i];
    }
    if (action == NULL) {
        char *shown = lk_display_escape(word);
        (void)lk_console_fail(err, LK_USAGE, "guard %s: install, show, remove, backup or check is meant",
                              shown != NULL ? shown : "");
        free(shown);
        return LK_USAGE;
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        if (in->args->option[i].given && (action->taken & 1u << i) == 0)
            return lk_console_fail(err, LK_USAGE, "guard %s takes no --%s", word, options[i].name);
    }
    enum lk_status status = lk_commands_open(in, false, on_event, in->console, &lk, err);
    if (status == LK_OK)
        status = action->run(lk, in, in->args->operands > 1 ? in->args->operand[1] : NULL, err);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep guard install", "hooks for the repository that the current folder lies in"},
    {"litekeep guard install --strict ~/project", "a pull without a backup is stopped"},
    {"litekeep guard show", "are they there, and for which databases?"},
    {"litekeep guard remove", "as it was before"},
};

static const int exit_codes[] = {0, 1, 2, 3, 4, 6, 10, 11, 130, -1};

const struct lk_command lk_cmd_guard = {
    .name = "guard",
    .group = "Protect",
    .help = "hooks that back up tracked databases before Git may touch them",
    .operands = "install|show|remove|backup|check [PATH]",
    .least = 1,
    .most = 2,
    .about =
        "The best protection is not to have a database tracked: litekeep scan --fix. Where it has to be, "
        "guard "
        "install puts hooks into the repository of PATH (default: the current folder) that back up every "
        "tracked database before merge, pull, rebase and stash, and look at them after these and after "
        "checkout, switch, restore and reset --hard, for which Git has no hook that runs before. A loss is "
        "shown at once with the command that brings it back.\n"
        "Hooks that are there already are kept and called, with the same arguments, input and exit code; "
        "guard remove gives them their names back. A backup that fails does not stop Git unless --strict is "
        "given. Hooks are not cloned: each clone needs its own. install takes the first backup of the "
        "databases "
        "that have none; one that Git tracks later needs guard backup once.\n"
        "guard backup and guard check are what the hooks run: back up the tracked databases now; compare "
        "them "
        "with their last backups now (exit code 4 when something is gone, 3 when something cannot be looked "
        "at, or has no backup to be compared with).",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
