/* Which databases are there? A walk that opens nothing but folders and regular files, and only to read 100
 * bytes.
 *
 * When lk_discover_run returns, every descriptor it opened is closed: it must have finished before any
 * database is opened, since closing any descriptor of a file drops SQLite's locks on it. For the same reason
 * it must not run while this process has a source open. Results are sorted by path bytes, so two runs over
 * the same tree agree. Any thread. */
#ifndef LK_SQLITE_DISCOVER_H
#define LK_SQLITE_DISCOVER_H

#include <stdatomic.h>

#include "base/error.h"
#include "sqlite/header.h"

#define LK_DISCOVER_STORE_MARK "litekeep-store.json"

struct lk_discover_options {
    /* Files and folders. A path given here may be or contain a link; it is resolved. Nothing below it is
     * followed. */
    const char *const *paths;
    size_t path_count;
    /* Globs (lk_glob_match). One without '/' is compared with the name, one with '/' with the whole real path
     * ('*' matches '/' too). Excluded folders are not entered. With includes, only files that match one are
     * examined. A file that is given as a path is examined whatever the globs say. */
    const char *const *include;
    size_t include_count;
    const char *const *exclude;
    size_t exclude_count;
    /* Real paths of sources that the store knows: each that lies at or below a path (and is not excluded) is
     * examined whatever it is now, and reported when it is gone or no database any more. */
    const char *const *known;
    size_t known_count;
    const atomic_bool *interrupt; /* may be NULL; when set, the walk ends with LK_INTERRUPTED */
};

/* One database file. All paths are absolute and free of links, and owned by the result. */
struct lk_found {
    char *path; /* of hard-linked twins: the one with a -wal or -journal beside it, else a known one, else the
                   first */
    char **twin; /* the other paths of the same file (device and inode), sorted */
    size_t twins;
    uint64_t device;
    uint64_t inode;
    uint64_t bytes;
    int64_t mtime; /* ns since 1970 */
    bool empty;    /* 0 bytes: a valid empty database; `header` is then all zero */
    bool known;    /* one of its paths is among options.known */
    bool named;    /* it was given as a path itself */
    struct lk_header header;
    /* The files beside `path`: present, and how many bytes. An empty or zeroed -journal is normal. */
    bool has_wal, has_journal, has_shm;
    uint64_t wal_bytes, journal_bytes, shm_bytes;
};

enum lk_problem_kind {
    LK_PROBLEM_ROOT, /* a given path does not exist or cannot be opened (an unmounted disk looks like this) */
    LK_PROBLEM_FOLDER, /* a folder below could not be read: databases in it were not found */
    LK_PROBLEM_FILE, /* a file could not be opened or read, or vanished between two looks, so it is not known
                        what it is */
    LK_PROBLEM_NOT_DATABASE, /* named like a database, given, or known, but it is none (or is encrypted) */
    LK_PROBLEM_GONE,         /* a known source is not there any more */
    LK_PROBLEM_STORE,        /* a given path is a litekeep store */
};

struct lk_problem {
    enum lk_problem_kind kind;
    char *path;
    char *reason;   /* without the path: "permission denied", "encrypted, or not a SQLite database", ... */
    int system;     /* errno, or 0 */
    bool known;     /* the path is among options.known */
    bool named;     /* the path was given itself */
    uint64_t bytes; /* of a regular file that could be looked at; else both are 0 */
    int64_t mtime;  /* ns since 1970 */
};

struct lk_discovery {
    struct lk_found *found; /* sorted by path */
    size_t found_count;
    struct lk_problem *problem; /* sorted by path */
    size_t problem_count;
    char **store; /* folders skipped because they hold a store's mark, sorted */
    size_t store_count;
    uint64_t folders; /* read */
    uint64_t files;   /* regular files looked at */
};

/* Walk. LK_OK whatever was found or not: troubles are problems in the result. LK_FAILED: out of memory.
 * LK_INTERRUPTED. */
enum lk_status lk_discover_run(const struct lk_discover_options *options, struct lk_discovery **out,
                               struct lk_error *err) LK_CHECKED;
void lk_discover_free(struct lk_discovery *d); /* NULL is allowed */

/* Does this file name say "database" (.db, .sqlite, .sqlite3, .db3, whatever the case)? */
bool lk_discover_is_database_name(const char *name);

#endif
