#include "ops/diff_list.h"

#include <assert.h>

#include "base/memory.h"
#include "jsonl/writer.h"

/* So many rows, or so many raw bytes, are turned into text at once. */
#define GATHER_ROWS 256
#define GATHER_BYTES (1u << 20)

/* Rows of one shape on their way to text: the rows before, those after, or the keys. */
struct gathered {
    const struct lk_table_schema *schema;
    struct lk_plan *plan;
    struct lk_batch *batch;
    struct lk_buffer text;
    char *next; /* the first line that has not been handed on */
};

struct lk_diff_list {
    const struct lk_diff_shape *shape;
    const struct lk_diff_listener *listener;
    struct lk_table_schema *key_schema;
    struct gathered before, after, key;
    struct lk_jsonl_encoder *encoder;
    struct lk_value *key_value;
    size_t count;
    enum litekeep_change change[GATHER_ROWS];
};

static enum lk_status begin(struct gathered *g, const struct lk_table_schema *schema, struct lk_error *err)
{
    struct lk_table_stats *stats = NULL;
    g->schema = schema;
    g->batch = lk_batch_new(schema->columns, false);
    if (g->batch == NULL)
        return lk_fail_memory(err, "listing rows");
    enum lk_status status = lk_table_stats_new(schema->columns, &stats, err);
    if (status == LK_OK)
        status = lk_plan_new(schema, stats, NULL, &g->plan, err);
    lk_table_stats_free(stats);
    return status;
}

static void end(struct gathered *g)
{
    lk_plan_free(g->plan);
    lk_batch_free(g->batch);
    lk_buffer_reset(&g->text);
}

/* What keys look like: a table of the key's columns. */
static enum lk_status make_key_schema(struct lk_diff_list *l, const struct lk_table_schema *before,
                                      const struct lk_table_schema *after, struct lk_error *err)
{
    const struct lk_diff_shape *s = l->shape;
    l->key_schema = lk_table_schema_new(after->name);
    bool ok = l->key_schema != NULL;
    for (size_t i = 0; ok && i < s->keys; i++)
        ok = lk_table_schema_add(l->key_schema, before->column[s->key_before[i]].name, "") != NULL;
    const char *rowid = "_rowid_";
    for (size_t i = 0; s->by_rowid && i < after->columns; i++) {
        if (after->column[i].is_rowid)
            rowid = after->column[i].name;
    }
    if (ok && s->by_rowid)
        ok = lk_table_schema_add(l->key_schema, rowid, "") != NULL;
    l->key_value = lk_allocate_zeroed(s->keys + 1, sizeof *l->key_value);
    return ok && l->key_value != NULL ? LK_OK : lk_fail_memory(err, "listing rows");
}

enum lk_status lk_diff_list_new(const struct lk_table_schema *before, const struct lk_table_schema *after,
                                const struct lk_diff_shape *shape, const struct lk_diff_listener *listener,
                                struct lk_diff_list **out, struct lk_error *err)
{
    struct lk_diff_list *l = lk_allocate_zeroed(1, sizeof *l);
    if (l == NULL)
        return lk_fail_memory(err, "listing rows");
    l->shape = shape;
    l->listener = listener;
    enum lk_status status = make_key_schema(l, before, after, err);
    if (status == LK_OK)
        status = begin(&l->before, before, err);
    if (status == LK_OK)
        status = begin(&l->after, after, err);
    if (status == LK_OK)
        status = begin(&l->key, l->key_schema, err);
    if (status == LK_OK)
        status = lk_jsonl_encoder_new(&l->encoder, err);
    if (status == LK_OK)
        *out = l;
    else
        lk_diff_list_free(l);
    return status;
}

