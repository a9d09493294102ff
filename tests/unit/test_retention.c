#include "ops/retention.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define MOST 1200

static int use_berlin(void **state)
{
    (void)state;
    (void)setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return 0;
}

/* "2024-05-29T091442Z", or with "-002" behind it */
static int64_t instant_of(const char *id)
{
    char text[LK_TIME_SIZE];
    int64_t out = 0;
    (void)snprintf(text, sizeof text, "%.13s:%.2s:%.2sZ", id, id + 13, id + 15);
    if (!lk_time_parse(text, &out))
        fail_msg("no id: %s", id);
    return out;
}

/* One backup of a case: its id, and flags: p pinned, u not verified, P partial, s suspect, d damaged, g last
 * good, f foreign, t tagged "release" and "nightly", n "nightly" only. */
struct row {
    const char *id, *flags;
    const char *reason; /* expected; NULL: removed */
};

static const char *const release[] = {"nightly", "release", NULL}, *const nightly[] = {"nightly", NULL};

static struct lk_retained backup_of(const char *id, const char *flags)
{
    return (struct lk_retained){
        .id = id,
        .started = instant_of(id),
        .pinned = strchr(flags, 'p') != NULL,
        .verified = strchr(flags, 'u') == NULL && strchr(flags, 'd') == NULL,
        .partial = strchr(flags, 'P') != NULL,
        .suspect = strchr(flags, 's') != NULL,
        .damaged = strchr(flags, 'd') != NULL,
        .last_good = strchr(flags, 'g') != NULL,
        .foreign = strchr(flags, 'f') != NULL ? "of the original script" : NULL,
        .tags = strchr(flags, 't') != NULL   ? release
                : strchr(flags, 'n') != NULL ? nightly
                                             : NULL,
    };
}

/* Rows are oldest first, ended by an id of NULL. */
static void expect(const struct litekeep_retention *policy, const char *now, const struct row *rows)
{
    struct lk_retained backups[64];
    struct lk_error err = {0};
    size_t count = 0;
    for (; rows[count].id != NULL; count++)
        backups[count] = backup_of(rows[count].id, rows[count].flags);
    if (lk_retention_decide(policy, instant_of(now), backups, count, &err) != LK_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < count; i++) {
        const char *reason = lk_buffer_string(&backups[i].reason);
        if (backups[i].kept != (rows[i].reason != NULL) ||
            strcmp(reason, rows[i].reason == NULL ? "" : rows[i].reason) != 0)
            fail_msg("%s: %s '%s', expected '%s'", rows[i].id, backups[i].kept ? "kept" : "removed", reason,
                     rows[i].reason == NULL ? "(removed)" : rows[i].reason);
    }
    lk_retained_reset(backups, count);
}

static void each_span_keeps_its_newest_and_the_oldest_while_there_is_room(void **state)
{
    (void)state;
    static const struct row kept[] = {
        {"2024-05-26T080000Z", "", NULL},
        {"2024-05-26T200000Z", "", "weekly 2"}, /* a Sunday */
        {"2024-05-27T080000Z", "", NULL},
        {"2024-05-28T080000Z", "", NULL},
        {"2024-05-28T200000Z", "", "daily 2"},
        {"2024-05-29T080000Z", "", "last 2"},
        {"2024-05-29T091442Z", "", "last 1, daily 1, weekly 1, newest verified"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.last = 2, .daily = 2, .weekly = 2}, "2024-05-30T000000Z", kept);
    static const struct row oldest[] = {
        {"2024-01-01T120000Z", "", "yearly 2 (the oldest)"},
        {"2024-01-02T120000Z", "", NULL},
        {"2024-01-03T120000Z", "", "yearly 1, newest verified"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.yearly = 3}, "2024-05-30T000000Z", oldest);
}

static void weeks_are_those_of_iso_8601(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2020-12-27T120000Z", "", "weekly 5"}, /* Sunday of week 52 */
        {"2020-12-28T120000Z", "", NULL},       /* Monday of week 53 */
        {"2021-01-03T120000Z", "", "weekly 4"}, /* its Sunday */
        {"2021-01-04T120000Z", "", NULL},       /* Monday of week 1 of 2021 */
        {"2021-01-10T120000Z", "", "weekly 3"},
        {"2024-12-29T120000Z", "", "weekly 2"}, /* Sunday of week 52 */
        {"2024-12-30T120000Z", "", NULL},       /* Monday of week 1 of 2025 */
        {"2025-01-05T120000Z", "", "weekly 1, newest verified"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.weekly = 10}, "2025-02-01T000000Z", rows);
}

