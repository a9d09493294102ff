/* Cron's five fields (crontab(5) of Debian's cron): minute, hour, day of month, month, day of week.
 *
 * Numbers, *, lists, ranges, steps, names of months and days; @hourly, @daily, @weekly, @monthly, @yearly,
 * @midnight, @annually. When neither day field begins with *, either is enough. Of spellings that crons read
 * differently ("5/15", "22-3") none is taken. Any thread. */
#ifndef LK_HOST_CRON_TIME_H
#define LK_HOST_CRON_TIME_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct lk_cron_time {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* a bit each; weekdays 0 is Sunday */
    bool any_day, any_weekday;              /* the field begins with * */
    bool wild; /* minute or hour begins with *: follows the clock when it is changed; others run once */
};

/* LK_USAGE says what is wrong with which field. */
enum lk_status lk_cron_time_parse(const char *text, struct lk_cron_time *out,
                                  struct lk_error *err) LK_CHECKED;

/* The first time after `after` (instants) at which it fires, in local time, changes of the clocks treated as
 * Debian's cron does: a time that one skips fires at once after it, and one that comes twice fires once,
 * unless minute or hour begin with *. 0: never (31 February), or not before the year 2262. */
int64_t lk_cron_time_next(const struct lk_cron_time *t, int64_t after);

/* The longest time between two runs, looked at over the coming year (one that fires less often: until it has
 * fired twice); 0: never. */
int64_t lk_cron_time_gap(const struct lk_cron_time *t, int64_t from);

/* The expression for "every so often": 5m ... 30m, 1h ... 12h, 1d, 1w, where cron can say it (a divisor of
 * the hour or the day, or the week). `spread` chooses minute and hour (of a day: before six in the morning),
 * so that many machines do not start at once. LK_USAGE names the nearest that it can. */
enum lk_status lk_cron_time_every(int64_t every, uint64_t spread, char *out, size_t size,
                                  struct lk_error *err) LK_CHECKED;

#endif
