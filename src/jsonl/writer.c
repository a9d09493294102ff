#include "jsonl/writer.h"

#include <assert.h>

#include "base/memory.h"
#include "base/real.h"
#include "base/text.h"
#include "jsonl/json_string.h"

#define MEMBER_BYTES (1u << 20) /* of text, before a member is cut */
#define PREFIX_COPY 32          /* bytes that are copied of every key at once */
#define KEPT_BYTES (16u << 20)  /* of memory between batches */
#define SCALAR_BYTES                                                                                         \
    64                   /* more than any number, null, quote or bracket takes, and the slack of wide stores \
                          */
#define PIECE_BYTES 4096 /* of a text for which room is made at once, should every byte become \u00XX */

/* One key of the lines, and the values that belong to it. */
struct field {
    size_t prefix; /* offset in encoder.prefixes of `{"key":` or `,"key":` */
    size_t prefix_len;
    struct lk_cursor cursor; /* of no column: the rowids */
};

struct lk_jsonl_encoder {
    struct lk_codec_context *codec;
    lk_json_copy *copy;
    struct lk_buffer prefixes; /* of all fields, and PREFIX_COPY bytes more */
    struct field *fields;
    size_t fields_cap;
    struct lk_buffer text; /* lines that wait to be compressed */
};

/* Where text goes: between calls of make_room, `to` may be advanced up to the room made. */
struct sink {
    struct lk_buffer *buffer;
    uint8_t *to;
    uint8_t *limit;
};

enum lk_status lk_jsonl_encoder_new(struct lk_jsonl_encoder **out, struct lk_error *err)
{
    struct lk_jsonl_encoder *e = lk_allocate_zeroed(1, sizeof *e);
    if (e == NULL)
        return lk_fail_memory(err, "preparing to write JSON lines");
    const enum lk_status status = lk_codec_context_new(&e->codec, err);
    if (status != LK_OK) {
        lk_free(e);
        return status;
    }
    e->copy = lk_json_string_copier();
    *out = e;
    return LK_OK;
}

void lk_jsonl_encoder_free(struct lk_jsonl_encoder *e)
{
    if (e == NULL)
        return;
    lk_codec_context_free(e->codec);
    lk_buffer_reset(&e->prefixes);
    lk_buffer_reset(&e->text);
    lk_free(e->fields);
    lk_free(e);
}

static void add_field(struct lk_jsonl_encoder *e, size_t index, const char *name,
                      const struct lk_column *column)
{
    struct field *f = &e->fields[index];
    f->prefix = e->prefixes.len;
    lk_buffer_append_byte(&e->prefixes, index == 0 ? '{' : ',');
    lk_json_string_append(lk_bytes_of(name), &e->prefixes);
    lk_buffer_append_byte(&e->prefixes, ':');
    f->prefix_len = e->prefixes.len - f->prefix;
    f->cursor = (struct lk_cursor){.column = column};
}

/* Set up the fields for a batch; false when memory is out. */
static bool set_fields(struct lk_jsonl_encoder *e, const struct lk_plan *plan, const struct lk_batch *batch,
                       size_t *count)
{
    const size_t rowid = plan->rowid_name != NULL;
    const size_t fields = rowid + plan->columns;
    if (fields > e->fields_cap) {
        struct field *more = lk_allocate_zeroed(fields, sizeof *more);
        if (more == NULL)
            return false;
        lk_free(e->fields);
        e->fields = more;
        e->fields_cap = fields;
    }
    lk_buffer_clear(&e->prefixes);
    if (rowid != 0)
        add_field(e, 0, plan->rowid_name, NULL);
    for (size_t i = 0; i < plan->columns; i++)
        add_field(e, rowid + i, plan->column[i].name, &batch->column[i]);
    static const uint8_t padding[PREFIX_COPY];
    lk_buffer_append(&e->prefixes, padding, sizeof padding);
    *count = fields;
    return !e->prefixes.failed;
}

