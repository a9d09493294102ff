#include "ops/alarm.h"

#include "base/memory.h"

/* Events are folded in their order; what an open alarm borrows lives in the journal. */

static size_t find_open(const struct lk_alarm_record *r, const char *key)
{
    size_t i = 0;
    while (i < r->count && strcmp(r->open[i].key, key) != 0)
        i++;
    return i;
}

static void close_at(struct lk_alarm_record *r, size_t i)
{
    memmove(r->open + i, r->open + i + 1, (r->count - i - 1) * sizeof *r->open);
    r->count--;
}

static size_t find_settled(const struct lk_alarm_record *r, const char *key)
{
    size_t i = 0;
    while (i < r->settled_count && strcmp(r->settled[i], key) != 0)
        i++;
    return i;
}

static void settle(struct lk_alarm_record *r, const char *key)
{
    if (find_settled(r, key) == r->settled_count)
        r->settled[r->settled_count++] = key;
}

static void unsettle(struct lk_alarm_record *r, const char *key)
{
    const size_t at = find_settled(r, key);
    if (at < r->settled_count)
        r->settled[at] = r->settled[--r->settled_count];
}

/* Losses of rows are settled by the new measure; that a source is not there goes on to be seen. */
static void accept(struct lk_alarm_record *r, const char *key)
{
    for (size_t i = r->count; i > 0; i--) {
        if (key != NULL && strcmp(r->open[i - 1].key, key) != 0)
            continue;
        if (strcmp(r->open[i - 1].key, "gone") == 0 || strncmp(r->open[i - 1].key, "root/", 5) == 0)
            settle(r, r->open[i - 1].key);
        close_at(r, i - 1);
    }
}

/* The newest backup, as far as was folded. */
struct newest {
    const char *id; /* NULL: none */
    uint64_t seq;
    const char *before; /* the good one before it: it is bad itself when an alarm follows */
    const char *latest; /* good or not */
};

static void open_alarm(struct lk_alarm_record *r, const json_t *event, struct newest *newest)
{
    const char *key = lk_journal_string(event, "key", NULL);
    const char *id = lk_journal_string(event, "id", NULL);
    if (key == NULL)
        return;
    /* The first alarm says what was good: of those that follow nothing is, until all are closed. */
    if (r->count == 0 && newest->id != NULL && id != NULL && strcmp(newest->id, id) == 0)
        newest->id = newest->before;
    const size_t at = find_open(r, key);
    if (at < r->count)
        close_at(r, at); /* a worse loss takes the place of the one before */
    r->open[r->count++] = (struct lk_open_alarm){.event = event, .key = key};
}

static void fold_event(struct lk_alarm_record *r, const json_t *event, struct newest *newest, uint64_t *seq)
{
    if (lk_journal_is(event, "backup")) {
        const char *id = lk_journal_string(event, "id", NULL);
        *seq = lk_journal_count(event, "seq") > *seq ? lk_journal_count(event, "seq") : *seq;
        unsettle(r, "gone");
        newest->latest = id != NULL ? id : newest->latest;
        if (r->count == 0 && id != NULL) {
            newest->before = newest->id;
            newest->id = id;
        }
    } else if (lk_journal_is(event, "alarm")) {
        open_alarm(r, event, newest);
    } else if (lk_journal_is(event, "recovered")) {
        const char *key = lk_journal_string(event, "key", "");
        const size_t at = find_open(r, key);
        if (at < r->count)
            close_at(r, at);
        unsettle(r, key);
        /* The backup that shows that all is back is good again. */
        const char *id = lk_journal_string(event, "id", NULL);
        if (r->count == 0 && id != NULL)
            newest->id = id;
    } else if (lk_journal_is(event, "ack")) {
        accept(r, lk_journal_string(event, "key", NULL));
        const uint64_t said = lk_journal_count(event, "seq");
        r->accepted_seq = said > 0 ? said : *seq;
        newest->id = lk_journal_string(event, "id", newest->latest);
    } else if (lk_journal_is(event, "moved")) {
        settle(r, "gone");
    } else if (lk_journal_is(event, "restore")) {
        const uint64_t said = lk_journal_count(event, "seq");
        r->restored_seq = said > 0 ? said : *seq;
    }
}

enum lk_status lk_alarm_record_fold(struct lk_journal *journal, struct lk_alarm_record *out,
                                    struct lk_error *err)
{
    struct newest newest = {0};
    uint64_t seq = 0;
    size_t alarms = 0;
    *out = (struct lk_alarm_record){.journal = *journal};
    *journal = (struct lk_journal){0};
    for (size_t i = 0; i < out->journal.count; i++)
        alarms += lk_journal_is(out->journal.event[i], "alarm") ? 1 : 0;
    out->open = lk_allocate_zeroed(alarms + 1, sizeof *out->open);
    out->settled = lk_allocate_zeroed(alarms + 2, sizeof *out->settled);
    if (out->open == NULL || out->settled == NULL) {
        lk_alarm_record_reset(out);
        return lk_fail_memory(err, "reading alarms");
    }
    for (size_t i = 0; i < out->journal.count; i++)
        fold_event(out, out->journal.event[i], &newest, &seq);
    const char *good = newest.id;
    if (out->count > 0)
        good = lk_journal_string(out->open[0].event, "last_good", good);
    if (good != NULL && (out->good = lk_copy_string(good)) == NULL) {
        lk_alarm_record_reset(out);
        return lk_fail_memory(err, "reading alarms");
    }
    return LK_OK;
}

enum lk_status lk_alarm_record_read(const struct lk_dir *folder, struct lk_alarm_record *out,
                                    struct lk_error *err)
{
    struct lk_journal journal = {0};
    *out = (struct lk_alarm_record){0};
    enum lk_status status = lk_journal_read(folder, &journal, err);
    if (status == LK_OK)
        status = lk_alarm_record_fold(&journal, out, err);
    lk_journal_reset(&journal);
    return status;
}

void lk_alarm_record_reset(struct lk_alarm_record *r)
{
    lk_journal_reset(&r->journal);
    lk_free(r->open);
    lk_free(r->settled);
    lk_free(r->good);
    *r = (struct lk_alarm_record){0};
}

bool lk_alarm_record_has(const struct lk_alarm_record *r, const char *key)
{
    return find_open(r, key) < r->count;
}

bool lk_alarm_record_has_settled(const struct lk_alarm_record *r, const char *key)
{
    return find_settled(r, key) < r->settled_count;
}

bool lk_alarm_record_suspects(const struct lk_alarm_record *r, const struct lk_backup_list *list,
                              size_t index)
{
    const struct lk_backup_entry *e = &list->entry[index];
    if (e->kind != LK_BACKUP_ORDINARY || e->problem != NULL)
        return false;
    for (size_t i = 0; i < r->count; i++) {
        const json_t *event = r->open[i].event;
        const uint64_t first = lk_journal_count(event, "seq");
        const uint64_t last_good = lk_journal_count(event, "last_seq");
        if (first > 0 && e->seq > (last_good > 0 ? last_good : first - 1))
            return true;
    }
    return false;
}
