#include "base/clock.h"
#include "base/memory.h"
#include "scratch.h"
#include "store/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static int make(void **state)
{
    static struct lk_dir dir;
    *state = &dir;
    return scratch_make(&dir) ? 0 : -1;
}

static int remove_all(void **state)
{
    return scratch_remove(*state) ? 0 : -1;
}

static void append(const struct lk_dir *dir, const char *type, int64_t time)
{
    struct lk_error err = {0};
    json_t *event = lk_journal_event(type, time);
    assert_non_null(event);
    assert_int_equal(json_object_set_new(event, "id", json_string("x")), 0);
    assert_int_equal(lk_journal_append(dir, 0600, event, &err), LK_OK);
    json_decref(event);
}

/* Put raw bytes at the journal's end, as a crash or an editor would. */
static void scribble(const struct lk_dir *dir, const char *text)
{
    const int fd = openat(dir->fd, LK_JOURNAL_FILE, O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void events_come_back_in_the_order_they_were_appended(void **state)
{
    struct lk_error err = {0};
    struct lk_journal j;
    append(*state, "backup", SECOND);
    append(*state, "alarm", 2 * SECOND);
    append(*state, "a type of the future", 3 * SECOND + 5);
    assert_int_equal(lk_journal_read(*state, &j, &err), LK_OK);
    assert_int_equal(j.count, 3);
    assert_int_equal(j.skipped.count, 0);
    assert_string_equal(lk_journal_string(j.event[1], "type", ""), "alarm");
    assert_string_equal(lk_journal_string(j.event[1], "id", ""), "x");
    assert_string_equal(lk_journal_string(j.event[1], "missing", "none"), "none");
    assert_int_equal(lk_journal_integer(j.event[1], "id", -7), -7);
    assert_true(lk_journal_time(j.event[2]) == 3 * SECOND + 5);
    lk_journal_reset(&j);
}

static void a_missing_journal_has_no_events(void **state)
{
    struct lk_error err = {0};
    struct lk_journal j = {.count = 9};
    assert_int_equal(lk_journal_read(*state, &j, &err), LK_OK);
    assert_int_equal(j.count, 0);
    lk_journal_reset(&j);
}

static void a_torn_last_line_is_skipped_and_hurts_no_later_one(void **state)
{
    struct lk_error err = {0};
    struct lk_journal j;
    append(*state, "backup", SECOND);
    scribble(*state, "{\"type\":\"backup\",\"time\":\"2024-0");
    assert_int_equal(lk_journal_read(*state, &j, &err), LK_OK);
    assert_int_equal(j.count, 1);
    assert_int_equal(j.skipped.count, 1);
    lk_journal_reset(&j);
    append(*state, "pin", 2 * SECOND);
    assert_int_equal(lk_journal_read(*state, &j, &err), LK_OK);
    assert_int_equal(j.count, 2);
    assert_int_equal(j.skipped.count, 1);
    assert_string_equal(lk_journal_string(j.event[1], "type", ""), "pin");
    lk_journal_reset(&j);
}

static void a_whole_line_without_its_newline_is_not_believed(void **state)
{
    struct lk_error err = {0};
    struct lk_journal j;
    scribble(*state, "{\"type\":\"backup\",\"time\":\"2024-05-29T09:14:42Z\",\"rows\":1}");
    assert_int_equal(lk_journal_read(*state, &j, &err), LK_OK);
    assert_int_equal(j.count, 0);
    assert_int_equal(j.skipped.count, 1);
    lk_journal_reset(&j);
}

static void lines_that_are_no_events_are_counted_and_skipped(void **state)
{
    struct lk_error err = {0};
    struct lk_journal j;
    scribble(*state, "[]\n{}\n{\"type\":1,\"time\":\"2024-05-29T09:14:42Z\"}\n{\"type\":\"a\",\"time\":"
                     "\"noon\"}\n\xff\n\n");
    append(*state, "backup", SECOND);
    assert_int_equal(lk_journal_read(*state, &j, &err), LK_OK);
    assert_int_equal(j.count, 1);
    assert_int_equal(j.skipped.count, 5);
    assert_true(lk_journal_skipped(&j, "2024-05-29T09:14:42Z")); /* no event */
    assert_true(lk_journal_skipped(&j, "\xff"));                 /* no JSON */
    assert_false(lk_journal_skipped(&j, "backup"));
    lk_journal_reset(&j);
}

static void a_journal_that_is_a_link_is_refused(void **state)
{
    const struct lk_dir *dir = *state;
    struct lk_error err = {0};
    assert_int_equal(symlinkat("/etc/passwd", dir->fd, LK_JOURNAL_FILE), 0);
    json_t *event = lk_journal_event("backup", SECOND);
    assert_int_equal(lk_journal_append(dir, 0600, event, &err), LK_FAILED);
    struct lk_journal j;
    assert_int_equal(lk_journal_read(dir, &j, &err), LK_DAMAGED);
    json_decref(event);
}

static void reading_without_memory_fails_and_leaks_nothing(void **state)
{
    append(*state, "backup", SECOND);
    append(*state, "backup", 2 * SECOND);
    enum lk_status status = LK_FAILED;
    int n = 0;
    for (; status != LK_OK; n++) {
        struct lk_error err = {0};
        struct lk_journal j;
        lk_memory_fail_after(n, 0);
        status = lk_journal_read(*state, &j, &err);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK)
            assert_int_equal(j.count, 2);
        lk_journal_reset(&j);
    }
    assert_true(n > 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, remove_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_come_back_in_the_order_they_were_appended),
        TEST(a_missing_journal_has_no_events),
        TEST(a_torn_last_line_is_skipped_and_hurts_no_later_one),
        TEST(a_whole_line_without_its_newline_is_not_believed),
        TEST(lines_that_are_no_events_are_counted_and_skipped),
        TEST(a_journal_that_is_a_link_is_refused),
        TEST(reading_without_memory_fails_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
