#include "diff_rows.h"

static struct lk_diff_counts merge(struct table *a, struct table *b, struct told *told,
                                   enum lk_status expected)
{
    const struct lk_diff_rows before = table_rows(a), after = table_rows(b);
    const struct lk_diff_sink sink = {.context = told, .row = told == NULL ? NULL : tell_row};
    struct lk_diff_counts counts = {0};
    struct lk_diff_shape *shape = NULL;
    struct lk_diff_reader old, new;
    struct lk_error err = {0};
    assert_int_equal(lk_diff_shape_new(a->schema, b->schema, &shape, &err), LK_OK);
    assert_true(shape->by_rowid);
    assert_int_equal(lk_diff_reader_init(&old, &before, &err), LK_OK);
    assert_int_equal(lk_diff_reader_init(&new, &after, &err), LK_OK);
    assert_int_equal(lk_diff_merge(&old, &new, shape, &sink, &counts, &err), expected);
    lk_diff_reader_reset(&old);
    lk_diff_reader_reset(&new);
    lk_diff_shape_free(shape);
    return counts;
}

static void rows_are_told_of_in_the_order_of_their_rowids(void **state)
{
    (void)state;
    struct table a, b;
    struct told told = {0};
    table_make(&a, true, 2);
    table_make(&b, true, 3);
    table_add(&a, -5, 1);
    table_add(&a, 1, 10);
    table_add(&a, 2, 20);
    table_add(&a, 4, 40);
    table_add(&b, 1, 10);
    table_add(&b, 2, 21);
    table_add(&b, 3, 30);
    table_add(&b, INT64_MAX, 9);
    const struct lk_diff_counts counts = merge(&a, &b, &told, LK_OK);
    assert_string_equal(told.text, "--5:1 ~2:20>21 +3:30 -4:40 +9223372036854775807:9 ");
    assert_int_equal(counts.added, 2);
    assert_int_equal(counts.removed, 2);
    assert_int_equal(counts.changed, 1);
    table_free(&a);
    table_free(&b);
}

static void a_side_without_rows_makes_all_of_the_other_added_or_removed(void **state)
{
    (void)state;
    struct table a, b;
    table_make(&a, true, 1);
    table_make(&b, true, 1);
    for (int i = 0; i < 7; i++)
        table_add(&b, i, i);
    assert_int_equal(merge(&a, &b, NULL, LK_OK).added, 7);
    assert_int_equal(merge(&b, &a, NULL, LK_OK).removed, 7);
    table_free(&a);
    table_free(&b);
}

/* Against two loops over everything. */
static void random_tables_differ_as_two_loops_say(void **state)
{
    (void)state;
    uint64_t luck = 7;
    for (int round = 0; round < 500; round++) {
        struct table a, b;
        uint64_t added = 0, removed = 0, changed = 0;
        table_make(&a, true, 1 + (size_t)chance(&luck, 9));
        table_make(&b, true, 1 + (size_t)chance(&luck, 9));
        for (int key = 0; key < 40; key++) {
            const bool old = chance(&luck, 4) != 0, new = chance(&luck, 4) != 0;
            const int before = chance(&luck, 2), after = chance(&luck, 2);
            if (old)
                table_add(&a, key, before);
            if (new)
                table_add(&b, key, after);
            removed += old && !new;
            added += new && !old;
            changed += old && new &&before != after;
        }
        const struct lk_diff_counts counts = merge(&a, &b, NULL, LK_OK);
        assert_int_equal(counts.added, added);
        assert_int_equal(counts.removed, removed);
        assert_int_equal(counts.changed, changed);
        table_free(&a);
        table_free(&b);
    }
}

static void rowids_that_do_not_rise_are_damage(void **state)
{
    (void)state;
    struct table a, b;
    table_make(&a, true, 2);
    table_make(&b, true, 2);
    table_add(&a, 1, 1);
    table_add(&a, 3, 1);
    table_add(&a, 3, 2);
    merge(&a, &b, NULL, LK_DAMAGED);
    merge(&b, &a, NULL, LK_DAMAGED);
    table_free(&a);
    table_free(&b);
}

static void a_rowid_that_is_no_integer_is_damage(void **state)
{
    (void)state;
    struct table a;
    struct lk_diff_reader r;
    struct lk_error err = {0};
    table_make(&a, true, 2);
    table_add(&a, KEY_NULL, 1);
    const struct lk_diff_rows rows = table_rows(&a);
    assert_int_equal(lk_diff_reader_init(&r, &rows, &err), LK_DAMAGED);
    lk_diff_reader_reset(&r);
    table_free(&a);
}

static void values_are_equal_by_class_and_bytes_only(void **state)
{
    (void)state;
    const struct lk_value values[] = {
        {.class = LK_NULL},
        {.class = LK_INTEGER, .integer = 1},
        {.class = LK_INTEGER, .integer = -1},
        {.class = LK_REAL, .real = 1.0},
        {.class = LK_REAL, .real = 0.0},
        {.class = LK_REAL, .real = -0.0},
        {.class = LK_TEXT, .bytes = {(const uint8_t *)"1", 1}},
        {.class = LK_TEXT, .bytes = {NULL, 0}},
        {.class = LK_BLOB, .bytes = {NULL, 0}},
        {.class = LK_BLOB, .bytes = {(const uint8_t *)"1", 1}},
        {.class = LK_RAWTEXT, .bytes = {(const uint8_t *)"1", 1}},
        {.class = LK_TEXT, .bytes = {(const uint8_t *)"1\0", 2}},
    };
    const size_t count = sizeof values / sizeof values[0];
    struct lk_value back[2];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(lk_diff_reader_equal(&values[i], &values[k]), i == k);
            struct lk_buffer packed = {0};
            const struct lk_value two[] = {values[i], values[k]};
            lk_diff_reader_pack(two, NULL, 2, &packed);
            assert_true(lk_diff_reader_unpack(lk_buffer_bytes(&packed), 2, back));
            assert_true(lk_diff_reader_equal(&back[0], &values[i]) &&
                        lk_diff_reader_equal(&back[1], &values[k]));
            /* Neither more values nor fewer bytes. */
            for (size_t len = 0; len < packed.len; len++)
                assert_false(lk_diff_reader_unpack(lk_bytes(packed.data, len), 2, back));
            assert_false(lk_diff_reader_unpack(lk_buffer_bytes(&packed), 1, back));
            lk_buffer_reset(&packed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_told_of_in_the_order_of_their_rowids),
        cmocka_unit_test(a_side_without_rows_makes_all_of_the_other_added_or_removed),
        cmocka_unit_test(random_tables_differ_as_two_loops_say),
        cmocka_unit_test(rowids_that_do_not_rise_are_damage),
        cmocka_unit_test(a_rowid_that_is_no_integer_is_damage),
        cmocka_unit_test(values_are_equal_by_class_and_bytes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
