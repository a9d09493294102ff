/* Errors: a status that is also an exit code, and a message written once, where the failure is found.
 *
 * Every function that can fail returns enum lk_status and takes `struct lk_error *err` last. On success *err
 * is untouched. `err` is never NULL. All functions here may be called from any thread; a struct lk_error
 * belongs to one thread at a time. */
#ifndef LK_BASE_ERROR_H
#define LK_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#include "litekeep.h"

#define LK_CHECKED __attribute__((warn_unused_result))
#define LK_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Fill *err with `status`, no system error, and the formatted message (cut at LK_ERROR_SIZE on a UTF-8
 * boundary; control characters, line separators, bidi controls and invalid UTF-8 escaped as \xNN, so a
 * message is always safe to print; a backslash stays single). The arguments may point into *err. Returns
 * `status`, so that a caller can write `return lk_fail(err, ...)`. */
enum lk_status lk_fail(struct lk_error *err, enum lk_status status, const char *format, ...) LK_PRINTF(3, 4);

/* The same; appends ": " and strerror(system), which stays visible however long the text is, and keeps
 * `system` (an errno value) in err->system. */
enum lk_status lk_fail_errno(struct lk_error *err, enum lk_status status, int system, const char *format, ...)
    LK_PRINTF(4, 5);

/* LK_FAILED: out of memory while doing `what`. */
enum lk_status lk_fail_memory(struct lk_error *err, const char *what);

/* Put "<formatted text>: " (the text cut at a quarter of LK_ERROR_SIZE) before the message that *err already
 * holds; status and system stay. For a caller that knows the database or table which the place of the failure
 * did not. Returns err->status. */
enum lk_status lk_error_prefix(struct lk_error *err, const char *format, ...) LK_PRINTF(2, 3);

#if defined __clang_analyzer__ && !defined LK_ERROR_DEFINITIONS
/* The analyzer sees one file at a time: here it learns which status these return. */
#define lk_fail(err, status, ...) ((void)(lk_fail)((err), (status), __VA_ARGS__), (status))
#define lk_fail_errno(err, status, system, ...)                                                              \
    ((void)(lk_fail_errno)((err), (status), (system), __VA_ARGS__), (status))
#define lk_fail_memory(err, what) ((void)(lk_fail_memory)((err), (what)), LK_FAILED)
#endif

#endif
