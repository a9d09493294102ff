#include "sqlite/build_internal.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/memory.h"

static enum lk_status read_number(struct lk_build *b, const char *sql, const char *text, int64_t *out,
                                  struct lk_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(b->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && text != NULL)
        rc = sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    const int done = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? LK_OK : lk_build_fail(b, done != SQLITE_OK ? done : rc, "reading it", err);
}

/* An empty file takes any encoding. */
static enum lk_status check_encoding(struct lk_build *b, struct lk_error *err)
{
    int64_t pages = 0;
    char sql[64];
    (void)sqlite3_snprintf((int)sizeof sql, sql, "PRAGMA encoding='%s'", lk_build_encodings[b->st->encoding]);
    enum lk_status status = read_number(b, "PRAGMA main.page_count", NULL, &pages, err);
    if (status == LK_OK && pages == 0)
        status = lk_build_run(b, sql, "opening it", err);
    if (status != LK_OK)
        return status;
    const int encoding = lk_connection_encoding(b->db);
    if (encoding == 0)
        return lk_build_fail(b, sqlite3_extended_errcode(b->db), "reading its encoding", err);
    if (encoding != b->st->encoding)
        return lk_fail(err, LK_REFUSED,
                       "%s: its encoding is %s, and that of the backup %s: texts would not be the same; "
                       "restore into a new file",
                       b->path, lk_build_encodings[encoding], lk_build_encodings[b->st->encoding]);
    return LK_OK;
}

/* Names that nothing there begins with. */
static enum lk_status choose_prefix(struct lk_build *b, struct lk_error *err)
{
    for (unsigned i = 0;; i++) {
        lk_free(b->prefix);
        b->prefix = lk_format("litekeep_%u_", i);
        if (b->prefix == NULL)
            return lk_fail_memory(err, "making a database");
        int64_t taken = 0;
        const enum lk_status status = read_number(
            b,
            "SELECT count(*) FROM main.sqlite_schema WHERE substr(name, 1, length(?1)) = ?1 COLLATE NOCASE",
            b->prefix, &taken, err);
        if (status != LK_OK || taken == 0)
            return status;
    }
}

/* SQLite makes sqlite_sequence by itself for the first AUTOINCREMENT table that it creates: we create none.
 */
enum lk_status lk_build_into_need_sequence(struct lk_build *b, struct lk_error *err)
{
    int64_t there = 0;
    enum lk_status status = read_number(
        b, "SELECT count(*) FROM main.sqlite_schema WHERE name = 'sqlite_sequence'", NULL, &there, err);
    if (status != LK_OK || there > 0)
        return status;
    char *sql = lk_format("CREATE TABLE main.%ssequence(id INTEGER PRIMARY KEY AUTOINCREMENT)", b->prefix);
    char *drop = lk_format("DROP TABLE main.%ssequence", b->prefix);
    if (sql == NULL || drop == NULL)
        status = lk_fail_memory(err, "making sqlite_sequence");
    if (status == LK_OK)
        status = lk_build_run(b, sql, "making sqlite_sequence", err);
    if (status == LK_OK)
        status = lk_build_run(b, drop, "making sqlite_sequence", err);
    lk_free(sql);
    lk_free(drop);
    return status;
}

/* ---- What stands in the way */

/* The type of what has this name there, in `type` ("": nothing); tables, views and indexes share one space of
 * names, triggers have their own. */
