#include "database.h"

#include "sqlite/look.h"

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

static struct lk_look look(const char *name)
{
    struct lk_look l;
    struct lk_error err = {0};
    assert_int_equal(lk_look_at(in_scratch(&dir, name), &l, &err), LK_OK);
    return l;
}

static void put(const char *name, const char *content)
{
    struct lk_error err = {0};
    assert_int_equal(lk_file_write(&dir, name, lk_bytes_of(content), 0600, true, &err), LK_OK);
}

static void rewrite(const char *name, const char *content)
{
    FILE *out = fopen(in_scratch(&dir, name), "r+e");
    assert_non_null(out);
    (void)fputs(content, out);
    assert_int_equal(fclose(out), 0);
}

static void a_file_left_alone_looks_the_same(void **state)
{
    (void)state;
    put("a", "content");
    const struct lk_look before = look("a");
    const struct lk_look after = look("a");
    assert_true(before.exists);
    assert_true(lk_look_same(&before, &after));
    assert_memory_equal(before.start, "content\0\0", 9);
}

static void a_write_of_the_same_length_past_the_start_shows_once_the_look_is_settled(void **state)
{
    (void)state;
    char text[201];
    memset(text, 'x', 200);
    text[200] = '\0';
    for (int i = 0; i < 20; i++) {
        put("a", text);
        const struct lk_look before = look("a");
        lk_look_settle(&before);
        text[150] = (char)('a' + i);
        rewrite("a", text);
        const struct lk_look after = look("a");
        assert_false(lk_look_same(&before, &after));
    }
}

static void another_file_at_the_path_does_not_look_the_same(void **state)
{
    (void)state;
    put("a", "content");
    put("b", "content");
    const struct lk_look before = look("a");
    assert_int_equal(rename(in_scratch(&dir, "b"), in_scratch(&dir, "a")), 0);
    const struct lk_look after = look("a");
    assert_false(lk_look_same(&before, &after));
}

static void a_file_that_comes_or_goes_does_not_look_the_same(void **state)
{
    (void)state;
    const struct lk_look none = look("a");
    assert_false(none.exists);
    const struct lk_look still_none = look("a");
    assert_true(lk_look_same(&none, &still_none));
    put("a", "");
    const struct lk_look empty = look("a");
    assert_true(empty.exists);
    assert_false(lk_look_same(&none, &empty));
    assert_false(lk_look_same(&empty, &none));
}

static void only_regular_files_are_looked_at_and_a_fifo_does_not_block(void **state)
{
    (void)state;
    struct lk_look l;
    struct lk_error err = {0};
    assert_int_equal(mkfifo(in_scratch(&dir, "fifo"), 0600), 0);
    assert_int_equal(lk_look_at(in_scratch(&dir, "fifo"), &l, &err), LK_UNREADABLE);
    assert_int_equal(symlink("fifo", in_scratch(&dir, "link")), 0);
    assert_int_equal(lk_look_at(in_scratch(&dir, "link"), &l, &err), LK_UNREADABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_file_left_alone_looks_the_same),
        CASE(a_write_of_the_same_length_past_the_start_shows_once_the_look_is_settled),
        CASE(another_file_at_the_path_does_not_look_the_same),
        CASE(a_file_that_comes_or_goes_does_not_look_the_same),
        CASE(only_regular_files_are_looked_at_and_a_fifo_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
