#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "ops/notify_message.h"

static const struct lk_notify_outcome failed = {.type = "failure",
                                                .command = "backup",
                                                .store = "/store\033[1m",
                                                .status = LK_FAILED,
                                                .message = "it broke"};

static const char *text_in(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void an_alarm_is_told_with_its_causes_and_its_way_out(void **state)
{
    (void)state;
    const char *const causes[] = {"the file was replaced", "Git's HEAD moved", NULL};
    const struct litekeep_alarm alarm = {.word = "rows",
                                         .database = "posts",
                                         .path = "/data/posts.db",
                                         .table = "post",
                                         .before = 900000,
                                         .now = 5000,
                                         .raised = INT64_C(1780000000123000000),
                                         .id = "b",
                                         .good = "a",
                                         .message = "table \"post\" lost rows",
                                         .causes = causes,
                                         .restore = "litekeep restore posts@a --to x"};
    struct lk_notify_events events = {0};
    lk_notify_message_add(&events, &(struct litekeep_event){.type = LITEKEEP_EVENT_ALARM, .alarm = &alarm});
    lk_notify_message_add(&events, &(struct litekeep_event){.type = LITEKEEP_EVENT_WARNING, .message = "no"});
    struct lk_notify_outcome outcome = failed;
    outcome.type = "alarm";
    json_t *message = lk_notify_message_make(&events, &outcome);
    assert_non_null(message);
    assert_false(events.failed);
    assert_int_equal(json_array_size(json_object_get(message, "alarms")), 1);
    const json_t *told = json_array_get(json_object_get(message, "alarms"), 0);
    assert_string_equal(text_in(told, "kind"), "rows");
    assert_int_equal(json_integer_value(json_object_get(told, "before")), 900000);
    assert_true(json_is_null(json_object_get(told, "column")));
    assert_int_equal(json_array_size(json_object_get(told, "causes")), 2);
    const char *text = text_in(message, "text");
    assert_non_null(
        strstr(text, "ALARM: table \"post\" lost rows\n    the file was replaced\n    Git's HEAD moved\n"
                     "    To bring it back: litekeep restore posts@a --to x\n"));
    assert_null(strstr(text, "Reason: "));
    assert_string_equal(text_in(message, "store"), "/store\\x1b[1m");
    json_decref(message);
    lk_notify_message_reset(&events);
}

static void what_is_no_text_or_not_there_is_null(void **state)
{
    (void)state;
    struct lk_notify_events events = {0};
    const struct litekeep_event e[] = {
        {.type = LITEKEEP_EVENT_ALARM},
        {.type = LITEKEEP_EVENT_OPEN, .database = "posts", .message = "open \xff"},
        {.type = LITEKEEP_EVENT_RECOVERED, .message = "back"},
        {.type = LITEKEEP_EVENT_PROBLEM, .path = "\xc3(", .status = LK_UNREADABLE},
    };
    for (size_t i = 0; i < sizeof e / sizeof *e; i++)
        lk_notify_message_add(&events, &e[i]);
    json_t *message = lk_notify_message_make(&events, &failed);
    assert_non_null(message);
    const json_t *open = json_array_get(json_object_get(message, "open"), 0);
    assert_string_equal(text_in(open, "database"), "posts");
    assert_true(json_is_null(json_object_get(open, "message")));
    const json_t *problem = json_array_get(json_object_get(message, "problems"), 0);
    assert_true(json_is_null(json_object_get(problem, "path")));
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), LK_UNREADABLE);
    assert_non_null(strstr(text_in(message, "text"), "Is over: back\n"));
    json_decref(message);
    lk_notify_message_reset(&events);
}

static void the_text_is_cut_where_a_character_ends(void **state)
{
    (void)state;
    char long_text[4096];
    for (size_t i = 0; i + 2 < sizeof long_text; i += 2)
        memcpy(long_text + i, "\xc3\xa9", 3);
    struct lk_notify_events events = {0};
    for (int i = 0; i < LK_NOTIFY_MOST + 5; i++)
        lk_notify_message_add(&events,
                              &(struct litekeep_event){.type = LITEKEEP_EVENT_PROBLEM, .message = long_text});
    json_t *message = lk_notify_message_make(&events, &failed);
    assert_non_null(message);
    assert_int_equal(json_array_size(json_object_get(message, "problems")), LK_NOTIFY_MOST);
    assert_int_equal(json_integer_value(json_object_get(message, "left_out")), 5);
    const char *text = text_in(message, "text");
    const size_t len = strlen(text);
    assert_true(len <= LK_NOTIFY_TEXT && len > LK_NOTIFY_TEXT - 4);
    assert_true(lk_utf8_valid((const uint8_t *)text, len));
    json_decref(message);
    lk_notify_message_reset(&events);
}

static void without_memory_there_is_no_message_and_no_leak(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct lk_notify_events events = {0};
        lk_notify_message_add(&events,
                              &(struct litekeep_event){.type = LITEKEEP_EVENT_PROBLEM, .message = "m"});
        lk_memory_fail_after(n, 0);
        json_t *message = lk_notify_message_make(&events, &failed);
        lk_memory_fail_after(-1, 0);
        lk_notify_message_reset(&events);
        const bool made = message != NULL;
        json_decref(message);
        if (made)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_is_told_with_its_causes_and_its_way_out),
        cmocka_unit_test(what_is_no_text_or_not_there_is_null),
        cmocka_unit_test(the_text_is_cut_where_a_character_ends),
        cmocka_unit_test(without_memory_there_is_no_message_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
