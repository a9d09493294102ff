#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "ops/alarm_raise.h"
#include "ops/prune.h"
#include "store/journal.h"

/* A user's pin is noted beside one that an alarm made. */
static bool is_pinned_by_user(const struct lk_prune_target *t)
{
    return lk_alarm_raise_pinned(&t->view.record.journal, t->view.backup[t->index].id) == LK_PINNED_BY_USER;
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

static enum lk_status refuse(const struct litekeep *lk, const struct lk_prune_target *t, struct lk_error *err)
{
    const char *folder = t->database->folder;
    char *word = lk_text_quote_shown(folder);
    const enum lk_status status =
        word == NULL
            ? lk_fail_memory(err, "unpinning a backup")
            : lk_fail(err, LK_REFUSED,
                      "%s@%s is the last good backup before an alarm that is open: accept the loss first "
                      "(`litekeep %sack %s`), or restore it",
                      folder, t->view.backup[t->index].id, litekeep_store_option(lk), word);
    lk_free(word);
    return status;
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
        status = refuse(lk, &t, err);
    else if (pinned ? !is_pinned_by_user(&t) : b->pinned)
        status = append(lk, &t, pinned, err);
    if (status == LK_OK)
        (void)snprintf(id, LITEKEEP_WORD_SIZE, "%s", b->id);
    lk_prune_target_close(&t);
    return status;
}
