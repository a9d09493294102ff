#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_INCLUDE, OPTION_EXCLUDE, OPTION_FIX, OPTION_YES, OPTION_DRY_RUN, OPTIONS };

static const struct lk_option options[OPTIONS] = {
    [OPTION_INCLUDE] = {.name = "include",
                        .kind = LK_OPTION_LIST,
                        .argument = "GLOB",
                        .fallback = "all",
                        .help = "look only at paths that match"},
    [OPTION_EXCLUDE] = {.name = "exclude",
                        .kind = LK_OPTION_LIST,
                        .argument = "GLOB",
                        .fallback = "none",
                        .help = "leave out paths that match"},
    [OPTION_FIX] = {.name = "fix",
                    .kind = LK_OPTION_FLAG,
                    .help =
                        "make databases safe from Git: take them out of the index, add them to .gitignore"},
    [OPTION_YES] = {.name = "yes", .letter = 'y', .kind = LK_OPTION_FLAG, .help = "with --fix: do not ask"},
    [OPTION_DRY_RUN] = {.name = "dry-run",
                        .kind = LK_OPTION_FLAG,
                        .help = "with --fix: only say what would be done"},
};

/* What the last line and the table need to know of all databases. */
struct counts {
    size_t usable, never, problems;
    int64_t oldest; /* of the last backups' times */
};

static struct counts count(const struct litekeep_scan *scan)
{
    struct counts n = {0};
    for (size_t i = 0; i < scan->count; i++) {
        const struct litekeep_found *f = &scan->found[i];
        if (f->problem != NULL) {
            n.problems++;
            continue;
        }
        n.usable++;
        if (f->last_backup == NULL)
            n.never++;
        else if (n.oldest == 0 || f->last_finished < n.oldest)
            n.oldest = f->last_finished;
    }
    return n;
}

/* A folder, and what could not even be looked at, has no size. */
static bool is_sized(const struct litekeep_found *f)
{
    return f->problem == NULL || f->modified != 0;
}

static void add_row(struct lk_grid *grid, const struct litekeep_found *f)
{
    char text[LITEKEEP_WORD_SIZE + 8];
    if (is_sized(f))
        lk_grid_size(grid, f->bytes + f->wal_bytes);
    else
        lk_grid_cell(grid, "-", LK_STYLE_PLAIN);
    lk_grid_cell(grid, f->journal_mode != NULL && f->journal_mode[0] != '\0' ? f->journal_mode : "-",
                 LK_STYLE_PLAIN);
    if (f->last_backup != NULL) {
        lk_display_age(f->last_finished, text);
        strcat(text, " ago");
        lk_grid_cell(grid, text, LK_STYLE_PLAIN);
    } else {
        lk_grid_cell(grid, f->problem != NULL ? "-" : "never",
                     f->problem != NULL ? LK_STYLE_PLAIN : LK_STYLE_YELLOW);
    }
    lk_grid_cell(grid, f->path, LK_STYLE_PLAIN);
    if (f->problem != NULL)
        lk_grid_note(grid, f->problem, LK_STYLE_RED);
    for (size_t k = 0; f->threats != NULL && f->threats[k] != NULL; k++)
        lk_grid_note(grid, f->threats[k], LK_STYLE_YELLOW);
    for (size_t k = 0; f->remedies != NULL && f->remedies[k] != NULL; k++)
        lk_grid_note(grid, f->remedies[k], LK_STYLE_PLAIN);
}

/* The paths of the command line again, as a shell reads them. */
static enum lk_status print_paths(struct lk_console *c, const struct lk_arguments *args, struct lk_error *err)
{
    for (size_t i = 0; i < args->operands; i++) {
        char *quoted = lk_display_quote(args->operand[i]);
        if (quoted == NULL)
            return lk_console_fail_memory(err);
        lk_console_print(c, " %s", quoted);
        free(quoted);
    }
    return LK_OK;
}

static enum lk_status print_advice(struct lk_console *c, const struct lk_arguments *args,
                                   const struct counts *n, struct lk_error *err)
{
    char text[LITEKEEP_WORD_SIZE];
    if (n->problems > 0)
        lk_console_print(c, "%zu file%s cannot be backed up as %s; the reason stands below each.\n",
                         n->problems, lk_display_plural(n->problems),
                         n->problems == 1 ? "it is" : "they are");
    if (n->never > 0) {
        if (n->usable == 1)
            lk_console_print(c, "The database was never backed up: litekeep backup");
        else if (n->never == n->usable)
            lk_console_print(c, "None of the %zu databases was ever backed up: litekeep backup", n->usable);
        else
            lk_console_print(c, "%zu of %zu databases %s never backed up: litekeep backup", n->never,
                             n->usable, n->never == 1 ? "was" : "were");
        const enum lk_status status = print_paths(c, args, err);
        lk_console_print(c, "\n");
        return status;
    }
    if (n->usable > 0) {
        lk_display_age(n->oldest, text);
        if (n->usable == 1)
            lk_console_print(c, "The database was backed up %s ago.\n", text);
        else
            lk_console_print(c, "All %zu databases have backups, the one that is longest ago %s old.\n",
                             n->usable, text);
    } else if (n->problems == 0) {
        lk_console_print(c, "No SQLite database was found.\n");
    }
    return LK_OK;
}

