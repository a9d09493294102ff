/* The tables of backups as rows for the virtual table, each backup opened once. One thread. */
#ifndef LK_OPS_BACKUP_ROWS_H
#define LK_OPS_BACKUP_ROWS_H

#include "batch/rows.h"
#include "ops/session.h"
#include "store/catalog.h"

struct lk_backup_rows;

/* `lk`, which must outlive it, is the session for backups whose store is not named; damage that is made good
 * from another format becomes a warning of that session. NULL: the default store, and no warnings. */
enum lk_status lk_backup_rows_new(struct litekeep *lk, struct lk_backup_rows **out,
                                  struct lk_error *err) LK_CHECKED;
void lk_backup_rows_free(struct lk_backup_rows *b); /* all rows are freed; NULL is allowed */

/* The backup DB[@WHEN] of a store (NULL: the session's); the same words mean the same backup from then on.
 * Borrowed. */
enum lk_status lk_backup_rows_open(struct lk_backup_rows *b, const char *what, const char *store,
                                   const struct lk_backup **out, struct lk_error *err) LK_CHECKED;

/* The rows of a table of such a backup; nothing of them is read yet. They must be freed before `b`. */
enum lk_status lk_backup_rows_table(struct lk_backup_rows *b, const struct lk_backup *backup,
                                    const struct lk_manifest_table *table, struct lk_rows **out,
                                    struct lk_error *err) LK_CHECKED;

#endif
