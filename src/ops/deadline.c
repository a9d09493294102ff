#include "ops/deadline.h"

#include <errno.h>
#include <time.h>

void lk_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool lk_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
    const int64_t second = INT64_C(1000000000);
    if (deadline == 0) {
        pthread_cond_wait(cond, lock);
        return true;
    }
    const struct timespec until = {.tv_sec = (time_t)(deadline / second),
                                   .tv_nsec = (long)(deadline % second)};
    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}
