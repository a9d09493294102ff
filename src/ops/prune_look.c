/* What there is to keep or to remove. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "ops/list.h"
#include "ops/prune.h"
#include "ops/which.h"
#include "store/names.h"

#define LOCK_WAIT INT64_C(2000000000) /* ns: for another that only notes something */
#define DEPTH 6                       /* of folders in a backup; its format has two */

/* ---- The view */

static bool is_last_good(const struct lk_alarm_record *r, const char *id)
{
    bool is = r->count > 0 && r->good != NULL && strcmp(r->good, id) == 0;
    for (size_t i = 0; i < r->count && !is; i++)
        is = strcmp(lk_journal_string(r->open[i].event, "good", ""), id) == 0;
    return is;
}

/* A manifest that is gone makes a backup that nothing can be said of. One that is there may still be damaged:
 * whoever needs it opens it. */
static const char *foreign_reason(const struct lk_dir *dir, const struct lk_backup_entry *e)
{
    struct stat st;
    char path[LK_TIME_SIZE + sizeof LK_MANIFEST_FILE];
    if (e->kind == LK_BACKUP_LEGACY)
        return "of the original script";
    if (e->problem != NULL)
        return "its manifest cannot be read";
    (void)snprintf(path, sizeof path, "%s/%s", e->id, LK_MANIFEST_FILE);
    return fstatat(dir->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
               ? NULL
               : "its manifest cannot be read";
}

/* LK_OK also when the manifest cannot be understood: then *out is NULL. */
static enum lk_status open_backup(const struct lk_dir *dir, const char *id, struct lk_backup **out,
                                  struct lk_error *err)
{
    const enum lk_status status = lk_backup_open(dir, id, out, err);
    if (status == LK_OK || status == LK_FAILED)
        return status;
    *out = NULL;
    return LK_OK;
}

static bool is_judged(const struct lk_counts_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!list->counts[i].made && strcmp(list->counts[i].id, id) == 0)
            return true;
    }
    return false;
}

/* The newest backups, where nobody has compared them with those before because their run was cut short: what
 * they lost will be told by the next one, and the good one has to be there still then. */
static enum lk_status find_unjudged(const struct lk_dir *dir, struct lk_prune_view *v, struct lk_error *err)
{
    struct lk_counts_list list = {0};
    uint64_t judged = 0;
    if (v->list.count == 0)
        return LK_OK;
    const enum lk_status status = lk_counts_read(dir, v->list.entry[v->list.count - 1].started, &list, err);
    for (size_t i = 0; status == LK_OK && i < list.count; i++)
        judged = !list.counts[i].made && list.counts[i].seq > judged ? list.counts[i].seq : judged;
    /* Where none was ever judged there is nothing to compare with. */
    for (size_t i = judged > 0 ? v->list.count : 0; i > 0; i--) {
        const struct lk_backup_entry *e = &v->list.entry[i - 1];
        if (e->seq <= judged || e->seq <= v->record.accepted_seq || is_judged(&list, e->id))
            break;
        if (v->backup[i - 1].foreign == NULL)
            v->backup[i - 1].foreign = "its run was cut short: the next backup looks for losses";
    }
    lk_counts_list_reset(&list);
    return status;
}

/* From the newest on, until one of each kind is found that was read back. */
static enum lk_status find_verified(const struct lk_dir *dir, struct lk_prune_view *v, struct lk_error *err)
{
    bool found[4] = {false};
    enum lk_status status = LK_OK;
    for (size_t i = v->list.count; status == LK_OK && i > 0; i--) {
        struct lk_retained *b = &v->backup[i - 1];
        const struct lk_backup_entry *e = &v->list.entry[i - 1];
        const size_t kind = (b->suspect ? 1U : 0U) + (b->partial ? 2U : 0U);
        if (b->foreign != NULL || b->damaged || found[kind])
            continue;
        struct lk_backup *opened = NULL;
        status = open_backup(dir, e->id, &opened, err);
        if (status == LK_OK && opened == NULL) {
            b->foreign = "its manifest cannot be read";
        } else if (status == LK_OK) {
            struct litekeep_backup_info info;
            lk_list_fill_backup(&v->arena, e, opened->manifest, &info);
            b->verified = info.verified || e->verified_at != 0;
            found[kind] = b->verified;
        }
        lk_backup_free(opened);
    }
    return status;
}

