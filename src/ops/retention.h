/* Which backups a policy keeps. Pure: the same list, policy, clock and time zone give the same answer.
 *
 * The buckets are restic's (doc/060_forget.rst): of the last N hours, days, weeks (ISO), months, years in
 * local time that have a backup, the newest backup of each is kept, and while a count is not used up the
 * oldest backup too; `last` counts backups; `within` goes back from the newest backup's time; a backup with
 * one of the tags is kept. Beyond restic: backups are in classes that do not push one another out - good
 * ones, those that show an open loss, partial ones (--table), damaged ones, and what is several of these -
 * and each class is judged by the policy for itself. */
#ifndef LK_OPS_RETENTION_H
#define LK_OPS_RETENTION_H

#include "base/buffer.h"
#include "base/error.h"

struct lk_retained { /* one backup, oldest first by sequence number */
    /* in */
    const char *id;
    int64_t started;
    const char *const *tags; /* NULL-terminated, or NULL */
    bool pinned;
    const char *held; /* why it is kept as if it were pinned; NULL: it is not */
    bool verified;    /* when it was taken, or since, and not found damaged later */
    bool partial;
    bool suspect;        /* it shows a loss whose alarm is open */
    bool damaged;        /* a check found damage */
    bool last_good;      /* the last good one before an open alarm */
    const char *foreign; /* why it is never removed ("of the original script"); NULL: it may be */
    /* out */
    bool kept;
    struct lk_buffer reason; /* text, lk_buffer_string: "last 1, daily 2, pinned"; empty when not kept */
};

bool lk_retention_is_empty(const struct litekeep_retention *policy);

/* Is it the newest of its class that is verified (where none is, the newest; of damaged ones only while there
 * is no good one)? *of, then: " (of partial ones)" or the like; "" for a good one. Static. */
bool lk_retention_is_newest(const struct lk_retained *backups, size_t count, size_t index, const char **of);

/* Decide. What lk_retention_is_newest says is kept whatever the policy says. So is every backup whose time
 * cannot be right, which takes no part in the buckets either: more than a day ahead of `now`, or out of the
 * order in which backups were made (the fewest are taken to be wrong whose absence leaves an order). After a
 * gap of more than half a year `within` counts from before the gap until there are backups for that long
 * after it: the clock may be wrong. LK_USAGE: an empty policy. On failure nothing may be removed. */
enum lk_status lk_retention_decide(const struct litekeep_retention *policy, int64_t now,
                                   struct lk_retained *backups, size_t count,
                                   struct lk_error *err) LK_CHECKED;
void lk_retained_reset(struct lk_retained *backups, size_t count);

#endif
