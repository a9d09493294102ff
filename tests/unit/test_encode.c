#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "parquet/decode_delta.h"
#include "parquet/decode_rle.h"
#include "parquet/encode.h"

static struct lk_error err;

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

#define ROWS 5000
static uint8_t classes[ROWS];
static uint64_t bits[(ROWS + 63) / 64];

/* Classes 0 to 5: random ones, or long runs of one. */
static void make_classes(bool runs)
{
    for (size_t i = 0; i < ROWS;) {
        const uint8_t class = (uint8_t)(next_random() % 6);
        size_t run = runs ? next_random() % 300 : 1;
        for (; run > 0 && i < ROWS; run--)
            classes[i++] = class;
    }
}

static void a_row_is_present_when_its_class_is_one_of_the_two(void **state)
{
    (void)state;
    for (int turn = 0; turn < 60; turn++) {
        make_classes(turn % 2 == 0);
        const uint8_t a = (uint8_t)(turn % 6), b = (uint8_t)(turn / 6 % 6);
        const size_t from = (size_t)turn % 13, rows = turn == 0 ? 0 : next_random() % (ROWS - from);
        memset(bits, 0xff, sizeof bits);
        const size_t present = lk_encode_presence(classes + from, rows, a, b, bits);
        size_t expected = 0;
        for (size_t i = 0; i < rows; i++) {
            const bool is = classes[from + i] == a || classes[from + i] == b;
            assert_int_equal(bits[i / 64] >> (i % 64) & 1, is);
            if (is)
                assert_int_equal(lk_encode_select(bits, expected), i);
            expected += is;
        }
        assert_int_equal(present, expected);
        if (rows % 64 != 0)
            assert_int_equal(bits[rows / 64] >> (rows % 64), 0);
    }
}

static void levels_come_back(void **state)
{
    (void)state;
    static uint8_t back[ROWS];
    for (size_t turn = 0; turn < 200; turn++) {
        make_classes(turn % 2 == 0);
        const size_t rows = turn < 70 ? turn : next_random() % ROWS;
        const size_t present = lk_encode_presence(classes, rows, 3, 4, bits);
        struct lk_buffer out = {0};
        lk_encode_levels(bits, rows, &out);
        struct lk_decode_rle r;
        size_t ones = 0;
        lk_decode_rle_init(&r, lk_buffer_bytes(&out), 1);
        assert_int_equal(lk_decode_rle_read_flags(&r, back, rows, 1, &ones, &err), LK_OK);
        assert_int_equal(ones, present);
        for (size_t i = 0; i < rows; i++)
            assert_int_equal(back[i], classes[i] == 3 || classes[i] == 4);
        lk_buffer_reset(&out);
    }
}

static void equal_levels_are_one_run(void **state)
{
    (void)state;
    struct lk_buffer out = {0};
    lk_encode_level_run(true, 20000, &out);
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.data, "\xc0\xb8\x02\x01", 4); /* varint 40000, value 1 */
    lk_buffer_clear(&out);
    /* Found by the general encoder too, but for the last, partial byte. */
    memset(classes, 3, sizeof classes);
    lk_encode_presence(classes, 4004, 3, 3, bits);
    lk_encode_levels(bits, 4004, &out);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "\xc0\x3e\x01\x03\x0f", 5); /* 4000 times 1, then one group */
    lk_buffer_reset(&out);
}

static void indexes_come_back_at_every_width(void **state)
{
    (void)state;
    static uint16_t index[ROWS];
    static uint32_t back[ROWS];
    for (unsigned width = 0; width <= 16; width++)
        for (size_t turn = 0; turn < 40; turn++) {
            const size_t count = turn < 20 ? turn : next_random() % ROWS;
            for (size_t i = 0; i < count;) {
                const uint16_t value = (uint16_t)(next_random() & ((1u << width) - 1));
                size_t run = next_random() % 4 == 0 ? next_random() % 40 : 1;
                for (; run > 0 && i < count; run--)
                    index[i++] = value;
            }
            struct lk_buffer out = {0};
            lk_encode_indexes(index, count, width, &out);
            assert_false(out.failed);
            assert_int_equal(out.data[0], width);
            struct lk_decode_rle r;
            lk_decode_rle_init(&r, lk_bytes(out.data + 1, out.len - 1), width);
            assert_int_equal(lk_decode_rle_read(&r, back, count, &err), LK_OK);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(back[i], index[i]);
            /* Never more than bit-packing alone by more than a header for each run that replaces 16 and more
             * values. */
            assert_true(out.len <= 1 + 5 + (count + 7) / 8 * width + count / 16 * 6);
            lk_buffer_reset(&out);
        }
}

