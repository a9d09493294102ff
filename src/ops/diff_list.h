/* Rows that differ, as JSON: gathered, turned into text many at a time, and handed on in order. One thread.
 */
#ifndef LK_OPS_DIFF_LIST_H
#define LK_OPS_DIFF_LIST_H

#include "batch/batch.h"
#include "ops/diff_shape.h"

struct lk_diff_list;

/* Where they go: key, before and after are JSON objects, NULL where there is none; borrowed for the call. */
struct lk_diff_listener {
    void *context;
    enum lk_status (*row)(void *context, enum litekeep_change change, const char *key, const char *before,
                          const char *after, struct lk_error *err);
};

/* All given is borrowed. A key is {"<column>":...} with the columns of the shape's key, or of the INTEGER
 * PRIMARY KEY; {"_rowid_":N} for a hidden rowid. */
enum lk_status lk_diff_list_new(const struct lk_table_schema *before, const struct lk_table_schema *after,
                                const struct lk_diff_shape *shape, const struct lk_diff_listener *listener,
                                struct lk_diff_list **out, struct lk_error *err) LK_CHECKED;
/* `before` and `after`: all values of the row, NULL where there is none; copied. */
enum lk_status lk_diff_list_add(struct lk_diff_list *l, enum litekeep_change change, int64_t rowid,
                                const struct lk_value *before, const struct lk_value *after,
                                struct lk_error *err) LK_CHECKED;
/* Hand on what is still gathered. */
enum lk_status lk_diff_list_flush(struct lk_diff_list *l, struct lk_error *err) LK_CHECKED;
void lk_diff_list_free(struct lk_diff_list *l); /* NULL is allowed */

#endif
