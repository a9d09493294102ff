#include "ops/diff_keyed.h"

#include "base/hash.h"
#include "base/memory.h"
#include "ops/diff_scratch.h"
#include "ops/session.h"

/* seen: every row that was read, side -1 or 1. differ: rows that have no equal on the other side; n of them,
 * negative before. pair: keys for which both sides have such rows; n of them before are still to be kept.
 * kept: those, until the row after comes. */
static const char tables[] =
    "CREATE TABLE seen (k BLOB NOT NULL, h BLOB NOT NULL, side INTEGER NOT NULL);"
    "CREATE TABLE differ (k BLOB NOT NULL, h BLOB NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (k, h)) WITHOUT "
    "ROWID;"
    "CREATE TABLE pair (k BLOB PRIMARY KEY NOT NULL, n INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE kept (id INTEGER PRIMARY KEY, k BLOB NOT NULL, packed BLOB NOT NULL);"
    "CREATE INDEX kept_k ON kept (k)";

enum { SEE, DIFFER, PAIR, TAKE_BEFORE, TAKE_AFTER, TAKE_PAIR, KEEP, FETCH, DROP, STATEMENTS };

static const char *const statements[STATEMENTS] = {
    [SEE] = "INSERT INTO seen VALUES (?1, ?2, ?3)",
    [DIFFER] = "INSERT INTO differ VALUES (?1, ?2, ?3)",
    [PAIR] = "INSERT INTO pair VALUES (?1, ?3)",
    [TAKE_BEFORE] = "UPDATE differ SET n = n + 1 WHERE k = ?1 AND h = ?2 AND n < 0",
    [TAKE_AFTER] = "UPDATE differ SET n = n - 1 WHERE k = ?1 AND h = ?2 AND n > 0",
    [TAKE_PAIR] = "UPDATE pair SET n = n - 1 WHERE k = ?1 AND n > 0",
    [KEEP] = "INSERT INTO kept (k, packed) VALUES (?1, ?2)",
    [FETCH] = "SELECT packed, id FROM kept WHERE k = ?1 ORDER BY id LIMIT 1",
    [DROP] = "DELETE FROM kept WHERE id = ?3",
};

struct keyed {
    const struct lk_diff_rows *rows[2]; /* before, after */
    const struct lk_diff_shape *shape;
    const struct lk_diff_sink *sink;
    struct lk_diff_counts *counts;
    struct lk_hasher *hasher;
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    struct lk_buffer packed;
    struct lk_hash128 key, row; /* of the row at hand */
    struct lk_value *kept;      /* a row before, out of the database */
};

static enum lk_status hash_values(struct keyed *d, const struct lk_value *values, const size_t *column,
                                  size_t columns, struct lk_hash128 *out, struct lk_error *err)
{
    lk_buffer_clear(&d->packed);
    lk_diff_reader_pack(values, column, columns, &d->packed);
    lk_hasher_restart(d->hasher);
    lk_hasher_update(d->hasher, d->packed.data, d->packed.len);
    *out = lk_hasher_finish(d->hasher);
    return lk_buffer_check(&d->packed, "comparing rows", err);
}

static enum lk_status hash_row(struct keyed *d, const struct lk_value *values, bool after,
                               struct lk_error *err)
{
    const struct lk_diff_shape *s = d->shape;
    enum lk_status status =
        hash_values(d, values, after ? s->key_after : s->key_before, s->keys, &d->key, err);
    if (status == LK_OK)
        status = hash_values(d, values, after ? s->after : s->before, s->columns, &d->row, err);
    return status;
}

/* Run one of the statements that give no rows, with k, h and a number; *changed: did it find a row? */
static enum lk_status run(struct keyed *d, int which, struct lk_bytes k, struct lk_bytes h, int64_t number,
                          bool *changed, struct lk_error *err)
{
    sqlite3_stmt *s = d->statement[which];
    const int parameters = sqlite3_bind_parameter_count(s);
    enum lk_status status = LK_OK;
    if (which != DROP)
        status = lk_diff_scratch_bind(s, 1, k, err);
    if (status == LK_OK && h.ptr != NULL)
        status = lk_diff_scratch_bind(s, 2, h, err);
    if (parameters >= 3)
        (void)sqlite3_bind_int64(s, 3, number);
    if (status == LK_OK)
        status = lk_diff_scratch_step(s, NULL, err);
    if (changed != NULL)
        *changed = status == LK_OK && sqlite3_changes(d->db) > 0;
    return status;
}

