#include "database.h"

#include <fcntl.h>
#include <math.h>
#include <time.h>

#include "sqlite/scan.h"
#include "sqlite/structure.h"

struct fixture {
    struct lk_dir dir;
    struct lk_source_options options;
    struct lk_source *source;
    struct lk_structure *structure;
    struct lk_scan *scan;
    struct lk_batch *batch;
    struct lk_error err;
};

static int set_up(void **state)
{
    struct fixture *f = lk_allocate_zeroed(1, sizeof *f);
    *state = f;
    f->options.network = LK_NETWORK_NO;
    return scratch_make(&f->dir) ? 0 : -1;
}

static void close_all(struct fixture *f)
{
    lk_scan_free(f->scan);
    lk_batch_free(f->batch);
    lk_structure_free(f->structure);
    lk_source_close(f->source);
    f->scan = NULL;
    f->batch = NULL;
    f->structure = NULL;
    f->source = NULL;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close_all(f);
    const bool removed = scratch_remove(&f->dir);
    lk_free(f);
    return removed ? 0 : -1;
}

static const struct lk_table_schema *table(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->structure->tables; i++)
        if (strcmp(f->structure->table[i]->name, name) == 0)
            return f->structure->table[i];
    fail_msg("no table %s", name);
    return NULL;
}

