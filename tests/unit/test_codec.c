#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/memory.h"

#define CODECS 5

static struct lk_error err;
static struct lk_codec_context *context;

static int set_up(void **state)
{
    (void)state;
    return lk_codec_context_new(&context, &err) == LK_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    lk_codec_context_free(context);
    context = NULL;
    return 0;
}

/* Bytes of three kinds: text-like, random, constant. */
static void fill(uint8_t *to, size_t len, int kind)
{
    uint64_t x = 88172645463325252u + (uint64_t)kind;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        to[i] = kind == 0   ? (uint8_t)("etaoin shrdlu{}:"[x >> 60])
                : kind == 1 ? (uint8_t)(x >> 32)
                            : (uint8_t)'x';
    }
}

static void check_choice(struct lk_codec_choice choice, const uint8_t *data, size_t len)
{
    struct lk_buffer packed = {0};
    uint8_t *back = lk_allocate(len + 1);
    assert_non_null(back);
    lk_buffer_append_string(&packed, "before");
    const size_t head = len / 3;
    assert_int_equal(lk_compress_joined(context, choice, lk_bytes(data, head),
                                        lk_bytes(data == NULL ? NULL : data + head, len - head), &packed,
                                        &err),
                     LK_OK);
    assert_memory_equal(packed.data, "before", 6);
    const struct lk_bytes in = lk_bytes(packed.data + 6, packed.len - 6);
    back[len] = 0xa5;
    if (lk_decompress(context, choice.codec, in, back, len, &err) != LK_OK)
        fail_msg("%s level %d, %zu bytes: %s", lk_codec_name(choice.codec), choice.level, len, err.message);
    if (len > 0)
        assert_memory_equal(back, data, len);
    assert_int_equal(back[len], 0xa5);
    /* One byte less or more than announced is damage. */
    if (len > 0)
        assert_int_equal(lk_decompress(context, choice.codec, in, back, len - 1, &err), LK_DAMAGED);
    assert_int_equal(lk_decompress(context, choice.codec, in, back, len + 1, &err), LK_DAMAGED);
    lk_free(back);
    lk_buffer_reset(&packed);
}

static void every_codec_gives_back_what_went_in(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 7, 100, 4096, 65535, 65536, 200000, 1 << 20};
    uint8_t *data = lk_allocate(1 << 20);
    for (int kind = 0; kind < 3; kind++) {
        fill(data, 1 << 20, kind);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (int codec = 0; codec < CODECS; codec++)
                check_choice((struct lk_codec_choice){(enum lk_codec)codec, LK_LEVEL_DEFAULT}, data,
                             sizes[i]);
    }
    lk_free(data);
}

/* Above 4 MiB zstd streams its two inputs; the context must be usable for small ones again. */
static void large_inputs_of_two_parts_come_back(void **state)
{
    (void)state;
    const size_t len = 5 << 20;
    uint8_t *data = lk_allocate(len);
    for (int kind = 0; kind < 2; kind++) {
        fill(data, len, kind);
        for (int codec = 0; codec < CODECS; codec++) {
            check_choice((struct lk_codec_choice){(enum lk_codec)codec, LK_LEVEL_DEFAULT}, data, len);
            check_choice((struct lk_codec_choice){(enum lk_codec)codec, LK_LEVEL_DEFAULT}, data, 100);
        }
    }
    lk_free(data);
}

static void every_level_gives_back_what_went_in(void **state)
{
    (void)state;
    const size_t len = 150000;
    uint8_t *data = lk_allocate(len);
    for (int kind = 0; kind < 2; kind++) {
        fill(data, len, kind);
        for (int level = 0; level <= 12; level++)
            check_choice((struct lk_codec_choice){LK_CODEC_GZIP, level}, data, len);
        for (int level = -7; level <= 19; level++)
            check_choice((struct lk_codec_choice){LK_CODEC_ZSTD, level}, data, len);
    }
    lk_free(data);
}

