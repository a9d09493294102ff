#include "sqlite/scan.h"

#include <assert.h>
#include <sqlite3.h>

#include "base/memory.h"
#include "base/text.h"
#include "sqlite/connection.h"
#include "sqlite/damage.h"
#include "sqlite/rowid.h"
#include "sqlite/source_internal.h"

#define ROWS_BETWEEN 512                    /* rows between two looks at the clock and the interrupt flag */
#define DIAGNOSIS_LIMIT INT64_C(2000000000) /* ns for finding out what is damaged */

struct lk_scan {
    struct lk_source *source;
    const struct lk_table_schema *table;
    sqlite3_stmt *statement;
    sqlite3_stmt
        *rowids; /* hidden rowids, read in step, when they do not fit among the result columns; else NULL */
    int first_column; /* of the table's columns in the result: 1 behind a hidden rowid */
    int encoding;     /* 1 UTF-8, 2 UTF-16le, 3 UTF-16be */
    int rowid_column; /* of the batch, when the rowid is one of the columns; else -1 */
    bool has_least;   /* begin at the rowid `least` */
    int64_t least;
    size_t keys;
    size_t *key;          /* WITHOUT ROWID: the PRIMARY KEY's columns in key order */
    size_t *stream_bytes; /* WITHOUT ROWID: what each column of the last row takes in its stream */
    uint64_t mask;
    uint64_t rows;
    uint32_t most_rows; /* in one call; 0: as many as a batch takes */
    int64_t last_rowid;
    struct lk_buffer key_bytes; /* scratch: one encoded key */
    struct lk_buffer text;      /* scratch: one converted text */
};

static void append_name(struct lk_buffer *sql, const char *name)
{
    lk_buffer_append_byte(sql, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            lk_buffer_append_byte(sql, '"');
        lk_buffer_append_byte(sql, (uint8_t)*name);
    }
    lk_buffer_append_byte(sql, '"');
}

/* No ORDER BY: the table's own b-tree from its first entry to its last. A rowid table is that b-tree when it
 * is NOT INDEXED. A table WITHOUT ROWID is its PRIMARY KEY's index, which has to be named: NOT INDEXED leaves
 * it to the planner, and that prefers a covering index. */
static void append_from(struct lk_buffer *sql, const struct lk_table_schema *t, const char *key_index)
{
    lk_buffer_append_string(sql, " FROM main.");
    append_name(sql, t->name);
    lk_buffer_append_string(sql, key_index != NULL ? " AS s INDEXED BY " : " AS s NOT INDEXED");
    if (key_index != NULL)
        append_name(sql, key_index);
}

/* The name of the PRIMARY KEY's index in `out`. */
static enum lk_status find_key_index(const struct lk_scan *scan, struct lk_buffer *out, struct lk_error *err)
{
    sqlite3 *db = lk_source_db(scan->source);
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT name FROM pragma_index_list(?1, 'main') WHERE origin = 'pk'", -1,
                                &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, scan->table->name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL)
        lk_buffer_append_string(out, (const char *)sqlite3_column_text(statement, 0));
    (void)sqlite3_finalize(statement);
    if (rc == SQLITE_ROW)
        return lk_buffer_string(out) != NULL ? LK_OK : lk_fail_memory(err, "reading a table");
    return lk_fail(err, LK_UNREADABLE,
                   "%s: table \"%s\": SQLite does not know its PRIMARY KEY (SQLite error %d)",
                   lk_source_facts(scan->source)->path, scan->table->name, rc);
}

static enum lk_status prepare(struct lk_scan *scan, struct lk_buffer *sql, sqlite3_stmt **out,
                              struct lk_error *err)
{
    const char *text = lk_buffer_string(sql);
    if (text == NULL)
        return lk_fail_memory(err, "reading a table");
    sqlite3 *db = lk_source_db(scan->source);
    const int rc = sqlite3_prepare_v3(db, text, (int)sql->len + 1, 0, out, NULL);
    if (rc == SQLITE_OK)
        return LK_OK;
    (void)lk_connection_fail(err, db, rc, lk_source_facts(scan->source)->path, "reading");
    return lk_error_prefix(err, "table \"%s\"", scan->table->name);
}

