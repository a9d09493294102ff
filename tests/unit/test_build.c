#include "build_fixture.h"

/* `sql` makes a database; building it again gives the same one. `sound`: integrity_check finds nothing. */
static void check_comes_back(const char *sql, bool sound)
{
    const char *source = in_scratch(&dir, "source.db");
    const char *copy = in_scratch(&dir, "copy.db");
    make_database(source, sql);
    struct opened from = open_database(source);
    must(rebuild(&from, copy, NULL));
    assert_int_equal(from.st->reasons, 0);
    assert_false(file_exists(in_scratch(&dir, "copy.db-journal")));
    assert_false(file_exists(in_scratch(&dir, "copy.db-wal")));
    assert_false(file_exists(in_scratch(&dir, "copy.db-shm")));
    assert_same_database(&from, copy);
    close_database(&from);
    if (sound)
        assert_sound(copy);
    (void)unlink(source);
    (void)unlink(copy);
}

static void assert_comes_back(const char *sql)
{
    check_comes_back(sql, true);
}

static void values_keep_class_and_bytes_whatever_the_affinity(void **state)
{
    (void)state;
    check_comes_back(
        "CREATE TABLE t(a INTEGER, b REAL, c TEXT, d NUMERIC, e BLOB, f);"
        "INSERT INTO t VALUES(1, 2.0, 'x', '5.00', x'00ff', NULL), (NULL, NULL, NULL, NULL, NULL, NULL);"
        "INSERT INTO t VALUES(9223372036854775807, -0.0, '', 1e18, x'', 'a'), ('z', 9e999, x'41', 'q', 1, "
        "-9e999);"
        "INSERT INTO t VALUES(-9223372036854775808, 5e-324, CAST(x'610062' AS TEXT), 0.1, 2.5, "
        "CAST(x'ff00fe' "
        "AS TEXT));"
        "INSERT INTO t VALUES(1, 2, 3, 4, 5, 6), (1.5, 'r', x'00', x'01', 'blob', CAST(x'efbbbf41' AS TEXT));"
        "PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a TEXT, b INTEGER, c REAL, d TEXT, e INTEGER, f "
        "REAL)';",
        false /* values that these affinities would not have */);
}

static void every_page_size_and_vacuum_mode_comes_back(void **state)
{
    (void)state;
    static const unsigned sizes[] = {512, 1024, 4096, 32768, 65536};
    for (size_t i = 0; i < 5; i++)
        for (int vacuum = 0; vacuum < 3; vacuum++) {
            char *sql = lk_format(
                "PRAGMA page_size=%u; PRAGMA auto_vacuum=%d; PRAGMA user_version=-7; "
                "PRAGMA application_id=77; CREATE TABLE t(a, b UNIQUE); CREATE INDEX i ON t(a DESC, "
                "b); CREATE TABLE e(x); CREATE VIEW v AS SELECT 1; CREATE TABLE u(k TEXT PRIMARY "
                "KEY) WITHOUT ROWID;" NUMBERS(3000) "INSERT INTO t SELECT i %% 17, i FROM n;" NUMBERS(
                    2000) "INSERT INTO u SELECT 'k' || i FROM n; DELETE FROM t WHERE b %% 3 = 0;",
                sizes[i], vacuum);
            assert_comes_back(sql);
            lk_free(sql);
        }
}

static void utf16_texts_keep_marks_lone_surrogates_and_noncharacters(void **state)
{
    (void)state;
    static const char *const encodings[] = {"UTF-16le", "UTF-16be"};
    for (size_t i = 0; i < 2; i++) {
        char *sql = lk_format(
            "PRAGMA encoding='%s'; CREATE TABLE \"t\xc3\xa4\"(a, b TEXT UNIQUE, c);"
            "INSERT INTO \"t\xc3\xa4\" VALUES('plain', '', char(0xfeff) || 'x'), (char(0xfffe) || 'y', "
            "char(0x1f600), char(0xffff)), (1, x'00ff', 2.5), (NULL, 'a' || char(0) || 'b', char(0xfeff));"
            "INSERT INTO \"t\xc3\xa4\" VALUES(CAST(x'00d84100' AS TEXT), 'lone', CAST(x'd8000041' AS TEXT)),"
            "(CAST(x'fffe00d8' AS TEXT), 'mark', CAST(x'feffd800' AS TEXT)),"
            "(CAST(x'fffefffe' AS TEXT), 'two', CAST(x'fefffeff' AS TEXT));"
            "CREATE INDEX i ON \"t\xc3\xa4\"(c COLLATE NOCASE, b COLLATE RTRIM);",
            encodings[i]);
        assert_comes_back(sql);
        lk_free(sql);
    }
}

