/* The run-length and bit-packed encodings of levels, booleans and dictionary indexes
 * (https://github.com/apache/parquet-format/blob/master/Encodings.md, "RLE" and "BIT_PACKED").
 *
 * Columns are flat here, so a definition level has one bit: 1 is a value, 0 is NULL. */
#ifndef LK_PARQUET_DECODE_RLE_H
#define LK_PARQUET_DECODE_RLE_H

#include "base/bytes.h"
#include "base/error.h"

/* A hybrid of runs: varint header; even: header/2 times the value that follows in ceil(width/8) bytes; odd:
 * (header/2)*8 values, each of `width` bits, least significant bit first. */
struct lk_decode_rle {
    const uint8_t *at;
    const uint8_t *end;
    unsigned width;       /* bits, 0 to 32 */
    uint64_t left;        /* values left in the current run */
    bool packed;          /* the current run is bit-packed: its values start at bit `bit` of `at` */
    uint32_t value;       /* of a repeated run */
    const uint8_t *bits;  /* of a packed run */
    const uint8_t *limit; /* where its bytes end */
    uint64_t bit;         /* the next value's first bit, counted from `bits` */
};

void lk_decode_rle_init(struct lk_decode_rle *r, struct lk_bytes in, unsigned width);

/* Decode the next `count` values. LK_DAMAGED when the bytes end before. */
enum lk_status lk_decode_rle_read(struct lk_decode_rle *r, uint32_t *out, size_t count,
                                  struct lk_error *err) LK_CHECKED;

/* Decode `count` one-bit values (width 1) to bytes: `one` for each 1, 0 for each 0. *ones: how many were 1.
 */
enum lk_status lk_decode_rle_read_flags(struct lk_decode_rle *r, uint8_t *out, size_t count, uint8_t one,
                                        size_t *ones, struct lk_error *err) LK_CHECKED;

/* `count` bits, least significant first (PLAIN booleans) or most significant first (BIT_PACKED levels), to
 * bytes in the same way. `in` must hold them: (count + 7) / 8 bytes. Returns how many were 1. */
size_t lk_decode_rle_bits(const uint8_t *in, size_t count, uint8_t one, uint8_t *out);
size_t lk_decode_rle_bits_msb(const uint8_t *in, size_t count, uint8_t one, uint8_t *out);

#endif
