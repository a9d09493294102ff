#include "database.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sqlite/discover.h"

struct fixture {
    struct lk_dir dir;
    struct lk_discovery *found;
    struct lk_error err;
};

static int set_up(void **state)
{
    struct fixture *f = lk_allocate_zeroed(1, sizeof *f);
    *state = f;
    return scratch_make(&f->dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    lk_discover_free(f->found);
    (void)chmod(in_scratch(&f->dir, "closed"), 0700);
    const bool removed = scratch_remove(&f->dir);
    lk_free(f);
    return removed ? 0 : -1;
}

static void database(struct fixture *f, const char *name)
{
    make_database(in_scratch(&f->dir, name), "CREATE TABLE t(a)");
}

static void folder(struct fixture *f, const char *name)
{
    assert_int_equal(mkdir(in_scratch(&f->dir, name), 0700), 0);
}

static void file(struct fixture *f, const char *name, const char *content)
{
    FILE *out = fopen(in_scratch(&f->dir, name), "we");
    assert_non_null(out);
    (void)fputs(content, out);
    assert_int_equal(fclose(out), 0);
}

static void run(struct fixture *f, struct lk_discover_options o)
{
    lk_discover_free(f->found);
    f->found = NULL;
    const char *const here[] = {f->dir.path};
    if (o.path_count == 0) {
        o.paths = here;
        o.path_count = 1;
    }
    assert_int_equal(lk_discover_run(&o, &f->found, &f->err), LK_OK);
}

static const struct lk_found *find(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->found->found_count; i++)
        if (strcmp(f->found->found[i].path, in_scratch(&f->dir, name)) == 0)
            return &f->found->found[i];
    return NULL;
}

static const struct lk_problem *problem(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->found->problem_count; i++)
        if (strcmp(f->found->problem[i].path, in_scratch(&f->dir, name)) == 0)
            return &f->found->problem[i];
    return NULL;
}

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    size_t count = 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static void a_database_is_known_by_its_bytes_and_not_by_its_name(void **state)
{
    struct fixture *f = *state;
    database(f, "notes.txt");
    database(f, "no-ending");
    file(f, "text.txt",
         "SQLite format 2 is not what this is; long enough to hold a header of one hundred bytes, which is "
         "what is read.");
    run(f, (struct lk_discover_options){0});
    assert_int_equal(f->found->found_count, 2);
    assert_int_equal(f->found->problem_count, 0);
    assert_non_null(find(f, "notes.txt"));
    assert_non_null(find(f, "no-ending"));
    assert_int_equal(f->found->files, 3);
}

static void the_header_and_the_files_beside_it_are_told(void **state)
{
    struct fixture *f = *state;
    make_database(
        in_scratch(&f->dir, "a.db"),
        "PRAGMA page_size=2048; PRAGMA user_version=42; PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(1)"), SQLITE_OK);
    run(f, (struct lk_discover_options){0});
    writer_end(&w);
    assert_int_equal(f->found->found_count, 1); /* -wal and -shm are no databases */
    assert_int_equal(f->found->problem_count, 0);
    const struct lk_found *a = find(f, "a.db");
    assert_int_equal(a->header.page_size, 2048);
    assert_int_equal(a->header.user_version, 42);
    assert_true(a->header.wal);
    assert_true(a->has_wal && a->has_shm && !a->has_journal);
    assert_int_equal(a->wal_bytes, file_bytes(in_scratch(&f->dir, "a.db-wal")));
    assert_int_equal(a->bytes, file_bytes(in_scratch(&f->dir, "a.db")));
    assert_true(a->mtime > 0);
}

