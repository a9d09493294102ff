#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "cli/document.h"

static void check(struct lk_document *d, const char *expected)
{
    struct lk_console console = {0};
    struct lk_error err = {0};
    struct capture capture;
    capture_start(&capture);
    const enum lk_status status = lk_document_print(d, &console, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_OK);
    assert_string_equal(capture.text, expected);
    assert_null(d->value);
}

static void members_come_in_the_order_they_were_put(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "b", NULL};
    struct lk_document d = lk_document_object();
    lk_document_number(&d, "z", 900005);
    lk_document_flag(&d, "y", true);
    lk_document_texts(&d, "x", words);
    lk_document_texts(&d, "w", NULL);
    lk_document_seconds(&d, "v", INT64_C(2600000000));
    check(&d, "{\"z\":900005,\"y\":true,\"x\":[\"a\",\"b\"],\"w\":[],\"v\":2.6}\n");
}

static void what_is_unknown_is_null(void **state)
{
    (void)state;
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "text", NULL);
    lk_document_time(&d, "time", 0);
    check(&d, "{\"text\":null,\"time\":null}\n");
}

static void bytes_that_are_no_utf8_do_not_break_the_document(void **state)
{
    (void)state;
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "folder", "/data/\xff\n");
    check(&d, "{\"folder\":\"/data/\\\\xff\\\\x0a\"}\n");
}

static void documents_nest(void **state)
{
    (void)state;
    struct lk_document list = lk_document_array();
    struct lk_document member = lk_document_object();
    lk_document_number(&member, "n", 1);
    lk_document_append(&list, &member);
    struct lk_document d = lk_document_object();
    lk_document_put(&d, "list", &list);
    check(&d, "{\"list\":[{\"n\":1}]}\n");
}

static void rows_keep_their_spelling(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"a\":9e999}", "{\"a\":1.0}"};
    struct lk_console console = {0};
    struct lk_error err = {0};
    struct capture capture;
    struct lk_document d = lk_document_object();
    lk_document_text(&d, "id", "x");
    capture_start(&capture);
    const enum lk_status status = lk_document_print_with(&d, "rows", rows, 2, &console, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_OK);
    assert_string_equal(capture.text, "{\"id\":\"x\",\"rows\":[{\"a\":9e999},{\"a\":1.0}]}\n");
}

static void a_lost_member_is_an_error_and_not_a_shorter_document(void **state)
{
    (void)state;
    struct lk_console console = {0};
    struct lk_error err = {0};
    struct capture capture;
    struct lk_document d = lk_document_object();
    struct lk_document lost = {.value = NULL, .failed = true};
    lk_document_put(&d, "lost", &lost);
    capture_start(&capture);
    const enum lk_status status = lk_document_print(&d, &console, &err);
    capture_stop(&capture);
    assert_int_equal(status, LK_FAILED);
    assert_string_equal(capture.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_the_order_they_were_put),
        cmocka_unit_test(what_is_unknown_is_null),
        cmocka_unit_test(bytes_that_are_no_utf8_do_not_break_the_document),
        cmocka_unit_test(documents_nest),
        cmocka_unit_test(rows_keep_their_spelling),
        cmocka_unit_test(a_lost_member_is_an_error_and_not_a_shorter_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
