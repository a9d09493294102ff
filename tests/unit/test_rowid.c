#include "database.h"

#include "sqlite/rowid.h"

static void the_first_name_that_is_no_column_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *columns, *name;
    } cases[] = {
        {"a", "rowid"},
        {"RowID", "_rowid_"},
        {"rowid, _ROWID_", "oid"},
        {"_rowid_, oid", "rowid"},
        {"a, rowid AS (a) VIRTUAL", "_rowid_"},
        {"a, rowid AS (a) STORED, oid", "_rowid_"},
        {"rowid, _rowid_, oid", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sqlite3 *db = NULL;
        const char *name = "";
        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        char *sql = sqlite3_mprintf("CREATE TABLE \"a \"\"t\"(%s)", cases[i].columns);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_free(sql);
        assert_int_equal(lk_rowid_name(db, "a \"t", &name), SQLITE_OK);
        if (cases[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, cases[i].name);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_name_that_is_no_column_is_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
