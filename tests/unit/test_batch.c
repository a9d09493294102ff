#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "batch/batch.h"

static const uint8_t secret[LK_SECRET_SIZE] = {7, 1, 2, 3};

static struct lk_hasher *new_hasher(void)
{
    struct lk_hasher *h = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_OK);
    return h;
}

static struct lk_hash128 hash_of(const struct lk_batch *b)
{
    struct lk_hasher *h = new_hasher();
    struct lk_hash128 out;
    struct lk_error err = {0};
    assert_int_equal(lk_batch_hash(b, h, &out, &err), LK_OK);
    lk_hasher_free(h);
    return out;
}

static void add_text(struct lk_batch *b, size_t column, const char *text)
{
    lk_column_add_bytes(b, &b->column[column], LK_TEXT, text, strlen(text));
}

static void a_cursor_gives_back_every_value_with_its_class(void **state)
{
    (void)state;
    struct lk_batch *b = lk_batch_new(1, true);
    struct lk_column *c = &b->column[0];
    lk_column_add_null(b, c);
    lk_batch_end_row(b, -5);
    lk_column_add_integer(b, c, INT64_MIN);
    lk_batch_end_row(b, 0);
    lk_column_add_real(b, c, -0.0);
    lk_batch_end_row(b, 7);
    lk_column_add_bytes(b, c, LK_BLOB, NULL, 0);
    lk_batch_end_row(b, 8);
    lk_column_add_bytes(b, c, LK_TEXT, "a\0b", 3);
    lk_batch_end_row(b, 9);
    lk_column_add_integer(b, c, 42);
    lk_batch_end_row(b, INT64_MAX);

    struct lk_cursor at = lk_cursor_at_start(c);
    assert_int_equal(lk_cursor_next(&at).class, LK_NULL);
    struct lk_value v = lk_cursor_next(&at);
    assert_true(v.class == LK_INTEGER && v.integer == INT64_MIN);
    v = lk_cursor_next(&at);
    assert_true(v.class == LK_REAL && v.real == 0.0 && __builtin_signbit(v.real));
    v = lk_cursor_next(&at);
    assert_true(v.class == LK_BLOB && v.bytes.len == 0);
    v = lk_cursor_next(&at);
    assert_true(v.class == LK_TEXT && v.bytes.len == 3 && memcmp(v.bytes.ptr, "a\0b", 3) == 0);
    assert_true(lk_cursor_next(&at).integer == 42);
    assert_int_equal(lk_batch_rowid(b, 0), -5);
    assert_true(lk_batch_rowid(b, 5) == INT64_MAX);
    assert_int_equal(b->rows, 6);
    /* 6 classes, 3 numbers, two lengths and 3 bytes, 6 rowids */
    assert_int_equal(b->raw_bytes, 6 + 3 * 8 + 2 * 4 + 3 + 6 * 8);
    lk_batch_free(b);
}

static void a_batch_is_full_at_either_limit(void **state)
{
    (void)state;
    struct lk_batch *b = lk_batch_new(1, false);
    for (uint32_t i = 0; i < LK_BLOCK_ROWS; i++) {
        assert_false(lk_batch_full(b));
        lk_column_add_null(b, &b->column[0]);
        lk_batch_end_row(b, 0);
    }
    assert_true(lk_batch_full(b));
    lk_batch_clear(b);
    assert_false(lk_batch_full(b));
    char *big = lk_allocate_zeroed(1, LK_BLOCK_BYTES);
    lk_column_add_bytes(b, &b->column[0], LK_BLOB, big, LK_BLOCK_BYTES - 6);
    lk_batch_end_row(b, 0);
    assert_false(lk_batch_full(b));
    lk_column_add_null(b, &b->column[0]);
    lk_batch_end_row(b, 0);
    assert_true(lk_batch_full(b));
    lk_free(big);
    lk_batch_free(b);
}