/* Encodings.md: "the numbers 1 through 7 using bit width 3" in the order 0 to 7. */
static void bit_packing_matches_the_specifications_example(void **state)
{
    (void)state;
    static const uint16_t index[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct lk_buffer out = {0};
    lk_encode_indexes(index, 8, 3, &out);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "\x03\x03\x88\xc6\xfa", 5);
    lk_buffer_reset(&out);
}

static void check_deltas(const uint64_t *value, size_t count)
{
    uint8_t *plain = lk_allocate(count * 8 + 1), *back = lk_allocate(count * 8 + 1);
    for (size_t i = 0; i < count; i++)
        lk_put_u64(plain + i * 8, value[i]);
    struct lk_buffer out = {0};
    size_t used = 0;
    lk_encode_deltas(plain, count, &out);
    assert_false(out.failed);
    if (lk_decode_delta_binary(lk_buffer_bytes(&out), count, 8, back, &used, &err) != LK_OK)
        fail_msg("%zu values: %s", count, err.message);
    assert_int_equal(used, out.len);
    if (count > 0)
        assert_memory_equal(back, plain, count * 8);
    if (count > 1 && count <= 16 * 128) { /* every block is looked at: the estimate is no guess */
        size_t significant;
        const size_t estimate = lk_encode_deltas_estimate(plain, count, &significant);
        assert_true(significant <= count * 8);
        assert_true(estimate + 32 >= out.len && estimate <= out.len + 32);
    }
    lk_free(plain);
    lk_free(back);
    lk_buffer_reset(&out);
}

static void deltas_come_back(void **state)
{
    (void)state;
    static uint64_t value[ROWS];
    for (unsigned width = 0; width <= 64; width++)
        for (size_t turn = 0; turn < 12; turn++) {
            const size_t count = turn < 4 ? turn : next_random() % ROWS;
            const uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
            uint64_t sum = next_random();
            for (size_t i = 0; i < count; i++) {
                sum += next_random() & mask;
                value[i] = turn % 2 == 0 ? sum : next_random() & mask;
            }
            check_deltas(value, count);
        }
    for (size_t count = 120; count < 140; count++)
        check_deltas(value, count);
}

static void deltas_wrap_around_at_sixty_four_bits(void **state)
{
    (void)state;
    static const uint64_t value[] = {0x8000000000000000u, 0x7fffffffffffffffu, 0x8000000000000000u, 0, 1,
                                     0x7fffffffffffffffu, 0xffffffffffffffffu, 0x8000000000000000u};
    for (size_t count = 0; count <= sizeof value / sizeof value[0]; count++)
        check_deltas(value, count);
}

static void a_sequence_costs_almost_nothing_as_deltas(void **state)
{
    (void)state;
    static uint8_t plain[ROWS * 8];
    for (size_t i = 0; i < ROWS; i++)
        lk_put_u64(plain + i * 8, 1000 + i);
    struct lk_buffer out = {0};
    lk_encode_deltas(plain, ROWS, &out);
    assert_true(out.len < 250);
    size_t significant;
    assert_true(lk_encode_deltas_estimate(plain, ROWS, &significant) < 300);
    assert_in_range(significant, ROWS * 10 / 8, ROWS * 14 / 8); /* 1,000 to 6,000, and the sign */
    lk_buffer_reset(&out);
    for (size_t i = 0; i < ROWS; i++)
        lk_put_u64(plain + i * 8, next_random());
    assert_true(lk_encode_deltas_estimate(plain, ROWS, &significant) > (size_t)ROWS * 7);
}

static void booleans_come_back(void **state)
{
    (void)state;
    for (size_t count = 0; count < 100; count++) {
        uint8_t value[100] = {0}, back[100];
        for (size_t i = 0; i < count; i++)
            value[i] = (uint8_t)(next_random() >> 63);
        struct lk_buffer out = {0};
        lk_encode_booleans(value, count, &out);
        assert_int_equal(out.len, (count + 7) / 8);
        lk_decode_rle_bits(out.data, count, 1, back);
        if (count > 0)
            assert_memory_equal(value, back, count);
        lk_buffer_reset(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_present_when_its_class_is_one_of_the_two),
        cmocka_unit_test(levels_come_back),
        cmocka_unit_test(equal_levels_are_one_run),
        cmocka_unit_test(indexes_come_back_at_every_width),
        cmocka_unit_test(bit_packing_matches_the_specifications_example),
        cmocka_unit_test(deltas_come_back),
        cmocka_unit_test(deltas_wrap_around_at_sixty_four_bits),
        cmocka_unit_test(a_sequence_costs_almost_nothing_as_deltas),
        cmocka_unit_test(booleans_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
