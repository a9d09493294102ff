#include "ops/verify_restore.h"

#include "base/clock.h"
#include "base/memory.h"
#include "ops/restore_file.h"
#include "ops/verify_backup.h"
#include "sqlite/tmp.h"

struct restoring {
    struct lk_verify_run *run;
    struct lk_verify_backup *backup;
    uint64_t told; /* bytes of progress, of backup->bytes */
};

static void on_rows(void *context, const char *table, uint64_t done, uint64_t total)
{
    struct restoring *r = context;
    (void)table;
    const double part = total == 0 || done > total ? 1 : (double)done / (double)total;
    const uint64_t now = (uint64_t)((double)r->backup->bytes * part);
    if (now <= r->told)
        return;
    lk_verify_run_progress(r->run, now - r->told, 0);
    r->told = now;
}

/* Is there anything to rebuild? A table that is lost in every format has been said to be. */
static bool is_rebuildable(const struct lk_verify_backup *b)
{
    for (size_t i = 0; i < b->damages.count; i++) {
        const struct lk_verify_damage *d = &b->damages.damage[i];
        if ((d->table != NULL && d->restorable == NULL) ||
            (d->file != NULL && strcmp(d->file, LK_MANIFEST_FILE) == 0))
            return false;
    }
    return true;
}

/* One rebuilding. LK_OK, or a failure of the run; what is wrong with the backup is noted. */
static enum lk_status rebuild(struct restoring *r, const struct lk_backup *backup, enum litekeep_format from,
                              struct lk_tmp *tmp, bool *from_copy, struct lk_error *err)
{
    struct lk_verify_backup *b = r->backup;
    struct lk_verify_run *run = r->run;
    struct lk_restore_file_result result = {0};
    struct lk_error why = {0};
    const struct lk_restore_file_options options = {
        .from = from,
        .secret = run->lk->store->secret,
        .jobs = run->options->jobs,
        .on_rows = on_rows,
        .context = r,
    };
    char *path = lk_format("%s/rebuilt.sqlite", lk_tmp_path(tmp));
    if (path == NULL)
        return lk_fail_memory(err, "rebuilding a database");
    enum lk_status status = lk_restore_file(backup, &options, path, &result, &why);
    *from_copy = status == LK_OK && result.from != NULL && strcmp(result.from, "sqlite") == 0;
    for (size_t i = 0; i < result.left_out.count; i++) {
        lk_verify_run_note(run, "%s@%s cannot be rebuilt as a whole here: %s", b->database->folder, b->id,
                           result.left_out.text[i]);
        b->status = litekeep_worse(b->status, LK_UNREADABLE);
    }
    if (status == LK_OK) {
        pthread_mutex_lock(&run->lock);
        run->restored++;
        pthread_mutex_unlock(&run->lock);
    } else if (status == LK_DAMAGED) {
        lk_verify_damages_add(&b->damages, b, NULL, 0, NULL, "it cannot be rebuilt%s: %s",
                              from == LITEKEEP_SQLITE ? " from its page copy" : "",
                              lk_verify_run_below(b, why.message));
        b->status = LK_DAMAGED;
        status = LK_OK;
    } else if (status == LK_UNREADABLE) {
        lk_verify_run_note(run, "%s@%s cannot be rebuilt here: %s", b->database->folder, b->id, why.message);
        b->status = litekeep_worse(b->status, LK_UNREADABLE);
        status = LK_OK;
    } else {
        *err = why;
    }
    lk_restore_file_result_reset(&result);
    lk_tmp_clear(tmp);
    lk_free(path);
    return status;
}

static enum lk_status check_space(struct lk_tmp *tmp, uint64_t bytes, struct lk_error *err)
{
    if (lk_tmp_check_space(tmp, bytes, err) == LK_OK)
        return LK_OK;
    err->status = LK_FAILED; /* no source is at fault, but the place that we were given */
    return LK_FAILED;
}

static enum lk_status restore_backup(struct lk_verify_run *run, struct lk_verify_backup *b,
                                     struct lk_tmp *tmp, struct lk_error *err)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    struct restoring r = {.run = run, .backup = b};
    bool from_copy = false;
    const int64_t started = lk_clock_monotonic();
    enum lk_status status = lk_database_open(run->lk->store, b->database->folder, &folder, err);
    if (status == LK_OK)
        status = lk_backup_open(&folder, b->id, &b->backup, err);
    if (status == LK_OK)
        status = check_space(tmp, b->backup->manifest->source.bytes, err);
    if (status == LK_OK)
        status = rebuild(&r, b->backup, 0, tmp, &from_copy, err);
    if (status == LK_OK && b->backup->manifest->sqlite_copy.path != NULL && !from_copy)
        status = rebuild(&r, b->backup, LITEKEEP_SQLITE, tmp, &from_copy, err);
    lk_verify_run_progress(run, b->bytes - r.told, 0);
    b->duration += lk_clock_monotonic() - started;
    lk_backup_free(b->backup);
    b->backup = NULL;
    lk_dir_close(&folder);
    return status;
}

void lk_verify_restore(struct lk_verify_run *run, struct lk_verify_database *const *db, size_t count)
{
    struct lk_tmp *tmp = NULL;
    struct lk_error err = {0};
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < db[i]->backups; k++)
            bytes += db[i]->backup[k].bytes;
    }
    lk_verify_run_expect(run, 0, bytes);
    if (!lk_verify_run_stopped(run) && lk_tmp_new(run->options->tmp, &tmp, &err) != LK_OK) {
        err.status = LK_FAILED;
        lk_verify_run_fail(run, &err);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < db[i]->backups; k++) {
            struct lk_verify_backup *b = &db[i]->backup[k];
            const bool whole = b->done && !b->legacy && b->status != LK_UNREADABLE;
            if (lk_verify_run_stopped(run)) {
                b->done = false; /* it was to be rebuilt too */
                continue;
            }
            if (whole && !is_rebuildable(b))
                lk_verify_run_note(run, "%s@%s was not rebuilt, since it is damaged", db[i]->folder, b->id);
            else if (whole && restore_backup(run, b, tmp, &err) != LK_OK) {
                b->done = false;
                if (err.status != LK_INTERRUPTED)
                    lk_verify_run_fail(run, &err);
                continue;
            }
            lk_verify_backup_tell(b);
        }
        lk_verify_journal(db[i]);
    }
    lk_tmp_free(tmp);
}
