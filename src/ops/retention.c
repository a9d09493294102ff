#include "ops/retention.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)
#define HALF_A_YEAR (183 * DAY)

/* A class is a set of these. */
enum { SUSPECT = 1, PARTIAL = 2, DAMAGED = 4, CLASSES = 8 };

static const char *const class_names[CLASSES] = {
    [0] = "",
    [SUSPECT] = " (of those that show a loss)",
    [PARTIAL] = " (of partial ones)",
    [SUSPECT | PARTIAL] = " (of partial ones that show a loss)",
    [DAMAGED] = " (of damaged ones)",
    [SUSPECT | DAMAGED] = " (of damaged ones that show a loss)",
    [PARTIAL | DAMAGED] = " (of damaged partial ones)",
    [SUSPECT | PARTIAL | DAMAGED] = " (of damaged partial ones that show a loss)",
};

static unsigned class_of(const struct lk_retained *b)
{
    return (b->suspect ? SUSPECT : 0) | (b->partial ? PARTIAL : 0) | (b->damaged ? DAMAGED : 0);
}

/* A number for the span of local time that an instant is in: other spans, other numbers. */
static int64_t year_of(const struct tm *t)
{
    return INT64_C(1900) + t->tm_year;
}

static int64_t month_of(const struct tm *t)
{
    return year_of(t) * 12 + t->tm_mon;
}

static int64_t day_of(const struct tm *t)
{
    return month_of(t) * 32 + t->tm_mday;
}

static int64_t hour_of(const struct tm *t)
{
    return day_of(t) * 24 + t->tm_hour;
}

static int days_in(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
}

/* ISO 8601: a week is of the year that its Thursday is in. */
static int64_t week_of(const struct tm *t)
{
    int64_t year = year_of(t);
    int thursday = t->tm_yday - (t->tm_wday + 6) % 7 + 3;
    if (thursday < 0)
        thursday += days_in(--year);
    else if (thursday >= days_in(year))
        thursday -= days_in(year++);
    return year * 54 + thursday / 7;
}

struct span {
    const char *word;
    int64_t (*number)(const struct tm *t); /* NULL: every backup is one of its own */
    size_t count;                          /* offset in the policy */
};

static const struct span spans[] = {
    {"last", NULL, offsetof(struct litekeep_retention, last)},
    {"hourly", hour_of, offsetof(struct litekeep_retention, hourly)},
    {"daily", day_of, offsetof(struct litekeep_retention, daily)},
    {"weekly", week_of, offsetof(struct litekeep_retention, weekly)},
    {"monthly", month_of, offsetof(struct litekeep_retention, monthly)},
    {"yearly", year_of, offsetof(struct litekeep_retention, yearly)},
};
#define SPANS (sizeof spans / sizeof spans[0])

static unsigned count_of(const struct litekeep_retention *policy, const struct span *s)
{
    unsigned count;
    memcpy(&count, (const char *)policy + s->count, sizeof count);
    return count;
}

bool lk_retention_is_empty(const struct litekeep_retention *policy)
{
    for (size_t i = 0; i < SPANS; i++) {
        if (count_of(policy, &spans[i]) > 0)
            return false;
    }
    return policy->within <= 0 && (policy->tags == NULL || policy->tags[0] == NULL);
}

static void keep(struct lk_retained *b, const char *reason)
{
    b->kept = true;
    if (b->reason.len > 0)
        lk_buffer_append_string(&b->reason, ", ");
    lk_buffer_append_string(&b->reason, reason);
}

/* The newest one of a class that is verified, else the newest of it; `count`: the class is empty. */
static size_t newest_of(const struct lk_retained *backups, size_t count, unsigned class)
{
    size_t newest = count;
    for (size_t i = count; i > 0; i--) {
        const struct lk_retained *b = &backups[i - 1];
        if (b->foreign != NULL || class_of(b) != class)
            continue;
        if (b->verified)
            return i - 1;
        if (newest == count)
            newest = i - 1;
    }
    return newest;
}

