/* Reading back what was written: each block is read from the finished file, decoded, and its content hash
 * compared with the one taken from the scanned rows. */
#ifndef LK_OPS_READ_BACK_H
#define LK_OPS_READ_BACK_H

#include "ops/engine.h"
#include "store/manifest.h"

/* The finished files of a part, open for reading by any number of threads. */
struct lk_part_reader {
    const struct lk_table_schema *schema; /* borrowed, as are plan and part */
    const struct lk_plan *plan;
    const struct lk_manifest_part *part;
    struct lk_input *parquet_file; /* NULL: no Parquet */
    struct lk_parquet_reader *parquet;
    struct lk_input *json_file; /* NULL: no JSON */
    enum lk_codec json_codec;
};

/* Check that the Parquet file has the row groups of the part's blocks, and that its plan is `plan`. */
enum lk_status lk_part_reader_check(const struct lk_part_reader *r, struct lk_error *err) LK_CHECKED;

/* Read block `index` from one of the files and compare. LK_DAMAGED names the file and the block when it
 * differs. Any thread, with its own scratch. */
enum lk_status lk_read_back_parquet(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                    struct lk_error *err) LK_CHECKED;
enum lk_status lk_read_back_json(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                 struct lk_error *err) LK_CHECKED;

void lk_part_reader_close(struct lk_part_reader *r);

#endif
