/* The delta encodings (https://github.com/apache/parquet-format/blob/master/Encodings.md, "Delta Encoding",
 * "Delta-length byte array", "Delta Strings"). */
#ifndef LK_PARQUET_DECODE_DELTA_H
#define LK_PARQUET_DECODE_DELTA_H

#include "base/buffer.h"

/* DELTA_BINARY_PACKED: `count` integers of `width` bytes (4 or 8), little-endian, to out[count * width]; sums
 * wrap as the format says. *used: bytes of `in` that the integers took. LK_DAMAGED when `in` holds fewer, or
 * a miniblock has more bits than the type. */
enum lk_status lk_decode_delta_binary(struct lk_bytes in, size_t count, unsigned width, uint8_t *out,
                                      size_t *used, struct lk_error *err) LK_CHECKED;

/* DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY: append `count` values to `out` in PLAIN layout (u32 length,
 * bytes), or, when fixed_width is not 0, as bare bytes of exactly that width. At most `limit` bytes are
 * appended: more is LK_DAMAGED. `scratch` is cleared. */
enum lk_status lk_decode_delta_length_bytes(struct lk_bytes in, size_t count, uint32_t fixed_width,
                                            uint64_t limit, struct lk_buffer *scratch, struct lk_buffer *out,
                                            struct lk_error *err) LK_CHECKED;
enum lk_status lk_decode_delta_bytes(struct lk_bytes in, size_t count, uint32_t fixed_width, uint64_t limit,
                                     struct lk_buffer *scratch, struct lk_buffer *out,
                                     struct lk_error *err) LK_CHECKED;

#endif
