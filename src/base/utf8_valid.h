/* The ways to check UTF-8, of which lk_utf8_valid (text.h) takes the fastest. Private to src/base. Any
 * thread. */
#ifndef LK_BASE_UTF8_VALID_H
#define LK_BASE_UTF8_VALID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef bool lk_utf8_check(const uint8_t *ptr, size_t len);

/* All that this processor runs, portable first: fills at most 2, returns how many. The last is the fastest.
 */
size_t lk_utf8_valid_checks(lk_utf8_check *out[2]);

/* How many of the first bytes are ASCII: up to a byte above 0x7f or the end. */
size_t lk_utf8_valid_ascii(const uint8_t *ptr, size_t len);

/* The length, 2 to 4, of the well-formed sequence at ptr[0], which is above 0x7f; 0 when there is none. */
size_t lk_utf8_valid_sequence(const uint8_t *ptr, size_t len);

#endif
