/* The file that a restore makes: it is the old one or the new one, whole, at every moment.
 *
 * Built in a private folder beside the target (removed by the next restore there when this one is killed). An
 * existing database is taken the way that SQLite's other users respect (sqlite/takeover.h): under its own
 * exclusive lock the WAL goes into the file, what lies beside it is removed and the folder synced; the lock
 * is held until the new file has its name. So a new database never meets an old -wal or -journal. */
#ifndef LK_OPS_RESTORE_TARGET_H
#define LK_OPS_RESTORE_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/manifest.h"

struct lk_restore_target;

/* Look at the target `path` (a link is followed to the file it means). LK_REFUSED: it exists and not `force`;
 * it is no regular file; there is a -wal, -shm or -journal without a database (they may hold data that was
 * not lost; with `force` they go). LK_NOT_FOUND: no such folder. Nothing is changed yet. *exists: a file is
 * there. */
enum lk_status lk_restore_target_open(const char *path, bool force, bool *exists,
                                      struct lk_restore_target **out, struct lk_error *err) LK_CHECKED;
/* The real path, for messages. */
const char *lk_restore_target_path(const struct lk_restore_target *t);
/* Bytes of the file that is there: with 0 it holds nothing that could be lost. */
uint64_t lk_restore_target_old_bytes(const struct lk_restore_target *t);

/* Can what is there be locked now? LK_REFUSED as by lk_restore_target_commit, so that a long restore does not
 * end in that. Not asked where a hot journal would be rolled back. `interrupt` may be NULL. */
enum lk_status lk_restore_target_try(const struct lk_restore_target *t, const atomic_bool *interrupt,
                                     struct lk_error *err) LK_CHECKED;

/* Remember what the file that is there looks like now: what is written to it from now on is noticed by
 * lk_restore_target_commit. To be called before it is backed up. */
enum lk_status lk_restore_target_mark(struct lk_restore_target *t, struct lk_error *err) LK_CHECKED;

/* Is it still as it was when it was marked? */
bool lk_restore_target_is_unchanged(const struct lk_restore_target *t);

/* Make the private folder and return the path in it where the new file is to be built; `bytes` free ones are
 * needed (LK_FAILED, with both numbers, when there are not). */
enum lk_status lk_restore_target_prepare(struct lk_restore_target *t, uint64_t bytes, const char **build,
                                         struct lk_error *err) LK_CHECKED;

/* The file that was built takes the target's place: lock what is there (LK_REFUSED when somebody uses it),
 * make sure no -wal, -shm or -journal stays, give the new file the old one's mode and owner (a new one:
 * 0600), rename, fsync the folder, unlock. *changed: what is there was written since it was marked; nothing
 * has been done. Sentences worth knowing are added to `notes`. `interrupt` may be NULL. */
enum lk_status lk_restore_target_commit(struct lk_restore_target *t, const atomic_bool *interrupt,
                                        bool *changed, struct lk_manifest_texts *notes,
                                        struct lk_error *err) LK_CHECKED;
/* Remove what is not committed. NULL is allowed. */
void lk_restore_target_free(struct lk_restore_target *t);

#endif
