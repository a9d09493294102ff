#include "store/catalog.h"
#include "store/legacy.h"
#include "store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HOUR (INT64_C(3600) * FIXTURE_SECOND)
#define DAY (24 * HOUR)

static int make(void **state)
{
    static struct fixture f;
    *state = &f;
    (void)setenv("TZ", "Europe/Berlin", 1); /* two hours before UTC in summer: local days are other days */
    tzset();
    return fixture_make(&f) ? 0 : -1;
}

static int remove_all(void **state)
{
    return fixture_remove(*state) ? 0 : -1;
}

static void list(const struct fixture *f, struct lk_backup_list *out)
{
    struct lk_error err = {0};
    if (lk_catalog_list(&f->dir, out, NULL, &err) != LK_OK)
        fail_msg("%s", err.message);
}

static void append(const struct fixture *f, const char *type, const char *id, const char *status)
{
    struct lk_error err = {0};
    json_t *event = lk_journal_event(type, FIXTURE_TIME + HOUR);
    assert_int_equal(json_object_set_new(event, "id", json_string(id)), 0);
    assert_int_equal(json_object_set_new(event, "status", json_string(status)), 0);
    assert_int_equal(lk_journal_append(&f->dir, 0600, event, &err), LK_OK);
    json_decref(event);
}

/* A check that read the data of one subset of `subsets`. */
static void append_subset(const struct fixture *f, const char *id, const char *status, int subsets)
{
    struct lk_error err = {0};
    json_t *event = lk_journal_event("verify", FIXTURE_TIME + 2 * HOUR);
    assert_int_equal(json_object_set_new(event, "id", json_string(id)), 0);
    assert_int_equal(json_object_set_new(event, "status", json_string(status)), 0);
    assert_int_equal(json_object_set_new(event, "subset", json_integer(1)), 0);
    assert_int_equal(json_object_set_new(event, "subsets", json_integer(subsets)), 0);
    assert_int_equal(lk_journal_append(&f->dir, 0600, event, &err), LK_OK);
    json_decref(event);
}

static void expect_first_two(const struct fixture *f)
{
    struct lk_backup_list l;
    list(f, &l);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.entry[0].id, "2024-05-29T091442Z");
    assert_string_equal(l.entry[1].id, "2024-05-29T081442Z");
    assert_int_equal(l.entry[1].seq, 2);
    assert_true(l.entry[1].started == FIXTURE_TIME - HOUR);
    assert_true(l.entry[1].finished == FIXTURE_TIME - HOUR + FIXTURE_SECOND);
    assert_int_equal(l.entry[1].rows, 1);
    assert_int_equal(l.entry[1].tables, 1);
    assert_true(l.entry[1].bytes > 0);
    lk_backup_list_reset(&l);
}

static void backups_are_in_the_order_they_were_made_whatever_the_clock_said(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    assert_int_equal(fixture_backup(f, FIXTURE_TIME - HOUR, NULL, &err), LK_OK);
    expect_first_two(f);
    /* The same from the manifests alone. */
    assert_int_equal(unlinkat(f->dir.fd, LK_JOURNAL_FILE, 0), 0);
    expect_first_two(f);
}

static void the_journal_alone_makes_no_backup(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup_list l;
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    assert_int_equal(lk_dir_remove_tree(&f->dir, id, &err), LK_OK);
    list(f, &l);
    assert_int_equal(l.count, 0);
    lk_backup_list_reset(&l);
}

static void pins_and_checks_are_read_from_the_journal(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup_list l;
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    list(f, &l);
    assert_false(l.entry[0].pinned);
    assert_true(l.entry[0].verified_at == 0 && !l.entry[0].damaged);
    lk_backup_list_reset(&l);
    append(f, "pin", id, "");
    append(f, "verify", id, "ok");
    append(f, "verify", "2000-01-01T000000Z", "damaged");
    list(f, &l);
    assert_true(l.entry[0].pinned);
    assert_true(l.entry[0].verified_at == FIXTURE_TIME + HOUR && !l.entry[0].damaged);
    lk_backup_list_reset(&l);
    append(f, "unpin", id, "");
    append(f, "verify", id, "damaged");
    list(f, &l);
    assert_false(l.entry[0].pinned);
    assert_true(l.entry[0].damaged);
    lk_backup_list_reset(&l);
}

