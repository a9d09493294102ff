/* A log file that is rotated by its writer: NAME, NAME.1 (older), ... Lines are appended in one write each,
 * so that several runs may log at once. */
#ifndef LK_HOST_LOG_H
#define LK_HOST_LOG_H

#include "base/bytes.h"
#include "base/error.h"

#define LK_LOG_SIZE (1u << 20) /* bytes from which on a log is rotated */
#define LK_LOG_OLD 4           /* how many old ones are kept */

/* Open for appending, made 0600 with its folder (0700) where missing; rotated first when it is LK_LOG_SIZE or
 * longer. No link is followed in the last component. The descriptor is the caller's. */
enum lk_status lk_log_open(const char *path, int *fd, struct lk_error *err) LK_CHECKED;

/* Append one line, which ends in a newline and is safe to show: open, write, close. */
enum lk_status lk_log_append(const char *path, struct lk_bytes line, struct lk_error *err) LK_CHECKED;

#endif
