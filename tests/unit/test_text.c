#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/utf8_valid.h"

static bool valid(const char *bytes, size_t len)
{
    /* At every place within a run of ASCII, in a block of exactly this size, so that a read too far is seen.
     */
    for (size_t before = 0; before < 40; before++) {
        const size_t after = before % 5 * 9;
        uint8_t *block = malloc(before + len + after + 1);
        assert_non_null(block);
        memset(block, 'a', before + len + after);
        memcpy(block + before, bytes, len);
        const bool answer = lk_utf8_valid(block, before + len + after);
        const bool alone = lk_utf8_valid((const uint8_t *)bytes, len);
        free(block);
        assert_int_equal(answer, alone);
    }
    return lk_utf8_valid((const uint8_t *)bytes, len);
}
#define VALID(text) valid(text, sizeof(text) - 1)

static void utf8_is_valid_just_when_table_3_7_says_so(void **state)
{
    (void)state;
    assert_true(VALID(""));
    assert_true(VALID("a\0b"));
    assert_true(VALID("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"));
    assert_true(VALID("\xf0\x90\x80\x80\xf3\xbf\xbf\xbf\xf4\x8f\xbf\xbf"));
    assert_false(VALID("\x80"));
    assert_false(VALID("\xbf"));
    assert_false(VALID("\xc0\x80"));
    assert_false(VALID("\xc1\xbf"));
    assert_false(VALID("\xc2"));
    assert_false(VALID("\xc2\x7f"));
    assert_false(VALID("\xc2\xc0"));
    assert_false(VALID("\xe0\x9f\xbf"));
    assert_false(VALID("\xe1\x80"));
    assert_false(VALID("\xe1\x80\xc0"));
    assert_false(VALID("\xed\xa0\x80"));
    assert_false(VALID("\xf0\x8f\xbf\xbf"));
    assert_false(VALID("\xf1\x80\x80"));
    assert_false(VALID("\xf4\x90\x80\x80"));
    assert_false(VALID("\xf5\x80\x80\x80"));
    assert_false(VALID("\xff"));
}

/* The definition itself: of all sequences of two, three and four bytes just the encodings of scalar values
 * are valid. */
static void every_scalar_value_and_nothing_else_is_valid(void **state)
{
    (void)state;
    lk_utf8_check *checks[2];
    for (size_t which = lk_utf8_valid_checks(checks); which-- > 0;) {
        uint64_t count = 0;
        for (uint32_t bytes = 0; bytes < 1u << 16; bytes++) {
            const uint8_t text[2] = {(uint8_t)(bytes >> 8), (uint8_t)bytes};
            count += checks[which](text, 2);
        }
        assert_int_equal(count, 128 * 128 + 0x780);
        count = 0;
        for (uint32_t bytes = 0xe0u << 16; bytes < 1u << 24; bytes++) {
            const uint8_t text[3] = {(uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8), (uint8_t)bytes};
            count += checks[which](text, 3);
        }
        assert_int_equal(count, 0x10000 - 0x800 - 0x800); /* U+0800 to U+FFFF without surrogates */
        count = 0;
        for (uint32_t bytes = 0; bytes < 1u << 24; bytes++) {
            /* Of the last byte the uppermost three bits and the lowest. */
            const uint8_t text[4] = {(uint8_t)(0xf0 | bytes >> 20), (uint8_t)(bytes >> 12),
                                     (uint8_t)(bytes >> 4), (uint8_t)((bytes & 0xe) << 4 | (bytes & 1))};
            count += checks[which](text, 4);
        }
        assert_int_equal(count, 0x100000 / 64 * 4);
    }
}

static uint64_t seed = UINT64_C(88172645463325252);

static uint32_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Long texts, mostly valid, damaged at one place: across the vectors' borders the fast check must say what
 * the portable one says. */
