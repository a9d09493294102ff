#include "ops/verify_run.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#define PROGRESS_INTERVAL INT64_C(100000000) /* ns */

void lk_verify_run_fail(struct lk_verify_run *run, const struct lk_error *err)
{
    pthread_mutex_lock(&run->lock);
    if (run->failure.status == LK_OK)
        run->failure = *err;
    pthread_mutex_unlock(&run->lock);
    atomic_store(&run->stop, true);
}

bool lk_verify_run_stopped(struct lk_verify_run *run)
{
    if (!atomic_load_explicit(&run->stop, memory_order_relaxed) && lk_session_interrupted())
        atomic_store(&run->stop, true);
    return atomic_load_explicit(&run->stop, memory_order_relaxed);
}

void lk_verify_run_note(struct lk_verify_run *run, const char *format, ...)
{
    char text[LK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&run->lock);
    const bool ok = lk_manifest_add_text(&run->notes, text);
    pthread_mutex_unlock(&run->lock);
    struct lk_error err = {0};
    if (!ok && lk_fail_memory(&err, "gathering the answer") != LK_OK)
        lk_verify_run_fail(run, &err);
}

void lk_verify_run_expect(struct lk_verify_run *run, uint64_t before, uint64_t now)
{
    pthread_mutex_lock(&run->lock);
    run->total_bytes -= before < run->total_bytes ? before : run->total_bytes;
    run->total_bytes += now;
    pthread_mutex_unlock(&run->lock);
}

void lk_verify_run_progress(struct lk_verify_run *run, uint64_t bytes, uint64_t rows)
{
    pthread_mutex_lock(&run->lock);
    run->done_bytes += bytes;
    run->rows += rows;
    const int64_t now = lk_clock_monotonic();
    const bool due = now - run->last_progress >= PROGRESS_INTERVAL;
    if (due)
        run->last_progress = now;
    const struct litekeep_event event = {
        .type = LITEKEEP_EVENT_PROGRESS,
        .rows = run->rows,
        .source_bytes = run->total_bytes,
        .done_bytes = run->done_bytes < run->total_bytes ? run->done_bytes : run->total_bytes,
    };
    pthread_mutex_unlock(&run->lock);
    if (due)
        lk_session_emit(run->lk, &event);
}

struct lk_verify_scratch *lk_verify_run_scratch(struct lk_verify_run *run, unsigned worker)
{
    struct lk_verify_scratch *s = &run->scratch[worker];
    struct lk_error err = {0};
    enum lk_status status = LK_OK;
    if (s->batch != NULL)
        return s; /* made last */
    if (s->hasher == NULL)
        status = lk_hasher_new(run->lk->store->secret, &s->hasher, &err);
    if (status == LK_OK && s->sha256 == NULL)
        status = lk_sha256_new(&s->sha256, &err);
    if (status == LK_OK && s->decoder == NULL)
        status = lk_parquet_decoder_new(&s->decoder, &err);
    if (status == LK_OK && s->chunk == NULL && (s->chunk = lk_allocate(LK_VERIFY_CHUNK)) == NULL)
        status = lk_fail_memory(&err, "preparing to read");
    if (status == LK_OK && (s->batch = lk_batch_new(0, false)) == NULL)
        status = lk_fail_memory(&err, "preparing to read");
    if (status == LK_OK)
        return s;
    lk_verify_run_fail(run, &err);
    return NULL;
}

bool lk_verify_run_is_damage(const struct lk_error *err)
{
    switch (err->system) {
    case EIO:
    case EBADMSG:
    case EUCLEAN:
    case ELOOP:
    case ENOTDIR:
        return true;
    default:
        return err->status == LK_DAMAGED || err->status == LK_NOT_FOUND || err->status == LK_UNREADABLE;
    }
}

const char *lk_verify_run_below(const struct lk_verify_backup *b, const char *message)
{
    const char *folder = b->backup == NULL ? NULL : b->backup->dir.path;
    const size_t len = folder == NULL ? 0 : strlen(folder);
    return len > 0 && strncmp(message, folder, len) == 0 && message[len] == '/' ? message + len + 1 : message;
}

void lk_verify_damages_add(struct lk_verify_damages *to, struct lk_verify_backup *b, const char *table,
                           uint64_t part, const char *file, const char *format, ...)
{
    char text[LK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct lk_verify_damage d = {.part = part, .message = lk_copy_string(lk_verify_run_below(b, text))};
    bool ok = d.message != NULL;
    if (ok && table != NULL)
        ok = (d.table = lk_text_escaped(lk_bytes_of(table))) != NULL;
    if (ok && file != NULL)
        ok = (d.file = lk_text_escaped(lk_bytes_of(file))) != NULL;
    /* Doubles at each power of two. */
    if (ok && (to->count & (to->count - 1)) == 0) {
        struct lk_verify_damage *grown =
            lk_reallocate(to->damage, (to->count == 0 ? 1 : 2 * to->count) * sizeof *grown);
        ok = grown != NULL;
        to->damage = ok ? grown : to->damage;
    }
    if (ok) {
        to->damage[to->count++] = d;
        return;
    }
    lk_free(d.message);
    lk_free(d.table);
    lk_free(d.file);
    struct lk_error err = {0};
    if (lk_fail_memory(&err, "gathering damage") != LK_OK)
        lk_verify_run_fail(b->database->run, &err);
}

void lk_verify_damages_reset(struct lk_verify_damages *d)
{
    for (size_t i = 0; i < d->count; i++) {
        lk_free(d->damage[i].table);
        lk_free(d->damage[i].file);
        lk_free(d->damage[i].message);
    }
    lk_free(d->damage);
    *d = (struct lk_verify_damages){0};
}
