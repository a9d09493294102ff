/* The inside of a source, for the files of this layer that work on it. */
#ifndef LK_SQLITE_SOURCE_INTERNAL_H
#define LK_SQLITE_SOURCE_INTERNAL_H

#include "sqlite/connection.h"
#include "sqlite/look.h"
#include "sqlite/source.h"
#include "sqlite/tmp.h"

struct lk_source {
    char *path; /* real */
    char *wal_path, *journal_path, *shm_path;
    struct lk_source_facts facts;

    /* Options, defaults filled in. */
    enum lk_snapshot snapshot;
    int64_t max_lock;
    uint64_t read_rate;
    unsigned passes;
    char *tmp_where; /* may be NULL */
    const atomic_bool *interrupt;
    struct lk_patience patience;

    /* What is open. `fd` is the source itself, opened before SQLite opens it and closed after SQLite has
     * closed it; -1 when SQLite reads from a copy, whose descriptor is then copy_fd. */
    int fd;
    int copy_fd;
    sqlite3 *db;
    bool borrowed;      /* db is somebody else's */
    struct lk_tmp *tmp; /* NULL without a copy */
    char *copy_path;
    struct lk_look before; /* the file when pinned */
    int64_t pinned_at;     /* lk_clock_monotonic */
    int64_t deadline;      /* when the lock must be given back; 0: never */

    /* What restarts have taught. */
    bool was_written; /* an immutable read was disturbed */
    bool too_slow;    /* an in-place read took too long */
    unsigned restarts;
};

#endif