static void a_check_of_a_subset_makes_a_backup_neither_verified_nor_whole_again(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup_list l;
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    append_subset(f, id, "ok", 3);
    list(f, &l);
    assert_true(l.entry[0].verified_at == 0 && !l.entry[0].damaged);
    lk_backup_list_reset(&l);
    append_subset(f, id, "damaged", 3);
    append_subset(f, id, "ok", 3);
    list(f, &l);
    assert_true(l.entry[0].verified_at == 0 && l.entry[0].damaged);
    lk_backup_list_reset(&l);
    append_subset(f, id, "ok", 1); /* one of one is the whole */
    list(f, &l);
    assert_true(l.entry[0].verified_at == FIXTURE_TIME + 2 * HOUR && !l.entry[0].damaged);
    lk_backup_list_reset(&l);
}

static void a_backup_whose_manifest_is_lost_is_listed_with_the_reason(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup_list l;
    struct lk_backup *b = NULL;
    size_t index = 9;
    char first[LK_TIME_SIZE], second[LK_TIME_SIZE], path[80];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, first, &err), LK_OK);
    assert_int_equal(fixture_backup(f, FIXTURE_TIME + HOUR, second, &err), LK_OK);
    (void)snprintf(path, sizeof path, "%s/%s", second, LK_MANIFEST_FILE);
    assert_int_equal(unlinkat(f->dir.fd, path, 0), 0);
    assert_int_equal(unlinkat(f->dir.fd, LK_JOURNAL_FILE, 0), 0);
    list(f, &l);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.entry[0].id, second);
    assert_non_null(strstr(l.entry[0].problem, "manifest"));
    assert_true(l.entry[0].started == FIXTURE_TIME + HOUR);
    assert_int_equal(lk_catalog_resolve(&l, "latest", FIXTURE_TIME, &index, &err), LK_OK);
    assert_int_equal(index, 1);
    assert_int_equal(lk_catalog_resolve(&l, second, FIXTURE_TIME, &index, &err), LK_OK);
    assert_int_equal(index, 0);
    assert_int_equal(lk_backup_open(&f->dir, second, &b, &err), LK_DAMAGED);
    lk_backup_list_reset(&l);
}

static void a_renamed_backup_is_not_taken_for_another(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup *b = NULL;
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, NULL, &err), LK_OK);
    assert_int_equal(renameat(f->dir.fd, "2024-05-29T091442Z", f->dir.fd, "2020-01-01T000000Z"), 0);
    assert_int_equal(lk_backup_open(&f->dir, "2020-01-01T000000Z", &b, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "2024-05-29T091442Z"));
    assert_int_equal(lk_backup_open(&f->dir, "2024-05-29T091442Z", &b, &err), LK_NOT_FOUND);
    assert_int_equal(lk_backup_open(&f->dir, "../posts", &b, &err), LK_NOT_FOUND);
    assert_null(b);
}

static void a_file_that_is_missing_or_of_another_size_is_damage(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup *b = NULL;
    struct lk_input *in = NULL;
    char id[LK_TIME_SIZE];
    assert_int_equal(fixture_backup(f, FIXTURE_TIME, id, &err), LK_OK);
    assert_int_equal(lk_backup_open(&f->dir, id, &b, &err), LK_OK);
    struct lk_manifest_file file = b->manifest->table[0]->part[0].parquet;
    assert_int_equal(lk_backup_open_file(b, &file, &in, &err), LK_OK);
    assert_true(lk_input_size(in) == file.bytes);
    lk_input_close(in);
    file.bytes++;
    assert_int_equal(lk_backup_open_file(b, &file, &in, &err), LK_DAMAGED);
    assert_int_equal(unlinkat(b->dir.fd, file.path, 0), 0);
    assert_int_equal(lk_backup_open_file(b, &file, &in, &err), LK_DAMAGED);
    assert_non_null(strstr(err.message, "missing"));
    file.path = (char *)(uintptr_t) "../../../litekeep-store.json";
    assert_int_not_equal(lk_backup_open_file(b, &file, &in, &err), LK_OK);
    lk_backup_free(b);
}

