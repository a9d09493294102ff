#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static int fail_no_more(void **state)
{
    (void)state;
    lk_memory_fail_after(-1, 0);
    return 0;
}

static void a_size_of_0_gives_a_block(void **state)
{
    (void)state;
    void *a = lk_allocate(0);
    void *b = lk_allocate_zeroed(0, 8);
    void *c = lk_allocate_zeroed(8, 0);
    void *d = lk_allocate_aligned(64, 0);
    a = lk_reallocate(a, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_non_null(d);
    assert_ptr_not_equal(a, b);
    lk_free(a);
    lk_free(b);
    lk_free(c);
    lk_free(d);
}

static void a_product_that_overflows_is_refused(void **state)
{
    (void)state;
    volatile size_t half = SIZE_MAX / 2 + 2; /* volatile: the compiler would warn of what is tested */
    assert_null(lk_allocate_zeroed(half, 2));
    assert_null(lk_allocate_zeroed(2, half));
}

static void zeroed_memory_is_zero(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    uint8_t *p = lk_allocate(sizeof zeros);
    assert_non_null(p);
    memset(p, 0xa5, sizeof zeros);
    lk_free(p);
    p = lk_allocate_zeroed(64, 64);
    assert_non_null(p);
    assert_memory_equal(p, zeros, sizeof zeros);
    lk_free(p);
}

static void aligned_memory_is_aligned(void **state)
{
    (void)state;
    for (size_t alignment = sizeof(void *); alignment <= 65536; alignment *= 2) {
        uint8_t *p = lk_allocate_aligned(alignment, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignment, 0);
        p[2] = 1;
        lk_free(p);
    }
}

static void a_failed_reallocation_leaves_the_block_whole(void **state)
{
    (void)state;
    char *p = lk_copy_string("whole");
    assert_non_null(p);
    lk_memory_fail_after(0, 0);
    assert_null(lk_reallocate(p, 1000));
    assert_string_equal(p, "whole");
    lk_free(p);
}

static void freeing_keeps_errno_and_takes_null(void **state)
{
    (void)state;
    void *p = lk_allocate(10);
    errno = EDQUOT;
    lk_free(p);
    lk_free(NULL);
    assert_int_equal(errno, EDQUOT);
}

static void copies_end_with_a_nul_and_keep_inner_ones(void **state)
{
    (void)state;
    char *p = lk_copy_bytes("a\0b", 3);
    assert_non_null(p);
    assert_memory_equal(p, "a\0b\0", 4);
    lk_free(p);
    p = lk_copy_bytes(NULL, 0);
    assert_non_null(p);
    assert_string_equal(p, "");
    lk_free(p);
}

static void a_format_gives_a_string_of_any_length(void **state)
{
    (void)state;
    char *p = lk_format("%s-%d", "x", 5);
    assert_non_null(p);
    assert_string_equal(p, "x-5");
    lk_free(p);
    p = lk_format("%10000d", 7);
    assert_non_null(p);
    assert_int_equal(strlen(p), 10000);
    assert_int_equal(p[9999], '7');
    lk_free(p);
    lk_memory_fail_after(0, 0);
    assert_null(lk_format("%d", 1));
}

static void once_fails_the_nth_allocation_and_no_other(void **state)
{
    (void)state;
    for (int64_t count = 0; count < 5; count++) {
        lk_memory_fail_after(count, 0);
        for (int64_t i = 0; i < 10; i++) {
            void *p = lk_allocate(1);
            if (i == count)
                assert_null(p);
            else
                assert_non_null(p);
            lk_free(p);
        }
    }
}

static void for_ever_fails_all_from_the_nth_on(void **state)
{
    (void)state;
    lk_memory_fail_after(3, 1);
    for (int i = 0; i < 10; i++) {
        void *p = lk_allocate_zeroed(1, 1);
        assert_int_equal(p == NULL, i >= 3);
        lk_free(p);
    }
    lk_memory_fail_after(-1, 1);
    void *p = lk_allocate(1);
    assert_non_null(p);
    lk_free(p);
}

static void every_kind_of_allocation_counts(void **state)
{
    (void)state;
    void *p = lk_allocate(1);
    assert_non_null(p);
    lk_memory_fail_after(0, 1);
    assert_null(lk_allocate(1));
    assert_null(lk_allocate_zeroed(1, 1));
    assert_null(lk_reallocate(p, 2));
    assert_null(lk_allocate_aligned(64, 1));
    assert_null(lk_copy_string("x"));
    assert_null(lk_copy_bytes("x", 1));
    lk_free(p);
}

enum { EACH = 1000 };

static void *count_failures(void *argument)
{
    int *failures = argument;
    for (int i = 0; i < EACH; i++) {
        void *p = lk_allocate(1);
        *failures += p == NULL;
        lk_free(p);
    }
    return NULL;
}

static void once_is_once_among_all_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    int failures[4] = {0};
    lk_memory_fail_after(EACH, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_failures, &failures[i]), 0);
    int sum = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sum += failures[i];
    }
    assert_int_equal(sum, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_size_of_0_gives_a_block, fail_no_more),
        cmocka_unit_test_teardown(a_product_that_overflows_is_refused, fail_no_more),
        cmocka_unit_test_teardown(zeroed_memory_is_zero, fail_no_more),
        cmocka_unit_test_teardown(aligned_memory_is_aligned, fail_no_more),
        cmocka_unit_test_teardown(a_failed_reallocation_leaves_the_block_whole, fail_no_more),
        cmocka_unit_test_teardown(freeing_keeps_errno_and_takes_null, fail_no_more),
        cmocka_unit_test_teardown(copies_end_with_a_nul_and_keep_inner_ones, fail_no_more),
        cmocka_unit_test_teardown(a_format_gives_a_string_of_any_length, fail_no_more),
        cmocka_unit_test_teardown(once_fails_the_nth_allocation_and_no_other, fail_no_more),
        cmocka_unit_test_teardown(for_ever_fails_all_from_the_nth_on, fail_no_more),
        cmocka_unit_test_teardown(every_kind_of_allocation_counts, fail_no_more),
        cmocka_unit_test_teardown(once_is_once_among_all_threads, fail_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
