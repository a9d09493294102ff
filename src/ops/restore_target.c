#include "ops/restore_target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sqlite/look.h"
#include "sqlite/takeover.h"
#include "sqlite/tmp.h"

/* SQLite opens paths of at most 512 bytes, "-journal" and the folder in which the file is built included. */
#define LONGEST_FOLDER 460
#define LONGEST_PATH 500
#define LONGEST_NAME (NAME_MAX - 8)

/* What lies beside a database. */
static const char *const suffixes[] = {"-wal", "-journal", "-shm"};
#define BESIDE (sizeof suffixes / sizeof *suffixes)

/* Whoever writes to a database writes to one of these. (A -journal comes before a write to the file, and a
 * hot one is rolled back into it.) */
struct seen {
    struct stat file;
    struct stat wal; /* st_size 0: none, or nothing in it */
};

struct lk_restore_target {
    char *path;        /* real */
    char *folder_path; /* of the folder that it is in */
    const char *name;  /* in path */
    struct lk_dir folder;
    bool force, exists;
    struct seen seen;
    off_t stray_wal; /* bytes of a -wal beside a file of 0 bytes: it belongs to nothing any more */
    struct lk_tmp *tmp;
    char *build;
};

static bool stat_name(const struct lk_restore_target *t, const char *suffix, struct stat *out)
{
    char name[NAME_MAX + 16]; /* what is longer cannot be there */
    *out = (struct stat){0};
    const int len = snprintf(name, sizeof name, "%s%s", t->name, suffix);
    return len > 0 && (size_t)len < sizeof name && fstatat(t->folder.fd, name, out, AT_SYMLINK_NOFOLLOW) == 0;
}

/* By names alone: no descriptor of the database is opened or closed. */
static bool look(const struct lk_restore_target *t, struct seen *out)
{
    (void)stat_name(t, "-wal", &out->wal);
    return stat_name(t, "", &out->file);
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
    if (a->st_size == 0 && b->st_size == 0)
        return true;
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool same_seen(const struct seen *a, const struct seen *b)
{
    return a->file.st_ino == b->file.st_ino && same_stat(&a->file, &b->file) && same_stat(&a->wal, &b->wal);
}

/* The real path of a target: of the file when there is one, else of its folder, with the name. */
static enum lk_status resolve(struct lk_restore_target *t, const char *path, struct lk_error *err)
{
    char *real = realpath(path, NULL), *folder = NULL, *copy = NULL;
    struct stat st;
    enum lk_status status = LK_OK;
    if (real != NULL) {
        t->path = lk_copy_string(real);
    } else if (errno != ENOENT) {
        status = lk_fail_errno(err, errno == ENOTDIR ? LK_NOT_FOUND : LK_FAILED, errno, "%s", path);
    } else if (lstat(path, &st) == 0) {
        status =
            lk_fail(err, LK_REFUSED, "%s: a link to a file that does not exist; name the file itself", path);
    } else {
        const char *slash = strrchr(path, '/');
        const char *name = slash == NULL ? path : slash + 1;
        copy = slash == NULL   ? lk_copy_string(".")
               : slash == path ? lk_copy_string("/")
                               : lk_copy_bytes(path, (size_t)(slash - path));
        folder = copy == NULL ? NULL : realpath(copy, NULL);
        if (name[0] == '\0')
            status = lk_fail(err, LK_REFUSED, "%s: that is a folder's name; name a file", path);
        else if (copy != NULL && folder == NULL)
            status = lk_fail_errno(err, errno == ENOENT || errno == ENOTDIR ? LK_NOT_FOUND : LK_FAILED, errno,
                                   "%s: cannot restore into that folder", copy);
        else if (folder != NULL)
            t->path = lk_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);
    }
    free(real);
    free(folder);
    lk_free(copy);
    return status == LK_OK && t->path == NULL ? lk_fail_memory(err, "looking at the target") : status;
}

static enum lk_status open_folder(struct lk_restore_target *t, struct lk_error *err)
{
    const char *slash = strrchr(t->path, '/');
    t->name = slash + 1;
    t->folder_path =
        slash == t->path ? lk_copy_string("/") : lk_copy_bytes(t->path, (size_t)(slash - t->path));
    if (t->folder_path == NULL)
        return lk_fail_memory(err, "looking at the target");
    return lk_dir_open(t->folder_path, &t->folder, err);
}

/* May the target be made or replaced, as far as can be seen? */
static enum lk_status check(const struct lk_restore_target *t, struct lk_error *err)
{
    if (strlen(t->folder_path) > LONGEST_FOLDER || strlen(t->name) > LONGEST_NAME ||
        strlen(t->path) > LONGEST_PATH)
        return lk_fail(err, LK_REFUSED, "%s: a path too long for SQLite; choose a shorter one", t->path);
    if (t->exists && S_ISDIR(t->seen.file.st_mode))
        return lk_fail(err, LK_REFUSED, "%s: a folder; name a file in it", t->path);
    if (t->exists && !S_ISREG(t->seen.file.st_mode))
        return lk_fail(err, LK_REFUSED, "%s: not a regular file", t->path);
    if (t->force)
        return LK_OK;
    if (t->exists)
        return lk_fail(err, LK_REFUSED,
                       "%s: exists already; name another file, or use --force: what is there is then backed "
                       "up and replaced",
                       t->path);
    for (size_t i = 0; i < BESIDE; i++) {
        struct stat st;
        if (stat_name(t, suffixes[i], &st))
            return lk_fail(
                err, LK_REFUSED,
                "%s%s: lies there without its database and may hold data of it; move it away, name "
                "another file, or remove it with --force",
                t->path, suffixes[i]);
    }
    return LK_OK;
}

