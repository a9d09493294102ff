#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/roff.h"

static char *text;
static size_t size;
static FILE *to;

static void begin(void)
{
    to = open_memstream(&text, &size);
    assert_non_null(to);
}

static void expect(const char *wanted)
{
    fclose(to);
    assert_string_equal(text, wanted);
    free(text);
}

static void nothing_in_a_text_means_anything_to_roff(void **state)
{
    (void)state;
    begin();
    lk_roff_text(to, ".TH a\\b -x\n.so 'it' \"q\" ~^`", 1);
    expect("\\&.TH a\\(rsb \\-x\n\\&.so \\(aqit\\(aq \\(dqq\\(dq \\(ti\\(ha\\(ga");
}

static void characters_beyond_ascii_are_named(void **state)
{
    (void)state;
    begin();
    lk_roff_text(to, "\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x92\xbe", 0);
    expect("\\[u00E9] \\[u2192] \\[u1F4BE]");
}

static void text_that_is_cut_within_a_character_is_not_read_beyond(void **state)
{
    (void)state;
    begin();
    lk_roff_text(to, "a\xe2\x86", 0);
    fclose(to);
    assert_memory_equal(text, "a\\[u", 4);
    free(text);
}

static void usage_is_bold_where_it_is_typed_and_italic_where_it_stands_for_something(void **state)
{
    (void)state;
    begin();
    lk_roff_usage(to, "check|show [DB[@WHEN]...] -- NAME=DB");
    expect("\\fBcheck\\fR|\\fBshow\\fR [\\fIDB\\fR[@\\fIWHEN\\fR]...] \\fB\\-\\-\\fR "
           "\\fINAME\\fR=\\fIDB\\fR");
}

static void a_sentence_begins_with_a_capital_and_ends_once(void **state)
{
    (void)state;
    begin();
    lk_roff_sentence(to, "say more", '.');
    lk_roff_sentence(to, "Stop!", '.');
    lk_roff_sentence(to, "litekeep is one", ':');
    lk_roff_sentence(to, ".hidden files", '.');
    lk_roff_sentence(to, "a-b", '.');
    expect("Say more.\nStop!\nlitekeep is one:\n\\&.hidden files.\na\\-b.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_a_text_means_anything_to_roff),
        cmocka_unit_test(characters_beyond_ascii_are_named),
        cmocka_unit_test(text_that_is_cut_within_a_character_is_not_read_beyond),
        cmocka_unit_test(usage_is_bold_where_it_is_typed_and_italic_where_it_stands_for_something),
        cmocka_unit_test(a_sentence_begins_with_a_capital_and_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
