#include "parquet/page.h"

#include <assert.h>
#include <libdeflate.h>

#include "base/memory.h"
#include "parquet/thrift_reader.h"

#define READ_STEP (4u << 20)    /* bytes read from the file at once, at least */
#define HEADER_FIRST (4u << 10) /* looked at first for a page header */
#define HEADER_MAX (16u << 20)  /* Arrow's cap */
#define PROOF_BYTES                                                                                          \
    (64u << 20) /* larger pages that are more than PROOF_RATIO times their compressed size are unpacked in   \
                   steps first */
#define PROOF_RATIO 64u
#define HUGE_PAGE (8u << 20) /* of litekeep's pages only those of one huge value are larger */
#define STEP_SIZE (128u << 10)
#define KEPT_BYTES (24u << 20) /* of memory, from page to page */

struct header {
    int32_t type;
    int32_t uncompressed;
    int32_t compressed;
    bool has_crc;
    uint32_t crc;
    int part; /* the version of the part that was there: 1 or 2 for data pages, 0 for dictionaries; -1: none
               */
    int32_t values;
    int32_t encoding;
    int32_t level_encoding;
    int32_t levels_len;  /* V2 */
    int32_t repeats_len; /* V2 */
    bool stored;         /* V2: is_compressed is false */
};

struct lk_page_reader {
    const struct lk_input *in;
    enum lk_parquet_codec codec;
    uint64_t page_offset;
    uint64_t read_to; /* file offset after the window */
    uint64_t end;     /* of the chunk */
    size_t at;        /* in the window: what comes next */
    struct lk_buffer window;
    struct lk_buffer unpacked;
    struct lk_codec_context *context;
};

enum lk_status lk_page_reader_new(struct lk_page_reader **out, struct lk_error *err)
{
    struct lk_page_reader *r = lk_allocate_zeroed(1, sizeof *r);
    if (r == NULL)
        return lk_fail_memory(err, "reading Parquet pages");
    const enum lk_status status = lk_codec_context_new(&r->context, err);
    if (status != LK_OK) {
        lk_free(r);
        return status;
    }
    *out = r;
    return LK_OK;
}

void lk_page_reader_free(struct lk_page_reader *r)
{
    if (r == NULL)
        return;
    lk_codec_context_free(r->context);
    lk_buffer_reset(&r->window);
    lk_buffer_reset(&r->unpacked);
    lk_free(r);
}

void lk_page_reader_start(struct lk_page_reader *r, const struct lk_input *in,
                          const struct lk_parquet_chunk *chunk)
{
    assert(chunk->problem == NULL);
    r->in = in;
    r->codec = chunk->codec;
    r->page_offset = chunk->start;
    r->read_to = chunk->start;
    r->end = chunk->start + chunk->size;
    r->at = 0;
    lk_buffer_clear(&r->window);
}

/* The window, unless it has bytes that are still to come. */
static void trim_window(struct lk_page_reader *r)
{
    if (r->at < r->window.len)
        return;
    lk_buffer_trim(&r->window, KEPT_BYTES);
    lk_buffer_clear(&r->window);
    r->at = 0;
}

void lk_page_reader_trim(struct lk_page_reader *r)
{
    lk_buffer_trim(&r->unpacked, KEPT_BYTES);
    trim_window(r);
}

uint64_t lk_page_reader_offset(const struct lk_page_reader *r)
{
    return r->page_offset;
}

/* Bytes of the chunk that are not used yet. */
static uint64_t remaining(const struct lk_page_reader *r)
{
    return r->end - r->read_to + (r->window.len - r->at);
}

