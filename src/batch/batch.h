/* A batch: a run of rows by columns. The only thing that SQLite and the file formats exchange.
 *
 * Each column has one class byte a row, and one dense stream of values for each storage class, already laid
 * out as Parquet's PLAIN encoding has them, so that a page is a slice: LK_INTEGER  8 bytes, little-endian
 * two's complement LK_REAL     8 bytes, little-endian IEEE 754 binary64 LK_TEXT, LK_BLOB, LK_RAWTEXT   u32
 * little-endian length, then the bytes Row r of class c is the (number of earlier rows of class c)-th value
 * of stream c. NULL has no stream.
 *
 * A batch belongs to one thread at a time. Memory is kept between uses: clear and fill again. */
#ifndef LK_BATCH_BATCH_H
#define LK_BATCH_BATCH_H

#include "base/buffer.h"
#include "base/hash.h"
#include "batch/schema.h"

/* A block (one batch, one Parquet row group, one run of JSON lines, one content hash) ends after the row that
 * makes it reach either limit. Both are part of the store format. */
#define LK_BLOCK_ROWS 65536u
#define LK_BLOCK_BYTES (16u << 20) /* of raw_bytes */

struct lk_column {
    struct lk_buffer classes;            /* enum lk_class, one byte a row */
    struct lk_buffer values[LK_CLASSES]; /* values[LK_NULL] stays empty */
    uint32_t counts[LK_CLASSES];         /* rows of each class */
};

struct lk_batch {
    size_t columns;
    struct lk_column *column;
    bool hidden_rowid;       /* rowids are kept beside the columns */
    struct lk_buffer rowids; /* 8 bytes a row, little-endian, when hidden_rowid */
    uint32_t rows;
    uint64_t raw_bytes; /* 1 a value, + 8 an integer or real, + 4 and its bytes a text or blob, + 8 a hidden
                           rowid */
};

/* An empty batch for `columns` columns. NULL when memory is out. */
struct lk_batch *lk_batch_new(size_t columns, bool hidden_rowid);
void lk_batch_free(struct lk_batch *b);
/* No rows; memory is kept. */
void lk_batch_clear(struct lk_batch *b);
/* Make an existing batch serve another table: cleared, with that many columns. False when memory is out. */
bool lk_batch_reshape(struct lk_batch *b, size_t columns, bool hidden_rowid);
/* Give memory back when a batch holds more than `bytes` (a huge value passed through). Only on a cleared
 * batch. */
void lk_batch_trim(struct lk_batch *b, size_t bytes);

static inline bool lk_batch_full(const struct lk_batch *b)
{
    return b->rows >= LK_BLOCK_ROWS || b->raw_bytes >= LK_BLOCK_BYTES;
}

/* Add one value to column c of the row being built. Every column gets exactly one value, then
 * lk_batch_end_row. Errors are sticky in the buffers: lk_batch_check tells. */
static inline void lk_column_add_null(struct lk_batch *b, struct lk_column *c)
{
    lk_buffer_append_byte(&c->classes, LK_NULL);
    c->counts[LK_NULL]++;
    b->raw_bytes += 1;
}

static inline void lk_column_add_integer(struct lk_batch *b, struct lk_column *c, int64_t value)
{
    lk_buffer_append_byte(&c->classes, LK_INTEGER);
    uint8_t *at = lk_buffer_extend(&c->values[LK_INTEGER], 8);
    if (at != NULL)
        lk_put_u64(at, (uint64_t)value);
    c->counts[LK_INTEGER]++;
    b->raw_bytes += 9;
}

static inline void lk_column_add_real(struct lk_batch *b, struct lk_column *c, double value)
{
    lk_buffer_append_byte(&c->classes, LK_REAL);
    uint8_t *at = lk_buffer_extend(&c->values[LK_REAL], 8);
    if (at != NULL)
        lk_put_f64(at, value);
    c->counts[LK_REAL]++;
    b->raw_bytes += 9;
}

