/* A table column, put together from the file columns of its plan (DESIGN: "Column types"). */
#ifndef LK_PARQUET_ASSEMBLE_H
#define LK_PARQUET_ASSEMBLE_H

#include "batch/plan.h"

/* Mark in `classes` the rows whose value is in an exception column: `exception` has a class or 0 a row. False
 * when a row has two values. */
bool lk_assemble_exception(uint8_t *classes, const uint8_t *exception, size_t rows);

/* Split a merged column: `classes` has LK_REAL, which becomes LK_INTEGER where the value was one, other
 * classes or 0 a row; `values` the dense doubles. `has_flag` and `flags`: is_int of each row (present or not;
 * dense booleans), both NULL when the affinity decides. The values go to the two streams of `to`, whose
 * counts are set. Returns NULL, or what is wrong: a static text. */
const char *lk_assemble_merged(uint8_t *classes, size_t rows, struct lk_bytes values, const uint8_t *has_flag,
                               const uint8_t *flags, enum lk_affinity affinity, struct lk_column *to);

#endif
