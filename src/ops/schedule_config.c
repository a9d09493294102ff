#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "ops/schedule_plan.h"

#define MOST_KEYS 16

/* What the config says already. */
struct present {
    struct lk_arena *arena;
    const char *every, *paths; /* as written, or NULL */
    bool keep, notify;
};

static enum lk_status see_key(void *context, const char *key, const char *value, unsigned line,
                              struct lk_error *err)
{
    struct present *p = context;
    const bool every = strcmp(key, "every") == 0;
    if (line == 0)
        return LK_OK;
    p->keep = p->keep || strncmp(key, "keep-", 5) == 0;
    p->notify = p->notify || strcmp(key, "notify-command") == 0 || strncmp(key, "notify-url", 10) == 0 ||
                strcmp(key, "notify-log") == 0;
    if (every || strcmp(key, "paths") == 0)
        *(every ? &p->every : &p->paths) = lk_arena_copy(p->arena, value);
    return lk_arena_check(p->arena, err);
}

/* Can the config hold it as a value? Its reader cuts comments and white space off. */
static bool is_sayable(const char *text)
{
    const size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f || text[i] == ';' || text[i] == '#')
            return false;
    return len > 0 && len < 4000 && text[0] != ' ' && text[len - 1] != ' ';
}

/* "8h": exact, unlike what people are shown. */
static const char *exact_duration(struct lk_arena *a, int64_t duration)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{604800, "w"}, {86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    const int64_t seconds = duration / INT64_C(1000000000);
    size_t i = 0;
    while (seconds % units[i].seconds != 0)
        i++;
    return lk_arena_format(a, "%lld%s", (long long)(seconds / units[i].seconds), units[i].name);
}

/* The paths as a list of the config; NULL when it cannot hold them. */
static const char *list_paths(struct lk_arena *a, const char *const *paths)
{
    struct lk_buffer b = {0};
    bool good = true;
    for (size_t i = 0; paths[i] != NULL; i++) {
        good = good && is_sayable(paths[i]);
        lk_buffer_append_string(&b, i > 0 ? ", " : "");
        for (const char *c = paths[i]; *c != '\0'; c++) {
            if (*c == ',')
                lk_buffer_append_byte(&b, '\\');
            lk_buffer_append_byte(&b, (uint8_t)*c);
        }
    }
    const char *text = lk_buffer_string(&b);
    const char *out = text != NULL && good && is_sayable(text) ? lk_arena_copy(a, text) : NULL;
    a->failed = a->failed || text == NULL;
    lk_buffer_reset(&b);
    return out;
}

/* Where messages go: a URL, or the path of a program. */
static enum lk_status name_notify(struct lk_schedule_plan *p, const char *notify,
                                  struct lk_config_addition *out, struct lk_error *err)
{
    if (strncmp(notify, "https://", 8) == 0 || strncmp(notify, "http://", 7) == 0) {
        *out = (struct lk_config_addition){"notify-url", notify, false};
        if (!is_sayable(notify))
            return lk_fail(
                err, LK_USAGE,
                "the config cannot hold this URL (a space, ; or #): write it into a file of mode 0600 "
                "and name that with notify-url-file");
        return LK_OK;
    }
    char *real = realpath(notify, NULL);
    char *quoted = real != NULL && access(real, X_OK) == 0 ? lk_text_quote(real) : NULL;
    enum lk_status status = LK_OK;
    if (quoted == NULL)
        status = lk_fail(err, LK_USAGE,
                         "--notify takes a URL (https://...) or the path of a program, and %s is neither; a "
                         "command with words of its own goes into the config file as notify-command",
                         notify);
    else if (!is_sayable(quoted))
        status = lk_fail(err, LK_USAGE, "%s: the config cannot hold this name", notify);
    else
        *out = (struct lk_config_addition){"notify-command", lk_arena_copy(&p->arena, quoted), false};
    lk_free(quoted);
    free(real);
    return status == LK_OK ? lk_arena_check(&p->arena, err) : status;
}

