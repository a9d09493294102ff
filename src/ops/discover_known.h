/* Discovery with what the store knows: sources that were backed up before are looked at, whatever has become
 * of them. */
#ifndef LK_OPS_DISCOVER_KNOWN_H
#define LK_OPS_DISCOVER_KNOWN_H

#include "ops/session.h"
#include "sqlite/discover.h"

/* The arrays are NULL-terminated, or NULL; no paths means the current folder. The session's store may be
 * closed: then nothing is known. */
enum lk_status lk_discover_known(struct litekeep *lk, const char *const *paths, const char *const *include,
                                 const char *const *exclude, struct lk_discovery **out,
                                 struct lk_error *err) LK_CHECKED;

#endif
