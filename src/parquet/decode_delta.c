#include "parquet/decode_delta.h"

#include <assert.h>

/* Header: varint values a block (a multiple of 128), miniblocks a block, total count, zigzag first value;
 * then blocks: zigzag least delta, one byte a miniblock with its bits, the miniblocks (each a multiple of 32
 * values). Miniblocks after the last value have no bytes, and their bit counts mean nothing. */
#define BLOCK_MAX (1u << 20)
#define BLOCK_STEP 128u
#define MINIBLOCK_STEP 32u

struct source {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
};

static bool read_varint(struct source *s, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && s->at < s->end; shift += 7) {
        const uint8_t byte = *s->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool read_zigzag(struct source *s, uint64_t *out)
{
    uint64_t value;
    if (!read_varint(s, &value))
        return false;
    *out = value >> 1 ^ (~(value & 1) + 1);
    return true;
}

static uint64_t load_tail(const uint8_t *from, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8 && from + i < end; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static inline void put(uint8_t *out, size_t i, unsigned width, uint64_t value)
{
    if (width == 8)
        lk_put_u64(out + i * 8, value);
    else
        lk_put_u32(out + i * 4, (uint32_t)value);
}

/* n packed deltas of `bits` each, which lie in [from, end), added up on *last. */
static inline void add_deltas(const uint8_t *from, const uint8_t *end, unsigned bits, uint64_t least,
                              size_t n, unsigned width, uint8_t *out, uint64_t *last)
{
    const uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    const size_t bytes = (size_t)(end - from);
    uint64_t value = *last, bit = 0;
    for (size_t i = 0; i < n; i++, bit += bits) {
        const size_t at = (size_t)(bit >> 3);
        const unsigned shift = bit & 7;
        uint64_t delta = (at + 8 <= bytes ? lk_get_u64(from + at) : load_tail(from + at, end)) >> shift;
        if (shift + bits > 64) /* then there is a ninth byte: [from, end) holds all n values */
            delta |= (uint64_t)from[at + 8] << (64 - shift);
        value += least + (delta & mask);
        put(out, i, width, value);
    }
    *last = value;
}

enum lk_status lk_decode_delta_binary(struct lk_bytes in, size_t count, unsigned width, uint8_t *out,
                                      size_t *used, struct lk_error *err)
{
    assert(width == 4 || width == 8);
    struct source s = {in.ptr, in.ptr, in.len > 0 ? in.ptr + in.len : in.ptr};
    uint64_t block, miniblocks, total, last;
    if (!read_varint(&s, &block) || !read_varint(&s, &miniblocks) || !read_varint(&s, &total) ||
        !read_zigzag(&s, &last))
        return lk_fail(err, LK_DAMAGED, "its delta encoding ends in the header");
    if (block == 0 || block > BLOCK_MAX || block % BLOCK_STEP != 0 || miniblocks == 0 ||
        block % miniblocks != 0 || (block / miniblocks) % MINIBLOCK_STEP != 0)
        return lk_fail(err, LK_DAMAGED,
                       "its delta encoding has impossible blocks: %llu values in %llu miniblocks",
                       (unsigned long long)block, (unsigned long long)miniblocks);
    if (total != count)
        return lk_fail(err, LK_DAMAGED, "its delta encoding has %llu values, the page %zu",
                       (unsigned long long)total, count);
    const size_t miniblock = (size_t)(block / miniblocks);
    size_t done = 0;
    if (count > 0)
        put(out, done++, width, last);
    while (done < count) {
        uint64_t least;
        if (!read_zigzag(&s, &least) || (uint64_t)(s.end - s.at) < miniblocks)
            return lk_fail(err, LK_DAMAGED, "its delta encoding ends after %zu of %zu values", done, count);
        const uint8_t *bits = s.at;
        s.at += miniblocks;
        for (uint64_t m = 0; m < miniblocks && done < count; m++) {
            const size_t n = count - done < miniblock ? count - done : miniblock;
            if (bits[m] > width * 8)
                return lk_fail(
                    err, LK_DAMAGED,
                    "its delta encoding has a miniblock of %u bits a value, more than the type has", bits[m]);
            const size_t left = (size_t)(s.end - s.at);
            if ((n * bits[m] + 7) / 8 > left)
                return lk_fail(err, LK_DAMAGED, "its delta encoding ends after %zu of %zu values", done,
                               count);
            /* A last miniblock without its padding is accepted. */
            const size_t bytes = miniblock / 8 * bits[m] < left ? miniblock / 8 * bits[m] : left;
            if (width == 8)
                add_deltas(s.at, s.at + bytes, bits[m], least, n, 8, out + done * 8, &last);
            else
                add_deltas(s.at, s.at + bytes, bits[m], least, n, 4, out + done * 4, &last);
            s.at += bytes;
            done += n;
        }
    }
    *used = (size_t)(s.at - s.start);
    return LK_OK;
}

/* `count` lengths to scratch as u32; *used as above. */
static enum lk_status read_lengths(struct lk_bytes in, size_t count, uint8_t **lengths,
                                   struct lk_buffer *scratch, size_t *used, struct lk_error *err)
{
    *lengths = lk_buffer_extend(scratch, count * 4);
    if (*lengths == NULL)
        return lk_fail_memory(err, "decoding a Parquet page");
    return lk_decode_delta_binary(in, count, 4, *lengths, used, err);
}

static struct lk_bytes after(struct lk_bytes in, size_t used)
{
    return used == 0 ? in : lk_bytes(in.ptr + used, in.len - used);
}

static enum lk_status fail_length(uint32_t length, struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED, "its delta encoding has a value of impossible length %ld",
                   (long)(int32_t)length);
}

enum lk_status lk_decode_delta_length_bytes(struct lk_bytes in, size_t count, uint32_t fixed_width,
                                            uint64_t limit, struct lk_buffer *scratch, struct lk_buffer *out,
                                            struct lk_error *err)
{
    uint8_t *lengths = NULL;
    size_t used = 0;
    lk_buffer_clear(scratch);
    enum lk_status status = read_lengths(in, count, &lengths, scratch, &used, err);
    if (status != LK_OK)
        return status;
    const struct lk_bytes data = after(in, used);
    const size_t prefix = fixed_width == 0 ? 4 : 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t length = lk_get_u32(lengths + i * 4);
        if (length > INT32_MAX || (fixed_width != 0 && length != fixed_width))
            return fail_length(length, err);
        sum += length;
    }
    if (sum > data.len || sum + count * prefix > limit)
        return lk_fail(err, LK_DAMAGED, "its values are longer than the page");
    uint8_t *at = lk_buffer_extend(out, (size_t)sum + count * prefix);
    if (at == NULL)
        return lk_fail_memory(err, "decoding a Parquet page");
    const uint8_t *from = data.ptr;
    for (size_t i = 0; i < count; i++) {
        const uint32_t length = lk_get_u32(lengths + i * 4);
        if (prefix > 0)
            lk_put_u32(at, length);
        at += prefix;
        if (length > 0)
            memcpy(at, from, length);
        at += length;
        from += length;
    }
    return LK_OK;
}

