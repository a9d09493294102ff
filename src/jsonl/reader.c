#include "jsonl/reader.h"

#include <assert.h>

#include "base/memory.h"
#include "jsonl/line.h"

#define WINDOW_BYTES (256u << 10) /* fits in a core's cache with what is made of it */
#define WINDOW_KEPT (4u << 20)    /* a larger one is given back once the long line is read */
#define LINE_MAX_BYTES UINT64_C(0xfffff000)

struct lk_jsonl_reader {
    enum lk_codec codec;
    struct lk_line_parser *parser;
    const struct lk_input *in; /* borrowed */
    uint64_t offset;
    struct lk_inflater *stream;
    int64_t next_rowid;
    uint64_t line; /* lines read */
    /* The window on the text: [at, limit) are whole lines, [limit, filled) is the start of the next.
     * A byte for a missing
     * \n and LK_LINE_SLACK more are there. */
    uint8_t *window;
    size_t cap;
    size_t at, limit, filled;
    bool ended; /* the stream has no more */
};

static bool resize_window(struct lk_jsonl_reader *r, size_t cap)
{
    uint8_t *window = lk_reallocate(r->window, cap + 1 + LK_LINE_SLACK);
    if (window == NULL)
        return false;
    r->window = window;
    r->cap = cap;
    return true;
}

enum lk_status lk_jsonl_reader_new(const struct lk_input *in, uint64_t offset, uint64_t end,
                                   enum lk_codec codec, const struct lk_table_schema *schema,
                                   const struct lk_plan *plan, int64_t first_rowid,
                                   struct lk_jsonl_reader **out, struct lk_error *err)
{
    struct lk_jsonl_reader *r = lk_allocate_zeroed(1, sizeof *r);
    if (r == NULL)
        return lk_fail_memory(err, "preparing to read JSON lines");
    r->codec = codec;
    enum lk_status status = LK_OK;
    if (!resize_window(r, WINDOW_BYTES))
        status = lk_fail_memory(err, "preparing to read JSON lines");
    if (status == LK_OK)
        status = lk_line_parser_new(schema, plan, &r->parser, err);
    if (status == LK_OK)
        status = lk_jsonl_reader_reset(r, in, offset, end, first_rowid, err);
    if (status != LK_OK) {
        lk_jsonl_reader_free(r);
        return status;
    }
    *out = r;
    return LK_OK;
}

void lk_jsonl_reader_free(struct lk_jsonl_reader *r)
{
    if (r == NULL)
        return;
    lk_inflater_free(r->stream);
    lk_line_parser_free(r->parser);
    lk_free(r->window);
    lk_free(r);
}

enum lk_status lk_jsonl_reader_reset(struct lk_jsonl_reader *r, const struct lk_input *in, uint64_t offset,
                                     uint64_t end, int64_t first_rowid, struct lk_error *err)
{
    lk_inflater_free(r->stream);
    r->stream = NULL;
    r->in = in;
    r->offset = offset;
    r->next_rowid = first_rowid;
    r->line = 0;
    r->at = r->limit = r->filled = 0;
    r->ended = false;
    return lk_inflater_new(in, offset, end, r->codec, &r->stream, err);
}

static enum lk_status fail_at_line(const struct lk_jsonl_reader *r, uint64_t line, const char *reason,
                                   size_t byte, struct lk_error *err)
{
    static const char way_out[] =
        "the file is damaged or no JSON lines of this table: use another format or another backup";
    if (r->offset == 0)
        return lk_fail(err, LK_DAMAGED, "%s, line %llu, byte %zu: %s; %s", lk_input_name(r->in),
                       (unsigned long long)line, byte, reason, way_out);
    return lk_fail(err, LK_DAMAGED, "%s, line %llu after offset %llu, byte %zu: %s; %s", lk_input_name(r->in),
                   (unsigned long long)line, (unsigned long long)r->offset, byte, reason, way_out);
}

/* Room for more text behind `filled`: the window grows when one line fills it. */
static enum lk_status make_room(struct lk_jsonl_reader *r, struct lk_error *err)
{
    if (r->filled < r->cap)
        return LK_OK;
    if (r->cap >= LINE_MAX_BYTES)
        return fail_at_line(r, r->line + 1, "the line is longer than 4 GiB", 1, err);
    uint64_t cap = (uint64_t)r->cap + r->cap / 2;
    cap = cap > LINE_MAX_BYTES ? LINE_MAX_BYTES : cap;
    if (cap > SIZE_MAX / 2 || !resize_window(r, (size_t)cap))
        return lk_fail_memory(err, "reading a long line of JSON");
    return LK_OK;
}

/* Have at least one whole line at `at`, unless the stream ends. */
static enum lk_status refill(struct lk_jsonl_reader *r, struct lk_error *err)
{
    assert(r->at == r->limit);
    memmove(r->window, r->window + r->at, r->filled - r->at);
    r->filled -= r->at;
    r->at = r->limit = 0;
    if (r->cap > WINDOW_KEPT && r->filled < WINDOW_BYTES)
        (void)resize_window(r, WINDOW_BYTES);
    while (r->limit == 0 && !r->ended) {
        enum lk_status status = make_room(r, err);
        if (status != LK_OK)
            return status;
        size_t got = 0;
        status = lk_inflater_read(r->stream, r->window + r->filled, r->cap - r->filled, &got, err);
        if (status != LK_OK)
            return status;
        if (got == 0) {
            r->ended = true;
            if (r->filled > 0)
                r->window[r->filled++] = '\n';
            r->limit = r->filled;
            break;
        }
        const uint8_t *last = memrchr(r->window + r->filled, '\n', got);
        r->filled += got;
        if (last != NULL)
            r->limit = (size_t)(last + 1 - r->window);
    }
    memset(r->window + r->filled, 0, LK_LINE_SLACK);
    return LK_OK;
}

/* Blank lines are none. So is a byte order mark before the first. */
static void skip_blank(struct lk_jsonl_reader *r)
{
    if (r->line == 0 && r->offset == 0 && r->limit - r->at >= 3 &&
        memcmp(r->window + r->at, "\xef\xbb\xbf", 3) == 0)
        r->at += 3;
    while (r->at < r->limit && r->window[r->at] != '{') {
        const size_t end = (size_t)(lk_json_value_space(r->window + r->at) - r->window);
        if (r->window[end] != '\n')
            return;
        r->at = end + 1;
        r->line++;
    }
}

enum lk_status lk_jsonl_read(struct lk_jsonl_reader *r, uint32_t max_rows, struct lk_batch *batch,
                             uint32_t *rows, struct lk_error *err)
{
    const uint32_t first = batch->rows;
    while (max_rows > 0 ? batch->rows - first < max_rows : !lk_batch_full(batch)) {
        if (r->at == r->limit) {
            const enum lk_status status = refill(r, err);
            if (status != LK_OK)
                return status;
            if (r->at == r->limit)
                break;
        }
        skip_blank(r);
        if (r->at == r->limit)
            continue;
        const uint8_t *next =
            lk_line_add(r->parser, r->window + r->at, r->window + r->limit, batch, r->next_rowid);
        r->line++;
        if (next == NULL) {
            if (lk_line_reason(r->parser) == NULL)
                return lk_fail_memory(err, "reading JSON lines");
            return fail_at_line(r, r->line, lk_line_reason(r->parser), lk_line_reason_byte(r->parser), err);
        }
        r->next_rowid = (int64_t)((uint64_t)r->next_rowid + 1);
        r->at = (size_t)(next - r->window);
    }
    *rows = batch->rows - first;
    return lk_batch_check(batch, err);
}