/* Each pair differs in one way that a hash over mere concatenation could miss. */
static void the_hash_tells_apart_what_looks_alike(void **state)
{
    (void)state;
    struct lk_hash128 seen[16];
    size_t count = 0;
    for (int variant = 0; variant < 9; variant++) {
        struct lk_batch *b = lk_batch_new(2, variant == 6);
        switch (variant) {
        case 0:
            add_text(b, 0, "ab");
            add_text(b, 1, "c");
            break;
        case 1:
            add_text(b, 0, "a");
            add_text(b, 1, "bc");
            break;
        case 2:
            add_text(b, 0, "c");
            add_text(b, 1, "ab");
            break;
        case 3:
            lk_column_add_bytes(b, &b->column[0], LK_BLOB, "ab", 2);
            add_text(b, 1, "c");
            break;
        case 4:
            lk_column_add_bytes(b, &b->column[0], LK_RAWTEXT, "ab", 2);
            add_text(b, 1, "c");
            break;
        case 5:
            lk_column_add_null(b, &b->column[0]);
            add_text(b, 1, "c");
            break;
        case 6:
            add_text(b, 0, "ab");
            add_text(b, 1, "c");
            break;
        case 7:
            lk_column_add_integer(b, &b->column[0], 0);
            lk_column_add_null(b, &b->column[1]);
            break;
        default:
            lk_column_add_real(b, &b->column[0], 0.0);
            lk_column_add_null(b, &b->column[1]);
            break;
        }
        lk_batch_end_row(b, 1);
        seen[count++] = hash_of(b);
        lk_batch_free(b);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++)
            assert_false(lk_hash128_equal(seen[i], seen[k]));
    }
}

static void a_reused_batch_hashes_like_a_new_one(void **state)
{
    (void)state;
    struct lk_batch *used = lk_batch_new(3, true), *fresh = lk_batch_new(1, false);
    for (size_t i = 0; i < 3; i++)
        add_text(used, i, "left over");
    lk_batch_end_row(used, 4);
    assert_true(lk_batch_reshape(used, 1, false));
    lk_column_add_real(used, &used->column[0], 1.5);
    lk_batch_end_row(used, 0);
    lk_column_add_real(fresh, &fresh->column[0], 1.5);
    lk_batch_end_row(fresh, 0);
    assert_true(lk_hash128_equal(hash_of(used), hash_of(fresh)));
    lk_batch_free(used);
    lk_batch_free(fresh);
}

static void the_hash_depends_on_the_secret(void **state)
{
    (void)state;
    const uint8_t other[LK_SECRET_SIZE] = {8};
    struct lk_hasher *a = new_hasher(), *b = NULL;
    struct lk_error err = {0};
    struct lk_hash128 x, y;
    struct lk_batch *batch = lk_batch_new(1, false);
    assert_int_equal(lk_hasher_new(other, &b, &err), LK_OK);
    lk_column_add_integer(batch, &batch->column[0], 1);
    lk_batch_end_row(batch, 1);
    assert_int_equal(lk_batch_hash(batch, a, &x, &err), LK_OK);
    assert_int_equal(lk_batch_hash(batch, b, &y, &err), LK_OK);
    assert_false(lk_hash128_equal(x, y));
    lk_batch_free(batch);
    lk_hasher_free(a);
    lk_hasher_free(b);
}

static void combining_depends_on_order_and_count(void **state)
{
    (void)state;
    const struct lk_hash128 members[2] = {{{1}}, {{2}}}, swapped[2] = {{{2}}, {{1}}};
    struct lk_hasher *h = new_hasher();
    const struct lk_hash128 both = lk_hash_combine(members, 2, h);
    assert_true(lk_hash128_equal(both, lk_hash_combine(members, 2, h)));
    assert_false(lk_hash128_equal(both, lk_hash_combine(swapped, 2, h)));
    assert_false(lk_hash128_equal(both, lk_hash_combine(members, 1, h)));
    assert_false(lk_hash128_equal(lk_hash_combine(members, 0, h), lk_hash_combine(members, 1, h)));
    lk_hasher_free(h);
}

static void memory_that_runs_out_is_reported_and_the_batch_can_be_cleared(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_batch *b = lk_batch_new(1, false);
    lk_memory_fail_after(0, 1);
    lk_column_add_integer(b, &b->column[0], 1);
    lk_batch_end_row(b, 0);
    lk_memory_fail_after(-1, 0);
    assert_int_equal(lk_batch_check(b, &err), LK_FAILED);
    lk_batch_clear(b);
    lk_column_add_integer(b, &b->column[0], 1);
    lk_batch_end_row(b, 0);
    assert_int_equal(lk_batch_check(b, &err), LK_OK);
    lk_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_gives_back_every_value_with_its_class),
        cmocka_unit_test(a_batch_is_full_at_either_limit),
        cmocka_unit_test(the_hash_tells_apart_what_looks_alike),
        cmocka_unit_test(a_reused_batch_hashes_like_a_new_one),
        cmocka_unit_test(the_hash_depends_on_the_secret),
        cmocka_unit_test(combining_depends_on_order_and_count),
        cmocka_unit_test(memory_that_runs_out_is_reported_and_the_batch_can_be_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
