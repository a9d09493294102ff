#include "store/known.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int make(void **state)
{
    static struct fixture f;
    *state = &f;
    return fixture_make(&f) ? 0 : -1;
}

static int remove_all(void **state)
{
    return fixture_remove(*state) ? 0 : -1;
}

static void a_folder_is_another_s_only_while_its_source_json_is_the_one_that_was_read(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_known *k = lk_known_new();
    const struct lk_known_stamp stamp = lk_known_stamp_of(&f->store->dir, "posts");
    assert_true(stamp.exists);
    assert_false(lk_known_is_another(k, &f->store->dir, "posts", "x")); /* nothing remembered */
    lk_known_remember(k, "posts", stamp, "mine");
    assert_true(lk_known_is_another(k, &f->store->dir, "posts", "x"));
    assert_false(lk_known_is_another(k, &f->store->dir, "posts", "mine"));
    /* Replaced by one of the same length. */
    struct lk_buffer text = {0};
    assert_int_equal(lk_file_read(&f->dir, LK_SOURCE_FILE, 1 << 20, &text, &err), LK_OK);
    assert_int_equal(lk_file_write(&f->dir, LK_SOURCE_FILE, lk_buffer_bytes(&text), 0600, true, &err), LK_OK);
    assert_false(lk_known_is_another(k, &f->store->dir, "posts", "x"));
    lk_known_remember(k, "posts", lk_known_stamp_of(&f->store->dir, "posts"), "x");
    assert_true(lk_known_is_another(k, &f->store->dir, "posts", "mine"));
    assert_int_equal(unlinkat(f->dir.fd, LK_SOURCE_FILE, 0), 0);
    assert_false(lk_known_is_another(k, &f->store->dir, "posts", "mine"));
    lk_buffer_reset(&text);
    lk_known_free(k);
}

static void folders_without_an_owner_are_never_remembered(void **state)
{
    struct fixture *f = *state;
    struct lk_known *k = lk_known_new();
    const struct lk_known_stamp none = lk_known_stamp_of(&f->store->dir, "nothing");
    assert_false(none.exists);
    lk_known_remember(k, "nothing", none, "mine");
    lk_known_remember(k, "posts", lk_known_stamp_of(&f->store->dir, "posts"), NULL);
    assert_false(lk_known_is_another(k, &f->store->dir, "nothing", "x"));
    assert_false(lk_known_is_another(k, &f->store->dir, "posts", "x"));
    lk_known_free(k);
}

/* In any order, and without memory for some: those are only slower. */
static void many_folders_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    struct lk_known *k = lk_known_new();
    const struct lk_known_stamp stamp = lk_known_stamp_of(&f->store->dir, "posts");
    char name[32];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "f%d", i * 37 % 100);
        lk_memory_fail_after(i % 2 == 0 ? -1 : i % 3, 1);
        lk_known_remember(k, name, stamp, name);
        lk_memory_fail_after(-1, 0);
    }
    lk_known_remember(k, "posts", stamp, "mine");
    assert_true(lk_known_is_another(k, &f->store->dir, "posts", "f1"));
    assert_false(lk_known_is_another(k, &f->store->dir, "f1", "x")); /* it has no source.json now */
    lk_known_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_folder_is_another_s_only_while_its_source_json_is_the_one_that_was_read, make, remove_all),
        cmocka_unit_test_setup_teardown(folders_without_an_owner_are_never_remembered, make, remove_all),
        cmocka_unit_test_setup_teardown(many_folders_are_kept_apart, make, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
