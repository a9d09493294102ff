/* What Git may do to a database, in words, and the commands that make it safe. Between lk_git_start and
 * lk_git_end. */
#ifndef LK_OPS_GUARD_ADVICE_H
#define LK_OPS_GUARD_ADVICE_H

#include "ops/arena.h"
#include "ops/backup_run.h"

#define LK_GUARD_ADVICE_MOST 8

struct lk_guard_advice {
    const char *repository; /* top of its work tree, shown; NULL: the database lies in none */
    bool unknown;           /* there is a repository, but it cannot be looked at: threat[0] says why */
    bool tracked;
    bool unsafe; /* litekeep_guard_fix has something to do */
    size_t threats, remedies;
    const char *threat[LK_GUARD_ADVICE_MOST]; /* sentences, shown */
    const char *remedy[LK_GUARD_ADVICE_MOST]; /* command lines, quoted for a shell */
};

/* `path` is absolute and free of links; it is not opened. Texts are the arena's. */
enum lk_status lk_guard_advice_of(struct lk_arena *a, const char *path, struct lk_guard_advice *out,
                                  struct lk_error *err) LK_CHECKED;

/* Before a backup opens any database: a warning for each that is not safe from Git, up to three of a
 * repository, tracked ones and bigger ones first, and one for all the others of it. */
void lk_guard_advice_warn(struct lk_backup_run *run, const struct lk_discovery *d);

#endif
