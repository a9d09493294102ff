/* What one `backup` command shares over its databases. */
#ifndef LK_OPS_BACKUP_RUN_H
#define LK_OPS_BACKUP_RUN_H

#include "ops/alarm.h"
#include "ops/engine.h"
#include "ops/session.h"
#include "sqlite/discover.h"

struct lk_backup_run {
    struct litekeep *lk;
    struct litekeep_backup_options options; /* the caller's, then the config's where they say nothing */
    bool safety; /* before a restore: nobody is notified, nothing is pruned, no run is recorded */
    const struct lk_general_settings *general; /* of the config */
    struct lk_engine *engine;

    pthread_mutex_t lock; /* of what follows */
    struct litekeep_backup_summary summary;
    uint64_t unwanted;     /* databases of which --table and --skip-table leave nothing */
    enum lk_status status; /* the worst so far */
    struct lk_error err;   /* of the failure that gave it */
    int64_t last_progress;
    uint64_t progress_rows;           /* read so far, also by reads that had to start again */
    uint64_t total_bytes, done_bytes; /* sources: all; those read so far */
};

/* Note that something failed and tell the caller. `path` and `table` may be NULL. */
void lk_backup_run_problem(struct lk_backup_run *run, const char *path, const char *table,
                           const struct lk_error *err);

/* Count alarms: one that was raised makes the run's status LK_ALARM. */
void lk_backup_run_alarms(struct lk_backup_run *run, const struct lk_alarm_tally *tally);

/* Tell of something worth knowing. */
void lk_backup_run_warn(struct lk_backup_run *run, const char *path, const char *format, ...) LK_PRINTF(3, 4);

/* Rows were read: count them, and emit progress now and then. */
void lk_backup_run_progress(struct lk_backup_run *run, uint64_t rows, uint64_t bytes);

/* litekeep_backup for what a restore is about to replace. An alarm is raised as ever, but is no failure here:
 * LK_OK; what is back is told by the next backup, since nobody hears of it here. */
enum lk_status lk_backup_safety(struct litekeep *lk, const struct litekeep_backup_options *options,
                                struct litekeep_backup_summary *summary, struct lk_error *err) LK_CHECKED;

/* Back up one database. What comes of it is in the run's summary, status and events. Any thread; one database
 * at a time each. */
void lk_backup_database(struct lk_backup_run *run, const struct lk_found *found);

#endif
