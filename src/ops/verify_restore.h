/* `verify --restore`: what cannot be rebuilt is no backup. Private to verify*.c. */
#ifndef LK_OPS_VERIFY_RESTORE_H
#define LK_OPS_VERIFY_RESTORE_H

#include "ops/verify_run.h"

/* After all backups have been checked: rebuild each database in a private folder, from its best format and
 * from its page copy, and compare it with the manifest; what comes of it is added to the backups' findings.
 * On the caller's thread. */
void lk_verify_restore(struct lk_verify_run *run, struct lk_verify_database *const *db, size_t count);

#endif