enum lk_status lk_decode_delta_bytes(struct lk_bytes in, size_t count, uint32_t fixed_width, uint64_t limit,
                                     struct lk_buffer *scratch, struct lk_buffer *out, struct lk_error *err)
{
    uint8_t *both = NULL, *unused = NULL;
    size_t used = 0;
    lk_buffer_clear(scratch);
    /* Both runs of lengths in one block, reserved before, so that the first does not move. */
    if (!lk_buffer_reserve(scratch, count * 8))
        return lk_fail_memory(err, "decoding a Parquet page");
    enum lk_status status = read_lengths(in, count, &both, scratch, &used, err);
    if (status != LK_OK)
        return status;
    in = after(in, used);
    status = read_lengths(in, count, &unused, scratch, &used, err);
    if (status != LK_OK)
        return status;
    struct lk_bytes data = after(in, used);
    const uint8_t *prefixes = scratch->data, *suffixes = scratch->data + count * 4;
    const size_t head = fixed_width == 0 ? 4 : 0;
    const size_t start = out->len;
    size_t previous = 0, previous_len = 0; /* the value before: its bytes' offset in `out` */
    for (size_t i = 0; i < count; i++) {
        const uint32_t prefix = lk_get_u32(prefixes + i * 4), suffix = lk_get_u32(suffixes + i * 4);
        const uint64_t length = (uint64_t)prefix + suffix;
        if (prefix > previous_len || suffix > data.len || length > INT32_MAX ||
            (fixed_width != 0 && length != fixed_width))
            return fail_length(suffix > data.len ? suffix : prefix, err);
        if (out->len - start + head + length > limit)
            return lk_fail(err, LK_DAMAGED, "its values are implausibly long together");
        uint8_t *at = lk_buffer_extend(out, head + (size_t)length);
        if (at == NULL)
            return lk_fail_memory(err, "decoding a Parquet page");
        if (head > 0)
            lk_put_u32(at, (uint32_t)length);
        at += head;
        if (prefix > 0)
            memcpy(at, out->data + previous, prefix);
        if (suffix > 0)
            memcpy(at + prefix, data.ptr, suffix);
        data = after(data, suffix);
        previous = (size_t)(at - out->data);
        previous_len = (size_t)length;
    }
    return LK_OK;
}
