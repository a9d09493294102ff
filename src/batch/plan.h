/* The column plan: which file columns hold a table's values, without loss (DESIGN: "Column types").
 *
 * A table column becomes one main file column and, only where needed, exception columns beside it. At most
 * one of a value's file columns is non-null; all null is SQL NULL (is_int aside). The plan depends on all
 * rows of the table and on the previous backup's plan, on nothing else. */
#ifndef LK_BATCH_PLAN_H
#define LK_BATCH_PLAN_H

#include "batch/batch.h"

enum lk_type { LK_TYPE_INT64, LK_TYPE_DOUBLE, LK_TYPE_STRING, LK_TYPE_BYTE_ARRAY };

struct lk_column_plan {
    char *name;                /* main file column: valid UTF-8, unique in the file without regard to case */
    enum lk_type main;         /* what the main column holds: integers; reals; text; blobs */
    bool merged;               /* main is DOUBLE and holds integers too, each exact as a double */
    enum lk_affinity affinity; /* decides which of merged were integers, when is_int_name is NULL */
    char *is_int_name; /* BOOLEAN file column, non-null where main is: was it an integer? NULL: not needed */
    char *exception_name[LK_CLASSES]; /* file column for that class; NULL: none. Never for LK_NULL nor main's
                                         class */
};

struct lk_plan {
    char *rowid_name; /* INT64 REQUIRED file column, first in the file; NULL: no hidden rowid, or rowids are
                         1, 2, ... n */
    size_t columns;
    struct lk_column_plan *column;
};

/* What decides the plan: summed over all rows. */
struct lk_column_stats {
    uint64_t counts[LK_CLASSES];
    bool integers_inexact; /* some integer is not exact as a double */
    bool affinity_fails;   /* lk_affinity_says_integer would get some value's class wrong */
};

struct lk_table_stats {
    uint64_t rows;
    uint64_t raw_bytes;
    bool rowids_not_sequence; /* hidden rowids are not 1, 2, ... n */
    size_t columns;
    struct lk_column_stats *column;
};

enum lk_status lk_table_stats_new(size_t columns, struct lk_table_stats **out,
                                  struct lk_error *err) LK_CHECKED;
void lk_table_stats_free(struct lk_table_stats *s);
/* Add a batch's rows, which follow those added before. */
void lk_table_stats_add(struct lk_table_stats *s, const struct lk_table_schema *t, const struct lk_batch *b);

/* In a merged column without is_int: was this double an integer? SQLite's own rule when it applies the
 * affinity (sqlite3VdbeIntegerAffinity): integral and strictly inside the 64-bit range, for NUMERIC and
 * INTEGER; never for the others. */
bool lk_affinity_says_integer(enum lk_affinity a, double value);

/* The plan for these stats. `history` (may be NULL) is the table's plan in the last backup: its columns are
 * kept, so a table's columns never narrow; a column of another name starts anew. Its main type is kept while
 * values of that class remain (or none at all), but integers or reals become merged when both appear and
 * every integer is exact. The caller frees *out. */
enum lk_status lk_plan_new(const struct lk_table_schema *t, const struct lk_table_stats *s,
                           const struct lk_plan *history, struct lk_plan **out,
                           struct lk_error *err) LK_CHECKED;
void lk_plan_free(struct lk_plan *p);
bool lk_plan_equal(const struct lk_plan *a, const struct lk_plan *b);

/* Does the plan have a place for every value seen? When not, the table's scan starts again with the plan of
 * all its rows. */
bool lk_plan_holds(const struct lk_plan *p, const struct lk_table_stats *s);

/* The plan and the schema it belongs to as compact JSON: the value of the key "litekeep" in a Parquet file's
 * metadata and the "columns" of a manifest (docs/STORE.md). `first_rowid`: the implicit rowid of the file's
 * first row, when the table has hidden rowids and no rowid column; else 0. */
enum lk_status lk_plan_to_json(const struct lk_table_schema *t, const struct lk_plan *p, int64_t first_rowid,
                               struct lk_buffer *out, struct lk_error *err) LK_CHECKED;
/* The reverse; hostile input gives LK_DAMAGED. */
enum lk_status lk_plan_from_json(struct lk_bytes json, struct lk_table_schema **t, struct lk_plan **p,
                                 int64_t *first_rowid, struct lk_error *err) LK_CHECKED;

/* The file columns in file order: the rowid column, then for each table column main, is_int, exceptions in
 * class order. */
enum lk_file_role { LK_ROLE_ROWID, LK_ROLE_MAIN, LK_ROLE_IS_INT, LK_ROLE_EXCEPTION };
struct lk_file_column {
    const char *name; /* borrowed from the plan */
    enum lk_file_role role;
    size_t column;       /* index in the table, when role is not ROWID */
    enum lk_class class; /* LK_ROLE_EXCEPTION: which */
    enum lk_type type;   /* of main and exceptions; rowid is INT64; is_int has none (BOOLEAN) */
};
size_t lk_plan_file_columns(const struct lk_plan *p); /* how many */
/* Fill out[lk_plan_file_columns(p)]. */
void lk_plan_list_file_columns(const struct lk_plan *p, struct lk_file_column *out);

/* What class the main column holds (merged: LK_REAL). */
enum lk_class lk_type_class(enum lk_type type);

#endif
