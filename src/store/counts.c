#include "store/counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/catalog.h"
#include "store/lines.h"
#include "store/names.h"
#include "store/record.h"

#define WHAT "the counts"
#define COUNT_LIMIT (UINT64_C(1) << 53)
#define LINE_LIMIT (size_t)(64 << 20) /* bytes */
#define LINES_MOST 5000
#define SECOND INT64_C(1000000000)
#define CELLS_MOST 4000000 /* tables and columns in all lines: some 250 MB */
#define TABLES_MOST 1000000
#define COLUMNS_MOST 100000

/* ---- The struct */

static void table_reset(struct lk_counts_table *t)
{
    for (size_t i = 0; i < t->columns; i++)
        lk_free(t->column[i].name);
    lk_free(t->column);
    lk_free(t->name);
}

void lk_counts_reset(struct lk_counts *c)
{
    for (size_t i = 0; i < c->tables; i++)
        table_reset(&c->table[i]);
    lk_free(c->table);
    lk_free(c->id);
    *c = (struct lk_counts){0};
}

void lk_counts_list_reset(struct lk_counts_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        lk_counts_reset(&list->counts[i]);
    lk_free(list->counts);
    *list = (struct lk_counts_list){0};
}

static int compare_name(const void *name, const void *table)
{
    return strcmp(name, ((const struct lk_counts_table *)table)->name);
}

static int compare_tables(const void *a, const void *b)
{
    return strcmp(((const struct lk_counts_table *)a)->name, ((const struct lk_counts_table *)b)->name);
}

const struct lk_counts_table *lk_counts_find(const struct lk_counts *c, const char *table)
{
    if (c->tables == 0)
        return NULL;
    if (c->sorted)
        return bsearch(table, c->table, c->tables, sizeof *c->table, compare_name);
    for (size_t i = 0; i < c->tables; i++) {
        if (strcmp(c->table[i].name, table) == 0)
            return &c->table[i];
    }
    return NULL;
}

const struct lk_counts_column *lk_counts_column(const struct lk_counts_table *t, const char *name)
{
    for (size_t i = 0; i < t->columns; i++) {
        if (strcmp(t->column[i].name, name) == 0)
            return &t->column[i];
    }
    return NULL;
}

/* Room for one more of `size` bytes behind `count`: doubles at each power of two. NULL: memory is out. */
static void *grow(void *array, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return array;
    const size_t cap = count == 0 ? 1 : 2 * count;
    return lk_reallocate(array, cap * size);
}

struct lk_counts_table *lk_counts_add_table(struct lk_counts *c, const char *name)
{
    struct lk_counts_table *grown = grow(c->table, c->tables, sizeof *grown);
    if (grown == NULL)
        return NULL;
    c->table = grown;
    struct lk_counts_table *t = &c->table[c->tables];
    *t = (struct lk_counts_table){.name = lk_copy_string(name)};
    if (t->name == NULL)
        return NULL;
    c->tables++;
    c->sorted = c->tables == 1;
    return t;
}

struct lk_counts_column *lk_counts_add_column(struct lk_counts_table *t, const char *name)
{
    struct lk_counts_column *grown = grow(t->column, t->columns, sizeof *grown);
    if (grown == NULL)
        return NULL;
    t->column = grown;
    struct lk_counts_column *c = &t->column[t->columns];
    *c = (struct lk_counts_column){.name = lk_copy_string(name)};
    if (c->name == NULL)
        return NULL;
    t->columns++;
    return c;
}

void lk_counts_sort(struct lk_counts *c)
{
    if (c->tables > 1)
        qsort(c->table, c->tables, sizeof *c->table, compare_tables);
    c->sorted = true;
}

bool lk_counts_has_tables(const struct lk_counts *c)
{
    for (size_t i = 0; i < c->tables; i++) {
        if (c->table[i].kind != LK_TABLE_INTERNAL)
            return true;
    }
    return false;
}

static bool holds(const struct lk_counts *a, const struct lk_counts *b)
{
    for (size_t i = 0; i < b->tables; i++) {
        const struct lk_counts_table *y = &b->table[i];
        if (y->kind == LK_TABLE_INTERNAL)
            continue;
        const struct lk_counts_table *x = lk_counts_find(a, y->name);
        if (x == NULL || !x->has_hash || !y->has_hash || x->rows != y->rows ||
            !lk_hash128_equal(x->hash, y->hash))
            return false;
    }
    return true;
}

bool lk_counts_same_content(const struct lk_counts *a, const struct lk_counts *b)
{
    return a->whole && b->whole && holds(a, b) && holds(b, a);
}

