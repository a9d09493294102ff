#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static int64_t now(clockid_t clock)
{
    struct timespec t = {0};
    (void)clock_gettime(clock, &t); /* fails only for clocks that do not exist */
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

int64_t lk_clock_now(void)
{
    return now(CLOCK_REALTIME);
}

int64_t lk_clock_monotonic(void)
{
    return now(CLOCK_MONOTONIC);
}

/* Split into a UTC date and time and the nanoseconds that follow it, for instants before 1970 too. */
static int64_t split(int64_t instant, struct tm *utc)
{
    int64_t fraction = instant % SECOND;
    if (fraction < 0)
        fraction += SECOND;
    /* Not (instant - fraction) / SECOND, which overflows near INT64_MIN. */
    const time_t seconds = (time_t)(instant / SECOND - (instant % SECOND < 0));
    (void)gmtime_r(&seconds, utc);
    return fraction;
}

void lk_time_format(int64_t instant, char out[LK_TIME_SIZE])
{
    struct tm utc = {0};
    const int64_t fraction = split(instant, &utc);
    const size_t len = strftime(out, LK_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    if (fraction == 0)
        (void)snprintf(out + len, LK_TIME_SIZE - len, "Z");
    else
        (void)snprintf(out + len, LK_TIME_SIZE - len, ".%09" PRId64 "Z", fraction);
}

void lk_time_format_id(int64_t instant, char out[LK_TIME_SIZE])
{
    struct tm utc = {0};
    (void)split(instant, &utc);
    (void)strftime(out, LK_TIME_SIZE, "%Y-%m-%dT%H%M%SZ", &utc);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `count` digits at *at, which moves behind them. */
static bool take_digits(const char **at, int count, int *out)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!is_digit(**at))
            return false;
        value = value * 10 + (**at - '0');
    }
    *out = value;
    return true;
}

