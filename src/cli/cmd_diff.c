#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"
#include "cli/grid.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_LIVE, OPTION_TABLE, OPTION_ROWS, OPTION_LIMIT, OPTIONS };

static const struct lk_option options[OPTIONS] = {
    [OPTION_LIVE] = {.name = "live",
                     .kind = LK_OPTION_TEXT,
                     .argument = "FILE",
                     .fallback = "none",
                     .help = "compare the backup with this database file as it is now"},
    [OPTION_TABLE] = {.name = "table",
                      .kind = LK_OPTION_LIST,
                      .argument = "T",
                      .fallback = "all",
                      .help = "only this table"},
    [OPTION_ROWS] = {.name = "rows", .kind = LK_OPTION_FLAG, .help = "list the rows that differ, too"},
    [OPTION_LIMIT] = {.name = "limit",
                      .kind = LK_OPTION_COUNT,
                      .argument = "N",
                      .fallback = "all",
                      .least = 1,
                      .help = "with --rows: list at most so many rows of each table"},
};

static const char *const change_names[] = {
    [LITEKEEP_ADDED] = "added", [LITEKEEP_REMOVED] = "removed", [LITEKEEP_CHANGED] = "changed"};
static const char change_marks[] = {
    [LITEKEEP_ADDED] = '+', [LITEKEEP_REMOVED] = '-', [LITEKEEP_CHANGED] = '~'};
static const enum lk_style change_styles[] = {[LITEKEEP_ADDED] = LK_STYLE_PLAIN,
                                              [LITEKEEP_REMOVED] = LK_STYLE_RED,
                                              [LITEKEEP_CHANGED] = LK_STYLE_YELLOW};

/* ---- Rows, while they come */

struct listing {
    struct lk_console *console;
    uint64_t limit; /* of each table; UINT64_MAX: none */
    char *table;    /* that the last row was of; NULL: none yet */
    char *json;     /* its name as a JSON string */
    uint64_t rows;  /* of it so far */
};

/* How many rows of the last table were not listed. */
static void end_table(const struct listing *l)
{
    char number[LK_DISPLAY_NUMBER_SIZE];
    if (l->table != NULL && l->rows > l->limit && !l->console->json)
        lk_console_print(l->console, "%s %s more\n", lk_console_ellipsis(l->console),
                         lk_display_number(l->rows - l->limit, number));
}

static enum lk_status begin_table(struct listing *l, const char *table, struct lk_error *err)
{
    end_table(l);
    free(l->table);
    free(l->json);
    json_t *name = json_string(table);
    l->table = strdup(table);
    l->json = name == NULL ? NULL : json_dumps(name, JSON_ENCODE_ANY);
    json_decref(name);
    l->rows = 0;
    if (l->table == NULL || l->json == NULL)
        return lk_console_fail_memory(err);
    if (!l->console->json)
        lk_console_print(l->console, "%s%s%s\n", lk_console_style(l->console->colour, LK_STYLE_BOLD), table,
                         lk_console_style(l->console->colour, LK_STYLE_PLAIN));
    return LK_OK;
}

static enum lk_status print_row(struct lk_console *c, enum litekeep_change change, const char *key,
                                const char *before, const char *after, struct lk_error *err)
{
    /* JSON escapes fewer characters than a terminal needs. */
    char *shown_key = lk_display_escape(key),
         *shown_before = before == NULL ? strdup("") : lk_display_escape(before),
         *shown_after = after == NULL ? strdup("") : lk_display_escape(after);
    const bool ok = shown_key != NULL && shown_before != NULL && shown_after != NULL;
    if (ok) {
        lk_console_print(c, "%s%c ", lk_console_style(c->colour, change_styles[change]),
                         change_marks[change]);
        if (change == LITEKEEP_CHANGED)
            lk_console_print(c, "%s %s %s %s", shown_key, shown_before, lk_console_arrow(c), shown_after);
        else
            lk_console_print(c, "%s%s", shown_before, shown_after);
        lk_console_print(c, "%s\n", lk_console_style(c->colour, LK_STYLE_PLAIN));
    }
    free(shown_key);
    free(shown_before);
    free(shown_after);
    return ok ? LK_OK : lk_console_fail_memory(err);
}

