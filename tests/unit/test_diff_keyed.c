#include "ops/diff_keyed.h"

#include "base/hash.h"
#include "diff_rows.h"

static const uint8_t secret[LK_SECRET_SIZE] = {5, 4, 3};

static enum lk_status compare(struct table *a, struct table *b, struct told *told,
                              struct lk_diff_counts *counts)
{
    const struct lk_diff_rows before = table_rows(a), after = table_rows(b);
    const struct lk_diff_sink sink = {.context = told, .row = told == NULL ? NULL : tell_row};
    struct lk_diff_shape *shape = NULL;
    struct lk_error err = {0};
    uint64_t rows[2];
    *counts = (struct lk_diff_counts){0};
    enum lk_status status = lk_diff_shape_new(a->schema, b->schema, &shape, &err);
    if (status == LK_OK)
        status = lk_diff_keyed(&before, &after, shape, secret, &sink, counts, rows, &err);
    lk_diff_shape_free(shape);
    if (status == LK_OK) {
        assert_int_equal(rows[0], a->rows);
        assert_int_equal(rows[1], b->rows);
    }
    return status;
}

static void rows_are_matched_whatever_their_order(void **state)
{
    (void)state;
    struct table a, b;
    struct told told = {0};
    struct lk_diff_counts counts;
    table_make(&a, false, 2);
    table_make(&b, false, 3);
    table_add(&a, 3, 30);
    table_add(&a, 1, 10);
    table_add(&a, 2, 20);
    table_add(&b, 4, 40);
    table_add(&b, 2, 21);
    table_add(&b, 3, 30);
    assert_int_equal(compare(&a, &b, &told, &counts), LK_OK);
    /* Removed ones first; then in the order of the table after. */
    assert_string_equal(told.text, "-1:10 +4:40 ~2:20>21 ");
    table_free(&a);
    table_free(&b);
}

static void equal_tables_are_read_once(void **state)
{
    (void)state;
    struct table a, b;
    struct told told = {0};
    struct lk_diff_counts counts;
    table_make(&a, false, 2);
    table_make(&b, false, 3);
    for (int i = 0; i < 9; i++) {
        table_add(&a, i, i);
        table_add(&b, 8 - i, 8 - i);
    }
    assert_int_equal(compare(&a, &b, &told, &counts), LK_OK);
    assert_int_equal(told.len, 0);
    assert_int_equal(a.rewinds, 1);
    assert_int_equal(b.rewinds, 1);
    table_free(&a);
    table_free(&b);
}

static void keys_that_repeat_are_multisets(void **state)
{
    (void)state;
    struct table a, b;
    struct told told = {0};
    struct lk_diff_counts counts;
    table_make(&a, false, 4);
    table_make(&b, false, 4);
    /* {1, 1, 2, 3} against {1, 4}: one 1 cancels; 1, 2, 3 against 4. */
    table_add(&a, KEY_NULL, 1);
    table_add(&a, KEY_NULL, 1);
    table_add(&a, KEY_NULL, 2);
    table_add(&a, KEY_NULL, 3);
    table_add(&b, KEY_NULL, 4);
    table_add(&b, KEY_NULL, 1);
    assert_int_equal(compare(&a, &b, &told, &counts), LK_OK);
    assert_int_equal(counts.changed, 1);
    assert_int_equal(counts.removed, 2);
    assert_int_equal(counts.added, 0);
    assert_string_equal(told.text, "-null:2 -null:3 ~null:1>4 ");
    table_free(&a);
    table_free(&b);
}

/* Against counting over every key and value there can be. */
static void random_multisets_differ_as_counting_says(void **state)
{
    (void)state;
    enum { KEYS = 5, VALUES = 3 };
    uint64_t luck = 11;
    for (int round = 0; round < 150; round++) {
        struct table a, b;
        struct lk_diff_counts counts;
        struct told told = {0};
        int64_t have[KEYS][VALUES] = {{0}};
        uint64_t added = 0, removed = 0, changed = 0;
        table_make(&a, false, 1 + (size_t)chance(&luck, 9));
        table_make(&b, false, 1 + (size_t)chance(&luck, 9));
        for (int i = chance(&luck, 30); i > 0; i--) {
            const int key = chance(&luck, KEYS), value = chance(&luck, VALUES);
            const bool after = chance(&luck, 2) != 0;
            table_add(after ? &b : &a, key, value);
            have[key][value] += after ? 1 : -1;
        }
        for (int key = 0; key < KEYS; key++) {
            uint64_t old = 0, new = 0;
            for (int value = 0; value < VALUES; value++) {
                old += have[key][value] < 0 ? (uint64_t)-have[key][value] : 0;
                new += have[key][value] > 0 ? (uint64_t)have[key][value] : 0;
            }
            const uint64_t both = old < new ? old : new;
            changed += both;
            removed += old - both;
            added += new - both;
        }
        assert_int_equal(compare(&a, &b, NULL, &counts), LK_OK);
        assert_true(counts.added == added && counts.removed == removed && counts.changed == changed);
        assert_int_equal(compare(&a, &b, &told, &counts), LK_OK);
        uint64_t marks[3] = {0};
        for (size_t i = 0; i < told.len; i++) {
            marks[0] += told.text[i] == '+';
            marks[1] += told.text[i] == '-';
            marks[2] += told.text[i] == '~';
        }
        assert_true(marks[0] == added && marks[1] == removed && marks[2] == changed);
        table_free(&a);
        table_free(&b);
    }
}

static void no_memory_is_an_error_at_every_allocation(void **state)
{
    (void)state;
    struct table a, b;
    struct lk_diff_counts counts;
    table_make(&a, false, 4);
    table_make(&b, false, 4);
    for (int i = 0; i < 10; i++) {
        table_add(&a, i, i);
        table_add(&b, i, i / 2 * 2);
    }
    enum lk_status status = LK_FAILED;
    int failures = 0;
    for (int64_t after = 0; status != LK_OK; after++) {
        struct told told = {0};
        lk_memory_fail_after(after, 0);
        status = compare(&a, &b, &told, &counts);
        lk_memory_fail_after(-1, 0);
        assert_true(status == LK_OK || status == LK_FAILED);
        failures += status == LK_FAILED;
    }
    assert_true(failures > 5);
    table_free(&a);
    table_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_matched_whatever_their_order),
        cmocka_unit_test(equal_tables_are_read_once),
        cmocka_unit_test(keys_that_repeat_are_multisets),
        cmocka_unit_test(random_multisets_differ_as_counting_says),
        cmocka_unit_test(no_memory_is_an_error_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
