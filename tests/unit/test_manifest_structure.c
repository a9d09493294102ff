#include "backup_fixture.h"

#include "ops/manifest_structure.h"

static const char schema[] =
    "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT UNIQUE); CREATE INDEX ai ON a(x);"
    "CREATE TABLE b(y); CREATE TRIGGER tb AFTER INSERT ON b BEGIN DELETE FROM a; END;"
    "CREATE VIEW v AS SELECT * FROM a; CREATE VIRTUAL TABLE f USING fts5(q); CREATE VIRTUAL TABLE f_g USING "
    "fts5(q);"
    "CREATE TABLE w(k TEXT COLLATE NOCASE PRIMARY KEY, g AS (k), s AS (k || 'x') STORED) WITHOUT ROWID;"
    "INSERT INTO a(x) VALUES('p'); INSERT INTO b VALUES(1); INSERT INTO w(k) VALUES('k');";

static int set_up(void **state)
{
    static struct backup_fixture f;
    backup_fixture_make(&f);
    make_database(in_scratch(&f.scratch, "d.db"), schema);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    lk_memory_fail_after(-1, 0);
    return backup_fixture_remove(*state) ? 0 : -1;
}

/* The names of the schema's rows, one after another. */
static const char *names(const struct lk_structure *st)
{
    static char text[4096];
    text[0] = '\0';
    for (size_t i = 0; i < st->rows; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "" : " ",
                       st->row[i].name.ptr);
    }
    return text;
}

static struct lk_structure *of(struct backup_fixture *f, const char *const *tables)
{
    struct lk_structure *st = NULL;
    if (lk_manifest_structure(f->backup->manifest, tables, NULL, &st, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
    return st;
}

static void the_whole_schema_is_that_of_the_source(void **state)
{
    struct backup_fixture *f = *state;
    backup_fixture_take(f, in_scratch(&f->scratch, "d.db"), NULL);
    struct lk_structure *st = of(f, NULL);
    struct lk_structure *wanted = NULL;
    struct lk_source *source = NULL;
    const struct lk_source_options options = {0};
    assert_int_equal(lk_source_open(in_scratch(&f->scratch, "d.db"), &options, &source, &f->err), LK_OK);
    assert_int_equal(lk_structure_read(source, &wanted, &f->err), LK_OK);
    assert_int_equal(st->rows, wanted->rows);
    for (size_t i = 0; i < st->rows; i++) {
        assert_string_equal(st->row[i].name.ptr, wanted->row[i].name.ptr);
        assert_int_equal(st->row[i].sql.class, wanted->row[i].sql.class);
        assert_int_equal(st->row[i].has_pages, wanted->row[i].has_pages);
        assert_false(st->row[i].refused);
    }
    assert_int_equal(st->tables, wanted->tables);
    for (size_t i = 0; i < st->tables; i++) {
        const struct lk_table_schema *t = st->table[i], *s = wanted->table[i];
        assert_string_equal(t->name, s->name);
        assert_int_equal(t->kind, s->kind);
        assert_int_equal(t->columns, s->columns);
        assert_int_equal(t->hidden_rowid, s->hidden_rowid);
        assert_int_equal(t->without_rowid, s->without_rowid);
        for (size_t c = 0; c < t->columns; c++) {
            assert_string_equal(t->column[c].name, s->column[c].name);
            assert_int_equal(t->column[c].is_rowid, s->column[c].is_rowid);
        }
    }
    assert_int_equal(st->page_size, wanted->page_size);
    assert_int_equal(st->encoding, 1);
    lk_structure_free(st);
    lk_structure_free(wanted);
    lk_source_close(source);
}

static void a_table_brings_its_indexes_triggers_and_shadow_tables_and_no_other(void **state)
{
    struct backup_fixture *f = *state;
    backup_fixture_take(f, in_scratch(&f->scratch, "d.db"), NULL);
    static const struct {
        const char *const tables[3];
        const char *rows;
        size_t count;
    } cases[] = {
        {{"b"}, "b tb", 1},
        {{"A"}, "a sqlite_autoindex_a_1 sqlite_sequence ai", 2},
        {{"f"}, "f f_data f_idx f_content f_docsize f_config", 5},
        {{"f_g"}, "f_g f_g_data f_g_idx f_g_content f_g_docsize f_g_config", 5},
        {{"w", "f_config"}, "f_config w", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_structure *st = of(f, cases[i].tables);
        assert_string_equal(names(st), cases[i].rows);
        assert_int_equal(st->tables, cases[i].count);
        lk_structure_free(st);
    }
    struct lk_structure *st = NULL;
    assert_int_equal(
        lk_manifest_structure(f->backup->manifest, (const char *const[]){"b", "v", NULL}, NULL, &st, &f->err),
        LK_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "\"v\""));
}

static void what_was_not_backed_up_is_not_there(void **state)
{
    struct backup_fixture *f = *state;
    backup_fixture_take(f, in_scratch(&f->scratch, "d.db"), (const char *const[]){"b", "f", "f_g*", NULL});
    struct lk_structure *st = of(f, NULL);
    assert_string_equal(names(st), "sqlite_sequence b tb v f_g f_g_data f_g_idx f_g_content f_g_docsize "
                                   "f_g_config");
    lk_structure_free(st);
    assert_int_equal(
        lk_manifest_structure(f->backup->manifest, (const char *const[]){"a", NULL}, NULL, &st, &f->err),
        LK_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "left out"));
}

static void columns_without_a_schema_make_create_table_statements(void **state)
{
    struct backup_fixture *f = *state;
    struct lk_manifest *m = lk_manifest_new();
    m->legacy = true;
    assert_non_null(lk_manifest_add_table(m, "we\"ird", "weird"));
    struct lk_table_schema *t = lk_table_schema_new("we\"ird");
    assert_non_null(lk_table_schema_add(t, "a b", "INTEGER"));
    assert_non_null(lk_table_schema_add(t, "", ""));
    const struct lk_table_schema *const columns[] = {t};
    struct lk_structure *st = NULL;
    assert_int_equal(lk_manifest_structure(m, NULL, columns, &st, &f->err), LK_OK);
    assert_int_equal(st->rows, 1);
    assert_string_equal(st->row[0].sql.ptr, "CREATE TABLE \"we\"\"ird\"(\"a b\" INTEGER, \"\")");
    assert_int_equal(st->encoding, 1);
    assert_int_equal(st->page_size, 4096);
    assert_int_equal(st->reasons, 0);
    lk_structure_free(st);
    lk_table_schema_free(t);
    lk_manifest_free(m);
}

static void every_allocation_may_fail(void **state)
{
    struct backup_fixture *f = *state;
    backup_fixture_take(f, in_scratch(&f->scratch, "d.db"), NULL);
    enum lk_status status = LK_FAILED;
    for (int64_t n = 0; status != LK_OK && n < 100000; n++) {
        struct lk_structure *st = NULL;
        lk_memory_fail_after(n, 0);
        status = lk_manifest_structure_plain(f->backup->manifest, (const char *const[]){"a", "f", NULL}, NULL,
                                             &st, &f->err);
        lk_memory_fail_after(-1, 0);
        if (status != LK_OK)
            assert_true(f->err.message[0] != '\0');
        lk_structure_free(st);
    }
    assert_int_equal(status, LK_OK);
}

int main(void)
{
#define with_database(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_database(the_whole_schema_is_that_of_the_source),
        with_database(a_table_brings_its_indexes_triggers_and_shadow_tables_and_no_other),
        with_database(what_was_not_backed_up_is_not_there),
        with_database(columns_without_a_schema_make_create_table_statements),
        with_database(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
