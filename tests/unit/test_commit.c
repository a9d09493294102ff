#include "store/catalog.h"
#include "store/commit_writer.h"
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* System calls that can be made to fail: these definitions stand before the C library's. */
static struct fault {
    bool armed;
    int left; /* calls that still succeed */
    bool for_ever;
    int error;
    int failed;
} fault;
static int link_error; /* errno of every linkat, 0: it works */
static bool no_renameat2;

static bool must_fail(void)
{
    if (!fault.armed || fault.left-- > 0 || (fault.failed > 0 && !fault.for_ever))
        return false;
    fault.failed++;
    errno = fault.error;
    return true;
}

int fsync(int fd)
{
    return must_fail() ? -1 : (int)syscall(SYS_fsync, fd);
}

int mkdirat(int fd, const char *path, mode_t mode)
{
    return must_fail() ? -1 : (int)syscall(SYS_mkdirat, fd, path, mode);
}

int fchmod(int fd, mode_t mode)
{
    return must_fail() ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (no_renameat2 && flags != 0) {
        errno = EINVAL;
        return -1;
    }
    return must_fail() ? -1 : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return must_fail() ? -1 : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    if (link_error != 0) {
        errno = link_error;
        return -1;
    }
    return must_fail() ? -1 : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

/* Of the library's 64-bit calls. */
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    return must_fail() ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

static int make(void **state)
{
    static struct fixture f;
    fault.armed = false;
    link_error = 0;
    no_renameat2 = false;
    *state = &f;
    return fixture_make(&f) ? 0 : -1;
}

static int remove_all(void **state)
{
    fault.armed = false;
    return fixture_remove(*state) ? 0 : -1;
}

/* Names of the database's folder that begin with `prefix`. */
static size_t count_names(const struct lk_dir *dir, const char *prefix)
{
    char **names = NULL;
    size_t count = 0, found = 0;
    struct lk_error err = {0};
    assert_int_equal(lk_dir_list(dir, &names, &count, &err), LK_OK);
    for (size_t i = 0; i < count; i++)
        found += strncmp(names[i], prefix, strlen(prefix)) == 0;
    lk_free(names);
    return found;
}

static struct lk_backup_writer *begin(struct fixture *f, int64_t started)
{
    struct lk_backup_writer *w = NULL;
    struct lk_error err = {0};
    if (lk_backup_writer_begin(f->store, &f->dir, f->lock, started, fixture_warn(f), &w, &err) != LK_OK)
        fail_msg("%s", err.message);
    return w;
}

static void a_backup_is_complete_under_its_name(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    char id[LK_TIME_SIZE], command[900];
    if (fixture_backup(f, FIXTURE_TIME, id, &err) != LK_OK)
        fail_msg("%s", err.message);
    assert_string_equal(id, "2024-05-29T091442Z");
    assert_int_equal(count_names(&f->dir, LK_TEMPORARY_PREFIX), 0);

    struct lk_backup *b = NULL;
    assert_int_equal(lk_backup_open(&f->dir, id, &b, &err), LK_OK);
    assert_int_equal(b->manifest->total_files, 3);
    struct stat st;
    assert_int_equal(fstatat(b->dir.fd, "parquet/posts.parquet", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
    assert_int_equal(fstatat(b->dir.fd, "parquet", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    /* What every user has at hand agrees that it is whole. */
    (void)snprintf(command, sizeof command, "cd '%s' && sha256sum --check --strict --quiet SHA256SUMS",
                   b->dir.path);
    assert_int_equal(system(command), 0);
    struct lk_buffer sums = {0};
    assert_int_equal(lk_file_read(&b->dir, LK_SUMS_FILE, 4096, &sums, &err), LK_OK);
    const char *text = lk_buffer_string(&sums);
    const char *json = strstr(text, "  json/posts.json.gz\n"), *manifest = strstr(text, "  manifest.json\n"),
               *parquet = strstr(text, "  parquet/posts.parquet\n"), *schema = strstr(text, "  schema.sql\n");
    assert_true(json != NULL && json < manifest && manifest < parquet && parquet < schema);
    lk_buffer_reset(&sums);
    lk_backup_free(b);
}

static void the_journal_gets_one_summary_line(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_journal j;
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    assert_int_equal(lk_journal_read(&f->dir, &j, &err), LK_OK);
    assert_int_equal(j.count, 1);
    assert_string_equal(lk_journal_string(j.event[0], "type", ""), "backup");
    assert_string_equal(lk_journal_string(j.event[0], "id", ""), "2024-05-29T091442Z");
    assert_int_equal(lk_journal_integer(j.event[0], "seq", 0), 1);
    assert_int_equal(lk_journal_integer(j.event[0], "rows", 0), 1);
    assert_int_equal(lk_journal_integer(j.event[0], "tables", 0), 1);
    assert_int_equal(lk_journal_integer(j.event[0], "duration_ms", 0), 1000);
    lk_journal_reset(&j);
}

static void a_second_backup_in_one_second_gets_another_id(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    assert_int_equal(fixture_backup(f, FIXTURE_TIME + 7, id, &err), LK_OK);
    assert_string_equal(id, "2024-05-29T091442Z-002");
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    assert_string_equal(id, "2024-05-29T091442Z-003");
}

static void the_sequence_goes_on_when_the_clock_goes_back_and_backups_go(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    assert_int_equal(fixture_backup(f, FIXTURE_TIME - 9 * FIXTURE_SECOND, NULL, &err), LK_OK);
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    assert_int_equal(lk_backup_writer_seq(w), 3);
    lk_backup_writer_free(w);
    /* Without the journal the manifests know; without the newest manifest the journal does. */
    assert_int_equal(unlinkat(f->dir.fd, LK_JOURNAL_FILE, 0), 0);
    w = begin(f, FIXTURE_TIME);
    assert_int_equal(lk_backup_writer_seq(w), 3);
    lk_backup_writer_free(w);
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    assert_int_equal(lk_backup_remove(f->store, &f->dir, f->lock, id, &err), LK_OK);
    w = begin(f, FIXTURE_TIME);
    assert_int_equal(lk_backup_writer_seq(w), 4);
    lk_backup_writer_free(w);
}

static void an_unfinished_backup_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_output *o = NULL;
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    assert_int_equal(count_names(&f->dir, LK_TEMPORARY_PREFIX), 1);
    assert_int_equal(fixture_write(w, "parquet/a.parquet/part-00001.parquet", "x", NULL, &err), LK_OK);
    assert_int_equal(lk_backup_writer_create(w, "json/a.json", &o, &err), LK_OK);
    lk_backup_writer_abandon(w, "json/a.json", o);
    lk_backup_writer_free(w);
    assert_int_equal(count_names(&f->dir, LK_TEMPORARY_PREFIX), 0);
    assert_int_equal(count_names(&f->dir, "2024"), 0);
}

static void leftovers_of_a_crash_are_removed_by_the_next_run(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_dir left = LK_DIR_CLOSED, deep = LK_DIR_CLOSED;
    assert_int_equal(lk_dir_create_at(&f->dir, ".tmp-2024-05-29T091442Z", 0700, true, &left, &err), LK_OK);
    assert_int_equal(lk_dir_create_at(&left, "parquet", 0500, true, &deep, &err), LK_OK);
    assert_int_equal(lk_file_write(&left, "x", lk_bytes_of("y"), 0400, false, &err), LK_OK);
    lk_dir_close(&deep);
    lk_dir_close(&left);
    assert_int_equal(lk_dir_create_at(&f->dir, LK_TRASH_FOLDER, 0700, true, &left, &err), LK_OK);
    assert_int_equal(lk_file_write(&left, "x", lk_bytes_of("y"), 0400, false, &err), LK_OK);
    lk_dir_close(&left);
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    assert_string_equal(lk_backup_writer_id(w), "2024-05-29T091442Z");
    assert_int_equal(count_names(&f->dir, LK_TRASH_FOLDER), 0);
    assert_int_equal(count_names(&f->dir, LK_TEMPORARY_PREFIX), 1); /* its own */
    assert_false(fixture_exists(&w->dir, "x"));
    lk_backup_writer_free(w);
    assert_int_equal(f->warnings, 0);
}

static void a_manifest_that_does_not_name_every_file_is_not_committed(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool committed = true;
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    struct lk_manifest *m = fixture_manifest(FIXTURE_TIME);
    assert_int_equal(fixture_add_table(m, w, "posts", &err), LK_OK);
    assert_int_equal(fixture_write(w, "parquet/stray.parquet", "x", NULL, &err), LK_OK);
    assert_int_equal(lk_backup_writer_commit(w, m, lk_bytes_of(""), FIXTURE_TIME, &committed, &err),
                     LK_FAILED);
    assert_false(committed);
    lk_manifest_free(m);
    lk_backup_writer_free(w);

    w = begin(f, FIXTURE_TIME);
    m = fixture_manifest(FIXTURE_TIME);
    assert_int_equal(fixture_add_table(m, w, "posts", &err), LK_OK);
    m->table[0]->part[0].json.sha256[0] ^= 1;
    assert_int_equal(lk_backup_writer_commit(w, m, lk_bytes_of(""), FIXTURE_TIME, &committed, &err),
                     LK_FAILED);
    assert_non_null(strstr(err.message, "json/posts.json.gz"));
    lk_manifest_free(m);
    lk_backup_writer_free(w);
    assert_int_equal(count_names(&f->dir, "2024"), 0);
}

static void a_discarded_file_and_its_folder_are_not_kept(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool committed = false;
    const char *const path = "parquet/posts.parquet/part-00001.parquet";
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    assert_int_equal(fixture_write(w, path, "x", NULL, &err), LK_OK);
    assert_int_equal(lk_backup_writer_discard(w, path, &err), LK_OK);
    assert_int_equal(lk_backup_writer_discard(w, path, &err), LK_OK);
    struct lk_manifest *m = fixture_manifest(FIXTURE_TIME);
    assert_int_equal(fixture_write(w, "parquet/other.parquet", "x", NULL, &err), LK_OK);
    assert_int_equal(lk_backup_writer_discard(w, "parquet/other.parquet", &err), LK_OK);
    if (lk_backup_writer_commit(w, m, lk_bytes_of(""), FIXTURE_TIME, &committed, &err) != LK_OK)
        fail_msg("%s", err.message);
    assert_false(fixture_exists(&w->dir, "parquet"));
    lk_manifest_free(m);
    lk_backup_writer_free(w);
}

static void a_written_file_can_be_read_back_before_the_commit(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_manifest_file file = {0};
    struct lk_input *in = NULL;
    char text[6] = "";
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    assert_int_equal(fixture_write(w, "json/t.json", "hello", &file, &err), LK_OK);
    assert_int_equal(file.bytes, 5);
    assert_string_equal(file.path, "json/t.json");
    assert_int_equal(lk_backup_writer_open(w, file.path, &in, &err), LK_OK);
    assert_int_equal(lk_input_read(in, 0, text, 5, &err), LK_OK);
    assert_string_equal(text, "hello");
    lk_input_close(in);
    lk_free(file.path);
    lk_backup_writer_free(w);
}

static void a_file_can_get_its_final_path_later(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_manifest_file file = {0};
    bool committed = false;
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    assert_true(fixture_exists(&f->dir, lk_backup_writer_temporary(w)));
    assert_int_equal(fixture_write(w, "parquet/t.new/part-00001.parquet", "x", &file, &err), LK_OK);
    for (int n = 0; n < 4; n++) {
        lk_memory_fail_after(n, 0);
        const enum lk_status status = lk_backup_writer_rename(w, &file, "parquet/t.parquet", &err);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK)
            break;
        assert_string_equal(file.path, "parquet/t.new/part-00001.parquet");
        assert_true(fixture_exists(&w->dir, file.path));
    }
    if (strcmp(file.path, "parquet/t.parquet") != 0)
        assert_int_equal(lk_backup_writer_rename(w, &file, "parquet/t.parquet", &err), LK_OK);
    assert_string_equal(file.path, "parquet/t.parquet");
    struct lk_manifest *m = fixture_manifest(FIXTURE_TIME);
    assert_int_equal(fixture_add_table(m, NULL, "t", &err), LK_OK);
    struct lk_manifest_part *p = &m->table[0]->part[0];
    lk_free(p->parquet.path);
    p->parquet = file;
    lk_free(p->json.path);
    p->json = (struct lk_manifest_file){0};
    if (lk_backup_writer_commit(w, m, lk_bytes_of(""), FIXTURE_TIME, &committed, &err) != LK_OK)
        fail_msg("%s", err.message);
    assert_false(fixture_exists(&w->dir, "parquet/t.new"));
    lk_manifest_free(m);
    lk_backup_writer_free(w);
}

static void a_copy_of_the_source_beside_the_files_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_dir deep = LK_DIR_CLOSED;
    bool committed = false;
    struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
    struct lk_manifest *m = fixture_manifest(FIXTURE_TIME);
    assert_int_equal(fixture_add_table(m, w, "posts", &err), LK_OK);
    assert_int_equal(lk_file_write(&w->dir, "source.db", lk_bytes_of("copy"), 0600, false, &err), LK_OK);
    assert_int_equal(lk_dir_create_at(&w->dir, "par", 0700, true, &deep, &err), LK_OK);
    lk_dir_close(&deep);
    assert_int_equal(lk_backup_writer_commit(w, m, lk_bytes_of(""), FIXTURE_TIME, &committed, &err), LK_OK);
    assert_false(fixture_exists(&w->dir, "source.db") || fixture_exists(&w->dir, "par"));
    assert_true(fixture_exists(&w->dir, "parquet/posts.parquet") && fixture_exists(&w->dir, LK_SUMS_FILE));
    lk_manifest_free(m);
    lk_backup_writer_free(w);
}

struct many {
    struct lk_backup_writer *w;
    int number;
    enum lk_status status;
};

static void *write_many(void *argument)
{
    struct many *job = argument;
    struct lk_error err = {0};
    for (int i = 1; job->status == LK_OK && i <= 20; i++) {
        char path[80];
        (void)snprintf(path, sizeof path, "parquet/t%d.parquet/part-%05d.parquet", i % 3,
                       job->number * 100 + i);
        job->status = fixture_write(job->w, path, path, NULL, &err);
    }
    return NULL;
}

static void many_threads_may_write_files_at_once(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct many jobs[THREADS];
    struct lk_backup_writer *w = begin(*state, FIXTURE_TIME);
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct many){.w = w, .number = i, .status = LK_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].status, LK_OK);
    }
    assert_int_equal(w->files, THREADS * 20);
    assert_int_equal(w->folders, 4);
    for (size_t i = 0; i < w->folders; i++)
        assert_int_equal(w->folder[i]->users, 0);
    lk_backup_writer_free(w);
}

