/* Streams: decompression from an input and zstd compression into an output, in bounded memory.
 *
 * gzip: RFC 1952; members one after another are one file (section 2.2), anything else after a member is
 * damage. zstd: RFC 8878; frames one after another likewise. */
#include "base/codec.h"

#include <assert.h>

#include <zstd.h>
#ifdef LK_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

#include "base/file.h"
#include "base/memory.h"

#define INPUT_SIZE (128u << 10) /* bytes read from the input at a time */
#define PIECE_MAX (1u << 30)    /* bytes asked from a library at a time: its counts may be 32 bits */

struct lk_inflater {
    const struct lk_input *in;
    enum lk_codec codec;
    uint64_t offset; /* of the next byte to be read into `data` */
    uint64_t end;
    uint64_t start; /* of the member or frame that is being decompressed */
    bool inside;    /* a member or frame has begun and not ended */
    bool any;       /* at least one was seen: an empty range is no stream */
    size_t at, filled;
    ZSTD_DCtx *zstd;
#ifdef LK_HAVE_ISAL
    struct inflate_state *gzip;
#else
    z_stream *gzip;
#endif
    uint8_t data[INPUT_SIZE];
};

#ifdef LK_HAVE_ISAL
static void restart_gzip(struct lk_inflater *s)
{
    isal_inflate_init(s->gzip);
    s->gzip->crc_flag = ISAL_GZIP;
}

static bool open_gzip(struct lk_inflater *s)
{
    return (s->gzip = lk_allocate_zeroed(1, sizeof *s->gzip)) != NULL;
}

static void close_gzip(struct lk_inflater *s)
{
    lk_free(s->gzip);
}

/* One step. Consumes from data[at, filled), adds to *got, sets *ended after a member's last byte. False:
 * damage. */
static bool step_gzip(struct lk_inflater *s, uint8_t *to, size_t cap, size_t *got, bool *ended)
{
    struct inflate_state *z = s->gzip;
    z->next_in = s->data + s->at;
    z->avail_in = (uint32_t)(s->filled - s->at);
    z->next_out = to;
    z->avail_out = (uint32_t)cap;
    const int rc = isal_inflate(z);
    s->at = s->filled - z->avail_in;
    *got = cap - z->avail_out;
    *ended = z->block_state == ISAL_BLOCK_FINISH;
    return rc == ISAL_DECOMP_OK || rc == ISAL_END_INPUT || rc == ISAL_OUT_OVERFLOW;
}
#else
static void *zlib_allocate(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return lk_allocate((size_t)count * size);
}

static void zlib_free(void *unused, void *block)
{
    (void)unused;
    lk_free(block);
}

static void restart_gzip(struct lk_inflater *s)
{
    const int rc = inflateReset(s->gzip);
    assert(rc == Z_OK);
    (void)rc;
}

static bool open_gzip(struct lk_inflater *s)
{
    const int gzip_only = 15 + 16; /* window bits, and 16 for the gzip wrapper (zlib.h, inflateInit2) */
    z_stream *z = lk_allocate_zeroed(1, sizeof *z);
    if (z == NULL)
        return false;
    z->zalloc = zlib_allocate;
    z->zfree = zlib_free;
    if (inflateInit2(z, gzip_only) != Z_OK) {
        lk_free(z);
        return false;
    }
    s->gzip = z;
    return true;
}

static void close_gzip(struct lk_inflater *s)
{
    if (s->gzip != NULL)
        inflateEnd(s->gzip);
    lk_free(s->gzip);
}

/* One step. Consumes from data[at, filled), adds to *got, sets *ended after a member's last byte. False:
 * damage. */
static bool step_gzip(struct lk_inflater *s, uint8_t *to, size_t cap, size_t *got, bool *ended)
{
    z_stream *z = s->gzip;
    z->next_in = s->data + s->at;
    z->avail_in = (unsigned)(s->filled - s->at);
    z->next_out = to;
    z->avail_out = (unsigned)cap;
    const int rc = inflate(z, Z_NO_FLUSH);
    s->at = s->filled - z->avail_in;
    *got = cap - z->avail_out;
    *ended = rc == Z_STREAM_END;
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}
#endif

