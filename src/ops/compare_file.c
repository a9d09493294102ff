#include "ops/compare_file.h"

#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "ops/compare_rows.h"
#include "ops/manifest_structure.h"
#include "sqlite/structure.h"

struct comparison {
    const char *path;
    const struct lk_manifest *m;
    const struct lk_compare_file_options *options;
    struct lk_source *source;
    struct lk_structure *wanted, *found;
    struct lk_compare_rows_table *table; /* those to be compared */
    size_t tables;
};

/* ---- Pragmas and schema */

static enum lk_status compare_number(const struct comparison *c, const char *name, int64_t found,
                                     int64_t wanted, struct lk_error *err)
{
    return found == wanted ? LK_OK
                           : lk_fail(err, LK_DAMAGED, "%s: %s is %lld, and %lld in the backup", c->path, name,
                                     (long long)found, (long long)wanted);
}

static enum lk_status compare_pragmas(const struct comparison *c, struct lk_error *err)
{
    const struct lk_structure *f = c->found;
    const struct lk_structure *w = c->wanted;
    const struct {
        const char *name;
        int64_t found, wanted;
    } pragmas[] = {
        {"the encoding (1 UTF-8, 2 UTF-16le, 3 UTF-16be)", f->encoding, w->encoding},
        {"page_size", f->page_size, w->page_size},
        {"auto_vacuum", f->auto_vacuum, w->auto_vacuum},
        {"user_version", f->user_version, w->user_version},
        {"application_id", f->application_id, w->application_id},
        {"the journal mode (1 WAL)", f->wal, w->wal},
    };
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas && status == LK_OK; i++)
        status = compare_number(c, pragmas[i].name, pragmas[i].found, pragmas[i].wanted, err);
    return status;
}

static bool same_text(const struct lk_schema_text *a, const struct lk_schema_text *b)
{
    if (a->ptr == NULL || b->ptr == NULL)
        return a->ptr == b->ptr;
    return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

static bool same_row(const struct lk_schema_row *a, const struct lk_schema_row *b)
{
    return same_text(&a->type, &b->type) && same_text(&a->name, &b->name) &&
           same_text(&a->tbl_name, &b->tbl_name) && same_text(&a->sql, &b->sql);
}

static const char *shown(const struct lk_schema_text *t)
{
    return t->ptr == NULL ? "" : t->ptr;
}

static bool is_left_out(const struct comparison *c, const struct lk_schema_row *row)
{
    return lk_text_is_listed(c->options->left_out, shown(&row->name)) ||
           lk_text_is_listed(c->options->left_out, shown(&row->tbl_name));
}

static enum lk_status compare_schema(const struct comparison *c, struct lk_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < c->wanted->rows; i++) {
        const struct lk_schema_row *wanted = &c->wanted->row[i];
        if (is_left_out(c, wanted))
            continue;
        if (at == c->found->rows || !same_row(&c->found->row[at], wanted))
            return lk_fail(err, LK_DAMAGED, "%s: row %zu of its schema is not %s \"%s\" as in the backup",
                           c->path, at + 1, shown(&wanted->type), shown(&wanted->name));
        at++;
    }
    if (at != c->found->rows)
        return lk_fail(err, LK_DAMAGED, "%s: its schema has %s \"%s\", which the backup has not", c->path,
                       shown(&c->found->row[at].type), shown(&c->found->row[at].name));
    return LK_OK;
}

/* ---- Tables */

/* Most often at the same place. */
static const struct lk_table_schema *find_table(const struct lk_structure *st, const char *name, size_t guess)
{
    if (guess < st->tables && strcmp(st->table[guess]->name, name) == 0)
        return st->table[guess];
    for (size_t i = 0; i < st->tables; i++)
        if (strcasecmp(st->table[i]->name, name) == 0)
            return st->table[i];
    return NULL;
}

static enum lk_status add_table(struct comparison *c, size_t at, struct lk_error *err)
{
    const struct lk_table_schema *wanted = c->wanted->table[at];
    const struct lk_table_schema *found = find_table(c->found, wanted->name, at);
    const struct lk_manifest_table *t = lk_manifest_find_table(c->m, wanted->name);
    if (found == NULL || t == NULL)
        return lk_fail(err, LK_DAMAGED, "%s: table \"%s\" is missing", c->path, wanted->name);
    if (found->columns != wanted->columns || found->hidden_rowid != wanted->hidden_rowid ||
        found->without_rowid != wanted->without_rowid)
        return lk_fail(err, LK_DAMAGED, "%s: table \"%s\" has not the columns and the key of the backup",
                       c->path, wanted->name);
    c->table[c->tables++] = (struct lk_compare_rows_table){.schema = found, .stored = t};
    return LK_OK;
}

static enum lk_status compare_tables(struct comparison *c, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < c->wanted->tables && status == LK_OK; i++) {
        const struct lk_table_schema *t = c->wanted->table[i];
        if (lk_text_is_listed(c->options->left_out, t->name))
            continue;
        /* Of single tables, sqlite_sequence has only the rows that belong to them. */
        if (c->options->tables != NULL && t->kind == LK_TABLE_INTERNAL &&
            !lk_text_is_listed(c->options->tables, t->name))
            continue;
        status = add_table(c, i, err);
    }
    return status == LK_OK ? lk_compare_rows(c->source, c->table, c->tables, c->options, err) : status;
}

static enum lk_status prepare(struct comparison *c, struct lk_error *err)
{
    enum lk_status status = lk_manifest_structure_plain(c->m, c->options->tables, NULL, &c->wanted, err);
    if (status == LK_OK && (c->table = lk_allocate((c->wanted->tables + 1) * sizeof *c->table)) == NULL)
        status = lk_fail_memory(err, "comparing a database");
    if (status == LK_OK)
        status = lk_structure_read(c->source, &c->found, err);
    return status;
}

enum lk_status lk_compare_source(struct lk_source *source, const struct lk_manifest *manifest,
                                 const struct lk_compare_file_options *options, struct lk_error *err)
{
    struct comparison c = {
        .path = lk_source_facts(source)->path, .m = manifest, .options = options, .source = source};
    enum lk_status status = prepare(&c, err);
    if (status == LK_OK && options->tables == NULL)
        status = compare_pragmas(&c, err);
    if (status == LK_OK && options->tables == NULL)
        status = compare_schema(&c, err);
    if (status == LK_OK)
        status = compare_tables(&c, err);
    lk_structure_free(c.wanted);
    lk_structure_free(c.found);
    lk_free(c.table);
    return status;
}

enum lk_status lk_compare_file(const char *path, const struct lk_manifest *manifest,
                               const struct lk_compare_file_options *options, struct lk_error *err)
{
    const struct lk_source_options source_options = {
        .snapshot = LK_SNAPSHOT_READ, .max_lock = LK_SOURCE_NO_MAX_LOCK, .network = LK_NETWORK_NO};
    struct lk_source *source = NULL;
    enum lk_status status = lk_source_open(path, &source_options, &source, err);
    if (status == LK_OK)
        status = lk_compare_source(source, manifest, options, err);
    lk_source_close(source);
    return status;
}
