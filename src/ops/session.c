#include "ops/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "sqlite/path.h"

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

enum lk_status lk_session_config(struct litekeep *lk, const struct lk_config **out, struct lk_error *err)
{
    char *path = NULL;
    bool must = false;
    enum lk_status status = LK_OK;
    pthread_mutex_lock(&lk->config_lock);
    if (lk->config == NULL) {
        status = lk_config_find(lk->config_named, &path, &must, err);
        if (status == LK_OK)
            status = lk_config_load(path, must, &lk->config, err);
    }
    *out = lk->config;
    pthread_mutex_unlock(&lk->config_lock);
    lk_free(path);
    return status;
}

enum lk_status lk_session_settings(struct litekeep *lk, const char *path, const char *folder,
                                   struct lk_settings *out, struct lk_error *err)
{
    const struct lk_config *config;
    const enum lk_status status = lk_session_config(lk, &config, err);
    return status == LK_OK ? lk_config_settings(config, path, folder, out, err) : status;
}

const struct lk_general_settings *lk_session_general(struct litekeep *lk)
{
    static const struct lk_general_settings none = {.notify = {.timeout = LK_NOTIFY_TIMEOUT}};
    const struct lk_config *config;
    struct lk_error why = {0};
    return lk_session_config(lk, &config, &why) == LK_OK ? lk_config_general(config) : &none;
}

static enum lk_status make_store_option(struct litekeep *lk, struct lk_error *err)
{
    char *real = lk_path_real(lk->store_path);
    char *word = lk_text_quote_shown(real == NULL ? lk->store_path : real);
    if (lk->store_is_default)
        lk->store_option = lk_copy_string("");
    else if (word != NULL)
        lk->store_option = lk_format("--store %s ", word);
    lk_free(word);
    lk_free(real);
    return lk->store_option == NULL ? lk_fail_memory(err, "starting") : LK_OK;
}

/* --store, else LITEKEEP_STORE, else the config's, else the XDG data folder. */
static enum lk_status choose_store(struct litekeep *lk, const char *option, struct lk_error *err)
{
    const char *named = option != NULL ? option : getenv("LITEKEEP_STORE");
    lk->store_is_given = named != NULL && named[0] != '\0';
    if (!lk->store_is_given) {
        const struct lk_config *config;
        struct lk_error why = {0};
        const enum lk_status status = lk_session_config(lk, &config, &why);
        if (status == LK_USAGE) /* the store's place may stand in it: another must not be taken for it */
            return lk_fail(
                err, status,
                "%s: the config is not used, and the store's place may stand in it; `litekeep config check` "
                "looks at the config; list, show, query, restore and verify work without it when the store "
                "is "
                "named with --store DIR",
                why.message);
        if (status != LK_OK) {
            *err = why;
            return status;
        }
        named = lk_config_general(config)->store;
    }
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    lk->store_is_default = named == NULL;
    if (named != NULL)
        lk->store_path = lk_copy_string(named);
    else if (data != NULL && data[0] == '/') /* the XDG specification: a relative path is to be ignored */
        lk->store_path = lk_format("%s/litekeep", data);
    else if (home != NULL && home[0] != '\0')
        lk->store_path = lk_format("%s/.local/share/litekeep", home);
    else
        return lk_fail(err, LK_USAGE,
                       "no store: HOME is not set; name a folder with --store or LITEKEEP_STORE");
    return lk->store_path == NULL ? lk_fail_memory(err, "starting") : make_store_option(lk, err);
}

enum lk_status litekeep_open(const struct litekeep_options *options, struct litekeep **out,
                             struct lk_error *err)
{
    struct litekeep *lk = lk_allocate_zeroed(1, sizeof *lk);
    if (lk == NULL)
        return lk_fail_memory(err, "starting");
    pthread_mutex_init(&lk->event_lock, NULL);
    pthread_mutex_init(&lk->config_lock, NULL);
    lk->init = options->init;
    lk->on_event = options->on_event;
    lk->context = options->context;
    if (options->store != NULL && options->store[0] == '\0') {
        litekeep_close(lk);
        return lk_fail(err, LK_USAGE, "the store's path is empty: name a folder with --store");
    }
    enum lk_status status = LK_OK;
    if (options->config != NULL && (lk->config_named = lk_copy_string(options->config)) == NULL)
        status = lk_fail_memory(err, "starting");
    if (status == LK_OK)
        status = choose_store(lk, options->store, err);
    if (status == LK_OK)
        *out = lk;
    else
        litekeep_close(lk);
    return status;
}

