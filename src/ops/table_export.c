#include "ops/table_export.h"

#include <assert.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ops/deadline.h"
#include "ops/read_back.h"
#include "store/names.h"

/* A part on its way. Changed only by the thread that appends, then by its finishing job, then (read-only) by
 * its read-back jobs. */
struct part {
    struct lk_job job;
    struct lk_table_export *table;
    struct part *next;
    uint64_t number;                /* from 1 */
    char *parquet_path, *json_path; /* in the backup: a scratch name while it is written */
    struct lk_output *parquet, *json;
    struct lk_parquet_writer *writer;
    struct lk_manifest_part m;
    struct lk_part_reader reader; /* opened by the first check, closed by the last */
    bool opened;                  /* under the table's `opening` */
    struct read_back *check;      /* one a block and format */
    size_t checks_left;           /* under the table's lock */
};

struct read_back {
    struct lk_job job;
    struct part *part;
    size_t block;
    bool json;
};

struct lk_table_export {
    struct lk_engine *engine;
    const struct lk_encoding *encoding;
    struct lk_backup_writer *backup;
    const struct lk_table_schema *schema;
    const struct lk_plan *plan;
    const char *stem;

    pthread_mutex_t opening; /* of parts to be read back */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t pending;        /* jobs that have not ended */
    enum lk_status status; /* the first failure */
    struct lk_error err;
    struct lk_slot *encoded; /* blocks that wait for an earlier one, by number */
    uint64_t submitted, appended;
    bool appending; /* some thread is at it */
    bool ended;

    /* Only the appending thread. */
    struct part *first, *last, *current;
    size_t parts;
    uint64_t rows, raw_bytes;
    bool cut; /* it is a folder of parts */
};

static void fail(struct lk_table_export *x, const struct lk_error *err)
{
    pthread_mutex_lock(&x->lock);
    if (x->status == LK_OK) {
        x->status = err->status;
        x->err = *err;
    }
    pthread_mutex_unlock(&x->lock);
}

bool lk_table_export_failed(struct lk_table_export *x)
{
    pthread_mutex_lock(&x->lock);
    const bool failed = x->status != LK_OK;
    pthread_mutex_unlock(&x->lock);
    return failed;
}

static void begin_job(struct lk_table_export *x)
{
    pthread_mutex_lock(&x->lock);
    x->pending++;
    pthread_mutex_unlock(&x->lock);
}

static void end_job(struct lk_table_export *x)
{
    pthread_mutex_lock(&x->lock);
    assert(x->pending > 0);
    if (--x->pending == 0)
        pthread_cond_broadcast(&x->idle);
    pthread_mutex_unlock(&x->lock);
}

/* ---- Reading back */

/* Open the part's files, unless another check has. Not before the first check runs: a big table may have more
 * parts waiting than a process may have files open. */
static enum lk_status open_reader(struct part *p, struct lk_error *err)
{
    struct lk_table_export *x = p->table;
    enum lk_status status = LK_OK;
    pthread_mutex_lock(&x->opening);
    if (!p->opened) {
        p->opened = true;
        p->reader = (struct lk_part_reader){.schema = x->schema, .plan = x->plan, .part = &p->m};
        p->reader.json_codec = x->encoding->json_codec.codec;
        if (p->parquet_path != NULL)
            status = lk_backup_writer_open(x->backup, p->parquet_path, &p->reader.parquet_file, err);
        if (status == LK_OK && p->parquet_path != NULL)
            status = lk_parquet_reader_open(p->reader.parquet_file, &p->reader.parquet, err);
        if (status == LK_OK)
            status = lk_part_reader_check(&p->reader, err);
        if (status == LK_OK && p->json_path != NULL)
            status = lk_backup_writer_open(x->backup, p->json_path, &p->reader.json_file, err);
        if (status != LK_OK)
            fail(x, err); /* before another check can take the half-open reader */
    }
    pthread_mutex_unlock(&x->opening);
    return status;
}

static void close_reader(struct part *p)
{
    lk_part_reader_close(&p->reader);
    p->m.verified_at = lk_clock_now();
    lk_free(p->check);
    p->check = NULL;
}

static enum lk_status check_block(struct read_back *check, unsigned worker, struct lk_error *err)
{
    struct part *p = check->part;
    struct lk_scratch *scratch = NULL;
    enum lk_status status = open_reader(p, err);
    if (status != LK_OK || lk_table_export_failed(p->table))
        return status;
    status = lk_engine_scratch(p->table->engine, worker, p->table->encoding, &scratch, err);
    if (status != LK_OK)
        return status;
    return check->json ? lk_read_back_json(&p->reader, check->block, scratch, err)
                       : lk_read_back_parquet(&p->reader, check->block, scratch, err);
}

