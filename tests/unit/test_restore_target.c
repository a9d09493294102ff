#include "database.h"

#include <fcntl.h>

#include "ops/restore_target.h"
#include "sqlite/tmp.h"

static struct lk_dir dir;

static int set_up(void **state)
{
    (void)state;
    return scratch_make(&dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct lk_error refused(const char *path, bool force, enum lk_status expected)
{
    struct lk_restore_target *t = NULL;
    struct lk_error err = {0};
    bool exists = false;
    assert_int_equal(lk_restore_target_open(path, force, &exists, &t, &err), expected);
    assert_null(t);
    return err;
}

static struct lk_restore_target *open_target(const char *path, bool force)
{
    struct lk_restore_target *t = NULL;
    struct lk_error err = {0};
    bool exists = false;
    if (lk_restore_target_open(path, force, &exists, &t, &err) != LK_OK)
        fail_msg("%s", err.message);
    return t;
}

static void build(struct lk_restore_target *t)
{
    const char *path = NULL;
    struct lk_error err = {0};
    if (lk_restore_target_prepare(t, 1000, &path, &err) != LK_OK)
        fail_msg("%s", err.message);
    make_database(path, "CREATE TABLE restored(a); INSERT INTO restored VALUES (1)");
}

static void is_restored(const char *path)
{
    make_database(path, "INSERT INTO restored VALUES (2)");
}

/* Commit, and what was noted. lk_free it. */
static char *commit(struct lk_restore_target *t)
{
    struct lk_manifest_texts notes = {0};
    struct lk_error err = {0};
    bool changed = true;
    if (lk_restore_target_commit(t, NULL, &changed, &notes, &err) != LK_OK)
        fail_msg("%s", err.message);
    assert_false(changed);
    char *all = lk_copy_string("");
    for (size_t i = 0; i < notes.count; i++) {
        char *longer = lk_format("%s%s\n", all, notes.text[i]);
        lk_free(all);
        lk_free(notes.text[i]);
        all = longer;
    }
    lk_free(notes.text);
    lk_restore_target_free(t);
    return all;
}

static size_t entries(void)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error err = {0};
    assert_int_equal(lk_dir_list(&dir, &names, &count, &err), LK_OK);
    lk_free(names);
    return count;
}

static void a_new_file_is_its_owners_alone_and_nothing_else_is_left(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "new file \x1b[31m\n.db");
    struct lk_restore_target *t = open_target(path, false);
    build(t);
    assert_false(file_exists(path));
    lk_free(commit(t));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(entries(), 1);
    is_restored(path);
}

static void what_is_not_committed_leaves_nothing(void **state)
{
    (void)state;
    struct lk_restore_target *t = open_target(in_scratch(&dir, "new.db"), false);
    build(t);
    lk_restore_target_free(t);
    assert_int_equal(entries(), 0);
    t = open_target(in_scratch(&dir, "new.db"), false);
    lk_restore_target_free(t);
    assert_int_equal(entries(), 0);
}

static void an_existing_file_is_refused_without_force(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "old.db"), "CREATE TABLE t(a)");
    const struct lk_error err = refused(in_scratch(&dir, "old.db"), false, LK_REFUSED);
    assert_non_null(strstr(err.message, "--force"));
}

static void what_is_no_file_is_refused_even_with_force(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(dir.fd, "folder", 0700), 0);
    assert_int_equal(mkfifoat(dir.fd, "fifo", 0600), 0);
    assert_int_equal(symlinkat("nothing", dir.fd, "dangling"), 0);
    (void)refused(in_scratch(&dir, "folder"), true, LK_REFUSED);
    (void)refused(in_scratch(&dir, "folder/"), true, LK_REFUSED);
    (void)refused(in_scratch(&dir, "fifo"), true, LK_REFUSED);
    (void)refused(in_scratch(&dir, "dangling"), true, LK_REFUSED);
    (void)refused(in_scratch(&dir, "none/"), true, LK_REFUSED);
}

static void a_path_that_is_too_long_for_sqlite_is_refused_before_anything_is_made(void **state)
{
    (void)state;
    char name[301] = {0};
    memset(name, 'x', 250);
    const struct lk_error err = refused(in_scratch(&dir, name), false, LK_REFUSED);
    assert_non_null(strstr(err.message, "too long for SQLite"));
    memset(name, 'x', 300);
    (void)refused(in_scratch(&dir, name), false, LK_FAILED);
    assert_int_equal(entries(), 0);
}

