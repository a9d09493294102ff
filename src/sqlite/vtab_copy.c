/* The copy's table is
 *
 *     CREATE TABLE copy(rowid_ , v1, v2, ..., key NUMERIC COLLATE <collation>)
 *
 * Values are in columns without a type, and so stay what they are. The key is there once more with NUMERIC
 * affinity, on both sides of the look-up. That finds every row that SQLite calls equal: values that are equal
 * without an affinity, or with NUMERIC on both, are so here too. With TEXT affinity a number is compared by
 * its text, and that text is the same number again but for reals of more than 15 digits, which
 * lk_vtab_copy_finds leaves out. SQLite checks each row found. */
#include "sqlite/vtab_copy.h"

#include <math.h>

#include "base/memory.h"

struct lk_vtab_copy {
    sqlite3 *db;
    size_t columns, key;
    const char *collation; /* static */
    enum lk_affinity affinity;
    bool has_text, has_real; /* among the keys */
    int *position;           /* of each column in the copy; 0: it is not there */
};

void lk_vtab_copy_free(struct lk_vtab_copy *copy)
{
    if (copy == NULL)
        return;
    (void)sqlite3_close(copy->db);
    lk_free(copy->position);
    lk_free(copy);
}

static enum lk_status fail(const struct lk_vtab_copy *copy, int rc, struct lk_error *err)
{
    if (rc == SQLITE_NOMEM)
        return lk_fail_memory(err, "copying a table to look into it");
    return lk_fail(err, LK_FAILED, "copying a table into a temporary file, to look into it: %s",
                   copy->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(copy->db));
}

