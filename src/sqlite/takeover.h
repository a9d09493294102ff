/* Taking a database file from its users, so that another file can have its name.
 *
 * The lock is SQLite's own EXCLUSIVE, held in locking_mode=EXCLUSIVE: nobody else reads or writes, and in WAL
 * mode nobody else so much as has read from it. It lies on the file, not on the name: after the rename others
 * are free to use the new file, while those who had the old one open and held no lock still have it. SQLite
 * finds the -wal by the name, so that they would read, and write, the new database's -wal with the pages of
 * the old: whoever is seen to have it open is waited for, and then refuses the taking.
 *
 * In this process nothing else may open the file meanwhile (closing any descriptor of it would drop the
 * lock). One thread. */
#ifndef LK_SQLITE_TAKEOVER_H
#define LK_SQLITE_TAKEOVER_H

#include <stdatomic.h>

#include "base/error.h"

struct lk_takeover;

#define LK_TAKEOVER_PATIENCE INT64_C(5000000000) /* ns: how long to wait for the lock */

/* Lock the existing file at the real path `path`. A hot journal is rolled back; otherwise nothing changes.
 * LK_REFUSED, each with the way out: somebody uses it or has it open (named, where that can be told), it is
 * read-only, encrypted, damaged, or no database. An empty file is a database. `interrupt` may be NULL. */
enum lk_status lk_takeover_lock(const char *path, const atomic_bool *interrupt, struct lk_takeover **out,
                                struct lk_error *err) LK_CHECKED;

/* All content goes from the WAL into the file, and what lies beside it (-wal, -shm, -journal) is removed: the
 * file is then whole by itself, in its own journal mode, at every moment. */
enum lk_status lk_takeover_clear(struct lk_takeover *t, struct lk_error *err) LK_CHECKED;

/* The name has gone to another file. To be called at once. A program that has the old file open without our
 * seeing it (another user's) must not take it for one in WAL mode: its -wal would be the new database's. So
 * that mode is taken from its header. Its rows stay, for hard links and whoever copies it; in rollback mode
 * SQLite refuses to write to a file that has lost its name. */
void lk_takeover_replaced(struct lk_takeover *t);

/* Let go. NULL is allowed. */
void lk_takeover_free(struct lk_takeover *t);

/* Another process that has the file at this real path open, as "python3 (process 1234)", shown text; NULL:
 * none, or none that this user may see, or memory is out. Free with lk_free. */
char *lk_takeover_user(const char *path);

#endif
