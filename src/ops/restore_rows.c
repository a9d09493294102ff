#include "ops/restore_rows.h"

#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/processors.h"
#include "ops/session.h"
#include "sqlite/scan.h"

/* Decoding takes a fraction of the time that inserting takes: more threads would only hold more blocks. */
#define MOST_THREADS 3u
#define MOST_NAMED 8 /* tables in a message */

struct pour {
    const struct lk_restore_plan *plan;
    struct lk_source *source;
    struct lk_structure *source_structure;
    struct lk_build *build;
    bool sequence_apart;
    struct lk_restore_file_result *result;
    uint64_t done; /* rows */
    bool notes_failed;

    /* The table at hand. */
    const struct lk_table_schema *schema;
    const struct lk_manifest_table *entry;
    uint64_t rows;     /* of it so far */
    bool is_sequence;  /* only its rows about tables of the plan are taken */
    bool only_reading; /* nothing is added: is it whole? */
};

static void hear_note(void *context, const char *message)
{
    struct pour *p = context;
    if (!p->only_reading && !lk_manifest_add_text(&p->result->notes, message))
        p->notes_failed = true;
}

static enum lk_status check_interrupt(const struct pour *p, struct lk_error *err)
{
    return lk_session_interrupted()
               ? lk_fail(err, LK_INTERRUPTED, "interrupted while table \"%s\" was restored", p->schema->name)
               : LK_OK;
}

/* ---- sqlite_sequence */

static bool is_planned(const struct lk_restore_plan *p, struct lk_value name)
{
    for (size_t i = 0; name.class == LK_TEXT && i < p->structure->tables; i++) {
        const char *table = p->structure->table[i]->name;
        if (strlen(table) == name.bytes.len &&
            strncasecmp(table, (const char *)name.bytes.ptr, name.bytes.len) == 0)
            return true;
    }
    return false;
}

static void copy_value(struct lk_batch *to, size_t column, struct lk_value v)
{
    struct lk_column *c = &to->column[column];
    if (v.class == LK_NULL)
        lk_column_add_null(to, c);
    else if (v.class == LK_INTEGER)
        lk_column_add_integer(to, c, v.integer);
    else if (v.class == LK_REAL)
        lk_column_add_real(to, c, v.real);
    else
        lk_column_add_bytes(to, c, v.class, v.bytes.ptr, v.bytes.len);
}

/* The table as SQLite makes it: CREATE TABLE sqlite_sequence(name,seq). */
static enum lk_status add_sequences(struct pour *p, const struct lk_batch *batch, struct lk_error *err)
{
    if (batch->columns != 2)
        return lk_fail(err, LK_DAMAGED, "sqlite_sequence has %zu columns", batch->columns);
    struct lk_cursor names = lk_cursor_at_start(&batch->column[0]),
                     numbers = lk_cursor_at_start(&batch->column[1]);
    struct lk_batch *taken = lk_batch_new(2, batch->hidden_rowid);
    enum lk_status status = taken == NULL ? lk_fail_memory(err, "restoring sqlite_sequence") : LK_OK;
    for (uint32_t row = 0; status == LK_OK && row < batch->rows; row++) {
        const struct lk_value name = lk_cursor_next(&names), number = lk_cursor_next(&numbers);
        if (!is_planned(p->plan, name))
            continue;
        if (!p->sequence_apart) {
            copy_value(taken, 0, name);
            copy_value(taken, 1, number);
            lk_batch_end_row(taken, batch->hidden_rowid ? lk_batch_rowid(batch, row) : 0);
        } else if (number.class == LK_INTEGER) { /* SQLite heeds nothing else */
            char *table = lk_copy_bytes(name.bytes.ptr, name.bytes.len);
            status = table == NULL ? lk_fail_memory(err, "restoring sqlite_sequence")
                                   : lk_build_sequence(p->build, table, number.integer, err);
            lk_free(table);
        }
    }
    if (status == LK_OK)
        status = lk_batch_check(taken, err);
    if (status == LK_OK && taken->rows > 0)
        status = lk_build_add(p->build, taken, err);
    lk_batch_free(taken);
    return status;
}

/* ---- One table */

static enum lk_status take_batch(struct pour *p, const struct lk_batch *batch, struct lk_error *err)
{
    enum lk_status status = check_interrupt(p, err);
    if (status != LK_OK)
        return status;
    if (batch->columns != p->schema->columns || batch->hidden_rowid != p->schema->hidden_rowid)
        return lk_fail(err, LK_DAMAGED, "table \"%s\": its files have other columns than the manifest",
                       p->schema->name);
    p->rows += batch->rows;
    if (p->only_reading)
        return LK_OK;
    if (p->is_sequence)
        return add_sequences(p, batch, err);
    status = lk_build_add(p->build, batch, err);
    p->done += batch->rows;
    if (status == LK_OK && p->plan->options->on_rows != NULL)
        p->plan->options->on_rows(p->plan->options->context, p->schema->name, p->done, p->plan->rows);
    return status;
}

