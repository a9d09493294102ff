#include "ops/git.h"

#ifdef LK_HAVE_GIT

#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "base/memory.h"

void lk_git_start(void)
{
    git_libgit2_init();
}

void lk_git_end(void)
{
    git_libgit2_shutdown();
}

static bool index_has(git_repository *repository, const char *path)
{
    git_index *index = NULL;
    const char *top = git_repository_workdir(repository);
    bool tracked = false;
    /* workdir ends in a slash and is free of links, as `path` is. */
    if (top != NULL && strncmp(path, top, strlen(top)) == 0 && git_repository_index(&index, repository) == 0)
        tracked = git_index_get_bypath(index, path + strlen(top), 0) != NULL;
    git_index_free(index);
    return tracked;
}

bool lk_git_tracks(const char *path)
{
    git_repository *repository = NULL;
    char *folder = lk_copy_string(path);
    if (folder == NULL)
        return false;
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    const bool tracked =
        git_repository_open_ext(&repository, folder, 0, NULL) == 0 && index_has(repository, path);
    git_repository_free(repository);
    lk_free(folder);
    return tracked;
}

#else

void lk_git_start(void)
{
}

void lk_git_end(void)
{
}

bool lk_git_tracks(const char *path)
{
    (void)path;
    return false;
}

#endif
