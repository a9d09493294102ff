#include "store/manifest.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A manifest that uses every field, the odd ones too. */
static struct lk_manifest *make_full(void)
{
    struct lk_error err = {0};
    struct lk_manifest *m = fixture_manifest(FIXTURE_TIME + 123456789);
    assert_non_null(m);
    assert_int_equal(fixture_add_table(m, NULL, "posts", &err), LK_OK);
    assert_int_equal(fixture_add_table(m, NULL, "empty", &err), LK_OK);
    struct lk_manifest_table *t = m->table[0];
    lk_free(t->name);
    t->name = lk_copy_string("po\xffsts\n");
    t->kind = LK_TABLE_SHADOW;
    t->without_rowid = true;
    t->part_bits = 13;
    t->hash.bytes[0] = 0xab;
    struct lk_manifest_part *p = &t->part[0];
    p->first_key = t->first_key = INT64_MIN;
    p->last_key = t->last_key = INT64_MAX;
    p->first_rowid = -3;
    p->verified_at = FIXTURE_TIME;
    p->shared_with = lk_copy_string("2024-05-28T091442Z-002");
    p->parquet.sha256[31] = 7;
    p->hash.bytes[15] = 1;
    struct lk_manifest_block *b = lk_manifest_add_block(p);
    *b = (struct lk_manifest_block){.rows = 65536, .json_offset = 10};
    b->hash.bytes[3] = 9;
    p->rows = t->rows = t->counts[0][LK_INTEGER] = 65537;
    t = m->table[1];
    lk_manifest_part_reset(&t->part[0]);
    t->rows = t->raw_bytes = t->counts[0][LK_INTEGER] = 0;
    t->has_keys = false;
    assert_true(lk_manifest_add_text(&m->tags, "before \"migration\""));
    assert_true(lk_manifest_add_text(&m->warnings, "one"));
    assert_true(lk_manifest_add_text(&m->warnings, "two"));
    assert_true(lk_manifest_add_text(&m->rebuild_problems, "collation X is not known here"));
    struct lk_manifest_schema_row *row = lk_manifest_add_schema_row(m);
    assert_true(lk_manifest_set_text(&row->type, "table", 5) && lk_manifest_set_text(&row->name, "a\0b", 3) &&
                lk_manifest_set_text(&row->tbl_name, "", 0) &&
                lk_manifest_set_text(&row->sql, "CREATE \xff", 8));
    row = lk_manifest_add_schema_row(m);
    assert_true(lk_manifest_set_text(&row->type, "index", 5) && lk_manifest_set_text(&row->name, "i", 1) &&
                lk_manifest_set_text(&row->tbl_name, "t", 1) && lk_manifest_set_text(&row->sql, NULL, 0));
    m->source.device = 2049;
    m->source.bytes = UINT64_C(611061760);
    m->source.mtime = FIXTURE_TIME - 1;
    m->source.change_counter = UINT32_MAX;
    m->pragmas.user_version = INT32_MIN;
    m->pragmas.application_id = INT32_MAX;
    m->pragmas.auto_vacuum = 2;
    m->pragmas.wal = true;
    m->has_sqlite = true;
    m->schema_sql = (struct lk_manifest_file){.path = lk_copy_string("schema.sql"), .bytes = 45};
    m->sqlite_copy =
        (struct lk_manifest_file){.path = lk_copy_string("sqlite/posts.sqlite.zst"), .bytes = 99};
    lk_manifest_total(m);
    return m;
}

static enum lk_status read_text(const char *text, size_t len, struct lk_manifest **out, struct lk_error *err)
{
    *err = (struct lk_error){0};
    *out = NULL;
    return lk_manifest_from_json(lk_bytes(text, len), "x/manifest.json", out, err);
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer first = {0}, second = {0};
    struct lk_manifest *m = make_full(), *back = NULL;
    assert_int_equal(lk_manifest_to_json(m, &first, &err), LK_OK);
    if (lk_manifest_from_json(lk_buffer_bytes(&first), "m", &back, &err) != LK_OK)
        fail_msg("%s", err.message);
    assert_int_equal(lk_manifest_to_json(back, &second, &err), LK_OK);
    assert_true(lk_bytes_equal(lk_buffer_bytes(&first), lk_buffer_bytes(&second)));

