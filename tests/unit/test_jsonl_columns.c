#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "jsonl/columns.h"
#include "jsonl/reader.h"

struct found {
    struct lk_table_schema *schema;
    struct lk_plan *plan;
    uint64_t rows;
    struct lk_error err;
};

/* The text is in a block of exactly its size, so that a read too far is seen. */
static enum lk_status find_in(struct found *f, enum lk_codec codec, const void *text, size_t len)
{
    *f = (struct found){0};
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, text, len);
    struct lk_input *in = NULL;
    enum lk_status status = lk_input_of_memory(lk_bytes(copy, len), "posts.json", &in, &f->err);
    if (status == LK_OK)
        status = lk_jsonl_columns(in, codec, "posts", &f->schema, &f->plan, &f->rows, &f->err);
    lk_input_close(in);
    free(copy);
    return status;
}

static enum lk_status find(struct found *f, const char *text)
{
    return find_in(f, LK_CODEC_NONE, text, strlen(text));
}

static void drop(struct found *f)
{
    lk_table_schema_free(f->schema);
    lk_plan_free(f->plan);
}

/* `expected`: the columns' names, joined by |; keys, where they differ, behind a colon. */
static void assert_finds(const char *text, uint64_t rows, const char *expected)
{
    struct found f;
    struct lk_buffer got = {0};
    const enum lk_status status = find(&f, text);
    if (status != LK_OK)
        fail_msg("%s: %s", text, f.err.message);
    assert_int_equal(f.rows, rows);
    assert_string_equal(f.schema->name, "posts");
    assert_true(f.schema->hidden_rowid);
    assert_null(f.plan->rowid_name);
    assert_int_equal(f.plan->columns, f.schema->columns);
    for (size_t i = 0; i < f.schema->columns; i++) {
        lk_buffer_append_format(&got, "%s%s", i > 0 ? "|" : "", f.schema->column[i].name);
        if (strcmp(f.schema->column[i].name, f.plan->column[i].name) != 0)
            lk_buffer_append_format(&got, ":%s", f.plan->column[i].name);
        assert_string_equal(f.schema->column[i].declared_type, "");
        assert_int_equal(f.schema->column[i].affinity, LK_AFFINITY_BLOB);
    }
    assert_string_equal(lk_buffer_string(&got), expected);
    lk_buffer_reset(&got);
    drop(&f);
}

static void columns_are_all_keys_in_the_order_of_their_first_appearance(void **state)
{
    (void)state;
    assert_finds("{\"b\":1,\"a\":2}\n", 1, "b|a");
    assert_finds("{\"b\":1}\n{\"a\":2,\"b\":1}\n{\"c\":null,\"a\":0}", 3, "b|a|c");
    assert_finds("{\"a\":1,\"a\":2}\n{\"a\":1,\"b\":{\"c\":3}}\n", 2, "a|b");
    assert_finds("{\"caf\\u00e9\":1}\n{\"caf\xc3\xa9\":2}\n", 2, "caf\xc3\xa9");
    assert_finds("{\"a\\\"b\":1}\n{\"a\\\"b\":2}\n{\"a\\\\\":1}\n", 3, "a\"b|a\\");
    assert_finds("{\"\":1}\n{\"\":2, \"x\":\"}{\"}\n", 2, "|x");
    assert_finds(" { \"a\" : [ {\"b\":1} , 2 ] , \"c\" : \"\\u0000\" } \r\n", 1, "a|c");
}

static void blank_lines_and_a_byte_order_mark_are_no_rows(void **state)
{
    (void)state;
    assert_finds("", 0, "");
    assert_finds("\n\r\n \t\n", 0, "");
    assert_finds("\xef\xbb\xbf{\"a\":1}\n\n\r\n{\"b\":NaN}\n\n", 2, "a|b");
    assert_finds("{}\n{}", 2, "");
}

static void a_key_that_differs_by_case_alone_gets_a_suffix(void **state)
{
    (void)state;
    assert_finds("{\"id\":1,\"ID\":2,\"Id\":3}\n", 1, "id|ID_:ID|Id__:Id");
    /* A key keeps its own name wherever it stands. */
    assert_finds("{\"id\":1,\"ID\":2,\"id_\":3}\n", 1, "id|ID__:ID|id_");
    /* Only ASCII letters have case in SQLite. */
    assert_finds("{\"\\u00e9\":1,\"\\u00c9\":2}\n", 1, "\xc3\xa9|\xc3\x89");
}

