/* What counts as a loss. Pure: the same counts and settings give the same losses. */
#include "ops/alarm.h"

#include <stdlib.h>

#include "base/memory.h"

struct rules {
    const struct lk_alarm_past *past;
    const struct lk_counts *now;
    const struct lk_settings *settings;
    struct lk_losses *out;
    size_t newest; /* index of the newest line that says anything */
    bool replaced; /* another file, or an older one, than then */
};

void lk_losses_reset(struct lk_losses *l)
{
    lk_free(l->loss);
    *l = (struct lk_losses){0};
}

static enum lk_status add_loss(struct rules *r, struct lk_loss loss, struct lk_error *err)
{
    struct lk_losses *l = r->out;
    if ((l->count & (l->count - 1)) == 0) {
        struct lk_loss *grown = lk_reallocate(l->loss, (l->count == 0 ? 1 : 2 * l->count) * sizeof *grown);
        if (grown == NULL)
            return lk_fail_memory(err, "looking for losses");
        l->loss = grown;
    }
    loss.replaced |= r->replaced;
    l->loss[l->count++] = loss;
    return LK_OK;
}

/* ---- What is compared */

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Of shadow tables those whose rows are the user's: of full-text and R-Tree tables one row each. The others
 * are indexes, which are merged and optimized at will. */
static bool is_compared(const struct lk_counts_table *t)
{
    if (t->kind == LK_TABLE_SHADOW)
        return ends_in(t->name, "_content") || ends_in(t->name, "_docsize") || ends_in(t->name, "_rowid");
    return t->kind == LK_TABLE_ORDINARY;
}

/* Of a full-text or R-Tree table, which is more than this one: it cannot be brought back alone. */
static bool is_part(const struct lk_counts_table *t)
{
    return t->kind == LK_TABLE_SHADOW;
}

static uint64_t all_rows(const struct lk_counts *c)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < c->tables; i++)
        rows += is_compared(&c->table[i]) ? c->table[i].rows : 0;
    return rows;
}

static bool is_there(const struct rules *r, size_t i)
{
    return r->past->there == NULL || r->past->there[i];
}

static bool is_below(double now, double before, double lost)
{
    /* The margin is for products that are not exact: 0.9 * 1000 must not raise at 900. */
    return now + before * 1e-12 < (1 - lost) * before;
}

static bool same_hash(const struct lk_counts_table *a, const struct lk_counts_table *b)
{
    return a->has_hash && b->has_hash && a->rows == b->rows && lk_hash128_equal(a->hash, b->hash);
}

static bool has_columns_of(const struct lk_counts_table *t, const struct lk_counts_table *of)
{
    for (size_t i = 0; i < of->columns; i++) {
        if (lk_counts_column(t, of->column[i].name) == NULL)
            return false;
    }
    return of->columns > 0;
}

/* Under which name did `t`, a table of `after`, go in the line before? A table that is gone since and has its
 * content, or its columns and enough of its rows. NULL: it is new. */
static const struct lk_counts_table *find_former(const struct rules *r, const struct lk_counts *line,
                                                 const struct lk_counts *after,
                                                 const struct lk_counts_table *t)
{
    const struct lk_counts_table *found = NULL;
    if (!after->whole)
        return NULL;
    for (size_t i = 0; i < line->tables; i++) {
        const struct lk_counts_table *former = &line->table[i];
        if (former->kind != t->kind || former->rows == 0 || lk_counts_find(after, former->name) != NULL)
            continue;
        if (same_hash(former, t))
            return former;
        if (found == NULL && has_columns_of(t, former) &&
            !is_below((double)t->rows, (double)former->rows,
                      lk_settings_limit(r->settings, former->name, false)))
            found = former;
    }
    return found;
}

/* ---- One table through the past */

/* The highest counts of a table, or of one of its columns. */
struct peak {
    bool any;
    uint64_t before;   /* the highest */
    double expected;   /* values: what of it the rows that are left should have */
    uint64_t good_has; /* the highest of a backup that is there */
    const char *good;
};

