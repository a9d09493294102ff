#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <libdeflate.h>

#include "base/memory.h"
#include "batch/schema.h"
#include "parquet/encode_column.h"
#include "parquet/thrift_reader.h"

static struct lk_error err;
static struct lk_encode_scratch scratch;

static int set_up(void **state)
{
    (void)state;
    scratch = (struct lk_encode_scratch){0};
    return lk_codec_context_new(&scratch.codec, &err) == LK_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    lk_encode_column_reset(&scratch);
    return 0;
}

static void add_bytes(struct lk_buffer *to, size_t len, uint8_t byte)
{
    uint8_t *at = lk_buffer_extend(to, 4 + len);
    assert_non_null(at);
    lk_put_u32(at, (uint32_t)len);
    memset(at + 4, byte, len);
}

/* A page header as the file has it, and its uncompressed bytes (codec none). */
struct page {
    int32_t type, raw_len, len, crc, values, encoding;
    const uint8_t *body;
};

static size_t read_page(struct lk_bytes in, struct page *p)
{
    struct lk_thrift_reader r;
    struct lk_thrift_field f = {0};
    *p = (struct page){.values = -1, .encoding = -1};
    lk_thrift_reader_init(&r, in);
    while (lk_thrift_next_field(&r, &f)) {
        if (f.id == 1) {
            p->type = lk_thrift_i32(&r, &f);
        } else if (f.id == 2) {
            p->raw_len = lk_thrift_i32(&r, &f);
        } else if (f.id == 3) {
            p->len = lk_thrift_i32(&r, &f);
        } else if (f.id == 4) {
            p->crc = lk_thrift_i32(&r, &f);
        } else {
            struct lk_thrift_field inner = {0};
            assert_int_equal(f.id, p->type == LK_PARQUET_DICTIONARY_PAGE ? 7 : 5);
            assert_true(lk_thrift_enter(&r, &f));
            while (lk_thrift_next_field(&r, &inner)) {
                if (inner.id == 1)
                    p->values = lk_thrift_i32(&r, &inner);
                else if (inner.id == 2)
                    p->encoding = lk_thrift_i32(&r, &inner);
                else
                    assert_int_equal(lk_thrift_i32(&r, &inner), LK_PARQUET_RLE);
            }
            lk_thrift_leave(&r);
        }
    }
    assert_null(r.problem);
    const size_t header = lk_thrift_reader_offset(&r);
    p->body = in.ptr + header;
    assert_true(header + (size_t)p->len <= in.len);
    assert_true((uint32_t)p->crc == libdeflate_crc32(0, p->body, (size_t)p->len));
    return header + (size_t)p->len;
}

#define PAGES 64
struct pages {
    size_t count;
    struct page page[PAGES];
    struct lk_encode_chunk chunk;
    struct lk_buffer bytes;
};

/* Encode with codec none and take the pages apart; checks what the chunk says of them. */
static void encode(const struct lk_encode_column *c, struct pages *out)
{
    static const struct lk_codec_choice none = {LK_CODEC_NONE, LK_LEVEL_DEFAULT};
    *out = (struct pages){0};
    lk_buffer_append_string(&out->bytes, "earlier columns");
    const size_t start = out->bytes.len;
    assert_int_equal(lk_encode_column(&scratch, none, c, &out->bytes, &out->chunk, &err), LK_OK);
    size_t at = start;
    uint64_t raw = 0, values = 0;
    assert_int_equal(out->chunk.start, start);
    while (at < out->bytes.len) {
        struct page *p = &out->page[out->count++];
        assert_true(out->count < PAGES);
        const size_t len = read_page(lk_bytes(out->bytes.data + at, out->bytes.len - at), p);
        if (p->type == LK_PARQUET_DATA_PAGE) {
            if (values == 0)
                assert_int_equal(out->chunk.data_start, at);
            values += (uint64_t)p->values;
            assert_int_equal(p->encoding, out->chunk.encoding);
            assert_in_range(p->values, 1, LK_PAGE_ROWS);
        } else {
            assert_int_equal(p->type, LK_PARQUET_DICTIONARY_PAGE);
            assert_int_equal(at, start);
            assert_int_equal(p->encoding, LK_PARQUET_PLAIN);
        }
        assert_int_equal(p->raw_len, p->len);
        raw += len;
        at += len;
    }
    assert_int_equal(values, c->rows);
    assert_int_equal(out->chunk.values, c->rows);
    assert_int_equal(out->chunk.nulls, c->rows - c->count);
    assert_int_equal(out->chunk.bytes, out->bytes.len - start);
    assert_int_equal(out->chunk.raw_bytes, raw);
    assert_int_equal(out->chunk.data_pages, out->count - out->chunk.has_dictionary);
}

