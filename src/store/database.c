#include "store/database.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/database_file.h"
#include "store/known.h"
#include "store/leftovers.h"
#include "store/legacy.h"
#include "store/lock.h"
#include "store/names.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define STORE_WAIT (30 * INT64_C(1000000000)) /* the store's lock is held for milliseconds */

enum { SHOWN = 5 }; /* databases named in a message */

void lk_database_free(struct lk_database *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->paths; i++)
        lk_free(db->path[i].path);
    for (size_t i = 0; i < db->former; i++)
        lk_free(db->former_identity[i]);
    lk_free(db->path);
    lk_free(db->former_identity);
    lk_free(db->identity);
    lk_free(db->folder);
    lk_free(db);
}

void lk_database_list_free(struct lk_database_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        lk_database_free(list->database[i]);
    lk_free(list->database);
    *list = (struct lk_database_list){0};
}

const char *lk_database_current_path(const struct lk_database *db)
{
    return db->paths == 0 ? NULL : db->path[db->paths - 1].path;
}

enum lk_status lk_database_open(const struct lk_store *store, const char *folder, struct lk_dir *out,
                                struct lk_error *err)
{
    *out = LK_DIR_CLOSED;
    if (!lk_dir_is_name(folder))
        return lk_fail(err, LK_NOT_FOUND, "%s: the store has no database '%s'", store->dir.path, folder);
    const enum lk_status status = lk_dir_open_at(&store->dir, folder, out, err);
    if (status != LK_NOT_FOUND)
        return status;
    return lk_fail(err, LK_NOT_FOUND, "%s: the store has no database '%s'", store->dir.path, folder);
}

/* The database in a folder of the store; *out NULL: it is none. */
static enum lk_status look_at(const struct lk_store *store, const char *folder, struct lk_warn warn,
                              struct lk_database **out, struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    *out = NULL;
    if (folder[0] == '.')
        return LK_OK;
    struct lk_error why = {0};
    enum lk_status status = lk_dir_open_at(&store->dir, folder, &dir, &why);
    if (status == LK_NOT_FOUND || (status != LK_OK && (why.system == ENOTDIR || why.system == ELOOP)))
        return LK_OK; /* gone meanwhile, a file, a link: not ours */
    if (status != LK_OK && (why.system == EACCES || why.system == EPERM)) {
        lk_store_warn(warn, "%s", why.message);
        return LK_OK;
    }
    if (status != LK_OK) {
        *err = why;
        return status;
    }
    status = lk_database_file_look(&dir, folder, warn, out, err);
    lk_dir_close(&dir);
    return status;
}

enum lk_status lk_database_list_all(const struct lk_store *store, struct lk_warn warn,
                                    struct lk_database_list *out, struct lk_error *err)
{
    struct lk_database_list list = {0};
    char **names = NULL;
    size_t count = 0;
    *out = list;
    enum lk_status status = lk_dir_list(&store->dir, &names, &count, err);
    if (status != LK_OK)
        return status;
    list.database = lk_allocate_zeroed(count, sizeof(struct lk_database *));
    if (list.database == NULL)
        status = lk_fail_memory(err, "listing databases");
    for (size_t i = 0; status == LK_OK && i < count; i++) {
        struct lk_database *db;
        status = look_at(store, names[i], warn, &db, err);
        if (status == LK_OK && db != NULL)
            list.database[list.count++] = db;
    }
    lk_free(names);
    if (status == LK_OK)
        *out = list;
    else
        lk_database_list_free(&list);
    return status;
}

static bool has_identity(const struct lk_database *db, const char *identity)
{
    return db->identity != NULL && strcmp(db->identity, identity) == 0;
}

/* Look for an identity in one folder: *out NULL when it is not there. */
static enum lk_status find_in(const struct lk_store *store, const char *folder, const char *identity,
                              struct lk_database **out, struct lk_error *err)
{
    const struct lk_warn silent = {0};
    const struct lk_known_stamp stamp = lk_known_stamp_of(&store->dir, folder);
    const enum lk_status status = look_at(store, folder, silent, out, err);
    if (status == LK_OK && *out != NULL && !has_identity(*out, identity)) {
        lk_known_remember(store->known, folder, stamp, (*out)->identity);
        lk_database_free(*out);
        *out = NULL;
    }
    return status;
}