    assert_string_equal(back->id, m->id);
    assert_true(back->started == m->started && back->finished == m->finished);
    assert_true(back->source.inode == UINT64_MAX && back->source.mtime == FIXTURE_TIME - 1);
    assert_true(back->pragmas.user_version == INT32_MIN && back->pragmas.wal);
    assert_int_equal(back->schema_rows, 2);
    assert_int_equal(back->schema_row[0].name.len, 3);
    assert_memory_equal(back->schema_row[0].name.ptr, "a\0b", 3);
    assert_int_equal(back->schema_row[0].tbl_name.len, 0);
    assert_non_null(back->schema_row[0].tbl_name.ptr);
    assert_memory_equal(back->schema_row[0].sql.ptr, "CREATE \xff", 8);
    assert_null(back->schema_row[1].sql.ptr);
    const struct lk_manifest_table *t = lk_manifest_find_table(back, "po\xffsts\n");
    assert_non_null(t);
    assert_ptr_equal(t, back->table[0]);
    assert_int_equal(t->kind, LK_TABLE_SHADOW);
    assert_true(t->part[0].first_key == INT64_MIN && t->part[0].last_key == INT64_MAX);
    assert_int_equal(t->part[0].blocks, 2);
    assert_int_equal(t->part[0].block[1].json_offset, 10);
    assert_int_equal(t->part[0].block[1].hash.bytes[3], 9);
    assert_string_equal(t->part[0].shared_with, "2024-05-28T091442Z-002");
    assert_true(t->part[0].verified_at == FIXTURE_TIME);
    assert_false(back->table[1]->has_keys);
    assert_int_equal(back->json_codec.codec, LK_CODEC_GZIP);
    assert_true(back->total_bytes == m->total_bytes && back->total_files == 4 && back->shared_bytes == 20);
    assert_null(lk_manifest_find_table(back, "posts"));
    lk_buffer_reset(&first);
    lk_buffer_reset(&second);
    lk_manifest_free(m);
    lk_manifest_free(back);
}

static void the_plan_of_a_table_can_be_had(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    struct lk_manifest *m = make_full(), *back = NULL;
    struct lk_table_schema *schema = NULL;
    struct lk_plan *plan = NULL;
    assert_int_equal(lk_manifest_to_json(m, &text, &err), LK_OK);
    assert_int_equal(lk_manifest_from_json(lk_buffer_bytes(&text), "m", &back, &err), LK_OK);
    assert_int_equal(lk_manifest_table_plan(back->table[0], &schema, &plan, &err), LK_OK);
    assert_string_equal(schema->column[0].name, "id");
    assert_string_equal(plan->column[0].name, "id");
    lk_table_schema_free(schema);
    lk_plan_free(plan);
    lk_free(back->table[0]->columns_json);
    back->table[0]->columns_json = NULL;
    assert_int_equal(lk_manifest_table_plan(back->table[0], &schema, &plan, &err), LK_DAMAGED);
    lk_buffer_reset(&text);
    lk_manifest_free(m);
    lk_manifest_free(back);
}

/* One change to a good manifest, and the field that the message must name. */
struct damage {
    const char *from, *to, *field;
};

