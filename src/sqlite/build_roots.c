#include "sqlite/build_internal.h"

#include "base/memory.h"

/* Virtual machine steps for a statement of the schema: creating takes some hundred. */
#define MOST_STEPS 1000000

static int stop(void *context)
{
    (void)context;
    return 1;
}

void lk_build_roots_name(const struct lk_build *b, const struct lk_build_object *o, struct lk_buffer *out)
{
    lk_buffer_append_format(out, "%s%zu", b->prefix, (size_t)(o - b->object));
}

static void append_quoted(struct lk_buffer *sql, const char *name)
{
    lk_buffer_append_byte(sql, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            lk_buffer_append_byte(sql, '"');
        lk_buffer_append_byte(sql, (uint8_t)*name);
    }
    lk_buffer_append_byte(sql, '"');
}

/* ---- The key of a table WITHOUT ROWID, as its CREATE TABLE says */

static enum lk_status open_scratch(struct lk_build *b, struct lk_error *err)
{
    if (b->scratch != NULL)
        return LK_OK;
    if (sqlite3_open_v2(":memory:", &b->scratch, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return lk_fail_memory(err, "making the tables");
    (void)sqlite3_limit(b->scratch, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_progress_handler(b->scratch, MOST_STEPS, stop, NULL);
    return LK_OK;
}

static enum lk_status wrong_key(const struct lk_build *b, const struct lk_table_schema *t,
                                struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED,
                   "%s: table \"%s\": the backup's columns and its CREATE TABLE statement do not agree (%s)",
                   b->path, t->name, b->scratch == NULL ? "no statement" : sqlite3_errmsg(b->scratch));
}

/* One column of the key, after a comma. False when the table has no such column. */
static bool append_key_column(const struct lk_table_schema *t, sqlite3_stmt *key, struct lk_buffer *sql)
{
    const char *name = (const char *)sqlite3_column_text(key, 0);
    const char *collation = (const char *)sqlite3_column_text(key, 2);
    for (size_t i = 0; name != NULL && collation != NULL && i < t->columns; i++) {
        if (sqlite3_stricmp(name, t->column[i].name) != 0)
            continue;
        lk_buffer_append_format(sql, "c%zu COLLATE ", i);
        append_quoted(sql, collation);
        lk_buffer_append_string(sql, sqlite3_column_int(key, 1) != 0 ? " DESC" : "");
        return true;
    }
    return false;
}

static enum lk_status append_key_columns(struct lk_build *b, const struct lk_table_schema *t,
                                         struct lk_buffer *sql, struct lk_error *err)
{
    sqlite3_stmt *key = NULL;
    int rc = sqlite3_prepare_v2(b->scratch,
                                "SELECT x.name, x.desc, x.coll FROM pragma_index_list(?1, 'main') AS l, "
                                "pragma_index_xinfo(l.name, 'main') AS x WHERE l.origin = 'pk' AND x.key "
                                "ORDER BY x.seqno",
                                -1, &key, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(key, 1, t->name, -1, SQLITE_STATIC);
    size_t keys = 0;
    bool agrees = true;
    while (rc == SQLITE_OK && agrees && (rc = sqlite3_step(key)) == SQLITE_ROW) {
        lk_buffer_append_string(sql, keys++ == 0 ? "" : ",");
        agrees = append_key_column(t, key, sql);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(key);
    if ((rc & 0xff) == SQLITE_NOMEM)
        return lk_fail_memory(err, "making the tables");
    return rc == SQLITE_DONE && agrees && keys > 0 ? LK_OK : wrong_key(b, t, err);
}

static enum lk_status append_key(struct lk_build *b, const struct lk_build_object *o, struct lk_buffer *sql,
                                 struct lk_error *err)
{
    const struct lk_table_schema *t = o->table;
    if (o->row->sql.class != LK_TEXT)
        return wrong_key(b, t, err);
    enum lk_status status = open_scratch(b, err);
    if (status != LK_OK)
        return status;
    const int rc = lk_connection_run(b->scratch, o->row->sql.ptr);
    if ((rc & 0xff) == SQLITE_NOMEM)
        return lk_fail_memory(err, "making the tables");
    if (rc != SQLITE_OK)
        return wrong_key(b, t, err);
    lk_buffer_append_string(sql, ",PRIMARY KEY(");
    status = append_key_columns(b, t, sql, err);
    lk_buffer_append_string(sql, ")");
    /* The next table finds the scratch database empty again: creating costs a walk over all that is there. */
    struct lk_buffer drop = {0};
    lk_buffer_append_string(&drop, "DROP TABLE main.");
    append_quoted(&drop, t->name);
    if (status == LK_OK && lk_buffer_string(&drop) == NULL)
        status = lk_fail_memory(err, "making the tables");
    if (status == LK_OK && lk_connection_run(b->scratch, lk_buffer_string(&drop)) != SQLITE_OK)
        status = wrong_key(b, t, err);
    lk_buffer_reset(&drop);
    return status;
}

/* ---- B-trees */

/* Without types, so that no affinity alters a value. */
static enum lk_status append_table(struct lk_build *b, const struct lk_build_object *o, struct lk_buffer *sql,
                                   struct lk_error *err)
{
    const struct lk_table_schema *t = o->table;
    if (t->columns == 0)
        return lk_fail(err, LK_DAMAGED, "%s: table \"%s\": the backup knows no columns of it", b->path,
                       t->name);
    lk_buffer_append_string(sql, "CREATE TABLE ");
    lk_build_roots_name(b, o, sql);
    for (size_t i = 0; i < t->columns; i++)
        lk_buffer_append_format(sql, "%cc%zu%s", i == 0 ? '(' : ',', i,
                                t->column[i].is_rowid ? " INTEGER PRIMARY KEY" : "");
    const enum lk_status status = t->without_rowid ? append_key(b, o, sql, err) : LK_OK;
    lk_buffer_append_string(sql, t->without_rowid ? ") WITHOUT ROWID" : ")");
    return status;
}

/* One b-tree at a time has a row in sqlite_schema: creating the next one costs a walk over all that are
 * there, and one over the tables that SQLite has in its memory, which therefore forgets them after so many.
 */
#define MOST_IN_MEMORY 256

struct making {
    sqlite3_stmt *find, *erase, *insert;
    struct lk_buffer name, sql; /* scratch */
    size_t in_memory;
};

static int prepare_all(struct lk_build *b, struct making *m)
{
    int rc = sqlite3_prepare_v2(b->db, "SELECT rootpage FROM main.sqlite_schema WHERE name = ?1", -1,
                                &m->find, NULL);
    if (rc == SQLITE_OK)
        rc =
            sqlite3_prepare_v2(b->db, "DELETE FROM main.sqlite_schema WHERE substr(name, 1, length(?1)) = ?1",
                               -1, &m->erase, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(m->erase, 1, b->prefix, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(b->db,
                                "INSERT INTO main.sqlite_schema(type, name, tbl_name, rootpage, sql) "
                                "VALUES('table', ?1, ?1, ?2, ?3)",
                                -1, &m->insert, NULL);
    return rc;
}

static enum lk_status run(struct lk_build *b, sqlite3_stmt *statement, struct lk_error *err)
{
    const int rc = sqlite3_step(statement);
    const int reset = sqlite3_reset(statement);
    return rc == SQLITE_DONE ? LK_OK : lk_build_fail(b, reset, "making the tables", err);
}

/* SQLite reads the schema again when it is needed next. */
static enum lk_status read_again(struct lk_build *b, struct making *m, struct lk_error *err)
{
    m->in_memory = 0;
    const enum lk_status status =
        lk_build_run(b, "PRAGMA main.writable_schema=RESET", "making the tables", err);
    return status == LK_OK ? lk_build_run(b, "PRAGMA main.writable_schema=ON", "making the tables", err)
                           : status;
}

static enum lk_status find_root(struct lk_build *b, struct lk_build_object *o, struct making *m,
                                struct lk_error *err)
{
    int rc = sqlite3_bind_text(m->find, 1, lk_buffer_string(&m->name), -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(m->find);
    if (rc == SQLITE_ROW)
        o->root = sqlite3_column_int64(m->find, 0);
    const int reset = sqlite3_reset(m->find);
    if (rc == SQLITE_ROW && o->root > 1)
        return LK_OK;
    return lk_build_fail(b, reset != SQLITE_OK ? reset : SQLITE_CORRUPT, "making the tables", err);
}

static enum lk_status make_root(struct lk_build *b, struct lk_build_object *o, struct making *m,
                                struct lk_error *err)
{
    enum lk_status status = m->in_memory == MOST_IN_MEMORY ? read_again(b, m, err) : LK_OK;
    if (status != LK_OK)
        return status;
    const bool by_key = o->table == NULL || o->table->without_rowid;
    lk_buffer_clear(&m->name);
    lk_build_roots_name(b, o, &m->name);
    if (lk_buffer_string(&m->name) == NULL)
        return lk_fail_memory(err, "making the tables");
    lk_buffer_clear(&m->sql);
    lk_buffer_append_format(&m->sql, "CREATE TABLE main.%s(c%s", lk_buffer_string(&m->name),
                            by_key ? " PRIMARY KEY) WITHOUT ROWID" : ")");
    if (lk_buffer_string(&m->sql) == NULL)
        return lk_fail_memory(err, "making the tables");
    status = lk_build_run(b, lk_buffer_string(&m->sql), "making the tables", err);
    if (status == LK_OK)
        status = find_root(b, o, m, err);
    if (status == LK_OK)
        status = run(b, m->erase, err);
    m->in_memory++;
    return status;
}

/* The row with which a table is known, under its made-up name, as long as rows are added. */
static enum lk_status name_table(struct lk_build *b, const struct lk_build_object *o, struct making *m,
                                 struct lk_error *err)
{
    lk_buffer_clear(&m->name);
    lk_buffer_clear(&m->sql);
    lk_build_roots_name(b, o, &m->name);
    const enum lk_status status = append_table(b, o, &m->sql, err);
    if (status != LK_OK)
        return status;
    if (lk_buffer_string(&m->name) == NULL || lk_buffer_string(&m->sql) == NULL)
        return lk_fail_memory(err, "making the tables");
    int rc = sqlite3_bind_text(m->insert, 1, lk_buffer_string(&m->name), -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(m->insert, 2, o->root);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text64(m->insert, 3, lk_buffer_string(&m->sql), m->sql.len, SQLITE_STATIC,
                                 SQLITE_UTF8);
    return rc == SQLITE_OK ? run(b, m->insert, err) : lk_build_fail(b, rc, "making the tables", err);
}

enum lk_status lk_build_roots_make(struct lk_build *b, struct lk_error *err)
{
    struct making m = {0};
    const int rc = prepare_all(b, &m);
    enum lk_status status = rc == SQLITE_OK ? LK_OK : lk_build_fail(b, rc, "making the tables", err);
    for (size_t i = 0; status == LK_OK && i < b->st->rows; i++)
        if (!b->object[i].left_out && b->object[i].row->has_pages)
            status = make_root(b, &b->object[i], &m, err);
    for (size_t i = 0; status == LK_OK && i < b->st->rows; i++)
        if (b->object[i].root != 0 && b->object[i].table != NULL)
            status = name_table(b, &b->object[i], &m, err);
    if (status == LK_OK)
        status = read_again(b, &m, err);
    if (status == LK_OK) /* reads the schema, then empties it: the tables stay in SQLite's memory */
        status = run(b, m.erase, err);
    (void)sqlite3_finalize(m.find);
    (void)sqlite3_finalize(m.erase);
    (void)sqlite3_finalize(m.insert);
    lk_buffer_reset(&m.name);
    lk_buffer_reset(&m.sql);
    return status;
}
