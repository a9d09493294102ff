#include <errno.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/processors.h"
#include "base/text.h"
#include "jsonl/columns.h"
#include "ops/stored_private.h"

#define REASON_SHOWN 900 /* bytes of each of two reasons in one message */

/* ---- What manifest or files say */

static enum lk_status fail_contradiction(const struct lk_stored_table *table, const char *what,
                                         struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED, "%s: the manifest contradicts itself: table \"%s\", %s",
                   table->backup->dir.path, table->t->name, what);
}

static enum lk_status check_parts(const struct lk_stored_table *table, struct lk_error *err)
{
    const struct lk_manifest_table *t = table->t;
    int64_t next = 1;
    if (t->parts == 0)
        return fail_contradiction(table, "has no parts", err);
    for (size_t i = 0; i < t->parts; i++) {
        const struct lk_manifest_part *p = &t->part[i];
        const char *parquet = table->options.from == LK_STORED_JSON ? NULL : p->parquet.path,
                   *json = table->options.from == LK_STORED_PARQUET ? NULL : p->json.path;
        if (parquet == NULL && json == NULL)
            return fail_contradiction(table, "some parts have files of a format and some have not", err);
        if (!table->implicit_rowids || p->rows == 0)
            continue;
        if (p->first_rowid != next || p->rows > INT64_MAX ||
            __builtin_add_overflow(next, (int64_t)p->rows, &next))
            return fail_contradiction(table, "its rowids are not 1, 2, 3 and so on", err);
    }
    return LK_OK;
}

static enum lk_status open_described(struct lk_stored_table *table, struct lk_error *err)
{
    const struct lk_manifest_table *t = table->t;
    table->rows = t->rows;
    table->json_codec = table->backup->manifest->json_codec.codec;
    const enum lk_status status = lk_manifest_table_plan(t, &table->schema, &table->plan, err);
    if (status != LK_OK)
        return lk_error_prefix(err, "%s", table->backup->dir.path);
    table->implicit_rowids = table->schema->hidden_rowid && table->plan->rowid_name == NULL;
    if (strcmp(table->schema->name, t->name) != 0 || table->schema->kind != t->kind ||
        table->schema->without_rowid != t->without_rowid)
        return fail_contradiction(table, "its columns are those of another", err);
    if (t->columns != table->schema->columns)
        return fail_contradiction(table, "its counts are not one for each column", err);
    return check_parts(table, err);
}

/* Without a manifest columns are as the file's reader has them; the table's name is that of the file. */
static enum lk_status adopt_columns(struct lk_stored_table *table, const struct lk_table_schema *from,
                                    struct lk_error *err)
{
    struct lk_table_stats *stats = NULL;
    bool ok = (table->schema = lk_table_schema_new(table->t->name)) != NULL;
    for (size_t i = 0; ok && i < from->columns; i++) {
        struct lk_column_schema *c =
            lk_table_schema_add(table->schema, from->column[i].name, from->column[i].declared_type);
        ok = c != NULL;
        if (ok) {
            c->affinity = from->column[i].affinity;
            c->key = from->column[i].key;
            c->stored_generated = from->column[i].stored_generated;
            c->is_rowid = from->column[i].is_rowid;
        }
    }
    if (!ok)
        return lk_fail_memory(err, "reading a table's columns");
    table->schema->kind = from->kind;
    table->schema->without_rowid = from->without_rowid;
    table->schema->hidden_rowid = from->hidden_rowid;
    enum lk_status status = lk_table_stats_new(table->schema->columns, &stats, err);
    if (status == LK_OK)
        status = lk_plan_new(table->schema, stats, NULL, &table->plan, err);
    lk_table_stats_free(stats);
    return status;
}

