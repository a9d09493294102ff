#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "jsonl/json_string.h"
#include "jsonl/writer.h"

/* A table and a batch of its rows. */
struct fixture {
    struct lk_table_schema *schema;
    struct lk_plan *plan;
    struct lk_batch *batch;
    struct lk_jsonl_encoder *encoder;
    struct lk_buffer out;
    struct lk_error err;
};

static void make(struct fixture *f, size_t columns, const char *const names[], bool rowids)
{
    *f = (struct fixture){0};
    f->schema = lk_table_schema_new("t");
    assert_non_null(f->schema);
    f->schema->hidden_rowid = rowids;
    for (size_t i = 0; i < columns; i++)
        assert_non_null(lk_table_schema_add(f->schema, names[i], ""));
    f->batch = lk_batch_new(columns, rowids);
    assert_non_null(f->batch);
    assert_int_equal(lk_jsonl_encoder_new(&f->encoder, &f->err), LK_OK);
}

static void make_plan(struct fixture *f)
{
    struct lk_table_stats *stats = NULL;
    assert_int_equal(lk_table_stats_new(f->schema->columns, &stats, &f->err), LK_OK);
    lk_table_stats_add(stats, f->schema, f->batch);
    assert_int_equal(lk_plan_new(f->schema, stats, NULL, &f->plan, &f->err), LK_OK);
    lk_table_stats_free(stats);
}

/* The lines as a string. */
static const char *encode(struct fixture *f, enum lk_codec codec, uint64_t *text_bytes)
{
    if (f->plan == NULL)
        make_plan(f);
    const struct lk_codec_choice choice = {.codec = codec, .level = LK_LEVEL_DEFAULT};
    assert_int_equal(lk_jsonl_encode(f->encoder, choice, f->plan, f->batch, &f->out, text_bytes, &f->err),
                     LK_OK);
    return lk_buffer_string(&f->out);
}

static void drop(struct fixture *f)
{
    lk_jsonl_encoder_free(f->encoder);
    lk_batch_free(f->batch);
    lk_plan_free(f->plan);
    lk_table_schema_free(f->schema);
    lk_buffer_reset(&f->out);
}

static void add_text(struct fixture *f, size_t column, const char *text)
{
    lk_column_add_bytes(f->batch, &f->batch->column[column], LK_TEXT, text, strlen(text));
}

static void every_class_has_its_spelling(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    struct fixture f;
    make(&f, 2, names, false);
    struct lk_column *a = &f.batch->column[0];
    static const int64_t integers[] = {0, 7, -1, 10, 99, 100, -12345, 9007199254740993, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        lk_column_add_integer(f.batch, a, integers[i]);
        lk_column_add_null(f.batch, &f.batch->column[1]);
        lk_batch_end_row(f.batch, 0);
    }
    static const double reals[] = {0.0, -0.0, 1.0, 0.1, 1e300, 1.5e-7};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        lk_column_add_real(f.batch, a, reals[i]);
        lk_column_add_real(f.batch, &f.batch->column[1], i % 2 == 0 ? HUGE_VAL : -HUGE_VAL);
        lk_batch_end_row(f.batch, 0);
    }
    lk_column_add_bytes(f.batch, a, LK_BLOB, "\0\xff\x10", 3);
    lk_column_add_bytes(f.batch, &f.batch->column[1], LK_RAWTEXT, "\xff\xfe", 2);
    lk_batch_end_row(f.batch, 0);
    lk_column_add_bytes(f.batch, a, LK_BLOB, NULL, 0);
    lk_column_add_bytes(f.batch, &f.batch->column[1], LK_TEXT, NULL, 0);
    lk_batch_end_row(f.batch, 0);
    uint64_t bytes = 0;
    assert_string_equal(
        encode(&f, LK_CODEC_NONE, &bytes),
        "{\"a\":0,\"b\":null}\n{\"a\":7,\"b\":null}\n{\"a\":-1,\"b\":null}\n{\"a\":10,\"b\":null}\n"
        "{\"a\":99,\"b\":null}\n{\"a\":100,\"b\":null}\n{\"a\":-12345,\"b\":null}\n"
        "{\"a\":9007199254740993,\"b\":null}\n{\"a\":9223372036854775807,\"b\":null}\n"
        "{\"a\":-9223372036854775808,\"b\":null}\n"
        "{\"a\":0.0,\"b\":9e999}\n{\"a\":-0.0,\"b\":-9e999}\n{\"a\":1.0,\"b\":9e999}\n"
        "{\"a\":0.1,\"b\":-9e999}\n{\"a\":1e300,\"b\":9e999}\n{\"a\":1.5e-7,\"b\":-9e999}\n"
        "{\"a\":{\"$base64\":\"AP8Q\"},\"b\":{\"$text_base64\":\"//4=\"}}\n"
        "{\"a\":{\"$base64\":\"\"},\"b\":\"\"}\n");
    assert_int_equal(bytes, f.out.len);
    drop(&f);
}

