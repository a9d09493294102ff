/* The end of a backup: lists, fsync, rename, fsync; and its removal. docs/STORE.md, "Commit", numbers the
 * steps. */
#include "store/commit_writer.h"

#include "base/json.h"
#include "base/memory.h"
#include "store/journal.h"
#include "store/legacy.h"
#include "store/names.h"
#include "store/walk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct lk_manifest_file *)a)->path, ((const struct lk_manifest_file *)b)->path);
}

static void sort_files(struct lk_backup_writer *w)
{
    if (w->files > 1)
        qsort(w->file, w->files, sizeof *w->file, compare_files);
}

/* A small file of the backup, through the same door as the big ones. */
static enum lk_status write_file(struct lk_backup_writer *w, const char *path, struct lk_bytes content,
                                 struct lk_manifest_file *out, struct lk_error *err)
{
    struct lk_output *o = NULL;
    const enum lk_status status = lk_backup_writer_create(w, path, &o, err);
    if (status != LK_OK)
        return status;
    lk_output_write(o, content.ptr, content.len);
    return lk_backup_writer_finish(w, path, o, out, err);
}

struct comparison {
    const struct lk_backup_writer *w; /* its files sorted */
    size_t named;
};

static enum lk_status compare_one(void *context, const struct lk_manifest_file *file,
                                  const struct lk_manifest_table *table, const struct lk_manifest_part *part,
                                  struct lk_error *err)
{
    struct comparison *c = context;
    (void)table;
    (void)part;
    const struct lk_manifest_file *found =
        c->w->files == 0 ? NULL : bsearch(file, c->w->file, c->w->files, sizeof *file, compare_files);
    if (found == NULL || found->bytes != file->bytes ||
        memcmp(found->sha256, file->sha256, LK_SHA256_SIZE) != 0)
        return lk_fail(
            err, LK_FAILED,
            "%s/%s: the manifest names this file, but it was not written like that: an error in litekeep",
            c->w->dir.path, file->path);
    c->named++;
    return LK_OK;
}

/* A backup is whole only when its manifest and its files agree. */
static enum lk_status compare_with_manifest(struct lk_backup_writer *w, const struct lk_manifest *m,
                                            struct lk_error *err)
{
    struct comparison c = {.w = w};
    sort_files(w);
    const enum lk_status status = lk_manifest_each_file(m, compare_one, &c, err);
    if (status == LK_OK && c.named != w->files)
        return lk_fail(err, LK_FAILED,
                       "%s: %zu files were written, but the manifest names %zu: an error in litekeep",
                       w->dir.path, w->files, c.named);
    return status;
}

/* One line of `sha256sum`. Its rule for names with a newline or backslash (none that litekeep makes): a
 * backslash before the line, and both escaped. */
static void append_sum(struct lk_buffer *out, const struct lk_manifest_file *file)
{
    char hex[2 * LK_SHA256_SIZE + 1];
    lk_hex_format(file->sha256, LK_SHA256_SIZE, hex);
    const bool escape = strpbrk(file->path, "\\\n\r") != NULL;
    lk_buffer_append_format(out, "%s%s  ", escape ? "\\" : "", hex);
    for (const char *at = file->path; *at != '\0'; at++) {
        if (*at == '\\')
            lk_buffer_append_string(out, "\\\\");
        else if (*at == '\n')
            lk_buffer_append_string(out, "\\n");
        else if (*at == '\r')
            lk_buffer_append_string(out, "\\r");
        else
            lk_buffer_append_byte(out, (uint8_t)*at);
    }
    lk_buffer_append_byte(out, '\n');
}

static enum lk_status write_lists(struct lk_backup_writer *w, struct lk_manifest *m, struct lk_error *err)
{
    struct lk_buffer text = {0};
    enum lk_status status = lk_manifest_to_json(m, &text, err);
    if (status == LK_OK)
        status = write_file(w, LK_MANIFEST_FILE, lk_buffer_bytes(&text), NULL, err);
    lk_buffer_clear(&text);
    if (status != LK_OK)
        goto out;
    sort_files(w);
    for (size_t i = 0; i < w->files; i++)
        append_sum(&text, &w->file[i]);
    status = lk_buffer_check(&text, "writing " LK_SUMS_FILE, err);
    if (status == LK_OK)
        status = write_file(w, LK_SUMS_FILE, lk_buffer_bytes(&text), NULL, err);
out:
    lk_buffer_reset(&text);
    return status;
}

