/* One backup, checked. Private to verify*.c. */
#ifndef LK_OPS_VERIFY_BACKUP_H
#define LK_OPS_VERIFY_BACKUP_H

#include "ops/verify_run.h"

/* Open the backup and check it, on the run's pool. Its end is told by run->under_way. */
void lk_verify_backup_submit(struct lk_verify_backup *b);

/* One of its tables, or of the files beside them, is done. */
void lk_verify_backup_part_done(struct lk_verify_backup *b);

/* Tell the caller what came of it: CHECKED, and PROBLEM for each damage. Counts it in the run. */
void lk_verify_backup_tell(struct lk_verify_backup *b);

/* Compare the folder's files and SHA256SUMS with the manifest: what is missing, foreign, or no regular file
 * of the right size; b->file learns what is there. */
void lk_verify_folder(struct lk_verify_backup *b);

/* Note what came of all its backups in the database's journal. Any thread. */
void lk_verify_journal(struct lk_verify_database *db);

#endif