/* Begin a second backup, beside one that is there, and link its Parquet file. */
static enum lk_status link_earlier(struct fixture *f, struct lk_backup_writer **w, bool *copied,
                                   struct lk_error *err)
{
    struct lk_backup *b = NULL;
    *w = begin(f, FIXTURE_TIME + FIXTURE_SECOND);
    assert_int_equal(lk_backup_open(&f->dir, "2024-05-29T091442Z", &b, err), LK_OK);
    const enum lk_status status = lk_backup_writer_link(*w, &b->dir, &b->manifest->table[0]->part[0].parquet,
                                                        "parquet/x.parquet", copied, err);
    lk_backup_free(b);
    return status;
}

static ino_t inode_of(const struct lk_dir *dir, const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(dir->fd, path, &st, 0), 0);
    return st.st_ino;
}

static void a_shared_file_is_one_file(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup_writer *w;
    bool copied = true;
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    assert_int_equal(link_earlier(f, &w, &copied, &err), LK_OK);
    assert_false(copied);
    assert_true(inode_of(&w->dir, "parquet/x.parquet") ==
                inode_of(&f->dir, "2024-05-29T091442Z/parquet/posts.parquet"));
    assert_int_equal(w->files, 1);
    lk_backup_writer_free(w);
    assert_true(fixture_exists(&f->dir, "2024-05-29T091442Z/parquet/posts.parquet"));
}

