/* A view of bytes. Never owns, never NUL-terminated by contract. */
#ifndef LK_BASE_BYTES_H
#define LK_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct lk_bytes {
    const uint8_t *ptr; /* may be NULL only when len is 0 */
    size_t len;
};

static inline struct lk_bytes lk_bytes(const void *ptr, size_t len)
{
    return (struct lk_bytes){(const uint8_t *)ptr, len};
}

static inline struct lk_bytes lk_bytes_of(const char *text)
{
    return (struct lk_bytes){(const uint8_t *)text, strlen(text)};
}

static inline bool lk_bytes_equal(struct lk_bytes a, struct lk_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Little-endian loads and stores at any alignment: the layout of every format that litekeep writes. */
static inline void lk_put_u32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}

static inline uint32_t lk_get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline void lk_put_u64(uint8_t *to, uint64_t value)
{
    lk_put_u32(to, (uint32_t)value);
    lk_put_u32(to + 4, (uint32_t)(value >> 32));
}

static inline uint64_t lk_get_u64(const uint8_t *from)
{
    return (uint64_t)lk_get_u32(from) | (uint64_t)lk_get_u32(from + 4) << 32;
}

static inline void lk_put_f64(uint8_t *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    lk_put_u64(to, bits);
}

static inline double lk_get_f64(const uint8_t *from)
{
    const uint64_t bits = lk_get_u64(from);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
