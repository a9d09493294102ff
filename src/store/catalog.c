#include "store/catalog.h"

#include "base/clock.h"
#include "base/memory.h"
#include "store/legacy.h"
#include "store/names.h"
#include "store/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_LIMIT (INT64_C(1) << 53)

void lk_backup_list_reset(struct lk_backup_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        lk_free(list->entry[i].id);
        lk_free(list->entry[i].problem);
    }
    lk_free(list->entry);
    *list = (struct lk_backup_list){0};
}

static int compare_id_to_entry(const void *id, const void *entry)
{
    return strcmp(id, ((const struct lk_backup_entry *)entry)->id);
}

/* Entries for all folders that are backups, sorted by id as lk_dir_list sorts names. */
static enum lk_status list_folders(const struct lk_dir *database, struct lk_backup_list *list,
                                   struct lk_error *err)
{
    char **names = NULL;
    size_t count = 0;
    enum lk_status status = lk_dir_list(database, &names, &count, err);
    if (status != LK_OK)
        return status;
    list->entry = lk_allocate_zeroed(count, sizeof *list->entry);
    if (list->entry == NULL)
        status = lk_fail_memory(err, "listing backups");
    for (size_t i = 0; status == LK_OK && i < count; i++) {
        const bool ordinary = lk_name_is_id(names[i]);
        if (!ordinary && !lk_legacy_is_backup(database, names[i]))
            continue;
        struct lk_backup_entry *e = &list->entry[list->count];
        e->kind = ordinary ? LK_BACKUP_ORDINARY : LK_BACKUP_LEGACY;
        e->id = lk_copy_string(names[i]);
        if (e->id == NULL)
            status = lk_fail_memory(err, "listing backups");
        else
            list->count++;
    }
    lk_free(names);
    return status;
}

static bool get_time(const json_t *event, const char *key, int64_t *out)
{
    return lk_time_parse(lk_journal_string(event, key, ""), out);
}

/* The sequence number of a "backup" event; 0 when it is none that can be believed. */
static uint64_t seq_of(const json_t *event)
{
    const int64_t seq = lk_journal_integer(event, "seq", 0);
    return lk_journal_is(event, "backup") && seq > 0 && seq < COUNT_LIMIT ? (uint64_t)seq : 0;
}

/* A new backup under an id that was used before (and removed in the same second) inherits nothing. */
static void apply_backup(struct lk_backup_entry *e, const json_t *event)
{
    int64_t started, finished;
    if (seq_of(event) == 0 || !get_time(event, "started", &started) ||
        !get_time(event, "finished", &finished))
        return;
    *e = (struct lk_backup_entry){
        .id = e->id,
        .kind = e->kind,
        .seq = seq_of(event),
        .started = started,
        .finished = finished,
        .rows = lk_journal_count(event, "rows"),
        .tables = lk_journal_count(event, "tables"),
        .bytes = lk_journal_count(event, "bytes"),
        .shared_bytes = lk_journal_count(event, "shared_bytes"),
        .source_bytes = lk_journal_count(event, "source_bytes"),
        .verified = json_is_true(json_object_get(event, "verified")),
        .verified_known = json_is_boolean(json_object_get(event, "verified")),
        .warnings = lk_journal_count(event, "warnings"),
        .left_out = lk_journal_count(event, "left_out"),
    };
}

/* A subset that is whole says nothing of the rest: not that the backup is, nor that damage which was found is
 * gone. */
static void apply_verify(struct lk_backup_entry *e, const json_t *event)
{
    const bool ok = strcmp(lk_journal_string(event, "status", ""), "ok") == 0;
    const bool part = lk_journal_integer(event, "subsets", 0) > 1;
    if (ok && part)
        return;
    e->damaged = !ok;
    if (ok)
        e->verified_at = lk_journal_time(event);
}

