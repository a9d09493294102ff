#include "cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/display.h"
#include "cli/grid.h"

#define NAME_CELLS 12 /* the column of names in a summary */

static const char *bold(const struct lk_console *c)
{
    return lk_console_style(c->colour, LK_STYLE_BOLD);
}

static const char *plain(const struct lk_console *c)
{
    return lk_console_style(c->colour, LK_STYLE_PLAIN);
}

static void print_name(struct lk_console *c, const char *name)
{
    lk_console_print(c, "  %-*s", NAME_CELLS, name);
}

static void print_count(struct lk_console *c, uint64_t n, const char *what, const char *several)
{
    char number[LK_DISPLAY_NUMBER_SIZE];
    if (n > 0)
        lk_console_print(c, ", %s %s", lk_display_number(n, number), n == 1 ? what : several);
}

static void print_times(struct lk_console *c, const struct litekeep_shown *s)
{
    char finished[LITEKEEP_WORD_SIZE], age[LITEKEEP_WORD_SIZE], duration[LITEKEEP_WORD_SIZE];
    litekeep_format_time_local(s->backup.finished, finished);
    lk_display_age(s->backup.finished, age);
    litekeep_format_duration(s->backup.finished - s->backup.started, duration);
    print_name(c, "finished");
    if (s->backup.legacy)
        lk_console_print(c, "%s, %s ago\n", finished, age);
    else
        lk_console_print(c, "%s, %s ago, after %s%s%s\n", finished, age, duration,
                         s->snapshot != NULL ? "; state pinned by " : "",
                         s->snapshot != NULL ? s->snapshot : "");
}

static void print_tags(struct lk_console *c, const char *const *tags)
{
    if (tags == NULL || tags[0] == NULL)
        return;
    print_name(c, "tags");
    for (size_t i = 0; tags[i] != NULL; i++)
        lk_console_print(c, "%s%s", i > 0 ? ", " : "", tags[i]);
    lk_console_print(c, "\n");
}

static void print_checked(struct lk_console *c, const struct litekeep_backup_info *b)
{
    char age[LITEKEEP_WORD_SIZE];
    print_name(c, "checked");
    if (b->damaged)
        lk_console_print(c, "%sDAMAGED%s, as the last check found: litekeep %sverify says where\n",
                         lk_console_style(c->colour, LK_STYLE_RED), plain(c), lk_console_store_option(c));
    else if (b->checked != 0)
        lk_console_print(c, "%s %s ago\n", b->legacy ? "all files read" : "all of it read and compared",
                         lk_display_age(b->checked, age));
    else
        lk_console_print(c, "%s\n",
                         b->legacy     ? "never: written by the script before litekeep"
                         : b->verified ? "read back and compared when it was taken"
                                       : "not when it was taken (--no-verify)");
}

