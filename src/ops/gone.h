/* Sources that are known to be gone: an alarm says so, open or accepted, and none of them is expected to be
 * backed up. */
#ifndef LK_OPS_GONE_H
#define LK_OPS_GONE_H

#include "ops/alarm.h"

/* Does the journal of a database say that its source is gone, and was not backed up since? */
bool lk_gone_is_told(const struct lk_journal *journal);

/* Does the store say so of the source at `path`, or of a root above it? False too when the store cannot be
 * read. The store is open. */
bool lk_gone_is_known(struct litekeep *lk, const char *path);

/* Roots that hold none of their databases any more, as the store's own journal says. */
struct lk_gone_roots {
    json_t *path; /* owned: an object whose values are paths */
};
enum lk_status lk_gone_roots_of(const struct lk_journal *journal, struct lk_gone_roots *out,
                                struct lk_error *err) LK_CHECKED;
void lk_gone_roots_reset(struct lk_gone_roots *r);
/* Is `path` one of them, or does it lie below one? NULL: no. */
bool lk_gone_roots_hold(const struct lk_gone_roots *r, const char *path);

#endif
