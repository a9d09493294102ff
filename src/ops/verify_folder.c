/* The folder of a backup, against its manifest: nothing missing, nothing foreign; and SHA256SUMS. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "ops/verify_backup.h"
#include "store/commit.h"

#define SUMS_LIMIT (1u << 20) /* bytes beyond what the manifest's files take */

struct walk {
    struct lk_verify_backup *backup;
    struct lk_verify_file **file; /* by path */
    size_t files;
    enum lk_status status; /* LK_FAILED: the run has failed */
};

static int compare_paths(const void *a, const void *b)
{
    return strcmp((*(struct lk_verify_file *const *)a)->file->path,
                  (*(struct lk_verify_file *const *)b)->file->path);
}

/* The first file whose path is not before `path`. */
static size_t lower_bound(const struct walk *w, const char *path)
{
    size_t low = 0, high = w->files;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(w->file[middle]->file->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const char *type_name(mode_t mode)
{
    return S_ISDIR(mode)    ? "is a folder"
           : S_ISLNK(mode)  ? "is a symbolic link"
           : S_ISFIFO(mode) ? "is a FIFO"
           : S_ISREG(mode)  ? "is a regular file"
                            : "is a special file";
}

static void damage(struct walk *w, const char *path, const char *text)
{
    char *shown = lk_format("%s: %s", path, text);
    struct lk_error err = {0};
    /* Names in a folder may be anything: made safe by the error's own rules. */
    if (shown == NULL || lk_fail(&err, LK_DAMAGED, "%s", shown) == LK_OK)
        (void)!lk_fail_memory(&err, "comparing a folder");
    lk_free(shown);
    if (err.status == LK_DAMAGED)
        lk_verify_damages_add(&w->backup->damages, w->backup, NULL, 0, path, "%s", err.message);
    else
        lk_verify_run_fail(w->backup->database->run, &err);
}

/* A file that the manifest names: note what is there under its name. */
static void found(struct walk *w, struct lk_verify_file *file, const struct stat *st)
{
    file->device = (uint64_t)st->st_dev;
    file->inode = (uint64_t)st->st_ino;
    file->links = (uint64_t)st->st_nlink;
    file->present = S_ISREG(st->st_mode) && (uint64_t)st->st_size == file->file->bytes;
    if (file->present)
        return;
    file->absent = S_ISREG(st->st_mode) ? lk_format("is %" PRIu64 " bytes long, its manifest says %" PRIu64,
                                                    (uint64_t)st->st_size, file->file->bytes)
                                        : lk_format("%s, not a regular file", type_name(st->st_mode));
    if (file->absent == NULL)
        w->status = LK_FAILED;
}

static void walk_folder(struct walk *w, const struct lk_dir *dir, const char *prefix);

static void visit(struct walk *w, const struct lk_dir *dir, const char *name, const char *path)
{
    struct stat st;
    struct lk_dir inner = LK_DIR_CLOSED;
    struct lk_error err = {0};
    if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) /* what has gone is missing */
            damage(w, path, strerror(errno));
        return;
    }
    const size_t at = lower_bound(w, path);
    if (at < w->files && strcmp(w->file[at]->file->path, path) == 0) {
        found(w, w->file[at], &st);
        return;
    }
    const size_t len = strlen(path);
    char *folder = lk_format("%s/", path);
    if (folder == NULL) {
        w->status = LK_FAILED;
        return;
    }
    const size_t below = lower_bound(w, folder);
    const bool is_folder = below < w->files && strncmp(w->file[below]->file->path, folder, len + 1) == 0;
    if (is_folder && !S_ISDIR(st.st_mode)) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s, not a folder", type_name(st.st_mode));
        damage(w, path, text);
    } else if (is_folder) {
        if (lk_dir_open_at(dir, name, &inner, &err) == LK_OK)
            walk_folder(w, &inner, folder);
        else if (lk_verify_run_is_damage(&err))
            damage(w, path, "cannot be opened");
        else
            lk_verify_run_fail(w->backup->database->run, &err);
    } else if (strchr(path, '/') != NULL ||
               (strcmp(path, LK_MANIFEST_FILE) != 0 && strcmp(path, LK_SUMS_FILE) != 0)) {
        damage(w, path, S_ISDIR(st.st_mode) ? "a folder that is not in the manifest" : "not in the manifest");
    }
    lk_dir_close(&inner);
    lk_free(folder);
}

