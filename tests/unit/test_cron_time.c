#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "host/cron_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define S INT64_C(1000000000)

/* Rules written out, so that the machine's time zone files do not matter. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0" /* half an hour */
#define SAO_PAULO "<-03>3<-02>,M11.1.0/0,M2.3.0/0"       /* at midnight */

static void use_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static struct lk_cron_time parsed(const char *text)
{
    struct lk_cron_time t;
    struct lk_error err = {0};
    const enum lk_status status = lk_cron_time_parse(text, &t, &err);
    if (status != LK_OK)
        print_error("%s: %s\n", text, err.message);
    assert_int_equal(status, LK_OK);
    return t;
}

static int64_t instant(const char *text)
{
    int64_t out = 0;
    assert_true(lk_time_parse(text, &out));
    return out;
}

static void the_next_run_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *cron, *after, *next;
    } cases[] = {
        {"UTC", "0 */8 * * *", "2024-05-29T09:14:42Z", "2024-05-29T16:00:00Z"},
        {"UTC", "* * * * *", "2024-05-29T09:14:42Z", "2024-05-29T09:15:00Z"},
        {"UTC", "* * * * *", "2024-05-29T09:14:00Z", "2024-05-29T09:15:00Z"},
        {"UTC", "* * * * *", "2024-05-29T09:13:59.999999999Z", "2024-05-29T09:14:00Z"},
        {"UTC", "17 1-23/8 * * *", "2024-05-29T17:17:00Z", "2024-05-30T01:17:00Z"},
        {"UTC", "0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"UTC", "0 0 29 feb *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
        {"UTC", "0 12 1,15 * fri", "2024-05-02T00:00:00Z", "2024-05-03T12:00:00Z"}, /* either day */
        {"UTC", "0 12 13 * */1", "2024-05-02T00:00:00Z", "2024-05-13T12:00:00Z"},   /* both, by the * */
        {"UTC", "0 12 */2 * 0", "2024-05-02T00:00:00Z", "2024-05-05T12:00:00Z"},
        {"UTC", "5 4 * * 7", "2024-05-29T00:00:00Z", "2024-06-02T04:05:00Z"},
        {"UTC", "@monthly", "2024-05-29T00:00:00Z", "2024-06-01T00:00:00Z"},
        {"UTC", "@HOURLY", "2024-05-29T00:00:00Z", "2024-05-29T01:00:00Z"},
        {"UTC", " 5\t4  * * 1-5 ", "2024-06-01T00:00:00Z", "2024-06-03T04:05:00Z"},
        /* Skipped, so made up for at once; not run again at its own time of the same day. */
        {BERLIN, "30 2 * * *", "2024-03-30T12:00:00Z", "2024-03-31T01:00:00Z"},
        {BERLIN, "30 2 * * *", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"},
        {BERLIN, "0 3 * * *", "2024-03-30T12:00:00Z", "2024-03-31T01:00:00Z"},
        {BERLIN, "0 3 * * *", "2024-03-31T01:00:00Z", "2024-04-01T01:00:00Z"},
        /* Comes twice, runs once. */
        {BERLIN, "30 2 * * *", "2024-10-26T12:00:00Z", "2024-10-27T00:30:00Z"},
        {BERLIN, "30 2 * * *", "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"},
        {BERLIN, "30 2 * * *", "2024-10-27T00:59:00Z", "2024-10-28T01:30:00Z"},
        {BERLIN, "30 2 * * *", "2024-10-27T01:05:00Z", "2024-10-28T01:30:00Z"},
        /* What begins with * goes by the clock. */
        {BERLIN, "30 * * * *", "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"},
        {BERLIN, "*/20 2 * * *", "2024-03-30T12:00:00Z", "2024-04-01T00:00:00Z"},
        {SAO_PAULO, "30 0 * * *", "2017-11-04T12:00:00Z", "2017-11-05T03:00:00Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char got[LK_TIME_SIZE];
        use_zone(cases[i].zone);
        const struct lk_cron_time t = parsed(cases[i].cron);
        lk_time_format(lk_cron_time_next(&t, instant(cases[i].after)), got);
        if (strcmp(got, cases[i].next) != 0)
            print_error("%s after %s in %s\n", cases[i].cron, cases[i].after, cases[i].zone);
        assert_string_equal(got, cases[i].next);
    }
}

static void what_never_comes_is_known(void **state)
{
    (void)state;
    use_zone(BERLIN);
    static const char *const never[] = {"0 0 31 2 *", "0 0 30-31 feb *", "0 0 31 4,6,9,11 *"};
    for (size_t i = 0; i < COUNT(never); i++) {
        const struct lk_cron_time t = parsed(never[i]);
        assert_true(lk_cron_time_next(&t, instant("2024-05-29T09:14:42Z")) == 0);
        assert_true(lk_cron_time_gap(&t, instant("2024-05-29T09:14:42Z")) == 0);
    }
}

static void what_is_no_expression_is_refused_with_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "five fields"},
        {"* * * *", "five fields"},
        {"* * * * * *", "more behind"},
        {"60 * * * *", "minute"},
        {"* 24 * * *", "hour"},
        {"* * 0 * *", "day of month"},
        {"* * 32 * *", "day of month"},
        {"* * * 0 *", "month"},
        {"* * * 13 *", "month"},
        {"* * * * 8", "day of week"},
        {"* * * * funday", "day of week"},
        {"* * * * mond", "day of week"},
        {"5/15 * * * *", "minute"},
        {"*/0 * * * *", "minute"},
        {"*/100 * * * *", "minute"},
        {"9-5 * * * *", "minute"},
        {"1,, * * * *", "minute"},
        {"1, * * * *", "minute"},
        {"- * * * *", "minute"},
        {"-1 * * * *", "minute"},
        {"99999999999999999999 * * * *", "minute"},
        {"1\n * * * *", "minute"},
        {"@reboot", "@hourly"},
        {"@daily x", "@hourly"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct lk_cron_time t;
        struct lk_error err = {0};
        if (lk_cron_time_parse(cases[i].text, &t, &err) != LK_USAGE)
            fail_msg("\"%s\" was taken", cases[i].text);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("\"%s\": %s", cases[i].text, err.message);
    }
}