static enum lk_status print_table(struct lk_console *c, const struct lk_arguments *args,
                                  const struct litekeep_scan *scan, struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {
        {"SIZE", true}, {"MODE", false}, {"LAST BACKUP", false}, {"PATH", false}};
    const struct counts n = count(scan);
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < scan->count; i++) {
        const struct litekeep_found *f = &scan->found[i];
        if (!c->quiet || f->problem != NULL || f->last_backup == NULL ||
            (f->threats != NULL && f->threats[0] != NULL))
            add_row(grid, f);
    }
    size_t shown;
    enum lk_status status = LK_OK;
    if (scan->count > 0)
        status = lk_grid_print(grid, c, 0, &shown, err);
    if (status == LK_OK && !c->quiet) {
        lk_console_print(c, scan->count > 0 ? "\n" : "%s", "");
        status = print_advice(c, args, &n, err);
    }
    lk_grid_free(grid);
    return status;
}

static enum lk_status print_json(struct lk_console *c, const struct litekeep_scan *scan,
                                 struct lk_document *fixed, struct lk_error *err)
{
    const struct counts n = count(scan);
    struct lk_document list = lk_document_array();
    for (size_t i = 0; i < scan->count; i++) {
        const struct litekeep_found *f = &scan->found[i];
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "path", f->path);
        lk_document_text(&d, "problem", f->problem);
        if (is_sized(f))
            lk_document_number(&d, "bytes", f->bytes);
        else
            lk_document_null(&d, "bytes");
        lk_document_number(&d, "wal_bytes", f->wal_bytes);
        lk_document_text(&d, "journal_mode",
                         f->journal_mode != NULL && f->journal_mode[0] != '\0' ? f->journal_mode : NULL);
        lk_document_number(&d, "page_size", f->page_size);
        lk_document_time(&d, "modified", f->modified);
        lk_document_text(&d, "database", f->database);
        lk_document_text(&d, "last_backup", f->last_backup);
        lk_document_time(&d, "last_finished", f->last_finished);
        lk_document_flag(&d, "git_tracked", f->git_tracked);
        lk_document_texts(&d, "threats", f->threats);
        lk_document_texts(&d, "remedies", f->remedies);
        lk_document_text(&d, "repository", f->repository);
        lk_document_flag(&d, "git_unsafe", f->git_unsafe);
        lk_document_flag(&d, "git_unknown", f->git_unknown);
        lk_document_append(&list, &d);
    }
    struct lk_document d = lk_document_object();
    lk_document_put(&d, "found", &list);
    lk_document_number(&d, "never_backed_up", n.never);
    lk_document_number(&d, "problems", n.problems);
    if (fixed != NULL)
        lk_document_put(&d, "fixed", fixed);
    return lk_document_print(&d, c, err);
}

/* Is the answer yes? Nothing, and anything else, is no. */
static bool ask(const struct litekeep_found *f, size_t count)
{
    char answer[16];
    fprintf(stderr, "%s: make %zu database%s safe from Git (its index and .gitignore are changed)? [y/N] ",
            f->repository, count, lk_display_plural(count));
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        fputc('\n', stderr);
        return false;
    }
    return answer[0] == 'y' || answer[0] == 'Y';
}

static bool same_repository(const struct litekeep_found *a, const struct litekeep_found *b)
{
    return a->repository != NULL && b->repository != NULL && strcmp(a->repository, b->repository) == 0;
}

/* One database. What cannot be done does not stop the others. */
static enum lk_status fix_one(struct litekeep *lk, const struct lk_invocation *in,
                              const struct litekeep_found *f, struct lk_document *fixed)
{
    struct lk_console *c = in->console;
    struct litekeep_guard *g = NULL;
    struct lk_error why = {0};
    static const char *const none[] = {NULL};
    const enum lk_status status =
        litekeep_guard_fix(lk, f->file, in->args->option[OPTION_DRY_RUN].given, &g, &why);
    const char *const *done = g != NULL ? g->done : none, *const *notes = g != NULL ? g->notes : none;
    if (c->json) {
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "path", f->path);
        lk_document_text(&d, "repository", f->repository);
        lk_document_flag(&d, "changed", g != NULL && g->changed);
        lk_document_texts(&d, "done", done);
        lk_document_texts(&d, "notes", notes);
        lk_document_text(&d, "problem", status != LK_OK ? why.message : NULL);
        lk_document_append(fixed, &d);
    } else if (!c->quiet) {
        for (size_t i = 0; done[i] != NULL; i++)
            lk_console_print(c, "  %s\n", done[i]);
        for (size_t i = 0; notes[i] != NULL; i++)
            lk_console_print(c, "  note: %s\n", notes[i]);
    }
    if (status != LK_OK)
        lk_console_error(c, "%s: %s", f->path, why.message);
    litekeep_guard_free(g);
    return status;
}

