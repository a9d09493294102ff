#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "host/config.h"
#include "host/config_keys.h"
#include "scratch.h"

#define HOUR (INT64_C(3600) * 1000000000)

static struct lk_config *parse(const char *text)
{
    struct lk_config *c = NULL;
    struct lk_error err = {0};
    if (lk_config_parse(text, strlen(text), "c.ini", &c, &err) != LK_OK)
        fail_msg("%s", err.message);
    return c;
}

static void refused_bytes(const char *text, size_t len, unsigned line, const char *part)
{
    struct lk_config *c = NULL;
    struct lk_error err = {0};
    char place[32];
    const enum lk_status status = lk_config_parse(text, len, "c.ini", &c, &err);
    if (status != LK_USAGE)
        fail_msg("status %d for %s", status, text);
    (void)snprintf(place, sizeof place, "c.ini:%u: ", line);
    if (strncmp(err.message, place, strlen(place)) != 0 || strstr(err.message, part) == NULL)
        fail_msg("\"%s\" is not \"%s ... %s\" for %s", err.message, place, part, text);
    assert_null(c);
}

static void refused(const char *text, unsigned line, const char *part)
{
    refused_bytes(text, strlen(text), line, part);
}

static struct lk_settings settings_of(const struct lk_config *c, const char *path, const char *folder)
{
    struct lk_settings s;
    struct lk_error err = {0};
    assert_int_equal(lk_config_settings(c, path, folder, &s, &err), LK_OK);
    return s;
}

/* ---- Values
 * -----------------------------------------------------------------------------------------------------------------
 */

static void every_general_key_arrives(void **state)
{
    (void)state;
    setenv("HOME", "/home/u", 1);
    struct lk_config *c = parse("[litekeep]\n"
                                "store = ~/b\n"
                                "store-uuid = 6b1f6f1e-3d3c-4b53-9a5e-0d4ad6f0c2a1\n"
                                "store-in-work-tree = yes\n"
                                "access = group\n"
                                "paths = ~/data, /srv/a\\,b\n"
                                "include = ~/x*, *.db\n"
                                "exclude = */cache/*\n"
                                "tmp = /var//tmp/\n"
                                "jobs = 3\n"
                                "memory = 1G\n"
                                "notify-command = tell 'a b'\n"
                                "notify-log = ~/log\n"
                                "notify-url = https://x.example/a;b#c\n"
                                "notify-url-file = ~/url\n"
                                "notify-token-file = credential:token\n"
                                "notify-success = yes\n"
                                "notify-timeout = 3s\n"
                                "heartbeat-url = http://x.example\n"
                                "heartbeat-url-file = /run/url\n");
    const struct lk_general_settings *g = lk_config_general(c);
    assert_string_equal(g->store, "/home/u/b");
    assert_string_equal(g->store_uuid, "6b1f6f1e-3d3c-4b53-9a5e-0d4ad6f0c2a1");
    assert_true(g->store_in_work_tree);
    assert_true(g->group_access);
    assert_string_equal(g->paths[0], "/home/u/data");
    assert_string_equal(g->paths[1], "/srv/a,b");
    assert_null(g->paths[2]);
    assert_string_equal(g->include[0], "/home/u/x*");
    assert_string_equal(g->include[1], "*.db");
    assert_string_equal(g->exclude[0], "*/cache/*");
    assert_string_equal(g->tmp, "/var/tmp");
    assert_int_equal(g->jobs, 3);
    assert_true(g->memory == UINT64_C(1) << 30);
    assert_string_equal(g->notify.command, "tell 'a b'");
    assert_string_equal(g->notify.log, "/home/u/log");
    assert_string_equal(g->notify.url, "https://x.example/a;b#c");
    assert_string_equal(g->notify.url_file, "/home/u/url");
    assert_string_equal(g->notify.token_file, "credential:token");
    assert_true(g->notify.success);
    assert_true(g->notify.timeout == INT64_C(3000000000));
    assert_string_equal(g->notify.heartbeat_url, "http://x.example");
    assert_string_equal(g->notify.heartbeat_url_file, "/run/url");
    lk_config_free(c);
}

