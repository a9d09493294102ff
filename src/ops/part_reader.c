#include "ops/part_reader.h"

enum lk_status lk_part_reader_check(const struct lk_part_reader *r, struct lk_error *err)
{
    if (r->parquet == NULL)
        return LK_OK;
    const char *name = lk_input_name(r->parquet_file);
    const struct lk_plan *plan = lk_parquet_reader_plan(r->parquet);
    if (plan == NULL || !lk_plan_equal(plan, r->plan) ||
        lk_parquet_reader_schema(r->parquet)->hidden_rowid != r->schema->hidden_rowid)
        return lk_fail(err, LK_DAMAGED, "%s: its columns are not the ones that were written", name);
    const size_t groups = lk_parquet_reader_row_groups(r->parquet);
    if (groups != r->part->blocks)
        return lk_fail(err, LK_DAMAGED, "%s: %zu row groups instead of %zu", name, groups, r->part->blocks);
    return LK_OK;
}

static bool implicit_rowids(const struct lk_part_reader *r)
{
    return r->schema->hidden_rowid && r->plan->rowid_name == NULL;
}

static int64_t first_rowid(const struct lk_part_reader *r, uint64_t first_row)
{
    return implicit_rowids(r) ? (int64_t)((uint64_t)r->part->first_rowid + first_row) : 0;
}

static enum lk_status compare(const struct lk_part_reader *r, size_t index, uint64_t first_row,
                              const char *name, const struct lk_batch *batch, struct lk_hasher *hasher,
                              struct lk_error *err)
{
    const struct lk_manifest_block *block = &r->part->block[index];
    if (batch->rows != block->rows)
        return lk_fail(err, LK_DAMAGED, "%s: block %zu has %u rows instead of %u", name, index, batch->rows,
                       block->rows);
    if (implicit_rowids(r) && lk_batch_rowid(batch, 0) != first_rowid(r, first_row))
        return lk_fail(err, LK_DAMAGED, "%s: block %zu begins with rowid %lld instead of %lld", name, index,
                       (long long)lk_batch_rowid(batch, 0), (long long)first_rowid(r, first_row));
    if (hasher == NULL)
        return LK_OK;
    struct lk_hash128 hash;
    const enum lk_status status = lk_batch_hash(batch, hasher, &hash, err);
    if (status != LK_OK)
        return status;
    if (!lk_hash128_equal(hash, block->hash))
        return lk_fail(err, LK_DAMAGED, "%s: block %zu does not hold the rows that were written", name,
                       index);
    return LK_OK;
}

enum lk_status lk_part_reader_parquet(const struct lk_part_reader *r, size_t index, uint64_t first_row,
                                      const bool *wanted, struct lk_parquet_decoder *decoder,
                                      struct lk_hasher *hasher, struct lk_batch *batch, struct lk_error *err)
{
    const char *name = lk_input_name(r->parquet_file);
    const uint64_t rows = lk_parquet_reader_row_group_rows(r->parquet, index);
    if (rows != r->part->block[index].rows) /* before it takes memory */
        return lk_fail(err, LK_DAMAGED, "%s: row group %zu has %llu rows instead of %u", name, index,
                       (unsigned long long)rows, r->part->block[index].rows);
    const enum lk_status status = lk_parquet_read_row_group(r->parquet, decoder, index, wanted, batch, err);
    return status == LK_OK ? compare(r, index, first_row, name, batch, hasher, err) : status;
}

enum lk_status lk_part_reader_json(const struct lk_part_reader *r, size_t index, uint64_t first_row,
                                   struct lk_jsonl_reader **reader, struct lk_hasher *hasher,
                                   struct lk_batch *batch, struct lk_error *err)
{
    const struct lk_manifest_block *block = &r->part->block[index];
    const uint64_t end =
        index + 1 < r->part->blocks ? r->part->block[index + 1].json_offset : lk_input_size(r->json_file);
    const int64_t rowid = first_rowid(r, first_row);
    uint32_t rows = 0, extra = 0;
    if (!lk_batch_reshape(batch, r->plan->columns, r->schema->hidden_rowid))
        return lk_fail_memory(err, "reading JSON lines");
    enum lk_status status =
        *reader != NULL ? lk_jsonl_reader_reset(*reader, r->json_file, block->json_offset, end, rowid, err)
                        : lk_jsonl_reader_new(r->json_file, block->json_offset, end, r->json_codec, r->schema,
                                              r->plan, rowid, reader, err);
    /* As many as make a block full, and not as many as the manifest says: 65,536 rows may be any length. */
    if (status == LK_OK)
        status = lk_jsonl_read(*reader, 0, batch, &rows, err);
    if (status == LK_OK)
        status = compare(r, index, first_row, lk_input_name(r->json_file), batch, hasher, err);
    /* To the end, so that the stream's own check sum is looked at, and nothing stands behind the last row. */
    if (status == LK_OK)
        status = lk_jsonl_read(*reader, 1, batch, &extra, err);
    if (status == LK_OK && extra != 0)
        status = lk_fail(err, LK_DAMAGED, "%s: block %zu has more rows than were written",
                         lk_input_name(r->json_file), index);
    return status;
}

/* A block that bytes fill has LK_BLOCK_BYTES, but for its last row; the last of a part has fewer. */
uint64_t lk_part_reader_most_bytes(const struct lk_manifest_part *part)
{
    const uint64_t others = part->blocks > 2 ? (uint64_t)(part->blocks - 2) * LK_BLOCK_BYTES : 0;
    return part->raw_bytes > others + LK_BLOCK_BYTES ? part->raw_bytes - others : LK_BLOCK_BYTES;
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
