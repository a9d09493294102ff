#include "host/systemd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/cron_time.h"
#include "host/process.h"

#define SECOND INT64_C(1000000000)
#define PATIENCE (30 * SECOND)
#define MOST_UNIT (1u << 20) /* bytes of a unit file that are read */

/* ---- The texts. */

/* Can a unit file hold it? */
static bool is_sayable(const char *word)
{
    for (const char *p = word; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return lk_utf8_valid((const uint8_t *)word, strlen(word));
}

/* A word as systemd.syntax(7) reads it back: in double quotes, % doubled because of specifiers, and with
 * `variables` $ too. */
static void put_word(struct lk_buffer *out, const char *prefix, const char *word, bool variables)
{
    lk_buffer_append_string(out, "\"");
    lk_buffer_append_string(out, prefix);
    for (const char *p = word; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            lk_buffer_append_byte(out, '\\');
        else if (*p == '%' || (*p == '$' && variables))
            lk_buffer_append_byte(out, (uint8_t)*p);
        lk_buffer_append_byte(out, (uint8_t)*p);
    }
    lk_buffer_append_string(out, "\"");
}

/* Works in user units too, for it needs no privilege: what the process itself gives up. Not
 * MemoryDenyWriteExecute: a command that is notified may be an interpreter that compiles. */
static const char hardening[] = "NoNewPrivileges=yes\n"
                                "UMask=0077\n"
                                "LimitCORE=0\n"
                                "LockPersonality=yes\n"
                                "RestrictRealtime=yes\n"
                                "RestrictSUIDSGID=yes\n"
                                "RestrictNamespaces=yes\n"
                                "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
                                "SystemCallArchitectures=native\n";

/* Not "strict", nor ProtectHome or PrivateTmp: databases may lie anywhere, also in homes and /tmp, and
 * SQLite must be able to make the -shm file of one in WAL mode beside it, or it cannot be read in place. User
 * managers that may not make mount namespaces pass over it. */
static const char protect_system[] = "ProtectSystem=full\n";

/* Of root's powers: to read every user's databases, and to make -shm files that belong to them, as SQLite
 * does for root. */
static const char system_hardening[] =
    "CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER\n"
    "PrivateDevices=yes\n"
    "ProtectClock=yes\n"
    "ProtectControlGroups=yes\n"
    "ProtectHostname=yes\n"
    "ProtectKernelLogs=yes\n"
    "ProtectKernelModules=yes\n"
    "ProtectKernelTunables=yes\n";

static const char by[] = "# By \"litekeep schedule install\"; change it there.\n";

static void put_service(const struct lk_systemd_unit *u, struct lk_buffer *out)
{
    lk_buffer_append_format(out, "%s[Unit]\nDescription=%s\n", by, u->description);
    lk_buffer_append_string(out,
                            "Documentation=man:litekeep-schedule(1)\n\n[Service]\nType=oneshot\nExecStart=");
    for (size_t i = 0; u->words[i] != NULL; i++) {
        if (i > 0)
            lk_buffer_append_byte(out, ' ');
        /* The program itself is no place for variables, so $ is not doubled there. */
        put_word(out, "", u->words[i], i > 0);
    }
    lk_buffer_append_string(out, "\nNice=10\nIOSchedulingClass=idle\n");
    lk_buffer_append_string(out, hardening);
    lk_buffer_append_string(out, protect_system);
    if (u->writable != NULL && u->writable[0] != NULL) {
        lk_buffer_append_string(out, "ReadWritePaths=");
        for (size_t i = 0; u->writable[i] != NULL; i++) {
            if (i > 0)
                lk_buffer_append_byte(out, ' ');
            /* "-": one that is missing is for litekeep to tell of, not a reason not to start it. */
            put_word(out, "-", u->writable[i], false);
        }
        lk_buffer_append_byte(out, '\n');
    }
    if (u->system)
        lk_buffer_append_string(out, system_hardening);
}

static void put_timer(const struct lk_systemd_unit *u, struct lk_buffer *out)
{
    lk_buffer_append_format(out, "%s[Unit]\nDescription=%s\n", by, u->description);
    lk_buffer_append_format(out,
                            "Documentation=man:litekeep-schedule(1)\n\n[Timer]\nOnCalendar=%s\n"
                            "Persistent=true\nRandomizedDelaySec=%lld\n\n",
                            u->when, (long long)(u->random_delay / SECOND));
    lk_buffer_append_format(out, "[Install]\nWantedBy=timers.target\n\n[X-Litekeep]\nCron=%s\n", u->cron);
}

enum lk_status lk_systemd_texts(const struct lk_systemd_unit *u, struct lk_buffer *service,
                                struct lk_buffer *timer, struct lk_error *err)
{
    for (size_t i = 0; u->words[i] != NULL; i++)
        if (!is_sayable(u->words[i]))
            return lk_fail(
                err, LK_USAGE,
                "%s: a systemd unit cannot hold a path with control characters or bytes that are no "
                "UTF-8: take \"--backend cron\", or name a folder above it",
                u->words[i]);
    for (size_t i = 0; u->writable != NULL && u->writable[i] != NULL; i++)
        if (!is_sayable(u->writable[i]))
            return lk_fail(
                err, LK_USAGE,
                "%s: a systemd unit cannot hold a path with control characters or bytes that are no "
                "UTF-8: take \"--backend cron\"",
                u->writable[i]);
    if (u->words[0] != NULL && strpbrk(u->words[0], "\"'\\") != NULL)
        return lk_fail(
            err, LK_USAGE,
            "%s: systemd runs no program with a quote or a backslash in its path: name another path "
            "to it with --program, or take \"--backend cron\"",
            u->words[0]);
    put_service(u, service);
    put_timer(u, timer);
    if (service->failed || timer->failed)
        return lk_fail_memory(err, "writing systemd units");
    return LK_OK;
}

bool lk_systemd_value(struct lk_bytes text, const char *name, char *out, size_t size)
{
    const size_t len = strlen(name);
    for (size_t at = 0; at < text.len;) {
        const uint8_t *line = text.ptr + at, *end = memchr(line, '\n', text.len - at);
        const size_t whole = end != NULL ? (size_t)(end - line) : text.len - at;
        if (whole > len && memcmp(line, name, len) == 0 && line[len] == '=') {
            const size_t value = whole - len - 1;
            if (value >= size)
                return false;
            memcpy(out, line + len + 1, value);
            out[value] = '\0';
            return true;
        }
        at += whole + 1;
    }
    return false;
}

/* ---- When. */

/* A list of what is set from `least` to `most`: "*", "3/8" (systemd counts on to the end) or "1,5,7". */
static void put_set(struct lk_buffer *out, uint64_t bits, unsigned least, unsigned most)
{
    unsigned first = most + 1, last = least, count = 0, step = 0;
    bool even = true;
    for (unsigned i = least; i <= most; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        if (count == 0)
            first = i;
        else if (count == 1)
            step = i - last;
        else
            even = even && i - last == step;
        last = i;
        count++;
    }
    if (count == most - least + 1) {
        lk_buffer_append_byte(out, '*');
    } else if (count > 2 && even && last + step > most) {
        lk_buffer_append_format(out, "%02u/%u", first, step);
    } else {
        for (unsigned i = first; i <= last; i++)
            if ((bits >> i & 1) != 0)
                lk_buffer_append_format(out, "%s%02u", i > first ? "," : "", i);
    }
}

enum lk_status lk_systemd_of_cron(const char *cron, char *out, size_t size, struct lk_error *err)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    struct lk_cron_time t;
    enum lk_status status = lk_cron_time_parse(cron, &t, err);
    if (status != LK_OK)
        return status;
    const bool all_days = t.days == 0xfffffffeu, all_weekdays = t.weekdays == 0x7f;
    /* With either being enough, one that is always right makes the other one idle. */
    const bool either = !t.any_day && !t.any_weekday;
    if (either && !all_days && !all_weekdays)
        return lk_fail(
            err, LK_USAGE,
            "\"%s\": cron runs this when either the day of the month or the day of the week fits, "
            "which a systemd timer cannot say: restrict one of the two, or take \"--backend cron\"",
            cron);
    struct lk_buffer b = {0};
    if (!either || all_days) {
        bool some = false;
        for (unsigned i = 0; i < 7 && !all_weekdays && !either; i++) {
            if ((t.weekdays >> i & 1) != 0)
                lk_buffer_append_format(&b, "%s%s", some ? "," : "", days[i]);
            some = some || (t.weekdays >> i & 1) != 0;
        }
        if (some)
            lk_buffer_append_byte(&b, ' ');
    }
    lk_buffer_append_string(&b, "*-");
    put_set(&b, t.months, 1, 12);
    lk_buffer_append_byte(&b, '-');
    put_set(&b, either ? 0xfffffffeu : t.days, 1, 31);
    lk_buffer_append_byte(&b, ' ');
    put_set(&b, t.hours, 0, 23);
    lk_buffer_append_byte(&b, ':');
    put_set(&b, t.minutes, 0, 59);
    lk_buffer_append_string(&b, ":00");
    const char *text = lk_buffer_string(&b);
    if (text == NULL)
        status = lk_fail_memory(err, "writing a systemd timer");
    else if (strlen(text) >= size)
        status = lk_fail(err, LK_USAGE, "\"%s\" is too long for a systemd timer", cron);
    else
        memcpy(out, text, strlen(text) + 1);
    lk_buffer_reset(&b);
    return status;
}

