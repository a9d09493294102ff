/* What holds: the most specific section wins, key by key. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "host/config_private.h"

/* ---- Which sections hold */

/* Is `path` the section's path, or below it? */
static bool is_below(const char *path, const char *top)
{
    const size_t len = strcmp(top, "/") == 0 ? 0 : strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_at(const struct lk_config_section *s, const char *path, bool exactly)
{
    const char *const tops[] = {s->name, s->real};
    for (size_t i = 0; i < 2; i++) {
        if (tops[i] != NULL && (exactly ? strcmp(path, tops[i]) == 0 : is_below(path, tops[i])))
            return true;
    }
    return false;
}

/* 0: it does not hold; else more for what is more specific. `real` may be NULL. */
static uint64_t rank_of(const struct lk_config_section *s, const char *path, const char *real,
                        const char *folder)
{
    switch (s->scope) {
    case LK_CONFIG_ALL:
        return 1;
    case LK_CONFIG_BELOW:
        if ((path != NULL && is_at(s, path, false)) || (real != NULL && is_at(s, real, false)))
            return 2 + strlen(s->name);
        return 0;
    case LK_CONFIG_FOLDER:
        return folder != NULL && strcmp(folder, s->name) == 0 ? UINT64_MAX : 0;
    }
    return 0;
}

/* The rank of every section; and in *exact the same, but 0 where the section is not of this very file. */
static enum lk_status rank_sections(const struct lk_config *c, const char *path, const char *folder,
                                    uint64_t **out, uint64_t **exact, struct lk_error *err)
{
    char *real = path == NULL ? NULL : realpath(path, NULL);
    const char *full = path != NULL && path[0] != '/' ? real : path;
    *out = lk_allocate_zeroed(c->sections + 1, sizeof **out);
    *exact = lk_allocate_zeroed(c->sections + 1, sizeof **exact);
    enum lk_status status = LK_OK;
    if (*out == NULL || *exact == NULL)
        status = lk_fail_memory(err, "reading the config");
    for (size_t i = 0; status == LK_OK && i < c->sections; i++) {
        const struct lk_config_section *s = &c->section[i];
        (*out)[i] = rank_of(s, full, real, folder);
        if (s->scope == LK_CONFIG_BELOW &&
            ((full != NULL && is_at(s, full, true)) || (real != NULL && is_at(s, real, true))))
            (*exact)[i] = (*out)[i];
    }
    free(real);
    return status;
}

/* The most specific entry of a key (and table; NULL: none) over all sections, by their `rank` (0: does not
 * hold). NULL: nobody says. */
static const struct lk_config_entry *find_entry(const struct lk_config *c, const uint64_t *rank,
                                                const struct lk_config_key *key, const char *table)
{
    const struct lk_config_entry *found = NULL;
    uint64_t best = 0;
    for (size_t i = 0; i < c->sections; i++) {
        const struct lk_config_section *s = &c->section[i];
        for (size_t j = 0; rank[i] > best && j < s->entries; j++) {
            const struct lk_config_entry *e = &s->entry[j];
            if (e->key == key && (e->table == NULL) == (table == NULL) &&
                (table == NULL || strcmp(e->table, table) == 0)) {
                found = e;
                best = rank[i];
            }
        }
    }
    return found;
}

/* ---- Limits for tables */

struct found_entry {
    const struct lk_config_entry *entry;
    uint64_t rank;
};

static int by_rank(const void *a, const void *b)
{
    const struct found_entry *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? 1 : -1;
    return x->entry->line < y->entry->line ? -1 : x->entry->line > y->entry->line;
}

/* The entries of a key that name tables: from the most specific section on, in each in the order of the file.
 */
static enum lk_status find_tables(const struct lk_config *c, const uint64_t *rank,
                                  const struct lk_config_key *key, struct found_entry **out, size_t *count,
                                  struct lk_error *err)
{
    size_t most = 0;
    *count = 0;
    for (size_t i = 0; i < c->sections; i++)
        most += rank[i] > 0 ? c->section[i].entries : 0;
    *out = lk_allocate_zeroed(most + 1, sizeof **out);
    if (*out == NULL)
        return lk_fail_memory(err, "reading the config");
    for (size_t i = 0; i < c->sections; i++) {
        const struct lk_config_section *s = &c->section[i];
        for (size_t j = 0; rank[i] > 0 && j < s->entries; j++) {
            const struct lk_config_entry *e = &s->entry[j];
            if (e->key == key && e->table != NULL && find_entry(c, rank, key, e->table) == e)
                (*out)[(*count)++] = (struct found_entry){e, rank[i]};
        }
    }
    qsort(*out, *count, sizeof **out, by_rank);
    return LK_OK;
}

static bool add_limit(struct lk_settings *out, const struct lk_config_entry *e, bool values)
{
    struct lk_alarm_limit *grown = lk_reallocate(out->alarm_limit, (out->alarm_limits + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    out->alarm_limit = grown;
    out->alarm_limit[out->alarm_limits++] =
        (struct lk_alarm_limit){.table = e->table, .values = values, .lost = e->value.lost};
    return true;
}

/* Those for tables first: they are more specific than any section. */
static enum lk_status add_limits(const struct lk_config *c, const uint64_t *rank,
                                 const struct lk_config_key *key, struct lk_settings *out,
                                 struct lk_error *err)
{
    const bool values = strcmp(key->shown.name, "alarm-values") == 0;
    struct found_entry *found = NULL;
    size_t count = 0;
    enum lk_status status = find_tables(c, rank, key, &found, &count, err);
    bool ok = true;
    for (size_t i = 0; ok && status == LK_OK && i < count; i++)
        ok = add_limit(out, found[i].entry, values);
    const struct lk_config_entry *all = find_entry(c, rank, key, NULL);
    if (ok && status == LK_OK && all != NULL)
        ok = add_limit(out, all, values);
    lk_free(found);
    return ok ? status : lk_fail_memory(err, "reading the config");
}

double lk_settings_limit(const struct lk_settings *s, const char *table, bool values)
{
    for (size_t i = 0; i < s->alarm_limits; i++) {
        const struct lk_alarm_limit *l = &s->alarm_limit[i];
        if (l->values == values && (l->table == NULL || lk_glob_match(l->table, table)))
            return l->lost;
    }
    return LK_ALARM_LOST;
}

/* ---- Answers */

enum lk_status lk_config_settings(const struct lk_config *c, const char *path, const char *folder,
                                  struct lk_settings *out, struct lk_error *err)
{
    uint64_t *rank = NULL, *exact = NULL;
    size_t keys;
    const struct lk_config_key *key = lk_config_keys(&keys);
    *out = (struct lk_settings){.alarm_window = LK_ALARM_WINDOW};
    enum lk_status status = rank_sections(c, path, folder, &rank, &exact, err);
    for (size_t i = 0; status == LK_OK && i < keys; i++) {
        if (key[i].target == LK_CONFIG_LIMITS) {
            status = add_limits(c, rank, &key[i], out, err);
        } else if (key[i].target == LK_CONFIG_SETTINGS) {
            const struct lk_config_entry *e = find_entry(c, key[i].one ? exact : rank, &key[i], NULL);
            if (e != NULL)
                lk_config_value_put(&key[i], &e->value, out);
        }
    }
    lk_free(rank);
    lk_free(exact);
    if (status != LK_OK)
        lk_settings_reset(out);
    return status;
}

void lk_settings_reset(struct lk_settings *s)
{
    lk_free(s->alarm_limit);
    *s = (struct lk_settings){0};
}

void lk_config_settings_general(struct lk_config *c)
{
    c->general.notify.timeout = LK_NOTIFY_TIMEOUT;
    for (size_t i = 0; i < c->sections; i++) {
        const struct lk_config_section *s = &c->section[i];
        for (size_t j = 0; s->scope == LK_CONFIG_ALL && j < s->entries; j++) {
            if (s->entry[j].key->target == LK_CONFIG_GENERAL)
                lk_config_value_put(s->entry[j].key, &s->entry[j].value, &c->general);
        }
    }
}

static enum lk_status say_tables(const struct lk_config *c, const uint64_t *rank,
                                 const struct lk_config_key *key,
                                 enum lk_status (*each)(void *context, const char *key, const char *value,
                                                        unsigned line, struct lk_error *err),
                                 void *context, struct lk_error *err)
{
    struct found_entry *found = NULL;
    size_t count = 0;
    enum lk_status status = find_tables(c, rank, key, &found, &count, err);
    for (size_t i = 0; status == LK_OK && i < count; i++) {
        const struct lk_config_entry *e = found[i].entry;
        char *name = lk_format("%s %s", key->shown.name, e->table);
        status = name == NULL ? lk_fail_memory(err, "reading the config")
                              : each(context, name, e->written, e->line, err);
        lk_free(name);
    }
    lk_free(found);
    return status;
}

enum lk_status lk_config_each(const struct lk_config *c, const char *path, const char *folder,
                              enum lk_status (*each)(void *context, const char *key, const char *value,
                                                     unsigned line, struct lk_error *err),
                              void *context, struct lk_error *err)
{
    const bool general = path == NULL && folder == NULL;
    uint64_t *rank = NULL, *exact = NULL;
    size_t keys;
    const struct lk_config_key *key = lk_config_keys(&keys);
    enum lk_status status = rank_sections(c, path, folder, &rank, &exact, err);
    for (size_t i = 0; status == LK_OK && i < keys; i++) {
        const struct lk_config_key *k = &key[i];
        if (general ? k->one : !k->shown.database)
            continue;
        const struct lk_config_entry *e = find_entry(c, k->one ? exact : rank, k, NULL);
        status = e != NULL ? each(context, k->shown.name, e->written, e->line, err)
                           : each(context, k->shown.name, k->shown.fallback, 0, err);
        if (status == LK_OK && k->shown.table)
            status = say_tables(c, rank, k, each, context, err);
    }
    lk_free(rank);
    lk_free(exact);
    return status;
}
