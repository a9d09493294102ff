/* The one allocator. Every allocation of this program goes through it, so that tests can make the Nth one
 * fail. Any thread. */
#ifndef LK_BASE_MEMORY_H
#define LK_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc and realloc; NULL when memory is out, and then a reallocated block is as it was. NULL
 * means nothing else: a size of 0 gives a block too. Every result is freed with lk_free. lk_allocate_zeroed
 * checks count * size for overflow. */
void *lk_allocate(size_t size) __attribute__((malloc));
void *lk_allocate_zeroed(size_t count, size_t size) __attribute__((malloc));
void *lk_reallocate(void *block, size_t size);
void lk_free(void *block); /* NULL is allowed; errno is kept */

/* `alignment` is a power of two and at least sizeof(void *). Not to be reallocated. */
void *lk_allocate_aligned(size_t alignment, size_t size) __attribute__((malloc));

/* A copy of a NUL-terminated string or of `len` bytes with a NUL added; NULL when memory is out. */
char *lk_copy_string(const char *text);
char *lk_copy_bytes(const void *ptr, size_t len);

/* A formatted string; NULL when memory is out. */
char *lk_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For tests: after `count` more successful allocations the next one fails, once or (for_ever) from then on.
 * A negative count switches it off. */
void lk_memory_fail_after(int64_t count, int for_ever);

#endif
