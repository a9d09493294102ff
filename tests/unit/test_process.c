#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "host/process.h"
#include "scratch.h"

#define SECOND INT64_C(1000000000)

static struct lk_process_result run_shell(const char *script, struct lk_bytes input, int64_t timeout)
{
    const char *const words[] = {"sh", "-c", script, NULL};
    struct lk_process_result r;
    struct lk_error err = {0};
    const enum lk_status status = lk_process_run(
        &(struct lk_process_options){.words = words, .input = input, .timeout = timeout}, &r, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(status, LK_OK);
    return r;
}

static void assert_text(const struct lk_buffer *b, const char *text)
{
    assert_int_equal(b->len, strlen(text));
    if (b->len > 0)
        assert_memory_equal(b->data, text, b->len);
}

static bool is_gone(pid_t pid)
{
    char path[64], state = 'Z';
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return true;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    (void)fclose(file);
    return state == 'Z' || state == 'X';
}

/* SIGKILL takes effect when the kernel comes to it. */
static bool goes_away(pid_t pid)
{
    const int64_t until = lk_clock_monotonic() + 10 * SECOND;
    while (!is_gone(pid) && lk_clock_monotonic() < until)
        (void)usleep(1000);
    return is_gone(pid);
}

static void a_program_is_fed_and_both_its_outputs_are_read(void **state)
{
    (void)state;
    struct lk_process_result r = run_shell("cat; echo bad >&2; exit 3", lk_bytes_of("in\n"), 0);
    assert_int_equal(r.code, 3);
    assert_int_equal(r.signal, 0);
    assert_false(r.timed_out);
    assert_text(&r.output, "in\n");
    assert_text(&r.error, "bad\n");
    lk_process_result_reset(&r);
}

static void more_than_a_pipe_holds_passes_through_in_both_directions(void **state)
{
    (void)state;
    const size_t len = 3u << 20;
    const char *const words[] = {"cat", NULL};
    uint8_t *input = malloc(len);
    assert_non_null(input);
    for (size_t i = 0; i < len; i++)
        input[i] = (uint8_t)(i * 7 + i / 251);
    struct lk_process_result r;
    struct lk_error err = {0};
    const struct lk_process_options o = {.words = words, .input = lk_bytes(input, len), .limit = len};
    assert_int_equal(lk_process_run(&o, &r, &err), LK_OK);
    assert_int_equal(r.code, 0);
    assert_int_equal(r.output.len, len);
    assert_memory_equal(r.output.data, input, len);
    lk_process_result_reset(&r);
    free(input);
}

static void what_is_beyond_the_limit_is_read_and_dropped(void **state)
{
    (void)state;
    const char *const words[] = {"sh", "-c", "yes | head -c 1000000; echo end >&2", NULL};
    struct lk_process_result r;
    struct lk_error err = {0};
    assert_int_equal(lk_process_run(&(struct lk_process_options){.words = words, .limit = 101}, &r, &err),
                     LK_OK);
    assert_int_equal(r.code, 0);
    assert_int_equal(r.output.len, 101);
    assert_text(&r.error, "end\n");
    lk_process_result_reset(&r);
}

static void a_program_that_does_not_read_its_input_is_no_trouble(void **state)
{
    (void)state;
    static uint8_t input[1 << 20];
    /* Without the precaution this would end the test itself. */
    assert_ptr_not_equal(signal(SIGPIPE, SIG_DFL), SIG_ERR);
    struct lk_process_result r = run_shell("exec <&-; exit 0", lk_bytes(input, sizeof input), 0);
    assert_int_equal(r.code, 0);
    lk_process_result_reset(&r);
    r = run_shell("exec <&-; sleep 0.05; echo done", lk_bytes(input, sizeof input), 0);
    assert_int_equal(r.code, 0);
    assert_text(&r.output, "done\n");
    lk_process_result_reset(&r);
    sigset_t pending;
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

static void a_program_whose_time_is_up_is_ended_with_its_children(void **state)
{
    (void)state;
    const int64_t started = lk_clock_monotonic();
    struct lk_process_result r =
        run_shell("echo $$; sleep 60 & echo $!; wait", (struct lk_bytes){0}, SECOND / 5);
    assert_true(lk_clock_monotonic() - started < 10 * SECOND);
    assert_true(r.timed_out);
    assert_int_equal(r.code, -1);
    assert_int_equal(r.signal, SIGTERM);
    int pids[2];
    assert_int_equal(sscanf(lk_buffer_string(&r.output), "%d %d", &pids[0], &pids[1]), 2);
    assert_true(goes_away(pids[0]));
    assert_true(goes_away(pids[1]));
    lk_process_result_reset(&r);
}

static void one_that_ignores_the_polite_signal_is_killed(void **state)
{
    (void)state;
    struct lk_process_result r =
        run_shell("trap '' TERM; echo $$; while :; do sleep 1; done", (struct lk_bytes){0}, SECOND / 5);
    assert_true(r.timed_out);
    assert_int_equal(r.signal, SIGKILL);
    assert_true(goes_away(atoi(lk_buffer_string(&r.output))));
    lk_process_result_reset(&r);
}

static void a_child_left_behind_with_the_pipes_is_not_waited_for(void **state)
{
    (void)state;
    const int64_t started = lk_clock_monotonic();
    struct lk_process_result r = run_shell("sleep 60 & echo $!", (struct lk_bytes){0}, 0);
    assert_true(lk_clock_monotonic() - started < 10 * SECOND);
    assert_int_equal(r.code, 0);
    const pid_t left = atoi(lk_buffer_string(&r.output));
    assert_false(is_gone(left)); /* it may go on: the program started it on purpose */
    assert_int_equal(kill(left, SIGKILL), 0);
    lk_process_result_reset(&r);
}

static void the_last_words_of_a_program_are_not_lost(void **state)
{
    (void)state;
    struct lk_process_result r =
        run_shell("head -c 60000 /dev/zero; echo last >&2; kill -9 $$", (struct lk_bytes){0}, 0);
    assert_int_equal(r.code, -1);
    assert_int_equal(r.signal, SIGKILL);
    assert_int_equal(r.output.len, 60000);
    assert_text(&r.error, "last\n");
    lk_process_result_reset(&r);
}

static void a_program_gets_no_descriptors_no_mask_and_no_ignored_signals(void **state)
{
    (void)state;
    const int open_one = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    sigset_t all, before;
    assert_true(open_one >= 0);
    sigfillset(&all);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
    assert_ptr_not_equal(signal(SIGINT, SIG_IGN), SIG_ERR);
    struct lk_process_result r =
        run_shell("exec sed -n 's/^Sig...:/0x/p' /proc/self/status", (struct lk_bytes){0}, 0);
    unsigned long long pending, blocked, ignored;
    assert_int_equal(
        sscanf(lk_buffer_string(&r.output), "0x %llx 0x %llx 0x %llx", &pending, &blocked, &ignored), 3);
    assert_int_equal(blocked, 0);
    /* The C library ignores the two that it uses itself, 32 and 33. */
    assert_int_equal(ignored & ~UINT64_C(0x180000000), 0);
    lk_process_result_reset(&r);
    r = run_shell("exec ls /proc/self/fd", (struct lk_bytes){0}, 0);
    assert_text(&r.output, "0\n1\n2\n3\n"); /* the last is the folder that ls reads */
    lk_process_result_reset(&r);
    r = run_shell("ps -o pgid= -p $$ | tr -d ' ' | grep -qx $$", (struct lk_bytes){0}, 0);
    assert_int_equal(r.code, 0);
    lk_process_result_reset(&r);
    assert_ptr_not_equal(signal(SIGINT, SIG_DFL), SIG_ERR);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(close(open_one), 0);
}

static void it_works_where_this_process_has_closed_its_standard_descriptors(void **state)
{
    (void)state;
    int saved[3];
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        (void)close(fd);
    }
    const char *const words[] = {"sh", "-c", "cat; echo two >&2", NULL};
    struct lk_process_result r;
    struct lk_error err = {0};
    const enum lk_status status =
        lk_process_run(&(struct lk_process_options){.words = words, .input = lk_bytes_of("one")}, &r, &err);
    for (int fd = 0; fd < 3; fd++) {
        (void)dup2(saved[fd], fd);
        (void)close(saved[fd]);
    }
    assert_int_equal(status, LK_OK);
    assert_text(&r.output, "one");
    assert_text(&r.error, "two\n");
    lk_process_result_reset(&r);
}

static void it_runs_in_the_folder_that_is_named(void **state)
{
    (void)state;
    const char *const words[] = {"pwd", NULL};
    struct lk_process_result r;
    struct lk_error err = {0};
    assert_int_equal(lk_process_run(&(struct lk_process_options){.words = words, .folder = "/usr"}, &r, &err),
                     LK_OK);
    assert_text(&r.output, "/usr\n");
    lk_process_result_reset(&r);
    assert_int_equal(
        lk_process_run(&(struct lk_process_options){.words = words, .folder = "/no-such"}, &r, &err),
        LK_FAILED);
    assert_non_null(strstr(err.message, "folder /no-such"));
}

static void write_file(const struct lk_dir *dir, const char *name, const char *text, mode_t mode)
{
    const int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static enum lk_status run_file(const struct lk_dir *dir, const char *name, struct lk_error *err)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", dir->path, name);
    const char *const words[] = {path, NULL};
    struct lk_process_result r;
    const enum lk_status status = lk_process_run(&(struct lk_process_options){.words = words}, &r, err);
    if (status == LK_OK)
        lk_process_result_reset(&r);
    return status;
}

static void what_cannot_be_run_is_said_exactly(void **state)
{
    (void)state;
    struct lk_dir dir;
    struct lk_error err = {0};
    assert_true(scratch_make(&dir));
    const char *const words[] = {"no-such-program-of-litekeep", NULL};
    struct lk_process_result r;
    assert_int_equal(lk_process_run(&(struct lk_process_options){.words = words}, &r, &err), LK_NOT_FOUND);
    assert_string_equal(err.message, "no-such-program-of-litekeep: there is no such program in PATH");
    assert_int_equal(run_file(&dir, "missing", &err), LK_NOT_FOUND);
    write_file(&dir, "closed", "#!/bin/sh\n", 0600);
    assert_int_equal(run_file(&dir, "closed", &err), LK_FAILED);
    assert_int_equal(err.system, EACCES);
    write_file(&dir, "foreign", "#!/no/such/interpreter\n", 0700);
    assert_int_equal(run_file(&dir, "foreign", &err), LK_FAILED);
    assert_non_null(strstr(err.message, "interpreter"));
    write_file(&dir, "bare", "echo hello\n", 0700);
    assert_int_equal(run_file(&dir, "bare", &err), LK_FAILED);
    assert_non_null(strstr(err.message, "#!/bin/sh"));
    assert_true(scratch_remove(&dir));
}

static void trouble_is_told_with_the_first_line_that_was_said(void **state)
{
    (void)state;
    char text[100];
    struct lk_process_result r = run_shell(
        "echo out; printf '\\n\\nbad\\033[1m line\\r\\nmore\\n' >&2; exit 3", (struct lk_bytes){0}, 0);
    assert_true(lk_process_trouble(&r, 0, text, sizeof text));
    assert_string_equal(text, "exited with 3: bad\\x1b[1m line");
    lk_process_result_reset(&r);
    r = run_shell("echo only this; kill -15 $$", (struct lk_bytes){0}, 0);
    assert_true(lk_process_trouble(&r, 0, text, sizeof text));
    assert_string_equal(text, "was killed by signal 15: only this");
    lk_process_result_reset(&r);
    r = run_shell("exec sleep 60", (struct lk_bytes){0}, SECOND / 10);
    assert_true(lk_process_trouble(&r, SECOND / 10, text, sizeof text));
    assert_string_equal(text, "took longer than 100ms");
    assert_true(lk_process_trouble(&r, SECOND / 10, text, 5));
    assert_string_equal(text, "took");
    lk_process_result_reset(&r);
    r = run_shell("echo fine >&2", (struct lk_bytes){0}, 0);
    assert_false(lk_process_trouble(&r, 0, text, sizeof text));
    lk_process_result_reset(&r);
}

static void one_that_ends_well_at_the_signal_was_too_slow_nevertheless(void **state)
{
    (void)state;
    char text[100];
    struct lk_process_result r =
        run_shell("trap 'exit 0' TERM; sleep 60 & wait", (struct lk_bytes){0}, SECOND / 5);
    assert_true(r.timed_out);
    assert_true(lk_process_trouble(&r, SECOND / 5, text, sizeof text));
    lk_process_result_reset(&r);
}

static void assert_words(const char *line, const char *const *expected)
{
    char **words = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_process_split(line, &words, &err), LK_OK);
    size_t i = 0;
    for (; expected[i] != NULL; i++) {
        assert_non_null(words[i]);
        assert_string_equal(words[i], expected[i]);
    }
    assert_null(words[i]);
    lk_free(words);
}
#define WORDS(...)                                                                                           \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