enum lk_status lk_restore_target_open(const char *path, bool force, bool *exists,
                                      struct lk_restore_target **out, struct lk_error *err)
{
    struct lk_restore_target *t = lk_allocate_zeroed(1, sizeof *t);
    if (t == NULL)
        return lk_fail_memory(err, "looking at the target");
    t->folder = LK_DIR_CLOSED;
    t->force = force;
    enum lk_status status = resolve(t, path, err);
    if (status == LK_OK)
        status = open_folder(t, err);
    if (status == LK_OK) {
        t->exists = look(t, &t->seen);
        t->stray_wal = t->exists && t->seen.file.st_size == 0 ? t->seen.wal.st_size : 0;
        status = check(t, err);
    }
    if (status == LK_OK) {
        *exists = t->exists;
        *out = t;
    } else {
        lk_restore_target_free(t);
    }
    return status;
}

const char *lk_restore_target_path(const struct lk_restore_target *t)
{
    return t->path;
}

uint64_t lk_restore_target_old_bytes(const struct lk_restore_target *t)
{
    return t->exists ? (uint64_t)t->seen.file.st_size : 0;
}

enum lk_status lk_restore_target_try(const struct lk_restore_target *t, const atomic_bool *interrupt,
                                     struct lk_error *err)
{
    struct lk_takeover *old = NULL;
    struct stat journal;
    if (!t->exists || t->seen.file.st_size == 0 || stat_name(t, "-journal", &journal))
        return LK_OK;
    const enum lk_status status = lk_takeover_lock(t->path, interrupt, &old, err);
    lk_takeover_free(old);
    return status;
}

enum lk_status lk_restore_target_mark(struct lk_restore_target *t, struct lk_error *err)
{
    if (!t->exists)
        return LK_OK;
    if (!look(t, &t->seen))
        return lk_fail(err, LK_REFUSED, "%s: vanished meanwhile; somebody works with it", t->path);
    /* Whatever is written after this shows in the times. */
    lk_look_settle(&(struct lk_look){.exists = true, .st = t->seen.file});
    lk_look_settle(&(struct lk_look){.exists = t->seen.wal.st_size > 0, .st = t->seen.wal});
    return LK_OK;
}

bool lk_restore_target_is_unchanged(const struct lk_restore_target *t)
{
    struct seen now = {0};
    return look(t, &now) && same_seen(&t->seen, &now);
}

enum lk_status lk_restore_target_prepare(struct lk_restore_target *t, uint64_t bytes, const char **build,
                                         struct lk_error *err)
{
    struct lk_error why = {0};
    uint64_t free_bytes = 0;
    if (lk_tmp_new(t->folder_path, &t->tmp, &why) != LK_OK) {
        if (why.system == 0)
            return lk_fail(err, LK_FAILED, "%s", why.message);
        return lk_fail_errno(err, LK_FAILED, why.system,
                             "%s: cannot make a folder in it to restore in; restore to another folder",
                             t->folder_path);
    }
    if (lk_tmp_space(t->tmp, &free_bytes, &why) != LK_OK)
        return lk_fail_errno(err, LK_FAILED, why.system, "%s: cannot tell the free space", t->folder_path);
    if (free_bytes < bytes) {
        char need[LK_TIME_SIZE], have[LK_TIME_SIZE];
        lk_size_format(bytes, need);
        lk_size_format(free_bytes, have);
        return lk_fail(
            err, LK_FAILED,
            "%s: about %s are needed there, %s are free beside a reserve; restore to another folder",
            t->folder_path, need, have);
    }
    t->build = lk_format("%s/restored.db", lk_tmp_path(t->tmp));
    if (t->build == NULL)
        return lk_fail_memory(err, "restoring");
    *build = t->build;
    return LK_OK;
}