/* ---- The model: a daemon that wakes up every minute, as cron.c of Debian's cron does. */

static uint64_t seed;

static unsigned chance(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

struct model {
    char text[512];
    bool set[5][60];
    bool star[5];
};

static void random_field(struct model *m, int field, unsigned least, unsigned most)
{
    char *at = m->text + strlen(m->text);
    bool *set = m->set[field];
    const unsigned items = chance(3) == 0 ? 1 + chance(3) : 1, kind = chance(8);
    if (field > 0)
        *at++ = ' ';
    if (kind < 4) {
        const unsigned step = kind == 0 ? 2 + chance(9) : 1;
        m->star[field] = true;
        for (unsigned i = least; i <= most; i += step)
            set[i] = true;
        snprintf(at, 64, step > 1 ? "*/%u" : "*", step);
        return;
    }
    for (unsigned k = 0; k < items; k++) {
        unsigned from = least + chance(most - least + 1), to = from, step = 1;
        at += sprintf(at, "%s%u", k > 0 ? "," : "", from);
        if (chance(2) == 0) {
            to = from + chance(most - from + 1);
            at += sprintf(at, "-%u", to);
            if (chance(2) == 0) {
                step = 1 + chance(9);
                at += sprintf(at, "/%u", step);
            }
        }
        for (unsigned i = from; i <= to; i += step)
            set[i] = true;
    }
}

static struct model random_model(void)
{
    struct model m = {0};
    random_field(&m, 0, 0, 59);
    random_field(&m, 1, 0, 23);
    random_field(&m, 2, 1, 31);
    random_field(&m, 3, 1, 12);
    random_field(&m, 4, 0, 6);
    return m;
}

static bool model_fits(const struct model *m, int64_t wall)
{
    const time_t seconds = (time_t)(wall * 60);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    const bool dom = m->set[2][tm.tm_mday], dow = m->set[4][tm.tm_wday];
    return m->set[0][tm.tm_min] && m->set[1][tm.tm_hour] && m->set[3][tm.tm_mon + 1] &&
           (m->star[2] || m->star[4] ? dom && dow : dom || dow);
}

#define DAYS 4
static size_t model_runs(const struct model *m, int64_t from, int64_t *runs)
{
    size_t count = 0;
    int64_t reached = INT64_MIN;
    for (int64_t at = from / 60; at < from / 60 + DAYS * 1440; at++) {
        const time_t seconds = (time_t)(at * 60);
        struct tm tm;
        localtime_r(&seconds, &tm);
        const int64_t wall = at + tm.tm_gmtoff / 60;
        bool runs_now = false;
        if (m->star[0] || m->star[1]) {
            runs_now = model_fits(m, wall);
        } else {
            reached = reached == INT64_MIN ? wall - 1 : reached;
            while (reached < wall)
                runs_now = model_fits(m, ++reached) || runs_now;
        }
        if (runs_now)
            runs[count++] = at * 60 * S;
    }
    return count;
}

static void runs_are_those_of_the_daemon_whatever_the_clock_does(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *from;
    } places[] = {
        {BERLIN, "2024-03-29T11:00:00Z"},    {BERLIN, "2024-10-25T11:00:00Z"},
        {NEW_YORK, "2024-03-08T11:00:00Z"},  {NEW_YORK, "2024-11-01T11:00:00Z"},
        {LORD_HOWE, "2024-04-04T11:00:00Z"}, {LORD_HOWE, "2024-10-03T11:00:00Z"},
        {SAO_PAULO, "2017-11-03T11:00:00Z"}, {SAO_PAULO, "2018-02-16T11:00:00Z"},
        {"UTC", "2024-02-27T11:00:00Z"},     {"<+0545>-5:45", "2023-12-30T11:00:00Z"},
    };
    static int64_t runs[DAYS * 1440 + 1];
    seed = 20240529;
    for (int round = 0; round < 400; round++) {
        const size_t place = chance(COUNT(places));
        const struct model m = random_model();
        use_zone(places[place].zone);
        const int64_t from = instant(places[place].from);
        const size_t count = model_runs(&m, from / S, runs);
        const struct lk_cron_time t = parsed(m.text);
        int64_t at = from - 1;
        for (size_t i = 0; i < count && i < 150; i++) {
            const int64_t next = lk_cron_time_next(&t, at);
            if (next != runs[i])
                fail_msg("%s in %s: run %zu of %zu at %lld, not %lld", m.text, places[place].zone, i, count,
                         (long long)(runs[i] / S), (long long)(next / S));
            at = next;
        }
        if (count == 0) /* nothing in these days, then */
            assert_true(lk_cron_time_next(&t, from) == 0 ||
                        lk_cron_time_next(&t, from) >= from + DAYS * INT64_C(86400) * S);
        else /* from any moment on */
            for (int k = 0; k < 5; k++) {
                const size_t which = chance((unsigned)count);
                const int64_t before = which > 0 ? runs[which - 1] : from;
                const int64_t after = before + (runs[which] - before - 1) / (1 + (int64_t)chance(9));
                if (after < runs[which] && after >= before && lk_cron_time_next(&t, after) != runs[which])
                    fail_msg("%s in %s after %lld", m.text, places[place].zone, (long long)(after / S));
            }
    }
}

