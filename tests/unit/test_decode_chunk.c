#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/decode_chunk.h"

#include "parquet_build.h"

#define V1(n, enc, level_enc)                                                                                \
    (struct build_page)                                                                                      \
    {                                                                                                        \
        .type = LK_PARQUET_DATA_PAGE, .values = (n), .encoding = (enc), .level_encoding = (level_enc)        \
    }

static struct lk_buffer bytes, classes, values;
static struct lk_decode_chunk_state decoder;
static struct lk_decode_chunk_target target;
static struct lk_error err;

static int prepare(void **state)
{
    (void)state;
    struct lk_error ignored = {0};
    err = ignored;
    return lk_page_reader_new(&decoder.pages, &ignored) == LK_OK ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    lk_page_reader_free(decoder.pages);
    lk_decode_dictionary_reset(&decoder.dictionary);
    lk_buffer_reset(&decoder.scratch);
    lk_buffer_reset(&bytes);
    lk_buffer_reset(&classes);
    lk_buffer_reset(&values);
    return 0;
}

static enum lk_status decode(enum lk_parquet_type type, enum lk_parquet_repetition repetition, uint32_t rows)
{
    const struct lk_parquet_chunk chunk = {.type = type, .values = rows, .size = bytes.len};
    const struct lk_parquet_element element = {.has_type = true, .type = type, .repetition = repetition};
    struct lk_parquet_budget budget = {.left = 1 << 20};
    struct lk_input *in = NULL;
    lk_buffer_clear(&classes);
    lk_buffer_clear(&values);
    target = (struct lk_decode_chunk_target){
        .class = 3, .text = type == LK_PARQUET_BYTE_ARRAY, .classes = &classes, .values = &values};
    assert_int_equal(lk_input_of_memory(lk_buffer_bytes(&bytes), "f", &in, &err), LK_OK);
    const enum lk_status status =
        lk_decode_chunk(&decoder, in, &chunk, &element, rows, &budget, &target, &err);
    lk_input_close(in);
    return status;
}

static void levels_and_values_of_several_pages_are_joined(void **state)
{
    (void)state;
    /* V1: levels 1 0 1; V1 with BIT_PACKED levels 0 1; V2: twice 1 */
    build_page(&bytes, V1(3, LK_PARQUET_PLAIN, LK_PARQUET_RLE), "\2\0\0\0\3\5aaaabbbb", 14);
    build_page(&bytes, V1(2, LK_PARQUET_PLAIN, LK_PARQUET_BIT_PACKED), "\100cccc", 5);
    build_page(&bytes, (struct build_page){.type = LK_PARQUET_DATA_PAGE_V2, .values = 2, .levels_len = 2},
               "\4\1ddddeeee", 10);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_OPTIONAL, 7), LK_OK);
    assert_int_equal(classes.len, 7);
    assert_memory_equal(classes.data, "\3\0\3\0\3\3\3", 7);
    assert_int_equal(values.len, 20);
    assert_memory_equal(values.data, "aaaabbbbccccddddeeee", 20);
    assert_int_equal(target.count, 5);
}

static void a_required_column_has_no_levels(void **state)
{
    (void)state;
    build_page(&bytes, V1(2, LK_PARQUET_PLAIN, LK_PARQUET_RLE), "aaaabbbb", 8);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_REQUIRED, 2), LK_OK);
    assert_memory_equal(classes.data, "\3\3", 2);
    assert_memory_equal(values.data, "aaaabbbb", 8);
}

static void levels_beyond_the_page_are_damage(void **state)
{
    (void)state;
    static const char *const bodies[] = {"\3\0\0\0\3\5", "\377\377\377\377\3\5", "\2\0"};
    static const size_t lengths[] = {6, 6, 2};
    for (size_t i = 0; i < 3; i++) {
        lk_buffer_clear(&bytes);
        build_page(&bytes, V1(3, LK_PARQUET_PLAIN, LK_PARQUET_RLE), bodies[i], lengths[i]);
        assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_OPTIONAL, 3), LK_DAMAGED);
    }
    lk_buffer_clear(&bytes);
    build_page(&bytes, V1(9, LK_PARQUET_PLAIN, LK_PARQUET_BIT_PACKED), "\0", 1);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_OPTIONAL, 9), LK_DAMAGED);
    assert_non_null(strstr(err.message, "page at offset 0"));
}

