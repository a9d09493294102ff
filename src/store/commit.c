#include "store/commit_writer.h"

#include "base/memory.h"
#include "store/catalog.h"
#include "store/names.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SUFFIX_MAX = 999 };

/* Folders of runs that did not end. Under the lock nobody else can be using them. What cannot be removed now
 * is left for another day. */
static void remove_leftovers(const struct lk_dir *database, char *const *names, size_t count,
                             struct lk_warn warn)
{
    struct lk_error err = {0};
    const size_t prefix = strlen(LK_TEMPORARY_PREFIX);
    for (size_t i = 0; i < count; i++) {
        const bool temporary =
            strncmp(names[i], LK_TEMPORARY_PREFIX, prefix) == 0 && lk_name_is_id(names[i] + prefix);
        if ((temporary || strcmp(names[i], LK_TRASH_FOLDER) == 0) &&
            lk_dir_remove_tree(database, names[i], &err) != LK_OK)
            lk_store_warn(warn, "%s: a leftover of an earlier run cannot be removed: %s", database->path,
                          err.message);
    }
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_listed(char *const *names, size_t count, const char *name)
{
    return count > 0 && bsearch(&name, names, count, sizeof *names, compare_strings) != NULL;
}

/* The first free id of that second. */
static enum lk_status choose_id(struct lk_backup_writer *w, int64_t started, char *const *names, size_t count,
                                struct lk_error *err)
{
    char base[LK_TIME_SIZE];
    lk_time_format_id(started, base);
    assert(lk_name_is_id(base));
    for (int n = 1; n <= SUFFIX_MAX; n++) {
        if (n == 1)
            (void)snprintf(w->id, sizeof w->id, "%.18s", base);
        else
            (void)snprintf(w->id, sizeof w->id, "%.18s-%03d", base, n);
        (void)snprintf(w->temporary, sizeof w->temporary, "%s%.22s", LK_TEMPORARY_PREFIX, w->id);
        /* A leftover that could not be removed keeps its id. */
        struct stat st;
        if (!is_listed(names, count, w->id) &&
            fstatat(w->database->fd, w->temporary, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            return LK_OK;
    }
    return lk_fail(err, LK_FAILED, "%s: more than %d backups in one second: %s", w->database->path,
                   SUFFIX_MAX, base);
}

void lk_backup_remove_leftovers(const struct lk_dir *database, const struct lk_lock *lock,
                                struct lk_warn warn)
{
    assert(lk_lock_covers(lock, database));
    (void)lock;
    char **names = NULL;
    size_t count = 0;
    struct lk_error err = {0};
    if (lk_dir_list(database, &names, &count, &err) != LK_OK)
        return;
    remove_leftovers(database, names, count, warn);
    lk_free(names);
}

enum lk_status lk_backup_writer_begin(const struct lk_store *store, const struct lk_dir *database,
                                      const struct lk_lock *lock, int64_t started, struct lk_warn warn,
                                      struct lk_backup_writer **out, struct lk_error *err)
{
    assert(lk_lock_covers(lock, database));
    (void)lock;
    char **names = NULL;
    size_t count = 0;
    uint64_t last = 0;
    struct lk_backup_writer *w = lk_allocate_zeroed(1, sizeof *w);
    if (w == NULL)
        return lk_fail_memory(err, "beginning a backup");
    w->store = store;
    w->database = database;
    w->warn = warn;
    w->dir = LK_DIR_CLOSED;
    (void)pthread_mutex_init(&w->mutex, NULL);
    enum lk_status status = lk_dir_list(database, &names, &count, err);
    if (status != LK_OK)
        goto out;
    remove_leftovers(database, names, count, warn);
    status = choose_id(w, started, names, count, err);
    if (status == LK_OK)
        status = lk_catalog_last_seq(database, &last, err);
    w->seq = last + 1;
    if (status == LK_OK)
        status = lk_dir_create_at(database, w->temporary, store->dir_mode, true, &w->dir, err);
    if (status != LK_OK)
        goto out;
    *out = w;
    w = NULL;
out:
    lk_free(names);
    lk_backup_writer_free(w);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

const char *lk_backup_writer_id(const struct lk_backup_writer *w)
{
    return w->id;
}

uint64_t lk_backup_writer_seq(const struct lk_backup_writer *w)
{
    return w->seq;
}

const char *lk_backup_writer_temporary(const struct lk_backup_writer *w)
{
    return w->temporary;
}

/* Under the mutex. Files are mostly written to the folder that was made last. */
static struct lk_writer_folder *find_folder(const struct lk_backup_writer *w, const char *path, size_t len)
{
    for (size_t i = w->folders; i > 0; i--) {
        struct lk_writer_folder *f = w->folder[i - 1];
        if (strlen(f->path) == len && memcmp(f->path, path, len) == 0)
            return f;
    }
    return NULL;
}

static enum lk_status add_folder(struct lk_backup_writer *w, const char *path, size_t len,
                                 struct lk_writer_folder **out, struct lk_error *err)
{
    struct lk_writer_folder **grown =
        lk_reallocate(w->folder, (w->folders + 1) * sizeof(struct lk_writer_folder *));
    if (grown == NULL)
        return lk_fail_memory(err, "making a folder");
    w->folder = grown;
    struct lk_writer_folder *f = lk_allocate_zeroed(1, sizeof *f);
    char *copy = lk_copy_bytes(path, len);
    if (f == NULL || copy == NULL) {
        lk_free(f);
        lk_free(copy);
        return lk_fail_memory(err, "making a folder");
    }
    *f = (struct lk_writer_folder){.path = copy, .dir = LK_DIR_CLOSED};
    w->folder[w->folders++] = f;
    *out = f;
    return LK_OK;
}

static void drop_user(struct lk_writer_folder *f)
{
    if (f != NULL && --f->users == 0)
        lk_dir_close(&f->dir);
}

/* Under the mutex: the folder `path` of length len, open, one user more. */
static enum lk_status use_folder(struct lk_backup_writer *w, const char *path, size_t len,
                                 struct lk_writer_folder **out, struct lk_error *err)
{
    struct lk_writer_folder *f = find_folder(w, path, len), *parent = NULL;
    enum lk_status status = LK_OK;
    const bool known = f != NULL; /* made before, and closed since */
    if (f == NULL || f->users == 0) {
        const char *slash = memrchr(path, '/', len);
        const char *name = slash == NULL ? path : slash + 1;
        char *copy = lk_copy_bytes(name, len - (size_t)(name - path));
        if (copy == NULL)
            return lk_fail_memory(err, "making a folder");
        if (slash != NULL)
            status = use_folder(w, path, (size_t)(slash - path), &parent, err);
        if (status == LK_OK && f == NULL)
            status = add_folder(w, path, len, &f, err);
        const struct lk_dir *above = parent == NULL ? &w->dir : &parent->dir;
        if (status == LK_OK) {
            status = known ? lk_dir_open_at(above, copy, &f->dir, err) : LK_NOT_FOUND;
            if (status == LK_NOT_FOUND)
                status = lk_dir_create_at(above, copy, w->store->dir_mode, false, &f->dir, err);
        }
        drop_user(parent);
        lk_free(copy);
    }
    if (status != LK_OK)
        return status;
    f->users++;
    *out = f;
    return LK_OK;
}

enum lk_status lk_backup_writer_acquire(struct lk_backup_writer *w, const char *path,
                                        const struct lk_dir **dir, struct lk_writer_folder **folder,
                                        const char **name, struct lk_error *err)
{
    assert(lk_name_is_relative_path(path));
    const char *slash = strrchr(path, '/');
    enum lk_status status = LK_OK;
    *folder = NULL;
    *name = slash == NULL ? path : slash + 1;
    if (slash != NULL) {
        (void)pthread_mutex_lock(&w->mutex);
        status = use_folder(w, path, (size_t)(slash - path), folder, err);
        (void)pthread_mutex_unlock(&w->mutex);
    }
    *dir = *folder == NULL ? &w->dir : &(*folder)->dir;
    return status;
}

void lk_backup_writer_release(struct lk_backup_writer *w, struct lk_writer_folder *folder)
{
    (void)pthread_mutex_lock(&w->mutex);
    drop_user(folder);
    (void)pthread_mutex_unlock(&w->mutex);
}

struct lk_writer_folder *lk_backup_writer_folder_of(struct lk_backup_writer *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return NULL;
    (void)pthread_mutex_lock(&w->mutex);
    struct lk_writer_folder *f = find_folder(w, path, (size_t)(slash - path));
    assert(f != NULL && f->users > 0);
    (void)pthread_mutex_unlock(&w->mutex);
    return f;
}

enum lk_status lk_backup_writer_record(struct lk_backup_writer *w, const char *path, uint64_t bytes,
                                       const uint8_t sha256[LK_SHA256_SIZE], struct lk_error *err)
{
    struct lk_manifest_file file = {.path = lk_copy_string(path), .bytes = bytes};
    memcpy(file.sha256, sha256, LK_SHA256_SIZE);
    (void)pthread_mutex_lock(&w->mutex);
    bool ok = file.path != NULL;
    if (ok && (w->files & (w->files - 1)) == 0) {
        const size_t cap = w->files == 0 ? 1 : 2 * w->files;
        struct lk_manifest_file *grown = lk_reallocate(w->file, cap * sizeof *grown);
        ok = grown != NULL;
        if (ok)
            w->file = grown;
    }
    if (ok)
        w->file[w->files++] = file;
    (void)pthread_mutex_unlock(&w->mutex);
    if (ok)
        return LK_OK;
    lk_free(file.path);
    return lk_fail_memory(err, "recording a file of the backup");
}

enum lk_status lk_backup_writer_create(struct lk_backup_writer *w, const char *path, struct lk_output **out,
                                       struct lk_error *err)
{
    const struct lk_dir *dir;
    struct lk_writer_folder *folder;
    const char *name;
    enum lk_status status = lk_backup_writer_acquire(w, path, &dir, &folder, &name, err);
    if (status != LK_OK)
        return lk_store_advise(err);
    status = lk_output_create(dir, name, out, err);
    if (status == LK_OK)
        return LK_OK;
    lk_backup_writer_release(w, folder);
    return lk_store_advise(err);
}

enum lk_status lk_backup_writer_finish(struct lk_backup_writer *w, const char *path, struct lk_output *o,
                                       struct lk_manifest_file *out, struct lk_error *err)
{
    struct lk_writer_folder *folder = lk_backup_writer_folder_of(w, path);
    struct lk_output_summary summary;
    char *copy = out == NULL ? NULL : lk_copy_string(path);
    enum lk_status status = out != NULL && copy == NULL ? lk_fail_memory(err, "finishing a file") : LK_OK;
    bool durable = false;
    if (status == LK_OK)
        status = lk_output_commit(o, w->store->file_mode, &summary, err);
    lk_output_free(o);
    durable = status == LK_OK;
    if (durable)
        status = lk_backup_writer_record(w, path, summary.bytes, summary.sha256, err);
    if (durable && status != LK_OK) {
        const char *slash = strrchr(path, '/');
        (void)unlinkat(folder == NULL ? w->dir.fd : folder->dir.fd, slash == NULL ? path : slash + 1, 0);
    }
    lk_backup_writer_release(w, folder);
    if (status != LK_OK) {
        lk_free(copy);
        return lk_store_advise(err);
    }
    if (out != NULL) {
        *out = (struct lk_manifest_file){.path = copy, .bytes = summary.bytes};
        memcpy(out->sha256, summary.sha256, LK_SHA256_SIZE);
    }
    return LK_OK;
}

void lk_backup_writer_abandon(struct lk_backup_writer *w, const char *path, struct lk_output *o)
{
    if (o == NULL)
        return;
    struct lk_writer_folder *folder = lk_backup_writer_folder_of(w, path);
    lk_output_free(o);
    lk_backup_writer_release(w, folder);
}

enum lk_status lk_backup_writer_open(struct lk_backup_writer *w, const char *path, struct lk_input **out,
                                     struct lk_error *err)
{
    const struct lk_dir *dir;
    struct lk_writer_folder *folder;
    const char *name;
    enum lk_status status = lk_backup_writer_acquire(w, path, &dir, &folder, &name, err);
    if (status != LK_OK)
        return status;
    status = lk_input_open(dir, name, out, err);
    lk_backup_writer_release(w, folder);
    return status;
}

enum lk_status lk_backup_writer_discard(struct lk_backup_writer *w, const char *path, struct lk_error *err)
{
    const struct lk_dir *dir;
    struct lk_writer_folder *folder;
    const char *name;
    enum lk_status status = lk_backup_writer_acquire(w, path, &dir, &folder, &name, err);
    if (status != LK_OK)
        return status;
    if (unlinkat(dir->fd, name, 0) != 0 && errno != ENOENT)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot remove the file", dir->path, name);
    lk_backup_writer_release(w, folder);
    if (status != LK_OK)
        return status;
    (void)pthread_mutex_lock(&w->mutex);
    for (size_t i = w->files; i > 0; i--) {
        if (strcmp(w->file[i - 1].path, path) != 0)
            continue;
        lk_free(w->file[i - 1].path);
        w->file[i - 1] = w->file[--w->files];
        break;
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return LK_OK;
}

/* Change the path in the record of a file; false when memory is out. */
static bool rename_record(struct lk_backup_writer *w, const char *from, const char *to)
{
    bool ok = false;
    (void)pthread_mutex_lock(&w->mutex);
    for (size_t i = w->files; i > 0; i--) {
        if (strcmp(w->file[i - 1].path, from) != 0)
            continue;
        char *copy = lk_copy_string(to);
        ok = copy != NULL;
        if (ok) {
            lk_free(w->file[i - 1].path);
            w->file[i - 1].path = copy;
        }
        break;
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return ok;
}

enum lk_status lk_backup_writer_rename(struct lk_backup_writer *w, struct lk_manifest_file *file,
                                       const char *path, struct lk_error *err)
{
    const struct lk_dir *from_dir, *to_dir;
    struct lk_writer_folder *from_folder, *to_folder;
    const char *from_name, *to_name;
    char *copy = lk_copy_string(path);
    if (copy == NULL)
        return lk_fail_memory(err, "naming a file of the backup");
    enum lk_status status = lk_backup_writer_acquire(w, file->path, &from_dir, &from_folder, &from_name, err);
    if (status != LK_OK)
        goto out;
    status = lk_backup_writer_acquire(w, path, &to_dir, &to_folder, &to_name, err);
    if (status == LK_OK) {
        if (renameat(from_dir->fd, from_name, to_dir->fd, to_name) != 0)
            status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot rename it to %s", from_dir->path,
                                   from_name, path);
        else if (!rename_record(w, file->path, path)) {
            (void)renameat(to_dir->fd, to_name, from_dir->fd, from_name);
            status = lk_fail_memory(err, "naming a file of the backup");
        }
        lk_backup_writer_release(w, to_folder);
    }
    lk_backup_writer_release(w, from_folder);
    if (status == LK_OK) {
        lk_free(file->path);
        file->path = copy;
        copy = NULL;
    }
out:
    lk_free(copy);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

void lk_backup_writer_free(struct lk_backup_writer *w)
{
    if (w == NULL)
        return;
    if (!w->committed && w->dir.fd >= 0) {
        struct lk_error err = {0};
        lk_dir_close(&w->dir);
        if (lk_dir_remove_tree(w->database, w->temporary, &err) != LK_OK)
            lk_store_warn(w->warn, "%s: the unfinished backup could not be removed; the next run will: %s",
                          w->database->path, err.message);
    }
    lk_dir_close(&w->dir);
    for (size_t i = 0; i < w->folders; i++) {
        lk_dir_close(&w->folder[i]->dir);
        lk_free(w->folder[i]->path);
        lk_free(w->folder[i]);
    }
    lk_free(w->folder);
    for (size_t i = 0; i < w->files; i++)
        lk_free(w->file[i].path);
    lk_free(w->file);
    (void)pthread_mutex_destroy(&w->mutex);
    lk_free(w);
}
