#include "sqlite/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sqlite/connection.h"
#include "sqlite/duplicate.h"
#include "sqlite/look.h"
#include "sqlite/mount.h"
#include "sqlite/path.h"
#include "sqlite/source_internal.h"
#include "sqlite/stepped.h"

/* ns: how long a lock of others is waited for, as Python's sqlite3 does. */
#define LEAST_PATIENCE INT64_C(5000000000)
/* bytes/s: a copy that cannot fit max_lock at this rate is not tried. */
#define COPY_RATE UINT64_C(1000000000)
/* Looks at a file that is written, replaced, ... while it is pinned or copied, and ns between the first two.
 */
#define MOST_PINS 8
#define AGAIN_PAUSE 20000000L
#define MOST_RESTARTS 4
/* SQLite's unix VFS takes 512 bytes, less "-journal". */
#define LONGEST_PATH 500

/* How an attempt to pin ended when it neither succeeded nor failed for good. */
enum outcome {
    PINNED,
    AGAIN,      /* the file changed under the attempt: look again */
    COPY_STILL, /* it cannot be opened in place: copy the files while they hold still */
};

/* The file and its companions, seen before SQLite opens it. */
struct sight {
    struct lk_look db, wal, journal;
    bool has_shm;
};

const char *lk_source_method_name(enum lk_method m)
{
    switch (m) {
    case LK_METHOD_EMPTY:
        return "empty";
    case LK_METHOD_READ:
        return "read";
    case LK_METHOD_IMMUTABLE:
        return "immutable";
    case LK_METHOD_CLONE:
        return "clone";
    case LK_METHOD_COPY:
        return "copy";
    case LK_METHOD_STEPPED:
        return "stepped";
    case LK_METHOD_BACKUP:
        return "backup";
    }
    return "";
}

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool has_bytes(const struct lk_look *look)
{
    return look->exists && look->st.st_size > 0;
}

