#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ops/table_export.h"
#include "scratch.h"
#include "store/lock.h"
#include "store/names.h"

/* A store, a backup begun in it, and an engine. */
struct place {
    struct lk_dir folder;
    struct lk_store *store;
    struct lk_dir dir;
    struct lk_lock *lock;
    struct lk_backup_writer *backup;
    struct lk_engine *engine;
    struct lk_table_schema *schema;
    struct lk_table_stats *stats;
    struct lk_plan *plan;
};

static void check(enum lk_status status, const struct lk_error *err)
{
    if (status != LK_OK)
        fail_msg("%s", err->message);
}

static const struct lk_encoding encoding = {.parquet = true,
                                            .json = true,
                                            .parquet_codec = {LK_CODEC_ZSTD, 1},
                                            .json_codec = {LK_CODEC_GZIP, 1},
                                            .verify = true};

/* In place: the writer keeps the address of `dir`. */
static void open_place(struct place *p, unsigned jobs)
{
    *p = (struct place){.folder = LK_DIR_CLOSED, .dir = LK_DIR_CLOSED};
    struct lk_error err = {0};
    assert_true(scratch_make(&p->folder));
    check(lk_store_init(p->folder.path, LK_ACCESS_PRIVATE, (struct lk_warn){0}, &p->store, &err), &err);
    check(lk_dir_create_at(&p->store->dir, "db", 0700, true, &p->dir, &err), &err);
    check(lk_lock_take(&p->dir, 0600, "test", 0, &p->lock, &err), &err);
    check(lk_backup_writer_begin(p->store, &p->dir, p->lock, lk_clock_now(), (struct lk_warn){0}, &p->backup,
                                 &err),
          &err);
    const struct lk_engine_options options = {.jobs = jobs, .secret = p->store->secret};
    check(lk_engine_new(&options, &p->engine, &err), &err);
    p->schema = lk_table_schema_new("t");
    lk_table_schema_add(p->schema, "id", "INTEGER")->is_rowid = true;
    lk_table_schema_add(p->schema, "data", "BLOB");
    check(lk_table_stats_new(2, &p->stats, &err), &err);
    p->stats->column[0].counts[LK_INTEGER] = p->stats->column[1].counts[LK_BLOB] = 1;
    check(lk_plan_new(p->schema, p->stats, NULL, &p->plan, &err), &err);
}

static void close_place(struct place *p)
{
    lk_plan_free(p->plan);
    lk_table_stats_free(p->stats);
    lk_table_schema_free(p->schema);
    lk_engine_free(p->engine);
    lk_backup_writer_free(p->backup);
    lk_lock_release(p->lock);
    lk_dir_close(&p->dir);
    lk_store_free(p->store);
    assert_true(scratch_remove(&p->folder));
}

/* Blocks of four rows of 1 MiB and a little; part_every: how many blocks make a part, 0 for no boundary. */
static struct lk_table_export *feed(struct place *p, size_t blocks, size_t part_every)
{
    struct lk_error err = {0};
    struct lk_table_export *x = NULL;
    char *data = lk_allocate_zeroed(1, 1 << 20);
    check(lk_table_export_new(p->engine, &encoding, p->backup, p->schema, p->plan, "t", &x, &err), &err);
    for (size_t block = 0; block < blocks; block++) {
        struct lk_slot *slot = lk_engine_take_slot(p->engine, 0);
        assert_true(lk_batch_reshape(slot->batch, 2, false));
        for (size_t row = 0; row < 4; row++) {
            const size_t id = block * 4 + row + 1;
            lk_column_add_integer(slot->batch, &slot->batch->column[0], (int64_t)id);
            memcpy(data, &id, sizeof id);
            lk_column_add_bytes(slot->batch, &slot->batch->column[1], LK_BLOB, data, 1 << 20);
            lk_batch_end_row(slot->batch, 0);
        }
        lk_table_export_submit(x, slot, part_every != 0 && (block + 1) % part_every == 0);
    }
    lk_free(data);
    return x;
}

static struct lk_manifest *finish(struct lk_table_export *x)
{
    struct lk_error err = {0};
    struct lk_manifest *m = lk_manifest_new();
    struct lk_manifest_table *t = lk_manifest_add_table(m, "t", "t");
    lk_table_export_end(x);
    check(lk_table_export_wait(x, t, &err), &err);
    lk_table_export_free(x);
    return m;
}

