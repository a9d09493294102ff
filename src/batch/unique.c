#include "batch/unique.h"

#include "base/keys.h"
#include "base/memory.h"

#define UNDERSCORES_MAX 4u

static void fold(struct lk_bytes name, struct lk_buffer *out)
{
    lk_buffer_clear(out);
    lk_buffer_append(out, name.ptr, name.len);
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] >= 'A' && out->data[i] <= 'Z')
            out->data[i] |= 0x20;
}

/* Numbers, in the end, so that thousands of names do not need thousands of underscores. */
static void append_suffix(struct lk_buffer *name, size_t column, size_t attempt)
{
    if (attempt > UNDERSCORES_MAX)
        lk_buffer_append_format(name, "_%zu", column + attempt);
    for (size_t i = 0; attempt <= UNDERSCORES_MAX && i < attempt; i++)
        lk_buffer_append_byte(name, '_');
}

/* Note `name` in its folded form; *added is false when it was there. False when memory is out. */
static bool take(struct lk_keys *taken, const struct lk_buffer *folded, bool *added)
{
    if (folded->failed)
        return false;
    *added = lk_keys_find(taken, lk_buffer_bytes(folded)) == LK_KEYS_NONE;
    return !*added || lk_keys_add(taken, lk_buffer_bytes(folded)) != LK_KEYS_NONE;
}

/* The suffix with which the name is free, appended to it in `out`. */
static bool find_name(struct lk_keys *taken, struct lk_bytes name, size_t column, struct lk_buffer *out)
{
    bool added = false;
    size_t attempt = 0;
    while (!added) {
        fold(name, out);
        append_suffix(out, column, ++attempt);
        if (!take(taken, out, &added))
            return false;
    }
    lk_buffer_clear(out);
    lk_buffer_append(out, name.ptr, name.len);
    append_suffix(out, column, attempt);
    return true;
}

bool lk_unique_columns(struct lk_table_schema *t, const struct lk_unique_column *column, size_t count)
{
    struct lk_keys *taken = lk_keys_new();
    struct lk_buffer name = {0};
    bool *first = lk_allocate_zeroed(count + 1, sizeof *first);
    bool done = taken != NULL && first != NULL;
    /* Names that are free come first, so that no suffix takes one away. */
    for (size_t i = 0; done && i < count; i++) {
        fold(column[i].name, &name);
        done = take(taken, &name, &first[i]);
    }
    for (size_t i = 0; done && i < count; i++) {
        if (first[i]) {
            lk_buffer_clear(&name);
            lk_buffer_append(&name, column[i].name.ptr, column[i].name.len);
        } else {
            done = find_name(taken, column[i].name, i, &name);
        }
        const char *text = lk_buffer_string(&name);
        done = done && text != NULL && lk_table_schema_add(t, text, column[i].declared_type) != NULL;
    }
    lk_keys_free(taken);
    lk_buffer_reset(&name);
    lk_free(first);
    return done;
}
