/* How a statement will read a virtual table: chosen in xBestIndex, carried to xFilter as text. Private to
 * src/sqlite; compiled like vtab.c. */
#ifndef LK_SQLITE_VTAB_PLAN_H
#define LK_SQLITE_VTAB_PLAN_H

#include "batch/rows.h"
#include "sqlite/api.h"

/* Of a table, what matters for plans. */
struct lk_vtab_shape {
    const struct lk_rows *rows;
    const enum lk_affinity *affinity; /* of each column, as declared */
    size_t alias;                     /* the column that is the rowid, or SIZE_MAX */
    bool hidden_rowid;                /* the rows come with rowids */
    bool utf8;                        /* texts are ordered by their bytes in UTF-8, not by those in UTF-16 */
};

/* A comparison that the statement makes. */
struct lk_vtab_term {
    size_t column; /* or LK_ROWS_ROWID: the rowid that is no column */
    enum lk_comparison comparison;
    bool constant;         /* the other side is a constant: it has no affinity of its own */
    const char *collation; /* static: BINARY, NOCASE, RTRIM; NULL: another */
};

#define LK_VTAB_TERMS 16 /* more are not looked at */

struct lk_vtab_plan {
    uint64_t used; /* columns, as colUsed */
    int lookup; /* the term (EQ, not with a constant) to look for when the table is read again and again; -1:
                   none */
    int terms;
    struct lk_vtab_term term[LK_VTAB_TERMS];
};

/* xBestIndex. */
int lk_vtab_plan_choose(const struct lk_vtab_shape *shape, sqlite3_index_info *info);
/* What it has written into idxStr. */
bool lk_vtab_plan_parse(const char *text, struct lk_vtab_plan *out);

static inline bool lk_vtab_plan_wants(const struct lk_vtab_plan *plan, size_t column)
{
    return (plan->used >> (column < 63 ? column : 63) & 1) != 0;
}

/* Can no row match the term and this value? (Comparisons with NULL are never true.) */
bool lk_vtab_plan_excludes_all(sqlite3_value *value);
/* The term with its value as a filter; false: it must not be handed down. */
bool lk_vtab_plan_filter(const struct lk_vtab_shape *shape, const struct lk_vtab_term *term,
                         sqlite3_value *value, struct lk_rows_filter *out);

#endif
