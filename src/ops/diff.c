/* Two backups compared, or a backup and a live file. */
#include <assert.h>

#include "base/memory.h"
#include "ops/diff_schema.h"
#include "ops/diff_spool.h"
#include "ops/diff_table.h"

struct diff_result {
    struct litekeep_diff diff; /* first: the caller has this */
    struct lk_arena arena;
};

struct diff {
    struct litekeep *lk;
    const struct litekeep_diff_options *options;
    struct lk_diff_side before, after;
    struct lk_diff_notes notes;
    struct lk_diff_spool *spool; /* rows to be told of, with a live file */
    struct diff_result *result;
};

/* ---- Which tables */

static bool is_named(const struct litekeep_diff_options *o, const char *name)
{
    if (o->tables == NULL || *o->tables == NULL)
        return true;
    for (const char *const *t = o->tables; *t != NULL; t++) {
        if (strcmp(*t, name) == 0)
            return true;
    }
    return false;
}

static enum lk_status check_names(const struct diff *d, struct lk_error *err)
{
    for (const char *const *t = d->options->tables; t != NULL && *t != NULL; t++) {
        if (lk_diff_side_find(&d->before, *t) == NULL && lk_diff_side_find(&d->after, *t) == NULL)
            return lk_fail(err, LK_NOT_FOUND, "neither %s nor %s has a table \"%s\"", d->before.label,
                           d->after.label, *t);
    }
    return LK_OK;
}

/* Was the table left out of this backup on request? Then it is not known whether it was there. */
static bool was_left_out(struct diff *d, const struct lk_diff_side *side, const char *name)
{
    const struct lk_manifest *m = side->which.backup == NULL ? NULL : side->which.backup->manifest;
    for (size_t i = 0; m != NULL && i < m->left_out.count; i++) {
        if (strcmp(m->left_out.text[i], name) != 0)
            continue;
        const char *shown = lk_arena_shown_string(&d->result->arena, name);
        lk_diff_notes_add(&d->notes, "Table \"%s\" was left out of %s: it is not compared.",
                          shown == NULL ? "" : shown, side->label);
        return true;
    }
    return false;
}

/* ---- Comparing */

static enum lk_status keep_row(void *context, const char *table, enum litekeep_change change, const char *key,
                               const char *before, const char *after, struct lk_error *err)
{
    return lk_diff_spool_add(context, table, change, key, before, after, err);
}

static enum lk_status compare_table(struct diff *d, const struct lk_diff_side_table *before,
                                    const struct lk_diff_side_table *after, struct lk_error *err)
{
    struct litekeep_diff *out = &d->result->diff;
    const struct lk_diff_side_table *t = before != NULL ? before : after;
    const struct lk_diff_run run = {
        .before = &d->before,
        .after = &d->after,
        .secret = d->lk->store->secret,
        .arena = &d->result->arena,
        .notes = &d->notes,
        .on_row = d->spool != NULL ? keep_row : d->options->on_row,
        .context = d->spool != NULL ? (void *)d->spool : d->options->context,
    };
    assert(t != NULL);
    if (!is_named(d->options, t->name))
        return LK_OK;
    if ((before == NULL && was_left_out(d, &d->before, t->name)) ||
        (after == NULL && was_left_out(d, &d->after, t->name)))
        return LK_OK;
    struct litekeep_diff_table *to = &out->table[out->tables];
    const enum lk_status status = lk_diff_table(&run, before, after, to, err);
    if (status != LK_OK)
        return status;
    const bool differs = lk_diff_table_differs(to);
    out->same = out->same && !differs;
    /* Shadow and internal tables change with others; those that do not are nobody's concern. */
    if (differs || t->kind == LK_TABLE_ORDINARY)
        out->tables++;
    return LK_OK;
}

/* Both lists are sorted by name. */
static enum lk_status compare_tables(struct diff *d, struct lk_error *err)
{
    const struct lk_diff_side *a = &d->before, *b = &d->after;
    struct litekeep_diff *out = &d->result->diff;
    enum lk_status status = LK_OK;
    out->table = lk_arena_take(&d->result->arena, a->tables + b->tables + 1, sizeof *out->table);
    if (out->table == NULL)
        return lk_arena_check(&d->result->arena, err);
    for (size_t i = 0, k = 0; status == LK_OK && (i < a->tables || k < b->tables);) {
        const int order = i == a->tables   ? 1
                          : k == b->tables ? -1
                                           : strcmp(a->table[i].name, b->table[k].name);
        status = compare_table(d, order <= 0 ? &a->table[i] : NULL, order >= 0 ? &b->table[k] : NULL, err);
        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
    }
    return status;
}

