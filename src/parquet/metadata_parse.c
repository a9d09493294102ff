#include "parquet/metadata_parse.h"

#include "base/memory.h"
#include "parquet/thrift_reader.h"

#define SCHEMA_DEPTH 64
#define PATHS_MAX (64u << 20) /* bytes of all leaves' paths: names of groups are repeated in them */

struct parser {
    struct lk_thrift_reader r;
    struct lk_parquet_metadata *m;
    size_t elements_cap;
    size_t groups_cap;
    bool out_of_memory;
};

static void fail_memory(struct parser *p)
{
    p->out_of_memory = true;
    lk_thrift_reader_fail(&p->r, "out of memory");
}

/* Room for one more: NULL when memory is out. Capacity follows what was read, not what the file announces. */
static void *grow(struct parser *p, void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    const size_t larger = *cap == 0 ? 8 : *cap * 2;
    void *grown = lk_reallocate(array, larger * size);
    if (grown == NULL) {
        fail_memory(p);
        return NULL;
    }
    *cap = larger;
    return grown;
}

static char *copy_text(struct parser *p, struct lk_bytes text)
{
    char *copy = lk_copy_bytes(text.ptr, text.len);
    if (copy == NULL)
        fail_memory(p);
    return copy;
}

static void parse_time_unit(struct lk_thrift_reader *r, const struct lk_thrift_field *self,
                            struct lk_parquet_element *e)
{
    if (!lk_thrift_enter(r, self))
        return;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f)) {
        e->logical_digits = f.id >= 1 && f.id <= 3 ? 3 * f.id : 0;
        lk_thrift_skip(r, &f);
    }
    lk_thrift_leave(r);
}

/* The member of the union LogicalType that `self` is; its id stands in e->logical. */
static void parse_logical_member(struct lk_thrift_reader *r, const struct lk_thrift_field *self,
                                 struct lk_parquet_element *e)
{
    if (!lk_thrift_enter(r, self))
        return;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f)) {
        const bool is_time =
            e->logical == LK_PARQUET_LOGICAL_TIME || e->logical == LK_PARQUET_LOGICAL_TIMESTAMP;
        if (is_time && f.id == 1)
            e->logical_utc = lk_thrift_bool(r, &f);
        else if (is_time && f.id == 2)
            parse_time_unit(r, &f, e);
        else if (e->logical == LK_PARQUET_LOGICAL_INTEGER && f.id == 1)
            e->logical_bits = lk_thrift_i32(r, &f);
        else if (e->logical == LK_PARQUET_LOGICAL_INTEGER && f.id == 2)
            e->logical_signed = lk_thrift_bool(r, &f);
        else if (e->logical == LK_PARQUET_LOGICAL_DECIMAL && f.id == 1)
            e->scale = lk_thrift_i32(r, &f);
        else if (e->logical == LK_PARQUET_LOGICAL_DECIMAL && f.id == 2)
            e->precision = lk_thrift_i32(r, &f);
        else
            lk_thrift_skip(r, &f);
    }
    lk_thrift_leave(r);
}

static void parse_logical(struct lk_thrift_reader *r, const struct lk_thrift_field *self,
                          struct lk_parquet_element *e)
{
    if (!lk_thrift_enter(r, self))
        return;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f)) {
        e->logical = (enum lk_parquet_logical)(f.id > 0 ? f.id : 0);
        parse_logical_member(r, &f, e);
    }
    lk_thrift_leave(r);
}

static void parse_element(struct parser *p, const struct lk_thrift_field *self)
{
    struct lk_thrift_reader *r = &p->r;
    struct lk_parquet_metadata *m = p->m;
    struct lk_parquet_element *grown = grow(p, m->element, m->elements, &p->elements_cap, sizeof *grown);
    if (grown == NULL)
        return;
    m->element = grown;
    struct lk_parquet_element *e = &m->element[m->elements++];
    *e = (struct lk_parquet_element){.converted = LK_PARQUET_CONVERTED_NONE};
    if (!lk_thrift_enter(r, self))
        return;
    int32_t type = 0, repetition = 0;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f)) {
        switch (f.id) {
        case 1:
            e->has_type = true;
            type = lk_thrift_i32(r, &f);
            break;
        case 2:
            e->type_length = lk_thrift_i32(r, &f);
            break;
        case 3:
            repetition = lk_thrift_i32(r, &f);
            break;
        case 4:
            lk_free(e->name);
            e->name = copy_text(p, lk_thrift_binary(r, &f));
            break;
        case 5:
            e->children = lk_thrift_i32(r, &f);
            break;
        case 6:
            e->converted = (enum lk_parquet_converted)lk_thrift_i32(r, &f);
            break;
        case 7:
            e->scale = lk_thrift_i32(r, &f);
            break;
        case 8:
            e->precision = lk_thrift_i32(r, &f);
            break;
        case 10:
            parse_logical(r, &f, e);
            break;
        default:
            lk_thrift_skip(r, &f);
        }
    }
    lk_thrift_leave(r);
    if (e->name == NULL)
        lk_thrift_reader_fail(r, "a schema element has no name");
    if (type < 0 || type >= LK_PARQUET_TYPES)
        lk_thrift_reader_fail(r, "a schema element has a physical type that does not exist");
    if (repetition < 0 || repetition > LK_PARQUET_REPEATED)
        lk_thrift_reader_fail(r, "a schema element has a repetition that does not exist");
    if (e->children < 0 || (e->has_type && e->children > 0))
        lk_thrift_reader_fail(r, "a schema element has a wrong number of children");
    e->type = (enum lk_parquet_type)type;
    e->repetition = (enum lk_parquet_repetition)repetition;
}

