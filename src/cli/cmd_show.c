#include "cli/commands.h"
#include "cli/show.h"

enum { OPTION_ROWS, OPTIONS };

#define ROWS_DEFAULT 10

static const struct lk_option options[OPTIONS] = {
    [OPTION_ROWS] = {.name = "rows",
                     .kind = LK_OPTION_COUNT,
                     .argument = "N",
                     .fallback = "10",
                     .help = "with TABLE: how many of its first rows"},
};

static const struct litekeep_table_info *find(const struct litekeep_shown *shown, const char *name)
{
    for (size_t i = 0; i < shown->tables; i++)
        if (strcmp(shown->table[i].name, name) == 0)
            return &shown->table[i];
    return NULL;
}

static enum lk_status show_table(const struct lk_invocation *in, struct litekeep *lk,
                                 const struct litekeep_shown *shown, struct lk_error *err)
{
    const struct lk_option_value *rows = &in->args->option[OPTION_ROWS];
    const uint64_t limit = rows->given ? (uint64_t)rows->number : ROWS_DEFAULT;
    struct litekeep_rows *head = NULL;
    /* The library knows the table under its true name, which find may miss when that had to be escaped; and
     * says so when it does not exist. */
    enum lk_status status = litekeep_head(lk, in->args->operand[0], in->args->operand[1], limit, &head, err);
    const struct litekeep_table_info *table = find(shown, in->args->operand[1]);
    if (status == LK_OK && in->console->json)
        status = lk_show_table_json(in->console, shown, table, head, err);
    else if (status == LK_OK)
        status = lk_show_table(in->console, shown, table, head, err);
    litekeep_rows_free(head);
    return status;
}

/* Rows that came from JSON, since the Parquet is damaged. */
static void on_event(void *context, const struct litekeep_event *event)
{
    const struct lk_invocation *const *in = context;
    if (event->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning((*in)->console, "%s", event->message);
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct litekeep *lk = NULL;
    struct litekeep_shown *shown = NULL;
    enum lk_status status = LK_OK;
    if (in->args->operands == 1 && in->args->option[OPTION_ROWS].given)
        return lk_console_fail(err, LK_USAGE,
                               "--rows goes with a table: litekeep show DB[@WHEN] TABLE --rows N");
    status = lk_commands_open(in, false, on_event, &in, &lk, err);
    if (status == LK_OK)
        status = litekeep_show(lk, in->args->operand[0], &shown, err);
    if (status != LK_OK)
        goto out;
    if (in->args->operands == 2)
        status = show_table(in, lk, shown, err);
    else if (in->console->json)
        status = lk_show_backup_json(in->console, shown, err);
    else
        status = lk_show_backup(in->console, shown, err);
out:
    litekeep_shown_free(shown);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep show posts", "the latest backup of posts: its tables, where they stand, how to read them"},
    {"litekeep show posts@latest~2 users",
     "columns and first rows of a table, two backups before the latest"},
    {"litekeep show posts@2024-05-29 users --rows 3", "the last backup of that day"},
    {"litekeep show posts@7d", "the newest one that is at least seven days old"},
};

static const int exit_codes[] = {0, 1, 2, 3, 5, 10, 130, -1};

const struct lk_command lk_cmd_show = {
    .name = "show",
    .group = "Look",
    .help = "what one backup holds; with TABLE its columns and first rows",
    .operands = "DB[@WHEN] [TABLE]",
    .least = 1,
    .most = 2,
    .about = "Show one backup. DB is a name that list prints or the path of the database file. WHEN is "
             "latest (the default), latest~2, a full id, "
             "a date (the last backup of that local day), an RFC 3339 time (the newest at or before it), an "
             "age such as 36h, or the "
             "beginning of an id.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
