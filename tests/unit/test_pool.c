#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* What the jobs of one test share. Checks are made in the test's thread: cmocka's asserts jump. */
struct shared {
    struct lk_pool *pool;
    sem_t go;
    sem_t reached;
    pthread_mutex_t mutex;
    int order[64];
    int done;
    atomic_int sum;
    atomic_int wrong_worker;
    unsigned workers;
};

struct job {
    struct lk_job job; /* first: a struct lk_job * is a struct job * */
    struct shared *shared;
    int number;
};

static int make_shared(void **state)
{
    struct shared *s = lk_allocate_zeroed(1, sizeof *s);
    if (s == NULL || sem_init(&s->go, 0, 0) != 0 || sem_init(&s->reached, 0, 0) != 0)
        return -1;
    *state = s;
    return pthread_mutex_init(&s->mutex, NULL);
}

static int free_shared(void **state)
{
    lk_memory_fail_after(-1, 0);
    struct shared *s = *state;
    (void)sem_destroy(&s->go);
    (void)sem_destroy(&s->reached);
    (void)pthread_mutex_destroy(&s->mutex);
    lk_free(s);
    return 0;
}

static void start(struct shared *s, unsigned workers)
{
    struct lk_error err = {0};
    s->workers = workers;
    assert_int_equal(lk_pool_new(workers, &s->pool, &err), LK_OK);
    assert_int_equal(lk_pool_workers(s->pool), workers);
}

static void note_order(struct lk_job *job, unsigned worker)
{
    struct job *self = (struct job *)job;
    struct shared *s = self->shared;
    (void)pthread_mutex_lock(&s->mutex);
    s->order[s->done++] = self->number;
    (void)pthread_mutex_unlock(&s->mutex);
    if (worker >= s->workers)
        atomic_store(&s->wrong_worker, 1);
}

static void wait_for_go(struct lk_job *job, unsigned worker)
{
    (void)worker;
    struct job *self = (struct job *)job;
    (void)sem_post(&self->shared->reached);
    (void)sem_wait(&self->shared->go);
}

static void jobs_run_in_order_and_urgent_ones_first(void **state)
{
    struct shared *s = *state;
    start(s, 1);
    struct job gate = {{wait_for_go, NULL}, s, 0};
    struct job jobs[8];
    lk_pool_submit(s->pool, &gate.job, false);
    (void)sem_wait(&s->reached);
    for (int i = 0; i < 8; i++) {
        jobs[i] = (struct job){{note_order, NULL}, s, i};
        lk_pool_submit(s->pool, &jobs[i].job, i % 4 == 3);
    }
    (void)sem_post(&s->go);
    lk_pool_free(s->pool);
    static const int expected[8] = {3, 7, 0, 1, 2, 4, 5, 6};
    assert_int_equal(s->done, 8);
    assert_memory_equal(s->order, expected, sizeof expected);
    assert_int_equal(s->wrong_worker, 0);
}

static void a_queue_that_ran_empty_takes_jobs_again(void **state)
{
    struct shared *s = *state;
    start(s, 1);
    struct job gates[4];
    struct job jobs[4];
    for (int i = 0; i < 4; i++) {
        gates[i] = (struct job){{wait_for_go, NULL}, s, 0};
        jobs[i] = (struct job){{note_order, NULL}, s, i};
        lk_pool_submit(s->pool, &jobs[i].job, i % 2 == 0);
        lk_pool_submit(s->pool, &gates[i].job, false);
        (void)sem_wait(&s->reached);
        (void)sem_post(&s->go);
    }
    lk_pool_free(s->pool);
    static const int expected[4] = {0, 1, 2, 3};
    assert_int_equal(s->done, 4);
    assert_memory_equal(s->order, expected, sizeof expected);
}

static void all_workers_work_at_once(void **state)
{
    struct shared *s = *state;
    start(s, 3);
    struct job gates[3];
    for (int i = 0; i < 3; i++) {
        gates[i] = (struct job){{wait_for_go, NULL}, s, i};
        lk_pool_submit(s->pool, &gates[i].job, false);
    }
    /* Each of the three waits inside a worker before any goes on; else this would hang. */
    for (int i = 0; i < 3; i++)
        (void)sem_wait(&s->reached);
    for (int i = 0; i < 3; i++)
        (void)sem_post(&s->go);
    lk_pool_free(s->pool);
}

static void add_and_free(struct lk_job *job, unsigned worker)
{
    struct job *self = (struct job *)job;
    struct shared *s = self->shared;
    atomic_fetch_add(&s->sum, self->number);
    if (worker >= s->workers)
        atomic_store(&s->wrong_worker, 1);
    lk_free(self);
}

