#include "cli/completion.h"

/* Within single quotes only the single quote means something: it closes them, is escaped, and opens them
 * again.
 */
static void word(FILE *to, const char *text)
{
    lk_completion_quote(to, text, "'", "'\\'");
}

static void prefixed(FILE *to, const char *prefix, const char *name)
{
    char text[160];
    snprintf(text, sizeof text, "%s%s", prefix, name);
    fputc(' ', to);
    word(to, text);
}

static void options(FILE *to, const char *assign, const struct lk_option *option, size_t count)
{
    fprintf(to, "%s", assign);
    for (size_t i = 0; i < count; i++) {
        prefixed(to, "--", option[i].name);
        if (option[i].letter != 0)
            prefixed(to, "-", (const char[]){option[i].letter, 0});
    }
    fputs(" )\n", to);
}

/* Each operand is a word: its kind, "..." when it repeats, the words to choose from. */
static void operands(FILE *to, const char *usage)
{
    struct lk_operand operand;
    while (lk_operands_next(&usage, &operand)) {
        char text[LK_OPERAND_SIZE + 32];
        for (char *c = operand.name; *c != '\0'; c++)
            if (*c == '|')
                *c = ' ';
        snprintf(text, sizeof text, "%s%s%s%s", lk_completion_kind(operand.kind),
                 operand.repeats ? " ..." : "", operand.kind == LK_OPERAND_WORDS ? " " : "",
                 operand.kind == LK_OPERAND_WORDS ? operand.name : "");
        prefixed(to, "", text);
    }
}

static void values(FILE *to, const char *command, const struct lk_option *option, size_t count)
{
    static const char *const worded[] = {
        [LK_OPTION_CHOICE] = "choice", [LK_OPTION_SET] = "set", [LK_OPTION_CODEC] = "codec"};
    for (size_t i = 0; i < count; i++) {
        const struct lk_option *o = &option[i];
        char name[160];
        if (o->kind == LK_OPTION_FLAG)
            continue;
        fputs("    ", to);
        snprintf(name, sizeof name, " --%s", o->name);
        if (command != NULL)
            word(to, command);
        else
            fputc('*', to);
        word(to, name);
        fprintf(to, ") kind=%s choices=(",
                o->words != NULL ? worded[o->kind] : lk_completion_kind(lk_completion_value(o)));
        for (size_t k = 0; o->words != NULL && o->words[k] != NULL; k++)
            prefixed(to, "", o->words[k]);
        fputs(" ) ;;\n", to);
    }
}

void lk_completion_bash(FILE *to)
{
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    fputs("# Sets commands, and options, operands and rest of command $1.\n"
          "_litekeep_table()\n{\n    commands=(",
          to);
    for (size_t i = 0; i < count; i++)
        prefixed(to, "", all[i]->name);
    fputs(" )\n", to);
    options(to, "    options=(", lk_commands_globals(), LK_GLOBALS);
    fputs("    operands=() rest=\n    case $1 in\n", to);
    for (size_t i = 0; i < count; i++) {
        const struct lk_command *c = all[i];
        fputs("    ", to);
        word(to, c->name);
        fputs(")\n", to);
        options(to, "        options+=(", c->option, c->options);
        fputs("        operands=(", to);
        operands(to, c->operands);
        fprintf(to, " )%s ;;\n", c->rest ? " rest=1" : "");
    }
    fputs("    esac\n}\n\n"
          "# Sets kind and choices of the value of option $2 of command $1.\n"
          "_litekeep_value()\n{\n    case \"$1 $2\" in\n",
          to);
    for (size_t i = 0; i < count; i++)
        values(to, all[i]->name, all[i]->option, all[i]->options);
    values(to, NULL, lk_commands_globals(), LK_GLOBALS);
    fputs("    *) kind=flag choices=() ;;\n    esac\n}\n", to);
}
