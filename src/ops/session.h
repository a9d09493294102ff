/* A session: where the store is, and who hears of what happens. */
#ifndef LK_OPS_SESSION_H
#define LK_OPS_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "host/config.h"
#include "store/store.h"

struct litekeep {
    char *store_path;
    char *store_option;    /* see litekeep_store_option */
    bool store_is_default; /* nobody named it: a backup may create it */
    bool store_is_given;   /* by the caller or the environment: no config is needed to find it */
    bool init;
    void (*on_event)(void *context, const struct litekeep_event *event);
    void *context;
    pthread_mutex_t event_lock; /* one event at a time */
    struct lk_store *store;     /* NULL until first needed */
    char *config_named;         /* --config; NULL: not given */
    pthread_mutex_t config_lock;
    struct lk_config *config; /* NULL until first needed */
    bool config_complained;   /* that it cannot be understood has been said */
    /* Hears of all events too while a run is under way; may be NULL. */
    void (*listener)(void *context, const struct litekeep_event *event);
    void *listener_context;
};

/* The config, read when first needed. Borrowed; it lives as long as the session. Any thread. */
enum lk_status lk_session_config(struct litekeep *lk, const struct lk_config **out,
                                 struct lk_error *err) LK_CHECKED;
/* What it says for a run as a whole, or nothing where it cannot be understood: for what has to work without a
 * config. Borrowed, never NULL. */
const struct lk_general_settings *lk_session_general(struct litekeep *lk);
/* Is the session's store the one that the config is about? The caller may have named another. */
bool lk_session_is_expected(const struct litekeep *lk, const struct lk_general_settings *general);
/* What the config says for a database; see lk_config_settings. */
enum lk_status lk_session_settings(struct litekeep *lk, const char *path, const char *folder,
                                   struct lk_settings *out, struct lk_error *err) LK_CHECKED;

/* Open the store when it is not open yet. `create`: a backup asks, so the default store, or one with init, is
 * made. LK_REFUSED when it would be inside a Git work tree. LK_NOT_FOUND when it is not the one that the
 * config expects, too. A config that cannot be understood is a warning here when the caller named the store:
 * what has been backed up can be read without one. Whoever judges, or deletes what a policy says, asks
 * lk_session_config first; removing a backup that the user has named goes without. */
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
