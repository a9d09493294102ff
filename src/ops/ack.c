/* The ack command: what was lost is accepted. */
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "ops/alarm_raise.h"
#include "sqlite/path.h"

#define LOCK_WAIT (INT64_C(30) * 1000000000)

/* An "ack" event. `key`: the one alarm that it is of; NULL: all. */
static json_t *make_event(const struct lk_alarm_record *r, const char *key, const char *note)
{
    json_t *event = lk_journal_event("ack", lk_clock_now()), *keys = json_array();
    bool ok = event != NULL && keys != NULL;
    for (size_t i = 0; ok && i < r->count; i++) {
        if (key == NULL || strcmp(key, r->open[i].key) == 0)
            ok = json_array_append_new(keys, json_string(r->open[i].key)) == 0;
    }
    ok = lk_json_set(event, "keys", keys) && ok;
    ok = ok && (key == NULL || lk_json_set(event, "key", json_string(key)));
    ok = ok && lk_alarm_raise_name(event, "note", note);
    if (ok)
        return event;
    json_decref(event);
    return NULL;
}

/* The newest backup whose losses were told. One that no run has judged (it was killed) is accepted by nobody;
 * but where nothing was judged yet, the newest of all. */
static enum lk_status find_told(const struct lk_dir *dir, const struct lk_backup_list *list,
                                const struct lk_backup_entry **out, struct lk_error *err)
{
    struct lk_counts_list counts = {0};
    *out = list->count == 0 ? NULL : &list->entry[list->count - 1];
    enum lk_status status = lk_counts_read(dir, lk_clock_now(), &counts, err);
    bool found = false;
    for (size_t i = counts.count; status == LK_OK && !found && i > 0; i--) {
        for (size_t k = list->count; !counts.counts[i - 1].made && !found && k > 0; k--) {
            found = strcmp(list->entry[k - 1].id, counts.counts[i - 1].id) == 0;
            if (found)
                *out = &list->entry[k - 1];
        }
    }
    lk_counts_list_reset(&counts);
    return status;
}

static enum lk_status accept_database(struct litekeep *lk, const struct lk_database *database,
                                      const char *note, uint64_t *acked, struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_lock *lock = NULL;
    struct lk_alarm_record record = {0};
    struct lk_backup_list list = {0};
    enum lk_status status = lk_database_open(lk->store, database->folder, &dir, err);
    if (status == LK_OK)
        status = lk_lock_take(&dir, lk->store->journal_mode, "ack", LOCK_WAIT, &lock, err);
    if (status == LK_OK)
        status = lk_alarm_record_read(&dir, &record, err);
    if (status == LK_OK && record.count == 0)
        status = lk_fail(err, LK_NOT_FOUND, "no alarm of %s is open", database->folder);
    if (status == LK_OK)
        status = lk_catalog_list(&dir, &list, NULL, err);
    const struct lk_backup_entry *last = NULL;
    if (status == LK_OK)
        status = find_told(&dir, &list, &last, err);
    if (status == LK_OK) {
        json_t *event = make_event(&record, NULL, note);
        if (last != NULL && last->seq > 0 &&
            (!lk_json_set(event, "id", json_string(last->id)) ||
             !lk_json_set(event, "seq", json_integer((json_int_t)last->seq)))) {
            json_decref(event);
            event = NULL;
        }
        status = lk_alarm_raise_append(&(struct lk_alarm_place){.lk = lk, .dir = &dir}, event, err);
    }
    *acked = record.count;
    lk_backup_list_reset(&list);
    lk_alarm_record_reset(&record);
    lk_lock_release(lock);
    lk_dir_close(&dir);
    return status;
}

/* The key of the root alarm of `path` as it was typed; NULL: none is open. */
static const char *find_root(const struct lk_alarm_record *r, const char *path)
{
    const char *found = NULL;
    char *real = lk_path_real(path);
    char *typed = lk_alarm_raise_key(LITEKEEP_ALARM_ROOT, path, NULL);
    char *resolved = real == NULL ? NULL : lk_alarm_raise_key(LITEKEEP_ALARM_ROOT, real, NULL);
    for (size_t i = 0; i < r->count; i++) {
        if ((typed != NULL && strcmp(r->open[i].key, typed) == 0) ||
            (resolved != NULL && strcmp(r->open[i].key, resolved) == 0))
            found = r->open[i].key;
    }
    lk_free(real);
    lk_free(typed);
    lk_free(resolved);
    return found;
}

/* *found false: no alarm of a root with this path is open. */
static enum lk_status accept_root(struct litekeep *lk, const char *path, const char *note, bool *found,
                                  struct lk_error *err)
{
    const struct lk_dir *dir = &lk->store->dir;
    struct lk_lock *lock = NULL;
    struct lk_alarm_record record = {0};
    enum lk_status status = lk_alarm_record_read(dir, &record, err);
    *found = status == LK_OK && find_root(&record, path) != NULL;
    lk_alarm_record_reset(&record);
    if (!*found)
        return status;
    status = lk_lock_take(dir, lk->store->journal_mode, "ack", LOCK_WAIT, &lock, err);
    if (status == LK_OK)
        status = lk_alarm_record_read(dir, &record, err);
    const char *key = status == LK_OK ? find_root(&record, path) : NULL;
    *found = key != NULL;
    if (key != NULL)
        status = lk_alarm_raise_append(&(struct lk_alarm_place){.lk = lk, .dir = dir},
                                       make_event(&record, key, note), err);
    lk_alarm_record_reset(&record);
    lk_lock_release(lock);
    return status;
}

enum lk_status litekeep_ack(struct litekeep *lk, const char *database, const char *note, uint64_t *acked,
                            struct lk_error *err)
{
    struct lk_database *db = NULL;
    struct lk_error why = {0};
    bool root = false;
    *acked = 0;
    enum lk_status status = lk_session_store(lk, false, err);
    if (status != LK_OK)
        return status;
    status = accept_root(lk, database, note, &root, err);
    if (status != LK_OK || root) {
        *acked = status == LK_OK ? 1 : 0;
        return status;
    }
    status = lk_database_resolve(lk->store, database, &db, &why);
    if (status == LK_OK)
        status = accept_database(lk, db, note, acked, &why);
    lk_database_free(db);
    if (status != LK_OK) {
        *acked = 0;
        *err = why;
    }
    return status;
}
