#include "parquet/encode_stats.h"

#include <math.h>

#include "base/text.h"

static void set(struct lk_encode_stat *s, const void *bytes, size_t len)
{
    s->known = s->exact = true;
    s->len = (uint8_t)len;
    memcpy(s->bytes, bytes, len);
}

void lk_encode_stats_int64(const uint8_t *values, size_t count, struct lk_encode_stats *out)
{
    *out = (struct lk_encode_stats){0};
    if (count == 0)
        return;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        const int64_t value = (int64_t)lk_get_u64(values + i * 8);
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    uint8_t bytes[8];
    lk_put_u64(bytes, (uint64_t)min);
    set(&out->min, bytes, 8);
    lk_put_u64(bytes, (uint64_t)max);
    set(&out->max, bytes, 8);
}

void lk_encode_stats_double(const uint8_t *values, size_t count, struct lk_encode_stats *out)
{
    *out = (struct lk_encode_stats){0};
    if (count == 0)
        return;
    double min = INFINITY, max = -INFINITY;
    bool nan = false;
    for (size_t i = 0; i < count; i++) {
        const double value = lk_get_f64(values + i * 8);
        nan |= isnan(value);
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    if (nan)
        return;
    uint8_t bytes[8];
    lk_put_f64(bytes, min == 0 ? -0.0 : min);
    set(&out->min, bytes, 8);
    lk_put_f64(bytes, max == 0 ? 0.0 : max);
    set(&out->max, bytes, 8);
}

void lk_encode_stats_boolean(const uint8_t *values, size_t count, struct lk_encode_stats *out)
{
    *out = (struct lk_encode_stats){0};
    if (count == 0)
        return;
    const uint8_t min = memchr(values, 0, count) == NULL;
    const uint8_t max = memchr(values, 1, count) != NULL;
    set(&out->min, &min, 1);
    set(&out->max, &max, 1);
}

static int compare(struct lk_bytes a, struct lk_bytes b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int c = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Bytes from `skip` on as a big-endian number, zeros after the end: when two keys differ they order the
 * values. */
static uint64_t key_of(const uint8_t *ptr, size_t len, size_t skip)
{
    uint64_t key = 0;
    if (len >= skip + 8) {
        memcpy(&key, ptr + skip, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        key = __builtin_bswap64(key);
#endif
        return key;
    }
    for (size_t i = 0; i < 8; i++)
        key = key << 8 | (skip + i < len ? ptr[skip + i] : 0);
    return key;
}

static void set_keys(struct lk_encode_stats_range *r)
{
    const size_t len = r->min.len < r->max.len ? r->min.len : r->max.len;
    size_t common = 0;
    while (common < len && r->min.ptr[common] == r->max.ptr[common])
        common++;
    r->common = common;
    r->start_key = key_of(r->min.ptr, r->min.len, 0);
    r->min_key = key_of(r->min.ptr, r->min.len, common);
    r->max_key = key_of(r->max.ptr, r->max.len, common);
}

/* Does the value begin with what min and max have in common? */
static bool starts_alike(const struct lk_encode_stats_range *r, const uint8_t *ptr, size_t len)
{
    if (len < r->common)
        return false;
    if (r->common == 0)
        return true;
    const uint64_t differs = key_of(ptr, len, 0) ^ r->start_key;
    if (r->common <= 8)
        return differs >> (64 - 8 * r->common) == 0;
    if (differs != 0)
        return false;
    /* A comparison of 8 bytes is no call; up to 16 they overlap the first ones. */
    if (r->common <= 16)
        return memcmp(ptr + r->common - 8, r->min.ptr + r->common - 8, 8) == 0;
    return memcmp(ptr + 8, r->min.ptr + 8, r->common - 8) == 0;
}

void lk_encode_stats_range_add(struct lk_encode_stats_range *r, const uint8_t *ptr, size_t len)
{
    if (len > LK_ENCODE_STATS_HUGE)
        r->huge = true;
    if (r->huge)
        return;
    const struct lk_bytes value = lk_bytes(ptr, len);
    if (r->count++ == 0) {
        r->min = r->max = value;
        set_keys(r);
        return;
    }
    /* Values that begin alike, as most do, are ordered by the 8 bytes that follow, however much they have in
     * common; what min and max have in common stays the same when one of them is replaced by such a value. */
    if (starts_alike(r, ptr, len)) {
        const uint64_t key = key_of(ptr, len, r->common);
        if (key > r->min_key && key < r->max_key)
            return;
        if (key > r->max_key) {
            r->max = value;
            r->max_key = key;
            return;
        }
        if (key < r->min_key) {
            r->min = value;
            r->min_key = key;
            return;
        }
    }
    if (compare(value, r->min) < 0)
        r->min = value;
    else if (compare(value, r->max) > 0)
        r->max = value;
    else
        return;
    set_keys(r);
}

/* The code point of the last character of valid UTF-8 and where it starts. */
static uint32_t last_character(const uint8_t *ptr, size_t len, size_t *start)
{
    size_t at = len - 1;
    while (at > 0 && (ptr[at] & 0xc0) == 0x80)
        at--;
    *start = at;
    const size_t n = len - at;
    uint32_t c = n == 1 ? ptr[at] : ptr[at] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (ptr[at + i] & 0x3fu);
    return c;
}

static size_t put_character(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (uint8_t)(0x80 | (c & 0x3f));
    to[0] = (uint8_t)(0xf00u >> n | c);
    return n;
}

/* Make the string the least that is greater than all that begin with it; false when there is none. The order
 * of code points is that of their UTF-8 bytes. */
static bool increment_utf8(struct lk_encode_stat *s)
{
    while (s->len > 0) {
        size_t start;
        const uint32_t c = last_character(s->bytes, s->len, &start);
        s->len = (uint8_t)start;
        if (c < 0x10ffff) {
            s->len = (uint8_t)(start + put_character(s->bytes + start, c == 0xd7ff ? 0xe000 : c + 1));
            return true;
        }
    }
    return false;
}

static bool increment_bytes(struct lk_encode_stat *s)
{
    while (s->len > 0 && s->bytes[s->len - 1] == 0xff)
        s->len--;
    if (s->len == 0)
        return false;
    s->bytes[s->len - 1]++;
    return true;
}

void lk_encode_stats_range_finish(const struct lk_encode_stats_range *r, bool utf8,
                                  struct lk_encode_stats *out)
{
    *out = (struct lk_encode_stats){0};
    if (r->count == 0 || r->huge)
        return;
    const struct lk_bytes ends[2] = {r->min, r->max};
    for (int i = 0; i < 2; i++) {
        struct lk_encode_stat *s = i == 0 ? &out->min : &out->max;
        size_t len = ends[i].len;
        if (len > LK_ENCODE_STATS_SIZE)
            len = utf8 ? lk_utf8_cut(ends[i].ptr, len, LK_ENCODE_STATS_SIZE) : LK_ENCODE_STATS_SIZE;
        set(s, ends[i].ptr, len);
        s->exact = len == ends[i].len;
    }
    if (!out->max.exact)
        out->max.known = utf8 ? increment_utf8(&out->max) : increment_bytes(&out->max);
}