static void results_are_sorted_and_the_same_each_time(void **state)
{
    struct fixture *f = *state;
    folder(f, "b");
    folder(f, "a");
    database(f, "b/2.db");
    database(f, "b/1.db");
    database(f, "a/3.db");
    database(f, "a.db");
    run(f, (struct lk_discover_options){0});
    static const char *const order[] = {"a.db", "a/3.db", "b/1.db", "b/2.db"};
    assert_int_equal(f->found->found_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(f->found->found[i].path, in_scratch(&f->dir, order[i]));
    assert_int_equal(f->found->folders, 3);
}

static void links_are_not_followed_and_loops_do_not_matter(void **state)
{
    struct fixture *f = *state;
    folder(f, "d");
    database(f, "d/a.db");
    assert_int_equal(symlink("a.db", in_scratch(&f->dir, "d/link.db")), 0);
    assert_int_equal(symlink("..", in_scratch(&f->dir, "d/up")), 0);
    assert_int_equal(symlink("loop", in_scratch(&f->dir, "loop")), 0);
    assert_int_equal(symlink("nowhere", in_scratch(&f->dir, "dangling.db")), 0);
    run(f, (struct lk_discover_options){0});
    assert_int_equal(f->found->found_count, 1);
    assert_int_equal(f->found->problem_count, 0);
}

static void a_given_path_may_be_a_link(void **state)
{
    struct fixture *f = *state;
    folder(f, "d");
    database(f, "d/a.db");
    assert_int_equal(symlink("d", in_scratch(&f->dir, "to-folder")), 0);
    assert_int_equal(symlink("d/a.db", in_scratch(&f->dir, "to-file")), 0);
    const char *const paths[] = {in_scratch(&f->dir, "to-folder"), in_scratch(&f->dir, "to-file")};
    run(f, (struct lk_discover_options){.paths = paths, .path_count = 2});
    assert_int_equal(f->found->found_count, 1);
    assert_non_null(find(f, "d/a.db"));
    assert_true(find(f, "d/a.db")->named);
    assert_int_equal(find(f, "d/a.db")->twins, 0);
}

static void fifos_sockets_and_devices_are_never_opened(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkfifo(in_scratch(&f->dir, "fifo.db"), 0600), 0);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s.db", f->dir.path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    database(f, "a.db");
    run(f, (struct lk_discover_options){0}); /* would hang on the FIFO */
    close(fd);
    assert_int_equal(f->found->found_count, 1);
    assert_int_equal(f->found->files, 1);
    assert_int_equal(f->found->problem_count, 0);
    const char *const paths[] = {in_scratch(&f->dir, "fifo.db"), "/dev/null"};
    run(f, (struct lk_discover_options){.paths = paths, .path_count = 2});
    assert_int_equal(f->found->problem_count, 2);
    assert_int_equal(problem(f, "fifo.db")->kind, LK_PROBLEM_NOT_DATABASE);
}

static void a_hard_linked_file_is_counted_once_with_all_its_paths(void **state)
{
    struct fixture *f = *state;
    folder(f, "d");
    database(f, "b.db");
    assert_int_equal(link(in_scratch(&f->dir, "b.db"), in_scratch(&f->dir, "a.db")), 0);
    assert_int_equal(link(in_scratch(&f->dir, "b.db"), in_scratch(&f->dir, "d/c.db")), 0);
    run(f, (struct lk_discover_options){0});
    assert_int_equal(f->found->found_count, 1);
    const struct lk_found *a = find(f, "a.db");
    assert_non_null(a);
    assert_int_equal(a->twins, 2);
    assert_string_equal(a->twin[0], in_scratch(&f->dir, "b.db"));
    assert_string_equal(a->twin[1], in_scratch(&f->dir, "d/c.db"));
    const char *const known[] = {in_scratch(&f->dir, "d/c.db")};
    run(f, (struct lk_discover_options){.known = known, .known_count = 1});
    assert_non_null(find(f, "d/c.db"));
    assert_true(find(f, "d/c.db")->known);
    file(f, "b.db-wal", "something");
    run(f, (struct lk_discover_options){.known = known, .known_count = 1});
    assert_non_null(find(f, "b.db"));
}

static void overlapping_paths_give_each_file_and_problem_once(void **state)
{
    struct fixture *f = *state;
    folder(f, "d");
    database(f, "d/a.db");
    file(f, "d/bad.db", "no database");
    const char *const paths[] = {f->dir.path, in_scratch(&f->dir, "d"), in_scratch(&f->dir, "d/bad.db")};
    run(f, (struct lk_discover_options){.paths = paths, .path_count = 3});
    assert_int_equal(f->found->found_count, 1);
    assert_int_equal(f->found->found[0].twins, 0);
    assert_int_equal(f->found->problem_count, 1);
    assert_true(f->found->problem[0].named);
}

