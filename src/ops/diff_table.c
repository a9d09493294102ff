#include "ops/diff_table.h"

#include <assert.h>

#include "base/memory.h"
#include "base/text.h"
#include "ops/diff_input.h"
#include "ops/diff_keyed.h"
#include "ops/diff_list.h"
#include "ops/diff_merge.h"

/* A table while it is compared. */
struct compared {
    const struct lk_diff_run *run;
    struct litekeep_diff_table *out;
    struct lk_diff_input *input[2]; /* before and after; NULL where the table is not */
    struct lk_diff_rows rows[2];
    struct lk_diff_shape *shape;
    struct lk_diff_list *list;
    struct lk_diff_listener listener;
    uint64_t seen[2];
};

/* ---- A side without the table has no rows */

static enum lk_status rewind_nothing(void *context, struct lk_error *err)
{
    (void)context;
    (void)err;
    return LK_OK;
}

static enum lk_status next_nothing(void *context, const struct lk_batch **batch, struct lk_error *err)
{
    (void)context;
    (void)err;
    *batch = NULL;
    return LK_OK;
}

static enum lk_status open_inputs(struct compared *c, const struct lk_diff_side_table *before,
                                  const struct lk_diff_side_table *after, struct lk_error *err)
{
    const struct lk_diff_run *run = c->run;
    enum lk_status status = LK_OK;
    if (before != NULL)
        status = lk_diff_input_open(run->before, before, run->secret, run->notes, &c->input[0], err);
    if (status == LK_OK && after != NULL)
        status = lk_diff_input_open(run->after, after, run->secret, run->notes, &c->input[1], err);
    for (int i = 0; status == LK_OK && i < 2; i++) {
        const struct lk_diff_rows *here = lk_diff_input_rows(c->input[c->input[i] != NULL ? i : 1 - i]);
        c->rows[i] = *here;
        if (c->input[i] == NULL)
            c->rows[i] =
                (struct lk_diff_rows){.schema = here->schema, .rewind = rewind_nothing, .next = next_nothing};
    }
    return status;
}

/* ---- Columns and keys */

/* The columns of `t` that `other` lacks. */
static const char *const *list_columns(struct lk_arena *a, const struct lk_table_schema *t,
                                       const struct lk_table_schema *other)
{
    const char **names = lk_arena_take(a, t->columns + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; names != NULL && i < t->columns; i++) {
        if (lk_diff_shape_find(other, t->column[i].name) == SIZE_MAX)
            names[count++] = lk_arena_shown_string(a, t->column[i].name);
    }
    return names;
}

static const char *key_name(struct lk_arena *a, const struct lk_table_schema *t,
                            const struct lk_diff_shape *s)
{
    struct lk_buffer text = {0};
    if (s->by_rowid) {
        for (size_t i = 0; i < t->columns; i++) {
            if (t->column[i].is_rowid)
                return lk_arena_shown_string(a, t->column[i].name);
        }
        return lk_arena_copy(a, "rowid");
    }
    for (size_t i = 0; i < s->keys; i++) {
        if (i > 0)
            lk_buffer_append_string(&text, ", ");
        lk_text_escape(lk_bytes_of(t->column[s->key_before[i]].name), &text);
    }
    const char *name = lk_buffer_string(&text);
    name = name == NULL ? NULL : lk_arena_copy(a, name);
    a->failed |= name == NULL;
    lk_buffer_reset(&text);
    return name;
}

static enum lk_status describe(struct compared *c, struct lk_error *err)
{
    const struct lk_diff_run *run = c->run;
    struct lk_arena *a = run->arena;
    const struct lk_table_schema *before = c->rows[0].schema, *after = c->rows[1].schema;
    const enum lk_status status = lk_diff_shape_new(before, after, &c->shape, err);
    if (status != LK_OK)
        return status;
    c->out->columns_added = list_columns(a, after, before);
    c->out->columns_removed = list_columns(a, before, after);
    c->out->key = key_name(a, before, c->shape);
    if (lk_arena_check(a, err) != LK_OK)
        return LK_FAILED;
    if (c->shape->keys_differ && !lk_diff_side_is_legacy(run->before) && !lk_diff_side_is_legacy(run->after))
        lk_diff_notes_add(
            run->notes,
            "Table \"%s\" has not the same PRIMARY KEY before and after: its rows are matched by %s.",
            c->out->name, c->out->key);
    return LK_OK;
}

