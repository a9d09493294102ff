#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "ops/prune.h"
#include "store/journal.h"

/* Was its last pin the user's own? One that an alarm made is released with the alarm, so a user's pin is
 * noted beside it. */
static bool is_pinned_by_user(const struct lk_prune_target *t)
{
    const struct lk_journal *journal = &t->view.record.journal;
    const char *id = t->view.backup[t->index].id;
    bool user = false;
    for (size_t i = 0; i < journal->count; i++) {
        const json_t *e = journal->event[i];
        const char *type = lk_journal_string(e, "type", "");
        if (strcmp(lk_journal_string(e, "id", ""), id) != 0)
            continue;
        if (strcmp(type, "pin") == 0)
            user = lk_journal_string(e, "reason", NULL) == NULL;
        else if (strcmp(type, "unpin") == 0 || strcmp(type, "backup") == 0)
            user = false;
    }
    return user;
}

static enum lk_status append(struct litekeep *lk, const struct lk_prune_target *t, bool pinned,
                             struct lk_error *err)
{
    json_t *e = lk_journal_event(pinned ? "pin" : "unpin", lk_clock_now());
    const bool ok = e != NULL && lk_json_set(e, "id", json_string(t->view.backup[t->index].id));
    const enum lk_status status = ok ? lk_journal_append(&t->dir, lk->store->journal_mode, e, err)
                                     : lk_fail_memory(err, "writing the journal");
    json_decref(e);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

enum lk_status litekeep_pin(struct litekeep *lk, const char *what, bool pinned, char *id,
                            struct lk_error *err)
{
    struct lk_prune_target t = {.dir = LK_DIR_CLOSED};
    enum lk_status status = lk_prune_target_open(lk, what, false, pinned ? "pin" : "unpin", &t, err);
    if (status != LK_OK)
        return status;
    const struct lk_retained *b = &t.view.backup[t.index];
    if (!pinned && b->last_good)
        status = lk_fail(err, LK_REFUSED,
                         "%s@%s is the last good backup before an alarm that is open: accept the loss first "
                         "(litekeep ack %s), or restore it",
                         t.database->folder, b->id, t.database->folder);
    else if (pinned ? !is_pinned_by_user(&t) : b->pinned)
        status = append(lk, &t, pinned, err);
    if (status == LK_OK)
        (void)snprintf(id, LITEKEEP_WORD_SIZE, "%s", b->id);
    lk_prune_target_close(&t);
    return status;
}
