#include "sqlite/build_internal.h"

#include "base/memory.h"
#include "base/text.h"

#define ROWS_BETWEEN 512 /* rows between two looks at the interrupt flag */

void lk_build_fill_end(struct lk_build_fill *f)
{
    (void)sqlite3_finalize(f->insert);
    f->insert = NULL;
    f->table = NULL;
    f->rows = 0;
}

void lk_build_fill_reset(struct lk_build_fill *f)
{
    lk_build_fill_end(f);
    lk_buffer_reset(&f->text);
    lk_free(f->cursor);
    lk_free(f->text_at);
    *f = (struct lk_build_fill){0};
}

static bool make_room(struct lk_build_fill *f, size_t columns)
{
    if (columns <= f->room)
        return true;
    struct lk_cursor *cursor = lk_reallocate(f->cursor, columns * sizeof *cursor);
    if (cursor != NULL)
        f->cursor = cursor;
    size_t *text_at = cursor == NULL ? NULL : lk_reallocate(f->text_at, columns * sizeof *text_at);
    if (text_at == NULL)
        return false;
    f->text_at = text_at;
    f->room = columns;
    return true;
}

enum lk_status lk_build_fill_begin(struct lk_build *b, const struct lk_build_object *o, struct lk_error *err)
{
    const struct lk_table_schema *t = o->table;
    struct lk_build_fill *f = &b->fill;
    lk_build_fill_end(f);
    struct lk_buffer sql = {0};
    lk_buffer_append_string(&sql, "INSERT INTO main.");
    lk_build_roots_name(b, o, &sql);
    lk_buffer_append_string(&sql, t->hidden_rowid ? "(rowid," : "(");
    for (size_t i = 0; i < t->columns; i++)
        lk_buffer_append_format(&sql, "%sc%zu", i == 0 ? "" : ",", i);
    lk_buffer_append_string(&sql, t->hidden_rowid ? ") VALUES(?," : ") VALUES(");
    for (size_t i = 0; i < t->columns; i++)
        lk_buffer_append_string(&sql, i == 0 ? "?" : ",?");
    lk_buffer_append_string(&sql, ")");
    enum lk_status status = LK_OK;
    const char *text = lk_buffer_string(&sql);
    if (text == NULL || !make_room(f, t->columns)) {
        status = lk_fail_memory(err, "adding rows");
    } else {
        const int rc =
            sqlite3_prepare_v3(b->db, text, (int)sql.len + 1, SQLITE_PREPARE_PERSISTENT, &f->insert, NULL);
        if (rc != SQLITE_OK)
            status = lk_build_fail(b, rc, "adding rows", err);
    }
    lk_buffer_reset(&sql);
    if (status == LK_OK)
        f->table = t;
    return status;
}

/* SQLite takes a byte order mark away from the beginning of UTF-16 text: one that belongs to the text needs
 * another before it. */
static bool has_mark(const uint8_t *ptr, size_t len)
{
    return len >= 2 && ((ptr[0] == 0xff && ptr[1] == 0xfe) || (ptr[0] == 0xfe && ptr[1] == 0xff));
}

static void append_mark(struct lk_buffer *out, bool big_endian)
{
    lk_buffer_append(out, big_endian ? "\xfe\xff" : "\xff\xfe", 2);
}

/* The text in the UTF-16 database's encoding, as it has to be bound. */
static void append_utf16(struct lk_buffer *out, struct lk_bytes text, bool raw, bool big_endian)
{
    if (raw && has_mark(text.ptr, text.len))
        append_mark(out, big_endian);
    if (raw) {
        lk_buffer_append(out, text.ptr, text.len);
        return;
    }
    /* U+FEFF, and U+FFFE, which reads as a mark of the other order. */
    static const uint8_t marks[2][3] = {{0xef, 0xbb, 0xbf}, {0xef, 0xbf, 0xbe}};
    if (text.len >= 3 && (memcmp(text.ptr, marks[0], 3) == 0 || memcmp(text.ptr, marks[1], 3) == 0))
        append_mark(out, big_endian);
    if (text.len > 0)
        lk_utf8_to_utf16(text.ptr, text.len, big_endian, out);
}

static unsigned char utf16_of(const struct lk_build *b)
{
    return b->st->encoding == 3 ? SQLITE_UTF16BE : SQLITE_UTF16LE;
}

int lk_build_fill_bind_text(struct lk_build *b, sqlite3_stmt *statement, int at,
                            const struct lk_schema_text *text)
{
    if (text->class == LK_NULL || text->ptr == NULL)
        return sqlite3_bind_null(statement, at);
    if (b->st->encoding == 1)
        return sqlite3_bind_text64(statement, at, text->ptr, text->len, SQLITE_STATIC, SQLITE_UTF8);
    struct lk_buffer *out = &b->fill.text;
    lk_buffer_clear(out);
    append_utf16(out, lk_bytes(text->ptr, text->len), text->class == LK_RAWTEXT, b->st->encoding == 3);
    if (out->failed)
        return SQLITE_NOMEM;
    return sqlite3_bind_text64(statement, at, out->len == 0 ? "" : (const char *)out->data, out->len,
                               SQLITE_TRANSIENT, utf16_of(b));
}

/* A pointer for no bytes: NULL would be bound as NULL. */
static const char *not_null(struct lk_bytes bytes)
{
    return bytes.len == 0 ? "" : (const char *)bytes.ptr;
}

