#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define TEMPORARY_PREFIX ".tmp-file-"

static enum lk_status write_new(const struct lk_dir *dir, const char *name, struct lk_bytes content,
                                mode_t mode, struct lk_error *err)
{
    struct lk_output *o = NULL;
    enum lk_status status = lk_output_create(dir, name, &o, err);
    if (status != LK_OK)
        return status;
    lk_output_write(o, content.ptr, content.len);
    struct lk_output_summary summary;
    status = lk_output_commit(o, mode, &summary, err);
    lk_output_free(o);
    return status;
}

static enum lk_status write_over(const struct lk_dir *dir, const char *name, struct lk_bytes content,
                                 mode_t mode, struct lk_error *err)
{
    if (!lk_dir_is_name(name))
        return lk_fail(err, LK_FAILED, "%s: '%s' is not a name inside this folder", dir->path, name);
    uint8_t random[8];
    enum lk_status status = lk_random(random, sizeof random, err);
    if (status != LK_OK)
        return status;
    char temporary[sizeof TEMPORARY_PREFIX + 2 * sizeof random] = TEMPORARY_PREFIX;
    lk_hex_format(random, sizeof random, temporary + strlen(TEMPORARY_PREFIX));
    status = write_new(dir, temporary, content, mode, err);
    if (status != LK_OK)
        return status;
    if (renameat(dir->fd, temporary, dir->fd, name) != 0) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot rename the new file to this name",
                               dir->path, name);
        (void)unlinkat(dir->fd, temporary, 0);
    }
    return status;
}

enum lk_status lk_file_write(const struct lk_dir *dir, const char *name, struct lk_bytes content, mode_t mode,
                             bool replace, struct lk_error *err)
{
    const enum lk_status status = (replace ? write_over : write_new)(dir, name, content, mode, err);
    return status != LK_OK ? status : lk_dir_sync(dir, err);
}

enum lk_status lk_file_read(const struct lk_dir *dir, const char *name, size_t limit, struct lk_buffer *out,
                            struct lk_error *err)
{
    struct lk_input *in = NULL;
    enum lk_status status = lk_input_open(dir, name, &in, err);
    if (status != LK_OK)
        return status;
    const size_t before = out->len;
    const uint64_t size = lk_input_size(in);
    if (size > limit) {
        status =
            lk_fail(err, LK_DAMAGED, "%s: is %" PRIu64 " bytes long, but no such file is longer than %zu",
                    lk_input_name(in), size, limit);
        goto out;
    }
    uint8_t *to = lk_buffer_extend(out, (size_t)size);
    if (to == NULL) {
        status = lk_fail_memory(err, "reading a file");
        goto out;
    }
    status = lk_input_read(in, 0, to, (size_t)size, err);
    if (status != LK_OK)
        out->len = before;
out:
    lk_input_close(in);
    return status;
}
