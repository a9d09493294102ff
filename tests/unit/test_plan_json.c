#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "batch/plan.h"

static void check(enum lk_status status, const struct lk_error *err)
{
    if (status != LK_OK)
        fail_msg("%s", err->message);
}

static void a_plan_comes_back_the_same(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_table_schema *t = lk_table_schema_new("odd \xff name"), *t2 = NULL;
    struct lk_table_stats *s = NULL;
    struct lk_plan *p = NULL, *p2 = NULL;
    struct lk_buffer json = {0};
    int64_t first_rowid = 0;
    lk_table_schema_add(t, "a", "DECIMAL")->key = 2;
    lk_table_schema_add(t, "", "")->stored_generated = true;
    lk_table_schema_add(t, "\xc3(", "BLOB");
    t->hidden_rowid = true;
    t->kind = LK_TABLE_SHADOW;
    check(lk_table_stats_new(3, &s, &err), &err);
    s->rowids_not_sequence = true;
    s->column[0].counts[LK_INTEGER] = s->column[0].counts[LK_REAL] = 1;
    s->column[0].affinity_fails = true;
    for (size_t k = 0; k < LK_CLASSES; k++)
        s->column[1].counts[k] = 5 + k;
    s->column[1].integers_inexact = true;
    check(lk_plan_new(t, s, NULL, &p, &err), &err);
    check(lk_plan_to_json(t, p, 77, &json, &err), &err);
    check(lk_plan_from_json(lk_buffer_bytes(&json), &t2, &p2, &first_rowid, &err), &err);
    assert_true(lk_plan_equal(p, p2));
    assert_int_equal(first_rowid, 77);
    assert_string_equal(t2->name, t->name);
    assert_int_equal(t2->kind, LK_TABLE_SHADOW);
    assert_true(t2->hidden_rowid);
    assert_int_equal(t2->columns, 3);
    assert_int_equal(t2->column[0].key, 2);
    assert_int_equal(t2->column[0].affinity, LK_AFFINITY_NUMERIC);
    assert_true(t2->column[1].stored_generated);
    assert_string_equal(t2->column[2].name, "\xc3(");
    lk_buffer_reset(&json);
    lk_plan_free(p);
    lk_plan_free(p2);
    lk_table_schema_free(t);
    lk_table_schema_free(t2);
    lk_table_stats_free(s);
}

static void hostile_json_is_damage_and_nothing_is_returned(void **state)
{
    (void)state;
    static const char *const hostile[] = {
        "",
        "{",
        "[]",
        "{\"version\":1}",
        "{\"version\":2,\"table\":\"t\",\"kind\":\"table\",\"columns\":[]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"view\",\"columns\":[]}",
        "{\"version\":1,\"table\":7,\"kind\":\"table\",\"columns\":[]}",
        "{\"version\":1,\"table\":\"t\\u0000u\",\"kind\":\"table\",\"columns\":[]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"rowid\":\"_rowid_\",\"columns\":[]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"columns\":[7]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"columns\":[{\"name\":\"a\"}]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"columns\":[{\"name\":\"a\",\"affinity\":\"X\","
        "\"column\":\"a\",\"main\":"
        "\"INT64\"}]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"columns\":[{\"name\":\"a\",\"affinity\":"
        "\"TEXT\",\"column\":\"a\","
        "\"main\":\"INT32\"}]}",
        /* an exception of main's own class; merged without DOUBLE; is_int without merged */
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"columns\":[{\"name\":\"a\",\"affinity\":"
        "\"TEXT\",\"column\":\"a\","
        "\"main\":\"INT64\",\"exceptions\":{\"integer\":\"b\"}}]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"columns\":[{\"name\":\"a\",\"affinity\":"
        "\"TEXT\",\"column\":\"a\","
        "\"main\":\"INT64\",\"merged\":true}]}",
        "{\"version\":1,\"table\":\"t\",\"kind\":\"table\",\"columns\":[{\"name\":\"a\",\"affinity\":"
        "\"TEXT\",\"column\":\"a\","
        "\"main\":\"DOUBLE\",\"is_int\":\"b\"}]}",
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct lk_table_schema *t = NULL;
        struct lk_plan *p = NULL;
        struct lk_error err = {0};
        int64_t first_rowid;
        const enum lk_status status = lk_plan_from_json(lk_bytes_of(hostile[i]), &t, &p, &first_rowid, &err);
        if (status != LK_DAMAGED || t != NULL || p != NULL)
            fail_msg("case %zu: status %d", i, (int)status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_comes_back_the_same),
        cmocka_unit_test(hostile_json_is_damage_and_nothing_is_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
