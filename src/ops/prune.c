#include "ops/prune.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/commit.h"
#include "store/journal.h"

#define LOCK_WAIT INT64_C(2000000000) /* ns: for another that only notes something */

/* One database that is being pruned. */
struct pruning {
    struct litekeep *lk;
    const struct lk_database *database;
    const struct lk_dir *dir;
    const struct lk_lock *lock;
    const struct litekeep_retention *policy;
    const char *words; /* the policy, for people */
    struct lk_prune_view view;
    const char **problem; /* as many as backups: why it could not be removed; NULL: it was, or is kept */
    uint64_t removed, bytes;
};

/* "last 3, daily 7, within 30d, tag release": for the journal and events. */
static void spell_policy(const struct litekeep_retention *p, struct lk_buffer *out)
{
    const struct {
        const char *word;
        unsigned count;
    } counts[] = {{"last", p->last},     {"hourly", p->hourly},   {"daily", p->daily},
                  {"weekly", p->weekly}, {"monthly", p->monthly}, {"yearly", p->yearly}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i].count > 0)
            lk_buffer_append_format(out, "%s%s %u", out->len > 0 ? ", " : "", counts[i].word,
                                    counts[i].count);
    }
    if (p->within > 0) {
        char duration[LK_TIME_SIZE];
        lk_duration_format(p->within, duration);
        lk_buffer_append_format(out, "%swithin %s", out->len > 0 ? ", " : "", duration);
    }
    for (const char *const *tag = p->tags; tag != NULL && *tag != NULL; tag++) {
        lk_buffer_append_format(out, "%stag ", out->len > 0 ? ", " : "");
        lk_text_escape(lk_bytes_of(*tag), out);
    }
}

static void tell(const struct pruning *p, const char *id, uint64_t bytes)
{
    const char *path = lk_database_current_path(p->database);
    char *shown = path == NULL ? NULL : lk_text_escaped(lk_bytes_of(path));
    lk_session_emit(p->lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_PRUNED,
                                                    .path = shown,
                                                    .database = p->database->folder,
                                                    .id = id,
                                                    .stored_bytes = bytes,
                                                    .message = p->words});
    lk_free(shown);
}

/* One line for all that was removed. On a disk that is still full it is missing, and nothing else is. */
static void note(const struct pruning *p)
{
    struct lk_error err = {0};
    json_t *e = lk_journal_event("prune", lk_clock_now()), *ids = json_array();
    bool ok = e != NULL && ids != NULL;
    for (size_t i = 0; ok && i < p->view.list.count; i++) {
        if (!p->view.backup[i].kept && p->problem[i] == NULL)
            ok = json_array_append_new(ids, json_string(p->view.backup[i].id)) == 0;
    }
    ok = lk_json_set(e, "ids", ids) && ok && lk_json_set(e, "bytes", json_integer((json_int_t)p->bytes)) &&
         lk_json_set(e, "policy", json_string(p->words));
    if ((ok ? lk_journal_append(p->dir, p->lk->store->journal_mode, e, &err)
            : lk_fail_memory(&err, "writing the journal")) != LK_OK) {
        const struct lk_warn warn = lk_session_warn(p->lk);
        lk_store_warn(warn, "%s: backups were removed, but the journal's line about it is missing: %s",
                      p->database->folder, err.message);
    }
    json_decref(e);
}

static enum lk_status remove_one(struct pruning *p, size_t i, struct lk_error *err)
{
    struct lk_buffer files = {0};
    const char *id = p->view.backup[i].id;
    lk_prune_note_files(p->dir, id, &files);
    const uint64_t bytes = lk_prune_freed(&files);
    lk_buffer_reset(&files);
    struct lk_error why = {0};
    if (lk_backup_remove(p->lk->store, p->dir, p->lock, id, &why) == LK_OK) {
        p->removed++;
        p->bytes += bytes;
        tell(p, id, bytes);
        return LK_OK;
    }
    p->problem[i] = lk_arena_copy(&p->view.arena, why.message);
    if (p->problem[i] == NULL)
        return lk_fail_memory(err, "removing backups");
    if (err->status == LK_OK)
        *err = why;
    return why.status;
}

/* Oldest first, so that a run that is cut short leaves the newer ones. One that cannot be removed does not
 * keep the others from it; the first reason is in *err. */
static enum lk_status remove_rest(struct pruning *p, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    size_t i = 0;
    for (; i < p->view.list.count && !lk_session_interrupted(); i++) {
        if (!p->view.backup[i].kept)
            status = litekeep_worse(status, remove_one(p, i, err));
    }
    const bool interrupted = i < p->view.list.count;
    for (; i < p->view.list.count; i++)
        p->problem[i] = p->view.backup[i].kept ? NULL : "interrupted";
    if (p->removed > 0)
        note(p);
    return interrupted ? lk_fail(err, LK_INTERRUPTED, "interrupted") : status;
}