static void every_key_of_a_database_arrives(void **state)
{
    (void)state;
    struct lk_config *c = parse("[/data/posts.db]\n"
                                "format = json, sqlite\n"
                                "parquet-codec = snappy\n"
                                "json-codec = zstd:3\n"
                                "table = a*, b\n"
                                "skip-table = c\n"
                                "name = p\n"
                                "snapshot = copy\n"
                                "max-lock = 500ms\n"
                                "if-older-than = 1h\n"
                                "verify = no\n"
                                "tag = x, y\n"
                                "every = 2h\n"
                                "stale-after = 5h\n"
                                "keep-last = 1\n"
                                "keep-hourly = 2\n"
                                "keep-daily = 3\n"
                                "keep-weekly = 4\n"
                                "keep-monthly = 5\n"
                                "keep-yearly = 6\n"
                                "keep-within = 7h\n"
                                "keep-tag = z\n"
                                "alarm = no\n"
                                "alarm-rows = 12.5%\n"
                                "alarm-values = off\n"
                                "alarm-window = 8h\n"
                                "alarm-older = no\n");
    struct lk_settings s = settings_of(c, "/data/posts.db", NULL);
    assert_int_equal(s.formats, LITEKEEP_JSON | LITEKEEP_SQLITE);
    assert_string_equal(s.parquet_codec, "snappy");
    assert_string_equal(s.json_codec, "zstd:3");
    assert_string_equal(s.tables[1], "b");
    assert_string_equal(s.skip_tables[0], "c");
    assert_string_equal(s.name, "p");
    assert_int_equal(s.snapshot, LITEKEEP_SNAPSHOT_COPY);
    assert_true(s.max_lock == 500000000);
    assert_true(s.if_older_than == HOUR);
    assert_true(s.no_verify);
    assert_string_equal(s.tags[1], "y");
    assert_true(s.every == 2 * HOUR && s.stale_after == 5 * HOUR);
    assert_int_equal(s.keep.last, 1);
    assert_int_equal(s.keep.hourly, 2);
    assert_int_equal(s.keep.daily, 3);
    assert_int_equal(s.keep.weekly, 4);
    assert_int_equal(s.keep.monthly, 5);
    assert_int_equal(s.keep.yearly, 6);
    assert_true(s.keep.within == 7 * HOUR);
    assert_string_equal(s.keep.tags[0], "z");
    assert_true(s.alarm_off && s.alarm_older_off);
    assert_true(lk_settings_limit(&s, "t", false) == 0.125);
    assert_true(lk_settings_limit(&s, "t", true) > 1);
    assert_true(s.alarm_window == 8 * HOUR);
    lk_settings_reset(&s);
    s = settings_of(c, "/data/posts.db-old", "posts");
    assert_int_equal(s.formats, 0);
    assert_null(s.name);
    assert_true(s.alarm_window == LK_ALARM_WINDOW);
    assert_true(lk_settings_limit(&s, "t", false) == LK_ALARM_LOST);
    lk_settings_reset(&s);
    lk_config_free(c);
}

static void an_empty_config_says_nothing(void **state)
{
    (void)state;
    struct lk_config *c = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_config_load(NULL, false, &c, &err), LK_OK);
    assert_null(lk_config_path(c));
    assert_false(lk_config_exists(c));
    assert_null(lk_config_general(c)->store);
    assert_true(lk_config_general(c)->notify.timeout == LK_NOTIFY_TIMEOUT);
    lk_config_free(c);
    c = parse("\xEF\xBB\xBF# only a comment\r\n\r\n[litekeep]\r\n");
    assert_int_equal(lk_config_sections(c), 1);
    lk_config_free(c);
}

/* inih cuts lines at 200 bytes and section names at 50. */
static void long_lines_and_names_come_through_whole(void **state)
{
    (void)state;
    char path[1800], text[8000], command[1900];
    for (unsigned round = 0; round < 28; round++) {
        size_t len = 0, words = 0;
        for (; len < 1000 + 17 * round; len++)
            path[len] = len % 23 == 0 ? '/' : (char)('a' + (len * 7 + round) % 26);
        path[len - 1] = 'e';
        path[len] = '\0';
        for (; words < 900 + 31 * round; words++)
            command[words] = words % 7 == 3 || words % 31 == 5 ? ' ' : (char)(words % 5 == 1 ? '#' : 'x');
        command[0] = command[words - 1] = 'e';
        command[words] = '\0';
        for (char *at = command; (at = strstr(at, " #")) != NULL;)
            at[1] = 'y';
        (void)snprintf(text, sizeof text,
                       "[litekeep]\nnotify-command = %s\npaths = %s, %s\n[%s]\nformat=json", command, path,
                       path, path);
        struct lk_config *c = parse(text);
        struct lk_settings s = settings_of(c, path, NULL);
        assert_string_equal(lk_config_general(c)->notify.command, command);
        assert_string_equal(lk_config_general(c)->paths[1], path);
        assert_int_equal(s.formats, LITEKEEP_JSON);
        lk_settings_reset(&s);
        lk_config_free(c);
    }
}

static void a_list_goes_on_behind_a_comma_only(void **state)
{
    (void)state;
    struct lk_config *c =
        parse("[litekeep]\n  exclude = a, ; one\n# two\n\n      b ; three\n  include = c\n");
    const struct lk_general_settings *g = lk_config_general(c);
    assert_string_equal(g->exclude[0], "a");
    assert_string_equal(g->exclude[1], "b");
    assert_null(g->exclude[2]);
    assert_string_equal(g->include[0], "c");
    lk_config_free(c);
    c = parse("[litekeep]\nexclude = a,\n[x]\ntag = b,");
    assert_string_equal(lk_config_general(c)->exclude[0], "a");
    assert_null(lk_config_general(c)->exclude[1]);
    lk_config_free(c);
    refused("[litekeep]\nexclude = a\n  b\n", 3, "behind a comma");
    refused("[litekeep]\nexclude = a,\ninclude = b\n", 3, "remove the comma");
    refused("[litekeep]\nstore = /a,\n/b\n", 3, "neither");
}

