#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"

#include <stdlib.h>

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct lk_console *c = in->console;
    const char *database = in->args->operand[0];
    const char *path = in->args->operand[1];
    struct litekeep *lk = NULL;
    char *shown_database = NULL, *shown_path = NULL;
    enum lk_status status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK)
        status = litekeep_adopt(lk, database, path, err);
    if (status != LK_OK)
        goto out;

    if (c->json) {
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "database", database);
        lk_document_text(&d, "path", path);
        status = lk_document_print(&d, c, err);
    } else if (!c->quiet) {
        shown_database = lk_display_escape(database);
        shown_path = lk_display_escape(path);
        if (shown_database == NULL || shown_path == NULL)
            status = lk_console_fail_memory(err);
        else
            lk_console_print(c, "The history of %s goes on with %s\n", shown_database, shown_path);
    }
out:
    free(shown_database);
    free(shown_path);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep adopt posts /data/new/posts.db", "posts.db has moved; its next backup joins the earlier ones"},
};

static const int exit_codes[] = {0, 1, 2, 6, 10, 11, -1};

const struct lk_command lk_cmd_adopt = {
    .name = "adopt",
    .group = "Manage",
    .help = "the database moved: go on with its history",
    .operands = "DB NEWPATH",
    .least = 2,
    .most = 2,
    .about = "A database is known by its machine and path. After a move it would start a new history; adopt "
             "tells the store that "
             "the database whose backups are in DB (a name that list prints, or its old path) is now the "
             "file NEWPATH.\n"
             "Refused when NEWPATH has backups of its own: histories are never merged.",
    .run = run,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
