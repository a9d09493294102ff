#include "sqlite/build_internal.h"

#include "base/memory.h"

enum lk_status lk_build_schema_drop(struct lk_build *b, const char *what, const char *name,
                                    struct lk_error *err)
{
    char *sql = sqlite3_mprintf("DROP %s main.\"%w\"", what, name);
    if (sql == NULL)
        return lk_fail_memory(err, "replacing a table");
    enum lk_status status = LK_OK;
    const int rc = lk_connection_run(b->db, sql);
    if ((rc & 0xff) == SQLITE_ERROR)
        status = lk_fail(err, LK_REFUSED, "%s: table \"%s\" cannot be replaced: %s", b->path, name,
                         sqlite3_errmsg(b->db));
    else if (rc != SQLITE_OK)
        status = lk_build_fail(b, rc, "replacing a table", err);
    sqlite3_free(sql);
    return status;
}

/* ---- The schema's rows */

static int insert_row(struct lk_build *b, sqlite3_stmt *insert, const struct lk_build_object *o)
{
    const struct lk_schema_text *const texts[] = {&o->row->type, &o->row->name, &o->row->tbl_name,
                                                  &o->row->sql};
    int rc = sqlite3_bind_int64(insert, 5, o->root);
    for (int i = 0; i < 4 && rc == SQLITE_OK; i++)
        rc = lk_build_fill_bind_text(b, insert, i + 1, texts[i]);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(insert);
    const int reset = sqlite3_reset(insert);
    return rc == SQLITE_DONE ? reset : rc;
}

static enum lk_status insert_rows(struct lk_build *b, struct lk_error *err)
{
    sqlite3_stmt *insert = NULL;
    int rc = sqlite3_prepare_v2(
        b->db, "INSERT INTO main.sqlite_schema(type, name, tbl_name, sql, rootpage) VALUES(?, ?, ?, ?, ?)",
        -1, &insert, NULL);
    for (size_t i = 0; i < b->st->rows && rc == SQLITE_OK; i++)
        if (!b->object[i].left_out)
            rc = insert_row(b, insert, &b->object[i]);
    const enum lk_status status = rc == SQLITE_OK ? LK_OK : lk_build_fail(b, rc, "writing the schema", err);
    (void)sqlite3_finalize(insert);
    return status;
}

/* Forget the made-up tables, and read what is there now. */
static enum lk_status read_again(struct lk_build *b, struct lk_error *err)
{
    enum lk_status status = lk_build_run(b, "PRAGMA main.writable_schema=RESET", "writing the schema", err);
    if (status != LK_OK)
        return status;
    const int rc = lk_connection_run(b->db, "SELECT 1 FROM main.sqlite_schema LIMIT 1");
    if (rc == SQLITE_OK)
        return LK_OK;
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_ERROR)
        return lk_fail(err, LK_UNREADABLE,
                       "%s: SQLite %s cannot understand the schema of the backup: %s; it was written by a "
                       "newer SQLite, or it is damaged: the backup's sqlite copy may help",
                       b->path, sqlite3_libversion(), sqlite3_errmsg(b->db));
    return lk_build_fail(b, rc, "reading the schema", err);
}

/* ---- The indexes */

/* SQLite lacks something that the index needs: an explicit index goes again. One that belongs to a UNIQUE or
 * PRIMARY KEY cannot: without its row the table would be unusable, so it stays empty. */
static enum lk_status give_up_index(struct lk_build *b, struct lk_build_object *o, struct lk_error *err)
{
    const struct lk_schema_row *row = o->row;
    const char *table = row->tbl_name.ptr == NULL ? "" : row->tbl_name.ptr;
    char *why = lk_copy_string(sqlite3_errmsg(b->db));
    if (why == NULL)
        return lk_fail_memory(err, "building an index");
    enum lk_status status;
    if (row->sql.ptr == NULL) {
        status = lk_build_note(b,
                               lk_format("index \"%s\" of table \"%s\": %s: it is empty until REINDEX is run "
                                         "by a program that has that",
                                         row->name.ptr, table, why),
                               err);
    } else {
        status = lk_build_schema_drop(b, "INDEX", row->name.ptr, err);
        if (status == LK_OK)
            status = lk_build_leave_out(
                b, o, lk_format("index \"%s\" of table \"%s\": %s", row->name.ptr, table, why), err);
    }
    lk_free(why);
    return status;
}

static enum lk_status build_index(struct lk_build *b, struct lk_build_object *o, struct lk_error *err)
{
    const struct lk_schema_row *row = o->row;
    char *sql = sqlite3_mprintf("REINDEX main.\"%w\"", row->name.ptr);
    if (sql == NULL)
        return lk_fail_memory(err, "building an index");
    const int rc = lk_connection_run(b->db, sql);
    sqlite3_free(sql);
    switch (rc & 0xff) {
    case SQLITE_OK:
        return LK_OK;
    case SQLITE_ERROR:
        return give_up_index(b, o, err);
    case SQLITE_CONSTRAINT:
        return lk_fail(err, LK_UNREADABLE, "%s: index \"%s\" of table \"%s\" cannot be built: %s", b->path,
                       row->name.ptr, row->tbl_name.ptr == NULL ? "" : row->tbl_name.ptr,
                       sqlite3_errmsg(b->db));
    default:
        return lk_build_fail(b, rc, "building an index", err);
    }
}

enum lk_status lk_build_schema_write(struct lk_build *b, struct lk_error *err)
{
    enum lk_status status = insert_rows(b, err);
    if (status == LK_OK)
        status = read_again(b, err);
    for (size_t i = 0; status == LK_OK && i < b->st->rows; i++) {
        struct lk_build_object *o = &b->object[i];
        if (o->root != 0 && o->table == NULL && o->row->name.ptr != NULL)
            status = build_index(b, o, err);
    }
    return status;
}
