#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/result.h"

enum { OPTION_FORMAT, OPTION_ATTACH, OPTION_LIMIT, OPTION_TIMEOUT, OPTIONS };

#define SQL_LONGEST (1u << 20)

static const char *const formats[] = {"table", "csv", "json", "jsonl", "markdown", NULL};

static const struct lk_option options[OPTIONS] = {
    [OPTION_FORMAT] = {.name = "format",
                       .kind = LK_OPTION_CHOICE,
                       .argument = "FORMAT",
                       .fallback = "table, or json with --json",
                       .help = "how rows are printed",
                       .words = formats},
    [OPTION_ATTACH] = {.name = "attach",
                       .kind = LK_OPTION_LIST,
                       .argument = "NAME=DB@WHEN",
                       .fallback = "none",
                       .help = "the tables of one more backup, as NAME.table"},
    [OPTION_LIMIT] = {.name = "limit",
                      .kind = LK_OPTION_COUNT,
                      .argument = "N",
                      .fallback = "all",
                      .help = "print at most so many rows",
                      .least = 1},
    [OPTION_TIMEOUT] = {.name = "timeout",
                        .kind = LK_OPTION_DURATION,
                        .argument = "TIME",
                        .fallback = "none",
                        .help = "give up after this long, such as 30s",
                        .least = 1},
};

/* Standard input as text; NULL with *err filled. */
static char *read_sql(struct lk_error *err)
{
    char *text = malloc(SQL_LONGEST + 1);
    if (text == NULL) {
        lk_console_fail_memory(err);
        return NULL;
    }
    errno = 0;
    const size_t len = fread(text, 1, SQL_LONGEST + 1, stdin);
    if (ferror(stdin) != 0)
        lk_console_fail(err, LK_FAILED, "reading SQL from standard input: %s", strerror(errno));
    else if (len > SQL_LONGEST)
        lk_console_fail(err, LK_USAGE, "the SQL on standard input is longer than 1 MiB");
    else if (memchr(text, '\0', len) != NULL)
        lk_console_fail(err, LK_USAGE, "the SQL on standard input holds a NUL byte");
    else {
        text[len] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

static enum lk_status choose_format(const struct lk_invocation *in, enum lk_result_format *out,
                                    struct lk_error *err)
{
    static const enum lk_result_format by_word[] = {LK_RESULT_TABLE, LK_RESULT_CSV, LK_RESULT_JSON,
                                                    LK_RESULT_JSONL, LK_RESULT_MARKDOWN};
    const struct lk_option_value *format = &in->args->option[OPTION_FORMAT];
    *out = in->console->json ? LK_RESULT_JSON : LK_RESULT_TABLE;
    if (!format->given)
        return LK_OK;
    *out = by_word[format->number];
    if (in->console->json && *out != LK_RESULT_JSON)
        return lk_console_fail(err, LK_USAGE, "--json and --format %s exclude each other", format->text);
    return LK_OK;
}

static void on_event(void *context, const struct litekeep_event *event)
{
    if (event->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(context, "%s", event->message);
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const struct lk_option_value *option = in->args->option;
    struct litekeep_query_options o = {
        .what = in->args->operand[0],
        .sql = in->args->operand[1],
        .attach = option[OPTION_ATTACH].list,
        .limit = (uint64_t)option[OPTION_LIMIT].number,
        .timeout = option[OPTION_TIMEOUT].number,
        .on_columns = lk_result_columns,
        .on_row = lk_result_row,
    };
    enum lk_result_format format;
    struct litekeep *lk = NULL;
    struct lk_result *result = NULL;
    char *sql = NULL;
    enum lk_status status = choose_format(in, &format, err);
    if (status != LK_OK)
        return status;
    if (strcmp(o.sql, "-") == 0) {
        o.sql = sql = read_sql(err);
        if (sql == NULL)
            return err->status;
    }
    o.context = result = lk_result_new(format, in->console);
    status = result == NULL ? lk_console_fail_memory(err)
                            : lk_commands_open(in, false, on_event, in->console, &lk, err);
    if (status == LK_OK)
        status = litekeep_query(lk, &o, NULL, err);
    if (status == LK_OK)
        status = lk_result_end(result, err);
    lk_result_free(result);
    litekeep_close(lk);
    free(sql);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep query posts \"SELECT count(*), max(created) FROM posts\"", "ask the latest backup"},
    {"litekeep query posts@7d \"SELECT * FROM posts WHERE id = 17\" --format jsonl",
     "a row as it was a week ago"},
    {"litekeep query posts --attach old=posts@latest~1 \"SELECT * FROM old.posts WHERE id NOT IN (SELECT id "
     "FROM posts)\"",
     "rows that the backup before had"},
    {"litekeep query posts - --format csv < report.sql", "SQL from a file, rows for a spreadsheet"},
};

static const int exit_codes[] = {0, 1, 2, 3, 5, 10, 130, -1};

const struct lk_command lk_cmd_query = {
    .name = "query",
    .group = "Look",
    .help = "run SQL on a backup without restoring it",
    .operands = "DB[@WHEN] SQL",
    .least = 2,
    .most = 2,
    .about = "Run one SELECT on a backup; SQL - reads it from standard input. All tables and views are there "
             "by their own "
             "names, read-only, straight from the "
             "Parquet files or JSON lines: only the columns that the statement uses are read. Virtual tables "
             "(FTS, "
             "R-Tree) and VIRTUAL generated columns are not stored, so they cannot be queried; shadow tables "
             "can.\n\n"
             "In csv, NULL is nothing between commas and an empty text is \"\"; blobs are x'00ff'. json and "
             "jsonl spell "
             "values like the JSON lines of a backup.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
