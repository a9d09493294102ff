/* Handing messages to their receivers, and pings to the watcher of the heartbeat. Troubles are warnings of
 * the session that name the receiver by its key in the config; no secret is ever part of one. */
#ifndef LK_OPS_NOTIFY_SEND_H
#define LK_OPS_NOTIFY_SEND_H

#include <jansson.h>

#include "host/http.h"
#include "ops/session.h"

#define LK_NOTIFY_RETRIES 2 /* see struct lk_http_request */

/* How many receivers of messages are named, the heartbeat not counted. */
size_t lk_notify_send_receivers(const struct lk_notify_settings *s);

/* To the log, the command and the URL, each for at most its timeout. How many did not take it. *told: the
 * command or the URL did, or the log where there is nothing else. */
size_t lk_notify_send_message(struct litekeep *lk, const struct lk_notify_settings *s, const json_t *message,
                              bool *told);

/* The heartbeat's URL, with `signal` ("", "/start", "/fail") behind its path and before its query; from its
 * file where it has one. *out NULL: there is none. Free with lk_free. A failure has been a warning. */
enum lk_status lk_notify_send_address(struct litekeep *lk, const struct lk_notify_settings *s,
                                      const char *signal, char **out) LK_CHECKED;

/* Ping an address. `text` (NULL: none) is the ping's body, cut where such services cut it. Any thread: it
 * says nothing. */
enum lk_status lk_notify_send_ping(const char *address, const char *text, int64_t timeout, unsigned retries,
                                   struct lk_error *err) LK_CHECKED;

void lk_notify_send_warn(struct litekeep *lk, const char *key, const struct lk_error *err);

#endif
