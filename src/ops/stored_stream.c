/* A stored table's blocks in order. The caller's thread chooses the blocks, opens the parts, and tells what
 * there is to tell; threads, where there are any, only decode. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "base/pool.h"
#include "ops/session.h"
#include "ops/stored_filter.h"
#include "ops/stored_private.h"

/* What a batch may keep between blocks; more was a huge value passing through. */
#define KEPT_BYTES (40u << 20)
/* Blocks with so many bytes are read at a time, or one of any size: huge values come singly. */
#define AHEAD_BYTES (UINT64_C(128) << 20)

/* A part whose files are open. */
struct open_part {
    size_t index;
    unsigned users; /* the stream, and each slot with a block of it; only counted on the caller's thread */
    struct lk_part_reader reader;
    struct lk_error parquet; /* status not LK_OK: its Parquet cannot be opened, for this reason */
    pthread_mutex_t lock;    /* of what follows: JSON is opened by who needs it first */
    bool json_tried;
    struct lk_error json;
};

/* A block on its way. */
struct slot {
    struct lk_job job;
    struct lk_stored_stream *stream;
    struct open_part *part;
    size_t block;
    uint64_t first_row; /* of the part */
    uint64_t bytes;     /* how large it may be */
    struct lk_batch *batch;
    bool done; /* under the stream's lock */
    bool from_json;
    struct lk_error parquet; /* status not LK_OK: why the rows came from JSON */
    struct lk_error err;
};

/* What a thread keeps from block to block. */
struct scratch {
    struct lk_parquet_decoder *decoder;
    struct lk_jsonl_reader *json;
    struct lk_hasher *hasher;
};

struct lk_stored_stream {
    struct lk_stored_table *table;
    struct lk_stored_request request;
    bool all_wanted;
    /* The next block to look at: */
    size_t part, block;
    uint64_t first_row;
    struct open_part *open; /* NULL: that part is not open yet */
    bool exhausted;         /* none is left, or choosing failed */
    bool chosen;            /* the slot behind those pending has its block, which was too large to begin */
    bool begun;             /* the first batch has been asked for */
    /* A ring: the caller's batch, and behind it, from `first`, `pending` blocks that are being decoded. */
    struct slot *slot;
    size_t slots, first, pending;
    uint64_t ahead;       /* bytes of the pending ones, at the most */
    struct lk_pool *pool; /* NULL: the caller's thread decodes */
    struct scratch *scratch;
    pthread_mutex_t lock;
    pthread_cond_t decoded;
    atomic_bool cancelled;
    struct lk_error failure; /* of an earlier call: the stream stays there */
    /* JSON lines without a manifest: */
    struct lk_part_reader lines;
};

/* ---- Parts */

static void leave_part(struct open_part *p)
{
    if (p == NULL || --p->users > 0)
        return;
    lk_part_reader_close(&p->reader);
    pthread_mutex_destroy(&p->lock);
    lk_free(p);
}

static bool has_json(const struct lk_stored_table *table, size_t part)
{
    return !table->foreign && table->options.from != LK_STORED_PARQUET &&
           table->t->part[part].json.path != NULL;
}

static bool has_parquet(const struct lk_stored_table *table, size_t part)
{
    return table->options.from != LK_STORED_JSON && table->t->part[part].parquet.path != NULL;
}

static enum lk_status enter_part(const struct lk_stored_table *table, size_t index, struct open_part **out,
                                 struct lk_error *err)
{
    struct open_part *p = lk_allocate_zeroed(1, sizeof *p);
    if (p == NULL)
        return lk_fail_memory(err, "reading a table");
    pthread_mutex_init(&p->lock, NULL);
    p->index = index;
    p->reader = lk_stored_table_reader(table, index);
    p->users = 1;
    enum lk_status status = LK_OK;
    if (has_parquet(table, index)) {
        status = lk_stored_table_open_parquet(table, &p->reader, &p->parquet);
        if (status != LK_OK)
            lk_part_reader_close(&p->reader);
        if (status != LK_OK && has_json(table, index) && lk_stored_table_is_loss(&p->parquet))
            status = LK_OK;
        if (status != LK_OK)
            *err = p->parquet;
    }
    if (status == LK_OK)
        *out = p;
    else
        leave_part(p);
    return status;
}