static void apply_event(struct lk_backup_list *list, const json_t *event)
{
    const char *type = lk_journal_string(event, "type", "");
    const char *id = lk_journal_string(event, "id", NULL);
    if (id == NULL || list->count == 0)
        return;
    struct lk_backup_entry *e = bsearch(id, list->entry, list->count, sizeof *e, compare_id_to_entry);
    if (e == NULL)
        return;
    if (strcmp(type, "backup") == 0 && e->kind == LK_BACKUP_ORDINARY)
        apply_backup(e, event);
    else if (strcmp(type, "pin") == 0)
        e->pinned = true;
    else if (strcmp(type, "unpin") == 0)
        e->pinned = false;
    else if (strcmp(type, "verify") == 0)
        apply_verify(e, event);
}

/* A backup that the journal does not know: its line was lost, or it was copied here from another store. */
static enum lk_status read_entry(const struct lk_dir *database, struct lk_backup_entry *e,
                                 struct lk_error *err)
{
    struct lk_backup *b = NULL;
    struct lk_error reason = {0};
    if (lk_backup_open(database, e->id, &b, &reason) != LK_OK) {
        e->problem = lk_copy_string(reason.message);
        char time[LK_TIME_SIZE]; /* the id says when */
        (void)snprintf(time, sizeof time, "%.13s:%.2s:%.3s", e->id, e->id + 13, e->id + 15);
        (void)lk_time_parse(time, &e->started);
        e->finished = e->started;
        return e->problem == NULL ? lk_fail_memory(err, "listing backups") : LK_OK;
    }
    const struct lk_manifest *m = b->manifest;
    e->seq = m->seq;
    e->started = m->started;
    e->finished = m->finished;
    e->rows = m->total_rows;
    e->tables = m->tables;
    e->bytes = m->total_bytes;
    e->shared_bytes = m->shared_bytes;
    e->source_bytes = m->source.bytes;
    e->verified = lk_manifest_is_verified(m);
    e->verified_known = true;
    e->warnings = m->warnings.count;
    e->left_out = m->left_out.count;
    lk_backup_free(b);
    return LK_OK;
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Legacy, then unreadable, then by sequence number: what cannot be ordered must not hide what can. */
static int compare_age(const void *a, const void *b)
{
    const struct lk_backup_entry *x = a, *y = b;
    const int class_x = x->kind == LK_BACKUP_LEGACY ? 0 : x->problem != NULL ? 1 : 2;
    const int class_y = y->kind == LK_BACKUP_LEGACY ? 0 : y->problem != NULL ? 1 : 2;
    int order = compare_numbers(class_x, class_y);
    if (order == 0)
        order = compare_numbers((int64_t)x->seq, (int64_t)y->seq);
    if (order == 0)
        order = compare_numbers(x->started, y->started);
    return order != 0 ? order : strcmp(x->id, y->id);
}

static enum lk_status fill_rest(const struct lk_dir *database, struct lk_backup_list *list,
                                struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; status == LK_OK && i < list->count; i++) {
        struct lk_backup_entry *e = &list->entry[i];
        if (e->kind == LK_BACKUP_LEGACY) {
            (void)lk_legacy_parse_name(e->id, &e->started);
            e->finished = e->started;
            e->tables = lk_legacy_tables(database, e->id, &e->bytes);
        } else if (e->seq == 0) {
            status = read_entry(database, e, err);
        }
    }
    return status;
}

enum lk_status lk_catalog_list(const struct lk_dir *database, struct lk_backup_list *out,
                               struct lk_journal *journal, struct lk_error *err)
{
    struct lk_backup_list list = {0};
    struct lk_journal events = {0};
    *out = list;
    enum lk_status status = list_folders(database, &list, err);
    if (status == LK_OK)
        status = lk_journal_read(database, &events, err);
    if (status != LK_OK)
        goto out;
    for (size_t i = 0; i < events.count; i++)
        apply_event(&list, events.event[i]);
    status = fill_rest(database, &list, err);
    if (status != LK_OK)
        goto out;
    if (list.count > 1)
        qsort(list.entry, list.count, sizeof *list.entry, compare_age);
    *out = list;
    list = (struct lk_backup_list){0};
    if (journal != NULL) {
        *journal = events;
        events = (struct lk_journal){0};
    }
out:
    lk_journal_reset(&events);
    lk_backup_list_reset(&list);
    return status;
}

