/* litekeep: back up SQLite databases to open formats, and prove that they can come back.
 *
 * The public interface of liblitekeep. Conventions:
 * - Functions that can fail return enum lk_status and take `struct lk_error *err` last (never NULL), filled
 * on failure only.
 * - Times are nanoseconds since 1970-01-01T00:00:00Z (int64_t); durations nanoseconds; sizes bytes.
 * - Strings in are borrowed for the call. Results come through **out, are the caller's, and are freed with
 * their _free function, which takes NULL. Strings inside results live as long as the result. They are
 * NUL-terminated UTF-8, with bytes that are no UTF-8 and control characters escaped as \xNN where the field
 * says "shown".
 * - A struct litekeep is used by one thread at a time; litekeep_interrupt may be called from anywhere. The
 * library never prints, never exits and installs no signal handler.
 * - Arrays of options are NULL-terminated; a NULL array is empty. Options structs start as {0}: zero means
 * the default. */
#ifndef LITEKEEP_H
#define LITEKEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to. The numbers are the program's exit codes. */
enum lk_status {
    LK_OK = 0,
    LK_FAILED = 1,     /* our side failed: store, memory, I/O */
    LK_USAGE = 2,      /* wrong usage */
    LK_UNREADABLE = 3, /* some source could not be read or rebuilt */
    LK_ALARM = 4,      /* data shrank */
    LK_DAMAGED = 5,    /* a check found damage */
    LK_REFUSED = 6,    /* would overwrite or endanger something */
    LK_NOT_FOUND = 10, /* no such store, database or backup */
    LK_LOCKED = 11,    /* another run holds the lock */
    LK_INTERRUPTED = 130
};

#define LK_ERROR_SIZE 2048

/* The caller's error: filled when a call fails. {0} at the start. The message is safe to print. */
struct lk_error {
    enum lk_status status;
    int system; /* errno of the cause, or 0 */
    char message[LK_ERROR_SIZE];
};

/* "0.1.0", and the versions of the libraries in use ("SQLite 3.40.1, zstd 1.5.4, ..."). Static strings. */
const char *litekeep_version(void);
const char *litekeep_library_versions(void);

/* Of two statuses of one run, the one that the program exits with: 130, 1, 5, 4, 3, then the others, then 0.
 */
enum lk_status litekeep_worse(enum lk_status a, enum lk_status b);

/* ---- Session
 * ------------------------------------------------------------------------------------------------------------
 */

enum litekeep_event_type {
    LITEKEEP_EVENT_DISCOVERED, /* databases, source_bytes: the search is complete */
    LITEKEEP_EVENT_STARTED,    /* path, source_bytes: this database is being read */
    LITEKEEP_EVENT_PROGRESS,   /* rows, done_bytes of source_bytes over all databases; at most ten a second */
    LITEKEEP_EVENT_WARNING,    /* path (or NULL), table (or NULL), message: done, but worth knowing */
    LITEKEEP_EVENT_PROBLEM,    /* path, table (or NULL), status, message: not done, for this reason */
    LITEKEEP_EVENT_SKIPPED,    /* path, database, message: nothing to do (if_older_than) */
    LITEKEEP_EVENT_PLANNED, /* path, database, source_bytes, message: what dry_run would back up, and how */
    LITEKEEP_EVENT_DONE, /* path, database, id, tables, rows, source_bytes, stored_bytes, duration, verified
                          */
    LITEKEEP_EVENT_CHECKED, /* verify: database, id, tables, rows, stored_bytes, duration, status */
};

/* One event. Strings are shown text, borrowed for the call, NULL where the type does not name them. */
struct litekeep_event {
    enum litekeep_event_type type;
    enum lk_status status;
    const char *path;     /* the source */
    const char *database; /* its folder name in the store */
    const char *id;       /* the backup */
    const char *table;
    const char *message;
    const char *snapshot; /* DONE: how the state was pinned: "read", "clone", "copy", ... */
    uint64_t databases, tables, rows;
    uint64_t source_bytes, done_bytes, stored_bytes;
    int64_t duration;
    bool verified;
};

struct litekeep_options {
    const char *store; /* NULL: LITEKEEP_STORE, else $XDG_DATA_HOME/litekeep, else ~/.local/share/litekeep */
    bool init; /* create the store where it does not exist (the default path is always created by a backup) */
    /* Called while work goes on, one call at a time, from any thread. May be NULL. */
    void (*on_event)(void *context, const struct litekeep_event *event);
    void *context;
};

struct litekeep;