static void spans_are_of_local_time(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2024-05-31T210000Z", "", "monthly 2"},                  /* 23:00 */
        {"2024-05-31T223000Z", "", "monthly 1, newest verified"}, /* 00:30 of June */
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.monthly = 2}, "2024-06-02T000000Z", rows);
}

static void an_hour_that_comes_twice_is_one_and_one_that_is_skipped_is_none(void **state)
{
    (void)state;
    static const struct row autumn[] = {
        {"2024-10-26T235500Z", "", "hourly 3"}, /* 01:55 */
        {"2024-10-27T003000Z", "", NULL},       /* 02:30, summer time */
        {"2024-10-27T013000Z", "", "hourly 2"}, /* 02:30 again */
        {"2024-10-27T020500Z", "", "hourly 1, newest verified"},
        {NULL, NULL, NULL},
    };
    static const struct row spring[] = {
        {"2024-03-31T003000Z", "", "hourly 2"},                  /* 01:30 */
        {"2024-03-31T010500Z", "", "hourly 1, newest verified"}, /* 03:05 */
        {NULL, NULL, NULL},
    };
    static const struct row day[] = {
        {"2024-10-26T215900Z", "", "daily 2"}, /* 23:59 of the day before */
        {"2024-10-26T220100Z", "", NULL},      /* a day of 25 hours begins */
        {"2024-10-27T225900Z", "", "daily 1, newest verified"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.hourly = 4}, "2024-10-28T000000Z", autumn);
    expect(&(struct litekeep_retention){.hourly = 4}, "2024-10-28T000000Z", spring);
    expect(&(struct litekeep_retention){.daily = 2}, "2024-10-28T000000Z", day);
}

static void within_goes_back_from_the_newest_and_not_from_now(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2024-05-01T120000Z", "", NULL}, /* exactly as old: no longer within, as in restic */
        {"2024-05-01T120001Z", "", "within 1w 3d"},
        {"2024-05-11T120000Z", "", "within 1w 3d, newest verified"},
        {NULL, NULL, NULL},
    };
    char word[LK_TIME_SIZE];
    lk_duration_format(10 * DAY, word);
    struct row spelled[4];
    char reasons[2][80];
    memcpy(spelled, rows, sizeof spelled);
    (void)snprintf(reasons[0], sizeof reasons[0], "within %s", word);
    (void)snprintf(reasons[1], sizeof reasons[1], "within %s, newest verified", word);
    spelled[1].reason = reasons[0];
    spelled[2].reason = reasons[1];
    expect(&(struct litekeep_retention){.within = 10 * DAY}, "2029-01-01T000000Z", spelled);
}

static void a_jump_of_the_clock_does_not_move_within_at_once(void **state)
{
    (void)state;
    static const struct row jumped[] = {
        {"2024-05-01T120000Z", "", NULL},
        {"2024-05-10T120000Z", "", "within 5d"},
        {"2024-05-11T120000Z", "", "within 5d"},
        {"2025-05-11T120000Z", "", "within 5d"},
        {"2025-05-12T120000Z", "", "within 5d, newest verified"},
        {NULL, NULL, NULL},
    };
    static const struct row believed[] = {
        {"2024-05-10T120000Z", "", NULL},
        {"2024-05-11T120000Z", "", NULL},
        {"2025-05-11T120000Z", "", NULL},
        {"2025-05-14T120000Z", "", "within 5d"},
        {"2025-05-17T120000Z", "", "within 5d, newest verified"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.within = 5 * DAY}, "2025-05-12T130000Z", jumped);
    expect(&(struct litekeep_retention){.within = 5 * DAY}, "2025-05-17T130000Z", believed);
}

static void a_time_that_is_ahead_is_kept_and_takes_no_place(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2024-05-27T120000Z", "", NULL},
        {"2024-05-28T120000Z", "", "last 2"},
        {"2025-05-28T180000Z", "", "its time is in the future"},
        {"2024-05-29T120000Z", "", "last 1, newest verified"},
        {NULL, NULL, NULL},
    };
    static const struct row nearly[] = {
        {"2024-05-29T110000Z", "", NULL},
        {"2024-05-30T115959Z", "", "last 1, newest verified"}, /* less than a day ahead: time zones */
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.last = 2}, "2024-05-29T120000Z", rows);
    expect(&(struct litekeep_retention){.last = 1}, "2024-05-29T120000Z", nearly);
}

