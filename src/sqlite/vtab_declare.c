#include "sqlite/vtab_declare.h"

#include <ctype.h>
#include <strings.h>

#include "base/memory.h"
#include "sqlite/api.h"

/* What the text of CREATE TABLE says beyond names and declared types. */
struct details {
    const char **collation; /* of each column: a static string, NULL: BINARY */
    bool strict;
};

static const char *built_in_collation(const char *name)
{
    static const char *const names[] = {"NOCASE", "RTRIM"};
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return names[i];
    return NULL;
}

static bool mentions(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

static int run(sqlite3 *db, const char *sql, const char *first, const char *second)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && first != NULL)
        rc = sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && second != NULL)
        rc = sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
        rc = sqlite3_column_int(statement, 0) != 0 ? SQLITE_ROW : SQLITE_OK;
    const int done = sqlite3_finalize(statement);
    return done != SQLITE_OK ? done : rc;
}

/* Let SQLite read the text in an empty database. It is written into the schema and not executed: then it
 * may name functions and collations that are not here, and nothing in it can do anything. What cannot be
 * read says nothing. */
static void read_details(const struct lk_rows *rows, struct details *d)
{
    static const char create[] = "CREATE TABLE";
    const struct lk_table_schema *t = rows->schema;
    sqlite3 *db = NULL;
    if (rows->sql == NULL || strncasecmp(rows->sql, create, sizeof create - 1) != 0 ||
        (!mentions(rows->sql, "collate") && !mentions(rows->sql, "strict")))
        return;
    bool ok = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK;
    ok = ok && sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL) == SQLITE_OK;
    ok = ok && run(db, "CREATE TABLE x(x)", NULL, NULL) == SQLITE_DONE;
    ok = ok && run(db, "PRAGMA writable_schema = ON", NULL, NULL) == SQLITE_DONE;
    ok = ok && run(db, "UPDATE sqlite_master SET name = ?1, tbl_name = ?1, sql = ?2", t->name, rows->sql) ==
                   SQLITE_DONE;
    ok = ok && run(db, "PRAGMA writable_schema = RESET", NULL, NULL) == SQLITE_DONE;
    for (size_t i = 0; ok && i < t->columns; i++) {
        const char *collation = NULL;
        if (sqlite3_table_column_metadata(db, "main", t->name, t->column[i].name, NULL, &collation, NULL,
                                          NULL, NULL) == SQLITE_OK)
            d->collation[i] = built_in_collation(collation);
    }
    d->strict = ok && run(db, "SELECT strict FROM pragma_table_list(?1)", t->name, NULL) == SQLITE_ROW;
    (void)sqlite3_close(db);
}

/* Words that mean something else than a type where a type may stand: HIDDEN to the virtual table, the others
 * to the grammar. */
static bool is_keyword(const char *word, size_t len)
{
    static const char *const words[] = {"HIDDEN",    "CONSTRAINT", "PRIMARY", "NOT",     "NULL",
                                        "UNIQUE",    "CHECK",      "DEFAULT", "COLLATE", "REFERENCES",
                                        "GENERATED", "AS",         "ALWAYS",  "ON",      "DEFERRABLE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == len && strncasecmp(words[i], word, len) == 0)
            return true;
    return false;
}

/* Words with blanks between, and perhaps (1) or (10,2) at the end. Manifests are not to be trusted, and a
 * quoted type can hold anything. */
static bool is_plain_type(const char *type)
{
    const char *at = type;
    while (isalpha((unsigned char)*at) || *at == '_') {
        size_t len = 0;
        while (isalnum((unsigned char)at[len]) || at[len] == '_')
            len++;
        if (is_keyword(at, len))
            return false;
        at += len;
        at += strspn(at, " ");
    }
    if (at != type && *at == '(') {
        const size_t len = strspn(at + 1, "0123456789, ");
        if (len == 0 || len > 32 || at[1 + len] != ')' || !isdigit((unsigned char)at[1]))
            return false;
        const char *comma = memchr(at + 1, ',', len);
        if (comma != NULL &&
            (!isdigit((unsigned char)comma[1 + strspn(comma + 1, " ")]) || strchr(comma + 1, ',') != NULL))
            return false;
        at += len + 2;
    }
    return *at == '\0';
}

static void append_name(struct lk_buffer *out, const char *name, size_t underscores)
{
    lk_buffer_append_byte(out, '"');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"')
            lk_buffer_append_byte(out, '"');
        lk_buffer_append_byte(out, (uint8_t)*c);
    }
    while (underscores-- > 0)
        lk_buffer_append_byte(out, '_');
    lk_buffer_append_byte(out, '"');
}

/* Files of other writers may have columns whose names differ in case only: the later ones get underscores. */
static size_t underscores_for(const struct lk_rows *rows, size_t column)
{
    const struct lk_table_schema *t = rows->schema;
    size_t same = 0;
    for (size_t i = 0; rows->sql == NULL && i < column; i++)
        same += strcasecmp(t->column[i].name, t->column[column].name) == 0;
    return same;
}

static void append_column(struct lk_buffer *out, const struct lk_rows *rows, size_t i,
                          const struct details *details, enum lk_affinity *affinity)
{
    const struct lk_column_schema *c = &rows->schema->column[i];
    const char *type = is_plain_type(c->declared_type) ? c->declared_type : lk_affinity_name(c->affinity);
    if (details->strict && strcasecmp(type, "ANY") == 0)
        type = ""; /* without STRICT the word means NUMERIC */
    *affinity = lk_affinity_of(type);
    append_name(out, c->name, underscores_for(rows, i));
    if (type[0] != '\0')
        lk_buffer_append_format(out, " %s", type);
    if (details->collation[i] != NULL)
        lk_buffer_append_format(out, " COLLATE %s", details->collation[i]);
}

/* COLLATE BINARY: rows that are unique under another collation are so under this one, but not the other way
 * round. */
static void append_key(struct lk_buffer *out, const struct lk_table_schema *t)
{
    bool any = false;
    for (int k = 1;; k++) {
        size_t i = 0;
        while (i < t->columns && t->column[i].key != k)
            i++;
        if (i == t->columns)
            break;
        lk_buffer_append_string(out, any ? ", " : ", PRIMARY KEY (");
        append_name(out, t->column[i].name, 0);
        lk_buffer_append_string(out, " COLLATE BINARY");
        any = true;
    }
    lk_buffer_append_string(out, any ? ")) WITHOUT ROWID" : ")");
}

enum lk_status lk_vtab_declare(const struct lk_rows *rows, struct lk_buffer *out, enum lk_affinity *affinity,
                               struct lk_error *err)
{
    const struct lk_table_schema *t = rows->schema;
    struct details details = {.collation = lk_allocate_zeroed(t->columns, sizeof *details.collation)};
    if (details.collation == NULL)
        return lk_fail_memory(err, "declaring a table");
    read_details(rows, &details);
    lk_buffer_append_string(out, "CREATE TABLE x(");
    for (size_t i = 0; i < t->columns; i++) {
        lk_buffer_append_string(out, i > 0 ? ", " : "");
        append_column(out, rows, i, &details, &affinity[i]);
    }
    if (t->without_rowid)
        append_key(out, t);
    else
        lk_buffer_append_string(out, ")");
    lk_free(details.collation);
    (void)lk_buffer_string(out);
    return lk_buffer_check(out, "declaring a table", err);
}
