/* Comparing two tables by a key in whose order they cannot be merged. */
#ifndef LK_OPS_DIFF_KEYED_H
#define LK_OPS_DIFF_KEYED_H

#include "ops/diff_merge.h"

/* Rows are matched by the shape's key, whatever their order: through a temporary database that holds 16 bytes
 * of content hash for each key and each row. Keys that are not unique (a PRIMARY KEY with NULLs, a key that
 * only one side declares) are compared as multisets: equal rows cancel out one by one, and of what remains
 * under a key as many are changed as both sides have.
 *
 * With sink->row rows are read twice, and told of in this order: those removed, in the order of the table;
 * then those changed and added, in the order of the table after. Its rowid is 0.
 *
 * Blocks may be left out as for lk_diff_merge: the same multiset of rows goes from both sides, which cancels
 * out whether keys are unique or not. `secret`: the store's. rows[0] and rows[1]: how many were seen before
 * and after. */
enum lk_status lk_diff_keyed(const struct lk_diff_rows *before, const struct lk_diff_rows *after,
                             const struct lk_diff_shape *shape, const uint8_t *secret,
                             const struct lk_diff_sink *sink, struct lk_diff_counts *counts, uint64_t rows[2],
                             struct lk_error *err) LK_CHECKED;

#endif
