#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "jsonl/reader.h"
#include "jsonl/writer.h"

/* A table whose columns are named a, b, c, ...; a batch to read into. */
struct fixture {
    struct lk_table_schema *schema;
    struct lk_plan *plan;
    struct lk_batch *batch;
    struct lk_error err;
    uint32_t rows;
};

/* `rowids`: 0 none, 1 hidden and numbered, 2 hidden with a key. */
static void make(struct fixture *f, size_t columns, int rowids)
{
    *f = (struct fixture){0};
    f->schema = lk_table_schema_new("posts");
    assert_non_null(f->schema);
    f->schema->hidden_rowid = rowids > 0;
    for (size_t i = 0; i < columns; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        assert_non_null(lk_table_schema_add(f->schema, name, ""));
    }
    f->batch = lk_batch_new(columns, rowids > 0);
    assert_non_null(f->batch);
    struct lk_table_stats *stats = NULL;
    assert_int_equal(lk_table_stats_new(columns, &stats, &f->err), LK_OK);
    stats->rowids_not_sequence = rowids == 2;
    assert_int_equal(lk_plan_new(f->schema, stats, NULL, &f->plan, &f->err), LK_OK);
    lk_table_stats_free(stats);
}

static void drop(struct fixture *f)
{
    lk_batch_free(f->batch);
    lk_plan_free(f->plan);
    lk_table_schema_free(f->schema);
}

/* Read text into the (cleared) batch. The text is in a block of exactly its size, so that a read too far is
 * seen. */
static enum lk_status read_bytes(struct fixture *f, const void *text, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    struct lk_input *in = NULL;
    struct lk_jsonl_reader *r = NULL;
    lk_batch_clear(f->batch);
    enum lk_status status = lk_input_of_memory(lk_bytes(copy, len), "posts.json", &in, &f->err);
    if (status == LK_OK)
        status = lk_jsonl_reader_new(in, 0, len, LK_CODEC_NONE, f->schema, f->plan, 1, &r, &f->err);
    if (status == LK_OK)
        status = lk_jsonl_read(r, 0, f->batch, &f->rows, &f->err);
    lk_jsonl_reader_free(r);
    lk_input_close(in);
    free(copy);
    return status;
}

static void assert_reads(struct fixture *f, const char *text, uint32_t rows)
{
    const enum lk_status status = read_bytes(f, text, strlen(text));
    if (status != LK_OK)
        fail_msg("%s: %s", text, f->err.message);
    assert_int_equal(f->rows, rows);
    assert_int_equal(f->batch->rows, rows);
}

static struct lk_value value_at(const struct fixture *f, size_t column, uint32_t row)
{
    struct lk_cursor cursor = lk_cursor_at_start(&f->batch->column[column]);
    for (uint32_t i = 0; i < row; i++)
        (void)lk_cursor_next(&cursor);
    return lk_cursor_next(&cursor);
}

/* One value, as the first of its line (expected spelling) and as one among white space (any spelling). */
static struct lk_value value_of(struct fixture *f, const char *json)
{
    char line[3000];
    (void)snprintf(line, sizeof line, " { \"a\" :\t%s\r } \r\n{\"a\":%s}\n{\"a\":%s}", json, json, json);
    assert_reads(f, line, 3);
    const struct lk_value v = value_at(f, 0, 0);
    for (uint32_t row = 1; row < 3; row++) {
        const struct lk_value w = value_at(f, 0, row);
        assert_int_equal(w.class, v.class);
        assert_int_equal(w.integer, v.integer);
        assert_memory_equal(&w.real, &v.real, sizeof v.real);
        if (v.class >= LK_TEXT)
            assert_true(lk_bytes_equal(w.bytes, v.bytes));
    }
    (void)snprintf(line, sizeof line, "{\"a\":%s}\n", json);
    assert_reads(f, line, 1);
    return value_at(f, 0, 0);
}

