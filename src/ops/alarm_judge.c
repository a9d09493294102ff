/* Judging a backup: what has it lost against those before, and what is back? */
#include "ops/alarm.h"

#include <assert.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "ops/alarm_raise.h"

#define BACK_LOST 0.05 /* share of what was there that may be missing when it counts as back */

struct judging {
    struct lk_alarm_place place;
    const struct lk_settings *settings;
    struct lk_counts now;
    struct lk_counts_list list; /* lines of the store; this backup is made one of them */
    struct lk_alarm_record record;
    const struct lk_counts **good; /* what is compared with: some of list */
    bool *there;                   /* by the same index */
    size_t count;
    bool *closed;              /* by the record's open alarms: over with this backup */
    struct lk_journal journal; /* with what closing them has added: their pins may be released */
};

static void judging_reset(struct judging *j)
{
    lk_counts_reset(&j->now);
    lk_counts_list_reset(&j->list);
    lk_alarm_record_reset(&j->record);
    lk_free(j->good);
    lk_free(j->there);
    lk_free(j->closed);
    lk_journal_reset(&j->journal);
}

/* ---- The past */

static void add_sequences(struct lk_counts *now, const struct lk_counts *sequences)
{
    for (size_t i = 0; sequences != NULL && i < sequences->tables; i++) {
        const struct lk_counts_table *from = &sequences->table[i];
        /* A line may be of a table that was left out, or is none any more. */
        const struct lk_counts_table *found = lk_counts_find(now, from->name);
        if (found == NULL)
            continue;
        struct lk_counts_table *to = &now->table[found - now->table];
        to->has_sequence = from->has_sequence;
        to->sequence = from->sequence;
    }
}

/* The lines since the last ack. A backup that nobody has judged (a run was killed) is no measure: what it
 * lost would never be told. Where nothing was judged yet, all are good. */
static enum lk_status choose_past(struct judging *j, struct lk_error *err)
{
    uint64_t judged = 0, newest = 0;
    for (size_t i = 0; i < j->list.count; i++) {
        const struct lk_counts *c = &j->list.counts[i];
        judged = !c->made && c->seq > judged ? c->seq : judged;
        newest = c->seq < j->now.seq && c->seq > newest ? c->seq : newest;
    }
    j->good = lk_allocate_zeroed(j->list.count + 1, sizeof *j->good);
    j->there = lk_allocate_zeroed(j->list.count + 1, sizeof *j->there);
    if (j->good == NULL || j->there == NULL)
        return lk_fail_memory(err, "looking for losses");
    /* A number that no backup has would leave nothing to compare with. */
    const uint64_t accepted = j->record.accepted_seq < newest ? j->record.accepted_seq : newest;
    for (size_t i = 0; i < j->list.count; i++) {
        const struct lk_counts *c = &j->list.counts[i];
        const bool unjudged = judged > 0 && c->seq > judged && c->seq > accepted;
        if (c->seq < accepted || c->seq >= j->now.seq || unjudged)
            continue;
        j->good[j->count] = c;
        j->there[j->count++] = lk_alarm_raise_has_backup(j->place.dir, c->id);
    }
    return LK_OK;
}

static enum lk_status gather(struct judging *j, const struct lk_manifest *manifest,
                             const struct lk_counts *sequences, struct lk_error *err)
{
    enum lk_status status = lk_counts_of_manifest(manifest, &j->now, err);
    if (status == LK_OK)
        status = lk_alarm_record_read(j->place.dir, &j->record, err);
    if (status != LK_OK)
        return status;
    add_sequences(&j->now, sequences);
    j->now.left_out = &manifest->left_out;
    status = lk_counts_read(j->place.dir, manifest->started - j->settings->alarm_window, &j->list, err);
    if (status == LK_OK)
        status = choose_past(j, err);
    if (status == LK_OK && (j->closed = lk_allocate_zeroed(j->record.count + 1, sizeof *j->closed)) == NULL)
        status = lk_fail_memory(err, "looking for losses");
    return status;
}

/* ---- What is back */

/* A table that has only grown beyond what raises an alarm has not got back what it lost. */
static bool is_enough(uint64_t now, uint64_t before, double lost)
{
    if (lost > BACK_LOST && lost < LK_ALARM_OFF)
        lost = BACK_LOST;
    return now > 0 && (double)now + (double)before * 1e-12 >= (1 - lost) * (double)before;
}

