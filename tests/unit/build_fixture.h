/* Databases built out of others, and compared with them. */
#ifndef LK_TESTS_BUILD_FIXTURE_H
#define LK_TESTS_BUILD_FIXTURE_H

#include "database.h"

#include "base/clock.h"
#include "sqlite/build.h"
#include "sqlite/scan.h"

static struct lk_dir dir; /* opened by set_up */
static struct lk_error err;

static inline int set_up(void **state)
{
    (void)state;
    memset(&err, 0, sizeof err);
    return scratch_make(&dir) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    lk_memory_fail_after(-1, 0);
    return scratch_remove(&dir) ? 0 : -1;
}

#define must(call)                                                                                           \
    do {                                                                                                     \
        if ((call) != LK_OK)                                                                                 \
            fail_msg("%s", err.message);                                                                     \
    } while (0)

/* ---- A database that is read */

struct opened {
    struct lk_source *source;
    struct lk_structure *st;
};

static inline struct opened open_database(const char *path)
{
    struct opened o = {0};
    const struct lk_source_options options = {0};
    must(lk_source_open(path, &options, &o.source, &err));
    must(lk_structure_read(o.source, &o.st, &err));
    return o;
}

static inline void close_database(struct opened *o)
{
    lk_structure_free(o->st);
    lk_source_close(o->source);
}

/* The rows of one table, from one database into a build. */
static inline enum lk_status copy_rows(struct lk_source *source, const struct lk_table_schema *t,
                                       struct lk_build *b)
{
    struct lk_scan *scan = NULL;
    struct lk_batch *batch = lk_batch_new(t->columns, t->hidden_rowid);
    enum lk_scan_event event = LK_SCAN_FULL;
    enum lk_status status = lk_scan_open(source, t, &scan, &err);
    while (status == LK_OK && event != LK_SCAN_END) {
        lk_batch_clear(batch);
        status = lk_scan_next(scan, batch, &event, &err);
        if (status == LK_OK)
            status = lk_build_add(b, batch, &err);
    }
    lk_scan_free(scan);
    lk_batch_free(batch);
    return status;
}

static inline enum lk_status fill(const struct opened *from, const struct lk_structure *st,
                                  struct lk_build *b)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < st->tables && status == LK_OK; i++) {
        bool left_out = false;
        status = lk_build_table(b, st->table[i], &left_out, &err);
        if (status == LK_OK && !left_out)
            status = copy_rows(from->source, st->table[i], b);
    }
    return status;
}

static inline enum lk_status rebuild(const struct opened *from, const char *to, struct lk_build **out)
{
    struct lk_build *b = NULL;
    enum lk_status status = lk_build_new(to, from->st, NULL, &b, &err);
    if (status == LK_OK)
        status = fill(from, from->st, b);
    if (status == LK_OK)
        status = lk_build_finish(b, &err);
    if (status == LK_OK && out != NULL)
        *out = b;
    else
        lk_build_free(b);
    return status;
}

/* ---- Comparing */

static inline void assert_same_text(const struct lk_schema_text *a, const struct lk_schema_text *b)
{
    assert_int_equal(a->class, b->class);
    assert_int_equal(a->len, b->len);
    if (a->len > 0)
        assert_memory_equal(a->ptr, b->ptr, a->len);
}

static inline void assert_same_schema(const struct lk_structure *a, const struct lk_structure *b)
{
    assert_int_equal(a->rows, b->rows);
    for (size_t i = 0; i < a->rows; i++) {
        assert_same_text(&a->row[i].type, &b->row[i].type);
        assert_same_text(&a->row[i].name, &b->row[i].name);
        assert_same_text(&a->row[i].tbl_name, &b->row[i].tbl_name);
        assert_same_text(&a->row[i].sql, &b->row[i].sql);
    }
    assert_int_equal(a->encoding, b->encoding);
    assert_int_equal(a->page_size, b->page_size);
    assert_int_equal(a->auto_vacuum, b->auto_vacuum);
    assert_int_equal(a->user_version, b->user_version);
    assert_int_equal(a->application_id, b->application_id);
    assert_int_equal(a->wal, b->wal);
}

static inline struct lk_hash128 next_hash(struct lk_scan *scan, struct lk_batch *batch,
                                          struct lk_hasher *hasher, bool *end)
{
    struct lk_hash128 hash;
    enum lk_scan_event event;
    lk_batch_clear(batch);
    must(lk_scan_next(scan, batch, &event, &err));
    must(lk_batch_hash(batch, hasher, &hash, &err));
    *end = event == LK_SCAN_END;
    return hash;
}

static inline void assert_same_rows(struct lk_source *a, const struct lk_table_schema *s, struct lk_source *b,
                                    const struct lk_table_schema *t)
{
    static const uint8_t secret[LK_SECRET_SIZE] = {1};
    struct lk_scan *left = NULL, *right = NULL;
    struct lk_hasher *hasher = NULL;
    struct lk_batch *batch = lk_batch_new(s->columns, s->hidden_rowid);
    must(lk_hasher_new(secret, &hasher, &err));
    must(lk_scan_open(a, s, &left, &err));
    must(lk_scan_open(b, t, &right, &err));
    for (bool end = false, other = false; !end;) {
        const struct lk_hash128 wanted = next_hash(left, batch, hasher, &end);
        const struct lk_hash128 found = next_hash(right, batch, hasher, &other);
        if (!lk_hash128_equal(wanted, found) || end != other)
            fail_msg("table %s differs", s->name);
    }
    lk_scan_free(left);
    lk_scan_free(right);
    lk_batch_free(batch);
    lk_hasher_free(hasher);
}

static inline void assert_answer(const char *path, const char *sql, const char *wanted)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    const int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    const char *found = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "(none)";
    assert_string_equal(found == NULL ? "(null)" : found, wanted);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline void assert_sound(const char *path)
{
    assert_answer(path, "PRAGMA integrity_check", "ok");
    assert_answer(path, "PRAGMA freelist_count", "0");
}

static inline void assert_same_database(const struct opened *from, const char *copy)
{
    struct opened to = open_database(copy);
    assert_same_schema(from->st, to.st);
    assert_int_equal(from->st->tables, to.st->tables);
    for (size_t i = 0; i < from->st->tables; i++)
        assert_same_rows(from->source, from->st->table[i], to.source, to.st->table[i]);
    close_database(&to);
}

#define NUMBERS(n) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #n ") "

#endif
