/* Virtual tables against ordinary ones: the same rows in both, the same questions to both. The rows behind
 * the virtual ones are in blocks of a few rows, and blocks are left out whenever rows.h allows it, so that a
 * filter which is handed down and must not be loses rows. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "sqlite/vtab.h"

#define BLOCK 3 /* rows */
#define COLUMNS 4

struct memory_rows {
    struct lk_rows rows;
    struct lk_table_schema *schema;
    struct lk_batch **block;
    size_t blocks;
    size_t given, skipped; /* blocks, over all cursors */
    size_t fail_at;        /* the block that is damaged; SIZE_MAX: none */
    char *sql;
};

struct memory_cursor {
    struct memory_rows *rows;
    struct lk_rows_request request;
    size_t next;
    struct lk_batch
        *copy; /* only the wanted columns, in memory that is not reused: a stale pointer is found */
};

static struct lk_value value_at(const struct lk_batch *b, size_t column, uint32_t row)
{
    if (column == LK_ROWS_ROWID)
        return (struct lk_value){.class = LK_INTEGER, .integer = lk_batch_rowid(b, row)};
    struct lk_cursor cursor = lk_cursor_at_start(&b->column[column]);
    for (uint32_t i = 0; i < row; i++)
        (void)lk_cursor_next(&cursor);
    return lk_cursor_next(&cursor);
}

static int compare_numbers(struct lk_value a, struct lk_value b)
{
    const long double x = a.class == LK_INTEGER ? (long double)a.integer : (long double)a.real;
    const long double y = b.class == LK_INTEGER ? (long double)b.integer : (long double)b.real;
    return (x > y) - (x < y);
}

static int compare_texts(struct lk_value a, struct lk_value b)
{
    const size_t len = a.bytes.len < b.bytes.len ? a.bytes.len : b.bytes.len;
    const int order = len == 0 ? 0 : memcmp(a.bytes.ptr, b.bytes.ptr, len);
    return order != 0 ? order : (a.bytes.len > b.bytes.len) - (a.bytes.len < b.bytes.len);
}

/* May the block be left out for this filter? */
static bool rules_out(const struct lk_batch *b, const struct lk_rows_filter *f)
{
    const bool text = f->value.class == LK_TEXT;
    bool any = false;
    struct lk_value least = {0}, greatest = {0};
    int (*compare)(struct lk_value, struct lk_value) = text ? compare_texts : compare_numbers;
    for (uint32_t row = 0; row < b->rows; row++) {
        const struct lk_value v = value_at(b, f->column, row);
        if (v.class == LK_NULL)
            continue;
        if (text ? v.class != LK_TEXT : v.class != LK_INTEGER && v.class != LK_REAL)
            return false;
        least = !any || compare(v, least) < 0 ? v : least;
        greatest = !any || compare(v, greatest) > 0 ? v : greatest;
        any = true;
    }
    if (!any)
        return true;
    const int low = compare(f->value, least), high = compare(f->value, greatest);
    switch (f->comparison) {
    case LK_EQUAL:
        return low < 0 || high > 0;
    case LK_LESS:
        return low <= 0;
    case LK_LESS_OR_EQUAL:
        return low < 0;
    case LK_GREATER:
        return high >= 0;
    case LK_GREATER_OR_EQUAL:
        return high > 0;
    }
    return false;
}

static enum lk_status open_memory(void *context, const struct lk_rows_request *request, void **cursor,
                                  struct lk_error *err)
{
    struct memory_cursor *c = lk_allocate_zeroed(1, sizeof *c);
    if (c == NULL)
        return lk_fail_memory(err, "opening");
    c->rows = context;
    c->request = *request;
    *cursor = c;
    return LK_OK;
}

static void add_value(struct lk_batch *b, struct lk_column *to, struct lk_value v)
{
    if (v.class == LK_NULL)
        lk_column_add_null(b, to);
    else if (v.class == LK_INTEGER)
        lk_column_add_integer(b, to, v.integer);
    else if (v.class == LK_REAL)
        lk_column_add_real(b, to, v.real);
    else
        lk_column_add_bytes(b, to, v.class, v.bytes.ptr, v.bytes.len);
}