/* Have the next n bytes (which the chunk has) in the window. */
static enum lk_status need(struct lk_page_reader *r, size_t n, struct lk_error *err)
{
    assert(n <= remaining(r));
    const size_t have = r->window.len - r->at;
    if (have >= n)
        return LK_OK;
    if (have > 0)
        memmove(r->window.data, r->window.data + r->at, have);
    r->window.len = have;
    r->at = 0;
    size_t more = (n > READ_STEP ? n : READ_STEP) - have;
    if (more > r->end - r->read_to)
        more = (size_t)(r->end - r->read_to);
    uint8_t *to = lk_buffer_extend(&r->window, more);
    if (to == NULL)
        return lk_fail_memory(err, "reading Parquet pages");
    const enum lk_status status = lk_input_read(r->in, r->read_to, to, more, err);
    if (status == LK_OK)
        r->read_to += more;
    else
        r->window.len = have;
    return status;
}

/* DataPageHeader, DictionaryPageHeader and DataPageHeaderV2 begin alike; `version` is 1, 0 and 2. */
static void parse_part(struct lk_thrift_reader *t, const struct lk_thrift_field *self, int version,
                       struct header *h)
{
    if (!lk_thrift_enter(t, self))
        return;
    h->part = version;
    h->values = -1;
    h->encoding = -1;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(t, &f)) {
        if (f.id == 1)
            h->values = lk_thrift_i32(t, &f);
        else if (f.id == (version == 2 ? 4 : 2))
            h->encoding = lk_thrift_i32(t, &f);
        else if (version == 1 && f.id == 3)
            h->level_encoding = lk_thrift_i32(t, &f);
        else if (version == 2 && f.id == 5)
            h->levels_len = lk_thrift_i32(t, &f);
        else if (version == 2 && f.id == 6)
            h->repeats_len = lk_thrift_i32(t, &f);
        else if (version == 2 && f.id == 7)
            h->stored = !lk_thrift_bool(t, &f);
        else
            lk_thrift_skip(t, &f);
    }
    lk_thrift_leave(t);
}

static void parse_header(struct lk_thrift_reader *t, struct header *h)
{
    *h = (struct header){
        .type = -1, .part = -1, .uncompressed = -1, .compressed = -1, .level_encoding = LK_PARQUET_RLE};
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(t, &f)) {
        switch (f.id) {
        case 1:
            h->type = lk_thrift_i32(t, &f);
            break;
        case 2:
            h->uncompressed = lk_thrift_i32(t, &f);
            break;
        case 3:
            h->compressed = lk_thrift_i32(t, &f);
            break;
        case 4:
            h->has_crc = true;
            h->crc = (uint32_t)lk_thrift_i32(t, &f);
            break;
        case 5:
            parse_part(t, &f, 1, h);
            break;
        case 7:
            parse_part(t, &f, 0, h);
            break;
        case 8:
            parse_part(t, &f, 2, h);
            break;
        default:
            lk_thrift_skip(t, &f);
        }
    }
}

static enum lk_status read_header(struct lk_page_reader *r, struct header *h, struct lk_error *err)
{
    r->page_offset = r->read_to - (r->window.len - r->at);
    if (remaining(r) == 0)
        return lk_fail(err, LK_DAMAGED, "the column's pages end before all rows are there");
    for (size_t look = HEADER_FIRST;; look *= 8) {
        const size_t n = look < remaining(r) ? look : (size_t)remaining(r);
        const enum lk_status status = need(r, n, err);
        if (status != LK_OK)
            return status;
        struct lk_thrift_reader t;
        lk_thrift_reader_init(&t, lk_bytes(r->window.data + r->at, n));
        parse_header(&t, h);
        if (t.problem == NULL) {
            r->at += lk_thrift_reader_offset(&t);
            return LK_OK;
        }
        if (!t.ended || n == remaining(r) || n >= HEADER_MAX)
            return lk_fail(err, LK_DAMAGED, "the page's header is damaged: %s", t.problem);
    }
}

/* The part of the header that a page of this type must have; -1: a page that is passed over. */
static int part_of(int32_t type)
{
    switch (type) {
    case LK_PARQUET_DATA_PAGE:
        return 1;
    case LK_PARQUET_DICTIONARY_PAGE:
        return 0;
    case LK_PARQUET_DATA_PAGE_V2:
        return 2;
    default:
        return -1;
    }
}

