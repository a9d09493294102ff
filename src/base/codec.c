/* Whole buffers compressed and decompressed.
 *
 * gzip: RFC 1952. zstd: RFC 8878. Snappy: google/snappy, format_description.txt (the raw format, no framing).
 * LZ4_RAW: lz4/lz4, doc/lz4_Block_format.md: one block. The libraries keep tables of their own beside what
 * base/memory.h hands out. */
#include "base/codec.h"

#include <assert.h>
#include <limits.h>

#include <libdeflate.h>
#include <lz4.h>
#include <snappy-c.h>
#include <zstd.h>
#include <zstd_errors.h>
#ifdef LK_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#include "base/memory.h"

#define GZIP_LEVEL_MAX 12
#define GZIP_LEVEL_ISAL                                                                                      \
    2 /* the highest level that ISA-L serves: its 3 is slower than libdeflate's 1 and larger */
#define ZSTD_LEVEL_MIN (-7)
#define ZSTD_LEVEL_MAX 19
#define JOIN_MAX (4u << 20) /* what a context may copy and keep for the convenience of a library */

static const struct {
    const char *name;
    bool has_level;
    int least, most;
} codecs[] = {
    [LK_CODEC_NONE] = {"none", false, 0, 0},
    [LK_CODEC_SNAPPY] = {"snappy", false, 0, 0},
    [LK_CODEC_GZIP] = {"gzip", true, 0, GZIP_LEVEL_MAX},
    [LK_CODEC_ZSTD] = {"zstd", true, ZSTD_LEVEL_MIN, ZSTD_LEVEL_MAX},
    [LK_CODEC_LZ4_RAW] = {"lz4", false, 0, 0},
};
#define CODECS (sizeof codecs / sizeof codecs[0])

struct lk_codec_context {
    ZSTD_CCtx *zstd_out;
    ZSTD_DCtx *zstd_in;
    struct libdeflate_compressor *deflate;
    int deflate_level; /* of `deflate`, when there is one */
    struct libdeflate_decompressor *inflate;
    struct lk_buffer joined; /* head and body side by side, for codecs that take one input */
#ifdef LK_HAVE_ISAL
    struct isal_zstream *isal;
    uint8_t *isal_level; /* ISA-L's scratch, large enough for every level it serves here */
#endif
};

bool lk_codec_parse(const char *text, struct lk_codec_choice *out)
{
    const char *colon = strchr(text, ':');
    const size_t len = colon == NULL ? strlen(text) : (size_t)(colon - text);
    for (size_t i = 0; i < CODECS; i++) {
        if (strlen(codecs[i].name) != len || memcmp(codecs[i].name, text, len) != 0)
            continue;
        struct lk_codec_choice choice = {(enum lk_codec)i, LK_LEVEL_DEFAULT};
        if (colon != NULL) {
            const char *at = colon + 1;
            const bool negative = *at == '-';
            at += negative;
            if (!codecs[i].has_level || *at == 0)
                return false;
            int level = 0;
            for (; *at != 0; at++) {
                if (*at < '0' || *at > '9' || level > 99)
                    return false;
                level = level * 10 + (*at - '0');
            }
            choice.level = negative ? -level : level;
            if (choice.level < codecs[i].least || choice.level > codecs[i].most)
                return false;
        }
        *out = choice;
        return true;
    }
    return false;
}

const char *lk_codec_name(enum lk_codec codec)
{
    return codecs[codec].name;
}

enum lk_status lk_codec_context_new(struct lk_codec_context **out, struct lk_error *err)
{
    struct lk_codec_context *c = lk_allocate_zeroed(1, sizeof *c);
    if (c == NULL)
        return lk_fail_memory(err, "making a compression context");
    *out = c;
    return LK_OK;
}

void lk_codec_context_free(struct lk_codec_context *c)
{
    if (c == NULL)
        return;
    ZSTD_freeCCtx(c->zstd_out);
    ZSTD_freeDCtx(c->zstd_in);
    libdeflate_free_compressor(c->deflate);
    libdeflate_free_decompressor(c->inflate);
    lk_buffer_reset(&c->joined);
#ifdef LK_HAVE_ISAL
    lk_free(c->isal);
    lk_free(c->isal_level);
#endif
    lk_free(c);
}

