#include "store/lock_system.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { STAT_SIZE = 1024, START_FIELD = 22 };

/* The first bytes of a file of /proc; empty when it cannot be read. */
static void read_text(const char *path, char *out, size_t size)
{
    out[0] = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const ssize_t got = read(fd, out, size - 1);
    out[got > 0 ? got : 0] = '\0';
    (void)close(fd);
}

/* proc(5): the name in field 2 is in parentheses and may hold anything, so fields are counted behind the last
 * ')'. */
static uint64_t start_of(int64_t pid)
{
    char path[64], text[STAT_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    read_text(path, text, sizeof text);
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < START_FIELD; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static bool alive(int64_t pid, uint64_t *start)
{
    *start = start_of(pid);
    return *start != 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

static int lock_ofd(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole);
}

void lk_lock_system_init(struct lk_lock_system *system)
{
    *system = (struct lk_lock_system){.flock = flock, .ofd = lock_ofd, .alive = alive};
    struct lk_lock_self *self = &system->self;
    if (gethostname(self->host, sizeof self->host) != 0)
        self->host[0] = '\0';
    self->host[sizeof self->host - 1] = '\0';
    read_text("/proc/sys/kernel/random/boot_id", self->boot, sizeof self->boot);
    self->boot[strcspn(self->boot, "\n")] = '\0';
    self->pid = getpid();
    self->start = start_of(self->pid);
}
