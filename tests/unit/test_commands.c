#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"

static struct lk_arguments args;
static struct lk_error err;

static enum lk_status parse(char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    lk_commands_reset(&args);
    err = (struct lk_error){0};
    return lk_commands_parse(argc, argv, &args, &err);
}

#define PARSE(...) parse((char *[]){"litekeep", __VA_ARGS__, NULL})

static int teardown(void **state)
{
    (void)state;
    lk_commands_reset(&args);
    return 0;
}

static void global_options_may_stand_before_and_after_the_command(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--store", "/a", "list", "--json", "posts", "-q"), LK_OK);
    assert_ptr_equal(args.command, &lk_cmd_list);
    assert_string_equal(args.global[LK_GLOBAL_STORE].text, "/a");
    assert_true(args.global[LK_GLOBAL_JSON].given);
    assert_true(args.global[LK_GLOBAL_QUIET].given);
    assert_int_equal(args.operands, 1);
    assert_string_equal(args.operand[0], "posts");
    assert_null(args.operand[1]);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE("backup", "--", "--json", "-"), LK_OK);
    assert_int_equal(args.operands, 2);
    assert_string_equal(args.operand[0], "--json");
    assert_false(args.global[LK_GLOBAL_JSON].given);
}

static void an_unknown_command_suggests_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(PARSE("bakcup"), LK_USAGE);
    assert_non_null(strstr(err.message, "did you mean backup?"));
    assert_int_equal(PARSE("elephant"), LK_USAGE);
    assert_null(strstr(err.message, "did you mean"));
}

static void operands_are_counted(void **state)
{
    (void)state;
    assert_int_equal(PARSE("adopt", "posts"), LK_USAGE);
    assert_non_null(strstr(err.message, "litekeep adopt DB NEWPATH"));
    assert_int_equal(PARSE("list", "a", "b"), LK_USAGE);
    assert_non_null(strstr(err.message, "\"b\""));
    assert_int_equal(PARSE("adopt", "--help"), LK_OK);
    assert_int_equal(PARSE("scan", "a", "b", "c"), LK_OK);
}

static void an_empty_operand_is_an_unset_variable_and_refused(void **state)
{
    (void)state;
    assert_int_equal(PARSE("backup", ""), LK_USAGE);
}

static void quiet_and_verbose_exclude_each_other(void **state)
{
    (void)state;
    assert_int_equal(PARSE("scan", "-qv"), LK_USAGE);
}

static void options_of_one_command_are_not_those_of_another(void **state)
{
    (void)state;
    assert_int_equal(PARSE("backup", "--tag", "a", "--tag=b"), LK_OK);
    assert_int_equal(PARSE("scan", "--tag", "a"), LK_USAGE);
    assert_int_equal(PARSE("--tag", "a", "backup"), LK_USAGE);
}

static void no_command_is_understood_as_none(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--version"), LK_OK);
    assert_null(args.command);
}

static void the_command_for_shells_is_found_but_listed_nowhere(void **state)
{
    (void)state;
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    assert_ptr_equal(lk_commands_find("complete"), &lk_cmd_complete);
    for (size_t i = 0; i < count; i++)
        assert_ptr_not_equal(all[i], &lk_cmd_complete);
}

static void words_behind_two_dashes_are_the_other_commands_where_one_follows(void **state)
{
    (void)state;
    assert_int_equal(PARSE("run", "a.db", "--", "ls", "--json"), LK_OK);
    assert_int_equal(args.operands, 1);
    assert_string_equal(args.rest[1], "--json");
    assert_null(args.rest[2]);
    assert_false(args.global[LK_GLOBAL_JSON].given);
}

/* Help is printed from the tables: each must say all that help needs, and no two names may clash. */
static void every_command_is_described(void **state)
{
    (void)state;
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct lk_command *c = all[i];
        assert_ptr_equal(lk_commands_find(c->name), c);
        assert_non_null(c->group);
        assert_non_null(c->help);
        assert_non_null(c->operands);
        assert_non_null(c->about);
        assert_true(strlen(c->about) < 4000);
        assert_non_null(c->run);
        assert_int_equal(c->exits[0], 0);
        for (size_t k = 0; k < c->options; k++) {
            const struct lk_option *o = &c->option[k];
            assert_non_null(o->help);
            assert_int_equal(o->kind == LK_OPTION_FLAG, o->argument == NULL);
            assert_true(o->kind == LK_OPTION_FLAG || o->fallback != NULL);
            const bool worded =
                o->kind == LK_OPTION_CHOICE || o->kind == LK_OPTION_SET || o->kind == LK_OPTION_CODEC;
            assert_int_equal(worded, o->words != NULL);
            for (size_t g = 0; g < LK_GLOBALS; g++)
                assert_string_not_equal(o->name, lk_commands_globals()[g].name);
        }
        for (size_t k = 0; k < c->examples; k++)
            assert_memory_equal(c->example[k].line, "litekeep ", 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(global_options_may_stand_before_and_after_the_command, teardown),
        cmocka_unit_test_teardown(two_dashes_end_the_options, teardown),
        cmocka_unit_test_teardown(an_unknown_command_suggests_the_nearest, teardown),
        cmocka_unit_test_teardown(operands_are_counted, teardown),
        cmocka_unit_test_teardown(an_empty_operand_is_an_unset_variable_and_refused, teardown),
        cmocka_unit_test_teardown(quiet_and_verbose_exclude_each_other, teardown),
        cmocka_unit_test_teardown(options_of_one_command_are_not_those_of_another, teardown),
        cmocka_unit_test_teardown(no_command_is_understood_as_none, teardown),
        cmocka_unit_test(the_command_for_shells_is_found_but_listed_nowhere),
        cmocka_unit_test_teardown(words_behind_two_dashes_are_the_other_commands_where_one_follows, teardown),
        cmocka_unit_test(every_command_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
