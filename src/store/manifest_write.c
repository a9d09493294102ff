/* manifest.json, written. Members of the root, tables and parts stand on lines of their own, so that people
 * can read it and diff it; docs/STORE.md has every field. */
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/manifest.h"

#include <inttypes.h>
#include <stdio.h>

/* An object being filled; `ok` is sticky. */
struct put {
    json_t *object;
    bool ok;
};

static struct put begin(void)
{
    struct put p = {.object = json_object()};
    p.ok = p.object != NULL;
    return p;
}

static void put(struct put *p, const char *key, json_t *value)
{
    if (!lk_json_set(p->object, key, value))
        p->ok = false;
}

static void put_count(struct put *p, const char *key, uint64_t value)
{
    put(p, key, json_integer((json_int_t)value));
}

/* Names, paths, everything that need not be UTF-8; NULL: null. */
static void put_text(struct put *p, const char *key, const char *text)
{
    put(p, key, text == NULL ? json_null() : lk_json_text(lk_bytes_of(text)));
}

static void put_time(struct put *p, const char *key, int64_t instant)
{
    char text[LK_TIME_SIZE];
    lk_time_format(instant, text);
    put(p, key, json_string(text));
}

static void put_hash(struct put *p, const char *key, struct lk_hash128 hash)
{
    char text[33];
    lk_hash128_format(hash, text);
    put(p, key, json_string(text));
}

/* 64-bit numbers without meaning as numbers (device, inode): many JSON readers know 53 bits. */
static void put_digits(struct put *p, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    put(p, key, json_string(text));
}

static void put_keys(struct put *p, bool has_keys, int64_t first, int64_t last)
{
    put(p, "first_key", has_keys ? json_integer(first) : json_null());
    put(p, "last_key", has_keys ? json_integer(last) : json_null());
}

static void put_file(struct put *p, const char *key, const struct lk_manifest_file *file)
{
    if (file->path == NULL)
        return;
    char sha[2 * LK_SHA256_SIZE + 1];
    lk_hex_format(file->sha256, LK_SHA256_SIZE, sha);
    struct put f = begin();
    put_text(&f, "file", file->path);
    put_count(&f, "bytes", file->bytes);
    put(&f, "sha256", json_string(sha));
    p->ok = p->ok && f.ok;
    put(p, key, f.object);
}

static void put_codec(struct put *p, const char *key, struct lk_codec_choice choice)
{
    char text[32];
    const char *name = lk_codec_name(choice.codec);
    const bool levels = choice.codec == LK_CODEC_GZIP || choice.codec == LK_CODEC_ZSTD;
    if (levels && choice.level != LK_LEVEL_DEFAULT)
        (void)snprintf(text, sizeof text, "%s:%d", name, choice.level);
    else
        (void)snprintf(text, sizeof text, "%s", name);
    put(p, key, json_string(text));
}