/* Open the database at `path` and begin to scan a table. */
static const struct lk_table_schema *open_path(struct fixture *f, const char *path, const char *name)
{
    if (lk_source_open(path, &f->options, &f->source, &f->err) != LK_OK ||
        lk_structure_read(f->source, &f->structure, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
    const struct lk_table_schema *t = table(f, name);
    if (lk_scan_open(f->source, t, &f->scan, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
    f->batch = lk_batch_new(t->columns, t->hidden_rowid);
    assert_non_null(f->batch);
    return t;
}

static const struct lk_table_schema *begin(struct fixture *f, const char *sql, const char *name)
{
    make_database(in_scratch(&f->dir, "a.db"), sql);
    return open_path(f, in_scratch(&f->dir, "a.db"), name);
}

static enum lk_scan_event next(struct fixture *f)
{
    enum lk_scan_event event = LK_SCAN_END;
    if (lk_scan_next(f->scan, f->batch, &event, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
    return event;
}

static struct lk_value value(const struct fixture *f, size_t column, uint32_t row)
{
    struct lk_cursor c = lk_cursor_at_start(&f->batch->column[column]);
    for (uint32_t i = 0; i < row; i++)
        (void)lk_cursor_next(&c);
    return lk_cursor_next(&c);
}

static void assert_bytes(struct lk_value v, enum lk_class class, const char *bytes, size_t len)
{
    assert_int_equal(v.class, class);
    assert_int_equal(v.bytes.len, len);
    if (len > 0)
        assert_memory_equal(v.bytes.ptr, bytes, len);
}

static void a_call_brings_no_more_rows_than_asked_for(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) "
          "INSERT "
          "INTO t SELECT i FROM n",
          "t");
    static const uint32_t asked[] = {3, 1, 5, 7}, got[] = {3, 1, 5, 1};
    for (size_t i = 0; i < 4; i++) {
        lk_batch_clear(f->batch);
        lk_scan_set_rows(f->scan, asked[i]);
        assert_int_equal(next(f), got[i] == asked[i] ? LK_SCAN_FULL : LK_SCAN_END);
        assert_int_equal(f->batch->rows, got[i]);
    }
    assert_int_equal(lk_scan_rows(f->scan), 10);
}

static void a_scan_begins_at_the_rowid_asked_for(void **state)
{
    struct fixture *f = *state;
    struct lk_buffer sql = {0};
    lk_buffer_append_string(
        &sql, "CREATE TABLE alias(a, \"the \"\"key\" INTEGER PRIMARY KEY); CREATE INDEX i ON "
              "alias(a); INSERT INTO alias(\"the \"\"key\") VALUES(-5), (0), (7), "
              "(9223372036854775807), (-9223372036854775808);"
              "CREATE TABLE hidden(rowid, a); INSERT INTO hidden(_rowid_, rowid) VALUES(-5, 9), "
              "(0, 8), (7, 1), (9223372036854775807, 0), (-9223372036854775808, 0);"
              "CREATE TABLE wide(c0");
    for (int i = 1; i < 2000; i++)
        lk_buffer_append_format(&sql, ",c%d", i);
    lk_buffer_append_string(&sql,
                            "); INSERT INTO wide(rowid) VALUES(-5), (0), (7), (9223372036854775807), "
                            "(-9223372036854775808);"
                            "CREATE TABLE w(k INTEGER PRIMARY KEY) WITHOUT ROWID; CREATE TABLE none(rowid, "
                            "_rowid_, oid)");
    begin(f, lk_buffer_string(&sql), "alias");
    lk_buffer_reset(&sql);
    static const struct {
        int64_t least;
        uint32_t rows;
        int64_t first;
    } cases[] = {{INT64_MIN, 5, INT64_MIN}, {INT64_MIN + 1, 4, -5},   {0, 3, 0}, {1, 2, 7},
                 {8, 1, INT64_MAX},         {INT64_MAX, 1, INT64_MAX}};
    static const char *const names[] = {"alias", "hidden", "wide"};
    for (size_t t = 0; t < 3; t++) {
        const struct lk_table_schema *schema = table(f, names[t]);
        assert_true(lk_scan_has_rowids(schema));
        assert_true(lk_batch_reshape(f->batch, schema->columns, schema->hidden_rowid));
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            lk_scan_free(f->scan);
            f->scan = NULL;
            assert_int_equal(lk_scan_open_at(f->source, schema, cases[i].least, &f->scan, &f->err), LK_OK);
            lk_batch_clear(f->batch);
            lk_scan_set_rows(f->scan, 1);
            assert_int_equal(next(f), LK_SCAN_FULL);
            assert_true(lk_scan_rowid(f->scan) == cases[i].first);
            lk_scan_set_rows(f->scan, 0);
            assert_int_equal(next(f), LK_SCAN_END);
            assert_int_equal(f->batch->rows, cases[i].rows);
            assert_true(lk_scan_rowid(f->scan) == INT64_MAX);
        }
    }
    assert_false(lk_scan_has_rowids(table(f, "w")));
    assert_false(lk_scan_has_rowids(table(f, "none")));
}

static void each_value_keeps_its_class_and_its_bytes(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(a); INSERT INTO t VALUES"
          "(NULL),(0),(1),(-1),(9223372036854775807),(-9223372036854775808),(9007199254740993),("
          "140737488355328),"
          "(0.0),(-0.0),(1.5),(9e999),(-9e999),(5e-324),"
          "(''),('text'),('gr\xc3\xbc\xc3\x9f'),(CAST(x'610062' AS TEXT)),(CAST(x'ff' AS "
          "TEXT)),(CAST(x'eda080' AS TEXT)),"
          "(x''),(x'00ff'),('1234567\xc3\xa9')",
          "t");
    assert_int_equal(next(f), LK_SCAN_END);
    assert_int_equal(f->batch->rows, 23);
    assert_int_equal(value(f, 0, 0).class, LK_NULL);
    static const int64_t integers[] = {
        0, 1, -1, INT64_MAX, INT64_MIN, 9007199254740993, INT64_C(140737488355328)};
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(value(f, 0, 1 + i).class, LK_INTEGER);
        assert_true(value(f, 0, 1 + i).integer == integers[i]);
    }
    static const double reals[] = {0.0, -0.0, 1.5, INFINITY, -INFINITY, 5e-324};
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(value(f, 0, 8 + i).class, LK_REAL);
        const double got = value(f, 0, 8 + i).real;
        /* A literal -0.0 is stored as the negation that SQLite makes of it. */
        assert_true(i == 1 ? got == 0.0 : memcmp(&got, &reals[i], sizeof got) == 0);
    }
    assert_bytes(value(f, 0, 14), LK_TEXT, "", 0);
    assert_bytes(value(f, 0, 15), LK_TEXT, "text", 4);
    assert_bytes(value(f, 0, 16), LK_TEXT, "gr\xc3\xbc\xc3\x9f", 6);
    assert_bytes(value(f, 0, 17), LK_TEXT, "a\0b", 3);
    assert_bytes(value(f, 0, 18), LK_RAWTEXT, "\xff", 1);
    assert_bytes(value(f, 0, 19), LK_RAWTEXT, "\xed\xa0\x80", 3);
    assert_bytes(value(f, 0, 20), LK_BLOB, "", 0);
    assert_bytes(value(f, 0, 21), LK_BLOB, "\0\xff", 2);
    assert_bytes(value(f, 0, 22), LK_TEXT, "1234567\xc3\xa9", 9);
}

