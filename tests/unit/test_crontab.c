#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "host/crontab.h"
#include "host/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define KEY "11111111-2222-3333-4444-555555555555"
#define OTHER "11111111-2222-3333-4444-555555555556"
#define MARK(key) "# litekeep schedule " key ": by \"litekeep schedule install\"; change it there\n"
#define LINE "17 1-23/8 * * * /usr/bin/litekeep --store /s backup -q"
#define NEW "5 3 * * * /usr/bin/litekeep --store /t backup -q"
#define OURS MARK(KEY) LINE "\n"

static void assert_replaced(const char *text, const char *line, const char *wanted)
{
    struct lk_buffer out = {0};
    assert_true(lk_crontab_replace(lk_bytes_of(text), KEY, line, &out));
    assert_string_equal(lk_buffer_string(&out), wanted);
    lk_buffer_reset(&out);
}

static void only_our_block_is_touched(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line, *wanted;
    } cases[] = {
        {"", LINE, OURS},
        {"", NULL, ""},
        {"MAILTO=me\n", LINE, "MAILTO=me\n" OURS},
        {"no newline", LINE, "no newline\n" OURS},
        {"no newline", NULL, "no newline"},
        {OURS, LINE, OURS},
        {OURS, NEW, MARK(KEY) NEW "\n"},
        {OURS, NULL, ""},
        {"a\n" OURS "b\n", NEW, "a\n" MARK(KEY) NEW "\nb\n"},
        {"a\n" OURS "b", NULL, "a\nb"},
        {"a\r\n\r\n\x01\xff%%\n" OURS "\n\n", NULL, "a\r\n\r\n\x01\xff%%\n\n\n"},
        /* Of another store. */
        {MARK(OTHER) LINE "\n", NEW, MARK(OTHER) LINE "\n" MARK(KEY) NEW "\n"},
        {MARK(OTHER) LINE "\n", NULL, MARK(OTHER) LINE "\n"},
        /* Twice: the first stays, at its place. */
        {OURS "x\n" OURS, NEW, MARK(KEY) NEW "\nx\n"},
        {OURS "x\n" OURS, NULL, "x\n"},
        /* Somebody took our line away: what is behind the mark is not ours. */
        {MARK(KEY) "0 0 * * * theirs\n", NULL, "0 0 * * * theirs\n"},
        {MARK(KEY) "0 0 * * * theirs\n", NEW, MARK(KEY) NEW "\n0 0 * * * theirs\n"},
        {MARK(KEY) "\n" LINE "\n", NULL, "\n" LINE "\n"},
        {MARK(KEY) "# 0 * * * * x --store y\n", NULL, "# 0 * * * * x --store y\n"},
        {MARK(KEY) MARK(KEY) LINE "\n", NULL, ""},
        {MARK(KEY), NULL, ""},
        {"# litekeep schedule " KEY, NULL, ""},
        {"# litekeep schedule " KEY, LINE, OURS},
        /* Only like ours. */
        {" # litekeep schedule " KEY ":\n" LINE "\n", NULL, " # litekeep schedule " KEY ":\n" LINE "\n"},
        {"# litekeep schedule " KEY "6\n" LINE "\n", NULL, "# litekeep schedule " KEY "6\n" LINE "\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_replaced(cases[i].text, cases[i].line, cases[i].wanted);
}

static void our_line_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"", NULL},
        {"a\nb", NULL},
        {OURS, LINE},
        {"a\n" MARK(KEY) LINE, LINE},
        {MARK(OTHER) NEW "\n" OURS, LINE},
        {MARK(KEY), NULL},
        {MARK(KEY) "theirs\n", NULL},
        {MARK(KEY) "theirs\n" OURS, LINE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct lk_bytes got = lk_crontab_find(lk_bytes_of(cases[i].text), KEY);
        assert_int_equal(got.ptr != NULL, cases[i].wanted != NULL);
        if (cases[i].wanted != NULL)
            assert_true(lk_bytes_equal(got, lk_bytes_of(cases[i].wanted)));
    }
}

static uint64_t seed = 7;

