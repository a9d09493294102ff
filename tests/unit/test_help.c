#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/display.h"
#include "cli/help.h"

/* The help of one command (NULL: the overview) on a page of `width` cells. The caller frees. */
/* Not inlined: gcc 12 then takes the stream's buffer for a local variable that is gone. */
__attribute__((noinline)) static char *help(const struct lk_command *command, size_t width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    if (command != NULL)
        lk_help_command(to, width, command);
    else
        lk_help_overview(to, width);
    fclose(to);
    return text;
}

static void the_overview_names_every_command(void **state)
{
    (void)state;
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    char *text = help(NULL, 80);
    for (size_t i = 0; i < count; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n  %-8s ", all[i]->name);
        assert_non_null(strstr(text, line));
    }
    free(text);
}

static void help_names_every_option_with_its_default(void **state)
{
    (void)state;
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    for (size_t i = 0; i < count; i++) {
        char *text = help(all[i], 0);
        for (size_t k = 0; k < all[i]->options; k++) {
            const struct lk_option *o = &all[i]->option[k];
            char name[64];
            snprintf(name, sizeof name, "--%s%s%s", o->name, o->argument != NULL ? " " : "",
                     o->argument != NULL ? o->argument : "");
            const char *at = strstr(text, name);
            assert_non_null(at);
            assert_true(o->fallback == NULL || strstr(at, "(default:") != NULL);
        }
        free(text);
    }
}

static void help_lists_the_exit_codes_of_the_command_and_no_others(void **state)
{
    (void)state;
    char *text = help(&lk_cmd_scan, 80);
    assert_non_null(strstr(text, "\n    3  some sources could not be read"));
    assert_null(strstr(text, "\n   11  "));
    free(text);
}

static void the_exit_codes_ascend_and_each_that_a_command_gives_is_explained(void **state)
{
    (void)state;
    size_t codes, count;
    const struct lk_help_exit *exit = lk_help_exits(&codes);
    for (size_t i = 1; i < codes; i++)
        assert_true(exit[i - 1].code < exit[i].code);
    const struct lk_command *const *all = lk_commands_all(&count);
    for (size_t i = 0; i < count; i++) {
        size_t given = 0, explained = 0;
        while (all[i]->exits[given] >= 0)
            given++;
        for (size_t k = 0; k < codes; k++)
            explained += lk_help_may_exit(all[i], exit[k].code);
        assert_int_equal(explained, given);
    }
}

static void an_alarm_has_an_exit_code_of_its_own(void **state)
{
    (void)state;
    char *text = help(NULL, 80);
    assert_non_null(strstr(text, "\n    4  an alarm: data has shrunk\n    5  "));
    free(text);
}

static void groups_come_in_the_order_in_which_people_need_them(void **state)
{
    (void)state;
    static const char *const groups[] = {"Protect", "Look", "Bring back", "Check", "Manage", "About"};
    char *text = help(NULL, 80);
    const char *at = text;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n\n%s:\n", groups[i]);
        at = strstr(at, line);
        assert_non_null(at);
        assert_null(strstr(at + 1, line));
    }
    free(text);
}

static void descriptions_say_help_words_and_default_in_one_line(void **state)
{
    (void)state;
    static const char *const words[] = {"zstd", "none", NULL};
    const struct lk_option codec = {
        .name = "x", .kind = LK_OPTION_CODEC, .help = "compression", .words = words, .fallback = "zstd:1"};
    const struct lk_option list = {.name = "y", .kind = LK_OPTION_LIST, .help = "a tag"};
    char text[LK_HELP_DESCRIPTION_SIZE];
    assert_string_equal(lk_help_describe(&codec, text),
                        "compression: zstd, none, and perhaps :LEVEL (default: zstd:1)");
    assert_string_equal(lk_help_describe(&list, text), "a tag; may be repeated");
}

static void a_long_paragraph_is_not_cut(void **state)
{
    (void)state;
    static char about[3000];
    for (size_t i = 0; i + 5 < sizeof about; i += 5)
        strcpy(about + i, "word ");
    strcpy(about + strlen(about) - 1, "!");
    static const int exits[] = {0, -1};
    const struct lk_command command = {.name = "x", .operands = "", .about = about, .exits = exits};
    char *text = help(&command, 80);
    assert_non_null(strstr(text, "word!"));
    free(text);
}

static void lines_fit_the_page_except_examples(void **state)
{
    (void)state;
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    for (size_t width = 60; width <= 100; width += 20) {
        for (size_t i = 0; i <= count; i++) {
            char *text = help(i < count ? all[i] : NULL, width);
            char *examples = strstr(text, "\nExamples:");
            if (examples != NULL)
                *examples = '\0';
            for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
                if (lk_display_width(line) > width)
                    fail_msg("%zu cells: %s", width, line);
            }
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_overview_names_every_command),
        cmocka_unit_test(help_names_every_option_with_its_default),
        cmocka_unit_test(help_lists_the_exit_codes_of_the_command_and_no_others),
        cmocka_unit_test(the_exit_codes_ascend_and_each_that_a_command_gives_is_explained),
        cmocka_unit_test(an_alarm_has_an_exit_code_of_its_own),
        cmocka_unit_test(groups_come_in_the_order_in_which_people_need_them),
        cmocka_unit_test(descriptions_say_help_words_and_default_in_one_line),
        cmocka_unit_test(a_long_paragraph_is_not_cut),
        cmocka_unit_test(lines_fit_the_page_except_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
