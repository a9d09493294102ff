#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"

enum { FLAG, TEXT, LIST, TIME, SIZE, COUNT, CHOICE, SET, CODEC, OPTIONS };

static const char *const words[] = {"red", "green", "blue", NULL};
static const struct lk_option options[OPTIONS] = {
    [FLAG] = {.name = "flag", .letter = 'f', .kind = LK_OPTION_FLAG},
    [TEXT] = {.name = "text", .kind = LK_OPTION_TEXT, .argument = "WORD"},
    [LIST] = {.name = "list", .kind = LK_OPTION_LIST, .argument = "GLOB"},
    [TIME] = {.name = "time", .kind = LK_OPTION_DURATION, .argument = "TIME", .least = 1},
    [SIZE] = {.name = "size", .kind = LK_OPTION_SIZE, .argument = "SIZE", .least = 1},
    [COUNT] = {.name = "count", .kind = LK_OPTION_COUNT, .argument = "N", .least = 1},
    [CHOICE] = {.name = "choice", .kind = LK_OPTION_CHOICE, .argument = "WORD", .words = words},
    [SET] = {.name = "set", .kind = LK_OPTION_SET, .argument = "LIST", .words = words},
    [CODEC] = {.name = "codec", .kind = LK_OPTION_CODEC, .argument = "CODEC", .words = words},
};

struct taken {
    struct lk_option_value value[OPTIONS];
    struct lk_error err;
    int index;
};

/* Take the first option of the words. */
static enum lk_status take(struct taken *t, char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    const struct lk_option_table table = {options, OPTIONS, t->value};
    return lk_options_take(&table, 1, argc, argv, &t->index, &t->err);
}

#define TAKE(t, ...) take(t, (char *[]){__VA_ARGS__, NULL})

static void reset(struct taken *t)
{
    lk_options_reset(t->value, OPTIONS);
    *t = (struct taken){0};
}

static void a_value_may_stand_apart_or_behind_an_equals_sign(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--text", "a b", "next"), LK_OK);
    assert_string_equal(t.value[TEXT].text, "a b");
    assert_int_equal(t.index, 2);
    reset(&t);
    assert_int_equal(TAKE(&t, "--text=x=y", "next"), LK_OK);
    assert_string_equal(t.value[TEXT].text, "x=y");
    assert_int_equal(t.index, 1);
    reset(&t);
}

static void a_forgotten_value_does_not_swallow_the_next_option(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--text", "--flag"), LK_USAGE);
    assert_non_null(strstr(t.err.message, "--text WORD"));
    reset(&t);
    assert_int_equal(TAKE(&t, "--text"), LK_USAGE);
    reset(&t);
    assert_int_equal(TAKE(&t, "--text="), LK_USAGE);
    reset(&t);
    assert_int_equal(TAKE(&t, "--text=--flag"), LK_OK);
    assert_string_equal(t.value[TEXT].text, "--flag");
    reset(&t);
}

static void a_list_keeps_every_word_in_order(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--list", "a"), LK_OK);
    t.index = 0;
    assert_int_equal(TAKE(&t, "--list=b"), LK_OK);
    assert_int_equal(t.value[LIST].count, 2);
    assert_string_equal(t.value[LIST].list[0], "a");
    assert_string_equal(t.value[LIST].list[1], "b");
    assert_null(t.value[LIST].list[2]);
    reset(&t);
    assert_null(t.value[LIST].list);
}

static void flags_take_no_value_and_letters_may_be_joined(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--flag=yes"), LK_USAGE);
    reset(&t);
    assert_int_equal(TAKE(&t, "-ff"), LK_OK);
    assert_true(t.value[FLAG].given);
    reset(&t);
    assert_int_equal(TAKE(&t, "-fx"), LK_USAGE);
    reset(&t);
    assert_true(lk_options_is_option("-f"));
    assert_false(lk_options_is_option("-"));
    assert_false(lk_options_is_option("word"));
}

