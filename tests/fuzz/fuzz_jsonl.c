/* Bytes as JSON lines. The first byte chooses the table: 1 to 8 columns, named a, b, ...; and how rowids are
 * kept.
 *
 * What is taken must come back the same after it was written; and the reader must not care whether a line
 * looks like the last one, so the same lines with changing white space before them must give the same batch,
 * or fail likewise. */
#include <stdlib.h>

#include "jsonl/reader.h"
#include "jsonl/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void make_table(uint8_t shape, struct lk_table_schema **schema, struct lk_plan **plan)
{
    struct lk_error err = {0};
    struct lk_table_stats *stats = NULL;
    *schema = lk_table_schema_new("t");
    check(*schema != NULL);
    const size_t columns = 1 + (shape & 7);
    for (size_t i = 0; i < columns; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        check(lk_table_schema_add(*schema, name, "") != NULL);
    }
    (*schema)->hidden_rowid = (shape & 8) != 0;
    check(lk_table_stats_new(columns, &stats, &err) == LK_OK);
    stats->rowids_not_sequence = (shape & 16) != 0;
    check(lk_plan_new(*schema, stats, NULL, plan, &err) == LK_OK);
    lk_table_stats_free(stats);
}

static enum lk_status read_lines(const struct lk_table_schema *schema, const struct lk_plan *plan,
                                 struct lk_bytes text, struct lk_batch *b)
{
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    struct lk_jsonl_reader *r = NULL;
    uint32_t rows = 0;
    lk_batch_clear(b);
    check(lk_input_of_memory(text, "fuzz", &in, &err) == LK_OK);
    check(lk_jsonl_reader_new(in, 0, text.len, LK_CODEC_NONE, schema, plan, 1, &r, &err) == LK_OK);
    const enum lk_status status = lk_jsonl_read(r, UINT32_MAX, b, &rows, &err);
    check(status == LK_OK ? rows == b->rows : status == LK_DAMAGED && err.message[0] != '\0');
    lk_jsonl_reader_free(r);
    lk_input_close(in);
    return status;
}

static void check_same(const struct lk_batch *a, const struct lk_batch *b)
{
    check(a->rows == b->rows && a->raw_bytes == b->raw_bytes);
    check(lk_bytes_equal(lk_buffer_bytes(&a->rowids), lk_buffer_bytes(&b->rowids)));
    for (size_t i = 0; i < a->columns; i++) {
        const struct lk_column *x = &a->column[i];
        const struct lk_column *y = &b->column[i];
        check(x->classes.len == a->rows);
        check(lk_bytes_equal(lk_buffer_bytes(&x->classes), lk_buffer_bytes(&y->classes)));
        check(memcmp(x->counts, y->counts, sizeof x->counts) == 0);
        for (int class = 0; class < LK_CLASSES; class ++)
            check(lk_bytes_equal(lk_buffer_bytes(&x->values[class]), lk_buffer_bytes(&y->values[class])));
    }
}

/* The same lines, every second one behind a space. */
static void add_space(struct lk_bytes text, struct lk_buffer *out)
{
    bool space = false;
    for (size_t i = 0; i < text.len; i++) {
        lk_buffer_append_byte(out, text.ptr[i]);
        if (text.ptr[i] == '\n' && (space = !space))
            lk_buffer_append_byte(out, ' ');
    }
    check(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct lk_error err = {0};
    struct lk_table_schema *schema = NULL;
    struct lk_plan *plan = NULL;
    make_table(data[0], &schema, &plan);
    struct lk_batch *first = lk_batch_new(schema->columns, schema->hidden_rowid);
    struct lk_batch *second = lk_batch_new(schema->columns, schema->hidden_rowid);
    check(first != NULL && second != NULL);
    struct lk_buffer text = {0};

    const struct lk_bytes lines = lk_bytes(data + 1, size - 1);
    const enum lk_status status = read_lines(schema, plan, lines, first);
    add_space(lines, &text);
    check(read_lines(schema, plan, lk_buffer_bytes(&text), second) == status);
    if (status == LK_OK) {
        check_same(first, second);
        struct lk_jsonl_encoder *encoder = NULL;
        uint64_t bytes = 0;
        lk_buffer_clear(&text);
        check(lk_jsonl_encoder_new(&encoder, &err) == LK_OK);
        const struct lk_codec_choice none = {LK_CODEC_NONE, LK_LEVEL_DEFAULT};
        check(lk_jsonl_encode(encoder, none, plan, first, &text, &bytes, &err) == LK_OK);
        check(bytes == text.len);
        check(read_lines(schema, plan, lk_buffer_bytes(&text), second) == LK_OK);
        check_same(first, second);
        lk_jsonl_encoder_free(encoder);
    }

    lk_buffer_reset(&text);
    lk_batch_free(first);
    lk_batch_free(second);
    lk_plan_free(plan);
    lk_table_schema_free(schema);
    return 0;
}
