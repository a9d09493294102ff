#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/decode_values.h"

static const struct lk_decode_type int32_type = {LK_PARQUET_INT32, 4};
static const struct lk_decode_type bytes_type = {LK_PARQUET_BYTE_ARRAY, 0};
static const struct lk_decode_type boolean_type = {LK_PARQUET_BOOLEAN, 1};
static const struct lk_decode_type fixed_type = {LK_PARQUET_FIXED_LEN_BYTE_ARRAY, 3};
static const struct lk_decode_type double_type = {LK_PARQUET_DOUBLE, 8};

static struct lk_decode_dictionary dictionary;
static struct lk_buffer scratch, out;

static int clean(void **state)
{
    (void)state;
    lk_decode_dictionary_reset(&dictionary);
    lk_buffer_reset(&scratch);
    lk_buffer_reset(&out);
    return 0;
}

static enum lk_status decode(struct lk_decode_type type, enum lk_parquet_encoding encoding, const void *data,
                             size_t len, size_t count, uint64_t limit)
{
    struct lk_error err = {0};
    lk_buffer_clear(&out);
    const enum lk_status status = lk_decode_values(type, encoding, lk_bytes(data, len), count, &dictionary,
                                                   limit, &scratch, &out, &err);
    assert_true((status == LK_OK) == (err.message[0] == '\0'));
    return status;
}

static void assert_out(const void *expected, size_t len)
{
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, expected, len);
}

static void plain_values_are_copied_and_the_rest_is_left(void **state)
{
    (void)state;
    assert_int_equal(decode(int32_type, LK_PARQUET_PLAIN, "abcdefghijk", 11, 2, 100), LK_OK);
    assert_out("abcdefgh", 8);
    assert_int_equal(decode(int32_type, LK_PARQUET_PLAIN, "abcdefghijk", 11, 3, 100), LK_DAMAGED);
    assert_int_equal(decode(fixed_type, LK_PARQUET_PLAIN, "abcdef", 6, 2, 100), LK_OK);
    assert_out("abcdef", 6);
    assert_int_equal(decode(boolean_type, LK_PARQUET_PLAIN, "\x05\x01", 2, 9, 100), LK_OK);
    assert_out("\1\0\1\0\0\0\0\0\1", 9);
    assert_int_equal(decode(boolean_type, LK_PARQUET_PLAIN, "\x05", 1, 9, 100), LK_DAMAGED);
}

static void a_byte_array_longer_than_its_page_is_damage(void **state)
{
    (void)state;
    static const char page[] = "\1\0\0\0a\0\0\0\0\2\0\0\0bc";
    assert_int_equal(decode(bytes_type, LK_PARQUET_PLAIN, page, 15, 3, 100), LK_OK);
    assert_out(page, 15);
    for (size_t len = 0; len < 15; len++)
        assert_int_equal(decode(bytes_type, LK_PARQUET_PLAIN, page, len, 3, 100), LK_DAMAGED);
    assert_int_equal(decode(bytes_type, LK_PARQUET_PLAIN, "\xff\xff\xff\xff", 4, 1, 100), LK_DAMAGED);
    assert_int_equal(decode(bytes_type, LK_PARQUET_PLAIN, page, 15, 3, 14), LK_DAMAGED);
}

static void dictionary_indexes_become_values(void **state)
{
    (void)state;
    struct lk_error err = {0};
    static const char page[] = "\3\0\0\0one\0\0\0\0\50\0\0\0a value that is longer than 32 bytes....";
    assert_int_equal(lk_decode_dictionary_load(&dictionary, bytes_type, lk_bytes(page, 55), 3, &err), LK_OK);
    /* width 2: twice entry 2, then entries 0, 1, 0 (packed, five of them padding) */
    assert_int_equal(decode(bytes_type, LK_PARQUET_RLE_DICTIONARY, "\2\4\2\3\4\0", 6, 5, 200), LK_OK);
    assert_int_equal(out.len, 44 * 2 + 7 + 4 + 7);
    assert_memory_equal(out.data + 88, "\3\0\0\0one\0\0\0\0\3\0\0\0one", 18);
    assert_memory_equal(out.data, out.data + 44, 44);
    assert_int_equal(decode(bytes_type, LK_PARQUET_PLAIN_DICTIONARY, "\2\4\2\3\4\0", 6, 5, 105), LK_DAMAGED);
    assert_int_equal(decode(bytes_type, LK_PARQUET_RLE_DICTIONARY, "\2\4\3", 3, 2, 200), LK_DAMAGED);
    assert_int_equal(decode(bytes_type, LK_PARQUET_RLE_DICTIONARY, "\41\4\0", 3, 2, 200), LK_DAMAGED);
    assert_int_equal(decode(bytes_type, LK_PARQUET_RLE_DICTIONARY, "", 0, 2, 200), LK_DAMAGED);
    /* Indexes of no bits are all 0. */
    assert_int_equal(decode(bytes_type, LK_PARQUET_RLE_DICTIONARY, "\0\4", 2, 2, 200), LK_OK);
    assert_out("\3\0\0\0one\3\0\0\0one", 14);
}

