#include "host/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/memory.h"

/* A log file as a name in an open folder. */
struct place {
    const char *path; /* for messages */
    const char *name; /* in `folder` */
    int folder;
};

/* Make the folders above the last component that are missing. */
static enum lk_status make_folders(char *folder, const char *path, struct lk_error *err)
{
    for (char *at = folder + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char end = *at;
        *at = '\0';
        const bool made = mkdir(folder, 0700) == 0 || errno == EEXIST || errno == EISDIR;
        const int system = errno;
        struct stat st;
        const bool there = made || stat(folder, &st) == 0; /* one that may not be written to, say */
        *at = end;
        if (!there)
            return lk_fail_errno(err, LK_FAILED, system, "%s: its folder cannot be made", path);
        if (end == '\0')
            return LK_OK;
    }
}

static enum lk_status find_place(const char *path, struct place *out, struct lk_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (!lk_dir_is_name(name) || strlen(name) > NAME_MAX - 2)
        return lk_fail(err, LK_USAGE, "%s: is no name of a log file", path);
    char *folder = slash == NULL   ? lk_copy_string(".")
                   : slash == path ? lk_copy_string("/")
                                   : lk_copy_bytes(path, (size_t)(slash - path));
    if (folder == NULL)
        return lk_fail_memory(err, "opening a log");
    *out = (struct place){.path = path, .name = name, .folder = -1};
    enum lk_status status = LK_OK;
    out->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->folder < 0 && errno == ENOENT) {
        status = make_folders(folder, path, err);
        if (status == LK_OK)
            out->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (status == LK_OK && out->folder < 0)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: its folder cannot be opened", path);
    lk_free(folder);
    return status;
}

static enum lk_status open_file(const struct place *p, int *out, struct stat *st, struct lk_error *err)
{
    /* Not to be kept waiting by a FIFO nor to get a terminal. */
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const int fd = openat(p->folder, p->name, flags, 0600);
    if (fd < 0 && errno == ELOOP)
        return lk_fail(err, LK_FAILED, "%s: is a link; name the log file itself", p->path);
    if (fd < 0 && errno != ENXIO)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: the log cannot be opened", p->path);
    if (fd < 0 || fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
        if (fd >= 0)
            (void)close(fd);
        return lk_fail(err, LK_FAILED, "%s: is no regular file, so it cannot be a log", p->path);
    }
    *out = fd;
    return LK_OK;
}

/* NAME.3 becomes NAME.4, ..., NAME becomes NAME.1. The lock on the file itself keeps a second writer from
 * rotating what has just been rotated. A log that cannot be rotated is written to nevertheless. */
static void rotate(const struct place *p, int fd, const struct stat *st)
{
    char from[NAME_MAX + 1], to[NAME_MAX + 1];
    struct stat now;
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK)
        return; /* somebody is at it */
    /* Still under its name? */
    if (fstatat(p->folder, p->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == st->st_ino &&
        now.st_dev == st->st_dev) {
        for (int i = LK_LOG_OLD; i > 1; i--) {
            (void)snprintf(to, sizeof to, "%s.%d", p->name, i);
            (void)snprintf(from, sizeof from, "%s.%d", p->name, i - 1);
            (void)renameat(p->folder, from, p->folder, to);
        }
        (void)snprintf(to, sizeof to, "%s.1", p->name);
        (void)renameat(p->folder, p->name, p->folder, to);
    }
    if (locked)
        (void)flock(fd, LOCK_UN);
}

enum lk_status lk_log_open(const char *path, int *fd, struct lk_error *err)
{
    struct place place = {.folder = -1};
    struct stat st;
    int opened = -1;
    enum lk_status status = find_place(path, &place, err);
    if (status == LK_OK)
        status = open_file(&place, &opened, &st, err);
    if (status == LK_OK && st.st_size >= (off_t)LK_LOG_SIZE) {
        rotate(&place, opened, &st);
        (void)close(opened);
        status = open_file(&place, &opened, &st, err);
    }
    if (place.folder >= 0)
        (void)close(place.folder);
    if (status == LK_OK)
        *fd = opened;
    return status;
}

enum lk_status lk_log_append(const char *path, struct lk_bytes line, struct lk_error *err)
{
    int fd = -1;
    const enum lk_status status = lk_log_open(path, &fd, err);
    if (status != LK_OK)
        return status;
    ssize_t n;
    do
        n = write(fd, line.ptr, line.len);
    while (n < 0 && errno == EINTR);
    const int system = n < 0 ? errno : ENOSPC; /* a regular file takes a part only where no more fits */
    const int closed = close(fd) == 0 ? 0 : errno;
    if (n != (ssize_t)line.len)
        return lk_fail_errno(err, LK_FAILED, system, "%s: the log cannot be written to", path);
    if (closed != 0)
        return lk_fail_errno(err, LK_FAILED, closed, "%s: the log cannot be written to", path);
    return LK_OK;
}
