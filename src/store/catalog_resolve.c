#include "store/catalog.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>
#include <time.h>

#define NANOSECONDS INT64_C(1000000000)

enum { SHOWN = 10 }; /* backups named in a message */

static enum lk_status fail_none(const struct lk_backup_list *list, const char *when, struct lk_error *err)
{
    if (list->count == 0)
        return lk_fail(err, LK_NOT_FOUND, "there are no backups yet");
    return lk_fail(err, LK_NOT_FOUND, "no backup is meant by '%s'; there are %zu, from %s to %s", when,
                   list->count, list->entry[0].id, list->entry[list->count - 1].id);
}

static bool is_usable(const struct lk_backup_entry *e)
{
    return e->problem == NULL;
}

/* "latest" and "latest~N". False: another form. */
static bool parse_latest(const char *when, uint64_t *back)
{
    *back = 0;
    if (when == NULL || when[0] == '\0' || strcmp(when, "latest") == 0)
        return true;
    if (strncmp(when, "latest~", 7) != 0 || when[7] == '\0')
        return false;
    for (const char *at = when + 7; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || at - when > 20)
            return false;
        *back = *back * 10 + (uint64_t)(*at - '0');
    }
    return true;
}

static enum lk_status resolve_latest(const struct lk_backup_list *list, const char *when, uint64_t back,
                                     size_t *index, struct lk_error *err)
{
    size_t usable = 0;
    for (size_t i = list->count; i > 0; i--) {
        if (!is_usable(&list->entry[i - 1]))
            continue;
        if (usable++ == back) {
            *index = i - 1;
            return LK_OK;
        }
    }
    if (usable == 0)
        return fail_none(list, when == NULL ? "latest" : when, err);
    return lk_fail(err, LK_NOT_FOUND, "'%s': there %s only %zu backup%s", when, usable == 1 ? "is" : "are",
                   usable, usable == 1 ? "" : "s");
}

/* A date, YYYY-MM-DD, as the instants where that local day begins and ends. */
static bool parse_day(const char *when, int64_t *begin, int64_t *end)
{
    int year, month, day, used = 0;
    if (strlen(when) != 10 || sscanf(when, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 || used != 10)
        return false;
    struct tm first = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1};
    struct tm next = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day + 1, .tm_isdst = -1};
    const time_t from = mktime(&first), to = mktime(&next);
    /* mktime turns the 31st of February into the 2nd of March. */
    if (from == (time_t)-1 || to == (time_t)-1 || first.tm_mday != day || first.tm_mon != month - 1 ||
        year < 1970)
        return false;
    return !__builtin_mul_overflow((int64_t)from, NANOSECONDS, begin) &&
           !__builtin_mul_overflow((int64_t)to, NANOSECONDS, end);
}

static enum lk_status resolve_day(const struct lk_backup_list *list, const char *when, int64_t begin,
                                  int64_t end, size_t *index, struct lk_error *err)
{
    const struct lk_backup_entry *before = NULL, *after = NULL;
    for (size_t i = list->count; i > 0; i--) {
        const struct lk_backup_entry *e = &list->entry[i - 1];
        if (!is_usable(e))
            continue;
        if (e->started >= begin && e->started < end) {
            *index = i - 1;
            return LK_OK;
        }
        if (e->started < begin && (before == NULL || e->started > before->started))
            before = e;
        if (e->started >= end && (after == NULL || e->started < after->started))
            after = e;
    }
    if (before == NULL && after == NULL)
        return fail_none(list, when, err);
    return lk_fail(err, LK_NOT_FOUND, "no backup was started on %s; the nearest %s%s%s%s", when,
                   before != NULL && after != NULL ? "are " : "is ", before == NULL ? "" : before->id,
                   before != NULL && after != NULL ? " and " : "", after == NULL ? "" : after->id);
}

static enum lk_status resolve_time(const struct lk_backup_list *list, const char *when, int64_t instant,
                                   size_t *index, struct lk_error *err)
{
    const struct lk_backup_entry *oldest = NULL;
    for (size_t i = list->count; i > 0; i--) {
        const struct lk_backup_entry *e = &list->entry[i - 1];
        if (!is_usable(e))
            continue;
        if (e->started <= instant) {
            *index = i - 1;
            return LK_OK;
        }
        if (oldest == NULL || e->started < oldest->started)
            oldest = e;
    }
    if (oldest == NULL)
        return fail_none(list, when, err);
    char shown[LK_TIME_SIZE];
    lk_time_format(instant - instant % 1000000000, shown); /* an age is from now: its fraction says nothing */
    return lk_fail(err, LK_NOT_FOUND, "'%s': no backup was started at or before %s; the oldest is %s", when,
                   shown, oldest->id);
}

static enum lk_status resolve_prefix(const struct lk_backup_list *list, const char *when, size_t *index,
                                     struct lk_error *err)
{
    struct lk_buffer shown = {0};
    size_t found = 0;
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->entry[i].id, when, strlen(when)) != 0)
            continue;
        if (found < SHOWN)
            lk_buffer_append_format(&shown, "%s%s", found == 0 ? "" : ", ", list->entry[i].id);
        else if (found == SHOWN)
            lk_buffer_append_string(&shown, ", ...");
        *index = i;
        found++;
    }
    if (shown.failed)
        status = lk_fail_memory(err, "looking for a backup");
    else if (found == 0)
        status = fail_none(list, when, err);
    else if (found > 1)
        status =
            lk_fail(err, LK_USAGE, "'%s' may mean %zu backups: %s", when, found, lk_buffer_string(&shown));
    lk_buffer_reset(&shown);
    return status;
}

enum lk_status lk_catalog_resolve(const struct lk_backup_list *list, const char *when, int64_t now,
                                  size_t *index, struct lk_error *err)
{
    uint64_t back;
    int64_t instant, end;
    if (parse_latest(when, &back))
        return resolve_latest(list, when, back, index, err);
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->entry[i].id, when) == 0) {
            *index = i;
            return LK_OK;
        }
    }
    if (parse_day(when, &instant, &end))
        return resolve_day(list, when, instant, end, index, err);
    if (lk_time_parse(when, &instant))
        return resolve_time(list, when, instant, index, err);
    if (lk_duration_parse(when, &instant))
        return resolve_time(list, when, __builtin_sub_overflow(now, instant, &end) ? INT64_MIN : end, index,
                            err);
    return resolve_prefix(list, when, index, err);
}
