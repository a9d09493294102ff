/* What a message says: gathered from the events of a run, written as one JSON object (docs/JSON.md,
 * "Messages"). One thread at a time. */
#ifndef LK_OPS_NOTIFY_MESSAGE_H
#define LK_OPS_NOTIFY_MESSAGE_H

#include <jansson.h>

#include "base/buffer.h"
#include "ops/session.h"

#define LK_NOTIFY_MOST 20 /* events of a kind that are told in full; the others are counted */
#define LK_NOTIFY_TEXT (32u << 10)

enum lk_notify_list {
    LK_NOTIFY_ALARMS,
    LK_NOTIFY_OPEN,
    LK_NOTIFY_RECOVERED,
    LK_NOTIFY_PROBLEMS,
    LK_NOTIFY_LISTS
};

struct lk_notify_events {
    json_t *list[LK_NOTIFY_LISTS]; /* NULL: none */
    uint64_t left_out[LK_NOTIFY_LISTS];
    bool failed; /* memory ran out: something is missing */
};

void lk_notify_message_add(struct lk_notify_events *events, const struct litekeep_event *event);
void lk_notify_message_reset(struct lk_notify_events *events);

/* How a run ended. */
struct lk_notify_outcome {
    const char *type; /* "success", "recovery", "failure", "alarm", "test" */
    const char *command;
    const char *store; /* as a path; shown escaped */
    enum lk_status status;
    const char *message; /* of the first failure; NULL: none */
    uint64_t done, skipped, failed;
};

/* The message as an object whose member "text" is the whole for people. A new reference; NULL when memory is
 * out. The lists move from `events` into it. */
json_t *lk_notify_message_make(struct lk_notify_events *events, const struct lk_notify_outcome *end);

#endif