static enum lk_status list_row(void *context, const char *table, enum litekeep_change change, const char *key,
                               const char *before, const char *after, struct lk_error *err)
{
    struct listing *l = context;
    enum lk_status status = LK_OK;
    if (l->table == NULL || strcmp(l->table, table) != 0)
        status = begin_table(l, table, err);
    if (status != LK_OK || ++l->rows > l->limit)
        return status;
    if (!l->console->json)
        return print_row(l->console, change, key, before, after, err);
    /* The rows are JSON already. */
    lk_console_print(
        l->console,
        "{\"type\":\"row\",\"table\":%s,\"change\":\"%s\",\"key\":%s,\"before\":%s,\"after\":%s}\n", l->json,
        change_names[change], key, before == NULL ? "null" : before, after == NULL ? "null" : after);
    return LK_OK;
}

/* ---- The result, for people */

static bool table_differs(const struct litekeep_diff_table *t)
{
    return !t->before || !t->after || t->added + t->removed + t->changed > 0 || *t->columns_added != NULL ||
           *t->columns_removed != NULL;
}

static void print_sql(struct lk_console *c, char mark, const char *sql)
{
    if (sql != NULL)
        lk_console_print(c, "%s  %c %s%s\n",
                         lk_console_style(c->colour, mark == '-' ? LK_STYLE_RED : LK_STYLE_PLAIN), mark, sql,
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
}

static void print_objects(struct lk_console *c, const struct litekeep_diff *d)
{
    for (size_t i = 0; i < d->objects; i++) {
        const struct litekeep_diff_object *o = &d->object[i];
        lk_console_print(c, "%c %s %s\n", change_marks[o->change], o->type, o->name);
        print_sql(c, '-', o->before);
        print_sql(c, '+', o->after);
    }
    if (d->objects > 0)
        lk_console_print(c, "\n");
}

static void add_columns(struct lk_grid *grid, char mark, const char *const *names)
{
    for (; *names != NULL; names++) {
        char *text = malloc(strlen(*names) + 16);
        if (text != NULL)
            sprintf(text, "%c column %s", mark, *names);
        lk_grid_note(grid, text == NULL ? *names : text, mark == '-' ? LK_STYLE_RED : LK_STYLE_PLAIN);
        free(text);
    }
}

static void add_count(struct lk_grid *grid, uint64_t count, enum litekeep_change change)
{
    if (count == 0)
        lk_grid_cell(grid, "-", LK_STYLE_PLAIN);
    else {
        char number[LK_DISPLAY_NUMBER_SIZE];
        lk_grid_cell(grid, lk_display_number(count, number), change_styles[change]);
    }
}

static void add_table(struct lk_grid *grid, const struct litekeep_diff_table *t)
{
    lk_grid_cell(grid, t->name, LK_STYLE_PLAIN);
    if (t->before)
        lk_grid_number(grid, t->rows_before);
    else
        lk_grid_cell(grid, "none", LK_STYLE_PLAIN);
    if (t->after)
        lk_grid_number(grid, t->rows_after);
    else
        lk_grid_cell(grid, "none", LK_STYLE_RED);
    add_count(grid, t->added, LITEKEEP_ADDED);
    add_count(grid, t->removed, LITEKEEP_REMOVED);
    add_count(grid, t->changed, LITEKEEP_CHANGED);
    lk_grid_cell(grid, t->key, LK_STYLE_PLAIN);
    if (t->before && t->after) {
        add_columns(grid, '-', t->columns_removed);
        add_columns(grid, '+', t->columns_added);
    }
}

static enum lk_status print_tables(struct lk_console *c, const struct litekeep_diff *d, struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {
        {"TABLE", false},  {"ROWS BEFORE", true}, {"AFTER", true},      {"ADDED", true},
        {"REMOVED", true}, {"CHANGED", true},     {"MATCHED BY", false}};
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    size_t equal = 0, shown;
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < d->tables; i++) {
        const bool differs = table_differs(&d->table[i]);
        equal += differs ? 0 : 1;
        if (differs || c->verbose)
            add_table(grid, &d->table[i]);
    }
    if (equal < d->tables || (c->verbose && d->tables > 0))
        status = lk_grid_print(grid, c, 0, &shown, err);
    if (status == LK_OK && equal > 0 && !c->quiet && !d->same)
        lk_console_print(c, "%s%zu table%s without a difference.\n", equal < d->tables ? "\n" : "", equal,
                         lk_display_plural(equal));
    lk_grid_free(grid);
    return status;
}

