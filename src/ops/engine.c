#include "ops/engine.h"

#include <pthread.h>

#include "base/memory.h"
#include "ops/deadline.h"

/* Measured on the yardstick: a slot (16 MiB batch, growth of its buffers, encoded output) and a thread's
 * scratch take this much at the most. Rows longer than a block come on top, as the design says. */
#define SLOT_BYTES (34u << 20)
#define SCRATCH_BYTES (30u << 20)
#define DEFAULT_MEMORY (256u << 20)

/* One batch filling, beside those in the encoders' hands. */
#define SLOTS_BESIDE_JOBS 1
#define FINISHING_THREADS 8
/* What a batch may keep between blocks; more was a huge value passing through. */
#define KEPT_BYTES (40u << 20)

struct lk_engine {
    struct lk_engine_options options;
    unsigned jobs;
    struct lk_pool *encoders, *finishers;
    struct lk_scratch *scratch; /* one an encoder thread */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct lk_slot *free_slots;
    struct lk_slot *slots;
    unsigned slot_count;
};

static unsigned choose_jobs(const struct lk_engine_options *o)
{
    const uint64_t memory = o->memory == 0 ? DEFAULT_MEMORY : o->memory;
    const uint64_t beside = (uint64_t)SLOTS_BESIDE_JOBS * SLOT_BYTES;
    const uint64_t each = SLOT_BYTES + SCRATCH_BYTES;
    const uint64_t by_memory = memory < beside + each ? 1 : (memory - beside) / each;
    /* One more than processors: the scanner does not need the whole of one, and encoders wait for the disk.
     * Measured on two: 5 % faster. */
    const unsigned wanted = o->jobs != 0 ? o->jobs : lk_processors() + 1;
    return by_memory < wanted ? (unsigned)by_memory : wanted;
}

enum lk_status lk_engine_new(const struct lk_engine_options *options, struct lk_engine **out,
                             struct lk_error *err)
{
    struct lk_engine *e = lk_allocate_zeroed(1, sizeof *e);
    if (e == NULL)
        return lk_fail_memory(err, "starting");
    e->options = *options;
    e->jobs = choose_jobs(options);
    e->slot_count = e->jobs + SLOTS_BESIDE_JOBS;
    pthread_mutex_init(&e->lock, NULL);
    lk_cond_init(&e->changed);
    e->scratch = lk_allocate_zeroed(e->jobs, sizeof *e->scratch);
    e->slots = lk_allocate_zeroed(e->slot_count, sizeof *e->slots);
    enum lk_status status = LK_OK;
    if (e->scratch == NULL || e->slots == NULL)
        status = lk_fail_memory(err, "starting");
    for (unsigned i = 0; status == LK_OK && i < e->slot_count; i++) {
        e->slots[i].batch = lk_batch_new(0, false);
        if (e->slots[i].batch == NULL)
            status = lk_fail_memory(err, "starting");
        e->slots[i].next = e->free_slots;
        e->free_slots = &e->slots[i];
    }
    if (status == LK_OK)
        status = lk_pool_new(e->jobs, &e->encoders, err);
    if (status == LK_OK)
        status = lk_pool_new(FINISHING_THREADS, &e->finishers, err);
    if (status == LK_OK)
        *out = e;
    else
        lk_engine_free(e);
    return status;
}

static void free_scratch(struct lk_scratch *s)
{
    lk_parquet_encoder_free(s->parquet_encoder);
    lk_jsonl_encoder_free(s->json_encoder);
    lk_parquet_decoder_free(s->parquet_decoder);
    lk_hasher_free(s->hasher);
    lk_batch_free(s->batch);
}

void lk_engine_free(struct lk_engine *e)
{
    if (e == NULL)
        return;
    lk_pool_free(e->finishers);
    lk_pool_free(e->encoders);
    for (unsigned i = 0; e->scratch != NULL && i < e->jobs; i++)
        free_scratch(&e->scratch[i]);
    for (unsigned i = 0; e->slots != NULL && i < e->slot_count; i++) {
        lk_batch_free(e->slots[i].batch);
        lk_buffer_reset(&e->slots[i].json);
    }
    lk_free(e->scratch);
    lk_free(e->slots);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    lk_free(e);
}

const struct lk_engine_options *lk_engine_options(const struct lk_engine *e)
{
    return &e->options;
}

/* Measured on the yardstick with zstd:1 and gzip:1: about 150 MB/s an encoder, up to what one scanner reads;
 * levels above 3 are several times slower. Meant to be low rather than high: the price of a wrong guess is
 * reading twice. */
uint64_t lk_engine_read_rate(const struct lk_engine *e, const struct lk_encoding *encoding)
{
    const uint64_t encoders = e->jobs < 4 ? e->jobs : 4;
    const bool slow = (encoding->parquet && encoding->parquet_codec.level > 3) ||
                      (encoding->json && encoding->json_codec.level > 3);
    return encoders * (slow ? UINT64_C(20000000) : UINT64_C(115000000));
}

struct lk_slot *lk_engine_take_slot(struct lk_engine *e, int64_t deadline)
{
    bool in_time = true;
    pthread_mutex_lock(&e->lock);
    while (e->free_slots == NULL && in_time)
        in_time = lk_cond_wait_until(&e->changed, &e->lock, deadline);
    struct lk_slot *slot = e->free_slots;
    if (slot != NULL)
        e->free_slots = slot->next;
    pthread_mutex_unlock(&e->lock);
    if (slot != NULL)
        slot->next = NULL;
    return slot;
}

void lk_engine_return_slot(struct lk_engine *e, struct lk_slot *slot)
{
    lk_parquet_row_group_free(slot->row_group);
    slot->row_group = NULL;
    slot->table = NULL;
    slot->ends_part = false;
    lk_batch_clear(slot->batch);
    lk_batch_trim(slot->batch, KEPT_BYTES);
    if (slot->json.cap > LK_BLOCK_BYTES)
        lk_buffer_reset(&slot->json);
    lk_buffer_clear(&slot->json);
    pthread_mutex_lock(&e->lock);
    slot->next = e->free_slots;
    e->free_slots = slot;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

void lk_engine_encode(struct lk_engine *e, struct lk_job *job)
{
    lk_pool_submit(e->encoders, job, true);
}

void lk_engine_read_back(struct lk_engine *e, struct lk_job *job)
{
    lk_pool_submit(e->encoders, job, false);
}

void lk_engine_finish_file(struct lk_engine *e, struct lk_job *job)
{
    lk_pool_submit(e->finishers, job, false);
}

enum lk_status lk_engine_scratch(struct lk_engine *e, unsigned worker, const struct lk_encoding *encoding,
                                 struct lk_scratch **out, struct lk_error *err)
{
    struct lk_scratch *s = &e->scratch[worker];
    enum lk_status status = LK_OK;
    if (s->hasher == NULL)
        status = lk_hasher_new(e->options.secret, &s->hasher, err);
    if (status == LK_OK && encoding->parquet && s->parquet_encoder == NULL)
        status = lk_parquet_encoder_new(&s->parquet_encoder, err);
    if (status == LK_OK && encoding->json && s->json_encoder == NULL)
        status = lk_jsonl_encoder_new(&s->json_encoder, err);
    if (status == LK_OK && s->parquet_decoder == NULL)
        status = lk_parquet_decoder_new(&s->parquet_decoder, err);
    if (status == LK_OK && s->batch == NULL) {
        s->batch = lk_batch_new(0, false);
        if (s->batch == NULL)
            status = lk_fail_memory(err, "preparing to read back");
    }
    *out = s;
    return status;
}
