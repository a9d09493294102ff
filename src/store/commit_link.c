/* Files that an earlier backup has already: linked, or copied where links are refused. */
#include "store/commit_writer.h"

#include "base/memory.h"
#include "store/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

enum { COPY_SIZE = 1 << 20 };

/* The file must be what the earlier manifest says: a regular file of that size. */
static enum lk_status check_file(const struct lk_dir *folder, const char *name,
                                 const struct lk_manifest_file *from, struct lk_error *err)
{
    struct stat st;
    if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return lk_fail_errno(err, errno == ENOENT ? LK_DAMAGED : LK_FAILED, errno,
                             "%s/%s: a file of an earlier backup", folder->path, name);
    if (!S_ISREG(st.st_mode))
        return lk_fail(err, LK_DAMAGED, "%s/%s: a file of an earlier backup is no regular file", folder->path,
                       name);
    if ((uint64_t)st.st_size != from->bytes)
        return lk_fail(err, LK_DAMAGED,
                       "%s/%s: a file of an earlier backup is %" PRIu64
                       " bytes long, its manifest says %" PRIu64,
                       folder->path, name, (uint64_t)st.st_size, from->bytes);
    return LK_OK;
}

static enum lk_status copy_content(const struct lk_input *in, struct lk_output *o, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    const uint64_t size = lk_input_size(in);
    uint8_t *buffer = lk_allocate(COPY_SIZE);
    if (buffer == NULL)
        return lk_fail_memory(err, "copying a file of an earlier backup");
    for (uint64_t at = 0; status == LK_OK && at < size;) {
        const size_t n = size - at < COPY_SIZE ? (size_t)(size - at) : COPY_SIZE;
        status = lk_input_read(in, at, buffer, n, err);
        if (status != LK_OK)
            break;
        lk_output_write(o, buffer, n);
        status = lk_output_check(o, err);
        at += n;
    }
    lk_free(buffer);
    return status;
}

/* A copy is read anyway, so it is checked too. */
static enum lk_status copy_file(struct lk_backup_writer *w, const struct lk_dir *folder, const char *name,
                                const struct lk_manifest_file *from, const char *path, struct lk_error *err)
{
    struct lk_input *in = NULL;
    struct lk_output *o = NULL;
    struct lk_manifest_file made = {0};
    enum lk_status status = lk_input_open(folder, name, &in, err);
    if (status == LK_OK)
        status = lk_backup_writer_create(w, path, &o, err);
    if (status != LK_OK)
        goto out;
    status = copy_content(in, o, err);
    if (status != LK_OK) {
        lk_backup_writer_abandon(w, path, o);
        goto out;
    }
    status = lk_backup_writer_finish(w, path, o, &made, err);
    if (status == LK_OK &&
        (made.bytes != from->bytes || memcmp(made.sha256, from->sha256, LK_SHA256_SIZE) != 0)) {
        struct lk_error ignored = {0};
        status = lk_fail(err, LK_DAMAGED,
                         "%s: a file of an earlier backup no longer has the SHA-256 of its manifest",
                         lk_input_name(in));
        (void)!lk_backup_writer_discard(w, path, &ignored);
    }
out:
    lk_free(made.path);
    lk_input_close(in);
    return status;
}

static void say_copying(struct lk_backup_writer *w, int system)
{
    (void)pthread_mutex_lock(&w->mutex);
    const bool said = w->copy_said;
    w->copy_said = true;
    (void)pthread_mutex_unlock(&w->mutex);
    if (!said)
        lk_store_warn(w->warn, "%s: unchanged data is copied, since hard links are refused here: %s",
                      w->database->path, strerror(system));
}

enum lk_status lk_backup_writer_link(struct lk_backup_writer *w, const struct lk_dir *earlier,
                                     const struct lk_manifest_file *from, const char *path, bool *copied,
                                     struct lk_error *err)
{
    struct lk_dir source = LK_DIR_CLOSED;
    const struct lk_dir *dir;
    struct lk_writer_folder *folder = NULL;
    const char *name, *source_name;
    enum lk_status status = lk_walk_to_folder(earlier, from->path, &source, &source_name, err);
    if (status == LK_NOT_FOUND)
        status = lk_fail(err, LK_DAMAGED, "%s/%s: a file of an earlier backup is missing", earlier->path,
                         from->path);
    const struct lk_dir *source_dir = source.fd < 0 ? earlier : &source;
    if (status == LK_OK)
        status = check_file(source_dir, source_name, from, err);
    if (status == LK_OK)
        status = lk_backup_writer_acquire(w, path, &dir, &folder, &name, err);
    if (status != LK_OK)
        goto out;
    bool is_copy = false;
    if (linkat(source_dir->fd, source_name, dir->fd, name, 0) != 0) {
        const int system = errno;
        if (system == EIO || system == ENOSPC || system == EDQUOT || system == EEXIST) {
            status = lk_fail_errno(err, LK_FAILED, system, "%s/%s: cannot link it from %s/%s", dir->path,
                                   name, source_dir->path, source_name);
        } else {
            is_copy = true;
            say_copying(w, system);
            status = copy_file(w, source_dir, source_name, from, path, err);
        }
    } else {
        /* Looked at again under its new name: the old one may have been exchanged in between. */
        status = check_file(dir, name, from, err);
        if (status == LK_OK)
            status = lk_backup_writer_record(w, path, from->bytes, from->sha256, err);
        if (status != LK_OK)
            (void)unlinkat(dir->fd, name, 0);
    }
    lk_backup_writer_release(w, folder);
    if (status == LK_OK && copied != NULL)
        *copied = is_copy;
out:
    lk_dir_close(&source);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}
