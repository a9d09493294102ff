/* How databases are opened and pinned, but for the locks of the rollback journal (test_source_rollback.c). */
#include "database.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

#include "sqlite/source.h"

struct fixture {
    struct lk_dir dir; /* the databases */
    struct lk_dir tmp; /* their copies */
    struct lk_source_options options;
    struct lk_source *source;
    struct lk_error err;
};

static int set_up(void **state)
{
    struct fixture *f = lk_allocate_zeroed(1, sizeof *f);
    *state = f;
    const bool made = scratch_make(&f->dir) && scratch_make(&f->tmp);
    f->options.network = LK_NETWORK_NO;
    f->options.tmp = f->tmp.path;
    return made ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    lk_source_close(f->source);
    const bool removed = scratch_remove(&f->dir) && scratch_remove(&f->tmp);
    lk_free(f);
    return removed ? 0 : -1;
}

static void open_source(struct fixture *f, const char *name)
{
    const enum lk_status status = lk_source_open(in_scratch(&f->dir, name), &f->options, &f->source, &f->err);
    if (status != LK_OK)
        fail_msg("%d: %s", status, f->err.message);
}

static void close_source(struct fixture *f)
{
    lk_source_close(f->source);
    f->source = NULL;
}

static enum lk_method method(const struct fixture *f)
{
    return lk_source_facts(f->source)->method;
}

static int64_t number(const struct fixture *f, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(lk_source_db(f->source), sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(lk_source_db(f->source)));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return value;
}

static size_t files_in(const struct lk_dir *dir)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error err = {0};
    assert_int_equal(lk_dir_list(dir, &names, &count, &err), LK_OK);
    lk_free(names);
    return count;
}

static const char wal_database[] =
    "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1),(2);";

/* A WAL database with a -wal and -shm, as a killed writer leaves them. The row 3 is only in the -wal. */
static void make_pending_wal(struct fixture *f, const char *name)
{
    make_database(in_scratch(&f->dir, name), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, name));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    writer_end(&w);
    assert_true(file_bytes(in_scratch(&f->dir, "a.db-wal")) > 0);
}

static void a_clean_wal_database_is_read_without_a_file_being_made(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    const struct file_hash before = hash_file(&f->dir, "a.db");
    open_source(f, "a.db");
    assert_int_equal(method(f), LK_METHOD_IMMUTABLE);
    assert_true(lk_source_facts(f->source)->wal);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 2);
    assert_int_equal(files_in(&f->dir), 1);
    bool restart = true;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_false(restart);
    close_source(f);
    assert_int_equal(files_in(&f->dir), 1);
    assert_true(same_file_hash(before, hash_file(&f->dir, "a.db")));
}

static void a_write_during_an_immutable_read_is_noticed_and_the_restart_sees_it(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    open_source(f, "a.db");
    assert_int_equal(method(f), LK_METHOD_IMMUTABLE);
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    bool restart = false;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_true(restart);
    assert_int_equal(lk_source_restart(f->source, &f->err), LK_OK);
    assert_int_equal(method(f), LK_METHOD_READ);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_false(restart);
    writer_end(&w);
}

static void a_write_and_checkpoint_during_an_immutable_read_is_noticed(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    open_source(f, "a.db");
    assert_int_equal(writer_run(&w, "UPDATE t SET a = 9"), SQLITE_OK);
    assert_int_equal(writer_run(&w, "close"), SQLITE_OK); /* checkpoints and deletes the -wal */
    assert_int_equal(files_in(&f->dir), 1);
    bool restart = false;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_true(restart);
    writer_end(&w);
}

static void another_reader_does_not_disturb_an_immutable_read(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    open_source(f, "a.db");
    assert_int_equal(writer_run(&w, "SELECT count(*) FROM t"), SQLITE_OK);
    bool restart = true;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_false(restart);
    writer_end(&w);
}

static void a_live_wal_database_is_read_in_place_while_its_writer_goes_on(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    open_source(f, "a.db");
    assert_int_equal(method(f), LK_METHOD_READ);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(4)"), SQLITE_OK);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3); /* one state for everything */
    assert_false(lk_source_expired(f->source));
    bool restart = true;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_false(restart);
    close_source(f);
    writer_end(&w);
}

