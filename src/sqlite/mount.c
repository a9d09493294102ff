#include "sqlite/mount.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "sqlite/path.h"

#define MOUNTINFO_LIMIT (16u << 20)

#define MAGIC_FUSE UINT32_C(0x65735546)

/* statfs.f_type of file systems whose files another host may have open. */
static const uint32_t network_magics[] = {
    0x00006969, /* NFS */
    0x0000517B, /* SMB, the old client */
    0xFF534D42, /* CIFS */
    0xFE534D42, /* SMB2 */
    0x0BD00BD0, /* Lustre */
    0x47504653, /* GPFS, Spectrum Scale */
    0x00C36400, /* Ceph */
    0x5346414F, /* AFS, OpenAFS */
    0x6B414653, /* kAFS */
    0x73757245, /* Coda */
    0x01021997, /* 9p: a hypervisor's or a container's host may write it */
    0x19830326, /* BeeGFS (FhGFS) */
    0xAAD7AAEA, /* PanFS */
    0x7461636F, /* OCFS2: a cluster on shared disks */
    0x01161970, /* GFS2: likewise */
    0x0000564C, /* NCP */
    0x20030528, /* OrangeFS, PVFS2 */
    0x786F4256, /* VirtualBox shared folders */
    0xBACBACBC, /* VMware shared folders (vmhgfs) */
    0x7C7C6673, /* Parallels shared folders */
    MAGIC_FUSE, /* sshfs, glusterfs, s3fs, ...; fuseblk is told apart by its type */
};

/* mountinfo types of the same, for when statfs was not asked. */
static const char *const network_types[] = {
    "nfs",   "nfs4",    "cifs",   "smb3",  "smbfs",  "lustre", "gpfs",   "ceph",
    "afs",   "openafs", "coda",   "9p",    "beegfs", "panfs",  "ocfs2",  "gfs2",
    "ncpfs", "fuse",    "vboxsf", "pvfs2", "fhgfs",  "vmhgfs", "prl_fs", "virtiofs",
};

bool lk_mount_is_network(uint64_t magic, const char *type)
{
    if (type != NULL && strcmp(type, "fuseblk") == 0)
        return false;
    for (size_t i = 0; i < sizeof network_magics / sizeof *network_magics; i++)
        if ((uint32_t)magic == network_magics[i])
            return true;
    if (type == NULL)
        return false;
    if (strncmp(type, "fuse.", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof network_types / sizeof *network_types; i++)
        if (strcmp(type, network_types[i]) == 0)
            return true;
    return false;
}

/* How many bytes of `path` the mount point covers, or -1. "/" covers the empty start of every path. */
static int covered(const char *point, const char *path)
{
    size_t len = strlen(point);
    while (len > 0 && point[len - 1] == '/')
        len--;
    if (strncmp(point, path, len) != 0 || (path[len] != '\0' && path[len] != '/'))
        return -1;
    return (int)len;
}

/* Undo mountinfo's escapes (\040 and the like) in place. */
static void unescape(char *field)
{
    char *to = field;
    for (const char *from = field; *from != '\0'; from++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
            from[3] >= '0' && from[3] <= '7') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* The fields of one line that are of use: they point into the line, which is cut up. False when it is
 * malformed. As in proc(5):
 *
 * - id, parent, major:minor, root, mount point, options, any number of optional fields, "-", type, source,
 * super options
 */
static bool split_line(char *line, struct lk_mount *out)
{
    char *field[6];
    char *rest = line;
    for (size_t i = 0; i < 6; i++) {
        field[i] = strsep(&rest, " ");
        if (rest == NULL)
            return false;
    }
    for (;;) { /* any number of optional fields, then "-" */
        const char *optional = strsep(&rest, " ");
        if (optional == NULL || rest == NULL)
            return false;
        if (strcmp(optional, "-") == 0)
            break;
    }
    out->type = strsep(&rest, " ");
    if (rest == NULL)
        return false;
    out->source = strsep(&rest, " ");
    out->root = field[3];
    out->point = field[4];
    unescape(out->type);
    unescape(out->source);
    unescape(out->root);
    unescape(out->point);
    return true;
}

static enum lk_status copy_mount(const struct lk_mount *from, struct lk_mount **out, struct lk_error *err)
{
    struct lk_mount *m = lk_allocate_zeroed(1, sizeof *m);
    if (m == NULL)
        return lk_fail_memory(err, "reading the mount table");
    m->type = lk_copy_string(from->type);
    m->source = lk_copy_string(from->source);
    m->root = lk_copy_string(from->root);
    m->point = lk_copy_string(from->point);
    if (m->type == NULL || m->source == NULL || m->root == NULL || m->point == NULL) {
        lk_mount_free(m);
        return lk_fail_memory(err, "reading the mount table");
    }
    m->magic = from->magic;
    m->network = lk_mount_is_network(m->magic, m->type);
    *out = m;
    return LK_OK;
}

enum lk_status lk_mount_find(const char *mountinfo, const char *path, struct lk_mount **out,
                             struct lk_error *err)
{
    char *text = lk_copy_string(mountinfo);
    if (text == NULL)
        return lk_fail_memory(err, "reading the mount table");
    struct lk_mount best = {0};
    int best_len = -1;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        struct lk_mount m = {0};
        if (!split_line(line, &m))
            continue;
        const int len = covered(m.point, path);
        if (len >= 0 && len >= best_len) {
            best = m;
            best_len = len;
        }
    }
    enum lk_status status;
    if (best_len < 0)
        status = lk_fail(err, LK_NOT_FOUND, "%s: in no mount of the mount table", path);
    else
        status = copy_mount(&best, out, err);
    lk_free(text);
    return status;
}

/* /proc/self/mountinfo as a string in `text`; false when it cannot be read (no /proc), which is no error
 * here. */
static bool read_mountinfo(struct lk_buffer *text)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    if (f == NULL)
        return false;
    uint8_t chunk[16384];
    size_t got;
    while (text->len < MOUNTINFO_LIMIT && (got = fread(chunk, 1, sizeof chunk, f)) > 0)
        lk_buffer_append(text, chunk, got);
    const bool whole = ferror(f) == 0;
    (void)fclose(f);
    return whole && lk_buffer_string(text) != NULL;
}

