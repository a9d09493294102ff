#include "sqlite/duplicate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define CHUNK ((size_t)4 << 20) /* bytes between two looks at the clock */

static int create(const char *to)
{
    return open(to, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

enum lk_status lk_duplicate_clone(int from, const char *to, bool *done, struct lk_error *err)
{
    const int fd = create(to);
    if (fd < 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot create a copy", to);
    *done = ioctl(fd, FICLONE, from) == 0;
    close(fd);
    if (!*done)
        (void)unlink(to);
    return LK_OK;
}

/* One chunk through memory, where the kernel cannot copy by itself. The number of bytes, 0 at the end, or -1
 * with errno. */
static ssize_t copy_through_memory(int from, int to, uint8_t *buffer, off_t at)
{
    const ssize_t got = pread(from, buffer, CHUNK, at);
    ssize_t put = 0;
    while (put < got) {
        const ssize_t n = pwrite(to, buffer + put, (size_t)(got - put), at + put);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            put += n;
    }
    return got;
}

enum lk_status lk_duplicate_copy(int from, const char *from_path, const char *to, int64_t deadline,
                                 const atomic_bool *interrupt, bool *done, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    uint8_t *buffer = NULL;
    *done = false;
    const int fd = create(to);
    if (fd < 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot create a copy", to);
    for (off_t at = 0;;) {
        if (interrupt != NULL && atomic_load(interrupt)) {
            status = lk_fail(err, LK_INTERRUPTED, "%s: interrupted while it was copied", from_path);
            goto out;
        }
        if (deadline != 0 && lk_clock_monotonic() >= deadline)
            goto out;
        off64_t in = at;
        off64_t out = at;
        ssize_t n = buffer != NULL ? copy_through_memory(from, fd, buffer, at)
                                   : copy_file_range(from, &in, fd, &out, CHUNK, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && buffer == NULL && errno != EIO && errno != ENOSPC && errno != EDQUOT) {
            buffer = lk_allocate(CHUNK); /* EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, ...: not by the kernel */
            if (buffer != NULL)
                continue;
            status = lk_fail_memory(err, "copying a database");
            goto out;
        }
        if (n < 0) {
            status = lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot copy it to %s", from_path, to);
            goto out;
        }
        if (n == 0)
            break;
        at += n;
    }
    *done = true;
out:
    if (close(fd) != 0 && status == LK_OK && *done)
        status = lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot copy it to %s", from_path, to);
    lk_free(buffer);
    return status;
}
