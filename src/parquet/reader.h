/* Parquet files, read: flat tables of any writer, row group by row group, into batches.
 *
 * Everything in a file is hostile: sizes are checked against the file and against caps before anything is
 * allocated. */
#ifndef LK_PARQUET_READER_H
#define LK_PARQUET_READER_H

#include "base/input.h"
#include "batch/plan.h"

struct lk_parquet_reader;

/* Read and check the footer. `in` must outlive the reader. A file that is no Parquet file or whose footer is
 * hurt: LK_DAMAGED; encrypted: LK_UNREADABLE by name.
 *
 * A file of litekeep carries its plan, which must fit its columns, or the file is LK_DAMAGED. For another
 * writer's file one table column is made for each leaf, nested ones included (named by their path, as
 * "a.list.element"; never readable), with values and declared types as parquet/convert.h has them; the table
 * is called as the file without ".parquet", and its rows have hidden rowids 1, 2, ... n. */
enum lk_status lk_parquet_reader_open(const struct lk_input *in, struct lk_parquet_reader **out,
                                      struct lk_error *err) LK_CHECKED;
void lk_parquet_reader_free(struct lk_parquet_reader *r);

/* The table as rows will be read: borrowed. */
const struct lk_table_schema *lk_parquet_reader_schema(const struct lk_parquet_reader *r);
/* NULL: another writer's file. */
const struct lk_plan *lk_parquet_reader_plan(const struct lk_parquet_reader *r);
uint64_t lk_parquet_reader_rows(const struct lk_parquet_reader *r);
size_t lk_parquet_reader_row_groups(const struct lk_parquet_reader *r);
uint64_t lk_parquet_reader_row_group_rows(const struct lk_parquet_reader *r, size_t row_group);

/* What a thread keeps between reads. */
struct lk_parquet_decoder;
enum lk_status lk_parquet_decoder_new(struct lk_parquet_decoder **out, struct lk_error *err) LK_CHECKED;
void lk_parquet_decoder_free(struct lk_parquet_decoder *d);

/* Read one row group into `batch` (reshaped and cleared first; cleared on an error). `wanted` has a flag for
 * each table column, or is NULL for all: columns that are not wanted come back as NULLs. Hidden rowids
 * without a rowid column are numbered on from the file's first. Any thread, with a decoder of its own.
 *
 * LK_DAMAGED names file, row group, column and offset; page checksums are checked where there are any. In a
 * file of litekeep also these are damage: text that is not UTF-8, a NaN, a row with two values, a flag that
 * does not go with its value. A nested or unsupported column is LK_UNREADABLE by name, only when it is
 * wanted. Memory: what the values take, but for files that expand beyond all measure, which are LK_DAMAGED
 * (parquet/page.h, LK_PARQUET_BUDGET_BASE). */
enum lk_status lk_parquet_read_row_group(const struct lk_parquet_reader *r, struct lk_parquet_decoder *d,
                                         size_t row_group, const bool *wanted, struct lk_batch *batch,
                                         struct lk_error *err) LK_CHECKED;

#endif
