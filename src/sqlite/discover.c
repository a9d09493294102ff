#include "sqlite/discover.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "sqlite/array.h"
#include "sqlite/found.h"
#include "sqlite/path.h"
#include "sqlite/tmp.h"

/* statfs.f_type of what the kernel makes up: nothing of a user lies there, and reading some of it has
 * effects. */
static const uint32_t made_up[] = {
    0x00009FA0, /* proc */
    0x62656572, /* sysfs */
    0x64626720, /* debugfs */
    0x74726163, /* tracefs */
    0x00001CD1, /* devpts */
    0x27E0EB00, /* cgroup */
    0x63677270, /* cgroup2 */
    0x73636673, /* securityfs */
    0xCAFE4A11, /* bpf */
    0x6165676C, /* pstore */
    0xDE5E81E4, /* efivarfs */
    0x62656570, /* configfs */
    0x19800202, /* mqueue */
    0x42494E4D, /* binfmt_misc */
    0x6E736673, /* nsfs */
};

struct walk {
    const struct lk_discover_options *options;
    struct lk_discovery *result;
    size_t found_cap, problem_cap, store_cap;
    char **pending; /* folders still to read, a stack */
    size_t pending_count, pending_cap;
    bool failed; /* memory ran out */
};

/* Room for one more element in an array of `count`; false (and failed) when memory is out. */
static bool grow(struct walk *w, void **array, size_t count, size_t *cap, size_t size)
{
    const bool done = lk_array_grow(array, count, cap, size);
    w->failed |= !done;
    return done;
}

static bool grow_strings(struct walk *w, char ***array, size_t count, size_t *cap)
{
    void *block = *array;
    const bool done = grow(w, &block, count, cap, sizeof **array);
    *array = block;
    return done;
}

static bool listed(const char *const *list, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], path) == 0)
            return true;
    return false;
}

static bool is_known(const struct walk *w, const char *path)
{
    return listed(w->options->known, w->options->known_count, path);
}

static void add_problem(struct walk *w, enum lk_problem_kind kind, const char *path, bool named, int system,
                        const char *reason)
{
    struct lk_discovery *r = w->result;
    void *block = r->problem;
    if (!grow(w, &block, r->problem_count, &w->problem_cap, sizeof *r->problem))
        return;
    r->problem = block;
    struct lk_problem p = {.kind = kind, .system = system, .known = is_known(w, path), .named = named};
    p.path = lk_copy_string(path);
    p.reason = system == 0 ? lk_copy_string(reason) : lk_format("%s: %s", reason, strerror(system));
    if (p.path == NULL || p.reason == NULL) {
        lk_free(p.path);
        lk_free(p.reason);
        w->failed = true;
        return;
    }
    r->problem[r->problem_count++] = p;
}

static void add_found(struct walk *w, const struct lk_found *found, const char *path)
{
    struct lk_discovery *r = w->result;
    void *block = r->found;
    if (!grow(w, &block, r->found_count, &w->found_cap, sizeof *r->found))
        return;
    r->found = block;
    char *copy = lk_copy_string(path);
    if (copy == NULL) {
        w->failed = true;
        return;
    }
    r->found[r->found_count] = *found;
    r->found[r->found_count++].path = copy;
}

static void add_store(struct walk *w, const char *path)
{
    if (!grow_strings(w, &w->result->store, w->result->store_count, &w->store_cap))
        return;
    char *copy = lk_copy_string(path);
    if (copy == NULL)
        w->failed = true;
    else
        w->result->store[w->result->store_count++] = copy;
}

static void push(struct walk *w, char *folder)
{
    if (folder == NULL || !grow_strings(w, &w->pending, w->pending_count, &w->pending_cap)) {
        lk_free(folder);
        w->failed = true;
        return;
    }
    w->pending[w->pending_count++] = folder;
}

static bool glob_matches(const char *const *globs, size_t count, const char *path, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (lk_glob_match(globs[i], strchr(globs[i], '/') == NULL ? name : path))
            return true;
    return false;
}

static bool excluded(const struct walk *w, const char *path)
{
    return glob_matches(w->options->exclude, w->options->exclude_count, path, lk_path_name(path));
}

