#include "database.h"

#include <errno.h>

#include "sqlite/path.h"

static void below_means_whole_names(void **state)
{
    (void)state;
    assert_true(lk_path_is_below("/a/b", "/a"));
    assert_true(lk_path_is_below("/a/b", "/a/"));
    assert_true(lk_path_is_below("/a", "/a"));
    assert_true(lk_path_is_below("/a", "/"));
    assert_false(lk_path_is_below("/ab", "/a"));
    assert_false(lk_path_is_below("/a", "/a/b"));
}

static void the_name_is_what_follows_the_last_slash(void **state)
{
    (void)state;
    assert_string_equal(lk_path_name("/a/b.db"), "b.db");
    assert_string_equal(lk_path_name("b.db"), "b.db");
    assert_string_equal(lk_path_name("/a/"), "");
}

static void the_real_path_is_free_of_links_and_a_missing_one_says_why(void **state)
{
    (void)state;
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_true(scratch_make(&dir));
    assert_int_equal(mkdir(in_scratch(&dir, "d"), 0700), 0);
    assert_int_equal(symlink("d", in_scratch(&dir, "link")), 0);
    char *real = lk_path_real(in_scratch(&dir, "link/../link/."));
    char *expected = lk_path_real(in_scratch(&dir, "d"));
    assert_string_equal(real, expected);
    lk_free(real);
    lk_free(expected);
    assert_null(lk_path_real(in_scratch(&dir, "none")));
    assert_int_equal(errno, ENOENT);
    lk_memory_fail_after(0, 0);
    assert_null(lk_path_real(dir.path));
    assert_int_equal(errno, ENOMEM);
    lk_memory_fail_after(-1, 0);
    assert_true(scratch_remove(&dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_means_whole_names),
        cmocka_unit_test(the_name_is_what_follows_the_last_slash),
        cmocka_unit_test(the_real_path_is_free_of_links_and_a_missing_one_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
