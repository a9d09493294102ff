#include "database.h"

#include "sqlite/page_copy.h"

struct fixture {
    struct lk_dir dir;
    struct lk_dir tmp;
    struct lk_source_options options;
    struct lk_source *source;
    struct lk_buffer copy;
    struct lk_error err;
};

static int set_up(void **state)
{
    struct fixture *f = lk_allocate_zeroed(1, sizeof *f);
    *state = f;
    f->options.network = LK_NETWORK_NO;
    const bool made = scratch_make(&f->dir) && scratch_make(&f->tmp);
    f->options.tmp = f->tmp.path;
    return made ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    lk_source_close(f->source);
    lk_buffer_reset(&f->copy);
    const bool removed = scratch_remove(&f->dir) && scratch_remove(&f->tmp);
    lk_free(f);
    return removed ? 0 : -1;
}

static enum lk_status take(void *context, const void *ptr, size_t len, struct lk_error *err)
{
    struct lk_buffer *copy = context;
    lk_buffer_append(copy, ptr, len);
    return lk_buffer_check(copy, "taking a copy", err);
}

static enum lk_status refuse(void *context, const void *ptr, size_t len, struct lk_error *err)
{
    (void)context;
    (void)ptr;
    (void)len;
    return lk_fail(err, LK_FAILED, "the disk is full");
}

static void open_source(struct fixture *f)
{
    if (lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
}

/* Send a copy into the file copy.db. */
static void send_copy(struct fixture *f)
{
    uint64_t bytes = 0;
    bool restart = true;
    if (lk_page_copy_send(f->source, (struct lk_page_sink){take, &f->copy}, &bytes, &restart, &f->err) !=
        LK_OK)
        fail_msg("%s", f->err.message);
    assert_false(restart);
    assert_int_equal(bytes, f->copy.len);
    assert_int_equal(lk_file_write(&f->dir, "copy.db", lk_buffer_bytes(&f->copy), 0600, true, &f->err),
                     LK_OK);
}

static int64_t number(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(in_scratch(&f->dir, "copy.db"), &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

static void a_rollback_database_is_copied_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(3000000))");
    const struct file_hash before = hash_file(&f->dir, "a.db");
    open_source(f);
    send_copy(f);
    assert_true(same_file_hash(before, hash_file(&f->dir, "copy.db")));
}

static void a_live_wal_database_is_copied_as_it_was_pinned(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"),
                  "PRAGMA page_size=1024; PRAGMA user_version=5; PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(1),(2)"), SQLITE_OK);
    open_source(f);
    assert_int_equal(lk_source_facts(f->source)->method, LK_METHOD_READ);
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3); PRAGMA wal_checkpoint"), SQLITE_OK);
    send_copy(f);
    writer_end(&w);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 2);
    assert_int_equal(number(f, "PRAGMA user_version"), 5);
    assert_int_equal(number(f, "PRAGMA page_size"), 1024);
    assert_int_equal(number(f, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
                     0);
    char **names = NULL;
    size_t count = 1;
    assert_int_equal(lk_dir_list(&f->tmp, &names, &count, &f->err), LK_OK);
    lk_free(names);
    assert_int_equal(count, 0);
}

static void a_quiet_wal_database_is_copied_from_its_file(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"),
                  "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    open_source(f);
    assert_int_equal(lk_source_facts(f->source)->method, LK_METHOD_IMMUTABLE);
    send_copy(f);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 1);
}

static void what_was_recovered_is_in_the_copy(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(1),(2),(3)"), SQLITE_OK);
    writer_end(&w);
    f->options.network = LK_NETWORK_YES;
    open_source(f);
    send_copy(f);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
}

static void an_empty_database_is_no_bytes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(lk_file_write(&f->dir, "a.db", lk_bytes("", 0), 0600, false, &f->err), LK_OK);
    open_source(f);
    send_copy(f);
    assert_int_equal(f->copy.len, 0);
}

static void a_sink_that_fails_ends_the_copy_with_its_error(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), "CREATE TABLE t(a)");
    open_source(f);
    uint64_t bytes = 7;
    bool restart = true;
    assert_int_equal(
        lk_page_copy_send(f->source, (struct lk_page_sink){refuse, NULL}, &bytes, &restart, &f->err),
        LK_FAILED);
    assert_string_equal(f->err.message, "the disk is full");
    assert_int_equal(bytes, 0);
}

static void a_copy_that_was_disturbed_asks_for_a_restart(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    open_source(f);
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(1)"), SQLITE_OK);
    uint64_t bytes = 0;
    bool restart = false;
    assert_int_equal(
        lk_page_copy_send(f->source, (struct lk_page_sink){take, &f->copy}, &bytes, &restart, &f->err),
        LK_OK);
    assert_true(restart);
    writer_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_rollback_database_is_copied_byte_for_byte),
        CASE(a_live_wal_database_is_copied_as_it_was_pinned),
        CASE(a_quiet_wal_database_is_copied_from_its_file),
        CASE(what_was_recovered_is_in_the_copy),
        CASE(an_empty_database_is_no_bytes),
        CASE(a_sink_that_fails_ends_the_copy_with_its_error),
        CASE(a_copy_that_was_disturbed_asks_for_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
