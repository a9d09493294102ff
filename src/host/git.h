/* What Git may do to a file. By libgit2: reads the index, ignore rules, attributes, config and reflog; runs
 * no hook, no filter, no configured program, and looks at no repository that Git itself would not trust
 * (safe.directory). The environment (GIT_DIR, GIT_INDEX_FILE, ...) is not heeded: a file belongs to the work
 * tree it lies in. Without libgit2 in the build everything is unknown. Any thread, between start and end. */
#ifndef LK_HOST_GIT_H
#define LK_HOST_GIT_H

#include "base/buffer.h"
#include "base/error.h"

/* Call before the first use and after the last; may be nested. Repositories that were looked at stay open
 * until the last end, so that a thousand files of one repository open it once; what Git writes meanwhile is
 * seen all the same. */
void lk_git_start(void);
void lk_git_end(void);

bool lk_git_available(void); /* is libgit2 in this build? */

struct lk_git_look {
    char *tree;    /* top of the work tree, with a slash at its end; NULL: the file lies in none, or it is not
                      known */
    char *name;    /* the file's path in it */
    char *problem; /* there is a repository, but it cannot be looked at: why (shown); nothing else is known */
    bool untrusted;    /* ... because it is of another owner */
    bool tracked;      /* in the index: a checkout, pull, reset or stash replaces the file */
    bool in_head;      /* not in the index, but in the commit that HEAD names: a reset --hard replaces it */
    bool ignored;      /* git clean without -x leaves it */
    bool text;         /* the attribute `text` is set: Git may change line ends in it */
    char *filter;      /* the filter attribute ("lfs"): a checkout writes what the filter makes; NULL: none */
    size_t hooks;      /* hooks that are there and can rewrite files; those of the guard are not counted */
    const char **hook; /* "post-checkout", ...: static texts */
};

/* `path` is absolute and free of links; the file need not exist, nor its folder. It is not opened. LK_FAILED:
 * memory. */
enum lk_status lk_git_look(const char *path, struct lk_git_look *out, struct lk_error *err) LK_CHECKED;
void lk_git_look_reset(struct lk_git_look *look);

/* Is the file byte for byte the version that Git has in its index (or else in HEAD)? Reads the file, without
 * filters, when the sizes agree: so it must not be called while this process has it open as a source. A file
 * of more than 1 GiB, or anything that is not known, does not match. */
enum lk_status lk_git_matches(const char *path, bool *matches, struct lk_error *err) LK_CHECKED;

/* What Git did in the work tree of `path` after `since` and not after `until` (instants, rounded outward to
 * seconds): each entry of HEAD's reflog but plain commits, which touch no file, newest first, as a sentence
 * ("HEAD moved at 2026-05-29 11:14:42: pull --force: ...", local time), at most `most`. Texts are escaped.
 * *count 0 when it did nothing, or it is not known. `git checkout -- FILE` and `git restore` leave no entry:
 * there lk_git_matches tells. lk_free each and the array. */
enum lk_status lk_git_moves(const char *path, int64_t since, int64_t until, size_t most, char ***sentences,
                            size_t *count, struct lk_error *err) LK_CHECKED;

/* Take the file out of the index; it stays in the work tree, and is not opened. False in *changed: it was not
 * in it. LK_REFUSED: the index is locked by another Git, is of a kind that libgit2 cannot read, or the
 * repository is not trusted. LK_NOT_FOUND: no repository. */
enum lk_status lk_git_untrack(const char *path, bool *changed, struct lk_error *err) LK_CHECKED;

/* Add rules for the file (and its -wal, -shm, -journal) to the .gitignore at the top of its work tree, each
 * unless it is ignored already. Replaced atomically; what is there stays byte for byte. LK_REFUSED: the
 * .gitignore is no regular file, or another .gitignore takes the rules back. */
enum lk_status lk_git_ignore(const char *path, bool *changed, struct lk_error *err) LK_CHECKED;

/* A rule of .gitignore that means this path in its work tree and no other: a slash, and the name with marks
 * before what is special there. NULL when memory is out; lk_free it. */
char *lk_git_ignore_rule(const char *name);

/* Paths in the index of the work tree at or above `path` that lie at or below it, each once; absolute.
 * lk_free each and the array. LK_NOT_FOUND: no work tree. LK_REFUSED: it cannot be looked at. */
enum lk_status lk_git_tracked(const char *path, char ***paths, size_t *count,
                              struct lk_error *err) LK_CHECKED;

/* The first line but one of a hook that the guard wrote; and what a hook of the repository's own that it
 * calls is renamed to, by adding this. */
#define LK_GIT_HOOK_MARK "# litekeep guard"
#define LK_GIT_HOOK_SAVED ".litekeep-saved"

/* The folder that holds the hooks of the repository of `path` (which may be a work tree's top, or anything in
 * it), without a slash at its end; it need not exist. And its work tree's top, with one. The caller frees
 * both. LK_REFUSED: not trusted, or core.hooksPath names a folder outside the repository's own .git.
 * LK_NOT_FOUND: no repository with a work tree. */
enum lk_status lk_git_hooks(const char *path, char **folder, char **tree, struct lk_error *err) LK_CHECKED;

#endif
