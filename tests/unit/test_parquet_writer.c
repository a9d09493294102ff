#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "parquet/metadata.h"
#include "parquet/reader.h"
#include "parquet/writer.h"

static struct lk_error err;
static const uint8_t secret[LK_SECRET_SIZE] = {7, 7, 7};

struct table {
    struct lk_table_schema *schema;
    struct lk_plan *plan;
    size_t batches;
    struct lk_batch *batch[3];
    struct lk_buffer metadata;
};

static void add_value(struct lk_batch *b, struct lk_column *c, size_t kind, size_t row)
{
    char text[64];
    const int len = snprintf(text, sizeof text, "text of row %zu", row * row % 1000);
    switch (kind) {
    case 0: /* integers in sequence */
        lk_column_add_integer(b, c, (int64_t)row + 5);
        return;
    case 1: /* integers and reals, merged, with nulls */
        if (row % 10 == 3)
            lk_column_add_null(b, c);
        else if (row % 3 == 0)
            lk_column_add_integer(b, c, (int64_t)(row % 1000));
        else
            lk_column_add_real(b, c, row % 7 == 0 ? -0.0 : row % 11 == 0 ? -INFINITY : (double)row / 8);
        return;
    case 2: /* every class, integers that are not exact as doubles */
        if (row % 6 == 0)
            lk_column_add_null(b, c);
        else if (row % 6 == 1)
            lk_column_add_integer(b, c, INT64_MIN + (int64_t)row);
        else if (row % 6 == 2)
            lk_column_add_real(b, c, (double)row);
        else
            lk_column_add_bytes(b, c,
                                row % 6 == 3   ? LK_TEXT
                                : row % 6 == 4 ? LK_BLOB
                                               : LK_RAWTEXT,
                                row % 6 == 3 ? text : "\xff\0\xfe", row % 6 == 3 ? (size_t)len : row % 4);
        return;
    case 3: /* few words */
        lk_column_add_bytes(b, c, LK_TEXT, row % 4 == 0 ? "" : "en\0us", row % 4 == 0 ? 0 : 5);
        return;
    case 4: /* text, rarely */
        if (row % 50 == 49)
            lk_column_add_bytes(b, c, LK_TEXT, text, (size_t)len);
        else
            lk_column_add_null(b, c);
        return;
    default: /* nothing but nulls */
        lk_column_add_null(b, c);
        return;
    }
}

#define KINDS 6
static const char *const names[KINDS] = {"id",          "",       "a.b \"c\"\n", "\xe6\x9d\xb1\xe4\xba\xac",
                                         "price__text", "nothing"};

static struct table table_new(const size_t *rows, size_t batches)
{
    struct table t = {.schema = lk_table_schema_new("t"), .batches = batches};
    struct lk_table_stats *stats = NULL;
    t.schema->hidden_rowid = true;
    for (size_t i = 0; i < KINDS; i++)
        assert_non_null(lk_table_schema_add(t.schema, names[i], ""));
    assert_int_equal(lk_table_stats_new(KINDS, &stats, &err), LK_OK);
    size_t row = 0;
    for (size_t i = 0; i < batches; i++) {
        struct lk_batch *b = t.batch[i] = lk_batch_new(KINDS, true);
        for (size_t end = row + rows[i]; row < end; row++) {
            for (size_t k = 0; k < KINDS; k++)
                add_value(b, &b->column[k], k, row);
            lk_batch_end_row(b, (int64_t)row * 3 - 100);
        }
        assert_int_equal(lk_batch_check(b, &err), LK_OK);
        lk_table_stats_add(stats, t.schema, b);
    }
    assert_int_equal(lk_plan_new(t.schema, stats, NULL, &t.plan, &err), LK_OK);
    assert_int_equal(lk_plan_to_json(t.schema, t.plan, 0, &t.metadata, &err), LK_OK);
    lk_table_stats_free(stats);
    return t;
}

static void table_free(struct table *t)
{
    for (size_t i = 0; i < t->batches; i++)
        lk_batch_free(t->batch[i]);
    lk_plan_free(t->plan);
    lk_table_schema_free(t->schema);
    lk_buffer_reset(&t->metadata);
}

static struct lk_parquet_row_group *encode(const struct table *t, size_t batch, enum lk_codec codec)
{
    const struct lk_codec_choice choice = {codec, LK_LEVEL_DEFAULT};
    struct lk_parquet_encoder *e = NULL;
    struct lk_parquet_row_group *g = NULL;
    assert_int_equal(lk_parquet_encoder_new(&e, &err), LK_OK);
    assert_int_equal(lk_parquet_encode(e, choice, t->plan, t->batch[batch], &g, &err), LK_OK);
    lk_parquet_encoder_free(e);
    return g;
}

