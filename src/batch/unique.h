/* Columns of a file that knows nothing of SQLite, where two names must differ by more than the case of ASCII
 * letters. */
#ifndef LK_BATCH_UNIQUE_H
#define LK_BATCH_UNIQUE_H

#include "base/bytes.h"
#include "batch/schema.h"

struct lk_unique_column {
    struct lk_bytes name; /* without NUL */
    const char *declared_type;
};

/* Add them to the table. Each keeps its name unless an earlier one has it but for case: then it gets an
 * underscore behind it, or as many as it takes (from the fifth on a number). False when memory is out. */
bool lk_unique_columns(struct lk_table_schema *t, const struct lk_unique_column *column, size_t count);

#endif
