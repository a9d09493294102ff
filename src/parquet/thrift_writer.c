#include "parquet/thrift_writer.h"

#include <assert.h>

#define LIST_SHORT_MAX 14 /* counts above it follow as a varint */

void lk_thrift_writer_varint(struct lk_buffer *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    lk_buffer_append(out, bytes, len);
}

struct lk_thrift_writer lk_thrift_writer_begin(struct lk_buffer *out)
{
    return (struct lk_thrift_writer){.out = out, .depth = 1};
}

void lk_thrift_writer_end(struct lk_thrift_writer *w)
{
    assert(w->depth > 0);
    w->depth--;
    lk_buffer_append_byte(w->out, LK_THRIFT_STOP);
}

static void open_struct(struct lk_thrift_writer *w)
{
    assert(w->depth < LK_THRIFT_WRITER_DEPTH);
    w->last[w->depth++] = 0;
}

static void field(struct lk_thrift_writer *w, int id, enum lk_thrift_type type)
{
    int *last = &w->last[w->depth - 1];
    const int step = id - *last;
    assert(step > 0);
    if (step <= 15) {
        lk_buffer_append_byte(w->out, (uint8_t)((unsigned)step << 4 | type));
    } else {
        lk_buffer_append_byte(w->out, (uint8_t)type);
        lk_thrift_writer_varint(w->out, lk_thrift_writer_zigzag(id));
    }
    *last = id;
}

void lk_thrift_writer_bool(struct lk_thrift_writer *w, int id, bool value)
{
    field(w, id, value ? LK_THRIFT_TRUE : LK_THRIFT_FALSE);
}

void lk_thrift_writer_i16(struct lk_thrift_writer *w, int id, int16_t value)
{
    field(w, id, LK_THRIFT_I16);
    lk_thrift_writer_varint(w->out, lk_thrift_writer_zigzag(value));
}

void lk_thrift_writer_i32(struct lk_thrift_writer *w, int id, int32_t value)
{
    field(w, id, LK_THRIFT_I32);
    lk_thrift_writer_element_i32(w, value);
}

void lk_thrift_writer_i64(struct lk_thrift_writer *w, int id, int64_t value)
{
    field(w, id, LK_THRIFT_I64);
    lk_thrift_writer_varint(w->out, lk_thrift_writer_zigzag(value));
}

void lk_thrift_writer_binary(struct lk_thrift_writer *w, int id, struct lk_bytes value)
{
    field(w, id, LK_THRIFT_BINARY);
    lk_thrift_writer_element_binary(w, value);
}

void lk_thrift_writer_struct(struct lk_thrift_writer *w, int id)
{
    field(w, id, LK_THRIFT_STRUCT);
    open_struct(w);
}

void lk_thrift_writer_list(struct lk_thrift_writer *w, int id, enum lk_thrift_type element, size_t count)
{
    field(w, id, LK_THRIFT_LIST);
    if (count <= LIST_SHORT_MAX) {
        lk_buffer_append_byte(w->out, (uint8_t)(count << 4 | element));
    } else {
        lk_buffer_append_byte(w->out, (uint8_t)(0xf0 | (unsigned)element));
        lk_thrift_writer_varint(w->out, count);
    }
}

void lk_thrift_writer_element_i32(struct lk_thrift_writer *w, int32_t value)
{
    lk_thrift_writer_varint(w->out, lk_thrift_writer_zigzag(value));
}

void lk_thrift_writer_element_binary(struct lk_thrift_writer *w, struct lk_bytes value)
{
    lk_thrift_writer_varint(w->out, value.len);
    lk_buffer_append(w->out, value.ptr, value.len);
}

void lk_thrift_writer_element_struct(struct lk_thrift_writer *w)
{
    open_struct(w);
}
