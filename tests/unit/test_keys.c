#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/keys.h"
#include "base/memory.h"

static void keys_are_found_by_their_bytes_and_numbered_in_order(void **state)
{
    (void)state;
    struct lk_keys *k = lk_keys_new();
    char name[32];
    assert_non_null(k);
    assert_int_equal(lk_keys_find(k, lk_bytes_of("")), LK_KEYS_NONE);
    for (size_t i = 0; i < 5000; i++) {
        const int len = snprintf(name, sizeof name, "key %zu", i);
        assert_int_equal(lk_keys_add(k, lk_bytes(name, (size_t)len)), i);
    }
    assert_int_equal(lk_keys_add(k, lk_bytes_of("")), 5000);
    assert_int_equal(lk_keys_add(k, lk_bytes("a\0b", 3)), 5001);
    for (size_t i = 0; i < 5000; i++) {
        const int len = snprintf(name, sizeof name, "key %zu", i);
        const struct lk_bytes key = lk_bytes(name, (size_t)len);
        assert_int_equal(lk_keys_find(k, key), i);
        assert_true(lk_bytes_equal(lk_keys_get(k, i), key));
    }
    assert_int_equal(lk_keys_find(k, lk_bytes(NULL, 0)), 5000);
    assert_int_equal(lk_keys_find(k, lk_bytes("a\0b", 3)), 5001);
    assert_int_equal(lk_keys_find(k, lk_bytes_of("a")), LK_KEYS_NONE);
    assert_int_equal(lk_keys_count(k), 5002);
    assert_int_equal(lk_keys_bytes(k), 5000 * 4 + 10 + 90 * 2 + 900 * 3 + 4000 * 4 + 3);
    lk_keys_free(k);
}

static void running_out_of_memory_loses_no_key(void **state)
{
    (void)state;
    struct lk_keys *k = lk_keys_new();
    assert_non_null(k);
    char name[4] = {0};
    for (size_t i = 0; i < 32; i++) {
        name[0] = (char)('a' + i);
        assert_int_equal(lk_keys_add(k, lk_bytes(name, 4)), i);
    }
    lk_memory_fail_after(0, 1);
    assert_int_equal(lk_keys_add(k, lk_bytes_of("more")), LK_KEYS_NONE);
    assert_null(lk_keys_new());
    lk_memory_fail_after(-1, 0);
    assert_int_equal(lk_keys_count(k), 32);
    name[0] = 'c';
    assert_int_equal(lk_keys_find(k, lk_bytes(name, 4)), 2);
    assert_int_equal(lk_keys_find(k, lk_bytes_of("more")), LK_KEYS_NONE);
    assert_int_equal(lk_keys_add(k, lk_bytes_of("more")), 32);
    lk_keys_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_their_bytes_and_numbered_in_order),
        cmocka_unit_test(running_out_of_memory_loses_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
