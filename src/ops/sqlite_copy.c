#include "ops/sqlite_copy.h"

#include "base/clock.h"
#include "base/memory.h"

#define COPY_LEVEL 1 /* of zstd: FACTS: level 3 is pure loss against level 1 */
#define CHUNK (1u << 20)

struct lk_sqlite_copy {
    struct lk_backup_writer *backup;
    const struct lk_engine *engine;
    bool verify;
    char *path; /* in the backup */
    struct lk_output *output;
    struct lk_deflater *deflater;
    struct lk_hasher *hasher; /* of the pages, as they were sent */
};

static enum lk_status write_piece(void *context, const void *ptr, size_t len, struct lk_error *err)
{
    struct lk_sqlite_copy *c = context;
    lk_hasher_update(c->hasher, ptr, len);
    return lk_deflater_write(c->deflater, ptr, len, err);
}

/* Decompress the finished file and compare its hash with that of the pages that were sent. */
static enum lk_status read_back(struct lk_backup_writer *backup, const char *path,
                                const struct lk_engine *engine, struct lk_hash128 sent, struct lk_error *err)
{
    struct lk_input *in = NULL;
    struct lk_inflater *inflater = NULL;
    struct lk_hasher *hasher = NULL;
    uint8_t *chunk = lk_allocate(CHUNK);
    size_t got = 1;
    enum lk_status status = chunk == NULL ? lk_fail_memory(err, "reading the page copy back") : LK_OK;
    if (status == LK_OK)
        status = lk_hasher_new(lk_engine_options(engine)->secret, &hasher, err);
    if (status == LK_OK)
        status = lk_backup_writer_open(backup, path, &in, err);
    if (status == LK_OK)
        status = lk_inflater_new(in, 0, lk_input_size(in), LK_CODEC_ZSTD, &inflater, err);
    while (status == LK_OK && got > 0) {
        status = lk_inflater_read(inflater, chunk, CHUNK, &got, err);
        if (status == LK_OK)
            lk_hasher_update(hasher, chunk, got);
    }
    if (status == LK_OK && !lk_hash128_equal(lk_hasher_finish(hasher), sent))
        status = lk_fail(err, LK_DAMAGED, "%s: does not hold the pages that were written", path);
    lk_inflater_free(inflater);
    lk_input_close(in);
    lk_hasher_free(hasher);
    lk_free(chunk);
    return status;
}

enum lk_status lk_sqlite_copy_read(struct lk_source *source, struct lk_backup_writer *backup,
                                   const char *folder, const struct lk_engine *engine, bool verify,
                                   struct lk_sqlite_copy **out, bool *restart, struct lk_error *err)
{
    struct lk_sqlite_copy *c = lk_allocate_zeroed(1, sizeof *c);
    uint64_t bytes;
    *out = c;
    if (c == NULL || (c->path = lk_format("sqlite/%s.sqlite.zst", folder)) == NULL)
        return lk_fail_memory(err, "copying pages");
    c->backup = backup;
    c->engine = engine;
    c->verify = verify;
    enum lk_status status = lk_hasher_new(lk_engine_options(engine)->secret, &c->hasher, err);
    if (status == LK_OK)
        status = lk_backup_writer_create(backup, c->path, &c->output, err);
    if (status == LK_OK)
        status = lk_deflater_new(c->output, COPY_LEVEL, &c->deflater, err);
    if (status == LK_OK)
        status = lk_page_copy_send(source, (struct lk_page_sink){.write = write_piece, .context = c}, &bytes,
                                   restart, err);
    return status;
}

enum lk_status lk_sqlite_copy_finish(struct lk_sqlite_copy *c, struct lk_manifest_file *file,
                                     int64_t *verified_at, struct lk_error *err)
{
    enum lk_status status = lk_deflater_finish(c->deflater, err);
    *verified_at = 0;
    if (status != LK_OK)
        return status;
    struct lk_output *output = c->output;
    c->output = NULL;
    status = lk_backup_writer_finish(c->backup, c->path, output, file, err);
    if (status == LK_OK && c->verify) {
        status = read_back(c->backup, c->path, c->engine, lk_hasher_finish(c->hasher), err);
        *verified_at = lk_clock_now();
    }
    return status;
}

void lk_sqlite_copy_free(struct lk_sqlite_copy *c)
{
    if (c == NULL)
        return;
    lk_deflater_free(c->deflater);
    if (c->output != NULL)
        lk_backup_writer_abandon(c->backup, c->path, c->output);
    lk_hasher_free(c->hasher);
    lk_free(c->path);
    lk_free(c);
}
