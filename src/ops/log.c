/* The log of scheduled runs, for the program. */
#include "host/log.h"

enum lk_status litekeep_log_open(const char *path, int *fd, struct lk_error *err)
{
    return lk_log_open(path, fd, err);
}