static void a_plain_page_is_a_slice_of_the_values(void **state)
{
    (void)state;
    struct lk_buffer values = {0};
    for (size_t i = 0; i < 50000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), i * i * UINT64_C(0x9e3779b97f4a7c15) >> (i % 7));
    const struct lk_encode_column c = {.name = "c",
                                       .type = LK_PARQUET_INT64,
                                       .rows = 50000,
                                       .count = 50000,
                                       .values = lk_buffer_bytes(&values)};
    struct pages p;
    encode(&c, &p);
    assert_int_equal(p.chunk.encoding, LK_PARQUET_PLAIN);
    assert_int_equal(p.count, 3); /* of equal rows, not 20,000 + 20,000 + 10,000 */
    size_t at = 0;
    for (size_t i = 0; i < p.count; i++) {
        assert_in_range(p.page[i].values, 16666, 16667);
        assert_int_equal(p.page[i].len, p.page[i].values * 8); /* REQUIRED: no levels */
        assert_memory_equal(p.page[i].body, values.data + at, (size_t)p.page[i].len);
        at += (size_t)p.page[i].len;
    }
    lk_buffer_reset(&p.bytes);
    lk_buffer_reset(&values);
}

static void integers_in_sequence_become_deltas_and_repeating_ones_a_dictionary(void **state)
{
    (void)state;
    struct lk_buffer values = {0};
    struct lk_encode_column c = {.name = "c", .type = LK_PARQUET_INT64, .rows = 5000, .count = 5000};
    struct pages p;
    for (size_t i = 0; i < 5000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), 1700000000 + i * 3);
    c.values = lk_buffer_bytes(&values);
    encode(&c, &p);
    assert_int_equal(p.chunk.encoding, LK_PARQUET_DELTA_BINARY_PACKED);
    assert_false(p.chunk.has_dictionary);
    assert_true(lk_get_u64(p.chunk.stats.min.bytes) == 1700000000);
    assert_true(lk_get_u64(p.chunk.stats.max.bytes) == 1700014997);
    lk_buffer_reset(&p.bytes);
    /* Unordered: deltas would take 2 bytes at most, but more bits than the values. */
    lk_buffer_clear(&values);
    for (uint32_t i = 0; i < 5000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), i * i * 2654435761u >> 20);
    c.values = lk_buffer_bytes(&values);
    encode(&c, &p);
    assert_int_equal(p.chunk.encoding, LK_PARQUET_PLAIN);
    lk_buffer_reset(&p.bytes);
    lk_buffer_clear(&values);
    for (size_t i = 0; i < 5000; i++)
        lk_put_u64(lk_buffer_extend(&values, 8), 1000000007 * (i % 9));
    c.values = lk_buffer_bytes(&values);
    encode(&c, &p);
    assert_int_equal(p.chunk.encoding, LK_PARQUET_RLE_DICTIONARY);
    assert_true(p.chunk.has_dictionary);
    assert_int_equal(p.page[0].values, 9);
    assert_int_equal(p.page[0].len, 72);
    assert_int_equal(p.page[1].body[0], 4); /* bits for 9 entries */
    assert_true(lk_get_u64(p.chunk.stats.max.bytes) == 8000000056);
    lk_buffer_reset(&p.bytes);
    lk_buffer_reset(&values);
}

