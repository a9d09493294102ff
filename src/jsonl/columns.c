#include "jsonl/columns.h"

#include "base/keys.h"
#include "base/memory.h"
#include "batch/unique.h"
#include "jsonl/json_value.h"
#include "jsonl/window.h"

#define KEYS_MAX 32766u           /* the most columns that SQLite can be built for */
#define KEY_BYTES_MAX (16u << 20) /* of all keys together */

enum lk_status lk_jsonl_codec(const struct lk_input *in, enum lk_codec *out, struct lk_error *err)
{
    static const uint8_t gzip[] = {0x1f, 0x8b};
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    uint8_t start[4] = {0};
    const uint64_t size = lk_input_size(in);
    const enum lk_status status = lk_input_read(in, 0, start, size < 4 ? (size_t)size : 4, err);
    if (status != LK_OK)
        return status;
    *out = memcmp(start, gzip, sizeof gzip) == 0   ? LK_CODEC_GZIP
           : memcmp(start, zstd, sizeof zstd) == 0 ? LK_CODEC_ZSTD
                                                   : LK_CODEC_NONE;
    return LK_OK;
}

/* ---- Finding the keys ---- */

struct search {
    struct lk_window window;
    struct lk_json_parser json;
    struct lk_keys *keys;
    uint64_t rows;
};

/* Look at the key at `at` (behind its quote); the byte behind its closing quote. `likely` is the number it
 * probably has; then that of the next key. NULL: a failure, in *status when it is not the line's. */
static const uint8_t *look_at_key(struct search *s, const uint8_t *at, size_t *likely, enum lk_status *status,
                                  struct lk_error *err)
{
    if (*likely < lk_keys_count(s->keys)) {
        const struct lk_bytes key = lk_keys_get(s->keys, *likely);
        /* A backslash or an unescaped quote in the key makes it unlike its spelling. */
        if ((size_t)(s->json.limit - at) > key.len && at[key.len] == '"' &&
            (key.len == 0 || (memcmp(at, key.ptr, key.len) == 0 && memchr(key.ptr, '"', key.len) == NULL &&
                              memchr(key.ptr, '\\', key.len) == NULL))) {
            ++*likely;
            return at + key.len + 1;
        }
    }
    bool surrogate = false;
    lk_buffer_clear(&s->json.scratch);
    const uint8_t *end = lk_json_value_string(&s->json, at, &s->json.scratch, &surrogate);
    if (end == NULL)
        return NULL;
    const struct lk_bytes key = lk_buffer_bytes(&s->json.scratch);
    size_t number = lk_keys_find(s->keys, key);
    if (number == LK_KEYS_NONE) {
        const char *const name = lk_input_name(s->window.in);
        if (key.len > 0 && memchr(key.ptr, '\0', key.len) != NULL)
            *status = lk_fail(err, LK_UNREADABLE, "%s: a key has a NUL character: no column can be called so",
                              name);
        else if (lk_keys_count(s->keys) == KEYS_MAX)
            *status = lk_fail(err, LK_UNREADABLE,
                              "%s: there are more than %u different keys, and a table of SQLite has no more "
                              "columns than that",
                              name, KEYS_MAX);
        else if (lk_keys_bytes(s->keys) + key.len > KEY_BYTES_MAX)
            *status = lk_fail(err, LK_UNREADABLE, "%s: the keys are longer than %u MiB together", name,
                              KEY_BYTES_MAX >> 20);
        else if ((number = lk_keys_add(s->keys, key)) == LK_KEYS_NONE)
            *status = lk_fail_memory(err, "looking for the columns of JSON lines");
        if (*status != LK_OK)
            return NULL;
    }
    *likely = number + 1;
    return end;
}

