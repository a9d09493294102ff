#include "cli/grid.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/display.h"

#define GAP 2         /* cells between columns */
#define PATH_LEAST 24 /* cells that a path keeps while there are columns to leave out */

struct cell {
    char *text;
    enum lk_style style;
};

struct note {
    size_t row; /* rows that come before it */
    struct cell cell;
};

struct lk_grid {
    const struct lk_grid_column *column;
    size_t columns;
    struct cell *cell; /* by rows */
    size_t cells, cells_room;
    struct note *note;
    size_t notes, notes_room;
    const size_t *order; /* in which columns are left out */
    size_t ordered;
    size_t paths; /* the column that is cut on the left, from 1; 0: none */
    bool failed;
};

struct lk_grid *lk_grid_new(const struct lk_grid_column *columns, size_t count)
{
    struct lk_grid *g = calloc(1, sizeof *g);
    if (g != NULL) {
        g->column = columns;
        g->columns = count;
    }
    return g;
}

void lk_grid_free(struct lk_grid *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->cells; i++)
        free(g->cell[i].text);
    for (size_t i = 0; i < g->notes; i++)
        free(g->note[i].cell.text);
    free(g->cell);
    free(g->note);
    free(g);
}

/* Room for one more member; false, and the array as it was, when memory is out. */
static bool grow(void **array, size_t used, size_t *room, size_t size)
{
    if (used < *room)
        return true;
    const size_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

void lk_grid_cell(struct lk_grid *g, const char *text, enum lk_style style)
{
    if (g == NULL || g->failed)
        return;
    void *array = g->cell;
    char *copy = strdup(text);
    if (copy == NULL || !grow(&array, g->cells, &g->cells_room, sizeof *g->cell)) {
        free(copy);
        g->failed = true;
        return;
    }
    g->cell = array;
    struct cell *cell = &g->cell[g->cells++];
    cell->text = copy;
    cell->style = style;
}

void lk_grid_number(struct lk_grid *g, uint64_t number)
{
    char text[LK_DISPLAY_NUMBER_SIZE];
    lk_grid_cell(g, lk_display_number(number, text), LK_STYLE_PLAIN);
}

void lk_grid_size(struct lk_grid *g, uint64_t bytes)
{
    char text[LITEKEEP_WORD_SIZE];
    litekeep_format_size(bytes, text);
    lk_grid_cell(g, text, LK_STYLE_PLAIN);
}

void lk_grid_note(struct lk_grid *g, const char *text, enum lk_style style)
{
    if (g == NULL || g->failed)
        return;
    void *array = g->note;
    char *copy = strdup(text);
    if (copy == NULL || !grow(&array, g->notes, &g->notes_room, sizeof *g->note)) {
        free(copy);
        g->failed = true;
        return;
    }
    g->note = array;
    struct note *note = &g->note[g->notes++];
    note->row = g->cells / g->columns;
    note->cell.text = copy;
    note->cell.style = style;
}

void lk_grid_paths(struct lk_grid *g, size_t column)
{
    if (g != NULL)
        g->paths = column + 1;
}

void lk_grid_leave_out(struct lk_grid *g, const size_t *order, size_t count)
{
    if (g == NULL)
        return;
    g->order = order;
    g->ordered = count;
}

static size_t widest(const struct lk_grid *g, size_t column)
{
    size_t width = lk_display_width(g->column[column].title);
    for (size_t i = column; i < g->cells; i += g->columns) {
        const size_t cell = lk_display_width(g->cell[i].text);
        if (cell > width)
            width = cell;
    }
    return width;
}

/* A column of width 0 is left out. */
static size_t total(const size_t *width, size_t columns)
{
    size_t sum = 0;
    for (size_t i = 0; i < columns; i++)
        sum += width[i] > 0 ? width[i] + (sum > 0 ? GAP : 0) : 0;
    return sum;
}

/* The columns that are printed: the first `left` and the last `right`. */
struct choice {
    size_t left, right;
};

static void cap(size_t *width, size_t columns, size_t most, size_t limit)
{
    const bool fits = total(width, columns) <= limit;
    for (size_t i = 0; i < columns && !fits; i++)
        if (width[i] > most)
            width[i] = most;
}

/* Leave columns out, in the grid's own order, until all others have room, paths cut to what remains. */
static void leave_out(const struct lk_grid *g, size_t *width, size_t limit)
{
    size_t none = 0;
    size_t *path = g->paths > 0 ? &width[g->paths - 1] : &none;
    const size_t natural = *path;
    if (total(width, g->columns) <= limit)
        return;
    if (*path > PATH_LEAST)
        *path = PATH_LEAST;
    for (size_t i = 0; i < g->ordered && total(width, g->columns) > limit; i++)
        width[g->order[i]] = 0;
    const size_t used = total(width, g->columns);
    if (used < limit && *path < natural)
        *path = limit - used < natural - *path ? *path + (limit - used) : natural;
}

/* Cut and leave out until the columns fit. `width` holds each column's natural width and is changed. */
static struct choice fit(const struct lk_grid *g, size_t *width, size_t limit, size_t mark)
{
    const size_t n = g->columns;
    leave_out(g, width, limit);
    cap(width, n, 32, limit);
    cap(width, n, 20, limit);        /* an id and a time stay whole */
    for (size_t i = n; i > 1; i--) { /* what stands last matters least */
        const size_t over = total(width, n) > limit ? total(width, n) - limit : 0;
        const size_t spare = width[i - 1] > 12 ? width[i - 1] - 12 : 0;
        width[i - 1] -= over < spare ? over : spare;
    }
    cap(width, n, 16, limit);
    if (total(width, n) <= limit)
        return (struct choice){n, 0};

    /* Like a data frame: from both ends inwards, the mark between. The first column is always shown. */
    struct choice c = {1, 0};
    size_t used = width[0] + GAP + mark;
    for (;;) {
        const size_t next_right = n - 1 - c.right;
        if (c.right < c.left && next_right > c.left && used + GAP + width[next_right] <= limit) {
            used += GAP + width[next_right];
            c.right++;
        } else if (c.left + c.right + 1 < n && used + GAP + width[c.left] <= limit) {
            used += GAP + width[c.left];
            c.left++;
        } else {
            return c;
        }
    }
}

/* The bytes of a text that are left out before its end, so that the rest fits into `width`. */
static size_t skip_to_fit(const char *text, size_t width)
{
    size_t at = 0;
    while (text[at] != '\0' && lk_display_width(text + at) > width)
        do
            at++;
        while (((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* Cut on the left, which lk_display_fit does not do. */
static void print_path(struct lk_console *c, const struct cell *cell, size_t width, size_t *blanks)
{
    const char *mark = lk_console_ellipsis(c);
    const bool cut = lk_display_width(cell->text) > width;
    const bool marked = cut && lk_display_width(mark) <= width;
    const char *rest = cell->text + skip_to_fit(cell->text, width - (marked ? lk_display_width(mark) : 0));
    const size_t used = lk_display_width(rest) + (marked ? lk_display_width(mark) : 0);
    const char *style = lk_console_style(c->colour, cell->style),
               *plain = lk_console_style(c->colour, LK_STYLE_PLAIN);
    const bool styled = cell->style != LK_STYLE_PLAIN;
    if (used > 0) {
        lk_console_print(c, "%*s%s%s%s%s", (int)*blanks, "", styled ? style : "", marked ? mark : "", rest,
                         styled ? plain : "");
        *blanks = 0;
    }
    *blanks += used < width ? width - used : 0;
}

/* One cell in its width. Blanks are owed in *blanks until something follows them, so that no line ends in
 * blanks. */
static void print_cell(struct lk_console *c, const struct cell *cell, size_t width, bool right,
                       size_t *blanks)
{
    bool cut;
    size_t used;
    const char *mark = lk_console_ellipsis(c);
    const size_t keep = lk_display_fit(cell->text, width, mark, &cut, &used);
    const bool marked = cut && lk_display_width(mark) <= width;
    const size_t rest = used < width ? width - used : 0;
    if (right)
        *blanks += rest;
    if (used > 0) {
        const bool styled = cell->style != LK_STYLE_PLAIN;
        lk_console_print(c, "%*s%s%.*s%s%s", (int)*blanks, "",
                         styled ? lk_console_style(c->colour, cell->style) : "", (int)keep, cell->text,
                         marked ? mark : "", styled ? lk_console_style(c->colour, LK_STYLE_PLAIN) : "");
        *blanks = 0;
    }
    if (!right)
        *blanks += rest;
}

static void print_line(const struct lk_grid *g, struct lk_console *c, const struct cell *cells,
                       const size_t *width, struct choice choice)
{
    const size_t n = g->columns;
    size_t blanks = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= choice.left && i < n - choice.right) {
            if (i == choice.left)
                lk_console_print(c, "%*s%s", (int)blanks + GAP, "", lk_console_ellipsis(c));
            blanks = 0;
            continue;
        }
        if (width[i] == 0)
            continue;
        if (i > 0)
            blanks += GAP;
        if (i + 1 == g->paths)
            print_path(c, &cells[i], width[i], &blanks);
        else
            print_cell(c, &cells[i], width[i], g->column[i].right, &blanks);
    }
    lk_console_print(c, "\n");
}

static void print_notes(const struct lk_grid *g, struct lk_console *c, size_t row, size_t *next)
{
    for (; *next < g->notes && g->note[*next].row == row; ++*next) {
        const struct cell *note = &g->note[*next].cell;
        lk_console_print(c, "    %s%s%s\n", lk_console_style(c->colour, note->style), note->text,
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
    }
}

enum lk_status lk_grid_print(const struct lk_grid *g, struct lk_console *c, size_t width, size_t *shown,
                             struct lk_error *err)
{
    if (g == NULL || g->failed)
        return lk_console_fail_memory(err);
    assert(g->columns > 0 && g->cells % g->columns == 0);
    size_t *widths = calloc(g->columns, sizeof *widths);
    struct cell *titles = calloc(g->columns, sizeof *titles);
    enum lk_status status = LK_OK;
    if (widths == NULL || titles == NULL) {
        status = lk_console_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < g->columns; i++) {
        widths[i] = widest(g, i);
        titles[i].style = LK_STYLE_BOLD;
        titles[i].text = strdup(g->column[i].title);
        if (titles[i].text == NULL) {
            status = lk_console_fail_memory(err);
            goto out;
        }
    }
    const struct choice choice =
        fit(g, widths, width == 0 ? SIZE_MAX : width, lk_display_width(lk_console_ellipsis(c)));
    *shown = choice.left + choice.right;
    for (size_t i = 0; i < g->columns; i++) { /* those left out by their order */
        const bool chosen = i < choice.left || i >= g->columns - choice.right;
        *shown -= chosen && widths[i] == 0 ? 1 : 0;
    }
    print_line(g, c, titles, widths, choice);
    size_t note = 0;
    for (size_t row = 0; row * g->columns < g->cells; row++) {
        print_line(g, c, g->cell + row * g->columns, widths, choice);
        print_notes(g, c, row + 1, &note);
    }
out:
    for (size_t i = 0; titles != NULL && i < g->columns; i++)
        free(titles[i].text);
    free(titles);
    free(widths);
    return status;
}
