#include "cli/alarms.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Columns of a terminal below which the times are left out: the id says them. */
#define NARROW 100

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
static void add_damage(struct lk_grid *grid, const struct lk_console *c,
                       const struct litekeep_database_info *d)
{
    char *text;
    size_t damaged = 0;
    for (size_t i = 0; i < d->count; i++)
        damaged += d->backup[i].damaged || d->backup[i].problem != NULL;
    if (damaged == 0)
        return;
    if (asprintf(&text, "%zu DAMAGED backup%s: litekeep %sverify says where", damaged,
                 lk_display_plural(damaged), lk_console_store_option(c)) < 0)
        text = NULL;
    lk_grid_note(grid, text != NULL ? text : "DAMAGED backups", LK_STYLE_RED);
    free(text);
}

/* Its open alarms, one line each: `litekeep list DB` and `litekeep status` tell more. */
static void add_alarms(struct lk_grid *grid, const struct litekeep_database_info *d)
{
    for (size_t i = 0; i < d->alarms; i++) {
        char text[2400], since[LITEKEEP_WORD_SIZE];
        litekeep_format_time_local(d->alarm[i].raised, since);
        snprintf(text, sizeof text, "ALARM since %s: %s", since, d->alarm[i].message);
        lk_grid_note(grid, text, LK_STYLE_RED);
    }
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
        add_damage(grid, c, d);
        add_alarms(grid, d);
    }
    size_t shown;
    enum lk_status status = LK_OK;
    if (list->count > 0)
        status = lk_grid_print(grid, c, lk_console_width(STDOUT_FILENO), &shown, err);
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

enum column { BACKUP, FINISHED, AGE, ROWS, CHANGE, SIZE, CHECKED, FLAGS, TAGS, COLUMNS };

/* Which columns have anything to say, and fit. */
static size_t choose_columns(const struct litekeep_database_info *d, size_t width,
                             struct lk_grid_column *columns, bool *wanted)
{
    static const struct lk_grid_column all[COLUMNS] = {
        [BACKUP] = {"BACKUP", false},   [FINISHED] = {"FINISHED", false}, [AGE] = {"AGE", true},
        [ROWS] = {"ROWS", true},        [CHANGE] = {"CHANGE", true},      [SIZE] = {"SIZE", true},
        [CHECKED] = {"CHECKED", false}, [FLAGS] = {"FLAGS", false},       [TAGS] = {"TAGS", false}};
    size_t count = 0;
    for (size_t k = 0; k < COLUMNS; k++)
        wanted[k] = k != FLAGS && k != TAGS;
    wanted[FINISHED] = width == 0 || width >= NARROW;
    for (size_t i = 0; i < d->count; i++) {
        wanted[FLAGS] |= d->backup[i].pinned || d->backup[i].alarm;
        wanted[TAGS] |= d->backup[i].tags != NULL && d->backup[i].tags[0] != NULL;
    }
    for (size_t k = 0; k < COLUMNS; k++)
        if (wanted[k])
            columns[count++] = all[k];
    return count;
}

static enum lk_status add_backup(struct lk_grid *grid, const bool *wanted,
                                 const struct litekeep_backup_info *before,
                                 const struct litekeep_backup_info *b, struct lk_error *err)
{
    lk_grid_cell(grid, b->id, LK_STYLE_PLAIN);
    if (wanted[FINISHED])
        add_time(grid, b->finished);
    add_age(grid, b->finished);
    if (is_counted(b))
        lk_grid_number(grid, b->rows);
    else
        lk_grid_cell(grid, "-", LK_STYLE_PLAIN);
    add_change(grid, before, b);
    lk_grid_size(grid, b->stored_bytes);
    add_checked(grid, b);
    if (wanted[FLAGS])
        lk_grid_cell(grid,
                     b->alarm && b->pinned ? "ALARM, pinned"
                     : b->alarm            ? "ALARM"
                     : b->pinned           ? "pinned"
                                           : "",
                     b->alarm ? LK_STYLE_RED : LK_STYLE_PLAIN);
    if (wanted[TAGS]) {
        char *tags = join(b->tags);
        if (tags == NULL)
            return lk_console_fail_memory(err);
        lk_grid_cell(grid, tags, LK_STYLE_PLAIN);
        free(tags);
    }
    if (b->problem != NULL)
        lk_grid_note(grid, b->problem, LK_STYLE_RED);
    return LK_OK;
}

/* What to type next. Folder names and ids need no quotes. */
static void print_hint(struct lk_console *c, const struct litekeep_database_info *d)
{
    const char *store = lk_console_store_option(c);
    lk_console_print(c, "\nlitekeep %sshow %s shows %s", store, d->name, d->count == 1 ? "it" : "the latest");
    if (d->count > 1)
        lk_console_print(c, ", litekeep %sshow %s@%s another", store, d->name, d->backup[0].id);
    lk_console_print(c, ".\n");
}

static enum lk_status print_backups(struct lk_console *c, const struct litekeep_database_info *d,
                                    struct lk_error *err)
{
    struct lk_grid_column columns[COLUMNS];
    bool wanted[COLUMNS];
    const size_t width = lk_console_width(STDOUT_FILENO);
    struct lk_grid *grid = lk_grid_new(columns, choose_columns(d, width, columns, wanted));
    const struct litekeep_backup_info *before = NULL;
    enum lk_status status = LK_OK;
    for (size_t i = 0; status == LK_OK && i < d->count; i++) {
        status = add_backup(grid, wanted, before, &d->backup[i], err);
        if (is_counted(&d->backup[i]))
            before = &d->backup[i];
    }
    if (status != LK_OK)
        goto out;
    if (!c->quiet && d->path != NULL && d->path[0] != '\0')
        lk_console_print(c, "%s%s%s  %s\n\n", lk_console_style(c->colour, LK_STYLE_BOLD), d->name,
                         lk_console_style(c->colour, LK_STYLE_PLAIN), d->path);
    size_t shown;
    if (d->count > 0)
        status = lk_grid_print(grid, c, width, &shown, err);
    if (status == LK_OK && d->alarms > 0) {
        lk_console_print(c, "\n");
        lk_alarms_print(c, d->alarm, d->alarms);
    }
    if (status == LK_OK && !c->quiet) {
        if (d->count == 0)
            lk_console_print(c, "No backups yet.\n");
        else
            print_hint(c, d);
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
    if (b->verified_known || b->legacy)
        lk_document_flag(&d, "verified", b->verified);
    else
        lk_document_null(&d, "verified");
    lk_document_time(&d, "checked", b->checked);
    lk_document_flag(&d, "damaged", b->damaged);
    lk_document_flag(&d, "pinned", b->pinned);
    lk_document_flag(&d, "alarm", b->alarm);
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
        struct lk_document alarms = lk_alarms_documents(info->alarm, info->alarms);
        lk_document_put(&d, "alarms", &alarms);
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
    if (status == LK_OK) {
        status = state_of(list);
        err->message[0] = '\0'; /* the table has said it */
    }
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
             "database file. Alarms that are open are shown below; backups that show the loss are marked "
             "ALARM, those that are kept whatever the retention policy says, pinned.",
    .run = run,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
