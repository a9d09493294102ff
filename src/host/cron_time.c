#include "host/cron_time.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define DAY_MINUTES 1440
/* 29 February falls on a given weekday once in 40 years at the most; from then on: never. */
#define DAYS_AHEAD (41 * 366)
/* A change of the clock by this or more is a correction, after which cron makes up for nothing. */
#define CORRECTION 180
#define WORD_SIZE 32

/* ---- Reading. */

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct field {
    const char *what;
    unsigned least, most;
    const char *const *names;
    unsigned count; /* of names; the first stands for `least` */
};

static const struct field fields[] = {
    {"minute", 0, 59, NULL, 0},          {"hour", 0, 23, NULL, 0},
    {"day of month", 1, 31, NULL, 0},    {"month", 1, 12, month_names, 12},
    {"day of week", 0, 7, day_names, 7},
};
#define FIELDS (sizeof fields / sizeof fields[0])

/* A number or a name at *at, which is moved behind it. */
static bool read_value(const struct field *f, const char **at, unsigned *out)
{
    const char *p = *at;
    for (unsigned i = 0; i < f->count; i++) {
        if (strncasecmp(p, f->names[i], 3) == 0) {
            *out = f->least + i;
            *at = p + 3;
            return true;
        }
    }
    unsigned value = 0;
    size_t digits = 0;
    for (; p[digits] >= '0' && p[digits] <= '9' && digits < 4; digits++)
        value = value * 10 + (unsigned)(p[digits] - '0');
    *out = value;
    *at = p + digits;
    return digits > 0 && digits < 4 && value >= f->least && value <= f->most;
}

/* "*", "5", "5-9", "*" or "5-9" followed by "/2": its bits. */
static bool read_element(const struct field *f, const char **at, uint64_t *bits)
{
    unsigned from = f->least, to = f->most, step = 1;
    bool range = true;
    if (**at == '*') {
        (*at)++;
        /* Sunday is not to be there twice: * / 2 would mean other days. */
        to = f->most == 7 ? 6 : f->most;
    } else {
        if (!read_value(f, at, &from))
            return false;
        to = from;
        range = **at == '-';
        if (range) {
            (*at)++;
            if (!read_value(f, at, &to) || to < from)
                return false;
        }
    }
    if (**at == '/') {
        static const struct field steps = {"step", 1, 99, NULL, 0};
        (*at)++;
        if (!range || !read_value(&steps, at, &step))
            return false;
    }
    for (unsigned i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return true;
}

static enum lk_status read_field(const struct field *f, const char *text, uint64_t *bits,
                                 struct lk_error *err)
{
    const char *at = text;
    bool good = read_element(f, &at, bits);
    while (good && *at == ',') {
        at++;
        good = read_element(f, &at, bits);
    }
    if (good && *at == '\0')
        return LK_OK;
    return lk_fail(err, LK_USAGE,
                   "\"%s\" is no %s of a cron expression: %u to %u%s, *, lists (1,5), ranges (1-5), steps of "
                   "ranges (*/2, 1-23/8)",
                   text, f->what, f->least, f->most, f->names != NULL ? " or names (three letters)" : "");
}

static const struct {
    const char *word, *means;
} nicknames[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

/* The next word of *at, cut to WORD_SIZE; its length. */
static size_t take_word(const char **at, char out[WORD_SIZE])
{
    *at += strspn(*at, " \t");
    const size_t len = strcspn(*at, " \t");
    snprintf(out, WORD_SIZE, "%.*s", (int)(len < WORD_SIZE ? len : WORD_SIZE - 1), *at);
    *at += len;
    return len;
}

enum lk_status lk_cron_time_parse(const char *text, struct lk_cron_time *out, struct lk_error *err)
{
    const char *at = text;
    char word[FIELDS][WORD_SIZE], more[WORD_SIZE];
    if (take_word(&at, word[0]) > 0 && word[0][0] == '@') {
        const bool alone = take_word(&at, more) == 0;
        for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0]; i++)
            if (alone && strcasecmp(word[0], nicknames[i].word) == 0)
                return lk_cron_time_parse(nicknames[i].means, out, err);
        return lk_fail(err, LK_USAGE,
                       "\"%s\" is no time: @hourly, @daily, @weekly, @monthly, @yearly, or five fields",
                       text);
    }
    at = text;
    uint64_t bits[FIELDS] = {0};
    for (size_t i = 0; i < FIELDS; i++) {
        const size_t len = take_word(&at, word[i]);
        if (len == 0)
            return lk_fail(err, LK_USAGE,
                           "\"%s\" is no cron expression: it has five fields: minute, hour, day of month, "
                           "month, day of week",
                           text);
        if (len >= 512)
            return lk_fail(err, LK_USAGE, "the %s of the cron expression is too long", fields[i].what);
        /* Lists may be longer than what the words above keep. */
        char whole[512];
        snprintf(whole, sizeof whole, "%.*s", (int)len, at - len);
        const enum lk_status status = read_field(&fields[i], whole, &bits[i], err);
        if (status != LK_OK)
            return status;
    }
    if (take_word(&at, more) > 0)
        return lk_fail(err, LK_USAGE, "\"%s\" is no cron expression: there is more behind its five fields",
                       text);
    const uint64_t sunday = (bits[4] | bits[4] >> 7) & 1;
    *out = (struct lk_cron_time){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint32_t)bits[3],
        .weekdays = (uint32_t)((bits[4] & 0x7e) | sunday),
        .any_day = word[2][0] == '*',
        .any_weekday = word[4][0] == '*',
        .wild = word[0][0] == '*' || word[1][0] == '*',
    };
    return LK_OK;
}