enum lk_status lk_inflater_new(const struct lk_input *in, uint64_t offset, uint64_t end, enum lk_codec codec,
                               struct lk_inflater **out, struct lk_error *err)
{
    assert(codec == LK_CODEC_NONE || codec == LK_CODEC_GZIP || codec == LK_CODEC_ZSTD);
    if (end > lk_input_size(in) || offset > end)
        return lk_fail(err, LK_DAMAGED, "%s: bytes %llu to %llu are wanted of a file of %llu",
                       lk_input_name(in), (unsigned long long)offset, (unsigned long long)end,
                       (unsigned long long)lk_input_size(in));
    struct lk_inflater *s = lk_allocate(sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "opening a compressed stream");
    memset(s, 0, offsetof(struct lk_inflater, data));
    s->in = in;
    s->codec = codec;
    s->offset = offset;
    s->start = offset;
    s->end = end;
    const bool ready = codec == LK_CODEC_NONE   ? true
                       : codec == LK_CODEC_ZSTD ? (s->zstd = ZSTD_createDCtx()) != NULL
                                                : open_gzip(s);
    if (!ready) {
        lk_inflater_free(s);
        return lk_fail_memory(err, "opening a compressed stream");
    }
    *out = s;
    return LK_OK;
}

void lk_inflater_free(struct lk_inflater *s)
{
    if (s == NULL)
        return;
    ZSTD_freeDCtx(s->zstd);
    close_gzip(s);
    lk_free(s);
}

static enum lk_status refill(struct lk_inflater *s, struct lk_error *err)
{
    const uint64_t left = s->end - s->offset;
    const size_t len = left < sizeof s->data ? (size_t)left : sizeof s->data;
    const enum lk_status status = lk_input_read(s->in, s->offset, s->data, len, err);
    if (status != LK_OK)
        return status;
    s->at = 0;
    s->filled = len;
    s->offset += len;
    return LK_OK;
}

/* The file's offset of data[at]. */
static uint64_t position(const struct lk_inflater *s)
{
    return s->offset - (s->filled - s->at);
}

static enum lk_status fail_damaged(const struct lk_inflater *s, const char *why, struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED, "%s: the %s data that begins at byte %llu is damaged near byte %llu: %s",
                   lk_input_name(s->in), lk_codec_name(s->codec), (unsigned long long)s->start,
                   (unsigned long long)position(s), why);
}

/* Begin the next member or frame at data[at]. */
static void begin(struct lk_inflater *s)
{
    s->start = position(s);
    s->inside = true;
    s->any = true;
    if (s->codec == LK_CODEC_GZIP)
        restart_gzip(s);
    else
        ZSTD_DCtx_reset(s->zstd, ZSTD_reset_session_only);
}

static enum lk_status step(struct lk_inflater *s, uint8_t *to, size_t cap, size_t *got, struct lk_error *err)
{
    bool ended = false;
    if (s->codec == LK_CODEC_GZIP) {
        if (!step_gzip(s, to, cap, got, &ended))
            return fail_damaged(s, "it is not valid gzip, or its checksum differs", err);
    } else {
        ZSTD_inBuffer from = {s->data, s->filled, s->at};
        ZSTD_outBuffer into = {to, cap, 0};
        const size_t rc = ZSTD_decompressStream(s->zstd, &into, &from);
        if (ZSTD_isError(rc))
            return fail_damaged(s, ZSTD_getErrorName(rc), err);
        s->at = from.pos;
        *got = into.pos;
        ended = rc == 0;
    }
    s->inside = !ended;
    return LK_OK;
}