static void walk_folder(struct walk *w, const struct lk_dir *dir, const char *prefix)
{
    char **names = NULL;
    size_t count = 0;
    struct lk_error err = {0};
    if (lk_dir_list(dir, &names, &count, &err) != LK_OK) {
        if (lk_verify_run_is_damage(&err))
            damage(w, prefix, err.message);
        else
            lk_verify_run_fail(w->backup->database->run, &err);
        return;
    }
    for (size_t i = 0; i < count && w->status == LK_OK; i++) {
        char *path = lk_format("%s%s", prefix, names[i]);
        if (path == NULL)
            w->status = LK_FAILED;
        else
            visit(w, dir, names[i], path);
        lk_free(path);
    }
    lk_free(names);
}

/* ---- SHA256SUMS ---- */

struct line {
    const char *path; /* len bytes */
    size_t len;
    const char *digits; /* 64 */
};

/* A line of sha256sum without an escape, which no path of a manifest needs. */
static bool parse_line(const char *text, size_t len, struct line *out)
{
    const size_t digits = 2 * (size_t)LK_SHA256_SIZE;
    if (len <= digits + 2 || strspn(text, "0123456789abcdef") != digits || text[digits] != ' ' ||
        text[digits + 1] != ' ')
        return false;
    *out = (struct line){.path = text + digits + 2, .len = len - digits - 2, .digits = text};
    return memchr(out->path, '\0', out->len) == NULL;
}

static int compare_line(const struct line *line, const char *path)
{
    const size_t len = strlen(path), least = line->len < len ? line->len : len;
    const int order = memcmp(line->path, path, least);
    return order != 0 ? order : (line->len > len) - (line->len < len);
}

/* Where two lists differ: the first difference, and how many there are. */
struct differences {
    size_t count;
    char first[LK_ERROR_SIZE];
};

static void differs(struct differences *d, const char *format, ...) LK_PRINTF(2, 3);
static void differs(struct differences *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (d->count++ == 0)
        (void)vsnprintf(d->first, sizeof d->first, format, args);
    va_end(args);
}

/* A line for the file that is next. */
static void compare_sum(struct differences *d, const struct line *line, const struct lk_manifest_file *file)
{
    char hex[2 * LK_SHA256_SIZE + 1];
    lk_hex_format(file->sha256, LK_SHA256_SIZE, hex);
    if (memcmp(line->digits, hex, sizeof hex - 1) == 0)
        return;
    if (strcmp(file->path, LK_MANIFEST_FILE) == 0)
        differs(d, "has another SHA-256 for %s than that file has: one of the two was changed", file->path);
    else
        differs(d, "has another SHA-256 for %s than the manifest", file->path);
}

