#include "base/memory.h"
#include "store/names.h"

#include <stdio.h>
#include <strings.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct naming {
    const char *name;
    size_t len;         /* 0: strlen */
    const char *before; /* what stands before "~" and 8 digits; NULL: the name stays */
};

static const struct naming namings[] = {
    {"posts", 0, NULL},
    {"_Posts.2024-05", 0, NULL},
    {"0", 0, NULL},
    {"a/b", 0, "a%2Fb"},
    {"../../x", 0, "%2E.%2F..%2Fx"},
    {".", 0, "%2E"},
    {"..", 0, "%2E%2E"},
    {"-rf", 0, "%2Drf"},
    {"$(id)", 0, "%24%28id%29"},
    {"two\nlines", 0, "two%0Alines"},
    {"", 0, ""},
    {"caf\xc3\xa9", 0, "caf%C3%A9"},
    {"cafe\xcc\x81", 0, "cafe%CC%81"},
    {"bad\xff\xfe", 0, "bad%FF%FE"},
    {"zero\0byte", 9, "zero%00byte"},
    {"ends.", 0, "ends%2E"},
    {"a b", 0, "a%20b"},
    {"100%", 0, "100%25"},
    {"til~de", 0, "til%7Ede"},
    {"CON", 0, "%43ON"},
    {"con", 0, "%63on"},
    {"aux.tar.gz", 0, "%61ux.tar.gz"},
    {"Com1", 0, "%43om1"},
    {"lpt0.x", 0, "%6Cpt0.x"},
    {"console", 0, NULL},
    {"com", 0, NULL},
    {"com10", 0, NULL},
    {"x.con", 0, NULL},
};

static void names_are_spelled_as_the_store_format_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof namings / sizeof *namings; i++) {
        const struct naming *n = &namings[i];
        const struct lk_bytes name = lk_bytes(n->name, n->len == 0 ? strlen(n->name) : n->len);
        char *file = lk_name_encode(name, 0);
        assert_non_null(file);
        assert_int_equal(lk_name_is_safe(name), n->before == NULL);
        if (n->before == NULL) {
            assert_string_equal(file, n->name);
        } else {
            const size_t len = strlen(n->before);
            assert_memory_equal(file, n->before, len);
            assert_int_equal(file[len], '~');
            assert_int_equal(strlen(file), len + 9);
            assert_int_equal(strspn(file + len + 1, "0123456789abcdef"), 8);
            assert_true(lk_name_is_relative_path(file) || n->before[0] == '.');
        }
        lk_free(file);
    }
}

static void the_digits_are_the_sha256_of_the_name(void **state)
{
    (void)state;
    char *file = lk_name_encode(lk_bytes_of(""), 0);
    assert_string_equal(file, "~e3b0c442"); /* FIPS 180-4: SHA-256 of nothing */
    lk_free(file);
    file = lk_name_encode(lk_bytes_of("abc"), 16);
    assert_string_equal(file, "abc~ba7816bf8f01cfea");
    lk_free(file);
}

static void long_names_are_cut_between_escapes(void **state)
{
    (void)state;
    char name[301];
    memset(name, 'a', 300);
    name[300] = '\0';
    char *file = lk_name_encode(lk_bytes(name, 300), 0);
    assert_int_equal(strlen(file), LK_NAME_MAX);
    assert_int_equal(file[91], '~');
    lk_free(file);
    file = lk_name_encode(lk_bytes(name, 100), 0);
    assert_int_equal(strlen(file), 100);
    lk_free(file);
    file = lk_name_encode(lk_bytes(name, 101), 0);
    assert_int_equal(file[91], '~');
    lk_free(file);
    memset(name, ' ', 300); /* 30 escapes are 90 characters; the 31st would end at 93 */
    file = lk_name_encode(lk_bytes(name, 300), 0);
    assert_int_equal(strlen(file), 99);
    assert_int_equal(file[90], '~');
    lk_free(file);
}

static void two_names_that_differ_in_case_get_two_files(void **state)
{
    (void)state;
    struct lk_error err = {0};
    const char *const texts[] = {"Posts", "posts", "POSTS", "other", "posts", "posts",
                                 "posts", "posts", "posts", "a/b",   "a/b"};
    enum { COUNT = sizeof texts / sizeof *texts };
    struct lk_bytes names[COUNT];
    char **files = NULL;
    for (size_t i = 0; i < COUNT; i++)
        names[i] = lk_bytes_of(texts[i]);
    assert_int_equal(lk_names_assign(names, COUNT, &files, &err), LK_OK);
    assert_string_equal(files[0], "Posts");
    assert_string_equal(files[3], "other");
    assert_memory_equal(files[1], "posts~", 6);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(lk_name_is_relative_path(files[i]));
        for (size_t k = 0; k < i; k++)
            assert_true(strcasecmp(files[i], files[k]) != 0);
    }
    assert_null(files[COUNT]);
    lk_free(files);
}

