#include "database.h"

#include "ops/restore_file.h"
#include "ops/which.h"

/* Everything that is easily lost: classes, rowids, keys, what hangs on tables. */
static const char source_sql[] =
    "PRAGMA page_size=1024; PRAGMA auto_vacuum=2; PRAGMA user_version=-7; PRAGMA application_id=99;"
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE, price NUMERIC);"
    "INSERT INTO t VALUES(1,'a',5),(2,NULL,2.5),(3,x'00ff','5.00'),(7,-0.0,9e999),(9,CAST(x'ff' AS TEXT),1);"
    "DELETE FROM t WHERE id = 9;"
    "CREATE INDEX t_v ON t(v DESC) WHERE v IS NOT NULL;"
    "CREATE TABLE gaps(v BLOB); INSERT INTO gaps(rowid, v) VALUES(-5,'5'),(3,5),(4,5.0);"
    "CREATE TABLE keyed(a TEXT, b, c, PRIMARY KEY(b, a DESC)) WITHOUT ROWID;"
    "INSERT INTO keyed VALUES('x',1,1),('y',1,2),('x',-1,3);"
    "CREATE VIEW seen AS SELECT v FROM t; CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM gaps; END;"
    "CREATE TABLE other(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO other VALUES(77);"
    "CREATE TABLE long(i INTEGER PRIMARY KEY, s);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<70000) "
    "INSERT INTO long SELECT i, 's' || i FROM n;";

struct place {
    struct lk_dir folder;
    char source[600], target[600];
    struct litekeep *lk;
    struct lk_which which;
};

static void check(enum lk_status status, const struct lk_error *err)
{
    if (status != LK_OK)
        fail_msg("%s", err->message);
}

static void open_folder(struct place *p)
{
    *p = (struct place){.folder = LK_DIR_CLOSED};
    assert_true(scratch_make(&p->folder));
    (void)snprintf(p->source, sizeof p->source, "%s/source.db", p->folder.path);
    (void)snprintf(p->target, sizeof p->target, "%s/target.db", p->folder.path);
}

static void back_up(struct place *p, unsigned formats)
{
    struct lk_error err = {0};
    char store[600];
    (void)snprintf(store, sizeof store, "%s/store", p->folder.path);
    const struct litekeep_options session = {.store = store, .config = "", .init = true};
    check(litekeep_open(&session, &p->lk, &err), &err);
    const char *const paths[] = {p->source, NULL};
    const struct litekeep_backup_options options = {.paths = paths, .formats = formats};
    struct litekeep_backup_summary summary;
    check(litekeep_backup(p->lk, &options, &summary, &err), &err);
    check(lk_which_open(p->lk, "source", &p->which, &err), &err);
}

/* A database made by `sql`, and a backup of it. */
static void open_place(struct place *p, const char *sql, unsigned formats)
{
    open_folder(p);
    make_database(p->source, sql);
    back_up(p, formats);
}

static void close_place(struct place *p)
{
    lk_which_close(&p->which);
    litekeep_close(p->lk);
    assert_true(scratch_remove(&p->folder));
}

static struct lk_restore_file_options options_of(const struct place *p, enum litekeep_format from)
{
    return (struct lk_restore_file_options){.from = from, .secret = p->lk->store->secret};
}

static enum lk_status restore(const struct place *p, const struct lk_restore_file_options *o,
                              struct lk_restore_file_result *r, struct lk_error *err)
{
    *r = (struct lk_restore_file_result){0};
    (void)unlink(p->target);
    return lk_restore_file(p->which.backup, o, p->target, r, err);
}

/* Flip a byte in the middle of a file of the backup. */
static void spoil(const struct place *p, const char *file)
{
    char *path = lk_format("%s/%s", p->which.backup->dir.path, file);
    assert_int_equal(chmod(path, 0600), 0);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const long middle = ftell(f) / 2;
    assert_int_equal(fseek(f, middle, SEEK_SET), 0);
    const int byte = fgetc(f);
    assert_int_equal(fseek(f, middle, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, f), byte ^ 1);
    assert_int_equal(fclose(f), 0);
    lk_free(path);
}

