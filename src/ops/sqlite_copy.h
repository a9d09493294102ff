/* The `sqlite` format: a page copy of the pinned state, compressed by zstd, restored by `zstd -d` alone. */
#ifndef LK_OPS_SQLITE_COPY_H
#define LK_OPS_SQLITE_COPY_H

#include "ops/engine.h"
#include "sqlite/page_copy.h"
#include "store/commit.h"

/* Write sqlite/<folder>.sqlite.zst into the backup, and read it back when the engine verifies. *file is the
 * manifest's. *restart: see lk_page_copy_send; nothing is left then. */
enum lk_status lk_sqlite_copy_write(struct lk_source *source, struct lk_backup_writer *backup,
                                    const char *folder, const struct lk_engine *engine,
                                    struct lk_manifest_file *file, bool *restart,
                                    struct lk_error *err) LK_CHECKED;

#endif
