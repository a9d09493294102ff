/* Rows and columns, aligned: collected first, printed when all widths are known. Texts are copied; an error
 * is sticky and reported by lk_grid_print. One thread at a time. */
#ifndef LK_CLI_GRID_H
#define LK_CLI_GRID_H

#include "cli/console.h"

struct lk_grid_column {
    const char *title; /* borrowed until lk_grid_free */
    bool right;        /* align numbers */
};

struct lk_grid;

/* NULL when memory is out. */
struct lk_grid *lk_grid_new(const struct lk_grid_column *columns, size_t count);
void lk_grid_free(struct lk_grid *g); /* NULL is allowed */

/* The next cell; rows fill up from left to right. `g` may be NULL: nothing happens, and lk_grid_print reports
 * it. */
void lk_grid_cell(struct lk_grid *g, const char *text, enum lk_style style);
void lk_grid_number(struct lk_grid *g, uint64_t number);
void lk_grid_size(struct lk_grid *g, uint64_t bytes);
/* A line of its own below the last whole row, indented. */
void lk_grid_note(struct lk_grid *g, const char *text, enum lk_style style);

/* The end of this column's texts matters more than their start, as that of paths does: they are cut on the
 * left. It gives way before columns are left out, but keeps 24 cells. */
void lk_grid_paths(struct lk_grid *g, size_t column);
/* The columns that are left out when the width is too small, the first one first, before anything else is
 * cut. `order` is borrowed until lk_grid_free. */
void lk_grid_leave_out(struct lk_grid *g, const size_t *order, size_t count);

/* Print titles and rows to standard output. With a `width` (cells; 0: no limit) that is too small, texts are
 * cut to fit, first to 32 cells, then to 20, then from the right to 12, then all to 16, and then columns in
 * the middle are left out, an ellipsis in their place; *shown is how many columns were printed. */
enum lk_status lk_grid_print(const struct lk_grid *g, struct lk_console *c, size_t width, size_t *shown,
                             struct lk_error *err) LK_CHECKED;

#endif
