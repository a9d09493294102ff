/* The backup command: find every database, then back each up. */
#include "ops/backup_run.h"

#include <assert.h>
#include <signal.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ops/discover_known.h"

/* Databases below this size are worked on several at a time: their cost is waiting for the disk. Bigger ones
 * have all encoders. */
#define SMALL_DATABASE (16u << 20)
#define SMALL_AT_ONCE 8

static enum lk_status check_codec(const char *text, const char *otherwise, bool json,
                                  struct lk_codec_choice *out, struct lk_error *err)
{
    if (text == NULL)
        text = otherwise;
    if (!lk_codec_parse(text, out))
        return lk_fail(err, LK_USAGE, "%s: no such codec or level; one of %s, with a level as in gzip:6",
                       text, json ? "gzip, zstd, none" : "zstd, gzip, snappy, lz4, none");
    if (json && (out->codec == LK_CODEC_SNAPPY || out->codec == LK_CODEC_LZ4_RAW))
        return lk_fail(err, LK_USAGE, "%s: JSON lines are compressed by gzip or zstd, or not at all (none)",
                       text);
    return LK_OK;
}

static enum lk_status check_options(struct lk_backup_run *run, struct lk_error *err)
{
    const struct litekeep_backup_options *o = run->options;
    const unsigned all = LITEKEEP_PARQUET | LITEKEEP_JSON | LITEKEEP_SQLITE;
    if ((o->formats & ~all) != 0)
        return lk_fail(err, LK_USAGE, "unknown format bits %u", o->formats & ~all);
    if (o->max_lock < 0 || o->if_older_than < 0)
        return lk_fail(err, LK_USAGE, "a duration cannot be negative");
    run->formats = o->formats != 0 ? o->formats : LITEKEEP_PARQUET | LITEKEEP_JSON;
    enum lk_status status = check_codec(o->parquet_codec, "zstd:1", false, &run->parquet_codec, err);
    if (status == LK_OK)
        status = check_codec(o->json_codec, "gzip:1", true, &run->json_codec, err);
    return status;
}

static enum lk_status make_engine(struct lk_backup_run *run, struct lk_error *err)
{
    const struct litekeep_backup_options *o = run->options;
    if (o->memory != 0 && o->memory < LK_ENGINE_LEAST_MEMORY)
        lk_backup_run_warn(run, NULL,
                           "--memory: less than %u MiB do not suffice for one encoder; that much is used",
                           LK_ENGINE_LEAST_MEMORY >> 20);
    const struct lk_engine_options options = {
        .jobs = o->jobs,
        .memory = o->memory,
        .parquet = run->formats & LITEKEEP_PARQUET,
        .json = run->formats & LITEKEEP_JSON,
        .parquet_codec = run->parquet_codec,
        .json_codec = run->json_codec,
        .verify = !o->no_verify,
        .secret = run->lk->store->secret,
    };
    return lk_engine_new(&options, &run->engine, err);
}

/* The databases that wait for a thread. */
struct queue {
    struct lk_backup_run *run;
    const struct lk_discovery *found;
    pthread_mutex_t lock;
    size_t next;
};

static const struct lk_found *take_small(struct queue *q)
{
    const struct lk_found *found = NULL;
    pthread_mutex_lock(&q->lock);
    while (found == NULL && q->next < q->found->found_count) {
        const struct lk_found *f = &q->found->found[q->next++];
        if (f->bytes + f->wal_bytes < SMALL_DATABASE)
            found = f;
    }
    pthread_mutex_unlock(&q->lock);
    return found;
}

static void *work_small(void *context)
{
    struct queue *q = context;
    const struct lk_found *found;
    while (!lk_session_interrupted() && (found = take_small(q)) != NULL)
        lk_backup_database(q->run, found);
    return NULL;
}

