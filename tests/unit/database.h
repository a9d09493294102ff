/* Databases for tests, and programs that write them meanwhile.
 *
 * A writer is another process: in this one, the closing of any descriptor of a database would drop its locks.
 * Start it before a source of the same file is open here. */
#ifndef LK_TESTS_DATABASE_H
#define LK_TESTS_DATABASE_H

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "scratch.h"

/* The path of a file in the test's folder: valid until the next but seven calls. */
static inline const char *in_scratch(const struct lk_dir *dir, const char *name)
{
    static char paths[8][2048];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", dir->path, name);
    return path;
}

/* Run SQL on a database, which is made when it is missing. No other connection of this process may have it
 * open. */
static inline void make_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline bool file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static inline uint64_t file_bytes(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

struct file_hash {
    bool exists;
    uint8_t sha256[LK_SHA256_SIZE];
};

/* Not while this process has a connection or source on it. */
static inline struct file_hash hash_file(const struct lk_dir *dir, const char *name)
{
    struct file_hash h = {0};
    struct lk_buffer content = {0};
    struct lk_error err = {0};
    const enum lk_status status = lk_file_read(dir, name, (size_t)1 << 32, &content, &err);
    assert_true(status == LK_OK || status == LK_NOT_FOUND);
    h.exists = status == LK_OK;
    if (h.exists)
        lk_sha256_bytes(content.data, content.len, h.sha256);
    lk_buffer_reset(&content);
    return h;
}

static inline bool same_file_hash(struct file_hash a, struct file_hash b)
{
    return a.exists == b.exists && memcmp(a.sha256, b.sha256, sizeof a.sha256) == 0;
}

/* Another process with one connection. */
struct writer {
    pid_t pid;
    int to, from;
};

static inline bool writer_pass(int fd, void *ptr, size_t len, bool in)
{
    for (size_t at = 0; at < len;) {
        const ssize_t n = in ? read(fd, (char *)ptr + at, len - at) : write(fd, (char *)ptr + at, len - at);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static inline void writer_serve(const char *path, int from, int to)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        _exit(1);
    static char sql[65536];
    uint32_t len = 0;
    while (writer_pass(from, &len, sizeof len, true) && len < sizeof sql &&
           writer_pass(from, sql, len, true)) {
        sql[len] = '\0';
        int32_t rc = 0;
        if (strcmp(sql, "close") == 0)
            rc = sqlite3_close(db);
        else
            rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
        if (!writer_pass(to, &rc, sizeof rc, false))
            break;
    }
    _exit(0); /* without closing: as if it had been killed */
}

static inline struct writer writer_start(const char *path)
{
    int there[2];
    int back[2];
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    struct writer w = {.to = there[1], .from = back[0]};
    w.pid = fork();
    assert_true(w.pid >= 0);
    if (w.pid == 0) {
        close(there[1]);
        close(back[0]);
        writer_serve(path, there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    return w;
}

/* Send SQL without waiting for its end; then wait. "close" closes the connection. SQLite's result code. */
static inline void writer_send(const struct writer *w, const char *sql)
{
    uint32_t len = (uint32_t)strlen(sql);
    char *copy = lk_copy_string(sql);
    assert_true(copy != NULL && writer_pass(w->to, &len, sizeof len, false) &&
                writer_pass(w->to, copy, len, false));
    lk_free(copy);
}

static inline int writer_wait(const struct writer *w)
{
    int32_t rc = -1;
    assert_true(writer_pass(w->from, &rc, sizeof rc, true));
    return rc;
}

static inline int writer_run(const struct writer *w, const char *sql)
{
    writer_send(w, sql);
    return writer_wait(w);
}

/* End the process without closing its connection: what a crash leaves. */
static inline void writer_end(struct writer *w)
{
    close(w->to);
    close(w->from);
    (void)waitpid(w->pid, NULL, 0);
}

/* Where the sample databases are, or NULL (the test is then skipped). */
static inline const char *corpus(void)
{
    return getenv("LITEKEEP_CORPUS");
}

#endif
