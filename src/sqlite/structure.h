/* What a database holds: pragmas, schema rows, tables, and what this program lacks to rebuild it. One thread,
 * that of the source. */
#ifndef LK_SQLITE_STRUCTURE_H
#define LK_SQLITE_STRUCTURE_H

#include "base/bytes.h"
#include "batch/schema.h"
#include "sqlite/source.h"

/* A text of sqlite_schema: exact bytes, owned, a NUL after them. */
struct lk_schema_text {
    enum lk_class class; /* LK_NULL (ptr NULL), LK_TEXT (UTF-8), LK_RAWTEXT (not valid: the database's own
                            bytes) */
    char *ptr;
    size_t len;
};

struct lk_schema_row {
    struct lk_schema_text type, name, tbl_name, sql;
    bool has_pages; /* rootpage > 0: an ordinary table or an index; not a view, trigger or virtual table */
    bool unknown_module; /* a virtual table whose module this SQLite has not */
    bool refused;        /* set by lk_rebuild_check: this SQLite cannot make it, for one of the reasons */
};

struct lk_structure {
    int encoding; /* 1 UTF-8, 2 UTF-16le, 3 UTF-16be */
    uint32_t page_size;
    int auto_vacuum;
    int32_t user_version;
    int32_t application_id;
    bool wal;
    struct lk_schema_row *row; /* sqlite_schema in rowid order */
    size_t rows;
    struct lk_table_schema *
        *table; /* every table with pages, in the order of its row: ordinary, shadow, internal */
    size_t tables;
    /* Why the schema cannot be rebuilt by this program ("index \"i\" of table \"t\": no such collation
     * sequence: nat"); none: it can. When there are some, the backup needs the sqlite format too. */
    char **reason;
    size_t reasons;
};

/* Read it all in the source's transaction. A schema that this SQLite cannot parse (newer syntax, damage) is
 * LK_UNREADABLE with SQLite's words. A table whose rowids cannot be read (columns named rowid, _rowid_ and
 * oid, none an alias) has hidden_rowid false and is a reason. Reads only; runs no function, trigger, view or
 * module of the database. */
enum lk_status lk_structure_read(struct lk_source *s, struct lk_structure **out,
                                 struct lk_error *err) LK_CHECKED;
void lk_structure_free(struct lk_structure *st); /* NULL is allowed */

#endif
