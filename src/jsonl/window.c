#include "jsonl/window.h"

#include <assert.h>

#include "base/memory.h"
#include "jsonl/json_value.h"

#define WINDOW_BYTES (256u << 10) /* fits in a core's cache with what is made of it */
#define WINDOW_KEPT (4u << 20)    /* a larger one is given back once the long line is read */
#define LINE_MAX_BYTES UINT64_C(0xfffff000)

/* Keeps the first `filled` bytes; at and limit are set anew by the caller. */
static bool resize(struct lk_window *w, size_t cap)
{
    uint8_t *bytes = lk_reallocate(w->bytes, cap + 1 + LK_LINE_SLACK);
    if (bytes == NULL)
        return false;
    w->bytes = bytes;
    w->cap = cap;
    return true;
}

enum lk_status lk_window_open(struct lk_window *w, const struct lk_input *in, uint64_t offset, uint64_t end,
                              enum lk_codec codec, struct lk_error *err)
{
    lk_inflater_free(w->stream);
    w->stream = NULL;
    if (w->bytes == NULL && !resize(w, WINDOW_BYTES))
        return lk_fail_memory(err, "preparing to read JSON lines");
    w->in = in;
    w->offset = offset;
    w->line = 0;
    w->filled = 0;
    w->at = w->limit = w->bytes;
    w->ended = false;
    return lk_inflater_new(in, offset, end, codec, &w->stream, err);
}

void lk_window_reset(struct lk_window *w)
{
    lk_inflater_free(w->stream);
    lk_free(w->bytes);
    *w = (struct lk_window){0};
}

enum lk_status lk_window_fail(const struct lk_window *w, uint64_t line, size_t byte, const char *reason,
                              struct lk_error *err)
{
    static const char way_out[] =
        "the file is damaged or no JSON lines of this table: use another format or another backup";
    if (w->offset == 0)
        return lk_fail(err, LK_DAMAGED, "%s, line %llu, byte %zu: %s; %s", lk_input_name(w->in),
                       (unsigned long long)line, byte, reason, way_out);
    return lk_fail(err, LK_DAMAGED, "%s, line %llu after offset %llu, byte %zu: %s; %s", lk_input_name(w->in),
                   (unsigned long long)line, (unsigned long long)w->offset, byte, reason, way_out);
}

/* Room for more text behind `filled`: the window grows when one line fills it. */
static enum lk_status make_room(struct lk_window *w, struct lk_error *err)
{
    if (w->filled < w->cap)
        return LK_OK;
    if (w->cap >= LINE_MAX_BYTES)
        return lk_window_fail(w, w->line + 1, 1, "the line is longer than 4 GiB", err);
    uint64_t cap = (uint64_t)w->cap + w->cap / 2;
    cap = cap > LINE_MAX_BYTES ? LINE_MAX_BYTES : cap;
    if (cap > SIZE_MAX / 2 || !resize(w, (size_t)cap))
        return lk_fail_memory(err, "reading a long line of JSON");
    return LK_OK;
}

/* Have at least one whole line, unless the stream ends. */
static enum lk_status refill(struct lk_window *w, struct lk_error *err)
{
    assert(w->at == w->limit);
    size_t limit = 0;
    const size_t read = (size_t)(w->at - w->bytes);
    w->filled -= read;
    memmove(w->bytes, w->bytes + read, w->filled);
    if (w->cap > WINDOW_KEPT && w->filled < WINDOW_BYTES)
        (void)resize(w, WINDOW_BYTES);
    w->at = w->limit = w->bytes;
    while (limit == 0 && !w->ended) {
        enum lk_status status = make_room(w, err);
        w->at = w->limit = w->bytes;
        if (status != LK_OK)
            return status;
        size_t got = 0;
        status = lk_inflater_read(w->stream, w->bytes + w->filled, w->cap - w->filled, &got, err);
        if (status != LK_OK)
            return status;
        if (got == 0) {
            w->ended = true;
            if (w->filled > 0)
                w->bytes[w->filled++] = '\n';
            limit = w->filled;
            break;
        }
        const uint8_t *last = memrchr(w->bytes + w->filled, '\n', got);
        w->filled += got;
        if (last != NULL)
            limit = (size_t)(last + 1 - w->bytes);
    }
    memset(w->bytes + w->filled, 0, LK_LINE_SLACK);
    w->limit = w->bytes + limit;
    return LK_OK;
}

static void skip_blank(struct lk_window *w)
{
    if (w->line == 0 && w->offset == 0 && w->at == w->bytes && w->limit - w->at >= 3 &&
        memcmp(w->at, "\xef\xbb\xbf", 3) == 0)
        w->at += 3;
    while (w->at < w->limit && *w->at != '{') {
        const uint8_t *end = lk_json_value_space(w->at);
        if (*end != '\n')
            return;
        w->at = end + 1;
        w->line++;
    }
}

enum lk_status lk_window_fill(struct lk_window *w, struct lk_error *err)
{
    for (;;) {
        if (w->at == w->limit) {
            const enum lk_status status = refill(w, err);
            if (status != LK_OK || w->at == w->limit)
                return status;
        }
        skip_blank(w);
        if (w->at < w->limit)
            return LK_OK;
    }
}