static enum lk_status check_rows(const struct pour *p, struct lk_error *err)
{
    if (p->plan->backup->manifest->legacy || p->rows == p->entry->rows)
        return LK_OK;
    return lk_fail(err, LK_DAMAGED, "table \"%s\" has %llu rows, the manifest says %llu", p->schema->name,
                   (unsigned long long)p->rows, (unsigned long long)p->entry->rows);
}

static unsigned count_threads(const struct pour *p)
{
    size_t blocks = 0;
    for (size_t i = 0; i < p->entry->parts; i++)
        blocks += p->entry->part[i].blocks;
    if ((blocks < 2 && !p->plan->backup->manifest->legacy) || lk_stored_table_has_huge_blocks(p->entry))
        return 0;
    const unsigned threads = p->plan->options->jobs != 0 ? p->plan->options->jobs : lk_processors();
    return threads < MOST_THREADS ? threads : MOST_THREADS;
}

static enum lk_status pour_stored(struct pour *p, const char **from, struct lk_error *err)
{
    const struct lk_stored_options options = {
        .from = p->plan->stored, .secret = p->plan->options->secret, .on_note = hear_note, .context = p};
    const struct lk_stored_request request = {.threads = count_threads(p)};
    struct lk_stored_table *table = NULL;
    struct lk_stored_stream *stream = NULL;
    const struct lk_batch *batch = NULL;
    enum lk_status status = lk_stored_table_open(p->plan->backup, p->entry, &options, &table, err);
    if (status == LK_OK)
        status = lk_stored_stream_open(table, &request, &stream, err);
    do {
        if (status == LK_OK)
            status = lk_stored_stream_next(stream, &batch, NULL, NULL, err);
        if (status == LK_OK && batch != NULL)
            status = take_batch(p, batch, err);
    } while (status == LK_OK && batch != NULL);
    lk_stored_stream_close(stream);
    if (status == LK_OK)
        *from = lk_stored_table_from(table);
    lk_stored_table_free(table);
    return status;
}

static const struct lk_table_schema *find_in_source(const struct pour *p)
{
    for (size_t i = 0; i < p->source_structure->tables; i++)
        if (strcmp(p->source_structure->table[i]->name, p->schema->name) == 0)
            return p->source_structure->table[i];
    return NULL;
}

/* One block of the manifest, which the page copy must have row for row. */
static enum lk_status scan_block(struct pour *p, struct lk_scan *scan, const struct lk_manifest_block *block,
                                 struct lk_batch *batch, struct lk_hasher *hasher, struct lk_error *err)
{
    enum lk_scan_event event;
    struct lk_hash128 hash;
    lk_batch_clear(batch);
    lk_scan_set_rows(scan, block->rows);
    enum lk_status status = lk_scan_next(scan, batch, &event, err);
    if (status == LK_OK)
        status = lk_batch_check(batch, err);
    if (status == LK_OK)
        status = lk_batch_hash(batch, hasher, &hash, err);
    if (status == LK_OK &&
        (event == LK_SCAN_RESTART || batch->rows != block->rows || !lk_hash128_equal(hash, block->hash)))
        status =
            lk_fail(err, LK_DAMAGED, "the page copy does not hold the rows of table \"%s\"", p->schema->name);
    return status == LK_OK ? take_batch(p, batch, err) : status;
}

static enum lk_status pour_pages(struct pour *p, struct lk_error *err)
{
    const struct lk_table_schema *t = find_in_source(p);
    if (t == NULL || t->columns != p->schema->columns || t->hidden_rowid != p->schema->hidden_rowid)
        return lk_fail(err, LK_DAMAGED, "the page copy has no such table as \"%s\"", p->schema->name);
    struct lk_scan *scan = NULL;
    struct lk_hasher *hasher = NULL;
    struct lk_batch *batch = lk_batch_new(t->columns, t->hidden_rowid);
    enum lk_status status = batch == NULL ? lk_fail_memory(err, "restoring a table") : LK_OK;
    if (status == LK_OK)
        status = lk_hasher_new(p->plan->options->secret, &hasher, err);
    if (status == LK_OK)
        status = lk_scan_open(p->source, t, &scan, err);
    for (size_t i = 0; i < p->entry->parts; i++)
        for (size_t b = 0; status == LK_OK && b < p->entry->part[i].blocks; b++)
            status = scan_block(p, scan, &p->entry->part[i].block[b], batch, hasher, err);
    lk_scan_free(scan);
    lk_hasher_free(hasher);
    lk_batch_free(batch);
    return status;
}