static void a_clock_that_was_wrong_for_a_while_decides_nothing(void **state)
{
    (void)state;
    static const struct row back[] = {
        {"2024-05-25T120000Z", "", NULL},
        {"2024-05-26T120000Z", "", NULL},
        {"2023-05-27T120000Z", "", "the clock was wrong when it was made"},
        {"2024-05-28T120000Z", "", "last 2"},
        {"2024-05-29T120000Z", "", "last 1, newest verified"},
        {NULL, NULL, NULL},
    };
    static const struct row ahead[] = {
        {"2024-05-25T120000Z", "", NULL},
        {"2024-05-26T120000Z", "", NULL},
        {"2025-05-27T120000Z", "", "the clock was wrong when it was made"},
        {"2025-05-27T200000Z", "", "the clock was wrong when it was made"},
        {"2024-05-27T120000Z", "", NULL},
        {"2024-05-28T120000Z", "", "last 2"},
        {"2024-05-29T120000Z", "", "last 1, newest verified"},
        {NULL, NULL, NULL},
    };
    /* Now the clock itself is a year behind: everything else seems to be of the future. */
    static const struct row behind[] = {
        {"2024-05-25T120000Z", "", "its time is in the future"},
        {"2024-05-26T120000Z", "", "its time is in the future"},
        {"2023-05-28T120000Z", "", "last 1, newest verified"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.last = 2}, "2024-05-29T120000Z", back);
    expect(&(struct litekeep_retention){.last = 2}, "2026-05-29T120000Z", ahead);
    expect(&(struct litekeep_retention){.last = 1}, "2023-05-28T120000Z", behind);
}

static void equal_times_are_told_apart_by_their_order(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2024-05-29T091442Z", "", NULL},
        {"2024-05-29T091442Z-002", "", "last 2"},
        {"2024-05-29T091442Z-003", "", "last 1, hourly 1, newest verified"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.last = 2, .hourly = 1}, "2024-05-29T091443Z", rows);
}

static void classes_do_not_push_one_another_out(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2024-05-20T120000Z", "", NULL},
        {"2024-05-21T120000Z", "g", "last 1, newest verified, last good before an alarm"},
        {"2024-05-22T120000Z", "s", NULL},
        {"2024-05-23T120000Z", "s", "last 1, newest verified (of those that show a loss)"},
        {"2024-05-24T120000Z", "P", NULL},
        {"2024-05-25T120000Z", "P", "last 1, newest verified (of partial ones)"},
        {"2024-05-26T120000Z", "sP", "last 1, newest verified (of partial ones that show a loss)"},
        {"2024-05-27T120000Z", "d", NULL},
        {"2024-05-28T120000Z", "d", "last 1 (of damaged ones)"},
        {NULL, NULL, NULL},
    };
    expect(&(struct litekeep_retention){.last = 1}, "2024-05-30T000000Z", rows);
}

static void what_must_stay_stays_whatever_the_policy(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2024-05-17T120000Z", "n", NULL},
        {"2024-05-18T120000Z", "f", "of the original script"},
        {"2024-05-19T120000Z", "t", "tag release"},
        {"2024-05-20T120000Z", "p", "pinned"},
        {"2024-05-21T120000Z", "g", "last good before an alarm"},
        {"2024-05-22T120000Z", "", "newest verified"},
        {"2024-05-23T120000Z", "u", NULL},
        {"2024-05-24T120000Z", "u", NULL},
        {NULL, NULL, NULL},
    };
    static const struct row unverified[] = {
        {"2024-05-23T120000Z", "u", NULL},
        {"2024-05-24T120000Z", "u", "newest"},
        {NULL, NULL, NULL},
    };
    static const struct row only_damaged[] = {
        {"2024-05-23T120000Z", "d", NULL},
        {"2024-05-24T120000Z", "d", "newest (of damaged ones)"},
        {NULL, NULL, NULL},
    };
    static const char *const tags[] = {"release", NULL};
    const struct litekeep_retention policy = {.tags = tags};
    expect(&policy, "2024-05-30T000000Z", rows);
    expect(&policy, "2024-05-30T000000Z", unverified);
    expect(&policy, "2024-05-30T000000Z", only_damaged);
}

