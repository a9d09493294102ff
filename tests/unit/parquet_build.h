/* Parquet files by hand, for tests of their reader: pages and footers as other writers, or nobody, would
 * write them. */
#ifndef LK_TESTS_PARQUET_BUILD_H
#define LK_TESTS_PARQUET_BUILD_H

#include "parquet/thrift_writer.h"

/* A page header and its body, which is not compressed. */
struct build_page {
    enum lk_parquet_page type;
    int32_t values;
    int32_t encoding;
    int32_t level_encoding; /* V1 */
    int32_t levels_len;     /* V2: the body's first bytes */
    int32_t size_error;     /* added to the header's sizes */
    const int32_t *crc;     /* NULL: none */
};

static inline void build_page(struct lk_buffer *out, struct build_page p, const void *body, size_t len)
{
    struct lk_thrift_writer w = lk_thrift_writer_begin(out);
    lk_thrift_writer_i32(&w, 1, (int32_t)p.type);
    lk_thrift_writer_i32(&w, 2, (int32_t)len + p.size_error);
    lk_thrift_writer_i32(&w, 3, (int32_t)len + p.size_error);
    if (p.crc != NULL)
        lk_thrift_writer_i32(&w, 4, *p.crc);
    if (p.type == LK_PARQUET_DATA_PAGE) {
        lk_thrift_writer_struct(&w, 5);
        lk_thrift_writer_i32(&w, 1, p.values);
        lk_thrift_writer_i32(&w, 2, p.encoding);
        lk_thrift_writer_i32(&w, 3, p.level_encoding);
        lk_thrift_writer_i32(&w, 4, LK_PARQUET_RLE);
        lk_thrift_writer_end(&w);
    } else if (p.type == LK_PARQUET_DICTIONARY_PAGE) {
        lk_thrift_writer_struct(&w, 7);
        lk_thrift_writer_i32(&w, 1, p.values);
        lk_thrift_writer_i32(&w, 2, p.encoding);
        lk_thrift_writer_end(&w);
    } else if (p.type == LK_PARQUET_DATA_PAGE_V2) {
        lk_thrift_writer_struct(&w, 8);
        lk_thrift_writer_i32(&w, 1, p.values);
        lk_thrift_writer_i32(&w, 2, 0);
        lk_thrift_writer_i32(&w, 3, p.values);
        lk_thrift_writer_i32(&w, 4, p.encoding);
        lk_thrift_writer_i32(&w, 5, p.levels_len);
        lk_thrift_writer_i32(&w, 6, 0);
        lk_thrift_writer_end(&w);
    }
    lk_thrift_writer_end(&w);
    lk_buffer_append(out, body, len);
}

/* Statistics of a chunk; bytes of length 0 and ptr NULL are left out. */
struct build_statistics {
    struct lk_bytes least, greatest;         /* min_value, max_value */
    struct lk_bytes old_least, old_greatest; /* min, max */
    int64_t nulls;                           /* -1: left out */
    int32_t order;                           /* field of ColumnOrder; 0: the file has no column_orders */
};

/* A file of one row group and one column "c", whose pages stand at offset 4. */
struct build_footer {
    enum lk_parquet_type type;
    int32_t type_length; /* 0: none */
    int32_t repetition;
    int32_t converted; /* -1: none */
    int64_t rows;      /* of the file */
    int64_t group_rows;
    int64_t values;
    int32_t codec;
    int64_t data_offset;
    int64_t dictionary_offset; /* 0: none */
    int64_t size;
    int32_t leaves; /* columns in the schema; the row group has `chunks` */
    int32_t chunks;
    int32_t children; /* what the root says */
    bool file_path;
    bool encrypted;
    const struct build_statistics *statistics; /* NULL: none */
};

static inline void build_bound(struct lk_thrift_writer *w, int16_t id, struct lk_bytes value)
{
    if (value.ptr != NULL)
        lk_thrift_writer_binary(w, id, value);
}