static void keys_without_rowid_keep_order_direction_and_collation(void **state)
{
    (void)state;
    assert_comes_back(
        "CREATE TABLE w(a, b TEXT COLLATE NOCASE, c REAL, d, PRIMARY KEY(d DESC, b, a COLLATE RTRIM)) "
        "WITHOUT "
        "ROWID;" NUMBERS(5000) "INSERT INTO w SELECT 'a' || i, 'B' || (i % 7), i, i % 11 FROM n;"
                               "CREATE INDEX wi ON w(c);"
                               "CREATE TABLE x(a, b, PRIMARY KEY(a, a COLLATE NOCASE, b)) WITHOUT ROWID;"
                               "INSERT INTO x VALUES('a', 1), ('A', 1), ('a', 2);");
}

static void rowids_of_every_kind_come_back(void **state)
{
    (void)state;
    assert_comes_back(
        "CREATE TABLE plain(a); INSERT INTO plain(rowid, a) VALUES(-5, 'a'), (9223372036854775807, 'b'), (0, "
        "'c');"
        "CREATE TABLE alias(a, id INTEGER PRIMARY KEY, b); INSERT INTO alias VALUES('x', -9, 1), ('y', 7, 2);"
        "CREATE TABLE notalias(id INTEGER PRIMARY KEY DESC, b); INSERT INTO notalias VALUES(3, 1), (1, 2);"
        "CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO auto VALUES(100, 'q');"
        "DELETE FROM auto;"
        "CREATE TABLE \"ro\"\"w\"(rowid, _rowid_ TEXT); INSERT INTO \"ro\"\"w\"(oid, rowid) VALUES(44, 1);");
}

static void generated_columns_triggers_views_and_statistics_come_back(void **state)
{
    (void)state;
    assert_comes_back("CREATE TABLE g(a, v AS (a * 2), s AS (a + 1) STORED, b CHECK(b <> 0));"
                      "INSERT INTO g(a, b) VALUES(1, 2), (3, 4); CREATE INDEX gi ON g(v); CREATE INDEX ge ON "
                      "g(a + b) WHERE a > 1;"
                      "CREATE TABLE st(i INT, t TEXT) STRICT; INSERT INTO st VALUES(1, 'x');"
                      "CREATE VIEW lost AS SELECT * FROM nowhere; CREATE VIEW v AS SELECT a FROM g;"
                      "CREATE TRIGGER tr AFTER INSERT ON g BEGIN DELETE FROM g; END;"
                      "CREATE TRIGGER ti INSTEAD OF INSERT ON v BEGIN SELECT 1; END; ANALYZE;");
}

static void virtual_tables_come_back_with_their_shadow_tables(void **state)
{
    (void)state;
    assert_comes_back(
        "CREATE VIRTUAL TABLE f USING fts5(a, b); INSERT INTO f VALUES('one two', 'three'), ('four', "
        "'five'); CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); INSERT INTO r VALUES(1, 2, 3);");
    make_database(in_scratch(&dir, "s.db"),
                  "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES('one two');");
    struct opened from = open_database(in_scratch(&dir, "s.db"));
    must(rebuild(&from, in_scratch(&dir, "c.db"), NULL));
    close_database(&from);
    assert_answer(in_scratch(&dir, "c.db"), "SELECT a FROM f WHERE f MATCH 'two'", "one two");
}