/* class is LK_TEXT (the caller has validated it), LK_BLOB or LK_RAWTEXT; len < 2^32. */
static inline void lk_column_add_bytes(struct lk_batch *b, struct lk_column *c, enum lk_class class,
                                       const void *ptr, size_t len)
{
    lk_buffer_append_byte(&c->classes, (uint8_t) class);
    uint8_t *at = lk_buffer_extend(&c->values[class], 4 + len);
    if (at != NULL) {
        lk_put_u32(at, (uint32_t)len);
        if (len > 0)
            memcpy(at + 4, ptr, len);
    }
    c->counts[class]++;
    b->raw_bytes += 5 + len;
}

/* Close the row: `rowid` is stored when the batch has hidden rowids. */
static inline void lk_batch_end_row(struct lk_batch *b, int64_t rowid)
{
    if (b->hidden_rowid) {
        uint8_t *at = lk_buffer_extend(&b->rowids, 8);
        if (at != NULL)
            lk_put_u64(at, (uint64_t)rowid);
        b->raw_bytes += 8;
    }
    b->rows++;
}

/* LK_OK, or LK_FAILED when any buffer of the batch ran out of memory. Call once a block. */
enum lk_status lk_batch_check(const struct lk_batch *b, struct lk_error *err) LK_CHECKED;

/* Sequential access to one column: the readers of values (JSON writer, show, tests). */
struct lk_cursor {
    const struct lk_column *column;
    uint32_t row;
    size_t at[LK_CLASSES]; /* byte offset of the next value in each stream */
};

struct lk_value {
    enum lk_class class;
    int64_t integer;       /* LK_INTEGER */
    double real;           /* LK_REAL */
    struct lk_bytes bytes; /* LK_TEXT, LK_BLOB, LK_RAWTEXT: borrowed from the batch */
};

static inline struct lk_cursor lk_cursor_at_start(const struct lk_column *c)
{
    return (struct lk_cursor){.column = c};
}

/* The next row's value. The caller knows how many rows there are. */
static inline struct lk_value lk_cursor_next(struct lk_cursor *cursor)
{
    const struct lk_column *c = cursor->column;
    struct lk_value v = {.class = (enum lk_class)c->classes.data[cursor->row++]};
    if (v.class == LK_NULL) /* they have no stream */
        return v;
    const uint8_t *from = c->values[v.class].data + cursor->at[v.class];
    switch (v.class) {
    case LK_NULL:
        break;
    case LK_INTEGER:
        v.integer = (int64_t)lk_get_u64(from);
        cursor->at[v.class] += 8;
        break;
    case LK_REAL:
        v.real = lk_get_f64(from);
        cursor->at[v.class] += 8;
        break;
    case LK_TEXT:
    case LK_BLOB:
    case LK_RAWTEXT:
        v.bytes = lk_bytes(from + 4, lk_get_u32(from));
        cursor->at[v.class] += 4 + v.bytes.len;
        break;
    }
    return v;
}

static inline int64_t lk_batch_rowid(const struct lk_batch *b, uint32_t row)
{
    return (int64_t)lk_get_u64(b->rowids.data + (size_t)row * 8);
}

/* The content hash of a block (docs/STORE.md, "Content hash"): XXH3-128 under the secret over
 *     u64 rows, then for the hidden rowids (when there are any) and each column its own XXH3-128 in canonical
 * form, where the hidden rowids' hash is over their 8 bytes each, and a column's over its class bytes
 * followed by the streams in the order of enum lk_class. `scratch` is restarted. Fails only when memory is
 * out. */
enum lk_status lk_batch_hash(const struct lk_batch *b, struct lk_hasher *scratch, struct lk_hash128 *out,
                             struct lk_error *err) LK_CHECKED;

/* The content hash of a part or a table: over u64 count, then the members' hashes in order, under the secret.
 */
struct lk_hash128 lk_hash_combine(const struct lk_hash128 *members, size_t count, struct lk_hasher *scratch);

#endif
