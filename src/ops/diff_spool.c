#include "ops/diff_spool.h"

#include "base/memory.h"
#include "ops/diff_scratch.h"

struct lk_diff_spool {
    sqlite3 *db;
    sqlite3_stmt *insert;
};

enum lk_status lk_diff_spool_new(struct lk_diff_spool **out, struct lk_error *err)
{
    struct lk_diff_spool *s = lk_allocate_zeroed(1, sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "listing rows");
    /* A row without one side has an empty blob there: no JSON object is empty. */
    enum lk_status status = lk_diff_scratch_open(
        "CREATE TABLE told (change INTEGER NOT NULL, name BLOB NOT NULL, key BLOB NOT NULL, before BLOB NOT "
        "NULL, after BLOB NOT NULL)",
        &s->db, err);
    if (status == LK_OK)
        status =
            lk_diff_scratch_prepare(s->db, "INSERT INTO told VALUES (?5, ?1, ?2, ?3, ?4)", &s->insert, err);
    if (status == LK_OK)
        *out = s;
    else
        lk_diff_spool_free(s);
    return status;
}

/* With the NUL, so that what is read back is a string. */
static enum lk_status bind(struct lk_diff_spool *s, int index, const char *text, struct lk_error *err)
{
    return lk_diff_scratch_bind(s->insert, index, lk_bytes(text, text == NULL ? 0 : strlen(text) + 1), err);
}

enum lk_status lk_diff_spool_add(struct lk_diff_spool *s, const char *table, enum litekeep_change change,
                                 const char *key, const char *before, const char *after, struct lk_error *err)
{
    enum lk_status status = bind(s, 1, table, err);
    if (status == LK_OK)
        status = bind(s, 2, key, err);
    if (status == LK_OK)
        status = bind(s, 3, before, err);
    if (status == LK_OK)
        status = bind(s, 4, after, err);
    (void)sqlite3_bind_int(s->insert, 5, (int)change);
    return status == LK_OK ? lk_diff_scratch_step(s->insert, NULL, err) : status;
}

enum lk_status lk_diff_spool_replay(struct lk_diff_spool *s, const struct litekeep_diff_options *options,
                                    struct lk_error *err)
{
    sqlite3_stmt *select = NULL;
    bool row = true;
    enum lk_status status = lk_diff_scratch_prepare(
        s->db, "SELECT change, name, key, before, after FROM told ORDER BY rowid", &select, err);
    while (status == LK_OK && row) {
        status = lk_diff_scratch_step(select, &row, err);
        if (status != LK_OK || !row)
            break;
        const struct lk_bytes name = lk_diff_scratch_column(select, 1),
                              key = lk_diff_scratch_column(select, 2),
                              before = lk_diff_scratch_column(select, 3),
                              after = lk_diff_scratch_column(select, 4);
        if (name.len == 0 || key.len == 0) /* SQLite had no memory for them */
            return lk_fail_memory(err, "listing rows");
        status = options->on_row(options->context, (const char *)name.ptr,
                                 (enum litekeep_change)sqlite3_column_int(select, 0), (const char *)key.ptr,
                                 before.len == 0 ? NULL : (const char *)before.ptr,
                                 after.len == 0 ? NULL : (const char *)after.ptr, err);
    }
    return status;
}

void lk_diff_spool_free(struct lk_diff_spool *s)
{
    if (s == NULL)
        return;
    lk_diff_scratch_close(s->db);
    lk_free(s);
}