static void raise_peak(const struct rules *r, struct peak *p, size_t i, uint64_t count, double expected)
{
    if (!p->any || expected > p->expected) {
        p->before = count;
        p->expected = expected;
    }
    p->any = true;
    if (is_there(r, i) && (p->good == NULL || count > p->good_has)) {
        p->good = r->past->good[i]->id;
        p->good_has = count;
    }
}

/* Walks a table back through the lines, through its names. */
struct walk {
    const struct rules *rules;
    size_t i; /* lines before it are to come */
    const struct lk_counts *after;
    const struct lk_counts_table *table; /* in `after` */
    bool first;
};

/* The next older line that has the table and counts: the newest, then those within the window. */
static const struct lk_counts_table *walk_back(struct walk *w, size_t *index)
{
    const struct lk_alarm_past *past = w->rules->past;
    while (w->i > 0) {
        const struct lk_counts *line = past->good[--w->i];
        if (!lk_counts_has_tables(line))
            continue;
        const struct lk_counts_table *t = lk_counts_find(line, w->table->name);
        if (t == NULL && !line->whole)
            continue; /* it may only have been left out */
        if (t == NULL)
            t = find_former(w->rules, line, w->after, w->table);
        if (t == NULL) {
            w->i = 0;
            break;
        }
        const bool counts = w->first || line->started >= past->window_start;
        w->after = line;
        w->table = t;
        w->first = false;
        *index = w->i;
        if (counts)
            return t;
    }
    return NULL;
}

static struct walk walk_from(const struct rules *r, const struct lk_counts_table *t)
{
    return (struct walk){.rules = r, .i = r->past->count, .after = r->now, .table = t, .first = true};
}

static enum lk_status judge_rows(struct rules *r, const struct lk_counts_table *t, bool *lost,
                                 struct lk_error *err)
{
    struct walk w = walk_from(r, t);
    struct peak peak = {0};
    size_t i = 0;
    const double limit = lk_settings_limit(r->settings, t->name, false);
    for (const struct lk_counts_table *x = walk_back(&w, &i); x != NULL; x = walk_back(&w, &i))
        raise_peak(r, &peak, i, x->rows, (double)x->rows);
    const bool emptied = t->rows == 0 && peak.before > 0;
    *lost = peak.any && limit < LK_ALARM_OFF &&
            (emptied || is_below((double)t->rows, (double)peak.before, limit));
    if (!*lost)
        return LK_OK;
    return add_loss(r,
                    (struct lk_loss){.kind = emptied ? LITEKEEP_ALARM_EMPTY : LITEKEEP_ALARM_ROWS,
                                     .table = t->name,
                                     .before = peak.before,
                                     .now = t->rows,
                                     .replaced = is_part(t),
                                     .good = peak.good_has > t->rows ? peak.good : NULL},
                    err);
}

/* A column that is nearly always NULL holds states (a lock, a last error), which come and go. */
static bool is_sparse(uint64_t values, uint64_t rows)
{
    return values < 100 && values < rows / 10;
}

/* Where rows have gone, their values have too: only what is missing beyond that is a loss of values. */
static enum lk_status judge_column(struct rules *r, const struct lk_counts_table *t,
                                   const struct lk_counts_column *c, double limit, struct lk_error *err)
{
    struct walk w = walk_from(r, t);
    struct peak peak = {0};
    size_t i = 0;
    for (const struct lk_counts_table *x = walk_back(&w, &i); x != NULL; x = walk_back(&w, &i)) {
        const struct lk_counts_column *y = lk_counts_column(x, c->name);
        if (y == NULL || y->values == 0 || is_sparse(y->values, x->rows))
            continue;
        const double rows_left = t->rows < x->rows ? (double)t->rows / (double)x->rows : 1;
        raise_peak(r, &peak, i, y->values, (double)y->values * rows_left);
    }
    if (!peak.any || peak.before <= c->values || !is_below((double)c->values, peak.expected, limit))
        return LK_OK;
    return add_loss(r,
                    (struct lk_loss){.kind = LITEKEEP_ALARM_VALUES,
                                     .table = t->name,
                                     .column = c->name,
                                     .before = peak.before,
                                     .now = c->values,
                                     .replaced = is_part(t),
                                     .good = peak.good_has > c->values ? peak.good : NULL},
                    err);
}