static bool belongs(const struct lk_backup_writer *w, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < w->files; i++) {
        const char *path = w->file[i].path;
        if (strncmp(path, name, len) == 0 && (path[len] == '\0' || path[len] == '/'))
            return true;
    }
    return false;
}

/* What else stands in the temporary folder (a copy of the source) is no part of the backup. */
static enum lk_status remove_strays(struct lk_backup_writer *w, struct lk_error *err)
{
    char **names = NULL;
    size_t count = 0;
    enum lk_status status = lk_dir_list(&w->dir, &names, &count, err);
    for (size_t i = 0; status == LK_OK && i < count; i++) {
        if (!belongs(w, names[i]))
            status = lk_dir_remove_tree(&w->dir, names[i], err);
    }
    lk_free(names);
    return status;
}

/* fsync each folder, the inner ones first; those that stayed empty (their files were discarded) are removed.
 */
static enum lk_status sync_folders(struct lk_backup_writer *w, struct lk_error *err)
{
    for (size_t i = w->folders; i > 0; i--) {
        struct lk_dir parent = LK_DIR_CLOSED, dir = LK_DIR_CLOSED;
        const char *name;
        assert(w->folder[i - 1]->users == 0);
        enum lk_status status = lk_walk_to_folder(&w->dir, w->folder[i - 1]->path, &parent, &name, err);
        if (status != LK_OK)
            return status;
        const struct lk_dir *above = parent.fd < 0 ? &w->dir : &parent;
        if (unlinkat(above->fd, name, AT_REMOVEDIR) != 0) {
            status = lk_dir_open_at(above, name, &dir, err);
            if (status == LK_OK)
                status = lk_dir_sync(&dir, err);
        }
        lk_dir_close(&dir);
        lk_dir_close(&parent);
        if (status != LK_OK)
            return status;
    }
    const enum lk_status status = remove_strays(w, err);
    return status == LK_OK ? lk_dir_sync(&w->dir, err) : status;
}

/* Rename, never over anything. */
static enum lk_status rename_new(const struct lk_dir *dir, const char *from, const struct lk_dir *to_dir,
                                 const char *to, struct lk_error *err)
{
    if (renameat2(dir->fd, from, to_dir->fd, to, RENAME_NOREPLACE) == 0)
        return LK_OK;
    struct stat st;
    if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) {
        /* A file system without it. Under the lock nobody else makes that name between the question and the
         * rename. */
        if (fstatat(to_dir->fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
            errno = EEXIST;
        else if (errno == ENOENT && renameat(dir->fd, from, to_dir->fd, to) == 0)
            return LK_OK;
    }
    return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot rename it to %s/%s", dir->path, from,
                         to_dir->path, to);
}

static bool put_time(json_t *event, const char *key, int64_t instant)
{
    char text[LK_TIME_SIZE];
    lk_time_format(instant, text);
    return lk_json_set(event, key, json_string(text));
}

static bool put_count(json_t *event, const char *key, uint64_t count)
{
    return lk_json_set(event, key, json_integer((json_int_t)count));
}

static bool put_tags(json_t *event, const struct lk_manifest_texts *tags)
{
    json_t *list = json_array();
    bool ok = true;
    for (size_t i = 0; i < tags->count; i++)
        ok = ok && json_array_append_new(list, lk_json_text(lk_bytes_of(tags->text[i]))) == 0;
    return lk_json_set(event, "tags", list) && ok;
}

/* The summary line: what `list` shows without opening the manifest. */
static enum lk_status append_event(const struct lk_backup_writer *w, const struct lk_manifest *m,
                                   struct lk_error *err)
{
    json_t *e = lk_journal_event("backup", m->finished);
    const int64_t took = m->finished - m->started;
    const bool ok = e != NULL && lk_json_set(e, "id", json_string(m->id)) && put_count(e, "seq", m->seq) &&
                    lk_json_set(e, "status", json_string("ok")) && put_time(e, "started", m->started) &&
                    put_time(e, "finished", m->finished) &&
                    put_count(e, "duration_ms", took < 0 ? 0 : (uint64_t)took / 1000000) &&
                    put_count(e, "tables", m->tables) && put_count(e, "rows", m->total_rows) &&
                    put_count(e, "raw_bytes", m->total_raw_bytes) && put_count(e, "files", m->total_files) &&
                    put_count(e, "bytes", m->total_bytes) && put_count(e, "shared_bytes", m->shared_bytes) &&
                    put_count(e, "source_bytes", m->source.bytes) &&
                    lk_json_set(e, "verified", json_boolean(lk_manifest_is_verified(m))) &&
                    put_count(e, "warnings", m->warnings.count) &&
                    put_count(e, "left_out", m->left_out.count) &&
                    put_count(e, "rebuild_problems", m->rebuild_problems.count) && put_tags(e, &m->tags);
    const enum lk_status status = ok ? lk_journal_append(w->database, w->store->journal_mode, e, err)
                                     : lk_fail_memory(err, "writing the journal");
    json_decref(e);
    return status;
}

