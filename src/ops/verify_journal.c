/* What came of a check, noted in the journal of the database. */
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "ops/verify_backup.h"
#include "store/journal.h"
#include "store/lock.h"

#define LOCK_WAIT INT64_C(2000000000) /* ns: for another that only notes something */

static bool set_count(json_t *event, const char *key, uint64_t count)
{
    return lk_json_set(event, key, json_integer((json_int_t)count));
}

/* `status` tells, `subsets` makes it less than the whole (docs/STORE.md, "Journal"). */
static enum lk_status append(const struct lk_dir *folder, const struct lk_verify_backup *b,
                             struct lk_error *err)
{
    const struct lk_verify_run *run = b->database->run;
    const struct litekeep_verify_options *o = run->options;
    json_t *e = lk_journal_event("verify", lk_clock_now());
    bool ok = e != NULL && lk_json_set(e, "id", json_string(b->id)) &&
              lk_json_set(e, "status", json_string(b->status == LK_OK ? "ok" : "damaged")) &&
              set_count(e, "damages", b->damages.count) && set_count(e, "tables", b->table_count) &&
              set_count(e, "rows", b->rows) && set_count(e, "bytes", b->bytes) &&
              set_count(e, "duration_ms", (uint64_t)b->duration / 1000000);
    if (ok && o->subsets > 1)
        ok = set_count(e, "subset", o->subset) && set_count(e, "subsets", o->subsets);
    if (ok && o->restore)
        ok = lk_json_set(e, "restored", json_true());
    const enum lk_status status = ok ? lk_journal_append(folder, run->lk->store->journal_mode, e, err)
                                     : lk_fail_memory(err, "writing the journal");
    json_decref(e);
    return status;
}

void lk_verify_journal(struct lk_verify_database *db)
{
    struct lk_verify_run *run = db->run;
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_lock *lock = NULL;
    struct lk_error err = {0};
    bool any = false;
    for (size_t i = 0; i < db->backups; i++)
        any = any || (db->backup[i].done && db->backup[i].status != LK_UNREADABLE);
    if (!any)
        return;
    enum lk_status status = lk_database_open(run->lk->store, db->folder, &folder, &err);
    if (status == LK_OK)
        status = lk_lock_take(&folder, run->lk->store->journal_mode, "verify", LOCK_WAIT, &lock, &err);
    for (size_t i = 0; status == LK_OK && i < db->backups; i++) {
        if (db->backup[i].done && db->backup[i].status != LK_UNREADABLE)
            status = append(&folder, &db->backup[i], &err);
    }
    lk_lock_release(lock);
    lk_dir_close(&folder);
    if (status == LK_OK)
        return;
    /* A check is worth something without its note: on a read-only store there is none. */
    pthread_mutex_lock(&run->lock);
    if (run->not_noted++ == 0)
        run->why_not_noted = lk_copy_string(err.message);
    pthread_mutex_unlock(&run->lock);
}