/* ---- From a manifest */

static enum lk_status add_columns(const struct lk_manifest_table *from, struct lk_counts_table *to,
                                  struct lk_error *err)
{
    struct lk_table_schema *schema = NULL;
    struct lk_plan *plan = NULL;
    struct lk_error why = {0};
    enum lk_status status = lk_manifest_table_plan(from, &schema, &plan, &why);
    if (status == LK_FAILED)
        *err = why;
    else if (status != LK_OK) /* the rows are known all the same */
        return LK_OK;
    const size_t columns = status != LK_OK                   ? 0
                           : schema->columns < from->columns ? schema->columns
                                                             : from->columns;
    for (size_t i = 0; status == LK_OK && i < columns; i++) {
        struct lk_counts_column *c = lk_counts_add_column(to, schema->column[i].name);
        if (c == NULL)
            status = lk_fail_memory(err, "counting");
        else
            c->values = from->rows - from->counts[i][LK_NULL];
    }
    lk_table_schema_free(schema);
    lk_plan_free(plan);
    return status;
}

enum lk_status lk_counts_of_manifest(const struct lk_manifest *m, struct lk_counts *out, struct lk_error *err)
{
    *out = (struct lk_counts){
        .id = lk_copy_string(m->id),
        .seq = m->seq,
        .started = m->started,
        .device = m->source.device,
        .inode = m->source.inode,
        .bytes = m->source.bytes,
        .mtime = m->source.mtime,
        .change_counter = m->source.change_counter,
        .whole = m->left_out.count == 0,
    };
    enum lk_status status = out->id == NULL ? lk_fail_memory(err, "counting") : LK_OK;
    for (size_t i = 0; status == LK_OK && i < m->tables; i++) {
        struct lk_counts_table *t = lk_counts_add_table(out, m->table[i]->name);
        if (t == NULL) {
            status = lk_fail_memory(err, "counting");
            break;
        }
        t->kind = m->table[i]->kind;
        t->rows = m->table[i]->rows;
        t->has_hash = true;
        t->hash = m->table[i]->hash;
        status = add_columns(m->table[i], t, err);
    }
    if (status == LK_OK)
        lk_counts_sort(out);
    else
        lk_counts_reset(out);
    return status;
}

/* ---- Writing */

static bool set_digits(json_t *to, const char *key, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    return lk_json_set(to, key, json_string(text));
}

static bool set_time(json_t *to, const char *key, int64_t instant)
{
    char text[LK_TIME_SIZE];
    lk_time_format(instant, text);
    return lk_json_set(to, key, json_string(text));
}

/* [name, values] for each column. */
static json_t *spell_columns(const struct lk_counts_table *t)
{
    json_t *columns = json_array();
    for (size_t i = 0; columns != NULL && i < t->columns; i++) {
        json_t *pair = json_array();
        if (json_array_append_new(pair, lk_json_text(lk_bytes_of(t->column[i].name))) != 0 ||
            json_array_append_new(pair, json_integer((json_int_t)t->column[i].values)) != 0) {
            json_decref(pair);
            pair = NULL;
        }
        if (pair == NULL || json_array_append_new(columns, pair) != 0) {
            json_decref(columns);
            return NULL;
        }
    }
    return columns;
}