static void a_folder_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    write_file(in_scratch(&dir, "file"), "x");
    (void)refused(in_scratch(&dir, "none/new.db"), false, LK_NOT_FOUND);
    (void)refused(in_scratch(&dir, "file/new.db"), false, LK_NOT_FOUND);
}

static void what_lies_beside_no_database_is_refused_and_goes_with_force(void **state)
{
    (void)state;
    static const char *const beside[] = {"new.db-wal", "new.db-journal", "new.db-shm"};
    for (size_t i = 0; i < 3; i++) {
        write_file(in_scratch(&dir, beside[i]), "stray");
        const struct lk_error err = refused(in_scratch(&dir, "new.db"), false, LK_REFUSED);
        assert_non_null(strstr(err.message, beside[i]));
        struct lk_restore_target *t = open_target(in_scratch(&dir, "new.db"), true);
        assert_true(file_exists(in_scratch(&dir, beside[i])));
        build(t);
        char *notes = commit(t);
        assert_non_null(strstr(notes, beside[i]));
        lk_free(notes);
        assert_false(file_exists(in_scratch(&dir, beside[i])));
        is_restored(in_scratch(&dir, "new.db"));
        assert_int_equal(unlink(in_scratch(&dir, "new.db")), 0);
    }
}

static void the_old_files_mode_is_the_new_ones(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "old.db");
    make_database(path, "CREATE TABLE t(a)");
    assert_int_equal(chmod(path, 0640), 0);
    struct lk_restore_target *t = open_target(path, true);
    assert_true(lk_restore_target_old_bytes(t) > 0);
    build(t);
    lk_free(commit(t));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(entries(), 1);
    is_restored(path);
}

static void a_link_is_followed_to_its_file(void **state)
{
    (void)state;
    make_database(in_scratch(&dir, "old.db"), "CREATE TABLE t(a)");
    assert_int_equal(symlinkat("old.db", dir.fd, "link.db"), 0);
    (void)refused(in_scratch(&dir, "link.db"), false, LK_REFUSED);
    struct lk_restore_target *t = open_target(in_scratch(&dir, "link.db"), true);
    assert_string_equal(strrchr(lk_restore_target_path(t), '/'), "/old.db");
    build(t);
    lk_free(commit(t));
    struct stat st;
    assert_int_equal(lstat(in_scratch(&dir, "link.db"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    is_restored(in_scratch(&dir, "old.db"));
}

static void other_names_of_the_old_file_keep_it_and_are_mentioned(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "old.db"), *twin = in_scratch(&dir, "twin.db");
    make_database(path, "CREATE TABLE t(a)");
    assert_int_equal(link(path, twin), 0);
    struct lk_restore_target *t = open_target(path, true);
    build(t);
    char *notes = commit(t);
    assert_non_null(strstr(notes, "hard links"));
    lk_free(notes);
    is_restored(path);
    make_database(twin, "INSERT INTO t VALUES (1)");
}

static void check_that_a_write_is_noticed(const char *mode)
{
    const char *path = in_scratch(&dir, "old.db");
    char sql[128];
    (void)snprintf(sql, sizeof sql, "PRAGMA journal_mode=%s; CREATE TABLE t(a)", mode);
    make_database(path, sql);
    struct writer other = writer_start(path);
    struct lk_restore_target *t = open_target(path, true);
    struct lk_manifest_texts notes = {0};
    struct lk_error err = {0};
    bool changed = false;
    assert_int_equal(lk_restore_target_mark(t, &err), LK_OK);
    build(t);
    assert_int_equal(writer_run(&other, "INSERT INTO t VALUES (1)"), SQLITE_OK);
    writer_end(&other);
    assert_int_equal(lk_restore_target_commit(t, NULL, &changed, &notes, &err), LK_OK);
    assert_true(changed);
    make_database(path, "CREATE TABLE c(a CHECK(a = 1)); INSERT INTO c SELECT count(*) FROM t");
    assert_int_equal(lk_restore_target_mark(t, &err), LK_OK);
    assert_int_equal(lk_restore_target_commit(t, NULL, &changed, &notes, &err), LK_OK);
    assert_false(changed);
    lk_restore_target_free(t);
    assert_int_equal(entries(), 1);
    is_restored(path);
}

static void a_write_after_the_mark_is_noticed(void **state)
{
    (void)state;
    check_that_a_write_is_noticed("DELETE");
}

static void a_write_to_the_wal_after_the_mark_is_noticed(void **state)
{
    (void)state;
    check_that_a_write_is_noticed("WAL");
}

static void a_new_file_never_takes_the_place_of_one_made_meanwhile(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "new.db");
    struct lk_restore_target *t = open_target(path, false);
    struct lk_manifest_texts notes = {0};
    struct lk_error err = {0};
    bool changed = false;
    build(t);
    make_database(path, "CREATE TABLE t(a)");
    assert_int_equal(lk_restore_target_commit(t, NULL, &changed, &notes, &err), LK_REFUSED);
    lk_restore_target_free(t);
    make_database(path, "INSERT INTO t VALUES (1)");
    assert_int_equal(entries(), 1);
}

static void room_that_is_not_there_is_said_with_both_numbers(void **state)
{
    (void)state;
    struct lk_restore_target *t = open_target(in_scratch(&dir, "new.db"), false);
    struct lk_error err = {0};
    const char *path = NULL;
    assert_int_equal(lk_restore_target_prepare(t, UINT64_C(1) << 60, &path, &err), LK_FAILED);
    assert_non_null(strstr(err.message, "1.0 EiB"));
    assert_non_null(strstr(err.message, "are free"));
    lk_restore_target_free(t);
    assert_int_equal(entries(), 0);
}

static void what_a_killed_restore_left_is_removed_by_the_next(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(dir.fd, LK_TMP_PREFIX "abcdef", 0700), 0);
    make_database(in_scratch(&dir, LK_TMP_PREFIX "abcdef/restored.db"), "CREATE TABLE t(a)");
    struct lk_restore_target *t = open_target(in_scratch(&dir, "new.db"), false);
    build(t);
    lk_free(commit(t));
    assert_int_equal(entries(), 1);
}

