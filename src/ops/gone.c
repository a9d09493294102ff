#include "ops/gone.h"

#include "base/json.h"
#include "base/memory.h"
#include "sqlite/path.h"

bool lk_gone_is_told(const struct lk_journal *journal)
{
    bool gone = false;
    for (size_t i = 0; i < journal->count; i++) {
        const json_t *e = journal->event[i];
        if (lk_journal_is(e, "backup"))
            gone = false;
        else if (lk_journal_is(e, "moved"))
            gone = true;
        else if (strcmp(lk_journal_string(e, "key", ""), "gone") == 0)
            gone = lk_journal_is(e, "alarm") || (gone && !lk_journal_is(e, "recovered"));
    }
    return gone;
}

enum lk_status lk_gone_roots_of(const struct lk_journal *journal, struct lk_gone_roots *out,
                                struct lk_error *err)
{
    out->path = json_object();
    bool ok = out->path != NULL;
    for (size_t i = 0; ok && i < journal->count; i++) {
        const json_t *e = journal->event[i];
        const char *key = lk_journal_string(e, "key", NULL);
        json_t *path = json_object_get(e, "path");
        if (key != NULL && path != NULL && lk_journal_is(e, "alarm"))
            ok = lk_json_set(out->path, key, json_incref(path));
        else if (key != NULL && lk_journal_is(e, "recovered"))
            (void)json_object_del(out->path, key);
    }
    if (ok)
        return LK_OK;
    lk_gone_roots_reset(out);
    return lk_fail_memory(err, "reading the journal");
}

void lk_gone_roots_reset(struct lk_gone_roots *r)
{
    json_decref(r->path);
    *r = (struct lk_gone_roots){0};
}

bool lk_gone_roots_hold(const struct lk_gone_roots *r, const char *path)
{
    const char *key;
    json_t *value;
    bool holds = false;
    if (path == NULL)
        return false;
    json_object_foreach(r->path, key, value)
    {
        char *root = NULL;
        if (!holds && lk_json_text_get(value, &root))
            holds = lk_path_is_below(path, root);
        lk_free(root);
    }
    return holds;
}

bool lk_gone_is_known(struct litekeep *lk, const char *path)
{
    struct lk_journal journal = {0};
    struct lk_gone_roots roots = {0};
    struct lk_database *database = NULL;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_error err = {0};
    bool known = false;
    if (lk_journal_read(&lk->store->dir, &journal, &err) == LK_OK &&
        lk_gone_roots_of(&journal, &roots, &err) == LK_OK)
        known = lk_gone_roots_hold(&roots, path);
    lk_journal_reset(&journal);
    if (!known && lk_database_resolve(lk->store, path, &database, &err) == LK_OK &&
        lk_database_open(lk->store, database->folder, &dir, &err) == LK_OK &&
        lk_journal_read(&dir, &journal, &err) == LK_OK)
        known = lk_gone_is_told(&journal);
    lk_journal_reset(&journal);
    lk_gone_roots_reset(&roots);
    lk_dir_close(&dir);
    lk_database_free(database);
    return known;
}
