#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "parquet/reader.h"
#include "parquet/writer.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t secret[LK_SECRET_SIZE] = {1, 2, 3};

/* A table, its batches, and the Parquet file made of them. */
struct file {
    struct lk_table_schema *schema;
    struct lk_table_stats *stats;
    struct lk_plan *plan;
    size_t batches;
    struct lk_batch *batch[4];
    struct lk_buffer metadata;
    struct lk_buffer bytes;
};

static struct file file_new(bool hidden_rowid)
{
    struct file f = {.schema = lk_table_schema_new("posts")};
    assert_non_null(f.schema);
    f.schema->hidden_rowid = hidden_rowid;
    return f;
}

static void file_free(struct file *f)
{
    for (size_t i = 0; i < f->batches; i++)
        lk_batch_free(f->batch[i]);
    lk_plan_free(f->plan);
    lk_table_stats_free(f->stats);
    lk_table_schema_free(f->schema);
    lk_buffer_reset(&f->metadata);
    lk_buffer_reset(&f->bytes);
}

static void file_column(struct file *f, const char *name, const char *type)
{
    assert_non_null(lk_table_schema_add(f->schema, name, type));
}

static struct lk_batch *file_batch(struct file *f)
{
    struct lk_batch *b = lk_batch_new(f->schema->columns, f->schema->hidden_rowid);
    assert_non_null(b);
    f->batch[f->batches++] = b;
    return b;
}

/* Decide the plan from all batches, and describe it. */
static void file_plan(struct file *f, int64_t first_rowid)
{
    struct lk_error err = {0};
    assert_int_equal(lk_table_stats_new(f->schema->columns, &f->stats, &err), LK_OK);
    for (size_t i = 0; i < f->batches; i++)
        lk_table_stats_add(f->stats, f->schema, f->batch[i]);
    assert_int_equal(lk_plan_new(f->schema, f->stats, NULL, &f->plan, &err), LK_OK);
    assert_int_equal(lk_plan_to_json(f->schema, f->plan, first_rowid, &f->metadata, &err), LK_OK);
}

static void file_write(struct file *f, enum lk_codec codec)
{
    struct lk_error err = {0};
    struct lk_parquet_encoder *e = NULL;
    struct lk_parquet_writer *w = NULL;
    const struct lk_codec_choice choice = {codec, LK_LEVEL_DEFAULT};
    const struct lk_bytes header = lk_parquet_writer_header();
    lk_buffer_clear(&f->bytes);
    lk_buffer_append(&f->bytes, header.ptr, header.len);
    assert_int_equal(lk_parquet_encoder_new(&e, &err), LK_OK);
    assert_int_equal(lk_parquet_writer_new(f->plan, &w, &err), LK_OK);
    for (size_t i = 0; i < f->batches; i++) {
        struct lk_parquet_row_group *g = NULL;
        assert_int_equal(lk_parquet_encode(e, choice, f->plan, f->batch[i], &g, &err), LK_OK);
        const struct lk_bytes bytes = lk_parquet_row_group_bytes(g);
        const uint64_t offset = f->bytes.len;
        lk_buffer_append(&f->bytes, bytes.ptr, bytes.len);
        assert_int_equal(lk_parquet_writer_append(w, g, offset, &err), LK_OK);
    }
    assert_int_equal(lk_parquet_writer_footer(w, lk_buffer_bytes(&f->metadata), &f->bytes, &err), LK_OK);
    lk_parquet_writer_free(w);
    lk_parquet_encoder_free(e);
}

struct opened {
    struct lk_input *in;
    struct lk_parquet_reader *reader;
    struct lk_parquet_decoder *decoder;
    struct lk_batch *batch;
    struct lk_error err;
};

