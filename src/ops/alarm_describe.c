/* Alarms in words: what happened, and the command line that brings it back. */
#include "ops/alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "sqlite/path.h"
#include "store/names.h"

/* What an alarm is told from, whether it stands in a journal or not. Texts are as they are, not shown. */
struct told {
    enum litekeep_alarm_kind kind;
    const char *database, *path, *table, *column;
    const char *reason; /* of GONE: what is there instead; NULL: nothing */
    uint64_t before, now;
    bool replaced;
    bool open; /* it stands in a journal, and can be accepted */
    const char *id, *good;
    int64_t raised;
    const char *const *causes;
};

static const struct {
    enum litekeep_alarm_kind kind;
    const char *word;
} words[] = {
    {LITEKEEP_ALARM_ROWS, "rows"},   {LITEKEEP_ALARM_EMPTY, "empty"},       {LITEKEEP_ALARM_VALUES, "values"},
    {LITEKEEP_ALARM_TABLE, "table"}, {LITEKEEP_ALARM_CUT, "cut"},           {LITEKEEP_ALARM_GONE, "gone"},
    {LITEKEEP_ALARM_OLDER, "older"}, {LITEKEEP_ALARM_ROOT, "root"},         {LITEKEEP_ALARM_STALE, "stale"},
    {LITEKEEP_ALARM_STORE, "store"}, {LITEKEEP_ALARM_REPLACED, "replaced"},
};

const char *lk_alarm_word(enum litekeep_alarm_kind kind)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i].kind == kind)
            return words[i].word;
    }
    return "rows";
}

static bool kind_of(const char *word, enum litekeep_alarm_kind *kind)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, word) == 0) {
            *kind = words[i].kind;
            return true;
        }
    }
    return false;
}

/* ---- Numbers and times */

#define NUMBER_SIZE 32

