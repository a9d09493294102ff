/* A backup of a database, made by the library into a store in the test's folder, and opened. */
#ifndef LK_TESTS_BACKUP_FIXTURE_H
#define LK_TESTS_BACKUP_FIXTURE_H

#include "database.h"

#include "ops/session.h"
#include "store/catalog.h"

struct backup_fixture {
    struct lk_dir scratch;
    struct litekeep *lk;
    struct lk_dir dir; /* the database's folder in the store */
    struct lk_backup *backup;
    struct lk_error err;
};

/* Back up `path`, a database of this process' making; only `tables` of it where that is not NULL. */
static inline void backup_fixture_take(struct backup_fixture *f, const char *path, const char *const *tables)
{
    const char *const paths[] = {path, NULL};
    const struct litekeep_backup_options options = {.paths = paths, .tables = tables};
    struct litekeep_backup_summary summary = {0};
    struct lk_database_list databases = {0};
    struct lk_backup_list list = {0};
    struct lk_journal journal = {0};
    if (litekeep_backup(f->lk, &options, &summary, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
    assert_int_equal(lk_database_list_all(f->lk->store, (struct lk_warn){0}, &databases, &f->err), LK_OK);
    assert_int_equal(databases.count, 1);
    assert_int_equal(lk_database_open(f->lk->store, databases.database[0]->folder, &f->dir, &f->err), LK_OK);
    assert_int_equal(lk_catalog_list(&f->dir, &list, &journal, &f->err), LK_OK);
    if (lk_backup_open(&f->dir, list.entry[list.count - 1].id, &f->backup, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
    lk_backup_list_reset(&list);
    lk_journal_reset(&journal);
    lk_database_list_free(&databases);
}

static inline void backup_fixture_make(struct backup_fixture *f)
{
    *f = (struct backup_fixture){.scratch = LK_DIR_CLOSED, .dir = LK_DIR_CLOSED};
    assert_true(scratch_make(&f->scratch));
    const struct litekeep_options options = {
        .store = in_scratch(&f->scratch, "store"), .config = "", .init = true};
    assert_int_equal(litekeep_open(&options, &f->lk, &f->err), LK_OK);
}

static inline void backup_fixture_drop(struct backup_fixture *f)
{
    lk_backup_free(f->backup);
    f->backup = NULL;
    lk_dir_close(&f->dir);
}

static inline bool backup_fixture_remove(struct backup_fixture *f)
{
    backup_fixture_drop(f);
    litekeep_close(f->lk);
    return scratch_remove(&f->scratch);
}

#endif
