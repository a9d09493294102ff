#include <stdlib.h>

#include "base/memory.h"
#include "ops/list.h"
#include "ops/stored_table.h"
#include "ops/which.h"

struct show_result {
    struct litekeep_shown shown;
    struct lk_arena arena;
};

/* "price DOUBLE", "price__text STRING": the file columns of table column `index`. */
static const char *const *file_columns(struct lk_arena *a, const struct lk_file_column *all, size_t count,
                                       size_t index)
{
    static const char *const types[] = {"INT64", "DOUBLE", "STRING", "BYTE_ARRAY"};
    const char **out = lk_arena_take(a, LK_CLASSES + 3, sizeof *out);
    size_t used = 0;
    for (size_t i = 0; out != NULL && i < count; i++) {
        if (all[i].role == LK_ROLE_ROWID || all[i].column != index)
            continue;
        out[used++] = lk_arena_format(a, "%s %s", lk_arena_shown_string(a, all[i].name),
                                      all[i].role == LK_ROLE_IS_INT ? "BOOLEAN" : types[all[i].type]);
    }
    return out;
}

/* `plan` NULL: unknown. */
static void fill_columns(struct lk_arena *a, const struct lk_manifest_table *t,
                         const struct lk_table_schema *schema, const struct lk_plan *plan,
                         struct litekeep_table_info *out)
{
    const size_t count = plan == NULL ? 0 : lk_plan_file_columns(plan);
    struct lk_file_column *all = lk_arena_take(a, count + 1, sizeof *all);
    out->column = lk_arena_take(a, schema->columns + 1, sizeof *out->column);
    if (all == NULL || out->column == NULL)
        return;
    if (plan != NULL)
        lk_plan_list_file_columns(plan, all);
    out->columns = schema->columns;
    for (size_t i = 0; i < schema->columns; i++) {
        struct litekeep_column_info *c = &out->column[i];
        c->name = lk_arena_shown_string(a, schema->column[i].name);
        c->declared_type = lk_arena_shown_string(a, schema->column[i].declared_type);
        c->affinity = lk_affinity_name(schema->column[i].affinity);
        c->key = schema->column[i].key;
        c->file_columns = file_columns(a, all, count, i);
        if (i < t->columns)
            memcpy(c->counts, t->counts[i], sizeof c->counts);
    }
}

/* The table's file, or the folder of its parts. */
static const char *table_path(struct lk_arena *a, const char *path, size_t parts)
{
    if (path == NULL || parts == 1)
        return lk_arena_copy(a, path);
    const char *slash = strrchr(path, '/');
    return lk_arena_format(a, "%.*s", (int)(slash - path), path);
}

/* Without a manifest: rows and columns as the footer of the table's Parquet has them. JSON would have to be
 * read whole, and a file that is hurt must not hide the others. */
static enum lk_status fill_from_file(struct lk_arena *a, const struct lk_backup *backup,
                                     const struct lk_manifest_table *t, struct litekeep_table_info *out,
                                     struct lk_manifest_texts *warnings, struct lk_error *err)
{
    const struct lk_stored_options options = {.from = LK_STORED_PARQUET};
    struct lk_stored_table *table = NULL;
    struct lk_error failure = {0};
    if (t->parts != 1 || t->part[0].parquet.path == NULL)
        return LK_OK;
    const enum lk_status status = lk_stored_table_open(backup, t, &options, &table, &failure);
    if (status == LK_OK) {
        out->counted = true;
        out->rows = lk_stored_table_rows(table);
        fill_columns(a, t, lk_stored_table_schema(table), NULL, out);
        lk_stored_table_free(table);
        return LK_OK;
    }
    if (status == LK_INTERRUPTED) {
        *err = failure;
        return status;
    }
    return lk_manifest_add_text(warnings, failure.message) ? LK_OK : lk_fail_memory(err, "showing a backup");
}

static enum lk_status fill_table(struct lk_arena *a, const struct lk_manifest_table *t,
                                 struct litekeep_table_info *out, struct lk_error *err)
{
    struct lk_table_schema *schema = NULL;
    struct lk_plan *plan = NULL;
    out->name = lk_arena_shown_string(a, t->name);
    out->kind = lk_table_kind_name(t->kind);
    out->rows = t->rows;
    out->raw_bytes = t->raw_bytes;
    out->parts = t->parts;
    for (size_t i = 0; i < t->parts; i++) {
        out->parquet_bytes += t->part[i].parquet.bytes;
        out->json_bytes += t->part[i].json.bytes;
    }
    if (t->parts > 0) {
        out->parquet_path = table_path(a, t->part[0].parquet.path, t->parts);
        out->json_path = table_path(a, t->part[0].json.path, t->parts);
    }
    if (t->columns_json == NULL)
        return LK_OK;
    out->counted = true;
    const enum lk_status status = lk_manifest_table_plan(t, &schema, &plan, err);
    if (status == LK_OK)
        fill_columns(a, t, schema, plan, out);
    lk_table_schema_free(schema);
    lk_plan_free(plan);
    return status;
}

