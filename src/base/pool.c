#include "base/pool.h"

#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>

struct queue {
    struct lk_job *first;
    struct lk_job *last; /* means nothing while first is NULL */
};

struct worker {
    struct lk_pool *pool;
    pthread_t thread;
    unsigned number;
};

struct lk_pool {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a job was queued, or `ending` was set */
    struct queue urgent;
    struct queue normal;
    bool ending;
    unsigned count; /* of workers started */
    struct worker *workers;
};

static struct lk_job *take(struct queue *q)
{
    struct lk_job *job = q->first;
    if (job != NULL)
        q->first = job->next;
    return job;
}

static void put(struct queue *q, struct lk_job *job)
{
    job->next = NULL;
    if (q->first == NULL)
        q->first = job;
    else
        q->last->next = job;
    q->last = job;
}

static void *work(void *argument)
{
    const struct worker *self = argument;
    struct lk_pool *p = self->pool;
    (void)pthread_mutex_lock(&p->mutex);
    for (;;) {
        struct lk_job *job = take(&p->urgent);
        if (job == NULL)
            job = take(&p->normal);
        if (job != NULL) {
            (void)pthread_mutex_unlock(&p->mutex);
            job->run(job, self->number);
            (void)pthread_mutex_lock(&p->mutex);
        } else if (p->ending) {
            /* A job that still runs elsewhere may queue more: its own worker will take those. */
            break;
        } else {
            (void)pthread_cond_wait(&p->changed, &p->mutex);
        }
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* Start workers until p->count is `wanted`; an errno value when one cannot be started. */
static int start(struct lk_pool *p, unsigned wanted)
{
    /* Threads inherit the mask: interrupts are for the main thread, which watches for them. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    while (failure == 0 && p->count < wanted) {
        struct worker *w = &p->workers[p->count];
        w->pool = p;
        w->number = p->count;
        failure = pthread_create(&w->thread, NULL, work, w);
        if (failure == 0)
            p->count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

enum lk_status lk_pool_new(unsigned workers, struct lk_pool **out, struct lk_error *err)
{
    assert(workers >= 1);
    struct lk_pool *p = lk_allocate_zeroed(1, sizeof *p);
    struct worker *array = p == NULL ? NULL : lk_allocate_zeroed(workers, sizeof *array);
    if (array == NULL) {
        lk_free(p);
        return lk_fail_memory(err, "starting worker threads");
    }
    p->workers = array;
    (void)pthread_mutex_init(&p->mutex, NULL);
    (void)pthread_cond_init(&p->changed, NULL);
    const int failure = start(p, workers);
    if (failure != 0) {
        const unsigned started = p->count;
        lk_pool_free(p);
        return lk_fail_errno(err, LK_FAILED, failure,
                             "cannot start worker thread %u of %u (use fewer: --jobs, or raise ulimit -u)",
                             started + 1, workers);
    }
    *out = p;
    return LK_OK;
}

void lk_pool_free(struct lk_pool *p)
{
    if (p == NULL)
        return;
    (void)pthread_mutex_lock(&p->mutex);
    p->ending = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
    for (unsigned i = 0; i < p->count; i++)
        (void)pthread_join(p->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->mutex);
    lk_free(p->workers);
    lk_free(p);
}

unsigned lk_pool_workers(const struct lk_pool *p)
{
    return p->count;
}

void lk_pool_submit(struct lk_pool *p, struct lk_job *job, bool urgent)
{
    (void)pthread_mutex_lock(&p->mutex);
    put(urgent ? &p->urgent : &p->normal, job);
    (void)pthread_cond_signal(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
}