/* Is the path, or a folder above it within `root`, excluded? */
static bool excluded_within(const struct walk *w, const char *path, const char *root)
{
    char *part = lk_copy_string(path);
    if (part == NULL)
        return false;
    bool is = false;
    while (!is && strlen(part) > strlen(root)) {
        is = excluded(w, part);
        char *slash = strrchr(part, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
    }
    lk_free(part);
    return is;
}

bool lk_discover_is_database_name(const char *name)
{
    static const char *const endings[] = {".db", ".sqlite", ".sqlite3", ".db3"};
    const size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t ending = strlen(endings[i]);
        if (len > ending && strcasecmp(name + len - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

/* Is the name that of a file which SQLite keeps beside a database? */
static bool is_companion_name(const char *name)
{
    static const char *const endings[] = {"-wal", "-journal", "-shm"};
    const size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t ending = strlen(endings[i]);
        if (len > ending && strcmp(name + len - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool stat_companion(int folder, const char *name, const char *ending, uint64_t *bytes)
{
    char *full = lk_format("%s%s", name, ending);
    struct stat st;
    const bool is =
        full != NULL && fstatat(folder, full, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
    lk_free(full);
    *bytes = is ? (uint64_t)st.st_size : 0;
    return is;
}

/* Open without following a link, without waiting for a FIFO's writer, and without touching the time of access
 * where allowed. */
static int open_quietly(int folder, const char *name)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const int fd = openat(folder, name, flags | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(folder, name, flags) : fd;
}

/* At most `len` bytes from the start; -1 with errno. */
static ssize_t read_start(int fd, uint8_t *to, size_t len)
{
    size_t got = 0;
    while (got < len) {
        const ssize_t n = pread(fd, to + got, len - got, (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

static const char *why_not_database(const char *name, const uint8_t *start, size_t len)
{
    static const char sqlite2[] = "** This file contains an SQLite 2";
    if (is_companion_name(name))
        return "a file that SQLite keeps beside a database; name the database itself";
    if (lk_header_is_database(start, len))
        return len < LK_HEADER_SIZE ? "cut off: shorter than a database's header"
                                    : "damaged: its header has no valid page size";
    if (len >= sizeof sqlite2 - 1 && memcmp(start, sqlite2, sizeof sqlite2 - 1) == 0)
        return "a database of SQLite 2, which SQLite 3 cannot read; convert it with the sqlite command of "
               "that time";
    return "encrypted, or not a SQLite database";
}

static int64_t mtime_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static void add_not_database(struct walk *w, const char *path, bool named, const struct stat *st,
                             const char *reason)
{
    add_problem(w, LK_PROBLEM_NOT_DATABASE, path, named, 0, reason);
    if (w->failed)
        return;
    struct lk_problem *p = &w->result->problem[w->result->problem_count - 1];
    p->bytes = (uint64_t)st->st_size;
    p->mtime = mtime_of(st);
}

/* Report that a file could not be opened, unless it was none of ours. */
static void report_unopened(struct walk *w, const char *path, bool named, bool reportable, int system)
{
    if (system == ELOOP || system == ENXIO) /* replaced by a link or a socket meanwhile */
        return;
    if (system != ENOENT)
        add_problem(w, LK_PROBLEM_FILE, path, named, system, "cannot open");
    else if (reportable) /* of any other file that comes and goes nobody wants to hear */
        add_problem(w, LK_PROBLEM_FILE, path, named, system, "vanished while it was looked at");
}

/* Look at one regular file. One that was named, is known, or is named like a database is reported when it is
 * none. */
static void examine(struct walk *w, int folder, const char *name, const char *path, bool named)
{
    const bool reportable = named || is_known(w, path) || lk_discover_is_database_name(name);
    const int fd = open_quietly(folder, name);
    if (fd < 0) {
        report_unopened(w, path, named, reportable, errno);
        return;
    }
    w->result->files++;
    struct stat st;
    uint8_t start[LK_HEADER_SIZE] = {0};
    ssize_t got = 0;
    struct lk_found f = {.known = is_known(w, path), .named = named};
    if (fstat(fd, &st) != 0) {
        add_problem(w, LK_PROBLEM_FILE, path, named, errno, "cannot look at it");
        goto out;
    }
    if (!S_ISREG(st.st_mode))
        goto out;
    if (st.st_size > 0 && (got = read_start(fd, start, sizeof start)) < 0) {
        add_problem(w, LK_PROBLEM_FILE, path, named, errno, "cannot read");
        goto out;
    }
    f.empty = got == 0;
    const bool is = f.empty ? reportable && !is_companion_name(name)
                            : got == sizeof start && lk_header_parse(start, &f.header);
    if (!is) {
        if (f.empty ? named : reportable || lk_header_is_database(start, (size_t)got))
            add_not_database(w, path, named, &st, why_not_database(name, start, (size_t)got));
        goto out;
    }
    f.device = st.st_dev;
    f.inode = st.st_ino;
    f.bytes = (uint64_t)st.st_size;
    f.mtime = mtime_of(&st);
    f.has_wal = stat_companion(folder, name, "-wal", &f.wal_bytes);
    f.has_journal = stat_companion(folder, name, "-journal", &f.journal_bytes);
    f.has_shm = stat_companion(folder, name, "-shm", &f.shm_bytes);
    add_found(w, &f, path);
out:
    close(fd);
}

/* Open a folder by its absolute path, one name after another, so that no link is followed whatever happens to
 * the tree meanwhile. */
static int open_folder(const char *path)
{
    char *copy = lk_copy_string(path);
    if (copy == NULL) {
        errno = ENOMEM;
        return -1;
    }
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *rest = copy;
    for (char *name; fd >= 0 && (name = strsep(&rest, "/")) != NULL;) {
        if (*name == '\0')
            continue;
        const int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const int system = errno;
        close(fd);
        errno = system;
        fd = next;
    }
    if (fd >= 0) {
        const int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const int system = errno;
        close(fd);
        errno = system;
        fd = readable;
    }
    lk_free(copy);
    return fd;
}

static bool is_made_up(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof made_up / sizeof *made_up; i++)
        if ((uint32_t)fs.f_type == made_up[i])
            return true;
    return false;
}

static bool holds_store(int fd)
{
    struct stat st;
    return fstatat(fd, LK_DISCOVER_STORE_MARK, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static char *join(const char *folder, const char *name)
{
    return lk_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);
}

/* One entry of a folder. */
static void visit(struct walk *w, int folder, const char *folder_path, const struct dirent *entry)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return;
    unsigned char type = entry->d_type;
    char *path = join(folder_path, entry->d_name);
    if (path == NULL) {
        w->failed = true;
        return;
    }
    if (type == DT_UNKNOWN) {
        struct stat st;
        if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT)
                add_problem(w, LK_PROBLEM_FILE, path, false, errno, "cannot look at it");
            goto out;
        }
        type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_CHR;
    }
    if ((type != DT_DIR && type != DT_REG) || excluded(w, path))
        goto out;
    if (type == DT_DIR && strncmp(entry->d_name, LK_TMP_PREFIX, sizeof LK_TMP_PREFIX - 1) == 0)
        goto out; /* what this program is making there, or was when it was killed */
    if (type == DT_DIR) {
        push(w, path);
        return;
    }
    const struct lk_discover_options *o = w->options;
    if (o->include_count == 0 || is_known(w, path) ||
        glob_matches(o->include, o->include_count, path, entry->d_name))
        examine(w, folder, entry->d_name, path, false);
out:
    lk_free(path);
}

static void read_folder(struct walk *w, const char *path, bool root)
{
    const int fd = open_folder(path);
    if (fd < 0) {
        const int system = errno;
        if (root)
            add_problem(w, LK_PROBLEM_ROOT, path, true, system, "cannot open the folder");
        else if (system == ENOENT)
            add_problem(w, LK_PROBLEM_FOLDER, path, false, system,
                        "the folder vanished while it was looked at");
        else if (system != ELOOP &&
                 system != ENOTDIR) /* replaced by a link or a file meanwhile: not followed */
            add_problem(w, LK_PROBLEM_FOLDER, path, false, system, "cannot open the folder");
        return;
    }
    if (is_made_up(fd)) {
        close(fd);
        return;
    }
    if (holds_store(fd)) {
        if (root)
            add_problem(w, LK_PROBLEM_STORE, path, true, 0,
                        "a litekeep store, which is not backed up into itself");
        add_store(w, path);
        close(fd);
        return;
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        add_problem(w, root ? LK_PROBLEM_ROOT : LK_PROBLEM_FOLDER, path, root, errno,
                    "cannot read the folder");
        close(fd);
        return;
    }
    w->result->folders++;
    const atomic_bool *interrupt = w->options->interrupt;
    while (!w->failed && !(interrupt != NULL && atomic_load(interrupt))) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0)
                add_problem(w, LK_PROBLEM_FOLDER, path, root, errno,
                            "the folder could not be read to its end");
            break;
        }
        visit(w, dirfd(dir), path, entry);
    }
    (void)closedir(dir);
}

static bool interrupted(const struct walk *w)
{
    return w->options->interrupt != NULL && atomic_load(w->options->interrupt);
}

static void walk_folder(struct walk *w, const char *root)
{
    read_folder(w, root, true);
    while (w->pending_count > 0 && !w->failed && !interrupted(w)) {
        char *path = w->pending[--w->pending_count];
        read_folder(w, path, false);
        lk_free(path);
    }
}

/* A file by its real path, in its folder. */
static void examine_path(struct walk *w, const char *path, bool named)
{
    char *folder = lk_copy_string(path);
    if (folder == NULL) {
        w->failed = true;
        return;
    }
    folder[lk_path_name(path) - path] = '\0';
    const int fd = open_folder(folder);
    if (fd < 0) {
        add_problem(w, LK_PROBLEM_FILE, path, named, errno, "cannot open its folder");
    } else {
        examine(w, fd, lk_path_name(path), path, named);
        close(fd);
    }
    lk_free(folder);
}

/* Is the path below a folder that was skipped as a store? */
static bool in_store(const struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->result->store_count; i++)
        if (lk_path_is_below(path, w->result->store[i]))
            return true;
    return false;
}

static bool already_seen(const struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->result->found_count; i++)
        if (strcmp(w->result->found[i].path, path) == 0)
            return true;
    for (size_t i = 0; i < w->result->problem_count; i++)
        if (strcmp(w->result->problem[i].path, path) == 0)
            return true;
    return false;
}

/* The known sources at or below `root` which the walk has not come across. */
static void examine_known(struct walk *w, const char *root)
{
    for (size_t i = 0; i < w->options->known_count && !w->failed; i++) {
        const char *path = w->options->known[i];
        if (!lk_path_is_below(path, root) || already_seen(w, path) || in_store(w, path) ||
            excluded_within(w, path, root))
            continue;
        struct stat st;
        if (lstat(path, &st) != 0) {
            const bool gone = errno == ENOENT || errno == ENOTDIR;
            if (gone)
                add_problem(w, LK_PROBLEM_GONE, path, false, 0, "no file is there any more");
            else
                add_problem(w, LK_PROBLEM_FILE, path, false, errno, "cannot look at it");
        } else if (S_ISREG(st.st_mode)) {
            examine_path(w, path, false);
        } else {
            add_problem(w, LK_PROBLEM_NOT_DATABASE, path, false, 0,
                        S_ISLNK(st.st_mode)   ? "now a symbolic link"
                        : S_ISDIR(st.st_mode) ? "now a folder"
                                              : "now a FIFO, socket or device");
        }
    }
}

/* One path of the command line. */
static void take_path(struct walk *w, const char *given)
{
    char *path = lk_path_real(given);
    if (path == NULL) {
        const int system = errno;
        add_problem(w, LK_PROBLEM_ROOT, given, true, system, "cannot find it");
        if (given[0] == '/') /* the known sources below a root that is gone are gone too */
            examine_known(w, given);
        return;
    }
    struct stat st;
    if (lstat(path, &st) != 0)
        add_problem(w, LK_PROBLEM_ROOT, path, true, errno, "cannot look at it");
    else if (S_ISDIR(st.st_mode))
        walk_folder(w, path);
    else if (S_ISREG(st.st_mode))
        examine_path(w, path, true);
    else
        add_problem(w, LK_PROBLEM_NOT_DATABASE, path, true, 0,
                    "a FIFO, socket or device, which is never opened");
    examine_known(w, path);
    lk_free(path);
}

enum lk_status lk_discover_run(const struct lk_discover_options *options, struct lk_discovery **out,
                               struct lk_error *err)
{
    struct walk w = {.options = options};
    w.result = lk_allocate_zeroed(1, sizeof *w.result);
    if (w.result == NULL)
        return lk_fail_memory(err, "looking for databases");
    for (size_t i = 0; i < options->path_count && !w.failed && !interrupted(&w); i++)
        take_path(&w, options->paths[i]);
    while (w.pending_count > 0)
        lk_free(w.pending[--w.pending_count]);
    lk_free(w.pending);

    struct lk_discovery *r = w.result;
    w.failed |= !lk_found_tidy(r);

    if (w.failed || interrupted(&w)) {
        lk_discover_free(r);
        return w.failed ? lk_fail_memory(err, "looking for databases")
                        : lk_fail(err, LK_INTERRUPTED, "interrupted while looking for databases");
    }
    *out = r;
    return LK_OK;
}

void lk_discover_free(struct lk_discovery *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->found_count; i++) {
        for (size_t k = 0; k < d->found[i].twins; k++)
            lk_free(d->found[i].twin[k]);
        lk_free(d->found[i].twin);
        lk_free(d->found[i].path);
    }
    for (size_t i = 0; i < d->problem_count; i++) {
        lk_free(d->problem[i].path);
        lk_free(d->problem[i].reason);
    }
    for (size_t i = 0; i < d->store_count; i++)
        lk_free(d->store[i]);
    lk_free(d->found);
    lk_free(d->problem);
    lk_free(d->store);
    lk_free(d);
}
