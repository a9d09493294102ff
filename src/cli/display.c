#include "cli/display.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define SECOND INT64_C(1000000000)
#define NO_CHARACTER 0xffffffffu

/* The character at `text` (not at its NUL) and its length in bytes; NO_CHARACTER and 1 for a byte that begins
 * no well-formed UTF-8 sequence (Unicode, table 3-7). */
static uint32_t decode(const char *text, size_t *len)
{
    const unsigned char *p = (const unsigned char *)text;
    *len = 1;
    if (p[0] < 0x80)
        return p[0];
    size_t n;
    uint32_t value, least;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2, value = p[0] & 0x1fu, least = 0x80;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3, value = p[0] & 0x0fu, least = 0x800;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4, value = p[0] & 0x07u, least = 0x10000;
    } else {
        return NO_CHARACTER;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) /* the NUL at the end stops here too */
            return NO_CHARACTER;
        value = value << 6 | (p[i] & 0x3fu);
    }
    if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return NO_CHARACTER;
    *len = n;
    return value;
}

static size_t cells_of(uint32_t character)
{
    if (character == NO_CHARACTER || (character >= 0x20 && character < 0x7f))
        return 1;
    const int width = wcwidth((wchar_t)character);
    return width < 0 ? 1 : (size_t)width;
}

size_t lk_display_width(const char *text)
{
    size_t width = 0, len;
    for (size_t i = 0; text[i] != '\0'; i += len)
        width += cells_of(decode(text + i, &len));
    return width;
}

size_t lk_display_fit(const char *text, size_t cells, const char *mark, bool *cut, size_t *used)
{
    const size_t mark_cells = lk_display_width(mark);
    const size_t room = mark_cells <= cells ? cells - mark_cells : cells;
    size_t width = 0, len;
    size_t keep = 0, keep_width = 0; /* the longest start beside which the mark fits */
    for (size_t i = 0; text[i] != '\0'; i += len) {
        width += cells_of(decode(text + i, &len));
        if (width <= room)
            keep = i + len, keep_width = width;
        if (width > cells) {
            *cut = true;
            *used = keep_width + (mark_cells <= cells ? mark_cells : 0);
            return keep;
        }
    }
    *cut = false;
    *used = width;
    return strlen(text);
}

const char *lk_display_number(uint64_t number, char out[LK_DISPLAY_NUMBER_SIZE])
{
    char digits[24];
    const size_t len = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *lk_display_change(uint64_t before, uint64_t now, char out[LK_DISPLAY_NUMBER_SIZE])
{
    if (now == before)
        return strcpy(out, "0");
    out[0] = now > before ? '+' : '-';
    char number[LK_DISPLAY_NUMBER_SIZE];
    lk_display_number(now > before ? now - before : before - now, number);
    memcpy(out + 1, number, strnlen(number, LK_DISPLAY_NUMBER_SIZE - 2) + 1);
    return out;
}

const char *lk_display_age(int64_t instant, char *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t age = (int64_t)now.tv_sec * SECOND + now.tv_nsec - instant;
    if (age < SECOND) /* also when the clock was set back */
        return strcpy(out, "0s");
    litekeep_format_duration(age - age % SECOND, out);
    return out;
}

const char *lk_display_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static bool is_hidden(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
           (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069) ||
           character == 0x2028 || character == 0x2029;
}

char *lk_display_escape(const char *text)
{
    char *out = malloc(strlen(text) * 4 + 1); /* one byte becomes \xNN at most, three become \u{NNNN} */
    if (out == NULL)
        return NULL;
    size_t at = 0, len;
    for (size_t i = 0; text[i] != '\0'; i += len) {
        const uint32_t character = decode(text + i, &len);
        if (character == NO_CHARACTER || (character < 0x80 && is_hidden(character))) {
            at += (size_t)sprintf(out + at, "\\x%02x", (unsigned char)text[i]);
        } else if (is_hidden(character)) {
            at += (size_t)sprintf(out + at, "\\u{%04x}", (unsigned)character);
        } else {
            memcpy(out + at, text + i, len);
            at += len;
        }
    }
    out[at] = '\0';
    return out;
}

char *lk_display_quote(const char *word)
{
    char *shown = lk_display_escape(word);
    if (shown == NULL)
        return NULL;
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (shown[0] != '\0' && shown[strspn(shown, safe)] == '\0')
        return shown;
    char *out = malloc(strlen(shown) * 4 + 3); /* each ' becomes '\'' */
    if (out != NULL) {
        char *to = out;
        *to++ = '\'';
        for (const char *from = shown; *from != '\0'; from++) {
            if (*from == '\'') {
                memcpy(to, "'\\''", 4);
                to += 4;
            } else {
                *to++ = *from;
            }
        }
        *to++ = '\'';
        *to = '\0';
    }
    free(shown);
    return out;
}

const char *lk_display_nearest(const char *word, const char *const *names, size_t count)
{
    return litekeep_nearest(word, names, count);
}
