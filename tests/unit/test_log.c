#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/memory.h"
#include "host/log.h"
#include "scratch.h"

static struct lk_dir dir;
static char path[600];

static int make(void **state)
{
    (void)state;
    if (!scratch_make(&dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/state/litekeep/run.log", dir.path);
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    return scratch_remove(&dir) ? 0 : -1;
}

/* The whole file `path` + suffix; NULL when there is none. */
static char *content(const char *suffix)
{
    char name[700];
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    FILE *file = fopen(name, "r");
    if (file == NULL)
        return NULL;
    struct stat st; /* a log grows past its size while the writer that rotates it has to wait */
    assert_int_equal(fstat(fileno(file), &st), 0);
    char *text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)st.st_size, file), st.st_size);
    (void)fclose(file);
    return text;
}

static void fill(char byte)
{
    struct lk_error err = {0};
    int fd = -1;
    assert_int_equal(lk_log_open(path, &fd, &err), LK_OK);
    char *text = malloc(LK_LOG_SIZE);
    assert_non_null(text);
    memset(text, byte, LK_LOG_SIZE);
    assert_int_equal(write(fd, text, LK_LOG_SIZE), LK_LOG_SIZE);
    free(text);
    assert_int_equal(close(fd), 0);
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(stat(name, &st), 0);
    return st.st_mode & 07777;
}

static enum lk_status append(const char *to, const char *line, struct lk_error *err)
{
    return lk_log_append(to, lk_bytes_of(line), err);
}

static void a_log_is_made_for_its_owner_alone_with_its_folders(void **state)
{
    (void)state;
    struct lk_error err = {0};
    char folder[600];
    assert_int_equal(append(path, "hello\n", &err), LK_OK);
    assert_int_equal(mode_of(path), 0600);
    (void)snprintf(folder, sizeof folder, "%s/state", dir.path);
    assert_int_equal(mode_of(folder), 0700);
    (void)snprintf(folder, sizeof folder, "%s/state/litekeep", dir.path);
    assert_int_equal(mode_of(folder), 0700);
}

static void lines_are_appended_as_they_are(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(append(path, "one\n", &err), LK_OK);
    assert_int_equal(append(path, "two\n", &err), LK_OK);
    char *text = content("");
    assert_non_null(text);
    assert_string_equal(text, "one\ntwo\n");
    free(text);
}

static void a_long_log_becomes_an_old_one_and_only_so_many_are_kept(void **state)
{
    (void)state;
    struct lk_error err = {0};
    for (int byte = 'a'; byte < 'a' + LK_LOG_OLD + 2; byte++)
        fill((char)byte);
    assert_int_equal(append(path, "fresh\n", &err), LK_OK);
    char *text = content("");
    assert_string_equal(text, "fresh\n");
    free(text);
    for (int i = 1; i <= LK_LOG_OLD; i++) {
        const char suffix[] = {'.', (char)('0' + i), '\0'};
        text = content(suffix);
        assert_non_null(text);
        assert_int_equal(strlen(text), LK_LOG_SIZE);
        assert_int_equal(text[0], 'a' + LK_LOG_OLD + 2 - i);
        free(text);
    }
    assert_null(content(".5"));
}

static void a_writer_that_has_it_open_loses_nothing_by_a_rotation(void **state)
{
    (void)state;
    struct lk_error err = {0};
    int fd = -1;
    fill('x');
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(append(path, "new\n", &err), LK_OK);
    assert_int_equal(write(fd, "late\n", 5), 5);
    assert_int_equal(close(fd), 0);
    char *text = content(".1");
    assert_non_null(text);
    assert_string_equal(text + LK_LOG_SIZE, "late\n");
    free(text);
}

#define WRITERS 4
#define LINES 60

static void *write_lines(void *context)
{
    char *line = calloc(1, 20002);
    memset(line, *(const char *)context, 20000);
    line[20000] = '\n';
    size_t failed = 0;
    for (int i = 0; i < LINES; i++) {
        struct lk_error err = {0};
        failed += append(path, line, &err) == LK_OK ? 0 : 1;
    }
    free(line);
    return failed == 0 ? NULL : path;
}

/* 4 * 60 lines of 20,001 bytes: 4.8 MB, so it is rotated four times. All of it has to be there, each line
 * whole. */
static void writers_at_once_lose_no_line_while_it_is_rotated(void **state)
{
    (void)state;
    static char bytes[WRITERS] = {'a', 'b', 'c', 'd'};
    static const char *const suffixes[] = {"", ".1", ".2", ".3", ".4"};
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &bytes[i]), 0);
    for (int i = 0; i < WRITERS; i++) {
        void *result = path;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    size_t lines = 0;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *text = content(suffixes[i]);
        if (text == NULL)
            continue;
        for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
            assert_non_null(strchr(line, '\n'));
            assert_int_equal(strchr(line, '\n') - line, 20000);
            assert_int_equal(strspn(line, (const char[]){line[0], '\0'}), 20000);
            lines++;
        }
        free(text);
    }
    assert_int_equal(lines, WRITERS * LINES);
    char *old = content(".1");
    assert_non_null(old);
    free(old);
}

static void no_link_is_written_through_and_nothing_but_a_file_is_a_log(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_int_equal(append(path, "make the folder\n", &err), LK_OK);
    assert_int_equal(unlink(path), 0);
    char target[600];
    (void)snprintf(target, sizeof target, "%s/target", dir.path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(append(path, "x\n", &err), LK_FAILED);
    assert_non_null(strstr(err.message, "link"));
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(append(path, "x\n", &err), LK_FAILED);
    const int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(append(path, "x\n", &err), LK_FAILED);
    assert_int_equal(close(reader), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(append(path, "x\n", &err), LK_FAILED);
    assert_int_equal(append("/dev/null", "x\n", &err), LK_FAILED);
    assert_non_null(strstr(err.message, "regular file"));
}

static void a_path_that_cannot_be_a_log_is_an_error(void **state)
{
    (void)state;
    struct lk_error err = {0};
    int fd = -1;
    assert_int_equal(lk_log_open("", &fd, &err), LK_USAGE);
    assert_int_equal(lk_log_open("/tmp/", &fd, &err), LK_USAGE);
    assert_int_equal(lk_log_open("/tmp/..", &fd, &err), LK_USAGE);
    assert_int_equal(lk_log_open("/dev/null/x.log", &fd, &err), LK_FAILED);
    assert_int_equal(lk_log_open("/proc/no-such-folder/x.log", &fd, &err), LK_FAILED);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_is_made_for_its_owner_alone_with_its_folders, make, remove_all),
        cmocka_unit_test_setup_teardown(lines_are_appended_as_they_are, make, remove_all),
        cmocka_unit_test_setup_teardown(a_long_log_becomes_an_old_one_and_only_so_many_are_kept, make,
                                        remove_all),
        cmocka_unit_test_setup_teardown(a_writer_that_has_it_open_loses_nothing_by_a_rotation, make,
                                        remove_all),
        cmocka_unit_test_setup_teardown(writers_at_once_lose_no_line_while_it_is_rotated, make, remove_all),
        cmocka_unit_test_setup_teardown(no_link_is_written_through_and_nothing_but_a_file_is_a_log, make,
                                        remove_all),
        cmocka_unit_test(a_path_that_cannot_be_a_log_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
