/* The files of a part, read block by block: what reading back, restoring and verifying have in common. */
#ifndef LK_OPS_PART_READER_H
#define LK_OPS_PART_READER_H

#include "jsonl/reader.h"
#include "parquet/reader.h"
#include "store/manifest.h"

/* A part's finished files, open for reading by any number of threads. */
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

/* Read block `index` into `batch`, which is reshaped. LK_DAMAGED names the file and the block when it cannot
 * be read, has another number of rows than the manifest says, or, if `hasher` (with the store's secret) is
 * not NULL, other rows than those that were written. `first_row`: the rows of the part's earlier blocks, for
 * rowids that stand in no column. Any thread, with its own decoder, JSON reader, hasher and batch. */
enum lk_status lk_part_reader_parquet(const struct lk_part_reader *r, size_t index, uint64_t first_row,
                                      const bool *wanted, struct lk_parquet_decoder *decoder,
                                      struct lk_hasher *hasher, struct lk_batch *batch,
                                      struct lk_error *err) LK_CHECKED;
/* *reader: NULL, or what an earlier call for a part of the same table left: the caller frees it at the end.
 * JSON lines are always read with all their columns. */
enum lk_status lk_part_reader_json(const struct lk_part_reader *r, size_t index, uint64_t first_row,
                                   struct lk_jsonl_reader **reader, struct lk_hasher *hasher,
                                   struct lk_batch *batch, struct lk_error *err) LK_CHECKED;

/* How large a block of the part may be, roughly: so that blocks with huge values are read one at a time. */
uint64_t lk_part_reader_most_bytes(const struct lk_manifest_part *part);

/* Close what is open; the rest stays. */
void lk_part_reader_close(struct lk_part_reader *r);

#endif