/* Open, and read every row group into the one batch; the status of the first failure. */
static enum lk_status open_file(struct opened *o, struct lk_bytes bytes)
{
    *o = (struct opened){0};
    o->batch = lk_batch_new(0, false);
    enum lk_status status =
        o->batch == NULL ? LK_FAILED : lk_input_of_memory(bytes, "posts.parquet", &o->in, &o->err);
    if (status == LK_OK)
        status = lk_parquet_decoder_new(&o->decoder, &o->err);
    if (status == LK_OK)
        status = lk_parquet_reader_open(o->in, &o->reader, &o->err);
    return status;
}

static void close_file(struct opened *o)
{
    lk_batch_free(o->batch);
    lk_parquet_decoder_free(o->decoder);
    lk_parquet_reader_free(o->reader);
    lk_input_close(o->in);
}

static enum lk_status read_all(struct opened *o, struct lk_bytes bytes)
{
    enum lk_status status = open_file(o, bytes);
    if (status != LK_OK)
        return status;
    for (size_t g = 0; g < lk_parquet_reader_row_groups(o->reader) && status == LK_OK; g++)
        status = lk_parquet_read_row_group(o->reader, o->decoder, g, NULL, o->batch, &o->err);
    return status;
}

static void assert_refused(struct file *f, enum lk_status status, const char *part)
{
    struct opened o;
    assert_int_equal(read_all(&o, lk_buffer_bytes(&f->bytes)), status);
    if (strstr(o.err.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", o.err.message, part);
    close_file(&o);
}

static struct lk_hash128 hash_of(const struct lk_batch *b)
{
    struct lk_error err = {0};
    struct lk_hasher *h = NULL;
    struct lk_hash128 hash;
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_OK);
    assert_int_equal(lk_batch_hash(b, h, &hash, &err), LK_OK);
    lk_hasher_free(h);
    return hash;
}

static void assert_same_batch(const struct lk_batch *a, const struct lk_batch *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->columns, b->columns);
    for (size_t i = 0; i < a->columns; i++)
        assert_memory_equal(a->column[i].counts, b->column[i].counts, sizeof a->column[i].counts);
    assert_int_equal(a->raw_bytes, b->raw_bytes);
    assert_true(lk_hash128_equal(hash_of(a), hash_of(b)));
}

