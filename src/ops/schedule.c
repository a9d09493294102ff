#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "host/log.h"
#include "ops/run_record.h"
#include "ops/schedule_plan.h"

/* Of a store that is not made yet. */
#define NO_KEY "00000000-0000-0000-0000-000000000000"
#define LOCK_WAIT INT64_C(60000000000) /* ns: for another that changes a schedule */

/* A plan with the paths of store and config. */
static enum lk_status new_plan(struct litekeep *lk, bool dry_run, struct lk_schedule_plan **out,
                               struct lk_error *err)
{
    struct lk_schedule_plan *p = lk_allocate_zeroed(1, sizeof *p);
    *out = p;
    if (p == NULL)
        return lk_fail_memory(err, "looking at the schedule");
    p->folder = LK_DIR_CLOSED;
    char *config = NULL;
    bool must;
    p->dry_run = dry_run;
    p->store = lk_schedule_plan_absolute(&p->arena, lk->store_path);
    p->shown.store = lk_arena_shown_string(&p->arena, p->store);
    const enum lk_status status = lk_config_find(lk->config_named, &config, &must, err);
    if (status == LK_OK && config != NULL) {
        p->config = lk_schedule_plan_absolute(&p->arena, config);
        p->shown.config = lk_arena_shown_string(&p->arena, p->config);
    }
    lk_free(config);
    p->shown.changes = p->changes.text;
    p->shown.notes = p->notes.text;
    return status == LK_OK ? lk_arena_check(&p->arena, err) : status;
}

static void set_key(struct lk_schedule_plan *p, const char *key)
{
    (void)snprintf(p->key, sizeof p->key, "%s", key);
    p->unit = lk_arena_format(&p->arena, "litekeep-%.8s", p->key);
}

/* The store's uuid: from itself, or, while it is not there, from the config that names it. */
static enum lk_status find_key(struct litekeep *lk, struct lk_schedule_plan *p, struct lk_error *err)
{
    const struct lk_config *config;
    struct lk_error trouble = {0};
    if (lk_session_store(lk, false, &trouble) == LK_OK) {
        set_key(p, lk->store->uuid);
        return lk_arena_check(&p->arena, err);
    }
    lk_schedule_plan_add(&p->notes, lk_arena_format(&p->arena, "%s", trouble.message));
    struct lk_error why = {0};
    const enum lk_status status = lk_session_config(lk, &config, &why);
    if (status != LK_OK)
        return lk_fail(err, status, "%s; and the config, which may tell its uuid, is not understood: %s",
                       trouble.message, why.message);
    const struct lk_general_settings *g = lk_config_general(config);
    if (g->store_uuid != NULL && lk_session_is_expected(lk, g))
        set_key(p, g->store_uuid);
    return lk_arena_check(&p->arena, err);
}

/* The same for installing: a store that a backup would make may be *missing, and NO_KEY stands for its own.
 */
static enum lk_status look_for_store(struct litekeep *lk, struct lk_schedule_plan *p, bool *missing,
                                     struct lk_error *err)
{
    const enum lk_status status = lk_session_store(lk, false, err);
    *missing = status == LK_NOT_FOUND && (lk->init || lk->store_is_default);
    if (status != LK_OK && !*missing)
        return status;
    set_key(p, *missing ? NO_KEY : lk->store->uuid);
    return lk_arena_check(&p->arena, err);
}

static enum lk_status make_store(struct litekeep *lk, struct lk_schedule_plan *p, struct lk_error *err)
{
    const enum lk_status status = p->dry_run ? LK_OK : lk_session_store(lk, true, err);
    if (status != LK_OK)
        return status;
    if (!p->dry_run)
        set_key(p, lk->store->uuid);
    p->shown.changed = true;
    lk_schedule_plan_add(&p->changes, lk_arena_format(&p->arena, "%s: a store %s made", p->shown.store,
                                                      p->dry_run ? "would be" : "was"));
    return lk_arena_check(&p->arena, err);
}

