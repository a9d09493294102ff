/* A build without libgit2: nothing is known of Git. */
#include "host/git.h"

#include "base/memory.h"

void lk_git_start(void)
{
}

void lk_git_end(void)
{
}

bool lk_git_available(void)
{
    return false;
}

enum lk_status lk_git_look(const char *path, struct lk_git_look *out, struct lk_error *err)
{
    (void)path;
    (void)err;
    *out = (struct lk_git_look){0};
    return LK_OK;
}

void lk_git_look_reset(struct lk_git_look *look)
{
    *look = (struct lk_git_look){0};
}

enum lk_status lk_git_matches(const char *path, bool *matches, struct lk_error *err)
{
    (void)path;
    (void)err;
    *matches = false;
    return LK_OK;
}

enum lk_status lk_git_moves(const char *path, int64_t since, int64_t until, size_t most, char ***sentences,
                            size_t *count, struct lk_error *err)
{
    (void)path;
    (void)since;
    (void)until;
    (void)most;
    (void)err;
    *sentences = NULL;
    *count = 0;
    return LK_OK;
}

static enum lk_status without(struct lk_error *err)
{
    return lk_fail(err, LK_REFUSED, "this litekeep was built without libgit2, so it cannot look at Git");
}

enum lk_status lk_git_untrack(const char *path, bool *changed, struct lk_error *err)
{
    (void)path;
    *changed = false;
    return without(err);
}

enum lk_status lk_git_ignore(const char *path, bool *changed, struct lk_error *err)
{
    (void)path;
    *changed = false;
    return without(err);
}

char *lk_git_ignore_rule(const char *name)
{
    return lk_copy_string(name);
}

enum lk_status lk_git_tracked(const char *path, char ***paths, size_t *count, struct lk_error *err)
{
    (void)path;
    *paths = NULL;
    *count = 0;
    return without(err);
}

enum lk_status lk_git_hooks(const char *path, char **folder, char **tree, struct lk_error *err)
{
    (void)path;
    *folder = *tree = NULL;
    return without(err);
}
