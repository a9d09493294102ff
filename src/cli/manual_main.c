/* litekeep-manual: writes the manual pages and the completion scripts while litekeep is built. It is not
 * installed.
 *
 *     litekeep-manual TEMPLATES STORE.md OUTPUT...
 *
 * Each OUTPUT is made from the template of its name ("litekeep.1" from TEMPLATES/litekeep.1.in) where there
 * is one, else it is the page of a command ("litekeep-backup.1"). A command whose page is not asked for is an
 * error, so that the list in the build cannot fall behind. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/manual.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static bool complain(const char *path, const char *why)
{
    fprintf(stderr, "litekeep-manual: %s: %s\n", path, why);
    return false;
}

/* The whole file, NUL-terminated; NULL with errno. The caller frees. */
static char *read_all(const char *path)
{
    FILE *from = fopen(path, "r");
    if (from == NULL)
        return NULL;
    char *text = NULL;
    size_t size = 0;
    errno = 0;
    if (getdelim(&text, &size, '\0', from) < 0) {
        free(text);
        text = NULL;
        if (errno == 0)
            errno = ENODATA;
    }
    fclose(from);
    return text;
}

/* litekeep-NAME.1 of a command; NULL: another file. */
static const struct lk_command *command_of(const char *file)
{
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    for (size_t i = 0; i < count; i++) {
        char page[96];
        snprintf(page, sizeof page, "litekeep-%s.1", all[i]->name);
        if (strcmp(page, file) == 0)
            return all[i];
    }
    return NULL;
}

static bool write_one(const char *templates, const char *store, const char *output)
{
    char path[4096];
    unsigned line = 0;
    const struct lk_command *command = command_of(base_name(output));
    snprintf(path, sizeof path, "%s/%s.in", templates, base_name(output));
    char *template = command == NULL ? read_all(path) : NULL;
    if (command == NULL && template == NULL)
        return complain(path,
                        errno == ENOENT ? "no such template, and no command of that name" : strerror(errno));
    FILE *to = fopen(output, "w");
    if (to == NULL) {
        free(template);
        return complain(output, strerror(errno));
    }
    bool good = true;
    if (command != NULL)
        lk_manual_command(to, command);
    else
        good = lk_manual_expand(to, template, store, &line);
    free(template);
    const bool written = ferror(to) == 0;
    if (fclose(to) != 0 || !written)
        return complain(output, "writing failed");
    if (!good)
        fprintf(stderr, "litekeep-manual: %s:%u: no such placeholder\n", path, line);
    return good;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: litekeep-manual TEMPLATES STORE.md OUTPUT...\n");
        return 2;
    }
    size_t count, pages = 0;
    lk_commands_all(&count);
    char *store = read_all(argv[2]);
    if (store == NULL) {
        complain(argv[2], strerror(errno));
        return 1;
    }
    bool good = true;
    for (int i = 3; i < argc; i++) {
        good = write_one(argv[1], store, argv[i]) && good;
        pages += command_of(base_name(argv[i])) != NULL;
    }
    free(store);
    if (pages != count)
        good = complain("docs/manual/meson.build", "does not list the page of every command exactly once");
    return good ? 0 : 1;
}
