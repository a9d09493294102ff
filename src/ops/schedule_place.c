#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/cron_time.h"
#include "host/crontab.h"
#include "host/process.h"
#include "host/systemd.h"
#include "ops/schedule_plan.h"
#include "sqlite/mount.h"

#define SECOND INT64_C(1000000000)

static bool is_crontab(enum lk_schedule_place place)
{
    return place == LK_SCHEDULE_CRON || place == LK_SCHEDULE_SCRONTAB;
}

static const char *crontab_program(enum lk_schedule_place place)
{
    return place == LK_SCHEDULE_SCRONTAB ? "scrontab" : "crontab";
}

const char *lk_schedule_place_backend(enum lk_schedule_place place)
{
    return place == LK_SCHEDULE_CRON ? "cron" : place == LK_SCHEDULE_SCRONTAB ? "scrontab" : "systemd";
}

/* ---- Looking. */

/* A text of several lines, made safe to show line by line. */
static const char *shown_lines(struct lk_arena *a, struct lk_bytes text)
{
    struct lk_buffer b = {0};
    for (size_t at = 0; text.ptr != NULL && at < text.len;) {
        size_t len = 0;
        while (at + len < text.len && text.ptr[at + len] != '\n' && text.ptr[at + len] != '\\')
            len++;
        lk_text_escape(lk_bytes(text.ptr + at, len), &b);
        at += len;
        if (at < text.len)
            lk_buffer_append_byte(&b, text.ptr[at++]);
    }
    const char *string = lk_buffer_string(&b);
    const char *out = string != NULL ? lk_arena_copy(a, string) : NULL;
    a->failed = a->failed || string == NULL;
    lk_buffer_reset(&b);
    return out;
}

/* The value behind an option of the command line that was installed; NULL: it has none. `doubled`: a systemd
 * unit's, where % and $ stand twice. */
static const char *word_behind(struct lk_arena *a, const char *line, const char *option, bool doubled)
{
    char **words = NULL;
    struct lk_error ignored = {0};
    const char *out = NULL;
    if (lk_process_split(line, &words, &ignored) != LK_OK)
        return NULL;
    for (size_t i = 0; words[i] != NULL && words[i + 1] != NULL && out == NULL; i++) {
        if (strcmp(words[i], option) != 0)
            continue;
        char *to = words[i + 1];
        for (const char *from = to; *from != '\0'; from++) {
            *to++ = *from;
            if (doubled && (*from == '%' || *from == '$') && from[1] == *from)
                from++;
        }
        *to = '\0';
        out = lk_arena_shown_string(a, words[i + 1]);
    }
    lk_free(words);
    return out;
}

/* The time of a crontab line: its first five words, or one with an @. */
static const char *line_time(struct lk_arena *a, const char *line)
{
    size_t at = strspn(line, " \t"), words = line[at] == '@' ? 1 : 5;
    const char *from = line + at;
    for (; words > 0; words--) {
        at += strspn(line + at, " \t");
        at += strcspn(line + at, " \t");
    }
    return lk_arena_format(a, "%.*s", (int)(line + at - from), from);
}

/* When it fires, and how often, by a cron expression. */
static void fill_time(struct litekeep_schedule *s, const char *cron, int64_t delay)
{
    struct lk_cron_time time;
    struct lk_error ignored = {0};
    if (lk_cron_time_parse(cron, &time, &ignored) != LK_OK)
        return;
    const int64_t now = lk_clock_now(), gap = lk_cron_time_gap(&time, now);
    s->every_known = gap > 0;
    s->every = gap > 0 ? gap + delay : 0;
    if (s->next_run == 0)
        s->next_run = lk_cron_time_next(&time, now);
}

static enum lk_status find_line(struct lk_schedule_plan *p, enum lk_schedule_place place, bool *found,
                                struct lk_error *err)
{
    struct lk_buffer text = {0}, block = {0};
    *found = false;
    enum lk_status status = lk_crontab_read(crontab_program(place), &text, err);
    const struct lk_bytes line =
        status == LK_OK ? lk_crontab_find(lk_buffer_bytes(&text), p->key) : lk_bytes(NULL, 0);
    if (line.ptr != NULL) {
        char *copy = lk_copy_bytes(line.ptr, line.len);
        struct litekeep_schedule *s = &p->shown;
        if (copy == NULL || !lk_crontab_replace(lk_bytes(NULL, 0), p->key, copy, &block)) {
            status = lk_fail_memory(err, "reading the crontab");
        } else {
            const char *when = line_time(&p->arena, copy);
            *found = true;
            s->backend = lk_schedule_place_backend(place);
            s->text = shown_lines(&p->arena, lk_buffer_bytes(&block));
            s->log = word_behind(&p->arena, copy, "--log", false);
            if (when != NULL) {
                s->when = lk_arena_shown_string(&p->arena, when);
                fill_time(s, when, 0);
            }
        }
        lk_free(copy);
    }
    lk_buffer_reset(&block);
    lk_buffer_reset(&text);
    return status == LK_NOT_FOUND ? LK_OK : status;
}

