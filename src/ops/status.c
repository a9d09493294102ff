/* The status command: how everything is, from journals and the schedule alone. No manifest, no database is
 * opened. */
#include "ops/alarm.h"

#include "base/clock.h"
#include "base/memory.h"
#include "ops/gone.h"
#include "ops/run_record.h"
#include "sqlite/path.h"

#define HOUR INT64_C(3600000000000)
/* A backup whose time lies further ahead says nothing about its age: the clock was or is wrong. */
#define CLOCK_SLACK HOUR

struct status_result {
    struct litekeep_status status;
    struct lk_arena arena;
};

/* What all databases are judged by. */
struct view {
    struct litekeep *lk;
    struct status_result *result;
    int64_t now;
    const struct lk_config *config;
    int64_t every;         /* ns; what the schedule promises; 0: there is none */
    int64_t general_every; /* ns; what the config promises for all that it backs up; 0: nothing */
    int64_t general_stale;
    bool other_store; /* the config is about another one, as is what it promises in general */
    struct lk_gone_roots roots;
};

/* How late a backup that is promised every so often may be: a run takes a while, and a timer may be late. */
static int64_t grace(int64_t every)
{
    const int64_t quarter = every / 4;
    const int64_t slack = quarter > HOUR ? quarter : HOUR;
    return every > INT64_MAX - slack ? INT64_MAX : every + slack;
}

/* ---- One database */

/* The newest backup that is whole, as far as is known, and whose time can be right. `some`: one of some
 * tables is what was wanted. *ahead: there is one whose time cannot be right. */
static const struct lk_backup_entry *newest_good(const struct lk_backup_list *list, bool some, int64_t now,
                                                 bool *ahead)
{
    *ahead = false;
    for (size_t i = list->count; i > 0; i--) {
        const struct lk_backup_entry *e = &list->entry[i - 1];
        const bool good = e->problem == NULL && !e->damaged && (e->left_out == 0 || some);
        if (good && e->finished <= now + CLOCK_SLACK)
            return e;
        *ahead |= good;
    }
    return NULL;
}

static const char *say_stale(struct lk_arena *a, const char *name, const struct lk_backup_entry *good,
                             bool ahead, int64_t age, int64_t promised)
{
    char old[LK_TIME_SIZE], every[LK_TIME_SIZE];
    lk_duration_format(age, old);
    lk_duration_format(promised, every);
    if (good != NULL)
        return lk_arena_format(a, "%s: the last good backup is %s old, one is promised every %s", name, old,
                               every);
    if (ahead)
        return lk_arena_format(
            a,
            "%s: all backups are from a time that is still to come: is the clock right? One "
            "is promised every %s",
            name, every);
    return lk_arena_format(a, "%s: there is no good backup, one is promised every %s", name, every);
}

/* Is it among what the config file has backed up? Others are in the store because somebody backed them up by
 * hand, which was no promise. */
static bool is_covered(const struct view *v, const char *path)
{
    const char *const *paths = lk_config_general(v->config)->paths;
    bool covered = paths == NULL || paths[0] == NULL || path == NULL;
    for (; !covered && *paths != NULL; paths++) {
        char *real = lk_path_real(*paths);
        covered = lk_path_is_below(path, real != NULL ? real : *paths);
        lk_free(real);
    }
    return covered;
}

/* How often a backup is promised, from which age on it is late (0: never), and whether of some tables only.
 */
static enum lk_status read_promise(const struct view *v, const struct lk_database *db,
                                   struct litekeep_database_status *d, int64_t *limit, bool *some,
                                   struct lk_error *err)
{
    struct lk_settings settings = {0};
    const char *path = lk_database_current_path(db);
    const enum lk_status status = lk_session_settings(v->lk, path, db->folder, &settings, err);
    if (status != LK_OK)
        return status;
    *some = settings.tables != NULL || settings.skip_tables != NULL;
    const bool own = settings.every != v->general_every || settings.stale_after != v->general_stale;
    const int64_t every = own || !v->other_store ? settings.every : 0;
    if (own || (v->other_store ? v->every > 0 : is_covered(v, path))) {
        d->promised = every > 0 ? every : v->every;
        *limit = settings.stale_after > 0 ? settings.stale_after : d->promised > 0 ? grace(d->promised) : 0;
        d->promised = d->promised > 0 ? d->promised : settings.stale_after;
    }
    lk_settings_reset(&settings);
    return LK_OK;
}