static void check_job(struct lk_job *job, unsigned worker)
{
    struct read_back *check = (struct read_back *)job;
    struct part *p = check->part;
    struct lk_table_export *x = p->table;
    struct lk_error err = {0};
    if (!lk_table_export_failed(x) && check_block(check, worker, &err) != LK_OK)
        fail(x, &err);
    pthread_mutex_lock(&x->lock);
    const bool last = --p->checks_left == 0;
    pthread_mutex_unlock(&x->lock);
    if (last)
        close_reader(p);
    end_job(x);
}

static enum lk_status start_checks(struct part *p, struct lk_error *err)
{
    struct lk_table_export *x = p->table;
    const unsigned formats = (p->parquet_path != NULL ? 1u : 0u) + (p->json_path != NULL ? 1u : 0u);
    const size_t checks = p->m.blocks * formats;
    if (checks == 0) { /* no rows: the files' frames are all there is to check */
        const enum lk_status status = open_reader(p, err);
        close_reader(p);
        return status;
    }
    p->check = lk_allocate_zeroed(checks, sizeof *p->check);
    if (p->check == NULL)
        return lk_fail_memory(err, "preparing to read back");
    p->checks_left = checks;
    for (size_t i = 0; i < checks; i++) {
        p->check[i] = (struct read_back){.job.run = check_job, .part = p, .block = i / formats};
        p->check[i].json = p->parquet_path == NULL || i % formats == 1;
        begin_job(x);
    }
    /* Submitted from a copy of the pointer: the last check frees the array. */
    struct read_back *all = p->check;
    for (size_t i = 0; i < checks; i++)
        lk_engine_read_back(x->engine, &all[i].job);
    return LK_OK;
}

/* ---- Finishing */

/* Make one file durable under its final name. Takes *o; *path becomes the final one. */
static enum lk_status finish_file(struct part *p, char **path, struct lk_output **o, char *final_path,
                                  struct lk_manifest_file *file, struct lk_error *err)
{
    struct lk_output *output = *o;
    *o = NULL;
    if (final_path == NULL) {
        lk_backup_writer_abandon(p->table->backup, *path, output);
        return lk_fail_memory(err, "finishing a table");
    }
    enum lk_status status = lk_backup_writer_finish(p->table->backup, *path, output, file, err);
    if (status == LK_OK)
        status = lk_backup_writer_rename(p->table->backup, file, final_path, err);
    lk_free(*path);
    *path = final_path;
    return status;
}

static enum lk_status finish_part(struct part *p, uint64_t number, struct lk_error *err)
{
    struct lk_table_export *x = p->table;
    enum lk_status status = LK_OK;
    struct lk_buffer text = {0};
    if (p->parquet != NULL) {
        struct lk_buffer footer = {0};
        status = lk_plan_to_json(x->schema, x->plan, p->m.first_rowid, &text, err);
        if (status == LK_OK)
            status = lk_parquet_writer_footer(p->writer, lk_buffer_bytes(&text), &footer, err);
        if (status == LK_OK) {
            lk_output_write(p->parquet, footer.data, footer.len);
            status = finish_file(p, &p->parquet_path, &p->parquet, lk_name_parquet_path(x->stem, number),
                                 &p->m.parquet, err);
        }
        lk_buffer_reset(&footer);
    }
    if (status == LK_OK && p->json != NULL) {
        const char *suffix = lk_jsonl_suffix(x->encoding->json_codec.codec);
        status = finish_file(p, &p->json_path, &p->json, lk_name_json_path(x->stem, number, suffix),
                             &p->m.json, err);
    }
    lk_buffer_reset(&text);
    lk_parquet_writer_free(p->writer);
    p->writer = NULL;
    return status;
}

static void finish_job(struct lk_job *job, unsigned worker)
{
    (void)worker;
    struct part *p = (struct part *)job;
    struct lk_table_export *x = p->table;
    struct lk_error err = {0};
    enum lk_status status = LK_OK;
    if (!lk_table_export_failed(x)) {
        status = finish_part(p, x->cut ? p->number : 0, &err);
        if (status == LK_OK && x->encoding->verify)
            status = start_checks(p, &err);
    }
    if (status != LK_OK)
        fail(x, &err);
    end_job(x);
}

