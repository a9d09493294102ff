/* A copy of what a run says in a log file, each line behind its time. One thread at a time. */
#ifndef LK_CLI_CONSOLE_LOG_H
#define LK_CLI_CONSOLE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

struct lk_console_log;

/* On a descriptor open for appending, which it closes. NULL when memory is out; then it is closed, too. */
struct lk_console_log *lk_console_log_new(int fd);

/* Text that may hold a part of a line, or several. A line is written, in one piece, when it ends. */
void lk_console_log_text(struct lk_console_log *log, const char *text);
void lk_console_log_format(struct lk_console_log *log, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Write what has no end yet, close, free. 0, or errno of the first write that failed. NULL is allowed. */
int lk_console_log_free(struct lk_console_log *log);

#endif