static void every_check_says_what_the_portable_one_says(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",
                                         "\xc3\xa9",
                                         "\xe6\x9d\xb1",
                                         "\xf0\x9f\xa6\x8b",
                                         "\xef\xbf\xbf",
                                         "\xf4\x8f\xbf\xbf",
                                         "plain words, long enough for a whole vector of ASCII"};
    static const uint8_t strange[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
                                      0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff};
    lk_utf8_check *checks[2];
    const size_t count = lk_utf8_valid_checks(checks);
    unsigned answers[2] = {0};
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t text[200];
        size_t len = 0;
        const size_t wanted = next_random() % 130;
        const uint32_t kinds = 1 + next_random() % 7;
        while (len < wanted) {
            const char *piece = pieces[next_random() % kinds];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        if (round % 3 != 0 && len > 0)
            text[next_random() % len] = strange[next_random() % sizeof strange];
        if (round % 5 == 0 && len > 0)
            len -= next_random() % (len < 4 ? len : 4);
        const bool valid_text = checks[0](text, len);
        answers[valid_text]++;
        assert_int_equal(lk_utf8_valid(text, len), valid_text);
        for (size_t i = 1; i < count; i++)
            assert_int_equal(checks[i](text, len), valid_text);
    }
    assert_true(answers[0] > 10000 && answers[1] > 10000);
}

static void a_cut_is_on_a_boundary_and_as_long_as_it_can_be(void **state)
{
    (void)state;
    const uint8_t *text = (const uint8_t *)"a\xc3\xa9\xe6\x9d\xb1\xf0\x9f\xa6\x8bz";
    const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t limit = 0; limit < sizeof expected / sizeof *expected; limit++)
        assert_int_equal(lk_utf8_cut(text, 11, limit), expected[limit]);
    assert_int_equal(lk_utf8_cut((const uint8_t *)"\x80\x80\x80\x80\x80\x80", 6, 5), 5);
}

static void utf16_comes_back_from_utf8(void **state)
{
    (void)state;
    static const uint8_t utf16[] = {0x41, 0,    0,    0,    0xe9, 0,    0xff, 0xfe,
                                    0x71, 0x67, 0x3e, 0xd8, 0x8b, 0xdd, 0xff, 0xff};
    for (int big = 0; big < 2; big++) {
        uint8_t source[sizeof utf16];
        for (size_t i = 0; i < sizeof utf16; i++)
            source[i] = utf16[big != 0 ? i ^ 1 : i];
        struct lk_buffer there = {0};
        struct lk_buffer back = {0};
        assert_true(lk_utf16_to_utf8(source, sizeof source, big != 0, &there));
        assert_true(lk_utf8_valid(there.data, there.len));
        assert_int_equal(there.len, 1 + 1 + 2 + 3 + 3 + 4 + 3);
        assert_memory_equal(there.data, "A\0\xc3\xa9\xef\xbb\xbf", 7);
        lk_utf8_to_utf16(there.data, there.len, big != 0, &back);
        assert_int_equal(back.len, sizeof source);
        assert_memory_equal(back.data, source, sizeof source);
        lk_buffer_reset(&there);
        lk_buffer_reset(&back);
    }
}

static void malformed_utf16_appends_nothing(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[6];
        size_t len;
    } cases[] = {{{0x41}, 1},
                 {{0, 0xd8, 0x41, 0}, 4},
                 {{0x41, 0, 0, 0xdc}, 4},
                 {{0x41, 0, 0, 0xd8}, 4},
                 {{0, 0xd8, 0, 0xd8, 0, 0xdc}, 6},
                 {{0, 0xdc, 0, 0xd8}, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_buffer out = {0};
        lk_buffer_append_byte(&out, 'x');
        assert_false(lk_utf16_to_utf8(cases[i].bytes, cases[i].len, false, &out));
        assert_int_equal(out.len, 1);
        lk_buffer_reset(&out);
    }
}

static void what_is_shown_holds_no_controls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {{"plain caf\xc3\xa9 \xf0\x9f\xa6\x8b", "plain caf\xc3\xa9 \xf0\x9f\xa6\x8b"},
                 {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
                 {"\x1b[31m\x7f", "\\x1b[31m\\x7f"},
                 {"back\\slash", "back\\\\slash"},
                 {"\xc2\x85\xc2\x9f\xc2\xa0", "\\u{0085}\\u{009F}\xc2\xa0"},
                 {"\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\xa7",
                  "\\u{202E}\\u{2028}\\u{2066}\\u{2069}\xe2\x80\xa7"},
                 {"\xff\xc3", "\\xff\\xc3"},
                 {"\xed\xa0\x80", "\\xed\\xa0\\x80"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *shown = lk_text_escaped(lk_bytes_of(cases[i].text));
        assert_string_equal(shown, cases[i].shown);
        lk_free(shown);
    }
    char *nul = lk_text_escaped(lk_bytes("a\0b", 3));
    assert_string_equal(nul, "a\\x00b");
    lk_free(nul);
}

static void without_memory_the_escaped_text_is_null(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 2; n++) {
        lk_memory_fail_after(n, 0);
        assert_null(lk_text_escaped(lk_bytes_of("text")));
    }
    lk_memory_fail_after(-1, 0);
}

