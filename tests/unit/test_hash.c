#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

/* getrandom of this program: interrupted once, a few bytes at a time, or failing. */
static bool getrandom_interrupted;
static size_t getrandom_most;
static int getrandom_error;

ssize_t getrandom(void *to, size_t len, unsigned flags)
{
    if (getrandom_interrupted || getrandom_error != 0) {
        errno = getrandom_interrupted ? EINTR : getrandom_error;
        getrandom_interrupted = false;
        return -1;
    }
    return syscall(SYS_getrandom, to, getrandom_most != 0 && len > getrandom_most ? getrandom_most : len,
                   flags);
}

static int fail_no_more(void **state)
{
    (void)state;
    lk_memory_fail_after(-1, 0);
    return 0;
}

/* The answers of FIPS 180-4's examples. */
static const struct {
    const char *text;
    const char *digest;
} sha_cases[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_gives_the_answers_of_the_standard(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_sha256 *s = NULL;
    assert_int_equal(lk_sha256_new(&s, &err), LK_OK);
    for (size_t i = 0; i < sizeof sha_cases / sizeof *sha_cases; i++) {
        const size_t len = strlen(sha_cases[i].text);
        uint8_t digest[LK_SHA256_SIZE];
        char hex[2 * LK_SHA256_SIZE + 1];
        lk_sha256_bytes(sha_cases[i].text, len, digest);
        lk_hex_format(digest, sizeof digest, hex);
        assert_string_equal(hex, sha_cases[i].digest);
        /* The same state over and over, in pieces: finish leaves it as new. */
        for (size_t k = 0; k < len; k++)
            lk_sha256_update(s, sha_cases[i].text + k, 1);
        lk_sha256_update(s, NULL, 0);
        lk_sha256_finish(s, digest);
        lk_hex_format(digest, sizeof digest, hex);
        assert_string_equal(hex, sha_cases[i].digest);
    }
    lk_sha256_free(s);
    lk_sha256_free(NULL);
}

static void fill(uint8_t *at, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525U + 1013904223U;
        at[i] = (uint8_t)(seed >> 24);
    }
}

/* Lengths on both sides of each of XXH3's internal borders: 3, 8, 16, 128, 240, a stripe, a block, the
 * state's buffer. */
static const size_t lengths[] = {0,   1,   3,   4,   8,   9,    16,   17,   128, 129,
                                 240, 241, 255, 256, 257, 1023, 1024, 1025, 5000};

static void the_content_hash_is_xxh3_128_under_the_secret(void **state)
{
    (void)state;
    uint8_t secret[LK_SECRET_SIZE];
    uint8_t data[5000];
    fill(secret, sizeof secret, 1);
    fill(data, sizeof data, 2);
    struct lk_error err = {0};
    struct lk_hasher *h = NULL;
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_OK);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        XXH128_canonical_t expected;
        XXH128_canonicalFromHash(&expected, XXH3_128bits_withSecret(data, lengths[i], secret, sizeof secret));
        lk_hasher_restart(h);
        for (size_t at = 0; at < lengths[i];) {
            const size_t n = at + 7 < lengths[i] ? 7 : lengths[i] - at;
            lk_hasher_update(h, data + at, n);
            at += n;
        }
        const struct lk_hash128 got = lk_hasher_finish(h);
        assert_memory_equal(got.bytes, expected.digest, sizeof got.bytes);
    }
    lk_hasher_free(h);
    lk_hasher_free(NULL);
}

static void the_secret_is_copied_and_matters(void **state)
{
    (void)state;
    uint8_t secret[LK_SECRET_SIZE];
    fill(secret, sizeof secret, 1);
    struct lk_error err = {0};
    struct lk_hasher *h = NULL;
    struct lk_hasher *other = NULL;
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_OK);
    memset(secret, 0x5a, sizeof secret);
    assert_int_equal(lk_hasher_new(secret, &other, &err), LK_OK);
    lk_hasher_update(h, "content", 7);
    lk_hasher_update(other, "content", 7);
    const struct lk_hash128 first = lk_hasher_finish(h);
    assert_false(lk_hash128_equal(first, lk_hasher_finish(other)));
    fill(secret, sizeof secret, 1);
    lk_hasher_free(other);
    assert_int_equal(lk_hasher_new(secret, &other, &err), LK_OK);
    lk_hasher_update(other, "content", 7);
    assert_true(lk_hash128_equal(first, lk_hasher_finish(other)));
    lk_hasher_free(h);
    lk_hasher_free(other);
}

static void more_may_follow_after_finish(void **state)
{
    (void)state;
    uint8_t secret[LK_SECRET_SIZE];
    fill(secret, sizeof secret, 3);
    struct lk_error err = {0};
    struct lk_hasher *h = NULL;
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_OK);
    lk_hasher_update(h, "con", 3);
    assert_true(lk_hash128_equal(lk_hasher_finish(h), lk_hasher_finish(h)));
    lk_hasher_update(h, NULL, 0);
    lk_hasher_update(h, "tent", 4);
    const struct lk_hash128 in_two = lk_hasher_finish(h);
    lk_hasher_restart(h);
    lk_hasher_update(h, "content", 7);
    assert_true(lk_hash128_equal(in_two, lk_hasher_finish(h)));
    lk_hasher_free(h);
}

