#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/output.h"

#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

/* The system calls of this program, counted, and failing as a test says. */
static struct {
    size_t pwrite_most;     /* bytes a call; 0: all */
    bool pwrite_interrupts; /* every second call */
    bool direct_misaligned; /* EINVAL while O_DIRECT is on */
    int pwrite_error;       /* at call number pwrite_error_at, from 0, and all later ones */
    int pwrite_error_at;
    int pwrites;
    int direct_pwrites;
    size_t largest_tail; /* bytes of the largest write without O_DIRECT */
    bool direct_refused; /* by fcntl */
    int fchmod_error;
    int fsync_error;
    int fsyncs;
    int close_error;
    int closes;
} calls;

ssize_t pwrite(int fd, const void *from, size_t len, off_t offset)
{
    const int number = calls.pwrites++;
    const bool direct = (syscall(SYS_fcntl, fd, F_GETFL) & O_DIRECT) != 0;
    if (direct)
        calls.direct_pwrites++;
    else if (len > calls.largest_tail)
        calls.largest_tail = len;
    errno = 0;
    if (calls.pwrite_error != 0 && number >= calls.pwrite_error_at)
        errno = calls.pwrite_error;
    else if (calls.pwrite_interrupts && number % 2 == 0)
        errno = EINTR;
    else if (direct && calls.direct_misaligned)
        errno = EINVAL;
    if (errno != 0)
        return -1;
    const size_t most = calls.pwrite_most;
    return syscall(SYS_pwrite64, fd, from, most != 0 && len > most ? most : len, offset);
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    const long argument = command == F_SETFL ? va_arg(args, int) : 0;
    va_end(args);
    if (command == F_SETFL && (argument & O_DIRECT) != 0 && calls.direct_refused) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

int fchmod(int fd, mode_t mode)
{
    if (calls.fchmod_error == 0)
        return (int)syscall(SYS_fchmod, fd, mode);
    errno = calls.fchmod_error;
    return -1;
}

int fsync(int fd)
{
    calls.fsyncs++;
    if (calls.fsync_error == 0)
        return (int)syscall(SYS_fsync, fd);
    errno = calls.fsync_error;
    return -1;
}

int close(int fd)
{
    calls.closes++;
    const int closed = (int)syscall(SYS_close, fd);
    if (calls.close_error == 0)
        return closed;
    errno = calls.close_error;
    return -1;
}

static struct lk_dir top;
static uint8_t *content; /* 4 MiB */

static int make_content(void **state)
{
    (void)state;
    content = malloc(4 * MIB);
    if (content == NULL)
        return -1;
    uint32_t x = 1;
    for (size_t i = 0; i < 4 * MIB; i++) {
        x = x * 1664525U + 1013904223U;
        content[i] = (uint8_t)(x >> 24);
    }
    return 0;
}

static int free_content(void **state)
{
    (void)state;
    free(content);
    return 0;
}

static void reset_calls(void)
{
    memset(&calls, 0, sizeof calls);
}

static int make(void **state)
{
    (void)state;
    reset_calls();
    return scratch_make(&top) ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    reset_calls();
    lk_memory_fail_after(-1, 0);
    return scratch_remove(&top) ? 0 : -1;
}

static bool exists(const char *name)
{
    return faccessat(top.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct lk_output *create(const char *name)
{
    struct lk_error err = {0};
    struct lk_output *o = NULL;
    assert_int_equal(lk_output_create(&top, name, &o, &err), LK_OK);
    assert_non_null(o);
    return o;
}

/* Write the first `len` bytes of the content in pieces of `piece`. */
static void feed(struct lk_output *o, size_t len, size_t piece)
{
    for (size_t at = 0; at < len; at += piece)
        lk_output_write(o, content + at, len - at < piece ? len - at : piece);
}

/* The file holds the first `len` bytes of the content, and the summary says so. */
static void check_file(const char *name, size_t len, const struct lk_output_summary *summary)
{
    struct stat st;
    uint8_t digest[LK_SHA256_SIZE];
    assert_int_equal(fstatat(top.fd, name, &st, 0), 0);
    assert_int_equal(st.st_size, len);
    uint8_t *got = malloc(len + 1);
    assert_non_null(got);
    const int fd = openat(top.fd, name, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, got, len + 1), len);
    assert_int_equal(syscall(SYS_close, fd), 0);
    assert_memory_equal(got, content, len);
    free(got);
    lk_sha256_bytes(content, len, digest);
    assert_int_equal(summary->bytes, len);
    assert_memory_equal(summary->sha256, digest, sizeof digest);
}

static void write_and_check(const char *name, size_t len, size_t piece)
{
    struct lk_error err = {0};
    struct lk_output_summary summary;
    struct lk_output *o = create(name);
    feed(o, len, piece);
    assert_int_equal(lk_output_offset(o), len);
    assert_int_equal(lk_output_check(o, &err), LK_OK);
    assert_int_equal(lk_output_commit(o, 0400, &summary, &err), LK_OK);
    assert_int_equal(err.status, LK_OK);
    lk_output_free(o);
    check_file(name, len, &summary);
    assert_int_equal(unlinkat(top.fd, name, 0), 0);
}

static void what_is_written_is_in_the_file_and_in_the_hash(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 4096, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 4096, 3 * MIB + 5};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_and_check("f", lengths[i], 4 * MIB);
        write_and_check("f", lengths[i], 77777);
    }
    write_and_check("f", 100000, 1);
}

