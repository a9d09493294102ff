#include "base/keys.h"

#include "base/hash.h"
#include "base/memory.h"

struct key {
    uint64_t hash;
    size_t offset, len; /* in bytes */
};

struct lk_keys {
    struct lk_buffer bytes; /* the keys, one after another */
    struct key *key;
    size_t count;
    size_t *slot; /* open addressing: number + 1, or 0; at most half of them are taken */
    size_t mask;
};

#define FIRST_SLOTS 64u

/* Twice as many slots, or the first; false when memory is out, and then nothing has changed. */
static bool grow(struct lk_keys *k)
{
    const size_t slots = k->slot == NULL ? FIRST_SLOTS : 2 * (k->mask + 1);
    struct key *key = lk_reallocate(k->key, slots / 2 * sizeof *key);
    if (key == NULL)
        return false;
    k->key = key;
    size_t *slot = lk_allocate_zeroed(slots, sizeof *slot);
    if (slot == NULL)
        return false;
    for (size_t i = 0; i < k->count; i++) {
        size_t at = (size_t)key[i].hash & (slots - 1);
        while (slot[at] != 0)
            at = (at + 1) & (slots - 1);
        slot[at] = i + 1;
    }
    lk_free(k->slot);
    k->slot = slot;
    k->mask = slots - 1;
    return true;
}

struct lk_keys *lk_keys_new(void)
{
    struct lk_keys *k = lk_allocate_zeroed(1, sizeof *k);
    if (k != NULL && !grow(k)) {
        lk_keys_free(k);
        return NULL;
    }
    return k;
}

void lk_keys_free(struct lk_keys *k)
{
    if (k == NULL)
        return;
    lk_buffer_reset(&k->bytes);
    lk_free(k->key);
    lk_free(k->slot);
    lk_free(k);
}

size_t lk_keys_count(const struct lk_keys *k)
{
    return k->count;
}

uint64_t lk_keys_bytes(const struct lk_keys *k)
{
    return k->bytes.len;
}

struct lk_bytes lk_keys_get(const struct lk_keys *k, size_t number)
{
    const struct key *key = &k->key[number];
    return k->bytes.data == NULL ? lk_bytes_of("") : lk_bytes(k->bytes.data + key->offset, key->len);
}

/* Where the key is, or would be. */
static size_t find_slot(const struct lk_keys *k, struct lk_bytes key, uint64_t hash)
{
    size_t at = (size_t)hash & k->mask;
    while (k->slot[at] != 0) {
        const size_t number = k->slot[at] - 1;
        if (k->key[number].hash == hash && lk_bytes_equal(lk_keys_get(k, number), key))
            break;
        at = (at + 1) & k->mask;
    }
    return at;
}

static uint64_t hash_of(struct lk_bytes key)
{
    return lk_key_hash(key.len == 0 ? "" : (const char *)key.ptr, key.len);
}

size_t lk_keys_find(const struct lk_keys *k, struct lk_bytes key)
{
    const size_t number = k->slot[find_slot(k, key, hash_of(key))];
    return number == 0 ? LK_KEYS_NONE : number - 1;
}

size_t lk_keys_add(struct lk_keys *k, struct lk_bytes key)
{
    if (k->count == (k->mask + 1) / 2 && !grow(k))
        return LK_KEYS_NONE;
    const uint64_t hash = hash_of(key);
    const size_t offset = k->bytes.len;
    lk_buffer_append(&k->bytes, key.ptr, key.len);
    if (k->bytes.failed)
        return LK_KEYS_NONE;
    k->key[k->count] = (struct key){hash, offset, key.len};
    k->slot[find_slot(k, key, hash)] = k->count + 1;
    return k->count++;
}
