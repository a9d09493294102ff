#include "parquet/encode_column.h"

#include <assert.h>

#include <libdeflate.h>

#include "parquet/encode.h"
#include "parquet/thrift_writer.h"

#define HEADER_MAX 64 /* no page header here is longer */

struct column_state {
    struct lk_encode_scratch *s;
    struct lk_codec_choice codec;
    const struct lk_encode_column *c;
    struct lk_buffer *out;
    struct lk_encode_chunk *chunk;
    struct lk_encode_stats_range range; /* of byte arrays without a dictionary: filled as pages are cut */
};

void lk_encode_column_reset(struct lk_encode_scratch *s)
{
    lk_codec_context_free(s->codec);
    lk_encode_dictionary_reset(&s->dictionary);
    lk_buffer_reset(&s->presence);
    lk_buffer_reset(&s->levels);
    lk_buffer_reset(&s->body);
    lk_buffer_reset(&s->header);
    *s = (struct lk_encode_scratch){0};
}

/* parquet.thrift, struct PageHeader. */
static void make_header(struct lk_buffer *out, const struct lk_encode_chunk *chunk, enum lk_parquet_page type,
                        size_t values, size_t raw_len, size_t len, uint32_t crc)
{
    struct lk_thrift_writer w = lk_thrift_writer_begin(out);
    lk_thrift_writer_i32(&w, 1, (int32_t)type);
    lk_thrift_writer_i32(&w, 2, (int32_t)raw_len);
    lk_thrift_writer_i32(&w, 3, (int32_t)len);
    lk_thrift_writer_i32(&w, 4, (int32_t)crc);
    if (type == LK_PARQUET_DICTIONARY_PAGE) {
        lk_thrift_writer_struct(&w, 7);
        lk_thrift_writer_i32(&w, 1, (int32_t)values);
        lk_thrift_writer_i32(&w, 2, LK_PARQUET_PLAIN);
    } else {
        lk_thrift_writer_struct(&w, 5);
        lk_thrift_writer_i32(&w, 1, (int32_t)values);
        lk_thrift_writer_i32(&w, 2, (int32_t)chunk->encoding);
        lk_thrift_writer_i32(&w, 3, LK_PARQUET_RLE);
        lk_thrift_writer_i32(&w, 4, LK_PARQUET_RLE);
    }
    lk_thrift_writer_end(&w);
    lk_thrift_writer_end(&w);
}

/* Append a page of `values` values (nulls included): header, and head and body compressed together. */
static enum lk_status append_page(struct column_state *st, enum lk_parquet_page type, size_t values,
                                  struct lk_bytes head, struct lk_bytes body, struct lk_error *err)
{
    struct lk_buffer *out = st->out;
    struct lk_buffer *header = &st->s->header;
    const size_t raw_len = head.len + body.len;
    if (raw_len > INT32_MAX)
        return lk_fail(err, LK_UNREADABLE,
                       "column %s holds a value of about %zu bytes, and a Parquet page ends at 2 GiB; "
                       "back this table up as json or sqlite instead",
                       st->c->name, body.len);
    /* The header comes first and holds the compressed size: leave a gap of the likely length, close or widen
     * it if it was not. */
    const size_t start = out->len;
    const size_t gap = st->s->header_len;
    if (lk_buffer_extend(out, gap) == NULL)
        return lk_fail_memory(err, "encoding a Parquet page");
    const enum lk_status status = lk_compress_joined(st->s->codec, st->codec, head, body, out, err);
    if (status != LK_OK)
        return status;
    const size_t len = out->len - start - gap;
    if (len > INT32_MAX)
        return lk_fail(err, LK_UNREADABLE,
                       "column %s holds a value of about %zu bytes that does not compress, and a Parquet "
                       "page ends at 2 GiB; "
                       "back this table up as json or sqlite instead",
                       st->c->name, body.len);
    lk_buffer_clear(header);
    make_header(header, st->chunk, type, values, raw_len, len,
                libdeflate_crc32(0, out->data + start + gap, len));
    if (header->failed || !lk_buffer_reserve(out, HEADER_MAX))
        return lk_fail_memory(err, "encoding a Parquet page");
    assert(header->len <= HEADER_MAX);
    if (header->len != gap) {
        memmove(out->data + start + header->len, out->data + start + gap, len);
        out->len = start + header->len + len;
        st->s->header_len = header->len;
    }
    memcpy(out->data + start, header->data, header->len);
    st->chunk->raw_bytes += header->len + raw_len;
    st->chunk->bytes += header->len + len;
    return LK_OK;
}

