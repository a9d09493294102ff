#include "sqlite/structure.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "sqlite/array.h"
#include "sqlite/connection.h"
#include "sqlite/rebuild.h"
#include "sqlite/rowid.h"

/* What PRAGMA table_list says of a table; sorted by name. */
struct listed_table {
    char *name;
    bool without_rowid;
    bool shadow;
};

struct reading {
    struct lk_source *source;
    sqlite3 *db;
    struct lk_structure *st;
    size_t row_cap;
    size_t table_cap;
    struct listed_table *listed;
    size_t listed_count, listed_cap;
    size_t unknown_modules;            /* rows with one */
    sqlite3_stmt *columns, *key_index; /* prepared once for all tables; NULL: not yet */
};

static enum lk_status fail(const struct reading *r, int rc, const char *doing, struct lk_error *err)
{
    const char *path = lk_source_facts(r->source)->path;
    if ((rc & 0xff) == SQLITE_ERROR ||
        (rc == SQLITE_CORRUPT && strncmp(sqlite3_errmsg(r->db), "malformed database schema", 25) == 0))
        return lk_fail(err, LK_UNREADABLE,
                       "%s: %s: SQLite %s cannot understand the schema: %s; it was written by a newer "
                       "SQLite, or it is damaged",
                       path, doing, sqlite3_libversion(), sqlite3_errmsg(r->db));
    return lk_connection_fail(err, r->db, rc, path, doing);
}

