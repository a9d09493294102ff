/* The rows of a restore: out of a backup's stored tables, or its page copy, into a database being built. */
#ifndef LK_OPS_RESTORE_ROWS_H
#define LK_OPS_RESTORE_ROWS_H

#include "ops/restore_plan.h"
#include "sqlite/build.h"

/* Where the rows of the page copy's tables come from. */
struct lk_source;

/* Read every table of the plan, each block compared with the manifest's content hash, and add its rows to
 * `build`. `source`: an unpacked page copy, open, for LK_RESTORE_PAGES; else NULL: the stored tables. The
 * result's tables get `rows`, `from` and `left_out`; its notes say what came from another format.
 *
 * `sequence_apart`: rows of sqlite_sequence go through lk_build_sequence, into a database that has its own.
 *
 * LK_DAMAGED names table and part, and which tables can still be restored. */
enum lk_status lk_restore_rows(const struct lk_restore_plan *p, struct lk_source *source,
                               struct lk_build *build, bool sequence_apart,
                               struct lk_restore_file_result *result, struct lk_error *err) LK_CHECKED;

#endif
