/* Can this program rebuild a schema? Internal to this layer. Any thread. */
#ifndef LK_SQLITE_REBUILD_H
#define LK_SQLITE_REBUILD_H

#include "sqlite/structure.h"

/* Create the structure's tables, virtual tables and indexes, empty, in a scratch database in memory, and
 * append to st->reason what SQLite refuses, whose rows are marked `refused`: collations, functions, modules
 * and tokenizers of an application, syntax of another version. Views and triggers are text until somebody
 * uses them, and always come back. */
enum lk_status lk_rebuild_check(struct lk_structure *st, struct lk_error *err) LK_CHECKED;

/* Append one reason, which is taken over (NULL: memory is out). */
enum lk_status lk_rebuild_add_reason(struct lk_structure *st, char *reason, struct lk_error *err) LK_CHECKED;

#endif
