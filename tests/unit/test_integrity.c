#include "database.h"

#include "sqlite/integrity.h"

struct place {
    struct lk_dir dir;
    char path[600];
};

static void open_place(struct place *p, const char *sql)
{
    assert_true(scratch_make(&p->dir));
    (void)snprintf(p->path, sizeof p->path, "%s/t.db", p->dir.path);
    make_database(p->path, sql);
}

static enum lk_status look(const struct place *p, const char *const *tables, uint64_t *values,
                           struct lk_error *err)
{
    static const struct lk_structure nothing_refused = {.encoding = 1};
    const struct lk_integrity_options options = {
        .structure = &nothing_refused, .tables = tables, .alone = true};
    *err = (struct lk_error){0};
    return lk_integrity_check(p->path, &options, values, err);
}

static void a_sound_database_is_ok_also_with_texts_of_utf16_compared(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err;
    uint64_t values = 9;
    open_place(&p,
               "PRAGMA encoding='UTF-16le'; CREATE TABLE t(v COLLATE NOCASE UNIQUE, w COLLATE RTRIM UNIQUE);"
               "INSERT INTO t VALUES('B','a '),('a','b'),('É','c')");
    assert_int_equal(look(&p, NULL, &values, &err), LK_OK);
    assert_int_equal(values, 0);
    assert_true(scratch_remove(&p.dir));
}

static void an_index_that_does_not_fit_is_damage_by_its_name(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err;
    uint64_t values;
    static const char *const other[] = {"u", NULL};
    static const char *const hurt[] = {"u", "t", NULL};
    open_place(&p,
               "CREATE TABLE t(v); CREATE INDEX t_v ON t(v); INSERT INTO t VALUES(1),(2); CREATE TABLE u(x);"
               "PRAGMA writable_schema=ON;"
               "UPDATE sqlite_schema SET sql='CREATE INDEX t_v ON t(v DESC)' WHERE name='t_v'");
    assert_int_equal(look(&p, NULL, &values, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "t_v"));
    assert_int_equal(look(&p, other, &values, &err), LK_OK);
    assert_int_equal(look(&p, hurt, &values, &err), LK_DAMAGED);
    assert_true(scratch_remove(&p.dir));
}

static void values_that_the_schema_forbids_are_counted_and_no_damage(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err;
    uint64_t values = 0;
    open_place(&p, "CREATE TABLE t(v, w); INSERT INTO t VALUES(NULL, 1),(2, -1); PRAGMA writable_schema=ON;"
                   "UPDATE sqlite_schema SET sql='CREATE TABLE t(v NOT NULL, w CHECK (w > 0))'");
    assert_int_equal(look(&p, NULL, &values, &err), LK_OK);
    assert_true(values >= 1); /* the CHECK is looked at by some versions of SQLite only */
    assert_true(scratch_remove(&p.dir));
}

static void no_database_cannot_be_checked(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err;
    uint64_t values;
    open_place(&p, "CREATE TABLE t(v)");
    FILE *f = fopen(p.path, "w");
    assert_non_null(f);
    assert_true(fputs("no database, but long enough to look like one, as far as its length goes", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(look(&p, NULL, &values, &err), LK_UNREADABLE);
    assert_true(scratch_remove(&p.dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_database_is_ok_also_with_texts_of_utf16_compared),
        cmocka_unit_test(an_index_that_does_not_fit_is_damage_by_its_name),
        cmocka_unit_test(values_that_the_schema_forbids_are_counted_and_no_damage),
        cmocka_unit_test(no_database_cannot_be_checked),
    };
    return cmocka_run_group_tests_name("integrity", tests, NULL, NULL);
}
