/* From a relative path to the folder that holds its file, by descriptor, no link followed. Private to
 * src/store. Any thread. */
#ifndef LK_STORE_WALK_H
#define LK_STORE_WALK_H

#include "base/file.h"

/* Open the folder below `root` that `path` lies in; *name: the path's last component, borrowed. *folder stays
 * closed (fd -1) when that is `root` itself. `path` must be relative; ".." and empty components are refused.
 * LK_NOT_FOUND when a folder is missing. The caller closes *folder. */
enum lk_status lk_walk_to_folder(const struct lk_dir *root, const char *path, struct lk_dir *folder,
                                 const char **name, struct lk_error *err) LK_CHECKED;

#endif
