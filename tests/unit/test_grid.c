#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <locale.h>

#include <cmocka.h>

#include "capture.h"
#include "cli/grid.h"

static char printed[sizeof((struct capture *)0)->text];

/* Print, and keep what came. The mark is ASCII and nothing is coloured. */
static size_t print(const struct lk_grid *g, size_t width)
{
    struct lk_console console = {0};
    struct lk_error err = {0};
    struct capture capture;
    size_t shown = 0;
    capture_start(&capture);
    const enum lk_status status = lk_grid_print(g, &console, width, &shown, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_OK);
    strcpy(printed, capture.text);
    return shown;
}

static void cells_line_up_and_numbers_stand_right(void **state)
{
    (void)state;
    static const struct lk_grid_column columns[] = {{"NAME", false}, {"ROWS", true}};
    struct lk_grid *g = lk_grid_new(columns, 2);
    lk_grid_cell(g, "posts", LK_STYLE_PLAIN);
    lk_grid_number(g, 900005);
    lk_grid_cell(g, "\xe6\x97\xa5", LK_STYLE_PLAIN);
    lk_grid_number(g, 7);
    assert_int_equal(print(g, 0), 2);
    assert_string_equal(printed, "NAME      ROWS\n"
                                 "posts  900,005\n"
                                 "\xe6\x97\xa5           7\n");
    lk_grid_free(g);
}

static void columns_are_left_out_in_their_order_and_paths_cut_on_the_left(void **state)
{
    (void)state;
    static const struct lk_grid_column columns[] = {
        {"NAME", false}, {"ROWS", true}, {"SIZE", true}, {"PATH", false}};
    static const size_t order[] = {2, 1};
    struct lk_grid *g = lk_grid_new(columns, 4);
    lk_grid_paths(g, 3);
    lk_grid_leave_out(g, order, 2);
    lk_grid_cell(g, "posts", LK_STYLE_PLAIN);
    lk_grid_cell(g, "12", LK_STYLE_PLAIN);
    lk_grid_cell(g, "4 MiB", LK_STYLE_PLAIN);
    lk_grid_cell(g, "/home/somebody/projects/data/posts.db", LK_STYLE_PLAIN);
    assert_int_equal(print(g, 57), 4);
    assert_string_equal(printed, "NAME   ROWS   SIZE  PATH\n"
                                 "posts    12  4 MiB  /home/somebody/projects/data/posts.db\n");
    assert_int_equal(print(g, 50), 4); /* the path gives way first */
    assert_string_equal(printed, "NAME   ROWS   SIZE  PATH\n"
                                 "posts    12  4 MiB  ...body/projects/data/posts.db\n");
    assert_int_equal(print(g, 40), 3); /* and then the size goes */
    assert_string_equal(printed, "NAME   ROWS  PATH\n"
                                 "posts    12  ...y/projects/data/posts.db\n");
    assert_int_equal(print(g, 34), 2);
    assert_string_equal(printed, "NAME   PATH\n"
                                 "posts  ...y/projects/data/posts.db\n");
    lk_grid_free(g);
}

static void no_line_ends_in_blanks(void **state)
{
    (void)state;
    static const struct lk_grid_column columns[] = {{"A", false}, {"B", false}};
    struct lk_grid *g = lk_grid_new(columns, 2);
    lk_grid_cell(g, "x", LK_STYLE_PLAIN);
    lk_grid_cell(g, "", LK_STYLE_PLAIN);
    lk_grid_cell(g, "long", LK_STYLE_PLAIN);
    lk_grid_cell(g, "y", LK_STYLE_PLAIN);
    print(g, 0);
    assert_string_equal(printed, "A     B\nx\nlong  y\n");
    lk_grid_free(g);
}

