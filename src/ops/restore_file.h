/* Making a database file of a backup, and proving that it is the same database. */
#ifndef LK_OPS_RESTORE_FILE_H
#define LK_OPS_RESTORE_FILE_H

#include <stdatomic.h>

#include "store/catalog.h"

/* Lists of sentences that are shown to the user. One thread at a time. */
struct lk_restore_file_options {
    enum litekeep_format
        from;                  /* 0: the sqlite copy where the schema cannot be rebuilt here and there is one;
                                  else Parquet, what is damaged there from JSON; else JSON; else the sqlite copy */
    const char *const *tables; /* names as in the database, as they are shown, or as their files are called;
                                  none: all. A virtual table brings its shadow tables */
    const uint8_t *secret;     /* of the store */
    unsigned jobs;             /* threads that decode; 0: by processors */
    bool check_full;           /* PRAGMA integrity_check on the result */
    /* Rows done so far and of how many: on the caller's thread, often; may be NULL. Twice for each file: when
     * it is made, and (table NULL) when it is compared. */
    void (*on_rows)(void *context, const char *table, uint64_t done, uint64_t total);
    /* Of lk_restore_into: as in sqlite/build.h. May be NULL. */
    enum lk_status (*on_locked)(void *context, struct lk_error *err);
    void *context;
};

struct lk_restore_file_table {
    const char *name; /* as in the database; borrowed from the manifest */
    uint64_t rows;
    const char *from; /* static: "parquet", "json", "parquet and json", "sqlite" */
    bool left_out;
    bool replaced; /* for the caller of lk_restore_into, who knows what was there: false here */
};

struct lk_restore_file_result {
    const char *from; /* over all tables */
    uint64_t rows;
    bool typed; /* false: there was no manifest */
    size_t tables;
    struct lk_restore_file_table *table; /* owned */
    struct lk_manifest_texts notes, left_out;
};
void lk_restore_file_result_reset(struct lk_restore_file_result *r);

/* What would be done: fills `from` and the tables (rows as the manifest says), checks that the tables and
 * formats asked for are there, and what of the schema cannot be rebuilt here. LK_NOT_FOUND: no such table
 * (names near ones). */
enum lk_status lk_restore_file_plan(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                                    struct lk_restore_file_result *out, struct lk_error *err) LK_CHECKED;

/* Make the file `path`, which must not exist, in a folder that belongs to the caller alone: built, fsynced,
 * closed, then read again and compared with the backup's manifest (lk_compare_file). On failure the file may
 * be there, to be removed. LK_UNREADABLE is not a failure of the call: what was left out is in the result. */
enum lk_status lk_restore_file(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                               const char *path, struct lk_restore_file_result *out,
                               struct lk_error *err) LK_CHECKED;

/* The tables `o->tables` (at least one) into the existing database `path`, in one transaction, which is
 * committed only when the rows in it compare equal. `replace`: tables of those names that are there go. */
enum lk_status lk_restore_into(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                               const char *path, bool replace, struct lk_restore_file_result *out,
                               struct lk_error *err) LK_CHECKED;

#endif
