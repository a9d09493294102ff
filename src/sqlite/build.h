/* Making a database out of rows: the same database again (DESIGN, "The same database" and "Restore").
 *
 * Each table gets a b-tree under a made-up name, whose columns have no types (so that no affinity alters a
 * value) and, WITHOUT ROWID, the key as declared; each index an empty b-tree. When all rows are in, the
 * rows of sqlite_schema are written as they were, in their order, each with the root page of its b-tree; the
 * schema is read again, and REINDEX fills the indexes. No trigger, view, CHECK or function of the schema
 * runs, but the functions and collations that its indexes use.
 *
 * One thread. */
#ifndef LK_SQLITE_BUILD_H
#define LK_SQLITE_BUILD_H

#include <stdatomic.h>

#include "batch/batch.h"
#include "sqlite/structure.h"

struct lk_build;

struct lk_build_options {
    const atomic_bool *interrupt; /* may be NULL; then work ends with LK_INTERRUPTED */
    /* Into an existing database: the transaction has begun, so that nobody else writes, and nothing is
     * changed yet. What it fails with ends the build. May be NULL. */
    enum lk_status (*on_locked)(void *context, struct lk_error *err);
    void *context;
};

/* Begin a new database in the file `path`, which must not exist, with the pragmas of `st`; st, which
 * lk_rebuild_check has been called for, must outlive the build. Indexes with a reason (lk_schema_row.refused)
 * are left out, and so are whole WITHOUT ROWID tables with one. */
enum lk_status lk_build_new(const char *path, const struct lk_structure *st,
                            const struct lk_build_options *options, struct lk_build **out,
                            struct lk_error *err) LK_CHECKED;

/* Begin to add the tables of `st` (with their indexes and triggers, and shadow tables) to the existing
 * database `path`, in one transaction, for which it waits up to 5 s (LK_REFUSED "locked" after that). A table
 * that is there already is LK_REFUSED unless `replace`: then it goes, with its indexes and triggers, in the
 * same transaction. A name that belongs to anything else (a view, an index of another table) is LK_REFUSED.
 * The encoding must be that of st. */
enum lk_status lk_build_into(const char *path, const struct lk_structure *st, bool replace,
                             const struct lk_build_options *options, struct lk_build **out,
                             struct lk_error *err) LK_CHECKED;

/* Rows for table `t` of st follow, from now until the next call; each table once, in any order; *left_out:
 * it is not rebuilt, and gets no rows. */
enum lk_status lk_build_table(struct lk_build *b, const struct lk_table_schema *t, bool *left_out,
                              struct lk_error *err) LK_CHECKED;
/* Rows in key order, shaped for the table. LK_DAMAGED: two rows with the same key. */
enum lk_status lk_build_add(struct lk_build *b, const struct lk_batch *batch,
                            struct lk_error *err) LK_CHECKED;

/* The row of `table` in sqlite_sequence (AUTOINCREMENT), in place of the one that is there. */
enum lk_status lk_build_sequence(struct lk_build *b, const char *table, int64_t sequence,
                                 struct lk_error *err) LK_CHECKED;

/* Write the schema, build the indexes, and end: a new file is complete and fsynced, its journal mode as in
 * st, nothing beside it; into an existing one the transaction is committed. An index whose rows SQLite
 * refuses (not unique after all) is LK_UNREADABLE by name. */
enum lk_status lk_build_finish(struct lk_build *b, struct lk_error *err) LK_CHECKED;

/* In an existing database, before lk_build_finish: write the schema and fill the indexes now, and let the
 * tables be read as the file will have them, inside the transaction. *out is the caller's, to be closed
 * before the build ends. No rows can be added any more. */
struct lk_source;
enum lk_status lk_build_look(struct lk_build *b, struct lk_source **out, struct lk_error *err) LK_CHECKED;

/* What was left out, one sentence each, borrowed; NULL-terminated. Complete after lk_build_finish. */
const char *const *lk_build_left_out(const struct lk_build *b);
/* The names of the tables and indexes that are not there; borrowed, NULL-terminated. (An index of a UNIQUE or
 * PRIMARY KEY that cannot be built is there, and empty: the sentences say so.) */
const char *const *lk_build_left_out_names(const struct lk_build *b);

/* Abandons what is not finished: a transaction is rolled back; a new file is the caller's to remove. NULL is
 * allowed. */
void lk_build_free(struct lk_build *b);

#endif