static void numbers_keep_their_class_and_value(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 0);
    static const struct {
        const char *text;
        int64_t value;
    } integers[] = {{"0", 0},
                    {"-0", 0},
                    {"1", 1},
                    {"-17", -17},
                    {"true", 1},
                    {"false", 0},
                    {"9007199254740993", 9007199254740993},
                    {"9223372036854775807", INT64_MAX},
                    {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        const struct lk_value v = value_of(&f, integers[i].text);
        assert_int_equal(v.class, LK_INTEGER);
        assert_int_equal(v.integer, integers[i].value);
    }
    static const struct {
        const char *text;
        double value;
    } reals[] = {{"0.0", 0.0},
                 {"-0.0", -0.0},
                 {"1.0", 1.0},
                 {"1e0", 1.0},
                 {"1E+2", 100.0},
                 {"-2.5e-3", -0.0025},
                 {"9e999", HUGE_VAL},
                 {"-9e999", -HUGE_VAL},
                 {"Infinity", HUGE_VAL},
                 {"-Infinity", -HUGE_VAL},
                 {"9223372036854775808.0", 9223372036854775808.0},
                 {"1E29", 1e29}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        const struct lk_value v = value_of(&f, reals[i].text);
        assert_int_equal(v.class, LK_REAL);
        assert_memory_equal(&v.real, &reals[i].value, sizeof v.real);
    }
    assert_int_equal(value_of(&f, "null").class, LK_NULL);
    assert_int_equal(value_of(&f, "NaN").class, LK_NULL);
    drop(&f);
}

static void integers_beyond_64_bits_keep_every_digit_as_text(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 0);
    static const char *const integers[] = {"9223372036854775808",   "-9223372036854775809",
                                           "18446744073709551615",  "18446744073709551616",
                                           "-18446744073709551616", "100000000000000000000000000000"};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        const struct lk_value v = value_of(&f, integers[i]);
        assert_int_equal(v.class, LK_TEXT);
        assert_true(lk_bytes_equal(v.bytes, lk_bytes_of(integers[i])));
    }
    drop(&f);
}

/* The pattern of the last line is tried first, and what it added is taken back when it does not fit. */
static void a_long_integer_is_taken_back_with_its_line(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 2, 0);
    assert_reads(&f,
                 "{\"a\":\"x\",\"b\":1}\n{\"a\":18446744073709551616,\"b\" :2}\n"
                 "{\"a\":Infinity,\"b\":NaN}\n",
                 3);
    assert_true(lk_bytes_equal(value_at(&f, 0, 1).bytes, lk_bytes_of("18446744073709551616")));
    assert_int_equal(value_at(&f, 1, 2).class, LK_NULL);
    assert_int_equal(f.batch->column[0].counts[LK_TEXT], 2);
    drop(&f);
}

static void strings_and_objects_become_text_blob_or_rawtext(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 0);
    static const struct {
        const char *json;
        enum lk_class class;
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\"\"", LK_TEXT, "", 0},
        {"\"plain\"", LK_TEXT, "plain", 5},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", LK_TEXT, "\"\\/\b\f\n\r\t", 8},
        {"\"\\u0000\\u001F\\u00e9\\u6771\"", LK_TEXT, "\0\x1f\xc3\xa9\xe6\x9d\xb1", 7},
        {"\"\\ud83e\\udd8b\xf0\x9f\xa6\x8b\x7f\"", LK_TEXT, "\xf0\x9f\xa6\x8b\xf0\x9f\xa6\x8b\x7f", 9},
        {"\"x\\ud800y\"", LK_RAWTEXT, "x\xed\xa0\x80y", 5},
        {"\"\\udc00\\ud800\"", LK_RAWTEXT, "\xed\xb0\x80\xed\xa0\x80", 6},
        {"\"\\ud800\\u0041\"", LK_RAWTEXT,
         "\xed\xa0\x80"
         "A",
         4},
        {"{\"$base64\":\"AP8Q\"}", LK_BLOB, "\0\xff\x10", 3},
        {"{\"$base64\":\"\"}", LK_BLOB, "", 0},
        {" { \"$base64\" : \"AP8Q\" } ", LK_BLOB, "\0\xff\x10", 3},
        {"{\"$base64\":\"A\\u0050\\/Q\"}", LK_BLOB, "\0\xff\xd0", 3},
        {"{\"\\u0024base64\":\"AP8Q\"}", LK_BLOB, "\0\xff\x10", 3},
        {"{\"$text_base64\":\"//4=\"}", LK_RAWTEXT, "\xff\xfe", 2},
        {"{ \"$text_base64\":\"//4=\"}", LK_RAWTEXT, "\xff\xfe", 2},
        {"{}", LK_TEXT, "{}", 2},
        {"[]", LK_TEXT, "[]", 2},
        {"[ 1, [2,{\"k\":[]}], \"\\n\", -1.5e3 ]", LK_TEXT, "[ 1, [2,{\"k\":[]}], \"\\n\", -1.5e3 ]", 33},
        {"{\"$base64\":\"AP8Q\",\"x\":1}", LK_TEXT, "{\"$base64\":\"AP8Q\",\"x\":1}", 24},
        {"{\"$base64\":7}", LK_TEXT, "{\"$base64\":7}", 13},
        {"{\"base64\":\"AP8Q\"}", LK_TEXT, "{\"base64\":\"AP8Q\"}", 17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct lk_value v = value_of(&f, cases[i].json);
        if (v.class != cases[i].class || !lk_bytes_equal(v.bytes, lk_bytes(cases[i].bytes, cases[i].len)))
            fail_msg("%s became class %d, %.*s", cases[i].json, (int)v.class, (int)v.bytes.len,
                     (const char *)v.bytes.ptr);
    }
    drop(&f);
}

