/* One database, opened so that exactly one consistent state is read and nothing of it is changed.
 *
 * How, by what lies there (DESIGN, "pin"; FACTS, "SQLite"); the method's name is in quotes:
 *
 * - A file of 0 bytes is never opened: an empty database in memory stands for it ("empty"). SQLite would
 * delete a -wal beside it.
 *
 * - WAL mode with -wal and -shm: mode=ro in place, one read transaction for everything ("read"). Writers go
 * on.
 *
 * - WAL mode without -wal: immutable=1 in place ("immutable"), so that nothing is made beside the file.
 * Nobody may write it meanwhile: size, times, header, and that there is no -wal with content, are checked
 * again at the end.
 *
 * - A -wal without -shm; WAL mode on a network file system; a hot journal; a -shm that cannot be made; a path
 * too long for SQLite: the file and what lies beside it are copied while all hold still, and the copy is
 * recovered ("copy", "clone"). A network WAL database is never opened in place.
 *
 * - Rollback journal: SHARED, for at most max_lock. Read in place ("read") when the size suggests that it
 * fits; else FICLONE ("clone"), else a copy under SHARED ("copy"), else the backup API in steps ("stepped"),
 * else "busy".
 *
 * Connections are read-only, query_only, defensive, trusted_schema=OFF, cell_size_check=ON; without
 * extensions, mmap, or checkpoints. SQLite itself may write a -shm, which holds no data; and should the last
 * writer close in the very moment of our opening, an empty -wal and a -shm stay behind.
 *
 * A source may turn out not to have held still: the lock's time is up, or a file that was read as immutable
 * was written. Scans then say "restart", and lk_source_restart pins a new state in the next safer way.
 *
 * A process has one source on a file at a time, and nothing else of it opens that file meanwhile (closing any
 * descriptor of it would drop SQLite's locks). One thread at a time. */
#ifndef LK_SQLITE_SOURCE_H
#define LK_SQLITE_SOURCE_H

#include <stdatomic.h>

#include "base/error.h"
#include "sqlite/header.h"

struct sqlite3;
struct lk_source;

enum lk_snapshot {
    LK_SNAPSHOT_AUTO, /* as above */
    LK_SNAPSHOT_READ, /* in place only: a rollback database that takes longer than max_lock is "busy" */
    LK_SNAPSHOT_COPY, /* from a copy in any case (WAL: made by the backup API) */
};

enum lk_network { LK_NETWORK_DETECT, LK_NETWORK_NO, LK_NETWORK_YES }; /* the latter two: for tests */

#define LK_SOURCE_MAX_LOCK INT64_C(3000000000) /* ns */
/* max_lock for a file that nobody else wants: as long as it takes. */
#define LK_SOURCE_NO_MAX_LOCK INT64_C(1000000000000000000)
#define LK_SOURCE_READ_RATE UINT64_C(230000000) /* bytes/s: a whole backup of the yardstick on two cores */

struct lk_source_options { /* {0} is the default */
    enum lk_snapshot snapshot;
    int64_t max_lock;   /* ns for which SHARED may be held on a rollback database; 0: LK_SOURCE_MAX_LOCK */
    const char *tmp;    /* folder for copies; NULL: $TMPDIR, else /var/tmp, else /tmp */
    uint64_t read_rate; /* bytes/s at which the caller expects to read; 0: LK_SOURCE_READ_RATE */
    unsigned passes;    /* how often all will be read (2 with a page copy); 0: once */
    enum lk_network network;
    const atomic_bool *interrupt; /* may be NULL; when set, work ends with LK_INTERRUPTED */
};

enum lk_method {
    LK_METHOD_EMPTY,
    LK_METHOD_READ,
    LK_METHOD_IMMUTABLE,
    LK_METHOD_CLONE,
    LK_METHOD_COPY,
    LK_METHOD_STEPPED,
    LK_METHOD_BACKUP, /* WAL, LK_SNAPSHOT_COPY: the backup API inside one read transaction */
};
const char *lk_source_method_name(
    enum lk_method m); /* "empty", "read", "immutable", "clone", "copy", "stepped", "backup" */

