/* A copy of some columns of a table in a temporary database, with an index: for a table that is looked into
 * again and again. Private to src/sqlite; compiled like vtab.c. One thread. */
#ifndef LK_SQLITE_VTAB_COPY_H
#define LK_SQLITE_VTAB_COPY_H

#include "batch/rows.h"
#include "sqlite/api.h"

struct lk_vtab_copy;

/* Copy the wanted columns (a flag each) and the rowids. `key`: the column looked for, or LK_ROWS_ROWID;
 * `collation`: BINARY, NOCASE or RTRIM; `affinity`: of the key. SQLite keeps it in memory as far as its cache
 * goes, else in a temporary file. */
enum lk_status lk_vtab_copy_new(const struct lk_rows *rows, const bool *wanted, size_t key,
                                const char *collation, enum lk_affinity affinity, struct lk_vtab_copy **out,
                                struct lk_error *err) LK_CHECKED;
void lk_vtab_copy_free(struct lk_vtab_copy *copy); /* its statements are finalized; NULL is allowed */

/* Has it been made for this key and collation, and are these columns in it? */
bool lk_vtab_copy_serves(const struct lk_vtab_copy *copy, const bool *wanted, size_t key,
                         const char *collation);
/* Will a look-up find every row whose key equals the value, whatever affinities the comparison has? */
bool lk_vtab_copy_finds(const struct lk_vtab_copy *copy, sqlite3_value *value);
/* The rows whose key equals the value, and perhaps more, in their order: a statement to be stepped. *out
 * is NULL or the statement of an earlier look-up into the same copy; the caller finalizes it. */
enum lk_status lk_vtab_copy_find(const struct lk_vtab_copy *copy, sqlite3_value *value, sqlite3_stmt **out,
                                 struct lk_error *err) LK_CHECKED;
/* Where in the statement's row a wanted column is; the rowid is at 0. */
int lk_vtab_copy_position(const struct lk_vtab_copy *copy, size_t column);

#endif
