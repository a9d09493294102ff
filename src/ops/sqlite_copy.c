#include "ops/sqlite_copy.h"

#include "base/memory.h"

#define COPY_LEVEL 1 /* of zstd: FACTS: level 3 is pure loss against level 1 */
#define CHUNK (1u << 20)

struct copy {
    struct lk_deflater *deflater;
    struct lk_hasher *hasher;
};

static enum lk_status write_piece(void *context, const void *ptr, size_t len, struct lk_error *err)
{
    struct copy *c = context;
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

enum lk_status lk_sqlite_copy_write(struct lk_source *source, struct lk_backup_writer *backup,
                                    const char *folder, const struct lk_engine *engine,
                                    struct lk_manifest_file *file, bool *restart, struct lk_error *err)
{
    struct lk_output *output = NULL;
    struct copy copy = {0};
    uint64_t bytes;
    char *path = lk_format("sqlite/%s.sqlite.zst", folder);
    enum lk_status status = path == NULL ? lk_fail_memory(err, "copying pages") : LK_OK;
    if (status == LK_OK)
        status = lk_hasher_new(lk_engine_options(engine)->secret, &copy.hasher, err);
    if (status == LK_OK)
        status = lk_backup_writer_create(backup, path, &output, err);
    if (status == LK_OK)
        status = lk_deflater_new(output, COPY_LEVEL, &copy.deflater, err);
    if (status == LK_OK)
        status = lk_page_copy_send(source, (struct lk_page_sink){.write = write_piece, .context = &copy},
                                   &bytes, restart, err);
    if (status == LK_OK && !*restart)
        status = lk_deflater_finish(copy.deflater, err);
    if (status == LK_OK && !*restart) {
        status = lk_backup_writer_finish(backup, path, output, file, err);
        output = NULL;
        if (status == LK_OK && lk_engine_options(engine)->verify)
            status = read_back(backup, path, engine, lk_hasher_finish(copy.hasher), err);
    }
    if (output != NULL)
        lk_backup_writer_abandon(backup, path, output);
    lk_deflater_free(copy.deflater);
    lk_hasher_free(copy.hasher);
    lk_free(path);
    return status;
}
