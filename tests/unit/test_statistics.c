#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/metadata.h"
#include "parquet/reader.h"
#include "parquet_build.h"

#include <math.h>
#include <stdlib.h>

/* A foreign file of 10 rows without data: only its footer is read. */
static struct build_footer footer_of(enum lk_parquet_type type, const struct build_statistics *s)
{
    return (struct build_footer){.type = type,
                                 .repetition = LK_PARQUET_OPTIONAL,
                                 .converted = -1,
                                 .rows = 10,
                                 .group_rows = 10,
                                 .values = 10,
                                 .data_offset = 4,
                                 .size = 0,
                                 .leaves = 1,
                                 .chunks = 1,
                                 .children = 1,
                                 .statistics = s};
}

struct known {
    bool is;
    bool numbers, text;
    enum lk_class class;
    int64_t least, greatest; /* integers */
    double least_real, greatest_real;
    char least_text[8], greatest_text[8];
};

static struct known range_of(const struct build_footer *f)
{
    struct lk_buffer file = {0};
    struct lk_input *in = NULL;
    struct lk_parquet_reader *r = NULL;
    struct lk_error err = {0};
    struct lk_parquet_range range;
    struct known k = {0};
    lk_buffer_append_string(&file, LK_PARQUET_MAGIC);
    build_footer(&file, f);
    assert_int_equal(lk_input_of_memory(lk_buffer_bytes(&file), "t.parquet", &in, &err), LK_OK);
    if (lk_parquet_reader_open(in, &r, &err) != LK_OK)
        fail_msg("%s", err.message);
    k.is = lk_parquet_reader_range(r, 0, 0, &range);
    if (k.is) {
        k.numbers = range.numbers;
        k.text = range.text;
        k.class = range.least.class;
        assert_int_equal(range.least.class, range.greatest.class);
        k.least = range.least.integer;
        k.greatest = range.greatest.integer;
        k.least_real = range.least.real;
        k.greatest_real = range.greatest.real;
        if (k.class == LK_TEXT && range.least.bytes.len < 8 && range.greatest.bytes.len < 8) {
            memcpy(k.least_text, range.least.bytes.ptr, range.least.bytes.len);
            memcpy(k.greatest_text, range.greatest.bytes.ptr, range.greatest.bytes.len);
        }
    }
    lk_parquet_reader_free(r);
    lk_input_close(in);
    lk_buffer_reset(&file);
    return k;
}

static void integers_are_signed_or_not_as_their_type_says(void **state)
{
    (void)state;
    static const uint8_t low[] = {0xfe, 0xff, 0xff, 0xff}, high[] = {5, 0, 0, 0};
    struct build_statistics s = {
        .least = lk_bytes(low, 4), .greatest = lk_bytes(high, 4), .nulls = 0, .order = 1};
    struct build_footer f = footer_of(LK_PARQUET_INT32, &s);
    struct known k = range_of(&f);
    assert_true(k.is && k.numbers && !k.text);
    assert_int_equal(k.class, LK_INTEGER);
    assert_int_equal(k.least, -2);
    assert_int_equal(k.greatest, 5);

    s.least = lk_bytes(high, 4);
    s.greatest = lk_bytes(low, 4);
    assert_false(range_of(&f).is); /* in the wrong order */
    f.converted = LK_PARQUET_CONVERTED_UINT_32;
    k = range_of(&f);
    assert_true(k.is);
    assert_int_equal(k.least, 5);
    assert_int_equal(k.greatest, 4294967294);

    static const uint8_t wide[] = {1, 2, 3, 4, 5, 6, 7, 0x88}, widest[] = {0, 0, 0, 0, 0, 0, 0, 0x7f};
    s.least = lk_bytes(wide, 8);
    s.greatest = lk_bytes(widest, 8);
    f = footer_of(LK_PARQUET_INT64, &s);
    k = range_of(&f);
    assert_true(k.is);
    assert_int_equal(k.least, (int64_t)UINT64_C(0x8807060504030201));
    assert_int_equal(k.greatest, INT64_C(0x7f) << 56);
    /* Some of these are decimal text. */
    s.least = lk_bytes(widest, 8);
    s.greatest = lk_bytes(wide, 8);
    f.converted = LK_PARQUET_CONVERTED_UINT_64;
    assert_false(range_of(&f).is);
}

static void reals_and_booleans_are_numbers(void **state)
{
    (void)state;
    static const uint8_t no[] = {0}, yes[] = {1}, two[] = {2};
    struct build_statistics s = {
        .least = lk_bytes(no, 1), .greatest = lk_bytes(yes, 1), .nulls = -1, .order = 1};
    struct build_footer f = footer_of(LK_PARQUET_BOOLEAN, &s);
    struct known k = range_of(&f);
    assert_true(k.is && k.numbers && k.class == LK_INTEGER && k.least == 0 && k.greatest == 1);
    s.greatest = lk_bytes(two, 1);
    assert_false(range_of(&f).is);

    uint8_t low[8], high[8];
    lk_put_f64(low, -0.0);
    lk_put_f64(high, INFINITY);
    s.least = lk_bytes(low, 8);
    s.greatest = lk_bytes(high, 8);
    f = footer_of(LK_PARQUET_DOUBLE, &s);
    k = range_of(&f);
    assert_true(k.is && k.class == LK_REAL && k.least_real == 0.0 && isinf(k.greatest_real));
    lk_put_f64(high, NAN);
    assert_false(range_of(&f).is);

    lk_put_u32(low, 0xc0200000); /* -2.5 */
    lk_put_u32(high, 0x3f000000);
    s.least = lk_bytes(low, 4);
    s.greatest = lk_bytes(high, 4);
    f = footer_of(LK_PARQUET_FLOAT, &s);
    k = range_of(&f);
    assert_true(k.is && k.least_real == -2.5 && k.greatest_real == 0.5);
}