static void what_is_not_rfc_8259_is_damage(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 2, 0);
    static const char *const values[] = {"01",
                                         "-",
                                         "+1",
                                         ".5",
                                         "1.",
                                         "1.e5",
                                         "1e",
                                         "1e+",
                                         "-01",
                                         "0x1",
                                         "nan",
                                         "Inf",
                                         "-Infinit",
                                         "nul",
                                         "nulll",
                                         "True",
                                         "tru",
                                         "\"",
                                         "\"\\\"",
                                         "\"\\x41\"",
                                         "\"\\u12\"",
                                         "\"\\u12g4\"",
                                         "\"\\",
                                         "\"\x01\"",
                                         "\"\t\"",
                                         "'a'",
                                         "\"\xff\"",
                                         "\"\xc3\"",
                                         "\"\xed\xa0\x80\"",
                                         "\"\xc0\x80\"",
                                         "\"caf\xc3\\u00a9\"",
                                         "[",
                                         "]",
                                         "[1",
                                         "[1,",
                                         "[1,]",
                                         "[1 2]",
                                         "[,]",
                                         "{",
                                         "{\"k\"",
                                         "{\"k\":",
                                         "{\"k\":1",
                                         "{\"k\":1,",
                                         "{\"k\":1,}",
                                         "{\"k\" 1}",
                                         "{1:2}",
                                         "{k:1}",
                                         "[\"\xff\"]",
                                         "[01]",
                                         "[tru]",
                                         "",
                                         " ",
                                         ",",
                                         "1,",
                                         "1 2",
                                         "{\"$base64\":\"A\"}",
                                         "{\"$base64\":\"====\"}",
                                         "{\"$text_base64\":\"A \"}",
                                         "{ \"$base64\":\"Zh==\"}",
                                         "[}",
                                         "{]",
                                         "{\"\x02\":1}"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        static const char *const forms[] = {"{\"a\":%s}\n", "{\"a\":%s,\"b\":1}\n", "{\"b\":1,\"a\":%s}",
                                            "{\"a\":%s\n", "{\"a\":1,\"b\":2}\n{\"a\":%s,\"b\":2}\n"};
        for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
            struct lk_buffer line = {0};
            const char *place = strchr(forms[k], '%');
            lk_buffer_append(&line, forms[k], (size_t)(place - forms[k]));
            lk_buffer_append_string(&line, values[i]);
            lk_buffer_append_string(&line, place + 2);
            f.err = (struct lk_error){0};
            if (read_bytes(&f, line.data, line.len) != LK_DAMAGED)
                fail_msg("taken: %s", lk_buffer_string(&line));
            char where[64];
            (void)snprintf(where, sizeof where, "posts.json, line %d, byte ", k == 4 ? 2 : 1);
            assert_non_null(strstr(f.err.message, where));
            lk_buffer_reset(&line);
        }
    }
    static const char *const lines[] = {"x",
                                        "[]",
                                        "1",
                                        "{\"a\":1}}",
                                        "{\"a\":1} x",
                                        "{\"a\":1}{\"a\":1}",
                                        "{\"a\":1,}",
                                        "{,}",
                                        "{\"a\"}",
                                        "{\"a\":1 \"b\":2}",
                                        "{\"a\":1;\"b\":2}",
                                        "{\"a\":1,\"b\":2]",
                                        "{\"a\":1",
                                        "{",
                                        "{\"a",
                                        "{\"a\":",
                                        "{\"a\":1,\"b",
                                        "{\"a\":1,\"b\":2",
                                        "{\"a\":1,\"b\":2,",
                                        "\xef\xbb{\"a\":1}",
                                        "{\"a\":1,\n\"b\":2}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (read_bytes(&f, lines[i], strlen(lines[i])) != LK_DAMAGED)
            fail_msg("taken: %s", lines[i]);
    drop(&f);
}

