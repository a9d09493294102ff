#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ops/stored_table.h"
#include "stored_fixture.h"

/* In the pages of the first block: a Parquet file begins with four bytes, then pages. */
static void damage_first_block(const struct place *p, size_t part)
{
    damage(p, p->t->part[part].parquet.path, 60, 0);
}

struct heard {
    int notes;
    char last[LK_ERROR_SIZE];
};

static void hear(void *context, const char *message)
{
    struct heard *h = context;
    h->notes++;
    (void)snprintf(h->last, sizeof h->last, "%s", message);
}

static struct lk_stored_table *open_table(const struct place *p, enum lk_stored_from from, bool secret,
                                          struct heard *heard)
{
    struct lk_error err = {0};
    struct lk_stored_table *table = NULL;
    const struct lk_stored_options options = {.from = from,
                                              .secret = secret ? p->f.store->secret : NULL,
                                              .on_note = heard == NULL ? NULL : hear,
                                              .context = heard};
    check(lk_stored_table_open(p->backup, p->t, &options, &table, &err), &err);
    return table;
}

static bool same_bytes(const struct lk_buffer *a, const struct lk_buffer *b)
{
    return lk_bytes_equal(lk_buffer_bytes(a), lk_buffer_bytes(b));
}

/* Is the batch rows [first, first + its rows) of the table? Columns that are not wanted are not looked at. */
static bool holds_rows(const struct place *p, const struct lk_batch *b, uint64_t first, const bool *wanted)
{
    struct lk_batch *expected = lk_batch_new(b->columns, b->hidden_rowid);
    for (uint64_t row = 0; row < b->rows; row++)
        add_row(expected, p->rowids, first + row);
    bool same = same_bytes(&b->rowids, &expected->rowids);
    for (size_t i = 0; i < b->columns; i++) {
        const struct lk_column *x = &b->column[i], *y = &expected->column[i];
        bool equal = same_bytes(&x->classes, &y->classes);
        for (size_t k = 1; equal && k < LK_CLASSES; k++)
            equal = same_bytes(&x->values[k], &y->values[k]);
        same = same && (equal || (wanted != NULL && !wanted[i]));
    }
    lk_batch_free(expected);
    return same;
}

/* Read all; every batch must be the rows of its place. How many blocks came. */
static enum lk_status read_all(const struct place *p, struct lk_stored_table *table,
                               const struct lk_stored_request *request, size_t *blocks, struct lk_error *err)
{
    struct lk_stored_stream *s = NULL;
    const struct lk_batch *batch = NULL;
    size_t part = 0, block = 0, last = 0;
    *blocks = 0;
    enum lk_status status = lk_stored_stream_open(table, request, &s, err);
    while (status == LK_OK) {
        status = lk_stored_stream_next(s, &batch, &part, &block, err);
        if (status != LK_OK || batch == NULL)
            break;
        const size_t number = part * BLOCKS + block;
        if (*blocks > 0)
            assert_true(number > last);
        last = number;
        assert_true(holds_rows(p, batch, number * ROWS, request->rows.wanted));
        ++*blocks;
    }
    if (status == LK_OK) { /* the end stays the end, a failure a failure */
        assert_int_equal(lk_stored_stream_next(s, &batch, &part, &block, err), LK_OK);
        assert_null(batch);
    } else if (s != NULL) {
        assert_int_equal(lk_stored_stream_next(s, &batch, &part, &block, err), status);
    }
    lk_stored_stream_close(s);
    return status;
}