static void a_command_line_is_taken_apart_as_a_shell_would_and_nothing_is_expanded(void **state)
{
    (void)state;
    assert_words("mail", WORDS("mail"));
    assert_words("  mail\t-s\n x ", WORDS("mail", "-s", "x"));
    assert_words("a 'b  c' \"d \\\" \\\\ \\n $HOME\" e\\ f", WORDS("a", "b  c", "d \" \\ \\n $HOME", "e f"));
    assert_words("a '' \"\"", WORDS("a", "", ""));
    assert_words("a'b'\"c\"d", WORDS("abcd"));
    assert_words("'it'\\''s'", WORDS("it's"));
    assert_words("'a\\'", WORDS("a\\"));
    assert_words("* ~ $(x) `y` ; | > #", WORDS("*", "~", "$(x)", "`y`", ";", "|", ">", "#"));
}

static void a_command_line_without_end_or_program_is_wrong(void **state)
{
    (void)state;
    static const char *const cases[] = {"",          "  \t\n", "'",  "a 'b", "a \"b",
                                        "a \"b\\\"", "a \\",   "''", "'' a"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char **words = NULL;
        struct lk_error err = {0};
        assert_int_equal(lk_process_split(cases[i], &words, &err), LK_USAGE);
        assert_null(words);
    }
}