static void assert_reads_back(struct file *f)
{
    struct opened o;
    if (open_file(&o, lk_buffer_bytes(&f->bytes)) != LK_OK)
        fail_msg("%s", o.err.message);
    assert_non_null(lk_parquet_reader_plan(o.reader));
    assert_int_equal(lk_parquet_reader_row_groups(o.reader), f->batches);
    for (size_t g = 0; g < f->batches; g++) {
        if (lk_parquet_read_row_group(o.reader, o.decoder, g, NULL, o.batch, &o.err) != LK_OK)
            fail_msg("%s", o.err.message);
        assert_int_equal(lk_parquet_reader_row_group_rows(o.reader, g), f->batch[g]->rows);
        assert_same_batch(f->batch[g], o.batch);
    }
    close_file(&o);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* One value of any class, or of few different ones. */
static void add_any(struct lk_batch *b, struct lk_column *c, uint32_t *random)
{
    uint8_t bytes[300];
    const uint32_t r = next_random(random);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(next_random(random) % 26 + 'a');
    switch (r % 7) {
    case 0:
        lk_column_add_null(b, c);
        break;
    case 1:
        lk_column_add_integer(b, c, (int64_t)next_random(random) << (next_random(random) % 40));
        break;
    case 2:
        lk_column_add_real(b, c, next_random(random) / 7.0);
        break;
    case 3:
    case 4:
        lk_column_add_bytes(b, c, LK_TEXT, bytes, next_random(random) % sizeof bytes);
        break;
    case 5:
        lk_column_add_bytes(b, c, LK_BLOB, bytes, next_random(random) % 20);
        break;
    default:
        bytes[0] = 0xff;
        lk_column_add_bytes(b, c, LK_RAWTEXT, bytes, 1 + next_random(random) % 3);
        break;
    }
}

static struct file file_of_everything(void)
{
    struct file f = file_new(true);
    uint32_t random = 1;
    file_column(&f, "any", "");
    file_column(&f, "sequence", "INTEGER");
    file_column(&f, "word", "TEXT");
    file_column(&f, "price", "DECIMAL");
    file_column(&f, "mixed", "REAL");
    file_column(&f, "nothing", "TEXT");
    file_column(&f, "text", "TEXT");
    for (size_t n = 0; n < 3; n++) {
        static const uint32_t rows[] = {5000, 1, 777};
        struct lk_batch *b = file_batch(&f);
        for (uint32_t i = 0; i < rows[n]; i++) {
            const char *const words[] = {"", "like", "repost", "größer als dreiunddreißig Bytes insgesamt"};
            add_any(b, &b->column[0], &random);
            lk_column_add_integer(b, &b->column[1], (int64_t)i * 3 - 5);
            const char *word = words[next_random(&random) % 4];
            lk_column_add_bytes(b, &b->column[2], LK_TEXT, word, strlen(word));
            if (i % 3 == 0)
                lk_column_add_integer(b, &b->column[3], i);
            else
                lk_column_add_real(b, &b->column[3], i + 0.5);
            if (i % 5 == 0)
                lk_column_add_integer(b, &b->column[4], -(int64_t)i);
            else if (i % 5 == 1)
                lk_column_add_null(b, &b->column[4]);
            else
                lk_column_add_real(b, &b->column[4], i % 2 == 0 ? -0.0 : (double)i);
            lk_column_add_null(b, &b->column[5]);
            char text[60];
            const int len =
                snprintf(text, sizeof text, "at://did:plc:%08x/post/%u \xc3\xa9", next_random(&random), i);
            lk_column_add_bytes(b, &b->column[6], LK_TEXT, text, (size_t)len);
            lk_batch_end_row(b, (int64_t)i * 2 + (int64_t)n * 100000);
        }
    }
    file_plan(&f, 0);
    return f;
}

static void what_was_written_reads_back_with_the_same_content_hash(void **state)
{
    (void)state;
    static const enum lk_codec codecs[] = {LK_CODEC_NONE, LK_CODEC_SNAPPY, LK_CODEC_GZIP, LK_CODEC_ZSTD,
                                           LK_CODEC_LZ4_RAW};
    struct file f = file_of_everything();
    assert_non_null(f.plan->rowid_name);
    assert_true(f.plan->column[3].merged && f.plan->column[3].is_int_name == NULL);
    assert_true(f.plan->column[4].merged && f.plan->column[4].is_int_name != NULL);
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        file_write(&f, codecs[i]);
        assert_reads_back(&f);
    }
    file_free(&f);
}

static void an_empty_table_has_a_schema_and_no_row_groups(void **state)
{
    (void)state;
    struct file f = file_new(false);
    struct opened o;
    file_column(&f, "a", "TEXT");
    file_plan(&f, 0);
    file_write(&f, LK_CODEC_ZSTD);
    assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
    assert_int_equal(lk_parquet_reader_rows(o.reader), 0);
    assert_int_equal(lk_parquet_reader_row_groups(o.reader), 0);
    assert_string_equal(lk_parquet_reader_schema(o.reader)->name, "posts");
    assert_string_equal(lk_parquet_reader_schema(o.reader)->column[0].name, "a");
    close_file(&o);
    file_free(&f);
}

