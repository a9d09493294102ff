/* The guard: databases that Git tracks are taken out of its index. */
#include "ops/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "host/git.h"
#include "sqlite/header.h"

enum lk_status lk_guard_new(struct lk_guard **out, struct lk_error *err)
{
    *out = lk_allocate_zeroed(1, sizeof **out);
    return *out != NULL ? LK_OK : lk_fail_memory(err, "looking at Git");
}

void lk_guard_free(struct lk_guard *g)
{
    if (g == NULL)
        return;
    lk_free(g->done.text);
    lk_free(g->notes.text);
    lk_free(g->databases.text);
    lk_free(g->files.text);
    lk_arena_free(&g->arena);
    lk_free(g);
}

void litekeep_guard_free(struct litekeep_guard *guard)
{
    lk_guard_free((struct lk_guard *)guard); /* its first member */
}

static void add(struct lk_guard *g, struct lk_guard_list *list, const char *text)
{
    const char **grown = lk_reallocate(list->text, (list->count + 2) * sizeof *grown);
    if (grown == NULL || text == NULL) {
        list->text = grown != NULL ? grown : list->text;
        g->arena.failed = true;
        return;
    }
    list->text = grown;
    grown[list->count++] = text;
    grown[list->count] = NULL;
}

void lk_guard_say(struct lk_guard *g, struct lk_guard_list *list, const char *format, ...)
{
    va_list args;
    struct lk_error shown = {0};
    char *text = NULL;
    va_start(args, format);
    const int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        g->arena.failed = true;
        return;
    }
    (void)lk_fail(&shown, LK_OK, "%s", text);
    add(g, list, lk_arena_copy(&g->arena, shown.message));
    free(text);
}

static const char *const *texts(const struct lk_guard_list *list)
{
    static const char *const none[] = {NULL};
    return list->count > 0 ? list->text : none;
}

enum lk_status lk_guard_finish(struct lk_guard *g, enum lk_status status, struct litekeep_guard **out,
                               struct lk_error *err)
{
    if (status == LK_OK)
        status = lk_arena_check(&g->arena, err);
    if (status != LK_OK) {
        lk_guard_free(g);
        return status;
    }
    g->guard.done = texts(&g->done);
    g->guard.notes = texts(&g->notes);
    g->guard.databases = texts(&g->databases);
    g->guard.files = texts(&g->files);
    *out = &g->guard;
    return LK_OK;
}

static char *real_path(const char *path)
{
    char *real = realpath(path, NULL);
    char *out = real != NULL ? lk_copy_string(real) : NULL;
    free(real);
    return out;
}

enum lk_status lk_guard_path(const char *path, char **out, struct lk_error *err)
{
    if (path == NULL)
        path = ".";
    if ((*out = real_path(path)) != NULL)
        return LK_OK;
    if (errno != ENOENT)
        return lk_fail_errno(err, LK_NOT_FOUND, errno, "%s", path);
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? lk_copy_string(".")
                   : slash == path ? lk_copy_string("/")
                                   : lk_copy_bytes(path, (size_t)(slash - path));
    char *real = folder != NULL ? real_path(folder) : NULL;
    if (real != NULL)
        *out = lk_format("%s/%s", strcmp(real, "/") == 0 ? "" : real, slash != NULL ? slash + 1 : path);
    lk_free(folder);
    lk_free(real);
    return *out != NULL ? LK_OK : lk_fail(err, LK_NOT_FOUND, "%s: no such file or folder", path);
}

void lk_guard_add_file(struct lk_guard *g, const char *path, bool tracked)
{
    add(g, &g->files, lk_arena_copy(&g->arena, path));
    if (tracked)
        add(g, &g->databases, lk_arena_shown_string(&g->arena, path));
}

/* By its first bytes, as everywhere. Nothing of this process has a source open now. */
bool lk_guard_is_database(const char *path)
{
    uint8_t bytes[LK_HEADER_SIZE];
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    const bool is = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && pread(fd, bytes, sizeof bytes, 0) >= 16 &&
                    memcmp(bytes, "SQLite format 3", 16) == 0;
    close(fd);
    return is;
}

