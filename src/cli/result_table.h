/* A result aligned for people. The first rows are collected; their widths stay for the rest. One thread. */
#ifndef LK_CLI_RESULT_TABLE_H
#define LK_CLI_RESULT_TABLE_H

#include "cli/console.h"

#define LK_RESULT_TABLE_ROWS 1000 /* collected at most */

struct lk_result_table;

/* `width` of the terminal in cells; 0: texts are not cut. NULL when memory is out. */
struct lk_result_table *lk_result_table_new(struct lk_console *c, size_t columns, const char *const *name,
                                            size_t width);
void lk_result_table_free(struct lk_result_table *t); /* NULL is allowed */
/* False when memory is out. */
bool lk_result_table_row(struct lk_result_table *t, const struct litekeep_value *value);
/* Print what is still collected. */
void lk_result_table_end(struct lk_result_table *t);

#endif