/* Append a batch's row group to the file in `out`. */
static void append(const struct table *t, size_t batch, enum lk_codec codec, struct lk_parquet_writer *w,
                   struct lk_buffer *out)
{
    struct lk_parquet_row_group *g = encode(t, batch, codec);
    const uint64_t offset = out->len;
    lk_buffer_append(out, lk_parquet_row_group_bytes(g).ptr, lk_parquet_row_group_bytes(g).len);
    assert_int_equal(lk_parquet_writer_append(w, g, offset, &err), LK_OK);
    assert_int_equal(lk_parquet_row_group_bytes(g).len, 0);
}

/* The file in `bytes` holds the table's batches, value for value. */
static void check_file(const struct table *t, const struct lk_buffer *bytes)
{
    struct lk_input *in = NULL;
    struct lk_parquet_reader *r = NULL;
    struct lk_parquet_decoder *d = NULL;
    struct lk_hasher *h = NULL;
    struct lk_batch *back = lk_batch_new(1, false);
    assert_int_equal(lk_input_of_memory(lk_buffer_bytes(bytes), "t.parquet", &in, &err), LK_OK);
    if (lk_parquet_reader_open(in, &r, &err) != LK_OK)
        fail_msg("%s", err.message);
    assert_int_equal(lk_parquet_decoder_new(&d, &err), LK_OK);
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_OK);
    assert_int_equal(lk_parquet_reader_row_groups(r), t->batches);
    assert_true(lk_plan_equal(lk_parquet_reader_plan(r), t->plan));
    for (size_t i = 0; i < t->batches; i++) {
        assert_int_equal(lk_parquet_reader_row_group_rows(r, i), t->batch[i]->rows);
        if (lk_parquet_read_row_group(r, d, i, NULL, back, &err) != LK_OK)
            fail_msg("row group %zu: %s", i, err.message);
        assert_int_equal(back->rows, t->batch[i]->rows);
        struct lk_hash128 got, expected;
        assert_int_equal(lk_batch_hash(back, h, &got, &err), LK_OK);
        assert_int_equal(lk_batch_hash(t->batch[i], h, &expected, &err), LK_OK);
        assert_true(lk_hash128_equal(got, expected));
    }
    lk_batch_free(back);
    lk_hasher_free(h);
    lk_parquet_decoder_free(d);
    lk_parquet_reader_free(r);
    lk_input_close(in);
}

static void every_class_reads_back_through_every_codec(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 2000, 45000};
    struct table t = table_new(rows, 3);
    for (int codec = LK_CODEC_NONE; codec <= LK_CODEC_LZ4_RAW; codec++) {
        struct lk_parquet_writer *w = NULL;
        struct lk_buffer bytes = {0};
        lk_buffer_append(&bytes, lk_parquet_writer_header().ptr, lk_parquet_writer_header().len);
        assert_int_equal(lk_parquet_writer_new(t.plan, &w, &err), LK_OK);
        for (size_t i = 0; i < t.batches; i++)
            append(&t, i, (enum lk_codec)codec, w, &bytes);
        assert_int_equal(lk_parquet_writer_footer(w, lk_buffer_bytes(&t.metadata), &bytes, &err), LK_OK);
        check_file(&t, &bytes);
        lk_parquet_writer_free(w);
        lk_buffer_reset(&bytes);
    }
    table_free(&t);
}

static void the_bytes_depend_on_the_batch_alone(void **state)
{
    (void)state;
    static const size_t rows[] = {30000, 100, 7000};
    struct table t = table_new(rows, 3);
    for (int codec = LK_CODEC_NONE; codec <= LK_CODEC_LZ4_RAW; codec++) {
        const struct lk_codec_choice choice = {(enum lk_codec)codec, LK_LEVEL_DEFAULT};
        struct lk_parquet_encoder *used = NULL;
        assert_int_equal(lk_parquet_encoder_new(&used, &err), LK_OK);
        for (int turn = 0; turn < 2; turn++)
            for (size_t i = 0; i < t.batches; i++) {
                struct lk_parquet_row_group *fresh = encode(&t, i, (enum lk_codec)codec), *again = NULL;
                assert_int_equal(lk_parquet_encode(used, choice, t.plan, t.batch[i], &again, &err), LK_OK);
                assert_true(
                    lk_bytes_equal(lk_parquet_row_group_bytes(fresh), lk_parquet_row_group_bytes(again)));
                lk_parquet_row_group_free(fresh);
                lk_parquet_row_group_free(again);
            }
        lk_parquet_encoder_free(used);
    }
    table_free(&t);
}

