#include "parquet/encode_row_group.h"

#include <assert.h>

#include "base/memory.h"

/* Scratch buffers above this are given back after a row group: a huge value passed through. */
#define KEEP_BYTES (8u << 20)

struct lk_parquet_encoder {
    struct lk_encode_scratch scratch;
    struct lk_buffer merged;  /* a merged column's doubles */
    struct lk_buffer is_int;  /* booleans, one byte each */
    struct lk_buffer columns; /* struct lk_file_column */
};

enum lk_status lk_parquet_encoder_new(struct lk_parquet_encoder **out, struct lk_error *err)
{
    struct lk_parquet_encoder *e = lk_allocate_zeroed(1, sizeof *e);
    if (e == NULL)
        return lk_fail_memory(err, "making a Parquet encoder");
    const enum lk_status status = lk_codec_context_new(&e->scratch.codec, err);
    if (status != LK_OK) {
        lk_parquet_encoder_free(e);
        return status;
    }
    *out = e;
    return LK_OK;
}

void lk_parquet_encoder_free(struct lk_parquet_encoder *e)
{
    if (e == NULL)
        return;
    lk_encode_column_reset(&e->scratch);
    lk_buffer_reset(&e->merged);
    lk_buffer_reset(&e->is_int);
    lk_buffer_reset(&e->columns);
    lk_free(e);
}

void lk_parquet_row_group_free(struct lk_parquet_row_group *g)
{
    if (g == NULL)
        return;
    lk_buffer_reset(&g->bytes);
    lk_free(g);
}

struct lk_bytes lk_parquet_row_group_bytes(const struct lk_parquet_row_group *g)
{
    return lk_buffer_bytes(&g->bytes);
}

void lk_parquet_row_group_drop_bytes(struct lk_parquet_row_group *g)
{
    lk_buffer_reset(&g->bytes);
}

enum lk_parquet_type lk_parquet_physical_type(const struct lk_file_column *c)
{
    if (c->role == LK_ROLE_IS_INT)
        return LK_PARQUET_BOOLEAN;
    switch (c->type) {
    case LK_TYPE_INT64:
        return LK_PARQUET_INT64;
    case LK_TYPE_DOUBLE:
        return LK_PARQUET_DOUBLE;
    case LK_TYPE_STRING:
    case LK_TYPE_BYTE_ARRAY:
        break;
    }
    return LK_PARQUET_BYTE_ARRAY;
}

/* The integers and reals of a column as doubles, in row order. */
static enum lk_status merge(struct lk_buffer *out, const struct lk_column *c, uint32_t rows,
                            struct lk_error *err)
{
    lk_buffer_clear(out);
    const size_t count = (size_t)c->counts[LK_INTEGER] + c->counts[LK_REAL];
    uint8_t *to = lk_buffer_extend(out, count * 8);
    if (to == NULL)
        return lk_fail_memory(err, "encoding a column of integers and reals");
    const uint8_t *integer = c->values[LK_INTEGER].data;
    const uint8_t *real = c->values[LK_REAL].data;
    for (uint32_t row = 0; row < rows; row++) {
        const uint8_t class = c->classes.data[row];
        if (class == LK_INTEGER) {
            lk_put_f64(to, (double)(int64_t)lk_get_u64(integer));
            integer += 8;
            to += 8;
        } else if (class == LK_REAL) {
            memcpy(to, real, 8);
            real += 8;
            to += 8;
        }
    }
    return LK_OK;
}

static enum lk_status flag_integers(struct lk_buffer *out, const struct lk_column *c, uint32_t rows,
                                    struct lk_error *err)
{
    lk_buffer_clear(out);
    const size_t count = (size_t)c->counts[LK_INTEGER] + c->counts[LK_REAL];
    uint8_t *to = lk_buffer_extend(out, count);
    if (to == NULL)
        return lk_fail_memory(err, "encoding a column of integers and reals");
    for (uint32_t row = 0; row < rows; row++) {
        const uint8_t class = c->classes.data[row];
        if (class == LK_INTEGER || class == LK_REAL)
            *to++ = class == LK_INTEGER;
    }
    return LK_OK;
}

