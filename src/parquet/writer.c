/* The file: "PAR1", the row groups' pages, FileMetaData (parquet.thrift), its length (u32 little-endian),
 * "PAR1". */
#include "parquet/writer.h"

#include <assert.h>

#include "base/memory.h"
#include "parquet/encode_row_group.h"
#include "parquet/thrift_writer.h"

/* parquet-java reads a version and a build out of it, or ignores the statistics of byte arrays. */
#define CREATED_BY "litekeep version " LK_VERSION " (build " LK_VERSION ")"
/* Of the file format: 2, since RLE_DICTIONARY and DELTA_BINARY_PACKED came with it. */
#define FORMAT_VERSION 2

struct lk_parquet_writer {
    const struct lk_plan *plan;
    struct lk_buffer groups; /* struct lk_parquet_row_group *, owned */
    uint64_t rows;
};

enum lk_status lk_parquet_writer_new(const struct lk_plan *plan, struct lk_parquet_writer **out,
                                     struct lk_error *err)
{
    struct lk_parquet_writer *w = lk_allocate_zeroed(1, sizeof *w);
    if (w == NULL)
        return lk_fail_memory(err, "making a Parquet writer");
    w->plan = plan;
    *out = w;
    return LK_OK;
}

static size_t group_count(const struct lk_parquet_writer *w)
{
    return w->groups.len / sizeof(struct lk_parquet_row_group *);
}

static struct lk_parquet_row_group **group_list(const struct lk_parquet_writer *w)
{
    return (struct lk_parquet_row_group **)(void *)w->groups.data;
}

void lk_parquet_writer_free(struct lk_parquet_writer *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < group_count(w); i++)
        lk_parquet_row_group_free(group_list(w)[i]);
    lk_buffer_reset(&w->groups);
    lk_free(w);
}

struct lk_bytes lk_parquet_writer_header(void)
{
    return lk_bytes(LK_PARQUET_MAGIC, LK_PARQUET_MAGIC_SIZE);
}

/* Add row groups to the list, or leave it as it was. */
static enum lk_status add_groups(struct lk_parquet_writer *w, const void *groups, size_t len,
                                 struct lk_error *err)
{
    if (!lk_buffer_reserve(&w->groups, len)) {
        w->groups.failed = false;
        return lk_fail_memory(err, "appending Parquet row groups");
    }
    lk_buffer_append(&w->groups, groups, len);
    return LK_OK;
}

enum lk_status lk_parquet_writer_append(struct lk_parquet_writer *w, struct lk_parquet_row_group *g,
                                        uint64_t offset, struct lk_error *err)
{
    assert(g->chunks == lk_plan_file_columns(w->plan) && offset >= LK_PARQUET_MAGIC_SIZE);
    const enum lk_status status = add_groups(w, &g, sizeof(struct lk_parquet_row_group *), err);
    if (status != LK_OK)
        return status;
    lk_parquet_row_group_drop_bytes(g);
    g->offset = offset;
    w->rows += g->rows;
    return LK_OK;
}

enum lk_status lk_parquet_writer_absorb(struct lk_parquet_writer *w, struct lk_parquet_writer *from,
                                        int64_t shift, struct lk_error *err)
{
    assert(lk_plan_file_columns(w->plan) == lk_plan_file_columns(from->plan));
    const enum lk_status status = add_groups(w, from->groups.data, from->groups.len, err);
    if (status != LK_OK)
        return status;
    for (size_t i = 0; i < group_count(from); i++) {
        struct lk_parquet_row_group *g = group_list(from)[i];
        assert(shift >= 0 || g->offset >= (uint64_t)0 - (uint64_t)shift);
        g->offset += (uint64_t)shift;
    }
    w->rows += from->rows;
    lk_buffer_clear(&from->groups);
    from->rows = 0;
    return LK_OK;
}

static enum lk_parquet_codec codec_number(enum lk_codec codec)
{
    switch (codec) {
    case LK_CODEC_NONE:
        break;
    case LK_CODEC_SNAPPY:
        return LK_PARQUET_SNAPPY;
    case LK_CODEC_GZIP:
        return LK_PARQUET_GZIP;
    case LK_CODEC_ZSTD:
        return LK_PARQUET_ZSTD;
    case LK_CODEC_LZ4_RAW:
        return LK_PARQUET_LZ4_RAW;
    }
    return LK_PARQUET_UNCOMPRESSED;
}

