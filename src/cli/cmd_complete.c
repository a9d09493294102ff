/* complete: what the completion scripts ask while a command line is typed. No part of the manual. It looks at
 * folder names only, so that it is quick in a store of any size, and fails without harm: a shell that gets
 * nothing offers nothing. */
#include "cli/commands.h"
#include "cli/display.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A folder that may be offered: not hidden, and with a name that a terminal shows as it is. */
static bool is_offered(int folder, const char *name)
{
    struct stat st;
    char *shown = lk_display_escape(name);
    const bool plain = shown != NULL && strcmp(shown, name) == 0;
    free(shown);
    return plain && name[0] != '.' && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **name;
    size_t count;
};

static bool add(struct names *names, const char *name)
{
    char **grown = realloc(names->name, (names->count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    names->name = grown;
    names->name[names->count] = strdup(name);
    return names->name[names->count] != NULL && ++names->count > 0;
}

/* The folders in `path`; none when it cannot be read. */
static enum lk_status folders(const char *path, bool ids, struct names *out, struct lk_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return LK_OK;
    enum lk_status status = LK_OK;
    for (struct dirent *entry; status == LK_OK && (entry = readdir(dir)) != NULL;)
        if (is_offered(dirfd(dir), entry->d_name) &&
            (!ids || (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')) && !add(out, entry->d_name))
            status = lk_console_fail_memory(err);
    closedir(dir);
    if (out->count > 0)
        qsort(out->name, out->count, sizeof *out->name, by_name);
    return status;
}

/* "DB@" -> DB@latest and its ids, newest first. */
static enum lk_status print_ids(struct lk_console *c, const char *store, const char *what,
                                struct lk_error *err)
{
    char path[4096];
    const int len = (int)(strrchr(what, '@') - what);
    struct names names = {0};
    const int need = snprintf(path, sizeof path, "%s/%.*s", store, len, what);
    if (need < 0 || (size_t)need >= sizeof path || what[0] == '.' || memchr(what, '/', (size_t)len) != NULL)
        return LK_OK;
    const enum lk_status status = folders(path, true, &names, err);
    if (names.count > 0)
        lk_console_print(c, "%.*s@latest\n", len, what);
    for (size_t i = names.count; i-- > 0;)
        lk_console_print(c, "%.*s@%s\n", len, what, names.name[i]);
    for (size_t i = 0; i < names.count; i++)
        free(names.name[i]);
    free(names.name);
    return status;
}

static enum lk_status print_databases(struct lk_console *c, const char *store, struct lk_error *err)
{
    struct names names = {0};
    const enum lk_status status = folders(store, false, &names, err);
    for (size_t i = 0; i < names.count; i++) {
        lk_console_print(c, "%s\n", names.name[i]);
        free(names.name[i]);
    }
    free(names.name);
    return status;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const char *what = in->args->operand[0];
    struct litekeep *lk = NULL;
    enum lk_status status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK && what != NULL && strchr(what, '@') != NULL)
        status = print_ids(in->console, litekeep_store_path(lk), what, err);
    else if (status == LK_OK)
        status = print_databases(in->console, litekeep_store_path(lk), err);
    litekeep_close(lk);
    return status;
}

static const int exit_codes[] = {0, 1, 2, -1};

const struct lk_command lk_cmd_complete = {
    .name = "complete",
    .group = "About",
    .help = "what may stand where a database is named, for the completion of shells",
    .operands = "[DB@]",
    .most = 1,
    .about = "Print the names of the databases in the store, or with DB@ what may follow, one a line.",
    .run = run,
    .exits = exit_codes,
};
