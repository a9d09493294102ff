#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "ops/gone.h"

/* A journal of these lines; NULL-terminated. */
static struct lk_journal journal_of(const char *const *lines)
{
    struct lk_journal journal = {0};
    json_error_t error;
    while (lines[journal.count] != NULL)
        journal.count++;
    journal.event = lk_allocate_zeroed(journal.count + 1, sizeof *journal.event);
    assert_non_null(journal.event);
    for (size_t i = 0; i < journal.count; i++) {
        journal.event[i] = json_loads(lines[i], 0, &error);
        assert_non_null(journal.event[i]);
    }
    return journal;
}

static bool is_told(const char *const *lines)
{
    struct lk_journal journal = journal_of(lines);
    const bool told = lk_gone_is_told(&journal);
    lk_journal_reset(&journal);
    return told;
}

#define BACKUP "{\"type\":\"backup\",\"id\":\"x\"}"
#define GONE "{\"type\":\"alarm\",\"key\":\"gone\"}"
#define ROWS "{\"type\":\"alarm\",\"key\":\"rows/post\"}"
#define ACK "{\"type\":\"ack\"}"
#define BACK "{\"type\":\"recovered\",\"key\":\"gone\"}"

static void a_source_is_gone_from_its_alarm_until_it_is_back(void **state)
{
    (void)state;
    assert_false(is_told((const char *const[]){NULL}));
    assert_false(is_told((const char *const[]){BACKUP, ROWS, NULL}));
    assert_true(is_told((const char *const[]){BACKUP, GONE, NULL}));
    assert_true(is_told((const char *const[]){BACKUP, GONE, ROWS, ACK, NULL}));
    assert_true(is_told((const char *const[]){BACKUP, GONE, "{\"type\":\"ack\",\"key\":\"gone\"}", NULL}));
    assert_false(is_told((const char *const[]){BACKUP, GONE, ACK, BACKUP, NULL}));
    assert_false(is_told((const char *const[]){BACKUP, GONE, BACK, NULL}));
    assert_true(is_told((const char *const[]){BACKUP, GONE, BACK, GONE, NULL}));
    assert_false(is_told((const char *const[]){BACK, NULL}));
}

static bool holds(const char *const *lines, const char *path)
{
    struct lk_journal journal = journal_of(lines);
    struct lk_gone_roots roots = {0};
    struct lk_error err = {0};
    assert_int_equal(lk_gone_roots_of(&journal, &roots, &err), LK_OK);
    const bool result = lk_gone_roots_hold(&roots, path);
    lk_gone_roots_reset(&roots);
    lk_journal_reset(&journal);
    return result;
}

static void a_root_holds_what_lies_below_it_and_nothing_beside_it(void **state)
{
    (void)state;
    static const char *const gone[] = {"{\"type\":\"alarm\",\"key\":\"root/1\",\"path\":\"/mnt/data\"}",
                                       NULL};
    static const char *const back[] = {"{\"type\":\"alarm\",\"key\":\"root/1\",\"path\":\"/mnt/data\"}",
                                       "{\"type\":\"recovered\",\"key\":\"root/1\"}", NULL};
    static const char *const odd[] = {"{\"type\":\"alarm\",\"key\":\"root/1\"}",
                                      "{\"type\":\"alarm\",\"key\":\"root/2\",\"path\":7}",
                                      "{\"type\":\"alarm\",\"path\":\"/mnt/data\"}", NULL};
    assert_true(holds(gone, "/mnt/data/a/posts.db"));
    assert_true(holds(gone, "/mnt/data"));
    assert_false(holds(gone, "/mnt/data2/posts.db"));
    assert_false(holds(gone, "/mnt"));
    assert_false(holds(gone, NULL));
    assert_false(holds(back, "/mnt/data/a/posts.db"));
    assert_false(holds(odd, "/mnt/data/a/posts.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_gone_from_its_alarm_until_it_is_back),
        cmocka_unit_test(a_root_holds_what_lies_below_it_and_nothing_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