/* ---- Rows */

static enum lk_status take_row(void *context, enum litekeep_change change, int64_t rowid,
                               const struct lk_value *before, const struct lk_value *after,
                               struct lk_error *err)
{
    return lk_diff_list_add(context, change, rowid, before, after, err);
}

static enum lk_status hand_on(void *context, enum litekeep_change change, const char *key, const char *before,
                              const char *after, struct lk_error *err)
{
    const struct compared *c = context;
    return c->run->on_row(c->run->context, c->out->name, change, key, before, after, err);
}

static enum lk_status merge(struct compared *c, const struct lk_diff_sink *sink,
                            struct lk_diff_counts *counts, struct lk_error *err)
{
    struct lk_diff_reader before = {0}, after = {0};
    enum lk_status status = lk_diff_reader_init(&before, &c->rows[0], err);
    if (status == LK_OK)
        status = lk_diff_reader_init(&after, &c->rows[1], err);
    if (status == LK_OK)
        status = lk_diff_merge(&before, &after, c->shape, sink, counts, err);
    c->seen[0] = before.count;
    c->seen[1] = after.count;
    lk_diff_reader_reset(&before);
    lk_diff_reader_reset(&after);
    return status;
}

/* Are rows told apart by what the content hashes cover? Where a rowid cannot be read, they are counted. */
static bool rowids_known(const struct lk_table_schema *t)
{
    if (t->hidden_rowid)
        return true;
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].is_rowid)
            return true;
    }
    return false;
}

static enum lk_status compare_rows(struct compared *c, struct lk_error *err)
{
    struct lk_diff_sink sink = {0};
    struct lk_diff_counts counts = {0};
    const struct lk_diff_shape *s = c->shape;
    const bool hashes_tell =
        s->same_columns &&
        (!s->by_rowid || (rowids_known(c->rows[0].schema) && rowids_known(c->rows[1].schema)));
    enum lk_status status = LK_OK;
    if (hashes_tell && c->input[0] != NULL && c->input[1] != NULL)
        status = lk_diff_input_skip_equal(c->input[0], c->input[1], err);
    if (status == LK_OK && c->run->on_row != NULL) {
        c->listener = (struct lk_diff_listener){.context = c, .row = hand_on};
        status = lk_diff_list_new(c->rows[0].schema, c->rows[1].schema, s, &c->listener, &c->list, err);
        sink = (struct lk_diff_sink){.context = c->list, .row = take_row};
    }
    /* The rows of one side alone need no key. */
    const bool alone = c->input[0] == NULL || c->input[1] == NULL;
    if (status == LK_OK && (s->by_rowid || alone))
        status = merge(c, &sink, &counts, err);
    else if (status == LK_OK)
        status = lk_diff_keyed(&c->rows[0], &c->rows[1], s, c->run->secret, &sink, &counts, c->seen, err);
    if (status == LK_OK && c->list != NULL)
        status = lk_diff_list_flush(c->list, err);
    c->out->added = counts.added;
    c->out->removed = counts.removed;
    c->out->changed = counts.changed;
    return status;
}

/* When most rows changed, it is not the rows that did. */
static void note_rowids(const struct compared *c)
{
    if (c->out->changed <= c->out->rows_after / 2 || !c->shape->by_rowid ||
        !c->rows[0].schema->hidden_rowid || !c->rows[1].schema->hidden_rowid ||
        lk_diff_side_is_legacy(c->run->before) || lk_diff_side_is_legacy(c->run->after))
        return;
    lk_diff_notes_add(
        c->run->notes,
        "Table \"%s\" has no PRIMARY KEY: its rows are matched by rowid, and VACUUM may give them "
        "other rowids.",
        c->out->name);
}

