#include "store/leftovers.h"

#include "base/memory.h"

#include <string.h>

void lk_leftovers_remove(const struct lk_dir *dir, const char *prefix)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error ignored = {0};
    if (lk_dir_list(dir, &names, &count, &ignored) != LK_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], prefix, strlen(prefix)) == 0)
            (void)!lk_dir_remove_tree(dir, names[i], &ignored);
    }
    lk_free(names);
}
