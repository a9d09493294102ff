#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parquet/page.h"

#include "base/codec.h"

#include "parquet_build.h"

#include <libdeflate.h>

/* The pages of one chunk, as the only contents of a file. */
struct chunk {
    struct lk_buffer bytes;
    struct lk_input *in;
    struct lk_page_reader *reader;
    struct lk_parquet_budget budget;
    struct lk_page page;
    struct lk_error err;
};

static void start(struct chunk *c, enum lk_parquet_codec codec)
{
    struct lk_error err = {0};
    struct lk_parquet_chunk chunk = {
        .type = LK_PARQUET_INT32, .codec = codec, .values = 1, .size = c->bytes.len};
    c->budget = (struct lk_parquet_budget){.left = 1 << 20};
    assert_int_equal(lk_input_of_memory(lk_buffer_bytes(&c->bytes), "f", &c->in, &err), LK_OK);
    assert_int_equal(lk_page_reader_new(&c->reader, &err), LK_OK);
    lk_page_reader_start(c->reader, c->in, &chunk);
}

static enum lk_status next(struct chunk *c)
{
    c->err.message[0] = '\0';
    return lk_page_reader_next(c->reader, &c->budget, &c->page, &c->err);
}

static void finish(struct chunk *c)
{
    lk_page_reader_free(c->reader);
    lk_input_close(c->in);
    lk_buffer_reset(&c->bytes);
}

static void assert_fails(struct chunk *c, enum lk_parquet_codec codec, enum lk_status status,
                         const char *part)
{
    start(c, codec);
    assert_int_equal(next(c), status);
    if (strstr(c->err.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", c->err.message, part);
    finish(c);
}

static void pages_come_in_file_order_and_unknown_ones_are_passed_over(void **state)
{
    (void)state;
    struct chunk c = {0};
    build_page(&c.bytes, (struct build_page){.type = LK_PARQUET_DICTIONARY_PAGE, .values = 2}, "abcdefgh", 8);
    build_page(&c.bytes, (struct build_page){.type = (enum lk_parquet_page)9}, "what is this?", 13);
    const size_t second = c.bytes.len;
    build_page(
        &c.bytes,
        (struct build_page){.type = LK_PARQUET_DATA_PAGE, .values = 5, .encoding = 8, .level_encoding = 3},
        "xyz", 3);
    build_page(&c.bytes, (struct build_page){.type = LK_PARQUET_DATA_PAGE_V2, .values = 4, .levels_len = 2},
               "llvalues", 8);
    start(&c, LK_PARQUET_UNCOMPRESSED);
    assert_int_equal(next(&c), LK_OK);
    assert_int_equal(c.page.type, LK_PARQUET_DICTIONARY_PAGE);
    assert_int_equal(c.page.values, 2);
    assert_true(lk_bytes_equal(c.page.body, lk_bytes_of("abcdefgh")));
    assert_int_equal(next(&c), LK_OK);
    assert_int_equal(c.page.type, LK_PARQUET_DATA_PAGE);
    assert_int_equal(c.page.offset, second);
    assert_int_equal(c.page.encoding, LK_PARQUET_RLE_DICTIONARY);
    assert_int_equal(c.page.level_encoding, LK_PARQUET_RLE);
    assert_true(lk_bytes_equal(c.page.body, lk_bytes_of("xyz")));
    assert_int_equal(next(&c), LK_OK);
    assert_true(lk_bytes_equal(c.page.levels, lk_bytes_of("ll")));
    assert_true(lk_bytes_equal(c.page.body, lk_bytes_of("values")));
    assert_int_equal(next(&c), LK_DAMAGED);
    finish(&c);
}

static void a_wrong_checksum_is_damage_and_a_right_one_is_not(void **state)
{
    (void)state;
    const int32_t crc = (int32_t)libdeflate_crc32(0, "abcd", 4), wrong = crc ^ 1;
    struct chunk c = {0};
    build_page(&c.bytes, (struct build_page){.type = LK_PARQUET_DATA_PAGE, .values = 1, .crc = &crc}, "abcd",
               4);
    start(&c, LK_PARQUET_UNCOMPRESSED);
    assert_int_equal(next(&c), LK_OK);
    finish(&c);
    c = (struct chunk){0};
    build_page(&c.bytes, (struct build_page){.type = LK_PARQUET_DATA_PAGE, .values = 1, .crc = &wrong},
               "abcd", 4);
    assert_fails(&c, LK_PARQUET_UNCOMPRESSED, LK_DAMAGED, "checksum");
}

static void headers_that_lie_are_damage(void **state)
{
    (void)state;
    static const struct build_page pages[] = {
        {.type = LK_PARQUET_DATA_PAGE, .values = -1},
        {.type = LK_PARQUET_DATA_PAGE, .values = 1, .encoding = -1},
        {.type = LK_PARQUET_DATA_PAGE, .values = 1, .size_error = 1},
        {.type = LK_PARQUET_DATA_PAGE, .values = 1, .size_error = -100},
        {.type = LK_PARQUET_DATA_PAGE_V2, .values = 1, .levels_len = 5},
        {.type = LK_PARQUET_DATA_PAGE_V2, .values = 1, .levels_len = -1},
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct chunk c = {0};
        build_page(&c.bytes, pages[i], "abcd", 4);
        assert_fails(&c, LK_PARQUET_UNCOMPRESSED, LK_DAMAGED, "page");
    }
}

static void a_page_without_its_own_part_of_the_header_is_damage(void **state)
{
    (void)state;
    struct chunk c = {0};
    struct lk_thrift_writer w = lk_thrift_writer_begin(&c.bytes);
    lk_thrift_writer_i32(&w, 1, LK_PARQUET_DATA_PAGE);
    lk_thrift_writer_i32(&w, 2, 0);
    lk_thrift_writer_i32(&w, 3, 0);
    lk_thrift_writer_end(&w);
    assert_fails(&c, LK_PARQUET_UNCOMPRESSED, LK_DAMAGED, "incomplete");
}

static void codecs_that_are_not_supported_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        enum lk_parquet_codec codec;
        const char *name;
    } codecs[] = {{LK_PARQUET_LZO, "LZO"},
                  {LK_PARQUET_BROTLI, "BROTLI"},
                  {LK_PARQUET_LZ4_HADOOP, "old, deprecated LZ4"},
                  {(enum lk_parquet_codec)77, "77"}};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        struct chunk c = {0};
        build_page(&c.bytes, (struct build_page){.type = LK_PARQUET_DATA_PAGE, .values = 1}, "abcd", 4);
        assert_fails(&c, codecs[i].codec, LK_UNREADABLE, codecs[i].name);
    }
}

