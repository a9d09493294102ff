/* Comparing one table. */
#ifndef LK_OPS_DIFF_TABLE_H
#define LK_OPS_DIFF_TABLE_H

#include "ops/diff_notes.h"
#include "ops/diff_side.h"

struct lk_diff_run { /* all borrowed */
    struct lk_diff_side *before, *after;
    const uint8_t *secret;  /* of the store */
    struct lk_arena *arena; /* of the result */
    struct lk_diff_notes *notes;
    /* Each row that differs, as litekeep_diff_options.on_row; NULL: rows are only counted. */
    enum lk_status (*on_row)(void *context, const char *table, enum litekeep_change change, const char *key,
                             const char *before, const char *after, struct lk_error *err);
    void *context;
};

/* Fill *out. `before` or `after` is NULL where the table is not. */
enum lk_status lk_diff_table(const struct lk_diff_run *run, const struct lk_diff_side_table *before,
                             const struct lk_diff_side_table *after, struct litekeep_diff_table *out,
                             struct lk_error *err) LK_CHECKED;
/* Is anything of the table not the same? */
bool lk_diff_table_differs(const struct litekeep_diff_table *t);

#endif
