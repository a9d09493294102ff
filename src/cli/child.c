#include "cli/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/display.h"

#define SIGNAL_BASE 128

static const int handed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
#define HANDED_ON (sizeof handed_on / sizeof handed_on[0])

/* The one child that signals go to; 0: none. It changes only while they are blocked. */
static volatile sig_atomic_t child;

/* What the kernel sends (Ctrl-C, a hangup) goes to the whole foreground group, the child among it: handing it
 * on would give it twice, and programs take a second Ctrl-C for impatience. */
static void hand_on(int number, siginfo_t *info, void *context)
{
    (void)context;
    const int kept = errno;
    if (child > 0 && info->si_code <= 0)
        kill((pid_t)child, number);
    errno = kept;
}

struct signals { /* as they were */
    sigset_t mask;
    struct sigaction action[HANDED_ON];
    struct sigaction ended; /* SIGCHLD */
};

/* From here on signals wait until the child's number is known. */
static void take_signals(struct signals *s)
{
    struct sigaction ours = {0};
    sigset_t block;
    sigemptyset(&block);
    for (size_t i = 0; i < HANDED_ON; i++)
        sigaddset(&block, handed_on[i]);
    sigprocmask(SIG_BLOCK, &block, &s->mask);
    ours.sa_sigaction = hand_on;
    ours.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&ours.sa_mask);
    /* Ignored by whoever started this program, it would take the exit code away. */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &s->ended);
    for (size_t i = 0; i < HANDED_ON; i++) {
        sigaction(handed_on[i], NULL, &s->action[i]);
        if (s->action[i].sa_handler != SIG_IGN) /* nohup: the child ignores it, too */
            sigaction(handed_on[i], &ours, NULL);
    }
}

static void give_signals_back(const struct signals *s)
{
    for (size_t i = 0; i < HANDED_ON; i++)
        sigaction(handed_on[i], &s->action[i], NULL);
    sigaction(SIGCHLD, &s->ended, NULL);
    sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

/* Handlers become the default by exec; what this program ignores for itself the child must not. */
static int start(char *const *words, const sigset_t *mask, pid_t *pid)
{
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0)
        return error;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    error = posix_spawnp(pid, words[0], NULL, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static enum lk_status fail_start(const char *word, int error, int *code, struct lk_error *err)
{
    char *shown = lk_display_escape(word);
    const bool missing = error == ENOENT || error == ENOTDIR;
    *code = missing ? LK_CHILD_NOT_FOUND : LK_CHILD_NOT_RUN;
    const enum lk_status status = lk_console_fail(
        err, LK_FAILED, "%s: %s%s", shown != NULL ? shown : "the command",
        missing ? "there is no such command" : "cannot be started: ", missing ? "" : strerror(error));
    free(shown);
    return status;
}

enum lk_status lk_child_run(char *const *words, int *code, int *killed, struct lk_error *err)
{
    struct signals signals;
    pid_t pid = 0;
    int state = 0;
    take_signals(&signals);
    const int error = start(words, &signals.mask, &pid);
    child = error == 0 ? pid : 0;
    sigprocmask(SIG_SETMASK, &signals.mask, NULL);
    siginfo_t info;
    while (error == 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    /* Blocked again before it is reaped, when its number may become another process'. */
    sigset_t block;
    sigfillset(&block);
    sigprocmask(SIG_BLOCK, &block, NULL);
    child = 0;
    const int wait_error = error == 0 && waitpid(pid, &state, 0) < 0 ? errno : 0;
    give_signals_back(&signals);
    if (error != 0 || wait_error != 0)
        return fail_start(words[0], error != 0 ? error : wait_error, code, err);
    *killed = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
    *code = WIFSIGNALED(state) ? SIGNAL_BASE + WTERMSIG(state) : WEXITSTATUS(state);
    return LK_OK;
}