/* Open a session. The store is opened by the first call that needs it: a path without litekeep-store.json is
 * LK_NOT_FOUND then. */
enum lk_status litekeep_open(const struct litekeep_options *options, struct litekeep **out,
                             struct lk_error *err);
void litekeep_close(struct litekeep *lk);
/* The store's path, as it would be used. */
const char *litekeep_store_path(const struct litekeep *lk);

/* Ask all work in this process to stop soon with LK_INTERRUPTED, leaving nothing half-made.
 * Async-signal-safe. */
void litekeep_interrupt(void);

/* ---- Words of the command line, parsed as everywhere
 * ------------------------------------------------------------------------ */

bool litekeep_parse_duration(const char *text, int64_t *out); /* "8h", "30d", "3s", "500ms", "1h30m" */
bool litekeep_parse_size(const char *text, uint64_t *out); /* "256M", "16MiB", "1G", "1000"; powers of 1024 */
/* For people: "2d 3h", "1.5s"; "582.8 MiB"; local "2024-05-29 11:14:42"; RFC 3339 UTC. out has
 * LITEKEEP_WORD_SIZE bytes. */
#define LITEKEEP_WORD_SIZE 64
void litekeep_format_duration(int64_t duration, char *out);
void litekeep_format_size(uint64_t bytes, char *out);
void litekeep_format_time_local(int64_t time, char *out);
void litekeep_format_time(int64_t time, char *out);

/* ---- scan: the databases below some paths
 * --------------------------------------------------------------------------------- */

struct litekeep_scan_options {
    const char *const *paths; /* none: the current folder */
    const char *const *include;
    const char *const *exclude;
};

struct litekeep_found {
    const char *path;    /* shown */
    const char *problem; /* why it cannot be backed up; NULL: it can, as far as is known without opening it */
    uint64_t bytes;      /* the database file */
    uint64_t wal_bytes;  /* its -wal; 0 when none */
    const char *journal_mode; /* "wal" or "rollback" or "" */
    uint32_t page_size;       /* bytes; 0 when unknown */
    int64_t modified;
    const char *database;       /* folder in the store; NULL: never backed up */
    const char *last_backup;    /* id; NULL: never */
    int64_t last_finished;      /* 0: never */
    bool git_tracked;           /* in the index of a Git repository: a checkout can replace it */
    const char *const *threats; /* sentences: what endangers it; NULL-terminated */
};

struct litekeep_scan {
    size_t count;
    struct litekeep_found *found; /* sorted by path */
    enum lk_status status;        /* LK_OK, or LK_UNREADABLE when anything has a problem */
};

/* Works without a store (then nothing is known of backups). */
enum lk_status litekeep_scan(struct litekeep *lk, const struct litekeep_scan_options *options,
                             struct litekeep_scan **out, struct lk_error *err);
void litekeep_scan_free(struct litekeep_scan *scan);

/* ---- backup
 * -------------------------------------------------------------------------------------------------------------
 */

enum litekeep_format { LITEKEEP_PARQUET = 1, LITEKEEP_JSON = 2, LITEKEEP_SQLITE = 4 };
enum litekeep_snapshot { LITEKEEP_SNAPSHOT_AUTO, LITEKEEP_SNAPSHOT_READ, LITEKEEP_SNAPSHOT_COPY };

struct litekeep_backup_options {
    const char *const *paths;   /* files and folders; none: the current folder */
    unsigned formats;           /* bits of enum litekeep_format; 0: Parquet and JSON */
    const char *parquet_codec;  /* "zstd:1" */
    const char *json_codec;     /* "gzip:1" */
    const char *const *include; /* globs over paths */
    const char *const *exclude;
    const char *const *tables; /* globs over table names; none: all */
    const char *const *skip_tables;
    const char *name; /* folder name in the store, for a single database */
    enum litekeep_snapshot snapshot;
    int64_t max_lock;      /* 0: 3 s. How long a rollback-journal database may be kept from committing */
    const char *tmp;       /* where copies of sources go; NULL: in the store */
    unsigned jobs;         /* encoder threads; 0: by processors and memory */
    uint64_t memory;       /* bytes; 0: 256 MiB */
    int64_t if_older_than; /* skip a database whose last backup is younger; 0: never skip */
    bool no_verify;
    bool dry_run;
    bool rebuild; /* forget the columns of earlier backups */
    const char *const *tags;
};

struct litekeep_backup_summary {
    uint64_t done, skipped, failed; /* databases; failed includes files that are no readable databases */
    uint64_t rows, source_bytes, stored_bytes;
    int64_t duration;
};

