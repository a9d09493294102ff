/* JSON lines, read: our own spellings at several hundred MB/s a core, any other writer's correctly. */
#ifndef LK_JSONL_READER_H
#define LK_JSONL_READER_H

#include "base/codec.h"
#include "base/file.h"
#include "batch/plan.h"

struct lk_jsonl_reader;

/* Read bytes [offset, end) of `in`, which begin and end with a line. `schema` and `plan` give the keys:
 * plan->rowid_name and each column's main name; unknown keys are an error (LK_DAMAGED) and missing ones NULL,
 * but the rowid's must be there. Both must outlive the reader. `first_rowid`: hidden rowids without a rowid
 * key are numbered on from it.
 *
 * Values: writer.h's spellings give the same classes and bytes back. From other writers: integers beyond 64
 * bits become text, their digits; true and false 1 and 0; NaN NULL; Infinity and -Infinity reals; the last of
 * repeated keys wins, as in Python's json; objects and arrays that are not our {"$..."} spellings are text,
 * byte for byte; a string with half of a surrogate pair is rawtext. Anything else that is not RFC 8259, or
 * not UTF-8, is LK_DAMAGED; so is a line over 4 GiB. Blank lines are skipped, a missing last \n is no error.
 * Memory: 256 KiB, or what the longest line needs. */
enum lk_status lk_jsonl_reader_new(const struct lk_input *in, uint64_t offset, uint64_t end,
                                   enum lk_codec codec, const struct lk_table_schema *schema,
                                   const struct lk_plan *plan, int64_t first_rowid,
                                   struct lk_jsonl_reader **out, struct lk_error *err) LK_CHECKED;
void lk_jsonl_reader_free(struct lk_jsonl_reader *r);
/* Point the reader, its memory kept, at another range of the same file or of another of the same codec,
 * schema and plan. On failure, reset again or free. */
enum lk_status lk_jsonl_reader_reset(struct lk_jsonl_reader *r, const struct lk_input *in, uint64_t offset,
                                     uint64_t end, int64_t first_rowid, struct lk_error *err) LK_CHECKED;
/* Add at most `max_rows` rows to `batch` (already shaped for the table), at most to lk_batch_full when
 * max_rows is 0. *rows: how many; 0 at the end. A malformed line is LK_DAMAGED with file, line number and
 * reason. After a failure the batch must be cleared and the reader reset or freed. With max_rows 0 the batch
 * must not be full yet. */
enum lk_status lk_jsonl_read(struct lk_jsonl_reader *r, uint32_t max_rows, struct lk_batch *batch,
                             uint32_t *rows, struct lk_error *err) LK_CHECKED;

#endif
