#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "parquet/encode_stats.h"

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void check(const struct lk_encode_stat *s, const void *bytes, size_t len, bool exact)
{
    assert_true(s->known);
    assert_int_equal(s->exact, exact);
    assert_int_equal(s->len, len);
    assert_memory_equal(s->bytes, bytes, len);
}

static void integers_are_compared_with_their_sign(void **state)
{
    (void)state;
    static const int64_t value[] = {5, INT64_MIN, -1, INT64_MAX, 0};
    uint8_t plain[40], min[8], max[8];
    for (size_t i = 0; i < 5; i++)
        lk_put_u64(plain + i * 8, (uint64_t)value[i]);
    lk_put_u64(min, (uint64_t)INT64_MIN);
    lk_put_u64(max, (uint64_t)INT64_MAX);
    struct lk_encode_stats s;
    lk_encode_stats_int64(plain, 5, &s);
    check(&s.min, min, 8, true);
    check(&s.max, max, 8, true);
    lk_encode_stats_int64(plain, 0, &s);
    assert_false(s.min.known || s.max.known);
}

static struct lk_encode_stats of_doubles(const double *value, size_t count)
{
    uint8_t plain[80];
    struct lk_encode_stats s;
    for (size_t i = 0; i < count; i++)
        lk_put_f64(plain + i * 8, value[i]);
    lk_encode_stats_double(plain, count, &s);
    return s;
}

static void a_zero_bound_is_minus_zero_below_and_plus_zero_above(void **state)
{
    (void)state;
    static const double zeros[][2] = {{0.0, 0.0}, {-0.0, -0.0}, {-0.0, 0.0}, {0.0, -0.0}};
    for (size_t i = 0; i < 4; i++) {
        const struct lk_encode_stats s = of_doubles(zeros[i], 2);
        check(&s.min, "\0\0\0\0\0\0\0\x80", 8, true);
        check(&s.max, "\0\0\0\0\0\0\0\0", 8, true);
    }
}

static void infinity_is_a_bound_and_nan_leaves_none(void **state)
{
    (void)state;
    const double value[] = {1.5, -INFINITY, INFINITY, NAN};
    struct lk_encode_stats s = of_doubles(value, 3);
    assert_true(lk_get_f64(s.min.bytes) == -INFINITY);
    assert_true(lk_get_f64(s.max.bytes) == INFINITY);
    s = of_doubles(value, 1);
    assert_true(lk_get_f64(s.min.bytes) == 1.5 && lk_get_f64(s.max.bytes) == 1.5);
    s = of_doubles(value, 4);
    assert_false(s.min.known || s.max.known);
    s = of_doubles(value, 0);
    assert_false(s.min.known || s.max.known);
}

static void booleans_know_what_they_hold(void **state)
{
    (void)state;
    struct lk_encode_stats s;
    lk_encode_stats_boolean((const uint8_t *)"\1\1\1", 3, &s);
    check(&s.min, "\1", 1, true);
    check(&s.max, "\1", 1, true);
    lk_encode_stats_boolean((const uint8_t *)"\1\0\1", 3, &s);
    check(&s.min, "\0", 1, true);
    check(&s.max, "\1", 1, true);
    lk_encode_stats_boolean((const uint8_t *)"\0", 1, &s);
    check(&s.max, "\0", 1, true);
    lk_encode_stats_boolean(NULL, 0, &s);
    assert_false(s.min.known || s.max.known);
}