static const char *unit_texts(struct lk_schedule_plan *p, bool system, struct lk_bytes service,
                              struct lk_bytes timer)
{
    struct lk_buffer b = {0};
    char *folder = lk_systemd_folder(system);
    if (folder == NULL)
        return NULL;
    lk_buffer_append_format(&b, "# %s/%s.service\n", folder, p->unit);
    lk_buffer_append(&b, service.ptr, service.len);
    lk_buffer_append_format(&b, "\n# %s/%s.timer\n", folder, p->unit);
    lk_buffer_append(&b, timer.ptr, timer.len);
    const char *out = b.failed ? NULL : shown_lines(&p->arena, lk_buffer_bytes(&b));
    p->arena.failed = p->arena.failed || b.failed;
    lk_buffer_reset(&b);
    lk_free(folder);
    return out;
}

static enum lk_status find_units(struct lk_schedule_plan *p, enum lk_schedule_place place, bool *found,
                                 struct lk_error *err)
{
    const bool system = place == LK_SCHEDULE_SYSTEM;
    struct lk_buffer service = {0}, timer = {0};
    struct litekeep_schedule *s = &p->shown;
    int64_t next = 0;
    enum lk_status status = lk_systemd_look(p->unit, system, &service, &timer, &next, err);
    *found = status == LK_OK;
    if (*found) {
        char value[512], delay[32] = "";
        char *command = lk_allocate(service.len + 1);
        s->backend = "systemd";
        s->text = unit_texts(p, system, lk_buffer_bytes(&service), lk_buffer_bytes(&timer));
        s->next_run = next;
        if (lk_systemd_value(lk_buffer_bytes(&timer), "OnCalendar", value, sizeof value))
            s->when = lk_arena_shown_string(&p->arena, value);
        (void)lk_systemd_value(lk_buffer_bytes(&timer), "RandomizedDelaySec", delay, sizeof delay);
        const long seconds = strtol(delay, NULL, 10);
        if (lk_systemd_value(lk_buffer_bytes(&timer), "Cron", value, sizeof value))
            fill_time(s, value, seconds > 0 && seconds < 86400 ? seconds * SECOND : 0);
        if (command != NULL &&
            lk_systemd_value(lk_buffer_bytes(&service), "ExecStart", command, service.len + 1))
            s->log = word_behind(&p->arena, command, "--log", true);
        lk_free(command);
    }
    lk_buffer_reset(&timer);
    lk_buffer_reset(&service);
    return status == LK_NOT_FOUND ? LK_OK : status;
}

enum lk_status lk_schedule_place_find(struct lk_schedule_plan *p, enum lk_schedule_place *place,
                                      struct lk_error *err)
{
    *place = LK_SCHEDULE_PLACES;
    if (p->key[0] == '\0')
        return LK_OK;
    for (unsigned i = 0; i < LK_SCHEDULE_PLACES; i++) {
        const enum lk_schedule_place at = (enum lk_schedule_place)i;
        struct lk_error trouble = {0};
        bool found = false;
        const enum lk_status status =
            is_crontab(at) ? find_line(p, at, &found, &trouble) : find_units(p, at, &found, &trouble);
        if (status != LK_OK)
            lk_schedule_plan_add(&p->notes, lk_arena_format(&p->arena, "%s", trouble.message));
        if (found) {
            *place = at;
            break;
        }
    }
    return lk_arena_check(&p->arena, err);
}

/* ---- Choosing. */

static bool is_there(const char *program)
{
    const char *path = getenv("PATH");
    char file[4096];
    for (const char *at = path; at != NULL && *at != '\0';) {
        const size_t len = strcspn(at, ":");
        if (len > 0 && (size_t)snprintf(file, sizeof file, "%.*s/%s", (int)len, at, program) < sizeof file &&
            access(file, X_OK) == 0)
            return true;
        at += len + (at[len] == ':' ? 1 : 0);
    }
    return false;
}

