#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "batch/plan.h"

/* One column named "x": counts, and the plan they give. */
struct one {
    struct lk_table_schema *schema;
    struct lk_table_stats *stats;
    struct lk_plan *plan;
};

static void check(enum lk_status status, const struct lk_error *err)
{
    if (status != LK_OK)
        fail_msg("%s", err->message);
}

static struct one start(const char *type)
{
    struct one o = {.schema = lk_table_schema_new("t")};
    struct lk_error err = {0};
    assert_non_null(lk_table_schema_add(o.schema, "x", type));
    check(lk_table_stats_new(1, &o.stats, &err), &err);
    return o;
}

static void make_plan(struct one *o, const struct lk_plan *history)
{
    struct lk_error err = {0};
    check(lk_plan_new(o->schema, o->stats, history, &o->plan, &err), &err);
}

static void finish(struct one *o)
{
    lk_plan_free(o->plan);
    lk_table_stats_free(o->stats);
    lk_table_schema_free(o->schema);
}

static void add(struct one *o, const char *values)
{
    struct lk_batch *b = lk_batch_new(1, false);
    for (const char *v = values; *v != '\0'; v++) {
        struct lk_column *c = &b->column[0];
        switch (*v) {
        case 'i':
            lk_column_add_integer(b, c, 3);
            break;
        case 'I':
            lk_column_add_integer(b, c, (INT64_C(1) << 53) + 1);
            break;
        case 'r':
            lk_column_add_real(b, c, 2.5);
            break;
        case 'R': /* a real that NUMERIC affinity would have made an integer */
            lk_column_add_real(b, c, 5.0);
            break;
        case 'Z':
            lk_column_add_real(b, c, -0.0);
            break;
        case 't':
            lk_column_add_bytes(b, c, LK_TEXT, "t", 1);
            break;
        case 'b':
            lk_column_add_bytes(b, c, LK_BLOB, "b", 1);
            break;
        case 'w':
            lk_column_add_bytes(b, c, LK_RAWTEXT, "\xff", 1);
            break;
        default:
            lk_column_add_null(b, c);
            break;
        }
        lk_batch_end_row(b, 0);
    }
    lk_table_stats_add(o->stats, o->schema, b);
    lk_batch_free(b);
}

struct rule {
    const char *type, *values;
    enum lk_type main;
    bool merged, is_int;
    const char *exceptions; /* of i r t b w */
};

static void the_columns_follow_the_rule_of_most_values(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"INTEGER", "iii", LK_TYPE_INT64, false, false, ""},
        {"INTEGER", "iit", LK_TYPE_INT64, false, false, "t"},
        {"INTEGER", "itt", LK_TYPE_STRING, false, false, "i"},
        {"INTEGER", "it", LK_TYPE_INT64, false, false, "t"},      /* tie: INT64 first */
        {"TEXT", "tb", LK_TYPE_STRING, false, false, "b"},        /* tie: STRING before BYTE_ARRAY */
        {"", "rt", LK_TYPE_DOUBLE, false, false, "t"},            /* tie: DOUBLE before STRING */
        {"DECIMAL(8,2)", "irr", LK_TYPE_DOUBLE, true, false, ""}, /* affinity tells them apart */
        {"DECIMAL(8,2)", "iRr", LK_TYPE_DOUBLE, true, true, ""},  /* it does not */
        {"DECIMAL(8,2)", "iZ", LK_TYPE_DOUBLE, true, true, ""},
        {"", "ir", LK_TYPE_DOUBLE, true, true, ""}, /* no affinity, no rule */
        {"REAL", "ri", LK_TYPE_DOUBLE, true, true, ""},
        {"NUMERIC", "Ir", LK_TYPE_INT64, false, false, "r"}, /* 2^53+1 is not exact: never merged */
        {"NUMERIC", "Irr", LK_TYPE_DOUBLE, false, false, "i"},
        {"TEXT", "tttir", LK_TYPE_STRING, false, false, "ir"},
        {"NUMERIC", "irttb", LK_TYPE_DOUBLE, true, false, "tb"}, /* two numbers and two texts: a tie */
        {"TEXT", "ww", LK_TYPE_STRING, false, false, "w"},       /* rawtext never leads */
        {"BLOB", "bww", LK_TYPE_BYTE_ARRAY, false, false, "w"},
        {"TEXT", "nn", LK_TYPE_STRING, false, false, ""}, /* no values: by affinity */
        {"REAL", "", LK_TYPE_DOUBLE, false, false, ""},
        {"BLOB", "n", LK_TYPE_BYTE_ARRAY, false, false, ""},
        {"DATE", "n", LK_TYPE_INT64, false, false, ""},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        struct one o = start(r->type);
        add(&o, r->values);
        make_plan(&o, NULL);
        const struct lk_column_plan *p = &o.plan->column[0];
        if (p->main != r->main || p->merged != r->merged || (p->is_int_name != NULL) != r->is_int)
            fail_msg("%s of '%s': main %d merged %d is_int %d", r->type, r->values, (int)p->main, p->merged,
                     p->is_int_name != NULL);
        for (enum lk_class k = LK_INTEGER; k < LK_CLASSES; k++) {
            const bool wanted = strchr(r->exceptions, " irtbw"[k]) != NULL;
            if ((p->exception_name[k] != NULL) != wanted)
                fail_msg("%s of '%s': exception %s", r->type, r->values, lk_class_name(k));
        }
        assert_true(lk_plan_holds(o.plan, o.stats));
        finish(&o);
    }
}