static struct lk_batch *copy_wanted(const struct lk_batch *from, const bool *wanted)
{
    struct lk_batch *to = lk_batch_new(from->columns, from->hidden_rowid);
    assert_non_null(to);
    for (uint32_t row = 0; row < from->rows; row++) {
        for (size_t i = 0; i < from->columns; i++)
            add_value(to, &to->column[i],
                      wanted == NULL || wanted[i] ? value_at(from, i, row) : (struct lk_value){0});
        lk_batch_end_row(to, from->hidden_rowid ? lk_batch_rowid(from, row) : 0);
    }
    return to;
}

static enum lk_status next_memory(void *cursor, const struct lk_batch **batch, struct lk_error *err)
{
    struct memory_cursor *c = cursor;
    lk_batch_free(c->copy);
    c->copy = NULL;
    *batch = NULL;
    for (; c->next < c->rows->blocks; c->next++) {
        bool out = false;
        for (size_t i = 0; i < c->request.filters; i++)
            out = out || rules_out(c->rows->block[c->next], &c->request.filter[i]);
        if (!out)
            break;
        c->rows->skipped++;
    }
    if (c->next == c->rows->blocks)
        return LK_OK;
    if (c->next == c->rows->fail_at)
        return lk_fail(err, LK_DAMAGED, "block %zu is damaged", c->next);
    c->rows->given++;
    *batch = c->copy = copy_wanted(c->rows->block[c->next++], c->request.wanted);
    return LK_OK;
}

static void close_memory(void *cursor)
{
    struct memory_cursor *c = cursor;
    if (c != NULL)
        lk_batch_free(c->copy);
    lk_free(c);
}

static void free_nothing(struct lk_rows *rows)
{
    (void)rows; /* they belong to the test */
}

static void free_memory_rows(struct memory_rows *m)
{
    for (size_t i = 0; i < m->blocks; i++)
        lk_batch_free(m->block[i]);
    lk_free(m->block);
    lk_free(m->sql);
    lk_table_schema_free(m->schema);
    lk_free(m);
}

/* ---- A database with ordinary tables in "main" and the same rows as virtual tables in "copy" */

struct fixture {
    sqlite3 *db;
    struct memory_rows *table[8];
    size_t tables;
    struct lk_error failure;
};

