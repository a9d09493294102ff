/* A user's crontab as text, of which only our own marked lines are touched; and the program that keeps it.
 *
 *     # litekeep schedule <uuid of the store>: by "litekeep schedule install"; change it there
 *     17 1-23/8 * * * /usr/local/bin/litekeep ...
 *
 * A block is the mark and the line behind it; when that line is a comment, empty, or names no --store, it is
 * somebody else's (ours was taken away), and the block is the mark alone. Everything else stays byte for
 * byte, also lines that are no crontab lines. */
#ifndef LK_HOST_CRONTAB_H
#define LK_HOST_CRONTAB_H

#include "base/buffer.h"
#include "base/error.h"

/* ---- Text. Pure. */

/* The line of the schedule with this key (no white space), without its newline; ptr NULL: there is none. */
struct lk_bytes lk_crontab_find(struct lk_bytes text, const char *key);
/* The text with the block of `key` replaced by (or, new, ending in) one with `line`. line NULL: without it.
 * Blocks of `key` beyond the first go too. The line is one of lk_crontab_line. A last line without a newline
 * gets one before a new block. False: memory is out. */
bool lk_crontab_replace(struct lk_bytes text, const char *key, const char *line, struct lk_buffer *out);
/* "WHEN WORD WORD...": words quoted for /bin/sh, and % as \%, which cron would turn into a newline, outside
 * the quotes, so that a shell that gets the line itself (Slurm's) reads the same words. No two backslashes
 * stand together: some crons make one of them. LK_USAGE: a newline in a word; a line beyond cron's 998
 * characters. */
enum lk_status lk_crontab_line(const char *when, const char *const *words, struct lk_buffer *out,
                               struct lk_error *err) LK_CHECKED;

/* ---- The program: "crontab", or Slurm's "scrontab", which has the same words. */

/* Its text as it is now, without the header that crontab itself writes above it; a user without one has an
 * empty text. LK_NOT_FOUND: no such program. LK_FAILED: it said no (not allowed by cron.allow, ...), with
 * what it said. */
enum lk_status lk_crontab_read(const char *program, struct lk_buffer *out, struct lk_error *err) LK_CHECKED;
/* Hand a whole new text to it ("crontab -"; an empty one: "crontab -r"), after a look that it is still
 * `before`: LK_FAILED when somebody changed it meanwhile. Read again afterwards and compared. The program
 * replaces its file atomically. */
enum lk_status lk_crontab_write(const char *program, struct lk_bytes before, struct lk_bytes text,
                                struct lk_error *err) LK_CHECKED;

/* Is a cron daemon running on this machine? Looks for its process and lock file. */
bool lk_crontab_daemon_runs(void);

#endif
