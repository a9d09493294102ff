#include "database.h"

#include "sqlite/rebuild.h"

static struct lk_schema_text text(const char *content)
{
    return (struct lk_schema_text){.class = content == NULL ? LK_NULL : LK_TEXT,
                                   .ptr = content == NULL ? NULL : lk_copy_string(content),
                                   .len = content == NULL ? 0 : strlen(content)};
}

static struct lk_structure *structure_of(const char *const rows[][4], size_t count)
{
    struct lk_structure *st = lk_allocate_zeroed(1, sizeof *st);
    st->encoding = 1;
    st->row = lk_allocate_zeroed(count, sizeof *st->row);
    st->rows = count;
    for (size_t i = 0; i < count; i++)
        st->row[i] = (struct lk_schema_row){text(rows[i][0]), text(rows[i][1]), text(rows[i][2]),
                                            text(rows[i][3]), .has_pages = true};
    return st;
}

static void a_hostile_statement_ends_by_itself_and_touches_no_file(void **state)
{
    (void)state;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_error err = {0};
    assert_true(scratch_make(&dir));
    char attach[1024];
    (void)snprintf(attach, sizeof attach, "ATTACH '%s/made' AS other", dir.path);
    const char *const rows[][4] = {
        {"table", "t", "t",
         "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) "
         "FROM n"},
        {"table", "u", "u", attach},
        {"table", "v", "v", "SELECT load_extension('x')"},
        {"table", "w", "w", "CREATE TABLE w(a)"},
    };
    struct lk_structure *st = structure_of(rows, 4);
    assert_int_equal(lk_rebuild_check(st, &err), LK_OK);
    assert_int_equal(st->reasons, 3);
    assert_false(file_exists(in_scratch(&dir, "made")));
    lk_structure_free(st);
    assert_true(scratch_remove(&dir));
}

static void rows_without_text_are_passed_over(void **state)
{
    (void)state;
    struct lk_error err = {0};
    const char *const rows[][4] = {{NULL, NULL, NULL, NULL},
                                   {"index", "sqlite_autoindex_t_1", "t", NULL},
                                   {"view", "v", "v", "CREATE VIEW v AS SELECT 1"},
                                   {"table", "t", "t", NULL}};
    struct lk_structure *st = structure_of(rows, 4);
    assert_int_equal(lk_rebuild_check(st, &err), LK_OK);
    assert_int_equal(st->reasons, 0);
    lk_structure_free(st);
}

/* A structure of `count` empty rows, to be filled by set_row. */
static struct lk_structure *structure_with_room(size_t count)
{
    struct lk_structure *st = lk_allocate_zeroed(1, sizeof *st);
    st->encoding = 1;
    st->row = lk_allocate_zeroed(count, sizeof *st->row);
    st->rows = count;
    return st;
}

/* The formats are of name, tbl_name and sql, each with the number in it as often as it likes (at most twice).
 */
static void set_row(struct lk_structure *st, size_t at, const char *type, const char *name, const char *table,
                    char *sql)
{
    st->row[at] = (struct lk_schema_row){text(type), text(name), text(table), text(sql), .has_pages = true};
    lk_free(sql);
}

enum { MANY = 600 };

/* As VACUUM leaves it: all tables, then all indexes. */
static void an_index_far_from_its_table_is_checked_and_reasons_come_once_in_schema_order(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_structure *st = structure_with_room((size_t)2 * MANY);
    for (size_t i = 0; i < MANY; i++) {
        char table[32], index[32];
        (void)snprintf(table, sizeof table, "t%zu", i);
        (void)snprintf(index, sizeof index, "i%zu", i);
        /* Every hundredth table is refused, from 50 on; every hundredth index, from 7 on. */
        set_row(st, i, "table", table, table,
                lk_format("CREATE TABLE t%zu(a%s)", i, i % 100 == 50 ? " COLLATE app_order" : ""));
        set_row(st, MANY + i, "index", index, table,
                lk_format("CREATE INDEX i%zu ON T%zu(%s)", i, i, i % 100 == 7 ? "app_function(a)" : "a"));
    }
    assert_int_equal(lk_rebuild_check(st, &err), LK_OK);
    assert_int_equal(st->reasons, 12);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(st->row[i].refused, i % 100 == 50);
        assert_int_equal(st->row[MANY + i].refused, i % 100 == 7);
    }
    for (size_t i = 0; i < 6; i++) {
        char wanted[128];
        (void)snprintf(wanted, sizeof wanted, "table \"t%zu\": no such collation sequence: app_order",
                       100 * i + 50);
        assert_string_equal(st->reason[i], wanted);
        (void)snprintf(wanted, sizeof wanted,
                       "index \"i%zu\" of table \"t%zu\": no such function: app_function", 100 * i + 7,
                       100 * i + 7);
        assert_string_equal(st->reason[6 + i], wanted);
    }
    lk_structure_free(st);
}

static void a_virtual_table_that_reads_a_table_far_from_it_is_checked(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_structure *st = structure_with_room((size_t)MANY + 2);
    for (size_t i = 0; i < MANY; i++) {
        char table[32];
        (void)snprintf(table, sizeof table, "t%zu", i);
        set_row(st, i, "table", table, table, lk_format("CREATE TABLE t%zu(a)", i));
    }
    /* FTS4 takes its columns from the table named; what else is wrong it says only after that. */
    set_row(st, MANY, "table", "f", "f", lk_copy_string("CREATE VIRTUAL TABLE f USING fts4(content=t0)"));
    set_row(st, MANY + 1, "table", "g", "g",
            lk_copy_string("CREATE VIRTUAL TABLE g USING fts4(content=t1, prefix=x)"));
    st->row[MANY].has_pages = st->row[MANY + 1].has_pages = false;
    assert_int_equal(lk_rebuild_check(st, &err), LK_OK);
    assert_int_equal(st->reasons, 1);
    assert_string_equal(st->reason[0], "table \"g\": error parsing prefix parameter: x");
    lk_structure_free(st);
}

static void memory_that_runs_out_between_scratch_databases_is_reported(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_structure *st = structure_with_room(MANY);
    for (size_t i = 0; i < MANY; i++) {
        char table[32];
        (void)snprintf(table, sizeof table, "t%zu", i);
        set_row(st, i, "table", table, table, lk_format("CREATE TABLE t%zu(a COLLATE app_order)", i));
    }
    for (int fail_at = 0; fail_at < 6; fail_at++) {
        lk_memory_fail_after(fail_at, 1);
        const enum lk_status status = lk_rebuild_check(st, &err);
        lk_memory_fail_after(-1, 0);
        assert_int_equal(status, LK_FAILED);
    }
    lk_structure_free(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hostile_statement_ends_by_itself_and_touches_no_file),
        cmocka_unit_test(rows_without_text_are_passed_over),
        cmocka_unit_test(an_index_far_from_its_table_is_checked_and_reasons_come_once_in_schema_order),
        cmocka_unit_test(a_virtual_table_that_reads_a_table_far_from_it_is_checked),
        cmocka_unit_test(memory_that_runs_out_between_scratch_databases_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
