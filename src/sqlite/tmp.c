#include "sqlite/tmp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

/* How often a folder is made anew because a sweep took it before it was locked. */
#define TRIES 16
/* Kept free on the file system of the copies. */
#define SPARE_BYTES (UINT64_C(16) << 20)

struct lk_tmp {
    struct lk_dir parent;
    struct lk_dir dir;
    char *path;
    const char *name; /* in path */
};

static const char *choose(const char *where)
{
    if (where != NULL)
        return where;
    const char *given = getenv("TMPDIR");
    if (given != NULL && given[0] == '/')
        return given;
    return access("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : "/tmp";
}

/* Remove one folder that a killed run left, if that is what it is. Failure leaves it for another time. */
static void sweep_one(const struct lk_dir *parent, const char *name)
{
    const int fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    struct stat st;
    struct lk_error ignored = {0};
    const bool left = fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (left && lk_dir_remove_tree(parent, name, &ignored) != LK_OK)
        ignored.status = LK_OK;
    close(fd);
}

static void sweep(const struct lk_dir *parent)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error ignored = {0};
    if (lk_dir_list(parent, &names, &count, &ignored) != LK_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (strncmp(names[i], LK_TMP_PREFIX, sizeof LK_TMP_PREFIX - 1) == 0)
            sweep_one(parent, names[i]);
    lk_free(names);
}

/* Make and lock a folder. Between the two a sweep may take it for one that was left: *taken, and there is
 * none. */
static enum lk_status make_one(struct lk_tmp *t, const char *where, bool *taken, struct lk_error *err)
{
    struct stat st;
    *taken = false;
    t->path = lk_format("%s/" LK_TMP_PREFIX "XXXXXX", where);
    if (t->path == NULL)
        return lk_fail_memory(err, "making a folder for a copy");
    if (mkdtemp(t->path) == NULL)
        return lk_fail_errno(err, LK_UNREADABLE, errno,
                             "%s: cannot make a folder for a copy; choose another place with --tmp", where);
    t->name = strrchr(t->path, '/') + 1;
    enum lk_status status = lk_dir_open_at(&t->parent, t->name, &t->dir, err);
    if (status == LK_NOT_FOUND)
        *taken = true;
    else if (status == LK_OK)
        /* Where flock does not work, another's sweep cannot lock it either. */
        *taken = (flock(t->dir.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
                 fstat(t->dir.fd, &st) != 0 || st.st_nlink == 0;
    if (!*taken)
        return status;
    lk_dir_close(&t->dir);
    lk_free(t->path);
    t->path = NULL;
    t->name = NULL;
    return LK_OK;
}

enum lk_status lk_tmp_new(const char *where, struct lk_tmp **out, struct lk_error *err)
{
    const char *chosen = choose(where);
    struct lk_tmp *t = lk_allocate_zeroed(1, sizeof *t);
    bool taken = true;
    if (t == NULL)
        return lk_fail_memory(err, "making a folder for a copy");
    t->parent = LK_DIR_CLOSED;
    t->dir = LK_DIR_CLOSED;
    enum lk_status status = lk_dir_open(chosen, &t->parent, err);
    if (status != LK_OK) {
        err->status = status = LK_UNREADABLE;
        (void)lk_error_prefix(err, "folder for copies (choose another with --tmp)");
        goto out;
    }
    sweep(&t->parent);
    for (unsigned i = 0; i < TRIES && taken && status == LK_OK; i++)
        status = make_one(t, chosen, &taken, err);
    if (status == LK_OK && taken)
        status =
            lk_fail(err, LK_UNREADABLE, "%s: a folder for a copy was removed as soon as it was made", chosen);
    if (status == LK_OK)
        *out = t;
out:
    if (status != LK_OK)
        lk_tmp_free(t);
    return status;
}

const char *lk_tmp_path(const struct lk_tmp *t)
{
    return t->path;
}

enum lk_status lk_tmp_space(const struct lk_tmp *t, uint64_t *bytes, struct lk_error *err)
{
    struct statvfs fs;
    if (fstatvfs(t->dir.fd, &fs) != 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot tell the free space", t->path);
    const uint64_t all = (uint64_t)fs.f_bavail * fs.f_frsize;
    *bytes = all > SPARE_BYTES ? all - SPARE_BYTES : 0;
    return LK_OK;
}

enum lk_status lk_tmp_check_space(const struct lk_tmp *t, uint64_t bytes, struct lk_error *err)
{
    uint64_t free_bytes = 0;
    const enum lk_status status = lk_tmp_space(t, &free_bytes, err);
    if (status != LK_OK || free_bytes >= bytes)
        return status;
    char need[LK_TIME_SIZE];
    char have[LK_TIME_SIZE];
    lk_size_format(bytes, need);
    lk_size_format(free_bytes, have);
    return lk_fail(err, LK_UNREADABLE,
                   "%s: a copy needs %s, %s are free beside a reserve; choose another place with --tmp",
                   t->path, need, have);
}

void lk_tmp_clear(struct lk_tmp *t)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error ignored = {0};
    if (lk_dir_list(&t->dir, &names, &count, &ignored) != LK_OK)
        return;
    for (size_t i = 0; i < count; i++)
        (void)unlinkat(t->dir.fd, names[i], 0);
    lk_free(names);
}

void lk_tmp_free(struct lk_tmp *t)
{
    if (t == NULL)
        return;
    struct lk_error ignored = {0};
    if (t->name != NULL && lk_dir_remove_tree(&t->parent, t->name, &ignored) != LK_OK)
        ignored.status = LK_OK; /* the next run's sweep removes it */
    lk_dir_close(&t->dir);
    lk_dir_close(&t->parent);
    lk_free(t->path);
    lk_free(t);
}
