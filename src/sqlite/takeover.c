#include "sqlite/takeover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "sqlite/connection.h"

#define HEADER_VERSIONS 18 /* offset of the format's write and read version: 1, or 2 for WAL */
#define LOOK_AGAIN 50      /* ms between looks at who has it open */

struct lk_takeover {
    char *path;
    int fd; /* of the file; opened before SQLite's own and closed after it, since closing drops its locks */
    sqlite3 *db;
    bool locked, replaced;
    struct lk_patience patience;
};

/* Has process `pid` a descriptor of the file? */
static bool has_open(const char *pid, const char *path)
{
    char folder[64];
    (void)snprintf(folder, sizeof folder, "/proc/%.20s/fd", pid);
    DIR *dir = opendir(folder);
    bool found = false;
    for (const struct dirent *e; dir != NULL && !found && (e = readdir(dir)) != NULL;) {
        char target[PATH_MAX];
        const ssize_t len = readlinkat(dirfd(dir), e->d_name, target, sizeof target - 1);
        if (len <= 0)
            continue;
        target[len] = '\0';
        found = strcmp(target, path) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* "python3 (process 1234)" */
static char *describe(const char *pid)
{
    char path[64], name[64] = "a program";
    (void)snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
    if (fd >= 0)
        close(fd);
    if (len > 0)
        name[name[len - 1] == '\n' ? len - 1 : len] = '\0';
    char *shown = lk_text_escaped(lk_bytes_of(name));
    char *text = shown == NULL ? NULL : lk_format("%s (process %.20s)", shown, pid);
    lk_free(shown);
    return text;
}

char *lk_takeover_user(const char *path)
{
    DIR *proc = opendir("/proc");
    char *user = NULL;
    for (const struct dirent *e; proc != NULL && user == NULL && (e = readdir(proc)) != NULL;) {
        const bool process = e->d_name[0] >= '1' && e->d_name[0] <= '9';
        if (process && strtol(e->d_name, NULL, 10) != (long)getpid() && has_open(e->d_name, path))
            user = describe(e->d_name);
    }
    if (proc != NULL)
        closedir(proc);
    return user;
}

static enum lk_status refuse_busy(const char *path, struct lk_error *err)
{
    char *user = lk_takeover_user(path);
    const enum lk_status status =
        lk_fail(err, LK_REFUSED, "%s: not replaced: %s uses it; close that program, then try again", path,
                user != NULL ? user : "another program");
    lk_free(user);
    return status;
}

static enum lk_status refuse(const struct lk_takeover *t, int rc, struct lk_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return lk_fail_memory(err, "locking the database that is to be replaced");
    case SQLITE_INTERRUPT:
        return lk_fail(err, LK_INTERRUPTED, "%s: interrupted", t->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        if (t->patience.interrupt != NULL && atomic_load(t->patience.interrupt))
            return lk_fail(err, LK_INTERRUPTED, "%s: interrupted", t->path);
        return refuse_busy(t->path, err);
    case SQLITE_READONLY:
        return lk_fail(err, LK_REFUSED, "%s: not replaced: it is read-only; make it writable or move it away",
                       t->path);
    case SQLITE_NOTADB:
        return lk_fail(err, LK_REFUSED,
                       "%s: not replaced: encrypted, or not a SQLite database; move it away first", t->path);
    default:
        return lk_fail(err, LK_REFUSED, "%s: not replaced: %s; move it away first", t->path,
                       t->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(t->db));
    }
}

static enum lk_status lock(const char *path, const atomic_bool *interrupt, struct lk_takeover **out,
                           struct lk_error *err)
{
    struct lk_takeover *t = lk_allocate_zeroed(1, sizeof *t);
    if (t == NULL)
        return lk_fail_memory(err, "locking the database that is to be replaced");
    t->patience = (struct lk_patience){.limit = LK_TAKEOVER_PATIENCE, .interrupt = interrupt};
    t->fd = -1;
    t->path = lk_copy_string(path);
    enum lk_status status =
        t->path == NULL ? lk_fail_memory(err, "locking the database that is to be replaced") : LK_OK;
    if (status == LK_OK) {
        t->fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (t->fd < 0)
            status = lk_fail_errno(err, LK_REFUSED, errno,
                                   "%s: not replaced: make it writable or move it away", path);
    }
    if (status == LK_OK) {
        int rc = lk_connection_open(path, LK_CONNECTION_TAKE, &t->patience, &t->db);
        if (rc == SQLITE_OK)
            rc = lk_connection_run(t->db, "PRAGMA locking_mode=EXCLUSIVE");
        /* In that mode the lock that the transaction takes stays when it ends; rolled back, since in an empty
         * file it has begun a first page. */
        if (rc == SQLITE_OK)
            rc = lk_connection_run(t->db, "BEGIN EXCLUSIVE");
        if (rc == SQLITE_OK)
            rc = lk_connection_run(t->db, "ROLLBACK");
        status = rc == SQLITE_OK ? LK_OK : refuse(t, rc, err);
    }
    t->locked = status == LK_OK;
    if (status == LK_OK)
        *out = t;
    else
        lk_takeover_free(t);
    return status;
}

/* Programs that open it for each request come and go, and wait for our lock: it is let go meanwhile. */
enum lk_status lk_takeover_lock(const char *path, const atomic_bool *interrupt, struct lk_takeover **out,
                                struct lk_error *err)
{
    const int64_t deadline = lk_clock_monotonic() + LK_TAKEOVER_PATIENCE;
    enum lk_status status = lock(path, interrupt, out, err);
    while (status == LK_OK) {
        char *user = lk_takeover_user(path);
        if (user == NULL)
            return LK_OK;
        lk_takeover_free(*out);
        *out = NULL;
        if (interrupt != NULL && atomic_load(interrupt))
            status = lk_fail(err, LK_INTERRUPTED, "%s: interrupted", path);
        else if (lk_clock_monotonic() >= deadline)
            status =
                lk_fail(err, LK_REFUSED,
                        "%s: not replaced: %s has it open; close that program, then try again", path, user);
        lk_free(user);
        if (status == LK_OK) {
            (void)sqlite3_sleep(LOOK_AGAIN);
            status = lock(path, interrupt, out, err);
        }
    }
    return status;
}

/* The checkpoint's row: was it hindered? */
static int checkpoint(sqlite3 *db, bool *busy)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA wal_checkpoint(TRUNCATE)", -1, &statement, NULL);
    *busy = true;
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        *busy = sqlite3_column_int(statement, 0) != 0;
        rc = sqlite3_step(statement);
    }
    const int done = sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : done != SQLITE_OK ? done : rc;
}

