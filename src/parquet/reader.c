#include "parquet/reader.h"

#include <assert.h>

#include "base/memory.h"
#include "batch/unique.h"
#include "parquet/assemble.h"
#include "parquet/convert.h"
#include "parquet/decode_chunk.h"
#include "parquet/statistics.h"

struct lk_parquet_reader {
    const struct lk_input *in;
    struct lk_parquet_metadata *metadata;
    struct lk_table_schema *schema;
    /* Files of litekeep: */
    struct lk_plan *plan;
    struct lk_file_column *file_column; /* one a leaf, in its order */
    size_t *first_file_column;          /* of each table column; one more at the end */
    int64_t first_rowid;
    /* Files of others, one a leaf, which is one a table column: */
    struct lk_conversion *conversion;
    const char **problem; /* why a column cannot be read; NULL: it can */
};

struct lk_parquet_decoder {
    struct lk_decode_chunk_state chunk;
    struct lk_buffer classes; /* of an exception, a flag, or a column that is converted */
    struct lk_buffer values;  /* of a column that is merged or converted */
    struct lk_buffer flags;
};

#define KEPT_BYTES (24u << 20) /* of memory, from row group to row group */

/* One row group being read. */
struct reading {
    const struct lk_parquet_reader *r;
    struct lk_parquet_decoder *d;
    size_t group;
    uint32_t rows;
    struct lk_parquet_budget budget;
};

static enum lk_status fail_plan(const struct lk_parquet_reader *r, const char *why, struct lk_error *err)
{
    return lk_fail(
        err, LK_DAMAGED,
        "%s: litekeep's description of the columns does not fit the file (%s): it was changed by another "
        "program, or is damaged",
        lk_input_name(r->in), why);
}

/* Is the leaf what the plan says? */
static bool leaf_fits(const struct lk_parquet_leaf *leaf, const struct lk_file_column *f)
{
    struct lk_conversion c;
    if (leaf->nested || strcmp(leaf->element->name, f->name) != 0 ||
        lk_convert_choose(leaf->element, &c) != NULL)
        return false;
    if (f->role == LK_ROLE_IS_INT)
        return c.kind == LK_CONVERT_BOOLEAN;
    switch (f->type) {
    case LK_TYPE_INT64:
        return c.kind == LK_CONVERT_SIGNED && c.type.width == 8;
    case LK_TYPE_DOUBLE:
        return c.kind == LK_CONVERT_REAL && c.type.width == 8;
    case LK_TYPE_STRING:
        return c.kind == LK_CONVERT_TEXT;
    case LK_TYPE_BYTE_ARRAY:
        return c.kind == LK_CONVERT_BLOB && c.type.width == 0;
    }
    return false;
}

static enum lk_status check_plan(const struct lk_parquet_reader *r, struct lk_error *err)
{
    const struct lk_parquet_metadata *m = r->metadata;
    const struct lk_plan *p = r->plan;
    if (p->columns != r->schema->columns || lk_plan_file_columns(p) != m->leaves)
        return fail_plan(r, "another number of columns", err);
    if (p->rowid_name != NULL && !r->schema->hidden_rowid)
        return fail_plan(r, "a rowid column for a table without hidden rowids", err);
    for (size_t i = 0; i < p->columns; i++) {
        const struct lk_column_plan *c = &p->column[i];
        if (c->exception_name[LK_NULL] != NULL || c->exception_name[lk_type_class(c->main)] != NULL ||
            (c->merged && (c->main != LK_TYPE_DOUBLE || c->exception_name[LK_INTEGER] != NULL)))
            return fail_plan(r, "an exception column for what the main column holds", err);
    }
    if (r->schema->hidden_rowid && p->rowid_name == NULL && m->rows > 0) {
        int64_t last;
        if (m->rows > INT64_MAX || __builtin_add_overflow(r->first_rowid, (int64_t)(m->rows - 1), &last))
            return fail_plan(r, "rowids beyond 64 bits", err);
    }
    return LK_OK;
}

