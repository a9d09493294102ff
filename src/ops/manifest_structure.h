/* What a backup's database held, out of its manifest, in the form that rebuilding works with. */
#ifndef LK_OPS_MANIFEST_STRUCTURE_H
#define LK_OPS_MANIFEST_STRUCTURE_H

#include "sqlite/structure.h"
#include "store/manifest.h"

/* The whole schema (without what was left out of the backup, and what hangs on that), or with `tables`
 * (names; NULL-terminated) only these with what belongs to them: their indexes and triggers, the shadow
 * tables of virtual ones, sqlite_sequence where one of them has a row in it (the caller adds the row). Tables
 * of a structure are in the order of the manifest's. lk_rebuild_check has been called for the result: its
 * reasons and `refused` rows say what cannot be rebuilt here. LK_NOT_FOUND: no such table.
 *
 * Without a manifest (a backup of the original script) `schema` (one for each table of the manifest, in
 * order) gives the tables' columns, and CREATE TABLE statements are made of them; else NULL. */
enum lk_status lk_manifest_structure(const struct lk_manifest *m, const char *const *tables,
                                     const struct lk_table_schema *const *schema, struct lk_structure **out,
                                     struct lk_error *err) LK_CHECKED;

/* The same without lk_rebuild_check: no reasons, nothing refused. For comparing only. */
enum lk_status lk_manifest_structure_plain(const struct lk_manifest *m, const char *const *tables,
                                           const struct lk_table_schema *const *schema,
                                           struct lk_structure **out, struct lk_error *err) LK_CHECKED;

#endif