static void fixed_width_values_are_gathered_from_the_dictionary(void **state)
{
    (void)state;
    static const struct lk_decode_type types[] = {{LK_PARQUET_INT32, 4},
                                                  {LK_PARQUET_INT64, 8},
                                                  {LK_PARQUET_FIXED_LEN_BYTE_ARRAY, 3},
                                                  {LK_PARQUET_INT96, 12}};
    static const char page[] = "aaabbbcccdddeeefffggghhhiii";
    for (size_t i = 0; i < 4; i++) {
        struct lk_error err = {0};
        const uint32_t width = types[i].width;
        assert_int_equal(lk_decode_dictionary_load(&dictionary, types[i], lk_bytes(page, 24), 2, &err),
                         LK_OK);
        assert_int_equal(decode(types[i], LK_PARQUET_RLE_DICTIONARY, "\1\3\2", 3, 2, 200), LK_OK);
        assert_int_equal(out.len, width * 2);
        assert_memory_equal(out.data, page, width);
        assert_memory_equal(out.data + width, page + width, width);
    }
}

static void indexes_without_a_dictionary_are_damage(void **state)
{
    (void)state;
    assert_int_equal(decode(int32_type, LK_PARQUET_RLE_DICTIONARY, "\0\4", 2, 2, 200), LK_DAMAGED);
}

static void a_dictionary_shorter_than_its_count_is_damage(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(lk_decode_dictionary_load(&dictionary, int32_type, lk_bytes("abcdefg", 7), 2, &err),
                     LK_DAMAGED);
    assert_int_equal(
        lk_decode_dictionary_load(&dictionary, bytes_type, lk_bytes("\0\0\0\0", 4), UINT32_MAX, &err),
        LK_DAMAGED);
    assert_int_equal(lk_decode_dictionary_load(&dictionary, bytes_type, lk_bytes("\1\0\0\0", 4), 1, &err),
                     LK_DAMAGED);
    assert_int_equal(lk_decode_dictionary_load(&dictionary, boolean_type, lk_bytes("\1", 1), 1, &err),
                     LK_DAMAGED);
    assert_false(dictionary.loaded);
}

static void one_value_repeated_for_ever_stops_at_the_limit(void **state)
{
    (void)state;
    struct lk_error err = {0};
    uint8_t page[1004] = {0xe8, 3};
    assert_int_equal(lk_decode_dictionary_load(&dictionary, bytes_type, lk_bytes(page, sizeof page), 1, &err),
                     LK_OK);
    /* A run of 2^31 - 1: 2 TB, of which 100 MB are asked for. */
    assert_int_equal(
        decode(bytes_type, LK_PARQUET_RLE_DICTIONARY, "\1\xfe\xff\xff\xff\x0f\0", 7, 100000, 4 << 20),
        LK_DAMAGED);
    assert_true(out.cap < 16 << 20);
}

static void rle_booleans_have_their_length_first(void **state)
{
    (void)state;
    assert_int_equal(decode(boolean_type, LK_PARQUET_RLE, "\2\0\0\0\12\1", 6, 5, 100), LK_OK);
    assert_out("\1\1\1\1\1", 5);
    assert_int_equal(decode(boolean_type, LK_PARQUET_RLE, "\3\0\0\0\12\1", 6, 5, 100), LK_DAMAGED);
    assert_int_equal(decode(boolean_type, LK_PARQUET_RLE, "\2\0\0\0\12\1", 6, 6, 100), LK_DAMAGED);
    assert_int_equal(decode(int32_type, LK_PARQUET_RLE, "\2\0\0\0\12\1", 6, 5, 100), LK_UNREADABLE);
}