static void a_column_never_narrows(void **state)
{
    (void)state;
    struct one first = start("NUMERIC"), second = start("NUMERIC"), third = start("NUMERIC");
    add(&first, "iRrtw");
    make_plan(&first, NULL);
    add(&second, "ii");
    make_plan(&second, first.plan);
    assert_true(lk_plan_equal(first.plan, second.plan));
    make_plan(&third, first.plan); /* no rows at all */
    assert_true(lk_plan_equal(first.plan, third.plan));
    finish(&first);
    finish(&second);
    finish(&third);
}

static void a_column_that_was_empty_takes_the_type_of_its_first_values(void **state)
{
    (void)state;
    struct one empty = start("DATE"), filled = start("DATE");
    make_plan(&empty, NULL);
    add(&filled, "ttt");
    make_plan(&filled, empty.plan);
    assert_int_equal(filled.plan->column[0].main, LK_TYPE_STRING);
    assert_null(filled.plan->column[0].exception_name[LK_INTEGER]);
    finish(&empty);
    finish(&filled);
}

static void the_main_type_stays_while_its_values_do(void **state)
{
    (void)state;
    struct one before = start(""), after = start("");
    add(&before, "ttti");
    make_plan(&before, NULL);
    add(&after, "tiiii");
    make_plan(&after, before.plan);
    assert_int_equal(after.plan->column[0].main, LK_TYPE_STRING);
    assert_true(lk_plan_holds(after.plan, after.stats));
    finish(&before);
    finish(&after);
}

static void reals_joining_integers_make_one_double_column(void **state)
{
    (void)state;
    struct one before = start("NUMERIC"), after = start("NUMERIC");
    add(&before, "iii");
    make_plan(&before, NULL);
    assert_int_equal(before.plan->column[0].main, LK_TYPE_INT64);
    add(&after, "iiir");
    make_plan(&after, before.plan);
    assert_int_equal(after.plan->column[0].main, LK_TYPE_DOUBLE);
    assert_true(after.plan->column[0].merged);
    assert_false(lk_plan_holds(before.plan, after.stats));
    finish(&before);
    finish(&after);
}

