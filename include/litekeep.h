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

/* ---- Session */

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
    LITEKEEP_EVENT_CHECKED,   /* verify: database, id, tables, rows, stored_bytes, duration, status */
    LITEKEEP_EVENT_ALARM,     /* path, database, alarm, message: raised just now */
    LITEKEEP_EVENT_OPEN,      /* path, database, alarm, message: raised earlier, and still open */
    LITEKEEP_EVENT_RECOVERED, /* path, database, alarm, message: what was lost is back; the alarm is over */
    LITEKEEP_EVENT_PRUNED, /* path, database, id, stored_bytes, message: a backup was removed by the policy */
};

struct litekeep_alarm;

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
    const struct litekeep_alarm *alarm;
};

struct litekeep_options {
    /* NULL: LITEKEEP_STORE, else `store` of the config file, else $XDG_DATA_HOME/litekeep, else
     * ~/.local/share/litekeep */
    const char *store;
    /* The config file. NULL: LITEKEEP_CONFIG, else $XDG_CONFIG_HOME/litekeep/config.ini, else
     * ~/.config/litekeep/config.ini, which need not exist. It is read by the first call that needs it; one
     * that cannot be understood is LK_USAGE then. "" is no config at all. */
    const char *config;
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
/* What a command line that people copy needs behind "litekeep" to use this store: "--store DIR ", quoted for
 * a shell; "" where a plain command uses it. */
const char *litekeep_store_option(const struct litekeep *lk);

/* Ask all work in this process to stop soon with LK_INTERRUPTED, leaving nothing half-made.
 * Async-signal-safe. */
void litekeep_interrupt(void);

/* ---- Words of the command line, parsed as everywhere */

bool litekeep_parse_duration(const char *text, int64_t *out); /* "8h", "30d", "3s", "500ms", "1h30m" */
bool litekeep_parse_size(const char *text, uint64_t *out); /* "256M", "16MiB", "1G", "1000"; powers of 1024 */
/* For people: "2d 3h", "1.5s"; "582.8 MiB"; local "2024-05-29 11:14:42"; RFC 3339 UTC. out has
 * LITEKEEP_WORD_SIZE bytes. */
#define LITEKEEP_WORD_SIZE 64
void litekeep_format_duration(int64_t duration, char *out);
void litekeep_format_size(uint64_t bytes, char *out);
void litekeep_format_time_local(int64_t time, char *out);
void litekeep_format_time(int64_t time, char *out);
/* The name that `word` was probably meant to be: the nearest of `count` by edit distance, or the only one
 * that it begins; NULL when none is near. Names are borrowed. */
const char *litekeep_nearest(const char *word, const char *const *names, size_t count);

/* ---- scan: the databases below some paths */

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
    const char *database;        /* folder in the store; NULL: never backed up */
    const char *last_backup;     /* id; NULL: never */
    int64_t last_finished;       /* 0: never */
    bool git_tracked;            /* in the index of a Git repository: a checkout can replace it */
    const char *const *threats;  /* sentences: what endangers it; NULL-terminated */
    const char *const *remedies; /* command lines that make it safe, in their order; NULL-terminated */
    const char *file;            /* its path byte for byte, for other calls */
    const char *repository;      /* top of the Git work tree that it lies in; shown; NULL: none is known */
    bool git_unsafe;             /* litekeep_guard_fix has something to do for it */
    bool git_unknown;            /* it lies in a repository that cannot be looked at; threats[0] says why */
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

/* ---- backup */

enum litekeep_format { LITEKEEP_PARQUET = 1, LITEKEEP_JSON = 2, LITEKEEP_SQLITE = 4 };
enum litekeep_snapshot {
    LITEKEEP_SNAPSHOT_DEFAULT, /* as the config says, else auto */
    LITEKEEP_SNAPSHOT_AUTO,
    LITEKEEP_SNAPSHOT_READ,
    LITEKEEP_SNAPSHOT_COPY
};

/* What is zero or NULL here is as the config file says, and only then as the comments say. */
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
    int64_t if_older_than; /* skip a database whose last backup is younger; 0, or less than 0: never skip */
    bool no_verify;
    bool dry_run;
    bool rebuild; /* forget the columns of earlier backups */
    const char *const *tags;
};

struct litekeep_backup_summary {
    uint64_t done, skipped, failed; /* databases; failed includes files that are no readable databases */
    uint64_t alarms, open_alarms;   /* raised by this run; raised earlier and still open */
    uint64_t pruned;                /* backups removed by the policy */
    uint64_t rows, source_bytes, stored_bytes;
    int64_t duration;
};