static void note_cron(struct lk_schedule_plan *p)
{
    if (!lk_crontab_daemon_runs())
        lk_schedule_plan_add(&p->notes,
                             "no cron daemon runs here: nothing will happen until one does (as root: "
                             "\"systemctl enable --now cron\" or \"service cron start\")");
    if (access("/usr/sbin/sendmail", X_OK) != 0 && access("/usr/lib/sendmail", X_OK) != 0)
        lk_schedule_plan_add(
            &p->notes, "there is no sendmail here, so what cron would mail to you is lost; it is in the log");
    struct lk_mount *mount = NULL;
    struct lk_error ignored = {0};
    char host[256] = "this machine";
    char *real = realpath(p->store, NULL);
    const bool network = real != NULL && lk_mount_of(real, &mount, &ignored) == LK_OK && mount->network;
    (void)gethostname(host, sizeof host - 1);
    if (network || is_there("sbatch"))
        lk_schedule_plan_add(
            &p->notes,
            lk_arena_format(&p->arena,
                            "a crontab is of one host only, here %s: on a cluster better take \"--backend "
                            "scrontab\", or \"litekeep backup --if-older-than 8h\" in job scripts",
                            lk_arena_shown_string(&p->arena, host)));
    lk_mount_free(mount);
    free(real);
}

static enum lk_status no_cron(const char *program, const char *instead, struct lk_error *err)
{
    return lk_fail(
        err, LK_FAILED,
        "there is no program \"%s\" here%s; or run \"litekeep backup -q --if-older-than 8h PATH...\" from "
        "whatever is started regularly: a job script, a login shell, another scheduler",
        program, instead);
}

static enum lk_status choose_systemd(struct lk_schedule_plan *p, bool system, struct lk_error *err)
{
    if (system && geteuid() != 0)
        return lk_fail(err, LK_FAILED,
                       "units of the system need root: run this with sudo, or without --system");
    if (!lk_systemd_runs(system))
        return lk_fail(
            err, LK_FAILED,
            "no systemd answers here (\"systemctl%s is-system-running\"): take \"--backend cron\", or "
            "see with \"--backend systemd --dry-run\" what the units would be",
            system ? "" : " --user");
    if (!system && !lk_systemd_lingers())
        lk_schedule_plan_add(&p->notes,
                             "your timers run only while you are logged in: \"loginctl enable-linger\" "
                             "changes that");
    return LK_OK;
}

/* Timers that run without a login, else cron that runs, else what there is. */
static enum lk_schedule_place choose_by_what_runs(void)
{
    const enum lk_schedule_place units = geteuid() == 0 ? LK_SCHEDULE_SYSTEM : LK_SCHEDULE_USER;
    const bool systemd = lk_systemd_runs(units == LK_SCHEDULE_SYSTEM);
    const bool always = systemd && (units == LK_SCHEDULE_SYSTEM || lk_systemd_lingers());
    const bool cron = is_there("crontab") && lk_crontab_daemon_runs();
    return always || (systemd && !cron) ? units : LK_SCHEDULE_CRON;
}

enum lk_status lk_schedule_place_choose(struct lk_schedule_plan *p,
                                        const struct litekeep_schedule_options *options,
                                        enum lk_schedule_place present, enum lk_schedule_place *place,
                                        struct lk_error *err)
{
    const enum lk_schedule_place units = options->system ? LK_SCHEDULE_SYSTEM : LK_SCHEDULE_USER;
    const bool automatic = options->backend == LITEKEEP_BACKEND_AUTO;
    if (options->system &&
        (options->backend == LITEKEEP_BACKEND_CRON || options->backend == LITEKEEP_BACKEND_SCRONTAB))
        return lk_fail(err, LK_USAGE, "--system is about systemd's units; crontabs are of a user");
    if (options->backend == LITEKEEP_BACKEND_SCRONTAB)
        *place = LK_SCHEDULE_SCRONTAB;
    else if (options->backend == LITEKEEP_BACKEND_CRON)
        *place = LK_SCHEDULE_CRON;
    else if (options->backend == LITEKEEP_BACKEND_SYSTEMD || options->system)
        *place = units;
    else if (present != LK_SCHEDULE_PLACES) /* what was installed once stays where it is */
        *place = present;
    else
        *place = choose_by_what_runs();

    if (!is_crontab(*place))
        /* What the units would be can be seen anywhere. */
        return p->dry_run && !automatic ? LK_OK : choose_systemd(p, *place == LK_SCHEDULE_SYSTEM, err);
    if (!is_there(crontab_program(*place)))
        return *place == LK_SCHEDULE_SCRONTAB
                   ? no_cron("scrontab", ": it comes with Slurm, where its administrator has switched it on",
                             err)
                   : no_cron("crontab",
                             is_there("scrontab")
                                 ? ", but Slurm's \"scrontab\" is: take \"--backend scrontab\""
                                 : ", and no systemd answers: install cron (Debian: \"apt install cron\")",
                             err);
    if (*place == LK_SCHEDULE_CRON)
        note_cron(p);
    return LK_OK;
}

