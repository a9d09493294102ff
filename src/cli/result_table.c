#include "cli/result_table.h"

#include <stdlib.h>
#include <string.h>

#include "cli/display.h"

#define GAP "  "
#define WIDTH_MOST 80  /* cells that a column gets; longer texts push the row aside */
#define WIDTH_LEAST 16 /* to which columns are cut on a terminal */

struct cell {
    char *text;
    bool is_null;
};

struct column {
    char *name;
    size_t width;
    bool right; /* numbers and NULL only */
};

struct lk_result_table {
    struct lk_console *console;
    size_t width, columns;
    struct column *column;
    struct cell *cell; /* of the rows collected, by rows */
    size_t rows;
    bool begun; /* widths are final, the names are printed */
};

static char *spelled(const struct litekeep_value *value)
{
    static const struct litekeep_value null = {.class = LITEKEEP_TEXT, .ptr = "NULL", .len = 4};
    struct litekeep_text text = {0};
    litekeep_spell(value->class == LITEKEEP_NULL ? &null : value, LITEKEEP_SPELL_SHOWN, &text);
    char *copy = text.failed ? NULL : strdup(text.ptr);
    litekeep_text_free(&text);
    return copy;
}

struct lk_result_table *lk_result_table_new(struct lk_console *c, size_t columns, const char *const *name,
                                            size_t width)
{
    struct lk_result_table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->console = c;
    t->width = width;
    t->columns = columns;
    t->column = calloc(columns, sizeof *t->column);
    t->cell = calloc(columns * LK_RESULT_TABLE_ROWS, sizeof *t->cell);
    bool ok = t->column != NULL && t->cell != NULL;
    for (size_t i = 0; ok && i < columns; i++) {
        t->column[i].name = lk_display_escape(name[i]);
        t->column[i].right = true;
        ok = t->column[i].name != NULL;
    }
    if (ok)
        return t;
    lk_result_table_free(t);
    return NULL;
}

static void forget_rows(struct lk_result_table *t)
{
    for (size_t i = 0; t->cell != NULL && i < t->rows * t->columns; i++) {
        free(t->cell[i].text);
        t->cell[i].text = NULL;
    }
    t->rows = 0;
}

void lk_result_table_free(struct lk_result_table *t)
{
    if (t == NULL)
        return;
    forget_rows(t);
    for (size_t i = 0; t->column != NULL && i < t->columns; i++)
        free(t->column[i].name);
    free(t->column);
    free(t->cell);
    free(t);
}

static void print_cell(const struct lk_result_table *t, size_t i, const char *text, enum lk_style style)
{
    const struct column *column = &t->column[i];
    struct lk_console *c = t->console;
    const char *mark = lk_console_ellipsis(c);
    size_t len = strlen(text), used = lk_display_width(text);
    bool cut = false;
    if (t->width > 0 && used > column->width)
        len = lk_display_fit(text, column->width, mark, &cut, &used);
    const int pad = column->width > used ? (int)(column->width - used) : 0;
    const bool last = i + 1 == t->columns;
    const char *on = style == LK_STYLE_PLAIN ? "" : lk_console_style(c->colour, style);
    const char *off = on[0] == '\0' ? "" : lk_console_style(c->colour, LK_STYLE_PLAIN);
    lk_console_print(c, "%s%*s%s%.*s%s%s%*s", i > 0 ? GAP : "", column->right ? pad : 0, "", on, (int)len,
                     text, cut ? mark : "", off, column->right || last ? 0 : pad, "");
}

/* Widths of what is collected; on a terminal that is too narrow the widest columns give way. */
static void set_widths(struct lk_result_table *t)
{
    size_t total = 0;
    for (size_t i = 0; i < t->columns; i++) {
        struct column *column = &t->column[i];
        column->width = lk_display_width(column->name);
        for (size_t row = 0; row < t->rows; row++) {
            const size_t width = lk_display_width(t->cell[row * t->columns + i].text);
            column->width = width > column->width ? width : column->width;
        }
        column->width = column->width > WIDTH_MOST ? WIDTH_MOST : column->width;
        total += column->width + (i > 0 ? strlen(GAP) : 0);
    }
    for (size_t most = WIDTH_MOST; t->width > 0 && total > t->width && most > WIDTH_LEAST; most--) {
        for (size_t i = 0; i < t->columns && total > t->width; i++) {
            if (t->column[i].width == most) {
                t->column[i].width--;
                total--;
            }
        }
    }
}

static void print_rows(struct lk_result_table *t)
{
    if (!t->begun) {
        set_widths(t);
        for (size_t i = 0; i < t->columns; i++)
            print_cell(t, i, t->column[i].name, LK_STYLE_BOLD);
        lk_console_print(t->console, "\n");
        t->begun = true;
    }
    for (size_t row = 0; row < t->rows; row++) {
        for (size_t i = 0; i < t->columns; i++) {
            const struct cell *cell = &t->cell[row * t->columns + i];
            print_cell(t, i, cell->text, cell->is_null ? LK_STYLE_DIM : LK_STYLE_PLAIN);
        }
        lk_console_print(t->console, "\n");
    }
    forget_rows(t);
}

bool lk_result_table_row(struct lk_result_table *t, const struct litekeep_value *value)
{
    struct cell *cell = &t->cell[t->rows * t->columns];
    bool ok = true;
    for (size_t i = 0; i < t->columns; i++) {
        cell[i].text = spelled(&value[i]);
        cell[i].is_null = value[i].class == LITEKEEP_NULL;
        if (!t->begun && value[i].class != LITEKEEP_INTEGER && value[i].class != LITEKEEP_REAL &&
            !cell[i].is_null)
            t->column[i].right = false;
        ok = ok && cell[i].text != NULL;
    }
    t->rows++;
    if (ok && (t->begun || t->rows == LK_RESULT_TABLE_ROWS))
        print_rows(t);
    return ok;
}

void lk_result_table_end(struct lk_result_table *t)
{
    if (!t->begun || t->rows > 0)
        print_rows(t);
}
