#include "sqlite/stepped.h"

#include <time.h>

#include "base/clock.h"
#include "sqlite/connection.h"

#define FIRST_STEP 256    /* pages */
#define MOST_STEP 4194304 /* pages */
#define MOST_RESTARTS 10
#define MOST_BUSY 100 /* refused steps one after another, each after the connection's own patience */

/* How many pages the next step may take, from how long the last one took. Steps as long as are allowed: small
 * ones starve under a constant writer. */
static int next_step(int pages, int64_t took, int64_t allowed)
{
    if (took < allowed / 4 && pages <= MOST_STEP / 2)
        return pages * 2;
    if (took > allowed / 2 && pages > FIRST_STEP)
        return pages / 2;
    return pages;
}

static int run_steps(sqlite3_backup *backup, int64_t step_ns, const atomic_bool *interrupt, bool *starved)
{
    int pages = step_ns == 0 ? -1 : FIRST_STEP;
    int restarts = 0;
    int refused = 0;
    int remaining = -1; /* after the last step; -1 before the first */
    for (;;) {
        if (interrupt != NULL && atomic_load(interrupt))
            return SQLITE_INTERRUPT;
        const int64_t begin = lk_clock_monotonic();
        const int rc = sqlite3_backup_step(backup, pages);
        const int64_t took = lk_clock_monotonic() - begin;
        if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
            if (++refused > MOST_BUSY)
                return rc;
            const struct timespec pause = {.tv_nsec = 10000000};
            (void)nanosleep(&pause, NULL);
            continue;
        }
        if (rc != SQLITE_OK)
            return rc;
        refused = 0;
        /* More left than there should be: the database was written, and SQLite began again. */
        const int now = sqlite3_backup_remaining(backup);
        if (remaining >= 0 && now > remaining - pages && ++restarts > MOST_RESTARTS) {
            *starved = true;
            return SQLITE_OK;
        }
        remaining = now;
        pages = next_step(pages, took, step_ns);
        const struct timespec pause = {.tv_nsec = 1000000}; /* let a waiting writer in */
        (void)nanosleep(&pause, NULL);
    }
}

enum lk_status lk_stepped_copy(sqlite3 *db, const char *path, const char *to, int64_t step_ns,
                               const atomic_bool *interrupt, bool *done, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    sqlite3 *copy = NULL;
    sqlite3_backup *backup = NULL;
    bool starved = false;
    *done = false;
    int rc = lk_connection_open(to, LK_CONNECTION_OWN, NULL, &copy);
    if (rc == SQLITE_OK)
        rc = lk_connection_run(copy, "PRAGMA synchronous=OFF");
    if (rc == SQLITE_OK)
        rc = lk_connection_run(copy, "PRAGMA journal_mode=OFF");
    if (rc != SQLITE_OK) {
        status = lk_connection_fail(err, copy, rc, to, "making a copy");
        goto out;
    }
    backup = sqlite3_backup_init(copy, "main", db, "main");
    if (backup == NULL) {
        status = lk_connection_fail(err, copy, sqlite3_extended_errcode(copy), path, "copying");
        goto out;
    }
    rc = run_steps(backup, step_ns, interrupt, &starved);
    const int end = sqlite3_backup_finish(backup);
    backup = NULL;
    if (rc == SQLITE_DONE && end == SQLITE_OK)
        *done = true;
    else if (!starved)
        status =
            lk_connection_fail(err, NULL, rc == SQLITE_OK || rc == SQLITE_DONE ? end : rc, path, "copying");
out:
    (void)sqlite3_close_v2(copy);
    return status;
}