/* Make database/run/folder/file. */
static void put_legacy(const struct fixture *f, const char *run, const char *folder, const char *file)
{
    struct lk_error err = {0};
    struct lk_dir a = LK_DIR_CLOSED, b = LK_DIR_CLOSED;
    assert_int_equal(lk_dir_create_at(&f->dir, run, 0755, false, &a, &err), LK_OK);
    assert_int_equal(lk_dir_create_at(&a, folder, 0755, false, &b, &err), LK_OK);
    assert_int_equal(lk_file_write(&b, file, lk_bytes_of("content"), 0644, false, &err), LK_OK);
    lk_dir_close(&a);
    lk_dir_close(&b);
}

static void backups_of_the_original_script_are_understood(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    struct lk_backup_list l;
    struct lk_backup *b = NULL;
    struct lk_input *in = NULL;
    const char *const run = "2024-05-29-09:14:42";
    put_legacy(f, run, "parquet", "posts.parquet.gzip");
    put_legacy(f, run, "parquet", "my likes.parquet");
    put_legacy(f, run, "json", "posts.json.gz");
    put_legacy(f, run, "json", "notes.txt");
    put_legacy(f, "2024-05-30-09:14:42", "json", "posts.json");
    put_legacy(f, "photos-2024", "json", "posts.json");
    assert_int_equal(fixture_backup(f, FIXTURE_TIME - 400 * DAY, NULL, &err), LK_OK);
    list(f, &l);
    assert_int_equal(l.count, 3);
    assert_string_equal(l.entry[0].id, run);
    assert_int_equal(l.entry[0].kind, LK_BACKUP_LEGACY);
    assert_true(l.entry[0].started == FIXTURE_TIME - 2 * HOUR); /* written in local time */
    assert_int_equal(l.entry[0].tables, 2);
    assert_int_equal(l.entry[2].kind, LK_BACKUP_ORDINARY);
    lk_backup_list_reset(&l);

    assert_int_equal(lk_backup_open(&f->dir, run, &b, &err), LK_OK);
    assert_true(b->manifest->legacy);
    assert_int_equal(b->manifest->tables, 2);
    const struct lk_manifest_table *t = lk_manifest_find_table(b->manifest, "posts");
    assert_non_null(t);
    assert_string_equal(t->part[0].parquet.path, "parquet/posts.parquet.gzip");
    assert_string_equal(t->part[0].json.path, "json/posts.json.gz");
    assert_non_null(lk_manifest_find_table(b->manifest, "my likes"));
    assert_int_equal(lk_backup_open_file(b, &t->part[0].json, &in, &err), LK_OK);
    lk_input_close(in);
    lk_backup_free(b);
}

static void only_timestamps_are_backups_of_the_original_script(void **state)
{
    (void)state;
    static const char *const good[] = {"2024-05-29-09:14:42", "2024-05-29T09:14:42", "2024-05-29_09-14-42",
                                       "2024-05-29 09:14:42.123456", "2024-05-29-091442"};
    static const char *const bad[] = {"",
                                      "2024-05-29",
                                      "2024-05-29-09:14",
                                      "2024-05-29-09:14:42x",
                                      "2024-05-29-09:14:42.",
                                      "2024-05-29T091442Z",
                                      "2024-13-29-09:14:42",
                                      "24-05-29-09:14:42",
                                      "2024-05-29-99:14:42"};
    int64_t started;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!lk_legacy_parse_name(good[i], &started) || started != FIXTURE_TIME - 2 * HOUR)
            fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (lk_legacy_parse_name(bad[i], &started))
            fail_msg("%s", bad[i]);
    }
}

