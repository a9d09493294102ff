/* The shape of one table, and the storage classes of SQLite values. */
#ifndef LK_BATCH_SCHEMA_H
#define LK_BATCH_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Storage classes of values (https://www.sqlite.org/datatype3.html). Text that is not valid in the database's
 * encoding is a class of its own here: its bytes are kept as they are. The numbers are part of the content
 * hash. */
enum lk_class {
    LK_NULL = 0,
    LK_INTEGER = 1,
    LK_REAL = 2,
    LK_TEXT = 3, /* well-formed UTF-8 (from UTF-16 databases: converted) */
    LK_BLOB = 4,
    LK_RAWTEXT = 5, /* the text's bytes in the database's own encoding */
};
#define LK_CLASSES 6

enum lk_affinity {
    LK_AFFINITY_BLOB,
    LK_AFFINITY_TEXT,
    LK_AFFINITY_NUMERIC,
    LK_AFFINITY_INTEGER,
    LK_AFFINITY_REAL
};

enum lk_table_kind {
    LK_TABLE_ORDINARY,
    LK_TABLE_SHADOW,   /* belongs to a virtual table (FTS, R-Tree, ...) */
    LK_TABLE_INTERNAL, /* sqlite_sequence, sqlite_stat1, ... */
};

struct lk_column_schema {
    char *name;          /* as in the database; may be empty; may not be valid UTF-8 */
    char *declared_type; /* "" when none */
    enum lk_affinity affinity;
    int key; /* 1-based position in the PRIMARY KEY, 0 when not part of it */
    bool stored_generated;
    bool is_rowid; /* INTEGER PRIMARY KEY: an alias of the rowid */
};

/* The columns whose values are stored, in the order of the table; VIRTUAL generated columns are left out. */
struct lk_table_schema {
    char *name; /* as in the database */
    enum lk_table_kind kind;
    bool without_rowid;
    bool
        hidden_rowid; /* a rowid table without INTEGER PRIMARY KEY: batches carry rowids beside the columns */
    size_t columns;
    struct lk_column_schema *column;
};

/* A table without columns yet, its name copied; NULL when memory is out. Free with lk_table_schema_free. */
struct lk_table_schema *lk_table_schema_new(const char *name);
void lk_table_schema_free(struct lk_table_schema *t);

/* Append a zeroed column with copies of the name and declared type; NULL when memory is out. Sets the
 * affinity from the declared type by SQLite's rules (datatype3.html section 3.1). */
struct lk_column_schema *lk_table_schema_add(struct lk_table_schema *t, const char *name,
                                             const char *declared_type);

enum lk_affinity lk_affinity_of(const char *declared_type);
const char *lk_affinity_name(enum lk_affinity a); /* "BLOB", "TEXT", "NUMERIC", "INTEGER", "REAL" */
bool lk_affinity_parse(const char *name, enum lk_affinity *out);
/* "table", "shadow", "internal": as manifests and plans spell it. */
const char *lk_table_kind_name(enum lk_table_kind kind);
bool lk_table_kind_parse(const char *name, enum lk_table_kind *out);
const char *lk_class_name(enum lk_class c); /* "null", "integer", "real", "text", "blob", "rawtext" */

#endif