/* Do both paths lead to one folder? */
static bool is_same_folder(const char *a, const char *b)
{
    char *real_a = realpath(a, NULL), *real_b = realpath(b, NULL);
    const bool same = real_a != NULL && real_b != NULL ? strcmp(real_a, real_b) == 0 : strcmp(a, b) == 0;
    free(real_a);
    free(real_b);
    return same;
}

static bool is_same_list(const char *const *a, const char *const *b)
{
    size_t i = 0;
    while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0)
        i++;
    return a[i] == NULL && b[i] == NULL;
}

/* Is the config about this store? Its `every` and `paths` are about no other then. */
static bool is_own(const struct lk_schedule_plan *p, const struct lk_general_settings *g)
{
    if (g->store != NULL)
        return is_same_folder(g->store, p->store);
    return g->store_uuid == NULL || strcmp(g->store_uuid, p->key) == 0;
}

/* The keys that are to be added, or changed. */
struct additions {
    struct lk_config_addition key[MOST_KEYS];
    const char *was[MOST_KEYS]; /* the value that is replaced; NULL: the key is new */
    size_t count;
};

static void add_key(struct additions *a, const char *key, const char *value, const char *was)
{
    a->was[a->count] = was;
    a->key[a->count++] = (struct lk_config_addition){key, value, was != NULL};
}

static void add_paths(struct lk_schedule_plan *p, const struct present *has,
                      const struct lk_general_settings *g, struct additions *a)
{
    if (p->config_paths == NULL || (g->paths != NULL && is_same_list(g->paths, p->config_paths)))
        return;
    const char *paths = list_paths(&p->arena, p->config_paths);
    if (paths != NULL)
        add_key(a, "paths", paths, has->paths);
    else
        lk_schedule_plan_add(&p->notes,
                             "the config cannot hold these paths, so only the schedule names them");
}

/* What is about one store; of another one's config it stays as it is. */
static void add_own(struct lk_schedule_plan *p, const struct present *has,
                    const struct lk_general_settings *g, struct additions *a)
{
    const char *every = exact_duration(&p->arena, p->every);
    int64_t promised = 0;
    if (!is_own(p, g)) {
        lk_schedule_plan_add(
            &p->notes,
            lk_arena_format(&p->arena,
                            "%s names another store, %s; this schedule is for %s, and what `every` and "
                            "`paths` say stays that store's",
                            p->shown.config,
                            lk_arena_shown_string(&p->arena, g->store != NULL ? g->store : g->store_uuid),
                            p->shown.store));
        return;
    }
    if (has->every == NULL || !lk_duration_parse(has->every, &promised) || promised != p->every)
        add_key(a, "every", every, has->every);
    add_paths(p, has, g, a);
    if (g->store == NULL && g->store_uuid == NULL && is_sayable(p->store))
        add_key(a, "store", p->store, NULL);
    if (g->store_uuid == NULL && p->key[0] != '\0' && (g->store != NULL || is_sayable(p->store)))
        add_key(a, "store-uuid", p->key, NULL);
}

static enum lk_status add_notify(struct lk_schedule_plan *p, const char *notify, const struct present *has,
                                 struct additions *a, struct lk_error *err)
{
    struct lk_config_addition key = {0};
    if (notify == NULL) {
        if (!has->notify)
            lk_schedule_plan_add(
                &p->notes, "nobody is told of failures and alarms: only \"litekeep status\", the log, and "
                           "mail where cron can send it; name a place with --notify URL or PROGRAM");
        return LK_OK;
    }
    const enum lk_status status = name_notify(p, notify, &key, err);
    if (status == LK_OK && has->notify)
        lk_schedule_plan_add(&p->notes,
                             lk_arena_format(&p->arena,
                                             "%s says already where messages go; that stays as it is, and "
                                             "what --notify names was not added",
                                             p->shown.config));
    else if (status == LK_OK)
        add_key(a, key.key, key.value, NULL);
    return status;
}

