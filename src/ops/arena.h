/* Memory of one result: many small pieces, freed together. One thread. */
#ifndef LK_OPS_ARENA_H
#define LK_OPS_ARENA_H

#include "base/bytes.h"
#include "base/error.h"

struct lk_arena_block;
struct lk_arena {
    struct lk_arena_block *blocks;
    bool failed; /* sticky: memory ran out; every call since gave NULL */
};

/* Zeroed memory for `count` elements of `size`, aligned for anything; NULL when memory is out. */
void *lk_arena_take(struct lk_arena *a, size_t count, size_t size);
/* Copies; the second is shown text (lk_text_escape). NULL for a NULL text. */
const char *lk_arena_copy(struct lk_arena *a, const char *text);
const char *lk_arena_shown(struct lk_arena *a, struct lk_bytes text);
const char *lk_arena_shown_string(struct lk_arena *a, const char *text);
const char *lk_arena_format(struct lk_arena *a, const char *format, ...) LK_PRINTF(2, 3);
enum lk_status lk_arena_check(const struct lk_arena *a, struct lk_error *err) LK_CHECKED;
void lk_arena_free(struct lk_arena *a);

#endif
