#include "sqlite/vtab.h"

#include "base/memory.h"
#include "sqlite/api.h"
#include "sqlite/vtab_copy.h"
#include "sqlite/vtab_declare.h"
#include "sqlite/vtab_plan.h"

/* Of one table, for different keys or columns. */
#define COPIES 8

struct held_copy {
    struct lk_vtab_copy *copy;
    size_t users; /* cursors with a statement on it */
};

struct table {
    sqlite3_vtab base;
    const struct lk_vtab_opener *opener; /* the module's */
    struct lk_rows *rows;
    struct lk_vtab_shape shape;
    enum lk_affinity *affinity;
    uint64_t looked_at; /* rows read by look-ups */
    struct held_copy copy[COPIES];
};

/* One column of the current batch, read forward. Lags behind the cursor's row until it is asked for. */
struct reader {
    const uint8_t *classes;
    const uint8_t *at[LK_CLASSES]; /* the next value of each class */
    uint64_t batch;                /* the number of the batch that the rest belongs to */
    uint32_t row;                  /* the row that `at` is for */
    bool wanted;
};

struct cursor {
    sqlite3_vtab_cursor base;
    void *from; /* rows->open */
    const struct lk_batch *batch;
    uint64_t batches; /* so far, over all scans */
    uint32_t row;
    uint64_t before;  /* rows in earlier batches of this scan */
    uint64_t scanned; /* batches of this scan */
    size_t filters;
    /* The rowids, where they are a column that nobody has asked for: read beside the rest once they are. */
    void *keys;
    const struct lk_batch *key_batch;
    uint64_t keys_scanned;
    bool *wanted_keys;
    bool looks_up;          /* counts its rows in table->looked_at */
    struct held_copy *held; /* a copy that is looked into, */
    sqlite3_stmt *found;    /* and the look-up */
    bool at_copy, copy_end;
    bool *wanted;
    struct lk_rows_filter filter[LK_VTAB_TERMS];
    struct lk_buffer texts; /* that filters point to */
    struct reader reader[];
};

static struct table *table_of(sqlite3_vtab *base)
{
    return (struct table *)(void *)base;
}

static struct cursor *cursor_of(sqlite3_vtab_cursor *base)
{
    return (struct cursor *)(void *)base;
}

/* Our error as SQLite's: the message as it is, the status to whoever wants it. */
static int fail(const struct lk_vtab_opener *opener, const struct lk_error *err, char **message)
{
    if (opener->failed != NULL)
        opener->failed(opener->context, err);
    sqlite3_free(*message);
    *message = sqlite3_mprintf("%s", err->message);
    if (err->status == LK_INTERRUPTED)
        return SQLITE_INTERRUPT;
    return err->status == LK_DAMAGED ? SQLITE_CORRUPT : SQLITE_ERROR;
}

static void free_table(struct table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < COPIES; i++)
        lk_vtab_copy_free(t->copy[i].copy);
    if (t->rows != NULL)
        t->rows->free(t->rows);
    lk_free(t->affinity);
    lk_free(t);
}

