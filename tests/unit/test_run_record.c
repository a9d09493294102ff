#include "backup_fixture.h"

#include "base/clock.h"
#include "base/memory.h"
#include "ops/run_record.h"

#include <unistd.h>

static int set_up(void **state)
{
    static struct backup_fixture f;
    backup_fixture_make(&f);
    assert_int_equal(lk_session_store(f.lk, true, &f.err), LK_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    return backup_fixture_remove(*state) ? 0 : -1;
}

static size_t count_events(struct backup_fixture *f)
{
    struct lk_journal journal = {0};
    assert_int_equal(lk_journal_read(&f->lk->store->dir, &journal, &f->err), LK_OK);
    const size_t count = journal.count;
    lk_journal_reset(&journal);
    return count;
}

static void without_a_run_there_is_none(void **state)
{
    struct backup_fixture *f = *state;
    struct litekeep_run_status run = {.done = 7};
    char *message = NULL;
    assert_int_equal(lk_run_record_last(f->lk, &run, &message, &f->err), LK_OK);
    assert_int_equal(run.finished, 0);
    assert_int_equal(run.done, 0);
    assert_null(message);
}

static void the_last_run_is_found_with_all_that_was_noted(void **state)
{
    struct backup_fixture *f = *state;
    struct litekeep_run_status run;
    char *message = NULL;
    const int64_t started = lk_clock_now() - INT64_C(2000000000);
    lk_run_record_add(f->lk, started, LK_OK, NULL, &(struct litekeep_backup_summary){.done = 1});
    lk_run_record_add(f->lk, started, LK_UNREADABLE, "posts.db: \x1b[31m\xff is locked",
                      &(struct litekeep_backup_summary){.done = 2, .failed = 3, .alarms = 4});
    assert_int_equal(lk_run_record_last(f->lk, &run, &message, &f->err), LK_OK);
    assert_int_equal(run.started, started);
    assert_true(run.finished >= started);
    assert_int_equal(run.status, LK_UNREADABLE);
    assert_int_equal(run.done, 2);
    assert_int_equal(run.failed, 3);
    assert_int_equal(run.alarms, 4);
    assert_string_equal(message, "posts.db: \\x1B[31m\\xFF is locked");
    assert_ptr_equal(run.message, message);
    lk_free(message);
    assert_int_equal(count_events(f), 2);
}

static void a_run_without_work_is_noted_only_when_it_is_news(void **state)
{
    struct backup_fixture *f = *state;
    const struct litekeep_backup_summary idle = {.skipped = 1};
    const int64_t now = lk_clock_now();
    lk_run_record_add(f->lk, now, LK_OK, NULL, &idle);
    lk_run_record_add(f->lk, now, LK_OK, NULL, &idle);
    assert_int_equal(count_events(f), 1);
    lk_run_record_add(f->lk, now, LK_FAILED, "no space", &idle);
    lk_run_record_add(f->lk, now, LK_FAILED, "no space", &idle);
    assert_int_equal(count_events(f), 3);
    lk_run_record_add(f->lk, now, LK_OK, NULL, &idle); /* the trouble is over */
    assert_int_equal(count_events(f), 4);
}

static void a_run_is_noted_though_the_last_one_is_from_a_time_to_come(void **state)
{
    struct backup_fixture *f = *state;
    const struct lk_store *store = f->lk->store;
    const int64_t tomorrow = lk_clock_now() + INT64_C(86400000000000);
    json_t *event = lk_journal_event("run", tomorrow);
    assert_int_equal(json_object_set_new(event, "status", json_integer(LK_OK)), 0);
    assert_int_equal(lk_journal_append(&store->dir, store->journal_mode, event, &f->err), LK_OK);
    json_decref(event);
    lk_run_record_add(f->lk, lk_clock_now(), LK_OK, NULL, &(struct litekeep_backup_summary){.skipped = 1});
    assert_int_equal(count_events(f), 2);
}

/* The clock was put back while it ran. */
static void the_duration_of_a_run_is_no_difference_of_clock_times(void **state)
{
    struct backup_fixture *f = *state;
    struct lk_journal journal = {0};
    const int64_t later = lk_clock_now() + INT64_C(3600000000000);
    lk_run_record_add(f->lk, later, LK_OK, NULL, &(struct litekeep_backup_summary){.duration = 7500000});
    assert_int_equal(lk_journal_read(&f->lk->store->dir, &journal, &f->err), LK_OK);
    assert_int_equal(journal.count, 1);
    assert_int_equal(lk_journal_integer(journal.event[0], "duration_ms", -1), 7);
    lk_journal_reset(&journal);
}

static void a_session_without_a_store_notes_nothing(void **state)
{
    struct backup_fixture *f = *state;
    struct litekeep *lk = NULL;
    const struct litekeep_options options = {.store = in_scratch(&f->scratch, "elsewhere"), .config = ""};
    assert_int_equal(litekeep_open(&options, &lk, &f->err), LK_OK);
    lk_run_record_add(lk, lk_clock_now(), LK_NOT_FOUND, "no store", &(struct litekeep_backup_summary){0});
    assert_int_not_equal(access(options.store, F_OK), 0);
    litekeep_close(lk);
}

static void memory_that_runs_out_anywhere_is_survived(void **state)
{
    struct backup_fixture *f = *state;
    struct litekeep_run_status run;
    for (int64_t n = 0; n < 60; n++) {
        char *message = NULL;
        lk_memory_fail_after(n, false);
        lk_run_record_add(f->lk, lk_clock_now(), LK_FAILED, "reason",
                          &(struct litekeep_backup_summary){.done = 1});
        const enum lk_status status = lk_run_record_last(f->lk, &run, &message, &f->err);
        lk_memory_fail_after(-1, false);
        assert_true(status == LK_OK || status == LK_FAILED);
        lk_free(message);
    }
    assert_true(count_events(f) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_run_there_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_run_is_found_with_all_that_was_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_without_work_is_noted_only_when_it_is_news, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_is_noted_though_the_last_one_is_from_a_time_to_come, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_duration_of_a_run_is_no_difference_of_clock_times, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_session_without_a_store_notes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_runs_out_anywhere_is_survived, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
