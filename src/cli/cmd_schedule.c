#include "cli/commands.h"
#include "cli/display.h"
#include "cli/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_EVERY,
    OPTION_CRON,
    OPTION_BACKEND,
    OPTION_SYSTEM,
    OPTION_NOTIFY,
    OPTION_NO_NOTIFY,
    OPTION_NO_RETENTION,
    OPTION_PROGRAM,
    OPTION_INIT,
    OPTION_DRY_RUN,
    OPTIONS
};

/* In the order of enum litekeep_backend. */
static const char *const backends[] = {"auto", "cron", "systemd", "scrontab", NULL};
_Static_assert(LITEKEEP_BACKEND_AUTO == 0 && LITEKEEP_BACKEND_CRON == 1 && LITEKEEP_BACKEND_SYSTEMD == 2 &&
                   LITEKEEP_BACKEND_SCRONTAB == 3,
               "numbers in the order of the words");

static const struct lk_option options[OPTIONS] = {
    [OPTION_EVERY] = {.name = "every",
                      .kind = LK_OPTION_DURATION,
                      .argument = "TIME",
                      .fallback = "8h",
                      .help = "how often: 5m to 30m, 1h to 12h where that divides the day, 1d or 1w",
                      .least = 1},
    [OPTION_CRON] = {.name = "cron",
                     .kind = LK_OPTION_TEXT,
                     .argument = "EXPR",
                     .fallback = "--every",
                     .help = "when, as a cron expression: \"0 */8 * * *\""},
    [OPTION_BACKEND] = {.name = "backend",
                        .kind = LK_OPTION_CHOICE,
                        .argument = "WHICH",
                        .fallback = "auto",
                        .help = "who starts it; auto takes what works here",
                        .words = backends},
    [OPTION_SYSTEM] = {.name = "system",
                       .kind = LK_OPTION_FLAG,
                       .help = "systemd units of the system instead of the user's; as root"},
    [OPTION_NOTIFY] = {.name = "notify",
                       .kind = LK_OPTION_TEXT,
                       .argument = "URL|PROGRAM",
                       .fallback = "as the config says",
                       .help = "who is told of failures and alarms; goes into the config file"},
    [OPTION_NO_NOTIFY] = {.name = "no-notify",
                          .kind = LK_OPTION_FLAG,
                          .help = "do not ask who is to be told"},
    [OPTION_NO_RETENTION] = {.name = "no-retention",
                             .kind = LK_OPTION_FLAG,
                             .help = "do not write a first retention policy into the config file"},
    [OPTION_PROGRAM] = {.name = "program",
                        .kind = LK_OPTION_TEXT,
                        .argument = "FILE",
                        .fallback = "this program",
                        .help = "the litekeep that is to run, by its absolute path"},
    [OPTION_INIT] = {.name = "init", .kind = LK_OPTION_FLAG, .help = "create the store where there is none"},
    [OPTION_DRY_RUN] = {.name = "dry-run", .kind = LK_OPTION_FLAG, .help = "only say what would be changed"},
};

enum action { INSTALL, SHOW, REMOVE };

static void on_event(void *context, const struct litekeep_event *e)
{
    if (e->type == LITEKEEP_EVENT_WARNING)
        lk_console_warning(context, "%s", e->message);
}

static enum lk_status read_action(const struct lk_arguments *args, enum action *out, struct lk_error *err)
{
    static const char *const words[] = {"install", "show", "remove"};
    size_t i = 0;
    while (i < 3 && strcmp(args->operand[0], words[i]) != 0)
        i++;
    if (i == 3) {
        const char *nearest = lk_display_nearest(args->operand[0], words, 3);
        char *shown = lk_display_escape(args->operand[0]);
        if (shown == NULL)
            return lk_console_fail_memory(err);
        lk_console_fail(err, LK_USAGE, "schedule does not know \"%s\"; %s%s%s", shown,
                        nearest != NULL ? "did you mean " : "it takes install, show or remove",
                        nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        free(shown);
        return LK_USAGE;
    }
    *out = (enum action)i;
    if (*out != INSTALL && args->operands > 1)
        return lk_console_fail(err, LK_USAGE, "schedule %s takes no path", words[i]);
    for (size_t k = 0; k < OPTIONS && *out != INSTALL; k++)
        if (args->option[k].given && !(k == OPTION_DRY_RUN && *out == REMOVE))
            return lk_console_fail(err, LK_USAGE, "--%s is for schedule install", options[k].name);
    if (args->option[OPTION_NOTIFY].given && args->option[OPTION_NO_NOTIFY].given)
        return lk_console_fail(err, LK_USAGE, "--notify and --no-notify exclude each other");
    if (args->option[OPTION_EVERY].given && args->option[OPTION_CRON].given)
        return lk_console_fail(err, LK_USAGE, "--every and --cron exclude each other");
    return LK_OK;
}

/* Does the config file say already where messages go? */
static bool is_notified(struct litekeep *lk)
{
    struct litekeep_config *config = NULL;
    struct lk_error ignored = {0};
    bool found = false;
    if (litekeep_config_show(lk, NULL, &config, &ignored) != LK_OK)
        return false;
    for (size_t i = 0; i < config->settings; i++) {
        const struct litekeep_setting *s = &config->setting[i];
        const bool place = strcmp(s->key, "notify-command") == 0 || strcmp(s->key, "notify-log") == 0 ||
                           strncmp(s->key, "notify-url", 10) == 0;
        found = found || (place && strcmp(s->origin, "default") != 0);
    }
    litekeep_config_free(config);
    return found;
}

/* One question, on a terminal only. False: no answer. */
static bool ask_notify(const struct lk_invocation *in, struct litekeep *lk, char *out, size_t size)
{
    const struct lk_option_value *v = in->args->option;
    const struct lk_console *c = in->console;
    if (v[OPTION_NOTIFY].given || v[OPTION_NO_NOTIFY].given || v[OPTION_DRY_RUN].given || c->json ||
        c->quiet || isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1 || is_notified(lk))
        return false;
    fputs("Who is to be told when a backup fails or data shrinks?\n"
          "A URL to post to, or the path of a program that gets the message (empty: nobody): ",
          stderr);
    fflush(stderr);
    if (fgets(out, (int)size, stdin) == NULL)
        return false;
    out[strcspn(out, "\n")] = '\0';
    return out[0] != '\0';
}

static void print_text(struct lk_console *c, const char *text)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        lk_console_print(c, "%s%.*s\n", len > 0 ? "    " : "", (int)len, text);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
}

