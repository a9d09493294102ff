#include "ops/read_back.h"

static uint64_t rows_before(const struct lk_part_reader *r, size_t index)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < index; i++)
        rows += r->part->block[i].rows;
    return rows;
}

enum lk_status lk_read_back_parquet(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                    struct lk_error *err)
{
    return lk_part_reader_parquet(r, index, rows_before(r, index), NULL, scratch->parquet_decoder,
                                  scratch->hasher, scratch->batch, err);
}

enum lk_status lk_read_back_json(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                 struct lk_error *err)
{
    /* Encoder threads go from table to table, so none is kept: a reader is for one table. */
    struct lk_jsonl_reader *reader = NULL;
    const enum lk_status status =
        lk_part_reader_json(r, index, rows_before(r, index), &reader, scratch->hasher, scratch->batch, err);
    lk_jsonl_reader_free(reader);
    return status;
}