static void rowids_without_a_column_are_numbered_on_from_the_first(void **state)
{
    (void)state;
    struct file f = file_new(true);
    struct opened o;
    file_column(&f, "a", "INTEGER");
    int64_t rowid = 1;
    for (size_t n = 0; n < 2; n++) {
        struct lk_batch *b = file_batch(&f);
        for (int i = 0; i < 10; i++) {
            lk_column_add_integer(b, &b->column[0], i);
            lk_batch_end_row(b, rowid++);
        }
    }
    file_plan(&f, 41);
    assert_null(f.plan->rowid_name);
    file_write(&f, LK_CODEC_ZSTD);
    assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
    assert_int_equal(lk_parquet_read_row_group(o.reader, o.decoder, 1, NULL, o.batch, &o.err), LK_OK);
    assert_int_equal(lk_batch_rowid(o.batch, 0), 51);
    assert_int_equal(lk_batch_rowid(o.batch, 9), 60);
    close_file(&o);
    file_free(&f);
}

static void an_unwanted_column_comes_back_as_nulls(void **state)
{
    (void)state;
    struct file f = file_of_everything();
    struct opened o;
    const bool wanted[] = {false, true, false, false, false, false, true};
    file_write(&f, LK_CODEC_ZSTD);
    assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
    assert_int_equal(lk_parquet_read_row_group(o.reader, o.decoder, 0, wanted, o.batch, &o.err), LK_OK);
    assert_int_equal(o.batch->column[0].counts[LK_NULL], 5000);
    assert_int_equal(o.batch->column[0].classes.len, 5000);
    assert_int_equal(o.batch->column[1].counts[LK_INTEGER], 5000);
    assert_int_equal(o.batch->column[6].counts[LK_TEXT], 5000);
    assert_int_equal(lk_batch_rowid(o.batch, 4999), 9998);
    close_file(&o);
    file_free(&f);
}

static struct file file_of_exception(bool both);

/* -1, 0 or 1; both are numbers, exact as doubles, or both are text. */
static int compare_values(const struct lk_value *a, const struct lk_value *b)
{
    if (a->class >= LK_TEXT) {
        const size_t len = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
        const int c = len == 0 ? 0 : memcmp(a->bytes.ptr, b->bytes.ptr, len);
        return c != 0 ? c : (a->bytes.len > b->bytes.len) - (a->bytes.len < b->bytes.len);
    }
    const double x = a->class == LK_INTEGER ? (double)a->integer : a->real;
    const double y = b->class == LK_INTEGER ? (double)b->integer : b->real;
    return (x > y) - (x < y);
}

static void assert_values_in_range(const struct lk_column *c, uint32_t rows,
                                   const struct lk_parquet_range *range)
{
    struct lk_cursor cursor = lk_cursor_at_start(c);
    for (uint32_t row = 0; row < rows; row++) {
        const struct lk_value v = lk_cursor_next(&cursor);
        if (v.class == LK_NULL)
            continue;
        const bool number = v.class == LK_INTEGER || v.class == LK_REAL;
        assert_true(number ? range->numbers && !range->text : range->text && !range->numbers);
        assert_int_equal(number || v.class == LK_TEXT, 1);
        assert_true(compare_values(&range->least, &v) <= 0 && compare_values(&v, &range->greatest) <= 0);
    }
}

static void the_footer_says_between_which_values_a_column_lies(void **state)
{
    (void)state;
    struct file f = file_of_everything();
    struct opened o;
    struct lk_parquet_range range;
    file_write(&f, LK_CODEC_ZSTD);
    assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
    for (size_t g = 0; g < f.batches; g++) {
        const struct lk_batch *b = f.batch[g];
        for (size_t i = 0; i < b->columns; i++) {
            if (lk_parquet_reader_range(o.reader, g, i, &range))
                assert_values_in_range(&b->column[i], b->rows, &range);
            else
                assert_int_equal(i, 0); /* the column of all classes */
        }
        assert_true(lk_parquet_reader_range(o.reader, g, LK_ROWS_ROWID, &range));
        assert_true(range.numbers && !range.text);
        assert_int_equal(range.least.integer, lk_batch_rowid(b, 0));
        assert_int_equal(range.greatest.integer, lk_batch_rowid(b, b->rows - 1));
    }
    assert_true(lk_parquet_reader_range(o.reader, 0, 1, &range));
    assert_int_equal(range.least.class, LK_INTEGER);
    assert_int_equal(range.least.integer, -5);
    assert_int_equal(range.greatest.integer, 4999 * 3 - 5);
    assert_true(lk_parquet_reader_range(o.reader, 0, 3, &range));
    assert_int_equal(range.greatest.class, LK_REAL);
    assert_true(range.greatest.real == 4999.5 || range.greatest.real == 4999);
    /* Nothing but NULLs: of every kind. */
    assert_true(lk_parquet_reader_range(o.reader, 0, 5, &range));
    assert_true(range.numbers && range.text);
    assert_int_equal(range.least.class, LK_NULL);
    close_file(&o);
    file_free(&f);
}

