/* litekeep: the program. Understands the command line, runs one command, and turns what came of it into an
 * exit code. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/help.h"

/* A file opened later must not become standard output by taking its number: a message would be written into a
 * backup. The wrong access mode lets writes fail, so that lost output is noticed. */
static void keep_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(LK_FAILED);
}

static void on_signal(int number)
{
    static volatile sig_atomic_t interrupted;
    if (number == SIGINT && interrupted)
        _exit(LK_INTERRUPTED);
    interrupted = 1;
    litekeep_interrupt();
}

static void catch_signals(void)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {0};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        struct sigaction old;
        /* nohup and background jobs of a shell have them ignored: that stays. */
        if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(stops[i], &action, NULL);
    }
    /* A reader that went away is a write error, found at the end, and no reason to leave a backup half done.
     */
    signal(SIGPIPE, SIG_IGN);
    /* So is a file that would pass the limit on file sizes (ulimit -f): EFBIG instead of a death without a
     * word. */
    signal(SIGXFSZ, SIG_IGN);
    /* Who started this may have ignored the ends of its children; this program asks for those of its own. */
    signal(SIGCHLD, SIG_DFL);
}

static enum lk_status run(struct lk_console *console, const struct lk_arguments *args, int *code,
                          struct lk_error *err)
{
    const struct lk_invocation in = {args, console, code};
    if (args->global[LK_GLOBAL_VERSION].given) {
        lk_console_print(console, "litekeep %s\n", litekeep_version());
        return LK_OK;
    }
    if (args->global[LK_GLOBAL_HELP].given) {
        if (args->command != NULL)
            lk_help_command(stdout, lk_console_width(STDOUT_FILENO), args->command);
        else
            lk_help_overview(stdout, lk_console_width(STDOUT_FILENO));
        return LK_OK;
    }
    if (args->command == NULL) {
        lk_help_short(stderr);
        return LK_USAGE;
    }
    return args->command->run(&in, err);
}

int main(int argc, char **argv)
{
    struct lk_console console;
    struct lk_arguments args = {0};
    struct lk_error err = {0};
    int code = -1;
    keep_standard_descriptors();
    lk_console_init(&console);
    catch_signals();

    enum lk_status status = lk_commands_parse(argc, argv, &args, &err);
    console.json = args.global[LK_GLOBAL_JSON].given;
    console.quiet = args.global[LK_GLOBAL_QUIET].given;
    console.verbose = args.global[LK_GLOBAL_VERBOSE].given;
    if (status == LK_OK)
        status = run(&console, &args, &code, &err);
    if (status != LK_OK && err.message[0] != '\0')
        lk_console_error(&console, "%s", err.message);
    if (status == LK_USAGE && args.command != NULL && !console.opened)
        fprintf(stderr, "\"litekeep %s --help\" explains the command.\n", args.command->name);
    if (!lk_console_finish(&console)) {
        /* A reader that had enough (head, a pager) needs no message. */
        if (console.write_error != EPIPE)
            lk_console_error(&console, "some output was lost: writing to standard output failed: %s",
                             strerror(console.write_error));
        status = litekeep_worse(status, LK_FAILED);
    }
    lk_commands_reset(&args);
    return status == LK_OK && code >= 0 ? code : (int)status;
}
