#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ops/session.h"
#include "sqlite/mount.h"
#include "store/database.h"

enum lk_status litekeep_adopt(struct litekeep *lk, const char *database, const char *path,
                              struct lk_error *err)
{
    struct lk_database *from = NULL, *adopted = NULL;
    char *identity = NULL;
    enum lk_status status = lk_session_store(lk, false, err);
    char *real = realpath(path, NULL);
    if (status == LK_OK && real == NULL)
        status = lk_fail(err, LK_NOT_FOUND,
                         "%s: there is no such file; give the path where the database is now", path);
    if (status == LK_OK)
        status = lk_database_resolve(lk->store, database, &from, err);
    if (status == LK_OK)
        status = lk_mount_identify(real, &identity, err);
    if (status == LK_OK)
        status = lk_database_adopt(lk->store, from->folder, identity, real, lk_clock_now(), &adopted, err);
    lk_database_free(adopted);
    lk_database_free(from);
    lk_free(identity);
    free(real);
    return status;
}