static void only_what_json_must_escape_is_escaped(void **state)
{
    (void)state;
    static const char *const names[] = {"t"};
    struct fixture f;
    make(&f, 1, names, false);
    char controls[0x20];
    for (size_t i = 0; i < sizeof controls; i++)
        controls[i] = (char)i;
    lk_column_add_bytes(f.batch, &f.batch->column[0], LK_TEXT, controls, sizeof controls);
    lk_batch_end_row(f.batch, 0);
    add_text(&f, 0, "\"\\/\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\xa6\x8b");
    lk_batch_end_row(f.batch, 0);
    uint64_t bytes;
    assert_string_equal(
        encode(&f, LK_CODEC_NONE, &bytes),
        "{\"t\":"
        "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f"
        "\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\"
        "u001e"
        "\\u001f\"}\n"
        "{\"t\":\"\\\"\\\\/\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\xa6\x8b\"}\n");
    drop(&f);
}

static void an_escape_is_found_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const names[] = {"t"};
    static const char escaped[] = {'"', '\\', '\n', '\0', '\x1f'};
    static const char *const spellings[] = {"\\\"", "\\\\", "\\n", "\\u0000", "\\u001f"};
    for (size_t len = 1; len < 100; len += 7) {
        for (size_t at = 0; at < len; at++) {
            struct fixture f;
            make(&f, 1, names, false);
            struct lk_buffer expected = {0};
            for (size_t i = 0; i < sizeof escaped; i++) {
                char text[100];
                memset(text, 'x', sizeof text);
                text[at] = escaped[i];
                lk_column_add_bytes(f.batch, &f.batch->column[0], LK_TEXT, text, len);
                lk_batch_end_row(f.batch, 0);
                lk_buffer_append_format(&expected, "{\"t\":\"%.*s%s%.*s\"}\n", (int)at, text, spellings[i],
                                        (int)(len - at - 1), text + at + 1);
            }
            uint64_t bytes;
            assert_string_equal(encode(&f, LK_CODEC_NONE, &bytes), lk_buffer_string(&expected));
            lk_buffer_reset(&expected);
            drop(&f);
        }
    }
}

static void every_copier_does_what_the_portable_one_does(void **state)
{
    (void)state;
    lk_json_copy *copiers[4];
    const size_t count = lk_json_string_copiers(copiers);
    assert_true(count >= 1);
    assert_ptr_equal(copiers[count - 1], lk_json_string_copier());
    uint8_t from[200 + LK_JSON_SLACK];
    for (unsigned round = 0; round < 256 * 40; round++) {
        for (size_t i = 0; i < sizeof from; i++)
            from[i] = (uint8_t)('a' + i % 23);
        const size_t at = round / 256;
        from[at] = (uint8_t)round;
        from[at + 3] = (uint8_t)(round * 7);
        const bool stops = from[at] < 0x20 || from[at] == '"' || from[at] == '\\';
        for (size_t i = 0; i < count; i++) {
            for (size_t len = at; len < at + 66; len += 13) {
                uint8_t to[200 + LK_JSON_SLACK];
                const struct lk_json_run run = copiers[i](to, from, len);
                const struct lk_json_run portable = copiers[0](to, from, len);
                assert_int_equal(run.len, portable.len);
                assert_int_equal(run.high != 0, portable.high != 0);
                assert_true(run.len <= len && (!stops || run.len <= at));
                memset(to, 0, sizeof to);
                (void)copiers[i](to, from, len);
                assert_memory_equal(to, from, run.len);
                bool high = false;
                for (size_t k = 0; k < run.len; k++) {
                    high |= from[k] > 0x7f;
                    assert_true(from[k] >= 0x20 && from[k] != '"' && from[k] != '\\');
                }
                assert_int_equal(run.high != 0, high);
                assert_true(run.len == len || from[run.len] < 0x20 || from[run.len] == '"' ||
                            from[run.len] == '\\');
            }
        }
    }
}

