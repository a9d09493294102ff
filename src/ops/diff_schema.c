#include "ops/diff_schema.h"

#include <stdlib.h>

#include "base/memory.h"

struct object {
    struct lk_bytes type, name, table, sql; /* ptr NULL: SQL NULL */
};

struct objects {
    size_t count;
    struct object *object;        /* in the order of the schema */
    const struct object **sorted; /* by type and name */
};

static int compare_bytes(struct lk_bytes a, struct lk_bytes b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_objects(const struct object *a, const struct object *b)
{
    const int order = compare_bytes(a->type, b->type);
    return order != 0 ? order : compare_bytes(a->name, b->name);
}

static int compare_places(const void *a, const void *b)
{
    return compare_objects(*(const struct object *const *)a, *(const struct object *const *)b);
}

static const struct object *find(const struct objects *in, const struct object *wanted)
{
    const struct object **found = in->count == 0 ? NULL
                                                 : bsearch(&wanted, in->sorted, in->count,
                                                           sizeof(const struct object *), compare_places);
    return found == NULL ? NULL : *found;
}

static bool is_wanted(const struct object *o, const char *const *tables)
{
    if (tables == NULL || *tables == NULL)
        return true;
    for (; *tables != NULL; tables++) {
        if (lk_bytes_equal(o->table, lk_bytes_of(*tables)))
            return true;
    }
    return false;
}

static void add(struct objects *to, struct object o, const char *const *tables)
{
    if (is_wanted(&o, tables))
        to->object[to->count++] = o;
}

static enum lk_status gather(const struct lk_diff_side *side, const char *const *tables, struct objects *out,
                             struct lk_error *err)
{
    const struct lk_manifest *m = side->which.backup == NULL ? NULL : side->which.backup->manifest;
    const struct lk_structure *st = side->structure;
    const size_t rows = m != NULL ? m->schema_rows : st->rows;
    out->object = lk_allocate_zeroed(rows, sizeof *out->object);
    out->sorted = lk_allocate_zeroed(rows, sizeof *out->sorted);
    if (out->object == NULL || out->sorted == NULL)
        return lk_fail_memory(err, "comparing schemas");
    for (size_t i = 0; i < rows; i++) {
        if (m != NULL) {
            const struct lk_manifest_schema_row *r = &m->schema_row[i];
            add(out,
                (struct object){lk_bytes(r->type.ptr, r->type.len), lk_bytes(r->name.ptr, r->name.len),
                                lk_bytes(r->tbl_name.ptr, r->tbl_name.len), lk_bytes(r->sql.ptr, r->sql.len)},
                tables);
        } else {
            const struct lk_schema_row *r = &st->row[i];
            add(out,
                (struct object){lk_bytes(r->type.ptr, r->type.len), lk_bytes(r->name.ptr, r->name.len),
                                lk_bytes(r->tbl_name.ptr, r->tbl_name.len), lk_bytes(r->sql.ptr, r->sql.len)},
                tables);
        }
    }
    for (size_t i = 0; i < out->count; i++)
        out->sorted[i] = &out->object[i];
    qsort(out->sorted, out->count, sizeof *out->sorted, compare_places);
    return LK_OK;
}

static void release(struct objects *o)
{
    lk_free(o->object);
    lk_free(o->sorted);
}

static bool same_object(const struct object *a, const struct object *b)
{
    return lk_bytes_equal(a->table, b->table) && (a->sql.ptr == NULL) == (b->sql.ptr == NULL) &&
           lk_bytes_equal(a->sql, b->sql);
}

static void tell(struct lk_arena *a, enum litekeep_change change, const struct object *before,
                 const struct object *after, struct litekeep_diff *out)
{
    const struct object *named = after != NULL ? after : before;
    if ((before == NULL || before->sql.ptr == NULL) && (after == NULL || after->sql.ptr == NULL))
        return;
    struct litekeep_diff_object *o = &out->object[out->objects++];
    o->change = change;
    o->type = lk_arena_shown(a, named->type);
    o->name = lk_arena_shown(a, named->name);
    o->before = before == NULL || before->sql.ptr == NULL ? NULL : lk_arena_shown(a, before->sql);
    o->after = after == NULL || after->sql.ptr == NULL ? NULL : lk_arena_shown(a, after->sql);
}

/* Removed ones in the order of the schema before, then changed and added ones in that of the one after. */
static void compare(const struct objects *before, const struct objects *after, struct lk_arena *a,
                    struct litekeep_diff *out, bool *differs)
{
    out->object = lk_arena_take(a, before->count + after->count + 1, sizeof *out->object);
    for (size_t i = 0; out->object != NULL && i < before->count; i++) {
        if (find(after, &before->object[i]) == NULL) {
            tell(a, LITEKEEP_REMOVED, &before->object[i], NULL, out);
            *differs = true;
        }
    }
    for (size_t i = 0; out->object != NULL && i < after->count; i++) {
        const struct object *now = &after->object[i], *was = find(before, now);
        if (was != NULL && same_object(was, now))
            continue;
        tell(a, was == NULL ? LITEKEEP_ADDED : LITEKEEP_CHANGED, was, now, out);
        *differs = true;
    }
}

static bool same_order(const struct objects *before, const struct objects *after)
{
    for (size_t i = 0; i < before->count; i++) {
        if (compare_objects(&before->object[i], &after->object[i]) != 0)
            return false;
    }
    return true;
}

/* By lk_structure.encoding. */
static const char *const encodings[] = {"UTF-8", "UTF-8", "UTF-16le", "UTF-16be"};

static struct lk_manifest_pragmas pragmas_of(const struct lk_diff_side *side)
{
    const struct lk_structure *st = side->structure;
    return side->which.backup != NULL ? side->which.backup->manifest->pragmas
                                      : (struct lk_manifest_pragmas){.page_size = st->page_size,
                                                                     .auto_vacuum = (uint32_t)st->auto_vacuum,
                                                                     .user_version = st->user_version,
                                                                     .application_id = st->application_id,
                                                                     .wal = st->wal};
}

static const char *encoding_of(const struct lk_diff_side *side)
{
    if (side->which.backup == NULL)
        return encodings[side->structure->encoding];
    const char *name = side->which.backup->manifest->pragmas.encoding;
    return name == NULL ? "" : name;
}

static void compare_number(struct lk_diff_notes *notes, const char *name, int64_t before, int64_t after,
                           bool *differs)
{
    if (before == after)
        return;
    lk_diff_notes_add(notes, "%s differs: %lld before, %lld after.", name, (long long)before,
                      (long long)after);
    *differs = true;
}

static void compare_pragmas(const struct lk_diff_side *before, const struct lk_diff_side *after,
                            struct lk_diff_notes *notes, bool *differs)
{
    const struct lk_manifest_pragmas a = pragmas_of(before), b = pragmas_of(after);
    if (strcmp(encoding_of(before), encoding_of(after)) != 0) {
        lk_diff_notes_add(notes, "encoding differs: %s before, %s after.", encoding_of(before),
                          encoding_of(after));
        *differs = true;
    }
    compare_number(notes, "page_size", a.page_size, b.page_size, differs);
    compare_number(notes, "auto_vacuum", a.auto_vacuum, b.auto_vacuum, differs);
    compare_number(notes, "user_version", a.user_version, b.user_version, differs);
    compare_number(notes, "application_id", a.application_id, b.application_id, differs);
    if (a.wal != b.wal) {
        lk_diff_notes_add(notes, "The journal mode differs: %s before, %s after.", a.wal ? "WAL" : "rollback",
                          b.wal ? "WAL" : "rollback");
        *differs = true;
    }
}

enum lk_status lk_diff_schema(const struct lk_diff_side *before, const struct lk_diff_side *after,
                              const char *const *tables, struct lk_arena *a, struct lk_diff_notes *notes,
                              struct litekeep_diff *out, bool *differs, struct lk_error *err)
{
    struct objects old = {0}, new = {0};
    const bool all = tables == NULL || *tables == NULL;
    *differs = false;
    if (lk_diff_side_is_legacy(before) || lk_diff_side_is_legacy(after))
        return LK_OK;
    enum lk_status status = gather(before, tables, &old, err);
    if (status == LK_OK)
        status = gather(after, tables, &new, err);
    if (status == LK_OK) {
        compare(&old, &new, a, out, differs);
        if (all && !*differs && !same_order(&old, &new)) {
            lk_diff_notes_add(notes, "The schema has the same objects in another order (VACUUM does that).");
            *differs = true;
        }
        if (all)
            compare_pragmas(before, after, notes, differs);
        status = lk_arena_check(a, err);
    }
    release(&old);
    release(&new);
    return status;
}
