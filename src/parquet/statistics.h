/* What the footer says of the values of a column chunk. Internal to src/parquet. Any thread.
 *
 * Source: parquet.thrift, struct Statistics and union ColumnOrder. Bounds are taken only where their order is
 * that of SQLite's comparisons: integers, booleans and reals as numbers, text by its bytes. Not those of
 * columns without TypeDefinedOrder, save the deprecated ones of signed integers; not of INT96, and not of
 * values that are converted to anything else (convert.h). */
#ifndef LK_PARQUET_STATISTICS_H
#define LK_PARQUET_STATISTICS_H

#include "parquet/convert.h"
#include "parquet/metadata.h"

enum lk_statistics {
    LK_STATISTICS_NONE,     /* nothing is known */
    LK_STATISTICS_ALL_NULL, /* every row is NULL */
    LK_STATISTICS_RANGE,    /* what is not NULL (or a NaN) is between the two */
};

/* The bounds are integers, reals or text; bytes are borrowed from the metadata. Text bounds may be shortened
 * (the least) or shortened and incremented (the greatest): bounds all the same. */
enum lk_statistics lk_statistics_range(const struct lk_parquet_metadata *m, size_t group, size_t leaf,
                                       const struct lk_conversion *c, struct lk_value *least,
                                       struct lk_value *greatest);

#endif