static unsigned chance(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

static void random_text(struct lk_buffer *out)
{
    static const char other_mark[] = MARK(OTHER), other_line[] = LINE "\n",
                      short_mark[] = "# litekeep schedule " OTHER "\n";
    static const char *const pieces[] = {"0 0 * * * x", "# litekeep schedule ",
                                         OTHER,         ":",
                                         " ",           "\n",
                                         "\n",          "\n",
                                         "MAILTO=\"\"", "%",
                                         "\\",          other_mark,
                                         other_line,    "\r\n",
                                         "'",           "\t",
                                         short_mark,    " --store "};
    lk_buffer_clear(out);
    for (unsigned n = chance(30); n > 0; n--) {
        if (chance(6) == 0)
            lk_buffer_append_byte(out, (uint8_t)chance(256));
        else
            lk_buffer_append_string(out, pieces[chance(COUNT(pieces))]);
    }
}

static void any_crontab_is_the_same_after_installing_and_removing(void **state)
{
    (void)state;
    struct lk_buffer text = {0}, with = {0}, again = {0}, without = {0};
    for (int round = 0; round < 20000; round++) {
        random_text(&text);
        lk_buffer_clear(&with);
        lk_buffer_clear(&again);
        lk_buffer_clear(&without);
        assert_true(lk_crontab_replace(lk_buffer_bytes(&text), KEY, LINE, &with));
        assert_true(lk_crontab_replace(lk_buffer_bytes(&with), KEY, LINE, &again));
        assert_true(lk_bytes_equal(lk_buffer_bytes(&with), lk_buffer_bytes(&again)));
        assert_true(lk_bytes_equal(lk_crontab_find(lk_buffer_bytes(&with), KEY), lk_bytes_of(LINE)));
        assert_true(lk_crontab_replace(lk_buffer_bytes(&with), KEY, NULL, &without));
        if (text.len > 0 && text.data[text.len - 1] != '\n')
            lk_buffer_append_byte(&text, '\n');
        assert_true(lk_bytes_equal(lk_buffer_bytes(&text), lk_buffer_bytes(&without)));
    }
    lk_buffer_reset(&text);
    lk_buffer_reset(&with);
    lk_buffer_reset(&again);
    lk_buffer_reset(&without);
}

/* What cron hands to the shell: % is a newline unless behind a backslash, which then goes. `halves`: cron
 * also makes one backslash of two. */
static char *as_cron_reads(const char *command, bool halves)
{
    char *out = malloc(strlen(command) + 1), *to = out;
    bool escaped = false;
    for (const char *p = command; *p != '\0'; p++) {
        *to++ = *p;
        if (escaped) {
            if (*p == '%' || (*p == '\\' && halves))
                *--to = '\0', *(to - 1) = *p;
            escaped = false;
        } else if (*p == '\\') {
            escaped = true;
        } else if (*p == '%') {
            fail_msg("an unescaped %% in %s", command);
        }
    }
    *to = '\0';
    return out;
}

static void assert_shell_reads(const char *command, const struct lk_buffer *wanted)
{
    const char *const words[] = {"sh", "-c", command, NULL};
    const struct lk_process_options options = {.words = words, .limit = 1 << 20};
    struct lk_process_result r = {0};
    struct lk_error err = {0};
    assert_int_equal(lk_process_run(&options, &r, &err), LK_OK);
    if (r.code != 0 || !lk_bytes_equal(lk_buffer_bytes(&r.output), lk_buffer_bytes(wanted)))
        fail_msg("the shell reads other words from: %s", command);
    lk_process_result_reset(&r);
}

static void words_reach_the_program_through_cron_and_through_a_shell(void **state)
{
    (void)state;
    static const char *const pieces[] = {"%",  "\\",   "'", "\"", " ", "$HOME", "`", ";",
                                         "*",  "~",    "#", "\t", "a", "é",     "-", "%%",
                                         "&&", "\\\\", "=", "!",  "(", "|",     "<", "\xff"};
    for (int round = 0; round < 120; round++) {
        char word[8][64];
        const char *words[11] = {"printf", "%s\\n"};
        struct lk_buffer wanted = {0}, line = {0};
        struct lk_error err = {0};
        for (size_t i = 0; i < 8; i++) {
            word[i][0] = '\0';
            for (unsigned n = chance(8); n > 0; n--)
                strcat(word[i], pieces[chance(COUNT(pieces))]);
            words[i + 2] = word[i];
            lk_buffer_append_format(&wanted, "%s\n", word[i]);
        }
        assert_int_equal(lk_crontab_line("* * * * *", words, &line, &err), LK_OK);
        const char *command = lk_buffer_string(&line);
        assert_non_null(command);
        command += strlen("* * * * * ");
        char *halved = as_cron_reads(command, true), *kept = as_cron_reads(command, false);
        assert_string_equal(halved, kept);
        assert_shell_reads(kept, &wanted);
        assert_shell_reads(command, &wanted); /* as Slurm does */
        free(halved);
        free(kept);
        lk_buffer_reset(&wanted);
        lk_buffer_reset(&line);
    }
}

static void what_a_crontab_cannot_hold_is_refused(void **state)
{
    (void)state;
    struct lk_buffer line = {0};
    struct lk_error err = {0};
    const char *const broken[] = {"litekeep", "a\nb", NULL};
    assert_int_equal(lk_crontab_line("* * * * *", broken, &line, &err), LK_USAGE);
    assert_non_null(strstr(err.message, "line break"));
    lk_buffer_clear(&line);
    char *word = calloc(1, 1000);
    memset(word, 'x', 989);
    const char *const words[] = {word, NULL};
    assert_int_equal(lk_crontab_line("* * * *", words, &line, &err), LK_OK);
    lk_buffer_clear(&line);
    word[989] = 'x';
    word[990] = 'x';
    assert_int_equal(lk_crontab_line("* * * *", words, &line, &err), LK_USAGE);
    assert_non_null(strstr(err.message, "998"));
    free(word);
    lk_buffer_reset(&line);
}

static void memory_that_is_out_is_reported(void **state)
{
    (void)state;
    struct lk_buffer out = {0};
    lk_memory_fail_after(0, 1);
    const bool replaced = lk_crontab_replace(lk_bytes_of("a\n"), KEY, LINE, &out);
    lk_memory_fail_after(-1, 0);
    assert_false(replaced);
    lk_buffer_reset(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_our_block_is_touched),
        cmocka_unit_test(our_line_is_found),
        cmocka_unit_test(any_crontab_is_the_same_after_installing_and_removing),
        cmocka_unit_test(words_reach_the_program_through_cron_and_through_a_shell),
        cmocka_unit_test(what_a_crontab_cannot_hold_is_refused),
        cmocka_unit_test(memory_that_is_out_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