static void print_summary(struct lk_console *c, const struct litekeep_shown *s, const char *folder)
{
    char rows[LK_DISPLAY_NUMBER_SIZE], tables[LK_DISPLAY_NUMBER_SIZE], page[LK_DISPLAY_NUMBER_SIZE];
    char source[LITEKEEP_WORD_SIZE], stored[LITEKEEP_WORD_SIZE];
    lk_console_print(c, "%s%s@%s%s\n", bold(c), s->database, s->id, plain(c));
    if (s->source_path != NULL && s->source_path[0] != '\0') {
        print_name(c, "source");
        lk_console_print(c, "%s", s->source_path);
        if (s->journal_mode != NULL && s->page_size != 0)
            lk_console_print(c, "  (%s mode, %s, pages of %s bytes)", s->journal_mode,
                             s->encoding != NULL ? s->encoding : "", lk_display_number(s->page_size, page));
        lk_console_print(c, "\n");
    }
    print_times(c, s);
    if (!s->backup.legacy) {
        print_name(c, "holds");
        lk_console_print(c, "%s row%s in %s table%s", lk_display_number(s->backup.rows, rows),
                         lk_display_plural(s->backup.rows), lk_display_number(s->backup.tables, tables),
                         lk_display_plural(s->backup.tables));
        print_count(c, s->indexes, "index", "indexes");
        print_count(c, s->views, "view", "views");
        print_count(c, s->triggers, "trigger", "triggers");
        print_count(c, s->virtual_tables, "virtual table", "virtual tables");
        lk_console_print(c, "\n");
    }
    litekeep_format_size(s->backup.source_bytes, source);
    litekeep_format_size(s->backup.stored_bytes, stored);
    print_name(c, "size");
    if (s->backup.legacy)
        lk_console_print(c, "%s stored\n", stored);
    else
        lk_console_print(c, "%s stored, %s in the source\n", stored, source);
    print_checked(c, &s->backup);
    print_tags(c, s->backup.tags);
    if (s->tool != NULL && s->tool[0] != '\0') {
        print_name(c, "made by");
        lk_console_print(c, "%s%s%s\n", s->tool, s->sqlite_version != NULL ? ", SQLite " : "",
                         s->sqlite_version != NULL ? s->sqlite_version : "");
    }
    print_name(c, "folder");
    lk_console_print(c, "%s\n", folder);
    for (size_t i = 0; s->warnings != NULL && s->warnings[i] != NULL; i++) {
        print_name(c, i == 0 ? "warnings" : "");
        lk_console_print(c, "%s%s%s\n", lk_console_style(c->colour, LK_STYLE_YELLOW), s->warnings[i],
                         plain(c));
    }
    for (size_t i = 0; s->rebuild_problems != NULL && s->rebuild_problems[i] != NULL; i++) {
        print_name(c, i == 0 ? "rebuilding" : "");
        lk_console_print(c, "%s%s%s\n", lk_console_style(c->colour, LK_STYLE_YELLOW), s->rebuild_problems[i],
                         plain(c));
    }
}

static void add_bytes(struct lk_grid *grid, uint64_t bytes, const char *path)
{
    if (path != NULL)
        lk_grid_size(grid, bytes);
    else
        lk_grid_cell(grid, "-", LK_STYLE_PLAIN);
}

static enum lk_status print_tables(struct lk_console *c, const struct litekeep_shown *s, struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {{"TABLE", false},  {"ROWS", true}, {"COLUMNS", true},
                                                    {"PARQUET", true}, {"JSON", true}, {"PARTS", true},
                                                    {"KIND", false}};
    /* The last column only where it says something. */
    bool kinds = false;
    for (size_t i = 0; i < s->tables; i++)
        kinds = kinds || strcmp(s->table[i].kind, "table") != 0;
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0] - (kinds ? 0 : 1));
    for (size_t i = 0; i < s->tables; i++) {
        const struct litekeep_table_info *t = &s->table[i];
        lk_grid_cell(grid, t->name, LK_STYLE_PLAIN);
        if (t->counted) {
            lk_grid_number(grid, t->rows);
            lk_grid_number(grid, t->columns);
        } else {
            lk_grid_cell(grid, "?", LK_STYLE_PLAIN);
            lk_grid_cell(grid, "?", LK_STYLE_PLAIN);
        }
        add_bytes(grid, t->parquet_bytes, t->parquet_path);
        add_bytes(grid, t->json_bytes, t->json_path);
        lk_grid_number(grid, t->parts);
        if (kinds)
            lk_grid_cell(grid, t->kind, LK_STYLE_PLAIN);
    }
    size_t shown;
    enum lk_status status = LK_OK;
    if (s->tables > 0)
        status = lk_grid_print(grid, c, 0, &shown, err);
    lk_grid_free(grid);
    return status;
}

static const struct litekeep_table_info *largest(const struct litekeep_shown *s)
{
    const struct litekeep_table_info *best = NULL;
    for (size_t i = 0; i < s->tables; i++) {
        const struct litekeep_table_info *t = &s->table[i];
        if (strcmp(t->kind, "table") == 0 && (t->parquet_path != NULL || t->json_path != NULL) &&
            (best == NULL || t->rows > best->rows))
            best = t;
    }
    return best;
}

/* `text` as the inside of a Python string or (double quotes the quote) of an SQL string, in single quotes.
 * NULL when memory is out. */
static char *quote_in(const char *text, bool sql)
{
    char *out = malloc(strlen(text) * 2 + 3);
    if (out == NULL)
        return NULL;
    char *to = out;
    *to++ = '\'';
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            *to++ = sql ? '\'' : '\\';
        else if (*text == '\\' && !sql)
            *to++ = '\\';
        *to++ = *text;
    }
    memcpy(to, "'", 2);
    return out;
}