static enum lk_status open_foreign_parquet(struct lk_stored_table *table, struct lk_error *err)
{
    struct lk_part_reader r = lk_stored_table_reader(table, 0);
    enum lk_status status = lk_stored_table_open_parquet(table, &r, err);
    if (status == LK_OK) {
        table->rows = lk_parquet_reader_rows(r.parquet);
        /* Of another writer's file; one of litekeep's own has its rowids in a column, or any first one. */
        table->implicit_rowids = lk_parquet_reader_plan(r.parquet) == NULL;
        status = adopt_columns(table, lk_parquet_reader_schema(r.parquet), err);
    }
    for (size_t i = 0; status == LK_OK && table->problem == NULL && i < table->schema->columns; i++) {
        table->problem = lk_parquet_reader_problem(r.parquet, i);
        table->problem_column = i;
    }
    lk_part_reader_close(&r);
    return status;
}

static enum lk_status open_foreign_json(struct lk_stored_table *table, struct lk_error *err)
{
    struct lk_part_reader r = lk_stored_table_reader(table, 0);
    enum lk_status status = lk_stored_table_open_json(table, &r, err);
    if (status == LK_OK)
        status = lk_jsonl_codec(r.json_file, &table->json_codec, err);
    if (status == LK_OK)
        status = lk_jsonl_columns(r.json_file, table->json_codec, table->t->name, &table->schema,
                                  &table->plan, &table->rows, err);
    table->foreign_json = true;
    table->implicit_rowids = true;
    lk_part_reader_close(&r);
    return status;
}

static enum lk_status open_foreign(struct lk_stored_table *table, struct lk_error *err)
{
    const struct lk_manifest_part *p = table->t->parts == 1 ? &table->t->part[0] : NULL;
    const enum lk_stored_from from = table->options.from;
    if (p == NULL)
        return fail_contradiction(table, "has no file", err);
    if (from == LK_STORED_JSON || p->parquet.path == NULL)
        return open_foreign_json(table, err);
    struct lk_error parquet = {0};
    if (open_foreign_parquet(table, &parquet) == LK_OK)
        return LK_OK;
    if (from == LK_STORED_PARQUET || p->json.path == NULL || !lk_stored_table_is_loss(&parquet)) {
        *err = parquet;
        return err->status;
    }
    lk_table_schema_free(table->schema);
    lk_plan_free(table->plan);
    table->schema = NULL;
    table->plan = NULL;
    const enum lk_status status = open_foreign_json(table, err);
    if (status != LK_OK && lk_stored_table_is_loss(err))
        return lk_stored_table_fail_both(parquet.message, err->message, err);
    if (status == LK_OK)
        lk_stored_table_note(table, 0, parquet.message);
    return status;
}

/* ---- Files */

bool lk_stored_table_is_loss(const struct lk_error *err)
{
    return err->status == LK_DAMAGED || err->status == LK_UNREADABLE ||
           (err->status == LK_FAILED && err->system == EIO);
}

static size_t cut(const char *text)
{
    return lk_utf8_cut((const uint8_t *)text, strlen(text), REASON_SHOWN);
}

enum lk_status lk_stored_table_fail_both(const char *parquet, const char *json, struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED, "both formats are hurt: %.*s; and %.*s", (int)cut(parquet), parquet,
                   (int)cut(json), json);
}

void lk_stored_table_note(struct lk_stored_table *table, size_t part, const char *reason)
{
    struct lk_error note = {0};
    char place[64] = "";
    if (table->noted[part])
        return;
    table->noted[part] = true;
    if (table->options.on_note == NULL)
        return;
    if (table->t->parts > 1)
        (void)snprintf(place, sizeof place, ", part %zu", part + 1);
    (void)lk_fail(&note, LK_DAMAGED, "table \"%s\"%s: its Parquet is damaged (%.*s); rows came from JSON",
                  table->t->name, place, (int)cut(reason), reason);
    table->options.on_note(table->options.context, note.message);
}

