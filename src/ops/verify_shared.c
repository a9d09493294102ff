/* Files that several backups of a database have, by hard links: read once. */
#include "ops/verify_table.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/memory.h"

#define BUCKETS 4096u /* a power of two */
#define DEPTH_LIMIT 4 /* of a path in a backup: names.h */

/* Two files are the same when they are one inode and the manifests expect the same of it. */
struct lk_verify_shared {
    uint64_t device, inode;
    uint8_t expected[LK_SHA256_SIZE];
    struct lk_verify_finding *finding; /* NULL: being read */
    struct lk_verify_file *waiting;
    uint64_t seen; /* how many backups asked */
    struct lk_verify_shared *next;
};

struct lk_verify_finding *lk_verify_finding_new(void)
{
    struct lk_verify_finding *f = lk_allocate_zeroed(1, sizeof *f);
    if (f != NULL)
        atomic_init(&f->users, 1);
    return f;
}

void lk_verify_finding_release(struct lk_verify_finding *f)
{
    if (f == NULL || atomic_fetch_sub(&f->users, 1) > 1)
        return;
    lk_free(f->message);
    lk_free(f->bad);
    lk_free(f->counts);
    lk_free(f);
}

static void append_u64(struct lk_buffer *b, uint64_t value)
{
    uint8_t *at = lk_buffer_extend(b, 8);
    if (at != NULL)
        lk_put_u64(at, value);
}

/* All that a manifest says of a file's content. False: memory is out. */
static bool expectation(const struct lk_verify_file *file, uint8_t out[LK_SHA256_SIZE])
{
    struct lk_buffer b = {0};
    lk_buffer_append(&b, file->file->sha256, LK_SHA256_SIZE);
    append_u64(&b, file->file->bytes);
    append_u64(&b, file->kind);
    if (file->table != NULL) {
        const struct lk_manifest_part *p = &file->table->t->part[file->part];
        append_u64(&b, file->backup->backup->manifest->json_codec.codec);
        append_u64(&b, (uint64_t)p->first_rowid);
        append_u64(&b, p->has_keys);
        append_u64(&b, (uint64_t)p->first_key);
        append_u64(&b, (uint64_t)p->last_key);
        for (size_t i = 0; i < p->blocks; i++) {
            append_u64(&b, p->block[i].rows);
            append_u64(&b, file->kind == LK_VERIFY_JSON ? p->block[i].json_offset : 0);
            lk_buffer_append(&b, p->block[i].hash.bytes, sizeof p->block[i].hash.bytes);
        }
        lk_buffer_append_string(&b, file->table->t->columns_json);
    }
    const bool ok = !b.failed;
    if (ok)
        lk_sha256_bytes(b.data, b.len, out);
    lk_buffer_reset(&b);
    return ok;
}

static struct lk_verify_shared **find(struct lk_verify_database *db, uint64_t device, uint64_t inode,
                                      const uint8_t expected[LK_SHA256_SIZE])
{
    struct lk_verify_shared **at = &db->shared[lk_get_u32(expected) & (BUCKETS - 1)];
    while (*at != NULL && ((*at)->device != device || (*at)->inode != inode ||
                           memcmp((*at)->expected, expected, LK_SHA256_SIZE) != 0))
        at = &(*at)->next;
    return at;
}

static void drop(struct lk_verify_shared **at)
{
    struct lk_verify_shared *e = *at;
    if (e == NULL)
        return;
    *at = e->next;
    lk_verify_finding_release(e->finding);
    lk_free(e);
}

/* Give the file what was found by another. */
static void hand_over(struct lk_verify_finding *finding, struct lk_verify_file *to)
{
    if (finding != NULL)
        atomic_fetch_add(&finding->users, 1);
    to->finding = finding;
}

static struct lk_verify_shared *add(struct lk_verify_shared **at, const struct lk_verify_file *file,
                                    const uint8_t expected[LK_SHA256_SIZE])
{
    struct lk_verify_shared *e = lk_allocate_zeroed(1, sizeof *e);
    if (e == NULL)
        return NULL;
    *e = (struct lk_verify_shared){.device = file->device, .inode = file->inode, .seen = 1};
    memcpy(e->expected, expected, sizeof e->expected);
    *at = e;
    return e;
}