/* Pages end by bytes; nulls cost no bytes; every row is in one page and in order. */
static void pages_of_text_end_at_a_mebibyte(void **state)
{
    (void)state;
    struct lk_buffer values = {0}, classes = {0};
    size_t count = 0;
    for (size_t row = 0; row < 30000; row++) {
        const bool null = row % 3 == 1 || (row > 8000 && row < 9000);
        lk_buffer_append_byte(&classes, null ? LK_NULL : LK_TEXT);
        if (null)
            continue;
        char text[300];
        memset(text, 'a' + (int)(row % 26), sizeof text);
        memcpy(text, &row, sizeof row);
        uint8_t *at = lk_buffer_extend(&values, 4 + sizeof text);
        lk_put_u32(at, sizeof text);
        memcpy(at + 4, text, sizeof text);
        count++;
    }
    const struct lk_encode_column c = {.name = "c",
                                       .type = LK_PARQUET_BYTE_ARRAY,
                                       .classes = classes.data,
                                       .present = {LK_TEXT, LK_TEXT},
                                       .rows = 30000,
                                       .count = count,
                                       .values = lk_buffer_bytes(&values)};
    struct pages p;
    encode(&c, &p);
    assert_int_equal(p.chunk.encoding, LK_PARQUET_PLAIN);
    assert_true(p.count >= 5 && p.count <= 8);
    size_t at = 0;
    for (size_t i = 0; i < p.count; i++) {
        const uint32_t levels = lk_get_u32(p.page[i].body);
        const size_t len = (size_t)p.page[i].len - 4 - levels;
        assert_true(len < LK_PAGE_BYTES + 304);
        assert_true(at + len <= values.len);
        assert_memory_equal(p.page[i].body + 4 + levels, values.data + at, len);
        at += len;
    }
    assert_int_equal(at, values.len);
    lk_buffer_reset(&p.bytes);
    lk_buffer_reset(&values);
    lk_buffer_reset(&classes);
}

static void a_huge_value_has_a_page_of_its_own(void **state)
{
    (void)state;
    static const size_t sizes[] = {10, 20, LK_PAGE_BYTES, 30, 3 << 20, 2 << 20, 5, 6};
    struct lk_buffer values = {0}, classes = {0};
    for (size_t i = 0; i < 8; i++) {
        lk_buffer_append_byte(&classes, LK_NULL);
        lk_buffer_append_byte(&classes, LK_BLOB);
        add_bytes(&values, sizes[i], (uint8_t)i);
    }
    const struct lk_encode_column c = {.name = "c",
                                       .type = LK_PARQUET_BYTE_ARRAY,
                                       .classes = classes.data,
                                       .present = {LK_BLOB, LK_BLOB},
                                       .rows = 16,
                                       .count = 8,
                                       .values = lk_buffer_bytes(&values)};
    struct pages p;
    encode(&c, &p);
    static const int32_t rows[] = {5, 2, 2, 2, 2, 3}; /* nulls stay in the page of the value before them */
    static const size_t bytes[] = {38, 4 + LK_PAGE_BYTES, 34, 4 + (3 << 20), 4 + (2 << 20), 19};
    assert_int_equal(p.count, 6);
    size_t seen = 0;
    for (size_t i = 0; i < p.count; i++) {
        const uint32_t levels = lk_get_u32(p.page[i].body);
        const size_t len = (size_t)p.page[i].len - 4 - levels;
        assert_int_equal(len, bytes[i]);
        assert_int_equal(p.page[i].values, rows[i]);
        assert_memory_equal(p.page[i].body + 4 + levels, values.data + seen, len);
        seen += len;
    }
    assert_int_equal(seen, values.len);
    assert_false(p.chunk.stats.min.known); /* huge values have no bounds */
    lk_buffer_reset(&p.bytes);
    lk_buffer_reset(&values);
    lk_buffer_reset(&classes);
}

/* The memory is never touched but for the length: the size is checked before anything is compressed. */
static void a_value_that_no_page_can_hold_is_refused_by_name(void **state)
{
    (void)state;
    static uint8_t classes[] = {LK_BLOB};
    const size_t len = (size_t)1 << 31;
    uint8_t *value =
        mmap(NULL, len + 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(value != MAP_FAILED);
    lk_put_u32(value, (uint32_t)len);
    const struct lk_encode_column c = {.name = "picture",
                                       .type = LK_PARQUET_BYTE_ARRAY,
                                       .classes = classes,
                                       .present = {LK_BLOB, LK_BLOB},
                                       .rows = 1,
                                       .count = 1,
                                       .values = lk_bytes(value, len + 4)};
    static const struct lk_codec_choice zstd = {LK_CODEC_ZSTD, LK_LEVEL_DEFAULT};
    struct lk_buffer out = {0};
    struct lk_encode_chunk chunk;
    assert_int_equal(lk_encode_column(&scratch, zstd, &c, &out, &chunk, &err), LK_UNREADABLE);
    assert_non_null(strstr(err.message, "picture"));
    assert_non_null(strstr(err.message, "2147483652 bytes"));
    lk_buffer_reset(&out);
    assert_int_equal(munmap(value, len + 4), 0);
}

static void a_column_of_nulls_is_levels_alone(void **state)
{
    (void)state;
    static uint8_t classes[300];
    const struct lk_encode_column c = {.name = "c",
                                       .type = LK_PARQUET_BYTE_ARRAY,
                                       .classes = classes,
                                       .present = {LK_TEXT, LK_TEXT},
                                       .rows = 300};
    struct pages p;
    encode(&c, &p);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.page[0].len, 7);
    assert_memory_equal(p.page[0].body, "\x03\0\0\0\xd8\x04\0", 7);
    assert_false(p.chunk.stats.min.known || p.chunk.stats.max.known);
    lk_buffer_reset(&p.bytes);
}

