#include "sqlite/sandbox.h"

#include <sqlite3.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#define MODULE "litekeep"
/* Steps of SQLite's machine between two looks at the clock: some microseconds. */
#define STEPS 1000

struct lk_sandbox {
    sqlite3 *db;
    struct lk_vtab_opener inner; /* the caller's */
    const atomic_bool *interrupt;
    struct lk_error failure; /* of a virtual table, if status is not LK_OK */
    const char *denied;      /* what the statement would have done, static; NULL: nothing */
    char denied_name[64];
    bool declaring;   /* a virtual table's columns, which the authorizer sees as a table being made */
    int64_t deadline; /* monotonic; 0: none */
    bool timed_out;
};

static enum lk_status fail(const struct lk_sandbox *s, int rc, const char *doing, struct lk_error *err)
{
    if (rc == SQLITE_NOMEM)
        return lk_fail_memory(err, doing);
    return lk_fail(err, LK_FAILED, "%s: %s", doing,
                   s->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(s->db));
}

static enum lk_status open_rows(void *context, size_t arguments, const char *const *argument,
                                struct lk_rows **out, struct lk_error *err)
{
    struct lk_sandbox *s = context;
    return s->inner.open(s->inner.context, arguments, argument, out, err);
}

static void keep_failure(void *context, const struct lk_error *err)
{
    struct lk_sandbox *s = context;
    s->failure = *err;
}

static void note_declaring(void *context, bool begins)
{
    ((struct lk_sandbox *)context)->declaring = begins;
}

static int look_at_clock(void *context)
{
    struct lk_sandbox *s = context;
    if (s->interrupt != NULL && atomic_load_explicit(s->interrupt, memory_order_relaxed))
        return 1;
    s->timed_out = s->deadline != 0 && lk_clock_monotonic() >= s->deadline;
    return s->timed_out;
}

/* A backup's views may call what SQLite has, short of what the authorizer forbids: before 3.41 it takes the
 * functions of JSON for unsafe in a schema that is not trusted. */
static int configure(sqlite3 *db)
{
    static const struct {
        int option, value;
    } settings[] = {
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1},        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(db, settings[i].option, settings[i].value, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", NULL, NULL, NULL);
    /* Which names each schema has, without regard to case. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(
            db,
            "CREATE TEMP TABLE litekeep_names(schema, name COLLATE NOCASE, PRIMARY KEY(schema, name)) "
            "WITHOUT ROWID",
            NULL, NULL, NULL);
    return rc;
}

enum lk_status lk_sandbox_new(const struct lk_vtab_opener *opener, const char *file,
                              const atomic_bool *interrupt, struct lk_sandbox **out, struct lk_error *err)
{
    struct lk_sandbox *s = lk_allocate_zeroed(1, sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "preparing a query");
    s->inner = *opener;
    s->interrupt = interrupt;
    /* Not read-only, or databases in memory that are attached to it would be so too; query_only comes later.
     */
    int rc = sqlite3_open_v2(
        file == NULL ? ":memory:" : file, &s->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (file == NULL ? SQLITE_OPEN_CREATE : 0), NULL);
    if (rc == SQLITE_OK)
        rc = configure(s->db);
    if (rc == SQLITE_OK) {
        const struct lk_vtab_opener own = {.open = open_rows,
                                           .failed = keep_failure,
                                           .declaring = note_declaring,
                                           .context = s,
                                           .innocuous = true};
        rc = lk_vtab_register(s->db, MODULE, &own);
    }
    if (rc != SQLITE_OK) {
        const enum lk_status status = fail(s, rc, "preparing a query", err);
        lk_sandbox_free(s);
        return status;
    }
    sqlite3_progress_handler(s->db, STEPS, look_at_clock, s);
    *out = s;
    return LK_OK;
}

void lk_sandbox_free(struct lk_sandbox *s)
{
    if (s == NULL)
        return;
    (void)sqlite3_close(s->db);
    if (s->inner.free != NULL)
        s->inner.free(s->inner.context);
    lk_free(s);
}

/* Run one statement with two texts bound. */
static int run(struct lk_sandbox *s, const char *sql, const char *first, const char *second)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        (void)sqlite3_step(statement);
    const int done = sqlite3_finalize(statement);
    return rc != SQLITE_OK ? rc : done;
}