static bool make_more_room(struct sink *s, size_t bytes)
{
    s->buffer->len = (size_t)(s->to - s->buffer->data);
    if (!lk_buffer_reserve(s->buffer, bytes))
        return false;
    s->to = s->buffer->data + s->buffer->len;
    s->limit = s->buffer->data + s->buffer->cap;
    return true;
}

static inline bool make_room(struct sink *s, size_t bytes)
{
    return (size_t)(s->limit - s->to) >= bytes || make_more_room(s, bytes);
}

static inline uint8_t *put_literal(uint8_t *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

static uint8_t *put_integer(uint8_t *to, int64_t value)
{
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697989"
        "9";
    uint64_t left = (uint64_t)value;
    if (value < 0) {
        *to++ = '-';
        left = -left;
    }
    if (left < 10) {
        *to = (uint8_t)('0' + left);
        return to + 1;
    }
    uint8_t digits[24];
    size_t at = sizeof digits;
    while (left >= 100) {
        at -= 2;
        memcpy(digits + at, pairs + left % 100 * 2, 2);
        left /= 100;
    }
    if (left >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + left * 2, 2);
    } else {
        digits[--at] = (uint8_t)('0' + left);
    }
    memcpy(to, digits + at, sizeof digits - at);
    return to + (sizeof digits - at);
}

/* Text whose LK_JSON_SLACK bytes behind it may be read; there is room for six times its length. */
static inline uint8_t *put_escaped(lk_json_copy *copy, uint8_t *to, const uint8_t *from, size_t len)
{
    for (;;) {
        const size_t run = copy(to, from, len).len;
        to += run;
        if (run == len)
            return to;
        to = lk_json_string_put_escape(to, from[run]);
        from += run + 1;
        len -= run + 1;
    }
}

/* A string with its quotes. `readable` bytes from text.ptr on may be read: the rest of the stream. */
static bool put_text(lk_json_copy *copy, struct sink *s, struct lk_bytes text, size_t readable)
{
    const uint8_t *from = text.ptr;
    size_t left = text.len;
    *s->to++ = '"';
    while (left > 0) {
        size_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
        uint8_t last[2 * LK_JSON_SLACK] = {0};
        const uint8_t *source = from;
        if (!make_room(s, 6 * piece + SCALAR_BYTES))
            return false;
        /* Where the stream ends too close behind for whole vectors, its last bytes are read from a copy. */
        if (readable < piece + LK_JSON_SLACK) {
            if (piece > LK_JSON_SLACK)
                piece -= LK_JSON_SLACK;
            else
                source = memcpy(last, from, piece);
        }
        s->to = put_escaped(copy, s->to, source, piece);
        from += piece;
        left -= piece;
        readable -= piece;
    }
    if (!make_room(s, SCALAR_BYTES))
        return false;
    *s->to++ = '"';
    return true;
}

static bool put_base64(struct sink *s, const char *key, struct lk_bytes bytes)
{
    s->to = put_literal(s->to, key, strlen(key));
    s->buffer->len = (size_t)(s->to - s->buffer->data);
    lk_base64_encode(bytes, s->buffer);
    if (!lk_buffer_reserve(s->buffer, SCALAR_BYTES))
        return false;
    s->to = put_literal(s->buffer->data + s->buffer->len, "\"}", 2);
    s->limit = s->buffer->data + s->buffer->cap;
    return true;
}

/* There is room for SCALAR_BYTES. */
static inline bool put_value(const struct lk_jsonl_encoder *e, struct field *f, struct sink *s)
{
    const struct lk_value v = lk_cursor_next(&f->cursor);
    switch (v.class) {
    case LK_NULL:
        s->to = put_literal(s->to, "null", 4);
        return true;
    case LK_INTEGER:
        s->to = put_integer(s->to, v.integer);
        return true;
    case LK_REAL:
        s->to += lk_real_format(v.real, (char *)s->to);
        return true;
    case LK_TEXT: {
        const struct lk_buffer *stream = &f->cursor.column->values[LK_TEXT];
        const size_t start = (size_t)(v.bytes.ptr - stream->data);
        return put_text(e->copy, s, v.bytes, stream->len - start);
    }
    case LK_BLOB:
        return put_base64(s, "{\"$base64\":\"", v.bytes);
    case LK_RAWTEXT:
        break;
    }
    return put_base64(s, "{\"$text_base64\":\"", v.bytes);
}