static void print_times(struct lk_console *c, const struct litekeep_schedule *s)
{
    char every[LITEKEEP_WORD_SIZE], next[LITEKEEP_WORD_SIZE] = "not known", last[LITEKEEP_WORD_SIZE];
    litekeep_format_duration(s->every, every);
    if (s->next_run != 0)
        litekeep_format_time_local(s->next_run, next);
    lk_console_print(c, "Schedule  %s, %s", s->backend, s->when != NULL ? s->when : "unknown when");
    if (s->every_known)
        lk_console_print(c, "; at most %s apart", every);
    lk_console_print(c, "\nNext run  %s\n", next);
    const struct litekeep_run_status *r = &s->last_run;
    if (r->started == 0) {
        lk_console_print(c, "Last run  never\n");
    } else {
        litekeep_format_time_local(r->finished != 0 ? r->finished : r->started, last);
        lk_console_print(c, "Last run  %s  %llu backed up, %llu failed, %llu alarm%s, exit code %d%s%s\n",
                         last, (unsigned long long)r->done, (unsigned long long)r->failed,
                         (unsigned long long)r->alarms, lk_display_plural(r->alarms), (int)r->status,
                         r->message != NULL ? ": " : "", r->message != NULL ? r->message : "");
    }
    lk_console_print(c, "Log       %s\nStore     %s\nConfig    %s\n", s->log != NULL ? s->log : "not known",
                     s->store, s->config != NULL ? s->config : "none");
}

static void print_schedule(struct lk_console *c, const struct litekeep_schedule *s, enum action action,
                           bool dry)
{
    for (size_t i = 0; s->notes[i] != NULL; i++)
        lk_console_warning(c, "%s", s->notes[i]);
    if (c->quiet)
        return;
    for (size_t i = 0; s->changes[i] != NULL; i++)
        lk_console_print(c, "%s\n", s->changes[i]);
    if (s->backend == NULL) {
        lk_console_print(c, "No schedule is installed for the store %s\n", s->store);
        return;
    }
    if (action == INSTALL && !s->changed)
        lk_console_print(c, "Nothing to change: it is installed like this\n");
    if (action != REMOVE)
        print_times(c, s);
    if (s->text != NULL && (action == SHOW || dry))
        print_text(c, s->text);
}

static enum lk_status put_schedule(struct lk_console *c, const struct litekeep_schedule *s, bool dry,
                                   struct lk_error *err)
{
    struct lk_document d = lk_document_object(), run = lk_document_object();
    lk_document_text(&d, "backend", s->backend);
    lk_document_text(&d, "store", s->store);
    lk_document_text(&d, "config", s->config);
    lk_document_text(&d, "log", s->log);
    lk_document_text(&d, "when", s->when);
    if (s->every_known)
        lk_document_seconds(&d, "every", s->every);
    else
        lk_document_null(&d, "every");
    lk_document_time(&d, "next_run", s->next_run);
    if (s->last_run.started == 0) {
        lk_document_null(&d, "last_run");
        lk_document_reset(&run);
    } else {
        lk_document_time(&run, "started", s->last_run.started);
        lk_document_time(&run, "finished", s->last_run.finished);
        lk_document_number(&run, "status", s->last_run.status);
        lk_document_number(&run, "done", s->last_run.done);
        lk_document_number(&run, "failed", s->last_run.failed);
        lk_document_number(&run, "alarms", s->last_run.alarms);
        lk_document_text(&run, "message", s->last_run.message);
        lk_document_put(&d, "last_run", &run);
    }
    lk_document_text(&d, "text", s->text);
    lk_document_flag(&d, "changed", s->changed);
    lk_document_flag(&d, "dry_run", dry);
    lk_document_texts(&d, "changes", s->changes);
    lk_document_texts(&d, "notes", s->notes);
    return lk_document_print(&d, c, err);
}

