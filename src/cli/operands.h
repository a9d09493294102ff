/* What the words of a usage line stand for, so that completion knows what to offer. Derived from the text
 * that people read ("[PATH...]", "DB[@WHEN] [TABLE]", "check|show [DB]"), by the names in it:
 *
 *     a|b               one of these words
 *     DB                a database: its folder in the store, or the path of its file
 *     DB@WHEN           a backup of one; DB[@WHEN] too
 *     PATH FILE         a file or folder; so is any name that ends in PATH or FILE
 *     DIR               a folder
 *     COMMAND           a command of litekeep; behind "--" one of the system
 *     anything else     no more is known of it: TABLE, SQL, N, ... */
#ifndef LK_CLI_OPERANDS_H
#define LK_CLI_OPERANDS_H

#include <stdbool.h>
#include <stddef.h>

enum lk_operand_kind {
    LK_OPERAND_OTHER,
    LK_OPERAND_WORDS,
    LK_OPERAND_DATABASE,
    LK_OPERAND_BACKUP,
    LK_OPERAND_FILE,
    LK_OPERAND_FOLDER,
    LK_OPERAND_COMMAND,
};

#define LK_OPERAND_SIZE 64

struct lk_operand {
    enum lk_operand_kind kind;
    char name[LK_OPERAND_SIZE]; /* without brackets and points: "PATH", "DB@WHEN", "check|show" */
    bool repeats;               /* it may come again and again */
};

/* What a single name stands for: that of an operand without brackets, or of an option's value. */
enum lk_operand_kind lk_operands_kind(const char *name);

/* Take the next operand from the text of a usage line and move *text behind it. False at the end of the text
 * and at "--". */
bool lk_operands_next(const char **text, struct lk_operand *out);

#endif