static void messages_say_where_and_why_and_what_to_do(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 2, 0);
    static const char unknown[] = "{\"a\":1,\"b\":2}\n\n{\"a\":1,\"bb\x1b\":2}\n";
    assert_int_equal(read_bytes(&f, unknown, sizeof unknown - 1), LK_DAMAGED);
    static const char raw[] = "{\"a\":1,\"b\":2}\n\n{\"a\":1,\"x\\u001b\":2}\n";
    assert_int_equal(read_bytes(&f, raw, sizeof raw - 1), LK_DAMAGED);
    assert_string_equal(
        f.err.message,
        "posts.json, line 3, byte 8: the key \"x\\x1b\" is no column of table posts; the file is damaged "
        "or no JSON lines of this table: use another format or another backup");
    drop(&f);
}

static void nesting_is_taken_to_a_depth_of_1000_and_no_further(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 0);
    for (size_t depth = 999; depth <= 1001; depth++) {
        char line[2100];
        char *at = line + sprintf(line, "{\"a\":");
        memset(at, '[', depth);
        memset(at + depth, ']', depth);
        memcpy(at + 2 * depth, "}\n", 2);
        const enum lk_status status = read_bytes(&f, line, (size_t)(at - line) + 2 * depth + 2);
        assert_int_equal(status, depth <= 1000 ? LK_OK : LK_DAMAGED);
    }
    drop(&f);
}

static void keys_may_come_in_any_order_be_missing_or_repeated(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 3, 0);
    assert_reads(&f,
                 "{\"a\":1,\"b\":2,\"c\":3}\n"
                 "{\"c\":3,\"b\":2,\"a\":1}\n"
                 "{\"c\":3,\"b\":2,\"a\":1}\n"
                 "{\"a\":9,\"c\":\"x\",\"a\":1,\"b\":8,\"b\":2,\"c\":3}\n"
                 "{\"a\":1,\"\\u0062\":2,\"c\":3}\n"
                 "{\"a\":1,\"\\u0062\":2,\"c\":3}\n"
                 "{ \"a\": 1, \"b\": 2, \"c\": 3 }\n"
                 "{ \"a\": 1, \"b\": 2, \"c\": 3 }\n"
                 "{\"a\":1,\"b\":2,\"c\":3}\n",
                 9);
    for (uint32_t row = 0; row < 9; row++)
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(value_at(&f, i, row).class, LK_INTEGER);
            assert_int_equal(value_at(&f, i, row).integer, i + 1);
        }
    assert_int_equal(f.batch->raw_bytes, 9 * 27);
    assert_reads(&f, "{\"b\":\"x\"}\n{\"b\":\"yy\"}\n{}\n{}\n{\"a\":null,\"b\":\"z\"}\n{\"c\":2,\"b\":\"\"}",
                 6);
    for (uint32_t row = 0; row < 6; row++) {
        assert_int_equal(value_at(&f, 0, row).class, LK_NULL);
        assert_int_equal(value_at(&f, 1, row).class, row == 2 || row == 3 ? LK_NULL : LK_TEXT);
        assert_int_equal(value_at(&f, 2, row).class, row == 5 ? LK_INTEGER : LK_NULL);
    }
    assert_int_equal(f.batch->column[1].values[LK_TEXT].len, 4 * 4 + 4);
    drop(&f);
}

