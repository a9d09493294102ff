/* One column of one row group: its pages' levels and values, put together. */
#ifndef LK_PARQUET_DECODE_CHUNK_H
#define LK_PARQUET_DECODE_CHUNK_H

#include "parquet/decode_values.h"
#include "parquet/page.h"

/* What a thread keeps between chunks. */
struct lk_decode_chunk_state {
    struct lk_page_reader *pages;
    struct lk_decode_dictionary dictionary;
    struct lk_buffer scratch;
};

/* Where a chunk goes. */
struct lk_decode_chunk_target {
    uint8_t class;             /* in `classes` for each row with a value; rows without one get 0 */
    bool text;                 /* values are byte arrays: look whether they are UTF-8 */
    struct lk_buffer *classes; /* one byte a row is appended */
    struct lk_buffer *values;  /* dense, in PLAIN layout, are appended */
    uint32_t count;            /* out: rows with a value */
    bool not_utf8;             /* out: some value is not, when `text` */
};

/* Decode `chunk` of a flat leaf: exactly `rows` rows. Errors as of lk_page_reader_next and lk_decode_values;
 * they name the page's offset, but neither file nor column. */
enum lk_status lk_decode_chunk(struct lk_decode_chunk_state *d, const struct lk_input *in,
                               const struct lk_parquet_chunk *chunk, const struct lk_parquet_element *element,
                               uint32_t rows, struct lk_parquet_budget *budget,
                               struct lk_decode_chunk_target *target, struct lk_error *err) LK_CHECKED;

/* Take `bytes` off the budget; LK_DAMAGED when it is spent. */
enum lk_status lk_decode_chunk_spend(struct lk_parquet_budget *budget, uint64_t bytes,
                                     struct lk_error *err) LK_CHECKED;

#endif
