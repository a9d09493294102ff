/* A pool of worker threads with one queue of jobs, first come first served. */
#ifndef LK_BASE_POOL_H
#define LK_BASE_POOL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/processors.h"

struct lk_pool;

/* Start `workers` (>= 1) threads. All signals are blocked in them. */
enum lk_status lk_pool_new(unsigned workers, struct lk_pool **out, struct lk_error *err) LK_CHECKED;
/* Finish the queued jobs (and those which they queue), end the threads, free. Nobody else may use the pool
 * from now on. NULL is allowed. */
void lk_pool_free(struct lk_pool *p);
unsigned lk_pool_workers(const struct lk_pool *p);

/* A job: `next` belongs to the pool while queued. Embedded in the caller's struct; must stay alive until
 * `run` is called, which may free it. `run` gets the worker's number, 0 to workers - 1, for per-worker
 * scratch. */
struct lk_job {
    void (*run)(struct lk_job *job, unsigned worker);
    struct lk_job *next;
};
/* Queue a job. Any thread, a worker too. Never blocks for long, never fails. Urgent jobs go before the
 * others, among themselves in order. */
void lk_pool_submit(struct lk_pool *p, struct lk_job *job, bool urgent);

#endif
