#include "ops/notify.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/memory.h"
#include "ops/notify_message.h"
#include "ops/notify_send.h"

#define SECOND INT64_C(1000000000)
#define USUAL_TIMEOUT (10 * SECOND)
/* Somebody waits for the program to end. */
#define INTERRUPTED_TIMEOUT (2 * SECOND)
#define RETRIES 2
/* In the store's folder from the moment an alarm is raised until somebody was told of it. */
#define UNTOLD ".untold"

/* The ping at the start, which the backup does not wait for. */
struct start_ping {
    pthread_t thread;
    bool running;
    char *address;
    int64_t timeout;
    enum lk_status status;
    struct lk_error err;
};

struct lk_notify {
    struct litekeep *lk;
    const char *kind;
    struct lk_notify_settings settings; /* its texts are the config's */
    struct lk_notify_events events;
    struct start_ping start;
    bool marked; /* as untold, by this run */
};

static void *send_start(void *context)
{
    struct start_ping *ping = context;
    ping->status = lk_notify_send_ping(ping->address, NULL, ping->timeout, RETRIES, &ping->err);
    return NULL;
}

static bool has_heartbeat(const struct lk_notify_settings *s)
{
    return s->heartbeat_url != NULL || s->heartbeat_url_file != NULL;
}

static const char *heartbeat_key(const struct lk_notify_settings *s)
{
    return s->heartbeat_url_file != NULL ? "heartbeat-url-file" : "heartbeat-url";
}

static void begin_heartbeat(struct lk_notify *n)
{
    sigset_t all, before;
    if (lk_notify_send_address(n->lk, &n->settings, "/start", &n->start.address) != LK_OK)
        return;
    n->start.timeout = n->settings.timeout;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    n->start.running = pthread_create(&n->start.thread, NULL, send_start, &n->start) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* Without a thread there is none: the ping at the end is the one that counts. */
}

static enum lk_status read_settings(struct litekeep *lk, struct lk_notify_settings *out, struct lk_error *err)
{
    const struct lk_config *config;
    const enum lk_status status = lk_session_config(lk, &config, err);
    if (status != LK_OK)
        return status;
    *out = lk_config_general(config)->notify;
    if (out->timeout <= 0)
        out->timeout = USUAL_TIMEOUT;
    return LK_OK;
}

struct lk_notify *lk_notify_begin(struct litekeep *lk, const char *kind)
{
    struct lk_error err = {0};
    struct lk_notify *n = lk_allocate_zeroed(1, sizeof *n);
    if (n == NULL)
        return NULL;
    n->lk = lk;
    n->kind = kind;
    /* A config that cannot be understood names no receivers; the run itself fails by it and says so. */
    if (read_settings(lk, &n->settings, &err) != LK_OK) {
        lk_free(n);
        return NULL;
    }
    if (has_heartbeat(&n->settings))
        begin_heartbeat(n);
    return n;
}

/* A run may be killed, or the network be gone, before the message is sent. Where the mark cannot be made, the
 * store has troubles that the run will tell of. */
static void mark_untold(struct lk_notify *n)
{
    const struct lk_store *store = n->lk->store;
    if (n->marked || store == NULL || lk_notify_send_receivers(&n->settings) == 0)
        return;
    const int fd = openat(store->dir.fd, UNTOLD, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                          store->journal_mode);
    n->marked = fd >= 0;
    if (fd >= 0)
        (void)close(fd);
}