static bool put_line(const struct lk_jsonl_encoder *e, size_t fields, const struct lk_batch *batch,
                     uint32_t row, struct sink *s)
{
    for (size_t i = 0; i < fields; i++) {
        struct field *f = &e->fields[i];
        if (!make_room(s, f->prefix_len + PREFIX_COPY + SCALAR_BYTES))
            return false;
        const uint8_t *prefix = e->prefixes.data + f->prefix;
        memcpy(s->to, prefix, PREFIX_COPY);
        if (f->prefix_len > PREFIX_COPY)
            memcpy(s->to, prefix, f->prefix_len);
        s->to += f->prefix_len;
        if (f->cursor.column == NULL)
            s->to = put_integer(s->to, lk_batch_rowid(batch, row));
        else if (!put_value(e, f, s))
            return false;
    }
    if (!make_room(s, SCALAR_BYTES))
        return false;
    if (fields == 0)
        *s->to++ = '{';
    s->to = put_literal(s->to, "}\n", 2);
    return true;
}

/* Write lines from *row on until the batch or, at a line's end, the member is full. */
static bool put_lines(const struct lk_jsonl_encoder *e, size_t fields, const struct lk_batch *batch,
                      size_t enough, uint32_t *row, struct lk_buffer *to)
{
    struct sink s = {.buffer = to, .to = to->data + to->len, .limit = to->data + to->cap};
    while (*row < batch->rows && (size_t)(s.to - s.buffer->data) < enough) {
        if (!put_line(e, fields, batch, *row, &s))
            return false;
        (*row)++;
    }
    to->len = (size_t)(s.to - to->data);
    return true;
}

enum lk_status lk_jsonl_encode(struct lk_jsonl_encoder *e, struct lk_codec_choice codec,
                               const struct lk_plan *plan, const struct lk_batch *batch,
                               struct lk_buffer *out, uint64_t *text_bytes, struct lk_error *err)
{
    assert(plan->columns == batch->columns);
    assert(plan->rowid_name == NULL || batch->hidden_rowid);
    const size_t start = out->len;
    const bool plain = codec.codec == LK_CODEC_NONE;
    size_t fields = 0;
    enum lk_status status = LK_OK;
    uint32_t row = 0;
    uint64_t bytes = 0;

    if (!set_fields(e, plan, batch, &fields) || !lk_buffer_reserve(plain ? out : &e->text, MEMBER_BYTES)) {
        status = lk_fail_memory(err, "writing JSON lines");
        goto out;
    }
    do {
        lk_buffer_clear(&e->text);
        if (!put_lines(e, fields, batch, plain ? SIZE_MAX : MEMBER_BYTES, &row, plain ? out : &e->text)) {
            status = lk_fail_memory(err, "writing JSON lines");
            goto out;
        }
        bytes += e->text.len;
        if (!plain)
            status = lk_compress(e->codec, codec, lk_buffer_bytes(&e->text), out, err);
    } while (status == LK_OK && row < batch->rows);

out:
    if (e->text.cap > KEPT_BYTES)
        lk_buffer_reset(&e->text);
    if (status != LK_OK)
        out->len = start;
    else
        *text_bytes = plain ? out->len - start : bytes;
    return status;
}

const char *lk_jsonl_suffix(enum lk_codec codec)
{
    switch (codec) {
    case LK_CODEC_GZIP:
        return ".gz";
    case LK_CODEC_ZSTD:
        return ".zst";
    case LK_CODEC_NONE:
    case LK_CODEC_SNAPPY:
    case LK_CODEC_LZ4_RAW:
        break;
    }
    return "";
}
