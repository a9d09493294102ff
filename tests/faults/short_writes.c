/* A preload: every write is short (a half, in whole blocks of 4 KiB where it is that long), and every third
 * is interrupted first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/types.h>

static atomic_uint calls;

static int interrupted(void)
{
    if (atomic_fetch_add(&calls, 1) % 3 != 2)
        return 0;
    errno = EINTR;
    return 1;
}

static size_t shorter(size_t len)
{
    if (len >= 8192)
        return len / 2 & ~(size_t)4095;
    return len > 4096 || len < 2 ? len : len / 2;
}

ssize_t write(int fd, const void *from, size_t len)
{
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    return interrupted() ? -1 : real(fd, from, shorter(len));
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    return interrupted() ? -1 : real(fd, from, shorter(len), at);
}

ssize_t pwrite64(int fd, const void *from, size_t len, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    return interrupted() ? -1 : real(fd, from, shorter(len), at);
}
