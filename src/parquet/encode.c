/* RLE/bit-packed hybrid (Encodings.md, "Run Length Encoding / Bit-Packing Hybrid"):
 *
 *     run          := <rle-run> | <bit-packed-run>
 *     rle-run      := varint(count << 1) <value in (width + 7) / 8 bytes, little-endian>
 *     bit-packed   := varint(groups << 1 | 1) <groups of 8 values, width bits each, least significant bit
 * first>
 */
#include "parquet/encode.h"

#include <assert.h>

#include "parquet/thrift_writer.h"

#define RUN_BYTES_MIN 8 /* bytes of eight equal levels that make an RLE run worth its header */
#define RUN_MIN 16      /* equal indexes that make an RLE run worth leaving a bit-packed one */

#define REPEAT(byte) (UINT64_C(0x0101010101010101) * (byte))

size_t lk_encode_presence(const uint8_t *classes, size_t rows, uint8_t a, uint8_t b, uint64_t *bits)
{
    size_t present = 0;
    for (size_t row = 0; row < rows; row += 64) {
        uint64_t word = 0;
        const size_t n = rows - row < 64 ? rows - row : 64;
        size_t i = 0;
        /* Eight at a time: a byte's high bit becomes set unless the byte equals a or b, then a multiplication
         * gathers the high bits. */
        for (; i + 8 <= n; i += 8) {
            const uint64_t eight = lk_get_u64(classes + row + i);
            const uint64_t differs =
                ((eight ^ REPEAT(a)) + REPEAT(0x7f)) & ((eight ^ REPEAT(b)) + REPEAT(0x7f)) & REPEAT(0x80);
            const uint64_t equal = (differs ^ REPEAT(0x80)) >> 7;
            word |= (equal * UINT64_C(0x0102040810204080)) >> 56 << i;
        }
        for (; i < n; i++)
            word |= (uint64_t)(classes[row + i] == a || classes[row + i] == b) << i;
        bits[row / 64] = word;
        present += (size_t)__builtin_popcountll(word);
    }
    return present;
}

size_t lk_encode_select(const uint64_t *bits, size_t n)
{
    size_t word = 0;
    for (;; word++) {
        const size_t here = (size_t)__builtin_popcountll(bits[word]);
        if (n < here)
            break;
        n -= here;
    }
    uint64_t left = bits[word];
    for (; n > 0; n--)
        left &= left - 1;
    return word * 64 + (size_t)__builtin_ctzll(left);
}

static uint8_t byte_of(const uint64_t *bits, size_t i)
{
    return (uint8_t)(bits[i / 8] >> (i % 8 * 8));
}

static void append_bit_packed_levels(const uint64_t *bits, size_t from, size_t to, struct lk_buffer *out)
{
    if (from == to)
        return;
    lk_thrift_writer_varint(out, (to - from) << 1 | 1);
    uint8_t *at = lk_buffer_extend(out, to - from);
    if (at != NULL)
        for (size_t i = from; i < to; i++)
            *at++ = byte_of(bits, i);
}

void lk_encode_level_run(bool level, size_t rows, struct lk_buffer *out)
{
    lk_thrift_writer_varint(out, (uint64_t)rows << 1);
    lk_buffer_append_byte(out, level);
}

void lk_encode_levels(const uint64_t *bits, size_t rows, struct lk_buffer *out)
{
    const size_t whole = rows / 8, all = (rows + 7) / 8;
    size_t packed_from = 0, i = 0;
    while (i < whole) {
        const uint8_t byte = byte_of(bits, i);
        size_t end = i + 1;
        if (byte == 0 || byte == 0xff)
            while (end < whole && byte_of(bits, end) == byte)
                end++;
        if (end - i >= RUN_BYTES_MIN) {
            append_bit_packed_levels(bits, packed_from, i, out);
            lk_encode_level_run(byte != 0, (end - i) * 8, out);
            packed_from = end;
        }
        i = end;
    }
    append_bit_packed_levels(bits, packed_from, all, out);
}

/* Append `count` values of `width` bits (0 to 64), from the least significant bit on; the last byte is filled
 * with zeros. */
#define DEFINE_PACK(name, type)                                                                              \
    static void name(const type *value, size_t count, unsigned width, struct lk_buffer *out)                 \
    {                                                                                                        \
        uint8_t *at = lk_buffer_extend(out, (count * width + 7) / 8);                                        \
        if (at == NULL)                                                                                      \
            return;                                                                                          \
        uint64_t held = 0;                                                                                   \
        unsigned bits = 0;                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                                 \
            held |= (uint64_t)value[i] << bits;                                                              \
            bits += width;                                                                                   \
            if (bits >= 64) {                                                                                \
                lk_put_u64(at, held);                                                                        \
                at += 8;                                                                                     \
                bits -= 64;                                                                                  \
                held = bits == 0 ? 0 : (uint64_t)value[i] >> (width - bits);                                 \
            }                                                                                                \
        }                                                                                                    \
        for (unsigned done = 0; done < bits; done += 8)                                                      \
            *at++ = (uint8_t)(held >> done);                                                                 \
    }
DEFINE_PACK(pack_u16, uint16_t)
DEFINE_PACK(pack_u64, uint64_t)

static void append_bit_packed_indexes(const uint16_t *index, size_t count, unsigned width,
                                      struct lk_buffer *out)
{
    if (count == 0)
        return;
    const size_t groups = (count + 7) / 8;
    const size_t whole = count / 8 * 8;
    lk_thrift_writer_varint(out, (uint64_t)groups << 1 | 1);
    pack_u16(index, whole, width, out);
    if (whole < count) {
        uint16_t last[8] = {0};
        memcpy(last, index + whole, (count - whole) * sizeof *last);
        pack_u16(last, 8, width, out);
    }
}

