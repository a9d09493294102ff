/* A line on standard error that is redrawn in place while a backup runs. One thread at a time (events come
 * one at a time). */
#ifndef LK_CLI_PROGRESS_H
#define LK_CLI_PROGRESS_H

#include "cli/console.h"

struct lk_progress_state {
    uint64_t total_bytes, done_bytes; /* of all sources; done may pass total when a source grows */
    uint64_t rows;
    int64_t elapsed; /* nanoseconds since the first byte could be read */
};

#define LK_PROGRESS_SIZE 512

/* The line for a terminal of `width` cells, without control characters: at most width - 1 cells wide, so that
 * it never wraps. What fits of: percent, bar, bytes, rows, rate, time left; the narrower, the fewer, down to
 * the percent alone. */
void lk_progress_render(const struct lk_progress_state *state, size_t width, bool utf8,
                        char out[LK_PROGRESS_SIZE]);

struct lk_progress {
    const struct lk_console *console;
    bool wanted; /* a terminal is there and nobody asked for quiet */
    bool drawn;  /* the line is on the screen now */
    int64_t started;
};

void lk_progress_init(struct lk_progress *p, const struct lk_console *c);
/* Draw or redraw. The first call starts the clock. */
void lk_progress_update(struct lk_progress *p, uint64_t total_bytes, uint64_t done_bytes, uint64_t rows);
/* Take the line off the screen, before anything else is written and at the end. */
void lk_progress_erase(struct lk_progress *p);

#endif
