/* What counts as a loss, and which losses are open.
 *
 * Three parts: rules compare counts and know no store (alarm_rules.c); the record folds the journal's events
 * into what is open and what was good (alarm_record.c); judging puts both together after a backup
 * (alarm_judge.c), or when a source is gone (alarm_missing.c).
 *
 * Journal events (docs/STORE.md): "alarm" (one loss: key, kind, table, column, before, now, id, good,
 * causes), "recovered" (key), "ack" (all that were open; the newest backup then is the new measure), "pin"
 * with reason "alarm", "unpin" with reason "recovered", "restore" (the source was restored: its counter may
 * go back), "moved" (the source lies under another path now: it is not gone). Root alarms stand in the
 * store's own journal. */
#ifndef LK_OPS_ALARM_H
#define LK_OPS_ALARM_H

#include "host/config.h"
#include "ops/arena.h"
#include "ops/session.h"
#include "store/catalog.h"
#include "store/counts.h"
#include "store/lock.h"

/* ---- Rules. Pure. */

struct lk_loss {
    enum litekeep_alarm_kind kind;
    const char *table, *column; /* borrowed from the counts; NULL where it is about neither */
    uint64_t before, now;
    const char *good; /* borrowed: id of the newest backup that had `before`, or of the one that has most of
                         it still; NULL: all are pruned */
    bool replaced; /* the file is another one, or an older one, or the table is a part of a virtual one: what
                      brings it back is the whole database */
};

struct lk_losses {
    size_t count;
    struct lk_loss *loss; /* by table, then column */
};

struct lk_alarm_past {
    /* Backups since the last ack (with the one that was accepted), oldest first. What is there now is
     * compared with the last and with the highest counts of those that started within the window. */
    const struct lk_counts *const *good;
    const bool *there; /* by the same index: it was not pruned; NULL: all are there */
    size_t count;
    int64_t window_start; /* instant */
    bool restored;        /* the source was restored since the last of them: counters may go back */
    bool age_only;        /* look for nothing but an older file */
};

/* What `now` has lost against the past. A table that is gone is no loss when a new one has its content, or
 * its columns and enough of its rows (a rename); statistics and internal tables never count, of shadow tables
 * those that hold the rows do. A counter that went back is no loss when every table's content is that of the
 * last good backup. LK_FAILED: memory. */
enum lk_status lk_alarm_rules(const struct lk_alarm_past *past, const struct lk_counts *now,
                              const struct lk_settings *settings, struct lk_losses *out,
                              struct lk_error *err) LK_CHECKED;
void lk_losses_reset(struct lk_losses *l);

const char *lk_alarm_word(enum litekeep_alarm_kind kind); /* "rows", ... static */

/* ---- Record. */

struct lk_open_alarm {
    const json_t *event; /* borrowed from the journal */
    const char *key;     /* "rows/posts", "values/posts/text", "older", "gone": one open alarm each */
};

struct lk_alarm_record {
    struct lk_journal journal; /* owned */
    size_t count;
    struct lk_open_alarm *open; /* oldest first */
    char *good;                 /* id of the last backup without a loss; NULL: none */
    uint64_t accepted_seq;      /* of the newest backup at the last ack; 0: never acked */
    uint64_t restored_seq;      /* of the newest backup when it was last restored; 0: never */
    const char **settled; /* keys that are not to be raised again though the loss is still there: a source
                             that is gone and was acked, or that moved */
    size_t settled_count;
};

/* Fold a journal, which becomes the record's. Also of the store's own journal (root alarms). */
enum lk_status lk_alarm_record_fold(struct lk_journal *journal, struct lk_alarm_record *out,
                                    struct lk_error *err) LK_CHECKED;
/* Read and fold that of a database's folder, or of the store's. */
enum lk_status lk_alarm_record_read(const struct lk_dir *folder, struct lk_alarm_record *out,
                                    struct lk_error *err) LK_CHECKED;
