/* A set of keys, numbered in the order in which they were added. */
#ifndef LK_BASE_KEYS_H
#define LK_BASE_KEYS_H

#include "base/buffer.h"

#define LK_KEYS_NONE SIZE_MAX

struct lk_keys; /* one thread at a time */

/* NULL when memory is out. */
struct lk_keys *lk_keys_new(void);
void lk_keys_free(struct lk_keys *k);
size_t lk_keys_count(const struct lk_keys *k);
uint64_t lk_keys_bytes(const struct lk_keys *k); /* of all keys together */
/* Borrowed until the next key is added. */
struct lk_bytes lk_keys_get(const struct lk_keys *k, size_t number);
/* The number of a key, LK_KEYS_NONE when it is not there. O(1). */
size_t lk_keys_find(const struct lk_keys *k, struct lk_bytes key);
/* Add a key that is not there; its number, or LK_KEYS_NONE when memory is out. */
size_t lk_keys_add(struct lk_keys *k, struct lk_bytes key);

#endif
