/* What is a loss and what is none, as a table. Counts are written as text: "posts:1000#7@1200(text=900)" is a
 * table with 1,000 rows, content 7, sequence 1,200, and 900 values in its column text. Words before it: "i5"
 * inode, "c9" change counter, "part" a partial backup, "zero" a file of 0 bytes, "old" a backup before the
 * window. */
#include "base/memory.h"
#include "ops/alarm.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAY (INT64_C(86400) * 1000000000)
#define NOW (100 * DAY)
#define MOST 8

static void add_columns(struct lk_counts_table *t, char *text)
{
    char *save = NULL;
    for (char *c = strtok_r(text, ",)", &save); c != NULL; c = strtok_r(NULL, ",)", &save)) {
        char *equals = strchr(c, '=');
        *equals = '\0';
        struct lk_counts_column *column = lk_counts_add_column(t, c);
        assert_non_null(column);
        column->values = strtoull(equals + 1, NULL, 10);
    }
}

static void add_table(struct lk_counts *c, char *word)
{
    char *colon = strchr(word, ':'), *bracket = strchr(word, '('), *hash = strchr(word, '#'),
         *at = strchr(word, '@');
    *colon = '\0';
    struct lk_counts_table *t = lk_counts_add_table(c, word);
    assert_non_null(t);
    t->rows = strtoull(colon + 1, NULL, 10);
    if (hash != NULL) {
        t->has_hash = true;
        t->hash.bytes[0] = (uint8_t)atoi(hash + 1);
    }
    if (at != NULL) {
        t->has_sequence = true;
        t->sequence = atoll(at + 1);
    }
    if (strncmp(word, "sqlite_", 7) == 0)
        t->kind = LK_TABLE_INTERNAL;
    else if (strncmp(word, "fts_", 4) == 0)
        t->kind = LK_TABLE_SHADOW;
    if (bracket != NULL)
        add_columns(t, bracket + 1);
}

static struct lk_counts parse(const char *text, size_t number)
{
    struct lk_counts c = {
        .seq = number, .started = NOW - DAY, .inode = 1, .whole = true, .change_counter = 10, .bytes = 4096};
    char id[32], *copy = lk_copy_string(text), *save = NULL;
    (void)snprintf(id, sizeof id, "2026-01-01T00000%zuZ", number);
    c.id = lk_copy_string(id);
    for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        if (strchr(w, ':') != NULL)
            add_table(&c, w);
        else if (strcmp(w, "part") == 0)
            c.whole = false;
        else if (strcmp(w, "zero") == 0)
            c.bytes = 0;
        else if (strcmp(w, "old") == 0)
            c.started = NOW - 40 * DAY;
        else if (w[0] == 'm')
            c.mtime = atoll(w + 1);
        else if (w[0] == 'i')
            c.inode = strtoull(w + 1, NULL, 10);
        else if (w[0] == 'c')
            c.change_counter = (uint32_t)strtoul(w + 1, NULL, 10);
    }
    lk_free(copy);
    lk_counts_sort(&c);
    return c;
}

/* "rows posts 1000>400 =1" for each loss: kind, table, column, counts, number of the good backup; joined by
 * "; ". */
static void spell(const struct lk_losses *l, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < l->count && at < size; i++) {
        const struct lk_loss *x = &l->loss[i];
        at += (size_t)snprintf(
            out + at, size - at, "%s%s%s%s%s%s %llu>%llu =%s%s", i > 0 ? "; " : "", lk_alarm_word(x->kind),
            x->table == NULL ? "" : " ", x->table == NULL ? "" : x->table, x->column == NULL ? "" : ".",
            x->column == NULL ? "" : x->column, (unsigned long long)x->before, (unsigned long long)x->now,
            x->good == NULL ? "none" : x->good + 16, x->replaced ? " replaced" : "");
        char *z = strrchr(out, 'Z');
        if (z != NULL) {
            memmove(z, z + 1, strlen(z));
            at--;
        }
    }
}

struct row {
    const char *what;
    const char *past[MOST]; /* oldest first */
    const char *now, *losses;
    double rows_limit, values_limit; /* 0: the default */
    const char *gone;                /* numbers of backups that were pruned */
    bool restored, off, older_off, age_only;
};

