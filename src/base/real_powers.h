/* Powers of ten as 128-bit numbers: what formatting and parsing of doubles share. Private to real.c. Any
 * thread.
 *
 * The entry g for the exponent k holds the first 128 bits of 10^k, cut off (not rounded):
 *     g * 2^(e - 127) <= 10^k < (g + 1) * 2^(e - 127),  2^127 <= g < 2^128,  e = lk_real_powers_log2(k).
 * It is exact for 0 <= k <= LK_POWER_EXACT, since 5^55 < 2^128 < 5^56, and for no other k. */
#ifndef LK_BASE_REAL_POWERS_H
#define LK_BASE_REAL_POWERS_H

#include <stdint.h>

#define LK_POWER_MIN                                                                                         \
    (-342) /* the longest exact prefix of a double has 19 digits: below 1e-342 they all parse as zero */
#define LK_POWER_MAX 324 /* formatting multiplies the smallest double by it */
#define LK_POWER_EXACT 55

struct lk_power {
    uint64_t high;
    uint64_t low;
};

/* The entry for 10^LK_POWER_MIN, followed by the others; made at the first call. */
const struct lk_power *lk_real_powers(void);

/* floor(log2(10^k)) for |k| <= 1233: Giulietti, "The Schubfach way to render doubles", section 11. */
static inline int lk_real_powers_log2(int k)
{
    return (int)(((int64_t)k * 913124641741) >> 38);
}

#endif
