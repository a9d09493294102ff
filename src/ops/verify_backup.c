#include "ops/verify_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ops/verify_table.h"

static struct lk_verify_run *run_of(const struct lk_verify_backup *b)
{
    return b->database->run;
}

/* People compare runs: what ends early waits for those before it. */
static void tell_in_order(struct lk_verify_backup *b)
{
    struct lk_verify_run *run = run_of(b);
    pthread_mutex_lock(&run->tell_lock);
    b->ended = true;
    for (; run->to_tell != NULL && run->to_tell->ended; run->to_tell = run->to_tell->after)
        lk_verify_backup_tell(run->to_tell);
    pthread_mutex_unlock(&run->tell_lock);
}

/* Readers take no lock: what is missing may have been removed meanwhile, on purpose. */
static bool was_removed(const struct lk_verify_backup *b)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_error ignored = {0};
    struct stat st;
    const bool removed =
        lk_database_open(run_of(b)->lk->store, b->database->folder, &folder, &ignored) == LK_OK &&
        fstatat(folder.fd, b->id, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
    lk_dir_close(&folder);
    return removed;
}

/* The backup's findings are in; nothing of it is needed any more. */
static void finish(struct lk_verify_backup *b)
{
    struct lk_verify_run *run = run_of(b);
    struct lk_verify_database *db = b->database;
    b->duration = lk_clock_monotonic() - b->started;
    if (b->damages.count > 0 && was_removed(b)) {
        lk_verify_damages_reset(&b->damages);
        lk_verify_run_note(run, "%s@%s was removed while it was checked", db->folder, b->id);
        b->status = LK_NOT_FOUND;
    }
    b->done = !lk_verify_run_stopped(run) && b->status != LK_NOT_FOUND;
    if (b->damages.count > 0)
        b->status = LK_DAMAGED;
    lk_free(b->table);
    lk_free(b->file);
    lk_backup_free(b->backup);
    b->table = NULL;
    b->file = NULL;
    b->backup = NULL;
    if (!run->options->restore) {
        tell_in_order(b);
        if (atomic_fetch_sub(&db->under_way, 1) == 1) {
            lk_verify_shared_free(db);
            lk_verify_journal(db);
        }
    } else if (atomic_fetch_sub(&db->under_way, 1) == 1) {
        lk_verify_shared_free(db);
    }
    pthread_mutex_lock(&run->lock);
    run->under_way--;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

/* Move damage of a table behind that of the backup. `copy` says where a table can come from that is hurt in
 * all formats. */
static void take_damages(struct lk_verify_backup *b, struct lk_verify_damages *from, bool copy)
{
    for (size_t i = 0; i < from->count; i++) {
        struct lk_verify_damage *d = &from->damage[i];
        const size_t before = b->damages.count;
        lk_verify_damages_add(&b->damages, b, NULL, d->part, NULL, "%s", d->message);
        if (b->damages.count == before)
            continue;
        struct lk_verify_damage *to = &b->damages.damage[before];
        to->table = d->table;
        to->file = d->file;
        to->restorable = d->restorable == NULL && copy ? "sqlite" : d->restorable;
        d->table = NULL;
        d->file = NULL;
    }
}

static void judge(struct lk_verify_backup *b)
{
    bool copy = false;
    for (size_t i = 0; i < b->files; i++) {
        struct lk_verify_file *file = &b->file[i];
        char *message;
        if (file->table != NULL)
            continue;
        struct lk_error err = {0};
        if (!lk_verify_file_judge(file, &message) && lk_fail_memory(&err, "checking a backup") != LK_OK)
            lk_verify_run_fail(run_of(b), &err);
        if (message != NULL)
            lk_verify_damages_add(&b->damages, b, NULL, 0, file->file->path, "%s", message);
        else if (file->kind == LK_VERIFY_SQLITE && file->finding != NULL && file->finding->read)
            copy = true;
        lk_free(message);
        lk_verify_file_reset(file);
    }
    for (size_t i = 0; i < b->tables; i++)
        take_damages(b, &b->table[i].damages, copy);
}

void lk_verify_backup_part_done(struct lk_verify_backup *b)
{
    if (atomic_fetch_sub(&b->under_way, 1) > 1)
        return;
    judge(b);
    for (size_t i = 0; i < b->tables; i++)
        lk_verify_table_reset(&b->table[i]);
    for (size_t i = 0; i < b->files; i++)
        lk_verify_file_reset(&b->file[i]);
    finish(b);
}

/* Is the file of the subset that is read? By its content, so that a file which several backups have is of the
 * same subset in each. */
static bool is_wanted(const struct lk_verify_run *run, const struct lk_manifest_file *file)
{
    const struct litekeep_verify_options *o = run->options;
    return o->subsets <= 1 || lk_key_hash(file->sha256, LK_SHA256_SIZE) % o->subsets == o->subset - 1;
}

static enum lk_status add_file(void *context, const struct lk_manifest_file *file,
                               const struct lk_manifest_table *table, const struct lk_manifest_part *part,
                               struct lk_error *err)
{
    struct lk_verify_backup *b = context;
    const struct lk_manifest *m = b->backup->manifest;
    struct lk_verify_file *f = &b->file[b->files++];
    (void)err;
    *f = (struct lk_verify_file){.backup = b, .file = file, .kind = LK_VERIFY_PLAIN, .wanted = true};
    if (table != NULL) {
        /* Tables come in order. */
        struct lk_verify_table *t = &b->table[b->tables == 0 ? 0 : b->tables - 1];
        while (t->t != table)
            t++;
        b->tables = (size_t)(t - b->table) + 1;
        if (t->files++ == 0)
            t->file = f;
        f->table = t;
        f->part = (size_t)(part - table->part);
        f->kind = file == &part->parquet ? LK_VERIFY_PARQUET : LK_VERIFY_JSON;
    } else if (file == &m->sqlite_copy) {
        f->kind = LK_VERIFY_SQLITE;
    }
    if (f->kind != LK_VERIFY_PLAIN)
        f->wanted = is_wanted(run_of(b), file);
    return LK_OK;
}

/* Tables and files, from the manifest. False: memory is out. */
static bool list_work(struct lk_verify_backup *b)
{
    const struct lk_manifest *m = b->backup->manifest;
    struct lk_error err = {0};
    b->table = lk_allocate_zeroed(m->tables, sizeof *b->table);
    b->file = lk_allocate_zeroed(m->total_files, sizeof *b->file);
    if (b->table == NULL || b->file == NULL)
        return false;
    for (size_t i = 0; i < m->tables; i++) {
        b->table[i].backup = b;
        b->table[i].t = m->table[i];
    }
    if (!b->legacy)
        (void)!lk_manifest_each_file(m, add_file, b, &err);
    b->tables = m->tables;
    return true;
}

static enum lk_status open_backup(struct lk_verify_backup *b, struct lk_error *err)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    enum lk_status status = lk_database_open(run_of(b)->lk->store, b->database->folder, &folder, err);
    if (status == LK_OK)
        status = lk_backup_open(&folder, b->id, &b->backup, err);
    lk_dir_close(&folder);
    return status;
}

