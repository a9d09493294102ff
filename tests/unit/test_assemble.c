#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/assemble.h"

static struct lk_column column;

static int clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_CLASSES; i++)
        lk_buffer_reset(&column.values[i]);
    column = (struct lk_column){0};
    return 0;
}

/* `count` doubles as a stream. */
static struct lk_bytes stream(uint8_t *to, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lk_put_f64(to + i * 8, values[i]);
    return lk_bytes(to, count * 8);
}

static void an_exception_fills_the_rows_that_the_main_column_leaves(void **state)
{
    (void)state;
    uint8_t classes[] = {LK_TEXT, 0, 0, LK_TEXT};
    const uint8_t exception[] = {0, LK_BLOB, 0, 0}, expected[] = {LK_TEXT, LK_BLOB, 0, LK_TEXT};
    assert_true(lk_assemble_exception(classes, exception, 4));
    assert_memory_equal(classes, expected, 4);
    const uint8_t again[] = {0, 0, 0, LK_INTEGER};
    assert_false(lk_assemble_exception(classes, again, 4));
}

static void the_flag_says_which_doubles_were_integers(void **state)
{
    (void)state;
    uint8_t classes[] = {LK_REAL, 0, LK_REAL, LK_REAL}, bytes[24];
    const uint8_t has_flag[] = {1, 0, 1, 1}, flags[] = {1, 0, 1},
                  expected[] = {LK_INTEGER, 0, LK_REAL, LK_INTEGER};
    const double values[] = {5.0, 5.0, -9007199254740992.0};
    assert_null(
        lk_assemble_merged(classes, 4, stream(bytes, values, 3), has_flag, flags, LK_AFFINITY_TEXT, &column));
    assert_memory_equal(classes, expected, 4);
    assert_int_equal(column.counts[LK_INTEGER], 2);
    assert_int_equal(column.counts[LK_REAL], 1);
    assert_int_equal((int64_t)lk_get_u64(column.values[LK_INTEGER].data), 5);
    assert_int_equal((int64_t)lk_get_u64(column.values[LK_INTEGER].data + 8), INT64_C(-9007199254740992));
    assert_true(lk_get_f64(column.values[LK_REAL].data) == 5.0);
}

static void without_a_flag_the_affinity_decides(void **state)
{
    (void)state;
    uint8_t classes[] = {LK_REAL, LK_REAL}, bytes[16];
    const uint8_t expected[] = {LK_INTEGER, LK_REAL};
    const double values[] = {5.0, 5.5};
    assert_null(
        lk_assemble_merged(classes, 2, stream(bytes, values, 2), NULL, NULL, LK_AFFINITY_NUMERIC, &column));
    assert_memory_equal(classes, expected, 2);
}

static void a_flag_without_a_value_or_a_value_without_a_flag_is_damage(void **state)
{
    (void)state;
    uint8_t classes[] = {LK_REAL, 0}, bytes[8];
    const uint8_t none[] = {0, 0}, both[] = {1, 1}, flags[] = {1, 1};
    const double values[] = {5.0};
    const struct lk_bytes in = stream(bytes, values, 1);
    assert_non_null(lk_assemble_merged(classes, 2, in, none, flags, LK_AFFINITY_TEXT, &column));
    assert_non_null(lk_assemble_merged(classes, 2, in, both, flags, LK_AFFINITY_TEXT, &column));
}

static void a_flagged_double_that_is_no_integer_is_damage(void **state)
{
    (void)state;
    static const double values[] = {0.5, -0.0, 9223372036854775808.0, -9223372036854777856.0, 1e300};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint8_t classes[] = {LK_REAL}, bytes[8];
        const uint8_t one[] = {1};
        assert_non_null(lk_assemble_merged(classes, 1, stream(bytes, values + i, 1), one, one,
                                           LK_AFFINITY_TEXT, &column));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_exception_fills_the_rows_that_the_main_column_leaves, clean),
        cmocka_unit_test_teardown(the_flag_says_which_doubles_were_integers, clean),
        cmocka_unit_test_teardown(without_a_flag_the_affinity_decides, clean),
        cmocka_unit_test_teardown(a_flag_without_a_value_or_a_value_without_a_flag_is_damage, clean),
        cmocka_unit_test_teardown(a_flagged_double_that_is_no_integer_is_damage, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
