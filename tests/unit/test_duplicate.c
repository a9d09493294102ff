#include "database.h"

#include <fcntl.h>

#include "base/clock.h"
#include "sqlite/duplicate.h"

static struct lk_dir dir;

static int set_up(void **state)
{
    (void)state;
    struct lk_error err = {0};
    if (!scratch_make(&dir))
        return -1;
    struct lk_buffer content = {0};
    for (uint32_t i = 0; i < 3000000; i++) {
        uint8_t word[4];
        lk_put_u32(word, i * 2654435761u);
        lk_buffer_append(&content, word, 4);
    }
    const enum lk_status status = lk_file_write(&dir, "a", lk_buffer_bytes(&content), 0600, false, &err);
    lk_buffer_reset(&content);
    return status == LK_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

static int open_a(void)
{
    const int fd = open(in_scratch(&dir, "a"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_copy_has_all_bytes_and_is_private(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct stat st;
    bool done = false;
    const int fd = open_a();
    assert_int_equal(lk_duplicate_copy(fd, "a", in_scratch(&dir, "b"), 0, NULL, &done, &err), LK_OK);
    close(fd);
    assert_true(done);
    assert_true(same_file_hash(hash_file(&dir, "a"), hash_file(&dir, "b")));
    assert_int_equal(stat(in_scratch(&dir, "b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_copy_to_another_file_system_has_all_bytes(void **state)
{
    (void)state;
    if (access("/dev/shm", W_OK) != 0)
        skip();
    struct lk_error err = {0};
    struct lk_dir other = LK_DIR_CLOSED;
    char path[] = "/dev/shm/litekeep-test-XXXXXX";
    assert_non_null(mkdtemp(path));
    assert_int_equal(lk_dir_open(path, &other, &err), LK_OK);
    bool done = false;
    const int fd = open_a();
    assert_int_equal(lk_duplicate_copy(fd, "a", in_scratch(&other, "b"), 0, NULL, &done, &err), LK_OK);
    close(fd);
    assert_true(done);
    assert_true(same_file_hash(hash_file(&dir, "a"), hash_file(&other, "b")));
    assert_true(scratch_remove(&other));
}

static void a_copy_that_does_not_fit_the_time_is_given_up(void **state)
{
    (void)state;
    struct lk_error err = {0};
    bool done = true;
    const int fd = open_a();
    assert_int_equal(
        lk_duplicate_copy(fd, "a", in_scratch(&dir, "b"), lk_clock_monotonic() - 1, NULL, &done, &err),
        LK_OK);
    close(fd);
    assert_false(done);
}

static void an_interrupt_ends_a_copy(void **state)
{
    (void)state;
    struct lk_error err = {0};
    atomic_bool stop = true;
    bool done = true;
    const int fd = open_a();
    assert_int_equal(lk_duplicate_copy(fd, "a", in_scratch(&dir, "b"), 0, &stop, &done, &err),
                     LK_INTERRUPTED);
    close(fd);
}

static void an_existing_file_is_never_written(void **state)
{
    (void)state;
    struct lk_error err = {0};
    bool done = true;
    assert_int_equal(lk_file_write(&dir, "b", lk_bytes_of("mine"), 0600, false, &err), LK_OK);
    const int fd = open_a();
    assert_int_equal(lk_duplicate_copy(fd, "a", in_scratch(&dir, "b"), 0, NULL, &done, &err), LK_UNREADABLE);
    assert_int_equal(lk_duplicate_clone(fd, in_scratch(&dir, "b"), &done, &err), LK_UNREADABLE);
    close(fd);
    assert_int_equal(file_bytes(in_scratch(&dir, "b")), 4);
}

static void a_clone_is_whole_or_leaves_nothing(void **state)
{
    (void)state;
    struct lk_error err = {0};
    bool done = false;
    const int fd = open_a();
    assert_int_equal(lk_duplicate_clone(fd, in_scratch(&dir, "b"), &done, &err), LK_OK);
    close(fd);
    assert_int_equal(file_exists(in_scratch(&dir, "b")), done);
    if (done)
        assert_true(same_file_hash(hash_file(&dir, "a"), hash_file(&dir, "b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_copy_has_all_bytes_and_is_private),
        CASE(a_copy_to_another_file_system_has_all_bytes),
        CASE(a_copy_that_does_not_fit_the_time_is_given_up),
        CASE(an_interrupt_ends_a_copy),
        CASE(an_existing_file_is_never_written),
        CASE(a_clone_is_whole_or_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
