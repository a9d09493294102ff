/* Discovery with what the store knows: sources that were backed up before are looked at, whatever has become
 * of them. */
#ifndef LK_OPS_DISCOVER_KNOWN_H
#define LK_OPS_DISCOVER_KNOWN_H

#include "ops/session.h"
#include "sqlite/discover.h"

/* The arrays are NULL-terminated. No paths, or NULL for a list of globs: as the config says, else the current
 * folder and all. The session's store may be closed: then nothing is known. */
enum lk_status lk_discover_known(struct litekeep *lk, const char *const *paths, const char *const *include,
                                 const char *const *exclude, struct lk_discovery **out,
                                 struct lk_error *err) LK_CHECKED;

#endif