static void without_memory_nothing_is_left_behind(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        const char *const words[] = {"echo", "hello", NULL};
        struct lk_process_result r;
        struct lk_error err = {0};
        lk_memory_fail_after(n, 0);
        const enum lk_status status = lk_process_run(&(struct lk_process_options){.words = words}, &r, &err);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK) {
            assert_text(&r.output, "hello\n");
            lk_process_result_reset(&r);
            break;
        }
        assert_int_equal(status, LK_FAILED);
    }
}

static void this_program_knows_its_own_path(void **state)
{
    (void)state;
    char *self = lk_process_self();
    assert_non_null(self);
    assert_int_equal(self[0], '/');
    assert_int_equal(access(self, X_OK), 0);
    lk_free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_is_fed_and_both_its_outputs_are_read),
        cmocka_unit_test(more_than_a_pipe_holds_passes_through_in_both_directions),
        cmocka_unit_test(what_is_beyond_the_limit_is_read_and_dropped),
        cmocka_unit_test(a_program_that_does_not_read_its_input_is_no_trouble),
        cmocka_unit_test(a_program_whose_time_is_up_is_ended_with_its_children),
        cmocka_unit_test(one_that_ignores_the_polite_signal_is_killed),
        cmocka_unit_test(a_child_left_behind_with_the_pipes_is_not_waited_for),
        cmocka_unit_test(the_last_words_of_a_program_are_not_lost),
        cmocka_unit_test(a_program_gets_no_descriptors_no_mask_and_no_ignored_signals),
        cmocka_unit_test(it_works_where_this_process_has_closed_its_standard_descriptors),
        cmocka_unit_test(it_runs_in_the_folder_that_is_named),
        cmocka_unit_test(what_cannot_be_run_is_said_exactly),
        cmocka_unit_test(trouble_is_told_with_the_first_line_that_was_said),
        cmocka_unit_test(one_that_ends_well_at_the_signal_was_too_slow_nevertheless),
        cmocka_unit_test(a_command_line_is_taken_apart_as_a_shell_would_and_nothing_is_expanded),
        cmocka_unit_test(a_command_line_without_end_or_program_is_wrong),
        cmocka_unit_test(without_memory_nothing_is_left_behind),
        cmocka_unit_test(this_program_knows_its_own_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