/* A page of zeros; the header claims `claim` bytes. */
static void build_zeros(struct chunk *c, enum lk_codec codec, size_t len, int64_t claim)
{
    struct lk_error err = {0};
    struct lk_codec_context *context = NULL;
    struct lk_buffer zeros = {0}, packed = {0};
    assert_int_equal(lk_codec_context_new(&context, &err), LK_OK);
    memset(lk_buffer_extend(&zeros, len), 0, len);
    assert_int_equal(lk_compress(context, (struct lk_codec_choice){codec, LK_LEVEL_DEFAULT},
                                 lk_buffer_bytes(&zeros), &packed, &err),
                     LK_OK);
    struct lk_thrift_writer w = lk_thrift_writer_begin(&c->bytes);
    lk_thrift_writer_i32(&w, 1, LK_PARQUET_DATA_PAGE);
    lk_thrift_writer_i32(&w, 2, (int32_t)claim);
    lk_thrift_writer_i32(&w, 3, (int32_t)packed.len);
    lk_thrift_writer_struct(&w, 5);
    lk_thrift_writer_i32(&w, 1, 1);
    lk_thrift_writer_i32(&w, 2, 0);
    lk_thrift_writer_end(&w);
    lk_thrift_writer_end(&w);
    lk_buffer_append(&c->bytes, packed.data, packed.len);
    lk_buffer_reset(&zeros);
    lk_buffer_reset(&packed);
    lk_codec_context_free(context);
}