enum lk_status lk_sandbox_attach(struct lk_sandbox *s, const char *schema, const char *file,
                                 struct lk_error *err)
{
    const int rc = run(s, "ATTACH ?1 AS ?2", file == NULL ? ":memory:" : file, schema);
    if (rc == SQLITE_ERROR)
        return lk_fail(err, LK_USAGE, "--attach %s: %s", schema, sqlite3_errmsg(s->db));
    return rc == SQLITE_OK ? LK_OK : fail(s, rc, "attaching a backup", err);
}

enum lk_status lk_sandbox_table(struct lk_sandbox *s, const char *schema, const char *table, size_t arguments,
                                const char *const *argument, struct lk_error *err)
{
    const int rc = run(s, "INSERT OR IGNORE INTO temp.litekeep_names VALUES(?1, ?2)", schema, table);
    if (rc != SQLITE_OK)
        return fail(s, rc, "preparing a query", err);
    if (sqlite3_changes(s->db) == 0)
        return LK_OK;
    return lk_vtab_create(s->db, schema, table, MODULE, arguments, argument, err);
}

enum lk_status lk_sandbox_publish(struct lk_sandbox *s, struct lk_error *err)
{
    const int rc = sqlite3_exec(s->db, "DROP TABLE temp.litekeep_names", NULL, NULL, NULL);
    return rc == SQLITE_OK ? lk_vtab_publish(s->db, err) : fail(s, rc, "preparing a query", err);
}

