#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/decode_delta.h"
#include "parquet/encode.h"
#include "parquet/thrift_writer.h"

#define COUNT 1000

static void append_zigzag(struct lk_buffer *out, int64_t value)
{
    lk_thrift_writer_varint(out, lk_thrift_writer_zigzag(value));
}

static void append_header(struct lk_buffer *out, uint64_t block, uint64_t miniblocks, uint64_t count,
                          int64_t first)
{
    lk_thrift_writer_varint(out, block);
    lk_thrift_writer_varint(out, miniblocks);
    lk_thrift_writer_varint(out, count);
    append_zigzag(out, first);
}

static void deltas_that_were_encoded_come_back_bit_for_bit(void **state)
{
    (void)state;
    uint8_t values[COUNT * 8], out[COUNT * 8];
    for (unsigned shift = 0; shift < 64; shift++) {
        struct lk_buffer in = {0};
        struct lk_error err = {0};
        size_t used;
        uint64_t seed = 88172645463325252u;
        for (size_t i = 0; i < COUNT; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            lk_put_u64(values + i * 8, seed >> shift);
        }
        for (size_t count = 1; count <= COUNT; count = count * 2 + 1) {
            lk_buffer_clear(&in);
            lk_encode_deltas(values, count, &in);
            assert_int_equal(lk_decode_delta_binary(lk_buffer_bytes(&in), count, 8, out, &used, &err), LK_OK);
            assert_memory_equal(out, values, count * 8);
            assert_int_equal(used, in.len);
        }
        lk_buffer_reset(&in);
    }
}

static void the_specifications_example_is_read(void **state)
{
    (void)state;
    /* 7, 5, 3, 1, 2, 3, 4, 5: least delta -2, deltas 0 0 0 3 3 3 3 of two bits */
    const uint8_t in[] = {0x80, 0x01, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0};
    const int32_t expected[] = {7, 5, 3, 1, 2, 3, 4, 5};
    uint8_t out[32];
    struct lk_error err = {0};
    size_t used;
    assert_int_equal(lk_decode_delta_binary(lk_bytes(in, sizeof in), 8, 4, out, &used, &err), LK_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal((int32_t)lk_get_u32(out + i * 4), expected[i]);
    assert_int_equal(used, sizeof in);
    /* Without the last miniblock's padding too, but not with a byte of its values gone. */
    assert_int_equal(lk_decode_delta_binary(lk_bytes(in, 12), 8, 4, out, &used, &err), LK_OK);
    assert_int_equal(lk_decode_delta_binary(lk_bytes(in, 11), 8, 4, out, &used, &err), LK_DAMAGED);
}

static void impossible_blocks_and_counts_are_damage(void **state)
{
    (void)state;
    static const uint64_t shapes[][3] = {
        {0, 4, 2},   {100, 4, 2}, {128, 0, 2}, {128, 3, 2}, {128, 8, 2}, {UINT64_C(1) << 40, 4, 2},
        {128, 4, 3}, {128, 4, 1},
    };
    uint8_t out[16];
    size_t used;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct lk_buffer in = {0};
        struct lk_error err = {0};
        append_header(&in, shapes[i][0], shapes[i][1], shapes[i][2], 1);
        for (int k = 0; k < 300; k++)
            lk_buffer_append_byte(&in, 0);
        assert_int_equal(lk_decode_delta_binary(lk_buffer_bytes(&in), 2, 8, out, &used, &err), LK_DAMAGED);
        lk_buffer_reset(&in);
    }
}

static void a_miniblock_of_more_bits_than_the_type_is_damage(void **state)
{
    (void)state;
    for (unsigned width = 4; width <= 8; width += 4) {
        struct lk_buffer in = {0};
        struct lk_error err = {0};
        uint8_t out[16];
        size_t used;
        append_header(&in, 128, 4, 2, 0);
        append_zigzag(&in, 0);
        lk_buffer_append_byte(&in, (uint8_t)(width * 8 + 1));
        for (int k = 0; k < 600; k++)
            lk_buffer_append_byte(&in, 1);
        assert_int_equal(lk_decode_delta_binary(lk_buffer_bytes(&in), 2, width, out, &used, &err),
                         LK_DAMAGED);
        lk_buffer_reset(&in);
    }
}

/* `count` lengths, all the same. */
static void append_lengths(struct lk_buffer *out, size_t count, int64_t length)
{
    append_header(out, 128, 4, count, length);
    for (size_t done = 1; done < count; done += 128)
        lk_buffer_append(out, "\0\0\0\0\0", 5);
}

