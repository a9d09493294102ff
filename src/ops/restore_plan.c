#include "ops/restore_plan.h"

#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "ops/manifest_structure.h"
#include "sqlite/rebuild.h"

#define MOST_NAMED 5 /* tables in a message */

/* ---- Which tables */

/* How a name is compared with what the user wrote: the first way that finds a table decides. */
enum spelling { SPELLED_EXACTLY, SPELLED_AS_SHOWN, SPELLED_AS_FILE };

static bool is_spelled(const char *name, const char *stem, const char *wanted, enum spelling spelling)
{
    if (spelling == SPELLED_EXACTLY)
        return strcmp(name, wanted) == 0;
    if (spelling == SPELLED_AS_FILE)
        return stem != NULL && strcmp(stem, wanted) == 0;
    char *shown = lk_text_escaped(lk_bytes_of(name));
    const bool is = shown != NULL && strcmp(shown, wanted) == 0;
    lk_free(shown);
    return is;
}

/* Virtual tables are no tables of the manifest, only rows of its schema. */
static bool is_table_row(const struct lk_manifest_schema_row *row)
{
    return row->type.ptr != NULL && row->name.ptr != NULL && row->sql.ptr != NULL &&
           strcasecmp(row->type.ptr, "table") == 0;
}

static const char *find_name(const struct lk_manifest *m, const char *wanted)
{
    for (enum spelling spelling = SPELLED_EXACTLY; spelling <= SPELLED_AS_FILE; spelling++) {
        for (size_t i = 0; i < m->tables; i++)
            if (is_spelled(m->table[i]->name, m->table[i]->stem, wanted, spelling))
                return m->table[i]->name;
        for (size_t i = 0; i < m->schema_rows; i++)
            if (is_table_row(&m->schema_row[i]) &&
                is_spelled(m->schema_row[i].name.ptr, NULL, wanted, spelling))
                return m->schema_row[i].name.ptr;
    }
    return NULL;
}

/* Does one of the words hold the other, whatever the case? */
static bool is_near(const char *name, const char *wanted)
{
    const size_t name_len = strlen(name), wanted_len = strlen(wanted);
    const char *longer = name_len > wanted_len ? name : wanted, *shorter = longer == name ? wanted : name;
    const size_t len = strlen(shorter);
    if (len == 0)
        return false;
    for (; strlen(longer) >= len; longer++)
        if (strncasecmp(longer, shorter, len) == 0)
            return true;
    return false;
}

static enum lk_status fail_no_table(const struct lk_manifest *m, const char *wanted, struct lk_error *err)
{
    struct lk_buffer near = {0};
    for (size_t i = 0, named = 0; i < m->tables && named < MOST_NAMED; i++) {
        if (m->table[i]->kind != LK_TABLE_ORDINARY || !is_near(m->table[i]->name, wanted))
            continue;
        lk_buffer_append_string(&near, named++ == 0 ? ": did you mean \"" : "\", \"");
        lk_buffer_append_string(&near, m->table[i]->name);
    }
    if (near.len > 0)
        lk_buffer_append_string(&near, "\"?");
    const char *names = lk_buffer_string(&near);
    const enum lk_status status = lk_fail(err, LK_NOT_FOUND, "backup %s has no table \"%s\"%s", m->id, wanted,
                                          names == NULL ? "" : names);
    lk_buffer_reset(&near);
    return status;
}

static bool is_left_out(const struct lk_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->left_out.count; i++)
        if (strcmp(m->left_out.text[i], name) == 0)
            return true;
    return false;
}

