#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"

static int fail_no_more(void **state)
{
    (void)state;
    lk_memory_fail_after(-1, 0);
    return 0;
}

static void appended_bytes_come_back_in_order(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    for (unsigned i = 0; i < 100000; i++)
        lk_buffer_append_byte(&b, (uint8_t)i);
    lk_buffer_append(&b, "xyz", 3);
    lk_buffer_append(&b, NULL, 0);
    lk_buffer_append_string(&b, "tail");
    assert_int_equal(b.len, 100007);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], (uint8_t)i);
    assert_memory_equal(b.data + 100000, "xyztail", 7);
    assert_true(lk_bytes_equal(lk_buffer_bytes(&b), lk_bytes(b.data, 100007)));
    lk_buffer_reset(&b);
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
}

static void growth_is_by_at_least_half(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    unsigned moves = 0;
    size_t cap = 0;
    for (unsigned i = 0; i < 1 << 20; i++) {
        lk_buffer_append_byte(&b, 1);
        if (b.cap != cap) {
            assert_true(b.cap >= cap + cap / 2);
            cap = b.cap;
            moves++;
        }
    }
    assert_in_range(moves, 1, 40);
    lk_buffer_reset(&b);
}

static void a_reserved_room_is_taken_without_moving(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    assert_true(lk_buffer_reserve(&b, 0));
    assert_true(lk_buffer_reserve(&b, 1000));
    const uint8_t *before = b.data;
    assert_int_equal(b.len, 0);
    assert_non_null(lk_buffer_extend(&b, 1000));
    assert_ptr_equal(b.data, before);
    assert_int_equal(b.len, 1000);
    lk_buffer_reset(&b);
}

static void extending_by_0_is_no_failure(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    assert_non_null(lk_buffer_extend(&b, 0));
    assert_int_equal(b.len, 0);
    assert_false(b.failed);
    lk_buffer_reset(&b);
}

static void a_failed_buffer_stays_whole_and_takes_no_more(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    lk_buffer_append_string(&b, "whole");
    lk_memory_fail_after(0, 0);
    assert_null(lk_buffer_extend(&b, 1000));
    assert_true(b.failed);
    lk_buffer_append_byte(&b, 'x'); /* there is room, but a gap would be worse than an end */
    lk_buffer_append_string(&b, "more");
    lk_buffer_append_format(&b, "%d", 5);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "whole", 5);
    assert_null(lk_buffer_string(&b));
    assert_false(lk_buffer_reserve(&b, 0));
    struct lk_error err = {0};
    assert_int_equal(lk_buffer_check(&b, "making a test", &err), LK_FAILED);
    assert_string_equal(err.message, "out of memory while making a test");
    lk_buffer_reset(&b);
}

static void clearing_keeps_memory_and_forgives_failure(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    lk_buffer_append_string(&b, "abc");
    const uint8_t *before = b.data;
    lk_memory_fail_after(0, 0);
    assert_null(lk_buffer_extend(&b, 1 << 20));
    lk_buffer_clear(&b);
    lk_buffer_append_string(&b, "d");
    assert_ptr_equal(b.data, before);
    assert_string_equal(lk_buffer_string(&b), "d");
    struct lk_error err = {0};
    assert_int_equal(lk_buffer_check(&b, "x", &err), LK_OK);
    assert_int_equal(err.status, LK_OK);
    assert_string_equal(err.message, "");
    lk_buffer_reset(&b);
}

static void a_size_that_overflows_is_a_failure(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    lk_buffer_append_byte(&b, 1);
    assert_null(lk_buffer_extend(&b, SIZE_MAX));
    assert_true(b.failed);
    assert_int_equal(b.len, 1);
    lk_buffer_reset(&b);
    assert_null(lk_buffer_extend(&b, SIZE_MAX - 8));
    lk_buffer_reset(&b);
}

static void a_string_ends_with_a_nul_that_is_not_counted(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    assert_string_equal(lk_buffer_string(&b), "");
    /* Also when the contents fill the memory exactly. */
    while (b.len < b.cap)
        lk_buffer_append_byte(&b, 'a');
    const size_t len = b.len;
    assert_int_equal(strlen(lk_buffer_string(&b)), len);
    assert_int_equal(b.len, len);
    lk_buffer_append_byte(&b, 'b');
    assert_int_equal(b.data[len], 'b');
    lk_buffer_reset(&b);
}

static void formats_of_any_length_are_appended(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    lk_buffer_append_format(&b, "%s=%d;", "a", 1);
    lk_buffer_append_format(&b, "%5000d", 2);
    lk_buffer_append_format(&b, "%s", "");
    assert_int_equal(b.len, 5004);
    assert_memory_equal(b.data, "a=1; ", 5);
    assert_int_equal(b.data[5003], '2');
    lk_buffer_reset(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_come_back_in_order),
        cmocka_unit_test(growth_is_by_at_least_half),
        cmocka_unit_test(a_reserved_room_is_taken_without_moving),
        cmocka_unit_test(extending_by_0_is_no_failure),
        cmocka_unit_test_teardown(a_failed_buffer_stays_whole_and_takes_no_more, fail_no_more),
        cmocka_unit_test_teardown(clearing_keeps_memory_and_forgives_failure, fail_no_more),
        cmocka_unit_test(a_size_that_overflows_is_a_failure),
        cmocka_unit_test(a_string_ends_with_a_nul_that_is_not_counted),
        cmocka_unit_test(formats_of_any_length_are_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
