/* The first rows of a table in a backup. */
#include <stdio.h>

#include "base/memory.h"
#include "base/real.h"
#include "base/text.h"
#include "jsonl/writer.h"
#include "ops/arena.h"
#include "ops/stored_table.h"
#include "ops/which.h"

#define TEXT_SHOWN 200 /* bytes of a text, at most, in a cell */
#define BLOB_SHOWN 32  /* bytes of a blob */

struct head_result {
    struct litekeep_rows rows;
    struct lk_arena arena;
};

/* Rows on their way from the files to the result. */
struct head {
    uint64_t limit;
    const struct lk_table_schema *schema; /* borrowed from the table */
    const struct lk_plan *plan;
    struct lk_batch *taken; /* the rows wanted */
};

/* Append the first rows of a block, as many as are still wanted. */
static enum lk_status take_rows(struct head *h, const struct lk_batch *from, struct lk_error *err)
{
    struct lk_batch *to = h->taken;
    const uint32_t wanted = (uint32_t)(h->limit - to->rows), rows = from->rows < wanted ? from->rows : wanted;
    for (size_t i = 0; i < to->columns; i++) {
        struct lk_cursor cursor = lk_cursor_at_start(&from->column[i]);
        for (uint32_t row = 0; row < rows; row++) {
            const struct lk_value v = lk_cursor_next(&cursor);
            if (v.class == LK_NULL)
                lk_column_add_null(to, &to->column[i]);
            else if (v.class == LK_INTEGER)
                lk_column_add_integer(to, &to->column[i], v.integer);
            else if (v.class == LK_REAL)
                lk_column_add_real(to, &to->column[i], v.real);
            else
                lk_column_add_bytes(to, &to->column[i], v.class, v.bytes.ptr, v.bytes.len);
        }
    }
    for (uint32_t row = 0; row < rows; row++)
        lk_batch_end_row(to, to->hidden_rowid ? lk_batch_rowid(from, row) : 0);
    return lk_batch_check(to, err);
}

static enum lk_status read_rows(struct head *h, struct lk_stored_table *table, struct lk_error *err)
{
    const struct lk_stored_request all = {0};
    struct lk_stored_stream *stream = NULL;
    const struct lk_batch *batch = NULL;
    h->schema = lk_stored_table_schema(table);
    h->plan = lk_stored_table_plan(table);
    h->taken = lk_batch_new(h->schema->columns, h->schema->hidden_rowid);
    if (h->taken == NULL)
        return lk_fail_memory(err, "reading a table");
    enum lk_status status = lk_stored_stream_open(table, &all, &stream, err);
    while (status == LK_OK && h->taken->rows < h->limit) {
        status = lk_stored_stream_next(stream, &batch, NULL, NULL, err);
        if (status != LK_OK || batch == NULL)
            break;
        status = take_rows(h, batch, err);
    }
    lk_stored_stream_close(stream);
    return status;
}

static void fill_cell(struct lk_arena *a, struct lk_value v, struct litekeep_cell *out)
{
    char number[LK_REAL_SIZE];
    out->class = lk_class_name(v.class);
    out->text = "";
    switch (v.class) {
    case LK_NULL:
        break;
    case LK_INTEGER:
        out->text = lk_arena_format(a, "%lld", (long long)v.integer);
        break;
    case LK_REAL:
        out->text = lk_arena_format(a, "%.*s", (int)lk_real_format(v.real, number), number);
        break;
    case LK_TEXT:
        if (v.bytes.len > TEXT_SHOWN)
            out->text = lk_arena_format(
                a, "%s...",
                lk_arena_shown(a, lk_bytes(v.bytes.ptr, lk_utf8_cut(v.bytes.ptr, v.bytes.len, TEXT_SHOWN))));
        else
            out->text = lk_arena_shown(a, v.bytes);
        break;
    case LK_RAWTEXT:
    case LK_BLOB: {
        char hex[2 * BLOB_SHOWN + 1];
        const size_t len = v.bytes.len < BLOB_SHOWN ? v.bytes.len : BLOB_SHOWN;
        lk_hex_format(v.bytes.ptr, len, hex);
        out->text = lk_arena_format(a, "x'%s%s'", hex, len < v.bytes.len ? "..." : "");
        break;
    }
    }
}