static void where_links_are_refused_files_are_copied_and_it_is_said_once(void **state)
{
    static const int errors[] = {EMLINK, EXDEV, EPERM, EOPNOTSUPP, EINVAL, EACCES};
    struct fixture *f = *state;
    struct lk_error err = {0};
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct lk_backup_writer *w;
        struct lk_backup *b = NULL;
        bool copied = false;
        f->warnings = 0;
        link_error = errors[i];
        assert_int_equal(link_earlier(f, &w, &copied, &err), LK_OK);
        assert_true(copied);
        assert_int_equal(lk_backup_open(&f->dir, "2024-05-29T091442Z", &b, &err), LK_OK);
        assert_int_equal(lk_backup_writer_link(w, &b->dir, &b->manifest->table[0]->part[0].json,
                                               "json/x.json.gz", &copied, &err),
                         LK_OK);
        assert_int_equal(f->warnings, 1);
        assert_true(inode_of(&w->dir, "parquet/x.parquet") !=
                    inode_of(&f->dir, "2024-05-29T091442Z/parquet/posts.parquet"));
        assert_int_equal(w->files, 2);
        lk_backup_free(b);
        lk_backup_writer_free(w);
    }
}

static void a_full_disk_while_linking_is_no_reason_to_copy(void **state)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    struct fixture *f = *state;
    struct lk_error err = {0};
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct lk_backup_writer *w;
        link_error = errors[i];
        assert_int_equal(link_earlier(f, &w, NULL, &err), LK_FAILED);
        assert_int_equal(err.system, errors[i]);
        assert_true(errors[i] == EIO || strstr(err.message, "--store") != NULL);
        assert_false(fixture_exists(&w->dir, "parquet/x.parquet"));
        lk_backup_writer_free(w);
    }
}

