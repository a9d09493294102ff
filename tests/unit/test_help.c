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

static void lines_fit_the_page_except_examples(void **state)
{
    (void)state;
    for (size_t width = 60; width <= 100; width += 20) {
        char *text = help(&lk_cmd_backup, width);
        *strstr(text, "\nExamples:") = '\0';
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
            assert_true(lk_display_width(line) <= width);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_overview_names_every_command),
        cmocka_unit_test(help_names_every_option_with_its_default),
        cmocka_unit_test(help_lists_the_exit_codes_of_the_command_and_no_others),
        cmocka_unit_test(lines_fit_the_page_except_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