/* It cannot be opened: damage, or not for this litekeep, or gone. */
static void cannot_open(struct lk_verify_backup *b, const struct lk_error *err)
{
    struct lk_verify_run *run = run_of(b);
    b->status = err->status;
    if (err->status == LK_NOT_FOUND) {
        lk_verify_run_note(run, "%s@%s was removed before it was checked", b->database->folder, b->id);
    } else if (err->status == LK_UNREADABLE) {
        lk_verify_run_note(run, "%s@%s was not checked: %s", b->database->folder, b->id, err->message);
    } else if (lk_verify_run_is_damage(err)) {
        /* The folder is not open, so its path is still in the message. */
        const char *name = strstr(err->message, LK_MANIFEST_FILE);
        lk_verify_damages_add(&b->damages, b, NULL, 0, name != NULL ? LK_MANIFEST_FILE : NULL, "%s",
                              name != NULL ? name : err->message);
    } else {
        lk_verify_run_fail(run, err);
    }
}

static void run(struct lk_job *job, unsigned worker)
{
    struct lk_verify_backup *b = (struct lk_verify_backup *)job; /* its first member */
    struct lk_verify_run *r = run_of(b);
    struct lk_error err = {0};
    b->started = lk_clock_monotonic();
    atomic_store(&b->under_way, 1);
    if (lk_verify_run_stopped(r) || open_backup(b, &err) != LK_OK) {
        if (err.status != LK_OK)
            cannot_open(b, &err);
        lk_verify_run_expect(r, b->expected_bytes, 0);
        lk_verify_backup_part_done(b);
        return;
    }
    const struct lk_manifest *m = b->backup->manifest;
    b->table_count = m->tables;
    b->rows = m->total_rows;
    b->bytes = m->total_bytes;
    if (!list_work(b)) {
        if (lk_fail_memory(&err, "checking a backup") != LK_OK)
            lk_verify_run_fail(r, &err);
        b->tables = b->files = 0;
        lk_verify_backup_part_done(b);
        return;
    }
    uint64_t expected = 0;
    for (size_t i = 0; i < b->files; i++)
        expected += b->file[i].wanted ? b->file[i].file->bytes : 0;
    lk_verify_run_expect(r, b->expected_bytes, b->legacy ? m->total_bytes : expected);
    if (!b->legacy)
        lk_verify_folder(b);
    size_t aside = 0;
    for (size_t i = 0; i < b->files; i++)
        aside += b->file[i].table == NULL;
    (void)atomic_fetch_add(&b->under_way, aside + b->tables);
    for (size_t i = 0; i < b->tables; i++)
        lk_verify_table_submit(&b->table[i]);
    /* The page copy is one long job: the sooner it begins, the better. */
    for (size_t i = 0; i < b->files && aside > 0; i++) {
        if (b->file[i].table == NULL)
            lk_verify_file_read(&b->file[i], false, worker);
    }
    lk_verify_backup_part_done(b);
}