static enum lk_status check_header(const struct lk_page_reader *r, const struct header *h,
                                   struct lk_error *err)
{
    const int part = part_of(h->type);
    if (h->type < 0 || h->uncompressed < 0 || h->compressed < 0 || h->levels_len < 0 || h->repeats_len < 0 ||
        (part >= 0 && (h->part != part || h->values < 0 || h->encoding < 0)))
        return lk_fail(err, LK_DAMAGED, "the page's header is incomplete or has a negative size");
    if ((uint32_t)h->compressed > remaining(r))
        return lk_fail(err, LK_DAMAGED, "the page should have %ld bytes, but the column has only %llu left",
                       (long)h->compressed, (unsigned long long)remaining(r));
    const int64_t levels = (int64_t)h->levels_len + h->repeats_len;
    if (h->type == LK_PARQUET_DATA_PAGE_V2 && (levels > h->compressed || levels > h->uncompressed))
        return lk_fail(err, LK_DAMAGED, "the page's levels are longer than the page");
    return LK_OK;
}

static enum lk_status find_codec(enum lk_parquet_codec codec, enum lk_codec *out, uint64_t *ratio,
                                 struct lk_error *err)
{
    /* The most that each format can pack into a byte, rounded up: runs of 258 in 2 bits; blocks of 128 KiB in
     * 4 bytes; copies of 64 in 3 bytes; runs of 255 a byte. */
    switch (codec) {
    case LK_PARQUET_UNCOMPRESSED:
        *out = LK_CODEC_NONE;
        *ratio = 1;
        return LK_OK;
    case LK_PARQUET_SNAPPY:
        *out = LK_CODEC_SNAPPY;
        *ratio = 22;
        return LK_OK;
    case LK_PARQUET_GZIP:
        *out = LK_CODEC_GZIP;
        *ratio = 1033;
        return LK_OK;
    case LK_PARQUET_ZSTD:
        *out = LK_CODEC_ZSTD;
        *ratio = 32768;
        return LK_OK;
    case LK_PARQUET_LZ4_RAW:
        *out = LK_CODEC_LZ4_RAW;
        *ratio = 256;
        return LK_OK;
    case LK_PARQUET_LZO:
        return lk_fail(err, LK_UNREADABLE, "it is compressed with LZO, which is not supported");
    case LK_PARQUET_BROTLI:
        return lk_fail(err, LK_UNREADABLE, "it is compressed with BROTLI, which is not supported");
    case LK_PARQUET_LZ4_HADOOP:
        return lk_fail(err, LK_UNREADABLE,
                       "it is compressed with the old, deprecated LZ4 codec, which is not supported");
    default:
        return lk_fail(err, LK_UNREADABLE, "it is compressed with codec %d, which is unknown", (int)codec);
    }
}

/* Unpack the body in steps, to see that it is as large as it claims before that much is allocated. */
static enum lk_status prove_size(const struct lk_page_reader *r, enum lk_codec codec, size_t packed_len,
                                 size_t len, struct lk_error *err)
{
    const uint64_t start = r->read_to - (r->window.len - r->at);
    struct lk_inflater *inflater = NULL;
    uint64_t found = 0;
    uint8_t *step = lk_allocate(STEP_SIZE);
    if (step == NULL)
        return lk_fail_memory(err, "checking a Parquet page");
    enum lk_status status = lk_inflater_new(r->in, start, start + packed_len, codec, &inflater, err);
    for (size_t got = 1; status == LK_OK && got > 0 && found <= len; found += got)
        status = lk_inflater_read(inflater, step, STEP_SIZE, &got, err);
    if (status == LK_OK && found != len)
        status = lk_fail(err, LK_DAMAGED, "the page claims to unpack to %zu bytes, but does not", len);
    lk_inflater_free(inflater);
    lk_free(step);
    return status;
}