/* The one of a class that has to stay; `count`: none. */
static size_t newest_to_keep(const struct lk_retained *backups, size_t count, unsigned class)
{
    const bool matters = !(class & DAMAGED) || newest_of(backups, count, 0) == count;
    return matters ? newest_of(backups, count, class) : count;
}

bool lk_retention_is_newest(const struct lk_retained *backups, size_t count, size_t index, const char **of)
{
    const unsigned class = class_of(&backups[index]);
    *of = class_names[class];
    return newest_to_keep(backups, count, class) == index;
}

/* ---- Clocks that were wrong */

/* Of the backups marked in `in`, unmark the fewest that leave times which do not fall: a longest
 * non-decreasing subsequence. */
static enum lk_status unmark_disordered(const struct lk_retained *backups, size_t count, bool *in,
                                        struct lk_error *err)
{
    size_t *end = lk_allocate_zeroed(count, sizeof *end); /* end[k]: the last of the best run of k + 1 */
    size_t *before = lk_allocate_zeroed(count, sizeof *before); /* what comes before it in its run */
    size_t longest = 0;
    enum lk_status status = LK_OK;
    if (end == NULL || before == NULL) {
        status = lk_fail_memory(err, "choosing what to keep");
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        if (!in[i])
            continue;
        size_t low = 0, high = longest;
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            if (backups[end[middle]].started <= backups[i].started)
                low = middle + 1;
            else
                high = middle;
        }
        before[i] = low == 0 ? count : end[low - 1];
        end[low] = i;
        longest += low == longest ? 1 : 0;
        in[i] = false;
    }
    for (size_t i = longest == 0 ? count : end[longest - 1]; i < count; i = before[i])
        in[i] = true;
out:
    lk_free(end);
    lk_free(before);
    return status;
}

/* Mark those that take part; of the others say why they are kept. */
static enum lk_status choose(int64_t now, struct lk_retained *backups, size_t count, bool *in,
                             struct lk_error *err)
{
    for (size_t i = 0; i < count; i++) {
        in[i] = backups[i].foreign == NULL && !(now < INT64_MAX - DAY && backups[i].started > now + DAY);
        if (!in[i])
            keep(&backups[i], backups[i].foreign != NULL ? backups[i].foreign : "its time is in the future");
    }
    const enum lk_status status = unmark_disordered(backups, count, in, err);
    for (size_t i = 0; status == LK_OK && i < count; i++) {
        if (!in[i] && !backups[i].kept)
            keep(&backups[i], "the clock was wrong when it was made");
    }
    return status;
}

/* ---- The policy, for one class. `member`: indexes, newest first. */

struct members {
    size_t count;
    const size_t *member;
};

/* The instant after which `within` keeps. */
static int64_t within_start(const struct lk_retained *backups, const struct members *m, int64_t within)
{
    int64_t from = backups[m->member[0]].started;
    for (size_t i = 0; i + 1 < m->count; i++) {
        const int64_t here = backups[m->member[i]].started, earlier = backups[m->member[i + 1]].started;
        if (from - here >= within)
            break;
        if (here - earlier > HALF_A_YEAR)
            from = earlier;
    }
    return from > INT64_MIN + within ? from - within : INT64_MIN;
}

static void keep_within(const struct litekeep_retention *policy, struct lk_retained *backups,
                        const struct members *m)
{
    char duration[LK_TIME_SIZE], reason[LK_TIME_SIZE + 16];
    if (policy->within <= 0)
        return;
    lk_duration_format(policy->within, duration);
    (void)snprintf(reason, sizeof reason, "within %s", duration);
    const int64_t start = within_start(backups, m, policy->within);
    for (size_t i = 0; i < m->count; i++) {
        if (backups[m->member[i]].started > start)
            keep(&backups[m->member[i]], reason);
    }
}

