/* The restore command: which backup, onto what, and what becomes of what is there. The file itself is made
 * by restore_file.c, and put in its place by restore_target.c. */
#include "ops/backup_run.h"
#include "ops/restore_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "ops/arena.h"
#include "ops/restore_target.h"
#include "ops/which.h"
#include "sqlite/mount.h"
#include "sqlite/path.h"
#include "sqlite/structure.h"

#define PROGRESS_INTERVAL INT64_C(100000000) /* ns */
/* How often an existing database is backed up again because it was written since. */
#define TRIES 3
#define NOTE_WAIT (INT64_C(30) * 1000000000) /* ns for the lock of the database's folder */
/* Beyond what the source took: indexes are sorted, b-trees grow. */
#define MARGIN_BYTES (UINT64_C(1) << 20)

struct restore_result {
    struct litekeep_restored restored;
    struct lk_arena arena;
};

struct restore {
    struct litekeep *lk;
    const struct litekeep_restore_options *options;
    struct lk_which which;
    struct lk_restore_file_options file_options;
    struct lk_restore_file_result plan, made;
    struct lk_restore_target *target; /* with `to`; with `into`, where tables are replaced */
    bool changed;                     /* with `into`: it was written since it was marked */
    char *path;                       /* real: the file that is made or changed */
    char *previous;                   /* "posts@2024-...": the backup of what was there */
    uint64_t source_bytes;
    int64_t last_progress;
    uint64_t last_rows;
    bool second; /* the rows are read again, to be compared */
};

static enum lk_status check_options(const struct litekeep_restore_options *o, struct lk_error *err)
{
    if ((o->to == NULL) == (o->into == NULL))
        return lk_fail(err, LK_USAGE, "restore to a new file, or into an existing database: one of the two");
    if (o->into != NULL && (o->tables == NULL || o->tables[0] == NULL))
        return lk_fail(err, LK_USAGE, "which tables are to go into that database? Name them");
    if (o->from != 0 && o->from != LITEKEEP_PARQUET && o->from != LITEKEEP_JSON && o->from != LITEKEEP_SQLITE)
        return lk_fail(err, LK_USAGE, "restore from one format: parquet, json or sqlite");
    return LK_OK;
}

/* A sentence about a dry run. */
static enum lk_status add_note(struct restore *r, struct lk_error *err, const char *before, const char *name,
                               const char *after)
{
    char *note = lk_format("%s%s%s", before, name, after);
    const bool added = note != NULL && lk_manifest_add_text(&r->plan.notes, note);
    lk_free(note);
    return added ? LK_OK : lk_fail_memory(err, "restoring");
}

static enum lk_status interrupted(struct lk_error *err)
{
    return lk_fail(err, LK_INTERRUPTED, "interrupted: nothing was changed");
}

/* ---- What is there is backed up first */

/* Hears the events of that backup: its name, and warnings and new alarms, which go on to the caller. */
struct listener {
    void (*on_event)(void *context, const struct litekeep_event *event);
    void *context;
    char *name; /* "posts@2024-..." */
};

static void listen(void *context, const struct litekeep_event *e)
{
    struct listener *l = context;
    if (e->type == LITEKEEP_EVENT_DONE && l->name == NULL)
        l->name = lk_format("%s@%s", e->database, e->id);
    else if ((e->type == LITEKEEP_EVENT_WARNING || e->type == LITEKEEP_EVENT_ALARM) && l->on_event != NULL)
        l->on_event(l->context, e);
}

static void set_listener(struct litekeep *lk, void (*on_event)(void *, const struct litekeep_event *),
                         void *context)
{
    pthread_mutex_lock(&lk->event_lock);
    lk->on_event = on_event;
    lk->context = context;
    pthread_mutex_unlock(&lk->event_lock);
}