/* Head and body as one piece: the body itself when there is no head, else a copy in the context. */
static enum lk_status join(struct lk_codec_context *c, struct lk_bytes head, struct lk_bytes body,
                           struct lk_bytes *out, struct lk_error *err)
{
    *out = body.ptr == NULL ? lk_bytes("", 0) : body;
    if (head.len == 0)
        return LK_OK;
    lk_buffer_clear(&c->joined);
    lk_buffer_reserve(&c->joined, head.len + body.len);
    lk_buffer_append(&c->joined, head.ptr, head.len);
    lk_buffer_append(&c->joined, body.ptr, body.len);
    *out = lk_buffer_bytes(&c->joined);
    return lk_buffer_check(&c->joined, "joining the parts of a page", err);
}

/* One frame of head and body without joining them: the library's own buffers hold a window of them. */
static size_t stream_zstd(ZSTD_CCtx *c, struct lk_bytes head, struct lk_bytes body, uint8_t *to, size_t room)
{
    ZSTD_outBuffer into = {to, room, 0};
    ZSTD_inBuffer first = {head.ptr, head.len, 0}, second = {body.ptr, body.len, 0};
    size_t left = ZSTD_CCtx_setPledgedSrcSize(c, (unsigned long long)head.len + body.len);
    while (!ZSTD_isError(left) && first.pos < first.size)
        left = ZSTD_compressStream2(c, &into, &first, ZSTD_e_continue);
    do {
        if (ZSTD_isError(left))
            return left;
        left = ZSTD_compressStream2(c, &into, &second, ZSTD_e_end);
    } while (left != 0 && into.pos < into.size);
    return left == 0 ? into.pos : (size_t)-ZSTD_error_dstSize_tooSmall;
}

static enum lk_status compress_zstd(struct lk_codec_context *c, int level, struct lk_bytes head,
                                    struct lk_bytes body, struct lk_buffer *out, struct lk_error *err)
{
    const size_t len = head.len + body.len;
    struct lk_bytes in = {NULL, 0};
    if (c->zstd_out == NULL && (c->zstd_out = ZSTD_createCCtx()) == NULL)
        return lk_fail_memory(err, "compressing with zstd");
    const bool stream = head.len > 0 && len > JOIN_MAX;
    if (!stream) {
        const enum lk_status status = join(c, head, body, &in, err);
        if (status != LK_OK)
            return status;
    }
    const size_t bound = ZSTD_compressBound(len);
    if (ZSTD_isError(bound) || !lk_buffer_reserve(out, bound))
        return lk_fail_memory(err, "compressing with zstd");
    /* Content size on and checksum off are the library's defaults. A stream that failed before is forgotten.
     */
    uint8_t *to = out->data + out->len;
    size_t done = ZSTD_CCtx_reset(c->zstd_out, ZSTD_reset_session_only);
    if (!ZSTD_isError(done))
        done = ZSTD_CCtx_setParameter(c->zstd_out, ZSTD_c_compressionLevel, level);
    if (!ZSTD_isError(done))
        done = stream ? stream_zstd(c->zstd_out, head, body, to, bound)
                      : ZSTD_compress2(c->zstd_out, to, bound, in.ptr, in.len);
    if (ZSTD_isError(done))
        return lk_fail(err, LK_FAILED, "cannot compress %zu bytes with zstd: %s", len,
                       ZSTD_getErrorName(done));
    out->len += done;
    return LK_OK;
}

#ifdef LK_HAVE_ISAL
static bool prepare_isal(struct lk_codec_context *c, int level)
{
    _Static_assert(ISAL_DEF_LVL2_DEFAULT >= ISAL_DEF_LVL1_DEFAULT, "one scratch buffer serves both levels");
    if (c->isal == NULL && (c->isal = lk_allocate(sizeof *c->isal)) == NULL)
        return false;
    if (c->isal_level == NULL && (c->isal_level = lk_allocate(ISAL_DEF_LVL2_DEFAULT)) == NULL)
        return false;
    isal_deflate_init(c->isal);
    c->isal->gzip_flag = IGZIP_GZIP;
    c->isal->level = (uint32_t)level;
    if (level > 0) {
        c->isal->level_buf = c->isal_level;
        c->isal->level_buf_size = level == 1 ? ISAL_DEF_LVL1_DEFAULT : ISAL_DEF_LVL2_DEFAULT;
    }
    return true;
}

