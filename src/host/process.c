#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#define MILLISECOND INT64_C(1000000)
#define USUAL_LIMIT (64u << 10)
/* After SIGTERM, until SIGKILL; after SIGKILL, until a process that the kernel cannot end is left alone. */
#define GRACE (500 * MILLISECOND)
/* What the program's own children may still say after it has ended. */
#define AFTERMATH (300 * MILLISECOND)
/* How often an end is looked for that no pipe tells of. pidfd_open would tell, but is too new for clusters.
 */
#define LOOK 20

/* A started program. Descriptors are this side's, -1 when closed. */
struct child {
    pid_t pid;
    int in, out, error;
    bool ended; /* a zombie: to be waited for, its number and its group still its own */
};

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* A pipe whose ends are no standard descriptors, even where this process has closed its own: what the child
 * gets as one of them must not be overwritten by another. */
static bool make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] > STDERR_FILENO)
            continue;
        const int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (moved < 0) {
            shut(&ends[0]);
            shut(&ends[1]);
            return false;
        }
        (void)close(ends[i]);
        ends[i] = moved;
    }
    return true;
}

static int prepare(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, const char *folder,
                   const int given[3])
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int system = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                          POSIX_SPAWN_SETSIGDEF);
    if (system == 0)
        system = posix_spawnattr_setpgroup(attributes, 0);
    if (system == 0)
        system = posix_spawnattr_setsigmask(attributes, &none);
    if (system == 0)
        system = posix_spawnattr_setsigdefault(attributes, &all);
    for (int i = 0; system == 0 && i < 3; i++)
        system = posix_spawn_file_actions_adddup2(actions, given[i], i);
    if (system == 0)
        system = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    if (system == 0 && folder != NULL)
        system = posix_spawn_file_actions_addchdir_np(actions, folder);
    return system;
}

static enum lk_status say_not_started(const struct lk_process_options *o, int system, struct lk_error *err)
{
    struct stat st;
    const char *program = o->words[0];
    if (o->folder != NULL && (stat(o->folder, &st) != 0 || !S_ISDIR(st.st_mode)))
        return lk_fail_errno(err, LK_FAILED, system, "%s: cannot be run in the folder %s", program,
                             o->folder);
    if (system == ENOENT && strchr(program, '/') != NULL && stat(program, &st) == 0)
        return lk_fail(err, LK_FAILED, "%s: the interpreter that its first line names is not there", program);
    if (system == ENOENT || system == ENOTDIR)
        return lk_fail(err, LK_NOT_FOUND, "%s: there is no such program%s", program,
                       strchr(program, '/') != NULL ? "" : " in PATH");
    if (system == ENOEXEC)
        return lk_fail(err, LK_FAILED,
                       "%s: is no program; the first line of a script has to be like #!/bin/sh", program);
    return lk_fail_errno(err, LK_FAILED, system, "%s: cannot be run", program);
}

/* This process's environment with one variable set; lk_free it. */
static char **make_environment(const char *variable)
{
    size_t count = 0, kept = 0;
    const size_t name = (size_t)(strchrnul(variable, '=') - variable);
    while (environ[count] != NULL)
        count++;
    char **list = lk_allocate((count + 2) * sizeof *list);
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], variable, name) != 0 || environ[i][name] != '=')
            list[kept++] = environ[i];
    memcpy(&list[kept++], &variable, sizeof variable);
    list[kept] = NULL;
    return list;
}

static enum lk_status start(const struct lk_process_options *o, struct child *out, struct lk_error *err)
{
    int in[2] = {-1, -1}, output[2] = {-1, -1}, error[2] = {-1, -1};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    char **environment = o->variable != NULL ? make_environment(o->variable) : environ;
    if (environment == NULL)
        return lk_fail_memory(err, "starting a program");
    if (!make_pipe(in) || !make_pipe(output) || !make_pipe(error)) {
        const int system = errno;
        for (int i = 0; i < 2; i++) {
            shut(&in[i]);
            shut(&output[i]);
            shut(&error[i]);
        }
        lk_free(o->variable != NULL ? environment : NULL);
        return lk_fail_errno(err, LK_FAILED, system, "%s: cannot be run: no pipe", o->words[0]);
    }
    int system = posix_spawnattr_init(&attributes);
    if (system == 0) {
        system = posix_spawn_file_actions_init(&actions);
        if (system == 0) {
            system = prepare(&attributes, &actions, o->folder, (int[]){in[0], output[1], error[1]});
            /* The words are not changed; exec's type is older than const. */
            char *const *words;
            memcpy(&words, &o->words, sizeof words);
            if (system == 0)
                system = posix_spawnp(&out->pid, words[0], &actions, &attributes, words, environment);
            posix_spawn_file_actions_destroy(&actions);
        }
        posix_spawnattr_destroy(&attributes);
    }
    lk_free(o->variable != NULL ? environment : NULL);
    shut(&in[0]);
    shut(&output[1]);
    shut(&error[1]);
    *out = (struct child){.pid = out->pid, .in = in[1], .out = output[0], .error = error[0]};
    if (system == 0)
        return LK_OK;
    shut(&out->in);
    shut(&out->out);
    shut(&out->error);
    return say_not_started(o, system, err);
}

