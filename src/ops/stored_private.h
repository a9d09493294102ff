/* What stored_table.c and stored_stream.c share. */
#ifndef LK_OPS_STORED_PRIVATE_H
#define LK_OPS_STORED_PRIVATE_H

#include "ops/part_reader.h"
#include "ops/stored_table.h"

struct lk_stored_table {
    const struct lk_backup *backup;
    const struct lk_manifest_table *t;
    struct lk_stored_options options;
    struct lk_table_schema *schema;
    struct lk_plan *plan;
    uint64_t rows;
    /* Without a manifest: the files have their own columns, one of the two is read from beginning to end, and
     * nothing is known of blocks. */
    bool foreign, foreign_json;
    enum lk_codec json_codec;
    bool implicit_rowids; /* hidden, and in no column: numbered on */
    size_t rowid_column;  /* index of INTEGER PRIMARY KEY; SIZE_MAX: none */
    bool *noted;          /* a flag a part: on_note has been told */
    bool read_parquet, read_json;
    const char *problem; /* why `problem_column` cannot be read; NULL: none is known that cannot */
    size_t problem_column;
};

/* A reader of a part, nothing open yet. */
struct lk_part_reader lk_stored_table_reader(const struct lk_stored_table *table, size_t part);
/* Open the part's Parquet and see that its columns are the table's. On failure `r` must still be closed. */
enum lk_status lk_stored_table_open_parquet(const struct lk_stored_table *table, struct lk_part_reader *r,
                                            struct lk_error *err) LK_CHECKED;
/* Writes r->json_file and nothing else. Any thread. */
enum lk_status lk_stored_table_open_json(const struct lk_stored_table *table, struct lk_part_reader *r,
                                         struct lk_error *err) LK_CHECKED;
/* Is this a failure for which the part's other format is asked? What is hurt on disk, and a disk that cannot
 * give it back. */
bool lk_stored_table_is_loss(const struct lk_error *err);
/* Tell on_note, once a part, that rows came from JSON since Parquet failed for `reason`. */
void lk_stored_table_note(struct lk_stored_table *table, size_t part, const char *reason);
/* Fail with both formats' reasons. */
enum lk_status lk_stored_table_fail_both(const char *parquet, const char *json,
                                         struct lk_error *err) LK_CHECKED;

#endif