/* ---- Writing. */

static enum lk_status put_line(struct lk_schedule_plan *p, enum lk_schedule_place place, struct lk_error *err)
{
    const char *program = crontab_program(place);
    struct lk_buffer line = {0}, before = {0}, after = {0}, block = {0};
    bool had = false;
    enum lk_status status = lk_crontab_line(p->cron, (const char *const *)p->words, &line, err);
    if (status == LK_OK)
        status = lk_crontab_read(program, &before, err);
    const char *text = status == LK_OK ? lk_buffer_string(&line) : NULL;
    if (text != NULL) {
        had = lk_crontab_find(lk_buffer_bytes(&before), p->key).ptr != NULL;
        if (!lk_crontab_replace(lk_buffer_bytes(&before), p->key, text, &after) ||
            !lk_crontab_replace(lk_bytes(NULL, 0), p->key, text, &block))
            text = NULL;
    }
    if (status == LK_OK && text == NULL)
        status = lk_fail_memory(err, "writing the crontab");
    const bool changed =
        status == LK_OK && !lk_bytes_equal(lk_buffer_bytes(&before), lk_buffer_bytes(&after));
    if (changed && !p->dry_run)
        status = lk_crontab_write(program, lk_buffer_bytes(&before), lk_buffer_bytes(&after), err);
    if (status == LK_OK) {
        struct litekeep_schedule *s = &p->shown;
        s->backend = lk_schedule_place_backend(place);
        s->text = shown_lines(&p->arena, lk_buffer_bytes(&block));
        s->when = lk_arena_shown_string(&p->arena, p->cron);
        s->log = lk_arena_shown_string(&p->arena, p->log);
        s->next_run = 0;
        fill_time(s, p->cron, 0);
        s->changed = s->changed || changed;
        if (changed)
            lk_schedule_plan_add(&p->changes, lk_arena_format(&p->arena, "%s: our line %s %s", program,
                                                              p->dry_run ? "would be" : "was",
                                                              had ? "replaced; all others stay as they are"
                                                                  : "added; all others stay as they are"));
        status = lk_arena_check(&p->arena, err);
    }
    lk_buffer_reset(&block);
    lk_buffer_reset(&after);
    lk_buffer_reset(&before);
    lk_buffer_reset(&line);
    return status;
}

/* The folder that a file is in. */
static const char *folder_of(struct lk_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == path ? lk_arena_copy(a, "/") : lk_arena_format(a, "%.*s", (int)(slash - path), path);
}

/* What is written to; and sources in the system's folders, where SQLite may have to make a -shm file. */
static const char *const *writable_folders(struct lk_schedule_plan *p)
{
    size_t count = 0, n = 0;
    while (p->paths[count] != NULL)
        count++;
    const char **out = lk_arena_take(&p->arena, count + 3, sizeof *out);
    if (out == NULL)
        return NULL;
    out[n++] = p->store;
    out[n++] = folder_of(&p->arena, p->log);
    for (size_t i = 0; i < count; i++) {
        static const char *const guarded[] = {"/usr/", "/etc/", "/boot/", "/efi/"};
        bool inside = false;
        for (size_t k = 0; k < sizeof guarded / sizeof guarded[0]; k++)
            inside = inside || strncmp(p->paths[i], guarded[k], strlen(guarded[k])) == 0;
        if (inside)
            out[n++] = p->paths[i];
    }
    return out;
}