static void neither_database_nor_wal_changes_when_a_live_wal_database_is_read_and_closed(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    const struct file_hash db = hash_file(&f->dir, "a.db");
    const struct file_hash wal = hash_file(&f->dir, "a.db-wal");
    open_source(f, "a.db");
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
    writer_end(&w); /* the source is now the last connection: closing it must not checkpoint */
    close_source(f);
    assert_true(same_file_hash(db, hash_file(&f->dir, "a.db")));
    assert_true(same_file_hash(wal, hash_file(&f->dir, "a.db-wal")));
}

static void a_wal_without_its_shm_is_recovered_in_a_copy(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    assert_int_equal(unlink(in_scratch(&f->dir, "a.db-shm")), 0);
    const struct file_hash db = hash_file(&f->dir, "a.db");
    const struct file_hash wal = hash_file(&f->dir, "a.db-wal");
    open_source(f, "a.db");
    assert_true(method(f) == LK_METHOD_COPY || method(f) == LK_METHOD_CLONE);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
    assert_true(lk_source_facts(f->source)->wal);
    assert_false(file_exists(in_scratch(&f->dir, "a.db-shm")));
    close_source(f);
    assert_int_equal(files_in(&f->dir), 2);
    assert_true(same_file_hash(db, hash_file(&f->dir, "a.db")));
    assert_true(same_file_hash(wal, hash_file(&f->dir, "a.db-wal")));
}

static void a_wal_database_on_a_network_is_never_opened_in_place(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    f->options.network = LK_NETWORK_YES;
    const struct file_hash shm = hash_file(&f->dir, "a.db-shm");
    const struct file_hash wal = hash_file(&f->dir, "a.db-wal");
    open_source(f, "a.db");
    assert_true(method(f) == LK_METHOD_COPY || method(f) == LK_METHOD_CLONE);
    assert_true(lk_source_facts(f->source)->network);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
    close_source(f);
    assert_true(same_file_hash(shm, hash_file(&f->dir, "a.db-shm")));
    assert_true(same_file_hash(wal, hash_file(&f->dir, "a.db-wal")));
}

static void a_wal_database_that_is_written_all_the_time_on_a_network_is_reported(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    /* Large enough that a commit falls into every copy. */
    make_database(in_scratch(&f->dir, "a.db"),
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
                  "INSERT INTO t SELECT randomblob(1000) FROM n");
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0"), SQLITE_OK);
    f->options.network = LK_NETWORK_YES;
    const pid_t busy = fork();
    assert_true(busy >= 0);
    if (busy == 0) {
        for (;;)
            if (writer_run(&w, "INSERT INTO t VALUES(4)") != SQLITE_OK)
                _exit(0);
    }
    enum lk_status status = lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err);
    kill(busy, SIGKILL);
    (void)waitpid(busy, NULL, 0);
    writer_end(&w);
    assert_int_equal(status, LK_UNREADABLE);
    assert_non_null(strstr(f->err.message, "live WAL on a network file system"));
    assert_int_equal(files_in(&f->tmp), 0);
}

static void a_rollback_database_on_a_network_is_read_in_place(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    f->options.network = LK_NETWORK_YES;
    open_source(f, "a.db");
    assert_int_equal(method(f), LK_METHOD_READ);
}

static void a_wal_beside_a_rollback_database_counts_as_it_does_for_sqlite(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    assert_int_equal(lk_file_write(&f->dir, "a.db-wal", lk_bytes("", 0), 0600, false, &f->err), LK_OK);
    open_source(f, "a.db");
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 1);
    assert_int_equal(files_in(&f->dir), 2); /* no -shm was made */
    close_source(f);
    assert_int_equal(unlink(in_scratch(&f->dir, "a.db-wal")), 0);

    /* A rollback database that was put over a live one: its -wal is still there, and SQLite would apply it.
     */
    make_database(in_scratch(&f->dir, "b.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "b.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    writer_end(&w);
    assert_int_equal(rename(in_scratch(&f->dir, "b.db-wal"), in_scratch(&f->dir, "a.db-wal")), 0);
    const struct file_hash db = hash_file(&f->dir, "a.db");
    const struct file_hash wal = hash_file(&f->dir, "a.db-wal");
    const enum lk_status status =
        lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err);
    assert_true(status == LK_OK || status == LK_UNREADABLE);
    close_source(f);
    assert_true(same_file_hash(db, hash_file(&f->dir, "a.db")));
    assert_true(same_file_hash(wal, hash_file(&f->dir, "a.db-wal")));
    assert_false(file_exists(in_scratch(&f->dir, "a.db-shm")));
}

