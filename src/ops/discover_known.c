#include "ops/discover_known.h"

#include "base/memory.h"
#include "store/database.h"

static size_t count_of(const char *const *texts)
{
    size_t count = 0;
    while (texts != NULL && texts[count] != NULL)
        count++;
    return count;
}

enum lk_status lk_discover_known(struct litekeep *lk, const char *const *paths, const char *const *include,
                                 const char *const *exclude, struct lk_discovery **out, struct lk_error *err)
{
    static const char *const here[] = {".", NULL};
    const bool open_paths = count_of(paths) == 0;
    if (open_paths || include == NULL || exclude == NULL) {
        const struct lk_config *config;
        const enum lk_status known = lk_session_config(lk, &config, err);
        if (known != LK_OK)
            return known;
        const struct lk_general_settings *general = lk_config_general(config);
        paths = open_paths ? general->paths : paths;
        include = include == NULL ? general->include : include;
        exclude = exclude == NULL ? general->exclude : exclude;
    }
    struct lk_database_list databases = {0};
    const char **known = NULL;
    size_t known_count = 0;
    enum lk_status status = LK_OK;
    if (lk->store != NULL)
        status = lk_database_list_all(lk->store, lk_session_warn(lk), &databases, err);
    if (status != LK_OK)
        return status;
    known = lk_allocate_zeroed(databases.count + 1, sizeof *known);
    if (known == NULL) {
        status = lk_fail_memory(err, "searching");
        goto out;
    }
    for (size_t i = 0; i < databases.count; i++) {
        const char *path = lk_database_current_path(databases.database[i]);
        if (path != NULL)
            known[known_count++] = path;
    }
    if (count_of(paths) == 0)
        paths = here;
    const struct lk_discover_options options = {
        .paths = paths,
        .path_count = count_of(paths),
        .include = include,
        .include_count = count_of(include),
        .exclude = exclude,
        .exclude_count = count_of(exclude),
        .known = known,
        .known_count = known_count,
        .interrupt = lk_session_interrupt(),
    };
    status = lk_discover_run(&options, out, err);
out:
    lk_free(known);
    lk_database_list_free(&databases);
    return status;
}
