#include "ops/backup_run.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#define PROGRESS_INTERVAL INT64_C(100000000) /* ns */

/* Text of a database or a path as it may be shown; lk_free it. */
static char *shown(const char *text)
{
    return text == NULL ? NULL : lk_text_escaped(lk_bytes_of(text));
}

/* What the run ends with, and its record keeps, is read without the event that names the source. */
static void name_source(struct lk_error *out, const struct lk_error *err, const char *path)
{
    *out = *err;
    if (path == NULL || strstr(err->message, path) != NULL || err->status == LK_INTERRUPTED)
        return;
    (void)lk_fail(out, err->status, "%s: %s", path, err->message);
    out->system = err->system;
}

void lk_backup_run_problem(struct lk_backup_run *run, const char *path, const char *table,
                           const struct lk_error *err)
{
    char *shown_path = shown(path), *shown_table = shown(table);
    pthread_mutex_lock(&run->lock);
    const enum lk_status worse = litekeep_worse(run->status, err->status);
    if (worse != run->status)
        name_source(&run->err, err, shown_path);
    run->status = worse;
    run->summary.failed += err->status == LK_INTERRUPTED ? 0 : 1;
    pthread_mutex_unlock(&run->lock);
    if (err->status != LK_INTERRUPTED) /* the run's own end says it */
        lk_session_emit(run->lk, &(struct litekeep_event){.type = LITEKEEP_EVENT_PROBLEM,
                                                          .status = err->status,
                                                          .path = shown_path,
                                                          .table = shown_table,
                                                          .message = err->message});
    lk_free(shown_path);
    lk_free(shown_table);
}

void lk_backup_run_alarms(struct lk_backup_run *run, const struct lk_alarm_tally *tally)
{
    pthread_mutex_lock(&run->lock);
    run->summary.alarms += tally->raised;
    run->summary.open_alarms += tally->open;
    if (tally->raised > 0 && litekeep_worse(run->status, LK_ALARM) != run->status)
        run->status = lk_fail(&run->err, LK_ALARM, "data has shrunk");
    pthread_mutex_unlock(&run->lock);
}

void lk_backup_run_warn(struct lk_backup_run *run, const char *path, const char *format, ...)
{
    struct lk_buffer text = {0};
    char raw[LK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    lk_text_escape(lk_bytes_of(raw), &text);
    const char *message = lk_buffer_string(&text);
    char *shown_path = shown(path);
    lk_session_emit(run->lk,
                    &(struct litekeep_event){.type = LITEKEEP_EVENT_WARNING,
                                             .path = shown_path,
                                             .message = message == NULL ? "out of memory" : message});
    lk_free(shown_path);
    lk_buffer_reset(&text);
}

void lk_backup_run_progress(struct lk_backup_run *run, uint64_t rows, uint64_t bytes)
{
    pthread_mutex_lock(&run->lock);
    run->progress_rows += rows;
    run->done_bytes += bytes;
    const int64_t now = lk_clock_monotonic();
    const bool due = now - run->last_progress >= PROGRESS_INTERVAL;
    if (due)
        run->last_progress = now;
    const struct litekeep_event event = {
        .type = LITEKEEP_EVENT_PROGRESS,
        .rows = run->progress_rows,
        .source_bytes = run->total_bytes,
        /* Raw values take more or less room than pages: a bar that stays below its end until it is there. */
        .done_bytes = run->done_bytes < run->total_bytes ? run->done_bytes : run->total_bytes,
    };
    pthread_mutex_unlock(&run->lock);
    if (due)
        lk_session_emit(run->lk, &event);
}