static const char *const *read_tags(struct lk_arena *a, const json_t *event)
{
    const json_t *list = json_object_get(event, "tags");
    const size_t count = json_array_size(list);
    const char **out = lk_arena_take(a, count + 1, sizeof *out);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < count; i++) {
        char *text = NULL;
        if (lk_json_text_get(json_array_get(list, i), &text))
            out[n++] = lk_arena_copy(a, text);
        lk_free(text);
    }
    return out;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const struct lk_retained *const *)a)->id, (*(const struct lk_retained *const *)b)->id);
}

static int compare_id_to(const void *id, const void *b)
{
    return strcmp(id, (*(const struct lk_retained *const *)b)->id);
}

/* From the journal; the last event of an id counts. What it has lost is in the manifest. */
static enum lk_status find_tags(const struct lk_dir *dir, struct lk_prune_view *v, struct lk_error *err)
{
    struct lk_retained **by_id = lk_allocate_zeroed(v->list.count, sizeof *by_id);
    enum lk_status status = LK_OK;
    if (by_id == NULL)
        return lk_fail_memory(err, "reading tags");
    for (size_t i = 0; i < v->list.count; i++)
        by_id[i] = &v->backup[i];
    if (v->list.count > 0)
        qsort(by_id, v->list.count, sizeof *by_id, compare_ids);
    for (size_t i = 0; v->list.count > 0 && i < v->record.journal.count; i++) {
        const json_t *event = v->record.journal.event[i];
        const char *id = lk_journal_string(event, "id", NULL);
        if (id == NULL || !lk_journal_is(event, "backup") || !json_is_array(json_object_get(event, "tags")))
            continue;
        struct lk_retained **b = bsearch(id, by_id, v->list.count, sizeof *by_id, compare_id_to);
        if (b != NULL)
            (*b)->tags = read_tags(&v->arena, event);
    }
    for (size_t i = 0; status == LK_OK && i < v->list.count; i++) {
        struct lk_retained *b = &v->backup[i];
        if (b->tags != NULL || b->foreign != NULL)
            continue;
        struct lk_backup *opened = NULL;
        status = open_backup(dir, b->id, &opened, err);
        if (status == LK_OK && opened == NULL) {
            b->foreign = "its manifest cannot be read";
        } else if (status == LK_OK) {
            const struct lk_manifest_texts *from = &opened->manifest->tags;
            const char **tags = lk_arena_take(&v->arena, from->count + 1, sizeof *tags);
            for (size_t k = 0; tags != NULL && k < from->count; k++)
                tags[k] = lk_arena_copy(&v->arena, from->text[k]);
            b->tags = tags;
        }
        lk_backup_free(opened);
    }
    lk_free(by_id);
    return status;
}

enum lk_status lk_prune_look(const struct lk_dir *dir, bool tags, struct lk_prune_view *out,
                             struct lk_error *err)
{
    struct lk_prune_view v = {0};
    struct lk_journal journal = {0};
    enum lk_status status = lk_catalog_list(dir, &v.list, &journal, err);
    if (status == LK_OK)
        status = lk_alarm_record_fold(&journal, &v.record, err);
    if (status == LK_OK && (v.backup = lk_allocate_zeroed(v.list.count, sizeof *v.backup)) == NULL)
        status = lk_fail_memory(err, "listing backups");
    for (size_t i = 0; status == LK_OK && i < v.list.count; i++) {
        const struct lk_backup_entry *e = &v.list.entry[i];
        v.backup[i] = (struct lk_retained){
            .id = e->id,
            .started = e->started,
            .pinned = e->pinned,
            /* The line may have pinned it, for the user or for an alarm. */
            .held = lk_journal_skipped(&v.record.journal, e->id)
                        ? "named in a line of the journal that cannot be read"
                        : NULL,
            .partial = e->left_out > 0,
            .suspect = lk_alarm_record_suspects(&v.record, &v.list, i),
            .damaged = e->damaged,
            .last_good = is_last_good(&v.record, e->id),
            .foreign = foreign_reason(dir, e),
        };
    }
    if (status == LK_OK)
        status = find_unjudged(dir, &v, err);
    if (status == LK_OK)
        status = find_verified(dir, &v, err);
    if (status == LK_OK && tags)
        status = find_tags(dir, &v, err);
    if (status == LK_OK)
        status = lk_arena_check(&v.arena, err);
    lk_journal_reset(&journal);
    if (status == LK_OK)
        *out = v;
    else
        lk_prune_view_reset(&v);
    return status;
}