static void split_streams_are_woven_together(void **state)
{
    (void)state;
    assert_int_equal(decode(int32_type, LK_PARQUET_BYTE_STREAM_SPLIT, "adbecfDE", 8, 2, 100), LK_OK);
    assert_out("abcDdefE", 8);
    assert_int_equal(decode(double_type, LK_PARQUET_BYTE_STREAM_SPLIT, "adbecfDE", 8, 2, 100), LK_DAMAGED);
    assert_int_equal(decode(fixed_type, LK_PARQUET_BYTE_STREAM_SPLIT, "adbecf", 6, 2, 100), LK_OK);
    assert_out("abcdef", 6);
    assert_int_equal(decode(bytes_type, LK_PARQUET_BYTE_STREAM_SPLIT, "adbecfDE", 8, 2, 100), LK_UNREADABLE);
}

static void an_encoding_that_does_not_go_with_the_type_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode(double_type, LK_PARQUET_DELTA_BINARY_PACKED, "", 0, 2, 100), LK_UNREADABLE);
    assert_int_equal(decode(int32_type, LK_PARQUET_DELTA_BYTE_ARRAY, "", 0, 2, 100), LK_UNREADABLE);
    assert_int_equal(decode(int32_type, LK_PARQUET_DELTA_LENGTH_BYTE_ARRAY, "", 0, 2, 100), LK_UNREADABLE);
    assert_int_equal(decode(int32_type, LK_PARQUET_BIT_PACKED, "", 0, 2, 100), LK_UNREADABLE);
    assert_int_equal(decode(int32_type, (enum lk_parquet_encoding)10, "", 0, 2, 100), LK_UNREADABLE);
}

static void append_value(struct lk_buffer *stream, const void *bytes, size_t len)
{
    uint8_t prefix[4];
    lk_put_u32(prefix, (uint32_t)len);
    lk_buffer_append(stream, prefix, 4);
    lk_buffer_append(stream, bytes, len);
}

static void a_stream_is_utf8_only_if_every_value_is(void **state)
{
    (void)state;
    uint8_t text[200];
    memset(text, 'x', sizeof text);
    assert_true(lk_decode_values_are_utf8(lk_bytes(NULL, 0)));
    for (size_t len = 1; len < sizeof text; len += 13) {
        lk_buffer_clear(&out);
        append_value(&out, text, sizeof text);
        append_value(&out, text, len);
        assert_true(lk_decode_values_are_utf8(lk_buffer_bytes(&out)));
        out.data[out.len - 1] = 0xc3;
        assert_false(lk_decode_values_are_utf8(lk_buffer_bytes(&out)));
        /* Two values that are one character only together are two broken ones. */
        append_value(&out, "\xa9", 1);
        assert_false(lk_decode_values_are_utf8(lk_buffer_bytes(&out)));
    }
    lk_buffer_clear(&out);
    append_value(&out, "\xc3\xa9", 2);
    assert_true(lk_decode_values_are_utf8(lk_buffer_bytes(&out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(plain_values_are_copied_and_the_rest_is_left, clean),
        cmocka_unit_test_teardown(a_byte_array_longer_than_its_page_is_damage, clean),
        cmocka_unit_test_teardown(dictionary_indexes_become_values, clean),
        cmocka_unit_test_teardown(fixed_width_values_are_gathered_from_the_dictionary, clean),
        cmocka_unit_test_teardown(indexes_without_a_dictionary_are_damage, clean),
        cmocka_unit_test_teardown(a_dictionary_shorter_than_its_count_is_damage, clean),
        cmocka_unit_test_teardown(one_value_repeated_for_ever_stops_at_the_limit, clean),
        cmocka_unit_test_teardown(rle_booleans_have_their_length_first, clean),
        cmocka_unit_test_teardown(split_streams_are_woven_together, clean),
        cmocka_unit_test_teardown(an_encoding_that_does_not_go_with_the_type_is_refused, clean),
        cmocka_unit_test_teardown(a_stream_is_utf8_only_if_every_value_is, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
