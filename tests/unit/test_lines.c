#include "scratch.h"
#include "store/lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NAME "lines.jsonl"

static int make(void **state)
{
    static struct lk_dir dir;
    *state = &dir;
    return scratch_make(&dir) ? 0 : -1;
}

static int remove_all(void **state)
{
    return scratch_remove(*state) ? 0 : -1;
}

static void append(const struct lk_dir *dir, int n, size_t padding)
{
    struct lk_error err = {0};
    char *text = test_calloc(padding + 1, 1);
    memset(text, 'x', padding);
    json_t *line = json_pack("{s:i, s:s}", "n", n, "padding", text);
    assert_non_null(line);
    assert_int_equal(lk_lines_append(dir, NAME, "the lines", 0600, line, &err), LK_OK);
    json_decref(line);
    test_free(text);
}

static void scribble(const struct lk_dir *dir, const char *text)
{
    const int fd = openat(dir->fd, NAME, O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

struct taken {
    int n[2000];
    size_t count, most;
};

static enum lk_status take(void *context, json_t *line, bool *more, struct lk_error *err)
{
    struct taken *t = context;
    (void)err;
    t->n[t->count++] = (int)json_integer_value(json_object_get(line, "n"));
    *more = t->count < t->most;
    json_decref(line);
    return LK_OK;
}

static struct taken read_all(const struct lk_dir *dir, bool back, size_t limit)
{
    struct lk_error err = {0};
    struct taken t = {.most = 2000};
    if (back)
        assert_int_equal(lk_lines_read_back(dir, NAME, "the lines", limit, take, &t, &err), LK_OK);
    else
        assert_int_equal(lk_lines_read(dir, NAME, "the lines", limit, take, &t, NULL, &err), LK_OK);
    return t;
}

static void reading_back_gives_the_same_lines_in_reverse(void **state)
{
    for (int i = 0; i < 300; i++)
        append(*state, i, (size_t)(i * 7919) % 3000);
    append(*state, 300, 300000); /* longer than what is read at once */
    append(*state, 301, 0);
    const struct taken forward = read_all(*state, false, 1 << 24), back = read_all(*state, true, 1 << 24);
    assert_int_equal(forward.count, 302);
    assert_int_equal(back.count, 302);
    for (int i = 0; i < 302; i++) {
        assert_int_equal(forward.n[i], i);
        assert_int_equal(back.n[301 - i], i);
    }
}

static void torn_and_foreign_lines_are_passed_over_both_ways(void **state)
{
    append(*state, 1, 10);
    scribble(*state, "no json\n\n[1,2]\n{\"n\":");
    append(*state, 2, 10); /* closes the torn one */
    scribble(*state, "{\"n\":3}");
    for (int back = 0; back < 2; back++) {
        const struct taken t = read_all(*state, back == 1, 1 << 20);
        assert_int_equal(t.count, 2);
        assert_int_equal(t.n[0] + t.n[1], 3);
    }
}

static void reading_ends_when_the_taker_has_enough(void **state)
{
    struct lk_error err = {0};
    struct taken t = {.most = 2};
    for (int i = 0; i < 10; i++)
        append(*state, i, 0);
    assert_int_equal(lk_lines_read_back(*state, NAME, "the lines", 1 << 20, take, &t, &err), LK_OK);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.n[1], 8);
}

static void a_line_that_is_too_long_ends_the_reading(void **state)
{
    append(*state, 1, 0);
    append(*state, 2, 1 << 20);
    append(*state, 3, 0);
    const struct taken t = read_all(*state, true, 1 << 18);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.n[0], 3);
}

static void a_missing_and_an_empty_file_have_no_lines(void **state)
{
    assert_int_equal(read_all(*state, true, 100).count, 0);
    assert_int_equal(read_all(*state, false, 100).count, 0);
    scribble(*state, "");
    assert_int_equal(read_all(*state, true, 100).count, 0);
    scribble(*state, "\n");
    assert_int_equal(read_all(*state, true, 100).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reading_back_gives_the_same_lines_in_reverse, make, remove_all),
        cmocka_unit_test_setup_teardown(torn_and_foreign_lines_are_passed_over_both_ways, make, remove_all),
        cmocka_unit_test_setup_teardown(reading_ends_when_the_taker_has_enough, make, remove_all),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_ends_the_reading, make, remove_all),
        cmocka_unit_test_setup_teardown(a_missing_and_an_empty_file_have_no_lines, make, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
