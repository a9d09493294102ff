/* Time. Instants are nanoseconds since 1970-01-01T00:00:00Z (int64_t). Any thread. */
#ifndef LK_BASE_CLOCK_H
#define LK_BASE_CLOCK_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

int64_t lk_clock_now(void);       /* wall clock */
int64_t lk_clock_monotonic(void); /* never goes back; only differences mean anything */

/* "2024-05-29T09:14:42.123456789Z" (RFC 3339; no fraction when it is 0). */
#define LK_TIME_SIZE 40
void lk_time_format(int64_t instant, char out[LK_TIME_SIZE]);
/* Any RFC 3339 time, offset included (T, t or a space in the middle); also without offset (local time; an
 * hour that comes twice is either). Digits finer than nanoseconds are cut; a leap second is the last
 * nanosecond of its minute. False, and *out as it was, when it is none or outside the years 1677 to 2262 that
 * an instant holds. */
bool lk_time_parse(const char *text, int64_t *out);

/* "2024-05-29T091442Z": a backup's id, whole seconds, UTC, no colons. */
void lk_time_format_id(int64_t instant, char out[LK_TIME_SIZE]);

/* Durations: "8h", "30d", "90s", "3s", "500ms", "2w", "1h30m", "1.5s"; nanoseconds. Units w d h m s ms from
 * large to small, each once; only the last number may have a fraction; a space may stand between two. False,
 * and *out as it was, when it is none or overflows. */
bool lk_duration_parse(const char *text, int64_t *out);
/* For people: "8h", "2d 3h", "1.5s", "320ms"; two units at most. */
void lk_duration_format(int64_t nanoseconds, char out[LK_TIME_SIZE]);

/* Sizes: "256M", "16MiB", "1.5G", "1000" (powers of 1024, K to E, in any case, with or without B or iB);
 * bytes, rounded down. False, and *out as it was, when it is none or does not fit. */
bool lk_size_parse(const char *text, uint64_t *out);
/* For people, in binary units: "582.8 MiB", "612 B". */
void lk_size_format(uint64_t bytes, char out[LK_TIME_SIZE]);

#endif