/* Any thread. */
static enum lk_status open_json(const struct lk_stored_table *table, struct open_part *p,
                                struct lk_error *err)
{
    pthread_mutex_lock(&p->lock);
    enum lk_status status = p->json.status;
    if (!p->json_tried)
        status = lk_stored_table_open_json(table, &p->reader, &p->json);
    p->json_tried = true;
    if (status != LK_OK)
        *err = p->json;
    pthread_mutex_unlock(&p->lock);
    return status;
}

/* ---- Choosing blocks */

/* Is this filter about the rowid, under whatever name? */
static bool is_about_rowid(const struct lk_stored_table *table, const struct lk_rows_filter *f)
{
    return f->column == LK_ROWS_ROWID || f->column == table->rowid_column;
}

/* By what is known without opening a file; `rows` of the block. */
static bool keys_fit(const struct lk_stored_stream *s, uint64_t rows)
{
    const struct lk_stored_table *table = s->table;
    const struct lk_manifest_part *p = &table->t->part[s->part];
    for (size_t i = 0; i < s->request.rows.filters; i++) {
        const struct lk_rows_filter *f = &s->request.rows.filter[i];
        if (!is_about_rowid(table, f))
            continue;
        if (table->implicit_rowids) {
            const uint64_t first = (table->foreign ? 1 : (uint64_t)p->first_rowid) + s->first_row;
            if (!lk_stored_filter_fits_keys(f, (int64_t)first, (int64_t)(first + rows - 1)))
                return false;
        } else if (!table->foreign && p->has_keys &&
                   !lk_stored_filter_fits_keys(f, p->first_key, p->last_key)) {
            return false;
        }
    }
    return true;
}

/* By the statistics of the part's Parquet, if that is what is read. */
static bool statistics_fit(const struct lk_stored_stream *s)
{
    const struct lk_parquet_reader *parquet = s->open->reader.parquet;
    for (size_t i = 0; parquet != NULL && i < s->request.rows.filters; i++) {
        const struct lk_rows_filter *f = &s->request.rows.filter[i];
        const size_t column = f->column == LK_ROWS_ROWID && s->table->rowid_column != SIZE_MAX
                                  ? s->table->rowid_column
                                  : f->column;
        struct lk_parquet_range range = {0};
        if (lk_parquet_reader_range(parquet, s->block, column, &range) && !lk_stored_filter_fits(f, &range))
            return false;
    }
    return true;
}

static void next_part(struct lk_stored_stream *s)
{
    leave_part(s->open);
    s->open = NULL;
    s->part++;
    s->block = 0;
    s->first_row = 0;
}

/* Without a manifest only the Parquet file knows its row groups. */
static enum lk_status enter_foreign(struct lk_stored_stream *s, const struct lk_parquet_reader **groups,
                                    struct lk_error *err)
{
    enum lk_status status = LK_OK;
    if (s->open == NULL)
        status = enter_part(s->table, s->part, &s->open, err);
    if (status != LK_OK)
        return status;
    *groups = s->open->reader.parquet;
    if (*groups != NULL)
        return LK_OK;
    *err = s->open->parquet; /* it could be opened before, when the columns were looked at */
    return err->status;
}

/* Choose the next block that may have rows of interest; slot->part NULL when there is none. */
static enum lk_status choose(struct lk_stored_stream *s, struct slot *slot, struct lk_error *err)
{
    const struct lk_stored_table *table = s->table;
    enum lk_status status = LK_OK;
    while (status == LK_OK && s->part < table->t->parts) {
        const struct lk_manifest_part *p = &table->t->part[s->part];
        const struct lk_parquet_reader *groups = NULL;
        if (table->foreign)
            status = enter_foreign(s, &groups, err);
        if (status != LK_OK)
            break;
        const size_t blocks = groups != NULL ? lk_parquet_reader_row_groups(groups) : p->blocks;
        if (s->block == blocks) {
            next_part(s);
            continue;
        }
        const uint64_t rows =
            groups != NULL ? lk_parquet_reader_row_group_rows(groups, s->block) : p->block[s->block].rows;
        const bool left_out = !table->foreign && s->request.skip != NULL &&
                              s->request.skip(s->request.context, s->part, s->block);
        bool chosen = rows > 0 && !left_out && keys_fit(s, rows);
        if (chosen && s->open == NULL)
            status = enter_part(table, s->part, &s->open, err);
        chosen = chosen && status == LK_OK && statistics_fit(s);
        if (chosen) {
            slot->part = s->open;
            slot->part->users++;
            slot->block = s->block;
            slot->first_row = s->first_row;
            slot->bytes = lk_part_reader_most_bytes(p);
        }
        s->block++;
        s->first_row += rows;
        if (chosen)
            return LK_OK;
    }
    return status;
}