static void the_range_of_rowids_without_a_column_is_where_they_are_numbered(void **state)
{
    (void)state;
    struct file f = file_new(true);
    struct opened o;
    struct lk_parquet_range range;
    file_column(&f, "a", "TEXT");
    for (int64_t n = 0; n < 2; n++) {
        struct lk_batch *b = file_batch(&f);
        for (int64_t i = 1; i <= 10; i++) {
            lk_column_add_bytes(b, &b->column[0], LK_TEXT, "x", 1);
            lk_batch_end_row(b, n * 10 + i);
        }
    }
    file_plan(&f, 41);
    file_write(&f, LK_CODEC_NONE);
    assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
    assert_true(lk_parquet_reader_range(o.reader, 1, LK_ROWS_ROWID, &range));
    assert_int_equal(range.least.integer, 51);
    assert_int_equal(range.greatest.integer, 60);
    close_file(&o);
    file_free(&f);
}

static void the_bounds_of_long_text_are_cut_and_still_bounds(void **state)
{
    (void)state;
    struct file f = file_new(false);
    struct opened o;
    struct lk_parquet_range range;
    char text[100];
    memset(text, 'x', sizeof text);
    file_column(&f, "a", "TEXT");
    struct lk_batch *b = file_batch(&f);
    lk_column_add_bytes(b, &b->column[0], LK_TEXT, text, sizeof text);
    lk_batch_end_row(b, 0);
    file_plan(&f, 0);
    file_write(&f, LK_CODEC_NONE);
    assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
    assert_true(lk_parquet_reader_range(o.reader, 0, 0, &range));
    assert_true(range.least.bytes.len < sizeof text && range.greatest.bytes.len < sizeof text);
    assert_values_in_range(&b->column[0], 1, &range);
    assert_false(lk_parquet_reader_range(o.reader, 0, LK_ROWS_ROWID, &range));
    close_file(&o);
    file_free(&f);
}

static void a_column_with_values_in_its_exception_column_has_no_range(void **state)
{
    (void)state;
    struct file f = file_of_exception(false);
    struct opened o;
    struct lk_parquet_range range;
    assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
    assert_false(lk_parquet_reader_range(o.reader, 0, 0, &range));
    close_file(&o);
    file_free(&f);
}

static void a_flipped_bit_in_any_page_is_damage(void **state)
{
    (void)state;
    struct file f = file_of_everything();
    struct opened o;
    file_write(&f, LK_CODEC_ZSTD);
    const size_t footer = f.bytes.len - 8 - lk_get_u32(f.bytes.data + f.bytes.len - 8);
    for (size_t at = 4; at < footer; at += 997) {
        f.bytes.data[at] ^= 0x10;
        const enum lk_status status = read_all(&o, lk_buffer_bytes(&f.bytes));
        /* A header's statistics or its sizes of levels are not read: then nothing has changed. */
        if (status == LK_OK)
            assert_same_batch(o.batch, f.batch[2]);
        else
            assert_true(status == LK_DAMAGED || status == LK_UNREADABLE);
        close_file(&o);
        f.bytes.data[at] ^= 0x10;
    }
    file_free(&f);
}

