/* manifest.json, read: nothing in it is believed before it is checked. */
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/manifest.h"
#include "store/names.h"
#include "store/record.h"

#include <inttypes.h>
#include <stdlib.h>

#define COUNT_LIMIT                                                                                          \
    (UINT64_C(1)                                                                                             \
     << 53) /* rows and bytes: more than any SQLite database can hold, less than overflows in sums */

enum {
    LIST_LIMIT = 16 << 20, /* elements of any list: the file's size bounds them in earnest */
    COLUMNS_LIMIT = 32767, /* SQLite's own */
    PART_BITS_LIMIT = 63
};

static uint64_t get_count(const struct lk_record *r, const char *key)
{
    return lk_record_count(r, key, COUNT_LIMIT);
}

static uint64_t get_digits(const struct lk_record *r, const char *key)
{
    char *text = lk_record_text(r, key);
    uint64_t value = 0;
    bool ok = text != NULL && text[0] != '\0';
    for (const char *at = text; ok && *at != '\0'; at++)
        ok = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(value, UINT64_C(10), &value) &&
             !__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
    if (!ok)
        lk_record_fail(r, key, "is no string of digits");
    lk_free(text);
    return ok ? value : 0;
}

static void get_texts(const struct lk_record *r, const char *key, struct lk_manifest_texts *out)
{
    size_t count;
    const json_t *list = lk_record_array(r, key, LIST_LIMIT, &count);
    for (size_t i = 0; lk_record_ok(r) && i < count; i++) {
        char *text = NULL;
        if (!lk_json_text_get(json_array_get(list, i), &text)) {
            lk_record_fail(r, key, "holds something else than text");
            return;
        }
        if (!lk_manifest_add_text(out, text))
            r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
        lk_free(text);
    }
}

/* The file under `key`, if there is one. */
static void get_file(const struct lk_record *r, const char *key, struct lk_manifest_file *out)
{
    struct lk_record f;
    if (!lk_record_ok(r) || !lk_record_has(r, key) || !lk_record_object(r, key, &f))
        return;
    out->path = lk_record_text(&f, "file");
    if (out->path != NULL && !lk_name_is_relative_path(out->path))
        lk_record_fail(&f, "file", "is no plain relative path within the backup");
    out->bytes = get_count(&f, "bytes");
    lk_record_sha256(&f, "sha256", out->sha256);
}

static void get_keys(const struct lk_record *r, bool *has_keys, int64_t *first, int64_t *last)
{
    *has_keys = lk_record_has(r, "first_key") || lk_record_has(r, "last_key");
    if (!*has_keys)
        return;
    *first = lk_record_integer(r, "first_key", INT64_MIN, INT64_MAX);
    *last = lk_record_integer(r, "last_key", INT64_MIN, INT64_MAX);
    if (*first > *last)
        lk_record_fail(r, "first_key", "is above last_key");
}

static void get_block(const struct lk_record *r, const json_t *value, struct lk_manifest_part *part)
{
    const json_t *rows = json_array_get(value, 0), *offset = json_array_get(value, 1),
                 *hash = json_array_get(value, 2);
    const json_int_t n = json_integer_value(rows), at = json_integer_value(offset);
    const uint64_t before = part->blocks == 0 ? 0 : part->block[part->blocks - 1].json_offset;
    struct lk_manifest_block block;
    if (!json_is_integer(rows) || n < 1 || n > LK_BLOCK_ROWS || !json_is_integer(offset) || at < 0 ||
        (uint64_t)at < before || (uint64_t)at > part->json.bytes || !json_is_string(hash) ||
        !lk_hash128_parse(json_string_value(hash), &block.hash)) {
        lk_record_fail(r, "blocks", "holds something else than [rows, rising offset in the JSON file, hash]");
        return;
    }
    block.rows = (uint32_t)n;
    block.json_offset = (uint64_t)at;
    struct lk_manifest_block *slot = lk_manifest_add_block(part);
    if (slot == NULL)
        r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
    else
        *slot = block;
}

static void get_part(const struct lk_record *r, struct lk_manifest_part *part)
{
    struct lk_record files;
    size_t count;
    part->rows = get_count(r, "rows");
    get_keys(r, &part->has_keys, &part->first_key, &part->last_key);
    part->first_rowid = lk_record_integer(r, "first_rowid", INT64_MIN, INT64_MAX);
    part->raw_bytes = get_count(r, "raw_bytes");
    part->hash = lk_record_hash(r, "hash");
    if (lk_record_has(r, "verified_at"))
        part->verified_at = lk_record_time(r, "verified_at");
    part->shared_with = lk_record_text_or_null(r, "shared_with");
    if (part->shared_with != NULL && !lk_name_is_id(part->shared_with))
        lk_record_fail(r, "shared_with", "is no id of a backup");
    if (lk_record_object(r, "files", &files)) {
        get_file(&files, "parquet", &part->parquet);
        get_file(&files, "json", &part->json);
    }
    const json_t *blocks = lk_record_array(r, "blocks", LIST_LIMIT, &count);
    uint64_t rows = 0;
    for (size_t i = 0; lk_record_ok(r) && i < count; i++) {
        get_block(r, json_array_get(blocks, i), part);
        if (lk_record_ok(r))
            rows += part->block[i].rows;
    }
    if (rows != part->rows)
        lk_record_fail(r, "blocks", "do not add up to the part's rows");
}