static void keep_tagged(const struct litekeep_retention *policy, struct lk_retained *backups,
                        const struct members *m)
{
    for (size_t i = 0; i < m->count && policy->tags != NULL; i++) {
        struct lk_retained *b = &backups[m->member[i]];
        for (const char *const *tag = policy->tags; *tag != NULL; tag++) {
            bool has = false;
            for (const char *const *own = b->tags; own != NULL && *own != NULL; own++)
                has = has || strcmp(*own, *tag) == 0;
            if (!has)
                continue;
            keep(b, "tag ");
            lk_text_escape(lk_bytes_of(*tag), &b->reason);
        }
    }
}

static int64_t span_at(const struct span *s, int64_t instant)
{
    const time_t seconds = (time_t)(instant / SECOND - (instant % SECOND < 0 ? 1 : 0));
    struct tm local;
    return localtime_r(&seconds, &local) == NULL ? (int64_t)seconds : s->number(&local);
}

static void keep_spans(const struct span *s, unsigned wanted, struct lk_retained *backups,
                       const struct members *m)
{
    char reason[64];
    int64_t last = -1;
    unsigned kept = 0;
    for (size_t i = 0; i < m->count && kept < wanted; i++) {
        struct lk_retained *b = &backups[m->member[i]];
        const int64_t here = s->number == NULL ? (int64_t)i : span_at(s, b->started);
        const bool is_new = here != last;
        last = here;
        /* The oldest too while there is room: the history then reaches back as far as it can. */
        if (!is_new && i + 1 < m->count)
            continue;
        (void)snprintf(reason, sizeof reason, "%s %u%s", s->word, ++kept, is_new ? "" : " (the oldest)");
        keep(b, reason);
    }
}

static void keep_class(const struct litekeep_retention *policy, struct lk_retained *backups, size_t count,
                       const bool *in, unsigned class, size_t *member)
{
    struct members m = {.member = member};
    for (size_t i = count; i > 0; i--) {
        if (in[i - 1] && class_of(&backups[i - 1]) == class)
            member[m.count++] = i - 1;
    }
    if (m.count > 0) {
        for (size_t i = 0; i < SPANS; i++)
            keep_spans(&spans[i], count_of(policy, &spans[i]), backups, &m);
        keep_within(policy, backups, &m);
        keep_tagged(policy, backups, &m);
    }
    const size_t newest = newest_to_keep(backups, count, class);
    if (newest < count)
        keep(&backups[newest], backups[newest].verified ? "newest verified" : "newest");
    for (size_t i = 0; i < m.count; i++) {
        if (backups[member[i]].kept)
            lk_buffer_append_string(&backups[member[i]].reason, class_names[class]);
    }
}

enum lk_status lk_retention_decide(const struct litekeep_retention *policy, int64_t now,
                                   struct lk_retained *backups, size_t count, struct lk_error *err)
{
    if (lk_retention_is_empty(policy))
        return lk_fail(err, LK_USAGE, "the policy keeps nothing: say how much to keep");
    bool *in = lk_allocate_zeroed(count, sizeof *in);
    size_t *member = lk_allocate_zeroed(count, sizeof *member);
    for (size_t i = 0; i < count; i++) {
        backups[i].kept = false;
        lk_buffer_clear(&backups[i].reason);
    }
    enum lk_status status = in == NULL || member == NULL ? lk_fail_memory(err, "choosing what to keep")
                                                         : choose(now, backups, count, in, err);
    if (status == LK_OK) {
        tzset(); /* localtime_r need not look at TZ */
        for (unsigned class = 0; class < CLASSES; class ++)
            keep_class(policy, backups, count, in, class, member);
    }
    for (size_t i = 0; i < count && status == LK_OK; i++) {
        if (backups[i].pinned)
            keep(&backups[i], "pinned");
        if (backups[i].held != NULL)
            keep(&backups[i], backups[i].held);
        if (backups[i].last_good)
            keep(&backups[i], "last good before an alarm");
        if (lk_buffer_string(&backups[i].reason) == NULL)
            status = lk_buffer_check(&backups[i].reason, "choosing what to keep", err);
    }
    lk_free(in);
    lk_free(member);
    return status;
}

void lk_retained_reset(struct lk_retained *backups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lk_buffer_reset(&backups[i].reason);
}