/* Has it ended? It stays a zombie, so that its group can be killed without hitting another. */
static bool look_for_end(struct child *c)
{
    siginfo_t info = {0};
    if (!c->ended) {
        const int result = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT);
        c->ended = (result == 0 && info.si_pid == c->pid) || (result != 0 && errno == ECHILD);
    }
    return c->ended;
}

static void feed(struct child *c, struct lk_bytes *input)
{
    while (input->len > 0) {
        const ssize_t n = write(c->in, input->ptr, input->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) /* it reads no more, as it may */
            break;
        *input = lk_bytes(input->ptr + n, input->len - (size_t)n);
    }
    shut(&c->in);
}

/* Read once; what is beyond the limit is dropped. */
static void drain(int *fd, struct lk_buffer *out, size_t limit)
{
    uint8_t part[16384];
    const ssize_t n = read(*fd, part, sizeof part);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        shut(fd);
        return;
    }
    const size_t room = limit - out->len;
    lk_buffer_append(out, part, (size_t)n < room ? (size_t)n : room);
}

/* Wait for something to happen on the pipes, at most until `until`, and do it. */
static void attend(struct child *c, struct lk_bytes *input, struct lk_process_result *r, size_t limit,
                   int64_t until)
{
    const int64_t left = until - lk_clock_monotonic();
    struct pollfd polled[3] = {{.fd = c->in, .events = POLLOUT},
                               {.fd = c->out, .events = POLLIN},
                               {.fd = c->error, .events = POLLIN}};
    const int wait = left <= 0 ? 0 : left >= LOOK * MILLISECOND ? LOOK : (int)(left / MILLISECOND) + 1;
    /* Without a pipe this is the sleep between two looks; a short one, since the end is near. */
    const bool silent = c->in < 0 && c->out < 0 && c->error < 0;
    if (poll(polled, 3, silent && wait > 2 ? 2 : wait) <= 0)
        return;
    if (polled[0].revents != 0)
        feed(c, input);
    if (polled[1].revents != 0)
        drain(&c->out, &r->output, limit);
    if (polled[2].revents != 0)
        drain(&c->error, &r->error, limit);
}

/* End the whole group: politely, then not. */
static void kill_group(struct child *c, struct lk_process_result *r, size_t limit)
{
    struct lk_bytes nothing = {0};
    shut(&c->in);
    (void)kill(-c->pid, SIGTERM);
    const int64_t until = lk_clock_monotonic() + GRACE;
    while (!look_for_end(c) && lk_clock_monotonic() < until)
        attend(c, &nothing, r, limit, until);
    (void)kill(-c->pid, SIGKILL);
    const int64_t last = lk_clock_monotonic() + GRACE;
    while (!look_for_end(c) && lk_clock_monotonic() < last)
        attend(c, &nothing, r, limit, last);
}

/* Its end, taken. A process that even SIGKILL did not end (one that waits for a dead server) stays behind. */
static void reap(const struct child *c, struct lk_process_result *r)
{
    int status = 0;
    r->code = -1;
    if (!c->ended) {
        r->signal = SIGKILL;
        return;
    }
    pid_t reaped;
    do
        reaped = waitpid(c->pid, &status, 0);
    while (reaped < 0 && errno == EINTR);
    if (reaped < 0) /* SIGCHLD is ignored in this process: nobody knows */
        return;
    if (WIFEXITED(status))
        r->code = WEXITSTATUS(status);
    else if (WIFSIGNALED(status))
        r->signal = WTERMSIG(status);
}

static void accompany(struct child *c, const struct lk_process_options *o, struct lk_process_result *r)
{
    const size_t limit = o->limit > 0 ? o->limit : USUAL_LIMIT;
    const int64_t started = lk_clock_monotonic();
    const int64_t end = o->timeout > 0 && o->timeout < INT64_MAX - started ? started + o->timeout : INT64_MAX;
    struct lk_bytes input = o->input;
    (void)fcntl(c->in, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->out, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->error, F_SETFL, O_NONBLOCK);
    feed(c, &input);
    while (!look_for_end(c)) {
        if (lk_clock_monotonic() >= end) {
            r->timed_out = true;
            kill_group(c, r, limit);
            break;
        }
        attend(c, &input, r, limit, end);
    }
    /* What it said last is in the pipes. Children that it left behind may keep them open: a moment for them,
     * and no more. They go on, unless its time was up. */
    shut(&c->in);
    const int64_t last = lk_clock_monotonic() + AFTERMATH;
    while ((c->out >= 0 || c->error >= 0) && lk_clock_monotonic() < last)
        attend(c, &input, r, limit, last);
    shut(&c->out);
    shut(&c->error);
    reap(c, r);
}