static void get_counts(const struct lk_record *r, struct lk_manifest_table *t)
{
    size_t count;
    const json_t *list = lk_record_array(r, "counts", COLUMNS_LIMIT, &count);
    if (list == NULL)
        return;
    if (!lk_manifest_set_columns(t, count)) {
        r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *column = json_array_get(list, i);
        uint64_t rows = 0;
        bool ok = json_array_size(column) == LK_CLASSES;
        for (size_t k = 0; ok && k < LK_CLASSES; k++) {
            const json_t *value = json_array_get(column, k);
            ok = json_is_integer(value) && json_integer_value(value) >= 0 &&
                 (uint64_t)json_integer_value(value) <= COUNT_LIMIT;
            t->counts[i][k] = ok ? (uint64_t)json_integer_value(value) : 0;
            rows += t->counts[i][k];
        }
        if (!ok || rows != t->rows) {
            lk_record_fail(r, "counts", "of a column are not six counts that add up to the table's rows");
            return;
        }
    }
}

/* The plan stays text here: it is parsed by who needs it. */
static void get_columns(const struct lk_record *r, struct lk_manifest_table *t)
{
    struct lk_record columns;
    struct lk_buffer text = {0};
    if (!lk_record_object(r, "columns", &columns))
        return;
    if (lk_json_dump(columns.object, JSON_COMPACT, &text))
        t->columns_json = lk_copy_bytes(text.data, text.len);
    lk_buffer_reset(&text);
    if (t->columns_json == NULL)
        r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
}

static void get_kind(const struct lk_record *r, struct lk_manifest_table *t)
{
    char *kind = lk_record_text(r, "kind");
    const bool known = kind != NULL && lk_table_kind_parse(kind, &t->kind);
    lk_free(kind);
    if (!known)
        lk_record_fail(r, "kind", "is none of table, shadow, internal");
}

static void get_parts(const struct lk_record *r, struct lk_manifest_table *t)
{
    size_t count;
    uint64_t rows = 0;
    const json_t *list = lk_record_array(r, "parts", LIST_LIMIT, &count);
    if (lk_record_ok(r) && count == 0)
        lk_record_fail(r, "parts", "is empty: a table without rows has one part too");
    for (size_t i = 0; lk_record_ok(r) && i < count; i++) {
        struct lk_record e;
        struct lk_manifest_part *part = lk_manifest_add_part(t);
        if (part == NULL) {
            r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
            return;
        }
        if (!lk_record_element(r, "parts", list, i, &e))
            return;
        get_part(&e, part);
        rows += part->rows; /* each below 2^53, fewer than 2^24: no overflow past 2^64 goes unseen by the
                               comparison of each table */
        if (rows > COUNT_LIMIT)
            lk_record_fail(r, "parts", "have more rows than any table can");
    }
    if (rows != t->rows)
        lk_record_fail(r, "parts", "do not add up to the table's rows");
}

static void get_table(const struct lk_record *r, struct lk_manifest *m)
{
    char *name = lk_record_text(r, "name"), *stem = lk_record_text(r, "stem");
    struct lk_manifest_table *t = NULL;
    if (lk_record_ok(r)) {
        t = lk_manifest_add_table(m, name, stem);
        if (t == NULL)
            r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
        else if (!lk_name_is_relative_path(stem) || strchr(stem, '/') != NULL)
            lk_record_fail(r, "stem", "is no plain file name");
    }
    lk_free(name);
    lk_free(stem);
    if (t == NULL || !lk_record_ok(r))
        return;
    get_kind(r, t);
    t->without_rowid = lk_record_flag(r, "without_rowid");
    t->rows = get_count(r, "rows");
    t->raw_bytes = get_count(r, "raw_bytes");
    get_keys(r, &t->has_keys, &t->first_key, &t->last_key);
    t->hash = lk_record_hash(r, "hash");
    t->part_bits = (unsigned)lk_record_count(r, "part_bits", PART_BITS_LIMIT);
    get_counts(r, t);
    get_columns(r, t);
    get_parts(r, t);
}