static void damage_in_an_earlier_file_is_not_carried_on(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup_writer *w;
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    const char *const path = "2024-05-29T091442Z/parquet/posts.parquet";
    assert_int_equal(unlinkat(f->dir.fd, path, 0), 0);
    assert_int_equal(link_earlier(f, &w, NULL, &err), LK_DAMAGED);
    lk_backup_writer_free(w);
    int fd = openat(f->dir.fd, path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "short", 5), 5);
    (void)close(fd);
    assert_int_equal(link_earlier(f, &w, NULL, &err), LK_DAMAGED);
    lk_backup_writer_free(w);
    /* As long as it should be, but other bytes: a copy notices. */
    fd = openat(f->dir.fd, path, O_WRONLY, 0600);
    assert_int_equal(write(fd, "PARQUET!", 8), 8);
    (void)close(fd);
    link_error = EXDEV;
    assert_int_equal(link_earlier(f, &w, NULL, &err), LK_DAMAGED);
    assert_int_equal(w->files, 0);
    assert_false(fixture_exists(&w->dir, "parquet/x.parquet"));
    lk_backup_writer_free(w);
    assert_int_equal(unlinkat(f->dir.fd, path, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", f->dir.fd, path), 0);
    link_error = 0;
    assert_int_equal(link_earlier(f, &w, NULL, &err), LK_DAMAGED);
    lk_backup_writer_free(w);
}

static void a_folder_under_the_final_name_is_never_replaced(void **state)
{
    struct fixture *f = *state;
    for (int without = 0; without < 2; without++) {
        struct lk_error err = {0};
        struct lk_dir made = LK_DIR_CLOSED;
        bool committed = false;
        no_renameat2 = without == 1;
        struct lk_backup_writer *w = begin(f, FIXTURE_TIME);
        struct lk_manifest *m = fixture_manifest(FIXTURE_TIME);
        assert_int_equal(lk_dir_create_at(&f->dir, "2024-05-29T091442Z", 0700, true, &made, &err), LK_OK);
        assert_int_equal(lk_backup_writer_commit(w, m, lk_bytes_of(""), FIXTURE_TIME, &committed, &err),
                         LK_FAILED);
        assert_int_equal(err.system, EEXIST);
        assert_false(fixture_exists(&made, LK_MANIFEST_FILE));
        assert_int_equal(unlinkat(f->dir.fd, "2024-05-29T091442Z", AT_REMOVEDIR), 0);
        lk_dir_close(&made);
        lk_manifest_free(m);
        lk_backup_writer_free(w);
    }
}

static void a_file_system_without_renameat2_will_do(void **state)
{
    struct lk_error err = {0};
    char id[LK_TIME_SIZE];
    no_renameat2 = true;
    assert_int_equal(fixture_backup(*state, FIXTURE_TIME, id, &err), LK_OK);
}

/* Whatever call fails: the backup is there and whole, or nothing is; and the next run works. */
static void whichever_call_fails_a_backup_is_complete_or_absent(void **state)
{
    static const int errors[] = {EIO, ENOSPC, EROFS};
    struct fixture *f = *state;
    struct lk_error err = {0};
    int64_t time = FIXTURE_TIME;
    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            enum lk_status status = LK_FAILED;
            int n = 0;
            for (; status != LK_OK; n++) {
                char id[LK_TIME_SIZE];
                time += FIXTURE_SECOND;
                lk_time_format_id(time, id);
                fault =
                    (struct fault){.armed = true, .left = n, .for_ever = for_ever == 1, .error = errors[e]};
                status = fixture_backup(f, time, NULL, &err);
                fault.armed = false;
                assert_true((status == LK_OK) == (fault.failed == 0));
                if (status != LK_OK && err.system == 0)
                    fail_msg("no cause: %s", err.message);
                if (errors[e] != EIO && status != LK_OK && strstr(err.message, "--store") == NULL)
                    fail_msg("no way out: %s", err.message);
                struct lk_backup *b = NULL;
                const enum lk_status opened = lk_backup_open(&f->dir, id, &b, &err);
                if (opened == LK_OK) {
                    char command[900];
                    (void)snprintf(command, sizeof command,
                                   "cd '%s' && sha256sum --check --strict --quiet SHA256SUMS", b->dir.path);
                    assert_int_equal(system(command), 0);
                } else {
                    assert_int_equal(opened, LK_NOT_FOUND);
                }
                assert_true(status != LK_OK || opened == LK_OK);
                lk_backup_free(b);
                assert_int_equal(count_names(&f->dir, LK_TEMPORARY_PREFIX), 0);
            }
            assert_true(n > 15);
        }
    }
}