/* ---- The files. */

char *lk_systemd_folder(bool system)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (system)
        return lk_copy_string("/etc/systemd/system");
    if (config != NULL && config[0] == '/')
        return lk_format("%s/systemd/user", config);
    return home != NULL && home[0] == '/' ? lk_format("%s/.config/systemd/user", home) : NULL;
}

/* Open the folder of the units; LK_NOT_FOUND unless `create`. */
static enum lk_status open_folder(bool system, bool create, struct lk_dir *out, struct lk_error *err)
{
    char *path = lk_systemd_folder(system);
    if (path == NULL)
        return lk_fail(err, LK_NOT_FOUND, "no folder for systemd's units: HOME is not set");
    enum lk_status status = LK_OK;
    for (char *at = path + 1; create; at++) {
        const char end = *at;
        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        /* Whatever is in the way shows when the folder is opened. */
        (void)mkdir(path, 0755);
        *at = end;
        if (end == '\0')
            break;
    }
    status = lk_dir_open(path, out, err);
    lk_free(path);
    return status;
}

/* What one of the two is called; false: the name is too long. */
static bool unit_name(char out[256], const char *name, const char *suffix)
{
    return (size_t)snprintf(out, 256, "%s.%s", name, suffix) < 256;
}

static enum lk_status read_unit(const struct lk_dir *dir, const char *name, const char *suffix,
                                struct lk_buffer *out, struct lk_error *err)
{
    char file[256];
    if (!unit_name(file, name, suffix))
        return lk_fail(err, LK_USAGE, "%s: too long a name for a unit", name);
    return lk_file_read(dir, file, MOST_UNIT, out, err);
}

