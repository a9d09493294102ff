#include "store/known.h"

#include "base/memory.h"
#include "store/database.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

struct entry {
    char *folder, *identity;
    struct lk_known_stamp stamp;
};

struct lk_known {
    pthread_mutex_t turn;
    pthread_mutex_t mutex; /* of what follows */
    struct entry *entry;   /* sorted by folder */
    size_t count, cap;
};

struct lk_known *lk_known_new(void)
{
    struct lk_known *k = lk_allocate_zeroed(1, sizeof *k);
    if (k == NULL)
        return NULL;
    (void)pthread_mutex_init(&k->turn, NULL);
    (void)pthread_mutex_init(&k->mutex, NULL);
    return k;
}

void lk_known_free(struct lk_known *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < k->count; i++) {
        lk_free(k->entry[i].folder);
        lk_free(k->entry[i].identity);
    }
    (void)pthread_mutex_destroy(&k->turn);
    (void)pthread_mutex_destroy(&k->mutex);
    lk_free(k->entry);
    lk_free(k);
}

void lk_known_lock(struct lk_known *k)
{
    (void)pthread_mutex_lock(&k->turn);
}

void lk_known_unlock(struct lk_known *k)
{
    (void)pthread_mutex_unlock(&k->turn);
}

struct lk_known_stamp lk_known_stamp_of(const struct lk_dir *store, const char *folder)
{
    char path[NAME_MAX + sizeof "/" LK_SOURCE_FILE];
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s/%s", folder, LK_SOURCE_FILE);
    if (n < 0 || (size_t)n >= sizeof path || fstatat(store->fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return (struct lk_known_stamp){0};
    return (struct lk_known_stamp){
        .exists = true, .device = st.st_dev, .inode = st.st_ino, .size = st.st_size, .changed = st.st_ctim};
}

static bool is_same(const struct lk_known_stamp *a, const struct lk_known_stamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Under the mutex: where the folder is or belongs. */
static size_t position(const struct lk_known *k, const char *folder, bool *found)
{
    size_t from = 0, to = k->count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const int order = strcmp(k->entry[middle].folder, folder);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *found = false;
    return from;
}

/* Under the mutex. */
static bool insert(struct lk_known *k, size_t at, const struct entry *e)
{
    if (k->count == k->cap) {
        const size_t cap = k->cap == 0 ? 16 : 2 * k->cap;
        struct entry *grown = lk_reallocate(k->entry, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        k->entry = grown;
        k->cap = cap;
    }
    memmove(&k->entry[at + 1], &k->entry[at], (k->count - at) * sizeof *k->entry);
    k->entry[at] = *e;
    k->count++;
    return true;
}

void lk_known_remember(struct lk_known *k, const char *folder, struct lk_known_stamp stamp,
                       const char *identity)
{
    if (!stamp.exists || identity == NULL)
        return;
    struct entry e = {.folder = lk_copy_string(folder), .identity = lk_copy_string(identity), .stamp = stamp};
    if (e.folder != NULL && e.identity != NULL) {
        bool found;
        (void)pthread_mutex_lock(&k->mutex);
        const size_t at = position(k, folder, &found);
        if (found) {
            const struct entry old = k->entry[at];
            k->entry[at] = e;
            e = old;
        } else if (insert(k, at, &e)) {
            e = (struct entry){0};
        }
        (void)pthread_mutex_unlock(&k->mutex);
    }
    lk_free(e.folder);
    lk_free(e.identity);
}

bool lk_known_is_another(struct lk_known *k, const struct lk_dir *store, const char *folder,
                         const char *identity)
{
    bool found;
    struct lk_known_stamp then = {0};
    (void)pthread_mutex_lock(&k->mutex);
    const size_t at = position(k, folder, &found);
    if (found) {
        then = k->entry[at].stamp;
        found = strcmp(k->entry[at].identity, identity) != 0;
    }
    (void)pthread_mutex_unlock(&k->mutex);
    if (!found)
        return false;
    const struct lk_known_stamp now = lk_known_stamp_of(store, folder);
    return is_same(&then, &now);
}