static enum lk_status fill_json(struct head_result *r, const struct head *h, struct lk_error *err)
{
    struct lk_jsonl_encoder *encoder = NULL;
    struct lk_buffer text = {0};
    uint64_t bytes;
    const char **lines = lk_arena_take(&r->arena, h->taken->rows + 1, sizeof *lines);
    enum lk_status status = lk_jsonl_encoder_new(&encoder, err);
    if (status == LK_OK && h->taken->rows > 0)
        status = lk_jsonl_encode(encoder, (struct lk_codec_choice){.codec = LK_CODEC_NONE}, h->plan, h->taken,
                                 &text, &bytes, err);
    char *at = (char *)text.data;
    for (uint32_t i = 0; status == LK_OK && lines != NULL && i < h->taken->rows; i++) {
        char *end = memchr(at, '\n', text.len - (size_t)(at - (char *)text.data));
        *end = '\0'; /* a line may be longer than printf can count */
        lines[i] = lk_arena_copy(&r->arena, at);
        at = end + 1;
    }
    r->rows.json = lines;
    lk_buffer_reset(&text);
    lk_jsonl_encoder_free(encoder);
    return status;
}

static enum lk_status fill(struct head_result *r, const struct head *h, struct lk_error *err)
{
    struct lk_arena *a = &r->arena;
    const struct lk_batch *b = h->taken;
    const size_t extra = h->plan->rowid_name != NULL ? 1 : 0, columns = b->columns + extra;
    const char **names = lk_arena_take(a, columns + 1, sizeof *names);
    r->rows.cell = lk_arena_take(a, (size_t)b->rows * columns + 1, sizeof *r->rows.cell);
    if (names == NULL || r->rows.cell == NULL)
        return lk_arena_check(a, err);
    r->rows.columns = columns;
    r->rows.rows = b->rows;
    r->rows.name = names;
    if (extra != 0)
        names[0] = lk_arena_shown_string(a, h->plan->rowid_name);
    for (size_t i = 0; i < b->columns; i++) {
        struct lk_cursor cursor = lk_cursor_at_start(&b->column[i]);
        names[i + extra] = lk_arena_shown_string(a, h->schema->column[i].name);
        for (uint32_t row = 0; row < b->rows; row++)
            fill_cell(a, lk_cursor_next(&cursor), &r->rows.cell[row * columns + i + extra]);
    }
    for (uint32_t row = 0; extra != 0 && row < b->rows; row++)
        fill_cell(a, (struct lk_value){.class = LK_INTEGER, .integer = lk_batch_rowid(b, row)},
                  &r->rows.cell[row * columns]);
    const enum lk_status status = fill_json(r, h, err);
    return status == LK_OK ? lk_arena_check(a, err) : status;
}

static const struct lk_manifest_table *find_table(const struct lk_manifest *m, const char *name)
{
    const struct lk_manifest_table *t = lk_manifest_find_table(m, name);
    for (size_t i = 0; t == NULL && i < m->tables; i++) {
        if (strcmp(m->table[i]->stem, name) == 0)
            t = m->table[i];
    }
    return t;
}

enum lk_status litekeep_head(struct litekeep *lk, const char *what, const char *table, uint64_t limit,
                             struct litekeep_rows **out, struct lk_error *err)
{
    struct lk_which w;
    struct head h = {.limit = limit > LK_BLOCK_ROWS ? LK_BLOCK_ROWS : limit};
    struct lk_stored_table *stored = NULL;
    struct head_result *r = NULL;
    enum lk_status status = lk_which_open(lk, what, &w, err);
    if (status != LK_OK)
        return status;
    const struct lk_warn warn = lk_session_warn(lk);
    const struct lk_stored_options options = {
        .secret = lk->store->secret, .on_note = warn.call, .context = warn.context};
    const struct lk_manifest_table *t = find_table(w.backup->manifest, table);
    if (t == NULL)
        status = lk_fail(err, LK_NOT_FOUND, "%s@%s has no table \"%s\": litekeep show %s@%s lists its tables",
                         w.database->folder, w.backup->manifest->id, table, w.database->folder,
                         w.backup->manifest->id);
    else
        status = lk_stored_table_open(w.backup, t, &options, &stored, err);
    if (status == LK_OK)
        status = read_rows(&h, stored, err);
    if (status == LK_OK && (r = lk_allocate_zeroed(1, sizeof *r)) == NULL)
        status = lk_fail_memory(err, "showing rows");
    if (status == LK_OK)
        status = fill(r, &h, err);
    status = lk_which_explain(&w, status, err);
    lk_batch_free(h.taken);
    lk_stored_table_free(stored);
    lk_which_close(&w);
    if (status == LK_OK)
        *out = &r->rows;
    else if (r != NULL)
        litekeep_rows_free(&r->rows);
    return status;
}

void litekeep_rows_free(struct litekeep_rows *rows)
{
    struct head_result *r = (struct head_result *)rows; /* its first member */
    if (r == NULL)
        return;
    lk_arena_free(&r->arena);
    lk_free(r);
}