/* Write it where it differs. */
static enum lk_status write_unit(const struct lk_dir *dir, const char *name, const char *suffix,
                                 struct lk_bytes text, bool *changed, struct lk_error *err)
{
    char file[256];
    struct lk_buffer old = {0};
    struct lk_error ignored = {0};
    enum lk_status status = LK_OK;
    const bool same = read_unit(dir, name, suffix, &old, &ignored) == LK_OK && old.len == text.len &&
                      (old.data == NULL || text.ptr == NULL || memcmp(old.data, text.ptr, text.len) == 0);
    if (!same && unit_name(file, name, suffix)) {
        status = lk_file_write(dir, file, text, 0644, true, err);
        *changed = *changed || status == LK_OK;
    }
    lk_buffer_reset(&old);
    return status;
}

/* ---- systemctl. */

/* Run it; `words` (at most four) follow "systemctl --user". */
static enum lk_status control(const char *program, bool system, const char *const *words, int64_t timeout,
                              struct lk_process_result *out, struct lk_error *err)
{
    char runtime[64] = "LC_ALL=C";
    const char *all[12] = {"env", "LC_ALL=C"};
    size_t n = 2;
    if (!system && getenv("XDG_RUNTIME_DIR") == NULL) { /* after su or sudo */
        snprintf(runtime, sizeof runtime, "XDG_RUNTIME_DIR=/run/user/%lu", (unsigned long)geteuid());
        all[n++] = runtime;
    }
    all[n++] = program;
    if (!system && strcmp(program, "systemctl") == 0)
        all[n++] = "--user";
    for (size_t i = 0; words[i] != NULL && n < 11; i++)
        all[n++] = words[i];
    all[n] = NULL;
    const struct lk_process_options options = {.words = all, .timeout = timeout};
    return lk_process_run(&options, out, err);
}

