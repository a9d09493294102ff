/* JSON lines, written: one object a row, one compressed run of members a batch.
 *
 * Spellings (docs/STORE.md, "JSON lines"): integers without a point; reals in shortest round-trip form,
 * always with a point or exponent; infinity 9e999 and -9e999; text as a JSON string in UTF-8 (escaped: ", \,
 * C0 controls as \b \f \n \r \t or \u00XX); blobs {"$base64":"..."}; text that is not valid
 * {"$text_base64":"..."}; NULL null. Keys in table order, the rowid (plan->rowid_name) first, then the main
 * column's name of each table column. No white space. Each line ends with \n. */
#ifndef LK_JSONL_WRITER_H
#define LK_JSONL_WRITER_H

#include "base/codec.h"
#include "batch/plan.h"

struct lk_jsonl_encoder; /* what a worker keeps between batches */
enum lk_status lk_jsonl_encoder_new(struct lk_jsonl_encoder **out, struct lk_error *err) LK_CHECKED;
void lk_jsonl_encoder_free(struct lk_jsonl_encoder *e);

/* Append the batch's lines to `out`, compressed (gzip and zstd: members of about 1 MiB of text, cut at line
 * ends; NONE: plain). A pure function of its arguments. Any thread with its own encoder. *text_bytes: size
 * before compression. */
enum lk_status lk_jsonl_encode(struct lk_jsonl_encoder *e, struct lk_codec_choice codec,
                               const struct lk_plan *plan, const struct lk_batch *batch,
                               struct lk_buffer *out, uint64_t *text_bytes, struct lk_error *err) LK_CHECKED;

/* "" for NONE, ".gz", ".zst". */
const char *lk_jsonl_suffix(enum lk_codec codec);

#endif
