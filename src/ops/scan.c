/* The scan command: which databases are there, and what threatens them. */
#include <stdlib.h>

#include "base/memory.h"
#include "host/git.h"
#include "ops/arena.h"
#include "ops/discover_known.h"
#include "ops/guard_advice.h"
#include "sqlite/mount.h"
#include "store/catalog.h"

struct scan_result {
    struct litekeep_scan scan;
    struct lk_arena arena;
};

/* What the store has of this file. */
static enum lk_status fill_history(struct lk_arena *a, const struct lk_store *store, const char *path,
                                   struct litekeep_found *out, struct lk_error *err)
{
    struct lk_database *db = NULL;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_backup_list list = {0};
    char *identity = NULL;
    struct lk_error none = {0};
    enum lk_status status = lk_mount_identify(path, &identity, &none);
    if (status == LK_OK)
        status = lk_database_find(store, identity, &db, &none);
    if (status == LK_OK)
        status = lk_database_open(store, db->folder, &dir, &none);
    if (status == LK_OK)
        status = lk_catalog_list(&dir, &list, NULL, &none);
    if (status == LK_OK && list.count > 0) {
        const struct lk_backup_entry *e = &list.entry[list.count - 1];
        out->database = lk_arena_copy(a, db->folder);
        out->last_backup = lk_arena_copy(a, e->id);
        out->last_finished = e->finished;
    }
    lk_backup_list_reset(&list);
    lk_dir_close(&dir);
    lk_database_free(db);
    lk_free(identity);
    /* A file that is gone, or was never backed up, has no history; that is no failure. */
    if (status == LK_OK || status == LK_NOT_FOUND || status == LK_UNREADABLE)
        return LK_OK;
    *err = none;
    return status;
}

static enum lk_status fill_threats(struct lk_arena *a, const struct lk_found *found,
                                   struct litekeep_found *out, struct lk_error *err)
{
    enum { OWN = 2 };
    struct lk_guard_advice advice;
    size_t count = 0;
    const enum lk_status status = lk_guard_advice_of(a, found->path, &advice, err);
    const char **threats = lk_arena_take(a, OWN + LK_GUARD_ADVICE_MOST + 1, sizeof *threats);
    const char **remedies = lk_arena_take(a, LK_GUARD_ADVICE_MOST + 1, sizeof *remedies);
    if (status != LK_OK || threats == NULL || remedies == NULL)
        return status;
    for (size_t i = 0; i < advice.threats; i++)
        threats[count++] = advice.threat[i];
    if (found->twins > 0)
        threats[count++] =
            lk_arena_format(a, "%zu other name%s for the same file: a change through one is a change of all",
                            found->twins, found->twins == 1 ? " is a hard link" : "s are hard links");
    if (found->empty && found->has_wal && found->wal_bytes > 0)
        threats[count++] = "0 bytes long with a -wal beside it: something cut it off";
    for (size_t i = 0; i < advice.remedies; i++)
        remedies[i] = advice.remedy[i];
    out->threats = threats;
    out->remedies = remedies;
    out->repository = advice.repository;
    out->git_tracked = advice.tracked;
    out->git_unsafe = advice.unsafe;
    out->git_unknown = advice.unknown;
    return LK_OK;
}

static enum lk_status fill_found(struct lk_arena *a, const struct lk_store *store,
                                 const struct lk_found *found, struct litekeep_found *out,
                                 struct lk_error *err)
{
    out->path = lk_arena_shown_string(a, found->path);
    out->file = lk_arena_copy(a, found->path);
    out->bytes = found->bytes;
    out->wal_bytes = found->wal_bytes;
    out->journal_mode = found->empty ? "" : found->header.wal ? "wal" : "rollback";
    out->page_size = found->header.page_size;
    out->modified = found->mtime;
    enum lk_status status = store == NULL ? LK_OK : fill_history(a, store, found->path, out, err);
    if (status == LK_OK)
        status = fill_threats(a, found, out, err);
    return status;
}

static int by_path(const void *a, const void *b)
{
    const struct litekeep_found *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static enum lk_status fill(struct scan_result *r, const struct lk_store *store, const struct lk_discovery *d,
                           struct lk_error *err)
{
    static const char *const none[] = {NULL};
    enum lk_status status = LK_OK;
    r->scan.found = lk_arena_take(&r->arena, d->found_count + d->problem_count + 1, sizeof *r->scan.found);
    for (size_t i = 0; status == LK_OK && !r->arena.failed && i < d->found_count; i++)
        status = fill_found(&r->arena, store, &d->found[i], &r->scan.found[r->scan.count++], err);
    for (size_t i = 0; status == LK_OK && !r->arena.failed && i < d->problem_count; i++) {
        struct litekeep_found *out = &r->scan.found[r->scan.count++];
        out->path = lk_arena_shown_string(&r->arena, d->problem[i].path);
        out->problem = lk_arena_shown_string(&r->arena, d->problem[i].reason);
        out->bytes = d->problem[i].bytes;
        out->modified = d->problem[i].mtime;
        out->journal_mode = "";
        out->threats = none;
        r->scan.status = LK_UNREADABLE;
    }
    if (status == LK_OK)
        status = lk_arena_check(&r->arena, err);
    if (status == LK_OK)
        qsort(r->scan.found, r->scan.count, sizeof *r->scan.found, by_path);
    return status;
}

enum lk_status litekeep_scan(struct litekeep *lk, const struct litekeep_scan_options *options,
                             struct litekeep_scan **out, struct lk_error *err)
{
    struct lk_discovery *d = NULL;
    struct scan_result *r = NULL;
    struct lk_error none = {0};
    enum lk_status status = lk_session_store(lk, false, &none);
    if (status == LK_NOT_FOUND)
        status = LK_OK; /* nothing was ever backed up */
    else if (status != LK_OK)
        *err = none;
    if (status == LK_OK)
        status = lk_discover_known(lk, options->paths, options->include, options->exclude, &d, err);
    if (status == LK_OK && (r = lk_allocate_zeroed(1, sizeof *r)) == NULL)
        status = lk_fail_memory(err, "scanning");
    lk_git_start();
    if (status == LK_OK)
        status = fill(r, lk->store, d, err);
    lk_git_end();
    lk_discover_free(d);
    if (status == LK_OK)
        *out = &r->scan;
    else if (r != NULL)
        litekeep_scan_free(&r->scan);
    return status;
}

void litekeep_scan_free(struct litekeep_scan *scan)
{
    struct scan_result *r = (struct scan_result *)scan; /* its first member */
    if (r == NULL)
        return;
    lk_arena_free(&r->arena);
    lk_free(r);
}