static bool same_columns(const struct lk_table_schema *a, const struct lk_table_schema *b)
{
    bool same = a->columns == b->columns && a->hidden_rowid == b->hidden_rowid;
    for (size_t i = 0; same && i < a->columns; i++)
        same = strcmp(a->column[i].name, b->column[i].name) == 0;
    return same;
}

struct lk_part_reader lk_stored_table_reader(const struct lk_stored_table *table, size_t part)
{
    return (struct lk_part_reader){.schema = table->schema,
                                   .plan = table->plan,
                                   .part = &table->t->part[part],
                                   .json_codec = table->json_codec};
}

enum lk_status lk_stored_table_open_parquet(const struct lk_stored_table *table, struct lk_part_reader *r,
                                            struct lk_error *err)
{
    enum lk_status status = lk_backup_open_file(table->backup, &r->part->parquet, &r->parquet_file, err);
    if (status == LK_OK)
        status = lk_parquet_reader_open(r->parquet_file, &r->parquet, err);
    if (status != LK_OK || table->schema == NULL)
        return status;
    if (!table->foreign)
        return lk_part_reader_check(r, err);
    return same_columns(lk_parquet_reader_schema(r->parquet), table->schema)
               ? LK_OK
               : lk_fail(err, LK_DAMAGED, "%s: its columns changed while it was read",
                         lk_input_name(r->parquet_file));
}

enum lk_status lk_stored_table_open_json(const struct lk_stored_table *table, struct lk_part_reader *r,
                                         struct lk_error *err)
{
    return lk_backup_open_file(table->backup, &r->part->json, &r->json_file, err);
}

/* ---- The table */

/* Has any part a file of a format that may be read? */
static enum lk_status check_formats(const struct lk_stored_table *table, struct lk_error *err)
{
    const struct lk_manifest *m = table->backup->manifest;
    const enum lk_stored_from from = table->options.from;
    bool parquet = false, json = false;
    for (size_t i = 0; i < table->t->parts; i++) {
        parquet |= table->t->part[i].parquet.path != NULL;
        json |= table->t->part[i].json.path != NULL;
    }
    if ((parquet && from != LK_STORED_JSON) || (json && from != LK_STORED_PARQUET))
        return LK_OK;
    if (parquet || json)
        return lk_fail(err, LK_UNREADABLE, "%s holds no %s of table \"%s\": only %s", m->id,
                       parquet ? "JSON" : "Parquet", table->t->name, parquet ? "Parquet" : "JSON");
    if (m->sqlite_copy.path != NULL)
        return lk_fail(
            err, LK_UNREADABLE,
            "%s holds a page copy only: query and restore can read it, and zstd -d %s/%s -o FILE.db "
            "makes the database of it",
            m->id, table->backup->dir.path, m->sqlite_copy.path);
    return lk_fail(err, LK_UNREADABLE, "%s names no files of table \"%s\"", m->id, table->t->name);
}

static size_t find_rowid_column(const struct lk_table_schema *schema)
{
    for (size_t i = 0; i < schema->columns; i++) {
        if (schema->column[i].is_rowid && !schema->without_rowid)
            return i;
    }
    return SIZE_MAX;
}

enum lk_status lk_stored_table_open(const struct lk_backup *backup, const struct lk_manifest_table *t,
                                    const struct lk_stored_options *options, struct lk_stored_table **out,
                                    struct lk_error *err)
{
    struct lk_stored_table *table = lk_allocate_zeroed(1, sizeof *table);
    if (table == NULL || (table->noted = lk_allocate_zeroed(t->parts + 1, sizeof *table->noted)) == NULL) {
        lk_free(table);
        return lk_fail_memory(err, "opening a table");
    }
    table->backup = backup;
    table->t = t;
    table->options = *options;
    table->foreign = t->columns_json == NULL;
    enum lk_status status = check_formats(table, err);
    if (status == LK_OK)
        status = table->foreign ? open_foreign(table, err) : open_described(table, err);
    if (status != LK_OK) {
        lk_stored_table_free(table);
        return status;
    }
    table->rowid_column = find_rowid_column(table->schema);
    *out = table;
    return LK_OK;
}

