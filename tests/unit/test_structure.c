#include "database.h"

#include "sqlite/structure.h"

struct fixture {
    struct lk_dir dir;
    struct lk_source_options options;
    struct lk_source *source;
    struct lk_structure *st;
    struct lk_error err;
};

static int set_up(void **state)
{
    struct fixture *f = lk_allocate_zeroed(1, sizeof *f);
    *state = f;
    f->options.network = LK_NETWORK_NO;
    return scratch_make(&f->dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    lk_structure_free(f->st);
    lk_source_close(f->source);
    const bool removed = scratch_remove(&f->dir);
    lk_free(f);
    return removed ? 0 : -1;
}

static void open_made(struct fixture *f)
{
    if (lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err) != LK_OK ||
        lk_structure_read(f->source, &f->st, &f->err) != LK_OK)
        fail_msg("%s", f->err.message);
}

static void read_structure(struct fixture *f, const char *sql)
{
    make_database(in_scratch(&f->dir, "a.db"), sql);
    open_made(f);
}

static const struct lk_table_schema *table(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->st->tables; i++)
        if (strcmp(f->st->table[i]->name, name) == 0)
            return f->st->table[i];
    return NULL;
}

static bool has_reason(const struct fixture *f, const char *part)
{
    for (size_t i = 0; i < f->st->reasons; i++)
        if (strstr(f->st->reason[i], part) != NULL)
            return true;
    return false;
}

static void the_settings_are_those_of_the_database(void **state)
{
    struct fixture *f = *state;
    read_structure(
        f,
        "PRAGMA page_size=8192; PRAGMA encoding='UTF-16be'; PRAGMA auto_vacuum=FULL; PRAGMA user_version=-3;"
        "PRAGMA application_id=99; PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
    assert_int_equal(f->st->encoding, 3);
    assert_int_equal(f->st->page_size, 8192);
    assert_int_equal(f->st->auto_vacuum, 1);
    assert_int_equal(f->st->user_version, -3);
    assert_int_equal(f->st->application_id, 99);
    assert_true(f->st->wal);
}

static void schema_rows_come_in_order_with_their_exact_text(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE  t ( a /* caf\xc3\xa9 */ );CREATE INDEX i ON t(a);CREATE VIEW v AS "
                      "SELECT no_such(a) FROM t;"
                      "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TABLE u(x UNIQUE)");
    static const char *const types[] = {"table", "index", "view", "trigger", "table", "index"};
    static const char *const names[] = {"t", "i", "v", "g", "u", "sqlite_autoindex_u_1"};
    assert_int_equal(f->st->rows, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(f->st->row[i].type.ptr, types[i]);
        assert_string_equal(f->st->row[i].name.ptr, names[i]);
    }
    assert_string_equal(f->st->row[0].sql.ptr, "CREATE TABLE t ( a /* caf\xc3\xa9 */ )");
    assert_int_equal(f->st->row[0].sql.class, LK_TEXT);
    assert_int_equal(f->st->row[5].sql.class, LK_NULL);
    assert_null(f->st->row[5].sql.ptr);
    assert_true(f->st->row[0].has_pages && f->st->row[1].has_pages && !f->st->row[2].has_pages &&
                !f->st->row[3].has_pages);
    assert_int_equal(f->st->tables, 2); /* views are rows only */
    assert_int_equal(f->st->reasons, 0);
}

static void schema_text_that_is_not_valid_keeps_its_bytes(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE \"\xff\xfe\"(a)");
    assert_int_equal(f->st->row[0].name.class, LK_RAWTEXT);
    assert_string_equal(f->st->row[0].name.ptr, "\xff\xfe");
    assert_string_equal(table(f, "\xff\xfe")->name, "\xff\xfe");
}

static void schema_text_of_a_utf16_database_is_utf8(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "PRAGMA encoding='UTF-16le'; CREATE TABLE \"gr\xc3\xbc\xc3\x9f\"(a)");
    assert_int_equal(f->st->row[0].name.class, LK_TEXT);
    assert_string_equal(f->st->row[0].name.ptr, "gr\xc3\xbc\xc3\x9f");
    assert_non_null(table(f, "gr\xc3\xbc\xc3\x9f"));
}

static void columns_are_as_declared_and_virtual_ones_are_left_out(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE t(a DECIMAL(10,2), b, v AS (a) VIRTUAL, s INT AS (a) STORED, c "
                      "VARCHAR(3), PRIMARY KEY(c, a))");
    const struct lk_table_schema *t = table(f, "t");
    assert_int_equal(t->columns, 4);
    assert_string_equal(t->column[0].name, "a");
    assert_string_equal(t->column[0].declared_type, "DECIMAL(10,2)");
    assert_int_equal(t->column[0].affinity, LK_AFFINITY_NUMERIC);
    assert_int_equal(t->column[0].key, 2);
    assert_string_equal(t->column[1].declared_type, "");
    assert_int_equal(t->column[1].affinity, LK_AFFINITY_BLOB);
    assert_string_equal(t->column[2].name, "s");
    assert_true(t->column[2].stored_generated);
    assert_int_equal(t->column[3].key, 1);
    assert_false(t->column[3].is_rowid);
    assert_true(t->hidden_rowid);
}

