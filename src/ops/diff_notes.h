/* Sentences for the result of a comparison, gathered from any thread. */
#ifndef LK_OPS_DIFF_NOTES_H
#define LK_OPS_DIFF_NOTES_H

#include <pthread.h>

#include "ops/arena.h"
#include "store/manifest.h"

struct lk_diff_notes {
    pthread_mutex_t lock;
    struct lk_manifest_texts texts;
    bool failed; /* memory ran out */
};

void lk_diff_notes_init(struct lk_diff_notes *n);
/* One complete sentence; shown text. One that is there already is not added again. */
void lk_diff_notes_add(struct lk_diff_notes *n, const char *format, ...) LK_PRINTF(2, 3);
/* The same, as lk_stored_options.on_note. */
void lk_diff_notes_take(void *notes, const char *message);
/* As a NULL-terminated array of copies. */
enum lk_status lk_diff_notes_list(const struct lk_diff_notes *n, struct lk_arena *a, const char *const **out,
                                  struct lk_error *err) LK_CHECKED;
void lk_diff_notes_clear(struct lk_diff_notes *n);
void lk_diff_notes_reset(struct lk_diff_notes *n);

#endif
