/* The engine of a run: encoder threads, threads for finishing files, and the slots that bound memory.
 *
 * One scanner thread a database fills batches; encoder threads turn each into a Parquet row group and a run
 * of JSON lines; what is encoded is appended in the order of the rows by whichever encoder completes the next
 * block. Memory is bounded by the number of slots: a slot holds one batch and what was made of it, from the
 * scan until it is in the file. */
#ifndef LK_OPS_ENGINE_H
#define LK_OPS_ENGINE_H

#include "base/pool.h"
#include "jsonl/reader.h"
#include "jsonl/writer.h"
#include "parquet/reader.h"
#include "parquet/writer.h"

struct lk_engine_options {
    unsigned jobs;         /* encoder threads; 0: processors, as far as memory allows */
    uint64_t memory;       /* bytes for batches and encoders; 0: 256 MiB */
    const uint8_t *secret; /* LK_SECRET_SIZE bytes, borrowed */
};

/* How the tables of one database are written. */
struct lk_encoding {
    bool parquet, json;
    bool sqlite; /* a page copy as well; also set when the schema cannot be rebuilt from its SQL */
    struct lk_codec_choice parquet_codec, json_codec;
    bool verify; /* read back what was written */
};

/* What one encoder thread keeps between blocks. */
struct lk_scratch {
    struct lk_parquet_encoder *parquet_encoder;
    struct lk_jsonl_encoder *json_encoder;
    struct lk_parquet_decoder *parquet_decoder;
    struct lk_hasher *hasher;
    struct lk_batch *batch; /* for reading back */
};

struct lk_table_export;

/* A batch on its way from the scanner to the file. */
struct lk_slot {
    struct lk_job job;
    struct lk_batch *batch;
    struct lk_table_export *table; /* whose block it is, once submitted */
    uint64_t block;                /* its number in the table */
    bool ends_part;
    struct lk_hash128 hash;
    struct lk_parquet_row_group *row_group;
    struct lk_buffer json;
    struct lk_slot *next; /* free list, or a table's encoded blocks that wait for their turn */
};

struct lk_engine;

enum lk_status lk_engine_new(const struct lk_engine_options *options, struct lk_engine **out,
                             struct lk_error *err) LK_CHECKED;
/* All tables must be finished. NULL is allowed. */
void lk_engine_free(struct lk_engine *e);

const struct lk_engine_options *lk_engine_options(const struct lk_engine *e);
/* Bytes that one encoder needs: with less than that the engine takes it all the same. */
#define LK_ENGINE_LEAST_MEMORY (100u << 20)

/* Bytes of a database file in a second that this engine is expected to take, so that it can be told whether a
 * lock will last. */
uint64_t lk_engine_read_rate(const struct lk_engine *e, const struct lk_encoding *encoding);

/* An empty slot; waits until one is free, or until `deadline` (monotonic; 0: no end) has passed: then NULL.
 * Its batch has whatever shape it had. Any thread. */
struct lk_slot *lk_engine_take_slot(struct lk_engine *e, int64_t deadline);
/* Give a slot back; what it holds is dropped. Any thread. */
void lk_engine_return_slot(struct lk_engine *e, struct lk_slot *slot);

/* Encoding goes before reading back, so that the source is let go soon. Any thread. */
void lk_engine_encode(struct lk_engine *e, struct lk_job *job);
void lk_engine_read_back(struct lk_engine *e, struct lk_job *job);
/* For work that mostly waits for the disk. */
void lk_engine_finish_file(struct lk_engine *e, struct lk_job *job);

/* The scratch of encoder thread `worker`, made as far as this encoding needs it. Only from jobs of
 * lk_engine_encode and lk_engine_read_back. */
enum lk_status lk_engine_scratch(struct lk_engine *e, unsigned worker, const struct lk_encoding *encoding,
                                 struct lk_scratch **out, struct lk_error *err) LK_CHECKED;

#endif
