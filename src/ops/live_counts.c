#include "ops/live_counts.h"

#include <sqlite3.h>

#include "base/memory.h"
#include "ops/session.h"

#define COLUMNS_AT_ONCE 200 /* in one statement: far below SQLite's limits */
#define STEPS_BETWEEN 20000 /* virtual machine steps between two looks at clock and interrupt flag */

/* One reading of a source. */
struct reading {
    struct lk_source *source;
    sqlite3 *db;
    struct lk_counts *out;
    bool restart; /* the state did not hold still */
};

static int stop(void *context)
{
    const struct reading *r = context;
    return lk_session_interrupted() || lk_source_expired(r->source) ? 1 : 0;
}

/* What a failed statement comes to; LK_OK with r->restart when the lock's time is up. */
static enum lk_status failed(struct reading *r, const char *table, struct lk_error *err)
{
    const int code = sqlite3_errcode(r->db) & 0xff;
    const char *path = lk_source_facts(r->source)->path;
    if (lk_session_interrupted())
        return lk_fail(err, LK_INTERRUPTED, "interrupted");
    if (code == SQLITE_INTERRUPT) {
        r->restart = true;
        return LK_OK;
    }
    if (code == SQLITE_NOMEM)
        return lk_fail_memory(err, "counting rows");
    return lk_fail(err, LK_UNREADABLE, "%s: table \"%s\": its rows cannot be counted: %s", path, table,
                   sqlite3_errmsg(r->db));
}

static void append_name(struct lk_buffer *sql, const char *name)
{
    lk_buffer_append_byte(sql, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            lk_buffer_append_byte(sql, '"');
        lk_buffer_append_byte(sql, (uint8_t)*name);
    }
    lk_buffer_append_byte(sql, '"');
}