static void more_or_fewer_values_than_rows_are_damage(void **state)
{
    (void)state;
    build_page(&bytes, V1(2, LK_PARQUET_PLAIN, LK_PARQUET_RLE), "aaaabbbb", 8);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_REQUIRED, 1), LK_DAMAGED);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_REQUIRED, 3), LK_DAMAGED);
}

static void a_second_dictionary_is_damage_and_its_text_is_looked_at(void **state)
{
    (void)state;
    const struct build_page dictionary = {.type = LK_PARQUET_DICTIONARY_PAGE, .values = 1};
    build_page(&bytes, dictionary, "\1\0\0\0\xc3", 5);
    build_page(&bytes, V1(2, LK_PARQUET_RLE_DICTIONARY, LK_PARQUET_RLE), "\0\4", 2);
    assert_int_equal(decode(LK_PARQUET_BYTE_ARRAY, LK_PARQUET_REQUIRED, 2), LK_OK);
    assert_true(target.not_utf8);
    build_page(&bytes, dictionary, "\1\0\0\0a", 5);
    assert_int_equal(decode(LK_PARQUET_BYTE_ARRAY, LK_PARQUET_REQUIRED, 3), LK_DAMAGED);
    lk_buffer_clear(&bytes);
    build_page(&bytes, V1(2, LK_PARQUET_PLAIN, LK_PARQUET_RLE), "\1\0\0\0a\1\0\0\0\xff", 10);
    assert_int_equal(decode(LK_PARQUET_BYTE_ARRAY, LK_PARQUET_REQUIRED, 2), LK_OK);
    assert_true(target.not_utf8);
}

static void a_dictionary_of_the_chunk_before_is_forgotten(void **state)
{
    (void)state;
    build_page(&bytes, (struct build_page){.type = LK_PARQUET_DICTIONARY_PAGE, .values = 1}, "aaaa", 4);
    build_page(&bytes, V1(2, LK_PARQUET_RLE_DICTIONARY, LK_PARQUET_RLE), "\0\4", 2);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_REQUIRED, 2), LK_OK);
    lk_buffer_clear(&bytes);
    build_page(&bytes, V1(2, LK_PARQUET_RLE_DICTIONARY, LK_PARQUET_RLE), "\0\4", 2);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_REQUIRED, 2), LK_DAMAGED);
}

static void rows_without_end_from_a_few_bytes_exhaust_the_budget(void **state)
{
    (void)state;
    build_page(&bytes, V1(INT32_MAX, LK_PARQUET_PLAIN, LK_PARQUET_RLE), "\6\0\0\0\376\377\377\377\17\0", 10);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_OPTIONAL, INT32_MAX), LK_DAMAGED);
    assert_non_null(strstr(err.message, "implausibly"));
    assert_true(classes.cap < 2 << 20);
}

static void pages_without_values_add_nothing(void **state)
{
    (void)state;
    build_page(&bytes, V1(0, LK_PARQUET_PLAIN, LK_PARQUET_RLE), "", 0);
    build_page(&bytes, V1(1, LK_PARQUET_PLAIN, LK_PARQUET_RLE), "aaaa", 4);
    assert_int_equal(decode(LK_PARQUET_INT32, LK_PARQUET_REQUIRED, 1), LK_OK);
    assert_int_equal(classes.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_and_values_of_several_pages_are_joined, prepare, clean),
        cmocka_unit_test_setup_teardown(a_required_column_has_no_levels, prepare, clean),
        cmocka_unit_test_setup_teardown(levels_beyond_the_page_are_damage, prepare, clean),
        cmocka_unit_test_setup_teardown(more_or_fewer_values_than_rows_are_damage, prepare, clean),
        cmocka_unit_test_setup_teardown(a_second_dictionary_is_damage_and_its_text_is_looked_at, prepare,
                                        clean),
        cmocka_unit_test_setup_teardown(a_dictionary_of_the_chunk_before_is_forgotten, prepare, clean),
        cmocka_unit_test_setup_teardown(rows_without_end_from_a_few_bytes_exhaust_the_budget, prepare, clean),
        cmocka_unit_test_setup_teardown(pages_without_values_add_nothing, prepare, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
