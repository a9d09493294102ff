/* Dictionaries: the distinct values of a column in one row group, and each value's index.
 * Internal to src/parquet.
 *
 * When a dictionary is kept (a pure function of the values): it is given up
 *   - after the first 1,024, 4,096 and 16,384 values, when more than 3/4, 1/2 and 1/3 were distinct,
 *   - at 65,535 entries, or 1 MiB of entries,
 *   - when values collide (64 probes): values chosen to collide must not cost quadratic time,
 *   - in the end, when entries and indexes together take more than 3/4 of the values' PLAIN size.
 * So a column without repetition costs a thousand hashes a row group. One thread at a time. */
#ifndef LK_PARQUET_ENCODE_DICTIONARY_H
#define LK_PARQUET_ENCODE_DICTIONARY_H

#include "base/buffer.h"

struct lk_encode_dictionary_slot {
    uint32_t hash;
    uint32_t entry; /* its number + 1; 0: the slot is free */
};

struct lk_encode_dictionary {
    struct lk_encode_dictionary_slot *slot;
    size_t slots; /* a power of two */
    size_t entries;
    struct lk_buffer plain;  /* the entries in order of first occurrence, PLAIN */
    struct lk_buffer ends;   /* uint32_t: where each entry ends in `plain` */
    struct lk_buffer hashes; /* uint32_t for each entry */
    struct lk_buffer index;  /* uint16_t for each value */
};

/* The empty dictionary is {0}. */
void lk_encode_dictionary_reset(struct lk_encode_dictionary *d);

/* Index `count` values in PLAIN layout: 8 bytes each when `fixed`, else u32 length and bytes. *kept: is the
 * dictionary worth it? When not, its contents mean nothing. LK_FAILED: out of memory. */
enum lk_status lk_encode_dictionary_build(struct lk_encode_dictionary *d, struct lk_bytes values,
                                          size_t count, bool fixed, bool *kept,
                                          struct lk_error *err) LK_CHECKED;

#endif