/* ---- What cannot be
 * ---------------------------------------------------------------------------------------------------------
 */

static void what_cannot_be_is_refused_with_its_line(void **state)
{
    (void)state;
    setenv("HOME", "/home/u", 1);
    refused("store = /x", 1, "put [litekeep] above it");
    refused("\n[litekeep", 2, "end with ]");
    refused("[litekeep] x", 1, "end with ]");
    refused("[litekeep]\nfoo", 2, "neither");
    refused("[litekeep]\nfoo\nbar = 1", 2, "neither");
    refused("[litekeep]\nfromat = json", 2, "unknown key \"fromat\"; did you mean format?");
    refused("[litekeep]\nxyzzyx = json", 2, "unknown key \"xyzzyx\"");
    refused("[litekeep]\n = json", 2, "unknown key \"\"");
    refused("[litekeep]\nFormat = json", 2, "unknown key");
    refused("[litekeep]\nformat json = 1", 2, "no particular table");
    refused("[litekeep]\nformat = parqet", 2, "parquet, json or sqlite");
    refused("[litekeep]\nformat =", 2, "has no value");
    refused("[litekeep]\nformat = json,,parquet", 2, "before a comma");
    refused("[litekeep]\npaths =", 2, "has no value");
    refused("[litekeep]\npaths = data", 2, "begin with / or ~/");
    refused("[litekeep]\npaths = ~other/data", 2, "only ~/");
    refused("[litekeep]\nstore = backups", 2, "begin with / or ~/");
    refused("[litekeep]\nstore-uuid = 12", 2, "UUID");
    refused("[litekeep]\naccess = all", 2, "private or group");
    refused("[litekeep]\nstore-in-work-tree = maybe", 2, "yes or no");
    refused("[litekeep]\njobs = 0", 2, "above zero");
    refused("[litekeep]\njobs = -1", 2, "above zero");
    refused("[litekeep]\njobs = 99999999999999999999", 2, "whole number");
    refused("[litekeep]\nmemory = lots", 2, "size");
    refused("[litekeep]\nmax-lock = 3", 2, "duration");
    refused("[litekeep]\nmax-lock = 0s", 2, "above zero");
    refused("[litekeep]\nparquet-codec = zstd:99", 2, "zstd, gzip, snappy, lz4 or none");
    refused("[litekeep]\njson-codec = snappy", 2, "gzip, zstd or none");
    refused("[litekeep]\nsnapshot = clone", 2, "auto, read or copy");
    refused("[litekeep]\nkeep-last = many", 2, "whole number");
    refused("[litekeep]\nnotify-url = ftp://user:secret@x", 2,
            "bad value for notify-url: it has to be a URL");
    refused("[litekeep]\nheartbeat-url-file = credential:../x", 2, "begin with / or ~/");
    refused("[x]\nalarm-rows = 50", 2, "percentage");
    refused("[x]\nalarm-rows = 101%", 2, "percentage");
    refused("[x]\nalarm-rows = -1%", 2, "percentage");
    refused("[x]\nalarm-rows = %", 2, "percentage");
    refused("[x]\nalarm-rows a:b = 50%", 2, "percentage");
    refused("[litekeep]\nexclude = a # b", 2, "begins with \";\"");
    refused("[litekeep]\nname = x", 2, "one database file only");
    refused("[posts]\nname = x", 2, "one database file only");
    refused("[/]\nname = x", 2, "section is one of a folder");
    refused("[posts]\npaths = /a", 2, "in [litekeep] only");
    refused("[]", 1, "without a name");
    refused("[data/posts]", 1, "has to begin with");
    refused("[litekeep]\n[a]\n[litekeep]", 3, "already in line 1");
    refused("[a]\n[a]", 2, "already in line 1");
    refused("[~/data]\n[/home/u//data/.]", 2, "already in line 1");
    refused("[a]\ntag = x\n[b]\ntag = x\nkeep-last = 1\ntag = y", 6, "already in line 4");
    refused("[a]\nalarm-rows t = 1%\nalarm-rows = 2%\nalarm-rows t = 3%", 4, "alarm-rows t stands already");
    refused("[a]\ntag = \xff", 2, "UTF-8");
    refused("[a]\ntag = \x1b[31m", 2, "control character");
    refused_bytes("[a]\ntag = x\0y", 13, 2, "control character");
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    struct lk_buffer text = {0};
    lk_buffer_append_string(&text, "[litekeep]\n");
    for (int i = 0; i < 1000; i++)
        lk_buffer_append_string(&text, "0123456789");
    refused(lk_buffer_string(&text), 2, "a line of more than");
    lk_buffer_clear(&text);
    lk_buffer_append_string(&text, "[litekeep]\n");
    for (int i = 0; i < 300; i++)
        lk_buffer_append_string(&text, "x");
    lk_buffer_append_string(&text, " = 1");
    refused(lk_buffer_string(&text), 2, "too long");
    lk_buffer_clear(&text);
    lk_buffer_append_string(&text, "[litekeep]\nexclude = a,");
    for (int i = 0; i < 20000; i++)
        lk_buffer_append_string(&text, "\nabcdef,");
    refused(lk_buffer_string(&text), 8194, "a value of more than");
    lk_buffer_clear(&text);
    for (int i = 0; i < 1100; i++)
        lk_buffer_append_format(&text, "[s%d]\n", i);
    refused(lk_buffer_string(&text), 1001, "sections");
    lk_buffer_reset(&text);
}

