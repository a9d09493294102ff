#include "base/text.h"

#include <fnmatch.h>
#include <strings.h>

#include "base/memory.h"
#include "base/utf8_valid.h"

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

bool lk_utf8_valid(const uint8_t *ptr, size_t len)
{
    const size_t ascii = lk_utf8_valid_ascii(ptr, len);
    if (ascii == len)
        return true;
    lk_utf8_check *checks[2];
    const size_t count = lk_utf8_valid_checks(checks);
    return checks[count - 1](ptr + ascii, len - ascii);
}

size_t lk_utf8_cut(const uint8_t *ptr, size_t len, size_t limit)
{
    if (len <= limit)
        return len;
    size_t n = limit;
    while (n > 0 && limit - n < 3 && is_continuation(ptr[n]))
        n--;
    /* Four continuation bytes in a row are no UTF-8: then every place is as good as another. */
    return is_continuation(ptr[n]) ? limit : n;
}

/* Write the character (a Unicode scalar value) and return its length, 1 to 4. */
static size_t put_utf8(uint8_t *to, uint32_t character)
{
    if (character < 0x80) {
        to[0] = (uint8_t)character;
        return 1;
    }
    if (character < 0x800) {
        to[0] = (uint8_t)(0xc0 | character >> 6);
        to[1] = (uint8_t)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        to[0] = (uint8_t)(0xe0 | character >> 12);
        to[1] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (character & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | character >> 18);
    to[1] = (uint8_t)(0x80 | (character >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (character & 0x3f));
    return 4;
}

/* Read the character of a well-formed sequence; *length is its length. */
static uint32_t get_utf8(const uint8_t *from, size_t *length)
{
    const uint32_t lead = from[0];
    if (lead < 0x80) {
        *length = 1;
        return lead;
    }
    if (lead < 0xe0) {
        *length = 2;
        return (lead & 0x1f) << 6 | (from[1] & 0x3fu);
    }
    if (lead < 0xf0) {
        *length = 3;
        return (lead & 0x0f) << 12 | (from[1] & 0x3fu) << 6 | (from[2] & 0x3fu);
    }
    *length = 4;
    return (lead & 0x07) << 18 | (from[1] & 0x3fu) << 12 | (from[2] & 0x3fu) << 6 | (from[3] & 0x3fu);
}

static uint32_t get_unit(const uint8_t *from, bool big_endian)
{
    return big_endian ? (uint32_t)from[0] << 8 | from[1] : (uint32_t)from[1] << 8 | from[0];
}

static void put_unit(uint8_t *to, uint32_t unit, bool big_endian)
{
    to[big_endian ? 0 : 1] = (uint8_t)(unit >> 8);
    to[big_endian ? 1 : 0] = (uint8_t)unit;
}

static bool is_high_surrogate(uint32_t unit)
{
    return (unit & 0xfc00) == 0xd800;
}

static bool is_low_surrogate(uint32_t unit)
{
    return (unit & 0xfc00) == 0xdc00;
}

bool lk_utf16_to_utf8(const uint8_t *ptr, size_t len, bool big_endian, struct lk_buffer *out)
{
    if (len % 2 != 0)
        return false;
    size_t utf8_len = 0;
    for (size_t i = 0; i < len; i += 2) {
        const uint32_t unit = get_unit(ptr + i, big_endian);
        if (is_low_surrogate(unit))
            return false;
        if (is_high_surrogate(unit)) {
            if (len - i < 4 || !is_low_surrogate(get_unit(ptr + i + 2, big_endian)))
                return false;
            utf8_len += 4;
            i += 2;
        } else {
            utf8_len += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
        }
    }
    uint8_t *to = lk_buffer_extend(out, utf8_len);
    if (to == NULL)
        return true;
    for (size_t i = 0; i < len; i += 2) {
        uint32_t character = get_unit(ptr + i, big_endian);
        if (is_high_surrogate(character)) {
            i += 2;
            character = 0x10000 + ((character & 0x3ff) << 10) + (get_unit(ptr + i, big_endian) & 0x3ff);
        }
        to += put_utf8(to, character);
    }
    return true;
}

void lk_utf8_to_utf16(const uint8_t *ptr, size_t len, bool big_endian, struct lk_buffer *out)
{
    size_t units = 0;
    for (size_t i = 0; i < len; i++)
        units += is_continuation(ptr[i]) ? 0 : ptr[i] >= 0xf0 ? 2 : 1;
    uint8_t *to = lk_buffer_extend(out, units * 2);
    if (to == NULL)
        return;
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t character = get_utf8(ptr + i, &n);
        if (character >= 0x10000) {
            character -= 0x10000;
            put_unit(to, 0xd800 | character >> 10, big_endian);
            to += 2;
            character = 0xdc00 | (character & 0x3ff);
        }
        put_unit(to, character, big_endian);
        to += 2;
    }
}

/* Would this character change how the text around it is shown, or where a line ends? */
static bool is_treacherous(uint32_t character)
{
    return (character >= 0x80 && character < 0xa0) || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

static void escape_ascii(uint8_t byte, struct lk_buffer *out)
{
    switch (byte) {
    case '\n':
        lk_buffer_append_string(out, "\\n");
        break;
    case '\t':
        lk_buffer_append_string(out, "\\t");
        break;
    case '\r':
        lk_buffer_append_string(out, "\\r");
        break;
    case '\\':
        lk_buffer_append_string(out, "\\\\");
        break;
    default:
        if (byte < 0x20 || byte == 0x7f)
            lk_buffer_append_format(out, "\\x%02x", byte);
        else
            lk_buffer_append_byte(out, byte);
    }
}

void lk_text_escape(struct lk_bytes text, struct lk_buffer *out)
{
    for (size_t i = 0, n; i < text.len; i += n) {
        const uint8_t *at = text.ptr + i;
        n = 1;
        if (at[0] < 0x80) {
            escape_ascii(at[0], out);
            continue;
        }
        n = lk_utf8_valid_sequence(at, text.len - i);
        if (n == 0) {
            n = 1;
            lk_buffer_append_format(out, "\\x%02x", at[0]);
            continue;
        }
        const uint32_t character = get_utf8(at, &n);
        if (is_treacherous(character))
            lk_buffer_append_format(out, "\\u{%04X}", (unsigned)character);
        else
            lk_buffer_append(out, at, n);
    }
}

char *lk_text_escaped(struct lk_bytes text)
{
    struct lk_buffer b = {0};
    lk_text_escape(text, &b);
    char *copy = b.failed ? NULL : lk_copy_bytes(b.data, b.len);
    lk_buffer_reset(&b);
    return copy;
}

/* May this byte stand in a word of a shell without quotes, at any place of it? */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_-./:,+@%", c) != NULL);
}

char *lk_text_quote(const char *word)
{
    size_t len = 0, marks = 0;
    bool plain = word[0] != '\0';
    for (; word[len] != '\0'; len++) {
        plain = plain && is_plain(word[len]);
        marks += word[len] == '\'' ? 1 : 0;
    }
    if (plain)
        return lk_copy_string(word);
    char *out = lk_allocate(len + marks * 3 + 3), *to = out;
    if (out == NULL)
        return NULL;
    *to++ = '\'';
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '\'') {
            memcpy(to, "'\\''", 4);
            to += 4;
        } else {
            *to++ = word[i];
        }
    }
    memcpy(to, "'", 2);
    return out;
}

