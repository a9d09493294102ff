/* A Parquet file's footer, as structs
 * (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift, FileMetaData). */
#ifndef LK_PARQUET_METADATA_H
#define LK_PARQUET_METADATA_H

#include "base/buffer.h"
#include "base/input.h"
#include "parquet/format.h"

/* A node of the schema tree. */
struct lk_parquet_element {
    char *name;
    bool has_type;             /* false: a group */
    enum lk_parquet_type type; /* as read; checked to be one of the enum */
    int32_t type_length;       /* bytes of a FIXED_LEN_BYTE_ARRAY */
    enum lk_parquet_repetition repetition;
    int32_t children;
    enum lk_parquet_converted converted; /* any number: unknown ones mean nothing */
    int32_t scale;
    int32_t precision;
    enum lk_parquet_logical logical; /* any number: unknown ones mean nothing */
    bool logical_utc;                /* TIME, TIMESTAMP: isAdjustedToUTC */
    int logical_digits;              /* TIME, TIMESTAMP: 3, 6 or 9 decimal places of a second; 0: unknown */
    int logical_bits;                /* INTEGER */
    bool logical_signed;             /* INTEGER */
};

/* A column: a leaf of the tree. */
struct lk_parquet_leaf {
    char *path; /* names from below the root, joined by points */
    const struct lk_parquet_element *element;
    bool nested;  /* below a group, or repeated */
    bool ordered; /* least and greatest values are by the order that the format defines for the type */
};

#define LK_PARQUET_BOUND_MAX 1024u /* bytes; longer ones are left out */

/* The least or greatest value, PLAIN without a length: bytes of lk_parquet_metadata.bounds. */
struct lk_parquet_bound {
    bool known;
    uint16_t len;
    size_t at;
};

/* Statistics of a column of a row group: what the file claims. */
struct lk_parquet_statistics {
    bool nulls_known;
    bool old; /* the bounds are those of the deprecated fields, whose order is signed for every type */
    uint64_t nulls;
    struct lk_parquet_bound least, greatest;
};

/* One column of one row group. Numbers are as the file says them, save that start and size are checked
 * against the file. */
struct lk_parquet_chunk {
    enum lk_parquet_type type;
    enum lk_parquet_codec codec; /* any number */
    int64_t values;
    uint64_t start;      /* file offset of the first page, the dictionary's included */
    uint64_t size;       /* bytes of its pages with their headers */
    const char *problem; /* why it cannot be read; NULL: none found. A static text */
    bool damaged;        /* the problem is damage, not a feature that this reader has not */
    struct lk_parquet_statistics statistics;
};

struct lk_parquet_group {
    uint64_t rows;
    uint64_t first_row;             /* rows in the groups before */
    uint64_t size;                  /* bytes of its readable chunks in the file */
    struct lk_parquet_chunk *chunk; /* one a leaf */
};

struct lk_parquet_metadata {
    uint64_t rows;
    char *created_by; /* "" when the file does not say */
    size_t elements;
    struct lk_parquet_element *element;
    size_t leaves;
    struct lk_parquet_leaf *leaf;
    size_t groups;
    struct lk_parquet_group *group;
    char *plan; /* value of the key "litekeep", plan_len bytes; NULL: none */
    size_t plan_len;
    struct lk_buffer bounds;
};

/* Read and check the footer of `in`. No Parquet file, or a footer that is hurt, contradicts itself, or has
 * chunks that overlap: LK_DAMAGED; an encrypted footer: LK_UNREADABLE. What ails one chunk alone stands in
 * its `problem`. */
enum lk_status lk_parquet_metadata_read(const struct lk_input *in, struct lk_parquet_metadata **out,
                                        struct lk_error *err) LK_CHECKED;
void lk_parquet_metadata_free(struct lk_parquet_metadata *m);

#endif