static void a_hundred_suspect_backups_push_no_good_one_out(void **state)
{
    (void)state;
    static const struct litekeep_retention policies[] = {
        {.last = 1}, {.hourly = 1}, {.daily = 2}, {.yearly = 1}, {.within = HOUR}};
    struct lk_error err = {0};
    for (size_t p = 0; p < sizeof policies / sizeof policies[0]; p++) {
        struct lk_retained backups[110];
        memset(backups, 0, sizeof backups);
        for (size_t i = 0; i < 110; i++)
            backups[i] =
                (struct lk_retained){.id = "",
                                     .started = instant_of("2024-05-01T120000Z") + (int64_t)i * 8 * HOUR,
                                     .verified = true,
                                     .suspect = i >= 10};
        /* Not even told that it is the last good one. */
        assert_int_equal(
            lk_retention_decide(&policies[p], instant_of("2024-07-30T000000Z"), backups, 110, &err), LK_OK);
        assert_true(backups[9].kept);
        assert_true(backups[109].kept);
        lk_retained_reset(backups, 110);
    }
}

static void an_empty_policy_is_an_error(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    struct lk_retained one = {.id = "x", .started = 0};
    struct lk_error err = {0};
    const struct litekeep_retention policy = {.tags = none};
    assert_true(lk_retention_is_empty(&policy));
    assert_false(lk_retention_is_empty(&(struct litekeep_retention){.yearly = 1}));
    assert_int_equal(lk_retention_decide(&policy, 0, &one, 1, &err), LK_USAGE);
    assert_int_equal(lk_retention_decide(&(struct litekeep_retention){.last = 1}, 0, NULL, 0, &err), LK_OK);
}

static void when_memory_is_out_it_fails_and_decides_again_later(void **state)
{
    (void)state;
    const struct litekeep_retention policy = {.last = 1};
    struct lk_retained backups[3];
    struct lk_error err = {0};
    for (size_t i = 0; i < 3; i++)
        backups[i] = backup_of("2024-05-29T091442Z", "");
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        bool failed = true;
        for (int64_t after = 0; failed && after < 100; after++) {
            lk_retained_reset(backups, 3);
            lk_memory_fail_after(after, for_ever);
            failed =
                lk_retention_decide(&policy, instant_of("2024-05-29T091442Z"), backups, 3, &err) != LK_OK;
            lk_memory_fail_after(-1, 0);
        }
        assert_false(failed);
    }
    assert_true(backups[2].kept && !backups[0].kept);
    lk_retained_reset(backups, 3);
}

/* Which are the newest of their class; what class those are of. */
static const char *newest(const struct lk_retained *b, size_t count)
{
    static char said[16];
    const char *of;
    for (size_t i = 0; i < count; i++)
        said[i] = !lk_retention_is_newest(b, count, i, &of) ? '-' : of[0] == '\0' ? 'g' : 'o';
    said[count] = '\0';
    return said;
}

static void the_newest_of_a_class_is_verified_if_any_is(void **state)
{
    (void)state;
    const struct lk_retained b[] = {
        backup_of("2024-05-20T120000Z", ""),   backup_of("2024-05-21T120000Z", "u"),
        backup_of("2024-05-22T120000Z", "P"),  backup_of("2024-05-23T120000Z", "Pu"),
        backup_of("2024-05-24T120000Z", "su"), backup_of("2024-05-25T120000Z", "d"),
        backup_of("2024-05-26T120000Z", "f")};
    assert_string_equal(newest(b, 7), "g-o-o--");
    assert_string_equal(newest(b + 1, 6), "go-o--"); /* none of the good ones is verified */
    assert_string_equal(newest(b + 2, 5), "o-oo-");  /* without a good one a damaged one matters */
}

/* ---- Whatever the list, the policy and the clock */

static uint64_t below(uint64_t *state, uint64_t end)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % end;
}

#define CASE_MOST 40

/* Steps of a schedule, with a clock that jumps now and then; flags of all kinds. */
static size_t random_backups(uint64_t *r, struct lk_retained *out)
{
    static const int64_t steps[] = {0, SECOND, HOUR, 8 * HOUR, DAY, 31 * DAY};
    const size_t count = below(r, CASE_MOST) + 1;
    const uint64_t trouble = below(r, 3) == 0 ? 4 : 25;
    int64_t time = instant_of("2024-03-01T120000Z");
    for (size_t i = 0; i < count; i++) {
        time += steps[below(r, 6)];
        int64_t shown = time;
        if (below(r, trouble) == 0)
            shown += (int64_t)(below(r, 800 * 24)) * HOUR - 400 * DAY;
        const bool damaged = below(r, trouble) == 0;
        out[i] = (struct lk_retained){
            .id = "",
            .started = shown,
            .pinned = below(r, 20) == 0,
            .verified = !damaged && below(r, 4) != 0,
            .partial = below(r, trouble) == 0,
            .suspect = below(r, trouble) == 0,
            .damaged = damaged,
            .last_good = below(r, 20) == 0,
            .foreign = below(r, 30) == 0 ? "of the original script" : NULL,
            .tags = below(r, 10) == 0 ? release : NULL,
        };
    }
    return count;
}

