#include "parquet/metadata.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "parquet/metadata_parse.h"

/* The file: "PAR1", pages, footer (FileMetaData), u32 footer length, "PAR1" (README.md, "File format"). */
#define TAIL_SIZE (4 + LK_PARQUET_MAGIC_SIZE)

struct range {
    uint64_t start;
    uint64_t end;
    size_t group;
    size_t leaf;
};

static int compare_ranges(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->end < b->end ? -1 : a->end > b->end;
}

/* parquet-mr before 1.2.9 left the dictionary's page header out of the size (PARQUET-816); Arrow too allows
 * 100 bytes for it. */
static bool sizes_are_short(const char *created_by)
{
    unsigned minor = 0, patch = 0;
    if (strncmp(created_by, "parquet-mr", 10) != 0)
        return false;
    if (sscanf(created_by, "parquet-mr version 1.%4u.%4u", &minor, &patch) != 2)
        return true;
    return minor < 2 || (minor == 2 && patch < 9);
}

/* Check that chunks lie in the file's middle and do not overlap. */
static enum lk_status check_chunks(struct lk_parquet_metadata *m, const struct lk_input *in,
                                   uint64_t footer_start, struct lk_error *err)
{
    if (m->groups == 0 || m->leaves == 0)
        return LK_OK;
    struct range *ranges = lk_allocate(m->groups * m->leaves * sizeof *ranges);
    if (ranges == NULL)
        return lk_fail_memory(err, "checking a Parquet file's footer");
    enum lk_status status = LK_OK;
    const bool lengthen = sizes_are_short(m->created_by);
    size_t count = 0;
    for (size_t g = 0; g < m->groups; g++) {
        for (size_t l = 0; l < m->leaves; l++) {
            struct lk_parquet_chunk *c = &m->group[g].chunk[l];
            if (c->problem == NULL && (c->start < LK_PARQUET_MAGIC_SIZE || c->start > footer_start ||
                                       c->size > footer_start - c->start))
                lk_metadata_chunk_fails(c, true, "its data lie outside of the file");
            if (c->problem == NULL && c->type != m->leaf[l].element->type)
                lk_metadata_chunk_fails(c, true, "its type is not the schema's");
            if (c->problem != NULL || c->size == 0)
                continue;
            ranges[count++] = (struct range){c->start, c->start + c->size, g, l};
            m->group[g].size += c->size;
            if (lengthen)
                c->size += footer_start - c->start - c->size < 100 ? footer_start - c->start - c->size : 100;
        }
    }
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    for (size_t i = 1; i < count; i++) {
        const struct range *a = &ranges[i - 1], *b = &ranges[i];
        if (b->start < a->end) {
            status = lk_fail(
                err, LK_DAMAGED,
                "%s: the data of column '%s' in row group %zu and of column '%s' in row group %zu overlap at "
                "offset %llu: the footer is damaged",
                lk_input_name(in), m->leaf[a->leaf].path, a->group, m->leaf[b->leaf].path, b->group,
                (unsigned long long)b->start);
            break;
        }
    }
    lk_free(ranges);
    return status;
}

static enum lk_status check_rows(struct lk_parquet_metadata *m, const struct lk_input *in,
                                 struct lk_error *err)
{
    uint64_t sum = 0;
    for (size_t g = 0; g < m->groups; g++) {
        m->group[g].first_row = sum;
        if (__builtin_add_overflow(sum, m->group[g].rows, &sum))
            sum = UINT64_MAX;
    }
    if (sum != m->rows)
        return lk_fail(err, LK_DAMAGED,
                       "%s: the footer says %llu rows, but its row groups have %llu: it is damaged",
                       lk_input_name(in), (unsigned long long)m->rows, (unsigned long long)sum);
    return LK_OK;
}

/* Where the footer starts and how long it is, from the ends of the file. */
static enum lk_status find_footer(const struct lk_input *in, uint64_t *start, uint32_t *len,
                                  struct lk_error *err)
{
    const uint64_t size = lk_input_size(in);
    uint8_t head[LK_PARQUET_MAGIC_SIZE], tail[TAIL_SIZE];
    if (size < sizeof head + sizeof tail)
        return lk_fail(err, LK_DAMAGED, "%s: not a Parquet file: it has only %llu bytes", lk_input_name(in),
                       (unsigned long long)size);
    enum lk_status status = lk_input_read(in, 0, head, sizeof head, err);
    if (status == LK_OK)
        status = lk_input_read(in, size - sizeof tail, tail, sizeof tail, err);
    if (status != LK_OK)
        return status;
    if (memcmp(tail + 4, LK_PARQUET_MAGIC_ENCRYPTED, LK_PARQUET_MAGIC_SIZE) == 0)
        return lk_fail(err, LK_UNREADABLE,
                       "%s: the file is encrypted, which is not supported: decrypt it first",
                       lk_input_name(in));
    if (memcmp(head, LK_PARQUET_MAGIC, LK_PARQUET_MAGIC_SIZE) != 0)
        return lk_fail(err, LK_DAMAGED, "%s: not a Parquet file: it does not start with PAR1",
                       lk_input_name(in));
    if (memcmp(tail + 4, LK_PARQUET_MAGIC, LK_PARQUET_MAGIC_SIZE) != 0)
        return lk_fail(err, LK_DAMAGED,
                       "%s: it starts as a Parquet file, but does not end as one: its end is missing",
                       lk_input_name(in));
    *len = lk_get_u32(tail);
    if (*len == 0)
        return lk_fail(err, LK_DAMAGED, "%s: the footer is empty: the file is damaged", lk_input_name(in));
    if (*len > size - sizeof head - sizeof tail)
        return lk_fail(err, LK_DAMAGED, "%s: the footer's length %lu is more than the file holds",
                       lk_input_name(in), (unsigned long)*len);
    *start = size - sizeof tail - *len;
    return LK_OK;
}

enum lk_status lk_parquet_metadata_read(const struct lk_input *in, struct lk_parquet_metadata **out,
                                        struct lk_error *err)
{
    assert(in != NULL && out != NULL);
    struct lk_parquet_metadata *m = NULL;
    struct lk_buffer footer = {0};
    uint64_t start = 0;
    uint32_t len = 0;
    enum lk_status status = find_footer(in, &start, &len, err);
    if (status != LK_OK)
        goto out;
    m = lk_allocate_zeroed(1, sizeof *m);
    uint8_t *bytes = lk_buffer_extend(&footer, len);
    if (m == NULL || bytes == NULL) {
        status = lk_fail_memory(err, "reading a Parquet file's footer");
        goto out;
    }
    status = lk_input_read(in, start, bytes, len, err);
    if (status == LK_OK)
        status = lk_metadata_parse(lk_buffer_bytes(&footer), start, lk_input_name(in), m, err);
    if (status == LK_OK)
        status = check_rows(m, in, err);
    if (status == LK_OK)
        status = check_chunks(m, in, start, err);
    if (status != LK_OK)
        goto out;
    *out = m;
    m = NULL;
out:
    lk_parquet_metadata_free(m);
    lk_buffer_reset(&footer);
    return status;
}

void lk_parquet_metadata_free(struct lk_parquet_metadata *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->elements; i++)
        lk_free(m->element[i].name);
    for (size_t i = 0; i < m->leaves; i++)
        lk_free(m->leaf[i].path);
    for (size_t i = 0; i < m->groups; i++)
        lk_free(m->group[i].chunk);
    lk_free(m->element);
    lk_free(m->leaf);
    lk_free(m->group);
    lk_free(m->created_by);
    lk_free(m->plan);
    lk_buffer_reset(&m->bounds);
    lk_free(m);
}