/* Into the same store. LK_REFUSED when it cannot be done whole, for whatever reason. */
static enum lk_status back_up(struct restore *r, struct lk_error *err)
{
    const char *const paths[] = {r->path, NULL};
    const char *const tags[] = {"before-restore", NULL};
    const struct litekeep_backup_options options = {.paths = paths, .tags = tags, .jobs = r->options->jobs};
    struct litekeep_backup_summary summary = {0};
    struct listener listener = {.on_event = r->lk->on_event, .context = r->lk->context};
    struct lk_error why = {0};
    set_listener(r->lk, listen, &listener);
    const enum lk_status status = lk_backup_safety(r->lk, &options, &summary, &why);
    set_listener(r->lk, listener.on_event, listener.context);
    if (status == LK_OK && listener.name != NULL) {
        lk_free(r->previous);
        r->previous = listener.name;
        return LK_OK;
    }
    lk_free(listener.name);
    if (status == LK_INTERRUPTED)
        return interrupted(err);
    return lk_fail(err, LK_REFUSED,
                   "%s: not touched, because what is there could not be backed up first: %s (to do without "
                   "that, move the file away)",
                   r->path, status != LK_OK ? why.message : "no database was found in it");
}

/* ---- Progress */

/* Rows are counted twice: when they are put into the file, and when it is compared with the backup. */
static void on_rows(void *context, const char *table, uint64_t done, uint64_t total)
{
    struct restore *r = context;
    const int64_t now = lk_clock_monotonic();
    (void)table;
    r->second = r->second || done < r->last_rows;
    r->last_rows = done;
    if (now - r->last_progress < PROGRESS_INTERVAL)
        return;
    r->last_progress = now;
    const double part = total == 0 || done >= total ? 1 : (double)done / (double)total;
    const uint64_t bytes = (uint64_t)((double)r->source_bytes * part);
    lk_session_emit(r->lk,
                    &(struct litekeep_event){.type = LITEKEEP_EVENT_PROGRESS,
                                             .rows = done,
                                             .source_bytes = 2 * r->source_bytes,
                                             .done_bytes = r->second ? r->source_bytes + bytes : bytes});
}

static void tell_start(struct restore *r)
{
    char *shown = lk_text_escaped(lk_bytes_of(r->path));
    lk_session_emit(r->lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_STARTED,
                                                    .path = shown,
                                                    .source_bytes = r->source_bytes});
    lk_free(shown);
}

/* ---- Onto a file */

/* What the tables that are wanted took in the source, about. */
static uint64_t estimate(const struct restore *r)
{
    const struct lk_manifest *m = r->which.backup->manifest;
    uint64_t raw = 0, files = 0;
    for (size_t i = 0; i < m->tables; i++) {
        const struct lk_manifest_table *t = m->table[i];
        bool wanted = r->options->tables == NULL;
        for (size_t k = 0; !wanted && k < r->plan.tables; k++)
            wanted = strcmp(r->plan.table[k].name, t->name) == 0;
        if (!wanted)
            continue;
        raw += t->raw_bytes;
        for (size_t k = 0; k < t->parts; k++)
            files += t->part[k].parquet.bytes > 0 ? t->part[k].parquet.bytes : t->part[k].json.bytes;
    }
    if (m->legacy)
        return 4 * files; /* nothing better is known */
    return r->options->tables == NULL && m->source.bytes > raw ? m->source.bytes : raw;
}

static enum lk_status refuse_store(const struct restore *r, struct lk_error *err)
{
    char *store = lk_path_real(r->lk->store->dir.path);
    if (store == NULL)
        return lk_fail(err, LK_FAILED, "%s: cannot find out where the store lies", r->lk->store->dir.path);
    const bool below = lk_path_is_below(r->path, store);
    lk_free(store);
    return below ? lk_fail(err, LK_REFUSED,
                           "%s: inside the store, which holds backups only; name another place", r->path)
                 : LK_OK;
}