static void a_negative_zero_stays_negative(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    assert_int_equal(sqlite3_open(in_scratch(&f->dir, "a.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(a, b REAL)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t VALUES(?1, ?1)", -1, &insert, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_double(insert, 1, -0.0), SQLITE_OK);
    assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
    (void)sqlite3_finalize(insert);
    sqlite3_stmt *ask = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT a, b FROM t", -1, &ask, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
    const double a = sqlite3_column_double(ask, 0);
    const double b = sqlite3_column_double(ask, 1);
    (void)sqlite3_finalize(ask);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_true(signbit(a));
    open_path(f, in_scratch(&f->dir, "a.db"), "t");
    (void)next(f);
    assert_int_equal(value(f, 0, 0).class, LK_REAL);
    assert_true(signbit(value(f, 0, 0).real));
    assert_int_equal(value(f, 1, 0).class, LK_REAL);
    assert_true(signbit(value(f, 1, 0).real) == signbit(b));
}

static void affinity_does_not_change_what_is_stored(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(i INTEGER, r REAL, n DECIMAL, x TEXT);"
          "INSERT INTO t VALUES('007', 5, '5.00', 7), ('abc', 'x', 2.5, x'41'), (x'00', NULL, 1e18, 1.5)",
          "t");
    (void)next(f);
    assert_int_equal(value(f, 0, 0).integer, 7);
    assert_int_equal(value(f, 1, 0).class, LK_REAL);
    assert_true(value(f, 1, 0).real == 5.0);
    assert_int_equal(value(f, 2, 0).class, LK_INTEGER);
    assert_bytes(value(f, 3, 0), LK_TEXT, "7", 1);
    assert_bytes(value(f, 0, 1), LK_TEXT, "abc", 3);
    assert_bytes(value(f, 1, 1), LK_TEXT, "x", 1);
    assert_int_equal(value(f, 2, 1).class, LK_REAL);
    assert_bytes(value(f, 3, 1), LK_BLOB, "A", 1);
    assert_int_equal(value(f, 2, 2).class, LK_INTEGER);
}

static void text_of_a_utf16_database_is_converted_when_that_loses_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const encodings[] = {"UTF-16le", "UTF-16be"};
    for (int big = 0; big < 2; big++) {
        char sql[512];
        /* A lone surrogate before an A, an odd length, a whole pair (U+1F600), NUL inside, BOM first. */
        (void)snprintf(sql, sizeof sql,
                       "PRAGMA encoding='%s'; CREATE TABLE t(a, b TEXT);"
                       "INSERT INTO t VALUES('gr\xc3\xbc\xc3\x9f', 'z'), (CAST(x'%s' AS TEXT), 1), "
                       "(CAST(x'%s' AS TEXT), x'00'),"
                       "('\xf0\x9f\x98\x80', ''), (CAST(x'%s' AS TEXT), NULL), (CAST(x'%s' AS TEXT), 'q')",
                       encodings[big], big ? "d8000041" : "00d84100", "410042",
                       big ? "006100000062" : "610000006200", big ? "feff0061" : "fffe6100");
        make_database(in_scratch(&f->dir, encodings[big]), sql);
        open_path(f, in_scratch(&f->dir, encodings[big]), "t");
        (void)next(f);
        assert_int_equal(f->batch->rows, 6);
        assert_bytes(value(f, 0, 0), LK_TEXT, "gr\xc3\xbc\xc3\x9f", 6);
        assert_bytes(value(f, 0, 1), LK_RAWTEXT,
                     big ? "\xd8\0\0A"
                         : "\0\xd8"
                           "A\0",
                     4);
        assert_bytes(value(f, 0, 3), LK_TEXT, "\xf0\x9f\x98\x80", 4);
        assert_bytes(value(f, 0, 4), LK_TEXT, "a\0b", 3);
        assert_bytes(value(f, 0, 5), LK_TEXT,
                     "\xef\xbb\xbf"
                     "a",
                     4);
        assert_bytes(value(f, 1, 0), LK_TEXT, "z", 1);
        assert_bytes(value(f, 1, 1), LK_TEXT, "1", 1);
        assert_bytes(value(f, 1, 2), LK_BLOB, "\0", 1);
        assert_bytes(value(f, 1, 3), LK_TEXT, "", 0);
        close_all(f);
    }
}