static int bind(sqlite3_stmt *insert, int at, struct lk_value v)
{
    switch (v.class) {
    case LK_NULL:
        return sqlite3_bind_null(insert, at);
    case LK_INTEGER:
        return sqlite3_bind_int64(insert, at, v.integer);
    case LK_REAL:
        return sqlite3_bind_double(insert, at, v.real);
    case LK_TEXT:
    case LK_RAWTEXT:
        return sqlite3_bind_text64(insert, at, (const char *)v.bytes.ptr, v.bytes.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case LK_BLOB:
        return sqlite3_bind_blob64(insert, at, v.bytes.ptr, v.bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static int64_t rowid_of(const struct lk_batch *b, uint32_t row, uint64_t number)
{
    return b->hidden_rowid ? lk_batch_rowid(b, row) : (int64_t)number;
}

static int add_batch(struct lk_vtab_copy *copy, sqlite3_stmt *insert, const struct lk_batch *b,
                     struct lk_cursor *cursor, uint64_t before)
{
    const int key = sqlite3_bind_parameter_count(insert);
    int rc = SQLITE_OK;
    for (size_t i = 0; i < copy->columns; i++)
        cursor[i] = lk_cursor_at_start(&b->column[i]);
    for (uint32_t row = 0; row < b->rows && rc == SQLITE_OK; row++) {
        const int64_t rowid = rowid_of(b, row, before + row + 1);
        struct lk_value k = {.class = LK_INTEGER, .integer = rowid};
        rc = sqlite3_bind_int64(insert, 1, rowid);
        for (size_t i = 0; i < copy->columns && rc == SQLITE_OK; i++) {
            if (copy->position[i] == 0)
                continue;
            const struct lk_value v = lk_cursor_next(&cursor[i]);
            rc = bind(insert, copy->position[i] + 1, v);
            if (i == copy->key)
                k = v;
        }
        copy->has_text |= k.class == LK_TEXT || k.class == LK_RAWTEXT;
        copy->has_real |= k.class == LK_REAL;
        if (rc == SQLITE_OK)
            rc = bind(insert, key, k);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(insert) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
        const int reset = sqlite3_reset(insert);
        rc = reset != SQLITE_OK ? reset : rc;
    }
    return rc;
}

static enum lk_status fill(struct lk_vtab_copy *copy, const struct lk_rows *rows, const bool *wanted,
                           sqlite3_stmt *insert, struct lk_error *err)
{
    const struct lk_rows_request request = {.wanted = wanted};
    const struct lk_batch *batch = NULL;
    struct lk_cursor *cursor = lk_allocate_zeroed(copy->columns, sizeof *cursor);
    void *from = NULL;
    uint64_t before = 0;
    if (cursor == NULL)
        return lk_fail_memory(err, "copying a table to look into it");
    enum lk_status status = rows->open(rows->context, &request, &from, err);
    while (status == LK_OK && (status = rows->next(from, &batch, err)) == LK_OK && batch != NULL) {
        const int rc = add_batch(copy, insert, batch, cursor, before);
        before += batch->rows;
        if (rc != SQLITE_OK)
            status = fail(copy, rc, err);
    }
    rows->close(from);
    lk_free(cursor);
    return status;
}

/* CREATE TABLE and INSERT. */
static void append_statements(const struct lk_vtab_copy *copy, struct lk_buffer *create,
                              struct lk_buffer *insert)
{
    lk_buffer_append_string(create, "CREATE TABLE copy(rowid_");
    lk_buffer_append_string(insert, "INSERT INTO copy VALUES(?");
    for (size_t i = 0; i < copy->columns; i++) {
        if (copy->position[i] == 0)
            continue;
        lk_buffer_append_format(create, ", v%d", copy->position[i]);
        lk_buffer_append_string(insert, ", ?");
    }
    lk_buffer_append_format(create, ", key NUMERIC COLLATE %s)", copy->collation);
    lk_buffer_append_string(insert, ", ?)");
}

static enum lk_status build(struct lk_vtab_copy *copy, const struct lk_rows *rows, const bool *wanted,
                            struct lk_error *err)
{
    struct lk_buffer create = {0}, insert = {0};
    sqlite3_stmt *statement = NULL;
    append_statements(copy, &create, &insert);
    const char *create_sql = lk_buffer_string(&create), *insert_sql = lk_buffer_string(&insert);
    /* The empty name: a database of its own in a temporary file, which exists once the cache is full. */
    int rc = create_sql == NULL || insert_sql == NULL
                 ? SQLITE_NOMEM
                 : sqlite3_open_v2("", &copy->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(
            copy->db,
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384; BEGIN", NULL,
            NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy->db, create_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(copy->db, insert_sql, -1, &statement, NULL);
    enum lk_status status = rc == SQLITE_OK ? fill(copy, rows, wanted, statement, err) : fail(copy, rc, err);
    (void)sqlite3_finalize(statement);
    if (status == LK_OK) {
        rc = sqlite3_exec(copy->db, "CREATE INDEX by_key ON copy(key); COMMIT", NULL, NULL, NULL);
        status = rc == SQLITE_OK ? LK_OK : fail(copy, rc, err);
    }
    lk_buffer_reset(&create);
    lk_buffer_reset(&insert);
    return status;
}

enum lk_status lk_vtab_copy_new(const struct lk_rows *rows, const bool *wanted, size_t key,
                                const char *collation, enum lk_affinity affinity, struct lk_vtab_copy **out,
                                struct lk_error *err)
{
    struct lk_vtab_copy *copy = lk_allocate_zeroed(1, sizeof *copy);
    if (copy == NULL)
        return lk_fail_memory(err, "copying a table to look into it");
    copy->columns = rows->schema->columns;
    copy->key = key;
    copy->collation = collation;
    copy->affinity = affinity;
    copy->position = lk_allocate_zeroed(copy->columns, sizeof *copy->position);
    enum lk_status status = LK_OK;
    if (copy->position == NULL)
        status = lk_fail_memory(err, "copying a table to look into it");
    int next = 1;
    for (size_t i = 0; status == LK_OK && i < copy->columns; i++)
        copy->position[i] = wanted[i] ? next++ : 0;
    if (status == LK_OK)
        status = build(copy, rows, wanted, err);
    if (status == LK_OK)
        *out = copy;
    else
        lk_vtab_copy_free(copy);
    return status;
}

bool lk_vtab_copy_serves(const struct lk_vtab_copy *copy, const bool *wanted, size_t key,
                         const char *collation)
{
    bool serves = copy->key == key && strcmp(copy->collation, collation) == 0;
    for (size_t i = 0; i < copy->columns && serves; i++)
        serves = !wanted[i] || copy->position[i] != 0;
    return serves;
}

bool lk_vtab_copy_finds(const struct lk_vtab_copy *copy, sqlite3_value *value)
{
    if (copy->affinity == LK_AFFINITY_TEXT && copy->has_real)
        return false;
    if (sqlite3_value_type(value) != SQLITE_FLOAT || !copy->has_text)
        return true;
    const double real = sqlite3_value_double(value);
    return fabs(real) < 1e15 && real == floor(real);
}

enum lk_status lk_vtab_copy_find(const struct lk_vtab_copy *copy, sqlite3_value *value, sqlite3_stmt **out,
                                 struct lk_error *err)
{
    int rc = SQLITE_OK;
    if (*out == NULL)
        rc = sqlite3_prepare_v2(copy->db, "SELECT * FROM copy WHERE key = ?1 ORDER BY rowid", -1, out, NULL);
    else
        (void)sqlite3_reset(*out);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_value(*out, 1, value);
    return rc == SQLITE_OK ? LK_OK : fail(copy, rc, err);
}

int lk_vtab_copy_position(const struct lk_vtab_copy *copy, size_t column)
{
    return copy->position[column];
}