/* ---- When. Times are in minutes: of the clock on the wall ("wall"), or since 1970 in UTC ("at"). */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Does it fire on this day (days since 1970-01-01)? The calendar: Howard Hinnant's civil_from_days. */
static bool day_fits(const struct lk_cron_time *t, int64_t day)
{
    const int64_t shifted = day + 719468;
    const int64_t era = floor_divide(shifted, 146097);
    const unsigned of_era = (unsigned)(shifted - era * 146097);
    const unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    const unsigned shifted_month = (5 * of_year + 2) / 153;
    const unsigned day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    const unsigned weekday = (unsigned)(((day + 4) % 7 + 7) % 7);
    const bool dom = (t->days >> day_of_month & 1) != 0, dow = (t->weekdays >> weekday & 1) != 0;
    return (t->months >> month & 1) != 0 && (t->any_day || t->any_weekday ? dom && dow : dom || dow);
}

/* The first wall minute from `wall` on that fits; -1: none for decades. */
static int64_t next_wall(const struct lk_cron_time *t, int64_t wall)
{
    const int64_t first = floor_divide(wall, DAY_MINUTES);
    unsigned minute = (unsigned)(wall - first * DAY_MINUTES);
    for (int64_t day = first; day < first + DAYS_AHEAD; day++, minute = 0) {
        if (!day_fits(t, day))
            continue;
        for (unsigned hour = minute / 60; hour < 24; hour++) {
            const unsigned from = hour == minute / 60 ? minute % 60 : 0;
            const uint64_t left = (t->hours >> hour & 1) != 0 ? t->minutes >> from : 0;
            if (left != 0)
                return day * DAY_MINUTES + hour * 60 + from + (unsigned)__builtin_ctzll(left);
        }
    }
    return -1;
}

/* Minutes that local time is ahead of UTC. */
static int64_t offset_at(int64_t at)
{
    const time_t seconds = (time_t)(at * 60);
    struct tm local;
    return localtime_r(&seconds, &local) == NULL ? 0 : floor_divide(local.tm_gmtoff, 60);
}

/* A walk through the runs. */
struct walk {
    const struct lk_cron_time *time;
    int64_t at;     /* runs from here on are still to come */
    int64_t offset; /* that holds at `at` ... */
    int64_t steady; /* ... and up to here */
};

static struct walk walk_from(const struct lk_cron_time *t, int64_t at)
{
    return (struct walk){.time = t, .at = at, .offset = offset_at(at), .steady = at};
}

/* Is the offset the same up to `until`? If not: the first minute with another one. */
static bool find_change(struct walk *w, int64_t until, int64_t *change)
{
    while (w->steady < until) {
        const int64_t step = w->steady + DAY_MINUTES < until ? w->steady + DAY_MINUTES : until;
        if (offset_at(step) != w->offset) {
            int64_t same = w->steady, other = step;
            while (other - same > 1) {
                const int64_t middle = same + (other - same) / 2;
                if (offset_at(middle) == w->offset)
                    same = middle;
                else
                    other = middle;
            }
            *change = other;
            return true;
        }
        w->steady = step;
    }
    return false;
}

