/* What `litekeep show` prints, for people and as JSON. */
#ifndef LK_CLI_SHOW_H
#define LK_CLI_SHOW_H

#include <string.h>

#include "cli/console.h"

/* A backup: summary, tables, and how to read them without litekeep. */
enum lk_status lk_show_backup(struct lk_console *c, const struct litekeep_shown *shown,
                              struct lk_error *err) LK_CHECKED;
enum lk_status lk_show_backup_json(struct lk_console *c, const struct litekeep_shown *shown,
                                   struct lk_error *err) LK_CHECKED;

/* A table: columns and first rows. `table` is NULL when its description was not found: then only the rows are
 * shown. */
enum lk_status lk_show_table(struct lk_console *c, const struct litekeep_shown *shown,
                             const struct litekeep_table_info *table, const struct litekeep_rows *head,
                             struct lk_error *err) LK_CHECKED;
enum lk_status lk_show_table_json(struct lk_console *c, const struct litekeep_shown *shown,
                                  const struct litekeep_table_info *table, const struct litekeep_rows *head,
                                  struct lk_error *err) LK_CHECKED;

#endif
