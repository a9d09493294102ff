#include "store/database.h"
#include "store_fixture.h"

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
    *state = &f;
    return fixture_make(&f) ? 0 : -1;
}

static int remove_all(void **state)
{
    return fixture_remove(*state) ? 0 : -1;
}

/* Claim and compare the folder; NULL: the claim must fail with `expected`. */
static void claim(const struct fixture *f, const char *identity, const char *path, const char *name,
                  const char *folder, enum lk_status expected)
{
    struct lk_error err = {0};
    struct lk_database *db = NULL;
    const enum lk_status status = lk_database_claim(f->store, identity, path, name, FIXTURE_TIME, &db, &err);
    if (status != expected)
        fail_msg("%s: %d, %s", path, (int)status, err.message);
    if (folder != NULL)
        assert_string_equal(db->folder, folder);
    lk_database_free(db);
}

static void a_database_keeps_its_folder_and_remembers_its_paths(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_database *db = NULL;
    assert_string_equal(f->database->folder, "posts");
    assert_int_equal(lk_database_claim(f->store, "local:m1:/data/posts.db", "/mnt/posts.db", NULL,
                                       FIXTURE_TIME + FIXTURE_SECOND, &db, &err),
                     LK_OK);
    assert_string_equal(db->folder, "posts");
    lk_database_free(db);
    assert_int_equal(lk_database_find(f->store, "local:m1:/data/posts.db", &db, &err), LK_OK);
    assert_int_equal(db->paths, 2);
    assert_string_equal(lk_database_current_path(db), "/mnt/posts.db");
    assert_string_equal(db->path[0].path, "/data/posts.db");
    assert_true(db->first_seen == FIXTURE_TIME && db->last_seen == FIXTURE_TIME + FIXTURE_SECOND);
    assert_true(db->path[1].first_seen == FIXTURE_TIME + FIXTURE_SECOND);
    lk_database_free(db);
    claim(f, "local:m1:/data/posts.db", "/data/posts.db", NULL, "posts", LK_OK);
    assert_int_equal(lk_database_find(f->store, "local:m1:/data/posts.db", &db, &err), LK_OK);
    assert_int_equal(db->paths, 2);
    assert_string_equal(lk_database_current_path(db), "/data/posts.db");
    lk_database_free(db);
    assert_int_equal(lk_database_find(f->store, "other", &db, &err), LK_NOT_FOUND);
}

static void another_file_with_the_same_stem_gets_a_folder_of_its_own(void **state)
{
    struct fixture *f = *state;
    /* printf %s 'local:m2:/data/posts.db' | sha256sum */
    char *other = lk_name_with_identity("posts", "local:m2:/data/posts.db");
    char *third = lk_name_with_identity("POSTS", "local:m3:/x/POSTS.sqlite");
    assert_int_equal(strlen(other), strlen("posts-") + 8);
    claim(f, "local:m2:/data/posts.db", "/data/posts.db", NULL, other, LK_OK);
    claim(f, "local:m2:/data/posts.db", "/data/posts.db", NULL, other, LK_OK);
    claim(f, "local:m3:/x/POSTS.sqlite", "/x/POSTS.sqlite", NULL, third, LK_OK); /* only the case differs */
    claim(f, "local:m1:/data/posts.db", "/data/posts.db", NULL, "posts", LK_OK);
    lk_free(other);
    lk_free(third);
}

static void a_file_name_that_is_not_safe_is_made_safe(void **state)
{
    struct fixture *f = *state;
    char *folder = lk_name_encode(lk_bytes_of("my posts\xff"), 0);
    claim(f, "local:m1:/data/my posts\xff.db", "/data/my posts\xff.db", NULL, folder, LK_OK);
    claim(f, "local:m1:/data/my posts\xff.db", "/data/my posts\xff.db", NULL, folder, LK_OK);
    lk_free(folder);
    /* The mark's own name is taken. */
    char *mark = lk_name_with_identity(LK_STORE_MARK, "i");
    claim(f, "i", "/x/" LK_STORE_MARK ".db", NULL, mark, LK_OK);
    lk_free(mark);
}