static void get_bytes(const struct lk_record *r, const char *key, struct lk_manifest_text *out)
{
    const json_t *value = json_object_get(r->object, key);
    const json_t *coded = json_object_get(value, "$text_base64");
    struct lk_buffer plain = {0};
    bool ok = true;
    if (json_is_string(value))
        lk_buffer_append(&plain, json_string_value(value), json_string_length(value));
    else if (json_is_string(coded))
        ok = lk_base64_decode(lk_bytes(json_string_value(coded), json_string_length(coded)), &plain);
    else if (!json_is_null(value))
        ok = false;
    if (!ok)
        lk_record_fail(r, key, "is no text");
    else if (plain.failed || !lk_manifest_set_text(out,
                                                   json_is_null(value) ? NULL
                                                   : plain.len == 0    ? (void *)""
                                                                       : plain.data,
                                                   plain.len))
        r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
    lk_buffer_reset(&plain);
}

static void get_schema(const struct lk_record *r, struct lk_manifest *m)
{
    size_t count;
    const json_t *list = lk_record_array(r, "schema", LIST_LIMIT, &count);
    for (size_t i = 0; lk_record_ok(r) && i < count; i++) {
        struct lk_record e;
        if (!lk_record_element(r, "schema", list, i, &e))
            return;
        struct lk_manifest_schema_row *row = lk_manifest_add_schema_row(m);
        if (row == NULL) {
            r->source->status = lk_fail_memory(r->source->err, "reading a manifest");
            return;
        }
        get_bytes(&e, "type", &row->type);
        get_bytes(&e, "name", &row->name);
        get_bytes(&e, "tbl_name", &row->tbl_name);
        get_bytes(&e, "sql", &row->sql);
    }
}

static void get_source(const struct lk_record *r, struct lk_manifest_source *s)
{
    s->path = lk_record_text(r, "path");
    s->identity = lk_record_text(r, "identity");
    s->device = get_digits(r, "device");
    s->inode = get_digits(r, "inode");
    s->bytes = get_count(r, "bytes");
    s->mtime = lk_record_time(r, "mtime");
    s->change_counter = (uint32_t)lk_record_count(r, "change_counter", UINT32_MAX);
    s->journal_mode = lk_record_text_or_null(r, "journal_mode");
    s->snapshot = lk_record_text_or_null(r, "snapshot");
}

static void get_pragmas(const struct lk_record *r, struct lk_manifest_pragmas *p)
{
    p->encoding = lk_record_text(r, "encoding");
    if (p->encoding != NULL && strcmp(p->encoding, "UTF-8") != 0 && strcmp(p->encoding, "UTF-16le") != 0 &&
        strcmp(p->encoding, "UTF-16be") != 0)
        lk_record_fail(r, "encoding", "is none of UTF-8, UTF-16le, UTF-16be");
    p->page_size = (uint32_t)lk_record_count(r, "page_size", 65536);
    if (lk_record_ok(r) && (p->page_size < 512 || (p->page_size & (p->page_size - 1)) != 0))
        lk_record_fail(r, "page_size", "is no power of two from 512 to 65536");
    p->auto_vacuum = (uint32_t)lk_record_count(r, "auto_vacuum", 2);
    p->user_version = (int32_t)lk_record_integer(r, "user_version", INT32_MIN, INT32_MAX);
    p->application_id = (int32_t)lk_record_integer(r, "application_id", INT32_MIN, INT32_MAX);
    p->wal = lk_record_flag(r, "wal");
}

static bool get_codec(const struct lk_record *r, const char *key, struct lk_codec_choice *out)
{
    if (!lk_record_ok(r) || !lk_record_has(r, key))
        return false;
    char *text = lk_record_text(r, key);
    if (text != NULL && !lk_codec_parse(text, out))
        lk_record_fail(r, key, "is no codec that this litekeep knows");
    lk_free(text);
    return lk_record_ok(r);
}

static void get_head(const struct lk_record *r, struct lk_manifest *m)
{
    struct lk_record o;
    m->id = lk_record_text(r, "id");
    if (m->id != NULL && !lk_name_is_id(m->id))
        lk_record_fail(r, "id", "is no id of a backup");
    m->seq = lk_record_count(r, "seq", COUNT_LIMIT - 1);
    if (lk_record_ok(r) && m->seq == 0)
        lk_record_fail(r, "seq", "is 0");
    m->started = lk_record_time(r, "started");
    m->finished = lk_record_time(r, "finished");
    m->tool = lk_record_text_or_null(r, "tool");
    m->sqlite_version = lk_record_text_or_null(r, "sqlite_version");
    get_texts(r, "tags", &m->tags);
    get_texts(r, "warnings", &m->warnings);
    if (lk_record_has(r, "left_out"))
        get_texts(r, "left_out", &m->left_out);
    get_texts(r, "rebuild_problems", &m->rebuild_problems);
    if (lk_record_object(r, "source", &o))
        get_source(&o, &m->source);
    if (lk_record_object(r, "pragmas", &o))
        get_pragmas(&o, &m->pragmas);
    if (lk_record_object(r, "formats", &o)) {
        m->has_parquet = get_codec(&o, "parquet", &m->parquet_codec);
        m->has_json = get_codec(&o, "json", &m->json_codec);
        m->has_sqlite = lk_record_has(&o, "sqlite");
    }
    if (lk_record_object(r, "files", &o)) {
        get_file(&o, "schema_sql", &m->schema_sql);
        get_file(&o, "sqlite", &m->sqlite_copy);
        if (lk_record_has(&o, "sqlite_verified_at"))
            m->sqlite_verified_at = lk_record_time(&o, "sqlite_verified_at");
    }
}

