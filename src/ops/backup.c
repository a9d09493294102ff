/* The backup command: find every database, then back each up. */
#include "ops/backup_run.h"

#include <assert.h>
#include <signal.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ops/backup_options.h"
#include "ops/discover_known.h"
#include "ops/gone.h"
#include "ops/guard_advice.h"
#include "ops/notify.h"
#include "ops/run_record.h"

/* Databases below this size are worked on several at a time: their cost is waiting for the disk. Bigger ones
 * have all encoders. */
#define SMALL_DATABASE (16u << 20)
#define SMALL_AT_ONCE 8

static enum lk_status check_options(const struct litekeep_backup_options *o, struct lk_error *err)
{
    struct lk_encoding encoding;
    if (o->max_lock < 0)
        return lk_fail(err, LK_USAGE, "a duration cannot be negative");
    return lk_backup_options_encoding(o, &encoding, err);
}

static enum lk_status make_engine(struct lk_backup_run *run, struct lk_error *err)
{
    const struct litekeep_backup_options *o = &run->options;
    if (o->memory != 0 && o->memory < LK_ENGINE_LEAST_MEMORY)
        lk_backup_run_warn(run, NULL,
                           "memory: less than %u MiB do not suffice for one encoder; that much is used",
                           LK_ENGINE_LEAST_MEMORY >> 20);
    const struct lk_engine_options options = {
        .jobs = o->jobs,
        .memory = o->memory,
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
        /* An alarm tells of it, or told of it and was accepted: not again in every run. */
        if (d->problem[i].kind == LK_PROBLEM_GONE && run->lk->store != NULL &&
            lk_gone_is_known(run->lk, d->problem[i].path))
            continue;
        (void)lk_fail(&err, LK_UNREADABLE, "%s", d->problem[i].reason);
        lk_backup_run_problem(run, d->problem[i].path, NULL, &err);
    }
}

static void judge_missing(struct lk_backup_run *run, int64_t began, const struct lk_discovery *d)
{
    struct lk_alarm_tally tally = {0};
    struct lk_error err = {0};
    if (run->options.dry_run || lk_session_interrupted())
        return;
    if (lk_alarm_judge_missing(run->lk, run->options.paths, began, d, &tally, &err) != LK_OK)
        lk_backup_run_problem(run, NULL, NULL, &err);
    lk_backup_run_alarms(run, &tally);
}

static enum lk_status find_and_back_up(struct lk_backup_run *run, struct lk_error *err)
{
    const int64_t began = lk_clock_now();
    struct lk_discovery *d = NULL;
    enum lk_status status =
        lk_discover_known(run->lk, run->options.paths, run->options.include, run->options.exclude, &d, err);
    if (status != LK_OK)
        return status;
    if (run->options.name != NULL && d->found_count > 1) {
        status = lk_fail(err, LK_USAGE, "--name is for one database, but %zu were found", d->found_count);
        goto out;
    }
    for (size_t i = 0; i < d->found_count; i++)
        run->total_bytes += d->found[i].bytes;
    lk_session_emit(run->lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_DISCOVERED,
                                                      .databases = d->found_count,
                                                      .source_bytes = run->total_bytes});
    report_problems(run, d);
    if (!run->safety)
        lk_guard_advice_warn(run, d);
    back_up_found(run, d);
    judge_missing(run, began, d);
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

static enum lk_status back_up_all(struct lk_backup_run *run, struct litekeep_backup_summary *summary,
                                  struct lk_error *err)
{
    const int64_t started = lk_clock_monotonic();
    pthread_mutex_init(&run->lock, NULL);
    lk_backup_options_general(&run->options, run->general);
    enum lk_status status = check_options(&run->options, err);
    if (status == LK_OK)
        status = open_store(run->lk, run->options.dry_run, err);
    if (status == LK_OK && !run->options.dry_run)
        status = make_engine(run, err);
    if (status == LK_OK)
        status = find_and_back_up(run, err);
    lk_engine_free(run->engine);
    pthread_mutex_destroy(&run->lock);
    run->summary.duration = lk_clock_monotonic() - started;
    *summary = run->summary;
    return status;
}

enum lk_status lk_backup_safety(struct litekeep *lk, const struct litekeep_backup_options *options,
                                struct litekeep_backup_summary *summary, struct lk_error *err)
{
    static const char *const nothing[] = {NULL};
    /* Whatever the config leaves out: this file is about to be replaced. */
    struct litekeep_backup_options all = *options;
    all.include = all.exclude = all.tables = all.skip_tables = nothing;
    all.if_older_than = -1;
    struct lk_backup_run run = {.lk = lk, .options = all, .general = lk_session_general(lk), .safety = true};
    struct lk_error why = {0};
    const enum lk_status status = back_up_all(&run, summary, &why);
    if (status == LK_OK || status == LK_ALARM)
        return LK_OK;
    *err = why;
    return status;
}

enum lk_status litekeep_backup(struct litekeep *lk, const struct litekeep_backup_options *options,
                               struct litekeep_backup_summary *summary, struct lk_error *err)
{
    const struct lk_config *config;
    const int64_t started = lk_clock_now();
    /* A config that is not understood may hold what this run must not do: nothing is done, aloud. */
    enum lk_status status = lk_session_config(lk, &config, err);
    if (status != LK_OK)
        return status;
    struct lk_backup_run run = {.lk = lk, .options = *options, .general = lk_config_general(config)};
    if (options->dry_run)
        return back_up_all(&run, summary, err);
    struct lk_notify *notify = lk_notify_begin(lk, "backup");
    lk->listener = lk_notify_event;
    lk->listener_context = notify;
    status = back_up_all(&run, summary, err);
    const char *message = status == LK_OK ? NULL : err->message;
    lk_run_record_add(lk, started, status, message, summary);
    lk->listener = NULL;
    lk_notify_end(notify, status, message, summary);
    return status;
}