static void submit_finish(struct part *p)
{
    p->job.run = finish_job;
    begin_job(p->table);
    lk_engine_finish_file(p->table->engine, &p->job);
}

/* Append the bytes [from, end) of a finished file to an output, and drop the file. */
static enum lk_status copy_file(struct lk_table_export *x, const char *path, uint64_t from,
                                struct lk_output *to, struct lk_error *err)
{
    enum { CHUNK = 1 << 20 };
    struct lk_input *in = NULL;
    uint8_t *chunk = lk_allocate(CHUNK);
    enum lk_status status = chunk == NULL ? lk_fail_memory(err, "joining parts")
                                          : lk_backup_writer_open(x->backup, path, &in, err);
    if (status != LK_OK)
        goto out;
    const uint64_t end = lk_input_size(in);
    while (status == LK_OK && from < end) {
        const size_t len = end - from < CHUNK ? (size_t)(end - from) : CHUNK;
        status = lk_input_read(in, from, chunk, len, err);
        if (status == LK_OK)
            lk_output_write(to, chunk, len);
        from += len;
    }
    if (status == LK_OK)
        status = lk_output_check(to, err);
out:
    lk_input_close(in);
    lk_free(chunk);
    return status == LK_OK ? lk_backup_writer_discard(x->backup, path, err) : status;
}

/* Move everything of `p` to the end of the first part. */
static enum lk_status join_part(struct part *to, struct part *p, struct lk_error *err)
{
    struct lk_table_export *x = p->table;
    struct lk_manifest_file file = {0};
    enum lk_status status = LK_OK;
    if (p->parquet != NULL) {
        const uint64_t header = lk_parquet_writer_header().len;
        const uint64_t at = lk_output_offset(to->parquet);
        struct lk_output *o = p->parquet;
        p->parquet = NULL;
        status = lk_backup_writer_finish(x->backup, p->parquet_path, o, &file, err);
        if (status == LK_OK)
            status = copy_file(x, p->parquet_path, header, to->parquet, err);
        if (status == LK_OK)
            status = lk_parquet_writer_absorb(to->writer, p->writer, (int64_t)at - (int64_t)header, err);
        lk_free(file.path);
        file.path = NULL;
    }
    uint64_t json_at = 0;
    if (status == LK_OK && p->json != NULL) {
        json_at = lk_output_offset(to->json);
        struct lk_output *o = p->json;
        p->json = NULL;
        status = lk_backup_writer_finish(x->backup, p->json_path, o, &file, err);
        if (status == LK_OK)
            status = copy_file(x, p->json_path, 0, to->json, err);
        lk_free(file.path);
    }
    for (size_t i = 0; status == LK_OK && i < p->m.blocks; i++) {
        struct lk_manifest_block *block = lk_manifest_add_block(&to->m);
        if (block == NULL)
            return lk_fail_memory(err, "joining parts");
        *block = p->m.block[i];
        block->json_offset += json_at;
    }
    to->m.rows += p->m.rows;
    to->m.raw_bytes += p->m.raw_bytes;
    to->m.last_key = p->m.last_key;
    return status;
}

/* A finished file of a table that is given up. Should its removal fail, the commit will see that the manifest
 * does not name it. */
static void discard_finished(struct part *p, const struct lk_manifest_file *file)
{
    struct lk_error err = {0};
    if (file->path != NULL && lk_backup_writer_discard(p->table->backup, file->path, &err) != LK_OK)
        fail(p->table, &err);
}

static void free_part(struct part *p)
{
    struct lk_backup_writer *backup = p->table->backup;
    discard_finished(p, &p->m.parquet);
    discard_finished(p, &p->m.json);
    if (p->parquet != NULL)
        lk_backup_writer_abandon(backup, p->parquet_path, p->parquet);
    if (p->json != NULL)
        lk_backup_writer_abandon(backup, p->json_path, p->json);
    lk_parquet_writer_free(p->writer);
    lk_part_reader_close(&p->reader);
    lk_free(p->check);
    lk_free(p->parquet_path);
    lk_free(p->json_path);
    lk_manifest_part_reset(&p->m);
    lk_free(p);
}

static void join_job(struct lk_job *job, unsigned worker)
{
    (void)worker;
    struct part *first = (struct part *)job;
    struct lk_table_export *x = first->table;
    struct lk_error err = {0};
    enum lk_status status = LK_OK;
    while (first->next != NULL) {
        struct part *p = first->next;
        if (status == LK_OK && !lk_table_export_failed(x))
            status = join_part(first, p, &err);
        first->next = p->next;
        free_part(p);
    }
    x->last = first;
    x->parts = 1;
    if (status != LK_OK)
        fail(x, &err);
    submit_finish(first);
    end_job(x);
}