static enum lk_status fill_last_run(struct litekeep *lk, struct lk_schedule_plan *p, struct lk_error *err)
{
    char *message = NULL;
    if (lk->store == NULL)
        return LK_OK;
    const enum lk_status status = lk_run_record_last(lk, &p->shown.last_run, &message, err);
    p->shown.last_run.message = lk_arena_copy(&p->arena, message);
    lk_free(message);
    return status == LK_OK ? lk_arena_check(&p->arena, err) : status;
}

/* One change at a time: crontab and config are read, changed and written back. The lock is in the log's
 * folder, which also is there then before systemd is told that it is written to. */
static enum lk_status lock_schedule(struct lk_schedule_plan *p, struct lk_error *err)
{
    int fd = -1;
    if (p->dry_run)
        return LK_OK;
    enum lk_status status = lk_log_open(p->log, &fd, err);
    if (fd >= 0)
        (void)close(fd);
    char *folder = lk_copy_bytes(p->log, (size_t)(strrchr(p->log, '/') - p->log));
    if (status == LK_OK && folder == NULL)
        status = lk_fail_memory(err, "locking the schedule");
    if (status == LK_OK)
        status = lk_dir_open(folder, &p->folder, err);
    if (status == LK_OK)
        status = lk_lock_take(&p->folder, 0600, "schedule", LOCK_WAIT, &p->lock, err);
    lk_free(folder);
    return status;
}

static void unlock_schedule(struct lk_schedule_plan *p)
{
    lk_lock_release(p->lock);
    lk_dir_close(&p->folder);
    p->lock = NULL;
}

/* Take it away from everywhere but `keep`. That a place cannot be looked at matters only when it was
 * `present` there. */
static enum lk_status clear_others(struct lk_schedule_plan *p, enum lk_schedule_place keep,
                                   enum lk_schedule_place present, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (unsigned i = 0; i < LK_SCHEDULE_PLACES && status == LK_OK; i++) {
        const enum lk_schedule_place at = (enum lk_schedule_place)i;
        struct lk_error trouble = {0};
        if (at != keep && lk_schedule_place_clear(p, at, &trouble) != LK_OK && at == present) {
            *err = trouble;
            status = trouble.status;
        }
    }
    return status;
}

/* Do all but the writing: what cannot be installed is to change nothing. */
static enum lk_status rehearse(struct lk_schedule_plan *p, const struct litekeep_schedule_options *options,
                               const struct lk_config *config, enum lk_schedule_place place,
                               struct lk_error *err)
{
    const bool dry_run = p->dry_run;
    const struct litekeep_schedule shown = p->shown;
    const struct lk_schedule_sentences changes = p->changes, notes = p->notes;
    p->dry_run = true;
    enum lk_status status = lk_schedule_config_add(p, options, config, err);
    if (status == LK_OK)
        status = lk_schedule_place_put(p, place, err);
    p->dry_run = dry_run;
    p->shown = shown;
    p->changes = changes;
    p->notes = notes;
    return status;
}

static enum lk_status install(struct litekeep *lk, struct lk_schedule_plan *p,
                              const struct litekeep_schedule_options *options, struct lk_error *err)
{
    enum lk_schedule_place present, place = LK_SCHEDULE_CRON;
    struct lk_config *config = NULL;
    bool missing = false;
    /* A config that is to be made need not be there. */
    enum lk_status status = lk_config_load(p->config, false, &config, err);
    if (status == LK_OK)
        status = look_for_store(lk, p, &missing, err);
    if (status == LK_OK)
        status = lk_schedule_place_find(p, &present, err);
    if (status != LK_OK)
        goto out;
    /* What is wrong with places that are not chosen is no matter, nor is what was there. */
    p->notes = (struct lk_schedule_sentences){0};
    p->shown.next_run = 0;
    status = lk_schedule_place_choose(p, options, present, &place, err);
    if (status == LK_OK)
        status = lk_schedule_plan_make(p, options, config, place, err);
    if (status == LK_OK)
        status = rehearse(p, options, config, place, err);
    if (status == LK_OK && missing)
        status = make_store(lk, p, err);
    if (status == LK_OK && missing) /* now that its key is known */
        status = lk_schedule_plan_make(p, options, config, place, err);
    if (status == LK_OK)
        status = lock_schedule(p, err);
    /* Another may have changed it before we had the lock. */
    lk_config_free(config);
    config = NULL;
    if (status == LK_OK)
        status = lk_config_load(p->config, false, &config, err);
    if (status == LK_OK)
        status = lk_schedule_config_add(p, options, config, err);
    if (status == LK_OK)
        status = lk_schedule_place_put(p, place, err);
    /* One schedule a store: what stands elsewhere goes. */
    if (status == LK_OK)
        status = clear_others(p, place, present, err);
    if (status == LK_OK)
        status = fill_last_run(lk, p, err);
out:
    unlock_schedule(p);
    lk_config_free(config);
    return status;
}

