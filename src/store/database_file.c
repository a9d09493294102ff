#include "store/database_file.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/journal.h"
#include "store/legacy.h"
#include "store/manifest.h"
#include "store/names.h"
#include "store/record.h"

#include <inttypes.h>

enum {
    SOURCE_FORMAT = 1,
    SOURCE_LIMIT = 16 << 20, /* bytes */
    PATHS_LIMIT = 1000       /* remembered; the oldest are forgotten */
};

enum lk_status lk_database_file_new(const char *folder, struct lk_database **out, struct lk_error *err)
{
    struct lk_database *db = lk_allocate_zeroed(1, sizeof *db);
    if (db != NULL)
        db->folder = lk_copy_string(folder);
    if (db == NULL || db->folder == NULL) {
        lk_database_free(db);
        return lk_fail_memory(err, "reading " LK_SOURCE_FILE);
    }
    *out = db;
    return LK_OK;
}

/* Takes over `path` when it succeeds. */
static bool add_path(struct lk_database *db, char *path, int64_t first_seen, int64_t last_seen)
{
    struct lk_database_path *grown = lk_reallocate(db->path, (db->paths + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    db->path = grown;
    db->path[db->paths++] =
        (struct lk_database_path){.path = path, .first_seen = first_seen, .last_seen = last_seen};
    return true;
}

/* Takes over `identity` when it succeeds. */
static bool add_former(struct lk_database *db, char *identity)
{
    char **grown = lk_reallocate(db->former_identity, (db->former + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    db->former_identity = grown;
    db->former_identity[db->former++] = identity;
    return true;
}

static void parse_paths(const struct lk_record *r, struct lk_database *db)
{
    size_t count;
    const json_t *list = lk_record_array(r, "paths", SOURCE_LIMIT, &count);
    for (size_t i = 0; lk_record_ok(r) && i < count; i++) {
        struct lk_record e;
        if (!lk_record_element(r, "paths", list, i, &e))
            return;
        char *path = lk_record_text(&e, "path");
        const int64_t first = lk_record_time(&e, "first_seen"), last = lk_record_time(&e, "last_seen");
        if (lk_record_ok(r) && !add_path(db, path, first, last))
            r->source->status = lk_fail_memory(r->source->err, "reading " LK_SOURCE_FILE);
        if (!lk_record_ok(r))
            lk_free(path);
    }
}

static void parse_former(const struct lk_record *r, struct lk_database *db)
{
    size_t count;
    const json_t *list = lk_record_array(r, "former_identities", SOURCE_LIMIT, &count);
    for (size_t i = 0; lk_record_ok(r) && i < count; i++) {
        char *text = NULL;
        if (!lk_json_text_get(json_array_get(list, i), &text)) {
            lk_record_fail(r, "former_identities", "holds something else than text");
        } else if (!add_former(db, text)) {
            lk_free(text);
            r->source->status = lk_fail_memory(r->source->err, "reading " LK_SOURCE_FILE);
        }
    }
}

static enum lk_status parse_source(struct lk_bytes text, const char *file, struct lk_database *db,
                                   struct lk_error *err)
{
    struct lk_record_source source = {.file = file, .err = err};
    struct lk_record r;
    json_t *root = NULL;
    if (lk_record_parse(&source, text, &root, &r)) {
        const uint64_t format = lk_record_count(&r, "format", UINT32_MAX);
        if (source.status == LK_OK && format > SOURCE_FORMAT)
            source.status = lk_fail(err, LK_UNREADABLE,
                                    "%s: has format %" PRIu64
                                    ", and this litekeep knows formats up to %d: use a newer one",
                                    file, format, SOURCE_FORMAT);
        db->identity = lk_record_text(&r, "identity");
        db->first_seen = lk_record_time(&r, "first_seen");
        db->last_seen = lk_record_time(&r, "last_seen");
        parse_former(&r, db);
        parse_paths(&r, db);
    }
    json_decref(root);
    return source.status;
}

/* What is in a folder, by names. */
struct contents {
    char **names; /* sorted */
    size_t count;
    size_t ids;
    bool legacy;  /* backups of the original script */
    bool foreign; /* anything that neither litekeep nor the script made */
};

static enum lk_status examine(const struct lk_dir *dir, struct contents *out, struct lk_error *err)
{
    *out = (struct contents){0};
    const enum lk_status status = lk_dir_list(dir, &out->names, &out->count, err);
    for (size_t i = 0; status == LK_OK && i < out->count; i++) {
        const char *name = out->names[i];
        if (lk_name_is_id(name))
            out->ids++;
        else if (lk_legacy_is_backup(dir, name))
            out->legacy = true;
        else if (name[0] != '.' && strcmp(name, LK_JOURNAL_FILE) != 0)
            out->foreign = true;
    }
    return status;
}

/* Without source.json: what the newest manifest that can be read says. */
static enum lk_status recover(const struct lk_dir *dir, const struct contents *c, struct lk_database *db,
                              struct lk_error *err)
{
    struct lk_error ignored = {0};
    for (size_t i = c->count; i > 0 && db->identity == NULL; i--) {
        struct lk_dir backup = LK_DIR_CLOSED;
        struct lk_manifest *m = NULL;
        if (!lk_name_is_id(c->names[i - 1]) ||
            lk_dir_open_at(dir, c->names[i - 1], &backup, &ignored) != LK_OK)
            continue;
        const enum lk_status status = lk_manifest_read(&backup, &m, &ignored);
        lk_dir_close(&backup);
        if (status != LK_OK)
            continue;
        db->identity = lk_copy_string(m->source.identity);
        char *path = lk_copy_string(m->source.path);
        const bool ok = db->identity != NULL && path != NULL && add_path(db, path, m->started, m->started);
        db->first_seen = db->last_seen = m->started;
        lk_manifest_free(m);
        if (!ok) {
            lk_free(path);
            return lk_fail_memory(err, "reading " LK_SOURCE_FILE);
        }
    }
    return LK_OK;
}

/* An empty database in place of one that was read in part. */
static enum lk_status start_over(struct lk_database **db, struct lk_error *err)
{
    struct lk_database *fresh = NULL;
    const enum lk_status status = lk_database_file_new((*db)->folder, &fresh, err);
    if (status == LK_OK) {
        lk_database_free(*db);
        *db = fresh;
    }
    return status;
}

/* source.json is missing or damaged. *db becomes NULL when the folder is no database's. */
static enum lk_status look_without(const struct lk_dir *dir, bool damaged, struct lk_warn warn,
                                   struct lk_database **db, struct lk_error *err)
{
    struct contents c;
    enum lk_status status = examine(dir, &c, err);
    if (status != LK_OK)
        goto out;
    if (!damaged && c.ids == 0 && (!c.legacy || c.foreign)) {
        lk_database_free(*db);
        *db = NULL;
        goto out;
    }
    status = start_over(db, err);
    if (status == LK_OK)
        status = recover(dir, &c, *db, err);
    if (status == LK_OK && (*db)->identity != NULL)
        lk_store_warn(
            warn, "%s/%s: is missing or damaged; which database this is was read from its newest manifest",
            dir->path, LK_SOURCE_FILE);
    else if (status == LK_OK && (damaged || c.ids > 0))
        lk_store_warn(warn, "%s/%s: is missing or damaged, and no manifest says which database this is",
                      dir->path, LK_SOURCE_FILE);
out:
    lk_free(c.names);
    return status;
}

enum lk_status lk_database_file_look(const struct lk_dir *dir, const char *folder, struct lk_warn warn,
                                     struct lk_database **out, struct lk_error *err)
{
    struct lk_database *db = NULL;
    struct lk_buffer text = {0};
    char *file = lk_format("%s/%s", dir->path, LK_SOURCE_FILE);
    *out = NULL;
    if (file == NULL)
        return lk_fail_memory(err, "reading " LK_SOURCE_FILE);
    enum lk_status status = lk_database_file_new(folder, &db, err);
    if (status != LK_OK)
        goto out;
    status = lk_file_read(dir, LK_SOURCE_FILE, SOURCE_LIMIT, &text, err);
    if (status == LK_OK)
        status = parse_source(lk_buffer_bytes(&text), file, db, err);
    if (status == LK_NOT_FOUND || status == LK_DAMAGED)
        status = look_without(dir, status == LK_DAMAGED, warn, &db, err);
    if (status != LK_OK)
        goto out;
    *out = db;
    db = NULL;
out:
    lk_database_free(db);
    lk_buffer_reset(&text);
    lk_free(file);
    return status;
}

enum lk_status lk_database_file_is_claimable(const struct lk_dir *dir, bool *out, struct lk_error *err)
{
    struct contents c;
    const enum lk_status status = examine(dir, &c, err);
    if (status == LK_OK)
        *out = c.ids == 0 && !c.foreign; /* source.json counts as foreign: it has an owner */
    lk_free(c.names);
    return status;
}

enum lk_status lk_database_file_seen(struct lk_database *db, const char *identity, const char *path,
                                     int64_t now, struct lk_error *err)
{
    if (db->identity == NULL || strcmp(db->identity, identity) != 0) {
        char *copy = lk_copy_string(identity);
        if (copy == NULL || (db->identity != NULL && !add_former(db, db->identity))) {
            lk_free(copy);
            return lk_fail_memory(err, "noting where a database is");
        }
        db->identity = copy;
    }
    struct lk_database_path seen = {.first_seen = now};
    for (size_t i = 0; i < db->paths; i++) {
        if (strcmp(db->path[i].path, path) != 0)
            continue;
        seen = db->path[i];
        memmove(&db->path[i], &db->path[i + 1], (db->paths - i - 1) * sizeof *db->path);
        db->paths--;
        break;
    }
    if (seen.path == NULL)
        seen.path = lk_copy_string(path);
    if (seen.path == NULL || !add_path(db, seen.path, seen.first_seen, now)) {
        lk_free(seen.path);
        return lk_fail_memory(err, "noting where a database is");
    }
    if (db->paths > PATHS_LIMIT) {
        lk_free(db->path[0].path);
        memmove(&db->path[0], &db->path[1], --db->paths * sizeof *db->path);
    }
    if (db->first_seen == 0)
        db->first_seen = now;
    db->last_seen = now;
    return LK_OK;
}

static json_t *time_to_json(int64_t instant)
{
    char text[LK_TIME_SIZE];
    lk_time_format(instant, text);
    return json_string(text);
}

enum lk_status lk_database_file_write(const struct lk_dir *dir, mode_t mode, const struct lk_database *db,
                                      struct lk_error *err)
{
    struct lk_buffer text = {0};
    json_t *root = json_object(), *former = json_array(), *paths = json_array();
    bool ok = lk_json_set(root, "format", json_integer(SOURCE_FORMAT)) &&
              lk_json_set(root, "identity", lk_json_text(lk_bytes_of(db->identity))) &&
              lk_json_set(root, "first_seen", time_to_json(db->first_seen)) &&
              lk_json_set(root, "last_seen", time_to_json(db->last_seen));
    for (size_t i = 0; i < db->former; i++)
        ok = ok && json_array_append_new(former, lk_json_text(lk_bytes_of(db->former_identity[i]))) == 0;
    for (size_t i = 0; i < db->paths; i++) {
        json_t *path = json_object();
        ok = ok && lk_json_set(path, "path", lk_json_text(lk_bytes_of(db->path[i].path))) &&
             lk_json_set(path, "first_seen", time_to_json(db->path[i].first_seen)) &&
             lk_json_set(path, "last_seen", time_to_json(db->path[i].last_seen));
        ok = json_array_append_new(paths, path) == 0 && ok;
    }
    ok = ok && json_object_set(root, "former_identities", former) == 0 &&
         json_object_set(root, "paths", paths) == 0 && lk_json_dump(root, JSON_INDENT(1), &text);
    lk_buffer_append_byte(&text, '\n');
    json_decref(paths);
    json_decref(former);
    json_decref(root);
    enum lk_status status = ok && !text.failed ? LK_OK : lk_fail_memory(err, "writing " LK_SOURCE_FILE);
    if (status == LK_OK)
        status = lk_file_write(dir, LK_SOURCE_FILE, lk_buffer_bytes(&text), mode, true, err);
    lk_buffer_reset(&text);
    return status;
}
