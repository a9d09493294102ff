#include "store/lock_system.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/leftovers.h"
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOLDER_FILE "holder"

enum {
    HOLDER_LIMIT = 4096, /* bytes of what a holder says about itself */
    REOPENS = 16,        /* how often .lock may be replaced under our hands before we give up */
    FIRST_SLEEP_MS = 20,
    LONGEST_SLEEP_MS = 250
};

enum method { METHOD_FLOCK, METHOD_OFD, METHOD_FOLDER };

struct lk_lock {
    const struct lk_dir *dir;
    enum method method;
    int fd; /* -1 for a folder */
    dev_t device;
    ino_t inode; /* of the folder that is locked */
};

/* What one attempt needs. */
struct attempt {
    const struct lk_lock_system *system;
    const struct lk_dir *dir;
    mode_t mode;
    const char *purpose;
};

struct holder {
    struct lk_lock_self self;
    char purpose[LK_LOCK_TEXT];
    char since[LK_LOCK_TEXT];
};

static void copy_string(char to[LK_LOCK_TEXT], const char *from)
{
    (void)snprintf(to, LK_LOCK_TEXT, "%s", from == NULL ? "" : from);
}

static enum lk_status spell_holder(const struct attempt *a, struct lk_buffer *out, struct lk_error *err)
{
    const struct lk_lock_self *self = &a->system->self;
    char now[LK_TIME_SIZE];
    lk_time_format(lk_clock_now(), now);
    json_t *o = json_object();
    const bool ok = lk_json_set(o, "purpose", json_string(a->purpose)) &&
                    lk_json_set(o, "host", lk_json_text(lk_bytes_of(self->host))) &&
                    lk_json_set(o, "boot", json_string(self->boot)) &&
                    lk_json_set(o, "pid", json_integer(self->pid)) &&
                    lk_json_set(o, "start", json_integer((json_int_t)self->start)) &&
                    lk_json_set(o, "since", json_string(now)) && lk_json_dump(o, JSON_COMPACT, out);
    json_decref(o);
    lk_buffer_append_byte(out, '\n');
    return ok && !out->failed ? LK_OK : lk_fail_memory(err, "locking");
}

/* False when the text says nothing that can be understood: cleared, torn or foreign. */
static bool parse_holder(struct lk_bytes text, struct holder *out)
{
    json_t *o =
        text.len == 0 ? NULL : json_loadb((const char *)text.ptr, text.len, JSON_DISABLE_EOF_CHECK, NULL);
    char *host = NULL;
    const bool ok =
        json_is_integer(json_object_get(o, "pid")) && lk_json_text_get(json_object_get(o, "host"), &host);
    *out = (struct holder){0};
    if (ok) {
        copy_string(out->self.host, host);
        copy_string(out->self.boot, json_string_value(json_object_get(o, "boot")));
        copy_string(out->purpose, json_string_value(json_object_get(o, "purpose")));
        copy_string(out->since, json_string_value(json_object_get(o, "since")));
        out->self.pid = json_integer_value(json_object_get(o, "pid"));
        out->self.start = (uint64_t)json_integer_value(json_object_get(o, "start"));
    }
    lk_free(host);
    json_decref(o);
    return ok;
}

enum life { LIFE_UNKNOWN, LIFE_DEAD, LIFE_ALIVE };

/* Only a process of this very host can be known to be dead. */
static enum life life_of(const struct lk_lock_system *system, const struct lk_lock_self *holder)
{
    const struct lk_lock_self *self = &system->self;
    if (strcmp(holder->host, self->host) != 0 || holder->boot[0] == '\0' || self->boot[0] == '\0')
        return LIFE_UNKNOWN;
    if (strcmp(holder->boot, self->boot) != 0)
        return LIFE_DEAD;
    uint64_t start = 0;
    if (!system->alive(holder->pid, &start))
        return LIFE_DEAD;
    return holder->start != 0 && start != 0 && holder->start != start ? LIFE_DEAD : LIFE_ALIVE;
}