/* ---- Appending in order */

static enum lk_status open_part(struct lk_table_export *x, struct lk_error *err)
{
    const struct lk_encoding *o = x->encoding;
    struct part *p = lk_allocate_zeroed(1, sizeof *p);
    if (p == NULL)
        return lk_fail_memory(err, "beginning a part");
    p->table = x;
    if (x->first == NULL)
        x->first = p;
    else
        x->last->next = p;
    x->last = x->current = p;
    p->number = ++x->parts;
    /* Implicit rowids are 1, 2, ... n over the whole table. */
    if (x->schema->hidden_rowid && x->plan->rowid_name == NULL)
        p->m.first_rowid = (int64_t)x->rows + 1;
    enum lk_status status = LK_OK;
    if (o->parquet) {
        p->parquet_path = lk_format("parquet/%s~%llu", x->stem, (unsigned long long)p->number);
        status = p->parquet_path == NULL
                     ? lk_fail_memory(err, "beginning a part")
                     : lk_backup_writer_create(x->backup, p->parquet_path, &p->parquet, err);
        if (status == LK_OK)
            status = lk_parquet_writer_new(x->plan, &p->writer, err);
        if (status == LK_OK) {
            const struct lk_bytes header = lk_parquet_writer_header();
            lk_output_write(p->parquet, header.ptr, header.len);
            status = lk_output_check(p->parquet, err);
        }
    }
    if (status == LK_OK && o->json) {
        p->json_path = lk_format("json/%s~%llu", x->stem, (unsigned long long)p->number);
        status = p->json_path == NULL ? lk_fail_memory(err, "beginning a part")
                                      : lk_backup_writer_create(x->backup, p->json_path, &p->json, err);
    }
    return status;
}

/* A table without rows is one part without blocks. Its JSON is the codec's own empty text, since an empty
 * file is no gzip file. */
static enum lk_status write_empty_json(struct part *p, struct lk_error *err)
{
    const struct lk_codec_choice codec = p->table->encoding->json_codec;
    struct lk_codec_context *context = NULL;
    struct lk_buffer text = {0};
    if (p->json == NULL || codec.codec == LK_CODEC_NONE)
        return LK_OK;
    enum lk_status status = lk_codec_context_new(&context, err);
    if (status == LK_OK)
        status = lk_compress(context, codec, lk_bytes("", 0), &text, err);
    if (status == LK_OK)
        lk_output_write(p->json, text.data, text.len);
    lk_buffer_reset(&text);
    lk_codec_context_free(context);
    return status;
}

/* The key of a row: the rowid, hidden or not. */
static bool row_key(const struct lk_table_schema *t, const struct lk_batch *b, uint32_t row, int64_t *key)
{
    if (t->hidden_rowid) {
        *key = lk_batch_rowid(b, row);
        return true;
    }
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].is_rowid) {
            *key = (int64_t)lk_get_u64(b->column[i].values[LK_INTEGER].data + (size_t)row * 8);
            return true;
        }
    }
    return false;
}

static enum lk_status append_block(struct lk_table_export *x, struct lk_slot *slot, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    if (x->current == NULL)
        status = open_part(x, err);
    if (status != LK_OK)
        return status;
    struct part *p = x->current;
    struct lk_manifest_block *block = lk_manifest_add_block(&p->m);
    if (block == NULL)
        return lk_fail_memory(err, "appending a block");
    *block = (struct lk_manifest_block){.rows = slot->batch->rows, .hash = slot->hash};
    if (p->parquet != NULL) {
        const struct lk_bytes bytes = lk_parquet_row_group_bytes(slot->row_group);
        const uint64_t at = lk_output_offset(p->parquet);
        lk_output_write(p->parquet, bytes.ptr, bytes.len);
        status = lk_output_check(p->parquet, err);
        if (status == LK_OK)
            status = lk_parquet_writer_append(p->writer, slot->row_group, at, err);
        if (status == LK_OK)
            slot->row_group = NULL; /* the writer's now */
    }
    if (status == LK_OK && p->json != NULL) {
        block->json_offset = lk_output_offset(p->json);
        lk_output_write(p->json, slot->json.data, slot->json.len);
        status = lk_output_check(p->json, err);
    }
    int64_t key;
    if (!p->m.has_keys && row_key(x->schema, slot->batch, 0, &key)) {
        p->m.has_keys = true;
        p->m.first_key = key;
    }
    if (p->m.has_keys && row_key(x->schema, slot->batch, slot->batch->rows - 1, &key))
        p->m.last_key = key;
    p->m.rows += slot->batch->rows;
    p->m.raw_bytes += slot->batch->raw_bytes;
    x->rows += slot->batch->rows;
    x->raw_bytes += slot->batch->raw_bytes;
    return status;
}

