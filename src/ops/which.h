/* Which backup does DB[@WHEN] mean? */
#ifndef LK_OPS_WHICH_H
#define LK_OPS_WHICH_H

#include "ops/session.h"
#include "store/catalog.h"

/* A backup that was named, open for reading. */
struct lk_which {
    struct lk_database *database;
    struct lk_dir dir; /* the database's folder */
    struct lk_backup_list list;
    size_t index; /* into list: the backup */
    struct lk_backup *backup;
};

/* Opens the session's store where needed. The last '@' splits, unless the whole is a database's name or path.
 * LK_NOT_FOUND, LK_USAGE (ambiguous), LK_DAMAGED (its manifest). */
enum lk_status lk_which_open(struct litekeep *lk, const char *what, struct lk_which *out,
                             struct lk_error *err) LK_CHECKED;
void lk_which_close(struct lk_which *w);
/* Readers take no lock: when reading it failed because the backup was removed meanwhile, say so in *err, and
 * give LK_NOT_FOUND; else `status`. */
enum lk_status lk_which_explain(const struct lk_which *w, enum lk_status status,
                                struct lk_error *err) LK_CHECKED;

/* The database that DB[@WHEN] names, in an open store. *when: what stands behind the '@', borrowed from
 * `what`; NULL: nothing does. */
enum lk_status lk_which_database(struct litekeep *lk, const char *what, struct lk_database **out,
                                 const char **when, struct lk_error *err) LK_CHECKED;

#endif