static void a_file_of_no_bytes_is_an_empty_database_and_its_wal_stays(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    assert_int_equal(truncate(in_scratch(&f->dir, "a.db"), 0), 0);
    const struct file_hash wal = hash_file(&f->dir, "a.db-wal");
    open_source(f, "a.db");
    assert_int_equal(method(f), LK_METHOD_EMPTY);
    assert_true(lk_source_facts(f->source)->stray_wal);
    assert_int_equal(lk_source_facts(f->source)->bytes, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM sqlite_schema"), 0);
    close_source(f);
    assert_true(same_file_hash(wal, hash_file(&f->dir, "a.db-wal")));
}

static void a_hot_journal_is_rolled_back_in_a_copy_only(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"),
                  "PRAGMA page_size=1024; CREATE TABLE t(a); INSERT INTO t VALUES(1),(2)");
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    /* A cache of a few pages spills the transaction into the file, whose journal is then needed to undo it.
     */
    assert_int_equal(
        writer_run(&w, "PRAGMA cache_size=5; BEGIN; UPDATE t SET a = 9;"
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
                       "INSERT INTO t SELECT randomblob(500) FROM n"),
        SQLITE_OK);
    writer_end(&w);
    const struct file_hash db = hash_file(&f->dir, "a.db");
    const struct file_hash journal = hash_file(&f->dir, "a.db-journal");
    assert_true(journal.exists);
    open_source(f, "a.db");
    assert_true(method(f) == LK_METHOD_COPY || method(f) == LK_METHOD_CLONE);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 2);
    assert_int_equal(number(f, "SELECT sum(a) FROM t"), 3);
    close_source(f);
    assert_true(same_file_hash(db, hash_file(&f->dir, "a.db")));
    assert_true(same_file_hash(journal, hash_file(&f->dir, "a.db-journal")));
}

static void copies_leave_nothing_in_the_folder_for_copies(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    f->options.snapshot = LK_SNAPSHOT_COPY;
    open_source(f, "a.db");
    assert_int_equal(method(f), LK_METHOD_BACKUP);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
    close_source(f);
    assert_int_equal(files_in(&f->tmp), 0);
}

static void a_wal_database_that_is_copied_no_longer_holds_its_wal_back(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    f->options.snapshot = LK_SNAPSHOT_COPY;
    open_source(f, "a.db");
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(4); PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
    assert_int_equal(lk_source_wal_bytes(f->source), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
    writer_end(&w);
}

static void the_growth_of_a_wal_can_be_seen(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    struct writer w = writer_start(in_scratch(&f->dir, "a.db"));
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    open_source(f, "a.db");
    const uint64_t before = lk_source_wal_bytes(f->source);
    assert_int_equal(lk_source_facts(f->source)->wal_bytes, before);
    assert_int_equal(writer_run(&w, "INSERT INTO t VALUES(zeroblob(100000))"), SQLITE_OK);
    assert_true(lk_source_wal_bytes(f->source) >= before + 100000);
    assert_int_equal(lk_source_wal_limit(f->source), 256 << 20);
    writer_end(&w);
}

static void a_file_put_in_its_place_meanwhile_is_noted(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    make_database(in_scratch(&f->dir, "b.db"), wal_database);
    open_source(f, "a.db");
    bool restart = true;
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_false(lk_source_facts(f->source)->replaced);
    assert_int_equal(rename(in_scratch(&f->dir, "b.db"), in_scratch(&f->dir, "a.db")), 0);
    assert_int_equal(lk_source_confirm(f->source, &restart, &f->err), LK_OK);
    assert_true(lk_source_facts(f->source)->replaced);
}

static void an_encrypted_or_foreign_file_is_unreadable(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    uint8_t noise[4096];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 37 + 11);
    assert_int_equal(lk_file_write(&f->dir, "x.db", lk_bytes(noise, sizeof noise), 0600, false, &err), LK_OK);
    assert_int_equal(lk_source_open(in_scratch(&f->dir, "x.db"), &f->options, &f->source, &f->err),
                     LK_UNREADABLE);
    assert_non_null(strstr(f->err.message, "encrypted, or not a SQLite database"));
}

