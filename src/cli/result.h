/* Rows of a query on standard output, as they come. One thread. */
#ifndef LK_CLI_RESULT_H
#define LK_CLI_RESULT_H

#include "cli/console.h"

enum lk_result_format {
    LK_RESULT_TABLE,    /* aligned for people; widths are those of the first thousand rows */
    LK_RESULT_CSV,      /* RFC 4180 with \n: NULL is nothing, empty text "", blobs x'00ff' */
    LK_RESULT_JSON,     /* {"columns":[...],"rows":[[...],...]} */
    LK_RESULT_JSONL,    /* one object a row */
    LK_RESULT_MARKDOWN, /* a table of GitHub's Markdown */
};

struct lk_result;

/* NULL when memory is out. */
struct lk_result *lk_result_new(enum lk_result_format format, struct lk_console *c);
void lk_result_free(struct lk_result *r); /* NULL is allowed */

/* For litekeep_query, the result being the context. A write that fails ends the query with LK_FAILED and no
 * message. */
enum lk_status lk_result_columns(void *result, size_t columns, const char *const *name, struct lk_error *err);
enum lk_status lk_result_row(void *result, size_t columns, const struct litekeep_value *value,
                             struct lk_error *err);
/* All rows have been given. */
enum lk_status lk_result_end(struct lk_result *r, struct lk_error *err) LK_CHECKED;

#endif