static void run(struct fixture *f, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(f->db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

static enum lk_status open_table(void *context, size_t arguments, const char *const *argument,
                                 struct lk_rows **out, struct lk_error *err)
{
    struct fixture *f = context;
    if (arguments != 1 || (size_t)atoi(argument[0]) >= f->tables)
        return lk_fail(err, LK_NOT_FOUND, "no such rows");
    *out = &f->table[atoi(argument[0])]->rows;
    return LK_OK;
}

static void keep_failure(void *context, const struct lk_error *err)
{
    ((struct fixture *)context)->failure = *err;
}

static int set_up(void **state)
{
    struct fixture *f = lk_allocate_zeroed(1, sizeof *f);
    *state = f;
    const struct lk_vtab_opener opener = {
        .open = open_table, .failed = keep_failure, .context = f, .innocuous = true};
    return sqlite3_open(":memory:", &f->db) == SQLITE_OK &&
                   sqlite3_exec(f->db, "ATTACH ':memory:' AS copy; PRAGMA automatic_index = OFF", NULL, NULL,
                                NULL) == SQLITE_OK &&
                   lk_vtab_register(f->db, "litekeep", &opener) == SQLITE_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    const int rc = sqlite3_close(f->db);
    for (size_t i = 0; i < f->tables; i++)
        free_memory_rows(f->table[i]);
    lk_free(f);
    return rc;
}

static struct lk_value from_sqlite(sqlite3_stmt *s, int i)
{
    struct lk_value v = {.class = LK_NULL};
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        return (struct lk_value){.class = LK_INTEGER, .integer = sqlite3_column_int64(s, i)};
    case SQLITE_FLOAT:
        return (struct lk_value){.class = LK_REAL, .real = sqlite3_column_double(s, i)};
    case SQLITE_TEXT:
        v.bytes = lk_bytes(sqlite3_column_text(s, i), (size_t)sqlite3_column_bytes(s, i));
        v.class = LK_TEXT;
        return v;
    case SQLITE_BLOB:
        v.bytes = lk_bytes(sqlite3_column_blob(s, i), (size_t)sqlite3_column_bytes(s, i));
        v.class = LK_BLOB;
        return v;
    default:
        return v;
    }
}

/* Put main.`name` into blocks of memory, and make copy.`name` of them. */
static struct memory_rows *copy_table(struct fixture *f, const char *name, bool without_rowid)
{
    struct memory_rows *m = lk_allocate_zeroed(1, sizeof *m);
    struct lk_error err = {0};
    sqlite3_stmt *s = NULL;
    m->schema = lk_table_schema_new(name);
    m->schema->without_rowid = without_rowid;
    m->schema->hidden_rowid = !without_rowid;
    char *sql = sqlite3_mprintf("SELECT name, type, pk FROM pragma_table_info(%Q, 'main')", name);
    assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        struct lk_column_schema *c = lk_table_schema_add(m->schema, (const char *)sqlite3_column_text(s, 0),
                                                         (const char *)sqlite3_column_text(s, 1));
        c->key = sqlite3_column_int(s, 2);
        c->is_rowid = !without_rowid && c->key == 1 && strcasecmp(c->declared_type, "INTEGER") == 0;
        if (c->is_rowid)
            m->schema->hidden_rowid = false;
    }
    sqlite3_finalize(s);
    sqlite3_free(sql);
    sql = sqlite3_mprintf("SELECT %s * FROM main.\"%w\"", m->schema->hidden_rowid ? "rowid," : "", name);
    assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &s, NULL), SQLITE_OK);
    const int first = m->schema->hidden_rowid ? 1 : 0;
    while (sqlite3_step(s) == SQLITE_ROW) {
        if (m->rows.rows % BLOCK == 0) {
            m->block = lk_reallocate(m->block, (m->blocks + 1) * sizeof(struct lk_batch *));
            m->block[m->blocks++] = lk_batch_new(m->schema->columns, m->schema->hidden_rowid);
        }
        struct lk_batch *b = m->block[m->blocks - 1];
        for (size_t i = 0; i < m->schema->columns; i++)
            add_value(b, &b->column[i], from_sqlite(s, (int)i + first));
        lk_batch_end_row(b, first == 1 ? sqlite3_column_int64(s, 0) : 0);
        m->rows.rows++;
    }
    sqlite3_finalize(s);
    sqlite3_free(sql);
    assert_int_equal(
        sqlite3_prepare_v2(f->db, "SELECT sql FROM main.sqlite_schema WHERE name = ?1", -1, &s, NULL),
        SQLITE_OK);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    if (sqlite3_step(s) == SQLITE_ROW)
        m->sql = lk_copy_string((const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    const uint64_t rows = m->rows.rows;
    m->rows = (struct lk_rows){.schema = m->schema,
                               .sql = m->sql,
                               .rows = rows,
                               .context = m,
                               .open = open_memory,
                               .next = next_memory,
                               .close = close_memory,
                               .free = free_nothing};
    m->fail_at = SIZE_MAX;
    char number[12];
    (void)snprintf(number, sizeof number, "%zu", f->tables);
    f->table[f->tables++] = m;
    const char *const argument[] = {number};
    assert_int_equal(lk_vtab_create(f->db, "copy", name, "litekeep", 1, argument, &err), LK_OK);
    return m;
}

static void publish(struct fixture *f)
{
    struct lk_error err = {0};
    if (lk_vtab_publish(f->db, &err) != LK_OK)
        fail_msg("%s", err.message);
}

/* The answer as one text; a failure as its message. */
static char *answer(struct fixture *f, const char *sql)
{
    struct lk_buffer out = {0};
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(f->db, sql, -1, &s, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            const struct lk_value v = from_sqlite(s, i);
            lk_buffer_append_format(&out, "|%d:%lld:%.17g:", (int)v.class, (long long)v.integer, v.real);
            lk_buffer_append(&out, v.bytes.ptr, v.bytes.len);
        }
        lk_buffer_append_string(&out, "\n");
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        lk_buffer_append_format(&out, "error: %s", sqlite3_errmsg(f->db));
    sqlite3_finalize(s);
    char *text = lk_copy_bytes(out.data, out.len);
    assert_non_null(text);
    lk_buffer_reset(&out);
    return text;
}

/* `sql` with @ before each table: in main and in copy it must give the same. */
static void compare(struct fixture *f, const char *sql)
{
    char *both[2];
    for (int k = 0; k < 2; k++) {
        struct lk_buffer text = {0};
        for (const char *c = sql; *c != '\0'; c++) {
            if (*c == '@')
                lk_buffer_append_string(&text, k == 0 ? "main." : "copy.");
            else
                lk_buffer_append_byte(&text, (uint8_t)*c);
        }
        both[k] = answer(f, lk_buffer_string(&text));
        lk_buffer_reset(&text);
    }
    if (strcmp(both[0], both[1]) != 0)
        fail_msg("%s\n--- ordinary\n%s--- virtual\n%s", sql, both[0], both[1]);
    lk_free(both[0]);
    lk_free(both[1]);
}

/* ---- Random tables and questions; the seed is printed when one fails */

static uint64_t seed;

static unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed >> 33) % n);
}

