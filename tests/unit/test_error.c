#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void a_failure_gives_status_and_message_and_no_system_error(void **state)
{
    (void)state;
    struct lk_error err = {.system = EIO};
    assert_int_equal(lk_fail(&err, LK_DAMAGED, "%s: page %d", "t.parquet", 7), LK_DAMAGED);
    assert_int_equal(err.status, LK_DAMAGED);
    assert_int_equal(err.system, 0);
    assert_string_equal(err.message, "t.parquet: page 7");
}

static void a_system_error_is_named_and_kept(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(lk_fail_errno(&err, LK_FAILED, ENOSPC, "%s: cannot write", "/a"), LK_FAILED);
    assert_int_equal(err.system, ENOSPC);
    assert_string_equal(err.message, "/a: cannot write: No space left on device");
}

static void out_of_memory_says_while_doing_what(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(lk_fail_memory(&err, "reading a page"), LK_FAILED);
    assert_string_equal(err.message, "out of memory while reading a page");
}

static void a_prefix_keeps_status_and_system_error(void **state)
{
    (void)state;
    struct lk_error err = {0};
    (void)lk_fail_errno(&err, LK_NOT_FOUND, ENOENT, "x");
    assert_int_equal(lk_error_prefix(&err, "%s.%s", "db", "table"), LK_NOT_FOUND);
    assert_int_equal(err.status, LK_NOT_FOUND);
    assert_int_equal(err.system, ENOENT);
    assert_string_equal(err.message, "db.table: x: No such file or directory");
}

static void nothing_in_a_message_acts_on_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *shown;
    } cases[] = {
        {"a\nb\tc", "a\\x0Ab\\x09c"},
        {"\x1b[2J", "\\x1B[2J"},
        {"\x7f", "\\x7F"},
        {"\xc2\x9b", "\\xC2\\x9B"},               /* C1: CSI in one character */
        {"\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9"}, /* the first beyond C1, and one letter */
        {"\xe2\x80\xae", "\\xE2\\x80\\xAE"},      /* right-to-left override */
        {"\xe2\x80\xaa", "\\xE2\\x80\\xAA"},
        {"\xe2\x80\xa8", "\\xE2\\x80\\xA8"}, /* line separator */
        {"\xe2\x81\xa6", "\\xE2\\x81\\xA6"},
        {"\xe2\x81\xa9", "\\xE2\\x81\\xA9"},
        {"\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
         "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"},
        {"\xff", "\\xFF"},
        {"\xc3", "\\xC3"}, /* cut character */
        {"\xe2\x82x", "\\xE2\\x82x"},
        {"\xc0\xaf", "\\xC0\\xAF"},          /* overlong */
        {"\xed\xa0\x80", "\\xED\\xA0\\x80"}, /* surrogate */
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"back\\slash", "back\\slash"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_error err = {0};
        (void)lk_fail(&err, LK_FAILED, "%s", cases[i].raw);
        assert_string_equal(err.message, cases[i].shown);
        (void)lk_fail(&err, LK_FAILED, "x");
        (void)lk_error_prefix(&err, "%s", cases[i].raw);
        assert_memory_equal(err.message, cases[i].shown, strlen(cases[i].shown));
    }
}

static void a_prefix_leaves_the_escapes_of_the_message_alone(void **state)
{
    (void)state;
    struct lk_error err = {0};
    (void)lk_fail(&err, LK_FAILED, "name \n");
    (void)lk_error_prefix(&err, "a");
    (void)lk_error_prefix(&err, "b");
    assert_string_equal(err.message, "b: a: name \\x0A");
}

/* Every length around the limit, every phase of a character of `width` bytes against it. */
static void check_cuts(const char *character)
{
    const size_t width = strlen(character);
    char text[2 * LK_ERROR_SIZE];
    for (size_t lead = 0; lead < 5; lead++) {
        memset(text, 'a', lead);
        size_t len = lead;
        for (; len + width < sizeof text; len += width)
            memcpy(text + len, character, width);
        text[len] = '\0';
        struct lk_error err;
        memset(&err, 'z', sizeof err);
        (void)lk_fail(&err, LK_FAILED, "%s", text);
        const size_t got = strnlen(err.message, LK_ERROR_SIZE);
        assert_in_range(got, LK_ERROR_SIZE - 1 - 16, LK_ERROR_SIZE - 1);
        assert_true(lk_utf8_valid((const uint8_t *)err.message, got));
        if ((unsigned char)character[0] >= 0xc2)
            assert_memory_equal(err.message, text, got);
    }
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    check_cuts("b");
    check_cuts("\xc3\xa9");
    check_cuts("\xe2\x82\xac");
    check_cuts("\xf0\x9f\x98\x80");
    check_cuts("\x01");
    check_cuts("\x80");
}

static void a_long_message_still_names_the_system_error(void **state)
{
    (void)state;
    char path[2 * LK_ERROR_SIZE];
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    struct lk_error err = {0};
    (void)lk_fail_errno(&err, LK_FAILED, EIO, "%s", path);
    assert_int_equal(strlen(err.message), LK_ERROR_SIZE - 1);
    assert_string_equal(strstr(err.message, ": "), ": Input/output error");
    (void)lk_error_prefix(&err, "%s", path);
    assert_int_equal(strlen(err.message), LK_ERROR_SIZE - 1);
}

static void a_long_prefix_leaves_the_message_visible(void **state)
{
    (void)state;
    char path[2 * LK_ERROR_SIZE];
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    struct lk_error err = {0};
    (void)lk_fail(&err, LK_FAILED, "the reason");
    (void)lk_error_prefix(&err, "%s", path);
    assert_non_null(strstr(err.message, "p: the reason"));
}

static void the_arguments_may_be_the_message_itself(void **state)
{
    (void)state;
    struct lk_error err = {0};
    (void)lk_fail(&err, LK_FAILED, "inner");
    (void)lk_fail(&err, LK_DAMAGED, "outer (%s)", err.message);
    assert_string_equal(err.message, "outer (inner)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_gives_status_and_message_and_no_system_error),
        cmocka_unit_test(a_system_error_is_named_and_kept),
        cmocka_unit_test(out_of_memory_says_while_doing_what),
        cmocka_unit_test(a_prefix_keeps_status_and_system_error),
        cmocka_unit_test(nothing_in_a_message_acts_on_a_terminal),
        cmocka_unit_test(a_prefix_leaves_the_escapes_of_the_message_alone),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_long_message_still_names_the_system_error),
        cmocka_unit_test(a_long_prefix_leaves_the_message_visible),
        cmocka_unit_test(the_arguments_may_be_the_message_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
