#include "base/processors.h"

#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PROCESSORS = 1 << 16 }; /* above what any kernel was built for */

/* The first line of <folder><group>/<file>, without its newline; false when there is none. */
static bool read_line(const char *folder, const char *group, const char *file, char *line, int size)
{
    char *path = lk_format("%s%s/%s", folder, group, file);
    FILE *f = path == NULL ? NULL : fopen(path, "re");
    lk_free(path);
    if (f == NULL)
        return false;
    const bool got = fgets(line, size, f) != NULL;
    (void)fclose(f);
    if (got)
        line[strcspn(line, "\n")] = '\0';
    return got;
}

/* quota / period, rounded up; UINT_MAX when it limits nothing. */
static unsigned whole_processors(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return UINT_MAX;
    const long long whole = quota / period + (quota % period != 0);
    return whole < UINT_MAX ? (unsigned)whole : UINT_MAX;
}

/* v2: cpu.max holds "max 100000" or "150000 100000". */
static unsigned quota_v2(const char *folder, const char *group)
{
    char line[64];
    if (!read_line(folder, group, "cpu.max", line, sizeof line))
        return UINT_MAX;
    char *rest = line;
    const long long quota = strtoll(line, &rest, 10); /* 0 for "max" */
    return whole_processors(quota, strtoll(rest, NULL, 10));
}

/* v1: cpu.cfs_quota_us is -1 when there is no limit. */
static unsigned quota_v1(const char *folder, const char *group)
{
    char quota[32];
    char period[32];
    if (!read_line(folder, group, "cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_line(folder, group, "cpu.cfs_period_us", period, sizeof period))
        return UINT_MAX;
    return whole_processors(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* The smallest quota from `group` ("/a/b") up to the root. In a container the group's path may be the host's,
 * which is not mounted: its levels are then missing, and the root of the mount is the container's own group.
 */
static unsigned walk_up(const char *folder, char *group, unsigned (*quota)(const char *, const char *))
{
    unsigned least = UINT_MAX;
    if (strstr(group, "/..") != NULL)
        group[0] = '\0'; /* outside our namespace */
    for (;;) {
        char *last = strrchr(group, '/');
        if (last != NULL && last[1] == '\0')
            *last = '\0';
        const unsigned here = quota(folder, group);
        if (here < least)
            least = here;
        last = strrchr(group, '/');
        if (last == NULL)
            return least;
        *last = '\0';
    }
}

static bool lists_cpu(char *controllers)
{
    char *rest = NULL;
    for (const char *one = strtok_r(controllers, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
        if (strcmp(one, "cpu") == 0)
            return true;
    return false;
}

/* One line of /proc/self/cgroup, "hierarchy:controllers:/path"; v2 has no controllers. */
static unsigned limit_of_line(char *line, const char *mount)
{
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL)
        return UINT_MAX;
    *controllers++ = '\0';
    *group++ = '\0';
    if (controllers[0] == '\0')
        return walk_up(mount, group, quota_v2);
    if (!lists_cpu(controllers))
        return UINT_MAX;
    /* Where it is mounted as "cpu,cpuacct", "cpu" is a link to that. */
    char *folder = lk_format("%s/cpu", mount);
    const unsigned limit = folder == NULL ? UINT_MAX : walk_up(folder, group, quota_v1);
    lk_free(folder);
    return limit;
}

unsigned lk_processors_of_cgroup(const char *membership, const char *mount)
{
    unsigned least = UINT_MAX;
    FILE *f = fopen(membership, "re");
    if (f == NULL)
        return least;
    char *line = NULL; /* getline's own: the one allocation that does not come from base/memory.h */
    size_t cap = 0;
    while (getline(&line, &cap, f) > 0) {
        line[strcspn(line, "\n")] = '\0';
        const unsigned limit = limit_of_line(line, mount);
        if (limit < least)
            least = limit;
    }
    free(line);
    (void)fclose(f);
    return least;
}

/* Processors that the affinity mask allows; 0 when the kernel does not say. */
static unsigned allowed(void)
{
    for (size_t most = 1024; most <= MOST_PROCESSORS; most *= 2) {
        const size_t size = CPU_ALLOC_SIZE(most);
        cpu_set_t *set = lk_allocate_zeroed(1, size);
        if (set == NULL)
            return 0;
        const bool got = sched_getaffinity(0, size, set) == 0;
        const int count = got ? CPU_COUNT_S(size, set) : 0;
        const bool larger = !got && errno == EINVAL; /* the kernel's mask does not fit */
        lk_free(set);
        if (!larger)
            return (unsigned)count;
    }
    return 0;
}

unsigned lk_processors(void)
{
    unsigned count = allowed();
    if (count == 0) {
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        count = online > 0 ? (unsigned)online : 1;
    }
    const unsigned limit = lk_processors_of_cgroup("/proc/self/cgroup", "/sys/fs/cgroup");
    return limit < count ? limit : count;
}
