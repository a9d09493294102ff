#include "store/manifest.h"

#include "base/memory.h"

#include <stdlib.h>

struct lk_manifest *lk_manifest_new(void)
{
    return lk_allocate_zeroed(1, sizeof(struct lk_manifest));
}

static void reset_texts(struct lk_manifest_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        lk_free(texts->text[i]);
    lk_free(texts->text);
    *texts = (struct lk_manifest_texts){0};
}

void lk_manifest_part_reset(struct lk_manifest_part *p)
{
    lk_free(p->shared_with);
    lk_free(p->parquet.path);
    lk_free(p->json.path);
    lk_free(p->block);
    *p = (struct lk_manifest_part){0};
}

void lk_manifest_clear_parts(struct lk_manifest_table *t)
{
    for (size_t i = 0; i < t->parts; i++)
        lk_manifest_part_reset(&t->part[i]);
    lk_free(t->part);
    t->part = NULL;
    t->parts = 0;
}

static void free_table(struct lk_manifest_table *t)
{
    if (t == NULL)
        return;
    lk_manifest_clear_parts(t);
    lk_free(t->name);
    lk_free(t->stem);
    lk_free(t->columns_json);
    lk_free(t->counts);
    lk_free(t);
}

static void free_schema_rows(struct lk_manifest *m)
{
    for (size_t i = 0; i < m->schema_rows; i++) {
        struct lk_manifest_schema_row *row = &m->schema_row[i];
        lk_free(row->type.ptr);
        lk_free(row->name.ptr);
        lk_free(row->tbl_name.ptr);
        lk_free(row->sql.ptr);
    }
    lk_free(m->schema_row);
}

void lk_manifest_free(struct lk_manifest *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->tables; i++)
        free_table(m->table[i]);
    lk_free(m->table);
    lk_free(m->by_name);
    free_schema_rows(m);
    reset_texts(&m->tags);
    reset_texts(&m->warnings);
    reset_texts(&m->left_out);
    reset_texts(&m->rebuild_problems);
    lk_free(m->id);
    lk_free(m->tool);
    lk_free(m->sqlite_version);
    lk_free(m->source.path);
    lk_free(m->source.identity);
    lk_free(m->source.journal_mode);
    lk_free(m->source.snapshot);
    lk_free(m->pragmas.encoding);
    lk_free(m->schema_sql.path);
    lk_free(m->sqlite_copy.path);
    lk_free(m);
}

/* Room for one element more in an array that doubles at each power of two: the new block, or NULL and nothing
 * changed. */
static void *room_for_one(void *array, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    size_t bytes;
    const size_t cap = count == 0 ? 1 : 2 * count;
    return __builtin_mul_overflow(cap, size, &bytes) ? NULL : lk_reallocate(array, bytes);
}