enum lk_status lk_mount_of(const char *path, struct lk_mount **out, struct lk_error *err)
{
    struct lk_buffer text = {0};
    struct lk_mount *m = NULL;
    struct statfs fs;
    enum lk_status status = LK_OK;

    char *real = lk_path_real(path);
    if (real == NULL || statfs(real, &fs) != 0) {
        const int system = errno;
        status = lk_fail_errno(err, system == ENOENT ? LK_NOT_FOUND : LK_UNREADABLE, system,
                               "%s: cannot look up its file system", path);
        goto out;
    }
    struct lk_error none = {0};
    if (read_mountinfo(&text) && lk_mount_find(lk_buffer_string(&text), real, &m, &none) != LK_OK)
        m = NULL;
    if (m == NULL) {
        char empty[] = "";
        char top[] = "/";
        const struct lk_mount unknown = {.type = empty, .source = empty, .root = top, .point = top};
        status = copy_mount(&unknown, &m, err);
        if (m == NULL)
            goto out;
    }
    m->magic = (uint32_t)fs.f_type;
    m->network = lk_mount_is_network(m->magic, m->type);
    *out = m;
out:
    lk_buffer_reset(&text);
    lk_free(real);
    return status;
}

void lk_mount_free(struct lk_mount *m)
{
    if (m == NULL)
        return;
    lk_free(m->type);
    lk_free(m->source);
    lk_free(m->root);
    lk_free(m->point);
    lk_free(m);
}

char *lk_mount_identity(const struct lk_mount *m, const char *machine, const char *path)
{
    /* A network mount without a source (no /proc, or an odd driver) cannot be told from another: then the
     * machine is part of it. */
    if (!m->network || m->source[0] == '\0')
        return lk_format("local:%s:%s", machine, path);
    const int len = covered(m->point, path);
    const char *inside = len < 0 ? path : path + len;
    size_t source_len = strlen(m->source);
    while (source_len > 0 && m->source[source_len - 1] == '/')
        source_len--;
    const char *root = strcmp(m->root, "/") == 0 ? "" : m->root;
    return lk_format("mount:%.*s%s%s", (int)source_len, m->source, root, inside);
}

char *lk_mount_machine(void)
{
    static const char *const files[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *f = fopen(files[i], "re");
        if (f == NULL)
            continue;
        char id[40] = "";
        const bool got = fgets(id, sizeof id, f) != NULL;
        (void)fclose(f);
        id[strcspn(id, "\n")] = '\0';
        if (got && strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32)
            return lk_copy_string(id);
    }
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        return lk_copy_string("host-unknown");
    return lk_format("host-%s", host);
}

enum lk_status lk_mount_identify(const char *path, char **out, struct lk_error *err)
{
    struct lk_mount *m = NULL;
    char *machine = NULL;
    enum lk_status status;

    char *real = lk_path_real(path);
    if (real == NULL) {
        const int system = errno;
        return lk_fail_errno(err, system == ENOENT ? LK_NOT_FOUND : LK_UNREADABLE, system,
                             "%s: cannot resolve the path", path);
    }
    status = lk_mount_of(real, &m, err);
    if (status != LK_OK)
        goto out;
    assert(m != NULL);
    machine = lk_mount_machine();
    char *identity = machine == NULL ? NULL : lk_mount_identity(m, machine, real);
    if (identity == NULL) {
        status = lk_fail_memory(err, "naming the source");
        goto out;
    }
    *out = identity;
out:
    lk_free(machine);
    lk_mount_free(m);
    lk_free(real);
    return status;
}
