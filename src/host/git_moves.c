/* HEAD's reflog: one line for each time that it was written, the newest last:
 *
 *     OLD NEW NAME <EMAIL> SECONDS ZONE\tMESSAGE\n
 *
 * It is read here and not by libgit2, which makes the file when it is missing and always reads all of it. */
#include "host/git.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "host/git_repository.h"

#define SECOND INT64_C(1000000000)
#define MOST_READ (INT64_C(1) << 20) /* bytes, from the end */
#define MOST_MESSAGE 300             /* bytes of a message that are shown */

struct entry {
    int64_t seconds;
    bool moved; /* OLD and NEW differ */
    struct lk_bytes message;
};

static struct lk_bytes cut_at(struct lk_bytes *line, uint8_t mark)
{
    const uint8_t *at = line->len > 0 ? memchr(line->ptr, mark, line->len) : NULL;
    const size_t len = at != NULL ? (size_t)(at - line->ptr) : line->len;
    const struct lk_bytes before = lk_bytes(line->ptr, len);
    *line = lk_bytes(line->ptr + len + (at != NULL), line->len - len - (at != NULL));
    return before;
}

static bool parse_seconds(struct lk_bytes text, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || *out > INT64_MAX / SECOND / 10 - 10)
            return false;
        *out = *out * 10 + (text.ptr[i] - '0');
    }
    return text.len > 0;
}

static bool parse_entry(struct lk_bytes line, struct entry *out)
{
    struct lk_bytes head = cut_at(&line, '\t');
    const struct lk_bytes before = cut_at(&head, ' ');
    const struct lk_bytes after = cut_at(&head, ' ');
    (void)cut_at(&head, '>'); /* who */
    if (head.len == 0 || head.ptr[0] != ' ')
        return false;
    (void)cut_at(&head, ' ');
    out->moved = before.len != after.len || memcmp(before.ptr, after.ptr, before.len) != 0;
    out->message = line;
    return parse_seconds(cut_at(&head, ' '), &out->seconds);
}

static bool begins_with(struct lk_bytes text, const char *start)
{
    return text.len >= strlen(start) && memcmp(text.ptr, start, strlen(start)) == 0;
}

/* A commit takes files into Git and changes none. */
static bool touches_nothing(struct lk_bytes message)
{
    return begins_with(message, "commit:") || begins_with(message, "commit (amend):") ||
           begins_with(message, "commit (initial):");
}

static char *sentence(const struct entry *e)
{
    char when[64] = "";
    struct tm local;
    const time_t seconds = (time_t)e->seconds;
    if (localtime_r(&seconds, &local) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
    char *message =
        lk_text_escaped(lk_bytes(e->message.ptr, lk_utf8_cut(e->message.ptr, e->message.len, MOST_MESSAGE)));
    if (message == NULL)
        return NULL;
    char *out = lk_format("HEAD %s at %s: %s", e->moved ? "moved" : "was set again", when, message);
    lk_free(message);
    return out;
}

/* The end of the file; nothing when there is none. */
static enum lk_status read_tail(const char *path, struct lk_buffer *out, struct lk_error *err)
{
    struct stat st;
    enum lk_status status = LK_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return LK_OK;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        const int64_t most = st.st_size < MOST_READ ? st.st_size : MOST_READ;
        uint8_t *to = lk_buffer_extend(out, (size_t)most);
        if (to == NULL) {
            status = lk_fail_memory(err, "reading a reflog");
        } else {
            const ssize_t got = pread(fd, to, (size_t)most, st.st_size - most);
            out->len = got > 0 ? (size_t)got : 0;
        }
    }
    close(fd);
    return status;
}

/* Git may write the same line twice, one reset after another in one second does. */
static bool is_told(char *const *sentences, size_t count, const char *sentence)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(sentences[i], sentence) == 0)
            return true;
    return false;
}

static enum lk_status collect(struct lk_bytes log, int64_t since, int64_t until, size_t most,
                              char **sentences, size_t *count, struct lk_error *err)
{
    const int64_t from = since / SECOND - (since % SECOND < 0);
    const int64_t to = until / SECOND + (until % SECOND > 0);
    while (log.len > 0 && *count < most) {
        struct entry e;
        if (log.ptr[log.len - 1] == '\n')
            log.len--;
        const uint8_t *end = log.len > 0 ? memrchr(log.ptr, '\n', log.len) : NULL;
        const size_t start = end != NULL ? (size_t)(end - log.ptr) + 1 : 0;
        const struct lk_bytes line = lk_bytes(log.ptr + start, log.len - start);
        log.len = start;
        if (!parse_entry(line, &e) || e.seconds < from || e.seconds > to || touches_nothing(e.message))
            continue;
        char *told = sentence(&e);
        if (told == NULL)
            return lk_fail_memory(err, "reading a reflog");
        if (is_told(sentences, *count, told))
            lk_free(told);
        else
            sentences[(*count)++] = told;
    }
    return LK_OK;
}

enum lk_status lk_git_moves(const char *path, int64_t since, int64_t until, size_t most, char ***sentences,
                            size_t *count, struct lk_error *err)
{
    struct lk_git_repository *r;
    const char *name;
    char *log = NULL;
    struct lk_buffer text = {0};
    *count = 0;
    *sentences = lk_allocate_zeroed(most, sizeof **sentences);
    enum lk_status status = *sentences == NULL ? lk_fail_memory(err, "reading a reflog") : LK_OK;
    lk_git_repository_lock();
    if (status == LK_OK)
        status = lk_git_repository_of(path, &r, &name, err);
    if (status == LK_OK && r != NULL && r->handle != NULL &&
        (log = lk_format("%slogs/HEAD", r->folder)) == NULL)
        status = lk_fail_memory(err, "reading a reflog");
    lk_git_repository_unlock();
    if (status == LK_OK && log != NULL)
        status = read_tail(log, &text, err);
    if (status == LK_OK)
        status = collect(lk_buffer_bytes(&text), since, until, most, *sentences, count, err);
    if (status != LK_OK) {
        for (size_t i = 0; *sentences != NULL && i < *count; i++)
            lk_free((*sentences)[i]);
        lk_free(*sentences);
        *sentences = NULL;
        *count = 0;
    }
    lk_buffer_reset(&text);
    lk_free(log);
    return status;
}