static json_t *texts_to_json(const struct lk_manifest_texts *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < texts->count; i++) {
        if (json_array_append_new(list, lk_json_text(lk_bytes_of(texts->text[i]))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* What is done with a filled object: appended as one line's text, then freed. */
static void emit(struct put *p, struct lk_buffer *out)
{
    if (!p->ok || !lk_json_dump(p->object, JSON_COMPACT, out))
        out->failed = true;
    json_decref(p->object);
}

/* The members of a filled object, without its braces: the caller adds others by hand. */
static void emit_members(struct put *p, struct lk_buffer *out)
{
    const size_t before = out->len;
    emit(p, out);
    if (out->failed)
        return;
    memmove(out->data + before, out->data + before + 1, out->len - before - 1);
    out->len -= 2;
}

/* `"key":value` of the root on a line of its own; takes over `value`. */
static void emit_root(struct lk_buffer *out, const char *key, json_t *value)
{
    lk_buffer_append_format(out, ",\n\"%s\":", key);
    if (value == NULL || !lk_json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY, out))
        out->failed = true;
    json_decref(value);
}

static void emit_root_object(struct lk_buffer *out, const char *key, struct put *p)
{
    lk_buffer_append_format(out, ",\n\"%s\":", key);
    emit(p, out);
}

static json_t *blocks_to_json(const struct lk_manifest_part *part)
{
    json_t *list = json_array();
    for (size_t i = 0; i < part->blocks; i++) {
        const struct lk_manifest_block *b = &part->block[i];
        char hash[33];
        lk_hash128_format(b->hash, hash);
        json_t *block = json_pack("[I,I,s]", (json_int_t)b->rows, (json_int_t)b->json_offset, hash);
        if (json_array_append_new(list, block) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void emit_part(struct lk_buffer *out, const struct lk_manifest_part *part)
{
    struct put p = begin();
    put_count(&p, "rows", part->rows);
    put_keys(&p, part->has_keys, part->first_key, part->last_key);
    put(&p, "first_rowid", json_integer(part->first_rowid));
    put_count(&p, "raw_bytes", part->raw_bytes);
    put_hash(&p, "hash", part->hash);
    if (part->verified_at != 0)
        put_time(&p, "verified_at", part->verified_at);
    else
        put(&p, "verified_at", json_null());
    put_text(&p, "shared_with", part->shared_with);
    struct put files = begin();
    put_file(&files, "parquet", &part->parquet);
    put_file(&files, "json", &part->json);
    p.ok = p.ok && files.ok;
    put(&p, "files", files.object);
    put(&p, "blocks", blocks_to_json(part));
    emit(&p, out);
}

static json_t *counts_to_json(const struct lk_manifest_table *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->columns; i++) {
        json_t *column = json_array();
        bool ok = true;
        for (size_t k = 0; k < LK_CLASSES; k++)
            ok = ok && json_array_append_new(column, json_integer((json_int_t)t->counts[i][k])) == 0;
        if (json_array_append_new(list, column) != 0 || !ok) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void emit_table(struct lk_buffer *out, const struct lk_manifest_table *t)
{
    struct put p = begin();
    put_text(&p, "name", t->name);
    put_text(&p, "stem", t->stem);
    put(&p, "kind", json_string(lk_table_kind_name(t->kind)));
    put(&p, "without_rowid", json_boolean(t->without_rowid));
    put_count(&p, "rows", t->rows);
    put_count(&p, "raw_bytes", t->raw_bytes);
    put_keys(&p, t->has_keys, t->first_key, t->last_key);
    put_hash(&p, "hash", t->hash);
    put_count(&p, "part_bits", t->part_bits);
    put(&p, "counts", counts_to_json(t));
    lk_buffer_append_byte(out, '{');
    emit_members(&p, out);
    lk_buffer_append_string(out, ",\n \"columns\":");
    lk_buffer_append_string(out, t->columns_json == NULL ? "null" : t->columns_json);
    lk_buffer_append_string(out, ",\n \"parts\":[");
    for (size_t i = 0; i < t->parts; i++) {
        lk_buffer_append_string(out, i == 0 ? "\n  " : ",\n  ");
        emit_part(out, &t->part[i]);
    }
    lk_buffer_append_string(out, "]}");
}

static json_t *bytes_to_json(const struct lk_manifest_text *text)
{
    return text->ptr == NULL ? json_null() : lk_json_text(lk_bytes(text->ptr, text->len));
}

static void emit_schema_row(struct lk_buffer *out, const struct lk_manifest_schema_row *row)
{
    struct put p = begin();
    put(&p, "type", bytes_to_json(&row->type));
    put(&p, "name", bytes_to_json(&row->name));
    put(&p, "tbl_name", bytes_to_json(&row->tbl_name));
    put(&p, "sql", bytes_to_json(&row->sql));
    emit(&p, out);
}

static void emit_head(struct lk_buffer *out, const struct lk_manifest *m)
{
    struct put p = begin();
    put_text(&p, "path", m->source.path);
    put_text(&p, "identity", m->source.identity);
    put_digits(&p, "device", m->source.device);
    put_digits(&p, "inode", m->source.inode);
    put_count(&p, "bytes", m->source.bytes);
    put_time(&p, "mtime", m->source.mtime);
    put_count(&p, "change_counter", m->source.change_counter);
    put_text(&p, "journal_mode", m->source.journal_mode);
    put_text(&p, "snapshot", m->source.snapshot);
    emit_root_object(out, "source", &p);

    p = begin();
    put_text(&p, "encoding", m->pragmas.encoding);
    put_count(&p, "page_size", m->pragmas.page_size);
    put_count(&p, "auto_vacuum", m->pragmas.auto_vacuum);
    put(&p, "user_version", json_integer(m->pragmas.user_version));
    put(&p, "application_id", json_integer(m->pragmas.application_id));
    put(&p, "wal", json_boolean(m->pragmas.wal));
    emit_root_object(out, "pragmas", &p);

    p = begin();
    if (m->has_parquet)
        put_codec(&p, "parquet", m->parquet_codec);
    if (m->has_json)
        put_codec(&p, "json", m->json_codec);
    if (m->has_sqlite)
        put(&p, "sqlite", json_string("zstd"));
    emit_root_object(out, "formats", &p);

    p = begin();
    put_count(&p, "tables", m->tables);
    put_count(&p, "rows", m->total_rows);
    put_count(&p, "raw_bytes", m->total_raw_bytes);
    put_count(&p, "files", m->total_files);
    put_count(&p, "bytes", m->total_bytes);
    put_count(&p, "shared_bytes", m->shared_bytes);
    emit_root_object(out, "totals", &p);

    p = begin();
    put_file(&p, "schema_sql", &m->schema_sql);
    put_file(&p, "sqlite", &m->sqlite_copy);
    if (m->sqlite_verified_at != 0)
        put_time(&p, "sqlite_verified_at", m->sqlite_verified_at);
    emit_root_object(out, "files", &p);
}

enum lk_status lk_manifest_to_json(const struct lk_manifest *m, struct lk_buffer *out, struct lk_error *err)
{
    struct put p = begin();
    put_count(&p, "format", LK_MANIFEST_FORMAT);
    put_text(&p, "id", m->id);
    put_count(&p, "seq", m->seq);
    put_time(&p, "started", m->started);
    put_time(&p, "finished", m->finished);
    put_text(&p, "tool", m->tool);
    put_text(&p, "sqlite_version", m->sqlite_version);
    lk_buffer_append_string(out, "{\n");
    emit_members(&p, out);
    emit_root(out, "tags", texts_to_json(&m->tags));
    emit_head(out, m);
    emit_root(out, "warnings", texts_to_json(&m->warnings));
    if (m->left_out.count > 0)
        emit_root(out, "left_out", texts_to_json(&m->left_out));
    emit_root(out, "rebuild_problems", texts_to_json(&m->rebuild_problems));
    lk_buffer_append_string(out, ",\n\"schema\":[");
    for (size_t i = 0; i < m->schema_rows; i++) {
        lk_buffer_append_string(out, i == 0 ? "\n" : ",\n");
        emit_schema_row(out, &m->schema_row[i]);
    }
    lk_buffer_append_string(out, "],\n\"tables\":[");
    for (size_t i = 0; i < m->tables; i++) {
        lk_buffer_append_string(out, i == 0 ? "\n" : ",\n");
        emit_table(out, m->table[i]);
    }
    lk_buffer_append_string(out, "]\n}\n");
    return lk_buffer_check(out, "writing the manifest", err);
}
