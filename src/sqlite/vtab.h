/* A virtual table over stored rows (batch/rows.h): a backup's table answers SQL without being restored.
 *
 * Read-only. Columns have the declared types and collations of the table in the backup, so comparisons give
 * what they gave there. The rowid is the table's own (a WITHOUT ROWID table has none; where the rows come
 * without, they are numbered from 1). Only the columns that a statement uses are read; comparisons of the
 * rowid or a column are handed down as filters where no affinity or collation can make them mean something
 * else. Rows come in rowid order where the table has rowids, so that ORDER BY rowid sorts nothing.
 *
 * A table that is looked into again and again, as in a join, is copied into a temporary one with an index
 * once the look-ups have read as many rows as it has.
 *
 * This file and vtab*.c may be compiled against SQLite's extension interface (sqlite/api.h): the host's
 * SQLite need not be ours. */
#ifndef LK_SQLITE_VTAB_H
#define LK_SQLITE_VTAB_H

#include "batch/rows.h"

struct sqlite3;

/* Finds the rows that CREATE VIRTUAL TABLE names. */
struct lk_vtab_opener {
    /* `argument`: the module's arguments, SQL quotes taken off. The virtual table owns *out and frees it by
     * its `free`. */
    enum lk_status (*open)(void *context, size_t arguments, const char *const *argument, struct lk_rows **out,
                           struct lk_error *err);
    /* The failure that makes a statement fail with SQLite's poorer code and the same message; may be NULL. */
    void (*failed)(void *context, const struct lk_error *err);
    /* Called before (true) and after SQLite is told the columns, which passes through the connection's
     * authorizer as if a table was made; may be NULL. */
    void (*declaring)(void *context, bool begins);
    void (*free)(void *context); /* when the module goes; may be NULL */
    void *context;
    /* Views may read these tables although the schema is not trusted. */
    bool innocuous;
};

/* Register the module `name` on a connection; the opener is copied. SQLite's result code; on failure
 * opener->free has been called. */
int lk_vtab_register(struct sqlite3 *db, const char *name, const struct lk_vtab_opener *opener);

/* Create virtual table `table` of module `name` in `schema` ("main", or one attached) with these arguments;
 * any name is allowed for the table, "sqlite_sequence" too (needs no DEFENSIVE). It is there after
 * lk_vtab_publish, and its rows are opened when it is first used: ten thousand cost little. */
enum lk_status lk_vtab_create(struct sqlite3 *db, const char *schema, const char *table, const char *name,
                              size_t arguments, const char *const *argument, struct lk_error *err) LK_CHECKED;
/* Let SQLite read its schemas again. LK_DAMAGED: they contradict themselves (one name twice). */
enum lk_status lk_vtab_publish(struct sqlite3 *db, struct lk_error *err) LK_CHECKED;

#endif