static void every_row_comes_back_in_order_from_each_format_with_and_without_threads(void **state)
{
    (void)state;
    static const enum rowids all[] = {ALIAS, IN_A_COLUMN, IMPLICIT};
    for (size_t i = 0; i < 3; i++) {
        struct place p;
        open_place(&p, all[i], true, true);
        for (unsigned way = 0; way < 9; way++) {
            struct lk_error err = {0};
            struct heard heard = {0};
            size_t blocks = 0;
            const struct lk_stored_request request = {.threads = way % 3 * 2};
            struct lk_stored_table *table = open_table(&p, (enum lk_stored_from)(way / 3), true, &heard);
            assert_int_equal(lk_stored_table_rows(table), ALL_ROWS);
            assert_string_equal(lk_stored_table_from(table), way / 3 == LK_STORED_JSON ? "json" : "parquet");
            check(read_all(&p, table, &request, &blocks, &err), &err);
            assert_int_equal(blocks, PARTS * BLOCKS);
            assert_int_equal(heard.notes, 0);
            assert_string_equal(lk_stored_table_from(table), way / 3 == LK_STORED_JSON ? "json" : "parquet");
            lk_stored_table_free(table);
        }
        close_place(&p);
    }
}

static bool count_choices(void *context, size_t part, size_t block)
{
    (void)part;
    (void)block;
    ++*(size_t *)context;
    return false;
}

/* How many blocks have been chosen, at the most, when one is handed out: those ahead of it, and itself. */
static size_t most_ahead(struct place *p, uint64_t bytes_of_a_part)
{
    struct lk_error err = {0};
    size_t chosen = 0, delivered = 0, most = 0, part, block;
    const struct lk_batch *batch = NULL;
    struct lk_stored_stream *s = NULL;
    const struct lk_stored_request request = {.threads = 3, .skip = count_choices, .context = &chosen};
    for (size_t i = 0; i < PARTS; i++)
        p->backup->manifest->table[0]->part[i].raw_bytes = bytes_of_a_part;
    struct lk_stored_table *table = open_table(p, LK_STORED_ANY, true, NULL);
    check(lk_stored_stream_open(table, &request, &s, &err), &err);
    for (;;) {
        check(lk_stored_stream_next(s, &batch, &part, &block, &err), &err);
        if (batch == NULL)
            break;
        assert_true(holds_rows(p, batch, delivered * ROWS, NULL));
        assert_int_equal(part * BLOCKS + block, delivered);
        if (chosen - delivered > most)
            most = chosen - delivered;
        delivered++;
    }
    assert_int_equal(delivered, PARTS * BLOCKS);
    lk_stored_stream_close(s);
    lk_stored_table_free(table);
    return most;
}

static void blocks_that_may_hold_huge_values_are_read_one_at_a_time(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, ALIAS, true, true);
    assert_int_equal(most_ahead(&p, 1000), 5); /* threads + 2 */
    /* The next one is chosen, but not begun. */
    assert_int_equal(most_ahead(&p, UINT64_C(300) << 20), 2);
    assert_int_equal(most_ahead(&p, UINT64_MAX), 2);
    assert_int_equal(most_ahead(&p, UINT64_C(72) << 20), 4); /* three of 40 MiB */
    close_place(&p);
}

static void a_damaged_block_comes_from_json_and_it_is_said_once_a_part(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, IMPLICIT, true, true);
    damage_first_block(&p, 1);
    for (unsigned threads = 0; threads < 4; threads++) {
        struct lk_error err = {0};
        struct heard heard = {0};
        size_t blocks = 0;
        const struct lk_stored_request request = {.threads = threads};
        struct lk_stored_table *table = open_table(&p, LK_STORED_ANY, true, &heard);
        check(read_all(&p, table, &request, &blocks, &err), &err);
        assert_int_equal(blocks, PARTS * BLOCKS);
        check(read_all(&p, table, &request, &blocks, &err), &err);
        assert_int_equal(heard.notes, 1);
        assert_non_null(strstr(heard.last, "table \"t\", part 2: its Parquet is damaged (/"));
        assert_non_null(strstr(heard.last, "part-00002.parquet"));
        assert_non_null(strstr(heard.last, "; rows came from JSON"));
        assert_string_equal(lk_stored_table_from(table), "parquet and json");
        lk_stored_table_free(table);
    }
    close_place(&p);
}