static void a_given_name_never_merges_two_histories(void **state)
{
    struct fixture *f = *state;
    claim(f, "local:m1:/a/x.db", "/a/x.db", "mine", "mine", LK_OK);
    claim(f, "local:m1:/a/x.db", "/a/x.db", "mine", "mine", LK_OK);
    claim(f, "local:m1:/a/x.db", "/a/x.db", NULL, "mine", LK_OK);
    claim(f, "local:m1:/b/x.db", "/b/x.db", "mine", NULL, LK_REFUSED);
    claim(f, "local:m1:/b/x.db", "/b/x.db", "posts", NULL, LK_REFUSED);
    claim(f, "local:m1:/a/x.db", "/a/x.db", "theirs", NULL, LK_REFUSED);
    assert_false(fixture_exists(&f->store->dir, "theirs"));
}

static void folders_that_are_not_ours_are_not_taken(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_int_equal(lk_dir_create_at(&f->store->dir, "photos", 0700, true, &dir, &err), LK_OK);
    assert_int_equal(lk_file_write(&dir, "cat.jpg", lk_bytes_of("x"), 0600, false, &err), LK_OK);
    lk_dir_close(&dir);
    char *other = lk_name_with_identity("photos", "i1");
    claim(f, "i1", "/p/photos.db", NULL, other, LK_OK);
    lk_free(other);
    /* An empty one is what a crash leaves. */
    assert_int_equal(lk_dir_create_at(&f->store->dir, "empty", 0700, true, &dir, &err), LK_OK);
    lk_dir_close(&dir);
    claim(f, "i2", "/p/empty.db", NULL, "empty", LK_OK);
    assert_int_equal(symlinkat("/tmp", f->store->dir.fd, "link"), 0);
    other = lk_name_with_identity("link", "i3");
    claim(f, "i3", "/p/link.db", NULL, other, LK_OK);
    lk_free(other);
}

static void the_original_scripts_folder_is_continued(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_dir old = LK_DIR_CLOSED, run = LK_DIR_CLOSED, parquet = LK_DIR_CLOSED;
    assert_int_equal(lk_dir_create_at(&f->store->dir, "old", 0755, true, &old, &err), LK_OK);
    assert_int_equal(lk_dir_create_at(&old, "2024-05-28-09:14:42", 0755, true, &run, &err), LK_OK);
    assert_int_equal(lk_dir_create_at(&run, "parquet", 0755, true, &parquet, &err), LK_OK);
    struct lk_database *db = NULL;
    assert_int_equal(lk_database_resolve(f->store, "old", &db, &err), LK_OK);
    assert_null(db->identity);
    lk_database_free(db);
    claim(f, "i", "/data/old.db", NULL, "old", LK_OK);
    lk_dir_close(&parquet);
    lk_dir_close(&run);
    lk_dir_close(&old);
}

static void a_lost_source_file_is_made_up_for_by_a_manifest(void **state)
{
    static const char *const damage[] = {NULL, "", "{\"format\":1,\"identity\":7}",
                                         "{\"format\":1,\"identity\":\"x\"}"};
    struct fixture *f = *state;
    struct lk_error err = {0};
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        struct lk_database_list list;
        f->warnings = 0;
        assert_int_equal(unlinkat(f->dir.fd, LK_SOURCE_FILE, 0), 0);
        if (damage[i] != NULL)
            assert_int_equal(
                lk_file_write(&f->dir, LK_SOURCE_FILE, lk_bytes_of(damage[i]), 0600, false, &err), LK_OK);
        assert_int_equal(lk_database_list_all(f->store, fixture_warn(f), &list, &err), LK_OK);
        assert_int_equal(list.count, 1);
        assert_string_equal(list.database[0]->identity, "local:m1:/data/posts.db");
        assert_string_equal(lk_database_current_path(list.database[0]), "/data/posts.db");
        assert_int_equal(f->warnings, 1);
        lk_database_list_free(&list);
        claim(f, "local:m1:/data/posts.db", "/data/posts.db", NULL, "posts", LK_OK);
    }
}

static void a_moved_database_continues_its_history(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_database *db = NULL;
    assert_int_equal(
        lk_database_adopt(f->store, "posts", "local:m1:/new/p.db", "/new/p.db", FIXTURE_TIME + 1, &db, &err),
        LK_OK);
    assert_string_equal(db->identity, "local:m1:/new/p.db");
    assert_int_equal(db->former, 1);
    lk_database_free(db);
    claim(f, "local:m1:/new/p.db", "/new/p.db", NULL, "posts", LK_OK);
    /* A new file at the old place is another database. */
    char *other = lk_name_with_identity("posts", "local:m1:/data/posts.db");
    claim(f, "local:m1:/data/posts.db", "/data/posts.db", NULL, other, LK_OK);
    assert_int_equal(lk_database_adopt(f->store, "posts", "local:m1:/data/posts.db", "/data/posts.db",
                                       FIXTURE_TIME, &db, &err),
                     LK_REFUSED);
    assert_int_equal(lk_database_adopt(f->store, "nothing", "n", "/n.db", FIXTURE_TIME, &db, &err),
                     LK_NOT_FOUND);
    /* The path now names the database that is there, not the one that was. */
    assert_int_equal(lk_database_resolve(f->store, "/data/posts.db", &db, &err), LK_OK);
    assert_string_equal(db->folder, other);
    lk_database_free(db);
    assert_int_equal(lk_database_find(f->store, "local:m1:/new/p.db", &db, &err), LK_OK);
    assert_string_equal(db->former_identity[0], "local:m1:/data/posts.db");
    lk_database_free(db);
    lk_free(other);
}

