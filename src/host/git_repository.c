#include "host/git_repository.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Guarded by `lock`. */
static struct {
    unsigned starts;
    struct lk_git_repository **entry;
    size_t count;
} opened;

void lk_git_repository_lock(void)
{
    pthread_mutex_lock(&lock);
}

void lk_git_repository_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void lk_git_repository_start(void)
{
    static const char *const extensions[] = {"worktreeconfig", "preciousobjects"};
    pthread_mutex_lock(&lock);
    git_libgit2_init();
    /* Git's sparse checkouts set the first; it changes nothing of what is read here but core.hooksPath, which
     * find_hooks looks for in the work tree's own config too. */
    if (opened.starts++ == 0)
        (void)git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, sizeof extensions / sizeof extensions[0]);
    pthread_mutex_unlock(&lock);
}

static void free_repository(struct lk_git_repository *r)
{
    if (r == NULL)
        return;
    git_repository_free(r->handle);
    lk_free(r->key);
    lk_free(r->problem);
    lk_free(r->top);
    lk_free(r->folder);
    lk_free(r->common);
    lk_free(r->hooks);
    lk_free(r);
}

void lk_git_repository_end(void)
{
    pthread_mutex_lock(&lock);
    if (--opened.starts == 0) {
        for (size_t i = 0; i < opened.count; i++)
            free_repository(opened.entry[i]);
        lk_free(opened.entry);
        opened.entry = NULL;
        opened.count = 0;
    }
    git_libgit2_shutdown();
    pthread_mutex_unlock(&lock);
}

const char *lk_git_repository_reason(void)
{
    const git_error *e = git_error_last();
    return e != NULL && e->message != NULL ? e->message : "unknown error";
}

enum lk_status lk_git_repository_refuse(const struct lk_git_repository *r, struct lk_error *err)
{
    return lk_fail(err, LK_REFUSED, "%s", r->problem);
}

/* The real path with a slash at its end. NULL: memory, or it is not there. */
static char *real_folder(const char *path)
{
    char *real = realpath(path, NULL);
    if (real == NULL)
        return NULL;
    char *out = lk_format("%s/", strcmp(real, "/") == 0 ? "" : real);
    free(real);
    return out;
}

/* Where core.hooksPath points: absolute, or from the top of the work tree; nothing when it is not set. False:
 * memory. */
static bool find_configured_hooks(struct lk_git_repository *r)
{
    git_config *config = NULL;
    git_buf value = GIT_BUF_INIT;
    char *own = lk_format("%sconfig.worktree", r->folder);
    bool known = own != NULL;
    int set = 0;
    if (!known || git_repository_config(&config, r->handle) != 0)
        goto out;
    /* Git reads this file only when it was told to. */
    if (git_config_get_bool(&set, config, "extensions.worktreeconfig") == 0 && set &&
        git_config_add_file_ondisk(config, own, GIT_CONFIG_LEVEL_APP, r->handle, 0) != 0)
        git_error_clear();
    if (git_config_get_path(&value, config, "core.hookspath") == 0) {
        r->hooks_moved = true;
        r->hooks = value.ptr[0] == '/' ? lk_copy_string(value.ptr)
                                       : lk_format("%s%s", r->top != NULL ? r->top : r->folder, value.ptr);
        known = r->hooks != NULL;
    }
    for (size_t len = r->hooks != NULL ? strlen(r->hooks) : 0; len > 1 && r->hooks[len - 1] == '/'; len--)
        r->hooks[len - 1] = '\0';
out:
    git_buf_dispose(&value);
    git_config_free(config);
    lk_free(own);
    return known;
}

/* The folder that holds a .git folder, without a slash at its end. */
static char *top_of(const char *key)
{
    size_t len = strlen(key);
    if (len >= 6 && strcmp(key + len - 6, "/.git/") == 0)
        len -= 5;
    if (len > 1 && key[len - 1] == '/')
        len--;
    return lk_copy_bytes(key, len);
}

/* Who owns what Git does not trust: the .git folder, or the work tree. */
static long foreign_owner(const char *key)
{
    struct stat st;
    char *top = lk_format("%s..", key);
    long owner = stat(key, &st) == 0 ? (long)st.st_uid : -1;
    if (owner == (long)geteuid() && top != NULL && stat(top, &st) == 0)
        owner = (long)st.st_uid;
    lk_free(top);
    return owner;
}

/* The words for a repository that cannot be looked at. */
static char *explain(const char *key, bool untrusted)
{
    char *folder = top_of(key);
    char *top = folder == NULL ? NULL : lk_text_escaped(lk_bytes_of(folder));
    char *word = folder == NULL ? NULL : lk_text_quote_shown(folder); /* for a command that people copy */
    char *reason = lk_text_escaped(lk_bytes_of(lk_git_repository_reason()));
    char *out = NULL;
    if (top != NULL && word != NULL && untrusted)
        out = lk_format("the Git repository %s cannot be looked at: it is owned by user %ld, whom Git does "
                        "not trust here (if you do: git config --global --add safe.directory %s)",
                        top, foreign_owner(key), word);
    else if (top != NULL && reason != NULL)
        out = lk_format("the Git repository %s cannot be looked at: %s", top, reason);
    lk_free(folder);
    lk_free(top);
    lk_free(word);
    lk_free(reason);
    return out;
}

