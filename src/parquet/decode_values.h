/* Values of data and dictionary pages
 * (https://github.com/apache/parquet-format/blob/master/Encodings.md).
 *
 * Decoded values are dense, without NULLs, in PLAIN layout: fixed-width values one after another (booleans
 * one byte, 0 or 1), byte arrays as u32 length and bytes. That is also the layout of a batch's streams, so
 * most columns are decoded straight into a batch. */
#ifndef LK_PARQUET_DECODE_VALUES_H
#define LK_PARQUET_DECODE_VALUES_H

#include "base/buffer.h"
#include "parquet/metadata.h"

struct lk_decode_type {
    enum lk_parquet_type type;
    uint32_t width; /* bytes of a decoded value; 0: byte arrays */
};

/* The type of a leaf's decoded values. type_length of a FIXED_LEN_BYTE_ARRAY must be positive. */
struct lk_decode_type lk_decode_type_of(const struct lk_parquet_element *e);

/* A dictionary page's values. {0} is an empty one. Memory is kept between loads. */
struct lk_decode_dictionary {
    bool loaded;
    uint32_t count;
    struct lk_buffer values; /* PLAIN layout, with slack after it that may be read */
    struct lk_buffer
        offsets; /* byte arrays: u32 in native order, where each value starts, and the end of the last */
};
void lk_decode_dictionary_reset(struct lk_decode_dictionary *d); /* free the memory */
enum lk_status lk_decode_dictionary_load(struct lk_decode_dictionary *d, struct lk_decode_type type,
                                         struct lk_bytes page, uint32_t count,
                                         struct lk_error *err) LK_CHECKED;

/* Append `count` values, encoded in `data`, to `out`. At most `limit` bytes are appended: a page that holds
 * more is LK_DAMAGED. An encoding that the format does not allow for the type, or that does not exist:
 * LK_UNREADABLE. Errors name neither file nor column. */
enum lk_status lk_decode_values(struct lk_decode_type type, enum lk_parquet_encoding encoding,
                                struct lk_bytes data, size_t count,
                                const struct lk_decode_dictionary *dictionary, uint64_t limit,
                                struct lk_buffer *scratch, struct lk_buffer *out,
                                struct lk_error *err) LK_CHECKED;

/* Are all byte arrays of a well-formed PLAIN stream UTF-8? At memory speed when all is ASCII and values are
 * short. */
bool lk_decode_values_are_utf8(struct lk_bytes stream);

#endif
