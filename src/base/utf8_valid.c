#include "base/utf8_valid.h"

#include "base/bytes.h"

#if defined __x86_64__
#include <immintrin.h>
#endif

#define HIGH_BITS UINT64_C(0x8080808080808080)

size_t lk_utf8_valid_ascii(const uint8_t *ptr, size_t len)
{
    size_t i = 0;
    while (len - i >= 32) {
        const uint64_t a = lk_get_u64(ptr + i);
        const uint64_t b = lk_get_u64(ptr + i + 8);
        const uint64_t c = lk_get_u64(ptr + i + 16);
        const uint64_t d = lk_get_u64(ptr + i + 24);
        if (((a | b | c | d) & HIGH_BITS) != 0)
            break;
        i += 32;
    }
    while (len - i >= 8) {
        const uint64_t high = lk_get_u64(ptr + i) & HIGH_BITS;
        if (high != 0)
            return i + (size_t)(__builtin_ctzll(high) / 8);
        i += 8;
    }
    while (i < len && ptr[i] < 0x80)
        i++;
    return i;
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The limits of the second byte are those of Unicode's table 3-7: they exclude overlong forms, surrogates and
 * what is above U+10FFFF. */
size_t lk_utf8_valid_sequence(const uint8_t *ptr, size_t len)
{
    const uint8_t lead = ptr[0];
    if (lead < 0xc2 || lead > 0xf4 || len < 2)
        return 0;
    if (lead < 0xe0)
        return is_continuation(ptr[1]) ? 2 : 0;
    if (lead < 0xf0) {
        const uint8_t low = lead == 0xe0 ? 0xa0 : 0x80;
        const uint8_t high = lead == 0xed ? 0x9f : 0xbf;
        return len >= 3 && ptr[1] >= low && ptr[1] <= high && is_continuation(ptr[2]) ? 3 : 0;
    }
    const uint8_t low = lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xf4 ? 0x8f : 0xbf;
    return len >= 4 && ptr[1] >= low && ptr[1] <= high && is_continuation(ptr[2]) && is_continuation(ptr[3])
               ? 4
               : 0;
}

static bool valid_portable(const uint8_t *ptr, size_t len)
{
    size_t i = 0;
    for (;;) {
        i += lk_utf8_valid_ascii(ptr + i, len - i);
        if (i == len)
            return true;
        do {
            const size_t n = lk_utf8_valid_sequence(ptr + i, len - i);
            if (n == 0)
                return false;
            i += n;
        } while (i < len && ptr[i] >= 0x80);
    }
}

#if defined __x86_64__

/* J. Keiser, D. Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte", 2021: for two bytes in a
 * row, three tables of the first's halves and the second's upper half say which errors are possible; an error
 * is one on which all three agree. */
#define TOO_SHORT 0x01      /* lead, then no continuation */
#define TOO_LONG 0x02       /* ASCII, then a continuation */
#define OVERLONG_3 0x04     /* e0, then below a0 */
#define TOO_LARGE 0x08      /* f4, then 90 or above; f5 to ff */
#define SURROGATE 0x10      /* ed, then a0 or above */
#define OVERLONG_2 0x20     /* c0 or c1 */
#define TOO_LARGE_1000 0x40 /* f5 to ff, then 80 to 8f */
#define OVERLONG_4 0x40     /* f0, then below 90 */
#define CONTINUATIONS 0x80  /* two in a row: right behind a lead of three or four, and only there */
#define ANY_LOW (TOO_SHORT | TOO_LONG | CONTINUATIONS) /* do not depend on the first's lower half */
#define LARGE_LOW (ANY_LOW | TOO_LARGE | TOO_LARGE_1000)
#define SECOND (TOO_LONG | OVERLONG_2 | CONTINUATIONS)
#define AS_BYTE(x) ((char)(unsigned char)(x))
#define TABLE(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                                \
    _mm256_broadcastsi128_si256(_mm_setr_epi8(                                                               \
        AS_BYTE(a), AS_BYTE(b), AS_BYTE(c), AS_BYTE(d), AS_BYTE(e), AS_BYTE(f), AS_BYTE(g), AS_BYTE(h),      \
        AS_BYTE(i), AS_BYTE(j), AS_BYTE(k), AS_BYTE(l), AS_BYTE(m), AS_BYTE(n), AS_BYTE(o), AS_BYTE(p)))

__attribute__((target("avx2"))) static __m256i errors_in(__m256i before, __m256i block)
{
    const __m256i joint = _mm256_permute2x128_si256(before, block, 0x21);
    const __m256i back1 = _mm256_alignr_epi8(block, joint, 15);
    const __m256i back2 = _mm256_alignr_epi8(block, joint, 14);
    const __m256i back3 = _mm256_alignr_epi8(block, joint, 13);
    const __m256i half = _mm256_set1_epi8(0x0f);
    const __m256i first_high = _mm256_shuffle_epi8(
        TABLE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, CONTINUATIONS,
              CONTINUATIONS, CONTINUATIONS, CONTINUATIONS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
              TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4),
        _mm256_and_si256(_mm256_srli_epi16(back1, 4), half));
    const __m256i first_low = _mm256_shuffle_epi8(
        TABLE(ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW,
              ANY_LOW | TOO_LARGE, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW,
              LARGE_LOW, LARGE_LOW, LARGE_LOW | SURROGATE, LARGE_LOW, LARGE_LOW),
        _mm256_and_si256(back1, half));
    const __m256i second_high =
        _mm256_shuffle_epi8(TABLE(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
                                  TOO_SHORT, SECOND | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
                                  SECOND | OVERLONG_3 | TOO_LARGE, SECOND | SURROGATE | TOO_LARGE,
                                  SECOND | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT),
                            _mm256_and_si256(_mm256_srli_epi16(block, 4), half));
    const __m256i pairs = _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high);
    /* Bytes two behind e0 and above or three behind f0 and above: their upper bit stays set, and they must be
     * second continuations. */
    const __m256i third = _mm256_subs_epu8(back2, _mm256_set1_epi8(0xe0 - 0x80));
    const __m256i fourth = _mm256_subs_epu8(back3, _mm256_set1_epi8(0xf0 - 0x80));
    const __m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(AS_BYTE(0x80)));
    return _mm256_xor_si256(due, pairs);
}

