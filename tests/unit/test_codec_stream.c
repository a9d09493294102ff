#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/memory.h"

static struct lk_error err;

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void fill(struct lk_buffer *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        lk_buffer_append_byte(to, (uint8_t)("etaoin shrdlu{}:"[next_random() >> 60]));
}

/* Read a whole stream with pieces of at most `cap` bytes. */
static enum lk_status read_all(struct lk_bytes packed, uint64_t offset, enum lk_codec codec, size_t cap,
                               struct lk_buffer *out)
{
    struct lk_input *in = NULL;
    struct lk_inflater *s = NULL;
    assert_int_equal(lk_input_of_memory(packed, "the stream", &in, &err), LK_OK);
    enum lk_status status = lk_inflater_new(in, offset, packed.len, codec, &s, &err);
    size_t got = 1;
    while (status == LK_OK && got > 0) {
        uint8_t *at = lk_buffer_extend(out, cap);
        assert_non_null(at);
        status = lk_inflater_read(s, at, cap, &got, &err);
        assert_true(got <= cap);
        out->len -= cap - got;
    }
    if (status == LK_OK) { /* the end stays the end */
        uint8_t byte;
        assert_int_equal(lk_inflater_read(s, &byte, 1, &got, &err), LK_OK);
        assert_int_equal(got, 0);
    }
    lk_inflater_free(s);
    lk_input_close(in);
    return status;
}

/* Members of many sizes, larger and smaller than the stream's own buffer, empty ones among them. */
static void make_stream(enum lk_codec codec, struct lk_buffer *plain, struct lk_buffer *packed)
{
    static const size_t sizes[] = {0, 1, 1000000, 0, 0, 3, 65536, 300000, 32768, 5, 131072, 0};
    struct lk_codec_context *c = NULL;
    assert_int_equal(lk_codec_context_new(&c, &err), LK_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t start = plain->len;
        fill(plain, sizes[i]);
        const struct lk_codec_choice choice = {codec, 1 + (int)i % 4};
        assert_int_equal(
            lk_compress(c, choice,
                        lk_bytes(start == plain->len ? NULL : plain->data + start, plain->len - start),
                        packed, &err),
            LK_OK);
    }
    lk_codec_context_free(c);
}

static void a_stream_of_many_members_comes_back_whole(void **state)
{
    (void)state;
    static const enum lk_codec kinds[] = {LK_CODEC_NONE, LK_CODEC_GZIP, LK_CODEC_ZSTD};
    for (size_t k = 0; k < 3; k++) {
        struct lk_buffer plain = {0}, packed = {0}, back = {0};
        lk_buffer_append_string(&packed, "other bytes");
        make_stream(kinds[k], &plain, &packed);
        static const size_t caps[] = {1, 7, 4096, 65536, 1 << 22};
        for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
            lk_buffer_clear(&back);
            if (read_all(lk_buffer_bytes(&packed), 11, kinds[k], caps[i], &back) != LK_OK)
                fail_msg("%s by %zu: %s", lk_codec_name(kinds[k]), caps[i], err.message);
            assert_int_equal(back.len, plain.len);
            assert_memory_equal(back.data, plain.data, plain.len);
        }
        lk_buffer_reset(&plain);
        lk_buffer_reset(&packed);
        lk_buffer_reset(&back);
    }
}

/* Member borders at every place relative to the stream's input buffer: the trailer and the next header are
 * cut anywhere. */