/* struct SchemaElement: the root, then the columns. */
static void write_schema(struct lk_thrift_writer *t, const struct lk_file_column *column, size_t columns)
{
    lk_thrift_writer_list(t, 2, LK_THRIFT_STRUCT, columns + 1);
    lk_thrift_writer_element_struct(t);
    lk_thrift_writer_binary(t, 4, lk_bytes_of("schema"));
    lk_thrift_writer_i32(t, 5, (int32_t)columns);
    lk_thrift_writer_end(t);
    for (size_t i = 0; i < columns; i++) {
        const struct lk_file_column *c = &column[i];
        const enum lk_parquet_type type = lk_parquet_physical_type(c);
        lk_thrift_writer_element_struct(t);
        lk_thrift_writer_i32(t, 1, (int32_t)type);
        lk_thrift_writer_i32(t, 3, c->role == LK_ROLE_ROWID ? LK_PARQUET_REQUIRED : LK_PARQUET_OPTIONAL);
        lk_thrift_writer_binary(t, 4, lk_bytes_of(c->name));
        if (type == LK_PARQUET_BYTE_ARRAY && c->type == LK_TYPE_STRING) {
            lk_thrift_writer_i32(t, 6, LK_PARQUET_CONVERTED_UTF8);
            lk_thrift_writer_struct(t, 10);
            lk_thrift_writer_struct(t, LK_PARQUET_LOGICAL_STRING);
            lk_thrift_writer_end(t);
            lk_thrift_writer_end(t);
        }
        lk_thrift_writer_end(t);
    }
}

/* struct Statistics. */
static void write_stats(struct lk_thrift_writer *t, const struct lk_encode_chunk *c)
{
    const struct lk_encode_stat *min = &c->stats.min, *max = &c->stats.max;
    lk_thrift_writer_struct(t, 12);
    lk_thrift_writer_i64(t, 3, (int64_t)c->nulls);
    if (max->known)
        lk_thrift_writer_binary(t, 5, lk_bytes(max->bytes, max->len));
    if (min->known)
        lk_thrift_writer_binary(t, 6, lk_bytes(min->bytes, min->len));
    if (max->known)
        lk_thrift_writer_bool(t, 7, max->exact);
    if (min->known)
        lk_thrift_writer_bool(t, 8, min->exact);
    lk_thrift_writer_end(t);
}

/* struct PageEncodingStats, a list of them: by these parquet-java knows that every value is in the
 * dictionary. */
static void write_encoding_stats(struct lk_thrift_writer *t, const struct lk_encode_chunk *c)
{
    lk_thrift_writer_list(t, 13, LK_THRIFT_STRUCT, c->has_dictionary ? 2 : 1);
    if (c->has_dictionary) {
        lk_thrift_writer_element_struct(t);
        lk_thrift_writer_i32(t, 1, LK_PARQUET_DICTIONARY_PAGE);
        lk_thrift_writer_i32(t, 2, LK_PARQUET_PLAIN);
        lk_thrift_writer_i32(t, 3, 1);
        lk_thrift_writer_end(t);
    }
    lk_thrift_writer_element_struct(t);
    lk_thrift_writer_i32(t, 1, LK_PARQUET_DATA_PAGE);
    lk_thrift_writer_i32(t, 2, (int32_t)c->encoding);
    lk_thrift_writer_i32(t, 3, (int32_t)c->data_pages);
    lk_thrift_writer_end(t);
}

/* struct ColumnChunk with its ColumnMetaData. */
static void write_chunk(struct lk_thrift_writer *t, const struct lk_parquet_row_group *g,
                        const struct lk_encode_chunk *c, const struct lk_file_column *column)
{
    lk_thrift_writer_element_struct(t);
    lk_thrift_writer_i64(t, 2, 0);
    lk_thrift_writer_struct(t, 3);
    lk_thrift_writer_i32(t, 1, (int32_t)lk_parquet_physical_type(column));
    const bool plain_too = c->has_dictionary && c->encoding != LK_PARQUET_PLAIN;
    lk_thrift_writer_list(t, 2, LK_THRIFT_I32, 1u + plain_too + c->optional);
    if (plain_too)
        lk_thrift_writer_element_i32(t, LK_PARQUET_PLAIN);
    if (c->optional)
        lk_thrift_writer_element_i32(t, LK_PARQUET_RLE);
    lk_thrift_writer_element_i32(t, (int32_t)c->encoding);
    lk_thrift_writer_list(t, 3, LK_THRIFT_BINARY, 1);
    lk_thrift_writer_element_binary(t, lk_bytes_of(column->name));
    lk_thrift_writer_i32(t, 4, (int32_t)codec_number(g->codec));
    lk_thrift_writer_i64(t, 5, (int64_t)c->values);
    lk_thrift_writer_i64(t, 6, (int64_t)c->raw_bytes);
    lk_thrift_writer_i64(t, 7, (int64_t)c->bytes);
    lk_thrift_writer_i64(t, 9, (int64_t)(g->offset + c->data_start));
    if (c->has_dictionary)
        lk_thrift_writer_i64(t, 11, (int64_t)(g->offset + c->start));
    write_stats(t, c);
    write_encoding_stats(t, c);
    lk_thrift_writer_end(t);
    lk_thrift_writer_end(t);
}

