/* What a restore works with, decided before anything is written: which tables, from which of the backup's
 * formats, and what of the schema cannot be rebuilt here. */
#ifndef LK_OPS_RESTORE_PLAN_H
#define LK_OPS_RESTORE_PLAN_H

#include "ops/restore_file.h"
#include "ops/stored_table.h"
#include "sqlite/structure.h"

/* One way to do it. */
enum lk_restore_way {
    LK_RESTORE_ROWS,  /* build the file from the stored tables */
    LK_RESTORE_PAGES, /* the page copy: the file itself, or the tables in it */
};

struct lk_restore_plan {
    const struct lk_backup *backup;
    const struct lk_restore_file_options *options;
    char **names; /* the tables asked for, as they are spelled in the database; NULL: all */
    struct lk_manifest_texts without; /* tables that cannot be made of what the files say, a sentence each */
    struct lk_structure *structure;
    /* In the order of structure->table: the manifest's entry. */
    const struct lk_manifest_table **table;
    enum lk_stored_from stored; /* for LK_RESTORE_ROWS */
    /* In the order in which they are to be tried: the next where the backup is damaged. */
    enum lk_restore_way way[2];
    size_t ways;
    uint64_t rows; /* of all tables, as the manifest says; 0: unknown */
};

/* LK_NOT_FOUND: no such table. LK_UNREADABLE: the backup has not the format asked for. */
enum lk_status lk_restore_plan_make(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                                    struct lk_restore_plan *out, struct lk_error *err) LK_CHECKED;
void lk_restore_plan_reset(struct lk_restore_plan *p);

/* Is `t` the table sqlite_sequence, which is brought only for its rows about the other tables? */
bool lk_restore_plan_is_sequence(const struct lk_restore_plan *p, const struct lk_table_schema *t);

/* Are its columns named rowid, _rowid_ and oid, so that nobody could ask for its rowids? */
bool lk_restore_plan_hides_rowids(const struct lk_restore_plan *p, const struct lk_table_schema *t);
/* The sentence about it; the caller frees it; NULL: memory is out. */
char *lk_restore_plan_hidden(const struct lk_table_schema *t);

/* Begin a result: its tables, with what the manifest says of them. `out` is zeroed. */
enum lk_status lk_restore_plan_result(const struct lk_restore_plan *p, enum lk_restore_way way,
                                      struct lk_restore_file_result *out, struct lk_error *err) LK_CHECKED;

/* The result of another way, after the first has failed with what *err says: a note of the result. */
enum lk_status lk_restore_plan_next(const struct lk_restore_plan *p, enum lk_restore_way way,
                                    struct lk_restore_file_result *out, struct lk_error *err) LK_CHECKED;
void lk_restore_plan_reset_texts(struct lk_manifest_texts *texts);

#endif
