/* Tables and files of a backup, read and compared. Private to verify*.c. */
#ifndef LK_OPS_VERIFY_TABLE_H
#define LK_OPS_VERIFY_TABLE_H

#include "ops/verify_run.h"

/* Check a table on the run's pool: the manifest's hashes and sums of it, and each file that is wanted. Calls
 * lk_verify_backup_part_done at the end. */
void lk_verify_table_submit(struct lk_verify_table *table);
/* One of its files has its finding, or will have none. */
void lk_verify_table_file_done(struct lk_verify_file *file, unsigned worker);
void lk_verify_table_reset(struct lk_verify_table *table);

/* Read a file and compare it, from a job of `worker`: small ones at once when `here`, others on the pool.
 * Then lk_verify_table_file_done, or lk_verify_backup_part_done. A file that another backup of the database
 * has too (by hard link, with the same expectations) is read once. */
void lk_verify_file_read(struct lk_verify_file *file, bool here, unsigned worker);
/* A sentence on what is wrong with it, to be freed by lk_free; *out NULL: nothing, or it was not read. False:
 * memory is out. */
bool lk_verify_file_judge(const struct lk_verify_file *file, char **out);
/* Can block `index` be read from it? */
bool lk_verify_file_holds(const struct lk_verify_file *file, size_t index);
void lk_verify_file_reset(struct lk_verify_file *file);

/* Which other backups have this very file? Names them in a new string, "; ..."; "" when none or memory is
 * out: NULL. */
char *lk_verify_shared_with(const struct lk_verify_file *file);

/* Files with several links: find what is known of one, or become the one who reads it.
 * LK_VERIFY_SHARED_READ: nobody has; the caller reads it and calls lk_verify_shared_done. _WAIT: somebody is
 * reading it, and will end `file` as if it had been read. _KNOWN: file->finding is set. */
enum lk_verify_shared_state { LK_VERIFY_SHARED_READ, LK_VERIFY_SHARED_WAIT, LK_VERIFY_SHARED_KNOWN };
enum lk_verify_shared_state lk_verify_shared_claim(struct lk_verify_file *file);
/* The files that waited, linked by next; each now has the finding, or none when the file could not be read:
 * then they are to be read by themselves. */
struct lk_verify_file *lk_verify_shared_done(struct lk_verify_file *file);
void lk_verify_shared_free(struct lk_verify_database *db);

struct lk_verify_finding *lk_verify_finding_new(void);
void lk_verify_finding_release(struct lk_verify_finding *f); /* NULL is allowed */

/* A table of a backup of the original script: is every file readable? From a job. */
void lk_verify_script_table(struct lk_verify_table *table);

#endif
