/* The store: a folder marked by litekeep-store.json, one folder a database below it (docs/STORE.md).
 *
 * The path of the store itself may contain links; below it everything is opened by descriptor and no link is
 * followed. An open store may be used from any thread: it does not change. */
#ifndef LK_STORE_STORE_H
#define LK_STORE_STORE_H

#include "base/file.h"

#define LK_STORE_FORMAT 1
#define LK_STORE_MARK "litekeep-store.json"
#define LK_UUID_SIZE 37 /* 36 characters and NUL */

/* Who may read the store: its owner (folders 0700, files 0400), or the group too (0750, 0440). */
enum lk_access { LK_ACCESS_PRIVATE, LK_ACCESS_GROUP };

/* Where warnings go: one complete sentence a call, safe to print, on the thread that found it. call may be
 * NULL. */
struct lk_warn {
    void (*call)(void *context, const char *message);
    void *context;
};

struct lk_store {
    struct lk_dir dir;
    char uuid[LK_UUID_SIZE];
    uint8_t secret[LK_SECRET_SIZE]; /* key of all content hashes of this store */
    int64_t created;                /* instant */
    enum lk_access access;
    mode_t dir_mode;        /* 0700 or 0750 */
    mode_t file_mode;       /* finished files: 0400 or 0440 */
    mode_t journal_mode;    /* files that change (journal, source.json, lock): 0600 or 0640 */
    struct lk_known *known; /* private to this layer: known.h */
};

/* Open an existing store. No folder or no mark: LK_NOT_FOUND, with the way out. A mark that cannot be
 * understood: LK_DAMAGED; one of a newer litekeep: LK_UNREADABLE. Warns when group or others may write to the
 * store's folder. */
enum lk_status lk_store_open(const char *path, enum lk_access access, struct lk_warn warn,
                             struct lk_store **out, struct lk_error *err) LK_CHECKED;

/* Open the store, and make it first where there is none: the folder with its parents, the mark, all durable.
 * A folder that holds other things becomes a store around them. Two processes may do it at once: both get the
 * same store. */
enum lk_status lk_store_init(const char *path, enum lk_access access, struct lk_warn warn,
                             struct lk_store **out, struct lk_error *err) LK_CHECKED;

void lk_store_free(struct lk_store *store); /* NULL is allowed */

/* Bytes and inodes that this user may still use on the store's file system; UINT64_MAX where it does not say.
 */
enum lk_status lk_store_space(const struct lk_store *store, uint64_t *bytes, uint64_t *inodes,
                              struct lk_error *err) LK_CHECKED;

/* When *err came from a full disk, a quota or a read-only mount, add to its message what to do. Returns
 * err->status. */
enum lk_status lk_store_advise(struct lk_error *err);

/* Call warn, its message formatted and escaped; nothing when it is not set. */
void lk_store_warn(struct lk_warn warn, const char *format, ...) LK_PRINTF(2, 3);

#endif