/* Queues two jobs of half its number: jobs that queue jobs, while the pool is being freed. */
static void split(struct lk_job *job, unsigned worker)
{
    struct job *self = (struct job *)job;
    for (int i = 0; i < 2; i++) {
        struct job *half = lk_allocate(sizeof *half);
        if (half == NULL)
            continue;
        *half = (struct job){{self->number > 2 ? split : add_and_free, NULL}, self->shared, self->number / 2};
        lk_pool_submit(self->shared->pool, &half->job, i == 0);
    }
    self->number = 0;
    add_and_free(job, worker);
}

static void freeing_finishes_the_queued_jobs_and_theirs(void **state)
{
    struct shared *s = *state;
    for (unsigned workers = 1; workers <= 4; workers++) {
        start(s, workers);
        atomic_store(&s->sum, 0);
        for (int i = 0; i < 50; i++) {
            struct job *job = lk_allocate(sizeof *job);
            assert_non_null(job);
            *job = (struct job){{split, NULL}, s, 64};
            lk_pool_submit(s->pool, &job->job, false);
        }
        lk_pool_free(s->pool);
        assert_int_equal(s->sum, 50 * 64);
    }
    assert_int_equal(s->wrong_worker, 0);
}

enum { EACH = 500 };

static void *submit_many(void *argument)
{
    struct shared *s = argument;
    for (int i = 0; i < EACH; i++) {
        struct job *job = lk_allocate(sizeof *job);
        if (job == NULL)
            return NULL;
        *job = (struct job){{add_and_free, NULL}, s, 1};
        lk_pool_submit(s->pool, &job->job, i % 3 == 0);
    }
    return NULL;
}

static void any_thread_may_submit(void **state)
{
    struct shared *s = *state;
    start(s, 2);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, s), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    lk_pool_free(s->pool);
    assert_int_equal(s->sum, 3 * EACH);
}

static void count_unblocked(struct lk_job *job, unsigned worker)
{
    (void)worker;
    struct job *self = (struct job *)job;
    static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGPIPE,
                                  SIGALRM, SIGUSR1, SIGCHLD, SIGWINCH};
    sigset_t mask;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigismember(&mask, signals[i]) != 1)
            atomic_fetch_add(&self->shared->sum, 1);
}

static void workers_block_signals_and_the_caller_does_not(void **state)
{
    struct shared *s = *state;
    start(s, 1);
    struct job job = {{count_unblocked, NULL}, s, 0};
    lk_pool_submit(s->pool, &job.job, false);
    lk_pool_free(s->pool);
    assert_int_equal(s->sum, 0);
    sigset_t mask;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGINT), 0);
}

static void an_unused_pool_and_none_can_be_freed(void **state)
{
    struct shared *s = *state;
    start(s, 4);
    lk_pool_free(s->pool);
    lk_pool_free(NULL);
}

static void without_memory_there_is_no_pool(void **state)
{
    (void)state;
    for (int64_t count = 0; count < 2; count++) {
        struct lk_pool *pool = NULL;
        struct lk_error err = {0};
        lk_memory_fail_after(count, 0);
        assert_int_equal(lk_pool_new(2, &pool, &err), LK_FAILED);
        assert_null(pool);
        assert_string_equal(err.message, "out of memory while starting worker threads");
    }
}

static void a_thread_that_cannot_start_ends_those_that_did(void **state)
{
    (void)state;
    /* No address space holds two such stacks. */
    pthread_attr_t before;
    pthread_attr_t huge;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_init(&huge), 0);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 46), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    struct lk_pool *pool = NULL;
    struct lk_error err = {0};
    const enum lk_status status = lk_pool_new(3, &pool, &err);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    (void)pthread_attr_destroy(&huge);
    (void)pthread_attr_destroy(&before);
    assert_int_equal(status, LK_FAILED);
    assert_int_equal(err.system, EAGAIN);
    assert_non_null(strstr(err.message, "of 3 (use fewer: --jobs"));
    assert_null(pool);
}

int main(void)
{
#define WITH_SHARED(test) cmocka_unit_test_setup_teardown(test, make_shared, free_shared)
    const struct CMUnitTest tests[] = {
        WITH_SHARED(jobs_run_in_order_and_urgent_ones_first),
        WITH_SHARED(a_queue_that_ran_empty_takes_jobs_again),
        WITH_SHARED(all_workers_work_at_once),
        WITH_SHARED(freeing_finishes_the_queued_jobs_and_theirs),
        WITH_SHARED(any_thread_may_submit),
        WITH_SHARED(workers_block_signals_and_the_caller_does_not),
        WITH_SHARED(an_unused_pool_and_none_can_be_freed),
        WITH_SHARED(without_memory_there_is_no_pool),
        WITH_SHARED(a_thread_that_cannot_start_ends_those_that_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
