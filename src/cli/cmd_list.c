#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct litekeep_backup_info *newest(const struct litekeep_database_info *d)
{
    return d->count > 0 ? &d->backup[d->count - 1] : NULL;
}

/* Are the rows of a backup known? */
static bool is_counted(const struct litekeep_backup_info *b)
{
    return b != NULL && !b->legacy && b->problem == NULL;
}

static void add_time(struct lk_grid *grid, int64_t time)
{
    char text[LITEKEEP_WORD_SIZE];
    litekeep_format_time_local(time, text);
    lk_grid_cell(grid, time != 0 ? text : "-", LK_STYLE_PLAIN);
}

static void add_age(struct lk_grid *grid, int64_t time)
{
    char text[LITEKEEP_WORD_SIZE];
    lk_grid_cell(grid, time != 0 ? lk_display_age(time, text) : "-", LK_STYLE_PLAIN);
}

/* How many of its backups the last check found damaged. */
static void add_damage(struct lk_grid *grid, const struct litekeep_database_info *d)
{
    char text[LITEKEEP_WORD_SIZE + 64];
    size_t damaged = 0;
    for (size_t i = 0; i < d->count; i++)
        damaged += d->backup[i].damaged || d->backup[i].problem != NULL;
    if (damaged == 0)
        return;
    snprintf(text, sizeof text, "%zu DAMAGED backup%s: litekeep verify says where", damaged,
             lk_display_plural(damaged));
    lk_grid_note(grid, text, LK_STYLE_RED);
}

static enum lk_status print_databases(struct lk_console *c, const struct litekeep_list *list,
                                      const char *store, struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {
        {"DATABASE", false}, {"LAST BACKUP", false}, {"AGE", true},    {"BACKUPS", true},
        {"ROWS", true},      {"SIZE", true},         {"SOURCE", false}};
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    uint64_t backups = 0, bytes = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct litekeep_database_info *d = &list->database[i];
        const struct litekeep_backup_info *last = newest(d);
        backups += d->count;
        bytes += d->stored_bytes;
        lk_grid_cell(grid, d->name, LK_STYLE_PLAIN);
        add_time(grid, last != NULL ? last->finished : 0);
        add_age(grid, last != NULL ? last->finished : 0);
        lk_grid_number(grid, d->count);
        if (is_counted(last))
            lk_grid_number(grid, last->rows);
        else
            lk_grid_cell(grid, "-", LK_STYLE_PLAIN);
        lk_grid_size(grid, d->stored_bytes);
        lk_grid_cell(grid, d->path != NULL ? d->path : "", LK_STYLE_PLAIN);
        if (d->problem != NULL)
            lk_grid_note(grid, d->problem, LK_STYLE_RED);
        add_damage(grid, d);
    }
    size_t shown;
    enum lk_status status = LK_OK;
    if (list->count > 0)
        status = lk_grid_print(grid, c, 0, &shown, err);
    if (status == LK_OK && !c->quiet) {
        char number[LK_DISPLAY_NUMBER_SIZE], size[LITEKEEP_WORD_SIZE];
        litekeep_format_size(bytes, size);
        lk_console_print(c, "%s%zu database%s, %s backup%s, %s in %s\n", list->count > 0 ? "\n" : "",
                         list->count, lk_display_plural(list->count), lk_display_number(backups, number),
                         lk_display_plural(backups), size, store);
    }
    lk_grid_free(grid);
    return status;
}

static void add_change(struct lk_grid *grid, const struct litekeep_backup_info *before,
                       const struct litekeep_backup_info *b)
{
    if (!is_counted(before) || !is_counted(b)) {
        lk_grid_cell(grid, "", LK_STYLE_PLAIN);
        return;
    }
    char text[LK_DISPLAY_NUMBER_SIZE];
    lk_grid_cell(grid, lk_display_change(before->rows, b->rows, text),
                 b->rows < before->rows ? LK_STYLE_RED : LK_STYLE_PLAIN);
}

/* What is known of its wholeness: the last check of all of it, else that it was read back when it was taken.
 */
static void add_checked(struct lk_grid *grid, const struct litekeep_backup_info *b)
{
    char text[LITEKEEP_WORD_SIZE + 32], age[LITEKEEP_WORD_SIZE];
    const bool hurt = b->problem != NULL || b->damaged;
    if (hurt)
        snprintf(text, sizeof text, "DAMAGED");
    else if (b->checked != 0)
        snprintf(text, sizeof text, "%s %s ago", b->legacy ? "read" : "verified",
                 lk_display_age(b->checked, age));
    else
        snprintf(text, sizeof text, "%s", b->legacy ? "by script" : b->verified ? "verified" : "no");
    lk_grid_cell(grid, text, hurt ? LK_STYLE_RED : LK_STYLE_PLAIN);
}

/* Tags with commas; the caller frees. NULL when memory is out. */
static char *join(const char *const *words)
{
    size_t len = 1;
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        len += strlen(words[i]) + 2;
    char *out = malloc(len);
    if (out == NULL)
        return NULL;
    out[0] = '\0';
    char *to = out;
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        if (i > 0)
            to = stpcpy(to, ", ");
        to = stpcpy(to, words[i]);
    }
    return out;
}

