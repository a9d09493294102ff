#include "ops/restore_copy.h"

#include "base/codec.h"
#include "base/memory.h"
#include "ops/session.h"
#include "sqlite/header.h"
#include "sqlite/tmp.h"

#define CHUNK (1u << 20)

static enum lk_status check_interrupt(const struct lk_input *in, struct lk_error *err)
{
    return lk_session_interrupted()
               ? lk_fail(err, LK_INTERRUPTED, "%s: interrupted while it was read", lk_input_name(in))
               : LK_OK;
}

/* One pass by itself: nothing is written of a file that is not the one that was backed up. */
static enum lk_status check_sha256(const struct lk_input *in, const struct lk_manifest_file *file,
                                   uint8_t *chunk, const struct lk_restore_copy_progress *progress,
                                   struct lk_error *err)
{
    struct lk_sha256 *sha = NULL;
    uint8_t digest[LK_SHA256_SIZE];
    enum lk_status status = lk_sha256_new(&sha, err);
    for (uint64_t at = 0; status == LK_OK && at < file->bytes;) {
        const size_t len = file->bytes - at < CHUNK ? (size_t)(file->bytes - at) : CHUNK;
        status = lk_input_read(in, at, chunk, len, err);
        if (status == LK_OK)
            status = check_interrupt(in, err);
        if (status != LK_OK)
            break;
        lk_sha256_update(sha, chunk, len);
        at += len;
        if (progress->on_bytes != NULL)
            progress->on_bytes(progress->context, at, file->bytes);
    }
    if (status == LK_OK) {
        lk_sha256_finish(sha, digest);
        if (memcmp(digest, file->sha256, sizeof digest) != 0)
            status = lk_fail(err, LK_DAMAGED, "%s: damaged: its SHA-256 is not that of the manifest",
                             lk_input_name(in));
    }
    lk_sha256_free(sha);
    return status;
}

/* The next CHUNK bytes, fewer only at the end. */
static enum lk_status read_full(struct lk_inflater *inflater, uint8_t *chunk, size_t *len,
                                struct lk_error *err)
{
    enum lk_status status = LK_OK;
    size_t got = 1;
    for (*len = 0; status == LK_OK && got > 0 && *len < CHUNK; *len += got)
        status = lk_inflater_read(inflater, chunk + *len, CHUNK - *len, &got, err);
    return status;
}

static enum lk_status write_pages(const struct lk_input *in, struct lk_output *out, uint8_t *chunk,
                                  struct lk_error *err)
{
    struct lk_inflater *inflater = NULL;
    size_t len = CHUNK;
    enum lk_status status = lk_inflater_new(in, 0, lk_input_size(in), LK_CODEC_ZSTD, &inflater, err);
    for (bool first = true; status == LK_OK && len == CHUNK; first = false) {
        status = read_full(inflater, chunk, &len, err);
        /* An empty database has no page at all. */
        if (status == LK_OK && first && len > 0 && !lk_header_is_database(chunk, len))
            status = lk_fail(err, LK_DAMAGED, "%s: holds no SQLite database", lk_input_name(in));
        if (status == LK_OK)
            status = check_interrupt(in, err);
        if (status == LK_OK && len > 0) {
            lk_output_write(out, chunk, len);
            status = lk_output_check(out, err);
        }
    }
    lk_inflater_free(inflater);
    return status;
}

/* The folder of a path; NULL when memory is out. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return lk_copy_string(".");
    return slash == path ? lk_copy_string("/") : lk_copy_bytes(path, (size_t)(slash - path));
}

static enum lk_status open_folder(const char *path, struct lk_dir *dir, const char **name,
                                  struct lk_error *err)
{
    const char *slash = strrchr(path, '/');
    *name = slash == NULL ? path : slash + 1;
    char *folder = folder_of(path);
    if (folder == NULL)
        return lk_fail_memory(err, "restoring a page copy");
    const enum lk_status status = lk_dir_open(folder, dir, err);
    lk_free(folder);
    return status;
}

enum lk_status lk_restore_copy_unpack(const struct lk_backup *backup, const char *path,
                                      const struct lk_restore_copy_progress *progress, struct lk_error *err)
{
    const struct lk_manifest_file *file = &backup->manifest->sqlite_copy;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_input *in = NULL;
    struct lk_output *out = NULL;
    struct lk_output_summary summary;
    const char *name;
    uint8_t *chunk = lk_allocate(CHUNK);
    enum lk_status status = chunk == NULL ? lk_fail_memory(err, "restoring a page copy") : LK_OK;
    if (status == LK_OK)
        status = lk_backup_open_file(backup, file, &in, err);
    if (status == LK_OK)
        status = check_sha256(in, file, chunk, progress, err);
    if (status == LK_OK)
        status = open_folder(path, &dir, &name, err);
    if (status == LK_OK)
        status = lk_output_create(&dir, name, &out, err);
    if (status == LK_OK)
        status = write_pages(in, out, chunk, err);
    if (status == LK_OK)
        status = lk_output_commit(out, 0600, &summary, err);
    if (status == LK_OK)
        status = lk_dir_sync(&dir, err);
    lk_output_free(out);
    lk_input_close(in);
    lk_dir_close(&dir);
    lk_free(chunk);
    return status;
}

struct lk_restore_copy {
    struct lk_tmp *tmp;
    struct lk_source *source;
};

enum lk_status lk_restore_copy_open(const struct lk_backup *backup, const char *beside,
                                    struct lk_restore_copy **out, struct lk_error *err)
{
    static const struct lk_restore_copy_progress silent = {0};
    struct lk_restore_copy *c = lk_allocate_zeroed(1, sizeof *c);
    char *folder = folder_of(beside), *path = NULL;
    enum lk_status status =
        c == NULL || folder == NULL ? lk_fail_memory(err, "restoring a page copy") : LK_OK;
    if (status == LK_OK && lk_tmp_new(folder, &c->tmp, err) != LK_OK)
        status = err->status = LK_FAILED; /* it is no fault of the backup */
    if (status == LK_OK && (path = lk_format("%s/unpacked.db", lk_tmp_path(c->tmp))) == NULL)
        status = lk_fail_memory(err, "restoring a page copy");
    if (status == LK_OK)
        status = lk_restore_copy_unpack(backup, path, &silent, err);
    if (status == LK_OK) {
        const struct lk_source_options options = {.snapshot = LK_SNAPSHOT_READ,
                                                  .max_lock = LK_SOURCE_NO_MAX_LOCK,
                                                  .tmp = lk_tmp_path(c->tmp),
                                                  .interrupt = lk_session_interrupt()};
        status = lk_source_open(path, &options, &c->source, err);
    }
    lk_free(path);
    lk_free(folder);
    if (status == LK_OK)
        *out = c;
    else
        lk_restore_copy_close(c);
    return status;
}

struct lk_source *lk_restore_copy_source(const struct lk_restore_copy *c)
{
    return c == NULL ? NULL : c->source;
}

void lk_restore_copy_close(struct lk_restore_copy *c)
{
    if (c == NULL)
        return;
    lk_source_close(c->source);
    lk_tmp_free(c->tmp);
    lk_free(c);
}
