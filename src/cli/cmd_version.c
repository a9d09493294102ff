#include "cli/commands.h"
#include "cli/document.h"

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct lk_console *c = in->console;
    if (c->json) {
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "version", litekeep_version());
        lk_document_text(&d, "libraries", litekeep_library_versions());
        return lk_document_print(&d, c, err);
    }
    lk_console_print(c, "litekeep %s\n", litekeep_version());
    if (!c->quiet)
        lk_console_print(c, "%s\n", litekeep_library_versions());
    return LK_OK;
}

static const int exit_codes[] = {0, 1, -1};

const struct lk_command lk_cmd_version = {
    .name = "version",
    .group = "About",
    .help = "versions of litekeep and of the libraries in it",
    .operands = "",
    .about = "Print litekeep's version and those of the libraries that it runs with: put it into a report of "
             "a problem.",
    .run = run,
    .exits = exit_codes,
};