void lk_encode_indexes(const uint16_t *index, size_t count, unsigned width, struct lk_buffer *out)
{
    assert(width <= 16);
    lk_buffer_append_byte(out, (uint8_t)width);
    size_t packed_from = 0, i = 0;
    while (i < count) {
        size_t end = i + 1;
        while (end < count && index[end] == index[i])
            end++;
        if (end - i < RUN_MIN) {
            /* Runs begin where a group of eight ends. */
            i += 8;
            continue;
        }
        append_bit_packed_indexes(index + packed_from, i - packed_from, width, out);
        lk_thrift_writer_varint(out, (uint64_t)(end - i) << 1);
        for (unsigned done = 0; done < width; done += 8)
            lk_buffer_append_byte(out, (uint8_t)(index[i] >> done));
        i = packed_from = end;
    }
    append_bit_packed_indexes(index + packed_from, count - packed_from, width, out);
}

void lk_encode_booleans(const uint8_t *values, size_t count, struct lk_buffer *out)
{
    uint8_t *at = lk_buffer_extend(out, (count + 7) / 8);
    if (at == NULL)
        return;
    for (size_t i = 0; i < count; i += 8) {
        uint8_t byte = 0;
        for (size_t k = 0; k < 8 && i + k < count; k++)
            byte |= (uint8_t)(values[i + k] << k);
        *at++ = byte;
    }
}

/* DELTA_BINARY_PACKED (Encodings.md, "Delta Encoding"):
 *
 *     varint(values in a block) varint(miniblocks in a block) varint(all values) zigzag(first value)
 *     then for each block: zigzag(least delta) <a width byte for each miniblock> <miniblocks: deltas less the
 * least, bit-packed>
 *
 * Deltas wrap around at 64 bits. Miniblocks past the last value have width 0 and no bytes; the last one begun
 * is filled up. */
#define BLOCK 128
#define MINIBLOCKS 4
#define MINIBLOCK (BLOCK / MINIBLOCKS)
#define DELTA_HEADER 16 /* bytes, about */

struct delta_block {
    uint64_t delta[BLOCK]; /* less the least; zeros past the last value */
    int64_t least;
    size_t miniblocks; /* begun */
    unsigned width[MINIBLOCKS];
};

/* The block of deltas to values[first], ..., values[first + n - 1], each to the one before. first >= 1. */
static void make_delta_block(const uint8_t *values, size_t first, size_t n, struct delta_block *b)
{
    uint64_t before = lk_get_u64(values + (first - 1) * 8);
    *b = (struct delta_block){.least = INT64_MAX, .miniblocks = (n + MINIBLOCK - 1) / MINIBLOCK};
    for (size_t i = 0; i < n; i++) {
        const uint64_t value = lk_get_u64(values + (first + i) * 8);
        b->delta[i] = value - before;
        b->least = (int64_t)b->delta[i] < b->least ? (int64_t)b->delta[i] : b->least;
        before = value;
    }
    for (size_t i = 0; i < n; i++)
        b->delta[i] -= (uint64_t)b->least;
    for (size_t m = 0; m < b->miniblocks; m++) {
        uint64_t all = 0;
        for (size_t i = 0; i < MINIBLOCK; i++)
            all |= b->delta[m * MINIBLOCK + i];
        b->width[m] = lk_encode_width(all);
    }
}

void lk_encode_deltas(const uint8_t *values, size_t count, struct lk_buffer *out)
{
    lk_thrift_writer_varint(out, BLOCK);
    lk_thrift_writer_varint(out, MINIBLOCKS);
    lk_thrift_writer_varint(out, count);
    lk_thrift_writer_varint(out, count == 0 ? 0 : lk_thrift_writer_zigzag((int64_t)lk_get_u64(values)));
    for (size_t first = 1; first < count; first += BLOCK) {
        struct delta_block b;
        make_delta_block(values, first, count - first < BLOCK ? count - first : BLOCK, &b);
        lk_thrift_writer_varint(out, lk_thrift_writer_zigzag(b.least));
        for (size_t m = 0; m < MINIBLOCKS; m++)
            lk_buffer_append_byte(out, (uint8_t)b.width[m]);
        for (size_t m = 0; m < b.miniblocks; m++)
            pack_u64(b.delta + m * MINIBLOCK, MINIBLOCK, b.width[m], out);
    }
}

size_t lk_encode_deltas_estimate(const uint8_t *values, size_t count, size_t *significant)
{
    const size_t samples = 16;
    *significant = 0;
    if (count < 2)
        return DELTA_HEADER;
    const size_t blocks = 1 + (count - 2) / BLOCK;
    const size_t taken = blocks < samples ? blocks : samples;
    size_t bytes = 0, bits = 0;
    assert(taken > 0);
    for (size_t s = 0; s < taken; s++) {
        const size_t first = 1 + blocks * s / taken * BLOCK;
        const size_t n = count - first < BLOCK ? count - first : BLOCK;
        struct delta_block b;
        make_delta_block(values, first, n, &b);
        bytes += (lk_encode_width(lk_thrift_writer_zigzag(b.least)) + 6) / 7 + MINIBLOCKS;
        for (size_t m = 0; m < b.miniblocks; m++)
            bytes += b.width[m] * MINIBLOCK / 8;
        for (size_t i = 0; i < n; i++)
            bits += lk_encode_width(lk_thrift_writer_zigzag((int64_t)lk_get_u64(values + (first + i) * 8)));
    }
    *significant = bits / 8 * blocks / taken;
    return DELTA_HEADER + bytes * blocks / taken;
}
