/* Tables of a few small integers for the tests of diff: column 0 is the key. */
#ifndef LK_TESTS_DIFF_ROWS_H
#define LK_TESTS_DIFF_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "ops/diff_merge.h"

#define MOST_ROWS 64
#define KEY_NULL INT64_MIN

struct row {
    int64_t key, value;
};

/* The same numbers in every run: below `limit`. */
static inline int chance(uint64_t *state, int limit)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)(*state >> 33) % limit;
}

/* A table whose rows come in batches of `step`. */
struct table {
    struct lk_table_schema *schema;
    size_t rows;
    struct row row[MOST_ROWS];
    size_t step, at;
    unsigned rewinds;
    struct lk_batch *batch;
};

static inline struct lk_table_schema *make_schema(bool alias)
{
    struct lk_table_schema *t = lk_table_schema_new("t");
    assert_true(t != NULL && lk_table_schema_add(t, "k", "") != NULL &&
                lk_table_schema_add(t, "v", "") != NULL);
    t->column[0].is_rowid = alias;
    t->column[0].key = 1;
    return t;
}

static inline enum lk_status rewind_table(void *context, struct lk_error *err)
{
    struct table *t = context;
    (void)err;
    t->at = 0;
    t->rewinds++;
    return LK_OK;
}

static inline enum lk_status next_batch(void *context, const struct lk_batch **batch, struct lk_error *err)
{
    struct table *t = context;
    lk_batch_clear(t->batch);
    for (size_t i = 0; i < t->step && t->at < t->rows; i++, t->at++) {
        const struct row *r = &t->row[t->at];
        if (r->key == KEY_NULL)
            lk_column_add_null(t->batch, &t->batch->column[0]);
        else
            lk_column_add_integer(t->batch, &t->batch->column[0], r->key);
        lk_column_add_integer(t->batch, &t->batch->column[1], r->value);
        lk_batch_end_row(t->batch, 0);
    }
    *batch = t->batch->rows > 0 ? t->batch : NULL;
    return lk_batch_check(t->batch, err);
}

static inline void table_make(struct table *t, bool alias, size_t step)
{
    *t = (struct table){.schema = make_schema(alias), .step = step, .batch = lk_batch_new(2, false)};
    assert_non_null(t->batch);
}

static inline void table_free(struct table *t)
{
    lk_table_schema_free(t->schema);
    lk_batch_free(t->batch);
}

static inline void table_add(struct table *t, int64_t key, int64_t value)
{
    t->row[t->rows++] = (struct row){key, value};
}

static inline struct lk_diff_rows table_rows(struct table *t)
{
    return (struct lk_diff_rows){
        .schema = t->schema, .context = t, .rewind = rewind_table, .next = next_batch};
}

/* What was told, as text: "+3:30 -1:10 ~2:20>21 ". */
struct told {
    char text[4096];
    size_t len;
};

static inline void told_value(struct told *t, const struct lk_value *v)
{
    t->len += (size_t)(v->class == LK_NULL ? snprintf(t->text + t->len, sizeof t->text - t->len, "null")
                                           : snprintf(t->text + t->len, sizeof t->text - t->len, "%lld",
                                                      (long long)v->integer));
}

static inline enum lk_status tell_row(void *context, enum litekeep_change change, int64_t rowid,
                                      const struct lk_value *before, const struct lk_value *after,
                                      struct lk_error *err)
{
    struct told *t = context;
    (void)rowid;
    (void)err;
    assert_true((before == NULL) == (change == LITEKEEP_ADDED));
    assert_true((after == NULL) == (change == LITEKEEP_REMOVED));
    t->text[t->len++] = change == LITEKEEP_ADDED ? '+' : change == LITEKEEP_REMOVED ? '-' : '~';
    told_value(t, before != NULL ? &before[0] : &after[0]);
    t->text[t->len++] = ':';
    told_value(t, before != NULL ? &before[1] : &after[1]);
    if (change == LITEKEEP_CHANGED) {
        t->text[t->len++] = '>';
        told_value(t, &after[1]);
    }
    t->text[t->len++] = ' ';
    t->text[t->len] = '\0';
    return LK_OK;
}

#endif
