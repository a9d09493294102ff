/* One file of a backup: its checksum, and every block of it decoded and compared. */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "ops/verify_backup.h"
#include "ops/verify_table.h"

/* A smaller file is one job: there is nothing to win by spreading it. */
#define SMALL_BYTES (1u << 20)
/* What a worker's batch may keep between blocks; more was a huge value passing through. */
#define KEPT_BYTES (40u << 20)
#define HUGE_BYTES (48u << 20) /* of a block */

enum step_kind { STEP_ALL, STEP_CHECKSUM, STEP_BLOCK, STEP_PAGES };

struct step {
    struct lk_job job;
    struct lk_verify_file *file;
    enum step_kind kind;
    size_t block;
};

struct lk_verify_reading {
    pthread_mutex_t lock; /* of opening, and of the finding */
    struct lk_part_reader reader;
    struct lk_input *input; /* borrowed from the reader, but for files of no part */
    bool opened, usable;    /* usable: its blocks can be read */
    uint64_t told;          /* bytes of progress */
    atomic_size_t steps_left;
    size_t steps;
    struct step step[];
};

static const struct lk_manifest_part *part_of(const struct lk_verify_file *file)
{
    return file->table == NULL ? NULL : &file->table->t->part[file->part];
}

/* Does it hold rows that can be compared? */
static bool is_data(const struct lk_verify_file *file)
{
    return file->kind == LK_VERIFY_PARQUET || file->kind == LK_VERIFY_JSON;
}

static struct lk_verify_run *run_of(const struct lk_verify_file *file)
{
    return file->backup->database->run;
}

/* Note what is wrong with a block, or with the whole file (block SIZE_MAX); what is no damage ends the run.
 */
static void note(struct lk_verify_file *file, size_t block, const struct lk_error *err)
{
    struct lk_verify_finding *f = file->finding;
    const struct lk_manifest_part *part = part_of(file);
    struct lk_error memory = {0};
    if (err->status == LK_INTERRUPTED)
        return;
    if (!lk_verify_run_is_damage(err)) {
        lk_verify_run_fail(run_of(file), err);
        return;
    }
    bool ok = true;
    pthread_mutex_lock(&file->reading->lock);
    if (block == SIZE_MAX) {
        f->useless = true;
    } else {
        if (f->bad == NULL)
            f->bad = lk_allocate_zeroed(part->blocks, 1);
        ok = f->bad != NULL;
        if (ok && f->bad[block] == 0) {
            f->bad[block] = 1;
            f->bad_blocks++;
        }
    }
    /* The first block's message, whichever was read first; that of the whole file before all. */
    if (f->message == NULL || (block == SIZE_MAX && f->message_block != SIZE_MAX) ||
        (f->message_block != SIZE_MAX && block < f->message_block)) {
        char *copy = lk_copy_string(lk_verify_run_below(file->backup, err->message));
        ok = ok && copy != NULL;
        if (copy != NULL) {
            lk_free(f->message);
            f->message = copy;
            f->message_block = block;
        }
    }
    pthread_mutex_unlock(&file->reading->lock);
    if (!ok && lk_fail_memory(&memory, "gathering damage") != LK_OK)
        lk_verify_run_fail(run_of(file), &memory);
}

static enum lk_status open_reader(struct lk_verify_file *file, struct lk_error *err)
{
    struct lk_verify_reading *r = file->reading;
    enum lk_status status = lk_backup_open_file(file->backup->backup, file->file, &r->input, err);
    if (status != LK_OK || !is_data(file))
        return status;
    r->reader = (struct lk_part_reader){
        .schema = file->table->schema,
        .plan = file->table->plan,
        .part = part_of(file),
        .json_codec = file->backup->backup->manifest->json_codec.codec,
    };
    if (file->kind == LK_VERIFY_JSON) {
        r->reader.json_file = r->input;
        return LK_OK;
    }
    r->reader.parquet_file = r->input;
    status = lk_parquet_reader_open(r->input, &r->reader.parquet, err);
    return status == LK_OK ? lk_part_reader_check(&r->reader, err) : status;
}