static void names_are_escaped_and_of_any_length(void **state)
{
    (void)state;
    char long_name[301];
    memset(long_name, 'n', 300);
    long_name[300] = '\0';
    const char *const names[] = {"say \"hi\"\n", "\xc3\xa9", "", long_name};
    struct fixture f;
    make(&f, 4, names, false);
    for (size_t i = 0; i < 4; i++)
        lk_column_add_integer(f.batch, &f.batch->column[i], 1);
    lk_batch_end_row(f.batch, 0);
    make_plan(&f);
    uint64_t bytes;
    const char *text = encode(&f, LK_CODEC_NONE, &bytes);
    char start[] = "{\"say \\\"hi\\\"\\n\":1,\"\xc3\xa9\":1,";
    assert_memory_equal(text, start, sizeof start - 1);
    assert_non_null(strstr(text, long_name));
    drop(&f);
}

static void the_rowid_comes_first_when_the_plan_has_one(void **state)
{
    (void)state;
    static const char *const names[] = {"a"};
    struct fixture f;
    make(&f, 1, names, true);
    static const int64_t rowids[] = {-5, 2, 1000};
    for (size_t i = 0; i < 3; i++) {
        lk_column_add_null(f.batch, &f.batch->column[0]);
        lk_batch_end_row(f.batch, rowids[i]);
    }
    make_plan(&f);
    assert_non_null(f.plan->rowid_name);
    uint64_t bytes;
    const char *name = f.plan->rowid_name;
    char expected[200];
    (void)snprintf(expected, sizeof expected,
                   "{\"%s\":-5,\"a\":null}\n{\"%s\":2,\"a\":null}\n{\"%s\":1000,\"a\":null}\n", name, name,
                   name);
    assert_string_equal(encode(&f, LK_CODEC_NONE, &bytes), expected);
    drop(&f);
}

static void members_end_with_a_line_and_hold_about_a_mebibyte(void **state)
{
    (void)state;
    static const char *const names[] = {"t"};
    struct fixture f;
    make(&f, 1, names, false);
    char text[1000];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 5000; i++) {
        lk_column_add_bytes(f.batch, &f.batch->column[0], LK_TEXT, text, (size_t)(i % 1000));
        lk_batch_end_row(f.batch, 0);
    }
    uint64_t plain_bytes;
    (void)encode(&f, LK_CODEC_NONE, &plain_bytes);
    struct lk_buffer plain = f.out;
    f.out = (struct lk_buffer){0};
    assert_int_equal(plain.len, plain_bytes);
    static const enum lk_codec codecs[] = {LK_CODEC_GZIP, LK_CODEC_ZSTD};
    for (size_t i = 0; i < 2; i++) {
        lk_buffer_clear(&f.out);
        uint64_t bytes;
        (void)encode(&f, codecs[i], &bytes);
        assert_int_equal(bytes, plain_bytes);
        struct lk_codec_context *c = NULL;
        assert_int_equal(lk_codec_context_new(&c, &f.err), LK_OK);
        uint8_t *back = malloc(plain.len);
        assert_non_null(back);
        assert_int_equal(lk_decompress(c, codecs[i], lk_buffer_bytes(&f.out), back, plain.len, &f.err),
                         LK_OK);
        assert_memory_equal(back, plain.data, plain.len);
        free(back);
        lk_codec_context_free(c);
    }
    assert_true(plain.len > 2u << 20);
    lk_buffer_reset(&plain);
    drop(&f);
}

static void a_text_of_megabytes_of_controls_is_written_whole(void **state)
{
    (void)state;
    static const char *const names[] = {"t"};
    struct fixture f;
    make(&f, 1, names, false);
    const size_t len = 3000001;
    uint8_t *controls = calloc(len, 1);
    assert_non_null(controls);
    lk_column_add_bytes(f.batch, &f.batch->column[0], LK_TEXT, controls, len);
    lk_batch_end_row(f.batch, 0);
    uint64_t bytes;
    const char *text = encode(&f, LK_CODEC_NONE, &bytes);
    assert_int_equal(bytes, 6 + 6 * len + 3);
    for (size_t i = 0; i < len; i++)
        assert_memory_equal(text + 6 + 6 * i, "\\u0000", 6);
    free(controls);
    drop(&f);
}

static void an_empty_batch_gives_a_valid_empty_file(void **state)
{
    (void)state;
    static const char *const names[] = {"t"};
    struct fixture f;
    make(&f, 1, names, false);
    uint64_t bytes = 1;
    assert_string_equal(encode(&f, LK_CODEC_NONE, &bytes), "");
    assert_int_equal(bytes, 0);
    (void)encode(&f, LK_CODEC_GZIP, &bytes);
    assert_true(f.out.len >= 18); /* a member's header, an empty block, its trailer */
    assert_memory_equal(f.out.data, "\x1f\x8b", 2);
    lk_buffer_clear(&f.out);
    (void)encode(&f, LK_CODEC_ZSTD, &bytes);
    assert_memory_equal(f.out.data, "\x28\xb5\x2f\xfd", 4);
    drop(&f);
}