static void a_file_cut_anywhere_is_damage(void **state)
{
    (void)state;
    struct file f = file_of_everything();
    struct opened o;
    file_write(&f, LK_CODEC_GZIP);
    for (size_t len = 0; len < f.bytes.len; len += len < 64 || len + 700 > f.bytes.len ? 1 : 1009) {
        assert_int_equal(read_all(&o, lk_bytes(f.bytes.data, len)), LK_DAMAGED);
        close_file(&o);
    }
    file_free(&f);
}

/* A file of two columns, c (text or NULL) and c__int (integer or NULL), described as one column c with an
 * exception. */
static struct file file_of_exception(bool both)
{
    struct file f = file_new(false), described = file_new(false);
    file_column(&f, "c", "TEXT");
    file_column(&f, "c__int", "INTEGER");
    file_column(&described, "c", "TEXT");
    struct lk_batch *b = file_batch(&f), *d = file_batch(&described);
    for (int i = 0; i < 9; i++) {
        const bool text = i % 3 != 0;
        if (text)
            lk_column_add_bytes(b, &b->column[0], LK_TEXT, "x", 1);
        else
            lk_column_add_null(b, &b->column[0]);
        if (!text || (both && i == 7))
            lk_column_add_integer(b, &b->column[1], i);
        else
            lk_column_add_null(b, &b->column[1]);
        if (text)
            lk_column_add_bytes(d, &d->column[0], LK_TEXT, "x", 1);
        else
            lk_column_add_integer(d, &d->column[0], i);
        lk_batch_end_row(b, 0);
        lk_batch_end_row(d, 0);
    }
    file_plan(&f, 0);
    file_plan(&described, 0);
    const struct lk_buffer metadata = f.metadata;
    f.metadata = described.metadata;
    described.metadata = metadata;
    file_write(&f, LK_CODEC_NONE);
    file_free(&described);
    return f;
}

static void a_row_with_two_values_is_damage(void **state)
{
    (void)state;
    struct file one = file_of_exception(false), two = file_of_exception(true);
    struct opened o;
    assert_int_equal(read_all(&o, lk_buffer_bytes(&one.bytes)), LK_OK);
    assert_int_equal(o.batch->column[0].counts[LK_INTEGER], 3);
    assert_int_equal(o.batch->column[0].counts[LK_TEXT], 6);
    close_file(&o);
    assert_refused(&two, LK_DAMAGED, "column 'c__int'");
    file_free(&one);
    file_free(&two);
}

static void a_description_that_does_not_fit_the_columns_is_damage(void **state)
{
    (void)state;
    struct file f = file_of_everything(), other = file_of_exception(false);
    const struct lk_buffer metadata = f.metadata;
    f.metadata = other.metadata;
    other.metadata = metadata;
    file_write(&f, LK_CODEC_NONE);
    assert_refused(&f, LK_DAMAGED, "does not fit");
    lk_buffer_clear(&f.metadata);
    lk_buffer_append_string(&f.metadata, "{\"version\":1");
    file_write(&f, LK_CODEC_NONE);
    assert_refused(&f, LK_DAMAGED, "posts.parquet");
    file_free(&f);
    file_free(&other);
}

static void text_that_is_not_utf8_is_damage_in_our_own_file(void **state)
{
    (void)state;
    struct file f = file_new(false);
    file_column(&f, "t", "TEXT");
    struct lk_batch *b = file_batch(&f);
    for (int i = 0; i < 100; i++) {
        lk_column_add_bytes(b, &b->column[0], LK_TEXT, "abc", 3);
        lk_batch_end_row(b, 0);
    }
    file_plan(&f, 0);
    b->column[0].values[LK_TEXT].data[7 * 50 + 5] = 0xc3;
    file_write(&f, LK_CODEC_NONE);
    assert_refused(&f, LK_DAMAGED, "UTF-8");
    file_free(&f);
}