static void numbers_are_read_with_their_units(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--time=3s"), LK_OK);
    assert_int_equal(t.value[TIME].number, INT64_C(3000000000));
    reset(&t);
    assert_int_equal(TAKE(&t, "--size", "2M"), LK_OK);
    assert_int_equal(t.value[SIZE].number, 2 << 20);
    reset(&t);
    assert_int_equal(TAKE(&t, "--count", "12"), LK_OK);
    assert_int_equal(t.value[COUNT].number, 12);
    reset(&t);
}

static void numbers_that_are_none_or_too_small_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "--time=soon", "--time=0s",  "--size=big", "--size=0",    "--count=0",
        "--count=-1",  "--count=1x", "--count= 1", "--count=1e3", "--count=99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct taken t = {0};
        char word[64];
        strcpy(word, wrong[i]);
        assert_int_equal(TAKE(&t, word), LK_USAGE);
        assert_memory_equal(t.err.message, wrong[i], strcspn(wrong[i], "="));
        reset(&t);
    }
}

static void words_must_be_of_the_table(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--choice", "blue"), LK_OK);
    assert_int_equal(t.value[CHOICE].number, 2);
    reset(&t);
    assert_int_equal(TAKE(&t, "--choice", "pink"), LK_USAGE);
    assert_non_null(strstr(t.err.message, "red, green or blue"));
    reset(&t);
    assert_int_equal(TAKE(&t, "--set", "blue,red"), LK_OK);
    assert_int_equal(t.value[SET].number, 5);
    reset(&t);
    assert_int_equal(TAKE(&t, "--set", "blue,"), LK_USAGE);
    reset(&t);
    assert_int_equal(TAKE(&t, "--set", "blue,re"), LK_USAGE);
    reset(&t);
}

static void a_codec_may_have_a_level(void **state)
{
    (void)state;
    static char *const right[] = {"--codec=red", "--codec=red:9", "--codec=green:-3"};
    static char *const wrong[] = {"--codec=pink", "--codec=red:", "--codec=red:x", "--codec=red:--1",
                                  "--codec=:1"};
    for (size_t i = 0; i < 3; i++) {
        struct taken t = {0};
        assert_int_equal(TAKE(&t, right[i]), LK_OK);
        reset(&t);
    }
    for (size_t i = 0; i < 5; i++) {
        struct taken t = {0};
        assert_int_equal(TAKE(&t, wrong[i]), LK_USAGE);
        reset(&t);
    }
}

static void an_unknown_option_suggests_the_nearest(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--tiem=3s"), LK_USAGE);
    assert_non_null(strstr(t.err.message, "did you mean --time?"));
    reset(&t);
    assert_int_equal(TAKE(&t, "--elephant"), LK_USAGE);
    assert_null(strstr(t.err.message, "did you mean"));
    reset(&t);
}

static void control_characters_of_the_command_line_do_not_reach_the_terminal(void **state)
{
    (void)state;
    struct taken t = {0};
    assert_int_equal(TAKE(&t, "--\033[31mred"), LK_USAGE);
    assert_null(strchr(t.err.message, '\033'));
    assert_non_null(strstr(t.err.message, "\\x1b"));
    reset(&t);
    assert_int_equal(TAKE(&t, "--count", "\a"), LK_USAGE);
    assert_null(strchr(t.err.message, '\a'));
    reset(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_may_stand_apart_or_behind_an_equals_sign),
        cmocka_unit_test(a_forgotten_value_does_not_swallow_the_next_option),
        cmocka_unit_test(a_list_keeps_every_word_in_order),
        cmocka_unit_test(flags_take_no_value_and_letters_may_be_joined),
        cmocka_unit_test(numbers_are_read_with_their_units),
        cmocka_unit_test(numbers_that_are_none_or_too_small_are_refused),
        cmocka_unit_test(words_must_be_of_the_table),
        cmocka_unit_test(a_codec_may_have_a_level),
        cmocka_unit_test(an_unknown_option_suggests_the_nearest),
        cmocka_unit_test(control_characters_of_the_command_line_do_not_reach_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
