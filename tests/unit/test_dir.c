#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* fsync and fchmod of this program, so that a test can say what they come to. */
static int fsync_error;
static int fchmod_error;

int fsync(int fd)
{
    if (fsync_error == 0)
        return (int)syscall(SYS_fsync, fd);
    errno = fsync_error;
    return -1;
}

int fchmod(int fd, mode_t mode)
{
    if (fchmod_error == 0)
        return (int)syscall(SYS_fchmod, fd, mode);
    errno = fchmod_error;
    return -1;
}

static struct lk_dir top;

static int make(void **state)
{
    (void)state;
    return scratch_make(&top) ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    lk_memory_fail_after(-1, 0);
    fsync_error = 0;
    fchmod_error = 0;
    return scratch_remove(&top) ? 0 : -1;
}

static void touch(const struct lk_dir *dir, const char *name, mode_t mode)
{
    const int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL, mode);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static bool exists(const char *name)
{
    return faccessat(top.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(top.fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void a_folder_is_opened_by_path_through_links(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    char path[600];
    assert_int_equal(mkdirat(top.fd, "real", 0700), 0);
    assert_int_equal(symlinkat("real", top.fd, "link"), 0);
    (void)snprintf(path, sizeof path, "%s/link", top.path);
    assert_int_equal(lk_dir_open(path, &dir, &err), LK_OK);
    assert_string_equal(dir.path, path);
    lk_dir_close(&dir);
    assert_int_equal(dir.fd, -1);
    assert_null(dir.path);
    lk_dir_close(&dir); /* and again */
}

static void a_missing_folder_is_not_found_and_others_fail(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = {.fd = 7, .path = NULL};
    char path[600];
    touch(&top, "file", 0600);
    (void)snprintf(path, sizeof path, "%s/missing", top.path);
    assert_int_equal(lk_dir_open(path, &dir, &err), LK_NOT_FOUND);
    assert_int_equal(dir.fd, -1);
    assert_int_equal(err.system, ENOENT);
    assert_non_null(strstr(err.message, path));
    (void)snprintf(path, sizeof path, "%s/file", top.path);
    assert_int_equal(lk_dir_open(path, &dir, &err), LK_FAILED);
    assert_int_equal(lk_dir_open_at(&top, "missing", &dir, &err), LK_NOT_FOUND);
    assert_int_equal(lk_dir_open_at(&top, "file", &dir, &err), LK_FAILED);
    assert_int_equal(err.system, ENOTDIR);
    assert_int_equal(dir.fd, -1);
}

static void below_a_folder_no_link_is_followed(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_int_equal(mkdirat(top.fd, "real", 0700), 0);
    assert_int_equal(symlinkat("real", top.fd, "link"), 0);
    assert_int_equal(lk_dir_open_at(&top, "link", &dir, &err), LK_FAILED);
    assert_int_equal(lk_dir_create_at(&top, "link", 0700, false, &dir, &err), LK_FAILED);
    assert_true(exists("link"));
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", "/", "a/b", "../x", "/etc", "a/"};
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_int_equal(mkdirat(top.fd, "a", 0700), 0);
    assert_int_equal(mkdirat(top.fd, "a/b", 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_false(lk_dir_is_name(names[i]));
        assert_int_equal(lk_dir_open_at(&top, names[i], &dir, &err), LK_FAILED);
        assert_int_equal(lk_dir_create_at(&top, names[i], 0700, false, &dir, &err), LK_FAILED);
        assert_int_equal(lk_dir_remove_tree(&top, names[i], &err), LK_FAILED);
        assert_non_null(strstr(err.message, top.path));
    }
    assert_true(exists("a/b"));
    assert_true(lk_dir_is_name("..."));
    assert_true(lk_dir_is_name(".lock"));
    assert_true(lk_dir_is_name("-rf"));
}

static void a_new_folder_has_exactly_its_mode(void **state)
{
    (void)state;
    static const mode_t modes[] = {0700, 0750, 0770, 0755};
    struct lk_error err = {0};
    const mode_t before = umask(077);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char name[16];
        struct lk_dir dir = LK_DIR_CLOSED;
        (void)snprintf(name, sizeof name, "d%zu", i);
        assert_int_equal(lk_dir_create_at(&top, name, modes[i], true, &dir, &err), LK_OK);
        assert_int_equal(mode_of(name), modes[i]);
        touch(&dir, "inside", 0600);
        assert_non_null(strstr(dir.path, name));
        lk_dir_close(&dir);
    }
    (void)umask(before);
}

static void an_inherited_set_group_id_bit_stays(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_int_equal(fchmod(top.fd, 02750), 0);
    assert_int_equal(lk_dir_create_at(&top, "d", 0750, true, &dir, &err), LK_OK);
    assert_int_equal(mode_of("d"), 02750);
    lk_dir_close(&dir);
}

static void an_existing_folder_is_taken_as_it_is_or_refused(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_int_equal(mkdirat(top.fd, "d", 0711), 0);
    assert_int_equal(lk_dir_create_at(&top, "d", 0700, false, &dir, &err), LK_OK);
    assert_int_equal(mode_of("d"), 0711);
    lk_dir_close(&dir);
    assert_int_equal(lk_dir_create_at(&top, "d", 0700, true, &dir, &err), LK_FAILED);
    assert_int_equal(err.system, EEXIST);
    assert_int_equal(dir.fd, -1);
    assert_true(exists("d"));
}

static void a_file_system_without_modes_is_no_error_and_a_broken_one_is(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    const mode_t before = umask(077);
    fchmod_error = EPERM;
    assert_int_equal(lk_dir_create_at(&top, "a", 0770, true, &dir, &err), LK_OK);
    lk_dir_close(&dir);
    fchmod_error = ENOTSUP;
    assert_int_equal(lk_dir_create_at(&top, "b", 0770, true, &dir, &err), LK_OK);
    lk_dir_close(&dir);
    fchmod_error = EIO;
    assert_int_equal(lk_dir_create_at(&top, "c", 0770, true, &dir, &err), LK_FAILED);
    assert_int_equal(err.system, EIO);
    assert_false(exists("c"));
    (void)umask(before);
}

static void syncing_forgives_only_file_systems_that_cannot(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(lk_dir_sync(&top, &err), LK_OK);
    fsync_error = EINVAL;
    assert_int_equal(lk_dir_sync(&top, &err), LK_OK);
    fsync_error = ENOTSUP;
    assert_int_equal(lk_dir_sync(&top, &err), LK_OK);
    assert_int_equal(err.status, LK_OK);
    static const int errors[] = {EIO, EROFS, ENOSPC, EDQUOT, EINTR};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        fsync_error = errors[i];
        assert_int_equal(lk_dir_sync(&top, &err), LK_FAILED);
        assert_int_equal(err.system, errors[i]);
    }
}

static void names_are_listed_sorted_by_bytes(void **state)
{
    (void)state;
    static const char *const expected[] = {" ", ".hidden", "A", "B", "a", "b", "b0", "\xc3\xa9", "\xff"};
    const size_t wanted = sizeof expected / sizeof *expected;
    struct lk_error err = {0};
    char **names = NULL;
    size_t count = 99;
    for (size_t i = 0; i < wanted; i++)
        touch(&top, expected[(i * 5 + 2) % wanted], 0600);
    for (int pass = 0; pass < 2; pass++) { /* the descriptor's position does not matter */
        assert_int_equal(lk_dir_list(&top, &names, &count, &err), LK_OK);
        assert_int_equal(count, wanted);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(names[i], expected[i]);
        assert_null(names[count]);
        lk_free(names);
    }
}

static void an_empty_folder_lists_no_names(void **state)
{
    (void)state;
    struct lk_error err = {0};
    char **names = NULL;
    size_t count = 99;
    assert_int_equal(lk_dir_list(&top, &names, &count, &err), LK_OK);
    assert_int_equal(count, 0);
    assert_non_null(names);
    assert_null(names[0]);
    lk_free(names);
}

static void listing_many_names_forgets_none_and_survives_lack_of_memory(void **state)
{
    (void)state;
    struct lk_error err = {0};
    char **names = NULL;
    size_t count = 0;
    for (int i = 0; i < 2000; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "some-longer-name-for-a-file-%05d", i);
        touch(&top, name, 0600);
    }
    int64_t failures = 0;
    for (enum lk_status status = LK_FAILED; status != LK_OK; failures++) {
        assert_true(failures < 100);
        lk_memory_fail_after(failures, 0);
        status = lk_dir_list(&top, &names, &count, &err);
        lk_memory_fail_after(-1, 0);
        if (status != LK_OK) {
            assert_int_equal(status, LK_FAILED);
            assert_null(names);
        }
    }
    assert_true(failures > 2);
    assert_int_equal(count, 2000);
    assert_string_equal(names[1999], "some-longer-name-for-a-file-01999");
    lk_free(names);
}

/* A tree with every kind of entry; the folders' modes as given. */
static void make_tree(mode_t outer, mode_t inner)
{
    assert_int_equal(mkdirat(top.fd, "tree", 0700), 0);
    assert_int_equal(mkdirat(top.fd, "tree/in", 0700), 0);
    assert_int_equal(mkdirat(top.fd, "tree/in/empty", 0700), 0);
    assert_int_equal(mkdirat(top.fd, "outside", 0700), 0);
    touch(&top, "outside/kept", 0600);
    touch(&top, "tree/file", 0400);
    touch(&top, "tree/in/file", 0400);
    assert_int_equal(symlinkat("../outside", top.fd, "tree/link"), 0);
    assert_int_equal(symlinkat("nowhere", top.fd, "tree/in/dangling"), 0);
    assert_int_equal(mkfifoat(top.fd, "tree/in/fifo", 0600), 0);
    assert_int_equal(fchmodat(top.fd, "tree/in/empty", inner, 0), 0);
    assert_int_equal(fchmodat(top.fd, "tree/in", inner, 0), 0);
    assert_int_equal(fchmodat(top.fd, "tree", outer, 0), 0);
}

static void a_tree_is_removed_and_links_are_not_followed(void **state)
{
    (void)state;
    struct lk_error err = {0};
    make_tree(0700, 0700);
    assert_int_equal(lk_dir_remove_tree(&top, "tree", &err), LK_OK);
    assert_false(exists("tree"));
    assert_true(exists("outside/kept"));
    assert_int_equal(symlinkat("outside", top.fd, "link"), 0);
    assert_int_equal(lk_dir_remove_tree(&top, "link", &err), LK_OK);
    assert_false(exists("link"));
    assert_true(exists("outside/kept"));
    assert_int_equal(lk_dir_remove_tree(&top, "link", &err), LK_OK); /* missing: no error */
}

static void folders_without_permissions_are_removed_too(void **state)
{
    (void)state;
    static const mode_t modes[] = {0500, 0400, 0300, 0100, 0};
    struct lk_error err = {0};
    /* Root is stopped by no mode: as somebody else. */
    const bool root = geteuid() == 0;
    const uid_t nobody = 65534;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (root) {
            assert_int_equal(fchown(top.fd, nobody, nobody), 0);
            assert_int_equal(seteuid(nobody), 0);
        }
        make_tree(modes[i], modes[i]);
        const enum lk_status status = lk_dir_remove_tree(&top, "tree", &err);
        if (root)
            assert_int_equal(seteuid(0), 0);
        assert_int_equal(status, LK_OK);
        assert_false(exists("tree"));
        assert_int_equal(lk_dir_remove_tree(&top, "outside", &err), LK_OK);
    }
}