/* Rows, and the values of columns [from, to), in one statement. */
static enum lk_status count_some(struct reading *r, const struct lk_table_schema *schema, size_t from,
                                 size_t to, struct lk_counts_table *t, struct lk_error *err)
{
    struct lk_buffer sql = {0};
    sqlite3_stmt *stmt = NULL;
    lk_buffer_append_string(&sql, "SELECT count(*)");
    for (size_t i = from; i < to; i++) {
        lk_buffer_append_string(&sql, ", count(");
        append_name(&sql, schema->column[i].name);
        lk_buffer_append_byte(&sql, ')');
    }
    lk_buffer_append_string(&sql, " FROM main.");
    append_name(&sql, schema->name);
    const char *text = lk_buffer_string(&sql);
    enum lk_status status = text == NULL ? lk_fail_memory(err, "counting rows") : LK_OK;
    if (status == LK_OK &&
        (sqlite3_prepare_v2(r->db, text, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)) {
        status = failed(r, schema->name, err);
    } else if (status == LK_OK) {
        t->rows = (uint64_t)sqlite3_column_int64(stmt, 0);
        for (size_t i = from; i < to; i++)
            t->column[i].values = (uint64_t)sqlite3_column_int64(stmt, (int)(i - from) + 1);
    }
    sqlite3_finalize(stmt);
    lk_buffer_reset(&sql);
    return status;
}

static enum lk_status count_table(struct reading *r, const struct lk_table_schema *schema,
                                  struct lk_error *err)
{
    struct lk_counts_table *t = lk_counts_add_table(r->out, schema->name);
    if (t == NULL)
        return lk_fail_memory(err, "counting rows");
    t->kind = schema->kind;
    for (size_t i = 0; i < schema->columns; i++) {
        if (lk_counts_add_column(t, schema->column[i].name) == NULL)
            return lk_fail_memory(err, "counting rows");
    }
    enum lk_status status = LK_OK;
    size_t at = 0;
    do {
        const size_t to = schema->columns - at < COLUMNS_AT_ONCE ? schema->columns : at + COLUMNS_AT_ONCE;
        status = count_some(r, schema, at, to, t, err);
        at = to;
    } while (status == LK_OK && !r->restart && at < schema->columns);
    return status;
}

/* Lines of sqlite_sequence go to the tables they are of; `add`: tables that are not listed are added. */
static enum lk_status read_sequences(struct reading *r, bool add, struct lk_error *err)
{
    sqlite3_stmt *stmt = NULL;
    enum lk_status status = LK_OK;
    if (sqlite3_prepare_v2(r->db,
                           "SELECT name, seq FROM main.sqlite_sequence WHERE typeof(name) = 'text' AND "
                           "typeof(seq) = 'integer'",
                           -1, &stmt, NULL) != SQLITE_OK)
        return sqlite3_errcode(r->db) == SQLITE_ERROR ? LK_OK : failed(r, "sqlite_sequence", err);
    int code = SQLITE_ROW;
    while (status == LK_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        struct lk_counts_table *t = NULL;
        for (size_t i = 0; name != NULL && t == NULL && i < r->out->tables; i++) {
            if (strcmp(r->out->table[i].name, name) == 0)
                t = &r->out->table[i];
        }
        if (name == NULL || (t == NULL && add && (t = lk_counts_add_table(r->out, name)) == NULL)) {
            status = lk_fail_memory(err, "reading sequences");
        } else if (t != NULL) {
            t->has_sequence = true;
            t->sequence = sqlite3_column_int64(stmt, 1);
        }
    }
    if (status == LK_OK && code != SQLITE_DONE)
        status = failed(r, "sqlite_sequence", err);
    sqlite3_finalize(stmt);
    return status;
}

enum lk_status lk_live_sequences(struct lk_source *s, struct lk_counts *out, struct lk_error *err)
{
    struct reading r = {.source = s, .db = lk_source_db(s), .out = out};
    return read_sequences(&r, true, err);
}

/* One reading of the pinned state. */
static enum lk_status count_all(struct reading *r, struct lk_error *err)
{
    struct lk_structure *st = NULL;
    const struct lk_source_facts *facts = lk_source_facts(r->source);
    *r->out = (struct lk_counts){
        .device = facts->device,
        .inode = facts->inode,
        .bytes = facts->bytes,
        .mtime = facts->mtime,
        .change_counter = facts->header.change_counter,
        .whole = true,
    };
    r->db = lk_source_db(r->source);
    r->restart = false;
    enum lk_status status = lk_structure_read(r->source, &st, err);
    sqlite3_progress_handler(r->db, STEPS_BETWEEN, stop, r);
    for (size_t i = 0; status == LK_OK && !r->restart && i < st->tables; i++) {
        status = lk_session_interrupted() ? lk_fail(err, LK_INTERRUPTED, "interrupted")
                                          : count_table(r, st->table[i], err);
    }
    if (status == LK_OK && !r->restart)
        status = read_sequences(r, false, err);
    sqlite3_progress_handler(r->db, 0, NULL, NULL);
    lk_structure_free(st);
    return status;
}

enum lk_status lk_live_counts(struct lk_source *s, struct lk_counts *out, struct lk_error *err)
{
    struct reading r = {.source = s, .out = out};
    enum lk_status status = LK_OK;
    do {
        struct lk_error unsure = {0};
        bool moved = false;
        status = count_all(&r, err);
        if (!r.restart && (status == LK_OK || status == LK_UNREADABLE)) {
            /* Also after an error: a file that changes under an immutable read looks damaged. */
            const enum lk_status confirmed = lk_source_confirm(s, &moved, &unsure);
            if (status == LK_OK && confirmed != LK_OK) {
                *err = unsure;
                status = confirmed;
            }
            r.restart = moved;
        }
        if (!r.restart)
            break;
        lk_counts_reset(out);
        status = lk_source_restart(s, err);
    } while (status == LK_OK);
    if (status == LK_OK)
        lk_counts_sort(out);
    else
        lk_counts_reset(out);
    return status;
}
