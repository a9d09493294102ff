#include "ops/manifest_fill.h"

#include <sqlite3.h>

#include "base/memory.h"

/* By lk_structure.encoding. */
static const char *const encodings[] = {"UTF-8", "UTF-8", "UTF-16le", "UTF-16be"};

static bool set_string(char **to, const char *text)
{
    *to = lk_copy_string(text);
    return *to != NULL;
}

static bool fill_schema(struct lk_manifest *m, const struct lk_structure *s)
{
    for (size_t i = 0; i < s->rows; i++) {
        const struct lk_schema_row *from = &s->row[i];
        struct lk_manifest_schema_row *to = lk_manifest_add_schema_row(m);
        if (to == NULL || !lk_manifest_set_text(&to->type, from->type.ptr, from->type.len) ||
            !lk_manifest_set_text(&to->name, from->name.ptr, from->name.len) ||
            !lk_manifest_set_text(&to->tbl_name, from->tbl_name.ptr, from->tbl_name.len) ||
            !lk_manifest_set_text(&to->sql, from->sql.ptr, from->sql.len))
            return false;
    }
    for (size_t i = 0; i < s->reasons; i++) {
        if (!lk_manifest_add_text(&m->rebuild_problems, s->reason[i]))
            return false;
    }
    return true;
}

enum lk_status lk_manifest_fill(struct lk_manifest *m, const struct lk_manifest_facts *facts,
                                struct lk_error *err)
{
    const struct lk_source_facts *source = facts->source;
    const struct lk_structure *s = facts->structure;
    bool ok = set_string(&m->tool, "litekeep " LK_VERSION) &&
              set_string(&m->sqlite_version, sqlite3_libversion()) &&
              set_string(&m->source.path, source->path) && set_string(&m->source.identity, facts->identity) &&
              set_string(&m->source.journal_mode, s->wal ? "wal" : "delete") &&
              set_string(&m->source.snapshot, lk_source_method_name(source->method)) &&
              set_string(&m->pragmas.encoding, encodings[s->encoding]);
    for (const char *const *tag = facts->tags; ok && tag != NULL && *tag != NULL; tag++)
        ok = lk_manifest_add_text(&m->tags, *tag);
    ok = ok && fill_schema(m, s);
    if (!ok)
        return lk_fail_memory(err, "writing the manifest");
    m->started = facts->started;
    m->source.device = source->device;
    m->source.inode = source->inode;
    m->source.bytes = source->bytes;
    m->source.mtime = source->mtime;
    m->source.change_counter = source->header.change_counter;
    m->pragmas.page_size = s->page_size;
    m->pragmas.auto_vacuum = (uint32_t)s->auto_vacuum;
    m->pragmas.user_version = s->user_version;
    m->pragmas.application_id = s->application_id;
    m->pragmas.wal = s->wal;
    m->has_parquet = facts->parquet;
    m->has_json = facts->json;
    m->has_sqlite = facts->sqlite;
    m->parquet_codec = facts->parquet_codec;
    m->json_codec = facts->json_codec;
    return LK_OK;
}

/* The shadow tables, picked out once: a schema may have ten thousand tables. *count of them; NULL when memory
 * is out. */
static const struct lk_table_schema **pick_shadows(const struct lk_structure *s, size_t *count)
{
    const struct lk_table_schema **shadow = lk_allocate_zeroed(s->tables + 1, sizeof *shadow);
    *count = 0;
    for (size_t i = 0; shadow != NULL && i < s->tables; i++) {
        if (s->table[i]->kind == LK_TABLE_SHADOW)
            shadow[(*count)++] = s->table[i];
    }
    return shadow;
}

static bool is_hidden(const struct lk_schema_row *row, const struct lk_table_schema *const *shadow,
                      size_t shadows)
{
    if (row->name.len >= 7 && sqlite3_strnicmp(row->name.ptr, "sqlite_", 7) == 0)
        return true;
    for (size_t i = 0; i < shadows; i++) {
        if (strlen(shadow[i]->name) == row->tbl_name.len &&
            memcmp(shadow[i]->name, row->tbl_name.ptr, row->tbl_name.len) == 0)
            return true; /* the table, or an index of it */
    }
    return false;
}

enum lk_status lk_schema_sql(const struct lk_structure *s, struct lk_buffer *out, struct lk_error *err)
{
    size_t shadows;
    const struct lk_table_schema **shadow = pick_shadows(s, &shadows);
    if (shadow == NULL)
        return lk_fail_memory(err, "writing schema.sql");
    lk_buffer_append_format(out, "PRAGMA encoding='%s';\nPRAGMA page_size=%u;\nPRAGMA auto_vacuum=%d;\n",
                            encodings[s->encoding], s->page_size, s->auto_vacuum);
    lk_buffer_append_format(out, "PRAGMA user_version=%d;\nPRAGMA application_id=%d;\n", s->user_version,
                            s->application_id);
    for (size_t i = 0; i < s->rows; i++) {
        const struct lk_schema_row *row = &s->row[i];
        if (row->sql.ptr == NULL || is_hidden(row, shadow, shadows))
            continue;
        lk_buffer_append(out, row->sql.ptr, row->sql.len);
        /* On a line of its own where the statement ends in a comment. */
        const char *last_line = row->sql.ptr;
        for (size_t k = 0; k < row->sql.len; k++) {
            if (row->sql.ptr[k] == '\n')
                last_line = row->sql.ptr + k + 1;
        }
        lk_buffer_append_string(out, strstr(last_line, "--") != NULL ? "\n;\n" : ";\n");
    }
    lk_free(shadow);
    return lk_buffer_check(out, "writing schema.sql", err);
}