/* Open at the first step: so the files that are open are those that are being read. False: there is nothing
 * to read a block from. */
static bool open_once(struct lk_verify_file *file)
{
    struct lk_verify_reading *r = file->reading;
    struct lk_error err = {0};
    pthread_mutex_lock(&r->lock);
    const bool first = !r->opened;
    if (first) {
        r->opened = true;
        r->usable = open_reader(file, &err) == LK_OK;
    }
    const bool usable = r->usable;
    pthread_mutex_unlock(&r->lock);
    if (first && !usable)
        note(file, SIZE_MAX, &err);
    return usable;
}

/* A step's share of the file's bytes has been read. */
static void tell_progress(struct lk_verify_file *file)
{
    struct lk_verify_reading *r = file->reading;
    pthread_mutex_lock(&r->lock);
    const uint64_t share = file->file->bytes / r->steps;
    r->told += share;
    pthread_mutex_unlock(&r->lock);
    lk_verify_run_progress(run_of(file), share, 0);
}

static void check_sum(struct lk_verify_file *file, struct lk_verify_scratch *s)
{
    const struct lk_input *in = file->reading->input;
    const uint64_t size = in == NULL ? 0 : lk_input_size(in);
    struct lk_error err = {0};
    uint8_t digest[LK_SHA256_SIZE];
    enum lk_status status = LK_OK;
    if (in == NULL)
        return;
    for (uint64_t at = 0; at < size && status == LK_OK; at += LK_VERIFY_CHUNK) {
        const size_t len = size - at < LK_VERIFY_CHUNK ? (size_t)(size - at) : LK_VERIFY_CHUNK;
        if (lk_verify_run_stopped(run_of(file)))
            status = lk_fail(&err, LK_INTERRUPTED, "interrupted");
        else
            status = lk_input_read(in, at, s->chunk, len, &err);
        if (status == LK_OK)
            lk_sha256_update(s->sha256, s->chunk, len);
    }
    lk_sha256_finish(s->sha256, digest);
    if (status != LK_OK) {
        note(file, SIZE_MAX, &err);
    } else if (memcmp(digest, file->file->sha256, sizeof digest) != 0) {
        pthread_mutex_lock(&file->reading->lock);
        file->finding->wrong_bytes = true;
        pthread_mutex_unlock(&file->reading->lock);
    }
}

/* The page copy, decompressed to its end. */
static void check_pages(struct lk_verify_file *file, struct lk_verify_scratch *s)
{
    struct lk_input *in = file->reading->input;
    struct lk_inflater *inflater = NULL;
    struct lk_error err = {0};
    size_t got = 1;
    enum lk_status status = lk_inflater_new(in, 0, lk_input_size(in), LK_CODEC_ZSTD, &inflater, &err);
    while (status == LK_OK && got > 0) {
        if (lk_verify_run_stopped(run_of(file)))
            status = lk_fail(&err, LK_INTERRUPTED, "interrupted");
        else
            status = lk_inflater_read(inflater, s->chunk, LK_VERIFY_CHUNK, &got, &err);
    }
    lk_inflater_free(inflater);
    if (status != LK_OK)
        note(file, SIZE_MAX, &err);
}

/* The rowid of a row; false when the batch has none. */
static bool key_of(const struct lk_table_schema *schema, const struct lk_batch *batch, uint32_t row,
                   int64_t *key)
{
    if (schema->hidden_rowid) {
        *key = lk_batch_rowid(batch, row);
        return true;
    }
    for (size_t i = 0; i < schema->columns; i++) {
        const struct lk_column *c = &batch->column[i];
        if (!schema->column[i].is_rowid || c->counts[LK_INTEGER] != batch->rows)
            continue;
        *key = (int64_t)lk_get_u64(c->values[LK_INTEGER].data + (size_t)row * 8);
        return true;
    }
    return false;
}