/* The table has grown past the limit: parts stay parts, and those that are complete can be finished now. */
static void decide_cut(struct lk_table_export *x)
{
    x->cut = true;
    for (struct part *p = x->first; p != NULL && p != x->current; p = p->next)
        submit_finish(p);
}

static void append_one(struct lk_table_export *x, struct lk_slot *slot)
{
    struct lk_error err = {0};
    const bool ends_part = slot->ends_part;
    if (!lk_table_export_failed(x) && append_block(x, slot, &err) != LK_OK)
        fail(x, &err);
    lk_engine_return_slot(x->engine, slot);
    if (!x->cut && x->raw_bytes >= LK_TABLE_CUT_BYTES)
        decide_cut(x);
    if (ends_part && x->current != NULL) {
        struct part *p = x->current;
        x->current = NULL;
        if (x->cut)
            submit_finish(p);
    }
}

/* All blocks are in. */
static void complete(struct lk_table_export *x)
{
    struct lk_error err = {0};
    if (lk_table_export_failed(x))
        return;
    enum lk_status status = LK_OK;
    if (x->first == NULL) {
        status = open_part(x, &err);
        if (status == LK_OK)
            status = write_empty_json(x->first, &err);
    }
    if (status != LK_OK) {
        fail(x, &err);
    } else if (x->cut) {
        if (x->current != NULL)
            submit_finish(x->current);
    } else if (x->first->next == NULL) {
        submit_finish(x->first);
    } else {
        x->first->job.run = join_job;
        begin_job(x);
        lk_engine_finish_file(x->engine, &x->first->job);
    }
    x->current = NULL;
}

/* Append what is next in order, unless another thread is at it already; that one will find what was added.
 * Called with the lock held. */
static void append_ready(struct lk_table_export *x)
{
    if (x->appending)
        return;
    x->appending = true;
    while (x->encoded != NULL && x->encoded->block == x->appended) {
        struct lk_slot *slot = x->encoded;
        x->encoded = slot->next;
        slot->next = NULL;
        pthread_mutex_unlock(&x->lock);
        append_one(x, slot);
        pthread_mutex_lock(&x->lock);
        x->appended++;
    }
    if (x->ended && x->appended == x->submitted) {
        x->ended = false; /* once */
        pthread_mutex_unlock(&x->lock);
        complete(x);
        pthread_mutex_lock(&x->lock);
    }
    x->appending = false;
}

static enum lk_status encode(struct lk_slot *slot, unsigned worker, struct lk_error *err)
{
    struct lk_table_export *x = slot->table;
    const struct lk_encoding *o = x->encoding;
    struct lk_scratch *scratch = NULL;
    enum lk_status status = lk_engine_scratch(x->engine, worker, x->encoding, &scratch, err);
    if (status == LK_OK)
        status = lk_batch_hash(slot->batch, scratch->hasher, &slot->hash, err);
    if (status == LK_OK && o->parquet)
        status = lk_parquet_encode(scratch->parquet_encoder, o->parquet_codec, x->plan, slot->batch,
                                   &slot->row_group, err);
    uint64_t text_bytes;
    if (status == LK_OK && o->json)
        status = lk_jsonl_encode(scratch->json_encoder, o->json_codec, x->plan, slot->batch, &slot->json,
                                 &text_bytes, err);
    return status;
}

static void encode_job(struct lk_job *job, unsigned worker)
{
    struct lk_slot *slot = (struct lk_slot *)job;
    struct lk_table_export *x = slot->table;
    struct lk_error err = {0};
    if (!lk_table_export_failed(x) && encode(slot, worker, &err) != LK_OK)
        fail(x, &err);
    pthread_mutex_lock(&x->lock);
    struct lk_slot **at = &x->encoded;
    while (*at != NULL && (*at)->block < slot->block)
        at = &(*at)->next;
    slot->next = *at;
    *at = slot;
    append_ready(x);
    pthread_mutex_unlock(&x->lock);
    end_job(x);
}

/* ---- The scanner's side */