static const struct damage damages[] = {
    {"\"file\":\"parquet/posts.parquet\"", "\"file\":\"../../etc/passwd\"",
     "tables[0].parts[0].files.parquet.file"},
    {"\"file\":\"parquet/posts.parquet\"", "\"file\":\"/etc/passwd\"", "parquet.file"},
    {"\"file\":\"parquet/posts.parquet\"", "\"file\":\"parquet//x\"", "parquet.file"},
    {"\"file\":\"schema.sql\"", "\"file\":\".hidden\"", "files.schema_sql.file"},
    {"\"bytes\":10,", "\"bytes\":-10,", "bytes"},
    {"\"bytes\":10,", "\"bytes\":99999999999999999,", "bytes"},
    {"\"rows\":65537,\"first_key\":-9", "\"rows\":65538,\"first_key\":-9", "rows"},
    {"[[1,0,", "[[0,0,", "blocks"},
    {"[[1,0,", "[[70000,0,", "blocks"},
    {"[65536,10,", "[65536,11,", "blocks"},
    {"[65536,10,\"", "[65536,10,\"x", "blocks"},
    {"\"counts\":[[0,65537,0,0,0,0]]", "\"counts\":[[0,65536,0,0,0,0]]", "counts"},
    {"\"counts\":[[0,65537,0,0,0,0]]", "\"counts\":[[0,65537,0,0,0]]", "counts"},
    {"\"kind\":\"shadow\"", "\"kind\":\"ghost\"", "tables[0].kind"},
    {"\"part_bits\":13", "\"part_bits\":64", "part_bits"},
    {"\"stem\":\"empty\"", "\"stem\":\"../x\"", "tables[1].stem"},
    {"\"seq\":1", "\"seq\":0", "seq"},
    {"\"seq\":1", "\"seq\":9007199254740992", "seq"},
    {"\"seq\":1", "\"seq\":1.0", "seq"},
    {"\"id\":\"2024-05-29T091442Z\"", "\"id\":\"../other\"", "id"},
    {"\"shared_with\":\"2024-05-28T091442Z-002\"", "\"shared_with\":\"/\"", "shared_with"},
    {"\"page_size\":4096", "\"page_size\":4097", "pragmas.page_size"},
    {"\"encoding\":\"UTF-8\"", "\"encoding\":\"latin1\"", "pragmas.encoding"},
    {"\"inode\":\"18446744073709551615\"", "\"inode\":\"18446744073709551616\"", "source.inode"},
    {"\"parquet\":\"zstd:1\"", "\"parquet\":\"rot13\"", "formats.parquet"},
    {"\"started\":\"2024", "\"started\":\"noon", "started"},
    {"\"first_key\":-9223372036854775808,\"last_key\":9223372036854775807,\"hash\"",
     "\"first_key\":1,\"last_key\":0,\"hash\"", "first_key"},
    {"\"tables\":[\n{", "\"tables\":[7,{", "tables[0]"},
    {"\"warnings\":[\"one\"", "\"warnings\":[1", "warnings"},
    {"\"wal\":true", "\"wal\":1", "pragmas.wal"},
    {"\"format\":1", "\"format\":1,\"format\":1", "duplicate"},
    {"\"schema\":[", "\"schema\":7,\"x\":[", "schema"},
    {"\"parts\":[", "\"parts\":[],\"x\":[", "tables[0].parts"},
    {"\"columns\":{", "\"pillars\":{", "tables[0].columns is missing"},
    {"\"file\":\"parquet/posts.parquet\"", "\"file\":\"json/posts.json.gz\"", "the same file twice"},
};

/* `text` with the first `from` exchanged. */
static char *exchange(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (at == NULL)
        fail_msg("no such text to damage: %s", from);
    return lk_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void every_wrong_field_is_refused_by_name(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    struct lk_manifest *m = make_full(), *back = NULL;
    assert_int_equal(lk_manifest_to_json(m, &text, &err), LK_OK);
    const char *good = lk_buffer_string(&text);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char *bad = exchange(good, damages[i].from, damages[i].to);
        if (read_text(bad, strlen(bad), &back, &err) != LK_DAMAGED || back != NULL)
            fail_msg("accepted: %s", damages[i].to);
        if (strstr(err.message, damages[i].field) == NULL || strstr(err.message, "x/manifest.json") == NULL)
            fail_msg("%s is not named in: %s", damages[i].field, err.message);
        lk_free(bad);
    }
    lk_buffer_reset(&text);
    lk_manifest_free(m);
}

static void a_manifest_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    struct lk_manifest *m = make_full(), *back = NULL;
    assert_int_equal(lk_manifest_to_json(m, &text, &err), LK_OK);
    for (size_t len = 0; len < text.len - 2; len += 7)
        assert_int_equal(read_text((const char *)text.data, len, &back, &err), LK_DAMAGED);
    lk_buffer_reset(&text);
    lk_manifest_free(m);
}

static void a_missing_field_is_refused_and_an_unknown_one_ignored(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    struct lk_manifest *m = make_full(), *back = NULL;
    assert_int_equal(lk_manifest_to_json(m, &text, &err), LK_OK);
    const char *good = lk_buffer_string(&text);
    char *more = exchange(good, "\"format\":1", "\"format\":1,\"of_the_future\":{\"x\":[1,2]}");
    assert_int_equal(read_text(more, strlen(more), &back, &err), LK_OK);
    lk_manifest_free(back);
    char *less = exchange(good, "\"pragmas\":", "\"pragmatic\":");
    assert_int_equal(read_text(less, strlen(less), &back, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "pragmas is missing"));
    char *newer = exchange(good, "\"format\":1", "\"format\":2");
    assert_int_equal(read_text(newer, strlen(newer), &back, &err), LK_UNREADABLE);
    lk_free(more);
    lk_free(less);
    lk_free(newer);
    lk_buffer_reset(&text);
    lk_manifest_free(m);
}

