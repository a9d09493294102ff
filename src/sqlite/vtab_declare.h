/* The columns of a virtual table as SQL. Private to src/sqlite; compiled like vtab.c. */
#ifndef LK_SQLITE_VTAB_DECLARE_H
#define LK_SQLITE_VTAB_DECLARE_H

#include "batch/rows.h"

/* Append CREATE TABLE for sqlite3_declare_vtab: names, declared types (where they are nothing else),
 * collations as in rows->sql as far as SQLite has them by itself, and the key of a WITHOUT ROWID table.
 * affinity[rows->schema->columns] is filled with what SQLite will make of the types. */
enum lk_status lk_vtab_declare(const struct lk_rows *rows, struct lk_buffer *out, enum lk_affinity *affinity,
                               struct lk_error *err) LK_CHECKED;

#endif
