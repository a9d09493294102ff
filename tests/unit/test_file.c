#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"

#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The steps that make a file durable, in the order in which they come; each may fail. */
static char steps[16]; /* f: fsync of a file, d: fsync of a folder, r: rename */
static int fsync_error;
static int rename_error;

static void note(char step)
{
    const size_t len = strlen(steps);
    if (len + 1 < sizeof steps) {
        steps[len] = step;
        steps[len + 1] = '\0';
    }
}

int fsync(int fd)
{
    struct stat st;
    note(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : 'f');
    if (fsync_error == 0)
        return (int)syscall(SYS_fsync, fd);
    errno = fsync_error;
    return -1;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    note('r');
    if (rename_error == 0)
        return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
    errno = rename_error;
    return -1;
}

static int pread_error;

ssize_t pread(int fd, void *to, size_t len, off_t offset)
{
    if (pread_error == 0)
        return syscall(SYS_pread64, fd, to, len, offset);
    errno = pread_error;
    return -1;
}

static struct lk_dir top;

static int make(void **state)
{
    (void)state;
    steps[0] = '\0';
    return scratch_make(&top) ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    fsync_error = 0;
    rename_error = 0;
    pread_error = 0;
    lk_memory_fail_after(-1, 0);
    return scratch_remove(&top) ? 0 : -1;
}

static enum lk_status put(const char *name, const char *text, bool replace, struct lk_error *err)
{
    steps[0] = '\0';
    return lk_file_write(&top, name, lk_bytes_of(text), 0400, replace, err);
}

/* The folder holds one name, and that file this text. */
static void check_only(const char *name, const char *text)
{
    struct lk_error err = {0};
    struct lk_buffer got = {0};
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(lk_dir_list(&top, &names, &count, &err), LK_OK);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], name);
    lk_free(names);
    assert_int_equal(lk_file_read(&top, name, 1000, &got, &err), LK_OK);
    assert_string_equal(lk_buffer_string(&got), text);
    lk_buffer_reset(&got);
}