/* `rowid` is the name of the hidden rowid; NULL: one of the columns is it. */
static void append_least(const struct lk_scan *scan, const char *rowid, struct lk_buffer *sql)
{
    if (!scan->has_least)
        return;
    lk_buffer_append_string(sql, " WHERE s.");
    if (rowid != NULL)
        lk_buffer_append_string(sql, rowid);
    else
        append_name(sql, scan->table->column[scan->rowid_column].name);
    lk_buffer_append_format(sql, ">=%lld", (long long)scan->least);
}

static enum lk_status prepare_all(struct lk_scan *scan, struct lk_error *err)
{
    const struct lk_table_schema *t = scan->table;
    sqlite3 *db = lk_source_db(scan->source);
    const char *rowid = NULL;
    if (t->hidden_rowid) {
        const int rc = lk_rowid_name(db, t->name, &rowid);
        if (rc != SQLITE_OK)
            return lk_connection_fail(err, db, rc, lk_source_facts(scan->source)->path, "reading a table");
        assert(rowid != NULL);
    }
    const bool beside = rowid != NULL && t->columns >= (size_t)sqlite3_limit(db, SQLITE_LIMIT_COLUMN, -1);
    struct lk_buffer key_index = {0};
    struct lk_buffer sql = {0};
    enum lk_status status = LK_OK;
    if (t->without_rowid && (status = find_key_index(scan, &key_index, err)) != LK_OK)
        goto out;
    lk_buffer_append_string(&sql, "SELECT ");
    if (rowid != NULL && !beside) {
        lk_buffer_append_format(&sql, "s.%s,", rowid);
        scan->first_column = 1;
    }
    for (size_t i = 0; i < t->columns; i++) {
        lk_buffer_append_string(&sql, i == 0 ? "s." : ",s.");
        append_name(&sql, t->column[i].name);
    }
    append_from(&sql, t, key_index.len > 0 ? lk_buffer_string(&key_index) : NULL);
    append_least(scan, rowid, &sql);
    status = prepare(scan, &sql, &scan->statement, err);
    if (status == LK_OK && beside) {
        lk_buffer_clear(&sql);
        lk_buffer_append_format(&sql, "SELECT s.%s", rowid);
        append_from(&sql, t, NULL);
        append_least(scan, rowid, &sql);
        status = prepare(scan, &sql, &scan->rowids, err);
    }
out:
    lk_buffer_reset(&key_index);
    lk_buffer_reset(&sql);
    return status;
}

static enum lk_status find_key(struct lk_scan *scan, struct lk_error *err)
{
    const struct lk_table_schema *t = scan->table;
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].is_rowid)
            scan->rowid_column = (int)i;
        scan->keys += t->column[i].key > 0;
    }
    if (!t->without_rowid)
        return LK_OK;
    scan->key = lk_allocate_zeroed(scan->keys + 1, sizeof *scan->key);
    scan->stream_bytes = lk_allocate_zeroed(t->columns, sizeof *scan->stream_bytes);
    if (scan->key == NULL || scan->stream_bytes == NULL)
        return lk_fail_memory(err, "reading a table");
    for (size_t i = 0; i < t->columns; i++)
        if (t->column[i].key > 0 && (size_t)t->column[i].key <= scan->keys)
            scan->key[t->column[i].key - 1] = i;
    return LK_OK;
}

bool lk_scan_has_rowids(const struct lk_table_schema *t)
{
    bool named = t->hidden_rowid;
    for (size_t i = 0; i < t->columns; i++)
        named |= t->column[i].is_rowid;
    return named && !t->without_rowid;
}

