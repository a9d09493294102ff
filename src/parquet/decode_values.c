#include "parquet/decode_values.h"

#include <assert.h>

#include "base/text.h"
#include "parquet/decode_delta.h"
#include "parquet/decode_rle.h"

#define INDEXES 4096 /* decoded at once */
#define SLACK 32     /* bytes that may be copied past a short value's end */
#define HIGH_BITS 0x8080808080808080u

struct lk_decode_type lk_decode_type_of(const struct lk_parquet_element *e)
{
    struct lk_decode_type t = {.type = e->type};
    switch (e->type) {
    case LK_PARQUET_BOOLEAN:
        t.width = 1;
        break;
    case LK_PARQUET_INT32:
    case LK_PARQUET_FLOAT:
        t.width = 4;
        break;
    case LK_PARQUET_INT64:
    case LK_PARQUET_DOUBLE:
        t.width = 8;
        break;
    case LK_PARQUET_INT96:
        t.width = 12;
        break;
    case LK_PARQUET_BYTE_ARRAY:
        break;
    case LK_PARQUET_FIXED_LEN_BYTE_ARRAY:
        assert(e->type_length > 0);
        t.width = (uint32_t)e->type_length;
        break;
    }
    return t;
}

/* How many bytes `count` PLAIN byte arrays take; false when `data` holds fewer values. `offsets` (NULL: not
 * wanted) gets count + 1 offsets. */
static bool measure_byte_arrays(struct lk_bytes data, size_t count, uint32_t *offsets, size_t *bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (data.len - at < 4)
            return false;
        const uint32_t len = lk_get_u32(data.ptr + at);
        if (len > data.len - at - 4)
            return false;
        if (offsets != NULL)
            offsets[i] = (uint32_t)at;
        at += 4 + (size_t)len;
    }
    if (offsets != NULL)
        offsets[count] = (uint32_t)at;
    *bytes = at;
    return true;
}

static enum lk_status fail_short(struct lk_bytes data, size_t count, struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED, "its %zu bytes do not hold the %zu values that it should", data.len,
                   count);
}

static enum lk_status fail_limit(struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED, "its values are implausibly long together for a file of this size");
}

/* Append bytes and leave readable slack behind them. */
static enum lk_status append(struct lk_buffer *out, const uint8_t *from, size_t len, struct lk_error *err)
{
    if (!lk_buffer_reserve(out, len + SLACK))
        return lk_fail_memory(err, "decoding a Parquet page");
    lk_buffer_append(out, from, len);
    return LK_OK;
}

void lk_decode_dictionary_reset(struct lk_decode_dictionary *d)
{
    lk_buffer_reset(&d->values);
    lk_buffer_reset(&d->offsets);
    d->loaded = false;
    d->count = 0;
}

enum lk_status lk_decode_dictionary_load(struct lk_decode_dictionary *d, struct lk_decode_type type,
                                         struct lk_bytes page, uint32_t count, struct lk_error *err)
{
    lk_buffer_clear(&d->values);
    lk_buffer_clear(&d->offsets);
    d->loaded = false;
    size_t bytes = 0;
    if (type.type == LK_PARQUET_BOOLEAN)
        return lk_fail(err, LK_DAMAGED, "a dictionary of booleans is impossible");
    if (type.width > 0) {
        if (count > page.len / type.width)
            return fail_short(page, count, err);
        bytes = (size_t)count * type.width;
    } else {
        if (count > page.len / 4)
            return fail_short(page, count, err);
        uint8_t *offsets = lk_buffer_extend(&d->offsets, ((size_t)count + 1) * sizeof(uint32_t));
        if (offsets == NULL)
            return lk_fail_memory(err, "reading a Parquet dictionary");
        if (!measure_byte_arrays(page, count, (uint32_t *)(void *)offsets, &bytes))
            return fail_short(page, count, err);
    }
    const enum lk_status status = append(&d->values, page.ptr, bytes, err);
    if (status != LK_OK)
        return status;
    memset(d->values.data + bytes, 0, SLACK);
    d->count = count;
    d->loaded = true;
    return LK_OK;
}

static enum lk_status gather_fixed(const struct lk_decode_dictionary *d, uint32_t width,
                                   const uint32_t *indexes, size_t count, struct lk_buffer *out,
                                   struct lk_error *err)
{
    uint8_t *at = lk_buffer_extend(out, count * width);
    if (at == NULL)
        return lk_fail_memory(err, "decoding a Parquet page");
    const uint8_t *values = d->values.data;
    if (width == 8)
        for (size_t i = 0; i < count; i++)
            memcpy(at + i * 8, values + (size_t)indexes[i] * 8, 8);
    else if (width == 4)
        for (size_t i = 0; i < count; i++)
            memcpy(at + i * 4, values + (size_t)indexes[i] * 4, 4);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(at + i * width, values + (size_t)indexes[i] * width, width);
    return LK_OK;
}