static void a_new_file_is_durable_with_its_folder(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct stat st;
    assert_int_equal(put("f", "text", false, &err), LK_OK);
    assert_string_equal(steps, "fd");
    check_only("f", "text");
    assert_int_equal(fstatat(top.fd, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
}

static void an_existing_file_is_not_overwritten_unless_replaced(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(put("f", "old", false, &err), LK_OK);
    assert_int_equal(put("f", "new", false, &err), LK_FAILED);
    assert_int_equal(err.system, EEXIST);
    check_only("f", "old");
    assert_int_equal(put("f", "new", true, &err), LK_OK);
    assert_string_equal(steps, "frd");
    check_only("f", "new");
    assert_int_equal(put("f", "", true, &err), LK_OK);
    check_only("f", "");
}

static void replacing_needs_no_file_before(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(put("f", "new", true, &err), LK_OK);
    check_only("f", "new");
}

static void replacing_a_link_leaves_its_target_alone(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer got = {0};
    assert_int_equal(put("target", "kept", false, &err), LK_OK);
    assert_int_equal(symlinkat("target", top.fd, "f"), 0);
    assert_int_equal(put("f", "new", true, &err), LK_OK);
    assert_int_equal(lk_file_read(&top, "target", 10, &got, &err), LK_OK);
    assert_int_equal(lk_file_read(&top, "f", 10, &got, &err), LK_OK);
    assert_string_equal(lk_buffer_string(&got), "keptnew");
    lk_buffer_reset(&got);
}

static void a_failed_replacement_leaves_the_old_file_and_no_other(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(put("f", "old", false, &err), LK_OK);
    rename_error = EIO;
    assert_int_equal(put("f", "new", true, &err), LK_FAILED);
    assert_int_equal(err.system, EIO);
    assert_non_null(strstr(err.message, "/f: cannot rename"));
    check_only("f", "old");
    rename_error = 0;
    fsync_error = EIO;
    assert_int_equal(put("f", "new", true, &err), LK_FAILED);
    assert_string_equal(steps, "f"); /* never renamed, never retried */
    check_only("f", "old");
    for (int64_t count = 0; count < 4; count++) {
        lk_memory_fail_after(count, 0);
        assert_int_equal(put("f", "new", true, &err), LK_FAILED);
        lk_memory_fail_after(-1, 0);
        check_only("f", "old");
    }
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", "../x", "a/b", "/x"};
    struct lk_buffer got = {0};
    assert_int_equal(mkdirat(top.fd, "a", 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct lk_error err = {0};
        assert_int_equal(put(names[i], "x", false, &err), LK_FAILED);
        assert_int_equal(put(names[i], "x", true, &err), LK_FAILED);
        assert_string_equal(steps, "");
        assert_int_equal(lk_file_read(&top, names[i], 10, &got, &err), LK_FAILED);
    }
    assert_int_equal(faccessat(top.fd, "a/b", F_OK, 0), -1);
    lk_buffer_reset(&got);
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer got = {0};
    assert_int_equal(put("f", "12345", false, &err), LK_OK);
    assert_int_equal(lk_file_read(&top, "f", 5, &got, &err), LK_OK);
    assert_string_equal(lk_buffer_string(&got), "12345");
    assert_int_equal(lk_file_read(&top, "f", 5, &got, &err), LK_OK); /* appended */
    assert_string_equal(lk_buffer_string(&got), "1234512345");
    assert_int_equal(lk_file_read(&top, "f", 4, &got, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "5 bytes long"));
    assert_int_equal(got.len, 10);
    lk_buffer_reset(&got);
}

static void an_empty_file_reads_as_nothing(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer got = {0};
    assert_int_equal(put("f", "", false, &err), LK_OK);
    assert_int_equal(lk_file_read(&top, "f", 0, &got, &err), LK_OK);
    assert_int_equal(got.len, 0);
    lk_buffer_reset(&got);
}

static void what_is_missing_unreadable_or_no_file_is_told_apart(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer got = {0};
    lk_buffer_append_string(&got, "kept");
    assert_int_equal(symlinkat("/etc/passwd", top.fd, "link"), 0);
    assert_int_equal(mkdirat(top.fd, "folder", 0700), 0);
    assert_int_equal(mkfifoat(top.fd, "fifo", 0600), 0);
    assert_int_equal(put("f", "text", false, &err), LK_OK);
    pread_error = EIO;
    assert_int_equal(lk_file_read(&top, "f", 10, &got, &err), LK_FAILED);
    assert_int_equal(err.system, EIO);
    assert_int_equal(lk_file_read(&top, "missing", 10, &got, &err), LK_NOT_FOUND);
    assert_int_equal(lk_file_read(&top, "link", 100000, &got, &err), LK_DAMAGED);
    assert_int_equal(lk_file_read(&top, "folder", 100000, &got, &err), LK_DAMAGED);
    assert_int_equal(lk_file_read(&top, "fifo", 100000, &got, &err), LK_DAMAGED);
    assert_string_equal(lk_buffer_string(&got), "kept");
    lk_buffer_reset(&got);
}

static void without_memory_reading_fails_and_keeps_what_was_there(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer got = {0};
    char *large = lk_format("%5000d", 1);
    assert_non_null(large);
    assert_int_equal(put("f", large, false, &err), LK_OK);
    lk_free(large);
    for (int64_t count = 0; count < 3; count++) {
        lk_buffer_clear(&got);
        lk_buffer_append_string(&got, "kept");
        lk_memory_fail_after(count, 0);
        assert_int_equal(lk_file_read(&top, "f", 10000, &got, &err), LK_FAILED);
        lk_memory_fail_after(-1, 0);
        assert_int_equal(got.len, 4);
        assert_memory_equal(got.data, "kept", 4);
    }
    lk_buffer_reset(&got);
}

int main(void)
{
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make, clean)
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_new_file_is_durable_with_its_folder),
        IN_SCRATCH(an_existing_file_is_not_overwritten_unless_replaced),
        IN_SCRATCH(replacing_needs_no_file_before),
        IN_SCRATCH(replacing_a_link_leaves_its_target_alone),
        IN_SCRATCH(a_failed_replacement_leaves_the_old_file_and_no_other),
        IN_SCRATCH(names_that_lead_elsewhere_are_refused),
        IN_SCRATCH(a_file_is_read_up_to_its_limit),
        IN_SCRATCH(an_empty_file_reads_as_nothing),
        IN_SCRATCH(what_is_missing_unreadable_or_no_file_is_told_apart),
        IN_SCRATCH(without_memory_reading_fails_and_keeps_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
