/* The config file: INI, read with inih. One section [litekeep], then one for a folder or a database.
 *
 *     [litekeep]                    what holds for all
 *     [~/data]                      for databases at or below a folder or file: "/...", "~/..."
 *     [posts]                       for the database in this folder of the store
 *     alarm-rows = 50%
 *     alarm-rows sessions* = off    for the tables that match a glob
 *
 * More specific sections win key by key: [litekeep], then paths from short to long, then the name. A list
 * (commas) replaces the less specific list whole. Unknown keys, values that cannot be, keys and sections that
 * come twice, and lines that are none of all this are LK_USAGE with "FILE:LINE: ...": a config is understood
 * as a whole or not at all. Which keys there are stands in one table (config_keys.c), from which the manual
 * is made too. A loaded config does not change and may be used from any thread. */
#ifndef LK_HOST_CONFIG_H
#define LK_HOST_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"

struct lk_config;

/* Where the config file lies: `named` (--config), else LITEKEEP_CONFIG, else the XDG place. *must: it was
 * named, so it has to exist. *out NULL: there is none to look for (named is "", or no home is known). */
enum lk_status lk_config_find(const char *named, char **out, bool *must, struct lk_error *err) LK_CHECKED;

/* Read and understand. A missing file is an empty config, or LK_NOT_FOUND when `must`. A file that group or
 * others may write to is LK_REFUSED: it can name programs to run. path NULL: an empty config. */
enum lk_status lk_config_load(const char *path, bool must, struct lk_config **out,
                              struct lk_error *err) LK_CHECKED;
/* The same from a text, for checks; `path` is for messages. */
enum lk_status lk_config_parse(const char *text, size_t len, const char *path, struct lk_config **out,
                               struct lk_error *err) LK_CHECKED;
void lk_config_free(struct lk_config *c); /* NULL is allowed */

const char *lk_config_path(const struct lk_config *c); /* NULL: none */
bool lk_config_exists(const struct lk_config *c);
size_t lk_config_sections(const struct lk_config *c);

/* A section: of a path, of a database's folder in the store, or (both NULL) [litekeep]. */
struct lk_config_place {
    const char *path, *folder;
    unsigned line;
};
struct lk_config_place lk_config_place(const struct lk_config *c, size_t section);

#define LK_NOTIFY_TIMEOUT (INT64_C(10) * 1000000000) /* ns: where the config says nothing */

/* Where messages go. Texts NULL: not set. Secrets are read from their files by whoever uses them. */
struct lk_notify_settings {
    const char *command; /* a command line: words, quotes as in a shell, nothing else */
    const char *log;     /* a file to append to */
    const char *url,
        *url_file;          /* POST there; or the URL stands in a file, "credential:NAME": one of systemd's */
    const char *token_file; /* a bearer token for it */
    const char *heartbeat_url, *heartbeat_url_file;
    bool success;    /* tell of runs without trouble, too */
    int64_t timeout; /* ns; LK_NOTIFY_TIMEOUT where nothing is said */
};

/* What holds for the run as a whole; NULL and 0 where nothing is said. Borrowed from the config. */
struct lk_general_settings {
    const char *store, *store_uuid;
    bool store_in_work_tree; /* a store inside a Git work tree is allowed */
    bool group_access;
    const char *const *paths, *const *include, *const *exclude; /* NULL-terminated, or NULL */
    const char *tmp;
    unsigned jobs;
    uint64_t memory;
    struct lk_notify_settings notify;
};
const struct lk_general_settings *lk_config_general(const struct lk_config *c);

#define LK_ALARM_LOST 0.5 /* share of rows or values whose loss raises an alarm */
#define LK_ALARM_OFF 2.0  /* never */
#define LK_ALARM_WINDOW (INT64_C(30) * 86400 * 1000000000)

/* From which loss on a table raises an alarm. */
struct lk_alarm_limit {
    const char *table; /* glob; NULL: every table */
    bool values;       /* of a column's values; else of rows */
    double lost;       /* 0.5: when fewer than half are left; LK_ALARM_OFF: never */
};

/* What holds for one database. Zero and NULL where nothing is said, except in `alarm_*`. */
struct lk_settings {
    unsigned formats; /* bits of enum litekeep_format */
    const char *parquet_codec, *json_codec;
    const char *const *tables, *const *skip_tables; /* globs */
    const char *name;
    int snapshot; /* enum litekeep_snapshot */
    int64_t max_lock, if_older_than;
    bool no_verify;
    const char *const *tags;
    struct litekeep_retention keep;
    int64_t every;       /* ns: a backup is promised at least this often */
    int64_t stale_after; /* ns; 0: by `every` */
    bool alarm_off, alarm_older_off;
    int64_t alarm_window; /* ns: how far back the highest counts are looked for */
    size_t alarm_limits;  /* the first that fits decides; then LK_ALARM_LOST */
    struct lk_alarm_limit *alarm_limit;
};

/* What holds for the database at `path` (NULL: unknown) whose folder in the store is `folder` (NULL: none
 * yet). Texts are borrowed from the config; free the rest with lk_settings_reset. */
enum lk_status lk_config_settings(const struct lk_config *c, const char *path, const char *folder,
                                  struct lk_settings *out, struct lk_error *err) LK_CHECKED;
void lk_settings_reset(struct lk_settings *s);

/* The share of a table's rows (or a column's values) whose loss raises an alarm. */
double lk_settings_limit(const struct lk_settings *s, const char *table, bool values);

/* Each key that holds for this database (both NULL: in general) with its value as written and its line; line
 * 0: the default. In the order of the keys, table-specific ones behind their key. */
enum lk_status lk_config_each(const struct lk_config *c, const char *path, const char *folder,
                              enum lk_status (*each)(void *context, const char *key, const char *value,
                                                     unsigned line, struct lk_error *err),
                              void *context, struct lk_error *err) LK_CHECKED;

/* Add keys to the section [litekeep] of a config file (made when missing, 0600). Where the section has one of
 * that name it stays, or, with `replace`, gets the value in its place; value NULL: its line goes. Everything
 * else stays byte for byte (but comments between the lines of a value that is replaced). Replaced atomically;
 * a link is followed and the file it names is replaced. *changed: did anything change? The text is understood
 * as a whole before and after. */
struct lk_config_addition {
    const char *key, *value;
    bool replace;
};
enum lk_status lk_config_add(const char *path, const struct lk_config_addition *add, size_t count,
                             bool *changed, struct lk_error *err) LK_CHECKED;

#endif
