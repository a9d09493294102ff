/* Waiting with an end, on the monotonic clock. */
#ifndef LK_OPS_DEADLINE_H
#define LK_OPS_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A condition variable for lk_cond_wait_until. */
void lk_cond_init(pthread_cond_t *cond);

/* Wait once for `cond`, as pthread_cond_wait. `deadline`: lk_clock_monotonic's instant after which it is
 * false, 0: none. */
bool lk_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline);

#endif