/* ---- Which section holds
 * ------------------------------------------------------------------------------------------------------ */

static void the_more_specific_section_wins_key_by_key(void **state)
{
    (void)state;
    struct lk_config *c =
        parse("[posts]\nkeep-last = 4\n"
              "[/data/a/posts.db]\nkeep-last = 3\nkeep-daily = 3\n"
              "[/data/a]\nkeep-last = 2\nkeep-daily = 2\nkeep-weekly = 2\nskip-table =\n"
              "[litekeep]\nkeep-last = 1\nkeep-daily = 1\nkeep-weekly = 1\nkeep-yearly = 1\n"
              "skip-table = x, y\nsnapshot = copy\n"
              "[/data]\nsnapshot = auto\n");
    static const struct {
        const char *path, *folder;
        unsigned last, daily, weekly, yearly;
        bool skip;
        int snapshot;
    } cases[] = {
        {NULL, NULL, 1, 1, 1, 1, true, LITEKEEP_SNAPSHOT_COPY},
        {"/data/b/posts.db", NULL, 1, 1, 1, 1, true, LITEKEEP_SNAPSHOT_AUTO},
        {"/data/ab/posts.db", NULL, 1, 1, 1, 1, true, LITEKEEP_SNAPSHOT_AUTO},
        {"/data/a/other.db", NULL, 2, 2, 2, 1, false, LITEKEEP_SNAPSHOT_AUTO},
        {"/data/a/posts.db", NULL, 3, 3, 2, 1, false, LITEKEEP_SNAPSHOT_AUTO},
        {"/data/a/posts.db", "posts", 4, 3, 2, 1, false, LITEKEEP_SNAPSHOT_AUTO},
        {"/data/a/posts.db", "posts-1", 3, 3, 2, 1, false, LITEKEEP_SNAPSHOT_AUTO},
        {NULL, "posts", 4, 1, 1, 1, true, LITEKEEP_SNAPSHOT_COPY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_settings s = settings_of(c, cases[i].path, cases[i].folder);
        assert_int_equal(s.keep.last, cases[i].last);
        assert_int_equal(s.keep.daily, cases[i].daily);
        assert_int_equal(s.keep.weekly, cases[i].weekly);
        assert_int_equal(s.keep.yearly, cases[i].yearly);
        assert_int_equal(s.skip_tables != NULL, cases[i].skip);
        assert_int_equal(s.snapshot, cases[i].snapshot);
        lk_settings_reset(&s);
    }
    lk_config_free(c);
}

static void a_limit_for_tables_beats_one_for_all(void **state)
{
    (void)state;
    struct lk_config *c = parse("[litekeep]\nalarm-rows = 30%\nalarm-rows log* = off\nalarm-rows l* = 10%\n"
                                "alarm-values t = 20%\n"
                                "[posts]\nalarm-rows = 0%\nalarm-rows log_new = 5%\nalarm-rows l* = 15%\n");
    struct lk_settings s = settings_of(c, NULL, "posts");
    assert_true(lk_settings_limit(&s, "t", false) == 0);
    assert_true(lk_settings_limit(&s, "log_new", false) == 0.05);
    assert_true(lk_settings_limit(&s, "log_old", false) == 0.15);
    assert_true(lk_settings_limit(&s, "t", true) == 0.2);
    assert_true(lk_settings_limit(&s, "u", true) == LK_ALARM_LOST);
    lk_settings_reset(&s);
    s = settings_of(c, NULL, "other");
    assert_true(lk_settings_limit(&s, "t", false) == 0.3);
    assert_true(lk_settings_limit(&s, "log_old", false) == LK_ALARM_OFF);
    assert_true(lk_settings_limit(&s, "list", false) == 0.1);
    lk_settings_reset(&s);
    lk_config_free(c);
}

static void a_section_holds_for_the_path_behind_a_link_too(void **state)
{
    (void)state;
    struct lk_dir folder, data = LK_DIR_CLOSED;
    struct lk_error err = {0};
    char text[1200], real[1200], linked[1200];
    assert_true(scratch_make(&folder));
    assert_int_equal(lk_dir_create_at(&folder, "data", 0700, true, &data, &err), LK_OK);
    assert_int_equal(lk_file_write(&data, "x.db", lk_bytes("", 0), 0600, false, &err), LK_OK);
    assert_int_equal(symlinkat("data", folder.fd, "link"), 0);
    (void)snprintf(real, sizeof real, "%s/x.db", data.path);
    (void)snprintf(linked, sizeof linked, "%s/link/x.db", folder.path);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(text, sizeof text, "[%s/%s]\nkeep-last = 7\n", folder.path, i == 0 ? "link" : "data");
        struct lk_config *c = parse(text);
        struct lk_settings s = settings_of(c, real, NULL), t = settings_of(c, linked, NULL);
        assert_int_equal(s.keep.last, 7);
        assert_int_equal(t.keep.last, 7);
        lk_settings_reset(&s);
        lk_settings_reset(&t);
        lk_config_free(c);
    }
    lk_dir_close(&data);
    assert_true(scratch_remove(&folder));
}

