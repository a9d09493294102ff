/* For XXH3_state_t's layout, so that it can live in memory of our own allocator. */
#define XXH_STATIC_LINKING_ONLY
/* The EVP interface allocates inside and so can fail in the middle of a file; SHA256_Init, _Update and _Final
 * cannot, and run the same assembly. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/hash.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <openssl/sha.h>
#include <sys/random.h>
#include <xxhash.h>
#ifdef LK_HAVE_XXH_DISPATCH
#include <xxh_x86dispatch.h> /* AVX2 and AVX-512 where the processor has them: the plain calls are compiled for SSE2 */
#endif

static_assert(LK_SHA256_SIZE == SHA256_DIGEST_LENGTH, "a SHA-256 digest is 32 bytes");
static_assert(LK_SECRET_SIZE >= XXH3_SECRET_SIZE_MIN, "XXH3 needs a longer secret");
static_assert(sizeof(((struct lk_hash128 *)0)->bytes) == sizeof(XXH128_canonical_t),
              "the canonical form is 16 bytes");

struct lk_hasher {
    XXH3_state_t state;             /* points to the secret */
    uint8_t secret[LK_SECRET_SIZE]; /* a copy: the caller's may go */
};

enum lk_status lk_hasher_new(const uint8_t secret[LK_SECRET_SIZE], struct lk_hasher **out,
                             struct lk_error *err)
{
    struct lk_hasher *h = lk_allocate_aligned(_Alignof(struct lk_hasher), sizeof *h);
    if (h == NULL)
        return lk_fail_memory(err, "starting a content hash");
    memset(h, 0, sizeof *h);
    memcpy(h->secret, secret, LK_SECRET_SIZE);
    lk_hasher_restart(h);
    *out = h;
    return LK_OK;
}

void lk_hasher_free(struct lk_hasher *h)
{
    lk_free(h);
}

void lk_hasher_restart(struct lk_hasher *h)
{
    (void)XXH3_128bits_reset_withSecret(&h->state, h->secret, sizeof h->secret);
}

void lk_hasher_update(struct lk_hasher *h, const void *ptr, size_t len)
{
    if (len > 0)
        (void)XXH3_128bits_update(&h->state, ptr, len);
}

struct lk_hash128 lk_hasher_finish(const struct lk_hasher *h)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&h->state));
    struct lk_hash128 hash;
    memcpy(hash.bytes, canonical.digest, sizeof hash.bytes);
    return hash;
}

bool lk_hash128_equal(struct lk_hash128 a, struct lk_hash128 b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

void lk_hash128_format(struct lk_hash128 h, char out[33])
{
    lk_hex_format(h.bytes, sizeof h.bytes, out);
}

bool lk_hash128_parse(const char *text, struct lk_hash128 *out)
{
    struct lk_hash128 parsed = {{0}};
    if (!lk_hex_parse(text, sizeof parsed.bytes, parsed.bytes))
        return false;
    *out = parsed;
    return true;
}

uint64_t lk_key_hash(const void *ptr, size_t len)
{
    return XXH3_64bits(len > 0 ? ptr : "", len);
}

struct lk_sha256 {
    SHA256_CTX state;
};

enum lk_status lk_sha256_new(struct lk_sha256 **out, struct lk_error *err)
{
    struct lk_sha256 *s = lk_allocate(sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "starting a SHA-256");
    (void)SHA256_Init(&s->state);
    *out = s;
    return LK_OK;
}

void lk_sha256_free(struct lk_sha256 *s)
{
    lk_free(s);
}

void lk_sha256_update(struct lk_sha256 *s, const void *ptr, size_t len)
{
    if (len > 0)
        (void)SHA256_Update(&s->state, ptr, len);
}

void lk_sha256_finish(struct lk_sha256 *s, uint8_t digest[LK_SHA256_SIZE])
{
    (void)SHA256_Final(digest, &s->state);
    (void)SHA256_Init(&s->state);
}

void lk_sha256_bytes(const void *ptr, size_t len, uint8_t digest[LK_SHA256_SIZE])
{
    struct lk_sha256 s;
    (void)SHA256_Init(&s.state);
    lk_sha256_update(&s, ptr, len);
    (void)SHA256_Final(digest, &s.state);
}

void lk_hex_format(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

/* -1 when `c` is no hex digit. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool lk_hex_parse(const char *text, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len; i++) {
        /* The second digit is looked at only when the first is one: text may end anywhere. */
        const int high = hex_value(text[2 * i]);
        const int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * len] == '\0';
}

enum lk_status lk_random(void *ptr, size_t len, struct lk_error *err)
{
    uint8_t *at = ptr;
    while (len > 0) {
        const ssize_t got = getrandom(at, len, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return lk_fail_errno(err, LK_FAILED, errno, "cannot get random bytes from the kernel");
        }
        at += got;
        len -= (size_t)got;
    }
    return LK_OK;
}
