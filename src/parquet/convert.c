#include "parquet/convert.h"

#include <assert.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/text.h"

#define DAY_SECONDS INT64_C(86400)
#define JULIAN_EPOCH 2440588 /* the Julian day of 1970-01-01 */
#define SPELLING_SIZE (LK_DECIMAL_BYTES * 3 * 2 + 64)

/* Decimal spelling of a two's complement number: digits from the end. */
struct spelling {
    char text[SPELLING_SIZE];
    size_t start;
};

static int64_t load_signed(const uint8_t *from, uint32_t width)
{
    return width == 4 ? (int32_t)lk_get_u32(from) : (int64_t)lk_get_u64(from);
}

/* IEEE 754 binary16: 1 sign bit, 5 of exponent, 10 of fraction. */
static double half_to_double(const uint8_t *from)
{
    const unsigned bits = (unsigned)from[0] | (unsigned)from[1] << 8;
    const uint64_t sign = (uint64_t)(bits >> 15) << 63;
    const unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
    uint64_t wide;
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24 */
        const double value = (double)fraction / 16777216.0;
        memcpy(&wide, &value, sizeof wide);
    } else if (exponent == 31) {
        wide = UINT64_C(0x7ff) << 52 | (uint64_t)fraction << 42;
    } else {
        wide = (uint64_t)(exponent - 15 + 1023) << 52 | (uint64_t)fraction << 42;
    }
    wide |= sign;
    double value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static double load_real(const struct lk_conversion *c, const uint8_t *from)
{
    if (c->kind == LK_CONVERT_FLOAT16)
        return half_to_double(from);
    if (c->type.width == 8)
        return lk_get_f64(from);
    const uint32_t bits = lk_get_u32(from);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* Days since 1970-01-01 to a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date
 * algorithms", civil_from_days). */
static size_t spell_date(int64_t days, char *out, size_t size)
{
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t day_of_era = z - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted = (5 * day_of_year + 2) / 153;
    const int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
    const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    const int n = snprintf(out, size, "%s%04lld-%02d-%02d",
                           year < 0      ? "-"
                           : year > 9999 ? "+"
                                         : "",
                           (long long)(year < 0 ? -year : year), (int)month, (int)day);
    assert(n > 0 && (size_t)n < size);
    return (size_t)n;
}

/* `count` units of 10^-digits seconds since midnight. */
static size_t spell_clock(int64_t count, unsigned digits, bool utc, char *out, size_t size)
{
    const int64_t unit = digits == 3 ? 1000 : digits == 6 ? 1000000 : 1000000000;
    const int64_t seconds = count / unit;
    const int n =
        snprintf(out, size, "%02d:%02d:%02d.%0*lld%s", (int)(seconds / 3600), (int)(seconds / 60 % 60),
                 (int)(seconds % 60), (int)digits, (long long)(count % unit), utc ? "Z" : "");
    assert(n > 0 && (size_t)n < size);
    return (size_t)n;
}

static size_t spell_timestamp(int64_t days, int64_t rest, unsigned digits, bool utc, char *out, size_t size)
{
    size_t len = spell_date(days, out, size);
    out[len++] = 'T';
    return len + spell_clock(rest, digits, utc, out + len, size - len);
}

static size_t spell_instant(const struct lk_conversion *c, int64_t value, char *out, size_t size)
{
    const int64_t unit = c->digits == 3 ? 1000 : c->digits == 6 ? 1000000 : 1000000000;
    const int64_t day = DAY_SECONDS * unit;
    int64_t days = value / day, rest = value % day;
    if (rest < 0) {
        rest += day;
        days--;
    }
    return spell_timestamp(days, rest, c->digits, c->utc, out, size);
}

/* The decimal digits of a big-endian magnitude, which is used up. */
static void spell_magnitude(uint8_t *magnitude, size_t len, struct spelling *s)
{
    uint32_t words[LK_DECIMAL_BYTES / 4 + 1];
    size_t count = 0;
    for (size_t end = len; end > 0;) { /* least significant word first */
        uint32_t word = 0;
        for (unsigned i = 0; i < 4 && end > 0; i++)
            word |= (uint32_t)magnitude[--end] << (8 * i);
        words[count++] = word;
    }
    s->start = SPELLING_SIZE;
    for (;;) {
        while (count > 0 && words[count - 1] == 0)
            count--;
        if (count == 0)
            return;
        uint64_t rest = 0;
        for (size_t i = count; i-- > 0;) {
            const uint64_t value = rest << 32 | words[i];
            words[i] = (uint32_t)(value / 1000000000u);
            rest = value % 1000000000u;
        }
        for (unsigned i = 0; i < 9; i++, rest /= 10)
            s->text[--s->start] = (char)('0' + rest % 10);
    }
}

/* A big-endian two's complement number over 10^scale, exactly. */
static void spell_decimal(const uint8_t *from, size_t len, unsigned scale, struct spelling *s)
{
    uint8_t magnitude[LK_DECIMAL_BYTES];
    const bool negative = len > 0 && from[0] >= 0x80;
    unsigned carry = negative ? 1 : 0;
    for (size_t i = len; i-- > 0;) {
        const unsigned byte = (negative ? (uint8_t)~from[i] : from[i]) + carry;
        magnitude[i] = (uint8_t)byte;
        carry = byte >> 8;
    }
    spell_magnitude(magnitude, len, s);
    while (s->start < SPELLING_SIZE && s->text[s->start] == '0')
        s->start++;
    while (SPELLING_SIZE - s->start < (size_t)scale + 1)
        s->text[--s->start] = '0';
    if (scale > 0) {
        const size_t whole = SPELLING_SIZE - s->start - scale;
        memmove(s->text + s->start - 1, s->text + s->start, whole);
        s->start--;
        s->text[s->start + whole] = '.';
    }
    if (negative)
        s->text[--s->start] = '-';
}

/* Does a big-endian two's complement number fit into 64 bits? */
static bool narrow(const uint8_t *from, size_t len, int64_t *out)
{
    uint64_t value = len > 0 && from[0] >= 0x80 ? UINT64_MAX : 0;
    const uint8_t extension = (uint8_t)value;
    while (len > 8) {
        if (*from != extension)
            return false;
        from++;
        len--;
        if (len == 8 && (from[0] >= 0x80) != (extension != 0))
            return false;
    }
    for (size_t i = 0; i < len; i++)
        value = value << 8 | from[i];
    *out = (int64_t)value;
    return true;
}

static enum lk_status add_decimal(const struct lk_conversion *c, struct lk_bytes value,
                                  struct lk_batch *batch, struct lk_column *to, struct lk_error *err)
{
    uint8_t swapped[8];
    struct spelling s;
    if (!c->big_endian) {
        for (size_t i = 0; i < value.len; i++)
            swapped[i] = value.ptr[value.len - 1 - i];
        value = lk_bytes(swapped, value.len);
    }
    if (value.len > LK_DECIMAL_BYTES)
        return lk_fail(err, LK_DAMAGED, "it has a decimal of %zu bytes, which is implausible", value.len);
    int64_t integer;
    if (c->scale == 0 && narrow(value.ptr, value.len, &integer)) {
        lk_column_add_integer(batch, to, integer);
        return LK_OK;
    }
    spell_decimal(value.ptr, value.len, c->scale, &s);
    lk_column_add_bytes(batch, to, LK_TEXT, s.text + s.start, SPELLING_SIZE - s.start);
    return LK_OK;
}

static enum lk_status add_time(const struct lk_conversion *c, const uint8_t *from, struct lk_batch *batch,
                               struct lk_column *to, struct lk_error *err)
{
    const int64_t unit = c->digits == 3 ? 1000 : c->digits == 6 ? 1000000 : 1000000000;
    const int64_t value = load_signed(from, c->type.width);
    char text[64];
    if (value < 0 || value > DAY_SECONDS * unit)
        return lk_fail(err, LK_DAMAGED, "it has a time of day that is none: %lld", (long long)value);
    lk_column_add_bytes(batch, to, LK_TEXT, text, spell_clock(value, c->digits, c->utc, text, sizeof text));
    return LK_OK;
}

static void add_int96(const uint8_t *from, struct lk_batch *batch, struct lk_column *to)
{
    char text[64];
    /* Nanoseconds since midnight, then the Julian day. Some writers put the whole time of an odd date into
     * the nanoseconds. */
    const int64_t day = DAY_SECONDS * 1000000000, nanoseconds = (int64_t)lk_get_u64(from);
    int64_t days = (int64_t)(int32_t)lk_get_u32(from + 8) - JULIAN_EPOCH + nanoseconds / day;
    int64_t rest = nanoseconds % day;
    if (rest < 0) {
        rest += day;
        days--;
    }
    lk_column_add_bytes(batch, to, LK_TEXT, text, spell_timestamp(days, rest, 9, false, text, sizeof text));
}

static void add_uuid(const uint8_t *from, struct lk_batch *batch, struct lk_column *to)
{
    char hex[33], text[36];
    lk_hex_format(from, 16, hex);
    for (size_t i = 0, at = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            text[at++] = '-';
        text[at++] = hex[i];
    }
    lk_column_add_bytes(batch, to, LK_TEXT, text, sizeof text);
}

static enum lk_status add_value(const struct lk_conversion *c, struct lk_bytes value, struct lk_batch *batch,
                                struct lk_column *to, struct lk_error *err)
{
    char text[64];
    switch (c->kind) {
    case LK_CONVERT_BOOLEAN:
        lk_column_add_integer(batch, to, value.ptr[0]);
        return LK_OK;
    case LK_CONVERT_SIGNED:
        lk_column_add_integer(batch, to, load_signed(value.ptr, c->type.width));
        return LK_OK;
    case LK_CONVERT_UNSIGNED: {
        const uint64_t number = c->type.width == 4 ? lk_get_u32(value.ptr) : lk_get_u64(value.ptr);
        if (number <= INT64_MAX)
            lk_column_add_integer(batch, to, (int64_t)number);
        else
            lk_column_add_bytes(batch, to, LK_TEXT, text,
                                (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)number));
        return LK_OK;
    }
    case LK_CONVERT_REAL:
    case LK_CONVERT_FLOAT16: {
        const double real = load_real(c, value.ptr);
        if (real != real)
            lk_column_add_null(batch, to);
        else
            lk_column_add_real(batch, to, real);
        return LK_OK;
    }
    case LK_CONVERT_DECIMAL:
        return add_decimal(c, value, batch, to, err);
    case LK_CONVERT_DATE:
        lk_column_add_bytes(batch, to, LK_TEXT, text,
                            spell_date(load_signed(value.ptr, c->type.width), text, sizeof text));
        return LK_OK;
    case LK_CONVERT_TIME:
        return add_time(c, value.ptr, batch, to, err);
    case LK_CONVERT_TIMESTAMP:
        lk_column_add_bytes(batch, to, LK_TEXT, text,
                            spell_instant(c, (int64_t)lk_get_u64(value.ptr), text, sizeof text));
        return LK_OK;
    case LK_CONVERT_INT96:
        add_int96(value.ptr, batch, to);
        return LK_OK;
    case LK_CONVERT_UUID:
        add_uuid(value.ptr, batch, to);
        return LK_OK;
    case LK_CONVERT_TEXT:
        lk_column_add_bytes(batch, to, lk_utf8_valid(value.ptr, value.len) ? LK_TEXT : LK_RAWTEXT, value.ptr,
                            value.len);
        return LK_OK;
    case LK_CONVERT_BLOB:
        lk_column_add_bytes(batch, to, LK_BLOB, value.ptr, value.len);
        return LK_OK;
    }
    assert(false);
    return LK_OK;
}

