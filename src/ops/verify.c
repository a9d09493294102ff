/* verify: which backups, and what came of it. The work is in verify_*.c. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ops/arena.h"
#include "ops/verify_backup.h"
#include "ops/verify_restore.h"
#include "ops/verify_table.h"
#include "ops/which.h"

/* More would want more memory than they are worth: a worker takes up to some 60 MiB. */
#define WORKERS_LIMIT 16u
/* Backups that are open at once, for each worker. */
#define OPEN_EACH 2u

/* A database and which of its backups were asked for. */
struct choice {
    struct lk_verify_database *database;
    struct lk_backup_list list;
    bool *wanted;  /* one a backup */
    char *problem; /* its folder cannot be read */
};

struct choices {
    size_t count;
    struct choice *choice;
};

static void free_database(struct lk_verify_database *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->backups; i++) {
        lk_verify_damages_reset(&db->backup[i].damages);
        pthread_mutex_destroy(&db->backup[i].lock);
        lk_free(db->backup[i].id);
    }
    for (size_t i = 0; i < db->ids; i++)
        lk_free(db->id[i]);
    lk_verify_shared_free(db);
    pthread_mutex_destroy(&db->lock);
    lk_free(db->backup);
    lk_free(db->id);
    lk_free(db->folder);
    lk_free(db);
}

static void free_choices(struct choices *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free_database(all->choice[i].database);
        lk_backup_list_reset(&all->choice[i].list);
        lk_free(all->choice[i].wanted);
        lk_free(all->choice[i].problem);
    }
    lk_free(all->choice);
}

/* Its backups; and lines of the journal that say nothing are worth a note. */
static enum lk_status read_list(struct lk_verify_run *run, struct choice *c, struct lk_error *err)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_journal journal = {0};
    enum lk_status status = lk_database_open(run->lk->store, c->database->folder, &folder, err);
    if (status == LK_OK)
        status = lk_catalog_list(&folder, &c->list, &journal, err);
    lk_dir_close(&folder);
    if (status == LK_OK && journal.skipped.count > 0)
        lk_verify_run_note(run, "%s: %zu line%s of its journal cannot be read", c->database->folder,
                           journal.skipped.count, journal.skipped.count == 1 ? "" : "s");
    lk_journal_reset(&journal);
    if (status != LK_OK)
        return status;
    c->wanted = lk_allocate_zeroed(c->list.count, sizeof *c->wanted);
    return c->wanted == NULL ? lk_fail_memory(err, "listing backups") : LK_OK;
}

/* The choice of a database, made where it is new. */
static enum lk_status choose_database(struct lk_verify_run *run, struct choices *all, const char *folder,
                                      struct choice **out, struct lk_error *err)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->choice[i].database->folder, folder) == 0) {
            *out = &all->choice[i];
            return LK_OK;
        }
    }
    struct choice *grown = lk_reallocate(all->choice, (all->count + 1) * sizeof *grown);
    if (grown == NULL)
        return lk_fail_memory(err, "listing backups");
    all->choice = grown;
    struct choice *c = &all->choice[all->count];
    *c = (struct choice){.database = lk_allocate_zeroed(1, sizeof *c->database)};
    if (c->database == NULL)
        return lk_fail_memory(err, "listing backups");
    all->count++;
    c->database->run = run;
    (void)pthread_mutex_init(&c->database->lock, NULL);
    c->database->folder = lk_copy_string(folder);
    if (c->database->folder == NULL)
        return lk_fail_memory(err, "listing backups");
    const enum lk_status status = read_list(run, c, err);
    if (status == LK_DAMAGED) {
        /* One database that cannot be listed does not keep the others from being checked. */
        c->problem = lk_copy_string(err->message);
        *err = (struct lk_error){0};
        if (c->problem == NULL)
            return lk_fail_memory(err, "listing backups");
    } else if (status != LK_OK) {
        return status;
    }
    *out = c;
    return LK_OK;
}

static void want_all(struct choice *c)
{
    for (size_t i = 0; c->wanted != NULL && i < c->list.count; i++)
        c->wanted[i] = true;
}

