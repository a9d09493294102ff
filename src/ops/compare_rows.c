#include "ops/compare_rows.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "base/pool.h"
#include "ops/stored_table.h"
#include "sqlite/scan.h"

#define MOST_THREADS 4u                 /* each holds a block */
#define LEAST_BYTES (UINT64_C(2) << 20) /* raw: less is compared before threads have begun */
#define WHOLE SIZE_MAX

/* What one thread compares at a time. */
struct unit {
    const struct lk_compare_rows_table *table;
    size_t part;     /* WHOLE: all of them */
    uint64_t before; /* rows in the parts before it */
};

struct work {
    const char *path;
    const struct lk_compare_file_options *options;
    struct unit *unit;
    size_t units;
    atomic_size_t next;
    atomic_size_t failed; /* the first unit that has failed; SIZE_MAX: none */
    atomic_uint_least64_t rows;
    pthread_mutex_t mutex; /* over how it failed: */
    struct lk_error err;
};

struct worker {
    struct lk_job job;
    struct work *work;
    struct lk_source *source, *own; /* own: NULL, or the same, to be closed */
    struct lk_hasher *hasher;
    struct lk_batch *batch;
};

/* ---- A part, or a table */

static enum lk_status read_rows(struct worker *w, struct lk_scan *scan, uint32_t rows, struct lk_error *err)
{
    enum lk_scan_event event;
    lk_batch_clear(w->batch);
    lk_scan_set_rows(scan, rows);
    const enum lk_status status = lk_scan_next(scan, w->batch, &event, err);
    if (status == LK_OK && event == LK_SCAN_RESTART)
        return lk_fail(err, LK_FAILED, "%s: was written while it was compared", w->work->path);
    return status;
}

static void count_rows(const struct worker *w)
{
    const uint64_t rows = atomic_fetch_add(&w->work->rows, w->batch->rows) + w->batch->rows;
    if (w->own == NULL && w->work->options->on_rows != NULL)
        w->work->options->on_rows(w->work->options->context, rows);
}

static enum lk_status compare_block(struct worker *w, struct lk_scan *scan, const struct unit *u,
                                    const struct lk_manifest_block *b, struct lk_error *err)
{
    const char *name = u->table->stored->name;
    const unsigned long long before = u->before + lk_scan_rows(scan);
    enum lk_status status = read_rows(w, scan, b->rows, err);
    if (status != LK_OK)
        return status;
    if (w->batch->rows != b->rows)
        return lk_fail(err, LK_DAMAGED,
                       "%s: table \"%s\": after row %llu there are %u rows where the backup has %u",
                       w->work->path, name, before, w->batch->rows, b->rows);
    struct lk_hash128 hash;
    status = lk_batch_hash(w->batch, w->hasher, &hash, err);
    if (status == LK_OK && !lk_hash128_equal(hash, b->hash))
        return lk_fail(err, LK_DAMAGED, "%s: table \"%s\": rows %llu to %llu are not those of the backup",
                       w->work->path, name, before + 1, before + b->rows);
    if (status == LK_OK)
        count_rows(w);
    return status;
}

/* Nothing follows the last part. Any other is followed by the row with which the next one begins: then no row
 * lies between what is compared of the two. */
static enum lk_status compare_end(struct worker *w, struct lk_scan *scan, const struct unit *u,
                                  struct lk_error *err)
{
    const struct lk_manifest_table *t = u->table->stored;
    const unsigned long long rows = u->before + lk_scan_rows(scan);
    const enum lk_status status = read_rows(w, scan, 1, err);
    if (status != LK_OK)
        return status;
    if (u->part == WHOLE || u->part + 1 == t->parts)
        return w->batch->rows == 0
                   ? LK_OK
                   : lk_fail(err, LK_DAMAGED, "%s: table \"%s\": has more than the %llu rows of the backup",
                             w->work->path, t->name, rows);
    if (w->batch->rows == 1 && lk_scan_rowid(scan) == t->part[u->part + 1].first_key)
        return LK_OK;
    return lk_fail(err, LK_DAMAGED, "%s: table \"%s\": row %llu is %s", w->work->path, t->name, rows + 1,
                   w->batch->rows == 0 ? "missing" : "not that of the backup");
}

static enum lk_status open_scan(const struct worker *w, const struct unit *u, struct lk_scan **out,
                                struct lk_error *err)
{
    if (u->part == WHOLE || u->part == 0)
        return lk_scan_open(w->source, u->table->schema, out, err);
    return lk_scan_open_at(w->source, u->table->schema, u->table->stored->part[u->part].first_key, out, err);
}

/* Left off, without an error, when something before it has failed. */
static enum lk_status compare_unit(struct worker *w, size_t at, struct lk_error *err)
{
    const struct unit *u = &w->work->unit[at];
    const struct lk_table_schema *schema = u->table->schema;
    const struct lk_manifest_table *t = u->table->stored;
    const size_t first = u->part == WHOLE ? 0 : u->part;
    const size_t end = u->part == WHOLE ? t->parts : u->part + 1;
    struct lk_scan *scan = NULL;
    enum lk_status status = open_scan(w, u, &scan, err);
    if (status == LK_OK && !lk_batch_reshape(w->batch, schema->columns, schema->hidden_rowid))
        status = lk_fail_memory(err, "comparing a database");
    for (size_t p = first; p < end; p++)
        for (size_t b = 0; status == LK_OK && b < t->part[p].blocks; b++) {
            if (atomic_load(&w->work->failed) < at)
                goto out;
            status = compare_block(w, scan, u, &t->part[p].block[b], err);
        }
    if (status == LK_OK)
        status = compare_end(w, scan, u, err);
out:
    lk_scan_free(scan);
    lk_batch_clear(w->batch);
    lk_batch_trim(w->batch, LK_BLOCK_BYTES * 4);
    return status;
}