/* The next run; -1: there is none. */
static int64_t walk_on(struct walk *w)
{
    for (;;) {
        const int64_t wall = next_wall(w->time, w->at + w->offset);
        if (wall < 0 || wall > INT64_MAX / MINUTE)
            return -1;
        const int64_t run = wall - w->offset;
        int64_t change;
        if (!find_change(w, run, &change)) {
            w->at = run + 1;
            return run;
        }
        const int64_t before = w->offset, jump = offset_at(change) - before;
        *w = walk_from(w->time, change);
        if (w->time->wild || jump >= CORRECTION || jump <= -CORRECTION)
            continue;
        if (jump > 0 && wall < change + w->offset) { /* it was skipped: made up for at once */
            w->at = change + 1;
            return change;
        }
        if (jump < 0) { /* what comes a second time has been done */
            w->at = change - jump;
            int64_t again;
            if (find_change(w, w->at, &again))
                *w = walk_from(w->time, w->at);
        }
    }
}

/* A walk whose first run is the first one after the instant. It starts earlier, for what the clock has just
 * done decides what a minute means. */
static struct walk walk_after(const struct lk_cron_time *t, int64_t after, int64_t *run)
{
    struct walk w = walk_from(t, floor_divide(after, MINUTE) - 2 * CORRECTION);
    do
        *run = walk_on(&w);
    while (*run >= 0 && *run <= floor_divide(after, MINUTE));
    return w;
}

int64_t lk_cron_time_next(const struct lk_cron_time *t, int64_t after)
{
    int64_t run;
    (void)walk_after(t, after, &run);
    return run < 0 ? 0 : run * MINUTE;
}

int64_t lk_cron_time_gap(const struct lk_cron_time *t, int64_t from)
{
    int64_t run, longest = 0;
    struct walk w = walk_after(t, from, &run);
    const int64_t year = floor_divide(from, MINUTE) + INT64_C(366) * DAY_MINUTES;
    while (run >= 0 && (run <= year || longest == 0)) {
        const int64_t next = walk_on(&w);
        if (next < 0)
            break;
        longest = next - run > longest ? next - run : longest;
        run = next;
    }
    return longest * MINUTE;
}

/* ---- Every so often. */

/* In minutes: what divides the hour or the day, and the week. */
static const int64_t possible[] = {5,   6,   10,  12,  15,  20,  30,      60,
                                   120, 180, 240, 360, 480, 720, 24 * 60, 7 * 24 * 60};

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

enum lk_status lk_cron_time_every(int64_t every, uint64_t spread, char *out, size_t size,
                                  struct lk_error *err)
{
    const int64_t hour = 60 * MINUTE, day = 24 * hour, week = 7 * day;
    const unsigned minute = (unsigned)(spread % 60);
    const uint64_t rest = spread / 60;
    int64_t nearest = week;
    for (size_t i = 0; i < sizeof possible / sizeof possible[0]; i++)
        if (distance(possible[i] * MINUTE, every) < distance(nearest, every))
            nearest = possible[i] * MINUTE;
    if (nearest != every) {
        char asked[LK_TIME_SIZE], able[LK_TIME_SIZE];
        lk_duration_format(every, asked);
        lk_duration_format(nearest, able);
        return lk_fail(err, LK_USAGE,
                       "cron cannot run something every %s: it must divide the hour (from 5m on) or the day, "
                       "or be a week; the nearest is %s",
                       asked, able);
    }
    if (every < hour) {
        const unsigned step = (unsigned)(every / MINUTE);
        snprintf(out, size, "%u-59/%u * * * *", minute % step, step);
    } else if (every == hour) {
        snprintf(out, size, "%u * * * *", minute);
    } else if (every < day) {
        const unsigned step = (unsigned)(every / hour);
        snprintf(out, size, "%u %u-23/%u * * *", minute, (unsigned)(rest % step), step);
    } else {
        char weekday[4] = "*";
        if (every == week)
            snprintf(weekday, sizeof weekday, "%u", (unsigned)(rest / 6 % 7));
        snprintf(out, size, "%u %u * * %s", minute, (unsigned)(rest % 6), weekday);
    }
    return LK_OK;
}
