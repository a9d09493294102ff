#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "parquet/encode_dictionary.h"

static struct lk_error err;
static struct lk_encode_dictionary dictionary;

static void add_text(struct lk_buffer *to, const char *text)
{
    uint8_t *at = lk_buffer_extend(to, 4 + strlen(text));
    assert_non_null(at);
    lk_put_u32(at, (uint32_t)strlen(text));
    memcpy(at + 4, text, strlen(text));
}

static bool build(const struct lk_buffer *values, size_t count, bool fixed)
{
    bool kept = false;
    assert_int_equal(
        lk_encode_dictionary_build(&dictionary, lk_buffer_bytes(values), count, fixed, &kept, &err), LK_OK);
    return kept;
}

/* Every value equals the entry that its index names. */
static void check_indexes(const struct lk_buffer *values, size_t count, bool fixed)
{
    const uint16_t *index = (const void *)dictionary.index.data;
    const uint32_t *ends = (const void *)dictionary.ends.data;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t len = fixed ? 8 : 4 + (size_t)lk_get_u32(values->data + at);
        assert_true(index[i] < dictionary.entries);
        const size_t start = index[i] == 0 ? 0 : ends[index[i] - 1];
        assert_int_equal(ends[index[i]] - start, len);
        assert_memory_equal(dictionary.plain.data + start, values->data + at, len);
        at += len;
    }
    assert_int_equal(at, values->len);
}

static void entries_come_in_order_of_first_occurrence(void **state)
{
    (void)state;
    struct lk_buffer values = {0}, expected = {0};
    static const char *const words[] = {"en", "", "ja", "en", "en", "", "ja", "ja", "en", "en", "en", "en"};
    for (size_t i = 0; i < 12; i++)
        add_text(&values, words[i]);
    for (size_t i = 0; i < 3; i++)
        add_text(&expected, words[i]);
    assert_true(build(&values, 12, false));
    assert_int_equal(dictionary.entries, 3);
    assert_true(lk_bytes_equal(lk_buffer_bytes(&dictionary.plain), lk_buffer_bytes(&expected)));
    check_indexes(&values, 12, false);
    lk_buffer_reset(&values);
    lk_buffer_reset(&expected);
}

static void thousands_of_repeating_values_are_all_found_again(void **state)
{
    (void)state;
    for (int fixed = 0; fixed < 2; fixed++) {
        struct lk_buffer values = {0};
        for (uint32_t i = 0; i < 65536; i++) {
            const uint32_t which = i * 2654435761u % 5000;
            char text[40];
            if (fixed) {
                lk_put_u64(lk_buffer_extend(&values, 8), (uint64_t)which << 40);
            } else {
                snprintf(text, sizeof text, "the value number %u", which);
                add_text(&values, text);
            }
        }
        /* 5,000 random ones of 65,536: above half at 4,096 values. With a head of few it passes. */
        assert_false(build(&values, 65536, fixed));
        struct lk_buffer head = {0};
        const size_t len = fixed ? 8 : 4 + (size_t)lk_get_u32(values.data);
        for (size_t i = 0; i < 16384; i++)
            lk_buffer_append(&head, values.data, len);
        lk_buffer_append(&head, values.data, values.len);
        assert_true(build(&head, 16384 + 65536, fixed));
        assert_int_equal(dictionary.entries, 5000);
        check_indexes(&head, 16384 + 65536, fixed);
        lk_buffer_reset(&values);
        lk_buffer_reset(&head);
    }
}

static void distinct_values_are_given_up_after_a_thousand(void **state)
{
    (void)state;
    struct lk_buffer values = {0};
    for (uint32_t i = 0; i < 60000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), i);
    assert_false(build(&values, 60000, true));
    assert_int_equal(dictionary.entries, 1024);
    lk_buffer_reset(&values);
}

static void a_dictionary_that_saves_nothing_is_not_kept(void **state)
{
    (void)state;
    struct lk_buffer values = {0};
    for (uint32_t i = 0; i < 1000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), i % 700);
    assert_false(build(&values, 1000, true));
    lk_buffer_clear(&values);
    for (uint32_t i = 0; i < 1000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), i % 300);
    assert_true(build(&values, 1000, true));
    lk_buffer_reset(&values);
}

static void a_dictionary_stays_below_a_mebibyte(void **state)
{
    (void)state;
    struct lk_buffer values = {0};
    for (int turn = 0; turn < 10; turn++)
        for (uint8_t i = 0; i < 3; i++) {
            uint8_t *at = lk_buffer_extend(&values, 4 + 400000);
            assert_non_null(at);
            lk_put_u32(at, 400000);
            memset(at + 4, i, 400000);
        }
    assert_false(build(&values, 30, false));
    lk_buffer_reset(&values);
}

static void few_values_have_no_dictionary(void **state)
{
    (void)state;
    struct lk_buffer values = {0};
    assert_false(build(&values, 0, true));
    for (uint32_t i = 0; i < 7; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), 5);
    assert_false(build(&values, 7, true));
    lk_buffer_reset(&values);
}

/* The result is the same whatever was built before. */
static void an_earlier_dictionary_leaves_no_trace(void **state)
{
    (void)state;
    struct lk_buffer large = {0}, small = {0};
    for (uint32_t i = 0; i < 60000; i++)
        lk_put_u64(lk_buffer_extend(&large, 8), i / 20);
    for (uint32_t i = 0; i < 100; i++)
        lk_put_u64(lk_buffer_extend(&small, 8), i % 5);
    assert_true(build(&large, 60000, true));
    assert_int_equal(dictionary.entries, 3000);
    assert_true(build(&small, 100, true));
    assert_int_equal(dictionary.entries, 5);
    check_indexes(&small, 100, true);
    lk_buffer_reset(&large);
    lk_buffer_reset(&small);
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    struct lk_buffer values = {0};
    for (uint32_t i = 0; i < 60000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), i / 6);
    enum lk_status status = LK_FAILED;
    int failures = 0;
    for (int n = 0; status != LK_OK; n++) {
        bool kept;
        lk_encode_dictionary_reset(&dictionary);
        lk_memory_fail_after(n, 0);
        status = lk_encode_dictionary_build(&dictionary, lk_buffer_bytes(&values), 60000, true, &kept, &err);
        lk_memory_fail_after(-1, 0);
        if (status != LK_OK) {
            failures++;
            assert_int_equal(status, LK_FAILED);
        } else {
            assert_true(kept);
        }
    }
    assert_true(failures > 5);
    lk_buffer_reset(&values);
}

static int tear_down(void **state)
{
    (void)state;
    lk_encode_dictionary_reset(&dictionary);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_in_order_of_first_occurrence),
        cmocka_unit_test(thousands_of_repeating_values_are_all_found_again),
        cmocka_unit_test(distinct_values_are_given_up_after_a_thousand),
        cmocka_unit_test(a_dictionary_that_saves_nothing_is_not_kept),
        cmocka_unit_test(a_dictionary_stays_below_a_mebibyte),
        cmocka_unit_test(few_values_have_no_dictionary),
        cmocka_unit_test(an_earlier_dictionary_leaves_no_trace),
        cmocka_unit_test(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