/* Look, decide, and, unless `dry`, remove. The view stays for whoever tells of it. */
static enum lk_status prune(struct pruning *p, bool dry, struct lk_error *err)
{
    const bool tags = p->policy->tags != NULL && p->policy->tags[0] != NULL;
    enum lk_status status = lk_prune_look(p->dir, tags, &p->view, err);
    if (status == LK_OK)
        status = lk_retention_decide(p->policy, lk_clock_now(), p->view.backup, p->view.list.count, err);
    if (status == LK_OK && (p->problem = lk_allocate_zeroed(p->view.list.count, sizeof *p->problem)) == NULL)
        status = lk_fail_memory(err, "removing backups");
    if (status == LK_OK && !dry)
        return remove_rest(p, err);
    struct lk_buffer files = {0};
    for (size_t i = 0; status == LK_OK && i < p->view.list.count; i++) {
        if (p->view.backup[i].kept)
            continue;
        lk_prune_note_files(p->dir, p->view.backup[i].id, &files);
        p->removed++;
    }
    p->bytes = lk_prune_freed(&files);
    lk_buffer_reset(&files);
    return status;
}

static void pruning_reset(struct pruning *p)
{
    lk_free(p->problem);
    lk_prune_view_reset(&p->view);
}

enum lk_status lk_prune_after_backup(struct litekeep *lk, const struct lk_database *database,
                                     const struct lk_dir *dir, const struct lk_lock *lock,
                                     const struct lk_settings *settings, uint64_t *removed,
                                     struct lk_error *err)
{
    *removed = 0;
    if (lk_retention_is_empty(&settings->keep))
        return LK_OK;
    struct lk_buffer words = {0};
    struct lk_error why = {0};
    spell_policy(&settings->keep, &words);
    struct pruning p = {.lk = lk,
                        .database = database,
                        .dir = dir,
                        .lock = lock,
                        .policy = &settings->keep,
                        .words = lk_buffer_string(&words)};
    enum lk_status status =
        p.words == NULL ? lk_fail_memory(err, "removing backups") : prune(&p, false, &why);
    if (status == LK_INTERRUPTED)
        status = LK_OK; /* the run says so; the next one goes on */
    if (status != LK_OK && why.status != LK_OK) {
        *err = why;
        (void)lk_error_prefix(err, "the backup is complete, but earlier ones could not be removed");
        status = err->status = LK_FAILED;
    }
    *removed = p.removed;
    pruning_reset(&p);
    lk_buffer_reset(&words);
    return status;
}

/* ---- litekeep_prune */

struct prune_result {
    struct litekeep_pruned pruned;
    struct lk_arena arena;
};

/* The databases that were named, each once; or all. */
static enum lk_status choose_databases(struct litekeep *lk, const char *const *names,
                                       struct lk_database_list *out, struct lk_error *err)
{
    if (names == NULL || names[0] == NULL)
        return lk_database_list_all(lk->store, lk_session_warn(lk), out, err);
    size_t count = 0;
    while (names[count] != NULL)
        count++;
    out->database = lk_allocate_zeroed(count, sizeof(struct lk_database *));
    enum lk_status status = out->database == NULL ? lk_fail_memory(err, "listing databases") : LK_OK;
    for (size_t i = 0; status == LK_OK && i < count; i++) {
        struct lk_database *db = NULL;
        status = lk_database_resolve(lk->store, names[i], &db, err);
        if (status != LK_OK)
            break;
        bool twice = false;
        for (size_t k = 0; k < out->count; k++)
            twice = twice || strcmp(out->database[k]->folder, db->folder) == 0;
        if (twice)
            lk_database_free(db);
        else
            out->database[out->count++] = db;
    }
    return status;
}

static enum lk_status no_policy(struct litekeep *lk, struct lk_error *err)
{
    const struct lk_config *config;
    const enum lk_status status = lk_session_config(lk, &config, err);
    if (status != LK_OK)
        return status;
    const char *path = lk_config_path(config);
    return lk_fail(err, LK_USAGE,
                   "nothing says what to keep: give it, as in --keep-last 3 --keep-daily 7 --keep-weekly 4 "
                   "--keep-monthly 12, or set keep-last, keep-daily, ... in the config file%s%s",
                   path == NULL ? "" : " ", path == NULL ? "" : path);
}

static void tell_backups(struct lk_arena *a, const struct pruning *p, bool dry, struct litekeep_pruned *total,
                         struct litekeep_pruned_database *out)
{
    const size_t count = p->view.list.count;
    out->backup = lk_arena_take(a, count + 1, sizeof *out->backup);
    out->backups = out->backup == NULL ? 0 : count;
    for (size_t i = 0; i < out->backups; i++) {
        struct lk_retained *b = &p->view.backup[count - 1 - i];
        const char *problem = dry ? NULL : p->problem[count - 1 - i];
        out->backup[i] = (struct litekeep_pruned_backup){
            .id = lk_arena_shown_string(a, b->id),
            .started = b->started,
            .kept = b->kept,
            .reason = lk_arena_copy(a, b->kept ? lk_buffer_string(&b->reason) : problem),
            .bytes = p->view.list.entry[count - 1 - i].bytes,
        };
        total->kept += b->kept || problem != NULL ? 1 : 0;
    }
    total->removed += p->removed;
    total->bytes += p->bytes;
}