/* ---- Reading a block */

static enum lk_status read_parquet(struct slot *slot, struct scratch *scratch, struct lk_error *err)
{
    const struct lk_stored_stream *s = slot->stream;
    const struct lk_part_reader *r = &slot->part->reader;
    enum lk_status status = LK_OK;
    if (slot->part->parquet.status != LK_OK) {
        *err = slot->part->parquet;
        return err->status;
    }
    if (scratch->decoder == NULL)
        status = lk_parquet_decoder_new(&scratch->decoder, err);
    if (status != LK_OK)
        return status;
    if (s->table->foreign)
        return lk_parquet_read_row_group(r->parquet, scratch->decoder, slot->block, s->request.rows.wanted,
                                         slot->batch, err);
    return lk_part_reader_parquet(r, slot->block, slot->first_row, s->request.rows.wanted, scratch->decoder,
                                  s->all_wanted ? scratch->hasher : NULL, slot->batch, err);
}

static enum lk_status read_json(struct slot *slot, struct scratch *scratch, struct lk_error *err)
{
    enum lk_status status = open_json(slot->stream->table, slot->part, err);
    slot->from_json = true;
    if (status == LK_OK)
        status = lk_part_reader_json(&slot->part->reader, slot->block, slot->first_row, &scratch->json,
                                     scratch->hasher, slot->batch, err);
    return status;
}

static enum lk_status read_block(struct slot *slot, struct scratch *scratch, struct lk_error *err)
{
    const struct lk_stored_table *table = slot->stream->table;
    const size_t part = slot->part->index;
    enum lk_status status = LK_OK;
    if (lk_session_interrupted() || atomic_load(&slot->stream->cancelled))
        return lk_fail(err, LK_INTERRUPTED, "interrupted");
    lk_batch_clear(slot->batch);
    lk_batch_trim(slot->batch, KEPT_BYTES);
    if (table->options.secret != NULL && !table->foreign && scratch->hasher == NULL)
        status = lk_hasher_new(table->options.secret, &scratch->hasher, err);
    if (status != LK_OK || !has_parquet(table, part))
        return status == LK_OK ? read_json(slot, scratch, err) : status;
    status = read_parquet(slot, scratch, &slot->parquet);
    if (status == LK_OK)
        return LK_OK;
    if (!has_json(table, part) || !lk_stored_table_is_loss(&slot->parquet)) {
        *err = slot->parquet;
        return status;
    }
    status = read_json(slot, scratch, err);
    if (status != LK_OK && lk_stored_table_is_loss(err))
        return lk_stored_table_fail_both(slot->parquet.message, err->message, err);
    return status;
}

static void name_place(const struct lk_stored_table *table, size_t part, struct lk_error *err)
{
    if (err->status == LK_DAMAGED || err->status == LK_UNREADABLE)
        (void)(table->t->parts > 1 ? lk_error_prefix(err, "table \"%s\", part %zu", table->t->name, part + 1)
                                   : lk_error_prefix(err, "table \"%s\"", table->t->name));
}

static void fill(struct slot *slot, struct scratch *scratch)
{
    if (read_block(slot, scratch, &slot->err) != LK_OK) {
        if (slot->from_json && slot->err.status == LK_DAMAGED) /* its reader counts lines, not blocks */
            (void)lk_error_prefix(&slot->err, "block %zu", slot->block);
        name_place(slot->stream->table, slot->part->index, &slot->err);
    }
}

static void run(struct lk_job *job, unsigned worker)
{
    struct slot *slot = (struct slot *)job; /* its first member */
    struct lk_stored_stream *s = slot->stream;
    fill(slot, &s->scratch[worker]);
    pthread_mutex_lock(&s->lock);
    slot->done = true;
    pthread_cond_signal(&s->decoded);
    pthread_mutex_unlock(&s->lock);
}