/* clang-format off */
static const struct row rows[] = {
    {"nothing was there before", {0}, "posts:0", "", .rows_limit = 0},
    {"nothing has changed", {"posts:100#1"}, "posts:100#1", "", .rows_limit = 0},
    {"exactly half is left", {"posts:100"}, "posts:50", "", .rows_limit = 0},
    {"fewer than half are left", {"posts:100"}, "posts:49", "rows posts 100>49 =1", .rows_limit = 0},
    {"a table is empty", {"posts:99"}, "posts:0", "empty posts 99>0 =1", .rows_limit = 0},
    {"one row is gone, and with it all", {"posts:1"}, "posts:0", "empty posts 1>0 =1", .rows_limit = 0},
    {"an empty table stays empty", {"posts:0"}, "posts:0", "", .rows_limit = 0},
    {"40 % and again 40 %", {"posts:1000", "posts:600"}, "posts:360", "rows posts 1000>360 =1", .rows_limit = 0},
    {"the highest is too long ago", {"old posts:1000", "posts:600"}, "posts:360", "", .rows_limit = 0},
    {"the last backup counts however old it is",
     {"old posts:1000"}, "posts:360", "rows posts 1000>360 =1", .rows_limit = 0},
    {"the newest of those that had as many",
     {"posts:100", "posts:100", "posts:90"}, "posts:1", "rows posts 100>1 =2", .rows_limit = 0},
    {"that one was pruned",
     {"posts:100", "posts:90", "posts:80"}, "posts:1", "rows posts 100>1 =2", .gone = "1"},
    {"all were pruned", {"posts:100"}, "posts:1", "rows posts 100>1 =none", .gone = "1"},
    {"a tenth is allowed: 0.9 of it", {"posts:1000"}, "posts:900", "", .rows_limit = 0.1},
    {"a tenth is allowed: less", {"posts:1000"}, "posts:899", "rows posts 1000>899 =1", .rows_limit = 0.1},
    {"no loss is allowed", {"posts:1000"}, "posts:999", "rows posts 1000>999 =1", .rows_limit = 1e-15},
    {"any loss is allowed but all", {"posts:1000"}, "posts:1", "", .rows_limit = 1},
    {"any loss is allowed but all, which is lost",
     {"posts:1000"}, "posts:0", "empty posts 1000>0 =1", .rows_limit = 1},
    {"the table's alarm is off", {"posts:1000"}, "posts:0 a:1", "", .rows_limit = LK_ALARM_OFF},
    {"alarms are off", {"posts:1000"}, "", "", .off = true},
    {"internal tables do not count", {"posts:1 sqlite_stat1:50"}, "posts:1 sqlite_stat1:0", "", .rows_limit = 0},
    {"internal tables that are gone do not count", {"posts:1 sqlite_stat1:50"}, "posts:1", "", .rows_limit = 0},
    {"an index of full text does not count", {"a:1 fts_data:50"}, "a:1 fts_data:2", "", .rows_limit = 0},
    {"the content of full text does",
     {"a:1 fts_content:50"}, "a:1 fts_content:2", "rows fts_content 50>2 =1 replaced", .rows_limit = 0},

    {"values are lost", {"p:100(t=100)"}, "p:100(t=49)", "values p.t 100>49 =1", .rows_limit = 0},
    {"half of the values are left", {"p:100(t=100)"}, "p:100(t=50)", "", .rows_limit = 0},
    {"values went with their rows", {"p:100(t=100)"}, "p:60(t=60)", "", .rows_limit = 0},
    {"values went where rows went too, but more", {"p:100(t=100)"}, "p:60(t=20)", "values p.t 100>20 =1", .rows_limit = 0},
    {"rows are lost: their values are not told", {"p:100(t=100)"}, "p:10(t=0)", "rows p 100>10 =1", .rows_limit = 0},
    {"a column is dropped", {"p:100(t=100,u=100)"}, "p:100(u=100)", "", .rows_limit = 0},
    {"values lost slowly", {"p:100(t=100)", "p:100(t=60)"}, "p:100(t=36)", "values p.t 100>36 =1", .rows_limit = 0},
    {"a state that comes and goes", {"p:1000(t=3)"}, "p:1000(t=0)", "", .rows_limit = 0},
    {"few values in few rows", {"p:9(t=3)"}, "p:9(t=0)", "values p.t 3>0 =1", .rows_limit = 0},
    {"values have a limit of their own", {"p:100(t=100)"}, "p:100(t=0)", "", .values_limit = LK_ALARM_OFF},

    {"a table is gone", {"a:1 posts:100"}, "a:1", "table posts 100>0 =1", .rows_limit = 0},
    {"an empty table is gone", {"a:1 posts:0"}, "a:1", "", .rows_limit = 0},
    {"two tables are gone", {"a:1 b:2 c:3"}, "c:3", "table a 1>0 =1; table b 2>0 =1", .rows_limit = 0},
    {"a table was renamed", {"posts:100#5"}, "articles:100#5", "", .rows_limit = 0},
    {"a table was renamed and went on", {"posts:100#5(t=9)"}, "articles:120#6(t=9,u=1)", "", .rows_limit = 0},
    {"a new table has too few of its rows",
     {"posts:100#5(t=9)"}, "articles:20#6(t=9)", "table posts 100>0 =1", .rows_limit = 0},
    {"a new table lacks a column",
     {"posts:100#5(t=9,u=9)"}, "articles:100#6(t=9)", "table posts 100>0 =1", .rows_limit = 0},
    {"two went into one", {"a:100(t=9) b:100(t=9)"}, "c:200(t=9)", "", .rows_limit = 0},
    {"two went into one, which has room for one",
     {"a:100(t=9) b:100(t=9)"}, "c:120(t=9)", "table b 100>0 =1", .rows_limit = 0},
    {"a table's rows went into another", {"a:50(t=9,u=1) b:100(t=9)"}, "a:150(t=9,u=1)", "", .rows_limit = 0},
    {"another table has gained, but fewer than those rows",
     {"a:100(t=9) b:100(t=9)"}, "b:199(t=9)", "table a 100>0 =1", .rows_limit = 0},
    {"a renamed table loses", {"posts:100#5", "articles:100#5"}, "articles:30", "rows articles 100>30 =2", .rows_limit = 0},
    {"a renamed table loses slowly",
     {"posts:100#4", "posts:60#5", "articles:60#5"}, "articles:40", "rows articles 100>40 =1", .rows_limit = 0},
    {"renamed before: the old name is missed no more",
     {"posts:100#5", "articles:100#5"}, "articles:100#5", "", .rows_limit = 0},
    {"a partial backup leaves tables out", {"a:1 posts:100"}, "part a:1", "", .rows_limit = 0},
    {"after a partial one the table is still known",
     {"a:1 posts:100", "part a:1"}, "a:1", "table posts 100>0 =1", .rows_limit = 0},
    {"after a partial one its rows are still known",
     {"a:1 posts:100", "part a:1"}, "a:1 posts:7", "rows posts 100>7 =1", .rows_limit = 0},

    {"nothing is left", {"a:1 posts:100"}, "", "cut 101>0 =1", .rows_limit = 0},
    {"nothing is left of tables that held nothing", {"a:0 b:0"}, "zero c0", "cut 0>0 =1 replaced", .rows_limit = 0},
    {"tables that held nothing are dropped", {"a:0 b:0"}, "c4", "", .rows_limit = 0},
    {"only internal tables are left", {"posts:100"}, "sqlite_sequence:1", "cut 100>0 =1", .rows_limit = 0},
    {"nothing was there that is gone", {"a:0"}, "", "", .rows_limit = 0},
    {"what was cut is measured from before", {"a:100 b:100", ""}, "a:100", "table b 100>0 =1", .rows_limit = 0},

    {"the counter is back", {"c10 p:5#1"}, "c4 p:5#2", "older 10>4 =1 replaced", .rows_limit = 0},
    {"the counter is back, the content the same", {"c10 p:5#1"}, "c4 p:5#1", "", .rows_limit = 0},
    {"the counter is back, and rows are fewer", {"c10 p:9#1"}, "c4 p:8#2", "older 10>4 =1 replaced", .rows_limit = 0},
    {"the counter is back, but rows were added", {"c10 p:5#1 q:1#1"}, "c4 p:8#2 q:1#1", "", .rows_limit = 0},
    {"more rows, but of an older content",
     {"c5 p:9#1", "c10 p:5#2"}, "c4 p:9#1", "older 10>4 =2 replaced", .rows_limit = 0},
    {"the counter is back, and a table is new", {"c10 p:5#1"}, "c4 p:5#2 q:1#1", "", .rows_limit = 0},
    {"a file that is always made anew", {"c10 p:5#1@9"}, "i2 c4 p:5#2@8", "", .older_off = true},
    {"a file that is always made anew loses", {"c10 p:9#1"}, "i2 c4 p:1#2", "rows p 9>1 =1 replaced", .older_off = true},
    {"what is lost was told before", {"c10 p:9#1"}, "c4 p:1#2", "older 10>4 =1 replaced", .age_only = true},
    {"what is lost was told before, and is no older file", {"c10 p:9#1"}, "c11 p:1#2", "", .age_only = true},
    {"what holds nothing is no older file", {"c10 p:9#1"}, "c4", "", .age_only = true},
    {"after nothing there is no older file", {"c10 p:9#1", "c0"}, "c4 p:9#2", "", .age_only = true},
    {"we restored it", {"c10 p:5#1"}, "c4 p:5#2", "", .restored = true},
    {"we restored it, but rows are lost all the same",
     {"c10 p:5#1"}, "c4 p:1#2", "rows p 5>1 =1 replaced", .restored = true},
    {"the counter has come round", {"c4294967290 p:5#1"}, "c3 p:5#2", "", .rows_limit = 0},
    {"lost rows are one alarm, of an older file", {"c10 p:9#1"}, "c4 p:1#2", "rows p 9>1 =1 replaced", .rows_limit = 0},
    {"a sequence is back in another file",
     {"i1 c10 p:5#1@90"}, "i2 c20 p:5#2@80", "older p 90>80 =1 replaced", .rows_limit = 0},
    {"a sequence is back in place", {"i1 c10 p:5#1@90"}, "i1 c20 p:5#2@80", "", .rows_limit = 0},
    {"a sequence is back and the counter stands still",
     {"c10 p:5#1@90"}, "c10 p:5#2@80", "older p 90>80 =1", .rows_limit = 0},
    {"a sequence is back, the rows are the same", {"i1 p:5#1@90"}, "i2 p:5#1@80", "", .rows_limit = 0},
    {"a sequence was forgotten", {"i1 p:5#1@90"}, "i2 p:5#2", "", .rows_limit = 0},
    {"another file with other rows", {"i1 p:5#1"}, "i2 c11 p:5#2", "", .rows_limit = 0},
    {"another file with what was there before",
     {"i1 p:5#1", "i1 p:5#2"}, "i2 p:5#1", "older 0>0 =2 replaced", .rows_limit = 0},
    {"another file of an earlier time", {"i1 m9 p:5#1"}, "i2 m8 p:5#2", "older 0>0 =1 replaced", .rows_limit = 0},
    {"another file of an earlier time that has grown", {"i1 m9 p:5#1"}, "i2 m8 p:6#2", "", .rows_limit = 0},
    {"the same file of an earlier time", {"i1 m9 p:5#1"}, "i1 m8 p:5#2", "", .rows_limit = 0},
    {"the same file with what was there before", {"p:5#1", "p:5#2"}, "p:5#1", "", .rows_limit = 0},
};
/* clang-format on */

