/* The rows of one table, wherever they are stored: what the virtual table reads through, so that it need not
 * know the file formats. */
#ifndef LK_BATCH_ROWS_H
#define LK_BATCH_ROWS_H

#include "batch/batch.h"

enum lk_comparison { LK_EQUAL, LK_LESS, LK_LESS_OR_EQUAL, LK_GREATER, LK_GREATER_OR_EQUAL };

#define LK_ROWS_ROWID SIZE_MAX /* in place of a column: the hidden rowid */

/* Only rows with `column <comparison> value` are of interest. A hint: rows may be left out only where no row
 * of a block can fit, and the reader still checks each one.
 *
 * The value is an integer, a real or a text. A block may be left out only when its values in the column are
 * all of the filter's kind (numbers, or text) or NULL, and the least and greatest of them rule a match out:
 * numbers compared as numbers, text by its UTF-8 bytes. (Values of other kinds may still match after SQLite
 * has applied an affinity.) */
struct lk_rows_filter {
    size_t column; /* index, or LK_ROWS_ROWID */
    enum lk_comparison comparison;
    struct lk_value value; /* bytes are borrowed until the cursor is closed */
};

struct lk_rows_request {
    const bool *wanted; /* a flag for each column; the others come back as NULLs. NULL: all. Borrowed until
                           the cursor is closed */
    size_t filters;
    const struct lk_rows_filter *filter;
};

/* One thread at a time, cursors included. */
struct lk_rows {
    const struct lk_table_schema *schema; /* the shape of the batches; borrowed */
    const char *sql; /* CREATE TABLE as in the database; NULL: unknown. For the columns' collations */
    uint64_t rows;   /* how many there are; UINT64_MAX: unknown */
    void *context;
    /* Begin to read. Several cursors may be open. */
    enum lk_status (*open)(void *context, const struct lk_rows_request *request, void **cursor,
                           struct lk_error *err);
    /* The next rows, in key order, borrowed until the next call for this cursor; never an empty batch; *batch
     * NULL at the end. */
    enum lk_status (*next)(void *cursor, const struct lk_batch **batch, struct lk_error *err);
    void (*close)(void *cursor);        /* NULL is allowed */
    void (*free)(struct lk_rows *rows); /* of the whole; all cursors are closed */
};

#endif
