#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <locale.h>
#include <time.h>

#include <cmocka.h>

#include "cli/console.h"
#include "cli/display.h"

static void wide_characters_take_two_cells_and_marks_none(void **state)
{
    (void)state;
    assert_int_equal(lk_display_width(""), 0);
    assert_int_equal(lk_display_width("posts"), 5);
    assert_int_equal(lk_display_width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two ideographs */
    assert_int_equal(lk_display_width("e\xcc\x81"), 1);                /* e and a combining acute */
    assert_int_equal(lk_display_width("\xff\xe6\x97"), 3);             /* no UTF-8: a cell each */
}

static void text_is_cut_between_characters_with_room_for_the_mark(void **state)
{
    (void)state;
    bool cut;
    size_t used;
    assert_int_equal(lk_display_fit("abcdef", 6, "..", &cut, &used), 6);
    assert_false(cut);
    assert_int_equal(used, 6);
    assert_int_equal(lk_display_fit("abcdef", 5, "..", &cut, &used), 3);
    assert_true(cut);
    assert_int_equal(used, 5);
    /* An ideograph that would stick out is dropped whole. */
    assert_int_equal(lk_display_fit("a\xe6\x97\xa5\xe6\x9c\xac", 4, ".", &cut, &used), 4);
    assert_true(cut);
    assert_int_equal(used, 4);
    /* Combining marks stay with their letter. */
    assert_int_equal(lk_display_fit("ae\xcc\x81xyz", 3, ".", &cut, &used), 4);
    assert_int_equal(lk_display_fit("abcdef", 1, "...", &cut, &used), 1);
    assert_true(cut);
    assert_true(used <= 1);
}

static void numbers_are_grouped_by_thousands(void **state)
{
    (void)state;
    char out[LK_DISPLAY_NUMBER_SIZE];
    assert_string_equal(lk_display_number(0, out), "0");
    assert_string_equal(lk_display_number(999, out), "999");
    assert_string_equal(lk_display_number(900005, out), "900,005");
    assert_string_equal(lk_display_number(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void changes_carry_their_sign(void **state)
{
    (void)state;
    char out[LK_DISPLAY_NUMBER_SIZE];
    assert_string_equal(lk_display_change(5, 5, out), "0");
    assert_string_equal(lk_display_change(0, 1200, out), "+1,200");
    assert_string_equal(lk_display_change(900005, 5000, out), "-895,005");
    assert_string_equal(lk_display_change(UINT64_MAX, 0, out), "-18,446,744,073,709,551,615");
}

static void an_age_has_no_fractions_and_is_never_negative(void **state)
{
    (void)state;
    char out[LITEKEEP_WORD_SIZE];
    const int64_t now = (int64_t)time(NULL) * 1000000000;
    assert_string_equal(lk_display_age(now + INT64_C(3600000000000), out), "0s");
    assert_null(strstr(lk_display_age(now - INT64_C(90300000000), out), "."));
    assert_string_not_equal(out, "0s");
}

static void check_escape(const char *text, const char *expected)
{
    char *escaped = lk_display_escape(text);
    assert_string_equal(escaped, expected);
    free(escaped);
}

static void nothing_that_moves_a_terminal_is_left_after_escaping(void **state)
{
    (void)state;
    check_escape("plain \xc3\xa9", "plain \xc3\xa9");
    check_escape("\033[2J\n", "\\x1b[2J\\x0a");
    check_escape("\xc2\x9b", "\\u{009b}");     /* CSI as one C1 character */
    check_escape("\xe2\x80\xae", "\\u{202e}"); /* right-to-left override */
    check_escape("a\xff", "a\\xff");
    check_escape("\xe6\x97", "\\xe6\\x97");
    check_escape("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate is no character */
    check_escape("\xc0\xaf", "\\xc0\\xaf");          /* an overlong slash neither */
}

static void check_quote(const char *word, const char *expected)
{
    char *quoted = lk_display_quote(word);
    assert_string_equal(quoted, expected);
    free(quoted);
}

static void a_quoted_word_is_one_word_to_a_shell(void **state)
{
    (void)state;
    check_quote("/data/posts.db", "/data/posts.db");
    check_quote("", "''");
    check_quote("my file", "'my file'");
    check_quote("it's", "'it'\\''s'");
    check_quote("$(rm)", "'$(rm)'");
}

static void the_nearest_name_is_found_and_a_far_one_is_not(void **state)
{
    (void)state;
    static const char *const names[] = {"scan", "backup", "list", "show", "adopt"};
    assert_string_equal(lk_display_nearest("bakup", names, 5), "backup");
    assert_string_equal(lk_display_nearest("lsit", names, 5), "list");
    assert_string_equal(lk_display_nearest("back", names, 5), "backup"); /* its beginning */
    assert_string_equal(lk_display_nearest("shwo", names, 5), "show");
    assert_null(lk_display_nearest("elephant", names, 5));
    assert_null(lk_display_nearest("x", names, 5));
    assert_null(lk_display_nearest("a-word-that-is-far-too-long-to-be-meant", names, 5));
}

/* SQLite folds ASCII and nothing else; strcasecmp does as the locale says, and in Turkish "I" is no "i". */
static void the_letters_of_the_users_locale_are_not_taken_over(void **state)
{
    (void)state;
    struct lk_console console;
    setenv("LC_ALL", "C.utf8", 1);
    lk_console_init(&console);
    assert_true(console.utf8);
    assert_string_equal(setlocale(LC_CTYPE, NULL), "C.UTF-8");
    setenv("LC_ALL", "C", 1);
    lk_console_init(&console);
    assert_false(console.utf8);
    assert_string_equal(setlocale(LC_CTYPE, NULL), "C.UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_characters_take_two_cells_and_marks_none),
        cmocka_unit_test(text_is_cut_between_characters_with_room_for_the_mark),
        cmocka_unit_test(numbers_are_grouped_by_thousands),
        cmocka_unit_test(changes_carry_their_sign),
        cmocka_unit_test(an_age_has_no_fractions_and_is_never_negative),
        cmocka_unit_test(nothing_that_moves_a_terminal_is_left_after_escaping),
        cmocka_unit_test(a_quoted_word_is_one_word_to_a_shell),
        cmocka_unit_test(the_nearest_name_is_found_and_a_far_one_is_not),
        cmocka_unit_test(the_letters_of_the_users_locale_are_not_taken_over),
    };
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 77; /* skipped: no locale that knows the widths */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
