#include "base/clock.h"
#include "base/memory.h"
#include "ops/alarm.h"
#include "ops/alarm_raise.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A journal in short: each event is type and then its fields in JSON without the braces. */
struct line {
    const char *type, *fields;
};

static struct lk_alarm_record fold(const struct line *lines, size_t count)
{
    struct lk_journal journal = {.count = count, .event = lk_allocate_zeroed(count + 1, sizeof(json_t *))};
    struct lk_alarm_record record;
    struct lk_error err = {0};
    for (size_t i = 0; i < count; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "{\"type\":\"%s\",\"time\":\"2026-11-22T16:51:0%zuZ\"%s%s}",
                       lines[i].type, i % 10, lines[i].fields[0] == '\0' ? "" : ",", lines[i].fields);
        journal.event[i] = json_loads(text, 0, NULL);
        assert_non_null(journal.event[i]);
    }
    assert_int_equal(lk_alarm_record_fold(&journal, &record, &err), LK_OK);
    assert_int_equal(journal.count, 0);
    return record;
}
#define FOLD(...)                                                                                            \
    fold((const struct line[]){__VA_ARGS__}, sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line))

#define BACKUP(n)                                                                                            \
    {                                                                                                        \
        "backup", "\"id\":\"b" #n "\",\"seq\":" #n                                                           \
    }
#define ALARM(key, n, last)                                                                                  \
    {                                                                                                        \
        "alarm", "\"key\":\"" key "\",\"id\":\"b" #n "\",\"seq\":" #n ",\"last_good\":\"b" #last             \
                 "\",\"last_seq\":" #last                                                                    \
    }

static void the_last_backup_is_good_when_nothing_is_open(void **state)
{
    (void)state;
    struct lk_alarm_record r = FOLD(BACKUP(1), BACKUP(2));
    assert_int_equal(r.count, 0);
    assert_string_equal(r.good, "b2");
    lk_alarm_record_reset(&r);
    r = FOLD({"run", ""});
    assert_null(r.good);
    lk_alarm_record_reset(&r);
}

static void the_good_one_is_that_before_the_first_open_alarm(void **state)
{
    (void)state;
    struct lk_alarm_record r =
        FOLD(BACKUP(1), BACKUP(2), ALARM("rows/a", 2, 1), BACKUP(3), ALARM("rows/b", 3, 2));
    assert_int_equal(r.count, 2);
    assert_string_equal(r.good, "b1");
    assert_true(lk_alarm_record_has(&r, "rows/a") && lk_alarm_record_has(&r, "rows/b"));
    assert_false(lk_alarm_record_has(&r, "rows"));
    lk_alarm_record_reset(&r);
}

static void an_alarm_ends_when_it_recovered_and_another_stays(void **state)
{
    (void)state;
    struct lk_alarm_record r =
        FOLD(BACKUP(1), BACKUP(2), ALARM("rows/a", 2, 1), BACKUP(3), ALARM("rows/b", 3, 2), BACKUP(4),
             {"recovered", "\"key\":\"rows/a\",\"id\":\"b4\""});
    assert_int_equal(r.count, 1);
    assert_string_equal(r.open[0].key, "rows/b");
    assert_string_equal(r.good, "b2");
    lk_alarm_record_reset(&r);
    r = FOLD(BACKUP(1), BACKUP(2), ALARM("rows/a", 2, 1), BACKUP(3),
             {"recovered", "\"key\":\"rows/a\",\"id\":\"b3\""});
    assert_int_equal(r.count, 0);
    assert_string_equal(r.good, "b3");
    lk_alarm_record_reset(&r);
}

static void a_second_alarm_of_a_key_takes_the_place_of_the_first(void **state)
{
    (void)state;
    struct lk_alarm_record r =
        FOLD(BACKUP(1), BACKUP(2), ALARM("rows/a", 2, 1), BACKUP(3), ALARM("rows/a", 3, 1));
    assert_int_equal(r.count, 1);
    assert_string_equal(lk_journal_string(r.open[0].event, "id", ""), "b3");
    lk_alarm_record_reset(&r);
}

static void an_ack_closes_all_and_the_newest_backup_is_the_measure(void **state)
{
    (void)state;
    struct lk_alarm_record r = FOLD(BACKUP(1), BACKUP(2), ALARM("rows/a", 2, 1), ALARM("gone", 2, 1),
                                    BACKUP(3), {"ack", "\"note\":\"x\""});
    assert_int_equal(r.count, 0);
    assert_int_equal(r.accepted_seq, 3);
    assert_string_equal(r.good, "b3");
    assert_true(lk_alarm_record_has_settled(&r, "gone"));
    lk_alarm_record_reset(&r);
    r = FOLD(BACKUP(1), ALARM("gone", 1, 1), {"ack", "\"seq\":1"}, BACKUP(2));
    assert_false(lk_alarm_record_has_settled(&r, "gone"));
    lk_alarm_record_reset(&r);
}

static void an_ack_of_one_key_leaves_the_others(void **state)
{
    (void)state;
    struct lk_alarm_record r = FOLD({"alarm", "\"key\":\"root//a\""}, {"alarm", "\"key\":\"root//b\""},
                                    {"ack", "\"key\":\"root//a\""});
    assert_int_equal(r.count, 1);
    assert_string_equal(r.open[0].key, "root//b");
    assert_true(lk_alarm_record_has_settled(&r, "root//a"));
    lk_alarm_record_reset(&r);
}