/* `text`: what the holder says. */
static enum lk_status fail_locked(const struct attempt *a, struct lk_bytes text, const char *way_out,
                                  struct lk_error *err)
{
    struct holder h;
    if (!parse_holder(text, &h))
        return lk_fail(err, LK_LOCKED, "%s: locked by another run%s", a->dir->path, way_out);
    return lk_fail(err, LK_LOCKED,
                   "%s: locked by another run: litekeep %s, process %" PRId64 " on %s, since %s%s",
                   a->dir->path, h.purpose, h.self.pid, h.self.host, h.since, way_out);
}

static bool is_unsupported(int system)
{
    return system == ENOTSUP || system == EOPNOTSUPP || system == ENOSYS || system == ENOLCK ||
           system == EINVAL;
}

/* Read what `fd` says about its holder; empty when it cannot be read. */
static size_t read_holder(int fd, char out[HOLDER_LIMIT])
{
    const ssize_t got = pread(fd, out, HOLDER_LIMIT, 0);
    return got > 0 ? (size_t)got : 0;
}

/* The holder of the lock folder, or empty when there is none or it cannot be read. */
static enum lk_status read_folder_holder(const struct lk_dir *dir, const char *folder, struct lk_buffer *out,
                                         bool *exists, struct lk_error *err)
{
    struct lk_dir lock = LK_DIR_CLOSED;
    lk_buffer_clear(out);
    *exists = false;
    enum lk_status status = lk_dir_open_at(dir, folder, &lock, err);
    if (status == LK_NOT_FOUND)
        return LK_OK;
    if (status != LK_OK)
        return status;
    *exists = true;
    status = lk_file_read(&lock, HOLDER_FILE, HOLDER_LIMIT, out, err);
    lk_dir_close(&lock);
    return status == LK_NOT_FOUND ? LK_OK : status;
}

static enum lk_status random_name(char out[64], struct lk_error *err)
{
    uint8_t bytes[8];
    char hex[2 * sizeof bytes + 1];
    const enum lk_status status = lk_random(bytes, sizeof bytes, err);
    if (status != LK_OK)
        return status;
    lk_hex_format(bytes, sizeof bytes, hex);
    (void)snprintf(out, 64, "%s-%s", LK_LOCK_FOLDER, hex);
    return LK_OK;
}

/* Move a dead holder's folder away. Another run may have done so, and taken the lock, since we looked: then
 * its folder is put back. */
static enum lk_status take_away(const struct attempt *a, struct lk_bytes judged, struct lk_error *err)
{
    char name[64];
    struct lk_buffer found = {0};
    bool exists;
    enum lk_status status = random_name(name, err);
    if (status != LK_OK)
        return status;
    if (renameat(a->dir->fd, LK_LOCK_FOLDER, a->dir->fd, name) != 0)
        return errno == ENOENT
                   ? LK_OK
                   : lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot move a dead run's lock away",
                                   a->dir->path, LK_LOCK_FOLDER);
    status = read_folder_holder(a->dir, name, &found, &exists, err);
    if (status == LK_OK && !lk_bytes_equal(lk_buffer_bytes(&found), judged)) {
        (void)renameat(a->dir->fd, name, a->dir->fd, LK_LOCK_FOLDER);
        status = fail_locked(a, lk_buffer_bytes(&found), "", err);
    } else if (status == LK_OK) {
        status = lk_dir_remove_tree(a->dir, name, err);
    }
    lk_buffer_reset(&found);
    return status;
}

/* Is there a lock folder of a run that may live? LK_LOCKED. A dead one's is removed. */
static enum lk_status check_folder(const struct attempt *a, struct lk_error *err)
{
    struct lk_buffer text = {0};
    struct holder h;
    bool exists;
    enum lk_status status = read_folder_holder(a->dir, LK_LOCK_FOLDER, &text, &exists, err);
    if (status != LK_OK || !exists)
        goto out;
    /* Without a holder it is being removed at this moment: rename replaces an empty folder. */
    if (text.len == 0)
        goto out;
    if (parse_holder(lk_buffer_bytes(&text), &h) && life_of(a->system, &h.self) == LIFE_DEAD)
        status = take_away(a, lk_buffer_bytes(&text), err);
    else
        status = fail_locked(a, lk_buffer_bytes(&text),
                             " (if you know that this run is dead, remove the folder .lock.d there)", err);
out:
    lk_buffer_reset(&text);
    return status;
}

