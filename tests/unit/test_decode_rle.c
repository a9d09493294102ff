#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/decode_rle.h"
#include "parquet/encode.h"

#include <stdlib.h>

static void packed_and_repeated_runs_are_read_across_their_borders(void **state)
{
    (void)state;
    /* width 3: 8 packed values 0 to 7 (the specification's own example), then 5 times 4 */
    const uint8_t in[] = {0x03, 0x88, 0xc6, 0xfa, 10, 4};
    const uint32_t expected[] = {0, 1, 2, 3, 4, 5, 6, 7, 4, 4, 4, 4, 4};
    struct lk_error err = {0};
    for (size_t step = 1; step <= 13; step++) {
        struct lk_decode_rle r;
        uint32_t out[13];
        lk_decode_rle_init(&r, lk_bytes(in, sizeof in), 3);
        for (size_t i = 0; i < 13; i += step)
            assert_int_equal(lk_decode_rle_read(&r, out + i, i + step > 13 ? 13 - i : step, &err), LK_OK);
        assert_memory_equal(out, expected, sizeof expected);
        assert_int_equal(lk_decode_rle_read(&r, out, 1, &err), LK_DAMAGED);
    }
}

static void every_width_gives_back_what_was_packed(void **state)
{
    (void)state;
    for (unsigned width = 0; width <= 32; width++) {
        uint8_t in[1 + 2 * 32] = {2 << 1 | 1};
        uint32_t values[16], out[16];
        struct lk_error err = {0};
        struct lk_decode_rle r;
        for (unsigned i = 0; i < 16; i++) {
            values[i] = width == 0 ? 0 : (0x9e3779b9u * (i + 1)) >> (32 - width);
            for (unsigned b = 0; b < width; b++)
                if (values[i] >> b & 1)
                    in[1 + (i * width + b) / 8] |= (uint8_t)(1u << (i * width + b) % 8);
        }
        lk_decode_rle_init(&r, lk_bytes(in, 1 + 2 * width), width);
        assert_int_equal(lk_decode_rle_read(&r, out, 16, &err), LK_OK);
        assert_memory_equal(out, values, sizeof values);
    }
}

static void a_value_wider_than_the_page_says_is_damage(void **state)
{
    (void)state;
    const uint8_t in[] = {10, 8};
    struct lk_decode_rle r;
    struct lk_error err = {0};
    uint32_t out[5];
    lk_decode_rle_init(&r, lk_bytes(in, sizeof in), 3);
    assert_int_equal(lk_decode_rle_read(&r, out, 5, &err), LK_DAMAGED);
}

static void a_run_of_impossible_length_is_damage(void **state)
{
    (void)state;
    const uint8_t in[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    struct lk_decode_rle r;
    struct lk_error err = {0};
    uint32_t out[1];
    lk_decode_rle_init(&r, lk_bytes(in, sizeof in), 1);
    assert_int_equal(lk_decode_rle_read(&r, out, 1, &err), LK_DAMAGED);
    assert_string_not_equal(err.message, "");
}

static void empty_runs_end_with_the_bytes(void **state)
{
    (void)state;
    const uint8_t in[64] = {0};
    struct lk_decode_rle r;
    struct lk_error err = {0};
    uint32_t out[1];
    lk_decode_rle_init(&r, lk_bytes(in, sizeof in), 1);
    assert_int_equal(lk_decode_rle_read(&r, out, 1, &err), LK_DAMAGED);
}

static void a_last_packed_run_without_its_padding_is_read(void **state)
{
    (void)state;
    const uint8_t in[] = {4 << 1 | 1, 0xff, 0x01};
    struct lk_decode_rle r;
    struct lk_error err = {0};
    uint8_t out[17];
    size_t ones;
    lk_decode_rle_init(&r, lk_bytes(in, sizeof in), 1);
    assert_int_equal(lk_decode_rle_read_flags(&r, out, 16, 1, &ones, &err), LK_OK);
    assert_int_equal(ones, 9);
    assert_int_equal(lk_decode_rle_read_flags(&r, out, 1, 1, &ones, &err), LK_DAMAGED);
}

static void levels_that_were_encoded_come_back_in_any_portions(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    uint8_t classes[ROWS], out[ROWS];
    uint64_t bits[(ROWS + 63) / 64];
    for (size_t i = 0; i < ROWS; i++)
        classes[i] = i < 500 || (i > 900 && i % 7 < 3) ? 3 : 0;
    const size_t set = lk_encode_presence(classes, ROWS, 3, 3, bits);
    struct lk_buffer in = {0};
    struct lk_error err = {0};
    lk_encode_levels(bits, ROWS, &in);
    for (size_t step = 1; step <= ROWS; step = step * 3 + 1) {
        struct lk_decode_rle r;
        size_t total = 0, ones;
        lk_decode_rle_init(&r, lk_buffer_bytes(&in), 1);
        for (size_t i = 0; i < ROWS; i += step, total += ones)
            assert_int_equal(
                lk_decode_rle_read_flags(&r, out + i, i + step > ROWS ? ROWS - i : step, 3, &ones, &err),
                LK_OK);
        assert_int_equal(total, set);
        assert_memory_equal(out, classes, ROWS);
    }
    lk_buffer_reset(&in);
}

static void bits_are_unpacked_from_either_end(void **state)
{
    (void)state;
    const uint8_t in[] = {0xb1, 0x05};
    const uint8_t low[] = {4, 0, 0, 0, 4, 4, 0, 4, 4, 0, 4}, high[] = {4, 0, 4, 4, 0, 0, 0, 4, 0, 0, 0};
    uint8_t out[11];
    assert_int_equal(lk_decode_rle_bits(in, 11, 4, out), 6);
    assert_memory_equal(out, low, 11);
    assert_int_equal(lk_decode_rle_bits_msb(in, 11, 4, out), 4);
    assert_memory_equal(out, high, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_and_repeated_runs_are_read_across_their_borders),
        cmocka_unit_test(every_width_gives_back_what_was_packed),
        cmocka_unit_test(a_value_wider_than_the_page_says_is_damage),
        cmocka_unit_test(a_run_of_impossible_length_is_damage),
        cmocka_unit_test(empty_runs_end_with_the_bytes),
        cmocka_unit_test(a_last_packed_run_without_its_padding_is_read),
        cmocka_unit_test(levels_that_were_encoded_come_back_in_any_portions),
        cmocka_unit_test(bits_are_unpacked_from_either_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
