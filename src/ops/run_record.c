#include "ops/run_record.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/journal.h"
#include "store/lock.h"

#include <fcntl.h>
#include <sys/stat.h>

#define LOCK_WAIT INT64_C(5000000000)        /* ns */
#define IDLE_INTERVAL INT64_C(3600000000000) /* ns between two runs without work that are noted */
#define FULL (1 << 20)                       /* bytes of journal, from which on old runs are forgotten */
#define KEPT 1000                            /* runs that stay then */

static const json_t *last_run(const struct lk_journal *journal)
{
    for (size_t i = journal->count; i > 0; i--)
        if (lk_journal_is(journal->event[i - 1], "run"))
            return journal->event[i - 1];
    return NULL;
}

/* A login shell may start a run every minute that finds all backups young enough: one an hour is enough to
 * show that runs are made. */
static bool is_worth_noting(const struct lk_journal *journal, int64_t now, enum lk_status status,
                            const struct litekeep_backup_summary *s)
{
    const json_t *last = last_run(journal);
    if (last == NULL || status != LK_OK || s->done > 0 || lk_journal_integer(last, "status", -1) != LK_OK)
        return true;
    const int64_t since = now - lk_journal_time(last);
    return since < 0 || since >= IDLE_INTERVAL;
}

static json_t *make_event(int64_t now, int64_t started, enum lk_status status, const char *message,
                          const struct litekeep_backup_summary *s)
{
    char start[LK_TIME_SIZE];
    json_t *event = lk_journal_event("run", now);
    lk_time_format(started, start);
    if (event != NULL && lk_json_set(event, "kind", json_string("backup")) &&
        lk_json_set(event, "started", json_string(start)) &&
        lk_json_set(event, "duration_ms", json_integer(s->duration / 1000000)) &&
        lk_json_set(event, "status", json_integer((json_int_t)status)) &&
        (message == NULL || lk_json_set(event, "message", lk_json_text(lk_bytes_of(message)))) &&
        lk_json_set(event, "done", json_integer((json_int_t)s->done)) &&
        lk_json_set(event, "skipped", json_integer((json_int_t)s->skipped)) &&
        lk_json_set(event, "failed", json_integer((json_int_t)s->failed)) &&
        lk_json_set(event, "alarms", json_integer((json_int_t)s->alarms)) &&
        lk_json_set(event, "open_alarms", json_integer((json_int_t)s->open_alarms)) &&
        lk_json_set(event, "pruned", json_integer((json_int_t)s->pruned)) &&
        lk_json_set(event, "rows", json_integer((json_int_t)s->rows)) &&
        lk_json_set(event, "stored_bytes", json_integer((json_int_t)s->stored_bytes)))
        return event;
    json_decref(event);
    return NULL;
}

/* Write the journal anew without its oldest runs. All other events stay. */
static enum lk_status forget_old_runs(const struct lk_store *store, const struct lk_journal *journal,
                                      struct lk_error *err)
{
    struct lk_buffer text = {0};
    size_t runs = 0;
    bool ok = true;
    for (size_t i = 0; i < journal->count; i++)
        runs += lk_journal_is(journal->event[i], "run") ? 1 : 0;
    for (size_t i = 0; ok && i < journal->count; i++) {
        if (lk_journal_is(journal->event[i], "run") && runs-- > KEPT)
            continue;
        ok = lk_json_dump(journal->event[i], JSON_COMPACT, &text);
        lk_buffer_append_byte(&text, '\n');
    }
    const enum lk_status status = ok && !text.failed
                                      ? lk_file_write(&store->dir, LK_JOURNAL_FILE, lk_buffer_bytes(&text),
                                                      store->journal_mode, true, err)
                                      : lk_fail_memory(err, "shortening the journal");
    lk_buffer_reset(&text);
    return status;
}

static enum lk_status note_run(const struct lk_store *store, int64_t started, enum lk_status status,
                               const char *message, const struct litekeep_backup_summary *summary,
                               struct lk_error *err)
{
    struct lk_lock *lock = NULL;
    struct lk_journal journal = {0};
    struct stat st;
    json_t *event = NULL;
    const int64_t now = lk_clock_now();
    enum lk_status result =
        lk_lock_take(&store->dir, store->journal_mode, "noting a run", LOCK_WAIT, &lock, err);
    if (result == LK_OK)
        result = lk_journal_read(&store->dir, &journal, err);
    if (result != LK_OK || !is_worth_noting(&journal, now, status, summary))
        goto out;
    if (fstatat(store->dir.fd, LK_JOURNAL_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > FULL)
        result = forget_old_runs(store, &journal, err);
    if (result == LK_OK && (event = make_event(now, started, status, message, summary)) == NULL)
        result = lk_fail_memory(err, "noting the run");
    if (result == LK_OK)
        result = lk_journal_append(&store->dir, store->journal_mode, event, err);
out:
    json_decref(event);
    lk_journal_reset(&journal);
    lk_lock_release(lock);
    return result;
}

void lk_run_record_add(struct litekeep *lk, int64_t started, enum lk_status status, const char *message,
                       const struct litekeep_backup_summary *summary)
{
    struct lk_error err = {0};
    if (lk->store == NULL)
        return; /* without a store there is no place for it */
    if (note_run(lk->store, started, status, message, summary, &err) != LK_OK)
        lk_store_warn(lk_session_warn(lk), "what came of this run could not be noted: %s", err.message);
}

enum lk_status lk_run_record_last(struct litekeep *lk, struct litekeep_run_status *out, char **message,
                                  struct lk_error *err)
{
    struct lk_journal journal = {0};
    *out = (struct litekeep_run_status){0};
    *message = NULL;
    enum lk_status status = lk_session_store(lk, false, err);
    if (status == LK_OK)
        status = lk_journal_read(&lk->store->dir, &journal, err);
    const json_t *run = status == LK_OK ? last_run(&journal) : NULL;
    if (run == NULL)
        goto out;
    const int64_t code = lk_journal_integer(run, "status", LK_FAILED);
    const json_t *said = json_object_get(run, "message");
    char *raw = NULL;
    if (said != NULL && lk_json_text_get(said, &raw)) {
        struct lk_error safe; /* it was made safe before, but somebody may have written to the journal */
        (void)lk_fail(&safe, LK_FAILED, "%s", raw);
        lk_free(raw);
        *message = lk_copy_string(safe.message);
        if (*message == NULL)
            status = lk_fail_memory(err, "reading the journal");
    }
    out->finished = lk_journal_time(run);
    out->started = out->finished;
    (void)lk_time_parse(lk_journal_string(run, "started", ""), &out->started);
    out->status = code >= 0 && code <= 255 ? (enum lk_status)code : LK_FAILED;
    out->done = lk_journal_count(run, "done");
    out->failed = lk_journal_count(run, "failed");
    out->alarms = lk_journal_count(run, "alarms");
    out->message = *message;
out:
    lk_journal_reset(&journal);
    return status;
}