/* Make a folder with the holder in it and rename it to the lock's name, which fails when that is there: taken
 * with its holder, or not at all. */
static enum lk_status take_folder(const struct attempt *a, struct lk_error *err)
{
    char name[64];
    struct lk_buffer text = {0};
    struct lk_dir made = LK_DIR_CLOSED;
    enum lk_status status = check_folder(a, err);
    if (status != LK_OK)
        return status;
    status = random_name(name, err);
    if (status == LK_OK)
        status = spell_holder(a, &text, err);
    if (status == LK_OK)
        status = lk_dir_create_at(a->dir, name, 0700, true, &made, err);
    if (status != LK_OK)
        goto out;
    status = lk_file_write(&made, HOLDER_FILE, lk_buffer_bytes(&text), a->mode, false, err);
    if (status == LK_OK && renameat(a->dir->fd, name, a->dir->fd, LK_LOCK_FOLDER) != 0) {
        if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOENT)
            status = fail_locked(a, lk_bytes(NULL, 0), "", err);
        else
            status = lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot take the lock", a->dir->path,
                                   LK_LOCK_FOLDER);
    }
    if (status == LK_OK) {
        /* Of runs that died between making theirs and taking the lock; who makes one now tries again. */
        lk_leftovers_remove(a->dir, LK_LOCK_FOLDER "-");
    } else {
        struct lk_error ignored = {0};
        (void)!lk_dir_remove_tree(a->dir, name, &ignored);
    }
out:
    lk_dir_close(&made);
    lk_buffer_reset(&text);
    return status;
}

/* A kernel lock on `fd`: LK_OK and *method; LK_LOCKED; or LK_OK and METHOD_FOLDER: there are none here. */
static enum lk_status lock_descriptor(const struct attempt *a, int fd, enum method *method,
                                      struct lk_error *err)
{
    char text[HOLDER_LIMIT];
    int failed;
    do
        failed = a->system->flock(fd, LOCK_EX | LOCK_NB);
    while (failed != 0 && errno == EINTR);
    *method = METHOD_FLOCK;
    if (failed == 0)
        return LK_OK;
    if (errno == EWOULDBLOCK)
        return fail_locked(a, lk_bytes(text, read_holder(fd, text)), "", err);
    if (is_unsupported(errno)) {
        *method = METHOD_OFD;
        if (a->system->ofd(fd) == 0)
            return LK_OK;
        if (errno == EAGAIN || errno == EACCES)
            return fail_locked(a, lk_bytes(text, read_holder(fd, text)), "", err);
    }
    if (!is_unsupported(errno))
        return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot lock", a->dir->path, LK_LOCK_FILE);
    *method = METHOD_FOLDER;
    /* Another run may have got a kernel lock where we got none (ENOLCK comes and goes). */
    struct holder h;
    const size_t len = read_holder(fd, text);
    if (parse_holder(lk_bytes(text, len), &h) && life_of(a->system, &h.self) == LIFE_ALIVE)
        return fail_locked(a, lk_bytes(text, len), "", err);
    return LK_OK;
}

/* Open .lock and lock it. *fd -1: nothing is locked. */
static enum lk_status lock_file(const struct attempt *a, int *fd, enum method *method, struct lk_error *err)
{
    for (int tries = 0; tries < REOPENS; tries++) {
        const int opened = openat(a->dir->fd, LK_LOCK_FILE,
                                  O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, a->mode);
        if (opened < 0)
            return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot open the lock file", a->dir->path,
                                 LK_LOCK_FILE);
        struct stat here, there;
        enum lk_status status;
        if (fstat(opened, &here) != 0 || !S_ISREG(here.st_mode))
            status = lk_fail(err, LK_FAILED, "%s/%s: is no regular file", a->dir->path, LK_LOCK_FILE);
        else
            status = lock_descriptor(a, opened, method, err);
        if (status != LK_OK) {
            (void)close(opened);
            return status;
        }
        /* Somebody may have deleted the file: a lock on it would lock nothing. */
        if (fstatat(a->dir->fd, LK_LOCK_FILE, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            here.st_dev == there.st_dev && here.st_ino == there.st_ino) {
            *fd = opened;
            return LK_OK;
        }
        (void)close(opened);
    }
    return lk_fail(err, LK_FAILED, "%s/%s: is replaced again and again", a->dir->path, LK_LOCK_FILE);
}