/* A line that looks as expected up to its last value must leave nothing behind when it is read anew. */
static void a_line_that_differs_late_is_read_once(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 8, 0);
    assert_reads(&f,
                 "{\"a\":1,\"b\":1.5,\"c\":\"text\",\"d\":{\"$base64\":\"AP8Q\"},\"e\":{\"$text_base64\":\"//"
                 "4=\"},\"f\":null,"
                 "\"g\":\"\\ud800\",\"h\":[1]}\n"
                 "{\"a\":1,\"b\":1.5,\"c\":\"text\",\"d\":{\"$base64\":\"AP8Q\"},\"e\":{\"$text_base64\":\"//"
                 "4=\"},\"f\":null,"
                 "\"g\":\"\\ud800\", \"h\":[1]}\n"
                 "{\"a\":1,\"b\":1.5,\"c\":\"text\",\"d\":{\"$base64\":\"AP8Q\"},\"e\":{\"$text_base64\":\"//"
                 "4=\"},\"f\":null,"
                 "\"g\":\"\\ud800\", \"h\":[1]}\n",
                 3);
    static const enum lk_class classes[] = {LK_INTEGER, LK_REAL, LK_TEXT,    LK_BLOB,
                                            LK_RAWTEXT, LK_NULL, LK_RAWTEXT, LK_TEXT};
    static const size_t sizes[] = {8, 8, 4 + 4, 4 + 3, 4 + 2, 0, 4 + 3, 4 + 3};
    uint64_t raw_bytes = 0;
    for (size_t i = 0; i < 8; i++) {
        const struct lk_column *c = &f.batch->column[i];
        assert_int_equal(c->classes.len, 3);
        assert_int_equal(c->counts[classes[i]], 3);
        for (int class = 1; class < LK_CLASSES; class ++)
            assert_int_equal(c->values[class].len, class == (int)classes[i] ? 3 * sizes[i] : 0);
        raw_bytes += 3 * (1 + sizes[i]);
    }
    assert_int_equal(f.batch->raw_bytes, raw_bytes);
    drop(&f);
}

static void blank_lines_and_a_missing_last_newline_do_not_count(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 0);
    assert_reads(&f, "", 0);
    assert_reads(&f, "\n\n \t\r\n", 0);
    assert_reads(&f, "\xef\xbb\xbf{\"a\":1}\r\n\r\n{\"a\":2}", 2);
    assert_reads(&f, "\n{\"a\":1}\n   ", 1);
    drop(&f);
}

static void rowids_come_from_their_key_or_are_numbered_on(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 1);
    assert_null(f.plan->rowid_name);
    assert_reads(&f, "{\"a\":1}\n{}\n{\"a\":3}\n", 3);
    for (uint32_t row = 0; row < 3; row++)
        assert_int_equal(lk_batch_rowid(f.batch, row), row + 1);
    drop(&f);
    make(&f, 1, 2);
    char text[400];
    const char *key = f.plan->rowid_name;
    (void)snprintf(text, sizeof text, "{\"%s\":-7,\"a\":1}\n{\"a\":1,\"%s\":9223372036854775807}\n{\"%s\":3}",
                   key, key, key);
    assert_reads(&f, text, 3);
    assert_int_equal(lk_batch_rowid(f.batch, 0), -7);
    assert_int_equal(lk_batch_rowid(f.batch, 1), INT64_MAX);
    assert_int_equal(lk_batch_rowid(f.batch, 2), 3);
    assert_int_equal(read_bytes(&f, "{\"a\":1}\n", 8), LK_DAMAGED);
    assert_non_null(strstr(f.err.message, "rowid is missing"));
    static const char *const bad[] = {"1.0", "null", "\"1\"", "9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(text, sizeof text, "{\"%s\":%s,\"a\":1}\n", key, bad[i]);
        assert_int_equal(read_bytes(&f, text, strlen(text)), LK_DAMAGED);
        assert_non_null(strstr(f.err.message, "rowid"));
    }
    drop(&f);
}