static void a_member_may_end_anywhere_in_the_input_buffer(void **state)
{
    (void)state;
    struct lk_codec_context *c = NULL;
    assert_int_equal(lk_codec_context_new(&c, &err), LK_OK);
    static const enum lk_codec kinds[] = {LK_CODEC_GZIP, LK_CODEC_ZSTD};
    for (size_t k = 0; k < 2; k++) {
        const struct lk_codec_choice choice = {kinds[k], 1};
        struct lk_buffer small = {0}, packed = {0}, back = {0};
        assert_int_equal(lk_compress(c, choice, lk_bytes("hello, world", 12), &small, &err), LK_OK);
        /* The first member is stored noise of a length that moves the second across the border at 128 KiB. */
        for (size_t len = (128 << 10) - 60; len < (128 << 10) + 8; len++) {
            struct lk_buffer noise = {0};
            for (size_t i = 0; i < len; i++)
                lk_buffer_append_byte(&noise, (uint8_t)(next_random() >> 32));
            lk_buffer_clear(&packed);
            lk_buffer_clear(&back);
            assert_int_equal(lk_compress(c, choice, lk_buffer_bytes(&noise), &packed, &err), LK_OK);
            lk_buffer_append(&packed, small.data, small.len);
            lk_buffer_append(&packed, small.data, small.len);
            if (read_all(lk_buffer_bytes(&packed), 0, kinds[k], 50000, &back) != LK_OK)
                fail_msg("%s, noise of %zu bytes: %s", lk_codec_name(kinds[k]), len, err.message);
            assert_int_equal(back.len, len + 24);
            assert_memory_equal(back.data, noise.data, len);
            assert_memory_equal(back.data + len, "hello, worldhello, world", 24);
            lk_buffer_reset(&noise);
        }
        lk_buffer_reset(&small);
        lk_buffer_reset(&packed);
        lk_buffer_reset(&back);
    }
    lk_codec_context_free(c);
}

static void a_cut_stream_is_damage(void **state)
{
    (void)state;
    static const enum lk_codec kinds[] = {LK_CODEC_GZIP, LK_CODEC_ZSTD};
    struct lk_codec_context *c = NULL;
    assert_int_equal(lk_codec_context_new(&c, &err), LK_OK);
    for (size_t k = 0; k < 2; k++) {
        const struct lk_codec_choice choice = {kinds[k], 1};
        struct lk_buffer plain = {0}, packed = {0}, back = {0};
        fill(&plain, 3000);
        assert_int_equal(lk_compress(c, choice, lk_buffer_bytes(&plain), &packed, &err), LK_OK);
        const size_t first = packed.len;
        assert_int_equal(lk_compress(c, choice, lk_buffer_bytes(&plain), &packed, &err), LK_OK);
        for (size_t len = 0; len <= packed.len; len++) {
            lk_buffer_clear(&back);
            const bool whole = len == first || len == packed.len;
            assert_int_equal(read_all(lk_bytes(packed.data, len), 0, kinds[k], 777, &back),
                             whole ? LK_OK : LK_DAMAGED);
            assert_true(back.len <= 6000);
        }
        lk_buffer_reset(&plain);
        lk_buffer_reset(&packed);
        lk_buffer_reset(&back);
    }
    lk_codec_context_free(c);
}

