#include "database.h"

#include <fcntl.h>

#include "sqlite/header.h"
#include "sqlite/takeover.h"

static struct lk_dir dir;
static atomic_bool stop;

static int set_up(void **state)
{
    (void)state;
    atomic_store(&stop, false);
    return scratch_make(&dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

static const char *old_database(const char *mode)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA journal_mode=%s; CREATE TABLE t(a); INSERT INTO t VALUES (1),(2),(3)", mode);
    const char *path = in_scratch(&dir, "old.db");
    make_database(path, sql);
    return path;
}

static struct lk_takeover *lock(const char *path)
{
    struct lk_takeover *t = NULL;
    struct lk_error err = {0};
    if (lk_takeover_lock(path, &stop, &t, &err) != LK_OK)
        fail_msg("%s", err.message);
    return t;
}

static bool is_wal(const char *path)
{
    uint8_t bytes[LK_HEADER_SIZE];
    struct lk_header header = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fclose(file), 0);
    assert_true(lk_header_parse(bytes, &header));
    return header.wal;
}

/* The other has it open by another name, so that it is not seen. */
static void check_that_nobody_else_gets_in(const char *mode)
{
    const char *path = old_database(mode);
    const char *twin = in_scratch(&dir, "twin.db");
    assert_int_equal(link(path, twin), 0);
    struct writer other = writer_start(twin);
    struct lk_takeover *t = lock(path);
    struct lk_error err = {0};
    assert_int_equal(writer_run(&other, "SELECT * FROM t"), SQLITE_BUSY);
    assert_int_equal(writer_run(&other, "INSERT INTO t VALUES (4)"), SQLITE_BUSY);
    assert_int_equal(lk_takeover_clear(t, &err), LK_OK);
    assert_int_equal(writer_run(&other, "SELECT * FROM t"), SQLITE_BUSY);
    assert_int_equal(writer_run(&other, "INSERT INTO t VALUES (4)"), SQLITE_BUSY);
    lk_takeover_free(t);
    assert_int_equal(writer_run(&other, "INSERT INTO t VALUES (4)"), SQLITE_OK);
    writer_end(&other);
}

static void nobody_else_gets_in_while_a_rollback_database_is_locked(void **state)
{
    (void)state;
    check_that_nobody_else_gets_in("DELETE");
}

static void nobody_else_gets_in_while_a_wal_database_is_locked(void **state)
{
    (void)state;
    check_that_nobody_else_gets_in("WAL");
}

static void what_a_dead_program_left_in_its_wal_is_in_the_file_afterwards(void **state)
{
    (void)state;
    const char *path = old_database("WAL");
    struct writer dead = writer_start(path);
    assert_int_equal(writer_run(&dead, "INSERT INTO t VALUES (4)"), SQLITE_OK);
    writer_end(&dead);
    assert_true(file_bytes(in_scratch(&dir, "old.db-wal")) > 0);

    struct lk_takeover *t = lock(path);
    struct lk_error err = {0};
    assert_int_equal(lk_takeover_clear(t, &err), LK_OK);
    assert_false(file_exists(in_scratch(&dir, "old.db-wal")));
    assert_false(file_exists(in_scratch(&dir, "old.db-shm")));
    lk_takeover_free(t);
    assert_false(file_exists(in_scratch(&dir, "old.db-wal")));
    assert_true(is_wal(path));
    make_database(path, "CREATE TABLE checked(a CHECK(a = 4)); INSERT INTO checked SELECT count(*) FROM t");
}

static void the_journal_of_a_persistent_database_is_removed(void **state)
{
    (void)state;
    const char *path = old_database("PERSIST");
    assert_true(file_exists(in_scratch(&dir, "old.db-journal")));
    struct lk_takeover *t = lock(path);
    struct lk_error err = {0};
    assert_int_equal(lk_takeover_clear(t, &err), LK_OK);
    assert_false(file_exists(in_scratch(&dir, "old.db-journal")));
    lk_takeover_free(t);
}

static void a_database_that_is_not_replaced_after_all_is_as_it_was(void **state)
{
    (void)state;
    static const char *const modes[] = {"DELETE", "WAL"};
    for (size_t i = 0; i < 2; i++) {
        const char *path = old_database(modes[i]);
        const struct file_hash before = hash_file(&dir, "old.db");
        lk_takeover_free(lock(path));
        assert_true(same_file_hash(before, hash_file(&dir, "old.db")));
        assert_false(file_exists(in_scratch(&dir, "old.db-wal")));
        assert_false(file_exists(in_scratch(&dir, "old.db-journal")));
        assert_int_equal(unlink(path), 0);
    }
}

static void a_program_that_has_a_wal_database_open_is_named(void **state)
{
    (void)state;
    const char *path = old_database("WAL");
    struct writer other = writer_start(path);
    assert_int_equal(writer_run(&other, "SELECT * FROM t"), SQLITE_OK);
    struct lk_takeover *t = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_takeover_lock(path, &stop, &t, &err), LK_REFUSED);
    char process[64];
    (void)snprintf(process, sizeof process, "(process %d)", (int)other.pid);
    assert_non_null(strstr(err.message, process));
    assert_int_equal(writer_run(&other, "INSERT INTO t VALUES (4)"), SQLITE_OK);
    writer_end(&other);
}

