/* What a schedule is: the words that are run, when, and where that is written down. */
#ifndef LK_OPS_SCHEDULE_PLAN_H
#define LK_OPS_SCHEDULE_PLAN_H

#include "ops/arena.h"
#include "ops/session.h"
#include "store/lock.h"

/* Where a schedule may stand. */
enum lk_schedule_place {
    LK_SCHEDULE_CRON,
    LK_SCHEDULE_USER,   /* systemd of the user */
    LK_SCHEDULE_SYSTEM, /* systemd of the system */
    LK_SCHEDULE_SCRONTAB,
    LK_SCHEDULE_PLACES
};

/* Sentences that are collected; more than fit are dropped. */
#define LK_SCHEDULE_SENTENCES 31
struct lk_schedule_sentences {
    const char *text[LK_SCHEDULE_SENTENCES + 1]; /* NULL-terminated */
    size_t count;
};

struct lk_schedule_plan {
    struct litekeep_schedule shown; /* first: it is what the caller frees */
    struct lk_arena arena;
    struct lk_schedule_sentences changes, notes;
    bool dry_run;

    char key[LK_UUID_SIZE];          /* the store's uuid; "": not known, so there is nothing */
    const char *unit;                /* "litekeep-1a2b3c4d" */
    const char *store, *config;      /* absolute; config NULL: there is no place for one */
    const char *log, *program;       /* absolute */
    const char *cron;                /* when */
    const char *const *paths;        /* absolute; NULL-terminated */
    const char *const *config_paths; /* `paths` to be written into the config, or NULL */
    const char **words;              /* the command line */
    int64_t every;                   /* the longest time between two runs */

    struct lk_dir folder; /* of the log, while it is locked */
    struct lk_lock *lock;
};

/* "schedule_plan.c" */

/* Join the sentences; NULL (memory) is passed over: the arena knows. */
void lk_schedule_plan_add(struct lk_schedule_sentences *s, const char *text);
/* A path without "." in front, absolute. NULL when memory is out. */
const char *lk_schedule_plan_absolute(struct lk_arena *a, const char *path);
/* Program, log, paths, words and time of what is to be installed at `place`. The key is known. */
enum lk_status lk_schedule_plan_make(struct lk_schedule_plan *p,
                                     const struct litekeep_schedule_options *options,
                                     const struct lk_config *config, enum lk_schedule_place place,
                                     struct lk_error *err) LK_CHECKED;

/* Where the runs of what stands at `place` write to; NULL: there is no HOME, or memory is out. */
const char *lk_schedule_plan_log(struct lk_schedule_plan *p, enum lk_schedule_place place);

/* "schedule_place.c" */

const char *lk_schedule_place_backend(enum lk_schedule_place place);
/* Fill p->shown from what stands at the first place that has it. *place: LK_SCHEDULE_PLACES when nothing is
 * there. A place that cannot be looked at is a note. */
enum lk_status lk_schedule_place_find(struct lk_schedule_plan *p, enum lk_schedule_place *place,
                                      struct lk_error *err) LK_CHECKED;
/* Choose by what there is, and note what is wrong with it. */
enum lk_status lk_schedule_place_choose(struct lk_schedule_plan *p,
                                        const struct litekeep_schedule_options *options,
                                        enum lk_schedule_place present, enum lk_schedule_place *place,
                                        struct lk_error *err) LK_CHECKED;
/* Write it down there; unless p->dry_run. Fills p->shown. */
enum lk_status lk_schedule_place_put(struct lk_schedule_plan *p, enum lk_schedule_place place,
                                     struct lk_error *err) LK_CHECKED;
/* Take it away from there, where it is; unless p->dry_run. */
enum lk_status lk_schedule_place_clear(struct lk_schedule_plan *p, enum lk_schedule_place place,
                                       struct lk_error *err) LK_CHECKED;

/* "schedule_config.c" */

/* Add the keys that a schedule needs to the config, where it has none of that kind; `every` and `paths`
 * follow the schedule, unless the config is another store's. Unless p->dry_run. */
enum lk_status lk_schedule_config_add(struct lk_schedule_plan *p,
                                      const struct litekeep_schedule_options *options,
                                      const struct lk_config *config, struct lk_error *err) LK_CHECKED;
/* Take `every` out of it again: nobody keeps that promise now. That it cannot be is a note. */
enum lk_status lk_schedule_config_remove(struct lk_schedule_plan *p, struct lk_error *err) LK_CHECKED;

#endif
