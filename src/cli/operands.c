#include "cli/operands.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

static bool ends_in(const char *name, const char *end)
{
    const size_t len = strlen(name), tail = strlen(end);
    return len >= tail && strcmp(name + len - tail, end) == 0;
}

enum lk_operand_kind lk_operands_kind(const char *name)
{
    if (islower((unsigned char)name[0]))
        return LK_OPERAND_WORDS;
    if (strcmp(name, "DB") == 0)
        return LK_OPERAND_DATABASE;
    if (strcmp(name, "DB@WHEN") == 0)
        return LK_OPERAND_BACKUP;
    if (strcmp(name, "COMMAND") == 0)
        return LK_OPERAND_COMMAND;
    if (ends_in(name, "DIR"))
        return LK_OPERAND_FOLDER;
    return ends_in(name, "PATH") || ends_in(name, "FILE") ? LK_OPERAND_FILE : LK_OPERAND_OTHER;
}

bool lk_operands_next(const char **text, struct lk_operand *out)
{
    *text += strspn(*text, " ");
    const size_t len = strcspn(*text, " ");
    if (len == 0 || (len == 2 && memcmp(*text, "--", 2) == 0))
        return false;
    *out = (struct lk_operand){0};
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        const char c = (*text)[i];
        if (c == '.')
            out->repeats = true;
        else if (c != '[' && c != ']' && at + 1 < sizeof out->name)
            out->name[at++] = c;
    }
    out->kind = lk_operands_kind(out->name);
    *text += len;
    return true;
}