static enum lk_status open_own(struct lk_parquet_reader *r, struct lk_error *err)
{
    const struct lk_parquet_metadata *m = r->metadata;
    enum lk_status status =
        lk_plan_from_json(lk_bytes(m->plan, m->plan_len), &r->schema, &r->plan, &r->first_rowid, err);
    if (status != LK_OK)
        return lk_error_prefix(err, "%s", lk_input_name(r->in));
    status = check_plan(r, err);
    if (status != LK_OK)
        return status;
    r->file_column = lk_allocate_zeroed(m->leaves + 1, sizeof *r->file_column);
    r->first_file_column = lk_allocate_zeroed(r->plan->columns + 1, sizeof *r->first_file_column);
    if (r->file_column == NULL || r->first_file_column == NULL)
        return lk_fail_memory(err, "opening a Parquet file");
    lk_plan_list_file_columns(r->plan, r->file_column);
    for (size_t i = 0; i < m->leaves; i++) {
        const struct lk_file_column *f = &r->file_column[i];
        if (!leaf_fits(&m->leaf[i], f))
            return lk_fail(
                err, LK_DAMAGED,
                "%s: column %zu is '%s', but not the '%s' of litekeep's description: the file was changed by "
                "another program, or is damaged",
                lk_input_name(r->in), i, m->leaf[i].path, f->name);
        if (f->role == LK_ROLE_MAIN)
            r->first_file_column[f->column] = i;
    }
    r->first_file_column[r->plan->columns] = m->leaves;
    return LK_OK;
}

/* The file's name without folders and suffix. */
static char *table_name(const struct lk_input *in)
{
    const char *name = lk_input_name(in), *slash = strrchr(name, '/');
    if (slash != NULL)
        name = slash + 1;
    const char *suffix = strstr(name, ".parquet");
    return lk_copy_bytes(name, suffix != NULL && suffix > name ? (size_t)(suffix - name) : strlen(name));
}

static enum lk_status open_foreign(struct lk_parquet_reader *r, struct lk_error *err)
{
    const struct lk_parquet_metadata *m = r->metadata;
    enum lk_status status = LK_OK;
    char *name = table_name(r->in);
    r->conversion = lk_allocate_zeroed(m->leaves + 1, sizeof *r->conversion);
    r->problem = lk_allocate_zeroed(m->leaves + 1, sizeof *r->problem);
    r->schema = name == NULL ? NULL : lk_table_schema_new(name);
    struct lk_unique_column *column = lk_allocate_zeroed(m->leaves + 1, sizeof *column);
    if (r->conversion == NULL || r->problem == NULL || r->schema == NULL || column == NULL) {
        status = lk_fail_memory(err, "opening a Parquet file");
        goto out;
    }
    r->schema->hidden_rowid = true;
    r->first_rowid = 1;
    for (size_t i = 0; i < m->leaves; i++) {
        const struct lk_parquet_leaf *leaf = &m->leaf[i];
        if (leaf->nested)
            r->problem[i] = "it is nested (a list, a map or a struct), which is not supported";
        else
            r->problem[i] = lk_convert_choose(leaf->element, &r->conversion[i]);
        column[i] = (struct lk_unique_column){lk_bytes_of(leaf->path),
                                              r->problem[i] == NULL ? r->conversion[i].declared_type : ""};
    }
    if (!lk_unique_columns(r->schema, column, m->leaves))
        status = lk_fail_memory(err, "opening a Parquet file");
out:
    lk_free(column);
    lk_free(name);
    return status;
}

enum lk_status lk_parquet_reader_open(const struct lk_input *in, struct lk_parquet_reader **out,
                                      struct lk_error *err)
{
    assert(in != NULL && out != NULL);
    struct lk_parquet_reader *r = lk_allocate_zeroed(1, sizeof *r);
    if (r == NULL)
        return lk_fail_memory(err, "opening a Parquet file");
    r->in = in;
    enum lk_status status = lk_parquet_metadata_read(in, &r->metadata, err);
    if (status == LK_OK)
        status = r->metadata->plan != NULL ? open_own(r, err) : open_foreign(r, err);
    if (status == LK_OK)
        *out = r;
    else
        lk_parquet_reader_free(r);
    return status;
}

void lk_parquet_reader_free(struct lk_parquet_reader *r)
{
    if (r == NULL)
        return;
    lk_parquet_metadata_free(r->metadata);
    lk_table_schema_free(r->schema);
    lk_plan_free(r->plan);
    lk_free(r->file_column);
    lk_free(r->first_file_column);
    lk_free(r->conversion);
    lk_free(r->problem);
    lk_free(r);
}