static void a_part_whose_parquet_cannot_be_opened_comes_from_json(void **state)
{
    (void)state;
    struct place p;
    struct heard heard = {0};
    struct lk_error err = {0};
    size_t blocks = 0;
    const struct lk_stored_request request = {.threads = 2};
    open_place(&p, ALIAS, true, true);
    damage(&p, p.t->part[0].parquet.path, 0, 5); /* too short */
    char *lost = lk_format("%s/%s", p.backup->dir.path, p.t->part[2].parquet.path);
    assert_int_equal(unlink(lost), 0);
    struct lk_stored_table *table = open_table(&p, LK_STORED_ANY, true, &heard);
    check(read_all(&p, table, &request, &blocks, &err), &err);
    assert_int_equal(blocks, PARTS * BLOCKS);
    assert_int_equal(heard.notes, 2);
    assert_non_null(strstr(heard.last, "part 3: its Parquet is damaged ("));
    assert_non_null(strstr(heard.last, "the file is missing"));
    lk_stored_table_free(table);
    lk_free(lost);
    close_place(&p);
}

static void damage_in_both_formats_names_both(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, ALIAS, true, true);
    damage_first_block(&p, 1);
    damage(&p, p.t->part[1].json.path, 100, 0);
    for (unsigned threads = 0; threads < 4; threads++) {
        struct lk_error err = {0};
        size_t blocks = 0;
        const struct lk_stored_request request = {.threads = threads};
        struct lk_stored_table *table = open_table(&p, LK_STORED_ANY, true, NULL);
        assert_int_equal(read_all(&p, table, &request, &blocks, &err), LK_DAMAGED);
        assert_int_equal(blocks, BLOCKS); /* all before the damage */
        assert_non_null(strstr(err.message, "table \"t\", part 2: "));
        assert_non_null(strstr(err.message, "part-00002.parquet"));
        assert_non_null(strstr(err.message, "part-00002.json.gz"));
        lk_stored_table_free(table);
    }
    close_place(&p);
}

static void damage_is_an_error_where_only_one_format_may_be_read(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, IN_A_COLUMN, true, true);
    damage_first_block(&p, 0);
    damage(&p, p.t->part[2].json.path, 100, 0);
    for (unsigned from = LK_STORED_PARQUET; from <= LK_STORED_JSON; from++) {
        struct lk_error err = {0};
        size_t blocks = 0;
        const struct lk_stored_request request = {0};
        struct lk_stored_table *table = open_table(&p, (enum lk_stored_from)from, true, NULL);
        assert_int_equal(read_all(&p, table, &request, &blocks, &err), LK_DAMAGED);
        assert_int_equal(blocks, from == LK_STORED_PARQUET ? 0 : 2 * BLOCKS);
        assert_non_null(strstr(err.message, from == LK_STORED_PARQUET ? "part-00001.parquet" : "block 0"));
        lk_stored_table_free(table);
    }
    close_place(&p);
}

/* A manifest that says other things about the rows than its files, and no format has those. */
static void rows_that_are_not_the_ones_that_were_written_are_damage(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, IMPLICIT, true, true);
    p.t->part[1].block[2].hash.bytes[5] ^= 1;
    const bool some[] = {true, false, true};
    for (unsigned secret = 0; secret < 2; secret++) {
        for (unsigned from = LK_STORED_ANY; from <= LK_STORED_JSON; from++) {
            struct lk_error err = {0};
            size_t blocks = 0;
            const struct lk_stored_request all = {0}, projected = {.rows = {.wanted = some}};
            struct lk_stored_table *table = open_table(&p, (enum lk_stored_from)from, secret == 1, NULL);
            const enum lk_status status = read_all(&p, table, &all, &blocks, &err);
            assert_int_equal(status, secret == 1 ? LK_DAMAGED : LK_OK);
            assert_int_equal(blocks, secret == 1 ? BLOCKS + 2 : PARTS * BLOCKS);
            if (from != LK_STORED_JSON) /* some columns have no hash */
                check(read_all(&p, table, &projected, &blocks, &err), &err);
            lk_stored_table_free(table);
        }
    }
    close_place(&p);
}

