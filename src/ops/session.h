/* A session: where the store is, and who hears of what happens. */
#ifndef LK_OPS_SESSION_H
#define LK_OPS_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "store/store.h"

struct litekeep {
    char *store_path;
    bool store_is_default; /* nobody named it: a backup may create it */
    bool init;
    void (*on_event)(void *context, const struct litekeep_event *event);
    void *context;
    pthread_mutex_t event_lock; /* one event at a time */
    struct lk_store *store;     /* NULL until first needed */
};

/* Open the store when it is not open yet. `create`: a backup asks, so the default store, or one with init, is
 * made. LK_REFUSED when it would be inside a Git work tree. */
enum lk_status lk_session_store(struct litekeep *lk, bool create, struct lk_error *err) LK_CHECKED;

/* Hand an event to the caller. Any thread. */
void lk_session_emit(struct litekeep *lk, const struct litekeep_event *event);

/* A struct lk_warn whose warnings become events of this session. */
struct lk_warn lk_session_warn(struct litekeep *lk);

/* Set by litekeep_interrupt; never cleared. */
const atomic_bool *lk_session_interrupt(void);
bool lk_session_interrupted(void);

/* Is `path` (a folder, existing or not) inside a Git work tree? *tree: its top, owned by the caller, or NULL.
 */
enum lk_status lk_session_work_tree(const char *path, char **tree, struct lk_error *err) LK_CHECKED;

#endif