__attribute__((target("avx2"))) static bool valid_avx2(const uint8_t *ptr, size_t len)
{
    /* A lead in the last three bytes of a block needs more than the block: then it is above these. */
    const __m256i complete =
        _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                         -1, -1, -1, -1, -1, -1, -1, -1, AS_BYTE(0xef), AS_BYTE(0xdf), AS_BYTE(0xbf));
    __m256i errors = _mm256_setzero_si256();
    __m256i before = _mm256_setzero_si256();
    __m256i open = _mm256_setzero_si256();
    size_t left = len;
    bool last;
    do {
        __m256i block;
        last = left < 32;
        if (last) {
            /* The zeros behind the end are ASCII: what is unfinished is too short. */
            uint8_t rest[32] = {0};
            if (left > 0)
                memcpy(rest, ptr, left);
            block = _mm256_loadu_si256((const __m256i *)(const void *)rest);
        } else {
            block = _mm256_loadu_si256((const __m256i *)(const void *)ptr);
            ptr += 32;
            left -= 32;
        }
        if (_mm256_movemask_epi8(block) == 0) {
            errors = _mm256_or_si256(errors, open);
            open = _mm256_setzero_si256();
        } else {
            errors = _mm256_or_si256(errors, errors_in(before, block));
            open = _mm256_subs_epu8(block, complete);
        }
        before = block;
    } while (!last);
    return _mm256_testz_si256(errors, errors) != 0;
}

#endif

size_t lk_utf8_valid_checks(lk_utf8_check *out[2])
{
    size_t count = 0;
    out[count++] = valid_portable;
#if defined __x86_64__
    if (__builtin_cpu_supports("avx2"))
        out[count++] = valid_avx2;
#endif
    return count;
}
