#include "host/http.h"

#ifdef LK_HAVE_CURL

#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "base/clock.h"

#define SECOND INT64_C(1000000000)
#define MOST_REDIRECTS 5L
/* An answer's body is not looked at; one that goes on and on is cut. */
#define MOST_BODY (256u << 10)

static CURLcode initialised;

static void initialise(void)
{
    initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool lk_http_available(void)
{
    return true;
}

static size_t drop(char *data, size_t size, size_t count, void *context)
{
    size_t *seen = context;
    (void)data;
    *seen += size * count;
    return *seen > MOST_BODY ? 0 : size * count;
}

/* The two schemes, and for a redirect from https only that: what was to be encrypted stays so. */
static CURLcode set_protocols(CURL *curl, bool secure)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    const CURLcode code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    return code != CURLE_OK
               ? code
               : curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
    const long both = CURLPROTO_HTTP | CURLPROTO_HTTPS;
    const CURLcode code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS, both);
    return code != CURLE_OK
               ? code
               : curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, secure ? (long)CURLPROTO_HTTPS : both);
#endif
}

#define SET(option, value)                                                                                   \
    do {                                                                                                     \
        if (code == CURLE_OK)                                                                                \
            code = curl_easy_setopt(curl, (option), (value));                                                \
    } while (0)

static CURLcode prepare(CURL *curl, const struct lk_http_request *r, struct curl_slist *headers, char *reason,
                        size_t *seen)
{
    CURLcode code = set_protocols(curl, strncasecmp(r->url, "https:", 6) == 0);
    SET(CURLOPT_URL, r->url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_USERAGENT, "litekeep/" LK_VERSION);
    SET(CURLOPT_ERRORBUFFER, reason);
    SET(CURLOPT_WRITEFUNCTION, drop);
    SET(CURLOPT_WRITEDATA, (void *)seen);
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, MOST_REDIRECTS);
    if (r->token != NULL) {
        /* libcurl does not send it to another host, port or scheme unless told to (UNRESTRICTED_AUTH). */
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, r->token);
    }
    if (r->body.ptr != NULL) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        SET(CURLOPT_POSTFIELDS, (const char *)r->body.ptr);
        SET(CURLOPT_HTTPHEADER, headers);
        /* A moved receiver gets the message, too, and not an empty GET that it answers with 200. */
        SET(CURLOPT_POSTREDIR, (long)(CURL_REDIR_POST_301 | CURL_REDIR_POST_302));
    }
    return code;
}

/* What libcurl says of these names a host, a port or a certificate at most. */
static bool is_speakable(CURLcode code)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

/* The port is not always in the URL, and the errno says which of several ways it was. */
static enum lk_status fail_connect(CURL *curl, const char *host, struct lk_error *err)
{
    long system = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &system);
    if (system == 0)
        return lk_fail(err, LK_FAILED, "%s could not be reached: no connection", host);
    return lk_fail_errno(err, LK_FAILED, (int)system, "%s could not be reached", host);
}

