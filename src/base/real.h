/* Doubles to and from shortest decimal text. Any thread.
 *
 * Formatting: Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020): the shortest decimal
 * that rounds to the value, the closest of those. Parsing: Clinger's fast path, then Eisel-Lemire (D. Lemire,
 * "Number parsing at a gigabyte per second", 2021), then strtod for the rest. Both use one table of 128-bit
 * powers of ten, made at first use. */
#ifndef LK_BASE_REAL_H
#define LK_BASE_REAL_H

#include "base/bytes.h"

#define LK_REAL_SIZE 32 /* no spelling is longer, NUL included */

/* Write a finite or infinite double in litekeep's JSON spelling and return its length: always with a point or
 * an exponent
 * ("1.0", "-0.0", "0.1", "1e300", "1.5e-7"), infinity as 9e999 and -9e999. No NUL is added. NaN is not a
 * SQLite value: assert. From 1e-5 up to below 1e17 there is no exponent. */
size_t lk_real_format(double value, char out[LK_REAL_SIZE]);

/* Parse a JSON number's text (RFC 8259 grammar, already checked by the caller; any number of digits) to the
 * nearest double, ties to even; overflow gives infinity. */
double lk_real_parse(const char *text, size_t len);

#endif
