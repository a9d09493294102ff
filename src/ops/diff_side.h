/* One side of a comparison: a backup, or a live database file. One thread. */
#ifndef LK_OPS_DIFF_SIDE_H
#define LK_OPS_DIFF_SIDE_H

#include "ops/which.h"
#include "sqlite/structure.h"

/* One of `stored` and `live`, borrowed from the side. */
struct lk_diff_side_table {
    const char *name; /* as in the database */
    enum lk_table_kind kind;
    const struct lk_manifest_table *stored;
    const struct lk_table_schema *live;
};

struct lk_diff_side {
    char *label;                    /* shown: "posts@2024-...", or the file's path */
    struct lk_which which;          /* a backup; which.backup is NULL for a live file */
    struct lk_source *source;       /* a live file */
    struct lk_structure *structure; /* its state that is being read */
    bool restart;                   /* the file did not hold still: what was read of it is void */
    size_t tables;
    struct lk_diff_side_table *table; /* sorted by the bytes of their names */
};

/* *out is closed by the caller in any case. */
enum lk_status lk_diff_side_open_backup(struct litekeep *lk, const char *what, struct lk_diff_side *out,
                                        struct lk_error *err) LK_CHECKED;
/* Rows will be read `passes` times. */
enum lk_status lk_diff_side_open_live(const char *path, unsigned passes, struct lk_diff_side *out,
                                      struct lk_error *err) LK_CHECKED;
/* A live file: read what it holds. */
enum lk_status lk_diff_side_read(struct lk_diff_side *s, struct lk_error *err) LK_CHECKED;
/* A live file: after the last row, or an error: was it void? Then s->restart, which lk_diff_side_restart
 * answers: another state is pinned, to be read again. */
enum lk_status lk_diff_side_confirm(struct lk_diff_side *s, struct lk_error *err) LK_CHECKED;
enum lk_status lk_diff_side_restart(struct lk_diff_side *s, struct lk_error *err) LK_CHECKED;
void lk_diff_side_close(struct lk_diff_side *s);

/* NULL: no such table. */
const struct lk_diff_side_table *lk_diff_side_find(const struct lk_diff_side *s, const char *name);
/* Made by the original script: no manifest. */
bool lk_diff_side_is_legacy(const struct lk_diff_side *s);

#endif