static void output_depends_on_the_arguments_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"t"};
    static const char *const others[] = {"other", "names"};
    struct fixture f;
    struct fixture g;
    make(&f, 1, names, false);
    make(&g, 2, others, false);
    add_text(&f, 0, "one");
    lk_batch_end_row(f.batch, 0);
    uint64_t bytes;
    (void)encode(&f, LK_CODEC_GZIP, &bytes);
    struct lk_buffer first = f.out;
    f.out = (struct lk_buffer){0};
    /* The same encoder serves another table in between. */
    add_text(&g, 0, "a long text that leaves its traces in the encoder's memory");
    add_text(&g, 1, "more");
    lk_batch_end_row(g.batch, 0);
    struct lk_jsonl_encoder *own = g.encoder;
    g.encoder = f.encoder;
    (void)encode(&g, LK_CODEC_GZIP, &bytes);
    g.encoder = own;
    (void)encode(&f, LK_CODEC_GZIP, &bytes);
    assert_true(lk_bytes_equal(lk_buffer_bytes(&first), lk_buffer_bytes(&f.out)));
    lk_buffer_reset(&first);
    drop(&f);
    drop(&g);
}

static void when_memory_is_out_nothing_is_appended(void **state)
{
    (void)state;
    static const char *const names[] = {"t", "u"};
    struct fixture f;
    make(&f, 2, names, false);
    char text[5000];
    memset(text, '\n', sizeof text);
    for (int i = 0; i < 100; i++) {
        lk_column_add_bytes(f.batch, &f.batch->column[0], LK_TEXT, text, sizeof text);
        lk_column_add_bytes(f.batch, &f.batch->column[1], LK_BLOB, text, sizeof text);
        lk_batch_end_row(f.batch, 0);
    }
    make_plan(&f);
    lk_jsonl_encoder_free(f.encoder);
    f.encoder = NULL;
    const struct lk_codec_choice choices[] = {{LK_CODEC_NONE, 0}, {LK_CODEC_GZIP, LK_LEVEL_DEFAULT}};
    for (size_t i = 0; i < 2; i++) {
        unsigned failures = 0;
        enum lk_status status = LK_FAILED;
        for (int64_t n = 0; status != LK_OK; n++) {
            struct lk_buffer out = {0};
            uint64_t bytes;
            lk_memory_fail_after(n, 1);
            status = lk_jsonl_encoder_new(&f.encoder, &f.err);
            if (status == LK_OK)
                status = lk_jsonl_encode(f.encoder, choices[i], f.plan, f.batch, &out, &bytes, &f.err);
            lk_memory_fail_after(-1, 0);
            if (status != LK_OK) {
                failures++;
                assert_int_equal(status, LK_FAILED);
                assert_int_equal(out.len, 0);
                assert_non_null(strstr(f.err.message, "memory"));
            }
            lk_buffer_reset(&out);
            lk_jsonl_encoder_free(f.encoder);
            f.encoder = NULL;
        }
        assert_true(failures >= 4);
    }
    drop(&f);
}

static void suffixes_name_the_codec(void **state)
{
    (void)state;
    assert_string_equal(lk_jsonl_suffix(LK_CODEC_NONE), "");
    assert_string_equal(lk_jsonl_suffix(LK_CODEC_GZIP), ".gz");
    assert_string_equal(lk_jsonl_suffix(LK_CODEC_ZSTD), ".zst");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_its_spelling),
        cmocka_unit_test(only_what_json_must_escape_is_escaped),
        cmocka_unit_test(an_escape_is_found_wherever_it_stands),
        cmocka_unit_test(every_copier_does_what_the_portable_one_does),
        cmocka_unit_test(names_are_escaped_and_of_any_length),
        cmocka_unit_test(the_rowid_comes_first_when_the_plan_has_one),
        cmocka_unit_test(members_end_with_a_line_and_hold_about_a_mebibyte),
        cmocka_unit_test(a_text_of_megabytes_of_controls_is_written_whole),
        cmocka_unit_test(an_empty_batch_gives_a_valid_empty_file),
        cmocka_unit_test(output_depends_on_the_arguments_alone),
        cmocka_unit_test(when_memory_is_out_nothing_is_appended),
        cmocka_unit_test(suffixes_name_the_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