static enum lk_status judge_table(struct rules *r, const struct lk_counts_table *t, struct lk_error *err)
{
    bool lost = false;
    enum lk_status status = judge_rows(r, t, &lost, err);
    const double limit = lk_settings_limit(r->settings, t->name, true);
    for (size_t i = 0; status == LK_OK && !lost && limit < LK_ALARM_OFF && i < t->columns; i++)
        status = judge_column(r, t, &t->column[i], limit, err);
    return status;
}

/* ---- Tables that are gone */

/* Does a table of now hold what `gone` (of `line`) held? A new one with enough rows, or one that has grown by
 * as many.
 * `taken`: rows of each table of now that were counted for others that are gone. */
static bool is_elsewhere(const struct rules *r, const struct lk_counts *line,
                         const struct lk_counts_table *gone, uint64_t *taken)
{
    const double limit = lk_settings_limit(r->settings, gone->name, false);
    for (size_t i = 0; i < r->now->tables; i++) {
        const struct lk_counts_table *t = &r->now->table[i];
        const struct lk_counts_table *before = lk_counts_find(line, t->name);
        if (before == NULL && t->kind == gone->kind && taken[i] == 0 && same_hash(t, gone)) {
            taken[i] = t->rows;
            return true;
        }
    }
    for (size_t i = 0; i < r->now->tables; i++) {
        const struct lk_counts_table *t = &r->now->table[i];
        const struct lk_counts_table *before = lk_counts_find(line, t->name);
        const uint64_t had = before == NULL ? 0 : before->rows;
        /* What a table that was there has gained may be its own. */
        const double lost = before == NULL ? limit : 0;
        if (t->kind != gone->kind || t->rows < had + taken[i] || !has_columns_of(t, gone) ||
            is_below((double)(t->rows - had - taken[i]), (double)gone->rows, lost))
            continue;
        taken[i] += t->rows - had - taken[i] < gone->rows ? t->rows - had - taken[i] : gone->rows;
        return true;
    }
    return false;
}

static bool is_left_out(const struct lk_counts *c, const char *table)
{
    for (size_t i = 0; c->left_out != NULL && i < c->left_out->count; i++) {
        if (strcmp(c->left_out->text[i], table) == 0)
            return true;
    }
    return false;
}

static enum lk_status judge_gone(struct rules *r, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    if (!r->now->whole && r->now->left_out == NULL)
        return LK_OK;
    uint64_t *taken = lk_allocate_zeroed(r->now->tables + 1, sizeof *taken);
    if (taken == NULL)
        return lk_fail_memory(err, "looking for losses");
    /* The newest line that is whole, and the partial ones after it. */
    for (size_t i = r->newest + 1; status == LK_OK && i > 0; i--) {
        const struct lk_counts *line = r->past->good[i - 1];
        for (size_t k = 0; status == LK_OK && k < line->tables; k++) {
            const struct lk_counts_table *t = &line->table[k];
            bool seen = lk_counts_find(r->now, t->name) != NULL || t->rows == 0 || !is_compared(t) ||
                        is_left_out(r->now, t->name);
            for (size_t n = i; !seen && n <= r->newest; n++)
                seen = lk_counts_find(r->past->good[n], t->name) != NULL;
            if (seen || lk_settings_limit(r->settings, t->name, false) >= LK_ALARM_OFF ||
                is_elsewhere(r, line, t, taken))
                continue;
            status = add_loss(r,
                              (struct lk_loss){.kind = LITEKEEP_ALARM_TABLE,
                                               .table = t->name,
                                               .before = t->rows,
                                               .replaced = is_part(t),
                                               .good = is_there(r, i - 1) ? line->id : NULL},
                              err);
        }
        if (line->whole)
            break;
    }
    lk_free(taken);
    return status;
}

