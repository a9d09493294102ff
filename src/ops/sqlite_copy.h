/* The `sqlite` format: a page copy of the pinned state, compressed by zstd, restored by `zstd -d` alone. */
#ifndef LK_OPS_SQLITE_COPY_H
#define LK_OPS_SQLITE_COPY_H

#include "ops/engine.h"
#include "sqlite/page_copy.h"
#include "store/commit.h"

/* A copy on its way into a backup. One thread. */
struct lk_sqlite_copy;

/* Read the pages of the pinned state into sqlite/<folder>.sqlite.zst, to be read back (`verify`) or not.
 * *restart: see lk_page_copy_send. *out is the caller's also after a restart or an error. */
enum lk_status lk_sqlite_copy_read(struct lk_source *source, struct lk_backup_writer *backup,
                                   const char *folder, const struct lk_engine *engine, bool verify,
                                   struct lk_sqlite_copy **out, bool *restart,
                                   struct lk_error *err) LK_CHECKED;

/* Make the file durable, and read it back when that is wanted (*verified_at: when, else 0): when the
 * source has been let go. *file is the manifest's. */
enum lk_status lk_sqlite_copy_finish(struct lk_sqlite_copy *c, struct lk_manifest_file *file,
                                     int64_t *verified_at, struct lk_error *err) LK_CHECKED;

/* Free; a copy that is not finished is removed. NULL is allowed. */
void lk_sqlite_copy_free(struct lk_sqlite_copy *c);

#endif