enum lk_status lk_process_run(const struct lk_process_options *options, struct lk_process_result *out,
                              struct lk_error *err)
{
    struct child child = {0};
    sigset_t pipe_signal, before, pending;
    *out = (struct lk_process_result){0};
    const enum lk_status started = start(options, &child, err);
    if (started != LK_OK)
        return started;
    /* A child that does not read is no reason to die, whoever uses this library. */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    accompany(&child, options, out);
    if (sigismember(&pending, SIGPIPE) == 0)
        (void)sigtimedwait(&pipe_signal, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    enum lk_status status = LK_OK;
    if (out->output.failed || out->error.failed)
        status = lk_fail_memory(err, "reading what a program says");
    else if (out->code < 0 && out->signal == 0)
        status =
            lk_fail(err, LK_FAILED, "%s: how it ended is not known: SIGCHLD is ignored", options->words[0]);
    if (status != LK_OK)
        lk_process_result_reset(out);
    return status;
}

void lk_process_result_reset(struct lk_process_result *r)
{
    lk_buffer_reset(&r->output);
    lk_buffer_reset(&r->error);
}

/* The first line that is not empty, of what went to standard error or else to standard output. */
static struct lk_bytes first_line(const struct lk_process_result *r)
{
    const struct lk_buffer *const said[] = {&r->error, &r->output};
    for (size_t which = 0; which < 2; which++) {
        const struct lk_buffer *b = said[which];
        size_t start = 0;
        while (start < b->len && (b->data[start] == '\n' || b->data[start] == '\r' || b->data[start] == ' '))
            start++;
        if (start == b->len)
            continue;
        const uint8_t *end = memchr(b->data + start, '\n', b->len - start);
        size_t len = end != NULL ? (size_t)(end - b->data) - start : b->len - start;
        while (len > 0 && (b->data[start + len - 1] == '\r' || b->data[start + len - 1] == ' '))
            len--;
        return lk_bytes(b->data + start, len);
    }
    return (struct lk_bytes){0};
}

bool lk_process_trouble(const struct lk_process_result *r, int64_t timeout, char *out, size_t size)
{
    char duration[LK_TIME_SIZE];
    if (size > 0)
        out[0] = '\0';
    if (r->code == 0 && !r->timed_out)
        return false;
    struct lk_bytes line = first_line(r);
    line.len = lk_utf8_cut(line.ptr, line.len, 300);
    char *said = line.len > 0 ? lk_text_escaped(line) : NULL;
    const char *colon = said != NULL ? ": " : "", *rest = said != NULL ? said : "";
    lk_duration_format(timeout, duration);
    if (r->timed_out)
        (void)snprintf(out, size, "took longer than %s%s%s", duration, colon, rest);
    else if (r->signal != 0)
        (void)snprintf(out, size, "was killed by signal %d%s%s", r->signal, colon, rest);
    else
        (void)snprintf(out, size, "exited with %d%s%s", r->code, colon, rest);
    lk_free(said);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Copy one word to *to, from *from on; false: a quote or a backslash at the end is not closed. */
static bool take_word(const char **from, char **to)
{
    const char *p = *from;
    char *out = *to, quote = '\0';
    for (; *p != '\0' && (quote != '\0' || !is_space(*p)); p++) {
        if (quote == '\0' && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else if (quote != '\0' && *p == quote) {
            quote = '\0';
        } else if (*p == '\\' && (quote == '\0' || (quote == '"' && (p[1] == '"' || p[1] == '\\')))) {
            if (*++p == '\0')
                return false;
            *out++ = *p;
        } else {
            *out++ = *p;
        }
    }
    *out++ = '\0';
    *from = p;
    *to = out;
    return quote == '\0';
}

enum lk_status lk_process_split(const char *line, char ***words, struct lk_error *err)
{
    /* A word takes two characters at least, with what separates it; its NUL takes the separator's place. */
    const size_t len = strlen(line), most = len / 2 + 2;
    char **list = lk_allocate(most * sizeof *list + len + 1);
    if (list == NULL)
        return lk_fail_memory(err, "reading a command line");
    char *to = (char *)(list + most);
    size_t count = 0;
    for (const char *from = line;;) {
        while (is_space(*from))
            from++;
        if (*from == '\0')
            break;
        list[count++] = to;
        if (!take_word(&from, &to)) {
            lk_free(list);
            return lk_fail(err, LK_USAGE, "a quote is not closed in the command line %s", line);
        }
    }
    list[count] = NULL;
    if (count == 0 || list[0][0] == '\0') {
        lk_free(list);
        return lk_fail(err, LK_USAGE, "the command line names no program");
    }
    *words = list;
    return LK_OK;
}

char *lk_process_self(void)
{
    static const char gone[] = " (deleted)";
    const size_t mark = sizeof gone - 1;
    char path[PATH_MAX + sizeof gone];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0 || (size_t)n >= sizeof path - 1)
        return NULL;
    path[n] = '\0';
    size_t len = (size_t)n;
    /* The kernel's mark of a file that was replaced while it ran, unless a file is really called so. */
    if (len > mark && strcmp(path + len - mark, gone) == 0 && access(path, F_OK) != 0)
        len -= mark;
    return lk_copy_bytes(path, len);
}