enum lk_status lk_database_find(const struct lk_store *store, const char *identity, struct lk_database **out,
                                struct lk_error *err)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_database *db = NULL;
    enum lk_status status = lk_dir_list(&store->dir, &names, &count, err);
    for (size_t i = 0; status == LK_OK && db == NULL && i < count; i++)
        if (!lk_known_is_another(store->known, &store->dir, names[i], identity))
            status = find_in(store, names[i], identity, &db, err);
    lk_free(names);
    if (status == LK_OK && db == NULL)
        status = lk_fail(err, LK_NOT_FOUND, "%s: the store has no backups of this database", store->dir.path);
    if (status == LK_OK)
        *out = db;
    return status;
}

/* The names that a database's folder may have, likeliest first. */
struct candidates {
    char *name[2];
};

static void reset_candidates(struct candidates *c)
{
    lk_free(c->name[0]);
    lk_free(c->name[1]);
}

static bool spell_candidates(const char *identity, const char *path, const char *name, struct candidates *out)
{
    out->name[0] = lk_name_encode(name != NULL ? lk_bytes_of(name) : lk_name_stem(path), 0);
    out->name[1] = out->name[0] == NULL ? NULL : lk_name_with_identity(out->name[0], identity);
    if (out->name[1] != NULL)
        return true;
    reset_candidates(out);
    return false;
}

/* Most databases are where their name says; all folders are read only for the others. */
static enum lk_status find_known(const struct lk_store *store, const struct candidates *c,
                                 const char *identity, struct lk_database **out, struct lk_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < 2; i++) {
        const enum lk_status status = find_in(store, c->name[i], identity, out, err);
        if (status != LK_OK || *out != NULL)
            return status;
    }
    const enum lk_status status = lk_database_find(store, identity, out, err);
    return status == LK_NOT_FOUND ? LK_OK : status;
}

/* May `folder` become that of a new identity? It may when nothing of that name (in any case) is there, or a
 * folder of the original script's backups that nobody owns, or an empty one, which a crash left. */
static enum lk_status is_free(const struct lk_store *store, const char *folder, bool *out,
                              struct lk_error *err)
{
    char **names = NULL;
    size_t count = 0;
    bool exact = false, other = false;
    enum lk_status status = lk_dir_list(&store->dir, &names, &count, err);
    if (status != LK_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], folder) == 0)
            exact = true;
        else if (strcasecmp(names[i], folder) == 0)
            other = true;
    }
    lk_free(names);
    *out = !other && !exact;
    if (other || !exact)
        return LK_OK;
    struct lk_dir dir = LK_DIR_CLOSED;
    status = lk_dir_open_at(&store->dir, folder, &dir, err);
    if (status != LK_OK)
        return err->system == ENOTDIR || err->system == ELOOP ? LK_OK : status;
    status = lk_database_file_is_claimable(&dir, out, err);
    lk_dir_close(&dir);
    return status;
}

static enum lk_status choose_folder(const struct lk_store *store, const struct candidates *c,
                                    const char *name, const char **out, struct lk_error *err)
{
    bool available = false;
    enum lk_status status = is_free(store, c->name[0], &available, err);
    *out = c->name[0];
    if (status != LK_OK || available)
        return status;
    if (name != NULL)
        return lk_fail(err, LK_REFUSED,
                       "%s: the name '%s' belongs to another database; histories are never merged: choose "
                       "another --name, "
                       "or use `litekeep adopt` if that database moved here",
                       store->dir.path, name);
    status = is_free(store, c->name[1], &available, err);
    *out = c->name[1];
    if (status != LK_OK || available)
        return status;
    return lk_fail(err, LK_REFUSED,
                   "%s: both '%s' and '%s' belong to other databases: give this one a --name",
                   store->dir.path, c->name[0], c->name[1]);
}

/* `fresh`: the folder may be new. One that was found by its source.json is durable, since source.json is
 * written after the store's folder was synced. */
static enum lk_status save(const struct lk_store *store, const struct lk_database *db, bool fresh,
                           struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    enum lk_status status = lk_dir_create_at(&store->dir, db->folder, store->dir_mode, false, &dir, err);
    if (status == LK_OK && fresh)
        status = lk_dir_sync(&store->dir, err);
    if (status == LK_OK) {
        /* source.json is written under the store's lock alone, so nobody else is writing one now. */
        lk_leftovers_remove(&dir, LK_FILE_TEMPORARY);
        status = lk_database_file_write(&dir, store->journal_mode, db, err);
    }
    lk_dir_close(&dir);
    return status;
}

/* The store's lock. Waiting for another process is done by asking again and again, so the threads of this one
 * queue up before it. */
