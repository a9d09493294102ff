#include "store/journal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JOURNAL_LIMIT = 1 << 30 };

json_t *lk_journal_event(const char *type, int64_t now)
{
    char time[LK_TIME_SIZE];
    lk_time_format(now, time);
    json_t *event = json_object();
    if (lk_json_set(event, "type", json_string(type)) && lk_json_set(event, "time", json_string(time)))
        return event;
    json_decref(event);
    return NULL;
}

/* The line with its newline; with another before it when the file ends in a torn one. */
static enum lk_status spell_line(int fd, off_t size, const json_t *event, struct lk_buffer *out)
{
    char last = '\n';
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        last = '\0'; /* cannot be read: an empty line too many does no harm */
    if (last != '\n')
        lk_buffer_append_byte(out, '\n');
    const bool ok = lk_json_dump(event, JSON_COMPACT, out);
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

enum lk_status lk_journal_append(const struct lk_dir *database, mode_t mode, const json_t *event,
                                 struct lk_error *err)
{
    enum lk_status status = LK_OK;
    struct lk_buffer line = {0};
    struct stat st;
    const int fd = openat(database->fd, LK_JOURNAL_FILE,
                          O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
    if (fd < 0) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot open the journal", database->path,
                               LK_JOURNAL_FILE);
        goto out;
    }
    if (fstat(fd, &st) != 0) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot examine the journal", database->path,
                               LK_JOURNAL_FILE);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        status = lk_fail(err, LK_FAILED, "%s/%s: is no regular file", database->path, LK_JOURNAL_FILE);
        goto out;
    }
    if (spell_line(fd, st.st_size, event, &line) != LK_OK) {
        status = lk_fail_memory(err, "writing the journal");
        goto out;
    }
    if (!append_all(fd, lk_buffer_bytes(&line))) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot append to the journal", database->path,
                               LK_JOURNAL_FILE);
        (void)!ftruncate(fd, st.st_size); /* what is left otherwise is a torn line, which readers skip */
        goto out;
    }
    if (fsync(fd) != 0) {
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot make the journal durable",
                               database->path, LK_JOURNAL_FILE);
        goto out;
    }
    if (st.st_size == 0)
        status = lk_dir_sync(database, err);
out:
    if (fd >= 0)
        (void)close(fd);
    lk_buffer_reset(&line);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

/* *out NULL when the line is no event. False: memory is out. */
static bool parse_line(const uint8_t *line, size_t len, json_t **out)
{
    json_error_t error;
    json_t *event = json_loadb((const char *)line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    int64_t time;
    *out = NULL;
    if (event == NULL)
        return json_error_code(&error) != json_error_out_of_memory;
    const char *text = json_string_value(json_object_get(event, "time"));
    if (json_is_string(json_object_get(event, "type")) && text != NULL && lk_time_parse(text, &time))
        *out = event;
    else
        json_decref(event);
    return true;
}

static bool add_event(struct lk_journal *journal, json_t *event)
{
    /* Doubles at each power of two. */
    if ((journal->count & (journal->count - 1)) == 0) {
        const size_t cap = journal->count == 0 ? 1 : 2 * journal->count;
        json_t **grown = lk_reallocate(journal->event, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        journal->event = grown;
    }
    journal->event[journal->count++] = event;
    return true;
}

enum lk_status lk_journal_read(const struct lk_dir *database, struct lk_journal *out, struct lk_error *err)
{
    struct lk_journal journal = {0};
    struct lk_buffer text = {0};
    *out = journal;
    enum lk_status status = lk_file_read(database, LK_JOURNAL_FILE, JOURNAL_LIMIT, &text, err);
    if (status == LK_NOT_FOUND)
        status = LK_OK;
    size_t at = 0;
    while (status == LK_OK && at < text.len) {
        const uint8_t *line = text.data + at;
        const uint8_t *end = memchr(line, '\n', text.len - at);
        const size_t len = end == NULL ? text.len - at : (size_t)(end - line);
        at += len + 1;
        if (len == 0)
            continue;
        json_t *event = NULL;
        if (end != NULL && !parse_line(line, len, &event)) {
            status = lk_fail_memory(err, "reading the journal");
        } else if (event == NULL) {
            journal.skipped++;
        } else if (!add_event(&journal, event)) {
            json_decref(event);
            status = lk_fail_memory(err, "reading the journal");
        }
    }
    lk_buffer_reset(&text);
    if (status == LK_OK)
        *out = journal;
    else
        lk_journal_reset(&journal);
    return status;
}

void lk_journal_reset(struct lk_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++)
        json_decref(journal->event[i]);
    lk_free(journal->event);
    *journal = (struct lk_journal){0};
}

const char *lk_journal_string(const json_t *event, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text == NULL ? otherwise : text;
}

int64_t lk_journal_integer(const json_t *event, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(event, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

int64_t lk_journal_time(const json_t *event)
{
    int64_t instant = 0;
    (void)lk_time_parse(lk_journal_string(event, "time", ""), &instant);
    return instant;
}
