#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "cli/show.h"

static const char *const price_columns[] = {"price DOUBLE", "price__text STRING", NULL};
static struct litekeep_column_info columns[] = {
    {.name = "id",
     .declared_type = "INTEGER",
     .affinity = "INTEGER",
     .key = 1,
     .counts = {0, 1000, 0, 0, 0, 0}},
    {.name = "price", .affinity = "NUMERIC", .counts = {12, 900, 0, 88, 0, 0}, .file_columns = price_columns},
};
static struct litekeep_table_info tables[] = {
    {.name = "sqlite_sequence",
     .kind = "internal",
     .counted = true,
     .rows = 2000,
     .parquet_path = "parquet/sqlite_sequence.parquet"},
    {.name = "it's",
     .kind = "table",
     .counted = true,
     .rows = 1000,
     .parts = 1,
     .parquet_bytes = 2048,
     .json_bytes = 4096,
     .parquet_path = "parquet/it%27s~0badcafe.parquet",
     .json_path = "json/it%27s~0badcafe.json.gz",
     .columns = 2,
     .column = columns},
};
static const struct litekeep_shown shown = {
    .database = "posts",
    .id = "2024-05-29T091442Z",
    .folder = "/it's/posts/2024-05-29T091442Z",
    .backup = {.id = "2024-05-29T091442Z", .tables = 2, .rows = 3000, .verified = true},
    .source_path = "/data/posts.db",
    .tables = 2,
    .table = tables,
};

static struct litekeep_cell cells[] = {
    {"integer", "1"},
    {"null", ""},
    {"integer", "20"},
    {"real", "9e999"},
};
static const char *const names[] = {"id", "price"};
static const char *const json[] = {"{\"id\":1,\"price\":null}", "{\"id\":20,\"price\":9e999}"};
static const struct litekeep_rows rows = {
    .columns = 2, .name = names, .rows = 2, .cell = cells, .json = json};

static void numbers_stand_right_and_null_is_named(void **state)
{
    (void)state;
    struct lk_console console = {.quiet = true};
    struct lk_error err = {0};
    struct capture capture;
    capture_start(&capture);
    const enum lk_status status = lk_show_table(&console, &shown, &tables[1], &rows, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_OK);
    assert_string_equal(capture.text, "id  price\n"
                                      " 1   NULL\n"
                                      "20  9e999\n");
}

static void a_table_shows_its_columns_and_how_many_rows_there_are(void **state)
{
    (void)state;
    struct lk_console console = {0};
    struct lk_error err = {0};
    struct capture capture;
    capture_start(&capture);
    const enum lk_status status = lk_show_table(&console, &shown, &tables[1], &rows, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_OK);
    assert_non_null(strstr(capture.text, "900 integer, 88 text  price DOUBLE, price__text STRING\n"));
    assert_non_null(strstr(capture.text, "\n2 of 1,000 rows\n"));
}

static void the_lines_to_read_a_table_are_quoted_for_their_language(void **state)
{
    (void)state;
    struct lk_console console = {0};
    struct lk_error err = {0};
    struct capture capture;
    capture_start(&capture);
    const enum lk_status status = lk_show_backup(&console, &shown, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_OK);
    /* Of the user's table, though the internal one has more rows. */
    assert_non_null(
        strstr(capture.text, "pandas.read_parquet('/it\\'s/posts/2024-05-29T091442Z/parquet/it%27s"));
    assert_non_null(strstr(capture.text, "SELECT * FROM '/it''s/posts/2024-05-29T091442Z/parquet/it%27s"));
}

static void json_has_every_row_as_it_is_spelled_in_the_backup(void **state)
{
    (void)state;
    struct lk_console console = {0};
    struct lk_error err = {0};
    struct capture capture;
    capture_start(&capture);
    const enum lk_status status = lk_show_table_json(&console, &shown, NULL, &rows, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_OK);
    assert_non_null(strstr(
        capture.text, "\"table\":null,\"rows\":[{\"id\":1,\"price\":null},{\"id\":20,\"price\":9e999}]}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stand_right_and_null_is_named),
        cmocka_unit_test(a_table_shows_its_columns_and_how_many_rows_there_are),
        cmocka_unit_test(the_lines_to_read_a_table_are_quoted_for_their_language),
        cmocka_unit_test(json_has_every_row_as_it_is_spelled_in_the_backup),
    };
    unsetenv("COLUMNS"); /* no limit */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
