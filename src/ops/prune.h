/* Removing what a policy does not keep, from one database; and what pin and remove need of it. */
#ifndef LK_OPS_PRUNE_H
#define LK_OPS_PRUNE_H

#include "host/config.h"
#include "ops/alarm.h"
#include "ops/arena.h"
#include "ops/retention.h"
#include "ops/session.h"
#include "store/catalog.h"
#include "store/lock.h"

/* After a backup, under its lock: what the config's policy for this database does not keep is removed, each
 * said by LITEKEEP_EVENT_PRUNED and noted in the journal. Nothing happens without a policy, or while a new
 * alarm was just raised. A failure is of our side. */
enum lk_status lk_prune_after_backup(struct litekeep *lk, const struct lk_database *database,
                                     const struct lk_dir *dir, const struct lk_lock *lock,
                                     const struct lk_settings *settings, uint64_t *removed,
                                     struct lk_error *err) LK_CHECKED;

/* ---- The backups of one database, as retention sees them (prune_look.c) */

struct lk_prune_view {
    struct lk_backup_list list;
    struct lk_alarm_record record;
    struct lk_retained *backup; /* as many as in the list, and in its order */
    struct lk_arena arena;      /* of their tags */
};

/* Read list, journal and alarms. `tags`: they are needed. Of manifests only those are opened that tell which
 * is the newest verified backup, and those of tags that the journal has lost. */
enum lk_status lk_prune_look(const struct lk_dir *dir, bool tags, struct lk_prune_view *out,
                             struct lk_error *err) LK_CHECKED;
void lk_prune_view_reset(struct lk_prune_view *v);

/* One backup that was named, its database's folder under lock. */
struct lk_prune_target {
    struct lk_database *database;
    struct lk_dir dir;
    struct lk_lock *lock; /* NULL: not asked for */
    struct lk_prune_view view;
    size_t index; /* of the backup, in the view */
};

/* Opens the session's store. `purpose`: the lock's, NULL: take none. LK_USAGE: `must_say_when` and there is
 * no "@WHEN"; else as lk_which_open, but a backup whose manifest cannot be read may be named too. */
enum lk_status lk_prune_target_open(struct litekeep *lk, const char *what, bool must_say_when,
                                    const char *purpose, struct lk_prune_target *out,
                                    struct lk_error *err) LK_CHECKED;
void lk_prune_target_close(struct lk_prune_target *t);

/* ---- What would be freed: files that no other backup shares (prune_look.c) */

/* Note the files of backup `id` in `files`, which starts as {0}. What cannot be read is passed over. */
void lk_prune_note_files(const struct lk_dir *dir, const char *id, struct lk_buffer *files);
/* The bytes of those files of which every link has been noted. Sorts the notes. */
uint64_t lk_prune_freed(struct lk_buffer *files);

#endif