char *lk_text_quote_shown(const char *word)
{
    const struct lk_bytes text = lk_bytes_of(word);
    struct lk_buffer out = {0};
    bool shown = true;
    lk_buffer_append_string(&out, "$'");
    for (size_t i = 0, n; i < text.len; i += n) {
        const uint8_t *at = text.ptr + i;
        n = at[0] < 0x80 ? 1 : lk_utf8_valid_sequence(at, text.len - i);
        const uint32_t character = n == 0 ? 0 : get_utf8(at, &n);
        if (character >= 0x20 && character != 0x7f && !is_treacherous(character)) {
            if (character == '\'' || character == '\\')
                lk_buffer_append_byte(&out, '\\');
            lk_buffer_append(&out, at, n);
            continue;
        }
        shown = false;
        n = n == 0 ? 1 : n;
        for (size_t k = 0; k < n; k++)
            lk_buffer_append_format(&out, "\\x%02x", at[k]);
    }
    lk_buffer_append_byte(&out, '\'');
    char *copy = shown ? lk_text_quote(word) : out.failed ? NULL : lk_copy_bytes(out.data, out.len);
    lk_buffer_reset(&out);
    return copy;
}

bool lk_glob_match(const char *glob, const char *text)
{
    return fnmatch(glob, text, 0) == 0;
}

