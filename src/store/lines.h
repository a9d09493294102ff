/* Files of JSON lines that are only ever appended to: the journal and the counts, through whose headers
 * all others read them.
 *
 * A last line without its newline is torn by a crash and does not count; who appends after it writes a
 * newline first. Lines that are no JSON objects are skipped: what stands here is a summary. */
#ifndef LK_STORE_LINES_H
#define LK_STORE_LINES_H

#include <jansson.h>

#include "base/file.h"

/* Append `line` (borrowed) as one line, in one write, and fsync; fsync the folder when the file is new. Cut
 * off again when it cannot be written whole. `what` names the file in messages: "the journal". LK_FAILED. */
enum lk_status lk_lines_append(const struct lk_dir *dir, const char *name, const char *what, mode_t mode,
                               const json_t *line, struct lk_error *err) LK_CHECKED;

/* Whoever takes lines: an object that is his to keep (or to json_decref). *more false ends the reading. */
typedef enum lk_status lk_lines_taker(void *context, json_t *line, bool *more, struct lk_error *err);

struct lk_lines_skipped {
    size_t count;
    struct lk_buffer text; /* of these lines, each with a newline */
};

/* All lines of at most `limit` bytes, first to last; a missing file has none. *skipped (may be NULL): lines
 * that are no objects are added to it. A longer file: LK_DAMAGED. */
enum lk_status lk_lines_read(const struct lk_dir *dir, const char *name, const char *what, size_t limit,
                             lk_lines_taker *take, void *context, struct lk_lines_skipped *skipped,
                             struct lk_error *err) LK_CHECKED;

/* The same from the last line to the first, reading no more than is asked for. A line longer than `limit`
 * ends it. */
enum lk_status lk_lines_read_back(const struct lk_dir *dir, const char *name, const char *what, size_t limit,
                                  lk_lines_taker *take, void *context, struct lk_error *err) LK_CHECKED;

#endif
