#include "database.h"

#include "sqlite/tmp.h"

static struct lk_dir dir;

static int set_up(void **state)
{
    (void)state;
    return scratch_make(&dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

static size_t entries(void)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error err = {0};
    assert_int_equal(lk_dir_list(&dir, &names, &count, &err), LK_OK);
    lk_free(names);
    return count;
}

static void the_folder_is_private_and_goes_with_all_in_it(void **state)
{
    (void)state;
    struct lk_tmp *t = NULL;
    struct lk_error err = {0};
    struct stat st;
    assert_int_equal(lk_tmp_new(dir.path, &t, &err), LK_OK);
    assert_int_equal(stat(lk_tmp_path(t), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/db", lk_tmp_path(t));
    make_database(path, "CREATE TABLE t(a)");
    lk_tmp_clear(t);
    assert_false(file_exists(path));
    make_database(path, "CREATE TABLE t(a)");
    lk_tmp_free(t);
    assert_int_equal(entries(), 0);
}

static void what_a_killed_run_left_is_removed(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(dir.fd, "litekeep-tmp-abcdef", 0700), 0);
    make_database(in_scratch(&dir, "litekeep-tmp-abcdef/db"), "CREATE TABLE t(a)");
    assert_int_equal(mkdirat(dir.fd, "litekeep-tmp-empty", 0700), 0);
    assert_int_equal(mkdirat(dir.fd, "other", 0700), 0);
    struct lk_tmp *t = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_tmp_new(dir.path, &t, &err), LK_OK);
    assert_false(file_exists(in_scratch(&dir, "litekeep-tmp-abcdef")));
    assert_false(file_exists(in_scratch(&dir, "litekeep-tmp-empty")));
    assert_true(file_exists(in_scratch(&dir, "other")));
    lk_tmp_free(t);
}

static void what_a_running_one_uses_stays(void **state)
{
    (void)state;
    struct lk_tmp *used = NULL;
    struct lk_tmp *t = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_tmp_new(dir.path, &used, &err), LK_OK);
    assert_int_equal(lk_tmp_new(dir.path, &t, &err), LK_OK);
    assert_true(file_exists(lk_tmp_path(used)));
    lk_tmp_free(t);
    lk_tmp_free(used);
}

static void a_place_that_is_not_there_is_said_with_the_way_out(void **state)
{
    (void)state;
    struct lk_tmp *t = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_tmp_new(in_scratch(&dir, "none"), &t, &err), LK_UNREADABLE);
    assert_null(t);
    assert_non_null(strstr(err.message, "--tmp"));
}

static void space_is_asked_for_before_it_is_used(void **state)
{
    (void)state;
    struct lk_tmp *t = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_tmp_new(dir.path, &t, &err), LK_OK);
    assert_int_equal(lk_tmp_check_space(t, 1, &err), LK_OK);
    assert_int_equal(lk_tmp_check_space(t, UINT64_C(1) << 60, &err), LK_UNREADABLE);
    assert_non_null(strstr(err.message, "are free"));
    lk_tmp_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(the_folder_is_private_and_goes_with_all_in_it),
        CASE(what_a_killed_run_left_is_removed),
        CASE(what_a_running_one_uses_stays),
        CASE(a_place_that_is_not_there_is_said_with_the_way_out),
        CASE(space_is_asked_for_before_it_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