void lk_base64_encode(struct lk_bytes in, struct lk_buffer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (in.len > SIZE_MAX / 4 * 3 - 3) {
        out->failed = true;
        return;
    }
    uint8_t *to = lk_buffer_extend(out, (in.len + 2) / 3 * 4);
    if (to == NULL)
        return;
    const uint8_t *from = in.ptr;
    size_t left = in.len;
    for (; left >= 3; left -= 3, from += 3, to += 4) {
        const uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        to[0] = (uint8_t)digits[bits >> 18];
        to[1] = (uint8_t)digits[bits >> 12 & 63];
        to[2] = (uint8_t)digits[bits >> 6 & 63];
        to[3] = (uint8_t)digits[bits & 63];
    }
    if (left > 0) {
        const uint32_t bits = (uint32_t)from[0] << 16 | (left == 2 ? (uint32_t)from[1] << 8 : 0);
        to[0] = (uint8_t)digits[bits >> 18];
        to[1] = (uint8_t)digits[bits >> 12 & 63];
        to[2] = left == 2 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        to[3] = '=';
    }
}

/* The six bits of a base64 digit; 0xff when it is none. */
static uint8_t base64_value(uint8_t digit)
{
#define NONE16 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
    static const uint8_t values[256] = {NONE16, NONE16, /* */
                                        255,    255,    255,    255,    255,    255,    255,    255,
                                        255,    255,    255,    62,     255,    255,    255,    63, /* + / */
                                        52,     53,     54,     55,     56,     57,     58,     59,
                                        60,     61,     255,    255,    255,    255,    255,    255, /* 0-9 */
                                        255,    0,      1,      2,      3,      4,      5,      6,
                                        7,      8,      9,      10,     11,     12,     13,     14, /* A-O */
                                        15,     16,     17,     18,     19,     20,     21,     22,
                                        23,     24,     25,     255,    255,    255,    255,    255, /* P-Z */
                                        255,    26,     27,     28,     29,     30,     31,     32,
                                        33,     34,     35,     36,     37,     38,     39,     40, /* a-o */
                                        41,     42,     43,     44,     45,     46,     47,     48,
                                        49,     50,     51,     255,    255,    255,    255,    255, /* p-z */
                                        NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16};
#undef NONE16
    return values[digit];
}

bool lk_base64_decode(struct lk_bytes in, struct lk_buffer *out)
{
    if (in.len % 4 != 0)
        return false;
    if (in.len == 0)
        return true;
    const size_t padding = in.ptr[in.len - 1] != '=' ? 0 : in.ptr[in.len - 2] != '=' ? 1 : 2;
    const size_t start = out->len;
    uint8_t *to = lk_buffer_extend(out, in.len / 4 * 3 - padding);
    if (to == NULL)
        return true;
    const uint8_t *from = in.ptr;
    const uint8_t *last = in.ptr + (in.len - (padding > 0 ? 4 : 0));
    uint8_t invalid = 0;
    for (; from < last; from += 4, to += 3) {
        const uint8_t a = base64_value(from[0]);
        const uint8_t b = base64_value(from[1]);
        const uint8_t c = base64_value(from[2]);
        const uint8_t d = base64_value(from[3]);
        invalid = (uint8_t)(invalid | a | b | c | d);
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    if (padding > 0) {
        const uint8_t a = base64_value(from[0]);
        const uint8_t b = base64_value(from[1]);
        const uint8_t c = padding == 1 ? base64_value(from[2]) : 0;
        /* Bits that no byte takes must be zero, so that each text decodes from one spelling only. */
        const bool stray = padding == 1 ? (c & 3) != 0 : (b & 15) != 0;
        invalid = (uint8_t)(invalid | a | b | c | (stray ? 0x80 : 0));
        to[0] = (uint8_t)(a << 2 | b >> 4);
        if (padding == 1)
            to[1] = (uint8_t)(b << 4 | c >> 2);
    }
    if ((invalid & 0x80) == 0)
        return true;
    out->len = start;
    return false;
}

bool lk_text_is_listed(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcasecmp(*names, name) == 0)
            return true;
    return false;
}
