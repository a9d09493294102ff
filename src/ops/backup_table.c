#include "ops/backup_table.h"

#include "base/memory.h"

unsigned lk_part_bits(uint64_t raw_bytes, uint64_t rows, unsigned old)
{
    const uint64_t target = LK_PART_SPACING, mean = rows == 0 ? 1 : raw_bytes / rows;
    const uint64_t average = mean == 0 ? 1 : mean > target ? target : mean;
    unsigned bits = 1;
    /* To the nearest power of two on a scale of ratios: doubled while that brings the part nearer to the
     * target. */
    while (bits < 40 && (average << bits) * (average << bits) * 2 < target * target)
        bits++;
    const unsigned off = old > bits ? old - bits : bits - old;
    return old != 0 && off < 2 ? old : bits;
}

/* The state of one pass over the table. */
struct pass {
    const struct lk_table_run *run;
    struct lk_table_backup *b;
    const char *stem;
    struct lk_table_history history;
    struct lk_scan *scan;
    bool collecting; /* the plan does not hold what was seen: only count from here on */
    uint64_t part_raw;
};

static enum lk_status start_export(struct pass *p, struct lk_error *err)
{
    return lk_table_export_new(p->run->engine, p->run->encoding, p->run->backup, p->b->schema, p->b->plan,
                               p->stem, &p->b->export, err);
}

/* Count a block that was scanned, and see to it that there is a plan and an export for it. */
static enum lk_status count_block(struct pass *p, const struct lk_batch *batch, struct lk_error *err)
{
    struct lk_table_backup *b = p->b;
    enum lk_status status = lk_batch_check(batch, err);
    if (status != LK_OK)
        return status;
    const bool first = b->stats->rows == 0;
    lk_table_stats_add(b->stats, b->schema, batch);
    p->run->progress(p->run->context, batch->rows, batch->raw_bytes);
    if (first)
        b->part_bits = lk_part_bits(b->stats->raw_bytes, b->stats->rows, p->history.part_bits);
    if (b->plan == NULL)
        status = lk_plan_new(b->schema, b->stats, p->history.plan, &b->plan, err);
    if (status == LK_OK && b->export == NULL)
        status = start_export(p, err);
    if (status == LK_OK && !p->collecting && !lk_plan_holds(b->plan, b->stats)) {
        /* A class of value that the plan has no place for: what was written is useless. */
        p->collecting = true;
        lk_table_export_cancel(b->export);
    }
    return status;
}

/* Take over a block. The slot is given away or back. */
static enum lk_status take_block(struct pass *p, struct lk_slot *slot, bool boundary, struct lk_error *err)
{
    const enum lk_status status = count_block(p, slot->batch, err);
    if (status != LK_OK || p->collecting) {
        lk_engine_return_slot(p->run->engine, slot);
        return status;
    }
    p->part_raw += slot->batch->raw_bytes;
    const bool ends_part = boundary || p->part_raw >= LK_PART_MAX_BYTES;
    if (ends_part)
        p->part_raw = 0;
    lk_table_export_submit(p->b->export, slot, ends_part);
    return LK_OK;
}

/* One block out of the source and on its way. */
static enum lk_status scan_block(struct pass *p, enum lk_scan_event *event, struct lk_error *err)
{
    const struct lk_table_schema *t = p->b->schema;
    struct lk_slot *slot = lk_engine_take_slot(p->run->engine, lk_source_deadline(p->run->source));
    if (slot == NULL) {
        *event = LK_SCAN_RESTART;
        return LK_OK;
    }
    lk_scan_set_mask(p->scan, p->part_raw < LK_PART_MIN_BYTES ? 0 : (UINT64_C(1) << p->b->part_bits) - 1);
    enum lk_status status = LK_OK;
    if (lk_batch_reshape(slot->batch, t->columns, t->hidden_rowid))
        status = lk_scan_next(p->scan, slot->batch, event, err);
    else
        status = lk_fail_memory(err, "reading rows");
    if (status == LK_OK && *event != LK_SCAN_RESTART && slot->batch->rows > 0)
        return take_block(p, slot, *event == LK_SCAN_BOUNDARY, err);
    lk_engine_return_slot(p->run->engine, slot);
    return status;
}

/* Read the table to its end, or until its export fails. */
static enum lk_status scan_all(struct pass *p, bool *restart, struct lk_error *err)
{
    enum lk_scan_event event = LK_SCAN_FULL;
    enum lk_status status = lk_scan_open(p->run->source, p->b->schema, &p->scan, err);
    while (status == LK_OK && event != LK_SCAN_END && event != LK_SCAN_RESTART) {
        status = scan_block(p, &event, err);
        if (!p->collecting && p->b->export != NULL && lk_table_export_failed(p->b->export))
            break;
    }
    lk_scan_free(p->scan);
    p->scan = NULL;
    *restart = event == LK_SCAN_RESTART;
    return status;
}