/* How to read a table without litekeep: one line for pandas, one for DuckDB. */
static enum lk_status print_reading(struct lk_console *c, const struct litekeep_shown *s,
                                    const struct litekeep_table_info *t, struct lk_error *err)
{
    const bool parquet = t->parquet_path != NULL;
    const char *below = parquet ? t->parquet_path : t->json_path;
    char *path = NULL, *pattern = NULL, *python = NULL, *sql = NULL;
    enum lk_status status = LK_OK;
    struct stat st;
    if (asprintf(&path, "%s/%s", s->folder, below) < 0)
        path = NULL;
    const bool is_folder = path != NULL && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (path == NULL || asprintf(&pattern, "%s%s", path, is_folder ? "/*" : "") < 0)
        pattern = NULL;
    python = pattern != NULL ? quote_in(parquet ? path : pattern, false) : NULL;
    sql = pattern != NULL ? quote_in(parquet && is_folder ? path : pattern, true) : NULL;
    if (python == NULL || sql == NULL) {
        status = lk_console_fail_memory(err);
        goto out;
    }
    lk_console_print(c, "\nTo read %s:\n", t->name);
    print_name(c, "pandas");
    if (parquet)
        lk_console_print(c, "pandas.read_parquet(%s)\n", python);
    else if (is_folder)
        lk_console_print(c, "pandas.concat(pandas.read_json(f, lines=True) for f in sorted(glob.glob(%s)))\n",
                         python);
    else
        lk_console_print(c, "pandas.read_json(%s, lines=True)\n", python);
    print_name(c, "DuckDB");
    const int len = (int)strlen(sql) - 2;
    if (parquet)
        lk_console_print(c, "SELECT * FROM '%.*s%s'\n", len, sql + 1, is_folder ? "/*.parquet" : "");
    else
        lk_console_print(c, "SELECT * FROM read_json_auto(%s)\n", sql);
out:
    free(path);
    free(pattern);
    free(python);
    free(sql);
    return status;
}

enum lk_status lk_show_backup(struct lk_console *c, const struct litekeep_shown *s, struct lk_error *err)
{
    char *folder = lk_display_escape(s->folder);
    if (folder == NULL)
        return lk_console_fail_memory(err);
    if (!c->quiet) {
        print_summary(c, s, folder);
        lk_console_print(c, "\n");
    }
    free(folder);
    enum lk_status status = print_tables(c, s, err);
    const struct litekeep_table_info *example = largest(s);
    if (status == LK_OK && !c->quiet && example != NULL)
        status = print_reading(c, s, example, err);
    return status;
}

/* "8,900 text, 12 integer": the storage classes of a column's values, NULL aside. */
static void classes(const struct litekeep_column_info *column, char *out, size_t size)
{
    static const char *const names[] = {"null", "integer", "real", "text", "blob", "rawtext"};
    size_t at = 0, kinds = 0;
    out[0] = '\0';
    for (size_t k = 1; k < 6; k++)
        kinds += column->counts[k] > 0;
    for (size_t k = 1; k < 6 && at < size; k++) {
        char number[LK_DISPLAY_NUMBER_SIZE];
        if (column->counts[k] == 0)
            continue;
        if (kinds == 1)
            at += (size_t)snprintf(out + at, size - at, "%s", names[k]);
        else
            at += (size_t)snprintf(out + at, size - at, "%s%s %s", at > 0 ? ", " : "",
                                   lk_display_number(column->counts[k], number), names[k]);
    }
}

static void file_columns(const struct litekeep_column_info *column, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; column->file_columns != NULL && column->file_columns[i] != NULL && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i > 0 ? ", " : "", column->file_columns[i]);
}

