#include "base/memory.h"
#include "scratch.h"
#include "store/lock_system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MILLISECOND INT64_C(1000000)

static int make(void **state)
{
    static struct lk_dir dir;
    *state = &dir;
    return scratch_make(&dir) ? 0 : -1;
}

static int remove_all(void **state)
{
    return scratch_remove(*state) ? 0 : -1;
}

static int unsupported; /* errno of a lock call that the file system has not */

static int no_flock(int fd, int operation)
{
    (void)fd;
    (void)operation;
    errno = unsupported;
    return -1;
}

static int no_ofd(int fd)
{
    (void)fd;
    errno = unsupported;
    return -1;
}

static int broken_flock(int fd, int operation)
{
    (void)fd;
    (void)operation;
    errno = EIO;
    return -1;
}

static bool everybody_lives(int64_t pid, uint64_t *start)
{
    (void)pid;
    *start = 0;
    return true;
}

static bool nobody_lives(int64_t pid, uint64_t *start)
{
    (void)pid;
    (void)start;
    return false;
}

static bool lives_since_77(int64_t pid, uint64_t *start)
{
    (void)pid;
    *start = 77;
    return true;
}

static enum lk_status take(const struct lk_lock_system *system, const struct lk_dir *dir,
                           struct lk_lock **out, struct lk_error *err)
{
    *err = (struct lk_error){0};
    *out = NULL;
    return lk_lock_take_on(system, dir, 0600, "backup", 0, out, err);
}

static void a_lock_that_is_held_is_refused_and_its_holder_named(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_error err = {0};
    struct lk_lock *first = NULL, *second = NULL;
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 0, &first, &err), LK_OK);
    assert_string_equal(lk_lock_method(first), "flock");
    assert_int_equal(lk_lock_take(dir, 0600, "prune", 0, &second, &err), LK_LOCKED);
    char pid[40];
    (void)snprintf(pid, sizeof pid, "litekeep backup, process %d on ", (int)getpid());
    assert_non_null(strstr(err.message, pid));
    lk_lock_release(first);
    assert_int_equal(lk_lock_take(dir, 0600, "prune", 0, &second, &err), LK_OK);
    lk_lock_release(second);
}

static void waiting_ends_after_the_time_given(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_error err = {0};
    struct lk_lock *first = NULL, *second = NULL;
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 0, &first, &err), LK_OK);
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 60 * MILLISECOND, &second, &err), LK_LOCKED);
    assert_null(second);
    lk_lock_release(first);
}

static void a_lock_dies_with_its_process(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_error err = {0};
    struct lk_lock *lock = NULL;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        const bool ok = lk_lock_take(dir, 0600, "backup", 0, &lock, &err) == LK_OK;
        (void)!write(ready[1], ok ? "y" : "n", 1);
        for (;;)
            (void)pause();
    }
    char answer = 0;
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 0, &lock, &err), LK_LOCKED);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 0, &lock, &err), LK_OK);
    lk_lock_release(lock);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void without_flock_an_ofd_lock_is_taken_and_excludes(void **state)
{
    static const int errors[] = {ENOTSUP, ENOSYS, ENOLCK, EINVAL};
    struct lk_lock_system system;
    lk_lock_system_init(&system);
    system.flock = no_flock;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct lk_lock *first, *second;
        struct lk_error err;
        unsupported = errors[i];
        assert_int_equal(take(&system, *state, &first, &err), LK_OK);
        assert_string_equal(lk_lock_method(first), "ofd");
        assert_int_equal(take(&system, *state, &second, &err), LK_LOCKED);
        lk_lock_release(first);
        assert_int_equal(take(&system, *state, &second, &err), LK_OK);
        lk_lock_release(second);
    }
}

static void an_io_error_is_no_reason_to_lock_in_another_way(void **state)
{
    struct lk_lock_system system;
    struct lk_lock *lock;
    struct lk_error err;
    lk_lock_system_init(&system);
    system.flock = broken_flock;
    assert_int_equal(take(&system, *state, &lock, &err), LK_FAILED);
    assert_int_equal(err.system, EIO);
}

/* A system where only the folder is left. */
static struct lk_lock_system folder_system(void)
{
    struct lk_lock_system system;
    lk_lock_system_init(&system);
    unsupported = ENOTSUP;
    system.flock = no_flock;
    system.ofd = no_ofd;
    (void)snprintf(system.self.host, sizeof system.self.host, "here");
    (void)snprintf(system.self.boot, sizeof system.self.boot, "boot-1");
    return system;
}

static void without_kernel_locks_a_folder_excludes(void **state)
{
    const struct lk_dir *dir = *state;
    const struct lk_lock_system system = folder_system();
    struct lk_lock *first, *second;
    struct lk_error err;
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(take(&system, dir, &first, &err), LK_OK);
    assert_string_equal(lk_lock_method(first), "folder");
    assert_int_equal(take(&system, dir, &second, &err), LK_LOCKED);
    assert_non_null(strstr(err.message, "on here"));
    lk_lock_release(first);
    assert_int_equal(take(&system, dir, &second, &err), LK_OK);
    lk_lock_release(second);
    assert_int_equal(lk_dir_list(dir, &names, &count, &err), LK_OK);
    assert_int_equal(count, 1); /* .lock, and no folder is left */
    lk_free(names);
}