static enum lk_status choose_named(struct lk_verify_run *run, struct choices *all, const char *what,
                                   struct lk_error *err)
{
    struct lk_database *db = NULL;
    struct choice *c = NULL;
    const char *when;
    size_t index;
    enum lk_status status = lk_which_database(run->lk, what, &db, &when, err);
    if (status == LK_OK)
        status = choose_database(run, all, db->folder, &c, err);
    if (status != LK_OK || c->wanted == NULL) { /* a folder that cannot be listed is told of later */
        lk_database_free(db);
        return status;
    }
    if (c->list.count == 0)
        status = lk_fail(err, LK_NOT_FOUND, "%s has no backups", db->folder);
    else if (when == NULL)
        want_all(c);
    else if ((status = lk_catalog_resolve(&c->list, when, lk_clock_now(), &index, err)) == LK_OK)
        c->wanted[index] = true;
    lk_database_free(db);
    return status;
}

static int compare_choices(const void *a, const void *b)
{
    return strcmp(((const struct choice *)a)->database->folder, ((const struct choice *)b)->database->folder);
}

static enum lk_status choose(struct lk_verify_run *run, struct choices *all, struct lk_error *err)
{
    const char *const *what = run->options->what;
    struct lk_database_list list = {0};
    enum lk_status status = LK_OK;
    for (; what != NULL && *what != NULL && status == LK_OK; what++)
        status = choose_named(run, all, *what, err);
    if (run->options->what == NULL || run->options->what[0] == NULL)
        status = lk_database_list_all(run->lk->store, lk_session_warn(run->lk), &list, err);
    for (size_t i = 0; status == LK_OK && i < list.count; i++) {
        struct choice *c;
        status = choose_database(run, all, list.database[i]->folder, &c, err);
        if (status == LK_OK)
            want_all(c);
    }
    lk_database_list_free(&list);
    if (all->count > 1)
        qsort(all->choice, all->count, sizeof *all->choice, compare_choices);
    return status;
}

/* The backups of a database that will be checked. The list is no longer needed. *last: where the chain of
 * those to be told of goes on. */
static enum lk_status prepare(struct choice *c, struct lk_verify_backup ***last, struct lk_error *err)
{
    struct lk_verify_database *db = c->database;
    uint64_t legacy = 0;
    db->backup = lk_allocate_zeroed(c->list.count, sizeof *db->backup);
    db->id = lk_allocate_zeroed(c->list.count, sizeof(char *));
    if (db->backup == NULL || db->id == NULL)
        return lk_fail_memory(err, "listing backups");
    for (size_t i = 0; i < c->list.count; i++) {
        const struct lk_backup_entry *e = &c->list.entry[i];
        db->id[db->ids] = lk_copy_string(e->id);
        if (db->id[db->ids] == NULL)
            return lk_fail_memory(err, "listing backups");
        db->ids++;
        if (!c->wanted[i])
            continue;
        struct lk_verify_backup *b = &db->backup[db->backups];
        b->id = lk_copy_string(e->id);
        if (b->id == NULL)
            return lk_fail_memory(err, "listing backups");
        b->database = db;
        **last = b;
        *last = &b->after;
        b->legacy = e->kind == LK_BACKUP_LEGACY;
        b->expected_bytes = e->bytes;
        (void)pthread_mutex_init(&b->lock, NULL);
        db->run->total_bytes += e->bytes;
        legacy += b->legacy;
        db->backups++;
    }
    lk_backup_list_reset(&c->list);
    atomic_init(&db->under_way, db->backups);
    if (legacy > 0)
        lk_verify_run_note(db->run,
                           "%s: %" PRIu64 " backup%s of the original script without a manifest: checked was "
                           "only that every file can be read",
                           db->folder, legacy, legacy == 1 ? "" : "s");
    return LK_OK;
}

static void free_scratch(struct lk_verify_run *run)
{
    for (unsigned i = 0; run->scratch != NULL && i < run->workers; i++) {
        lk_parquet_decoder_free(run->scratch[i].decoder);
        lk_hasher_free(run->scratch[i].hasher);
        lk_sha256_free(run->scratch[i].sha256);
        lk_batch_free(run->scratch[i].batch);
        lk_free(run->scratch[i].chunk);
    }
    lk_free(run->scratch);
    run->scratch = NULL;
}