static void gather(struct gathered *g, const struct lk_value *values)
{
    struct lk_batch *b = g->batch;
    for (size_t i = 0; i < b->columns; i++) {
        const struct lk_value *v = &values[i];
        struct lk_column *c = &b->column[i];
        switch (v->class) {
        case LK_NULL:
            lk_column_add_null(b, c);
            break;
        case LK_INTEGER:
            lk_column_add_integer(b, c, v->integer);
            break;
        case LK_REAL:
            lk_column_add_real(b, c, v->real);
            break;
        case LK_TEXT:
        case LK_BLOB:
        case LK_RAWTEXT:
            lk_column_add_bytes(b, c, v->class, v->bytes.ptr, v->bytes.len);
            break;
        }
    }
    lk_batch_end_row(b, 0);
}

static void gather_key(struct lk_diff_list *l, int64_t rowid, const struct lk_value *before,
                       const struct lk_value *after)
{
    const struct lk_diff_shape *s = l->shape;
    if (s->by_rowid)
        l->key_value[0] = (struct lk_value){.class = LK_INTEGER, .integer = rowid};
    for (size_t i = 0; i < s->keys; i++)
        l->key_value[i] = before != NULL ? before[s->key_before[i]] : after[s->key_after[i]];
    gather(&l->key, l->key_value);
}

enum lk_status lk_diff_list_add(struct lk_diff_list *l, enum litekeep_change change, int64_t rowid,
                                const struct lk_value *before, const struct lk_value *after,
                                struct lk_error *err)
{
    assert(before != NULL || after != NULL);
    if (before != NULL)
        gather(&l->before, before);
    if (after != NULL)
        gather(&l->after, after);
    gather_key(l, rowid, before, after);
    l->change[l->count++] = change;
    const uint64_t bytes = l->before.batch->raw_bytes + l->after.batch->raw_bytes + l->key.batch->raw_bytes;
    return l->count == GATHER_ROWS || bytes >= GATHER_BYTES ? lk_diff_list_flush(l, err) : LK_OK;
}

static enum lk_status encode(struct lk_diff_list *l, struct gathered *g, struct lk_error *err)
{
    const struct lk_codec_choice plain = {.codec = LK_CODEC_NONE};
    uint64_t bytes;
    lk_buffer_clear(&g->text);
    enum lk_status status = lk_batch_check(g->batch, err);
    if (status == LK_OK && g->batch->rows > 0)
        status = lk_jsonl_encode(l->encoder, plain, g->plan, g->batch, &g->text, &bytes, err);
    g->next = (char *)g->text.data;
    lk_batch_clear(g->batch);
    lk_batch_trim(g->batch, GATHER_BYTES * 4);
    return status;
}

/* One line as a string. Each line ends with a newline, and has no other. */
static const char *take_line(struct gathered *g)
{
    char *line = g->next, *newline = memchr(line, '\n', g->text.len - (size_t)(line - (char *)g->text.data));
    *newline = '\0';
    g->next = newline + 1;
    return line;
}

enum lk_status lk_diff_list_flush(struct lk_diff_list *l, struct lk_error *err)
{
    enum lk_status status = encode(l, &l->before, err);
    if (status == LK_OK)
        status = encode(l, &l->after, err);
    if (status == LK_OK)
        status = encode(l, &l->key, err);
    for (size_t i = 0; status == LK_OK && i < l->count; i++) {
        const char *key = take_line(&l->key),
                   *before = l->change[i] == LITEKEEP_ADDED ? NULL : take_line(&l->before),
                   *after = l->change[i] == LITEKEEP_REMOVED ? NULL : take_line(&l->after);
        status = l->listener->row(l->listener->context, l->change[i], key, before, after, err);
    }
    l->count = 0;
    return status;
}

void lk_diff_list_free(struct lk_diff_list *l)
{
    if (l == NULL)
        return;
    end(&l->before);
    end(&l->after);
    end(&l->key);
    lk_jsonl_encoder_free(l->encoder);
    lk_table_schema_free(l->key_schema);
    lk_free(l->key_value);
    lk_free(l);
}
