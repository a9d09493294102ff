/* The rows of a table one at a time, out of its batches; and one row as bytes. One thread. */
#ifndef LK_OPS_DIFF_READER_H
#define LK_OPS_DIFF_READER_H

#include "batch/batch.h"

/* A table whose rows can be read, in the order of the table, and again from the first one. */
struct lk_diff_rows {
    const struct lk_table_schema *schema; /* the shape of the batches; borrowed */
    void *context;
    enum lk_status (*rewind)(void *context, struct lk_error *err); /* before the first batch, too */
    /* Borrowed until the next call; *batch NULL at the end. */
    enum lk_status (*next)(void *context, const struct lk_batch **batch, struct lk_error *err);
};

struct lk_diff_reader {
    const struct lk_diff_rows *rows;
    size_t columns;
    size_t rowid_column; /* the INTEGER PRIMARY KEY, or SIZE_MAX */
    const struct lk_batch *batch;
    uint32_t row;             /* of the batch: the next one */
    struct lk_cursor *cursor; /* for each column */
    bool end;                 /* there is no current row any more */
    uint64_t count;           /* rows seen, the current one included */
    struct lk_value *value;   /* the current row's, for each column; borrowed from the batch */
    int64_t rowid;            /* the current row's; where the table has none that can be read: its position */
};

/* Rewind `rows` (borrowed) and go to its first row. The reader is reset in any case. */
enum lk_status lk_diff_reader_init(struct lk_diff_reader *r, const struct lk_diff_rows *rows,
                                   struct lk_error *err) LK_CHECKED;
/* The next row, or r->end. LK_INTERRUPTED as everywhere. */
enum lk_status lk_diff_reader_advance(struct lk_diff_reader *r, struct lk_error *err) LK_CHECKED;
void lk_diff_reader_reset(struct lk_diff_reader *r);

/* Same storage class and same bytes: 1 is not 1.0, and 0.0 is not -0.0. */
bool lk_diff_reader_equal(const struct lk_value *a, const struct lk_value *b);

/* Append values[column[0..columns)] (column NULL: the first ones): different rows give different bytes. */
void lk_diff_reader_pack(const struct lk_value *values, const size_t *column, size_t columns,
                         struct lk_buffer *out);
/* The values packed without `column`, borrowed from the bytes; false when they are no such row. */
bool lk_diff_reader_unpack(struct lk_bytes packed, size_t columns, struct lk_value *values);

#endif