/* Hand ISA-L `in`; with `last` the member is finished. */
static enum lk_status feed_isal(struct isal_zstream *z, struct lk_bytes in, bool last, struct lk_buffer *out,
                                struct lk_error *err)
{
    const size_t piece_max = 1u << 30; /* its counts are 32 bits */
    do {
        const size_t piece = in.len < piece_max ? in.len : piece_max;
        const bool end = last && piece == in.len;
        z->next_in = (uint8_t *)(uintptr_t)in.ptr;
        z->avail_in = (uint32_t)piece;
        z->end_of_stream = end;
        in = lk_bytes(piece == 0 ? in.ptr : in.ptr + piece, in.len - piece);
        do {
            /* Room for the common case at once; incompressible input takes a second turn. */
            if (!lk_buffer_reserve(out, (z->avail_in / 16 * 15) + 4096))
                return lk_fail_memory(err, "compressing with gzip");
            const size_t room = out->cap - out->len < piece_max ? out->cap - out->len : piece_max;
            z->next_out = out->data + out->len;
            z->avail_out = (uint32_t)room;
            const int rc = isal_deflate(z);
            out->len += room - z->avail_out;
            if (rc != COMP_OK)
                return lk_fail(err, LK_FAILED, "cannot compress with gzip: ISA-L error %d", rc);
        } while (end ? z->internal_state.state != ZSTATE_END : z->avail_in > 0);
    } while (in.len > 0);
    return LK_OK;
}

/* ISA-L's streaming call reads its inputs where they lie: head and body need not be side by side.
 *
 * Its AVX2 code (2.30, isal_deflate_icf_body_hash_hist_04) enters the third byte of a stream under a hash of
 * the address of the stream's state: which matches are found then depends on where the allocator put that.
 * The mistake is in what follows the very first byte, and is forgotten when a call ends there. So the first
 * call gets what makes it do one byte: that, and the look-ahead it insists on. */
#define ISAL_FIRST (ISAL_LOOK_AHEAD + 1)

static enum lk_status compress_isal(struct lk_codec_context *c, int level, struct lk_bytes head,
                                    struct lk_bytes body, struct lk_buffer *out, struct lk_error *err)
{
    const size_t start = out->len;
    uint8_t first[ISAL_FIRST];
    const size_t from_head = head.len < sizeof first ? head.len : sizeof first;
    const size_t from_body = sizeof first - from_head;
    assert(body.len >= from_body);
    if (!prepare_isal(c, level))
        return lk_fail_memory(err, "compressing with gzip");
    if (from_head > 0)
        memcpy(first, head.ptr, from_head);
    if (from_body > 0)
        memcpy(first + from_head, body.ptr, from_body);
    enum lk_status status = feed_isal(c->isal, lk_bytes(first, sizeof first), false, out, err);
    if (status == LK_OK && head.len > from_head)
        status = feed_isal(c->isal, lk_bytes(head.ptr + from_head, head.len - from_head), false, out, err);
    if (status == LK_OK) {
        const struct lk_bytes rest =
            body.len > from_body ? lk_bytes(body.ptr + from_body, body.len - from_body) : lk_bytes("", 0);
        status = feed_isal(c->isal, rest, true, out, err);
    }
    if (status != LK_OK)
        out->len = start;
    return status;
}
#endif

static enum lk_status compress_deflate(struct lk_codec_context *c, int level, struct lk_bytes in,
                                       struct lk_buffer *out, struct lk_error *err)
{
    /* libdeflate's level 0 stores; ISA-L's, for which it stands in, compresses. */
    const int served = level == 0 ? 1 : level;
    if (c->deflate == NULL || c->deflate_level != served) {
        libdeflate_free_compressor(c->deflate);
        c->deflate = libdeflate_alloc_compressor(served);
        c->deflate_level = served;
    }
    if (c->deflate == NULL)
        return lk_fail_memory(err, "compressing with gzip");
    const size_t bound = libdeflate_gzip_compress_bound(c->deflate, in.len);
    if (!lk_buffer_reserve(out, bound))
        return lk_fail_memory(err, "compressing with gzip");
    const size_t done = libdeflate_gzip_compress(c->deflate, in.ptr, in.len, out->data + out->len, bound);
    if (done == 0)
        return lk_fail(err, LK_FAILED, "cannot compress %zu bytes with gzip", in.len);
    out->len += done;
    return LK_OK;
}