/* Everything below the temporary name. */
static enum lk_status complete(struct lk_backup_writer *w, struct lk_manifest *m, struct lk_bytes schema_sql,
                               int64_t finished, struct lk_error *err)
{
    char *id = lk_copy_string(w->id);
    if (id == NULL)
        return lk_fail_memory(err, "finishing a backup");
    lk_free(m->id);
    m->id = id;
    m->seq = w->seq;
    m->finished = finished;
    lk_free(m->schema_sql.path);
    m->schema_sql = (struct lk_manifest_file){0};
    enum lk_status status = write_file(w, LK_SCHEMA_FILE, schema_sql, &m->schema_sql, err);
    if (status != LK_OK)
        return status;
    lk_manifest_total(m);
    status = compare_with_manifest(w, m, err);
    if (status == LK_OK)
        status = write_lists(w, m, err);
    if (status == LK_OK)
        status = sync_folders(w, err);
    return status;
}

enum lk_status lk_backup_writer_commit(struct lk_backup_writer *w, struct lk_manifest *m,
                                       struct lk_bytes schema_sql, int64_t finished, bool *committed,
                                       struct lk_error *err)
{
    assert(!w->committed);
    *committed = false;
    enum lk_status status = complete(w, m, schema_sql, finished, err);
    if (status == LK_OK)
        status = rename_new(w->database, w->temporary, w->database, w->id, err);
    if (status != LK_OK)
        return lk_store_advise(err);
    status = lk_dir_sync(w->database, err);
    if (status != LK_OK) {
        /* Nobody can say whether the new name is durable, so it must not stay. */
        if (renameat(w->database->fd, w->id, w->database->fd, w->temporary) != 0)
            lk_error_prefix(err, "%s/%s: perhaps not durable, and it could not be taken back",
                            w->database->path, w->id);
        return lk_store_advise(err);
    }
    w->committed = true;
    *committed = true;
    status = append_event(w, m, err);
    if (status != LK_OK)
        return lk_error_prefix(err, "%s/%s: the backup is complete, but its line in the journal is missing",
                               w->database->path, w->id);
    return LK_OK;
}

/* No room for .trash: a name of an unfinished backup needs none, and is as void. */
static enum lk_status remove_without_trash(const struct lk_dir *database, const char *id,
                                           struct lk_error *err)
{
    char temporary[NAME_MAX + 1];
    (void)snprintf(temporary, sizeof temporary, "%s%.200s", LK_TEMPORARY_PREFIX, id);
    enum lk_status status = rename_new(database, id, database, temporary, err);
    if (status == LK_OK)
        status = lk_dir_sync(database, err);
    return status == LK_OK ? lk_dir_remove_tree(database, temporary, err) : status;
}

enum lk_status lk_backup_remove(const struct lk_store *store, const struct lk_dir *database,
                                const struct lk_lock *lock, const char *id, struct lk_error *err)
{
    assert(lk_lock_covers(lock, database));
    (void)lock;
    struct stat st;
    struct lk_dir trash = LK_DIR_CLOSED;
    if ((!lk_name_is_id(id) && !lk_legacy_is_backup(database, id)) ||
        fstatat(database->fd, id, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
        return lk_fail(err, LK_NOT_FOUND, "%s: there is no backup '%s'", database->path, id);
    struct lk_error why = {0};
    enum lk_status status = lk_dir_create_at(database, LK_TRASH_FOLDER, store->dir_mode, false, &trash, &why);
    if (status != LK_OK && lk_name_is_id(id) && (why.system == ENOSPC || why.system == EDQUOT)) {
        status = remove_without_trash(database, id, err);
        return status == LK_OK ? LK_OK : lk_store_advise(err);
    }
    if (status != LK_OK)
        *err = why;
    if (status == LK_OK)
        status = lk_dir_remove_tree(&trash, id, err); /* of the same id, by a run that did not end */
    if (status == LK_OK)
        status = rename_new(database, id, &trash, id, err);
    if (status == LK_OK)
        status = lk_dir_sync(&trash, err);
    if (status == LK_OK)
        status = lk_dir_sync(database, err);
    if (status == LK_OK)
        status = lk_dir_remove_tree(&trash, id, err);
    lk_dir_close(&trash);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}
