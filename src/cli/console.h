/* Where the program speaks: results on standard output, everything else on standard error.
 *
 * One console a process. Its functions are called by one thread at a time (events come one at a time). */
#ifndef LK_CLI_CONSOLE_H
#define LK_CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "litekeep.h"

#include "cli/console_log.h"

#define LK_CHECKED __attribute__((warn_unused_result))

enum lk_style { LK_STYLE_PLAIN, LK_STYLE_BOLD, LK_STYLE_DIM, LK_STYLE_RED, LK_STYLE_YELLOW };

struct lk_console {
    bool json, quiet, verbose; /* the global options */
    bool utf8;                 /* the locale shows UTF-8: marks may be more than ASCII */
    bool colour;               /* standard output takes colours */
    bool error_colour;         /* standard error does */
    bool live;                 /* standard error is a terminal on which a line can be redrawn */
    bool opened; /* a session was asked for: what is refused from then on, --help of the command explains not
                    better */
    int write_error;            /* errno of the first write to standard output that failed, or 0 */
    char *store_option;         /* litekeep_store_option, once a session is open; NULL: none was */
    struct lk_console_log *log; /* NULL: none. See lk_console_open_log */
};

/* Look at the locale (sets LC_CTYPE, and only that: numbers in JSON need the point of the C locale), the
 * terminals, NO_COLOR and TERM. */
void lk_console_init(struct lk_console *c);

/* From now on results go to this log instead of standard output (JSON to both), and all that goes to standard
 * error goes there, too; what --quiet keeps back goes to the log alone. A log that cannot be opened is said,
 * and no reason to do nothing: only a path that cannot be one is LK_USAGE. lk_console_finish closes it. */
enum lk_status lk_console_open_log(struct lk_console *c, const char *path, struct lk_error *err) LK_CHECKED;
/* Are results wanted as text anywhere? */
bool lk_console_tells(const struct lk_console *c);

/* What goes behind "litekeep" in a command that people copy, so that it means the store of this one: "" or
 * "--store DIR ". */
const char *lk_console_store_option(const struct lk_console *c);

/* Columns of a terminal line; for what is no terminal COLUMNS, else 0: no limit. `fd` is 1 or 2. */
size_t lk_console_width(int fd);

/* Text to standard output. A failed write is remembered. */
void lk_console_print(struct lk_console *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hand on what was printed, so that a reader at the other end of a pipe sees it now. */
void lk_console_flush(struct lk_console *c);

/* A line "litekeep: ..." to standard error, for what was not done; and "litekeep: warning: ...", for what was
 * done but is worth knowing (not with --quiet). */
void lk_console_error(const struct lk_console *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void lk_console_warning(const struct lk_console *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same without a colour, for what went as it should, in a command whose standard output is not its own
 * (not with --quiet). */
void lk_console_note(const struct lk_console *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of its own below an error, for a person to copy: indented, without a prefix. */
void lk_console_detail(const struct lk_console *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line to standard error for the curious: only with --verbose. */
void lk_console_remark(const struct lk_console *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The escape sequence that starts a style (LK_STYLE_PLAIN: ends all) where colours are on, else "". Static
 * strings. */
const char *lk_console_style(bool colour, enum lk_style style);

/* Marks, in ASCII where the locale is not UTF-8: "→" or "->", "…" or "...". Static strings. */
const char *lk_console_arrow(const struct lk_console *c);
const char *lk_console_ellipsis(const struct lk_console *c);

/* Flush and close standard output. False when anything that was printed got lost: c->write_error says why. */
bool lk_console_finish(struct lk_console *c) LK_CHECKED;

/* Fill *err as the library does (the text is to be safe already) and return `status`. */
enum lk_status lk_console_fail(struct lk_error *err, enum lk_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum lk_status lk_console_fail_memory(struct lk_error *err);

#endif