/* Local time is UTC+2. In the order of the list; the clock was set back before the last but one. */
static struct lk_backup_entry resolvable[] = {
    {.id = (char[]){"2024-05-27T080000Z"}, .seq = 1, .started = INT64_C(1716796800) * 1000000000},
    {.id = (char[]){"2024-05-28T080000Z"}, .seq = 2, .started = INT64_C(1716883200) * 1000000000},
    {.id = (char[]){"2024-05-28T230000Z"}, .seq = 3, .started = INT64_C(1716937200) * 1000000000},
    {.id = (char[]){"2024-05-29T080000Z"}, .seq = 4, .started = INT64_C(1716969600) * 1000000000},
    {.id = (char[]){"2024-05-28T090000Z"}, .seq = 5, .started = INT64_C(1716886800) * 1000000000},
    {.id = (char[]){"2024-06-02T080000Z-002"}, .seq = 6, .started = INT64_C(1717315200) * 1000000000},
};

struct question {
    const char *when;
    enum lk_status status;
    size_t index;
    const char *said; /* in the message of a failure */
};

static const struct question questions[] = {
    {NULL, LK_OK, 5, NULL},
    {"", LK_OK, 5, NULL},
    {"latest", LK_OK, 5, NULL},
    {"latest~0", LK_OK, 5, NULL},
    {"latest~2", LK_OK, 3, NULL},
    {"latest~5", LK_OK, 0, NULL},
    {"latest~6", LK_NOT_FOUND, 0, "only 6"},
    {"latest~99999999999999999999999", LK_NOT_FOUND, 0, "latest~"},
    {"latest~", LK_NOT_FOUND, 0, "latest~"},
    {"latest~x", LK_NOT_FOUND, 0, "latest~x"},
    {"Latest", LK_NOT_FOUND, 0, "Latest"},
    {"2024-05-28T080000Z", LK_OK, 1, NULL},
    {"2024-06-02T080000Z-002", LK_OK, 5, NULL},
    {"2024-05-27", LK_OK, 0, NULL},
    {"2024-05-28", LK_OK, 4, NULL}, /* 23:00 UTC is the next local day; of the others the one made last */
    {"2024-05-29", LK_OK, 3, NULL},
    {"2024-05-30", LK_NOT_FOUND, 0, "2024-05-29T080000Z and 2024-06-02T080000Z-002"},
    {"2024-05-26", LK_NOT_FOUND, 0, "2024-05-27T080000Z"},
    {"2024-02-31", LK_NOT_FOUND, 0, "2024-02-31"},
    {"2024-05-28T09:00:00Z", LK_OK, 4, NULL},
    {"2024-05-28T08:59:59Z", LK_OK, 1, NULL},
    {"2024-05-28T10:00:00+02:00", LK_OK, 1, NULL},
    {"2024-05-28T10:00:00", LK_OK, 1, NULL}, /* local */
    {"2030-01-01T00:00:00Z", LK_OK, 5, NULL},
    {"2000-01-01T00:00:00Z", LK_NOT_FOUND, 0, "the oldest is 2024-05-27T080000Z"},
    {"2000-01-01T00:00:00.5Z", LK_NOT_FOUND, 0, "at or before 2000-01-01T00:00:00Z;"},
    {"0s", LK_OK, 5, NULL},
    {"1h", LK_OK, 4, NULL},
    {"7d", LK_NOT_FOUND, 0, "oldest"},
    {"144h", LK_OK, 0, NULL},
    {"2024-06", LK_OK, 5, NULL},
    {"2024-05-29T", LK_OK, 3, NULL},
    {"2024-05-28T0", LK_USAGE, 0, "2024-05-28T080000Z, 2024-05-28T090000Z"},
    {"2024-05", LK_USAGE, 0, "5 backups"},
    {"2023", LK_NOT_FOUND, 0, "there are 6"},
    {"nonsense", LK_NOT_FOUND, 0, "nonsense"},
};

static void a_user_is_understood_in_the_order_of_the_forms(void **state)
{
    (void)state;
    const struct lk_backup_list l = {.count = sizeof resolvable / sizeof *resolvable, .entry = resolvable};
    const int64_t now = INT64_C(1717315200) * 1000000000 + 1; /* just after the last */
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        const struct question *q = &questions[i];
        struct lk_error err = {0};
        size_t index = 99;
        const enum lk_status status = lk_catalog_resolve(&l, q->when, now, &index, &err);
        if (status != q->status || (status == LK_OK && index != q->index))
            fail_msg("%s: %d, %zu, %s", q->when, (int)status, index, err.message);
        if (q->said != NULL && strstr(err.message, q->said) == NULL)
            fail_msg("%s: '%s' is not in: %s", q->when, q->said, err.message);
    }
}

