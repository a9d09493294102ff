#include "host/config_keys.h"

#include <pthread.h>
#include <string.h>

#include "base/text.h"
#include "host/config.h"

/* In the order of the bits of enum litekeep_format, and of enum litekeep_snapshot. */
static const char *const formats[] = {"parquet", "json", "sqlite", NULL};
static const char *const snapshots[] = {"auto", "read", "copy", NULL};
static const char *const accesses[] = {"private", "group", NULL};
static const char *const parquet_codecs[] = {"zstd", "gzip", "snappy", "lz4", "none", NULL};
static const char *const json_codecs[] = {"gzip", "zstd", "none", NULL};
_Static_assert(LITEKEEP_PARQUET == 1 && LITEKEEP_JSON == 2 && LITEKEEP_SQLITE == 4,
               "bits in the order of the words");
_Static_assert(LITEKEEP_SNAPSHOT_READ == LITEKEEP_SNAPSHOT_AUTO + 1 &&
                   LITEKEEP_SNAPSHOT_COPY == LITEKEEP_SNAPSHOT_AUTO + 2,
               "numbers in the order of the words");

#define IN(target_, struct_, member)                                                                         \
    .target = (target_), .offset = offsetof(struct struct_, member),                                         \
    .size = sizeof(((struct struct_ *)NULL)->member)
#define GENERAL(member) IN(LK_CONFIG_GENERAL, lk_general_settings, member)
#define SETTING(member) IN(LK_CONFIG_SETTINGS, lk_settings, member)