static void a_row_of_huge_values_that_compress_to_almost_nothing_reads_back(void **state)
{
    (void)state;
    struct file f = file_new(false);
    for (int i = 0; i < 4; i++)
        file_column(&f, (const char *[]){"a", "b", "c", "d"}[i], "BLOB");
    struct lk_batch *b = file_batch(&f);
    const size_t size = 50u << 20;
    uint8_t *zeros = lk_allocate_zeroed(1, size * 2);
    assert_non_null(zeros);
    for (int row = 0; row < 3; row++) {
        for (size_t i = 0; i < 4; i++)
            lk_column_add_bytes(b, &b->column[i], LK_BLOB, zeros, row < 2 ? 10 : i == 0 ? size * 2 : size);
        lk_batch_end_row(b, 0);
    }
    lk_free(zeros);
    file_plan(&f, 0);
    file_write(&f, LK_CODEC_ZSTD);
    assert_true(f.bytes.len < 64 << 10);
    assert_reads_back(&f);
    file_free(&f);
}

static void running_out_of_memory_while_reading_is_reported_and_harms_nothing(void **state)
{
    (void)state;
    struct file f = file_of_everything();
    file_write(&f, LK_CODEC_ZSTD);
    bool done = false;
    for (int64_t n = 0; !done; n++) {
        struct opened o;
        assert_true(n < 5000);
        assert_int_equal(open_file(&o, lk_buffer_bytes(&f.bytes)), LK_OK);
        lk_memory_fail_after(n, 0);
        const enum lk_status status =
            lk_parquet_read_row_group(o.reader, o.decoder, 0, NULL, o.batch, &o.err);
        lk_memory_fail_after(-1, 0);
        done = status == LK_OK;
        if (!done && status != LK_FAILED)
            fail_msg("allocation %d: status %d, \"%s\"", (int)n, (int)status, o.err.message);
        /* The same decoder and batch serve again. */
        assert_int_equal(lk_parquet_read_row_group(o.reader, o.decoder, 0, NULL, o.batch, &o.err), LK_OK);
        assert_same_batch(f.batch[0], o.batch);
        close_file(&o);
    }
    file_free(&f);
}

/* The published corpus of other writers' files (github.com/apache/parquet-testing), when it is there. */

struct expectation {
    const char *name;
    enum lk_status status;
    const char *part; /* of the message */
};

/* Files in data/ that are refused; all others are read. */
static const struct expectation refused[] = {
    {"datapage_v1-corrupt-checksum.parquet", LK_DAMAGED, "checksum"},
    {"rle-dict-uncompressed-corrupt-checksum.parquet", LK_DAMAGED, "checksum"},
    {"hadoop_lz4_compressed.parquet", LK_UNREADABLE, "deprecated LZ4"},
    {"datapage_v2.snappy.parquet", LK_UNREADABLE, "nested"},
    {"large_string_map.brotli.parquet", LK_UNREADABLE, "nested"},
    {"nested_lists.snappy.parquet", LK_UNREADABLE, "nested"},
    {"nested_structs.rust.parquet", LK_UNREADABLE, "nested"},
    {"nulls.snappy.parquet", LK_UNREADABLE, "nested"},
};