void lk_prune_view_reset(struct lk_prune_view *v)
{
    if (v->backup != NULL)
        lk_retained_reset(v->backup, v->list.count);
    lk_free(v->backup);
    lk_alarm_record_reset(&v->record);
    lk_backup_list_reset(&v->list);
    lk_arena_free(&v->arena);
    *v = (struct lk_prune_view){0};
}

/* ---- A target */

static enum lk_status ask_which(const struct litekeep *lk, const char *folder, struct lk_error *err)
{
    char *word = lk_text_quote_shown(folder);
    const enum lk_status status =
        word == NULL ? lk_fail_memory(err, "choosing a backup")
                     : lk_fail(err, LK_USAGE, "say which backup: %s@ID, as `litekeep %slist %s` prints them",
                               word, litekeep_store_option(lk), word);
    lk_free(word);
    return status;
}

enum lk_status lk_prune_target_open(struct litekeep *lk, const char *what, bool must_say_when,
                                    const char *purpose, struct lk_prune_target *out, struct lk_error *err)
{
    struct lk_prune_target t = {.dir = LK_DIR_CLOSED};
    const char *when = NULL;
    enum lk_status status = lk_session_store(lk, false, err);
    if (status == LK_OK)
        status = lk_which_database(lk, what, &t.database, &when, err);
    if (status == LK_OK && must_say_when && (when == NULL || when[0] == '\0'))
        status = ask_which(lk, t.database->folder, err);
    if (status == LK_OK)
        status = lk_database_open(lk->store, t.database->folder, &t.dir, err);
    if (status == LK_OK && purpose != NULL)
        status = lk_lock_take(&t.dir, lk->store->journal_mode, purpose, LOCK_WAIT, &t.lock, err);
    if (status == LK_OK)
        status = lk_prune_look(&t.dir, false, &t.view, err);
    if (status == LK_OK)
        status = lk_catalog_resolve(&t.view.list, when, lk_clock_now(), &t.index, err);
    /* An id that is gone is also the beginning of its neighbours' (-002): those were not meant. */
    if (status == LK_OK && when != NULL && lk_name_is_id(when) &&
        strcmp(t.view.list.entry[t.index].id, when) != 0)
        status = lk_fail(err, LK_NOT_FOUND, "%s has no backup %s", t.database->folder, when);
    if (status == LK_OK)
        *out = t;
    else
        lk_prune_target_close(&t);
    return status;
}

void lk_prune_target_close(struct lk_prune_target *t)
{
    lk_prune_view_reset(&t->view);
    lk_lock_release(t->lock);
    lk_dir_close(&t->dir);
    lk_database_free(t->database);
    *t = (struct lk_prune_target){.dir = LK_DIR_CLOSED};
}

/* ---- Bytes */

struct noted {
    dev_t device;
    ino_t inode;
    nlink_t links;
    uint64_t bytes;
};

static void note_folder(const struct lk_dir *dir, int depth, struct lk_buffer *files)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error ignored = {0};
    if (lk_dir_list(dir, &names, &count, &ignored) != LK_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        struct lk_dir below = LK_DIR_CLOSED;
        if (fstatat(dir->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode)) {
            const struct noted n = {st.st_dev, st.st_ino, st.st_nlink, (uint64_t)st.st_size};
            lk_buffer_append(files, &n, sizeof n);
        } else if (S_ISDIR(st.st_mode) && depth > 0 &&
                   lk_dir_open_at(dir, names[i], &below, &ignored) == LK_OK) {
            note_folder(&below, depth - 1, files);
        }
        lk_dir_close(&below);
    }
    lk_free(names);
}

void lk_prune_note_files(const struct lk_dir *dir, const char *id, struct lk_buffer *files)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_error ignored = {0};
    if (lk_dir_open_at(dir, id, &folder, &ignored) == LK_OK)
        note_folder(&folder, DEPTH, files);
    lk_dir_close(&folder);
}

static int compare_noted(const void *a, const void *b)
{
    const struct noted *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->inode > y->inode) - (x->inode < y->inode);
}

uint64_t lk_prune_freed(struct lk_buffer *files)
{
    struct noted *n = (struct noted *)(void *)files->data;
    const size_t count = files->len / sizeof *n;
    uint64_t bytes = 0;
    if (count > 0)
        qsort(n, count, sizeof *n, compare_noted);
    for (size_t i = 0; i < count;) {
        size_t same = 1;
        while (i + same < count && compare_noted(&n[i], &n[i + same]) == 0)
            same++;
        bytes += same >= n[i].links ? n[i].bytes : 0;
        i += same;
    }
    return bytes;
}