/* After a pass: the plan of all rows. *again: it is another than the one that was written, so the table is
 * scanned once more. */
static enum lk_status conclude(struct pass *p, bool *restart, bool *again, struct lk_error *err)
{
    struct lk_table_backup *b = p->b;
    struct lk_plan *plan = NULL;
    const enum lk_status status = lk_plan_new(b->schema, b->stats, p->history.plan, &plan, err);
    if (status != LK_OK)
        return status;
    if (b->plan != NULL && lk_plan_equal(plan, b->plan)) {
        lk_plan_free(plan);
        return LK_OK;
    }
    if (b->export != NULL) {
        lk_table_export_cancel(b->export);
        *restart = !lk_table_export_idle(b->export, lk_source_deadline(p->run->source));
        if (*restart) {
            lk_plan_free(plan);
            return LK_OK;
        }
        lk_table_export_free(b->export);
        b->export = NULL;
    }
    *again = b->plan != NULL;
    lk_plan_free(b->plan);
    b->plan = plan;
    return *again ? LK_OK : start_export(p, err); /* a table without rows */
}

/* One pass with b->plan, or with the plan of the first block when it is NULL. */
static enum lk_status run_pass(struct pass *p, bool *restart, bool *again, struct lk_error *err)
{
    struct lk_table_backup *b = p->b;
    *again = false;
    lk_table_stats_free(b->stats);
    b->stats = NULL;
    enum lk_status status = lk_table_stats_new(b->schema->columns, &b->stats, err);
    if (status == LK_OK)
        status = scan_all(p, restart, err);
    const bool failed = !p->collecting && b->export != NULL && lk_table_export_failed(b->export);
    return status != LK_OK || *restart || failed ? status : conclude(p, restart, again, err);
}

enum lk_status lk_table_backup_scan(const struct lk_table_run *run, const struct lk_table_schema *t,
                                    const char *stem, struct lk_table_history history,
                                    struct lk_table_backup **out, bool *restart, struct lk_error *err)
{
    struct lk_table_backup *b = lk_allocate_zeroed(1, sizeof *b);
    bool again = true;
    *out = b;
    *restart = false;
    if (b == NULL)
        return lk_fail_memory(err, "beginning a table");
    b->schema = t;
    enum lk_status status = LK_OK;
    for (int passes = 0; status == LK_OK && again && !*restart; passes++) {
        if (passes == 2)
            return lk_fail(err, LK_UNREADABLE,
                           "table \"%s\": two reads of one pinned state gave different rows", t->name);
        struct pass p = {.run = run, .b = b, .stem = stem, .history = history};
        status = run_pass(&p, restart, &again, err);
    }
    if (status == LK_OK && !*restart)
        lk_table_export_end(b->export);
    return status;
}

bool lk_table_backup_idle(struct lk_table_backup *b, int64_t deadline)
{
    return lk_table_export_idle(b->export, deadline);
}

bool lk_table_backup_failed(struct lk_table_backup *b)
{
    return lk_table_export_failed(b->export);
}

enum lk_status lk_table_backup_finish(struct lk_table_backup *b, struct lk_manifest_table *m,
                                      struct lk_error *err)
{
    struct lk_buffer json = {0};
    enum lk_status status = lk_table_export_wait(b->export, m, err);
    if (status == LK_OK)
        status = lk_plan_to_json(b->schema, b->plan, 0, &json, err);
    if (status != LK_OK)
        goto out;
    m->kind = b->schema->kind;
    m->without_rowid = b->schema->without_rowid;
    m->part_bits = m->raw_bytes >= LK_TABLE_CUT_BYTES ? b->part_bits : 0;
    m->columns_json = lk_copy_bytes(json.data, json.len);
    if (m->columns_json == NULL || !lk_manifest_set_columns(m, b->stats->columns)) {
        status = lk_fail_memory(err, "finishing a table");
        goto out;
    }
    for (size_t i = 0; i < b->stats->columns; i++)
        memcpy(m->counts[i], b->stats->column[i].counts, sizeof m->counts[i]);
out:
    lk_buffer_reset(&json);
    return status == LK_OK ? LK_OK : lk_error_prefix(err, "table \"%s\"", b->schema->name);
}

void lk_table_backup_free(struct lk_table_backup *b)
{
    if (b == NULL)
        return;
    lk_table_export_free(b->export);
    lk_plan_free(b->plan);
    lk_table_stats_free(b->stats);
    lk_free(b);
}
