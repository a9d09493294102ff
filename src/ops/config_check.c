/* Is what the config file names there? */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/memory.h"
#include "base/text.h"
#include "host/http.h"
#include "host/process.h"
#include "ops/arena.h"
#include "ops/session.h"
#include "store/database.h"

struct sentences {
    const char **text; /* NULL-terminated, in the arena */
    size_t count, most;
};

struct check_result {
    struct litekeep_config_checked checked;
    struct lk_arena arena;
    struct sentences problems, notes;
    const struct lk_config *config;
    const struct lk_general_settings *general;
};

static void add(struct check_result *r, struct sentences *s, const char *text)
{
    if (s->count + 1 >= s->most) {
        const size_t most = 2 * s->most + 16;
        const char **grown = lk_arena_take(&r->arena, most, sizeof *grown);
        if (grown == NULL)
            return; /* the arena remembers */
        if (s->count > 0)
            memcpy(grown, s->text, s->count * sizeof *grown);
        s->text = grown;
        s->most = most;
    }
    s->text[s->count++] = text;
}

#define PROBLEM(r, ...) add((r), &(r)->problems, lk_arena_format(&(r)->arena, __VA_ARGS__))
#define NOTE(r, ...) add((r), &(r)->notes, lk_arena_format(&(r)->arena, __VA_ARGS__))

static const char *shown(struct check_result *r, const char *text)
{
    const char *out = lk_arena_shown_string(&r->arena, text);
    return out == NULL ? "" : out;
}

/* ---- Files */

static void check_paths(struct check_result *r)
{
    const struct lk_general_settings *g = r->general;
    struct stat st;
    for (const char *const *path = g->paths; path != NULL && *path != NULL; path++) {
        if (stat(*path, &st) != 0)
            PROBLEM(r, "paths: %s: %s", shown(r, *path), strerror(errno));
        else if (access(*path, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK) != 0)
            PROBLEM(r, "paths: %s may not be read by this user", shown(r, *path));
    }
    if (g->tmp != NULL &&
        (stat(g->tmp, &st) != 0 || !S_ISDIR(st.st_mode) || access(g->tmp, W_OK | X_OK) != 0))
        PROBLEM(r, "tmp: %s is no folder that this user may write to", shown(r, g->tmp));
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool is_in_path(const char *name)
{
    const char *path = getenv("PATH");
    bool found = false;
    while (path != NULL && !found) {
        const size_t len = strcspn(path, ":");
        char *file = lk_format("%.*s/%s", (int)len, path, name);
        found = file != NULL && len > 0 && is_program(file);
        lk_free(file);
        path = path[len] == ':' ? path + len + 1 : NULL;
    }
    return found;
}

static void check_command(struct check_result *r)
{
    struct lk_error why = {0};
    char **words = NULL;
    if (r->general->notify.command == NULL)
        return;
    if (lk_process_split(r->general->notify.command, &words, &why) != LK_OK)
        PROBLEM(r, "notify-command: %s", why.message);
    else if (strchr(words[0], '/') != NULL ? !is_program(words[0]) : !is_in_path(words[0]))
        PROBLEM(r, "notify-command: %s is no program that this user may run", shown(r, words[0]));
    else if (words[0][0] != '/')
        NOTE(r,
             "notify-command: a scheduled run has another PATH and folder than your shell: name %s by its "
             "full path",
             shown(r, words[0]));
    lk_free(words);
}

/* A secret: in a file of its own, or one of systemd's credentials. */
static void check_secret(struct check_result *r, const char *key, const char *file)
{
    struct stat st;
    if (file == NULL)
        return;
    if (file[0] != '/') {
        if (getenv("CREDENTIALS_DIRECTORY") == NULL)
            NOTE(r, "%s: credentials are there in a systemd unit only, so this one was not looked at", key);
    } else if (stat(file, &st) != 0) {
        PROBLEM(r, "%s: %s: %s", key, shown(r, file), strerror(errno));
    } else if (!S_ISREG(st.st_mode) || access(file, R_OK) != 0) {
        PROBLEM(r, "%s: %s is no file that this user may read", key, shown(r, file));
    } else if ((st.st_mode & 0077) != 0) {
        PROBLEM(r, "%s: %s: others may read the secret (mode %04o): chmod 600 it", key, shown(r, file),
                (unsigned)(st.st_mode & 07777));
    }
}

static void check_log(struct check_result *r)
{
    const char *log = r->general->notify.log;
    if (log == NULL || access(log, W_OK) == 0)
        return;
    if (errno != ENOENT) {
        PROBLEM(r, "notify-log: %s: %s", shown(r, log), strerror(errno));
        return;
    }
    char *folder = lk_copy_bytes(log, (size_t)(strrchr(log, '/') - log) + 1);
    if (folder != NULL && access(folder, W_OK | X_OK) != 0)
        PROBLEM(r, "notify-log: %s: %s", shown(r, folder), strerror(errno));
    lk_free(folder);
}

static void check_notify(struct check_result *r)
{
    const struct lk_notify_settings *n = &r->general->notify;
    const bool url = n->url != NULL || n->heartbeat_url != NULL;
    struct stat st;
    check_command(r);
    check_log(r);
    check_secret(r, "notify-url-file", n->url_file);
    check_secret(r, "notify-token-file", n->token_file);
    check_secret(r, "heartbeat-url-file", n->heartbeat_url_file);
    if ((url || n->url_file != NULL || n->heartbeat_url_file != NULL) && !lk_http_available())
        PROBLEM(r, "this litekeep was built without libcurl: it cannot send to a URL");
    if (url && stat(lk_config_path(r->config), &st) == 0 && (st.st_mode & 0077) != 0)
        NOTE(r,
             "others may read this file (mode %04o), and a URL can be a secret: chmod 600 it, or put the "
             "URL into a file of its own (notify-url-file, heartbeat-url-file)",
             (unsigned)(st.st_mode & 07777));
    if (n->token_file != NULL && n->url == NULL && n->url_file == NULL)
        NOTE(r, "notify-token-file: there is no notify-url to send the token to");
    if (n->url != NULL && n->url_file != NULL)
        NOTE(r, "both notify-url and notify-url-file are set");
    if (n->heartbeat_url != NULL && n->heartbeat_url_file != NULL)
        NOTE(r, "both heartbeat-url and heartbeat-url-file are set");
}

/* ---- The store, and the databases in it */

static bool is_known(const struct lk_database_list *list, const char *folder)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->database[i]->folder, folder) == 0)
            return true;
    }
    return false;
}

