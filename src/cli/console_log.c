#include "cli/console_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "litekeep.h"

struct lk_console_log {
    int fd;
    int failed; /* errno, or 0 */
    char *line; /* its time first */
    size_t len, room;
};

struct lk_console_log *lk_console_log_new(int fd)
{
    struct lk_console_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        close(fd);
    else
        log->fd = fd;
    return log;
}

static void fail(struct lk_console_log *log, int system)
{
    if (log->failed == 0)
        log->failed = system;
}

static void append(struct lk_console_log *log, const char *text, size_t len)
{
    if (len > log->room - log->len) {
        const size_t room = (log->len + len) * 2 + 256;
        char *line = realloc(log->line, room);
        if (line == NULL) {
            fail(log, ENOMEM);
            return;
        }
        log->line = line;
        log->room = room;
    }
    memcpy(log->line + log->len, text, len);
    log->len += len;
}

static void end_line(struct lk_console_log *log)
{
    append(log, "\n", 1);
    ssize_t n;
    do
        n = write(log->fd, log->line, log->len);
    while (n < 0 && errno == EINTR);
    if (n < 0 || (size_t)n != log->len)
        fail(log, n < 0 ? errno : ENOSPC);
    log->len = 0;
}

void lk_console_log_text(struct lk_console_log *log, const char *text)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        if (log->len == 0) {
            char now[LITEKEEP_WORD_SIZE];
            litekeep_format_time((int64_t)time(NULL) * 1000000000, now);
            append(log, now, strlen(now));
            append(log, " ", 1);
        }
        append(log, text, len);
        text += len;
        if (*text == '\n') {
            end_line(log);
            text++;
        }
    }
}

void lk_console_log_format(struct lk_console_log *log, const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) {
        fail(log, ENOMEM);
        return;
    }
    lk_console_log_text(log, text);
    free(text);
}

int lk_console_log_free(struct lk_console_log *log)
{
    if (log == NULL)
        return 0;
    if (log->len > 0)
        end_line(log);
    if (close(log->fd) != 0)
        fail(log, errno);
    const int failed = log->failed;
    free(log->line);
    free(log);
    return failed;
}
