#include "store/record.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>

enum { PLACE_SIZE = 256 };

bool lk_record_parse(struct lk_record_source *source, struct lk_bytes text, json_t **root,
                     struct lk_record *out)
{
    json_error_t error;
    *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (*root == NULL && json_error_code(&error) == json_error_out_of_memory)
        source->status = lk_fail_memory(source->err, "reading JSON");
    else if (*root == NULL)
        source->status = lk_fail(source->err, LK_DAMAGED, "%s: line %d, column %d: %s", source->file,
                                 error.line, error.column, error.text);
    else if (!json_is_object(*root))
        source->status = lk_fail(source->err, LK_DAMAGED, "%s: is no JSON object", source->file);
    *out = (struct lk_record){.source = source, .object = *root, .index = SIZE_MAX};
    return source->status == LK_OK;
}

/* "tables[3].parts[0]." */
static size_t spell_place(const struct lk_record *r, char out[PLACE_SIZE])
{
    if (r->parent == NULL) {
        out[0] = '\0';
        return 0;
    }
    const size_t used = spell_place(r->parent, out);
    const int n = r->index == SIZE_MAX
                      ? snprintf(out + used, PLACE_SIZE - used, "%s.", r->key)
                      : snprintf(out + used, PLACE_SIZE - used, "%s[%zu].", r->key, r->index);
    return n < 0 || (size_t)n >= PLACE_SIZE - used ? used : used + (size_t)n;
}

void lk_record_fail(const struct lk_record *r, const char *key, const char *what)
{
    if (r->source->status != LK_OK)
        return;
    char place[PLACE_SIZE];
    (void)spell_place(r, place);
    r->source->status = lk_fail(r->source->err, LK_DAMAGED, "%s: %s%s %s", r->source->file, place, key, what);
}

static void fail_memory(const struct lk_record *r)
{
    if (r->source->status == LK_OK)
        r->source->status = lk_fail_memory(r->source->err, "reading JSON");
}

bool lk_record_ok(const struct lk_record *r)
{
    return r->source->status == LK_OK;
}

bool lk_record_has(const struct lk_record *r, const char *key)
{
    const json_t *value = json_object_get(r->object, key);
    return value != NULL && !json_is_null(value);
}

/* The value under `key`, or NULL and failed. */
static const json_t *need(const struct lk_record *r, const char *key)
{
    if (!lk_record_ok(r))
        return NULL;
    const json_t *value = json_object_get(r->object, key);
    if (value == NULL)
        lk_record_fail(r, key, "is missing");
    return value;
}

uint64_t lk_record_count(const struct lk_record *r, const char *key, uint64_t max)
{
    return (uint64_t)lk_record_integer(r, key, 0, max > INT64_MAX ? INT64_MAX : (int64_t)max);
}

int64_t lk_record_integer(const struct lk_record *r, const char *key, int64_t min, int64_t max)
{
    const json_t *value = need(r, key);
    if (value == NULL)
        return 0;
    const json_int_t n = json_integer_value(value);
    if (json_is_integer(value) && n >= min && n <= max)
        return n;
    char what[96];
    (void)snprintf(what, sizeof what, "is no integer from %" PRId64 " to %" PRId64, min, max);
    lk_record_fail(r, key, what);
    return 0;
}

bool lk_record_flag(const struct lk_record *r, const char *key)
{
    if (!lk_record_has(r, key))
        return false;
    const json_t *value = json_object_get(r->object, key);
    if (!json_is_boolean(value))
        lk_record_fail(r, key, "is neither true nor false");
    return json_is_true(value);
}

int64_t lk_record_time(const struct lk_record *r, const char *key)
{
    const json_t *value = need(r, key);
    int64_t instant = 0;
    if (value != NULL && (!json_is_string(value) || !lk_time_parse(json_string_value(value), &instant))) {
        lk_record_fail(r, key, "is no RFC 3339 time");
        return 0;
    }
    return instant;
}

char *lk_record_text(const struct lk_record *r, const char *key)
{
    const json_t *value = need(r, key);
    if (value == NULL)
        return NULL;
    char *text = NULL;
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)) {
        text = lk_copy_string(json_string_value(value));
        if (text == NULL)
            fail_memory(r);
    } else if (!json_is_object(value) || !lk_json_text_get(value, &text)) {
        lk_record_fail(r, key, "is no text");
    }
    return text;
}

char *lk_record_text_or_null(const struct lk_record *r, const char *key)
{
    return lk_record_has(r, key) ? lk_record_text(r, key) : NULL;
}

struct lk_hash128 lk_record_hash(const struct lk_record *r, const char *key)
{
    struct lk_hash128 hash = {{0}};
    const json_t *value = need(r, key);
    if (value != NULL && (!json_is_string(value) || !lk_hash128_parse(json_string_value(value), &hash)))
        lk_record_fail(r, key, "is not 32 hex digits");
    return hash;
}

void lk_record_sha256(const struct lk_record *r, const char *key, uint8_t out[LK_SHA256_SIZE])
{
    const json_t *value = need(r, key);
    if (value == NULL)
        return;
    if (!json_is_string(value) || json_string_length(value) != (size_t)2 * LK_SHA256_SIZE ||
        !lk_hex_parse(json_string_value(value), LK_SHA256_SIZE, out))
        lk_record_fail(r, key, "is not 64 hex digits");
}

bool lk_record_object(const struct lk_record *r, const char *key, struct lk_record *out)
{
    const json_t *value = need(r, key);
    if (value != NULL && !json_is_object(value))
        lk_record_fail(r, key, "is no object");
    *out =
        (struct lk_record){.source = r->source, .object = value, .parent = r, .key = key, .index = SIZE_MAX};
    return lk_record_ok(r);
}

const json_t *lk_record_array(const struct lk_record *r, const char *key, size_t max, size_t *count)
{
    *count = 0;
    const json_t *value = need(r, key);
    if (value == NULL)
        return NULL;
    if (!json_is_array(value)) {
        lk_record_fail(r, key, "is no list");
        return NULL;
    }
    if (json_array_size(value) > max) {
        lk_record_fail(r, key, "is longer than anything litekeep writes");
        return NULL;
    }
    *count = json_array_size(value);
    return value;
}

bool lk_record_element(const struct lk_record *r, const char *key, const json_t *array, size_t i,
                       struct lk_record *out)
{
    const json_t *value = json_array_get(array, i);
    *out = (struct lk_record){.source = r->source, .object = value, .parent = r, .key = key, .index = i};
    if (lk_record_ok(r) && !json_is_object(value))
        lk_record_fail(out, "this", "is no object");
    return lk_record_ok(r);
}
