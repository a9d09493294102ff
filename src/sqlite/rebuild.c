#include "sqlite/rebuild.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"

/* Virtual machine steps for one statement: creating takes some hundred, whatever a hostile schema wants. */
#define MOST_STEPS 1000000

/* Objects in one scratch database. Creating one costs SQLite a walk over all that are there, so a schema of
 * any size is tried in several. */
#define MOST_OBJECTS 64

/* A CREATE TABLE that SQLite took. */
struct created {
    const struct lk_schema_row *row;
    size_t scratch; /* the number of the scratch database that has it */
};

struct check {
    struct lk_structure *st;
    const struct lk_table_schema **by_name; /* st->table, sorted */
    struct created *created;                /* one a row that may be a table, sorted by name */
    size_t creatable;
    sqlite3 *db;
    size_t scratch; /* the number of the one that is open, from 1 */
    size_t objects; /* created in it */
};

static int stop(void *context)
{
    (void)context;
    return 1;
}

enum lk_status lk_rebuild_add_reason(struct lk_structure *st, char *reason, struct lk_error *err)
{
    char **grown = reason == NULL ? NULL : lk_reallocate(st->reason, (st->reasons + 1) * sizeof *grown);
    if (grown == NULL) {
        lk_free(reason);
        return lk_fail_memory(err, "checking the schema");
    }
    st->reason = grown;
    st->reason[st->reasons++] = reason;
    return LK_OK;
}

static char *describe(const struct lk_schema_row *row, const char *why)
{
    if (row->tbl_name.ptr != NULL && strcasecmp(row->type.ptr, "index") == 0)
        return lk_format("index \"%s\" of table \"%s\": %s", row->name.ptr, row->tbl_name.ptr, why);
    return lk_format("table \"%s\": %s", row->name.ptr, why);
}

static int compare_tables(const void *left, const void *right)
{
    return strcasecmp((*(const struct lk_table_schema *const *)left)->name,
                      (*(const struct lk_table_schema *const *)right)->name);
}

static int compare_table_name(const void *name, const void *table)
{
    return strcasecmp(name, (*(const struct lk_table_schema *const *)table)->name);
}

static int compare_created(const void *left, const void *right)
{
    return strcasecmp(((const struct created *)left)->row->name.ptr,
                      ((const struct created *)right)->row->name.ptr);
}

static int compare_created_name(const void *name, const void *created)
{
    return strcasecmp(name, ((const struct created *)created)->row->name.ptr);
}

static bool is_type(const struct lk_schema_row *row, const char *type)
{
    return row->type.ptr != NULL && row->name.ptr != NULL && row->sql.ptr != NULL &&
           strcasecmp(row->type.ptr, type) == 0;
}

static enum lk_status sort_tables(struct check *c, struct lk_error *err)
{
    struct lk_structure *st = c->st;
    c->by_name = lk_allocate((st->tables + 1) * sizeof(const struct lk_table_schema *));
    c->created = lk_allocate((st->rows + 1) * sizeof *c->created);
    if (c->by_name == NULL || c->created == NULL)
        return lk_fail_memory(err, "checking the schema");
    for (size_t i = 0; i < st->tables; i++)
        c->by_name[i] = st->table[i];
    qsort(c->by_name, st->tables, sizeof(const struct lk_table_schema *), compare_tables);
    for (size_t i = 0; i < st->rows; i++)
        if (is_type(&st->row[i], "table"))
            c->created[c->creatable++] = (struct created){.row = &st->row[i]};
    qsort(c->created, c->creatable, sizeof *c->created, compare_created);
    return LK_OK;
}

static struct created *find_created(const struct check *c, const char *name)
{
    return bsearch(name, c->created, c->creatable, sizeof *c->created, compare_created_name);
}

