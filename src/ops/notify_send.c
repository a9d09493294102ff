#include "ops/notify_send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/log.h"
#include "host/process.h"

#define MOST_SECRET 8192
#define MOST_PING 10000 /* bytes that such services keep of a ping's body */

static void warn(struct litekeep *lk, const char *format, ...) LK_PRINTF(2, 3);

static void warn(struct litekeep *lk, const char *format, ...)
{
    struct lk_error text = {0};
    char message[LK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    (void)lk_fail(&text, LK_FAILED, "%s", message); /* which makes it safe to show */
    const struct lk_warn w = lk_session_warn(lk);
    w.call(w.context, text.message);
}

void lk_notify_send_warn(struct litekeep *lk, const char *key, const struct lk_error *err)
{
    warn(lk, "%s: not delivered: %s", key, err->message);
}

/* ---- Secrets */

/* The path of a secret: "credential:NAME" is a file that systemd made for this service. lk_free it. */
static enum lk_status find_secret(const char *named, char **out, struct lk_error *err)
{
    static const char prefix[] = "credential:";
    if (strncmp(named, prefix, sizeof prefix - 1) != 0) {
        *out = lk_copy_string(named);
        return *out == NULL ? lk_fail_memory(err, "reading a secret") : LK_OK;
    }
    const char *name = named + sizeof prefix - 1, *folder = getenv("CREDENTIALS_DIRECTORY");
    if (!lk_dir_is_name(name))
        return lk_fail(err, LK_USAGE, "%s: is no name of a credential", named);
    if (folder == NULL || folder[0] != '/')
        return lk_fail(err, LK_FAILED,
                       "%s: there are no credentials: this run was not started by a systemd unit with "
                       "LoadCredential=",
                       named);
    *out = lk_format("%s/%s", folder, name);
    return *out == NULL ? lk_fail_memory(err, "reading a secret") : LK_OK;
}

/* Spaces and line ends around it belong to the editor. What is left has to be one word, or it would break a
 * request apart. */
static enum lk_status trim_secret(const char *path, char *text, size_t len, char **out, struct lk_error *err)
{
    size_t start = 0;
    while (len > start && (text[len - 1] == ' ' || (text[len - 1] >= '\t' && text[len - 1] <= '\r')))
        len--;
    while (start < len && (text[start] == ' ' || (text[start] >= '\t' && text[start] <= '\r')))
        start++;
    if (start == len)
        return lk_fail(err, LK_FAILED, "%s: is empty", path);
    for (size_t i = start; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return lk_fail(err, LK_FAILED, "%s: holds more than one word", path);
    *out = lk_copy_bytes(text + start, len - start);
    return *out == NULL ? lk_fail_memory(err, "reading a secret") : LK_OK;
}

static enum lk_status read_secret(struct litekeep *lk, const char *key, const char *named, char **out,
                                  struct lk_error *err)
{
    char text[MOST_SECRET + 1], *path = NULL;
    struct stat st;
    ssize_t len = -1;
    enum lk_status status = find_secret(named, &path, err);
    if (status != LK_OK)
        return status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot be opened", path);
    else if (!S_ISREG(st.st_mode))
        status = lk_fail(err, LK_FAILED, "%s: is no regular file", path);
    else if ((len = read(fd, text, sizeof text)) < 0)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot be read", path);
    else if (len > MOST_SECRET)
        status = lk_fail(err, LK_FAILED, "%s: is too long for a URL or a token", path);
    else
        status = trim_secret(path, text, (size_t)len, out, err);
    if (status == LK_OK && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
        warn(lk, "%s: %s can be read by others: chmod 600 it", key, path);
    if (fd >= 0)
        (void)close(fd);
    explicit_bzero(text, sizeof text);
    lk_free(path);
    return status;
}

static void forget(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    lk_free(secret);
}

/* From the file where there is one, else as given; NULL: neither. The caller forgets it. */
static enum lk_status take_url(struct litekeep *lk, const char *key, const char *given, const char *file,
                               char **out, struct lk_error *err)
{
    *out = NULL;
    if (file != NULL)
        return read_secret(lk, key, file, out, err);
    if (given != NULL && (*out = lk_copy_string(given)) == NULL)
        return lk_fail_memory(err, "sending a message");
    return LK_OK;
}

/* ---- Messages */

size_t lk_notify_send_receivers(const struct lk_notify_settings *s)
{
    return (s->log != NULL ? 1u : 0u) + (s->command != NULL ? 1u : 0u) +
           (s->url != NULL || s->url_file != NULL ? 1u : 0u);
}

static enum lk_status to_command(const struct lk_notify_settings *s, const char *type, struct lk_bytes json,
                                 struct lk_error *err)
{
    char **words = NULL, trouble[LK_ERROR_SIZE / 2];
    struct lk_process_result result = {0};
    enum lk_status status = lk_process_split(s->command, &words, err);
    if (status != LK_OK)
        return status;
    char *variable = lk_format("LITEKEEP_EVENT=%s", type);
    const struct lk_process_options options = {
        .words = (const char *const *)words, .input = json, .timeout = s->timeout, .variable = variable};
    status =
        variable == NULL ? lk_fail_memory(err, "sending a message") : lk_process_run(&options, &result, err);
    if (status == LK_OK && lk_process_trouble(&result, s->timeout, trouble, sizeof trouble))
        status = lk_fail(err, LK_FAILED, "%s %s", words[0], trouble);
    lk_process_result_reset(&result);
    lk_free(variable);
    lk_free(words);
    return status;
}

static enum lk_status to_url(struct litekeep *lk, const struct lk_notify_settings *s, struct lk_bytes json,
                             struct lk_error *err)
{
    char *url = NULL, *token = NULL;
    enum lk_status status = take_url(lk, "notify-url-file", s->url, s->url_file, &url, err);
    if (status == LK_OK && s->token_file != NULL)
        status = read_secret(lk, "notify-token-file", s->token_file, &token, err);
    if (status == LK_OK)
        status = lk_http_send(&(struct lk_http_request){.url = url,
                                                        .type = "application/json",
                                                        .body = json,
                                                        .token = token,
                                                        .timeout = s->timeout,
                                                        .retries = LK_NOTIFY_RETRIES},
                              err);
    forget(url);
    forget(token);
    return status;
}

/* 1 when it failed, which is said. */
static size_t note(struct litekeep *lk, const char *key, enum lk_status status, const struct lk_error *err)
{
    if (status == LK_OK)
        return 0;
    lk_notify_send_warn(lk, key, err);
    return 1;
}

size_t lk_notify_send_message(struct litekeep *lk, const struct lk_notify_settings *s, const json_t *message,
                              bool *told)
{
    struct lk_buffer json = {0};
    size_t failed = 0;
    const bool has_url = s->url != NULL || s->url_file != NULL;
    const char *type = json_string_value(json_object_get(message, "type"));
    *told = false;
    /* ASCII, so that the line in the log is safe to show, whatever the terminal. */
    if (!lk_json_dump(message, JSON_COMPACT | JSON_ENSURE_ASCII, &json)) {
        struct lk_error err = {0};
        (void)lk_fail_memory(&err, "sending a message");
        lk_notify_send_warn(lk, "notify", &err);
        lk_buffer_reset(&json);
        return lk_notify_send_receivers(s);
    }
    lk_buffer_append_byte(&json, '\n');
    if (s->log != NULL) {
        struct lk_error err = {0};
        const enum lk_status status = lk_log_append(s->log, lk_buffer_bytes(&json), &err);
        failed += note(lk, "notify-log", status, &err);
        *told = status == LK_OK && s->command == NULL && !has_url;
    }
    if (s->command != NULL) {
        struct lk_error err = {0};
        const enum lk_status status = to_command(s, type != NULL ? type : "", lk_buffer_bytes(&json), &err);
        failed += note(lk, "notify-command", status, &err);
        *told = *told || status == LK_OK;
    }
    if (has_url) {
        struct lk_error err = {0};
        const enum lk_status status = to_url(lk, s, lk_buffer_bytes(&json), &err);
        failed += note(lk, s->url_file != NULL ? "notify-url-file" : "notify-url", status, &err);
        *told = *told || status == LK_OK;
    }
    lk_buffer_reset(&json);
    return failed;
}

/* ---- Heartbeat */

enum lk_status lk_notify_send_address(struct litekeep *lk, const struct lk_notify_settings *s,
                                      const char *signal, char **out)
{
    struct lk_error err = {0};
    char *url = NULL;
    *out = NULL;
    const char *key = s->heartbeat_url_file != NULL ? "heartbeat-url-file" : "heartbeat-url";
    enum lk_status status = take_url(lk, key, s->heartbeat_url, s->heartbeat_url_file, &url, &err);
    if (status == LK_OK && url != NULL) {
        const size_t end = strcspn(url, "?#");
        size_t path = end;
        while (signal[0] != '\0' && path > 0 && url[path - 1] == '/')
            path--;
        *out = lk_format("%.*s%s%s", (int)path, url, signal, url + end);
        if (*out == NULL)
            status = lk_fail_memory(&err, "sending a heartbeat");
    }
    forget(url);
    if (status != LK_OK)
        lk_notify_send_warn(lk, key, &err);
    return status;
}

enum lk_status lk_notify_send_ping(const char *address, const char *text, int64_t timeout, unsigned retries,
                                   struct lk_error *err)
{
    struct lk_http_request request = {.url = address, .timeout = timeout, .retries = retries};
    if (text != NULL) {
        const size_t len = strlen(text);
        request.type = "text/plain; charset=utf-8";
        request.body = lk_bytes(text, lk_utf8_cut((const uint8_t *)text, len, MOST_PING));
    }
    return lk_http_send(&request, err);
}
