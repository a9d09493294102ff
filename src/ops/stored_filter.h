/* Which blocks of a table can have no row that a filter wants. Pure; any thread. */
#ifndef LK_OPS_STORED_FILTER_H
#define LK_OPS_STORED_FILTER_H

#include "batch/rows.h"
#include "parquet/reader.h"

/* May a value within this range fit? Only "false" is certain: integers and reals are compared exactly, and
 * what is not of the filter's kind may fit. */
bool lk_stored_filter_fits(const struct lk_rows_filter *f, const struct lk_parquet_range *range);
/* The same for a column of integers, none NULL, from `first` to `last`. */
bool lk_stored_filter_fits_keys(const struct lk_rows_filter *f, int64_t first, int64_t last);

#endif