static void a_database_without_tables_keeps_its_pragmas(void **state)
{
    (void)state;
    assert_comes_back(
        "PRAGMA page_size=1024; PRAGMA encoding='UTF-16be'; PRAGMA user_version=3; CREATE TABLE t(a); "
        "DROP TABLE t; VACUUM;");
    assert_comes_back("CREATE VIEW v AS SELECT 1;");
}

static void views_alone_may_have_the_names_of_tables_that_are_made_up(void **state)
{
    (void)state;
    assert_comes_back("CREATE VIEW lk AS SELECT 1; CREATE VIEW lk0 AS SELECT * FROM lk;");
    assert_comes_back("CREATE VIEW lk0 AS SELECT 1; CREATE TABLE lk1(a); INSERT INTO lk1 VALUES(1);");
}

/* SQLite before 3.41 calls these unsafe in a schema that is not trusted. */
static void indexes_and_columns_computed_from_json_come_back(void **state)
{
    (void)state;
    assert_comes_back("CREATE TABLE t(a, b, n AS (json_extract(b, '$.n')), s AS (b ->> '$.s') STORED, "
                      "CHECK(json_valid(b)));"
                      "INSERT INTO t(a, b) VALUES(1, '{\"n\":7,\"s\":\"x\"}'), (2, '{\"n\":3}');"
                      "CREATE INDEX i ON t(json_extract(b, '$.n') DESC, a); CREATE INDEX g ON t(n);"
                      "CREATE UNIQUE INDEX o ON t(b -> '$.n') WHERE json_type(b) = 'object';");
}

static void wal_is_kept_and_nothing_lies_beside_the_file(void **state)
{
    (void)state;
    assert_comes_back("PRAGMA journal_mode=WAL; CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(1);");
}

/* ---- What cannot be built */

static int compare_reversed(void *context, int left_len, const void *left, int right_len, const void *right)
{
    (void)context;
    const int order = memcmp(right, left, (size_t)(left_len < right_len ? left_len : right_len));
    return order != 0 ? order : right_len - left_len;
}

static void one(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)values;
    sqlite3_result_int(context, count);
}

/* A database of an application with a collation "nat" and a function "app". */
static void make_application_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_create_collation(db, "nat", SQLITE_UTF8, NULL, compare_reversed);
    sqlite3_create_function(db, "app", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, one, NULL, NULL);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static bool says(const char *const *list, const char *words)
{
    for (; *list != NULL; list++)
        if (strstr(*list, words) != NULL)
            return true;
    return false;
}

static void what_this_sqlite_lacks_is_left_out_by_name_and_the_rest_is_whole(void **state)
{
    (void)state;
    make_application_database(
        in_scratch(&dir, "a.db"),
        "CREATE TABLE t(a, b CHECK(app(b) = 1)); CREATE INDEX plain ON t(a); CREATE INDEX natural ON t(a "
        "COLLATE "
        "nat); CREATE INDEX computed ON t(app(a)); INSERT INTO t VALUES(1, 2), ('x', 'y');"
        "CREATE TABLE c(a TEXT COLLATE nat UNIQUE, b); CREATE INDEX on_c ON c(a); CREATE INDEX on_b ON c(b);"
        "INSERT INTO c VALUES('p', 1), ('q', 2);"
        "CREATE TABLE w(k TEXT COLLATE nat PRIMARY KEY, v) WITHOUT ROWID; CREATE INDEX on_w ON w(v);"
        "CREATE TRIGGER tw AFTER INSERT ON w BEGIN SELECT 1; END; INSERT INTO w VALUES('k', 'v');"
        "CREATE TABLE after(a); INSERT INTO after VALUES('last');");
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    struct lk_build *b = NULL;
    must(rebuild(&from, in_scratch(&dir, "b.db"), &b));
    const char *const *names = lk_build_left_out_names(b);
    for (size_t i = 0; i < 4; i++) {
        static const char *const wanted[] = {"natural", "computed", "on_c", "w"};
        assert_true(says(names, wanted[i]));
    }
    const char *const *left_out = lk_build_left_out(b);
    assert_true(says(left_out, "index \"natural\" of table \"t\": no such collation sequence: nat"));
    assert_true(says(left_out, "index \"computed\" of table \"t\": "));
    assert_true(
        says(left_out, "index \"sqlite_autoindex_c_1\" of table \"c\": no such collation sequence: nat"));
    assert_true(says(left_out, "table \"w\": no such collation sequence: nat"));
    assert_false(says(left_out, "plain"));
    assert_false(says(left_out, "on_b"));
    lk_build_free(b);
    close_database(&from);
    const char *copy = in_scratch(&dir, "b.db");
    assert_answer(copy, "SELECT group_concat(name) FROM sqlite_schema",
                  "t,plain,c,sqlite_autoindex_c_1,on_b,after");
    assert_answer(copy, "SELECT group_concat(b) FROM c INDEXED BY on_b WHERE b > 0", "1,2");
    assert_answer(copy, "SELECT a FROM after", "last");
    assert_answer(copy, "SELECT count(*) FROM t INDEXED BY plain WHERE a > 0", "2");
}

