#include "parquet/decode_rle.h"

#include <assert.h>

#define LOW_BITS 0x0101010101010101u

void lk_decode_rle_init(struct lk_decode_rle *r, struct lk_bytes in, unsigned width)
{
    assert(width <= 32);
    *r = (struct lk_decode_rle){.at = in.ptr, .end = in.len > 0 ? in.ptr + in.len : in.ptr, .width = width};
}

/* Start the next run, which may be empty. */
static enum lk_status next_run(struct lk_decode_rle *r, struct lk_error *err)
{
    uint64_t header = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (r->at == r->end)
            return lk_fail(err, LK_DAMAGED,
                           "its runs of levels, booleans or dictionary indexes end too early");
        const uint8_t byte = *r->at++;
        header |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
        if (shift >= 28)
            return lk_fail(err, LK_DAMAGED,
                           "a run of levels, booleans or dictionary indexes has an impossible length");
    }
    const size_t left = (size_t)(r->end - r->at);
    r->packed = (header & 1) != 0;
    if (r->packed) {
        const uint64_t groups = header >> 1;
        /* Some writers cut the last run's padding off: what its bytes hold still counts. */
        const uint64_t bytes = groups * r->width < left ? groups * r->width : left;
        r->left = r->width == 0 ? groups * 8 : (bytes * 8) / r->width;
        if (r->left > groups * 8)
            r->left = groups * 8;
        r->bits = r->at;
        r->bit = 0;
        r->at += bytes;
        r->limit = r->at;
        return LK_OK;
    }
    const size_t bytes = (r->width + 7) / 8;
    if (left < bytes)
        return lk_fail(err, LK_DAMAGED, "its runs of levels, booleans or dictionary indexes end too early");
    r->left = header >> 1;
    r->value = 0;
    for (size_t i = 0; i < bytes; i++)
        r->value |= (uint32_t)r->at[i] << (8 * i);
    r->at += bytes;
    if (r->width < 32 && r->value >> r->width != 0)
        return lk_fail(err, LK_DAMAGED, "a run repeats a value that has more bits than its page says");
    return LK_OK;
}

static uint64_t load_some(const uint8_t *from, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8 && from + i < end; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static void unpack(struct lk_decode_rle *r, uint32_t *out, size_t count)
{
    const unsigned width = r->width;
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    const uint8_t *const bits = r->bits;
    uint64_t bit = r->bit;
    size_t i = 0;
    /* A value and its offset in a byte take at most 39 bits: one load of 8 bytes, as long as these exist. */
    const size_t bytes = (size_t)(r->limit - bits);
    if (bytes >= 8)
        for (; i < count && (bit >> 3) + 8 <= bytes; i++, bit += width)
            out[i] = (uint32_t)(lk_get_u64(bits + (bit >> 3)) >> (bit & 7) & mask);
    for (; i < count; i++, bit += width)
        out[i] = (uint32_t)(load_some(bits + (bit >> 3), r->limit) >> (bit & 7) & mask);
    r->bit = bit;
}

enum lk_status lk_decode_rle_read(struct lk_decode_rle *r, uint32_t *out, size_t count, struct lk_error *err)
{
    while (count > 0) {
        if (r->left == 0) {
            const enum lk_status status = next_run(r, err);
            if (status != LK_OK)
                return status;
            continue;
        }
        const size_t n = r->left < count ? (size_t)r->left : count;
        if (r->packed && r->width > 0)
            unpack(r, out, n);
        else if (r->packed)
            memset(out, 0, n * sizeof *out);
        else
            for (size_t i = 0; i < n; i++)
                out[i] = r->value;
        out += n;
        count -= n;
        r->left -= n;
    }
    return LK_OK;
}

/* Eight bits, least significant first, to eight bytes of 0 or 1. */
static uint64_t spread(uint8_t bits)
{
    const uint64_t each = (bits * LOW_BITS) & 0x8040201008040201u; /* byte i keeps bit i */
    return ((each + 0x7f7f7f7f7f7f7f7fu) | each) >> 7 & LOW_BITS;
}

size_t lk_decode_rle_bits(const uint8_t *in, size_t count, uint8_t one, uint8_t *out)
{
    size_t ones = 0, i = 0;
    for (; i + 8 <= count; i += 8) {
        const uint8_t bits = in[i / 8];
        lk_put_u64(out + i, spread(bits) * one);
        ones += (size_t)__builtin_popcount(bits);
    }
    for (; i < count; i++) {
        const unsigned bit = in[i / 8] >> (i % 8) & 1u;
        out[i] = bit ? one : 0;
        ones += bit;
    }
    return ones;
}

size_t lk_decode_rle_bits_msb(const uint8_t *in, size_t count, uint8_t one, uint8_t *out)
{
    size_t ones = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned bit = in[i / 8] >> (7 - i % 8) & 1u;
        out[i] = bit ? one : 0;
        ones += bit;
    }
    return ones;
}

/* The next n values of a packed run of one-bit values. */
static size_t unpack_run_flags(struct lk_decode_rle *r, uint8_t *out, size_t n, uint8_t one)
{
    size_t ones = 0, i = 0;
    for (; i < n && r->bit % 8 != 0; i++, r->bit++) {
        const unsigned bit = r->bits[r->bit / 8] >> (r->bit % 8) & 1u;
        out[i] = bit ? one : 0;
        ones += bit;
    }
    ones += lk_decode_rle_bits(r->bits + r->bit / 8, n - i, one, out + i);
    r->bit += n - i;
    return ones;
}

enum lk_status lk_decode_rle_read_flags(struct lk_decode_rle *r, uint8_t *out, size_t count, uint8_t one,
                                        size_t *ones, struct lk_error *err)
{
    assert(r->width == 1);
    *ones = 0;
    while (count > 0) {
        if (r->left == 0) {
            const enum lk_status status = next_run(r, err);
            if (status != LK_OK)
                return status;
            continue;
        }
        const size_t n = r->left < count ? (size_t)r->left : count;
        if (r->packed) {
            *ones += unpack_run_flags(r, out, n, one);
        } else {
            memset(out, r->value != 0 ? one : 0, n);
            *ones += r->value != 0 ? n : 0;
        }
        out += n;
        count -= n;
        r->left -= n;
    }
    return LK_OK;
}
