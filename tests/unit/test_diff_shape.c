#include "ops/diff_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A table from words: "id*" is an INTEGER PRIMARY KEY, "k1", "k2" with a colon before the position "name:1" a
 * PRIMARY KEY; without either the rowid is hidden. */
static struct lk_table_schema *table(const char *words, bool without_rowid)
{
    struct lk_table_schema *t = lk_table_schema_new("t");
    char text[256];
    assert_non_null(t);
    (void)snprintf(text, sizeof text, "%s", words);
    t->without_rowid = without_rowid;
    t->hidden_rowid = !without_rowid;
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        char *mark = strpbrk(word, "*:");
        const char kind = mark == NULL ? '\0' : *mark;
        if (mark != NULL)
            *mark = '\0';
        struct lk_column_schema *c = lk_table_schema_add(t, word, "");
        assert_non_null(c);
        c->is_rowid = kind == '*';
        c->key = kind == '*' ? 1 : kind == ':' ? (int)strtol(mark + 1, NULL, 10) : 0;
        t->hidden_rowid = t->hidden_rowid && kind != '*';
    }
    return t;
}

static struct lk_diff_shape *shape(const char *before, const char *after)
{
    struct lk_diff_shape *s = NULL;
    struct lk_error err = {0};
    struct lk_table_schema *a = table(before, false), *b = table(after, false);
    assert_int_equal(lk_diff_shape_new(a, b, &s, &err), LK_OK);
    lk_table_schema_free(a);
    lk_table_schema_free(b);
    return s;
}

static void columns_are_found_by_name_wherever_they_stand(void **state)
{
    (void)state;
    struct lk_diff_shape *s = shape("id* a b gone", "new B id* a");
    assert_int_equal(s->columns, 3);
    const size_t before[] = {0, 1, 2}, after[] = {2, 3, 1};
    assert_memory_equal(s->before, before, sizeof before);
    assert_memory_equal(s->after, after, sizeof after);
    assert_false(s->same_columns);
    lk_diff_shape_free(s);
    s = shape("id* a", "ID* a");
    assert_true(s->same_columns);
    lk_diff_shape_free(s);
}

static void the_rowid_is_the_key_where_both_have_it_alike(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"id* v", "id* v"}, {"a b", "a b"}, {"a b", "b c"}, {"id* v", "ident* v"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct lk_diff_shape *s = shape(pairs[i][0], pairs[i][1]);
        assert_true(s->by_rowid && s->keys == 0);
        lk_diff_shape_free(s);
    }
}

static void another_integer_primary_key_is_another_key(void **state)
{
    (void)state;
    /* The same columns and hashes, but the rowid is not that of before. */
    struct lk_diff_shape *s = shape("a* b", "a b*");
    assert_false(s->by_rowid);
    assert_true(s->keys_differ);
    assert_int_equal(s->keys, 1);
    assert_int_equal(s->key_before[0], 0);
    assert_int_equal(s->key_after[0], 0);
    lk_diff_shape_free(s);
}

static void a_declared_key_goes_before_the_hidden_rowid(void **state)
{
    (void)state;
    struct lk_diff_shape *s = shape("v b:1 a:2", "a:2 v b:1");
    const size_t before[] = {1, 2}, after[] = {2, 0};
    assert_false(s->by_rowid);
    assert_false(s->keys_differ);
    assert_int_equal(s->keys, 2);
    assert_memory_equal(s->key_before, before, sizeof before);
    assert_memory_equal(s->key_after, after, sizeof after);
    lk_diff_shape_free(s);
}

static void the_key_of_one_side_serves_both(void **state)
{
    (void)state;
    struct lk_diff_shape *s = shape("a b", "x b a:1");
    assert_int_equal(s->keys, 1);
    assert_int_equal(s->key_before[0], 0);
    assert_int_equal(s->key_after[0], 2);
    lk_diff_shape_free(s);
    s = shape("a:1 b", "b:1 c");
    assert_int_equal(s->keys, 1);
    assert_int_equal(s->key_before[0], 1);
    assert_int_equal(s->key_after[0], 0);
    lk_diff_shape_free(s);
}

static void without_any_key_the_common_columns_are_it(void **state)
{
    (void)state;
    struct lk_diff_shape *s = shape("a:1 x y", "y b:1 x");
    const size_t before[] = {1, 2}, after[] = {2, 0};
    assert_int_equal(s->keys, 2);
    assert_memory_equal(s->key_before, before, sizeof before);
    assert_memory_equal(s->key_after, after, sizeof after);
    lk_diff_shape_free(s);
    s = shape("a:1", "b:1");
    assert_true(!s->by_rowid && s->keys == 0 && s->columns == 0);
    lk_diff_shape_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name_wherever_they_stand),
        cmocka_unit_test(the_rowid_is_the_key_where_both_have_it_alike),
        cmocka_unit_test(another_integer_primary_key_is_another_key),
        cmocka_unit_test(a_declared_key_goes_before_the_hidden_rowid),
        cmocka_unit_test(the_key_of_one_side_serves_both),
        cmocka_unit_test(without_any_key_the_common_columns_are_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