static void a_file_named_like_a_database_that_is_none_is_reported(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.db", "b.sqlite", "c.SQLite3", "d.db3"};
    for (size_t i = 0; i < 4; i++)
        file(f, names[i], "neither");
    file(f, "e.data", "neither");
    file(f, "f.bin", "SQLite format 3"); /* 15 bytes: no NUL */
    run(f, (struct lk_discover_options){0});
    assert_int_equal(f->found->found_count, 0);
    assert_int_equal(f->found->problem_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(problem(f, names[i])->kind, LK_PROBLEM_NOT_DATABASE);
        assert_string_equal(problem(f, names[i])->reason, "encrypted, or not a SQLite database");
    }
}

static void a_database_that_is_cut_off_is_reported_whatever_its_name(void **state)
{
    struct fixture *f = *state;
    database(f, "x");
    assert_int_equal(truncate(in_scratch(&f->dir, "x"), 60), 0);
    run(f, (struct lk_discover_options){0});
    assert_int_equal(f->found->problem_count, 1);
    assert_non_null(strstr(problem(f, "x")->reason, "cut off"));
}

static void a_file_of_no_bytes_counts_when_its_name_or_the_store_says_database(void **state)
{
    struct fixture *f = *state;
    file(f, "a.db", "");
    file(f, "b.lock", "");
    file(f, "c", "");
    const char *const known[] = {in_scratch(&f->dir, "c")};
    run(f, (struct lk_discover_options){.known = known, .known_count = 1});
    assert_int_equal(f->found->found_count, 2);
    assert_true(find(f, "a.db")->empty);
    assert_true(find(f, "c")->empty && find(f, "c")->known);
}

static void known_sources_are_examined_whatever_they_are_now(void **state)
{
    struct fixture *f = *state;
    folder(f, "d");
    database(f, "d/ok");
    file(f, "d/text", "no database any more");
    folder(f, "d/folder");
    assert_int_equal(symlink("ok", in_scratch(&f->dir, "d/link")), 0);
    const char *const known[] = {in_scratch(&f->dir, "d/ok"),   in_scratch(&f->dir, "d/text"),
                                 in_scratch(&f->dir, "d/gone"), in_scratch(&f->dir, "d/folder"),
                                 in_scratch(&f->dir, "d/link"), "/elsewhere/gone.db"};
    run(f, (struct lk_discover_options){.known = known, .known_count = 6});
    assert_int_equal(f->found->found_count, 1);
    assert_true(find(f, "d/ok")->known);
    assert_int_equal(f->found->problem_count, 4);
    assert_int_equal(problem(f, "d/text")->kind, LK_PROBLEM_NOT_DATABASE);
    assert_int_equal(problem(f, "d/gone")->kind, LK_PROBLEM_GONE);
    assert_int_equal(problem(f, "d/folder")->kind, LK_PROBLEM_NOT_DATABASE);
    assert_int_equal(problem(f, "d/link")->kind, LK_PROBLEM_NOT_DATABASE);
    for (size_t i = 0; i < f->found->problem_count; i++)
        assert_true(f->found->problem[i].known);
}

static void a_root_that_is_gone_is_a_problem_and_so_are_its_known_sources(void **state)
{
    struct fixture *f = *state;
    const char *const paths[] = {in_scratch(&f->dir, "gone")};
    const char *const known[] = {in_scratch(&f->dir, "gone/a.db")};
    run(f, (struct lk_discover_options){.paths = paths, .path_count = 1, .known = known, .known_count = 1});
    assert_int_equal(problem(f, "gone")->kind, LK_PROBLEM_ROOT);
    assert_int_equal(problem(f, "gone/a.db")->kind, LK_PROBLEM_GONE);
}

static void a_store_is_recognised_by_its_mark_and_skipped(void **state)
{
    struct fixture *f = *state;
    folder(f, "backups");
    file(f, "backups/litekeep-store.json", "{}");
    folder(f, "backups/a");
    database(f, "backups/a/copy.db");
    database(f, "a.db");
    const char *const known[] = {in_scratch(&f->dir, "backups/a/copy.db")};
    run(f, (struct lk_discover_options){.known = known, .known_count = 1});
    assert_int_equal(f->found->found_count, 1);
    assert_int_equal(f->found->problem_count, 0);
    assert_int_equal(f->found->store_count, 1);
    assert_string_equal(f->found->store[0], in_scratch(&f->dir, "backups"));
    const char *const twice[] = {f->dir.path, in_scratch(&f->dir, "a.db"), f->dir.path};
    run(f, (struct lk_discover_options){.paths = twice, .path_count = 3});
    assert_int_equal(f->found->store_count, 1);
    const char *const paths[] = {in_scratch(&f->dir, "backups")};
    run(f, (struct lk_discover_options){.paths = paths, .path_count = 1});
    assert_int_equal(f->found->found_count, 0);
    assert_int_equal(problem(f, "backups")->kind, LK_PROBLEM_STORE);
}

