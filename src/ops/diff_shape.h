/* How the columns of one table before correspond to those after, and what its rows are matched by. Pure. */
#ifndef LK_OPS_DIFF_SHAPE_H
#define LK_OPS_DIFF_SHAPE_H

#include "batch/schema.h"

/* Rows are compared over the columns that both sides have by name (ASCII case aside, as in SQL): a column
 * that was added does not make every row a changed one.
 *
 * They are matched by the rowid when it is the same INTEGER PRIMARY KEY on both sides (or a renamed one), or
 * when neither side declares a PRIMARY KEY (the rowid is hidden then). Otherwise by the declared PRIMARY KEY,
 * of the side before or else of the one after, whose columns both sides have; the hidden rowid of such a
 * table is not compared, since VACUUM renumbers it. Where no key can be used, rows are matched by all they
 * have in common: they can then be added and removed, not changed. */
struct lk_diff_shape {
    size_t columns; /* in common, in the order of the side before */
    size_t *before, *after;
    bool by_rowid;
    size_t keys; /* columns of the key, in its order; 0 with by_rowid */
    size_t *key_before, *key_after;
    bool keys_differ;  /* the PRIMARY KEYs that the sides declare are not the same */
    bool same_columns; /* the same names in the same order, and hidden rowids on both sides or neither: equal
                          content hashes mean equal rows */
};

/* A table that is on one side only has itself for the other. */
enum lk_status lk_diff_shape_new(const struct lk_table_schema *before, const struct lk_table_schema *after,
                                 struct lk_diff_shape **out, struct lk_error *err) LK_CHECKED;
void lk_diff_shape_free(struct lk_diff_shape *s); /* NULL is allowed */

/* The index of the column of that name, or SIZE_MAX. */
size_t lk_diff_shape_find(const struct lk_table_schema *t, const char *name);

#endif