uint64_t lk_convert_bound(const struct lk_conversion *c, uint64_t rows, uint64_t bytes)
{
    /* A class byte, then: a number, a byte array's length, a spelling. A byte is 2.41 decimal digits. */
    switch (c->kind) {
    case LK_CONVERT_DECIMAL:
        return rows * (8 + c->scale) + bytes * 3;
    case LK_CONVERT_UNSIGNED:
        return rows * 25;
    case LK_CONVERT_DATE:
    case LK_CONVERT_TIME:
    case LK_CONVERT_TIMESTAMP:
    case LK_CONVERT_INT96:
    case LK_CONVERT_UUID:
        return rows * 48;
    case LK_CONVERT_BOOLEAN:
    case LK_CONVERT_SIGNED:
    case LK_CONVERT_REAL:
    case LK_CONVERT_FLOAT16:
        return rows * 9;
    case LK_CONVERT_TEXT:
    case LK_CONVERT_BLOB:
        return rows * 5 + bytes;
    }
    assert(false);
    return UINT64_MAX;
}

enum lk_status lk_convert_rows(const struct lk_conversion *c, struct lk_bytes present, struct lk_bytes values,
                               struct lk_batch *batch, struct lk_column *to, struct lk_error *err)
{
    const uint8_t *at = values.ptr;
    for (size_t row = 0; row < present.len; row++) {
        if (present.ptr[row] == 0) {
            lk_column_add_null(batch, to);
            continue;
        }
        struct lk_bytes value = lk_bytes(at, c->type.width);
        if (c->type.width == 0)
            value = lk_bytes(at + 4, lk_get_u32(at));
        at = value.ptr + value.len;
        const enum lk_status status = add_value(c, value, batch, to, err);
        if (status != LK_OK)
            return status;
    }
    assert(values.len == 0 || at == values.ptr + values.len);
    return LK_OK;
}