static void a_missing_file_is_not_found(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(lk_source_open(in_scratch(&f->dir, "none.db"), &f->options, &f->source, &f->err),
                     LK_NOT_FOUND);
}

static void a_link_is_resolved_to_the_file_whose_wal_counts(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    assert_int_equal(symlink("a.db", in_scratch(&f->dir, "link.db")), 0);
    open_source(f, "link.db");
    assert_string_equal(lk_source_facts(f->source)->path, in_scratch(&f->dir, "a.db"));
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
}

static void names_with_all_that_a_uri_gives_a_meaning_are_opened_as_they_are(void **state)
{
    struct fixture *f = *state;
    static const char name[] = "a?mode=rw&x=%41#b \n\xff.db";
    make_database(in_scratch(&f->dir, name), wal_database);
    open_source(f, name);
    assert_int_equal(method(f), LK_METHOD_IMMUTABLE);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 2);
    assert_int_equal(files_in(&f->dir), 1);
}

static void a_path_longer_than_sqlite_takes_is_read_from_a_copy(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    char path[1024];
    (void)snprintf(path, sizeof path, "%s", f->dir.path);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/%0200d", i);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/a.db");
    assert_int_equal(rename(in_scratch(&f->dir, "a.db"), path), 0);
    const enum lk_status status = lk_source_open(path, &f->options, &f->source, &f->err);
    assert_int_equal(status, LK_OK);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 2);
}

static void the_connection_refuses_to_write_and_to_run_what_the_schema_brings(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    open_source(f, "a.db");
    sqlite3 *db = lk_source_db(f->source);
    assert_int_equal(number(f, "PRAGMA query_only"), 1);
    assert_int_equal(number(f, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number(f, "PRAGMA cell_size_check"), 1);
    int value = -1;
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, -1, &value), SQLITE_OK);
    assert_int_equal(value, 1);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &value), SQLITE_OK);
    assert_int_equal(value, 1);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, -1, &value), SQLITE_OK);
    assert_int_equal(value, 0);
    assert_int_equal(sqlite3_db_readonly(db, "main"), 1);
    assert_int_not_equal(sqlite3_exec(db, "INSERT INTO t VALUES(1)", NULL, NULL, NULL), SQLITE_OK);
}

static void too_little_space_for_a_copy_is_said_before_it_is_made(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    assert_int_equal(unlink(in_scratch(&f->dir, "a.db-shm")), 0);
    /* A sparse file may be larger than any disk. */
    assert_int_equal(truncate(in_scratch(&f->dir, "a.db"), INT64_C(1) << 43), 0);
    const enum lk_status status =
        lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err);
    assert_int_equal(status, LK_UNREADABLE);
    assert_non_null(strstr(f->err.message, "--tmp"));
    assert_int_equal(files_in(&f->tmp), 0);
}

/* As somebody who may read the folder and nothing else; root is nobody for that time, in a child. The sum of
 * the rows, or a negative status. */
static int64_t read_without_rights(struct fixture *f)
{
    int result[2];
    assert_int_equal(pipe(result), 0);
    assert_int_equal(chmod(f->dir.path, 0555), 0);
    assert_int_equal(chmod(f->tmp.path, 0777), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int64_t sum = -100;
        if (geteuid() != 0 || setuid(65534) == 0) {
            const enum lk_status status =
                lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err);
            sum = status == LK_OK ? number(f, "SELECT count(*) FROM t") : -(int64_t)status;
            lk_source_close(f->source);
        }
        _exit(write(result[1], &sum, sizeof sum) == sizeof sum ? 0 : 1);
    }
    close(result[1]);
    int64_t sum = -200;
    assert_int_equal(read(result[0], &sum, sizeof sum), sizeof sum);
    close(result[0]);
    (void)waitpid(child, NULL, 0);
    assert_int_equal(chmod(f->dir.path, 0755), 0);
    return sum;
}

