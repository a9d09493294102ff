/* What runs came to: "run" events in the store's own journal, <store>/events.jsonl. */
#ifndef LK_OPS_RUN_RECORD_H
#define LK_OPS_RUN_RECORD_H

#include "ops/session.h"

/* Note a backup run; under the store's lock, for which it waits a moment. A failure is a warning of the
 * session. Not noted: runs that had nothing to do, more than one an hour. When the journal has grown past 1
 * MiB its runs but the last 1,000 are taken out; all other events stay. */
void lk_run_record_add(struct litekeep *lk, int64_t started, enum lk_status status, const char *message,
                       const struct litekeep_backup_summary *summary);

/* The last one; all zero when there is none. *message (shown text; out->message is the same) is lk_free'd by
 * the caller, also after a failure. */
enum lk_status lk_run_record_last(struct litekeep *lk, struct litekeep_run_status *out, char **message,
                                  struct lk_error *err) LK_CHECKED;

#endif
