/* Names by which hidden rowids can be read. Internal to this layer. */
#ifndef LK_SQLITE_ROWID_H
#define LK_SQLITE_ROWID_H

#include <sqlite3.h>

/* Which of "rowid", "_rowid_" and "oid" is no column (of any kind, in any case) of the table? *name is
 * static; NULL: all three are columns, so that SQL cannot reach the rowid. SQLite's result code. */
int lk_rowid_name(sqlite3 *db, const char *table, const char **name);

#endif
