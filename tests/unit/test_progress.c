#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/display.h"
#include "cli/progress.h"

#define SECOND INT64_C(1000000000)

static const struct lk_progress_state half = {
    .total_bytes = 400 << 20,
    .done_bytes = 200 << 20,
    .rows = 450000,
    .elapsed = 2 * SECOND,
};

static void a_wide_line_says_everything(void **state)
{
    (void)state;
    char line[LK_PROGRESS_SIZE];
    lk_progress_render(&half, 120, false, line);
    assert_memory_equal(line, " 50 %", 5);
    assert_non_null(strstr(line, "###############...............")); /* half of thirty */
    assert_non_null(strstr(line, "450,000 rows"));
    assert_non_null(strstr(line, "100.0 MiB/s"));
    assert_non_null(strstr(line, "0:02 left"));
}

static void a_line_never_reaches_the_last_cell(void **state)
{
    (void)state;
    char line[LK_PROGRESS_SIZE];
    for (size_t width = 1; width < 200; width++) {
        lk_progress_render(&half, width, false, line);
        assert_true(lk_display_width(line) <= (width > 1 ? width - 1 : 1));
        if (width > 6)
            assert_memory_equal(line, " 50 %", 5);
    }
}

static void a_source_that_grows_stays_at_a_hundred(void **state)
{
    (void)state;
    const struct lk_progress_state grown = {.total_bytes = 10, .done_bytes = 25, .elapsed = SECOND};
    char line[LK_PROGRESS_SIZE];
    lk_progress_render(&grown, 80, false, line);
    assert_memory_equal(line, "100 %", 5);
}

static void nothing_to_read_is_no_division_by_zero(void **state)
{
    (void)state;
    const struct lk_progress_state none = {0};
    char line[LK_PROGRESS_SIZE];
    lk_progress_render(&none, 80, false, line);
    assert_memory_equal(line, "  0 %", 5);
    assert_null(strstr(line, "left"));
}

static void the_first_second_makes_no_guess(void **state)
{
    (void)state;
    struct lk_progress_state early = half;
    early.elapsed = SECOND / 2;
    char line[LK_PROGRESS_SIZE];
    lk_progress_render(&early, 120, false, line);
    assert_null(strstr(line, "left"));
}

static void hours_are_shown_as_hours(void **state)
{
    (void)state;
    struct lk_progress_state slow = half;
    slow.elapsed = (2 * 3600 + 3 * 60 + 4) * SECOND;
    char line[LK_PROGRESS_SIZE];
    lk_progress_render(&slow, 120, false, line);
    assert_non_null(strstr(line, "2:03:04 left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_line_says_everything),
        cmocka_unit_test(a_line_never_reaches_the_last_cell),
        cmocka_unit_test(a_source_that_grows_stays_at_a_hundred),
        cmocka_unit_test(nothing_to_read_is_no_division_by_zero),
        cmocka_unit_test(the_first_second_makes_no_guess),
        cmocka_unit_test(hours_are_shown_as_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