/* Repository by repository, each after a yes. */
static enum lk_status fix_all(struct litekeep *lk, const struct lk_invocation *in,
                              const struct litekeep_scan *scan, struct lk_document *fixed)
{
    const struct lk_option_value *given = in->args->option;
    const bool sure = given[OPTION_YES].given || given[OPTION_DRY_RUN].given;
    enum lk_status worst = LK_OK;
    size_t found = 0;
    for (size_t i = 0; i < scan->count; i++) {
        const struct litekeep_found *f = &scan->found[i];
        size_t count = 0;
        bool seen = false;
        if (f->git_unknown) {
            lk_console_error(in->console, "%s: %s", f->path, f->threats[0]);
            worst = litekeep_worse(worst, LK_REFUSED);
            continue;
        }
        for (size_t k = 0; k < scan->count; k++) {
            const bool same = scan->found[k].git_unsafe && same_repository(f, &scan->found[k]);
            seen = seen || (same && k < i);
            count += same ? 1 : 0;
        }
        if (!f->git_unsafe || seen)
            continue;
        found++;
        if (!sure && !ask(f, count))
            continue;
        if (!in->console->json && !in->console->quiet)
            lk_console_print(in->console, "%s\n", f->repository);
        for (size_t k = i; k < scan->count; k++) {
            if (scan->found[k].git_unsafe && same_repository(f, &scan->found[k]))
                worst = litekeep_worse(worst, fix_one(lk, in, &scan->found[k], fixed));
        }
    }
    if (found == 0 && worst == LK_OK && !in->console->json && !in->console->quiet)
        lk_console_print(in->console, "Nothing to do: every database found is safe from Git.\n");
    return worst;
}

static enum lk_status fix_found(struct litekeep *lk, const struct lk_invocation *in,
                                const struct litekeep_scan *scan, struct lk_error *err)
{
    struct lk_document fixed = lk_document_array();
    enum lk_status status = fix_all(lk, in, scan, &fixed);
    if (in->console->json) {
        struct lk_error why = {0};
        const enum lk_status printed = print_json(in->console, scan, &fixed, &why);
        if (printed != LK_OK) {
            *err = why;
            status = litekeep_worse(status, printed);
        }
    }
    lk_document_reset(&fixed);
    return status;
}

static enum lk_status check_options(const struct lk_invocation *in, struct lk_error *err)
{
    const struct lk_option_value *given = in->args->option;
    if (!given[OPTION_FIX].given && (given[OPTION_YES].given || given[OPTION_DRY_RUN].given))
        return lk_console_fail(err, LK_USAGE, "--%s goes with --fix",
                               given[OPTION_YES].given ? "yes" : "dry-run");
    if (given[OPTION_FIX].given && !given[OPTION_YES].given && !given[OPTION_DRY_RUN].given &&
        isatty(STDIN_FILENO) != 1)
        return lk_console_fail(err, LK_USAGE,
                               "--fix changes repositories, and there is no terminal to ask on: say --yes to "
                               "do it, or --dry-run to see what would be done");
    return LK_OK;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct lk_console *c = in->console;
    const struct lk_option_value *given = in->args->option;
    const struct litekeep_scan_options wanted = {
        .paths = in->args->operand,
        .include = given[OPTION_INCLUDE].list,
        .exclude = given[OPTION_EXCLUDE].list,
    };
    struct litekeep *lk = NULL;
    struct litekeep_scan *scan = NULL;
    enum lk_status status = check_options(in, err);
    if (status == LK_OK)
        status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK)
        status = litekeep_scan(lk, &wanted, &scan, err);
    if (status == LK_OK && given[OPTION_FIX].given)
        status = fix_found(lk, in, scan, err);
    else if (status == LK_OK)
        status = c->json ? print_json(c, scan, NULL, err) : print_table(c, in->args, scan, err);
    if (scan != NULL && err->message[0] == '\0' && !given[OPTION_FIX].given)
        status = litekeep_worse(status, scan->status); /* err stays empty: the table names each problem */
    litekeep_scan_free(scan);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep scan", "what `paths` of the config names, else the databases below the current folder"},
    {"litekeep scan ~ --exclude '*/.cache/*'", "everything at home but caches"},
    {"litekeep scan --json /data | jq '.found[] | select(.last_backup == null) | .path'",
     "what was never backed up"},
    {"litekeep scan --fix --dry-run ~/project", "what would make its databases safe from Git"},
};

static const int exit_codes[] = {0, 1, 2, 3, 6, 10, 130, -1};

const struct lk_command lk_cmd_scan = {
    .name = "scan",
    .group = "Protect",
    .help = "databases found, their last backup, and what threatens them",
    .operands = "[PATH...]",
    .most = SIZE_MAX,
    .about =
        "Look for SQLite databases in the files and below the folders named (default: `paths` of the "
        "config, else the current folder). A database is known by its "
        "first bytes, not by its name; links are not followed; nothing is opened for writing and "
        "nothing is locked.\n"
        "Where Git may replace or remove a database, the commands that make it safe are printed. --fix does "
        "it, after asking for each repository: it takes tracked databases out of the index and adds them "
        "to .gitignore; the databases themselves, and what else is staged, stay as they are. The next "
        "commit records the removal, and whoever pulls that commit has the file deleted in their clone.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
