#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "parquet/metadata.h"

#include "parquet_build.h"

static struct build_footer good(void)
{
    return (struct build_footer){.type = LK_PARQUET_INT64,
                                 .converted = -1,
                                 .rows = 7,
                                 .group_rows = 7,
                                 .values = 7,
                                 .data_offset = 4,
                                 .size = 100,
                                 .leaves = 1,
                                 .chunks = 1,
                                 .children = 1};
}

static enum lk_status read_bytes(struct lk_bytes bytes, struct lk_parquet_metadata **out,
                                 struct lk_error *err)
{
    struct lk_input *in = NULL;
    *out = NULL;
    enum lk_status status = lk_input_of_memory(bytes, "f.parquet", &in, err);
    if (status == LK_OK)
        status = lk_parquet_metadata_read(in, out, err);
    lk_input_close(in);
    return status;
}

static enum lk_status read_footer(const struct build_footer *f, struct lk_parquet_metadata **out,
                                  struct lk_error *err)
{
    struct lk_buffer file = {0};
    lk_buffer_append_string(&file, LK_PARQUET_MAGIC);
    memset(lk_buffer_extend(&file, 300), 0, 300);
    build_footer(&file, f);
    const enum lk_status status = read_bytes(lk_buffer_bytes(&file), out, err);
    lk_buffer_reset(&file);
    return status;
}