/* Back up what is there, put the new file in its place; again when somebody wrote in between. */
static enum lk_status exchange(struct restore *r, struct lk_error *err)
{
    bool changed = false;
    enum lk_status status = lk_session_interrupted() ? interrupted(err) : LK_OK;
    if (status == LK_OK)
        status = lk_restore_target_commit(r->target, lk_session_interrupt(), &changed, &r->made.notes, err);
    for (unsigned i = 1; status == LK_OK && changed && i < TRIES; i++) {
        status = lk_restore_target_mark(r->target, err);
        if (status == LK_OK && lk_restore_target_old_bytes(r->target) > 0)
            status = back_up(r, err);
        if (status == LK_OK)
            status =
                lk_restore_target_commit(r->target, lk_session_interrupt(), &changed, &r->made.notes, err);
    }
    if (status == LK_OK && changed)
        status = lk_fail(err, LK_REFUSED,
                         "%s: not replaced: it is being written again and again; close the program that does",
                         r->path);
    return status;
}

static enum lk_status make_file(struct restore *r, struct lk_error *err)
{
    const char *build = NULL;
    enum lk_status status = lk_restore_target_try(r->target, lk_session_interrupt(), err);
    if (status == LK_OK)
        status = lk_restore_target_mark(r->target, err);
    if (status == LK_OK && lk_restore_target_old_bytes(r->target) > 0)
        status = back_up(r, err);
    if (status == LK_OK)
        tell_start(r);
    if (status == LK_OK)
        status = lk_restore_target_prepare(r->target, r->source_bytes + r->source_bytes / 8 + MARGIN_BYTES,
                                           &build, err);
    if (status != LK_OK)
        return status;
    status = lk_restore_file(r->which.backup, &r->file_options, build, &r->made, err);
    return status == LK_OK ? exchange(r, err) : status;
}

static enum lk_status to_file(struct restore *r, struct lk_error *err)
{
    bool exists = false;
    enum lk_status status =
        lk_restore_target_open(r->options->to, r->options->force, &exists, &r->target, err);
    if (status != LK_OK)
        return status;
    r->path = lk_copy_string(lk_restore_target_path(r->target));
    if (r->path == NULL)
        return lk_fail_memory(err, "restoring");
    status = refuse_store(r, err);
    if (status == LK_OK)
        status = lk_restore_file_plan(r->which.backup, &r->file_options, &r->plan, err);
    if (status != LK_OK)
        return status;
    r->source_bytes = estimate(r);
    if (!r->options->dry_run)
        return make_file(r, err);
    if (!exists)
        return add_note(r, err, "", r->path, " would be made");
    if (lk_restore_target_old_bytes(r->target) == 0)
        return add_note(r, err, "", r->path, " exists and is empty: it would be replaced");
    return add_note(r, err, "", r->path, " exists: it would be backed up first, then replaced");
}

/* ---- The journal */

/* A file that was restored may be older than its backups say: no reason for an alarm. What cannot be noted is
 * only worth a warning: the file is there. */
static void note_restore(struct restore *r)
{
    struct lk_database *database = NULL;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_lock *lock = NULL;
    struct lk_error err = {0};
    char *identity = NULL;
    enum lk_status status = lk_mount_identify(r->path, &identity, &err);
    if (status == LK_OK)
        status = lk_database_find(r->lk->store, identity, &database, &err);
    if (status == LK_OK)
        status = lk_database_open(r->lk->store, database->folder, &dir, &err);
    if (status == LK_OK)
        status = lk_lock_take(&dir, r->lk->store->journal_mode, "restore", NOTE_WAIT, &lock, &err);
    if (status == LK_OK)
        status = lk_alarm_note_restore(r->lk, &dir, r->which.list.entry[r->which.index].id, &err);
    if (status != LK_OK && status != LK_NOT_FOUND) /* a file that was never backed up has no journal */
        lk_store_warn(
            lk_session_warn(r->lk),
            "the restore could not be noted in the journal, so the next backup may raise an alarm: %s",
            err.message);
    lk_lock_release(lock);
    lk_dir_close(&dir);
    lk_database_free(database);
    lk_free(identity);
}

/* ---- Into a database */

