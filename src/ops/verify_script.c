/* Backups of the original script have no manifest: what can be checked is that every file can be read to its
 * end. */
#include <inttypes.h>

#include "ops/stored_table.h"
#include "ops/verify_backup.h"
#include "ops/verify_table.h"

static enum lk_status read_all(struct lk_verify_table *table, enum lk_stored_from from, uint64_t *rows,
                               struct lk_error *err)
{
    struct lk_verify_run *run = table->backup->database->run;
    const struct lk_stored_options options = {.from = from};
    const struct lk_stored_request request = {.threads = 0};
    struct lk_stored_table *stored = NULL;
    struct lk_stored_stream *stream = NULL;
    const struct lk_batch *batch = NULL;
    enum lk_status status = lk_stored_table_open(table->backup->backup, table->t, &options, &stored, err);
    if (status == LK_OK)
        status = lk_stored_stream_open(stored, &request, &stream, err);
    do {
        if (status == LK_OK && lk_verify_run_stopped(run))
            status = lk_fail(err, LK_INTERRUPTED, "interrupted");
        if (status == LK_OK)
            status = lk_stored_stream_next(stream, &batch, NULL, NULL, err);
        if (status == LK_OK && batch != NULL)
            *rows += batch->rows;
    } while (status == LK_OK && batch != NULL);
    lk_stored_stream_close(stream);
    lk_stored_table_free(stored);
    return status;
}

/* True: it was read to its end. */
static bool check_file(struct lk_verify_table *table, const struct lk_manifest_file *file,
                       enum lk_stored_from from)
{
    struct lk_verify_backup *b = table->backup;
    struct lk_verify_run *run = b->database->run;
    struct lk_error err = {0};
    uint64_t rows = 0;
    const enum lk_status status = read_all(table, from, &rows, &err);
    lk_verify_run_progress(run, file->bytes, rows);
    if (status == LK_OK) {
        pthread_mutex_lock(&run->lock);
        run->files++;
        run->bytes += file->bytes;
        pthread_mutex_unlock(&run->lock);
        return true;
    }
    if (status == LK_UNREADABLE) {
        lk_verify_run_note(run, "%s@%s: %s", b->database->folder, b->id, err.message);
        pthread_mutex_lock(&b->lock);
        b->status = LK_UNREADABLE;
        pthread_mutex_unlock(&b->lock);
    } else if (lk_verify_run_is_damage(&err)) {
        lk_verify_damages_add(&table->damages, b, table->t->name, 0, file->path, "%s", err.message);
    } else if (status != LK_INTERRUPTED) {
        lk_verify_run_fail(run, &err);
    }
    return false;
}

void lk_verify_script_table(struct lk_verify_table *table)
{
    const struct lk_manifest_part *p = &table->t->part[0];
    const char *from = NULL;
    if (p->parquet.path != NULL && check_file(table, &p->parquet, LK_STORED_PARQUET))
        from = "parquet";
    if (p->json.path != NULL && check_file(table, &p->json, LK_STORED_JSON) && from == NULL)
        from = "json";
    for (size_t i = 0; i < table->damages.count; i++)
        table->damages.damage[i].restorable = from;
}
