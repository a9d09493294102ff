/* SQLite connections as this program opens them, and SQLite's errors as ours. Internal to this layer. A
 * connection belongs to one thread (SQLITE_OPEN_NOMUTEX). */
#ifndef LK_SQLITE_CONNECTION_H
#define LK_SQLITE_CONNECTION_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

enum lk_connection_mode {
    LK_CONNECTION_READ,      /* mode=ro: takes SQLite's locks */
    LK_CONNECTION_IMMUTABLE, /* immutable=1: no locks, no -wal, no -journal, nothing created */
    LK_CONNECTION_OWN,       /* read and write: for copies, which nobody else has */
    LK_CONNECTION_TAKE,      /* read and write an existing file that is about to be replaced: no checkpoint on
                                close, so that closing touches nothing */
    LK_CONNECTION_MEMORY,    /* an empty database in memory; path is ignored */
};

/* How long a connection waits for locks of others. Must outlive the connection. */
struct lk_patience {
    int64_t limit;                /* ns for one wait */
    int64_t waiting_since;        /* internal */
    const atomic_bool *interrupt; /* may be NULL */
};

/* Open with every safety that DESIGN names, and a stand-in for every collation that SQLite lacks and for its
 * functions of JSON, which a schema may name, but not run. Nothing is read from the file yet. `patience` may
 * be NULL: no waiting. Returns SQLite's result code; the caller closes *out in any case. */
int lk_connection_open(const char *path, enum lk_connection_mode mode, struct lk_patience *patience,
                       sqlite3 **out);

/* Alike, but what the schema's indexes compute may run, as REINDEX and integrity_check must: functions of
 * SQLite, since no connection has others. */
int lk_connection_open_trusted(const char *path, enum lk_connection_mode mode, struct lk_patience *patience,
                               sqlite3 **out);

/* Begin the read transaction and make it hold (SHARED, or a WAL read mark), without parsing the schema.
 * SQLite's result code. */
int lk_connection_pin(sqlite3 *db);

/* Run one statement, results ignored. SQLite's result code. */
int lk_connection_run(sqlite3 *db, const char *sql);

/* The database's encoding: 1 UTF-8, 2 UTF-16le, 3 UTF-16be; 0 when it cannot be told (sqlite3_errcode says
 * why). */
int lk_connection_encoding(sqlite3 *db);

/* Fill *err from SQLite's result code `rc` on `db` (may be NULL): "<path>: <doing>: <why>; <way out>". */
enum lk_status lk_connection_fail(struct lk_error *err, sqlite3 *db, int rc, const char *path,
                                  const char *doing);

#endif