/* Hand the plan out as its schedule, or free it. */
static enum lk_status hand_out(struct lk_schedule_plan *p, enum lk_status status,
                               struct litekeep_schedule **out)
{
    if (status == LK_OK)
        *out = &p->shown;
    else if (p != NULL)
        litekeep_schedule_free(&p->shown);
    return status;
}

enum lk_status litekeep_schedule_install(struct litekeep *lk, const struct litekeep_schedule_options *options,
                                         struct litekeep_schedule **out, struct lk_error *err)
{
    struct lk_schedule_plan *p;
    enum lk_status status = new_plan(lk, options->dry_run, &p, err);
    if (status == LK_OK)
        status = install(lk, p, options, err);
    return hand_out(p, status, out);
}

enum lk_status litekeep_schedule_show(struct litekeep *lk, struct litekeep_schedule **out,
                                      struct lk_error *err)
{
    struct lk_schedule_plan *p;
    enum lk_schedule_place place;
    enum lk_status status = new_plan(lk, false, &p, err);
    if (status == LK_OK)
        status = find_key(lk, p, err);
    if (status == LK_OK)
        status = lk_schedule_place_find(p, &place, err);
    if (status == LK_OK)
        status = fill_last_run(lk, p, err);
    return hand_out(p, status, out);
}

enum lk_status litekeep_schedule_remove(struct litekeep *lk, bool dry_run, struct litekeep_schedule **out,
                                        struct lk_error *err)
{
    struct lk_schedule_plan *p;
    enum lk_schedule_place place = LK_SCHEDULE_PLACES;
    enum lk_status status = new_plan(lk, dry_run, &p, err);
    if (status == LK_OK)
        status = find_key(lk, p, err);
    if (status == LK_OK && p->key[0] == '\0')
        status = lk_fail(
            err, LK_NOT_FOUND,
            "%s: there is no store, and no config tells its uuid, so its schedule cannot be told from "
            "others: look for lines that begin with \"# litekeep schedule\" with \"crontab -e\"",
            p->store);
    /* What it was, to show. */
    if (status == LK_OK)
        status = lk_schedule_place_find(p, &place, err);
    if (status == LK_OK && place != LK_SCHEDULE_PLACES && (p->log = lk_schedule_plan_log(p, place)) != NULL) {
        /* Without a lock (its folder cannot be written to, ...) it has to be possible, too. */
        struct lk_error why = {0};
        if (lock_schedule(p, &why) == LK_LOCKED) {
            *err = why;
            status = LK_LOCKED;
        }
    }
    if (status == LK_OK && place != LK_SCHEDULE_PLACES)
        status = clear_others(p, LK_SCHEDULE_PLACES, place, err);
    if (status == LK_OK && p->shown.changed) {
        p->shown.next_run = 0;
        status = lk_schedule_config_remove(p, err);
        lk_schedule_plan_add(&p->changes,
                             "the store, its backups, the log and all else in the config stay as "
                             "they are");
    }
    if (p != NULL)
        unlock_schedule(p);
    return hand_out(p, status, out);
}

void litekeep_schedule_free(struct litekeep_schedule *schedule)
{
    if (schedule == NULL)
        return;
    struct lk_schedule_plan *p = (struct lk_schedule_plan *)schedule;
    lk_arena_free(&p->arena);
    lk_free(p);
}
