#include "sqlite/connection.h"

#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"

#define WAIT_STEP INT64_C(5000000) /* ns between two tries for a lock */

/* KiB of page cache. A scan uses each page once; this is enough for the inner pages of any b-tree, and stays
 * in the processor's cache. */
#define CACHE_KIB 2048

static int wait_for_lock(void *context, int count)
{
    struct lk_patience *p = context;
    if (p->interrupt != NULL && atomic_load(p->interrupt))
        return 0;
    const int64_t now = lk_clock_monotonic();
    if (count == 0)
        p->waiting_since = now;
    if (now - p->waiting_since >= p->limit)
        return 0;
    const struct timespec pause = {.tv_nsec = WAIT_STEP};
    (void)nanosleep(&pause, NULL);
    return 1;
}

/* file:<path, all but unreserved bytes escaped>?immutable=1 */
static bool immutable_uri(const char *path, struct lk_buffer *out)
{
    lk_buffer_append_string(out, "file:");
    for (const char *c = path; *c != '\0'; c++) {
        const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                           strchr("/-_.~", *c) != NULL;
        if (plain)
            lk_buffer_append_byte(out, (uint8_t)*c);
        else
            lk_buffer_append_format(out, "%%%02x", (unsigned)(unsigned char)*c);
    }
    lk_buffer_append_string(out, "?immutable=1");
    return lk_buffer_string(out) != NULL;
}

static int open_handle(const char *path, enum lk_connection_mode mode, sqlite3 **out)
{
    const int read_only =
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOFOLLOW;
    switch (mode) {
    case LK_CONNECTION_READ:
        return sqlite3_open_v2(path, out, read_only, NULL);
    case LK_CONNECTION_IMMUTABLE: {
        struct lk_buffer uri = {0};
        const int rc = immutable_uri(path, &uri)
                           ? sqlite3_open_v2(lk_buffer_string(&uri), out, read_only | SQLITE_OPEN_URI, NULL)
                           : SQLITE_NOMEM;
        lk_buffer_reset(&uri);
        return rc;
    }
    case LK_CONNECTION_OWN:
        return sqlite3_open_v2(path, out,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_PRIVATECACHE,
                               NULL);
    case LK_CONNECTION_TAKE:
        return sqlite3_open_v2(path, out,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                                   SQLITE_OPEN_NOFOLLOW,
                               NULL);
    case LK_CONNECTION_MEMORY:
        return sqlite3_open_v2(":memory:", out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    }
    return SQLITE_MISUSE;
}

int lk_connection_run(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
        rc = SQLITE_OK;
    const int done = sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : done != SQLITE_OK ? done : rc;
}

static int configure(sqlite3 *db, enum lk_connection_mode mode)
{
    static const struct {
        int option, value;
    } settings[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(db, settings[i].option, settings[i].value, NULL);
    if (rc == SQLITE_OK && mode != LK_CONNECTION_OWN)
        rc = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
    static const char *const pragmas[] = {"PRAGMA cell_size_check=ON", "PRAGMA temp_store=MEMORY",
                                          "PRAGMA mmap_size=0"};
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas && rc == SQLITE_OK; i++)
        rc = lk_connection_run(db, pragmas[i]);
    if (rc == SQLITE_OK && mode != LK_CONNECTION_OWN && mode != LK_CONNECTION_TAKE)
        rc = lk_connection_run(db, "PRAGMA query_only=ON");
    return rc;
}

/* Stands in for a collation of the application: only its being there matters, since rows are read in the
 * order they are stored. */
static int compare_bytes(void *context, int left_len, const void *left, int right_len, const void *right)
{
    (void)context;
    const int order = memcmp(left, right, (size_t)(left_len < right_len ? left_len : right_len));
    return order != 0 ? order : left_len - right_len;
}

static void stand_in(void *context, sqlite3 *db, int encoding, const char *name)
{
    (void)context;
    /* SQLite asks for these in UTF-16 databases, though it can compare with what it has. */
    if (sqlite3_stricmp(name, "NOCASE") == 0 || sqlite3_stricmp(name, "RTRIM") == 0)
        return;
    /* Refused (no memory): SQLite then says which collation is missing. */
    (void)sqlite3_create_collation_v2(db, name, encoding, NULL, compare_bytes, NULL);
}

/* SQLite's functions that always give the same, and are harmless, but that SQLite before 3.41 lets no schema
 * use that is not trusted: a database with one of them in an index or a generated column could not be read at
 * all. */
static const char *const json_functions[] = {
    "json",        "json_array",   "json_array_length", "json_extract", "->",
    "->>",         "json_insert",  "json_object",       "json_patch",   "json_quote",
    "json_remove", "json_replace", "json_set",          "json_type",    "json_valid",
};

/* Nothing of a schema is run where rows are only read. */
static void refuse_to_run(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    sqlite3_result_error(context, "functions of a schema are not run", -1);
}

static int stand_in_for_json(sqlite3 *db)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof json_functions / sizeof *json_functions && rc == SQLITE_OK; i++)
        rc = sqlite3_create_function_v2(db, json_functions[i], -1,
                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
                                        refuse_to_run, NULL, NULL, NULL);
    return rc;
}