static void nothing_is_meant_where_there_is_nothing(void **state)
{
    (void)state;
    static const char *const forms[] = {NULL, "latest~1", "2024-05-29", "2024-05-29T09:14:42Z", "7d", "2024"};
    const struct lk_backup_list empty = {0};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct lk_error err = {0};
        size_t index;
        assert_int_equal(lk_catalog_resolve(&empty, forms[i], FIXTURE_TIME, &index, &err), LK_NOT_FOUND);
    }
}

static void ten_thousand_backups_are_listed_within_seconds(void **state)
{
    enum { BACKUPS = 10000 };
    struct fixture *f = *state;
    struct lk_buffer lines = {0};
    struct lk_error err = {0};
    struct lk_backup_list l;
    for (int i = 0; i < BACKUPS; i++) {
        char id[LK_TIME_SIZE], time[LK_TIME_SIZE];
        lk_time_format_id(FIXTURE_TIME + i * HOUR, id);
        lk_time_format(FIXTURE_TIME + i * HOUR, time);
        assert_int_equal(mkdirat(f->dir.fd, id, 0700), 0);
        lk_buffer_append_format(
            &lines,
            "{\"type\":\"backup\",\"time\":\"%s\",\"id\":\"%s\",\"seq\":%d,\"started\":\"%s\",\"finished\":"
            "\"%s\",\"rows\":%d}\n",
            time, id, i + 1, time, time, i);
    }
    assert_int_equal(lk_file_write(&f->dir, LK_JOURNAL_FILE, lk_buffer_bytes(&lines), 0600, false, &err),
                     LK_OK);
    const int64_t start = lk_clock_monotonic();
    list(f, &l);
    assert_true(lk_clock_monotonic() - start < 10 * FIXTURE_SECOND);
    assert_int_equal(l.count, BACKUPS);
    assert_int_equal(l.entry[BACKUPS - 1].seq, BACKUPS);
    assert_int_equal(l.entry[77].rows, 77);
    lk_backup_list_reset(&l);
    lk_buffer_reset(&lines);
}

static void a_sequence_number_that_cannot_be_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    uint64_t seq = 0;
    static const char *const seqs[] = {"9223372036854775807", "-1", "\"7\"", "0"};
    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++) {
        char line[200];
        (void)snprintf(line, sizeof line,
                       "{\"type\":\"backup\",\"time\":\"2024-05-29T09:14:42Z\",\"id\":\"x\",\"seq\":%s}\n",
                       seqs[i]);
        assert_int_equal(lk_file_write(&f->dir, LK_JOURNAL_FILE, lk_bytes_of(line), 0600, true, &err), LK_OK);
        assert_int_equal(lk_catalog_last_seq(&f->dir, &seq, &err), LK_OK);
        assert_int_equal(seq, 0);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, remove_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(backups_are_in_the_order_they_were_made_whatever_the_clock_said),
        TEST(the_journal_alone_makes_no_backup),
        TEST(pins_and_checks_are_read_from_the_journal),
        TEST(a_check_of_a_subset_makes_a_backup_neither_verified_nor_whole_again),
        TEST(a_backup_whose_manifest_is_lost_is_listed_with_the_reason),
        TEST(a_renamed_backup_is_not_taken_for_another),
        TEST(a_file_that_is_missing_or_of_another_size_is_damage),
        TEST(backups_of_the_original_script_are_understood),
        TEST(only_timestamps_are_backups_of_the_original_script),
        TEST(a_user_is_understood_in_the_order_of_the_forms),
        TEST(nothing_is_meant_where_there_is_nothing),
        TEST(ten_thousand_backups_are_listed_within_seconds),
        TEST(a_sequence_number_that_cannot_be_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
