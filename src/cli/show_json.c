#include "cli/display.h"
#include "cli/document.h"
#include "cli/show.h"

static struct lk_document column_document(const struct litekeep_column_info *column)
{
    static const char *const names[] = {"null", "integer", "real", "text", "blob", "rawtext"};
    struct lk_document counts = lk_document_object();
    for (size_t k = 0; k < 6; k++)
        lk_document_number(&counts, names[k], column->counts[k]);
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "name", column->name);
    lk_document_text(&d, "declared_type", column->declared_type);
    lk_document_text(&d, "affinity", column->affinity);
    lk_document_number(&d, "key", column->key > 0 ? (uint64_t)column->key : 0);
    lk_document_put(&d, "counts", &counts);
    lk_document_texts(&d, "file_columns", column->file_columns);
    return d;
}

static struct lk_document table_document(const struct litekeep_table_info *t)
{
    struct lk_document columns = lk_document_array();
    for (size_t i = 0; i < t->columns; i++) {
        struct lk_document column = column_document(&t->column[i]);
        lk_document_append(&columns, &column);
    }
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "name", t->name);
    lk_document_text(&d, "kind", t->kind);
    if (t->counted)
        lk_document_number(&d, "rows", t->rows);
    else
        lk_document_null(&d, "rows");
    lk_document_number(&d, "raw_bytes", t->raw_bytes);
    lk_document_number(&d, "parts", t->parts);
    lk_document_number(&d, "parquet_bytes", t->parquet_bytes);
    lk_document_number(&d, "json_bytes", t->json_bytes);
    lk_document_text(&d, "parquet_path", t->parquet_path);
    lk_document_text(&d, "json_path", t->json_path);
    lk_document_put(&d, "columns", &columns);
    return d;
}

/* What both documents begin with. */
static struct lk_document head_document(const struct litekeep_shown *s)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "database", s->database);
    lk_document_text(&d, "id", s->id);
    lk_document_text(&d, "folder", s->folder);
    return d;
}

enum lk_status lk_show_backup_json(struct lk_console *c, const struct litekeep_shown *s, struct lk_error *err)
{
    struct lk_document tables = lk_document_array();
    for (size_t i = 0; i < s->tables; i++) {
        struct lk_document t = table_document(&s->table[i]);
        lk_document_append(&tables, &t);
    }
    struct lk_document schema = lk_document_object();
    lk_document_number(&schema, "rows", s->schema_rows);
    lk_document_number(&schema, "indexes", s->indexes);
    lk_document_number(&schema, "views", s->views);
    lk_document_number(&schema, "triggers", s->triggers);
    lk_document_number(&schema, "virtual_tables", s->virtual_tables);

    struct lk_document d = head_document(s);
    lk_document_number(&d, "seq", s->backup.seq);
    lk_document_time(&d, "started", s->backup.started);
    lk_document_time(&d, "finished", s->backup.finished);
    lk_document_number(&d, "rows", s->backup.rows);
    lk_document_number(&d, "source_bytes", s->backup.source_bytes);
    lk_document_number(&d, "stored_bytes", s->backup.stored_bytes);
    lk_document_flag(&d, "verified", s->backup.verified);
    lk_document_time(&d, "checked", s->backup.checked);
    lk_document_flag(&d, "damaged", s->backup.damaged);
    lk_document_flag(&d, "legacy", s->backup.legacy);
    lk_document_texts(&d, "tags", s->backup.tags);
    lk_document_text(&d, "source_path", s->source_path);
    lk_document_text(&d, "journal_mode", s->journal_mode);
    lk_document_text(&d, "snapshot", s->snapshot);
    lk_document_text(&d, "encoding", s->encoding);
    lk_document_number(&d, "page_size", s->page_size);
    lk_document_text(&d, "tool", s->tool);
    lk_document_text(&d, "sqlite_version", s->sqlite_version);
    lk_document_texts(&d, "warnings", s->warnings);
    lk_document_texts(&d, "rebuild_problems", s->rebuild_problems);
    lk_document_put(&d, "schema", &schema);
    lk_document_put(&d, "tables", &tables);
    return lk_document_print(&d, c, err);
}

enum lk_status lk_show_table_json(struct lk_console *c, const struct litekeep_shown *s,
                                  const struct litekeep_table_info *t, const struct litekeep_rows *head,
                                  struct lk_error *err)
{
    struct lk_document d = head_document(s);
    if (t != NULL) {
        struct lk_document table = table_document(t);
        lk_document_put(&d, "table", &table);
    } else {
        lk_document_null(&d, "table");
    }
    return lk_document_print_with(&d, "rows", head->json, head->rows, c, err);
}
