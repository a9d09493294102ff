/* Other programs: run with words (never a shell), fed and read, and not waited for longer than said.
 *
 * The child gets an empty signal mask and default signal actions, no descriptors but the standard ones, and
 * is in a process group of its own, which is killed when its time is up. A source must not be open in this
 * process meanwhile: the child's exec closes descriptors, which drops no locks, but fork is kept away from
 * SQLite all the same. Any thread. */
#ifndef LK_HOST_PROCESS_H
#define LK_HOST_PROCESS_H

#include "base/buffer.h"
#include "base/error.h"

struct lk_process_options {
    const char *const *words; /* NULL-terminated; the first is looked for in PATH unless it holds a slash */
    struct lk_bytes input;    /* its standard input */
    int64_t timeout;          /* ns; 0: none */
    size_t limit;       /* bytes of output that are kept, of each kind; 0: 64 KiB. More is read and dropped */
    const char *folder; /* to run in; NULL: here */
    const char *variable; /* "NAME=value" beside this process's environment; NULL: nothing */
};

struct lk_process_result {
    int code;   /* exit status; -1 when it was ended by a signal */
    int signal; /* or 0 */
    bool timed_out;
    struct lk_buffer output, error; /* what it printed */
};

/* LK_OK whatever the program came to; LK_NOT_FOUND: there is no such program; LK_FAILED: it could not be
 * started. litekeep_interrupt does not stop it. A program whose time is up gets SIGTERM, half a second later
 * SIGKILL. Children that it leaves behind when it ends by itself go on, and are not waited for. */
enum lk_status lk_process_run(const struct lk_process_options *options, struct lk_process_result *out,
                              struct lk_error *err) LK_CHECKED;
void lk_process_result_reset(struct lk_process_result *r);

/* "exited with 3: first line of what it said", "was killed by signal 9", "took longer than 10s": for
 * messages, escaped. False: it exited with 0. */
bool lk_process_trouble(const struct lk_process_result *r, int64_t timeout, char *out, size_t size);

/* A command line as words: separated by white space; '...' literally; "..." with \" and \\; \x is x. Nothing
 * is expanded. *words is NULL-terminated in one block: lk_free. LK_USAGE: a quote is not closed, or no word.
 */
enum lk_status lk_process_split(const char *line, char ***words, struct lk_error *err) LK_CHECKED;

/* This program's own path (/proc/self/exe), without " (deleted)". The caller frees; NULL when not known. */
char *lk_process_self(void);

#endif
