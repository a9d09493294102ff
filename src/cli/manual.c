#include "cli/manual.h"

#include <string.h>

#include "cli/completion.h"
#include "cli/help.h"
#include "cli/roff.h"

struct named {
    const char *name, *text;
};

static const struct named variables[] = {
    {"LITEKEEP_STORE", "the folder that holds the backups, unless --store is given"},
    {"LITEKEEP_CONFIG", "the config file, unless --config is given"},
    {"XDG_CONFIG_HOME", "where the config file is looked for, as litekeep/config.ini (default: ~/.config)"},
    {"XDG_DATA_HOME", "where the store is when nothing names one, as litekeep (default: ~/.local/share)"},
    {"XDG_STATE_HOME", "where the log of scheduled runs is kept, below litekeep (default: ~/.local/state)"},
    {"HOME", "the home folder, where the XDG variables are not set"},
    {"TMPDIR", "where temporary files go that do not belong in the store (default: /var/tmp, else /tmp)"},
    {"CREDENTIALS_DIRECTORY", "set by systemd: where \"credential:NAME\" in the config file is read"},
    {"NO_COLOR", "when set and not empty, no colours"},
    {"COLUMNS", "the width of tables where the output is no terminal"},
};

static const struct named files[] = {
    {"~/.config/litekeep/config.ini", "the config file; see litekeep-config(5)"},
    {"~/.local/share/litekeep", "the store, when nothing names another; see litekeep-store(5)"},
};

static void title(FILE *to, const char *name, const char *section)
{
    fputs(".\\\" Made from the program's own tables: change those, not this file.\n", to);
    fputs(".TH ", to);
    for (const char *c = name; *c != '\0'; c++)
        fputs(*c == '-' ? "\\-" : (char[]){*c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c, 0}, to);
    fprintf(to, " %s \"\" \"litekeep %s\" \"litekeep manual\"\n.nh\n.ad l\n", section, litekeep_version());
}

static void options(FILE *to, const struct lk_option *option, size_t count)
{
    char text[LK_HELP_DESCRIPTION_SIZE];
    for (size_t i = 0; i < count; i++) {
        const struct lk_option *o = &option[i];
        fputs(".TP\n", to);
        if (o->letter != 0) {
            lk_roff_bold(to, (char[]){'-', o->letter, 0});
            fputs(", ", to);
        }
        snprintf(text, sizeof text, "--%s", o->name);
        lk_roff_bold(to, text);
        if (o->argument != NULL) {
            fputc(' ', to);
            lk_roff_usage(to, o->argument);
        }
        fputc('\n', to);
        lk_roff_sentence(to, lk_help_describe(o, text), '.');
    }
}

/* One a command, or (NULL) all. */
static void exits(FILE *to, const struct lk_command *command)
{
    size_t count;
    const struct lk_help_exit *exit = lk_help_exits(&count);
    for (size_t i = 0; i < count; i++) {
        if (command != NULL && !lk_help_may_exit(command, exit[i].code))
            continue;
        fprintf(to, ".TP 6\n\\fB%d\\fR\n", exit[i].code);
        lk_roff_sentence(to, exit[i].meaning, '.');
    }
}

static void list(FILE *to, const struct named *entry, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(".TP\n", to);
        lk_roff_bold(to, entry[i].name);
        fputc('\n', to);
        lk_roff_sentence(to, entry[i].text, '.');
    }
}

/* "litekeep-backup(1)", with `after` behind it. */
static void reference(FILE *to, const char *name, const char *section, const char *after)
{
    fputs(".BR ", to);
    lk_roff_text(to, name, 0);
    fprintf(to, " (%s)%s\n", section, after);
}

static void paragraphs(FILE *to, const char *text)
{
    const char *end;
    char line[4096];
    for (bool first = true; *text != '\0'; first = false) {
        end = text + strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
        if (!first)
            fputs(".PP\n", to);
        lk_roff_text(to, line, 1);
        fputc('\n', to);
        text = end + (*end == '\n');
    }
}

static void examples(FILE *to, const struct lk_command *c)
{
    for (size_t i = 0; i < c->examples; i++) {
        fputs(".PP\n", to);
        lk_roff_sentence(to, c->example[i].what, ':');
        lk_roff_verbatim(to, c->example[i].line);
    }
}

static void see_also(FILE *to, const struct lk_command *c)
{
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    char name[64];
    reference(to, "litekeep", "1", ",");
    for (size_t i = 0; i < count; i++) {
        if (all[i] == c || strcmp(all[i]->group, c->group) != 0)
            continue;
        snprintf(name, sizeof name, "litekeep-%s", all[i]->name);
        reference(to, name, "1", ",");
    }
    reference(to, "litekeep-config", "5", ",");
    reference(to, "litekeep-store", "5", "");
}

void lk_manual_command(FILE *to, const struct lk_command *c)
{
    char name[64];
    snprintf(name, sizeof name, "litekeep-%s", c->name);
    title(to, name, "1");
    fputs(".SH NAME\n", to);
    lk_roff_text(to, name, 1);
    fputs(" \\- ", to);
    lk_roff_text(to, c->help, 0);
    fputs("\n.SH SYNOPSIS\n", to);
    lk_roff_bold(to, "litekeep ");
    lk_roff_bold(to, c->name);
    fputs(" [\\fIOPTION\\fR...] ", to);
    lk_roff_usage(to, c->operands);
    fputs("\n.SH DESCRIPTION\n", to);
    paragraphs(to, c->about);
    if (strstr(c->operands, "DB") != NULL)
        fputs(".PP\nHow a database and a backup of it are named, \\fIDB\\fR and \\fIWHEN\\fR, is told in\n"
              ".BR litekeep (1).\n",
              to);
    fputs(".SH OPTIONS\n", to);
    options(to, c->option, c->options);
    if (c->options > 0)
        fputs(".SS Options of every command\n", to);
    options(to, lk_commands_globals(), LK_GLOBALS);
    if (c->examples > 0)
        fputs(".SH EXAMPLES\n", to);
    examples(to, c);
    fputs(".SH EXIT STATUS\n", to);
    exits(to, c);
    fputs(".SH ENVIRONMENT\n", to);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        fprintf(to, "%s\\fB%s\\fR", i > 0 ? ",\n" : "", variables[i].name);
    fputs(":\nsee\n.BR litekeep (1).\n.SH FILES\n", to);
    list(to, files, sizeof files / sizeof files[0]);
    fputs(".SH SEE ALSO\n", to);
    see_also(to, c);
}