static void assert_damaged(const struct build_footer *f, const char *part)
{
    struct lk_error err = {0};
    struct lk_parquet_metadata *m = NULL;
    assert_int_equal(read_footer(f, &m, &err), LK_DAMAGED);
    assert_null(m);
    if (strstr(err.message, part) == NULL || strstr(err.message, "f.parquet") == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void a_footer_is_read_into_structs(void **state)
{
    (void)state;
    struct build_footer f = good();
    struct lk_error err = {0};
    struct lk_parquet_metadata *m = NULL;
    f.dictionary_offset = 4;
    f.data_offset = 50;
    f.codec = LK_PARQUET_ZSTD;
    f.repetition = LK_PARQUET_OPTIONAL;
    f.converted = LK_PARQUET_CONVERTED_UINT_64;
    assert_int_equal(read_footer(&f, &m, &err), LK_OK);
    assert_int_equal(m->rows, 7);
    assert_int_equal(m->leaves, 1);
    assert_string_equal(m->leaf[0].path, "c");
    assert_false(m->leaf[0].nested);
    assert_int_equal(m->leaf[0].element->converted, LK_PARQUET_CONVERTED_UINT_64);
    assert_int_equal(m->leaf[0].element->repetition, LK_PARQUET_OPTIONAL);
    assert_int_equal(m->groups, 1);
    assert_null(m->group[0].chunk[0].problem);
    assert_int_equal(m->group[0].chunk[0].start, 4);
    assert_int_equal(m->group[0].chunk[0].size, 100);
    assert_int_equal(m->group[0].chunk[0].codec, LK_PARQUET_ZSTD);
    assert_string_equal(m->created_by, "");
    assert_null(m->plan);
    lk_parquet_metadata_free(m);
}

static void numbers_that_contradict_one_another_are_damage(void **state)
{
    (void)state;
    struct build_footer f = good();
    f.rows = 8;
    assert_damaged(&f, "8 rows");
    f = good();
    f.rows = -1;
    assert_damaged(&f, "rows");
    f = good();
    f.group_rows = -1;
    assert_damaged(&f, "negative");
    f = good();
    f.children = 2;
    assert_damaged(&f, "schema");
    f.children = 0;
    assert_damaged(&f, "schema");
    f = good();
    f.chunks = 2;
    assert_damaged(&f, "columns");
    f.leaves = 2;
    f.children = 2;
    assert_damaged(&f, "overlap");
    f = good();
    f.type = LK_PARQUET_TYPES;
    assert_damaged(&f, "physical type");
    f = good();
    f.repetition = 3;
    assert_damaged(&f, "repetition");
}

static void what_ails_one_chunk_stands_in_its_problem(void **state)
{
    (void)state;
    static const struct {
        struct build_footer change;
        bool damaged;
        const char *part;
    } cases[] = {
        {{.data_offset = -1, .size = 100, .values = 7}, true, "negative"},
        {{.data_offset = 4, .size = -1, .values = 7}, true, "negative"},
        {{.data_offset = 4, .size = 100, .values = -7}, true, "negative"},
        {{.data_offset = 4, .size = INT64_MAX, .values = 7}, true, "outside"},
        {{.data_offset = 3, .size = 10, .values = 7}, true, "outside"},
        {{.data_offset = INT64_MAX, .size = INT64_MAX, .values = 7}, true, "outside"},
        {{.data_offset = 4, .size = 100, .values = 7, .file_path = true}, false, "another file"},
        {{.data_offset = 4, .size = 100, .values = 7, .encrypted = true}, false, "encrypted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct build_footer f = good();
        struct lk_error err = {0};
        struct lk_parquet_metadata *m = NULL;
        f.data_offset = cases[i].change.data_offset;
        f.size = cases[i].change.size;
        f.values = cases[i].change.values;
        f.file_path = cases[i].change.file_path;
        f.encrypted = cases[i].change.encrypted;
        assert_int_equal(read_footer(&f, &m, &err), LK_OK);
        assert_non_null(m->group[0].chunk[0].problem);
        assert_non_null(strstr(m->group[0].chunk[0].problem, cases[i].part));
        assert_int_equal(m->group[0].chunk[0].damaged, cases[i].damaged);
        lk_parquet_metadata_free(m);
    }
}

static void a_dictionary_offset_of_zero_means_none(void **state)
{
    (void)state;
    struct build_footer f = good();
    struct lk_error err = {0};
    struct lk_parquet_metadata *m = NULL;
    f.data_offset = 40;
    f.dictionary_offset = -5;
    assert_int_equal(read_footer(&f, &m, &err), LK_OK);
    assert_int_equal(m->group[0].chunk[0].start, 40);
    lk_parquet_metadata_free(m);
}

static void a_file_that_is_none_is_damage_and_an_encrypted_one_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum lk_status status;
        const char *part;
    } cases[] = {
        {"", 0, LK_DAMAGED, "only 0 bytes"},
        {"PAR1PAR1", 8, LK_DAMAGED, "only 8 bytes"},
        {"PAR1\0\0\0\0PAR1", 12, LK_DAMAGED, "empty"},
        {"PAR1\xff\xff\xff\xffPAR1", 12, LK_DAMAGED, "length 4294967295"},
        {"PAR1\1\0\0\0PAR1", 12, LK_DAMAGED, "length 1"},
        {"GIF8\0\0\0\0PAR1", 12, LK_DAMAGED, "does not start"},
        {"PAR1\0\0\0\0PAR2", 12, LK_DAMAGED, "does not end"},
        {"PARE\0\0\0\0PARE", 12, LK_UNREADABLE, "encrypted"},
        {"PAR1\0\1\0\0\0PAR1", 13, LK_DAMAGED, "schema is missing"},
        {"PAR1\x15\1\0\0\0PAR1", 13, LK_DAMAGED, "bytes end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lk_error err = {0};
        struct lk_parquet_metadata *m = NULL;
        assert_int_equal(read_bytes(lk_bytes(cases[i].bytes, cases[i].len), &m, &err), cases[i].status);
        if (strstr(err.message, cases[i].part) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].part);
    }
}

/* A schema as pairs of (children, is a leaf); one name for all. */
static enum lk_status read_schema(const int32_t *children, size_t count, struct lk_parquet_metadata **out,
                                  struct lk_error *err)
{
    struct lk_buffer file = {0};
    lk_buffer_append_string(&file, LK_PARQUET_MAGIC);
    struct lk_thrift_writer w = lk_thrift_writer_begin(&file);
    lk_thrift_writer_list(&w, 2, LK_THRIFT_STRUCT, count);
    for (size_t i = 0; i < count; i++) {
        lk_thrift_writer_element_struct(&w);
        if (children[i] < 0)
            lk_thrift_writer_i32(&w, 1, LK_PARQUET_INT32);
        lk_thrift_writer_binary(&w, 4, lk_bytes_of("n"));
        if (children[i] >= 0)
            lk_thrift_writer_i32(&w, 5, children[i]);
        lk_thrift_writer_end(&w);
    }
    lk_thrift_writer_i64(&w, 3, 0);
    lk_thrift_writer_end(&w);
    uint8_t len[4];
    lk_put_u32(len, (uint32_t)(file.len - 4));
    lk_buffer_append(&file, len, sizeof len);
    lk_buffer_append_string(&file, LK_PARQUET_MAGIC);
    const enum lk_status status = read_bytes(lk_buffer_bytes(&file), out, err);
    lk_buffer_reset(&file);
    return status;
}

static void leaves_below_groups_are_named_by_their_path(void **state)
{
    (void)state;
    const int32_t tree[] = {3, -1, 2, -1, 1, -1, -1};
    struct lk_error err = {0};
    struct lk_parquet_metadata *m = NULL;
    assert_int_equal(read_schema(tree, 7, &m, &err), LK_OK);
    assert_int_equal(m->leaves, 4);
    assert_string_equal(m->leaf[0].path, "n");
    assert_false(m->leaf[0].nested);
    assert_string_equal(m->leaf[1].path, "n.n");
    assert_true(m->leaf[1].nested);
    assert_string_equal(m->leaf[2].path, "n.n.n");
    assert_false(m->leaf[3].nested);
    lk_parquet_metadata_free(m);
}

static void a_schema_that_is_no_tree_is_damage(void **state)
{
    (void)state;
    const int32_t too_few[] = {2, -1}, too_many[] = {1, -1, -1}, no_root[] = {-1},
                  negative[] = {0, INT32_MIN};
    int32_t deep[200];
    struct lk_error err = {0};
    struct lk_parquet_metadata *m = NULL;
    for (size_t i = 0; i < 200; i++)
        deep[i] = 1;
    deep[199] = -1;
    assert_int_equal(read_schema(too_few, 2, &m, &err), LK_DAMAGED);
    assert_int_equal(read_schema(too_many, 3, &m, &err), LK_DAMAGED);
    assert_int_equal(read_schema(no_root, 1, &m, &err), LK_DAMAGED);
    assert_int_equal(read_schema(negative, 2, &m, &err), LK_DAMAGED);
    assert_int_equal(read_schema(deep, 200, &m, &err), LK_DAMAGED);
}

static void two_schemas_in_one_footer_are_damage(void **state)
{
    (void)state;
    /* Field 2, a list of one struct {4: "n"}, twice, the second time with its id spelled out. */
    const uint8_t footer[] = {0x29, 0x1c, 0x48, 1, 'n', 0, 0x09, 4, 0x1c, 0x48, 1, 'n', 0, 0x16, 0, 0};
    struct lk_buffer file = {0};
    struct lk_error err = {0};
    struct lk_parquet_metadata *m = NULL;
    uint8_t len[4];
    lk_put_u32(len, sizeof footer);
    lk_buffer_append_string(&file, LK_PARQUET_MAGIC);
    lk_buffer_append(&file, footer, sizeof footer);
    lk_buffer_append(&file, len, sizeof len);
    lk_buffer_append_string(&file, LK_PARQUET_MAGIC);
    assert_int_equal(read_bytes(lk_buffer_bytes(&file), &m, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "two schemas"));
    lk_buffer_reset(&file);
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    const struct build_footer f = good();
    struct lk_buffer file = {0};
    lk_buffer_append_string(&file, LK_PARQUET_MAGIC);
    memset(lk_buffer_extend(&file, 300), 0, 300);
    build_footer(&file, &f);
    for (int64_t n = 0;; n++) {
        struct lk_error err = {0};
        struct lk_parquet_metadata *m = NULL;
        assert_true(n < 100);
        lk_memory_fail_after(n, 0);
        const enum lk_status status = read_bytes(lk_buffer_bytes(&file), &m, &err);
        lk_memory_fail_after(-1, 0);
        lk_parquet_metadata_free(m);
        if (status == LK_OK)
            break;
        assert_int_equal(status, LK_FAILED);
        assert_null(m);
    }
    lk_buffer_reset(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_footer_is_read_into_structs),
        cmocka_unit_test(numbers_that_contradict_one_another_are_damage),
        cmocka_unit_test(what_ails_one_chunk_stands_in_its_problem),
        cmocka_unit_test(a_dictionary_offset_of_zero_means_none),
        cmocka_unit_test(a_file_that_is_none_is_damage_and_an_encrypted_one_is_named),
        cmocka_unit_test(leaves_below_groups_are_named_by_their_path),
        cmocka_unit_test(a_schema_that_is_no_tree_is_damage),
        cmocka_unit_test(two_schemas_in_one_footer_are_damage),
        cmocka_unit_test(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