/* Back up every database found. One that fails does not stop the others: the result is the worst status
 * (litekeep_worse), and err holds the message of the first failure; each has been an event. */
enum lk_status litekeep_backup(struct litekeep *lk, const struct litekeep_backup_options *options,
                               struct litekeep_backup_summary *summary, struct lk_error *err);

/* ---- alarms: what has shrunk */

enum litekeep_alarm_kind {
    LITEKEEP_ALARM_ROWS,   /* "rows": a table lost more rows than its threshold allows */
    LITEKEEP_ALARM_EMPTY,  /* "empty": a table that had rows has none */
    LITEKEEP_ALARM_VALUES, /* "values": a column lost values (they are NULL now) */
    LITEKEEP_ALARM_TABLE,  /* "table": a table with rows is gone */
    LITEKEEP_ALARM_CUT,    /* "cut": the database has 0 bytes, or no table any more */
    LITEKEEP_ALARM_GONE,   /* "gone": the file is gone, or is no database any more */
    LITEKEEP_ALARM_OLDER,  /* "older": the change counter or a sequence has gone back: an old file is back */
    LITEKEEP_ALARM_ROOT,   /* "root": a folder holds none of its databases any more: not mounted? */
    LITEKEEP_ALARM_STALE,  /* "stale": no backup for longer than promised (status only) */
    LITEKEEP_ALARM_STORE,  /* "store": the store is not there, or another one is (status only) */
    LITEKEEP_ALARM_REPLACED, /* "replaced": another file lies at the path (compare only) */
};

/* Strings are shown text. */
struct litekeep_alarm {
    enum litekeep_alarm_kind kind;
    const char *word;          /* "rows", ... */
    const char *database;      /* its folder in the store; NULL: of ROOT and STORE */
    const char *path;          /* of the source, the root, or the store */
    const char *table;         /* NULL where it is not about a table */
    const char *column;        /* of VALUES; else NULL */
    uint64_t before, now;      /* rows, values, or the counter; 0 where the kind has none */
    int64_t raised;            /* instant; 0: not known */
    const char *id;            /* the backup that shows it; NULL: none */
    const char *good;          /* the last good backup, which is pinned; NULL: there is none */
    const char *message;       /* what happened, in one sentence */
    const char *const *causes; /* sentences: what points to a cause; NULL-terminated */
    const char *restore;       /* the command line that brings it back; NULL: none does, or it is back */
    const char *ack;           /* the command line that accepts it; NULL: it is not open, or none does */
};

/* Accept the open alarms of a database: they are closed, what it holds now is the measure from now on, and
 * what was pinned for them stays pinned. `database` may also be the path of a root whose alarm is open.
 * *acked: how many; LK_NOT_FOUND when none is open. `note` (may be NULL) goes into the journal. */
enum lk_status litekeep_ack(struct litekeep *lk, const char *database, const char *note, uint64_t *acked,
                            struct lk_error *err);

/* ---- list, show */