static enum lk_status check_keys(const struct lk_verify_file *file, size_t index,
                                 const struct lk_batch *batch, struct lk_error *err)
{
    const struct lk_manifest_part *part = part_of(file);
    int64_t first, last;
    if (!part->has_keys || batch->rows == 0 || !key_of(file->table->schema, batch, 0, &first) ||
        !key_of(file->table->schema, batch, batch->rows - 1, &last))
        return LK_OK;
    if (index == 0 && first != part->first_key)
        return lk_fail(err, LK_DAMAGED,
                       "%s: its first row has the rowid %" PRId64 ", the manifest says %" PRId64,
                       file->file->path, first, part->first_key);
    if (index + 1 == part->blocks && last != part->last_key)
        return lk_fail(err, LK_DAMAGED,
                       "%s: its last row has the rowid %" PRId64 ", the manifest says %" PRId64,
                       file->file->path, last, part->last_key);
    return LK_OK;
}

/* Add a block's values to the sums of the file. */
static bool count(struct lk_verify_file *file, const struct lk_batch *batch)
{
    struct lk_verify_finding *f = file->finding;
    bool ok = true;
    pthread_mutex_lock(&file->reading->lock);
    f->rows += batch->rows;
    f->raw_bytes += batch->raw_bytes;
    if (f->counts == NULL) {
        f->counts = lk_allocate_zeroed(batch->columns, sizeof *f->counts);
        f->columns = batch->columns;
        ok = f->counts != NULL;
    }
    for (size_t i = 0; ok && i < f->columns; i++) {
        for (size_t k = 0; k < LK_CLASSES; k++)
            f->counts[i][k] += batch->column[i].counts[k];
    }
    pthread_mutex_unlock(&file->reading->lock);
    return ok;
}

static void check_block(struct lk_verify_file *file, size_t index, struct lk_jsonl_reader **json,
                        struct lk_verify_scratch *s)
{
    const struct lk_manifest_part *part = part_of(file);
    const struct lk_part_reader *reader = &file->reading->reader;
    struct lk_error err = {0};
    uint64_t first_row = 0;
    if (lk_verify_run_stopped(run_of(file)))
        return;
    for (size_t i = 0; i < index; i++)
        first_row += part->block[i].rows;
    const bool huge = lk_part_reader_most_bytes(part) > HUGE_BYTES;
    if (huge)
        pthread_mutex_lock(&run_of(file)->huge);
    enum lk_status status =
        file->kind == LK_VERIFY_JSON
            ? lk_part_reader_json(reader, index, first_row, json, s->hasher, s->batch, &err)
            : lk_part_reader_parquet(reader, index, first_row, NULL, s->decoder, s->hasher, s->batch, &err);
    if (status == LK_OK)
        status = check_keys(file, index, s->batch, &err);
    if (status == LK_OK && !count(file, s->batch))
        status = lk_fail_memory(&err, "counting values");
    if (status != LK_OK)
        note(file, index, &err);
    lk_batch_clear(s->batch);
    lk_batch_trim(s->batch, KEPT_BYTES);
    if (huge)
        pthread_mutex_unlock(&run_of(file)->huge);
}

/* A part without rows has no blocks, and its JSON file no lines. */
static void check_empty(struct lk_verify_file *file, struct lk_verify_scratch *s)
{
    const struct lk_part_reader *r = &file->reading->reader;
    struct lk_jsonl_reader *reader = NULL;
    struct lk_error err = {0};
    uint32_t rows = 0;
    if (file->kind != LK_VERIFY_JSON || part_of(file)->blocks > 0)
        return;
    enum lk_status status = lk_batch_reshape(s->batch, r->plan->columns, r->schema->hidden_rowid)
                                ? LK_OK
                                : lk_fail_memory(&err, "preparing to read");
    if (status == LK_OK)
        status = lk_jsonl_reader_new(r->json_file, 0, lk_input_size(r->json_file), r->json_codec, r->schema,
                                     r->plan, 0, &reader, &err);
    if (status == LK_OK)
        status = lk_jsonl_read(reader, 1, s->batch, &rows, &err);
    if (status == LK_OK && rows != 0)
        status = lk_fail(&err, LK_DAMAGED, "%s: has rows, and the manifest has none", file->file->path);
    if (status != LK_OK)
        note(file, SIZE_MAX, &err);
    lk_jsonl_reader_free(reader);
    lk_batch_clear(s->batch);
}

