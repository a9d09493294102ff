#include "batch/batch.h"

#include "base/memory.h"

static void reset_column(struct lk_column *c)
{
    lk_buffer_reset(&c->classes);
    for (size_t i = 0; i < LK_CLASSES; i++)
        lk_buffer_reset(&c->values[i]);
}

struct lk_batch *lk_batch_new(size_t columns, bool hidden_rowid)
{
    struct lk_batch *b = lk_allocate_zeroed(1, sizeof *b);
    if (b != NULL && !lk_batch_reshape(b, columns, hidden_rowid)) {
        lk_batch_free(b);
        return NULL;
    }
    return b;
}

void lk_batch_free(struct lk_batch *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->columns; i++)
        reset_column(&b->column[i]);
    lk_free(b->column);
    lk_buffer_reset(&b->rowids);
    lk_free(b);
}

void lk_batch_clear(struct lk_batch *b)
{
    for (size_t i = 0; i < b->columns; i++) {
        struct lk_column *c = &b->column[i];
        lk_buffer_clear(&c->classes);
        for (size_t k = 0; k < LK_CLASSES; k++) {
            lk_buffer_clear(&c->values[k]);
            c->counts[k] = 0;
        }
    }
    lk_buffer_clear(&b->rowids);
    b->rows = 0;
    b->raw_bytes = 0;
}

bool lk_batch_reshape(struct lk_batch *b, size_t columns, bool hidden_rowid)
{
    if (columns != b->columns) {
        /* Memory is kept where the columns stay: tables of one database often have similar widths. */
        for (size_t i = columns; i < b->columns; i++)
            reset_column(&b->column[i]);
        if (columns < b->columns)
            b->columns = columns;
        struct lk_column *grown = lk_reallocate(b->column, (columns == 0 ? 1 : columns) * sizeof *grown);
        if (grown == NULL)
            return false;
        b->column = grown;
        for (size_t i = b->columns; i < columns; i++)
            grown[i] = (struct lk_column){0};
        b->columns = columns;
    }
    b->hidden_rowid = hidden_rowid;
    lk_batch_clear(b);
    return true;
}

void lk_batch_trim(struct lk_batch *b, size_t bytes)
{
    size_t held = b->rowids.cap;
    for (size_t i = 0; i < b->columns; i++) {
        held += b->column[i].classes.cap;
        for (size_t k = 0; k < LK_CLASSES; k++)
            held += b->column[i].values[k].cap;
    }
    if (held <= bytes)
        return;
    for (size_t i = 0; i < b->columns; i++)
        reset_column(&b->column[i]);
    lk_buffer_reset(&b->rowids);
}

enum lk_status lk_batch_check(const struct lk_batch *b, struct lk_error *err)
{
    bool failed = b->rowids.failed;
    for (size_t i = 0; i < b->columns && !failed; i++) {
        failed = b->column[i].classes.failed;
        for (size_t k = 0; k < LK_CLASSES; k++)
            failed |= b->column[i].values[k].failed;
    }
    return failed ? lk_fail_memory(err, "collecting rows") : LK_OK;
}

static void update_u64(struct lk_hasher *h, uint64_t value)
{
    uint8_t bytes[8];
    lk_put_u64(bytes, value);
    lk_hasher_update(h, bytes, sizeof bytes);
}

/* The columns' digests are gathered, since the one state cannot serve the inner and the outer hash at once.
 */
enum lk_status lk_batch_hash(const struct lk_batch *b, struct lk_hasher *scratch, struct lk_hash128 *out,
                             struct lk_error *err)
{
    struct lk_buffer digests = {0};
    uint8_t *at = lk_buffer_extend(&digests, 8);
    if (at != NULL)
        lk_put_u64(at, b->rows);
    if (b->hidden_rowid) {
        lk_hasher_restart(scratch);
        lk_hasher_update(scratch, b->rowids.data, b->rowids.len);
        const struct lk_hash128 h = lk_hasher_finish(scratch);
        lk_buffer_append(&digests, h.bytes, sizeof h.bytes);
    }
    for (size_t i = 0; i < b->columns; i++) {
        const struct lk_column *c = &b->column[i];
        lk_hasher_restart(scratch);
        lk_hasher_update(scratch, c->classes.data, c->classes.len);
        for (size_t k = LK_INTEGER; k < LK_CLASSES; k++)
            lk_hasher_update(scratch, c->values[k].data, c->values[k].len);
        const struct lk_hash128 h = lk_hasher_finish(scratch);
        lk_buffer_append(&digests, h.bytes, sizeof h.bytes);
    }
    const enum lk_status status = lk_buffer_check(&digests, "hashing rows", err);
    if (status == LK_OK) {
        lk_hasher_restart(scratch);
        lk_hasher_update(scratch, digests.data, digests.len);
        *out = lk_hasher_finish(scratch);
    }
    lk_buffer_reset(&digests);
    return status;
}

struct lk_hash128 lk_hash_combine(const struct lk_hash128 *members, size_t count, struct lk_hasher *scratch)
{
    lk_hasher_restart(scratch);
    update_u64(scratch, count);
    for (size_t i = 0; i < count; i++)
        lk_hasher_update(scratch, members[i].bytes, sizeof members[i].bytes);
    return lk_hasher_finish(scratch);
}