/* ---- Threads */

static void note_failure(struct work *work, size_t at, const struct lk_error *err)
{
    (void)pthread_mutex_lock(&work->mutex);
    if (at < atomic_load(&work->failed)) {
        atomic_store(&work->failed, at);
        work->err = *err;
    }
    (void)pthread_mutex_unlock(&work->mutex);
}

/* Units are taken in order: what comes before one that fails is compared to its end, by whoever has it. */
static void run_worker(struct lk_job *job, unsigned number)
{
    struct worker *w = (struct worker *)(void *)job;
    (void)number;
    for (;;) {
        const size_t at = atomic_fetch_add(&w->work->next, 1);
        if (at >= w->work->units || at > atomic_load(&w->work->failed))
            break;
        struct lk_error err = {0};
        if (compare_unit(w, at, &err) != LK_OK)
            note_failure(w->work, at, &err);
    }
}

static enum lk_status prepare_worker(struct worker *w, struct work *work, struct lk_source *source, bool own,
                                     struct lk_error *err)
{
    *w = (struct worker){.job = {.run = run_worker}, .work = work, .source = source};
    enum lk_status status = lk_hasher_new(work->options->secret, &w->hasher, err);
    if (status == LK_OK && (w->batch = lk_batch_new(1, false)) == NULL)
        status = lk_fail_memory(err, "comparing a database");
    if (status == LK_OK && own) {
        status = lk_source_open_still(work->path, work->options->interrupt, &w->own, err);
        w->source = w->own;
    }
    return status;
}

static void reset_worker(struct worker *w)
{
    lk_source_close(w->own);
    lk_batch_free(w->batch);
    lk_hasher_free(w->hasher);
}

/* The caller's thread is one of them. */
static enum lk_status run_workers(struct work *work, struct lk_source *source, unsigned threads,
                                  struct lk_error *err)
{
    struct worker worker[MOST_THREADS] = {0};
    struct lk_pool *pool = NULL;
    enum lk_status status = LK_OK;
    for (unsigned i = 0; i < threads && status == LK_OK; i++)
        status = prepare_worker(&worker[i], work, source, i > 0, err);
    if (status == LK_OK && threads > 1)
        status = lk_pool_new(threads - 1, &pool, err);
    for (unsigned i = 1; i < threads && status == LK_OK; i++)
        lk_pool_submit(pool, &worker[i].job, false);
    if (status == LK_OK)
        run_worker(&worker[0].job, 0);
    lk_pool_free(pool);
    for (unsigned i = 0; i < threads; i++)
        reset_worker(&worker[i]);
    if (status == LK_OK && atomic_load(&work->failed) != SIZE_MAX) {
        *err = work->err;
        status = err->status;
    }
    if (status == LK_OK && work->options->on_rows != NULL)
        work->options->on_rows(work->options->context, atomic_load(&work->rows));
    return status;
}

/* ---- What is compared */

/* Can its parts be found by their first keys? Not where nobody can ask for its rowids. */
static bool is_divisible(const struct lk_compare_rows_table *table)
{
    const struct lk_manifest_table *t = table->stored;
    for (size_t i = 0; i < t->parts; i++)
        if (!t->part[i].has_keys)
            return false;
    return t->parts > 1 && lk_scan_has_rowids(table->schema);
}

static unsigned count_threads(const struct work *work, const struct lk_source_facts *facts,
                              const struct lk_compare_rows_table *tables, size_t count)
{
    if (facts->method != LK_METHOD_READ && facts->method != LK_METHOD_IMMUTABLE)
        return 1; /* it could not be opened where it is */
    unsigned threads = work->options->threads < MOST_THREADS ? work->options->threads : MOST_THREADS;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (lk_stored_table_has_huge_blocks(tables[i].stored))
            return 1;
        bytes += tables[i].stored->raw_bytes;
    }
    if (threads > work->units)
        threads = (unsigned)work->units;
    return bytes < LEAST_BYTES || threads == 0 ? 1 : threads;
}

static bool list_units(struct work *work, const struct lk_compare_rows_table *tables, size_t count)
{
    size_t units = 0;
    for (size_t i = 0; i < count; i++)
        units += is_divisible(&tables[i]) ? tables[i].stored->parts : 1;
    work->unit = lk_allocate((units + 1) * sizeof *work->unit);
    if (work->unit == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t before = 0;
        if (!is_divisible(&tables[i])) {
            work->unit[work->units++] = (struct unit){.table = &tables[i], .part = WHOLE};
            continue;
        }
        for (size_t p = 0; p < tables[i].stored->parts; p++) {
            work->unit[work->units++] = (struct unit){.table = &tables[i], .part = p, .before = before};
            before += tables[i].stored->part[p].rows;
        }
    }
    return true;
}

enum lk_status lk_compare_rows(struct lk_source *source, const struct lk_compare_rows_table *tables,
                               size_t count, const struct lk_compare_file_options *options,
                               struct lk_error *err)
{
    struct work work = {.path = lk_source_facts(source)->path,
                        .options = options,
                        .failed = SIZE_MAX,
                        .mutex = PTHREAD_MUTEX_INITIALIZER};
    if (!list_units(&work, tables, count))
        return lk_fail_memory(err, "comparing a database");
    const unsigned threads = count_threads(&work, lk_source_facts(source), tables, count);
    const enum lk_status status = run_workers(&work, source, threads, err);
    lk_free(work.unit);
    (void)pthread_mutex_destroy(&work.mutex);
    return status;
}