static enum lk_status put_units(struct lk_schedule_plan *p, enum lk_schedule_place place,
                                struct lk_error *err)
{
    const bool system = place == LK_SCHEDULE_SYSTEM;
    char when[256];
    enum lk_status status = lk_systemd_of_cron(p->cron, when, sizeof when, err);
    if (status != LK_OK)
        return status;
    /* A twentieth of the time between, a quarter of an hour at most. */
    const int64_t twentieth = p->every / 20 / SECOND * SECOND;
    const struct lk_systemd_unit unit = {
        .name = p->unit,
        .system = system,
        .words = (const char *const *)p->words,
        .when = when,
        .cron = p->cron,
        .random_delay = twentieth < 900 * SECOND ? twentieth : 900 * SECOND,
        .writable = writable_folders(p),
        .description = "litekeep: backup of SQLite databases",
    };
    status = lk_arena_check(&p->arena, err);
    struct lk_buffer service = {0}, timer = {0}, old_service = {0}, old_timer = {0};
    struct litekeep_schedule *s = &p->shown;
    struct lk_error ignored = {0};
    bool changed = false;
    int64_t next = 0;
    if (status == LK_OK)
        status = lk_systemd_texts(&unit, &service, &timer, err);
    const bool had = status == LK_OK &&
                     lk_systemd_look(p->unit, system, &old_service, &old_timer, &next, &ignored) == LK_OK;
    changed = !had || !lk_bytes_equal(lk_buffer_bytes(&service), lk_buffer_bytes(&old_service)) ||
              !lk_bytes_equal(lk_buffer_bytes(&timer), lk_buffer_bytes(&old_timer));
    if (status == LK_OK && !p->dry_run) {
        status = lk_systemd_install(&unit, &changed, err);
        lk_buffer_clear(&old_service);
        lk_buffer_clear(&old_timer);
        if (status == LK_OK)
            status = lk_systemd_look(p->unit, system, &old_service, &old_timer, &next, err);
    }
    if (status == LK_OK) {
        s->backend = "systemd";
        s->text = unit_texts(p, system, lk_buffer_bytes(&service), lk_buffer_bytes(&timer));
        s->when = lk_arena_copy(&p->arena, when);
        s->log = lk_arena_shown_string(&p->arena, p->log);
        s->next_run = changed && p->dry_run ? 0 : next;
        fill_time(s, p->cron, unit.random_delay);
        s->changed = s->changed || changed;
        if (changed)
            lk_schedule_plan_add(&p->changes, lk_arena_format(&p->arena, "systemd: the %s timer %s %s %s",
                                                              system ? "system's" : "user's", p->unit,
                                                              p->dry_run ? "would be" : "was",
                                                              had ? "changed" : "installed"));
        status = lk_arena_check(&p->arena, err);
    }
    lk_buffer_reset(&old_timer);
    lk_buffer_reset(&old_service);
    lk_buffer_reset(&timer);
    lk_buffer_reset(&service);
    return status;
}

enum lk_status lk_schedule_place_put(struct lk_schedule_plan *p, enum lk_schedule_place place,
                                     struct lk_error *err)
{
    return is_crontab(place) ? put_line(p, place, err) : put_units(p, place, err);
}

/* ---- Taking away. */

static enum lk_status clear_line(struct lk_schedule_plan *p, const char *program, bool *changed,
                                 struct lk_error *err)
{
    struct lk_buffer before = {0}, after = {0};
    enum lk_status status = lk_crontab_read(program, &before, err);
    if (status == LK_OK && !lk_crontab_replace(lk_buffer_bytes(&before), p->key, NULL, &after))
        status = lk_fail_memory(err, "writing the crontab");
    *changed = status == LK_OK && !lk_bytes_equal(lk_buffer_bytes(&before), lk_buffer_bytes(&after));
    if (*changed && !p->dry_run)
        status = lk_crontab_write(program, lk_buffer_bytes(&before), lk_buffer_bytes(&after), err);
    lk_buffer_reset(&after);
    lk_buffer_reset(&before);
    return status == LK_NOT_FOUND ? LK_OK : status;
}

static enum lk_status clear_units(struct lk_schedule_plan *p, bool system, bool *changed,
                                  struct lk_error *err)
{
    struct lk_buffer service = {0}, timer = {0};
    struct lk_error ignored = {0};
    int64_t next;
    *changed = lk_systemd_look(p->unit, system, &service, &timer, &next, &ignored) == LK_OK;
    lk_buffer_reset(&timer);
    lk_buffer_reset(&service);
    return p->dry_run ? LK_OK : lk_systemd_remove(p->unit, system, changed, err);
}

enum lk_status lk_schedule_place_clear(struct lk_schedule_plan *p, enum lk_schedule_place place,
                                       struct lk_error *err)
{
    bool changed = false;
    const bool system = place == LK_SCHEDULE_SYSTEM;
    const char *verb = p->dry_run ? "would be" : "was";
    enum lk_status status = is_crontab(place) ? clear_line(p, crontab_program(place), &changed, err)
                                              : clear_units(p, system, &changed, err);
    if (status != LK_OK || !changed)
        return status;
    p->shown.changed = true;
    lk_schedule_plan_add(
        &p->changes, is_crontab(place)
                         ? lk_arena_format(&p->arena, "%s: our line %s removed; all others stay as they are",
                                           crontab_program(place), verb)
                         : lk_arena_format(&p->arena, "systemd: the %s timer %s %s removed",
                                           system ? "system's" : "user's", p->unit, verb));
    return lk_arena_check(&p->arena, err);
}