/* Mode and owner: the old file's, as far as this user may give them. */
static enum lk_status dress(const struct lk_restore_target *t, struct lk_error *err)
{
    const struct stat *old = &t->seen.file;
    mode_t mode = t->exists ? old->st_mode & 0777 : 0600;
    const int fd = open(t->build, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot open the file that was built", t->build);
    struct stat st;
    enum lk_status status = LK_OK;
    if (fstat(fd, &st) != 0)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot look at it", t->build);
    else if (t->exists && (st.st_uid != old->st_uid || st.st_gid != old->st_gid) &&
             fchown(fd, old->st_uid, old->st_gid) != 0 && fchown(fd, (uid_t)-1, old->st_gid) != 0)
        mode &= ~(mode_t)070; /* what that group was allowed, this one was not */
    /* File systems without modes refuse, and keep their own. */
    if (status == LK_OK && fchmod(fd, mode) != 0 && errno != EPERM && errno != EOPNOTSUPP)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot set its mode", t->build);
    if (status == LK_OK && fsync(fd) != 0)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot make it durable", t->build);
    close(fd);
    return status;
}

static enum lk_status take_name(const struct lk_restore_target *t, struct lk_error *err)
{
    if (t->exists) {
        if (rename(t->build, t->path) != 0)
            return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot put the restored file there", t->path);
        return LK_OK;
    }
    /* Somebody may have made it meanwhile. */
    if (renameat2(AT_FDCWD, t->build, AT_FDCWD, t->path, RENAME_NOREPLACE) == 0)
        return LK_OK;
    struct stat st;
    const bool lacking = errno == EINVAL || errno == ENOSYS;
    if (lacking && lstat(t->path, &st) != 0 && rename(t->build, t->path) == 0)
        return LK_OK;
    if (errno == EEXIST || (lacking && lstat(t->path, &st) == 0))
        return lk_fail(err, LK_REFUSED, "%s: somebody made that file meanwhile; nothing was changed",
                       t->path);
    return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot put the restored file there", t->path);
}

static void note(struct lk_manifest_texts *notes, const char *format, ...) LK_PRINTF(2, 3);
static void note(struct lk_manifest_texts *notes, const char *format, ...)
{
    char text[LK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)lk_manifest_add_text(notes, text); /* without memory for it nothing is lost but the note */
}

/* What lay beside a database that is not there. */
static enum lk_status remove_stray(const struct lk_restore_target *t, struct lk_manifest_texts *notes,
                                   struct lk_error *err)
{
    bool removed = false;
    for (size_t i = 0; i < BESIDE; i++) {
        struct stat st;
        if (!stat_name(t, suffixes[i], &st))
            continue;
        if (!t->force)
            return lk_fail(err, LK_REFUSED, "%s%s: somebody made that file meanwhile; nothing was changed",
                           t->path, suffixes[i]);
        char *beside = lk_format("%s%s", t->path, suffixes[i]);
        if (beside == NULL)
            return lk_fail_memory(err, "removing what lies beside the target");
        const bool gone = unlink(beside) == 0;
        lk_free(beside);
        if (!gone)
            return lk_fail_errno(err, LK_REFUSED, errno, "%s%s: cannot remove it", t->path, suffixes[i]);
        note(notes, "%s%s lay there without its database (%llu bytes) and was removed", t->path, suffixes[i],
             (unsigned long long)st.st_size);
        removed = true;
    }
    return removed ? lk_dir_sync(&t->folder, err) : LK_OK;
}

/* What keeps to the old file. */
static void note_old(const struct lk_restore_target *t, struct lk_manifest_texts *notes)
{
    if (t->stray_wal > 0)
        note(notes, "%s-wal lay beside a database of 0 bytes (%lld bytes) and was removed", t->path,
             (long long)t->stray_wal);
    if (t->seen.file.st_nlink > 1)
        note(notes, "the old file had %llu names (hard links): the others keep the old content",
             (unsigned long long)t->seen.file.st_nlink);
}

static enum lk_status replace(struct lk_restore_target *t, const atomic_bool *interrupt, bool *changed,
                              struct lk_manifest_texts *notes, struct lk_error *err)
{
    struct lk_takeover *old = NULL;
    enum lk_status status = lk_takeover_lock(t->path, interrupt, &old, err);
    if (status != LK_OK)
        return status;
    *changed = !lk_restore_target_is_unchanged(t);
    if (*changed)
        goto out;
    status = lk_takeover_clear(old, err);
    /* On disk too, what lay beside is gone before the new file is there. */
    if (status == LK_OK)
        status = lk_dir_sync(&t->folder, err);
    if (status == LK_OK)
        status = take_name(t, err);
    if (status == LK_OK) {
        lk_takeover_replaced(old);
        note_old(t, notes);
        status = lk_dir_sync(&t->folder, err);
    }
out:
    lk_takeover_free(old);
    return status;
}

enum lk_status lk_restore_target_commit(struct lk_restore_target *t, const atomic_bool *interrupt,
                                        bool *changed, struct lk_manifest_texts *notes, struct lk_error *err)
{
    *changed = false;
    enum lk_status status = dress(t, err);
    if (status == LK_OK && t->exists)
        return replace(t, interrupt, changed, notes, err);
    if (status == LK_OK)
        status = remove_stray(t, notes, err);
    if (status == LK_OK)
        status = take_name(t, err);
    if (status == LK_OK)
        status = lk_dir_sync(&t->folder, err);
    return status;
}

void lk_restore_target_free(struct lk_restore_target *t)
{
    if (t == NULL)
        return;
    lk_tmp_free(t->tmp);
    lk_dir_close(&t->folder);
    lk_free(t->build);
    lk_free(t->folder_path);
    lk_free(t->path);
    lk_free(t);
}
