#include "sqlite/damage.h"

#include "base/clock.h"

#define STEPS_BETWEEN 10000 /* virtual machine steps between two looks at the clock */
#define MOST_BYTES 600      /* of the description */

static int is_late(void *context)
{
    const int64_t *deadline = context;
    return lk_clock_monotonic() >= *deadline;
}

void lk_damage_describe(sqlite3 *db, const char *table, int64_t limit, struct lk_buffer *out)
{
    int64_t deadline = lk_clock_monotonic() + limit;
    sqlite3_stmt *statement = NULL;
    char *sql = sqlite3_mprintf("PRAGMA main.quick_check(\"%w\")", table);
    if (sql == NULL)
        return;
    sqlite3_progress_handler(db, STEPS_BETWEEN, is_late, &deadline);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
        while (out->len < MOST_BYTES && sqlite3_step(statement) == SQLITE_ROW) {
            const char *line = (const char *)sqlite3_column_text(statement, 0);
            if (line == NULL || strcmp(line, "ok") == 0)
                continue;
            const size_t len = strlen(line);
            if (out->len > 0)
                lk_buffer_append_string(out, "; ");
            lk_buffer_append(out, line, len < MOST_BYTES ? len : MOST_BYTES);
        }
    }
    (void)sqlite3_finalize(statement);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    sqlite3_free(sql);
    for (size_t i = 0; i < out->len; i++) /* one line for the message */
        if (out->data[i] == '\n')
            out->data[i] = ' ';
}