/* ---- Showing
 * -----------------------------------------------------------------------------------------------------------------
 */

struct shown {
    char text[8192];
    bool only_set;
};

static enum lk_status show(void *context, const char *key, const char *value, unsigned line,
                           struct lk_error *err)
{
    struct shown *s = context;
    (void)err;
    const size_t len = strlen(s->text);
    if (line > 0 || !s->only_set)
        (void)snprintf(s->text + len, sizeof s->text - len, "%s=%s:%u\n", key, value, line);
    return LK_OK;
}

static void what_holds_is_shown_with_its_line(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_config *c = parse("[litekeep]\nkeep-last = 1\nalarm-rows a* = off\njobs = 2\nalarm-rows = 30%\n"
                                "[/x]\nkeep-last = 2\n[/x/y.db]\nname = z\nalarm-rows b* = 1%\n");
    struct shown s = {.only_set = true};
    assert_int_equal(lk_config_each(c, NULL, NULL, show, &s, &err), LK_OK);
    assert_string_equal(s.text, "jobs=2:4\nkeep-last=1:2\nalarm-rows=30%:5\nalarm-rows a*=off:3\n");
    s = (struct shown){.only_set = true};
    assert_int_equal(lk_config_each(c, "/x/y.db", NULL, show, &s, &err), LK_OK);
    assert_string_equal(s.text, "name=z:9\nkeep-last=2:7\nalarm-rows=30%:5\nalarm-rows b*=1%:10\nalarm-rows "
                                "a*=off:3\n");
    s = (struct shown){0};
    assert_int_equal(lk_config_each(c, "/x/y.db", NULL, show, &s, &err), LK_OK);
    assert_non_null(strstr(s.text, "format=parquet,json:0\n"));
    assert_null(strstr(s.text, "store="));
    lk_config_free(c);
}

static void every_key_has_help_and_a_fallback(void **state)
{
    (void)state;
    size_t count;
    const struct lk_config_key *keys = lk_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        const struct litekeep_config_key *k = &keys[i].shown;
        assert_true(k->help[0] >= 'A' && k->help[0] <= 'Z' && k->help[strlen(k->help) - 1] != '.');
        assert_true(k->fallback[0] != '\0' && k->kind[0] != '\0');
        assert_true(keys[i].target == LK_CONFIG_GENERAL || k->database);
        assert_ptr_equal(lk_config_keys_find(k->name), &keys[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[j].shown.name, k->name);
    }
}

/* ---- The example
 * -------------------------------------------------------------------------------------------------------------
 */

static struct lk_buffer read_example(void)
{
    struct lk_dir docs;
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    assert_int_equal(lk_dir_open(LK_SOURCE_ROOT "/docs", &docs, &err), LK_OK);
    assert_int_equal(lk_file_read(&docs, "config.example.ini", 1 << 20, &text, &err), LK_OK);
    lk_dir_close(&docs);
    return text;
}

/* With the commented keys brought to life. */
static struct lk_buffer whole_example(void)
{
    struct lk_buffer text = read_example(), out = {0};
    for (size_t i = 0; i < text.len; i++) {
        const bool starts = i == 0 || text.data[i - 1] == '\n';
        if (!starts || text.data[i] != ';')
            lk_buffer_append_byte(&out, text.data[i]);
    }
    lk_buffer_reset(&text);
    return out;
}

static void the_example_is_understood_and_has_every_key(void **state)
{
    (void)state;
    struct lk_buffer text = read_example(), whole = whole_example();
    struct lk_config *c = parse(lk_buffer_string(&text));
    assert_true(lk_config_sections(c) >= 4);
    lk_config_free(c);
    c = parse(lk_buffer_string(&whole));
    size_t count;
    const struct lk_config_key *keys = lk_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "\n%s = ", keys[i].shown.name);
        if (strstr((const char *)whole.data, line) == NULL)
            fail_msg("the example has no %s", keys[i].shown.name);
    }
    lk_config_free(c);
    lk_buffer_reset(&text);
    lk_buffer_reset(&whole);
}