static void only_a_real_alias_is_the_rowid(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE a(i INTEGER PRIMARY KEY); CREATE TABLE b(i integer, PRIMARY KEY(i ASC));"
                      "CREATE TABLE c(i INTEGER PRIMARY KEY DESC); CREATE TABLE d(i INT PRIMARY KEY);"
                      "CREATE TABLE e(i INTEGER PRIMARY KEY, x) WITHOUT ROWID; CREATE TABLE g(i INTEGER, j "
                      "INTEGER, PRIMARY KEY(i, j));"
                      "CREATE TABLE h(i \"INTEGER\" PRIMARY KEY AUTOINCREMENT); CREATE TABLE k(i INTEGER, "
                      "PRIMARY KEY(i DESC))");
    static const struct {
        const char *name;
        bool alias, hidden, without;
    } cases[] = {
        {"a", true, false, false}, {"b", true, false, false}, {"c", false, true, false},
        {"d", false, true, false}, {"e", false, false, true}, {"g", false, true, false},
        {"h", true, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct lk_table_schema *t = table(f, cases[i].name);
        assert_int_equal(t->column[0].is_rowid, cases[i].alias);
        assert_int_equal(t->hidden_rowid, cases[i].hidden);
        assert_int_equal(t->without_rowid, cases[i].without);
    }
    /* What SQLite says of the table constraint in descending order decides, whatever it is: writing i writes
     * the rowid, or not. */
    const struct lk_table_schema *k = table(f, "k");
    assert_true(k->column[0].is_rowid != k->hidden_rowid);
}

static void a_column_named_rowid_is_no_alias_and_hides_nothing_while_a_name_is_left(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE a(rowid, oid); CREATE TABLE b(rowid, _rowid_, oid); CREATE TABLE "
                      "c(RowId, _ROWID_, OID INTEGER PRIMARY KEY)");
    assert_true(table(f, "a")->hidden_rowid);
    assert_false(table(f, "b")->hidden_rowid);
    assert_true(table(f, "c")->column[2].is_rowid);
    assert_int_equal(f->st->reasons, 1);
    assert_true(has_reason(f, "table \"b\""));
}

static void tables_are_ordinary_shadow_or_internal(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE x_other(a); CREATE VIRTUAL TABLE x USING fts5(b); CREATE VIRTUAL TABLE r "
                      "USING rtree(id, lo, hi);"
                      "CREATE TABLE n(a INTEGER PRIMARY KEY AUTOINCREMENT); CREATE INDEX i ON x_other(a); "
                      "INSERT INTO x_other VALUES(1); ANALYZE");
    static const struct {
        const char *name;
        enum lk_table_kind kind;
    } cases[] = {{"x_data", LK_TABLE_SHADOW},        {"x_config", LK_TABLE_SHADOW},
                 {"r_node", LK_TABLE_SHADOW},        {"x_other", LK_TABLE_ORDINARY},
                 {"n", LK_TABLE_ORDINARY},           {"sqlite_sequence", LK_TABLE_INTERNAL},
                 {"sqlite_stat1", LK_TABLE_INTERNAL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_non_null(table(f, cases[i].name));
        assert_int_equal(table(f, cases[i].name)->kind, cases[i].kind);
    }
    assert_null(table(f, "x"));
    assert_null(table(f, "r"));
    assert_int_equal(f->st->reasons, 0);
}

static void the_tables_of_an_unknown_module_are_shadows_by_name_and_the_module_is_a_reason(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE geo_index(a); CREATE TABLE geometry(a); INSERT INTO geo_index VALUES(1); "
                      "PRAGMA writable_schema=ON;"
                      "INSERT INTO sqlite_schema VALUES('table', 'geo', 'geo', 0, 'CREATE VIRTUAL TABLE geo "
                      "USING spatial_thing(x)')");
    assert_int_equal(table(f, "geo_index")->kind, LK_TABLE_SHADOW);
    assert_int_equal(table(f, "geometry")->kind, LK_TABLE_ORDINARY);
    assert_true(has_reason(f, "no such module: spatial_thing"));
    assert_int_equal(f->st->reasons, 1);
}