/* Run it for its effect; `by_hand` is what a person may try. */
static enum lk_status act(bool system, const char *verb, const char *option, const char *unit,
                          struct lk_error *err)
{
    struct lk_process_result r = {0};
    const char *const words[] = {verb, option != NULL ? option : unit, option != NULL ? unit : NULL, NULL};
    enum lk_status status = control("systemctl", system, words, PATIENCE, &r, err);
    char trouble[512];
    if (status == LK_OK && lk_process_trouble(&r, PATIENCE, trouble, sizeof trouble))
        status = lk_fail(
            err, LK_FAILED, "\"systemctl%s %s%s%s%s%s\" %s; when systemd can be reached, run that yourself",
            system ? "" : " --user", verb, option != NULL ? " " : "", option != NULL ? option : "",
            unit != NULL ? " " : "", unit != NULL ? unit : "", trouble);
    lk_process_result_reset(&r);
    return status;
}

/* What it prints, without its newline; false when it could not be asked or said no. */
static bool ask(const char *program, bool system, const char *const *words, bool any_code, char *out,
                size_t size)
{
    struct lk_process_result r = {0};
    struct lk_error ignored = {0};
    const bool asked = control(program, system, words, 10 * SECOND, &r, &ignored) == LK_OK && !r.timed_out &&
                       r.signal == 0 && (r.code == 0 || any_code);
    const int len = r.output.len < size ? (int)r.output.len : (int)size - 1;
    if (asked) {
        snprintf(out, size, "%.*s", len, r.output.data != NULL ? (const char *)r.output.data : "");
        out[strcspn(out, "\n")] = '\0';
    }
    lk_process_result_reset(&r);
    return asked;
}

bool lk_systemd_runs(bool system)
{
    static const char *const up[] = {"running", "degraded", "starting", "initializing"};
    static const char *const words[] = {"is-system-running", NULL};
    char state[64];
    if (!ask("systemctl", system, words, true, state, sizeof state))
        return false;
    for (size_t i = 0; i < sizeof up / sizeof up[0]; i++)
        if (strcmp(state, up[i]) == 0)
            return true;
    return false;
}

bool lk_systemd_lingers(void)
{
    char user[32], said[64];
    snprintf(user, sizeof user, "%lu", (unsigned long)geteuid());
    const char *const words[] = {"show-user", user, "--property=Linger", NULL};
    return ask("loginctl", false, words, false, said, sizeof said) && strcmp(said, "Linger=yes") == 0;
}

static bool is_state(const char *verb, bool system, const char *timer, const char *state)
{
    const char *const words[] = {verb, timer, NULL};
    char said[64];
    return ask("systemctl", system, words, true, said, sizeof said) && strcmp(said, state) == 0;
}

/* Did systemd read the file since it was written? An earlier reload may have failed. */
static bool wants_reload(bool system, const char *timer)
{
    const char *const words[] = {"show", "--property=NeedDaemonReload", timer, NULL};
    char said[64];
    return ask("systemctl", system, words, false, said, sizeof said) &&
           strcmp(said, "NeedDaemonReload=yes") == 0;
}