static void whatever_becomes_of_the_example_is_understood_or_refused_with_a_line(void **state)
{
    (void)state;
    static const char junk[] = "[]=:;#,\n\r\t \\~/%\"'\0\xff\xc3"
                               "aZ09";
    struct lk_buffer text = whole_example();
    uint64_t random = 88172645463325252u;
    unsigned good = 0, bad = 0;
    for (int round = 0; round < 3000; round++) {
        struct lk_buffer t = {0};
        struct lk_config *c = NULL;
        struct lk_error err = {0};
        lk_buffer_append(&t, text.data, text.len);
        for (int change = 0; change < 1 + round % 4; change++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            const size_t at = random % t.len;
            if ((random >> 40) % 4 == 0)
                memmove(t.data + at, t.data + at + 1, --t.len - at);
            else
                t.data[at] = (uint8_t)junk[(random >> 32) % (sizeof junk - 1)];
        }
        const enum lk_status status = lk_config_parse((const char *)t.data, t.len, "c.ini", &c, &err);
        if (status == LK_OK) {
            struct lk_settings s = settings_of(c, "/home/u/data/posts.db", "sessions");
            lk_settings_reset(&s);
            good++;
        } else {
            assert_int_equal(status, LK_USAGE);
            assert_int_equal(strncmp(err.message, "c.ini:", 6), 0);
            bad++;
        }
        lk_config_free(c);
        lk_buffer_reset(&t);
    }
    assert_true(good > 100 && bad > 100);
    lk_buffer_reset(&text);
}

static void memory_that_runs_out_anywhere_is_an_error_without_a_leak(void **state)
{
    (void)state;
    struct lk_buffer text = whole_example();
    enum lk_status status = LK_FAILED;
    for (int64_t n = 0; status != LK_OK; n++) {
        struct lk_config *c = NULL;
        struct lk_error err = {0};
        struct lk_settings s = {0};
        lk_memory_fail_after(n, 0);
        status = lk_config_parse((const char *)text.data, text.len, "c.ini", &c, &err);
        if (status == LK_OK)
            status = lk_config_settings(c, "/home/u/data/posts.db", "sessions", &s, &err);
        lk_memory_fail_after(-1, 0);
        if (status != LK_OK)
            assert_int_equal(status, LK_FAILED);
        lk_settings_reset(&s);
        lk_config_free(c);
    }
    lk_buffer_reset(&text);
}

/* ---- Files
 * -------------------------------------------------------------------------------------------------------------------
 */

static void where_the_config_lies(void **state)
{
    (void)state;
    char *path = NULL;
    bool must;
    struct lk_error err = {0};
    setenv("HOME", "/home/u", 1);
    unsetenv("LITEKEEP_CONFIG");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    assert_int_equal(lk_config_find(NULL, &path, &must, &err), LK_OK);
    assert_string_equal(path, "/home/u/.config/litekeep/config.ini");
    assert_false(must);
    lk_free(path);
    setenv("XDG_CONFIG_HOME", "/x", 1);
    assert_int_equal(lk_config_find(NULL, &path, &must, &err), LK_OK);
    assert_string_equal(path, "/x/litekeep/config.ini");
    assert_false(must);
    lk_free(path);
    setenv("LITEKEEP_CONFIG", "/e", 1);
    assert_int_equal(lk_config_find(NULL, &path, &must, &err), LK_OK);
    assert_string_equal(path, "/e");
    assert_true(must);
    lk_free(path);
    assert_int_equal(lk_config_find("/n", &path, &must, &err), LK_OK);
    assert_string_equal(path, "/n");
    assert_true(must);
    lk_free(path);
    assert_int_equal(lk_config_find("", &path, &must, &err), LK_OK);
    assert_null(path);
    assert_false(must);
    unsetenv("LITEKEEP_CONFIG");
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    assert_int_equal(lk_config_find(NULL, &path, &must, &err), LK_OK);
    assert_null(path);
    setenv("HOME", "/home/u", 1);
}

static enum lk_status load(const char *path, bool must, bool *exists, struct lk_error *err)
{
    struct lk_config *c = NULL;
    const enum lk_status status = lk_config_load(path, must, &c, err);
    *exists = c != NULL && lk_config_exists(c);
    lk_config_free(c);
    return status;
}