static enum lk_status compare_inputs(struct compared *c, struct lk_error *err)
{
    const uint64_t before = c->input[0] == NULL ? 0 : lk_diff_input_count(c->input[0]),
                   after = c->input[1] == NULL ? 0 : lk_diff_input_count(c->input[1]);
    const bool alone = c->input[0] == NULL || c->input[1] == NULL,
               counted = before != UINT64_MAX && after != UINT64_MAX;
    enum lk_status status = describe(c, err);
    if (status != LK_OK)
        return status;
    if (alone && counted && c->run->on_row == NULL) {
        c->out->removed = before;
        c->out->added = after;
    } else {
        status = compare_rows(c, err);
    }
    c->out->rows_before = before != UINT64_MAX ? before : c->seen[0];
    c->out->rows_after = after != UINT64_MAX ? after : c->seen[1];
    if (status == LK_OK)
        note_rowids(c);
    return status;
}

/* ---- The table */

/* By the manifests alone. The same columns in the same plan; another plan for equal rows is rare, and then
 * they are read. */
static bool equal_by_hash(const struct lk_diff_run *run, const struct lk_diff_side_table *before,
                          const struct lk_diff_side_table *after)
{
    if (before == NULL || after == NULL || before->stored == NULL || after->stored == NULL ||
        lk_diff_side_is_legacy(run->before) || lk_diff_side_is_legacy(run->after))
        return false;
    const struct lk_manifest_table *a = before->stored, *b = after->stored;
    return lk_hash128_equal(a->hash, b->hash) && a->rows == b->rows && a->columns_json != NULL &&
           b->columns_json != NULL && strcmp(a->columns_json, b->columns_json) == 0;
}

static const char *const nothing[] = {NULL};

/* What rows of a table would be matched by, that need not be read. */
static enum lk_status describe_same(const struct lk_diff_run *run, const struct lk_manifest_table *t,
                                    struct litekeep_diff_table *out, struct lk_error *err)
{
    struct lk_table_schema *schema = NULL;
    struct lk_plan *plan = NULL;
    struct lk_diff_shape *shape = NULL;
    enum lk_status status = lk_manifest_table_plan(t, &schema, &plan, err);
    if (status == LK_OK)
        status = lk_diff_shape_new(schema, schema, &shape, err);
    if (status == LK_OK)
        out->key = key_name(run->arena, schema, shape);
    if (status == LK_OK)
        status = lk_arena_check(run->arena, err);
    out->same = true;
    out->rows_before = out->rows_after = t->rows;
    out->columns_added = out->columns_removed = nothing;
    lk_diff_shape_free(shape);
    lk_table_schema_free(schema);
    lk_plan_free(plan);
    return status;
}

enum lk_status lk_diff_table(const struct lk_diff_run *run, const struct lk_diff_side_table *before,
                             const struct lk_diff_side_table *after, struct litekeep_diff_table *out,
                             struct lk_error *err)
{
    struct compared c = {.run = run, .out = out};
    assert(before != NULL || after != NULL);
    *out = (struct litekeep_diff_table){.before = before != NULL, .after = after != NULL};
    out->name = lk_arena_shown_string(run->arena, before != NULL ? before->name : after->name);
    if (out->name == NULL)
        return lk_arena_check(run->arena, err);
    if (equal_by_hash(run, before, after))
        return describe_same(run, before->stored, out, err);
    enum lk_status status = open_inputs(&c, before, after, err);
    if (status == LK_OK)
        status = compare_inputs(&c, err);
    lk_diff_list_free(c.list);
    lk_diff_shape_free(c.shape);
    lk_diff_input_free(c.input[0]);
    lk_diff_input_free(c.input[1]);
    return status;
}

bool lk_diff_table_differs(const struct litekeep_diff_table *t)
{
    return !t->before || !t->after || t->added + t->removed + t->changed > 0 || t->columns_added[0] != NULL ||
           t->columns_removed[0] != NULL;
}
