#include "jsonl/reader.h"

#include "base/memory.h"
#include "jsonl/line.h"

struct lk_jsonl_reader {
    enum lk_codec codec;
    struct lk_line_parser *parser;
    struct lk_window window;
    int64_t next_rowid;
};

enum lk_status lk_jsonl_reader_new(const struct lk_input *in, uint64_t offset, uint64_t end,
                                   enum lk_codec codec, const struct lk_table_schema *schema,
                                   const struct lk_plan *plan, int64_t first_rowid,
                                   struct lk_jsonl_reader **out, struct lk_error *err)
{
    struct lk_jsonl_reader *r = lk_allocate_zeroed(1, sizeof *r);
    if (r == NULL)
        return lk_fail_memory(err, "preparing to read JSON lines");
    r->codec = codec;
    enum lk_status status = lk_line_parser_new(schema, plan, &r->parser, err);
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
    lk_window_reset(&r->window);
    lk_line_parser_free(r->parser);
    lk_free(r);
}

enum lk_status lk_jsonl_reader_reset(struct lk_jsonl_reader *r, const struct lk_input *in, uint64_t offset,
                                     uint64_t end, int64_t first_rowid, struct lk_error *err)
{
    r->next_rowid = first_rowid;
    return lk_window_open(&r->window, in, offset, end, r->codec, err);
}

enum lk_status lk_jsonl_read(struct lk_jsonl_reader *r, uint32_t max_rows, struct lk_batch *batch,
                             uint32_t *rows, struct lk_error *err)
{
    const uint32_t first = batch->rows;
    struct lk_window *w = &r->window;
    while (max_rows > 0 ? batch->rows - first < max_rows : !lk_batch_full(batch)) {
        const enum lk_status status = lk_window_fill(w, err);
        if (status != LK_OK)
            return status;
        if (w->at == w->limit)
            break;
        const uint8_t *next = lk_line_add(r->parser, w->at, w->limit, batch, r->next_rowid);
        w->line++;
        if (next == NULL) {
            if (lk_line_reason(r->parser) == NULL)
                return lk_fail_memory(err, "reading JSON lines");
            return lk_window_fail(w, w->line, lk_line_reason_byte(r->parser), lk_line_reason(r->parser), err);
        }
        r->next_rowid = (int64_t)((uint64_t)r->next_rowid + 1);
        w->at = next;
    }
    *rows = batch->rows - first;
    return lk_batch_check(batch, err);
}
