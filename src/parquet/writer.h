/* Parquet files, written: one row group a batch, encoded by any thread, appended in order by one.
 *
 * The format: https://github.com/apache/parquet-format (README.md, Encodings.md,
 * src/main/thrift/parquet.thrift). What is written is what every reader takes: flat columns, V1 data pages,
 * PLAIN and RLE_DICTIONARY, and DELTA_BINARY_PACKED for integers where it pays. */
#ifndef LK_PARQUET_WRITER_H
#define LK_PARQUET_WRITER_H

#include "base/codec.h"
#include "batch/plan.h"

/* What a worker keeps between row groups: codec context, dictionary table, page buffers. One thread at a
 * time. */
struct lk_parquet_encoder;
enum lk_status lk_parquet_encoder_new(struct lk_parquet_encoder **out, struct lk_error *err) LK_CHECKED;
void lk_parquet_encoder_free(struct lk_parquet_encoder *e);

/* One encoded row group: page bytes with offsets relative to their start, and the metadata for the footer. */
struct lk_parquet_row_group;
void lk_parquet_row_group_free(struct lk_parquet_row_group *g);
/* The page bytes, and dropping them once they are in the file (the metadata stays). */
struct lk_bytes lk_parquet_row_group_bytes(const struct lk_parquet_row_group *g);
void lk_parquet_row_group_drop_bytes(struct lk_parquet_row_group *g);

/* Encode a batch (rows >= 1, the plan holds it). A pure function of its arguments, whatever the thread and
 * what the encoder did before. Any thread. */
enum lk_status lk_parquet_encode(struct lk_parquet_encoder *e, struct lk_codec_choice codec,
                                 const struct lk_plan *plan, const struct lk_batch *batch,
                                 struct lk_parquet_row_group **out, struct lk_error *err) LK_CHECKED;

/* The file around row groups. One thread at a time. */
struct lk_parquet_writer;
/* `plan` must outlive the writer. */
enum lk_status lk_parquet_writer_new(const struct lk_plan *plan, struct lk_parquet_writer **out,
                                     struct lk_error *err) LK_CHECKED;
void lk_parquet_writer_free(struct lk_parquet_writer *w);
/* The bytes before the first row group ("PAR1"). */
struct lk_bytes lk_parquet_writer_header(void);
/* Take over the row group, whose bytes the caller writes at `offset` of the file; its bytes are dropped.
 * After a failure it is still the caller's, as it was. */
enum lk_status lk_parquet_writer_append(struct lk_parquet_writer *w, struct lk_parquet_row_group *g,
                                        uint64_t offset, struct lk_error *err) LK_CHECKED;
/* Move all row groups of `from` to the end of `w`, their offsets moved by `shift`: the caller has copied the
 * bytes. `from` is empty afterwards; after a failure both are as they were. */
enum lk_status lk_parquet_writer_absorb(struct lk_parquet_writer *w, struct lk_parquet_writer *from,
                                        int64_t shift, struct lk_error *err) LK_CHECKED;
/* Append the footer, its length and "PAR1" to `out`. `metadata` is the value of the key "litekeep"
 * (lk_plan_to_json). */
enum lk_status lk_parquet_writer_footer(struct lk_parquet_writer *w, struct lk_bytes metadata,
                                        struct lk_buffer *out, struct lk_error *err) LK_CHECKED;

#endif