static enum lk_status note_folder(struct check_result *r, const struct lk_database_list *list,
                                  struct lk_config_place place, struct lk_error *err)
{
    const char **names = lk_allocate_zeroed(list->count + 1, sizeof *names);
    if (names == NULL)
        return lk_fail_memory(err, "checking the config");
    for (size_t i = 0; i < list->count; i++)
        names[i] = list->database[i]->folder;
    const char *nearest = lk_text_nearest(place.folder, names, list->count);
    NOTE(r, "line %u: the store has no database [%s]%s%s%s", place.line, shown(r, place.folder),
         nearest == NULL ? "" : "; did you mean [", nearest == NULL ? "" : shown(r, nearest),
         nearest == NULL ? "" : "]?");
    lk_free(names);
    return LK_OK;
}

static enum lk_status check_sections(struct check_result *r, const struct lk_database_list *list,
                                     struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; status == LK_OK && i < lk_config_sections(r->config); i++) {
        const struct lk_config_place place = lk_config_place(r->config, i);
        if (place.path != NULL && access(place.path, F_OK) != 0)
            NOTE(r, "line %u: nothing is at [%s]", place.line, shown(r, place.path));
        else if (place.folder != NULL && list != NULL && !is_known(list, place.folder))
            status = note_folder(r, list, place, err);
    }
    return status;
}

static enum lk_status check_store(struct litekeep *lk, struct check_result *r, struct lk_error *err)
{
    struct lk_database_list list = {0};
    struct lk_error why = {0};
    enum lk_status status = lk_session_store(lk, false, &why);
    if (status != LK_OK && lk->store_is_default && status == LK_NOT_FOUND && r->general->store_uuid == NULL) {
        NOTE(r, "there is no store yet; the first backup makes it: %s", shown(r, lk->store_path));
        return check_sections(r, NULL, err);
    }
    if (status != LK_OK) {
        PROBLEM(r, "store: %s", why.message);
        return check_sections(r, NULL, err);
    }
    if (r->general->store_uuid == NULL && r->general->store != NULL)
        NOTE(r, "store: with store-uuid = %s a disk that is not mounted would be noticed", lk->store->uuid);
    status = lk_database_list_all(lk->store, lk_session_warn(lk), &list, err);
    if (status == LK_OK)
        status = check_sections(r, &list, err);
    lk_database_list_free(&list);
    return status;
}

/* ---- Retention */

struct keep_keys {
    bool set, some; /* any keep- key; one that keeps something */
};

static enum lk_status look_at_key(void *context, const char *key, const char *value, unsigned line,
                                  struct lk_error *err)
{
    struct keep_keys *k = context;
    (void)err;
    if (strncmp(key, "keep-", 5) == 0 && line > 0) {
        k->set = true;
        k->some = k->some || (strcmp(value, "0") != 0 && strcmp(value, "0s") != 0 && value[0] != '\0');
    }
    return LK_OK;
}

static enum lk_status check_retention(struct check_result *r, struct lk_error *err)
{
    struct keep_keys keys = {0};
    const enum lk_status status = lk_config_each(r->config, NULL, NULL, look_at_key, &keys, err);
    if (keys.set && !keys.some)
        PROBLEM(r, "the keys that begin with keep- keep nothing, so nothing is ever removed: set one above "
                   "zero, or remove them");
    else if (!keys.set && r->checked.exists)
        NOTE(r,
             "no key that begins with keep- is set in [litekeep]: where no other section sets one, backups "
             "are never removed");
    return status;
}

enum lk_status litekeep_config_check(struct litekeep *lk, struct litekeep_config_checked **out,
                                     struct lk_error *err)
{
    static const char *const none[] = {NULL};
    const struct lk_config *config;
    enum lk_status status = lk_session_config(lk, &config, err);
    if (status != LK_OK)
        return status;
    struct check_result *r = lk_allocate_zeroed(1, sizeof *r);
    if (r == NULL)
        return lk_fail_memory(err, "checking the config");
    r->config = config;
    r->general = lk_config_general(config);
    r->checked.path = lk_arena_shown_string(&r->arena, lk_config_path(config));
    r->checked.exists = lk_config_exists(config);
    r->checked.sections = lk_config_sections(config);
    status = check_store(lk, r, err);
    if (status == LK_OK) {
        check_paths(r);
        check_notify(r);
        status = check_retention(r, err);
    }
    if (status == LK_OK)
        status = lk_arena_check(&r->arena, err);
    r->checked.problems = r->problems.count > 0 ? r->problems.text : none;
    r->checked.notes = r->notes.count > 0 ? r->notes.text : none;
    if (status == LK_OK)
        *out = &r->checked;
    else
        litekeep_config_checked_free(&r->checked);
    return status;
}

void litekeep_config_checked_free(struct litekeep_config_checked *checked)
{
    struct check_result *r = (struct check_result *)checked; /* its first member */
    if (r == NULL)
        return;
    lk_arena_free(&r->arena);
    lk_free(r);
}