static void expect_resolved(const struct fixture *f, const char *argument, const char *folder)
{
    struct lk_error err = {0};
    struct lk_database *db = NULL;
    if (lk_database_resolve(f->store, argument, &db, &err) != LK_OK)
        fail_msg("%s: %s", argument, err.message);
    assert_string_equal(db->folder, folder);
    lk_database_free(db);
}

static void a_database_is_found_by_folder_path_file_name_and_stem(void **state)
{
    struct fixture *f = *state;
    char real[700];
    (void)snprintf(real, sizeof real, "%s/gone.db", f->scratch.path);
    claim(f, "g", real, "other-name", "other-name", LK_OK);
    expect_resolved(f, "posts", "posts");
    expect_resolved(f, "/data/posts.db", "posts");
    expect_resolved(f, "posts.db", "posts");
    expect_resolved(f, "other-name", "other-name");
    expect_resolved(f, "gone", "other-name");
    expect_resolved(f, real, "other-name");
    /* A relative path, of a file that is gone. */
    const int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(fchdir(f->scratch.fd), 0);
    expect_resolved(f, "gone.db", "other-name");
    expect_resolved(f, "./store/../gone.db", "other-name");
    assert_int_equal(fchdir(here), 0);
    (void)close(here);
}

static void a_stem_with_two_owners_is_a_usage_error_that_names_them(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_database *db = NULL;
    claim(f, "i2", "/one/shared.db", "first", "first", LK_OK);
    claim(f, "i3", "/elsewhere/shared.sqlite", "second", "second", LK_OK);
    assert_int_equal(lk_database_resolve(f->store, "shared", &db, &err), LK_USAGE);
    assert_non_null(strstr(err.message, "first (/one/shared.db)"));
    assert_non_null(strstr(err.message, "second (/elsewhere/shared.sqlite)"));
    expect_resolved(f, "second", "second");
    expect_resolved(f, "/one/shared.db", "first");
    expect_resolved(f, "shared.sqlite", "second");
}

static void a_folder_is_meant_before_any_file_of_that_name(void **state)
{
    struct fixture *f = *state;
    char real[700];
    char *other = lk_name_with_identity("posts", "i2");
    claim(f, "i2", "/elsewhere/posts.db", NULL, other, LK_OK);
    expect_resolved(f, "posts", "posts");
    expect_resolved(f, other, other);
    lk_free(other);
    /* Not even a file that lies just here changes what a command means. */
    (void)snprintf(real, sizeof real, "%s/posts", f->scratch.path);
    claim(f, "i3", real, "third", "third", LK_OK);
    const int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(fchdir(f->scratch.fd), 0);
    expect_resolved(f, "posts", "posts");
    expect_resolved(f, "./posts", "third");
    assert_int_equal(fchdir(here), 0);
    (void)close(here);
}

static void an_unknown_database_is_not_found_and_the_known_are_named(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_database *db = NULL;
    assert_int_equal(lk_database_resolve(f->store, "nothing", &db, &err), LK_NOT_FOUND);
    assert_non_null(strstr(err.message, "posts (/data/posts.db)"));
    struct lk_dir dir = LK_DIR_CLOSED;
    assert_int_equal(lk_database_open(f->store, "../store", &dir, &err), LK_NOT_FOUND);
    assert_int_equal(lk_database_open(f->store, "nothing", &dir, &err), LK_NOT_FOUND);
}

static void what_a_killed_run_left_of_source_json_is_removed(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    assert_int_equal(
        lk_file_write(&f->dir, ".tmp-file-0123456789abcdef", lk_bytes_of("x"), 0600, false, &err), LK_OK);
    claim(f, "local:m1:/data/posts.db", "/data/posts.db", NULL, "posts", LK_OK);
    assert_false(fixture_exists(&f->dir, ".tmp-file-0123456789abcdef"));
}