static void an_interrupt_ends_the_wait(void **state)
{
    (void)state;
    const char *path = old_database("DELETE");
    struct writer other = writer_start(path);
    assert_int_equal(writer_run(&other, "BEGIN IMMEDIATE"), SQLITE_OK);
    struct lk_takeover *t = NULL;
    struct lk_error err = {0};
    atomic_store(&stop, true);
    assert_int_equal(lk_takeover_lock(path, &stop, &t, &err), LK_INTERRUPTED);
    writer_end(&other);
}

static void a_file_that_is_no_database_is_refused_with_the_way_out(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "old.db");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("no database ", file) >= 0);
    assert_int_equal(fclose(file), 0);
    struct lk_takeover *t = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_takeover_lock(path, &stop, &t, &err), LK_REFUSED);
    assert_non_null(strstr(err.message, "move it away"));
}

static void an_empty_file_is_a_database(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "old.db");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    struct lk_takeover *t = lock(path);
    struct lk_error err = {0};
    assert_int_equal(lk_takeover_clear(t, &err), LK_OK);
    lk_takeover_free(t);
    assert_int_equal(file_bytes(path), 0);
}

/* Idle in rollback mode, it holds no lock. */
static void an_idle_program_that_has_it_open_is_named(void **state)
{
    (void)state;
    const char *path = old_database("DELETE");
    struct writer idle = writer_start(path);
    assert_int_equal(writer_run(&idle, "SELECT * FROM t"), SQLITE_OK);
    struct lk_takeover *t = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_takeover_lock(path, &stop, &t, &err), LK_REFUSED);
    char process[64];
    (void)snprintf(process, sizeof process, "(process %d) has it open", (int)idle.pid);
    assert_non_null(strstr(err.message, process));
    assert_null(t);
    assert_int_equal(writer_run(&idle, "INSERT INTO t VALUES (4)"), SQLITE_OK);
    writer_end(&idle);
    lk_takeover_free(lock(path));
}

/* Of another user, say; our own connections are not looked for either. It has opened the old file and read
 * nothing yet: in WAL mode it would take the new database's -wal for that of the old. */
static void check_that_an_unseen_program_does_no_harm(const char *mode, bool twin)
{
    const char *path = old_database(mode);
    const char *next = in_scratch(&dir, "new.db");
    make_database(next, "CREATE TABLE fresh(a)");
    if (twin)
        assert_int_equal(link(path, in_scratch(&dir, "twin.db")), 0);
    sqlite3 *unseen = NULL;
    assert_int_equal(sqlite3_open(path, &unseen), SQLITE_OK);
    struct lk_takeover *t = lock(path);
    struct lk_error err = {0};
    assert_int_equal(lk_takeover_clear(t, &err), LK_OK);
    assert_int_equal(rename(next, path), 0);
    lk_takeover_replaced(t);
    lk_takeover_free(t);
    assert_int_equal(sqlite3_exec(unseen, "SELECT * FROM t", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(unseen, "INSERT INTO t VALUES (4)", NULL, NULL, NULL), SQLITE_READONLY);
    assert_false(file_exists(in_scratch(&dir, "old.db-wal")));
    assert_false(file_exists(in_scratch(&dir, "old.db-journal")));
    assert_int_equal(sqlite3_close(unseen), SQLITE_OK);
    make_database(path, "INSERT INTO fresh VALUES (1)");
    if (twin)
        make_database(in_scratch(&dir, "twin.db"), "CREATE TABLE checked(a CHECK(a = 3)); "
                                                   "INSERT INTO checked SELECT count(*) FROM t");
}

static void an_unseen_program_does_not_write_beside_the_new_database(void **state)
{
    (void)state;
    check_that_an_unseen_program_does_no_harm("DELETE", false);
}

static void an_unseen_program_does_not_take_the_new_wal_for_the_old_one(void **state)
{
    (void)state;
    check_that_an_unseen_program_does_no_harm("WAL", false);
}

static void rows_of_a_file_with_another_name_stay(void **state)
{
    (void)state;
    check_that_an_unseen_program_does_no_harm("WAL", true);
}

static void a_file_with_another_name_is_left_as_it_is(void **state)
{
    (void)state;
    const char *path = old_database("DELETE");
    const char *twin = in_scratch(&dir, "twin.db");
    assert_int_equal(link(path, twin), 0);
    struct lk_takeover *t = lock(path);
    assert_int_equal(unlink(path), 0);
    lk_takeover_replaced(t);
    lk_takeover_free(t);
    make_database(twin, "INSERT INTO t VALUES (4)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(nobody_else_gets_in_while_a_rollback_database_is_locked),
        CASE(nobody_else_gets_in_while_a_wal_database_is_locked),
        CASE(what_a_dead_program_left_in_its_wal_is_in_the_file_afterwards),
        CASE(the_journal_of_a_persistent_database_is_removed),
        CASE(a_database_that_is_not_replaced_after_all_is_as_it_was),
        CASE(a_program_that_has_a_wal_database_open_is_named),
        CASE(an_interrupt_ends_the_wait),
        CASE(a_file_that_is_no_database_is_refused_with_the_way_out),
        CASE(an_empty_file_is_a_database),
        CASE(an_idle_program_that_has_it_open_is_named),
        CASE(an_unseen_program_does_not_write_beside_the_new_database),
        CASE(an_unseen_program_does_not_take_the_new_wal_for_the_old_one),
        CASE(rows_of_a_file_with_another_name_stay),
        CASE(a_file_with_another_name_is_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
