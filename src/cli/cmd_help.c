#include "cli/commands.h"
#include "cli/help.h"

#include <unistd.h>

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const size_t width = lk_console_width(STDOUT_FILENO);
    if (in->args->operands == 0) {
        lk_help_overview(stdout, width);
        return LK_OK;
    }
    const struct lk_command *command = lk_commands_find(in->args->operand[0]);
    if (command == NULL)
        return lk_commands_unknown(in->args->operand[0], err);
    lk_help_command(stdout, width, command);
    return LK_OK;
}

static const struct lk_example examples[] = {
    {"litekeep help backup", "the same as litekeep backup --help"},
};

static const int exit_codes[] = {0, 2, -1};

const struct lk_command lk_cmd_help = {
    .name = "help",
    .group = "About",
    .help = "explain litekeep or one of its commands",
    .operands = "[COMMAND]",
    .most = 1,
    .about = "Print the overview, or what one command does.",
    .run = run,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