static void the_longest_gap_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *cron;
        int64_t hours;
    } cases[] = {
        {"UTC", "0 */8 * * *", 8},  {"UTC", "0 3 * * *", 24},        {"UTC", "@weekly", 168},
        {"UTC", "0 */7 * * *", 7},  {"UTC", "0 9-17 * * 1-5", 64},   {BERLIN, "17 1-23/8 * * *", 9},
        {"UTC", "* * 1 1 *", 8760}, {"UTC", "0 0 29 2 *", 4 * 8766},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        use_zone(cases[i].zone);
        const struct lk_cron_time t = parsed(cases[i].cron);
        const int64_t gap = lk_cron_time_gap(&t, instant("2023-05-29T09:14:42Z"));
        if (gap / (3600 * S) != cases[i].hours)
            fail_msg("%s: %lld minutes", cases[i].cron, (long long)(gap / (60 * S)));
    }
}

static void every_so_often_is_said_for_each_spread(void **state)
{
    (void)state;
    static const int64_t minutes[] = {5,   6,   10,  12,  15,  20,  30,   60,
                                      120, 180, 240, 360, 480, 720, 1440, 10080};
    use_zone("UTC");
    bool differs = false;
    for (size_t i = 0; i < COUNT(minutes); i++) {
        char first[64] = "";
        for (uint64_t spread = 0; spread < 3000; spread += 97) {
            char text[64];
            struct lk_error err = {0};
            assert_int_equal(lk_cron_time_every(minutes[i] * 60 * S, spread, text, sizeof text, &err), LK_OK);
            const struct lk_cron_time t = parsed(text);
            /* At the end of the hour or day the steps meet the next one's first. */
            const int64_t gap = lk_cron_time_gap(&t, instant("2024-05-29T09:14:42Z"));
            if (gap != minutes[i] * 60 * S)
                fail_msg("%s: %lld s", text, (long long)(gap / S));
            differs = differs || (first[0] != '\0' && strcmp(first, text) != 0);
            snprintf(first, sizeof first, "%s", text);
        }
    }
    assert_true(differs);
}

static void what_cron_cannot_say_names_what_it_can(void **state)
{
    (void)state;
    static const struct {
        int64_t minutes;
        const char *nearest;
    } cases[] = {{1, "5m"}, {7, "6m"}, {46, "1h"}, {300, "4h"}, {2880, "1d"}, {100000, "7d"}, {0, "5m"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64], wanted[32];
        struct lk_error err = {0};
        assert_int_equal(lk_cron_time_every(cases[i].minutes * 60 * S, 0, text, sizeof text, &err), LK_USAGE);
        snprintf(wanted, sizeof wanted, "nearest is %s", cases[i].nearest);
        if (strstr(err.message, wanted) == NULL)
            fail_msg("%s", err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_run_is_known),
        cmocka_unit_test(what_never_comes_is_known),
        cmocka_unit_test(what_is_no_expression_is_refused_with_the_field),
        cmocka_unit_test(runs_are_those_of_the_daemon_whatever_the_clock_does),
        cmocka_unit_test(the_longest_gap_is_known),
        cmocka_unit_test(every_so_often_is_said_for_each_spread),
        cmocka_unit_test(what_cron_cannot_say_names_what_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
