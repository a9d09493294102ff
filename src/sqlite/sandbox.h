/* SQL of a user on tables that are not to be changed: an empty database in memory with virtual tables, in
 * which one statement can read and do nothing else. One thread. */
#ifndef LK_SQLITE_SANDBOX_H
#define LK_SQLITE_SANDBOX_H

#include <stdatomic.h>

#include "sqlite/vtab.h"

struct lk_sandbox;

/* `opener` finds the tables' rows (its `failed` is set by the sandbox). `file` is a database to read instead
 * of the empty one, the caller's own (SQLite may write beside it); NULL: none. `interrupt` may be NULL. */
enum lk_status lk_sandbox_new(const struct lk_vtab_opener *opener, const char *file,
                              const atomic_bool *interrupt, struct lk_sandbox **out,
                              struct lk_error *err) LK_CHECKED;
void lk_sandbox_free(struct lk_sandbox *s); /* NULL is allowed */

/* One more database under the name `schema`: empty, or a file. LK_USAGE: the name is taken, or there are too
 * many. */
enum lk_status lk_sandbox_attach(struct lk_sandbox *s, const char *schema, const char *file,
                                 struct lk_error *err) LK_CHECKED;
/* A virtual table, with the opener's arguments; not in a database that is a file. Nothing happens when the
 * schema has a table of that name already (but for the case of ASCII letters). */
enum lk_status lk_sandbox_table(struct lk_sandbox *s, const char *schema, const char *table, size_t arguments,
                                const char *const *argument, struct lk_error *err) LK_CHECKED;
/* All tables have been named. */
enum lk_status lk_sandbox_publish(struct lk_sandbox *s, struct lk_error *err) LK_CHECKED;
/* A view by its SQL as in sqlite_schema; false: it cannot be made here. */
bool lk_sandbox_view(struct lk_sandbox *s, const char *schema, const char *sql);

/* Run options->sql as litekeep_query says, limit and timeout included. */
enum lk_status lk_sandbox_run(struct lk_sandbox *s, const struct litekeep_query_options *options,
                              uint64_t *rows, struct lk_error *err) LK_CHECKED;

#endif