/* Unpack `packed`, which stands at the window's place `r->at`. */
static enum lk_status unpack(struct lk_page_reader *r, struct lk_parquet_budget *budget,
                             struct lk_bytes packed, size_t len, struct lk_bytes *out, struct lk_error *err)
{
    enum lk_codec codec = LK_CODEC_NONE;
    uint64_t ratio = 1;
    enum lk_status status = find_codec(r->codec, &codec, &ratio, err);
    if (status != LK_OK)
        return status;
    if (codec == LK_CODEC_NONE) {
        if (packed.len != len)
            return lk_fail(err, LK_DAMAGED, "the page has %zu bytes, but its header says %zu", packed.len,
                           len);
        *out = packed;
        return LK_OK;
    }
    if (len == 0) { /* some writers store nothing at all, others an empty frame */
        *out = lk_bytes(NULL, 0);
        return LK_OK;
    }
    /* The page and what becomes of it are both in memory. */
    const bool huge = len > PROOF_BYTES && len / PROOF_RATIO > packed.len;
    if (len / ratio > packed.len + 64 || (huge && len > budget->left / 2 + budget->huge))
        return lk_fail(err, LK_DAMAGED,
                       "the page claims to unpack from %zu to %zu bytes, which is implausible", packed.len,
                       len);
    if (huge && (codec == LK_CODEC_GZIP || codec == LK_CODEC_ZSTD)) {
        status = prove_size(r, codec, packed.len, len, err);
        if (status != LK_OK)
            return status;
    }
    if (len > HUGE_PAGE) {
        const uint64_t more = len < budget->huge ? len : budget->huge;
        budget->left += more;
        budget->huge -= more;
    }
    lk_buffer_clear(&r->unpacked);
    uint8_t *to = lk_buffer_extend(&r->unpacked, len);
    if (to == NULL)
        return lk_fail_memory(err, "decompressing a Parquet page");
    status = lk_decompress(r->context, codec, packed, to, len, err);
    *out = lk_bytes(to, len);
    return status;
}

enum lk_status lk_page_reader_next(struct lk_page_reader *r, struct lk_parquet_budget *budget,
                                   struct lk_page *page, struct lk_error *err)
{
    struct header h;
    for (;;) {
        enum lk_status status = read_header(r, &h, err);
        if (status == LK_OK)
            status = check_header(r, &h, err);
        if (status != LK_OK)
            return status;
        if (part_of(h.type) >= 0)
            break;
        status = need(r, (size_t)h.compressed, err);
        if (status != LK_OK)
            return status;
        r->at += (size_t)h.compressed;
    }
    enum lk_status status = need(r, (size_t)h.compressed, err);
    if (status != LK_OK)
        return status;
    const struct lk_bytes whole = lk_bytes(r->window.data + r->at, (size_t)h.compressed);
    if (h.has_crc && libdeflate_crc32(0, whole.ptr, whole.len) != h.crc)
        return lk_fail(err, LK_DAMAGED,
                       "the page's checksum is wrong: its bytes are not those that were written");
    *page = (struct lk_page){
        .type = (enum lk_parquet_page)h.type,
        .values = (uint32_t)h.values,
        .encoding = (enum lk_parquet_encoding)h.encoding,
        .level_encoding = (enum lk_parquet_encoding)h.level_encoding,
        .offset = r->page_offset,
    };
    size_t levels = 0;
    if (h.type == LK_PARQUET_DATA_PAGE_V2) {
        levels = (size_t)h.repeats_len + (size_t)h.levels_len;
        page->levels = lk_bytes(whole.ptr + h.repeats_len, (size_t)h.levels_len);
    }
    const struct lk_bytes packed = lk_bytes(whole.ptr + levels, whole.len - levels);
    r->at += levels;
    if (h.type == LK_PARQUET_DATA_PAGE_V2 && h.stored)
        page->body = packed;
    else
        status = unpack(r, budget, packed, (size_t)h.uncompressed - levels, &page->body, err);
    r->at += packed.len;
    /* A huge page is in memory once: packed, unpacked, or as values. */
    if (status == LK_OK && page->body.ptr == r->unpacked.data && levels == 0)
        trim_window(r);
    return status;
}