/* ---- What SQL says of two databases */

static char *one_text(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    char *copy = lk_copy_string(text == NULL ? "" : text);
    sqlite3_finalize(statement);
    return copy;
}

static void same_answer(sqlite3 *a, sqlite3 *b, const char *sql)
{
    char *left = one_text(a, sql), *right = one_text(b, sql);
    assert_string_equal(left, right);
    lk_free(left);
    lk_free(right);
}

static void same_database(const struct place *p)
{
    static const char *const questions[] = {
        "PRAGMA page_size",
        "PRAGMA auto_vacuum",
        "PRAGMA user_version",
        "PRAGMA application_id",
        "PRAGMA encoding",
        "PRAGMA integrity_check",
        "SELECT group_concat(type || name || tbl_name || coalesce(sql, '-'), char(10)) FROM sqlite_schema",
        "SELECT group_concat(id || typeof(v) || hex(v) || typeof(price) || quote(price)) FROM t",
        "SELECT group_concat(rowid || typeof(v) || quote(v)) FROM gaps",
        "SELECT group_concat(a || b || c) FROM (SELECT * FROM keyed ORDER BY b, a DESC)",
        "SELECT group_concat(rowid || name || seq) FROM sqlite_sequence",
        "SELECT count(*) || '/' || sum(i) || '/' || sum(length(s)) || '/' || min(s) || max(s) FROM long",
        "SELECT group_concat(id) FROM other",
    };
    sqlite3 *a = NULL, *b = NULL;
    assert_int_equal(sqlite3_open_v2(p->source, &a, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_open_v2(p->target, &b, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        same_answer(a, b, questions[i]);
    sqlite3_close(a);
    sqlite3_close(b);
}

static void target_says(const struct place *p, const char *sql, const char *expected)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(p->target, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    char *answer = one_text(db, sql);
    assert_string_equal(answer, expected);
    lk_free(answer);
    sqlite3_close(db);
}

static bool has_text(const struct lk_manifest_texts *texts, const char *part)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strstr(texts->text[i], part) != NULL)
            return true;
    return false;
}

/* ---- Whole databases */

static void each_format_alone_brings_the_same_database_back(void **state)
{
    (void)state;
    static const enum litekeep_format formats[] = {LITEKEEP_PARQUET, LITEKEEP_JSON, LITEKEEP_SQLITE, 0};
    static const char *const names[] = {"parquet", "json", "sqlite", "parquet"};
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET | LITEKEEP_JSON | LITEKEEP_SQLITE);
    for (size_t i = 0; i < 4; i++) {
        struct lk_error err = {0};
        struct lk_restore_file_result r;
        struct lk_restore_file_options o = options_of(&p, formats[i]);
        o.check_full = true;
        check(restore(&p, &o, &r, &err), &err);
        same_database(&p);
        assert_string_equal(r.from, names[i]);
        assert_true(r.typed);
        assert_int_equal(r.rows, p.which.backup->manifest->total_rows);
        assert_int_equal(r.tables, p.which.backup->manifest->tables);
        assert_int_equal(r.left_out.count, 0);
        assert_true(has_text(&r.notes, "integrity_check: ok"));
        lk_restore_file_result_reset(&r);
    }
    close_place(&p);
}

struct heard {
    uint64_t calls, last, total, compared;
};

static void hear_rows(void *context, const char *table, uint64_t done, uint64_t total)
{
    struct heard *h = context;
    h->calls++;
    if (table == NULL)
        h->compared = done;
    else
        h->last = done;
    h->total = total;
}

static void progress_ends_with_all_rows_made_and_compared(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, source_sql, LITEKEEP_JSON);
    struct heard heard = {0};
    struct lk_error err = {0};
    struct lk_restore_file_result r;
    struct lk_restore_file_options o = options_of(&p, 0);
    o.on_rows = hear_rows;
    o.context = &heard;
    check(restore(&p, &o, &r, &err), &err);
    assert_true(heard.calls > 10);
    assert_int_equal(heard.last, p.which.backup->manifest->total_rows);
    assert_int_equal(heard.total, heard.last);
    assert_int_equal(heard.compared, heard.last);
    lk_restore_file_result_reset(&r);
    close_place(&p);
}