static enum lk_status print_diff(struct lk_console *c, const struct litekeep_diff *d, bool listed,
                                 struct lk_error *err)
{
    if (listed)
        lk_console_print(c, "\n");
    if (!c->quiet)
        lk_console_print(c, "%s%s %s %s%s\n\n", lk_console_style(c->colour, LK_STYLE_BOLD), d->before,
                         lk_console_arrow(c), d->after, lk_console_style(c->colour, LK_STYLE_PLAIN));
    print_objects(c, d);
    const enum lk_status status = print_tables(c, d, err);
    if (status != LK_OK)
        return status;
    for (const char *const *note = d->notes; *note != NULL; note++)
        lk_console_print(c, "%s%s\n",
                         note == d->notes && d->tables > 0 && (!d->same || c->verbose) ? "\n" : "", *note);
    if (d->same)
        lk_console_print(c, "No difference.\n");
    return LK_OK;
}

/* ---- The result as JSON */

static struct lk_document object_document(const struct litekeep_diff_object *o)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "change", change_names[o->change]);
    lk_document_text(&d, "type", o->type);
    lk_document_text(&d, "name", o->name);
    lk_document_text(&d, "before", o->before);
    lk_document_text(&d, "after", o->after);
    return d;
}

static struct lk_document table_document(const struct litekeep_diff_table *t)
{
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "name", t->name);
    lk_document_text(&d, "change",
                     !t->before         ? change_names[LITEKEEP_ADDED]
                     : !t->after        ? change_names[LITEKEEP_REMOVED]
                     : table_differs(t) ? change_names[LITEKEEP_CHANGED]
                                        : NULL);
    if (t->before)
        lk_document_number(&d, "rows_before", t->rows_before);
    else
        lk_document_null(&d, "rows_before");
    if (t->after)
        lk_document_number(&d, "rows_after", t->rows_after);
    else
        lk_document_null(&d, "rows_after");
    lk_document_number(&d, "added", t->added);
    lk_document_number(&d, "removed", t->removed);
    lk_document_number(&d, "changed", t->changed);
    lk_document_text(&d, "key", t->key);
    lk_document_flag(&d, "same_content_hash", t->same);
    lk_document_texts(&d, "columns_added", t->columns_added);
    lk_document_texts(&d, "columns_removed", t->columns_removed);
    return d;
}

static enum lk_status print_json(struct lk_console *c, const struct litekeep_diff *diff, bool lines,
                                 struct lk_error *err)
{
    struct lk_document objects = lk_document_array(), tables = lk_document_array();
    for (size_t i = 0; i < diff->objects; i++) {
        struct lk_document o = object_document(&diff->object[i]);
        lk_document_append(&objects, &o);
    }
    for (size_t i = 0; i < diff->tables; i++) {
        struct lk_document t = table_document(&diff->table[i]);
        lk_document_append(&tables, &t);
    }
    struct lk_document d = lk_document_object();
    if (lines)
        lk_document_text(&d, "type", "diff");
    lk_document_text(&d, "before", diff->before);
    lk_document_text(&d, "after", diff->after);
    lk_document_flag(&d, "same", diff->same);
    lk_document_put(&d, "schema", &objects);
    lk_document_put(&d, "tables", &tables);
    lk_document_texts(&d, "notes", diff->notes);
    return lk_document_print(&d, c, err);
}

/* ---- Which two */

struct sides {
    char *before, *after; /* owned; after is NULL with --live */
};

static char *join(const char *name, size_t len, const char *when)
{
    char *out = malloc(len + strlen(when) + 1);
    if (out != NULL) {
        memcpy(out, name, len);
        strcpy(out + len, when);
    }
    return out;
}

/* One word: a database's last two backups; a backup against the last one. A path may hold an '@' of its own,
 * so the whole word is tried first. */
