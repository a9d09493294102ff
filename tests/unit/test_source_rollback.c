/* Rollback databases: SHARED is held for max_lock at most. */
#include "database.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "sqlite/source.h"

#define MS INT64_C(1000000)

struct fixture {
    struct lk_dir dir;
    struct lk_dir tmp;
    struct lk_source_options options;
    struct lk_source *source;
    struct lk_error err;
};

static int set_up(void **state)
{
    struct fixture *f = lk_allocate_zeroed(1, sizeof *f);
    *state = f;
    const bool made = scratch_make(&f->dir) && scratch_make(&f->tmp);
    f->options.network = LK_NETWORK_NO;
    f->options.tmp = f->tmp.path;
    if (made)
        make_database(in_scratch(&f->dir, "a.db"),
                      "CREATE TABLE t(a);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                      "INSERT INTO t SELECT randomblob(1000) FROM n");
    return made ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    lk_source_close(f->source);
    const bool removed = scratch_remove(&f->dir) && scratch_remove(&f->tmp);
    lk_free(f);
    return removed ? 0 : -1;
}

static void open_source(struct fixture *f)
{
    const enum lk_status status =
        lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err);
    if (status != LK_OK)
        fail_msg("%d: %s", status, f->err.message);
}

static enum lk_method method(const struct fixture *f)
{
    return lk_source_facts(f->source)->method;
}

static int64_t rows(const struct fixture *f)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(lk_source_db(f->source), "SELECT count(*) FROM t", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return value;
}

static void sleep_ns(int64_t ns)
{
    const struct timespec pause = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    (void)nanosleep(&pause, NULL);
}

static void a_small_one_is_read_in_place_and_unchanged(void **state)
{
    struct fixture *f = *state;
    const struct file_hash before = hash_file(&f->dir, "a.db");
    open_source(f);
    assert_int_equal(method(f), LK_METHOD_READ);
    assert_false(lk_source_facts(f->source)->wal);
    assert_int_equal(rows(f), 3000);
    assert_false(lk_source_expired(f->source));
    lk_source_close(f->source);
    f->source = NULL;
    assert_true(same_file_hash(before, hash_file(&f->dir, "a.db")));
    assert_false(file_exists(in_scratch(&f->dir, "a.db-journal")));
}

static void a_writer_waits_for_an_in_place_read_and_then_goes_on(void **state)
{
    struct fixture *f = *state;
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    open_source(f);
    assert_int_equal(writer_run(&w, "DELETE FROM t"), SQLITE_BUSY);
    assert_int_equal(rows(f), 3000);
    lk_source_close(f->source);
    f->source = NULL;
    assert_int_equal(writer_run(&w, "DELETE FROM t"), SQLITE_OK);
    writer_end(&w);
}

static void one_that_takes_longer_expires_and_is_restarted_from_a_copy(void **state)
{
    struct fixture *f = *state;
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    f->options.max_lock = 200 * MS;
    open_source(f);
    assert_int_equal(method(f), LK_METHOD_READ);
    sleep_ns(200 * MS);
    assert_true(lk_source_expired(f->source));
    bool restart = false;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_true(restart);
    assert_int_equal(lk_source_restart(f->source, &f->err), LK_OK);
    assert_int_not_equal(method(f), LK_METHOD_READ); /* in steps where a busy machine copies too slowly */
    assert_int_equal(writer_run(&w, "DELETE FROM t WHERE rowid > 10"), SQLITE_OK); /* nothing is locked now */
    assert_int_equal(rows(f), 3000);
    sleep_ns(200 * MS);
    assert_false(lk_source_expired(f->source));
    writer_end(&w);
}

static void one_that_will_not_fit_the_time_is_copied_at_once(void **state)
{
    struct fixture *f = *state;
    f->options.read_rate = 100000;
    f->options.max_lock = 10000 * MS;
    open_source(f);
    assert_true(method(f) == LK_METHOD_COPY || method(f) == LK_METHOD_CLONE);
    assert_in_range(lk_source_facts(f->source)->lock_held, 1, 10000 * MS);
    assert_int_equal(rows(f), 3000);
}

