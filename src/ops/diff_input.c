#include "ops/diff_input.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/processors.h"
#include "ops/stored_table.h"
#include "sqlite/scan.h"

#define MOST_THREADS 2 /* that decode, a side: each batch ahead may take 16 MiB and more */

struct lk_diff_input {
    struct lk_diff_side *side;
    const struct lk_diff_side_table *table;
    struct lk_diff_rows rows;

    struct lk_stored_table *stored;
    struct lk_stored_request request;
    struct lk_stored_stream *stream;
    bool *skipped;       /* for each block of the table; NULL: none */
    size_t *first_block; /* of each part, in `skipped` */

    struct lk_scan *scan;
    struct lk_batch *batch; /* of the scan */
    bool ended;
};

static bool skip(void *context, size_t part, size_t block)
{
    const struct lk_diff_input *in = context;
    return in->skipped[in->first_block[part] + block];
}

static enum lk_status rewind_stored(void *context, struct lk_error *err)
{
    struct lk_diff_input *in = context;
    lk_stored_stream_close(in->stream);
    in->stream = NULL;
    in->request.skip = in->skipped == NULL ? NULL : skip;
    in->request.context = in;
    return lk_stored_stream_open(in->stored, &in->request, &in->stream, err);
}

static enum lk_status next_stored(void *context, const struct lk_batch **batch, struct lk_error *err)
{
    struct lk_diff_input *in = context;
    const enum lk_status status = lk_stored_stream_next(in->stream, batch, NULL, NULL, err);
    return status == LK_DAMAGED ? lk_error_prefix(err, "%s", in->side->label) : status;
}

static enum lk_status rewind_live(void *context, struct lk_error *err)
{
    struct lk_diff_input *in = context;
    lk_scan_free(in->scan);
    in->scan = NULL;
    in->ended = false;
    return lk_scan_open(in->side->source, in->table->live, &in->scan, err);
}

static enum lk_status next_live(void *context, const struct lk_batch **batch, struct lk_error *err)
{
    struct lk_diff_input *in = context;
    enum lk_scan_event event = LK_SCAN_FULL;
    *batch = NULL;
    lk_batch_clear(in->batch);
    lk_batch_trim(in->batch, (size_t)LK_BLOCK_BYTES * 4);
    while (!in->ended && in->batch->rows == 0) {
        enum lk_status status = lk_scan_next(in->scan, in->batch, &event, err);
        if (status == LK_OK)
            status = lk_batch_check(in->batch, err);
        if (status != LK_OK)
            return status;
        if (event == LK_SCAN_RESTART) {
            in->side->restart = true;
            return lk_fail(err, LK_UNREADABLE, "%s: it changes while it is being read", in->side->label);
        }
        in->ended = event == LK_SCAN_END;
    }
    *batch = in->batch->rows > 0 ? in->batch : NULL;
    return LK_OK;
}

static enum lk_status open_stored(struct lk_diff_input *in, const uint8_t *secret,
                                  struct lk_diff_notes *notes, struct lk_error *err)
{
    const bool hashed = !lk_diff_side_is_legacy(in->side);
    const struct lk_stored_options options = {
        .secret = hashed ? secret : NULL, .on_note = lk_diff_notes_take, .context = notes};
    const unsigned processors = lk_processors();
    const enum lk_status status =
        lk_stored_table_open(in->side->which.backup, in->table->stored, &options, &in->stored, err);
    if (status != LK_OK)
        return lk_error_prefix(err, "%s", in->side->label);
    in->request.threads = processors < MOST_THREADS ? processors : MOST_THREADS;
    in->rows = (struct lk_diff_rows){.schema = lk_stored_table_schema(in->stored),
                                     .context = in,
                                     .rewind = rewind_stored,
                                     .next = next_stored};
    return LK_OK;
}

