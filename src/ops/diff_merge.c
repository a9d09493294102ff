#include "ops/diff_merge.h"

static bool rows_equal(const struct lk_diff_reader *before, const struct lk_diff_reader *after,
                       const struct lk_diff_shape *shape)
{
    for (size_t i = 0; i < shape->columns; i++) {
        if (!lk_diff_reader_equal(&before->value[shape->before[i]], &after->value[shape->after[i]]))
            return false;
    }
    return true;
}

static enum lk_status step(struct lk_diff_reader *r, struct lk_error *err)
{
    const int64_t last = r->rowid;
    const enum lk_status status = lk_diff_reader_advance(r, err);
    if (status != LK_OK || r->end || r->rowid > last)
        return status;
    return lk_fail(err, LK_DAMAGED,
                   "table \"%s\": its rows are not in the order of their rowids: %lld after %lld",
                   r->rows->schema->name, (long long)r->rowid, (long long)last);
}

static enum lk_status tell(const struct lk_diff_sink *sink, enum litekeep_change change,
                           const struct lk_diff_reader *before, const struct lk_diff_reader *after,
                           struct lk_error *err)
{
    if (sink->row == NULL)
        return LK_OK;
    return sink->row(sink->context, change, before != NULL ? before->rowid : after->rowid,
                     before != NULL ? before->value : NULL, after != NULL ? after->value : NULL, err);
}

enum lk_status lk_diff_merge(struct lk_diff_reader *before, struct lk_diff_reader *after,
                             const struct lk_diff_shape *shape, const struct lk_diff_sink *sink,
                             struct lk_diff_counts *counts, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    while (status == LK_OK && !(before->end && after->end)) {
        const bool old = !before->end && (after->end || before->rowid <= after->rowid),
                   new = !after->end && (before->end || after->rowid <= before->rowid);
        if (old && new && !rows_equal(before, after, shape)) {
            counts->changed++;
            status = tell(sink, LITEKEEP_CHANGED, before, after, err);
        } else if (old && !new) {
            counts->removed++;
            status = tell(sink, LITEKEEP_REMOVED, before, NULL, err);
        } else if (new && !old) {
            counts->added++;
            status = tell(sink, LITEKEEP_ADDED, NULL, after, err);
        }
        if (status == LK_OK && old)
            status = step(before, err);
        if (status == LK_OK && new)
            status = step(after, err);
    }
    return status;
}
