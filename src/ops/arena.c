#include "ops/arena.h"

#include <stdalign.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"

struct lk_arena_block {
    struct lk_arena_block *next;
    alignas(max_align_t) unsigned char data[];
};

void *lk_arena_take(struct lk_arena *a, size_t count, size_t size)
{
    if (a->failed || (size != 0 && count > (SIZE_MAX - sizeof(struct lk_arena_block)) / size)) {
        a->failed = true;
        return NULL;
    }
    struct lk_arena_block *block = lk_allocate_zeroed(1, sizeof *block + count * size);
    if (block == NULL) {
        a->failed = true;
        return NULL;
    }
    block->next = a->blocks;
    a->blocks = block;
    return block->data;
}

static const char *take_string(struct lk_arena *a, const void *ptr, size_t len)
{
    char *copy = lk_arena_take(a, len + 1, 1);
    if (copy != NULL && len > 0)
        memcpy(copy, ptr, len);
    return copy;
}

const char *lk_arena_copy(struct lk_arena *a, const char *text)
{
    return text == NULL ? NULL : take_string(a, text, strlen(text));
}

const char *lk_arena_shown(struct lk_arena *a, struct lk_bytes text)
{
    struct lk_buffer out = {0};
    lk_text_escape(text, &out);
    a->failed |= out.failed;
    const char *copy = take_string(a, out.data, out.len);
    lk_buffer_reset(&out);
    return copy;
}

const char *lk_arena_shown_string(struct lk_arena *a, const char *text)
{
    return text == NULL ? NULL : lk_arena_shown(a, lk_bytes_of(text));
}

const char *lk_arena_format(struct lk_arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : lk_arena_take(a, (size_t)len + 1, 1);
    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

enum lk_status lk_arena_check(const struct lk_arena *a, struct lk_error *err)
{
    return a->failed ? lk_fail_memory(err, "gathering the answer") : LK_OK;
}

void lk_arena_free(struct lk_arena *a)
{
    while (a->blocks != NULL) {
        struct lk_arena_block *block = a->blocks;
        a->blocks = block->next;
        lk_free(block);
    }
}