static void the_default_level_is_one(void **state)
{
    (void)state;
    uint8_t data[20000];
    fill(data, sizeof data, 0);
    for (int codec = LK_CODEC_GZIP; codec <= LK_CODEC_ZSTD; codec++) {
        struct lk_buffer a = {0}, b = {0};
        const struct lk_codec_choice by_default = {(enum lk_codec)codec, LK_LEVEL_DEFAULT};
        const struct lk_codec_choice one = {(enum lk_codec)codec, 1};
        assert_int_equal(lk_compress(context, by_default, lk_bytes(data, sizeof data), &a, &err), LK_OK);
        assert_int_equal(lk_compress(context, one, lk_bytes(data, sizeof data), &b, &err), LK_OK);
        assert_true(lk_bytes_equal(lk_buffer_bytes(&a), lk_buffer_bytes(&b)));
        lk_buffer_reset(&a);
        lk_buffer_reset(&b);
    }
}

/* The output of a used context equals that of a new one: nothing of earlier inputs shows. */
static void the_output_depends_on_the_input_alone(void **state)
{
    (void)state;
    const size_t len = 300000;
    uint8_t *data = lk_allocate(len), *other = lk_allocate(len);
    fill(data, len, 0);
    fill(other, len, 0);
    for (size_t i = 0; i < len; i += 97)
        other[i] ^= 1;
    static const struct lk_codec_choice choices[] = {
        {LK_CODEC_SNAPPY, 0}, {LK_CODEC_GZIP, 0}, {LK_CODEC_GZIP, 1},   {LK_CODEC_GZIP, 2},
        {LK_CODEC_GZIP, 3},   {LK_CODEC_GZIP, 6}, {LK_CODEC_ZSTD, -1},  {LK_CODEC_ZSTD, 1},
        {LK_CODEC_ZSTD, 3},   {LK_CODEC_ZSTD, 9}, {LK_CODEC_LZ4_RAW, 0}};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        struct lk_codec_context *fresh = NULL;
        struct lk_buffer a = {0}, b = {0}, waste = {0};
        assert_int_equal(lk_codec_context_new(&fresh, &err), LK_OK);
        assert_int_equal(lk_compress(fresh, choices[i], lk_bytes(data, len), &a, &err), LK_OK);
        assert_int_equal(lk_compress(context, choices[i], lk_bytes(other, len), &waste, &err), LK_OK);
        /* Side by side or in two places, into a large buffer or a small one: the same. */
        lk_buffer_reserve(&b, 4 * len);
        assert_int_equal(lk_compress(context, choices[i], lk_bytes(data, len), &b, &err), LK_OK);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
        lk_codec_context_free(fresh);
        lk_buffer_reset(&a);
        lk_buffer_reset(&b);
        lk_buffer_reset(&waste);
    }
    lk_free(data);
    lk_free(other);
}

/* Contexts lie at many addresses: none of them shows in what they make. ISA-L hashed one (codec.c); the hash
 * has few bits for small inputs, so that this many addresses cannot all miss. */
static void the_output_does_not_depend_on_where_the_context_lies(void **state)
{
    (void)state;
    enum { ADDRESSES = 1500, LARGEST = 2000 };
    static const size_t lengths[] = {44, 288, 289, 310, 600, LARGEST};
    static uint8_t data[LARGEST];
    static void *gap[ADDRESSES];
    for (size_t i = 0; i < sizeof data; i++) /* each line matches the one before */
        data[i] = (uint8_t) "{\"_rowid_\":-3,\"x\":null}\n"[i % 25];
    struct lk_buffer expected[sizeof lengths / sizeof lengths[0]][3] = {0};
    for (int n = 0; n < ADDRESSES; n++) {
        struct lk_codec_context *other = NULL;
        /* Its addresses differ in their bits from 16 on. */
        gap[n] = lk_allocate(65536);
        assert_non_null(gap[n]);
        assert_int_equal(lk_codec_context_new(&other, &err), LK_OK);
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
            for (int level = 0; level < 3; level++) {
                struct lk_buffer got = {0}, *wanted = &expected[i][level];
                const struct lk_codec_choice gzip = {LK_CODEC_GZIP, level};
                const size_t head = (size_t)n % 3 * 20;
                const struct lk_bytes body = lk_bytes(data + head, lengths[i] - head);
                assert_int_equal(lk_compress_joined(other, gzip, lk_bytes(data, head), body, &got, &err),
                                 LK_OK);
                if (n == 0)
                    lk_buffer_append(wanted, got.data, got.len);
                assert_int_equal(got.len, wanted->len);
                assert_memory_equal(got.data, wanted->data, got.len);
                lk_buffer_reset(&got);
            }
        lk_codec_context_free(other);
    }
    for (int n = 0; n < ADDRESSES; n++)
        lk_free(gap[n]);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int level = 0; level < 3; level++)
            lk_buffer_reset(&expected[i][level]);
}