enum lk_status lk_diff_input_open(struct lk_diff_side *s, const struct lk_diff_side_table *t,
                                  const uint8_t *secret, struct lk_diff_notes *notes,
                                  struct lk_diff_input **out, struct lk_error *err)
{
    struct lk_diff_input *in = lk_allocate_zeroed(1, sizeof *in);
    enum lk_status status = LK_OK;
    if (in == NULL)
        return lk_fail_memory(err, "comparing rows");
    in->side = s;
    in->table = t;
    if (t->stored != NULL) {
        status = open_stored(in, secret, notes, err);
    } else {
        in->rows =
            (struct lk_diff_rows){.schema = t->live, .context = in, .rewind = rewind_live, .next = next_live};
        in->batch = lk_batch_new(t->live->columns, t->live->hidden_rowid);
        if (in->batch == NULL)
            status = lk_fail_memory(err, "comparing rows");
    }
    if (status == LK_OK)
        *out = in;
    else
        lk_diff_input_free(in);
    return status;
}

const struct lk_diff_rows *lk_diff_input_rows(const struct lk_diff_input *in)
{
    return &in->rows;
}

uint64_t lk_diff_input_count(const struct lk_diff_input *in)
{
    return in->stored == NULL ? UINT64_MAX : lk_stored_table_rows(in->stored);
}

/* ---- Blocks that both sides have */

struct place {
    struct lk_hash128 hash;
    size_t block; /* of the table */
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    return memcmp(left->hash.bytes, right->hash.bytes, sizeof left->hash.bytes);
}

static bool has_hashes(const struct lk_diff_input *in)
{
    return in->stored != NULL && !lk_diff_side_is_legacy(in->side);
}

/* The blocks sorted by hash; and room for which of them are skipped. NULL when memory is out. */
static struct place *sort_blocks(struct lk_diff_input *in, size_t *count)
{
    const struct lk_manifest_table *t = in->table->stored;
    *count = 0;
    for (size_t i = 0; i < t->parts; i++)
        *count += t->part[i].blocks;
    struct place *place = lk_allocate_zeroed(*count, sizeof *place);
    in->skipped = lk_allocate_zeroed(*count, sizeof *in->skipped);
    in->first_block = lk_allocate_zeroed(t->parts, sizeof *in->first_block);
    if (place == NULL || in->skipped == NULL || in->first_block == NULL) {
        lk_free(place);
        return NULL;
    }
    size_t at = 0;
    for (size_t i = 0; i < t->parts; i++) {
        in->first_block[i] = at;
        for (size_t k = 0; k < t->part[i].blocks; k++, at++)
            place[at] = (struct place){.hash = t->part[i].block[k].hash, .block = at};
    }
    qsort(place, *count, sizeof *place, compare_places);
    return place;
}

enum lk_status lk_diff_input_skip_equal(struct lk_diff_input *before, struct lk_diff_input *after,
                                        struct lk_error *err)
{
    if (!has_hashes(before) || !has_hashes(after))
        return LK_OK;
    size_t old_count = 0, new_count = 0;
    struct place *old = sort_blocks(before, &old_count), *new = sort_blocks(after, &new_count);
    const bool ok = old != NULL && new != NULL;
    for (size_t i = 0, k = 0; ok && i < old_count && k < new_count;) {
        const int order = compare_places(&old[i], &new[k]);
        if (order == 0) {
            before->skipped[old[i].block] = true;
            after->skipped[new[k].block] = true;
        }
        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
    }
    lk_free(old);
    lk_free(new);
    return ok ? LK_OK : lk_fail_memory(err, "comparing rows");
}

void lk_diff_input_free(struct lk_diff_input *in)
{
    if (in == NULL)
        return;
    lk_stored_stream_close(in->stream);
    lk_stored_table_free(in->stored);
    lk_scan_free(in->scan);
    lk_batch_free(in->batch);
    lk_free(in->skipped);
    lk_free(in->first_block);
    lk_free(in);
}