static struct litekeep_retention random_policy(uint64_t *r)
{
    static const char *const tags[] = {"release", NULL};
    struct litekeep_retention p = {0};
    while (lk_retention_is_empty(&p)) {
        unsigned *const counts[] = {&p.last, &p.hourly, &p.daily, &p.weekly, &p.monthly, &p.yearly};
        for (size_t i = 0; i < 6; i++)
            *counts[i] = below(r, 4) == 0 ? (unsigned)below(r, 5) : 0;
        p.within = below(r, 4) == 0 ? (int64_t)below(r, 100 * 24) * HOUR : 0;
        p.tags = below(r, 6) == 0 ? tags : NULL;
    }
    return p;
}

static bool is_good(const struct lk_retained *b)
{
    return b->foreign == NULL && !b->suspect && !b->partial && !b->damaged;
}

static void check_invariants(const struct lk_retained *b, size_t count, int64_t now)
{
    size_t newest_verified = count, newest_good = count, kept = 0, whole = 0;
    for (size_t i = 0; i < count; i++) {
        kept += b[i].kept ? 1 : 0;
        assert_int_equal(b[i].kept, b[i].reason.len > 0);
        assert_true(b[i].kept || !(b[i].pinned || b[i].last_good || b[i].foreign != NULL));
        assert_true(b[i].kept || b[i].started <= now + DAY);
        if (is_good(&b[i]))
            newest_good = i;
        if (is_good(&b[i]) && b[i].verified)
            newest_verified = i;
        whole += is_good(&b[i]) ? 1 : 0;
    }
    assert_true(kept > 0);
    assert_true(newest_verified == count || b[newest_verified].kept);
    /* Where no good one is verified, the newest of them. */
    assert_true(whole == 0 || newest_verified < count || b[newest_good].kept);
    for (size_t i = 0; i < count; i++) {
        /* Times that stand in the right order leave nothing to doubt; where they do not, of any two that
         * contradict one another one is kept as wrong. */
        for (size_t k = i + 1; k < count; k++)
            assert_true(b[i].kept || b[k].kept || b[i].started <= b[k].started);
    }
}

/* What one that is suspect, partial or damaged adds to the list must not cost a good one its place. */
static void check_others_push_none_out(const struct litekeep_retention *policy, const struct lk_retained *b,
                                       size_t count, int64_t now)
{
    struct lk_retained good[CASE_MOST];
    struct lk_error err = {0};
    size_t from[CASE_MOST], n = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && b[i].started < b[i - 1].started)
            return; /* a wrong clock: which are out of order depends on all */
        if (!is_good(&b[i]))
            continue;
        good[n] = b[i];
        good[n].reason = (struct lk_buffer){0};
        from[n++] = i;
    }
    assert_int_equal(lk_retention_decide(policy, now, good, n, &err), LK_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(good[i].kept, b[from[i]].kept);
    lk_retained_reset(good, n);
}

static void whatever_comes_what_must_stay_stays(void **state)
{
    (void)state;
    uint64_t r = 20240529;
    for (int round = 0; round < 20000; round++) {
        struct lk_retained b[CASE_MOST];
        struct lk_error err = {0};
        const size_t count = random_backups(&r, b);
        const struct litekeep_retention policy = random_policy(&r);
        const int64_t now = b[count - 1].started + (int64_t)below(&r, 60) * DAY - 20 * DAY;
        assert_int_equal(lk_retention_decide(&policy, now, b, count, &err), LK_OK);
        check_invariants(b, count, now);
        check_others_push_none_out(&policy, b, count, now);
        /* And again, with what is left. */
        size_t left = 0;
        for (size_t i = 0; i < count; i++) {
            lk_buffer_reset(&b[i].reason);
            if (b[i].kept)
                b[left++] = b[i];
        }
        assert_int_equal(lk_retention_decide(&policy, now, b, left, &err), LK_OK);
        check_invariants(b, left, now);
        lk_retained_reset(b, left);
    }
}