static enum lk_status print_columns(struct lk_console *c, const struct litekeep_table_info *t,
                                    struct lk_error *err)
{
    static const struct lk_grid_column columns[] = {{"COLUMN", false}, {"DECLARED", false},
                                                    {"KEY", true},     {"NULL", true},
                                                    {"VALUES", false}, {"IN THE FILES", false}};
    struct lk_grid *grid = lk_grid_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < t->columns; i++) {
        const struct litekeep_column_info *column = &t->column[i];
        char text[512], number[LK_DISPLAY_NUMBER_SIZE];
        lk_grid_cell(grid, column->name, LK_STYLE_PLAIN);
        lk_grid_cell(grid, column->declared_type != NULL ? column->declared_type : "", LK_STYLE_PLAIN);
        lk_grid_cell(grid, column->key > 0 ? lk_display_number((uint64_t)column->key, number) : "",
                     LK_STYLE_PLAIN);
        lk_grid_cell(grid, column->counts[0] > 0 ? lk_display_number(column->counts[0], number) : "",
                     LK_STYLE_PLAIN);
        classes(column, text, sizeof text);
        lk_grid_cell(grid, text, LK_STYLE_PLAIN);
        file_columns(column, text, sizeof text);
        lk_grid_cell(grid, text, LK_STYLE_PLAIN);
    }
    size_t shown;
    enum lk_status status = LK_OK;
    if (t->columns > 0)
        status = lk_grid_print(grid, c, 0, &shown, err);
    lk_console_print(c, "\n");
    lk_grid_free(grid);
    return status;
}

/* Numbers stand to the right: a column does when all its values but NULLs are numbers, and there is one. */
static bool is_numeric(const struct litekeep_rows *head, size_t column)
{
    bool any = false;
    for (size_t row = 0; row < head->rows; row++) {
        const char *class = head->cell[row * head->columns + column].class;
        const bool number = strcmp(class, "integer") == 0 || strcmp(class, "real") == 0;
        if (!number && strcmp(class, "null") != 0)
            return false;
        any = any || number;
    }
    return any;
}

static enum lk_status print_rows(struct lk_console *c, const struct litekeep_table_info *t,
                                 const struct litekeep_rows *head, struct lk_error *err)
{
    struct lk_grid_column *columns = calloc(head->columns + 1, sizeof *columns);
    struct lk_grid *grid = columns != NULL ? lk_grid_new(columns, head->columns) : NULL;
    for (size_t i = 0; columns != NULL && i < head->columns; i++)
        columns[i] = (struct lk_grid_column){head->name[i], is_numeric(head, i)};
    for (size_t i = 0; i < head->rows * head->columns; i++) {
        const bool null = strcmp(head->cell[i].class, "null") == 0;
        lk_grid_cell(grid, null ? "NULL" : head->cell[i].text, null ? LK_STYLE_DIM : LK_STYLE_PLAIN);
    }
    size_t shown = head->columns;
    enum lk_status status = LK_OK;
    const bool printed = head->rows > 0 && head->columns > 0;
    if (printed)
        status = lk_grid_print(grid, c, lk_console_width(STDOUT_FILENO), &shown, err);
    if (status == LK_OK && !c->quiet) {
        const bool counted = t != NULL && t->counted;
        char rows[LK_DISPLAY_NUMBER_SIZE], all[LK_DISPLAY_NUMBER_SIZE];
        lk_console_print(c, "%s%s of %s row%s", printed ? "\n" : "", lk_display_number(head->rows, rows),
                         counted ? lk_display_number(t->rows, all) : "the",
                         counted ? lk_display_plural(t->rows) : "s");
        if (shown < head->columns)
            lk_console_print(c, ", %zu of %zu columns: the others did not fit (--json has all)", shown,
                             head->columns);
        lk_console_print(c, "\n");
    }
    lk_grid_free(grid);
    free(columns);
    return status;
}

enum lk_status lk_show_table(struct lk_console *c, const struct litekeep_shown *s,
                             const struct litekeep_table_info *t, const struct litekeep_rows *head,
                             struct lk_error *err)
{
    enum lk_status status = LK_OK;
    if (!c->quiet)
        lk_console_print(c, "%s%s@%s%s%s%s\n\n", bold(c), s->database, s->id, plain(c), t != NULL ? "  " : "",
                         t != NULL ? t->name : "");
    if (!c->quiet && t != NULL && t->columns > 0)
        status = print_columns(c, t, err);
    return status == LK_OK ? print_rows(c, t, head, err) : status;
}
