/* One line of JSON into one row of a batch. Private to src/jsonl.
 *
 * A line is expected to look like the last one: the same bytes between the values (keys, colons, commas,
 * white space), which a few wide compares establish. One that does not is read anew by a general parser, and
 * the next line is expected to look like it. */
#ifndef LK_JSONL_LINE_H
#define LK_JSONL_LINE_H

#include "batch/plan.h"
#include "jsonl/json_value.h"
#include "jsonl/window.h"

struct lk_line_parser;

/* `schema` and `plan` must outlive it. The first line is expected in litekeep's own spelling. */
enum lk_status lk_line_parser_new(const struct lk_table_schema *schema, const struct lk_plan *plan,
                                  struct lk_line_parser **out, struct lk_error *err) LK_CHECKED;
void lk_line_parser_free(struct lk_line_parser *l);

/* Add the line at `at` as a row; `limit` is the end of the last whole line, and LK_LINE_SLACK bytes behind it
 * may be read. `rowid` is the hidden rowid unless the plan has a key for it. Returns the next line's start;
 * NULL on failure: then the batch must be cleared, and the two calls below say why. */
const uint8_t *lk_line_add(struct lk_line_parser *l, const uint8_t *at, const uint8_t *limit,
                           struct lk_batch *b, int64_t rowid);

/* The reason for the last failure, NULL when memory was out; and the byte of the line, counted from 1. */
const char *lk_line_reason(const struct lk_line_parser *l);
size_t lk_line_reason_byte(const struct lk_line_parser *l);

#endif