static int bind_bytes(sqlite3_stmt *insert, int at, const struct lk_value *v)
{
    return v->class == LK_BLOB
               ? sqlite3_bind_blob64(insert, at, not_null(v->bytes), v->bytes.len, SQLITE_STATIC)
               : sqlite3_bind_text64(insert, at, not_null(v->bytes), v->bytes.len, SQLITE_STATIC,
                                     SQLITE_UTF8);
}

static inline int bind_value(sqlite3_stmt *insert, int at, const struct lk_value *v)
{
    switch (v->class) {
    case LK_NULL:
        return sqlite3_bind_null(insert, at);
    case LK_INTEGER:
        return sqlite3_bind_int64(insert, at, v->integer);
    case LK_REAL:
        return sqlite3_bind_double(insert, at, v->real);
    case LK_TEXT:
    case LK_BLOB:
    case LK_RAWTEXT:
        return bind_bytes(insert, at, v);
    }
    return SQLITE_MISUSE;
}

/* Texts of one row of a UTF-16 database are converted into one buffer, which may move while it grows: so they
 * are bound when all are there. */
static int bind_utf16_row(struct lk_build *b, int first)
{
    struct lk_build_fill *f = &b->fill;
    const size_t columns = f->table->columns;
    int rc = SQLITE_OK;
    lk_buffer_clear(&f->text);
    for (size_t i = 0; i < columns && rc == SQLITE_OK; i++) {
        const struct lk_value v = lk_cursor_next(&f->cursor[i]);
        f->text_at[i] = SIZE_MAX;
        if (v.class == LK_TEXT || v.class == LK_RAWTEXT) {
            f->text_at[i] = f->text.len;
            append_utf16(&f->text, v.bytes, v.class == LK_RAWTEXT, b->st->encoding == 3);
        } else {
            rc = bind_value(f->insert, first + (int)i, &v);
        }
    }
    if (f->text.failed)
        return SQLITE_NOMEM;
    size_t end = f->text.len;
    for (size_t i = columns; i-- > 0 && rc == SQLITE_OK;) {
        if (f->text_at[i] == SIZE_MAX)
            continue;
        const size_t len = end - f->text_at[i];
        end = f->text_at[i];
        rc = sqlite3_bind_text64(f->insert, first + (int)i,
                                 len == 0 ? "" : (const char *)f->text.data + f->text_at[i], len,
                                 SQLITE_STATIC, utf16_of(b));
    }
    return rc;
}

static int bind_row(struct lk_build *b, int first)
{
    struct lk_build_fill *f = &b->fill;
    const size_t columns = f->table->columns;
    int rc = SQLITE_OK;
    if (b->st->encoding != 1)
        return bind_utf16_row(b, first);
    for (size_t i = 0; i < columns; i++) {
        const struct lk_value v = lk_cursor_next(&f->cursor[i]);
        rc |= bind_value(f->insert, first + (int)i, &v);
    }
    return rc;
}

static enum lk_status refused(struct lk_build *b, int rc, struct lk_error *err)
{
    const struct lk_build_fill *f = &b->fill;
    const unsigned long long row = f->rows + 1;
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return lk_fail(err, LK_DAMAGED, "table \"%s\": row %llu has the key of another row, or none (%s)",
                       f->table->name, row, sqlite3_errmsg(b->db));
    case SQLITE_TOOBIG:
        return lk_fail(err, LK_DAMAGED, "table \"%s\": row %llu is larger than SQLite allows", f->table->name,
                       row);
    default:
        (void)lk_build_fail(b, rc, "adding rows", err);
        return lk_error_prefix(err, "table \"%s\"", f->table->name);
    }
}

/* SQLite would choose a rowid where there is none. */
static enum lk_status check_rowids(const struct lk_build_fill *f, const struct lk_batch *batch,
                                   struct lk_error *err)
{
    for (size_t i = 0; i < f->table->columns; i++)
        if (f->table->column[i].is_rowid && batch->column[i].counts[LK_INTEGER] != batch->rows)
            return lk_fail(err, LK_DAMAGED,
                           "table \"%s\": a value of its INTEGER PRIMARY KEY is not an integer",
                           f->table->name);
    return LK_OK;
}

enum lk_status lk_build_fill_add(struct lk_build *b, const struct lk_batch *batch, struct lk_error *err)
{
    struct lk_build_fill *f = &b->fill;
    const int first = f->table->hidden_rowid ? 2 : 1;
    const enum lk_status status = check_rowids(f, batch, err);
    if (status != LK_OK)
        return status;
    for (size_t i = 0; i < batch->columns; i++)
        f->cursor[i] = lk_cursor_at_start(&batch->column[i]);
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (row % ROWS_BETWEEN == 0 && b->interrupt != NULL && atomic_load(b->interrupt))
            return lk_fail(err, LK_INTERRUPTED, "%s: interrupted while rows were added to table \"%s\"",
                           b->path, f->table->name);
        int rc = first == 2 ? sqlite3_bind_int64(f->insert, 1, lk_batch_rowid(batch, row)) : SQLITE_OK;
        rc |= bind_row(b, first);
        if (rc != SQLITE_OK)
            return refused(b, sqlite3_errcode(b->db) == SQLITE_OK ? rc : sqlite3_errcode(b->db), err);
        rc = sqlite3_step(f->insert);
        if (rc != SQLITE_DONE) {
            const enum lk_status failed = refused(b, rc, err);
            (void)sqlite3_reset(f->insert);
            return failed;
        }
        rc = sqlite3_reset(f->insert);
        if (rc != SQLITE_OK)
            return refused(b, rc, err);
        f->rows++;
    }
    return LK_OK;
}
