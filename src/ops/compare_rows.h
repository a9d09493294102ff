/* Are the rows of a database's tables those of a backup? On several threads, where that pays. */
#ifndef LK_OPS_COMPARE_ROWS_H
#define LK_OPS_COMPARE_ROWS_H

#include "ops/compare_file.h"
#include "sqlite/structure.h"

struct lk_compare_rows_table {
    const struct lk_table_schema *schema; /* of the source; its columns and key are those of the backup */
    const struct lk_manifest_table *stored;
};

/* Compare every row of these tables, block by block, with the content hashes. The first difference, in the
 * order of tables and rows, is LK_DAMAGED. */
enum lk_status lk_compare_rows(struct lk_source *source, const struct lk_compare_rows_table *tables,
                               size_t count, const struct lk_compare_file_options *options,
                               struct lk_error *err) LK_CHECKED;

#endif
