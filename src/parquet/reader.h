/* Parquet files, read: flat tables of any writer, row group by row group, into batches.
 *
 * Everything in a file is hostile: sizes are checked against the file and against caps before anything is
 * allocated. */
#ifndef LK_PARQUET_READER_H
#define LK_PARQUET_READER_H

#include "base/input.h"
#include "batch/plan.h"
#include "batch/rows.h"

struct lk_parquet_reader;

/* Read and check the footer. `in` must outlive the reader. A file that is no Parquet file or whose footer is
 * hurt: LK_DAMAGED; encrypted: LK_UNREADABLE by name.
 *
 * A file of litekeep carries its plan, which must fit its columns, or the file is LK_DAMAGED. For another
 * writer's file one table column is made for each leaf, nested ones included (named by their path, as
 * "a.list.element"; never readable), with names that differ by more than case (batch/unique.h), and with
 * values and declared types as parquet/convert.h has them; the table is called as the file without
 * ".parquet", and its rows have hidden rowids 1, 2, ... n. */
enum lk_status lk_parquet_reader_open(const struct lk_input *in, struct lk_parquet_reader **out,
                                      struct lk_error *err) LK_CHECKED;
void lk_parquet_reader_free(struct lk_parquet_reader *r);

/* The table as rows will be read: borrowed. */
const struct lk_table_schema *lk_parquet_reader_schema(const struct lk_parquet_reader *r);
/* NULL: another writer's file. */
const struct lk_plan *lk_parquet_reader_plan(const struct lk_parquet_reader *r);
/* Why a table column cannot be read; NULL: it can, as far as is known without reading it. Static. */
const char *lk_parquet_reader_problem(const struct lk_parquet_reader *r, size_t column);
uint64_t lk_parquet_reader_rows(const struct lk_parquet_reader *r);
size_t lk_parquet_reader_row_groups(const struct lk_parquet_reader *r);
uint64_t lk_parquet_reader_row_group_rows(const struct lk_parquet_reader *r, size_t row_group);

/* What the footer says of one table column (or LK_ROWS_ROWID: the hidden rowids) in one row group. */
struct lk_parquet_range {
    bool numbers; /* all values are numbers or NULL, between the two below, which are integers or reals */
    bool
        text; /* all values are text or NULL; between the two by their bytes, which may be shortened bounds */
    struct lk_value least, greatest; /* bytes are borrowed from the reader */
};
/* False: nothing can be said (no statistics; values of more than one file column, so of two classes that are
 * not merged, or of another kind; an order that is not SQLite's). A column of which all values are NULL has
 * numbers and text both set and no bounds (LK_NULL). Bytes that are no UTF-8 count as text here, as they do
 * when SQLite compares them. */
bool lk_parquet_reader_range(const struct lk_parquet_reader *r, size_t row_group, size_t column,
                             struct lk_parquet_range *out);

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
