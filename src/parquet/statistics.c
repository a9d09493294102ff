#include "parquet/statistics.h"

#include <math.h>

static struct lk_bytes bytes_of(const struct lk_parquet_metadata *m, const struct lk_parquet_bound *b)
{
    return b->len == 0 ? lk_bytes_of("") : lk_bytes(m->bounds.data + b->at, b->len);
}

static double get_f32(const uint8_t *from)
{
    const uint32_t bits = lk_get_u32(from);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* A bound as SQLite's value; false when it is none of the conversion's. */
static bool get_value(const struct lk_conversion *c, struct lk_bytes bound, struct lk_value *out)
{
    const bool wide = c->type.width == 8;
    *out = (struct lk_value){.class = LK_INTEGER};
    switch (c->kind) {
    case LK_CONVERT_BOOLEAN:
        if (bound.len != 1 || bound.ptr[0] > 1)
            return false;
        out->integer = bound.ptr[0];
        return true;
    case LK_CONVERT_SIGNED:
    case LK_CONVERT_UNSIGNED:
        if (bound.len != c->type.width || (wide && c->kind == LK_CONVERT_UNSIGNED))
            return false;
        if (wide)
            out->integer = (int64_t)lk_get_u64(bound.ptr);
        else
            out->integer = c->kind == LK_CONVERT_SIGNED ? (int64_t)(int32_t)lk_get_u32(bound.ptr)
                                                        : (int64_t)lk_get_u32(bound.ptr);
        return true;
    case LK_CONVERT_REAL:
        if (bound.len != c->type.width)
            return false;
        out->class = LK_REAL;
        out->real = wide ? lk_get_f64(bound.ptr) : get_f32(bound.ptr);
        return !isnan(out->real);
    case LK_CONVERT_TEXT:
        out->class = LK_TEXT;
        out->bytes = bound;
        return true;
    case LK_CONVERT_FLOAT16:
    case LK_CONVERT_DECIMAL:
    case LK_CONVERT_DATE:
    case LK_CONVERT_TIME:
    case LK_CONVERT_TIMESTAMP:
    case LK_CONVERT_INT96:
    case LK_CONVERT_UUID:
    case LK_CONVERT_BLOB:
        break;
    }
    return false;
}

/* Bounds in the wrong order are some writer's mistake. */
static bool in_order(const struct lk_value *least, const struct lk_value *greatest)
{
    if (least->class == LK_INTEGER)
        return least->integer <= greatest->integer;
    if (least->class == LK_REAL)
        return least->real <= greatest->real;
    const size_t a = least->bytes.len, b = greatest->bytes.len;
    const int c = memcmp(least->bytes.ptr, greatest->bytes.ptr, a < b ? a : b);
    return c < 0 || (c == 0 && a <= b);
}

enum lk_statistics lk_statistics_range(const struct lk_parquet_metadata *m, size_t group, size_t leaf,
                                       const struct lk_conversion *c, struct lk_value *least,
                                       struct lk_value *greatest)
{
    const struct lk_parquet_chunk *chunk = &m->group[group].chunk[leaf];
    const struct lk_parquet_statistics *s = &chunk->statistics;
    *least = *greatest = (struct lk_value){.class = LK_NULL};
    if (chunk->problem != NULL || m->leaf[leaf].nested)
        return LK_STATISTICS_NONE;
    if (s->nulls_known && s->nulls == m->group[group].rows)
        return LK_STATISTICS_ALL_NULL;
    const bool ordered = s->old ? c->kind == LK_CONVERT_SIGNED : m->leaf[leaf].ordered;
    if (!ordered || !s->least.known || !s->greatest.known || !get_value(c, bytes_of(m, &s->least), least) ||
        !get_value(c, bytes_of(m, &s->greatest), greatest) || !in_order(least, greatest)) {
        *least = *greatest = (struct lk_value){.class = LK_NULL};
        return LK_STATISTICS_NONE;
    }
    return LK_STATISTICS_RANGE;
}
