#include "cli/completion.h"

#include <string.h>

/* Inside single quotes, with backslashes before what _arguments and _describe take apart by. */
static void quoted(FILE *to, const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (strchr(special, *text) != NULL)
            fputc('\\', to);
        fputs(*text == '\'' ? "'\\''" : *text == '\n' ? " " : (const char[]){*text, 0}, to);
    }
}

static void text(FILE *to, const char *string)
{
    quoted(to, string, "\\[]:");
}

/* ":message:action" for a value or an operand. */
static void action(FILE *to, const char *message, enum lk_operand_kind kind)
{
    static const char *const actions[] = {
        [LK_OPERAND_OTHER] = " ",
        [LK_OPERAND_WORDS] = " ",
        [LK_OPERAND_DATABASE] = "_litekeep_databases",
        [LK_OPERAND_BACKUP] = "_litekeep_databases",
        [LK_OPERAND_FILE] = "_files",
        [LK_OPERAND_FOLDER] = "_files -/",
        [LK_OPERAND_COMMAND] = "_litekeep_commands",
    };
    fputc(':', to);
    text(to, message);
    fprintf(to, ":%s", actions[kind]);
}

static void words(FILE *to, const struct lk_option *o)
{
    fputc(':', to);
    text(to, o->argument);
    fputs(o->kind == LK_OPTION_SET ? ":_litekeep_set" : ":(", to);
    for (size_t i = 0; o->words[i] != NULL; i++) {
        if (o->kind == LK_OPTION_SET || i > 0)
            fputc(' ', to);
        quoted(to, o->words[i], "\\[]:() \"'$`;&|<>*?{}#~^!");
    }
    if (o->kind != LK_OPTION_SET)
        fputc(')', to);
}

static void options(FILE *to, const struct lk_option *option, size_t count, const char *indent)
{
    for (size_t i = 0; i < count; i++) {
        const struct lk_option *o = &option[i];
        if (o->letter != 0) {
            fprintf(to, "%s'(--", indent);
            quoted(to, o->name, "");
            fprintf(to, ")-%c[", o->letter);
            text(to, o->help);
            fputs("]'\n", to);
        }
        fprintf(to, "%s'", indent);
        if (o->kind == LK_OPTION_LIST)
            fputc('*', to);
        else if (o->letter != 0)
            fprintf(to, "(-%c)", o->letter);
        fputs("--", to);
        quoted(to, o->name, "");
        fputs(o->kind == LK_OPTION_FLAG ? "[" : "=[", to);
        text(to, o->help);
        fputc(']', to);
        if (o->words != NULL)
            words(to, o);
        else if (o->kind != LK_OPTION_FLAG)
            action(to, o->argument, lk_completion_value(o));
        fputs("'\n", to);
    }
}

static void operands(FILE *to, const char *usage, const char *indent)
{
    struct lk_operand operand;
    for (unsigned n = 1; lk_operands_next(&usage, &operand); n++) {
        if (operand.repeats)
            fprintf(to, "%s'*", indent);
        else
            fprintf(to, "%s'%u", indent, n);
        if (operand.kind != LK_OPERAND_WORDS) {
            action(to, operand.name, operand.kind);
        } else {
            fputs(":what:(", to);
            for (char *c = operand.name; *c != '\0'; c++)
                if (*c == '|')
                    *c = ' ';
            quoted(to, operand.name, "");
            fputc(')', to);
        }
        fputs("'\n", to);
    }
}

void lk_completion_zsh(FILE *to)
{
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    fputs("_litekeep_commands()\n{\n    local -a commands=(\n", to);
    for (size_t i = 0; i < count; i++) {
        fputs("        '", to);
        quoted(to, all[i]->name, "\\:");
        fputc(':', to);
        quoted(to, all[i]->help, "\\");
        fputs("'\n", to);
    }
    fputs("    )\n    _describe -t commands 'litekeep command' commands\n}\n\n"
          "# Sets globals, and table and rest of command $1.\n"
          "_litekeep_table()\n{\n    globals=(\n",
          to);
    options(to, lk_commands_globals(), LK_GLOBALS, "        ");
    fputs("    )\n    table=() rest=\n    case $1 in\n", to);
    for (size_t i = 0; i < count; i++) {
        fputs("    ('", to);
        quoted(to, all[i]->name, "");
        fputs("')\n        table=(\n", to);
        options(to, all[i]->option, all[i]->options, "            ");
        operands(to, all[i]->operands, "            ");
        fprintf(to, "        )%s ;;\n", all[i]->rest ? " rest=1" : "");
    }
    fputs("    esac\n}\n", to);
}