#define PICK(array) ((array)[pick(sizeof(array) / sizeof(array)[0])])

static const char *const types[] = {"",     "INTEGER", "TEXT",       "REAL",          "NUMERIC",
                                    "BLOB", "BOOLEAN", "VARCHAR(9)", "DECIMAL(10,2)", "DOUBLE PRECISION"};
static const char *const literals[] = {"0",
                                       "1",
                                       "-1",
                                       "5",
                                       "10",
                                       "9",
                                       "5.0",
                                       "5.5",
                                       "-0.0",
                                       "1e3",
                                       "9007199254740993",
                                       "9007199254740992.0",
                                       "9e999",
                                       "0.1",
                                       "0.30000000000000004",
                                       "'5'",
                                       "'10'",
                                       "'9'",
                                       "'05'",
                                       "'5.0'",
                                       "' 5'",
                                       "'5 '",
                                       "'abc'",
                                       "'ABC'",
                                       "'abc '",
                                       "'b'",
                                       "''",
                                       "'1e3'",
                                       "'!x'",
                                       "'0.3'",
                                       "'9007199254740993'",
                                       "x''",
                                       "x'35'",
                                       "x'616263'",
                                       "NULL",
                                       "9223372036854775807",
                                       "'é'",
                                       "'zz'",
                                       "CAST(x'ff' AS TEXT)"};
static const char *const operators[] = {"=", "<", "<=", ">", ">=", "<>", "IS", "=", "="};
static const char *const collations[] = {"", "", "", " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY"};

/* Values of one column are mostly of a kind, so that blocks can be ruled out. */
static const char *some_value(unsigned kind)
{
    switch (pick(8) == 0 ? pick(4) : kind) {
    case 0:
        return literals[pick(15)];
    case 1:
        return literals[15 + pick(16)];
    case 2:
        return literals[31 + pick(4)];
    default:
        return PICK(literals);
    }
}

