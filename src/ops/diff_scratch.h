/* A temporary database for what does not fit into memory: SQLite's own kind (an unnamed file in $TMPDIR, else
 * /var/tmp, that is gone with the connection, or with the process). One thread. */
#ifndef LK_OPS_DIFF_SCRATCH_H
#define LK_OPS_DIFF_SCRATCH_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/error.h"

/* Open one and run `sql` in it; a transaction is open then, and never ends. */
enum lk_status lk_diff_scratch_open(const char *sql, sqlite3 **out, struct lk_error *err) LK_CHECKED;
void lk_diff_scratch_close(sqlite3 *db); /* statements are finalized; NULL is allowed */

enum lk_status lk_diff_scratch_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                                       struct lk_error *err) LK_CHECKED;
/* As a blob, empty ones too. The bytes must live until the statement is run. LK_FAILED: more than SQLite
 * takes (1 GB). */
enum lk_status lk_diff_scratch_bind(sqlite3_stmt *statement, int index, struct lk_bytes bytes,
                                    struct lk_error *err) LK_CHECKED;
/* Run it to its next row: *row (may be NULL when there is none). Without a row it is reset, and ready for
 * other values. */
enum lk_status lk_diff_scratch_step(sqlite3_stmt *statement, bool *row, struct lk_error *err) LK_CHECKED;
/* Borrowed until the next step or reset. */
struct lk_bytes lk_diff_scratch_column(sqlite3_stmt *statement, int column);

#endif
