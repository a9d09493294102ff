/* Telling people and watchers how a run went. Nothing here ever fails a run: troubles are warnings.
 *
 * A message is one JSON object (docs/JSON.md, "Messages"): to the command's standard input, to the URL as a
 * POST, and as a line to the log. The heartbeat URL gets a ping at the start (URL/start), at a good end (URL)
 * and at a bad one (URL/fail), as dead-man's-switch services expect.
 *
 * An open alarm that reached nobody (ops/untold.h) is told as if it were new. */
#ifndef LK_OPS_NOTIFY_H
#define LK_OPS_NOTIFY_H

#include "ops/session.h"

/* What happened in a run, gathered from its events. */
struct lk_notify;

/* Before the work: reads the config (which may be without any receiver: then nothing is ever sent) and sends
 * the heartbeat's start. `kind`: "backup". NULL when memory is out, which is allowed below. */
struct lk_notify *lk_notify_begin(struct litekeep *lk, const char *kind);
/* Every event of the run, as the session's listener (`context` is the struct lk_notify); one at a time. */
void lk_notify_event(void *context, const struct litekeep_event *event);
/* After the work: sends "alarm", "failure", "recovery" (the first of them that happened; "success" where
 * asked for; nothing when interrupted) and the heartbeat's end, then frees. */
void lk_notify_end(struct lk_notify *n, enum lk_status status, const char *message,
                   const struct litekeep_backup_summary *summary);

#endif
