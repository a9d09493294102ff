#include "store/lines.h"

#include "base/json.h"
#include "base/memory.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW (size_t)(64 << 10) /* bytes that are read at once from the end */

/* ---- Appending */

/* The line with its newline; with another before it when the file ends in a torn one. */
static enum lk_status spell_line(int fd, off_t size, const json_t *line, struct lk_buffer *out)
{
    char last = '\n';
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        last = '\0'; /* cannot be read: an empty line too many does no harm */
    if (last != '\n')
        lk_buffer_append_byte(out, '\n');
    const bool ok = lk_json_dump(line, JSON_COMPACT, out);
    lk_buffer_append_byte(out, '\n');
    return ok && !out->failed ? LK_OK : LK_FAILED;
}

/* Write all of it. A short write is continued: more room may have come. */
static bool append_all(int fd, struct lk_bytes text)
{
    while (text.len > 0) {
        const ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return false;
        text = lk_bytes(text.ptr + n, text.len - (size_t)n);
    }
    return true;
}

enum lk_status lk_lines_append(const struct lk_dir *dir, const char *name, const char *what, mode_t mode,
                               const json_t *line, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    struct lk_buffer text = {0};
    struct stat st;
    const int fd = openat(dir->fd, name,
                          O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
    if (fd < 0) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot open %s", dir->path, name, what);
        goto out;
    }
    if (fstat(fd, &st) != 0) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot examine %s", dir->path, name, what);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        status = lk_fail(err, LK_FAILED, "%s/%s: is no regular file", dir->path, name);
        goto out;
    }
    if (spell_line(fd, st.st_size, line, &text) != LK_OK) {
        status = lk_fail_memory(err, "writing a line of JSON");
        goto out;
    }
    if (!append_all(fd, lk_buffer_bytes(&text))) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot append to %s", dir->path, name, what);
        (void)!ftruncate(fd, st.st_size); /* what is left otherwise is a torn line, which readers skip */
        goto out;
    }
    if (fsync(fd) != 0) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot make %s durable", dir->path, name, what);
        goto out;
    }
    if (st.st_size == 0)
        status = lk_dir_sync(dir, err);
out:
    if (fd >= 0)
        (void)close(fd);
    lk_buffer_reset(&text);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

/* ---- Reading */

/* Hand on one line without its newline. *taken false: it is no object. */
static enum lk_status take_line(const uint8_t *line, size_t len, const char *what, lk_lines_taker *take,
                                void *context, bool *taken, bool *more, struct lk_error *err)
{
    json_error_t error;
    json_t *object = json_loadb((const char *)line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    *taken = json_is_object(object);
    if (*taken)
        return take(context, object, more, err);
    json_decref(object);
    if (object == NULL && json_error_code(&error) == json_error_out_of_memory)
        return lk_fail(err, LK_FAILED, "out of memory while reading %s", what);
    return LK_OK;
}

enum lk_status lk_lines_read(const struct lk_dir *dir, const char *name, const char *what, size_t limit,
                             lk_lines_taker *take, void *context, struct lk_lines_skipped *skipped,
                             struct lk_error *err)
{
    struct lk_buffer text = {0};
    bool more = true;
    enum lk_status status = lk_file_read(dir, name, limit, &text, err);
    if (status == LK_NOT_FOUND)
        status = LK_OK;
    for (size_t at = 0; status == LK_OK && more && at < text.len;) {
        const uint8_t *line = text.data + at;
        const uint8_t *end = memchr(line, '\n', text.len - at);
        const size_t len = end == NULL ? text.len - at : (size_t)(end - line);
        bool taken = false;
        at += len + 1;
        if (len == 0)
            continue;
        if (end != NULL)
            status = take_line(line, len, what, take, context, &taken, &more, err);
        if (skipped == NULL || taken || status != LK_OK)
            continue;
        skipped->count++;
        lk_buffer_append(&skipped->text, line, len);
        lk_buffer_append_byte(&skipped->text, '\n');
        if (skipped->text.failed)
            status = lk_fail(err, LK_FAILED, "out of memory while reading %s", what);
    }
    lk_buffer_reset(&text);
    return status;
}

/* The end of a file, read backwards: text holds bytes [start, end). */
struct tail {
    const struct lk_input *in;
    struct lk_buffer text;
    uint64_t start;
    bool torn; /* the last line is still to be passed over */
};

/* Put the bytes before `start` in front of what is there. */
static enum lk_status extend(struct tail *t, struct lk_error *err)
{
    const size_t had = t->text.len, wanted = had > WINDOW ? had : WINDOW;
    const size_t more = t->start < wanted ? (size_t)t->start : wanted;
    if (lk_buffer_extend(&t->text, more) == NULL)
        return lk_fail_memory(err, "reading backwards");
    memmove(t->text.data + more, t->text.data, had);
    t->start -= more;
    return lk_input_read(t->in, t->start, t->text.data, more, err);
}

enum lk_status lk_lines_read_back(const struct lk_dir *dir, const char *name, const char *what, size_t limit,
                                  lk_lines_taker *take, void *context, struct lk_error *err)
{
    struct lk_input *in = NULL;
    bool more = true;
    enum lk_status status = lk_input_open(dir, name, &in, err);
    if (status == LK_NOT_FOUND)
        return LK_OK;
    struct tail t = {.in = in, .start = status == LK_OK ? lk_input_size(in) : 0, .torn = true};
    while (status == LK_OK && more && (t.start > 0 || t.text.len > 0)) {
        /* A line is what stands between two newlines; what is behind the last one is torn. */
        const uint8_t *end = t.text.len == 0 ? NULL : memrchr(t.text.data, '\n', t.text.len);
        if (end == NULL && t.start > 0) {
            status = t.text.len > limit ? LK_OK : extend(&t, err);
            more = t.text.len <= limit;
            continue;
        }
        const size_t begin = end == NULL ? 0 : (size_t)(end - t.text.data) + 1;
        bool taken = false;
        if (!t.torn && t.text.len > begin)
            status =
                take_line(t.text.data + begin, t.text.len - begin, what, take, context, &taken, &more, err);
        t.torn = false;
        t.text.len = end == NULL ? 0 : begin - 1;
        if (end == NULL)
            break;
    }
    lk_buffer_reset(&t.text);
    lk_input_close(in);
    return status;
}