/* Back up every database found. One that fails does not stop the others: the result is the worst status
 * (litekeep_worse), and err holds the message of the first failure; each has been an event. */
enum lk_status litekeep_backup(struct litekeep *lk, const struct litekeep_backup_options *options,
                               struct litekeep_backup_summary *summary, struct lk_error *err);

/* ---- list, show
 * ---------------------------------------------------------------------------------------------------------
 */

struct litekeep_backup_info {
    const char *id;
    uint64_t seq;
    int64_t started, finished;
    uint64_t tables, rows;
    uint64_t source_bytes, stored_bytes;
    bool verified;   /* read back and compared when it was taken */
    int64_t checked; /* when `verify` last looked at all of it; 0: never */
    bool damaged;    /* what it found: damage */
    bool legacy;     /* written by the Python script that litekeep grew out of: no manifest, counts unknown */
    const char *problem;     /* its manifest cannot be read: why; else NULL */
    const char *const *tags; /* NULL-terminated */
};

struct litekeep_database_info {
    const char *name;                    /* folder */
    const char *path;                    /* shown; the source's newest path; "" when unknown */
    size_t count;                        /* of backups */
    uint64_t stored_bytes;               /* of all of them, shared files counted once each backup */
    struct litekeep_backup_info *backup; /* oldest first */
    const char *problem;                 /* its folder cannot be read: why; else NULL */
};

struct litekeep_list {
    size_t count;
    struct litekeep_database_info *database; /* sorted by name */
};

/* All databases, or the one that `database` (folder name or source path) names. */
enum lk_status litekeep_list(struct litekeep *lk, const char *database, struct litekeep_list **out,
                             struct lk_error *err);
void litekeep_list_free(struct litekeep_list *list);

struct litekeep_column_info {
    const char *name; /* shown */
    const char *declared_type;
    const char *affinity;
    int key;                         /* 1-based position in the PRIMARY KEY, else 0 */
    uint64_t counts[6];              /* null, integer, real, text, blob, rawtext */
    const char *const *file_columns; /* "price DOUBLE", "price__text STRING": NULL-terminated */
};

struct litekeep_table_info {
    const char *name; /* shown */
    const char *kind; /* "table", "shadow", "internal" */
    bool counted; /* false: rows and columns are not known without reading the table whole (a backup of the
                     original script with JSON alone), or its Parquet cannot be read (a warning says so) */
    uint64_t rows, raw_bytes;
    uint64_t parts;
    uint64_t parquet_bytes, json_bytes; /* 0 when the format is absent */
    const char *parquet_path;           /* relative to the backup: a file or a folder; NULL when absent */
    const char *json_path;
    size_t columns;
    struct litekeep_column_info *column;
};

struct litekeep_shown {
    const char *database, *id;
    const char *folder; /* the backup's absolute path */
    struct litekeep_backup_info backup;
    const char *source_path; /* shown */
    const char *journal_mode, *snapshot, *encoding, *tool, *sqlite_version;
    uint32_t page_size;
    const char *const *warnings;         /* NULL-terminated */
    const char *const *rebuild_problems; /* why the schema cannot be rebuilt here; NULL-terminated */
    uint64_t schema_rows, views, indexes, triggers, virtual_tables;
    size_t tables;
    struct litekeep_table_info *table;
};

/* `what` is DB[@WHEN]. */
enum lk_status litekeep_show(struct litekeep *lk, const char *what, struct litekeep_shown **out,
                             struct lk_error *err);
void litekeep_shown_free(struct litekeep_shown *shown);

struct litekeep_cell {
    const char *class; /* "null", "integer", "real", "text", "blob", "rawtext" */
    const char *text; /* shown: numbers as in JSON, text escaped and cut to 200 characters, blobs as x'..' and
                         cut, "" for null */
};

struct litekeep_rows {
    size_t columns;
    const char *const *name; /* shown; the rowid first where the table has one of its own ("_rowid_") */
    size_t rows;
    struct litekeep_cell *cell; /* rows * columns, by rows */
    const char *const *json;    /* each row whole, as one JSON object in the spelling of the JSON lines */
};

/* The first `limit` rows of a table in a backup, in key order. */
enum lk_status litekeep_head(struct litekeep *lk, const char *what, const char *table, uint64_t limit,
                             struct litekeep_rows **out, struct lk_error *err);
void litekeep_rows_free(struct litekeep_rows *rows);

/* ---- query: SQL on backups, without restoring them
 * ------------------------------------------------------------------------ */

