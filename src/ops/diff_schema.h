/* What differs in two databases besides their rows: objects of the schema, and pragmas. */
#ifndef LK_OPS_DIFF_SCHEMA_H
#define LK_OPS_DIFF_SCHEMA_H

#include "ops/diff_notes.h"
#include "ops/diff_side.h"

/* Set `out->objects` and `out->object` from `a`; pragmas that differ become notes. With `tables` (names,
 * NULL-terminated) only the objects of these, and no pragmas. *differs: is anything not the same? A side
 * without manifest has no schema to compare. Objects without SQL (automatic indexes) follow from their tables
 * and are not told of. */
enum lk_status lk_diff_schema(const struct lk_diff_side *before, const struct lk_diff_side *after,
                              const char *const *tables, struct lk_arena *a, struct lk_diff_notes *notes,
                              struct litekeep_diff *out, bool *differs, struct lk_error *err) LK_CHECKED;

#endif
