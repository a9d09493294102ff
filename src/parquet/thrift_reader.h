/* Thrift's compact protocol, read from memory
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
 *
 * Errors are sticky: after the first, every read gives zeros and empty views and no field follows, so that a
 * parser reads on and checks once. Nothing is allocated. Hostile input is expected: lengths are checked
 * against what is left, lists are at most as long as the bytes that follow, and structs are nested at most
 * LK_THRIFT_DEPTH deep. One thread at a time. */
#ifndef LK_PARQUET_THRIFT_READER_H
#define LK_PARQUET_THRIFT_READER_H

#include "base/bytes.h"
#include "parquet/format.h"

#define LK_THRIFT_STRING_MAX (100u * 1000 * 1000) /* Arrow's cap */
#define LK_THRIFT_LIST_MAX (1000u * 1000)         /* Arrow's cap */
#define LK_THRIFT_DEPTH 48

struct lk_thrift_reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    const char *problem; /* NULL: none so far; a static text */
    bool ended;          /* the problem is that the bytes ran out: more of them may help */
    unsigned depth;
};

struct lk_thrift_field {
    int16_t id; /* 0 before the first field */
    enum lk_thrift_type type;
};

void lk_thrift_reader_init(struct lk_thrift_reader *r, struct lk_bytes in);
/* Make `problem` (a static text) the reader's, unless it has one. */
void lk_thrift_reader_fail(struct lk_thrift_reader *r, const char *problem);
/* Bytes read so far. */
static inline size_t lk_thrift_reader_offset(const struct lk_thrift_reader *r)
{
    return (size_t)(r->at - r->start);
}

/* The next field of a struct, whose `f` began as {0}. False at the struct's end and on an error. The caller
 * reads or skips the value. */
bool lk_thrift_next_field(struct lk_thrift_reader *r, struct lk_thrift_field *f);
/* Skip the field's value. */
void lk_thrift_skip(struct lk_thrift_reader *r, const struct lk_thrift_field *f);

/* The field's value; another type in the file is an error. i32 takes any integer type whose value fits. */
bool lk_thrift_bool(struct lk_thrift_reader *r, const struct lk_thrift_field *f);
int32_t lk_thrift_i32(struct lk_thrift_reader *r, const struct lk_thrift_field *f);
int64_t lk_thrift_i64(struct lk_thrift_reader *r, const struct lk_thrift_field *f);
struct lk_bytes lk_thrift_binary(struct lk_thrift_reader *r,
                                 const struct lk_thrift_field *f); /* borrowed from the input */
/* Enter a struct: its fields follow. False (and an error) when it is none or too deep. Leave it when the last
 * field is read. */
bool lk_thrift_enter(struct lk_thrift_reader *r, const struct lk_thrift_field *f);
void lk_thrift_leave(struct lk_thrift_reader *r);
/* The length of a list of `element`s, which follow: read each with *item as its field. 0 on an error. */
uint32_t lk_thrift_list(struct lk_thrift_reader *r, const struct lk_thrift_field *f,
                        enum lk_thrift_type element, struct lk_thrift_field *item);

#endif
