/* Text for people: its width on a terminal, cutting it to fit, numbers, and names made safe. Any thread. */
#ifndef LK_CLI_DISPLAY_H
#define LK_CLI_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "litekeep.h"

/* Terminal cells that UTF-8 text takes: combining marks 0, wide characters 2 (wcwidth in the current
 * LC_CTYPE), a byte that is no UTF-8 one. */
size_t lk_display_width(const char *text);

/* How many bytes of `text` fit into `cells` cells when whatever is cut off is replaced by `mark` (counted
 * in). The whole length when all fits; *cut says whether the mark is needed; *used is the cells taken, the
 * mark's included. A mark wider than `cells` is left out: then *cut is true and *used at most `cells`. */
size_t lk_display_fit(const char *text, size_t cells, const char *mark, bool *cut, size_t *used);

/* "900,005"; with a sign "+5", "-1,200", "0". */
#define LK_DISPLAY_NUMBER_SIZE 32
const char *lk_display_number(uint64_t number, char out[LK_DISPLAY_NUMBER_SIZE]);
const char *lk_display_change(uint64_t before, uint64_t now, char out[LK_DISPLAY_NUMBER_SIZE]);

/* How long ago the instant is, in whole seconds at least: "2d 3h", "0s". `out` has LITEKEEP_WORD_SIZE bytes.
 */
const char *lk_display_age(int64_t instant, char *out);

/* "s" unless n is 1. */
const char *lk_display_plural(uint64_t n);

/* A copy in which control characters, bidi overrides and bytes that are no UTF-8 are \xNN or \u{NNNN}. For
 * words of the command line, which may hold anything. NULL when memory is out; free() it. */
char *lk_display_escape(const char *text);

/* The word as a POSIX shell reads it back: as it is when that is safe, else in single quotes. Escaped like
 * lk_display_escape. NULL when memory is out; free() it. */
char *lk_display_quote(const char *word);

/* The command or option that `word` was probably meant to be: the nearest of `count` names by edit distance
 * (insert, delete, replace, swap), or the only one that it begins; NULL when none is near. Names are
 * borrowed. */
const char *lk_display_nearest(const char *word, const char *const *names, size_t count);

#endif