static void a_table_below_the_limit_is_one_file_whatever_its_boundaries(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 2);
    struct lk_manifest *m = finish(feed(&p, 14, 3)); /* 56 MiB in five parts */
    const struct lk_manifest_table *t = m->table[0];
    assert_int_equal(t->parts, 1);
    assert_int_equal(t->rows, 56);
    assert_string_equal(t->part[0].parquet.path, "parquet/t.parquet");
    assert_string_equal(t->part[0].json.path, "json/t.json.gz");
    assert_int_equal(t->part[0].blocks, 14);
    assert_true(t->part[0].verified_at != 0); /* each block was read back from the joined files */
    assert_int_equal(t->first_key, 1);
    assert_int_equal(t->last_key, 56);
    lk_manifest_free(m);
    close_place(&p);
}

static void a_table_past_the_limit_is_a_folder_of_the_parts_in_order(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 2);
    struct lk_manifest *m = finish(feed(&p, 30, 8)); /* 120 MiB */
    const struct lk_manifest_table *t = m->table[0];
    int64_t key = 1;
    assert_int_equal(t->parts, 4);
    for (uint64_t i = 0; i < t->parts; i++) {
        char *parquet = lk_name_parquet_path("t", i + 1), *json = lk_name_json_path("t", i + 1, ".gz");
        assert_string_equal(t->part[i].parquet.path, parquet);
        assert_string_equal(t->part[i].json.path, json);
        assert_int_equal(t->part[i].first_key, key);
        key = t->part[i].last_key + 1;
        assert_true(t->part[i].verified_at != 0);
        lk_free(parquet);
        lk_free(json);
    }
    assert_int_equal(key, 121);
    lk_manifest_free(m);
    close_place(&p);
}

static void the_bytes_do_not_depend_on_the_number_of_threads(void **state)
{
    (void)state;
    struct place one, three;
    open_place(&one, 1);
    open_place(&three, 3);
    struct lk_manifest *a = finish(feed(&one, 30, 7)), *b = finish(feed(&three, 30, 7));
    const struct lk_manifest_table *x = a->table[0], *y = b->table[0];
    assert_int_equal(x->parts, y->parts);
    for (size_t i = 0; i < x->parts; i++) {
        assert_memory_equal(x->part[i].parquet.sha256, y->part[i].parquet.sha256, LK_SHA256_SIZE);
        assert_memory_equal(x->part[i].json.sha256, y->part[i].json.sha256, LK_SHA256_SIZE);
    }
    lk_manifest_free(a);
    lk_manifest_free(b);
    close_place(&one);
    close_place(&three);
}

static void a_table_without_rows_has_files_that_readers_take(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1);
    struct lk_manifest *m = finish(feed(&p, 0, 0));
    const struct lk_manifest_table *t = m->table[0];
    assert_int_equal(t->parts, 1);
    assert_int_equal(t->part[0].blocks, 0);
    assert_true(t->part[0].parquet.bytes > 12);
    assert_true(t->part[0].json.bytes > 0); /* an empty file is no gzip file */
    assert_false(t->has_keys);
    lk_manifest_free(m);
    close_place(&p);
}

static void a_table_that_is_given_up_leaves_no_file(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 2);
    struct lk_error err = {0};
    struct lk_dir temporary = LK_DIR_CLOSED, parquet = LK_DIR_CLOSED;
    char **names = NULL;
    size_t count = 1;
    lk_table_export_free(feed(&p, 30, 8)); /* some parts are finished by now */
    check(lk_dir_open_at(&p.dir, lk_backup_writer_temporary(p.backup), &temporary, &err), &err);
    check(lk_dir_open_at(&temporary, "parquet", &parquet, &err), &err);
    check(lk_dir_list(&parquet, &names, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        struct lk_dir parts = LK_DIR_CLOSED; /* only the empty folder of the parts may be left */
        char **inside = NULL;
        size_t files = 1;
        check(lk_dir_open_at(&parquet, names[i], &parts, &err), &err);
        check(lk_dir_list(&parts, &inside, &files, &err), &err);
        assert_int_equal(files, 0);
        lk_free(inside);
        lk_dir_close(&parts);
    }
    lk_free(names);
    lk_dir_close(&parquet);
    lk_dir_close(&temporary);
    close_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_below_the_limit_is_one_file_whatever_its_boundaries),
        cmocka_unit_test(a_table_past_the_limit_is_a_folder_of_the_parts_in_order),
        cmocka_unit_test(the_bytes_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(a_table_without_rows_has_files_that_readers_take),
        cmocka_unit_test(a_table_that_is_given_up_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
