/* What discovery came across, made into its result. Internal to this layer. */
#ifndef LK_SQLITE_FOUND_H
#define LK_SQLITE_FOUND_H

#include "sqlite/discover.h"

/* Make one entry of all paths of a file and one of the same problem met twice; sort everything. False when
 * memory ran out; the result can then only be freed. */
bool lk_found_tidy(struct lk_discovery *r);

#endif
