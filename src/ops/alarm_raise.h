/* Writing alarms down and telling of them: what judging a backup and judging what is missing share. */
#ifndef LK_OPS_ALARM_RAISE_H
#define LK_OPS_ALARM_RAISE_H

#include "ops/alarm.h"

/* Whose alarms: a database's folder, or the store's. */
struct lk_alarm_place {
    struct litekeep *lk;
    const struct lk_dir *dir;
    const char *database; /* NULL: the store itself */
    const char *path;     /* of the source; NULL with the store */
};

/* "rows/posts": the kind's first part, then names, in which '/' and what a terminal must not get are escaped.
 * `table` and `column` may be NULL. NULL when memory is out; lk_free. */
char *lk_alarm_raise_key(enum litekeep_alarm_kind kind, const char *table, const char *column);

/* An "alarm" event with what a loss says; the caller adds to it, and owns it. NULL: memory is out. */
json_t *lk_alarm_raise_loss(const struct lk_loss *loss, const char *key);
bool lk_alarm_raise_name(json_t *event, const char *key, const char *name);
bool lk_alarm_raise_causes(json_t *event, const char *const *causes);

/* Append the event (stolen; NULL: memory is out). */
enum lk_status lk_alarm_raise_append(const struct lk_alarm_place *p, json_t *event,
                                     struct lk_error *err) LK_CHECKED;

/* Whose pin holds a backup? One that an alarm made is released with the alarm, the user's never. */
enum lk_pinned { LK_PINNED_NOT, LK_PINNED_BY_USER, LK_PINNED_BY_ALARM };
enum lk_pinned lk_alarm_raise_pinned(const struct lk_journal *journal, const char *id);

/* Pin backup `id` (NULL: nothing to do) for an alarm, unless the journal, which has to be as it is by now,
 * says that it is pinned already, or it is not there. */
enum lk_status lk_alarm_raise_pin(const struct lk_alarm_place *p, const struct lk_journal *journal,
                                  const char *id, struct lk_error *err) LK_CHECKED;

/* Close open alarm `index`: event "recovered" (with `id`, the backup that shows it, or NULL), the end of its
 * pins that no other open alarm needs and that the user did not make his own, and LITEKEEP_EVENT_RECOVERED.
 * The record is as it was. `closed`: for each open alarm, is it closed by now? */
enum lk_status lk_alarm_raise_recovered(const struct lk_alarm_place *p, const struct lk_alarm_record *r,
                                        size_t index, const bool *closed, const char *id,
                                        struct lk_error *err) LK_CHECKED;

/* Tell of every open alarm: of those whose event is not among the first `events_before` of the journal,
 * that they were raised now; of the others, that they are still open. */
enum lk_status lk_alarm_raise_tell(const struct lk_alarm_place *p, const struct lk_alarm_record *r,
                                   size_t events_before, struct lk_alarm_tally *tally,
                                   struct lk_error *err) LK_CHECKED;

/* lk_alarm_causes; *rewritten: Git tracks the file and was at work in between, so all of it may be another.
 */
const char *const *lk_alarm_causes_git(struct lk_arena *a, const struct lk_counts *before,
                                       const struct lk_counts *now, const char *path,
                                       const struct lk_losses *losses, bool *rewritten);

/* Does this folder hold backup `id`? */
bool lk_alarm_raise_has_backup(const struct lk_dir *dir, const char *id);

#endif