static void columns_that_are_not_wanted_are_null_in_parquet_and_whatever_else_is_right(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, IN_A_COLUMN, true, true);
    const bool wanted[] = {false, true, false};
    for (unsigned from = LK_STORED_PARQUET; from <= LK_STORED_JSON; from++) {
        struct lk_error err = {0};
        size_t blocks = 0;
        const struct lk_stored_request request = {.rows = {.wanted = wanted}, .threads = 2};
        struct lk_stored_table *table = open_table(&p, (enum lk_stored_from)from, true, NULL);
        check(read_all(&p, table, &request, &blocks, &err), &err);
        assert_int_equal(blocks, PARTS * BLOCKS);
        struct lk_stored_stream *s = NULL;
        const struct lk_batch *b = NULL;
        check(lk_stored_stream_open(table, &request, &s, &err), &err);
        check(lk_stored_stream_next(s, &b, NULL, NULL, &err), &err);
        if (from == LK_STORED_PARQUET)
            assert_int_equal(b->column[0].counts[LK_NULL], ROWS);
        lk_stored_stream_close(s);
        lk_stored_table_free(table);
    }
    close_place(&p);
}

static struct lk_rows_filter on_rowid(enum lk_comparison comparison, struct lk_value value)
{
    return (struct lk_rows_filter){.column = LK_ROWS_ROWID, .comparison = comparison, .value = value};
}

static size_t count_blocks(const struct place *p, enum lk_stored_from from, const struct lk_rows_filter *f)
{
    struct lk_error err = {0};
    size_t blocks = 0;
    const struct lk_stored_request request = {.rows = {.filters = 1, .filter = f}, .threads = 1};
    struct lk_stored_table *table = open_table(p, from, true, NULL);
    check(read_all(p, table, &request, &blocks, &err), &err);
    lk_stored_table_free(table);
    return blocks;
}

static void blocks_without_the_rowids_wanted_are_left_out(void **state)
{
    (void)state;
    struct place p;
    const struct lk_value integer = {.class = LK_INTEGER, .integer = 5 * ROWS + 1},
                          real = {.class = LK_REAL, .real = 5 * ROWS + 0.5},
                          text = {.class = LK_TEXT, .bytes = {.ptr = (const uint8_t *)"251", .len = 3}};
    open_place(&p, IMPLICIT, true, true);
    for (unsigned from = LK_STORED_PARQUET; from <= LK_STORED_JSON; from++) {
        const struct lk_rows_filter equal = on_rowid(LK_EQUAL, integer), less = on_rowid(LK_LESS, integer),
                                    up_to = on_rowid(LK_LESS_OR_EQUAL, integer),
                                    above = on_rowid(LK_GREATER, integer),
                                    from_it = on_rowid(LK_GREATER_OR_EQUAL, integer),
                                    below_real = on_rowid(LK_LESS_OR_EQUAL, real),
                                    as_text = on_rowid(LK_EQUAL, text);
        assert_int_equal(count_blocks(&p, (enum lk_stored_from)from, &equal), 1);
        assert_int_equal(count_blocks(&p, (enum lk_stored_from)from, &less), 5);
        assert_int_equal(count_blocks(&p, (enum lk_stored_from)from, &up_to), 6);
        assert_int_equal(count_blocks(&p, (enum lk_stored_from)from, &above), 7);
        assert_int_equal(count_blocks(&p, (enum lk_stored_from)from, &from_it), 7);
        assert_int_equal(count_blocks(&p, (enum lk_stored_from)from, &below_real), 5);
        assert_int_equal(count_blocks(&p, (enum lk_stored_from)from, &as_text), 12); /* '251' is 251 there */
    }
    close_place(&p);
    /* Stored rowids: the manifest knows the parts' keys. An alias is the same by its column. */
    static const enum rowids stored[] = {ALIAS, IN_A_COLUMN};
    for (size_t i = 0; i < 2; i++) {
        open_place(&p, stored[i], false, true);
        struct lk_rows_filter f = on_rowid(
            LK_EQUAL, (struct lk_value){.class = LK_INTEGER, .integer = rowid_of(stored[i], BLOCKS * ROWS)});
        assert_int_equal(count_blocks(&p, LK_STORED_ANY, &f), BLOCKS);
        f.column = 0;
        assert_int_equal(count_blocks(&p, LK_STORED_ANY, &f), i == 0 ? BLOCKS : PARTS * BLOCKS);
        close_place(&p);
    }
}