static void globs_choose_by_name_and_by_path(void **state)
{
    struct fixture *f = *state;
    folder(f, "keep");
    folder(f, "cache");
    folder(f, "keep/deep");
    database(f, "keep/a.db");
    database(f, "keep/a.sqlite");
    database(f, "cache/b.db");
    database(f, "keep/deep/c.db");
    const char *const by_name[] = {"cache"};
    run(f, (struct lk_discover_options){.exclude = by_name, .exclude_count = 1});
    assert_int_equal(f->found->found_count, 3);
    const char *const by_path[] = {"*/keep/deep"};
    run(f, (struct lk_discover_options){.exclude = by_path, .exclude_count = 1});
    assert_int_equal(f->found->found_count, 3);
    assert_null(find(f, "keep/deep/c.db"));
    const char *const include[] = {"*.db"};
    run(f, (struct lk_discover_options){
               .include = include, .include_count = 1, .exclude = by_name, .exclude_count = 1});
    assert_int_equal(f->found->found_count, 2);
    const char *const known[] = {in_scratch(&f->dir, "cache/b.db"), in_scratch(&f->dir, "cache/gone.db")};
    run(f, (struct lk_discover_options){
               .exclude = by_name, .exclude_count = 1, .known = known, .known_count = 2});
    assert_int_equal(f->found->problem_count, 0); /* excluded: nobody asked */
    const char *const paths[] = {in_scratch(&f->dir, "cache/b.db")};
    run(f, (struct lk_discover_options){
               .paths = paths, .path_count = 1, .exclude = include, .exclude_count = 1});
    assert_int_equal(f->found->found_count, 1); /* given by name */
}

static void an_unreadable_folder_or_file_does_not_stop_the_walk(void **state)
{
    struct fixture *f = *state;
    folder(f, "closed");
    database(f, "closed/a.db");
    database(f, "open.db");
    database(f, "secret.db");
    assert_int_equal(chmod(in_scratch(&f->dir, "secret.db"), 0), 0);
    assert_int_equal(chmod(in_scratch(&f->dir, "closed"), 0), 0);
    if (geteuid() == 0) { /* modes do not bind root: look as somebody else */
        assert_int_equal(chmod(f->dir.path, 0755), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            if (setuid(65534) != 0)
                _exit(9);
            const char *const here[] = {f->dir.path};
            struct lk_discover_options o = {.paths = here, .path_count = 1};
            if (lk_discover_run(&o, &f->found, &f->err) != LK_OK)
                _exit(8);
            const struct lk_problem *a = problem(f, "closed");
            const struct lk_problem *b = problem(f, "secret.db");
            _exit(a != NULL && a->kind == LK_PROBLEM_FOLDER && a->system == EACCES && b != NULL &&
                          b->kind == LK_PROBLEM_FILE && f->found->found_count == 1
                      ? 0
                      : 7);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WEXITSTATUS(status), 0);
        return;
    }
    run(f, (struct lk_discover_options){0});
    assert_int_equal(f->found->found_count, 1);
    assert_int_equal(problem(f, "closed")->kind, LK_PROBLEM_FOLDER);
    assert_int_equal(problem(f, "closed")->system, EACCES);
    assert_int_equal(problem(f, "secret.db")->kind, LK_PROBLEM_FILE);
}

static void a_companion_given_by_name_is_explained(void **state)
{
    struct fixture *f = *state;
    file(f, "a.db-wal", "something");
    const char *const paths[] = {in_scratch(&f->dir, "a.db-wal")};
    run(f, (struct lk_discover_options){.paths = paths, .path_count = 1});
    assert_non_null(strstr(problem(f, "a.db-wal")->reason, "name the database itself"));
}

static void names_that_are_not_utf8_are_kept_as_they_are(void **state)
{
    struct fixture *f = *state;
    folder(f, "\xff\xfe dir\n");
    database(f, "\xff\xfe dir\n/\xc3.db");
    run(f, (struct lk_discover_options){0});
    assert_non_null(find(f, "\xff\xfe dir\n/\xc3.db"));
}