/* Read one line; the next one's start, or NULL. */
static const uint8_t *look_at_line(struct search *s, const uint8_t *at, enum lk_status *status,
                                   struct lk_error *err)
{
    struct lk_json_parser *p = &s->json;
    size_t likely = 0;
    at = lk_json_value_space(at);
    if (*at != '{')
        return lk_json_value_fail(p, at, "the line is no JSON object");
    at = lk_json_value_space(at + 1);
    bool more = *at != '}';
    while (more) {
        if (*at != '"')
            return lk_json_value_fail(p, at, "a key should be here");
        at = look_at_key(s, at + 1, &likely, status, err);
        if (at == NULL)
            return NULL;
        at = lk_json_value_space(at);
        if (*at != ':')
            return lk_json_value_fail(p, at, "a colon should be behind the key");
        at = lk_json_value_skip(p, lk_json_value_space(at + 1));
        if (at == NULL)
            return NULL;
        at = lk_json_value_space(at);
        if (*at != ',' && *at != '}')
            return lk_json_value_fail(p, at,
                                      *at == '\n' ? "the line ends inside its object"
                                                  : "a comma or a closing brace should be here");
        more = *at == ',';
        if (more)
            at = lk_json_value_space(at + 1);
    }
    at = lk_json_value_space(at + 1);
    return *at == '\n' ? at + 1 : lk_json_value_fail(p, at, "there is something behind the object");
}

static enum lk_status find_keys(struct search *s, struct lk_error *err)
{
    struct lk_window *w = &s->window;
    for (;;) {
        enum lk_status status = lk_window_fill(w, err);
        if (status != LK_OK || w->at == w->limit)
            return status;
        s->json.limit = w->limit;
        const uint8_t *next = look_at_line(s, w->at, &status, err);
        w->line++;
        if (status != LK_OK)
            return status;
        if (next == NULL) {
            if (s->json.reason == NULL)
                return lk_fail_memory(err, "looking for the columns of JSON lines");
            return lk_window_fail(w, w->line, (size_t)(s->json.reason_at - w->at) + 1, s->json.reason, err);
        }
        w->at = next;
        s->rows++;
    }
}

static enum lk_status make_columns(const struct lk_keys *keys, const char *name,
                                   struct lk_table_schema **schema, struct lk_plan **plan,
                                   struct lk_error *err)
{
    const size_t count = lk_keys_count(keys);
    struct lk_table_schema *t = lk_table_schema_new(name);
    struct lk_plan *p = lk_allocate_zeroed(1, sizeof *p);
    struct lk_unique_column *column = lk_allocate_zeroed(count + 1, sizeof *column);
    if (p != NULL)
        p->column = lk_allocate_zeroed(count + 1, sizeof *p->column);
    bool done = t != NULL && p != NULL && p->column != NULL && column != NULL;
    for (size_t i = 0; done && i < count; i++) {
        const struct lk_bytes key = lk_keys_get(keys, i);
        column[i] = (struct lk_unique_column){key, ""};
        p->column[i].main = LK_TYPE_STRING;
        p->column[i].affinity = LK_AFFINITY_BLOB;
        p->column[i].name = lk_copy_bytes(key.ptr, key.len);
        p->columns++;
        done = p->column[i].name != NULL;
    }
    if (done)
        t->hidden_rowid = true;
    done = done && lk_unique_columns(t, column, count);
    lk_free(column);
    if (done) {
        *schema = t;
        *plan = p;
        return LK_OK;
    }
    lk_table_schema_free(t);
    lk_plan_free(p);
    return lk_fail_memory(err, "looking for the columns of JSON lines");
}

enum lk_status lk_jsonl_columns(const struct lk_input *in, enum lk_codec codec, const char *name,
                                struct lk_table_schema **schema, struct lk_plan **plan, uint64_t *rows,
                                struct lk_error *err)
{
    struct search s = {.json.copy = lk_json_string_copier(), .keys = lk_keys_new()};
    enum lk_status status = LK_OK;
    if (s.keys == NULL)
        status = lk_fail_memory(err, "looking for the columns of JSON lines");
    if (status == LK_OK)
        status = lk_window_open(&s.window, in, 0, lk_input_size(in), codec, err);
    if (status == LK_OK)
        status = find_keys(&s, err);
    if (status == LK_OK)
        status = make_columns(s.keys, name, schema, plan, err);
    if (status == LK_OK)
        *rows = s.rows;
    lk_window_reset(&s.window);
    lk_buffer_reset(&s.json.scratch);
    lk_keys_free(s.keys);
    return status;
}