/* ---- The stream */

static bool wants_all(const struct lk_stored_table *table, const bool *wanted)
{
    for (size_t i = 0; wanted != NULL && i < table->schema->columns; i++) {
        if (!wanted[i])
            return false;
    }
    return true;
}

enum lk_status lk_stored_stream_open(struct lk_stored_table *table, const struct lk_stored_request *request,
                                     struct lk_stored_stream **out, struct lk_error *err)
{
    struct lk_stored_stream *s = lk_allocate_zeroed(1, sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "reading a table");
    s->table = table;
    s->request = *request;
    s->all_wanted = wants_all(table, request->rows.wanted);
    /* Other writers' row groups may be as large as the whole table: one at a time. */
    if (table->foreign)
        s->request.threads = 0;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->decoded, NULL);
    s->slots = (size_t)s->request.threads + 2;
    s->slot = lk_allocate_zeroed(s->slots, sizeof *s->slot);
    s->scratch = lk_allocate_zeroed(s->slots, sizeof *s->scratch);
    if (s->slot == NULL || s->scratch == NULL) {
        lk_stored_stream_close(s);
        return lk_fail_memory(err, "reading a table");
    }
    *out = s;
    return LK_OK;
}

/* Batches are made when they are needed: a small table needs one. */
static bool prepare(struct lk_stored_stream *s, struct slot *slot)
{
    struct lk_batch *batch = slot->batch;
    if (batch == NULL)
        batch = lk_batch_new(s->table->schema->columns, s->table->schema->hidden_rowid);
    *slot = (struct slot){.job.run = run, .stream = s, .batch = batch};
    return batch != NULL;
}

/* Let the slot behind those pending have the next block. False: there is none. */
static bool choose_next(struct lk_stored_stream *s, struct slot *slot)
{
    enum lk_status status = LK_OK;
    if (s->chosen)
        return true;
    if (!prepare(s, slot))
        status = lk_fail_memory(&slot->err, "reading a table");
    else
        status = choose(s, slot, &slot->err);
    s->exhausted = status != LK_OK || slot->part == NULL;
    s->chosen = status != LK_OK || slot->part != NULL; /* a failure has its turn in the order of the blocks */
    if (status != LK_OK) {
        name_place(s->table, s->part, &slot->err);
        slot->done = true;
    }
    return s->chosen;
}

/* No block is under way: batches give back what was huge, and for a huge one everything. */
static void make_room(const struct lk_stored_stream *s, uint64_t bytes)
{
    for (size_t i = 0; i < s->slots; i++) {
        struct lk_batch *batch = s->slot[i].batch;
        if (batch == NULL)
            continue;
        lk_batch_clear(batch);
        lk_batch_trim(batch, bytes > KEPT_BYTES ? 0 : KEPT_BYTES);
    }
}

/* Choose and decode blocks ahead, as many as there are slots and memory for; without threads, one. */
static void begin_blocks(struct lk_stored_stream *s)
{
    const size_t most = s->pool == NULL ? 1 : s->slots;
    while ((!s->exhausted || s->chosen) && s->pending < most) {
        struct slot *slot = &s->slot[(s->first + s->pending) % s->slots];
        if (!choose_next(s, slot) || (s->pending > 0 && s->ahead + slot->bytes > AHEAD_BYTES))
            return;
        if (s->pending == 0)
            make_room(s, slot->bytes);
        s->chosen = false;
        s->pending++;
        s->ahead += slot->bytes;
        if (slot->done)
            return;
        if (s->pool != NULL) {
            lk_pool_submit(s->pool, &slot->job, false);
        } else {
            fill(slot, &s->scratch[0]);
            slot->done = true;
        }
    }
}

