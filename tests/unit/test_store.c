#include "store/store.h"
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int make(void **state)
{
    static struct fixture f;
    f = (struct fixture){.scratch = LK_DIR_CLOSED, .dir = LK_DIR_CLOSED};
    *state = &f;
    return scratch_make(&f.scratch) ? 0 : -1;
}

static int remove_all(void **state)
{
    struct fixture *f = *state;
    return scratch_remove(&f->scratch) ? 0 : -1;
}

static const char *path_of(const struct fixture *f, const char *name)
{
    static char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", f->scratch.path, name);
    return path;
}

static void put_mark(const struct fixture *f, const char *text)
{
    struct lk_error err = {0};
    assert_int_equal(lk_file_write(&f->scratch, LK_STORE_MARK, lk_bytes_of(text), 0600, true, &err), LK_OK);
}

static void a_path_without_a_mark_is_no_store_and_the_way_out_is_named(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *store = NULL;
    assert_int_equal(lk_store_open(path_of(f, "none"), LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                     LK_NOT_FOUND);
    assert_non_null(strstr(err.message, "--init"));
    assert_non_null(strstr(err.message, "mounted"));
    assert_int_equal(lk_store_open(f->scratch.path, LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                     LK_NOT_FOUND);
    assert_null(store);
    assert_false(fixture_exists(&f->scratch, "none"));
}

static void a_new_store_is_private_and_opens_again(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *first = NULL, *second = NULL, *third = NULL;
    const mode_t mask = umask(0077);
    assert_int_equal(
        lk_store_init(path_of(f, "a/b/store//"), LK_ACCESS_PRIVATE, fixture_warn(f), &first, &err), LK_OK);
    (void)umask(mask);
    struct stat st;
    static const char *const folders[] = {"a", "a/b", "a/b/store"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fstatat(f->scratch.fd, folders[i], &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
    }
    assert_int_equal(fstatat(first->dir.fd, LK_STORE_MARK, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
    assert_int_equal(strlen(first->uuid), 36);
    assert_int_equal(first->uuid[14], '4');
    assert_int_equal(
        lk_store_open(path_of(f, "a/b/store"), LK_ACCESS_PRIVATE, fixture_warn(f), &second, &err), LK_OK);
    assert_string_equal(first->uuid, second->uuid);
    assert_memory_equal(first->secret, second->secret, LK_SECRET_SIZE);
    assert_true(first->created == second->created && first->created != 0);
    assert_int_equal(lk_store_init(path_of(f, "a/b/store"), LK_ACCESS_PRIVATE, fixture_warn(f), &third, &err),
                     LK_OK);
    assert_string_equal(first->uuid, third->uuid);
    assert_int_equal(f->warnings, 0);
    lk_store_free(first);
    lk_store_free(second);
    lk_store_free(third);
}

static void two_stores_have_two_secrets(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *first = NULL, *second = NULL;
    assert_int_equal(lk_store_init(path_of(f, "one"), LK_ACCESS_PRIVATE, fixture_warn(f), &first, &err),
                     LK_OK);
    assert_int_equal(lk_store_init(path_of(f, "two"), LK_ACCESS_PRIVATE, fixture_warn(f), &second, &err),
                     LK_OK);
    assert_memory_not_equal(first->secret, second->secret, LK_SECRET_SIZE);
    assert_string_not_equal(first->uuid, second->uuid);
    lk_store_free(first);
    lk_store_free(second);
}

static void a_group_store_can_be_read_by_the_group(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *store = NULL;
    struct stat st;
    assert_int_equal(lk_store_init(path_of(f, "store"), LK_ACCESS_GROUP, fixture_warn(f), &store, &err),
                     LK_OK);
    assert_int_equal(fstat(store->dir.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(fstatat(store->dir.fd, LK_STORE_MARK, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0440);
    assert_int_equal(store->file_mode, 0440);
    lk_store_free(store);
}

static void a_folder_with_other_things_can_become_a_store(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *store = NULL;
    assert_int_equal(lk_file_write(&f->scratch, "notes.txt", lk_bytes_of("mine"), 0600, false, &err), LK_OK);
    assert_int_equal(lk_store_init(f->scratch.path, LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err), LK_OK);
    assert_true(fixture_exists(&f->scratch, "notes.txt"));
    lk_store_free(store);
}

static void a_store_that_others_may_write_to_is_warned_of(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *store = NULL;
    assert_int_equal(lk_store_init(path_of(f, "store"), LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                     LK_OK);
    assert_int_equal(f->warnings, 0);
    assert_int_equal(fchmod(store->dir.fd, 0770), 0);
    lk_store_free(store);
    assert_int_equal(lk_store_open(path_of(f, "store"), LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                     LK_OK);
    assert_int_equal(f->warnings, 1);
    assert_non_null(strstr(f->warning, "group"));
    assert_int_equal(fchmod(store->dir.fd, 0777), 0);
    lk_store_free(store);
    assert_int_equal(lk_store_open(path_of(f, "store"), LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                     LK_OK);
    assert_non_null(strstr(f->warning, "everybody"));
    lk_store_free(store);
}

static void a_damaged_mark_is_no_store_and_is_not_overwritten(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "{\"format\":1}",
        "{\"format\":1,\"uuid\":\"x\",\"created\":\"2024-05-29T09:14:42Z\",\"secret\":\"00\"}",
        "{\"format\":1,\"uuid\":\"01234567-89ab-4def-8123-456789abcdef\",\"created\":\"2024-05-29T09:14:"
        "42Z\",\"secret\":\"00\"}",
        "{\"format\":1,\"uuid\":\"01234567-89ab-4def-8123-456789abcdef\",\"created\":\"then\",\"secret\":"
        "\"00\"}",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct lk_error err = {0};
        struct lk_store *store = NULL;
        struct lk_buffer text = {0};
        put_mark(f, bad[i]);
        assert_int_equal(lk_store_open(f->scratch.path, LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                         LK_DAMAGED);
        assert_non_null(strstr(err.message, LK_STORE_MARK));
        assert_int_equal(lk_store_init(f->scratch.path, LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                         LK_DAMAGED);
        assert_int_equal(lk_file_read(&f->scratch, LK_STORE_MARK, 4096, &text, &err), LK_OK);
        assert_true(lk_bytes_equal(lk_buffer_bytes(&text), lk_bytes_of(bad[i])));
        lk_buffer_reset(&text);
    }
}

static void a_store_of_a_newer_format_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *store = NULL;
    put_mark(f, "{\"format\":2,\"other\":true}");
    assert_int_equal(lk_store_open(f->scratch.path, LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                     LK_UNREADABLE);
    assert_non_null(strstr(err.message, "newer"));
}

struct maker {
    const char *path;
    char uuid[LK_UUID_SIZE];
    enum lk_status status;
};

static void *make_store(void *argument)
{
    struct maker *m = argument;
    struct lk_error err = {0};
    struct lk_store *store = NULL;
    m->status = lk_store_init(m->path, LK_ACCESS_PRIVATE, (struct lk_warn){0}, &store, &err);
    if (m->status == LK_OK)
        memcpy(m->uuid, store->uuid, LK_UUID_SIZE);
    lk_store_free(store);
    return NULL;
}

static void makers_at_the_same_time_get_the_same_store(void **state)
{
    enum { MAKERS = 4 };
    struct fixture *f = *state;
    pthread_t threads[MAKERS];
    struct maker makers[MAKERS];
    const char *const path = path_of(f, "x/store");
    for (int i = 0; i < MAKERS; i++) {
        makers[i] = (struct maker){.path = path};
        assert_int_equal(pthread_create(&threads[i], NULL, make_store, &makers[i]), 0);
    }
    for (int i = 0; i < MAKERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(makers[i].status, LK_OK);
        assert_string_equal(makers[i].uuid, makers[0].uuid);
    }
}

static void free_space_is_what_the_file_system_says(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *store = NULL;
    uint64_t bytes = 0, inodes = 0;
    assert_int_equal(lk_store_init(path_of(f, "store"), LK_ACCESS_PRIVATE, fixture_warn(f), &store, &err),
                     LK_OK);
    assert_int_equal(lk_store_space(store, &bytes, &inodes, &err), LK_OK);
    assert_true(bytes > 0 && inodes > 0);
    lk_store_free(store);
}

static void a_full_or_read_only_disk_comes_with_advice(void **state)
{
    (void)state;
    struct lk_error err = {0};
    (void)lk_fail_errno(&err, LK_FAILED, EROFS, "/s: cannot write");
    assert_int_equal(lk_store_advise(&err), LK_FAILED);
    assert_non_null(strstr(err.message, "remount"));
    const size_t len = strlen(err.message);
    assert_int_equal(lk_store_advise(&err), LK_FAILED);
    assert_int_equal(strlen(err.message), len);
    (void)lk_fail_errno(&err, LK_FAILED, EDQUOT, "/s: cannot write");
    (void)!lk_store_advise(&err);
    assert_non_null(strstr(err.message, "quota"));
    (void)lk_fail_errno(&err, LK_FAILED, EIO, "/s: cannot write");
    (void)!lk_store_advise(&err);
    assert_null(strstr(err.message, "--store"));
}

static void warnings_are_safe_to_print(void **state)
{
    struct fixture *f = *state;
    f->warnings = 0;
    lk_store_warn(fixture_warn(f), "name %s", "a\033[2Jb");
    assert_null(strchr(f->warning, '\033'));
    assert_int_equal(f->warnings, 1);
    lk_store_warn((struct lk_warn){0}, "nobody listens");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, remove_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_without_a_mark_is_no_store_and_the_way_out_is_named),
        TEST(a_new_store_is_private_and_opens_again),
        TEST(two_stores_have_two_secrets),
        TEST(a_group_store_can_be_read_by_the_group),
        TEST(a_folder_with_other_things_can_become_a_store),
        TEST(a_store_that_others_may_write_to_is_warned_of),
        TEST(a_damaged_mark_is_no_store_and_is_not_overwritten),
        TEST(a_store_of_a_newer_format_is_left_alone),
        TEST(makers_at_the_same_time_get_the_same_store),
        TEST(free_space_is_what_the_file_system_says),
        TEST(a_full_or_read_only_disk_comes_with_advice),
        TEST(warnings_are_safe_to_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
