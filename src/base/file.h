/* Whole small files; and, by its includes, everything about folders and files below the store. Any thread. */
#ifndef LK_BASE_FILE_H
#define LK_BASE_FILE_H

#include "base/buffer.h"
#include "base/dir.h"
#include "base/input.h"
#include "base/output.h"

/* Write a whole small file durably: create, write, fsync, close, fsync the folder. With `replace` it is
 * written under a temporary name
 * (".tmp-file-" and 16 hex digits: a crash may leave one behind) and renamed over `name`: readers see the old
 * content or the new. Without, an existing `name` is LK_FAILED with err->system EEXIST, and a crash may leave
 * a part of the file. */
enum lk_status lk_file_write(const struct lk_dir *dir, const char *name, struct lk_bytes content, mode_t mode,
                             bool replace, struct lk_error *err) LK_CHECKED;
/* Append a whole regular file of at most `limit` bytes to `out`, no link followed. Missing: LK_NOT_FOUND.
 * Longer, a link, or no regular file: LK_DAMAGED. After an error `out` holds what it held (and may be marked
 * failed when memory was out). */
enum lk_status lk_file_read(const struct lk_dir *dir, const char *name, size_t limit, struct lk_buffer *out,
                            struct lk_error *err) LK_CHECKED;

#endif
