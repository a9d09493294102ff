#include "cli/alarms.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"

#include <stdlib.h>

enum { OPTION_NOTE, OPTIONS };

static const struct lk_option options[OPTIONS] = {
    [OPTION_NOTE] = {.name = "note",
                     .kind = LK_OPTION_TEXT,
                     .argument = "TEXT",
                     .fallback = "none",
                     .help = "why, for the journal"},
};

/* The open alarms of a database, in their own words; NULL where `what` is none, but a folder. */
static const struct litekeep_database_info *find_alarms(struct litekeep *lk, const char *what,
                                                        struct litekeep_list **list)
{
    struct lk_error err = {0};
    if (litekeep_list(lk, what, list, &err) != LK_OK)
        return NULL;
    return (*list)->count == 1 ? &(*list)->database[0] : NULL;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct lk_console *c = in->console;
    const char *what = in->args->operand[0];
    struct litekeep *lk = NULL;
    struct litekeep_list *list = NULL;
    const struct litekeep_database_info *info = NULL;
    uint64_t acked = 0;
    enum lk_status status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK)
        info = find_alarms(lk, what, &list);
    if (status == LK_OK)
        status = litekeep_ack(lk, what, in->args->option[OPTION_NOTE].text, &acked, err);
    if (status == LK_OK && c->json) {
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "database", what);
        lk_document_number(&d, "acked", acked);
        lk_document_text(&d, "note", in->args->option[OPTION_NOTE].text);
        struct lk_document accepted =
            lk_alarms_documents(info == NULL ? NULL : info->alarm, info == NULL ? 0 : info->alarms);
        lk_document_put(&d, "accepted", &accepted);
        status = lk_document_print(&d, c, err);
    } else if (status == LK_OK && !c->quiet) {
        char number[LK_DISPLAY_NUMBER_SIZE], *shown = lk_display_escape(what);
        if (shown == NULL)
            status = lk_console_fail_memory(err);
        for (size_t i = 0; shown != NULL && info != NULL && i < info->alarms; i++)
            lk_console_print(c, "accepted: %s\n", info->alarm[i].message);
        if (shown != NULL)
            lk_console_print(c, "%s alarm%s of %s accepted; what is there now is the measure from here on\n",
                             lk_display_number(acked, number), lk_display_plural(acked), shown);
        free(shown);
    }
    litekeep_list_free(list);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep ack posts", "what posts holds now is right"},
    {"litekeep ack posts --note 'the sessions of 2025 were deleted'", "with the reason in the journal"},
    {"litekeep ack /mnt/data", "a folder that is not to come back"},
};

static const int exit_codes[] = {0, 1, 2, 10, 11, -1};

const struct lk_command lk_cmd_ack = {
    .name = "ack",
    .group = "Check",
    .help = "accept an alarm: what is there now is right",
    .operands = "DB",
    .least = 1,
    .most = 1,
    .about =
        "Accept the open alarms of a database: they are closed, and its newest backup is what later ones are "
        "compared with. DB is its name in the store, its path, or the path of a folder that was reported to "
        "hold none of its databases any more.\n"
        "The backup that was pinned when the alarm was raised stays pinned: see unpin.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