/* The values of file column `f` in the batch, as the column encoder takes them. */
static enum lk_status view_column(struct lk_parquet_encoder *e, const struct lk_plan *plan,
                                  const struct lk_file_column *f, const struct lk_batch *b,
                                  struct lk_encode_column *out, struct lk_error *err)
{
    *out = (struct lk_encode_column){.name = f->name, .type = lk_parquet_physical_type(f), .rows = b->rows};
    if (f->role == LK_ROLE_ROWID) {
        assert(b->hidden_rowid);
        out->count = b->rows;
        out->values = lk_buffer_bytes(&b->rowids);
        return LK_OK;
    }
    const struct lk_column *c = &b->column[f->column];
    const bool numbers =
        f->role == LK_ROLE_IS_INT || (f->role == LK_ROLE_MAIN && plan->column[f->column].merged);
    out->classes = c->classes.data;
    if (!numbers) {
        const enum lk_class class = f->role == LK_ROLE_EXCEPTION ? f->class : lk_type_class(f->type);
        out->utf8 = f->type == LK_TYPE_STRING;
        out->present[0] = out->present[1] = (uint8_t) class;
        out->count = c->counts[class];
        out->values = lk_buffer_bytes(&c->values[class]);
        return LK_OK;
    }
    out->present[0] = LK_INTEGER;
    out->present[1] = LK_REAL;
    out->count = (size_t)c->counts[LK_INTEGER] + c->counts[LK_REAL];
    if (f->role == LK_ROLE_MAIN && c->counts[LK_INTEGER] == 0) {
        out->values = lk_buffer_bytes(&c->values[LK_REAL]);
        return LK_OK;
    }
    struct lk_buffer *made = f->role == LK_ROLE_MAIN ? &e->merged : &e->is_int;
    const enum lk_status status =
        f->role == LK_ROLE_MAIN ? merge(made, c, b->rows, err) : flag_integers(made, c, b->rows, err);
    out->values = lk_buffer_bytes(made);
    return status;
}

/* Does the plan have a place for every value? What has none would be lost without a word. */
static bool holds(const struct lk_plan *plan, const struct lk_batch *b)
{
    for (size_t i = 0; i < plan->columns; i++) {
        const struct lk_column_plan *p = &plan->column[i];
        for (int class = LK_INTEGER; class < LK_CLASSES; class ++) {
            const bool in_main = class == (int)lk_type_class(p->main) || (p->merged && class == LK_INTEGER);
            if (b->column[i].counts[class] > 0 && !in_main && p->exception_name[class] == NULL)
                return false;
        }
    }
    return true;
}

static void trim(struct lk_buffer *b)
{
    if (b->cap > KEEP_BYTES)
        lk_buffer_reset(b);
}

enum lk_status lk_parquet_encode(struct lk_parquet_encoder *e, struct lk_codec_choice codec,
                                 const struct lk_plan *plan, const struct lk_batch *batch,
                                 struct lk_parquet_row_group **out, struct lk_error *err)
{
    assert(batch->rows > 0 && batch->columns == plan->columns && holds(plan, batch));
    (void)holds; /* without assertions */
    const size_t chunks = lk_plan_file_columns(plan);
    enum lk_status status = LK_OK;
    struct lk_parquet_row_group *g = lk_allocate_zeroed(1, sizeof *g + chunks * sizeof g->chunk[0]);
    lk_buffer_clear(&e->columns);
    struct lk_file_column *column = (void *)lk_buffer_extend(&e->columns, chunks * sizeof *column);
    if (g == NULL || column == NULL) {
        status = lk_fail_memory(err, "encoding a Parquet row group");
        goto out;
    }
    lk_plan_list_file_columns(plan, column);
    g->rows = batch->rows;
    g->codec = codec.codec;
    g->chunks = chunks;
    for (size_t i = 0; i < chunks && status == LK_OK; i++) {
        struct lk_encode_column view;
        status = view_column(e, plan, &column[i], batch, &view, err);
        if (status == LK_OK)
            status = lk_encode_column(&e->scratch, codec, &view, &g->bytes, &g->chunk[i], err);
    }
out:
    trim(&e->scratch.body);
    trim(&e->merged);
    trim(&e->is_int);
    if (status != LK_OK) {
        lk_parquet_row_group_free(g);
        return status;
    }
    *out = g;
    return LK_OK;
}