static void make_table(struct fixture *f, const char *name, bool tamper)
{
    struct lk_buffer sql = {0};
    unsigned kind[COLUMNS];
    const bool alias = pick(2) == 0;
    lk_buffer_append_format(&sql, "CREATE TABLE main.%s(%s", name, alias ? "id INTEGER PRIMARY KEY, " : "");
    for (int i = 0; i < COLUMNS; i++) {
        kind[i] = pick(4);
        /* A type that is put in later: the values are older than the affinity. */
        lk_buffer_append_format(&sql, "%sc%d %s%s", i > 0 ? ", " : "", i, tamper ? "BLOB" : PICK(types),
                                PICK(collations));
    }
    lk_buffer_append_string(&sql, ")");
    run(f, lk_buffer_string(&sql));
    for (int row = 0; row < 40; row++) {
        lk_buffer_clear(&sql);
        lk_buffer_append_format(&sql, "INSERT INTO main.%s(%s", name, alias ? "id" : "rowid");
        for (int i = 0; i < COLUMNS; i++)
            lk_buffer_append_format(&sql, ", c%d", i);
        lk_buffer_append_format(&sql, ") VALUES(%d", row * 3 - 20 + (int)pick(3));
        for (int i = 0; i < COLUMNS; i++)
            lk_buffer_append_format(&sql, ", %s", some_value(kind[i]));
        lk_buffer_append_string(&sql, ")");
        run(f, lk_buffer_string(&sql));
    }
    if (tamper) {
        run(f, "PRAGMA writable_schema = ON");
        for (int i = 0; i < COLUMNS; i++) {
            lk_buffer_clear(&sql);
            lk_buffer_append_format(
                &sql,
                "UPDATE main.sqlite_schema SET sql = replace(sql, 'c%d BLOB', 'c%d %s') WHERE name = '%s'", i,
                i, PICK(types), name);
            run(f, lk_buffer_string(&sql));
        }
        run(f, "PRAGMA writable_schema = RESET");
    }
    lk_buffer_reset(&sql);
}

static void add_condition(struct lk_buffer *sql, const char *table)
{
    const unsigned what = pick(10);
    if (what < 6)
        lk_buffer_append_format(sql, "%s.c%u %s %s%s", table, pick(COLUMNS), PICK(operators), PICK(literals),
                                PICK(collations));
    else if (what == 6)
        lk_buffer_append_format(sql, "%s.rowid %s %s", table, PICK(operators), PICK(literals));
    else if (what == 7)
        lk_buffer_append_format(sql, "%s.c%u IN (%s, %s, %s)", table, pick(COLUMNS), PICK(literals),
                                PICK(literals), PICK(literals));
    else if (what == 8)
        lk_buffer_append_format(sql, "%s.c%u %s CAST(%s AS %s)", table, pick(COLUMNS), PICK(operators),
                                PICK(literals), pick(2) == 0 ? "NUMERIC" : "TEXT");
    else
        lk_buffer_append_format(sql, "%s.c%u BETWEEN %s AND %s", table, pick(COLUMNS), PICK(literals),
                                PICK(literals));
}

static void ask_of_one(struct fixture *f, struct lk_buffer *sql)
{
    lk_buffer_append_format(sql, "SELECT rowid, c%u, c%u FROM @a WHERE ", pick(COLUMNS), pick(COLUMNS));
    add_condition(sql, "a");
    lk_buffer_append_string(sql, pick(3) == 0 ? " OR " : " AND ");
    add_condition(sql, "a");
    lk_buffer_append_string(sql, pick(2) == 0 ? " ORDER BY rowid" : " ORDER BY +rowid DESC");
    compare(f, lk_buffer_string(sql));
}

static void ask_of_two(struct fixture *f, struct lk_buffer *sql)
{
    lk_buffer_append_format(sql, "SELECT a.rowid, b.rowid, a.c%u, b.c%u FROM @a AS a %s @b AS b ON ",
                            pick(COLUMNS), pick(COLUMNS), pick(2) == 0 ? "JOIN" : "LEFT JOIN");
    if (pick(4) == 0)
        lk_buffer_append_format(sql, "a.rowid %s b.%s", PICK(operators), pick(2) == 0 ? "rowid" : "c1");
    else
        lk_buffer_append_format(sql, "a.c%u %s b.c%u%s", pick(COLUMNS), PICK(operators), pick(COLUMNS),
                                PICK(collations));
    if (pick(2) == 0) {
        lk_buffer_append_string(sql, " AND ");
        add_condition(sql, "b");
    }
    lk_buffer_append_string(sql, " ORDER BY 1, 2");
    compare(f, lk_buffer_string(sql));
}