static enum lk_status compress_snappy(struct lk_bytes in, struct lk_buffer *out, struct lk_error *err)
{
    size_t done = snappy_max_compressed_length(in.len);
    if (in.len > UINT32_MAX)
        return lk_fail(err, LK_FAILED, "cannot compress %zu bytes with snappy: its limit is 4 GiB", in.len);
    if (!lk_buffer_reserve(out, done))
        return lk_fail_memory(err, "compressing with snappy");
    if (snappy_compress((const char *)in.ptr, in.len, (char *)out->data + out->len, &done) != SNAPPY_OK)
        return lk_fail(err, LK_FAILED, "cannot compress %zu bytes with snappy", in.len);
    out->len += done;
    return LK_OK;
}

static enum lk_status compress_lz4(struct lk_bytes in, struct lk_buffer *out, struct lk_error *err)
{
    if (in.len > LZ4_MAX_INPUT_SIZE)
        return lk_fail(err, LK_FAILED, "cannot compress %zu bytes with lz4: its limit is %d", in.len,
                       LZ4_MAX_INPUT_SIZE);
    const int bound = LZ4_compressBound((int)in.len);
    if (!lk_buffer_reserve(out, (size_t)bound))
        return lk_fail_memory(err, "compressing with lz4");
    const int done =
        LZ4_compress_default((const char *)in.ptr, (char *)out->data + out->len, (int)in.len, bound);
    if (done <= 0)
        return lk_fail(err, LK_FAILED, "cannot compress %zu bytes with lz4", in.len);
    out->len += (size_t)done;
    return LK_OK;
}

enum lk_status lk_compress_joined(struct lk_codec_context *c, struct lk_codec_choice choice,
                                  struct lk_bytes head, struct lk_bytes body, struct lk_buffer *out,
                                  struct lk_error *err)
{
    const int level = choice.level == LK_LEVEL_DEFAULT ? 1 : choice.level;
    assert(!codecs[choice.codec].has_level ||
           (level >= codecs[choice.codec].least && level <= codecs[choice.codec].most));
    if (choice.codec == LK_CODEC_NONE) {
        if (!lk_buffer_reserve(out, head.len + body.len))
            return lk_fail_memory(err, "copying a page");
        lk_buffer_append(out, head.ptr, head.len);
        lk_buffer_append(out, body.ptr, body.len);
        return LK_OK;
    }
#ifdef LK_HAVE_ISAL
    if (choice.codec == LK_CODEC_GZIP && level <= GZIP_LEVEL_ISAL && head.len + body.len >= ISAL_FIRST)
        return compress_isal(c, level, head, body, out, err);
#endif
    if (choice.codec == LK_CODEC_ZSTD)
        return compress_zstd(c, level, head, body, out, err);
    struct lk_bytes in;
    enum lk_status status = join(c, head, body, &in, err);
    if (status != LK_OK)
        return status;
    if (choice.codec == LK_CODEC_GZIP)
        status = compress_deflate(c, level, in, out, err);
    else if (choice.codec == LK_CODEC_SNAPPY)
        status = compress_snappy(in, out, err);
    else
        status = compress_lz4(in, out, err);
    if (c->joined.cap > 2 * JOIN_MAX)
        lk_buffer_reset(&c->joined); /* a huge value passed through */
    return status;
}

enum lk_status lk_compress(struct lk_codec_context *c, struct lk_codec_choice choice, struct lk_bytes in,
                           struct lk_buffer *out, struct lk_error *err)
{
    return lk_compress_joined(c, choice, lk_bytes(NULL, 0), in, out, err);
}

static enum lk_status fail_size(struct lk_error *err, const char *codec, size_t got, size_t expected)
{
    return lk_fail(err, LK_DAMAGED, "%s data decompresses to %zu bytes where %zu were announced", codec, got,
                   expected);
}

