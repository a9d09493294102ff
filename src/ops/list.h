/* What list and show share. */
#ifndef LK_OPS_LIST_H
#define LK_OPS_LIST_H

#include "ops/arena.h"
#include "store/catalog.h"

/* A catalog entry as the public interface has it. `m` may be NULL: then tags and source size are unknown. */
void lk_list_fill_backup(struct lk_arena *a, const struct lk_backup_entry *e, const struct lk_manifest *m,
                         struct litekeep_backup_info *out);

/* A NULL-terminated array of shown copies. */
const char *const *lk_list_texts(struct lk_arena *a, const struct lk_manifest_texts *from);

#endif