struct litekeep_value {
    enum {
        LITEKEEP_NULL,
        LITEKEEP_INTEGER,
        LITEKEEP_REAL,
        LITEKEEP_TEXT,
        LITEKEEP_BLOB,
        LITEKEEP_RAWTEXT /* text that is not valid UTF-8 */
    } class;
    int64_t integer;
    double real;
    const void *ptr; /* TEXT, BLOB, RAWTEXT: len bytes, as they are; borrowed for the call */
    size_t len;
};

/* Text that grows; {0} is empty. After an append ptr is NUL-terminated, unless `failed`: memory is out. */
struct litekeep_text {
    char *ptr;
    size_t len, cap;
    bool failed;
};
void litekeep_text_free(struct litekeep_text *text); /* it is {0} again */

enum litekeep_spelling {
    LITEKEEP_SPELL_JSON,  /* as in the JSON lines: 1.0, 9e999, {"$base64":"..."}, {"$text_base64":"..."} */
    LITEKEEP_SPELL_PLAIN, /* numbers as in JSON, text as it is, blobs and rawtext x'00ff', NULL nothing */
    LITEKEEP_SPELL_SHOWN  /* the same, text escaped so that a terminal can show it */
};
/* Append a value. */
void litekeep_spell(const struct litekeep_value *value, enum litekeep_spelling spelling,
                    struct litekeep_text *to);

struct litekeep_query_options {
    const char *what;          /* DB[@WHEN]: its tables and views are there by their own names */
    const char *sql;           /* one statement that reads */
    const char *const *attach; /* "old=DB@WHEN": the tables of another backup, as old.posts */
    uint64_t limit;            /* rows at most; 0: all */
    int64_t timeout;           /* ns; 0: none. Then LK_FAILED */
    /* The names of the columns (UTF-8, any characters), once, before the first row; then each row. Any other
     * result than LK_OK ends the query and is returned. NULL: not called. */
    enum lk_status (*on_columns)(void *context, size_t columns, const char *const *name,
                                 struct lk_error *err);
    enum lk_status (*on_row)(void *context, size_t columns, const struct litekeep_value *value,
                             struct lk_error *err);
    void *context;
};

/* Run one SQL statement on a backup, read-only. Wrong SQL, more than one statement, or one that writes:
 * LK_USAGE. *rows: how many were given to on_row; may be NULL. */
enum lk_status litekeep_query(struct litekeep *lk, const struct litekeep_query_options *options,
                              uint64_t *rows, struct lk_error *err);

/* ---- restore
 * ------------------------------------------------------------------------------------------------------------
 */

struct litekeep_restore_options {
    const char *what; /* DB[@WHEN] */
    const char *to;   /* the file to make; NULL with `into` */
    const char *into; /* an existing database that gets the tables, in one transaction; NULL with `to` */
    const char *const *tables; /* names; none: the whole database (not with `into`) */
    enum litekeep_format from; /* 0: the best there is, and what is damaged there from another */
    bool force;      /* replace an existing file, or tables of `into`; what was there is backed up first */
    bool check_full; /* also PRAGMA integrity_check */
    bool dry_run;    /* only say what would happen */
    unsigned jobs;   /* 0: by processors */
};

struct litekeep_restored_table {
    const char *name; /* shown */
    uint64_t rows;
    const char *from; /* "parquet", "json", "sqlite", or "parquet and json" */
    bool replaced;    /* `into`: there was one of that name */
};

struct litekeep_restored {
    enum lk_status status;     /* LK_OK, or LK_UNREADABLE when something was left out */
    const char *database, *id; /* the backup that it came from */
    const char *path;          /* shown: the file */
    const char *from;          /* "parquet", "json", "sqlite", or "parquet and json" */
    const char *previous; /* "posts@2024-...": the backup of what was there before; NULL: there was nothing */
    uint64_t rows, bytes; /* bytes of the file; 0 with dry_run */
    int64_t duration;
    bool typed; /* false: a backup without manifest: schema unknown, columns typed from the files */
    size_t tables;
    struct litekeep_restored_table *table;
    const char *const
        *notes; /* sentences: what came from another format, what was checked; NULL-terminated */
    const char *const *left_out; /* what could not be rebuilt here, each with its reason; NULL-terminated */
};

/* Rebuild the database of a backup, or some of its tables. The target is the old file or the new one, whole,
 * at every moment. LK_REFUSED: the target exists (or a -wal, -shm or -journal without it), or it cannot be
 * locked. LK_DAMAGED: the backup is, in every format that was allowed; nothing was made. */