/* *ruled: there is a policy for it. A failure of this database alone is told in *out. */
static enum lk_status prune_database(struct litekeep *lk, const struct litekeep_prune_options *o,
                                     const struct lk_database *database, struct prune_result *result,
                                     struct litekeep_pruned_database *out, bool *ruled, struct lk_error *err)
{
    struct lk_settings settings = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_lock *lock = NULL;
    struct lk_buffer words = {0};
    struct lk_error why = {0};
    struct pruning p = {.lk = lk, .database = database, .dir = &dir, .policy = &o->keep};
    out->name = lk_arena_copy(&result->arena, database->folder);
    if (lk_retention_is_empty(p.policy)) {
        const enum lk_status status =
            lk_session_settings(lk, lk_database_current_path(database), database->folder, &settings, err);
        if (status != LK_OK)
            return status;
        p.policy = &settings.keep;
    }
    enum lk_status status = LK_OK;
    *ruled = !lk_retention_is_empty(p.policy);
    if (!*ruled) {
        out->note = "the config has no policy for it: all of its backups stay";
        goto out;
    }
    spell_policy(p.policy, &words);
    p.words = lk_buffer_string(&words);
    if (p.words == NULL) {
        status = lk_fail_memory(err, "removing backups");
        goto out;
    }
    enum lk_status own = lk_database_open(lk->store, database->folder, &dir, &why);
    if (own == LK_OK && !o->dry_run) {
        own = lk_lock_take(&dir, lk->store->journal_mode, "prune", LOCK_WAIT, &lock, &why);
        if (own == LK_OK)
            lk_backup_remove_leftovers(&dir, lock, lk_session_warn(lk));
    }
    p.lock = lock;
    if (own == LK_OK)
        own = prune(&p, o->dry_run, &why);
    if (own == LK_INTERRUPTED) {
        *err = why;
        status = own;
        goto out;
    }
    if (p.problem != NULL)
        tell_backups(&result->arena, &p, o->dry_run, &result->pruned, out);
    else
        out->problem = lk_arena_copy(&result->arena, why.message);
    result->pruned.status = litekeep_worse(result->pruned.status, own);
out:
    pruning_reset(&p);
    lk_buffer_reset(&words);
    lk_lock_release(lock);
    lk_dir_close(&dir);
    lk_settings_reset(&settings);
    return status;
}

/* An empty store is pruned all the same, if there is anything to do it by. */
static enum lk_status look_for_policy(struct litekeep *lk, bool *ruled, struct lk_error *err)
{
    struct lk_settings settings = {0};
    const enum lk_status status = lk_session_settings(lk, NULL, NULL, &settings, err);
    if (status == LK_OK)
        *ruled = !lk_retention_is_empty(&settings.keep);
    lk_settings_reset(&settings);
    return status;
}

enum lk_status litekeep_prune(struct litekeep *lk, const struct litekeep_prune_options *options,
                              struct litekeep_pruned **out, struct lk_error *err)
{
    struct lk_database_list list = {0};
    struct prune_result *result = NULL;
    bool ruled = !lk_retention_is_empty(&options->keep);
    const struct lk_config *config;
    /* Also with a policy of the caller's own: a config that is not understood never deletes anything. */
    enum lk_status status = lk_session_config(lk, &config, err);
    if (status == LK_OK)
        status = lk_session_store(lk, false, err);
    if (status == LK_OK)
        status = choose_databases(lk, options->databases, &list, err);
    if (status != LK_OK)
        goto out;
    result = lk_allocate_zeroed(1, sizeof *result);
    if (result == NULL) {
        status = lk_fail_memory(err, "removing backups");
        goto out;
    }
    result->pruned.database = lk_arena_take(&result->arena, list.count + 1, sizeof *result->pruned.database);
    status = lk_arena_check(&result->arena, err);
    for (size_t i = 0; status == LK_OK && i < list.count; i++) {
        bool has_policy = false;
        status = lk_session_interrupted() ? lk_fail(err, LK_INTERRUPTED, "interrupted")
                                          : prune_database(lk, options, list.database[i], result,
                                                           &result->pruned.database[i], &has_policy, err);
        ruled = ruled || has_policy;
        result->pruned.databases = i + 1;
    }
    if (status == LK_OK && !ruled && list.count == 0)
        status = look_for_policy(lk, &ruled, err);
    if (status == LK_OK && !ruled)
        status = no_policy(lk, err);
    if (status == LK_OK)
        status = lk_arena_check(&result->arena, err);
out:
    lk_database_list_free(&list);
    if (status == LK_OK)
        *out = &result->pruned;
    else if (result != NULL)
        litekeep_pruned_free(&result->pruned);
    return status;
}

void litekeep_pruned_free(struct litekeep_pruned *pruned)
{
    struct prune_result *result = (struct prune_result *)pruned; /* its first member */
    if (result == NULL)
        return;
    lk_arena_free(&result->arena);
    lk_free(result);
}