static void claiming_without_memory_gives_the_right_folder_or_none(void **state)
{
    struct fixture *f = *state;
    int failures = 0;
    for (int n = 0; n < 300; n++) {
        struct lk_error err = {0};
        struct lk_database *db = NULL;
        lk_memory_fail_after(n, 0);
        const enum lk_status status =
            lk_database_claim(f->store, "new", "/data/new.db", NULL, FIXTURE_TIME, &db, &err);
        lk_memory_fail_after(-1, 0);
        failures += status != LK_OK;
        if (status == LK_OK)
            assert_string_equal(db->folder, "new");
        else
            assert_int_equal(status, LK_FAILED);
        lk_database_free(db);
        /* It is there now, or the next run can make it. */
        claim(f, "new", "/data/new.db", NULL, "new", LK_OK);
        claim(f, "local:m1:/data/posts.db", "/data/posts.db", NULL, "posts", LK_OK);
        if (n % 2 == 0)
            assert_int_equal(lk_dir_remove_tree(&f->store->dir, "new", &err), LK_OK);
    }
    assert_true(failures > 15);
}

/* The other process is a second opening of the store. */
static void what_another_process_adopted_meanwhile_is_seen(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_store *other = NULL;
    struct lk_database *db = NULL;
    assert_int_equal(lk_store_open(f->store->dir.path, LK_ACCESS_PRIVATE, (struct lk_warn){0}, &other, &err),
                     LK_OK);
    claim(f, "a", "/data/a.db", NULL, "a", LK_OK);
    claim(f, "b", "/data/b.db", NULL, "b", LK_OK); /* has looked at all folders */
    assert_int_equal(lk_database_find(f->store, "c", &db, &err), LK_NOT_FOUND);
    assert_int_equal(lk_database_adopt(other, "a", "c", "/moved/c.db", FIXTURE_TIME, &db, &err), LK_OK);
    lk_database_free(db);
    claim(f, "c", "/moved/c.db", NULL, "a", LK_OK);
    claim(f, "a", "/data/a.db", "a2", "a2", LK_OK);
    lk_store_free(other);
}

struct claimer {
    const struct fixture *f;
    int number;
    pthread_t thread;
    enum lk_status status;
};

static void *claim_one(void *context)
{
    struct claimer *c = context;
    struct lk_error err = {0};
    struct lk_database *db = NULL;
    char identity[32], path[64];
    (void)snprintf(identity, sizeof identity, "thread %d", c->number);
    (void)snprintf(path, sizeof path, "/%d/same.db", c->number);
    c->status = lk_database_claim(c->f->store, identity, path, NULL, FIXTURE_TIME, &db, &err);
    lk_database_free(db);
    return NULL;
}

static void threads_that_claim_at_once_get_a_folder_each(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_database_list list;
    struct claimer claimers[8];
    for (int i = 0; i < 8; i++) {
        claimers[i] = (struct claimer){.f = f, .number = i};
        assert_int_equal(pthread_create(&claimers[i].thread, NULL, claim_one, &claimers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(claimers[i].thread, NULL), 0);
        assert_int_equal(claimers[i].status, LK_OK);
    }
    assert_int_equal(lk_database_list_all(f->store, fixture_warn(f), &list, &err), LK_OK);
    assert_int_equal(list.count, 9);
    lk_database_list_free(&list);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, remove_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_database_keeps_its_folder_and_remembers_its_paths),
        TEST(another_file_with_the_same_stem_gets_a_folder_of_its_own),
        TEST(a_file_name_that_is_not_safe_is_made_safe),
        TEST(a_given_name_never_merges_two_histories),
        TEST(folders_that_are_not_ours_are_not_taken),
        TEST(the_original_scripts_folder_is_continued),
        TEST(a_lost_source_file_is_made_up_for_by_a_manifest),
        TEST(a_moved_database_continues_its_history),
        TEST(a_database_is_found_by_folder_path_file_name_and_stem),
        TEST(a_stem_with_two_owners_is_a_usage_error_that_names_them),
        TEST(a_folder_is_meant_before_any_file_of_that_name),
        TEST(an_unknown_database_is_not_found_and_the_known_are_named),
        TEST(what_another_process_adopted_meanwhile_is_seen),
        TEST(threads_that_claim_at_once_get_a_folder_each),
        TEST(what_a_killed_run_left_of_source_json_is_removed),
        TEST(claiming_without_memory_gives_the_right_folder_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