static void thousands_of_keys_that_differ_by_case_get_short_names(void **state)
{
    (void)state;
    struct lk_buffer text = {0};
    for (unsigned i = 0; i < 4096; i++) {
        lk_buffer_append_string(&text, i == 0 ? "{\"" : ",\"");
        for (unsigned bit = 0; bit < 12; bit++)
            lk_buffer_append_byte(&text, (uint8_t)((i >> bit & 1) != 0 ? 'A' + bit : 'a' + bit));
        lk_buffer_append_string(&text, "\":1");
    }
    lk_buffer_append_string(&text, "}\n");
    struct found f;
    assert_int_equal(find_in(&f, LK_CODEC_NONE, text.data, text.len), LK_OK);
    assert_int_equal(f.schema->columns, 4096);
    for (size_t i = 0; i < f.schema->columns; i++) {
        assert_int_equal(strlen(f.plan->column[i].name), 12);
        assert_true(strlen(f.schema->column[i].name) <= 20);
    }
    lk_buffer_reset(&text);
    drop(&f);
}

static void what_is_found_reads_the_same_file(void **state)
{
    (void)state;
    static const char text[] = "{\"id\":1,\"ID\":\"x\"}\n{\"z\":[1,  2],\"id\":2,\"id\":3}\n\n"
                               "{\"ID\":18446744073709551616,\"\\ud800\":true}\n";
    struct found f;
    assert_int_equal(find(&f, text), LK_OK);
    assert_int_equal(f.schema->columns, 4);
    struct lk_input *in = NULL;
    struct lk_jsonl_reader *r = NULL;
    struct lk_batch *b = lk_batch_new(f.schema->columns, f.schema->hidden_rowid);
    uint32_t rows = 0;
    assert_non_null(b);
    assert_int_equal(lk_input_of_memory(lk_bytes_of(text), "posts.json", &in, &f.err), LK_OK);
    assert_int_equal(
        lk_jsonl_reader_new(in, 0, sizeof text - 1, LK_CODEC_NONE, f.schema, f.plan, 1, &r, &f.err), LK_OK);
    if (lk_jsonl_read(r, 0, b, &rows, &f.err) != LK_OK)
        fail_msg("%s", f.err.message);
    assert_int_equal(rows, f.rows);
    struct lk_cursor id = lk_cursor_at_start(&b->column[0]);
    assert_int_equal(lk_cursor_next(&id).integer, 1);
    assert_int_equal(lk_cursor_next(&id).integer, 3);
    assert_int_equal(lk_cursor_next(&id).class, LK_NULL);
    struct lk_cursor other = lk_cursor_at_start(&b->column[1]);
    assert_true(lk_bytes_equal(lk_cursor_next(&other).bytes, lk_bytes_of("x")));
    assert_int_equal(lk_cursor_next(&other).class, LK_NULL);
    assert_true(lk_bytes_equal(lk_cursor_next(&other).bytes, lk_bytes_of("18446744073709551616")));
    struct lk_cursor nested = lk_cursor_at_start(&b->column[2]);
    assert_int_equal(lk_cursor_next(&nested).class, LK_NULL);
    assert_true(lk_bytes_equal(lk_cursor_next(&nested).bytes, lk_bytes_of("[1,  2]")));
    assert_int_equal(b->column[3].counts[LK_INTEGER], 1);
    assert_int_equal(lk_batch_rowid(b, 2), 3);
    lk_jsonl_reader_free(r);
    lk_input_close(in);
    lk_batch_free(b);
    drop(&f);
}

