#include "ops/diff_notes.h"

#include <stdio.h>

#include "base/memory.h"

void lk_diff_notes_init(struct lk_diff_notes *n)
{
    *n = (struct lk_diff_notes){0};
    (void)pthread_mutex_init(&n->lock, NULL);
}

void lk_diff_notes_take(void *notes, const char *message)
{
    struct lk_diff_notes *n = notes;
    bool there = false;
    (void)pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->texts.count; i++)
        there |= strcmp(n->texts.text[i], message) == 0;
    if (!there && !lk_manifest_add_text(&n->texts, message))
        n->failed = true;
    (void)pthread_mutex_unlock(&n->lock);
}

void lk_diff_notes_add(struct lk_diff_notes *n, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : lk_allocate((size_t)len + 1);
    if (text != NULL) {
        (void)vsnprintf(text, (size_t)len + 1, format, again);
        lk_diff_notes_take(n, text);
        lk_free(text);
    } else {
        (void)pthread_mutex_lock(&n->lock);
        n->failed = true;
        (void)pthread_mutex_unlock(&n->lock);
    }
    va_end(again);
}

enum lk_status lk_diff_notes_list(const struct lk_diff_notes *n, struct lk_arena *a, const char *const **out,
                                  struct lk_error *err)
{
    const char **list = lk_arena_take(a, n->texts.count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < n->texts.count; i++)
        list[i] = lk_arena_copy(a, n->texts.text[i]);
    *out = list;
    return n->failed ? lk_fail_memory(err, "gathering the answer") : lk_arena_check(a, err);
}

void lk_diff_notes_clear(struct lk_diff_notes *n)
{
    for (size_t i = 0; i < n->texts.count; i++)
        lk_free(n->texts.text[i]);
    lk_free(n->texts.text);
    n->texts = (struct lk_manifest_texts){0};
}

void lk_diff_notes_reset(struct lk_diff_notes *n)
{
    lk_diff_notes_clear(n);
    (void)pthread_mutex_destroy(&n->lock);
}