/* Walk both lists, which are sorted. */
static void compare_sums(struct walk *w, const struct lk_manifest_file *expected, size_t count,
                         const struct lk_buffer *text)
{
    const char *at = (const char *)text->data, *end = at == NULL ? NULL : at + text->len;
    struct differences d = {0};
    struct line line;
    size_t index = 0;
    for (size_t number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t len = (size_t)((newline == NULL ? end : newline) - at);
        const bool parsed = newline != NULL && parse_line(at, len, &line);
        at += len + (newline != NULL);
        if (!parsed) {
            differs(&d, "line %zu is not as it was written", number);
            continue;
        }
        for (; index < count && compare_line(&line, expected[index].path) > 0; index++)
            differs(&d, "has no line for %s", expected[index].path);
        if (index < count && compare_line(&line, expected[index].path) == 0)
            compare_sum(&d, &line, &expected[index++]);
        else
            differs(&d, "line %zu is for a file that is not in the manifest, or comes twice", number);
    }
    for (; index < count; index++)
        differs(&d, "has no line for %s", expected[index].path);
    char more[48] = "";
    if (d.count > 1)
        (void)snprintf(more, sizeof more, " (and %zu more differences)", d.count - 1);
    char *message = d.count == 0 ? NULL : lk_format("%s%s", d.first, more);
    if (message != NULL)
        damage(w, LK_SUMS_FILE, message);
    else if (d.count > 0)
        w->status = LK_FAILED;
    lk_free(message);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct lk_manifest_file *)a)->path, ((const struct lk_manifest_file *)b)->path);
}

/* The lines that there should be: the manifest's files, and the manifest. Paths are borrowed. */
static struct lk_manifest_file *expect(const struct walk *w, char *manifest_name, struct lk_bytes manifest)
{
    struct lk_manifest_file *all = lk_allocate_zeroed(w->files + 1, sizeof *all);
    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < w->files; i++)
        all[i] = *w->file[i]->file;
    all[w->files].path = manifest_name;
    lk_sha256_bytes(manifest.ptr, manifest.len, all[w->files].sha256);
    qsort(all, w->files + 1, sizeof *all, compare_files);
    return all;
}

static void check_sums(struct walk *w)
{
    struct lk_buffer manifest = {0}, sums = {0};
    struct lk_error err = {0};
    size_t limit = SUMS_LIMIT;
    char name[] = LK_MANIFEST_FILE;
    struct lk_manifest_file *expected = NULL;
    const struct lk_dir *dir = &w->backup->backup->dir;
    for (size_t i = 0; i < w->files; i++)
        limit += 2 * (size_t)LK_SHA256_SIZE + 3 + strlen(w->file[i]->file->path);
    enum lk_status status = lk_file_read(dir, LK_MANIFEST_FILE, LK_MANIFEST_LIMIT, &manifest, &err);
    if (status == LK_OK)
        status = lk_file_read(dir, LK_SUMS_FILE, limit, &sums, &err);
    if (status == LK_NOT_FOUND)
        damage(w, LK_SUMS_FILE, "the file is missing");
    else if (status != LK_OK && lk_verify_run_is_damage(&err))
        lk_verify_damages_add(&w->backup->damages, w->backup, NULL, 0, LK_SUMS_FILE, "%s", err.message);
    else if (status != LK_OK)
        lk_verify_run_fail(w->backup->database->run, &err);
    else if (lk_buffer_string(&sums) == NULL || /* a NUL ends the last line's digits */
             (expected = expect(w, name, lk_buffer_bytes(&manifest))) == NULL)
        w->status = LK_FAILED;
    else
        compare_sums(w, expected, w->files + 1, &sums);
    lk_free(expected);
    lk_buffer_reset(&manifest);
    lk_buffer_reset(&sums);
}

void lk_verify_folder(struct lk_verify_backup *b)
{
    struct walk w = {.backup = b, .files = b->files};
    struct lk_error err = {0};
    w.file = lk_allocate(b->files * sizeof(struct lk_verify_file *));
    if (w.file == NULL)
        w.status = LK_FAILED;
    for (size_t i = 0; w.status == LK_OK && i < b->files; i++)
        w.file[i] = &b->file[i];
    if (w.status == LK_OK && w.files > 0)
        qsort(w.file, w.files, sizeof *w.file, compare_paths);
    if (w.status == LK_OK)
        walk_folder(&w, &b->backup->dir, "");
    if (w.status == LK_OK)
        check_sums(&w);
    if (w.status != LK_OK && lk_fail_memory(&err, "comparing a folder") != LK_OK)
        lk_verify_run_fail(b->database->run, &err);
    lk_free(w.file);
}