static void what_an_application_brings_is_a_reason_with_its_name(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE ok(a COLLATE NOCASE CHECK(length(a) < 9), b AS (upper(a))); CREATE INDEX "
                      "ok_i ON ok(lower(a));"
                      "CREATE TABLE c1(a COLLATE NOCASE, b); CREATE INDEX i1 ON c1(a); CREATE TABLE c2(a "
                      "CHECK(abs(a))); CREATE TABLE c3(a, b AS (abs(a)));"
                      "CREATE TABLE c4(a); CREATE INDEX i4 ON c4(abs(a)); CREATE INDEX i5 ON c4(a) WHERE "
                      "abs(a) > 1; CREATE INDEX i6 ON c4(a COLLATE NOCASE);"
                      "CREATE VIRTUAL TABLE f USING fts5(a, tokenize=ascii); PRAGMA writable_schema=ON;"
                      "UPDATE sqlite_schema SET sql = replace(replace(sql, 'abs', 'app_function'), 'NOCASE', "
                      "'app_order') WHERE name NOT LIKE 'ok%';"
                      "UPDATE sqlite_schema SET sql = replace(sql, 'ascii', 'app_tokens')");
    assert_true(has_reason(f, "table \"c1\": no such collation sequence: app_order"));
    assert_true(has_reason(f, "table \"c2\": no such function: app_function"));
    assert_true(has_reason(f, "table \"c3\": no such function: app_function"));
    assert_true(has_reason(f, "index \"i4\" of table \"c4\": no such function: app_function"));
    assert_true(has_reason(f, "index \"i5\" of table \"c4\": no such function: app_function"));
    assert_true(has_reason(f, "index \"i6\" of table \"c4\": no such collation sequence: app_order"));
    assert_true(has_reason(f, "table \"f\""));
    assert_false(has_reason(f, "\"ok"));
    assert_false(has_reason(f, "i1")); /* it is said of its table */
    assert_int_equal(f->st->reasons, 7);
}

static void views_and_triggers_that_need_an_application_are_no_reason(void **state)
{
    struct fixture *f = *state;
    read_structure(f, "CREATE TABLE t(a); CREATE VIEW v AS SELECT app_function(a) FROM nowhere;"
                      "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT app_function(new.a); END");
    assert_int_equal(f->st->reasons, 0);
}

static void a_schema_that_cannot_be_parsed_is_unreadable_in_sqlite_s_words(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"),
                  "CREATE TABLE t(a); PRAGMA writable_schema=ON;"
                  "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a) WITH NEWS OF TOMORROW'");
    assert_int_equal(lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err), LK_OK);
    assert_int_equal(lk_structure_read(f->source, &f->st, &f->err), LK_UNREADABLE);
    assert_non_null(strstr(f->err.message, "a.db"));
    assert_non_null(strstr(f->err.message, "malformed database schema (t)"));
    assert_non_null(strstr(f->err.message, "newer SQLite"));
}

static void a_hostile_schema_runs_nothing(void **state)
{
    struct fixture *f = *state;
    /* Were any of it run, it would take for ever. */
    read_structure(f, "CREATE TABLE t(a); CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                      "i FROM n) SELECT count(*) FROM n;"
                      "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO t SELECT * FROM v; END;"
                      "CREATE INDEX i ON t(a) WHERE a > 1");
    assert_int_equal(f->st->tables, 1);
}

static void an_empty_database_has_default_settings_and_no_tables(void **state)
{
    struct fixture *f = *state;
    FILE *out = fopen(in_scratch(&f->dir, "a.db"), "we");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
    open_made(f);
    assert_int_equal(f->st->encoding, 1);
    assert_int_equal(f->st->page_size, 4096);
    assert_int_equal(f->st->rows, 0);
    assert_int_equal(f->st->tables, 0);
    assert_false(f->st->wal);
}

static void memory_that_runs_out_anywhere_is_reported(void **state)
{
    struct fixture *f = *state;
    read_structure(
        f,
        "CREATE TABLE t(a, b INTEGER PRIMARY KEY); CREATE INDEX i ON t(a); CREATE TABLE u(a COLLATE NOCASE);"
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'NOCASE', 'app_order')");
    assert_int_equal(f->st->reasons, 1);
    int failures = 0;
    for (enum lk_status status = LK_FAILED; status != LK_OK; failures++) {
        assert_true(failures < 500);
        lk_structure_free(f->st);
        f->st = NULL;
        lk_memory_fail_after(failures, 1);
        status = lk_structure_read(f->source, &f->st, &f->err);
        lk_memory_fail_after(-1, 0);
        assert_true(status == LK_OK || status == LK_FAILED);
    }
    assert_true(failures > 10);
    assert_int_equal(f->st->tables, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(the_settings_are_those_of_the_database),
        CASE(schema_rows_come_in_order_with_their_exact_text),
        CASE(schema_text_that_is_not_valid_keeps_its_bytes),
        CASE(schema_text_of_a_utf16_database_is_utf8),
        CASE(columns_are_as_declared_and_virtual_ones_are_left_out),
        CASE(only_a_real_alias_is_the_rowid),
        CASE(a_column_named_rowid_is_no_alias_and_hides_nothing_while_a_name_is_left),
        CASE(tables_are_ordinary_shadow_or_internal),
        CASE(the_tables_of_an_unknown_module_are_shadows_by_name_and_the_module_is_a_reason),
        CASE(what_an_application_brings_is_a_reason_with_its_name),
        CASE(views_and_triggers_that_need_an_application_are_no_reason),
        CASE(a_schema_that_cannot_be_parsed_is_unreadable_in_sqlite_s_words),
        CASE(a_hostile_schema_runs_nothing),
        CASE(an_empty_database_has_default_settings_and_no_tables),
        CASE(memory_that_runs_out_anywhere_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
