#include "base/dir.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

bool lk_dir_is_name(const char *name)
{
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strchr(name, '/') == NULL;
}

static enum lk_status check_name(const struct lk_dir *parent, const char *name, struct lk_error *err)
{
    if (lk_dir_is_name(name))
        return LK_OK;
    return lk_fail(err, LK_FAILED, "%s: '%s' is not a name inside this folder", parent->path, name);
}

/* Why a folder below could not be opened. ELOOP alone would read as if there were a chain of links. */
static enum lk_status fail_open(struct lk_error *err, int system, const char *parent, const char *name)
{
    return lk_fail_errno(err, system == ENOENT ? LK_NOT_FOUND : LK_FAILED, system,
                         "%s%s%s: cannot open the folder%s", parent, name[0] != '\0' ? "/" : "", name,
                         system == ELOOP ? " (links are not followed here)" : "");
}

enum lk_status lk_dir_open(const char *path, struct lk_dir *out, struct lk_error *err)
{
    *out = LK_DIR_CLOSED;
    char *copy = lk_copy_string(path);
    if (copy == NULL)
        return lk_fail_memory(err, "opening a folder");
    const int fd = open(path, OPEN_FLAGS);
    if (fd < 0) {
        const int system = errno;
        lk_free(copy);
        return fail_open(err, system, path, "");
    }
    *out = (struct lk_dir){.fd = fd, .path = copy};
    return LK_OK;
}

enum lk_status lk_dir_open_at(const struct lk_dir *parent, const char *name, struct lk_dir *out,
                              struct lk_error *err)
{
    *out = LK_DIR_CLOSED;
    const enum lk_status status = check_name(parent, name, err);
    if (status != LK_OK)
        return status;
    char *path = lk_format("%s/%s", parent->path, name);
    if (path == NULL)
        return lk_fail_memory(err, "opening a folder");
    const int fd = openat(parent->fd, name, OPEN_FLAGS | O_NOFOLLOW);
    if (fd < 0) {
        const int system = errno;
        lk_free(path);
        return fail_open(err, system, parent->path, name);
    }
    *out = (struct lk_dir){.fd = fd, .path = path};
    return LK_OK;
}

/* The umask took bits away at mkdir, and default ACLs may have. */
static enum lk_status set_mode(const struct lk_dir *dir, mode_t mode, struct lk_error *err)
{
    struct stat st;
    if (fstat(dir->fd, &st) != 0)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot examine the folder", dir->path);
    const mode_t wanted = mode | (st.st_mode & S_ISGID);
    if ((st.st_mode & 07777) == wanted || fchmod(dir->fd, wanted) == 0 || errno == EPERM || errno == ENOTSUP)
        return LK_OK;
    return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot set the folder's permissions to %04o", dir->path,
                         (unsigned)wanted);
}

enum lk_status lk_dir_create_at(const struct lk_dir *parent, const char *name, mode_t mode, bool exclusive,
                                struct lk_dir *out, struct lk_error *err)
{
    *out = LK_DIR_CLOSED;
    enum lk_status status = check_name(parent, name, err);
    if (status != LK_OK)
        return status;
    const bool made = mkdirat(parent->fd, name, mode) == 0;
    if (!made && (errno != EEXIST || exclusive)) {
        const bool full = errno == ENOSPC || errno == EDQUOT;
        return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot create the folder%s", parent->path, name,
                             full ? " (free space or inodes there, or use --store on another disk)" : "");
    }
    status = lk_dir_open_at(parent, name, out, err);
    if (status == LK_OK && made)
        status = set_mode(out, mode, err);
    if (status != LK_OK) {
        lk_dir_close(out);
        if (made)
            (void)unlinkat(parent->fd, name, AT_REMOVEDIR);
    }
    return status;
}

enum lk_status lk_dir_sync(const struct lk_dir *dir, struct lk_error *err)
{
    if (fsync(dir->fd) == 0 || errno == EINVAL || errno == ENOTSUP)
        return LK_OK;
    return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot make the folder durable", dir->path);
}