static void blocks_whose_statistics_rule_a_value_out_are_left_out(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, ALIAS, true, true);
    /* Columns n (twice the row), name ("row 00000120") and r (a quarter of the row). */
    struct lk_rows_filter f = {
        .column = 1, .comparison = LK_EQUAL, .value = {.class = LK_INTEGER, .integer = 240}};
    assert_int_equal(count_blocks(&p, LK_STORED_ANY, &f), 1);
    assert_int_equal(count_blocks(&p, LK_STORED_JSON, &f), PARTS * BLOCKS); /* has none */
    f.value = (struct lk_value){.class = LK_REAL, .real = -1};
    assert_int_equal(count_blocks(&p, LK_STORED_ANY, &f), 0);
    f = (struct lk_rows_filter){.column = 2,
                                .comparison = LK_LESS,
                                .value = {.class = LK_TEXT, .bytes = lk_bytes_of("row 00000120")}};
    assert_int_equal(count_blocks(&p, LK_STORED_ANY, &f), 3);
    f = (struct lk_rows_filter){
        .column = 3, .comparison = LK_GREATER_OR_EQUAL, .value = {.class = LK_INTEGER, .integer = 125}};
    assert_int_equal(count_blocks(&p, LK_STORED_ANY, &f), 2);
    /* A part that comes from JSON has no statistics, and is read. */
    char *lost = lk_format("%s/%s", p.backup->dir.path, p.t->part[0].parquet.path);
    assert_int_equal(unlink(lost), 0);
    assert_int_equal(count_blocks(&p, LK_STORED_ANY, &f), BLOCKS + 2);
    lk_free(lost);
    close_place(&p);
}

/* Leaves out all blocks but each fifth. */
static bool keep_each_fifth(void *context, size_t part, size_t block)
{
    size_t *calls = context;
    assert_int_equal(*calls, part * BLOCKS + block); /* once a block, in order */
    return (*calls)++ % 5 != 0;
}

static void blocks_that_the_caller_skips_are_not_read(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, ALIAS, true, false);
    for (unsigned threads = 0; threads < 3; threads += 2) {
        struct lk_error err = {0};
        size_t calls = 0, blocks = 0;
        struct lk_stored_request request = {.skip = keep_each_fifth, .context = &calls, .threads = threads};
        struct lk_stored_table *table = open_table(&p, LK_STORED_ANY, true, NULL);
        check(read_all(&p, table, &request, &blocks, &err), &err);
        assert_int_equal(calls, PARTS * BLOCKS);
        assert_int_equal(blocks, 3);
        lk_stored_table_free(table);
    }
    close_place(&p);
}

static void a_stream_can_be_closed_at_any_point(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, IMPLICIT, true, true);
    struct lk_stored_table *table = open_table(&p, LK_STORED_ANY, true, NULL);
    for (size_t reads = 0; reads < 8; reads++) {
        struct lk_error err = {0};
        const struct lk_stored_request request = {.threads = 3};
        const struct lk_batch *batch = NULL;
        struct lk_stored_stream *s = NULL;
        check(lk_stored_stream_open(table, &request, &s, &err), &err);
        for (size_t i = 0; i < reads; i++)
            check(lk_stored_stream_next(s, &batch, NULL, NULL, &err), &err);
        lk_stored_stream_close(s);
    }
    lk_stored_table_free(table);
    close_place(&p);
}