static void commands(FILE *to)
{
    size_t count;
    const struct lk_command *const *all = lk_commands_all(&count);
    const char *group = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(group, all[i]->group) != 0)
            fprintf(to, ".SS %s\n", all[i]->group);
        group = all[i]->group;
        fputs(".TP\n", to);
        lk_roff_bold(to, all[i]->name);
        if (all[i]->operands[0] != '\0')
            fputc(' ', to);
        lk_roff_usage(to, all[i]->operands);
        fputc('\n', to);
        lk_roff_sentence(to, all[i]->help, '.');
        char name[64];
        snprintf(name, sizeof name, "litekeep-%s", all[i]->name);
        fputs("See\n", to);
        reference(to, name, "1", ".");
    }
}

static void keys(FILE *to)
{
    size_t count;
    const struct litekeep_config_key *key = litekeep_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        fputs(".TP\n", to);
        lk_roff_bold(to, key[i].name);
        fputs(key[i].table ? " [\\fITABLE\\fR] = " : " = ", to);
        lk_roff_italic(to, key[i].kind);
        fputc('\n', to);
        lk_roff_sentence(to, key[i].help, '.');
        if (key[i].fallback != NULL && key[i].fallback[0] != '\0') {
            fputs("Default: ", to);
            lk_roff_text(to, key[i].fallback, 0);
            fputs(".\n", to);
        }
        if (!key[i].database)
            fputs("Only in \\fB[litekeep]\\fR.\n", to);
    }
}

static void synopsis(FILE *to)
{
    const struct lk_option *global = lk_commands_globals();
    lk_roff_bold(to, "litekeep");
    for (size_t i = 0; i < LK_GLOBALS; i++) {
        const bool lettered = global[i].letter != 0;
        char name[64];
        snprintf(name, sizeof name, lettered ? "-%.1s" : "--%s",
                 lettered ? (const char[]){global[i].letter, 0} : global[i].name);
        fputs("\n[", to);
        lk_roff_bold(to, name);
        if (global[i].argument != NULL) {
            fputc(' ', to);
            lk_roff_usage(to, global[i].argument);
        }
        fputc(']', to);
    }
    fputs("\n\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n", to);
}

/* The indented lines below "## Layout". */
static bool layout(FILE *to, const char *store)
{
    static const char heading[] = "\n## Layout\n\n";
    const char *line = strstr(store, heading);
    if (line == NULL || strncmp(line + sizeof heading - 1, "    ", 4) != 0)
        return false;
    fputs(".nf\n", to);
    for (line += sizeof heading - 1; strncmp(line, "    ", 4) == 0; line += *line == '\n') {
        char text[256];
        const size_t len = strcspn(line, "\n");
        snprintf(text, sizeof text, "%.*s", (int)(len - 4), line + 4);
        lk_roff_text(to, text, 1);
        fputc('\n', to);
        line += len;
    }
    fputs(".fi\n", to);
    return true;
}

/* What stands for the placeholder "@...@"; false when there is none of that name. */
static bool replace(FILE *to, const char *name, const char *store)
{
    char page[64], section[2];
    if (sscanf(name, "TITLE %63s %1[0-9]", page, section) == 2)
        title(to, page, section);
    else if (strcmp(name, "SYNOPSIS") == 0)
        synopsis(to);
    else if (strcmp(name, "COMMANDS") == 0)
        commands(to);
    else if (strcmp(name, "OPTIONS") == 0)
        options(to, lk_commands_globals(), LK_GLOBALS);
    else if (strcmp(name, "EXITS") == 0)
        exits(to, NULL);
    else if (strcmp(name, "ENVIRONMENT") == 0)
        list(to, variables, sizeof variables / sizeof variables[0]);
    else if (strcmp(name, "FILES") == 0)
        list(to, files, sizeof files / sizeof files[0]);
    else if (strcmp(name, "KEYS") == 0)
        keys(to);
    else if (strcmp(name, "LAYOUT") == 0)
        return layout(to, store);
    else if (strcmp(name, "BASH") == 0)
        lk_completion_bash(to);
    else if (strcmp(name, "ZSH") == 0)
        lk_completion_zsh(to);
    else if (strcmp(name, "FISH") == 0)
        lk_completion_fish(to);
    else
        return false;
    return true;
}

bool lk_manual_expand(FILE *to, const char *template, const char *store, unsigned *unknown)
{
    for (*unknown = 1; *template != '\0'; ++*unknown) {
        const size_t len = strcspn(template, "\n");
        char name[96];
        if (len > 2 && len < sizeof name && template[0] == '@' && template[len - 1] == '@') {
            snprintf(name, sizeof name, "%.*s", (int)(len - 2), template + 1);
            if (!replace(to, name, store))
                return false;
        } else {
            fwrite(template, 1, len, to);
            fputc('\n', to);
        }
        template += len + (template[len] == '\n');
    }
    return true;
}