static void globs_match_as_fnmatch_does_without_pathname(void **state)
{
    (void)state;
    assert_true(lk_glob_match("*", ""));
    assert_true(lk_glob_match("fts_*", "fts_data"));
    assert_true(lk_glob_match("*.db", "a/b.db"));
    assert_true(lk_glob_match("t[0-9]?", "t1x"));
    assert_false(lk_glob_match("T*", "table"));
    assert_false(lk_glob_match("t", "table"));
}

static void base64_is_rfc_4648s(void **state)
{
    (void)state;
    static const struct {
        const char *plain;
        const char *encoded;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xfb\xff\xfe", "+//+"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_buffer out = {0};
        lk_base64_encode(lk_bytes_of(cases[i].plain), &out);
        assert_string_equal(lk_buffer_string(&out), cases[i].encoded);
        lk_buffer_clear(&out);
        assert_true(lk_base64_decode(lk_bytes_of(cases[i].encoded), &out));
        assert_string_equal(lk_buffer_string(&out), cases[i].plain);
        lk_buffer_reset(&out);
    }
}

static void all_bytes_come_back_from_base64(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct lk_buffer encoded = {0};
        struct lk_buffer back = {0};
        lk_base64_encode(lk_bytes(bytes, len), &encoded);
        assert_true(lk_base64_decode(lk_buffer_bytes(&encoded), &back));
        assert_true(lk_bytes_equal(lk_buffer_bytes(&back), lk_bytes(bytes, len)));
        lk_buffer_reset(&encoded);
        lk_buffer_reset(&back);
    }
}

static void malformed_base64_appends_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {"Z",    "Zg",   "Zg=",      "====",  "=g==",
                                        "Z===", "Zg=a", "Zh==",     "Zm9=",  "Zm 9",
                                        "Zm9-", "Zm_v", "Zg==Zg==", "Zm\n9", "Zm\xc3\xa9"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_buffer out = {0};
        lk_buffer_append_byte(&out, 'x');
        assert_false(lk_base64_decode(lk_bytes_of(cases[i]), &out));
        assert_int_equal(out.len, 1);
        lk_buffer_reset(&out);
    }
}

/* What is empty has no address: the undefined-behaviour sanitizer sees arithmetic on it. */
static void nothing_is_text_without_an_address(void **state)
{
    (void)state;
    struct lk_buffer out = {0};
    assert_true(lk_utf8_valid(NULL, 0));
    assert_int_equal(lk_utf8_cut(NULL, 0, 5), 0);
    assert_true(lk_utf16_to_utf8(NULL, 0, false, &out));
    lk_utf8_to_utf16(NULL, 0, true, &out);
    lk_text_escape(lk_bytes(NULL, 0), &out);
    lk_base64_encode(lk_bytes(NULL, 0), &out);
    assert_true(lk_base64_decode(lk_bytes(NULL, 0), &out));
    assert_int_equal(out.len, 0);
    assert_false(out.failed);
    lk_buffer_reset(&out);
}

static void a_name_is_found_in_a_list_whatever_its_case(void **state)
{
    (void)state;
    const char *const names[] = {"posts", "", "\303\204rger", NULL};
    assert_true(lk_text_is_listed(names, "POSTS"));
    assert_true(lk_text_is_listed(names, ""));
    assert_false(lk_text_is_listed(names, "post"));
    assert_false(lk_text_is_listed(names, "\303\244rger"));
    assert_false(lk_text_is_listed(NULL, "posts"));
}

static void assert_quoted(const char *word, const char *quoted)
{
    char *text = lk_text_quote(word);
    assert_non_null(text);
    assert_string_equal(text, quoted);
    lk_free(text);
}