enum lk_status lk_catalog_last_seq(const struct lk_dir *database, uint64_t *seq, struct lk_error *err)
{
    struct lk_backup_list list;
    struct lk_journal journal = {0};
    const enum lk_status status = lk_catalog_list(database, &list, &journal, err);
    if (status != LK_OK)
        return status;
    *seq = 0;
    for (size_t i = 0; i < list.count; i++)
        *seq = list.entry[i].seq > *seq ? list.entry[i].seq : *seq;
    for (size_t i = 0; i < journal.count; i++) {
        const uint64_t known = seq_of(journal.event[i]); /* also of backups that were removed */
        *seq = known > *seq ? known : *seq;
    }
    lk_journal_reset(&journal);
    lk_backup_list_reset(&list);
    return LK_OK;
}

enum lk_status lk_backup_open(const struct lk_dir *database, const char *id, struct lk_backup **out,
                              struct lk_error *err)
{
    const bool ordinary = lk_name_is_id(id);
    if (!ordinary && !(lk_dir_is_name(id) && lk_legacy_is_backup(database, id)))
        return lk_fail(err, LK_NOT_FOUND, "%s: there is no backup '%s'", database->path, id);
    struct lk_backup *b = lk_allocate_zeroed(1, sizeof *b);
    if (b == NULL)
        return lk_fail_memory(err, "opening a backup");
    b->dir = LK_DIR_CLOSED;
    enum lk_status status = lk_dir_open_at(database, id, &b->dir, err);
    if (status == LK_NOT_FOUND)
        status = lk_fail(err, LK_NOT_FOUND, "%s: there is no backup '%s'", database->path, id);
    else if (status != LK_OK && (err->system == ENOTDIR || err->system == ELOOP))
        status = lk_fail(err, LK_DAMAGED, "%s/%s: is no folder", database->path, id);
    if (status == LK_OK)
        status = ordinary ? lk_manifest_read(&b->dir, &b->manifest, err)
                          : lk_legacy_manifest(&b->dir, id, &b->manifest, err);
    if (status == LK_OK && strcmp(b->manifest->id, id) != 0)
        status = lk_fail(err, LK_DAMAGED, "%s: its manifest is that of backup %s: was the folder renamed?",
                         b->dir.path, b->manifest->id);
    if (status == LK_OK) {
        *out = b;
        b = NULL;
    }
    lk_backup_free(b);
    return status;
}

void lk_backup_free(struct lk_backup *b)
{
    if (b == NULL)
        return;
    lk_dir_close(&b->dir);
    lk_manifest_free(b->manifest);
    lk_free(b);
}

enum lk_status lk_backup_open_file(const struct lk_backup *b, const struct lk_manifest_file *file,
                                   struct lk_input **out, struct lk_error *err)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_input *in = NULL;
    const char *name;
    enum lk_status status = lk_walk_to_folder(&b->dir, file->path, &folder, &name, err);
    if (status == LK_OK)
        status = lk_input_open(folder.fd < 0 ? &b->dir : &folder, name, &in, err);
    if (status == LK_NOT_FOUND)
        status = lk_fail(err, LK_DAMAGED, "%s/%s: the file is missing", b->dir.path, file->path);
    lk_dir_close(&folder);
    if (status == LK_OK && lk_input_size(in) != file->bytes) {
        status = lk_fail(err, LK_DAMAGED, "%s: is %" PRIu64 " bytes long, its manifest says %" PRIu64,
                         lk_input_name(in), lk_input_size(in), file->bytes);
        lk_input_close(in);
    }
    if (status == LK_OK)
        *out = in;
    return status;
}
