#include "ops/diff_scratch.h"

static enum lk_status fail(sqlite3 *db, struct lk_error *err)
{
    const int rc = db == NULL ? SQLITE_NOMEM : sqlite3_errcode(db);
    if (rc == SQLITE_NOMEM)
        return lk_fail_memory(err, "comparing rows");
    if (rc == SQLITE_TOOBIG)
        return lk_fail(err, LK_FAILED, "a row is too large to be kept while rows are compared");
    return lk_fail(err, LK_FAILED,
                   "the temporary database in which rows are compared: %s; TMPDIR names the folder for it",
                   sqlite3_errmsg(db));
}

enum lk_status lk_diff_scratch_open(const char *sql, sqlite3 **out, struct lk_error *err)
{
    sqlite3 *db = NULL;
    /* An empty name: a private file, which SQLite writes only when its cache (16 MiB) is full. Nobody needs
     * it after a crash: no journal, no fsync. */
    int rc = sqlite3_open_v2("", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db,
                          "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384; "
                          "PRAGMA temp_store = FILE; BEGIN",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        *out = db;
        return LK_OK;
    }
    const enum lk_status status = fail(db, err);
    (void)sqlite3_close(db);
    return status;
}

void lk_diff_scratch_close(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    if (db == NULL)
        return;
    while ((statement = sqlite3_next_stmt(db, NULL)) != NULL)
        (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
}

enum lk_status lk_diff_scratch_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct lk_error *err)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK ? LK_OK
                                                                                              : fail(db, err);
}

enum lk_status lk_diff_scratch_bind(sqlite3_stmt *statement, int index, struct lk_bytes bytes,
                                    struct lk_error *err)
{
    const void *ptr = bytes.ptr == NULL ? (const void *)"" : bytes.ptr;
    const int rc = sqlite3_bind_blob64(statement, index, ptr, bytes.len, SQLITE_STATIC);
    return rc == SQLITE_OK ? LK_OK : fail(sqlite3_db_handle(statement), err);
}

enum lk_status lk_diff_scratch_step(sqlite3_stmt *statement, bool *row, struct lk_error *err)
{
    const int rc = sqlite3_step(statement);
    if (row != NULL)
        *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return LK_OK;
    if (rc == SQLITE_DONE) {
        (void)sqlite3_reset(statement);
        return LK_OK;
    }
    const enum lk_status status = fail(sqlite3_db_handle(statement), err);
    (void)sqlite3_reset(statement);
    return status;
}

struct lk_bytes lk_diff_scratch_column(sqlite3_stmt *statement, int column)
{
    const void *ptr = sqlite3_column_blob(statement, column);
    return lk_bytes(ptr, (size_t)sqlite3_column_bytes(statement, column));
}
