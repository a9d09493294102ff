/* Values as text, for programs that print them. */
#include <inttypes.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/real.h"
#include "base/text.h"
#include "jsonl/json_string.h"

void litekeep_text_free(struct litekeep_text *text)
{
    lk_free(text->ptr);
    *text = (struct litekeep_text){0};
}

static void append_hex(struct lk_bytes bytes, struct lk_buffer *to)
{
    lk_buffer_append_string(to, "x'");
    char *at = (char *)lk_buffer_extend(to, 2 * bytes.len + 1); /* and a NUL, taken back */
    if (at != NULL) {
        lk_hex_format(bytes.ptr, bytes.len, at);
        to->len--;
    }
    lk_buffer_append_byte(to, '\'');
}

static void append_base64(const char *key, struct lk_bytes bytes, struct lk_buffer *to)
{
    lk_buffer_append_format(to, "{\"%s\":\"", key);
    lk_base64_encode(bytes, to);
    lk_buffer_append_string(to, "\"}");
}

static void append_text(struct lk_bytes text, enum litekeep_spelling spelling, struct lk_buffer *to)
{
    if (spelling == LITEKEEP_SPELL_JSON)
        lk_json_string_append(text, to);
    else if (spelling == LITEKEEP_SPELL_SHOWN)
        lk_text_escape(text, to);
    else
        lk_buffer_append(to, text.ptr, text.len);
}

void litekeep_spell(const struct litekeep_value *value, enum litekeep_spelling spelling,
                    struct litekeep_text *to)
{
    struct lk_buffer b = {.data = (uint8_t *)to->ptr, .len = to->len, .cap = to->cap, .failed = to->failed};
    const struct lk_bytes bytes = lk_bytes(value->ptr, value->len);
    const bool json = spelling == LITEKEEP_SPELL_JSON;
    char real[LK_REAL_SIZE];
    switch (value->class) {
    case LITEKEEP_NULL:
        lk_buffer_append_string(&b, json ? "null" : "");
        break;
    case LITEKEEP_INTEGER:
        lk_buffer_append_format(&b, "%" PRId64, value->integer);
        break;
    case LITEKEEP_REAL:
        lk_buffer_append(&b, real, lk_real_format(value->real, real));
        break;
    case LITEKEEP_TEXT:
        append_text(bytes, spelling, &b);
        break;
    case LITEKEEP_BLOB:
    case LITEKEEP_RAWTEXT:
        if (json)
            append_base64(value->class == LITEKEEP_BLOB ? "$base64" : "$text_base64", bytes, &b);
        else
            append_hex(bytes, &b);
        break;
    }
    (void)lk_buffer_string(&b);
    *to = (struct litekeep_text){.ptr = (char *)b.data, .len = b.len, .cap = b.cap, .failed = b.failed};
}
