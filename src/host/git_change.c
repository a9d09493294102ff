/* The two things that litekeep changes in a work tree: the index, and .gitignore. */
#include "host/git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/git_repository.h"

#define MOST_IGNORE ((size_t)16 << 20)

static enum lk_status find(const char *path, struct lk_git_repository **out, const char **name,
                           struct lk_error *err)
{
    enum lk_status status = lk_git_repository_of(path, out, name, err);
    if (status == LK_OK && *out == NULL)
        status = lk_fail(err, LK_NOT_FOUND, "%s: it lies in no work tree of Git", path);
    else if (status == LK_OK && (*out)->handle == NULL)
        status = lk_git_repository_refuse(*out, err);
    return status;
}

static enum lk_status by_hand(const struct lk_git_repository *r, const char *what, struct lk_error *err)
{
    return lk_fail(err, LK_REFUSED, "%sindex: %s: %s; `git rm --cached` does it by hand", r->folder, what,
                   lk_git_repository_reason());
}

/* A copy of the index without the file, under another name in the same folder. libgit2 would lock the index
 * only to write it; here it is locked by us since before it was read, so nothing that another Git stages
 * meanwhile can get lost. */
static enum lk_status write_without(const struct lk_git_repository *r, const struct lk_dir *folder,
                                    const char *copy, const char *name, bool *changed, struct lk_error *err)
{
    git_index *index = NULL;
    struct lk_buffer content = {0};
    char *path = lk_format("%s%s", r->folder, copy);
    enum lk_status status = path == NULL ? lk_fail_memory(err, "reading a Git index") : LK_OK;
    if (status == LK_OK)
        status = lk_file_read(folder, "index", (size_t)4 << 30, &content, err);
    if (status == LK_OK)
        status = lk_file_write(folder, copy, lk_buffer_bytes(&content), 0600, false, err);
    if (status == LK_OK && git_index_open(&index, path) != 0)
        status = by_hand(r, "cannot be read", err);
    for (int stage = 0; status == LK_OK && stage <= 3; stage++) {
        if (git_index_get_bypath(index, name, stage) == NULL)
            continue;
        *changed = true;
        if (git_index_remove(index, name, stage) != 0)
            status = by_hand(r, "cannot be changed", err);
    }
    if (status == LK_OK && *changed && git_index_write(index) != 0)
        status = by_hand(r, "cannot be written", err);
    git_index_free(index);
    lk_buffer_reset(&content);
    lk_free(path);
    return status;
}

/* The copy takes the index's place, with its owner, mode and time: by that time Git knows which files it has
 * to look into because they were changed in the second in which they were staged. */
