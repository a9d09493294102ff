#include "database.h"

#include "sqlite/header.h"

static void read_start(const struct lk_dir *dir, const char *name, uint8_t out[LK_HEADER_SIZE])
{
    struct lk_buffer content = {0};
    struct lk_error err = {0};
    assert_int_equal(lk_file_read(dir, name, 1 << 20, &content, &err), LK_OK);
    assert_true(content.len >= LK_HEADER_SIZE);
    memcpy(out, content.data, LK_HEADER_SIZE);
    lk_buffer_reset(&content);
}

static int set_up(void **state)
{
    static struct lk_dir dir;
    *state = &dir;
    return scratch_make(&dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    return scratch_remove(*state) ? 0 : -1;
}

static void every_field_is_what_sqlite_was_told(void **state)
{
    const struct lk_dir *dir = *state;
    make_database(in_scratch(dir, "a"),
                  "PRAGMA page_size=65536; PRAGMA encoding='UTF-16be'; PRAGMA auto_vacuum=INCREMENTAL;"
                  "PRAGMA user_version=-7; PRAGMA application_id=305419896; PRAGMA journal_mode=WAL;"
                  "CREATE TABLE t(a)");
    uint8_t start[LK_HEADER_SIZE];
    struct lk_header h;
    read_start(dir, "a", start);
    assert_true(lk_header_parse(start, &h));
    assert_int_equal(h.page_size, 65536);
    assert_int_equal(h.encoding, 3);
    assert_int_equal(h.auto_vacuum, 2);
    assert_int_equal(h.user_version, -7);
    assert_int_equal(h.application_id, 305419896);
    assert_true(h.wal);
    assert_true(h.pages >= 2);
}

static void each_commit_moves_the_change_counter(void **state)
{
    const struct lk_dir *dir = *state;
    uint8_t start[LK_HEADER_SIZE];
    struct lk_header before;
    struct lk_header after;
    make_database(in_scratch(dir, "a"), "PRAGMA auto_vacuum=FULL; CREATE TABLE t(a)");
    read_start(dir, "a", start);
    assert_true(lk_header_parse(start, &before));
    make_database(in_scratch(dir, "a"), "CREATE TABLE u(a)");
    read_start(dir, "a", start);
    assert_true(lk_header_parse(start, &after));
    assert_int_equal(after.change_counter, before.change_counter + 1);
    assert_int_equal(after.schema_cookie, before.schema_cookie + 1);
    assert_int_equal(after.auto_vacuum, 1);
    assert_false(after.wal);
}

static void what_is_no_header_is_refused_and_changes_nothing(void **state)
{
    const struct lk_dir *dir = *state;
    make_database(in_scratch(dir, "a"), "CREATE TABLE t(a)");
    uint8_t start[LK_HEADER_SIZE];
    read_start(dir, "a", start);
    struct lk_header h = {.pages = 77};
    const uint8_t good[2] = {start[16], start[17]};
    const uint8_t bad[][2] = {{0, 0}, {1, 0}, {0, 2}, {3, 0}, {0xff, 0xff}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memcpy(start + 16, bad[i], 2);
        assert_false(lk_header_parse(start, &h));
    }
    memcpy(start + 16, good, 2);
    start[15] = ' ';
    assert_false(lk_header_parse(start, &h));
    assert_int_equal(h.pages, 77);
    assert_false(lk_header_is_database(start, 100));
    start[15] = '\0';
    assert_true(lk_header_is_database(start, 16));
    assert_false(lk_header_is_database(start, 15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(every_field_is_what_sqlite_was_told),
        CASE(each_commit_moves_the_change_counter),
        CASE(what_is_no_header_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