static void what_cannot_be_removed_is_named(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_int_equal(lk_dir_open(top.path, &dir, &err), LK_OK);
    for (int depth = 0; depth < 60; depth++) {
        struct lk_dir next = LK_DIR_CLOSED;
        assert_int_equal(lk_dir_create_at(&dir, "d", 0700, true, &next, &err), LK_OK);
        lk_dir_close(&dir);
        dir = next;
    }
    lk_dir_close(&dir);
    /* A tree deeper than descriptors reach is an error, not a crash, and nothing of it is lost sight of. */
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {.rlim_cur = 40, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    const enum lk_status status = lk_dir_remove_tree(&top, "d", &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, LK_FAILED);
    assert_int_equal(err.system, EMFILE);
    char shown[600];
    (void)snprintf(shown, sizeof shown, "%s/d/d/d", top.path);
    assert_memory_equal(err.message, shown, strlen(shown));
    assert_true(exists("d"));
    assert_int_equal(lk_dir_remove_tree(&top, "d", &err), LK_OK);
}

static void what_the_file_system_refuses_is_reported(void **state)
{
    (void)state;
    struct lk_error err = {0};
    const bool root = geteuid() == 0;
    make_tree(0700, 0700);
    assert_int_equal(lk_dir_remove_tree(&top, "outside", &err), LK_OK);
    touch(&top, "file", 0600);
    assert_int_equal(fchmod(top.fd, 0555), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    struct lk_dir dir = LK_DIR_CLOSED;
    const enum lk_status created = lk_dir_create_at(&top, "new", 0700, false, &dir, &err);
    struct lk_error removing = {0};
    const enum lk_status removed = lk_dir_remove_tree(&top, "tree", &removing);
    struct lk_error unlinking = {0};
    const enum lk_status unlinked = lk_dir_remove_tree(&top, "file", &unlinking);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmod(top.fd, 0700), 0);
    assert_int_equal(created, LK_FAILED);
    assert_int_equal(err.system, EACCES);
    assert_int_equal(removed, LK_FAILED);
    assert_int_equal(removing.system, EACCES);
    assert_true(strstr(removing.message, "/tree") != NULL);
    assert_int_equal(unlinked, LK_FAILED);
    assert_non_null(strstr(unlinking.message, "/file: cannot remove"));
    assert_true(exists("tree"));
}

static void a_folder_that_cannot_be_read_is_no_empty_list(void **state)
{
    (void)state;
    struct lk_error err = {0};
    char **names = NULL;
    size_t count = 99;
    char path[] = "/closed";
    const struct lk_dir closed = {.fd = -1, .path = path};
    assert_int_equal(lk_dir_list(&closed, &names, &count, &err), LK_FAILED);
    assert_int_equal(err.system, EBADF);
    assert_null(names);
    assert_int_equal(count, 99);
}

static void without_memory_no_folder_is_opened(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    lk_memory_fail_after(0, 1);
    assert_int_equal(lk_dir_open(top.path, &dir, &err), LK_FAILED);
    assert_int_equal(dir.fd, -1);
    /* What was made for a folder that could then not be opened is taken back. */
    assert_int_equal(lk_dir_create_at(&top, "new", 0700, false, &dir, &err), LK_FAILED);
    assert_int_equal(dir.fd, -1);
    lk_memory_fail_after(-1, 0);
    assert_false(exists("new"));
}

int main(void)
{
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make, clean)
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_folder_is_opened_by_path_through_links),
        IN_SCRATCH(a_missing_folder_is_not_found_and_others_fail),
        IN_SCRATCH(below_a_folder_no_link_is_followed),
        IN_SCRATCH(names_that_lead_elsewhere_are_refused),
        IN_SCRATCH(a_new_folder_has_exactly_its_mode),
        IN_SCRATCH(an_inherited_set_group_id_bit_stays),
        IN_SCRATCH(an_existing_folder_is_taken_as_it_is_or_refused),
        IN_SCRATCH(a_file_system_without_modes_is_no_error_and_a_broken_one_is),
        IN_SCRATCH(syncing_forgives_only_file_systems_that_cannot),
        IN_SCRATCH(names_are_listed_sorted_by_bytes),
        IN_SCRATCH(an_empty_folder_lists_no_names),
        IN_SCRATCH(listing_many_names_forgets_none_and_survives_lack_of_memory),
        IN_SCRATCH(a_tree_is_removed_and_links_are_not_followed),
        IN_SCRATCH(folders_without_permissions_are_removed_too),
        IN_SCRATCH(what_cannot_be_removed_is_named),
        IN_SCRATCH(what_the_file_system_refuses_is_reported),
        IN_SCRATCH(a_folder_that_cannot_be_read_is_no_empty_list),
        IN_SCRATCH(without_memory_no_folder_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
