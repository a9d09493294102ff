#include "cli/completion.h"

#include <string.h>

static void word(FILE *to, const char *text)
{
    lk_completion_quote(to, text, "\\'", "\\");
}

/* What is offered: -f -a '...' for words and names, -F for files. */
static void offer(FILE *to, enum lk_operand_kind kind)
{
    static const char *const offers[] = {
        [LK_OPERAND_OTHER] = " -f",
        [LK_OPERAND_WORDS] = " -f",
        [LK_OPERAND_DATABASE] = " -F -k -a '(__litekeep_databases)'",
        [LK_OPERAND_BACKUP] = " -F -k -a '(__litekeep_databases)'",
        [LK_OPERAND_FILE] = " -F",
        [LK_OPERAND_FOLDER] = " -f -a '(__fish_complete_directories)'",
        [LK_OPERAND_COMMAND] = " -f -a '(__litekeep_commands)'",
    };
    fputs(offers[kind], to);
}

/* `list` is a list of words in the language of the shell, which is expanded once more when it is used. */
static void words(FILE *to, const char *const *list, bool set)
{
    char once[512];
    FILE *inner = fmemopen(once, sizeof once, "w");
    if (inner == NULL)
        return;
    if (set)
        fputs("(__litekeep_set", inner);
    for (size_t i = 0; list[i] != NULL; i++) {
        if (set || i > 0)
            fputc(' ', inner);
        word(inner, list[i]);
    }
    if (set)
        fputc(')', inner);
    fputc('\0', inner);
    fclose(inner);
    fputs(" -f -a ", to);
    word(to, once);
}

static void options(FILE *to, const char *command, const struct lk_option *option, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct lk_option *o = &option[i];
        fputs("complete -c litekeep", to);
        if (command != NULL)
            fprintf(to, " -n '__litekeep_is %s'", command);
        else
            fputs(" -n '__litekeep_is'", to);
        if (o->letter != 0)
            fprintf(to, " -s %c", o->letter);
        fputs(" -l ", to);
        word(to, o->name);
        if (o->kind != LK_OPTION_FLAG)
            fputs(" -r", to);
        if (o->words != NULL)
            words(to, o->words, o->kind == LK_OPTION_SET);
        else if (o->kind != LK_OPTION_FLAG)
            offer(to, lk_completion_value(o));
        fputs(" -d ", to);
        word(to, o->help);
        fputc('\n', to);
    }
}

static void operands(FILE *to, const struct lk_command *c)
{
    const char *usage = c->operands;
    struct lk_operand operand;
    for (unsigned n = 1; lk_operands_next(&usage, &operand); n++) {
        fprintf(to, "complete -c litekeep -n '__litekeep_at %s %u%s'", c->name, n,
                operand.repeats ? " more" : "");
        if (operand.kind == LK_OPERAND_WORDS) {
            for (char *p = operand.name; *p != '\0'; p++)
                if (*p == '|')
                    *p = ' ';
            fputs(" -f -a ", to);
            word(to, operand.name);
        } else {
            offer(to, operand.kind);
        }
        fputc('\n', to);
    }
    if (c->rest)
        fprintf(to, "complete -c litekeep -n '__litekeep_at %s rest' -f -a '(__litekeep_rest)'\n", c->name);
}

/* Options whose value may be the next word. */
static void valued(FILE *to, const char *command, const struct lk_option *option, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[160];
        if (option[i].kind == LK_OPTION_FLAG)
            continue;
        snprintf(name, sizeof name, "%s --%s", command, option[i].name);
        fputc(' ', to);
        word(to, name);
    }
}

void lk_completion_fish(FILE *to)
{
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    fputs("# Has option $argv[2] of command $argv[1] a value?\n"
          "function __litekeep_valued\n    contains -- \" $argv[2]\"",
          to);
    valued(to, "", lk_commands_globals(), LK_GLOBALS);
    fputs("\n    or contains -- \"$argv[1] $argv[2]\"", to);
    for (size_t i = 0; i < count; i++)
        valued(to, all[i]->name, all[i]->option, all[i]->options);
    fputs("\nend\n\n"
          "# Takes command $argv[1] the words of another command behind --?\n"
          "function __litekeep_has_rest\n    contains -- \"$argv[1]\"",
          to);
    for (size_t i = 0; i < count; i++)
        if (all[i]->rest)
            fprintf(to, " %s", all[i]->name);
    fputs("\nend\n\nfunction __litekeep_commands\n    printf '%s\\t%s\\n'", to);
    for (size_t i = 0; i < count; i++) {
        fputs(" \\\n        ", to);
        word(to, all[i]->name);
        fputc(' ', to);
        word(to, all[i]->help);
    }
    fputs("\nend\n\n", to);
    options(to, NULL, lk_commands_globals(), LK_GLOBALS);
    for (size_t i = 0; i < count; i++) {
        options(to, all[i]->name, all[i]->option, all[i]->options);
        operands(to, all[i]);
    }
}
