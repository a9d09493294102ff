#include "build_fixture.h"

static enum lk_status add_to(const struct opened *from, const char *to, bool replace)
{
    struct lk_build *b = NULL;
    enum lk_status status = lk_build_into(to, from->st, replace, NULL, &b, &err);
    if (status == LK_OK)
        status = fill(from, from->st, b);
    if (status == LK_OK)
        status = lk_build_sequence(b, "t", 9000, &err);
    if (status == LK_OK)
        status = lk_build_finish(b, &err);
    lk_build_free(b);
    return status;
}

static const char tables_to_add[] =
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT UNIQUE, b); CREATE INDEX ti ON t(b);"
    "CREATE TRIGGER tt AFTER DELETE ON t BEGIN SELECT 1; END; " NUMBERS(
        3000) "INSERT INTO t SELECT i, 'a' || i, i % 5 FROM n; CREATE VIRTUAL TABLE f USING fts5(x); INSERT "
              "INTO f "
              "VALUES('found');";

static void tables_are_added_while_another_program_has_the_database_open(void **state)
{
    (void)state;
    static const char *const modes[] = {"DELETE", "WAL"};
    make_database(in_scratch(&dir, "a.db"), tables_to_add);
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    for (size_t i = 0; i < 2; i++) {
        const char *to = in_scratch(&dir, "to.db");
        char *sql =
            lk_format("PRAGMA page_size=1024; PRAGMA auto_vacuum=%zu; PRAGMA journal_mode=%s; CREATE TABLE "
                      "old(a UNIQUE); INSERT INTO old VALUES(1)",
                      i, modes[i]);
        make_database(to, sql);
        lk_free(sql);
        struct writer other = writer_start(to);
        assert_int_equal(writer_run(&other, "SELECT count(*) FROM old"), SQLITE_OK);
        must(add_to(&from, to, false));
        /* It sees the table, its trigger and its index, and writes on. */
        assert_int_equal(writer_run(&other, "DELETE FROM t INDEXED BY ti WHERE b = 1"), SQLITE_OK);
        assert_int_equal(writer_run(&other, "INSERT INTO t(a) VALUES('next')"), SQLITE_OK);
        assert_int_equal(writer_run(&other, "close"), SQLITE_OK);
        writer_end(&other);
        assert_answer(to, "SELECT id FROM t WHERE a = 'next'", "9001");
        assert_answer(to, "SELECT x FROM f WHERE f MATCH 'found'", "found");
        assert_answer(to, "SELECT count(*) FROM t", "2401");
        assert_answer(to, "SELECT a FROM old", "1");
        assert_answer(to, "PRAGMA integrity_check", "ok");
        assert_answer(to, "PRAGMA page_size", "1024");
        assert_answer(to, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'litekeep%'", "0");
        assert_int_equal(unlink(to), 0);
    }
    close_database(&from);
}

static void a_table_that_is_there_is_replaced_only_when_asked(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "a.db"), tables_to_add);
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    const char *to = in_scratch(&dir, "to.db");
    make_database(
        to, "PRAGMA auto_vacuum=1; CREATE TABLE keep(a, b); INSERT INTO keep VALUES(1, 2); CREATE TABLE "
            "T(other); CREATE INDEX ti ON T(other); INSERT INTO T VALUES('old'); CREATE VIRTUAL TABLE f "
            "USING fts5(y); CREATE TRIGGER tt AFTER INSERT ON T BEGIN SELECT 1; END;");
    const struct file_hash before = hash_file(&dir, "to.db");
    assert_int_equal(add_to(&from, to, false), LK_REFUSED);
    assert_non_null(strstr(err.message, "there already"));
    assert_true(same_file_hash(before, hash_file(&dir, "to.db")));
    must(add_to(&from, to, true));
    assert_answer(to, "SELECT count(*) FROM t", "3000");
    assert_answer(to, "SELECT x FROM f", "found");
    assert_answer(to, "SELECT a + b FROM keep", "3");
    assert_answer(to, "SELECT group_concat(seq) FROM sqlite_sequence", "9000");
    assert_answer(to, "PRAGMA integrity_check", "ok");
    must(add_to(&from, to, true));
    assert_answer(to, "PRAGMA integrity_check", "ok");
    close_database(&from);
}

static void names_of_others_and_other_encodings_are_refused(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "a.db"), tables_to_add);
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    static const char *const targets[][2] = {
        {"CREATE VIEW t AS SELECT 1", "belongs to another view"},
        {"CREATE TABLE o(a); CREATE INDEX ti ON o(a)", "index \"ti\" of table \"t\""},
        {"CREATE TABLE o(a); CREATE TRIGGER tt AFTER INSERT ON o BEGIN SELECT 1; END", "trigger \"tt\""},
        {"PRAGMA encoding='UTF-16le'; CREATE TABLE o(a)", "encoding"},
    };
    for (size_t i = 0; i < 4; i++) {
        make_database(in_scratch(&dir, "to.db"), targets[i][0]);
        const struct file_hash before = hash_file(&dir, "to.db");
        assert_int_equal(add_to(&from, in_scratch(&dir, "to.db"), true), LK_REFUSED);
        assert_non_null(strstr(err.message, targets[i][1]));
        assert_true(same_file_hash(before, hash_file(&dir, "to.db")));
        assert_int_equal(unlink(in_scratch(&dir, "to.db")), 0);
    }
    assert_int_equal(add_to(&from, in_scratch(&dir, "nothing.db"), true), LK_NOT_FOUND);
    assert_false(file_exists(in_scratch(&dir, "nothing.db")));
    close_database(&from);
}

static void what_is_given_up_leaves_the_database_as_it_was(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "a.db"), tables_to_add);
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    make_database(in_scratch(&dir, "to.db"), "CREATE TABLE t(a); INSERT INTO t VALUES('mine')");
    const struct file_hash before = hash_file(&dir, "to.db");
    struct lk_build *b = NULL;
    must(lk_build_into(in_scratch(&dir, "to.db"), from.st, true, NULL, &b, &err));
    must(fill(&from, from.st, b));
    lk_build_free(b);
    assert_true(same_file_hash(before, hash_file(&dir, "to.db")));
    assert_false(file_exists(in_scratch(&dir, "to.db-journal")));
    assert_answer(in_scratch(&dir, "to.db"), "SELECT a FROM t", "mine");
    close_database(&from);
}

static void a_locked_database_is_refused(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "a.db"), "CREATE TABLE t(a)");
    make_database(in_scratch(&dir, "to.db"), "CREATE TABLE o(a)");
    struct writer other = writer_start(in_scratch(&dir, "to.db"));
    assert_int_equal(writer_run(&other, "BEGIN IMMEDIATE"), SQLITE_OK);
    struct opened from = open_database(in_scratch(&dir, "a.db"));
    const int64_t start = lk_clock_monotonic();
    assert_int_equal(add_to(&from, in_scratch(&dir, "to.db"), true), LK_REFUSED);
    assert_non_null(strstr(err.message, "locked"));
    assert_true(lk_clock_monotonic() - start >= INT64_C(4000000000));
    close_database(&from);
    writer_end(&other);
}

int main(void)
{
#define with_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_folder(tables_are_added_while_another_program_has_the_database_open),
        with_folder(a_table_that_is_there_is_replaced_only_when_asked),
        with_folder(names_of_others_and_other_encodings_are_refused),
        with_folder(what_is_given_up_leaves_the_database_as_it_was),
        with_folder(a_locked_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
