/* A database's folder in the store, and source.json in it: which file its backups are of (docs/STORE.md,
 * "source.json").
 *
 * The identity is a string that the caller makes (machine and real path, or mount source and path in it);
 * here it is only compared. */
#ifndef LK_STORE_DATABASE_H
#define LK_STORE_DATABASE_H

#include "store/store.h"

#define LK_SOURCE_FILE "source.json"

struct lk_database_path {
    char *path; /* any bytes but NUL */
    int64_t first_seen;
    int64_t last_seen; /* instants */
};

struct lk_database {
    char *folder;   /* its name in the store */
    char *identity; /* NULL: unknown: a folder of the original script that no litekeep has claimed */
    size_t paths;
    struct lk_database_path *path; /* the current one last */
    int64_t first_seen;            /* 0 when unknown */
    int64_t last_seen;
    size_t former; /* identities before adopt, oldest first */
    char **former_identity;
};

void lk_database_free(struct lk_database *db); /* NULL is allowed */
/* The path it is known by now, or NULL. */
const char *lk_database_current_path(const struct lk_database *db);

/* All databases of the store, by folder name: folders with a source.json, with backups, or with backups of
 * the original script. A folder whose source.json is lost or damaged gets its identity from its newest
 * manifest that can be read, and `warn` hears of it. The caller frees with lk_database_list_free. */
struct lk_database_list {
    size_t count;
    struct lk_database **database;
};
enum lk_status lk_database_list_all(const struct lk_store *store, struct lk_warn warn,
                                    struct lk_database_list *out, struct lk_error *err) LK_CHECKED;
void lk_database_list_free(struct lk_database_list *list);

/* The database with this identity; LK_NOT_FOUND when no folder has it. Never writes. */
enum lk_status lk_database_find(const struct lk_store *store, const char *identity, struct lk_database **out,
                                struct lk_error *err) LK_CHECKED;

/* The database with this identity, its folder made when it has none yet, and source.json saying that it was
 * seen at `path` at `now`. Takes the store's lock for a moment. The folder is `name` when given (--name),
 * else the stem of `path`, as names.h makes them safe; where a stem is taken by another identity "-<8 hex>"
 * is added. A folder of the original script with the same stem and no owner is claimed. LK_REFUSED: `name`
 * belongs to another identity, or this identity's backups are in another folder. LK_LOCKED: the store's lock
 * was held for 30 s. */
enum lk_status lk_database_claim(const struct lk_store *store, const char *identity, const char *path,
                                 const char *name, int64_t now, struct lk_database **out,
                                 struct lk_error *err) LK_CHECKED;

/* Continue `folder`'s history under a new identity and path (the file moved). LK_REFUSED when another folder
 * has that identity, LK_NOT_FOUND when there is no such folder. The old identity is kept in source.json as a
 * former one. */
enum lk_status lk_database_adopt(const struct lk_store *store, const char *folder, const char *identity,
                                 const char *path, int64_t now, struct lk_database **out,
                                 struct lk_error *err) LK_CHECKED;

/* What a user means by DB; the first that fits decides: a folder's name, which is never ambiguous; the path a
 * database is known by now (as given, or made absolute and real), then one that it was known by; the name of
 * its file, or its stem. A path or name that several databases share ("posts.db" of two clones) is LK_USAGE
 * and lists them with their paths; none: LK_NOT_FOUND and the folders there are. */
enum lk_status lk_database_resolve(const struct lk_store *store, const char *argument,
                                   struct lk_database **out, struct lk_error *err) LK_CHECKED;

/* Open a database's folder. LK_NOT_FOUND when there is none. */
enum lk_status lk_database_open(const struct lk_store *store, const char *folder, struct lk_dir *out,
                                struct lk_error *err) LK_CHECKED;

#endif