const struct lk_table_schema *lk_parquet_reader_schema(const struct lk_parquet_reader *r)
{
    return r->schema;
}

const struct lk_plan *lk_parquet_reader_plan(const struct lk_parquet_reader *r)
{
    return r->plan;
}

const char *lk_parquet_reader_problem(const struct lk_parquet_reader *r, size_t column)
{
    assert(column < r->schema->columns);
    return r->problem == NULL ? NULL : r->problem[column];
}

uint64_t lk_parquet_reader_rows(const struct lk_parquet_reader *r)
{
    return r->metadata->rows;
}

size_t lk_parquet_reader_row_groups(const struct lk_parquet_reader *r)
{
    return r->metadata->groups;
}

uint64_t lk_parquet_reader_row_group_rows(const struct lk_parquet_reader *r, size_t row_group)
{
    assert(row_group < r->metadata->groups);
    return r->metadata->group[row_group].rows;
}

enum lk_status lk_parquet_decoder_new(struct lk_parquet_decoder **out, struct lk_error *err)
{
    struct lk_parquet_decoder *d = lk_allocate_zeroed(1, sizeof *d);
    if (d == NULL)
        return lk_fail_memory(err, "reading a Parquet file");
    const enum lk_status status = lk_page_reader_new(&d->chunk.pages, err);
    if (status != LK_OK) {
        lk_free(d);
        return status;
    }
    *out = d;
    return LK_OK;
}

void lk_parquet_decoder_free(struct lk_parquet_decoder *d)
{
    if (d == NULL)
        return;
    lk_page_reader_free(d->chunk.pages);
    lk_decode_dictionary_reset(&d->chunk.dictionary);
    lk_buffer_reset(&d->chunk.scratch);
    lk_buffer_reset(&d->classes);
    lk_buffer_reset(&d->values);
    lk_buffer_reset(&d->flags);
    lk_free(d);
}

static enum lk_status name_place(const struct reading *g, size_t leaf, struct lk_error *err)
{
    return lk_error_prefix(err, "%s: row group %zu, column '%s'", lk_input_name(g->r->in), g->group,
                           g->r->metadata->leaf[leaf].path);
}

static enum lk_status fail_column(const struct reading *g, size_t leaf, enum lk_status status,
                                  const char *why, struct lk_error *err)
{
    (void)lk_fail(err, status, "%s", why);
    return name_place(g, leaf, err);
}

static enum lk_status decode_leaf(struct reading *g, size_t leaf, struct lk_decode_chunk_target *target,
                                  struct lk_error *err)
{
    const struct lk_parquet_metadata *m = g->r->metadata;
    const struct lk_parquet_chunk *chunk = &m->group[g->group].chunk[leaf];
    if (g->rows == 0) /* some writers leave nonsense in the metadata of such a chunk */
        return LK_OK;
    if (chunk->problem != NULL)
        return fail_column(g, leaf, chunk->damaged ? LK_DAMAGED : LK_UNREADABLE, chunk->problem, err);
    const enum lk_status status = lk_decode_chunk(&g->d->chunk, g->r->in, chunk, m->leaf[leaf].element,
                                                  g->rows, &g->budget, target, err);
    return status == LK_OK ? LK_OK : name_place(g, leaf, err);
}

static bool has_nan(struct lk_bytes values)
{
    bool found = false;
    for (size_t i = 0; i + 8 <= values.len; i += 8) {
        const double value = lk_get_f64(values.ptr + i);
        found |= value != value;
    }
    return found;
}

/* A main or exception column of a file of litekeep: a value there is one of SQLite's. */
static enum lk_status decode_own(struct reading *g, size_t leaf, enum lk_class class,
                                 struct lk_buffer *classes, struct lk_buffer *values, uint32_t *count,
                                 struct lk_error *err)
{
    struct lk_decode_chunk_target target = {
        .class = (uint8_t) class, .text = class == LK_TEXT, .classes = classes, .values = values};
    const enum lk_status status = decode_leaf(g, leaf, &target, err);
    if (status != LK_OK)
        return status;
    if (target.not_utf8)
        return fail_column(g, leaf, LK_DAMAGED, "it has text that is not UTF-8", err);
    if (class == LK_REAL && has_nan(lk_buffer_bytes(values)))
        return fail_column(g, leaf, LK_DAMAGED, "it has a NaN, which SQLite cannot store", err);
    *count = target.count;
    return LK_OK;
}

