/* Pieces of a manual page: roff with the man macros, understood by groff and mandoc. */
#ifndef LK_CLI_ROFF_H
#define LK_CLI_ROFF_H

#include <stdio.h>

/* Text that comes out as it is, whatever it holds: backslashes, quotes, dashes that stay dashes when they are
 * copied, points and apostrophes at the beginning of a line, characters beyond ASCII. Valid UTF-8. A line end
 * ends the line of the source, too. `start`: the text begins a line of the source. */
void lk_roff_text(FILE *to, const char *text, int start);

/* The same in bold and in italics. */
void lk_roff_bold(FILE *to, const char *text);
void lk_roff_italic(FILE *to, const char *text);

/* A usage line: literal words bold, names in capitals in italics, brackets and bars as they are. */
void lk_roff_usage(FILE *to, const char *usage);

/* One or more sentences on a line of their own: a capital at the beginning, `end` ('.' or ':') at the end. */
void lk_roff_sentence(FILE *to, const char *text, char end);

/* Lines as they are typed, indented. */
void lk_roff_verbatim(FILE *to, const char *text);

#endif
