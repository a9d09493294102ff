#include "host/crontab.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "host/process.h"

#define MARK "# litekeep schedule "
#define MARK_END ": by \"litekeep schedule install\"; change it there"
#define MOST_LINE 998        /* Vixie's cron takes no longer command */
#define MOST_TEXT (4u << 20) /* of a crontab; far beyond what crons take */
#define PATIENCE (INT64_C(30) * 1000000000)

/* ---- The text. */

/* The line that begins at `at`, its newline included. */
static struct lk_bytes line_at(struct lk_bytes text, size_t at)
{
    const uint8_t *end = memchr(text.ptr + at, '\n', text.len - at);
    return lk_bytes(text.ptr + at, end != NULL ? (size_t)(end - text.ptr) + 1 - at : text.len - at);
}

static bool begins(struct lk_bytes line, const char *text)
{
    const size_t len = strlen(text);
    return line.len >= len && memcmp(line.ptr, text, len) == 0;
}

static bool is_mark(struct lk_bytes line, const char *key)
{
    const size_t at = strlen(MARK), len = strlen(key);
    if (!begins(line, MARK) || line.len < at + len || memcmp(line.ptr + at, key, len) != 0)
        return false;
    return line.len == at + len || strchr(": \t\r\n", line.ptr[at + len]) != NULL;
}

static bool is_command(struct lk_bytes line)
{
    size_t at = 0;
    while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t'))
        at++;
    return at < line.len && line.ptr[at] != '#' && memmem(line.ptr, line.len, " --store ", 9) != NULL;
}

/* Is there a block of `key` at `at`? Its length, and where its command is (len 0: it has none). */
static size_t block_at(struct lk_bytes text, size_t at, const char *key, struct lk_bytes *command)
{
    const struct lk_bytes mark = line_at(text, at);
    if (!is_mark(mark, key))
        return 0;
    *command = lk_bytes(text.ptr + at, 0);
    if (at + mark.len < text.len)
        *command = line_at(text, at + mark.len);
    if (!is_command(*command))
        command->len = 0;
    return mark.len + command->len;
}

struct lk_bytes lk_crontab_find(struct lk_bytes text, const char *key)
{
    for (size_t at = 0; at < text.len; at += line_at(text, at).len) {
        struct lk_bytes command;
        if (block_at(text, at, key, &command) == 0 || command.len == 0)
            continue;
        if (command.ptr[command.len - 1] == '\n')
            command.len--;
        return command;
    }
    return lk_bytes(NULL, 0);
}

static void put_block(struct lk_buffer *out, const char *key, const char *line)
{
    lk_buffer_append_format(out, MARK "%s" MARK_END "\n", key);
    lk_buffer_append_string(out, line);
    lk_buffer_append_byte(out, '\n');
}

bool lk_crontab_replace(struct lk_bytes text, const char *key, const char *line, struct lk_buffer *out)
{
    bool written = line == NULL;
    for (size_t at = 0, len; at < text.len; at += len) {
        struct lk_bytes command;
        len = block_at(text, at, key, &command);
        if (len == 0) {
            len = line_at(text, at).len;
            lk_buffer_append(out, text.ptr + at, len);
        } else if (!written) {
            put_block(out, key, line);
            written = true;
        }
    }
    if (!written) {
        if (out->len > 0 && out->data[out->len - 1] != '\n')
            lk_buffer_append_byte(out, '\n');
        put_block(out, key, line);
    }
    return !out->failed;
}

/* The word for the shell, as cron hands it on: in pieces, so that no % is inside quotes and no backslash
 * beside another. */
static void put_word(struct lk_buffer *out, const char *word)
{
    if (word[0] == '\0')
        lk_buffer_append_string(out, "''");
    while (word[0] != '\0') {
        if (word[0] == '%') {
            lk_buffer_append_string(out, "\\%");
            word++;
            continue;
        }
        size_t len = 0;
        do
            len++;
        while (word[len] != '\0' && word[len] != '%' && !(word[len] == '\\' && word[len - 1] == '\\'));
        char *piece = lk_copy_bytes(word, len);
        char *quoted = piece != NULL ? lk_text_quote(piece) : NULL;
        if (quoted != NULL)
            lk_buffer_append_string(out, quoted);
        else
            out->failed = true;
        lk_free(quoted);
        lk_free(piece);
        word += len;
    }
}

enum lk_status lk_crontab_line(const char *when, const char *const *words, struct lk_buffer *out,
                               struct lk_error *err)
{
    const size_t start = out->len;
    lk_buffer_append_string(out, when);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strchr(words[i], '\n') != NULL)
            return lk_fail(err, LK_USAGE, "%s: a crontab cannot hold a path with a line break in it",
                           words[i]);
        lk_buffer_append_byte(out, ' ');
        put_word(out, words[i]);
    }
    if (out->len - start > MOST_LINE)
        return lk_fail(
            err, LK_USAGE,
            "the line would have %zu characters, and cron takes %d: name a folder above the paths, "
            "or write them into the config file as `paths`",
            out->len - start, MOST_LINE);
    return lk_buffer_check(out, "writing a crontab line", err);
}

/* ---- The program. */

/* Run it in a locale whose words are known. */
static enum lk_status run_program(const char *program, const char *word, struct lk_bytes input,
                                  struct lk_process_result *out, struct lk_error *err)
{
    const char *const words[] = {"env", "LC_ALL=C", program, word, NULL};
    const struct lk_process_options options = {
        .words = words, .input = input, .timeout = PATIENCE, .limit = MOST_TEXT + 1};
    const enum lk_status status = lk_process_run(&options, out, err);
    if (status == LK_OK && !out->timed_out && out->signal == 0 && out->code == 127) /* env's word for it */
        return lk_fail(err, LK_NOT_FOUND, "there is no program \"%s\" here", program);
    return status;
}

