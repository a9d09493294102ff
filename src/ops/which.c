#include "ops/which.h"

#include <errno.h>
#include <fcntl.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"

enum lk_status lk_which_database(struct litekeep *lk, const char *what, struct lk_database **out,
                                 const char **when, struct lk_error *err)
{
    const char *at = strrchr(what, '@');
    *when = NULL;
    /* A path may hold an '@' of its own. */
    struct lk_error whole = {0};
    enum lk_status status = lk_database_resolve(lk->store, what, out, &whole);
    if (status == LK_OK)
        return LK_OK;
    if (status != LK_NOT_FOUND || at == NULL) {
        *err = whole;
        return status;
    }
    char *name = lk_copy_bytes(what, (size_t)(at - what));
    if (name == NULL)
        return lk_fail_memory(err, "reading a name");
    status = lk_database_resolve(lk->store, name, out, err);
    lk_free(name);
    *when = at + 1;
    return status;
}

enum lk_status lk_which_open(struct litekeep *lk, const char *what, struct lk_which *out,
                             struct lk_error *err)
{
    struct lk_which w = {.dir = LK_DIR_CLOSED};
    const char *when = NULL;
    enum lk_status status = lk_session_store(lk, false, err);
    if (status == LK_OK)
        status = lk_which_database(lk, what, &w.database, &when, err);
    if (status == LK_OK)
        status = lk_database_open(lk->store, w.database->folder, &w.dir, err);
    if (status == LK_OK)
        status = lk_catalog_list(&w.dir, &w.list, NULL, err);
    if (status == LK_OK)
        status = lk_catalog_resolve(&w.list, when, lk_clock_now(), &w.index, err);
    if (status == LK_OK)
        status = lk_which_explain(&w, lk_backup_open(&w.dir, w.list.entry[w.index].id, &w.backup, err), err);
    if (status == LK_OK)
        *out = w;
    else
        lk_which_close(&w);
    return status;
}

enum lk_status lk_which_explain(const struct lk_which *w, enum lk_status status, struct lk_error *err)
{
    const char *id = w->list.entry[w->index].id;
    struct stat st;
    if ((status != LK_FAILED && status != LK_DAMAGED && status != LK_NOT_FOUND) ||
        fstatat(w->dir.fd, id, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
        return status;
    (void)lk_error_prefix(err, "%s@%s was removed while it was read", w->database->folder, id);
    return err->status = LK_NOT_FOUND;
}

void lk_which_close(struct lk_which *w)
{
    lk_backup_free(w->backup);
    lk_backup_list_reset(&w->list);
    lk_dir_close(&w->dir);
    lk_database_free(w->database);
}
