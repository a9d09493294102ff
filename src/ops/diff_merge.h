/* Comparing two tables row by row in the order of their rowids. */
#ifndef LK_OPS_DIFF_MERGE_H
#define LK_OPS_DIFF_MERGE_H

#include "ops/diff_reader.h"
#include "ops/diff_shape.h"

struct lk_diff_counts {
    uint64_t added, removed, changed;
};

/* Who hears of each row that differs. */
struct lk_diff_sink {
    void *context;
    /* `before` and `after`: all values of the row on that side, NULL where it is not; borrowed for the call.
     */
    enum lk_status (*row)(void *context, enum litekeep_change change, int64_t rowid,
                          const struct lk_value *before, const struct lk_value *after, struct lk_error *err);
};

/* Both readers stand on their first rows and are at their ends afterwards. Rows are told of in the order of
 * their rowids. sink->row may be NULL. LK_DAMAGED: rowids that do not rise.
 *
 * Blocks of rows that are on both sides as equal blocks (the same content hash over the same columns,
 * rowids included) may be left out on both sides, each as often here as there: rowids are unique on a side,
 * so the rows of such a block are matched with one another and with nothing else, are equal, and would be
 * neither counted nor told of. What remains still rises by rowid. */
enum lk_status lk_diff_merge(struct lk_diff_reader *before, struct lk_diff_reader *after,
                             const struct lk_diff_shape *shape, const struct lk_diff_sink *sink,
                             struct lk_diff_counts *counts, struct lk_error *err) LK_CHECKED;

#endif
