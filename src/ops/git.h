/* Is a file tracked by Git? Reads the index only: runs no hook, no filter, no configured program. */
#ifndef LK_OPS_GIT_H
#define LK_OPS_GIT_H

#include "base/error.h"

/* False also when this build has no libgit2, and for a repository that Git itself would not trust
 * (safe.directory). */
bool lk_git_tracks(const char *path);

/* Call before the first use and after the last; may be nested. */
void lk_git_start(void);
void lk_git_end(void);

#endif