static void hidden_rowids_come_in_order_under_whichever_name_is_free(void **state)
{
    struct fixture *f = *state;
    static const char *const columns[] = {"a", "rowid", "\"rowid\", \"OID\"", "_rowid_, oid",
                                          "a, rowid AS (1) VIRTUAL"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        char sql[512];
        (void)snprintf(
            sql, sizeof sql,
            "DROP TABLE IF EXISTS t; CREATE TABLE t(%s, v); INSERT INTO t(v) VALUES(1),(2),(3),(4);"
            "DELETE FROM t WHERE v = 2",
            columns[i]);
        const struct lk_table_schema *t = begin(f, sql, "t");
        assert_true(t->hidden_rowid);
        assert_int_equal(next(f), LK_SCAN_END);
        assert_int_equal(f->batch->rows, 3);
        static const int64_t rowids[] = {1, 3, 4};
        for (uint32_t r = 0; r < 3; r++) {
            assert_int_equal(lk_batch_rowid(f->batch, r), rowids[r]);
            assert_int_equal(value(f, t->columns - 1, r).integer, rowids[r]);
        }
        close_all(f);
    }
}

static void a_table_that_hides_its_rowids_altogether_is_still_read(void **state)
{
    struct fixture *f = *state;
    const struct lk_table_schema *t =
        begin(f, "CREATE TABLE t(rowid, _rowid_, oid); INSERT INTO t VALUES(7,8,9)", "t");
    assert_false(t->hidden_rowid);
    assert_int_equal(f->structure->reasons, 1);
    (void)next(f);
    assert_int_equal(value(f, 0, 0).integer, 7);
    assert_int_equal(value(f, 2, 0).integer, 9);
}

static void as_many_columns_as_sqlite_allows_leave_room_for_the_rowid(void **state)
{
    struct fixture *f = *state;
    struct lk_buffer sql = {0};
    lk_buffer_append_string(&sql, "CREATE TABLE t(c0");
    for (int i = 1; i < 2000; i++)
        lk_buffer_append_format(&sql, ",c%d", i);
    lk_buffer_append_string(&sql, "); INSERT INTO t(rowid, c0, c1999) VALUES(5, 'first', 'last'), (7, 1, 2)");
    const struct lk_table_schema *t = begin(f, lk_buffer_string(&sql), "t");
    lk_buffer_reset(&sql);
    assert_int_equal(t->columns, 2000);
    assert_int_equal(next(f), LK_SCAN_END);
    assert_int_equal(f->batch->rows, 2);
    assert_int_equal(lk_batch_rowid(f->batch, 0), 5);
    assert_int_equal(lk_batch_rowid(f->batch, 1), 7);
    assert_bytes(value(f, 0, 0), LK_TEXT, "first", 5);
    assert_int_equal(value(f, 1999, 1).integer, 2);
}

static void rows_come_in_key_order_even_beside_a_covering_index(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b);"
          "INSERT INTO t VALUES(3,'a'),(-9223372036854775808,'z'),(1,'c'),(9223372036854775807,'b')",
          "t");
    (void)next(f);
    static const int64_t order[] = {INT64_MIN, 1, 3, INT64_MAX};
    for (uint32_t i = 0; i < 4; i++)
        assert_true(value(f, 0, i).integer == order[i]);
}

static void rows_without_rowid_come_in_the_order_of_their_key(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(a, b, c, PRIMARY KEY(c DESC, a)) WITHOUT ROWID; CREATE INDEX i ON t(b, a, c);"
          "INSERT INTO t VALUES(1,1,1),(2,1,1),(1,2,2),(0,9,1)",
          "t");
    (void)next(f);
    static const int64_t order[][3] = {{1, 2, 2}, {0, 9, 1}, {1, 1, 1}, {2, 1, 1}};
    for (uint32_t r = 0; r < 4; r++)
        for (size_t c = 0; c < 3; c++)
            assert_int_equal(value(f, c, r).integer, order[r][c]);
}

static void a_table_in_a_collation_of_an_application_is_read(void **state)
{
    struct fixture *f = *state;
    make_database(
        in_scratch(&f->dir, "a.db"),
        "CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, v COLLATE NOCASE) WITHOUT ROWID; CREATE INDEX i "
        "ON t(v);"
        "INSERT INTO t VALUES('a',1),('B',2),('c',3);"
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'NOCASE', 'app_order')");
    open_path(f, in_scratch(&f->dir, "a.db"), "t");
    assert_int_equal(next(f), LK_SCAN_END);
    assert_int_equal(f->batch->rows, 3);
    assert_bytes(value(f, 0, 1), LK_TEXT, "B", 1); /* in the order in which they are stored */
    assert_int_not_equal(f->structure->reasons, 0);
    assert_non_null(strstr(f->structure->reason[0], "app_order"));
}

