/* Making a backup appear, complete or not at all (docs/STORE.md, "Commit").
 *
 * A writer fills .tmp-<id>, makes every file and folder durable, and renames it to <id> as its last act.
 * Until then the store shows nothing; after a crash the next writer removes what is left. All of it happens
 * under the database's lock. */
#ifndef LK_STORE_COMMIT_H
#define LK_STORE_COMMIT_H

#include "store/lock.h"
#include "store/manifest.h"
#include "store/store.h"

#define LK_SUMS_FILE "SHA256SUMS"
#define LK_SCHEMA_FILE "schema.sql"

struct lk_backup_writer;

/* Begin: remove leftovers (.tmp-*, and what is in .trash), choose id and sequence number, make .tmp-<id>.
 * `lock` is the database folder's, held until the writer is freed; `database` and `store` must outlive the
 * writer. The id is `started` in whole seconds, with -002 ... -999 when that is taken. The sequence number is
 * one more than any that the folder's manifests and journal know, whatever the clock says. */
enum lk_status lk_backup_writer_begin(const struct lk_store *store, const struct lk_dir *database,
                                      const struct lk_lock *lock, int64_t started, struct lk_warn warn,
                                      struct lk_backup_writer **out, struct lk_error *err) LK_CHECKED;
const char *lk_backup_writer_id(const struct lk_backup_writer *w);
uint64_t lk_backup_writer_seq(const struct lk_backup_writer *w);
/* The name of the temporary folder, below the database's: for copies of the source, which are gone before the
 * commit and are removed with the rest when a run is killed. */
const char *lk_backup_writer_temporary(const struct lk_backup_writer *w);

/* The calls from here to discard may be made from any thread at once; each output belongs to one of them.
 * `path` is relative to the backup (lk_name_parquet_path ...); its folders are made as needed. */

/* Create a file. It ends in exactly one finish or abandon with the same path. */
enum lk_status lk_backup_writer_create(struct lk_backup_writer *w, const char *path, struct lk_output **out,
                                       struct lk_error *err) LK_CHECKED;
/* Make the file durable and record it; `o` is freed in any case. *out (may be NULL) gets its path (owned by
 * the caller), size and SHA-256. When it fails the file is gone. */
enum lk_status lk_backup_writer_finish(struct lk_backup_writer *w, const char *path, struct lk_output *o,
                                       struct lk_manifest_file *out, struct lk_error *err) LK_CHECKED;
/* Give the file up: closed, removed. o may be NULL. */
void lk_backup_writer_abandon(struct lk_backup_writer *w, const char *path, struct lk_output *o);

/* Give a finished file another path, which nothing has yet: whether a table is one file or several shows only
 * at its end. `file` (from finish) gets the new path; it keeps the old one on failure. */
enum lk_status lk_backup_writer_rename(struct lk_backup_writer *w, struct lk_manifest_file *file,
                                       const char *path, struct lk_error *err) LK_CHECKED;

/* Read a finished file back. */
enum lk_status lk_backup_writer_open(struct lk_backup_writer *w, const char *path, struct lk_input **out,
                                     struct lk_error *err) LK_CHECKED;

/* Have file `from` of the earlier backup in folder `earlier` under `path` here too: a hard link; where the
 * file system refuses (any error but EIO, ENOSPC, EDQUOT; also EMLINK and EXDEV) a copy, whose SHA-256 must
 * be from->sha256 (else LK_DAMAGED), said once by `warn`. The file's size must be from->bytes, else
 * LK_DAMAGED. Recorded with from's size and SHA-256; *copied (may be NULL): was it a copy? */
enum lk_status lk_backup_writer_link(struct lk_backup_writer *w, const struct lk_dir *earlier,
                                     const struct lk_manifest_file *from, const char *path, bool *copied,
                                     struct lk_error *err) LK_CHECKED;

/* Remove a finished or linked file again (its table is scanned anew, or it did not verify). A file that is
 * not there is no error. */
enum lk_status lk_backup_writer_discard(struct lk_backup_writer *w, const char *path,
                                        struct lk_error *err) LK_CHECKED;

/* Commit: write schema.sql; set id, seq, schema_sql and the totals in `m`; check that `m` names exactly the
 * files recorded; write manifest.json and SHA256SUMS; fsync all folders; rename; fsync the database's folder;
 * append the journal's "backup" event. `m->finished` is set to `finished`. When it fails, *committed says
 * whether the backup is there all the same (only the journal's line failed); if not, nothing is left under
 * the final name. Empty part folders are not kept. */
enum lk_status lk_backup_writer_commit(struct lk_backup_writer *w, struct lk_manifest *m,
                                       struct lk_bytes schema_sql, int64_t finished, bool *committed,
                                       struct lk_error *err) LK_CHECKED;

/* Free; a writer that is not committed removes its folder (as far as it can: the next run removes the rest).
 * NULL is allowed. */
void lk_backup_writer_free(struct lk_backup_writer *w);

/* Remove what runs that did not end have left in a database's folder: .tmp-*, and what is in .trash. Under
 * its lock. What cannot be removed is said by `warn` and left for another day. */
void lk_backup_remove_leftovers(const struct lk_dir *database, const struct lk_lock *lock,
                                struct lk_warn warn);

/* Remove a committed backup: renamed into .trash, made durable, then deleted. Where a full disk has no room
 * for that folder it is renamed to .tmp-<id> instead. Under the database's lock. LK_NOT_FOUND when there is
 * none. */
enum lk_status lk_backup_remove(const struct lk_store *store, const struct lk_dir *database,
                                const struct lk_lock *lock, const char *id, struct lk_error *err) LK_CHECKED;

#endif
