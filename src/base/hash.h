/* Hashes: SHA-256 for files, XXH3-128 under the store's secret for content.
 *
 * Content hashes are keyed so that nobody who can write rows can craft two contents with one hash
 * (XXH3 is not collision resistant under a known key). Sources: FIPS 180-4; xxHash's doc/xxhash_spec.md and
 * XXH3_128bits_withSecret in xxhash.h. */
#ifndef LK_BASE_HASH_H
#define LK_BASE_HASH_H

#include "base/bytes.h"
#include "base/error.h"

#define LK_SHA256_SIZE 32
#define LK_SECRET_SIZE 192 /* bytes: XXH3's default secret size */

struct lk_hash128 {
    uint8_t bytes[16]; /* XXH128 canonical form: big-endian high half, then low half */
};

/* A content hash in progress. Heap, since XXH3's state is 576 bytes with 64-byte alignment. One thread at a
 * time. */
struct lk_hasher;
enum lk_status lk_hasher_new(const uint8_t secret[LK_SECRET_SIZE], struct lk_hasher **out,
                             struct lk_error *err) LK_CHECKED;
void lk_hasher_free(struct lk_hasher *h);
void lk_hasher_restart(struct lk_hasher *h);
void lk_hasher_update(struct lk_hasher *h, const void *ptr, size_t len);
struct lk_hash128 lk_hasher_finish(const struct lk_hasher *h); /* the hasher stays usable: more may follow */

bool lk_hash128_equal(struct lk_hash128 a, struct lk_hash128 b);
/* 32 lower-case hex digits and NUL. */
void lk_hash128_format(struct lk_hash128 h, char out[33]);
/* False when `text` is not 32 hex digits. */
bool lk_hash128_parse(const char *text, struct lk_hash128 *out);

/* XXH3-64 of a row's key with seed 0: where parts end. Unkeyed, so that boundaries do not depend on the
 * store. */
uint64_t lk_key_hash(const void *ptr, size_t len);

struct lk_sha256;
enum lk_status lk_sha256_new(struct lk_sha256 **out, struct lk_error *err) LK_CHECKED;
void lk_sha256_free(struct lk_sha256 *s);
void lk_sha256_update(struct lk_sha256 *s, const void *ptr, size_t len);
/* The digest of all bytes so far; afterwards the state is as new. */
void lk_sha256_finish(struct lk_sha256 *s, uint8_t digest[LK_SHA256_SIZE]);
void lk_sha256_bytes(const void *ptr, size_t len, uint8_t digest[LK_SHA256_SIZE]);

/* Lower-case hex of `len` bytes with NUL: out has 2 * len + 1. */
void lk_hex_format(const uint8_t *bytes, size_t len, char *out);
bool lk_hex_parse(const char *text, size_t len, uint8_t *out); /* exactly 2 * len digits, then NUL */

/* Random bytes from the kernel (getrandom). */
enum lk_status lk_random(void *ptr, size_t len, struct lk_error *err) LK_CHECKED;

#endif
