/* The result of a guard command while it is filled. */
#ifndef LK_OPS_GUARD_H
#define LK_OPS_GUARD_H

#include "ops/arena.h"
#include "ops/session.h"

struct lk_guard_list {
    const char **text; /* NULL-terminated */
    size_t count;
};

struct lk_guard {
    struct litekeep_guard guard; /* first: litekeep_guard_free is given its address */
    struct lk_arena arena;
    struct lk_guard_list done, notes, databases, files;
};

enum lk_status lk_guard_new(struct lk_guard **out, struct lk_error *err) LK_CHECKED;
void lk_guard_free(struct lk_guard *g); /* NULL is allowed */

/* A sentence, made safe to show; memory that runs out is noted in the arena. */
void lk_guard_say(struct lk_guard *g, struct lk_guard_list *list, const char *format, ...) LK_PRINTF(3, 4);

/* Add to `files`, and when it is `tracked` to `databases`. */
void lk_guard_add_file(struct lk_guard *g, const char *path, bool tracked);

/* Hand the result over, or free it when anything failed. */
enum lk_status lk_guard_finish(struct lk_guard *g, enum lk_status status, struct litekeep_guard **out,
                               struct lk_error *err) LK_CHECKED;

/* The absolute path, free of links, of a file or folder that need not exist: the real path of the folder that
 * holds it, and its name. NULL: the current folder. */
enum lk_status lk_guard_path(const char *path, char **out, struct lk_error *err) LK_CHECKED;

/* Does a regular file with SQLite's first bytes lie there? No source may be open in this process. */
bool lk_guard_is_database(const char *path);

/* Fill `databases` and `files` with what the work tree at or above `path` tracks. */
enum lk_status lk_guard_find_tracked(struct lk_guard *g, const char *path, struct lk_error *err) LK_CHECKED;

#endif