static void note_legacy(struct diff *d, const struct lk_diff_side *side)
{
    if (lk_diff_side_is_legacy(side))
        lk_diff_notes_add(
            &d->notes,
            "%s has no manifest: its schema is unknown, its columns have the types of the files, and "
            "rows without a PRIMARY KEY on the other side are matched by their position.",
            side->label);
}

static enum lk_status compare(struct diff *d, struct lk_error *err)
{
    bool differs = false;
    struct litekeep_diff *out = &d->result->diff;
    struct lk_arena *a = &d->result->arena;
    out->before = lk_arena_copy(a, d->before.label);
    out->after = lk_arena_copy(a, d->after.label);
    note_legacy(d, &d->before);
    note_legacy(d, &d->after);
    enum lk_status status = lk_diff_side_read(&d->after, err);
    if (status == LK_OK)
        status = check_names(d, err);
    if (status == LK_OK)
        status = lk_diff_schema(&d->before, &d->after, d->options->tables, a, &d->notes, out, &differs, err);
    out->same = !differs;
    return status == LK_OK ? compare_tables(d, err) : status;
}

/* ---- A live file may have to be read again */

static enum lk_status begin(struct diff *d, struct lk_error *err)
{
    if (d->result != NULL)
        litekeep_diff_free(&d->result->diff);
    lk_diff_spool_free(d->spool);
    d->spool = NULL;
    lk_diff_notes_clear(&d->notes);
    d->result = lk_allocate_zeroed(1, sizeof *d->result);
    if (d->result == NULL)
        return lk_fail_memory(err, "comparing");
    return d->options->live != NULL && d->options->on_row != NULL ? lk_diff_spool_new(&d->spool, err) : LK_OK;
}

static enum lk_status compare_until_still(struct diff *d, struct lk_error *err)
{
    for (;;) {
        struct lk_error unsure = {0};
        enum lk_status status = begin(d, err);
        if (status == LK_OK)
            status = compare(d, err);
        if (status != LK_OK && status != LK_UNREADABLE && status != LK_DAMAGED)
            return status;
        /* Also after an error: a file that is written while it is read looks damaged. */
        const enum lk_status confirmed = lk_diff_side_confirm(&d->after, &unsure);
        if (!d->after.restart) {
            if (status == LK_OK && confirmed != LK_OK) {
                *err = unsure;
                return confirmed;
            }
            return status;
        }
        status = lk_diff_side_restart(&d->after, err);
        if (status != LK_OK)
            return status;
    }
}

static enum lk_status open_sides(struct diff *d, struct lk_error *err)
{
    const struct litekeep_diff_options *o = d->options;
    const enum lk_status status = lk_diff_side_open_backup(d->lk, o->before, &d->before, err);
    if (status != LK_OK)
        return status;
    return o->live != NULL ? lk_diff_side_open_live(o->live, o->on_row != NULL ? 2 : 1, &d->after, err)
                           : lk_diff_side_open_backup(d->lk, o->after, &d->after, err);
}

enum lk_status litekeep_diff(struct litekeep *lk, const struct litekeep_diff_options *options,
                             struct litekeep_diff **out, struct lk_error *err)
{
    struct diff d = {.lk = lk,
                     .options = options,
                     .before = {.which = {.dir = LK_DIR_CLOSED}},
                     .after = {.which = {.dir = LK_DIR_CLOSED}}};
    if (options->before == NULL || (options->after == NULL) == (options->live == NULL))
        return lk_fail(err, LK_USAGE, "a comparison has two sides: two backups, or a backup and a live file");
    lk_diff_notes_init(&d.notes);
    enum lk_status status = open_sides(&d, err);
    if (status == LK_OK)
        status = compare_until_still(&d, err);
    if (status == LK_OK)
        status = lk_diff_notes_list(&d.notes, &d.result->arena, &d.result->diff.notes, err);
    /* The live file is let go before anybody may take his time over the rows. */
    lk_diff_side_close(&d.before);
    lk_diff_side_close(&d.after);
    if (status == LK_OK && d.spool != NULL)
        status = lk_diff_spool_replay(d.spool, options, err);
    lk_diff_spool_free(d.spool);
    lk_diff_notes_reset(&d.notes);
    if (status == LK_OK)
        *out = &d.result->diff;
    else if (d.result != NULL)
        litekeep_diff_free(&d.result->diff);
    return status;
}

void litekeep_diff_free(struct litekeep_diff *diff)
{
    struct diff_result *r = (struct diff_result *)diff; /* its first member */
    if (r == NULL)
        return;
    lk_arena_free(&r->arena);
    lk_free(r);
}