static void an_empty_file_and_a_file_without_tables_come_back(void **state)
{
    (void)state;
    static const char *const sql[] = {"", "CREATE VIEW v AS SELECT 1; PRAGMA user_version=3"};
    static const enum litekeep_format formats[] = {LITEKEEP_PARQUET, LITEKEEP_SQLITE};
    for (size_t i = 0; i < 4; i++) {
        struct place p;
        struct lk_error err = {0};
        struct lk_restore_file_result r;
        open_place(&p, sql[i / 2], LITEKEEP_PARQUET | LITEKEEP_SQLITE);
        const struct lk_restore_file_options o = options_of(&p, formats[i % 2]);
        check(restore(&p, &o, &r, &err), &err);
        target_says(&p, "SELECT count(*) FROM sqlite_schema", i / 2 == 0 ? "0" : "1");
        target_says(&p, "PRAGMA user_version", i / 2 == 0 ? "0" : "3");
        lk_restore_file_result_reset(&r);
        close_place(&p);
    }
}

static void a_plan_says_what_would_come_from_where_and_writes_nothing(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, source_sql, LITEKEEP_JSON);
    struct lk_error err = {0};
    struct lk_restore_file_result r = {0};
    const char *const tables[] = {"t", NULL};
    struct lk_restore_file_options o = options_of(&p, 0);
    check(lk_restore_file_plan(p.which.backup, &o, &r, &err), &err);
    assert_string_equal(r.from, "json");
    assert_int_equal(r.rows, p.which.backup->manifest->total_rows);
    lk_restore_file_result_reset(&r);
    o.tables = tables;
    check(lk_restore_file_plan(p.which.backup, &o, &r, &err), &err);
    assert_int_equal(r.tables, 1);
    assert_string_equal(r.table[0].name, "t");
    assert_int_equal(r.rows, 4);
    lk_restore_file_result_reset(&r);
    o.from = LITEKEEP_PARQUET;
    assert_int_equal(lk_restore_file_plan(p.which.backup, &o, &r, &err), LK_UNREADABLE);
    assert_non_null(strstr(err.message, "--from json"));
    assert_false(file_exists(p.target));
    close_place(&p);
}

/* ---- Damage */

static void damage_is_made_good_from_the_next_format_and_said(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET | LITEKEEP_JSON | LITEKEEP_SQLITE);
    struct lk_error err = {0};
    struct lk_restore_file_result r;
    struct lk_restore_file_options o = options_of(&p, 0);
    spoil(&p, "parquet/long.parquet");
    check(restore(&p, &o, &r, &err), &err);
    same_database(&p);
    assert_string_equal(r.from, "parquet and json");
    assert_true(has_text(&r.notes, "long"));
    lk_restore_file_result_reset(&r);

    spoil(&p, "json/long.json.gz");
    check(restore(&p, &o, &r, &err), &err);
    same_database(&p);
    assert_string_equal(r.from, "sqlite");
    assert_true(has_text(&r.notes, "restored from sqlite"));
    lk_restore_file_result_reset(&r);

    spoil(&p, "sqlite/source.sqlite.zst");
    assert_int_equal(restore(&p, &o, &r, &err), LK_DAMAGED);
    o.from = LITEKEEP_SQLITE;
    assert_int_equal(restore(&p, &o, &r, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "SHA-256"));
    close_place(&p);
}

static void a_format_that_was_asked_for_is_not_replaced_by_another(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET | LITEKEEP_JSON | LITEKEEP_SQLITE);
    struct lk_error err = {0};
    struct lk_restore_file_result r;
    struct lk_restore_file_options o = options_of(&p, LITEKEEP_PARQUET);
    spoil(&p, "parquet/long.parquet");
    assert_int_equal(restore(&p, &o, &r, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "long"));
    o.from = LITEKEEP_JSON;
    check(restore(&p, &o, &r, &err), &err);
    same_database(&p);
    lk_restore_file_result_reset(&r);
    close_place(&p);
}