static uint64_t seed = UINT64_C(88172645463325252);

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x9e3779b97f4a7c15) >> 8;
}

static void add_random_value(struct lk_batch *b, struct lk_column *c)
{
    static const char *const pieces[] = {"plain words ",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\xc3\xa9",
                                         "\xe6\x9d\xb1",
                                         "\xf0\x9f\xa6\x8b",
                                         "\x7f",
                                         "\x01",
                                         "{\"k\":[1]}",
                                         "a longer run without anything special in it, for the wide loops"};
    uint8_t bytes[1024];
    size_t len = 0;
    switch (next_random() % 6) {
    case 0:
        lk_column_add_null(b, c);
        return;
    case 1:
        lk_column_add_integer(b, c, (int64_t)(next_random() << 8) >> next_random() % 64);
        return;
    case 2: {
        uint64_t bits = next_random() << 8 | next_random() % 256;
        double value;
        memcpy(&value, &bits, sizeof value);
        lk_column_add_real(b, c, value != value ? (double)(int64_t)next_random() / 1024 : value);
        return;
    }
    case 3:
        for (size_t n = next_random() % 12; n > 0; n--) {
            const char *piece = pieces[next_random() % (sizeof pieces / sizeof *pieces)];
            memcpy(bytes + len, piece, strlen(piece));
            len += strlen(piece);
        }
        lk_column_add_bytes(b, c, LK_TEXT, bytes, len);
        return;
    default:
        for (size_t n = next_random() % 50; n > 0; n--)
            bytes[len++] = (uint8_t)next_random();
        lk_column_add_bytes(b, c, next_random() % 2 == 0 ? LK_BLOB : LK_RAWTEXT, bytes, len);
    }
}

static void assert_same_batch(const struct lk_batch *a, const struct lk_batch *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->raw_bytes, b->raw_bytes);
    assert_true(lk_bytes_equal(lk_buffer_bytes(&a->rowids), lk_buffer_bytes(&b->rowids)));
    for (size_t i = 0; i < a->columns; i++) {
        assert_true(
            lk_bytes_equal(lk_buffer_bytes(&a->column[i].classes), lk_buffer_bytes(&b->column[i].classes)));
        for (int class = 0; class < LK_CLASSES; class ++) {
            assert_int_equal(a->column[i].counts[class], b->column[i].counts[class]);
            assert_true(lk_bytes_equal(lk_buffer_bytes(&a->column[i].values[class]),
                                       lk_buffer_bytes(&b->column[i].values[class])));
        }
    }
}