static void reading_twice_counts_twice(void **state)
{
    struct fixture *f = *state;
    f->options.read_rate = file_bytes(in_scratch(&f->dir, "a.db"));
    f->options.max_lock = 1500 * MS;
    open_source(f);
    assert_int_equal(method(f), LK_METHOD_READ);
    lk_source_close(f->source);
    f->source = NULL;
    f->options.passes = 2;
    open_source(f);
    assert_int_not_equal(method(f), LK_METHOD_READ);
}

static void what_cannot_be_copied_in_the_time_is_copied_in_steps(void **state)
{
    struct fixture *f = *state;
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    f->options.max_lock = 1000000; /* 1 ms: not even a copy fits */
    open_source(f);
    if (method(f) == LK_METHOD_CLONE)
        skip(); /* a file system that shares blocks never needs steps */
    assert_int_equal(method(f), LK_METHOD_STEPPED);
    assert_int_equal(writer_run(&w, "DELETE FROM t WHERE rowid > 10"), SQLITE_OK);
    assert_int_equal(rows(f), 3000);
    writer_end(&w);
}

static void in_place_only_is_busy_when_the_time_is_up(void **state)
{
    struct fixture *f = *state;
    f->options.snapshot = LK_SNAPSHOT_READ;
    f->options.max_lock = 100 * MS;
    f->options.read_rate = 1;
    open_source(f);
    assert_int_equal(method(f), LK_METHOD_READ);
    sleep_ns(100 * MS);
    assert_true(lk_source_expired(f->source));
    assert_int_equal(lk_source_restart(f->source, &f->err), LK_UNREADABLE);
    assert_non_null(strstr(f->err.message, "not backed up: busy"));
    assert_non_null(strstr(f->err.message, "--max-lock"));
}

static void a_database_that_is_locked_exclusively_is_reported_after_a_bounded_wait(void **state)
{
    struct fixture *f = *state;
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "BEGIN EXCLUSIVE"), SQLITE_OK);
    f->options.max_lock = 100 * MS;
    const int64_t begin = lk_clock_monotonic();
    assert_int_equal(lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err),
                     LK_UNREADABLE);
    assert_in_range(lk_clock_monotonic() - begin, 4000 * MS, 30000 * MS);
    assert_non_null(strstr(f->err.message, "not backed up: locked"));
    writer_end(&w);
}

static void a_lock_that_is_given_back_in_time_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "BEGIN EXCLUSIVE; DELETE FROM t WHERE rowid > 7"), SQLITE_OK);
    const pid_t helper = fork();
    assert_true(helper >= 0);
    if (helper == 0) {
        sleep_ns(300 * MS);
        _exit(writer_run(&w, "COMMIT") == SQLITE_OK ? 0 : 1);
    }
    open_source(f);
    assert_int_equal(rows(f), 7);
    (void)waitpid(helper, NULL, 0);
    writer_end(&w);
}

static void an_uncommitted_change_is_not_in_the_copy(void **state)
{
    struct fixture *f = *state;
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "BEGIN IMMEDIATE; DELETE FROM t WHERE rowid < 7"), SQLITE_OK);
    f->options.snapshot = LK_SNAPSHOT_COPY;
    open_source(f);
    assert_int_equal(rows(f), 3000);
    assert_int_equal(writer_run(&w, "COMMIT"), SQLITE_OK);
    assert_int_equal(rows(f), 3000);
    writer_end(&w);
}

static void the_change_counter_is_that_of_the_state_which_was_pinned(void **state)
{
    struct fixture *f = *state;
    open_source(f);
    const uint32_t before = lk_source_facts(f->source)->header.change_counter;
    lk_source_close(f->source);
    f->source = NULL;
    make_database(in_scratch(&f->dir, "a.db"), "DELETE FROM t WHERE rowid = 1");
    open_source(f);
    assert_int_equal(lk_source_facts(f->source)->header.change_counter, before + 1);
}