static enum lk_status open_scan(struct lk_source *s, const struct lk_table_schema *t, const int64_t *least,
                                struct lk_scan **out, struct lk_error *err)
{
    struct lk_scan *scan = lk_allocate_zeroed(1, sizeof *scan);
    if (scan == NULL)
        return lk_fail_memory(err, "reading a table");
    scan->source = s;
    scan->table = t;
    scan->rowid_column = -1;
    scan->has_least = least != NULL;
    scan->least = least == NULL ? 0 : *least;
    scan->encoding = lk_connection_encoding(lk_source_db(s));
    enum lk_status status = LK_OK;
    if (scan->encoding == 0)
        status = lk_connection_fail(err, lk_source_db(s), sqlite3_extended_errcode(lk_source_db(s)),
                                    lk_source_facts(s)->path, "reading its encoding");
    if (status == LK_OK)
        status = find_key(scan, err);
    if (status == LK_OK)
        status = prepare_all(scan, err);
    if (status == LK_OK)
        *out = scan;
    else
        lk_scan_free(scan);
    return status;
}

enum lk_status lk_scan_open(struct lk_source *s, const struct lk_table_schema *t, struct lk_scan **out,
                            struct lk_error *err)
{
    return open_scan(s, t, NULL, out, err);
}

enum lk_status lk_scan_open_at(struct lk_source *s, const struct lk_table_schema *t, int64_t rowid,
                               struct lk_scan **out, struct lk_error *err)
{
    assert(lk_scan_has_rowids(t));
    return open_scan(s, t, &rowid, out, err);
}

void lk_scan_set_mask(struct lk_scan *scan, uint64_t mask)
{
    scan->mask = mask;
}

void lk_scan_set_rows(struct lk_scan *scan, uint32_t rows)
{
    scan->most_rows = rows;
}

uint64_t lk_scan_rows(const struct lk_scan *scan)
{
    return scan->rows;
}

int64_t lk_scan_rowid(const struct lk_scan *scan)
{
    return scan->last_rowid;
}

void lk_scan_free(struct lk_scan *scan)
{
    if (scan == NULL)
        return;
    (void)sqlite3_finalize(scan->statement);
    (void)sqlite3_finalize(scan->rowids);
    lk_buffer_reset(&scan->key_bytes);
    lk_buffer_reset(&scan->text);
    lk_free(scan->key);
    lk_free(scan->stream_bytes);
    lk_free(scan);
}

static inline uint64_t word_at(const uint8_t *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, sizeof word);
    return word;
}

/* Most texts are ASCII: that is seen here, 32 bytes at a time, without a call. */
static inline bool is_utf8(const uint8_t *ptr, size_t len)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    size_t at = 0;
    for (; at + 32 <= len; at += 32)
        if (((word_at(ptr + at) | word_at(ptr + at + 8) | word_at(ptr + at + 16) | word_at(ptr + at + 24)) &
             high) != 0)
            return lk_utf8_valid(ptr + at, len - at);
    uint64_t rest = 0;
    if (len >= 8) { /* the last word may overlap the one before */
        for (size_t i = at; i + 8 <= len; i += 8)
            rest |= word_at(ptr + i);
        rest |= word_at(ptr + len - 8);
    } else {
        for (size_t i = 0; i < len; i++)
            rest |= (uint64_t)ptr[i];
    }
    return (rest & high) == 0 || lk_utf8_valid(ptr, len);
}

/* A text of a UTF-16 database: converted where it can be, else as it is. False when memory is out. */
static bool add_utf16(struct lk_scan *scan, struct lk_batch *b, struct lk_column *c, const uint8_t *ptr,
                      size_t len)
{
    if (len == 0) {
        lk_column_add_bytes(b, c, LK_TEXT, NULL, 0);
        return true;
    }
    lk_buffer_clear(&scan->text);
    if (lk_utf16_to_utf8(ptr, len, scan->encoding == 3, &scan->text))
        lk_column_add_bytes(b, c, LK_TEXT, scan->text.data, scan->text.len);
    else if (!scan->text.failed)
        lk_column_add_bytes(b, c, LK_RAWTEXT, ptr, len);
    return !scan->text.failed;
}

