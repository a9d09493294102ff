#include "store/legacy.h"

#include "base/clock.h"
#include "base/memory.h"
#include "store/names.h"

#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

static bool digits(const char **at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9')
            return false;
    }
    *at += count;
    return true;
}

static bool one_of(const char **at, const char *set)
{
    if (**at == '\0' || strchr(set, **at) == NULL)
        return false;
    ++*at;
    return true;
}

bool lk_legacy_parse_name(const char *name, int64_t *started)
{
    const char *at = name;
    if (lk_name_is_id(name) || !digits(&at, 4) || !one_of(&at, "-") || !digits(&at, 2) || !one_of(&at, "-") ||
        !digits(&at, 2) || !one_of(&at, "-T_ "))
        return false;
    const char *time[3];
    for (size_t i = 0; i < 3; i++) {
        time[i] = at;
        if (!digits(&at, 2))
            return false;
        if (i < 2)
            (void)one_of(&at, ":-._");
    }
    const char *fraction = at;
    if (one_of(&at, ".,")) {
        while (*at >= '0' && *at <= '9')
            at++;
    }
    if (*at != '\0' || at - fraction == 1 || at - fraction > 10)
        return false;
    char text[64]; /* without an offset lk_time_parse reads local time, as the script's clock was */
    (void)snprintf(text, sizeof text, "%.10sT%.2s:%.2s:%.2s", name, time[0], time[1], time[2]);
    return lk_time_parse(text, started);
}

static bool has_folder(const struct lk_dir *dir, const char *name)
{
    struct stat st;
    return fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

bool lk_legacy_is_backup(const struct lk_dir *database, const char *name)
{
    int64_t started;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_error ignored = {0};
    if (!lk_legacy_parse_name(name, &started) || lk_dir_open_at(database, name, &dir, &ignored) != LK_OK)
        return false;
    const bool found = has_folder(&dir, "parquet") || has_folder(&dir, "json");
    lk_dir_close(&dir);
    return found;
}

/* The length of a table's name in a file name with one of these endings; 0 when it has none. */
static size_t table_length(const char *file, const char *const *endings)
{
    const size_t len = strlen(file);
    for (size_t i = 0; endings[i] != NULL; i++) {
        const size_t n = strlen(endings[i]);
        if (len > n && strcasecmp(file + len - n, endings[i]) == 0)
            return len - n;
    }
    return 0;
}

/* The longer endings first. */
static const char *const parquet_endings[] = {".parquet.gzip", ".parquet.gz", ".parquet.snappy",
                                              ".parquet",      ".pq",         NULL};
static const char *const json_endings[] = {
    ".jsonl.gzip", ".ndjson.gzip", ".json.gzip", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".jsonl.zst",
    ".ndjson.zst", ".json.zst",    ".jsonl",     ".ndjson",   ".json",      NULL};

/* The table's part, made when it is new. `name` borrowed. */
static struct lk_manifest_part *part_of(struct lk_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->tables; i++) {
        if (strcmp(m->table[i]->name, name) == 0)
            return &m->table[i]->part[0];
    }
    struct lk_manifest_table *t = lk_manifest_add_table(m, name, name);
    return t == NULL ? NULL : lk_manifest_add_part(t);
}

static enum lk_status add_file(struct lk_manifest *m, const struct lk_dir *folder, const char *shown,
                               const char *file, size_t name_len, bool is_json, struct lk_error *err)
{
    struct stat st;
    if (name_len == 0 || fstatat(folder->fd, file, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return LK_OK;
    char *name = lk_copy_bytes(file, name_len);
    struct lk_manifest_part *part = name == NULL ? NULL : part_of(m, name);
    lk_free(name);
    struct lk_manifest_file *slot = part == NULL ? NULL : is_json ? &part->json : &part->parquet;
    if (slot != NULL && slot->path != NULL)
        return LK_OK; /* the same table twice (t.json and t.json.gz): the first by name */
    if (slot != NULL)
        slot->path = lk_format("%s/%s", shown, file);
    if (slot == NULL || slot->path == NULL)
        return lk_fail_memory(err, "listing a backup's files");
    slot->bytes = (uint64_t)st.st_size;
    m->has_json |= is_json;
    m->has_parquet |= !is_json;
    return LK_OK;
}

static enum lk_status add_folder(struct lk_manifest *m, const struct lk_dir *backup, const char *name,
                                 bool is_json, struct lk_error *err)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    char **files = NULL;
    size_t count = 0;
    enum lk_status status = lk_dir_open_at(backup, name, &folder, err);
    if (status == LK_NOT_FOUND)
        return LK_OK;
    if (status == LK_OK)
        status = lk_dir_list(&folder, &files, &count, err);
    for (size_t i = 0; status == LK_OK && i < count; i++)
        status = add_file(m, &folder, name, files[i],
                          table_length(files[i], is_json ? json_endings : parquet_endings), is_json, err);
    lk_free(files);
    lk_dir_close(&folder);
    return status;
}

enum lk_status lk_legacy_manifest(const struct lk_dir *backup, const char *id, struct lk_manifest **out,
                                  struct lk_error *err)
{
    struct lk_manifest *m = lk_manifest_new();
    enum lk_status status = LK_OK;
    if (m == NULL)
        return lk_fail_memory(err, "listing a backup's files");
    m->legacy = true;
    m->parquet_codec = m->json_codec =
        (struct lk_codec_choice){.codec = LK_CODEC_NONE, .level = LK_LEVEL_DEFAULT};
    m->id = lk_copy_string(id);
    if (m->id == NULL)
        status = lk_fail_memory(err, "listing a backup's files");
    if (status == LK_OK && !lk_legacy_parse_name(id, &m->started))
        status = lk_fail(err, LK_NOT_FOUND, "%s: is no backup", backup->path);
    m->finished = m->started;
    if (status == LK_OK)
        status = add_folder(m, backup, "parquet", false, err);
    if (status == LK_OK)
        status = add_folder(m, backup, "json", true, err);
    if (status == LK_OK) {
        lk_manifest_total(m);
        *out = m;
        m = NULL;
    }
    lk_manifest_free(m);
    return status;
}

size_t lk_legacy_tables(const struct lk_dir *database, const char *id, uint64_t *bytes)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_manifest *m = NULL;
    struct lk_error ignored = {0};
    size_t tables = 0;
    *bytes = 0;
    if (lk_dir_open_at(database, id, &dir, &ignored) == LK_OK &&
        lk_legacy_manifest(&dir, id, &m, &ignored) == LK_OK) {
        tables = m->tables;
        *bytes = m->total_bytes;
    }
    lk_manifest_free(m);
    lk_dir_close(&dir);
    return tables;
}
