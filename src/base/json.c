#include "base/json.h"

#include "base/memory.h"
#include "base/text.h"

json_t *lk_json_text(struct lk_bytes text)
{
    if (lk_utf8_valid(text.ptr, text.len))
        return json_stringn(text.len == 0 ? "" : (const char *)text.ptr, text.len);
    struct lk_buffer coded = {0};
    lk_base64_encode(text, &coded);
    json_t *object = NULL;
    if (!coded.failed)
        object = json_pack("{s:s#}", "$text_base64", (const char *)coded.data, (int)coded.len);
    lk_buffer_reset(&coded);
    return object;
}

bool lk_json_text_get(const json_t *value, char **out)
{
    struct lk_buffer plain = {0};
    const json_t *coded = json_object_get(value, "$text_base64");
    bool ok;
    if (json_is_string(value)) {
        lk_buffer_append(&plain, json_string_value(value), json_string_length(value));
        ok = true;
    } else {
        ok = json_is_string(coded) &&
             lk_base64_decode(lk_bytes(json_string_value(coded), json_string_length(coded)), &plain);
    }
    ok = ok && !plain.failed && (plain.len == 0 || memchr(plain.data, 0, plain.len) == NULL);
    char *copy = ok ? lk_copy_bytes(plain.data, plain.len) : NULL;
    lk_buffer_reset(&plain);
    if (copy == NULL)
        return false;
    *out = copy;
    return true;
}

static int append_text(const char *text, size_t len, void *context)
{
    struct lk_buffer *out = context;
    lk_buffer_append(out, text, len);
    return out->failed ? -1 : 0;
}

bool lk_json_dump(const json_t *value, size_t flags, struct lk_buffer *out)
{
    return json_dump_callback(value, append_text, out, flags) == 0;
}

bool lk_json_set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}