static void members_one_after_another_are_one_stream(void **state)
{
    (void)state;
    for (int codec = LK_CODEC_GZIP; codec <= LK_CODEC_ZSTD; codec++) {
        struct lk_buffer packed = {0};
        for (int level = 1; level <= 3; level++) {
            const struct lk_codec_choice choice = {(enum lk_codec)codec, level};
            assert_int_equal(lk_compress(context, choice, lk_bytes("abc", 3), &packed, &err), LK_OK);
            assert_int_equal(lk_compress(context, choice, lk_bytes("", 0), &packed, &err), LK_OK);
        }
        uint8_t back[9];
        assert_int_equal(
            lk_decompress(context, (enum lk_codec)codec, lk_buffer_bytes(&packed), back, 9, &err), LK_OK);
        assert_memory_equal(back, "abcabcabc", 9);
        lk_buffer_reset(&packed);
    }
}

static void trailing_garbage_is_damage(void **state)
{
    (void)state;
    for (int codec = 0; codec < CODECS; codec++) {
        struct lk_buffer packed = {0};
        uint8_t data[1000], back[1000];
        fill(data, sizeof data, 0);
        const struct lk_codec_choice choice = {(enum lk_codec)codec, LK_LEVEL_DEFAULT};
        assert_int_equal(lk_compress(context, choice, lk_bytes(data, sizeof data), &packed, &err), LK_OK);
        lk_buffer_append(&packed, "\0\0\0\0", 4);
        assert_int_equal(
            lk_decompress(context, (enum lk_codec)codec, lk_buffer_bytes(&packed), back, sizeof back, &err),
            LK_DAMAGED);
        lk_buffer_reset(&packed);
    }
}

static void a_cut_stream_is_damage(void **state)
{
    (void)state;
    uint8_t data[3000], back[3000];
    fill(data, sizeof data, 0);
    for (int codec = 0; codec < CODECS; codec++) {
        struct lk_buffer packed = {0};
        const struct lk_codec_choice choice = {(enum lk_codec)codec, LK_LEVEL_DEFAULT};
        assert_int_equal(lk_compress(context, choice, lk_bytes(data, sizeof data), &packed, &err), LK_OK);
        for (size_t len = 0; len < packed.len; len += 1 + len / 16)
            assert_int_equal(lk_decompress(context, (enum lk_codec)codec, lk_bytes(packed.data, len), back,
                                           sizeof back, &err),
                             LK_DAMAGED);
        lk_buffer_reset(&packed);
    }
}

/* Bits that fill up the last byte of the deflated data mean nothing; every other one is noticed. */
static void a_flipped_bit_in_gzip_never_gives_other_bytes(void **state)
{
    (void)state;
    uint8_t data[3000], back[3000];
    fill(data, sizeof data, 0);
    struct lk_buffer packed = {0};
    const struct lk_codec_choice choice = {LK_CODEC_GZIP, 1};
    assert_int_equal(lk_compress(context, choice, lk_bytes(data, sizeof data), &packed, &err), LK_OK);
    size_t unnoticed = 0;
    for (size_t i = 10; i < packed.len; i++) { /* after the header, whose time and system mean nothing */
        packed.data[i] ^= 0x10;
        if (lk_decompress(context, LK_CODEC_GZIP, lk_buffer_bytes(&packed), back, sizeof back, &err) ==
            LK_OK) {
            assert_memory_equal(back, data, sizeof data);
            unnoticed++;
        }
        packed.data[i] ^= 0x10;
    }
    assert_true(unnoticed <= 1);
    lk_buffer_reset(&packed);
}

