#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000000000)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void the_wall_clock_is_in_nanoseconds_since_1970(void **state)
{
    (void)state;
    const time_t before = time(NULL);
    const int64_t got = lk_clock_now();
    /* time() reads the coarse clock, which lags behind by a tick. */
    assert_true(got / S >= before && got / S <= time(NULL) + 1);
}

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    int64_t last = lk_clock_monotonic();
    for (int i = 0; i < 10000; i++) {
        const int64_t t = lk_clock_monotonic();
        assert_true(t >= last);
        last = t;
    }
}

static void times_are_shown_in_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t instant;
        const char *text;
        const char *id;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01T000000Z"},
        {1716974082 * S + 123456789, "2024-05-29T09:14:42.123456789Z", "2024-05-29T091442Z"},
        {1716974082 * S, "2024-05-29T09:14:42Z", "2024-05-29T091442Z"},
        {1, "1970-01-01T00:00:00.000000001Z", "1970-01-01T000000Z"},
        {-1, "1969-12-31T23:59:59.999999999Z", "1969-12-31T235959Z"},
        {-S, "1969-12-31T23:59:59Z", "1969-12-31T235959Z"},
        {951782400 * S, "2000-02-29T00:00:00Z", "2000-02-29T000000Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z", "2262-04-11T234716Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z", "1677-09-21T001243Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[LK_TIME_SIZE];
        int64_t back = 7;
        lk_time_format(cases[i].instant, text);
        assert_string_equal(text, cases[i].text);
        assert_true(lk_time_parse(text, &back));
        assert_true(back == cases[i].instant);
        lk_time_format_id(cases[i].instant, text);
        assert_string_equal(text, cases[i].id);
    }
}

static void rfc_3339_times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t instant;
    } cases[] = {
        {"2024-05-29T11:14:42+02:00", 1716974082 * S},
        {"2024-05-29T03:44:42.5-05:30", 1716974082 * S + S / 2},
        {"2024-05-29t09:14:42z", 1716974082 * S},
        {"2024-05-29 09:14:42Z", 1716974082 * S},
        {"2024-05-29T09:14:42-00:00", 1716974082 * S},
        {"2024-05-30T09:13:42+23:59", 1716974082 * S},
        {"2024-05-28T09:15:42-23:59", 1716974082 * S},
        {"2024-05-29T09:14:42.1234567891234Z", 1716974082 * S + 123456789},
        {"2024-05-29T09:14:42.000Z", 1716974082 * S},
        {"2000-02-29T00:00:00Z", 951782400 * S},
        /* the leap second of 2016: the last nanosecond of its minute */
        {"2016-12-31T23:59:60Z", 1483228800 * S - 1},
        {"2016-12-31T23:59:60.7Z", 1483228800 * S - 1},
        {"2017-01-01T00:59:60+01:00", 1483228800 * S - 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = 7;
        assert_true(lk_time_parse(cases[i].text, &got));
        assert_true(got == cases[i].instant);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2024",
        "2024-05-29",
        "2024-05-29T",
        "2024-05-29T09:14",
        "2024-05-29T09:14Z",
        "2024-05-29T091442Z",
        "2024-5-29T09:14:42Z",
        "24-05-29T09:14:42Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-01-32T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00,5Z",
        "2024-01-01T00:00:00Zx",
        "2024-01-01T00:00:00 Z",
        "2024-01-01T00:00:00+1:00",
        "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+00:60",
        "2024-01-01T00:00:00+",
        " 2024-01-01T00:00:00Z",
        "-024-01-01T00:00:00Z",
        "latest",
        "36h",
        /* outside what an instant holds */
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224191Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = 7;
        assert_false(lk_time_parse(cases[i], &got));
        assert_true(got == 7);
    }
}

static int use_zone(const char *zone)
{
    const int set = setenv("TZ", zone, 1);
    tzset();
    return set;
}

static int utc_again(void **state)
{
    (void)state;
    return use_zone("UTC");
}