static void ask_otherwise(struct fixture *f, struct lk_buffer *sql)
{
    const unsigned c = pick(COLUMNS), d = pick(COLUMNS);
    switch (pick(6)) {
    case 0:
        lk_buffer_append_format(sql, "SELECT c%u, max(c%u), count(*) FROM @a", d, c);
        break;
    case 1:
        lk_buffer_append_format(sql, "SELECT c%u, count(*), sum(c%u) FROM @a GROUP BY 1 ORDER BY 1, 2, 3", c,
                                d);
        break;
    case 2:
        lk_buffer_append_format(sql, "SELECT DISTINCT c%u FROM @a ORDER BY 1", c);
        break;
    case 3:
        lk_buffer_append_format(
            sql, "SELECT rowid, (SELECT count(*) FROM @b AS b WHERE b.c%u = a.c%u) FROM @a AS a ORDER BY 1",
            c, d);
        break;
    case 4:
        lk_buffer_append_format(
            sql,
            "SELECT rowid, typeof(c%u), quote(c%u) FROM @a WHERE c%u IN (SELECT c%u FROM @b) ORDER BY rowid",
            c, c, d, c);
        break;
    default:
        lk_buffer_append_format(sql,
                                "SELECT rowid FROM @a WHERE NOT EXISTS (SELECT 1 FROM @b AS b WHERE b.c%u = "
                                "a.c%u AND b.rowid > a.rowid) ORDER BY 1",
                                c, d);
        break;
    }
    compare(f, lk_buffer_string(sql));
}

static void questions_are_answered_as_by_ordinary_tables(void **state)
{
    size_t skipped = 0;
    for (unsigned round = 0; round < 12; round++) {
        if (round > 0)
            assert_int_equal(set_up(state), 0);
        struct fixture *f = *state;
        seed = round + 1;
        make_table(f, "a", round % 3 == 2);
        make_table(f, "b", round % 4 == 3);
        struct memory_rows *a = copy_table(f, "a", false);
        (void)copy_table(f, "b", false);
        publish(f);
        for (unsigned i = 0; i < 240; i++) {
            struct lk_buffer sql = {0};
            if (i % 3 == 0)
                ask_of_one(f, &sql);
            else if (i % 3 == 1)
                ask_of_two(f, &sql);
            else
                ask_otherwise(f, &sql);
            lk_buffer_reset(&sql);
        }
        skipped += a->skipped;
        if (round < 11)
            assert_int_equal(tear_down(state), 0);
    }
    /* Or nothing was tried. */
    assert_true(skipped > 500);
}

static void filters_leave_blocks_out(void **state)
{
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, n, s TEXT, k TEXT COLLATE NOCASE)");
    run(f, "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 300) "
           "INSERT INTO t SELECT i, i * 2, printf('s%04d', i), printf('k%04d', i) FROM r");
    struct memory_rows *m = copy_table(f, "t", false);
    publish(f);
    static const struct {
        const char *condition;
        size_t most; /* blocks read */
    } cases[] = {
        {"id = 150", 1},
        {"rowid BETWEEN 7 AND 9", 1},
        {"n > 594", 1},
        {"n < 7.5", 1},
        {"s = 's0005'", 1},
        {"s >= 's0299'", 1},
        {"id = '150'", 100},
        {"k = 'K0005'", 100},
        {"n = '10'", 100},
        {"id = NULL", 0},
        {"k = 'k0005' COLLATE BINARY", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[200];
        m->given = 0;
        (void)snprintf(sql, sizeof sql, "SELECT id, n, s FROM @t WHERE %s", cases[i].condition);
        compare(f, sql);
        if (m->given > cases[i].most)
            fail_msg("%s: %zu blocks were read", cases[i].condition, m->given);
    }
}