/* Feed the pool, and wait until all is done. */
static void work(struct lk_verify_run *run, const struct choices *all)
{
    const size_t most = (size_t)run->workers * OPEN_EACH;
    for (size_t i = 0; i < all->count; i++) {
        struct lk_verify_database *db = all->choice[i].database;
        for (size_t k = 0; k < db->backups; k++) {
            pthread_mutex_lock(&run->lock);
            while (run->under_way >= most)
                (void)pthread_cond_wait(&run->changed, &run->lock);
            run->under_way++;
            pthread_mutex_unlock(&run->lock);
            lk_verify_backup_submit(&db->backup[k]);
        }
    }
    pthread_mutex_lock(&run->lock);
    while (run->under_way > 0)
        (void)pthread_cond_wait(&run->changed, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

static enum lk_status check(struct lk_verify_run *run, struct choices *all, struct lk_error *err)
{
    run->workers = run->options->jobs != 0 ? run->options->jobs : lk_processors();
    if (run->options->jobs == 0 && run->workers > WORKERS_LIMIT)
        run->workers = WORKERS_LIMIT;
    run->scratch = lk_allocate_zeroed(run->workers, sizeof *run->scratch);
    enum lk_status status = run->scratch == NULL ? lk_fail_memory(err, "starting") : LK_OK;
    if (status == LK_OK)
        status = lk_pool_new(run->workers, &run->pool, err);
    if (status != LK_OK)
        return status;
    work(run, all);
    lk_pool_free(run->pool);
    run->pool = NULL;
    free_scratch(run);
    if (run->options->restore) {
        struct lk_verify_database **list = lk_allocate(all->count * sizeof(struct lk_verify_database *));
        if (list == NULL)
            return lk_fail_memory(err, "rebuilding databases");
        for (size_t i = 0; i < all->count; i++)
            list[i] = all->choice[i].database;
        lk_verify_restore(run, list, all->count);
        lk_free(list);
    }
    if (run->failure.status != LK_OK) {
        *err = run->failure;
        return err->status;
    }
    return lk_verify_run_stopped(run)
               ? lk_fail(err, LK_INTERRUPTED, "interrupted: what was checked to its end is noted")
               : LK_OK;
}

/* ---- The result ---- */

struct verified_result {
    struct litekeep_verified verified;
    struct lk_arena arena;
};

static void fill_damages(struct verified_result *r, const struct choices *all)
{
    struct litekeep_verified *v = &r->verified;
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        count += all->choice[i].problem != NULL;
        for (size_t k = 0; k < all->choice[i].database->backups; k++)
            count += all->choice[i].database->backup[k].damages.count;
    }
    v->damage = lk_arena_take(&r->arena, count + 1, sizeof *v->damage);
    if (v->damage == NULL)
        return;
    for (size_t i = 0; i < all->count; i++) {
        const struct lk_verify_database *db = all->choice[i].database;
        const char *folder = lk_arena_copy(&r->arena, db->folder);
        if (all->choice[i].problem != NULL)
            v->damage[v->damages++] = (struct litekeep_damage){
                .database = folder, .message = lk_arena_copy(&r->arena, all->choice[i].problem)};
        for (size_t k = 0; k < db->backups; k++) {
            const struct lk_verify_damages *from = &db->backup[k].damages;
            const char *id = from->count == 0 ? NULL : lk_arena_copy(&r->arena, db->backup[k].id);
            for (size_t n = 0; n < from->count; n++)
                v->damage[v->damages++] = (struct litekeep_damage){
                    .database = folder,
                    .id = id,
                    .table = lk_arena_copy(&r->arena, from->damage[n].table),
                    .part = from->damage[n].part,
                    .file = lk_arena_copy(&r->arena, from->damage[n].file),
                    .message = lk_arena_copy(&r->arena, from->damage[n].message),
                    .restorable = from->damage[n].restorable,
                };
        }
    }
}

static enum lk_status fill(struct verified_result *r, struct lk_verify_run *run, const struct choices *all,
                           int64_t started, struct lk_error *err)
{
    struct litekeep_verified *v = &r->verified;
    if (run->not_noted > 0)
        lk_verify_run_note(run, "the result could not be noted in the journal of %" PRIu64 " database%s: %s",
                           run->not_noted, run->not_noted == 1 ? "" : "s",
                           run->why_not_noted == NULL ? "out of memory" : run->why_not_noted);
    *v = (struct litekeep_verified){
        .status = run->status,
        .backups = run->backups,
        .damaged_backups = run->damaged_backups,
        .files = run->files,
        .bytes = run->bytes,
        .rows = run->rows,
        .restored = run->restored,
        .duration = lk_clock_monotonic() - started,
    };
    fill_damages(r, all);
    const char **notes = lk_arena_take(&r->arena, run->notes.count + 1, sizeof *notes);
    for (size_t i = 0; notes != NULL && i < run->notes.count; i++)
        notes[i] = lk_arena_copy(&r->arena, run->notes.text[i]);
    v->notes = notes;
    return lk_arena_check(&r->arena, err);
}

/* Databases that cannot be listed are damage as well. */
static void tell_problems(struct lk_verify_run *run, const struct choices *all)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->choice[i].problem == NULL)
            continue;
        run->status = litekeep_worse(run->status, LK_DAMAGED);
        lk_session_emit(run->lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_PROBLEM,
                                                          .status = LK_DAMAGED,
                                                          .database = all->choice[i].database->folder,
                                                          .message = all->choice[i].problem});
    }
}

