/* A growing array of bytes with a sticky error: once memory is out, `failed` is set, further appends do
 * nothing, and the contents are whole up to the last successful append. A writer appends freely and checks
 * once. */
#ifndef LK_BASE_BUFFER_H
#define LK_BASE_BUFFER_H

#include "base/bytes.h"
#include "base/error.h"

struct lk_buffer {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed;
};

/* The empty buffer is {0}: `struct lk_buffer b = {0};`. */

/* Free the memory; the buffer is empty and usable again. */
void lk_buffer_reset(struct lk_buffer *b);

/* Length 0, memory kept, `failed` cleared. */
static inline void lk_buffer_clear(struct lk_buffer *b)
{
    b->len = 0;
    b->failed = false;
}

/* Give the memory back, with the contents, if it is more than `bytes`: what was huge has passed through. */
void lk_buffer_trim(struct lk_buffer *b, size_t bytes);

/* Make room for `extra` more bytes; false (and b->failed) when memory is out. Grows by at least half:
 * amortised O(1). */
bool lk_buffer_grow(struct lk_buffer *b, size_t extra);

static inline bool lk_buffer_reserve(struct lk_buffer *b, size_t extra)
{
    return b->cap - b->len >= extra ? !b->failed : lk_buffer_grow(b, extra);
}

/* `len` more bytes at the end, uninitialised, for the caller to fill; NULL when memory is out. */
static inline uint8_t *lk_buffer_extend(struct lk_buffer *b, size_t len)
{
    /* At least one byte, so that NULL means no memory even when len is 0. */
    if (!lk_buffer_reserve(b, len > 0 ? len : 1))
        return NULL;
    uint8_t *at = b->data + b->len;
    b->len += len;
    return at;
}

static inline void lk_buffer_append(struct lk_buffer *b, const void *ptr, size_t len)
{
    uint8_t *at = lk_buffer_extend(b, len);
    if (at != NULL && len > 0)
        memcpy(at, ptr, len);
}

static inline void lk_buffer_append_byte(struct lk_buffer *b, uint8_t byte)
{
    uint8_t *at = lk_buffer_extend(b, 1);
    if (at != NULL)
        *at = byte;
}

static inline void lk_buffer_append_string(struct lk_buffer *b, const char *text)
{
    lk_buffer_append(b, text, strlen(text));
}

void lk_buffer_append_format(struct lk_buffer *b, const char *format, ...) LK_PRINTF(2, 3);

static inline struct lk_bytes lk_buffer_bytes(const struct lk_buffer *b)
{
    return lk_bytes(b->data, b->len);
}

/* The contents as a NUL-terminated string (the NUL is not counted in len); NULL when the buffer failed. */
const char *lk_buffer_string(struct lk_buffer *b);

/* LK_OK, or LK_FAILED "out of memory while <what>" when the buffer failed. */
enum lk_status lk_buffer_check(const struct lk_buffer *b, const char *what, struct lk_error *err) LK_CHECKED;

#endif
