#include "ops/alarm_raise.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "ops/untold.h"
#include "store/names.h"

/* ---- Events */

static void append_name(struct lk_buffer *out, const char *name)
{
    const size_t from = out->len;
    lk_text_escape(lk_bytes_of(name), out);
    for (size_t i = from; i < out->len && !out->failed; i++) {
        if (out->data[i] != '/')
            continue;
        if (lk_buffer_extend(out, 3) == NULL)
            return;
        memmove(out->data + i + 4, out->data + i + 1, out->len - i - 4);
        memcpy(out->data + i, "\\x2f", 4);
    }
}

static const char *key_word(enum litekeep_alarm_kind kind)
{
    /* A table has one alarm, whether it is short of rows, empty, or gone. */
    return kind == LITEKEEP_ALARM_EMPTY || kind == LITEKEEP_ALARM_TABLE ? "rows" : lk_alarm_word(kind);
}

char *lk_alarm_raise_key(enum litekeep_alarm_kind kind, const char *table, const char *column)
{
    struct lk_buffer key = {0};
    lk_buffer_append_string(&key, key_word(kind));
    if (table != NULL) {
        lk_buffer_append_byte(&key, '/');
        append_name(&key, table);
    }
    if (column != NULL) {
        lk_buffer_append_byte(&key, '/');
        append_name(&key, column);
    }
    char *copy = key.failed ? NULL : lk_copy_bytes(key.data, key.len);
    lk_buffer_reset(&key);
    return copy;
}

bool lk_alarm_raise_name(json_t *event, const char *key, const char *name)
{
    return name == NULL || lk_json_set(event, key, lk_json_text(lk_bytes_of(name)));
}

bool lk_alarm_raise_causes(json_t *event, const char *const *causes)
{
    json_t *array = json_array();
    for (; causes != NULL && *causes != NULL && array != NULL; causes++) {
        if (json_array_append_new(array, json_string(*causes)) != 0) {
            json_decref(array);
            return false;
        }
    }
    return lk_json_set(event, "causes", array);
}

json_t *lk_alarm_raise_loss(const struct lk_loss *loss, const char *key)
{
    json_t *event = lk_journal_event("alarm", lk_clock_now());
    const bool ok = event != NULL && lk_json_set(event, "key", json_string(key)) &&
                    lk_json_set(event, "kind", json_string(lk_alarm_word(loss->kind))) &&
                    lk_alarm_raise_name(event, "table", loss->table) &&
                    lk_alarm_raise_name(event, "column", loss->column) &&
                    lk_json_set(event, "before", json_integer((json_int_t)loss->before)) &&
                    lk_json_set(event, "now", json_integer((json_int_t)loss->now)) &&
                    (!loss->replaced || lk_json_set(event, "replaced", json_true())) &&
                    (loss->good == NULL || lk_json_set(event, "good", json_string(loss->good)));
    if (ok)
        return event;
    json_decref(event);
    return NULL;
}

enum lk_status lk_alarm_raise_append(const struct lk_alarm_place *p, json_t *event, struct lk_error *err)
{
    if (event == NULL)
        return lk_fail_memory(err, "writing to the journal");
    /* Before it is written down: should the run be killed now, the next one finds it open, and tells. */
    if (lk_journal_is(event, "alarm"))
        lk_untold_mark(p->lk, p->dir);
    const enum lk_status status = lk_journal_append(p->dir, p->lk->store->journal_mode, event, err);
    json_decref(event);
    return status;
}

/* ---- Pins */