enum lk_status lk_systemd_install(const struct lk_systemd_unit *u, bool *changed, struct lk_error *err)
{
    struct lk_buffer service = {0}, timer = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    char name[256];
    *changed = false;
    enum lk_status status = lk_systemd_texts(u, &service, &timer, err);
    if (status == LK_OK)
        status = open_folder(u->system, true, &dir, err);
    if (status == LK_OK)
        status = write_unit(&dir, u->name, "service", lk_buffer_bytes(&service), changed, err);
    if (status == LK_OK)
        status = write_unit(&dir, u->name, "timer", lk_buffer_bytes(&timer), changed, err);
    if (status == LK_OK && !unit_name(name, u->name, "timer"))
        status = lk_fail(err, LK_USAGE, "%s: too long a name for a unit", u->name);
    if (status == LK_OK && (*changed || wants_reload(u->system, name))) {
        status = act(u->system, "daemon-reload", NULL, NULL, err);
        *changed = true;
    }
    if (status == LK_OK && (!is_state("is-enabled", u->system, name, "enabled") ||
                            !is_state("is-active", u->system, name, "active"))) {
        status = act(u->system, "enable", "--now", name, err);
        *changed = *changed || status == LK_OK;
    } else if (status == LK_OK && *changed) { /* one that waits already goes on waiting for its old time */
        status = act(u->system, "restart", NULL, name, err);
    }
    lk_dir_close(&dir);
    lk_buffer_reset(&timer);
    lk_buffer_reset(&service);
    return status;
}

static enum lk_status remove_unit(const struct lk_dir *dir, const char *name, const char *suffix,
                                  struct lk_error *err)
{
    char file[256];
    if (unit_name(file, name, suffix) && unlinkat(dir->fd, file, 0) != 0 && errno != ENOENT)
        return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot be removed", dir->path, file);
    return LK_OK;
}

enum lk_status lk_systemd_remove(const char *name, bool system, bool *changed, struct lk_error *err)
{
    struct lk_buffer service = {0}, timer = {0};
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_error nothing = {0};
    char file[256];
    *changed = false;
    enum lk_status status = open_folder(system, false, &dir, err);
    if (status == LK_OK && read_unit(&dir, name, "service", &service, &nothing) == LK_NOT_FOUND &&
        read_unit(&dir, name, "timer", &timer, &nothing) == LK_NOT_FOUND)
        status = LK_NOT_FOUND;
    if (status == LK_OK && unit_name(file, name, "timer"))
        status = act(system, "disable", "--now", file, err);
    if (status == LK_OK)
        status = remove_unit(&dir, name, "timer", err);
    if (status == LK_OK)
        status = remove_unit(&dir, name, "service", err);
    *changed = status == LK_OK;
    if (status == LK_OK)
        status = act(system, "daemon-reload", NULL, NULL, err);
    lk_dir_close(&dir);
    lk_buffer_reset(&timer);
    lk_buffer_reset(&service);
    return status == LK_NOT_FOUND ? LK_OK : status;
}

enum lk_status lk_systemd_look(const char *name, bool system, struct lk_buffer *service,
                               struct lk_buffer *timer, int64_t *next, struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    char file[256], said[64];
    *next = 0;
    enum lk_status status = open_folder(system, false, &dir, err);
    if (status == LK_OK)
        status = read_unit(&dir, name, "timer", timer, err);
    if (status == LK_OK)
        status = read_unit(&dir, name, "service", service, err);
    lk_dir_close(&dir);
    if (status != LK_OK || !unit_name(file, name, "timer"))
        return status;
    const char *const words[] = {"show", "--timestamp=unix", "--property=NextElapseUSecRealtime", file, NULL};
    static const char answer[] = "NextElapseUSecRealtime=@";
    if (ask("systemctl", system, words, false, said, sizeof said) &&
        strncmp(said, answer, sizeof answer - 1) == 0) {
        const long long seconds = strtoll(said + sizeof answer - 1, NULL, 10);
        *next = seconds > 0 && seconds < INT64_MAX / SECOND ? seconds * SECOND : 0;
    }
    return LK_OK;
}