void litekeep_close(struct litekeep *lk)
{
    if (lk == NULL)
        return;
    lk_store_free(lk->store);
    lk_config_free(lk->config);
    lk_free(lk->config_named);
    lk_free(lk->store_path);
    lk_free(lk->store_option);
    pthread_mutex_destroy(&lk->config_lock);
    pthread_mutex_destroy(&lk->event_lock);
    lk_free(lk);
}

const char *litekeep_store_path(const struct litekeep *lk)
{
    return lk->store_path;
}

const char *litekeep_store_option(const struct litekeep *lk)
{
    return lk->store_option;
}

void lk_session_emit(struct litekeep *lk, const struct litekeep_event *event)
{
    pthread_mutex_lock(&lk->event_lock);
    if (lk->on_event != NULL)
        lk->on_event(lk->context, event);
    if (lk->listener != NULL)
        lk->listener(lk->listener_context, event);
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

bool lk_session_is_expected(const struct litekeep *lk, const struct lk_general_settings *general)
{
    struct stat a, b;
    if (!lk->store_is_given)
        return true;
    return general->store != NULL && (strcmp(lk->store_path, general->store) == 0 ||
                                      (stat(lk->store_path, &a) == 0 && stat(general->store, &b) == 0 &&
                                       a.st_dev == b.st_dev && a.st_ino == b.st_ino));
}

/* What the config says, once more for this session; a config that cannot be understood says nothing. */
static enum lk_status general_of(struct litekeep *lk, struct lk_general_settings *out, struct lk_error *err)
{
    const struct lk_config *config;
    struct lk_error why = {0};
    const enum lk_status status = lk_session_config(lk, &config, &why);
    *out = (struct lk_general_settings){0};
    if (status == LK_OK) {
        *out = *lk_config_general(config);
    } else if (!lk->store_is_given || status == LK_FAILED) {
        *err = why;
        return status;
    } else if (!lk->config_complained) {
        lk->config_complained = true;
        lk_store_warn(lk_session_warn(lk), "the config is left out of account: %s", why.message);
    }
    return LK_OK;
}

/* A disk that is not mounted, or another one at its place. */
static enum lk_status open_expected(struct litekeep *lk, const char *uuid, enum lk_access access,
                                    struct lk_error *err)
{
    enum lk_status status = lk_store_open(lk->store_path, access, lk_session_warn(lk), &lk->store, err);
    if (status == LK_NOT_FOUND)
        return lk_fail(err, LK_NOT_FOUND,
                       "%s: no store is there, but the config expects one (store-uuid = %s): is its disk "
                       "mounted? If that store is gone for good, remove store-uuid from the config",
                       lk->store_path, uuid);
    if (status != LK_OK || strcmp(lk->store->uuid, uuid) == 0)
        return status;
    status =
        lk_fail(err, LK_NOT_FOUND,
                "%s: another store is there (%s) than the config expects (store-uuid = %s): is the right "
                "disk mounted?",
                lk->store_path, lk->store->uuid, uuid);
    lk_store_free(lk->store);
    lk->store = NULL;
    return status;
}

/* Made before `access = group` was set. */
static void warn_of_access(struct litekeep *lk)
{
    struct stat st;
    if (lk->store->access == LK_ACCESS_GROUP && fstat(lk->store->dir.fd, &st) == 0 &&
        (st.st_mode & 0050) != 0050)
        lk_store_warn(
            lk_session_warn(lk),
            "%s: its group may not read this store (mode %04o), as access = group promises; let it in "
            "with chmod -R g+rX",
            lk->store_path, (unsigned)(st.st_mode & 07777));
}

enum lk_status lk_session_store(struct litekeep *lk, bool create, struct lk_error *err)
{
    struct lk_general_settings general;
    if (lk->store != NULL)
        return LK_OK;
    enum lk_status status = general_of(lk, &general, err);
    if (status == LK_OK && create && !general.store_in_work_tree)
        status = refuse_work_tree(lk, err);
    if (status != LK_OK)
        return status;
    const enum lk_access access = general.group_access ? LK_ACCESS_GROUP : LK_ACCESS_PRIVATE;
    if (general.store_uuid != NULL && lk_session_is_expected(lk, &general))
        status = open_expected(lk, general.store_uuid, access, err);
    else if (create && (lk->init || lk->store_is_default))
        status = lk_store_init(lk->store_path, access, lk_session_warn(lk), &lk->store, err);
    else
        status = lk_store_open(lk->store_path, access, lk_session_warn(lk), &lk->store, err);
    if (status == LK_OK && create)
        warn_of_access(lk);
    return status;
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

const char *litekeep_nearest(const char *word, const char *const *names, size_t count)
{
    return lk_text_nearest(word, names, count);
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