/* The file is no older one any more: we restored it, or it holds what the last good backup held, or another
 * file was put there that has gone on further. That the counter of the same file rises again proves nothing.
 */
static bool is_young_again(const struct judging *j, const json_t *event, const struct lk_counts_table *t)
{
    const char *last_good = lk_journal_string(event, "last_good", "");
    if (j->record.restored_seq > 0 && j->record.restored_seq >= lk_journal_count(event, "seq"))
        return true;
    for (size_t i = 0; i < j->list.count; i++) {
        if (strcmp(j->list.counts[i].id, last_good) == 0 &&
            lk_counts_same_content(&j->list.counts[i], &j->now))
            return true;
    }
    const struct lk_counts *last = j->count > 0 ? j->good[j->count - 1] : NULL;
    if (last == NULL || (last->inode == j->now.inode && last->device == j->now.device))
        return false;
    const uint64_t before = lk_journal_count(event, "before");
    return t != NULL ? t->has_sequence && t->sequence >= 0 && (uint64_t)t->sequence >= before
                     : before > 0 && j->now.change_counter >= before;
}

static bool is_back(const struct judging *j, const json_t *event)
{
    const char *word = lk_journal_string(event, "kind", "");
    char *table = NULL, *column = NULL;
    bool back = false;
    if (!lk_json_text_get(json_object_get(event, "table"), &table))
        table = NULL;
    if (!lk_json_text_get(json_object_get(event, "column"), &column))
        column = NULL;
    const struct lk_counts_table *t = table == NULL ? NULL : lk_counts_find(&j->now, table);
    const struct lk_counts_column *c = t == NULL || column == NULL ? NULL : lk_counts_column(t, column);
    const uint64_t before = lk_journal_count(event, "before");
    if (strcmp(word, "gone") == 0)
        back = true;
    else if (strcmp(word, "cut") == 0)
        back = lk_counts_has_tables(&j->now);
    else if (strcmp(word, "older") == 0)
        back = is_young_again(j, event, t);
    else if (strcmp(word, "values") == 0)
        back = c != NULL && is_enough(c->values, before, lk_settings_limit(j->settings, table, true));
    else
        back = t != NULL && is_enough(t->rows, before, lk_settings_limit(j->settings, table, false));
    lk_free(table);
    lk_free(column);
    return back;
}

static enum lk_status close_what_is_back(struct judging *j, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < j->record.count; i++)
        j->closed[i] = is_back(j, j->record.open[i].event);
    for (size_t i = 0; status == LK_OK && i < j->record.count; i++) {
        if (j->closed[i])
            status = lk_alarm_raise_recovered(&j->place, &j->record, i, j->closed, j->now.id, err);
    }
    return status;
}

/* ---- What is lost */

static const json_t *find_open(const struct judging *j, const char *key)
{
    for (size_t i = 0; i < j->record.count; i++) {
        if (!j->closed[i] && strcmp(j->record.open[i].key, key) == 0)
            return j->record.open[i].event;
    }
    return NULL;
}

/* Is it so much worse than what is open under its key that it must be told again? */
static bool is_worse(const struct lk_loss *loss, const json_t *open)
{
    const uint64_t said = lk_journal_count(open, "now");
    const bool was_table = strcmp(lk_journal_string(open, "kind", ""), "table") == 0;
    switch (loss->kind) {
    case LITEKEEP_ALARM_TABLE:
        return !was_table;
    case LITEKEEP_ALARM_ROWS:
    case LITEKEEP_ALARM_EMPTY:
    case LITEKEEP_ALARM_VALUES:
        return loss->now < said - said / 2;
    case LITEKEEP_ALARM_OLDER:
        return loss->now < said;
    case LITEKEEP_ALARM_CUT:
    case LITEKEEP_ALARM_GONE:
    case LITEKEEP_ALARM_ROOT:
    case LITEKEEP_ALARM_STALE:
    case LITEKEEP_ALARM_STORE:
    case LITEKEEP_ALARM_REPLACED:
        break;
    }
    return false;
}

/* What is raised anew goes on to be measured from where the first alarm was. */
static void carry_over(struct lk_loss *loss, const json_t *open)
{
    const uint64_t before = lk_journal_count(open, "before");
    const char *good = lk_journal_string(open, "good", NULL);
    if (before >= loss->before && good != NULL) {
        loss->before = before;
        loss->good = good;
    }
    loss->replaced |= json_is_true(json_object_get(open, "replaced"));
}

