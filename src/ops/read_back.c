#include "ops/read_back.h"

enum lk_status lk_part_reader_check(const struct lk_part_reader *r, struct lk_error *err)
{
    if (r->parquet == NULL)
        return LK_OK;
    const char *name = lk_input_name(r->parquet_file);
    const struct lk_plan *plan = lk_parquet_reader_plan(r->parquet);
    if (plan == NULL || !lk_plan_equal(plan, r->plan))
        return lk_fail(err, LK_DAMAGED, "%s: its columns are not the ones that were written", name);
    const size_t groups = lk_parquet_reader_row_groups(r->parquet);
    if (groups != r->part->blocks)
        return lk_fail(err, LK_DAMAGED, "%s: %zu row groups instead of %zu", name, groups, r->part->blocks);
    return LK_OK;
}

static enum lk_status compare(const struct lk_part_reader *r, size_t index, const char *name,
                              struct lk_scratch *scratch, struct lk_error *err)
{
    const struct lk_manifest_block *block = &r->part->block[index];
    if (scratch->batch->rows != block->rows)
        return lk_fail(err, LK_DAMAGED, "%s: block %zu has %u rows instead of %u", name, index,
                       scratch->batch->rows, block->rows);
    struct lk_hash128 hash;
    const enum lk_status status = lk_batch_hash(scratch->batch, scratch->hasher, &hash, err);
    if (status != LK_OK)
        return status;
    if (!lk_hash128_equal(hash, block->hash))
        return lk_fail(err, LK_DAMAGED, "%s: block %zu does not hold the rows that were written", name,
                       index);
    return LK_OK;
}

enum lk_status lk_read_back_parquet(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                    struct lk_error *err)
{
    const enum lk_status status =
        lk_parquet_read_row_group(r->parquet, scratch->parquet_decoder, index, NULL, scratch->batch, err);
    return status == LK_OK ? compare(r, index, lk_input_name(r->parquet_file), scratch, err) : status;
}

enum lk_status lk_read_back_json(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                 struct lk_error *err)
{
    const struct lk_manifest_block *block = &r->part->block[index];
    const uint64_t end =
        index + 1 < r->part->blocks ? r->part->block[index + 1].json_offset : lk_input_size(r->json_file);
    int64_t first_rowid = r->part->first_rowid;
    for (size_t i = 0; i < index && first_rowid != 0; i++)
        first_rowid += r->part->block[i].rows;
    struct lk_jsonl_reader *reader = NULL;
    if (!lk_batch_reshape(scratch->batch, r->plan->columns, r->schema->hidden_rowid))
        return lk_fail_memory(err, "preparing to read back");
    enum lk_status status = lk_jsonl_reader_new(r->json_file, block->json_offset, end, r->json_codec,
                                                r->schema, r->plan, first_rowid, &reader, err);
    uint32_t rows = 0, extra = 0;
    if (status == LK_OK)
        status = lk_jsonl_read(reader, block->rows, scratch->batch, &rows, err);
    if (status == LK_OK)
        status = compare(r, index, lk_input_name(r->json_file), scratch, err);
    /* To the end, so that the stream's own check sum is looked at, and nothing stands behind the last row. */
    if (status == LK_OK)
        status = lk_jsonl_read(reader, 1, scratch->batch, &extra, err);
    if (status == LK_OK && extra != 0)
        status = lk_fail(err, LK_DAMAGED, "%s: block %zu has more rows than were written",
                         lk_input_name(r->json_file), index);
    lk_jsonl_reader_free(reader);
    return status;
}

void lk_part_reader_close(struct lk_part_reader *r)
{
    lk_parquet_reader_free(r->parquet);
    lk_input_close(r->parquet_file);
    lk_input_close(r->json_file);
    r->parquet = NULL;
    r->parquet_file = NULL;
    r->json_file = NULL;
}