static struct lk_bytes hash_bytes(const struct lk_hash128 *h)
{
    return lk_bytes(h->bytes, sizeof h->bytes);
}

/* Note the key and the hash of every row of one side. */
static enum lk_status see_all(struct keyed *d, bool after, uint64_t *count, struct lk_error *err)
{
    struct lk_diff_reader r;
    enum lk_status status = lk_diff_reader_init(&r, d->rows[after], err);
    while (status == LK_OK && !r.end) {
        status = hash_row(d, r.value, after, err);
        if (status == LK_OK)
            status = run(d, SEE, hash_bytes(&d->key), hash_bytes(&d->row), after ? 1 : -1, NULL, err);
        if (status == LK_OK)
            status = lk_diff_reader_advance(&r, err);
    }
    *count = r.count;
    lk_diff_reader_reset(&r);
    return status;
}

/* The rows that remain under one key when equal ones have gone. */
struct group {
    uint8_t key[sizeof(struct lk_hash128)];
    uint64_t before, after;
};

static enum lk_status end_group(struct keyed *d, struct group *g, struct lk_error *err)
{
    const uint64_t both = g->before < g->after ? g->before : g->after;
    d->counts->changed += both;
    d->counts->removed += g->before - both;
    d->counts->added += g->after - both;
    g->before = g->after = 0;
    if (both == 0 || d->sink->row == NULL)
        return LK_OK;
    return run(d, PAIR, lk_bytes(g->key, sizeof g->key), lk_bytes(NULL, 0), (int64_t)both, NULL, err);
}

static enum lk_status add_to_group(struct keyed *d, struct group *g, sqlite3_stmt *s, struct lk_error *err)
{
    const struct lk_bytes k = lk_diff_scratch_column(s, 0), h = lk_diff_scratch_column(s, 1);
    const int64_t n = sqlite3_column_int64(s, 2);
    enum lk_status status = LK_OK;
    if (k.ptr == NULL || h.ptr == NULL || k.len != sizeof g->key)
        return lk_fail_memory(err, "comparing rows");
    if (memcmp(g->key, k.ptr, sizeof g->key) != 0)
        status = end_group(d, g, err);
    memcpy(g->key, k.ptr, sizeof g->key);
    if (n < 0)
        g->before += (uint64_t)-n;
    else
        g->after += (uint64_t)n;
    if (status == LK_OK && d->sink->row != NULL)
        status = run(d, DIFFER, k, h, n, NULL, err);
    return status;
}

/* Count what differs, and note it for those who want to hear of it. Sorting makes the order of keys no
 * matter: the rows come in groups. */
static enum lk_status count_all(struct keyed *d, struct lk_error *err)
{
    sqlite3_stmt *s = NULL;
    struct group g = {0};
    bool row = true;
    enum lk_status status = lk_diff_scratch_prepare(
        d->db, "SELECT k, h, sum(side) AS n FROM seen GROUP BY k, h HAVING n <> 0 ORDER BY k, h", &s, err);
    while (status == LK_OK && row) {
        if (lk_session_interrupted())
            return lk_fail(err, LK_INTERRUPTED, "interrupted");
        status = lk_diff_scratch_step(s, &row, err);
        if (status == LK_OK && row)
            status = add_to_group(d, &g, s, err);
    }
    return status == LK_OK ? end_group(d, &g, err) : status;
}

/* Does the row at hand differ? Once for each that does. */
static enum lk_status take(struct keyed *d, const struct lk_value *values, bool after, bool *differs,
                           struct lk_error *err)
{
    const enum lk_status status = hash_row(d, values, after, err);
    return status != LK_OK ? status
                           : run(d, after ? TAKE_AFTER : TAKE_BEFORE, hash_bytes(&d->key),
                                 hash_bytes(&d->row), 0, differs, err);
}