static bool fill_event(const struct judging *j, json_t *event, const json_t *open,
                       const struct lk_counts *last, const char *const *causes)
{
    const char *last_good = open == NULL ? last->id : lk_journal_string(open, "last_good", last->id);
    const uint64_t last_seq = open == NULL ? last->seq : lk_journal_count(open, "last_seq");
    return event != NULL && lk_json_set(event, "id", json_string(j->now.id)) &&
           lk_json_set(event, "seq", json_integer((json_int_t)j->now.seq)) &&
           lk_json_set(event, "last_good", json_string(last_good)) &&
           lk_json_set(event, "last_seq", json_integer((json_int_t)last_seq)) &&
           lk_alarm_raise_causes(event, causes);
}

/* Pins first: should this be the last thing that happens, a later run raises the alarm. *raised is counted
 * up unless it is open already. */
static enum lk_status raise_loss(struct judging *j, const struct lk_counts *last, struct lk_loss *loss,
                                 const char *const *causes, size_t *raised, struct lk_error *err)
{
    char *key = lk_alarm_raise_key(loss->kind, loss->table, loss->column);
    if (key == NULL)
        return lk_fail_memory(err, "raising an alarm");
    const json_t *open = find_open(j, key);
    enum lk_status status = LK_OK;
    if (open != NULL && !is_worse(loss, open))
        goto out;
    if (open != NULL)
        carry_over(loss, open);
    status = lk_alarm_raise_pin(&j->place, &j->journal, loss->good, err);
    if (status == LK_OK && (loss->good == NULL || strcmp(loss->good, last->id) != 0) && open == NULL)
        status = lk_alarm_raise_pin(&j->place, &j->journal, last->id, err);
    if (status != LK_OK)
        goto out;
    json_t *event = lk_alarm_raise_loss(loss, key);
    if (!fill_event(j, event, open, last, causes)) {
        json_decref(event);
        event = NULL;
    }
    status = lk_alarm_raise_append(&j->place, event, err);
    *raised += status == LK_OK ? 1 : 0;
out:
    lk_free(key);
    return status;
}

static enum lk_status raise_losses(struct judging *j, const struct lk_alarm_past *past, size_t *found,
                                   size_t *raised, struct lk_error *err)
{
    struct lk_losses losses = {0};
    struct lk_arena arena = {0};
    const char *const *causes = NULL;
    bool rewritten = false;
    const struct lk_counts *last = past->good[past->count - 1];
    enum lk_status status = lk_alarm_rules(past, &j->now, j->settings, &losses, err);
    *found = losses.count;
    if (status == LK_OK && losses.count > 0) {
        causes = lk_alarm_causes_git(&arena, last, &j->now, j->place.path, &losses, &rewritten);
        status = lk_arena_check(&arena, err);
    }
    for (size_t i = 0; status == LK_OK && i < losses.count; i++) {
        losses.loss[i].replaced |= rewritten;
        status = raise_loss(j, last, &losses.loss[i], causes, raised, err);
    }
    lk_arena_free(&arena);
    lk_losses_reset(&losses);
    return status;
}

/* Was an alarm that is open raised against this very line? (Then its run did not come to an end.) */
static bool was_told_against(const struct judging *j, const struct lk_counts *last)
{
    for (size_t i = 0; i < j->record.count; i++) {
        if (!j->closed[i] && lk_journal_count(j->record.open[i].event, "last_seq") == last->seq)
            return true;
    }
    return false;
}

/* How many lines of the past come before the losses that are over with this backup: whoever brought back what
 * was lost may have put a file there that is older than those with the loss, but not than the good ones. */
static size_t count_before_losses(const struct judging *j)
{
    size_t count = j->count;
    for (size_t i = 0; i < j->record.count; i++) {
        const uint64_t good = j->closed[i] ? lk_journal_count(j->record.open[i].event, "last_seq") : 0;
        while (good > 0 && count > 0 && j->good[count - 1]->seq > good)
            count--;
    }
    return count;
}

