/* A private folder for files in the making: copies of sources, databases that are being restored. For this
 * layer and those above.
 *
 * It is named litekeep-tmp-XXXXXX, mode 0700, and locked (flock) while in use. Folders of that name which
 * nobody locks were left by a run that was killed: making a new one removes them. */
#ifndef LK_SQLITE_TMP_H
#define LK_SQLITE_TMP_H

#include <stdint.h>

#include "base/error.h"

#define LK_TMP_PREFIX "litekeep-tmp-"

struct lk_tmp;

/* Make one in `where`; NULL: in $TMPDIR, else /var/tmp, else /tmp. LK_UNREADABLE when that cannot be: the
 * source cannot be read without. */
enum lk_status lk_tmp_new(const char *where, struct lk_tmp **out, struct lk_error *err) LK_CHECKED;
const char *lk_tmp_path(const struct lk_tmp *t); /* of the folder */
/* How many bytes may be put there: those free, less some to spare. */
enum lk_status lk_tmp_space(const struct lk_tmp *t, uint64_t *bytes, struct lk_error *err) LK_CHECKED;
/* Is there room for `bytes` more? LK_UNREADABLE, with both numbers, when not. */
enum lk_status lk_tmp_check_space(const struct lk_tmp *t, uint64_t bytes, struct lk_error *err) LK_CHECKED;
/* Remove the files in the folder; open ones live on until closed. */
void lk_tmp_clear(struct lk_tmp *t);
/* Remove the folder and all in it. NULL is allowed. */
void lk_tmp_free(struct lk_tmp *t);

#endif