static enum lk_status read_number(struct reading *r, const char *pragma, int64_t *out, struct lk_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(r->db, pragma, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    const int done = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? LK_OK : fail(r, done != SQLITE_OK ? done : rc, "reading its settings", err);
}

static enum lk_status read_pragmas(struct reading *r, struct lk_error *err)
{
    int64_t page_size = 0;
    int64_t auto_vacuum = 0;
    int64_t user_version = 0;
    int64_t application_id = 0;
    r->st->encoding = lk_connection_encoding(r->db);
    if (r->st->encoding == 0)
        return fail(r, sqlite3_extended_errcode(r->db), "reading its encoding", err);
    enum lk_status status = read_number(r, "PRAGMA page_size", &page_size, err);
    if (status == LK_OK)
        status = read_number(r, "PRAGMA auto_vacuum", &auto_vacuum, err);
    if (status == LK_OK)
        status = read_number(r, "PRAGMA user_version", &user_version, err);
    if (status == LK_OK)
        status = read_number(r, "PRAGMA application_id", &application_id, err);
    if (status != LK_OK)
        return status;
    r->st->page_size = (uint32_t)page_size;
    r->st->auto_vacuum = (int)auto_vacuum;
    r->st->user_version = (int32_t)user_version;
    r->st->application_id = (int32_t)application_id;
    r->st->wal = lk_source_facts(r->source)->wal;
    return LK_OK;
}

/* A column's text, exactly. False when memory is out. */
static bool take_text(sqlite3_stmt *statement, int column, int encoding, struct lk_schema_text *out)
{
    const int type = sqlite3_column_type(statement, column);
    if (type == SQLITE_NULL) {
        *out = (struct lk_schema_text){.class = LK_NULL};
        return true;
    }
    const uint8_t *bytes =
        sqlite3_column_blob(statement, column); /* no conversion: the database's own encoding */
    const size_t len =
        (size_t)(type == SQLITE_TEXT && encoding != 1 ? sqlite3_column_bytes16(statement, column)
                                                      : sqlite3_column_bytes(statement, column));
    struct lk_buffer text = {0};
    bool valid = len == 0;
    bool converted = false;
    if (len > 0 && encoding == 1)
        valid = lk_utf8_valid(bytes, len);
    else if (len > 0 && type == SQLITE_TEXT)
        valid = converted = lk_utf16_to_utf8(bytes, len, encoding == 3, &text);
    if (!converted)
        lk_buffer_append(&text, bytes, len);
    const void *whole = text.len == 0 ? (const void *)"" : text.data;
    const enum lk_class class = valid ? LK_TEXT : LK_RAWTEXT;
    if (!text.failed)
        *out =
            (struct lk_schema_text){.class = class, .ptr = lk_copy_bytes(whole, text.len), .len = text.len};
    lk_buffer_reset(&text);
    return out->ptr != NULL;
}

static enum lk_status read_row(struct reading *r, sqlite3_stmt *statement, struct lk_error *err)
{
    struct lk_structure *st = r->st;
    void *block = st->row;
    if (!lk_array_grow(&block, st->rows, &r->row_cap, sizeof *st->row))
        return lk_fail_memory(err, "reading the schema");
    st->row = block;
    struct lk_schema_row *row = &st->row[st->rows++];
    memset(row, 0, sizeof *row);
    row->has_pages = sqlite3_column_int64(statement, 4) > 0;
    struct lk_schema_text *const texts[] = {&row->type, &row->name, &row->tbl_name, &row->sql};
    for (int i = 0; i < 4; i++)
        if (!take_text(statement, i, st->encoding, texts[i]))
            return lk_fail_memory(err, "reading the schema");
    return LK_OK;
}

static enum lk_status read_rows(struct reading *r, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(
        r->db, "SELECT type, name, tbl_name, sql, rootpage FROM main.sqlite_schema ORDER BY rowid", -1,
        &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        status = read_row(r, statement, err);
        if (status != LK_OK)
            goto out;
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        status = fail(r, rc, "reading the schema", err);
out:
    (void)sqlite3_finalize(statement);
    return status;
}

static int by_name(const void *left, const void *right)
{
    return strcasecmp(((const struct listed_table *)left)->name, ((const struct listed_table *)right)->name);
}

/* What SQLite itself knows of its tables. */
static enum lk_status read_list(struct reading *r, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(r->db, "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'",
                                -1, &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *type = (const char *)sqlite3_column_text(statement, 1);
        void *block = r->listed;
        if (name == NULL || type == NULL ||
            !lk_array_grow(&block, r->listed_count, &r->listed_cap, sizeof *r->listed)) {
            status = lk_fail_memory(err, "reading the schema");
            goto out;
        }
        r->listed = block;
        struct listed_table t = {.name = lk_copy_string(name),
                                 .without_rowid = sqlite3_column_int(statement, 2) != 0,
                                 .shadow = strcmp(type, "shadow") == 0};
        if (t.name == NULL) {
            status = lk_fail_memory(err, "reading the schema");
            goto out;
        }
        r->listed[r->listed_count++] = t;
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        status = fail(r, rc, "listing its tables", err);
    else if (r->listed_count > 0)
        qsort(r->listed, r->listed_count, sizeof *r->listed, by_name);
out:
    (void)sqlite3_finalize(statement);
    return status;
}

static bool is_table(const struct lk_schema_row *row)
{
    return row->type.ptr != NULL && strcasecmp(row->type.ptr, "table") == 0 && row->name.ptr != NULL;
}

/* Connecting to a virtual table fails in a way of its own when SQLite has no such module. */
static enum lk_status find_unknown_modules(struct reading *r, struct lk_error *err)
{
    for (size_t i = 0; i < r->st->rows; i++) {
        struct lk_schema_row *row = &r->st->row[i];
        if (!is_table(row) || row->has_pages)
            continue;
        char *sql = sqlite3_mprintf("SELECT 1 FROM main.\"%w\"", row->name.ptr);
        if (sql == NULL)
            return lk_fail_memory(err, "reading the schema");
        sqlite3_stmt *statement = NULL;
        const int rc = sqlite3_prepare_v2(r->db, sql, -1, &statement, NULL);
        row->unknown_module = rc != SQLITE_OK && strncmp(sqlite3_errmsg(r->db), "no such module", 14) == 0;
        r->unknown_modules += row->unknown_module ? 1 : 0;
        (void)sqlite3_finalize(statement);
        sqlite3_free(sql);
    }
    return LK_OK;
}

/* SQLite knows shadow tables only of the modules it has: of others, by their names. */
static bool is_shadow_of_unknown(const struct reading *r, const char *name)
{
    const struct lk_structure *st = r->st;
    for (size_t i = 0; r->unknown_modules > 0 && i < st->rows; i++) {
        const struct lk_schema_row *row = &st->row[i];
        if (row->unknown_module && strncasecmp(name, row->name.ptr, row->name.len) == 0 &&
            name[row->name.len] == '_')
            return true;
    }
    return false;
}

/* A question about one table, asked of many: `*statement` ready to be stepped, and to be reset after it. */
static int begin(sqlite3 *db, sqlite3_stmt **statement, const char *sql, const char *table)
{
    int rc = *statement == NULL ? sqlite3_prepare_v2(db, sql, -1, statement, NULL) : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(*statement, 1, table, -1, SQLITE_STATIC);
    return rc;
}

/* Has the table's PRIMARY KEY an index of its own? If not, a single INTEGER key column is the rowid itself.
 * "INTEGER PRIMARY KEY DESC" has one (https://www.sqlite.org/lang_createtable.html#rowid). */
static int has_key_index(struct reading *r, const char *table, bool *has)
{
    int rc = begin(r->db, &r->key_index,
                   "SELECT count(*) FROM pragma_index_list(?1, 'main') WHERE origin = 'pk'", table);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(r->key_index);
    if (rc == SQLITE_ROW)
        *has = sqlite3_column_int(r->key_index, 0) > 0;
    const int done = sqlite3_reset(r->key_index);
    return rc == SQLITE_ROW ? SQLITE_OK : done != SQLITE_OK ? done : rc;
}

/* The stored columns, and how many belong to the key. */
static enum lk_status read_columns(struct reading *r, struct lk_table_schema *t, size_t *keys, size_t *key,
                                   struct lk_error *err)
{
    enum lk_status status = LK_OK;
    *keys = 0;
    int rc = begin(r->db, &r->columns,
                   "SELECT name, type, hidden, pk FROM pragma_table_xinfo(?1, 'main') ORDER BY cid", t->name);
    sqlite3_stmt *statement = r->columns;
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        const int hidden = sqlite3_column_int(statement, 2);
        if (hidden == 2) /* VIRTUAL generated: not stored, and reading it would run its function */
            continue;
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *type = (const char *)sqlite3_column_text(statement, 1);
        struct lk_column_schema *c =
            lk_table_schema_add(t, name == NULL ? "" : name, type == NULL ? "" : type);
        if (c == NULL) {
            status = lk_fail_memory(err, "reading the schema");
            goto out;
        }
        c->stored_generated = hidden == 3;
        c->key = sqlite3_column_int(statement, 3);
        if (c->key > 0) {
            *key = t->columns - 1;
            ++*keys;
        }
    }
    if (rc != SQLITE_DONE)
        status = fail(r, rc, "reading a table's columns", err);
out:
    (void)sqlite3_reset(statement);
    return status;
}

static enum lk_status find_rowid(struct reading *r, struct lk_table_schema *t, size_t keys, size_t key,
                                 struct lk_error *err)
{
    bool key_index = false;
    int rc = has_key_index(r, t->name, &key_index);
    if (rc == SQLITE_OK && keys == 1 && !key_index &&
        strcasecmp(t->column[key].declared_type, "INTEGER") == 0) {
        t->column[key].is_rowid = true;
        return LK_OK;
    }
    const char *name = NULL;
    if (rc == SQLITE_OK)
        rc = lk_rowid_name(r->db, t->name, &name);
    if (rc != SQLITE_OK)
        return fail(r, rc, "reading a table's key", err);
    t->hidden_rowid = name != NULL;
    if (name != NULL)
        return LK_OK;
    return lk_rebuild_add_reason(r->st,
                                 lk_format("table \"%s\": columns named rowid, _rowid_ and oid hide its "
                                           "rowids, which only a page copy keeps",
                                           t->name),
                                 err);
}

static enum lk_status read_table(struct reading *r, const struct lk_schema_row *row, struct lk_error *err)
{
    struct lk_structure *st = r->st;
    struct listed_table wanted = {.name = row->name.ptr};
    const struct listed_table *listed =
        r->listed_count == 0 ? NULL
                             : bsearch(&wanted, r->listed, r->listed_count, sizeof *r->listed, by_name);
    if (listed == NULL)
        return lk_fail(
            err, LK_UNREADABLE,
            "%s: table \"%s\" has a schema row, but SQLite does not find it; the schema is damaged",
            lk_source_facts(r->source)->path, row->name.ptr);
    void *block = st->table;
    if (!lk_array_grow(&block, st->tables, &r->table_cap, sizeof(void *)))
        return lk_fail_memory(err, "reading the schema");
    st->table = block;
    struct lk_table_schema *t = lk_table_schema_new(row->name.ptr);
    if (t == NULL)
        return lk_fail_memory(err, "reading the schema");
    st->table[st->tables++] = t;
    t->without_rowid = listed->without_rowid;
    t->kind = strncasecmp(t->name, "sqlite_", 7) == 0              ? LK_TABLE_INTERNAL
              : listed->shadow || is_shadow_of_unknown(r, t->name) ? LK_TABLE_SHADOW
                                                                   : LK_TABLE_ORDINARY;
    size_t keys = 0;
    size_t key = 0;
    const enum lk_status status = read_columns(r, t, &keys, &key, err);
    if (status != LK_OK || t->without_rowid)
        return status;
    return find_rowid(r, t, keys, key, err);
}

static enum lk_status read_tables(struct reading *r, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < r->st->rows && status == LK_OK; i++) {
        const struct lk_schema_row *row = &r->st->row[i];
        if (row->has_pages && is_table(row))
            status = read_table(r, row, err);
    }
    return status;
}

enum lk_status lk_structure_read(struct lk_source *s, struct lk_structure **out, struct lk_error *err)
{
    struct reading r = {.source = s, .db = lk_source_db(s)};
    r.st = lk_allocate_zeroed(1, sizeof *r.st);
    if (r.st == NULL)
        return lk_fail_memory(err, "reading the schema");
    enum lk_status status = read_pragmas(&r, err);
    if (status == LK_OK)
        status = read_rows(&r, err);
    if (status == LK_OK)
        status = find_unknown_modules(&r, err);
    if (status == LK_OK)
        status = read_list(&r, err);
    if (status == LK_OK)
        status = read_tables(&r, err);
    (void)sqlite3_finalize(r.columns);
    (void)sqlite3_finalize(r.key_index);
    if (status == LK_OK)
        status = lk_rebuild_check(r.st, err);
    for (size_t i = 0; i < r.listed_count; i++)
        lk_free(r.listed[i].name);
    lk_free(r.listed);
    if (status == LK_OK)
        *out = r.st;
    else
        lk_structure_free(r.st);
    return status;
}

void lk_structure_free(struct lk_structure *st)
{
    if (st == NULL)
        return;
    for (size_t i = 0; i < st->rows; i++) {
        lk_free(st->row[i].type.ptr);
        lk_free(st->row[i].name.ptr);
        lk_free(st->row[i].tbl_name.ptr);
        lk_free(st->row[i].sql.ptr);
    }
    for (size_t i = 0; i < st->tables; i++)
        lk_table_schema_free(st->table[i]);
    for (size_t i = 0; i < st->reasons; i++)
        lk_free(st->reason[i]);
    lk_free(st->row);
    lk_free(st->table);
    lk_free(st->reason);
    lk_free(st);
}
