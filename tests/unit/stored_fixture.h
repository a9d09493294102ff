/* A backup with one table in several parts of several small blocks, in one format or both. */
#ifndef LK_TESTS_STORED_FIXTURE_H
#define LK_TESTS_STORED_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>

#include "jsonl/writer.h"
#include "parquet/writer.h"
#include "store_fixture.h"

#define PARTS 3
#define BLOCKS 4 /* of a part */
#define ROWS 50  /* of a block */
#define ALL_ROWS (PARTS * BLOCKS * ROWS)

/* How the table of a backup has its rowids. */
enum rowids { ALIAS, IN_A_COLUMN, IMPLICIT };

static inline void check(enum lk_status status, const struct lk_error *err)
{
    if (status != LK_OK)
        fail_msg("%s", err->message);
}

/* Rowids rise by three where they are stored. */
static inline int64_t rowid_of(enum rowids rowids, uint64_t row)
{
    return rowids == IMPLICIT ? (int64_t)row + 1 : (int64_t)row * 3 + 10;
}

static inline void add_row(struct lk_batch *b, enum rowids rowids, uint64_t row)
{
    char text[32];
    size_t c = 0;
    if (rowids == ALIAS)
        lk_column_add_integer(b, &b->column[c++], rowid_of(rowids, row));
    if (row % 7 == 0)
        lk_column_add_null(b, &b->column[c++]);
    else
        lk_column_add_integer(b, &b->column[c++], (int64_t)row * 2);
    (void)snprintf(text, sizeof text, "row %08llu", (unsigned long long)row);
    lk_column_add_bytes(b, &b->column[c++], LK_TEXT, text, strlen(text));
    lk_column_add_real(b, &b->column[c], (double)row / 4);
    lk_batch_end_row(b, rowid_of(rowids, row));
}

/* What makes a backup's table: encoders, and the plan. */
struct maker {
    struct lk_backup_writer *writer;
    struct lk_parquet_encoder *parquet;
    struct lk_jsonl_encoder *json;
    struct lk_hasher *hasher;
    struct lk_batch *batch;
    struct lk_table_schema *schema;
    struct lk_plan *plan;
    enum rowids rowids;
    bool has_parquet, has_json;
};

static inline void plan_table(struct maker *m)
{
    struct lk_error err = {0};
    struct lk_table_stats *stats = NULL;
    m->schema = lk_table_schema_new("t");
    m->schema->hidden_rowid = m->rowids != ALIAS;
    if (m->rowids == ALIAS) {
        struct lk_column_schema *id = lk_table_schema_add(m->schema, "id", "INTEGER");
        id->is_rowid = true;
        id->key = 1;
    }
    lk_table_schema_add(m->schema, "n", "");
    lk_table_schema_add(m->schema, "name", "TEXT");
    lk_table_schema_add(m->schema, "r", "REAL");
    m->batch = lk_batch_new(m->schema->columns, m->schema->hidden_rowid);
    check(lk_table_stats_new(m->schema->columns, &stats, &err), &err);
    for (uint64_t row = 0; row < ALL_ROWS; row++)
        add_row(m->batch, m->rowids, row);
    lk_table_stats_add(stats, m->schema, m->batch);
    check(lk_plan_new(m->schema, stats, NULL, &m->plan, &err), &err);
    assert_true((m->plan->rowid_name != NULL) == (m->rowids == IN_A_COLUMN));
    lk_table_stats_free(stats);
}

static inline void finish(struct maker *m, char *path, const struct lk_buffer *content,
                          struct lk_manifest_file *out)
{
    struct lk_error err = {0};
    struct lk_output *o = NULL;
    check(lk_backup_writer_create(m->writer, path, &o, &err), &err);
    lk_output_write(o, content->data, content->len);
    check(lk_backup_writer_finish(m->writer, path, o, out, &err), &err);
    lk_free(path);
}

