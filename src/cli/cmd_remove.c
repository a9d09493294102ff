#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_YES, OPTION_FORCE, OPTION_DRY_RUN, OPTIONS };

static const struct lk_option options[OPTIONS] = {
    [OPTION_YES] = {.name = "yes", .letter = 'y', .kind = LK_OPTION_FLAG, .help = "do not ask"},
    [OPTION_FORCE] = {.name = "force",
                      .kind = LK_OPTION_FLAG,
                      .help = "also one that is pinned, the newest that was verified, the last good one "
                              "before an alarm, or of the original script"},
    [OPTION_DRY_RUN] = {.name = "dry-run", .kind = LK_OPTION_FLAG, .help = "only say what would be removed"},
};

/* Is the answer yes? Nothing, and anything else, is no. */
static bool confirm(const struct litekeep_removed *r)
{
    char size[LITEKEEP_WORD_SIZE], answer[16] = "";
    litekeep_format_size(r->bytes, size);
    fprintf(stderr, "Remove %s@%s for ever (%s)? [y/N] ", r->database, r->id, size);
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        fputc('\n', stderr);
        return false;
    }
    answer[strcspn(answer, "\n")] = '\0';
    return strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0;
}

static enum lk_status put_removed(struct lk_console *c, const struct litekeep_removed *r, bool dry,
                                  struct lk_error *err)
{
    if (c->json) {
        struct lk_document d = lk_document_object();
        lk_document_flag(&d, "dry_run", dry);
        lk_document_text(&d, "database", r->database);
        lk_document_text(&d, "id", r->id);
        lk_document_number(&d, "bytes", r->bytes);
        return lk_document_print(&d, c, err);
    }
    char size[LITEKEEP_WORD_SIZE];
    litekeep_format_size(r->bytes, size);
    if (!c->quiet)
        lk_console_print(c, "%s %s@%s: %s%s freed\n", dry ? "Would remove" : "Removed", r->database, r->id,
                         size, dry ? " would be" : "");
    return LK_OK;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const struct lk_option_value *v = in->args->option;
    const bool force = v[OPTION_FORCE].given, dry = v[OPTION_DRY_RUN].given;
    struct litekeep *lk = NULL;
    struct litekeep_removed *planned = NULL, *removed = NULL;
    char *exact = NULL;
    enum lk_status status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK)
        status = litekeep_remove(lk, in->args->operand[0], force, true, &planned, err);
    if (status == LK_OK && dry)
        status = put_removed(in->console, planned, true, err);
    if (status != LK_OK || dry)
        goto out;
    if (!v[OPTION_YES].given && isatty(STDIN_FILENO) != 1) {
        status = lk_console_fail(err, LK_USAGE, "%s@%s would be removed for ever: say --yes to do it",
                                 planned->database, planned->id);
        goto out;
    }
    if (!v[OPTION_YES].given && !confirm(planned)) {
        status = lk_console_fail(err, LK_REFUSED, "nothing was removed");
        goto out;
    }
    /* What was asked about, even if another backup is the latest by now. */
    const size_t size = strlen(planned->database) + strlen(planned->id) + 2;
    exact = malloc(size);
    if (exact == NULL) {
        status = lk_console_fail_memory(err);
        goto out;
    }
    snprintf(exact, size, "%s@%s", planned->database, planned->id);
    status = litekeep_remove(lk, exact, force, false, &removed, err);
    if (status == LK_OK)
        status = put_removed(in->console, removed, false, err);
out:
    free(exact);
    litekeep_removed_free(removed);
    litekeep_removed_free(planned);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep remove posts@2024-05-29T091442Z", "one backup, after a question"},
    {"litekeep remove posts@latest --yes --force", "the newest one, although it is the newest"},
    {"litekeep remove posts@2024-05-29 --dry-run", "which one that is, and what it would free"},
};

static const int exit_codes[] = {0, 1, 2, 6, 10, 11, -1};

const struct lk_command lk_cmd_remove = {
    .name = "remove",
    .group = "Manage",
    .help = "delete one backup",
    .operands = "DB@WHEN",
    .least = 1,
    .most = 1,
    .about =
        "Delete one backup. Other backups stay whole: files that they share with it are not deleted. On a "
        "terminal it asks first; elsewhere it wants --yes.\n"
        "Refused without --force: a backup that is pinned, the newest one that was verified, the last "
        "good one before an alarm, and those of the original script.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
