#include "jsonl/json_string.h"

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#define LOW_BITS UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Eight bytes at once. A borrow can make a byte above a true hit look like one, never one below: the lowest
 * hit is right (S. E. Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte less than n"). */
static struct lk_json_run copy_portable(uint8_t *to, const uint8_t *from, size_t len)
{
    struct lk_json_run run = {0};
    while (run.len < len) {
        const uint64_t word = lk_get_u64(from + run.len);
        memcpy(to + run.len, from + run.len, 8);
        const uint64_t quote = word ^ LOW_BITS * '"';
        const uint64_t backslash = word ^ LOW_BITS * '\\';
        uint64_t hits = ((word - LOW_BITS * 0x20) & ~word) | ((quote - LOW_BITS) & ~quote) |
                        ((backslash - LOW_BITS) & ~backslash);
        hits &= HIGH_BITS;
        if (len - run.len < 8)
            hits |= UINT64_C(0x80) << (len - run.len) * 8;
        if (hits != 0) {
            const unsigned count = (unsigned)__builtin_ctzll(hits) / 8;
            run.high |= word & HIGH_BITS & ((UINT64_C(1) << count * 8) - 1);
            run.len += count;
            return run;
        }
        run.high |= word & HIGH_BITS;
        run.len += 8;
    }
    return run;
}

#if defined __x86_64__

static struct lk_json_run copy_sse2(uint8_t *to, const uint8_t *from, size_t len)
{
    struct lk_json_run run = {0};
    while (run.len < len) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(from + run.len));
        _mm_storeu_si128((__m128i *)(void *)(to + run.len), v);
        const __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
            _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
        uint32_t hits = (uint32_t)_mm_movemask_epi8(special);
        const uint32_t high = (uint32_t)_mm_movemask_epi8(v);
        if (len - run.len < 16)
            hits |= UINT32_C(1) << (len - run.len);
        if (hits != 0) {
            const unsigned count = (unsigned)__builtin_ctz(hits);
            run.high |= high & ((UINT32_C(1) << count) - 1);
            run.len += count;
            return run;
        }
        run.high |= high;
        run.len += 16;
    }
    return run;
}

__attribute__((target("avx2,bmi"))) static struct lk_json_run copy_avx2(uint8_t *to, const uint8_t *from,
                                                                        size_t len)
{
    struct lk_json_run run = {0};
    while (run.len < len) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(from + run.len));
        _mm256_storeu_si256((__m256i *)(void *)(to + run.len), v);
        const __m256i special =
            _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
                                            _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'))),
                            _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v));
        uint32_t hits = (uint32_t)_mm256_movemask_epi8(special);
        const uint32_t high = (uint32_t)_mm256_movemask_epi8(v);
        if (len - run.len < 32)
            hits |= UINT32_C(1) << (len - run.len);
        if (hits != 0) {
            const unsigned count = (unsigned)__builtin_ctz(hits);
            run.high |= high & ((UINT32_C(1) << count) - 1);
            run.len += count;
            return run;
        }
        run.high |= high;
        run.len += 32;
    }
    return run;
}

#elif defined __aarch64__

static struct lk_json_run copy_neon(uint8_t *to, const uint8_t *from, size_t len)
{
    struct lk_json_run run = {0};
    while (run.len < len) {
        const uint8x16_t v = vld1q_u8(from + run.len);
        vst1q_u8(to + run.len, v);
        const uint8x16_t special =
            vorrq_u8(vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\'))),
                     vcltq_u8(v, vdupq_n_u8(0x20)));
        /* Four bits a byte: NEON has no movemask. */
        const uint8x8_t narrow = vshrn_n_u16(vreinterpretq_u16_u8(special), 4);
        uint64_t hits = vget_lane_u64(vreinterpret_u64_u8(narrow), 0);
        const uint8x8_t narrow_high = vshrn_n_u16(vreinterpretq_u16_u8(vcgeq_u8(v, vdupq_n_u8(0x80))), 4);
        const uint64_t high = vget_lane_u64(vreinterpret_u64_u8(narrow_high), 0);
        if (len - run.len < 16)
            hits |= UINT64_C(1) << (len - run.len) * 4;
        if (hits != 0) {
            const unsigned count = (unsigned)__builtin_ctzll(hits) / 4;
            run.high |= high & ((UINT64_C(1) << count * 4) - 1);
            run.len += count;
            return run;
        }
        run.high |= high;
        run.len += 16;
    }
    return run;
}

#endif

size_t lk_json_string_copiers(lk_json_copy *out[4])
{
    size_t count = 0;
    out[count++] = copy_portable;
#if defined __x86_64__
    out[count++] = copy_sse2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
        out[count++] = copy_avx2;
#elif defined __aarch64__
    out[count++] = copy_neon;
#endif
    return count;
}

lk_json_copy *lk_json_string_copier(void)
{
    lk_json_copy *all[4];
    const size_t count = lk_json_string_copiers(all);
    return all[count - 1];
}

uint8_t *lk_json_string_put_escape(uint8_t *to, uint8_t byte)
{
    static const uint8_t letters[256] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\'};
    *to++ = '\\';
    if (letters[byte] != 0) {
        *to++ = letters[byte];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = (uint8_t)('0' + (byte >> 4));
    to[4] = (uint8_t) "0123456789abcdef"[byte & 15];
    return to + 5;
}

void lk_json_string_append(struct lk_bytes text, struct lk_buffer *out)
{
    lk_buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t byte = text.ptr[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            lk_buffer_append_byte(out, byte);
            continue;
        }
        uint8_t escape[6];
        lk_buffer_append(out, escape, (size_t)(lk_json_string_put_escape(escape, byte) - escape));
    }
    lk_buffer_append_byte(out, '"');
}