static void absorbed_row_groups_are_found_at_their_new_place(void **state)
{
    (void)state;
    static const size_t rows[] = {500, 600, 700};
    struct table t = table_new(rows, 3);
    struct lk_parquet_writer *w = NULL, *other = NULL;
    struct lk_buffer first = {0}, second = {0};
    assert_int_equal(lk_parquet_writer_new(t.plan, &w, &err), LK_OK);
    assert_int_equal(lk_parquet_writer_new(t.plan, &other, &err), LK_OK);
    lk_buffer_append_string(&first, "PAR1");
    lk_buffer_append_string(&second, "PAR1");
    append(&t, 0, LK_CODEC_ZSTD, w, &first);
    append(&t, 1, LK_CODEC_SNAPPY, other, &second);
    append(&t, 2, LK_CODEC_NONE, other, &second);
    /* What follows the second file's header is copied behind the first: forwards, and below with less in
     * front, backwards. */
    const int64_t shift = (int64_t)first.len - 4;
    lk_buffer_append(&first, second.data + 4, second.len - 4);
    assert_int_equal(lk_parquet_writer_absorb(w, other, shift, &err), LK_OK);
    assert_int_equal(lk_parquet_writer_footer(w, lk_buffer_bytes(&t.metadata), &first, &err), LK_OK);
    check_file(&t, &first);

    /* The other is empty now, and usable. */
    lk_buffer_clear(&second);
    lk_buffer_append_string(&second, "PAR1, and bytes that will go away");
    for (size_t i = 0; i < 3; i++)
        append(&t, i, LK_CODEC_GZIP, other, &second);
    struct lk_parquet_writer *last = NULL;
    struct lk_buffer third = {0};
    assert_int_equal(lk_parquet_writer_new(t.plan, &last, &err), LK_OK);
    const size_t away = strlen(", and bytes that will go away");
    assert_int_equal(lk_parquet_writer_absorb(last, other, -(int64_t)away, &err), LK_OK);
    lk_buffer_append_string(&third, "PAR1");
    lk_buffer_append(&third, second.data + 4 + away, second.len - 4 - away);
    assert_int_equal(lk_parquet_writer_footer(last, lk_buffer_bytes(&t.metadata), &third, &err), LK_OK);
    check_file(&t, &third);

    lk_parquet_writer_free(w);
    lk_parquet_writer_free(other);
    lk_parquet_writer_free(last);
    lk_buffer_reset(&first);
    lk_buffer_reset(&second);
    lk_buffer_reset(&third);
    table_free(&t);
}

static void an_empty_table_is_a_file_without_row_groups(void **state)
{
    (void)state;
    struct table t = table_new(NULL, 0);
    struct lk_parquet_writer *w = NULL;
    struct lk_buffer bytes = {0};
    lk_buffer_append_string(&bytes, "PAR1");
    assert_int_equal(lk_parquet_writer_new(t.plan, &w, &err), LK_OK);
    assert_int_equal(lk_parquet_writer_footer(w, lk_buffer_bytes(&t.metadata), &bytes, &err), LK_OK);
    assert_int_equal(lk_get_u32(bytes.data + bytes.len - 8), bytes.len - 12);
    assert_memory_equal(bytes.data + bytes.len - 4, "PAR1", 4);
    check_file(&t, &bytes);
    lk_parquet_writer_free(w);
    lk_buffer_reset(&bytes);
    table_free(&t);
}

static void the_footer_names_writer_columns_and_plan(void **state)
{
    (void)state;
    static const size_t rows[] = {300};
    struct table t = table_new(rows, 1);
    struct lk_parquet_writer *w = NULL;
    struct lk_buffer bytes = {0};
    struct lk_input *in = NULL;
    struct lk_parquet_metadata *m = NULL;
    lk_buffer_append_string(&bytes, "PAR1");
    assert_int_equal(lk_parquet_writer_new(t.plan, &w, &err), LK_OK);
    append(&t, 0, LK_CODEC_ZSTD, w, &bytes);
    const size_t pages = bytes.len - 4;
    assert_int_equal(lk_parquet_writer_footer(w, lk_buffer_bytes(&t.metadata), &bytes, &err), LK_OK);
    assert_int_equal(lk_input_of_memory(lk_buffer_bytes(&bytes), "t.parquet", &in, &err), LK_OK);
    assert_int_equal(lk_parquet_metadata_read(in, &m, &err), LK_OK);
    assert_string_equal(m->created_by, "litekeep version " LK_VERSION " (build " LK_VERSION ")");
    assert_int_equal(m->rows, 300);
    assert_int_equal(m->groups, 1);
    assert_int_equal(m->group[0].size, pages);
    assert_true(lk_bytes_equal(lk_bytes(m->plan, m->plan_len), lk_buffer_bytes(&t.metadata)));
    struct lk_file_column column[64];
    assert_int_equal(m->leaves, lk_plan_file_columns(t.plan));
    assert_true(m->leaves <= 64);
    lk_plan_list_file_columns(t.plan, column);
    uint64_t at = 4;
    for (size_t i = 0; i < m->leaves; i++) {
        const struct lk_parquet_element *e = m->leaf[i].element;
        assert_string_equal(e->name, column[i].name);
        assert_int_equal(e->repetition, i == 0 ? LK_PARQUET_REQUIRED : LK_PARQUET_OPTIONAL);
        const bool text = e->type == LK_PARQUET_BYTE_ARRAY && column[i].type == LK_TYPE_STRING;
        assert_int_equal(e->logical, text ? LK_PARQUET_LOGICAL_STRING : LK_PARQUET_LOGICAL_NONE);
        assert_int_equal(e->converted, text ? LK_PARQUET_CONVERTED_UTF8 : LK_PARQUET_CONVERTED_NONE);
        /* The chunks lie one behind the other, without gaps. */
        assert_int_equal(m->group[0].chunk[i].start, at);
        at += m->group[0].chunk[i].size;
        assert_int_equal(m->group[0].chunk[i].codec, LK_PARQUET_ZSTD);
    }
    assert_int_equal(at, 4 + pages);
    lk_parquet_metadata_free(m);
    lk_input_close(in);
    lk_parquet_writer_free(w);
    lk_buffer_reset(&bytes);
    table_free(&t);
}

