#include "sqlite/page_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memory.h"
#include "sqlite/source_internal.h"
#include "sqlite/stepped.h"

#define CHUNK ((size_t)1 << 20)

/* Send a file that nobody may change, or that is watched by the source. */
static enum lk_status send_file(const struct lk_source *s, int fd, struct lk_page_sink sink, uint64_t *bytes,
                                bool *restart, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    uint8_t *buffer = lk_allocate(CHUNK);
    if (buffer == NULL)
        return lk_fail_memory(err, "copying pages");
    for (;;) {
        *restart = lk_source_expired(s);
        if (*restart)
            goto out;
        if (s->interrupt != NULL && atomic_load(s->interrupt)) {
            status = lk_fail(err, LK_INTERRUPTED, "%s: interrupted while its pages were copied", s->path);
            goto out;
        }
        const ssize_t got = pread(fd, buffer, CHUNK, (off_t)*bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            status = lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot read at offset %llu", s->path,
                                   (unsigned long long)*bytes);
            goto out;
        }
        if (got == 0)
            break;
        status = sink.write(sink.context, buffer, (size_t)got, err);
        if (status != LK_OK)
            goto out;
        *bytes += (uint64_t)got;
    }
out:
    lk_free(buffer);
    return status;
}

/* A WAL database: its pages are partly in the -wal, so the backup API collects them, inside the read
 * transaction. */
static enum lk_status send_backup(struct lk_source *s, struct lk_page_sink sink, uint64_t *bytes,
                                  bool *restart, struct lk_error *err)
{
    struct lk_tmp *tmp = NULL;
    bool done = false;
    int fd = -1;
    char *path = NULL;
    enum lk_status status = lk_tmp_new(s->tmp_where, &tmp, err);
    if (status == LK_OK)
        status = lk_tmp_check_space(tmp, s->facts.bytes + lk_source_wal_bytes(s), err);
    if (status != LK_OK) {
        (void)lk_error_prefix(err, "%s: no page copy", s->path);
        goto out;
    }
    path = lk_format("%s/db", lk_tmp_path(tmp));
    if (path == NULL) {
        status = lk_fail_memory(err, "copying pages");
        goto out;
    }
    status = lk_stepped_copy(s->db, s->path, path, 0, s->interrupt, &done, err);
    if (status != LK_OK)
        goto out;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        status = lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot open the copy", path);
        goto out;
    }
    lk_tmp_clear(tmp);
    status = send_file(s, fd, sink, bytes, restart, err);
out:
    if (fd >= 0)
        close(fd);
    lk_free(path);
    lk_tmp_free(tmp);
    return status;
}

enum lk_status lk_page_copy_send(struct lk_source *s, struct lk_page_sink sink, uint64_t *bytes,
                                 bool *restart, struct lk_error *err)
{
    *bytes = 0;
    *restart = false;
    if (s->facts.method == LK_METHOD_EMPTY)
        return LK_OK;
    if (s->facts.method == LK_METHOD_READ &&
        s->deadline == 0) /* no lock keeps writers from the file: a WAL is in use */
        return send_backup(s, sink, bytes, restart, err);
    const enum lk_status status =
        send_file(s, s->copy_fd >= 0 ? s->copy_fd : s->fd, sink, bytes, restart, err);
    if (status != LK_OK || *restart)
        return status;
    bool disturbed = false;
    const enum lk_status confirmed = lk_source_confirm(s, &disturbed, err);
    *restart = disturbed;
    return confirmed;
}
