/* What killed runs leave behind under temporary names. Private to src/store. */
#ifndef LK_STORE_LEFTOVERS_H
#define LK_STORE_LEFTOVERS_H

#include "base/dir.h"

#define LK_FILE_TEMPORARY ".tmp-file-" /* of lk_file_write (base/file.h) */

/* Remove everything in `dir` whose name begins with `prefix`, as far as it can be removed. Only under the
 * lock that whoever uses such names holds. */
void lk_leftovers_remove(const struct lk_dir *dir, const char *prefix);

#endif