static enum lk_status read_merged(struct reading *g, size_t leaf, struct lk_column *to, struct lk_error *err)
{
    const struct lk_column_plan *p = &g->r->plan->column[g->r->file_column[leaf].column];
    struct lk_parquet_decoder *d = g->d;
    struct lk_decode_chunk_target flags = {.class = 1, .classes = &d->classes, .values = &d->flags};
    uint32_t count = 0;
    lk_buffer_clear(&d->classes);
    lk_buffer_clear(&d->values);
    lk_buffer_clear(&d->flags);
    enum lk_status status = decode_own(g, leaf, LK_REAL, &to->classes, &d->values, &count, err);
    if (status == LK_OK && p->is_int_name != NULL)
        status = decode_leaf(g, leaf + 1, &flags, err);
    if (status != LK_OK)
        return status;
    const bool flagged = p->is_int_name != NULL;
    const char *problem =
        lk_assemble_merged(to->classes.data, to->classes.len, lk_buffer_bytes(&d->values),
                           flagged ? d->classes.data : NULL, flagged ? d->flags.data : NULL, p->affinity, to);
    return problem == NULL ? LK_OK : fail_column(g, leaf, LK_DAMAGED, problem, err);
}

static enum lk_status read_own_column(struct reading *g, size_t column, struct lk_column *to,
                                      struct lk_error *err)
{
    const struct lk_parquet_reader *r = g->r;
    const size_t main = r->first_file_column[column], end = r->first_file_column[column + 1];
    enum lk_status status;
    if (r->plan->column[column].merged) {
        status = read_merged(g, main, to, err);
    } else {
        const enum lk_class class = lk_type_class(r->plan->column[column].main);
        status = decode_own(g, main, class, &to->classes, &to->values[class], &to->counts[class], err);
    }
    for (size_t leaf = main + 1; leaf < end && status == LK_OK; leaf++) {
        const enum lk_class class = r->file_column[leaf].class;
        if (r->file_column[leaf].role != LK_ROLE_EXCEPTION)
            continue;
        lk_buffer_clear(&g->d->classes);
        status = decode_own(g, leaf, class, &g->d->classes, &to->values[class], &to->counts[class], err);
        if (status == LK_OK && !lk_assemble_exception(to->classes.data, g->d->classes.data, g->rows))
            status = fail_column(g, leaf, LK_DAMAGED,
                                 "a row has a value here and in another column of the same value", err);
    }
    return status;
}

/* Some text of a direct column is no UTF-8: give each value its class. */
static enum lk_status reread_text(struct reading *g, const struct lk_conversion *c, struct lk_batch *batch,
                                  struct lk_column *to, struct lk_error *err)
{
    struct lk_parquet_decoder *d = g->d;
    lk_buffer_clear(&d->classes);
    lk_buffer_clear(&d->values);
    lk_buffer_append(&d->classes, to->classes.data, to->classes.len);
    lk_buffer_append(&d->values, to->values[LK_TEXT].data, to->values[LK_TEXT].len);
    if (d->classes.failed || d->values.failed)
        return lk_fail_memory(err, "reading a Parquet file");
    lk_buffer_clear(&to->classes);
    lk_buffer_clear(&to->values[LK_TEXT]);
    to->counts[LK_TEXT] = 0;
    return lk_convert_rows(c, lk_buffer_bytes(&d->classes), lk_buffer_bytes(&d->values), batch, to, err);
}