static json_t *spell_table(const struct lk_counts_table *t)
{
    char hash[33];
    json_t *out = json_object();
    lk_hash128_format(t->hash, hash);
    const bool ok =
        lk_json_set(out, "name", lk_json_text(lk_bytes_of(t->name))) &&
        lk_json_set(out, "kind", json_string(lk_table_kind_name(t->kind))) &&
        lk_json_set(out, "rows", json_integer((json_int_t)t->rows)) &&
        (!t->has_hash || lk_json_set(out, "hash", json_string(hash))) &&
        (!t->has_sequence || lk_json_set(out, "sequence", json_integer((json_int_t)t->sequence))) &&
        lk_json_set(out, "columns", spell_columns(t));
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

static json_t *spell(const struct lk_counts *c)
{
    json_t *out = json_object(), *tables = json_array();
    bool ok =
        lk_json_set(out, "id", json_string(c->id)) &&
        lk_json_set(out, "seq", json_integer((json_int_t)c->seq)) && set_time(out, "started", c->started) &&
        set_digits(out, "device", c->device) && set_digits(out, "inode", c->inode) &&
        lk_json_set(out, "bytes", json_integer((json_int_t)c->bytes)) && set_time(out, "mtime", c->mtime) &&
        lk_json_set(out, "change_counter", json_integer((json_int_t)c->change_counter)) &&
        lk_json_set(out, "whole", json_boolean(c->whole));
    for (size_t i = 0; ok && i < c->tables; i++) {
        json_t *table = spell_table(&c->table[i]);
        ok = table != NULL && json_array_append_new(tables, table) == 0;
    }
    if (!ok) {
        json_decref(tables);
    } else if (lk_json_set(out, "tables", tables)) {
        return out;
    }
    json_decref(out);
    return NULL;
}

enum lk_status lk_counts_append(const struct lk_dir *database, mode_t mode, const struct lk_counts *c,
                                struct lk_error *err)
{
    json_t *line = spell(c);
    if (line == NULL)
        return lk_fail_memory(err, "writing counts");
    const enum lk_status status = lk_lines_append(database, LK_COUNTS_FILE, WHAT, mode, line, err);
    json_decref(line);
    return status;
}

/* ---- Reading */

static uint64_t parse_digits(const struct lk_record *r, const char *key)
{
    const char *text = json_string_value(json_object_get(r->object, key));
    char *end = NULL;
    const uint64_t n = text == NULL || text[0] < '0' || text[0] > '9' ? 0 : strtoull(text, &end, 10);
    if (end == NULL || *end != '\0')
        lk_record_fail(r, key, "is no number");
    return n;
}

static bool parse_columns(const struct lk_record *r, struct lk_counts_table *t)
{
    size_t count;
    const json_t *columns = lk_record_array(r, "columns", COLUMNS_MOST, &count);
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(columns, i);
        const json_t *values = json_array_get(pair, 1), *text = json_array_get(pair, 0);
        char *name = NULL;
        const bool counted = json_is_integer(values) && json_integer_value(values) >= 0 &&
                             (uint64_t)json_integer_value(values) <= t->rows;
        if (!counted || !lk_json_text_get(text, &name)) {
            /* A string that can be one fails for memory alone. */
            if (!counted || !json_is_string(text) ||
                strlen(json_string_value(text)) != json_string_length(text))
                lk_record_fail(r, "columns", "are none");
            return false;
        }
        struct lk_counts_column *c = lk_counts_add_column(t, name);
        lk_free(name);
        if (c == NULL)
            return false;
        c->values = (uint64_t)json_integer_value(values);
    }
    return true;
}

/* False: memory is out, or the record has failed. */
static bool parse_table(const struct lk_record *r, struct lk_counts *c)
{
    char *name = lk_record_text(r, "name"), *kind = lk_record_text(r, "kind");
    struct lk_counts_table *t = name == NULL || kind == NULL ? NULL : lk_counts_add_table(c, name);
    if (t != NULL) {
        if (!lk_table_kind_parse(kind, &t->kind))
            lk_record_fail(r, "kind", "is none");
        t->rows = lk_record_count(r, "rows", COUNT_LIMIT);
        t->has_hash = lk_record_has(r, "hash");
        if (t->has_hash)
            t->hash = lk_record_hash(r, "hash");
        t->has_sequence = lk_record_has(r, "sequence");
        if (t->has_sequence)
            t->sequence = lk_record_integer(r, "sequence", INT64_MIN, INT64_MAX);
    }
    lk_free(name);
    lk_free(kind);
    return t != NULL && lk_record_ok(r) && parse_columns(r, t);
}

/* *skip: the line cannot be believed. */
static enum lk_status parse(const json_t *line, struct lk_counts *out, bool *skip, struct lk_error *err)
{
    struct lk_error why = {0};
    struct lk_record_source source = {.file = LK_COUNTS_FILE, .err = &why, .status = LK_OK};
    const struct lk_record r = {.source = &source, .object = line, .index = SIZE_MAX};
    size_t count;
    bool ok = true;
    *out = (struct lk_counts){
        .id = lk_record_text(&r, "id"),
        .seq = lk_record_count(&r, "seq", COUNT_LIMIT),
        .started = lk_record_time(&r, "started"),
        .device = parse_digits(&r, "device"),
        .inode = parse_digits(&r, "inode"),
        .bytes = lk_record_count(&r, "bytes", COUNT_LIMIT),
        .mtime = lk_record_time(&r, "mtime"),
        .change_counter = (uint32_t)lk_record_count(&r, "change_counter", UINT32_MAX),
        .whole = lk_record_flag(&r, "whole"),
    };
    const json_t *tables = lk_record_array(&r, "tables", TABLES_MOST, &count);
    for (size_t i = 0; ok && i < count; i++) {
        struct lk_record table;
        ok = lk_record_element(&r, "tables", tables, i, &table) && parse_table(&table, out);
    }
    *skip = source.status == LK_DAMAGED || (out->id != NULL && !lk_name_is_id(out->id));
    if (!*skip && (!ok || source.status != LK_OK)) {
        lk_counts_reset(out);
        return lk_fail_memory(err, "reading counts");
    }
    if (*skip)
        lk_counts_reset(out);
    else
        lk_counts_sort(out);
    return LK_OK;
}

