/* What the lock asks of the system, replaceable in tests. Private to src/store. */
#ifndef LK_STORE_LOCK_SYSTEM_H
#define LK_STORE_LOCK_SYSTEM_H

#include "store/lock.h"

#define LK_LOCK_FILE ".lock"
#define LK_LOCK_FOLDER ".lock.d"
#define LK_LOCK_TEXT 128

/* A process, as far as another one can tell it from all others. */
struct lk_lock_self {
    char host[LK_LOCK_TEXT];
    char boot[LK_LOCK_TEXT]; /* /proc/sys/kernel/random/boot_id; "" when unknown */
    int64_t pid;
    uint64_t start; /* field 22 of /proc/PID/stat: ticks since boot, so that a pid used again is noticed; 0
                       when unknown */
};

struct lk_lock_system {
    int (*flock)(int fd, int operation); /* flock(2) */
    int (*ofd)(int fd); /* an OFD write lock on the whole file, not waited for: 0, or -1 and errno */
    /* Is there such a process on this host? *start as above. */
    bool (*alive)(int64_t pid, uint64_t *start);
    struct lk_lock_self self;
};

/* The real system. */
void lk_lock_system_init(struct lk_lock_system *system);

/* lk_lock_take on a given system. */
enum lk_status lk_lock_take_on(const struct lk_lock_system *system, const struct lk_dir *dir, mode_t mode,
                               const char *purpose, int64_t wait, struct lk_lock **out,
                               struct lk_error *err) LK_CHECKED;

#endif