/* What was pinned. Valid until restart or close. */
struct lk_source_facts {
    const char *path; /* real path */
    enum lk_method method;
    uint64_t device, inode;
    uint64_t bytes; /* of the database file */
    int64_t mtime;  /* ns since 1970 */
    struct lk_header
        header;         /* of the database file (WAL: page 1 in the WAL may be newer); all zero when empty */
    bool wal;           /* journal mode is WAL */
    uint64_t wal_bytes; /* of the -wal when pinned */
    bool network;
    bool replaced; /* set by lk_source_confirm: the path now names another file, or none */
    bool
        stray_wal; /* a 0-byte file with a -wal that is not empty beside it: something cut the database off */
    int64_t lock_held; /* ns for which SHARED was held on a rollback database, when no longer held */
};

/* Open and pin. `path` is resolved. Errors: LK_NOT_FOUND (no such file), LK_UNREADABLE (locked, busy,
 * encrypted, damaged header, no space for a copy, ...; the message says what to do), LK_FAILED (memory),
 * LK_INTERRUPTED. */
enum lk_status lk_source_open(const char *path, const struct lk_source_options *options,
                              struct lk_source **out, struct lk_error *err) LK_CHECKED;

/* What a connection of the caller's sees inside its open transaction, as a source: for reading rows that are
 * not committed yet. Nothing is opened or pinned, and db is not closed; it must outlive the source. `path` is
 * for messages. It cannot be restarted. */
enum lk_status lk_source_borrow(struct sqlite3 *db, const char *path, const atomic_bool *interrupt,
                                struct lk_source **out, struct lk_error *err) LK_CHECKED;

/* A finished file that nobody else has, which `path` (real) names: read without locks or looks at how it
 * lies, so that several threads may each have a source on it. Closing one drops the locks of others on that
 * file in this process. It cannot be restarted. */
enum lk_status lk_source_open_still(const char *path, const atomic_bool *interrupt, struct lk_source **out,
                                    struct lk_error *err) LK_CHECKED;

/* The connection to read from, inside its read transaction. Borrowed: never closed, committed, or written by
 * the caller. */
struct sqlite3 *lk_source_db(const struct lk_source *s);
const struct lk_source_facts *lk_source_facts(const struct lk_source *s);

/* Must what was read be thrown away? True when the lock's time is up; the lock is then already due to be
 * given back: call lk_source_restart or lk_source_close soon. Costs one clock reading. */
bool lk_source_expired(const struct lk_source *s);

/* Until when (lk_clock_monotonic) the lock may be held: whoever waits with the source open waits no longer,
 * then restarts or closes it. 0: no lock is held. */
int64_t lk_source_deadline(const struct lk_source *s);

/* After the last row was read: did the state hold still to the end? *restart: no; throw away what was read
 * and restart. Also notes facts.replaced. Call it after a read error too: a file that was written under an
 * immutable read looks damaged. */
enum lk_status lk_source_confirm(struct lk_source *s, bool *restart, struct lk_error *err) LK_CHECKED;

/* Give up the pinned state and pin another in the next safer way. All scans must have been freed; facts,
 * structure and rows that were read belong to the old state. LK_UNREADABLE "busy" when no way is left; the
 * source can then only be closed. */
enum lk_status lk_source_restart(struct lk_source *s, struct lk_error *err) LK_CHECKED;

/* Bytes in the -wal beside the source now (0: none): a long read lets it grow; warn past lk_source_wal_limit.
 * Any time. */
uint64_t lk_source_wal_bytes(const struct lk_source *s);
/* max(256 MiB, 10 % of the database file). */
uint64_t lk_source_wal_limit(const struct lk_source *s);

/* Release everything, remove copies. NULL is allowed. */
void lk_source_close(struct lk_source *s);

#endif
