#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/input.h"
#include "base/memory.h"

#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* pread of this program: at most `pread_most` bytes a call, every second call interrupted, or an error. */
static size_t pread_most;
static int pread_error;
static bool pread_interrupts;

ssize_t pread(int fd, void *to, size_t len, off_t offset)
{
    static _Thread_local bool second;
    second = !second;
    if (pread_error != 0 || (pread_interrupts && second)) {
        errno = pread_error != 0 ? pread_error : EINTR;
        return -1;
    }
    return syscall(SYS_pread64, fd, to, pread_most != 0 && len > pread_most ? pread_most : len, offset);
}

static struct lk_dir top;
static uint8_t content[10000];

static void put(const char *name, size_t len)
{
    const int fd = openat(top.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), len);
    assert_int_equal(close(fd), 0);
}

static int make(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 31 + i / 256);
    return scratch_make(&top) ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    lk_memory_fail_after(-1, 0);
    pread_most = 0;
    pread_error = 0;
    pread_interrupts = false;
    return scratch_remove(&top) ? 0 : -1;
}

/* Any range of an input of `content`. */
static void check_ranges(const struct lk_input *in)
{
    static const size_t ranges[][2] = {{0, 10000}, {0, 0}, {10000, 0}, {9999, 1}, {1, 7777}, {4096, 4096}};
    struct lk_error err = {0};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        uint8_t got[sizeof content + 1];
        memset(got, 0xee, sizeof got);
        assert_int_equal(lk_input_read(in, ranges[i][0], got, ranges[i][1], &err), LK_OK);
        if (ranges[i][1] > 0)
            assert_memory_equal(got, content + ranges[i][0], ranges[i][1]);
        assert_int_equal(got[ranges[i][1]], 0xee);
    }
    assert_int_equal(err.status, LK_OK);
}

static void check_past_the_end(const struct lk_input *in)
{
    static const uint64_t ranges[][2] = {{10000, 1}, {0, 10001},      {9999, 2},
                                         {10001, 0}, {UINT64_MAX, 1}, {1, UINT64_MAX}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct lk_error err = {0};
        uint8_t byte = 0;
        assert_int_equal(lk_input_read(in, ranges[i][0], &byte, (size_t)ranges[i][1], &err), LK_DAMAGED);
        assert_memory_equal(err.message, lk_input_name(in), strlen(lk_input_name(in)));
        assert_non_null(strstr(err.message, "10000 bytes long"));
    }
}

static void a_file_is_read_at_any_offset(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    char name[600];
    put("file", sizeof content);
    assert_int_equal(lk_input_open(&top, "file", &in, &err), LK_OK);
    (void)snprintf(name, sizeof name, "%s/file", top.path);
    assert_string_equal(lk_input_name(in), name);
    assert_int_equal(lk_input_size(in), sizeof content);
    check_ranges(in);
    check_past_the_end(in);
    lk_input_close(in);
    lk_input_close(NULL);
}

static void memory_reads_like_a_file(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    char shown[] = "footer";
    assert_int_equal(lk_input_of_memory(lk_bytes(content, sizeof content), shown, &in, &err), LK_OK);
    shown[0] = 'x'; /* the name was copied */
    assert_string_equal(lk_input_name(in), "footer");
    assert_int_equal(lk_input_size(in), sizeof content);
    check_ranges(in);
    check_past_the_end(in);
    lk_input_close(in);
    assert_int_equal(lk_input_of_memory(lk_bytes(NULL, 0), "empty", &in, &err), LK_OK);
    assert_int_equal(lk_input_read(in, 0, NULL, 0, &err), LK_OK);
    lk_input_close(in);
}

static void short_and_interrupted_reads_go_on(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    put("file", sizeof content);
    assert_int_equal(lk_input_open(&top, "file", &in, &err), LK_OK);
    pread_most = 7;
    pread_interrupts = true;
    check_ranges(in);
    lk_input_close(in);
}