static void virtual_columns_are_not_computed_and_stored_ones_are_read(void **state)
{
    struct fixture *f = *state;
    const struct lk_table_schema *t =
        begin(f,
              "CREATE TABLE t(a, v AS (abs(a)) VIRTUAL, s AS (a * 2) STORED); INSERT INTO t VALUES(21);"
              "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'abs(a)', "
              "'no_such_function(a)')",
              "t");
    assert_int_equal(t->columns, 2);
    (void)next(f);
    assert_int_equal(value(f, 0, 0).integer, 21);
    assert_int_equal(value(f, 1, 0).integer, 42);
}

static void added_columns_give_their_defaults(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(a); INSERT INTO t VALUES(1); ALTER TABLE t ADD COLUMN b DEFAULT 'd'; ALTER TABLE t "
          "ADD COLUMN c",
          "t");
    (void)next(f);
    assert_bytes(value(f, 1, 0), LK_TEXT, "d", 1);
    assert_int_equal(value(f, 2, 0).class, LK_NULL);
}

static void tables_and_columns_of_any_name_are_read(void **state)
{
    struct fixture *f = *state;
    char longest[301];
    memset(longest, 'n', 300);
    longest[300] = '\0';
    const char *const names[] = {"a/b", "../../x", ".",           "-rf",          "$(id)",    "new\nline",
                                 "",    longest,   "caf\xc3\xa9", "cafe\xcc\x81", "quote\"d", "it's",
                                 "[x]", "1",       "select",      "\xff\xfe",     "s"};
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(in_scratch(&f->dir, "a.db"), &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *sql =
            sqlite3_mprintf("CREATE TABLE \"%w\"(\"%w\", \"%w 2\"); INSERT INTO \"%w\" VALUES(%d, 'x')",
                            names[i], names[i], names[i], names[i], (int)i);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_free(sql);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    open_path(f, in_scratch(&f->dir, "a.db"), "");
    assert_int_equal(f->structure->tables, sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lk_scan_free(f->scan);
        f->scan = NULL;
        const struct lk_table_schema *t = table(f, names[i]);
        assert_string_equal(t->column[0].name, names[i]);
        assert_int_equal(lk_scan_open(f->source, t, &f->scan, &f->err), LK_OK);
        lk_batch_clear(f->batch);
        assert_int_equal(next(f), LK_SCAN_END);
        assert_int_equal(f->batch->rows, 1);
        assert_int_equal(value(f, 0, 0).integer, (int64_t)i);
    }
}

static void a_column_is_never_taken_for_a_string(void **state)
{
    struct fixture *f = *state;
    begin(f, "CREATE TABLE t(\"\", \"x y\", s, t); INSERT INTO t VALUES(1,2,3,4)", "t");
    (void)next(f);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(value(f, i, 0).integer, (int64_t)i + 1);
}

static const char many_rows[] =
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)"
    "INSERT INTO t SELECT i * 3, 'row ' || i FROM n";

static void a_batch_ends_when_it_is_full(void **state)
{
    struct fixture *f = *state;
    begin(f, many_rows, "t");
    assert_int_equal(next(f), LK_SCAN_FULL);
    assert_int_equal(f->batch->rows, LK_BLOCK_ROWS);
    lk_batch_clear(f->batch);
    assert_int_equal(next(f), LK_SCAN_FULL);
    assert_int_equal(value(f, 0, 0).integer, (INT64_C(65536) + 1) * 3);
    lk_batch_clear(f->batch);
    assert_int_equal(next(f), LK_SCAN_END);
    assert_int_equal(f->batch->rows, 150000 - 2 * LK_BLOCK_ROWS);
    assert_int_equal(lk_scan_rows(f->scan), 150000);
}

static void a_batch_of_large_values_ends_by_its_bytes(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(a);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) INSERT INTO t SELECT "
          "zeroblob(5000000) FROM n",
          "t");
    assert_int_equal(next(f), LK_SCAN_FULL);
    assert_int_equal(f->batch->rows, 4);
}

