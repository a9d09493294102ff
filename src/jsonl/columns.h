/* The columns of JSON lines that another program wrote: nobody says which keys there are. */
#ifndef LK_JSONL_COLUMNS_H
#define LK_JSONL_COLUMNS_H

#include "base/codec.h"
#include "base/file.h"
#include "batch/plan.h"

/* How a file is compressed, by its first bytes: gzip, zstd, or none. */
enum lk_status lk_jsonl_codec(const struct lk_input *in, enum lk_codec *out, struct lk_error *err) LK_CHECKED;

/* Read the whole file and find its keys, in the order in which they first appear, and how many rows there
 * are. The table is called `name`, has hidden rowids 1, 2, ... n, and columns without declared types, so that
 * no affinity changes a value; a key that differs from another only in the case of ASCII letters gets an
 * underscore in its column's name, as exception columns do. The plan has the keys as the reader (reader.h)
 * wants them. LK_DAMAGED: not JSON lines; LK_UNREADABLE: more than 32,766 keys (SQLite's most columns),
 * named. The caller frees both. */
enum lk_status lk_jsonl_columns(const struct lk_input *in, enum lk_codec codec, const char *name,
                                struct lk_table_schema **schema, struct lk_plan **plan, uint64_t *rows,
                                struct lk_error *err) LK_CHECKED;

#endif