static enum lk_status take_store(const struct lk_store *store, const char *purpose, struct lk_lock **out,
                                 struct lk_error *err)
{
    lk_known_lock(store->known);
    const enum lk_status status =
        lk_lock_take(&store->dir, store->journal_mode, purpose, STORE_WAIT, out, err);
    if (status != LK_OK)
        lk_known_unlock(store->known);
    return status;
}

static void release_store(const struct lk_store *store, struct lk_lock *lock)
{
    lk_lock_release(lock);
    lk_known_unlock(store->known);
}

static enum lk_status claim_locked(const struct lk_store *store, const char *identity, const char *path,
                                   const char *name, int64_t now, struct lk_database **out,
                                   struct lk_error *err)
{
    struct candidates c;
    struct lk_database *db = NULL;
    const char *folder;
    if (!spell_candidates(identity, path, name, &c))
        return lk_fail_memory(err, "choosing a database's folder");
    enum lk_status status = find_known(store, &c, identity, &db, err);
    if (status != LK_OK)
        goto out;
    if (db != NULL && name != NULL && strcmp(db->folder, c.name[0]) != 0) {
        status = lk_fail(err, LK_REFUSED, "%s: the backups of this database are in '%s'; leave --name %s out",
                         path, db->folder, name);
        goto out;
    }
    const bool fresh = db == NULL;
    if (fresh) {
        status = choose_folder(store, &c, name, &folder, err);
        if (status == LK_OK)
            status = lk_database_file_new(folder, &db, err);
        if (status != LK_OK)
            goto out;
        db->first_seen = now;
    }
    status = lk_database_file_seen(db, identity, path, now, err);
    if (status == LK_OK)
        status = save(store, db, fresh, err);
    if (status != LK_OK)
        goto out;
    *out = db;
    db = NULL;
out:
    lk_database_free(db);
    reset_candidates(&c);
    return status;
}