/* An argument of CREATE VIRTUAL TABLE without its quotes. */
static char *unquoted(const char *text)
{
    const char open = text[0], close = open == '[' ? ']' : open;
    if (open != '\'' && open != '"' && open != '`' && open != '[')
        return lk_copy_string(text);
    char *out = lk_copy_string(text + 1), *to = out;
    for (const char *from = out; out != NULL && *from != '\0'; from++) {
        if (*from == close && from[1] != close)
            break;
        from += *from == close;
        *to++ = *from;
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

static enum lk_status open_rows(struct table *t, int count, const char *const *arguments,
                                struct lk_error *err)
{
    /* The first three are the module's, the schema's and the table's name. */
    const size_t n = count > 3 ? (size_t)count - 3 : 0;
    char **argument = lk_allocate_zeroed(n + 1, sizeof *argument);
    bool ok = argument != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        argument[i] = unquoted(arguments[i + 3]);
        ok = argument[i] != NULL;
    }
    enum lk_status status =
        ok ? t->opener->open(t->opener->context, n, (const char *const *)argument, &t->rows, err)
           : lk_fail_memory(err, "opening a table");
    for (size_t i = 0; argument != NULL && i < n; i++)
        lk_free(argument[i]);
    lk_free(argument);
    return status;
}

/* Does BINARY compare the bytes of UTF-8 in the database that reads? */
static bool is_utf8(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    const char *name = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA encoding", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        name = (const char *)sqlite3_column_text(statement, 0);
    const bool utf8 = name != NULL && strcmp(name, "UTF-8") == 0;
    (void)sqlite3_finalize(statement);
    return utf8;
}

static enum lk_status declare(struct table *t, sqlite3 *db, struct lk_error *err)
{
    const struct lk_table_schema *schema = t->rows->schema;
    struct lk_buffer sql = {0};
    if (schema->columns == 0)
        return lk_fail(err, LK_UNREADABLE, "table \"%s\" cannot be queried: it has no columns", schema->name);
    t->affinity = lk_allocate_zeroed(schema->columns, sizeof *t->affinity);
    enum lk_status status = t->affinity == NULL ? lk_fail_memory(err, "opening a table")
                                                : lk_vtab_declare(t->rows, &sql, t->affinity, err);
    if (status == LK_OK && t->opener->declaring != NULL)
        t->opener->declaring(t->opener->context, true);
    if (status == LK_OK && sqlite3_declare_vtab(db, lk_buffer_string(&sql)) != SQLITE_OK)
        status = lk_fail(err, LK_UNREADABLE, "table \"%s\" cannot be queried: %s", schema->name,
                         sqlite3_errmsg(db));
    t->shape = (struct lk_vtab_shape){.rows = t->rows,
                                      .affinity = t->affinity,
                                      .alias = SIZE_MAX,
                                      .hidden_rowid = schema->hidden_rowid,
                                      .utf8 = is_utf8(db)};
    if (t->opener->declaring != NULL)
        t->opener->declaring(t->opener->context, false);
    lk_buffer_reset(&sql);
    for (size_t i = 0; i < schema->columns; i++)
        if (schema->column[i].is_rowid && !schema->without_rowid)
            t->shape.alias = i;
    return status;
}

static int connect_table(sqlite3 *db, void *context, int count, const char *const *arguments,
                         sqlite3_vtab **out, char **message)
{
    struct lk_error err = {0};
    const struct lk_vtab_opener *opener = context;
    struct table *t = lk_allocate_zeroed(1, sizeof *t);
    if (t == NULL)
        return SQLITE_NOMEM;
    t->opener = opener;
    enum lk_status status = open_rows(t, count, arguments, &err);
    if (status == LK_OK)
        status = declare(t, db, &err);
    if (status != LK_OK) {
        free_table(t);
        return fail(opener, &err, message);
    }
    if (opener->innocuous)
        (void)sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    *out = &t->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
    free_table(table_of(base));
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    return lk_vtab_plan_choose(&table_of(base)->shape, info);
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    const size_t columns = table_of(base)->rows->schema->columns;
    struct cursor *c = lk_allocate_zeroed(1, sizeof *c + columns * sizeof c->reader[0]);
    bool *wanted = lk_allocate_zeroed(columns, sizeof *wanted);
    if (c == NULL || wanted == NULL) {
        lk_free(c);
        lk_free(wanted);
        return SQLITE_NOMEM;
    }
    c->wanted = wanted;
    *out = &c->base;
    return SQLITE_OK;
}

static void end_scan(struct table *t, struct cursor *c)
{
    t->rows->close(c->from);
    t->rows->close(c->keys);
    c->from = c->keys = NULL;
    c->key_batch = NULL;
    c->scanned = c->keys_scanned = 0;
    c->batch = NULL;
    c->row = 0;
    c->before = 0;
    c->at_copy = false;
}

static void drop_found(struct cursor *c)
{
    (void)sqlite3_finalize(c->found);
    if (c->held != NULL)
        c->held->users--;
    c->found = NULL;
    c->held = NULL;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct cursor *c = cursor_of(base);
    end_scan(table_of(base->pVtab), c);
    drop_found(c);
    lk_buffer_reset(&c->texts);
    lk_free(c->wanted_keys);
    lk_free(c->wanted);
    lk_free(c);
    return SQLITE_OK;
}

static int next_batch(struct table *t, struct cursor *c)
{
    struct lk_error err = {0};
    if (c->batch != NULL)
        c->before += c->batch->rows;
    c->batch = NULL;
    c->row = 0;
    c->batches++;
    c->scanned++;
    if (t->rows->next(c->from, &c->batch, &err) != LK_OK) {
        c->batch = NULL;
        return fail(t->opener, &err, &t->base.zErrMsg);
    }
    if (c->looks_up && c->batch != NULL)
        t->looked_at += c->batch->rows;
    return SQLITE_OK;
}

static int next_found(struct table *t, struct cursor *c)
{
    const int rc = sqlite3_step(c->found);
    c->copy_end = rc != SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return SQLITE_OK;
    sqlite3_free(t->base.zErrMsg);
    t->base.zErrMsg = sqlite3_mprintf("reading a temporary file: %s", sqlite3_errstr(rc));
    return SQLITE_ERROR;
}

static int next_row(sqlite3_vtab_cursor *base)
{
    struct cursor *c = cursor_of(base);
    if (c->at_copy)
        return next_found(table_of(base->pVtab), c);
    if (++c->row < c->batch->rows)
        return SQLITE_OK;
    return next_batch(table_of(base->pVtab), c);
}

static int at_end(sqlite3_vtab_cursor *base)
{
    const struct cursor *c = cursor_of(base);
    return c->at_copy ? c->copy_end : c->batch == NULL;
}

/* SQLite reuses the registers of arguments, and filters are borrowed until the rows are closed. */
static bool keep_texts(struct cursor *c)
{
    size_t len = 0;
    for (size_t i = 0; i < c->filters; i++)
        len += c->filter[i].value.bytes.len;
    lk_buffer_clear(&c->texts);
    if (!lk_buffer_reserve(&c->texts, len + 1))
        return false;
    for (size_t i = 0; i < c->filters; i++) {
        struct lk_bytes *text = &c->filter[i].value.bytes;
        const uint8_t *kept = c->texts.data + c->texts.len;
        lk_buffer_append(&c->texts, text->ptr, text->len);
        text->ptr = kept;
    }
    return true;
}

/* The copy for this look-up, made when there is none; *out NULL: all places are taken. */
static enum lk_status get_copy(struct table *t, const struct cursor *c, const struct lk_vtab_term *term,
                               struct held_copy **out, struct lk_error *err)
{
    struct held_copy *place = NULL;
    for (size_t i = 0; i < COPIES; i++) {
        struct held_copy *held = &t->copy[i];
        if (held->copy != NULL && lk_vtab_copy_serves(held->copy, c->wanted, term->column, term->collation)) {
            *out = held;
            return LK_OK;
        }
        if (held->users == 0 && (place == NULL || (place->copy != NULL && held->copy == NULL)))
            place = held;
    }
    *out = NULL;
    if (place == NULL)
        return LK_OK;
    lk_vtab_copy_free(place->copy);
    place->copy = NULL;
    const enum lk_affinity affinity =
        term->column == LK_ROWS_ROWID ? LK_AFFINITY_INTEGER : t->affinity[term->column];
    const enum lk_status status =
        lk_vtab_copy_new(t->rows, c->wanted, term->column, term->collation, affinity, &place->copy, err);
    if (status == LK_OK)
        *out = place;
    return status;
}

/* Once look-ups have read as many rows as there are, a copy costs less. */
static bool is_worth_a_copy(const struct table *t)
{
    const uint64_t rows = t->rows->rows == UINT64_MAX ? LK_BLOCK_ROWS : t->rows->rows;
    /* SQLite's own limit is 2,000 columns; the copy has two of its own. */
    return t->looked_at >= rows && t->rows->schema->columns <= 1998;
}

/* Look for the value in a copy: *found, or the rows must be read. */
static enum lk_status look_up(struct table *t, struct cursor *c, const struct lk_vtab_term *term,
                              sqlite3_value *value, bool *found, struct lk_error *err)
{
    struct held_copy *held = NULL;
    enum lk_status status = LK_OK;
    *found = false;
    if (c->held != NULL && lk_vtab_copy_serves(c->held->copy, c->wanted, term->column, term->collation)) {
        held = c->held;
    } else {
        drop_found(c);
        status = is_worth_a_copy(t) ? get_copy(t, c, term, &held, err) : LK_OK;
    }
    if (status != LK_OK || held == NULL || !lk_vtab_copy_finds(held->copy, value))
        return status;
    if (c->held == NULL)
        held->users++;
    c->held = held;
    *found = true;
    return lk_vtab_copy_find(held->copy, value, &c->found, err);
}

static enum lk_status begin_scan(struct table *t, struct cursor *c, const struct lk_vtab_plan *plan,
                                 sqlite3_value **values, struct lk_error *err)
{
    c->filters = 0;
    for (int i = 0; i < plan->terms; i++)
        c->filters += lk_vtab_plan_filter(&t->shape, &plan->term[i], values[i], &c->filter[c->filters]);
    if (!keep_texts(c))
        return lk_fail_memory(err, "reading a table");
    const struct lk_rows_request request = {.wanted = c->wanted, .filters = c->filters, .filter = c->filter};
    return t->rows->open(t->rows->context, &request, &c->from, err);
}

static void want(const struct table *t, struct cursor *c, const struct lk_vtab_plan *plan)
{
    for (size_t i = 0; i < t->rows->schema->columns; i++) {
        c->wanted[i] = lk_vtab_plan_wants(plan, i) || (i == t->shape.alias && plan->lookup >= 0);
        c->reader[i].wanted = c->wanted[i];
        c->reader[i].batch = 0;
    }
    if (plan->lookup >= 0 && plan->term[plan->lookup].column != LK_ROWS_ROWID) {
        const size_t key = plan->term[plan->lookup].column;
        c->wanted[key] = c->reader[key].wanted = true;
    }
}

static int filter(sqlite3_vtab_cursor *base, int lookup, const char *text, int count, sqlite3_value **values)
{
    struct table *t = table_of(base->pVtab);
    struct cursor *c = cursor_of(base);
    struct lk_error err = {0};
    struct lk_vtab_plan plan;
    end_scan(t, c);
    if (text == NULL || !lk_vtab_plan_parse(text, &plan) || plan.terms != count)
        return SQLITE_ERROR;
    plan.lookup = lookup < count ? lookup : -1;
    for (int i = 0; i < count; i++)
        if (lk_vtab_plan_excludes_all(values[i]))
            return SQLITE_OK;
    want(t, c, &plan);
    c->looks_up = plan.lookup >= 0;
    enum lk_status status = LK_OK;
    if (c->looks_up)
        status = look_up(t, c, &plan.term[plan.lookup], values[plan.lookup], &c->at_copy, &err);
    if (status == LK_OK && c->at_copy)
        return next_found(t, c);
    if (status == LK_OK)
        status = begin_scan(t, c, &plan, values, &err);
    return status == LK_OK ? next_batch(t, c) : fail(t->opener, &err, &t->base.zErrMsg);
}

static void start_reader(struct reader *r, const struct cursor *c, const struct lk_batch *batch, size_t i)
{
    const struct lk_column *column = &batch->column[i];
    r->classes = column->classes.data;
    for (size_t k = 0; k < LK_CLASSES; k++)
        r->at[k] = column->values[k].data;
    r->row = 0;
    r->batch = c->batches;
}

/* Step over the values of earlier rows. */
static void catch_up(struct reader *r, uint32_t row)
{
    for (; r->row < row; r->row++) {
        const uint8_t class = r->classes[r->row];
        if (class == LK_INTEGER || class == LK_REAL)
            r->at[class] += 8;
        else if (class != LK_NULL)
            r->at[class] += 4 + (size_t)lk_get_u32(r->at[class]);
    }
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int i)
{
    struct cursor *c = cursor_of(base);
    if (c->at_copy) {
        const int position = lk_vtab_copy_position(c->held->copy, (size_t)i);
        if (position > 0)
            sqlite3_result_value(result, sqlite3_column_value(c->found, position));
        return SQLITE_OK;
    }
    struct reader *r = &c->reader[i];
    if (r->batch != c->batches) {
        if (!r->wanted)
            return SQLITE_INTERNAL; /* better than a NULL that is not there */
        start_reader(r, c, c->batch, (size_t)i);
    }
    catch_up(r, c->row);
    const uint8_t class = r->classes[r->row], *at = r->at[class];
    switch ((enum lk_class) class) {
    case LK_NULL:
        break;
    case LK_INTEGER:
        sqlite3_result_int64(result, (sqlite3_int64)lk_get_u64(at));
        break;
    case LK_REAL:
        sqlite3_result_double(result, lk_get_f64(at));
        break;
    /* Copied: SQLite may keep a value in a register while the cursor moves on (SELECT max(a), b), and the
     * batch is gone then. */
    case LK_TEXT:
    case LK_RAWTEXT:
        sqlite3_result_text64(result, (const char *)at + 4, lk_get_u32(at), SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case LK_BLOB:
        sqlite3_result_blob64(result, at + 4, lk_get_u32(at), SQLITE_TRANSIENT);
        break;
    }
    return SQLITE_OK;
}

/* The same blocks with nothing but the rowids, up to the one that the cursor is in. */
static enum lk_status read_keys(struct table *t, struct cursor *c, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    if (c->wanted_keys == NULL)
        c->wanted_keys = lk_allocate_zeroed(t->rows->schema->columns, sizeof *c->wanted_keys);
    if (c->wanted_keys == NULL)
        return lk_fail_memory(err, "reading a table");
    c->wanted_keys[t->shape.alias] = true;
    const struct lk_rows_request request = {
        .wanted = c->wanted_keys, .filters = c->filters, .filter = c->filter};
    if (c->keys == NULL)
        status = t->rows->open(t->rows->context, &request, &c->keys, err);
    while (status == LK_OK && c->keys_scanned < c->scanned) {
        status = t->rows->next(c->keys, &c->key_batch, err);
        c->keys_scanned++;
        if (status == LK_OK && c->key_batch == NULL)
            break;
    }
    if (status == LK_OK && (c->key_batch == NULL || c->key_batch->rows != c->batch->rows))
        status = lk_fail(err, LK_DAMAGED, "table \"%s\": its rowids do not go with its rows",
                         t->rows->schema->name);
    return status;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    struct cursor *c = cursor_of(base);
    struct table *t = table_of(base->pVtab);
    struct lk_error err = {0};
    if (c->at_copy) {
        const int position =
            t->shape.alias != SIZE_MAX ? lk_vtab_copy_position(c->held->copy, t->shape.alias) : 0;
        *out = sqlite3_column_int64(c->found, position);
    } else if (t->shape.hidden_rowid) {
        *out = lk_batch_rowid(c->batch, c->row);
    } else if (t->shape.alias != SIZE_MAX) {
        struct reader *r = &c->reader[t->shape.alias];
        const bool beside = !c->wanted[t->shape.alias];
        if (beside && c->keys_scanned < c->scanned && read_keys(t, c, &err) != LK_OK)
            return fail(t->opener, &err, &t->base.zErrMsg);
        if (r->batch != c->batches)
            start_reader(r, c, beside ? c->key_batch : c->batch, t->shape.alias);
        catch_up(r, c->row);
        *out = r->classes[r->row] == LK_INTEGER ? (sqlite3_int64)lk_get_u64(r->at[LK_INTEGER]) : 0;
    } else {
        const uint64_t number = c->before + c->row + 1;
        *out = (sqlite3_int64)number;
    }
    return SQLITE_OK;
}

static void free_module(void *context)
{
    struct lk_vtab_opener *opener = context;
    if (opener->free != NULL)
        opener->free(opener->context);
    lk_free(opener);
}

static const sqlite3_module module = {
    .iVersion = 1,
    .xCreate = connect_table,
    .xConnect = connect_table,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xDestroy = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next_row,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = rowid,
};

int lk_vtab_register(sqlite3 *db, const char *name, const struct lk_vtab_opener *opener)
{
    struct lk_vtab_opener *copy = lk_allocate(sizeof *copy);
    if (copy == NULL) {
        if (opener->free != NULL)
            opener->free(opener->context);
        return SQLITE_NOMEM;
    }
    *copy = *opener;
    return sqlite3_create_module_v2(db, name, &module, copy, free_module);
}
