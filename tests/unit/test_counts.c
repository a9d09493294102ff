#include "store/counts.h"
#include "store_fixture.h"

#include <fcntl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAY (INT64_C(86400) * FIXTURE_SECOND)

static int make(void **state)
{
    static struct fixture f;
    *state = &f;
    return fixture_make(&f) ? 0 : -1;
}

static int remove_all(void **state)
{
    return fixture_remove(*state) ? 0 : -1;
}

static void append(const struct fixture *f, uint64_t seq, int64_t started, const char *table, uint64_t rows)
{
    const bool raw = table[0] == 't';
    struct lk_error err = {0};
    char id[LK_TIME_SIZE];
    lk_time_format_id(started, id);
    struct lk_counts c = {.id = lk_copy_string(id),
                          .seq = seq,
                          .started = started,
                          .device = UINT64_MAX,
                          .inode = 7,
                          .bytes = 4096,
                          .mtime = started - 5,
                          .change_counter = UINT32_MAX,
                          .whole = true};
    struct lk_counts_table *t = lk_counts_add_table(&c, table);
    t->rows = rows;
    t->has_hash = true;
    t->hash.bytes[3] = 9;
    t->has_sequence = true;
    t->sequence = INT64_MAX;
    lk_counts_add_column(t, "caf\xc3\xa9")->values = rows;
    if (raw)
        lk_counts_add_column(t, "raw\xff")->values = 0;
    assert_int_equal(lk_counts_append(&f->dir, 0600, &c, &err), LK_OK);
    lk_counts_reset(&c);
}

static struct lk_counts_list read_since(const struct fixture *f, int64_t since)
{
    struct lk_counts_list list;
    struct lk_error err = {0};
    if (lk_counts_read(&f->dir, since, &list, &err) != LK_OK)
        fail_msg("%s", err.message);
    return list;
}

static void scribble(const struct fixture *f, const char *text)
{
    const int fd = openat(f->dir.fd, LK_COUNTS_FILE, O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void a_line_comes_back_as_it_was(void **state)
{
    const struct fixture *f = *state;
    append(f, 3, FIXTURE_TIME + 1,
           "ta\xff"
           "ble",
           12);
    struct lk_counts_list list = read_since(f, 0);
    assert_int_equal(list.count, 1);
    const struct lk_counts *c = &list.counts[0];
    const struct lk_counts_table *t = lk_counts_find(c, "ta\xff"
                                                        "ble");
    assert_non_null(t);
    assert_int_equal(c->seq, 3);
    assert_int_equal(c->started, FIXTURE_TIME + 1);
    assert_true(c->device == UINT64_MAX && c->inode == 7 && c->bytes == 4096 && c->whole && !c->made);
    assert_int_equal(c->change_counter, UINT32_MAX);
    assert_true(t->has_hash && t->hash.bytes[3] == 9 && t->has_sequence && t->sequence == INT64_MAX);
    assert_int_equal(lk_counts_column(t, "caf\xc3\xa9")->values, 12);
    assert_int_equal(lk_counts_column(t, "raw\xff")->values, 0);
    assert_null(lk_counts_column(t, "raw"));
    lk_counts_list_reset(&list);
}

static void no_more_is_read_than_the_line_before_the_time(void **state)
{
    const struct fixture *f = *state;
    for (uint64_t i = 1; i <= 40; i++)
        append(f, i, FIXTURE_TIME + (int64_t)i * DAY, "posts", i);
    struct lk_counts_list list = read_since(f, FIXTURE_TIME + 30 * DAY);
    assert_int_equal(list.count, 12); /* 30 to 40, and 29 */
    assert_int_equal(list.counts[0].seq, 29);
    assert_int_equal(list.counts[11].seq, 40);
    lk_counts_list_reset(&list);
    list = read_since(f, FIXTURE_TIME + 400 * DAY);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.counts[0].seq, 40);
    lk_counts_list_reset(&list);
}

static void the_last_line_of_an_id_counts(void **state)
{
    const struct fixture *f = *state;
    append(f, 1, FIXTURE_TIME, "posts", 1);
    append(f, 2, FIXTURE_TIME, "posts", 2);
    struct lk_counts_list list = read_since(f, 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.counts[0].table[0].rows, 2);
    lk_counts_list_reset(&list);
}

static void lines_that_cannot_be_are_passed_over(void **state)
{
    const struct fixture *f = *state;
    append(f, 1, FIXTURE_TIME, "posts", 1);
    scribble(f, "{}\n[]\nx\n{\"id\":\"../x\",\"seq\":1}\n");
    scribble(f, "{\"id\":\"2024-05-30T091442Z\",\"seq\":2,\"started\":\"2024-05-30T09:14:42Z\",\"device\":"
                "\"1\",\"inode\":\"1\","
                "\"bytes\":1,\"mtime\":\"2024-05-30T09:14:42Z\",\"change_counter\":1,\"whole\":true,"
                "\"tables\":[{\"name\":\"t\",\"kind\":\"table\",\"rows\":5,\"columns\":[[\"a\",6]]}]}\n");
    append(f, 3, FIXTURE_TIME + DAY, "posts", 3);
    scribble(f, "{\"id\":\"2024-05-31T0");
    struct lk_counts_list list = read_since(f, 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.counts[0].seq, 1);
    assert_int_equal(list.counts[1].seq, 3);
    lk_counts_list_reset(&list);
}

static void content_is_the_same_by_hash_alone(void **state)
{
    (void)state;
    struct lk_counts a = {.whole = true}, b = {.whole = true};
    lk_counts_add_table(&a, "t")->has_hash = true;
    lk_counts_add_table(&b, "t")->has_hash = true;
    lk_counts_add_table(&b, "sqlite_stat1")->kind = LK_TABLE_INTERNAL;
    assert_true(lk_counts_same_content(&a, &b));
    b.table[0].hash.bytes[0] = 1;
    assert_false(lk_counts_same_content(&a, &b));
    b.table[0].hash.bytes[0] = 0;
    lk_counts_add_table(&b, "more")->has_hash = true;
    assert_false(lk_counts_same_content(&a, &b));
    lk_counts_reset(&a);
    lk_counts_reset(&b);
}

static void without_memory_reading_fails_and_leaks_nothing(void **state)
{
    const struct fixture *f = *state;
    append(f, 1, FIXTURE_TIME, "posts", 1);
    append(f, 2, FIXTURE_TIME + DAY, "posts", 1);
    for (int64_t n = 0;; n++) {
        struct lk_counts_list list;
        struct lk_error err = {0};
        lk_memory_fail_after(n, 0);
        const enum lk_status status = lk_counts_read(&f->dir, 0, &list, &err);
        lk_memory_fail_after(-1, 0);
        const size_t count = list.count;
        lk_counts_list_reset(&list);
        if (status == LK_OK && count == 2)
            break;
        assert_true(status == LK_FAILED);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_comes_back_as_it_was, make, remove_all),
        cmocka_unit_test_setup_teardown(no_more_is_read_than_the_line_before_the_time, make, remove_all),
        cmocka_unit_test_setup_teardown(the_last_line_of_an_id_counts, make, remove_all),
        cmocka_unit_test_setup_teardown(lines_that_cannot_be_are_passed_over, make, remove_all),
        cmocka_unit_test(content_is_the_same_by_hash_alone),
        cmocka_unit_test_setup_teardown(without_memory_reading_fails_and_leaks_nothing, make, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
