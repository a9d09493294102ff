/* Text: UTF-8, UTF-16, and names made safe to show. Any thread. */
#ifndef LK_BASE_TEXT_H
#define LK_BASE_TEXT_H

#include "base/buffer.h"

/* Is it well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms, at most U+10FFFF)? NUL is
 * allowed. ASCII runs go at memory speed. */
bool lk_utf8_valid(const uint8_t *ptr, size_t len);

/* The largest n <= limit such that ptr[0..n) ends on a character boundary. */
size_t lk_utf8_cut(const uint8_t *ptr, size_t len, size_t limit);

/* Append UTF-16 `ptr` (len bytes, native order given by big_endian) to `out` as UTF-8. False, and nothing
 * appended, when it is not well formed (odd length, a lone surrogate): such text does not survive 16 -> 8
 * -> 16. When memory is out: true, nothing appended, and out->failed is set. */
bool lk_utf16_to_utf8(const uint8_t *ptr, size_t len, bool big_endian, struct lk_buffer *out);

/* Append valid UTF-8 as UTF-16 bytes. */
void lk_utf8_to_utf16(const uint8_t *ptr, size_t len, bool big_endian, struct lk_buffer *out);

/* Append `text` for a terminal or a log: control characters (C0, DEL, C1), bidi overrides (U+202A-202E,
 * U+2066-2069), U+2028/2029 and invalid bytes become \n, \t, \r, \xNN or \u{NNNN}; a backslash is doubled. */
void lk_text_escape(struct lk_bytes text, struct lk_buffer *out);

/* The same as a new string, for messages; NULL when memory is out. Free with lk_free. */
char *lk_text_escaped(struct lk_bytes text);

/* The word as a POSIX shell reads it back: as it is when that is safe, else in single quotes. For commands
 * that people copy, and for crontab lines. NULL when memory is out; lk_free it. */
char *lk_text_quote(const char *word);

/* The same for a command line on a terminal: a word with what lk_text_escape does not show as it is becomes
 * $'...', which bash, zsh and ksh read back to the very same bytes. Nothing in it is ever outside of quotes.
 */
char *lk_text_quote_shown(const char *word);

/* The name that `word` was probably meant to be: the nearest of `count` by edit distance (insert, delete,
 * replace, swap), or the only one that it begins; NULL when none is near. Names are borrowed. */
const char *lk_text_nearest(const char *word, const char *const *names, size_t count);

/* Does `text` match a glob (*, ?, [...]; case-sensitive; fnmatch without FNM_PATHNAME)? */
bool lk_glob_match(const char *glob, const char *text);

/* Standard base64 with padding (RFC 4648). decode: false when malformed (wrong length, stray characters or
 * padding, unused bits that are not zero), and nothing is appended. When memory is out: true, nothing
 * appended, and out->failed is set. */
void lk_base64_encode(struct lk_bytes in, struct lk_buffer *out);
bool lk_base64_decode(struct lk_bytes in, struct lk_buffer *out);

/* Is `name` in the NULL-terminated list (NULL: empty)? ASCII letters match in either case, as names do in
 * SQLite. */
bool lk_text_is_listed(const char *const *names, const char *name);

#endif