enum lk_status lk_takeover_clear(struct lk_takeover *t, struct lk_error *err)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    bool busy = false;
    const int rc = checkpoint(t->db, &busy);
    if (rc != SQLITE_OK)
        return refuse(t, rc, err);
    if (busy)
        return refuse_busy(t->path, err);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *beside = lk_format("%s%s", t->path, suffixes[i]);
        struct stat st;
        if (beside == NULL)
            return lk_fail_memory(err, "removing what lies beside the old database");
        enum lk_status status = LK_OK;
        if (i == 0 && lstat(beside, &st) == 0 && st.st_size != 0)
            status = lk_fail(err, LK_REFUSED,
                             "%s: not replaced: its -wal still holds something after a checkpoint", t->path);
        else if (unlink(beside) != 0 && errno != ENOENT)
            status = lk_fail_errno(err, LK_REFUSED, errno, "%s: not replaced: cannot remove what lies beside",
                                   beside);
        lk_free(beside);
        if (status != LK_OK)
            return status;
    }
    return LK_OK;
}

void lk_takeover_replaced(struct lk_takeover *t)
{
    static const uint8_t rollback[2] = {1, 1};
    uint8_t versions[2] = {0};
    t->replaced = true;
    if (pread(t->fd, versions, sizeof versions, HEADER_VERSIONS) == (ssize_t)sizeof versions &&
        versions[0] == 2 && versions[1] == 2 &&
        pwrite(t->fd, rollback, sizeof rollback, HEADER_VERSIONS) != (ssize_t)sizeof rollback)
        return; /* then it is as if nobody had looked */
}

/* Locking a database in WAL mode has made an empty -wal where there was none. While it is locked nobody else
 * has it open. */
static void remove_empty_wal(const struct lk_takeover *t)
{
    char *wal = lk_format("%s-wal", t->path);
    struct stat st;
    if (wal != NULL && lstat(wal, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
        (void)unlink(wal);
    lk_free(wal);
}

void lk_takeover_free(struct lk_takeover *t)
{
    if (t == NULL)
        return;
    if (t->locked && !t->replaced)
        remove_empty_wal(t);
    (void)sqlite3_close(t->db);
    if (t->fd >= 0)
        close(t->fd);
    lk_free(t->path);
    lk_free(t);
}