static void a_restore_counts_from_the_newest_backup_then(void **state)
{
    (void)state;
    struct lk_alarm_record r = FOLD(BACKUP(1), BACKUP(2), {"restore", "\"id\":\"b1\""});
    assert_int_equal(r.restored_seq, 2);
    lk_alarm_record_reset(&r);
    r = FOLD(BACKUP(1), {"restore", "\"seq\":1"}, BACKUP(2));
    assert_int_equal(r.restored_seq, 1);
    lk_alarm_record_reset(&r);
}

static void backups_since_the_good_one_are_suspect(void **state)
{
    (void)state;
    struct lk_backup_entry entries[] = {
        {.seq = 0, .kind = LK_BACKUP_LEGACY}, {.seq = 1}, {.seq = 2}, {.seq = 3}, {.seq = 4}};
    const struct lk_backup_list list = {.count = 5, .entry = entries};
    struct lk_alarm_record r = FOLD(BACKUP(1), BACKUP(2), BACKUP(3), ALARM("rows/a", 3, 2), BACKUP(4));
    const bool wanted[] = {false, false, false, true, true};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(lk_alarm_record_suspects(&r, &list, i), wanted[i]);
    lk_alarm_record_reset(&r);
    /* A source that is gone says nothing against its backups. */
    r = FOLD(BACKUP(1), BACKUP(2), {"alarm", "\"key\":\"gone\",\"last_good\":\"b2\""});
    for (size_t i = 0; i < 5; i++)
        assert_false(lk_alarm_record_suspects(&r, &list, i));
    lk_alarm_record_reset(&r);
}

static void events_that_cannot_be_are_passed_over(void **state)
{
    (void)state;
    struct lk_alarm_record r =
        FOLD({"alarm", "\"key\":7"}, {"alarm", ""}, {"recovered", "\"key\":[]"}, {"ack", "\"seq\":-5"},
             {"alarm", "\"key\":\"rows/a\",\"id\":{},\"before\":\"x\",\"causes\":7,\"table\":[1]"},
             {"restore", "\"seq\":\"x\""}, {"backup", "\"id\":1,\"seq\":1e9"});
    struct lk_arena arena = {0};
    assert_int_equal(r.count, 1);
    const struct litekeep_alarm *told = lk_alarm_describe(&arena, NULL, &r, "posts", "/data/posts.db");
    assert_non_null(told);
    assert_non_null(told->message);
    assert_null(told->restore);
    lk_arena_free(&arena);
    lk_alarm_record_reset(&r);
}

static void the_message_and_the_command_say_it_exactly(void **state)
{
    (void)state;
    struct lk_arena arena = {0};
    struct lk_alarm_record r =
        FOLD({"alarm",
              "\"key\":\"rows/posts\",\"kind\":\"rows\",\"table\":\"posts\",\"before\":900000,\"now\":5000,"
              "\"good\":\"2026-11-22T165100Z\",\"replaced\":true,\"causes\":[\"because\"]"});
    const struct litekeep_alarm *told = lk_alarm_describe(&arena, NULL, &r, "posts", "/home/ada/my posts.db");
    assert_string_equal(told->message,
                        "table \"posts\" of /home/ada/my posts.db lost 895,000 of 900,000 rows (99.4 %): "
                        "5,000 are left since the backup of 2026-11-22 16:51");
    assert_string_equal(told->restore,
                        "litekeep restore posts@2026-11-22T165100Z --to '/home/ada/my posts.db' --force");
    assert_string_equal(told->causes[0], "because");
    lk_arena_free(&arena);
    lk_alarm_record_reset(&r);
}

static void keys_do_not_meet(void **state)
{
    (void)state;
    char *a = lk_alarm_raise_key(LITEKEEP_ALARM_VALUES, "a/b", "c"),
         *b = lk_alarm_raise_key(LITEKEEP_ALARM_VALUES, "a", "b/c");
    char *c = lk_alarm_raise_key(LITEKEEP_ALARM_EMPTY, "posts", NULL),
         *d = lk_alarm_raise_key(LITEKEEP_ALARM_TABLE, "posts", NULL);
    assert_string_equal(a, "values/a\\x2fb/c");
    assert_string_equal(b, "values/a/b\\x2fc");
    assert_string_equal(c, d);
    lk_free(a);
    lk_free(b);
    lk_free(c);
    lk_free(d);
}

static int set_zone(void **state)
{
    (void)state;
    return setenv("TZ", "UTC", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_backup_is_good_when_nothing_is_open),
        cmocka_unit_test(the_good_one_is_that_before_the_first_open_alarm),
        cmocka_unit_test(an_alarm_ends_when_it_recovered_and_another_stays),
        cmocka_unit_test(a_second_alarm_of_a_key_takes_the_place_of_the_first),
        cmocka_unit_test(an_ack_closes_all_and_the_newest_backup_is_the_measure),
        cmocka_unit_test(an_ack_of_one_key_leaves_the_others),
        cmocka_unit_test(a_restore_counts_from_the_newest_backup_then),
        cmocka_unit_test(backups_since_the_good_one_are_suspect),
        cmocka_unit_test(events_that_cannot_be_are_passed_over),
        cmocka_unit_test(the_message_and_the_command_say_it_exactly),
        cmocka_unit_test(keys_do_not_meet),
    };
    return cmocka_run_group_tests(tests, set_zone, NULL);
}
