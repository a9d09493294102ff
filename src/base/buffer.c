#include "base/buffer.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

enum { SMALLEST = 64 };

void lk_buffer_reset(struct lk_buffer *b)
{
    lk_free(b->data);
    *b = (struct lk_buffer){0};
}

void lk_buffer_trim(struct lk_buffer *b, size_t bytes)
{
    if (b->cap > bytes)
        lk_buffer_reset(b);
}

bool lk_buffer_grow(struct lk_buffer *b, size_t extra)
{
    if (b->failed)
        return false;
    if (b->data != NULL && b->cap - b->len >= extra)
        return true;
    b->failed = true;
    if (extra > SIZE_MAX - b->len)
        return false;
    size_t cap = b->len + extra;
    if (b->cap <= SIZE_MAX / 2 && cap < b->cap + b->cap / 2)
        cap = b->cap + b->cap / 2;
    if (cap < SMALLEST)
        cap = SMALLEST;
    uint8_t *data = lk_reallocate(b->data, cap);
    if (data == NULL)
        return false;
    b->data = data;
    b->cap = cap;
    b->failed = false;
    return true;
}

void lk_buffer_append_format(struct lk_buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        b->failed = true;
    } else if (lk_buffer_reserve(b, (size_t)len + 1)) {
        (void)vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

const char *lk_buffer_string(struct lk_buffer *b)
{
    if (!lk_buffer_reserve(b, 1))
        return NULL;
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

enum lk_status lk_buffer_check(const struct lk_buffer *b, const char *what, struct lk_error *err)
{
    return b->failed ? lk_fail_memory(err, what) : LK_OK;
}