/* ---- A year of backups every 8 hours, pruned after each one: worked out by hand */

struct year {
    struct litekeep_retention policy;
    const char *kept; /* days of 20:14:42 unless an hour is said */
};

static const char *const keep_tags[] = {"release", NULL};

static const struct year years[] = {
    {{.last = 3, .daily = 7, .weekly = 4, .monthly = 12},
     "01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-10 12-17 12-24 12-25 12-26 12-27 "
     "12-28 12-29 12-30 12-31T04 12-31T12 12-31"},
    {{.last = 10}, "12-28 12-29T04 12-29T12 12-29 12-30T04 12-30T12 12-30 12-31T04 12-31T12 12-31"},
    {{.hourly = 8, .daily = 5}, "12-27 12-28 12-29T12 12-29 12-30T04 12-30T12 12-30 12-31T04 12-31T12 12-31"},
    {{.within = 3 * DAY, .yearly = 2},
     "01-01T04 12-29T04 12-29T12 12-29 12-30T04 12-30T12 12-30 12-31T04 12-31T12 12-31"},
    {{.weekly = 8, .monthly = 6, .tags = keep_tags},
     "03-15T12 07-04T04 07-31 08-31 09-30 10-31 11-12 11-19 11-26 11-30 12-03 12-10 12-17 12-24 12-31"},
};

static void a_year_of_backups_leaves_what_was_worked_out_by_hand(void **state)
{
    (void)state;
    static struct lk_retained backups[MOST];
    static char ids[MOST][LK_TIME_SIZE];
    struct lk_error err = {0};
    for (size_t y = 0; y < sizeof years / sizeof years[0]; y++) {
        size_t count = 0;
        for (int n = 0; n < 1095; n++) {
            const int64_t now = instant_of("2023-01-01T041442Z") + n * 8 * HOUR;
            lk_time_format_id(now, ids[n]);
            const bool tagged =
                strcmp(ids[n], "2023-03-15T121442Z") == 0 || strcmp(ids[n], "2023-07-04T041442Z") == 0;
            backups[count++] = (struct lk_retained){
                .id = ids[n], .started = now, .verified = true, .tags = tagged ? release : NULL};
            if (lk_retention_decide(&years[y].policy, now + HOUR, backups, count, &err) != LK_OK)
                fail_msg("%s", err.message);
            size_t left = 0;
            for (size_t i = 0; i < count; i++) {
                if (backups[i].kept)
                    backups[left++] = backups[i];
                else
                    lk_buffer_reset(&backups[i].reason);
            }
            count = left;
        }
        char text[2000] = "";
        size_t len = 0;
        for (size_t i = 0; i < count && len < sizeof text - 32; i++) {
            const char *id = backups[i].id;
            const bool late = strncmp(id + 11, "20", 2) == 0;
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i > 0 ? " " : "", late ? 5 : 8,
                                    id + 5);
        }
        assert_string_equal(text, years[y].kept);
        lk_retained_reset(backups, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_span_keeps_its_newest_and_the_oldest_while_there_is_room),
        cmocka_unit_test(weeks_are_those_of_iso_8601),
        cmocka_unit_test(spans_are_of_local_time),
        cmocka_unit_test(an_hour_that_comes_twice_is_one_and_one_that_is_skipped_is_none),
        cmocka_unit_test(within_goes_back_from_the_newest_and_not_from_now),
        cmocka_unit_test(a_jump_of_the_clock_does_not_move_within_at_once),
        cmocka_unit_test(a_time_that_is_ahead_is_kept_and_takes_no_place),
        cmocka_unit_test(a_clock_that_was_wrong_for_a_while_decides_nothing),
        cmocka_unit_test(equal_times_are_told_apart_by_their_order),
        cmocka_unit_test(classes_do_not_push_one_another_out),
        cmocka_unit_test(what_must_stay_stays_whatever_the_policy),
        cmocka_unit_test(a_hundred_suspect_backups_push_no_good_one_out),
        cmocka_unit_test(an_empty_policy_is_an_error),
        cmocka_unit_test(when_memory_is_out_it_fails_and_decides_again_later),
        cmocka_unit_test(the_newest_of_a_class_is_verified_if_any_is),
        cmocka_unit_test(whatever_comes_what_must_stay_stays),
        cmocka_unit_test(a_year_of_backups_leaves_what_was_worked_out_by_hand),
    };
    return cmocka_run_group_tests_name("retention", tests, use_berlin, NULL);
}
