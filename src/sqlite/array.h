/* Growing arrays. Internal to this layer. */
#ifndef LK_SQLITE_ARRAY_H
#define LK_SQLITE_ARRAY_H

#include <stdbool.h>

#include "base/memory.h"

/* Room for one more element of `size` bytes in an array of `count`: doubled when full, so amortised O(1).
 * False, and the array as it was, when memory is out. */
static inline bool lk_array_grow(void **array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    const size_t larger = *cap == 0 ? 16 : *cap * 2;
    void *grown = lk_reallocate(*array, larger * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = larger;
    return true;
}

#endif