/* The lock on a rollback database ends when its connection is closed. */
static void unlock(struct lk_source *s)
{
    /* SQLite's descriptor first, then ours: the other way round ours would drop SQLite's locks. */
    const int rc = s->borrowed ? SQLITE_OK : sqlite3_close_v2(s->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    s->db = NULL;
    if (s->deadline != 0) {
        s->facts.lock_held = lk_clock_monotonic() - s->pinned_at;
        s->deadline = 0;
    }
}

static void unpin(struct lk_source *s)
{
    unlock(s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    if (s->copy_fd >= 0)
        close(s->copy_fd);
    s->copy_fd = -1;
    lk_tmp_free(s->tmp);
    s->tmp = NULL;
}

static void note_facts(struct lk_source *s, const struct lk_look *db, enum lk_method method)
{
    const int64_t held = s->facts.lock_held;
    const bool network = s->facts.network;
    s->facts = (struct lk_source_facts){
        .path = s->path,
        .method = method,
        .device = db->st.st_dev,
        .inode = db->st.st_ino,
        .bytes = (uint64_t)db->st.st_size,
        .mtime = time_ns(db->st.st_mtim),
        .network = network,
        .lock_held = held,
    };
    if (lk_header_parse(db->start, &s->facts.header))
        s->facts.wal = s->facts.header.wal;
    s->facts.wal_bytes = lk_source_wal_bytes(s);
}

static enum lk_status fail(const struct lk_source *s, int rc, const char *doing, struct lk_error *err)
{
    struct lk_look now;
    struct lk_header header;
    struct lk_error ignored = {0};
    if ((rc & 0xff) == SQLITE_CORRUPT && s->fd >= 0 && lk_look_fd(s->fd, s->path, &now, &ignored) == LK_OK &&
        lk_header_parse(now.start, &header) &&
        (uint64_t)now.st.st_size < (uint64_t)header.pages * header.page_size)
        return lk_fail(err, LK_UNREADABLE,
                       "%s: damaged: cut off: its header says %llu bytes, there are %lld; save what can be "
                       "read with the sqlite3 shell's "
                       ".recover, or restore a backup",
                       s->path, (unsigned long long)header.pages * header.page_size,
                       (long long)now.st.st_size);
    return lk_connection_fail(err, s->db, rc, s->path, doing);
}

static enum lk_status look_around(const struct lk_source *s, struct sight *out, struct lk_error *err)
{
    struct stat shm;
    out->has_shm = lstat(s->shm_path, &shm) == 0;
    enum lk_status status = lk_look_at(s->path, &out->db, err);
    if (status == LK_OK)
        status = lk_look_at(s->wal_path, &out->wal, err);
    if (status == LK_OK)
        status = lk_look_at(s->journal_path, &out->journal, err);
    if (status == LK_OK && !out->db.exists)
        return lk_fail(err, LK_NOT_FOUND, "%s: no such file", s->path);
    return status;
}

static bool same_sight(const struct sight *a, const struct sight *b)
{
    return lk_look_same(&a->db, &b->db) && lk_look_same(&a->wal, &b->wal) &&
           lk_look_same(&a->journal, &b->journal) && a->has_shm == b->has_shm;
}

/* Read from the finished copy: nothing will ever write it, and nothing of it needs to stay in the folder. */
static enum lk_status open_copy(struct lk_source *s, struct lk_error *err)
{
    int rc = lk_connection_open(s->copy_path, LK_CONNECTION_IMMUTABLE, NULL, &s->db);
    if (rc == SQLITE_OK)
        rc = lk_connection_pin(s->db);
    if (rc != SQLITE_OK)
        return fail(s, rc, "reading the copy", err);
    s->copy_fd = open(s->copy_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (s->copy_fd < 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot open the copy", s->copy_path);
    lk_tmp_clear(s->tmp);
    return LK_OK;
}

static enum lk_status new_tmp(struct lk_source *s, uint64_t bytes, struct lk_error *err)
{
    lk_free(s->copy_path);
    s->copy_path = NULL;
    lk_tmp_free(s->tmp);
    s->tmp = NULL;
    enum lk_status status = lk_tmp_new(s->tmp_where, &s->tmp, err);
    if (status == LK_OK)
        status = lk_tmp_check_space(s->tmp, bytes, err);
    if (status != LK_OK) {
        (void)lk_error_prefix(err, "%s: not backed up: it has to be copied first", s->path);
        return status;
    }
    s->copy_path = lk_format("%s/db", lk_tmp_path(s->tmp));
    return s->copy_path == NULL ? lk_fail_memory(err, "copying a database") : LK_OK;
}

/* Let SQLite bring the copy into one consistent state: apply its -wal, roll back its -journal. */
static enum lk_status recover_copy(struct lk_source *s, struct lk_error *err)
{
    sqlite3 *db = NULL;
    int rc = lk_connection_open(s->copy_path, LK_CONNECTION_OWN, NULL, &db);
    if (rc == SQLITE_OK)
        rc = lk_connection_run(db, "PRAGMA synchronous=OFF");
    if (rc == SQLITE_OK)
        rc = lk_connection_run(db, "PRAGMA schema_version");
    if (rc == SQLITE_OK)
        rc = lk_connection_run(db, "PRAGMA wal_checkpoint(TRUNCATE)"); /* does nothing outside WAL mode */
    enum lk_status status =
        rc == SQLITE_OK ? LK_OK : lk_connection_fail(err, db, rc, s->path, "recovering the copy");
    (void)sqlite3_close_v2(db);
    return status;
}

static enum lk_status copy_companion(const struct lk_source *s, const struct lk_look *look, const char *from,
                                     const char *ending, struct lk_error *err)
{
    if (!has_bytes(look))
        return LK_OK;
    char *to = lk_format("%s%s", s->copy_path, ending);
    if (to == NULL)
        return lk_fail_memory(err, "copying a database");
    bool done = false;
    const int fd = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    enum lk_status status = LK_OK;
    if (fd >= 0) /* gone: the comparison afterwards finds out */
        status = lk_duplicate_copy(fd, from, to, 0, s->interrupt, &done, err);
    if (fd >= 0)
        close(fd);
    lk_free(to);
    return status;
}

static enum lk_status copy_files(struct lk_source *s, const struct sight *sight, bool *cloned,
                                 struct lk_error *err)
{
    bool done = false;
    const int fd = open(s->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot open", s->path);
    enum lk_status status = lk_duplicate_clone(fd, s->copy_path, cloned, err);
    if (status == LK_OK && !*cloned)
        status = lk_duplicate_copy(fd, s->path, s->copy_path, 0, s->interrupt, &done, err);
    close(fd);
    if (status == LK_OK)
        status = copy_companion(s, &sight->wal, s->wal_path, "-wal", err);
    if (status == LK_OK)
        status = copy_companion(s, &sight->journal, s->journal_path, "-journal", err);
    return status;
}

/* Copy the database and what lies beside it, without any lock, and recover the copy; AGAIN when anything
 * changed meanwhile. The source is not open in SQLite (and is looked at anew: as root, SQLite's opening of a
 * -journal gives it its owner again, which shows in its times). */
static enum lk_status pin_still(struct lk_source *s, enum outcome *outcome, struct lk_error *err)
{
    struct sight before;
    struct sight after;
    bool cloned = false;
    assert(s->db == NULL && s->fd < 0);
    enum lk_status status = look_around(s, &before, err);
    if (status != LK_OK)
        return status;
    lk_look_settle(&before.db);
    lk_look_settle(&before.wal);
    const uint64_t wal = before.wal.exists ? (uint64_t)before.wal.st.st_size : 0;
    const uint64_t journal = before.journal.exists ? (uint64_t)before.journal.st.st_size : 0;
    status = new_tmp(s, (uint64_t)before.db.st.st_size + 2 * wal + journal, err);
    if (status == LK_OK)
        status = copy_files(s, &before, &cloned, err);
    if (status == LK_OK)
        status = look_around(s, &after, err);
    if (status != LK_OK)
        return status;
    if (!same_sight(&before, &after)) {
        unpin(s);
        *outcome = AGAIN;
        return LK_OK;
    }
    *outcome = PINNED;
    status = recover_copy(s, err);
    if (status != LK_OK)
        return status;
    note_facts(s, &before.db, cloned ? LK_METHOD_CLONE : LK_METHOD_COPY);
    return open_copy(s, err);
}

/* Does the path still name the file that we and SQLite have open? */
static bool is_in_place(const struct lk_source *s, const struct stat *ours)
{
    struct stat st;
    int moved = 0;
    if (lstat(s->path, &st) != 0 || st.st_dev != ours->st_dev || st.st_ino != ours->st_ino)
        return false;
    return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || moved == 0;
}

/* Is the result code one of a database that is fine, but not to be opened here as it lies? */
static bool needs_copy(int rc)
{
    return (rc & 0xff) == SQLITE_READONLY || (rc & 0xff) == SQLITE_CANTOPEN;
}

/* Open in place and begin the read transaction; our own descriptor is opened before SQLite's and closed after
 * it. */
static enum lk_status open_in_place(struct lk_source *s, enum lk_connection_mode mode,
                                    const struct sight *sight, bool pin, enum outcome *outcome,
                                    struct lk_error *err)
{
    struct lk_look now;
    s->fd = open(s->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (s->fd < 0)
        return lk_fail_errno(err, LK_UNREADABLE, errno, "%s: cannot open", s->path);
    int rc = lk_connection_open(s->path, mode, &s->patience, &s->db);
    if (rc == SQLITE_OK && pin)
        rc = lk_connection_pin(s->db);
    s->pinned_at = lk_clock_monotonic();
    if (rc != SQLITE_OK && needs_copy(rc)) {
        unpin(s);
        *outcome = COPY_STILL;
        return LK_OK;
    }
    if (rc != SQLITE_OK)
        return fail(s, rc, "opening", err);
    const enum lk_status status = lk_look_fd(s->fd, s->path, &now, err);
    if (status != LK_OK)
        return status;
    /* Under the lock: still the file and the mode that were looked at? */
    if (!is_in_place(s, &now.st) || now.st.st_size == 0 ||
        (now.start[18] == 2) != (sight->db.start[18] == 2)) {
        unpin(s);
        *outcome = AGAIN;
        return LK_OK;
    }
    s->before = now;
    *outcome = PINNED;
    return LK_OK;
}

static enum lk_status pin_empty(struct lk_source *s, const struct sight *sight, struct lk_error *err)
{
    int rc = lk_connection_open(s->path, LK_CONNECTION_MEMORY, NULL, &s->db);
    if (rc == SQLITE_OK)
        rc = lk_connection_pin(s->db);
    if (rc != SQLITE_OK)
        return fail(s, rc, "opening an empty database", err);
    note_facts(s, &sight->db, LK_METHOD_EMPTY);
    s->facts.stray_wal = has_bytes(&sight->wal);
    return LK_OK;
}

/* The whole WAL database through the backup API, inside the read transaction. */
static enum lk_status copy_pinned_wal(struct lk_source *s, struct lk_error *err)
{
    bool done = false;
    enum lk_status status = new_tmp(s, (uint64_t)s->before.st.st_size + lk_source_wal_bytes(s), err);
    if (status == LK_OK)
        status = lk_stepped_copy(s->db, s->path, s->copy_path, 0, s->interrupt, &done, err);
    if (status != LK_OK)
        return status;
    unlock(s);
    close(s->fd);
    s->fd = -1;
    note_facts(s, &s->before, LK_METHOD_BACKUP);
    return open_copy(s, err);
}

static enum lk_status pin_wal(struct lk_source *s, const struct sight *sight, enum outcome *outcome,
                              struct lk_error *err)
{
    const bool quiet = !sight->wal.exists;
    if (s->facts.network || has_bytes(&sight->journal) || (sight->wal.exists && !sight->has_shm)) {
        *outcome = COPY_STILL;
        return LK_OK;
    }
    if (quiet && s->snapshot == LK_SNAPSHOT_COPY) {
        *outcome = COPY_STILL;
        return LK_OK;
    }
    if (quiet && !s->was_written) {
        lk_look_settle(&sight->db);
        const enum lk_status status = open_in_place(s, LK_CONNECTION_IMMUTABLE, sight, true, outcome, err);
        if (status == LK_OK && *outcome == PINNED)
            note_facts(s, &s->before, LK_METHOD_IMMUTABLE);
        return status;
    }
    const enum lk_status status = open_in_place(s, LK_CONNECTION_READ, sight, true, outcome, err);
    if (status != LK_OK || *outcome != PINNED)
        return status;
    if (s->snapshot == LK_SNAPSHOT_COPY)
        return copy_pinned_wal(s, err);
    note_facts(s, &s->before, LK_METHOD_READ);
    return LK_OK;
}

/* A copy of a rollback database, `*done`, while it is locked: shared blocks, or as many bytes as can be
 * copied in the time. AGAIN when somebody who does not heed locks wrote it meanwhile. */
static enum lk_status copy_locked(struct lk_source *s, bool *done, enum outcome *outcome,
                                  struct lk_error *err)
{
    const uint64_t bytes = (uint64_t)s->before.st.st_size;
    enum lk_method method = LK_METHOD_CLONE;
    struct lk_look after;
    enum lk_status status = lk_duplicate_clone(s->fd, s->copy_path, done, err);
    if (status == LK_OK && !*done && (double)bytes / (double)COPY_RATE * 1e9 <= (double)s->max_lock) {
        method = LK_METHOD_COPY;
        status = lk_duplicate_copy(s->fd, s->path, s->copy_path, s->deadline, s->interrupt, done, err);
    }
    if (status == LK_OK && *done)
        status = lk_look_fd(s->fd, s->path, &after, err);
    if (status != LK_OK || !*done)
        return status;
    if (!lk_look_same(&s->before, &after)) {
        unpin(s);
        *outcome = AGAIN;
        return LK_OK;
    }
    unlock(s);
    close(s->fd);
    s->fd = -1;
    note_facts(s, &s->before, method);
    return open_copy(s, err);
}

static enum lk_status copy_stepped(struct lk_source *s, const struct sight *sight, enum outcome *outcome,
                                   struct lk_error *err)
{
    bool done = false;
    enum lk_status status = new_tmp(s, (uint64_t)s->before.st.st_size, err);
    if (status == LK_OK)
        status = open_in_place(s, LK_CONNECTION_READ, sight, false, outcome, err);
    if (status != LK_OK || *outcome != PINNED)
        return status;
    status = lk_stepped_copy(s->db, s->path, s->copy_path, s->max_lock / 2, s->interrupt, &done, err);
    if (status != LK_OK)
        return status;
    if (!done)
        return lk_fail(
            err, LK_UNREADABLE,
            "%s: not backed up: busy: it was written too often to be copied without holding its lock for "
            "longer; raise "
            "--max-lock, put it in WAL mode (PRAGMA journal_mode=WAL), or run when there is less to do",
            s->path);
    status = lk_look_fd(s->fd, s->path, &s->before, err);
    if (status != LK_OK)
        return status;
    unlock(s);
    close(s->fd);
    s->fd = -1;
    note_facts(s, &s->before, LK_METHOD_STEPPED);
    return open_copy(s, err);
}

static enum lk_status pin_rollback(struct lk_source *s, const struct sight *sight, enum outcome *outcome,
                                   struct lk_error *err)
{
    const double expected = (double)s->passes * (double)sight->db.st.st_size / (double)s->read_rate * 1e9;
    const bool in_place =
        s->snapshot == LK_SNAPSHOT_READ ||
        (s->snapshot == LK_SNAPSHOT_AUTO && !s->too_slow && expected <= (double)s->max_lock);
    if (!in_place) { /* before the lock is taken */
        const enum lk_status status = new_tmp(s, (uint64_t)sight->db.st.st_size, err);
        if (status != LK_OK)
            return status;
    }
    enum lk_status status = open_in_place(s, LK_CONNECTION_READ, sight, true, outcome, err);
    if (status != LK_OK || *outcome != PINNED)
        return status;
    s->deadline = s->pinned_at + s->max_lock / 10 * 9; /* the rest is for noticing that it has passed */
    if (in_place) {
        note_facts(s, &s->before, LK_METHOD_READ);
        return LK_OK;
    }
    bool done = false;
    status = copy_locked(s, &done, outcome, err);
    if (status != LK_OK || done)
        return status;
    unpin(s);
    return copy_stepped(s, sight, outcome, err);
}

static enum lk_status refuse(const struct lk_source *s, const struct sight *sight, struct lk_error *err)
{
    if (lk_header_is_database(sight->db.start, (size_t)sight->db.st.st_size))
        return lk_fail(err, LK_UNREADABLE, "%s: damaged: its header is cut off or has no valid page size",
                       s->path);
    return lk_fail(err, LK_UNREADABLE, "%s: encrypted, or not a SQLite database", s->path);
}

/* Look, and pin in the way that what is seen asks for. AGAIN: it was something else by then. */
static enum lk_status try_to_pin(struct lk_source *s, const struct sight *sight, enum outcome *outcome,
                                 struct lk_error *err)
{
    struct lk_header header;
    enum lk_status status = LK_OK;
    if (sight->db.st.st_size == 0)
        return pin_empty(s, sight, err);
    if (sight->db.st.st_size < LK_HEADER_SIZE || !lk_header_parse(sight->db.start, &header))
        return refuse(s, sight, err);
    if (strlen(s->path) > LONGEST_PATH)
        *outcome = COPY_STILL;
    else if (header.wal || sight->wal.exists) /* SQLite uses a -wal that is there, whatever the header says */
        status = pin_wal(s, sight, outcome, err);
    else
        status = pin_rollback(s, sight, outcome, err);
    if (status == LK_OK && *outcome == COPY_STILL)
        status = pin_still(s, outcome, err);
    return status;
}

static enum lk_status pin(struct lk_source *s, struct lk_error *err)
{
    bool live_wal = false;
    for (int attempt = 0; attempt < MOST_PINS; attempt++) {
        struct sight sight;
        enum outcome outcome = PINNED;
        enum lk_status status = look_around(s, &sight, err);
        if (status == LK_OK)
            status = try_to_pin(s, &sight, &outcome, err);
        if (status != LK_OK || outcome == PINNED)
            return status;
        live_wal = s->facts.network && (sight.db.start[18] == 2 || sight.wal.exists);
        const struct timespec pause = {.tv_nsec = AGAIN_PAUSE * (attempt + 1)};
        (void)nanosleep(&pause, NULL);
    }
    if (live_wal)
        return lk_fail(err, LK_UNREADABLE,
                       "%s: not backed up: live WAL on a network file system: it was written in each of %d "
                       "tries to copy it; run this on "
                       "the host that writes it with the file on a local disk, or while nobody writes",
                       s->path, MOST_PINS);
    return lk_fail(err, LK_UNREADABLE,
                   "%s: not backed up: busy: it was written, replaced, or changed its journal mode in each "
                   "of %d looks at it; run again "
                   "when there is less to do",
                   s->path, MOST_PINS);
}

static bool copy_options(struct lk_source *s, const struct lk_source_options *o)
{
    s->snapshot = o->snapshot;
    s->max_lock = o->max_lock > 0 ? o->max_lock : LK_SOURCE_MAX_LOCK;
    s->read_rate = o->read_rate > 0 ? o->read_rate : LK_SOURCE_READ_RATE;
    s->passes = o->passes > 0 ? o->passes : 1;
    s->interrupt = o->interrupt;
    s->patience = (struct lk_patience){.limit = s->max_lock > LEAST_PATIENCE ? s->max_lock : LEAST_PATIENCE,
                                       .interrupt = o->interrupt};
    s->wal_path = lk_format("%s-wal", s->path);
    s->journal_path = lk_format("%s-journal", s->path);
    s->shm_path = lk_format("%s-shm", s->path);
    s->tmp_where = o->tmp == NULL ? NULL : lk_copy_string(o->tmp);
    return s->wal_path != NULL && s->journal_path != NULL && s->shm_path != NULL &&
           (o->tmp == NULL || s->tmp_where != NULL);
}

enum lk_status lk_source_open(const char *path, const struct lk_source_options *options,
                              struct lk_source **out, struct lk_error *err)
{
    struct lk_source *s = lk_allocate_zeroed(1, sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "opening a database");
    s->fd = -1;
    s->copy_fd = -1;
    enum lk_status status = LK_OK;
    s->path = lk_path_real(path);
    if (s->path == NULL) {
        const int system = errno;
        status = lk_fail_errno(err, system == ENOENT || system == ENOTDIR ? LK_NOT_FOUND : LK_UNREADABLE,
                               system, "%s: cannot find the file", path);
        goto out;
    }
    if (!copy_options(s, options)) {
        status = lk_fail_memory(err, "opening a database");
        goto out;
    }
    s->facts.network = options->network == LK_NETWORK_YES;
    if (options->network == LK_NETWORK_DETECT) {
        struct lk_mount *mount = NULL;
        status = lk_mount_of(s->path, &mount, err);
        if (status != LK_OK)
            goto out;
        s->facts.network = mount->network;
        lk_mount_free(mount);
    }
    status = pin(s, err);
    if (status == LK_OK)
        *out = s;
out:
    if (status != LK_OK)
        lk_source_close(s);
    return status;
}

struct sqlite3 *lk_source_db(const struct lk_source *s)
{
    return s->db;
}

const struct lk_source_facts *lk_source_facts(const struct lk_source *s)
{
    return &s->facts;
}

bool lk_source_expired(const struct lk_source *s)
{
    return s->deadline != 0 && lk_clock_monotonic() >= s->deadline;
}

int64_t lk_source_deadline(const struct lk_source *s)
{
    return s->deadline;
}

enum lk_status lk_source_confirm(struct lk_source *s, bool *restart, struct lk_error *err)
{
    struct stat st;
    *restart = lk_source_expired(s);
    s->facts.replaced =
        lstat(s->path, &st) != 0 || st.st_dev != s->facts.device || st.st_ino != s->facts.inode;
    const bool immutable = s->facts.method == LK_METHOD_IMMUTABLE;
    if (!immutable && s->deadline == 0)
        return LK_OK;
    /* Under SHARED nobody who uses SQLite writes the file; cp and git do. */
    struct lk_look now;
    const enum lk_status status = lk_look_fd(s->fd, s->path, &now, err);
    if (status != LK_OK)
        return status;
    *restart |= !lk_look_same(&s->before, &now);
    if (immutable &&
        !s->facts.replaced) { /* an empty -wal is what another reader leaves: nothing was written */
        const bool journal = lstat(s->journal_path, &st) == 0 && st.st_size > 0;
        *restart |= journal || lk_source_wal_bytes(s) > 0;
    }
    return LK_OK;
}

enum lk_status lk_source_restart(struct lk_source *s, struct lk_error *err)
{
    s->was_written |= s->facts.method == LK_METHOD_IMMUTABLE;
    s->too_slow |= s->facts.method == LK_METHOD_READ;
    const bool only_read = s->snapshot == LK_SNAPSHOT_READ && s->deadline != 0;
    unpin(s);
    if (only_read || ++s->restarts > MOST_RESTARTS)
        return lk_fail(err, LK_UNREADABLE,
                       "%s: not backed up: busy: reading it took longer than --max-lock allows its lock to "
                       "be held; raise --max-lock, or "
                       "allow a copy (--snapshot auto)",
                       s->path);
    return pin(s, err);
}

uint64_t lk_source_wal_bytes(const struct lk_source *s)
{
    struct stat st;
    return lstat(s->wal_path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t lk_source_wal_limit(const struct lk_source *s)
{
    const uint64_t least = UINT64_C(256) << 20;
    return s->facts.bytes / 10 > least ? s->facts.bytes / 10 : least;
}

static struct lk_source *new_bare(const char *path, const atomic_bool *interrupt)
{
    struct lk_source *s = lk_allocate_zeroed(1, sizeof *s);
    char *copy = lk_copy_string(path);
    if (s == NULL || copy == NULL) {
        lk_free(s);
        lk_free(copy);
        return NULL;
    }
    *s = (struct lk_source){.path = copy, .interrupt = interrupt, .fd = -1, .copy_fd = -1};
    s->facts.path = s->path;
    s->facts.method = LK_METHOD_READ;
    return s;
}

enum lk_status lk_source_open_still(const char *path, const atomic_bool *interrupt, struct lk_source **out,
                                    struct lk_error *err)
{
    struct lk_source *s = new_bare(path, interrupt);
    if (s == NULL)
        return lk_fail_memory(err, "reading a database");
    int rc = lk_connection_open(s->path, LK_CONNECTION_IMMUTABLE, NULL, &s->db);
    if (rc == SQLITE_OK)
        rc = lk_connection_pin(s->db);
    if (rc == SQLITE_OK) {
        *out = s;
        return LK_OK;
    }
    const enum lk_status status = fail(s, rc, "opening", err);
    lk_source_close(s);
    return status;
}

enum lk_status lk_source_borrow(sqlite3 *db, const char *path, const atomic_bool *interrupt,
                                struct lk_source **out, struct lk_error *err)
{
    struct lk_source *s = new_bare(path, interrupt);
    if (s == NULL)
        return lk_fail_memory(err, "reading a database");
    s->db = db;
    s->borrowed = true;
    *out = s;
    return LK_OK;
}

void lk_source_close(struct lk_source *s)
{
    if (s == NULL)
        return;
    unpin(s);
    lk_free(s->path);
    lk_free(s->wal_path);
    lk_free(s->journal_path);
    lk_free(s->shm_path);
    lk_free(s->tmp_where);
    lk_free(s->copy_path);
    lk_free(s);
}
