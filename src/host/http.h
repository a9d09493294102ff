/* HTTP requests, by libcurl. Any thread; one request at a time each. */
#ifndef LK_HOST_HTTP_H
#define LK_HOST_HTTP_H

#include "base/bytes.h"
#include "base/error.h"

/* Was this program built with libcurl? */
bool lk_http_available(void);

struct lk_http_request {
    const char *url;      /* http or https, nothing else; redirects are followed to the same two, never from
                           * https to http; 5 at most */
    const char *type;     /* Content-Type of the body */
    struct lk_bytes body; /* POST; ptr NULL: GET */
    const char *token; /* "Authorization: Bearer ..."; not sent to another host by a redirect; NULL: none */
    int64_t timeout;   /* ns for all of it; more than 0 */
    unsigned retries;  /* more attempts after a failure of the network or a 5xx, a second apart,
                        * within the timeout */
};

/* Send. Any answer of 200 to 299 is LK_OK. Otherwise LK_FAILED; the message names the host, never the path,
 * the query or user and password of the URL, which may be secrets. Proxies as libcurl's environment says. */
enum lk_status lk_http_send(const struct lk_http_request *request, struct lk_error *err) LK_CHECKED;

#endif