/* "895,000" */
static const char *number(uint64_t n, char out[NUMBER_SIZE])
{
    char digits[NUMBER_SIZE];
    const int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* "99.4 %"; never 100.0 while something is left, never 0.0 when something went. */
static const char *percentage(uint64_t lost, uint64_t of, char out[NUMBER_SIZE])
{
    double share = of == 0 ? 100 : (double)lost / (double)of * 100;
    if (lost < of && share > 99.9)
        share = 99.9;
    if (lost > 0 && share < 0.1)
        share = 0.1;
    snprintf(out, NUMBER_SIZE, "%.1f %%", share);
    return out;
}

/* "the backup of 2026-11-22 16:51", local; the id itself says when. */
static const char *backup_of(struct lk_arena *a, const char *id)
{
    char text[LK_TIME_SIZE], local[LITEKEEP_WORD_SIZE];
    int64_t instant;
    if (id == NULL)
        return "a backup that was removed since";
    if (strlen(id) < 18)
        return lk_arena_format(a, "the backup %s", id);
    snprintf(text, sizeof text, "%.13s:%.2s:%.2sZ", id, id + 13, id + 15);
    if (!lk_time_parse(text, &instant))
        return lk_arena_format(a, "the backup %s", id);
    litekeep_format_time_local(instant, local);
    local[16] = '\0'; /* seconds say nothing here */
    return lk_arena_format(a, "the backup of %s", local);
}

/* ---- The message */

static const char *say_rows(struct lk_arena *a, const struct told *t, const char *path, const char *table,
                            const char *since)
{
    char lost[NUMBER_SIZE], before[NUMBER_SIZE], now[NUMBER_SIZE], share[NUMBER_SIZE];
    const uint64_t gone = t->before > t->now ? t->before - t->now : 0;
    number(gone, lost);
    number(t->before, before);
    number(t->now, now);
    percentage(gone, t->before, share);
    const char *rows = t->before == 1 ? "row" : "rows";
    const char *are = t->now == 1 ? "is" : "are";
    if (t->kind == LITEKEEP_ALARM_EMPTY)
        return lk_arena_format(a,
                               "table \"%s\" of %s lost all of its %s %s (100.0 %%): none is left since %s",
                               table, path, before, rows, since);
    if (t->kind == LITEKEEP_ALARM_TABLE)
        return lk_arena_format(a, "table \"%s\" of %s is gone with its %s %s (100.0 %%) since %s", table,
                               path, before, rows, since);
    if (t->kind == LITEKEEP_ALARM_VALUES)
        return lk_arena_format(a,
                               "column \"%s\" of table \"%s\" of %s lost %s of %s values (%s), which are "
                               "NULL now: %s %s left since %s",
                               lk_arena_shown_string(a, t->column == NULL ? "" : t->column), table, path,
                               lost, before, share, now, are, since);
    return lk_arena_format(a, "table \"%s\" of %s lost %s of %s %s (%s): %s %s left since %s", table, path,
                           lost, before, rows, share, now, are, since);
}

static const char *say_older(struct lk_arena *a, const struct told *t, const char *path, const char *since)
{
    char before[NUMBER_SIZE], now[NUMBER_SIZE];
    number(t->before, before);
    number(t->now, now);
    if (t->table != NULL)
        return lk_arena_format(
            a,
            "%s is an older file than that of %s: the sequence of table \"%s\" has gone back "
            "from %s to %s",
            path, since, lk_arena_shown_string(a, t->table), before, now);
    if (t->before > t->now)
        return lk_arena_format(
            a, "%s is an older file than that of %s: its change counter has gone back from %s to %s", path,
            since, before, now);
    return lk_arena_format(a, "%s is an older file than that of %s: what it holds is older", path, since);
}

static const char *say(struct lk_arena *a, const struct told *t)
{
    char before[NUMBER_SIZE];
    const char *path = lk_arena_shown_string(a, t->path == NULL ? "" : t->path);
    const char *table = lk_arena_shown_string(a, t->table == NULL ? "" : t->table);
    const char *since = backup_of(a, t->good);
    if (path == NULL || table == NULL || since == NULL)
        return NULL;
    number(t->before, before);
    switch (t->kind) {
    case LITEKEEP_ALARM_ROWS:
    case LITEKEEP_ALARM_EMPTY:
    case LITEKEEP_ALARM_VALUES:
    case LITEKEEP_ALARM_TABLE:
        return say_rows(a, t, path, table, since);
    case LITEKEEP_ALARM_CUT:
        if (t->before == 0)
            return lk_arena_format(
                a, "%s has 0 bytes: all of its tables, which held no rows, are gone since %s", path, since);
        return lk_arena_format(
            a, "%s holds nothing any more: %s row%s (100.0 %%) and every table are gone since %s", path,
            before, t->before == 1 ? "" : "s", since);
    case LITEKEEP_ALARM_GONE:
        if (t->reason == NULL)
            return lk_arena_format(a, "%s is gone with its %s row%s: it was there at %s", path, before,
                                   t->before == 1 ? "" : "s", since);
        return lk_arena_format(a, "%s is no database any more (%s): it held %s row%s at %s", path,
                               lk_arena_shown_string(a, t->reason), before, t->before == 1 ? "" : "s", since);
    case LITEKEEP_ALARM_OLDER:
        return say_older(a, t, path, since);
    case LITEKEEP_ALARM_ROOT:
        if (t->before == 1)
            return lk_arena_format(
                a, "%s does not hold its database any more (%s): is it not mounted, or was it moved?", path,
                t->reason == NULL ? "it is empty" : lk_arena_shown_string(a, t->reason));
        return lk_arena_format(
            a, "%s holds none of its %s databases any more (%s): is it not mounted, or was it moved?", path,
            before, t->reason == NULL ? "it is empty" : lk_arena_shown_string(a, t->reason));
    case LITEKEEP_ALARM_REPLACED:
        return lk_arena_format(a, "%s is another file than that of %s", path, since);
    case LITEKEEP_ALARM_STALE: /* made and worded by status */
    case LITEKEEP_ALARM_STORE:
        break;
    }
    return path;
}

/* ---- The command */

static const char *quoted(struct lk_arena *a, const char *word)
{
    char *quote = lk_text_quote_shown(word);
    const char *out = lk_arena_copy(a, quote);
    a->failed |= quote == NULL;
    lk_free(quote);
    return out;
}

static const char *store_option(const struct litekeep *lk)
{
    return lk == NULL ? "" : litekeep_store_option(lk);
}

static bool is_of_table(enum litekeep_alarm_kind kind)
{
    return kind == LITEKEEP_ALARM_ROWS || kind == LITEKEEP_ALARM_EMPTY || kind == LITEKEEP_ALARM_VALUES ||
           kind == LITEKEEP_ALARM_TABLE;
}

static const char *restore_command(struct lk_arena *a, const struct litekeep *lk, const struct told *t)
{
    if (t->good == NULL || t->database == NULL || t->path == NULL)
        return NULL;
    const char *what = lk_arena_format(a, "%s@%s", t->database, t->good);
    what = what == NULL ? NULL : quoted(a, what);
    const char *path = quoted(a, t->path), *store = store_option(lk);
    if (what == NULL || path == NULL)
        return NULL;
    if (is_of_table(t->kind) && t->table != NULL && !t->replaced) {
        const char *table = quoted(a, t->table);
        return table == NULL
                   ? NULL
                   : lk_arena_format(a, "litekeep %srestore %s --into %s --table %s%s", store, what, path,
                                     table, t->kind == LITEKEEP_ALARM_TABLE ? "" : " --force");
    }
    /* What is no database cannot be backed up before it is replaced: it is put aside. */
    if (t->kind == LITEKEEP_ALARM_GONE && t->reason != NULL) {
        const char *aside = lk_arena_format(a, "%s.damaged", t->path);
        aside = aside == NULL ? NULL : quoted(a, aside);
        return aside == NULL ? NULL
                             : lk_arena_format(a, "mv %s %s && litekeep %srestore %s --to %s", path, aside,
                                               store, what, path);
    }
    return lk_arena_format(a, "litekeep %srestore %s --to %s%s", store, what, path,
                           t->kind == LITEKEEP_ALARM_GONE ? "" : " --force");
}

static const char *ack_command(struct lk_arena *a, const struct litekeep *lk, const struct told *t)
{
    const char *what = t->kind == LITEKEEP_ALARM_ROOT ? t->path : t->database;
    const char *word = !t->open || what == NULL ? NULL : quoted(a, what);
    return word == NULL ? NULL : lk_arena_format(a, "litekeep %sack %s", store_option(lk), word);
}

/* ---- From a journal, or from a comparison */

static void fill(struct lk_arena *a, const struct litekeep *lk, const struct told *t,
                 struct litekeep_alarm *out)
{
    static const char *const none[] = {NULL};
    *out = (struct litekeep_alarm){
        .kind = t->kind,
        .word = lk_alarm_word(t->kind),
        .database = lk_arena_shown_string(a, t->database),
        .path = lk_arena_shown_string(a, t->path),
        .table = lk_arena_shown_string(a, t->table),
        .column = lk_arena_shown_string(a, t->column),
        .before = t->before,
        .now = t->now,
        .raised = t->raised,
        .id = lk_arena_shown_string(a, t->id),
        .good = lk_arena_shown_string(a, t->good),
        .message = say(a, t),
        .causes = t->causes == NULL ? none : t->causes,
        .restore = restore_command(a, lk, t),
        .ack = ack_command(a, lk, t),
    };
}

/* A name of an event, in the arena; NULL where there is none. */
static const char *name_of(struct lk_arena *a, const json_t *event, const char *key)
{
    char *name = NULL;
    const json_t *value = json_object_get(event, key);
    if (value == NULL || !lk_json_text_get(value, &name))
        return NULL;
    const char *copy = lk_arena_copy(a, name);
    lk_free(name);
    return copy;
}

/* An id of a journal may be anything: it goes into a command line and must be an id. */
static const char *id_of(struct lk_arena *a, const json_t *event, const char *key)
{
    const char *id = lk_journal_string(event, key, NULL);
    return id == NULL || !lk_name_is_id(id) ? NULL : lk_arena_copy(a, id);
}

static const char *const *causes_of(struct lk_arena *a, const json_t *event)
{
    const json_t *causes = json_object_get(event, "causes");
    const size_t count = json_array_size(causes);
    const char **out = lk_arena_take(a, count + 1, sizeof *out);
    for (size_t i = 0, at = 0; out != NULL && i < count; i++) {
        const char *text = json_string_value(json_array_get(causes, i));
        if (text == NULL)
            continue;
        /* Shown when they were written; a journal that somebody else wrote may hold anything. A message's
         * escapes leave a backslash as it is. */
        struct lk_error shown = {0};
        (void)lk_fail(&shown, LK_OK, "%s", text);
        out[at++] = lk_arena_copy(a, shown.message);
    }
    return out;
}

struct litekeep_alarm *lk_alarm_describe(struct lk_arena *a, const struct litekeep *lk,
                                         const struct lk_alarm_record *r, const char *database,
                                         const char *path)
{
    if (r->count == 0)
        return NULL;
    struct litekeep_alarm *out = lk_arena_take(a, r->count, sizeof *out);
    for (size_t i = 0; out != NULL && i < r->count; i++) {
        const json_t *event = r->open[i].event;
        const char *own = name_of(a, event, "path");
        struct told told = {
            .kind = LITEKEEP_ALARM_ROWS,
            .database = database,
            .path = own != NULL ? own : path,
            .table = name_of(a, event, "table"),
            .column = name_of(a, event, "column"),
            .reason = name_of(a, event, "reason"),
            .before = lk_journal_count(event, "before"),
            .now = lk_journal_count(event, "now"),
            .replaced = json_is_true(json_object_get(event, "replaced")),
            .open = true,
            .id = id_of(a, event, "id"),
            .good = id_of(a, event, "good"),
            .raised = lk_journal_time(event),
            .causes = causes_of(a, event),
        };
        (void)kind_of(lk_journal_string(event, "kind", ""), &told.kind);
        fill(a, lk, &told, &out[i]);
    }
    return out;
}

void lk_alarm_describe_loss(struct lk_arena *a, const struct litekeep *lk, const struct lk_loss *loss,
                            const char *database, const char *path, const char *id, int64_t raised,
                            const char *const *causes, struct litekeep_alarm *out)
{
    const struct told told = {
        .kind = loss->kind,
        .database = database,
        .path = path,
        .table = loss->table,
        .column = loss->column,
        .before = loss->before,
        .now = loss->now,
        .replaced = loss->replaced,
        .id = id,
        .good = loss->good,
        .raised = raised,
        .causes = causes,
    };
    fill(a, lk, &told, out);
}
