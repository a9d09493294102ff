/* Open repositories, by libgit2. Internal to git*.c.
 *
 * Repositories stay open between lk_git_start and the last lk_git_end. libgit2's objects are for one thread
 * at a time, so all use of them happens between lock and unlock. */
#ifndef LK_HOST_GIT_REPOSITORY_H
#define LK_HOST_GIT_REPOSITORY_H

#include <git2.h>
#include <sys/stat.h>

#include "base/error.h"

struct lk_git_repository {
    char *key;              /* its .git folder, as found from a folder inside */
    git_repository *handle; /* NULL: it cannot be looked at */
    char *problem;          /* then: why, as a shown sentence */
    bool untrusted;
    char *top;        /* real path of the work tree with a slash at its end; NULL: bare */
    char *folder;     /* real path of the .git folder of this work tree, with a slash */
    char *common;     /* of what all work trees share, with a slash */
    char *hooks;      /* folder of the hooks, without a slash; NULL: unknown */
    bool hooks_moved; /* core.hooksPath names it */
    struct stat seen; /* the index file when the index was last read */
};

void lk_git_repository_start(void);
void lk_git_repository_end(void);
void lk_git_repository_lock(void);
void lk_git_repository_unlock(void);

/* The repository whose work tree the file `path` lies in; NULL in *out when it lies in none. Borrowed, until
 * unlock. A path in a .git folder, or in a bare repository, lies in no work tree. *name: the path from the
 * top, borrowed from `path`; NULL when there is a problem. LK_FAILED: memory. */
enum lk_status lk_git_repository_of(const char *path, struct lk_git_repository **out, const char **name,
                                    struct lk_error *err) LK_CHECKED;

/* The index as it is now: owned by the repository, not to be freed. NULL: it cannot be read; git_error_last
 * says why. */
git_index *lk_git_repository_index(struct lk_git_repository *r);

/* The sentence for a repository that cannot be looked at, as LK_REFUSED. */
enum lk_status lk_git_repository_refuse(const struct lk_git_repository *r, struct lk_error *err);

/* What libgit2 said last, or "unknown error". */
const char *lk_git_repository_reason(void);

#endif
