#include "backup_fixture.h"

#include "base/memory.h"
#include "ops/compare_file.h"

static const char content[] =
    "PRAGMA user_version=4; CREATE TABLE t(a, b TEXT); CREATE INDEX i ON t(a); CREATE TABLE w(k PRIMARY KEY, "
    "v) WITHOUT "
    "ROWID; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000) INSERT INTO t "
    "SELECT i, "
    "'text ' || i FROM n; INSERT INTO w SELECT a, b FROM t WHERE a % 100 = 0; CREATE TABLE e(x); CREATE VIEW "
    "v AS "
    "SELECT 1; CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO s VALUES(5);";

static int set_up(void **state)
{
    static struct backup_fixture f;
    backup_fixture_make(&f);
    make_database(in_scratch(&f.scratch, "d.db"), content);
    backup_fixture_take(&f, in_scratch(&f.scratch, "d.db"), NULL);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    lk_memory_fail_after(-1, 0);
    return backup_fixture_remove(*state) ? 0 : -1;
}

static void count_rows(void *context, uint64_t rows)
{
    *(uint64_t *)context = rows;
}

static enum lk_status compare_on(struct backup_fixture *f, unsigned threads, const char *const *tables,
                                 const char *const *left_out)
{
    uint64_t rows = 0;
    const struct lk_compare_file_options options = {.secret = f->lk->store->secret,
                                                    .tables = tables,
                                                    .left_out = left_out,
                                                    .threads = threads,
                                                    .on_rows = count_rows,
                                                    .context = &rows};
    const enum lk_status status =
        lk_compare_file(in_scratch(&f->scratch, "d.db"), f->backup->manifest, &options, &f->err);
    if (status == LK_OK && tables == NULL && left_out == NULL)
        assert_int_equal(rows, f->backup->manifest->total_rows);
    return status;
}

static enum lk_status compare(struct backup_fixture *f, const char *const *tables,
                              const char *const *left_out)
{
    return compare_on(f, 0, tables, left_out);
}

static void the_same_database_compares_equal_and_stays_as_it_is(void **state)
{
    struct backup_fixture *f = *state;
    const struct file_hash before = hash_file(&f->scratch, "d.db");
    if (compare(f, NULL, NULL) != LK_OK)
        fail_msg("%s", f->err.message);
    assert_true(same_file_hash(before, hash_file(&f->scratch, "d.db")));
    assert_false(file_exists(in_scratch(&f->scratch, "d.db-journal")));
}

static void every_difference_is_found_and_named(void **state)
{
    struct backup_fixture *f = *state;
    static const struct {
        const char *change, *back, *words;
    } cases[] = {
        {"UPDATE t SET b = 'text 9998' WHERE rowid = 9999", "UPDATE t SET b = 'text 9999' WHERE rowid = 9999",
         "table \"t\": rows 1 to 65536"},
        {"UPDATE t SET a = 150000.0 WHERE rowid = 150000", "UPDATE t SET a = 150000 WHERE rowid = 150000",
         "table \"t\": rows 131073 to 150000"},
        {"UPDATE t SET rowid = 200000 WHERE rowid = 150000",
         "UPDATE t SET rowid = 150000 WHERE rowid = 200000", "table \"t\": rows 131073"},
        {"INSERT INTO t VALUES(1, 1)", "DELETE FROM t WHERE rowid = 150001",
         "table \"t\": has more than the 150000"},
        {"DELETE FROM t WHERE rowid = 150000", "INSERT INTO t VALUES(150000, 'text 150000')",
         "table \"t\": after row 131072 there are 18927 rows"},
        {"INSERT INTO e VALUES(1)", "DELETE FROM e", "table \"e\": has more"},
        {"UPDATE w SET v = x'00' WHERE k = 100", "UPDATE w SET v = 'text 100' WHERE k = 100", "table \"w\""},
        {"UPDATE sqlite_sequence SET seq = 6", "UPDATE sqlite_sequence SET seq = 5", "sqlite_sequence"},
        {"PRAGMA user_version=5", "PRAGMA user_version=4", "user_version is 5, and 4"},
        {"PRAGMA application_id=5", "PRAGMA application_id=0", "application_id"},
        {"PRAGMA journal_mode=WAL", "PRAGMA journal_mode=DELETE", "journal mode"},
        {"CREATE TABLE more(a)", "DROP TABLE more", "which the backup has not"},
        {"DROP VIEW v; CREATE VIEW v AS SELECT 2",
         "DROP VIEW v; CREATE VIEW v AS SELECT 1; PRAGMA writable_schema=ON; CREATE TABLE x AS SELECT * FROM "
         "sqlite_schema ORDER BY name <> 't', name <> 'i', name <> 'w', name <> 'e', name <> 'v'; DELETE "
         "FROM "
         "sqlite_schema; INSERT INTO sqlite_schema SELECT * FROM x WHERE name <> 'x'",
         "view \"v\""},
    };
    const size_t count = sizeof cases / sizeof *cases;
    for (size_t i = 0; i < count; i++) {
        make_database(in_scratch(&f->scratch, "d.db"), cases[i].change);
        assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
        if (strstr(f->err.message, cases[i].words) == NULL)
            fail_msg("%s: %s", cases[i].change, f->err.message);
        if (i + 1 == count)
            break;
        make_database(in_scratch(&f->scratch, "d.db"), cases[i].back);
        if (compare(f, NULL, NULL) != LK_OK)
            fail_msg("%s: %s", cases[i].back, f->err.message);
    }
}

