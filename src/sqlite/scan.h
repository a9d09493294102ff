/* The rows of one table, in key order, as batches. One thread, that of the source. */
#ifndef LK_SQLITE_SCAN_H
#define LK_SQLITE_SCAN_H

#include "batch/batch.h"
#include "sqlite/source.h"

struct lk_scan;

/* Why lk_scan_next came back. */
enum lk_scan_event {
    LK_SCAN_FULL,     /* the batch is full (lk_batch_full); more rows may follow */
    LK_SCAN_BOUNDARY, /* the last row's key ends a part (the batch may be full too); more rows may follow */
    LK_SCAN_END,      /* no more rows; the batch holds the last ones, or none */
    LK_SCAN_RESTART,  /* the source did not hold still: throw away all that was read, lk_scan_free,
                         lk_source_restart */
};

/* Begin at the first row of `t`, a table of this source's structure, which must outlive the scan. Several
 * scans of one source may be open. */
enum lk_status lk_scan_open(struct lk_source *s, const struct lk_table_schema *t, struct lk_scan **out,
                            struct lk_error *err) LK_CHECKED;

/* Are there rowids, and is there a name for them? */
bool lk_scan_has_rowids(const struct lk_table_schema *t);

/* Begin at the first row whose rowid is at least `rowid`; lk_scan_has_rowids. */
enum lk_status lk_scan_open_at(struct lk_source *s, const struct lk_table_schema *t, int64_t rowid,
                               struct lk_scan **out, struct lk_error *err) LK_CHECKED;

/* A part ends after each row with (hash & mask) == 0, where hash is lk_key_hash over the rowid (8 bytes,
 * little-endian) or, WITHOUT ROWID, over the class byte and then the stream bytes (batch.h) of each PRIMARY
 * KEY column in key order. 0, the default: never. May be changed between calls. */
void lk_scan_set_mask(struct lk_scan *scan, uint64_t mask);

/* Come back with LK_SCAN_FULL after so many rows in one call of lk_scan_next; 0, the default: when the batch
 * is full. For reading rows in the blocks that a manifest has. May be changed between calls. */
void lk_scan_set_rows(struct lk_scan *scan, uint32_t rows);

/* Add rows to `batch`, which is shaped for the table (t->columns, t->hidden_rowid) and normally cleared,
 * until an event. Errors: LK_UNREADABLE (the file is damaged or cannot be read: names database, table, the
 * row before, and what a bounded quick_check says), LK_FAILED (memory), LK_INTERRUPTED. After an error the
 * scan can only be freed. */
enum lk_status lk_scan_next(struct lk_scan *scan, struct lk_batch *batch, enum lk_scan_event *event,
                            struct lk_error *err) LK_CHECKED;

/* Rows delivered so far. */
uint64_t lk_scan_rows(const struct lk_scan *scan);

/* The rowid of the last of them; lk_scan_has_rowids. */
int64_t lk_scan_rowid(const struct lk_scan *scan);

void lk_scan_free(struct lk_scan *scan); /* NULL is allowed */

#endif
