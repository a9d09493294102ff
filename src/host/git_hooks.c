/* What the guard has to know of a repository: its tracked files, and the folder of its hooks. */
#include "host/git.h"

#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "host/git_repository.h"

/* The repository of a file or folder; *inside: the path from the top, "" for the top itself; the caller
 * frees it. */
static enum lk_status find(const char *path, struct lk_git_repository **out, char **inside,
                           struct lk_error *err)
{
    struct stat st;
    const char *name = "";
    const bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    char *file = lk_format("%s%s", path, is_folder ? "/." : "");
    enum lk_status status = file == NULL ? lk_fail_memory(err, "looking for a Git repository") : LK_OK;
    *inside = NULL;
    if (status == LK_OK)
        status = lk_git_repository_of(file, out, &name, err);
    if (status == LK_OK && *out == NULL)
        status = lk_fail(err, LK_NOT_FOUND, "%s: it lies in no work tree of Git", path);
    else if (status == LK_OK && (*out)->handle == NULL)
        status = lk_git_repository_refuse(*out, err);
    if (status == LK_OK && (*inside = lk_copy_string(name)) == NULL)
        status = lk_fail_memory(err, "looking for a Git repository");
    if (status == LK_OK && is_folder) {
        const size_t len = strlen(*inside); /* it ends in "/." or is "." */
        (*inside)[len > 1 ? len - 2 : 0] = '\0';
    }
    lk_free(file);
    return status;
}

static bool is_below(const char *name, const char *folder)
{
    const size_t len = strlen(folder);
    return len == 0 || (strncmp(name, folder, len) == 0 && (name[len] == '\0' || name[len] == '/'));
}

static enum lk_status collect(struct lk_git_repository *r, const char *inside, char ***paths, size_t *count,
                              struct lk_error *err)
{
    git_index *index = lk_git_repository_index(r);
    if (index == NULL)
        return lk_fail(err, LK_REFUSED, "%sindex: cannot be read: %s", r->folder, lk_git_repository_reason());
    const size_t entries = git_index_entrycount(index);
    size_t room = 0;
    const char *last = "";
    for (size_t i = 0; i < entries; i++) {
        const git_index_entry *e = git_index_get_byindex(index, i);
        /* Regular files; the sides of a conflict follow one another. */
        if ((e->mode & 0170000) != 0100000 || !is_below(e->path, inside) || strcmp(e->path, last) == 0)
            continue;
        if (*count == room) {
            room = room < 64 ? 64 : room * 2;
            char **grown = lk_reallocate(*paths, room * sizeof **paths);
            if (grown == NULL)
                return lk_fail_memory(err, "reading a Git index");
            *paths = grown;
        }
        if (((*paths)[*count] = lk_format("%s%s", r->top, e->path)) == NULL)
            return lk_fail_memory(err, "reading a Git index");
        (*count)++;
        last = e->path;
    }
    return LK_OK;
}

enum lk_status lk_git_tracked(const char *path, char ***paths, size_t *count, struct lk_error *err)
{
    struct lk_git_repository *r = NULL;
    char *inside = NULL;
    *paths = NULL;
    *count = 0;
    lk_git_repository_lock();
    enum lk_status status = find(path, &r, &inside, err);
    if (status == LK_OK)
        status = collect(r, inside, paths, count, err);
    lk_git_repository_unlock();
    if (status != LK_OK) {
        for (size_t i = 0; i < *count; i++)
            lk_free((*paths)[i]);
        lk_free(*paths);
        *paths = NULL;
        *count = 0;
    }
    lk_free(inside);
    return status;
}

/* Does the hooks' folder that core.hooksPath names lie in the repository's own .git? */
static bool is_own(const struct lk_git_repository *r)
{
    return strncmp(r->hooks, r->common, strlen(r->common)) == 0 && strstr(r->hooks, "/..") == NULL;
}

enum lk_status lk_git_hooks(const char *path, char **folder, char **tree, struct lk_error *err)
{
    struct lk_git_repository *r = NULL;
    char *inside = NULL;
    *folder = *tree = NULL;
    lk_git_repository_lock();
    enum lk_status status = find(path, &r, &inside, err);
    if (status == LK_OK && r->hooks_moved && !is_own(r))
        status = lk_fail(err, LK_REFUSED,
                         "%s: its hooks lie in %s (core.hooksPath), which may be shared with other "
                         "repositories, so none are put there",
                         r->top, r->hooks);
    if (status == LK_OK &&
        ((*folder = lk_copy_string(r->hooks)) == NULL || (*tree = lk_copy_string(r->top)) == NULL)) {
        lk_free(*folder);
        *folder = NULL;
        status = lk_fail_memory(err, "looking at Git hooks");
    }
    lk_git_repository_unlock();
    lk_free(inside);
    return status;
}