static void a_time_without_offset_is_local(void **state)
{
    (void)state;
    int64_t got = 0;
    /* Central European rules spelled out, so that no zone files are needed. */
    assert_int_equal(use_zone("CET-1CEST,M3.5.0,M10.5.0/3"), 0);
    assert_true(lk_time_parse("2024-05-29T11:14:42", &got)); /* summer */
    assert_true(got == 1716974082 * S);
    assert_true(lk_time_parse("2024-01-01 01:00:00.25", &got)); /* winter */
    assert_true(got == 1704067200 * S + S / 4);
    assert_true(lk_time_parse("1970-01-01T00:59:59", &got)); /* mktime's -1 */
    assert_true(got == -S);
    assert_true(lk_time_parse("2024-05-29T09:14:42Z", &got)); /* and an offset wins */
    assert_true(got == 1716974082 * S);
}

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t length;
    } cases[] = {
        {"8h", 8 * 3600 * S},
        {"30d", 30 * 86400 * S},
        {"90s", 90 * S},
        {"3s", 3 * S},
        {"500ms", S / 2},
        {"2w", 14 * 86400 * S},
        {"1h30m", 5400 * S},
        {"1w2d3h4m5s6ms", 9 * 86400 * S + 3 * 3600 * S + 4 * 60 * S + 5 * S + 6 * (S / 1000)},
        {"0s", 0},
        {"007s", 7 * S},
        {"1.5s", 3 * S / 2},
        {"1.5h", 5400 * S},
        {"1h0.5m", 3630 * S},
        {"0.1w", 60480 * S},
        {"0.000001ms", 1},
        {"0.0000001ms", 0},
        {"2d 3h", 51 * 3600 * S},
        {"9223372036s", 9223372036 * S},
        {"15250w", 15250 * (7 * 86400 * S)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = -1;
        assert_true(lk_duration_parse(cases[i].text, &got));
        assert_true(got == cases[i].length);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "h",
        "8",
        "-8h",
        "+8h",
        "8 h",
        " 8h",
        "8h ",
        "8hours",
        "8H",
        "1M",
        "5us",
        "1y",
        "1h1h",
        "1s1m",
        "1.h",
        ".5h",
        "1.5h3m",
        "1h,",
        "1d  2h",
        "8hx",
        "1e3s",
        "latest",
        "15251w",
        "9223372037s",
        "99999999999999999999s",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = 7;
        assert_false(lk_duration_parse(cases[i], &got));
        assert_true(got == 7);
    }
}

static void durations_are_shown_for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t length;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {499, "0s"},
        {500, "1us"},
        {250000, "250us"},
        {999499, "999us"},
        {999500, "1ms"},
        {320 * (S / 1000), "320ms"},
        {999499999, "999ms"},
        {999500000, "1s"},
        {S, "1s"},
        {3 * S / 2, "1.5s"},
        {9949999999, "9.9s"},
        {9950000000, "10s"},
        {42 * S + S / 3, "42s"},
        {59499999999, "59s"},
        {59500000000, "1m"},
        {90 * S, "1m 30s"},
        {3599 * S, "59m 59s"},
        {3599 * S + S / 2, "1h"},
        {8 * 3600 * S, "8h"},
        {5400 * S, "1h 30m"},
        {86399 * S, "1d"},
        {51 * 3600 * S, "2d 3h"},
        {30 * 86400 * S, "30d"},
        {-3 * S / 2, "-1.5s"},
        {-400, "0s"},
        {INT64_MAX, "106752d"},
        {INT64_MIN, "-106752d"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[LK_TIME_SIZE];
        lk_duration_format(cases[i].length, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void sizes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"1000", 1000},
        {"1000B", 1000},
        {"1K", 1024},
        {"1k", 1024},
        {"1KiB", 1024},
        {"1KB", 1024},
        {"256M", 256 << 20},
        {"16MiB", 16 << 20},
        {"16 MiB", 16 << 20},
        {"1G", 1 << 30},
        {"2T", UINT64_C(2) << 40},
        {"3p", UINT64_C(3) << 50},
        {"15E", UINT64_C(15) << 60},
        {"1.5G", UINT64_C(3) << 29},
        {"0.5K", 512},
        {"582.8 MiB", 611110092},
        {"0.0009765625K", 0}, /* the digits behind the ninth are cut, and the bytes rounded down */
        {"0.999999999E", UINT64_C(1152921503453925471)},
        {"9223372036854775807", INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t got = 7;
        assert_true(lk_size_parse(cases[i].text, &got));
        assert_true(got == cases[i].bytes);
    }
}

static void what_is_no_size_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "M",
        "-1",
        "+1",
        "1X",
        "1MM",
        "1MiBs",
        "1iB",
        "1Ki",
        "1  M",
        " 1M",
        "1M ",
        "1.M",
        ".5M",
        "1e6",
        "0x10",
        "16E",
        "17179869184G",
        "99999999999999999999",
        "ten",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t got = 7;
        assert_false(lk_size_parse(cases[i], &got));
        assert_true(got == 7);
    }
}

static void sizes_are_shown_in_binary_units(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1048524, "1023.9 KiB"},
        {1048525, "1.0 MiB"}, /* not 1024.0 KiB */
        {611061760, "582.8 MiB"},
        {1 << 30, "1.0 GiB"},
        {(UINT64_C(1) << 50) - 1, "1.0 PiB"},
        {UINT64_C(3) << 59, "1.5 EiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[LK_TIME_SIZE];
        lk_size_format(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_clock_is_in_nanoseconds_since_1970),
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(times_are_shown_in_rfc_3339),
        cmocka_unit_test(rfc_3339_times_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test_teardown(a_time_without_offset_is_local, utc_again),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_shown_for_people),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(sizes_are_shown_in_binary_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