static void rows_that_break_a_unique_index_are_named(void **state)
{
    (void)state;
    make_database(
        in_scratch(&dir, "a.db"),
        "CREATE TABLE t(a); INSERT INTO t VALUES(1), (1); PRAGMA writable_schema=ON;"
        "CREATE TABLE u(a); CREATE UNIQUE INDEX once ON u(a); UPDATE sqlite_schema SET tbl_name = 't', sql "
        "= 'CREATE UNIQUE INDEX once ON t(a)' WHERE name = 'once'");
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    assert_int_equal(rebuild(&from, in_scratch(&dir, "b.db"), NULL), LK_UNREADABLE);
    assert_non_null(strstr(err.message, "index \"once\" of table \"t\""));
    close_database(&from);
}

static void a_key_that_comes_twice_or_is_none_is_damage(void **state)
{
    (void)state;
    make_database(
        in_scratch(&dir, "a.db"),
        "CREATE TABLE h(a); CREATE TABLE i(id INTEGER PRIMARY KEY); CREATE TABLE k(k PRIMARY KEY) WITHOUT "
        "ROWID;");
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    for (size_t t = 0; t < 3; t++) {
        struct lk_build *b = NULL;
        bool left_out = true;
        must(lk_build_new(in_scratch(&dir, "b.db"), from.st, NULL, &b, &err));
        must(lk_build_table(b, from.st->table[t], &left_out, &err));
        assert_false(left_out);
        struct lk_batch *batch = lk_batch_new(1, t == 0);
        for (int row = 0; row < 2; row++) {
            lk_column_add_integer(batch, &batch->column[0], 7);
            lk_batch_end_row(batch, 7);
        }
        assert_int_equal(lk_build_add(b, batch, &err), LK_DAMAGED);
        assert_non_null(strstr(err.message, "row 2"));
        lk_batch_clear(batch);
        lk_column_add_null(batch, &batch->column[0]);
        lk_batch_end_row(batch, 8);
        assert_int_equal(lk_build_add(b, batch, &err), t == 0 ? LK_OK : LK_DAMAGED);
        lk_batch_free(batch);
        lk_build_free(b);
        assert_int_equal(unlink(in_scratch(&dir, "b.db")), 0);
    }
    close_database(&from);
}

static void a_new_file_is_never_made_over_another(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "a.db"), "CREATE TABLE t(a)");
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    assert_int_equal(symlink("nowhere", in_scratch(&dir, "link.db")), 0);
    assert_int_equal(rebuild(&from, in_scratch(&dir, "link.db"), NULL), LK_REFUSED);
    must(rebuild(&from, in_scratch(&dir, "b.db"), NULL));
    const struct file_hash before = hash_file(&dir, "b.db");
    assert_int_equal(rebuild(&from, in_scratch(&dir, "b.db"), NULL), LK_REFUSED);
    assert_true(same_file_hash(before, hash_file(&dir, "b.db")));
    close_database(&from);
}

