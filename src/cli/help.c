#include "cli/help.h"

#include <assert.h>
#include <string.h>

#include "cli/display.h"

/* Cells of the left column, its indent included; on a page of less than ROOMY cells. */
#define LEFT 30
#define LEFT_NARROW 22
#define ROOMY 80
#define CODE 7
#define WIDEST 100
#define NARROWEST 60

static const struct lk_help_exit exits[] = {
    {0, "done"},
    {1, "our side failed: the store, memory, or writing the output"},
    {2, "wrong usage"},
    {3, "some sources could not be read or rebuilt; the rest is done"},
    {4, "an alarm: data has shrunk"},
    {5, "a check found damage"},
    {6, "refused, because it would overwrite or endanger something"},
    {10, "no such store, database, backup, table or file"},
    {11, "another run holds the lock"},
    {125, "run: the backup failed or raised an alarm, and the command was not started"},
    {126, "run: the command cannot be started"},
    {127, "run: there is no such command"},
    {130, "interrupted"},
};

static size_t page_width(size_t width)
{
    return width == 0 || width > WIDEST ? WIDEST : width < NARROWEST ? NARROWEST : width;
}

/* Words of text[0..len) from cell `at` on, wrapped at `width`, further lines indented by `indent`; then a
 * line end. */
static void wrap(FILE *to, const char *text, size_t len, size_t at, size_t indent, size_t width)
{
    const char *const end = text + len;
    bool first = true;
    while (text < end) {
        const size_t left = (size_t)(end - text), next = strcspn(text, " ");
        const size_t word = next < left ? next : left;
        if (!first && at + 1 + word > width) {
            fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", (int)word, text);
        at += word;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void usage(FILE *to, const char *words, size_t width)
{
    static const char start[] = "Usage: litekeep ";
    fputs(start, to);
    wrap(to, words, strcspn(words, "\n"), sizeof start - 1, sizeof start - 1, width);
    fputc('\n', to);
}

static void paragraphs(FILE *to, const char *text, size_t width)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        wrap(to, text, len, 0, 0, width);
        text += len + (text[len] == '\n');
    }
}

static void entry(FILE *to, const char *left, const char *right, size_t width)
{
    const size_t used = lk_display_width(left), column = width < ROOMY ? LEFT_NARROW : LEFT;
    fputs(left, to);
    if (used + 2 > column)
        fprintf(to, "\n%*s", (int)column, "");
    else
        fprintf(to, "%*s", (int)(column - used), "");
    wrap(to, right, strlen(right), column, column, width);
}

const char *lk_help_describe(const struct lk_option *o, char out[LK_HELP_DESCRIPTION_SIZE])
{
    size_t at =
        (size_t)snprintf(out, LK_HELP_DESCRIPTION_SIZE, "%s%s%s", o->help,
                         o->kind == LK_OPTION_LIST ? "; may be repeated" : "", o->words != NULL ? ": " : "");
    for (size_t i = 0; o->words != NULL && o->words[i] != NULL && at < LK_HELP_DESCRIPTION_SIZE; i++)
        at +=
            (size_t)snprintf(out + at, LK_HELP_DESCRIPTION_SIZE - at, "%s%s", i > 0 ? ", " : "", o->words[i]);
    if (o->kind == LK_OPTION_CODEC && at < LK_HELP_DESCRIPTION_SIZE)
        at += (size_t)snprintf(out + at, LK_HELP_DESCRIPTION_SIZE - at, ", and perhaps :LEVEL");
    if (o->fallback != NULL && at < LK_HELP_DESCRIPTION_SIZE)
        at += (size_t)snprintf(out + at, LK_HELP_DESCRIPTION_SIZE - at, " (default: %s)", o->fallback);
    assert(at < LK_HELP_DESCRIPTION_SIZE);
    return out;
}

static void option(FILE *to, const struct lk_option *o, size_t width)
{
    char left[64], right[LK_HELP_DESCRIPTION_SIZE];
    const char dash[5] = {o->letter != 0 ? '-' : ' ', o->letter != 0 ? o->letter : ' ',
                          o->letter != 0 ? ',' : ' ', ' ', 0};
    snprintf(left, sizeof left, "  %s--%s%s%s", dash, o->name, o->argument != NULL ? " " : "",
             o->argument != NULL ? o->argument : "");
    entry(to, left, lk_help_describe(o, right), width);
}

const struct lk_help_exit *lk_help_exits(size_t *count)
{
    *count = sizeof exits / sizeof exits[0];
    return exits;
}

bool lk_help_may_exit(const struct lk_command *command, int code)
{
    for (size_t i = 0; command->exits[i] >= 0; i++)
        if (command->exits[i] == code)
            return true;
    return false;
}

static void exit_codes(FILE *to, size_t width, const struct lk_command *command)
{
    fprintf(to, "\nExit codes:\n");
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++)
        if (command == NULL || lk_help_may_exit(command, exits[i].code)) {
            fprintf(to, "  %3d  ", exits[i].code);
            wrap(to, exits[i].meaning, strlen(exits[i].meaning), CODE, CODE, width);
        }
}

static void global_options(FILE *to, size_t width)
{
    for (size_t i = 0; i < LK_GLOBALS; i++)
        option(to, &lk_commands_globals()[i], width);
}

void lk_help_short(FILE *to)
{
    fprintf(to, "litekeep backs up SQLite databases to Parquet and JSON, verified.\n"
                "\n"
                "  litekeep scan [PATH...]      what is there, and what threatens it\n"
                "  litekeep backup [PATH...]    back it up\n"
                "  litekeep help                everything else\n");
}

void lk_help_overview(FILE *to, size_t width)
{
    const size_t page = page_width(width);
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    usage(to, "[--store DIR] [--config FILE] [--json] [-q|-v] COMMAND ...", page);
    paragraphs(to,
               "litekeep backs up every SQLite database below a folder to open formats (Parquet and JSON "
               "lines), while "
               "the database is in use, verifies what it wrote, and brings it back: a table, or the whole "
               "database.",
               page);
    const char *group = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(group, all[i]->group) != 0)
            fprintf(to, "\n%s:\n", all[i]->group);
        group = all[i]->group;
        char left[64];
        snprintf(left, sizeof left, "  %-8s %s", all[i]->name, all[i]->operands);
        entry(to, left, all[i]->help, page);
    }
    fprintf(to, "\nOptions of every command:\n");
    global_options(to, page);
    exit_codes(to, page, NULL);
    fprintf(to, "\n\"litekeep COMMAND --help\" explains one command.\n");
}

void lk_help_command(FILE *to, size_t width, const struct lk_command *c)
{
    const size_t page = page_width(width);
    char words[256];
    snprintf(words, sizeof words, "%s%s %s", c->name, c->options > 0 ? " [OPTION...]" : "", c->operands);
    usage(to, words, page);
    paragraphs(to, c->about, page);
    if (c->options > 0)
        fprintf(to, "\nOptions:\n");
    for (size_t i = 0; i < c->options; i++)
        option(to, &c->option[i], page);
    fprintf(to, "\nOptions of every command:\n");
    global_options(to, page);
    if (c->examples > 0)
        fprintf(to, "\nExamples:\n");
    for (size_t i = 0; i < c->examples; i++)
        fprintf(to, "  %s\n      %s\n", c->example[i].line, c->example[i].what);
    exit_codes(to, page, c);
}