struct lk_manifest_table *lk_manifest_add_table(struct lk_manifest *m, const char *name, const char *stem)
{
    struct lk_manifest_table **grown = room_for_one(m->table, m->tables, sizeof(struct lk_manifest_table *));
    if (grown == NULL)
        return NULL;
    m->table = grown;
    struct lk_manifest_table *t = lk_allocate_zeroed(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->name = lk_copy_string(name);
    t->stem = lk_copy_string(stem);
    if (t->name == NULL || t->stem == NULL) {
        free_table(t);
        return NULL;
    }
    lk_free(m->by_name); /* no longer all of them */
    m->by_name = NULL;
    m->table[m->tables++] = t;
    return t;
}

bool lk_manifest_set_columns(struct lk_manifest_table *t, size_t columns)
{
    uint64_t(*counts)[LK_CLASSES] = lk_allocate_zeroed(columns, sizeof *counts);
    if (counts == NULL)
        return false;
    lk_free(t->counts);
    t->counts = counts;
    t->columns = columns;
    return true;
}

struct lk_manifest_part *lk_manifest_add_part(struct lk_manifest_table *t)
{
    struct lk_manifest_part *grown = room_for_one(t->part, t->parts, sizeof *grown);
    if (grown == NULL)
        return NULL;
    t->part = grown;
    t->part[t->parts] = (struct lk_manifest_part){0};
    return &t->part[t->parts++];
}

struct lk_manifest_block *lk_manifest_add_block(struct lk_manifest_part *p)
{
    struct lk_manifest_block *grown = room_for_one(p->block, p->blocks, sizeof *grown);
    if (grown == NULL)
        return NULL;
    p->block = grown;
    p->block[p->blocks] = (struct lk_manifest_block){0};
    return &p->block[p->blocks++];
}

struct lk_manifest_schema_row *lk_manifest_add_schema_row(struct lk_manifest *m)
{
    struct lk_manifest_schema_row *grown = room_for_one(m->schema_row, m->schema_rows, sizeof *grown);
    if (grown == NULL)
        return NULL;
    m->schema_row = grown;
    m->schema_row[m->schema_rows] = (struct lk_manifest_schema_row){0};
    return &m->schema_row[m->schema_rows++];
}

bool lk_manifest_set_text(struct lk_manifest_text *to, const void *ptr, size_t len)
{
    char *copy = ptr == NULL ? NULL : lk_copy_bytes(ptr, len);
    if (ptr != NULL && copy == NULL)
        return false;
    lk_free(to->ptr);
    *to = (struct lk_manifest_text){.ptr = copy, .len = ptr == NULL ? 0 : len};
    return true;
}

bool lk_manifest_is_verified(const struct lk_manifest *m)
{
    bool verified = !m->legacy && (!m->has_sqlite || m->sqlite_verified_at != 0);
    for (size_t i = 0; i < m->tables && verified; i++) {
        for (size_t k = 0; k < m->table[i]->parts; k++) {
            const struct lk_manifest_part *p = &m->table[i]->part[k];
            const bool has_files = p->parquet.path != NULL || p->json.path != NULL;
            verified &= !has_files || p->verified_at != 0;
        }
    }
    return verified;
}

bool lk_manifest_add_text(struct lk_manifest_texts *to, const char *text)
{
    char **grown = room_for_one(to->text, to->count, sizeof *grown);
    if (grown == NULL)
        return false;
    to->text = grown;
    char *copy = lk_copy_string(text);
    if (copy == NULL)
        return false;
    to->text[to->count++] = copy;
    return true;
}

static bool copy_string_or_null(char **to, const char *from)
{
    *to = from == NULL ? NULL : lk_copy_string(from);
    return from == NULL || *to != NULL;
}

bool lk_manifest_copy_part(struct lk_manifest_part *to, const struct lk_manifest_part *from)
{
    struct lk_manifest_part copy = *from;
    copy.shared_with = NULL;
    copy.parquet.path = NULL;
    copy.json.path = NULL;
    copy.block = NULL;
    copy.blocks = 0;
    bool ok = copy_string_or_null(&copy.shared_with, from->shared_with) &&
              copy_string_or_null(&copy.parquet.path, from->parquet.path) &&
              copy_string_or_null(&copy.json.path, from->json.path);
    for (size_t i = 0; ok && i < from->blocks; i++) {
        struct lk_manifest_block *block = lk_manifest_add_block(&copy);
        ok = block != NULL;
        if (ok)
            *block = from->block[i];
    }
    if (ok)
        *to = copy;
    else
        lk_manifest_part_reset(&copy);
    return ok;
}

static int compare_name_to_table(const void *name, const void *table)
{
    return strcmp(name, (*(const struct lk_manifest_table *const *)table)->name);
}

const struct lk_manifest_table *lk_manifest_find_table(const struct lk_manifest *m, const char *name)
{
    if (m->by_name != NULL) {
        struct lk_manifest_table *const *found =
            bsearch(name, m->by_name, m->tables, sizeof(struct lk_manifest_table *), compare_name_to_table);
        return found == NULL ? NULL : *found;
    }
    for (size_t i = 0; i < m->tables; i++) {
        if (strcmp(m->table[i]->name, name) == 0)
            return m->table[i];
    }
    return NULL;
}

enum lk_status lk_manifest_table_plan(const struct lk_manifest_table *t, struct lk_table_schema **schema,
                                      struct lk_plan **plan, struct lk_error *err)
{
    int64_t first_rowid;
    if (t->columns_json == NULL)
        return lk_fail(err, LK_DAMAGED, "table %s: the manifest does not say what its columns are", t->name);
    const enum lk_status status =
        lk_plan_from_json(lk_bytes_of(t->columns_json), schema, plan, &first_rowid, err);
    return status == LK_OK ? LK_OK : lk_error_prefix(err, "table %s", t->name);
}

enum lk_status
lk_manifest_each_file(const struct lk_manifest *m,
                      enum lk_status (*each)(void *context, const struct lk_manifest_file *file,
                                             const struct lk_manifest_table *table,
                                             const struct lk_manifest_part *part, struct lk_error *err),
                      void *context, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    if (m->schema_sql.path != NULL)
        status = each(context, &m->schema_sql, NULL, NULL, err);
    if (status == LK_OK && m->sqlite_copy.path != NULL)
        status = each(context, &m->sqlite_copy, NULL, NULL, err);
    for (size_t i = 0; i < m->tables; i++) {
        const struct lk_manifest_table *t = m->table[i];
        for (size_t k = 0; k < t->parts; k++) {
            const struct lk_manifest_part *p = &t->part[k];
            if (status == LK_OK && p->parquet.path != NULL)
                status = each(context, &p->parquet, t, p, err);
            if (status == LK_OK && p->json.path != NULL)
                status = each(context, &p->json, t, p, err);
        }
    }
    return status;
}

static enum lk_status add_to_totals(void *context, const struct lk_manifest_file *file,
                                    const struct lk_manifest_table *table,
                                    const struct lk_manifest_part *part, struct lk_error *err)
{
    struct lk_manifest *m = context;
    (void)table;
    (void)err;
    m->total_files++;
    m->total_bytes += file->bytes;
    if (part != NULL && part->shared_with != NULL)
        m->shared_bytes += file->bytes;
    return LK_OK;
}

void lk_manifest_total(struct lk_manifest *m)
{
    struct lk_error none = {0};
    m->total_rows = m->total_raw_bytes = m->total_bytes = m->shared_bytes = m->total_files = 0;
    for (size_t i = 0; i < m->tables; i++) {
        m->total_rows += m->table[i]->rows;
        m->total_raw_bytes += m->table[i]->raw_bytes;
    }
    (void)!lk_manifest_each_file(m, add_to_totals, m, &none);
}

enum lk_status lk_manifest_read(const struct lk_dir *backup, struct lk_manifest **out, struct lk_error *err)
{
    struct lk_buffer text = {0};
    char *file = lk_format("%s/%s", backup->path, LK_MANIFEST_FILE);
    if (file == NULL)
        return lk_fail_memory(err, "reading a manifest");
    enum lk_status status = lk_file_read(backup, LK_MANIFEST_FILE, LK_MANIFEST_LIMIT, &text, err);
    if (status == LK_NOT_FOUND)
        status = lk_fail(err, LK_DAMAGED,
                         "%s: the manifest is missing, so this is no whole backup: use another one", file);
    if (status == LK_OK)
        status = lk_manifest_from_json(lk_buffer_bytes(&text), file, out, err);
    lk_buffer_reset(&text);
    lk_free(file);
    return status;
}