static void a_size_that_differs_from_the_headers_is_damage(void **state)
{
    (void)state;
    static const struct {
        enum lk_parquet_codec in_file;
        enum lk_codec codec;
    } codecs[] = {{LK_PARQUET_SNAPPY, LK_CODEC_SNAPPY},
                  {LK_PARQUET_GZIP, LK_CODEC_GZIP},
                  {LK_PARQUET_ZSTD, LK_CODEC_ZSTD},
                  {LK_PARQUET_LZ4_RAW, LK_CODEC_LZ4_RAW}};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        for (int64_t error = -1; error <= 1; error++) {
            struct chunk c = {0};
            build_zeros(&c, codecs[i].codec, 1000, 1000 + error);
            start(&c, codecs[i].in_file);
            assert_int_equal(next(&c), error == 0 ? LK_OK : LK_DAMAGED);
            if (error == 0)
                assert_int_equal(c.page.body.len, 1000);
            finish(&c);
        }
    }
}

static void an_implausible_size_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const struct {
        enum lk_parquet_codec in_file;
        enum lk_codec codec;
    } codecs[] = {{LK_PARQUET_SNAPPY, LK_CODEC_SNAPPY},
                  {LK_PARQUET_GZIP, LK_CODEC_GZIP},
                  {LK_PARQUET_ZSTD, LK_CODEC_ZSTD},
                  {LK_PARQUET_LZ4_RAW, LK_CODEC_LZ4_RAW}};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        struct chunk c = {0};
        build_zeros(&c, codecs[i].codec, 1000, INT32_MAX);
        assert_fails(&c, codecs[i].in_file, LK_DAMAGED, "implausible");
    }
}

static void a_bomb_is_refused_but_a_huge_value_of_our_own_is_not(void **state)
{
    (void)state;
    const size_t size = 80u << 20;
    for (int huge_values = 0; huge_values < 2; huge_values++) {
        struct chunk c = {0};
        build_zeros(&c, LK_CODEC_ZSTD, size, (int64_t)size);
        start(&c, LK_PARQUET_ZSTD);
        c.budget.huge = huge_values ? LK_PARQUET_BUDGET_HUGE : 0;
        assert_int_equal(next(&c), huge_values ? LK_OK : LK_DAMAGED);
        assert_int_equal(c.budget.left, (1u << 20) + (huge_values ? size : 0));
        finish(&c);
    }
    /* A claim that is a lie is found out in steps. */
    struct chunk c = {0};
    build_zeros(&c, LK_CODEC_ZSTD, size, (int64_t)size + 1);
    start(&c, LK_PARQUET_ZSTD);
    c.budget.huge = LK_PARQUET_BUDGET_HUGE;
    assert_int_equal(next(&c), LK_DAMAGED);
    assert_non_null(strstr(c.err.message, "claims"));
    finish(&c);
}

static void a_page_of_no_bytes_is_empty_whatever_the_codec(void **state)
{
    (void)state;
    struct chunk c = {0};
    build_page(&c.bytes, (struct build_page){.type = LK_PARQUET_DATA_PAGE_V2, .values = 4, .levels_len = 2},
               "\10\0", 2);
    start(&c, LK_PARQUET_SNAPPY);
    assert_int_equal(next(&c), LK_OK);
    assert_int_equal(c.page.body.len, 0);
    assert_int_equal(c.page.levels.len, 2);
    finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_in_file_order_and_unknown_ones_are_passed_over),
        cmocka_unit_test(a_wrong_checksum_is_damage_and_a_right_one_is_not),
        cmocka_unit_test(headers_that_lie_are_damage),
        cmocka_unit_test(a_page_without_its_own_part_of_the_header_is_damage),
        cmocka_unit_test(codecs_that_are_not_supported_are_refused_by_name),
        cmocka_unit_test(a_size_that_differs_from_the_headers_is_damage),
        cmocka_unit_test(an_implausible_size_is_refused_before_memory_is_taken),
        cmocka_unit_test(a_bomb_is_refused_but_a_huge_value_of_our_own_is_not),
        cmocka_unit_test(a_page_of_no_bytes_is_empty_whatever_the_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
