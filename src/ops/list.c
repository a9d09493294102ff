#include "ops/list.h"

#include "base/memory.h"
#include "ops/alarm.h"
#include "ops/session.h"

struct list_result {
    struct litekeep_list list;
    struct lk_arena arena;
};

const char *const *lk_list_texts(struct lk_arena *a, const struct lk_manifest_texts *from)
{
    const char **out = lk_arena_take(a, from->count + 1, sizeof *out);
    for (size_t i = 0; out != NULL && i < from->count; i++)
        out[i] = lk_arena_shown_string(a, from->text[i]);
    return out;
}

void lk_list_fill_backup(struct lk_arena *a, const struct lk_backup_entry *e, const struct lk_manifest *m,
                         struct litekeep_backup_info *out)
{
    static const struct lk_manifest_texts no_texts = {0};
    *out = (struct litekeep_backup_info){
        .id = lk_arena_copy(a, e->id),
        .seq = e->seq,
        .started = e->started,
        .finished = e->finished,
        .tables = e->tables,
        .rows = e->rows,
        .source_bytes = e->source_bytes,
        .stored_bytes = e->bytes - e->shared_bytes,
        .verified = e->verified,
        .verified_known = e->verified_known,
        .checked = e->verified_at,
        .damaged = e->damaged,
        .pinned = e->pinned,
        .legacy = e->kind == LK_BACKUP_LEGACY,
        .problem = lk_arena_shown_string(a, e->problem),
        .tags = lk_list_texts(a, m == NULL ? &no_texts : &m->tags),
    };
    if (m == NULL)
        return;
    out->source_bytes = m->source.bytes;
    out->verified = lk_manifest_is_verified(m);
    out->verified_known = true;
}

static void fill_backups(struct lk_arena *a, const struct lk_dir *dir, const struct lk_backup_list *list,
                         const struct lk_alarm_record *record, bool details,
                         struct litekeep_database_info *out)
{
    out->backup = lk_arena_take(a, list->count + 1, sizeof *out->backup);
    out->count = out->backup == NULL ? 0 : list->count;
    for (size_t i = 0; i < out->count; i++) {
        struct lk_error err = {0};
        struct lk_backup *backup = NULL;
        /* Only where one database is asked for: a manifest a backup is too much for a whole store. */
        if (details && list->entry[i].problem == NULL &&
            lk_backup_open(dir, list->entry[i].id, &backup, &err) != LK_OK)
            backup = NULL;
        lk_list_fill_backup(a, &list->entry[i], backup == NULL ? NULL : backup->manifest, &out->backup[i]);
        out->backup[i].alarm = lk_alarm_record_suspects(record, list, i);
        out->stored_bytes += out->backup[i].stored_bytes;
        lk_backup_free(backup);
    }
}

static void fill_database(struct lk_arena *a, const struct litekeep *lk, const struct lk_database *db,
                          bool details, struct litekeep_database_info *out)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_backup_list list = {0};
    struct lk_journal journal = {0};
    struct lk_alarm_record record = {0};
    struct lk_error err = {0};
    const char *path = lk_database_current_path(db);
    out->name = lk_arena_copy(a, db->folder);
    out->path = lk_arena_shown_string(a, path == NULL ? "" : path);
    enum lk_status status = lk_database_open(lk->store, db->folder, &dir, &err);
    if (status == LK_OK)
        status = lk_catalog_list(&dir, &list, &journal, &err);
    if (status == LK_OK)
        status = lk_alarm_record_fold(&journal, &record, &err);
    if (status == LK_OK) {
        fill_backups(a, &dir, &list, &record, details, out);
        out->alarms = record.count;
        out->alarm = lk_alarm_describe(a, lk, &record, db->folder, path);
    } else {
        out->problem = lk_arena_copy(a, err.message);
    }
    lk_alarm_record_reset(&record);
    lk_backup_list_reset(&list);
    lk_dir_close(&dir);
}

enum lk_status litekeep_list(struct litekeep *lk, const char *database, struct litekeep_list **out,
                             struct lk_error *err)
{
    struct lk_database_list all = {0};
    struct lk_database *one = NULL;
    struct list_result *result = NULL;
    enum lk_status status = lk_session_store(lk, false, err);
    if (status == LK_OK && database != NULL)
        status = lk_database_resolve(lk->store, database, &one, err);
    else if (status == LK_OK)
        status = lk_database_list_all(lk->store, lk_session_warn(lk), &all, err);
    if (status != LK_OK)
        goto out;
    result = lk_allocate_zeroed(1, sizeof *result);
    if (result == NULL) {
        status = lk_fail_memory(err, "listing backups");
        goto out;
    }
    const size_t count = one != NULL ? 1 : all.count;
    result->list.database = lk_arena_take(&result->arena, count + 1, sizeof *result->list.database);
    for (size_t i = 0; i < count && !result->arena.failed; i++)
        fill_database(&result->arena, lk, one != NULL ? one : all.database[i], one != NULL,
                      &result->list.database[i]);
    result->list.count = count;
    status = lk_arena_check(&result->arena, err);
out:
    lk_database_free(one);
    lk_database_list_free(&all);
    if (status == LK_OK)
        *out = &result->list;
    else if (result != NULL)
        litekeep_list_free(&result->list);
    return status;
}

void litekeep_list_free(struct litekeep_list *list)
{
    struct list_result *result = (struct list_result *)list; /* its first member */
    if (result == NULL)
        return;
    lk_arena_free(&result->arena);
    lk_free(result);
}
