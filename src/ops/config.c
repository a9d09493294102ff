/* The config command: what the config file says. */
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "host/config_keys.h"
#include "ops/arena.h"
#include "ops/session.h"
#include "ops/which.h"

struct config_result {
    struct litekeep_config config;
    struct lk_arena arena;
    size_t most; /* room in config.setting */
};

const struct litekeep_config_key *litekeep_config_keys(size_t *count)
{
    return lk_config_keys_shown(count);
}

static enum lk_status add_setting(void *context, const char *name, const char *value, unsigned line,
                                  struct lk_error *err)
{
    struct config_result *r = context;
    struct litekeep_config *c = &r->config;
    if (c->settings == r->most) {
        struct litekeep_setting *grown = lk_arena_take(&r->arena, 2 * r->most + 64, sizeof *grown);
        if (grown == NULL)
            return lk_arena_check(&r->arena, err);
        if (c->settings > 0)
            memcpy(grown, c->setting, c->settings * sizeof *grown);
        c->setting = grown;
        r->most = 2 * r->most + 64;
    }
    const struct lk_config_key *key = lk_config_keys_find(name);
    struct litekeep_setting *s = &c->setting[c->settings++];
    s->key = lk_arena_shown_string(&r->arena, name);
    s->value = line > 0 && key != NULL && key->secret ? "(set)" : lk_arena_shown_string(&r->arena, value);
    s->origin = line == 0 ? "default" : lk_arena_format(&r->arena, "line %u", line);
    return lk_arena_check(&r->arena, err);
}

/* The database that is asked for: as the store knows it, else a file, else what a section is about. */
static enum lk_status find_database(struct litekeep *lk, const struct lk_config *config, const char *what,
                                    char **path, char **folder, struct lk_error *err)
{
    struct lk_database *db = NULL;
    struct lk_error why = {0};
    enum lk_status status = lk_session_store(lk, false, &why);
    const bool opened = status == LK_OK;
    if (opened)
        status = lk_database_resolve(lk->store, what, &db, &why);
    if (opened && status == LK_OK) {
        const char *current = lk_database_current_path(db);
        *folder = lk_copy_string(db->folder);
        *path = current == NULL ? NULL : lk_copy_string(current);
        status =
            *folder == NULL || (current != NULL && *path == NULL) ? lk_fail_memory(err, "looking") : LK_OK;
        lk_database_free(db);
        return status;
    }
    if (opened && status != LK_NOT_FOUND) {
        *err = why;
        return status;
    }
    if (strchr(what, '/') != NULL || access(what, F_OK) == 0) {
        char *real = realpath(what, NULL);
        *path = lk_copy_string(real != NULL ? real : what);
        free(real);
        return *path == NULL ? lk_fail_memory(err, "looking") : LK_OK;
    }
    for (size_t i = 0; i < lk_config_sections(config); i++) {
        const struct lk_config_place place = lk_config_place(config, i);
        if (place.folder != NULL && strcmp(place.folder, what) == 0) {
            *folder = lk_copy_string(what);
            return *folder == NULL ? lk_fail_memory(err, "looking") : LK_OK;
        }
    }
    *err = why;
    return status;
}

enum lk_status litekeep_config_show(struct litekeep *lk, const char *what, struct litekeep_config **out,
                                    struct lk_error *err)
{
    const struct lk_config *config;
    char *path = NULL, *folder = NULL;
    struct config_result *r = NULL;
    enum lk_status status = lk_session_config(lk, &config, err);
    if (status != LK_OK)
        return status;
    if (what != NULL)
        status = find_database(lk, config, what, &path, &folder, err);
    if (status == LK_OK && (r = lk_allocate_zeroed(1, sizeof *r)) == NULL)
        status = lk_fail_memory(err, "reading the config");
    if (status == LK_OK) {
        r->config.path = lk_arena_shown_string(&r->arena, lk_config_path(config));
        r->config.exists = lk_config_exists(config);
        r->config.sections = lk_config_sections(config);
        status = lk_config_each(config, path, folder, add_setting, r, err);
    }
    lk_free(path);
    lk_free(folder);
    if (status == LK_OK)
        *out = &r->config;
    else if (r != NULL)
        litekeep_config_free(&r->config);
    return status;
}

void litekeep_config_free(struct litekeep_config *config)
{
    struct config_result *r = (struct config_result *)config; /* its first member */
    if (r == NULL)
        return;
    lk_arena_free(&r->arena);
    lk_free(r);
}