static void free_run(struct lk_verify_run *run)
{
    for (size_t i = 0; i < run->notes.count; i++)
        lk_free(run->notes.text[i]);
    lk_free(run->notes.text);
    lk_free(run->why_not_noted);
    lk_pool_free(run->pool);
    free_scratch(run);
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->huge);
    pthread_mutex_destroy(&run->tell_lock);
    pthread_mutex_destroy(&run->lock);
}

enum lk_status litekeep_verify(struct litekeep *lk, const struct litekeep_verify_options *options,
                               struct litekeep_verified **out, struct lk_error *err)
{
    struct lk_verify_run run = {.lk = lk, .options = options};
    struct choices all = {0};
    struct verified_result *result = NULL;
    const int64_t started = lk_clock_monotonic();
    const bool whole = options->subset == 0 && options->subsets == 0;
    if (!whole && (options->subset == 0 || options->subset > options->subsets))
        return lk_fail(err, LK_USAGE, "there is no subset %u of %u", options->subset, options->subsets);
    pthread_mutex_init(&run.huge, NULL);
    struct lk_verify_backup **last = &run.to_tell;
    pthread_mutex_init(&run.lock, NULL);
    pthread_mutex_init(&run.tell_lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    enum lk_status status = lk_session_store(lk, false, err);
    if (status == LK_OK)
        status = choose(&run, &all, err);
    for (size_t i = 0; status == LK_OK && i < all.count; i++)
        status = prepare(&all.choice[i], &last, err);
    if (status == LK_OK) {
        lk_session_emit(lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_DISCOVERED,
                                                     .databases = all.count,
                                                     .source_bytes = run.total_bytes});
        tell_problems(&run, &all);
        status = check(&run, &all, err);
    }
    if (status == LK_OK && (result = lk_allocate_zeroed(1, sizeof *result)) == NULL)
        status = lk_fail_memory(err, "gathering the answer");
    if (status == LK_OK)
        status = fill(result, &run, &all, started, err);
    free_choices(&all);
    free_run(&run);
    if (status == LK_OK)
        *out = &result->verified;
    else if (result != NULL)
        litekeep_verified_free(&result->verified);
    return status;
}

void litekeep_verified_free(struct litekeep_verified *verified)
{
    struct verified_result *r = (struct verified_result *)verified; /* its first member */
    if (r == NULL)
        return;
    lk_arena_free(&r->arena);
    lk_free(r);
}
