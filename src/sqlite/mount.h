/* On what kind of file system does a path lie, and which file is it, whoever asks? Any thread. */
#ifndef LK_SQLITE_MOUNT_H
#define LK_SQLITE_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* A mount, from one line of /proc/self/mountinfo (proc(5)): the fields, unescaped, all owned. */
struct lk_mount {
    char *type;   /* "ext4", "nfs4", "fuse.sshfs", "fuseblk"; "" when unknown */
    char *source; /* "/dev/sda1", "server:/export" */
    char *root; /* the folder of that file system which is mounted here ("/" unless a bind mount or subvolume)
                 */
    char *point;    /* where it is mounted */
    uint64_t magic; /* statfs f_type; 0 when unknown */
    bool network;   /* lk_mount_is_network(magic, type) */
};

/* Is -shm not shared between all who may have a file open there, or may another host write it? `magic` is
 * statfs' f_type; `type` the mountinfo type, or NULL when unknown. FUSE is a network unless the type is
 * fuseblk (a local block device). Magics: linux/magic.h and the file systems' own sources. */
bool lk_mount_is_network(uint64_t magic, const char *type);

/* Find the mount of the real path `path` in the text of a mountinfo file: the longest mount point that is a
 * prefix, the last line among equals (a later mount hides an earlier one). LK_NOT_FOUND when there is none.
 * out->magic is 0 and network by the type alone. */
enum lk_status lk_mount_find(const char *mountinfo, const char *path, struct lk_mount **out,
                             struct lk_error *err) LK_CHECKED;

/* The mount of an existing path, from statfs and /proc/self/mountinfo. Without /proc the type is "" and the
 * magic decides. */
enum lk_status lk_mount_of(const char *path, struct lk_mount **out, struct lk_error *err) LK_CHECKED;
void lk_mount_free(struct lk_mount *m); /* NULL is allowed */

/* The identity of the file at the real path `path` on mount `m`: on a local file system
 * "local:<machine>:<path>", on a network one "mount:<source><path inside the source>", so that two login
 * nodes agree wherever they mount it, also through bind mounts. NULL when memory is out; free with lk_free.
 */
char *lk_mount_identity(const struct lk_mount *m, const char *machine, const char *path);

/* This machine: the id in /etc/machine-id, else "host-<hostname>". NULL when memory is out; free with
 * lk_free. */
char *lk_mount_machine(void);

/* All of it for one existing path: resolves links, finds the mount. *out is the identity, freed with lk_free.
 */
enum lk_status lk_mount_identify(const char *path, char **out, struct lk_error *err) LK_CHECKED;

#endif