/* Nothing but what makes a view. */
static int authorize_view(void *context, int action, const char *a, const char *b, const char *schema,
                          const char *trigger)
{
    (void)context, (void)b, (void)schema, (void)trigger;
    switch (action) {
    case SQLITE_CREATE_VIEW:
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
        return a != NULL && strncmp(a, "sqlite_", 7) == 0 ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

bool lk_sandbox_view(struct lk_sandbox *s, const char *schema, const char *sql)
{
    /* SQLite keeps the text of a view from its name on, so that the schema can be put before it. */
    static const char create[] = "CREATE VIEW ";
    if (strncasecmp(sql, create, sizeof create - 1) != 0)
        return false;
    char *own = sqlite3_mprintf("%s\"%w\".%s", create, schema, sql + sizeof create - 1);
    sqlite3_stmt *statement = NULL;
    (void)sqlite3_set_authorizer(s->db, authorize_view, NULL);
    const bool made = own != NULL && sqlite3_prepare_v2(s->db, own, -1, &statement, NULL) == SQLITE_OK &&
                      sqlite3_step(statement) == SQLITE_DONE;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_set_authorizer(s->db, NULL, NULL);
    sqlite3_free(own);
    return made;
}

static int deny(struct lk_sandbox *s, const char *what, const char *name)
{
    if (s->denied == NULL) {
        s->denied = what;
        (void)snprintf(s->denied_name, sizeof s->denied_name, "%s", name == NULL ? "" : name);
    }
    return SQLITE_DENY;
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcasecmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

/* Reading, and asking what there is to read. */
static int authorize_read(void *context, int action, const char *first, const char *second,
                          const char *schema, const char *trigger)
{
    static const char *const pragmas[] = {"table_info",      "table_xinfo", "table_list",     "database_list",
                                          "function_list",   "module_list", "collation_list", "pragma_list",
                                          "compile_options", NULL};
    static const char *const functions[] = {"load_extension", "fts3_tokenizer", "readfile",
                                            "writefile",      "edit",           NULL};
    struct lk_sandbox *s = context;
    (void)schema, (void)trigger;
    if (s->declaring)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return is_one_of(second, functions) ? deny(s, "function", second) : SQLITE_OK;
    case SQLITE_PRAGMA:
        return is_one_of(first, pragmas) ? SQLITE_OK : deny(s, "PRAGMA", first);
    case SQLITE_ATTACH:
        return deny(s, "ATTACH", NULL);
    case SQLITE_UPDATE:
        /* SQLite's own table-valued PRAGMAs pass here when they are first used. A statement that tries it is
         * refused by DEFENSIVE. */
        return strcmp(first, "sqlite_master") == 0 ? SQLITE_OK : deny(s, "", NULL);
    default:
        return deny(s, "", NULL);
    }
}

static enum lk_status fail_denied(const struct lk_sandbox *s, struct lk_error *err)
{
    if (strcmp(s->denied, "ATTACH") == 0)
        return lk_fail(err, LK_USAGE,
                       "ATTACH is not allowed in a query: --attach NAME=DB@WHEN adds another backup");
    if (s->denied[0] != '\0')
        return lk_fail(err, LK_USAGE, "%s %s is not allowed in a query", s->denied, s->denied_name);
    return lk_fail(err, LK_USAGE,
                   "a backup is never changed: query takes one SELECT (or WITH, VALUES, EXPLAIN)");
}

/* SQLite's result code as an error of the query. */
static enum lk_status fail_query(const struct lk_sandbox *s, int rc, struct lk_error *err)
{
    if (s->failure.status != LK_OK) {
        *err = s->failure;
        return err->status;
    }
    if (s->denied != NULL)
        return fail_denied(s, err);
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return lk_fail_memory(err, "running a query");
    case SQLITE_INTERRUPT:
        return s->timed_out ? lk_fail(err, LK_FAILED, "the query took longer than --timeout allows")
                            : lk_fail(err, LK_INTERRUPTED, "the query was interrupted");
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
        return lk_fail(err, LK_FAILED,
                       "running a query: %s (SQLite's temporary files are in $SQLITE_TMPDIR, else $TMPDIR)",
                       sqlite3_errmsg(s->db));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return lk_fail(err, LK_DAMAGED, "running a query: %s", sqlite3_errmsg(s->db));
    default:
        return lk_fail(err, LK_USAGE, "%s", sqlite3_errmsg(s->db));
    }
}

/* The one statement in the text: blanks, comments and semicolons around it do not count. */
static enum lk_status prepare(struct lk_sandbox *s, const char *sql, sqlite3_stmt **out, struct lk_error *err)
{
    const char *at = sql;
    while (*out == NULL && *at != '\0') {
        const int rc = sqlite3_prepare_v2(s->db, at, -1, out, &at);
        if (rc != SQLITE_OK)
            return fail_query(s, rc, err);
    }
    if (*out == NULL)
        return lk_fail(err, LK_USAGE, "the query is empty");
    while (*at != '\0') {
        sqlite3_stmt *more = NULL;
        const int rc = sqlite3_prepare_v2(s->db, at, -1, &more, &at);
        (void)sqlite3_finalize(more);
        if (rc != SQLITE_OK || more != NULL)
            return lk_fail(err, LK_USAGE, "there is more than one statement: run them one by one");
    }
    if (sqlite3_stmt_readonly(*out) == 0 || sqlite3_column_count(*out) == 0)
        return lk_fail(err, LK_USAGE,
                       "a backup is never changed: query takes one SELECT (or WITH, VALUES, EXPLAIN)");
    return LK_OK;
}

static enum lk_status give_columns(sqlite3_stmt *statement, const struct litekeep_query_options *o,
                                   int columns, struct lk_error *err)
{
    const char **name = lk_allocate_zeroed((size_t)columns, sizeof *name);
    char **escaped = lk_allocate_zeroed((size_t)columns, sizeof *escaped);
    bool ok = name != NULL && escaped != NULL;
    for (int i = 0; ok && i < columns; i++) {
        name[i] = sqlite3_column_name(statement, i);
        ok = name[i] != NULL;
        /* Names in a database are any bytes; what this promises is UTF-8. */
        if (ok && !lk_utf8_valid((const uint8_t *)name[i], strlen(name[i])))
            ok = (name[i] = escaped[i] = lk_text_escaped(lk_bytes_of(name[i]))) != NULL;
    }
    const enum lk_status status =
        ok ? o->on_columns(o->context, (size_t)columns, name, err) : lk_fail_memory(err, "running a query");
    for (int i = 0; escaped != NULL && i < columns; i++)
        lk_free(escaped[i]);
    lk_free(escaped);
    lk_free(name);
    return status;
}

static bool take_value(sqlite3_stmt *statement, int i, struct litekeep_value *out)
{
    *out = (struct litekeep_value){.class = LITEKEEP_NULL};
    switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
        out->class = LITEKEEP_INTEGER;
        out->integer = sqlite3_column_int64(statement, i);
        return true;
    case SQLITE_FLOAT:
        out->class = LITEKEEP_REAL;
        out->real = sqlite3_column_double(statement, i);
        return true;
    case SQLITE_TEXT:
        out->ptr = sqlite3_column_text(statement, i);
        out->len = (size_t)sqlite3_column_bytes(statement, i);
        out->class = out->ptr != NULL && lk_utf8_valid(out->ptr, out->len) ? LITEKEEP_TEXT : LITEKEEP_RAWTEXT;
        return out->ptr != NULL;
    case SQLITE_BLOB:
        out->class = LITEKEEP_BLOB;
        out->ptr = sqlite3_column_blob(statement, i);
        out->len = (size_t)sqlite3_column_bytes(statement, i);
        if (out->len == 0)
            out->ptr = "";
        return out->ptr != NULL;
    default:
        return true;
    }
}