static int open_plain(const char *path, enum lk_connection_mode mode, struct lk_patience *patience,
                      sqlite3 **out)
{
    int rc = open_handle(path, mode, out);
    if (rc == SQLITE_OK && patience != NULL)
        rc = sqlite3_busy_handler(*out, wait_for_lock, patience);
    if (rc == SQLITE_OK)
        rc = sqlite3_collation_needed(*out, NULL, stand_in);
    return rc == SQLITE_OK ? configure(*out, mode) : rc;
}

int lk_connection_open(const char *path, enum lk_connection_mode mode, struct lk_patience *patience,
                       sqlite3 **out)
{
    const int rc = open_plain(path, mode, patience, out);
    return rc == SQLITE_OK ? stand_in_for_json(*out) : rc;
}

int lk_connection_open_trusted(const char *path, enum lk_connection_mode mode, struct lk_patience *patience,
                               sqlite3 **out)
{
    const int rc = open_plain(path, mode, patience, out);
    return rc == SQLITE_OK ? sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, NULL) : rc;
}

int lk_connection_pin(sqlite3 *db)
{
    /* schema_version is read from page 1 alone: the lock is taken, and a schema that cannot be parsed is not
     * met yet. */
    int rc = lk_connection_run(db, "BEGIN");
    if (rc == SQLITE_OK)
        rc = lk_connection_run(db, "PRAGMA schema_version");
    if (rc != SQLITE_OK)
        return rc;
    /* This one does parse the schema. Trouble with that is reported by whoever needs the schema. */
    char sql[64];
    (void)sqlite3_snprintf((int)sizeof sql, sql, "PRAGMA cache_size=-%d", CACHE_KIB);
    (void)lk_connection_run(db, sql);
    return SQLITE_OK;
}

int lk_connection_encoding(sqlite3 *db)
{
    static const char *const names[] = {"UTF-8", "UTF-16le", "UTF-16be"};
    sqlite3_stmt *statement = NULL;
    int encoding = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA encoding", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        for (int i = 0; i < 3 && name != NULL; i++)
            if (strcmp(name, names[i]) == 0)
                encoding = i + 1;
    }
    (void)sqlite3_finalize(statement);
    return encoding;
}

enum lk_status lk_connection_fail(struct lk_error *err, sqlite3 *db, int rc, const char *path,
                                  const char *doing)
{
    const char *why = db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db);
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return lk_fail_memory(err, doing);
    case SQLITE_INTERRUPT:
        return lk_fail(err, LK_INTERRUPTED, "%s: %s: interrupted", path, doing);
    case SQLITE_NOTADB:
        return lk_fail(err, LK_UNREADABLE, "%s: %s: encrypted, or not a SQLite database", path, doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return lk_fail(err, LK_UNREADABLE,
                       "%s: not backed up: locked: another program holds it exclusively (%s); run again when "
                       "that has finished",
                       path, why);
    case SQLITE_CORRUPT:
        return lk_fail(err, LK_UNREADABLE,
                       "%s: %s: damaged: %s; save what can be read with the sqlite3 shell's .recover", path,
                       doing, why);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: {
        const int system = db == NULL ? 0 : sqlite3_system_errno(db);
        if (system != 0)
            return lk_fail_errno(err, LK_UNREADABLE, system, "%s: %s: %s", path, doing, why);
        return lk_fail(err, LK_UNREADABLE, "%s: %s: %s (SQLite error %d)", path, doing, why, rc);
    }
    default:
        return lk_fail(err, LK_UNREADABLE, "%s: %s: %s (SQLite error %d)", path, doing, why, rc);
    }
}