static enum lk_status look_up(struct lk_build *b, const char *name, bool trigger, char type[16],
                              struct lk_error *err)
{
    sqlite3_stmt *find = NULL;
    type[0] = '\0';
    int rc = sqlite3_prepare_v2(b->db,
                                "SELECT type FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE AND "
                                "(type = 'trigger') = ?2",
                                -1, &find, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(find, 2, trigger);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(find);
    if (rc == SQLITE_ROW)
        (void)sqlite3_snprintf(16, type, "%s", (const char *)sqlite3_column_text(find, 0));
    const int done = sqlite3_finalize(find);
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? LK_OK
               : lk_build_fail(b, done != SQLITE_OK ? done : rc, "looking for tables of those names", err);
}

static enum lk_status clear_table(struct lk_build *b, const struct lk_schema_row *row, bool replace,
                                  struct lk_error *err)
{
    char type[16];
    const enum lk_status status = look_up(b, row->name.ptr, false, type, err);
    if (status != LK_OK || type[0] == '\0')
        return status;
    if (sqlite3_stricmp(type, "table") != 0)
        return lk_fail(err, LK_REFUSED, "%s: the name of table \"%s\" belongs to another %s there", b->path,
                       row->name.ptr, type);
    if (!replace)
        return lk_fail(err, LK_REFUSED, "%s: table \"%s\" is there already; ask for it to be replaced",
                       b->path, row->name.ptr);
    return lk_build_schema_drop(b, "TABLE", row->name.ptr, err);
}

static enum lk_status check_other(struct lk_build *b, const struct lk_schema_row *row, struct lk_error *err)
{
    char type[16];
    const enum lk_status status = look_up(b, row->name.ptr, lk_build_is_type(row, "trigger"), type, err);
    if (status != LK_OK || type[0] == '\0')
        return status;
    return lk_fail(err, LK_REFUSED, "%s: the name of %s \"%s\" of table \"%s\" belongs to another %s there",
                   b->path, row->type.ptr, row->name.ptr, row->tbl_name.ptr == NULL ? "" : row->tbl_name.ptr,
                   type);
}

static enum lk_status clear_tables(struct lk_build *b, bool replace, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    /* Virtual tables first: they take their shadow tables with them. */
    for (int with_pages = 0; with_pages < 2; with_pages++)
        for (size_t i = 0; i < b->st->rows && status == LK_OK; i++) {
            const struct lk_build_object *o = &b->object[i];
            if (!o->left_out && lk_build_is_type(o->row, "table") && o->row->has_pages == (with_pages == 1))
                status = clear_table(b, o->row, replace, err);
        }
    for (size_t i = 0; i < b->st->rows && status == LK_OK; i++) {
        const struct lk_build_object *o = &b->object[i];
        if (!o->left_out && o->row->name.ptr != NULL && !lk_build_is_type(o->row, "table"))
            status = check_other(b, o->row, err);
    }
    return status;
}

/* ---- The transaction */

static enum lk_status make_room(struct lk_build *b, bool replace, struct lk_error *err)
{
    enum lk_status status = clear_tables(b, replace, err);
    if (status == LK_OK)
        status = choose_prefix(b, err);
    for (size_t i = 0; status == LK_OK && i < b->st->rows; i++)
        if (lk_build_is_type(&b->st->row[i], "table") &&
            sqlite3_stricmp(b->st->row[i].name.ptr, "sqlite_sequence") == 0)
            status = lk_build_into_need_sequence(b, err);
    if (status == LK_OK)
        status = lk_build_run(b, "PRAGMA writable_schema=ON", "making the tables", err);
    return status == LK_OK ? lk_build_roots_make(b, err) : status;
}

enum lk_status lk_build_into(const char *path, const struct lk_structure *st, bool replace,
                             const struct lk_build_options *options, struct lk_build **out,
                             struct lk_error *err)
{
    struct stat there;
    if (stat(path, &there) != 0)
        return lk_fail_errno(err, errno == ENOENT ? LK_NOT_FOUND : LK_FAILED, errno, "%s", path);
    /* No checkpoints while others may make some: that is theirs to do. */
    static const char *const settings[] = {"PRAGMA main.synchronous=FULL", "PRAGMA wal_autocheckpoint=0",
                                           NULL};
    struct lk_build *b = NULL;
    enum lk_status status = lk_build_begin(path, st, true, options, &b, err);
    if (status == LK_OK)
        status = lk_build_open(b, err);
    if (status == LK_OK)
        status = lk_build_run_all(b, settings, "opening it", err);
    if (status == LK_OK)
        status = check_encoding(b, err);
    if (status == LK_OK)
        status = lk_build_run(b, "BEGIN IMMEDIATE", "opening it", err);
    if (status == LK_OK && options != NULL && options->on_locked != NULL)
        status = options->on_locked(options->context, err);
    if (status == LK_OK)
        status = lk_build_set_cache(b, err);
    if (status == LK_OK)
        status = check_encoding(b, err);
    if (status == LK_OK)
        status = make_room(b, replace, err);
    if (status == LK_OK)
        *out = b;
    else
        lk_build_free(b);
    return status;
}