/* Tables that SQLite or a module makes by itself come back by themselves. */
static bool is_to_be_tried(const struct check *c, const struct lk_schema_row *row)
{
    if (is_type(row, "index"))
        return true;
    if (!is_type(row, "table"))
        return false;
    const struct lk_table_schema *const *t =
        row->has_pages ? bsearch(row->name.ptr, c->by_name, c->st->tables,
                                 sizeof(const struct lk_table_schema *), compare_table_name)
                       : NULL;
    return t == NULL || (*t)->kind == LK_TABLE_ORDINARY;
}

/* A scratch database with room, opened anew when the last one is full. */
static enum lk_status make_room(struct check *c, struct lk_error *err)
{
    static const char *const encodings[] = {"", "PRAGMA encoding='UTF-8'", "PRAGMA encoding='UTF-16le'",
                                            "PRAGMA encoding='UTF-16be'"};
    if (c->db != NULL && c->objects < MOST_OBJECTS)
        return LK_OK;
    (void)sqlite3_close_v2(c->db);
    c->db = NULL;
    c->objects = 0;
    c->scratch++;
    if (sqlite3_open_v2(":memory:", &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_exec(c->db, encodings[c->st->encoding], NULL, NULL, NULL) != SQLITE_OK)
        return lk_fail_memory(err, "checking the schema");
    (void)sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_progress_handler(c->db, MOST_STEPS, stop, NULL);
    return LK_OK;
}

static int create(struct check *c, const struct lk_schema_row *row)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(c->db, row->sql.ptr, (int)row->sql.len, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    const int done = sqlite3_finalize(statement);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        return done != SQLITE_OK ? done : rc;
    c->objects++;
    struct created *made = is_type(row, "table") ? find_created(c, row->name.ptr) : NULL;
    if (made != NULL)
        made->scratch = c->scratch;
    return SQLITE_OK;
}

/* The table that SQLite's last message misses; NULL when it misses none. Valid until the next call of
 * SQLite. */
static const char *missing_table(sqlite3 *db)
{
    static const char words[] = "no such table: ";
    const char *message = sqlite3_errmsg(db);
    return strncmp(message, words, sizeof words - 1) == 0 ? message + sizeof words - 1 : NULL;
}

/* Is the missing table one that an earlier scratch database took? Then have it in this one too. */
static bool bring_table(struct check *c, const char *name, int *rc)
{
    const char *plain = strncmp(name, "main.", 5) == 0 ? name + 5 : name;
    const struct created *made = find_created(c, plain);
    if (made == NULL || made->scratch == 0 || made->scratch == c->scratch)
        return false;
    *rc = create(c, made->row);
    return *rc == SQLITE_OK;
}

static enum lk_status try_row(struct check *c, struct lk_schema_row *row, struct lk_error *err)
{
    const enum lk_status status = make_room(c, err);
    if (status != LK_OK)
        return status;
    int rc = create(c, row);
    const char *missing = rc == SQLITE_OK ? NULL : missing_table(c->db);
    if (missing != NULL && bring_table(c, missing, &rc)) {
        rc = create(c, row);
        missing = rc == SQLITE_OK ? NULL : missing_table(c->db);
    }
    if ((rc & 0xff) == SQLITE_NOMEM)
        return lk_fail_memory(err, "checking the schema");
    /* An index of a table that was refused, or of one that was not tried, says nothing new. */
    if (rc == SQLITE_OK || missing != NULL)
        return LK_OK;
    row->refused = true;
    return lk_rebuild_add_reason(c->st, describe(row, sqlite3_errmsg(c->db)), err);
}

enum lk_status lk_rebuild_check(struct lk_structure *st, struct lk_error *err)
{
    struct check c = {.st = st};
    enum lk_status status = sort_tables(&c, err);
    for (size_t i = 0; status == LK_OK && i < st->rows; i++)
        if (is_to_be_tried(&c, &st->row[i]))
            status = try_row(&c, &st->row[i], err);
    (void)sqlite3_close_v2(c.db);
    lk_free(c.by_name);
    lk_free(c.created);
    return status;
}
