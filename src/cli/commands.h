/* The commands, as data; and a command line taken apart by them. */
#ifndef LK_CLI_COMMANDS_H
#define LK_CLI_COMMANDS_H

#include "cli/options.h"

enum lk_global {
    LK_GLOBAL_STORE,
    LK_GLOBAL_CONFIG,
    LK_GLOBAL_JSON,
    LK_GLOBAL_QUIET,
    LK_GLOBAL_VERBOSE,
    LK_GLOBAL_HELP,
    LK_GLOBAL_VERSION,
    LK_GLOBALS
};

struct lk_command;

/* A command line that has been understood. */
struct lk_arguments {
    const struct lk_command *command; /* NULL: none was named */
    struct lk_option_value global[LK_GLOBALS];
    struct lk_option_value *option; /* one for each of the command's options, by its own enum */
    const char **operand;           /* NULL-terminated; borrowed words */
    size_t operands;
    char *const *rest; /* the words behind "--", NULL-terminated; NULL: none, or no command that takes some */
};

/* What a command's function gets. */
struct lk_invocation {
    const struct lk_arguments *args;
    struct lk_console *console;
    int *code; /* when set to 0 or more and LK_OK is returned, the exit code: that of a command which was run
                */
};

struct lk_example {
    const char *line; /* a command line */
    const char *what; /* what it does */
};

struct lk_command {
    const char *name;
    const char *group;    /* heading in the overview */
    const char *help;     /* one line */
    const char *operands; /* as in the usage line: "[PATH...]"; the names mean something: cli/operands.h */
    size_t least, most;   /* how many operands */
    bool rest;            /* "--" and the words of another command follow */
    const char *about;    /* a paragraph for `--help`; may hold line breaks between paragraphs */
    /* Print results through the console; on failure fill *err, whose message (unless empty: all has been
     * said) is printed by the caller. */
    enum lk_status (*run)(const struct lk_invocation *in, struct lk_error *err);
    const struct lk_option *option;
    size_t options;
    const struct lk_example *example;
    size_t examples;
    const int *exits; /* exit codes that it may give, ended by -1 */
};

/* All commands in the order of the overview; the options that every command takes. */
const struct lk_command *const *lk_commands_all(size_t *count);
const struct lk_option *lk_commands_globals(void);
/* NULL when there is none of that name. Knows `complete` too, which is for shells and listed nowhere. */
const struct lk_command *lk_commands_find(const char *name);
/* LK_USAGE "unknown command ...", with the nearest one. */
enum lk_status lk_commands_unknown(const char *word, struct lk_error *err);

/* Take argv[1..] apart. *out starts as {0} and is reset by the caller in any case. With --help or --version
 * the number of operands is not checked. LK_USAGE otherwise for anything that is not as the tables say. */
enum lk_status lk_commands_parse(int argc, char *const *argv, struct lk_arguments *out,
                                 struct lk_error *err) LK_CHECKED;
void lk_commands_reset(struct lk_arguments *args);

/* A session for a command: the store from --store, events to `on_event` (may be NULL). */
enum lk_status lk_commands_open(const struct lk_invocation *in, bool init,
                                void (*on_event)(void *context, const struct litekeep_event *event),
                                void *context, struct litekeep **out, struct lk_error *err) LK_CHECKED;

extern const struct lk_command lk_cmd_scan, lk_cmd_backup, lk_cmd_list, lk_cmd_show, lk_cmd_query,
    lk_cmd_diff, lk_cmd_restore, lk_cmd_verify, lk_cmd_status, lk_cmd_ack, lk_cmd_pin, lk_cmd_unpin,
    lk_cmd_remove, lk_cmd_prune, lk_cmd_run, lk_cmd_schedule, lk_cmd_config, lk_cmd_guard, lk_cmd_adopt,
    lk_cmd_help, lk_cmd_version, lk_cmd_complete;

#endif