static int compare(struct lk_bytes a, struct lk_bytes b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int c = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Random strings that begin alike, are prefixes of one another, hold NULs and high bytes; against the obvious
 * way. */
static void the_range_of_byte_arrays_is_what_comparing_all_gives(void **state)
{
    (void)state;
    static const char start[] = "at://did:plc:\xff\xfe\0\0\0\0\0\0\0end of what is in common";
    for (int turn = 0; turn < 3000; turn++) {
        const size_t shared = next_random() % (sizeof start - 1);
        const uint8_t letters = (uint8_t)(1 + next_random() % 4);
        const size_t count = 1 + next_random() % 20;
        uint8_t value[20][64];
        struct lk_bytes view[20], min = {NULL, 0}, max = {NULL, 0};
        struct lk_encode_stats_range r = {0};
        for (size_t i = 0; i < count; i++) {
            size_t len = next_random() % 8 == 0 ? next_random() % (shared + 1) : shared;
            memcpy(value[i], start, len);
            if (len == shared)
                for (size_t n = next_random() % 14; n > 0; n--)
                    value[i][len++] = (uint8_t)("\0a\xffz"[next_random() % letters]);
            view[i] = lk_bytes(value[i], len);
            lk_encode_stats_range_add(&r, value[i], len);
            min = i == 0 || compare(view[i], min) < 0 ? view[i] : min;
            max = i == 0 || compare(view[i], max) > 0 ? view[i] : max;
        }
        struct lk_encode_stats s;
        lk_encode_stats_range_finish(&r, false, &s);
        check(&s.min, min.ptr, min.len, true);
        check(&s.max, max.ptr, max.len, true);
    }
}

static struct lk_encode_stats of_one(const char *text, size_t len, bool utf8)
{
    struct lk_encode_stats_range r = {0};
    struct lk_encode_stats s;
    lk_encode_stats_range_add(&r, (const uint8_t *)text, len);
    lk_encode_stats_range_finish(&r, utf8, &s);
    return s;
}

#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void long_text_is_cut_between_characters_and_the_upper_bound_raised(void **state)
{
    (void)state;
    struct lk_encode_stats s = of_one(X60 "abcd", 64, true);
    check(&s.min, X60 "abcd", 64, true);
    check(&s.max, X60 "abcd", 64, true);
    s = of_one(X60 "abcde", 65, true);
    check(&s.min, X60 "abcd", 64, false);
    check(&s.max, X60 "abce", 64, false);
    s = of_one(X60 "abc\xe2\x82\xac", 66, true); /* the euro sign lies across byte 64 */
    check(&s.min, X60 "abc", 63, false);
    check(&s.max, X60 "abd", 63, false);
    s = of_one(X60 "a\xe2\x82\xac"
                   "b",
               65, true);
    check(&s.max, X60 "a\xe2\x82\xad", 64, false);
    s = of_one(X60 "abc\x7f!", 65, true); /* the character after it has two bytes */
    check(&s.max, X60 "abc\xc2\x80", 65, false);
    s = of_one(X60 "a\xed\x9f\xbf!", 65, true); /* U+D7FF: surrogates are no characters */
    check(&s.max, X60 "a\xee\x80\x80", 64, false);
    s = of_one(X60 "\xf4\x8f\xbf\xbf!", 65, true); /* U+10FFFF has no next: the x before it is raised */
    check(&s.min, X60 "\xf4\x8f\xbf\xbf", 64, false);
    assert_int_equal(s.max.len, 60);
    assert_int_equal(s.max.bytes[59], 'y');
}

static void text_of_the_greatest_character_alone_has_no_upper_bound(void **state)
{
    (void)state;
    char text[80];
    for (size_t i = 0; i < sizeof text; i += 4)
        memcpy(text + i, "\xf4\x8f\xbf\xbf", 4);
    struct lk_encode_stats s = of_one(text, sizeof text, true);
    assert_false(s.max.known);
    check(&s.min, text, 64, false);
    memset(text, 0xff, sizeof text);
    s = of_one(text, sizeof text, false);
    assert_false(s.max.known);
    check(&s.min, text, 64, false);
}

static void long_bytes_are_cut_and_the_upper_bound_raised(void **state)
{
    (void)state;
    const struct lk_encode_stats s = of_one(X60 "ab\xff\xff"
                                                "c",
                                            65, false);
    check(&s.min, X60 "ab\xff\xff", 64, false);
    check(&s.max, X60 "ac", 62, false);
}

/* Whatever the text: the bounds hold, and are text. */
static void cut_bounds_enclose_the_value(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",
                                         "\x7f",
                                         "\xc2\x80",
                                         "\xdf\xbf",
                                         "\xe0\xa0\x80",
                                         "\xed\x9f\xbf",
                                         "\xee\x80\x80",
                                         "\xef\xbf\xbf",
                                         "\xf0\x90\x80\x80",
                                         "\xf4\x8f\xbf\xbf"};
    for (int turn = 0; turn < 5000; turn++) {
        char text[200];
        size_t len = 0;
        while (len < 70) {
            const char *piece = pieces[next_random() % (turn % 2 == 0 ? 10 : 1 + (size_t)turn % 10)];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        for (int utf8 = 0; utf8 < 2; utf8++) {
            const struct lk_encode_stats s = of_one(text, len, utf8);
            assert_true(compare(lk_bytes(s.min.bytes, s.min.len), lk_bytes(text, len)) < 0);
            if (s.max.known)
                assert_true(compare(lk_bytes(s.max.bytes, s.max.len), lk_bytes(text, len)) > 0);
            if (utf8) {
                assert_true(lk_utf8_valid(s.min.bytes, s.min.len));
                assert_true(lk_utf8_valid(s.max.bytes, s.max.len));
            }
        }
    }
}

static void a_chunk_with_a_huge_value_has_no_bounds(void **state)
{
    (void)state;
    struct lk_encode_stats_range r = {0};
    struct lk_encode_stats s;
    char *huge = lk_allocate_zeroed(1, LK_ENCODE_STATS_HUGE + 1);
    lk_encode_stats_range_add(&r, (const uint8_t *)"a", 1);
    lk_encode_stats_range_add(&r, (const uint8_t *)huge, LK_ENCODE_STATS_HUGE);
    lk_encode_stats_range_finish(&r, false, &s);
    assert_true(s.min.known && s.max.known);
    lk_encode_stats_range_add(&r, (const uint8_t *)huge, LK_ENCODE_STATS_HUGE + 1);
    lk_encode_stats_range_add(&r, (const uint8_t *)"b", 1);
    lk_encode_stats_range_finish(&r, false, &s);
    assert_false(s.min.known || s.max.known);
    lk_free(huge);
}

static void the_empty_string_is_a_bound(void **state)
{
    (void)state;
    struct lk_encode_stats_range r = {0};
    struct lk_encode_stats s;
    lk_encode_stats_range_finish(&r, true, &s);
    assert_false(s.min.known || s.max.known);
    lk_encode_stats_range_add(&r, (const uint8_t *)"", 0);
    lk_encode_stats_range_add(&r, (const uint8_t *)"\0", 1);
    lk_encode_stats_range_finish(&r, true, &s);
    check(&s.min, "", 0, true);
    check(&s.max, "\0", 1, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_compared_with_their_sign),
        cmocka_unit_test(a_zero_bound_is_minus_zero_below_and_plus_zero_above),
        cmocka_unit_test(infinity_is_a_bound_and_nan_leaves_none),
        cmocka_unit_test(booleans_know_what_they_hold),
        cmocka_unit_test(the_range_of_byte_arrays_is_what_comparing_all_gives),
        cmocka_unit_test(long_text_is_cut_between_characters_and_the_upper_bound_raised),
        cmocka_unit_test(text_of_the_greatest_character_alone_has_no_upper_bound),
        cmocka_unit_test(long_bytes_are_cut_and_the_upper_bound_raised),
        cmocka_unit_test(cut_bounds_enclose_the_value),
        cmocka_unit_test(a_chunk_with_a_huge_value_has_no_bounds),
        cmocka_unit_test(the_empty_string_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