static void count_schema(const struct lk_manifest *m, struct litekeep_shown *out)
{
    out->schema_rows = m->schema_rows;
    for (size_t i = 0; i < m->schema_rows; i++) {
        const struct lk_manifest_schema_row *r = &m->schema_row[i];
        const char *type = r->type.ptr == NULL ? "" : r->type.ptr;
        out->views += strcmp(type, "view") == 0 ? 1 : 0;
        out->indexes += strcmp(type, "index") == 0 ? 1 : 0;
        out->triggers += strcmp(type, "trigger") == 0 ? 1 : 0;
        static const char virtual_table[] = "CREATE VIRTUAL TABLE";
        out->virtual_tables +=
            r->sql.ptr != NULL && strncmp(r->sql.ptr, virtual_table, sizeof virtual_table - 1) == 0 ? 1 : 0;
    }
}

/* A backup of the original script: what its files say. */
static enum lk_status fill_legacy(struct show_result *r, const struct lk_which *w, struct lk_error *err)
{
    struct litekeep_shown *s = &r->shown;
    struct lk_manifest_texts warnings = {0};
    enum lk_status status = LK_OK;
    if (!lk_manifest_add_text(&warnings, "no manifest: schema unknown; columns are typed from the files"))
        status = lk_fail_memory(err, "showing a backup");
    for (size_t i = 0; status == LK_OK && i < s->tables; i++) {
        status =
            fill_from_file(&r->arena, w->backup, w->backup->manifest->table[i], &s->table[i], &warnings, err);
        s->backup.rows += s->table[i].rows;
    }
    s->warnings = lk_list_texts(&r->arena, &warnings);
    for (size_t i = 0; i < warnings.count; i++)
        lk_free(warnings.text[i]);
    lk_free(warnings.text);
    return status;
}

static enum lk_status fill(struct show_result *r, const struct lk_which *w, struct lk_error *err)
{
    struct lk_arena *a = &r->arena;
    struct litekeep_shown *s = &r->shown;
    const struct lk_manifest *m = w->backup->manifest;
    enum lk_status status = LK_OK;
    s->database = lk_arena_copy(a, w->database->folder);
    s->id = lk_arena_copy(a, m->id);
    char *folder = realpath(w->backup->dir.path, NULL);
    s->folder = lk_arena_copy(a, folder == NULL ? w->backup->dir.path : folder);
    free(folder);
    lk_list_fill_backup(a, &w->list.entry[w->index], m, &s->backup);
    s->source_path = lk_arena_shown_string(a, m->source.path == NULL ? "" : m->source.path);
    s->journal_mode = m->legacy ? "" : m->pragmas.wal ? "wal" : "rollback";
    s->snapshot = lk_arena_shown_string(a, m->source.snapshot == NULL ? "" : m->source.snapshot);
    s->encoding = lk_arena_shown_string(a, m->pragmas.encoding == NULL ? "" : m->pragmas.encoding);
    s->tool = lk_arena_shown_string(a, m->tool == NULL ? "" : m->tool);
    s->sqlite_version = lk_arena_shown_string(a, m->sqlite_version == NULL ? "" : m->sqlite_version);
    s->page_size = m->pragmas.page_size;
    s->rebuild_problems = lk_list_texts(a, &m->rebuild_problems);
    count_schema(m, s);
    s->table = lk_arena_take(a, m->tables + 1, sizeof *s->table);
    s->tables = s->table == NULL ? 0 : m->tables;
    for (size_t i = 0; status == LK_OK && i < s->tables; i++)
        status = fill_table(a, m->table[i], &s->table[i], err);
    if (status == LK_OK)
        status = m->legacy ? fill_legacy(r, w, err) : LK_OK;
    if (status == LK_OK && !m->legacy)
        s->warnings = lk_list_texts(a, &m->warnings);
    return status == LK_OK ? lk_arena_check(a, err) : status;
}

enum lk_status litekeep_show(struct litekeep *lk, const char *what, struct litekeep_shown **out,
                             struct lk_error *err)
{
    struct lk_which w;
    enum lk_status status = lk_which_open(lk, what, &w, err);
    if (status != LK_OK)
        return status;
    struct show_result *r = lk_allocate_zeroed(1, sizeof *r);
    status = r == NULL ? lk_fail_memory(err, "showing a backup") : fill(r, &w, err);
    lk_which_close(&w);
    if (status == LK_OK)
        *out = &r->shown;
    else if (r != NULL)
        litekeep_shown_free(&r->shown);
    return status;
}

void litekeep_shown_free(struct litekeep_shown *shown)
{
    struct show_result *r = (struct show_result *)shown; /* its first member */
    if (r == NULL)
        return;
    lk_arena_free(&r->arena);
    lk_free(r);
}
