/* The inside of a build, for the files that make it. */
#ifndef LK_SQLITE_BUILD_INTERNAL_H
#define LK_SQLITE_BUILD_INTERNAL_H

#include "sqlite/build.h"
#include "sqlite/connection.h"

/* One row of the schema that is made. */
struct lk_build_object {
    const struct lk_schema_row *row;
    const struct lk_table_schema *table; /* of a table with pages; else NULL */
    int64_t root;                        /* the first page of its b-tree; 0: none */
    bool left_out;
};

/* Rows on their way into one table. {0}: none. */
struct lk_build_fill {
    const struct lk_table_schema *table;
    sqlite3_stmt *insert;
    struct lk_cursor *cursor; /* one a column */
    size_t room;              /* of them */
    struct lk_buffer text;    /* UTF-16: the converted texts of one row */
    size_t *text_at;          /* UTF-16: where each column's begins */
    uint64_t rows;
};

struct lk_build {
    sqlite3 *db;
    char *path;
    const struct lk_structure *st;
    bool into;    /* an existing database */
    bool written; /* the schema and the indexes */
    bool finished;
    int fd;             /* a new file's; -1: none */
    uint64_t unwritten; /* bytes of rows since the kernel was last asked to write */
    const atomic_bool *interrupt;
    struct lk_patience patience;
    struct lk_build_object *object;    /* one for each row of st, in its order */
    struct lk_build_object **by_table; /* those with a table, in the order of the structure's tables */
    sqlite3 *scratch;                  /* for looking at statements; NULL: not yet */
    char *prefix;                      /* of the made-up names */
    struct lk_build_fill fill;
    char **left_out; /* sentences; NULL-terminated */
    size_t left_out_count;
    char **name; /* of what was left out; NULL-terminated */
    size_t names;
};

/* SQLite's result code as an error of the target. */
enum lk_status lk_build_fail(const struct lk_build *b, int rc, const char *doing, struct lk_error *err);

/* Run one statement. */
enum lk_status lk_build_run(struct lk_build *b, const char *sql, const char *doing,
                            struct lk_error *err) LK_CHECKED;

/* Statements, up to a NULL. */
enum lk_status lk_build_run_all(struct lk_build *b, const char *const *sql, const char *doing,
                                struct lk_error *err) LK_CHECKED;

/* By lk_structure.encoding. */
extern const char *const lk_build_encodings[];

/* A build without a connection; then the connection, and its page cache. */
enum lk_status lk_build_begin(const char *path, const struct lk_structure *st, bool into,
                              const struct lk_build_options *options, struct lk_build **out,
                              struct lk_error *err) LK_CHECKED;
enum lk_status lk_build_open(struct lk_build *b, struct lk_error *err) LK_CHECKED;
enum lk_status lk_build_set_cache(struct lk_build *b, struct lk_error *err) LK_CHECKED;

/* Note that `row` is not made. `why` is taken over; NULL: memory is out. */
enum lk_status lk_build_leave_out(struct lk_build *b, struct lk_build_object *o, char *why,
                                  struct lk_error *err) LK_CHECKED;
/* Say something about what was made in another way; the sentence is taken over, NULL: memory is out. */
enum lk_status lk_build_note(struct lk_build *b, char *sentence, struct lk_error *err) LK_CHECKED;

/* build_roots.c: an empty b-tree under a made-up name for each table and index. */
enum lk_status lk_build_roots_make(struct lk_build *b, struct lk_error *err) LK_CHECKED;
/* The made-up name of an object's b-tree, appended. */
void lk_build_roots_name(const struct lk_build *b, const struct lk_build_object *o, struct lk_buffer *out);

/* build_fill.c */
enum lk_status lk_build_fill_begin(struct lk_build *b, const struct lk_build_object *o,
                                   struct lk_error *err) LK_CHECKED;
enum lk_status lk_build_fill_add(struct lk_build *b, const struct lk_batch *batch,
                                 struct lk_error *err) LK_CHECKED;
void lk_build_fill_end(struct lk_build_fill *f); /* memory is kept */
void lk_build_fill_reset(struct lk_build_fill *f);
/* Bind a text of the schema. */
int lk_build_fill_bind_text(struct lk_build *b, sqlite3_stmt *statement, int at,
                            const struct lk_schema_text *text);

/* build_schema.c: the rows of sqlite_schema, then the indexes. */
enum lk_status lk_build_schema_write(struct lk_build *b, struct lk_error *err) LK_CHECKED;
/* Drop a "TABLE" or an "INDEX". LK_REFUSED when SQLite will not. */
enum lk_status lk_build_schema_drop(struct lk_build *b, const char *what, const char *name,
                                    struct lk_error *err) LK_CHECKED;

/* build_into.c: an existing database has sqlite_sequence from now on. */
enum lk_status lk_build_into_need_sequence(struct lk_build *b, struct lk_error *err) LK_CHECKED;

static inline bool lk_build_is_type(const struct lk_schema_row *row, const char *type)
{
    return row->type.ptr != NULL && row->name.ptr != NULL && sqlite3_stricmp(row->type.ptr, type) == 0;
}

static inline bool lk_build_is_internal(const char *name)
{
    return name != NULL && sqlite3_strnicmp(name, "sqlite_", 7) == 0;
}

#endif