enum lk_status lk_table_export_new(struct lk_engine *engine, const struct lk_encoding *encoding,
                                   struct lk_backup_writer *backup, const struct lk_table_schema *schema,
                                   const struct lk_plan *plan, const char *stem, struct lk_table_export **out,
                                   struct lk_error *err)
{
    struct lk_table_export *x = lk_allocate_zeroed(1, sizeof *x);
    if (x == NULL)
        return lk_fail_memory(err, "beginning a table");
    x->engine = engine;
    x->encoding = encoding;
    x->backup = backup;
    x->schema = schema;
    x->plan = plan;
    x->stem = stem;
    pthread_mutex_init(&x->lock, NULL);
    lk_cond_init(&x->idle);
    pthread_mutex_init(&x->opening, NULL);
    *out = x;
    return LK_OK;
}

void lk_table_export_submit(struct lk_table_export *x, struct lk_slot *slot, bool ends_part)
{
    assert(slot->batch->rows > 0);
    slot->table = x;
    slot->ends_part = ends_part;
    slot->job.run = encode_job;
    pthread_mutex_lock(&x->lock);
    slot->block = x->submitted++;
    x->pending++;
    pthread_mutex_unlock(&x->lock);
    lk_engine_encode(x->engine, &slot->job);
}

void lk_table_export_end(struct lk_table_export *x)
{
    pthread_mutex_lock(&x->lock);
    x->ended = true;
    append_ready(x);
    pthread_mutex_unlock(&x->lock);
}

void lk_table_export_cancel(struct lk_table_export *x)
{
    struct lk_error err = {0};
    (void)lk_fail(&err, LK_FAILED, "given up");
    fail(x, &err);
}

bool lk_table_export_idle(struct lk_table_export *x, int64_t deadline)
{
    bool in_time = true;
    pthread_mutex_lock(&x->lock);
    while (x->pending > 0 && in_time)
        in_time = lk_cond_wait_until(&x->idle, &x->lock, deadline);
    const bool idle = x->pending == 0;
    pthread_mutex_unlock(&x->lock);
    return idle;
}

static enum lk_status hand_over(struct lk_table_export *x, struct lk_manifest_table *t, struct lk_error *err)
{
    struct lk_hasher *hasher = NULL;
    struct lk_hash128 *hash = NULL;
    size_t most = x->parts;
    for (const struct part *p = x->first; p != NULL; p = p->next)
        most = p->m.blocks > most ? p->m.blocks : most;
    enum lk_status status = lk_hasher_new(lk_engine_options(x->engine)->secret, &hasher, err);
    if (status == LK_OK && (hash = lk_allocate_zeroed(most + 1, sizeof *hash)) == NULL)
        status = lk_fail_memory(err, "finishing a table");
    for (struct part *p = x->first; status == LK_OK && p != NULL; p = p->next) {
        for (size_t i = 0; i < p->m.blocks; i++)
            hash[i] = p->m.block[i].hash;
        p->m.hash = lk_hash_combine(hash, p->m.blocks, hasher);
        struct lk_manifest_part *to = lk_manifest_add_part(t);
        if (to == NULL) {
            status = lk_fail_memory(err, "finishing a table");
            break;
        }
        *to = p->m;
        p->m = (struct lk_manifest_part){0};
    }
    if (status == LK_OK) {
        for (size_t i = 0; i < t->parts; i++)
            hash[i] = t->part[i].hash;
        t->hash = lk_hash_combine(hash, t->parts, hasher);
        t->rows = x->rows;
        t->raw_bytes = x->raw_bytes;
        t->has_keys = t->part[0].has_keys;
        t->first_key = t->part[0].first_key;
        t->last_key = t->part[t->parts - 1].last_key;
    }
    lk_free(hash);
    lk_hasher_free(hasher);
    return status;
}

enum lk_status lk_table_export_wait(struct lk_table_export *x, struct lk_manifest_table *t,
                                    struct lk_error *err)
{
    (void)lk_table_export_idle(x, 0);
    if (x->status != LK_OK) {
        *err = x->err;
        return x->status;
    }
    return hand_over(x, t, err);
}

void lk_table_export_free(struct lk_table_export *x)
{
    if (x == NULL)
        return;
    lk_table_export_cancel(x);
    (void)lk_table_export_idle(x, 0);
    while (x->first != NULL) {
        struct part *p = x->first;
        x->first = p->next;
        free_part(p);
    }
    pthread_cond_destroy(&x->idle);
    pthread_mutex_destroy(&x->opening);
    pthread_mutex_destroy(&x->lock);
    lk_free(x);
}