static void a_part_ends_after_each_rowid_whose_hash_fits_the_mask_and_nowhere_else(void **state)
{
    struct fixture *f = *state;
    begin(f, many_rows, "t");
    lk_scan_set_mask(f->scan, 0xfff);
    uint64_t ends = 0;
    enum lk_scan_event event;
    do {
        lk_batch_clear(f->batch);
        event = next(f);
        struct lk_cursor cursor = lk_cursor_at_start(&f->batch->column[0]);
        for (uint32_t r = 0; r < f->batch->rows; r++) {
            uint8_t key[8];
            lk_put_u64(key, (uint64_t)lk_cursor_next(&cursor).integer);
            const bool last = r + 1 == f->batch->rows && event == LK_SCAN_BOUNDARY;
            assert_int_equal((lk_key_hash(key, 8) & 0xfff) == 0, last);
        }
        ends += event == LK_SCAN_BOUNDARY;
    } while (event != LK_SCAN_END);
    assert_in_range(ends, 15, 70); /* 150,000 / 4,096 = 37 */
}

static void a_part_of_hidden_rowids_ends_by_the_rowid(void **state)
{
    struct fixture *f = *state;
    begin(f, "CREATE TABLE t(a); INSERT INTO t(rowid, a) VALUES(10, 1), (20, 1), (30, 1), (40, 1)", "t");
    lk_scan_set_mask(f->scan, 1);
    uint32_t expected = 0;
    for (int64_t rowid = 10; rowid <= 40; rowid += 10) {
        uint8_t key[8];
        lk_put_u64(key, (uint64_t)rowid);
        expected++;
        if ((lk_key_hash(key, 8) & 1) == 0)
            break;
    }
    (void)next(f);
    assert_int_equal(f->batch->rows, expected);
}

static void a_part_without_rowid_ends_by_class_and_bytes_of_the_key_in_key_order(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE t(v, a, b, PRIMARY KEY(b, a)) WITHOUT ROWID;"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64)"
          "INSERT INTO t SELECT 'v', CASE i % 3 WHEN 0 THEN i WHEN 1 THEN 'text' || i ELSE i + 0.5 END, i / "
          "10 FROM n",
          "t");
    lk_scan_set_mask(f->scan, 3);
    int ends = 0;
    enum lk_scan_event event;
    do {
        lk_batch_clear(f->batch);
        event = next(f);
        for (uint32_t r = 0; r < f->batch->rows; r++) {
            uint8_t key[64];
            size_t len = 0;
            for (size_t c = 2; c >= 1; c--) {
                const struct lk_value v = value(f, c, r);
                key[len++] = (uint8_t)v.class;
                if (v.class == LK_INTEGER)
                    lk_put_u64(key + len, (uint64_t)v.integer);
                else if (v.class == LK_REAL)
                    lk_put_f64(key + len, v.real);
                else
                    lk_put_u32(key + len, (uint32_t)v.bytes.len);
                if (v.class == LK_TEXT)
                    memcpy(key + len + 4, v.bytes.ptr, v.bytes.len);
                len += v.class == LK_TEXT ? 4 + v.bytes.len : 8;
            }
            const bool last = r + 1 == f->batch->rows && event == LK_SCAN_BOUNDARY;
            assert_int_equal((lk_key_hash(key, len) & 3) == 0, last);
        }
        ends += event == LK_SCAN_BOUNDARY;
    } while (event != LK_SCAN_END);
    assert_in_range(ends, 4, 40);
}

static void several_scans_of_one_source_see_one_state(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"),
                  "PRAGMA journal_mode=WAL; CREATE TABLE t(a); CREATE TABLE u(a); INSERT INTO t VALUES(1)");
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO u VALUES(1)"), SQLITE_OK);
    open_path(f, in_scratch(&f->dir, "a.db"), "t");
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(2); INSERT INTO u VALUES(2); DROP TABLE t"),
                     SQLITE_OK);
    (void)next(f);
    assert_int_equal(f->batch->rows, 1);
    lk_scan_free(f->scan);
    assert_int_equal(lk_scan_open(f->source, table(f, "u"), &f->scan, &f->err), LK_OK);
    lk_batch_clear(f->batch);
    (void)next(f);
    assert_int_equal(f->batch->rows, 1);
    writer_end(&w);
}