static enum lk_status read_plain(struct lk_inflater *s, uint8_t *to, size_t cap, size_t *got,
                                 struct lk_error *err)
{
    const uint64_t left = s->end - s->offset;
    const size_t len = left < cap ? (size_t)left : cap;
    const enum lk_status status = len == 0 ? LK_OK : lk_input_read(s->in, s->offset, to, len, err);
    if (status != LK_OK)
        return status;
    s->offset += len;
    *got = len;
    return LK_OK;
}

enum lk_status lk_inflater_read(struct lk_inflater *s, uint8_t *to, size_t cap, size_t *got,
                                struct lk_error *err)
{
    *got = 0;
    if (cap == 0)
        return LK_OK;
    if (s->codec == LK_CODEC_NONE)
        return read_plain(s, to, cap, got, err);
    const size_t wanted = cap < PIECE_MAX ? cap : PIECE_MAX;
    while (*got < wanted) {
        enum lk_status status = LK_OK;
        if (s->at == s->filled && s->offset < s->end && (status = refill(s, err)) != LK_OK)
            return status;
        const bool no_more = s->at == s->filled;
        if (!s->inside) {
            if (no_more && s->any)
                return LK_OK;
            if (no_more)
                return fail_damaged(s, "there is none", err);
            begin(s);
        }
        const size_t before = s->at;
        size_t made = 0;
        if ((status = step(s, to + *got, wanted - *got, &made, err)) != LK_OK)
            return status;
        *got += made;
        /* What the library held back may still come out without further input; only a step without any
         * progress is the end. */
        if (s->inside && made == 0 && s->at == before && (no_more || s->at < s->filled))
            return fail_damaged(s, "it is cut short", err);
    }
    return LK_OK;
}

struct lk_deflater {
    struct lk_output *to;
    ZSTD_CCtx *zstd;
    size_t size; /* of `data` */
    bool finished;
    uint8_t *data;
};

enum lk_status lk_deflater_new(struct lk_output *to, int zstd_level, struct lk_deflater **out,
                               struct lk_error *err)
{
    struct lk_deflater *d = lk_allocate_zeroed(1, sizeof *d);
    if (d == NULL)
        return lk_fail_memory(err, "opening a zstd stream");
    d->to = to;
    d->size = ZSTD_CStreamOutSize();
    d->data = lk_allocate(d->size);
    d->zstd = ZSTD_createCCtx();
    if (d->data == NULL || d->zstd == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(d->zstd, ZSTD_c_compressionLevel, zstd_level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(d->zstd, ZSTD_c_checksumFlag, 1))) {
        lk_deflater_free(d);
        return lk_fail_memory(err, "opening a zstd stream");
    }
    *out = d;
    return LK_OK;
}

void lk_deflater_free(struct lk_deflater *d)
{
    if (d == NULL)
        return;
    ZSTD_freeCCtx(d->zstd);
    lk_free(d->data);
    lk_free(d);
}

static enum lk_status push(struct lk_deflater *d, struct lk_bytes piece, ZSTD_EndDirective directive,
                           struct lk_error *err)
{
    ZSTD_inBuffer from = {piece.ptr, piece.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer into = {d->data, d->size, 0};
        left = ZSTD_compressStream2(d->zstd, &into, &from, directive);
        if (ZSTD_isError(left))
            return lk_fail(err, LK_FAILED, "cannot compress with zstd: %s", ZSTD_getErrorName(left));
        lk_output_write(d->to, d->data, into.pos);
    } while (directive == ZSTD_e_end ? left > 0 : from.pos < from.size);
    return lk_output_check(d->to, err);
}

enum lk_status lk_deflater_write(struct lk_deflater *d, const void *ptr, size_t len, struct lk_error *err)
{
    assert(!d->finished);
    return len == 0 ? LK_OK : push(d, lk_bytes(ptr, len), ZSTD_e_continue, err);
}

enum lk_status lk_deflater_finish(struct lk_deflater *d, struct lk_error *err)
{
    assert(!d->finished);
    d->finished = true;
    return push(d, lk_bytes(NULL, 0), ZSTD_e_end, err);
}