static enum lk_status read_foreign_column(struct reading *g, size_t column, struct lk_batch *batch,
                                          struct lk_column *to, struct lk_error *err)
{
    struct lk_parquet_decoder *d = g->d;
    const struct lk_conversion *c = &g->r->conversion[column];
    enum lk_class class = LK_NULL;
    if (g->r->problem[column] != NULL)
        return fail_column(g, column, LK_UNREADABLE, g->r->problem[column], err);
    if (lk_convert_is_direct(c, &class)) {
        struct lk_decode_chunk_target target = {.class = (uint8_t) class,
                                                .text = class == LK_TEXT,
                                                .classes = &to->classes,
                                                .values = &to->values[class]};
        const enum lk_status status = decode_leaf(g, column, &target, err);
        to->counts[class] = target.count;
        return status == LK_OK && target.not_utf8 ? reread_text(g, c, batch, to, err) : status;
    }
    struct lk_decode_chunk_target target = {.class = 1, .classes = &d->classes, .values = &d->values};
    lk_buffer_clear(&d->classes);
    lk_buffer_clear(&d->values);
    enum lk_status status = decode_leaf(g, column, &target, err);
    if (status != LK_OK)
        return status;
    status = lk_decode_chunk_spend(&g->budget, lk_convert_bound(c, g->rows, d->values.len), err);
    if (status == LK_OK)
        status =
            lk_convert_rows(c, lk_buffer_bytes(&d->classes), lk_buffer_bytes(&d->values), batch, to, err);
    return status == LK_OK ? LK_OK : name_place(g, column, err);
}

static enum lk_status read_rowids(struct reading *g, struct lk_batch *batch, struct lk_error *err)
{
    const struct lk_parquet_reader *r = g->r;
    if (r->plan != NULL && r->plan->rowid_name != NULL) {
        uint32_t count = 0;
        lk_buffer_clear(&g->d->classes);
        const enum lk_status status =
            decode_own(g, 0, LK_INTEGER, &g->d->classes, &batch->rowids, &count, err);
        if (status == LK_OK && count != g->rows)
            return fail_column(g, 0, LK_DAMAGED, "a row has no rowid", err);
        return status;
    }
    enum lk_status status = lk_decode_chunk_spend(&g->budget, (uint64_t)g->rows * 8, err);
    if (status != LK_OK)
        return lk_error_prefix(err, "%s: row group %zu", lk_input_name(r->in), g->group);
    uint8_t *at = lk_buffer_extend(&batch->rowids, (size_t)g->rows * 8);
    if (at == NULL)
        return g->rows == 0 ? LK_OK : lk_fail_memory(err, "reading a Parquet file");
    /* That the last one has 64 bits was checked when the file was opened. */
    const uint64_t first = (uint64_t)r->first_rowid + r->metadata->group[g->group].first_row;
    for (uint32_t row = 0; row < g->rows; row++)
        lk_put_u64(at + (size_t)row * 8, first + row);
    return LK_OK;
}

static enum lk_status fill_nulls(struct reading *g, struct lk_column *to, struct lk_error *err)
{
    const enum lk_status status = lk_decode_chunk_spend(&g->budget, g->rows, err);
    if (status != LK_OK)
        return lk_error_prefix(err, "%s: row group %zu", lk_input_name(g->r->in), g->group);
    uint8_t *at = lk_buffer_extend(&to->classes, g->rows);
    if (at == NULL)
        return g->rows == 0 ? LK_OK : lk_fail_memory(err, "reading a Parquet file");
    memset(at, LK_NULL, g->rows);
    return LK_OK;
}

/* What follows from the columns: NULLs, rows, raw_bytes. */
static void complete(struct lk_batch *b, uint32_t rows)
{
    b->rows = rows;
    b->raw_bytes = b->rowids.len;
    for (size_t i = 0; i < b->columns; i++) {
        struct lk_column *c = &b->column[i];
        c->counts[LK_NULL] = rows;
        b->raw_bytes += rows;
        for (size_t k = LK_INTEGER; k < LK_CLASSES; k++) {
            c->counts[LK_NULL] -= c->counts[k];
            b->raw_bytes += c->values[k].len;
        }
    }
}

/* What huge values took is given back. */
static void trim(struct lk_parquet_decoder *d)
{
    if (d->chunk.dictionary.values.cap > KEPT_BYTES)
        lk_decode_dictionary_reset(&d->chunk.dictionary);
    lk_buffer_trim(&d->chunk.scratch, KEPT_BYTES);
    lk_buffer_trim(&d->classes, KEPT_BYTES);
    lk_buffer_trim(&d->values, KEPT_BYTES);
    lk_buffer_trim(&d->flags, KEPT_BYTES);
}