static void a_scan_stops_when_the_lock_must_be_given_back(void **state)
{
    struct fixture *f = *state;
    f->options.max_lock = 300000000;
    begin(f, many_rows, "t");
    assert_int_equal(next(f), LK_SCAN_FULL);
    const struct timespec pause = {.tv_nsec = 300000000};
    (void)nanosleep(&pause, NULL);
    lk_batch_clear(f->batch);
    assert_int_equal(next(f), LK_SCAN_RESTART);
    lk_scan_free(f->scan);
    f->scan = NULL;
    lk_structure_free(f->structure);
    f->structure = NULL;
    assert_int_equal(lk_source_restart(f->source, &f->err), LK_OK);
    assert_int_equal(lk_structure_read(f->source, &f->structure, &f->err), LK_OK);
    assert_int_equal(lk_scan_open(f->source, table(f, "t"), &f->scan, &f->err), LK_OK);
    uint64_t rows = 0;
    enum lk_scan_event event;
    do {
        lk_batch_clear(f->batch);
        event = next(f);
        rows += f->batch->rows;
    } while (event == LK_SCAN_FULL);
    assert_int_equal(event, LK_SCAN_END);
    assert_int_equal(rows, 150000);
}

static void an_interrupt_ends_the_scan(void **state)
{
    struct fixture *f = *state;
    atomic_bool stop = false;
    f->options.interrupt = &stop;
    begin(f, many_rows, "t");
    atomic_store(&stop, true);
    enum lk_scan_event event;
    assert_int_equal(lk_scan_next(f->scan, f->batch, &event, &f->err), LK_INTERRUPTED);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

/* Damage every fourth page from the fifth on: some hold rows of the table. */
static void damage_pages(const char *path, int byte)
{
    uint8_t page[4096];
    memset(page, byte, sizeof page);
    for (off_t at = 4096 * 4; at + 4096 <= (off_t)file_bytes(path); at += 4096 * 4)
        overwrite(path, at, page, sizeof page);
}

static void damage_names_the_table_the_page_and_the_way_out(void **state)
{
    struct fixture *f = *state;
    static const int bytes[] = {0xff, 0x00, 0x0d};
    for (size_t i = 0; i < 3; i++) {
        (void)unlink(in_scratch(&f->dir, "a.db"));
        make_database(in_scratch(&f->dir, "a.db"), many_rows);
        damage_pages(in_scratch(&f->dir, "a.db"), bytes[i]);
        open_path(f, in_scratch(&f->dir, "a.db"), "t");
        enum lk_scan_event event = LK_SCAN_FULL;
        enum lk_status status = LK_OK;
        while (status == LK_OK && event == LK_SCAN_FULL) {
            lk_batch_clear(f->batch);
            status = lk_scan_next(f->scan, f->batch, &event, &f->err);
        }
        assert_int_equal(status, LK_UNREADABLE);
        assert_non_null(strstr(f->err.message, "a.db"));
        assert_non_null(strstr(f->err.message, "table \"t\""));
        assert_non_null(strstr(f->err.message, "damaged"));
        assert_non_null(strstr(f->err.message, "age ")); /* "On tree page 4 cell 2: ..." */
        assert_non_null(strstr(f->err.message, ".recover"));
        close_all(f);
    }
}

static void a_file_that_was_cut_off_is_damage(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), many_rows);
    assert_int_equal(truncate(in_scratch(&f->dir, "a.db"),
                              (off_t)(file_bytes(in_scratch(&f->dir, "a.db")) / 4096 / 2 * 4096)),
                     0);
    assert_int_equal(lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err),
                     LK_UNREADABLE);
    assert_non_null(strstr(f->err.message, "damaged: cut off"));
}

static void damage_met_while_a_file_is_written_means_restart(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), "PRAGMA journal_mode=WAL");
    begin(f, many_rows, "t");
    assert_int_equal(lk_source_facts(f->source)->method, LK_METHOD_IMMUTABLE);
    const pid_t child = fork(); /* closing a descriptor here would be ours to answer for */
    assert_true(child >= 0);
    if (child == 0) {
        damage_pages(in_scratch(&f->dir, "a.db"), 0xff);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    enum lk_scan_event event;
    do {
        lk_batch_clear(f->batch);
        event = next(f);
    } while (event == LK_SCAN_FULL);
    assert_int_equal(event, LK_SCAN_RESTART);
}

static void a_value_of_a_hundred_megabytes_is_read(void **state)
{
    struct fixture *f = *state;
    begin(f, "CREATE TABLE t(a, b); INSERT INTO t VALUES(zeroblob(100000000), 'after')", "t");
    assert_int_equal(next(f), LK_SCAN_FULL);
    assert_int_equal(value(f, 0, 0).bytes.len, 100000000);
    assert_bytes(value(f, 1, 0), LK_TEXT, "after", 5);
    lk_batch_clear(f->batch);
    assert_int_equal(next(f), LK_SCAN_END);
    assert_int_equal(f->batch->rows, 0);
    assert_int_equal(sqlite3_limit(lk_source_db(f->source), SQLITE_LIMIT_LENGTH, -1), 1000000000);
}