/* STALE is no event of the journal: it is found by looking. */
static enum lk_status judge_age(const struct view *v, const struct lk_database *db,
                                const struct lk_alarm_record *record, const struct lk_backup_list *list,
                                struct litekeep_database_status *d, bool *stale, struct lk_error *err)
{
    struct lk_arena *a = &v->result->arena;
    const char *path = lk_database_current_path(db);
    int64_t limit = 0;
    bool some = false;
    const enum lk_status status = read_promise(v, db, d, &limit, &some, err);
    if (status != LK_OK)
        return status;
    /* Its own alarm says why there is no backup. */
    if (limit == 0 || lk_gone_is_told(&record->journal) || lk_gone_roots_hold(&v->roots, path))
        return LK_OK;
    static const char *const none[] = {NULL};
    bool ahead;
    const struct lk_backup_entry *good = newest_good(list, some, v->now, &ahead);
    const int64_t last = good != NULL ? good->finished : db->first_seen;
    const int64_t age = v->now > last ? v->now - last : 0;
    if (age <= limit && (good != NULL || !ahead))
        return LK_OK;
    *stale = true;
    struct litekeep_alarm *grown = lk_arena_take(a, d->alarms + 1, sizeof *grown);
    if (grown == NULL)
        return lk_arena_check(a, err);
    for (size_t i = 0; i < d->alarms; i++)
        grown[i] = d->alarm[i];
    grown[d->alarms] = (struct litekeep_alarm){
        .kind = LITEKEEP_ALARM_STALE,
        .word = lk_alarm_word(LITEKEEP_ALARM_STALE),
        .database = d->name,
        .path = d->path,
        .raised = last,
        .good = good == NULL ? NULL : lk_arena_copy(a, good->id),
        .message = say_stale(a, d->name, good, ahead, age, d->promised),
        .causes = none,
    };
    d->alarm = grown;
    d->alarms++;
    return LK_OK;
}

static void sum_up(const struct lk_backup_list *list, struct lk_arena *a, bool *damaged,
                   struct litekeep_database_status *d)
{
    d->backups = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const struct lk_backup_entry *e = &list->entry[i];
        *damaged |= e->damaged || e->problem != NULL;
        d->stored_bytes += e->bytes - (e->shared_bytes < e->bytes ? e->shared_bytes : e->bytes);
    }
    if (list->count == 0)
        return;
    const struct lk_backup_entry *last = &list->entry[list->count - 1];
    d->last_id = lk_arena_copy(a, last->id);
    d->last_finished = last->finished;
    d->counted = last->kind != LK_BACKUP_LEGACY && last->problem == NULL;
    d->rows = last->rows;
    d->tables = last->tables;
    d->copies = 1;
    d->verified = last->verified_at;
}

static void fill_database(const struct view *v, const struct lk_database *db,
                          struct litekeep_database_status *d)
{
    struct lk_arena *a = &v->result->arena;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_backup_list list = {0};
    struct lk_journal journal = {0};
    struct lk_alarm_record record = {0};
    struct lk_error err = {0};
    const char *path = lk_database_current_path(db);
    bool damaged = false, stale = false;
    d->name = lk_arena_copy(a, db->folder);
    d->path = lk_arena_shown_string(a, path == NULL ? "" : path);
    enum lk_status status = lk_database_open(v->lk->store, db->folder, &dir, &err);
    if (status == LK_OK)
        status = lk_catalog_list(&dir, &list, &journal, &err);
    if (status == LK_OK)
        sum_up(&list, a, &damaged, d);
    if (status == LK_OK)
        status = lk_alarm_record_fold(&journal, &record, &err);
    if (status == LK_OK) {
        d->alarms = record.count;
        d->alarm = lk_alarm_describe(a, v->lk, &record, db->folder, path);
        status = judge_age(v, db, &record, &list, d, &stale, &err);
    }
    if (status != LK_OK)
        d->problem = lk_arena_copy(a, err.message);
    d->state = damaged || status != LK_OK            ? "damaged"
               : d->alarms > (size_t)(stale ? 1 : 0) ? "alarm"
               : stale                               ? "stale"
               : d->backups == 0                     ? "empty"
                                                     : "ok";
    lk_journal_reset(&journal);
    lk_alarm_record_reset(&record);
    lk_backup_list_reset(&list);
    lk_dir_close(&dir);
}

/* ---- The store, the schedule, the last run */