static void the_mode_is_0600_until_commit_and_then_exact(void **state)
{
    (void)state;
    static const mode_t modes[] = {0400, 0440, 0600, 0644};
    const mode_t before = umask(077);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct lk_error err = {0};
        struct lk_output_summary summary;
        struct stat st;
        struct lk_output *o = create("f");
        lk_output_write(o, "x", 1);
        assert_int_equal(fstatat(top.fd, "f", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(lk_output_commit(o, modes[i], &summary, &err), LK_OK);
        lk_output_free(o);
        assert_int_equal(fstatat(top.fd, "f", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, modes[i]);
        assert_int_equal(unlinkat(top.fd, "f", 0), 0);
    }
    (void)umask(before);
}

static void an_existing_name_is_not_touched(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_output_summary summary;
    struct lk_output *o = create("f");
    feed(o, 10, 10);
    assert_int_equal(lk_output_commit(o, 0600, &summary, &err), LK_OK);
    lk_output_free(o);
    o = NULL;
    assert_int_equal(lk_output_create(&top, "f", &o, &err), LK_FAILED);
    assert_int_equal(err.system, EEXIST);
    assert_null(o);
    check_file("f", 10, &summary);
    assert_int_equal(symlinkat("elsewhere", top.fd, "link"), 0);
    assert_int_equal(lk_output_create(&top, "link", &o, &err), LK_FAILED);
    assert_false(exists("elsewhere"));
    assert_true(exists("link"));
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", "../x", "a/b", "/x"};
    assert_int_equal(mkdirat(top.fd, "a", 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct lk_error err = {0};
        struct lk_output *o = NULL;
        assert_int_equal(lk_output_create(&top, names[i], &o, &err), LK_FAILED);
        assert_null(o);
    }
    assert_false(exists("a/b"));
}

static void without_commit_the_file_is_gone(void **state)
{
    (void)state;
    struct lk_output *o = create("f");
    feed(o, 3 * MIB, MIB);
    assert_true(exists("f"));
    lk_output_free(o);
    assert_false(exists("f"));
    lk_output_free(create("f")); /* nothing written */
    assert_false(exists("f"));
    lk_output_free(NULL);
}

static void commit_makes_durable_before_it_returns(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_output_summary summary;
    struct lk_output *o = create("f");
    lk_output_write(o, "x", 1);
    assert_int_equal(calls.pwrites, 0); /* buffered */
    assert_int_equal(lk_output_commit(o, 0400, &summary, &err), LK_OK);
    assert_int_equal(calls.pwrites, 1);
    assert_int_equal(calls.fsyncs, 1);
    assert_int_equal(calls.closes, 1);
    lk_output_free(o);
    assert_int_equal(calls.closes, 1);
    assert_true(exists("f"));
}

/* Does this folder's file system take O_DIRECT at all? */
static bool takes_direct(void)
{
    const int fd = openat(top.fd, "probe", O_WRONLY | O_CREAT | O_DIRECT, 0600);
    if (fd >= 0)
        (void)syscall(SYS_close, fd);
    return fd >= 0;
}

static void only_files_larger_than_the_buffer_go_past_the_cache(void **state)
{
    (void)state;
    if (!takes_direct())
        skip();
    write_and_check("f", MIB, 1000);
    assert_int_equal(calls.direct_pwrites, 0);
    reset_calls();
    write_and_check("f", 3 * MIB + 5, 1000);
    assert_int_equal(calls.direct_pwrites, 3);
    assert_int_equal(calls.pwrites, 4);
    assert_int_equal(calls.largest_tail, 5);
}

static void a_file_system_that_refuses_o_direct_gets_buffered_writes(void **state)
{
    (void)state;
    calls.direct_refused = true;
    write_and_check("f", 3 * MIB + 5, 100000);
    assert_int_equal(calls.direct_pwrites, 0);
    assert_int_equal(calls.pwrites, 4);
}

static void a_device_that_refuses_direct_writes_gets_buffered_ones(void **state)
{
    (void)state;
    calls.direct_misaligned = true;
    write_and_check("f", 3 * MIB + 5, 100000);
    assert_in_range(calls.direct_pwrites, 0, 1); /* not tried again */
}

static void short_and_interrupted_writes_go_on(void **state)
{
    (void)state;
    static const size_t most[] = {4096, 65536, 77777}; /* the last leaves O_DIRECT's alignment */
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        reset_calls();
        calls.pwrite_most = most[i];
        calls.pwrite_interrupts = true;
        write_and_check("f", 2 * MIB + 12345, MIB);
        assert_true(calls.pwrites > 2 * (2 * MIB / 77777));
    }
}

/* Whatever failed: commit says so, the file is gone, and its name is free. */
static void check_failure(struct lk_output *o, int system, const char *words)
{
    struct lk_error err = {0};
    struct lk_output_summary summary;
    assert_int_equal(lk_output_commit(o, 0400, &summary, &err), LK_FAILED);
    assert_int_equal(err.system, system);
    assert_non_null(strstr(err.message, top.path));
    assert_non_null(strstr(err.message, "/f: "));
    assert_non_null(strstr(err.message, words));
    assert_false(exists("f"));
    struct lk_error again = {0};
    assert_int_equal(lk_output_check(o, &again), LK_FAILED);
    assert_string_equal(again.message, err.message);
    lk_output_free(o);
    assert_false(exists("f"));
    reset_calls();
    write_and_check("f", 10, 10);
    reset_calls();
}

static void a_failed_write_is_reported_with_offset_and_way_out(void **state)
{
    (void)state;
    for (int at = 0; at < 4; at++) {
        calls.pwrite_error = ENOSPC;
        calls.pwrite_error_at = at;
        struct lk_output *o = create("f");
        feed(o, 3 * MIB + 5, MIB / 2);
        char words[128];
        (void)snprintf(words, sizeof words,
                       "offset %d (free space there, or use --store on another disk): No space", at * MIB);
        check_failure(o, ENOSPC, words);
    }
    calls.pwrite_error = EDQUOT;
    struct lk_output *o = create("f");
    feed(o, 5, 5);
    check_failure(o, EDQUOT, "--store");
    calls.pwrite_error = EIO;
    o = create("f");
    feed(o, 5, 5);
    check_failure(o, EIO, "offset 0: Input/output error");
    /* EINVAL without O_DIRECT is an error like any other, not a loop. */
    calls.pwrite_error = EINVAL;
    o = create("f");
    feed(o, 3 * MIB, MIB);
    check_failure(o, EINVAL, "offset 0");
}

static void after_an_error_writes_do_nothing(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_output *o = create("f");
    calls.pwrite_error = EIO;
    feed(o, 2 * MIB, MIB);
    assert_int_equal(calls.pwrites, 1);
    const uint64_t offset = lk_output_offset(o);
    assert_int_equal(lk_output_check(o, &err), LK_FAILED);
    calls.pwrite_error = 0;
    feed(o, 3 * MIB, MIB);
    assert_int_equal(calls.pwrites, 1);
    assert_int_equal(lk_output_offset(o), offset);
    check_failure(o, EIO, "cannot write");
}

static void a_failed_fsync_is_not_retried(void **state)
{
    (void)state;
    static const int errors[] = {EIO, ENOSPC, EDQUOT, EINTR, EINVAL};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct lk_error err = {0};
        struct lk_output_summary summary;
        struct lk_output *o = create("f");
        feed(o, 10, 10);
        calls.fsync_error = errors[i];
        assert_int_equal(lk_output_commit(o, 0400, &summary, &err), LK_FAILED);
        assert_int_equal(calls.fsyncs, 1);
        assert_int_equal(err.system, errors[i]);
        assert_non_null(strstr(err.message, "durable"));
        assert_false(exists("f"));
        lk_output_free(o);
        reset_calls();
    }
}

static void a_failed_close_is_a_failure_but_an_interrupted_one_is_not(void **state)
{
    (void)state;
    struct lk_output *o = create("f");
    feed(o, 10, 10);
    calls.close_error = EDQUOT;
    check_failure(o, EDQUOT, "cannot close");
    calls.close_error = EINTR;
    write_and_check("f", 10, 10);
}

static void a_file_system_without_modes_is_no_error_and_a_broken_one_is(void **state)
{
    (void)state;
    calls.fchmod_error = EPERM;
    write_and_check("f", 10, 10);
    calls.fchmod_error = ENOTSUP;
    write_and_check("f", 10, 10);
    calls.fchmod_error = EIO;
    struct lk_output *o = create("f");
    feed(o, 10, 10);
    check_failure(o, EIO, "permissions to 0400");
}

static void without_memory_nothing_is_left_behind(void **state)
{
    (void)state;
    int64_t failures = 0;
    for (bool done = false; !done; failures++) {
        struct lk_error err = {0};
        struct lk_output_summary summary;
        struct lk_output *o = NULL;
        assert_true(failures < 50);
        lk_memory_fail_after(failures, 0);
        enum lk_status status = lk_output_create(&top, "f", &o, &err);
        if (status == LK_OK) {
            feed(o, 2 * MIB + 5, MIB);
            status = lk_output_commit(o, 0400, &summary, &err);
        }
        lk_memory_fail_after(-1, 0);
        done = status == LK_OK;
        assert_int_equal(exists("f"), done);
        if (!done)
            assert_non_null(strstr(err.message, "out of memory while "));
        lk_output_free(o);
    }
    assert_true(failures > 3);
}

static void the_buffer_is_allocated_at_the_first_write(void **state)
{
    (void)state;
    struct lk_output *o = create("f");
    lk_memory_fail_after(0, 0);
    lk_output_write(o, content, 0);
    struct lk_error err = {0};
    assert_int_equal(lk_output_check(o, &err), LK_OK);
    lk_output_write(o, content, 1);
    assert_int_equal(lk_output_check(o, &err), LK_FAILED);
    assert_non_null(strstr(err.message, "/f: out of memory"));
    lk_output_free(o);
}

static size_t memory_in_use(void)
{
    const struct mallinfo2 info = mallinfo2(); /* all zero under sanitizers */
    return info.uordblks + info.hblkhd;
}

static void a_committed_output_holds_no_buffer(void **state)
{
    (void)state;
    enum { MANY = 200 };
    struct lk_output *outputs[MANY];
    const size_t before = memory_in_use();
    for (int i = 0; i < MANY; i++) {
        struct lk_error err = {0};
        struct lk_output_summary summary;
        char name[16];
        (void)snprintf(name, sizeof name, "f%d", i);
        outputs[i] = create(name);
        lk_output_write(outputs[i], content, 100);
        assert_int_equal(lk_output_commit(outputs[i], 0400, &summary, &err), LK_OK);
    }
    const size_t after = memory_in_use();
    for (int i = 0; i < MANY; i++)
        lk_output_free(outputs[i]);
    assert_true(after < before + 3 * MIB);
}

int main(void)
{
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make, clean)
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(what_is_written_is_in_the_file_and_in_the_hash),
        IN_SCRATCH(the_mode_is_0600_until_commit_and_then_exact),
        IN_SCRATCH(an_existing_name_is_not_touched),
        IN_SCRATCH(names_that_lead_elsewhere_are_refused),
        IN_SCRATCH(without_commit_the_file_is_gone),
        IN_SCRATCH(commit_makes_durable_before_it_returns),
        IN_SCRATCH(only_files_larger_than_the_buffer_go_past_the_cache),
        IN_SCRATCH(a_file_system_that_refuses_o_direct_gets_buffered_writes),
        IN_SCRATCH(a_device_that_refuses_direct_writes_gets_buffered_ones),
        IN_SCRATCH(short_and_interrupted_writes_go_on),
        IN_SCRATCH(a_failed_write_is_reported_with_offset_and_way_out),
        IN_SCRATCH(after_an_error_writes_do_nothing),
        IN_SCRATCH(a_failed_fsync_is_not_retried),
        IN_SCRATCH(a_failed_close_is_a_failure_but_an_interrupted_one_is_not),
        IN_SCRATCH(a_file_system_without_modes_is_no_error_and_a_broken_one_is),
        IN_SCRATCH(without_memory_nothing_is_left_behind),
        IN_SCRATCH(the_buffer_is_allocated_at_the_first_write),
        IN_SCRATCH(a_committed_output_holds_no_buffer),
    };
    return cmocka_run_group_tests(tests, make_content, free_content);
}
