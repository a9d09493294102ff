#include "parquet/decode_chunk.h"

#include <assert.h>

#include "parquet/decode_rle.h"

enum lk_status lk_decode_chunk_spend(struct lk_parquet_budget *budget, uint64_t bytes, struct lk_error *err)
{
    if (bytes > budget->left)
        return lk_fail(err, LK_DAMAGED, "its values are implausibly long together for a file of this size");
    budget->left -= bytes;
    return LK_OK;
}

static enum lk_status fail_levels(struct lk_error *err)
{
    return lk_fail(err, LK_DAMAGED, "its definition levels are longer than the page");
}

/* Split the levels off `body`. *ones: rows with a value. */
static enum lk_status decode_levels(const struct lk_page *page, bool optional, uint8_t class,
                                    uint8_t *classes, struct lk_bytes *body, size_t *ones,
                                    struct lk_error *err)
{
    struct lk_bytes levels = page->levels;
    *body = page->body;
    if (!optional) {
        memset(classes, class, page->values);
        *ones = page->values;
        return LK_OK;
    }
    if (page->type == LK_PARQUET_DATA_PAGE && page->level_encoding == LK_PARQUET_BIT_PACKED) {
        const size_t len = ((size_t)page->values + 7) / 8;
        if (len > body->len)
            return fail_levels(err);
        *ones = lk_decode_rle_bits_msb(body->ptr, page->values, class, classes);
        *body = lk_bytes(body->ptr + len, body->len - len);
        return LK_OK;
    }
    if (page->type == LK_PARQUET_DATA_PAGE) {
        if (page->level_encoding != LK_PARQUET_RLE)
            return lk_fail(err, LK_UNREADABLE, "its levels have encoding %d, which is unknown",
                           (int)page->level_encoding);
        if (body->len < 4 || lk_get_u32(body->ptr) > body->len - 4)
            return fail_levels(err);
        levels = lk_bytes(body->ptr + 4, lk_get_u32(body->ptr));
        *body = lk_bytes(body->ptr + 4 + levels.len, body->len - 4 - levels.len);
    }
    struct lk_decode_rle rle;
    lk_decode_rle_init(&rle, levels, 1);
    return lk_decode_rle_read_flags(&rle, classes, page->values, class, ones, err);
}

static enum lk_status decode_page(struct lk_decode_chunk_state *d, const struct lk_page *page,
                                  struct lk_decode_type type, bool optional, struct lk_parquet_budget *budget,
                                  struct lk_decode_chunk_target *t, struct lk_error *err)
{
    struct lk_bytes body;
    size_t ones = 0;
    enum lk_status status = lk_decode_chunk_spend(budget, page->values, err);
    if (status != LK_OK)
        return status;
    uint8_t *classes = lk_buffer_extend(t->classes, page->values);
    if (classes == NULL)
        return lk_fail_memory(err, "decoding a Parquet page");
    status = decode_levels(page, optional, t->class, classes, &body, &ones, err);
    if (status != LK_OK || ones == 0)
        return status;
    const size_t before = t->values->len;
    status = lk_decode_values(type, page->encoding, body, ones, &d->dictionary, budget->left, &d->scratch,
                              t->values, err);
    if (status != LK_OK)
        return status;
    t->count += (uint32_t)ones;
    const struct lk_bytes added = lk_bytes(t->values->data + before, t->values->len - before);
    /* A dictionary's values were looked at when it was loaded. */
    if (t->text && page->encoding != LK_PARQUET_PLAIN_DICTIONARY &&
        page->encoding != LK_PARQUET_RLE_DICTIONARY)
        t->not_utf8 = t->not_utf8 || !lk_decode_values_are_utf8(added);
    return lk_decode_chunk_spend(budget, added.len, err);
}

static enum lk_status load_dictionary(struct lk_decode_chunk_state *d, const struct lk_page *page,
                                      struct lk_decode_type type, struct lk_decode_chunk_target *t,
                                      struct lk_error *err)
{
    if (d->dictionary.loaded)
        return lk_fail(err, LK_DAMAGED, "the column has a second dictionary");
    if (page->encoding != LK_PARQUET_PLAIN && page->encoding != LK_PARQUET_PLAIN_DICTIONARY)
        return lk_fail(err, LK_UNREADABLE, "its dictionary has encoding %d, which is unknown",
                       (int)page->encoding);
    const enum lk_status status =
        lk_decode_dictionary_load(&d->dictionary, type, page->body, page->values, err);
    if (status == LK_OK && t->text)
        t->not_utf8 = !lk_decode_values_are_utf8(lk_buffer_bytes(&d->dictionary.values));
    return status;
}

enum lk_status lk_decode_chunk(struct lk_decode_chunk_state *d, const struct lk_input *in,
                               const struct lk_parquet_chunk *chunk, const struct lk_parquet_element *element,
                               uint32_t rows, struct lk_parquet_budget *budget,
                               struct lk_decode_chunk_target *target, struct lk_error *err)
{
    assert(element->repetition != LK_PARQUET_REPEATED && chunk->problem == NULL);
    const struct lk_decode_type type = lk_decode_type_of(element);
    const bool optional = element->repetition == LK_PARQUET_OPTIONAL;
    enum lk_status status = LK_OK;
    target->count = 0;
    target->not_utf8 = false;
    d->dictionary.loaded = false;
    if ((uint64_t)chunk->values != rows)
        return lk_fail(err, LK_DAMAGED, "it has %lld values for %lu rows", (long long)chunk->values,
                       (unsigned long)rows);
    lk_page_reader_start(d->pages, in, chunk);
    for (uint32_t done = 0; done < rows && status == LK_OK;) {
        struct lk_page page;
        status = lk_page_reader_next(d->pages, budget, &page, err);
        if (status != LK_OK)
            break;
        if (page.type == LK_PARQUET_DICTIONARY_PAGE) {
            status = load_dictionary(d, &page, type, target, err);
            continue;
        }
        if (page.values == 0)
            continue;
        if (page.values > rows - done) {
            status =
                lk_fail(err, LK_DAMAGED, "the page has %lu values, but the row group has only %lu rows left",
                        (unsigned long)page.values, (unsigned long)(rows - done));
            break;
        }
        status = decode_page(d, &page, type, optional, budget, target, err);
        done += page.values;
    }
    lk_page_reader_trim(d->pages);
    if (status != LK_OK)
        return lk_error_prefix(err, "page at offset %llu",
                               (unsigned long long)lk_page_reader_offset(d->pages));
    return LK_OK;
}