void lk_dir_close(struct lk_dir *dir)
{
    if (dir->fd >= 0)
        (void)close(dir->fd);
    lk_free(dir->path);
    *dir = LK_DIR_CLOSED;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: count + 1 pointers, then the names. `packed` is the names with their NULs. */
static char **names_of(struct lk_bytes packed, size_t count)
{
    const size_t pointers = (count + 1) * sizeof(char *);
    char **names = lk_allocate(pointers + packed.len);
    if (names == NULL)
        return NULL;
    char *text = (char *)names + pointers;
    if (packed.ptr != NULL)
        memcpy(text, packed.ptr, packed.len);
    for (size_t i = 0; i < count; i++) {
        names[i] = text;
        text += strlen(text) + 1;
    }
    names[count] = NULL;
    if (count > 0)
        qsort(names, count, sizeof *names, compare_names);
    return names;
}

enum lk_status lk_dir_list(const struct lk_dir *dir, char ***names, size_t *count, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    struct lk_buffer packed = {0};
    size_t n = 0;
    /* A description of its own: dir->fd's reading position is shared by all its users. */
    const int fd = openat(dir->fd, ".", OPEN_FLAGS);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot list the folder", dir->path);
        if (fd >= 0)
            (void)close(fd);
        goto out;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL && errno != 0)
            status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot list the folder", dir->path);
        if (entry == NULL)
            break;
        if (!lk_dir_is_name(entry->d_name))
            continue;
        lk_buffer_append(&packed, entry->d_name, strlen(entry->d_name) + 1);
        n++;
    }
    (void)closedir(stream);
    if (status != LK_OK)
        goto out;
    char **found = packed.failed ? NULL : names_of(lk_buffer_bytes(&packed), n);
    if (found == NULL) {
        status = lk_fail_memory(err, "listing a folder");
        goto out;
    }
    *names = found;
    *count = n;
out:
    lk_buffer_reset(&packed);
    return status;
}

/* Open a folder that is to be emptied, whatever its mode. */
static enum lk_status open_writable(const struct lk_dir *parent, const char *name, mode_t mode,
                                    struct lk_dir *out, struct lk_error *err)
{
    /* Failures show themselves at once in what follows. glibc's AT_SYMLINK_NOFOLLOW works through O_PATH: no
     * link is followed. */
    if ((mode & S_IRWXU) != S_IRWXU)
        (void)fchmodat(parent->fd, name, mode | S_IRWXU, AT_SYMLINK_NOFOLLOW);
    return lk_dir_open_at(parent, name, out, err);
}

static enum lk_status fail_remove(struct lk_error *err, const struct lk_dir *parent, const char *name)
{
    return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot remove it", parent->path, name);
}

enum lk_status lk_dir_remove_tree(const struct lk_dir *parent, const char *name, struct lk_error *err)
{
    enum lk_status status = check_name(parent, name, err);
    if (status != LK_OK)
        return status;
    struct stat st;
    if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? LK_OK : fail_remove(err, parent, name);
    if (!S_ISDIR(st.st_mode))
        return unlinkat(parent->fd, name, 0) == 0 || errno == ENOENT ? LK_OK : fail_remove(err, parent, name);

    struct lk_dir dir = LK_DIR_CLOSED;
    char **names = NULL;
    size_t count = 0;
    status = open_writable(parent, name, st.st_mode & 07777, &dir, err);
    /* All names first: what readdir gives while entries go away differs between file systems. */
    if (status == LK_OK)
        status = lk_dir_list(&dir, &names, &count, err);
    for (size_t i = 0; status == LK_OK && i < count; i++)
        status = lk_dir_remove_tree(&dir, names[i], err);
    lk_free(names);
    lk_dir_close(&dir);
    if (status == LK_OK && unlinkat(parent->fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        status = fail_remove(err, parent, name);
    return status;
}