static void check_all(struct lk_verify_file *file, struct lk_verify_scratch *s)
{
    const bool usable = open_once(file);
    struct lk_jsonl_reader *json = NULL;
    check_sum(file, s);
    if (usable && file->kind == LK_VERIFY_SQLITE)
        check_pages(file, s);
    if (!usable || !is_data(file))
        return;
    check_empty(file, s);
    for (size_t i = 0; i < part_of(file)->blocks; i++)
        check_block(file, i, &json, s);
    lk_jsonl_reader_free(json);
}

/* Whatever has the file gets on. */
static void file_done(struct lk_verify_file *file, unsigned worker)
{
    if (file->table != NULL)
        lk_verify_table_file_done(file, worker);
    else
        lk_verify_backup_part_done(file->backup);
}

static void end_reading(struct lk_verify_file *file, unsigned worker)
{
    struct lk_verify_reading *r = file->reading;
    struct lk_verify_run *run = run_of(file);
    file->finding->read = r->input != NULL && !lk_verify_run_stopped(run);
    if (file->finding->read) {
        pthread_mutex_lock(&run->lock);
        run->files++;
        run->bytes += file->file->bytes;
        pthread_mutex_unlock(&run->lock);
    }
    lk_verify_run_progress(run, file->file->bytes - r->told, file->finding->rows);
    if (r->reader.parquet_file == NULL && r->reader.json_file == NULL)
        lk_input_close(r->input);
    lk_part_reader_close(&r->reader);
    pthread_mutex_destroy(&r->lock);
    lk_free(r);
    file->reading = NULL;
    struct lk_verify_file *next, *waiting = lk_verify_shared_done(file);
    for (; waiting != NULL; waiting = next) {
        next = waiting->next; /* it may be gone when it is done */
        if (waiting->finding == NULL) {
            lk_verify_file_read(waiting, false, worker);
            continue;
        }
        lk_verify_run_progress(run, waiting->file->bytes, 0);
        file_done(waiting, worker);
    }
    file_done(file, worker);
}

static void run_step(struct lk_job *job, unsigned worker)
{
    struct step *step = (struct step *)job; /* its first member */
    struct lk_verify_file *file = step->file;
    struct lk_verify_run *run = run_of(file);
    struct lk_verify_scratch *s = lk_verify_run_stopped(run) ? NULL : lk_verify_run_scratch(run, worker);
    struct lk_jsonl_reader *json = NULL;
    if (s != NULL) {
        switch (step->kind) {
        case STEP_ALL:
            check_all(file, s);
            break;
        case STEP_CHECKSUM:
            if (open_once(file) && is_data(file))
                check_empty(file, s);
            check_sum(file, s);
            break;
        case STEP_BLOCK:
            if (open_once(file))
                check_block(file, step->block, &json, s);
            break;
        case STEP_PAGES:
            if (open_once(file))
                check_pages(file, s);
            break;
        }
        tell_progress(file);
    }
    lk_jsonl_reader_free(json);
    if (atomic_fetch_sub(&file->reading->steps_left, 1) == 1)
        end_reading(file, worker);
}

static void add_step(struct lk_verify_file *file, enum step_kind kind, size_t block)
{
    struct lk_verify_reading *r = file->reading;
    r->step[r->steps++] = (struct step){.job.run = run_step, .file = file, .kind = kind, .block = block};
}

