/* Is what was restored what was backed up? */
#ifndef LK_OPS_RESTORE_PROOF_H
#define LK_OPS_RESTORE_PROOF_H

#include "ops/restore_plan.h"
#include "sqlite/build.h"

/* Read the file `path` again and compare it with the manifest; a backup without one: count the rows. `build`:
 * what made it, finished, whose left out things go into the result; NULL: it is the page copy itself.
 * LK_DAMAGED names the first difference. */
enum lk_status lk_restore_proof_compare(const struct lk_restore_plan *p, const char *path,
                                        const struct lk_build *build, struct lk_restore_file_result *r,
                                        struct lk_error *err) LK_CHECKED;

/* The same for tables in an existing database, before they are committed. */
enum lk_status lk_restore_proof_look(const struct lk_restore_plan *p, struct lk_build *build,
                                     struct lk_restore_file_result *r, struct lk_error *err) LK_CHECKED;

/* PRAGMA integrity_check of the new file `path`, or, `into` an existing database, of the tables that were
 * restored. The result's notes say what it came to. LK_DAMAGED: what is wrong. */
enum lk_status lk_restore_proof_integrity(const struct lk_restore_plan *p, const char *path, bool into,
                                          struct lk_restore_file_result *r, struct lk_error *err) LK_CHECKED;

#endif