static void add_alarm(struct status_result *r, const struct litekeep_alarm *alarm)
{
    struct litekeep_alarm *grown = lk_arena_take(&r->arena, r->status.alarms + 1, sizeof *grown);
    if (grown == NULL)
        return;
    for (size_t i = 0; i < r->status.alarms; i++)
        grown[i] = r->status.alarm[i];
    grown[r->status.alarms++] = *alarm;
    r->status.alarm = grown;
}

static void add_general(struct status_result *r, enum litekeep_alarm_kind kind, const char *path,
                        int64_t raised, const char *message)
{
    static const char *const none[] = {NULL};
    add_alarm(r, &(struct litekeep_alarm){.kind = kind,
                                          .word = lk_alarm_word(kind),
                                          .path = path,
                                          .raised = raised,
                                          .message = message,
                                          .causes = none});
}

/* A schedule that cannot be looked at (no crontab program, no permission) is as if there were none: what was
 * promised is judged by the config then. */
static void look_at_schedule(struct view *v)
{
    struct litekeep_schedule *schedule = NULL;
    struct litekeep_status *s = &v->result->status;
    struct lk_error err = {0};
    if (litekeep_schedule_show(v->lk, &schedule, &err) != LK_OK)
        return;
    s->scheduled = schedule->backend != NULL;
    s->next_run = s->scheduled ? schedule->next_run : 0;
    v->every = s->scheduled && schedule->every_known ? schedule->every : 0;
    litekeep_schedule_free(schedule);
}

/* Opens the store. One that is expected and not there, or another than expected, is an alarm; *usable: it is
 * there. */
static enum lk_status look_at_store(struct view *v, bool *usable, struct lk_error *err)
{
    struct status_result *r = v->result;
    struct lk_settings settings = {0};
    enum lk_status status = lk_session_config(v->lk, &v->config, err);
    if (status == LK_OK)
        status = lk_session_settings(v->lk, NULL, NULL, &settings, err);
    if (status != LK_OK)
        return status;
    v->general_every = settings.every;
    v->general_stale = settings.stale_after;
    lk_settings_reset(&settings);
    const struct lk_general_settings *general = lk_config_general(v->config);
    const bool expected = lk_session_is_expected(v->lk, general);
    const bool named = expected && (general->store != NULL || general->store_uuid != NULL);
    v->other_store = !expected && (general->store != NULL || general->store_uuid != NULL);
    r->status.store = lk_arena_shown_string(&r->arena, v->lk->store_path);
    r->status.free_bytes = UINT64_MAX;
    struct lk_error why = {0};
    status = lk_session_store(v->lk, false, &why);
    *usable = status == LK_OK;
    if (status == LK_NOT_FOUND && (named || r->status.scheduled)) {
        add_general(
            r, LITEKEEP_ALARM_STORE, r->status.store, 0,
            general->store_uuid != NULL
                ? lk_arena_copy(&r->arena, why.message)
                : lk_arena_format(&r->arena,
                                  "%s: no store is there: is its disk mounted? Until it is back there "
                                  "are no backups",
                                  r->status.store));
        return LK_OK;
    }
    if (status == LK_NOT_FOUND && v->lk->store_is_default)
        return lk_fail(err, LK_NOT_FOUND,
                       "%s: nothing has been backed up yet; `litekeep backup PATH` makes the first backup",
                       v->lk->store_path);
    if (status != LK_OK) {
        *err = why;
        return status;
    }
    uint64_t inodes;
    if (lk_store_space(v->lk->store, &r->status.free_bytes, &inodes, &why) != LK_OK)
        r->status.free_bytes = UINT64_MAX;
    return LK_OK;
}

static enum lk_status look_at_roots(struct view *v, struct lk_error *err)
{
    struct status_result *r = v->result;
    struct lk_alarm_record record = {0};
    enum lk_status status = lk_alarm_record_read(&v->lk->store->dir, &record, err);
    if (status == LK_OK)
        status = lk_gone_roots_of(&record.journal, &v->roots, err);
    const struct litekeep_alarm *open =
        status == LK_OK ? lk_alarm_describe(&r->arena, v->lk, &record, NULL, NULL) : NULL;
    for (size_t i = 0; open != NULL && i < record.count; i++)
        add_alarm(r, &open[i]);
    lk_alarm_record_reset(&record);
    return status;
}