static void the_content_hash_never_changes_between_versions(void **state)
{
    (void)state;
    /* Stores keep these for ever. The secret: byte i is i. */
    uint8_t secret[LK_SECRET_SIZE];
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)i;
    struct lk_error err = {0};
    struct lk_hasher *h = NULL;
    char hex[33];
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_OK);
    lk_hasher_update(h, "litekeep", 8);
    lk_hash128_format(lk_hasher_finish(h), hex);
    assert_string_equal(hex, "336113fbc334ed0746940aabf0652adf");
    lk_hasher_free(h);
}

static void key_hashes_never_change_between_versions(void **state)
{
    (void)state;
    /* XXH3-64 with seed 0, as `xxhsum -H3` prints them. */
    assert_true(lk_key_hash(NULL, 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(lk_key_hash("litekeep", 8) == XXH3_64bits_withSeed("litekeep", 8, 0));
    assert_true(lk_key_hash("litekeep", 8) == UINT64_C(0xef923a381e3a0e5b));
}

static void a_hash_is_shown_and_read_back(void **state)
{
    (void)state;
    struct lk_hash128 h;
    char text[33];
    for (unsigned i = 0; i < sizeof h.bytes; i++)
        h.bytes[i] = (uint8_t)(i * 17);
    lk_hash128_format(h, text);
    assert_string_equal(text, "00112233445566778899aabbccddeeff");
    struct lk_hash128 back = {{0}};
    assert_true(lk_hash128_parse(text, &back));
    assert_true(lk_hash128_equal(h, back));
    back.bytes[15] ^= 1;
    assert_false(lk_hash128_equal(h, back));
}

static void only_32_hex_digits_are_a_hash(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "0",
                                      "00112233445566778899aabbccddeef",
                                      "00112233445566778899aabbccddeeff0",
                                      "00112233445566778899aabbccddeefg",
                                      " 0112233445566778899aabbccddeeff",
                                      "0x112233445566778899aabbccddeeff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct lk_hash128 out;
        memset(&out, 0x11, sizeof out);
        const struct lk_hash128 before = out;
        assert_false(lk_hash128_parse(bad[i], &out));
        assert_true(lk_hash128_equal(out, before));
    }
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[256];
    uint8_t back[256];
    char hex[513];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    lk_hex_format(bytes, sizeof bytes, hex);
    assert_int_equal(strlen(hex), 512);
    assert_true(lk_hex_parse(hex, sizeof back, back));
    assert_memory_equal(bytes, back, sizeof bytes);
    assert_true(lk_hex_parse("ABcd", 2, back));
    assert_memory_equal(back, "\xab\xcd", 2);
    assert_true(lk_hex_parse("", 0, back));
    assert_false(lk_hex_parse("a", 1, back));
    assert_false(lk_hex_parse("abc", 1, back));
    lk_hex_format(NULL, 0, hex);
    assert_string_equal(hex, "");
}

static void random_bytes_differ_and_reach_the_end(void **state)
{
    (void)state;
    /* More than getrandom gives at once without being interruptible. */
    enum { SIZE = 4096 };
    uint8_t *a = calloc(1, SIZE);
    uint8_t *b = calloc(1, SIZE);
    static const uint8_t zeros[16];
    struct lk_error err = {0};
    assert_non_null(a);
    assert_non_null(b);
    getrandom_interrupted = true;
    getrandom_most = 100;
    assert_int_equal(lk_random(a, SIZE, &err), LK_OK);
    assert_int_equal(lk_random(b, SIZE, &err), LK_OK);
    assert_int_equal(lk_random(b, 0, &err), LK_OK);
    assert_memory_not_equal(a, b, SIZE);
    assert_memory_not_equal(a + SIZE - 16, zeros, 16);
    getrandom_error = EAGAIN;
    assert_int_equal(lk_random(b, SIZE, &err), LK_FAILED);
    assert_int_equal(err.system, EAGAIN);
    getrandom_error = 0;
    free(a);
    free(b);
}

static void without_memory_no_hash_is_started(void **state)
{
    (void)state;
    uint8_t secret[LK_SECRET_SIZE] = {0};
    struct lk_error err = {0};
    struct lk_hasher *h = NULL;
    struct lk_sha256 *s = NULL;
    lk_memory_fail_after(0, 1);
    assert_int_equal(lk_hasher_new(secret, &h, &err), LK_FAILED);
    assert_int_equal(lk_sha256_new(&s, &err), LK_FAILED);
    assert_null(h);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_answers_of_the_standard),
        cmocka_unit_test(the_content_hash_is_xxh3_128_under_the_secret),
        cmocka_unit_test(the_secret_is_copied_and_matters),
        cmocka_unit_test(more_may_follow_after_finish),
        cmocka_unit_test(the_content_hash_never_changes_between_versions),
        cmocka_unit_test(key_hashes_never_change_between_versions),
        cmocka_unit_test(a_hash_is_shown_and_read_back),
        cmocka_unit_test(only_32_hex_digits_are_a_hash),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(random_bytes_differ_and_reach_the_end),
        cmocka_unit_test_teardown(without_memory_no_hash_is_started, fail_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