/* How many of the `count` byte arrays at `from` fit a page; *len: their bytes. At least 1 when count is. Adds
 * them to `range`. */
static size_t fit_bytes(struct lk_encode_stats_range *range, const uint8_t *from, size_t count, size_t *len)
{
    size_t n = 0, bytes = 0;
    while (n < count && bytes < LK_PAGE_BYTES) {
        const size_t one = lk_get_u32(from + bytes);
        if (one >= LK_PAGE_BYTES && n > 0)
            break;
        lk_encode_stats_range_add(range, from + bytes + 4, one);
        bytes += 4 + one;
        n++;
    }
    *len = bytes;
    return n;
}

/* The definition levels of `rows` rows, of which `present` have values, with their length before them. */
static void make_levels(struct column_state *st, size_t rows, size_t present)
{
    struct lk_buffer *levels = &st->s->levels;
    lk_buffer_clear(levels);
    if (st->c->classes == NULL)
        return;
    lk_buffer_extend(levels, 4);
    if (present == rows || present == 0)
        lk_encode_level_run(present > 0, rows, levels);
    else
        lk_encode_levels((const void *)st->s->presence.data, rows, levels);
    if (!levels->failed)
        lk_put_u32(levels->data, (uint32_t)(levels->len - 4));
}

/* Keep the first `rows` rows of the page's presence bits. */
static void cut_presence(uint64_t *bits, size_t rows)
{
    if (rows % 64 != 0)
        bits[rows / 64] &= (UINT64_C(1) << rows % 64) - 1;
}

/* The next data page: from row `row` on, whose first value is number `value` at byte `at` of the values. All
 * three are moved on. */
static enum lk_status append_data_page(struct column_state *st, size_t page_rows, size_t *row, size_t *value,
                                       size_t *at, struct lk_error *err)
{
    const struct lk_encode_column *c = st->c;
    struct lk_encode_scratch *s = st->s;
    size_t rows = c->rows - *row < page_rows ? c->rows - *row : page_rows;
    size_t present = rows;
    uint64_t *bits = NULL;
    if (c->classes != NULL && c->count < c->rows) {
        lk_buffer_clear(&s->presence);
        bits = (void *)lk_buffer_extend(&s->presence, (rows + 63) / 64 * sizeof *bits);
        if (bits == NULL)
            return lk_fail_memory(err, "encoding a Parquet page");
        present = lk_encode_presence(c->classes + *row, rows, c->present[0], c->present[1], bits);
    }
    struct lk_bytes body = {NULL, 0};
    struct lk_buffer *made = &s->body;
    lk_buffer_clear(made);
    if (st->chunk->encoding == LK_PARQUET_RLE_DICTIONARY) {
        const uint16_t *index = (const void *)s->dictionary.index.data;
        lk_encode_indexes(index + *value, present, lk_encode_width(s->dictionary.entries - 1), made);
    } else if (st->chunk->encoding == LK_PARQUET_DELTA_BINARY_PACKED) {
        lk_encode_deltas(c->values.ptr + *value * 8, present, made);
    } else if (c->type == LK_PARQUET_BOOLEAN && present > 0) {
        lk_encode_booleans(c->values.ptr + *value, present, made);
    } else if (c->type == LK_PARQUET_BYTE_ARRAY && present > 0) {
        body.ptr = c->values.ptr + *at;
        const size_t fits = fit_bytes(&st->range, body.ptr, present, &body.len);
        if (fits < present) {
            /* The next value opens the next page, and so do the nulls after it only. */
            rows = bits == NULL ? fits : lk_encode_select(bits, fits);
            present = fits;
            if (bits != NULL)
                cut_presence(bits, rows);
        }
        *at += body.len;
    } else if (present > 0) {
        body = lk_bytes(c->values.ptr + *value * 8, present * 8);
    }
    make_levels(st, rows, present);
    if (made->failed || s->levels.failed)
        return lk_fail_memory(err, "encoding a Parquet page");
    *row += rows;
    *value += present;
    st->chunk->data_pages++;
    return append_page(st, LK_PARQUET_DATA_PAGE, rows, lk_buffer_bytes(&s->levels),
                       made->len > 0 ? lk_buffer_bytes(made) : body, err);
}