enum lk_verify_shared_state lk_verify_shared_claim(struct lk_verify_file *file)
{
    struct lk_verify_database *db = file->backup->database;
    uint8_t expected[LK_SHA256_SIZE];
    enum lk_verify_shared_state state = LK_VERIFY_SHARED_READ;
    /* Without memory for the table each backup reads the file for itself. */
    if (file->links < 2 || !expectation(file, expected))
        return LK_VERIFY_SHARED_READ;
    pthread_mutex_lock(&db->lock);
    if (db->shared == NULL)
        db->shared = lk_allocate_zeroed(BUCKETS, sizeof(struct lk_verify_shared *));
    struct lk_verify_shared **at = db->shared == NULL ? NULL : find(db, file->device, file->inode, expected);
    if (at != NULL && *at == NULL) {
        file->shared = add(at, file, expected);
    } else if (at != NULL && (*at)->finding == NULL) {
        (*at)->seen++;
        file->next = (*at)->waiting;
        (*at)->waiting = file;
        state = LK_VERIFY_SHARED_WAIT;
    } else if (at != NULL) {
        hand_over((*at)->finding, file);
        state = LK_VERIFY_SHARED_KNOWN;
        /* Once every name of the file has been asked for, nobody will ask again. */
        if (++(*at)->seen >= file->links)
            drop(at);
    }
    pthread_mutex_unlock(&db->lock);
    return state;
}

struct lk_verify_file *lk_verify_shared_done(struct lk_verify_file *file)
{
    struct lk_verify_database *db = file->backup->database;
    struct lk_verify_shared *e = file->shared;
    if (e == NULL)
        return NULL;
    pthread_mutex_lock(&db->lock);
    struct lk_verify_file *waiting = e->waiting;
    e->waiting = NULL;
    /* What could not be opened says nothing of the other names: its backup may have been removed meanwhile.
     */
    if (file->finding != NULL && file->finding->read) {
        for (struct lk_verify_file *w = waiting; w != NULL; w = w->next)
            hand_over(file->finding, w);
        e->finding = file->finding;
        atomic_fetch_add(&e->finding->users, 1);
    }
    if (e->finding == NULL || e->seen >= file->links)
        drop(find(db, e->device, e->inode, e->expected));
    file->shared = NULL;
    pthread_mutex_unlock(&db->lock);
    return waiting;
}

void lk_verify_shared_free(struct lk_verify_database *db)
{
    for (size_t i = 0; db->shared != NULL && i < BUCKETS; i++) {
        while (db->shared[i] != NULL) {
            struct lk_verify_shared *e = db->shared[i];
            db->shared[i] = e->next;
            lk_verify_finding_release(e->finding);
            lk_free(e);
        }
    }
    lk_free(db->shared);
    db->shared = NULL;
}

/* Does the folder have a link to the file? What cannot be read has none. */
static bool has_link(const struct lk_dir *dir, const struct lk_verify_file *file, int depth)
{
    struct lk_error ignored = {0};
    char **names = NULL;
    size_t count = 0;
    bool found = false;
    if (lk_dir_list(dir, &names, &count, &ignored) != LK_OK)
        return false;
    for (size_t i = 0; i < count && !found; i++) {
        struct stat st;
        struct lk_dir inner = LK_DIR_CLOSED;
        if (fstatat(dir->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        found =
            S_ISREG(st.st_mode) && (uint64_t)st.st_ino == file->inode && (uint64_t)st.st_dev == file->device;
        if (S_ISDIR(st.st_mode) && depth > 1 && lk_dir_open_at(dir, names[i], &inner, &ignored) == LK_OK)
            found = has_link(&inner, file, depth - 1);
        lk_dir_close(&inner);
    }
    lk_free(names);
    return found;
}

char *lk_verify_shared_with(const struct lk_verify_file *file)
{
    const struct lk_verify_database *db = file->backup->database;
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_buffer out = {0};
    struct lk_error ignored = {0};
    if (!file->present || file->links < 2 ||
        lk_database_open(db->run->lk->store, db->folder, &folder, &ignored) != LK_OK)
        return lk_copy_string("");
    uint64_t found = 1;
    for (size_t i = 0; i < db->ids && found < file->links; i++) {
        struct lk_dir other = LK_DIR_CLOSED;
        if (strcmp(db->id[i], file->backup->id) == 0 ||
            lk_dir_open_at(&folder, db->id[i], &other, &ignored) != LK_OK)
            continue;
        if (has_link(&other, file, DEPTH_LIMIT)) {
            lk_buffer_append_format(&out, "%s%s", found == 1 ? "; the same file is in " : ", ", db->id[i]);
            found++;
        }
        lk_dir_close(&other);
    }
    lk_dir_close(&folder);
    const char *text = lk_buffer_string(&out);
    char *copy = text == NULL ? NULL : lk_copy_string(text);
    lk_buffer_reset(&out);
    return copy;
}