enum lk_status lk_guard_find_tracked(struct lk_guard *g, const char *path, struct lk_error *err)
{
    char **paths = NULL;
    size_t count = 0;
    const enum lk_status status = lk_git_tracked(path, &paths, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (lk_guard_is_database(paths[i]))
            lk_guard_add_file(g, paths[i], true);
        lk_free(paths[i]);
    }
    lk_free(paths);
    return status;
}

/* What a person has to know who takes a database out of Git. */
static void warn_of_history(struct lk_guard *g, const struct lk_git_look *look)
{
    lk_guard_say(
        g, &g->notes,
        "%s: the removal takes effect with the next commit; until then git reset --hard still puts the old "
        "copy back",
        look->name);
    lk_guard_say(
        g, &g->notes,
        "%s: whoever pulls that commit into another clone has the file DELETED there, with all that is "
        "in it: tell them to make a copy first",
        look->name);
    lk_guard_say(
        g, &g->notes,
        "%s: old copies stay in the history of Git: checking out a commit that has one overwrites the "
        "file without asking, as it is ignored now, and coming back deletes it; where that happens, "
        "keep the database outside of the work tree",
        look->name);
}

static enum lk_status untrack(struct lk_guard *g, const char *path, const struct lk_git_look *look,
                              bool dry_run, struct lk_error *err)
{
    bool changed = true;
    const enum lk_status status = dry_run ? LK_OK : lk_git_untrack(path, &changed, err);
    if (status == LK_OK && changed) {
        g->guard.changed = true;
        lk_guard_say(g, &g->done, "%s: %s out of Git's index; the file stays as it is", look->name,
                     dry_run ? "would be taken" : "taken");
    }
    return status;
}

static enum lk_status ignore(struct lk_guard *g, const char *path, const struct lk_git_look *look,
                             bool dry_run, struct lk_error *err)
{
    bool changed = !look->ignored;
    const enum lk_status status = dry_run ? LK_OK : lk_git_ignore(path, &changed, err);
    if (status == LK_OK && changed) {
        g->guard.changed = true;
        lk_guard_say(g, &g->done, "%s: %s to %s.gitignore", look->name, dry_run ? "would be added" : "added",
                     look->tree);
    }
    return status;
}

static enum lk_status fix(struct lk_guard *g, const char *path, bool dry_run, struct lk_error *err)
{
    struct lk_git_look look;
    enum lk_status status = lk_git_look(path, &look, err);
    if (status != LK_OK)
        return status;
    if (look.problem != NULL)
        status = lk_fail(err, LK_REFUSED, "%s", look.problem);
    else if (look.tree == NULL)
        status = lk_fail(err, LK_NOT_FOUND, "%s: it lies in no work tree of Git", path);
    g->guard.repository = lk_arena_shown_string(&g->arena, look.tree);
    /* First the rule, so that nothing can add the file again in between. */
    if (status == LK_OK && (look.tracked || !look.ignored))
        status = ignore(g, path, &look, dry_run, err);
    if (status == LK_OK && look.tracked)
        status = untrack(g, path, &look, dry_run, err);
    if (status == LK_OK && (look.tracked || look.in_head))
        warn_of_history(g, &look);
    lk_git_look_reset(&look);
    return status;
}

enum lk_status litekeep_guard_fix(struct litekeep *lk, const char *path, bool dry_run,
                                  struct litekeep_guard **out, struct lk_error *err)
{
    struct lk_guard *g = NULL;
    char *real = NULL;
    (void)lk;
    enum lk_status status = lk_guard_new(&g, err);
    if (status != LK_OK)
        return status;
    lk_git_start();
    if (!lk_git_available())
        status =
            lk_fail(err, LK_REFUSED, "this litekeep was built without libgit2, so it cannot look at Git");
    if (status == LK_OK)
        status = lk_guard_path(path, &real, err);
    if (status == LK_OK)
        status = fix(g, real, dry_run, err);
    lk_git_end();
    lk_free(real);
    return lk_guard_finish(g, status, out, err);
}
