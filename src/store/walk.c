#include "store/walk.h"

#include "base/memory.h"

enum lk_status lk_walk_to_folder(const struct lk_dir *root, const char *path, struct lk_dir *folder,
                                 const char **name, struct lk_error *err)
{
    struct lk_dir at = LK_DIR_CLOSED; /* closed: still at the root */
    *folder = LK_DIR_CLOSED;
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(path, '/')) {
        struct lk_dir next = LK_DIR_CLOSED;
        char *component = lk_copy_bytes(path, (size_t)(slash - path));
        const enum lk_status status = component == NULL
                                          ? lk_fail_memory(err, "opening a file")
                                          : lk_dir_open_at(at.fd < 0 ? root : &at, component, &next, err);
        lk_free(component);
        lk_dir_close(&at);
        if (status != LK_OK)
            return status;
        at = next;
        path = slash + 1;
    }
    *name = path;
    *folder = at;
    return LK_OK;
}
