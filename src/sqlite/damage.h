/* What is wrong with a table that could not be read? Internal to this layer. */
#ifndef LK_SQLITE_DAMAGE_H
#define LK_SQLITE_DAMAGE_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/buffer.h"

/* Append what PRAGMA quick_check says of the table (its first lines, with the pages), or nothing when it says
 * nothing within `limit` ns. */
void lk_damage_describe(sqlite3 *db, const char *table, int64_t limit, struct lk_buffer *out);

#endif