static bool has_name(char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static enum lk_status resolve_names(struct lk_restore_plan *p, struct lk_error *err)
{
    const struct lk_manifest *m = p->backup->manifest;
    const char *const *wanted = p->options->tables;
    size_t count = 0, names = 0;
    while (wanted != NULL && wanted[count] != NULL)
        count++;
    if (count == 0)
        return LK_OK;
    p->names = lk_allocate_zeroed(count + 1, sizeof *p->names);
    if (p->names == NULL)
        return lk_fail_memory(err, "choosing tables");
    for (size_t i = 0; i < count; i++) {
        const char *name = find_name(m, wanted[i]);
        if (name == NULL)
            return fail_no_table(m, wanted[i], err);
        if (lk_manifest_find_table(m, name) == NULL && is_left_out(m, name))
            return lk_fail(err, LK_NOT_FOUND,
                           "backup %s does not hold table \"%s\": it was left out of this backup", m->id,
                           name);
        if (has_name(p->names, name))
            continue;
        if ((p->names[names++] = lk_copy_string(name)) == NULL)
            return lk_fail_memory(err, "choosing tables");
    }
    return LK_OK;
}

/* ---- What they look like */

/* Of a backup without manifest: why a table cannot be made, as a sentence. NULL: it can, or memory is out. */
static char *why_without(const struct lk_stored_table *stored, bool *failed)
{
    const struct lk_table_schema *schema = lk_stored_table_schema(stored);
    const char *column = NULL, *problem = lk_stored_table_problem(stored, &column);
    char *text = NULL;
    if (schema->columns > 0 && problem == NULL)
        return NULL;
    if (problem != NULL)
        text = lk_format("table \"%s\": column \"%s\" cannot be read: %s", schema->name, column, problem);
    else
        text = lk_format("table \"%s\": its file names no columns", schema->name);
    *failed = *failed || text == NULL;
    return text;
}

/* A table without columns, or with some that cannot be read, must not keep the others back. */
static enum lk_status leave_without(struct lk_restore_plan *p, struct lk_stored_table *const *stored,
                                    struct lk_error *err)
{
    const struct lk_manifest *m = p->backup->manifest;
    char **names = lk_allocate_zeroed(m->tables + 1, sizeof *names);
    size_t kept = 0;
    bool failed = names == NULL;
    for (size_t i = 0; !failed && i < m->tables; i++) {
        if (stored[i] == NULL)
            continue;
        char *text = why_without(stored[i], &failed);
        if (text != NULL)
            failed = !lk_manifest_add_text(&p->without, text);
        else if (!failed)
            failed = (names[kept++] = lk_copy_string(m->table[i]->name)) == NULL;
        lk_free(text);
    }
    enum lk_status status = failed ? lk_fail_memory(err, "reading columns") : LK_OK;
    if (!failed && p->without.count > 0 && (p->names != NULL || kept == 0))
        status = lk_fail(err, LK_UNREADABLE, "%s: %s", m->id, p->without.text[0]);
    if (status == LK_OK && p->without.count > 0) {
        p->names = names; /* it was NULL */
        return LK_OK;
    }
    for (size_t i = 0; names != NULL && i < kept; i++)
        lk_free(names[i]);
    lk_free(names);
    return status;
}

/* A backup of the original script: the columns are those of the files. */
static enum lk_status make_from_files(struct lk_restore_plan *p, struct lk_error *err)
{
    const struct lk_manifest *m = p->backup->manifest;
    const struct lk_stored_options options = {.from = p->stored};
    struct lk_stored_table **stored = lk_allocate_zeroed(m->tables + 1, sizeof(struct lk_stored_table *));
    const struct lk_table_schema **schema =
        lk_allocate_zeroed(m->tables + 1, sizeof(const struct lk_table_schema *));
    enum lk_status status = stored == NULL || schema == NULL ? lk_fail_memory(err, "reading columns") : LK_OK;
    for (size_t i = 0; status == LK_OK && i < m->tables; i++) {
        if (p->names != NULL && !has_name(p->names, m->table[i]->name))
            continue;
        status = lk_stored_table_open(p->backup, m->table[i], &options, &stored[i], err);
        if (status == LK_OK)
            schema[i] = lk_stored_table_schema(stored[i]);
    }
    if (status == LK_OK)
        status = leave_without(p, stored, err);
    if (status == LK_OK)
        status = lk_manifest_structure(m, (const char *const *)p->names, schema, &p->structure, err);
    for (size_t i = 0; stored != NULL && i < m->tables; i++)
        lk_stored_table_free(stored[i]);
    lk_free(stored);
    lk_free(schema);
    return status;
}

static enum lk_status find_tables(struct lk_restore_plan *p, struct lk_error *err)
{
    const struct lk_structure *st = p->structure;
    p->table = lk_allocate_zeroed(st->tables + 1, sizeof(const struct lk_manifest_table *));
    if (p->table == NULL)
        return lk_fail_memory(err, "choosing tables");
    for (size_t i = 0; i < st->tables; i++) {
        p->table[i] = lk_manifest_find_table(p->backup->manifest, st->table[i]->name);
        if (p->table[i] == NULL)
            return lk_fail(err, LK_DAMAGED, "%s: the manifest names no files of table \"%s\"",
                           p->backup->manifest->id, st->table[i]->name);
        if (!lk_restore_plan_is_sequence(p, st->table[i]))
            p->rows += p->table[i]->rows;
    }
    return LK_OK;
}

/* ---- From which format */

static bool has_stored(const struct lk_manifest *m, bool json)
{
    bool has = json ? m->has_json : m->has_parquet;
    for (size_t i = 0; m->legacy && !has && i < m->tables; i++)
        has = m->table[i]->parts > 0 &&
              (json ? m->table[i]->part[0].json.path : m->table[i]->part[0].parquet.path) != NULL;
    return has;
}

static enum lk_status choose_asked(struct lk_restore_plan *p, struct lk_error *err)
{
    const struct lk_manifest *m = p->backup->manifest;
    const bool has[] = {has_stored(m, false), has_stored(m, true), m->sqlite_copy.path != NULL};
    static const char *const names[] = {"parquet", "json", "sqlite"};
    const size_t asked = p->options->from == LITEKEEP_PARQUET ? 0 : p->options->from == LITEKEEP_JSON ? 1 : 2;
    if (!has[asked]) {
        const char *other = has[0] ? names[0] : has[1] ? names[1] : has[2] ? names[2] : NULL;
        return lk_fail(err, LK_UNREADABLE, "backup %s was not made with the format %s%s%s", m->id,
                       names[asked], other == NULL ? "" : ": --from ", other == NULL ? "" : other);
    }
    p->stored = asked == 0 ? LK_STORED_PARQUET : LK_STORED_JSON;
    p->way[p->ways++] = asked == 2 ? LK_RESTORE_PAGES : LK_RESTORE_ROWS;
    return LK_OK;
}

/* Add what of the structure stored tables cannot bring back, beside what this SQLite cannot rebuild. */
static enum lk_status add_reasons(struct lk_restore_plan *p, struct lk_error *err)
{
    struct lk_structure *st = p->structure;
    enum lk_status status = LK_OK;
    for (size_t i = 0; status == LK_OK && i < st->tables; i++)
        if (lk_restore_plan_hides_rowids(p, st->table[i]))
            status = lk_rebuild_add_reason(st, lk_restore_plan_hidden(st->table[i]), err);
    return status;
}

/* The best there is first; then what helps when that is damaged. The page copy is best for a whole database
 * that cannot be rebuilt here, or of which tables were left out. */
static enum lk_status choose_best(struct lk_restore_plan *p, struct lk_error *err)
{
    const struct lk_manifest *m = p->backup->manifest;
    const bool rows = has_stored(m, false) || has_stored(m, true), pages = m->sqlite_copy.path != NULL;
    const bool pages_first =
        pages && p->names == NULL && (p->structure->reasons > 0 || m->left_out.count > 0);
    if (pages_first)
        p->way[p->ways++] = LK_RESTORE_PAGES;
    if (rows)
        p->way[p->ways++] = LK_RESTORE_ROWS;
    if (pages && !pages_first)
        p->way[p->ways++] = LK_RESTORE_PAGES;
    if (p->ways == 0 && m->tables > 0)
        return lk_fail(err, LK_DAMAGED, "%s: the manifest names no format", m->id);
    if (p->ways == 0) /* a database without tables */
        p->way[p->ways++] = LK_RESTORE_ROWS;
    return LK_OK;
}

enum lk_status lk_restore_plan_make(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                                    struct lk_restore_plan *out, struct lk_error *err)
{
    struct lk_restore_plan p = {.backup = backup, .options = o, .stored = LK_STORED_ANY};
    enum lk_status status = resolve_names(&p, err);
    if (status == LK_OK && o->from != 0)
        status = choose_asked(&p, err);
    if (status == LK_OK && backup->manifest->legacy)
        status = make_from_files(&p, err);
    else if (status == LK_OK)
        status =
            lk_manifest_structure(backup->manifest, (const char *const *)p.names, NULL, &p.structure, err);
    if (status == LK_OK)
        status = find_tables(&p, err);
    if (status == LK_OK)
        status = add_reasons(&p, err);
    if (status == LK_OK && o->from == 0)
        status = choose_best(&p, err);
    if (status == LK_OK)
        *out = p;
    else
        lk_restore_plan_reset(&p);
    return status;
}

void lk_restore_plan_reset(struct lk_restore_plan *p)
{
    for (char **name = p->names; name != NULL && *name != NULL; name++)
        lk_free(*name);
    lk_free(p->names);
    lk_restore_plan_reset_texts(&p->without);
    lk_free(p->table);
    lk_structure_free(p->structure);
    *p = (struct lk_restore_plan){0};
}

bool lk_restore_plan_is_sequence(const struct lk_restore_plan *p, const struct lk_table_schema *t)
{
    return p->names != NULL && strcasecmp(t->name, "sqlite_sequence") == 0 && !has_name(p->names, t->name);
}

bool lk_restore_plan_hides_rowids(const struct lk_restore_plan *p, const struct lk_table_schema *t)
{
    bool hides = !p->backup->manifest->legacy && !t->without_rowid && !t->hidden_rowid;
    for (size_t i = 0; hides && i < t->columns; i++)
        hides = !t->column[i].is_rowid;
    return hides;
}

char *lk_restore_plan_hidden(const struct lk_table_schema *t)
{
    return lk_format("table \"%s\": its rowids, which its columns hide; they are counted anew", t->name);
}

/* ---- The result */

static const char *way_name(const struct lk_restore_plan *p, enum lk_restore_way way)
{
    if (way == LK_RESTORE_PAGES)
        return "sqlite";
    if (p->stored == LK_STORED_ANY)
        return has_stored(p->backup->manifest, false) ? "parquet" : "json";
    return p->stored == LK_STORED_PARQUET ? "parquet" : "json";
}

enum lk_status lk_restore_plan_result(const struct lk_restore_plan *p, enum lk_restore_way way,
                                      struct lk_restore_file_result *out, struct lk_error *err)
{
    out->from = way_name(p, way);
    out->typed = !p->backup->manifest->legacy;
    out->rows = p->rows;
    out->table = lk_allocate_zeroed(p->structure->tables + 1, sizeof *out->table);
    if (out->table == NULL)
        return lk_fail_memory(err, "restoring");
    out->tables = 0;
    for (size_t i = 0; i < p->structure->tables; i++)
        if (!lk_restore_plan_is_sequence(p, p->structure->table[i]))
            out->table[out->tables++] = (struct lk_restore_file_table){
                .name = p->table[i]->name, .rows = p->table[i]->rows, .from = out->from};
    return LK_OK;
}

void lk_restore_plan_reset_texts(struct lk_manifest_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        lk_free(texts->text[i]);
    lk_free(texts->text);
    *texts = (struct lk_manifest_texts){0};
}

enum lk_status lk_restore_plan_next(const struct lk_restore_plan *p, enum lk_restore_way way,
                                    struct lk_restore_file_result *out, struct lk_error *err)
{
    struct lk_restore_file_result next = {0};
    char *note = lk_format("restored from %s, since from the other format it failed: %s", way_name(p, way),
                           err->message);
    const bool ok = note != NULL && lk_manifest_add_text(&next.notes, note);
    lk_free(note);
    const enum lk_status status =
        ok ? lk_restore_plan_result(p, way, &next, err) : lk_fail_memory(err, "restoring");
    lk_restore_plan_reset_texts(&out->notes);
    lk_restore_plan_reset_texts(&out->left_out);
    lk_free(out->table);
    *out = next;
    return status;
}
