/* Statistics of a column chunk: least and greatest value. Internal to src/parquet. Any thread.
 *
 * Source: parquet.thrift, struct Statistics, and ColumnOrder TYPE_ORDER: integers signed; doubles by value,
 * where a zero least is written -0.0 and a zero greatest +0.0, since readers may take them for different;
 * byte arrays bytewise, unsigned. */
#ifndef LK_PARQUET_ENCODE_STATS_H
#define LK_PARQUET_ENCODE_STATS_H

#include "base/buffer.h"

#define LK_ENCODE_STATS_SIZE 64 /* longer ones are cut, and said to be inexact */
#define LK_ENCODE_STATS_HUGE                                                                                 \
    (64u << 10) /* a chunk with a value above this many bytes has no least and greatest */
#define LK_ENCODE_STATS_ROOM (LK_ENCODE_STATS_SIZE + 4)

struct lk_encode_stat {
    bool known;
    bool exact;
    uint8_t len;
    uint8_t bytes[LK_ENCODE_STATS_ROOM]; /* PLAIN, without a length */
};

struct lk_encode_stats {
    struct lk_encode_stat min, max;
};

/* 8 bytes a value, little-endian. No values: nothing known. */
void lk_encode_stats_int64(const uint8_t *values, size_t count, struct lk_encode_stats *out);
void lk_encode_stats_double(const uint8_t *values, size_t count,
                            struct lk_encode_stats *out); /* NaN among them: nothing known */
/* One byte a value, 0 or 1. */
void lk_encode_stats_boolean(const uint8_t *values, size_t count, struct lk_encode_stats *out);

/* Byte arrays, one by one. */
struct lk_encode_stats_range {
    size_t count;
    bool huge;
    struct lk_bytes min, max; /* borrowed */
    size_t common;            /* leading bytes that min and max share, and with them every value between */
    uint64_t start_key;       /* the first 8 bytes of min, big-endian, zeros after its end */
    uint64_t min_key;         /* the 8 bytes of min after the common ones, likewise */
    uint64_t max_key;         /* of max */
};
/* Begin with {0}. The values must stay where they are until finish. */
void lk_encode_stats_range_add(struct lk_encode_stats_range *r, const uint8_t *ptr, size_t len);
/* utf8: cut between characters. */
void lk_encode_stats_range_finish(const struct lk_encode_stats_range *r, bool utf8,
                                  struct lk_encode_stats *out);

#endif