static enum lk_status pour_table(struct pour *p, size_t index, const char **from, struct lk_error *err)
{
    p->schema = p->plan->structure->table[index];
    p->entry = p->plan->table[index];
    p->rows = 0;
    p->is_sequence = lk_restore_plan_is_sequence(p->plan, p->schema);
    bool left_out = false;
    *from = "sqlite";
    enum lk_status status = LK_OK;
    if (!p->only_reading && !(p->is_sequence && p->sequence_apart))
        status = lk_build_table(p->build, p->schema, &left_out, err);
    if (status != LK_OK || left_out) {
        *from = NULL;
        return status;
    }
    status = p->source != NULL ? pour_pages(p, err) : pour_stored(p, from, err);
    if (status == LK_OK)
        status = check_rows(p, err);
    return status;
}

/* ---- All of them */

/* One is damaged: which of the others could be had? Those before it were read; those behind it are read
 * now. */
static enum lk_status name_others(struct pour *p, size_t damaged, struct lk_error *err)
{
    struct lk_buffer names = {0};
    size_t whole = 0;
    p->only_reading = true;
    for (size_t i = 0; i < p->plan->structure->tables; i++) {
        struct lk_error ignored = {0};
        const char *from;
        const struct lk_table_schema *t = p->plan->structure->table[i];
        if (i == damaged)
            continue;
        const enum lk_status status = i < damaged ? LK_OK : pour_table(p, i, &from, &ignored);
        if (status == LK_INTERRUPTED) {
            lk_buffer_reset(&names);
            *err = ignored;
            return status;
        }
        if (status != LK_OK || t->kind != LK_TABLE_ORDINARY)
            continue;
        if (whole++ < MOST_NAMED)
            lk_buffer_append_format(&names, " --table \"%s\"", t->name);
    }
    if (whole > MOST_NAMED)
        lk_buffer_append_format(&names, " and %zu more", whole - MOST_NAMED);
    const char *others = lk_buffer_string(&names);
    struct lk_error first = *err;
    if (whole > 0 && others != NULL)
        (void)lk_fail(err, LK_DAMAGED, "%s; whole, and to be restored by themselves:%s", first.message,
                      others);
    lk_buffer_reset(&names);
    return LK_DAMAGED;
}

static const char *join_formats(bool parquet, bool json)
{
    return parquet && json ? "parquet and json" : json ? "json" : "parquet";
}

static void join_from(struct lk_restore_file_result *r)
{
    bool parquet = false, json = false;
    for (size_t i = 0; i < r->tables; i++) {
        const char *from = r->table[i].from;
        if (r->table[i].left_out || from == NULL)
            continue;
        parquet = parquet || strncmp(from, "parquet", 7) == 0;
        json = json || strstr(from, "json") != NULL;
    }
    if (parquet || json)
        r->from = join_formats(parquet, json);
}

enum lk_status lk_restore_rows(const struct lk_restore_plan *plan, struct lk_source *source,
                               struct lk_build *build, bool sequence_apart,
                               struct lk_restore_file_result *result, struct lk_error *err)
{
    struct pour p = {
        .plan = plan, .source = source, .build = build, .sequence_apart = sequence_apart, .result = result};
    enum lk_status status = LK_OK;
    if (source != NULL)
        status = lk_structure_read(source, &p.source_structure, err);
    struct lk_restore_file_table *at = result->table;
    /* No other way to do it is left: then the user wants to know what can be had. */
    const bool is_last = plan->way[plan->ways - 1] == (source == NULL ? LK_RESTORE_ROWS : LK_RESTORE_PAGES);
    result->rows = 0;
    for (size_t i = 0; status == LK_OK && i < plan->structure->tables; i++) {
        const char *from;
        status = pour_table(&p, i, &from, err);
        if (status == LK_DAMAGED && is_last)
            status = name_others(&p, i, err);
        if (status != LK_OK || p.is_sequence)
            continue;
        at->left_out = from == NULL;
        at->rows = p.rows;
        at->from = from == NULL ? result->from : from;
        result->rows += p.rows;
        at++;
    }
    if (status == LK_OK && p.notes_failed)
        status = lk_fail_memory(err, "restoring");
    if (status == LK_OK && source == NULL)
        join_from(result);
    lk_structure_free(p.source_structure);
    return status;
}
