#include "cli/console.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void lk_console_init(struct lk_console *c)
{
    *c = (struct lk_console){0};
    setlocale(LC_CTYPE, "");
    c->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    /* Widths of characters are asked of the C library even where marks stay ASCII: the data is UTF-8 anyway.
     * And no other locale's idea of letters: in Turkish, "VIRTUAL" is not "virtual", and SQLite says it is.
     */
    setlocale(LC_CTYPE, "C.UTF-8");

    const char *term = getenv("TERM");
    const bool dumb = term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
    const char *no_color = getenv("NO_COLOR");
    const bool plain = dumb || (no_color != NULL && no_color[0] != '\0');
    c->colour = !plain && isatty(STDOUT_FILENO) == 1;
    c->error_colour = !plain && isatty(STDERR_FILENO) == 1;
    c->live = !dumb && isatty(STDERR_FILENO) == 1;
}

size_t lk_console_width(int fd)
{
    struct winsize size;
    const bool terminal = isatty(fd) == 1;
    if (terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    if (columns != NULL) {
        const long width = strtol(columns, NULL, 10);
        if (width > 0 && width < 100000)
            return (size_t)width;
    }
    return terminal ? 80 : 0;
}

enum lk_status lk_console_open_log(struct lk_console *c, const char *path, struct lk_error *err)
{
    int fd = -1;
    struct lk_error why = {0};
    const enum lk_status status = litekeep_log_open(path, &fd, &why);
    if (status == LK_USAGE) {
        *err = why;
        return status;
    }
    if (status == LK_OK && (c->log = lk_console_log_new(fd)) == NULL)
        return lk_console_fail_memory(err);
    if (status != LK_OK)
        lk_console_error(c, "%s; going on without a log", why.message);
    else
        c->colour = false;
    return LK_OK;
}

bool lk_console_tells(const struct lk_console *c)
{
    return !c->json && (!c->quiet || c->log != NULL);
}

static void note_write(struct lk_console *c, bool written)
{
    if (!written && c->write_error == 0)
        c->write_error = errno != 0 ? errno : EIO;
}

void lk_console_print(struct lk_console *c, const char *format, ...)
{
    va_list args;
    if (c->log != NULL) {
        va_start(args, format);
        lk_console_log_format(c->log, format, args);
        va_end(args);
        if (!c->json)
            return;
    }
    va_start(args, format);
    errno = 0;
    note_write(c, vprintf(format, args) >= 0);
    va_end(args);
}

void lk_console_flush(struct lk_console *c)
{
    errno = 0;
    note_write(c, fflush(stdout) == 0);
}

static void say(const struct lk_console *c, bool loud, enum lk_style style, const char *prefix,
                const char *format, va_list args) __attribute__((format(printf, 5, 0)));

static void say(const struct lk_console *c, bool loud, enum lk_style style, const char *prefix,
                const char *format, va_list args)
{
    if (c->log != NULL) {
        va_list copy;
        va_copy(copy, args);
        lk_console_log_text(c->log, prefix);
        lk_console_log_format(c->log, format, copy);
        lk_console_log_text(c->log, "\n");
        va_end(copy);
        if (c->quiet && !loud)
            return;
    }
    /* What was printed before stays before when both streams end up in one log. */
    fflush(stdout);
    flockfile(stderr);
    fprintf(stderr, "%s%s%s", lk_console_style(c->error_colour, style), prefix,
            lk_console_style(c->error_colour, LK_STYLE_PLAIN));
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    funlockfile(stderr);
}

void lk_console_error(const struct lk_console *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, true, LK_STYLE_RED, "litekeep: ", format, args);
    va_end(args);
}

void lk_console_warning(const struct lk_console *c, const char *format, ...)
{
    if (c->quiet && c->log == NULL)
        return;
    va_list args;
    va_start(args, format);
    say(c, false, LK_STYLE_YELLOW, "litekeep: warning: ", format, args);
    va_end(args);
}

void lk_console_note(const struct lk_console *c, const char *format, ...)
{
    if (c->quiet && c->log == NULL)
        return;
    va_list args;
    va_start(args, format);
    say(c, false, LK_STYLE_PLAIN, "litekeep: ", format, args);
    va_end(args);
}

void lk_console_detail(const struct lk_console *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, true, LK_STYLE_PLAIN, "    ", format, args);
    va_end(args);
}

void lk_console_remark(const struct lk_console *c, const char *format, ...)
{
    if (!c->verbose)
        return;
    va_list args;
    va_start(args, format);
    say(c, true, LK_STYLE_DIM, "litekeep: ", format, args);
    va_end(args);
}

const char *lk_console_style(bool colour, enum lk_style style)
{
    static const char *const codes[] = {
        [LK_STYLE_PLAIN] = "\033[0m", [LK_STYLE_BOLD] = "\033[1m",    [LK_STYLE_DIM] = "\033[2m",
        [LK_STYLE_RED] = "\033[31m",  [LK_STYLE_YELLOW] = "\033[33m",
    };
    return colour ? codes[style] : "";
}

const char *lk_console_arrow(const struct lk_console *c)
{
    return c->utf8 ? "\xe2\x86\x92" : "->";
}

const char *lk_console_ellipsis(const struct lk_console *c)
{
    return c->utf8 ? "\xe2\x80\xa6" : "...";
}

bool lk_console_finish(struct lk_console *c)
{
    const int log_error = lk_console_log_free(c->log);
    c->log = NULL;
    free(c->store_option);
    c->store_option = NULL;
    if (log_error != 0)
        lk_console_error(c, "the log is incomplete: %s", strerror(log_error));
    const bool failed_before = ferror(stdout) != 0;
    errno = 0;
    /* Some file systems report a full disk or a lost server only here. */
    const bool closed = fclose(stdout) == 0;
    note_write(c, closed && !failed_before);
    return c->write_error == 0;
}

const char *lk_console_store_option(const struct lk_console *c)
{
    return c->store_option == NULL ? "" : c->store_option;
}

enum lk_status lk_console_fail(struct lk_error *err, enum lk_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->status = status;
    err->system = 0;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

enum lk_status lk_console_fail_memory(struct lk_error *err)
{
    return lk_console_fail(err, LK_FAILED, "out of memory while preparing the output");
}
