/* Folders of the original Python script: <database>/<timestamp>/parquet|json/<table>.<ending>, without a
 * manifest. Private to src/store. */
#ifndef LK_STORE_LEGACY_H
#define LK_STORE_LEGACY_H

#include "store/manifest.h"

/* Is it a timestamp as the script wrote them: 2024-05-29-09:14:42, or with T, _ or a blank before the time,
 * '-', '.', '_' or nothing between its numbers, and a fraction behind? *started: read as local time. An id of
 * litekeep is none. */
bool lk_legacy_parse_name(const char *name, int64_t *started);

/* Is `name` in `database` such a backup: a timestamp, a folder, and with a folder parquet or json in it? */
bool lk_legacy_is_backup(const struct lk_dir *database, const char *name);

/* The manifest of such a backup, made from its file names (catalog.h, lk_backup_open). `backup`: its folder.
 */
enum lk_status lk_legacy_manifest(const struct lk_dir *backup, const char *id, struct lk_manifest **out,
                                  struct lk_error *err) LK_CHECKED;

/* How many tables there are, from file names, and how many bytes their files have; 0 when it cannot be read.
 */
size_t lk_legacy_tables(const struct lk_dir *database, const char *id, uint64_t *bytes);

#endif
