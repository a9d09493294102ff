#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ops/stored_filter.h"

static struct lk_rows_filter on_rowid(enum lk_comparison comparison, struct lk_value value)
{
    return (struct lk_rows_filter){.column = LK_ROWS_ROWID, .comparison = comparison, .value = value};
}

static void integers_and_reals_are_compared_exactly(void **state)
{
    (void)state;
    const int64_t big = (INT64_C(1) << 53) + 1;
    struct lk_rows_filter f =
        on_rowid(LK_EQUAL, (struct lk_value){.class = LK_REAL, .real = 9007199254740992.0});
    assert_false(lk_stored_filter_fits_keys(&f, big, big)); /* 2^53 + 1 is not 2^53 */
    assert_true(lk_stored_filter_fits_keys(&f, big - 1, big));
    f.comparison = LK_GREATER;
    assert_true(lk_stored_filter_fits_keys(&f, big, big));
    f.comparison = LK_LESS_OR_EQUAL;
    assert_false(lk_stored_filter_fits_keys(&f, big, big));
    f.value.real = 9223372036854775808.0; /* 2^63: above every integer */
    assert_true(lk_stored_filter_fits_keys(&f, INT64_MAX, INT64_MAX));
    f.comparison = LK_GREATER_OR_EQUAL;
    assert_false(lk_stored_filter_fits_keys(&f, INT64_MIN, INT64_MAX));
    f.value.real = -9223372036854775808.0; /* -2^63: the least of them */
    f.comparison = LK_LESS;
    assert_false(lk_stored_filter_fits_keys(&f, INT64_MIN, INT64_MAX));
    f.comparison = LK_LESS_OR_EQUAL;
    assert_true(lk_stored_filter_fits_keys(&f, INT64_MIN, INT64_MAX));
    f.value.real = -0.5;
    f.comparison = LK_EQUAL;
    assert_false(lk_stored_filter_fits_keys(&f, 0, 9));
    f.comparison = LK_GREATER;
    assert_true(lk_stored_filter_fits_keys(&f, 0, 0));
    f.value.real = __builtin_nan("");
    f.comparison = LK_EQUAL;
    assert_true(lk_stored_filter_fits_keys(&f, 0, 0)); /* says nothing */
    f.value.real = __builtin_inf();
    f.comparison = LK_LESS;
    assert_true(lk_stored_filter_fits_keys(&f, 0, 0));
    f.comparison = LK_GREATER;
    assert_false(lk_stored_filter_fits_keys(&f, INT64_MIN, INT64_MAX));
}

static struct lk_value text_value(const char *text)
{
    return (struct lk_value){.class = LK_TEXT, .bytes = lk_bytes_of(text)};
}

static void text_is_compared_by_its_bytes_and_only_with_text(void **state)
{
    (void)state;
    const struct lk_parquet_range range = {
        .text = true, .least = text_value("b"), .greatest = text_value("m")};
    struct lk_rows_filter f = {.column = 0, .comparison = LK_EQUAL, .value = text_value("a\xc3\xa4")};
    assert_false(lk_stored_filter_fits(&f, &range));
    f.value = text_value("b");
    assert_true(lk_stored_filter_fits(&f, &range));
    f.value = text_value("mm");
    assert_false(lk_stored_filter_fits(&f, &range));
    f.comparison = LK_LESS;
    assert_true(lk_stored_filter_fits(&f, &range));
    f.value = text_value("b");
    assert_false(lk_stored_filter_fits(&f, &range));
    f.value = text_value("");
    f.comparison = LK_GREATER_OR_EQUAL;
    assert_true(lk_stored_filter_fits(&f, &range));
    f.value = (struct lk_value){.class = LK_INTEGER, .integer = 5};
    f.comparison = LK_EQUAL;
    assert_true(lk_stored_filter_fits(&f, &range)); /* an affinity may make '5' of it */
    const struct lk_parquet_range nulls = {.text = true, .numbers = true};
    assert_false(lk_stored_filter_fits(&f, &nulls));
    f.value = text_value("x");
    assert_false(lk_stored_filter_fits(&f, &nulls));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_and_reals_are_compared_exactly),
        cmocka_unit_test(text_is_compared_by_its_bytes_and_only_with_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
