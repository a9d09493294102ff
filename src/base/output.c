#include "base/output.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SMALL_SIZE = 16 << 10, /* most files of a small database fit: no megabyte is mapped for each of them */
    BUFFER_SIZE = 1 << 20,
    ALIGNMENT =
        4096 /* enough for O_DIRECT on every block device: offset, length and memory are multiples of it */
};

enum direct { DIRECT_UNTRIED, DIRECT_ON, DIRECT_REFUSED };

struct lk_output {
    const struct lk_dir *dir;
    char *name;
    int fd;       /* -1 once closed */
    bool created; /* the name is this output's, until commit or free */
    bool durable;
    enum direct direct;
    uint8_t *buffer;       /* NULL before the first write */
    size_t size;           /* of the buffer: SMALL_SIZE, or BUFFER_SIZE and aligned */
    size_t used;           /* bytes in the buffer */
    uint64_t flushed;      /* bytes handed to the kernel: the buffer's offset in the file */
    struct lk_sha256 *sha; /* of the flushed bytes */
    struct lk_error error; /* the sticky one */
};

static const char *way_out(int system)
{
    return system == ENOSPC || system == EDQUOT ? " (free space there, or use --store on another disk)" : "";
}

enum lk_status lk_output_create(const struct lk_dir *dir, const char *name, struct lk_output **out,
                                struct lk_error *err)
{
    if (!lk_dir_is_name(name))
        return lk_fail(err, LK_FAILED, "%s: '%s' is not a name inside this folder", dir->path, name);
    struct lk_output *o = lk_allocate(sizeof *o);
    if (o == NULL)
        return lk_fail_memory(err, "creating a file");
    enum lk_status status = LK_OK;
    *o = (struct lk_output){.dir = dir, .name = lk_copy_string(name), .fd = -1};
    if (o->name == NULL)
        status = lk_fail_memory(err, "creating a file");
    else
        status = lk_sha256_new(&o->sha, err);
    if (status != LK_OK)
        goto out;
    o->fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (o->fd < 0) {
        status =
            lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot create%s", dir->path, name, way_out(errno));
        goto out;
    }
    o->created = true;
    *out = o;
    o = NULL;
out:
    lk_output_free(o);
    return status;
}

/* Switch O_DIRECT. Refusal is no error: the page cache does. */
static void set_direct(struct lk_output *o, bool on)
{
    const int flags = fcntl(o->fd, F_GETFL);
    const bool done = flags >= 0 && fcntl(o->fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
    o->direct = on && done ? DIRECT_ON : DIRECT_REFUSED;
}

/* Hand the buffer to the kernel, hashed on the way while it is in the processor's cache. */
static void flush(struct lk_output *o)
{
    lk_sha256_update(o->sha, o->buffer, o->used);
    size_t done = 0;
    while (done < o->used) {
        const ssize_t n = pwrite(o->fd, o->buffer + done, o->used - done, (off_t)(o->flushed + done));
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EINVAL && o->direct == DIRECT_ON) {
            /* Accepted by fcntl, refused by the write: a stricter alignment, or the rest of a short write. */
            set_direct(o, false);
        } else if (n == 0 || errno != EINTR) {
            const int system = n == 0 ? EIO : errno;
            (void)lk_fail_errno(&o->error, LK_FAILED, system, "%s/%s: cannot write at offset %" PRIu64 "%s",
                                o->dir->path, o->name, o->flushed + done, way_out(system));
            return;
        }
    }
    o->flushed += o->used;
    o->used = 0;
}

