/* Help, printed from the command tables. */
#ifndef LK_CLI_HELP_H
#define LK_CLI_HELP_H

#include <stdio.h>

#include "cli/commands.h"

/* The overview: usage, commands by group, global options, exit codes. */
void lk_help_overview(FILE *to, size_t width);
/* Three lines for somebody who gave no arguments. */
void lk_help_short(FILE *to);
/* Usage, what it does, every option with its default, examples, exit codes. */
void lk_help_command(FILE *to, size_t width, const struct lk_command *command);

/* What an option does, in one line: its help, its words, its default. Writes to `out` and returns it. */
#define LK_HELP_DESCRIPTION_SIZE 1024
const char *lk_help_describe(const struct lk_option *option, char out[LK_HELP_DESCRIPTION_SIZE]);

/* The exit codes of the program, ascending; and whether a command may give one. */
struct lk_help_exit {
    int code;
    const char *meaning;
};
const struct lk_help_exit *lk_help_exits(size_t *count);
bool lk_help_may_exit(const struct lk_command *command, int code);

#endif