static void a_table_that_is_lost_is_named_with_those_that_are_not(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET);
    struct lk_error err = {0};
    struct lk_restore_file_result r;
    const char *const tables[] = {"t", "keyed", NULL};
    struct lk_restore_file_options o = options_of(&p, 0);
    spoil(&p, "parquet/long.parquet");
    assert_int_equal(restore(&p, &o, &r, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "table \"long\""));
    assert_non_null(strstr(err.message, "--table \"t\""));
    assert_non_null(strstr(err.message, "--table \"gaps\""));
    assert_null(strstr(err.message, "--table \"long\""));
    o.tables = tables;
    check(restore(&p, &o, &r, &err), &err);
    target_says(&p, "SELECT group_concat(id || typeof(v)) FROM (SELECT * FROM t ORDER BY id)",
                "1text,2null,3blob,7real");
    lk_restore_file_result_reset(&r);
    close_place(&p);
}

/* ---- What cannot be rebuilt here */

static int compare_backwards(void *context, int left_len, const void *left, int right_len, const void *right)
{
    (void)context;
    const int order = memcmp(right, left, (size_t)(left_len < right_len ? left_len : right_len));
    return order != 0 ? order : right_len - left_len;
}

static void make_foreign(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_create_collation(db, "backwards", SQLITE_UTF8, NULL, compare_backwards),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TABLE t(v); INSERT INTO t VALUES('a'),('b');"
                                  "CREATE INDEX i ON t(v COLLATE backwards);"
                                  "CREATE TABLE k(v COLLATE backwards PRIMARY KEY) WITHOUT ROWID;"
                                  "INSERT INTO k VALUES('a'),('b'); CREATE INDEX j ON t(v);",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_foreign_collation_comes_back_in_the_page_copy_or_is_named(void **state)
{
    (void)state;
    struct place p;
    struct lk_error err = {0};
    struct lk_restore_file_result r;
    open_folder(&p);
    make_foreign(p.source);
    back_up(&p, LITEKEEP_PARQUET);

    struct lk_restore_file_options o = options_of(&p, 0);
    o.check_full = true;
    check(restore(&p, &o, &r, &err), &err); /* the page copy was added by itself */
    assert_string_equal(r.from, "sqlite");
    assert_int_equal(r.left_out.count, 0);
    target_says(&p, "SELECT count(*) FROM sqlite_schema", "4");
    lk_restore_file_result_reset(&r);

    o.from = LITEKEEP_PARQUET;
    check(restore(&p, &o, &r, &err), &err);
    assert_true(has_text(&r.left_out, "index \"i\" of table \"t\""));
    assert_true(has_text(&r.left_out, "table \"k\""));
    target_says(&p, "SELECT group_concat(name) FROM sqlite_schema", "t,j");
    target_says(&p, "SELECT group_concat(v) FROM t", "a,b");
    lk_restore_file_result_reset(&r);
    check(lk_restore_file_plan(p.which.backup, &o, &r, &err), &err);
    assert_true(has_text(&r.left_out, "index \"i\" of table \"t\""));
    lk_restore_file_result_reset(&r);

    close_place(&p);
}

/* ---- Single tables */

static void a_table_comes_with_its_indexes_triggers_and_sequence_only(void **state)
{
    (void)state;
    static const enum litekeep_format formats[] = {LITEKEEP_PARQUET, LITEKEEP_SQLITE};
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET | LITEKEEP_SQLITE);
    for (size_t i = 0; i < 2; i++) {
        struct lk_error err = {0};
        struct lk_restore_file_result r;
        const char *const tables[] = {"t", "t", NULL};
        struct lk_restore_file_options o = options_of(&p, formats[i]);
        o.tables = tables;
        o.check_full = true;
        check(restore(&p, &o, &r, &err), &err);
        assert_int_equal(r.tables, 1);
        assert_int_equal(r.rows, 4);
        assert_string_equal(r.table[0].from, i == 0 ? "parquet" : "sqlite");
        target_says(&p, "SELECT group_concat(name) FROM sqlite_schema ORDER BY name",
                    "t,sqlite_autoindex_t_1,sqlite_sequence,t_v,tr");
        target_says(&p, "SELECT group_concat(name || seq) FROM sqlite_sequence", "t9");
        lk_restore_file_result_reset(&r);
    }
    close_place(&p);
}