static void a_column_without_nulls_has_one_run_of_levels(void **state)
{
    (void)state;
    static uint8_t classes[100], values[800];
    memset(classes, LK_REAL, sizeof classes);
    for (size_t i = 0; i < 100; i++)
        lk_put_f64(values + i * 8, (double)i / 3);
    const struct lk_encode_column c = {.name = "c",
                                       .type = LK_PARQUET_DOUBLE,
                                       .classes = classes,
                                       .present = {LK_INTEGER, LK_REAL},
                                       .rows = 100,
                                       .count = 100,
                                       .values = lk_bytes(values, sizeof values)};
    struct pages p;
    encode(&c, &p);
    assert_int_equal(p.page[0].len, 807);
    assert_memory_equal(p.page[0].body, "\x03\0\0\0\xc8\x01\x01", 7);
    assert_memory_equal(p.page[0].body + 7, values, 800);
    lk_buffer_reset(&p.bytes);
}

static void booleans_are_packed_anew_in_each_page(void **state)
{
    (void)state;
    static uint8_t classes[45003], values[45003];
    for (size_t i = 0; i < sizeof values; i++) {
        classes[i] = LK_INTEGER;
        values[i] = i % 5 == 0;
    }
    const struct lk_encode_column c = {.name = "c",
                                       .type = LK_PARQUET_BOOLEAN,
                                       .classes = classes,
                                       .present = {LK_INTEGER, LK_REAL},
                                       .rows = sizeof values,
                                       .count = sizeof values,
                                       .values = lk_bytes(values, sizeof values)};
    struct pages p;
    encode(&c, &p);
    assert_int_equal(p.count, 3);
    assert_int_equal(p.chunk.encoding, LK_PARQUET_PLAIN);
    size_t row = 0;
    for (size_t i = 0; i < p.count; i++) {
        const uint8_t *body = p.page[i].body + 4 + lk_get_u32(p.page[i].body);
        for (size_t k = 0; k < (size_t)p.page[i].values; k++, row++)
            assert_int_equal(body[k / 8] >> (k % 8) & 1, row % 5 == 0);
    }
    lk_buffer_reset(&p.bytes);
}

static void the_header_is_right_whatever_the_length_guessed(void **state)
{
    (void)state;
    static uint8_t values[80000];
    struct lk_encode_column c = {.name = "c", .type = LK_PARQUET_DOUBLE, .rows = 1, .count = 1};
    for (size_t i = 0; i < 10000; i++)
        lk_put_f64(values + i * 8, 1.0 / (double)(i + 1));
    /* From tiny to large pages and back: the gap left for the header is too long and too short. */
    static const size_t rows[] = {1, 10000, 1, 2, 9, 100, 5000, 3};
    for (size_t i = 0; i < 8; i++) {
        struct pages p;
        c.rows = c.count = rows[i];
        c.values = lk_bytes(values, rows[i] * 8);
        encode(&c, &p);
        assert_int_equal(p.count, 1);
        assert_memory_equal(p.page[0].body, values, rows[i] * 8);
        lk_buffer_reset(&p.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_page_is_a_slice_of_the_values),
        cmocka_unit_test(integers_in_sequence_become_deltas_and_repeating_ones_a_dictionary),
        cmocka_unit_test(pages_of_text_end_at_a_mebibyte),
        cmocka_unit_test(a_huge_value_has_a_page_of_its_own),
        cmocka_unit_test(a_value_that_no_page_can_hold_is_refused_by_name),
        cmocka_unit_test(a_column_of_nulls_is_levels_alone),
        cmocka_unit_test(a_column_without_nulls_has_one_run_of_levels),
        cmocka_unit_test(booleans_are_packed_anew_in_each_page),
        cmocka_unit_test(the_header_is_right_whatever_the_length_guessed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