static void a_file_that_is_overwritten_in_spite_of_the_lock_is_noticed(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "old.db"), "CREATE TABLE t(a); INSERT INTO t VALUES(1),(2)");
    open_source(f);
    assert_int_equal(method(f), LK_METHOD_READ);
    bool restart = true;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_false(restart);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)execlp("cp", "cp", in_scratch(&f->dir, "old.db"), in_scratch(&f->dir, "a.db"), (char *)NULL);
        _exit(1);
    }
    int status = 1;
    (void)waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_true(restart);
    assert_int_equal(lk_source_restart(f->source, &f->err), LK_OK);
    assert_int_equal(rows(f), 2);
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_false(restart);
}

/* Two tables whose sum every transaction keeps: a state that mixes two commits does not have it. */
static void every_state_that_is_pinned_is_one_that_was_committed(void **state)
{
    struct fixture *f = *state;
    static const char *const modes[] = {"DELETE", "TRUNCATE", "PERSIST", "WAL"};
    for (size_t m = 0; m < 4; m++) {
        (void)unlink(in_scratch(&f->dir, "a.db"));
        char sql[1024];
        (void)snprintf(sql, sizeof sql,
                       "PRAGMA page_size=512; PRAGMA journal_mode=%s; CREATE TABLE t(a); CREATE TABLE u(a);"
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                       "INSERT INTO t SELECT i FROM n; INSERT INTO u SELECT -a FROM t",
                       modes[m]);
        make_database(in_scratch(&f->dir, "a.db"), sql);
        struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
        (void)snprintf(sql, sizeof sql,
                       "PRAGMA journal_mode=%s; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=20; PRAGMA "
                       "cache_size=10;"
                       "PRAGMA busy_timeout=20000",
                       modes[m]);
        assert_int_equal(writer_run(&w, sql), SQLITE_OK);
        const pid_t busy = fork();
        assert_true(busy >= 0);
        if (busy == 0) {
            while (writer_run(&w, "BEGIN; UPDATE t SET a = a + rowid; UPDATE u SET a = a - rowid; COMMIT") ==
                   SQLITE_OK)
                ;
            _exit(0);
        }
        for (int i = 0; i < 24; i++) {
            f->options.snapshot = i % 2 == 0 ? LK_SNAPSHOT_AUTO : LK_SNAPSHOT_COPY;
            f->options.max_lock = i % 3 == 0 ? MS : 0; /* in steps */
            open_source(f);
            sqlite3_stmt *statement = NULL;
            assert_int_equal(
                sqlite3_prepare_v2(
                    lk_source_db(f->source),
                    "SELECT (SELECT sum(a) FROM t) + (SELECT sum(a) FROM u), (SELECT count(*) FROM t)", -1,
                    &statement, NULL),
                SQLITE_OK);
            assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
            assert_int_equal(sqlite3_column_int64(statement, 0), 0);
            assert_int_equal(sqlite3_column_int64(statement, 1), 300);
            (void)sqlite3_finalize(statement);
            lk_source_close(f->source);
            f->source = NULL;
        }
        kill(busy, SIGKILL);
        (void)waitpid(busy, NULL, 0);
        writer_end(&w);
        (void)unlink(in_scratch(&f->dir, "a.db-wal"));
        (void)unlink(in_scratch(&f->dir, "a.db-shm"));
        (void)unlink(in_scratch(&f->dir, "a.db-journal"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_small_one_is_read_in_place_and_unchanged),
        CASE(a_writer_waits_for_an_in_place_read_and_then_goes_on),
        CASE(one_that_takes_longer_expires_and_is_restarted_from_a_copy),
        CASE(one_that_will_not_fit_the_time_is_copied_at_once),
        CASE(reading_twice_counts_twice),
        CASE(what_cannot_be_copied_in_the_time_is_copied_in_steps),
        CASE(in_place_only_is_busy_when_the_time_is_up),
        CASE(a_database_that_is_locked_exclusively_is_reported_after_a_bounded_wait),
        CASE(a_lock_that_is_given_back_in_time_is_waited_for),
        CASE(an_uncommitted_change_is_not_in_the_copy),
        CASE(a_file_that_is_overwritten_in_spite_of_the_lock_is_noticed),
        CASE(every_state_that_is_pinned_is_one_that_was_committed),
        CASE(the_change_counter_is_that_of_the_state_which_was_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