static void an_unknown_table_is_answered_with_near_names(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET);
    struct lk_error err = {0};
    struct lk_restore_file_result r = {0};
    const char *const tables[] = {"KEY", NULL};
    struct lk_restore_file_options o = options_of(&p, 0);
    o.tables = tables;
    assert_int_equal(lk_restore_file_plan(p.which.backup, &o, &r, &err), LK_NOT_FOUND);
    assert_non_null(strstr(err.message, "\"keyed\"?"));
    close_place(&p);
}

static void tables_go_into_an_existing_database_beside_what_is_there(void **state)
{
    (void)state;
    static const enum litekeep_format formats[] = {LITEKEEP_PARQUET, LITEKEEP_JSON, LITEKEEP_SQLITE};
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET | LITEKEEP_JSON | LITEKEEP_SQLITE);
    make_database(p.target, "PRAGMA journal_mode=WAL; CREATE TABLE mine(x); INSERT INTO mine VALUES(42);"
                            "CREATE TABLE t(old); CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT);"
                            "INSERT INTO a VALUES(5)");
    for (size_t i = 0; i < 3; i++) {
        struct lk_error err = {0};
        struct lk_restore_file_result r = {0};
        const char *const tables[] = {"t", "long", NULL};
        struct lk_restore_file_options o = options_of(&p, formats[i]);
        o.tables = tables;
        o.check_full = true;
        assert_int_equal(lk_restore_into(p.which.backup, &o, p.target, false, &r, &err), LK_REFUSED);
        check(lk_restore_into(p.which.backup, &o, p.target, true, &r, &err), &err);
        assert_int_equal(r.rows, 70004);
        target_says(&p, "SELECT group_concat(id || typeof(v) || quote(price)) FROM t",
                    "1text5,2null2.5,3blob5,7realInf");
        target_says(&p, "SELECT group_concat(name || seq) FROM (SELECT * FROM sqlite_sequence ORDER BY name)",
                    "a5,t9");
        target_says(&p, "SELECT x FROM mine", "42");
        target_says(&p, "SELECT count(*) FROM long", "70000");
        lk_restore_file_result_reset(&r);
    }
    close_place(&p);
}

static void a_damaged_table_leaves_the_existing_database_as_it_was(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, source_sql, LITEKEEP_PARQUET);
    make_database(p.target, "CREATE TABLE t(old); INSERT INTO t VALUES('kept')");
    const struct file_hash before = hash_file(&p.folder, "target.db");
    struct lk_error err = {0};
    struct lk_restore_file_result r = {0};
    const char *const tables[] = {"t", "long", NULL};
    struct lk_restore_file_options o = options_of(&p, 0);
    o.tables = tables;
    spoil(&p, "parquet/long.parquet");
    assert_int_equal(lk_restore_into(p.which.backup, &o, p.target, true, &r, &err), LK_DAMAGED);
    assert_true(same_file_hash(before, hash_file(&p.folder, "target.db")));
    assert_false(file_exists(in_scratch(&p.folder, "target.db-journal")));
    close_place(&p);
}

/* ---- Backups without manifest */

static void write_text(const struct place *p, const char *name, const char *text)
{
    char *path = lk_format("%s/store/source/2024-05-29-09:14:42/%s", p->folder.path, name);
    FILE *f = fopen(path, "wx");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    lk_free(path);
}

static void make_old_folder(const struct place *p, const char *name)
{
    char *path = lk_format("%s/store/source/2024-05-29-09:14:42%s", p->folder.path, name);
    assert_int_equal(mkdir(path, 0700), 0);
    lk_free(path);
}