static void an_interrupt_ends_the_work(void **state)
{
    (void)state;
    atomic_bool interrupt;
    atomic_init(&interrupt, false);
    make_database(in_scratch(&dir, "a.db"), "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    struct lk_build *b = NULL;
    must(lk_build_new(in_scratch(&dir, "b.db"), from.st, &(struct lk_build_options){.interrupt = &interrupt},
                      &b, &err));
    atomic_store(&interrupt, true);
    assert_int_equal(fill(&from, from.st, b), LK_INTERRUPTED);
    lk_build_free(b);
    close_database(&from);
}

static void wide_tables_come_back(void **state)
{
    (void)state;
    struct lk_buffer sql = {0};
    for (int alias = 0; alias < 2; alias++) {
        lk_buffer_append_format(&sql, "CREATE TABLE wide%d(%s", alias,
                                alias ? "id INTEGER PRIMARY KEY" : "c0");
        for (int i = 1; i < 2000; i++)
            lk_buffer_append_format(&sql, ",c%d", i);
        lk_buffer_append_format(&sql, "); INSERT INTO wide%d(%s, c1999) VALUES(5, 'end');", alias,
                                alias ? "id" : "rowid");
    }
    assert_comes_back(lk_buffer_string(&sql));
    lk_buffer_reset(&sql);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    make_database(
        in_scratch(&dir, "a.db"),
        "PRAGMA encoding='UTF-16le'; CREATE TABLE t(a UNIQUE, b); INSERT INTO t VALUES('x', 1); CREATE TABLE "
        "w(k PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES('k');");
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    struct lk_batch *batch = lk_batch_new(2, true);
    lk_column_add_bytes(batch, &batch->column[0], LK_TEXT, "text", 4);
    lk_column_add_integer(batch, &batch->column[1], 1);
    lk_batch_end_row(batch, 1);
    bool done = false;
    for (int64_t n = 0; !done && n < 2000; n++) {
        (void)unlink(in_scratch(&dir, "b.db"));
        struct lk_build *b = NULL;
        lk_memory_fail_after(n, 0);
        enum lk_status status = lk_build_new(in_scratch(&dir, "b.db"), from.st, NULL, &b, &err);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK) {
            lk_memory_fail_after(n, 0);
            bool left_out;
            status = lk_build_table(b, from.st->table[0], &left_out, &err);
            if (status == LK_OK)
                status = lk_build_add(b, batch, &err);
            if (status == LK_OK)
                status = lk_build_finish(b, &err);
            lk_memory_fail_after(-1, 0);
            done = status == LK_OK;
        }
        if (status != LK_OK && strstr(err.message, "memory") == NULL)
            fail_msg("%s", err.message);
        lk_build_free(b);
    }
    assert_true(done);
    lk_batch_free(batch);
    close_database(&from);
}

static void hundreds_of_tables_come_back_into_any_database(void **state)
{
    (void)state;
    struct lk_buffer sql = {0};
    lk_buffer_append_string(&sql, "PRAGMA page_size=512; PRAGMA auto_vacuum=1; BEGIN;");
    for (int i = 0; i < 300; i++)
        lk_buffer_append_format(&sql,
                                "CREATE TABLE t%d(a UNIQUE, b); INSERT INTO t%d VALUES(%d, 'x');"
                                "CREATE TABLE w%d(k PRIMARY KEY) WITHOUT ROWID; INSERT INTO w%d VALUES(%d);",
                                i, i, i, i, i, i);
    lk_buffer_append_string(&sql, "COMMIT;");
    assert_comes_back(lk_buffer_string(&sql));
    make_database(in_scratch(&dir, "a.db"), lk_buffer_string(&sql));
    make_database(in_scratch(&dir, "to.db"),
                  "PRAGMA auto_vacuum=2; CREATE TABLE big(a); " NUMBERS(
                      20000) "INSERT INTO big SELECT i FROM n; CREATE TABLE w7(old);");
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    struct lk_build *b = NULL;
    must(lk_build_into(in_scratch(&dir, "to.db"), from.st, true, NULL, &b, &err));
    must(fill(&from, from.st, b));
    must(lk_build_finish(b, &err));
    lk_build_free(b);
    close_database(&from);
    assert_answer(in_scratch(&dir, "to.db"), "PRAGMA integrity_check", "ok");
    assert_answer(in_scratch(&dir, "to.db"), "SELECT sum(a) FROM big", "200010000");
    assert_answer(in_scratch(&dir, "to.db"), "SELECT a || b FROM t299", "299x");
    assert_answer(in_scratch(&dir, "to.db"), "SELECT k FROM w7", "7");
    lk_buffer_reset(&sql);
}

