#include "sqlite/rowid.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

int lk_rowid_name(sqlite3 *db, const char *table, const char **name)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    bool taken[3] = {false, false, false};
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_xinfo(?1, 'main')", -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(statement, 0);
        for (size_t i = 0; i < 3 && column != NULL; i++)
            taken[i] |= strcasecmp(column, names[i]) == 0;
        rc = SQLITE_OK;
    }
    const int done = sqlite3_finalize(statement);
    if (rc != SQLITE_DONE)
        return done != SQLITE_OK ? done : rc;
    *name = NULL;
    for (size_t i = 3; i-- > 0;)
        if (!taken[i])
            *name = names[i];
    return SQLITE_OK;
}