/* Add one value. SQLite's functions for values are as good here as those for columns, which lock and check
 * each time: the connection has one thread and no mutex. The bytes of a text are asked for as a blob: so
 * SQLite neither converts nor copies them. */
static inline bool add_value(struct lk_scan *scan, struct lk_batch *b, struct lk_column *c, sqlite3_value *v)
{
    switch (sqlite3_value_type(v)) {
    case SQLITE_INTEGER:
        lk_column_add_integer(b, c, sqlite3_value_int64(v));
        return true;
    case SQLITE_FLOAT:
        lk_column_add_real(b, c, sqlite3_value_double(v));
        return true;
    case SQLITE_TEXT: {
        const uint8_t *ptr = sqlite3_value_blob(v);
        if (scan->encoding != 1)
            return add_utf16(scan, b, c, ptr, (size_t)sqlite3_value_bytes16(v));
        const size_t len = (size_t)sqlite3_value_bytes(v);
        if (ptr == NULL && len > 0)
            return false;
        lk_column_add_bytes(b, c, is_utf8(ptr, len) ? LK_TEXT : LK_RAWTEXT, ptr, len);
        return true;
    }
    case SQLITE_BLOB: {
        const void *ptr = sqlite3_value_blob(v);
        const size_t len = (size_t)sqlite3_value_bytes(v);
        if (ptr == NULL && len > 0)
            return false;
        lk_column_add_bytes(b, c, LK_BLOB, ptr, len);
        return true;
    }
    default:
        lk_column_add_null(b, c);
        return true;
    }
}

/* A key's column as it enters the hash: its class byte, then its bytes in the stream, which are the last
 * `bytes` of it. */
static void append_key_value(struct lk_buffer *key, const struct lk_column *c, size_t bytes)
{
    if (c->classes.failed || c->classes.len == 0) {
        key->failed = true;
        return;
    }
    const uint8_t class = c->classes.data[c->classes.len - 1];
    const struct lk_buffer *stream = &c->values[class];
    if (stream->failed || stream->len < bytes) {
        key->failed = true;
        return;
    }
    lk_buffer_append_byte(key, class);
    if (bytes > 0)
        lk_buffer_append(key, stream->data + stream->len - bytes, bytes);
}

static bool ends_part(struct lk_scan *scan, const struct lk_batch *b)
{
    if (!scan->table->without_rowid) {
        uint8_t rowid[8];
        lk_put_u64(rowid, (uint64_t)scan->last_rowid);
        return (lk_key_hash(rowid, sizeof rowid) & scan->mask) == 0;
    }
    lk_buffer_clear(&scan->key_bytes);
    for (size_t i = 0; i < scan->keys; i++)
        append_key_value(&scan->key_bytes, &b->column[scan->key[i]], scan->stream_bytes[scan->key[i]]);
    return !scan->key_bytes.failed &&
           (lk_key_hash(scan->key_bytes.data, scan->key_bytes.len) & scan->mask) == 0;
}

/* The row that the statement stands on. False when memory is out. */
static bool add_row(struct lk_scan *scan, struct lk_batch *b)
{
    sqlite3_stmt *statement = scan->statement;
    const size_t columns = b->columns;
    struct lk_column *column = b->column;
    const int first = scan->first_column;
    if (scan->rowids != NULL)
        scan->last_rowid = sqlite3_column_int64(scan->rowids, 0);
    else if (first == 1)
        scan->last_rowid = sqlite3_column_int64(statement, 0);
    else if (scan->rowid_column >= 0)
        scan->last_rowid = sqlite3_column_int64(statement, scan->rowid_column);
    bool added = true;
    for (size_t i = 0; i < columns; i++) {
        const uint64_t before = b->raw_bytes;
        added &= add_value(scan, b, &column[i], sqlite3_column_value(statement, first + (int)i));
        if (scan->stream_bytes != NULL)
            scan->stream_bytes[i] = (size_t)(b->raw_bytes - before - 1);
    }
    lk_batch_end_row(b, scan->last_rowid);
    scan->rows++;
    return added;
}