static void trailing_garbage_is_damage(void **state)
{
    (void)state;
    static const enum lk_codec kinds[] = {LK_CODEC_GZIP, LK_CODEC_ZSTD};
    struct lk_codec_context *c = NULL;
    assert_int_equal(lk_codec_context_new(&c, &err), LK_OK);
    for (size_t k = 0; k < 2; k++) {
        struct lk_buffer packed = {0}, back = {0};
        const struct lk_codec_choice choice = {kinds[k], 1};
        assert_int_equal(lk_compress(c, choice, lk_bytes("abc", 3), &packed, &err), LK_OK);
        lk_buffer_append(&packed, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
        assert_int_equal(read_all(lk_buffer_bytes(&packed), 0, kinds[k], 100, &back), LK_DAMAGED);
        assert_non_null(strstr(err.message, "the stream"));
        lk_buffer_reset(&packed);
        lk_buffer_reset(&back);
    }
    lk_codec_context_free(c);
}

static void a_wrong_checksum_is_damage(void **state)
{
    (void)state;
    struct lk_codec_context *c = NULL;
    assert_int_equal(lk_codec_context_new(&c, &err), LK_OK);
    struct lk_buffer packed = {0}, back = {0};
    const struct lk_codec_choice choice = {LK_CODEC_GZIP, 1};
    assert_int_equal(lk_compress(c, choice, lk_bytes("abcdefgh", 8), &packed, &err), LK_OK);
    for (size_t i = packed.len - 8; i < packed.len; i++) { /* the CRC, then the length */
        packed.data[i] ^= 1;
        lk_buffer_clear(&back);
        assert_int_equal(read_all(lk_buffer_bytes(&packed), 0, LK_CODEC_GZIP, 100, &back), LK_DAMAGED);
        packed.data[i] ^= 1;
    }
    lk_buffer_reset(&packed);
    lk_buffer_reset(&back);
    lk_codec_context_free(c);
}

static void a_range_outside_the_file_is_damage(void **state)
{
    (void)state;
    struct lk_input *in = NULL;
    struct lk_inflater *s = NULL;
    assert_int_equal(lk_input_of_memory(lk_bytes("0123456789", 10), "short", &in, &err), LK_OK);
    assert_int_equal(lk_inflater_new(in, 0, 11, LK_CODEC_NONE, &s, &err), LK_DAMAGED);
    assert_int_equal(lk_inflater_new(in, 5, 4, LK_CODEC_NONE, &s, &err), LK_DAMAGED);
    assert_null(s);
    lk_input_close(in);
}

static void a_deflated_file_comes_back_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/litekeep-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_output *o = NULL;
    struct lk_deflater *d = NULL;
    struct lk_output_summary summary;
    struct lk_buffer plain = {0}, packed = {0}, back = {0};
    assert_int_equal(lk_dir_open(folder, &dir, &err), LK_OK);
    assert_int_equal(lk_output_create(&dir, "copy.zst", &o, &err), LK_OK);
    assert_int_equal(lk_deflater_new(o, 1, &d, &err), LK_OK);
    fill(&plain, 1500000);
    for (size_t at = 0, n = 1; at < plain.len; at += n, n *= 3) {
        n = n < plain.len - at ? n : plain.len - at;
        assert_int_equal(lk_deflater_write(d, plain.data + at, n, &err), LK_OK);
    }
    assert_int_equal(lk_deflater_finish(d, &err), LK_OK);
    lk_deflater_free(d);
    assert_int_equal(lk_output_commit(o, 0400, &summary, &err), LK_OK);
    lk_output_free(o);
    assert_int_equal(lk_file_read(&dir, "copy.zst", 1 << 22, &packed, &err), LK_OK);
    assert_true(packed.len < plain.len);
    assert_int_equal(read_all(lk_buffer_bytes(&packed), 0, LK_CODEC_ZSTD, 100000, &back), LK_OK);
    assert_true(lk_bytes_equal(lk_buffer_bytes(&plain), lk_buffer_bytes(&back)));
    /* It carries a checksum: a changed last byte is noticed. */
    packed.data[packed.len - 1] ^= 1;
    assert_int_equal(read_all(lk_buffer_bytes(&packed), 0, LK_CODEC_ZSTD, 100000, &back), LK_DAMAGED);
    lk_buffer_reset(&plain);
    lk_buffer_reset(&packed);
    lk_buffer_reset(&back);
    assert_int_equal(unlinkat(dir.fd, "copy.zst", 0), 0);
    lk_dir_close(&dir);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_of_many_members_comes_back_whole),
        cmocka_unit_test(a_member_may_end_anywhere_in_the_input_buffer),
        cmocka_unit_test(a_cut_stream_is_damage),
        cmocka_unit_test(trailing_garbage_is_damage),
        cmocka_unit_test(a_wrong_checksum_is_damage),
        cmocka_unit_test(a_range_outside_the_file_is_damage),
        cmocka_unit_test(a_deflated_file_comes_back_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