static void exception_names_give_way_to_real_columns(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_table_schema *t = lk_table_schema_new("t");
    struct lk_table_stats *s = NULL;
    struct lk_plan *p = NULL;
    lk_table_schema_add(t, "price", "INT");
    lk_table_schema_add(t, "PRICE__TEXT", "TEXT");
    lk_table_schema_add(t, "_rowid_", "INT");
    lk_table_schema_add(t, "caf\xe9", "INT"); /* Latin-1: no UTF-8 */
    t->hidden_rowid = true;
    check(lk_table_stats_new(4, &s, &err), &err);
    s->column[0].counts[LK_INTEGER] = 2;
    s->column[0].counts[LK_TEXT] = 1;
    s->rowids_not_sequence = true;
    check(lk_plan_new(t, s, NULL, &p, &err), &err);
    assert_string_equal(p->column[0].exception_name[LK_TEXT], "price__text_");
    assert_string_equal(p->rowid_name, "_rowid__");
    assert_string_equal(p->column[3].name, "caf%E9");
    lk_plan_free(p);
    lk_table_stats_free(s);
    lk_table_schema_free(t);
}

static void affinity_tells_integers_as_sqlite_does(void **state)
{
    (void)state;
    assert_true(lk_affinity_says_integer(LK_AFFINITY_NUMERIC, 5.0));
    assert_true(lk_affinity_says_integer(LK_AFFINITY_INTEGER, -0.0));
    assert_true(lk_affinity_says_integer(LK_AFFINITY_NUMERIC, 1e18));
    assert_false(lk_affinity_says_integer(LK_AFFINITY_NUMERIC, 2.5));
    assert_false(lk_affinity_says_integer(LK_AFFINITY_NUMERIC, 0x1p63));
    assert_false(lk_affinity_says_integer(LK_AFFINITY_NUMERIC, -0x1p63));
    assert_false(lk_affinity_says_integer(LK_AFFINITY_NUMERIC, INFINITY));
    assert_false(lk_affinity_says_integer(LK_AFFINITY_REAL, 5.0));
    assert_false(lk_affinity_says_integer(LK_AFFINITY_TEXT, 5.0));
}

static void hidden_rowids_need_a_column_only_when_they_are_no_sequence(void **state)
{
    (void)state;
    static const int64_t sequence[] = {1, 2, 3}, gap[] = {1, 2, 4}, shifted[] = {2, 3, 4};
    const int64_t *const all[] = {sequence, gap, shifted};
    for (size_t i = 0; i < 3; i++) {
        struct one o = start("INT");
        struct lk_batch *b = lk_batch_new(1, true);
        o.schema->hidden_rowid = true;
        for (size_t row = 0; row < 3; row++) {
            lk_column_add_null(b, &b->column[0]);
            lk_batch_end_row(b, all[i][row]);
            /* In batches of one: the count goes on. */
            lk_table_stats_add(o.stats, o.schema, b);
            lk_batch_clear(b);
        }
        make_plan(&o, NULL);
        assert_int_equal(o.plan->rowid_name != NULL, i != 0);
        lk_batch_free(b);
        finish(&o);
    }
}

static void declared_types_have_the_affinity_of_the_manual(void **state)
{
    (void)state;
    assert_int_equal(lk_affinity_of("FLOATING POINT"), LK_AFFINITY_INTEGER); /* "POINT" holds INT */
    assert_int_equal(lk_affinity_of("CHARINT"), LK_AFFINITY_INTEGER);
    assert_int_equal(lk_affinity_of("varchar(255)"), LK_AFFINITY_TEXT);
    assert_int_equal(lk_affinity_of(""), LK_AFFINITY_BLOB);
    assert_int_equal(lk_affinity_of("double precision"), LK_AFFINITY_REAL);
    assert_int_equal(lk_affinity_of("STRING"), LK_AFFINITY_NUMERIC);
    assert_int_equal(lk_affinity_of("BOOLEAN"), LK_AFFINITY_NUMERIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_columns_follow_the_rule_of_most_values),
        cmocka_unit_test(a_column_never_narrows),
        cmocka_unit_test(a_column_that_was_empty_takes_the_type_of_its_first_values),
        cmocka_unit_test(the_main_type_stays_while_its_values_do),
        cmocka_unit_test(reals_joining_integers_make_one_double_column),
        cmocka_unit_test(exception_names_give_way_to_real_columns),
        cmocka_unit_test(affinity_tells_integers_as_sqlite_does),
        cmocka_unit_test(hidden_rowids_need_a_column_only_when_they_are_no_sequence),
        cmocka_unit_test(declared_types_have_the_affinity_of_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
