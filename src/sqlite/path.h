/* Paths of sources. Internal to this layer. Any thread. */
#ifndef LK_SQLITE_PATH_H
#define LK_SQLITE_PATH_H

#include <stdbool.h>

/* The absolute path without links, "." and "..": as realpath(3), from our allocator (lk_free). NULL with
 * errno set. */
char *lk_path_real(const char *path);

/* Is `path` the folder `folder` or below it? Both absolute, without a trailing slash ("/" excepted). */
bool lk_path_is_below(const char *path, const char *folder);

/* The part after the last '/'. */
const char *lk_path_name(const char *path);

#endif