static inline void add_part(struct maker *m, struct lk_manifest_table *t, size_t index)
{
    struct lk_error err = {0};
    struct lk_manifest_part *p = lk_manifest_add_part(t);
    struct lk_parquet_writer *writer = NULL;
    struct lk_buffer parquet = {0}, json = {0}, text = {0};
    const struct lk_bytes header = lk_parquet_writer_header();
    uint64_t row = (uint64_t)index * BLOCKS * ROWS;
    check(lk_parquet_writer_new(m->plan, &writer, &err), &err);
    lk_buffer_append(&parquet, header.ptr, header.len);
    p->has_keys = true;
    p->first_key = rowid_of(m->rowids, row);
    p->last_key = rowid_of(m->rowids, row + BLOCKS * ROWS - 1);
    p->first_rowid = m->rowids == IMPLICIT ? p->first_key : 0;
    for (size_t block = 0; block < BLOCKS; block++) {
        struct lk_manifest_block *b = lk_manifest_add_block(p);
        struct lk_parquet_row_group *group = NULL;
        uint64_t bytes = 0;
        lk_batch_clear(m->batch);
        for (size_t i = 0; i < ROWS; i++)
            add_row(m->batch, m->rowids, row++);
        b->rows = ROWS;
        b->json_offset = m->has_json ? json.len : 0;
        check(lk_batch_hash(m->batch, m->hasher, &b->hash, &err), &err);
        check(lk_parquet_encode(m->parquet, (struct lk_codec_choice){LK_CODEC_ZSTD, 1}, m->plan, m->batch,
                                &group, &err),
              &err);
        const uint64_t offset = parquet.len;
        const struct lk_bytes pages = lk_parquet_row_group_bytes(group);
        lk_buffer_append(&parquet, pages.ptr, pages.len);
        check(lk_parquet_writer_append(writer, group, offset, &err), &err);
        check(lk_jsonl_encode(m->json, (struct lk_codec_choice){LK_CODEC_GZIP, 1}, m->plan, m->batch, &json,
                              &bytes, &err),
              &err);
        p->rows += ROWS;
        p->raw_bytes += m->batch->raw_bytes;
    }
    check(lk_plan_to_json(m->schema, m->plan, p->first_rowid, &text, &err), &err);
    check(lk_parquet_writer_footer(writer, lk_buffer_bytes(&text), &parquet, &err), &err);
    if (m->has_parquet)
        finish(m, lk_name_parquet_path("t", index + 1), &parquet, &p->parquet);
    if (m->has_json)
        finish(m, lk_name_json_path("t", index + 1, ".gz"), &json, &p->json);
    lk_parquet_writer_free(writer);
    lk_buffer_reset(&parquet);
    lk_buffer_reset(&json);
    lk_buffer_reset(&text);
}

/* The text of the plan with first_rowid 0, as manifests have it. */
static inline char *plan_text(const struct maker *m)
{
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    check(lk_plan_to_json(m->schema, m->plan, 0, &text, &err), &err);
    char *copy = lk_copy_bytes(text.data, text.len);
    lk_buffer_reset(&text);
    return copy;
}

static inline void add_table(struct maker *m, struct lk_manifest *manifest)
{
    struct lk_manifest_table *t = lk_manifest_add_table(manifest, "t", "t");
    plan_table(m);
    assert_true(lk_manifest_set_columns(t, m->schema->columns));
    t->columns_json = plan_text(m);
    t->has_keys = true;
    t->first_key = rowid_of(m->rowids, 0);
    t->last_key = rowid_of(m->rowids, ALL_ROWS - 1);
    t->rows = ALL_ROWS;
    for (size_t i = 0; i < t->columns; i++)
        memcpy(t->counts[i], (uint64_t[LK_CLASSES]){0, ALL_ROWS}, sizeof t->counts[i]);
    for (size_t i = 0; i < PARTS; i++)
        add_part(m, t, i);
}

struct place {
    struct fixture f;
    struct lk_backup *backup;
    const struct lk_manifest_table *t;
    enum rowids rowids;
};

static inline void open_place(struct place *p, enum rowids rowids, bool parquet, bool json)
{
    struct lk_error err = {0};
    struct maker m = {.rowids = rowids, .has_parquet = parquet, .has_json = json};
    bool committed = false;
    *p = (struct place){.rowids = rowids};
    assert_true(fixture_make(&p->f));
    check(lk_backup_writer_begin(p->f.store, &p->f.dir, p->f.lock, FIXTURE_TIME, fixture_warn(&p->f),
                                 &m.writer, &err),
          &err);
    check(lk_parquet_encoder_new(&m.parquet, &err), &err);
    check(lk_jsonl_encoder_new(&m.json, &err), &err);
    check(lk_hasher_new(p->f.store->secret, &m.hasher, &err), &err);
    struct lk_manifest *manifest = fixture_manifest(FIXTURE_TIME);
    manifest->has_parquet = parquet;
    manifest->has_json = json;
    add_table(&m, manifest);
    check(lk_backup_writer_commit(m.writer, manifest, lk_bytes_of("CREATE TABLE t(n);\n"), FIXTURE_TIME,
                                  &committed, &err),
          &err);
    check(lk_backup_open(&p->f.dir, lk_backup_writer_id(m.writer), &p->backup, &err), &err);
    p->t = p->backup->manifest->table[0];
    lk_manifest_free(manifest);
    lk_parquet_encoder_free(m.parquet);
    lk_jsonl_encoder_free(m.json);
    lk_hasher_free(m.hasher);
    lk_batch_free(m.batch);
    lk_table_schema_free(m.schema);
    lk_plan_free(m.plan);
    lk_backup_writer_free(m.writer);
}

static inline void close_place(struct place *p)
{
    lk_backup_free(p->backup);
    assert_true(fixture_remove(&p->f));
}

/* Change one byte of a file of the backup, or make it `length` bytes shorter. */
static inline void damage(const struct place *p, const char *path, uint64_t offset, uint64_t shorter)
{
    char *name = lk_format("%s/%s", p->backup->dir.path, path);
    struct stat st = {0};
    uint8_t byte = 0;
    assert_int_equal(chmod(name, 0600), 0);
    const int fd = open(name, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    if (shorter > 0) {
        assert_int_equal(ftruncate(fd, st.st_size - (off_t)shorter), 0);
    } else {
        assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    }
    close(fd);
    lk_free(name);
}

#endif
