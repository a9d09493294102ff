#include "ops/backup_rows.h"

#include "base/memory.h"
#include "ops/stored_table.h"
#include "ops/which.h"

/* One backup that was named. */
struct named {
    struct named *next;
    char *what, *store;       /* store NULL: the session's */
    struct litekeep *session; /* owned; NULL: the one given to lk_backup_rows_new */
    struct lk_which which;
    bool open;
};

struct lk_backup_rows {
    struct litekeep *lk;
    struct named *named;
};

enum lk_status lk_backup_rows_new(struct litekeep *lk, struct lk_backup_rows **out, struct lk_error *err)
{
    struct lk_backup_rows *b = lk_allocate_zeroed(1, sizeof *b);
    if (b == NULL)
        return lk_fail_memory(err, "opening a backup");
    b->lk = lk;
    *out = b;
    return LK_OK;
}

static void free_named(struct named *n)
{
    if (n == NULL)
        return;
    if (n->open)
        lk_which_close(&n->which);
    litekeep_close(n->session);
    lk_free(n->what);
    lk_free(n->store);
    lk_free(n);
}

void lk_backup_rows_free(struct lk_backup_rows *b)
{
    if (b == NULL)
        return;
    while (b->named != NULL) {
        struct named *next = b->named->next;
        free_named(b->named);
        b->named = next;
    }
    lk_free(b);
}

static bool is_named(const struct named *n, const char *what, const char *store)
{
    return strcmp(n->what, what) == 0 && (store == NULL) == (n->store == NULL) &&
           (store == NULL || strcmp(store, n->store) == 0);
}

static enum lk_status open_named(struct lk_backup_rows *b, struct named *n, const char *what,
                                 const char *store, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    n->what = lk_copy_string(what);
    n->store = store == NULL ? NULL : lk_copy_string(store);
    if (n->what == NULL || (store != NULL && n->store == NULL))
        return lk_fail_memory(err, "opening a backup");
    if (store != NULL || b->lk == NULL) {
        const struct litekeep_options options = {.store = store};
        status = litekeep_open(&options, &n->session, err);
    }
    if (status == LK_OK)
        status = lk_which_open(n->session == NULL ? b->lk : n->session, what, &n->which, err);
    n->open = status == LK_OK;
    return status;
}

enum lk_status lk_backup_rows_open(struct lk_backup_rows *b, const char *what, const char *store,
                                   const struct lk_backup **out, struct lk_error *err)
{
    for (struct named *n = b->named; n != NULL; n = n->next) {
        if (is_named(n, what, store)) {
            *out = n->which.backup;
            return LK_OK;
        }
    }
    struct named *n = lk_allocate_zeroed(1, sizeof *n);
    if (n == NULL)
        return lk_fail_memory(err, "opening a backup");
    const enum lk_status status = open_named(b, n, what, store, err);
    if (status != LK_OK) {
        free_named(n);
        return status;
    }
    n->next = b->named;
    b->named = n;
    *out = n->which.backup;
    return LK_OK;
}

/* CREATE TABLE as in the database, or NULL. */
static const char *sql_of(const struct lk_manifest *m, const char *table)
{
    const size_t len = strlen(table);
    for (size_t i = 0; i < m->schema_rows; i++) {
        const struct lk_manifest_schema_row *row = &m->schema_row[i];
        if (row->type.ptr != NULL && strcmp(row->type.ptr, "table") == 0 && row->name.ptr != NULL &&
            row->name.len == len && memcmp(row->name.ptr, table, len) == 0)
            return row->sql.ptr;
    }
    return NULL;
}

static void note(void *context, const char *message)
{
    struct litekeep *lk = context;
    if (lk != NULL)
        lk_store_warn(lk_session_warn(lk), "%s", message);
}

enum lk_status lk_backup_rows_table(struct lk_backup_rows *b, const struct lk_backup *backup,
                                    const struct lk_manifest_table *table, struct lk_rows **out,
                                    struct lk_error *err)
{
    const struct lk_stored_options options = {.from = LK_STORED_ANY, .on_note = note, .context = b->lk};
    struct lk_stored_table *stored = NULL;
    enum lk_status status = lk_stored_table_open(backup, table, &options, &stored, err);
    if (status == LK_OK)
        status = lk_stored_table_as_rows(stored, sql_of(backup->manifest, table->name), out, err);
    for (const struct named *n = b->named; n != NULL && status != LK_OK; n = n->next) {
        if (n->which.backup == backup)
            status = lk_which_explain(&n->which, status, err);
    }
    if (status != LK_OK)
        lk_stored_table_free(stored);
    return status;
}