/* Texts of the same length; whatever SQLite makes of them. */
static void each_column_of_the_schema_counts(void **state)
{
    struct backup_fixture *f = *state;
    static const char *const changes[][2] = {
        {"sql = 'CREATE VIEW v AS SELECT 2'", "sql = 'CREATE VIEW v AS SELECT 1'"},
        {"type = 'View'", "type = 'view'"},
        {"name = 'V'", "name = 'v'"},
        {"tbl_name = 'V'", "tbl_name = 'v'"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        for (size_t back = 0; back < 2; back++) {
            char sql[256];
            (void)snprintf(
                sql, sizeof sql,
                "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET %s WHERE name = 'v' COLLATE NOCASE",
                changes[i][back]);
            make_database(in_scratch(&f->scratch, "d.db"), sql);
            const enum lk_status status = compare(f, NULL, NULL);
            if (status != (back == 1 ? LK_OK : LK_DAMAGED))
                fail_msg("%s: %s", changes[i][back], f->err.message);
        }
    }
}

static void each_pragma_counts(void **state)
{
    struct backup_fixture *f = *state;
    struct lk_manifest *m = f->backup->manifest;
    char other[] = "UTF-16le", *encoding = m->pragmas.encoding;
    m->pragmas.page_size *= 2;
    assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
    assert_non_null(strstr(f->err.message, "page_size"));
    m->pragmas.page_size /= 2;
    m->pragmas.auto_vacuum++;
    assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
    assert_non_null(strstr(f->err.message, "auto_vacuum"));
    m->pragmas.auto_vacuum--;
    m->pragmas.encoding = other;
    assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
    assert_non_null(strstr(f->err.message, "encoding"));
    m->pragmas.encoding = encoding;
    assert_int_equal(compare(f, NULL, NULL), LK_OK);
}

/* Without rows no hash would tell. */
static void an_empty_table_of_other_columns_or_another_key_is_found(void **state)
{
    struct backup_fixture *f = *state;
    static const char *const tables[] = {"e", NULL};
    static const char *const changes[] = {"DROP TABLE e; CREATE TABLE e(x, y)",
                                          "DROP TABLE e; CREATE TABLE e(x INTEGER PRIMARY KEY)",
                                          "DROP TABLE e; CREATE TABLE e(x PRIMARY KEY) WITHOUT ROWID"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        make_database(in_scratch(&f->scratch, "d.db"), changes[i]);
        assert_int_equal(compare(f, tables, NULL), LK_DAMAGED);
        assert_non_null(strstr(f->err.message, "columns and the key"));
    }
    make_database(in_scratch(&f->scratch, "d.db"), "DROP TABLE e; CREATE TABLE e(x)");
    assert_int_equal(compare(f, tables, NULL), LK_OK);
}

static void shadow_tables_are_compared_with_their_virtual_table(void **state)
{
    struct backup_fixture *f = *state;
    static const char *const tables[] = {"words", NULL};
    const char *path = in_scratch(&f->scratch, "d.db");
    backup_fixture_drop(f);
    make_database(path, "CREATE VIRTUAL TABLE words USING fts5(x); INSERT INTO words VALUES('one')");
    backup_fixture_take(f, path, NULL);
    if (compare(f, tables, NULL) != LK_OK)
        fail_msg("%s", f->err.message);
    make_database(path, "UPDATE words_content SET c0 = 'two'");
    assert_int_equal(compare(f, tables, NULL), LK_DAMAGED);
    assert_non_null(strstr(f->err.message, "words_content"));
}

/* As if each block of the first table were a part of its own: rows 1 to 65536, to 131072, to 150000. */
struct divided {
    struct lk_manifest_table *table;
    struct lk_manifest_part whole, *kept;
    struct lk_manifest_part part[3];
};

static void divide(struct backup_fixture *f, struct divided *d)
{
    static const int64_t keys[] = {1, 65537, 131073, 150001};
    d->table = f->backup->manifest->table[0];
    assert_int_equal(d->table->parts, 1);
    assert_int_equal(d->table->part[0].blocks, 3);
    d->kept = d->table->part;
    for (size_t i = 0; i < 3; i++) {
        d->part[i] = d->kept[0];
        d->part[i].has_keys = true;
        d->part[i].first_key = keys[i];
        d->part[i].last_key = keys[i + 1] - 1;
        d->part[i].rows = d->kept[0].block[i].rows;
        d->part[i].blocks = 1;
        d->part[i].block = &d->kept[0].block[i];
    }
    d->table->part = d->part;
    d->table->parts = 3;
}

static void unite(struct divided *d)
{
    d->table->part = d->kept;
    d->table->parts = 1;
}

static void parts_are_compared_on_threads_and_so_are_the_rows_between_them(void **state)
{
    struct backup_fixture *f = *state;
    static const struct {
        const char *change, *back, *words;
    } cases[] = {
        {"DELETE FROM t WHERE rowid = 65536", "INSERT INTO t(rowid, a, b) VALUES(65536, 65536, 'text 65536')",
         "table \"t\": rows 1 to 65536"},
        {"DELETE FROM t WHERE rowid = 65537", "INSERT INTO t(rowid, a, b) VALUES(65537, 65537, 'text 65537')",
         "table \"t\": row 65537 is not that"},
        {"DELETE FROM t WHERE rowid > 131072",
         "WITH RECURSIVE n(i) AS (SELECT 131073 UNION ALL SELECT i + 1 FROM n WHERE i < 150000) INSERT INTO "
         "t "
         "SELECT i, 'text ' || i FROM n",
         "table \"t\": row 131073 is missing"},
        {"INSERT INTO t VALUES(1, 1)", "DELETE FROM t WHERE rowid = 150001",
         "table \"t\": has more than the 150000"},
        {"INSERT INTO t(rowid, a) VALUES(-1, 1)", "DELETE FROM t WHERE rowid = -1", "table \"t\": rows 1 to"},
        {"UPDATE t SET b = '' WHERE rowid IN (70000, 140000)",
         "UPDATE t SET b = 'text ' || a WHERE rowid IN (70000, 140000)", "table \"t\": rows 65537 to 131072"},
        {"UPDATE w SET v = x'00' WHERE k = 100", "UPDATE w SET v = 'text 100' WHERE k = 100", "table \"w\""},
    };
    struct divided d;
    divide(f, &d);
    for (unsigned threads = 0; threads < 9; threads += 2)
        if (compare_on(f, threads, NULL, NULL) != LK_OK)
            fail_msg("%u threads: %s", threads, f->err.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_database(in_scratch(&f->scratch, "d.db"), cases[i].change);
        for (unsigned threads = 1; threads < 4; threads++) {
            assert_int_equal(compare_on(f, threads, NULL, NULL), LK_DAMAGED);
            if (strstr(f->err.message, cases[i].words) == NULL)
                fail_msg("%u threads: %s: %s", threads, cases[i].change, f->err.message);
        }
        make_database(in_scratch(&f->scratch, "d.db"), cases[i].back);
        if (compare_on(f, 3, NULL, NULL) != LK_OK)
            fail_msg("%s: %s", cases[i].back, f->err.message);
    }
    unite(&d);
}

/* A row between two parts that belongs to neither: whatever keys a manifest claims. */
static void keys_that_leave_a_row_out_are_damage(void **state)
{
    struct backup_fixture *f = *state;
    struct divided d;
    divide(f, &d);
    d.part[1].first_key = 65538;
    assert_int_equal(compare_on(f, 2, NULL, NULL), LK_DAMAGED);
    d.part[1].first_key = INT64_MIN;
    assert_int_equal(compare_on(f, 2, NULL, NULL), LK_DAMAGED);
    d.part[1].first_key = INT64_MAX;
    assert_int_equal(compare_on(f, 2, NULL, NULL), LK_DAMAGED);
    unite(&d);
}

static void single_tables_are_compared_whatever_else_there_is(void **state)
{
    struct backup_fixture *f = *state;
    const char *const tables[] = {"w", "s", NULL};
    make_database(in_scratch(&f->scratch, "d.db"),
                  "DROP TABLE t; PRAGMA user_version=9; UPDATE sqlite_sequence SET seq = 99");
    assert_int_equal(compare(f, tables, NULL), LK_OK);
    make_database(in_scratch(&f->scratch, "d.db"), "DELETE FROM s");
    assert_int_equal(compare(f, tables, NULL), LK_DAMAGED);
    assert_non_null(strstr(f->err.message, "table \"s\""));
    make_database(in_scratch(&f->scratch, "d.db"), "DROP TABLE s");
    assert_int_equal(compare(f, tables, NULL), LK_DAMAGED);
    assert_non_null(strstr(f->err.message, "missing"));
}

static void what_is_knowingly_left_out_is_not_missed(void **state)
{
    struct backup_fixture *f = *state;
    make_database(in_scratch(&f->scratch, "d.db"), "DROP INDEX i; DROP TABLE w");
    assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
    assert_int_equal(compare(f, NULL, (const char *const[]){"i", NULL}), LK_DAMAGED);
    if (compare(f, NULL, (const char *const[]){"i", "w", NULL}) != LK_OK)
        fail_msg("%s", f->err.message);
}

static void blocks_that_no_batch_holds_are_damage(void **state)
{
    struct backup_fixture *f = *state;
    struct lk_manifest_table *t = f->backup->manifest->table[0];
    t->part[0].block[0].rows = UINT32_MAX;
    assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
    t->part[0].block[0].rows = 65537;
    assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
    t->part[0].block[0].rows = 1;
    assert_int_equal(compare(f, NULL, NULL), LK_DAMAGED);
}

static void every_allocation_may_fail(void **state)
{
    struct backup_fixture *f = *state;
    enum lk_status status = LK_FAILED;
    for (int64_t n = 0; status != LK_OK && n < 100000; n += n < 60 ? 1 : 7) {
        lk_memory_fail_after(n, 0);
        status = compare(f, (const char *const[]){"w", NULL}, NULL);
        lk_memory_fail_after(-1, 0);
        if (status != LK_OK)
            assert_true(f->err.message[0] != '\0');
    }
    assert_int_equal(status, LK_OK);
}

int main(void)
{
#define with_backup(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_backup(the_same_database_compares_equal_and_stays_as_it_is),
        with_backup(every_difference_is_found_and_named),
        with_backup(each_column_of_the_schema_counts),
        with_backup(each_pragma_counts),
        with_backup(shadow_tables_are_compared_with_their_virtual_table),
        with_backup(an_empty_table_of_other_columns_or_another_key_is_found),
        with_backup(parts_are_compared_on_threads_and_so_are_the_rows_between_them),
        with_backup(keys_that_leave_a_row_out_are_damage),
        with_backup(single_tables_are_compared_whatever_else_there_is),
        with_backup(what_is_knowingly_left_out_is_not_missed),
        with_backup(blocks_that_no_batch_holds_are_damage),
        with_backup(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