/* libgit2 1.5 answers "no such config value" where no safe.directory is set at all. */
static bool is_untrusted(int failed)
{
    return failed == GIT_EOWNER ||
           (failed == GIT_ENOTFOUND && strstr(lk_git_repository_reason(), "safe.directory") != NULL);
}

static bool open_repository(struct lk_git_repository *r, const char *folder)
{
    const int failed = git_repository_open_ext(&r->handle, folder, 0, NULL);
    if (failed != 0) {
        r->handle = NULL;
        r->untrusted = is_untrusted(failed);
        r->problem = explain(r->key, r->untrusted);
        return r->problem != NULL;
    }
    const char *top = git_repository_workdir(r->handle);
    r->folder = real_folder(git_repository_path(r->handle));
    r->common = real_folder(git_repository_commondir(r->handle));
    if (r->folder == NULL || r->common == NULL)
        return false;
    /* None: bare, or a core.worktree that is not there; none of our files lies in that. */
    if (top != NULL && (r->top = real_folder(top)) == NULL && access(top, F_OK) == 0)
        return false;
    if (!find_configured_hooks(r))
        return false;
    if (!r->hooks_moved)
        r->hooks = lk_format("%shooks", r->common);
    return r->hooks != NULL;
}

static enum lk_status get(const char *key, const char *folder, struct lk_git_repository **out,
                          struct lk_error *err)
{
    for (size_t i = opened.count; i-- > 0;) { /* the last one is the likeliest */
        if (strcmp(opened.entry[i]->key, key) == 0) {
            *out = opened.entry[i];
            return LK_OK;
        }
    }
    struct lk_git_repository **grown = lk_reallocate(opened.entry, (opened.count + 1) * sizeof *opened.entry);
    if (grown == NULL)
        return lk_fail_memory(err, "opening a Git repository");
    opened.entry = grown;
    struct lk_git_repository *r = lk_allocate_zeroed(1, sizeof *r);
    if (r == NULL || (r->key = lk_copy_string(key)) == NULL || !open_repository(r, folder)) {
        free_repository(r);
        return lk_fail_memory(err, "opening a Git repository");
    }
    opened.entry[opened.count++] = r;
    *out = r;
    return LK_OK;
}

/* The nearest folder above `path` that exists: a whole folder may be gone. */
static char *nearest_folder(const char *path)
{
    struct stat st;
    char *folder = lk_copy_string(path);
    while (folder != NULL) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder) {
            strcpy(folder, "/");
            break;
        }
        *slash = '\0';
        if (lstat(folder, &st) == 0 && S_ISDIR(st.st_mode))
            break;
    }
    return folder;
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

enum lk_status lk_git_repository_of(const char *path, struct lk_git_repository **out, const char **name,
                                    struct lk_error *err)
{
    git_buf key = GIT_BUF_INIT;
    enum lk_status status = LK_OK;
    struct lk_git_repository *r = NULL;
    *out = NULL;
    *name = NULL;
    char *folder = nearest_folder(path);
    if (folder == NULL)
        return lk_fail_memory(err, "looking for a Git repository");
    /* Finding is cheap, and has to be done for each folder: repositories lie in one another. */
    if (git_repository_discover(&key, folder, 0, NULL) == 0)
        status = get(key.ptr, folder, &r, err);
    if (status == LK_OK && r != NULL && r->handle == NULL) {
        /* A file in the .git folder itself is nothing that Git would touch. */
        if (!begins_with(path, r->key))
            *out = r;
    } else if (status == LK_OK && r != NULL && r->top != NULL && begins_with(path, r->top) &&
               path[strlen(r->top)] != '\0' && !begins_with(path, r->folder) &&
               !begins_with(path, r->common)) {
        *out = r;
        *name = path + strlen(r->top);
    }
    git_buf_dispose(&key);
    lk_free(folder);
    return status;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

git_index *lk_git_repository_index(struct lk_git_repository *r)
{
    git_index *index = NULL;
    struct stat now = {0};
    if (git_repository_index(&index, r->handle) != 0)
        return NULL;
    git_index_free(index); /* the repository holds a reference too */
    const char *path = git_index_path(index);
    const bool there = path != NULL && stat(path, &now) == 0;
    /* git_index_read opens the file even to find out that it is as it was. */
    if (there && r->seen.st_ino != 0 && is_same(&now, &r->seen))
        return index;
    if (git_index_read(index, 0) != 0) {
        r->seen = (struct stat){0};
        return NULL;
    }
    r->seen = now;
    return index;
}