/* Mark the tables of the plan that the database has already. Names are compared as SQLite does. */
static enum lk_status find_there(struct restore *r, bool *any, struct lk_error *err)
{
    struct lk_source *source = NULL;
    struct lk_structure *st = NULL;
    /* The schema alone is read: that is never too long for a lock. */
    const struct lk_source_options options = {.read_rate = UINT64_C(1) << 60,
                                              .interrupt = lk_session_interrupt()};
    *any = false;
    enum lk_status status = lk_source_open(r->path, &options, &source, err);
    if (status == LK_OK)
        status = lk_structure_read(source, &st, err);
    for (size_t i = 0; status == LK_OK && i < r->plan.tables; i++) {
        const char *name = r->plan.table[i].name;
        for (size_t k = 0; k < st->rows; k++) {
            const struct lk_schema_row *row = &st->row[k];
            if (row->type.ptr == NULL || strcmp(row->type.ptr, "table") != 0 || row->name.ptr == NULL)
                continue;
            r->plan.table[i].replaced |= sqlite3_stricmp(row->name.ptr, name) == 0;
        }
        *any |= r->plan.table[i].replaced;
    }
    lk_structure_free(st);
    lk_source_close(source);
    if (status != LK_OK && status != LK_INTERRUPTED && status != LK_FAILED)
        err->status = status = LK_REFUSED;
    return status;
}

static enum lk_status refuse_there(const struct restore *r, struct lk_error *err)
{
    for (size_t i = 0; i < r->plan.tables; i++)
        if (r->plan.table[i].replaced)
            return lk_fail(err, LK_REFUSED,
                           "%s: table %s is there already; use --force to replace it (the database is backed "
                           "up first)",
                           r->path, r->plan.table[i].name);
    return LK_OK;
}

static enum lk_status say_replaced(struct restore *r, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < r->plan.tables && status == LK_OK; i++) {
        if (r->plan.table[i].replaced)
            status = add_note(r, err, "table ", r->plan.table[i].name,
                              " is there: the database would be backed up first, then the table replaced");
    }
    return status;
}

static enum lk_status check_unchanged(void *context, struct lk_error *err)
{
    struct restore *r = context;
    r->changed = r->target != NULL && !lk_restore_target_is_unchanged(r->target);
    return r->changed ? lk_fail(err, LK_REFUSED,
                                "%s: not changed: it is being written again and again; close the program "
                                "that does",
                                r->path)
                      : LK_OK;
}

/* Back up what is there, then replace tables in it; again when somebody wrote in between. */
static enum lk_status replace_tables(struct restore *r, struct lk_error *err)
{
    bool exists = false;
    enum lk_status status = lk_restore_target_open(r->path, true, &exists, &r->target, err);
    if (status != LK_OK)
        return status;
    tell_start(r);
    for (unsigned i = 0; i < TRIES; i++) {
        status = lk_restore_target_mark(r->target, err);
        if (status == LK_OK)
            status = back_up(r, err);
        if (status == LK_OK)
            status = lk_restore_into(r->which.backup, &r->file_options, r->path, true, &r->made, err);
        if (!r->changed)
            break;
    }
    return status;
}

static enum lk_status into_database(struct restore *r, struct lk_error *err)
{
    bool there = false;
    r->path = lk_path_real(r->options->into);
    if (r->path == NULL)
        return lk_fail_errno(err, LK_NOT_FOUND, errno,
                             "%s: --into needs a database that exists; --to makes a new one",
                             r->options->into);
    enum lk_status status = refuse_store(r, err);
    if (status == LK_OK)
        status = lk_restore_file_plan(r->which.backup, &r->file_options, &r->plan, err);
    if (status == LK_OK)
        status = find_there(r, &there, err);
    if (status == LK_OK && there && !r->options->force)
        status = refuse_there(r, err);
    if (status == LK_OK && r->options->dry_run)
        return say_replaced(r, err);
    if (status != LK_OK)
        return status;
    r->source_bytes = estimate(r);
    if (there)
        return replace_tables(r, err);
    tell_start(r);
    /* A table that appears meanwhile is in no backup, and not replaced. */
    return lk_restore_into(r->which.backup, &r->file_options, r->path, false, &r->made, err);
}