static void check(const struct row *row)
{
    struct lk_counts counts[MOST];
    const struct lk_counts *good[MOST];
    bool there[MOST];
    size_t count = 0;
    for (; row->past[count] != NULL; count++) {
        counts[count] = parse(row->past[count], count + 1);
        good[count] = &counts[count];
        there[count] = row->gone == NULL || strchr(row->gone, (char)('1' + count)) == NULL;
    }
    struct lk_counts now = parse(row->now, 9);
    struct lk_alarm_limit limits[2] = {{.lost = row->rows_limit},
                                       {.values = true, .lost = row->values_limit}};
    size_t limit_count = row->values_limit != 0 ? 2 : row->rows_limit != 0 ? 1 : 0;
    if (row->rows_limit == 0)
        limits[0].lost = LK_ALARM_LOST;
    const struct lk_settings settings = {.alarm_off = row->off,
                                         .alarm_older_off = row->older_off,
                                         .alarm_window = LK_ALARM_WINDOW,
                                         .alarm_limits = limit_count,
                                         .alarm_limit = limits};
    const struct lk_alarm_past past = {.good = good,
                                       .there = there,
                                       .count = count,
                                       .window_start = NOW - LK_ALARM_WINDOW,
                                       .restored = row->restored,
                                       .age_only = row->age_only};
    struct lk_losses losses;
    struct lk_error err = {0};
    char text[512];
    assert_int_equal(lk_alarm_rules(&past, &now, &settings, &losses, &err), LK_OK);
    spell(&losses, text, sizeof text);
    if (strcmp(text, row->losses) != 0)
        fail_msg("%s: got \"%s\", wanted \"%s\"", row->what, text, row->losses);
    lk_losses_reset(&losses);
    lk_counts_reset(&now);
    for (size_t i = 0; i < count; i++)
        lk_counts_reset(&counts[i]);
}

static void the_table_of_losses_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&rows[i]);
}

static void without_memory_it_fails_and_leaks_nothing(void **state)
{
    (void)state;
    struct lk_counts before = parse("a:100 b:100 c:100", 1), now = parse("a:1 b:1", 2);
    const struct lk_counts *good[] = {&before};
    const struct lk_settings settings = {.alarm_window = LK_ALARM_WINDOW};
    const struct lk_alarm_past past = {.good = good, .count = 1};
    for (int64_t n = 0;; n++) {
        struct lk_losses losses;
        struct lk_error err = {0};
        lk_memory_fail_after(n, 0);
        const enum lk_status status = lk_alarm_rules(&past, &now, &settings, &losses, &err);
        lk_memory_fail_after(-1, 0);
        if (status == LK_OK) {
            assert_int_equal(losses.count, 3);
            lk_losses_reset(&losses);
            assert_true(n > 1);
            break;
        }
        assert_int_equal(status, LK_FAILED);
    }
    lk_counts_reset(&before);
    lk_counts_reset(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_losses_holds),
        cmocka_unit_test(without_memory_it_fails_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