static void a_backup_without_manifest_gives_the_tables_whose_columns_it_knows(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, "CREATE TABLE x(y)", LITEKEEP_PARQUET);
    make_old_folder(&p, "");
    make_old_folder(&p, "/json");
    write_text(&p, "json/t.json", "{\"a\":1,\"b\":\"x\"}\n{\"a\":2.5,\"b\":null}\n");
    write_text(&p, "json/empty.json", "");
    struct lk_error err = {0};
    lk_which_close(&p.which);
    check(lk_which_open(p.lk, "source@2024-05-29-09:14:42", &p.which, &err), &err);
    struct lk_restore_file_result r = {0};
    struct lk_restore_file_options o = options_of(&p, 0);
    check(lk_restore_file_plan(p.which.backup, &o, &r, &err), &err);
    assert_false(r.typed);
    assert_true(has_text(&r.left_out, "\"empty\""));
    lk_restore_file_result_reset(&r);
    check(restore(&p, &o, &r, &err), &err);
    assert_string_equal(r.from, "json");
    assert_int_equal(r.rows, 2);
    assert_true(has_text(&r.left_out, "\"empty\""));
    target_says(&p, "SELECT group_concat(a || coalesce(b, '-')) FROM t", "1x,2.5-");
    target_says(&p, "SELECT count(*) FROM sqlite_schema", "1");
    lk_restore_file_result_reset(&r);
    const char *const tables[] = {"empty", NULL};
    o.tables = tables;
    assert_int_equal(restore(&p, &o, &r, &err), LK_UNREADABLE);
    close_place(&p);
}

/* ---- Memory */

static void out_of_memory_anywhere_is_an_error_and_nothing_worse(void **state)
{
    (void)state;
    struct place p;
    open_place(&p,
               "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE); INSERT INTO t VALUES(1,'a');"
               "CREATE TABLE k(a, b, PRIMARY KEY(b)) WITHOUT ROWID; INSERT INTO k VALUES(1,2)",
               LITEKEEP_PARQUET | LITEKEEP_SQLITE);
    static const enum litekeep_format formats[] = {LITEKEEP_PARQUET, LITEKEEP_SQLITE};
    const char *const tables[] = {"t", NULL};
    for (size_t way = 0; way < 4; way++) {
        struct lk_restore_file_options o = options_of(&p, formats[way % 2]);
        o.tables = way < 2 ? NULL : tables;
        o.jobs = 1;
        enum lk_status status = LK_FAILED;
        int64_t count = 0;
        for (; status != LK_OK && count < 5000; count += 1 + count / 40) {
            struct lk_error err = {0};
            struct lk_restore_file_result r = {0};
            (void)unlink(p.target);
            lk_memory_fail_after(count, 0);
            status = lk_restore_file(p.which.backup, &o, p.target, &r, &err);
            lk_memory_fail_after(-1, 0);
            if (status != LK_OK)
                assert_int_equal(status, err.status);
            lk_restore_file_result_reset(&r);
        }
        assert_int_equal(status, LK_OK);
        assert_true(count > 50);
    }
    close_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_alone_brings_the_same_database_back),
        cmocka_unit_test(progress_ends_with_all_rows_made_and_compared),
        cmocka_unit_test(an_empty_file_and_a_file_without_tables_come_back),
        cmocka_unit_test(a_plan_says_what_would_come_from_where_and_writes_nothing),
        cmocka_unit_test(damage_is_made_good_from_the_next_format_and_said),
        cmocka_unit_test(a_format_that_was_asked_for_is_not_replaced_by_another),
        cmocka_unit_test(a_table_that_is_lost_is_named_with_those_that_are_not),
        cmocka_unit_test(a_foreign_collation_comes_back_in_the_page_copy_or_is_named),
        cmocka_unit_test(a_table_comes_with_its_indexes_triggers_and_sequence_only),
        cmocka_unit_test(an_unknown_table_is_answered_with_near_names),
        cmocka_unit_test(tables_go_into_an_existing_database_beside_what_is_there),
        cmocka_unit_test(a_damaged_table_leaves_the_existing_database_as_it_was),
        cmocka_unit_test(a_backup_without_manifest_gives_the_tables_whose_columns_it_knows),
        cmocka_unit_test(out_of_memory_anywhere_is_an_error_and_nothing_worse),
    };
    return cmocka_run_group_tests_name("restore_file", tests, NULL, NULL);
}