static enum lk_status raise_what_is_lost(struct judging *j, struct lk_error *err)
{
    size_t found = 0, raised = 0;
    if (j->count == 0)
        return LK_OK;
    const size_t before_losses = count_before_losses(j);
    const bool back = before_losses < j->count;
    const bool restored = j->record.restored_seq > 0 && j->record.restored_seq >= j->good[j->count - 1]->seq;
    struct lk_alarm_past past = {
        .good = j->good,
        .there = j->there,
        .count = j->count,
        .window_start = j->now.started - j->settings->alarm_window,
        .restored = restored || back,
    };
    enum lk_status status = raise_losses(j, &past, &found, &raised, err);
    /* The rules say of an older file only where nothing is lost. A loss that was told before says nothing of
     * what happened since. */
    past.age_only = true;
    past.restored = restored;
    past.count = before_losses;
    if (status == LK_OK && (found > 0 || back) && raised == 0 && past.count > 0 &&
        !was_told_against(j, past.good[past.count - 1]))
        status = raise_losses(j, &past, &found, &raised, err);
    return status;
}

/* ---- The whole */

/* Last of all: a line says that its backup was judged. */
static enum lk_status append_counts(struct judging *j, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    const mode_t mode = j->place.lk->store->journal_mode;
    for (size_t i = 0; status == LK_OK && i < j->list.count; i++) {
        const struct lk_counts *c = &j->list.counts[i];
        if (c->made && c->seq < j->now.seq)
            status = lk_counts_append(j->place.dir, mode, c, err);
    }
    return status == LK_OK ? lk_counts_append(j->place.dir, mode, &j->now, err) : status;
}

enum lk_status lk_alarm_judge(struct litekeep *lk, const struct lk_database *database,
                              const struct lk_dir *dir, const struct lk_lock *lock,
                              const struct lk_manifest *manifest, const struct lk_counts *sequences,
                              const struct lk_settings *settings, bool closes, struct lk_alarm_tally *tally,
                              struct lk_error *err)
{
    struct judging j = {
        .place = {.lk = lk,
                  .dir = dir,
                  .database = database->folder,
                  .path = lk_database_current_path(database)},
        .settings = settings,
    };
    struct lk_alarm_record after = {0};
    assert(lk_lock_covers(lock, dir));
    (void)lock;
    enum lk_status status = gather(&j, manifest, sequences, err);
    const size_t events = j.record.journal.count;
    if (status == LK_OK && closes)
        status = close_what_is_back(&j, err);
    if (status == LK_OK)
        status = lk_journal_read(dir, &j.journal, err);
    if (status == LK_OK)
        status = raise_what_is_lost(&j, err);
    /* What was raised is told even if the counts cannot be kept. */
    struct lk_error why = {0};
    const enum lk_status kept = status == LK_OK ? append_counts(&j, &why) : LK_OK;
    struct lk_error unread = {0};
    enum lk_status told = lk_alarm_record_read(dir, &after, &unread);
    if (told == LK_OK)
        told = lk_alarm_raise_tell(&j.place, &after, events, tally, &unread);
    if (status == LK_OK && (kept != LK_OK || told != LK_OK)) {
        *err = kept != LK_OK ? why : unread;
        status = kept != LK_OK ? kept : told;
    }
    lk_alarm_record_reset(&after);
    judging_reset(&j);
    if (status == LK_OK)
        return LK_OK;
    err->status = LK_FAILED; /* whatever is wrong in the store: it is no damage of a backup */
    return lk_error_prefix(err, "the backup is complete, but was not compared with those before it");
}

enum lk_status lk_alarm_remind(struct litekeep *lk, const struct lk_database *database,
                               const struct lk_dir *dir, struct lk_alarm_tally *tally, struct lk_error *err)
{
    struct lk_alarm_record record = {0};
    const struct lk_alarm_place place = {
        .lk = lk, .dir = dir, .database = database->folder, .path = lk_database_current_path(database)};
    enum lk_status status = lk_alarm_record_read(dir, &record, err);
    if (status == LK_OK)
        status = lk_alarm_raise_tell(&place, &record, record.journal.count, tally, err);
    lk_alarm_record_reset(&record);
    return status;
}

enum lk_status lk_alarm_note_restore(struct litekeep *lk, const struct lk_dir *dir, const char *id,
                                     struct lk_error *err)
{
    const struct lk_alarm_place place = {.lk = lk, .dir = dir};
    uint64_t seq = 0;
    enum lk_status status = lk_catalog_last_seq(dir, &seq, err);
    if (status != LK_OK)
        return status;
    json_t *event = lk_journal_event("restore", lk_clock_now());
    if ((id != NULL && !lk_json_set(event, "id", json_string(id))) ||
        !lk_json_set(event, "seq", json_integer((json_int_t)seq))) {
        json_decref(event);
        event = NULL;
    }
    return lk_alarm_raise_append(&place, event, err);
}