/* Could the same request work in a second? */
static bool is_passing(CURLcode code, long answer)
{
    switch ((int)code) {
    case CURLE_OK:
        return answer >= 500;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

/* One attempt. *again: another may do better. */
static enum lk_status attempt(CURL *curl, const char *host, int64_t left, int64_t timeout, char *reason,
                              size_t *seen, bool *again, struct lk_error *err)
{
    long answer = 0;
    reason[0] = '\0';
    *seen = 0;
    CURLcode code = CURLE_OK;
    SET(CURLOPT_TIMEOUT_MS, (long)(left / 1000000 > 0 ? left / 1000000 : 1));
    if (code == CURLE_OK)
        code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    *again = is_passing(code, answer);
    const bool accepted = answer >= 200 && answer <= 299;
    /* A body that is too long, too slow or cut off does not undo the answer in its first line. */
    if (accepted && (code == CURLE_OK || code == CURLE_WRITE_ERROR || code == CURLE_OPERATION_TIMEDOUT ||
                     code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR))
        return LK_OK;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && !accepted && answer != 0))
        return lk_fail(err, LK_FAILED, "%s answered with %ld", host, answer);
    if (code == CURLE_OPERATION_TIMEDOUT) {
        char duration[LK_TIME_SIZE];
        lk_duration_format(timeout, duration);
        return lk_fail(err, LK_FAILED, "%s did not answer within %s", host, duration);
    }
    if (code == CURLE_TOO_MANY_REDIRECTS)
        return lk_fail(err, LK_FAILED, "%s redirects more than %ld times", host, MOST_REDIRECTS);
    if (code == CURLE_UNSUPPORTED_PROTOCOL)
        return lk_fail(err, LK_FAILED, "%s redirects to what is neither http nor https, or away from https",
                       host);
    /* libcurl's own "Failed to connect to HOST port ... after 0 ms: ..." says again what stands before it. */
    if (code == CURLE_COULDNT_CONNECT)
        return fail_connect(curl, host, err);
    return lk_fail(err, LK_FAILED, "%s could not be reached: %s", host,
                   is_speakable(code) && reason[0] != '\0' ? reason : curl_easy_strerror(code));
}

static void pause_until(int64_t until)
{
    int64_t left;
    while ((left = until - lk_clock_monotonic()) > 0)
        (void)nanosleep(&(struct timespec){.tv_sec = left / SECOND, .tv_nsec = left % SECOND}, NULL);
}

/* The host; *out is curl_free'd. Only this of a URL is ever shown. */
static enum lk_status find_host(const char *url, char **out, struct lk_error *err)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    enum lk_status status = LK_OK;
    if (parts == NULL)
        return lk_fail_memory(err, "reading a URL");
    if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        curl_url_get(parts, CURLUPART_HOST, out, 0) != CURLUE_OK)
        status = lk_fail(err, LK_FAILED, "the URL is none that begins with https:// or http://");
    curl_free(scheme);
    curl_url_cleanup(parts);
    return status;
}

enum lk_status lk_http_send(const struct lk_http_request *request, struct lk_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char reason[CURL_ERROR_SIZE], *host = NULL;
    size_t seen = 0;
    struct curl_slist *headers = NULL;
    CURL *curl = NULL;
    const int64_t timeout = request->timeout;
    const int64_t end = lk_clock_monotonic() + (timeout < INT64_MAX / 4 ? timeout : INT64_MAX / 4);
    (void)pthread_once(&once, initialise);
    if (initialised != CURLE_OK)
        return lk_fail(err, LK_FAILED, "libcurl does not start: %s", curl_easy_strerror(initialised));
    enum lk_status status = find_host(request->url, &host, err);
    if (status != LK_OK)
        return status;
    if (request->body.ptr != NULL && request->type != NULL) {
        char header[200];
        (void)snprintf(header, sizeof header, "Content-Type: %s", request->type);
        headers = curl_slist_append(NULL, header);
    }
    curl = curl_easy_init();
    if (curl == NULL || (headers == NULL && request->body.ptr != NULL && request->type != NULL) ||
        prepare(curl, request, headers, reason, &seen) != CURLE_OK) {
        status = lk_fail_memory(err, "preparing a request");
        goto out;
    }
    for (unsigned tried = 0;; tried++) {
        bool again = false;
        struct lk_error why = {0};
        status = attempt(curl, host, end - lk_clock_monotonic(), timeout, reason, &seen, &again, &why);
        const int64_t next = lk_clock_monotonic() + SECOND;
        if (status == LK_OK || !again || tried == request->retries || next >= end) {
            if (status != LK_OK)
                *err = why;
            break;
        }
        pause_until(next);
    }
out:
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    curl_free(host);
    return status;
}

#else

bool lk_http_available(void)
{
    return false;
}

enum lk_status lk_http_send(const struct lk_http_request *request, struct lk_error *err)
{
    (void)request;
    return lk_fail(err, LK_FAILED,
                   "this litekeep was built without libcurl and cannot send anything to a URL");
}

#endif