/* Everything that is to be done with it. NULL: memory is out. */
static struct lk_verify_reading *plan_reading(struct lk_verify_file *file)
{
    const size_t blocks = is_data(file) ? part_of(file)->blocks : 0;
    struct lk_verify_reading *r = lk_allocate_zeroed(1, sizeof *r + (blocks + 2) * sizeof(struct step));
    if (r == NULL)
        return NULL;
    (void)pthread_mutex_init(&r->lock, NULL);
    file->reading = r;
    if (file->file->bytes < SMALL_BYTES) {
        add_step(file, STEP_ALL, 0);
    } else {
        add_step(file, STEP_CHECKSUM, 0);
        if (file->kind == LK_VERIFY_SQLITE)
            add_step(file, STEP_PAGES, 0);
        for (size_t i = 0; i < blocks; i++)
            add_step(file, STEP_BLOCK, i);
    }
    atomic_init(&r->steps_left, r->steps);
    return r;
}

void lk_verify_file_read(struct lk_verify_file *file, bool here, unsigned worker)
{
    struct lk_verify_run *run = run_of(file);
    struct lk_error err = {0};
    if (lk_verify_run_stopped(run) || !file->present || !file->wanted) {
        file_done(file, worker);
        return;
    }
    const enum lk_verify_shared_state state = lk_verify_shared_claim(file);
    if (state == LK_VERIFY_SHARED_WAIT)
        return;
    if (state == LK_VERIFY_SHARED_KNOWN) {
        lk_verify_run_progress(run, file->file->bytes, 0);
        file_done(file, worker);
        return;
    }
    file->finding = lk_verify_finding_new();
    struct lk_verify_reading *r = file->finding == NULL ? NULL : plan_reading(file);
    if (r == NULL) {
        if (lk_fail_memory(&err, "reading a file") != LK_OK)
            lk_verify_run_fail(run, &err);
        struct lk_verify_file *next, *waiting = lk_verify_shared_done(file);
        for (; waiting != NULL; waiting = next) {
            next = waiting->next;
            file_done(waiting, worker);
        }
        file_done(file, worker);
    } else if (here && r->steps == 1) {
        run_step(&r->step[0].job, worker);
    } else {
        /* What was begun goes first, so that few files are open at once. The last step may free them all. */
        const size_t steps = r->steps;
        struct step *step = r->step;
        for (size_t i = 0; i < steps; i++)
            lk_pool_submit(run->pool, &step[i].job, true);
    }
}

bool lk_verify_file_holds(const struct lk_verify_file *file, size_t index)
{
    const struct lk_verify_finding *f = file->finding;
    return is_data(file) && f != NULL && f->read && !f->useless && (f->bad == NULL || f->bad[index] == 0);
}

bool lk_verify_file_judge(const struct lk_verify_file *file, char **out)
{
    const struct lk_verify_finding *f = file->finding;
    *out = NULL;
    if (!file->present) {
        *out = file->absent != NULL ? lk_format("%s: %s", file->file->path, file->absent)
                                    : lk_format("%s: the file is missing", file->file->path);
        return *out != NULL;
    }
    if (f == NULL || (!f->useless && f->bad_blocks == 0 && !f->wrong_bytes))
        return true;
    char more[96] = "";
    char *others = lk_verify_shared_with(file);
    if (f->bad_blocks > 1)
        (void)snprintf(more, sizeof more, "; %zu of its %zu blocks are damaged", f->bad_blocks,
                       part_of(file)->blocks);
    if (others == NULL)
        return false;
    if (f->message != NULL)
        *out = lk_format("%s%s%s", f->message, more, others);
    else if (is_data(file))
        *out = lk_format("%s: its SHA-256 is not the one in the manifest, though all its rows are those that "
                         "were backed up%s",
                         file->file->path, others);
    else
        *out = lk_format("%s: its SHA-256 is not the one in the manifest%s", file->file->path, others);
    lk_free(others);
    return *out != NULL;
}

void lk_verify_file_reset(struct lk_verify_file *file)
{
    lk_verify_finding_release(file->finding);
    lk_free(file->absent);
    file->finding = NULL;
    file->absent = NULL;
}
