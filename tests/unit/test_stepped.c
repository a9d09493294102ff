#include "database.h"

#include <signal.h>

#include "sqlite/connection.h"
#include "sqlite/stepped.h"

static struct lk_dir dir;

static int set_up(void **state)
{
    (void)state;
    if (!scratch_make(&dir))
        return -1;
    make_database(in_scratch(&dir, "a.db"),
                  "PRAGMA page_size=512; CREATE TABLE t(a);"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
                  "INSERT INTO t SELECT randomblob(400) FROM n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

static int64_t rows(const char *name)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(in_scratch(&dir, name), &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE (SELECT * FROM pragma_integrity_check) = 'ok'",
                           -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t count = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return count;
}

static void steps_make_a_whole_copy(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    struct lk_error err = {0};
    bool done = false;
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_READ, NULL, &db), SQLITE_OK);
    assert_int_equal(lk_stepped_copy(db, "a.db", in_scratch(&dir, "b.db"), 1000000, NULL, &done, &err),
                     LK_OK);
    (void)sqlite3_close(db);
    assert_true(done);
    assert_int_equal(rows("b.db"), 40000);
}

static void a_writer_gets_in_between_steps_and_the_copy_is_of_one_state(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    struct lk_error err = {0};
    bool done = false;
    struct writer w = writer_start(in_scratch(&dir, "a.db"));
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_READ, NULL, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(
        db, 60000); /* a step waits for the writer as a source's does, however slow the disk */
    writer_send(&w, "PRAGMA busy_timeout=60000; DELETE FROM t WHERE rowid <= 39000");
    assert_int_equal(lk_stepped_copy(db, "a.db", in_scratch(&dir, "b.db"), 1000000, NULL, &done, &err),
                     LK_OK);
    assert_int_equal(writer_wait(&w), SQLITE_OK);
    (void)sqlite3_close(db);
    writer_end(&w);
    assert_true(done);
    const int64_t count = rows("b.db");
    assert_true(count == 40000 || count == 1000);
}

static void a_constant_writer_is_given_up_after_bounded_restarts(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    struct lk_error err = {0};
    bool done = true;
    struct writer w = writer_start(in_scratch(&dir, "a.db"));
    assert_int_equal(
        writer_run(&w, "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY; PRAGMA busy_timeout=60000"),
        SQLITE_OK);
    const pid_t busy = fork();
    assert_true(busy >= 0);
    if (busy == 0) {
        while (writer_run(&w, "UPDATE t SET a = randomblob(400) WHERE rowid = 1") == SQLITE_OK)
            ;
        _exit(0);
    }
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_READ, NULL, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 60000);
    /* Steps of a nanosecond never grow: the writer always gets in between. */
    const enum lk_status status = lk_stepped_copy(db, "a.db", in_scratch(&dir, "b.db"), 1, NULL, &done, &err);
    kill(busy, SIGKILL);
    (void)waitpid(busy, NULL, 0);
    (void)sqlite3_close(db);
    writer_end(&w);
    assert_int_equal(status, LK_OK);
    assert_false(done);
}

static void an_interrupt_ends_the_steps(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    struct lk_error err = {0};
    atomic_bool stop = true;
    bool done = true;
    assert_int_equal(lk_connection_open(in_scratch(&dir, "a.db"), LK_CONNECTION_READ, NULL, &db), SQLITE_OK);
    assert_int_equal(lk_stepped_copy(db, "a.db", in_scratch(&dir, "b.db"), 1000000, &stop, &done, &err),
                     LK_INTERRUPTED);
    (void)sqlite3_close(db);
    assert_false(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(steps_make_a_whole_copy),
        CASE(a_writer_gets_in_between_steps_and_the_copy_is_of_one_state),
        CASE(a_constant_writer_is_given_up_after_bounded_restarts),
        CASE(an_interrupt_ends_the_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
