/* A row group between encoding and footer. Internal to src/parquet: the writer's view of what the encoder
 * makes. */
#ifndef LK_PARQUET_ENCODE_ROW_GROUP_H
#define LK_PARQUET_ENCODE_ROW_GROUP_H

#include "parquet/encode_column.h"
#include "parquet/writer.h"

struct lk_parquet_row_group {
    struct lk_buffer bytes;
    uint64_t rows;
    uint64_t offset; /* of the first byte in the file: set when appended */
    enum lk_codec codec;
    size_t chunks;
    struct lk_encode_chunk chunk[]; /* one a file column */
};

/* The physical type of a file column. */
enum lk_parquet_type lk_parquet_physical_type(const struct lk_file_column *c);

#endif