/* Each allocation may fail: then LK_FAILED comes back, nothing leaks, and the same objects go on. */
static void running_out_of_memory_is_reported_and_harms_nothing(void **state)
{
    (void)state;
    static const size_t rows[] = {3000};
    struct table t = table_new(rows, 1);
    const struct lk_codec_choice choice = {LK_CODEC_ZSTD, LK_LEVEL_DEFAULT};
    struct lk_parquet_row_group *expected = encode(&t, 0, LK_CODEC_ZSTD);
    int failures = 0;
    enum lk_status status = LK_FAILED;
    for (int n = 0; status != LK_OK; n++) {
        struct lk_parquet_encoder *e = NULL;
        struct lk_parquet_row_group *g = NULL;
        lk_memory_fail_after(n, 0);
        status = lk_parquet_encoder_new(&e, &err);
        if (status == LK_OK)
            status = lk_parquet_encode(e, choice, t.plan, t.batch[0], &g, &err);
        lk_memory_fail_after(-1, 0);
        if (status != LK_OK) {
            failures++;
            assert_int_equal(status, LK_FAILED);
            assert_null(g);
        }
        if (e != NULL && g == NULL)
            assert_int_equal(lk_parquet_encode(e, choice, t.plan, t.batch[0], &g, &err), LK_OK);
        if (g != NULL)
            assert_true(lk_bytes_equal(lk_parquet_row_group_bytes(g), lk_parquet_row_group_bytes(expected)));
        lk_parquet_row_group_free(g);
        lk_parquet_encoder_free(e);
    }
    assert_true(failures > 10);

    struct lk_parquet_writer *w = NULL;
    struct lk_buffer bytes = {0};
    lk_memory_fail_after(0, 0);
    assert_int_equal(lk_parquet_writer_new(t.plan, &w, &err), LK_FAILED);
    assert_int_equal(lk_parquet_writer_new(t.plan, &w, &err), LK_OK);
    lk_memory_fail_after(0, 0);
    assert_int_equal(lk_parquet_writer_append(w, expected, 4, &err), LK_FAILED);
    assert_true(lk_parquet_row_group_bytes(expected).len > 0);
    lk_buffer_append_string(&bytes, "PAR1");
    lk_buffer_append(&bytes, lk_parquet_row_group_bytes(expected).ptr,
                     lk_parquet_row_group_bytes(expected).len);
    const size_t len = bytes.len;
    assert_int_equal(lk_parquet_writer_append(w, expected, 4, &err), LK_OK);
    lk_memory_fail_after(0, 0);
    assert_int_equal(lk_parquet_writer_footer(w, lk_buffer_bytes(&t.metadata), &bytes, &err), LK_FAILED);
    bytes.len = len;
    bytes.failed = false;
    assert_int_equal(lk_parquet_writer_footer(w, lk_buffer_bytes(&t.metadata), &bytes, &err), LK_OK);
    check_file(&t, &bytes);
    lk_parquet_writer_free(w);
    lk_buffer_reset(&bytes);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_reads_back_through_every_codec),
        cmocka_unit_test(the_bytes_depend_on_the_batch_alone),
        cmocka_unit_test(absorbed_row_groups_are_found_at_their_new_place),
        cmocka_unit_test(an_empty_table_is_a_file_without_row_groups),
        cmocka_unit_test(the_footer_names_writer_columns_and_plan),
        cmocka_unit_test(running_out_of_memory_is_reported_and_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
