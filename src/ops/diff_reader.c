#include "ops/diff_reader.h"

#include "base/memory.h"
#include "ops/session.h"

static enum lk_status next_batch(struct lk_diff_reader *r, struct lk_error *err)
{
    if (lk_session_interrupted())
        return lk_fail(err, LK_INTERRUPTED, "interrupted");
    const enum lk_status status = r->rows->next(r->rows->context, &r->batch, err);
    if (status != LK_OK)
        return status;
    r->row = 0;
    r->end = r->batch == NULL;
    for (size_t i = 0; !r->end && i < r->columns; i++)
        r->cursor[i] = lk_cursor_at_start(&r->batch->column[i]);
    return LK_OK;
}

enum lk_status lk_diff_reader_advance(struct lk_diff_reader *r, struct lk_error *err)
{
    while (!r->end && (r->batch == NULL || r->row == r->batch->rows)) {
        const enum lk_status status = next_batch(r, err);
        if (status != LK_OK)
            return status;
    }
    if (r->end)
        return LK_OK;
    for (size_t i = 0; i < r->columns; i++)
        r->value[i] = lk_cursor_next(&r->cursor[i]);
    r->count++;
    r->rowid = r->batch->hidden_rowid ? lk_batch_rowid(r->batch, r->row) : (int64_t)r->count;
    r->row++;
    if (r->rowid_column == SIZE_MAX)
        return LK_OK;
    if (r->value[r->rowid_column].class != LK_INTEGER)
        return lk_fail(err, LK_DAMAGED, "table \"%s\": row %llu has no integer for its INTEGER PRIMARY KEY",
                       r->rows->schema->name, (unsigned long long)r->count);
    r->rowid = r->value[r->rowid_column].integer;
    return LK_OK;
}

enum lk_status lk_diff_reader_init(struct lk_diff_reader *r, const struct lk_diff_rows *rows,
                                   struct lk_error *err)
{
    const struct lk_table_schema *t = rows->schema;
    *r = (struct lk_diff_reader){.rows = rows, .columns = t->columns, .rowid_column = SIZE_MAX};
    r->cursor = lk_allocate_zeroed(t->columns, sizeof *r->cursor);
    r->value = lk_allocate_zeroed(t->columns, sizeof *r->value);
    if (r->cursor == NULL || r->value == NULL)
        return lk_fail_memory(err, "comparing rows");
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].is_rowid)
            r->rowid_column = i;
    }
    const enum lk_status status = rows->rewind(rows->context, err);
    return status == LK_OK ? lk_diff_reader_advance(r, err) : status;
}

void lk_diff_reader_reset(struct lk_diff_reader *r)
{
    lk_free(r->cursor);
    lk_free(r->value);
    *r = (struct lk_diff_reader){0};
}

bool lk_diff_reader_equal(const struct lk_value *a, const struct lk_value *b)
{
    if (a->class != b->class)
        return false;
    switch (a->class) {
    case LK_NULL:
        return true;
    case LK_INTEGER:
        return a->integer == b->integer;
    case LK_REAL:
        return memcmp(&a->real, &b->real, sizeof a->real) == 0;
    case LK_TEXT:
    case LK_BLOB:
    case LK_RAWTEXT:
        return lk_bytes_equal(a->bytes, b->bytes);
    }
    return false;
}

static void pack_value(const struct lk_value *v, struct lk_buffer *out)
{
    const size_t head = v->class == LK_NULL ? 1 : v->class == LK_INTEGER || v->class == LK_REAL ? 9 : 5;
    uint8_t *at = lk_buffer_extend(out, head);
    if (at == NULL)
        return;
    at[0] = (uint8_t)v->class;
    switch (v->class) {
    case LK_NULL:
        return;
    case LK_INTEGER:
        lk_put_u64(at + 1, (uint64_t)v->integer);
        return;
    case LK_REAL:
        lk_put_f64(at + 1, v->real);
        return;
    case LK_TEXT:
    case LK_BLOB:
    case LK_RAWTEXT:
        lk_put_u32(at + 1, (uint32_t)v->bytes.len);
        lk_buffer_append(out, v->bytes.ptr, v->bytes.len);
        return;
    }
}

void lk_diff_reader_pack(const struct lk_value *values, const size_t *column, size_t columns,
                         struct lk_buffer *out)
{
    for (size_t i = 0; i < columns; i++)
        pack_value(&values[column == NULL ? i : column[i]], out);
}

/* Take one value off the front. */
static bool unpack_value(struct lk_bytes *from, struct lk_value *out)
{
    if (from->len < 1 || from->ptr[0] >= LK_CLASSES)
        return false;
    *out = (struct lk_value){.class = (enum lk_class)from->ptr[0]};
    const bool number = out->class == LK_INTEGER || out->class == LK_REAL;
    size_t used = out->class == LK_NULL ? 1 : number ? 9 : 5;
    if (from->len < used)
        return false;
    if (out->class == LK_INTEGER) {
        out->integer = (int64_t)lk_get_u64(from->ptr + 1);
    } else if (out->class == LK_REAL) {
        out->real = lk_get_f64(from->ptr + 1);
    } else if (out->class != LK_NULL) {
        out->bytes = lk_bytes(from->ptr + 5, lk_get_u32(from->ptr + 1));
        if (from->len - used < out->bytes.len)
            return false;
        used += out->bytes.len;
    }
    *from = lk_bytes(from->ptr + used, from->len - used);
    return true;
}

bool lk_diff_reader_unpack(struct lk_bytes packed, size_t columns, struct lk_value *values)
{
    for (size_t i = 0; i < columns; i++) {
        if (!unpack_value(&packed, &values[i]))
            return false;
    }
    return packed.len == 0;
}
