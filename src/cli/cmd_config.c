#include "cli/commands.h"
#include "cli/document.h"
#include "cli/grid.h"

#include <string.h>

enum { OPTION_SEND_TEST, OPTIONS };

static const struct lk_option options[OPTIONS] = {
    [OPTION_SEND_TEST] = {.name = "send-test",
                          .kind = LK_OPTION_FLAG,
                          .help = "with check: send a test message to everything that is notified"},
};

static void warn(void *context, const struct litekeep_event *event)
{
    if (event->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(context, "%s", event->message);
}

/* ---- config show */

static enum lk_status show_json(struct lk_console *c, const struct litekeep_config *config,
                                struct lk_error *err)
{
    struct lk_document d = lk_document_object(), list = lk_document_array();
    lk_document_text(&d, "path", config->path);
    lk_document_flag(&d, "exists", config->exists);
    lk_document_number(&d, "sections", config->sections);
    for (size_t i = 0; i < config->settings; i++) {
        const struct litekeep_setting *s = &config->setting[i];
        struct lk_document one = lk_document_object();
        lk_document_text(&one, "key", s->key);
        lk_document_text(&one, "value", s->value);
        lk_document_text(&one, "origin", s->origin);
        lk_document_append(&list, &one);
    }
    lk_document_put(&d, "settings", &list);
    return lk_document_print(&d, c, err);
}

static enum lk_status show_grid(struct lk_console *c, const struct litekeep_config *config,
                                struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {{"KEY", false}, {"VALUE", false}, {"FROM", false}};
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    size_t shown;
    for (size_t i = 0; i < config->settings; i++) {
        const struct litekeep_setting *s = &config->setting[i];
        const enum lk_style style = strcmp(s->origin, "default") == 0 ? LK_STYLE_DIM : LK_STYLE_PLAIN;
        lk_grid_cell(grid, s->key, LK_STYLE_PLAIN);
        lk_grid_cell(grid, s->value, style);
        lk_grid_cell(grid, s->origin, style);
    }
    const enum lk_status status = lk_grid_print(grid, c, lk_console_width(1), &shown, err);
    if (status == LK_OK && !c->quiet)
        lk_console_print(c, "\n%s%s\n", config->path == NULL ? "no config file" : config->path,
                         config->path == NULL || config->exists ? "" : " (does not exist)");
    lk_grid_free(grid);
    return status;
}

static enum lk_status show(const struct lk_invocation *in, struct litekeep *lk, struct lk_error *err)
{
    struct litekeep_config *config = NULL;
    enum lk_status status = litekeep_config_show(lk, in->args->operand[1], &config, err);
    if (status == LK_OK)
        status =
            in->console->json ? show_json(in->console, config, err) : show_grid(in->console, config, err);
    litekeep_config_free(config);
    return status;
}

/* ---- config check */

static enum lk_status check_json(struct lk_console *c, const struct litekeep_config_checked *checked,
                                 bool tested, uint64_t sent, struct lk_error *err)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "path", checked->path);
    lk_document_flag(&d, "exists", checked->exists);
    lk_document_number(&d, "sections", checked->sections);
    lk_document_texts(&d, "problems", checked->problems);
    lk_document_texts(&d, "notes", checked->notes);
    if (tested)
        lk_document_number(&d, "sent", sent);
    else
        lk_document_null(&d, "sent");
    return lk_document_print(&d, c, err);
}

static void check_text(struct lk_console *c, const struct litekeep_config_checked *checked, bool tested,
                       uint64_t sent)
{
    for (const char *const *problem = checked->problems; *problem != NULL; problem++)
        lk_console_print(c, "%sproblem:%s %s\n", lk_console_style(c->colour, LK_STYLE_RED),
                         lk_console_style(c->colour, LK_STYLE_PLAIN), *problem);
    if (c->quiet)
        return;
    for (const char *const *note = checked->notes; *note != NULL; note++)
        lk_console_print(c, "note: %s\n", *note);
    if (checked->path == NULL)
        lk_console_print(c, "no config file is used\n");
    else if (!checked->exists)
        lk_console_print(c, "%s does not exist: the defaults hold\n", checked->path);
    else
        lk_console_print(c, "%s is understood: %zu section%s\n", checked->path, checked->sections,
                         checked->sections == 1 ? "" : "s");
    if (tested)
        lk_console_print(c,
                         sent == 0 ? "nobody is notified by this config\n"
                                   : "a test message was taken by all %llu that are notified\n",
                         (unsigned long long)sent);
}

static enum lk_status check(const struct lk_invocation *in, struct litekeep *lk, struct lk_error *err)
{
    struct lk_console *c = in->console;
    struct litekeep_config_checked *checked = NULL;
    struct lk_error failed = {0};
    uint64_t sent = 0;
    enum lk_status status = litekeep_config_check(lk, &checked, err), tested = LK_OK;
    if (status != LK_OK)
        return status;
    const bool test = in->args->option[OPTION_SEND_TEST].given;
    if (test)
        tested = litekeep_notify_test(lk, &sent, &failed);
    if (c->json)
        status = check_json(c, checked, test, sent, err);
    else
        check_text(c, checked, test && tested == LK_OK, sent);
    if (status == LK_OK && tested != LK_OK) {
        *err = failed;
        status = tested;
    } else if (status == LK_OK && checked->problems[0] != NULL) {
        status = lk_console_fail(err, LK_FAILED, "the config is understood, but not all of it will work");
    }
    litekeep_config_checked_free(checked);
    return status;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const char *what = in->args->operand[0];
    const bool checks = strcmp(what, "check") == 0;
    struct litekeep *lk = NULL;
    if (!checks && strcmp(what, "show") != 0)
        return lk_console_fail(err, LK_USAGE, "config: say check or show");
    if (checks && in->args->operands > 1)
        return lk_console_fail(err, LK_USAGE, "config check looks at the whole file: it takes no database");
    if (!checks && in->args->option[OPTION_SEND_TEST].given)
        return lk_console_fail(err, LK_USAGE, "--send-test goes with config check");
    enum lk_status status = lk_commands_open(in, false, warn, in->console, &lk, err);
    if (status == LK_OK)
        status = checks ? check(in, lk, err) : show(in, lk, err);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep config check", "is the file right, and is there what it names?"},
    {"litekeep config check --send-test", "and does everybody get messages?"},
    {"litekeep config show", "what holds in general, and which line says so"},
    {"litekeep config show posts", "what holds for one database"},
};

static const int exit_codes[] = {0, 1, 2, 6, 10, -1};

const struct lk_command lk_cmd_config = {
    .name = "config",
    .group = "Manage",
    .help = "check the config file, or show what it says",
    .operands = "check|show [DB]",
    .least = 1,
    .most = 2,
    .about =
        "The config file has a section [litekeep] for what holds for all, and one for each folder, database "
        "file or database in the store that differs: [~/data], [~/data/posts.db], [posts]. The more specific "
        "section wins, key by key; an option of the command line beats the environment, which beats the "
        "file.\n"
        "check reads the file and looks whether the store, paths, programs and secrets that it names are "
        "there. show prints each key that holds, its value, and the line it comes from; URLs, which may be "
        "secrets, are not printed.\n"
        "A file that cannot be understood as a whole is not used at all: backup, prune and whatever else "
        "deletes or raises alarms then do nothing and exit with 2. list, show, query, restore and verify "
        "work "
        "without it when the store is named by --store or LITEKEEP_STORE.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
