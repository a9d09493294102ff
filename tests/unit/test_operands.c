#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/operands.h"

static struct lk_operand take(const char **usage)
{
    struct lk_operand operand = {0};
    assert_true(lk_operands_next(usage, &operand));
    return operand;
}

static void brackets_and_points_are_no_part_of_a_name(void **state)
{
    (void)state;
    const char *usage = "DB[@WHEN] [DB[@WHEN]...]";
    struct lk_operand operand = take(&usage);
    assert_string_equal(operand.name, "DB@WHEN");
    assert_int_equal(operand.kind, LK_OPERAND_BACKUP);
    assert_false(operand.repeats);
    operand = take(&usage);
    assert_string_equal(operand.name, "DB@WHEN");
    assert_true(operand.repeats);
    assert_false(lk_operands_next(&usage, &operand));
}

static void words_with_bars_are_a_choice(void **state)
{
    (void)state;
    const char *usage = "install|show [PATH...]";
    const struct lk_operand operand = take(&usage);
    assert_int_equal(operand.kind, LK_OPERAND_WORDS);
    assert_string_equal(operand.name, "install|show");
    assert_int_equal(take(&usage).kind, LK_OPERAND_FILE);
}

static void what_follows_two_dashes_is_another_commands(void **state)
{
    (void)state;
    const char *usage = "[PATH...] -- COMMAND [ARG...]";
    struct lk_operand operand = take(&usage);
    assert_false(lk_operands_next(&usage, &operand));
    usage = "";
    assert_false(lk_operands_next(&usage, &operand));
}

static void names_say_what_they_stand_for(void **state)
{
    (void)state;
    assert_int_equal(lk_operands_kind("DB"), LK_OPERAND_DATABASE);
    assert_int_equal(lk_operands_kind("NEWPATH"), LK_OPERAND_FILE);
    assert_int_equal(lk_operands_kind("FILE"), LK_OPERAND_FILE);
    assert_int_equal(lk_operands_kind("DIR"), LK_OPERAND_FOLDER);
    assert_int_equal(lk_operands_kind("COMMAND"), LK_OPERAND_COMMAND);
    assert_int_equal(lk_operands_kind("SQL"), LK_OPERAND_OTHER);
    assert_int_equal(lk_operands_kind("N"), LK_OPERAND_OTHER);
}

static void a_name_of_any_length_stays_in_its_bounds(void **state)
{
    (void)state;
    char usage[300];
    memset(usage, 'A', sizeof usage);
    usage[sizeof usage - 1] = '\0';
    const char *at = usage;
    assert_int_equal(strlen(take(&at).name), LK_OPERAND_SIZE - 1);
    assert_string_equal(at, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brackets_and_points_are_no_part_of_a_name),
        cmocka_unit_test(words_with_bars_are_a_choice),
        cmocka_unit_test(what_follows_two_dashes_is_another_commands),
        cmocka_unit_test(names_say_what_they_stand_for),
        cmocka_unit_test(a_name_of_any_length_stays_in_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
