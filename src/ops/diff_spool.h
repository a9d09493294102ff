/* Rows that differ, kept until it is certain that they may be told of: what was read of a live file is void
 * when the file did not hold still. In a temporary database; one thread. */
#ifndef LK_OPS_DIFF_SPOOL_H
#define LK_OPS_DIFF_SPOOL_H

#include "base/error.h"

struct lk_diff_spool;
enum lk_status lk_diff_spool_new(struct lk_diff_spool **out, struct lk_error *err) LK_CHECKED;
/* Copied. `before` and `after` may be NULL. */
enum lk_status lk_diff_spool_add(struct lk_diff_spool *s, const char *table, enum litekeep_change change,
                                 const char *key, const char *before, const char *after,
                                 struct lk_error *err) LK_CHECKED;
/* Call options->on_row for each, in the order in which they came. */
enum lk_status lk_diff_spool_replay(struct lk_diff_spool *s, const struct litekeep_diff_options *options,
                                    struct lk_error *err) LK_CHECKED;
void lk_diff_spool_free(struct lk_diff_spool *s); /* NULL is allowed */

#endif
