/* JSON: RFC 8259. */
#include "jsonl/json_value.h"

#include <math.h>

#include "base/real.h"
#include "base/text.h"

#define BLOB_KEY "$base64"
#define RAWTEXT_KEY "$text_base64"
#define FIRST_ROOM 96 /* bytes for a string before its length is known */

static const uint8_t *fail_memory(struct lk_json_parser *p, const uint8_t *at)
{
    return lk_json_value_fail(p, at, NULL);
}

static bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

/* ---- Strings ---- */

/* The value of four hex digits, or -1. */
static int32_t hex4(const uint8_t *at)
{
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        const uint8_t c = at[i];
        const uint8_t letter = c | 0x20;
        if (is_digit(c))
            value = value * 16 + (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            value = value * 16 + (letter - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static size_t put_character(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* The escape whose backslash is at `at`, written to to[4]; its end, or NULL when there is no such escape. */
static const uint8_t *get_escape(const uint8_t *at, uint8_t to[4], size_t *written, bool *surrogate)
{
    static const uint8_t bytes[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                       ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    if (at[1] != 'u') {
        to[0] = bytes[at[1]];
        *written = 1;
        return to[0] != 0 ? at + 2 : NULL;
    }
    const int32_t unit = hex4(at + 2);
    if (unit < 0)
        return NULL;
    at += 6;
    uint32_t character = (uint32_t)unit;
    if ((character & 0xfc00) == 0xd800 && at[0] == '\\' && at[1] == 'u') {
        const int32_t low = hex4(at + 2);
        if (low >= 0 && ((uint32_t)low & 0xfc00) == 0xdc00) {
            character = 0x10000 + ((character & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
            at += 6;
        }
    }
    *surrogate |= (character & 0xfffff800) == 0xd800;
    *written = put_character(to, character);
    return at;
}

static inline const uint8_t *get_string(struct lk_json_parser *p, const uint8_t *at, struct lk_buffer *to,
                                        bool *surrogate)
{
    const uint8_t *const start = at;
    uint64_t high = 0;
    for (;;) {
        if (!lk_buffer_reserve(to, FIRST_ROOM))
            return fail_memory(p, at);
        const size_t room = to->cap - to->len - LK_JSON_SLACK;
        const struct lk_json_run run = p->copy(to->data + to->len, at, room);
        to->len += run.len;
        at += run.len;
        high |= run.high;
        if (run.len == room)
            continue;
        if (*at == '"')
            break;
        if (*at != '\\')
            return lk_json_value_fail(p, at,
                                      *at == '\n' ? "the line ends inside a string"
                                                  : "there is a control character in a string");
        size_t written;
        const uint8_t *end = get_escape(at, to->data + to->len, &written, surrogate);
        if (end == NULL)
            return lk_json_value_fail(p, at, "there is an unknown escape in a string");
        to->len += written;
        at = end;
    }
    if (high != 0 && !lk_utf8_valid(start, (size_t)(at - start)))
        return lk_json_value_fail(p, start, "a string is not valid UTF-8");
    return at + 1;
}

const uint8_t *lk_json_value_string(struct lk_json_parser *p, const uint8_t *at, struct lk_buffer *to,
                                    bool *surrogate)
{
    return get_string(p, at, to, surrogate);
}

/* As lk_json_value_string, but the contents are only checked. */
static const uint8_t *skip_string(struct lk_json_parser *p, const uint8_t *at)
{
    const uint8_t *const start = at;
    uint64_t high = 0;
    for (;;) {
        uint8_t nowhere[1024 + LK_JSON_SLACK];
        const struct lk_json_run run = p->copy(nowhere, at, 1024);
        at += run.len;
        high |= run.high;
        if (run.len == 1024)
            continue;
        if (*at == '"')
            break;
        if (*at != '\\')
            return lk_json_value_fail(p, at,
                                      *at == '\n' ? "the line ends inside a string"
                                                  : "there is a control character in a string");
        size_t written;
        bool surrogate = false;
        const uint8_t *end = get_escape(at, nowhere, &written, &surrogate);
        if (end == NULL)
            return lk_json_value_fail(p, at, "there is an unknown escape in a string");
        at = end;
    }
    if (high != 0 && !lk_utf8_valid(start, (size_t)(at - start)))
        return lk_json_value_fail(p, start, "a string is not valid UTF-8");
    return at + 1;
}

/* A value of variable length is added in three steps: its length's place is reserved, its bytes are appended,
 * its length and class are noted. */
static bool begin_bytes(struct lk_json_parser *p, struct lk_buffer *stream)
{
    p->before = stream->len;
    return lk_buffer_extend(stream, 4) != NULL;
}

static inline void end_bytes(const struct lk_json_parser *p, struct lk_batch *b, struct lk_column *c,
                             enum lk_class class)
{
    struct lk_buffer *stream = &c->values[class];
    const size_t len = stream->len - p->before - 4;
    lk_put_u32(stream->data + p->before, (uint32_t)len);
    lk_buffer_append_byte(&c->classes, (uint8_t) class);
    c->counts[class]++;
    b->raw_bytes += 5 + len;
}

static const uint8_t *add_string(struct lk_json_parser *p, const uint8_t *at, struct lk_batch *b,
                                 struct lk_column *c)
{
    struct lk_buffer *text = &c->values[LK_TEXT];
    if (!begin_bytes(p, text))
        return fail_memory(p, at);
    bool surrogate = false;
    const uint8_t *const end = get_string(p, at + 1, text, &surrogate);
    if (end == NULL) {
        text->len = p->before;
        return NULL;
    }
    if (!surrogate) {
        end_bytes(p, b, c, LK_TEXT);
        return end;
    }
    const size_t before = p->before;
    p->before = c->values[LK_RAWTEXT].len;
    lk_column_add_bytes(b, c, LK_RAWTEXT, text->data + before + 4, text->len - before - 4);
    text->len = before;
    return end;
}

/* ---- Numbers ---- */

/* The end of a fraction and an exponent, either of which may be missing; NULL when they are malformed. */
static const uint8_t *skip_fraction(const uint8_t *at)
{
    if (*at == '.') {
        at++;
        if (!is_digit(*at))
            return NULL;
        while (is_digit(*at))
            at++;
    }
    if ((*at | 0x20) == 'e') {
        at++;
        at += *at == '+' || *at == '-';
        if (!is_digit(*at))
            return NULL;
        while (is_digit(*at))
            at++;
    }
    return at;
}

struct number {
    bool is_integer; /* of 64 bits */
    bool is_long;    /* an integer of more */
    int64_t integer;
    const uint8_t *end;
};

/* Scan a number's text; false when it is none. */
static bool scan_number(const uint8_t *at, struct number *n)
{
    const bool negative = *at == '-';
    at += negative;
    const uint8_t *const first = at;
    uint64_t magnitude = 0;
    while (is_digit(*at))
        magnitude = magnitude * 10 + (uint64_t)(*at++ - '0');
    const size_t count = (size_t)(at - first);
    if (count == 0 || (*first == '0' && count > 1))
        return false;
    if (*at == '.' || (*at | 0x20) == 'e') {
        n->is_integer = n->is_long = false;
        n->end = skip_fraction(at);
        return n->end != NULL;
    }
    n->end = at;
    n->is_integer = count < 20 && magnitude <= (uint64_t)INT64_MAX + negative;
    n->is_long = !n->is_integer;
    n->integer = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* NaN, Infinity and -Infinity, which are no JSON but what Python's json and others write; their end, or NULL
 * when it is none of them. */
static const uint8_t *skip_special(const uint8_t *at)
{
    static const char infinity[] = "-Infinity";
    if (*at == 'I' && memcmp(at, infinity + 1, sizeof infinity - 2) == 0)
        return at + sizeof infinity - 2;
    if (*at == '-' && memcmp(at, infinity, sizeof infinity - 1) == 0)
        return at + sizeof infinity - 1;
    return memcmp(at, "NaN", 3) == 0 ? at + 3 : NULL;
}

static const uint8_t *add_special(const uint8_t *at, struct lk_batch *b, struct lk_column *c)
{
    const uint8_t *end = skip_special(at);
    if (end != NULL && *at == 'N')
        lk_column_add_null(b, c);
    else if (end != NULL)
        lk_column_add_real(b, c, *at == '-' ? -HUGE_VAL : HUGE_VAL);
    return end;
}

static const uint8_t *add_number(struct lk_json_parser *p, const uint8_t *at, struct lk_batch *b,
                                 struct lk_column *c)
{
    struct number n;
    if (!scan_number(at, &n)) {
        const uint8_t *end = add_special(at, b, c);
        return end != NULL ? end : lk_json_value_fail(p, at, "there is a malformed number");
    }
    const size_t len = (size_t)(n.end - at);
    if (n.is_integer) {
        lk_column_add_integer(b, c, n.integer);
    } else if (n.is_long) {
        p->before = c->values[LK_TEXT].len;
        lk_column_add_bytes(b, c, LK_TEXT, at, len);
    } else {
        lk_column_add_real(b, c, lk_real_parse((const char *)at, len));
    }
    return n.end;
}

const uint8_t *lk_json_value_integer(struct lk_json_parser *p, const uint8_t *at, int64_t *out)
{
    struct number n;
    if (!scan_number(at, &n) || !n.is_integer)
        return lk_json_value_fail(p, at, "the rowid is no integer of 64 bits");
    *out = n.integer;
    return n.end;
}

/* ---- Everything else ---- */

static const uint8_t *skip_scalar(struct lk_json_parser *p, const uint8_t *at)
{
    struct number n;
    if (*at == '"')
        return skip_string(p, at + 1);
    if (*at == '-' || is_digit(*at)) {
        const uint8_t *end = scan_number(at, &n) ? n.end : skip_special(at);
        return end != NULL ? end : lk_json_value_fail(p, at, "there is a malformed number");
    }
    if (memcmp(at, "null", 4) == 0 || memcmp(at, "true", 4) == 0)
        return at + 4;
    if (memcmp(at, "false", 5) == 0)
        return at + 5;
    const uint8_t *end = skip_special(at);
    if (end != NULL)
        return end;
    return lk_json_value_fail(
        p, at, *at == '\n' ? "the line ends where a value should be" : "there is no JSON value here");
}

/* A key and its colon. */
static const uint8_t *skip_key(struct lk_json_parser *p, const uint8_t *at)
{
    if (*at != '"')
        return lk_json_value_fail(p, at, "a key should be here");
    at = skip_string(p, at + 1);
    if (at == NULL)
        return NULL;
    at = lk_json_value_space(at);
    return *at == ':' ? lk_json_value_space(at + 1)
                      : lk_json_value_fail(p, at, "a colon should be behind the key");
}

/* Without recursion, since the depth is the file's to choose. */
const uint8_t *lk_json_value_skip(struct lk_json_parser *p, const uint8_t *at)
{
    bool object[LK_JSON_DEPTH];
    size_t depth = 0;
    do {
        /* A value begins here. */
        if (*at == '{' || *at == '[') {
            if (depth == LK_JSON_DEPTH)
                return lk_json_value_fail(p, at, "arrays and objects are nested too deeply");
            object[depth++] = *at == '{';
            at = lk_json_value_space(at + 1);
            if (*at != (object[depth - 1] ? '}' : ']')) {
                if (object[depth - 1] && (at = skip_key(p, at)) == NULL)
                    return NULL;
                continue;
            }
            depth--;
            at++;
        } else if ((at = skip_scalar(p, at)) == NULL) {
            return NULL;
        }
        /* A value has ended here. */
        while (depth > 0) {
            at = lk_json_value_space(at);
            if (*at == ',') {
                at = lk_json_value_space(at + 1);
                if (object[depth - 1] && (at = skip_key(p, at)) == NULL)
                    return NULL;
                break;
            }
            if (*at != (object[depth - 1] ? '}' : ']'))
                return lk_json_value_fail(p, at, "a comma or a closing bracket should be here");
            depth--;
            at++;
        }
    } while (depth > 0);
    return at;
}

/* Decode base64 into the column; false when it is none (or memory is out: the stream has failed then). */
static bool add_base64(struct lk_json_parser *p, struct lk_bytes text, struct lk_batch *b,
                       struct lk_column *c, enum lk_class class)
{
    struct lk_buffer *stream = &c->values[class];
    if (!begin_bytes(p, stream))
        return false;
    if (!lk_base64_decode(text, stream) || stream->failed) {
        stream->len = p->before;
        return false;
    }
    end_bytes(p, b, c, class);
    return true;
}

/* Our own spelling of a blob or rawtext, to the byte; NULL when it is another. */
static const uint8_t *add_own_spelling(struct lk_json_parser *p, const uint8_t *at, struct lk_batch *b,
                                       struct lk_column *c)
{
    static const char blob[] = "{\"" BLOB_KEY "\":\"";
    static const char rawtext[] = "{\"" RAWTEXT_KEY "\":\"";
    enum lk_class class = LK_BLOB;
    if (memcmp(at, blob, sizeof blob - 1) == 0) {
        at += sizeof blob - 1;
    } else if (memcmp(at, rawtext, sizeof rawtext - 1) == 0) {
        at += sizeof rawtext - 1;
        class = LK_RAWTEXT;
    } else {
        return NULL;
    }
    const uint8_t *end = memchr(at, '"', (size_t)(p->limit - at));
    if (end == NULL || end[1] != '}' || !add_base64(p, lk_bytes(at, (size_t)(end - at)), b, c, class))
        return NULL;
    return end + 2;
}

/* Is the object at `at`, which is well formed, a blob or rawtext in another's spelling? Then its base64 is
 * put into scratch. */
static bool get_foreign_spelling(struct lk_json_parser *p, const uint8_t *at, enum lk_class *class)
{
    bool surrogate = false;
    at = lk_json_value_space(at + 1);
    lk_buffer_clear(&p->scratch);
    if (*at != '"' || (at = lk_json_value_string(p, at + 1, &p->scratch, &surrogate)) == NULL)
        return false;
    if (lk_bytes_equal(lk_buffer_bytes(&p->scratch), lk_bytes_of(BLOB_KEY)))
        *class = LK_BLOB;
    else if (lk_bytes_equal(lk_buffer_bytes(&p->scratch), lk_bytes_of(RAWTEXT_KEY)))
        *class = LK_RAWTEXT;
    else
        return false;
    at = lk_json_value_space(lk_json_value_space(at) + 1);
    lk_buffer_clear(&p->scratch);
    if (*at != '"' || (at = lk_json_value_string(p, at + 1, &p->scratch, &surrogate)) == NULL)
        return false;
    return *lk_json_value_space(at) == '}';
}

static const uint8_t *add_nested(struct lk_json_parser *p, const uint8_t *at, struct lk_batch *b,
                                 struct lk_column *c)
{
    const uint8_t *end = add_own_spelling(p, at, b, c);
    if (end != NULL)
        return end;
    end = lk_json_value_skip(p, at);
    if (end == NULL)
        return NULL;
    enum lk_class class;
    if (*at == '{' && get_foreign_spelling(p, at, &class)) {
        if (add_base64(p, lk_buffer_bytes(&p->scratch), b, c, class))
            return end;
        return c->values[class].failed ? fail_memory(p, at)
                                       : lk_json_value_fail(p, at, "there is malformed base64");
    }
    if (p->scratch.failed)
        return fail_memory(p, at);
    p->before = c->values[LK_TEXT].len;
    lk_column_add_bytes(b, c, LK_TEXT, at, (size_t)(end - at));
    return end;
}

const uint8_t *lk_json_value_add(struct lk_json_parser *p, const uint8_t *at, struct lk_batch *b,
                                 struct lk_column *c)
{
    if (*at == '"')
        return add_string(p, at, b, c);
    if (*at == '-' || is_digit(*at))
        return add_number(p, at, b, c);
    if (*at == '{' || *at == '[')
        return add_nested(p, at, b, c);
    const uint8_t *end = skip_scalar(p, at);
    if (end == NULL)
        return NULL;
    if (*at == 'N' || *at == 'I')
        return add_special(at, b, c);
    if (*at == 'n')
        lk_column_add_null(b, c);
    else
        lk_column_add_integer(b, c, *at == 't');
    return end;
}