static enum lk_status install(const struct lk_invocation *in, struct litekeep *lk,
                              struct litekeep_schedule **out, struct lk_error *err)
{
    const struct lk_option_value *v = in->args->option;
    char answer[2048];
    const bool asked = ask_notify(in, lk, answer, sizeof answer);
    const struct litekeep_schedule_options wanted = {
        .paths = in->args->operand + 1,
        .every = v[OPTION_EVERY].number,
        .cron = v[OPTION_CRON].text,
        .backend = (enum litekeep_backend)v[OPTION_BACKEND].number,
        .system = v[OPTION_SYSTEM].given,
        .program = v[OPTION_PROGRAM].text,
        .notify = asked ? answer : v[OPTION_NOTIFY].text,
        .no_retention = v[OPTION_NO_RETENTION].given,
        .dry_run = v[OPTION_DRY_RUN].given,
    };
    return litekeep_schedule_install(lk, &wanted, out, err);
}

static enum lk_status run(const struct lk_invocation *in, struct lk_error *err)
{
    const struct lk_option_value *v = in->args->option;
    const bool dry = v[OPTION_DRY_RUN].given;
    struct litekeep *lk = NULL;
    struct litekeep_schedule *schedule = NULL;
    enum action action = SHOW;
    enum lk_status status = read_action(in->args, &action, err);
    if (status == LK_OK)
        status = lk_commands_open(in, v[OPTION_INIT].given, on_event, in->console, &lk, err);
    if (status == LK_OK)
        status = action == INSTALL  ? install(in, lk, &schedule, err)
                 : action == REMOVE ? litekeep_schedule_remove(lk, dry, &schedule, err)
                                    : litekeep_schedule_show(lk, &schedule, err);
    if (status == LK_OK && in->console->json)
        status = put_schedule(in->console, schedule, dry, err);
    else if (status == LK_OK)
        print_schedule(in->console, schedule, action, dry);
    litekeep_schedule_free(schedule);
    litekeep_close(lk);
    return status;
}

static const struct lk_example examples[] = {
    {"litekeep schedule install ~/data", "back up what is below ~/data every 8 hours"},
    {"litekeep schedule install --every 1h --notify https://example.org/hook /srv/app.db",
     "every hour, and a place that is told of failures and alarms"},
    {"litekeep schedule install --cron \"30 2 * * *\" --dry-run /srv", "what would be done"},
    {"litekeep schedule show", "next and last run, and the log"},
    {"litekeep schedule remove", "no more"},
};

static const int exit_codes[] = {0, 1, 2, 6, 10, 11, -1};

const struct lk_command lk_cmd_schedule = {
    .name = "schedule",
    .group = "Protect",
    .help = "back up regularly, by cron, a systemd timer or Slurm's scrontab",
    .operands = "install|show|remove [PATH...]",
    .least = 1,
    .most = SIZE_MAX,
    .about =
        "install has the databases named, and those found below the folders named (default: `paths` of the "
        "config file, else the current folder), backed up regularly; show tells when; remove ends it. There "
        "is "
        "one schedule for each store and user: installing again replaces it, and changes nothing when it is "
        "the "
        "same.\n"
        "auto takes a systemd timer where timers run without a login (root: one of the system), else cron. "
        "Of a crontab only our own marked line is touched. Runs are quiet; what they say is appended to a "
        "log "
        "that rotates, and problems and alarms go to cron's mail or systemd's journal as well.\n"
        "install also writes into the config file `every`, by which status knows that a backup is late, and "
        "the `paths` that are named: they follow each install, and remove takes `every` out again. It adds, "
        "where there are no such keys, `store` and `store-uuid`, so that another or an unmounted store is "
        "noticed; a first retention policy (the last 3, 7 daily, 4 weekly, 12 monthly), because a full disk "
        "ends all backups; and who is told of failures and alarms. Where the config names another store, "
        "`every`, `paths`, `store` and `store-uuid` stay as they are.\n"
        "systemd's units run with NoNewPrivileges: a `notify-command` there cannot use a program that needs "
        "set-user-ID or set-group-ID, as sendmail of some mail systems and sudo do. Cron's jobs can.\n"
        "Where neither cron nor systemd can be used, run \"litekeep backup -q --if-older-than 8h\" from job "
        "scripts or a login shell.",
    .run = run,
    .option = options,
    .options = OPTIONS,
    .example = examples,
    .examples = sizeof examples / sizeof examples[0],
    .exits = exit_codes,
};
