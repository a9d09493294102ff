/* Parquet's encodings, written: levels, dictionary indexes, deltas. Internal to src/parquet. Any thread.
 *
 * Source: https://github.com/apache/parquet-format/blob/master/Encodings.md. Errors are sticky in `out`. */
#ifndef LK_PARQUET_ENCODE_H
#define LK_PARQUET_ENCODE_H

#include "base/buffer.h"

/* Which rows have a value: set bit r (of word r / 64) when classes[r] is `a` or `b`, for `rows` rows; later
 * bits of the last word are 0. `bits` has (rows + 63) / 64 words. Returns how many are set. Classes are below
 * 128. */
size_t lk_encode_presence(const uint8_t *classes, size_t rows, uint8_t a, uint8_t b, uint64_t *bits);

/* The number of the `n`-th set bit, from 0. There are more than n. */
size_t lk_encode_select(const uint64_t *bits, size_t n);

/* Append definition levels of 0 and 1 as RLE/bit-packed hybrid of width 1 (without the length that precedes
 * it in V1 pages). Runs of 64 equal levels and more that begin at a multiple of 8 become RLE runs. */
void lk_encode_levels(const uint64_t *bits, size_t rows, struct lk_buffer *out);
/* The same for `rows` equal levels: one RLE run. */
void lk_encode_level_run(bool level, size_t rows, struct lk_buffer *out);

/* Append the data of a RLE_DICTIONARY page: the bit width, then the indexes as RLE/bit-packed hybrid. width:
 * 0 to 16, enough for every index. */
void lk_encode_indexes(const uint16_t *index, size_t count, unsigned width, struct lk_buffer *out);

/* Append 64-bit integers (little-endian, 8 bytes each) as DELTA_BINARY_PACKED: blocks of 128, 4 miniblocks.
 */
void lk_encode_deltas(const uint8_t *values, size_t count, struct lk_buffer *out);
/* How many bytes that takes, estimated from up to 16 blocks spread over the values. *significant: how many
 * the values' significant bits would take by themselves, from the same sample. */
size_t lk_encode_deltas_estimate(const uint8_t *values, size_t count, size_t *significant);

/* Append booleans, one byte each (0 or 1), as PLAIN: bit-packed, least significant bit first. */
void lk_encode_booleans(const uint8_t *values, size_t count, struct lk_buffer *out);

/* Bits needed for a value: 0 for 0. */
static inline unsigned lk_encode_width(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

#endif
