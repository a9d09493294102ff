#include "ops/notify_message.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

static const char *const list_names[LK_NOTIFY_LISTS] = {"alarms", "open", "recovered", "problems"};

/* Shown text, or null for NULL. */
static json_t *text_of(const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;
    return value != NULL ? value : json_null();
}

static json_t *time_of(int64_t instant)
{
    char time[LK_TIME_SIZE];
    if (instant == 0)
        return json_null();
    lk_time_format(instant, time);
    return json_string(time);
}

static json_t *number_of(uint64_t number)
{
    return json_integer(number < INT64_MAX ? (json_int_t)number : INT64_MAX);
}

static json_t *texts_of(const char *const *texts)
{
    json_t *list = json_array();
    for (; list != NULL && texts != NULL && *texts != NULL; texts++)
        if (json_array_append_new(list, text_of(*texts)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *describe_alarm(const struct litekeep_event *e)
{
    static const struct litekeep_alarm nothing;
    const struct litekeep_alarm *a = e->alarm != NULL ? e->alarm : &nothing;
    json_t *o = json_object();
    if (o != NULL && lk_json_set(o, "kind", text_of(a->word)) &&
        lk_json_set(o, "database", text_of(a->database != NULL ? a->database : e->database)) &&
        lk_json_set(o, "path", text_of(a->path != NULL ? a->path : e->path)) &&
        lk_json_set(o, "table", text_of(a->table)) && lk_json_set(o, "column", text_of(a->column)) &&
        lk_json_set(o, "before", e->alarm != NULL ? number_of(a->before) : json_null()) &&
        lk_json_set(o, "now", e->alarm != NULL ? number_of(a->now) : json_null()) &&
        lk_json_set(o, "raised", time_of(a->raised)) && lk_json_set(o, "id", text_of(a->id)) &&
        lk_json_set(o, "good", text_of(a->good)) &&
        lk_json_set(o, "message", text_of(a->message != NULL ? a->message : e->message)) &&
        lk_json_set(o, "causes", texts_of(a->causes)) && lk_json_set(o, "restore", text_of(a->restore)) &&
        lk_json_set(o, "ack", text_of(a->ack)))
        return o;
    json_decref(o);
    return NULL;
}

static json_t *describe_problem(const struct litekeep_event *e)
{
    json_t *o = json_object();
    if (o != NULL && lk_json_set(o, "path", text_of(e->path)) && lk_json_set(o, "table", text_of(e->table)) &&
        lk_json_set(o, "status", json_integer(e->status)) && lk_json_set(o, "message", text_of(e->message)))
        return o;
    json_decref(o);
    return NULL;
}

void lk_notify_message_add(struct lk_notify_events *events, const struct litekeep_event *event)
{
    enum lk_notify_list which;
    if (event->type == LITEKEEP_EVENT_ALARM)
        which = LK_NOTIFY_ALARMS;
    else if (event->type == LITEKEEP_EVENT_OPEN)
        which = LK_NOTIFY_OPEN;
    else if (event->type == LITEKEEP_EVENT_RECOVERED)
        which = LK_NOTIFY_RECOVERED;
    else if (event->type == LITEKEEP_EVENT_PROBLEM)
        which = LK_NOTIFY_PROBLEMS;
    else
        return;
    if (events->list[which] == NULL)
        events->list[which] = json_array();
    if (json_array_size(events->list[which]) == LK_NOTIFY_MOST) {
        events->left_out[which]++;
        return;
    }
    json_t *entry = which == LK_NOTIFY_PROBLEMS ? describe_problem(event) : describe_alarm(event);
    if (entry == NULL || json_array_append_new(events->list[which], entry) != 0) {
        events->left_out[which]++;
        events->failed = true;
    }
}

void lk_notify_message_reset(struct lk_notify_events *events)
{
    for (size_t i = 0; i < LK_NOTIFY_LISTS; i++)
        json_decref(events->list[i]);
    *events = (struct lk_notify_events){0};
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void write_alarm(const json_t *alarm, const char *what, struct lk_buffer *out)
{
    const json_t *causes = json_object_get(alarm, "causes");
    const char *restore = member(alarm, "restore"), *message = member(alarm, "message");
    lk_buffer_append_format(out, "%s: %s\n", what, message != NULL ? message : "data has shrunk");
    for (size_t i = 0; i < json_array_size(causes); i++) {
        const char *cause = json_string_value(json_array_get(causes, i));
        if (cause != NULL)
            lk_buffer_append_format(out, "    %s\n", cause);
    }
    if (restore != NULL)
        lk_buffer_append_format(out, "    To bring it back: %s\n", restore);
}

static void write_problem(const json_t *problem, const char *what, struct lk_buffer *out)
{
    const char *path = member(problem, "path"), *table = member(problem, "table"),
               *message = member(problem, "message");
    lk_buffer_append_format(out, "%s: %s%s%s%s%s\n", what, path != NULL ? path : "",
                            table != NULL ? ", table " : "", table != NULL ? table : "",
                            path != NULL || table != NULL ? ": " : "", message != NULL ? message : "");
}

static void write_list(const struct lk_notify_events *e, enum lk_notify_list which, const char *what,
                       const char *others, struct lk_buffer *out)
{
    for (size_t i = 0; i < json_array_size(e->list[which]); i++) {
        const json_t *entry = json_array_get(e->list[which], i);
        if (which == LK_NOTIFY_PROBLEMS)
            write_problem(entry, what, out);
        else
            write_alarm(entry, what, out);
    }
    if (e->left_out[which] > 0)
        lk_buffer_append_format(out, "And %llu more %s.\n", (unsigned long long)e->left_out[which], others);
}

static const char *headline(const struct lk_notify_outcome *end)
{
    if (strcmp(end->type, "alarm") == 0)
        return "ALARM: data has shrunk or is gone";
    if (strcmp(end->type, "failure") == 0)
        return end->done > 0 ? "The backup is incomplete" : "The backup failed";
    if (strcmp(end->type, "recovery") == 0)
        return "An alarm is over: the data is back";
    if (strcmp(end->type, "test") == 0)
        return "This is a test; nothing has happened";
    return "The backup is complete";
}

/* The message for people: what happened and where first, since a telephone shows one line. */
static void write_text(const struct lk_notify_events *e, const struct lk_notify_outcome *end,
                       const char *host, const char *store, struct lk_buffer *out)
{
    lk_buffer_append_format(out, "litekeep on %s: %s\n", host, headline(end));
    write_list(e, LK_NOTIFY_ALARMS, "ALARM", "alarms", out);
    write_list(e, LK_NOTIFY_PROBLEMS, "Not done", "problems", out);
    if (end->message != NULL && json_array_size(e->list[LK_NOTIFY_ALARMS]) == 0 &&
        json_array_size(e->list[LK_NOTIFY_PROBLEMS]) == 0)
        lk_buffer_append_format(out, "Reason: %s\n", end->message);
    write_list(e, LK_NOTIFY_RECOVERED, "Is over", "alarms that are over", out);
    write_list(e, LK_NOTIFY_OPEN, "Still open", "open alarms", out);
    if (strcmp(end->type, "test") != 0)
        lk_buffer_append_format(out, "Databases: %llu backed up, %llu skipped, %llu not backed up\n",
                                (unsigned long long)end->done, (unsigned long long)end->skipped,
                                (unsigned long long)end->failed);
    lk_buffer_append_format(out, "Store: %s", store);
}

/* A static program has no name services. */
static bool look_up_user(char *out, size_t size)
{
#ifdef LK_STATIC
    (void)out;
    (void)size;
    return false;
#else
    struct passwd entry, *found = NULL;
    char text[4096];
    return getpwuid_r(geteuid(), &entry, text, sizeof text, &found) == 0 && found != NULL &&
           found->pw_name[0] != '\0' && strlen(found->pw_name) < size &&
           snprintf(out, size, "%s", found->pw_name) > 0;
#endif
}

/* The user by the environment that a login, cron and systemd give, else by the system's list of users, which
 * may be far away, else by number. */
static void find_user(char *out, size_t size)
{
    const char *name = getenv("LOGNAME");
    if (name == NULL || name[0] == '\0')
        name = getenv("USER");
    if (name != NULL && name[0] != '\0' && strlen(name) < size)
        (void)snprintf(out, size, "%s", name);
    else if (!look_up_user(out, size))
        (void)snprintf(out, size, "%u", (unsigned)geteuid());
}

static bool fill(json_t *o, struct lk_notify_events *e, const struct lk_notify_outcome *end, const char *host,
                 const char *user, const char *store)
{
    struct lk_buffer text = {0};
    uint64_t left_out = 0;
    write_text(e, end, host, store, &text);
    const size_t len = lk_utf8_cut(text.data, text.len, LK_NOTIFY_TEXT);
    bool done = !text.failed && lk_json_set(o, "type", text_of(end->type)) &&
                lk_json_set(o, "text", json_stringn((const char *)text.data, len)) &&
                lk_json_set(o, "time", time_of(lk_clock_now() / 1000000000 * 1000000000)) &&
                lk_json_set(o, "host", text_of(host)) && lk_json_set(o, "user", text_of(user)) &&
                lk_json_set(o, "command", text_of(end->command)) && lk_json_set(o, "store", text_of(store)) &&
                lk_json_set(o, "status", json_integer(end->status)) &&
                lk_json_set(o, "message", text_of(end->message)) &&
                lk_json_set(o, "done", number_of(end->done)) &&
                lk_json_set(o, "skipped", number_of(end->skipped)) &&
                lk_json_set(o, "failed", number_of(end->failed));
    lk_buffer_reset(&text);
    for (size_t i = 0; i < LK_NOTIFY_LISTS; i++) {
        json_t *list = e->list[i] != NULL ? e->list[i] : json_array();
        e->list[i] = NULL;
        done = lk_json_set(o, list_names[i], list) && done;
        left_out += e->left_out[i];
    }
    return done && lk_json_set(o, "left_out", number_of(left_out));
}

json_t *lk_notify_message_make(struct lk_notify_events *events, const struct lk_notify_outcome *end)
{
    char raw_host[256] = "", raw_user[256] = "";
    if (gethostname(raw_host, sizeof raw_host - 1) != 0 || raw_host[0] == '\0')
        (void)snprintf(raw_host, sizeof raw_host, "unknown host");
    find_user(raw_user, sizeof raw_user);
    char *host = lk_text_escaped(lk_bytes_of(raw_host)), *user = lk_text_escaped(lk_bytes_of(raw_user)),
         *store = lk_text_escaped(lk_bytes_of(end->store));
    json_t *o = json_object();
    if (o != NULL &&
        (host == NULL || user == NULL || store == NULL || !fill(o, events, end, host, user, store))) {
        json_decref(o);
        o = NULL;
    }
    lk_free(host);
    lk_free(user);
    lk_free(store);
    return o;
}
