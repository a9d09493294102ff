#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/convert.h"

#include <math.h>

static struct lk_batch *batch;

static int prepare(void **state)
{
    (void)state;
    batch = lk_batch_new(1, false);
    return batch == NULL ? -1 : 0;
}

static int clean(void **state)
{
    (void)state;
    lk_batch_free(batch);
    return 0;
}

static struct lk_parquet_element element(enum lk_parquet_type type, enum lk_parquet_logical logical)
{
    return (struct lk_parquet_element){
        .has_type = true, .type = type, .converted = LK_PARQUET_CONVERTED_NONE, .logical = logical};
}

/* The SQLite value of one Parquet value, whose bytes are in PLAIN layout. */
static struct lk_value convert(const struct lk_parquet_element *e, const void *bytes, size_t len)
{
    const uint8_t present[] = {1};
    struct lk_conversion c;
    struct lk_error err = {0};
    lk_batch_clear(batch);
    assert_null(lk_convert_choose(e, &c));
    assert_int_equal(
        lk_convert_rows(&c, lk_bytes(present, 1), lk_bytes(bytes, len), batch, &batch->column[0], &err),
        LK_OK);
    struct lk_cursor cursor = lk_cursor_at_start(&batch->column[0]);
    const struct lk_value v = lk_cursor_next(&cursor);
    assert_true(lk_convert_bound(&c, 1, len) >= batch->column[0].values[v.class].len);
    return v;
}

static struct lk_value convert_number(const struct lk_parquet_element *e, int64_t value)
{
    uint8_t bytes[8];
    lk_put_u64(bytes, (uint64_t)value);
    return convert(e, bytes, e->type == LK_PARQUET_INT32 ? 4 : 8);
}

static void assert_text(struct lk_value v, const char *expected)
{
    assert_int_equal(v.class, LK_TEXT);
    if (!lk_bytes_equal(v.bytes, lk_bytes_of(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)v.bytes.len, (const char *)v.bytes.ptr, expected);
}

static void assert_integer(struct lk_value v, int64_t expected)
{
    assert_int_equal(v.class, LK_INTEGER);
    assert_int_equal(v.integer, expected);
}

static void integers_stay_integers_and_the_unsigned_ones_beyond_63_bits_are_text(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_INT32, LK_PARQUET_LOGICAL_NONE);
    assert_integer(convert_number(&e, -5), -5);
    e.converted = LK_PARQUET_CONVERTED_UINT_32;
    assert_integer(convert_number(&e, -5), 4294967291);
    e = element(LK_PARQUET_INT64, LK_PARQUET_LOGICAL_INTEGER);
    e.logical_bits = 64;
    assert_integer(convert_number(&e, INT64_MAX), INT64_MAX);
    assert_text(convert_number(&e, -1), "18446744073709551615");
    assert_text(convert_number(&e, INT64_MIN), "9223372036854775808");
    e.logical_signed = true;
    assert_integer(convert_number(&e, INT64_MIN), INT64_MIN);
    e = element(LK_PARQUET_BOOLEAN, LK_PARQUET_LOGICAL_NONE);
    assert_integer(convert(&e, "\1", 1), 1);
}

static void reals_are_widened_exactly_and_nan_is_null(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_FLOAT, LK_PARQUET_LOGICAL_NONE);
    assert_true(convert(&e, "\315\314\314\75", 4).real == (double)0.1f);
    assert_int_equal(convert(&e, "\0\0\300\177", 4).class, LK_NULL);
    assert_true(isinf(convert(&e, "\0\0\200\377", 4).real));
    e = element(LK_PARQUET_DOUBLE, LK_PARQUET_LOGICAL_NONE);
    assert_int_equal(convert(&e, "\1\0\0\0\0\0\370\377", 8).class, LK_NULL);
    const struct lk_value zero = convert(&e, "\0\0\0\0\0\0\0\200", 8);
    assert_int_equal(zero.class, LK_REAL);
    assert_true(signbit(zero.real));
}

static void half_floats_of_every_kind_are_exact(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_FIXED_LEN_BYTE_ARRAY, LK_PARQUET_LOGICAL_FLOAT16);
    e.type_length = 2;
    assert_true(convert(&e, "\0\74", 2).real == 1.0);
    assert_true(convert(&e, "\377\173", 2).real == 65504.0);
    assert_true(convert(&e, "\1\200", 2).real == -0x1p-24);
    assert_true(convert(&e, "\377\3", 2).real == 1023 * 0x1p-24);
    assert_true(convert(&e, "\0\4", 2).real == 0x1p-14);
    assert_true(signbit(convert(&e, "\0\200", 2).real));
    assert_true(convert(&e, "\0\374", 2).real == -(double)INFINITY);
    assert_int_equal(convert(&e, "\1\174", 2).class, LK_NULL);
}

