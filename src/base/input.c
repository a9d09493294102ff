#include "base/input.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

struct lk_input {
    int fd;                /* -1: memory */
    const uint8_t *memory; /* borrowed */
    uint64_t size;
    char *name;
};

/* Takes the name over; NULL when memory is out, for the name too. */
static struct lk_input *new_input(char *name)
{
    struct lk_input *in = name == NULL ? NULL : lk_allocate(sizeof *in);
    if (in == NULL)
        lk_free(name);
    else
        *in = (struct lk_input){.fd = -1, .name = name};
    return in;
}

static enum lk_status open_regular(struct lk_input *in, const struct lk_dir *dir, const char *name,
                                   struct lk_error *err)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    in->fd = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (in->fd < 0 && errno == ELOOP)
        return lk_fail(err, LK_DAMAGED, "%s: is a symbolic link, not a file of the store", in->name);
    if (in->fd < 0)
        return lk_fail_errno(err, errno == ENOENT ? LK_NOT_FOUND : LK_FAILED, errno, "%s: cannot open",
                             in->name);
    struct stat st;
    if (fstat(in->fd, &st) != 0)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot examine", in->name);
    if (!S_ISREG(st.st_mode))
        return lk_fail(err, LK_DAMAGED, "%s: is not a regular file", in->name);
    in->size = (uint64_t)st.st_size;
    return LK_OK;
}

enum lk_status lk_input_open(const struct lk_dir *dir, const char *name, struct lk_input **out,
                             struct lk_error *err)
{
    if (!lk_dir_is_name(name))
        return lk_fail(err, LK_FAILED, "%s: '%s' is not a name inside this folder", dir->path, name);
    struct lk_input *in = new_input(lk_format("%s/%s", dir->path, name));
    if (in == NULL)
        return lk_fail_memory(err, "opening a file");
    const enum lk_status status = open_regular(in, dir, name, err);
    if (status != LK_OK) {
        lk_input_close(in);
        return status;
    }
    *out = in;
    return LK_OK;
}

enum lk_status lk_input_of_memory(struct lk_bytes content, const char *shown_name, struct lk_input **out,
                                  struct lk_error *err)
{
    struct lk_input *in = new_input(lk_copy_string(shown_name));
    if (in == NULL)
        return lk_fail_memory(err, "opening a file");
    in->memory = content.ptr;
    in->size = content.len;
    *out = in;
    return LK_OK;
}

void lk_input_close(struct lk_input *in)
{
    if (in == NULL)
        return;
    if (in->fd >= 0)
        (void)close(in->fd);
    lk_free(in->name);
    lk_free(in);
}

uint64_t lk_input_size(const struct lk_input *in)
{
    return in->size;
}

const char *lk_input_name(const struct lk_input *in)
{
    return in->name;
}

enum lk_status lk_input_read(const struct lk_input *in, uint64_t offset, void *ptr, size_t len,
                             struct lk_error *err)
{
    if (offset > in->size || len > in->size - offset)
        return lk_fail(err, LK_DAMAGED,
                       "%s: wanted %zu bytes at offset %" PRIu64 ", but it is %" PRIu64 " bytes long",
                       in->name, len, offset, in->size);
    if (len == 0)
        return LK_OK;
    if (in->fd < 0) {
        memcpy(ptr, in->memory + offset, len);
        return LK_OK;
    }
    uint8_t *to = ptr;
    while (len > 0) {
        const ssize_t got = pread(in->fd, to, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot read %zu bytes at offset %" PRIu64,
                                 in->name, len, offset);
        if (got == 0)
            return lk_fail(err, LK_DAMAGED,
                           "%s: became shorter: it ends at offset %" PRIu64 ", before %" PRIu64, in->name,
                           offset, in->size);
        to += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return LK_OK;
}