static void a_shell_reads_a_quoted_word_back(void **state)
{
    (void)state;
    assert_quoted("posts@latest~2", "'posts@latest~2'");
    assert_quoted("/srv/data/posts_2-1.db", "/srv/data/posts_2-1.db");
    assert_quoted("", "''");
    assert_quoted("two words", "'two words'");
    assert_quoted("it's", "'it'\\''s'");
    assert_quoted("'", "''\\'''");
    assert_quoted("a=b", "'a=b'");
    assert_quoted("$HOME", "'$HOME'");
    assert_quoted("new\nline", "'new\nline'");
    assert_quoted("\xc3\xa9", "'\xc3\xa9'");
    /* And every byte, by a shell itself. */
    char word[256];
    for (int i = 1; i < 256; i++)
        word[i - 1] = (char)i;
    word[255] = '\0';
    char *quoted = lk_text_quote(word), command[1000], back[300] = "";
    assert_non_null(quoted);
    (void)snprintf(command, sizeof command, "printf %%s %s", quoted);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    assert_int_equal(fread(back, 1, sizeof back, shell), 255);
    assert_int_equal(pclose(shell), 0);
    assert_memory_equal(back, word, 255);
    lk_free(quoted);
}

static void assert_quoted_shown(const char *word, const char *quoted)
{
    char *text = lk_text_quote_shown(word);
    assert_non_null(text);
    assert_string_equal(text, quoted);
    lk_free(text);
}

static void a_word_quoted_for_a_terminal_has_no_controls_and_is_read_back_too(void **state)
{
    (void)state;
    assert_quoted_shown("/srv/posts.db", "/srv/posts.db");
    assert_quoted_shown("", "''");
    assert_quoted_shown("it's a \\ \xc3\xa9", "'it'\\''s a \\ \xc3\xa9'");
    assert_quoted_shown("x'\"$(id)\"\x01", "$'x\\'\"$(id)\"\\x01'");
    assert_quoted_shown("\\\xff\n", "$'\\\\\\xff\\x0a'");
    assert_quoted_shown("\xe2\x80\xae", "$'\\xe2\\x80\\xae'");
    /* Every byte, and hidden characters before a digit, by a shell that knows this. */
    char word[300], script[1200], back[400] = "";
    for (int i = 1; i < 256; i++)
        word[i - 1] = (char)i;
    (void)snprintf(word + 255, sizeof word - 255,
                   "\xc2\x85"
                   "0\xe2\x80\xae"
                   "f\x01"
                   "a");
    char *quoted = lk_text_quote_shown(word);
    assert_non_null(quoted);
    for (const char *at = quoted; *at != '\0'; at++)
        assert_true((uint8_t)*at >= 0x20 && (uint8_t)*at < 0x7f);
    (void)snprintf(script, sizeof script, "printf %%s %s", quoted);
    char *argument = lk_text_quote(script), command[4000];
    assert_non_null(argument);
    (void)snprintf(command, sizeof command, "bash -c %s", argument);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    assert_int_equal(fread(back, 1, sizeof back, shell), strlen(word));
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(back, word);
    lk_free(argument);
    lk_free(quoted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_valid_just_when_table_3_7_says_so),
        cmocka_unit_test(every_scalar_value_and_nothing_else_is_valid),
        cmocka_unit_test(every_check_says_what_the_portable_one_says),
        cmocka_unit_test(a_cut_is_on_a_boundary_and_as_long_as_it_can_be),
        cmocka_unit_test(utf16_comes_back_from_utf8),
        cmocka_unit_test(malformed_utf16_appends_nothing),
        cmocka_unit_test(what_is_shown_holds_no_controls),
        cmocka_unit_test(without_memory_the_escaped_text_is_null),
        cmocka_unit_test(globs_match_as_fnmatch_does_without_pathname),
        cmocka_unit_test(base64_is_rfc_4648s),
        cmocka_unit_test(all_bytes_come_back_from_base64),
        cmocka_unit_test(malformed_base64_appends_nothing),
        cmocka_unit_test(nothing_is_text_without_an_address),
        cmocka_unit_test(a_name_is_found_in_a_list_whatever_its_case),
        cmocka_unit_test(a_shell_reads_a_quoted_word_back),
        cmocka_unit_test(a_word_quoted_for_a_terminal_has_no_controls_and_is_read_back_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