static void gzip_carries_no_time_and_no_name(void **state)
{
    (void)state;
    for (int level = 0; level <= 12; level++) {
        struct lk_buffer packed = {0};
        const struct lk_codec_choice choice = {LK_CODEC_GZIP, level};
        assert_int_equal(lk_compress(context, choice, lk_bytes("hello", 5), &packed, &err), LK_OK);
        assert_memory_equal(packed.data, "\x1f\x8b\x08\0\0\0\0\0", 8); /* flags 0, time 0 */
        lk_buffer_reset(&packed);
    }
}

static void spellings_of_the_command_line_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum lk_codec codec;
        int level;
    } good[] = {{"zstd", LK_CODEC_ZSTD, LK_LEVEL_DEFAULT},
                {"zstd:19", LK_CODEC_ZSTD, 19},
                {"zstd:-7", LK_CODEC_ZSTD, -7},
                {"gzip:0", LK_CODEC_GZIP, 0},
                {"gzip:12", LK_CODEC_GZIP, 12},
                {"gzip", LK_CODEC_GZIP, LK_LEVEL_DEFAULT},
                {"snappy", LK_CODEC_SNAPPY, LK_LEVEL_DEFAULT},
                {"lz4", LK_CODEC_LZ4_RAW, LK_LEVEL_DEFAULT},
                {"none", LK_CODEC_NONE, LK_LEVEL_DEFAULT}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct lk_codec_choice choice = {LK_CODEC_NONE, 77};
        assert_true(lk_codec_parse(good[i].text, &choice));
        assert_int_equal(choice.codec, good[i].codec);
        assert_int_equal(choice.level, good[i].level);
        assert_memory_equal(lk_codec_name(choice.codec), good[i].text, strlen(lk_codec_name(choice.codec)));
    }
    static const char *const bad[] = {"",         "zst",     "zstdd",   "zstd:",
                                      "zstd:20",  "zstd:-8", "zstd:1x", "zstd: 1",
                                      "zstd:+1",  "gzip:13", "gzip:-1", "snappy:1",
                                      "none:0",   "lz4:1",   "ZSTD",    "zstd:99999999999999999999",
                                      "brotli",   ":1",      "zstd:-",  "zstd:1:2",
                                      "gzip:0x1", "lz4_raw"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct lk_codec_choice choice = {LK_CODEC_NONE, 77};
        if (lk_codec_parse(bad[i], &choice))
            fail_msg("\"%s\" was accepted", bad[i]);
        assert_int_equal(choice.level, 77);
    }
}

/* Our own allocations: each may fail, and then LK_FAILED comes back and the next call works. */
static void a_failed_allocation_is_reported_and_the_context_lives_on(void **state)
{
    (void)state;
    uint8_t data[5000];
    fill(data, sizeof data, 1);
    for (int codec = 0; codec < CODECS; codec++)
        for (int n = 0; n < 4; n++) {
            struct lk_codec_context *fresh = NULL;
            struct lk_buffer packed = {0};
            const struct lk_codec_choice choice = {(enum lk_codec)codec, LK_LEVEL_DEFAULT};
            assert_int_equal(lk_codec_context_new(&fresh, &err), LK_OK);
            lk_memory_fail_after(n, 0);
            const enum lk_status status = lk_compress_joined(
                fresh, choice, lk_bytes(data, 10), lk_bytes(data + 10, sizeof data - 10), &packed, &err);
            lk_memory_fail_after(-1, 0);
            assert_true(status == LK_OK || status == LK_FAILED);
            if (n == 0)
                assert_int_equal(status, LK_FAILED);
            if (status != LK_OK)
                assert_int_equal(packed.len, 0);
            lk_buffer_clear(&packed);
            assert_int_equal(lk_compress(fresh, choice, lk_bytes(data, sizeof data), &packed, &err), LK_OK);
            lk_buffer_reset(&packed);
            lk_codec_context_free(fresh);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_codec_gives_back_what_went_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_inputs_of_two_parts_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_level_gives_back_what_went_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_default_level_is_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_output_depends_on_the_input_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_output_does_not_depend_on_where_the_context_lies, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(members_one_after_another_are_one_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trailing_garbage_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_stream_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flipped_bit_in_gzip_never_gives_other_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gzip_carries_no_time_and_no_name, set_up, tear_down),
        cmocka_unit_test(spellings_of_the_command_line_are_understood),
        cmocka_unit_test(a_failed_allocation_is_reported_and_the_context_lives_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
