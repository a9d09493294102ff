/* The page copy of a backup (its `sqlite` format), made a database file again. */
#ifndef LK_OPS_RESTORE_COPY_H
#define LK_OPS_RESTORE_COPY_H

#include "sqlite/source.h"
#include "store/catalog.h"

struct lk_restore_copy_progress {
    /* Bytes of the compressed file that are done, of how many: on the caller's thread, often. May be NULL. */
    void (*on_bytes)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* Make the file `path`, which must not exist, out of the backup's page copy: durable, mode 0600. The copy's
 * SHA-256 is compared with the manifest's first. LK_DAMAGED: it is not the file that was written.
 * LK_INTERRUPTED. On failure the file may be there. */
enum lk_status lk_restore_copy_unpack(const struct lk_backup *backup, const char *path,
                                      const struct lk_restore_copy_progress *progress,
                                      struct lk_error *err) LK_CHECKED;

/* The page copy unpacked into a private folder beside the file `beside`, to read tables from. */
struct lk_restore_copy;
enum lk_status lk_restore_copy_open(const struct lk_backup *backup, const char *beside,
                                    struct lk_restore_copy **out, struct lk_error *err) LK_CHECKED;
/* Borrowed; NULL for NULL. */
struct lk_source *lk_restore_copy_source(const struct lk_restore_copy *c);
void lk_restore_copy_close(struct lk_restore_copy *c); /* NULL is allowed */

#endif
