/* The tables of the completion scripts, from those of commands and options. The scripts' fixed parts are the
 * templates in docs/manual. */
#ifndef LK_CLI_COMPLETION_H
#define LK_CLI_COMPLETION_H

#include <stdio.h>

#include "cli/commands.h"
#include "cli/operands.h"

/* Functions and data in the language of each shell. Any text of the tables is quoted for it. */
void lk_completion_bash(FILE *to);
void lk_completion_zsh(FILE *to);
void lk_completion_fish(FILE *to);

/* What an option's value stands for; LK_OPERAND_OTHER where `words` say it. */
enum lk_operand_kind lk_completion_value(const struct lk_option *option);
/* "other", "words", "database", "backup", "file", "folder", "command". Static strings. */
const char *lk_completion_kind(enum lk_operand_kind kind);
/* `text` between single quotes, where each character of `escaped` gets `escape` before it. */
void lk_completion_quote(FILE *to, const char *text, const char *escaped, const char *escape);

#endif
