/* A table as it is stored in a backup, read back as batches: from its Parquet files, from its JSON lines, or
 * from whichever of the two is whole; parts and blocks in order, ahead of the caller on threads of its own.
 *
 * Everything that reads a backup goes through here: query, restore, diff, show. Backups of the original
 * script too (no manifest: the columns come from the files, and there are no hashes). */
#ifndef LK_OPS_STORED_TABLE_H
#define LK_OPS_STORED_TABLE_H

#include "batch/rows.h"
#include "store/catalog.h"

enum lk_stored_from {
    /* Parquet if there is any, and each block that is damaged or cannot be read there (of a disk that fails,
     * too) from JSON; else JSON. */
    LK_STORED_ANY,
    LK_STORED_PARQUET,
    LK_STORED_JSON,
};

struct lk_stored_options {
    enum lk_stored_from from;
    /* Not NULL (LK_SECRET_SIZE bytes, borrowed): each block that is read with all its columns is compared
     * with the manifest's content hash; one that differs is damaged. */
    const uint8_t *secret;
    /* LK_STORED_ANY: rows came from JSON because Parquet is damaged: one complete sentence, safe to print, at
     * most once a part. On the caller's thread, within a call of this interface; may be NULL. */
    void (*on_note)(void *context, const char *message);
    void *context;
};

struct lk_stored_table;

/* `backup` and `t` (a table of its manifest) must outlive it. Its columns are known afterwards; files are
 * opened only when their rows are read, one part at a time. LK_UNREADABLE: the backup has no file of the
 * format(s) that `from` allows. LK_DAMAGED: the manifest contradicts itself, or (without one) no file's
 * columns can be read. A table and its streams are used by one thread at a time.
 *
 * Without a manifest a Parquet file's footer is read here, or JSON lines whole. LK_STORED_ANY then takes JSON
 * only where the Parquet cannot be opened, with a note: the two may have other columns, and a row group that
 * turns out damaged later is an error. */
enum lk_status lk_stored_table_open(const struct lk_backup *backup, const struct lk_manifest_table *t,
                                    const struct lk_stored_options *options, struct lk_stored_table **out,
                                    struct lk_error *err) LK_CHECKED;
void lk_stored_table_free(struct lk_stored_table *table); /* its streams are closed; NULL is allowed */

/* Borrowed. */
const struct lk_table_schema *lk_stored_table_schema(const struct lk_stored_table *table);
const struct lk_plan *lk_stored_table_plan(const struct lk_stored_table *table); /* never NULL */
/* UINT64_MAX: unknown (JSON lines without a manifest). */
uint64_t lk_stored_table_rows(const struct lk_stored_table *table);
/* "parquet", "json", or "parquet and json" once some blocks came from each: what has been read so far. Static
 * strings. */
const char *lk_stored_table_from(const struct lk_stored_table *table);

/* Why the table as a whole cannot be read, though some columns can (another writer's nested column); *column:
 * its name, borrowed. NULL: nothing is known against it. Static. */
const char *lk_stored_table_problem(const struct lk_stored_table *table, const char **column);

/* Are there blocks of which several at a time are too much for the memory? A value can make them so. */
bool lk_stored_table_has_huge_blocks(const struct lk_manifest_table *t);

/* What to read of it. {0}: all rows and columns, on the caller's thread. Borrowed until the stream is
 * closed. */
struct lk_stored_request {
    struct lk_rows_request rows; /* columns wanted; filters, which may leave out blocks */
    /* Leave this block out? NULL: none. On the caller's thread, once a block, in order. Not called for
     * backups without manifest. */
    bool (*skip)(void *context, size_t part, size_t block);
    void *context;
    /* That decode ahead; 0: the caller's own, when it asks for the next batch. They are started for the
     * second block. Without a manifest there are none: one row group may be the whole table. */
    unsigned threads;
};

struct lk_stored_stream;
enum lk_status lk_stored_stream_open(struct lk_stored_table *table, const struct lk_stored_request *request,
                                     struct lk_stored_stream **out, struct lk_error *err) LK_CHECKED;
/* The next rows, in the order of the table; borrowed until the next call or close. *batch NULL at the end.
 * Columns that are not wanted are NULLs, or, from JSON, as they are. With a manifest a batch is a whole
 * block: at most threads + 2 of them are in memory. LK_DAMAGED names file, part and block; LK_INTERRUPTED as
 * everywhere; after a failure every further call fails alike. Which block it is: *part and *block (may be
 * NULL). */
enum lk_status lk_stored_stream_next(struct lk_stored_stream *s, const struct lk_batch **batch, size_t *part,
                                     size_t *block, struct lk_error *err) LK_CHECKED;
void lk_stored_stream_close(struct lk_stored_stream *s); /* NULL is allowed */

/* The table as rows for the virtual table: lk_rows.free frees `table` too. `sql`: CREATE TABLE, copied, or
 * NULL. On failure `table` is still the caller's. */
enum lk_status lk_stored_table_as_rows(struct lk_stored_table *table, const char *sql, struct lk_rows **out,
                                       struct lk_error *err) LK_CHECKED;

#endif