static void wait_for(struct lk_stored_stream *s, const struct slot *slot)
{
    if (s->pool == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    while (!slot->done)
        pthread_cond_wait(&s->decoded, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* The batch of a slot whose turn it is. */
static enum lk_status deliver(struct lk_stored_stream *s, struct slot *slot, const struct lk_batch **batch,
                              size_t *part, size_t *block)
{
    struct lk_stored_table *table = s->table;
    if (slot->err.status != LK_OK) {
        s->failure = slot->err;
    } else {
        table->read_json |= slot->from_json;
        table->read_parquet |= !slot->from_json;
        if (slot->parquet.status != LK_OK)
            lk_stored_table_note(table, slot->part->index, slot->parquet.message);
        *batch = slot->batch;
        if (part != NULL)
            *part = slot->part->index;
        if (block != NULL)
            *block = slot->block;
    }
    leave_part(slot->part);
    slot->part = NULL;
    return s->failure.status;
}

/* JSON lines without a manifest: one run from the beginning to the end. */
static enum lk_status next_lines(struct lk_stored_stream *s, const struct lk_batch **batch,
                                 struct lk_error *err)
{
    struct lk_stored_table *table = s->table;
    struct lk_jsonl_reader **reader = &s->scratch[0].json;
    struct slot *slot = &s->slot[0];
    uint32_t rows = 0;
    enum lk_status status = LK_OK;
    if (!s->begun && !prepare(s, slot))
        return lk_fail_memory(err, "reading a table");
    if (!s->begun) {
        s->lines = lk_stored_table_reader(table, 0);
        status = lk_stored_table_open_json(table, &s->lines, err);
    }
    if (status == LK_OK && !s->begun)
        status = lk_jsonl_reader_new(s->lines.json_file, 0, lk_input_size(s->lines.json_file),
                                     table->json_codec, table->schema, table->plan, 1, reader, err);
    s->begun = true;
    if (status != LK_OK)
        return status;
    lk_batch_clear(slot->batch);
    lk_batch_trim(slot->batch, KEPT_BYTES);
    status = lk_jsonl_read(*reader, 0, slot->batch, &rows, err);
    if (status == LK_OK && rows > 0) {
        table->read_json = true;
        *batch = slot->batch;
    }
    return status;
}

enum lk_status lk_stored_stream_next(struct lk_stored_stream *s, const struct lk_batch **batch, size_t *part,
                                     size_t *block, struct lk_error *err)
{
    *batch = NULL;
    if (s->failure.status == LK_OK && lk_session_interrupted())
        (void)lk_fail(&s->failure, LK_INTERRUPTED, "interrupted");
    if (s->failure.status == LK_OK && s->table->foreign_json) {
        if (next_lines(s, batch, &s->failure) == LK_OK)
            return LK_OK;
    }
    if (s->failure.status != LK_OK) {
        *err = s->failure;
        return err->status;
    }
    /* Threads are started for the second block: many tables have one. Without them it goes as well. */
    if (s->begun && s->pool == NULL && s->request.threads > 0 && !s->exhausted) {
        struct lk_error ignored = {0};
        if (lk_pool_new(s->request.threads, &s->pool, &ignored) != LK_OK)
            s->request.threads = 0;
    }
    s->begun = true;
    begin_blocks(s);
    if (s->pending == 0)
        return LK_OK;
    struct slot *slot = &s->slot[s->first];
    wait_for(s, slot);
    if (s->pool != NULL)
        s->first = (s->first + 1) % s->slots;
    s->pending--;
    s->ahead -= slot->bytes;
    if (deliver(s, slot, batch, part, block) != LK_OK)
        *err = s->failure;
    return s->failure.status;
}

void lk_stored_stream_close(struct lk_stored_stream *s)
{
    if (s == NULL)
        return;
    atomic_store(&s->cancelled, true);
    lk_pool_free(s->pool);
    for (size_t i = 0; s->slot != NULL && i < s->slots; i++) {
        leave_part(s->slot[i].part);
        lk_batch_free(s->slot[i].batch);
    }
    for (size_t i = 0; s->scratch != NULL && i < s->slots; i++) {
        lk_parquet_decoder_free(s->scratch[i].decoder);
        lk_jsonl_reader_free(s->scratch[i].json);
        lk_hasher_free(s->scratch[i].hasher);
    }
    leave_part(s->open);
    lk_part_reader_close(&s->lines);
    lk_free(s->slot);
    lk_free(s->scratch);
    pthread_cond_destroy(&s->decoded);
    pthread_mutex_destroy(&s->lock);
    lk_free(s);
}
