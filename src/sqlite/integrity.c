#include "sqlite/integrity.h"

#include "base/buffer.h"
#include "sqlite/connection.h"

#define STEPS_BETWEEN 100000 /* virtual machine steps between two looks at the interrupt flag */
#define MOST_LINES 1000      /* that SQLite is asked for */
#define MOST_BYTES 800       /* of what is wrong, in the message */

static int is_interrupted(void *context)
{
    const atomic_bool *const *interrupt = context;
    return atomic_load(*interrupt) ? 1 : 0;
}

/* As pragma.c of SQLite 3.40 writes them. */
static bool is_about_value(const char *line)
{
    static const char *const starts[] = {"NULL value in ", "CHECK constraint failed in ", "NUMERIC value in ",
                                         "TEXT value in "};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(line, starts[i], strlen(starts[i])) == 0)
            return true;
    return strncmp(line, "non-", 4) == 0 && strstr(line, " value in ") != NULL;
}

static bool ends_with(const char *line, const struct lk_schema_text *name)
{
    const size_t len = strlen(line);
    return name->ptr != NULL && name->len > 0 && len > name->len && line[len - name->len - 1] == ' ' &&
           memcmp(line + len - name->len, name->ptr, name->len) == 0;
}

/* A table that needs something unknown keeps the indexes of its keys, though they cannot be filled. */
static bool is_refused(const struct lk_structure *st, const struct lk_schema_row *row)
{
    bool refused = row->refused;
    for (size_t i = 0; !refused && row->tbl_name.ptr != NULL && i < st->rows; i++)
        refused = st->row[i].refused && st->row[i].name.ptr != NULL &&
                  sqlite3_stricmp(st->row[i].name.ptr, row->tbl_name.ptr) == 0;
    return refused;
}

static bool is_of_refused(const char *line, const struct lk_structure *st)
{
    for (size_t i = 0; i < st->rows; i++)
        if (ends_with(line, &st->row[i].name) && is_refused(st, &st->row[i]))
            return true;
    return false;
}

static int check(sqlite3 *db, const char *table, const struct lk_structure *st, struct lk_buffer *wrong,
                 uint64_t *values)
{
    sqlite3_stmt *statement = NULL;
    char *sql = table == NULL ? sqlite3_mprintf("PRAGMA main.integrity_check(%d)", MOST_LINES)
                              : sqlite3_mprintf("PRAGMA main.integrity_check(\"%w\")", table);
    if (sql == NULL)
        return SQLITE_NOMEM;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(statement, 0);
        rc = SQLITE_OK;
        if (line == NULL || strcmp(line, "ok") == 0 || is_of_refused(line, st))
            continue;
        if (is_about_value(line))
            ++*values;
        else if (wrong->len < MOST_BYTES)
            lk_buffer_append_format(wrong, "%s%.*s", wrong->len == 0 ? "" : "; ", MOST_BYTES, line);
    }
    const int done = sqlite3_finalize(statement);
    sqlite3_free(sql);
    return rc == SQLITE_DONE ? SQLITE_OK : done != SQLITE_OK ? done : rc;
}

enum lk_status lk_integrity_check(const char *path, const struct lk_integrity_options *o, uint64_t *values,
                                  struct lk_error *err)
{
    sqlite3 *db = NULL;
    struct lk_buffer wrong = {0};
    const atomic_bool *interrupt = o->interrupt;
    struct lk_patience patience = {.limit = INT64_C(5000000000), .interrupt = interrupt};
    enum lk_status status = LK_OK;
    int rc = lk_connection_open_trusted(path, o->alone ? LK_CONNECTION_IMMUTABLE : LK_CONNECTION_READ,
                                        &patience, &db);
    if (rc == SQLITE_OK && interrupt != NULL)
        sqlite3_progress_handler(db, STEPS_BETWEEN, is_interrupted, &interrupt);
    *values = 0;
    if (rc == SQLITE_OK && o->tables == NULL)
        rc = check(db, NULL, o->structure, &wrong, values);
    for (const char *const *table = o->tables; rc == SQLITE_OK && table != NULL && *table != NULL; table++)
        rc = check(db, *table, o->structure, &wrong, values);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_CORRUPT)
        status = lk_connection_fail(err, db, rc, path, "integrity_check");
    else if (rc != SQLITE_OK)
        status = lk_fail(err, LK_DAMAGED, "%s: integrity_check: %s", path, sqlite3_errmsg(db));
    if (status == LK_OK && wrong.len > 0) {
        const char *what = lk_buffer_string(&wrong);
        status = what == NULL ? lk_fail_memory(err, "integrity_check")
                              : lk_fail(err, LK_DAMAGED, "%s: integrity_check: %s", path, what);
    }
    if (status == LK_OK)
        status = lk_buffer_check(&wrong, "integrity_check", err);
    lk_buffer_reset(&wrong);
    (void)sqlite3_close_v2(db);
    return status;
}
