#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/thrift_reader.h"

static struct lk_thrift_reader reader_of(const uint8_t *bytes, size_t len)
{
    struct lk_thrift_reader r;
    lk_thrift_reader_init(&r, lk_bytes(bytes, len));
    return r;
}

static void fields_of_every_type_are_read(void **state)
{
    (void)state;
    /* 1: i32 -3; 2: binary "ab"; 3: true; 20 (long form): i64 300; 21: byte -1; 22: false; stop */
    const uint8_t in[] = {0x15, 5, 0x18, 2, 'a', 'b', 0x11, 0x06, 40, 0xd8, 0x04, 0x13, 0xff, 0x12, 0};
    struct lk_thrift_reader r = reader_of(in, sizeof in);
    struct lk_thrift_field f = {0};
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(f.id, 1);
    assert_int_equal(lk_thrift_i32(&r, &f), -3);
    assert_true(lk_thrift_next_field(&r, &f));
    assert_true(lk_bytes_equal(lk_thrift_binary(&r, &f), lk_bytes_of("ab")));
    assert_true(lk_thrift_next_field(&r, &f));
    assert_true(lk_thrift_bool(&r, &f));
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(f.id, 20);
    assert_int_equal(lk_thrift_i64(&r, &f), 300);
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(lk_thrift_i32(&r, &f), -1);
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(f.id, 22);
    assert_false(lk_thrift_bool(&r, &f));
    assert_false(lk_thrift_next_field(&r, &f));
    assert_null(r.problem);
    assert_int_equal(lk_thrift_reader_offset(&r), sizeof in);
}

static void a_skipped_value_leaves_the_reader_behind_it(void **state)
{
    (void)state;
    /* 1: list of 2 structs {1: double}, {}; 2: map of byte to binary with one entry; 3: set of 16 bools (long
     * count); 4: i32 7 */
    const uint8_t in[] = {0x19, 0x2c, 0x17, 1, 2,   3,    4,    5,  6, 7, 8,    0,  0, 0x1b,
                          1,    0x38, 9,    1, 'x', 0x1a, 0xf1, 16, 1, 1, 1,    1,  1, 1,
                          1,    1,    1,    1, 1,   1,    1,    1,  1, 1, 0x15, 14, 0};
    struct lk_thrift_reader r = reader_of(in, sizeof in);
    struct lk_thrift_field f = {0};
    for (int i = 0; i < 3; i++) {
        assert_true(lk_thrift_next_field(&r, &f));
        lk_thrift_skip(&r, &f);
    }
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(f.id, 4);
    assert_int_equal(lk_thrift_i32(&r, &f), 7);
    assert_false(lk_thrift_next_field(&r, &f));
    assert_null(r.problem);
}

static void bytes_that_run_out_are_said_to_have_ended(void **state)
{
    (void)state;
    const uint8_t in[] = {0x18, 5, 'a', 'b', 'c', 'd', 'e', 0};
    for (size_t len = 0; len < sizeof in; len++) {
        struct lk_thrift_reader r = reader_of(in, len);
        struct lk_thrift_field f = {0};
        while (lk_thrift_next_field(&r, &f))
            lk_thrift_skip(&r, &f);
        assert_non_null(r.problem);
        assert_true(r.ended);
    }
}

static void a_number_of_too_many_bits_is_an_error(void **state)
{
    (void)state;
    const uint8_t long_varint[] = {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0};
    const uint8_t wide[] = {0x16, 0x80, 0x80, 0x80, 0x80, 0x20, 0};
    struct lk_thrift_reader r = reader_of(long_varint, sizeof long_varint);
    struct lk_thrift_field f = {0};
    assert_true(lk_thrift_next_field(&r, &f));
    (void)lk_thrift_i64(&r, &f);
    assert_non_null(r.problem);
    assert_false(r.ended);
    r = reader_of(wide, sizeof wide);
    f = (struct lk_thrift_field){0};
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(lk_thrift_i32(&r, &f), 0);
    assert_non_null(r.problem);
}

static void a_list_longer_than_its_bytes_or_a_million_is_an_error(void **state)
{
    (void)state;
    const uint8_t huge[] = {0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0};
    const uint8_t longer[] = {0x19, 0x5c, 0, 0};
    struct lk_thrift_field f = {0}, item;
    struct lk_thrift_reader r = reader_of(huge, sizeof huge);
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(lk_thrift_list(&r, &f, LK_THRIFT_STRUCT, &item), 0);
    assert_non_null(r.problem);
    r = reader_of(longer, sizeof longer);
    f = (struct lk_thrift_field){0};
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(lk_thrift_list(&r, &f, LK_THRIFT_STRUCT, &item), 0);
    assert_true(r.ended);
}

static void another_type_than_expected_is_an_error(void **state)
{
    (void)state;
    const uint8_t in[] = {0x18, 1, 'a', 0};
    struct lk_thrift_reader r = reader_of(in, sizeof in);
    struct lk_thrift_field f = {0};
    assert_true(lk_thrift_next_field(&r, &f));
    assert_int_equal(lk_thrift_i64(&r, &f), 0);
    assert_non_null(r.problem);
    assert_false(lk_thrift_next_field(&r, &f));
}

static void deep_nesting_is_an_error_and_no_deep_recursion(void **state)
{
    (void)state;
    uint8_t structs[5000], lists[5000];
    memset(structs, 0x1c, sizeof structs);
    memset(lists, 0x19, sizeof lists);
    for (int i = 0; i < 2; i++) {
        struct lk_thrift_reader r = reader_of(i == 0 ? structs : lists, sizeof structs);
        struct lk_thrift_field f = {0};
        assert_true(lk_thrift_next_field(&r, &f));
        lk_thrift_skip(&r, &f);
        assert_non_null(r.problem);
        assert_true(lk_thrift_reader_offset(&r) < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_type_are_read),
        cmocka_unit_test(a_skipped_value_leaves_the_reader_behind_it),
        cmocka_unit_test(bytes_that_run_out_are_said_to_have_ended),
        cmocka_unit_test(a_number_of_too_many_bits_is_an_error),
        cmocka_unit_test(a_list_longer_than_its_bytes_or_a_million_is_an_error),
        cmocka_unit_test(another_type_than_expected_is_an_error),
        cmocka_unit_test(deep_nesting_is_an_error_and_no_deep_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