static void back_up_small(struct lk_backup_run *run, const struct lk_discovery *d, size_t count)
{
    struct queue queue = {.run = run, .found = d};
    pthread_t threads[SMALL_AT_ONCE];
    size_t started = 0;
    sigset_t all, before;
    pthread_mutex_init(&queue.lock, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* This thread works too, so fewer threads, or none, are only slower. */
    while (started + 1 < count && started < SMALL_AT_ONCE - 1 &&
           pthread_create(&threads[started], NULL, work_small, &queue) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work_small(&queue);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&queue.lock);
}

static void back_up_found(struct lk_backup_run *run, const struct lk_discovery *d)
{
    size_t small = 0;
    for (size_t i = 0; i < d->found_count; i++)
        small += d->found[i].bytes + d->found[i].wal_bytes < SMALL_DATABASE ? 1 : 0;
    if (small > 0)
        back_up_small(run, d, small);
    for (size_t i = 0; i < d->found_count && !lk_session_interrupted(); i++) {
        if (d->found[i].bytes + d->found[i].wal_bytes >= SMALL_DATABASE)
            lk_backup_database(run, &d->found[i]);
    }
}

static void report_problems(struct lk_backup_run *run, const struct lk_discovery *d)
{
    for (size_t i = 0; i < d->problem_count; i++) {
        struct lk_error err = {0};
        (void)lk_fail(&err, LK_UNREADABLE, "%s", d->problem[i].reason);
        lk_backup_run_problem(run, d->problem[i].path, NULL, &err);
    }
}

static enum lk_status find_and_back_up(struct lk_backup_run *run, struct lk_error *err)
{
    struct lk_discovery *d = NULL;
    enum lk_status status = lk_discover_known(run->lk, run->options->paths, run->options->include,
                                              run->options->exclude, &d, err);
    if (status != LK_OK)
        return status;
    if (run->options->name != NULL && d->found_count > 1) {
        status = lk_fail(err, LK_USAGE, "--name is for one database, but %zu were found", d->found_count);
        goto out;
    }
    for (size_t i = 0; i < d->found_count; i++)
        run->total_bytes += d->found[i].bytes;
    lk_session_emit(run->lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_DISCOVERED,
                                                      .databases = d->found_count,
                                                      .source_bytes = run->total_bytes});
    report_problems(run, d);
    back_up_found(run, d);
    if (lk_session_interrupted()) {
        status = lk_fail(err, LK_INTERRUPTED, "interrupted: what was complete is kept, nothing else is left");
    } else if (run->status != LK_OK) {
        *err = run->err;
        status = run->status;
    } else if (run->unwanted > 0 && run->unwanted == run->summary.skipped && run->summary.done == 0) {
        status = lk_fail(err, LK_USAGE, "no table of any database found is left by --table and --skip-table");
    }
out:
    lk_discover_free(d);
    return status;
}

static enum lk_status open_store(struct litekeep *lk, bool dry_run, struct lk_error *err)
{
    struct lk_error why = {0};
    enum lk_status status = lk_session_store(lk, !dry_run, &why);
    if (status == LK_NOT_FOUND && dry_run && (lk->init || lk->store_is_default))
        return LK_OK; /* the backup itself would make it */
    if (status != LK_OK)
        *err = why;
    return status;
}

enum lk_status litekeep_backup(struct litekeep *lk, const struct litekeep_backup_options *options,
                               struct litekeep_backup_summary *summary, struct lk_error *err)
{
    struct lk_backup_run run = {.lk = lk, .options = options};
    const int64_t started = lk_clock_monotonic();
    pthread_mutex_init(&run.lock, NULL);
    enum lk_status status = check_options(&run, err);
    if (status == LK_OK)
        status = open_store(lk, options->dry_run, err);
    if (status == LK_OK && !options->dry_run)
        status = make_engine(&run, err);
    if (status == LK_OK)
        status = find_and_back_up(&run, err);
    lk_engine_free(run.engine);
    pthread_mutex_destroy(&run.lock);
    run.summary.duration = lk_clock_monotonic() - started;
    *summary = run.summary;
    return status;
}