static enum lk_status put_in_place(const struct lk_dir *folder, const char *copy, struct lk_error *err)
{
    struct stat st;
    const int fd = openat(folder->fd, copy, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool done = fd >= 0 && fstatat(folder->fd, "index", &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (done) {
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        if (fchown(fd, st.st_uid, st.st_gid) != 0)
            errno = 0; /* only root may, and only root has to */
        done = fchmod(fd, st.st_mode & 07777) == 0 && futimens(fd, times) == 0 && fsync(fd) == 0 &&
               renameat(folder->fd, copy, folder->fd, "index") == 0;
    }
    const int cause = errno;
    if (fd >= 0)
        close(fd);
    if (!done)
        return lk_fail_errno(err, LK_FAILED, cause, "%s/index: cannot be replaced", folder->path);
    return lk_dir_sync(folder, err);
}

static enum lk_status untrack_locked(struct lk_git_repository *r, const struct lk_dir *folder,
                                     const char *name, bool *changed, struct lk_error *err)
{
    static const char copy[] = "litekeep-index";
    (void)unlinkat(folder->fd, copy, 0); /* of a run that was killed: the lock is ours now */
    enum lk_status status = write_without(r, folder, copy, name, changed, err);
    if (status == LK_OK && *changed)
        status = put_in_place(folder, copy, err);
    (void)unlinkat(folder->fd, copy, 0);
    (void)unlinkat(folder->fd, "litekeep-index.lock", 0);
    return status;
}

static enum lk_status untrack(struct lk_git_repository *r, const char *name, bool *changed,
                              struct lk_error *err)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    enum lk_status status = lk_dir_open(r->folder, &folder, err);
    if (status != LK_OK)
        return status;
    const int fd = openat(folder.fd, "index.lock", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        status = errno == EEXIST
                     ? lk_fail(err, LK_REFUSED,
                               "%sindex.lock is there: another Git is at work in this repository (or was "
                               "killed; then remove that file)",
                               r->folder)
                     : lk_fail_errno(err, LK_FAILED, errno, "%sindex.lock: cannot be made", r->folder);
    } else {
        close(fd);
        status = untrack_locked(r, &folder, name, changed, err);
        (void)unlinkat(folder.fd, "index.lock", 0);
    }
    lk_dir_close(&folder);
    return status;
}

enum lk_status lk_git_untrack(const char *path, bool *changed, struct lk_error *err)
{
    struct lk_git_repository *r;
    const char *name;
    struct stat st;
    *changed = false;
    lk_git_repository_lock();
    enum lk_status status = find(path, &r, &name, err);
    if (status == LK_OK) {
        char *index = lk_format("%sindex", r->folder);
        if (index == NULL)
            status = lk_fail_memory(err, "reading a Git index");
        else if (lstat(index, &st) == 0) /* before the first `git add` there is none */
            status = untrack(r, name, changed, err);
        lk_free(index);
    }
    lk_git_repository_unlock();
    return status;
}

char *lk_git_ignore_rule(const char *name)
{
    struct lk_buffer out = {0};
    lk_buffer_append_byte(&out, '/');
    for (const char *c = name; *c != '\0'; c++) {
        const bool last = c[1] == '\0';
        if (*c == '\n' || *c == '\r') {
            lk_buffer_append_byte(&out, '?'); /* a rule is one line: any character */
            continue;
        }
        if (strchr("\\*?[", *c) != NULL || (last && (*c == ' ' || *c == '\t')))
            lk_buffer_append_byte(&out, '\\');
        lk_buffer_append_byte(&out, (uint8_t)*c);
    }
    char *rule = lk_buffer_string(&out) != NULL ? lk_copy_string((const char *)out.data) : NULL;
    lk_buffer_reset(&out);
    return rule;
}

static bool is_ignored(const struct lk_git_repository *r, const char *name)
{
    int ignored = 0;
    return git_ignore_path_is_ignored(&ignored, r->handle, name) == 0 && ignored;
}

static const char *const beside[] = {"", "-wal", "-shm", "-journal"};
enum { BESIDE = sizeof beside / sizeof beside[0] };

/* The rules that are missing, at the end of `text`. */
static enum lk_status add_rules(const struct lk_git_repository *r, const char *name, struct lk_buffer *text,
                                bool *changed, struct lk_error *err)
{
    for (size_t i = 0; i < BESIDE; i++) {
        char *file = lk_format("%s%s", name, beside[i]);
        char *rule = file != NULL ? lk_git_ignore_rule(file) : NULL;
        const bool there = file != NULL && is_ignored(r, file);
        if (rule != NULL && !there) {
            if (text->len > 0 && text->data[text->len - 1] != '\n')
                lk_buffer_append_byte(text, '\n');
            lk_buffer_append_string(text, rule);
            lk_buffer_append_byte(text, '\n');
            *changed = true;
        }
        lk_free(file);
        lk_free(rule);
        if (rule == NULL)
            return lk_fail_memory(err, "writing .gitignore");
    }
    return lk_buffer_check(text, "writing .gitignore", err);
}

static enum lk_status ignore(const struct lk_git_repository *r, const char *name, bool *changed,
                             struct lk_error *err)
{
    struct lk_dir top = LK_DIR_CLOSED;
    struct lk_buffer text = {0};
    struct lk_error why = {0};
    struct stat st = {0};
    enum lk_status status = lk_dir_open(r->top, &top, err);
    if (status != LK_OK)
        return status;
    const bool exists = fstatat(top.fd, ".gitignore", &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        status =
            lk_fail(err, LK_REFUSED, "%s.gitignore is no regular file, so no rule is added to it", r->top);
        goto out;
    }
    /* A new file is for the owner of the work tree, whoever runs this. */
    if (!exists && fstat(top.fd, &st) == 0)
        st.st_mode = 0644;
    if (exists && (status = lk_file_read(&top, ".gitignore", MOST_IGNORE, &text, &why)) != LK_OK) {
        *err = why;
        goto out;
    }
    status = add_rules(r, name, &text, changed, err);
    if (status == LK_OK && *changed)
        status = lk_file_write(&top, ".gitignore", lk_buffer_bytes(&text), st.st_mode & 07777, true, err);
    if (status == LK_OK && *changed && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
        fchownat(top.fd, ".gitignore", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        errno = 0; /* it is ours then, and readable as before */
    if (status == LK_OK && *changed && !is_ignored(r, name))
        status = lk_fail(err, LK_REFUSED,
                         "%s.gitignore has a rule for %s now, but a rule in another .gitignore takes it back",
                         r->top, name);
out:
    lk_buffer_reset(&text);
    lk_dir_close(&top);
    return status;
}

enum lk_status lk_git_ignore(const char *path, bool *changed, struct lk_error *err)
{
    struct lk_git_repository *r;
    const char *name;
    *changed = false;
    lk_git_repository_lock();
    enum lk_status status = find(path, &r, &name, err);
    if (status == LK_OK)
        status = ignore(r, name, changed, err);
    lk_git_repository_unlock();
    return status;
}