static enum lk_status tell_before(struct keyed *d, const struct lk_diff_reader *r, struct lk_error *err)
{
    bool differs = false, paired = false;
    enum lk_status status = take(d, r->value, false, &differs, err);
    if (status != LK_OK || !differs)
        return status;
    status = run(d, TAKE_PAIR, hash_bytes(&d->key), lk_bytes(NULL, 0), 0, &paired, err);
    if (status != LK_OK || !paired)
        return status != LK_OK ? status
                               : d->sink->row(d->sink->context, LITEKEEP_REMOVED, 0, r->value, NULL, err);
    lk_buffer_clear(&d->packed);
    lk_diff_reader_pack(r->value, NULL, r->columns, &d->packed);
    status = lk_buffer_check(&d->packed, "comparing rows", err);
    if (status == LK_OK)
        status = run(d, KEEP, hash_bytes(&d->key), lk_buffer_bytes(&d->packed), 0, NULL, err);
    return status;
}

static enum lk_status tell_after(struct keyed *d, const struct lk_diff_reader *r, struct lk_error *err)
{
    sqlite3_stmt *fetch = d->statement[FETCH];
    bool differs = false, paired = false;
    enum lk_status status = take(d, r->value, true, &differs, err);
    if (status != LK_OK || !differs)
        return status;
    status = lk_diff_scratch_bind(fetch, 1, hash_bytes(&d->key), err);
    if (status == LK_OK)
        status = lk_diff_scratch_step(fetch, &paired, err);
    if (status != LK_OK || !paired)
        return status != LK_OK ? status
                               : d->sink->row(d->sink->context, LITEKEEP_ADDED, 0, NULL, r->value, err);
    const int64_t id = sqlite3_column_int64(fetch, 1);
    if (!lk_diff_reader_unpack(lk_diff_scratch_column(fetch, 0), d->rows[0]->schema->columns, d->kept))
        status = lk_fail_memory(err, "comparing rows");
    if (status == LK_OK)
        status = d->sink->row(d->sink->context, LITEKEEP_CHANGED, 0, d->kept, r->value, err);
    (void)sqlite3_reset(fetch);
    return status == LK_OK ? run(d, DROP, lk_bytes(NULL, 0), lk_bytes(NULL, 0), id, NULL, err) : status;
}

static enum lk_status tell_all(struct keyed *d, bool after, struct lk_error *err)
{
    struct lk_diff_reader r;
    enum lk_status status = lk_diff_reader_init(&r, d->rows[after], err);
    while (status == LK_OK && !r.end) {
        status = after ? tell_after(d, &r, err) : tell_before(d, &r, err);
        if (status == LK_OK)
            status = lk_diff_reader_advance(&r, err);
    }
    lk_diff_reader_reset(&r);
    return status;
}

static enum lk_status prepare(struct keyed *d, const uint8_t *secret, struct lk_error *err)
{
    enum lk_status status = lk_hasher_new(secret, &d->hasher, err);
    if (status == LK_OK)
        status = lk_diff_scratch_open(tables, &d->db, err);
    for (int i = 0; status == LK_OK && i < STATEMENTS; i++)
        status = lk_diff_scratch_prepare(d->db, statements[i], &d->statement[i], err);
    d->kept = lk_allocate_zeroed(d->rows[0]->schema->columns, sizeof *d->kept);
    return status == LK_OK && d->kept == NULL ? lk_fail_memory(err, "comparing rows") : status;
}

enum lk_status lk_diff_keyed(const struct lk_diff_rows *before, const struct lk_diff_rows *after,
                             const struct lk_diff_shape *shape, const uint8_t *secret,
                             const struct lk_diff_sink *sink, struct lk_diff_counts *counts, uint64_t rows[2],
                             struct lk_error *err)
{
    struct keyed d = {.rows = {before, after}, .shape = shape, .sink = sink, .counts = counts};
    enum lk_status status = prepare(&d, secret, err);
    if (status == LK_OK)
        status = see_all(&d, false, &rows[0], err);
    if (status == LK_OK)
        status = see_all(&d, true, &rows[1], err);
    if (status == LK_OK)
        status = count_all(&d, err);
    if (status == LK_OK && sink->row != NULL && counts->removed + counts->changed > 0)
        status = tell_all(&d, false, err);
    if (status == LK_OK && sink->row != NULL && counts->added + counts->changed > 0)
        status = tell_all(&d, true, err);
    lk_diff_scratch_close(d.db);
    lk_hasher_free(d.hasher);
    lk_buffer_reset(&d.packed);
    lk_free(d.kept);
    return status;
}