static void parse_bound(struct parser *p, const struct lk_thrift_field *f, struct lk_parquet_bound *b)
{
    if (f->type != LK_THRIFT_BINARY) {
        lk_thrift_skip(&p->r, f);
        return;
    }
    const struct lk_bytes value = lk_thrift_binary(&p->r, f);
    if (p->r.problem != NULL || value.len > LK_PARQUET_BOUND_MAX)
        return;
    *b = (struct lk_parquet_bound){.known = true, .len = (uint16_t)value.len, .at = p->m->bounds.len};
    lk_buffer_append(&p->m->bounds, value.ptr, value.len);
    if (p->m->bounds.failed)
        fail_memory(p);
}

/* Statistics are a hint: what is odd in them is left out, and the column is read all the same. */
static void parse_statistics(struct parser *p, const struct lk_thrift_field *self,
                             struct lk_parquet_statistics *s)
{
    struct lk_thrift_reader *r = &p->r;
    struct lk_parquet_bound old_least = {0}, old_greatest = {0};
    *s = (struct lk_parquet_statistics){0};
    if (self->type != LK_THRIFT_STRUCT) {
        lk_thrift_skip(r, self);
        return;
    }
    if (!lk_thrift_enter(r, self))
        return;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f)) {
        if (f.id == 1) {
            parse_bound(p, &f, &old_greatest);
        } else if (f.id == 2) {
            parse_bound(p, &f, &old_least);
        } else if (f.id == 3 && f.type == LK_THRIFT_I64) {
            const int64_t nulls = lk_thrift_i64(r, &f);
            s->nulls_known = nulls >= 0;
            s->nulls = nulls >= 0 ? (uint64_t)nulls : 0;
        } else if (f.id == 5) {
            parse_bound(p, &f, &s->greatest);
        } else if (f.id == 6) {
            parse_bound(p, &f, &s->least);
        } else {
            lk_thrift_skip(r, &f);
        }
    }
    lk_thrift_leave(r);
    if (!s->least.known && !s->greatest.known) {
        s->old = old_least.known && old_greatest.known;
        s->least = old_least;
        s->greatest = old_greatest;
    }
}

static void parse_chunk_metadata(struct parser *p, const struct lk_thrift_field *self,
                                 struct lk_parquet_chunk *c)
{
    struct lk_thrift_reader *r = &p->r;
    if (!lk_thrift_enter(r, self))
        return;
    int32_t type = -1, codec = -1;
    int64_t size = -1, data = -1, dictionary = 0;
    c->values = -1;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f)) {
        switch (f.id) {
        case 1:
            type = lk_thrift_i32(r, &f);
            break;
        case 4:
            codec = lk_thrift_i32(r, &f);
            break;
        case 5:
            c->values = lk_thrift_i64(r, &f);
            break;
        case 7:
            size = lk_thrift_i64(r, &f);
            break;
        case 9:
            data = lk_thrift_i64(r, &f);
            break;
        case 11:
            dictionary = lk_thrift_i64(r, &f);
            break;
        case 12:
            parse_statistics(p, &f, &c->statistics);
            break;
        default:
            lk_thrift_skip(r, &f);
        }
    }
    lk_thrift_leave(r);
    if (type < 0 || type >= LK_PARQUET_TYPES || codec < 0 || c->values < 0 || size < 0 || data < 0)
        lk_metadata_chunk_fails(c, true, "its metadata are incomplete or negative");
    if (c->problem != NULL)
        return;
    c->type = (enum lk_parquet_type)type;
    c->codec = (enum lk_parquet_codec)codec;
    /* Some writers leave dictionary_page_offset 0, or out, though there is a dictionary: then it is the first
     * page of the data. */
    c->start = (uint64_t)(dictionary > 0 && dictionary < data ? dictionary : data);
    c->size = (uint64_t)size;
}

