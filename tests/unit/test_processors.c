#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/processors.h"

#include "scratch.h"

#include <limits.h>
#include <sched.h>
#include <sys/stat.h>

/* A made-up /proc/self/cgroup and /sys/fs/cgroup in a folder. */
struct system {
    struct lk_dir dir;
};

static int make_system(void **state)
{
    static struct system s;
    *state = &s;
    return scratch_make(&s.dir) ? 0 : -1;
}

static int remove_system(void **state)
{
    struct system *s = *state;
    return scratch_remove(&s->dir) ? 0 : -1;
}

/* Write `text` to a file below, making its folders. */
static void put(const struct system *s, const char *path, const char *text)
{
    char whole[512];
    (void)snprintf(whole, sizeof whole, "%s/%s", s->dir.path, path);
    for (char *at = whole + strlen(s->dir.path) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(whole, 0700);
        *at = '/';
    }
    FILE *f = fopen(whole, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static unsigned limit(const struct system *s)
{
    char membership[512];
    char mount[512];
    (void)snprintf(membership, sizeof membership, "%s/membership", s->dir.path);
    (void)snprintf(mount, sizeof mount, "%s/mount", s->dir.path);
    return lk_processors_of_cgroup(membership, mount);
}

static void without_cgroups_there_is_no_limit(void **state)
{
    const struct system *s = *state;
    assert_int_equal(limit(s), UINT_MAX);
    put(s, "membership", "");
    assert_int_equal(limit(s), UINT_MAX);
    put(s, "membership", "0::/\n");
    assert_int_equal(limit(s), UINT_MAX);
}

static void a_v2_quota_is_rounded_up(void **state)
{
    const struct system *s = *state;
    static const struct {
        const char *text;
        unsigned processors;
    } cases[] = {
        {"200000 100000\n", 2}, {"150000 100000\n", 2}, {"100001 100000\n", 2},
        {"100000 100000\n", 1}, {"1000 100000\n", 1},   {"1600000 50000\n", 32},
    };
    put(s, "membership", "0::/job\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(s, "mount/job/cpu.max", cases[i].text);
        assert_int_equal(limit(s), cases[i].processors);
    }
}

static void what_is_no_quota_limits_nothing(void **state)
{
    const struct system *s = *state;
    static const char *const cases[] = {"max 100000\n", "max\n",       "",           "\n",      "x y\n",
                                        "100000 0\n",   "-1 100000\n", "0 100000\n", "100000\n"};
    put(s, "membership", "0::/job\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(s, "mount/job/cpu.max", cases[i]);
        assert_int_equal(limit(s), UINT_MAX);
    }
    put(s, "membership", "nonsense\n1:2\n:::\n\n0::\n");
    assert_int_equal(limit(s), UINT_MAX);
}

static void the_smallest_quota_up_to_the_root_wins(void **state)
{
    const struct system *s = *state;
    put(s, "membership", "0::/a/b/c\n");
    put(s, "mount/a/b/c/cpu.max", "max 100000\n");
    put(s, "mount/a/b/cpu.max", "800000 100000\n");
    assert_int_equal(limit(s), 8);
    put(s, "mount/a/cpu.max", "300000 100000\n");
    assert_int_equal(limit(s), 3);
    put(s, "mount/a/b/c/cpu.max", "200000 100000\n");
    assert_int_equal(limit(s), 2);
    put(s, "mount/cpu.max", "100000 100000\n");
    assert_int_equal(limit(s), 1);
}

static void in_a_container_the_root_of_the_mount_counts(void **state)
{
    const struct system *s = *state;
    put(s, "mount/cpu.max", "400000 100000\n");
    /* The host's path, which is not mounted; the root itself; and a group outside the namespace. */
    put(s, "membership", "0::/system.slice/docker-0123.scope\n");
    assert_int_equal(limit(s), 4);
    put(s, "membership", "0::/\n");
    assert_int_equal(limit(s), 4);
    put(s, "membership", "0::/../..\n");
    assert_int_equal(limit(s), 4);
}

static void a_v1_quota_counts(void **state)
{
    const struct system *s = *state;
    put(s, "membership", "12:pids:/x\n4:cpuset:/y\n3:cpu,cpuacct:/batch/job\n0::/z\n");
    put(s, "mount/cpu/batch/job/cpu.cfs_quota_us", "250000\n");
    put(s, "mount/cpu/batch/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(limit(s), 3);
    put(s, "mount/cpu/batch/job/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(limit(s), UINT_MAX);
    put(s, "mount/cpu/batch/cpu.cfs_quota_us", "500000\n");
    assert_int_equal(limit(s), UINT_MAX); /* no period there */
    put(s, "mount/cpu/batch/cpu.cfs_period_us", "100000\n");
    assert_int_equal(limit(s), 5);
    /* cpuset and cpuacct are other controllers */
    put(s, "membership", "4:cpuset,cpuacct:/batch/job\n");
    assert_int_equal(limit(s), UINT_MAX);
}

static void there_is_at_least_one_processor_and_no_more_than_affinity_allows(void **state)
{
    (void)state;
    cpu_set_t before;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_in_range(lk_processors(), 1, (unsigned)CPU_COUNT(&before));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(lk_processors(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
#define WITH_SYSTEM(test) cmocka_unit_test_setup_teardown(test, make_system, remove_system)
    const struct CMUnitTest tests[] = {
        WITH_SYSTEM(without_cgroups_there_is_no_limit),
        WITH_SYSTEM(a_v2_quota_is_rounded_up),
        WITH_SYSTEM(what_is_no_quota_limits_nothing),
        WITH_SYSTEM(the_smallest_quota_up_to_the_root_wins),
        WITH_SYSTEM(in_a_container_the_root_of_the_mount_counts),
        WITH_SYSTEM(a_v1_quota_counts),
        cmocka_unit_test(there_is_at_least_one_processor_and_no_more_than_affinity_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
