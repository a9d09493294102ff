/* The mark ".untold": there (and empty) in a database's folder, or in the store's for the alarms of whole
 * folders, from before an alarm is written down until somebody was notified of it. A run may be killed, or
 * the network be gone, before its message is sent: a run that finds an open alarm and the mark tells of that
 * one as if it were new. Nothing here fails: where the mark cannot be made or removed, the store has troubles
 * that the run itself tells of. */
#ifndef LK_OPS_UNTOLD_H
#define LK_OPS_UNTOLD_H

#include "ops/session.h"

/* Somebody is to be told of an alarm of this folder; nothing where the config names nobody. */
void lk_untold_mark(struct litekeep *lk, const struct lk_dir *folder);
/* Nothing of this folder is left to tell. */
void lk_untold_clear(const struct lk_dir *folder);

/* The same by the name of the database's folder; NULL: the store itself. */
bool lk_untold_is_marked(struct litekeep *lk, const char *database);
void lk_untold_clear_database(struct litekeep *lk, const char *database);

#endif