static void running_out_of_memory_leaves_no_backup_behind(void **state)
{
    struct fixture *f = *state;
    enum lk_status status = LK_FAILED;
    int n = 0;
    for (; status != LK_OK; n++) {
        struct lk_error err = {0};
        struct lk_backup_writer *w = NULL;
        bool committed = false;
        lk_memory_fail_after(n, 0);
        status =
            lk_backup_writer_begin(f->store, &f->dir, f->lock, FIXTURE_TIME, (struct lk_warn){0}, &w, &err);
        lk_memory_fail_after(-1, 0);
        struct lk_manifest *m = fixture_manifest(FIXTURE_TIME);
        lk_memory_fail_after(n / 2, 0);
        if (status == LK_OK)
            status = fixture_write(w, "json/x.json", "x", NULL, &err);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK)
            status = lk_backup_writer_discard(w, "json/x.json", &err);
        lk_memory_fail_after(n / 2, 0);
        if (status == LK_OK)
            status = lk_backup_writer_commit(w, m, lk_bytes_of(""), FIXTURE_TIME, &committed, &err);
        lk_memory_fail_after(-1, 0);
        assert_true(status != LK_OK || committed);
        assert_int_equal(count_names(&f->dir, "2024"), committed ? 1 : 0);
        lk_manifest_free(m);
        lk_backup_writer_free(w);
        assert_int_equal(count_names(&f->dir, LK_TEMPORARY_PREFIX), 0);
        if (committed && status != LK_OK)
            assert_int_equal(lk_backup_remove(f->store, &f->dir, f->lock, "2024-05-29T091442Z", &err), LK_OK);
    }
    assert_true(n > 50);
}