bool lk_alarm_raise_has_backup(const struct lk_dir *dir, const char *id)
{
    struct stat st;
    return lk_name_is_id(id) && fstatat(dir->fd, id, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

enum lk_pinned lk_alarm_raise_pinned(const struct lk_journal *journal, const char *id)
{
    enum lk_pinned pinned = LK_PINNED_NOT;
    for (size_t i = 0; i < journal->count; i++) {
        const json_t *event = journal->event[i];
        const char *type = lk_journal_string(event, "type", "");
        if (strcmp(lk_journal_string(event, "id", ""), id) != 0)
            continue;
        if (strcmp(type, "unpin") == 0 || strcmp(type, "backup") == 0)
            pinned = LK_PINNED_NOT;
        else if (strcmp(type, "pin") == 0 && strcmp(lk_journal_string(event, "reason", ""), "alarm") != 0)
            pinned = LK_PINNED_BY_USER;
        else if (strcmp(type, "pin") == 0 && pinned == LK_PINNED_NOT)
            pinned = LK_PINNED_BY_ALARM;
    }
    return pinned;
}

static json_t *pin_event(const char *type, const char *id, const char *reason)
{
    json_t *event = lk_journal_event(type, lk_clock_now());
    if (lk_json_set(event, "id", json_string(id)) && lk_json_set(event, "reason", json_string(reason)))
        return event;
    json_decref(event);
    return NULL;
}

enum lk_status lk_alarm_raise_pin(const struct lk_alarm_place *p, const struct lk_journal *journal,
                                  const char *id, struct lk_error *err)
{
    if (id == NULL || lk_alarm_raise_pinned(journal, id) != LK_PINNED_NOT ||
        !lk_alarm_raise_has_backup(p->dir, id))
        return LK_OK;
    return lk_alarm_raise_append(p, pin_event("pin", id, "alarm"), err);
}

static bool is_needed(const struct lk_alarm_record *r, const bool *closed, const char *id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (!closed[i] && (strcmp(lk_journal_string(r->open[i].event, "good", ""), id) == 0 ||
                           strcmp(lk_journal_string(r->open[i].event, "last_good", ""), id) == 0))
            return true;
    }
    return false;
}

static enum lk_status release_pin(const struct lk_alarm_place *p, const struct lk_alarm_record *r,
                                  const bool *closed, const char *id, struct lk_error *err)
{
    if (id == NULL || lk_alarm_raise_pinned(&r->journal, id) != LK_PINNED_BY_ALARM ||
        is_needed(r, closed, id))
        return LK_OK;
    return lk_alarm_raise_append(p, pin_event("unpin", id, "recovered"), err);
}

/* ---- Telling */

static void emit(const struct lk_alarm_place *p, enum litekeep_event_type type,
                 const struct litekeep_alarm *alarm, const char *message)
{
    lk_session_emit(p->lk, &(struct litekeep_event){
                               .type = type,
                               .status = type == LITEKEEP_EVENT_RECOVERED ? LK_OK : LK_ALARM,
                               .path = alarm->path,
                               .database = alarm->database,
                               .id = alarm->id,
                               .table = alarm->table,
                               .message = message == NULL ? alarm->message : message,
                               .alarm = alarm,
                           });
}

static const char *say_recovered(struct lk_arena *a, const struct litekeep_alarm *alarm)
{
    switch (alarm->kind) {
    case LITEKEEP_ALARM_GONE:
        return lk_arena_format(a, "%s is there again", alarm->path);
    case LITEKEEP_ALARM_ROOT:
        return lk_arena_format(a, "%s holds databases again", alarm->path);
    case LITEKEEP_ALARM_CUT:
        return lk_arena_format(a, "%s has tables again", alarm->path);
    case LITEKEEP_ALARM_OLDER:
        return lk_arena_format(a, "%s is no older file any more", alarm->path);
    case LITEKEEP_ALARM_ROWS:
    case LITEKEEP_ALARM_EMPTY:
    case LITEKEEP_ALARM_TABLE:
        return lk_arena_format(a, "table \"%s\" of %s has its rows again", alarm->table, alarm->path);
    case LITEKEEP_ALARM_VALUES:
        return lk_arena_format(a, "column \"%s\" of table \"%s\" of %s has its values again", alarm->column,
                               alarm->table, alarm->path);
    case LITEKEEP_ALARM_STALE: /* not of a journal */
    case LITEKEEP_ALARM_STORE:
    case LITEKEEP_ALARM_REPLACED:
        break;
    }
    return alarm->message;
}

enum lk_status lk_alarm_raise_recovered(const struct lk_alarm_place *p, const struct lk_alarm_record *r,
                                        size_t index, const bool *closed, const char *id,
                                        struct lk_error *err)
{
    const json_t *alarm = r->open[index].event;
    struct lk_arena arena = {0};
    json_t *event = lk_journal_event("recovered", lk_clock_now());
    if (!lk_json_set(event, "key", json_string(r->open[index].key)) ||
        (id != NULL && !lk_json_set(event, "id", json_string(id)))) {
        json_decref(event);
        event = NULL;
    }
    enum lk_status status = lk_alarm_raise_append(p, event, err);
    const char *good = lk_journal_string(alarm, "good", NULL),
               *last = lk_journal_string(alarm, "last_good", NULL);
    if (status == LK_OK)
        status = release_pin(p, r, closed, good, err);
    if (status == LK_OK && last != NULL && (good == NULL || strcmp(good, last) != 0))
        status = release_pin(p, r, closed, last, err);
    struct litekeep_alarm *told =
        status == LK_OK ? lk_alarm_describe(&arena, p->lk, r, p->database, p->path) : NULL;
    if (told != NULL && !arena.failed) {
        told[index].restore = told[index].ack = NULL; /* it would overwrite what is right again */
        emit(p, LITEKEEP_EVENT_RECOVERED, &told[index], say_recovered(&arena, &told[index]));
    }
    lk_arena_free(&arena);
    return status;
}

enum lk_status lk_alarm_raise_tell(const struct lk_alarm_place *p, const struct lk_alarm_record *r,
                                   size_t events_before, struct lk_alarm_tally *tally, struct lk_error *err)
{
    struct lk_arena arena = {0};
    const struct litekeep_alarm *told = lk_alarm_describe(&arena, p->lk, r, p->database, p->path);
    const enum lk_status status = lk_arena_check(&arena, err);
    if (r->count == 0)
        lk_untold_clear(p->dir); /* of what is over, or was accepted */
    for (size_t i = 0; status == LK_OK && told != NULL && i < r->count; i++) {
        bool raised = false;
        for (size_t k = events_before; k < r->journal.count; k++)
            raised |= r->journal.event[k] == r->open[i].event;
        tally->raised += raised ? 1 : 0;
        tally->open += raised ? 0 : 1;
        emit(p, raised ? LITEKEEP_EVENT_ALARM : LITEKEEP_EVENT_OPEN, &told[i], NULL);
    }
    lk_arena_free(&arena);
    return status;
}
