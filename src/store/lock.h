/* One run at a time: the lock of a database's folder, or of the whole store.
 *
 * A kernel lock on the file .lock dies with its process: flock; where the file system has none (ENOTSUP,
 * ENOSYS, ENOLCK, EINVAL) an OFD lock (fcntl(2), F_OFD_SETLK); where it has neither, the folder .lock.d, made
 * by rename with its holder inside. Such a folder is taken over only when its holder is known to be dead:
 * same host and another boot, or same boot and no such process. */
#ifndef LK_STORE_LOCK_H
#define LK_STORE_LOCK_H

#include "base/file.h"

struct lk_lock;

/* Take the lock of `dir`, which must stay open until release. `wait`: nanoseconds to wait for another holder,
 * 0: do not. Held by another run: LK_LOCKED, naming the holder when it said who it is. `purpose`: a word for
 * that message ("backup"). `mode`: of the file. */
enum lk_status lk_lock_take(const struct lk_dir *dir, mode_t mode, const char *purpose, int64_t wait,
                            struct lk_lock **out, struct lk_error *err) LK_CHECKED;

/* Give it back and free. NULL is allowed. */
void lk_lock_release(struct lk_lock *lock);

/* "flock", "ofd" or "folder". */
const char *lk_lock_method(const struct lk_lock *lock);

/* Is this the lock of `dir`? For asserting that work which needs it is done under it. */
bool lk_lock_covers(const struct lk_lock *lock, const struct lk_dir *dir);

#endif
