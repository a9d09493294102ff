#include "parquet/encode_dictionary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"
#include "parquet/encode.h"

#define SLOTS_FIRST 4096u
#define ENTRIES_MAX 65535u
#define BYTES_MAX (1u << 20)
#define PROBES_MAX 64u

void lk_encode_dictionary_reset(struct lk_encode_dictionary *d)
{
    lk_free(d->slot);
    lk_buffer_reset(&d->plain);
    lk_buffer_reset(&d->ends);
    lk_buffer_reset(&d->hashes);
    lk_buffer_reset(&d->index);
    *d = (struct lk_encode_dictionary){0};
}

/* How many distinct values the first `seen` may have; SIZE_MAX where nothing is checked. */
static size_t allowed_after(size_t seen)
{
    switch (seen) {
    case 1024:
        return seen / 4 * 3;
    case 4096:
        return seen / 2;
    case 16384:
        return seen / 3;
    default:
        return SIZE_MAX;
    }
}

/* An empty table of `slots` slots with the entries so far put back. */
static bool resize(struct lk_encode_dictionary *d, size_t slots)
{
    if (d->slots != slots) {
        struct lk_encode_dictionary_slot *fresh = lk_allocate(slots * sizeof *fresh);
        if (fresh == NULL)
            return false;
        lk_free(d->slot);
        d->slot = fresh;
        d->slots = slots;
    }
    memset(d->slot, 0, slots * sizeof *d->slot);
    const uint32_t *hashes = (const void *)d->hashes.data;
    for (size_t e = 0; e < d->entries; e++) {
        size_t at = hashes[e] & (slots - 1);
        while (d->slot[at].entry != 0)
            at = (at + 1) & (slots - 1);
        d->slot[at] = (struct lk_encode_dictionary_slot){hashes[e], (uint32_t)e + 1};
    }
    return true;
}

static bool entry_equals(const struct lk_encode_dictionary *d, uint32_t entry, const uint8_t *value,
                         size_t len)
{
    const uint32_t *ends = (const void *)d->ends.data;
    const size_t start = entry == 0 ? 0 : ends[entry - 1];
    if (ends[entry] - start != len)
        return false;
    const uint8_t *known = d->plain.data + start;
    return len == 8 ? memcmp(known, value, 8) == 0 : memcmp(known, value, len) == 0;
}

/* murmur3's 64-bit finaliser: integers differ in few bits. */
static uint32_t hash_fixed(const uint8_t *value)
{
    uint64_t x = lk_get_u64(value);
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (uint32_t)(x ^ x >> 33);
}

/* The number of the value's entry, made if need be; -1 when the dictionary is given up (or memory is out: the
 * buffers know). */
static int64_t find_or_add(struct lk_encode_dictionary *d, const uint8_t *value, size_t len, uint32_t hash)
{
    size_t at = hash & (d->slots - 1);
    for (unsigned probes = 0;; probes++) {
        const struct lk_encode_dictionary_slot s = d->slot[at];
        if (s.entry == 0)
            break;
        if (s.hash == hash && entry_equals(d, s.entry - 1, value, len))
            return (int64_t)s.entry - 1;
        if (probes == PROBES_MAX)
            return -1;
        at = (at + 1) & (d->slots - 1);
    }
    if (d->entries == ENTRIES_MAX || len > BYTES_MAX - d->plain.len)
        return -1;
    lk_buffer_append(&d->plain, value, len);
    const uint32_t end = (uint32_t)d->plain.len;
    lk_buffer_append(&d->ends, &end, sizeof end);
    lk_buffer_append(&d->hashes, &hash, sizeof hash);
    if (d->plain.failed || d->ends.failed || d->hashes.failed)
        return -1;
    const size_t entry = d->entries++;
    d->slot[at] = (struct lk_encode_dictionary_slot){hash, (uint32_t)entry + 1};
    if (d->entries > d->slots / 2 && !resize(d, d->slots * 2)) {
        d->plain.failed = true;
        return -1;
    }
    return (int64_t)entry;
}

/* Index all values; false when given up. */
static bool index_values(struct lk_encode_dictionary *d, struct lk_bytes values, size_t count, bool fixed)
{
    uint16_t *index = (void *)d->index.data;
    const uint8_t *at = values.ptr;
    for (size_t i = 0; i < count; i++) {
        const size_t len = fixed ? 8 : 4 + (size_t)lk_get_u32(at);
        const uint32_t hash = fixed ? hash_fixed(at) : (uint32_t)XXH3_64bits(at, len);
        const int64_t entry = find_or_add(d, at, len, hash);
        if (entry < 0 || d->entries > allowed_after(i + 1))
            return false;
        index[i] = (uint16_t)entry;
        at += len;
    }
    return true;
}

enum lk_status lk_encode_dictionary_build(struct lk_encode_dictionary *d, struct lk_bytes values,
                                          size_t count, bool fixed, bool *kept, struct lk_error *err)
{
    *kept = false;
    d->entries = 0;
    lk_buffer_clear(&d->plain);
    lk_buffer_clear(&d->ends);
    lk_buffer_clear(&d->hashes);
    lk_buffer_clear(&d->index);
    /* A page header and an index for each of a few values are no gain. */
    if (count < 8)
        return LK_OK;
    if (lk_buffer_extend(&d->index, count * sizeof(uint16_t)) == NULL || !resize(d, SLOTS_FIRST))
        return lk_fail_memory(err, "building a dictionary");
    const bool done = index_values(d, values, count, fixed);
    if (d->plain.failed || d->ends.failed || d->hashes.failed)
        return lk_fail_memory(err, "building a dictionary");
    if (!done)
        return LK_OK;
    const unsigned width = lk_encode_width(d->entries - 1);
    *kept = d->plain.len + count * width / 8 <= values.len / 4 * 3;
    return LK_OK;
}