static const struct lk_config_key keys[] = {
    {.shown = {"store", "path", false, false, "$XDG_DATA_HOME/litekeep, else ~/.local/share/litekeep",
               "The folder that holds the backups"},
     .kind = LK_CONFIG_PATH,
     GENERAL(store)},
    {.shown =
         {"store-uuid", "UUID", false, false, "any",
          "The store that has to be found there (litekeep-store.json says which it is): if another one or "
          "none is, as when a disk is not mounted, nothing is done, and no store is created"},
     .kind = LK_CONFIG_UUID,
     GENERAL(store_uuid)},
    {.shown = {"store-in-work-tree", "yes or no", false, false, "no",
               "Allow a store inside a Git work tree, where git clean can remove it"},
     .kind = LK_CONFIG_YES,
     GENERAL(store_in_work_tree)},
    {.shown = {"access", "private or group", false, false, "private",
               "Who may read the store: private gives folders 0700 and files 0400, group 0750 and 0440"},
     .kind = LK_CONFIG_CHOICE,
     .words = accesses,
     GENERAL(group_access)},
    {.shown = {"paths", "list of paths", false, false, "the current folder",
               "What backup, scan and schedule install take when they are given no path"},
     .kind = LK_CONFIG_PATHS,
     GENERAL(paths)},
    {.shown = {"include", "list of globs", false, false, "all", "Only databases whose path matches one"},
     .kind = LK_CONFIG_PATH_GLOBS,
     GENERAL(include)},
    {.shown = {"exclude", "list of globs", false, false, "none",
               "Leave out databases whose path matches one"},
     .kind = LK_CONFIG_PATH_GLOBS,
     GENERAL(exclude)},
    {.shown = {"tmp", "path", false, false, "in the store",
               "Where copies of sources are kept while they are read"},
     .kind = LK_CONFIG_PATH,
     GENERAL(tmp)},
    {.shown = {"jobs", "number", false, false, "by processors and memory", "How many threads encode"},
     .kind = LK_CONFIG_COUNT,
     .least = 1,
     GENERAL(jobs)},
    {.shown = {"memory", "size", false, false, "256M",
               "Memory to work in; three times the largest single value is needed on top"},
     .kind = LK_CONFIG_SIZE,
     .least = 1,
     GENERAL(memory)},
    {.shown = {"format", "list of parquet, json, sqlite", true, false, "parquet,json", "What is written"},
     .kind = LK_CONFIG_SET,
     .words = formats,
     SETTING(formats)},
    {.shown = {"parquet-codec", "codec", true, false, "zstd:1",
               "Compression of Parquet: zstd, gzip, snappy, lz4 or none; a level may follow, as in zstd:9"},
     .kind = LK_CONFIG_CODEC,
     .words = parquet_codecs,
     SETTING(parquet_codec)},
    {.shown = {"json-codec", "codec", true, false, "gzip:1",
               "Compression of JSON: gzip, zstd or none; a level may follow, as in gzip:6"},
     .kind = LK_CONFIG_CODEC,
     .words = json_codecs,
     SETTING(json_codec)},
    {.shown = {"table", "list of globs", true, false, "all", "Only tables whose name matches one"},
     .kind = LK_CONFIG_GLOBS,
     SETTING(tables)},
    {.shown = {"skip-table", "list of globs", true, false, "none", "Leave out tables whose name matches one"},
     .kind = LK_CONFIG_GLOBS,
     SETTING(skip_tables)},
    {.shown =
         {"name", "name", true, false, "the file's name without its suffix",
          "The folder in the store of a database that is backed up for the first time; only in the section "
          "of one database file"},
     .kind = LK_CONFIG_NAME,
     .one = true,
     SETTING(name)},
    {.shown = {"snapshot", "auto, read or copy", true, false, "auto",
               "How one consistent state is pinned: read in place, or from a copy"},
     .kind = LK_CONFIG_CHOICE,
     .words = snapshots,
     .least = LITEKEEP_SNAPSHOT_AUTO,
     SETTING(snapshot)},
    {.shown = {"max-lock", "duration", true, false, "3s",
               "The longest that writers of a database in rollback-journal mode may have to wait"},
     .kind = LK_CONFIG_DURATION,
     .least = 1,
     SETTING(max_lock)},
    {.shown = {"if-older-than", "duration", true, false, "0s",
               "Skip a database whose last backup is younger; 0s never skips"},
     .kind = LK_CONFIG_DURATION,
     SETTING(if_older_than)},
    {.shown = {"verify", "yes or no", true, false, "yes",
               "Read back and compare what was written, before a backup counts"},
     .kind = LK_CONFIG_NOT,
     SETTING(no_verify)},
    {.shown = {"tag", "list of words", true, false, "none", "Words to find the backup by"},
     .kind = LK_CONFIG_WORDS,
     SETTING(tags)},
    {.shown = {"every", "duration", true, false, "as scheduled",
               "How often a backup is promised: status raises an alarm when none succeeded for longer"},
     .kind = LK_CONFIG_DURATION,
     .least = 1,
     SETTING(every)},
    {.shown =
         {"stale-after", "duration", true, false, "by every, or by the schedule",
          "After how long without a backup status raises an alarm, where the promise alone is too strict"},
     .kind = LK_CONFIG_DURATION,
     .least = 1,
     SETTING(stale_after)},
    {.shown = {"keep-last", "number", true, false, "0", "Retention: how many of the newest backups are kept"},
     .kind = LK_CONFIG_COUNT,
     SETTING(keep.last)},
    {.shown = {"keep-hourly", "number", true, false, "0",
               "Retention: for how many hours the last backup of each is kept"},
     .kind = LK_CONFIG_COUNT,
     SETTING(keep.hourly)},
    {.shown = {"keep-daily", "number", true, false, "0",
               "Retention: for how many days the last backup of each is kept"},
     .kind = LK_CONFIG_COUNT,
     SETTING(keep.daily)},
    {.shown = {"keep-weekly", "number", true, false, "0",
               "Retention: for how many weeks the last backup of each is kept"},
     .kind = LK_CONFIG_COUNT,
     SETTING(keep.weekly)},
    {.shown = {"keep-monthly", "number", true, false, "0",
               "Retention: for how many months the last backup of each is kept"},
     .kind = LK_CONFIG_COUNT,
     SETTING(keep.monthly)},
    {.shown = {"keep-yearly", "number", true, false, "0",
               "Retention: for how many years the last backup of each is kept"},
     .kind = LK_CONFIG_COUNT,
     SETTING(keep.yearly)},
    {.shown = {"keep-within", "duration", true, false, "0s",
               "Retention: all backups this long before the newest one are kept"},
     .kind = LK_CONFIG_DURATION,
     SETTING(keep.within)},
    {.shown =
         {"keep-tag", "list of words", true, false, "none",
          "Retention: all backups that have one of these tags are kept. While no key that begins with keep- "
          "is set, nothing is ever removed"},
     .kind = LK_CONFIG_WORDS,
     SETTING(keep.tags)},
    {.shown = {"alarm", "yes or no", true, false, "yes", "Raise alarms when data shrinks"},
     .kind = LK_CONFIG_NOT,
     SETTING(alarm_off)},
    {.shown =
         {"alarm-rows", "percentage, or off", true, true, "50%",
          "From what loss of a table's rows on an alarm is raised; 0% is any loss. A glob behind the key "
          "names the tables it holds for"},
     .kind = LK_CONFIG_LOSS,
     .target = LK_CONFIG_LIMITS},
    {.shown = {"alarm-values", "percentage, or off", true, true, "50%",
               "The same for the values of a column that became NULL"},
     .kind = LK_CONFIG_LOSS,
     .target = LK_CONFIG_LIMITS},
    {.shown = {"alarm-window", "duration", true, false, "30d",
               "How far back the highest number of rows is looked for, so that slow loss adds up"},
     .kind = LK_CONFIG_DURATION,
     .least = 1,
     SETTING(alarm_window)},
    {.shown = {"alarm-older", "yes or no", true, false, "yes",
               "Raise an alarm when an older file is back: a change counter or a sequence went back. For a "
               "file that is always made anew: no"},
     .kind = LK_CONFIG_NOT,
     SETTING(alarm_older_off)},
    {.shown =
         {"notify-command", "command line", false, false, "none",
          "A program to run on failure, alarm and recovery, with the message as JSON on its standard input; "
          "words and quotes as in a shell, but no shell runs it"},
     .kind = LK_CONFIG_COMMAND,
     GENERAL(notify.command)},
    {.shown = {"notify-log", "path", false, false, "none", "A file that such messages are appended to"},
     .kind = LK_CONFIG_PATH,
     GENERAL(notify.log)},
    {.shown = {"notify-url", "URL", false, false, "none", "Where such messages are posted to as JSON"},
     .kind = LK_CONFIG_URL,
     .secret = true,
     GENERAL(notify.url)},
    {.shown =
         {"notify-url-file", "path, or credential:NAME", false, false, "none",
          "The same, when the URL is a secret: a file that holds it, or the name of a systemd credential"},
     .kind = LK_CONFIG_SECRET,
     GENERAL(notify.url_file)},
    {.shown = {"notify-token-file", "path, or credential:NAME", false, false, "none",
               "A file with a bearer token to send along, or the name of a systemd credential"},
     .kind = LK_CONFIG_SECRET,
     GENERAL(notify.token_file)},
    {.shown = {"notify-success", "yes or no", false, false, "no", "Tell of runs without trouble, too"},
     .kind = LK_CONFIG_YES,
     GENERAL(notify.success)},
    {.shown = {"notify-timeout", "duration", false, false, "10s",
               "How long a command or a request may take; a backup never fails by it"},
     .kind = LK_CONFIG_DURATION,
     .least = 1,
     GENERAL(notify.timeout)},
    {.shown =
         {"heartbeat-url", "URL", false, false, "none",
          "A dead man's switch: the URL is fetched after each run without trouble, with /start added before "
          "a run and /fail after one that failed"},
     .kind = LK_CONFIG_URL,
     .secret = true,
     GENERAL(notify.heartbeat_url)},
    {.shown =
         {"heartbeat-url-file", "path, or credential:NAME", false, false, "none",
          "The same, when the URL is a secret: a file that holds it, or the name of a systemd credential"},
     .kind = LK_CONFIG_SECRET,
     GENERAL(notify.heartbeat_url_file)},
};
#define KEYS (sizeof keys / sizeof keys[0])

const struct lk_config_key *lk_config_keys(size_t *count)
{
    *count = KEYS;
    return keys;
}

static struct litekeep_config_key shown[KEYS];

static void fill_shown(void)
{
    for (size_t i = 0; i < KEYS; i++)
        shown[i] = keys[i].shown;
}

const struct litekeep_config_key *lk_config_keys_shown(size_t *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_shown);
    *count = KEYS;
    return shown;
}

const struct lk_config_key *lk_config_keys_find(const char *name)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].shown.name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

const char *lk_config_keys_nearest(const char *name)
{
    const char *names[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        names[i] = keys[i].shown.name;
    return lk_text_nearest(name, names, KEYS);
}

bool lk_config_keys_is_list(const struct lk_config_key *key)
{
    return key->kind == LK_CONFIG_PATHS || key->kind == LK_CONFIG_GLOBS ||
           key->kind == LK_CONFIG_PATH_GLOBS || key->kind == LK_CONFIG_WORDS || key->kind == LK_CONFIG_SET;
}