static enum lk_status say_trouble(const char *program, const char *what, const struct lk_process_result *r,
                                  struct lk_error *err)
{
    char trouble[512];
    if (!lk_process_trouble(r, PATIENCE, trouble, sizeof trouble))
        return LK_OK;
    const bool denied = r->error.len > 0 && memmem(r->error.data, r->error.len, "not allowed", 11) != NULL;
    return lk_fail(err, LK_FAILED, "\"%s %s\" %s%s", program, what, trouble,
                   denied ? "; whoever administers this machine can add you to cron.allow, or take you out "
                            "of cron.deny"
                          : "");
}

/* "no crontab for user" of most, "can't open 'user': No such file or directory" of BusyBox. */
static bool says_none(const struct lk_process_result *r)
{
    char said[512];
    snprintf(said, sizeof said, "%.*s", (int)(r->error.len < 500 ? r->error.len : 500),
             r->error.data != NULL ? (const char *)r->error.data : "");
    return strcasestr(said, "no crontab") != NULL || strstr(said, "No such file or directory") != NULL;
}

/* Vixie's crontab writes three comment lines above the text, and old ones print them, too. */
static struct lk_bytes without_header(struct lk_bytes text)
{
    if (text.len == 0 || !begins(text, "# DO NOT EDIT THIS FILE - edit the master and reinstall."))
        return text;
    size_t at = line_at(text, 0).len;
    for (int i = 0; i < 2 && at < text.len && begins(line_at(text, at), "# ("); i++)
        at += line_at(text, at).len;
    return lk_bytes(text.ptr + at, text.len - at);
}

enum lk_status lk_crontab_read(const char *program, struct lk_buffer *out, struct lk_error *err)
{
    struct lk_process_result r = {0};
    enum lk_status status = run_program(program, "-l", lk_bytes(NULL, 0), &r, err);
    const bool none = status == LK_OK && r.code > 0 && !r.timed_out && r.output.len == 0 && says_none(&r);
    if (status == LK_OK && !none)
        status = say_trouble(program, "-l", &r, err);
    if (status == LK_OK && r.output.len > MOST_TEXT)
        status = lk_fail(err, LK_FAILED, "\"%s -l\" printed more than a crontab can hold", program);
    if (status == LK_OK && !none) {
        const struct lk_bytes text = without_header(lk_buffer_bytes(&r.output));
        lk_buffer_append(out, text.ptr, text.len);
        status = lk_buffer_check(out, "reading the crontab", err);
    }
    lk_process_result_reset(&r);
    return status;
}

static bool is_text(const struct lk_buffer *b, struct lk_bytes text)
{
    return b->len == text.len &&
           (b->data == NULL || text.len == 0 || memcmp(b->data, text.ptr, text.len) == 0);
}

enum lk_status lk_crontab_write(const char *program, struct lk_bytes before, struct lk_bytes text,
                                struct lk_error *err)
{
    if (lk_bytes_equal(before, text))
        return LK_OK;
    struct lk_buffer now = {0};
    struct lk_process_result r = {0};
    const char *word = text.len > 0 ? "-" : "-r";
    enum lk_status status = lk_crontab_read(program, &now, err);
    if (status == LK_OK && !is_text(&now, before))
        status = lk_fail(err, LK_FAILED,
                         "somebody else has changed the crontab just now; it is as they left it: try again");
    if (status == LK_OK)
        status = run_program(program, word, text, &r, err);
    if (status == LK_OK)
        status = say_trouble(program, word, &r, err);
    lk_buffer_clear(&now);
    if (status == LK_OK)
        status = lk_crontab_read(program, &now, err);
    if (status == LK_OK && !is_text(&now, text))
        status = lk_fail(err, LK_FAILED,
                         "\"%s %s\" took the new crontab, but \"%s -l\" shows another one: look at it with "
                         "\"%s -l\"",
                         program, word, program, program);
    lk_process_result_reset(&r);
    lk_buffer_reset(&now);
    return status;
}

/* ---- The daemon. */

static bool is_daemon(const char *pid)
{
    static const char *const names[] = {"cron", "crond", "fcron", "bcron-sched", "systemd-cron"};
    char path[64], name[32] = "";
    if (!isdigit((unsigned char)pid[0]) ||
        (size_t)snprintf(path, sizeof path, "/proc/%s/comm", pid) >= sizeof path)
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, name, sizeof name - 1);
    (void)close(fd);
    name[got > 0 ? strcspn(name, "\n") : 0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Is the number in its file that of a cron? Where /proc hides the processes of others: of any process. */
static bool is_in_file(const char *path)
{
    char text[16] = "", name[64];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    const long pid = got > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 1 || pid > INT32_MAX)
        return false;
    snprintf(name, sizeof name, "/proc/%ld", pid);
    if (access(name, F_OK) == 0)
        return is_daemon(name + strlen("/proc/"));
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

bool lk_crontab_daemon_runs(void)
{
    bool found = is_in_file("/run/crond.pid") || is_in_file("/run/cron.pid") || is_in_file("/run/cronie.pid");
    DIR *processes = found ? NULL : opendir("/proc");
    if (processes == NULL)
        return found;
    for (const struct dirent *e; !found && (e = readdir(processes)) != NULL;)
        found = is_daemon(e->d_name);
    (void)closedir(processes);
    return found;
}
