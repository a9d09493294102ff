/* What a file looks like, to tell whether somebody wrote it meanwhile. Internal to this layer. Any thread. */
#ifndef LK_SQLITE_LOOK_H
#define LK_SQLITE_LOOK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "sqlite/header.h"

struct lk_look {
    bool exists;
    struct stat st;
    uint8_t start[LK_HEADER_SIZE]; /* its first bytes: a database's change counter, a WAL's salts; zero beyond
                                      its end */
};

/* Look at a file by path, opening and closing it: not while SQLite has it open. A missing file is no error.
 */
enum lk_status lk_look_at(const char *path, struct lk_look *out, struct lk_error *err) LK_CHECKED;
/* The same through a descriptor. */
enum lk_status lk_look_fd(int fd, const char *path, struct lk_look *out, struct lk_error *err) LK_CHECKED;
/* Same file, size, times (to the nanosecond) and first bytes? */
bool lk_look_same(const struct lk_look *a, const struct lk_look *b);
/* Wait until a further write would show in the file's times, whose clock ticks every few milliseconds. */
void lk_look_settle(const struct lk_look *look);

#endif
