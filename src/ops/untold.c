#include "ops/untold.h"

#include <fcntl.h>
#include <unistd.h>

#include "ops/notify_send.h"
#include "store/database.h"

#define MARK ".untold"

void lk_untold_mark(struct litekeep *lk, const struct lk_dir *folder)
{
    if (lk_notify_send_receivers(&lk_session_general(lk)->notify) == 0)
        return;
    const int fd = openat(folder->fd, MARK, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                          lk->store->journal_mode);
    if (fd >= 0)
        (void)close(fd);
}

void lk_untold_clear(const struct lk_dir *folder)
{
    (void)unlinkat(folder->fd, MARK, 0);
}

/* False where there is no such folder. */
static bool open_folder(struct litekeep *lk, const char *database, struct lk_dir *out)
{
    struct lk_error err = {0};
    return lk->store != NULL && lk_database_open(lk->store, database, out, &err) == LK_OK;
}

bool lk_untold_is_marked(struct litekeep *lk, const char *database)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    if (database == NULL)
        return lk->store != NULL && faccessat(lk->store->dir.fd, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    const bool marked =
        open_folder(lk, database, &dir) && faccessat(dir.fd, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    lk_dir_close(&dir);
    return marked;
}

void lk_untold_clear_database(struct litekeep *lk, const char *database)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    if (database == NULL && lk->store != NULL)
        lk_untold_clear(&lk->store->dir);
    else if (database != NULL && open_folder(lk, database, &dir))
        lk_untold_clear(&dir);
    lk_dir_close(&dir);
}