/* ---- An older file */

static bool is_replaced(const struct lk_counts *before, const struct lk_counts *now)
{
    return before->device != now->device || before->inode != now->inode || now->mtime < before->mtime;
}

static bool counter_is_back(const struct lk_counts *before, const struct lk_counts *now)
{
    /* Not when it has come round after 2^32 transactions. */
    return now->change_counter < before->change_counter &&
           before->change_counter - now->change_counter < UINT32_C(0xf0000000);
}

/* Are the tables that both have the same? */
static bool same_tables(const struct lk_counts *a, const struct lk_counts *b)
{
    size_t both = 0;
    for (size_t i = 0; i < a->tables; i++) {
        const struct lk_counts_table *x = &a->table[i], *y = lk_counts_find(b, x->name);
        if (!is_compared(x))
            continue;
        if (y == NULL ? a->whole && b->whole : !same_hash(x, y))
            return false;
        both += y == NULL ? 0 : 1;
    }
    return both > 0;
}

/* Is any table again what it was in a line before the last, and is not what it was in the last? */
static bool is_again(const struct rules *r, const struct lk_counts *last)
{
    for (size_t k = 0; k < r->now->tables; k++) {
        const struct lk_counts_table *t = &r->now->table[k];
        const struct lk_counts_table *x = lk_counts_find(last, t->name);
        if (!is_compared(t) || t->rows == 0 || (x != NULL && same_hash(x, t)))
            continue;
        for (size_t i = 0; i < r->newest; i++) {
            const struct lk_counts_table *y = lk_counts_find(r->past->good[i], t->name);
            if (y != NULL && same_hash(y, t))
                return true;
        }
    }
    return false;
}

/* Has something been added since, and nothing gone? Then it is no older file but one that was made anew from
 * the last state (VACUUM INTO, a dump that was read back) and went on. */
static bool has_only_grown(const struct lk_counts *last, const struct lk_counts *now)
{
    bool grown = false;
    for (size_t i = 0; i < last->tables; i++) {
        const struct lk_counts_table *x = &last->table[i], *y = lk_counts_find(now, x->name);
        if (!is_compared(x))
            continue;
        if (y == NULL
                ? now->whole
                : y->rows < x->rows || (y->has_sequence && x->has_sequence && y->sequence < x->sequence))
            return false;
        if (y == NULL)
            continue;
        grown |= y->rows > x->rows || (y->has_sequence && x->has_sequence && y->sequence > x->sequence);
        for (size_t k = 0; k < y->columns; k++)
            grown |= x->columns > 0 && lk_counts_column(x, y->column[k].name) == NULL;
    }
    for (size_t i = 0; last->whole && i < now->tables; i++)
        grown |= is_compared(&now->table[i]) && lk_counts_find(last, now->table[i].name) == NULL;
    return grown;
}

/* A table whose sequence has gone back although it is not what it was. One without its line in
 * sqlite_sequence was reset on purpose. */
static const struct lk_counts_table *sequence_is_back(const struct lk_counts *last,
                                                      const struct lk_counts *now)
{
    for (size_t i = 0; i < now->tables; i++) {
        const struct lk_counts_table *t = &now->table[i], *x = lk_counts_find(last, t->name);
        if (x != NULL && is_compared(t) && t->has_sequence && x->has_sequence && t->sequence < x->sequence &&
            !same_hash(t, x))
            return t;
    }
    return NULL;
}

static uint64_t sequence_of(const struct lk_counts_table *t)
{
    return t == NULL || t->sequence < 0 ? 0 : (uint64_t)t->sequence;
}

/* Is the whole content that of a line before the last? */
static bool is_twin(const struct rules *r)
{
    for (size_t i = 0; i < r->newest; i++) {
        if (all_rows(r->past->good[i]) > 0 && lk_counts_same_content(r->past->good[i], r->now))
            return true;
    }
    return false;
}