static void parse_chunk(struct parser *p, const struct lk_thrift_field *self, struct lk_parquet_chunk *c)
{
    struct lk_thrift_reader *r = &p->r;
    *c = (struct lk_parquet_chunk){0};
    if (!lk_thrift_enter(r, self))
        return;
    bool found = false;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f)) {
        switch (f.id) {
        case 1:
            if (lk_thrift_binary(r, &f).len > 0)
                lk_metadata_chunk_fails(c, false, "its data are in another file, which is not supported");
            break;
        case 3:
            found = true;
            parse_chunk_metadata(p, &f, c);
            break;
        case 8:
            lk_metadata_chunk_fails(c, false, "it is encrypted");
            lk_thrift_skip(r, &f);
            break;
        default:
            lk_thrift_skip(r, &f);
        }
    }
    lk_thrift_leave(r);
    if (!found && c->problem == NULL)
        lk_thrift_reader_fail(r, "a column of a row group has no metadata");
}

/* The columns of a row group: as many as the schema has leaves, which stand before them in every known file.
 */
static void parse_chunks(struct parser *p, const struct lk_thrift_field *self, struct lk_parquet_group *g)
{
    struct lk_thrift_field item;
    const uint32_t count = lk_thrift_list(&p->r, self, LK_THRIFT_STRUCT, &item);
    if (g->chunk != NULL || count != p->m->leaves)
        lk_thrift_reader_fail(&p->r, "a row group has another number of columns than the schema");
    if (p->r.problem != NULL)
        return;
    g->chunk = lk_allocate_zeroed(count > 0 ? count : 1, sizeof *g->chunk);
    if (g->chunk == NULL) {
        fail_memory(p);
        return;
    }
    for (uint32_t i = 0; i < count && p->r.problem == NULL; i++)
        parse_chunk(p, &item, &g->chunk[i]);
}

static void parse_group(struct parser *p, const struct lk_thrift_field *self)
{
    struct lk_parquet_metadata *m = p->m;
    struct lk_parquet_group *grown = grow(p, m->group, m->groups, &p->groups_cap, sizeof *grown);
    if (grown == NULL)
        return;
    m->group = grown;
    struct lk_parquet_group *g = &m->group[m->groups++];
    *g = (struct lk_parquet_group){0};
    if (!lk_thrift_enter(&p->r, self))
        return;
    int64_t rows = -1;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(&p->r, &f)) {
        if (f.id == 1)
            parse_chunks(p, &f, g);
        else if (f.id == 3)
            rows = lk_thrift_i64(&p->r, &f);
        else
            lk_thrift_skip(&p->r, &f);
    }
    lk_thrift_leave(&p->r);
    if (g->chunk == NULL || rows < 0)
        lk_thrift_reader_fail(&p->r, "a row group is incomplete or has a negative number of rows");
    g->rows = rows < 0 ? 0 : (uint64_t)rows;
}

static void parse_key_value(struct parser *p, const struct lk_thrift_field *self)
{
    if (!lk_thrift_enter(&p->r, self))
        return;
    struct lk_bytes key = {0}, value = {0};
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(&p->r, &f)) {
        if (f.id == 1)
            key = lk_thrift_binary(&p->r, &f);
        else if (f.id == 2)
            value = lk_thrift_binary(&p->r, &f);
        else
            lk_thrift_skip(&p->r, &f);
    }
    lk_thrift_leave(&p->r);
    if (p->r.problem != NULL || p->m->plan != NULL ||
        !lk_bytes_equal(key, lk_bytes_of(LK_PARQUET_METADATA_KEY)))
        return;
    p->m->plan = copy_text(p, value);
    p->m->plan_len = value.len;
}

static void add_leaf(struct parser *p, const struct lk_parquet_element *const *open, size_t depth,
                     bool nested, uint64_t *path_bytes)
{
    struct lk_parquet_metadata *m = p->m;
    size_t len = 0;
    for (size_t i = 1; i <= depth; i++)
        len += strlen(open[i]->name) + 1;
    *path_bytes += len;
    if (*path_bytes > PATHS_MAX) {
        lk_thrift_reader_fail(&p->r, "the names of its nested columns are implausibly long");
        return;
    }
    char *path = lk_allocate(len > 0 ? len : 1);
    if (path == NULL) {
        fail_memory(p);
        return;
    }
    char *at = path;
    for (size_t i = 1; i <= depth; i++) {
        const size_t part = strlen(open[i]->name);
        memcpy(at, open[i]->name, part);
        at += part;
        *at++ = '.';
    }
    at[-1] = '\0';
    m->leaf[m->leaves++] = (struct lk_parquet_leaf){.path = path, .element = open[depth], .nested = nested};
}