static bool take_character(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* The digits behind a point as a part of `unit`, what is finer than its last digit cut. At least one digit.
 */
static bool take_fraction(const char **at, int64_t unit, int64_t *out)
{
    if (!is_digit(**at))
        return false;
    int64_t value = 0;
    for (; is_digit(**at); (*at)++) {
        unit /= 10;
        value += unit * (**at - '0');
    }
    *out = value;
    return true;
}

static int days_in(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* "2024-05-29T09:14:42" (RFC 3339 allows t and a space too), in range; seconds may be 60. */
static bool take_date_time(const char **at, struct tm *out)
{
    int year, month, day, hour, minute, second;
    if (!take_digits(at, 4, &year) || !take_character(at, '-') || !take_digits(at, 2, &month) ||
        !take_character(at, '-') || !take_digits(at, 2, &day))
        return false;
    if (!take_character(at, 'T') && !take_character(at, 't') && !take_character(at, ' '))
        return false;
    if (!take_digits(at, 2, &hour) || !take_character(at, ':') || !take_digits(at, 2, &minute) ||
        !take_character(at, ':') || !take_digits(at, 2, &second))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    *out = (struct tm){.tm_year = year - 1900,
                       .tm_mon = month - 1,
                       .tm_mday = day,
                       .tm_hour = hour,
                       .tm_min = minute,
                       .tm_sec = second,
                       .tm_isdst = -1};
    return true;
}

/* Z, an offset from UTC in seconds, or nothing: local. */
static bool take_zone(const char **at, bool *local, int *offset)
{
    *local = **at == '\0';
    *offset = 0;
    if (*local || take_character(at, 'Z') || take_character(at, 'z'))
        return true;
    const bool west = **at == '-';
    if (!west && **at != '+')
        return false;
    (*at)++;
    int hours, minutes;
    if (!take_digits(at, 2, &hours) || !take_character(at, ':') || !take_digits(at, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *offset = (hours * 60 + minutes) * (west ? -60 : 60);
    return true;
}

/* Local time to seconds; false when the time zone's rules give none. */
static bool local_seconds(struct tm *broken, time_t *out)
{
    broken->tm_wday = -1; /* set by mktime when it succeeds: -1 seconds is an instant too */
    *out = mktime(broken);
    return broken->tm_wday >= 0;
}

bool lk_time_parse(const char *text, int64_t *out)
{
    struct tm broken;
    int64_t fraction = 0;
    bool local;
    int offset;
    if (!take_date_time(&text, &broken))
        return false;
    if (take_character(&text, '.') && !take_fraction(&text, SECOND, &fraction))
        return false;
    if (!take_zone(&text, &local, &offset) || *text != '\0')
        return false;
    if (broken.tm_sec == 60) {
        /* A leap second: instants have none. Its minute's last nanosecond keeps it before the next minute. */
        broken.tm_sec = 59;
        fraction = SECOND - 1;
    }
    time_t seconds;
    if (!local)
        seconds = timegm(&broken) - offset;
    else if (!local_seconds(&broken, &seconds))
        return false;
    /* seconds * SECOND + fraction fits, also in the second that INT64_MIN falls in. */
    int64_t instant;
    if (seconds < 0) {
        seconds++;
        fraction -= SECOND;
    }
    if (__builtin_mul_overflow((int64_t)seconds, SECOND, &instant) ||
        __builtin_add_overflow(instant, fraction, &instant))
        return false;
    *out = instant;
    return true;
}

/* An unsigned decimal number in an int64_t; false when there is no digit or it does not fit. */
static bool take_number(const char **at, int64_t *out)
{
    int64_t value = 0;
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **at - '0', &value))
            return false;
    *out = value;
    return true;
}

static const struct {
    char name[3];
    int64_t length;
} units[] = {{"w", 7 * DAY}, {"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", SECOND / 1000}};
enum { UNITS = sizeof units / sizeof units[0] };

/* The unit named at *at; UNITS when there is none. */
static int take_unit(const char **at)
{
    size_t len = 0;
    while ((*at)[len] >= 'a' && (*at)[len] <= 'z')
        len++;
    for (int i = 0; i < UNITS; i++) {
        if (strlen(units[i].name) == len && strncmp(*at, units[i].name, len) == 0) {
            *at += len;
            return i;
        }
    }
    return UNITS;
}

bool lk_duration_parse(const char *text, int64_t *out)
{
    int64_t total = 0;
    int last = -1;            /* units come from large to small, each once: "30m1h" is more likely a slip */
    const char *point = NULL; /* the digits behind one; only the last number may have them */
    do {
        int64_t whole;
        int64_t part = 0;
        if (point != NULL || !take_number(&text, &whole))
            return false;
        if (take_character(&text, '.')) {
            point = text;
            if (!take_fraction(&text, SECOND, &part))
                return false;
        }
        const int unit = take_unit(&text);
        if (unit == UNITS || unit <= last)
            return false;
        last = unit;
        /* Again, now that the unit is known. */
        if (point != NULL)
            (void)take_fraction(&point, units[unit].length, &part);
        if (__builtin_mul_overflow(whole, units[unit].length, &whole) ||
            __builtin_add_overflow(total, whole, &total) || __builtin_add_overflow(total, part, &total))
            return false;
        if (text[0] == ' ' && is_digit(text[1]))
            text++;
    } while (is_digit(*text));
    if (*text != '\0')
        return false;
    *out = total;
    return true;
}

/* How many `unit`s, rounded half up. */
static uint64_t round_to(uint64_t nanoseconds, int64_t unit)
{
    return nanoseconds / (uint64_t)unit +
           (nanoseconds % (uint64_t)unit >= (uint64_t)unit / 2 + (uint64_t)unit % 2);
}

/* "2d 3h", or "2d" when the second number is 0. */
static void two_units(char *out, size_t size, uint64_t number, uint64_t in_first, char first, char second)
{
    if (number % in_first == 0)
        (void)snprintf(out, size, "%" PRIu64 "%c", number / in_first, first);
    else
        (void)snprintf(out, size, "%" PRIu64 "%c %" PRIu64 "%c", number / in_first, first, number % in_first,
                       second);
}

void lk_duration_format(int64_t nanoseconds, char out[LK_TIME_SIZE])
{
    const uint64_t ns = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;
    char *at = out;
    if (nanoseconds < 0)
        *at++ = '-';
    const size_t size = LK_TIME_SIZE - (size_t)(at - out);
    /* Rounded before the unit is chosen, so that 59.96 s is "1m" and not "60s". */
    const uint64_t us = round_to(ns, SECOND / 1000000);
    const uint64_t ms = round_to(ns, SECOND / 1000);
    const uint64_t tenths = round_to(ns, SECOND / 10);
    const uint64_t s = round_to(ns, SECOND);
    const uint64_t minutes = round_to(ns, MINUTE);
    if (us == 0)
        (void)snprintf(out, LK_TIME_SIZE, "0s");
    else if (us < 1000)
        (void)snprintf(at, size, "%" PRIu64 "us", us);
    else if (ms < 1000)
        (void)snprintf(at, size, "%" PRIu64 "ms", ms);
    else if (tenths < 100 && tenths % 10 != 0)
        (void)snprintf(at, size, "%" PRIu64 ".%" PRIu64 "s", tenths / 10, tenths % 10);
    else if (s < 60)
        (void)snprintf(at, size, "%" PRIu64 "s", s);
    else if (s < 3600)
        two_units(at, size, s, 60, 'm', 's');
    else if (minutes < UINT64_C(24) * 60)
        two_units(at, size, minutes, 60, 'h', 'm');
    else
        two_units(at, size, round_to(ns, HOUR), 24, 'd', 'h');
}

static const char prefixes[] = "KMGTPE";

/* The shift of "K", "KB", "KiB", ... or "B" or nothing, in any case; -1 when it is none of these. */
static int parse_size_unit(const char *text)
{
    int shift = 0;
    if (*text == '\0' || strcasecmp(text, "B") == 0)
        return 0;
    const char upper = (char)(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
    const char *prefix = strchr(prefixes, upper);
    if (prefix == NULL)
        return -1;
    shift = 10 * (int)(prefix - prefixes + 1);
    text++;
    return *text == '\0' || strcasecmp(text, "B") == 0 || strcasecmp(text, "iB") == 0 ? shift : -1;
}

bool lk_size_parse(const char *text, uint64_t *out)
{
    int64_t whole;
    int64_t fraction = 0; /* of a billion */
    if (!take_number(&text, &whole))
        return false;
    if (take_character(&text, '.') && !take_fraction(&text, SECOND, &fraction))
        return false;
    (void)take_character(&text, ' ');
    const int shift = parse_size_unit(text);
    if (shift < 0 || (uint64_t)whole > UINT64_MAX >> shift)
        return false;
    /* fraction * 2^shift / 10^9, rounded down, bit by bit since the product may need 90 bits */
    uint64_t part = 0;
    for (int i = 0; i < shift; i++) {
        fraction *= 2;
        part = part * 2 + (fraction >= SECOND);
        fraction -= fraction >= SECOND ? SECOND : 0;
    }
    *out = ((uint64_t)whole << shift) + part;
    return true;
}

void lk_size_format(uint64_t bytes, char out[LK_TIME_SIZE])
{
    if (bytes < 1024) {
        (void)snprintf(out, LK_TIME_SIZE, "%" PRIu64 " B", bytes);
        return;
    }
    /* Tenths of a unit, and the next unit where rounding makes 1024.0 of it. */
    size_t prefix = 0;
    uint64_t tenths;
    for (;; prefix++) {
        const int shift = 10 * (int)(prefix + 1);
        const uint64_t rest = bytes & ((UINT64_C(1) << shift) - 1);
        /* rest < 2^60: ten times it fits in 64 bits */
        tenths = (bytes >> shift) * 10 + ((rest * 10 + (UINT64_C(1) << (shift - 1))) >> shift);
        if (tenths < 10240 || prefixes[prefix + 1] == '\0')
            break;
    }
    (void)snprintf(out, LK_TIME_SIZE, "%" PRIu64 ".%" PRIu64 " %ciB", tenths / 10, tenths % 10,
                   prefixes[prefix]);
}
