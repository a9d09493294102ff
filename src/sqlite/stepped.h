/* Copies made by SQLite's backup API. Internal to this layer. */
#ifndef LK_SQLITE_STEPPED_H
#define LK_SQLITE_STEPPED_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Copy `db` into the new file `to`, giving its lock back between steps, each of which takes at most about
 * `step_ns` (0: all in one step, inside the read transaction that `db` has). A writer between two steps makes
 * SQLite start over; *done is false when that happened too often. `path` is for messages. LK_UNREADABLE,
 * LK_INTERRUPTED. */
enum lk_status lk_stepped_copy(sqlite3 *db, const char *path, const char *to, int64_t step_ns,
                               const atomic_bool *interrupt, bool *done, struct lk_error *err) LK_CHECKED;

#endif
