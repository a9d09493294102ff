#include "store/journal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

enum { JOURNAL_LIMIT = 1 << 30 };

json_t *lk_journal_event(const char *type, int64_t now)
{
    char time[LK_TIME_SIZE];
    lk_time_format(now, time);
    json_t *event = json_object();
    if (lk_json_set(event, "type", json_string(type)) && lk_json_set(event, "time", json_string(time)))
        return event;
    json_decref(event);
    return NULL;
}

enum lk_status lk_journal_append(const struct lk_dir *database, mode_t mode, const json_t *event,
                                 struct lk_error *err)
{
    return lk_lines_append(database, LK_JOURNAL_FILE, "the journal", mode, event, err);
}

static bool is_event(const json_t *line)
{
    int64_t time;
    const char *text = json_string_value(json_object_get(line, "time"));
    return json_is_string(json_object_get(line, "type")) && text != NULL && lk_time_parse(text, &time);
}

static enum lk_status add_event(void *context, json_t *event, bool *more, struct lk_error *err)
{
    struct lk_journal *journal = context;
    (void)more;
    if (!is_event(event)) {
        const bool ok = lk_json_dump(event, JSON_COMPACT, &journal->skipped.text);
        json_decref(event);
        lk_buffer_append_byte(&journal->skipped.text, '\n');
        journal->skipped.count++;
        return ok && !journal->skipped.text.failed ? LK_OK : lk_fail_memory(err, "reading the journal");
    }
    /* Doubles at each power of two. */
    if ((journal->count & (journal->count - 1)) == 0) {
        const size_t cap = journal->count == 0 ? 1 : 2 * journal->count;
        json_t **grown = lk_reallocate(journal->event, cap * sizeof *grown);
        if (grown == NULL) {
            json_decref(event);
            return lk_fail_memory(err, "reading the journal");
        }
        journal->event = grown;
    }
    journal->event[journal->count++] = event;
    return LK_OK;
}

enum lk_status lk_journal_read(const struct lk_dir *database, struct lk_journal *out, struct lk_error *err)
{
    struct lk_journal journal = {0};
    *out = journal;
    const enum lk_status status = lk_lines_read(database, LK_JOURNAL_FILE, "the journal", JOURNAL_LIMIT,
                                                add_event, &journal, &journal.skipped, err);
    if (status == LK_OK)
        *out = journal;
    else
        lk_journal_reset(&journal);
    return status;
}

void lk_journal_reset(struct lk_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++)
        json_decref(journal->event[i]);
    lk_free(journal->event);
    lk_buffer_reset(&journal->skipped.text);
    *journal = (struct lk_journal){0};
}

bool lk_journal_skipped(const struct lk_journal *journal, const char *text)
{
    const struct lk_buffer *in = &journal->skipped.text;
    return in->len > 0 && memmem(in->data, in->len, text, strlen(text)) != NULL;
}

const char *lk_journal_string(const json_t *event, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text == NULL ? otherwise : text;
}

int64_t lk_journal_integer(const json_t *event, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(event, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

uint64_t lk_journal_count(const json_t *event, const char *key)
{
    const int64_t count = lk_journal_integer(event, key, 0);
    return count > 0 ? (uint64_t)count : 0;
}

bool lk_journal_is(const json_t *event, const char *type)
{
    return strcmp(lk_journal_string(event, "type", ""), type) == 0;
}

int64_t lk_journal_time(const json_t *event)
{
    int64_t instant = 0;
    (void)lk_time_parse(lk_journal_string(event, "time", ""), &instant);
    return instant;
}