/* Leave a lock folder behind as a run that was killed does. */
static void leave_folder(const struct lk_dir *dir, const struct lk_lock_system *system)
{
    struct lk_lock *lock;
    struct lk_error err;
    assert_int_equal(take(system, dir, &lock, &err), LK_OK);
    lk_free(lock); /* without release */
}

struct takeover {
    const char *host, *boot;
    bool (*alive)(int64_t pid, uint64_t *start);
    enum lk_status expected;
};

static void a_lock_folder_is_taken_over_only_from_the_dead(void **state)
{
    static const struct takeover cases[] = {
        {"here", "boot-1", nobody_lives, LK_OK},          {"here", "boot-1", everybody_lives, LK_LOCKED},
        {"here", "boot-2", everybody_lives, LK_OK},       {"elsewhere", "boot-1", nobody_lives, LK_LOCKED},
        {"elsewhere", "boot-2", nobody_lives, LK_LOCKED}, {"here", "", nobody_lives, LK_LOCKED},
        {"here", "boot-1", lives_since_77, LK_OK}, /* the pid is used again */
    };
    const struct lk_dir *dir = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_lock_system system = folder_system();
        struct lk_lock *lock;
        struct lk_error err;
        system.self.start = 76;
        leave_folder(dir, &system);
        (void)snprintf(system.self.host, sizeof system.self.host, "%s", cases[i].host);
        (void)snprintf(system.self.boot, sizeof system.self.boot, "%s", cases[i].boot);
        system.alive = cases[i].alive;
        assert_int_equal(take(&system, dir, &lock, &err), cases[i].expected);
        if (cases[i].expected == LK_LOCKED)
            assert_non_null(strstr(err.message, ".lock.d"));
        lk_lock_release(lock);
        assert_int_equal(lk_dir_remove_tree(dir, LK_LOCK_FOLDER, &err), LK_OK);
    }
}

static void a_kernel_lock_respects_a_living_lock_folder(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_lock_system folder = folder_system(), kernel;
    struct lk_lock *lock;
    struct lk_error err;
    leave_folder(dir, &folder);
    lk_lock_system_init(&kernel);
    kernel.self = folder.self;
    kernel.alive = everybody_lives;
    assert_int_equal(take(&kernel, dir, &lock, &err), LK_LOCKED);
    kernel.alive = nobody_lives;
    assert_int_equal(take(&kernel, dir, &lock, &err), LK_OK);
    assert_string_equal(lk_lock_method(lock), "flock");
    lk_lock_release(lock);
}

static void a_lock_folder_respects_a_living_kernel_lock(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_lock_system folder = folder_system(), kernel;
    struct lk_lock *first, *second;
    struct lk_error err;
    lk_lock_system_init(&kernel);
    kernel.self = folder.self;
    folder.alive = everybody_lives;
    assert_int_equal(take(&kernel, dir, &first, &err), LK_OK);
    assert_int_equal(take(&folder, dir, &second, &err), LK_LOCKED);
    lk_lock_release(first);
    assert_int_equal(take(&folder, dir, &second, &err), LK_OK);
    lk_lock_release(second);
}

static void a_lock_file_that_is_a_link_is_refused(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_error err = {0};
    struct lk_lock *lock = NULL;
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 0, &lock, &err), LK_OK);
    assert_true(lk_lock_covers(lock, dir));
    struct stat st;
    assert_int_equal(fstatat(dir->fd, LK_LOCK_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    lk_lock_release(lock);
    assert_int_equal(unlinkat(dir->fd, LK_LOCK_FILE, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir->fd, LK_LOCK_FILE), 0);
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 0, &lock, &err), LK_FAILED);
}

static void a_lock_covers_its_own_folder_only(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_error err = {0};
    struct lk_dir other = LK_DIR_CLOSED;
    struct lk_lock *lock = NULL;
    assert_int_equal(lk_dir_create_at(dir, "other", 0700, true, &other, &err), LK_OK);
    assert_int_equal(lk_lock_take(dir, 0600, "backup", 0, &lock, &err), LK_OK);
    assert_true(lk_lock_covers(lock, dir));
    assert_false(lk_lock_covers(lock, &other));
    lk_lock_release(lock);
    lk_dir_close(&other);
}

static void a_running_process_is_alive_and_a_dead_one_is_not(void **state)
{
    (void)state;
    struct lk_lock_system system;
    uint64_t start = 0;
    lk_lock_system_init(&system);
    assert_true(system.alive(getpid(), &start));
    assert_true(start == system.self.start && start != 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(system.alive(child, &start));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, remove_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_that_is_held_is_refused_and_its_holder_named),
        TEST(waiting_ends_after_the_time_given),
        TEST(a_lock_dies_with_its_process),
        TEST(without_flock_an_ofd_lock_is_taken_and_excludes),
        TEST(an_io_error_is_no_reason_to_lock_in_another_way),
        TEST(without_kernel_locks_a_folder_excludes),
        TEST(a_lock_folder_is_taken_over_only_from_the_dead),
        TEST(a_kernel_lock_respects_a_living_lock_folder),
        TEST(a_lock_folder_respects_a_living_kernel_lock),
        TEST(a_lock_file_that_is_a_link_is_refused),
        TEST(a_lock_covers_its_own_folder_only),
        TEST(a_running_process_is_alive_and_a_dead_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
