/* What a backup is to do: the caller's options first, then the config's. */
#ifndef LK_OPS_BACKUP_OPTIONS_H
#define LK_OPS_BACKUP_OPTIONS_H

#include "ops/engine.h"
#include "ops/session.h"

/* Fill what the caller left open of what holds for a run as a whole. Texts are the config's, which lives as
 * long as the session. */
void lk_backup_options_general(struct litekeep_backup_options *o, const struct lk_general_settings *general);

/* The same of what holds for one database. Texts are the config's. */
void lk_backup_options_database(struct litekeep_backup_options *o, const struct lk_settings *settings);

/* How the tables of a database are written, when all is filled. LK_USAGE: there is no such format or codec.
 */
enum lk_status lk_backup_options_encoding(const struct litekeep_backup_options *o, struct lk_encoding *out,
                                          struct lk_error *err) LK_CHECKED;

#endif