static enum lk_status print_backups(struct lk_console *c, const struct litekeep_database_info *d,
                                    struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {{"BACKUP", false},  {"FINISHED", false}, {"AGE", true},
                                                    {"ROWS", true},     {"CHANGE", true},    {"SIZE", true},
                                                    {"CHECKED", false}, {"TAGS", false}};
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    const struct litekeep_backup_info *before = NULL;
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < d->count; i++) {
        const struct litekeep_backup_info *b = &d->backup[i];
        lk_grid_cell(grid, b->id, LK_STYLE_PLAIN);
        add_time(grid, b->finished);
        add_age(grid, b->finished);
        if (is_counted(b))
            lk_grid_number(grid, b->rows);
        else
            lk_grid_cell(grid, "-", LK_STYLE_PLAIN);
        add_change(grid, before, b);
        if (is_counted(b))
            before = b;
        lk_grid_size(grid, b->stored_bytes);
        add_checked(grid, b);
        char *tags = join(b->tags);
        if (tags == NULL) {
            status = lk_console_fail_memory(err);
            goto out;
        }
        lk_grid_cell(grid, tags, LK_STYLE_PLAIN);
        free(tags);
        if (b->problem != NULL)
            lk_grid_note(grid, b->problem, LK_STYLE_RED);
    }
    if (!c->quiet && d->path != NULL && d->path[0] != '\0')
        lk_console_print(c, "%s%s%s  %s\n\n", lk_console_style(c->colour, LK_STYLE_BOLD), d->name,
                         lk_console_style(c->colour, LK_STYLE_PLAIN), d->path);
    size_t shown;
    if (d->count > 0)
        status = lk_grid_print(grid, c, 0, &shown, err);
    if (status == LK_OK && !c->quiet) {
        if (d->count == 0)
            lk_console_print(c, "No backups yet.\n");
        else
            lk_console_print(c, "\nlitekeep show %s shows the latest, litekeep show %s@%s another.\n",
                             d->name, d->name, d->backup[0].id);
    }
out:
    lk_grid_free(grid);
    return status;
}

static struct lk_document backup_document(const struct litekeep_backup_info *b)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "id", b->id);
    lk_document_number(&d, "seq", b->seq);
    lk_document_time(&d, "started", b->started);
    lk_document_time(&d, "finished", b->finished);
    if (is_counted(b)) {
        lk_document_number(&d, "tables", b->tables);
        lk_document_number(&d, "rows", b->rows);
        lk_document_number(&d, "source_bytes", b->source_bytes);
    } else {
        lk_document_null(&d, "tables");
        lk_document_null(&d, "rows");
        lk_document_null(&d, "source_bytes");
    }
    lk_document_number(&d, "stored_bytes", b->stored_bytes);
    lk_document_flag(&d, "verified", b->verified);
    lk_document_time(&d, "checked", b->checked);
    lk_document_flag(&d, "damaged", b->damaged);
    lk_document_flag(&d, "legacy", b->legacy);
    lk_document_text(&d, "problem", b->problem);
    lk_document_texts(&d, "tags", b->tags);
    return d;
}

static enum lk_status print_json(struct lk_console *c, const struct litekeep_list *list, const char *store,
                                 struct lk_error *err)
{
    struct lk_document databases = lk_document_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct litekeep_database_info *info = &list->database[i];
        struct lk_document backups = lk_document_array();
        for (size_t k = 0; k < info->count; k++) {
            struct lk_document b = backup_document(&info->backup[k]);
            lk_document_append(&backups, &b);
        }
        struct lk_document d = lk_document_object();
        lk_document_text(&d, "database", info->name);
        lk_document_text(&d, "path", info->path != NULL && info->path[0] != '\0' ? info->path : NULL);
        lk_document_text(&d, "problem", info->problem);
        lk_document_number(&d, "stored_bytes", info->stored_bytes);
        lk_document_put(&d, "backups", &backups);
        lk_document_append(&databases, &d);
    }
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "store", store);
    lk_document_put(&d, "databases", &databases);
    return lk_document_print(&d, c, err);
}

/* What cannot be read is in the table; the exit code says it too. */
static enum lk_status state_of(const struct litekeep_list *list)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < list->count; i++) {
        if (list->database[i].problem != NULL)
            status = litekeep_worse(status, LK_FAILED);
        for (size_t k = 0; k < list->database[i].count; k++)
            if (list->database[i].backup[k].problem != NULL)
                status = litekeep_worse(status, LK_DAMAGED);
    }
    return status;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    struct lk_console *c = in->console;
    struct litekeep *lk = NULL;
    struct litekeep_list *list = NULL;
    char *store = NULL;
    enum lk_status status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK)
        status = litekeep_list(lk, in->args->operand[0], &list, err);
    if (status != LK_OK)
        goto out;
    store = lk_display_escape(litekeep_store_path(lk));
    if (store == NULL)
        status = lk_console_fail_memory(err);
    else if (c->json)
        status = print_json(c, list, store, err);
    else if (in->args->operands > 0 && list->count == 1 && list->database[0].problem == NULL)
        status = print_backups(c, &list->database[0], err);
    else
        status = print_databases(c, list, store, err);
    if (status == LK_OK)
        status = state_of(list);
out:
    free(store);
    litekeep_list_free(list);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep list", "each database with its last backup"},
    {"litekeep list posts", "the backups of one database, with the change in rows from each to the next"},
    {"litekeep list --json | jq -r '.databases[] | [.database, .backups[-1].rows] | @tsv'", "from a program"},
};

static const int exit_codes[] = {0, 1, 2, 5, 10, 130, -1};

const struct lk_command lk_cmd_list = {
    .name = "list",
    .group = "Look",
    .help = "backups in the store",
    .operands = "[DB]",
    .most = 1,
    .about = "List the databases in the store, or the backups of one of them, oldest first. DB is a name "
             "that list prints or the path of the "
             "database file.",
    .run = run,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
