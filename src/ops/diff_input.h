/* A table's rows on one side of a comparison. One thread. */
#ifndef LK_OPS_DIFF_INPUT_H
#define LK_OPS_DIFF_INPUT_H

#include "ops/diff_notes.h"
#include "ops/diff_reader.h"
#include "ops/diff_side.h"

struct lk_diff_input;
/* All given is borrowed. */
enum lk_status lk_diff_input_open(struct lk_diff_side *s, const struct lk_diff_side_table *t,
                                  const uint8_t *secret, struct lk_diff_notes *notes,
                                  struct lk_diff_input **out, struct lk_error *err) LK_CHECKED;
/* Borrowed. */
const struct lk_diff_rows *lk_diff_input_rows(const struct lk_diff_input *in);
/* How many rows it has; UINT64_MAX: that is seen when they are read. */
uint64_t lk_diff_input_count(const struct lk_diff_input *in);
/* From now on leave out blocks that both have, each as often as both have it (diff_merge.h says why that may
 * be). Nothing for a live file, or without manifest. */
enum lk_status lk_diff_input_skip_equal(struct lk_diff_input *before, struct lk_diff_input *after,
                                        struct lk_error *err) LK_CHECKED;
void lk_diff_input_free(struct lk_diff_input *in); /* NULL is allowed */

#endif
