/* PRAGMA integrity_check, told apart: what is wrong with the file, and what the schema forbids but the rows
 * had all along. */
#ifndef LK_SQLITE_INTEGRITY_H
#define LK_SQLITE_INTEGRITY_H

#include <stdatomic.h>

#include "sqlite/structure.h"

struct lk_integrity_options {
    /* Of what was made here. Its refused rows have collations or functions that this SQLite has not: what is
     * said of their order means nothing. */
    const struct lk_structure *structure;
    const char *const *tables;    /* check only these; NULL: the whole file */
    bool alone;                   /* nobody else can have the file open: no lock is taken */
    const atomic_bool *interrupt; /* may be NULL */
};

/* Check the database file `path`. LK_DAMAGED: the first things that are wrong. LK_UNREADABLE: it cannot be
 * checked here (SQLite's words). *values: how many lines are about values that NOT NULL, CHECK or STRICT
 * forbid; a copy that is exact has what the original had. */
enum lk_status lk_integrity_check(const char *path, const struct lk_integrity_options *options,
                                  uint64_t *values, struct lk_error *err) LK_CHECKED;

#endif