static void naming_ten_thousand_tables_makes_no_two_alike(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct lk_error err = {0};
    static char texts[COUNT][24];
    static struct lk_bytes names[COUNT];
    char **files = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(texts[i], sizeof texts[i], i % 2 == 0 ? "table %zu" : "TABLE_%zu", i / 2);
        names[i] = lk_bytes_of(texts[i]);
    }
    assert_int_equal(lk_names_assign(names, COUNT, &files, &err), LK_OK);
    assert_string_equal(files[1], "TABLE_0");
    assert_memory_equal(files[0], "table%200~", 10);
    lk_free(files);
}

static void running_out_of_memory_while_naming_is_reported(void **state)
{
    (void)state;
    const struct lk_bytes names[] = {lk_bytes_of("a"), lk_bytes_of("A"), lk_bytes_of("a")};
    enum lk_status status = LK_FAILED;
    int failures = 0;
    for (int n = 0; status != LK_OK; n++) {
        struct lk_error err = {0};
        char **files = NULL;
        lk_memory_fail_after(n, 0);
        status = lk_names_assign(names, 3, &files, &err);
        lk_memory_fail_after(-1, 0);
        failures += status != LK_OK;
        if (status != LK_OK)
            assert_int_equal(err.status, LK_FAILED);
        lk_free(files);
    }
    assert_true(failures >= 5);
}

static void the_stem_is_the_file_name_without_its_ending(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/data/posts.db", "posts"}, {"posts.sqlite", "posts"},   {"/x/POSTS.SQLITE3", "POSTS"},
        {"posts.db3", "posts"},      {"posts.db.db", "posts.db"}, {"/data/History", "History"},
        {"/data/.db", ".db"},        {"a.tar", "a.tar"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(lk_bytes_equal(lk_name_stem(cases[i][0]), lk_bytes_of(cases[i][1])));
}

static void only_plain_relative_paths_are_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {"schema.sql", "parquet/posts.parquet", "json/a%2Fb~01234567.json.gz",
                                       "parquet/posts.parquet/part-00001.parquet"};
    static const char *const bad[] = {"",     "/",   "/etc/passwd", "..",        "a/../b", "./a",
                                      "a//b", "a/",  ".hidden",     "a/.hidden", "a b",    "a\nb",
                                      "a\\b", "a:b", "\xff",        "a/b/c/d/e", "a/..",   "a/."};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(lk_name_is_relative_path(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(lk_name_is_relative_path(bad[i]));
    char name[257];
    memset(name, 'a', 256);
    name[256] = '\0';
    assert_false(lk_name_is_relative_path(name));
    assert_true(lk_name_is_relative_path(name + 1));
}

static void ids_have_one_shape(void **state)
{
    (void)state;
    assert_true(lk_name_is_id("2024-05-29T091442Z"));
    assert_true(lk_name_is_id("2024-05-29T091442Z-002"));
    static const char *const bad[] = {"",
                                      "2024-05-29T091442",
                                      "2024-05-29T09:14:42Z",
                                      "2024-05-29T091442Z-2",
                                      "2024-05-29T091442Z-0002",
                                      "2024-05-29T091442Z.002",
                                      "x024-05-29T091442Z",
                                      "2024-05-29-09:14:42"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(lk_name_is_id(bad[i]));
}

static void data_files_are_where_readers_expect_them(void **state)
{
    (void)state;
    char *paths[] = {lk_name_parquet_path("posts", 0), lk_name_parquet_path("posts", 12),
                     lk_name_json_path("posts", 0, ".gz"), lk_name_json_path("posts", 100000, "")};
    assert_string_equal(paths[0], "parquet/posts.parquet");
    assert_string_equal(paths[1], "parquet/posts.parquet/part-00012.parquet");
    assert_string_equal(paths[2], "json/posts.json.gz");
    assert_string_equal(paths[3], "json/posts.json/part-100000.json");
    for (size_t i = 0; i < 4; i++)
        lk_free(paths[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_spelled_as_the_store_format_says),
        cmocka_unit_test(the_digits_are_the_sha256_of_the_name),
        cmocka_unit_test(long_names_are_cut_between_escapes),
        cmocka_unit_test(two_names_that_differ_in_case_get_two_files),
        cmocka_unit_test(naming_ten_thousand_tables_makes_no_two_alike),
        cmocka_unit_test(running_out_of_memory_while_naming_is_reported),
        cmocka_unit_test(the_stem_is_the_file_name_without_its_ending),
        cmocka_unit_test(only_plain_relative_paths_are_accepted),
        cmocka_unit_test(ids_have_one_shape),
        cmocka_unit_test(data_files_are_where_readers_expect_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