static enum lk_status look_at_last_run(struct view *v, struct lk_error *err)
{
    struct status_result *r = v->result;
    struct litekeep_run_status *run = &r->status.last_run;
    char *message = NULL;
    const enum lk_status status = lk_run_record_last(v->lk, run, &message, err);
    run->message = lk_arena_copy(&r->arena, message);
    lk_free(message);
    /* One from a time that is still to come says nothing; the databases' backups will. */
    if (status != LK_OK || run->finished == 0 || v->every == 0 || v->now - run->finished <= grace(v->every))
        return status;
    char age[LK_TIME_SIZE], every[LK_TIME_SIZE];
    lk_duration_format(v->now - run->finished, age);
    lk_duration_format(v->every, every);
    add_general(r, LITEKEEP_ALARM_STALE, r->status.store, run->finished,
                lk_arena_format(&r->arena,
                                "the schedule promises a run every %s, the last one was %s ago: `litekeep "
                                "%sschedule show` says what is installed",
                                every, age, litekeep_store_option(v->lk)));
    return LK_OK;
}

/* ---- All of it */

static enum lk_status look_at_databases(const struct view *v, struct lk_error *err)
{
    struct litekeep_status *s = &v->result->status;
    struct lk_database_list all = {0};
    enum lk_status status = lk_database_list_all(v->lk->store, lk_session_warn(v->lk), &all, err);
    if (status != LK_OK)
        return status;
    s->database = lk_arena_take(&v->result->arena, all.count + 1, sizeof *s->database);
    for (size_t i = 0; i < all.count && !v->result->arena.failed && !lk_session_interrupted(); i++) {
        fill_database(v, all.database[i], &s->database[i]);
        s->stored_bytes += s->database[i].stored_bytes;
        s->databases++;
    }
    lk_database_list_free(&all);
    if (lk_session_interrupted())
        return lk_fail(err, LK_INTERRUPTED, "interrupted");
    return LK_OK;
}

/* What the last run left undone, as an exit code. An alarm is told of by itself, and whoever interrupted a
 * run knows of it. */
static enum lk_status of_last_run(const struct litekeep_run_status *run)
{
    if (run->finished == 0 || run->status == LK_OK || run->status == LK_ALARM ||
        run->status == LK_INTERRUPTED)
        return LK_OK;
    return run->status == LK_FAILED ? LK_FAILED : LK_UNREADABLE;
}

/* The worst of all states; the words are in the order of the exit codes they give. */
static void conclude(struct litekeep_status *s)
{
    static const struct {
        const char *state;
        enum lk_status status;
    } states[] = {{"damaged", LK_DAMAGED}, {"alarm", LK_ALARM}, {"stale", LK_ALARM}};
    bool alarm = false, stale = false, backups = false;
    for (size_t i = 0; i < s->alarms; i++)
        *(s->alarm[i].kind == LITEKEEP_ALARM_STALE ? &stale : &alarm) = true;
    s->state = NULL;
    for (size_t k = 0; k < sizeof states / sizeof *states && s->state == NULL; k++) {
        bool found = k == 1 ? alarm : k == 2 && stale;
        for (size_t i = 0; i < s->databases; i++)
            found |= strcmp(s->database[i].state, states[k].state) == 0;
        if (found) {
            s->state = states[k].state;
            s->status = states[k].status;
        }
    }
    for (size_t i = 0; i < s->databases; i++)
        backups |= s->database[i].backups > 0;
    const enum lk_status run = of_last_run(&s->last_run);
    if (s->state == NULL)
        s->state = run != LK_OK ? "failed" : backups ? "ok" : "empty";
    s->status = litekeep_worse(s->status, run);
}

enum lk_status litekeep_status(struct litekeep *lk, struct litekeep_status **out, struct lk_error *err)
{
    struct status_result *result = lk_allocate_zeroed(1, sizeof *result);
    if (result == NULL)
        return lk_fail_memory(err, "looking at the store");
    struct view view = {.lk = lk, .result = result, .now = lk_clock_now()};
    bool usable = false;
    look_at_schedule(&view);
    enum lk_status status = look_at_store(&view, &usable, err);
    if (status == LK_OK && usable) {
        status = look_at_roots(&view, err);
        if (status == LK_OK)
            status = look_at_last_run(&view, err);
        if (status == LK_OK)
            status = look_at_databases(&view, err);
    }
    if (status == LK_OK)
        status = lk_arena_check(&result->arena, err);
    lk_gone_roots_reset(&view.roots);
    if (status == LK_OK) {
        conclude(&result->status);
        *out = &result->status;
    } else {
        litekeep_status_free(&result->status);
    }
    return status;
}

void litekeep_status_free(struct litekeep_status *status)
{
    struct status_result *result = (struct status_result *)status; /* its first member */
    if (result == NULL)
        return;
    lk_arena_free(&result->arena);
    lk_free(result);
}