static void byte_arrays_with_their_lengths_first_are_put_in_plain_layout(void **state)
{
    (void)state;
    struct lk_buffer in = {0}, scratch = {0}, out = {0};
    struct lk_error err = {0};
    append_lengths(&in, 2, 3);
    lk_buffer_append_string(&in, "abcdef");
    const struct lk_bytes bytes = lk_buffer_bytes(&in);
    assert_int_equal(lk_decode_delta_length_bytes(bytes, 2, 0, 100, &scratch, &out, &err), LK_OK);
    assert_int_equal(out.len, 14);
    assert_memory_equal(out.data, "\3\0\0\0abc\3\0\0\0def", 14);
    lk_buffer_clear(&out);
    assert_int_equal(lk_decode_delta_length_bytes(bytes, 2, 3, 100, &scratch, &out, &err), LK_OK);
    assert_memory_equal(out.data, "abcdef", 6);
    assert_int_equal(lk_decode_delta_length_bytes(bytes, 2, 4, 100, &scratch, &out, &err), LK_DAMAGED);
    assert_int_equal(lk_decode_delta_length_bytes(bytes, 2, 0, 13, &scratch, &out, &err), LK_DAMAGED);
    assert_int_equal(
        lk_decode_delta_length_bytes(lk_bytes(in.data, in.len - 1), 2, 0, 100, &scratch, &out, &err),
        LK_DAMAGED);
    lk_buffer_clear(&in);
    append_lengths(&in, 2, -1);
    assert_int_equal(lk_decode_delta_length_bytes(lk_buffer_bytes(&in), 2, 0, 100, &scratch, &out, &err),
                     LK_DAMAGED);
    lk_buffer_reset(&in);
    lk_buffer_reset(&scratch);
    lk_buffer_reset(&out);
}

static void front_coded_byte_arrays_are_completed(void **state)
{
    (void)state;
    /* prefix lengths 0, 2; suffixes "axis", "le" */
    struct lk_buffer in = {0}, scratch = {0}, out = {0};
    struct lk_error err = {0};
    append_header(&in, 128, 4, 2, 0);
    append_zigzag(&in, 2);
    lk_buffer_append(&in, "\0\0\0\0", 4);
    append_header(&in, 128, 4, 2, 4);
    append_zigzag(&in, -2);
    lk_buffer_append(&in, "\0\0\0\0", 4);
    lk_buffer_append_string(&in, "axisle");
    const struct lk_bytes bytes = lk_buffer_bytes(&in);
    assert_int_equal(lk_decode_delta_bytes(bytes, 2, 0, 16, &scratch, &out, &err), LK_OK);
    assert_int_equal(out.len, 16);
    assert_memory_equal(out.data, "\4\0\0\0axis\4\0\0\0axle", 16);
    assert_int_equal(lk_decode_delta_bytes(bytes, 2, 0, 15, &scratch, &out, &err), LK_DAMAGED);
    assert_int_equal(lk_decode_delta_bytes(lk_bytes(in.data, in.len - 1), 2, 0, 100, &scratch, &out, &err),
                     LK_DAMAGED);
    in.data[4] = 1; /* the first value has a prefix of nothing */
    assert_int_equal(lk_decode_delta_bytes(bytes, 2, 0, 100, &scratch, &out, &err), LK_DAMAGED);
    lk_buffer_reset(&in);
    lk_buffer_reset(&scratch);
    lk_buffer_reset(&out);
}

static void front_coding_cannot_fill_the_memory(void **state)
{
    (void)state;
    /* 100,000 values that each repeat the 10,000 bytes before: a gigabyte from a page of 14 KB */
    enum { VALUES = 100000, LENGTH = 10000 };
    struct lk_buffer in = {0}, scratch = {0}, out = {0};
    struct lk_error err = {0};
    append_header(&in, 1024, 1, VALUES, 0);
    append_zigzag(&in, LENGTH);
    lk_buffer_append_byte(&in, 0);
    for (size_t done = 1025; done < VALUES; done += 1024) {
        append_zigzag(&in, 0);
        lk_buffer_append_byte(&in, 0);
    }
    append_header(&in, 1024, 1, VALUES, LENGTH);
    append_zigzag(&in, -LENGTH);
    lk_buffer_append_byte(&in, 0);
    (void)lk_buffer_extend(&in, LENGTH);
    assert_int_not_equal(
        lk_decode_delta_bytes(lk_buffer_bytes(&in), VALUES, 0, 1 << 20, &scratch, &out, &err), LK_OK);
    assert_true(out.cap < 4 << 20);
    lk_buffer_reset(&in);
    lk_buffer_reset(&scratch);
    lk_buffer_reset(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deltas_that_were_encoded_come_back_bit_for_bit),
        cmocka_unit_test(the_specifications_example_is_read),
        cmocka_unit_test(impossible_blocks_and_counts_are_damage),
        cmocka_unit_test(a_miniblock_of_more_bits_than_the_type_is_damage),
        cmocka_unit_test(byte_arrays_with_their_lengths_first_are_put_in_plain_layout),
        cmocka_unit_test(front_coded_byte_arrays_are_completed),
        cmocka_unit_test(front_coding_cannot_fill_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
