#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "ops/session.h"
#include "scratch.h"

static void the_worst_status_of_a_run_wins(void **state)
{
    (void)state;
    static const enum lk_status order[] = {LK_INTERRUPTED, LK_FAILED,     LK_DAMAGED,
                                           LK_ALARM,       LK_UNREADABLE, LK_OK};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        for (size_t k = i; k < sizeof order / sizeof *order; k++) {
            assert_int_equal(litekeep_worse(order[i], order[k]), order[i]);
            assert_int_equal(litekeep_worse(order[k], order[i]), order[i]);
        }
    }
}

static struct litekeep *open_at(const char *path, bool init)
{
    struct litekeep *lk = NULL;
    struct lk_error err = {0};
    const struct litekeep_options options = {.store = path, .config = "", .init = init};
    assert_int_equal(litekeep_open(&options, &lk, &err), LK_OK);
    return lk;
}

static void a_named_store_without_its_mark_is_not_made_by_a_backup(void **state)
{
    (void)state;
    struct lk_dir folder;
    assert_true(scratch_make(&folder));
    struct lk_error err = {0};
    struct litekeep *lk = open_at(folder.path, false);
    assert_int_equal(lk_session_store(lk, true, &err), LK_NOT_FOUND);
    litekeep_close(lk);
    lk = open_at(folder.path, true);
    assert_int_equal(lk_session_store(lk, true, &err), LK_OK);
    litekeep_close(lk);
    lk = open_at(folder.path, false);
    assert_int_equal(lk_session_store(lk, true, &err), LK_OK);
    litekeep_close(lk);
    assert_true(scratch_remove(&folder));
}

static void a_store_inside_a_git_work_tree_is_refused(void **state)
{
    (void)state;
    struct lk_dir folder;
    assert_true(scratch_make(&folder));
    struct lk_error err = {0};
    struct lk_dir git = LK_DIR_CLOSED;
    assert_int_equal(lk_dir_create_at(&folder, ".git", 0700, true, &git, &err), LK_OK);
    char *inside = lk_format("%s/not/yet/there", folder.path), *tree = NULL;
    struct litekeep *lk = open_at(inside, true);
    assert_int_equal(lk_session_store(lk, true, &err), LK_REFUSED);
    assert_int_equal(lk_session_work_tree(inside, &tree, &err), LK_OK);
    assert_non_null(tree);
    litekeep_close(lk);
    lk_free(tree);
    lk_free(inside);
    lk_dir_close(&git);
    assert_true(scratch_remove(&folder));
}

static void the_store_is_the_one_named_then_the_environment_then_xdg_then_home(void **state)
{
    (void)state;
    setenv("HOME", "/h", 1);
    setenv("XDG_DATA_HOME", "/x", 1);
    setenv("LITEKEEP_STORE", "/e", 1);
    static const char *const expected[] = {"/n", "/e", "/x/litekeep", "/h/.local/share/litekeep"};
    for (size_t i = 0; i < 4; i++) {
        if (i == 2)
            unsetenv("LITEKEEP_STORE");
        if (i == 3)
            setenv("XDG_DATA_HOME", "relative is ignored", 1);
        struct litekeep *lk = open_at(i == 0 ? "/n" : NULL, false);
        assert_string_equal(litekeep_store_path(lk), expected[i]);
        assert_int_equal(lk->store_is_default, i >= 2);
        litekeep_close(lk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_status_of_a_run_wins),
        cmocka_unit_test(a_named_store_without_its_mark_is_not_made_by_a_backup),
        cmocka_unit_test(a_store_inside_a_git_work_tree_is_refused),
        cmocka_unit_test(the_store_is_the_one_named_then_the_environment_then_xdg_then_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