static int step(struct lk_scan *scan)
{
    const int rc = sqlite3_step(scan->statement);
    if (scan->rowids == NULL)
        return rc;
    const int other = sqlite3_step(scan->rowids);
    if (rc == other)
        return rc;
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? (other == SQLITE_ROW || other == SQLITE_DONE ? SQLITE_CORRUPT : other)
               : rc;
}

/* The table cannot be read on: because the file was written under us, or because it is
 * damaged. */
static enum lk_status stopped(struct lk_scan *scan, int rc, enum lk_scan_event *event, struct lk_error *err)
{
    sqlite3 *db = lk_source_db(scan->source);
    const char *path = lk_source_facts(scan->source)->path;
    bool restart = false;
    const enum lk_status confirmed = lk_source_confirm(scan->source, &restart, err);
    if (confirmed != LK_OK)
        return confirmed;
    if (restart) {
        *event = LK_SCAN_RESTART;
        return LK_OK;
    }
    const int kind = rc & 0xff;
    const bool damaged = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
    char *why = lk_format("%s (SQLite error %d)", sqlite3_errmsg(db), rc);
    struct lk_buffer found = {0};
    enum lk_status status;
    if (kind == SQLITE_NOMEM || why == NULL) {
        status = lk_fail_memory(err, "reading a table");
    } else if (!damaged) {
        status = lk_connection_fail(err, db, rc, path, "reading");
        if (status == LK_UNREADABLE)
            status = lk_error_prefix(err, "table \"%s\", after %llu rows", scan->table->name,
                                     (unsigned long long)scan->rows);
    } else {
        lk_damage_describe(db, scan->table->name, DIAGNOSIS_LIMIT, &found);
        const char *details = found.len > 0 ? lk_buffer_string(&found) : NULL;
        status = lk_fail(err, LK_UNREADABLE,
                         "%s: table \"%s\": damaged after %llu rows: %s%s%s; save what can be read with the "
                         "sqlite3 shell's .recover, or "
                         "restore a backup",
                         path, scan->table->name, (unsigned long long)scan->rows, why,
                         details == NULL ? "" : ": ", details == NULL ? "" : details);
    }
    lk_buffer_reset(&found);
    lk_free(why);
    return status;
}

enum lk_status lk_scan_next(struct lk_scan *scan, struct lk_batch *batch, enum lk_scan_event *event,
                            struct lk_error *err)
{
    assert(batch->columns == scan->table->columns && batch->hidden_rowid == scan->table->hidden_rowid);
    const atomic_bool *interrupt = scan->source->interrupt;
    const uint64_t last_row = scan->most_rows == 0 ? UINT64_MAX : scan->rows + scan->most_rows;
    for (unsigned since = 0;; since++) {
        if (since % ROWS_BETWEEN == 0) {
            if (interrupt != NULL && atomic_load(interrupt))
                return lk_fail(err, LK_INTERRUPTED, "%s: interrupted while table \"%s\" was read",
                               lk_source_facts(scan->source)->path, scan->table->name);
            if (lk_source_expired(scan->source)) {
                *event = LK_SCAN_RESTART;
                return LK_OK;
            }
        }
        const int rc = step(scan);
        if (rc == SQLITE_DONE) {
            *event = LK_SCAN_END;
            break;
        }
        if (rc != SQLITE_ROW)
            return stopped(scan, rc, event, err);
        if (!add_row(scan, batch))
            return lk_fail_memory(err, "reading a table");
        if (scan->mask != 0 && ends_part(scan, batch)) {
            *event = LK_SCAN_BOUNDARY;
            break;
        }
        if (lk_batch_full(batch) || scan->rows == last_row) {
            *event = LK_SCAN_FULL;
            break;
        }
    }
    if (scan->key_bytes.failed)
        return lk_fail_memory(err, "reading a table");
    return lk_batch_check(batch, err);
}
