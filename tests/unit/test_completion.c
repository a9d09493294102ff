#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/completion.h"

static char *written(void (*write)(FILE *to))
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    write(to);
    fclose(to);
    return text;
}

static void a_quote_in_a_word_does_not_end_it(void **state)
{
    (void)state;
    char text[64] = "";
    FILE *to = fmemopen(text, sizeof text, "w");
    assert_non_null(to);
    lk_completion_quote(to, "it's $(id)", "'", "'\\'");
    lk_completion_quote(to, "a\\'b", "\\'", "\\");
    fclose(to);
    assert_string_equal(text, "'it'\\''s $(id)''a\\\\\\'b'");
}

static void values_are_known_by_the_name_of_the_argument(void **state)
{
    (void)state;
    static const char *const words[] = {"a", NULL};
    const struct lk_option folder = {.name = "x", .kind = LK_OPTION_TEXT, .argument = "DIR"};
    const struct lk_option worded = {
        .name = "x", .kind = LK_OPTION_CHOICE, .argument = "FILE", .words = words};
    const struct lk_option flag = {.name = "x", .kind = LK_OPTION_FLAG};
    assert_int_equal(lk_completion_value(&folder), LK_OPERAND_FOLDER);
    assert_int_equal(lk_completion_value(&worded), LK_OPERAND_OTHER);
    assert_int_equal(lk_completion_value(&flag), LK_OPERAND_OTHER);
    assert_string_equal(lk_completion_kind(LK_OPERAND_BACKUP), "backup");
}

static void each_shell_hears_of_every_command_and_option(void **state)
{
    (void)state;
    static void (*const shells[])(FILE *) = {lk_completion_bash, lk_completion_zsh, lk_completion_fish};
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    for (size_t s = 0; s < 3; s++) {
        char *text = written(shells[s]);
        for (size_t i = 0; i < count; i++) {
            assert_non_null(strstr(text, all[i]->name));
            for (size_t k = 0; k < all[i]->options; k++)
                assert_non_null(strstr(text, all[i]->option[k].name));
        }
        assert_null(strstr(text, "complete'"));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quote_in_a_word_does_not_end_it),
        cmocka_unit_test(values_are_known_by_the_name_of_the_argument),
        cmocka_unit_test(each_shell_hears_of_every_command_and_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