static enum lk_status read_corpus_file(const char *folder, const char *name, struct lk_error *err,
                                       uint64_t *rows)
{
    char path[1024];
    struct lk_buffer content = {0};
    struct opened o;
    assert_true((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t block[4096];
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        lk_buffer_append(&content, block, got);
    (void)fclose(file);
    const enum lk_status status = read_all(&o, lk_buffer_bytes(&content));
    *rows = o.reader != NULL ? lk_parquet_reader_rows(o.reader) : 0;
    *err = o.err;
    close_file(&o);
    lk_buffer_reset(&content);
    return status;
}

/* A folder of the corpus; where nothing may be missing (LITEKEEP_CI), its absence is a failure. */
static DIR *open_corpus(const char *name, char *folder, size_t size)
{
    const char *corpus = getenv("LITEKEEP_CORPUS");
    (void)snprintf(folder, size, "%s/parquet-testing/%s", corpus == NULL ? "" : corpus, name);
    DIR *dir = corpus == NULL ? NULL : opendir(folder);
    if (dir == NULL && getenv("LITEKEEP_CI") != NULL)
        fail_msg("LITEKEEP_CORPUS is %s: it must hold parquet-testing/%s",
                 corpus == NULL ? "not set" : corpus, name);
    if (dir == NULL)
        skip();
    return dir;
}

static bool is_parquet(const char *name)
{
    const char *suffix = strstr(name, ".parquet");
    return suffix != NULL && strcmp(suffix, ".parquet") == 0;
}

static void every_good_file_of_the_corpus_is_read_or_refused_by_name(void **state)
{
    (void)state;
    char folder[512];
    DIR *dir = open_corpus("data", folder, sizeof folder);
    size_t files = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct expectation expected = {e->d_name, LK_OK, ""};
        struct lk_error err = {0};
        uint64_t rows;
        if (!is_parquet(e->d_name))
            continue;
        for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
            if (strcmp(refused[i].name, e->d_name) == 0)
                expected = refused[i];
        const enum lk_status status = read_corpus_file(folder, e->d_name, &err, &rows);
        if (status != expected.status || strstr(err.message, expected.part) == NULL)
            fail_msg("%s: status %d, \"%s\"", e->d_name, (int)status, err.message);
        files++;
    }
    (void)closedir(dir);
    assert_true(files > 30);
}

static void every_bad_file_of_the_corpus_is_rejected(void **state)
{
    (void)state;
    char folder[512];
    DIR *dir = open_corpus("bad_data", folder, sizeof folder);
    size_t files = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct lk_error err = {0};
        uint64_t rows;
        if (!is_parquet(e->d_name))
            continue;
        const enum lk_status status = read_corpus_file(folder, e->d_name, &err, &rows);
        files++;
        /* This one is whole: its dictionary indexes have no bits, which another reader did not survive. */
        if (strcmp(e->d_name, "ARROW-GH-43605.parquet") == 0) {
            assert_int_equal(status, LK_OK);
            assert_int_equal(rows, 21186);
            continue;
        }
        if (status == LK_OK || err.message[0] == '\0')
            fail_msg("%s was read", e->d_name);
    }
    (void)closedir(dir);
    assert_true(files >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_reads_back_with_the_same_content_hash),
        cmocka_unit_test(an_empty_table_has_a_schema_and_no_row_groups),
        cmocka_unit_test(rowids_without_a_column_are_numbered_on_from_the_first),
        cmocka_unit_test(an_unwanted_column_comes_back_as_nulls),
        cmocka_unit_test(the_footer_says_between_which_values_a_column_lies),
        cmocka_unit_test(the_range_of_rowids_without_a_column_is_where_they_are_numbered),
        cmocka_unit_test(the_bounds_of_long_text_are_cut_and_still_bounds),
        cmocka_unit_test(a_column_with_values_in_its_exception_column_has_no_range),
        cmocka_unit_test(a_flipped_bit_in_any_page_is_damage),
        cmocka_unit_test(a_file_cut_anywhere_is_damage),
        cmocka_unit_test(a_row_with_two_values_is_damage),
        cmocka_unit_test(a_description_that_does_not_fit_the_columns_is_damage),
        cmocka_unit_test(text_that_is_not_utf8_is_damage_in_our_own_file),
        cmocka_unit_test(a_row_of_huge_values_that_compress_to_almost_nothing_reads_back),
        cmocka_unit_test(running_out_of_memory_while_reading_is_reported_and_harms_nothing),
        cmocka_unit_test(every_good_file_of_the_corpus_is_read_or_refused_by_name),
        cmocka_unit_test(every_bad_file_of_the_corpus_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