/* ---- The result */

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* NULL-terminated. Sentences are made safe as messages are: what is safe already stays as it is. */
static const char *const *sentences(struct lk_arena *a, const struct lk_manifest_texts *from)
{
    const char **out = lk_arena_take(a, from->count + 1, sizeof *out);
    for (size_t i = 0; out != NULL && i < from->count; i++) {
        struct lk_error safe = {0};
        (void)lk_fail(&safe, LK_OK, "%s", from->text[i]);
        out[i] = lk_arena_copy(a, safe.message);
    }
    return out;
}

static bool is_there(const struct restore *r, const char *name)
{
    for (size_t i = 0; i < r->plan.tables; i++)
        if (r->plan.table[i].replaced && strcmp(r->plan.table[i].name, name) == 0)
            return true;
    return false;
}

static enum lk_status fill(const struct restore *r, struct restore_result *out, struct lk_error *err)
{
    struct lk_arena *a = &out->arena;
    struct litekeep_restored *d = &out->restored;
    const struct lk_restore_file_result *made = r->options->dry_run ? &r->plan : &r->made;
    d->status = made->left_out.count > 0 ? LK_UNREADABLE : LK_OK;
    d->database = lk_arena_copy(a, r->which.database->folder);
    d->id = lk_arena_copy(a, r->which.list.entry[r->which.index].id);
    d->path = lk_arena_shown_string(a, r->path);
    d->from = made->from;
    d->previous = lk_arena_copy(a, r->previous);
    d->rows = made->rows;
    d->bytes = r->options->dry_run ? 0 : file_bytes(r->path);
    d->typed = made->typed;
    d->table = lk_arena_take(a, made->tables + 1, sizeof *d->table);
    for (size_t i = 0; d->table != NULL && i < made->tables; i++) {
        const struct lk_restore_file_table *t = &made->table[i];
        if (t->left_out)
            continue;
        d->table[d->tables++] = (struct litekeep_restored_table){
            .name = lk_arena_shown_string(a, t->name),
            .rows = t->rows,
            .from = t->from,
            .replaced = is_there(r, t->name),
        };
    }
    d->notes = sentences(a, &made->notes);
    d->left_out = sentences(a, &made->left_out);
    return lk_arena_check(a, err);
}

enum lk_status litekeep_restore(struct litekeep *lk, const struct litekeep_restore_options *options,
                                struct litekeep_restored **out, struct lk_error *err)
{
    struct restore r = {.lk = lk, .options = options, .which = {.dir = LK_DIR_CLOSED}};
    struct restore_result *result = NULL;
    const int64_t started = lk_clock_monotonic();
    enum lk_status status = check_options(options, err);
    if (status != LK_OK)
        return status;
    status = lk_which_open(lk, options->what, &r.which, err);
    if (status != LK_OK)
        return status;
    r.file_options = (struct lk_restore_file_options){
        .from = options->from,
        .tables = options->tables,
        .secret = lk->store->secret,
        .jobs = options->jobs,
        .check_full = options->check_full,
        .on_rows = on_rows,
        .on_locked = check_unchanged,
        .context = &r,
    };
    status = options->to != NULL ? to_file(&r, err) : into_database(&r, err);
    /* Rows that were put into a database replace no file. */
    if (status == LK_OK && options->to != NULL && !options->dry_run)
        note_restore(&r);
    if (status == LK_OK) {
        result = lk_allocate_zeroed(1, sizeof *result);
        status = result == NULL ? lk_fail_memory(err, "restoring") : fill(&r, result, err);
    }
    if (status == LK_OK) {
        result->restored.duration = lk_clock_monotonic() - started;
        *out = &result->restored;
    } else {
        status = lk_which_explain(&r.which, status, err);
        if (result != NULL)
            litekeep_restored_free(&result->restored);
    }
    lk_restore_target_free(r.target);
    lk_restore_file_result_reset(&r.plan);
    lk_restore_file_result_reset(&r.made);
    lk_free(r.previous);
    lk_free(r.path);
    lk_which_close(&r.which);
    return status;
}

void litekeep_restored_free(struct litekeep_restored *restored)
{
    struct restore_result *result = (struct restore_result *)restored; /* its first member */
    if (result == NULL)
        return;
    lk_arena_free(&result->arena);
    lk_free(result);
}