static void a_removed_backup_is_gone_and_a_missing_one_is_said(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    assert_int_equal(lk_backup_remove(f->store, &f->dir, f->lock, id, &err), LK_OK);
    assert_int_equal(count_names(&f->dir, "2024"), 0);
    assert_int_equal(lk_backup_remove(f->store, &f->dir, f->lock, id, &err), LK_NOT_FOUND);
    assert_int_equal(lk_backup_remove(f->store, &f->dir, f->lock, "../posts", &err), LK_NOT_FOUND);
    assert_int_equal(lk_backup_remove(f->store, &f->dir, f->lock, LK_SOURCE_FILE, &err), LK_NOT_FOUND);
}

static void a_backup_that_is_removed_on_a_full_disk_leaves_no_error(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    err = (struct lk_error){0};
    fault = (struct fault){.armed = true, .error = ENOSPC}; /* the first call: .trash is made */
    const enum lk_status status = lk_backup_remove(f->store, &f->dir, f->lock, id, &err);
    fault.armed = false;
    assert_int_equal(status, LK_OK);
    assert_int_equal(fault.failed, 1);
    assert_int_equal(err.status, LK_OK);
    assert_string_equal(err.message, "");
    assert_int_equal(count_names(&f->dir, "2024"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, remove_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_backup_is_complete_under_its_name),
        TEST(the_journal_gets_one_summary_line),
        TEST(a_second_backup_in_one_second_gets_another_id),
        TEST(the_sequence_goes_on_when_the_clock_goes_back_and_backups_go),
        TEST(an_unfinished_backup_leaves_nothing),
        TEST(a_backup_that_is_removed_on_a_full_disk_leaves_no_error),
        TEST(leftovers_of_a_crash_are_removed_by_the_next_run),
        TEST(a_manifest_that_does_not_name_every_file_is_not_committed),
        TEST(a_discarded_file_and_its_folder_are_not_kept),
        TEST(a_written_file_can_be_read_back_before_the_commit),
        TEST(a_file_can_get_its_final_path_later),
        TEST(a_copy_of_the_source_beside_the_files_is_not_kept),
        TEST(many_threads_may_write_files_at_once),
        TEST(a_shared_file_is_one_file),
        TEST(where_links_are_refused_files_are_copied_and_it_is_said_once),
        TEST(a_full_disk_while_linking_is_no_reason_to_copy),
        TEST(damage_in_an_earlier_file_is_not_carried_on),
        TEST(a_folder_under_the_final_name_is_never_replaced),
        TEST(a_file_system_without_renameat2_will_do),
        TEST(whichever_call_fails_a_backup_is_complete_or_absent),
        TEST(running_out_of_memory_leaves_no_backup_behind),
        TEST(a_removed_backup_is_gone_and_a_missing_one_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
