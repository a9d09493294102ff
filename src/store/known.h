/* Which folder of the store is known to be of which database, as long as the store is open: finding the owner
 * of a new database then costs one stat a folder, not the reading of every source.json. Private to src/store.
 * Any thread. */
#ifndef LK_STORE_KNOWN_H
#define LK_STORE_KNOWN_H

#include <sys/stat.h>

#include "base/dir.h"

struct lk_known;

struct lk_known *lk_known_new(void);    /* NULL: memory is out */
void lk_known_free(struct lk_known *k); /* NULL is allowed */

/* The turn of one thread of this process at the store's lock. Not taken by the functions below. */
void lk_known_lock(struct lk_known *k);
void lk_known_unlock(struct lk_known *k);

/* What source.json in `folder` looks like from outside; it is always replaced by rename. */
struct lk_known_stamp {
    bool exists; /* all else is 0 when it does not */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};
struct lk_known_stamp lk_known_stamp_of(const struct lk_dir *store, const char *folder);

/* Remember an identity that was read after the stamp was taken. NULL (unknown), a stamp of nothing and memory
 * that is out are not remembered. */
void lk_known_remember(struct lk_known *k, const char *folder, struct lk_known_stamp stamp,
                       const char *identity);

/* Is `folder` surely that of another identity: remembered, and its source.json the same as then? */
bool lk_known_is_another(struct lk_known *k, const struct lk_dir *store, const char *folder,
                         const char *identity);

#endif
