/* Many virtual tables at once. CREATE VIRTUAL TABLE would read the whole schema again for each; rows written
 * into the schema are read once, and name what they like. */
#include "base/buffer.h"
#include "sqlite/api.h"
#include "sqlite/vtab.h"

static void append_quoted(struct lk_buffer *to, const char *text, char quote)
{
    lk_buffer_append_byte(to, (uint8_t)quote);
    for (; *text != '\0'; text++) {
        if (*text == quote)
            lk_buffer_append_byte(to, (uint8_t)quote);
        lk_buffer_append_byte(to, (uint8_t)*text);
    }
    lk_buffer_append_byte(to, (uint8_t)quote);
}

static int insert(sqlite3 *db, const char *into, const char *table, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int before = 0;
    int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, -1, &before);
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, into, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 2, sql, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        (void)sqlite3_step(statement);
    const int done = sqlite3_finalize(statement);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, before, NULL);
    return rc != SQLITE_OK ? rc : done;
}

enum lk_status lk_vtab_create(sqlite3 *db, const char *schema, const char *table, const char *name,
                              size_t arguments, const char *const *argument, struct lk_error *err)
{
    struct lk_buffer sql = {0}, into = {0};
    lk_buffer_append_string(&sql, "CREATE VIRTUAL TABLE ");
    append_quoted(&sql, table, '"');
    lk_buffer_append_string(&sql, " USING ");
    append_quoted(&sql, name, '"');
    for (size_t i = 0; i < arguments; i++) {
        lk_buffer_append_string(&sql, i == 0 ? "(" : ", ");
        append_quoted(&sql, argument[i], '\'');
    }
    lk_buffer_append_string(&sql, arguments > 0 ? ")" : "");
    lk_buffer_append_string(&into, "INSERT INTO ");
    append_quoted(&into, schema, '"');
    lk_buffer_append_string(&into, ".sqlite_master VALUES('table', ?1, ?1, 0, ?2)");
    int rc = SQLITE_NOMEM;
    if (lk_buffer_string(&sql) != NULL && lk_buffer_string(&into) != NULL)
        rc = insert(db, lk_buffer_string(&into), table, lk_buffer_string(&sql));
    lk_buffer_reset(&sql);
    lk_buffer_reset(&into);
    if (rc == SQLITE_NOMEM)
        return lk_fail_memory(err, "making tables of a backup");
    return rc == SQLITE_OK
               ? LK_OK
               : lk_fail(err, LK_FAILED, "table \"%s\": cannot be made: %s", table, sqlite3_errmsg(db));
}

enum lk_status lk_vtab_publish(sqlite3 *db, struct lk_error *err)
{
    int rc = sqlite3_exec(db, "PRAGMA writable_schema = RESET", NULL, NULL, NULL);
    /* Reads the schemas. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "SELECT 1 FROM sqlite_master LIMIT 1", NULL, NULL, NULL);
    if (rc == SQLITE_NOMEM)
        return lk_fail_memory(err, "making tables of a backup");
    return rc == SQLITE_OK ? LK_OK
                           : lk_fail(err, LK_DAMAGED, "the backup's tables contradict each other: %s",
                                     sqlite3_errmsg(db));
}