static enum lk_status gather_byte_arrays(const struct lk_decode_dictionary *d, const uint32_t *indexes,
                                         size_t count, uint64_t limit, struct lk_buffer *out,
                                         struct lk_error *err)
{
    const uint32_t *offsets = (const uint32_t *)(const void *)d->offsets.data;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += offsets[indexes[i] + 1] - offsets[indexes[i]];
    if (sum > limit)
        return fail_limit(err);
    if (!lk_buffer_reserve(out, (size_t)sum + SLACK))
        return lk_fail_memory(err, "decoding a Parquet page");
    uint8_t *at = lk_buffer_extend(out, (size_t)sum);
    for (size_t i = 0; i < count; i++) {
        const uint32_t start = offsets[indexes[i]], len = offsets[indexes[i] + 1] - start;
        const uint8_t *from = d->values.data + start;
        memcpy(at, from, len <= SLACK ? SLACK : len);
        at += len;
    }
    return LK_OK;
}

static enum lk_status decode_dictionary(struct lk_decode_type type, struct lk_bytes data, size_t count,
                                        const struct lk_decode_dictionary *d, uint64_t limit,
                                        struct lk_buffer *out, struct lk_error *err)
{
    uint32_t indexes[INDEXES];
    if (!d->loaded)
        return lk_fail(err, LK_DAMAGED, "it refers to a dictionary, but none comes before it");
    if (count == 0)
        return LK_OK;
    if (data.len == 0 || data.ptr[0] > 32)
        return lk_fail(err, LK_DAMAGED, "its dictionary indexes have an impossible width");
    struct lk_decode_rle rle;
    lk_decode_rle_init(&rle, lk_bytes(data.ptr + 1, data.len - 1), data.ptr[0]);
    const size_t before = out->len;
    while (count > 0) {
        const size_t n = count < INDEXES ? count : INDEXES;
        enum lk_status status = lk_decode_rle_read(&rle, indexes, n, err);
        if (status != LK_OK)
            return status;
        uint32_t largest = 0;
        for (size_t i = 0; i < n; i++)
            largest = indexes[i] > largest ? indexes[i] : largest;
        if (largest >= d->count)
            return lk_fail(err, LK_DAMAGED, "it refers to entry %lu of a dictionary of %lu",
                           (unsigned long)largest, (unsigned long)d->count);
        if (type.width > 0)
            status = gather_fixed(d, type.width, indexes, n, out, err);
        else
            status = gather_byte_arrays(d, indexes, n, limit - (out->len - before), out, err);
        if (status != LK_OK)
            return status;
        count -= n;
    }
    return LK_OK;
}

static enum lk_status decode_plain(struct lk_decode_type type, struct lk_bytes data, size_t count,
                                   uint64_t limit, struct lk_buffer *out, struct lk_error *err)
{
    size_t bytes = 0;
    if (type.type == LK_PARQUET_BOOLEAN) {
        if (data.len < (count + 7) / 8)
            return fail_short(data, count, err);
        uint8_t *at = lk_buffer_extend(out, count);
        if (at == NULL)
            return lk_fail_memory(err, "decoding a Parquet page");
        lk_decode_rle_bits(data.ptr, count, 1, at);
        return LK_OK;
    }
    if (type.width > 0) {
        if (count > data.len / type.width)
            return fail_short(data, count, err);
        bytes = count * type.width;
    } else {
        if (!measure_byte_arrays(data, count, NULL, &bytes))
            return fail_short(data, count, err);
        if (bytes > limit)
            return fail_limit(err);
    }
    return append(out, data.ptr, bytes, err);
}

static enum lk_status decode_rle_booleans(struct lk_bytes data, size_t count, struct lk_buffer *out,
                                          struct lk_error *err)
{
    if (count == 0)
        return LK_OK;
    if (data.len < 4 || lk_get_u32(data.ptr) > data.len - 4)
        return fail_short(data, count, err);
    uint8_t *at = lk_buffer_extend(out, count);
    if (at == NULL)
        return lk_fail_memory(err, "decoding a Parquet page");
    struct lk_decode_rle rle;
    size_t ones;
    lk_decode_rle_init(&rle, lk_bytes(data.ptr + 4, lk_get_u32(data.ptr)), 1);
    return lk_decode_rle_read_flags(&rle, at, count, 1, &ones, err);
}

