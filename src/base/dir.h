/* Folders by descriptor, never through links. Any thread; a struct lk_dir may be shared while nobody closes
 * it.
 *
 * A `name` is one name inside the folder: not empty, not "." or "..", without '/'. Names may come from a
 * manifest that somebody tampered with, so anything else is refused with LK_FAILED before the file system is
 * asked. This holds for output.h, input.h and file.h too. */
#ifndef LK_BASE_DIR_H
#define LK_BASE_DIR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

/* An open folder with its path for messages. */
struct lk_dir {
    int fd;     /* -1 when closed */
    char *path; /* owned */
};
#define LK_DIR_CLOSED ((struct lk_dir){.fd = -1, .path = NULL})

/* Open a folder by path (the path itself may contain links) or below another (no link followed).
 * ENOENT gives LK_NOT_FOUND, anything else LK_FAILED; *out is then closed. */
enum lk_status lk_dir_open(const char *path, struct lk_dir *out, struct lk_error *err) LK_CHECKED;
enum lk_status lk_dir_open_at(const struct lk_dir *parent, const char *name, struct lk_dir *out,
                              struct lk_error *err) LK_CHECKED;
/* mkdirat + open. A new folder's mode is exact whatever the umask, except that an inherited set-group-id bit
 * stays, and that file systems without modes keep theirs. An existing folder is left as it is, or, when
 * `exclusive`, LK_FAILED with err->system EEXIST. */
enum lk_status lk_dir_create_at(const struct lk_dir *parent, const char *name, mode_t mode, bool exclusive,
                                struct lk_dir *out, struct lk_error *err) LK_CHECKED;
/* fsync the folder; EINVAL and ENOTSUP (file systems that cannot) count as done. */
enum lk_status lk_dir_sync(const struct lk_dir *dir, struct lk_error *err) LK_CHECKED;
/* Close and forget the path. A closed folder is allowed. */
void lk_dir_close(struct lk_dir *dir);
/* Names in the folder except "." and "..", sorted by bytes, as a NULL-terminated array of strings in one
 * block: lk_free it. */
enum lk_status lk_dir_list(const struct lk_dir *dir, char ***names, size_t *count,
                           struct lk_error *err) LK_CHECKED;
/* Remove `name` and everything below it, following nothing; folders without write permission included. A
 * missing name is no error. Stops at the first that cannot be removed. Not durable before `parent` is synced.
 */
enum lk_status lk_dir_remove_tree(const struct lk_dir *parent, const char *name,
                                  struct lk_error *err) LK_CHECKED;

/* Is `name` one name inside a folder, as said above? */
bool lk_dir_is_name(const char *name);

#endif
