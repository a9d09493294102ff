#include "database.h"

#include <fcntl.h>

#include "base/clock.h"
#include "sqlite/damage.h"

static struct lk_dir dir;

static int set_up(void **state)
{
    (void)state;
    if (!scratch_make(&dir))
        return -1;
    make_database(in_scratch(&dir, "a.db"),
                  "CREATE TABLE sound(a); INSERT INTO sound VALUES(1); CREATE TABLE \"torn \"\"t\"(a);"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
                  "INSERT INTO \"torn \"\"t\" SELECT randomblob(100) FROM n");
    const int fd = open(in_scratch(&dir, "a.db"), O_WRONLY | O_CLOEXEC);
    uint8_t page[4096];
    memset(page, 0xff, sizeof page);
    const bool written = pwrite(fd, page, sizeof page, 4096 * 10) == sizeof page;
    close(fd);
    return written ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

static void the_page_is_named_on_one_line_and_a_sound_table_has_nothing_to_say(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    struct lk_buffer out = {0};
    assert_int_equal(sqlite3_open(in_scratch(&dir, "a.db"), &db), SQLITE_OK);
    lk_damage_describe(db, "torn \"t", INT64_C(60000000000), &out);
    /* "Page 11: ..." or "Tree 3 page 11: ...": versions of SQLite differ. */
    if (strcasestr(lk_buffer_string(&out), "page 11") == NULL)
        fail_msg("%s", lk_buffer_string(&out));
    assert_null(strchr(lk_buffer_string(&out), '\n'));
    assert_in_range(out.len, 1, 1300);
    lk_buffer_clear(&out);
    lk_damage_describe(db, "sound", INT64_C(60000000000), &out);
    assert_int_equal(out.len, 0);
    lk_buffer_reset(&out);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void no_time_means_no_description_and_the_connection_stays_usable(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    struct lk_buffer out = {0};
    assert_int_equal(sqlite3_open(in_scratch(&dir, "a.db"), &db), SQLITE_OK);
    const int64_t begin = lk_clock_monotonic();
    lk_damage_describe(db, "torn \"t", 0, &out);
    assert_true(lk_clock_monotonic() - begin < INT64_C(5000000000));
    lk_buffer_reset(&out);
    assert_int_equal(sqlite3_exec(db,
                                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                                  "100000) SELECT count(*) FROM n",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(the_page_is_named_on_one_line_and_a_sound_table_has_nothing_to_say),
        CASE(no_time_means_no_description_and_the_connection_stays_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