void lk_stored_table_free(struct lk_stored_table *table)
{
    if (table == NULL)
        return;
    lk_table_schema_free(table->schema);
    lk_plan_free(table->plan);
    lk_free(table->noted);
    lk_free(table);
}

const struct lk_table_schema *lk_stored_table_schema(const struct lk_stored_table *table)
{
    return table->schema;
}

const struct lk_plan *lk_stored_table_plan(const struct lk_stored_table *table)
{
    return table->plan;
}

uint64_t lk_stored_table_rows(const struct lk_stored_table *table)
{
    return table->rows;
}

const char *lk_stored_table_problem(const struct lk_stored_table *table, const char **column)
{
    if (table->problem != NULL)
        *column = table->schema->column[table->problem_column].name;
    return table->problem;
}

/* Raw bytes. A part ends with the block that makes it reach 192 MiB, and a block with the row that makes it
 * reach 16 MiB: more than that is one value. */
#define HUGE_PART (UINT64_C(256) << 20)
#define HUGE_BLOCK (UINT64_C(48) << 20)

bool lk_stored_table_has_huge_blocks(const struct lk_manifest_table *t)
{
    for (size_t i = 0; i < t->parts; i++)
        if (t->part[i].raw_bytes > HUGE_PART || t->part[i].raw_bytes / HUGE_BLOCK > t->part[i].blocks)
            return true;
    return false;
}

const char *lk_stored_table_from(const struct lk_stored_table *table)
{
    if (table->read_parquet && table->read_json)
        return "parquet and json";
    if (table->read_parquet || table->read_json)
        return table->read_parquet ? "parquet" : "json";
    /* Nothing has been read: where it would come from. */
    return table->foreign_json || table->options.from == LK_STORED_JSON ||
                   table->t->part[0].parquet.path == NULL
               ? "json"
               : "parquet";
}

/* ---- As rows */

struct stored_rows {
    struct lk_rows rows;
    char *sql;
};

static enum lk_status open_rows(void *context, const struct lk_rows_request *request, void **cursor,
                                struct lk_error *err)
{
    const struct lk_stored_request stored = {.rows = *request, .threads = lk_processors() > 1 ? 2 : 0};
    struct lk_stored_stream *s = NULL;
    const enum lk_status status = lk_stored_stream_open(context, &stored, &s, err);
    if (status == LK_OK)
        *cursor = s;
    return status;
}

static enum lk_status next_rows(void *cursor, const struct lk_batch **batch, struct lk_error *err)
{
    return lk_stored_stream_next(cursor, batch, NULL, NULL, err);
}

static void close_rows(void *cursor)
{
    lk_stored_stream_close(cursor);
}

static void free_rows(struct lk_rows *rows)
{
    struct stored_rows *r = (struct stored_rows *)rows; /* its first member */
    lk_stored_table_free(rows->context);
    lk_free(r->sql);
    lk_free(r);
}

enum lk_status lk_stored_table_as_rows(struct lk_stored_table *table, const char *sql, struct lk_rows **out,
                                       struct lk_error *err)
{
    struct stored_rows *r = lk_allocate_zeroed(1, sizeof *r);
    if (r != NULL && sql != NULL)
        r->sql = lk_copy_string(sql);
    if (r == NULL || (sql != NULL && r->sql == NULL)) {
        lk_free(r);
        return lk_fail_memory(err, "opening a table");
    }
    r->rows = (struct lk_rows){.schema = table->schema,
                               .sql = r->sql,
                               .rows = table->rows,
                               .context = table,
                               .open = open_rows,
                               .next = next_rows,
                               .close = close_rows,
                               .free = free_rows};
    *out = &r->rows;
    return LK_OK;
}
