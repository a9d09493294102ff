#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

#include "cli/display.h"

static const struct lk_option globals[LK_GLOBALS] = {
    [LK_GLOBAL_STORE] =
        {.name = "store",
         .kind = LK_OPTION_TEXT,
         .argument = "DIR",
         .fallback =
             "$LITEKEEP_STORE, else the config's, else $XDG_DATA_HOME/litekeep, else ~/.local/share/litekeep",
         .help = "the folder that holds the backups"},
    [LK_GLOBAL_CONFIG] = {.name = "config",
                          .kind = LK_OPTION_TEXT,
                          .argument = "FILE",
                          .fallback = "$LITEKEEP_CONFIG, else $XDG_CONFIG_HOME/litekeep/config.ini, else "
                                      "~/.config/litekeep/config.ini",
                          .help = "the config file"},
    [LK_GLOBAL_JSON] =
        {.name = "json",
         .kind = LK_OPTION_FLAG,
         .help =
             "print results as JSON: one document; for backup, verify and diff --rows a line for each event"},
    [LK_GLOBAL_QUIET] = {.name = "quiet",
                         .letter = 'q',
                         .kind = LK_OPTION_FLAG,
                         .help = "say only what went wrong"},
    [LK_GLOBAL_VERBOSE] = {.name = "verbose", .letter = 'v', .kind = LK_OPTION_FLAG, .help = "say more"},
    [LK_GLOBAL_HELP] = {.name = "help", .letter = 'h', .kind = LK_OPTION_FLAG, .help = "explain the command"},
    [LK_GLOBAL_VERSION] = {.name = "version", .kind = LK_OPTION_FLAG, .help = "print the version"},
};

static const struct lk_command *const commands[] = {
    &lk_cmd_scan,  &lk_cmd_backup, &lk_cmd_run,     &lk_cmd_schedule, &lk_cmd_guard,  &lk_cmd_list,
    &lk_cmd_show,  &lk_cmd_query,  &lk_cmd_diff,    &lk_cmd_restore,  &lk_cmd_verify, &lk_cmd_status,
    &lk_cmd_ack,   &lk_cmd_pin,    &lk_cmd_unpin,   &lk_cmd_remove,   &lk_cmd_prune,  &lk_cmd_config,
    &lk_cmd_adopt, &lk_cmd_help,   &lk_cmd_version,
};
/* Not shown anywhere: for the completion scripts. */
static const struct lk_command *const unlisted = &lk_cmd_complete;
#define COMMANDS (sizeof commands / sizeof commands[0])

const struct lk_command *const *lk_commands_all(size_t *count)
{
    *count = COMMANDS;
    return commands;
}

const struct lk_option *lk_commands_globals(void)
{
    return globals;
}

const struct lk_command *lk_commands_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return strcmp(unlisted->name, name) == 0 ? unlisted : NULL;
}

enum lk_status lk_commands_unknown(const char *word, struct lk_error *err)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *nearest = lk_display_nearest(word, names, COMMANDS);
    char *shown = lk_display_escape(word);
    if (shown == NULL)
        return lk_console_fail_memory(err);
    if (nearest != NULL)
        lk_console_fail(err, LK_USAGE, "unknown command \"%s\"; did you mean %s?", shown, nearest);
    else
        lk_console_fail(err, LK_USAGE, "unknown command \"%s\"; \"litekeep help\" lists them", shown);
    free(shown);
    return LK_USAGE;
}

/* The word that is no option: the command first, then its operands. */
static enum lk_status take_word(struct lk_arguments *args, const char *word, struct lk_error *err)
{
    if (word[0] == '\0')
        return lk_console_fail(err, LK_USAGE, "an empty word was given: is a variable of the shell not set?");
    if (args->command != NULL) {
        args->operand[args->operands++] = word;
        return LK_OK;
    }
    args->command = lk_commands_find(word);
    if (args->command == NULL)
        return lk_commands_unknown(word, err);
    args->option = calloc(args->command->options + 1, sizeof *args->option);
    return args->option == NULL ? lk_console_fail_memory(err) : LK_OK;
}

static enum lk_status check(const struct lk_arguments *args, struct lk_error *err)
{
    const struct lk_command *c = args->command;
    if (args->global[LK_GLOBAL_QUIET].given && args->global[LK_GLOBAL_VERBOSE].given)
        return lk_console_fail(err, LK_USAGE, "--quiet and --verbose exclude each other");
    if (c == NULL || args->global[LK_GLOBAL_HELP].given || args->global[LK_GLOBAL_VERSION].given)
        return LK_OK;
    if (args->operands < c->least)
        return lk_console_fail(err, LK_USAGE, "%s needs more words: litekeep %s %s", c->name, c->name,
                               c->operands);
    if (args->operands > c->most) {
        char *shown = lk_display_escape(args->operand[c->most]);
        if (shown == NULL)
            return lk_console_fail_memory(err);
        lk_console_fail(err, LK_USAGE, "%s does not know what to do with \"%s\"; usage: litekeep %s %s",
                        c->name, shown, c->name, c->operands);
        free(shown);
        return LK_USAGE;
    }
    return LK_OK;
}

enum lk_status lk_commands_parse(int argc, char *const *argv, struct lk_arguments *out, struct lk_error *err)
{
    out->operand = calloc((size_t)argc + 1, sizeof *out->operand);
    if (out->operand == NULL)
        return lk_console_fail_memory(err);
    bool options_end = false;
    enum lk_status status = LK_OK;
    for (int i = 1; i < argc && status == LK_OK;) {
        if (options_end || !lk_options_is_option(argv[i])) {
            status = take_word(out, argv[i++], err);
        } else if (strcmp(argv[i], "--") == 0) {
            options_end = true;
            i++;
            if (out->command != NULL && out->command->rest) {
                out->rest = argv + i;
                break;
            }
        } else {
            const struct lk_option_table tables[] = {
                {globals, LK_GLOBALS, out->global},
                {out->command != NULL ? out->command->option : NULL,
                 out->command != NULL ? out->command->options : 0, out->option},
            };
            status = lk_options_take(tables, 2, argc, argv, &i, err);
        }
    }
    return status == LK_OK ? check(out, err) : status;
}

void lk_commands_reset(struct lk_arguments *args)
{
    lk_options_reset(args->global, LK_GLOBALS);
    if (args->command != NULL)
        lk_options_reset(args->option, args->command->options);
    free(args->option);
    free(args->operand);
    *args = (struct lk_arguments){0};
}

enum lk_status lk_commands_open(const struct lk_invocation *in, bool init,
                                void (*on_event)(void *context, const struct litekeep_event *event),
                                void *context, struct litekeep **out, struct lk_error *err)
{
    const struct litekeep_options options = {
        .store = in->args->global[LK_GLOBAL_STORE].text,
        .config = in->args->global[LK_GLOBAL_CONFIG].text,
        .init = init,
        .on_event = on_event,
        .context = context,
    };
    in->console->opened = true;
    const enum lk_status status = litekeep_open(&options, out, err);
    if (status == LK_OK) {
        free(in->console->store_option);
        in->console->store_option = strdup(litekeep_store_option(*out)); /* without memory it is left out */
    }
    return status;
}
