#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/thrift_reader.h"
#include "parquet/thrift_writer.h"

static void check_bytes(struct lk_buffer *b, const char *expected, size_t len)
{
    assert_false(b->failed);
    assert_int_equal(b->len, len);
    assert_memory_equal(b->data, expected, len);
    lk_buffer_reset(b);
}

static void varints_are_seven_bits_a_byte(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    lk_thrift_writer_varint(&b, 0);
    lk_thrift_writer_varint(&b, 127);
    lk_thrift_writer_varint(&b, 128);
    lk_thrift_writer_varint(&b, 50399);
    lk_thrift_writer_varint(&b, UINT64_MAX);
    check_bytes(&b, "\x00\x7f\x80\x01\xdf\x89\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 17);
}

static void small_magnitudes_have_small_zigzags(void **state)
{
    (void)state;
    assert_int_equal(lk_thrift_writer_zigzag(0), 0);
    assert_int_equal(lk_thrift_writer_zigzag(-1), 1);
    assert_int_equal(lk_thrift_writer_zigzag(1), 2);
    assert_int_equal(lk_thrift_writer_zigzag(-2), 3);
    assert_true(lk_thrift_writer_zigzag(INT64_MAX) == UINT64_MAX - 1);
    assert_true(lk_thrift_writer_zigzag(INT64_MIN) == UINT64_MAX);
}

static void fields_are_written_as_the_specification_says(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    struct lk_thrift_writer w = lk_thrift_writer_begin(&b);
    lk_thrift_writer_i32(&w, 1, 7);
    lk_thrift_writer_bool(&w, 2, true);
    lk_thrift_writer_bool(&w, 17, false);                  /* step 15: still short */
    lk_thrift_writer_i64(&w, 33, -3);                      /* step 16: the long form */
    lk_thrift_writer_binary(&w, 34, lk_bytes("ab\0c", 4)); /* NUL is a byte as any other */
    lk_thrift_writer_end(&w);
    check_bytes(&b,
                "\x15\x0e"
                "\x11"
                "\xf2"
                "\x06\x42\x05"
                "\x18\x04"
                "ab\0c"
                "\x00",
                14);
}

static void field_steps_count_anew_in_each_struct(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    struct lk_thrift_writer w = lk_thrift_writer_begin(&b);
    lk_thrift_writer_struct(&w, 5);
    lk_thrift_writer_i16(&w, 1, 1);
    lk_thrift_writer_end(&w);
    lk_thrift_writer_i16(&w, 6, 1);
    lk_thrift_writer_end(&w);
    check_bytes(&b, "\x5c\x14\x02\x00\x14\x02\x00", 7);
}

static void lists_of_fifteen_have_their_count_outside(void **state)
{
    (void)state;
    struct lk_buffer b = {0};
    struct lk_thrift_writer w = lk_thrift_writer_begin(&b);
    lk_thrift_writer_list(&w, 1, LK_THRIFT_I32, 2);
    lk_thrift_writer_element_i32(&w, 1);
    lk_thrift_writer_element_i32(&w, -1);
    lk_thrift_writer_list(&w, 2, LK_THRIFT_STRUCT, 14);
    for (int i = 0; i < 14; i++) {
        lk_thrift_writer_element_struct(&w);
        lk_thrift_writer_end(&w);
    }
    lk_thrift_writer_list(&w, 3, LK_THRIFT_BINARY, 15);
    for (int i = 0; i < 15; i++)
        lk_thrift_writer_element_binary(&w, lk_bytes(NULL, 0));
    lk_thrift_writer_end(&w);
    check_bytes(&b,
                "\x19\x25\x02\x01"
                "\x19\xec\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                "\x19\xf8\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                "\x00",
                39);
}

static void the_reader_reads_what_was_written(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1, -1, 63, 64, -64, -65, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    struct lk_buffer b = {0};
    struct lk_thrift_writer w = lk_thrift_writer_begin(&b);
    const size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count; i++)
        lk_thrift_writer_i64(&w, (int)(i * 9 + 1), numbers[i]);
    lk_thrift_writer_end(&w);
    struct lk_thrift_reader r;
    struct lk_thrift_field f = {0};
    lk_thrift_reader_init(&r, lk_buffer_bytes(&b));
    for (size_t i = 0; i < count; i++) {
        assert_true(lk_thrift_next_field(&r, &f));
        assert_int_equal(f.id, i * 9 + 1);
        assert_true(lk_thrift_i64(&r, &f) == numbers[i]);
    }
    assert_false(lk_thrift_next_field(&r, &f));
    assert_null(r.problem);
    assert_int_equal(lk_thrift_reader_offset(&r), b.len);
    lk_buffer_reset(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_are_seven_bits_a_byte),
        cmocka_unit_test(small_magnitudes_have_small_zigzags),
        cmocka_unit_test(fields_are_written_as_the_specification_says),
        cmocka_unit_test(field_steps_count_anew_in_each_struct),
        cmocka_unit_test(lists_of_fifteen_have_their_count_outside),
        cmocka_unit_test(the_reader_reads_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
