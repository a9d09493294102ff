/* Reading back what was written: each block is read from the finished file, decoded, and its content hash
 * compared with the one taken from the scanned rows. */
#ifndef LK_OPS_READ_BACK_H
#define LK_OPS_READ_BACK_H

#include "ops/engine.h"
#include "ops/part_reader.h"

/* Read block `index` from one of the files and compare. LK_DAMAGED names the file and the block when it
 * differs. Any thread, with its own scratch. */
enum lk_status lk_read_back_parquet(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                    struct lk_error *err) LK_CHECKED;
enum lk_status lk_read_back_json(const struct lk_part_reader *r, size_t index, struct lk_scratch *scratch,
                                 struct lk_error *err) LK_CHECKED;

#endif
