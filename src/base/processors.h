/* How many processors this process may use. Any thread. */
#ifndef LK_BASE_PROCESSORS_H
#define LK_BASE_PROCESSORS_H

/* Usable processors: CPU affinity and cgroup quota (v1 and v2), at least 1. */
unsigned lk_processors(void);

/* The part of it that cgroups decide, with its sources named so that tests can make them: `membership` is
 * /proc/self/cgroup, `mount` is /sys/fs/cgroup. The smallest quota from the own group up to the root, in
 * whole processors, rounded up; UINT_MAX when there is none. Sources: Linux's admin-guide/cgroup-v2.rst
 * (cpu.max) and scheduler/sched-bwc.rst (cpu.cfs_*). */
unsigned lk_processors_of_cgroup(const char *membership, const char *mount);

#endif