static enum lk_status decode_stream_split(struct lk_decode_type type, struct lk_bytes data, size_t count,
                                          struct lk_buffer *out, struct lk_error *err)
{
    /* Stream b holds byte b of every value; the streams' length is the data's, divided. */
    if (data.len != count * type.width)
        return fail_short(data, count, err);
    uint8_t *at = lk_buffer_extend(out, data.len);
    if (at == NULL)
        return lk_fail_memory(err, "decoding a Parquet page");
    for (uint32_t b = 0; b < type.width; b++) {
        const uint8_t *from = data.ptr + (size_t)b * count;
        for (size_t i = 0; i < count; i++)
            at[i * type.width + b] = from[i];
    }
    return LK_OK;
}

static enum lk_status decode_delta_integers(struct lk_decode_type type, struct lk_bytes data, size_t count,
                                            struct lk_buffer *out, struct lk_error *err)
{
    size_t used;
    uint8_t *at = lk_buffer_extend(out, count * type.width);
    if (at == NULL)
        return lk_fail_memory(err, "decoding a Parquet page");
    return lk_decode_delta_binary(data, count, type.width, at, &used, err);
}

static enum lk_status fail_encoding(enum lk_parquet_encoding encoding, struct lk_error *err)
{
    return lk_fail(err, LK_UNREADABLE, "its encoding %d is unknown, or not one for the column's type",
                   (int)encoding);
}

enum lk_status lk_decode_values(struct lk_decode_type type, enum lk_parquet_encoding encoding,
                                struct lk_bytes data, size_t count,
                                const struct lk_decode_dictionary *dictionary, uint64_t limit,
                                struct lk_buffer *scratch, struct lk_buffer *out, struct lk_error *err)
{
    const bool is_integer = type.type == LK_PARQUET_INT32 || type.type == LK_PARQUET_INT64;
    const bool is_bytes = type.type == LK_PARQUET_BYTE_ARRAY || type.type == LK_PARQUET_FIXED_LEN_BYTE_ARRAY;
    if ((uint64_t)count * (type.width > 0 ? type.width : 4) > limit)
        return fail_limit(err);
    switch (encoding) {
    case LK_PARQUET_PLAIN:
        return decode_plain(type, data, count, limit, out, err);
    case LK_PARQUET_PLAIN_DICTIONARY:
    case LK_PARQUET_RLE_DICTIONARY:
        return decode_dictionary(type, data, count, dictionary, limit, out, err);
    case LK_PARQUET_RLE:
        if (type.type != LK_PARQUET_BOOLEAN)
            return fail_encoding(encoding, err);
        return decode_rle_booleans(data, count, out, err);
    case LK_PARQUET_DELTA_BINARY_PACKED:
        if (!is_integer)
            return fail_encoding(encoding, err);
        return decode_delta_integers(type, data, count, out, err);
    case LK_PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        if (!is_bytes)
            return fail_encoding(encoding, err);
        return lk_decode_delta_length_bytes(data, count, type.width, limit, scratch, out, err);
    case LK_PARQUET_DELTA_BYTE_ARRAY:
        if (!is_bytes)
            return fail_encoding(encoding, err);
        return lk_decode_delta_bytes(data, count, type.width, limit, scratch, out, err);
    case LK_PARQUET_BYTE_STREAM_SPLIT:
        if (type.width == 0 || type.type == LK_PARQUET_BOOLEAN || type.type == LK_PARQUET_INT96)
            return fail_encoding(encoding, err);
        return decode_stream_split(type, data, count, out, err);
    case LK_PARQUET_BIT_PACKED: /* levels only */
    default:
        return fail_encoding(encoding, err);
    }
}

/* Has no byte its high bit set? */
static bool is_ascii(const uint8_t *ptr, size_t len)
{
    uint64_t any = 0;
    size_t i = 0;
    for (; i + 64 <= len; i += 64) {
        uint64_t words[8];
        memcpy(words, ptr + i, sizeof words);
        any |= words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7];
        if ((any & HIGH_BITS) != 0)
            return false;
    }
    for (; i < len; i++)
        any |= ptr[i];
    return (any & HIGH_BITS) == 0;
}

bool lk_decode_values_are_utf8(struct lk_bytes stream)
{
    /* When no byte has its high bit, lengths included, there is nothing but ASCII: values need not be looked
     * at one by one. */
    if (is_ascii(stream.ptr, stream.len))
        return true;
    for (size_t at = 0; at < stream.len;) {
        const uint32_t len = lk_get_u32(stream.ptr + at);
        if (!lk_utf8_valid(stream.ptr + at + 4, len))
            return false;
        at += 4 + (size_t)len;
    }
    return true;
}
