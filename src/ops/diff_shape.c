#include "ops/diff_shape.h"

#include <string.h>
#include <strings.h>

#include "base/memory.h"

size_t lk_diff_shape_find(const struct lk_table_schema *t, const char *name)
{
    for (size_t i = 0; i < t->columns; i++) {
        if (strcasecmp(t->column[i].name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* The INTEGER PRIMARY KEY's name; NULL: there is none. */
static const char *alias_name(const struct lk_table_schema *t)
{
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].is_rowid)
            return t->column[i].name;
    }
    return NULL;
}

/* Is the rowid an INTEGER PRIMARY KEY on both sides, the same one or one that was renamed? */
static bool same_alias(const struct lk_table_schema *before, const struct lk_table_schema *after)
{
    const char *a = alias_name(before), *b = alias_name(after);
    if (a == NULL || b == NULL)
        return false;
    return strcasecmp(a, b) == 0 ||
           (lk_diff_shape_find(after, a) == SIZE_MAX && lk_diff_shape_find(before, b) == SIZE_MAX);
}

/* The columns of the PRIMARY KEY in its order, into out[t->columns]; how many. */
static size_t list_key(const struct lk_table_schema *t, size_t *out)
{
    size_t count = 0;
    for (size_t position = 1; position <= t->columns; position++) {
        const size_t before = count;
        for (size_t i = 0; i < t->columns && count == before; i++) {
            if (t->column[i].key > 0 && (size_t)t->column[i].key == position)
                out[count++] = i;
        }
        if (count == before)
            break;
    }
    return count;
}

static bool same_columns(const struct lk_table_schema *a, const struct lk_table_schema *b)
{
    if (a->columns != b->columns || a->hidden_rowid != b->hidden_rowid)
        return false;
    for (size_t i = 0; i < a->columns; i++) {
        if (strcasecmp(a->column[i].name, b->column[i].name) != 0)
            return false;
    }
    return true;
}

/* The same columns in the other table; false when it lacks one. */
static bool translate(const struct lk_table_schema *from, const size_t *columns, size_t count,
                      const struct lk_table_schema *to, size_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = lk_diff_shape_find(to, from->column[columns[i]].name);
        if (out[i] == SIZE_MAX)
            return false;
    }
    return true;
}

static void find_common(const struct lk_table_schema *before, const struct lk_table_schema *after,
                        struct lk_diff_shape *s)
{
    for (size_t i = 0; i < before->columns; i++) {
        const char *name = before->column[i].name;
        /* Mostly they stand where they stood. */
        const bool there = i < after->columns && strcasecmp(after->column[i].name, name) == 0;
        const size_t at = there ? i : lk_diff_shape_find(after, name);
        if (at == SIZE_MAX)
            continue;
        s->before[s->columns] = i;
        s->after[s->columns++] = at;
    }
}

/* The PRIMARY KEY of `from` for both sides; 0 when it has none, or columns that the other side lacks. */
static size_t share_key(const struct lk_table_schema *from, const struct lk_table_schema *to,
                        size_t *from_key, size_t *to_key)
{
    const size_t count = list_key(from, from_key);
    return translate(from, from_key, count, to, to_key) ? count : 0;
}

static void choose_key(const struct lk_table_schema *before, const struct lk_table_schema *after,
                       struct lk_diff_shape *s)
{
    const size_t keys_before = list_key(before, s->key_before), keys_after = list_key(after, s->key_after);
    s->keys_differ = keys_before != keys_after;
    for (size_t i = 0; !s->keys_differ && i < keys_before; i++)
        s->keys_differ =
            strcasecmp(before->column[s->key_before[i]].name, after->column[s->key_after[i]].name) != 0;
    s->by_rowid = same_alias(before, after) || keys_before + keys_after == 0;
    if (s->by_rowid)
        return;
    s->keys = share_key(before, after, s->key_before, s->key_after);
    if (s->keys == 0)
        s->keys = share_key(after, before, s->key_after, s->key_before);
    if (s->keys != 0)
        return;
    s->keys = s->columns;
    memcpy(s->key_before, s->before, s->columns * sizeof *s->before);
    memcpy(s->key_after, s->after, s->columns * sizeof *s->after);
}

enum lk_status lk_diff_shape_new(const struct lk_table_schema *before, const struct lk_table_schema *after,
                                 struct lk_diff_shape **out, struct lk_error *err)
{
    const size_t most = before->columns > after->columns ? before->columns : after->columns;
    struct lk_diff_shape *s = lk_allocate_zeroed(1, sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "comparing columns");
    s->before = lk_allocate_zeroed(most, sizeof *s->before);
    s->after = lk_allocate_zeroed(most, sizeof *s->after);
    s->key_before = lk_allocate_zeroed(most, sizeof *s->key_before);
    s->key_after = lk_allocate_zeroed(most, sizeof *s->key_after);
    if (s->before == NULL || s->after == NULL || s->key_before == NULL || s->key_after == NULL) {
        lk_diff_shape_free(s);
        return lk_fail_memory(err, "comparing columns");
    }
    find_common(before, after, s);
    choose_key(before, after, s);
    s->same_columns = same_columns(before, after);
    *out = s;
    return LK_OK;
}

void lk_diff_shape_free(struct lk_diff_shape *s)
{
    if (s == NULL)
        return;
    lk_free(s->before);
    lk_free(s->after);
    lk_free(s->key_before);
    lk_free(s->key_after);
    lk_free(s);
}
