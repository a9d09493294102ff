/* A folder for a test's files, made before and removed after it. */
#ifndef LK_TESTS_SCRATCH_H
#define LK_TESTS_SCRATCH_H

#include "base/dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* False when it cannot be made; the test then fails in its setup. */
static inline bool scratch_make(struct lk_dir *out)
{
    const char *parent = getenv("TMPDIR");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/litekeep-test-XXXXXX", parent != NULL ? parent : "/tmp");
    struct lk_error err = {0};
    return mkdtemp(path) != NULL && lk_dir_open(path, out, &err) == LK_OK;
}

/* Remove the folder and all in it; false when something stays. */
static inline bool scratch_remove(struct lk_dir *dir)
{
    struct lk_error err = {0};
    struct lk_dir parent = LK_DIR_CLOSED;
    char *slash = strrchr(dir->path, '/');
    *slash = '\0';
    const bool removed = lk_dir_open(dir->path, &parent, &err) == LK_OK &&
                         lk_dir_remove_tree(&parent, slash + 1, &err) == LK_OK;
    lk_dir_close(&parent);
    lk_dir_close(dir);
    return removed;
}

#endif
