/* A window on the text of JSON lines: whole lines of a stream. Private to src/jsonl. */
#ifndef LK_JSONL_WINDOW_H
#define LK_JSONL_WINDOW_H

#include "base/codec.h"
#include "base/input.h"

/* How many bytes may be read behind the last line. */
#define LK_LINE_SLACK 64

/* Zeroed before the first lk_window_open. [at, limit) are whole lines, each with its \n (a missing last one
 * is added), and LK_LINE_SLACK bytes behind limit may be read. */
struct lk_window {
    const uint8_t *at, *limit;
    uint64_t line; /* lines read: kept by the reader of the lines */
    /* Private: */
    const struct lk_input *in;
    uint64_t offset;
    struct lk_inflater *stream;
    uint8_t *bytes;
    size_t cap, filled; /* [limit, bytes + filled) is the start of the next line */
    bool ended;         /* the stream has no more */
};

/* Begin to read bytes [offset, end) of `in`, which must outlive it; memory of an earlier use is kept. */
enum lk_status lk_window_open(struct lk_window *w, const struct lk_input *in, uint64_t offset, uint64_t end,
                              enum lk_codec codec, struct lk_error *err) LK_CHECKED;
void lk_window_reset(struct lk_window *w); /* free what it holds */

/* Have at least one line that is not blank at `at`, unless the stream ends: then at == limit. Blank lines and
 * a byte order mark at the file's start are skipped. LK_DAMAGED: a line over 4 GiB, or a damaged stream. */
enum lk_status lk_window_fill(struct lk_window *w, struct lk_error *err) LK_CHECKED;

/* LK_DAMAGED: `reason`, at a byte (counted from 1) of a line. */
enum lk_status lk_window_fail(const struct lk_window *w, uint64_t line, size_t byte, const char *reason,
                              struct lk_error *err) LK_CHECKED;

#endif