static void dates_and_times_are_iso_8601(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_INT32, LK_PARQUET_LOGICAL_DATE);
    assert_text(convert_number(&e, 0), "1970-01-01");
    assert_text(convert_number(&e, 19872), "2024-05-29");
    assert_text(convert_number(&e, -1), "1969-12-31");
    assert_text(convert_number(&e, 11016), "2000-02-29");
    assert_text(convert_number(&e, -719528), "0000-01-01");
    assert_text(convert_number(&e, -719529), "-0001-12-31");
    assert_text(convert_number(&e, 2932897), "+10000-01-01");
    (void)convert_number(&e, INT32_MIN);
    (void)convert_number(&e, INT32_MAX);
    e = element(LK_PARQUET_INT64, LK_PARQUET_LOGICAL_TIMESTAMP);
    e.logical_digits = 6;
    assert_text(convert_number(&e, 1716974082123456), "2024-05-29T09:14:42.123456");
    e.logical_utc = true;
    assert_text(convert_number(&e, -1), "1969-12-31T23:59:59.999999Z");
    e.logical_digits = 9;
    assert_text(convert_number(&e, INT64_MIN), "1677-09-21T00:12:43.145224192Z");
    e.logical_digits = 3;
    assert_text(convert_number(&e, INT64_MAX), "+292278994-08-17T07:12:55.807Z");
    assert_text(convert_number(&e, INT64_MIN), "-292275055-05-16T16:47:04.192Z");
    e = element(LK_PARQUET_INT32, LK_PARQUET_LOGICAL_NONE);
    e.converted = LK_PARQUET_CONVERTED_TIME_MILLIS;
    assert_text(convert_number(&e, 86399999), "23:59:59.999Z");
}

static void a_timestamp_of_an_unknown_unit_stays_a_number(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_INT64, LK_PARQUET_LOGICAL_TIMESTAMP);
    assert_integer(convert_number(&e, 17), 17);
}

static void a_time_of_day_that_is_none_is_damage(void **state)
{
    (void)state;
    static const int64_t times[] = {-1, 86400001, INT64_MAX, INT64_MIN};
    struct lk_parquet_element e = element(LK_PARQUET_INT64, LK_PARQUET_LOGICAL_TIME);
    e.logical_digits = 3;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        const uint8_t present[] = {1};
        uint8_t bytes[8];
        struct lk_conversion c;
        struct lk_error err = {0};
        lk_put_u64(bytes, (uint64_t)times[i]);
        assert_null(lk_convert_choose(&e, &c));
        assert_int_equal(
            lk_convert_rows(&c, lk_bytes(present, 1), lk_bytes(bytes, 8), batch, &batch->column[0], &err),
            LK_DAMAGED);
    }
}

static void an_int96_is_a_timestamp_of_nanoseconds(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_INT96, LK_PARQUET_LOGICAL_NONE);
    uint8_t bytes[12];
    lk_put_u64(bytes, 33282000000001);
    lk_put_u32(bytes + 8, 2440588 + 19872);
    assert_text(convert(&e, bytes, 12), "2024-05-29T09:14:42.000000001");
    lk_put_u64(bytes, UINT64_MAX);
    assert_text(convert(&e, bytes, 12), "2024-05-28T23:59:59.999999999");
    memset(bytes, 0xff, sizeof bytes);
    bytes[7] = 0x7f;
    assert_int_equal(convert(&e, bytes, 12).class, LK_TEXT);
}

static void decimals_are_exact(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_INT32, LK_PARQUET_LOGICAL_DECIMAL);
    e.precision = 9;
    e.scale = 2;
    assert_text(convert_number(&e, -1250), "-12.50");
    assert_text(convert_number(&e, 5), "0.05");
    assert_text(convert_number(&e, 0), "0.00");
    e.scale = 0;
    assert_integer(convert_number(&e, -1250), -1250);
    e = element(LK_PARQUET_INT64, LK_PARQUET_LOGICAL_NONE);
    e.converted = LK_PARQUET_CONVERTED_DECIMAL;
    e.precision = e.scale = 18;
    assert_text(convert_number(&e, INT64_MIN), "-9.223372036854775808");
    e = element(LK_PARQUET_BYTE_ARRAY, LK_PARQUET_LOGICAL_DECIMAL);
    e.precision = 38;
    e.scale = 3;
    assert_text(convert(&e, "\2\0\0\0\1\0", 6), "0.256");
    assert_text(convert(&e, "\0\0\0\0", 4), "0.000");
    assert_text(convert(&e, "\20\0\0\0\200\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20),
                "-170141183460469231731687303715884105.728");
    e.scale = 0;
    assert_text(convert(&e, "\11\0\0\0\0\200\0\0\0\0\0\0\0", 13), "9223372036854775808");
    assert_integer(convert(&e, "\11\0\0\0\0\177\377\377\377\377\377\377\377", 13), INT64_MAX);
    assert_integer(convert(&e, "\11\0\0\0\377\200\0\0\0\0\0\0\0", 13), INT64_MIN);
    assert_text(convert(&e, "\11\0\0\0\377\177\377\377\377\377\377\377\377", 13), "-9223372036854775809");
}