static void text_is_ordered_by_its_bytes_and_blobs_have_no_range(void **state)
{
    (void)state;
    struct build_statistics s = {
        .least = lk_bytes_of("a"), .greatest = lk_bytes_of("\xc3\xa9"), .nulls = 3, .order = 1};
    struct build_footer f = footer_of(LK_PARQUET_BYTE_ARRAY, &s);
    assert_false(range_of(&f).is);
    f.converted = LK_PARQUET_CONVERTED_UTF8;
    const struct known k = range_of(&f);
    assert_true(k.is && k.text && !k.numbers);
    assert_string_equal(k.least_text, "a");
    assert_string_equal(k.greatest_text, "\xc3\xa9");
    s.least = lk_bytes_of("");
    assert_true(range_of(&f).is);
}

static void values_that_are_converted_have_no_range(void **state)
{
    (void)state;
    static const uint8_t low[12] = {0}, high[12] = {1};
    static const struct {
        enum lk_parquet_type type;
        int32_t converted;
        size_t len;
    } cases[] = {{LK_PARQUET_INT32, LK_PARQUET_CONVERTED_DATE, 4},
                 {LK_PARQUET_INT64, LK_PARQUET_CONVERTED_TIMESTAMP_MICROS, 8},
                 {LK_PARQUET_INT96, -1, 12}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct build_statistics s = {.least = lk_bytes(low, cases[i].len),
                                           .greatest = lk_bytes(high, cases[i].len),
                                           .nulls = 0,
                                           .order = 1};
        struct build_footer f = footer_of(cases[i].type, &s);
        f.converted = cases[i].converted;
        assert_false(range_of(&f).is);
    }
}

static void bounds_without_a_defined_order_count_only_where_the_old_order_was_right(void **state)
{
    (void)state;
    static const uint8_t low[] = {0xfe, 0xff, 0xff, 0xff}, high[] = {5, 0, 0, 0};
    struct build_statistics s = {.least = lk_bytes(low, 4), .greatest = lk_bytes(high, 4), .nulls = 0};
    struct build_footer f = footer_of(LK_PARQUET_INT32, &s);
    assert_false(range_of(&f).is);
    s.order = 2; /* IEEE 754 total order, or whatever comes */
    assert_false(range_of(&f).is);

    s = (struct build_statistics){
        .old_least = lk_bytes(low, 4), .old_greatest = lk_bytes(high, 4), .nulls = -1};
    assert_true(range_of(&f).is);
    s.old_greatest = lk_bytes(NULL, 0);
    assert_false(range_of(&f).is);
    s = (struct build_statistics){
        .old_least = lk_bytes_of("a"), .old_greatest = lk_bytes_of("b"), .order = 1};
    f = footer_of(LK_PARQUET_BYTE_ARRAY, &s);
    f.converted = LK_PARQUET_CONVERTED_UTF8;
    assert_false(range_of(&f).is);
}

static void a_column_of_nulls_is_known_by_their_count(void **state)
{
    (void)state;
    struct build_statistics s = {.nulls = 10};
    const struct build_footer f = footer_of(LK_PARQUET_INT96, &s);
    const struct known k = range_of(&f);
    assert_true(k.is && k.numbers && k.text && k.class == LK_NULL);
    s.nulls = 9;
    assert_false(range_of(&f).is);
    s.nulls = -1;
    assert_false(range_of(&f).is);
}

static void odd_statistics_are_left_out_and_the_file_is_read(void **state)
{
    (void)state;
    static const uint8_t low[] = {1, 0, 0}, high[] = {5, 0, 0, 0};
    struct build_statistics s = {
        .least = lk_bytes(low, 3), .greatest = lk_bytes(high, 4), .nulls = 0, .order = 1};
    struct build_footer f = footer_of(LK_PARQUET_INT32, &s);
    assert_false(range_of(&f).is);
    uint8_t *longer = calloc(1, LK_PARQUET_BOUND_MAX + 1);
    assert_non_null(longer);
    f = footer_of(LK_PARQUET_BYTE_ARRAY, &s);
    f.converted = LK_PARQUET_CONVERTED_UTF8;
    s.least = lk_bytes(low, 1);
    s.greatest = lk_bytes(longer, LK_PARQUET_BOUND_MAX + 1);
    longer[0] = 'x';
    assert_false(range_of(&f).is);
    s.greatest.len--;
    assert_true(range_of(&f).is);
    free(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_signed_or_not_as_their_type_says),
        cmocka_unit_test(reals_and_booleans_are_numbers),
        cmocka_unit_test(text_is_ordered_by_its_bytes_and_blobs_have_no_range),
        cmocka_unit_test(values_that_are_converted_have_no_range),
        cmocka_unit_test(bounds_without_a_defined_order_count_only_where_the_old_order_was_right),
        cmocka_unit_test(a_column_of_nulls_is_known_by_their_count),
        cmocka_unit_test(odd_statistics_are_left_out_and_the_file_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