static void a_wal_database_in_a_folder_that_cannot_be_written_is_read_with_its_wal(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    assert_int_equal(read_without_rights(f), 3);
    assert_int_equal(chmod(in_scratch(&f->dir, "a.db-shm"), 0), 0); /* not even its index can be read */
    assert_int_equal(read_without_rights(f), 3);
    assert_int_equal(unlink(in_scratch(&f->dir, "a.db-shm")), 0);
    assert_int_equal(read_without_rights(f), 3);
}

static void a_clean_wal_database_in_a_folder_that_cannot_be_written_is_read(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    assert_int_equal(read_without_rights(f), 2);
}

static void a_file_that_may_not_be_read_is_unreadable(void **state)
{
    struct fixture *f = *state;
    make_database(in_scratch(&f->dir, "a.db"), wal_database);
    assert_int_equal(chmod(in_scratch(&f->dir, "a.db"), 0), 0);
    assert_int_equal(read_without_rights(f), -(int64_t)LK_UNREADABLE);
}

static void an_interrupt_ends_the_copying(void **state)
{
    struct fixture *f = *state;
    make_pending_wal(f, "a.db");
    atomic_bool stop = true;
    f->options.network = LK_NETWORK_YES;
    f->options.interrupt = &stop;
    assert_int_equal(lk_source_open(in_scratch(&f->dir, "a.db"), &f->options, &f->source, &f->err),
                     LK_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_clean_wal_database_is_read_without_a_file_being_made),
        CASE(a_write_during_an_immutable_read_is_noticed_and_the_restart_sees_it),
        CASE(a_write_and_checkpoint_during_an_immutable_read_is_noticed),
        CASE(another_reader_does_not_disturb_an_immutable_read),
        CASE(a_live_wal_database_is_read_in_place_while_its_writer_goes_on),
        CASE(neither_database_nor_wal_changes_when_a_live_wal_database_is_read_and_closed),
        CASE(a_wal_without_its_shm_is_recovered_in_a_copy),
        CASE(a_wal_database_on_a_network_is_never_opened_in_place),
        CASE(a_wal_database_that_is_written_all_the_time_on_a_network_is_reported),
        CASE(a_rollback_database_on_a_network_is_read_in_place),
        CASE(a_wal_beside_a_rollback_database_counts_as_it_does_for_sqlite),
        CASE(a_file_of_no_bytes_is_an_empty_database_and_its_wal_stays),
        CASE(a_hot_journal_is_rolled_back_in_a_copy_only),
        CASE(copies_leave_nothing_in_the_folder_for_copies),
        CASE(a_wal_database_that_is_copied_no_longer_holds_its_wal_back),
        CASE(the_growth_of_a_wal_can_be_seen),
        CASE(a_file_put_in_its_place_meanwhile_is_noted),
        CASE(an_encrypted_or_foreign_file_is_unreadable),
        CASE(a_missing_file_is_not_found),
        CASE(a_link_is_resolved_to_the_file_whose_wal_counts),
        CASE(names_with_all_that_a_uri_gives_a_meaning_are_opened_as_they_are),
        CASE(a_path_longer_than_sqlite_takes_is_read_from_a_copy),
        CASE(the_connection_refuses_to_write_and_to_run_what_the_schema_brings),
        CASE(too_little_space_for_a_copy_is_said_before_it_is_made),
        CASE(a_wal_database_in_a_folder_that_cannot_be_written_is_read_with_its_wal),
        CASE(a_clean_wal_database_in_a_folder_that_cannot_be_written_is_read),
        CASE(a_file_that_may_not_be_read_is_unreadable),
        CASE(an_interrupt_ends_the_copying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