/* The elements are the tree depth first: find its leaves. */
static void find_leaves(struct parser *p)
{
    struct lk_parquet_metadata *m = p->m;
    const struct lk_parquet_element *open[SCHEMA_DEPTH + 1]; /* the path from the root */
    int32_t left[SCHEMA_DEPTH + 1];                          /* children of each that are still to come */
    uint64_t path_bytes = 0;
    if (m->elements == 0 || m->element[0].has_type) {
        lk_thrift_reader_fail(&p->r, "its schema has no root");
        return;
    }
    m->leaf = lk_allocate_zeroed(m->elements, sizeof *m->leaf);
    if (m->leaf == NULL) {
        fail_memory(p);
        return;
    }
    size_t depth = 0;
    open[0] = &m->element[0];
    left[0] = open[0]->children;
    for (size_t i = 1; i < m->elements && p->r.problem == NULL; i++) {
        while (depth > 0 && left[depth] == 0)
            depth--;
        if (left[depth] == 0 || depth == SCHEMA_DEPTH) {
            lk_thrift_reader_fail(&p->r, "its schema is no tree of at most 64 levels");
            return;
        }
        left[depth]--;
        depth++;
        open[depth] = &m->element[i];
        left[depth] = m->element[i].children;
        if (m->element[i].has_type)
            add_leaf(p, open, depth, depth > 1 || m->element[i].repetition == LK_PARQUET_REPEATED,
                     &path_bytes);
    }
    for (size_t i = 0; i <= depth; i++)
        if (left[i] != 0)
            lk_thrift_reader_fail(&p->r, "its schema has fewer elements than it announces");
}

/* The orders of the columns' values, a union each: TypeDefinedOrder is the one that is understood. */
static void parse_orders(struct parser *p, const struct lk_thrift_field *self)
{
    struct lk_thrift_reader *r = &p->r;
    struct lk_thrift_field item;
    const uint32_t count = lk_thrift_list(r, self, LK_THRIFT_STRUCT, &item);
    for (uint32_t i = 0; i < count && lk_thrift_enter(r, &item); i++) {
        struct lk_thrift_field f = {0};
        while (lk_thrift_next_field(r, &f)) {
            if (i < p->m->leaves)
                p->m->leaf[i].ordered = f.id == 1;
            lk_thrift_skip(r, &f);
        }
        lk_thrift_leave(r);
    }
}

static void parse_file(struct parser *p)
{
    struct lk_thrift_reader *r = &p->r;
    struct lk_thrift_field f = {0}, item;
    int64_t rows = -1;
    while (lk_thrift_next_field(r, &f)) {
        switch (f.id) {
        case 2: {
            if (p->m->elements > 0)
                lk_thrift_reader_fail(r, "it has two schemas");
            const uint32_t count = lk_thrift_list(r, &f, LK_THRIFT_STRUCT, &item);
            for (uint32_t i = 0; i < count && r->problem == NULL; i++)
                parse_element(p, &item);
            if (r->problem == NULL)
                find_leaves(p);
            break;
        }
        case 3:
            rows = lk_thrift_i64(r, &f);
            break;
        case 4: {
            const uint32_t count = lk_thrift_list(r, &f, LK_THRIFT_STRUCT, &item);
            for (uint32_t i = 0; i < count && r->problem == NULL; i++)
                parse_group(p, &item);
            break;
        }
        case 5: {
            const uint32_t count = lk_thrift_list(r, &f, LK_THRIFT_STRUCT, &item);
            for (uint32_t i = 0; i < count && r->problem == NULL; i++)
                parse_key_value(p, &item);
            break;
        }
        case 6:
            lk_free(p->m->created_by);
            p->m->created_by = copy_text(p, lk_thrift_binary(r, &f));
            break;
        case 7:
            parse_orders(p, &f);
            break;
        default: /* 8, encryption_algorithm: only some columns are encrypted, and their chunks say so */
            lk_thrift_skip(r, &f);
        }
    }
    if (p->m->created_by == NULL)
        p->m->created_by = copy_text(p, lk_bytes(NULL, 0));
    if (p->m->leaf == NULL)
        lk_thrift_reader_fail(r, "its schema is missing");
    if (rows < 0)
        lk_thrift_reader_fail(r, "its number of rows is missing or negative");
    p->m->rows = rows < 0 ? 0 : (uint64_t)rows;
}

enum lk_status lk_metadata_parse(struct lk_bytes footer, uint64_t offset, const char *shown_name,
                                 struct lk_parquet_metadata *m, struct lk_error *err)
{
    struct parser p = {.m = m};
    lk_thrift_reader_init(&p.r, footer);
    parse_file(&p);
    if (p.out_of_memory)
        return lk_fail_memory(err, "reading a Parquet file's footer");
    if (p.r.problem != NULL)
        return lk_fail(err, LK_DAMAGED, "%s: the footer is damaged at offset %llu: %s", shown_name,
                       (unsigned long long)offset + lk_thrift_reader_offset(&p.r), p.r.problem);
    return LK_OK;
}
