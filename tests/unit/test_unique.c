#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "batch/unique.h"

/* `names` and `expected` are joined by |. */
static void assert_named(const char *names, const char *expected)
{
    struct lk_unique_column column[16];
    struct lk_buffer got = {0};
    size_t count = 0;
    for (const char *at = names;; at++) {
        const size_t len = strcspn(at, "|");
        column[count++] = (struct lk_unique_column){lk_bytes(at, len), "TEXT"};
        at += len;
        if (*at == '\0')
            break;
    }
    struct lk_table_schema *t = lk_table_schema_new("t");
    assert_non_null(t);
    assert_true(lk_unique_columns(t, column, count));
    assert_int_equal(t->columns, count);
    for (size_t i = 0; i < count; i++) {
        lk_buffer_append_format(&got, "%s%s", i > 0 ? "|" : "", t->column[i].name);
        assert_string_equal(t->column[i].declared_type, "TEXT");
    }
    assert_string_equal(lk_buffer_string(&got), expected);
    lk_buffer_reset(&got);
    lk_table_schema_free(t);
}

static void names_that_differ_by_more_than_case_stay(void **state)
{
    (void)state;
    assert_named("a|b||c d", "a|b||c d");
    assert_named("\xc3\xa9|\xc3\x89", "\xc3\xa9|\xc3\x89"); /* SQLite knows the case of ASCII only */
}

static void a_suffix_never_takes_the_name_of_another(void **state)
{
    (void)state;
    assert_named("a|A|a", "a|A_|a__");
    assert_named("a|A|a_|A__", "a|A___|a_|A__");
    assert_named("x|x|x|x|x|x|x", "x|x_|x__|x___|x____|x_10|x_11");
}

static void running_out_of_memory_is_noticed(void **state)
{
    (void)state;
    const struct lk_unique_column column[] = {{lk_bytes_of("a"), ""}, {lk_bytes_of("A"), ""}};
    int64_t nth = 0;
    for (bool done = false; !done; nth++) {
        struct lk_table_schema *t = lk_table_schema_new("t");
        lk_memory_fail_after(nth, 1);
        done = lk_unique_columns(t, column, 2);
        lk_memory_fail_after(-1, 0);
        lk_table_schema_free(t);
    }
    assert_true(nth > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_differ_by_more_than_case_stay),
        cmocka_unit_test(a_suffix_never_takes_the_name_of_another),
        cmocka_unit_test(running_out_of_memory_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