static void ten_thousand_tables_are_read_within_seconds(void **state)
{
    (void)state;
    enum { TABLES = 10000 };
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    struct lk_manifest *m = fixture_manifest(FIXTURE_TIME), *back = NULL;
    for (int i = 0; i < TABLES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(fixture_add_table(m, NULL, name, &err), LK_OK);
    }
    const int64_t start = lk_clock_monotonic();
    assert_int_equal(lk_manifest_to_json(m, &text, &err), LK_OK);
    assert_int_equal(lk_manifest_from_json(lk_buffer_bytes(&text), "m", &back, &err), LK_OK);
    for (int i = 0; i < TABLES; i++)
        assert_ptr_equal(lk_manifest_find_table(back, m->table[i]->name), back->table[i]);
    assert_true(lk_clock_monotonic() - start <
                10 * FIXTURE_SECOND); /* 0.1 s; sanitizers and busy machines take longer */
    lk_buffer_reset(&text);
    lk_manifest_free(m);
    lk_manifest_free(back);
}

static void two_tables_of_one_name_are_refused(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    struct lk_manifest *m = fixture_manifest(FIXTURE_TIME), *back = NULL;
    assert_int_equal(fixture_add_table(m, NULL, "t", &err), LK_OK);
    assert_int_equal(fixture_add_table(m, NULL, "t", &err), LK_OK);
    assert_int_equal(lk_manifest_to_json(m, &text, &err), LK_OK);
    assert_int_equal(lk_manifest_from_json(lk_buffer_bytes(&text), "m", &back, &err), LK_DAMAGED);
    lk_buffer_reset(&text);
    lk_manifest_free(m);
}

static void a_copied_part_shares_nothing_with_the_first(void **state)
{
    (void)state;
    struct lk_manifest *m = make_full();
    struct lk_manifest_part copy = {0};
    assert_true(lk_manifest_copy_part(&copy, &m->table[0]->part[0]));
    const struct lk_manifest_part *from = &m->table[0]->part[0];
    assert_int_equal(copy.blocks, from->blocks);
    assert_memory_equal(copy.block, from->block, copy.blocks * sizeof *copy.block);
    assert_string_equal(copy.parquet.path, from->parquet.path);
    assert_ptr_not_equal(copy.parquet.path, from->parquet.path);
    assert_ptr_not_equal(copy.block, from->block);
    lk_manifest_free(m);
    assert_string_equal(copy.shared_with, "2024-05-28T091442Z-002");
    lk_manifest_part_reset(&copy);
}

static void reading_and_writing_without_memory_fail_cleanly(void **state)
{
    (void)state;
    struct lk_manifest *m = make_full();
    struct lk_buffer text = {0};
    struct lk_error err = {0};
    assert_int_equal(lk_manifest_to_json(m, &text, &err), LK_OK);
    enum lk_status status = LK_FAILED;
    int n = 0;
    for (; status != LK_OK; n++) {
        struct lk_manifest *back = NULL;
        lk_memory_fail_after(n, 0);
        status = lk_manifest_from_json(lk_buffer_bytes(&text), "m", &back, &err);
        lk_memory_fail_after(-1, 0);
        assert_true((back != NULL) == (status == LK_OK));
        lk_manifest_free(back);
    }
    assert_true(n > 50);
    status = LK_FAILED;
    for (n = 0; status != LK_OK; n++) {
        struct lk_buffer again = {0};
        lk_memory_fail_after(n, 0);
        status = lk_manifest_to_json(m, &again, &err);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK)
            assert_true(lk_bytes_equal(lk_buffer_bytes(&again), lk_buffer_bytes(&text)));
        lk_buffer_reset(&again);
    }
    assert_true(n > 2);
    lk_buffer_reset(&text);
    lk_manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(the_plan_of_a_table_can_be_had),
        cmocka_unit_test(every_wrong_field_is_refused_by_name),
        cmocka_unit_test(a_manifest_cut_anywhere_is_refused),
        cmocka_unit_test(a_missing_field_is_refused_and_an_unknown_one_ignored),
        cmocka_unit_test(ten_thousand_tables_are_read_within_seconds),
        cmocka_unit_test(two_tables_of_one_name_are_refused),
        cmocka_unit_test(a_copied_part_shares_nothing_with_the_first),
        cmocka_unit_test(reading_and_writing_without_memory_fail_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
