/* One column of a row group as pages. Internal to src/parquet.
 *
 * A data page V1 is, before compression: u32 length of the definition levels, the levels (both only where the
 * column is OPTIONAL), the values. Source: https://github.com/apache/parquet-format/blob/master/README.md,
 * "Data Pages".
 *
 * The encoding is chosen by a rule over the column's values in this row group and nothing else:
 *   RLE_DICTIONARY       when a dictionary is kept (encode_dictionary.h); never for booleans
 *   DELTA_BINARY_PACKED  else for integers in something like an order: when the deltas take at most two
 * thirds of the values' significant bits PLAIN                else: a page is then compressed from where its
 * values lie
 *
 * Measured with zstd 1, bytes a value and MB/s of 8-byte values, PLAIN against DELTA_BINARY_PACKED:
 *   1, 2, 3, ...                       1.02  452    0.005 1551
 *   rising by 1 to 60                  1.26  457    0.78   982
 *   rising by 1 to 4,000               2.11  420    1.53   899
 *   rising by 1 to 1,000,000           3.15  386    2.53   661
 *   (seconds << 22) + row number       2.36         0.45
 *   Pareto, unordered: not chosen      1.07  416    1.57   884
 * BYTE_STREAM_SPLIT for doubles, ratio and MB/s, PLAIN against it: uniform 1.07 688, 1.16 902; a random walk
 * 1.09 721, 1.30 865; but prices 2.54 312, 1.49 709 and temperatures 2.88 339, 1.33 667: decimal fractions,
 * the doubles that databases hold, grow to twice the size. It is not used. */
#ifndef LK_PARQUET_ENCODE_COLUMN_H
#define LK_PARQUET_ENCODE_COLUMN_H

#include "base/codec.h"
#include "parquet/encode_dictionary.h"
#include "parquet/encode_stats.h"
#include "parquet/format.h"

/* A page ends after the value that makes its values reach these many bytes, or before one that is as long by
 * itself; and after as many rows. */
#define LK_PAGE_BYTES (1u << 20)
#define LK_PAGE_ROWS 20000u

/* The values to be encoded: borrowed. */
struct lk_encode_column {
    const char *name;          /* for messages */
    enum lk_parquet_type type; /* BOOLEAN, INT64, DOUBLE, BYTE_ARRAY */
    bool utf8;                 /* BYTE_ARRAY: text */
    const uint8_t *classes;    /* one byte a row; NULL: REQUIRED, every row has a value */
    uint8_t present[2];        /* the classes that are values here; the others are null */
    size_t rows;
    size_t count;           /* values */
    struct lk_bytes values; /* PLAIN; but booleans one byte each */
};

/* What the footer says of a column chunk. Offsets are relative to the row group's first byte. */
struct lk_encode_chunk {
    enum lk_parquet_encoding encoding; /* of the data pages */
    bool optional;
    bool has_dictionary;
    size_t data_pages;
    uint64_t values; /* nulls included */
    uint64_t nulls;
    uint64_t start; /* the first page: the dictionary's, if there is one */
    uint64_t data_start;
    uint64_t raw_bytes; /* page headers included, in both */
    uint64_t bytes;
    struct lk_encode_stats stats;
};

/* What is kept between columns. One thread at a time. {0} and a codec context at the start. */
struct lk_encode_scratch {
    struct lk_codec_context *codec;
    struct lk_encode_dictionary dictionary;
    struct lk_buffer presence; /* uint64_t words: the page's rows */
    struct lk_buffer levels;
    struct lk_buffer body;
    struct lk_buffer header;
    size_t header_len; /* of the last page: a guess for the next */
};
void lk_encode_column_reset(struct lk_encode_scratch *s);

/* Append the column's pages to `out`, which begins with the row group's first byte. A value that no page can
 * hold is LK_UNREADABLE. */
enum lk_status lk_encode_column(struct lk_encode_scratch *s, struct lk_codec_choice codec,
                                const struct lk_encode_column *c, struct lk_buffer *out,
                                struct lk_encode_chunk *chunk, struct lk_error *err) LK_CHECKED;

#endif