static void a_read_error_is_a_failure_with_its_offset(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    uint8_t got[10];
    put("file", sizeof content);
    assert_int_equal(lk_input_open(&top, "file", &in, &err), LK_OK);
    pread_error = EIO;
    assert_int_equal(lk_input_read(in, 4321, got, sizeof got, &err), LK_FAILED);
    assert_int_equal(err.system, EIO);
    assert_non_null(strstr(err.message, "offset 4321"));
    lk_input_close(in);
}

static void a_file_that_became_shorter_is_damage(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    uint8_t got[sizeof content];
    put("file", sizeof content);
    assert_int_equal(lk_input_open(&top, "file", &in, &err), LK_OK);
    put("file", 5000);
    assert_int_equal(lk_input_read(in, 0, got, 5000, &err), LK_OK);
    assert_int_equal(lk_input_read(in, 4000, got, 2000, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "shorter"));
    lk_input_close(in);
}

static void only_regular_files_of_the_folder_are_opened(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    put("file", 10);
    assert_int_equal(symlinkat("file", top.fd, "link"), 0);
    assert_int_equal(symlinkat("missing", top.fd, "dangling"), 0);
    assert_int_equal(mkfifoat(top.fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(top.fd, "folder", 0700), 0);
    assert_int_equal(lk_input_open(&top, "missing", &in, &err), LK_NOT_FOUND);
    assert_int_equal(err.system, ENOENT);
    assert_int_equal(lk_input_open(&top, "link", &in, &err), LK_DAMAGED);
    assert_int_equal(lk_input_open(&top, "dangling", &in, &err), LK_DAMAGED);
    assert_int_equal(lk_input_open(&top, "fifo", &in, &err), LK_DAMAGED); /* and does not hang */
    assert_int_equal(lk_input_open(&top, "folder", &in, &err), LK_DAMAGED);
    static const char *const names[] = {"", ".", "..", "folder/x", "../x", "/etc/passwd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(lk_input_open(&top, names[i], &in, &err), LK_FAILED);
    assert_null(in);
}

static void without_memory_nothing_is_opened(void **state)
{
    (void)state;
    put("file", 10);
    for (int64_t count = 0; count < 2; count++) {
        struct lk_error err = {0};
        struct lk_input *in = NULL;
        lk_memory_fail_after(count, 0);
        assert_int_equal(lk_input_open(&top, "file", &in, &err), LK_FAILED);
        assert_null(in);
        lk_memory_fail_after(count, 0);
        assert_int_equal(lk_input_of_memory(lk_bytes_of("x"), "x", &in, &err), LK_FAILED);
        assert_null(in);
    }
}

static void *read_all(void *argument)
{
    const struct lk_input *in = argument;
    struct lk_error err = {0};
    for (size_t i = 0; i < 500; i++) {
        uint8_t got[100];
        const size_t offset = i * 19;
        if (lk_input_read(in, offset, got, sizeof got, &err) != LK_OK ||
            memcmp(got, content + offset, sizeof got) != 0)
            return argument;
    }
    return NULL;
}

static void threads_may_read_at_once(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    pthread_t threads[4];
    put("file", sizeof content);
    assert_int_equal(lk_input_open(&top, "file", &in, &err), LK_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, in), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    lk_input_close(in);
}

int main(void)
{
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make, clean)
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_file_is_read_at_any_offset),
        IN_SCRATCH(memory_reads_like_a_file),
        IN_SCRATCH(short_and_interrupted_reads_go_on),
        IN_SCRATCH(a_read_error_is_a_failure_with_its_offset),
        IN_SCRATCH(a_file_that_became_shorter_is_damage),
        IN_SCRATCH(only_regular_files_of_the_folder_are_opened),
        IN_SCRATCH(without_memory_nothing_is_opened),
        IN_SCRATCH(threads_may_read_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
