#include "cli/help.h"

#include <string.h>

#include "cli/display.h"

#define LEFT 30 /* cells of the left column, its indent included */
#define WIDEST 100
#define NARROWEST 60

static const struct {
    int code;
    const char *meaning;
} exits[] = {
    {0, "done"},
    {1, "our side failed: the store, memory, or writing the output"},
    {2, "wrong usage"},
    {3, "some sources could not be read or rebuilt; the rest is done"},
    {5, "a check found damage"},
    {6, "refused, because it would overwrite or endanger something"},
    {10, "no such store, database, backup, table or file"},
    {11, "another run holds the lock"},
    {130, "interrupted"},
};

static size_t page_width(size_t width)
{
    return width == 0 || width > WIDEST ? WIDEST : width < NARROWEST ? NARROWEST : width;
}

/* Words of `text` from cell `at` on, wrapped at `width`, further lines indented by `indent`; then a line end.
 */
static void wrap(FILE *to, const char *text, size_t at, size_t indent, size_t width)
{
    bool first = true;
    while (*text != '\0') {
        const size_t len = strcspn(text, " ");
        if (!first && at + 1 + len > width) {
            fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", (int)len, text);
        at += len;
        first = false;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void paragraphs(FILE *to, const char *text, size_t width)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        char line[1024];
        snprintf(line, sizeof line, "%.*s", (int)len, text);
        wrap(to, line, 0, 0, width);
        text += len + (text[len] == '\n');
    }
}

static void entry(FILE *to, const char *left, const char *right, size_t width)
{
    const size_t used = lk_display_width(left);
    fputs(left, to);
    if (used + 2 > LEFT)
        fprintf(to, "\n%*s", LEFT, "");
    else
        fprintf(to, "%*s", (int)(LEFT - used), "");
    wrap(to, right, LEFT, LEFT, width);
}

static void option(FILE *to, const struct lk_option *o, size_t width)
{
    char left[64], right[512];
    const char dash[5] = {o->letter != 0 ? '-' : ' ', o->letter != 0 ? o->letter : ' ',
                          o->letter != 0 ? ',' : ' ', ' ', 0};
    snprintf(left, sizeof left, "  %s--%s%s%s", dash, o->name, o->argument != NULL ? " " : "",
             o->argument != NULL ? o->argument : "");
    size_t at = (size_t)snprintf(right, sizeof right, "%s", o->help);
    if (o->kind == LK_OPTION_LIST && at < sizeof right)
        at += (size_t)snprintf(right + at, sizeof right - at, "; may be repeated");
    if (o->words != NULL && at < sizeof right) {
        at += (size_t)snprintf(right + at, sizeof right - at, ": ");
        for (size_t i = 0; o->words[i] != NULL && at < sizeof right; i++)
            at += (size_t)snprintf(right + at, sizeof right - at, "%s%s", i > 0 ? ", " : "", o->words[i]);
        if (o->kind == LK_OPTION_CODEC && at < sizeof right)
            at += (size_t)snprintf(right + at, sizeof right - at, ", and perhaps :LEVEL");
    }
    if (o->fallback != NULL && at < sizeof right)
        snprintf(right + at, sizeof right - at, " (default: %s)", o->fallback);
    entry(to, left, right, width);
}

static void exit_codes(FILE *to, const int *wanted)
{
    fprintf(to, "\nExit codes:\n");
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
        bool listed = wanted == NULL;
        for (size_t k = 0; !listed && wanted[k] >= 0; k++)
            listed = wanted[k] == exits[i].code;
        if (listed)
            fprintf(to, "  %3d  %s\n", exits[i].code, exits[i].meaning);
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
    fprintf(to, "Usage: litekeep [--store DIR] [--json] [-q|-v] COMMAND ...\n\n");
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
    exit_codes(to, NULL);
    fprintf(to, "\n\"litekeep COMMAND --help\" explains one command.\n");
}

void lk_help_command(FILE *to, size_t width, const struct lk_command *c)
{
    const size_t page = page_width(width);
    fprintf(to, "Usage: litekeep %s%s%s%s\n\n", c->name, c->options > 0 ? " [OPTION...]" : "",
            c->operands[0] != '\0' ? " " : "", c->operands);
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
    exit_codes(to, c->exits);
}