struct litekeep_backup_info {
    const char *id;
    uint64_t seq;
    int64_t started, finished;
    uint64_t tables, rows;
    uint64_t source_bytes, stored_bytes;
    bool verified;       /* read back and compared when it was taken */
    bool verified_known; /* false: its manifest alone says it, and was not read (of an earlier version, in a
                            list of all databases) */
    int64_t checked;     /* when `verify` last looked at all of it; 0: never */
    bool damaged;        /* what it found: damage */
    bool pinned;         /* kept for ever */
    bool alarm;          /* it shows a loss: an alarm was raised by it and is still open */
    bool legacy; /* written by the Python script that litekeep grew out of: no manifest, counts unknown */
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
    size_t alarms;                       /* open ones */
    struct litekeep_alarm *alarm;        /* oldest first */
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

/* ---- query: SQL on backups, without restoring them */

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

/* ---- restore */

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

/* ---- verify */

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

/* ---- diff */

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

/* ---- pin, unpin, remove, prune: what is kept */

/* Keep a backup for ever, or no longer. `what` is DB@WHEN. *id (LITEKEEP_WORD_SIZE bytes) is the backup's.
 * LK_REFUSED: unpinning the good backup of an open alarm (ack it first). */
enum lk_status litekeep_pin(struct litekeep *lk, const char *what, bool pinned, char *id,
                            struct lk_error *err);

struct litekeep_removed {
    const char *database, *id;
    uint64_t bytes; /* that were freed: files shared with other backups stay */
};

/* Delete one backup. LK_REFUSED, unless `force`: it is pinned (or may be: a line of the journal that names it
 * cannot be read), the last good one before an open alarm, of the original script, or the newest that was
 * verified (where none was, the newest). Good backups, partial ones and those that show a loss have each a
 * newest one; damaged ones only where there is no good one. `dry_run`: only say what would go. */
enum lk_status litekeep_remove(struct litekeep *lk, const char *what, bool force, bool dry_run,
                               struct litekeep_removed **out, struct lk_error *err);
void litekeep_removed_free(struct litekeep_removed *removed);

/* A retention policy. {0} is none. */
struct litekeep_retention {
    unsigned last, hourly, daily, weekly, monthly, yearly; /* how many of each */
    int64_t within;                                        /* ns, before the newest backup */
    const char *const *tags;                               /* all backups that have one of them */
};

struct litekeep_prune_options {
    const char *const *databases;   /* names or paths; none: all of the store */
    struct litekeep_retention keep; /* {0}: what the config says for each database */
    bool dry_run;
};

struct litekeep_pruned_backup {
    const char *id;
    int64_t started;
    bool kept;
    const char *reason; /* kept: why, "last 1, daily 1, pinned"; removed: NULL, or why it could not be */
    uint64_t bytes;     /* of its files */
};

struct litekeep_pruned_database {
    const char *name;
    const char *problem; /* why nothing was done although something was to be; else NULL */
    const char *note;    /* why nothing was to be done (no policy); else NULL */
    size_t backups;
    struct litekeep_pruned_backup *backup; /* newest first */
};

struct litekeep_pruned {
    enum lk_status status; /* the worst of its databases */
    uint64_t kept, removed, bytes;
    size_t databases;
    struct litekeep_pruned_database *database;
};

/* Remove the backups that the policy does not keep. Always kept: the newest verified one, pinned ones, the
 * last good one before an open alarm, those whose time cannot be right, and those of the original script. A
 * policy that keeps nothing is LK_USAGE; a database without one is left alone. */
enum lk_status litekeep_prune(struct litekeep *lk, const struct litekeep_prune_options *options,
                              struct litekeep_pruned **out, struct lk_error *err);
void litekeep_pruned_free(struct litekeep_pruned *pruned);

/* ---- status */

struct litekeep_database_status {
    const char *name, *path; /* shown */
    const char *state;       /* "ok", "alarm", "stale", "damaged", "empty" (no backup) */
    const char *last_id;     /* the newest backup; NULL: none */
    int64_t last_finished;
    bool counted; /* its rows and tables are known (not those of the original script's backups) */
    uint64_t rows, tables;
    size_t backups;
    unsigned copies; /* physical ones of the newest backup: 1 */
    uint64_t stored_bytes;
    int64_t verified; /* when the newest backup was last read again; 0: when it was taken */
    int64_t promised; /* ns: a backup at least this often, by config or schedule; 0: nobody said */
    size_t alarms;
    struct litekeep_alarm *alarm; /* open ones; STALE, when its own backup is late */
    const char *problem;          /* its folder cannot be read: why; else NULL */
};

struct litekeep_run_status {
    int64_t started, finished; /* 0: never */
    enum lk_status status;
    uint64_t done, failed, alarms;
    const char *message; /* of a failure; NULL: none */
};

struct litekeep_status {
    enum lk_status status; /* LK_OK, LK_ALARM, LK_DAMAGED, ... */
    const char *state;     /* "ok", "alarm", "stale", "damaged", "failed" (the last run), "empty" */
    const char *store;     /* shown */
    bool scheduled;        /* a schedule of this store is installed for this user here */
    int64_t next_run;      /* instant; 0: not known */
    struct litekeep_run_status last_run;
    uint64_t free_bytes; /* on the store's file system; UINT64_MAX: not known */
    uint64_t stored_bytes;
    size_t alarms;
    struct litekeep_alarm *alarm; /* those of no single database: ROOT, STORE; STALE: no run for too long */
    size_t databases;
    struct litekeep_database_status *database; /* by name */
};

/* How everything is. A store that is expected (config or schedule name it) and not there is an alarm; one
 * that nobody named is LK_NOT_FOUND. */
enum lk_status litekeep_status(struct litekeep *lk, struct litekeep_status **out, struct lk_error *err);
void litekeep_status_free(struct litekeep_status *status);

/* ---- compare: the live databases with their last backups, by counts */

struct litekeep_compare_options {
    const char *const *paths;   /* files and folders; none: `paths` of the config, else the current folder */
    const char *const *include; /* globs over paths, as those of a backup */
    const char *const *exclude;
    double tolerance; /* share of a table's rows that may go (0.1: a tenth); 0: none may */
};

struct litekeep_compared {
    enum lk_status status; /* LK_ALARM: something was lost; LK_UNREADABLE: something could not be looked at */
    uint64_t databases;    /* looked at */
    size_t losses;
    struct litekeep_alarm *loss; /* what was lost; `good` is the last backup */
    size_t replaced;
    struct litekeep_alarm *replacement; /* "replaced": another file is there now, though nothing was lost */
    const char *const *notes;           /* sentences: databases that have no backup yet; NULL-terminated */
    const char *const *without;         /* the paths of these; NULL-terminated */
    const char *const *problems;        /* sentences: what could not be looked at; NULL-terminated */
};

/* Has anything gone since the last backup? Takes no backup and writes nothing to the store. */
enum lk_status litekeep_compare(struct litekeep *lk, const struct litekeep_compare_options *options,
                                struct litekeep_compared **out, struct lk_error *err);
void litekeep_compared_free(struct litekeep_compared *compared);

/* ---- schedule */

enum litekeep_backend {
    LITEKEEP_BACKEND_AUTO,
    LITEKEEP_BACKEND_CRON,
    LITEKEEP_BACKEND_SYSTEMD,
    LITEKEEP_BACKEND_SCRONTAB
};

struct litekeep_schedule_options {
    const char *const *paths; /* what is backed up; none: `paths` of the config, else the current folder */
    int64_t every;            /* ns; 0 with `cron` NULL: 8 h */
    const char *cron;         /* a cron expression instead of `every`: "0 *\/8 * * *" */
    enum litekeep_backend backend;
    bool system;         /* systemd: units of the system, not of the user (root) */
    const char *program; /* the litekeep that is to run; absolute; NULL: this program */
    const char *notify;  /* where alarms go: a URL, or the path of a program; NULL: as the config says */
    bool no_retention;   /* do not write a first retention policy into the config */
    bool dry_run;
};

struct litekeep_schedule {
    const char *backend; /* "cron", "systemd", "scrontab"; NULL: nothing is installed */
    const char *text;    /* the crontab lines or the units, as they are, would be or were; NULL: none */
    const char *store;   /* shown */
    const char *config;  /* path of the config file */
    const char *log;     /* path of the log file */
    const char *when;    /* the cron expression, or systemd's OnCalendar */
    bool changed;        /* install, remove: something was changed, or would be */
    bool every_known;
    int64_t every;    /* ns between two runs, at most */
    int64_t next_run; /* instant; 0: not known */
    struct litekeep_run_status last_run;
    const char *const *changes; /* sentences: what was changed, or would be; NULL-terminated */
    const char *const *notes;   /* sentences: what was checked, what is missing; NULL-terminated */
};

/* Install, look at, or remove the schedule of this store for this user. Installing what is there changes
 * nothing. LK_FAILED with what to do by hand: no crontab program, no permission, a crontab that changed
 * meanwhile. LK_LOCKED: another one is being changed, for more than a minute. `every` and the paths that are
 * named go into the config, and removing takes `every` out again, unless the config is another store's. */
enum lk_status litekeep_schedule_install(struct litekeep *lk, const struct litekeep_schedule_options *options,
                                         struct litekeep_schedule **out, struct lk_error *err);
enum lk_status litekeep_schedule_show(struct litekeep *lk, struct litekeep_schedule **out,
                                      struct lk_error *err);
enum lk_status litekeep_schedule_remove(struct litekeep *lk, bool dry_run, struct litekeep_schedule **out,
                                        struct lk_error *err);
void litekeep_schedule_free(struct litekeep_schedule *schedule);

/* ---- config */

struct litekeep_config_key {
    const char *name;
    const char *kind;     /* what its value is: "duration", "size", "yes or no", "list", ... */
    bool database;        /* may stand in the section of a database or folder, too */
    bool table;           /* may be followed by a table's name: "alarm-rows TABLE" */
    const char *fallback; /* what holds without it */
    const char *help;     /* one sentence without a full stop */
};
/* All keys of the config file, in the order of the manual. Static. */
const struct litekeep_config_key *litekeep_config_keys(size_t *count);

struct litekeep_setting {
    const char *key;
    const char *value;
    const char *origin; /* "line 12", or "default" */
};

struct litekeep_config {
    const char *path; /* of the file; shown */
    bool exists;
    size_t sections;
    size_t settings;
    struct litekeep_setting *setting; /* what holds, in the order of the keys; defaults included */
};

/* Read the config file and say what holds: in general, or (what: a database's path or folder name) for one
 * database. LK_USAGE with the file, the line and the way out when it cannot be understood. */
enum lk_status litekeep_config_show(struct litekeep *lk, const char *what, struct litekeep_config **out,
                                    struct lk_error *err);
void litekeep_config_free(struct litekeep_config *config);

struct litekeep_config_checked {
    const char *path; /* of the file; shown; NULL: none is looked for */
    bool exists;
    size_t sections;
    const char *const *problems; /* sentences: what will not work; NULL-terminated */
    const char *const *notes;    /* sentences: what may not be meant so; NULL-terminated */
};

/* Read the config file and look whether what it names is there: store, paths, programs, secrets, databases.
 * LK_USAGE when it cannot be understood; problems are in *out. */
enum lk_status litekeep_config_check(struct litekeep *lk, struct litekeep_config_checked **out,
                                     struct lk_error *err);
void litekeep_config_checked_free(struct litekeep_config_checked *checked);

/* Send a test message to everything the config notifies. *sent: to how many; problems are events of type
 * WARNING, and LK_FAILED when one did not take it. */
enum lk_status litekeep_notify_test(struct litekeep *lk, uint64_t *sent, struct lk_error *err);

/* Open the log file of a run for appending: made 0600 with its folders where missing, rotated first when it
 * is 1 MiB or longer (FILE.1 to FILE.4 are kept). The last component may be no link. *fd is the caller's. */
enum lk_status litekeep_log_open(const char *path, int *fd, struct lk_error *err);

/* ---- guard: databases in Git work trees */

struct litekeep_guard {
    bool changed;
    bool installed;               /* show: the hooks are there */
    const char *repository;       /* top of the work tree; shown */
    const char *const *done;      /* sentences: what was changed, or would be; NULL-terminated */
    const char *const *notes;     /* sentences: what it does not cover; NULL-terminated */
    const char *const *databases; /* SQLite databases that the repository tracks; shown; NULL-terminated */
    const char *const *files;     /* show: the same, byte for byte, and those that the store knows and
                                     that are gone, or no databases any more: paths for a backup or a
                                     comparison */
};

/* Take a tracked database out of its repository's index and add it to .gitignore; the file itself is not
 * touched, and other staged changes stay. LK_REFUSED: the index is locked, or the repository is not trusted
 * (safe.directory). LK_NOT_FOUND: it lies in no work tree. */
enum lk_status litekeep_guard_fix(struct litekeep *lk, const char *path, bool dry_run,
                                  struct litekeep_guard **out, struct lk_error *err);

struct litekeep_guard_options {
    const char *path;      /* a work tree, or anything in it; NULL: the current folder */
    const char *program;   /* the litekeep that the hooks run; absolute; NULL: this program */
    int64_t if_older_than; /* no backup of a database whose last one is younger; 0: always one */
    bool strict;           /* a backup that fails stops Git, where Git can be stopped */
    bool dry_run;
};

/* Hooks in the repository of `path` that take a backup before Git may touch a tracked database, where Git has
 * such a hook, and look at it afterwards. Own hooks of the repository are kept and called. LK_REFUSED: the
 * repository is not trusted (safe.directory), its hooks lie elsewhere (core.hooksPath), or a hook of its own
 * cannot be called under another name. */
enum lk_status litekeep_guard_install(struct litekeep *lk, const struct litekeep_guard_options *options,
                                      struct litekeep_guard **out, struct lk_error *err);
/* Take them away; own hooks get their names back. */
enum lk_status litekeep_guard_remove(struct litekeep *lk, const char *path, bool dry_run,
                                     struct litekeep_guard **out, struct lk_error *err);
/* Which hooks are there, and which databases they are for. */
enum lk_status litekeep_guard_show(struct litekeep *lk, const char *path, struct litekeep_guard **out,
                                   struct lk_error *err);
void litekeep_guard_free(struct litekeep_guard *guard);

/* ---- adopt */

/* The database whose history is in folder `database` is now the file `path`. Refused (LK_REFUSED) when that
 * file has a history itself. */
enum lk_status litekeep_adopt(struct litekeep *lk, const char *database, const char *path,
                              struct lk_error *err);

#ifdef __cplusplus
}
#endif

#endif