void lk_alarm_record_reset(struct lk_alarm_record *r);
bool lk_alarm_record_has(const struct lk_alarm_record *r, const char *key);
bool lk_alarm_record_has_settled(const struct lk_alarm_record *r, const char *key);
/* Is this backup one of those that show an open loss (taken since the good one)? */
bool lk_alarm_record_suspects(const struct lk_alarm_record *r, const struct lk_backup_list *list,
                              size_t index);

/* ---- Words. */

/* The open alarms as the public struct (r->count of them), in an arena: messages, causes, the restore
 * command. `lk` (may be NULL) is for its --store. `database` and `path`: folder in the store and the source's
 * current path; NULL for the store's own record. NULL when there is none, or memory is out (the arena knows).
 */
struct litekeep_alarm *lk_alarm_describe(struct lk_arena *a, const struct litekeep *lk,
                                         const struct lk_alarm_record *r, const char *database,
                                         const char *path);
/* One loss that is not in a journal (compare), the same way; `causes` may be NULL. */
void lk_alarm_describe_loss(struct lk_arena *a, const struct litekeep *lk, const struct lk_loss *loss,
                            const char *database, const char *path, const char *id, int64_t raised,
                            const char *const *causes, struct litekeep_alarm *out);
/* What points to a cause, as sentences: what Git did there since `before`, another file, an older time, a
 * change counter that went back. `path` is the source's, which may be read: nobody here has it open as a
 * source any more. `losses` (may be NULL): what the causes are of; what their messages say is
 * not said again. NULL-terminated; NULL when memory is out. */
const char *const *lk_alarm_causes(struct lk_arena *a, const struct lk_counts *before,
                                   const struct lk_counts *now, const char *path,
                                   const struct lk_losses *losses);

/* ---- Judging. Under the database's lock, after the commit. */

struct lk_alarm_tally {
    uint64_t raised, open; /* open: raised earlier, and still */
};

/* Compare backup `manifest` with what was there before: append its counts, raise what is new (event "alarm",
 * pin of the good one, LITEKEEP_EVENT_ALARM), say what is still open (LITEKEEP_EVENT_OPEN), close what is
 * back (releasing the pins that were made for it). `sequences` may be NULL: the database's sqlite_sequence as
 * it was read. `closes`: else what is back stays open until the next backup, which somebody hears of. A
 * failure is of our side (store, memory): the backup stands all the same. */
enum lk_status lk_alarm_judge(struct litekeep *lk, const struct lk_database *database,
                              const struct lk_dir *dir, const struct lk_lock *lock,
                              const struct lk_manifest *manifest, const struct lk_counts *sequences,
                              const struct lk_settings *settings, bool closes, struct lk_alarm_tally *tally,
                              struct lk_error *err) LK_CHECKED;

/* Say what is still open of a database that was not backed up in this run. */
enum lk_status lk_alarm_remind(struct litekeep *lk, const struct lk_database *database,
                               const struct lk_dir *dir, struct lk_alarm_tally *tally,
                               struct lk_error *err) LK_CHECKED;

struct lk_discovery;

/* Known sources that discovery did not find any more: "gone" in their journals, or one "root" alarm where a
 * whole folder has lost all of its databases (or is itself not there); and the end of such alarms whose
 * source is there again. Takes each database's lock for a moment. `began`: when this run did (instant): what
 * was first seen since may be a source that moved. */
enum lk_status lk_alarm_judge_missing(struct litekeep *lk, const char *const *paths, int64_t began,
                                      const struct lk_discovery *found, struct lk_alarm_tally *tally,
                                      struct lk_error *err) LK_CHECKED;

/* The source of this database was restored by us: counters may go back. Under the database's lock. */
enum lk_status lk_alarm_note_restore(struct litekeep *lk, const struct lk_dir *dir, const char *id,
                                     struct lk_error *err) LK_CHECKED;

#endif