static void deep_trees_need_no_more_descriptors_than_flat_ones(void **state)
{
    struct fixture *f = *state;
    char path[1900] = "d";
    for (int i = 0; i < 800; i++) {
        folder(f, path);
        (void)strcat(path, "/d");
    }
    path[strlen(path) - 2] = '\0';
    (void)strcat(path, "/a.db");
    file(f, path, "");
    const size_t before = open_descriptors();
    run(f, (struct lk_discover_options){0});
    assert_int_equal(f->found->found_count, 1);
    assert_int_equal(f->found->folders, 801);
    assert_int_equal(open_descriptors(), before);
}

static void no_descriptor_stays_open(void **state)
{
    struct fixture *f = *state;
    database(f, "a.db");
    file(f, "b.db", "bad");
    folder(f, "d");
    const size_t before = open_descriptors();
    run(f, (struct lk_discover_options){0});
    assert_int_equal(open_descriptors(), before);
}

static void what_the_kernel_makes_up_is_not_entered(void **state)
{
    struct fixture *f = *state;
    const char *const paths[] = {"/proc"};
    run(f, (struct lk_discover_options){.paths = paths, .path_count = 1});
    assert_int_equal(f->found->folders, 0);
    assert_int_equal(f->found->files, 0);
}

static void an_interrupt_ends_the_walk(void **state)
{
    struct fixture *f = *state;
    atomic_bool stop = true;
    const char *const paths[] = {f->dir.path};
    const struct lk_discover_options o = {.paths = paths, .path_count = 1, .interrupt = &stop};
    assert_int_equal(lk_discover_run(&o, &f->found, &f->err), LK_INTERRUPTED);
    assert_null(f->found);
}

static void running_out_of_memory_anywhere_is_reported_and_leaks_nothing(void **state)
{
    struct fixture *f = *state;
    folder(f, "d");
    database(f, "d/a.db");
    assert_int_equal(link(in_scratch(&f->dir, "d/a.db"), in_scratch(&f->dir, "b.db")), 0);
    file(f, "c.db", "bad");
    const size_t before = open_descriptors();
    const char *const paths[] = {f->dir.path};
    const struct lk_discover_options o = {.paths = paths, .path_count = 1};
    enum lk_status status = LK_FAILED;
    int failures = 0;
    for (int64_t n = 0; status != LK_OK; n++, failures++) {
        assert_true(n < 1000);
        lk_memory_fail_after(n, 1);
        status = lk_discover_run(&o, &f->found, &f->err);
        lk_memory_fail_after(-1, 0);
        assert_true(status == LK_OK || status == LK_FAILED);
        assert_int_equal(open_descriptors(), before);
    }
    assert_true(failures > 5);
    assert_int_equal(f->found->found_count, 1);
    assert_int_equal(f->found->problem_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_database_is_known_by_its_bytes_and_not_by_its_name),
        CASE(the_header_and_the_files_beside_it_are_told),
        CASE(results_are_sorted_and_the_same_each_time),
        CASE(links_are_not_followed_and_loops_do_not_matter),
        CASE(a_given_path_may_be_a_link),
        CASE(fifos_sockets_and_devices_are_never_opened),
        CASE(a_hard_linked_file_is_counted_once_with_all_its_paths),
        CASE(overlapping_paths_give_each_file_and_problem_once),
        CASE(a_file_named_like_a_database_that_is_none_is_reported),
        CASE(a_database_that_is_cut_off_is_reported_whatever_its_name),
        CASE(a_file_of_no_bytes_counts_when_its_name_or_the_store_says_database),
        CASE(known_sources_are_examined_whatever_they_are_now),
        CASE(a_root_that_is_gone_is_a_problem_and_so_are_its_known_sources),
        CASE(a_store_is_recognised_by_its_mark_and_skipped),
        CASE(globs_choose_by_name_and_by_path),
        CASE(an_unreadable_folder_or_file_does_not_stop_the_walk),
        CASE(a_companion_given_by_name_is_explained),
        CASE(names_that_are_not_utf8_are_kept_as_they_are),
        CASE(deep_trees_need_no_more_descriptors_than_flat_ones),
        CASE(no_descriptor_stays_open),
        CASE(what_the_kernel_makes_up_is_not_entered),
        CASE(an_interrupt_ends_the_walk),
        CASE(running_out_of_memory_anywhere_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
