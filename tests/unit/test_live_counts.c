#include "database.h"
#include "ops/live_counts.h"

static int make(void **state)
{
    static struct lk_dir dir;
    *state = &dir;
    return scratch_make(&dir) ? 0 : -1;
}

static int remove_all(void **state)
{
    return scratch_remove(*state) ? 0 : -1;
}

static enum lk_status count(const char *path, struct lk_counts *out, struct lk_error *err)
{
    struct lk_source *s = NULL;
    enum lk_status status = lk_source_open(path, &(struct lk_source_options){0}, &s, err);
    if (status == LK_OK)
        status = lk_live_counts(s, out, err);
    lk_source_close(s);
    return status;
}

static void rows_values_and_sequences_are_counted(void **state)
{
    struct lk_counts c = {0};
    struct lk_error err = {0};
    const char *path = in_scratch(*state, "a.db");
    make_database(path,
                  "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, \"a\"\"b\", c AS (a) VIRTUAL, a);"
                  "INSERT INTO t(\"a\"\"b\") VALUES(1), (NULL), (''), (NULL); DELETE FROM t WHERE id = 4;"
                  "CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES('x', NULL), ('y', 0);"
                  "CREATE TABLE e(a); CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES('one');");
    assert_int_equal(count(path, &c, &err), LK_OK);
    const struct lk_counts_table *t = lk_counts_find(&c, "t"), *w = lk_counts_find(&c, "w");
    assert_true(c.whole && c.id == NULL && c.seq == 0 && c.inode != 0 && c.change_counter > 0);
    assert_int_equal(t->rows, 3);
    assert_true(t->has_sequence && t->sequence == 4);
    assert_int_equal(lk_counts_column(t, "a\"b")->values, 2);
    assert_int_equal(lk_counts_column(t, "a")->values, 0);
    assert_null(lk_counts_column(t, "c"));
    assert_int_equal(w->rows, 2);
    assert_int_equal(lk_counts_column(w, "v")->values, 1);
    assert_false(w->has_sequence);
    assert_int_equal(lk_counts_find(&c, "e")->rows, 0);
    assert_int_equal(lk_counts_find(&c, "f_content")->rows, 1);
    assert_int_equal(lk_counts_find(&c, "f_content")->kind, LK_TABLE_SHADOW);
    assert_null(lk_counts_find(&c, "f"));
    lk_counts_reset(&c);
}

static void more_columns_than_one_statement_takes_are_counted(void **state)
{
    struct lk_buffer sql = {0};
    struct lk_counts c = {0};
    struct lk_error err = {0};
    const char *path = in_scratch(*state, "wide.db");
    lk_buffer_append_string(&sql, "CREATE TABLE t(c0");
    for (int i = 1; i < 1000; i++)
        lk_buffer_append_format(&sql, ", c%d", i);
    lk_buffer_append_string(&sql,
                            "); INSERT INTO t(c0, c399, c400, c999) VALUES(1, 1, 1, 1), (1, NULL, 1, 1);");
    make_database(path, lk_buffer_string(&sql));
    assert_int_equal(count(path, &c, &err), LK_OK);
    assert_int_equal(c.table[0].columns, 1000);
    assert_int_equal(c.table[0].column[399].values, 1);
    assert_int_equal(c.table[0].column[400].values, 2);
    assert_int_equal(c.table[0].column[999].values, 2);
    lk_counts_reset(&c);
    lk_buffer_reset(&sql);
}

static void an_empty_file_has_no_tables(void **state)
{
    struct lk_counts c = {0};
    struct lk_error err = {0};
    const char *path = in_scratch(*state, "empty.db");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fclose(f);
    assert_int_equal(count(path, &c, &err), LK_OK);
    assert_int_equal(c.tables, 0);
    assert_int_equal(c.bytes, 0);
    lk_counts_reset(&c);
}

static void a_table_that_cannot_be_read_is_named(void **state)
{
    struct lk_counts c = {0};
    struct lk_error err = {0};
    const char *path = in_scratch(*state, "hurt.db");
    make_database(
        path,
        "PRAGMA page_size = 512; CREATE TABLE fine(a); CREATE TABLE hurt(a); INSERT INTO hurt VALUES(1);");
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 2 * 512, SEEK_SET), 0); /* page 3: the root of the second table */
    for (int i = 0; i < 512; i++)
        (void)fputc(0xff, f);
    (void)fclose(f);
    assert_int_equal(count(path, &c, &err), LK_UNREADABLE);
    assert_non_null(strstr(err.message, "\"hurt\""));
    assert_int_equal(c.tables, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_values_and_sequences_are_counted, make, remove_all),
        cmocka_unit_test_setup_teardown(more_columns_than_one_statement_takes_are_counted, make, remove_all),
        cmocka_unit_test_setup_teardown(an_empty_file_has_no_tables, make, remove_all),
        cmocka_unit_test_setup_teardown(a_table_that_cannot_be_read_is_named, make, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
