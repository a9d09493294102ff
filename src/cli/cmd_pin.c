#include "cli/commands.h"
#include "cli/document.h"

#include <stdio.h>
#include <stdlib.h>

static enum lk_status run(const struct lk_invocation *in, bool pinned, struct lk_error *err)
{
    struct lk_console *c = in->console;
    struct litekeep *lk = NULL;
    char id[LITEKEEP_WORD_SIZE] = "";
    enum lk_status status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK)
        status = litekeep_pin(lk, in->args->operand[0], pinned, id, err);
    if (status == LK_OK && c->json) {
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "id", id);
        lk_document_flag(&d, "pinned", pinned);
        status = lk_document_print(&d, c, err);
    } else if (status == LK_OK && !c->quiet) {
        lk_console_print(c, "%s: %s is %s\n", in->args->operand[0], id,
                         pinned ? "kept for ever" : "no longer pinned");
    }
    litekeep_close(lk);
    return status;
}

static enum lk_status run_pin(const struct lk_invocation *in, struct lk_error *err)
{
    return run(in, true, err);
}

static enum lk_status run_unpin(const struct lk_invocation *in, struct lk_error *err)
{
    return run(in, false, err);
}

static const struct lk_example pin_examples[] = {
    {"litekeep pin posts", "keep the latest backup of posts for ever"},
    {"litekeep pin posts@2024-05-29", "the last one of that day"},
};

static const struct lk_example unpin_examples[] = {
    {"litekeep unpin posts@2024-05-29T091442Z", "prune may remove it again"},
};

static const int pin_exit_codes[] = {0, 1, 2, 10, 11, -1};
static const int unpin_exit_codes[] = {0, 1, 2, 6, 10, 11, -1};

const struct lk_command lk_cmd_pin = {
    .name = "pin",
    .group = "Manage",
    .help = "keep a backup for ever",
    .operands = "DB[@WHEN]",
    .least = 1,
    .most = 1,
    .about =
        "A pinned backup is never removed by prune, whatever the policy, and remove wants --force. The "
        "last good backup before an alarm is pinned by itself.\n"
        "DB is a name that list prints or the path of the database file; WHEN is as in show: latest (the "
        "default), latest~2, an id, a date, a time, an age such as 36h.",
    .run = run_pin,
    .example = pin_examples,
    .examples = sizeof pin_examples / sizeof pin_examples[0],
    .exits = pin_exit_codes,
};

const struct lk_command lk_cmd_unpin = {
    .name = "unpin",
    .group = "Manage",
    .help = "no longer keep a backup for ever",
    .operands = "DB[@WHEN]",
    .least = 1,
    .most = 1,
    .about =
        "Take back a pin: from now on the retention policy decides about the backup. Refused for the last "
        "good backup before an alarm that is open: litekeep ack accepts the alarm.",
    .run = run_unpin,
    .example = unpin_examples,
    .examples = sizeof unpin_examples / sizeof unpin_examples[0],
    .exits = unpin_exit_codes,
};
