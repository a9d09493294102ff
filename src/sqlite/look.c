#include "sqlite/look.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define TICK_NS INT64_C(20000000) /* the kernel's coarse clock ticks at least every 10 ms */

enum lk_status lk_look_fd(int fd, const char *path, struct lk_look *out, struct lk_error *err)
{
    memset(out, 0, sizeof *out);
    if (fstat(fd, &out->st) != 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot look at it", path);
    if (!S_ISREG(out->st.st_mode))
        return lk_fail(err, LK_UNREADABLE, "%s: not a regular file", path);
    size_t got = 0;
    while (got < sizeof out->start) {
        const ssize_t n = pread(fd, out->start + got, sizeof out->start - got, (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot read", path);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    out->exists = true;
    return LK_OK;
}

enum lk_status lk_look_at(const char *path, struct lk_look *out, struct lk_error *err)
{
    memset(out, 0, sizeof *out);
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return LK_OK;
    if (fd < 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot open", path);
    const enum lk_status status = lk_look_fd(fd, path, out, err);
    close(fd);
    return status;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool lk_look_same(const struct lk_look *a, const struct lk_look *b)
{
    if (!a->exists || !b->exists)
        return a->exists == b->exists;
    return a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino && a->st.st_size == b->st.st_size &&
           same_time(a->st.st_mtim, b->st.st_mtim) && same_time(a->st.st_ctim, b->st.st_ctim) &&
           memcmp(a->start, b->start, sizeof a->start) == 0;
}

void lk_look_settle(const struct lk_look *look)
{
    if (!look->exists)
        return;
    const int64_t changed = (int64_t)look->st.st_ctim.tv_sec * 1000000000 + look->st.st_ctim.tv_nsec;
    const int64_t age = lk_clock_now() - changed;
    if (age >= 0 && age < TICK_NS) {
        const struct timespec pause = {.tv_nsec = TICK_NS};
        (void)nanosleep(&pause, NULL);
    }
}