static enum lk_status decompress_zstd(struct lk_codec_context *c, struct lk_bytes in, uint8_t *out,
                                      size_t out_len, struct lk_error *err)
{
    if (c->zstd_in == NULL && (c->zstd_in = ZSTD_createDCtx()) == NULL)
        return lk_fail_memory(err, "decompressing zstd");
    const size_t done = ZSTD_decompressDCtx(c->zstd_in, out, out_len, in.ptr, in.len);
    if (ZSTD_isError(done))
        return lk_fail(err, LK_DAMAGED, "zstd data cannot be decompressed to %zu bytes: %s", out_len,
                       ZSTD_getErrorName(done));
    return done == out_len ? LK_OK : fail_size(err, "zstd", done, out_len);
}

static enum lk_status decompress_gzip(struct lk_codec_context *c, struct lk_bytes in, uint8_t *out,
                                      size_t out_len, struct lk_error *err)
{
    if (c->inflate == NULL && (c->inflate = libdeflate_alloc_decompressor()) == NULL)
        return lk_fail_memory(err, "decompressing gzip");
    size_t from = 0, to = 0;
    do {
        size_t used = 0, made = 0;
        const enum libdeflate_result rc = libdeflate_gzip_decompress_ex(
            c->inflate, in.ptr + from, in.len - from, out + to, out_len - to, &used, &made);
        if (rc == LIBDEFLATE_INSUFFICIENT_SPACE)
            return lk_fail(err, LK_DAMAGED, "gzip data decompresses to more than the %zu bytes announced",
                           out_len);
        if (rc != LIBDEFLATE_SUCCESS)
            return lk_fail(err, LK_DAMAGED, "gzip data is damaged in the member at its byte %zu", from);
        from += used;
        to += made;
    } while (from < in.len);
    return to == out_len ? LK_OK : fail_size(err, "gzip", to, out_len);
}

static enum lk_status decompress_snappy(struct lk_bytes in, uint8_t *out, size_t out_len,
                                        struct lk_error *err)
{
    size_t claimed = 0;
    if (snappy_uncompressed_length((const char *)in.ptr, in.len, &claimed) != SNAPPY_OK)
        return lk_fail(err, LK_DAMAGED, "snappy data has no valid length");
    if (claimed != out_len)
        return fail_size(err, "snappy", claimed, out_len);
    if (snappy_uncompress((const char *)in.ptr, in.len, (char *)out, &claimed) != SNAPPY_OK)
        return lk_fail(err, LK_DAMAGED, "snappy data is damaged");
    return LK_OK;
}

static enum lk_status decompress_lz4(struct lk_bytes in, uint8_t *out, size_t out_len, struct lk_error *err)
{
    if (in.len > INT_MAX || out_len > INT_MAX)
        return lk_fail(err, LK_DAMAGED, "lz4 block of %zu to %zu bytes: the format's limit is 2 GiB", in.len,
                       out_len);
    const int done = LZ4_decompress_safe((const char *)in.ptr, (char *)out, (int)in.len, (int)out_len);
    if (done < 0)
        return lk_fail(err, LK_DAMAGED, "lz4 data cannot be decompressed to %zu bytes", out_len);
    return (size_t)done == out_len ? LK_OK : fail_size(err, "lz4", (size_t)done, out_len);
}

enum lk_status lk_decompress(struct lk_codec_context *c, enum lk_codec codec, struct lk_bytes in,
                             uint8_t *out, size_t out_len, struct lk_error *err)
{
    /* The libraries want pointers even for nothing. */
    uint8_t nothing;
    assert(out != NULL || out_len == 0);
    if (out == NULL && out_len == 0)
        out = &nothing;
    if (in.ptr == NULL)
        in = lk_bytes("", 0);
    switch (codec) {
    case LK_CODEC_NONE:
        if (in.len != out_len)
            return fail_size(err, "uncompressed", in.len, out_len);
        memcpy(out, in.ptr, out_len);
        return LK_OK;
    case LK_CODEC_ZSTD:
        return decompress_zstd(c, in, out, out_len, err);
    case LK_CODEC_GZIP:
        return decompress_gzip(c, in, out, out_len, err);
    case LK_CODEC_SNAPPY:
        return decompress_snappy(in, out, out_len, err);
    case LK_CODEC_LZ4_RAW:
        return decompress_lz4(in, out, out_len, err);
    }
    assert(false);
    return lk_fail(err, LK_DAMAGED, "unknown codec %d", (int)codec);
}
