/* The loadable extension: backups in any program that uses SQLite.
 *
 *     SELECT load_extension('/usr/lib/.../litekeep/litekeep_ext');
 *     SELECT litekeep_attach('posts@7d', 'old');          all tables of a backup, as old.<table>; how many
 *     CREATE VIRTUAL TABLE temp.p USING litekeep('posts@latest', 'post');       one table
 *
 * Both take the store as a last argument; else it is LITEKEEP_STORE or the default. What DB@WHEN means is
 * found out once a connection.
 *
 * SQLite is reached through the host's table of functions only: the host's need not be the one that litekeep
 * was built with. */
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include "base/memory.h"
#include "ops/backup_rows.h"
#include "sqlite/vtab.h"

#define OLDEST 3038000 /* sqlite3_vtab_in */

int sqlite3_litekeepext_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

static enum lk_status open_table(void *context, size_t arguments, const char *const *argument,
                                 struct lk_rows **out, struct lk_error *err)
{
    struct lk_backup_rows *rows = context;
    const struct lk_backup *backup = NULL;
    if (arguments < 2 || arguments > 3)
        return lk_fail(err, LK_USAGE,
                       "litekeep needs a backup and a table: litekeep('DB@WHEN', 'TABLE' [, 'STORE'])");
    const enum lk_status status =
        lk_backup_rows_open(rows, argument[0], arguments > 2 ? argument[2] : NULL, &backup, err);
    if (status != LK_OK)
        return status;
    const struct lk_manifest_table *table = lk_manifest_find_table(backup->manifest, argument[1]);
    if (table == NULL)
        return lk_fail(err, LK_NOT_FOUND, "backup %s has no table \"%s\"", backup->manifest->id, argument[1]);
    return lk_backup_rows_table(rows, backup, table, out, err);
}

static void free_rows(void *context)
{
    lk_backup_rows_free(context);
}

/* Run formatted SQL, which is freed. SQLite's result code. */
static int run(sqlite3 *db, char *sql)
{
    const int rc = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc;
}

struct attachment {
    sqlite3 *db;
    const char *what, *name, *store; /* store NULL: not named */
};

/* Names that SQLite keeps for itself cannot be made here: sqlite_sequence, sqlite_stat1. */
static bool is_reserved(const char *name)
{
    return sqlite3_strnicmp(name, "sqlite_", 7) == 0;
}

static int add_table(const struct attachment *a, const char *table)
{
    if (a->store == NULL)
        return run(a->db, sqlite3_mprintf("CREATE VIRTUAL TABLE \"%w\".\"%w\" USING litekeep(%Q, %Q)",
                                          a->name, table, a->what, table));
    return run(a->db, sqlite3_mprintf("CREATE VIRTUAL TABLE \"%w\".\"%w\" USING litekeep(%Q, %Q, %Q)",
                                      a->name, table, a->what, table, a->store));
}

static void add_views(const struct attachment *a, const struct lk_manifest *m)
{
    /* SQLite keeps the text of a view from its name on, so that the schema can be put before it. */
    static const char create[] = "CREATE VIEW ";
    for (size_t i = 0; i < m->schema_rows; i++) {
        const struct lk_manifest_schema_row *row = &m->schema_row[i];
        sqlite3_stmt *statement = NULL;
        if (row->type.ptr == NULL || strcmp(row->type.ptr, "view") != 0 || row->sql.ptr == NULL ||
            sqlite3_strnicmp(row->sql.ptr, create, (int)sizeof create - 1) != 0)
            continue;
        char *sql = sqlite3_mprintf("%s\"%w\".%s", create, a->name, row->sql.ptr + sizeof create - 1);
        /* One statement; a view that cannot be made here is missed when it is used. */
        if (sql != NULL && sqlite3_prepare_v2(a->db, sql, -1, &statement, NULL) == SQLITE_OK)
            (void)sqlite3_step(statement);
        (void)sqlite3_finalize(statement);
        sqlite3_free(sql);
    }
}

/* litekeep_attach(DB@WHEN, NAME [, STORE]) */
static void attach(sqlite3_context *context, int count, sqlite3_value **value)
{
    struct lk_backup_rows *rows = sqlite3_user_data(context);
    const struct attachment a = {
        .db = sqlite3_context_db_handle(context),
        .what = (const char *)sqlite3_value_text(value[0]),
        .name = (const char *)sqlite3_value_text(value[1]),
        .store = count > 2 ? (const char *)sqlite3_value_text(value[2]) : NULL,
    };
    struct lk_error err = {0};
    const struct lk_backup *backup = NULL;
    if (a.what == NULL || a.name == NULL) {
        sqlite3_result_error(
            context,
            "litekeep_attach needs a backup and a name: litekeep_attach('DB@WHEN', 'NAME' [, 'STORE'])", -1);
        return;
    }
    if (lk_backup_rows_open(rows, a.what, a.store, &backup, &err) != LK_OK) {
        sqlite3_result_error(context, err.message, -1);
        return;
    }
    const struct lk_manifest *m = backup->manifest;
    int64_t made = 0;
    int rc = run(a.db, sqlite3_mprintf("ATTACH ':memory:' AS \"%w\"", a.name));
    const bool attached = rc == SQLITE_OK;
    for (size_t i = 0; i < m->tables && rc == SQLITE_OK; i++) {
        if (is_reserved(m->table[i]->name))
            continue;
        rc = add_table(&a, m->table[i]->name);
        made++;
    }
    if (rc == SQLITE_OK) {
        add_views(&a, m);
        sqlite3_result_int64(context, made);
        return;
    }
    sqlite3_result_error(context, sqlite3_errmsg(a.db), -1);
    if (attached)
        (void)run(a.db, sqlite3_mprintf("DETACH \"%w\"", a.name));
}

#pragma GCC visibility push(default)
int sqlite3_litekeepext_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    struct lk_backup_rows *rows = NULL;
    struct lk_error err = {0};
    if (sqlite3_libversion_number() < OLDEST) {
        *message = sqlite3_mprintf("litekeep needs SQLite 3.38 or newer; this is %s", sqlite3_libversion());
        return SQLITE_ERROR;
    }
    if (lk_backup_rows_new(NULL, &rows, &err) != LK_OK) {
        *message = sqlite3_mprintf("%s", err.message);
        return SQLITE_NOMEM;
    }
    const struct lk_vtab_opener opener = {.open = open_table, .free = free_rows, .context = rows};
    int rc = lk_vtab_register(db, "litekeep", &opener);
    for (int arguments = 2; arguments <= 3 && rc == SQLITE_OK; arguments++)
        rc = sqlite3_create_function_v2(db, "litekeep_attach", arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                        rows, attach, NULL, NULL, NULL);
    return rc;
}
#pragma GCC visibility pop
