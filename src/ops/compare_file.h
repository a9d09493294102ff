/* Is a database file the one that a backup holds? (DESIGN, "The same database") */
#ifndef LK_OPS_COMPARE_FILE_H
#define LK_OPS_COMPARE_FILE_H

#include "sqlite/source.h"
#include "store/catalog.h"

struct lk_compare_file_options {
    const uint8_t *secret; /* of the store */
    /* Compare only these tables (names), and not the schema's rows as a whole; NULL: everything. */
    const char *const *tables;
    /* Names of tables and indexes that are knowingly not there (could not be rebuilt); NULL: none. */
    const char *const *left_out;
    /* For a finished file that is nobody else's: threads that read it, each with a descriptor of its own. 0:
     * only the caller's. */
    unsigned threads;
    const atomic_bool *interrupt; /* for these threads; may be NULL */
    /* On the caller's thread, often; may be NULL. */
    void (*on_rows)(void *context, uint64_t rows);
    void *context;
};

/* Read the whole file and compare it with the manifest: the rows of sqlite_schema, the pragmas, and every
 * table's rows block by block with the content hashes. The first difference is LK_DAMAGED, naming table and
 * rows. The file is read only, and nobody writes to it meanwhile. Not for backups without manifest. */
enum lk_status lk_compare_file(const char *path, const struct lk_manifest *manifest,
                               const struct lk_compare_file_options *options,
                               struct lk_error *err) LK_CHECKED;

/* The same of what `source`, which is open, sees. */
enum lk_status lk_compare_source(struct lk_source *source, const struct lk_manifest *manifest,
                                 const struct lk_compare_file_options *options,
                                 struct lk_error *err) LK_CHECKED;

#endif