static void order_by_rowid_needs_no_sorter(void **state)
{
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    (void)copy_table(f, "t", false);
    publish(f);
    char *plan = answer(f, "EXPLAIN QUERY PLAN SELECT * FROM copy.t ORDER BY id");
    assert_null(strstr(plan, "B-TREE"));
    lk_free(plan);
    plan = answer(f, "EXPLAIN QUERY PLAN SELECT * FROM copy.t ORDER BY id DESC");
    assert_non_null(strstr(plan, "B-TREE"));
    lk_free(plan);
}

static void rowids_that_are_a_column_are_read_when_they_are_asked_for(void **state)
{
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, n, v)");
    run(f, "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 100) INSERT INTO t "
           "SELECT i * 5 - 200, i, 'v' || i FROM r");
    (void)copy_table(f, "t", false);
    publish(f);
    compare(f, "SELECT rowid, v FROM @t");
    compare(f, "SELECT rowid FROM @t WHERE v = 'v77'");
    compare(f, "SELECT n, CASE WHEN n % 10 = 3 THEN rowid END FROM @t WHERE n > 40 AND n < 77");
    compare(f, "SELECT sum(rowid) FROM @t WHERE n IN (1, 50, 99) OR v = 'v5'");
    compare(f, "SELECT count(*) FROM @t");
}

static void a_table_that_is_joined_is_not_read_for_every_row(void **state)
{
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT)");
    run(f, "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 900) INSERT INTO t "
           "SELECT i, 'k' || (i * 7 % 900) FROM r");
    struct memory_rows *m = copy_table(f, "t", false);
    publish(f);
    compare(f, "SELECT count(*), sum(a.id), sum(b.id) FROM @t a JOIN @t b ON a.k = b.k COLLATE NOCASE");
    compare(f, "SELECT count(*), sum(b.id) FROM @t a LEFT JOIN @t b ON a.id = b.id + 0 AND b.k = a.k");
    compare(f, "SELECT sum((SELECT id FROM @t b WHERE b.id = a.id)) FROM @t a");
    /* 300 blocks; each question reads the table a few times. */
    assert_true(m->given < 300 * 20);
}

static void tables_without_rowid_keep_their_order_and_have_none(void **state)
{
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(a TEXT COLLATE NOCASE, b INTEGER, v, PRIMARY KEY (b DESC, a)) WITHOUT ROWID");
    run(f, "INSERT INTO t VALUES ('x', 1, 1), ('Y', 2, 2), ('z', 1, 3), ('A', 3, NULL), ('b', 2, x'00')");
    /* Unique for the key, but not for the column. */
    run(f, "CREATE TABLE u(k TEXT COLLATE NOCASE, v, PRIMARY KEY (k COLLATE BINARY)) WITHOUT ROWID");
    run(f, "INSERT INTO u VALUES ('a', 1), ('A', 2), ('b', 3)");
    (void)copy_table(f, "t", true);
    (void)copy_table(f, "u", true);
    publish(f);
    compare(f, "SELECT * FROM @t");
    compare(f, "SELECT a FROM @t WHERE a = 'X'");
    compare(f, "SELECT DISTINCT a, b FROM @t ORDER BY b, a");
    compare(f, "SELECT DISTINCT k FROM @u ORDER BY k");
    char *text = answer(f, "SELECT rowid FROM copy.t");
    assert_non_null(strstr(text, "no such column"));
    lk_free(text);
}

static void say_yes(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    sqlite3_result_int(context, 1);
}

static void columns_have_the_types_and_collations_of_the_table(void **state)
{
    struct fixture *f = *state;
    /* The schema may name functions that only the application has. */
    assert_int_equal(sqlite3_create_function(f->db, "unknown", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                             say_yes, NULL, NULL),
                     SQLITE_OK);
    run(f, "CREATE TABLE t(a DECIMAL(10,2), \"b\"\"c\" VARCHAR(255) COLLATE RTRIM, c \"odd type\", d INT "
           "CHECK (unknown(d)) COLLATE NOCASE, e)");
    run(f, "CREATE TABLE s(a ANY, b INT) STRICT");
    run(f, "INSERT INTO t VALUES ('5.00', 'x  ', 1, 2, 3); INSERT INTO s VALUES ('007', 7)");
    (void)copy_table(f, "t", false);
    (void)copy_table(f, "s", false);
    publish(f);
    compare(f, "SELECT * FROM @t WHERE \"b\"\"c\" = 'x'");
    compare(f, "SELECT * FROM @s WHERE a = 7");
    compare(f, "SELECT * FROM @s WHERE a = '007'");
    char *text =
        answer(f, "SELECT group_concat(name || ' ' || type, ', ') FROM pragma_table_info('t', 'copy')");
    assert_non_null(strstr(text, "a DECIMAL(10,2), b\"c VARCHAR(255)"));
    lk_free(text);
}