/* Say who holds it. Only for messages: when the disk is full, nobody is named. */
static void name_holder(const struct attempt *a, int fd)
{
    struct lk_buffer text = {0};
    struct lk_error ignored = {0};
    if (ftruncate(fd, 0) == 0 && spell_holder(a, &text, &ignored) == LK_OK)
        (void)!pwrite(fd, text.data, text.len, 0);
    lk_buffer_reset(&text);
}

static enum lk_status try_once(const struct attempt *a, struct lk_lock *lock, struct lk_error *err)
{
    int fd = -1;
    enum lk_status status = lock_file(a, &fd, &lock->method, err);
    if (status != LK_OK)
        return status;
    if (lock->method == METHOD_FOLDER) {
        (void)close(fd);
        return take_folder(a, err);
    }
    status = check_folder(a, err);
    if (status != LK_OK) {
        (void)close(fd);
        return status;
    }
    name_holder(a, fd);
    lock->fd = fd;
    return LK_OK;
}

static void sleep_ms(int64_t ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

enum lk_status lk_lock_take_on(const struct lk_lock_system *system, const struct lk_dir *dir, mode_t mode,
                               const char *purpose, int64_t wait, struct lk_lock **out, struct lk_error *err)
{
    const struct attempt a = {.system = system, .dir = dir, .mode = mode, .purpose = purpose};
    struct stat st;
    if (fstat(dir->fd, &st) != 0)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot examine the folder", dir->path);
    struct lk_lock *lock = lk_allocate_zeroed(1, sizeof *lock);
    if (lock == NULL)
        return lk_fail_memory(err, "locking");
    *lock = (struct lk_lock){.dir = dir, .fd = -1, .device = st.st_dev, .inode = st.st_ino};
    const int64_t start = lk_clock_monotonic();
    int64_t pause = FIRST_SLEEP_MS;
    enum lk_status status = try_once(&a, lock, err);
    while (status == LK_LOCKED && lk_clock_monotonic() - start < wait) {
        sleep_ms(pause);
        pause = pause * 2 < LONGEST_SLEEP_MS ? pause * 2 : LONGEST_SLEEP_MS;
        status = try_once(&a, lock, err);
    }
    if (status != LK_OK) {
        lk_free(lock);
        return lk_store_advise(err);
    }
    *out = lock;
    return LK_OK;
}

enum lk_status lk_lock_take(const struct lk_dir *dir, mode_t mode, const char *purpose, int64_t wait,
                            struct lk_lock **out, struct lk_error *err)
{
    struct lk_lock_system system;
    lk_lock_system_init(&system);
    return lk_lock_take_on(&system, dir, mode, purpose, wait, out, err);
}

void lk_lock_release(struct lk_lock *lock)
{
    if (lock == NULL)
        return;
    struct lk_error ignored = {0};
    if (lock->method == METHOD_FOLDER) {
        char name[64];
        /* By rename first: between the removal of the holder and that of the folder nobody could tell whose
         * it is. */
        if (random_name(name, &ignored) == LK_OK &&
            renameat(lock->dir->fd, LK_LOCK_FOLDER, lock->dir->fd, name) == 0)
            (void)!lk_dir_remove_tree(lock->dir, name, &ignored);
    } else {
        (void)!ftruncate(lock->fd, 0);
        (void)close(lock->fd);
    }
    lk_free(lock);
}

const char *lk_lock_method(const struct lk_lock *lock)
{
    static const char *const names[] = {
        [METHOD_FLOCK] = "flock", [METHOD_OFD] = "ofd", [METHOD_FOLDER] = "folder"};
    return names[lock->method];
}

bool lk_lock_covers(const struct lk_lock *lock, const struct lk_dir *dir)
{
    struct stat st;
    /* A folder that cannot be looked at (a stale NFS handle) is no mistake of the caller's. */
    return fstat(dir->fd, &st) != 0 || (st.st_dev == lock->device && st.st_ino == lock->inode);
}
