#include "ops/schedule_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/cron_time.h"
#include "host/process.h"

#define HOUR (INT64_C(3600) * 1000000000)

void lk_schedule_plan_add(struct lk_schedule_sentences *s, const char *text)
{
    if (text != NULL && s->count < LK_SCHEDULE_SENTENCES)
        s->text[s->count++] = text;
}

const char *lk_schedule_plan_absolute(struct lk_arena *a, const char *path)
{
    if (path[0] == '/')
        return lk_arena_copy(a, path);
    /* What is there is named as it is; what is not yet, below the current folder. */
    char *real = realpath(path, NULL), *here = real == NULL ? getcwd(NULL, 0) : NULL;
    const char *out =
        real != NULL ? lk_arena_copy(a, real) : lk_arena_format(a, "%s/%s", here != NULL ? here : "", path);
    free(real);
    free(here);
    return out;
}

static enum lk_status choose_program(struct lk_schedule_plan *p, const char *named, struct lk_error *err)
{
    char *self = named == NULL ? lk_process_self() : NULL;
    const char *program = named != NULL ? named : self;
    enum lk_status status = LK_OK;
    if (program == NULL)
        status = lk_fail(err, LK_FAILED, "this program does not know its own path: name it with --program");
    else if (program[0] != '/')
        status =
            lk_fail(err, LK_USAGE,
                    "%s: the program is to be an absolute path: a scheduler has no PATH of yours", program);
    else if (access(program, X_OK) != 0)
        status = lk_fail_errno(err, LK_NOT_FOUND, errno, "%s: this program cannot be run", program);
    else
        p->program = lk_arena_copy(&p->arena, program);
    lk_free(self);
    return status;
}

const char *lk_schedule_plan_log(struct lk_schedule_plan *p, enum lk_schedule_place place)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const char *name = p->unit;
    if (place == LK_SCHEDULE_SYSTEM)
        return lk_arena_format(&p->arena, "/var/log/litekeep/%s.log", name);
    if (state != NULL && state[0] == '/')
        return lk_arena_format(&p->arena, "%s/litekeep/%s.log", state, name);
    return home != NULL && home[0] == '/'
               ? lk_arena_format(&p->arena, "%s/.local/state/litekeep/%s.log", home, name)
               : NULL;
}

static enum lk_status choose_paths(struct lk_schedule_plan *p, const char *const *named,
                                   const struct lk_config *config, struct lk_error *err)
{
    static const char *const here[] = {".", NULL};
    const char *const *from = named != NULL && named[0] != NULL ? named : NULL;
    /* Those of the config are left to it: then what is changed there counts. */
    if (from == NULL && lk_config_general(config)->paths != NULL &&
        lk_config_general(config)->paths[0] != NULL) {
        p->paths = lk_arena_take(&p->arena, 1, sizeof *p->paths);
        return lk_arena_check(&p->arena, err);
    }
    from = from != NULL ? from : here;
    size_t count = 0;
    while (from[count] != NULL)
        count++;
    const char **paths = lk_arena_take(&p->arena, count + 1, sizeof *paths);
    for (size_t i = 0; paths != NULL && i < count; i++) {
        if (access(from[i], F_OK) != 0)
            return lk_fail_errno(err, LK_NOT_FOUND, errno, "%s: cannot be scheduled", from[i]);
        paths[i] = lk_schedule_plan_absolute(&p->arena, from[i]);
    }
    p->paths = paths;
    p->config_paths = paths;
    return lk_arena_check(&p->arena, err);
}

static enum lk_status choose_time(struct lk_schedule_plan *p, const struct litekeep_schedule_options *options,
                                  struct lk_error *err)
{
    char text[128];
    struct lk_cron_time time;
    enum lk_status status = LK_OK;
    if (options->cron != NULL && options->every != 0)
        return lk_fail(err, LK_USAGE, "--every and --cron exclude each other");
    if (options->cron != NULL)
        p->cron = lk_arena_copy(&p->arena, options->cron + strspn(options->cron, " \t"));
    else if ((status = lk_cron_time_every(options->every != 0 ? options->every : 8 * HOUR,
                                          lk_key_hash(p->key, strlen(p->key)), text, sizeof text, err)) ==
             LK_OK)
        p->cron = lk_arena_copy(&p->arena, text);
    if (status == LK_OK)
        status = lk_arena_check(&p->arena, err);
    if (status == LK_OK)
        status = lk_cron_time_parse(p->cron, &time, err);
    if (status != LK_OK)
        return status;
    const int64_t gap = lk_cron_time_gap(&time, lk_clock_now());
    if (gap == 0)
        return lk_fail(err, LK_USAGE, "\"%s\" never comes: no month has such a day", p->cron);
    /* Not the gap, which a change of the clocks makes an hour longer, where a number was meant. */
    p->every = options->cron != NULL ? gap : options->every != 0 ? options->every : 8 * HOUR;
    return LK_OK;
}

enum lk_status lk_schedule_plan_make(struct lk_schedule_plan *p,
                                     const struct litekeep_schedule_options *options,
                                     const struct lk_config *config, enum lk_schedule_place place,
                                     struct lk_error *err)
{
    enum lk_status status = choose_program(p, options->program, err);
    if (status == LK_OK)
        status = choose_time(p, options, err);
    if (status == LK_OK)
        status = choose_paths(p, options->paths, config, err);
    if (status != LK_OK)
        return status;
    p->log = lk_schedule_plan_log(p, place);
    if (p->log == NULL || p->config == NULL)
        return p->arena.failed
                   ? lk_arena_check(&p->arena, err)
                   : lk_fail(err, LK_USAGE, "HOME is not set, so there is no place for config and log");
    size_t count = 0, n = 0;
    while (p->paths[count] != NULL)
        count++;
    p->words = lk_arena_take(&p->arena, count + 10, sizeof *p->words);
    if (p->words == NULL)
        return lk_arena_check(&p->arena, err);
    const char *const fixed[] = {p->program, "--store", p->store, "--config", p->config,
                                 "backup",   "-q",      "--log",  p->log};
    for (; n < sizeof fixed / sizeof fixed[0]; n++)
        p->words[n] = fixed[n];
    for (size_t i = 0; i < count; i++)
        p->words[n++] = p->paths[i];
    return lk_arena_check(&p->arena, err);
}