static void types_from_outside_are_nothing_but_types(void **state)
{
    struct fixture *f = *state;
    static const char *const hostile[] = {
        "INT HIDDEN", "INT NOT NULL",  "INT DEFAULT 5", "x); DROP TABLE main.t; --", "INT PRIMARY KEY",
        "\"",         "INT, more INT", "(5)",           "INT COLLATE NOCASE",        "DECIMAL(10,2,3)"};
    run(f, "CREATE TABLE t(a, b, c, d, e, f, g, h, i, j); INSERT INTO t VALUES (NULL, NULL, 3, 4, 'a', 'A', "
           "7, 8, 9, 10)");
    struct memory_rows *m = copy_table(f, "t", false);
    for (size_t i = 0; i < m->schema->columns; i++) {
        lk_free(m->schema->column[i].declared_type);
        m->schema->column[i].declared_type = lk_copy_string(hostile[i]);
        m->schema->column[i].affinity = LK_AFFINITY_BLOB;
    }
    publish(f);
    compare(f, "SELECT * FROM @t");
    compare(f, "SELECT count(*) FROM @t WHERE a IS NULL AND e = f");
}

static void damage_keeps_its_status_and_message(void **state)
{
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(v); INSERT INTO t VALUES (1), (2), (3), (4), (5), (6), (7)");
    struct memory_rows *m = copy_table(f, "t", false);
    publish(f);
    m->fail_at = 1;
    char *text = answer(f, "SELECT v FROM copy.t");
    assert_non_null(strstr(text, "error: block 1 is damaged"));
    assert_int_equal(f->failure.status, LK_DAMAGED);
    lk_free(text);
    /* Before it there is no damage. */
    text = answer(f, "SELECT v FROM copy.t LIMIT 2");
    assert_null(strstr(text, "error"));
    lk_free(text);
}

static void names_may_be_those_that_sqlite_reserves(void **state)
{
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (7)");
    run(f, "CREATE TABLE \"it's \"\"quoted\"\"\"(v); CREATE INDEX i ON t(id); ANALYZE main");
    (void)copy_table(f, "sqlite_sequence", false);
    (void)copy_table(f, "sqlite_stat1", false);
    (void)copy_table(f, "it's \"quoted\"", false);
    publish(f);
    compare(f, "SELECT * FROM @sqlite_sequence");
    compare(f, "SELECT * FROM @sqlite_stat1");
    compare(f, "SELECT * FROM @\"it's \"\"quoted\"\"\"");
}

static void a_name_twice_is_damage(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    run(f, "CREATE TABLE t(v)");
    (void)copy_table(f, "t", false);
    const char *const argument[] = {"0"};
    assert_int_equal(lk_vtab_create(f->db, "copy", "T", "litekeep", 1, argument, &err), LK_OK);
    assert_int_equal(lk_vtab_publish(f->db, &err), LK_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(questions_are_answered_as_by_ordinary_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filters_leave_blocks_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(order_by_rowid_needs_no_sorter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rowids_that_are_a_column_are_read_when_they_are_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_is_joined_is_not_read_for_every_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tables_without_rowid_keep_their_order_and_have_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(columns_have_the_types_and_collations_of_the_table, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(types_from_outside_are_nothing_but_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_keeps_its_status_and_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_may_be_those_that_sqlite_reserves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_twice_is_damage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