static void notes_stand_below_their_row(void **state)
{
    (void)state;
    static const struct lk_grid_column columns[] = {{"A", false}};
    struct lk_grid *g = lk_grid_new(columns, 1);
    lk_grid_cell(g, "one", LK_STYLE_PLAIN);
    lk_grid_note(g, "first", LK_STYLE_PLAIN);
    lk_grid_note(g, "second", LK_STYLE_PLAIN);
    lk_grid_cell(g, "two", LK_STYLE_PLAIN);
    print(g, 0);
    assert_string_equal(printed, "A\none\n    first\n    second\ntwo\n");
    lk_grid_free(g);
}

static void texts_are_cut_before_columns_are_left_out(void **state)
{
    (void)state;
    static const struct lk_grid_column columns[] = {{"A", false}, {"B", false}};
    struct lk_grid *g = lk_grid_new(columns, 2);
    lk_grid_cell(g, "0123456789012345678901234567890123456789", LK_STYLE_PLAIN);
    lk_grid_cell(g, "end", LK_STYLE_PLAIN);
    assert_int_equal(print(g, 37), 2);
    assert_non_null(strstr(printed, "01234567890123456789012345678...  end\n"));
    assert_int_equal(print(g, 36), 2);
    assert_non_null(strstr(printed, "01234567890123456...  end\n"));
    assert_int_equal(print(g, 24), 2);
    assert_non_null(strstr(printed, "0123456789012...  end\n"));
    lk_grid_free(g);
}

static void an_id_stays_whole_as_long_as_what_stands_behind_it_can_be_cut(void **state)
{
    (void)state;
    static const struct lk_grid_column columns[] = {{"A", false}, {"B", false}};
    struct lk_grid *g = lk_grid_new(columns, 2);
    lk_grid_cell(g, "2024-05-29T091442Z", LK_STYLE_PLAIN);
    lk_grid_cell(g, "before-migration, nightly", LK_STYLE_PLAIN);
    print(g, 33);
    assert_non_null(strstr(printed, "2024-05-29T091442Z  before-mig...\n"));
    lk_grid_free(g);
}

static void columns_that_do_not_fit_are_left_out_in_the_middle(void **state)
{
    (void)state;
    static const struct lk_grid_column columns[] = {
        {"c1", false}, {"c2", false}, {"c3", false}, {"c4", false}, {"c5", false}, {"c6", false},
    };
    struct lk_grid *g = lk_grid_new(columns, 6);
    assert_int_equal(print(g, 22), 6);
    assert_string_equal(printed, "c1  c2  c3  c4  c5  c6\n");
    assert_int_equal(print(g, 21), 4);
    assert_string_equal(printed, "c1  c2  ...  c5  c6\n");
    assert_int_equal(print(g, 18), 3);
    assert_string_equal(printed, "c1  c2  ...  c6\n");
    assert_int_equal(print(g, 1), 1);
    assert_string_equal(printed, "c1  ...\n");
    lk_grid_free(g);
}

static void a_grid_without_memory_is_reported_when_it_is_printed(void **state)
{
    (void)state;
    struct lk_console console = {0};
    struct lk_error err = {0};
    size_t shown;
    lk_grid_cell(NULL, "x", LK_STYLE_PLAIN);
    assert_int_equal(lk_grid_print(NULL, &console, 0, &shown, &err), LK_FAILED);
    assert_non_null(strstr(err.message, "memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_line_up_and_numbers_stand_right),
        cmocka_unit_test(columns_are_left_out_in_their_order_and_paths_cut_on_the_left),
        cmocka_unit_test(no_line_ends_in_blanks),
        cmocka_unit_test(notes_stand_below_their_row),
        cmocka_unit_test(texts_are_cut_before_columns_are_left_out),
        cmocka_unit_test(an_id_stays_whole_as_long_as_what_stands_behind_it_can_be_cut),
        cmocka_unit_test(columns_that_do_not_fit_are_left_out_in_the_middle),
        cmocka_unit_test(a_grid_without_memory_is_reported_when_it_is_printed),
    };
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 77; /* skipped: no locale that knows the widths */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
