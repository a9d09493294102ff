#include "sqlite/path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

char *lk_path_real(const char *path)
{
    char *real = lk_allocate(PATH_MAX);
    if (real == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    if (realpath(path, real) == NULL) {
        const int system = errno;
        lk_free(real);
        errno = system;
        return NULL;
    }
    return real;
}

bool lk_path_is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    while (len > 0 && folder[len - 1] == '/')
        len--;
    return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

const char *lk_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
