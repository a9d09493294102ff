#include "cli/completion.h"

#include <string.h>

enum lk_operand_kind lk_completion_value(const struct lk_option *option)
{
    if (option->argument == NULL || option->words != NULL)
        return LK_OPERAND_OTHER;
    const enum lk_operand_kind kind = lk_operands_kind(option->argument);
    /* The value of an option is never a choice between literal words: those stand in `words`. */
    return kind == LK_OPERAND_WORDS ? LK_OPERAND_OTHER : kind;
}

const char *lk_completion_kind(enum lk_operand_kind kind)
{
    static const char *const names[] = {
        [LK_OPERAND_OTHER] = "other",     [LK_OPERAND_WORDS] = "words", [LK_OPERAND_DATABASE] = "database",
        [LK_OPERAND_BACKUP] = "backup",   [LK_OPERAND_FILE] = "file",   [LK_OPERAND_FOLDER] = "folder",
        [LK_OPERAND_COMMAND] = "command",
    };
    return names[kind];
}

void lk_completion_quote(FILE *to, const char *text, const char *escaped, const char *escape)
{
    fputc('\'', to);
    for (; *text != '\0'; text++) {
        if (strchr(escaped, *text) != NULL)
            fputs(escape, to);
        fputc(*text, to);
    }
    fputc('\'', to);
}