static void what_is_written_is_read_back_to_the_same_batch_and_hash(void **state)
{
    (void)state;
    static const enum lk_codec codecs[] = {LK_CODEC_NONE, LK_CODEC_GZIP, LK_CODEC_ZSTD};
    struct fixture f;
    make(&f, 9, 2);
    struct lk_batch *source = lk_batch_new(9, true);
    struct lk_jsonl_encoder *encoder = NULL;
    struct lk_hasher *hasher = NULL;
    const uint8_t secret[LK_SECRET_SIZE] = {1};
    assert_non_null(source);
    assert_int_equal(lk_jsonl_encoder_new(&encoder, &f.err), LK_OK);
    assert_int_equal(lk_hasher_new(secret, &hasher, &f.err), LK_OK);
    for (unsigned round = 0; round < 30; round++) {
        const struct lk_codec_choice choice = {codecs[round % 3], LK_LEVEL_DEFAULT};
        lk_batch_clear(source);
        for (unsigned row = 0; row < 1 + round * round * 10; row++) {
            for (size_t i = 0; i < 9; i++)
                add_random_value(source, &source->column[i]);
            lk_batch_end_row(source, (int64_t)next_random());
        }
        struct lk_buffer out = {0};
        uint64_t bytes;
        struct lk_input *in = NULL;
        struct lk_jsonl_reader *r = NULL;
        /* The range begins behind other bytes of the file. */
        lk_buffer_append_string(&out, "{");
        assert_int_equal(lk_jsonl_encode(encoder, choice, f.plan, source, &out, &bytes, &f.err), LK_OK);
        assert_int_equal(lk_input_of_memory(lk_buffer_bytes(&out), "posts.json", &in, &f.err), LK_OK);
        assert_int_equal(lk_jsonl_reader_new(in, 1, out.len, choice.codec, f.schema, f.plan, 1, &r, &f.err),
                         LK_OK);
        for (int again = 0; again < 2; again++) {
            lk_batch_clear(f.batch);
            assert_int_equal(lk_jsonl_read(r, source->rows + 1, f.batch, &f.rows, &f.err), LK_OK);
            assert_int_equal(f.rows, source->rows);
            assert_same_batch(source, f.batch);
            struct lk_hash128 ours;
            struct lk_hash128 theirs;
            assert_int_equal(lk_batch_hash(source, hasher, &ours, &f.err), LK_OK);
            assert_int_equal(lk_batch_hash(f.batch, hasher, &theirs, &f.err), LK_OK);
            assert_true(lk_hash128_equal(ours, theirs));
            assert_int_equal(lk_jsonl_read(r, 1, f.batch, &f.rows, &f.err), LK_OK);
            assert_int_equal(f.rows, 0);
            assert_int_equal(lk_jsonl_reader_reset(r, in, 1, out.len, 1, &f.err), LK_OK);
        }
        lk_jsonl_reader_free(r);
        lk_input_close(in);
        lk_buffer_reset(&out);
    }
    lk_hasher_free(hasher);
    lk_jsonl_encoder_free(encoder);
    lk_batch_free(source);
    drop(&f);
}

static void lines_longer_than_the_window_are_read_whole(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 2, 0);
    struct lk_buffer text = {0};
    static const size_t lengths[] = {1, 262100, 262144, 10, 700000, 5000000, 3, 3};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        lk_buffer_append_string(&text, "{\"a\":\"");
        memset(lk_buffer_extend(&text, lengths[i]), 'x', lengths[i]);
        lk_buffer_append_format(&text, "\",\"b\":%zu}\n", lengths[i]);
    }
    assert_int_equal(read_bytes(&f, text.data, text.len), LK_OK);
    assert_int_equal(f.rows, sizeof lengths / sizeof *lengths);
    for (uint32_t i = 0; i < f.rows; i++) {
        const struct lk_value v = value_at(&f, 0, i);
        assert_int_equal(v.bytes.len, lengths[i]);
        assert_int_equal(v.bytes.ptr[lengths[i] - 1], 'x');
        assert_int_equal(value_at(&f, 1, i).integer, lengths[i]);
    }
    lk_buffer_reset(&text);
    drop(&f);
}

static void reading_stops_at_the_rows_asked_for_or_a_full_batch(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 1);
    struct lk_buffer text = {0};
    for (int i = 0; i < 70000; i++)
        lk_buffer_append_format(&text, "{\"a\":%d}\n", i);
    struct lk_input *in = NULL;
    struct lk_jsonl_reader *r = NULL;
    assert_int_equal(lk_input_of_memory(lk_buffer_bytes(&text), "posts.json", &in, &f.err), LK_OK);
    assert_int_equal(lk_jsonl_reader_new(in, 0, text.len, LK_CODEC_NONE, f.schema, f.plan, 101, &r, &f.err),
                     LK_OK);
    assert_int_equal(lk_jsonl_read(r, 3, f.batch, &f.rows, &f.err), LK_OK);
    assert_int_equal(f.rows, 3);
    assert_int_equal(lk_jsonl_read(r, 4, f.batch, &f.rows, &f.err), LK_OK);
    assert_int_equal(f.rows, 4);
    assert_int_equal(f.batch->rows, 7);
    assert_int_equal(lk_batch_rowid(f.batch, 6), 107);
    lk_batch_clear(f.batch);
    assert_int_equal(lk_jsonl_read(r, 0, f.batch, &f.rows, &f.err), LK_OK);
    assert_int_equal(f.rows, LK_BLOCK_ROWS);
    assert_int_equal(value_at(&f, 0, 0).integer, 7);
    lk_batch_clear(f.batch);
    assert_int_equal(lk_jsonl_read(r, 0, f.batch, &f.rows, &f.err), LK_OK);
    assert_int_equal(f.rows, 70000 - 7 - LK_BLOCK_ROWS);
    lk_jsonl_reader_free(r);
    lk_input_close(in);
    lk_buffer_reset(&text);
    drop(&f);
}

