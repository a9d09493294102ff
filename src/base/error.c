#define LK_ERROR_DEFINITIONS
#include "base/error.h"

#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    PREFIX_LIMIT = LK_ERROR_SIZE / 4, /* so that a long prefix leaves the reason visible */
    REASON_LIMIT = 256
};

/* Length of the well-formed UTF-8 character at `at`; 0 when there is none. */
static size_t character_length(const uint8_t *at, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++)
        if (lk_utf8_valid(at, n))
            return n;
    return 0;
}

/* Would a terminal act on this character rather than show it? C0, DEL, C1, line separators, bidi controls. */
static bool is_control(const uint8_t *at, size_t len)
{
    if (len == 1)
        return at[0] < 0x20 || at[0] == 0x7f;
    if (len == 2)
        return at[0] == 0xc2 && at[1] < 0xa0;
    if (len != 3 || at[0] != 0xe2)
        return false;
    return (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || /* U+2028 to U+202E */
           (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);   /* U+2066 to U+2069 */
}

/* Append `text` to `out` (`used` of `size` bytes taken), safe to print, cut between characters. Returns the
 * new length. Backslashes stay single: text that went through here before must come out unchanged. */
static size_t append_escaped(char *out, size_t used, size_t size, const char *text, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *at = (const uint8_t *)text;
    while (len > 0) {
        const size_t known = character_length(at, len);
        const size_t n = known > 0 ? known : 1;
        const bool plain = known > 0 && !is_control(at, n);
        if (used + (plain ? n : 4 * n) >= size)
            break;
        for (size_t i = 0; i < n; i++) {
            if (plain) {
                out[used++] = (char)at[i];
            } else {
                out[used++] = '\\';
                out[used++] = 'x';
                out[used++] = digits[at[i] >> 4];
                out[used++] = digits[at[i] & 15];
            }
        }
        at += n;
        len -= n;
    }
    out[used] = '\0';
    return used;
}

/* Format and escape into out[0..size). The scratch is the stack's: an error must be reportable when memory is
 * out, and the arguments may point into the message that is being replaced. */
static size_t format_escaped(char *out, size_t size, const char *format, va_list args) LK_PRINTF(3, 0);
static size_t format_escaped(char *out, size_t size, const char *format, va_list args)
{
    /* Longer by a character than any message, so that vsnprintf's cut through one lies behind our own cut. */
    char raw[LK_ERROR_SIZE + 4];
    if (vsnprintf(raw, sizeof raw, format, args) < 0)
        raw[0] = '\0';
    return append_escaped(out, 0, size, raw, strlen(raw));
}

enum lk_status lk_fail(struct lk_error *err, enum lk_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_escaped(err->message, sizeof err->message, format, args);
    va_end(args);
    err->status = status;
    err->system = 0;
    return status;
}

enum lk_status lk_fail_errno(struct lk_error *err, enum lk_status status, int system, const char *format, ...)
{
    char scratch[REASON_LIMIT];
    char reason[REASON_LIMIT];
    const int len = snprintf(reason, sizeof reason, ": %s", strerror_r(system, scratch, sizeof scratch));
    const size_t room = len > 0 && (size_t)len < sizeof reason ? (size_t)len : sizeof reason - 1;
    va_list args;
    va_start(args, format);
    const size_t used = format_escaped(err->message, sizeof err->message - room, format, args);
    va_end(args);
    append_escaped(err->message, used, sizeof err->message, reason, strlen(reason));
    err->status = status;
    err->system = system;
    return status;
}

enum lk_status lk_fail_memory(struct lk_error *err, const char *what)
{
    return lk_fail(err, LK_FAILED, "out of memory while %s", what);
}

enum lk_status lk_error_prefix(struct lk_error *err, const char *format, ...)
{
    char whole[LK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    size_t used = format_escaped(whole, PREFIX_LIMIT, format, args);
    va_end(args);
    used = append_escaped(whole, used, sizeof whole, ": ", 2);
    append_escaped(whole, used, sizeof whole, err->message, strlen(err->message));
    memcpy(err->message, whole, sizeof whole);
    return err->status;
}