/* struct RowGroup. */
static void write_row_group(struct lk_thrift_writer *t, const struct lk_parquet_row_group *g, size_t ordinal,
                            const struct lk_file_column *column)
{
    uint64_t raw_bytes = 0, bytes = 0;
    lk_thrift_writer_element_struct(t);
    lk_thrift_writer_list(t, 1, LK_THRIFT_STRUCT, g->chunks);
    for (size_t i = 0; i < g->chunks; i++) {
        write_chunk(t, g, &g->chunk[i], &column[i]);
        raw_bytes += g->chunk[i].raw_bytes;
        bytes += g->chunk[i].bytes;
    }
    lk_thrift_writer_i64(t, 2, (int64_t)raw_bytes);
    lk_thrift_writer_i64(t, 3, (int64_t)g->rows);
    lk_thrift_writer_i64(t, 6, (int64_t)bytes);
    if (ordinal <= INT16_MAX)
        lk_thrift_writer_i16(t, 7, (int16_t)ordinal);
    lk_thrift_writer_end(t);
}

/* ColumnOrder for each column: TYPE_ORDER. */
static void write_orders(struct lk_thrift_writer *t, size_t columns)
{
    lk_thrift_writer_list(t, 7, LK_THRIFT_STRUCT, columns);
    for (size_t i = 0; i < columns; i++) {
        lk_thrift_writer_element_struct(t);
        lk_thrift_writer_struct(t, 1);
        lk_thrift_writer_end(t);
        lk_thrift_writer_end(t);
    }
}

static void write_metadata(const struct lk_parquet_writer *w, const struct lk_file_column *column,
                           size_t columns, struct lk_bytes metadata, struct lk_buffer *out)
{
    struct lk_thrift_writer t = lk_thrift_writer_begin(out);
    lk_thrift_writer_i32(&t, 1, FORMAT_VERSION);
    write_schema(&t, column, columns);
    lk_thrift_writer_i64(&t, 3, (int64_t)w->rows);
    lk_thrift_writer_list(&t, 4, LK_THRIFT_STRUCT, group_count(w));
    for (size_t i = 0; i < group_count(w); i++)
        write_row_group(&t, group_list(w)[i], i, column);
    lk_thrift_writer_list(&t, 5, LK_THRIFT_STRUCT, 1);
    lk_thrift_writer_element_struct(&t);
    lk_thrift_writer_binary(&t, 1, lk_bytes_of(LK_PARQUET_METADATA_KEY));
    lk_thrift_writer_binary(&t, 2, metadata);
    lk_thrift_writer_end(&t);
    lk_thrift_writer_binary(&t, 6, lk_bytes_of(CREATED_BY));
    write_orders(&t, columns);
    lk_thrift_writer_end(&t);
}

enum lk_status lk_parquet_writer_footer(struct lk_parquet_writer *w, struct lk_bytes metadata,
                                        struct lk_buffer *out, struct lk_error *err)
{
    const size_t start = out->len;
    const size_t columns = lk_plan_file_columns(w->plan);
    struct lk_file_column *column = lk_allocate_zeroed(columns, sizeof *column);
    if (column == NULL)
        return lk_fail_memory(err, "writing a Parquet footer");
    lk_plan_list_file_columns(w->plan, column);
    write_metadata(w, column, columns, metadata, out);
    lk_free(column);
    const size_t len = out->len - start;
    enum lk_status status = LK_OK;
    if (len > INT32_MAX)
        status =
            lk_fail(err, LK_FAILED, "a Parquet footer of %zu bytes for %zu row groups: its limit is 2 GiB",
                    len, group_count(w));
    uint8_t *end = lk_buffer_extend(out, 4 + LK_PARQUET_MAGIC_SIZE);
    if (end != NULL) {
        lk_put_u32(end, (uint32_t)len);
        memcpy(end + 4, LK_PARQUET_MAGIC, LK_PARQUET_MAGIC_SIZE);
    }
    return status != LK_OK ? status : lk_buffer_check(out, "writing a Parquet footer", err);
}