static void a_virtual_table_of_an_unknown_module_comes_back_as_text(void **state)
{
    (void)state;
    static const char sql[] = "CREATE TABLE z_data(a); INSERT INTO z_data VALUES(1); PRAGMA "
                              "writable_schema=ON; INSERT INTO sqlite_schema "
                              "VALUES('table', 'z', 'z', 0, 'CREATE VIRTUAL TABLE z USING nobody(a, b)'); "
                              "CREATE INDEX zi ON z_data(a);";
    make_database(in_scratch(&dir, "a.db"), sql);
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    must(rebuild(&from, in_scratch(&dir, "b.db"), NULL));
    assert_same_database(&from, in_scratch(&dir, "b.db"));
    /* Into a database that has one of that name: nobody here can take it away. */
    make_database(in_scratch(&dir, "to.db"), sql);
    struct lk_build *b = NULL;
    assert_int_equal(lk_build_into(in_scratch(&dir, "to.db"), from.st, true, NULL, &b, &err), LK_REFUSED);
    assert_non_null(strstr(err.message, "no such module: nobody"));
    close_database(&from);
}

static void a_schema_that_does_not_fit_its_tables_is_damage(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "a.db"),
                  "CREATE TABLE t(a); CREATE TABLE u(k PRIMARY KEY) WITHOUT ROWID;");
    struct lk_build *b = NULL;
    for (int what = 0; what < 5; what++) {
        struct opened from = open_database(in_scratch(&dir, "a.db"));
        struct lk_schema_row *row = &from.st->row[0];
        enum lk_status wanted = LK_DAMAGED;
        if (what == 0) {
            row->name.ptr[0] = 'x';
        } else if (what == 1) {
            row->type.ptr[0] = 'x';
        } else if (what == 2) {
            memcpy(from.st->row[1].sql.ptr, "PRAGMA x;", 10);
        } else if (what == 3) { /* no table u in it */
            memcpy(from.st->row[1].sql.ptr, "CREATE TABLE v", 14);
        } else {
            memcpy(row->sql.ptr, "CREATE NONSENSE", 15);
            wanted = LK_UNREADABLE;
        }
        (void)unlink(in_scratch(&dir, "b.db"));
        assert_int_equal(rebuild(&from, in_scratch(&dir, "b.db"), &b), wanted);
        close_database(&from);
    }
}

int main(void)
{
#define with_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_folder(values_keep_class_and_bytes_whatever_the_affinity),
        with_folder(every_page_size_and_vacuum_mode_comes_back),
        with_folder(utf16_texts_keep_marks_lone_surrogates_and_noncharacters),
        with_folder(keys_without_rowid_keep_order_direction_and_collation),
        with_folder(rowids_of_every_kind_come_back),
        with_folder(generated_columns_triggers_views_and_statistics_come_back),
        with_folder(virtual_tables_come_back_with_their_shadow_tables),
        with_folder(a_database_without_tables_keeps_its_pragmas),
        with_folder(views_alone_may_have_the_names_of_tables_that_are_made_up),
        with_folder(indexes_and_columns_computed_from_json_come_back),
        with_folder(wal_is_kept_and_nothing_lies_beside_the_file),
        with_folder(what_this_sqlite_lacks_is_left_out_by_name_and_the_rest_is_whole),
        with_folder(rows_that_break_a_unique_index_are_named),
        with_folder(a_key_that_comes_twice_or_is_none_is_damage),
        with_folder(a_new_file_is_never_made_over_another),
        with_folder(an_interrupt_ends_the_work),
        with_folder(wide_tables_come_back),
        with_folder(every_allocation_may_fail),
        with_folder(hundreds_of_tables_come_back_into_any_database),
        with_folder(a_virtual_table_of_an_unknown_module_comes_back_as_text),
        with_folder(a_schema_that_does_not_fit_its_tables_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