void lk_verify_backup_submit(struct lk_verify_backup *b)
{
    b->job.run = run;
    lk_pool_submit(run_of(b)->pool, &b->job, false);
}

/* One sentence: where, what, and the way out. */
static void tell_damage(const struct lk_verify_backup *b, const struct lk_verify_damage *d)
{
    struct lk_buffer text = {0};
    if (d->table != NULL)
        lk_buffer_append_format(&text, "table \"%s\"", d->table);
    if (d->part != 0)
        lk_buffer_append_format(&text, ", part %" PRIu64, d->part);
    lk_buffer_append_format(&text, "%s%s", d->table == NULL ? "" : ": ", d->message);
    if (d->restorable != NULL)
        lk_buffer_append_format(&text, "; it can be restored from %s: litekeep %srestore %s@%s%s --to FILE",
                                d->restorable, litekeep_store_option(run_of(b)->lk), b->database->folder,
                                b->id, strcmp(d->restorable, "sqlite") == 0 ? " --from sqlite" : "");
    else if (d->table != NULL)
        lk_buffer_append_string(&text, "; it cannot be restored whole from this backup");
    const char *message = lk_buffer_string(&text);
    lk_session_emit(b->database->run->lk,
                    &(struct litekeep_event){.type = LITEKEEP_EVENT_PROBLEM,
                                             .status = LK_DAMAGED,
                                             .database = b->database->folder,
                                             .id = b->id,
                                             .table = d->table,
                                             .message = message == NULL ? d->message : message});
    lk_buffer_reset(&text);
}

void lk_verify_backup_tell(struct lk_verify_backup *b)
{
    struct lk_verify_run *run = run_of(b);
    if (!b->done)
        return;
    pthread_mutex_lock(&run->lock);
    run->backups++;
    run->damaged_backups += b->status == LK_DAMAGED;
    run->status = litekeep_worse(run->status, b->status);
    pthread_mutex_unlock(&run->lock);
    lk_session_emit(run->lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_CHECKED,
                                                      .status = b->status,
                                                      .database = b->database->folder,
                                                      .id = b->id,
                                                      .tables = b->table_count,
                                                      .rows = b->rows,
                                                      .stored_bytes = b->bytes,
                                                      .duration = b->duration,
                                                      .verified = b->status == LK_OK});
    for (size_t i = 0; i < b->damages.count; i++)
        tell_damage(b, &b->damages.damage[i]);
}