enum lk_status litekeep_restore(struct litekeep *lk, const struct litekeep_restore_options *options,
                                struct litekeep_restored **out, struct lk_error *err);
void litekeep_restored_free(struct litekeep_restored *restored);

/* ---- verify
 * -------------------------------------------------------------------------------------------------------------
 */

struct litekeep_verify_options {
    const char *const *what;  /* DB (all its backups) or DB@WHEN; none: every backup in the store */
    unsigned subset, subsets; /* read only the n-th of t subsets of the data, from 1; 0, 0: all */
    bool restore;             /* also rebuild each database in a temporary file and compare */
    const char *tmp;          /* where; NULL: $TMPDIR, else /var/tmp */
    unsigned jobs;            /* 0: by processors */
};

struct litekeep_damage {
    const char *database, *id;
    const char *table;      /* shown; NULL: not of a table */
    uint64_t part;          /* from 1; 0: not of a part */
    const char *file;       /* relative to the backup; NULL: not of a file */
    const char *message;    /* what is wrong */
    const char *restorable; /* of a table: the format it can still be restored from; NULL: from none */
};

struct litekeep_verified {
    enum lk_status
        status; /* LK_OK, LK_DAMAGED, or LK_UNREADABLE (restore: something cannot be rebuilt here) */
    uint64_t backups, damaged_backups;
    uint64_t files, bytes, rows; /* read; a file that several backups share is read once */
    uint64_t restored;           /* databases rebuilt and compared */
    int64_t duration;
    size_t damages;
    struct litekeep_damage *damage; /* by database, backup, table */
    const char *const *notes;       /* NULL-terminated */
};

/* Read everything in the backups again and compare it with their manifests: each file's SHA-256, each
 * block's content hash from each format, and that nothing is missing or foreign. The result is noted in the
 * database's journal. LK_NOT_FOUND, LK_LOCKED, LK_FAILED end it; damage does not. */
enum lk_status litekeep_verify(struct litekeep *lk, const struct litekeep_verify_options *options,
                               struct litekeep_verified **out, struct lk_error *err);
void litekeep_verified_free(struct litekeep_verified *verified);

/* ---- diff
 * ---------------------------------------------------------------------------------------------------------------
 */

enum litekeep_change { LITEKEEP_ADDED, LITEKEEP_REMOVED, LITEKEEP_CHANGED };

struct litekeep_diff_options {
    const char *before;        /* DB[@WHEN] */
    const char *after;         /* DB[@WHEN]; NULL with `live` */
    const char *live;          /* compare with this database file instead */
    const char *const *tables; /* names; none: all */
    /* Each row that differs: its key and the row before and after (NULL where it is not), as JSON objects in
     * the spelling of the JSON lines. Any other result than LK_OK ends it. NULL: rows are only counted. */
    enum lk_status (*on_row)(void *context, const char *table, enum litekeep_change change, const char *key,
                             const char *before, const char *after, struct lk_error *err);
    void *context;
};

struct litekeep_diff_object { /* of the schema */
    enum litekeep_change change;
    const char *type, *name;    /* shown */
    const char *before, *after; /* the SQL, shown; NULL where it is not */
};

struct litekeep_diff_table {
    const char *name;   /* shown */
    bool before, after; /* is it there? */
    uint64_t rows_before, rows_after;
    bool same;                        /* equal by content hash: not read */
    const char *key;                  /* what rows were matched by: "rowid" or the columns' names */
    uint64_t added, removed, changed; /* rows */
    const char *const *columns_added; /* NULL-terminated */
    const char *const *columns_removed;
};

struct litekeep_diff {
    const char *before, *after; /* "posts@2024-05-29T091442Z"; the file's path for `live`; shown */
    bool same;                  /* the same database, as far as the tables asked for go */
    size_t objects;
    struct litekeep_diff_object *object;
    size_t tables;
    struct litekeep_diff_table *table; /* by name */
    const char *const *notes;          /* pragmas that differ, and the like; NULL-terminated */
};

enum lk_status litekeep_diff(struct litekeep *lk, const struct litekeep_diff_options *options,
                             struct litekeep_diff **out, struct lk_error *err);
void litekeep_diff_free(struct litekeep_diff *diff);

/* ---- adopt
 * --------------------------------------------------------------------------------------------------------------
 */

/* The database whose history is in folder `database` is now the file `path`. Refused (LK_REFUSED) when that
 * file has a history itself. */
enum lk_status litekeep_adopt(struct litekeep *lk, const char *database, const char *path,
                              struct lk_error *err);

#ifdef __cplusplus
}
#endif

#endif