static void a_file_that_others_may_write_to_is_refused(void **state)
{
    (void)state;
    struct lk_dir folder;
    struct lk_error err = {0};
    char path[1200];
    bool exists;
    assert_true(scratch_make(&folder));
    (void)snprintf(path, sizeof path, "%s/c.ini", folder.path);
    assert_int_equal(load(path, false, &exists, &err), LK_OK);
    assert_false(exists);
    assert_int_equal(load(path, true, &exists, &err), LK_NOT_FOUND);
    assert_int_equal(load("/dev/null", true, &exists, &err), LK_OK);
    assert_int_equal(load(folder.path, true, &exists, &err), LK_USAGE);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(path, true, &exists, &err), LK_USAGE);
    assert_int_equal(unlink(path), 0);
    const struct lk_bytes text = lk_bytes_of("[litekeep]\n");
    assert_int_equal(lk_file_write(&folder, "c.ini", text, 0644, false, &err), LK_OK);
    assert_int_equal(load(path, true, &exists, &err), LK_OK);
    assert_true(exists);
    assert_int_equal(chmod(path, 0664), 0);
    assert_int_equal(load(path, true, &exists, &err), LK_REFUSED);
    assert_non_null(strstr(err.message, "chmod go-w"));
    assert_int_equal(chmod(path, 0602), 0);
    assert_int_equal(load(path, true, &exists, &err), LK_REFUSED);
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        assert_int_equal(load(path, true, &exists, &err), LK_REFUSED);
        assert_non_null(strstr(err.message, "another user"));
    }
    assert_true(scratch_remove(&folder));
}

static void add(const char *path, const char *key, const char *value, bool expected)
{
    struct lk_error err = {0};
    bool changed;
    const struct lk_config_addition additions[] = {{"keep-last", "3", false}, {key, value, false}};
    if (lk_config_add(path, additions, 2, &changed, &err) != LK_OK)
        fail_msg("%s", err.message);
    assert_int_equal(changed, expected);
}

static void assert_text(const struct lk_dir *folder, const char *name, const char *expected)
{
    struct lk_error err = {0};
    struct lk_buffer text = {0};
    assert_int_equal(lk_file_read(folder, name, 1 << 20, &text, &err), LK_OK);
    assert_string_equal(lk_buffer_string(&text), expected);
    lk_buffer_reset(&text);
}

static void keys_are_added_and_every_byte_stays(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"", "[litekeep]\nkeep-last = 3\ntag = x\n"},
        {"# mine", "# mine\n\n[litekeep]\nkeep-last = 3\ntag = x\n"},
        {"[litekeep]", "[litekeep]\nkeep-last = 3\ntag = x\n"},
        {"[litekeep]\r\n[a]\r\n", "[litekeep]\r\nkeep-last = 3\r\ntag = x\r\n[a]\r\n"},
        {"[litekeep]\n  keep-last=9 ; mine\n\n# behind\n\n[a]\ntag = y\n",
         "[litekeep]\n  keep-last=9 ; mine\ntag = x\n\n# behind\n\n[a]\ntag = y\n"},
        {"[a]\ntag = y\n[litekeep]\nexclude = a,\n  b\n;tag = z",
         "[a]\ntag = y\n[litekeep]\nexclude = a,\n  b\nkeep-last = 3\ntag = x\n;tag = z"},
    };
    struct lk_dir folder;
    struct lk_error err = {0};
    char path[1200];
    assert_true(scratch_make(&folder));
    (void)snprintf(path, sizeof path, "%s/c.ini", folder.path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(lk_file_write(&folder, "c.ini", lk_bytes_of(cases[i].before), 0644, true, &err),
                         LK_OK);
        add(path, "tag", "x", true);
        assert_text(&folder, "c.ini", cases[i].after);
        add(path, "tag", "other", false);
        assert_text(&folder, "c.ini", cases[i].after);
    }
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_true(scratch_remove(&folder));
}

static void a_key_is_replaced_in_its_place_and_taken_out(void **state)
{
    (void)state;
    static const struct {
        const char *before, *value, *after;
    } cases[] = {
        {"[litekeep]\nevery=8h\n", "1d", "[litekeep]\nevery=1d\n"},
        {"\xEF\xBB\xBF[litekeep]\r\n\tevery :  8h ; mine\r\ntag = y", "1d",
         "\xEF\xBB\xBF[litekeep]\r\n\tevery :  1d ; mine\r\ntag = y"},
        {"[a]\nevery = 8h\n[litekeep]\nevery = 9h", "1d", "[a]\nevery = 8h\n[litekeep]\nevery = 1d"},
        {"[litekeep]\ntag = y\n[a]\nevery = 8h\n", "1d",
         "[litekeep]\ntag = y\nevery = 1d\n[a]\nevery = 8h\n"},
        {"[litekeep]\nevery = 1d ; same\n", "1d", NULL},
        {"; top\n[litekeep]\ntag = y\n  every = 8h ; mine\r\n# behind\n", NULL,
         "; top\n[litekeep]\ntag = y\n# behind\n"},
        {"[litekeep]\nevery = 8h", NULL, "[litekeep]\n"},
        {"[litekeep]\n[a]\nevery = 8h\n", NULL, NULL},
        {"", NULL, NULL},
    };
    static const struct lk_config_addition list = {"paths", "/x, /y", true};
    struct lk_dir folder;
    struct lk_error err = {0};
    char path[1200];
    bool changed;
    assert_true(scratch_make(&folder));
    (void)snprintf(path, sizeof path, "%s/c.ini", folder.path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct lk_config_addition edit = {"every", cases[i].value, true};
        const char *after = cases[i].after != NULL ? cases[i].after : cases[i].before;
        assert_int_equal(lk_file_write(&folder, "c.ini", lk_bytes_of(cases[i].before), 0600, true, &err),
                         LK_OK);
        for (int twice = 0; twice < 2; twice++) {
            assert_int_equal(lk_config_add(path, &edit, 1, &changed, &err), LK_OK);
            assert_int_equal(changed, twice == 0 && cases[i].after != NULL);
            assert_text(&folder, "c.ini", after);
        }
    }
    assert_int_equal(lk_file_write(&folder, "c.ini",
                                   lk_bytes_of("[litekeep]\npaths = /a, ; one\n  /b ; two\ntag = y\n"), 0600,
                                   true, &err),
                     LK_OK);
    assert_int_equal(lk_config_add(path, &list, 1, &changed, &err), LK_OK);
    assert_text(&folder, "c.ini", "[litekeep]\npaths = /x, /y ; two\ntag = y\n");
    assert_true(scratch_remove(&folder));
}