static bool deltas_pay(const struct lk_encode_column *c)
{
    if (c->type != LK_PARQUET_INT64 || c->count == 0)
        return false;
    size_t significant;
    const size_t deltas = lk_encode_deltas_estimate(c->values.ptr, c->count, &significant);
    return deltas <= significant / 3 * 2;
}

static enum lk_status choose_encoding(struct column_state *st, struct lk_error *err)
{
    const struct lk_encode_column *c = st->c;
    struct lk_encode_chunk *chunk = st->chunk;
    chunk->encoding = LK_PARQUET_PLAIN;
    if (c->type == LK_PARQUET_BOOLEAN)
        return LK_OK;
    const enum lk_status status =
        lk_encode_dictionary_build(&st->s->dictionary, c->values, c->count, c->type != LK_PARQUET_BYTE_ARRAY,
                                   &chunk->has_dictionary, err);
    if (status != LK_OK)
        return status;
    if (chunk->has_dictionary)
        chunk->encoding = LK_PARQUET_RLE_DICTIONARY;
    else if (deltas_pay(c))
        chunk->encoding = LK_PARQUET_DELTA_BINARY_PACKED;
    return LK_OK;
}

static void make_stats(struct column_state *st)
{
    const struct lk_encode_column *c = st->c;
    struct lk_encode_stats *out = &st->chunk->stats;
    const bool by_entry = st->chunk->has_dictionary;
    const struct lk_bytes values = by_entry ? lk_buffer_bytes(&st->s->dictionary.plain) : c->values;
    const size_t count = by_entry ? st->s->dictionary.entries : c->count;
    if (c->type == LK_PARQUET_BOOLEAN) {
        lk_encode_stats_boolean(values.ptr, count, out);
    } else if (c->type == LK_PARQUET_INT64) {
        lk_encode_stats_int64(values.ptr, count, out);
    } else if (c->type == LK_PARQUET_DOUBLE) {
        lk_encode_stats_double(values.ptr, count, out);
    } else {
        if (by_entry) {
            size_t len;
            for (size_t at = 0; at < values.len; at += 4 + len) {
                len = lk_get_u32(values.ptr + at);
                lk_encode_stats_range_add(&st->range, values.ptr + at + 4, len);
            }
        }
        lk_encode_stats_range_finish(&st->range, c->utf8, out);
    }
}

enum lk_status lk_encode_column(struct lk_encode_scratch *s, struct lk_codec_choice codec,
                                const struct lk_encode_column *c, struct lk_buffer *out,
                                struct lk_encode_chunk *chunk, struct lk_error *err)
{
    assert(c->rows > 0 && c->rows <= INT32_MAX && c->count <= c->rows &&
           (c->classes != NULL || c->count == c->rows));
    struct column_state st = {.s = s, .codec = codec, .c = c, .out = out, .chunk = chunk};
    *chunk = (struct lk_encode_chunk){
        .optional = c->classes != NULL,
        .values = c->rows,
        .nulls = c->rows - c->count,
        .start = out->len,
    };
    enum lk_status status = choose_encoding(&st, err);
    if (status != LK_OK)
        return status;
    if (chunk->has_dictionary) {
        const struct lk_encode_dictionary *d = &s->dictionary;
        status = append_page(&st, LK_PARQUET_DICTIONARY_PAGE, d->entries, lk_bytes(NULL, 0),
                             lk_buffer_bytes(&d->plain), err);
    }
    chunk->data_start = out->len;
    /* Pages of equal rows rather than full ones and a rest. */
    const size_t pages = (c->rows + LK_PAGE_ROWS - 1) / LK_PAGE_ROWS;
    const size_t page_rows = (c->rows + pages - 1) / pages;
    size_t row = 0, value = 0, at = 0;
    while (status == LK_OK && row < c->rows)
        status = append_data_page(&st, page_rows, &row, &value, &at, err);
    if (status != LK_OK)
        return status;
    assert(value == c->count);
    make_stats(&st);
    return LK_OK;
}
