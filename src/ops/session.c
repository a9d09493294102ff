#include "ops/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"

/* One flag for the process: a signal handler can reach nothing else. */
static atomic_bool interrupted;

void litekeep_interrupt(void)
{
    atomic_store(&interrupted, true);
}

const atomic_bool *lk_session_interrupt(void)
{
    return &interrupted;
}

bool lk_session_interrupted(void)
{
    return atomic_load_explicit(&interrupted, memory_order_relaxed);
}

const char *litekeep_version(void)
{
    return LK_VERSION;
}

/* LITEKEEP_STORE, else the XDG data folder. NULL: memory is out or no home is known. */
static char *default_store(bool *is_default)
{
    const char *named = getenv("LITEKEEP_STORE");
    *is_default = false;
    if (named != NULL && named[0] != '\0')
        return lk_copy_string(named);
    *is_default = true;
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    /* The XDG specification: a relative path there is to be ignored. */
    if (data != NULL && data[0] == '/')
        return lk_format("%s/litekeep", data);
    if (home != NULL && home[0] != '\0')
        return lk_format("%s/.local/share/litekeep", home);
    return NULL;
}

enum lk_status litekeep_open(const struct litekeep_options *options, struct litekeep **out,
                             struct lk_error *err)
{
    struct litekeep *lk = lk_allocate_zeroed(1, sizeof *lk);
    if (lk == NULL)
        return lk_fail_memory(err, "starting");
    pthread_mutex_init(&lk->event_lock, NULL);
    lk->init = options->init;
    lk->on_event = options->on_event;
    lk->context = options->context;
    if (options->store != NULL && options->store[0] == '\0') {
        litekeep_close(lk);
        return lk_fail(err, LK_USAGE, "the store's path is empty: name a folder with --store");
    }
    lk->store_path =
        options->store != NULL ? lk_copy_string(options->store) : default_store(&lk->store_is_default);
    if (lk->store_path == NULL) {
        litekeep_close(lk);
        return lk_fail(err, LK_USAGE,
                       "no store: HOME is not set; name a folder with --store or LITEKEEP_STORE");
    }
    *out = lk;
    return LK_OK;
}

void litekeep_close(struct litekeep *lk)
{
    if (lk == NULL)
        return;
    lk_store_free(lk->store);
    lk_free(lk->store_path);
    pthread_mutex_destroy(&lk->event_lock);
    lk_free(lk);
}

const char *litekeep_store_path(const struct litekeep *lk)
{
    return lk->store_path;
}

void lk_session_emit(struct litekeep *lk, const struct litekeep_event *event)
{
    if (lk->on_event == NULL)
        return;
    pthread_mutex_lock(&lk->event_lock);
    lk->on_event(lk->context, event);
    pthread_mutex_unlock(&lk->event_lock);
}

static void warn(void *context, const char *message)
{
    struct litekeep *lk = context;
    lk_session_emit(lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_WARNING, .message = message});
}

struct lk_warn lk_session_warn(struct litekeep *lk)
{
    return (struct lk_warn){.call = warn, .context = lk};
}

/* The real path of the nearest existing ancestor; NULL when memory is out. */
static char *existing_ancestor(const char *path)
{
    char *at = path[0] == '/' ? lk_copy_string(path) : lk_format("./%s", path);
    while (at != NULL) {
        char *real = realpath(at, NULL);
        if (real != NULL) {
            lk_free(at);
            char *copy = lk_copy_string(real);
            free(real);
            return copy;
        }
        char *slash = strrchr(at, '/');
        if (errno == ENOMEM || slash == NULL) {
            lk_free(at);
            return NULL;
        }
        slash[slash == at ? 1 : 0] = '\0';
    }
    return NULL;
}

enum lk_status lk_session_work_tree(const char *path, char **tree, struct lk_error *err)
{
    *tree = NULL;
    char *at = existing_ancestor(path);
    if (at == NULL)
        return lk_fail(err, LK_FAILED, "%s: cannot find out where it lies", path);
    for (;;) {
        char *mark = lk_format("%s/.git", strcmp(at, "/") == 0 ? "" : at);
        if (mark == NULL) {
            lk_free(at);
            return lk_fail_memory(err, "looking for a Git work tree");
        }
        /* A folder, or a file in worktrees and submodules. */
        const bool found = access(mark, F_OK) == 0;
        lk_free(mark);
        if (found) {
            *tree = at;
            return LK_OK;
        }
        char *slash = strrchr(at, '/');
        if (slash == NULL || strcmp(at, "/") == 0)
            break;
        slash[slash == at ? 1 : 0] = '\0';
    }
    lk_free(at);
    return LK_OK;
}

/* A checkout, a clean or a forced pull in a work tree would take the backups with it. */
static enum lk_status refuse_work_tree(struct litekeep *lk, struct lk_error *err)
{
    char *tree;
    enum lk_status status = lk_session_work_tree(lk->store_path, &tree, err);
    if (status != LK_OK || tree == NULL)
        return status;
    const char *home = getenv("HOME");
    char *real_home = home == NULL ? NULL : realpath(home, NULL);
    if (real_home != NULL && strcmp(real_home, tree) == 0)
        lk_store_warn(lk_session_warn(lk),
                      "%s: the store lies in the Git work tree of the home folder: add it to .gitignore and "
                      "do not run git clean there",
                      lk->store_path);
    else
        status = lk_fail(err, LK_REFUSED,
                         "%s: the store would lie inside the Git work tree %s, where a clean or a checkout "
                         "can remove it: choose a "
                         "folder outside with --store",
                         lk->store_path, tree);
    free(real_home);
    lk_free(tree);
    return status;
}

enum lk_status lk_session_store(struct litekeep *lk, bool create, struct lk_error *err)
{
    if (lk->store != NULL)
        return LK_OK;
    enum lk_status status = create ? refuse_work_tree(lk, err) : LK_OK;
    if (status != LK_OK)
        return status;
    if (create && (lk->init || lk->store_is_default))
        return lk_store_init(lk->store_path, LK_ACCESS_PRIVATE, lk_session_warn(lk), &lk->store, err);
    return lk_store_open(lk->store_path, LK_ACCESS_PRIVATE, lk_session_warn(lk), &lk->store, err);
}

enum lk_status litekeep_worse(enum lk_status a, enum lk_status b)
{
    static const enum lk_status order[] = {LK_INTERRUPTED, LK_FAILED,  LK_DAMAGED,   LK_ALARM, LK_UNREADABLE,
                                           LK_LOCKED,      LK_REFUSED, LK_NOT_FOUND, LK_USAGE};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return LK_OK;
}

bool litekeep_parse_duration(const char *text, int64_t *out)
{
    return lk_duration_parse(text, out);
}

bool litekeep_parse_size(const char *text, uint64_t *out)
{
    return lk_size_parse(text, out);
}

_Static_assert(LITEKEEP_WORD_SIZE >= LK_TIME_SIZE, "words hold times");

void litekeep_format_duration(int64_t duration, char *out)
{
    lk_duration_format(duration, out);
}

void litekeep_format_size(uint64_t bytes, char *out)
{
    lk_size_format(bytes, out);
}

void litekeep_format_time(int64_t time, char *out)
{
    lk_time_format(time, out);
}

void litekeep_format_time_local(int64_t time, char *out)
{
    const time_t seconds = (time_t)(time / INT64_C(1000000000));
    struct tm local;
    if (localtime_r(&seconds, &local) == NULL ||
        strftime(out, LITEKEEP_WORD_SIZE, "%Y-%m-%d %H:%M:%S", &local) == 0)
        lk_time_format(time, out);
}