enum lk_status lk_parquet_read_row_group(const struct lk_parquet_reader *r, struct lk_parquet_decoder *d,
                                         size_t row_group, const bool *wanted, struct lk_batch *batch,
                                         struct lk_error *err)
{
    assert(r != NULL && d != NULL && batch != NULL && row_group < r->metadata->groups);
    const struct lk_parquet_group *group = &r->metadata->group[row_group];
    if (!lk_batch_reshape(batch, r->schema->columns, r->schema->hidden_rowid))
        return lk_fail_memory(err, "reading a Parquet file");
    if (group->rows > UINT32_MAX)
        return lk_fail(err, LK_UNREADABLE, "%s: row group %zu has %llu rows, more than can be read at once",
                       lk_input_name(r->in), row_group, (unsigned long long)group->rows);
    struct reading g = {.r = r, .d = d, .group = row_group, .rows = (uint32_t)group->rows};
    g.budget =
        (struct lk_parquet_budget){.left = LK_PARQUET_BUDGET_BASE + group->size * LK_PARQUET_BUDGET_FACTOR,
                                   .huge = r->plan != NULL ? LK_PARQUET_BUDGET_HUGE : 0};
    enum lk_status status = LK_OK;
    if (batch->hidden_rowid)
        status = read_rowids(&g, batch, err);
    for (size_t i = 0; i < batch->columns && status == LK_OK; i++) {
        struct lk_column *to = &batch->column[i];
        if (wanted != NULL && !wanted[i])
            status = fill_nulls(&g, to, err);
        else if (r->plan != NULL)
            status = read_own_column(&g, i, to, err);
        else
            status = read_foreign_column(&g, i, batch, to, err);
    }
    trim(d);
    if (status == LK_OK)
        status = lk_batch_check(batch, err);
    if (status != LK_OK) {
        lk_batch_clear(batch);
        return status;
    }
    complete(batch, g.rows);
    return LK_OK;
}

/* Rowids that are numbered on. */
static void number_rowids(const struct lk_parquet_reader *r, size_t row_group, struct lk_parquet_range *out)
{
    const struct lk_parquet_group *g = &r->metadata->group[row_group];
    const uint64_t first = (uint64_t)r->first_rowid + g->first_row;
    out->numbers = true;
    out->text = g->rows == 0;
    if (g->rows == 0)
        return;
    out->least = (struct lk_value){.class = LK_INTEGER, .integer = (int64_t)first};
    out->greatest = (struct lk_value){.class = LK_INTEGER, .integer = (int64_t)(first + g->rows - 1)};
}

/* The leaves [first, end) are one table column: at most one of them may have values. */
static bool find_range(const struct lk_parquet_reader *r, size_t row_group, size_t first, size_t end,
                       struct lk_parquet_range *out)
{
    bool found = false;
    for (size_t leaf = first; leaf < end; leaf++) {
        const struct lk_file_column *f = r->plan == NULL ? NULL : &r->file_column[leaf];
        struct lk_value least, greatest;
        struct lk_conversion c;
        if (f != NULL && f->role == LK_ROLE_IS_INT)
            continue;
        if (lk_convert_choose(r->metadata->leaf[leaf].element, &c) != NULL)
            return false;
        switch (lk_statistics_range(r->metadata, row_group, leaf, &c, &least, &greatest)) {
        case LK_STATISTICS_ALL_NULL:
            break;
        case LK_STATISTICS_RANGE:
            /* The order of raw text is that of the database's encoding. */
            if (found || (f != NULL && f->role == LK_ROLE_EXCEPTION && f->class == LK_RAWTEXT))
                return false;
            found = true;
            out->least = least;
            out->greatest = greatest;
            break;
        case LK_STATISTICS_NONE:
            return false;
        }
    }
    out->text = !found || out->least.class == LK_TEXT;
    out->numbers = !found || out->least.class != LK_TEXT;
    return true;
}

bool lk_parquet_reader_range(const struct lk_parquet_reader *r, size_t row_group, size_t column,
                             struct lk_parquet_range *out)
{
    assert(row_group < r->metadata->groups && (column == LK_ROWS_ROWID || column < r->schema->columns));
    *out = (struct lk_parquet_range){0};
    if (column == LK_ROWS_ROWID) {
        if (!r->schema->hidden_rowid)
            return false;
        if (r->plan != NULL && r->plan->rowid_name != NULL)
            return find_range(r, row_group, 0, 1, out);
        number_rowids(r, row_group, out);
        return true;
    }
    if (r->plan == NULL)
        return find_range(r, row_group, column, column + 1, out);
    return find_range(r, row_group, r->first_file_column[column], r->first_file_column[column + 1], out);
}
