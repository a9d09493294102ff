#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "ops/prune.h"
#include "store/commit.h"
#include "store/journal.h"

struct remove_result {
    struct litekeep_removed removed;
    struct lk_arena arena;
};

/* Why it should stay, with *of behind it; NULL: nothing speaks against it. */
static const char *reason_to_keep(const struct lk_prune_target *t, const char **of)
{
    const struct lk_retained *b = &t->view.backup[t->index];
    *of = "";
    if (b->last_good)
        return "it is the last good backup before an alarm that is open";
    if (b->pinned)
        return "it is pinned";
    if (b->held != NULL)
        return "it may be pinned: a line of the journal that names it cannot be read";
    if (t->view.list.entry[t->index].kind == LK_BACKUP_LEGACY)
        return "it is of the original script, and nobody can make it again";
    if (!lk_retention_is_newest(t->view.backup, t->view.list.count, t->index, of))
        return NULL;
    return b->verified    ? "it is the newest backup that was verified"
           : **of == '\0' ? "it is the newest good backup"
                          : "it is the newest backup";
}

static void note(struct litekeep *lk, const struct lk_prune_target *t, uint64_t bytes)
{
    struct lk_error err = {0};
    json_t *e = lk_journal_event("remove", lk_clock_now());
    const bool ok = e != NULL && lk_json_set(e, "id", json_string(t->view.backup[t->index].id)) &&
                    lk_json_set(e, "bytes", json_integer((json_int_t)bytes));
    if ((ok ? lk_journal_append(&t->dir, lk->store->journal_mode, e, &err)
            : lk_fail_memory(&err, "writing the journal")) != LK_OK)
        lk_store_warn(lk_session_warn(lk),
                      "%s: the backup was removed, but the journal's line about it is missing: %s",
                      t->database->folder, err.message);
    json_decref(e);
}

enum lk_status litekeep_remove(struct litekeep *lk, const char *what, bool force, bool dry_run,
                               struct litekeep_removed **out, struct lk_error *err)
{
    struct lk_prune_target t = {.dir = LK_DIR_CLOSED};
    struct lk_buffer files = {0};
    struct remove_result *result = lk_allocate_zeroed(1, sizeof *result);
    enum lk_status status = result == NULL
                                ? lk_fail_memory(err, "removing a backup")
                                : lk_prune_target_open(lk, what, true, dry_run ? NULL : "remove", &t, err);
    if (status != LK_OK)
        goto out;
    const char *id = t.view.backup[t.index].id, *of = "", *why = force ? NULL : reason_to_keep(&t, &of);
    if (why != NULL) {
        status = lk_fail(err, LK_REFUSED, "%s@%s is not removed: %s%s; --force removes it all the same",
                         t.database->folder, id, why, of);
        goto out;
    }
    lk_prune_note_files(&t.dir, id, &files);
    result->removed = (struct litekeep_removed){.database = lk_arena_copy(&result->arena, t.database->folder),
                                                .id = lk_arena_shown_string(&result->arena, id),
                                                .bytes = lk_prune_freed(&files)};
    status = lk_arena_check(&result->arena, err);
    if (status == LK_OK && !dry_run) {
        lk_backup_remove_leftovers(&t.dir, t.lock, lk_session_warn(lk));
        status = lk_backup_remove(lk->store, &t.dir, t.lock, id, err);
        if (status == LK_OK)
            note(lk, &t, result->removed.bytes);
    }
out:
    lk_buffer_reset(&files);
    lk_prune_target_close(&t);
    if (status == LK_OK)
        *out = &result->removed;
    else if (result != NULL)
        litekeep_removed_free(&result->removed);
    return status;
}

void litekeep_removed_free(struct litekeep_removed *removed)
{
    struct remove_result *result = (struct remove_result *)removed; /* its first member */
    if (result == NULL)
        return;
    lk_arena_free(&result->arena);
    lk_free(result);
}