static void say_added(struct lk_schedule_plan *p, const struct additions *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const char *key = a->key[i].key;
        /* A URL may hold a secret. */
        const char *value =
            strcmp(key, "notify-url") == 0 ? NULL : lk_arena_shown_string(&p->arena, a->key[i].value);
        const char *was = a->was[i] == NULL ? NULL : lk_arena_shown_string(&p->arena, a->was[i]);
        lk_schedule_plan_add(&p->changes,
                             lk_arena_format(&p->arena, "%s: %s %s%s%s%s%s%s", p->shown.config,
                                             p->dry_run    ? "would get"
                                             : was != NULL ? "changed"
                                                           : "added",
                                             key, value != NULL ? " = " : "", value != NULL ? value : "",
                                             was != NULL ? " (was: " : "", was != NULL ? was : "",
                                             was != NULL ? ")" : ""));
    }
}

enum lk_status lk_schedule_config_add(struct lk_schedule_plan *p,
                                      const struct litekeep_schedule_options *options,
                                      const struct lk_config *config, struct lk_error *err)
{
    static const char *const retention[][2] = {
        {"keep-last", "3"}, {"keep-daily", "7"}, {"keep-weekly", "4"}, {"keep-monthly", "12"}};
    struct additions a = {0};
    struct present has = {.arena = &p->arena};
    bool changed = false;
    enum lk_status status = lk_config_each(config, NULL, NULL, see_key, &has, err);
    if (status != LK_OK)
        return status;
    add_own(p, &has, lk_config_general(config), &a);
    for (size_t i = 0; i < sizeof retention / sizeof retention[0] && !has.keep && !options->no_retention; i++)
        add_key(&a, retention[i][0], retention[i][1], NULL);
    if (!has.keep && options->no_retention)
        lk_schedule_plan_add(&p->notes,
                             "there is no retention policy: backups are kept until the store is full "
                             "(keys that begin with keep-)");
    status = add_notify(p, options->notify, &has, &a, err);
    if (status == LK_OK)
        status = lk_arena_check(&p->arena, err);
    if (status == LK_OK && a.count > 0 && !p->dry_run)
        status = lk_config_add(p->config, a.key, a.count, &changed, err);
    if (status != LK_OK || (!changed && !p->dry_run))
        return status;
    say_added(p, &a);
    p->shown.changed = p->shown.changed || a.count > 0;
    return lk_arena_check(&p->arena, err);
}

enum lk_status lk_schedule_config_remove(struct lk_schedule_plan *p, struct lk_error *err)
{
    static const struct lk_config_addition none = {"every", NULL, true};
    struct present has = {.arena = &p->arena};
    struct lk_config *config = NULL;
    struct lk_error why = {0};
    bool changed = false;
    if (p->config == NULL)
        return LK_OK;
    enum lk_status status = lk_config_load(p->config, false, &config, &why);
    if (status == LK_OK)
        status = lk_config_each(config, NULL, NULL, see_key, &has, &why);
    const bool promises = status == LK_OK && has.every != NULL && is_own(p, lk_config_general(config));
    if (promises && !p->dry_run)
        status = lk_config_add(p->config, &none, 1, &changed, &why);
    lk_config_free(config);
    if (status != LK_OK)
        lk_schedule_plan_add(&p->notes,
                             lk_arena_format(&p->arena,
                                             "\"every\" in the config still promises backups; it could not "
                                             "be taken out: %s",
                                             why.message));
    else if (promises)
        lk_schedule_plan_add(&p->changes,
                             lk_arena_format(&p->arena,
                                             "%s: every = %s %s removed: it promises no backups any more",
                                             p->shown.config, lk_arena_shown_string(&p->arena, has.every),
                                             p->dry_run ? "would be" : "was"));
    return lk_arena_check(&p->arena, err);
}