static void a_format_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err = {0};
    struct lk_stored_table *table = NULL;
    open_place(&p, ALIAS, true, false);
    const struct lk_stored_options json = {.from = LK_STORED_JSON};
    assert_int_equal(lk_stored_table_open(p.backup, p.t, &json, &table, &err), LK_UNREADABLE);
    assert_non_null(strstr(err.message, "no JSON of table \"t\""));
    close_place(&p);
    open_place(&p, ALIAS, false, true);
    const struct lk_stored_options parquet = {.from = LK_STORED_PARQUET};
    assert_int_equal(lk_stored_table_open(p.backup, p.t, &parquet, &table, &err), LK_UNREADABLE);
    assert_non_null(strstr(err.message, "no Parquet of table \"t\""));
    close_place(&p);
}

/* What a manifest says of its own table, changed behind its checks. */
static void a_manifest_that_contradicts_itself_is_damage(void **state)
{
    (void)state;
    const struct lk_stored_options options = {0};
    for (int change = 0; change < 5; change++) {
        struct place p;
        struct lk_error err = {0};
        struct lk_stored_table *table = NULL;
        open_place(&p, IMPLICIT, true, true);
        struct lk_manifest_table *t = p.backup->manifest->table[0];
        if (change == 0)
            t->part[1].first_rowid++;
        else if (change == 1)
            t->part[2].rows = INT64_MAX;
        else if (change == 2)
            t->without_rowid = true;
        else if (change == 3)
            t->columns--;
        else
            t->name[0] = 'u';
        assert_int_equal(lk_stored_table_open(p.backup, p.t, &options, &table, &err), LK_DAMAGED);
        assert_non_null(strstr(err.message, "contradicts itself"));
        close_place(&p);
    }
}

static void a_table_as_rows_reads_like_the_stream_and_frees_all(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err = {0};
    struct lk_rows *rows = NULL;
    void *cursor[2] = {NULL, NULL};
    const struct lk_batch *batch = NULL;
    open_place(&p, ALIAS, true, true);
    struct lk_stored_table *table = open_table(&p, LK_STORED_ANY, true, NULL);
    check(lk_stored_table_as_rows(table, "CREATE TABLE t(id INTEGER PRIMARY KEY, n, name, r)", &rows, &err),
          &err);
    assert_int_equal(rows->rows, ALL_ROWS);
    assert_non_null(strstr(rows->sql, "PRIMARY KEY"));
    const struct lk_rows_request all = {0};
    check(rows->open(rows->context, &all, &cursor[0], &err), &err);
    check(rows->open(rows->context, &all, &cursor[1], &err), &err);
    for (size_t block = 0; block < PARTS * BLOCKS; block++) {
        for (size_t i = 0; i < 2; i++) {
            check(rows->next(cursor[i], &batch, &err), &err);
            assert_true(holds_rows(&p, batch, block * ROWS, NULL));
        }
    }
    check(rows->next(cursor[0], &batch, &err), &err);
    assert_null(batch);
    rows->close(cursor[0]);
    rows->close(cursor[1]);
    rows->close(NULL);
    rows->free(rows);
    close_place(&p);
}

