#include "database.h"

#include "base/clock.h"
#include "sqlite/connection.h"

static struct lk_dir dir;

static int set_up(void **state)
{
    (void)state;
    if (!scratch_make(&dir))
        return -1;
    make_database(in_scratch(&dir, "a.db"),
                  "PRAGMA encoding='UTF-16le'; CREATE TABLE t(a COLLATE NOCASE); CREATE INDEX i ON t(a);"
                  "INSERT INTO t VALUES('a'),('B'); PRAGMA writable_schema=ON;"
                  "UPDATE sqlite_schema SET sql = replace(sql, 'NOCASE', 'app_order')");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

static void a_wait_for_a_lock_ends_at_its_limit(void **state)
{
    (void)state;
    struct writer w = writer_start(in_scratch(&dir, "a.db"));
    assert_int_equal(writer_run(&w, "BEGIN EXCLUSIVE"), SQLITE_OK);
    struct lk_patience p = {.limit = 200000000};
    sqlite3 *db = NULL;
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_READ, &p, &db), SQLITE_OK);
    const int64_t begin = lk_clock_monotonic();
    assert_int_equal(lk_connection_pin(db) & 0xff, SQLITE_BUSY);
    assert_in_range(lk_clock_monotonic() - begin, 200000000, 3000000000);
    (void)sqlite3_close(db);
    writer_end(&w);
}

static void an_interrupt_ends_a_wait(void **state)
{
    (void)state;
    struct writer w = writer_start(in_scratch(&dir, "a.db"));
    assert_int_equal(writer_run(&w, "BEGIN EXCLUSIVE"), SQLITE_OK);
    atomic_bool stop = true;
    struct lk_patience p = {.limit = INT64_C(600000000000), .interrupt = &stop};
    sqlite3 *db = NULL;
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_READ, &p, &db), SQLITE_OK);
    const int64_t begin = lk_clock_monotonic();
    assert_int_equal(lk_connection_pin(db) & 0xff, SQLITE_BUSY);
    assert_true(lk_clock_monotonic() - begin < INT64_C(5000000000));
    (void)sqlite3_close(db);
    writer_end(&w);
}

static void a_collation_of_an_application_has_a_stand_in(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_IMMUTABLE, NULL, &db),
                     SQLITE_OK);
    assert_int_equal(lk_connection_run(db, "SELECT a FROM t ORDER BY a COLLATE app_order"), SQLITE_OK);
    (void)sqlite3_close(db);
}

static int ask(sqlite3 *db, const char *sql, char out[64])
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    (void)snprintf(out, 64, "%s", rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "");
    (void)sqlite3_finalize(statement);
    return rc;
}

static void a_schema_with_json_can_be_read_and_runs_only_where_it_is_trusted(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "json.db");
    make_database(path, "CREATE TABLE t(b, n AS (json_extract(b, '$')));"
                        "CREATE INDEX i ON t(json_extract(b, '$'), b ->> '$'); INSERT INTO t VALUES('[1]')");
    sqlite3 *db = NULL;
    char text[64];
    assert_int_equal(lk_connection_open(path, LK_CONNECTION_READ, NULL, &db), SQLITE_OK);
    assert_int_equal(ask(db, "SELECT b FROM t", text), SQLITE_ROW);
    assert_string_equal(text, "[1]");
    assert_int_equal(ask(db, "SELECT n FROM t", text), SQLITE_ERROR);
    (void)sqlite3_close(db);
    assert_int_equal(lk_connection_open_trusted(path, LK_CONNECTION_READ, NULL, &db), SQLITE_OK);
    assert_int_equal(ask(db, "PRAGMA integrity_check", text), SQLITE_ROW);
    assert_string_equal(text, "ok");
    assert_int_equal(ask(db, "SELECT n FROM t", text), SQLITE_ROW);
    assert_string_equal(text, "[1]");
    (void)sqlite3_close(db);
}

static void the_encoding_is_told(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_IMMUTABLE, NULL, &db),
                     SQLITE_OK);
    assert_int_equal(lk_connection_encoding(db), 2);
    (void)sqlite3_close(db);
    assert_int_equal(lk_connection_open("", LK_CONNECTION_MEMORY, NULL, &db), SQLITE_OK);
    assert_int_equal(lk_connection_encoding(db), 1);
    (void)sqlite3_close(db);
}

static void attaching_is_refused(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_READ, NULL, &db), SQLITE_OK);
    assert_int_not_equal(lk_connection_run(db, "ATTACH ':memory:' AS other"), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void each_error_says_what_it_is_and_keeps_the_path(void **state)
{
    (void)state;
    static const struct {
        int rc;
        enum lk_status status;
        const char *part;
    } cases[] = {
        {SQLITE_NOMEM, LK_FAILED, "memory"},
        {SQLITE_INTERRUPT, LK_INTERRUPTED, "interrupted"},
        {SQLITE_NOTADB, LK_UNREADABLE, "encrypted, or not a SQLite database"},
        {SQLITE_BUSY, LK_UNREADABLE, "not backed up: locked"},
        {SQLITE_BUSY_RECOVERY, LK_UNREADABLE, "not backed up: locked"},
        {SQLITE_PROTOCOL, LK_UNREADABLE, "not backed up: locked"},
        {SQLITE_CORRUPT, LK_UNREADABLE, "damaged"},
        {SQLITE_CORRUPT_INDEX, LK_UNREADABLE, ".recover"},
        {SQLITE_IOERR_READ, LK_UNREADABLE, "disk I/O error"},
        {SQLITE_ERROR, LK_UNREADABLE, "SQLite error 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_error err = {0};
        assert_int_equal(lk_connection_fail(&err, NULL, cases[i].rc, "/p/a.db", "reading"), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_non_null(strstr(err.message, cases[i].part));
        if (cases[i].status == LK_UNREADABLE)
            assert_non_null(strstr(err.message, "/p/a.db"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_wait_for_a_lock_ends_at_its_limit),
        CASE(an_interrupt_ends_a_wait),
        CASE(a_collation_of_an_application_has_a_stand_in),
        CASE(a_schema_with_json_can_be_read_and_runs_only_where_it_is_trusted),
        CASE(the_encoding_is_told),
        CASE(attaching_is_refused),
        CASE(each_error_says_what_it_is_and_keeps_the_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