/* All of a restore with the n-th allocation failing. Was it done? */
static bool restore_without_memory(const char *path, int64_t n)
{
    struct lk_restore_target *t = NULL;
    struct lk_manifest_texts notes = {0};
    struct lk_error err = {0};
    const char *built = NULL;
    bool exists = false, changed = false;
    lk_memory_fail_after(n, 0);
    enum lk_status status = lk_restore_target_open(path, true, &exists, &t, &err);
    if (status == LK_OK)
        status = lk_restore_target_try(t, NULL, &err);
    if (status == LK_OK)
        status = lk_restore_target_mark(t, &err);
    if (status == LK_OK)
        status = lk_restore_target_prepare(t, 1000, &built, &err);
    lk_memory_fail_after(-1, 0);
    if (status == LK_OK) {
        make_database(built, "CREATE TABLE restored(a)");
        lk_memory_fail_after(n / 2, 0);
        status = lk_restore_target_commit(t, NULL, &changed, &notes, &err);
        lk_memory_fail_after(-1, 0);
    }
    assert_true(status == LK_OK || status == LK_FAILED);
    for (size_t i = 0; i < notes.count; i++)
        lk_free(notes.text[i]);
    lk_free(notes.text);
    lk_restore_target_free(t);
    return status == LK_OK && !changed;
}

static void without_memory_the_old_file_stays(void **state)
{
    (void)state;
    const char *path = in_scratch(&dir, "old.db");
    make_database(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
    int64_t n = 0;
    for (; n < 1000 && !restore_without_memory(path, n); n++) {
        assert_int_equal(entries(), 1);
        make_database(path, "INSERT INTO t VALUES (1)");
    }
    assert_in_range(n, 5, 999);
    is_restored(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_new_file_is_its_owners_alone_and_nothing_else_is_left),
        CASE(what_is_not_committed_leaves_nothing),
        CASE(an_existing_file_is_refused_without_force),
        CASE(what_is_no_file_is_refused_even_with_force),
        CASE(a_path_that_is_too_long_for_sqlite_is_refused_before_anything_is_made),
        CASE(a_folder_that_is_not_there_is_not_found),
        CASE(what_lies_beside_no_database_is_refused_and_goes_with_force),
        CASE(the_old_files_mode_is_the_new_ones),
        CASE(a_link_is_followed_to_its_file),
        CASE(other_names_of_the_old_file_keep_it_and_are_mentioned),
        CASE(a_write_after_the_mark_is_noticed),
        CASE(a_write_to_the_wal_after_the_mark_is_noticed),
        CASE(a_new_file_never_takes_the_place_of_one_made_meanwhile),
        CASE(room_that_is_not_there_is_said_with_both_numbers),
        CASE(what_a_killed_restore_left_is_removed_by_the_next),
        CASE(without_memory_the_old_file_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