static void memory_that_runs_out_is_our_failure_and_not_the_database_s(void **state)
{
    struct fixture *f = *state;
    begin(f, "CREATE TABLE t(a TEXT, b); INSERT INTO t VALUES('x', 1), ('y', 2)", "t");
    lk_memory_fail_after(1, 1);
    enum lk_scan_event event;
    const enum lk_status status = lk_scan_next(f->scan, f->batch, &event, &f->err);
    lk_memory_fail_after(-1, 0);
    assert_int_equal(status, LK_FAILED);
}

static void shadow_and_internal_tables_are_read_like_others(void **state)
{
    struct fixture *f = *state;
    begin(f,
          "CREATE TABLE a(i INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a VALUES(41); INSERT INTO a "
          "VALUES(NULL);"
          "CREATE VIRTUAL TABLE x USING fts5(body); INSERT INTO x VALUES('words'); ANALYZE",
          "sqlite_sequence");
    (void)next(f);
    assert_int_equal(f->batch->rows, 1);
    assert_int_equal(value(f, 1, 0).integer, 42);
    assert_int_equal(table(f, "x_data")->kind, LK_TABLE_SHADOW);
    assert_int_equal(table(f, "sqlite_stat1")->kind, LK_TABLE_INTERNAL);
    lk_scan_free(f->scan);
    assert_int_equal(lk_scan_open(f->source, table(f, "x_content"), &f->scan, &f->err), LK_OK);
    assert_true(lk_batch_reshape(f->batch, table(f, "x_content")->columns, false));
    (void)next(f);
    assert_bytes(value(f, 1, 0), LK_TEXT, "words", 5);
}

static void a_sample_of_odd_values_is_read_as_it_is(void **state)
{
    struct fixture *f = *state;
    if (corpus() == NULL)
        skip();
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/sqlite/borked.db", corpus());
    open_path(f, path, "a"); /* i INTEGER, in which a text stands */
    (void)next(f);
    assert_bytes(value(f, 0, 0), LK_TEXT, "Hello", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_scan_begins_at_the_rowid_asked_for),
        CASE(each_value_keeps_its_class_and_its_bytes),
        CASE(a_negative_zero_stays_negative),
        CASE(affinity_does_not_change_what_is_stored),
        CASE(text_of_a_utf16_database_is_converted_when_that_loses_nothing),
        CASE(hidden_rowids_come_in_order_under_whichever_name_is_free),
        CASE(a_table_that_hides_its_rowids_altogether_is_still_read),
        CASE(as_many_columns_as_sqlite_allows_leave_room_for_the_rowid),
        CASE(rows_come_in_key_order_even_beside_a_covering_index),
        CASE(rows_without_rowid_come_in_the_order_of_their_key),
        CASE(a_table_in_a_collation_of_an_application_is_read),
        CASE(virtual_columns_are_not_computed_and_stored_ones_are_read),
        CASE(added_columns_give_their_defaults),
        CASE(tables_and_columns_of_any_name_are_read),
        CASE(a_column_is_never_taken_for_a_string),
        CASE(a_batch_ends_when_it_is_full),
        CASE(a_batch_of_large_values_ends_by_its_bytes),
        CASE(a_part_ends_after_each_rowid_whose_hash_fits_the_mask_and_nowhere_else),
        CASE(a_part_of_hidden_rowids_ends_by_the_rowid),
        CASE(a_part_without_rowid_ends_by_class_and_bytes_of_the_key_in_key_order),
        CASE(several_scans_of_one_source_see_one_state),
        CASE(a_scan_stops_when_the_lock_must_be_given_back),
        CASE(an_interrupt_ends_the_scan),
        CASE(damage_names_the_table_the_page_and_the_way_out),
        CASE(a_file_that_was_cut_off_is_damage),
        CASE(damage_met_while_a_file_is_written_means_restart),
        CASE(a_value_of_a_hundred_megabytes_is_read),
        CASE(memory_that_runs_out_is_our_failure_and_not_the_database_s),
        CASE(shadow_and_internal_tables_are_read_like_others),
        CASE(a_call_brings_no_more_rows_than_asked_for),
        CASE(a_sample_of_odd_values_is_read_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
