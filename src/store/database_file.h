/* source.json and what can be told of a database's folder without it. Private to src/store. */
#ifndef LK_STORE_DATABASE_FILE_H
#define LK_STORE_DATABASE_FILE_H

#include "store/database.h"

enum lk_status lk_database_file_new(const char *folder, struct lk_database **out,
                                    struct lk_error *err) LK_CHECKED;

/* The database in `dir`, whose name is `folder`; *out NULL when it is no database's folder. */
enum lk_status lk_database_file_look(const struct lk_dir *dir, const char *folder, struct lk_warn warn,
                                     struct lk_database **out, struct lk_error *err) LK_CHECKED;

/* May a new identity have this folder: nothing in it but the original script's backups and what litekeep
 * itself leaves before the first backup? */
enum lk_status lk_database_file_is_claimable(const struct lk_dir *dir, bool *out,
                                             struct lk_error *err) LK_CHECKED;

/* Note in memory that the database is `identity` and was seen at `path`, which becomes the current one. */
enum lk_status lk_database_file_seen(struct lk_database *db, const char *identity, const char *path,
                                     int64_t now, struct lk_error *err) LK_CHECKED;

/* Write source.json durably. */
enum lk_status lk_database_file_write(const struct lk_dir *dir, mode_t mode, const struct lk_database *db,
                                      struct lk_error *err) LK_CHECKED;

#endif