static bool is_untold(const struct lk_notify *n)
{
    const struct lk_store *store = n->lk->store;
    return store != NULL && faccessat(store->dir.fd, UNTOLD, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void lk_notify_event(void *context, const struct litekeep_event *event)
{
    struct lk_notify *n = context;
    if (n != NULL && event->type == LITEKEEP_EVENT_ALARM)
        mark_untold(n);
    if (n != NULL && lk_notify_send_receivers(&n->settings) + (has_heartbeat(&n->settings) ? 1 : 0) > 0)
        lk_notify_message_add(&n->events, event);
}

/* What happened, by what is worst: that data is lost is worse than that a backup is. */
static const char *judge(const struct lk_notify *n, enum lk_status status,
                         const struct litekeep_backup_summary *summary)
{
    if (status == LK_ALARM || summary->alarms > 0 || json_array_size(n->events.list[LK_NOTIFY_ALARMS]) > 0 ||
        (json_array_size(n->events.list[LK_NOTIFY_OPEN]) > 0 && is_untold(n)))
        return "alarm";
    if (status != LK_OK)
        return "failure";
    return json_array_size(n->events.list[LK_NOTIFY_RECOVERED]) > 0 ? "recovery" : "success";
}

/* Wait for the ping at the start, so that the one at the end comes behind it. */
static void end_start(struct lk_notify *n)
{
    if (n->start.running) {
        pthread_join(n->start.thread, NULL);
        if (n->start.status != LK_OK)
            lk_notify_send_warn(n->lk, heartbeat_key(&n->settings), &n->start.err);
    }
    lk_free(n->start.address);
}

/* How many did not take it: 1 or 0. */
static size_t end_heartbeat(struct lk_notify *n, enum lk_status status, const json_t *message)
{
    struct lk_error err = {0};
    char *address = NULL;
    const bool hurried = status == LK_INTERRUPTED;
    const char *text = json_string_value(json_object_get(message, "text"));
    enum lk_status sent =
        lk_notify_send_address(n->lk, &n->settings, status == LK_OK ? "" : "/fail", &address);
    if (sent != LK_OK)
        return 1;
    const int64_t timeout =
        hurried && n->settings.timeout > INTERRUPTED_TIMEOUT ? INTERRUPTED_TIMEOUT : n->settings.timeout;
    sent = lk_notify_send_ping(address, text, timeout, hurried ? 0 : RETRIES, &err);
    if (sent != LK_OK)
        lk_notify_send_warn(n->lk, heartbeat_key(&n->settings), &err);
    lk_free(address);
    return sent == LK_OK ? 0 : 1;
}

/* Whoever interrupts a run knows of it: nobody is told but the watcher, which would wait for its end. An
 * alarm that was raised before stays marked, and the next run tells. */
static void tell(struct lk_notify *n, enum lk_status status, const char *message,
                 const struct litekeep_backup_summary *summary)
{
    const char *type = judge(n, status, summary);
    const bool wanted = lk_notify_send_receivers(&n->settings) > 0 && status != LK_INTERRUPTED &&
                        (n->settings.success || strcmp(type, "success") != 0);
    if (!wanted && !has_heartbeat(&n->settings))
        return;
    const struct lk_notify_outcome outcome = {
        .type = type,
        .command = n->kind,
        .store = litekeep_store_path(n->lk),
        .status = status,
        .message = message,
        .done = summary->done,
        .skipped = summary->skipped,
        .failed = summary->failed,
    };
    json_t *json = lk_notify_message_make(&n->events, &outcome);
    if (wanted && json != NULL) {
        bool told = false;
        (void)lk_notify_send_message(n->lk, &n->settings, json, &told);
        if (told && strcmp(type, "alarm") == 0 && n->lk->store != NULL)
            (void)unlinkat(n->lk->store->dir.fd, UNTOLD, 0);
    } else if (wanted) {
        struct lk_error err = {0};
        (void)lk_fail_memory(&err, "writing a message");
        lk_notify_send_warn(n->lk, "notify", &err);
    }
    /* A ping without a body is better than none. */
    if (has_heartbeat(&n->settings))
        (void)end_heartbeat(n, status, json);
    json_decref(json);
}

void lk_notify_end(struct lk_notify *n, enum lk_status status, const char *message,
                   const struct litekeep_backup_summary *summary)
{
    if (n == NULL)
        return;
    end_start(n);
    tell(n, status, message, summary);
    lk_notify_message_reset(&n->events);
    lk_free(n);
}

enum lk_status litekeep_notify_test(struct litekeep *lk, uint64_t *sent, struct lk_error *err)
{
    struct lk_notify n = {.lk = lk, .kind = "test"};
    *sent = 0;
    const enum lk_status status = read_settings(lk, &n.settings, err);
    if (status != LK_OK)
        return status;
    const size_t receivers = lk_notify_send_receivers(&n.settings) + (has_heartbeat(&n.settings) ? 1 : 0);
    if (receivers == 0)
        return LK_OK;
    json_t *json = lk_notify_message_make(&n.events, &(struct lk_notify_outcome){
                                                         .type = "test",
                                                         .command = "test",
                                                         .store = litekeep_store_path(lk),
                                                     });
    if (json == NULL)
        return lk_fail_memory(err, "writing a message");
    bool told = false;
    size_t failed = lk_notify_send_message(lk, &n.settings, json, &told);
    if (has_heartbeat(&n.settings))
        failed += end_heartbeat(&n, LK_OK, json);
    json_decref(json);
    *sent = receivers - failed;
    if (failed > 0)
        return lk_fail(err, LK_FAILED, "%zu of %zu receivers did not take the message", failed, receivers);
    return LK_OK;
}
