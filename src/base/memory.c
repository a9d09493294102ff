#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum failing { FAILING_OFF, FAILING_ONCE, FAILING_FOR_EVER };

static _Atomic int failing = FAILING_OFF;
static _Atomic int64_t successes_left;

void lk_memory_fail_after(int64_t count, int for_ever)
{
    atomic_store(&failing, FAILING_OFF);
    atomic_store(&successes_left, count);
    if (count >= 0)
        atomic_store(&failing, for_ever ? FAILING_FOR_EVER : FAILING_ONCE);
}

static bool refuse(void)
{
    errno = ENOMEM;
    return true;
}

/* Is this allocation to fail? No object may be larger than PTRDIFF_MAX: said here, so that sanitizers need
 * not abort. */
static bool must_fail(size_t size)
{
    if (size > PTRDIFF_MAX)
        return refuse();
    const int how = atomic_load_explicit(&failing, memory_order_relaxed);
    if (how == FAILING_OFF)
        return false;
    const int64_t left = atomic_fetch_sub(&successes_left, 1);
    /* Exactly one thread sees 0: "once" is once among all threads. */
    if (left > 0 || (left < 0 && how == FAILING_ONCE))
        return false;
    return refuse();
}

void *lk_allocate(size_t size)
{
    return must_fail(size) ? NULL : malloc(size > 0 ? size : 1);
}

void *lk_allocate_zeroed(size_t count, size_t size)
{
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole))
        whole = SIZE_MAX;
    return must_fail(whole) ? NULL : calloc(1, whole > 0 ? whole : 1);
}

void *lk_reallocate(void *block, size_t size)
{
    return must_fail(size) ? NULL : realloc(block, size > 0 ? size : 1);
}

void *lk_allocate_aligned(size_t alignment, size_t size)
{
    assert(alignment >= sizeof(void *) && (alignment & (alignment - 1)) == 0);
    void *block = NULL;
    if (must_fail(size) || posix_memalign(&block, alignment, size > 0 ? size : 1) != 0)
        return NULL;
    return block;
}

void lk_free(void *block)
{
    const int kept = errno; /* free keeps it only since glibc 2.33 */
    free(block);
    errno = kept;
}

char *lk_copy_string(const char *text)
{
    return lk_copy_bytes(text, strlen(text));
}

char *lk_copy_bytes(const void *ptr, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = lk_allocate(len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

char *lk_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : lk_allocate((size_t)len + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}