/* A buffer that `len` more bytes fit into, or the largest one. */
static bool make_room(struct lk_output *o, size_t len)
{
    if (o->size == BUFFER_SIZE || (o->size == SMALL_SIZE && len <= SMALL_SIZE - o->used))
        return true;
    const bool small = len <= SMALL_SIZE && o->buffer == NULL;
    uint8_t *buffer = small ? lk_allocate(SMALL_SIZE) : lk_allocate_aligned(ALIGNMENT, BUFFER_SIZE);
    if (buffer == NULL)
        return false;
    if (o->buffer != NULL)
        memcpy(buffer, o->buffer, o->used);
    lk_free(o->buffer);
    o->buffer = buffer;
    o->size = small ? SMALL_SIZE : BUFFER_SIZE;
    return true;
}

void lk_output_write(struct lk_output *o, const void *ptr, size_t len)
{
    assert(o->created);
    if (o->error.status != LK_OK || len == 0)
        return;
    if (!make_room(o, len)) {
        (void)lk_fail_memory(&o->error, "writing a file");
        (void)lk_error_prefix(&o->error, "%s/%s", o->dir->path, o->name);
        return;
    }
    const uint8_t *from = ptr;
    for (;;) {
        const size_t room = o->size - o->used;
        const size_t n = len < room ? len : room;
        memcpy(o->buffer + o->used, from, n);
        o->used += n;
        from += n;
        len -= n;
        if (len == 0)
            return;
        /* The buffer is full and more follows: a large file. */
        if (o->direct == DIRECT_UNTRIED)
            set_direct(o, true);
        flush(o);
        if (o->error.status != LK_OK)
            return;
    }
}

uint64_t lk_output_offset(const struct lk_output *o)
{
    return o->flushed + o->used;
}

enum lk_status lk_output_check(const struct lk_output *o, struct lk_error *err)
{
    if (o->error.status != LK_OK)
        *err = o->error;
    return o->error.status;
}

/* The steps of a commit; the first that fails is the sticky error. */
static void make_durable(struct lk_output *o, mode_t mode)
{
    /* The last piece has any length. */
    if (o->direct == DIRECT_ON)
        set_direct(o, false);
    flush(o);
    if (o->error.status != LK_OK)
        return;
    if (fchmod(o->fd, mode) != 0 && errno != EPERM && errno != ENOTSUP) {
        (void)lk_fail_errno(&o->error, LK_FAILED, errno, "%s/%s: cannot set permissions to %04o",
                            o->dir->path, o->name, (unsigned)mode);
        return;
    }
    if (fsync(o->fd) != 0) {
        (void)lk_fail_errno(&o->error, LK_FAILED, errno, "%s/%s: cannot make it durable%s", o->dir->path,
                            o->name, way_out(errno));
        return;
    }
    const int closed = close(o->fd);
    o->fd = -1; /* closed whatever close says: Linux */
    /* After a successful fsync an interrupted close has nothing left to lose. */
    if (closed != 0 && errno != EINTR)
        (void)lk_fail_errno(&o->error, LK_FAILED, errno, "%s/%s: cannot close%s", o->dir->path, o->name,
                            way_out(errno));
}

/* Give the memory back, and close and remove a file that did not become durable. */
static void end(struct lk_output *o)
{
    lk_free(o->buffer);
    o->buffer = NULL;
    lk_sha256_free(o->sha);
    o->sha = NULL;
    if (o->fd >= 0)
        (void)close(o->fd);
    o->fd = -1;
    if (o->created && !o->durable)
        (void)unlinkat(o->dir->fd, o->name, 0);
    o->created = false;
}

enum lk_status lk_output_commit(struct lk_output *o, mode_t mode, struct lk_output_summary *out,
                                struct lk_error *err)
{
    assert(o->created);
    if (o->error.status == LK_OK)
        make_durable(o, mode);
    o->durable = o->error.status == LK_OK;
    if (o->durable) {
        out->bytes = o->flushed;
        lk_sha256_finish(o->sha, out->sha256);
    }
    end(o);
    return lk_output_check(o, err);
}

void lk_output_free(struct lk_output *o)
{
    if (o == NULL)
        return;
    end(o);
    lk_free(o->name);
    lk_free(o);
}
