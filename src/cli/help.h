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

#endif