struct reading {
    struct lk_counts_list *list;
    int64_t since;
    bool reached; /* the newest line before `since` was read */
    size_t cells;
};

static bool is_listed(const struct lk_counts_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->counts[i].id, id) == 0)
            return true;
    }
    return false;
}

/* Takes it over, also on failure. */
static enum lk_status add_counts(struct lk_counts_list *list, struct lk_counts *c, struct lk_error *err)
{
    struct lk_counts *grown = grow(list->counts, list->count, sizeof *grown);
    if (grown == NULL) {
        lk_counts_reset(c);
        return lk_fail_memory(err, "reading counts");
    }
    list->counts = grown;
    list->counts[list->count++] = *c;
    return LK_OK;
}

static size_t count_cells(const struct lk_counts *c)
{
    size_t cells = c->tables;
    for (size_t i = 0; i < c->tables; i++)
        cells += c->table[i].columns;
    return cells;
}

static enum lk_status take_line(void *context, json_t *line, bool *more, struct lk_error *err)
{
    struct reading *r = context;
    struct lk_counts c;
    bool skip = false;
    enum lk_status status = parse(line, &c, &skip, err);
    json_decref(line);
    if (status != LK_OK || skip)
        return status;
    if (is_listed(r->list, c.id)) { /* a later line said it anew */
        lk_counts_reset(&c);
        return LK_OK;
    }
    r->cells += count_cells(&c);
    if (r->cells > CELLS_MOST && c.started > r->since)
        r->since = c.started + 1; /* a database of very many tables: its past is shorter */
    r->reached = c.started < r->since;
    status = add_counts(r->list, &c, err);
    *more = !r->reached && r->list->count < LINES_MOST;
    return status;
}

static enum lk_status make_line(const struct lk_dir *database, const char *id, struct lk_counts_list *list,
                                struct lk_error *err)
{
    struct lk_backup *b = NULL;
    struct lk_counts c;
    struct lk_error why = {0};
    if (lk_backup_open(database, id, &b, &why) != LK_OK)
        return LK_OK;
    enum lk_status status = lk_counts_of_manifest(b->manifest, &c, err);
    lk_backup_free(b);
    if (status != LK_OK)
        return status;
    c.made = true;
    return add_counts(list, &c, err);
}

/* Backups whose line is missing, newest first, as far back as the lines go. */
static enum lk_status make_missing(const struct lk_dir *database, struct reading *r, struct lk_error *err)
{
    char **names = NULL;
    size_t count = 0;
    enum lk_status status = lk_dir_list(database, &names, &count, err);
    for (size_t i = count; status == LK_OK && i > 0 && r->list->count < LINES_MOST; i--) {
        char second[LK_TIME_SIZE];
        int64_t started = 0;
        const char *id = names[i - 1];
        if (!lk_name_is_id(id) || is_listed(r->list, id))
            continue;
        (void)snprintf(second, sizeof second, "%.13s:%.2s:%.2sZ", id, id + 13, id + 15);
        (void)lk_time_parse(second, &started);
        /* An id says the second; the backup began within it. */
        if (started + SECOND <= r->since && r->reached)
            break;
        const size_t had = r->list->count;
        status = make_line(database, id, r->list, err);
        r->reached |= started < r->since && r->list->count > had;
    }
    lk_free(names);
    return status;
}

static int compare_seq(const void *a, const void *b)
{
    const struct lk_counts *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

enum lk_status lk_counts_read(const struct lk_dir *database, int64_t since, struct lk_counts_list *out,
                              struct lk_error *err)
{
    struct reading r = {.list = out, .since = since};
    *out = (struct lk_counts_list){0};
    enum lk_status status =
        lk_lines_read_back(database, LK_COUNTS_FILE, WHAT, LINE_LIMIT, take_line, &r, err);
    if (status == LK_OK)
        status = make_missing(database, &r, err);
    if (status != LK_OK)
        lk_counts_list_reset(out);
    else if (out->count > 1)
        qsort(out->counts, out->count, sizeof *out->counts, compare_seq);
    return status;
}