/* Another file, which was last changed before the one that lay there then? */
static bool is_earlier(const struct lk_counts *last, const struct lk_counts *now)
{
    const bool other = last->device != now->device || last->inode != now->inode;
    return other && now->mtime < last->mtime && !has_only_grown(last, now);
}

static enum lk_status judge_age(struct rules *r, struct lk_error *err)
{
    const struct lk_counts *last = r->past->good[r->newest], *now = r->now;
    struct lk_loss loss = {.kind = LITEKEEP_ALARM_OLDER, .good = is_there(r, r->newest) ? last->id : NULL};
    if (r->past->restored || r->settings->alarm_older_off || same_tables(last, now))
        return LK_OK;
    const struct lk_counts_table *t = sequence_is_back(last, now);
    if (counter_is_back(last, now)) {
        if (!is_again(r, last) && has_only_grown(last, now))
            return LK_OK;
        loss.before = last->change_counter;
        loss.now = now->change_counter;
        return add_loss(r, loss, err);
    }
    const bool replaced = is_replaced(last, now), unchanged = now->change_counter == last->change_counter;
    /* In place, with a counter that went on, a sequence goes back when the table is made anew: no older file.
     */
    if (t != NULL && (unchanged || replaced)) {
        loss.table = t->name;
        loss.before = sequence_of(lk_counts_find(last, t->name));
        loss.now = sequence_of(t);
        return add_loss(r, loss, err);
    }
    /* In WAL mode the counter need not move. */
    return unchanged && replaced && (is_twin(r) || is_earlier(last, now)) ? add_loss(r, loss, err) : LK_OK;
}

/* ---- All of it */

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

static int compare_losses(const void *a, const void *b)
{
    const struct lk_loss *x = a, *y = b;
    const int order = compare_texts(x->table, y->table);
    return order != 0 ? order : compare_texts(x->column, y->column);
}

static enum lk_status judge_all(struct rules *r, struct lk_error *err)
{
    const struct lk_counts *last = r->past->good[r->newest];
    if (r->past->age_only) /* what holds nothing is no older file */
        return r->newest + 1 < r->past->count || !lk_counts_has_tables(r->now) ? LK_OK : judge_age(r, err);
    /* Tables that held nothing may be dropped; a file of 0 bytes is no database. */
    if (r->now->whole && !lk_counts_has_tables(r->now) && (all_rows(last) > 0 || r->now->bytes == 0))
        return add_loss(r,
                        (struct lk_loss){.kind = LITEKEEP_ALARM_CUT,
                                         .before = all_rows(last),
                                         .good = is_there(r, r->newest) ? last->id : NULL},
                        err);
    enum lk_status status = LK_OK;
    for (size_t i = 0; status == LK_OK && i < r->now->tables; i++) {
        if (is_compared(&r->now->table[i]))
            status = judge_table(r, &r->now->table[i], err);
    }
    if (status == LK_OK)
        status = judge_gone(r, err);
    /* What was lost names the older file as its cause: one alarm, not two. */
    if (status == LK_OK && r->out->count == 0 && lk_counts_has_tables(r->now))
        status = judge_age(r, err);
    return status;
}

enum lk_status lk_alarm_rules(const struct lk_alarm_past *past, const struct lk_counts *now,
                              const struct lk_settings *settings, struct lk_losses *out, struct lk_error *err)
{
    struct rules r = {.past = past, .now = now, .settings = settings, .out = out};
    *out = (struct lk_losses){0};
    r.newest = past->count;
    while (r.newest > 0 && !lk_counts_has_tables(past->good[r.newest - 1]))
        r.newest--;
    if (settings->alarm_off || r.newest == 0)
        return LK_OK;
    r.newest--;
    const struct lk_counts *last = past->good[r.newest];
    r.replaced = is_replaced(last, now) || counter_is_back(last, now);
    const enum lk_status status = judge_all(&r, err);
    if (status != LK_OK)
        lk_losses_reset(out);
    else if (out->count > 1)
        qsort(out->loss, out->count, sizeof *out->loss, compare_losses);
    return status;
}