static void running_out_of_memory_anywhere_is_a_clean_failure(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, IMPLICIT, true, true);
    damage_first_block(&p, 2);
    for (unsigned threads = 0; threads < 3; threads += 2) {
        for (int64_t nth = 0;; nth++) {
            struct lk_error err = {0};
            struct heard heard = {0};
            struct lk_stored_table *table = NULL;
            size_t blocks = 0;
            const struct lk_stored_options options = {
                .secret = p.f.store->secret, .on_note = hear, .context = &heard};
            const struct lk_stored_request request = {.threads = threads};
            struct lk_stored_stream *s = NULL;
            const struct lk_batch *batch = NULL;
            lk_memory_fail_after(nth, 0);
            enum lk_status status = lk_stored_table_open(p.backup, p.t, &options, &table, &err);
            if (status == LK_OK)
                status = lk_stored_stream_open(table, &request, &s, &err);
            while (status == LK_OK) {
                status = lk_stored_stream_next(s, &batch, NULL, NULL, &err);
                if (batch == NULL)
                    break;
                blocks++;
            }
            lk_stored_stream_close(s);
            lk_stored_table_free(table);
            lk_memory_fail_after(-1, 0);
            if (status == LK_OK)
                assert_int_equal(blocks, PARTS * BLOCKS);
            else if (status != LK_FAILED && strstr(err.message, "column plan") == NULL) /* cannot tell */
                fail_msg("allocation %lld: %s", (long long)nth, err.message);
            if (nth > 20000)
                break;
            if (status == LK_OK)
                nth += nth / 8; /* past the last, or one that could be done without */
        }
    }
    close_place(&p);
}

/* ---- Without a manifest
 * ----------------------------------------------------------------------------------------------------------
 */

/* Make `name` of a folder of the original script from the bytes of a file, or from text. */
static void put_file(const struct lk_dir *dir, const char *folder, const char *name, struct lk_bytes content)
{
    struct lk_error err = {0};
    struct lk_dir below = LK_DIR_CLOSED;
    check(lk_dir_create_at(dir, folder, 0700, false, &below, &err), &err);
    check(lk_file_write(&below, name, content, 0600, true, &err), &err);
    lk_dir_close(&below);
}

#define OLD_ID "2023-05-29-09:14:42"

/* Beside the backup of `p` one of the original script, of the first part's Parquet and of some JSON. */
static struct lk_backup *open_old(struct place *p, bool parquet, const char *json)
{
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_backup *old = NULL;
    check(lk_dir_create_at(&p->f.dir, OLD_ID, 0700, false, &dir, &err), &err);
    if (parquet) {
        struct lk_input *in = NULL;
        check(lk_backup_open_file(p->backup, &p->t->part[0].parquet, &in, &err), &err);
        const size_t size = (size_t)lk_input_size(in);
        uint8_t *content = lk_allocate(size);
        check(lk_input_read(in, 0, content, size, &err), &err);
        put_file(&dir, "parquet", "t.parquet", lk_bytes(content, size));
        lk_free(content);
        lk_input_close(in);
    }
    if (json != NULL)
        put_file(&dir, "json", "t.jsonl", lk_bytes_of(json));
    lk_dir_close(&dir);
    check(lk_backup_open(&p->f.dir, OLD_ID, &old, &err), &err);
    return old;
}

static uint64_t count_rows(struct lk_stored_table *table, unsigned threads)
{
    struct lk_error err = {0};
    struct lk_stored_stream *s = NULL;
    const struct lk_batch *batch = NULL;
    uint64_t rows = 0;
    const struct lk_stored_request request = {.threads = threads};
    check(lk_stored_stream_open(table, &request, &s, &err), &err);
    do {
        check(lk_stored_stream_next(s, &batch, NULL, NULL, &err), &err);
        for (uint32_t i = 0; batch != NULL && batch->hidden_rowid && i < batch->rows; i++)
            assert_int_equal(lk_batch_rowid(batch, i), rows + i + 1);
        rows += batch == NULL ? 0 : batch->rows;
    } while (batch != NULL);
    lk_stored_stream_close(s);
    return rows;
}

