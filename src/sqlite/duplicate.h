/* Copies of files that somebody may be writing. Internal to this layer. */
#ifndef LK_SQLITE_DUPLICATE_H
#define LK_SQLITE_DUPLICATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Share all blocks of the file `from` with the new file `to` (FICLONE). *done: false where that cannot be. */
enum lk_status lk_duplicate_clone(int from, const char *to, bool *done, struct lk_error *err) LK_CHECKED;

/* Copy the file `from` into the new file `to`. *done is false, and `to` of no use, when `deadline`
 * (lk_clock_monotonic; 0: none) passed first. LK_INTERRUPTED when *interrupt (may be NULL) is set. */
enum lk_status lk_duplicate_copy(int from, const char *from_path, const char *to, int64_t deadline,
                                 const atomic_bool *interrupt, bool *done, struct lk_error *err) LK_CHECKED;

#endif