enum lk_status lk_database_claim(const struct lk_store *store, const char *identity, const char *path,
                                 const char *name, int64_t now, struct lk_database **out,
                                 struct lk_error *err)
{
    struct lk_lock *lock = NULL;
    enum lk_status status = take_store(store, "claim", &lock, err);
    if (status != LK_OK)
        return status;
    status = claim_locked(store, identity, path, name, now, out, err);
    release_store(store, lock);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

static enum lk_status adopt_locked(const struct lk_store *store, const char *folder, const char *identity,
                                   const char *path, int64_t now, struct lk_database **out,
                                   struct lk_error *err)
{
    const struct lk_warn silent = {0};
    struct lk_database *db = NULL, *owner = NULL;
    enum lk_status status = lk_database_find(store, identity, &owner, err);
    if (status != LK_OK && status != LK_NOT_FOUND)
        return status;
    if (owner != NULL && strcmp(owner->folder, folder) != 0) {
        status = lk_fail(err, LK_REFUSED,
                         "%s: already has backups of its own in '%s'; histories are never merged: remove "
                         "those first, or keep "
                         "both",
                         path, owner->folder);
        goto out;
    }
    status = look_at(store, folder, silent, &db, err);
    if (status == LK_OK && db == NULL)
        status = lk_fail(err, LK_NOT_FOUND, "%s: the store has no database '%s'", store->dir.path, folder);
    if (status == LK_OK)
        status = lk_database_file_seen(db, identity, path, now, err);
    if (status == LK_OK)
        status = save(store, db, true, err);
    if (status != LK_OK)
        goto out;
    *out = db;
    db = NULL;
out:
    lk_database_free(db);
    lk_database_free(owner);
    return status;
}

enum lk_status lk_database_adopt(const struct lk_store *store, const char *folder, const char *identity,
                                 const char *path, int64_t now, struct lk_database **out,
                                 struct lk_error *err)
{
    struct lk_lock *lock = NULL;
    enum lk_status status = take_store(store, "adopt", &lock, err);
    if (status != LK_OK)
        return status;
    status = adopt_locked(store, folder, identity, path, now, out, err);
    release_store(store, lock);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

/* The argument as a real absolute path; "" when it cannot be one. The file itself may be gone, its folder
 * not. */
static void make_absolute(const char *argument, char out[PATH_MAX])
{
    if (realpath(argument, out) != NULL)
        return;
    const char *slash = strrchr(argument, '/');
    char folder[PATH_MAX], real[PATH_MAX];
    const int n = slash == NULL ? snprintf(folder, sizeof folder, ".")
                  : slash == argument
                      ? snprintf(folder, sizeof folder, "/")
                      : snprintf(folder, sizeof folder, "%.*s", (int)(slash - argument), argument);
    out[0] = '\0';
    if (n < 0 || (size_t)n >= sizeof folder || realpath(folder, real) == NULL)
        return;
    const int m = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
                           slash == NULL ? argument : slash + 1);
    if (m < 0 || m >= PATH_MAX)
        out[0] = '\0';
}

/* In their order. A folder comes first: commands that litekeep prints name folders, and must mean the same
 * wherever they are typed. */
enum meaning { MEANS_FOLDER, MEANS_CURRENT_PATH, MEANS_ANY_PATH, MEANS_NAME, MEANINGS };

static bool is_path(const char *known, const char *argument, const char *absolute)
{
    return strcmp(known, argument) == 0 || (absolute[0] != '\0' && strcmp(known, absolute) == 0);
}

/* Does `argument` name the database in this sense? */
static bool means(const struct lk_database *db, enum meaning how, const char *argument, const char *absolute)
{
    const char *current = lk_database_current_path(db);
    switch (how) {
    case MEANS_FOLDER:
        return strcmp(db->folder, argument) == 0;
    case MEANS_CURRENT_PATH:
        return current != NULL && is_path(current, argument, absolute);
    case MEANS_ANY_PATH:
        for (size_t i = 0; i < db->paths; i++) {
            if (is_path(db->path[i].path, argument, absolute))
                return true;
        }
        return false;
    case MEANS_NAME:
        if (current == NULL)
            return false;
        const char *slash = strrchr(current, '/');
        return strcmp(slash == NULL ? current : slash + 1, argument) == 0 ||
               lk_bytes_equal(lk_name_stem(current), lk_bytes_of(argument));
    case MEANINGS:
        break;
    }
    return false;
}

static void append_shown(struct lk_buffer *to, const struct lk_database *db, size_t n)
{
    const char *path = lk_database_current_path(db);
    if (n < SHOWN)
        lk_buffer_append_format(to, "%s%s (%s)", n == 0 ? "" : ", ", db->folder,
                                path == NULL ? "path unknown" : path);
    else if (n == SHOWN)
        lk_buffer_append_string(to, ", ...");
}

/* The folder's name that was probably meant, or NULL. */
static const char *nearest(const struct lk_database_list *list, const char *argument)
{
    const char **names = lk_allocate_zeroed(list->count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < list->count; i++)
        names[i] = list->database[i]->folder;
    const char *near = names != NULL ? lk_text_nearest(argument, names, list->count) : NULL;
    lk_free(names);
    return near;
}

/* The one database that `argument` means; else the failure that names those it may mean. *index into the
 * list. */
static enum lk_status choose(const struct lk_store *store, const struct lk_database_list *list,
                             const char *argument, size_t *index, struct lk_error *err)
{
    char absolute[PATH_MAX];
    struct lk_buffer shown = {0};
    enum lk_status status = LK_NOT_FOUND;
    make_absolute(argument, absolute);
    for (enum meaning how = MEANS_FOLDER; how < MEANINGS; how++) {
        size_t found = 0;
        for (size_t i = 0; i < list->count; i++) {
            if (!means(list->database[i], how, argument, absolute))
                continue;
            append_shown(&shown, list->database[i], found++);
            *index = i;
        }
        if (found == 1)
            status = LK_OK;
        else if (found > 1)
            status =
                lk_fail(err, LK_USAGE, "'%s' may mean several databases: %s: say which by its %s", argument,
                        lk_buffer_string(&shown), how == MEANS_NAME ? "path" : "folder's name");
        if (found > 0)
            goto out;
    }
    for (size_t i = 0; i < list->count; i++)
        append_shown(&shown, list->database[i], i);
    const char *near = nearest(list, argument);
    status =
        lk_fail(err, LK_NOT_FOUND, "%s: no database '%s' in the store%s%s%s%s%s", store->dir.path, argument,
                near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "",
                list->count == 0 ? ", which is empty"
                : near != NULL   ? " There are: "
                                 : "; there are: ",
                list->count == 0 ? "" : lk_buffer_string(&shown));
out:
    if (shown.failed)
        status = lk_fail_memory(err, "looking for a database");
    lk_buffer_reset(&shown);
    return status;
}

enum lk_status lk_database_resolve(const struct lk_store *store, const char *argument,
                                   struct lk_database **out, struct lk_error *err)
{
    const struct lk_warn silent = {0};
    struct lk_database_list list;
    size_t index = 0;
    enum lk_status status = lk_database_list_all(store, silent, &list, err);
    if (status != LK_OK)
        return status;
    status = choose(store, &list, argument, &index, err);
    if (status == LK_OK) {
        *out = list.database[index];
        list.database[index] = NULL;
    }
    lk_database_list_free(&list);
    return status;
}