static enum lk_status choose_by_one(struct litekeep *lk, const char *word, struct sides *out,
                                    struct lk_error *err)
{
    struct litekeep_list *list = NULL;
    struct lk_error whole = {0};
    const char *at = strrchr(word, '@');
    const enum lk_status status = litekeep_list(lk, word, &list, &whole);
    const size_t backups = status == LK_OK && list->count == 1 ? list->database[0].count : 0;
    litekeep_list_free(list);
    if (status == LK_OK && backups < 2)
        return lk_console_fail(err, LK_NOT_FOUND,
                               "'%s' has no two backups to compare; --live FILE compares the last one with "
                               "the database file",
                               word);
    if (status == LK_OK) {
        out->before = join(word, strlen(word), "@latest~1");
        out->after = join(word, strlen(word), "@latest");
    } else if (status == LK_NOT_FOUND && at != NULL) {
        out->before = strdup(word);
        out->after = join(word, (size_t)(at - word), "@latest");
    } else {
        *err = whole;
        return status;
    }
    return out->before == NULL || out->after == NULL ? lk_console_fail_memory(err) : LK_OK;
}

static enum lk_status choose(const struct lk_invocation *in, struct litekeep *lk, struct sides *out,
                             struct lk_error *err)
{
    const char *const *word = in->args->operand;
    const bool live = in->args->option[OPTION_LIVE].given;
    if (live && in->args->operands == 2)
        return lk_console_fail(
            err, LK_USAGE, "--live FILE takes the place of the second backup: litekeep diff DB --live FILE");
    if (!live && in->args->operands == 1)
        return choose_by_one(lk, word[0], out, err);
    out->before = strdup(word[0]);
    out->after = live ? NULL : strdup(word[1]);
    return out->before == NULL || (!live && out->after == NULL) ? lk_console_fail_memory(err) : LK_OK;
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const struct lk_option_value *option = in->args->option;
    const bool rows = option[OPTION_ROWS].given;
    struct listing listing = {
        .console = in->console,
        .limit = option[OPTION_LIMIT].given ? (uint64_t)option[OPTION_LIMIT].number : UINT64_MAX,
    };
    struct litekeep *lk = NULL;
    struct litekeep_diff *diff = NULL;
    struct sides sides = {0};
    if (option[OPTION_LIMIT].given && !rows)
        return lk_console_fail(err, LK_USAGE, "--limit goes with --rows");
    enum lk_status status = lk_commands_open(in, false, NULL, NULL, &lk, err);
    if (status == LK_OK)
        status = choose(in, lk, &sides, err);
    if (status != LK_OK)
        goto out;
    const struct litekeep_diff_options what = {
        .before = sides.before,
        .after = sides.after,
        .live = option[OPTION_LIVE].text,
        .tables = option[OPTION_TABLE].list,
        .on_row = rows ? list_row : NULL,
        .context = &listing,
    };
    status = litekeep_diff(lk, &what, &diff, err);
    if (status != LK_OK)
        goto out;
    end_table(&listing);
    status = in->console->json ? print_json(in->console, diff, rows, err)
                               : print_diff(in->console, diff, listing.table != NULL, err);
out:
    free(listing.table);
    free(listing.json);
    free(sides.before);
    free(sides.after);
    litekeep_diff_free(diff);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep diff posts", "what the last backup changed"},
    {"litekeep diff posts@7d", "what changed in the last seven days"},
    {"litekeep diff posts@2024-05-29 posts@2024-05-30 --table users --rows", "two days, row by row"},
    {"litekeep diff posts --live /data/posts.db", "what the next backup would change"},
};

static const int exit_codes[] = {0, 1, 2, 3, 5, 10, 130, -1};

const struct lk_command lk_cmd_diff = {
    .name = "diff",
    .group = "Look",
    .help = "what differs between two backups, or a backup and the database file",
    .operands = "DB[@WHEN] [DB[@WHEN]]",
    .least = 1,
    .most = 2,
    .about =
        "Compare the schema and the rows of two backups, or of a backup and a database file (--live). With "
        "DB "
        "alone its last two backups, with DB@WHEN alone that backup and the latest. The exit code is 0 "
        "whether there is a difference or not.\n"
        "Rows are matched by their PRIMARY KEY, in tables without one by their rowid (which VACUUM may "
        "change), "
        "and compared over the columns that both sides have: a column that was added makes no row a changed "
        "one. Values are the same when storage class and bytes are. What has the same content hash on both "
        "sides is not read.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