static enum lk_status give_rows(struct lk_sandbox *s, sqlite3_stmt *statement,
                                const struct litekeep_query_options *o, uint64_t *rows, struct lk_error *err)
{
    const int columns = sqlite3_column_count(statement);
    struct litekeep_value *value = lk_allocate_zeroed((size_t)columns, sizeof *value);
    enum lk_status status = value == NULL ? lk_fail_memory(err, "running a query") : LK_OK;
    if (status == LK_OK && o->on_columns != NULL)
        status = give_columns(statement, o, columns, err);
    while (status == LK_OK && (o->limit == 0 || *rows < o->limit)) {
        const int rc = sqlite3_step(statement);
        if (rc == SQLITE_DONE)
            break;
        bool whole = rc == SQLITE_ROW;
        for (int i = 0; whole && i < columns; i++)
            whole = take_value(statement, i, &value[i]);
        if (rc != SQLITE_ROW)
            status = fail_query(s, rc, err);
        else if (!whole)
            status = lk_fail_memory(err, "running a query");
        else if (o->on_row != NULL)
            status = o->on_row(o->context, (size_t)columns, value, err);
        *rows += status == LK_OK;
    }
    lk_free(value);
    return status;
}

enum lk_status lk_sandbox_run(struct lk_sandbox *s, const struct litekeep_query_options *options,
                              uint64_t *rows, struct lk_error *err)
{
    sqlite3_stmt *statement = NULL;
    uint64_t given = 0;
    s->failure = (struct lk_error){0};
    s->denied = NULL;
    s->timed_out = false;
    s->deadline = options->timeout > 0 ? lk_clock_monotonic() + options->timeout : 0;
    int rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, "PRAGMA query_only = ON", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_set_authorizer(s->db, authorize_read, s);
    enum lk_status status = rc == SQLITE_OK ? LK_OK : fail(s, rc, "preparing a query", err);
    if (status == LK_OK)
        status = prepare(s, options->sql, &statement, err);
    if (status == LK_OK)
        status = give_rows(s, statement, options, &given, err);
    (void)sqlite3_finalize(statement);
    if (rows != NULL)
        *rows = given;
    return status;
}