static int compare_tables(const void *a, const void *b)
{
    return strcmp((*(struct lk_manifest_table *const *)a)->name,
                  (*(struct lk_manifest_table *const *)b)->name);
}

static bool sort_tables(struct lk_manifest *m)
{
    m->by_name = lk_allocate(m->tables * sizeof(struct lk_manifest_table *));
    if (m->by_name == NULL)
        return false;
    if (m->tables > 0) {
        memcpy(m->by_name, m->table, m->tables * sizeof(struct lk_manifest_table *));
        qsort(m->by_name, m->tables, sizeof(struct lk_manifest_table *), compare_tables);
    }
    return true;
}

/* A table that comes twice could not be told from itself. */
static void check_names(const struct lk_record *r, const struct lk_manifest *m)
{
    for (size_t i = 1; lk_record_ok(r) && i < m->tables; i++) {
        if (strcmp(m->by_name[i - 1]->name, m->by_name[i]->name) == 0)
            lk_record_fail(r, "tables", "has the same name twice");
    }
}

struct paths {
    size_t count;
    const char **path; /* NULL: only count */
};

static enum lk_status add_path(void *context, const struct lk_manifest_file *file,
                               const struct lk_manifest_table *table, const struct lk_manifest_part *part,
                               struct lk_error *err)
{
    (void)table, (void)part, (void)err;
    struct paths *all = context;
    if (all->path != NULL)
        all->path[all->count] = file->path;
    all->count++;
    return LK_OK;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A file that two parts name would be linked, verified and removed twice. */
static void check_paths(const struct lk_record *r, const struct lk_manifest *m)
{
    struct paths all = {0};
    struct lk_error *err = r->source->err;
    r->source->status = lk_manifest_each_file(m, add_path, &all, err);
    const size_t files = all.count;
    const char **path = lk_allocate_zeroed(files + 1, sizeof *path);
    if (path == NULL) {
        r->source->status = lk_fail_memory(err, "reading a manifest");
        return;
    }
    all = (struct paths){.path = path};
    if (lk_record_ok(r))
        r->source->status = lk_manifest_each_file(m, add_path, &all, err);
    if (lk_record_ok(r))
        qsort(path, files, sizeof *path, compare_paths);
    for (size_t i = 1; lk_record_ok(r) && i < files; i++) {
        if (strcmp(path[i - 1], path[i]) == 0)
            lk_record_fail(r, "tables", "has the same file twice");
    }
    lk_free(path);
}

enum lk_status lk_manifest_from_json(struct lk_bytes json, const char *file, struct lk_manifest **out,
                                     struct lk_error *err)
{
    struct lk_record_source source = {.file = file, .err = err};
    struct lk_record r;
    json_t *root = NULL;
    size_t count;
    struct lk_manifest *m = lk_manifest_new();
    if (m == NULL)
        return lk_fail_memory(err, "reading a manifest");
    if (!lk_record_parse(&source, json, &root, &r))
        goto out;
    const uint64_t format = lk_record_count(&r, "format", UINT32_MAX);
    if (source.status == LK_OK && format > LK_MANIFEST_FORMAT)
        source.status =
            lk_fail(err, LK_UNREADABLE,
                    "%s: has format %" PRIu64 ", and this litekeep knows formats up to %d: use a newer one",
                    file, format, LK_MANIFEST_FORMAT);
    get_head(&r, m);
    get_schema(&r, m);
    const json_t *tables = lk_record_array(&r, "tables", LIST_LIMIT, &count);
    for (size_t i = 0; source.status == LK_OK && i < count; i++) {
        struct lk_record e;
        if (lk_record_element(&r, "tables", tables, i, &e))
            get_table(&e, m);
    }
    if (source.status != LK_OK)
        goto out;
    if (!sort_tables(m)) {
        source.status = lk_fail_memory(err, "reading a manifest");
        goto out;
    }
    check_names(&r, m);
    if (source.status == LK_OK)
        check_paths(&r, m);
    if (source.status != LK_OK)
        goto out;
    lk_manifest_total(m);
    *out = m;
    m = NULL;
out:
    json_decref(root);
    lk_manifest_free(m);
    return source.status;
}