static void without_a_manifest_the_columns_come_from_the_file(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err = {0};
    struct lk_stored_table *table = NULL;
    open_place(&p, IMPLICIT, true, false);
    struct lk_backup *old = open_old(&p, true, "{\"x\":1,\"y\":\"a\"}\n{\"y\":null,\"z\":[2]}\n");
    struct lk_stored_options options = {.from = LK_STORED_ANY};
    check(lk_stored_table_open(old, old->manifest->table[0], &options, &table, &err), &err);
    assert_int_equal(lk_stored_table_schema(table)->columns, 3);
    assert_string_equal(lk_stored_table_schema(table)->column[1].name, "name");
    assert_int_equal(lk_stored_table_rows(table), BLOCKS * ROWS);
    assert_int_equal(count_rows(table, 2), BLOCKS * ROWS);
    assert_string_equal(lk_stored_table_from(table), "parquet");
    lk_stored_table_free(table);
    options.from = LK_STORED_JSON;
    check(lk_stored_table_open(old, old->manifest->table[0], &options, &table, &err), &err);
    assert_int_equal(lk_stored_table_schema(table)->columns, 3);
    assert_string_equal(lk_stored_table_schema(table)->column[2].name, "z");
    assert_int_equal(count_rows(table, 2), 2);
    assert_string_equal(lk_stored_table_from(table), "json");
    lk_stored_table_free(table);
    lk_backup_free(old);
    close_place(&p);
}

static void without_a_manifest_json_stands_in_for_parquet_that_is_none(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err = {0};
    struct heard heard = {0};
    struct lk_stored_table *table = NULL;
    open_place(&p, IMPLICIT, true, false);
    lk_backup_free(open_old(&p, false, "{\"x\":1}\n"));
    struct lk_dir dir = LK_DIR_CLOSED;
    check(lk_dir_open_at(&p.f.dir, OLD_ID, &dir, &err), &err);
    put_file(&dir, "parquet", "t.parquet", lk_bytes_of("no Parquet at all"));
    struct lk_backup *old = open_old(&p, false, NULL);
    const struct lk_manifest_table *t = old->manifest->table[0];
    const struct lk_stored_options options = {.on_note = hear, .context = &heard};
    check(lk_stored_table_open(old, t, &options, &table, &err), &err);
    assert_int_equal(count_rows(table, 0), 1);
    assert_int_equal(heard.notes, 1);
    assert_non_null(strstr(heard.last, "table \"t\": its Parquet is damaged ("));
    lk_stored_table_free(table);
    lk_backup_free(old);
    put_file(&dir, "json", "t.jsonl", lk_bytes_of("no JSON at all"));
    old = open_old(&p, false, NULL);
    assert_int_equal(lk_stored_table_open(old, old->manifest->table[0], &options, &table, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "parquet/t.parquet"));
    assert_non_null(strstr(err.message, "json/t.jsonl"));
    lk_backup_free(old);
    lk_dir_close(&dir);
    close_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_comes_back_in_order_from_each_format_with_and_without_threads),
        cmocka_unit_test(blocks_that_may_hold_huge_values_are_read_one_at_a_time),
        cmocka_unit_test(a_damaged_block_comes_from_json_and_it_is_said_once_a_part),
        cmocka_unit_test(a_part_whose_parquet_cannot_be_opened_comes_from_json),
        cmocka_unit_test(damage_in_both_formats_names_both),
        cmocka_unit_test(damage_is_an_error_where_only_one_format_may_be_read),
        cmocka_unit_test(rows_that_are_not_the_ones_that_were_written_are_damage),
        cmocka_unit_test(columns_that_are_not_wanted_are_null_in_parquet_and_whatever_else_is_right),
        cmocka_unit_test(blocks_without_the_rowids_wanted_are_left_out),
        cmocka_unit_test(blocks_whose_statistics_rule_a_value_out_are_left_out),
        cmocka_unit_test(blocks_that_the_caller_skips_are_not_read),
        cmocka_unit_test(a_stream_can_be_closed_at_any_point),
        cmocka_unit_test(a_format_that_is_not_there_is_named),
        cmocka_unit_test(a_manifest_that_contradicts_itself_is_damage),
        cmocka_unit_test(a_table_as_rows_reads_like_the_stream_and_frees_all),
        cmocka_unit_test(running_out_of_memory_anywhere_is_a_clean_failure),
        cmocka_unit_test(without_a_manifest_the_columns_come_from_the_file),
        cmocka_unit_test(without_a_manifest_json_stands_in_for_parquet_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