static void keys_are_added_to_a_new_file_and_behind_a_link(void **state)
{
    (void)state;
    struct lk_dir folder;
    char path[1200], file[1300];
    struct stat st;
    assert_true(scratch_make(&folder));
    (void)snprintf(path, sizeof path, "%s/a/b/c.ini", folder.path);
    add(path, "tag", "x", true);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)snprintf(file, sizeof file, "%s/link.ini", folder.path);
    assert_int_equal(symlink(path, file), 0);
    add(file, "exclude", "y", true);
    assert_int_equal(lstat(file, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    struct lk_config *c = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_config_load(path, true, &c, &err), LK_OK);
    assert_string_equal(lk_config_general(c)->exclude[0], "y");
    lk_config_free(c);
    assert_true(scratch_remove(&folder));
}

static void what_would_not_be_understood_is_not_added(void **state)
{
    (void)state;
    static const struct {
        const char *before, *key, *value;
    } cases[] = {
        {"[litekeep]\nfoo = 1\n", "tag", "x"},
        {"[litekeep]\nexclude = a,\n", "tag", "x"},
        {"[litekeep]\n", "foo", "x"},
        {"[litekeep]\n", "keep-daily", "x"},
        {"[litekeep]\n", "notify-command", "a ;b"},
        {"[litekeep]\n", "notify-command", "a\nkeep-daily = 4"},
        {"[litekeep]\n", "notify-command", " a"},
        {"[litekeep]\nkeep-daily = 7 ; x\n", "keep-daily", "x"},
    };
    struct lk_dir folder;
    struct lk_error err = {0};
    char path[1200];
    assert_true(scratch_make(&folder));
    (void)snprintf(path, sizeof path, "%s/c.ini", folder.path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool changed = true;
        const struct lk_config_addition addition = {cases[i].key, cases[i].value, true};
        assert_int_equal(lk_file_write(&folder, "c.ini", lk_bytes_of(cases[i].before), 0600, true, &err),
                         LK_OK);
        assert_int_equal(lk_config_add(path, &addition, 1, &changed, &err), LK_USAGE);
        assert_false(changed);
        assert_text(&folder, "c.ini", cases[i].before);
    }
    assert_true(scratch_remove(&folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_general_key_arrives),
        cmocka_unit_test(every_key_of_a_database_arrives),
        cmocka_unit_test(an_empty_config_says_nothing),
        cmocka_unit_test(long_lines_and_names_come_through_whole),
        cmocka_unit_test(a_list_goes_on_behind_a_comma_only),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_line),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(the_more_specific_section_wins_key_by_key),
        cmocka_unit_test(a_limit_for_tables_beats_one_for_all),
        cmocka_unit_test(a_section_holds_for_the_path_behind_a_link_too),
        cmocka_unit_test(what_holds_is_shown_with_its_line),
        cmocka_unit_test(every_key_has_help_and_a_fallback),
        cmocka_unit_test(the_example_is_understood_and_has_every_key),
        cmocka_unit_test(whatever_becomes_of_the_example_is_understood_or_refused_with_a_line),
        cmocka_unit_test(memory_that_runs_out_anywhere_is_an_error_without_a_leak),
        cmocka_unit_test(where_the_config_lies),
        cmocka_unit_test(a_file_that_others_may_write_to_is_refused),
        cmocka_unit_test(keys_are_added_and_every_byte_stays),
        cmocka_unit_test(a_key_is_replaced_in_its_place_and_taken_out),
        cmocka_unit_test(keys_are_added_to_a_new_file_and_behind_a_link),
        cmocka_unit_test(what_would_not_be_understood_is_not_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
