/* Another program, run in the foreground with everything this one has: the terminal, standard input and
 * output. */
#ifndef LK_CLI_CHILD_H
#define LK_CLI_CHILD_H

#include "cli/console.h"

/* What a shell gives, too. */
#define LK_CHILD_NOT_RUN 126
#define LK_CHILD_NOT_FOUND 127

/* Run `words` (NULL-terminated; the first is looked for in PATH unless it has a slash) and wait for its end.
 * Meanwhile SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are handed on to it instead of ending this
 * process; those that the terminal sends it has got by itself. Afterwards everything is as before.
 *
 * LK_OK: *code is its exit code, or 128 and the number of the signal that ended it, which is in *killed (else
 * 0). Else it was not started,
 * and *code is one of the above. One call at a time, no other threads. */
enum lk_status lk_child_run(char *const *words, int *code, int *killed, struct lk_error *err) LK_CHECKED;

#endif
