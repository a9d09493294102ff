#include "base/real_powers.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>

/* Natural numbers of up to 1024 bits, 32 bits a digit, the least first. */
#define DIGITS 32

static struct lk_power table[LK_POWER_MAX - LK_POWER_MIN + 1];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void multiply_by_5(uint32_t number[DIGITS])
{
    uint64_t carry = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        carry += (uint64_t)number[i] * 5;
        number[i] = (uint32_t)carry;
        carry >>= 32;
    }
    assert(carry == 0);
}

/* floor(number / 5). Repeated, it stays exact: floor(floor(x / 5) / 5) = floor(x / 25). */
static void divide_by_5(uint32_t number[DIGITS])
{
    uint64_t rest = 0;
    for (size_t i = DIGITS; i-- > 0;) {
        rest = rest << 32 | number[i];
        number[i] = (uint32_t)(rest / 5);
        rest %= 5;
    }
}

/* The 32 bits of the number that end `shift` bits below the top of digit `at`; digits below the first are 0.
 */
static uint64_t bits_at(const uint32_t number[DIGITS], size_t at, unsigned shift)
{
    const uint64_t here = number[at];
    const uint64_t below = at > 0 ? number[at - 1] : 0;
    return ((here << 32 | below) << shift >> 32) & 0xffffffff;
}

/* The first 128 bits of the number, which is not 0. */
static struct lk_power leading_bits(const uint32_t number[DIGITS])
{
    size_t top = DIGITS - 1;
    while (number[top] == 0)
        top--;
    const unsigned shift = (unsigned)__builtin_clz(number[top]);
    uint64_t words[4];
    for (size_t i = 0; i < 4; i++)
        words[i] = top >= i ? bits_at(number, top - i, shift) : 0;
    return (struct lk_power){.high = words[0] << 32 | words[1], .low = words[2] << 32 | words[3]};
}

/* Only the powers of five are computed: a factor of two does not change the leading bits. */
static void make(void)
{
    struct lk_power *const one = table - LK_POWER_MIN;
    uint32_t number[DIGITS] = {1};
    for (int k = 0; k <= LK_POWER_MAX; k++) {
        one[k] = leading_bits(number);
        multiply_by_5(number);
    }
    /* 2^1023 / 5^342 still has more than 128 bits. */
    for (size_t i = 0; i < DIGITS; i++)
        number[i] = 0;
    number[DIGITS - 1] = UINT32_C(1) << 31;
    for (int k = -1; k >= LK_POWER_MIN; k--) {
        divide_by_5(number);
        one[k] = leading_bits(number);
    }
}

const struct lk_power *lk_real_powers(void)
{
    const int failed = pthread_once(&made, make);
    assert(failed == 0);
    (void)failed;
    return table;
}
