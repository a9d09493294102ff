#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/console_log.h"

static void format(struct lk_console_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void format(struct lk_console_log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_console_log_format(log, format, args);
    va_end(args);
}

static void each_line_has_its_time_and_is_written_when_it_ends(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    struct lk_console_log *log = lk_console_log_new(dup(fileno(file)));
    assert_non_null(log);
    char text[4000] = "", long_part[1001];
    lk_console_log_text(log, "one");
    assert_int_equal(pread(fileno(file), text, sizeof text, 0), 0);
    format(log, ", %d\ntwo\n\n", 1);
    memset(long_part, 'x', 1000);
    long_part[1000] = '\0';
    lk_console_log_text(log, long_part);
    format(log, "%s", "");
    lk_console_log_text(log, "end");
    assert_int_equal(lk_console_log_free(log), 0);
    const ssize_t len = pread(fileno(file), text, sizeof text - 1, 0);
    assert_int_equal(len, 4 * 21 + 7 + 4 + 1 + 1004);
    assert_memory_equal(text + 19, "Z one, 1\n", 9);
    assert_memory_equal(text + 28 + 19, "Z two\n", 6);
    assert_memory_equal(text + 28 + 25 + 19, "Z \n", 3);
    assert_string_equal(text + len - 6, "xxend\n");
    assert_int_equal(fclose(file), 0);
}

static void a_write_that_fails_is_known_at_the_end(void **state)
{
    (void)state;
    const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct lk_console_log *log = lk_console_log_new(fd);
    assert_non_null(log);
    lk_console_log_text(log, "lost\n");
    lk_console_log_text(log, "also");
    assert_int_equal(lk_console_log_free(log), ENOSPC);
    assert_int_equal(lk_console_log_free(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_has_its_time_and_is_written_when_it_ends),
        cmocka_unit_test(a_write_that_fails_is_known_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