static inline void build_chunk(struct lk_thrift_writer *w, const struct build_footer *f)
{
    lk_thrift_writer_element_struct(w);
    if (f->file_path)
        lk_thrift_writer_binary(w, 1, lk_bytes_of("elsewhere.parquet"));
    lk_thrift_writer_i64(w, 2, 0);
    lk_thrift_writer_struct(w, 3);
    lk_thrift_writer_i32(w, 1, (int32_t)f->type);
    lk_thrift_writer_list(w, 2, LK_THRIFT_I32, 1);
    lk_thrift_writer_element_i32(w, 0);
    lk_thrift_writer_list(w, 3, LK_THRIFT_BINARY, 1);
    lk_thrift_writer_element_binary(w, lk_bytes_of("c"));
    lk_thrift_writer_i32(w, 4, f->codec);
    lk_thrift_writer_i64(w, 5, f->values);
    lk_thrift_writer_i64(w, 6, f->size);
    lk_thrift_writer_i64(w, 7, f->size);
    lk_thrift_writer_i64(w, 9, f->data_offset);
    if (f->dictionary_offset != 0)
        lk_thrift_writer_i64(w, 11, f->dictionary_offset);
    if (f->statistics != NULL) {
        lk_thrift_writer_struct(w, 12);
        build_bound(w, 1, f->statistics->old_greatest);
        build_bound(w, 2, f->statistics->old_least);
        if (f->statistics->nulls >= 0)
            lk_thrift_writer_i64(w, 3, f->statistics->nulls);
        build_bound(w, 5, f->statistics->greatest);
        build_bound(w, 6, f->statistics->least);
        lk_thrift_writer_end(w);
    }
    lk_thrift_writer_end(w);
    if (f->encrypted) {
        lk_thrift_writer_struct(w, 8);
        lk_thrift_writer_end(w);
    }
    lk_thrift_writer_end(w);
}

static inline void build_footer(struct lk_buffer *out, const struct build_footer *f)
{
    const size_t start = out->len;
    struct lk_thrift_writer w = lk_thrift_writer_begin(out);
    lk_thrift_writer_i32(&w, 1, 1);
    lk_thrift_writer_list(&w, 2, LK_THRIFT_STRUCT, 1 + (size_t)f->leaves);
    lk_thrift_writer_element_struct(&w);
    lk_thrift_writer_binary(&w, 4, lk_bytes_of("schema"));
    lk_thrift_writer_i32(&w, 5, f->children);
    lk_thrift_writer_end(&w);
    for (int32_t i = 0; i < f->leaves; i++) {
        lk_thrift_writer_element_struct(&w);
        lk_thrift_writer_i32(&w, 1, (int32_t)f->type);
        if (f->type_length != 0)
            lk_thrift_writer_i32(&w, 2, f->type_length);
        lk_thrift_writer_i32(&w, 3, f->repetition);
        lk_thrift_writer_binary(&w, 4, lk_bytes_of("c"));
        if (f->converted >= 0)
            lk_thrift_writer_i32(&w, 6, f->converted);
        lk_thrift_writer_end(&w);
    }
    lk_thrift_writer_i64(&w, 3, f->rows);
    lk_thrift_writer_list(&w, 4, LK_THRIFT_STRUCT, 1);
    lk_thrift_writer_element_struct(&w);
    lk_thrift_writer_list(&w, 1, LK_THRIFT_STRUCT, (size_t)f->chunks);
    for (int32_t i = 0; i < f->chunks; i++)
        build_chunk(&w, f);
    lk_thrift_writer_i64(&w, 2, 0);
    lk_thrift_writer_i64(&w, 3, f->group_rows);
    lk_thrift_writer_end(&w);
    if (f->statistics != NULL && f->statistics->order != 0) {
        lk_thrift_writer_list(&w, 7, LK_THRIFT_STRUCT, (size_t)f->leaves);
        for (int32_t i = 0; i < f->leaves; i++) {
            lk_thrift_writer_element_struct(&w);
            lk_thrift_writer_struct(&w, (int16_t)f->statistics->order);
            lk_thrift_writer_end(&w);
            lk_thrift_writer_end(&w);
        }
    }
    lk_thrift_writer_end(&w);
    uint8_t len[4];
    lk_put_u32(len, (uint32_t)(out->len - start));
    lk_buffer_append(out, len, sizeof len);
    lk_buffer_append_string(out, LK_PARQUET_MAGIC);
}

#endif
