/* Thrift's compact protocol, written: what Parquet's footer and page headers are made of. Internal to
 * src/parquet.
 *
 * Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. A struct is a
 * run of fields and a zero byte; a field is one byte (difference to the last field id << 4 | type) and its
 * value, or, when the difference is not 1 to 15, the type's byte and the id as a zigzag varint. */
#ifndef LK_PARQUET_THRIFT_WRITER_H
#define LK_PARQUET_THRIFT_WRITER_H

#include "base/buffer.h"
#include "parquet/format.h"

#define LK_THRIFT_WRITER_DEPTH 8

/* Writes to `out`, whose sticky failure is the error. The caller writes fields of a struct in rising order of
 * their ids. */
struct lk_thrift_writer {
    struct lk_buffer *out;
    unsigned depth;
    int last[LK_THRIFT_WRITER_DEPTH]; /* the last field id in each open struct */
};

/* Begin the outermost struct. */
struct lk_thrift_writer lk_thrift_writer_begin(struct lk_buffer *out);
/* End the innermost open struct. */
void lk_thrift_writer_end(struct lk_thrift_writer *w);

void lk_thrift_writer_bool(struct lk_thrift_writer *w, int id, bool value);
void lk_thrift_writer_i16(struct lk_thrift_writer *w, int id, int16_t value);
void lk_thrift_writer_i32(struct lk_thrift_writer *w, int id, int32_t value);
void lk_thrift_writer_i64(struct lk_thrift_writer *w, int id, int64_t value);
void lk_thrift_writer_binary(struct lk_thrift_writer *w, int id, struct lk_bytes value);
/* A field that is a struct; its fields follow, then end. */
void lk_thrift_writer_struct(struct lk_thrift_writer *w, int id);
/* A field that is a list of `count` elements, which follow. */
void lk_thrift_writer_list(struct lk_thrift_writer *w, int id, enum lk_thrift_type element, size_t count);

/* Elements of a list. */
void lk_thrift_writer_element_i32(struct lk_thrift_writer *w, int32_t value);
void lk_thrift_writer_element_binary(struct lk_thrift_writer *w, struct lk_bytes value);
void lk_thrift_writer_element_struct(struct lk_thrift_writer *w); /* its fields follow, then end */

/* An unsigned LEB128 varint, as the encodings of values use it too. */
void lk_thrift_writer_varint(struct lk_buffer *out, uint64_t value);
/* Signed numbers as unsigned ones, small magnitudes small: 0, -1, 1, -2, ... */
static inline uint64_t lk_thrift_writer_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

#endif
