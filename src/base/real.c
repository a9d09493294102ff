#include "base/real.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>

#include "base/real_powers.h"

/* IEEE 754 binary64: sign, 11 bits of exponent (biased by 1023), 52 bits of significand with a hidden first
 * one. */
#define SIGNIFICAND_BITS 52
#define HIDDEN_BIT (UINT64_C(1) << SIGNIFICAND_BITS)
#define EXPONENT_LIMIT 0x7ff /* infinity and NaN */
#define EXPONENT_OF_INTEGERS (1023 + SIGNIFICAND_BITS)

struct decimal {
    uint64_t digits; /* the value is digits * 10^exponent */
    int exponent;
};

struct product {
    uint64_t high;
    uint64_t low;
};

static struct product multiply(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 uint128;
    const uint128 p = (uint128)a * b;
    return (struct product){.high = (uint64_t)(p >> 64), .low = (uint64_t)p};
#else
    const uint64_t a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
    const uint64_t low = a0 * b0;
    const uint64_t mid = a1 * b0 + (low >> 32);
    const uint64_t mid2 = a0 * b1 + (mid & 0xffffffff);
    return (struct product){.high = a1 * b1 + (mid >> 32) + (mid2 >> 32),
                            .low = mid2 << 32 | (low & 0xffffffff)};
#endif
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- Formatting ---- */

/* The integer part of g * n / 2^128, its last bit set when any part was cut off ("round to odd": section 9.9
 * of the paper). g is taken rounded up, as its section 9.8 requires. */
static uint64_t scaled_to_odd(struct lk_power g, uint64_t n)
{
    const struct product x = multiply(g.low, n);
    const struct product y = multiply(g.high, n);
    const uint64_t low = y.low + x.high;
    const uint64_t high = y.high + (low < y.low);
    return high | (low > 1);
}

/* The shortest decimal in the interval that rounds to significand * 2^exponent; of several the closest. The
 * names are the paper's: the value's neighbours' midpoints are vl and vr, all scaled by 4 so that midpoints
 * are integers. */
static struct decimal shortest(uint64_t significand, int exponent, bool narrow_below)
{
    const uint64_t vl_fourfold = 4 * significand - 2 + narrow_below;
    const int k = (exponent * 1262611 - (narrow_below ? 524031 : 0)) >>
                  22; /* floor(log10(2^exponent * (3/4 if narrow))) */
    const int h = exponent + lk_real_powers_log2(-k) + 1;

    struct lk_power g = lk_real_powers()[-k - LK_POWER_MIN];
    if (-k < 0 || -k > LK_POWER_EXACT) {
        g.low++;
        g.high += g.low == 0;
    }
    const bool even = significand % 2 == 0; /* then the midpoints round to the value as well */
    const uint64_t v = scaled_to_odd(g, 4 * significand << h);
    const uint64_t lowest = scaled_to_odd(g, vl_fourfold << h) + !even;
    const uint64_t highest = scaled_to_odd(g, (4 * significand + 2) << h) - !even;

    const uint64_t s = v / 4;
    if (s >= 10) {
        const uint64_t tens = s / 10;
        const bool below = lowest <= 40 * tens;
        const bool above = 40 * tens + 40 <= highest;
        if (below != above)
            return (struct decimal){.digits = tens + above, .exponent = k + 1};
    }
    const bool below = lowest <= 4 * s;
    const bool above = 4 * s + 4 <= highest;
    if (below != above)
        return (struct decimal){.digits = s + above, .exponent = k};
    const uint64_t middle = 4 * s + 2;
    const bool up = v > middle || (v == middle && s % 2 != 0);
    return (struct decimal){.digits = s + up, .exponent = k};
}

static struct decimal to_decimal(uint64_t significand, int biased)
{
    if (biased == 0)
        return shortest(significand, 1 - EXPONENT_OF_INTEGERS, false);
    const int exponent = biased - EXPONENT_OF_INTEGERS;
    const uint64_t c = significand | HIDDEN_BIT;
    /* Integers below 2^53: all their digits are needed. */
    if (exponent <= 0 && exponent >= -SIGNIFICAND_BITS && (c & ((UINT64_C(1) << -exponent) - 1)) == 0)
        return (struct decimal){.digits = c >> -exponent, .exponent = 0};
    return shortest(c, exponent, significand == 0 && biased > 1);
}

static void remove_zeros(struct decimal *d)
{
    while (d->digits % 100000000 == 0) {
        d->digits /= 100000000;
        d->exponent += 8;
    }
    while (d->digits % 10 == 0) {
        d->digits /= 10;
        d->exponent++;
    }
}

/* A number's digits, without leading zeros: text[first] to the end. */
struct digits {
    char text[20];
    size_t first;
};

static void put_digits(uint64_t number, struct digits *out)
{
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697989"
        "9";
    size_t at = sizeof out->text;
    while (number >= 100) {
        at -= 2;
        memcpy(out->text + at, pairs + number % 100 * 2, 2);
        number /= 100;
    }
    if (number >= 10) {
        at -= 2;
        memcpy(out->text + at, pairs + number * 2, 2);
    } else {
        out->text[--at] = (char)('0' + number);
    }
    out->first = at;
}

static size_t digits_count(const struct digits *d)
{
    return sizeof d->text - d->first;
}

/* Where plain notation ends: 1e-5 <= |value| < 1e17 is written without an exponent. */
#define PLAIN_MIN (-5)
#define PLAIN_MAX 16

static char *put_zeros(char *to, int count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

static char *put_decimal(struct decimal d, char *to)
{
    struct digits all;
    put_digits(d.digits, &all);
    const char *const digits = all.text + all.first;
    const int count = (int)digits_count(&all);
    const int first = d.exponent + count - 1; /* the first digit stands for 10^first */
    if (first >= PLAIN_MIN && first < 0) {
        *to++ = '0';
        *to++ = '.';
        to = put_zeros(to, -first - 1);
        memcpy(to, digits, (size_t)count);
        return to + count;
    }
    if (first >= 0 && first <= PLAIN_MAX) {
        const int whole = count < first + 1 ? count : first + 1;
        memcpy(to, digits, (size_t)whole);
        to = put_zeros(to + whole, first + 1 - whole);
        *to++ = '.';
        if (count == whole) {
            *to++ = '0';
            return to;
        }
        memcpy(to, digits + whole, (size_t)(count - whole));
        return to + (count - whole);
    }
    *to++ = digits[0];
    if (count > 1) {
        *to++ = '.';
        memcpy(to, digits + 1, (size_t)(count - 1));
        to += count - 1;
    }
    *to++ = 'e';
    if (first < 0)
        *to++ = '-';
    struct digits exponent;
    put_digits((uint64_t)(first < 0 ? -first : first), &exponent);
    memcpy(to, exponent.text + exponent.first, digits_count(&exponent));
    return to + digits_count(&exponent);
}

size_t lk_real_format(double value, char out[LK_REAL_SIZE])
{
    const uint64_t bits = bits_of(value);
    const uint64_t significand = bits & (HIDDEN_BIT - 1);
    const int biased = (int)(bits >> SIGNIFICAND_BITS) & EXPONENT_LIMIT;
    char *to = out;
    if (bits >> 63 != 0)
        *to++ = '-';
    if (biased == EXPONENT_LIMIT) {
        assert(significand == 0);
        memcpy(to, "9e999", 5);
        return (size_t)(to + 5 - out);
    }
    if (biased == 0 && significand == 0) {
        memcpy(to, "0.0", 3);
        return (size_t)(to + 3 - out);
    }
    struct decimal d = to_decimal(significand, biased);
    remove_zeros(&d);
    return (size_t)(put_decimal(d, to) - out);
}

/* ---- Parsing ---- */

/* A midpoint of two doubles has at most 767 significant digits: of more, it only matters whether one is not
 * zero. */
#define DIGITS_THAT_MATTER 770
#define EXPONENT_CAP 100000000

/* A number's text taken apart: 0.d1d2d3... * 10^point, from the first digit that is not zero. */
struct number {
    bool negative;
    const char *digits; /* may have the point among them */
    const char *end;    /* of the digits */
    int64_t point;
    uint64_t prefix; /* the first 19 digits, without the point; shorter numbers are not padded */
    int prefix_count;
    bool more; /* a digit that is not zero follows the prefix */
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static struct number take_apart(const char *text, size_t len)
{
    struct number n = {0};
    const char *at = text;
    const char *const end = text + len;
    if (at < end && *at == '-') {
        n.negative = true;
        at++;
    }
    bool after_point = false;
    for (; at < end; at++) {
        if (*at == '.') {
            after_point = true;
            continue;
        }
        if (!is_digit(*at))
            break;
        if (n.digits == NULL) {
            if (*at == '0') {
                n.point -= after_point;
                continue;
            }
            n.digits = at;
        }
        n.point += !after_point;
        const unsigned digit = (unsigned)(*at - '0');
        if (n.prefix_count < 19) {
            n.prefix = n.prefix * 10 + digit;
            n.prefix_count++;
        } else {
            n.more |= digit != 0;
        }
    }
    n.end = at;
    if (at == end)
        return n;
    at++; /* e or E */
    const bool below = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    int64_t exponent = 0;
    for (; at < end && is_digit(*at); at++)
        if (exponent < EXPONENT_CAP)
            exponent = exponent * 10 + (*at - '0');
    n.point += below ? -exponent : exponent;
    return n;
}

/* W. D. Clinger, "How to read floating point numbers accurately": both operands are exact, so one operation
 * rounds once. */
static bool parse_exact_operands(uint64_t digits, int64_t exponent, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (FLT_EVAL_METHOD != 0 || digits > UINT64_C(1) << 53 || exponent < -22 || exponent > 22)
        return false;
    *out = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    return true;
}

/* The double nearest to digits * 10^exponent, digits > 0, as bits without a sign. False when 128 bits of the
 * power do not decide it.
 *
 * With the power cut off after 128 bits, the product P of 192 bits is too small by less than `digits`, so its
 * upper 128 bits are too small by at most 1, or 2 once P was shifted. That matters only where the rest may
 * thereby reach a half. */
static bool parse_by_product(uint64_t digits, int exponent, uint64_t *out)
{
    const int zeros = __builtin_clzll(digits);
    const uint64_t w = digits << zeros;
    const struct lk_power g = lk_real_powers()[exponent - LK_POWER_MIN];
    const struct product x = multiply(w, g.low);
    const struct product y = multiply(w, g.high);
    uint64_t lowest = x.low;
    uint64_t low = y.low + x.high;
    uint64_t high = y.high + (low < y.low);
    int biased = 1023 + 64 - zeros + lk_real_powers_log2(exponent); /* if P has its topmost bit set */
    if (high >> 63 == 0) {
        high = high << 1 | low >> 63;
        low = low << 1 | lowest >> 63;
        lowest <<= 1;
        biased--;
    }
    const int shift = biased > 0 ? 63 - SIGNIFICAND_BITS : 64 - SIGNIFICAND_BITS - biased;
    if (shift > 63)
        return false;
    const uint64_t half = UINT64_C(1) << (shift - 1);
    const uint64_t rest = high & (2 * half - 1);
    uint64_t significand = high >> shift;
    const bool exact = exponent >= 0 && exponent <= LK_POWER_EXACT;
    if (!exact && rest == half - 1 && low >= UINT64_MAX - 1)
        return false;
    /* Not exact means that the power was cut: what looks like a half is more. */
    if (rest > half || (rest == half && (low != 0 || lowest != 0 || !exact || significand % 2 != 0)))
        significand++;
    /* Rounding up to the next power of two carries into the exponent, as it should. */
    *out = biased > 0 ? significand + ((uint64_t)(biased - 1) << SIGNIFICAND_BITS) : significand;
    if (*out >= (uint64_t)EXPONENT_LIMIT << SIGNIFICAND_BITS)
        *out = (uint64_t)EXPONENT_LIMIT << SIGNIFICAND_BITS;
    return true;
}

/* By the C library, which is exact but slow: the digits that matter, as an integer with an exponent, so that
 * no locale's decimal point comes into it. */
static double parse_slowly(const struct number *n)
{
    char text[DIGITS_THAT_MATTER + 32];
    size_t count = 0;
    bool more = false;
    for (const char *at = n->digits; at < n->end; at++) {
        if (*at == '.')
            continue;
        if (count < DIGITS_THAT_MATTER)
            text[count++] = *at;
        else
            more |= *at != '0';
    }
    if (more)
        text[count++] = '1';
    int64_t exponent = n->point - (int64_t)count;
    text[count++] = 'e';
    if (exponent < 0) {
        text[count++] = '-';
        exponent = -exponent;
    }
    struct digits spelled;
    put_digits((uint64_t)exponent, &spelled);
    memcpy(text + count, spelled.text + spelled.first, digits_count(&spelled));
    text[count + digits_count(&spelled)] = '\0';
    return strtod(text, NULL);
}

static double parse_magnitude(const struct number *n)
{
    if (n->digits == NULL || n->point < -330)
        return 0.0;
    if (n->point > 310)
        return of_bits((uint64_t)EXPONENT_LIMIT << SIGNIFICAND_BITS);
    const int64_t exponent = n->point - n->prefix_count;
    double value;
    if (!n->more && parse_exact_operands(n->prefix, exponent, &value))
        return value;
    uint64_t bits;
    uint64_t bits_above;
    if (exponent < LK_POWER_MIN || !parse_by_product(n->prefix, (int)exponent, &bits))
        return parse_slowly(n);
    /* Cut digits put the value between prefix and prefix + 1. */
    if (n->more && (!parse_by_product(n->prefix + 1, (int)exponent, &bits_above) || bits_above != bits))
        return parse_slowly(n);
    return of_bits(bits);
}

double lk_real_parse(const char *text, size_t len)
{
    const struct number n = take_apart(text, len);
    const double value = parse_magnitude(&n);
    return n.negative ? -value : value;
}
