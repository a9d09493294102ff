#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/manual.h"

static char *expand(const char *template, const char *store, bool good, unsigned line)
{
    char *text = NULL;
    size_t size = 0;
    unsigned at = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_int_equal(lk_manual_expand(to, template, store, &at), good);
    assert_true(good || at == line);
    fclose(to);
    return text;
}

static void lines_that_are_no_placeholder_are_copied(void **state)
{
    (void)state;
    char *text = expand("a @EXITS@\n\n@@\n.B x", "", true, 0);
    assert_string_equal(text, "a @EXITS@\n\n@@\n.B x\n");
    free(text);
}

static void an_unknown_placeholder_is_found_with_its_line(void **state)
{
    (void)state;
    free(expand("one\ntwo\n@NOBODY@\n", "", false, 3));
}

static void the_layout_is_that_of_the_text_and_its_absence_is_noticed(void **state)
{
    (void)state;
    char *text = expand("@LAYOUT@\n", "# x\n\n## Layout\n\n    <a>/\n      .b\n\nmore\n    no\n", true, 0);
    assert_string_equal(text, ".nf\n<a>/\n  .b\n.fi\n");
    free(text);
    free(expand("@LAYOUT@\n", "# x\n\n## Layout\n\nnothing drawn\n", false, 1));
    free(expand("@LAYOUT@\n", "", false, 1));
}

/* Lines of roff that begin with a point are requests of ours; text never makes one. */
static void hostile_texts_of_a_command_stay_texts(void **state)
{
    (void)state;
    static const int exits[] = {0, 4, -1};
    static const struct lk_example example[] = {{"litekeep x '.so /etc/passwd' \\n", ".sy rm it"}};
    static const struct lk_option option[] = {
        {.name = "o", .kind = LK_OPTION_TEXT, .argument = "A'B", .fallback = ".br", .help = ".so \"x\""}};
    const struct lk_command command = {.name = "x",
                                       .group = "About",
                                       .help = "'it' \\fI",
                                       .operands = "[PATH...]",
                                       .about = ".so one\n'so two\n\\three",
                                       .option = option,
                                       .options = 1,
                                       .example = example,
                                       .examples = 1,
                                       .exits = exits};
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    lk_manual_command(to, &command);
    fclose(to);
    assert_null(strstr(text, "\n.so"));
    assert_null(strstr(text, "\n.sy"));
    assert_null(strstr(text, "\n'"));
    assert_null(strstr(text, "\\three"));
    assert_non_null(strstr(text, "\\(rsthree"));
    assert_non_null(strstr(text, "\n.TP 6\n\\fB4\\fR\nAn alarm"));
    assert_null(strstr(text, "\\fB5\\fR"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_are_no_placeholder_are_copied),
        cmocka_unit_test(an_unknown_placeholder_is_found_with_its_line),
        cmocka_unit_test(the_layout_is_that_of_the_text_and_its_absence_is_noticed),
        cmocka_unit_test(hostile_texts_of_a_command_stay_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
