#include "ops/notify.h"

#include <pthread.h>
#include <signal.h>

#include "base/memory.h"
#include "ops/notify_message.h"
#include "ops/notify_send.h"
#include "ops/untold.h"

#define SECOND INT64_C(1000000000)
/* Somebody waits for the program to end. */
#define INTERRUPTED_TIMEOUT (2 * SECOND)

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
    /* The folders with an alarm that nobody was told of before; a member that is NULL: the store's own. */
    char **news;
    size_t news_count, news_size;
};

static void *send_start(void *context)
{
    struct start_ping *ping = context;
    ping->status = lk_notify_send_ping(ping->address, NULL, ping->timeout, LK_NOTIFY_RETRIES, &ping->err);
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
    if (status == LK_OK)
        *out = lk_config_general(config)->notify;
    return status;
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

static bool is_news(const struct lk_notify *n, const char *database)
{
    for (size_t i = 0; i < n->news_count; i++) {
        const char *known = n->news[i];
        if (known == NULL || database == NULL ? known == database : strcmp(known, database) == 0)
            return true;
    }
    return false;
}

/* An alarm that was raised now, or that is open and reached nobody. Without memory its mark stays, and the
 * next run tells. */
static void add_news(struct lk_notify *n, const struct litekeep_event *event)
{
    const char *database = event->database;
    if (lk_notify_send_receivers(&n->settings) == 0 || is_news(n, database) ||
        !lk_untold_is_marked(n->lk, database))
        return;
    if (n->news_count == n->news_size) {
        const size_t size = 2 * n->news_size + 8;
        char **grown = lk_reallocate(n->news, size * sizeof *grown);
        if (grown == NULL)
            return;
        n->news = grown;
        n->news_size = size;
    }
    char *copy = database == NULL ? NULL : lk_copy_string(database);
    if (copy != NULL || database == NULL)
        n->news[n->news_count++] = copy;
}

static void forget_news(struct lk_notify *n, bool told)
{
    for (size_t i = 0; i < n->news_count; i++) {
        if (told)
            lk_untold_clear_database(n->lk, n->news[i]);
        lk_free(n->news[i]);
    }
    lk_free(n->news);
}

void lk_notify_event(void *context, const struct litekeep_event *event)
{
    struct lk_notify *n = context;
    if (n != NULL && (event->type == LITEKEEP_EVENT_ALARM || event->type == LITEKEEP_EVENT_OPEN))
        add_news(n, event);
    if (n != NULL && lk_notify_send_receivers(&n->settings) + (has_heartbeat(&n->settings) ? 1 : 0) > 0)
        lk_notify_message_add(&n->events, event);
}

/* What happened, by what is worst: that data is lost is worse than that a backup is. */
static const char *judge(const struct lk_notify *n, enum lk_status status,
                         const struct litekeep_backup_summary *summary)
{
    if (status == LK_ALARM || summary->alarms > 0 || json_array_size(n->events.list[LK_NOTIFY_ALARMS]) > 0 ||
        n->news_count > 0)
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
    sent = lk_notify_send_ping(address, text, timeout, hurried ? 0 : LK_NOTIFY_RETRIES, &err);
    if (sent != LK_OK)
        lk_notify_send_warn(n->lk, heartbeat_key(&n->settings), &err);
    lk_free(address);
    return sent == LK_OK ? 0 : 1;
}

/* Did somebody take the message? Whoever interrupts a run knows of it: nobody is told but the watcher, which
 * would wait for its end. An alarm that was raised before stays marked, and the next run tells. */
static bool tell(struct lk_notify *n, enum lk_status status, const char *message,
                 const struct litekeep_backup_summary *summary)
{
    const char *type = judge(n, status, summary);
    const bool wanted = lk_notify_send_receivers(&n->settings) > 0 && status != LK_INTERRUPTED &&
                        (n->settings.success || strcmp(type, "success") != 0);
    bool told = false;
    if (!wanted && !has_heartbeat(&n->settings))
        return false;
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
        (void)lk_notify_send_message(n->lk, &n->settings, json, &told);
    } else if (wanted) {
        struct lk_error err = {0};
        (void)lk_fail_memory(&err, "writing a message");
        lk_notify_send_warn(n->lk, "notify", &err);
    }
    /* A ping without a body is better than none. */
    if (has_heartbeat(&n->settings))
        (void)end_heartbeat(n, status, json);
    json_decref(json);
    return told;
}

void lk_notify_end(struct lk_notify *n, enum lk_status status, const char *message,
                   const struct litekeep_backup_summary *summary)
{
    if (n == NULL)
        return;
    end_start(n);
    forget_news(n, tell(n, status, message, summary));
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