static void what_is_no_json_lines_is_damage_with_line_and_byte(void **state)
{
    (void)state;
    struct found f;
    static const char *const bad[] = {"[1]",
                                      "x",
                                      "{\"a\":1}\n\n[{\"a\":1}]\n",
                                      "{\"a\":1",
                                      "{\"a\"",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{\"a\":1}{\"b\":2}",
                                      "{\"a\":01}",
                                      "{\"a\":\"\xff\"}",
                                      "{\"\xff\":1}",
                                      "{\"a\":tru}",
                                      "{\"a\":{\"$base64\":\"AP8Q\"}]",
                                      "{\"a\":[1,]}\n",
                                      "{\"a\\x\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (find(&f, bad[i]) != LK_DAMAGED)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(f.err.message, "posts.json, line "));
        assert_null(f.schema);
        assert_null(f.plan);
    }
    assert_int_equal(find(&f, "{\"a\":1}\n\n[{\"a\":1}]\n"), LK_DAMAGED);
    assert_non_null(strstr(f.err.message, "posts.json, line 3, byte 1: the line is no JSON object"));
}

static void keys_that_cannot_be_columns_are_refused_by_name(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(find(&f, "{\"a\\u0000b\":1}\n"), LK_UNREADABLE);
    assert_non_null(strstr(f.err.message, "posts.json: a key has a NUL character"));
    struct lk_buffer text = {0};
    for (unsigned i = 0; i < 32767; i++)
        lk_buffer_append_format(&text, "{\"k%u\":1}\n", i);
    assert_int_equal(find_in(&f, LK_CODEC_NONE, text.data, text.len), LK_UNREADABLE);
    assert_non_null(strstr(f.err.message, "more than 32766 different keys"));
    text.len -= strlen("{\"k32766\":1}\n");
    assert_int_equal(find_in(&f, LK_CODEC_NONE, text.data, text.len), LK_OK);
    assert_int_equal(f.schema->columns, 32766);
    drop(&f);
    lk_buffer_clear(&text);
    lk_buffer_append_string(&text, "{\"");
    memset(lk_buffer_extend(&text, (16u << 20) + 1), 'k', (16u << 20) + 1);
    lk_buffer_append_string(&text, "\":1}\n");
    assert_int_equal(find_in(&f, LK_CODEC_NONE, text.data, text.len), LK_UNREADABLE);
    assert_non_null(strstr(f.err.message, "longer than 16 MiB together"));
    lk_buffer_reset(&text);
}

static void a_line_longer_than_the_window_is_read(void **state)
{
    (void)state;
    struct lk_buffer text = {0};
    lk_buffer_append_string(&text, "{\"a\":\"");
    memset(lk_buffer_extend(&text, 1u << 20), 'x', 1u << 20);
    lk_buffer_append_string(&text, "\",\"b\":1}\n{\"c\":1}");
    struct found f;
    assert_int_equal(find_in(&f, LK_CODEC_NONE, text.data, text.len), LK_OK);
    assert_int_equal(f.schema->columns, 3);
    assert_int_equal(f.rows, 2);
    lk_buffer_reset(&text);
    drop(&f);
}

static void the_codec_is_known_by_the_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum lk_codec codec;
    } cases[] = {{"", 0, LK_CODEC_NONE},
                 {"{", 1, LK_CODEC_NONE},
                 {"\x1f", 1, LK_CODEC_NONE},
                 {"\x1f\x8b", 2, LK_CODEC_GZIP},
                 {"\x1f\x8b\x08\x00\x00", 5, LK_CODEC_GZIP},
                 {"\x28\xb5\x2f", 3, LK_CODEC_NONE},
                 {"\x28\xb5\x2f\xfd\x04", 5, LK_CODEC_ZSTD}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_input *in = NULL;
        struct lk_error err = {0};
        enum lk_codec codec = LK_CODEC_SNAPPY;
        assert_int_equal(lk_input_of_memory(lk_bytes(cases[i].bytes, cases[i].len), "x", &in, &err), LK_OK);
        assert_int_equal(lk_jsonl_codec(in, &codec, &err), LK_OK);
        assert_int_equal(codec, cases[i].codec);
        lk_input_close(in);
    }
}

static void compressed_lines_are_read(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1}\n{\"b\":2}\n";
    static const enum lk_codec codecs[] = {LK_CODEC_GZIP, LK_CODEC_ZSTD};
    for (size_t i = 0; i < 2; i++) {
        struct lk_codec_context *c = NULL;
        struct lk_buffer out = {0};
        struct found f = {0};
        assert_int_equal(lk_codec_context_new(&c, &f.err), LK_OK);
        const struct lk_codec_choice choice = {codecs[i], LK_LEVEL_DEFAULT};
        for (int twice = 0; twice < 2; twice++)
            assert_int_equal(lk_compress(c, choice, lk_bytes_of(text), &out, &f.err), LK_OK);
        assert_int_equal(find_in(&f, codecs[i], out.data, out.len), LK_OK);
        assert_int_equal(f.rows, 4);
        assert_int_equal(f.schema->columns, 2);
        drop(&f);
        assert_int_equal(find_in(&f, codecs[i], out.data, out.len - 3), LK_DAMAGED);
        lk_codec_context_free(c);
        lk_buffer_reset(&out);
    }
}

static void no_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    static const char text[] = "{\"id\":1,\"ID\":\"x\\n\"}\n{\"z\":[1,2],\"id\":2}\n";
    struct found f;
    int64_t nth = 0;
    for (;; nth++) {
        lk_memory_fail_after(nth, 1);
        const enum lk_status status = find(&f, text);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK)
            break;
        assert_int_equal(status, LK_FAILED);
        assert_null(f.schema);
    }
    assert_true(nth > 10);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_all_keys_in_the_order_of_their_first_appearance),
        cmocka_unit_test(blank_lines_and_a_byte_order_mark_are_no_rows),
        cmocka_unit_test(a_key_that_differs_by_case_alone_gets_a_suffix),
        cmocka_unit_test(thousands_of_keys_that_differ_by_case_get_short_names),
        cmocka_unit_test(what_is_found_reads_the_same_file),
        cmocka_unit_test(what_is_no_json_lines_is_damage_with_line_and_byte),
        cmocka_unit_test(keys_that_cannot_be_columns_are_refused_by_name),
        cmocka_unit_test(a_line_longer_than_the_window_is_read),
        cmocka_unit_test(the_codec_is_known_by_the_first_bytes),
        cmocka_unit_test(compressed_lines_are_read),
        cmocka_unit_test(no_memory_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