static void a_stream_cut_short_is_damage(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 1, 0);
    struct lk_codec_context *c = NULL;
    struct lk_buffer out = {0};
    const struct lk_codec_choice gzip = {LK_CODEC_GZIP, LK_LEVEL_DEFAULT};
    assert_int_equal(lk_codec_context_new(&c, &f.err), LK_OK);
    assert_int_equal(lk_compress(c, gzip, lk_bytes_of("{\"a\":1}\n{\"a\":2}\n"), &out, &f.err), LK_OK);
    for (size_t end = 0; end <= out.len; end++) {
        struct lk_input *in = NULL;
        struct lk_jsonl_reader *r = NULL;
        lk_batch_clear(f.batch);
        assert_int_equal(lk_input_of_memory(lk_buffer_bytes(&out), "posts.json.gz", &in, &f.err), LK_OK);
        enum lk_status status =
            lk_jsonl_reader_new(in, 0, end, LK_CODEC_GZIP, f.schema, f.plan, 1, &r, &f.err);
        if (status == LK_OK)
            status = lk_jsonl_read(r, 0, f.batch, &f.rows, &f.err);
        assert_int_equal(status, end == out.len ? LK_OK : LK_DAMAGED);
        lk_jsonl_reader_free(r);
        lk_input_close(in);
    }
    lk_codec_context_free(c);
    lk_buffer_reset(&out);
    drop(&f);
}

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4, 1);
    static const char text[] =
        "{\"a\":1,\"b\":\"text\",\"c\":1.5,\"d\":{\"$base64\":\"AP8Q\"}}\n"
        "{ \"a\":\"\\ud800\",\"b\":[1],\"c\":{ \"$base64\":\"AP8Q\"},\"d\":{\"$text_base64\":\"AP8Q\"}}\n";
    unsigned failures = 0;
    enum lk_status status = LK_FAILED;
    for (int64_t n = 0; status != LK_OK; n++) {
        lk_batch_free(f.batch);
        f.batch = lk_batch_new(4, true);
        assert_non_null(f.batch);
        lk_memory_fail_after(n, 1);
        status = read_bytes(&f, text, sizeof text - 1);
        lk_memory_fail_after(-1, 0);
        if (status != LK_OK) {
            failures++;
            assert_int_equal(status, LK_FAILED);
            assert_non_null(strstr(f.err.message, "memory"));
        }
    }
    assert_true(failures >= 10);
    assert_int_equal(f.rows, 2);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_their_class_and_value),
        cmocka_unit_test(integers_beyond_64_bits_keep_every_digit_as_text),
        cmocka_unit_test(a_long_integer_is_taken_back_with_its_line),
        cmocka_unit_test(strings_and_objects_become_text_blob_or_rawtext),
        cmocka_unit_test(what_is_not_rfc_8259_is_damage),
        cmocka_unit_test(messages_say_where_and_why_and_what_to_do),
        cmocka_unit_test(nesting_is_taken_to_a_depth_of_1000_and_no_further),
        cmocka_unit_test(keys_may_come_in_any_order_be_missing_or_repeated),
        cmocka_unit_test(a_line_that_differs_late_is_read_once),
        cmocka_unit_test(blank_lines_and_a_missing_last_newline_do_not_count),
        cmocka_unit_test(rowids_come_from_their_key_or_are_numbered_on),
        cmocka_unit_test(what_is_written_is_read_back_to_the_same_batch_and_hash),
        cmocka_unit_test(lines_longer_than_the_window_are_read_whole),
        cmocka_unit_test(reading_stops_at_the_rows_asked_for_or_a_full_batch),
        cmocka_unit_test(a_stream_cut_short_is_damage),
        cmocka_unit_test(every_failed_allocation_is_reported_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
