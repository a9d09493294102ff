#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "host/systemd.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void cron_expressions_become_calendar_events(void **state)
{
    (void)state;
    static const struct {
        const char *cron, *calendar;
    } cases[] = {
        {"* * * * *", "*-*-* *:*:00"},
        {"17 1-23/8 * * *", "*-*-* 01/8:17:00"},
        {"0 */8 * * *", "*-*-* 00/8:00:00"},
        {"3-59/5 * * * *", "*-*-* *:03/5:00"},
        {"0,30 9-17 * * 1-5", "Mon,Tue,Wed,Thu,Fri *-*-* 09,10,11,12,13,14,15,16,17:00,30:00"},
        {"30 2 * * 0", "Sun *-*-* 02:30:00"},
        {"30 2 * * 7", "Sun *-*-* 02:30:00"},
        {"30 2 1 * *", "*-*-01 02:30:00"},
        {"30 2 1 1,7 *", "*-01,07-01 02:30:00"},
        {"0 0 1-31 * 1", "*-*-* 00:00:00"}, /* either: always */
        {"0 0 1 * 0-6", "*-*-* 00:00:00"},  /* either: always */
        {"0 0 1-7 * */1", "*-*-01,02,03,04,05,06,07 00:00:00"},
        {"0 0 */2 * 1", "Mon *-*-01/2 00:00:00"}, /* both */
        {"@weekly", "Sun *-*-* 00:00:00"},
        {"5-10/2 * * * *", "*-*-* *:05,07,09:00"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[256];
        struct lk_error err = {0};
        assert_int_equal(lk_systemd_of_cron(cases[i].cron, out, sizeof out, &err), LK_OK);
        assert_string_equal(out, cases[i].calendar);
    }
}

static void what_a_timer_cannot_say_is_refused(void **state)
{
    (void)state;
    char out[256];
    struct lk_error err = {0};
    assert_int_equal(lk_systemd_of_cron("0 0 1 * 1", out, sizeof out, &err), LK_USAGE);
    assert_non_null(strstr(err.message, "either"));
    assert_int_equal(lk_systemd_of_cron("0 0 1 *", out, sizeof out, &err), LK_USAGE);
    char small[8];
    assert_int_equal(lk_systemd_of_cron("* * * * *", small, sizeof small, &err), LK_USAGE);
}

static enum lk_status texts(bool system, const char *const *words, struct lk_buffer *service,
                            struct lk_buffer *timer, struct lk_error *err)
{
    static const char *const writable[] = {"/srv/a b", "/var/log/100%", "/q\"$\\", NULL};
    const struct lk_systemd_unit unit = {
        .name = "litekeep-11111111",
        .system = system,
        .words = words,
        .when = "*-*-* 01/8:17:00",
        .cron = "17 1-23/8 * * *",
        .random_delay = INT64_C(900) * 1000000000,
        .writable = writable,
        .description = "backup",
    };
    return lk_systemd_texts(&unit, service, timer, err);
}

static void words_and_folders_are_escaped_as_systemd_reads_them(void **state)
{
    (void)state;
    static const char *const words[] = {"/opt/$x/a b%c", "--store", "/a b", "100%",
                                        "$HOME",         "q\"\\'",  "é",    NULL};
    struct lk_buffer service = {0}, timer = {0};
    struct lk_error err = {0};
    assert_int_equal(texts(false, words, &service, &timer, &err), LK_OK);
    const char *text = lk_buffer_string(&service);
    assert_non_null(strstr(text, "\nExecStart=\"/opt/$x/a b%%c\" \"--store\" \"/a b\" \"100%%\" \"$$HOME\" "
                                 "\"q\\\"\\\\'\" \"é\"\n"));
    assert_non_null(strstr(text, "\nReadWritePaths=\"-/srv/a b\" \"-/var/log/100%%\" \"-/q\\\"$\\\\\"\n"));
    assert_non_null(strstr(text, "\nType=oneshot\n"));
    assert_non_null(strstr(text, "\nNoNewPrivileges=yes\n"));
    assert_null(strstr(text, "CapabilityBoundingSet"));
    const char *when = lk_buffer_string(&timer);
    assert_non_null(strstr(when, "\nOnCalendar=*-*-* 01/8:17:00\nPersistent=true\nRandomizedDelaySec=900\n"));
    char value[64], small[4];
    assert_true(lk_systemd_value(lk_buffer_bytes(&timer), "Cron", value, sizeof value));
    assert_string_equal(value, "17 1-23/8 * * *");
    assert_false(lk_systemd_value(lk_buffer_bytes(&timer), "Cron", small, sizeof small));
    assert_false(lk_systemd_value(lk_buffer_bytes(&timer), "Cro", value, sizeof value));
    lk_buffer_clear(&service);
    assert_int_equal(texts(true, words, &service, &timer, &err), LK_OK);
    assert_non_null(strstr(lk_buffer_string(&service), "\nCapabilityBoundingSet=CAP_DAC_OVERRIDE"));
    lk_buffer_reset(&service);
    lk_buffer_reset(&timer);
}

static void what_a_unit_file_cannot_hold_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\nb", "a\tb", "\x7f", "\xff"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *const words[] = {"/bin/true", bad[i], NULL};
        struct lk_buffer service = {0}, timer = {0};
        struct lk_error err = {0};
        assert_int_equal(texts(false, words, &service, &timer, &err), LK_USAGE);
        assert_non_null(strstr(err.message, "--backend cron"));
        lk_buffer_reset(&service);
        lk_buffer_reset(&timer);
    }
}

static void a_program_that_systemd_would_not_run_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"/it's", "/a\"b", "/a\\b"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *const words[] = {bad[i], NULL};
        struct lk_buffer service = {0}, timer = {0};
        struct lk_error err = {0};
        assert_int_equal(texts(false, words, &service, &timer, &err), LK_USAGE);
        assert_non_null(strstr(err.message, "--program"));
    }
}

static void user_units_lie_where_xdg_says(void **state)
{
    (void)state;
    static const struct {
        const char *config, *home, *wanted;
    } cases[] = {
        {"/x/y", "/home/me", "/x/y/systemd/user"},
        {"relative", "/home/me", "/home/me/.config/systemd/user"},
        {NULL, "/home/me", "/home/me/.config/systemd/user"},
        {NULL, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cases[i].config != NULL ? setenv("XDG_CONFIG_HOME", cases[i].config, 1) : unsetenv("XDG_CONFIG_HOME");
        cases[i].home != NULL ? setenv("HOME", cases[i].home, 1) : unsetenv("HOME");
        char *folder = lk_systemd_folder(false);
        assert_int_equal(folder == NULL, cases[i].wanted == NULL);
        if (folder != NULL)
            assert_string_equal(folder, cases[i].wanted);
        lk_free(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cron_expressions_become_calendar_events),
        cmocka_unit_test(what_a_timer_cannot_say_is_refused),
        cmocka_unit_test(words_and_folders_are_escaped_as_systemd_reads_them),
        cmocka_unit_test(what_a_unit_file_cannot_hold_is_refused),
        cmocka_unit_test(a_program_that_systemd_would_not_run_is_refused),
        cmocka_unit_test(user_units_lie_where_xdg_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