static void a_decimal_of_the_longest_length_has_all_its_digits(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_FIXED_LEN_BYTE_ARRAY, LK_PARQUET_LOGICAL_DECIMAL);
    uint8_t bytes[LK_DECIMAL_BYTES] = {0x80};
    e.type_length = LK_DECIMAL_BYTES;
    e.precision = e.scale = LK_DECIMAL_BYTES * 3;
    struct lk_value v = convert(&e, bytes, sizeof bytes);
    assert_int_equal(v.bytes.len, 3 + LK_DECIMAL_BYTES * 3);
    e.scale = 0;
    v = convert(&e, bytes, sizeof bytes);
    assert_int_equal(v.bytes.len, 1 + 617); /* 2^2047 has 617 digits */
    assert_memory_equal(v.bytes.ptr, "-16158503", 9);
}

static void impossible_decimals_are_refused(void **state)
{
    (void)state;
    static const int32_t shapes[][2] = {{0, 0}, {-1, 0}, {5, 6}, {5, -1}, {INT32_MAX, INT32_MAX}};
    struct lk_conversion c;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct lk_parquet_element e = element(LK_PARQUET_INT32, LK_PARQUET_LOGICAL_DECIMAL);
        e.precision = shapes[i][0];
        e.scale = shapes[i][1];
        assert_non_null(lk_convert_choose(&e, &c));
    }
    struct lk_parquet_element e = element(LK_PARQUET_DOUBLE, LK_PARQUET_LOGICAL_DECIMAL);
    e.precision = 5;
    assert_non_null(lk_convert_choose(&e, &c));
    e = element(LK_PARQUET_FIXED_LEN_BYTE_ARRAY, LK_PARQUET_LOGICAL_NONE);
    assert_non_null(lk_convert_choose(&e, &c));
}

static void text_is_text_only_when_it_is_utf8(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_BYTE_ARRAY, LK_PARQUET_LOGICAL_STRING);
    assert_text(convert(&e, "\2\0\0\0\303\251", 6), "\303\251");
    assert_int_equal(convert(&e, "\1\0\0\0\303", 5).class, LK_RAWTEXT);
    e = element(LK_PARQUET_BYTE_ARRAY, LK_PARQUET_LOGICAL_NONE);
    assert_int_equal(convert(&e, "\1\0\0\0a", 5).class, LK_BLOB);
    e.converted = LK_PARQUET_CONVERTED_JSON;
    assert_text(convert(&e, "\2\0\0\0{}", 6), "{}");
    e = element(LK_PARQUET_BYTE_ARRAY, (enum lk_parquet_logical)99);
    assert_int_equal(convert(&e, "\1\0\0\0a", 5).class, LK_BLOB);
}

static void a_uuid_is_text_and_other_fixed_bytes_are_blobs(void **state)
{
    (void)state;
    struct lk_parquet_element e = element(LK_PARQUET_FIXED_LEN_BYTE_ARRAY, LK_PARQUET_LOGICAL_UUID);
    e.type_length = 16;
    assert_text(convert(&e, "\0\21\42\63\104\125\146\167\210\231\252\273\314\335\356\377", 16),
                "00112233-4455-6677-8899-aabbccddeeff");
    e.type_length = 3;
    const struct lk_value v = convert(&e, "abc", 3);
    assert_int_equal(v.class, LK_BLOB);
    assert_true(lk_bytes_equal(v.bytes, lk_bytes_of("abc")));
}

static void rows_without_a_value_stay_null_between_the_others(void **state)
{
    (void)state;
    const uint8_t present[] = {0, 1, 0, 1, 0};
    struct lk_conversion c;
    struct lk_error err = {0};
    const struct lk_parquet_element e = element(LK_PARQUET_INT32, LK_PARQUET_LOGICAL_NONE);
    lk_batch_clear(batch);
    assert_null(lk_convert_choose(&e, &c));
    assert_int_equal(lk_convert_rows(&c, lk_bytes(present, 5), lk_bytes("\1\0\0\0\2\0\0\0", 8), batch,
                                     &batch->column[0], &err),
                     LK_OK);
    assert_memory_equal(batch->column[0].classes.data, "\0\1\0\1\0", 5);
    assert_int_equal(batch->column[0].counts[LK_NULL], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_stay_integers_and_the_unsigned_ones_beyond_63_bits_are_text),
        cmocka_unit_test(reals_are_widened_exactly_and_nan_is_null),
        cmocka_unit_test(half_floats_of_every_kind_are_exact),
        cmocka_unit_test(dates_and_times_are_iso_8601),
        cmocka_unit_test(a_timestamp_of_an_unknown_unit_stays_a_number),
        cmocka_unit_test(a_time_of_day_that_is_none_is_damage),
        cmocka_unit_test(an_int96_is_a_timestamp_of_nanoseconds),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(a_decimal_of_the_longest_length_has_all_its_digits),
        cmocka_unit_test(impossible_decimals_are_refused),
        cmocka_unit_test(text_is_text_only_when_it_is_utf8),
        cmocka_unit_test(a_uuid_is_text_and_other_fixed_bytes_are_blobs),
        cmocka_unit_test(rows_without_a_value_stay_null_between_the_others),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
